"""Interpolant, early stopping and ridge: what they fit, how they choose, and the loss under attack that chooses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from dynamics_cases import KERNEL, LABELS, X, Z
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.tangent import (
    GradientFlow,
    KernelPredictor,
    ReluKernel,
    attacked_loss,
    choose_ridge,
    fit_interpolant,
    hold_out,
    stop_early,
)

CHOICES = {"times": stop_early, "ridges": choose_ridge}
OTHER = np.random.default_rng(99).normal(size=(4, 5))


def noisy(seed: int, n: int = 60, d: int = 5) -> tuple[Any, Any, Any, Any]:
    """Two classes split by the first coordinate, one label in five wrong; a quarter is held out."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, d))
    return hold_out(points, np.sign(points[:, 0]) * rng.choice([1.0, 1.0, 1.0, 1.0, -1.0], n), rng=rng)


def clean_loss(f: KernelPredictor, where: Any, goals: Any) -> float:
    return float(((f(where)[:, 0] - goals) ** 2).mean() / 2)


def test_the_interpolant_passes_through_the_data() -> None:
    np.testing.assert_allclose(fit_interpolant(KERNEL, X, LABELS)(X)[:, 0], LABELS, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fit_interpolant(KERNEL, X, LABELS)(Z)[:, 0], (-0.9244859979, 0.9159880375), atol=6e-11)


def test_the_interpolant_of_equal_points_takes_the_mean_of_their_labels_and_warns() -> None:
    with pytest.warns(RuntimeWarning, match="different targets"):
        f = fit_interpolant(KERNEL, [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [1.0, -1.0, 1.0])
    np.testing.assert_allclose(f([[1.0, 0.0], [0.0, 1.0]])[:, 0], (0.0, 1.0), atol=1e-12)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.5]))
