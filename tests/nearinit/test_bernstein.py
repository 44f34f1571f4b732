"""The step by majority vote: exact edges, monotone values, integer coefficients."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.nearinit.bernstein import (
    bernstein_step,
    best_power,
    chernoff_errors,
    edge_errors,
    vote,
    vote_coefficients,
    vote_exactly,
)
from constructive.nearinit.step import StepTask, measured_errors, separated_task

TABLE = ((1.2, 0.1, 16, 3, 3), (1.0, 0.1, 22, 3, 3), (1.0, 0.25, 18, 8, 11), (1.0, 0.4, 16, 51, 81),
         (0.5, 0.05, 88, 3, 3), (0.5, 0.125, 70, 8, 12), (0.25, 0.025, 352, 3, 3), (0.25, 0.0625, 281, 9, 12))
"""Distance, radius, power, fewest coins by exact edges, fewest coins by Chernoff's bound."""


def table_task(distance: float, radius: float) -> StepTask:
    return separated_task(distance, radius, own_error=0.05, foreign_error=0.0025)


def fewest_by_chernoff(task: StepTask, power: int) -> int:
    high, low = ((1 + task.own) / 2) ** power, ((1 + task.foreign) / 2) ** power
    for count in range(1, 200):
        for threshold in range(1, count + 1):
            first, second = chernoff_errors(count, threshold, high, low)
            if first <= task.own_error and second <= task.foreign_error:
                return count
    raise AssertionError(task)


@pytest.mark.parametrize(("distance", "radius", "power", "exact", "chernoff"), TABLE)
def test_the_fewest_coins_of_the_table(distance, radius, power, exact, chernoff):
    task = table_task(distance, radius)
    step = bernstein_step(task, power=power)
    assert step.count == exact
    assert fewest_by_chernoff(task, power) == chernoff
    for seen, proved, allowed in zip(measured_errors(step), step.certified, (0.05, 0.0025), strict=True):
        assert seen <= proved <= allowed


@settings(max_examples=60)
@given(distance=st.floats(0.1, 2.0), ratio=st.floats(0.0, 0.42), count=st.integers(1, 40))
def test_measured_errors_stay_below_certified_ones_for_any_number_of_coins(distance, ratio, count):
    step = bernstein_step(table_task(distance, ratio * distance), count=count)
    for seen, proved in zip(measured_errors(step, 503), step.certified, strict=True):
        assert seen <= proved


@settings(max_examples=60)
@given(distance=st.floats(0.1, 2.0), ratio=st.floats(0.0, 0.42), count=st.integers(1, 40))
def test_values_rise_with_t_within_0_and_1_but_for_rounding(distance, ratio, count):
    step = bernstein_step(table_task(distance, ratio * distance), count=count)
    values = step(np.linspace(-1, 1, 501))
    assert values.min() >= 0
    assert values.max() <= 1
    assert np.diff(values).min() >= -2 * step.rounding


@settings(max_examples=80)
@given(count=st.integers(1, 30), data=st.data())
def test_chernoff_bounds_are_above_the_exact_errors(count, data):
    threshold = data.draw(st.integers(1, count))
    high, low = sorted((data.draw(st.fractions(0, 1, max_denominator=50)),
                        data.draw(st.fractions(0, 1, max_denominator=50))), reverse=True)
    first, second = chernoff_errors(count, threshold, float(high), float(low))
    exact = edge_errors(high, low, count, threshold)
    assert exact[0] <= first * (1 + 1e-12)
    assert exact[1] <= second * (1 + 1e-12)


def test_chernoff_without_its_side_conditions_would_certify_a_falsehood():
    task = table_task(1.0, 0.4)
    high = ((1 + task.own) / 2) ** 16
    below = 9 / 10
    unguarded = math.exp(-10 * (below * math.log(below / high) + (1 - below) * math.log((1 - below) / (1 - high))))
    assert unguarded < 0.05
    assert 1 - float(vote_exactly(Fraction(high), 10, 10)) > 0.998
    assert chernoff_errors(10, 10, high, 0.01)[0] == 1.0


