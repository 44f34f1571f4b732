"""The cost of steps from both sides: brackets, closed-form bounds, and the exponent of the distance."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.nearinit.atoms import atomic_step
from constructive.nearinit.bernstein import vote_coefficients
from constructive.nearinit.norms import least_norm, rational_step, series_norm, step_bound, weight_bound
from constructive.nearinit.series import agreement, feature_norms
from constructive.nearinit.step import DIRECTIONS, StepTask, measured_errors, separated_task

SMALL = tuple(2.0**-k for k in range(3, 7))
"""Distances on which the exponent is fitted."""


def table_task(ratio: float, distance: float) -> StepTask:
    return separated_task(distance, ratio * distance, own_error=0.05, foreign_error=0.0025)


def fitted_exponent(costs: list[float]) -> float:
    return -float(np.polyfit(np.log(SMALL), np.log(costs), 1)[0])


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.25])
def test_the_least_cost_grows_like_the_root_of_one_over_distance(ratio, direction):
    brackets = [least_norm(table_task(ratio, distance), direction=direction, slack=1e-3) for distance in SMALL]
    for end in ("lower", "upper"):
        assert abs(fitted_exponent([getattr(bracket, end) for bracket in brackets]) - 0.5) <= 0.05


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.25])
def test_lower_bounds_are_respected_at_every_distance(ratio):
    for distance in (1.4, 0.7, 0.35, 0.125):
        task = table_task(ratio, distance)
        gap = 2.0 * math.sin(task.window / 2.0)
        change = 1.0 - task.own_error - task.foreign_error
        bracket = least_norm(task, slack=1e-3)
        assert weight_bound(gap, change) <= step_bound(task) <= bracket.lower <= bracket.upper


@settings(max_examples=25)
@given(distance=st.floats(0.1, 1.9), ratio=st.floats(0.0, 0.3), own=st.floats(0.02, 0.3), foreign=st.floats(0.002, 0.2),
       direction=st.sampled_from(DIRECTIONS))
def test_the_bound_from_two_edges_is_below_the_least_cost_of_any_task(distance, ratio, own, foreign, direction):
    task = separated_task(distance, ratio * distance, own_error=own, foreign_error=foreign)
    assert step_bound(task, direction=direction) <= least_norm(task, direction=direction, slack=1e-3).upper


@settings(max_examples=40)
@given(distance=st.floats(1e-6, 2.0), seed=st.integers(0, 2**32 - 1))
def test_no_weights_in_the_span_of_gates_change_faster_than_the_bound(distance, seed):
    # h = sum a_k 1{<w, z_k> + b >= 0}: its norm and means of gates are kernel sums, for points z_k of the plane.
    rng = np.random.default_rng(seed)
    angles = np.append(rng.uniform(0, 2 * math.pi, 4), (0.0, 2.0 * math.asin(distance / 2.0)))
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    apart = 2.0 * np.abs(np.sin((angles[:, None] - angles) / 2.0))
    disagree = np.arcsin(apart / math.sqrt(8.0)) / math.pi  # 1/2 - kappa, without cancellation
    a = rng.normal(size=6) * 10.0 ** rng.integers(-2, 3, 6)
    norm = math.sqrt(a @ agreement(points @ points.T) @ a)
    change = abs(float((disagree[-1] - disagree[-2]) @ a))
    assert weight_bound(distance, change) <= norm * (1 + 1e-9) + 1e-12


def test_the_bound_on_weights_is_attained_by_the_difference_of_two_gates():
    for distance in (0.01, 0.5, 2.0):
        gap = 2.0 * math.asin(distance / math.sqrt(8.0)) / math.pi  # |1_x - 1_x'|^2, also the change of its mean
        assert weight_bound(distance, gap) == pytest.approx(math.sqrt(gap), rel=1e-12)


def test_the_bound_on_weights_is_the_stated_formula():
    for distance in (0.1, 1.0, 1.9):
        stated = (2.0 - 2 * 0.1) / math.sqrt(1.0 - 2.0 * float(agreement(1.0 - distance**2 / 2.0)))
        assert weight_bound(distance, 2.0 - 2 * 0.1) == pytest.approx(stated, rel=1e-12)
    assert weight_bound(1e-4, 1.0) == pytest.approx(math.sqrt(math.pi * math.sqrt(2.0) / 1e-4), rel=1e-6)


@settings(max_examples=15)
@given(distance=st.floats(0.15, 1.9), ratio=st.floats(0.0, 0.3))
def test_rational_steps_solve_their_task_and_cost_at_least_the_least(distance, ratio):
    step = rational_step(table_task(ratio, distance))
    for seen, proved, allowed in zip(measured_errors(step, 503), step.certified, (0.05, 0.0025), strict=True):
        assert seen <= proved <= allowed
    assert atomic_step(step.task, direction="constant").least_cost <= step.cost


@pytest.mark.parametrize(("ratio", "coins"), [(0.05, (4, 3)), (0.1, (6, 4)), (0.25, (19, 11))])
def test_the_number_of_coins_depends_on_radius_over_distance_alone(ratio, coins):
    for distance in (1.4, 1.0, 0.5, 0.125):
        step = rational_step(table_task(ratio, distance))
        assert (step.count, step.threshold) == coins
        assert step.chances == pytest.approx((1.0 - ratio, ratio), rel=1e-9)


def test_rational_steps_bound_the_exponent_from_above():
    scaled = [rational_step(table_task(0.1, distance)).cost * math.sqrt(distance)
              for distance in (1.0, 0.5, *SMALL[:2])]
    assert np.all(np.diff(scaled) > 0)
    assert max(scaled) < 26.1  # it tends to a constant from below


def test_golden_values():
    costs = [rational_step(table_task(0.1, distance)).cost for distance in (1.0, 0.5, 0.25)]
    assert costs == pytest.approx([24.61734, 36.32961, 51.93954], rel=2e-7)
    assert rational_step(table_task(0.1, 1.0)).total == 49
    assert rational_step(table_task(0.05, 1.0)).cost == pytest.approx(15.54968, rel=4e-7)
    assert series_norm(100.0, (0, 1)) == pytest.approx(7.1929, rel=1e-5)
    assert series_norm(1e4, (0, 1)) / (1 + 1e4) ** 0.25 == pytest.approx(2.2878, rel=1e-4)


@settings(max_examples=20)
@given(steepness=st.floats(0.1, 30.0), count=st.integers(1, 5), data=st.data())
def test_the_norm_is_that_of_the_series_by_convolution(steepness, count, data):
    threshold = data.draw(st.integers(1, count))
    q, terms = vote_coefficients(count, threshold), 6000
    geometric = (steepness / (1 + steepness)) ** np.arange(terms) / (1 + steepness)
    series, power = np.zeros(terms), np.zeros(terms)
    power[0] = 1.0
    for j, coefficient in enumerate(q):
        if j:
            power = np.convolve(power, geometric)[:terms]
        series += coefficient * power
    plain = float(np.linalg.norm(series / feature_norms(terms)))
    assert plain * (1 - 1e-12) <= series_norm(steepness, q) <= plain * (1 + 1e-9)


def test_a_cheaper_step_than_the_least_would_be_noticed():
    step = atomic_step(table_task(0.1, 0.5), direction="constant")
    assert 0.99 * step.cost < step.least_cost  # one percent less is below the bound


def test_steps_that_need_too_many_coins_or_terms_are_refused():
    with pytest.raises(ValueError, match="more than 60 coins are needed"):
        rational_step(table_task(0.45, 1.0))
    with pytest.raises(ValueError, match="pass a smaller one"):
        series_norm(1e6, (0, 1))
