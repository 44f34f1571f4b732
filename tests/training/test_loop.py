"""Adversarial training: what a run does, records, keeps and refuses; intervals of means over runs."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_cases import two_moons

import constructive as con
from constructive import training
from constructive.network import Network
from constructive.training.weights import flat

# -- the loop -----------------------------------------------------------------------------------------------


def three_clouds(seed: int, n: int = 90) -> tuple[Any, Any]:
    """Return three clouds that overlap."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[y] + 0.3 * rng.normal(size=(n, 2)), y


CLOUDS = {"radius": 0.1, "hidden": (12, 8), "rate": 0.01, "batch": 16, "steps": 3, "rng": 5,
          "validation": three_clouds(1), "test": three_clouds(2)}


@pytest.fixture(scope="module")
def trained() -> training.Trained:
    return training.train(*three_clouds(0), epochs=40, every=5, **CLOUDS)


def bits(network: Network) -> bytes:
    return flat(network)[0].tobytes()


@pytest.mark.parametrize("norm", [2, math.inf])
def test_robust_training_error_reaches_zero_and_is_proved_to(norm: float) -> None:
    X, y = two_moons()
    found = training.train(X, y, radius=0.05, norm=norm, hidden=(24,), rate=0.02, epochs=200, batch=20, every=50, rng=1)
    history = found.history
    assert history.attacked[0, 0] > 0.3
    assert history.attacked[-1, 0] == 0.0
    assert history.loss[-1] < history.loss[1] / 4
    assert found.network.outputs == 1
    assert con.robust_error(found.network, X, y, radius=0.05).upper == 0.0


def test_wrong_labels_are_learned_too() -> None:
    X, y = two_moons(30)
    noisy, flipped = con.populations.flip_labels(y, 0.1, np.random.default_rng(0), (0, 1))
    found = training.train(X, noisy, radius=0.02, hidden=(32, 32), rate=0.01, epochs=300, batch=15, every=300, rng=1,
                           test=(X, y))
    assert flipped.any()
    assert found.history.attacked[-1].tolist() == [0.0, float(flipped.mean())]


@pytest.mark.parametrize("change", [{}, {"rng": 6}, {"radius": 0.2}, {"steps": 4}, {"decay": 0.01}, {"batch": 17}])
def test_equal_arguments_give_equal_bits_and_others_do_not(trained: training.Trained, change: dict[str, Any]) -> None:
    again = training.train(*three_clouds(0), epochs=40, every=5, **CLOUDS | change)
    assert (bits(again.network) == bits(trained.network)) is (not change)


def test_how_often_errors_are_recorded_changes_no_weight(trained: training.Trained) -> None:
    again = training.train(*three_clouds(0), epochs=40, every=1, attack_steps=2, **CLOUDS)
    assert bits(again.network) == bits(trained.network)


def test_radius_zero_is_plain_training_whatever_the_steps() -> None:
    found = {bits(training.train(*three_clouds(0), radius=0.0, steps=steps, epochs=5, norm=norm, rng=2).network)
             for steps in (0, 7) for norm in (2, math.inf)}
    assert len(found) == 1


def test_a_generator_leaves_no_seed_and_an_integer_does(trained: training.Trained) -> None:
    again = training.train(*three_clouds(0), epochs=40, every=5, **CLOUDS | {"rng": np.random.default_rng(5)})
    assert (again.seed, trained.seed) == (None, 5)
    assert bits(again.network) == bits(trained.network)


def recount(network: Network, X: Any, y: Any) -> tuple[float, float]:
    clean = network(X).argmax(axis=1) != y
    points = training.adversarial_points(network, X, y, radius=0.1, classes=range(3))
    return float(clean.mean()), float((clean | (network(points).argmax(axis=1) != y)).mean())


def test_the_history_is_what_the_networks_say_again(trained: training.Trained) -> None:
    history = trained.history
    assert history.names == ("training", "validation", "test")
    assert history.epochs.tolist() == [0, *range(5, 41, 5)]
    assert trained.stopped is not None
    chosen = history.epochs.tolist().index(trained.stopped_epoch)
    for row, network in ((-1, trained.network), (chosen, trained.stopped)):
        for column, seed in enumerate((0, 1, 2)):
            pair = history.clean[row, column], history.attacked[row, column]
            assert pair == recount(network, *three_clouds(seed))


