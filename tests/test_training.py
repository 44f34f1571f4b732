"""Adversarial training: the kernel against complex steps and a plain twin, balls in rational arithmetic, the loop."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import constructive as con
from constructive import training
from constructive._kernels import training as kernels
from constructive.network import Network
from constructive.training.balls import Balls
from constructive.training.weights import flat, he_weights, unflat

SEEDS = st.integers(0, 10**6)


# -- slow twins ---------------------------------------------------------------------------------------------


def maps_of(theta: Any, widths: Any) -> list[tuple[Any, Any]]:
    """Return (weight, bias) of every layer as views of the vector."""
    out, at = [], 0
    for n_in, n_out in itertools.pairwise(widths):
        out.append((theta[at:at + n_in * n_out].reshape(n_out, n_in), theta[at + n_in * n_out:at + (n_in + 1) * n_out]))
        at += n_out * (n_in + 1)
    return out


def scores_of(theta: Any, widths: Any, points: Any) -> Any:
    """Return the scores (n, m); complex weights or points are taken through, a unit is on where its real part is."""
    values = points
    for k, (weight, bias) in enumerate(maps_of(theta, widths)):
        values = values @ weight.T + bias
        if k < len(widths) - 2:
            values = np.where(np.real(values) > 0, values, 0)
    return values


def losses(scores: Any, own: Any) -> Any:
    """Return the cross-entropies (n,) as written in a textbook."""
    if scores.shape[1] == 1:
        return np.log(1 + np.exp(-(2 * own - 1) * scores[:, 0]))
    return np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(own.size), own]


def rivals(scores: Any, own: Any) -> Any:
    """Return log sum exp(other scores) - own score, or minus the signed score."""
    if scores.shape[1] == 1:
        return -(2 * own - 1) * scores[:, 0]
    others = np.where(np.arange(scores.shape[1]) == own[:, None], 0, np.exp(scores))
    return np.log(others.sum(axis=1)) - scores[np.arange(own.size), own]


def by_complex_steps(function: Any, at: Any) -> Any:
    """Return all partial derivatives: Im f(x + i h e) / h with h = 1e-200 has neither cancellation nor truncation."""
    out = np.empty(at.size)
    for k in range(at.size):
        moved = at.astype(complex)
        moved[k] += 1e-200j
        out[k] = function(moved).imag / 1e-200
    return out


def twin_epoch(theta: Any, widths: Any, points: Any, balls: Balls, own: Any, order: Any, batch: int, steps: int,
               step: float, rate: float, decay: float) -> tuple[Any, float]:
    """Return weights and mean loss after one epoch of Adam from rest, in plain numpy."""
    theta, moments, total = theta.copy(), np.zeros((2, theta.size)), 0.0
    for time, begin in enumerate(range(0, own.size, batch), start=1):
        rows = order[begin:begin + batch]
        x = points[rows].copy()
        for _ in range(steps):
            slope = np.array([by_complex_steps(
                lambda z, k=k, t=theta: rivals(scores_of(t, widths, z[None]), own[[k]])[0], x[row])
                for row, k in enumerate(rows)])
            if balls.norm == math.inf:
                x = np.clip(x + step * np.sign(slope), balls.low[rows], balls.high[rows])
            else:
                x += step * slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-300)
                offset = x - balls.centers[rows]
                length = np.linalg.norm(offset, axis=1)
                shrink = np.minimum(1.0, balls.reach[rows] / np.maximum(length, 1e-300))
                x = np.where(shrink[:, None] < 1, balls.centers[rows] + offset * shrink[:, None], x)
        total += losses(scores_of(theta, widths, x), own[rows]).sum()
        slope = by_complex_steps(lambda t, x=x, rows=rows: losses(scores_of(t, widths, x), own[rows]).mean(), theta)
        moments[0] = 0.9 * moments[0] + 0.1 * slope
        moments[1] = 0.999 * moments[1] + 0.001 * slope**2
        move = moments[0] / (1 - 0.9**time) / (np.sqrt(moments[1] / (1 - 0.999**time)) + 1e-8)
        theta -= rate * (move + decay * theta)
    return theta, total / own.size


def case(seed: int, widths: list[int], n: int) -> tuple[Any, Any, Any, Any]:
    """Return weights, widths, points and own classes drawn at random."""
    rng = np.random.default_rng(seed)
    sizes = np.array(widths, np.int64)
    theta = he_weights(sizes, rng)
    theta += 0.1 * rng.normal(size=theta.size)  # biases too
    return theta, sizes, rng.normal(size=(n, widths[0])), rng.integers(0, max(widths[-1], 2), n)


def kernel_gradient(theta: Any, sizes: Any, points: Any, own: Any, spare: int = 0) -> tuple[Any, float]:
    """Return the kernel's gradient of the mean loss, and the mean loss; ``spare`` columns of the batch stay unused."""
    n, m, units = len(points), sizes[-1], sizes.sum()
    values, slopes = np.full((units, n + spare), np.nan), np.full((units, n + spare), np.nan)
    values[:sizes[0], :n] = points.T
    kernels.forward(theta, sizes, values, n)
    loss = kernels.loss_slopes(values[units - m:], own, slopes[units - m:], n)
    kernels.backward(theta, sizes, values, slopes, n, 1)
    out = np.empty(theta.size)
    kernels.gradient(sizes, values, slopes, np.empty((n + spare, sizes.max())), n, out)
    return out, loss / n


