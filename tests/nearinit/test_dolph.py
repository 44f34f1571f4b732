"""The closed-form step: its theorem, its certificate, its degrees."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.nearinit import dolph, nodes
from constructive.nearinit.dolph import certified_degree, chebyshev_step, log_mass, stated_degree
from constructive.nearinit.step import StepTask, measured_errors, separated_task

TABLE = ((1.2, 0.1, 15, 9), (1.0, 0.1, 19, 14), (1.0, 0.25, 32, 22), (1.0, 0.4, 89, 54), (0.5, 0.05, 39, 28),
         (0.5, 0.125, 66, 45), (0.25, 0.025, 80, 55), (0.25, 0.0625, 135, 90))
"""Distance, radius, smallest degree by the theorem, smallest certified degree (91 by a cruder certificate)."""

ROWS = pytest.mark.parametrize(("distance", "radius", "stated", "least"), TABLE)


def table_task(distance: float, radius: float) -> StepTask:
    return separated_task(distance, radius, own_error=0.05, foreign_error=0.0025)


@st.composite
def tasks(draw: st.DrawFn) -> StepTask:
    distance = draw(st.floats(0.05, 2.0))
    return table_task(distance, distance * draw(st.floats(0.0, 0.499)))


@settings(max_examples=60)
@given(task=tasks(), degree=st.integers(1, 150))
def test_measured_errors_stay_below_certified_ones_at_any_degree(task, degree):
    step = chebyshev_step(task, degree)
    for seen, proved in zip(measured_errors(step, 1009), step.certified, strict=True):
        assert seen <= proved


@settings(max_examples=60)
@given(task=tasks(), degree=st.integers(1, 150))
def test_the_theorem_bounds_the_errors_of_the_polynomial(task, degree):
    step = chebyshev_step(task, degree)
    rounding = nodes.chebyshev_rounding(step.coefficients) + 2.0**-48 * degree
    for seen, stated in zip(measured_errors(step, 1009), step.stated, strict=True):
        assert seen <= stated + rounding


@ROWS
def test_the_degrees_of_the_table(distance, radius, stated, least):
    task = table_task(distance, radius)
    assert (stated_degree(task), certified_degree(task)) == (stated, least)
    assert 14 <= stated * task.window <= 20


@ROWS
def test_certified_errors_are_above_measured_ones_and_below_the_tolerances_in_the_table(distance, radius, stated,
                                                                                        least):
    task = table_task(distance, radius)
    for degree in (stated, least):
        step = chebyshev_step(task, degree)
        for seen, proved, allowed in zip(measured_errors(step), step.certified, (0.05, 0.0025), strict=True):
            assert seen <= proved <= allowed


@ROWS
def test_one_degree_less_than_the_smallest_exceeds_a_tolerance(distance, radius, stated, least):
    task = table_task(distance, radius)
    step = chebyshev_step(task, least - 1)
    assert step.certified[0] > task.own_error or step.certified[1] > task.foreign_error
    assert chebyshev_step(task, stated - 1).stated[1] > 0.0025 or chebyshev_step(task, stated - 1).stated[0] > 0.05


def test_golden_values():
    step = chebyshev_step(table_task(1.0, 0.1), 19)
    assert step.stated == pytest.approx((0.0102562718, 0.00201931067), rel=1e-8)
    assert step.coefficients[:4] == pytest.approx([0.16449816, 0.31175367, 0.26387105, 0.19572945], rel=1e-7)
    assert step.total == pytest.approx(1.260496, rel=1e-6)
    assert step(0.0) == pytest.approx(0.000128003801, rel=1e-8)
    assert step(0.9) == pytest.approx(0.680854427, rel=1e-9)
    assert chebyshev_step(table_task(1.2, 0.1)).stated == pytest.approx((0.00695026394, 0.00175164597), rel=1e-8)


@pytest.mark.parametrize(("distance", "radius", "degree", "mass"), [
    (1.0, 0.1, 19, 511.844167855), (1.2, 0.1, 15, 722.046697), (0.5, 0.125, 66, 215.642275),
    (0.25, 0.0625, 135, 121.189827)])
def test_golden_masses(distance, radius, degree, mass):
    assert math.exp(log_mass(table_task(distance, radius).window / 2, degree)) == pytest.approx(mass, rel=1e-8)


@settings(max_examples=40)
@given(width=st.floats(0.02, 1.5), degree=st.integers(1, 60))
def test_the_mass_is_the_window_integrated(width, degree):
    count = 2 * degree + 1  # exact for a trigonometric polynomial of the degree
    x = np.cos(np.arange(count) * (math.pi / count)) / math.cos(width / 2)
    window = np.where(np.abs(x) > 1, np.cosh(2 * degree * np.arccosh(np.maximum(np.abs(x), 1))),
                      np.cos(2 * degree * np.arccos(np.clip(x, -1, 1))))
    assert math.exp(log_mass(width, degree)) == pytest.approx(2 * math.pi * window.mean(), rel=1e-9)


@settings(max_examples=30)
@given(task=tasks(), degree=st.integers(1, 60))
def test_the_step_is_flat_on_both_sets_as_the_theorem_says(task, degree):
    # |d p(cos th) / d th| <= 2 / M there: the derivative is a difference of two values of the window.
    step = chebyshev_step(task, degree)
    steepest = 2.0 * math.exp(-log_mass(task.window / 2, degree))
    j = np.arange(degree + 1)
    for lower, upper in ((0.0, task.own_angle), (task.foreign_angle, math.pi)):
        angles = np.linspace(lower, upper, 200)
        slopes = -np.sin(np.outer(angles, j)) @ (j * step.coefficients)
        assert np.abs(slopes).max() <= steepest + 2.0**-46 * degree**2


def test_the_mass_grows_with_the_degree():
    masses = [log_mass(0.3, degree) for degree in range(1, 60)]
    assert np.all(np.diff(masses) > 0)


def test_very_high_degrees_neither_overflow_nor_fall_below_rounding():
    step = chebyshev_step(table_task(1.0, 0.1), 1200)
    assert step.stated[0] < 1e-200
    assert measured_errors(step)[0] <= step.certified[0] < 1e-11


def test_caps_of_radius_zero_are_single_points():
    step = chebyshev_step(table_task(1.0, 0.0))
    assert abs(step(1.0) - 1.0) <= step.certified[0] <= 0.05


def test_a_gap_too_narrow_is_refused_with_a_remedy():
    with pytest.raises(ValueError, match="needs a degree above 4096; pass fewer or smaller caps"):
        chebyshev_step(separated_task(0.01, 0.0049, own_error=0.05, foreign_error=0.0025))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), degree=st.integers(1, 40))
def test_the_recurrence_errs_by_less_than_it_says(seed, degree):
    rng = np.random.default_rng(seed)
    c, t = rng.normal(size=degree + 1) * 10.0 ** rng.integers(-8, 9, degree + 1), rng.uniform(-1, 1, 3)
    values, errors = nodes.chebyshev_values(c, t)
    for x, value, error in zip(t.tolist(), values.tolist(), errors.tolist(), strict=True):
        newer, older = Fraction(0), Fraction(0)
        for coefficient in c[:0:-1].tolist():
            newer, older = 2 * Fraction(x) * newer - older + Fraction(coefficient), newer
        exact = Fraction(x) * newer - older + Fraction(float(c[0]))
        assert abs(Fraction(value) - exact) <= Fraction(error)
        assert error <= nodes.chebyshev_rounding(c)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), degree=st.integers(1, 30), lower=st.floats(-1, 0.99), part=st.floats(0, 1))
def test_the_bound_from_nodes_holds_between_them(seed, degree, lower, part):
    upper = lower + part * (1 - lower)
    c = np.random.default_rng(seed).normal(size=degree + 1)
    bound = nodes.largest_distance(lambda t: nodes.chebyshev_values(c, t), degree, nodes.chebyshev_slope(c), lower,
                                   upper, 0.0)
    values, errors = nodes.chebyshev_values(c, np.clip(np.linspace(lower, upper, 5003), lower, upper))
    assert (np.abs(values) - errors).max() <= bound


def test_nodes_alone_are_not_a_bound():
    # At these nodes the Chebyshev polynomial is +-cos(pi / 4) only: the factor is needed, and no larger one.
    degree, count = 20, 40
    c = np.zeros(degree + 1)
    c[-1] = 1.0
    at_nodes = np.abs(nodes.chebyshev_values(c, nodes.chebyshev_nodes(-1.0, 1.0, count))[0]).max()
    assert at_nodes < 1.0 <= at_nodes * nodes.between_nodes(degree, count, -1.0, 1.0)


def test_a_planted_error_in_a_coefficient_is_seen_by_the_certificate(monkeypatch):
    plain = dolph._coefficients
    monkeypatch.setattr(dolph, "_coefficients", lambda task, degree: plain(task, degree) + 0.01 * (np.arange(
        degree + 1) == 3))
    step = chebyshev_step(table_task(1.0, 0.1))
    assert step.certified[1] > step.stated[1]
