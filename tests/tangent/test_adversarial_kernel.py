"""Learned attack strengths: a run known to ten digits, each step's parts, where it stops, what a fault would change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from dynamics_cases import DIGITS, KERNEL, LABELS, X, Z
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.domain import Box
from constructive.tangent import (
    AdvNTK,
    ErfKernel,
    GradientFlow,
    KernelPredictor,
    Propagator,
    ReluKernel,
    fit_interpolant,
)
from constructive.tangent.attack import last_iterate

GOLDEN_START = np.array([0.1, 0.0, 0.3, 0.2, 0.5])
SLOPES = {  # of 1/4 sum |f(Z) - v|^2 in the strengths, for the two targets v
    (1.0, -1.0): [-0.0761143497, 1.1226577622, -0.0419854046, 1.0766050857, 0.0353000155],
    (-1.0, 1.0): [0.0029651997, -0.0951763344, 0.0012705274, -0.0905344494, -0.0014772813],
}


def known_run(**changes: Any) -> AdvNTK:
    settings_: dict[str, Any] = {"radius": 0.1, "attack_steps": 4, "random_start": False, "schedule": "constant",
                                 "steps": 3, "batch": 2, "rng": 0, "y_held": [-1.0, 1.0]} | changes
    return AdvNTK.train(KERNEL, X, LABELS, Z, **settings_)


def plain_step(**changes: Any) -> AdvNTK:
    """One step of length .1 on the data themselves, from known strengths."""
    settings_: dict[str, Any] = {"radius": 0.0, "random_start": False, "schedule": "constant", "steps": 1,
                                 "start": GOLDEN_START} | changes
    return AdvNTK.train(KERNEL, X, settings_.pop("y", LABELS), Z, **settings_)


def problem(seed: int, outputs: int = 1, n: int = 8) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    points, held = rng.normal(size=(n, 3)), rng.normal(size=(6, 3))
    if outputs == 1:
        return points, rng.choice([-1.0, 1.0], n), held, rng.choice([-1.0, 1.0], 6)
    return points, np.eye(outputs)[rng.integers(0, outputs, n)], held, np.eye(outputs)[rng.integers(0, outputs, 6)]


def loss_at(theta: Any, points: Any, y: Any, a: Any, where: Any, goals: Any) -> float:
    """Half the mean squared loss of f_a, from the propagator alone."""
    f = KernelPredictor(KERNEL, points, Propagator.of(theta, a).coefficients(np.reshape(y, (len(points), -1))))
    return float(((f(where) - np.reshape(goals, (len(where), -1))) ** 2).sum() / (2 * len(where)))


def test_losses_and_strengths_are_the_known_ones() -> None:
    found = known_run()
    np.testing.assert_allclose(found.losses, (0.5, 0.1135393911, 0.0443498524), rtol=0, atol=DIGITS)
    np.testing.assert_allclose(found.strengths, (0.0760889961, 0.1273580315, 0.1069363626, 0.1720066271, 0.1584314087),
                               rtol=0, atol=DIGITS)
    once = known_run(steps=1)
    np.testing.assert_allclose(once.strengths, (0.0337416212, 0.0431205783, 0.0429766060, 0.0510013290, 0.0505370607),
                               rtol=0, atol=DIGITS)


@pytest.mark.parametrize("fault", [{"schedule": "cosine"}, {"radius": 0.0}, {"random_start": True},
                                   {"norm": 2}, {"batch": 1}, {"rate": 0.11}])
def test_the_known_run_notices_other_settings(fault: dict[str, Any]) -> None:
    assert np.abs(known_run(**fault).strengths - known_run().strengths).max() > 1e-4


@pytest.mark.parametrize("goals", sorted(SLOPES))
def test_a_step_goes_down_the_known_gradient(goals: tuple[float, float]) -> None:
    found = plain_step(y_held=goals)
    slope = np.where((GOLDEN_START == 0.0) & (np.array(SLOPES[goals]) > 0.0), 0.0, SLOPES[goals])
    np.testing.assert_allclose(found.losses[0], {1.0: 1.7788783725, -1.0: 0.0073953727}[goals[0]], rtol=0, atol=DIGITS)
    np.testing.assert_allclose(found.strengths, np.maximum(GOLDEN_START - 0.1 * slope / np.linalg.norm(slope), 0.0),
                               rtol=0, atol=1e-8)


def test_a_step_for_three_outputs_shares_one_strength() -> None:
    found = plain_step(y=np.eye(3)[[0, 1, 2, 0, 1]], y_held=np.eye(3)[[2, 0]])
    slope = np.array([0.1000748195, -0.9600707989, -0.0009153793, 0.4616423916, 0.1753593455])
    np.testing.assert_allclose(found.losses, 0.8465357824, rtol=0, atol=DIGITS)
    np.testing.assert_allclose(found.strengths, GOLDEN_START - 0.1 * slope / np.linalg.norm(slope), rtol=0, atol=1e-8)


def test_strengths_at_zero_that_should_fall_stay_exactly_there() -> None:
    # the second slope is the largest, +1.12: absolute values in place of projection would send it uphill, to +.07
    assert plain_step(y_held=[1.0, -1.0]).strengths[1] == 0.0
    assert plain_step(y_held=[-1.0, 1.0]).strengths[1] > 0.05


def test_strengths_pushed_below_zero_end_there_exactly() -> None:
    found = plain_step(y_held=[1.0, -1.0], rate=1.0)
    assert found.strengths[3] == 0.0
    assert (found.strengths >= 0.0).all()


def test_a_stationary_batch_stops_the_training() -> None:
    found = known_run(y_held=[1.0, -1.0])
    assert found.stationary
    assert not found.interrupted
    assert found.losses.tolist() == [0.5]
    assert not found.strengths.any()
    assert not found.predictor(Z).any()


def test_where_a_gradient_is_left_training_goes_on() -> None:
    assert not known_run().stationary


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]))
def test_a_step_follows_differences_of_the_loss_at_the_attacked_points(seed: int, outputs: int) -> None:
    points, y, held, goals = problem(seed, outputs)
    theta, h = KERNEL.ntk(points), 1e-5
    a = np.random.default_rng(seed).uniform(0.05, 0.2, len(points))
    found = AdvNTK.train(KERNEL, points, y, held, goals, radius=0.2, start=a, steps=1, rate=1e-3,
                         random_start=False)
    f = KernelPredictor(KERNEL, points, Propagator.of(theta, a).coefficients(np.reshape(y, (len(points), -1))))
    where = last_iterate(f, held, goals, 0.2, random_start=False)
    slope = np.array([(loss_at(theta, points, y, a + h * e, where, goals)
                       - loss_at(theta, points, y, a - h * e, where, goals)) / (2 * h) for e in np.eye(len(a))])
    np.testing.assert_allclose((a - found.strengths) / 1e-3, slope / np.linalg.norm(slope), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.losses, loss_at(theta, points, y, a, where, goals), rtol=1e-12)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_without_attack_small_steps_on_all_points_never_raise_the_loss(seed: int) -> None:
    points, y, held, goals = problem(seed)
    found = AdvNTK.train(KERNEL, points, y, held, goals, radius=0.0, steps=8, rate=1e-5, start=0.05)
    assert (np.diff(found.losses) <= 1e-14).all()
    assert (found.strengths >= 0.0).all()


def test_steps_against_the_descent_would_raise_the_loss() -> None:
    points, y, held, goals = problem(3)
    theta, a = KERNEL.ntk(points), np.full(8, 0.05)
    found = AdvNTK.train(KERNEL, points, y, held, goals, radius=0.0, start=a, steps=1, rate=1e-3)
    uphill = 2.0 * a - found.strengths
    before, after = found.losses[0], loss_at(theta, points, y, uphill, held, goals)
    assert loss_at(theta, points, y, found.strengths, held, goals) < before < after


def stopped_after(last: int, **arguments: Any) -> AdvNTK:
    """Return a run that Ctrl-C ends after ``last`` steps."""
    def press(done: int, of: int) -> None:
        if done == last:
            raise KeyboardInterrupt

    return AdvNTK.train(KERNEL, *problem(5), **arguments, progress=press)


def test_lengths_of_steps_follow_half_a_cosine() -> None:
    runs = [stopped_after(k, radius=0.1, start=1.0, steps=6, rate=0.01, rng=0).strengths for k in range(1, 6)]
    lengths = [float(np.linalg.norm(b - a)) for a, b in zip([np.ones(8), *runs], runs, strict=False)]
    np.testing.assert_allclose(lengths, [0.005 * (1 + math.cos(math.pi * k / 6)) for k in range(5)], rtol=1e-9)


def test_what_was_learned_before_an_interruption_is_kept() -> None:
    whole = AdvNTK.train(KERNEL, *problem(5), radius=0.1, steps=6, rng=7)
    part = stopped_after(4, radius=0.1, steps=6, rng=7)
    assert part.interrupted
    assert not whole.interrupted
    assert part.losses.tolist() == whole.losses.tolist()[:4]
    np.testing.assert_allclose(part.coefficients[:, 0],
                               Propagator.of(KERNEL.ntk(problem(5)[0]), part.strengths).coefficients(problem(5)[1]))


def test_progress_counts_every_step() -> None:
    seen: list[tuple[int, int]] = []
    AdvNTK.train(KERNEL, *problem(5), radius=0.1, steps=4, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(("size", "drops"), [(1, 0), (2, 0), (4, 2), (5, 1)])
def test_batches_are_stretches_of_permutations_whose_rest_is_dropped(size: int, drops: int) -> None:
    points, y, held, goals = problem(11)
    found = AdvNTK.train(KERNEL, points, y, held, goals, radius=0.0, start=0.1, steps=8, batch=size, rate=1e-12,
                         random_start=False, rng=2)
    single = [loss_at(KERNEL.ntk(points), points, y, np.full(8, 0.1), held[i:i + 1], goals[i:i + 1]) for i in range(6)]
    rng, rows = np.random.default_rng(2), []
    while len(rows) < 8:
        order = rng.permutation(6)[:6 - drops]
        rows += [order[k:k + size] for k in range(0, 6 - drops, size)]
    np.testing.assert_allclose(found.losses, [np.mean([single[i] for i in part]) for part in rows[:8]], rtol=1e-9)


def test_equal_seeds_give_equal_bits_and_others_do_not() -> None:
    first, again, other = (AdvNTK.train(KERNEL, *problem(1), radius=0.2, steps=5, batch=3, rng=seed)
                           for seed in (4, 4, 5))
    assert first.strengths.tobytes() == again.strengths.tobytes()
    assert first.losses.tobytes() == again.losses.tobytes()
    assert first.strengths.tobytes() != other.strengths.tobytes()


@pytest.mark.parametrize("time", [0.0, 0.02, 0.1, 1.0])
def test_equal_strengths_are_training_without_attack(time: float) -> None:
    found = AdvNTK.train(KERNEL, X, LABELS, Z, [1.0, 1.0], radius=0.1, steps=0, start=time)
    assert found.losses.size == 0
    np.testing.assert_allclose(found.predictor(Z), GradientFlow.of(KERNEL, X, LABELS).at(time)(Z), rtol=0, atol=1e-12)


def test_large_strengths_are_the_interpolant() -> None:
    found = AdvNTK.train(KERNEL, X, LABELS, Z, [1.0, 1.0], radius=0.1, steps=0, start=1e6)
    np.testing.assert_allclose(found.predictor(Z), fit_interpolant(KERNEL, X, LABELS)(Z), rtol=1e-12)


def test_strengths_too_small_beside_the_largest_are_put_to_zero() -> None:
    found = AdvNTK.train(KERNEL, X, LABELS, Z, [1.0, 1.0], radius=0.1, steps=0, start=[1.0, 1e-11, 1e-9, 0.0, 2.0])
    assert found.strengths.tolist() == [1.0, 0.0, 1e-9, 0.0, 2.0]


def test_a_tiny_strength_after_a_step_does_not_end_the_training() -> None:
    # a linear kernel: the first step leaves strengths in the ratio 1e-11 of the data's first coordinates
    points = [[1.0, 0.0], [1e-11, 1.0]]
    found = AdvNTK.train(ReluKernel(1), points, [1.0, 1.0], [[1.0, 0.0]], [1.0], radius=0.0, steps=3)
    assert found.losses.size == 3
    assert found.strengths[0] > 0.1
    assert found.strengths[1] == 0.0


@pytest.mark.parametrize(("norm", "of", "kernel"), [(2, "ntk", KERNEL), ("linf", "nngp", KERNEL),
                                                    (2, "ntk", ErfKernel(2, 1.5, 0.1)), (2, "ntk", ReluKernel(1))])
def test_other_norms_and_kernels_are_trained(norm: Any, of: Any, kernel: Any) -> None:
    points, y, held, goals = problem(9, 3)
    found = AdvNTK.train(kernel, points, y, held, goals, radius=0.1, norm=norm, of=of, steps=3, rng=0)
    theta = kernel.ntk(points) if of == "ntk" else kernel.nngp(points)
    np.testing.assert_allclose(found.coefficients, Propagator.of(theta, found.strengths).coefficients(y))
    assert found.predictor.of == of
    assert found.losses.size == 3


def test_equal_points_with_different_labels_are_trained() -> None:
    points = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = AdvNTK.train(KERNEL, points, [1.0, -1.0, 1.0], points[1:], [1.0, 1.0], radius=0.1, steps=5, rng=0)
    assert found.strengths[0] > found.strengths[1]
    assert np.isfinite(found.losses).all()


def test_attacked_points_stay_in_the_box(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    ask = KernelPredictor.matrix
    monkeypatch.setattr(KernelPredictor, "matrix", lambda self, Z=None: seen.append(Z) or ask(self, Z))
    held = np.clip(Z, -0.5, 0.5)
    AdvNTK.train(KERNEL, X, LABELS, held, [-1.0, 1.0], radius=0.2, box=Box([-0.5] * 3, [0.5] * 3), steps=2, rng=0)
    assert len(seen) == 22
    assert max(float(np.abs(points).max()) for points in seen) == 0.5


@pytest.mark.parametrize(("changes", "message"), [
    ({"radius": -0.1}, "radius"),
    ({"radius": math.nan}, "radius"),
    ({"norm": 1}, "norm"),
    ({"rate": 0.0}, "rate"),
    ({"batch": 0}, "batch"),
    ({"steps": -1}, "steps"),
    ({"schedule": "linear"}, "schedule"),
    ({"start": -1.0}, "start"),
    ({"start": [1.0, 2.0]}, "start"),
    ({"y_held": [1.0, 1.0, 1.0]}, "y_held"),
    ({"y_held": np.eye(2)}, "columns of y"),
    ({"box": Box([-0.1] * 3, [0.1] * 3)}, "outside the box"),
])
def test_wrong_arguments_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        known_run(**changes)


def test_held_out_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="X_held has 2 columns, expected 3"):
        AdvNTK.train(KERNEL, X, LABELS, Z[:, :2], [1.0, 1.0], radius=0.1)


def test_what_is_returned_cannot_be_written() -> None:
    found = known_run()
    for part in (found.strengths, found.losses, found.coefficients):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0.0