WIDTHS = st.lists(st.integers(1, 7), min_size=2, max_size=4)


def close(found: Any, wanted: Any) -> bool:
    """Return whether two results of a few hundred operations agree up to rounding."""
    return bool(np.allclose(found, wanted, rtol=1e-11, atol=1e-12))


# -- the kernel ---------------------------------------------------------------------------------------------


@given(SEEDS, WIDTHS, st.integers(1, 9), st.integers(0, 3))
def test_the_gradient_is_that_of_complex_steps(seed: int, widths: list[int], n: int, spare: int) -> None:
    theta, sizes, points, own = case(seed, widths, n)
    found, loss = kernel_gradient(theta, sizes, points, own, spare)
    assert close(loss, losses(scores_of(theta, sizes, points), own).mean())
    assert close(found, by_complex_steps(lambda t: losses(scores_of(t, sizes, points), own).mean(), theta))


@given(SEEDS, WIDTHS)
def test_a_wrong_sign_or_one_wrong_entry_of_the_gradient_is_noticed(seed: int, widths: list[int]) -> None:
    theta, sizes, points, own = case(seed, widths, 6)
    found = kernel_gradient(theta, sizes, points, own)[0]
    wanted = by_complex_steps(lambda t: losses(scores_of(t, sizes, points), own).mean(), theta)
    largest = int(np.argmax(np.abs(wanted)))
    if wanted[largest] == 0.0:  # one class among one, or only dead units and balanced labels
        return
    found[largest] *= 1.0 + 1e-6
    assert not close(found, wanted)
    assert not close(-found, wanted)


@given(SEEDS, WIDTHS.filter(lambda w: w[-1] != 2))
def test_slopes_at_the_inputs_are_those_of_the_rival_scores(seed: int, widths: list[int]) -> None:
    theta, sizes, points, own = case(seed, widths, 5)
    units, m = sizes.sum(), sizes[-1]
    values, slopes, margins = np.empty((units, 5)), np.empty((units, 5)), np.empty(5)
    values[:widths[0]] = points.T
    kernels.forward(theta, sizes, values, 5)
    kernels.rival_slopes(values[units - m:], own, slopes[units - m:], margins, 5)
    kernels.backward(theta, sizes, values, slopes, 5, 0)
    for i, x in enumerate(points):
        wanted = by_complex_steps(lambda z, i=i: rivals(scores_of(theta, sizes, z[None]), own[[i]])[0], x)
        assert close(slopes[:widths[0], i], wanted)