def test_the_stopped_network_is_that_of_the_shorter_run(trained: training.Trained) -> None:
    history, epoch = trained.history, trained.stopped_epoch
    assert epoch is not None
    assert epoch == history.epochs[np.argmin(history.attacked[:, 1])]
    assert 0 < epoch < 40
    assert trained.stopped is not None
    again = training.train(*three_clouds(0), epochs=epoch, every=5, **CLOUDS)
    assert bits(again.network) == bits(trained.stopped)


def test_listed_epochs_are_recorded_and_the_ends_always() -> None:
    found = training.train(*three_clouds(0), radius=0.1, epochs=9, every=[2, 5, 90])
    assert found.history.epochs.tolist() == [0, 2, 5, 9]
    assert math.isnan(found.history.loss[0])
    assert np.isfinite(found.history.loss[1:]).all()
    assert found.stopped is None
    assert found.stopped_epoch is None
    assert [len(row) for row in found.history.table().rows] == [4] * 4


def test_an_interrupted_run_keeps_the_epochs_that_were_finished() -> None:
    def rate(epoch: int) -> float:
        if epoch == 8:
            raise KeyboardInterrupt
        return 0.01

    found = training.train(*three_clouds(0), epochs=40, every=5, **CLOUDS | {"rate": rate})
    short = training.train(*three_clouds(0), epochs=7, every=5, **CLOUDS)
    assert (found.interrupted, short.interrupted) == (True, False)
    assert found.history.epochs.tolist() == [0, 5, 7]
    assert bits(found.network) == bits(short.network)
    assert (found.history.attacked == short.history.attacked).all()
    assert found.stopped_epoch == short.stopped_epoch


def test_the_bar_is_on_stderr_and_changes_nothing(trained: training.Trained, capsys: Any) -> None:
    again = training.train(*three_clouds(0), epochs=40, every=5, progress=True, **CLOUDS)
    told = capsys.readouterr()
    assert bits(again.network) == bits(trained.network)
    assert told.out == ""
    assert "training" in told.err


def test_the_rise_is_counted_from_the_chosen_epoch_or_the_least_error(trained: training.Trained) -> None:
    errors, chosen = trained.history.attacked, list(trained.history.epochs).index(trained.stopped_epoch)
    assert trained.rise() == errors[-1, 2] - errors[chosen, 2]
    assert trained.rise("training") == errors[-1, 0] - errors[chosen, 0]
    assert trained.rise(since="least") == errors[-1, 2] - errors[:, 2].min() >= max(0.0, trained.rise())


def test_two_classes_have_one_score_whose_sign_is_the_second_class() -> None:
    X, y = two_moons()
    networks = [training.train(X, labels, radius=0.0, epochs=100, rate=0.02, batch=16, rng=1).network
                for labels in (y, np.array(["a", "b"])[y], 2 * y - 1, 2.0 * y - 1.0, y == 1)]
    assert len({bits(network) for network in networks}) == 1
    assert ((networks[0](X)[:, 0] > 0) == (y == 1)).all()


