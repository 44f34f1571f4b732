"""Steps of least norm: their certificate, their optimality, their power series."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.nearinit import caps, separated_sphere
from constructive.nearinit.atoms import atomic_step
from constructive.nearinit.atoms_bound import Atoms, certify_atoms
from constructive.nearinit.minimal import minimal_step
from constructive.nearinit.series import agreement, feature_norms
from constructive.nearinit.step import DIRECTIONS, StepTask, measured_errors, separated_task, step_task

BOTH = pytest.mark.parametrize("direction", DIRECTIONS)
CONSTANT_COSTS = ((0.0, 1.4, "3.33"), (0.0, 1.0, "4.342"), (0.0, 0.7, "5.417"), (0.0, 0.5, "6.531"),
                  (0.0, 0.25, "9.366"), (0.0, 0.125, "13.29"), (0.1, 1.4, "4.46"), (0.1, 1.0, "5.94"),
                  (0.1, 0.7, "7.49"), (0.1, 0.5, "9.09"), (0.1, 0.35, "11.0"), (0.1, 0.25, "13.1"),
                  (0.1, 0.125, "18.6"), (0.0, 0.35, "7.88"), (0.25, 1.0, "21.5"), (0.25, 0.7, "28.9"),
                  (0.25, 0.25, "53.41"), (0.25, 0.125, "76.37"))
"""Radius / distance, distance, least cost to the digits shown.

