"""Steps of few powers and least weighted sum of coefficients: certificates, costs, and what degree is worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.nearinit import minimal
from constructive.nearinit.atoms import atomic_step
from constructive.nearinit.minimal import minimal_step, thinned_powers
from constructive.nearinit.series import feature_norms
from constructive.nearinit.step import DIRECTIONS, StepTask, measured_errors, separated_task


def table_task(distance: float, radius: float) -> StepTask:
    return separated_task(distance, radius, own_error=0.05, foreign_error=0.0025)


@settings(max_examples=12)
@given(distance=st.floats(0.5, 1.9), ratio=st.floats(0.0, 0.25), direction=st.sampled_from(DIRECTIONS))
def test_certified_errors_are_above_those_on_a_finer_grid_and_below_the_tolerances(distance, ratio, direction):
    step = minimal_step(table_task(distance, ratio * distance), direction=direction)
    for seen, proved, allowed in zip(measured_errors(step, 20011), step.certified, (0.05, 0.0025), strict=True):
        assert seen <= proved <= allowed


@pytest.mark.parametrize(("distance", "radius", "cost"),
                         [(1.4, 0.14, 11.9), (1.0, 0.1, 25.1), (1.0, 0.0, 19.2), (0.5, 0.0, 65.6), (1.0, 0.25, 138.5)])
def test_costs_of_the_table(distance, radius, cost):
    assert minimal_step(table_task(distance, radius), direction="constant").cost == pytest.approx(cost, rel=5e-3)


def test_the_cost_is_the_weighted_sum_and_the_programs_value():
    step = minimal_step(table_task(1.0, 0.1))
    sigma = feature_norms(int(step.powers.max()) + 1)
    assert step.cost == pytest.approx(sum(abs(q) / sigma[k] for q, k in zip(step.coefficients, step.powers,
                                                                           strict=True)), rel=1e-12)
    assert step.cost == pytest.approx(step.value, rel=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_sum_of_sizes_is_at_least_the_root_of_the_sum_of_squares_of_any_step(direction):
    task = table_task(1.0, 0.1)
    assert minimal_step(task, direction=direction).cost >= atomic_step(task, direction=direction).least_cost


def test_values_are_the_powers_added_up():
    step = minimal_step(table_task(1.0, 0.1), powers=[0, 1, 2, 3, 5, 8, 13])
    t = np.array([-1.0, -0.5, 0.25, 1.0])
    assert step(t) == pytest.approx(sum(q * t ** (k + 1) for k, q in zip(step.powers, step.coefficients, strict=True)))
    assert step.degree <= 14


def test_more_powers_never_cost_more_on_the_same_nodes():
    task = table_task(1.0, 0.0)
    found = [minimal._solve(task, np.arange(top + 1), feature_norms(top + 1), 1e-6, 40) for top in (8, 12, 16, 24, 40)]
    values = [value for _, value in filter(None, found)]
    assert len(values) == 5
    assert np.diff(values).max() <= 1e-7 * values[0]


def test_the_least_possible_degree_costs_far_more_than_a_large_one():
    task = table_task(0.35, 0.0875)
    assert minimal_step(task, direction="constant", degree=148).cost > 4 * minimal_step(
        task, direction="constant", degree=400).cost


def test_powers_that_do_not_suffice_are_refused():
    with pytest.raises(ValueError, match="no combination of 3 powers up to 2 solves the task"):
        minimal_step(table_task(1.0, 0.1), powers=[0, 1, 2])
    with pytest.raises(ValueError, match="must be nonnegative integers"):
        minimal_step(table_task(1.0, 0.1), powers=[-1, 2])


def test_thinned_powers_keep_both_parities_to_the_end():
    powers = thinned_powers(300)
    assert powers[-1] == 300
    assert powers.size < 80
    assert set(powers[powers > 100] % 2) == {0, 1}


def test_a_planted_change_of_a_coefficient_breaks_the_certificate():
    step = minimal_step(table_task(1.0, 0.1))
    coefficients = step.coefficients.copy()
    coefficients[int(np.argmax(np.abs(coefficients)))] *= 1.05
    own, foreign = minimal._certify(step.task, step.powers + 1, coefficients)
    assert own > 0.05 or foreign > 0.0025