@given(SEEDS, WIDTHS, st.integers(1, 70))
def test_scores_are_the_networks_bit_for_bit_on_dyadic_numbers(seed: int, widths: list[int], n: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.array(widths, np.int64)
    theta = rng.integers(-8, 9, he_weights(sizes, rng).size) / 4.0
    points = rng.integers(-8, 9, (n, widths[0])) / 8.0
    values = np.empty((sizes.sum(), n))
    values[:widths[0]] = points.T
    kernels.forward(theta, sizes, values, n)
    assert (unflat(theta, sizes)(points) == values[-widths[-1]:].T).all()


@settings(max_examples=15)
@given(SEEDS, st.sampled_from([[2, 5, 3], [3, 4, 1], [2, 4, 3, 4], [3, 3]]), st.sampled_from([2.0, math.inf]),
       st.sampled_from([0.0, 0.125]), st.integers(0, 3), st.integers(1, 7))
def test_an_epoch_is_that_of_the_plain_twin(seed: int, widths: list[int], norm: float, decay: float, steps: int,
                                            batch: int) -> None:
    theta, sizes, points, own = case(seed, widths, 6)
    balls = Balls.round(points, 0.25, norm, "test")
    rng = np.random.default_rng(seed)
    starts, order = balls.draw(rng), rng.permutation(6)
    wanted, wanted_loss = twin_epoch(theta, sizes, starts, balls, own, order, batch, steps, 0.125, 0.01, decay)
    time, loss = run_epoch(theta, sizes, starts, balls, own, order, batch, steps, 0.125, 0.01, decay)
    assert time == -(-6 // batch)
    assert np.allclose(loss, wanted_loss, rtol=1e-9)
    # Adam divides slopes by their size: rounding of a slope counts against 1e-8
    assert np.allclose(theta, wanted, rtol=0, atol=0.01 * 1e-6)


def run_epoch(theta: Any, sizes: Any, starts: Any, balls: Balls, own: Any, order: Any, batch: int, steps: int,
              step: float, rate: float, decay: float = 0.0, moments: Any = None, time: int = 0) -> tuple[int, float]:
    """Run the kernel's epoch, changing theta."""
    moments = np.zeros((2, theta.size)) if moments is None else moments
    return kernels.train_epoch(theta, sizes, moments, time, starts, balls.centers, balls.low, balls.high, balls.reach,
                               own, order, batch, steps, step, balls.norm == 2.0, rate, decay)


def test_in_balls_of_radius_zero_ascents_change_no_bit() -> None:
    for norm in (2.0, math.inf):
        results = set()
        for steps in (0, 7):
            theta, sizes, points, own = case(3, [4, 9, 3], 23)
            balls = Balls.round(points, 0.0, norm, "test")
            run_epoch(theta, sizes, points, balls, own, np.arange(23), 5, steps, 0.1, 0.01)
            results.add(theta.tobytes())
        assert len(results) == 1


def test_with_the_sign_of_the_step_flipped_the_training_error_does_not_fall() -> None:
    X, y = two_moons()
    left = []
    for sign in (1.0, -1.0):
        sizes, rng = np.array([2, 16, 1], np.int64), np.random.default_rng(0)
        theta, balls, moments, time = he_weights(sizes, rng), Balls.round(X, 0.02, math.inf, "test"), None, 0
        moments, first = np.zeros((2, theta.size)), None
        for _ in range(150):
            time, loss = run_epoch(theta, sizes, X, balls, y, rng.permutation(len(y)), 20, 3, 0.02, sign * 0.02, 0.0,
                                   moments, time)
            first = loss if first is None else first
        left.append((loss < first / 10, float(((unflat(theta, sizes)(X)[:, 0] > 0) == y).mean())))
    assert left[0] == (True, 1.0)
    assert not left[1][0]
    assert left[1][1] < 0.6


# -- balls --------------------------------------------------------------------------------------------------


def outside(point: Any, center: Any, radius: float, norm: float) -> bool:
    """Return whether a point lies outside the closed real ball, in rational arithmetic."""
    offset = [abs(Fraction(float(a)) - Fraction(float(b))) for a, b in zip(point, center, strict=True)]
    if norm == math.inf:
        return max(offset) > Fraction(radius)
    return sum(v * v for v in offset) > Fraction(radius) ** 2


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([2.0, math.inf]), st.sampled_from([0.1, 0.3, 1e-3, 1e-15, 7.0]),
       st.sampled_from([1e-3, 1.0, 1e6]), st.integers(0, 6))
def test_no_attacked_or_drawn_point_leaves_its_real_ball(seed: int, norm: float, radius: float, scale: float,
                                                         steps: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(12, 5)) * scale, rng.integers(0, 3, 12)
    network = unflat(he_weights(np.array([5, 8, 3]), rng), [5, 8, 3])
    found = training.adversarial_points(network, X, y, radius=radius, norm=norm, steps=steps, classes=range(3))
    drawn = Balls.round(X, radius, norm, "test").draw(rng)
    for points in (found, drawn):
        assert not any(outside(p, c, radius, norm) for p, c in zip(points, X, strict=True))


def test_a_point_just_outside_is_noticed() -> None:
    assert outside([np.nextafter(0.5, 1)], [0.25], 0.25, math.inf)
    assert not outside([0.5], [0.25], 0.25, math.inf)
    assert outside([0.6, 0.8 + 1e-15], [0.0, 0.0], 1.0, 2.0)


@given(SEEDS)
def test_for_an_affine_score_the_ascent_ends_at_the_worst_corner(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 9, 4) * rng.choice([-1.0, 1.0], 4)
    X, y = rng.integers(-8, 9, (6, 4)) / 8.0, rng.integers(0, 2, 6)
    found = training.adversarial_points(Network.build([(weight[None], [0.5])]), X, y, radius=0.25, classes=(0, 1))
    assert (found == X - 0.25 * np.sign(weight) * (2 * y - 1)[:, None]).all()


def test_the_ascent_sees_where_the_cross_entropy_is_flat() -> None:
    # the right class leads by 1e6 at the center: its probability is 1 and the cross-entropy's slope exactly 0
    network = Network.build([(np.array([[4e6], [0.0], [-4e6]]), [0.0, 0.0, 0.0])])
    found = training.adversarial_points(network, [[0.25]], [0], radius=0.5, classes=range(3))
    assert found.tolist() == [[-0.25]]
    scores, slopes = network([[0.25]]).T.copy(), np.empty((3, 1))
    kernels.loss_slopes(scores, np.zeros(1, np.int64), slopes, 1)
    assert (slopes == 0).all()


def test_the_attack_never_returns_more_than_the_margin_at_the_center() -> None:
    rng = np.random.default_rng(0)
    network = unflat(rng.integers(-4, 5, he_weights(np.array([3, 20, 1]), rng).size) / 4.0, [3, 20, 1])
    X, y = rng.integers(-8, 9, (50, 3)) / 8.0, rng.integers(0, 2, 50)
    for norm in (2, math.inf):
        found = training.adversarial_points(network, X, y, radius=0.5, norm=norm, steps=3, step=0.5)
        margins = [(2 * y - 1) * network(points)[:, 0] for points in (found, X)]
        assert (margins[0] <= margins[1]).all()
        assert (margins[0] < margins[1]).any()


# -- the loop -----------------------------------------------------------------------------------------------


def two_moons(n: int = 60) -> tuple[Any, Any]:
    """Return two half circles, 0.25 and more apart, and their classes."""
    angle = np.linspace(0, math.pi, n // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([upper, np.array([1.0, 0.5]) - upper]), np.repeat([0, 1], n // 2)


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


def test_weights_survive_the_way_into_a_vector_and_back() -> None:
    theta, sizes, points, _ = case(1, [3, 5, 4, 2], 7)
    again, widths = flat(unflat(theta, sizes))
    assert again.tobytes() == theta.tobytes()
    assert widths.tolist() == sizes.tolist()
    assert np.allclose(unflat(theta, sizes)(points), scores_of(theta, sizes, points), rtol=1e-13, atol=1e-13)


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