All but the last two were found by another program, which gave 52.8 and 75.3 for these: below what duality proves.
"""


def table_task(ratio: float, distance: float) -> StepTask:
    return separated_task(distance, ratio * distance, own_error=0.05, foreign_error=0.0025)


@st.composite
def tasks(draw: st.DrawFn) -> StepTask:
    distance = draw(st.floats(0.1, 1.9))
    return separated_task(distance, distance * draw(st.floats(0.0, 0.3)), own_error=draw(st.floats(0.02, 0.2)),
                          foreign_error=draw(st.floats(0.002, 0.1)))


@BOTH
@settings(max_examples=15)
@given(task=tasks())
def test_measured_errors_stay_below_certified_ones_and_those_below_the_tolerances(direction, task):
    step = atomic_step(task, direction=direction)
    for seen, proved, allowed in zip(measured_errors(step, 997), step.certified,
                                     (task.own_error, task.foreign_error), strict=True):
        assert seen <= proved <= allowed


@settings(max_examples=30)
@given(task=tasks(), seed=st.integers(0, 2**32 - 1), direction=st.sampled_from(DIRECTIONS))
def test_any_atoms_at_all_are_bounded_by_their_certificate(task, seed, direction):
    rng = np.random.default_rng(seed)
    slopes, heights = rng.uniform(-1, 1, 4), rng.normal(size=4) * 10.0 ** rng.integers(-2, 5)
    slopes[0] = rng.choice((-1.0, 1.0, slopes[0]))
    own, foreign = certify_atoms(task, direction, slopes, heights)
    near, far = task.points(501)
    power = 1 if direction == "anchor" else 0
    values = [(t**power)[:, None] * agreement(np.outer(t, slopes)) @ heights for t in (near, far)]
    assert np.abs(values[0] - 1).max() <= own
    assert np.abs(values[1]).max() <= foreign


@BOTH
def test_the_certificate_is_not_loose(direction):
    step = atomic_step(table_task(0.1, 1.0), direction=direction)
    for seen, proved in zip(measured_errors(step), step.certified, strict=True):
        assert proved <= seen * 1.001


@BOTH
def test_a_certificate_with_one_height_changed_is_refused(direction):
    task = table_task(0.1, 1.0)
    step = atomic_step(task, direction=direction)
    heights = step.heights.copy()
    heights[np.argmax(np.abs(heights))] *= 1.001
    own, foreign = certify_atoms(task, direction, step.slopes, heights)
    assert own > task.own_error or foreign > task.foreign_error


@pytest.mark.parametrize(("ratio", "distance", "cost"), CONSTANT_COSTS)
def test_the_least_cost_is_pinned_from_both_sides(ratio, distance, cost):
    step = atomic_step(table_task(ratio, distance), direction="constant", slack=1e-4)
    unit = 10.0 ** -len(cost.partition(".")[2])
    assert step.least_cost <= float(cost) + unit
    assert step.cost >= float(cost) - unit
    assert step.cost - step.least_cost <= 2e-3 * step.cost


@settings(max_examples=20)
@given(task=tasks(), direction=st.sampled_from(DIRECTIONS))
def test_no_power_series_that_solves_the_task_costs_less_than_the_dual_bound(task, direction):
    step = atomic_step(task, direction=direction)
    wider = StepTask(task.own, task.foreign, task.least, 1.5 * task.own_error, 1.5 * task.foreign_error)
    assert step.least_cost <= step.cost
    assert atomic_step(wider, direction=direction).least_cost <= step.cost  # it solves the easier task too


def test_duality_refutes_two_costs_once_believed():
    assert atomic_step(table_task(0.25, 0.25), direction="constant").least_cost > 53.3
    assert atomic_step(table_task(0.25, 0.125), direction="constant").least_cost > 76.2


@settings(max_examples=12)
@given(distance=st.floats(0.5, 1.9), ratio=st.floats(0.0, 0.2), direction=st.sampled_from(DIRECTIONS))
def test_polynomials_that_solve_the_task_cost_more_than_the_dual_bound(distance, ratio, direction):
    task = table_task(ratio, distance)
    other = minimal_step(task, direction=direction)
    norm = np.linalg.norm(other.coefficients / feature_norms(int(other.powers.max()) + 1)[other.powers])
    assert atomic_step(task, direction=direction).least_cost <= norm


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), direction=st.sampled_from(DIRECTIONS), left=st.floats(-1, 1),
       width=st.sampled_from([0.0, 1e-15, 1e-9, 1e-6, 1e-3, 0.1]))
def test_cells_enclose_values_in_fifty_digits(seed, direction, left, width):
    rng = np.random.default_rng(seed)
    slopes, weights = np.append(rng.uniform(-1, 1, 2), (1.0, -1.0)), rng.normal(size=4) * 10.0 ** rng.integers(-3, 6)
    right = min(1.0, left + width)
    lower, upper = Atoms(slopes, weights, direction).enclosure(np.array([left]), np.array([right]))
    with mpmath.workdps(50):
        for t in (mpmath.mpf(left), mpmath.mpf(right), (mpmath.mpf(left) + mpmath.mpf(right)) / 2):
            value = mpmath.mpf(0)
            for s, a in zip(slopes.tolist(), weights.tolist(), strict=True):
                u = mpmath.mpf(s) * t
                kappa = mpmath.mpf(1) / 4 + mpmath.asin((1 + u) / 2) / (2 * mpmath.pi)
                value += mpmath.mpf(a) * kappa * (u if direction == "anchor" else 1)
            assert mpmath.mpf(float(lower[0])) <= value <= mpmath.mpf(float(upper[0]))


@BOTH
def test_cost_and_values_are_those_of_the_power_series(direction):
    task = table_task(0.1, 1.4)
    step = atomic_step(task, direction=direction)
    count = 4000
    squares = feature_norms(count) ** 2
    powers = step.slopes ** np.arange(count)[:, None]
    q = squares * (powers @ step.heights)
    head = (q * q / squares).sum()
    tail = (np.abs(step.heights) @ np.abs(step.slopes) ** count) ** 2 * (0.5 - squares.sum())
    assert head * (1 - 1e-12) <= step.cost**2 <= (head + tail) * (1 + 1e-12)
    t = np.array([-0.9, -0.3, 0.2, 0.7])
    assert np.allclose((q * t[:, None] ** (np.arange(count) + step.shift)).sum(axis=1), step(t), atol=1e-10)


@BOTH
def test_the_size_of_weights_is_the_sum_of_absolute_heights(direction):
    step = atomic_step(table_task(0.0, 1.0), direction=direction)
    exact = sum(abs(Fraction(a)) for a in step.heights.tolist())
    assert abs(Fraction(step.total) - exact) <= exact * Fraction(2.0**-53 * step.heights.size)
    assert (np.abs(step.slopes) <= 1).all()


def test_caps_of_data_need_few_atoms():
    task = step_task(caps(separated_sphere(8, 8, 1.0, rng=1), 0.1), error=0.1)
    step = atomic_step(task)
    assert step.certified[0] <= 0.05
    assert step.certified[1] <= 0.05 / 8
    assert step.slopes.size <= 7


@BOTH
@pytest.mark.parametrize(("distance", "ratio", "own", "foreign"),
                         [(0.5, 0.35, 0.05, 0.0025), (1.16, 0.27, 0.01, 0.0002), (0.13, 0.3, 0.2, 0.0004)])
def test_hard_tasks_with_heights_in_the_millions_are_still_proved(distance, ratio, own, foreign, direction):
    step = atomic_step(separated_task(distance, ratio * distance, own_error=own, foreign_error=foreign),
                       direction=direction)
    assert step.total > 1e6
    for seen, proved, allowed in zip(measured_errors(step), step.certified, (own, foreign), strict=True):
        assert seen <= proved <= allowed


@BOTH
def test_tasks_beyond_double_precision_are_refused_with_a_remedy(direction):
    with pytest.raises(ValueError, match="pass smaller caps or larger errors, or use chebyshev_step"):
        atomic_step(table_task(0.45, 0.5), direction=direction)


def test_one_cap_alone_is_a_legal_task():
    task = step_task(caps([[1.0, 0.0]], 0.5), error=0.1)
    assert (task.foreign, task.least) == (-1.0, -1.0)
    assert atomic_step(task).certified[1] <= 0.05


def test_labels_set_the_tolerances():
    two = caps([[1.0, 0.0], [-1.0, 0.0]], 0.5)
    task = step_task(two, 0.1, labels=[2.0, -0.5])
    assert (task.own_error, task.foreign_error) == (0.025, 0.02)
    with pytest.raises(ValueError, match="labels must be 2 finite numbers"):
        step_task(two, 0.1, labels=[0.0, 0.0])


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="must be 'anchor' or 'constant'"):
        atomic_step(table_task(0.1, 1.0), direction="both")


def test_a_foreign_set_that_meets_the_own_one_is_refused():
    with pytest.raises(ValueError, match=r"foreign=0\.5 must be < 0\.5"):
        StepTask(own=0.5, foreign=0.5)