def test_the_kernels_say_the_same_without_compilation() -> None:
    code = """
import numpy as np
from constructive import training
rng = np.random.default_rng(0)
X, y = rng.normal(size=(7, 2)), np.arange(7) % 3
for norm in (2, np.inf):
    found = training.train(X, y, radius=0.1, norm=norm, hidden=(4,), epochs=2, batch=3, steps=2, every=1, rng=1)
    print(found.history.attacked.tolist(), *[round(v, 9) for v in found.history.loss[1:]])
"""
    printed = set()
    for disabled in ("0", "1"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              env={"NUMBA_DISABLE_JIT": disabled, "PATH": "", "HOME": str(Path.home())},
                              cwd=Path(__file__).parent)
        printed.add(done.stdout)
    assert len(printed) == 1


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "kind", "message"), [
    ({"radius": -0.1}, ValueError, "radius=-0.1 must be >= 0"),
    ({"radius": "big"}, TypeError, "radius must be a real number"),
    ({"norm": 1}, ValueError, "norm=1 has no ascent"),
    ({"epochs": 0}, ValueError, "epochs=0 must be >= 1"),
    ({"batch": 0}, ValueError, "batch=0 must be >= 1"),
    ({"batch": 2.5}, TypeError, "batch must be an integer"),
    ({"steps": -1}, ValueError, "steps=-1 must be >= 0"),
    ({"step": 0.0}, ValueError, "step=0.0 must be > 0"),
    ({"rate": 0.0}, ValueError, "rate=0.0 must be > 0"),
    ({"rate": lambda epoch: -1.0}, ValueError, r"rate\(1\)=-1.0 must be > 0"),
    ({"rate": 1e308, "epochs": 9}, ValueError, "weights overflow in epoch .*pass a smaller rate"),
    ({"decay": -1}, ValueError, "decay=-1.0 must be >= 0"),
    ({"hidden": 48}, TypeError, r"hidden must be a sequence of widths such as \(48,\)"),
    ({"hidden": (4, 0)}, ValueError, r"hidden\[1\]=0 must be >= 1"),
    ({"every": 0}, ValueError, "every=0 must be >= 1"),
    ({"every": [0]}, ValueError, r"every\[0\]=0 must be >= 1"),
    ({"every": "often"}, TypeError, "every must be an integer"),
    ({"attack_steps": -1}, ValueError, "attack_steps=-1 must be >= 0"),
    ({"validation": 0.2}, TypeError, r"validation must be a pair \(X, y\), got float"),
    ({"test": ([[1.0]], [0])}, ValueError, "X of test has 1 columns, expected 2"),
    ({"test": ([[1.0, 1.0]], [7])}, ValueError, "label 7 is not among classes"),
    ({"classes": (0, 1)}, ValueError, "label 2 is not among classes"),
    ({"rng": -1}, ValueError, "non-negative"),
])
def test_bad_arguments_are_refused(change: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        training.train(*three_clouds(0), **{"radius": 0.1, "epochs": 2} | change)


def test_real_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="y holds real numbers, but cross-entropy needs classes"):
        training.train([[0.0], [1.0]], [0.5, 2.5], radius=0.1)


def test_an_attack_needs_a_network_that_fits(trained: training.Trained) -> None:
    X, y = three_clouds(0)
    with pytest.raises(TypeError, match="network must be a Network, got int"):
        training.adversarial_points(3, X, y, radius=0.1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the network has 3 outputs, 2 classes need 1"):
        training.adversarial_points(trained.network, X, y % 2, radius=0.1)
    with pytest.raises(ValueError, match="X has 3 columns, expected 2"):
        training.adversarial_points(trained.network, np.zeros((1, 3)), [0], radius=0.1, classes=range(3))


def test_a_rise_needs_its_epochs_and_data() -> None:
    found = training.train(*three_clouds(0), radius=0.1, epochs=1)
    with pytest.raises(ValueError, match=r"no epoch was chosen; train with validation=\(X, y\)"):
        found.rise("training")
    with pytest.raises(ValueError, match="'test' was not recorded; there are training"):
        found.rise()
    with pytest.raises(ValueError, match="since='best' must be 'stopped' or 'least'"):
        found.rise("training", since="best")


# -- means over runs ----------------------------------------------------------------------------------------


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    from scipy import stats
    values = np.random.default_rng(0).normal(size=5)
    found = training.mean_interval(values, 0.9)
    wanted = stats.t.interval(0.9, 4, values.mean(), stats.sem(values))
    assert np.allclose([found.lower, found.upper], wanted, rtol=1e-12)
    assert found.evidence is con.Evidence.SAMPLED
    assert found.confidence == 0.9


def test_about_one_interval_in_ten_misses_the_mean_of_normal_draws() -> None:
    rng = np.random.default_rng(1)
    missed = sum(0.0 not in training.mean_interval(rng.normal(size=5), 0.9) for _ in range(2000))
    assert 0.1 in con.evidence.clopper_pearson(missed, 2000, 1 - 1e-6)


@pytest.mark.parametrize("values", [[1.0], [[1.0, 2.0]], [1.0, math.nan]])
def test_a_mean_needs_two_finite_values(values: Any) -> None:
    with pytest.raises(ValueError, match="values must be at least two finite numbers"):
        training.mean_interval(values)