def test_on_linear_predictors_the_loss_under_attack_is_the_largest(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    points, goals = rng.normal(size=(6, 3)), rng.normal(size=6)
    f = KernelPredictor(ReluKernel(1), points, rng.normal(size=(6, 1)))
    slope = 2.0 / 3 * np.abs(points.T @ f.coefficients).sum()
    largest = ((np.abs(f(points)[:, 0] - goals) + radius * slope) ** 2).mean() / 2
    np.testing.assert_allclose(attacked_loss(f, points, goals, radius, random_start=False), largest, rtol=1e-10)


def test_the_loss_of_several_outputs_adds_them() -> None:
    f = KernelPredictor(KERNEL, X, np.zeros((5, 3)))
    assert attacked_loss(f, Z, [[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]], 0.1, rng=0) == 1.5


@pytest.mark.parametrize("gain", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("grid", sorted(CHOICES))
def test_the_choice_has_the_least_loss_of_the_candidates_that_gain_enough(grid: str, seed: int, gain: float) -> None:
    points, y, held, goals = noisy(seed)
    values = [0.001, 0.01, 0.1, 1.0, 10.0]
    tuned = CHOICES[grid](KERNEL, points, y, held, goals, radius=0.2, gain=gain, random_start=False,
                          **{grid: values})
    flow = GradientFlow.of(KERNEL, points, y)
    members = [flow.at(v) if grid == "times" else flow.limit(v) for v in values]
    losses = [attacked_loss(f, held, goals, 0.2, random_start=False) for f in members]
    gains = [0.5 - clean_loss(f, held, goals) for f in members]  # all targets are -1 or +1
    best = min((loss, k) for k, loss in enumerate(losses) if gains[k] >= gain * max(gains) - 1e-15)[1]
    assert tuned.losses.tolist() == losses
    assert tuned.candidates.tolist() == values
    assert tuned.chosen == values[best]
    np.testing.assert_array_equal(tuned.predictor(OTHER), members[best](OTHER))


@pytest.mark.parametrize("grid", sorted(CHOICES))
def test_under_strong_attack_only_the_demanded_gain_keeps_a_choice_from_learning_nothing(grid: str) -> None:
    points, y, held, goals = noisy(5)
    free, bound = (CHOICES[grid](KERNEL, points, y, held, goals, radius=1.0, gain=gain, rng=0) for gain in (0.0, 0.5))
    least = free.candidates.min() if grid == "times" else free.candidates.max()
    assert free.chosen == least
    assert np.abs(free.predictor(held)).max() < 0.2
    assert np.abs(bound.predictor(held)).max() > 0.4
    assert (np.sign(bound.predictor(held)[:, 0]) == goals).mean() > 0.6


@pytest.mark.parametrize("grid", sorted(CHOICES))
def test_without_attack_the_choice_is_that_of_plain_validation(grid: str) -> None:
    points, y, held, goals = noisy(1)
    tuned = CHOICES[grid](KERNEL, points, y, held, goals, radius=0.0)
    flow = GradientFlow.of(KERNEL, points, y)
    plain = [clean_loss(flow.at(v) if grid == "times" else flow.limit(v), held, goals) for v in tuned.candidates]
    np.testing.assert_allclose(tuned.losses, plain, rtol=1e-12)
    assert tuned.chosen == tuned.candidates[int(np.argmin(plain))]


@pytest.mark.parametrize("grid", sorted(CHOICES))
def test_candidates_are_attacked_from_the_same_starts(grid: str) -> None:
    points, y, held, goals = noisy(2)
    tuned = CHOICES[grid](KERNEL, points, y, held, goals, radius=0.2, rng=3, attack_steps=1, **{grid: [0.1, 0.1]})
    assert tuned.losses[0] == tuned.losses[1]
    other = CHOICES[grid](KERNEL, points, y, held, goals, radius=0.2, rng=4, attack_steps=1, **{grid: [0.1, 0.1]})
    assert other.losses[0] != tuned.losses[0]


@pytest.mark.parametrize("grid", sorted(CHOICES))
def test_stronger_attacks_on_noisy_labels_ask_for_less_training(grid: str) -> None:
    points, y, held, goals = noisy(5)
    chosen = [CHOICES[grid](KERNEL, points, y, held, goals, radius=r, rng=0).chosen for r in (0.0, 0.3, 0.6)]
    if grid == "ridges":
        chosen = [1.0 / v for v in chosen]
    assert chosen[0] >= chosen[1] >= chosen[2]
    assert chosen[0] > chosen[2]


@pytest.mark.parametrize("grid", sorted(CHOICES))
def test_default_candidates_move_with_the_scale_of_the_data(grid: str) -> None:
    points, y, held, goals = noisy(6)
    kernel = ReluKernel(3)
    small = CHOICES[grid](kernel, points, y, held, goals, radius=0.25, random_start=False)
    large = CHOICES[grid](kernel, 2 * points, y, 2 * held, goals, radius=0.5, random_start=False)
    ratio = 0.25 if grid == "times" else 4.0  # the kernel is quadratic
    np.testing.assert_allclose(large.candidates, ratio * small.candidates, rtol=1e-9)
    np.testing.assert_allclose(large.losses, small.losses, rtol=1e-6)
    np.testing.assert_allclose(large.predictor(2 * held), small.predictor(held), rtol=1e-6)


def test_default_times_reach_from_no_training_to_nearly_the_end() -> None:
    points, y, held, goals = noisy(7)
    tuned = stop_early(KERNEL, points, y, held, goals, radius=0.1)
    flow = GradientFlow.of(KERNEL, points, y)
    first, last = (np.linalg.norm(flow.residual(t)) / np.linalg.norm(y) for t in tuned.candidates[[0, -1]])
    assert first > 0.9
    assert last < 0.1


def test_infinite_time_is_the_interpolant() -> None:
    tuned = stop_early(KERNEL, X, LABELS, Z, [-1.0, 1.0], radius=0.0, times=[math.inf])
    np.testing.assert_array_equal(tuned.predictor(Z), fit_interpolant(KERNEL, X, LABELS)(Z))


@settings(max_examples=30)
@given(st.integers(2, 30), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_every_row_is_kept_or_held_out_with_its_target(n: int, part: float, seed: int) -> None:
    points = np.arange(2.0 * n).reshape(n, 2)
    kept, y, held, goals = hold_out(points, points[:, 0], part, rng=seed)
    assert sorted([*kept[:, 0], *held[:, 0]]) == points[:, 0].tolist()
    assert (y == kept[:, 0]).all()
    assert (goals == held[:, 0]).all()
    assert len(held) == min(max(round(part * n), 1), n - 1)


def test_different_seeds_hold_out_different_rows() -> None:
    points = np.arange(40.0)[:, None]
    assert hold_out(points, points, rng=0)[2].tolist() != hold_out(points, points, rng=1)[2].tolist()
    assert hold_out(points, points, rng=0)[3].shape == (10, 1)


@pytest.mark.parametrize("grid", sorted(CHOICES))
@pytest.mark.parametrize("values", [[], [-1.0], [math.nan], 1.0, [[1.0]]])
def test_wrong_candidates_are_named(grid: str, values: Any) -> None:
    with pytest.raises(ValueError, match=f"{grid} must be a list"):
        CHOICES[grid](KERNEL, X, LABELS, Z, [1.0, -1.0], radius=0.1, **{grid: values})


@pytest.mark.parametrize("grid", sorted(CHOICES))
@pytest.mark.parametrize("gain", [-0.1, 1.1, math.nan])
def test_a_gain_outside_0_1_is_refused(grid: str, gain: float) -> None:
    with pytest.raises(ValueError, match="gain"):
        CHOICES[grid](KERNEL, X, LABELS, Z, [1.0, -1.0], radius=0.1, gain=gain)


@pytest.mark.parametrize("choose", CHOICES.values())
def test_a_kernel_that_is_zero_has_no_default_candidates(choose: Any) -> None:
    with pytest.raises(ValueError, match="must not be 0 everywhere"):
        choose(ReluKernel(2), np.zeros((2, 2)), [1.0, -1.0], np.zeros((1, 2)), [1.0], radius=0.1)


@pytest.mark.parametrize(("n", "part", "message"), [(1, 0.5, "at least 2 rows"), (4, 0.0, "part"), (4, 1.0, "part")])
def test_nothing_can_be_held_out_of_one_row_or_by_a_part_outside_0_1(n: int, part: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hold_out(np.zeros((n, 1)), np.zeros(n), part)