@pytest.mark.parametrize(("count", "threshold", "total"),
                         [(4, 2, 17), (4, 3, 7), (12, 5, 61183), (12, 6, 40193), (12, 7, 18943), (6, 4, 49)])
def test_golden_sums_of_coefficients(count, threshold, total):
    assert sum(abs(q) for q in vote_coefficients(count, threshold)) == total


@settings(max_examples=60)
@given(count=st.integers(1, 24), data=st.data())
def test_coefficients_expand_the_vote_exactly_and_sum_to_at_most_three_to_the_count(count, data):
    threshold = data.draw(st.integers(1, count))
    q = vote_coefficients(count, threshold)
    z = data.draw(st.fractions(0, 1, max_denominator=40))
    assert sum(c * z**k for k, c in enumerate(q)) == vote_exactly(z, count, threshold)
    assert sum(abs(c) for c in q) <= 3**count
    assert sum(abs(c) for c in q) == sum(
        math.comb(j - 1, threshold - 1) * math.comb(count, j) for j in range(threshold, count + 1))


@settings(max_examples=60)
@given(count=st.integers(1, 40), data=st.data())
def test_computed_votes_differ_from_exact_ones_by_less_than_said(count, data):
    threshold = data.draw(st.integers(1, count))
    z = data.draw(st.floats(0, 1))
    computed = Fraction(float(vote(np.array(z), count, threshold)))
    assert abs(computed - vote_exactly(Fraction(z), count, threshold)) <= Fraction(2.0**-52 * count * 9)


def test_golden_values():
    step = bernstein_step(table_task(1.0, 0.1), power=22)
    assert (step.count, step.threshold) == (3, 2)
    assert step.certified == pytest.approx((0.00830482143, 0.000141668371), rel=1e-8)
    z = [((1 + edge) / 2) ** 22 for edge in (step.task.own, step.task.foreign)]
    assert z == pytest.approx([0.946419971, 0.006887716], rel=1e-7)
    assert chernoff_errors(3, 2, *z) == pytest.approx((0.0183397564, 0.000318018630), rel=1e-8)
    other = bernstein_step(table_task(1.0, 0.25), power=18)
    assert (other.count, other.threshold) == (8, 4)
    z = [((1 + edge) / 2) ** 18 for edge in (other.task.own, other.task.foreign)]
    assert z == pytest.approx([0.753165396, 0.065356514], rel=1e-7)
    assert other.certified == pytest.approx((0.025864936, 0.00103109138), rel=2e-8)


@given(distance=st.floats(0.01, 1.99), ratio=st.floats(0.01, 0.49))
def test_the_best_real_power_leaves_a_gap_that_depends_on_radius_over_distance_alone(distance, ratio):
    task = table_task(distance, ratio * distance)
    high, low = -math.log((1 + task.own) / 2), -math.log((1 + task.foreign) / 2)
    power, k = math.log(low / high) / (low - high), (1 / ratio - 1) ** 2
    assert math.exp(-high * power) - math.exp(-low * power) >= k ** (-1 / (k - 1)) * (1 - 1 / k) - 1e-9


def test_powers_separate_the_edges_most_and_stay_bounded_for_points():
    assert best_power(table_task(1.2, 0.1)) == 14
    powers = [best_power(table_task(1.0, radius)) for radius in (0.0, 1e-9, 1e-6, 1e-3)]
    assert max(powers) == powers[0] == 21


def test_a_planted_threshold_is_caught_by_exact_edges():
    high, low = Fraction(9, 10), Fraction(1, 100)
    assert edge_errors(high, low, 3, 2)[0] < 0.05 < edge_errors(high, low, 3, 3)[0]


def test_caps_that_nearly_touch_are_refused_with_a_remedy():
    with pytest.raises(ValueError, match="more than 400 coins are needed"):
        bernstein_step(table_task(1.0, 0.49))
