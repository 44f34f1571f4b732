"""An attack of full budget: the residuals vanish in finite time, between the bounds, and the bracket is honest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dynamics_cases import DIGITS, KERNEL, START, THREE, X, drawn_kernel
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.evidence import Evidence
from constructive.tangent import ErfKernel, ReluKernel
from constructive.tangent.saturated import attack_budgets, extinction_bounds, saturated_flow

KNOWN = pytest.mark.parametrize(("budgets", "extinct"), [
    (0.1, 2.8862885918), (0.3, 1.7705804816), (1.0, 0.8587229703), ([0.1, 0.3, 0.2], 2.3075849567),
])


@pytest.mark.parametrize(("budget", "lower", "upper"), [
    (0.1, 0.8002288848, 3.3859550056), (0.3, 0.5292044963, 2.1831211359), (1.0, 0.2803014666, 1.1126114255),
])
def test_the_bounds_are_the_known_ones(budget: float, lower: float, upper: float) -> None:
    found = extinction_bounds(THREE, START, budget)
    assert abs(found.lower - lower) <= DIGITS
    assert abs(found.upper - upper) <= DIGITS


@KNOWN
def test_the_bracket_holds_the_exact_time_and_narrows_with_the_step(budgets: object, extinct: float) -> None:
    widths = []
    for steps in (200, 400, 800):
        found = saturated_flow(THREE, START, budgets, steps=steps).extinction
        assert extinct in found
        assert found.evidence is Evidence.ENCLOSED
        widths.append(found.width)
    assert all(1.5 <= a / b <= 2.8 for a, b in zip(widths, widths[1:], strict=False)), widths


@KNOWN
def test_the_scheme_vanishes_within_three_steps_of_the_exact_time(budgets: object, extinct: float) -> None:
    flow = saturated_flow(THREE, START, budgets, steps=2000)
    assert not flow.residuals[-1].any()
    assert abs(flow.times[-1] - extinct) <= 3.0 * flow.times[1]


def test_samples_reach_their_labels_one_after_the_other() -> None:
    flow = saturated_flow(THREE, START, 0.3, steps=4000)
    first = [flow.times[int(np.argmax(flow.residuals[:, i, 0] == 0.0))] for i in range(3)]
    step = flow.times[1]
    assert abs(first[2] - 1.1742628942) <= 2.0 * step
    assert abs(first[0] - 1.4902020936) <= 2.0 * step
    assert abs(first[1] - 1.7705804816) <= 2.0 * step


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 3))
def test_extinction_is_between_its_bounds(seed: int, n: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    theta, start = drawn_kernel(rng, n), rng.normal(size=(n, outputs))
    budgets = rng.uniform(0.05, 2.0, n)
    bounds, flow = extinction_bounds(theta, start, budgets), saturated_flow(theta, start, budgets, steps=60)
    assert not flow.residuals[-1].any()
    # the truth is in both brackets
    assert flow.extinction.lower <= bounds.upper
    assert bounds.lower <= flow.extinction.upper
    # the scheme obeys a bound of its own: its norm shrinks by (1 + h l) and by h sqrt(l) r in each step
    low = np.linalg.eigvalsh(theta)[0]
    later = math.log1p(math.sqrt(low) * flow.norms[0] / budgets.min()) / math.log1p(low * flow.times[1])
    assert len(flow.times) - 1 <= math.ceil(later * (1 + 1e-9)) + 1


def below(seed: int, most: int) -> bool:
    """Return whether the true time of a drawn run is proved to be below its bound, with up to 3200 steps."""
    rng = np.random.default_rng(seed)
    theta = drawn_kernel(rng, int(rng.integers(2, most)))
    start, budgets = rng.normal(size=(len(theta), int(rng.integers(1, 3)))), rng.uniform(0.05, 2.0, len(theta))
    bound = extinction_bounds(theta, start, budgets).upper
    return any(saturated_flow(theta, start, budgets, steps=steps).extinction.upper <= bound
               for steps in (200, 800, 3200))


def test_the_time_is_proved_to_be_below_its_bound_on_every_run() -> None:
    assert all(below(seed, 5) for seed in range(12))


@pytest.mark.slow
def test_the_time_is_proved_to_be_below_its_bound_on_two_hundred_runs() -> None:
    assert all(below(seed, 9) for seed in range(200))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 2))
def test_the_error_bound_covers_a_run_of_finer_steps(seed: int, n: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    theta, start = drawn_kernel(rng, n), rng.normal(size=(n, outputs))
    coarse = saturated_flow(theta, start, 0.5, steps=16, until=0.5)
    fine = saturated_flow(theta, start, 0.5, steps=16 * 32, until=0.5)
    factor = np.linalg.cholesky(theta)
    for k in range(1, len(coarse.times)):
        j = min(32 * k, len(fine.times) - 1)  # vanished for good where the finer run has ended
        gap = np.linalg.norm(np.linalg.solve(factor, coarse.residuals[k] - fine.residuals[j]))
        assert gap <= coarse.errors[k] + fine.errors[j]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 3))
def test_each_step_solves_its_equation_within_the_budget(seed: int, n: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    theta, start = drawn_kernel(rng, n), rng.normal(size=(n, outputs))
    budgets = rng.uniform(0.1, 1.0, n)
    flow = saturated_flow(theta, start, budgets, steps=20, until=0.5)
    step, residuals = flow.times[1], flow.residuals
    pull = np.diff(flow.moved, axis=0) / step - residuals[1:]
    assert (np.linalg.norm(pull, axis=2) <= budgets * (1.0 + 1e-11)).all()
    gaps = budgets * np.linalg.norm(residuals[1:], axis=2) - (pull * residuals[1:]).sum(axis=2)
    assert gaps.max() <= 1e-9 * np.abs(start).max()
    assert np.abs(start - theta @ flow.moved - residuals).max() <= 1e-10 * np.abs(start).max()


def test_many_outputs_of_one_column_are_one_output() -> None:
    single = saturated_flow(THREE, START, 0.3, steps=50)
    padded = saturated_flow(THREE, np.column_stack([START, np.zeros(3)]), 0.3, steps=50)
    np.testing.assert_allclose(padded.residuals[:, :, :1], single.residuals, rtol=0, atol=1e-10)


def test_one_sample_vanishes_at_its_bound() -> None:
    bounds = extinction_bounds([[2.0]], [3.0], [1.0])
    assert abs(bounds.lower - math.log(4.0) / 2.0) <= 1e-14
    assert abs(bounds.upper - math.log(4.0) / 2.0) <= 1e-14
    found = saturated_flow([[2.0]], [3.0], [1.0], steps=2000).extinction
    assert math.log(4.0) / 2.0 in found
    assert found.width <= 0.01


def test_residuals_of_zero_are_extinct_at_once() -> None:
    flow = saturated_flow(THREE, np.zeros(3), 0.3, until=1.0)
    assert len(flow.times) == 1
    assert (flow.extinction.lower, flow.extinction.upper) == (0.0, 0.0)


def test_a_run_that_ends_early_says_so_in_its_bracket() -> None:
    found = saturated_flow(THREE, START, 0.3, steps=100, until=0.25).extinction
    assert found.lower > 0.25
    assert 1.7705804816 in found


def test_singular_kernels_need_a_horizon_and_promise_nothing() -> None:
    theta = np.ones((2, 2))
    assert extinction_bounds(theta, [1.0, -1.0], 0.5).upper == math.inf
    with pytest.raises(ValueError, match="pass until="):
        saturated_flow(theta, [1.0, -1.0], 0.5)
    flow = saturated_flow(theta, [1.0, -1.0], 0.5, until=3.0, steps=30)
    assert flow.extinction.upper == math.inf
    np.testing.assert_allclose(flow.residuals[-1, :, 0], (1.0, -1.0), rtol=0, atol=1e-12)  # pulls cancel


def test_budgets_are_the_radius_times_the_gradients_norm() -> None:
    np.testing.assert_allclose(attack_budgets(KERNEL, X, 0.1), 0.1 * math.sqrt(7.4304653885), rtol=1e-10, atol=0)
    found = attack_budgets(KERNEL, X, 0.1, norm=math.inf)
    np.testing.assert_allclose(found, 0.1 * math.sqrt(2 * 3 * 7.4304653885 / math.pi), rtol=1e-10, atol=0)
    assert np.ptp(attack_budgets(ErfKernel(2), X, 0.1)) > 0.0
    with pytest.raises(ValueError, match="2 or inf"):
        attack_budgets(ReluKernel(2), X, 0.1, norm=1)
    with pytest.raises(ValueError, match="radius"):
        attack_budgets(ReluKernel(2), X, -0.1)


def test_negative_budgets_and_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"budgets\[1\]"):
        extinction_bounds(THREE, START, [1.0, -1.0, 1.0])
    with pytest.raises(ValueError, match="must have 3 rows"):
        saturated_flow(THREE, START[:2], 0.3)
    with pytest.raises(ValueError, match="steps"):
        saturated_flow(THREE, START, 0.3, steps=0)
