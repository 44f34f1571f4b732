"""Quadrature, projections, volumes, and what memorizing adds to the squared error."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from constructive.experiments.cases import chebyshev_mean, rate_case
from constructive.experiments.errors import cell_nodes, harm, projection_error, squared_error
from constructive.experiments.gaps import robust_gap
from constructive.students import memorize, separation
from constructive.targets import polynomial
from constructive.teachers import fit_cells


@pytest.mark.parametrize(("cells", "dimension"), [(1, 1), (5, 1), (3, 2), (2, 3)])
def test_the_nodes_integrate_polynomials_of_degree_seven(cells: int, dimension: int) -> None:
    nodes, weights = cell_nodes(cells, dimension)
    powers = np.arange(7, 7 - dimension, -1)
    truth = math.prod(1 / (p + 1) for p in powers)
    assert float(((nodes**powers).prod(axis=2) @ weights).mean()) == pytest.approx(truth, rel=1e-13)


def test_the_nodes_stay_away_from_the_bands_between_cells() -> None:
    nodes = cell_nodes(7, 1)[0] * 7
    assert np.abs(nodes - np.round(nodes)).min() > 2.0**-6


@pytest.mark.parametrize(("order", "dimension"), [(1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (2, 2), (3, 2), (2, 3)])
def test_the_bias_of_the_standard_target_is_the_stated_one_at_every_grid(order: int, dimension: int) -> None:
    f = math.factorial
    stated = Fraction(2 ** (4 * order - 2) * f(order) ** 4, dimension * f(2 * order) ** 2 * (2 * order + 1))
    target = chebyshev_mean(order, dimension)
    for cells in (3, 4, 7):
        found = projection_error(target.values, order, cells, dimension) * cells ** (2 * order)
        assert found == pytest.approx(float(stated), rel=1e-9)


def test_a_polynomial_of_lower_degree_has_no_bias() -> None:
    assert projection_error(chebyshev_mean(2, 2).values, 3, 4, 2) < 1e-28


def test_no_pieces_of_that_degree_come_nearer_than_the_projection() -> None:
    target, rng = chebyshev_mean(3, 1), np.random.default_rng(0)
    X = rng.random((400, 1))
    teacher = fit_cells(X, target.values(X), order=2, cells=3, amplitude=2.0)
    nodes, weights = cell_nodes(3, 1)
    error = squared_error(teacher(nodes)[..., 0], target(nodes), weights)
    best = projection_error(target.values, 2, 3, 1)
    assert best < error < 1.2 * best


def noisy(n: int = 40, seed: int = 0):
    case, rng = rate_case(1, 1), np.random.default_rng(seed)
    X, y = case.draw(n, rng)
    teacher = fit_cells(X, y, order=1, cells=3, amplitude=case.amplitude)
    student = memorize(X, y, radius=separation(X).distance / 4, teacher=teacher, task="regression")
    return case, X, y, teacher, student


def test_what_memorizing_adds_agrees_with_a_fine_sum_over_every_support() -> None:
    case, _, _, teacher, student = noisy()
    bumps = student.bumps
    low, high = bumps.lower[:, 0] - bumps.ramp, bumps.upper[:, 0] + bumps.ramp
    middle = (np.arange(2000) + 0.5) / 2000
    x = low[:, None] + (high - low)[:, None] * middle
    h = case.target(x[..., None])
    inside = (x >= 0) & (x <= 1)
    more = ((student(x[..., None])[..., 0] - h) ** 2 - (teacher(x[..., None])[..., 0] - h) ** 2) * inside
    exact = float(((high - low) * more.mean(axis=1)).sum())
    found = harm(student, case.target, np.random.default_rng(1), draws=20000)
    assert abs(found.measured - exact) < 5 * found.deviation
    assert exact < found.bound


@pytest.mark.parametrize("seed", range(5))
def test_what_memorizing_adds_is_below_the_proved_bound(seed: int) -> None:
    case, *_, student = noisy(seed=seed)
    found = harm(student, case.target, np.random.default_rng(seed))
    assert 0 < found.measured + 5 * found.deviation < found.bound
    assert found.volume >= student.bumps.count * float((student.bumps.upper - student.bumps.lower).min())


def test_labels_without_noise_add_almost_nothing() -> None:
    case, rng = rate_case(1, 1), np.random.default_rng(0)
    X = rng.random((40, 1))
    student = memorize(X, case.target(X), radius=separation(X).distance / 4, task="regression")
    noise = noisy()[-1]
    assert harm(student, case.target, rng).bound < 1e-4 * harm(noise, case.target, rng).bound


def test_supports_that_meet_are_refused() -> None:
    student = memorize([[0.0], [0.5], [1.0]], [0.0, 0.5, 1.0], radius=0.2, ramp=0.09, task="regression")
    with pytest.raises(ValueError, match="disjoint"):
        harm(student, polynomial({(1,): 1.0}), np.random.default_rng(0))


def gap_of(g, student, case, delta: float = 0.05, seed: int = 3):
    points, values = case.draw(200, np.random.default_rng(seed))
    return robust_gap(g, student.X, student.labels.scores, student.radius, points, values, delta), points, values


def test_a_memorizer_is_found_at_least_as_wrong_as_the_data_force() -> None:
    case, *_, student = noisy()
    gap, *_ = gap_of(lambda x: student(x)[:, 0], student, case)
    assert gap.escapes == 0
    assert gap.attacked >= gap.forced > gap.plain


def test_a_network_that_does_not_memorize_is_noticed() -> None:
    case, _, _, teacher, student = noisy()
    gap, *_ = gap_of(lambda x: teacher(x)[:, 0], student, case)
    assert gap.escapes > 20
    assert gap.attacked < gap.forced


def test_one_label_that_is_not_met_is_noticed() -> None:
    case, X, y, teacher, student = noisy()
    wrong = y.copy()
    wrong[7] = case.target(X[7]) + 0.5 * (y[7] - case.target(X[7]))
    other = memorize(X, wrong, radius=student.radius, teacher=teacher, task="regression")
    points = np.repeat(X[7:8], 50, axis=0) + np.linspace(-1e-3, 1e-3, 50)[:, None]
    values = np.full(50, y[7] - np.sign(y[7] - wrong[7]))
    gap = robust_gap(lambda x: other(x)[:, 0], X, y, student.radius, points, values, 2e-3)
    assert gap.escapes > 0


def test_the_forced_side_is_the_maximum_over_all_data_in_reach() -> None:
    case, X, _, _, student = noisy()
    gap, points, values = gap_of(lambda x: student(x)[:, 0], student, case)
    reach = 0.05 + student.radius
    forced = [max(((student.labels.scores[i] - v) ** 2 for i in range(len(X)) if abs(X[i, 0] - x[0]) <= reach),
                  default=0.0) for x, v in zip(points, values, strict=True)]
    assert gap.forced == pytest.approx(float(np.mean(forced)), rel=1e-14)


def test_the_attack_stays_in_both_balls() -> None:
    case, *_, student = noisy()
    asked: list[np.ndarray] = []

    def g(x: np.ndarray) -> np.ndarray:
        asked.append(x)
        return student(x)[:, 0]

    _, points, _ = gap_of(g, student, case)
    meeting = asked[-1]
    near_a_datum = np.abs(meeting - student.X.T).min(axis=1)
    near_a_point = np.abs(meeting - points.T).min(axis=1)
    assert near_a_datum.max() <= student.radius * (1 + 2.0**-30)
    assert near_a_point.max() <= 0.05 * (1 + 2.0**-30)


def test_without_a_datum_in_reach_nothing_is_forced() -> None:
    case, *_, student = noisy()
    gap = robust_gap(lambda x: student(x)[:, 0], student.X, student.labels.scores, student.radius,
                     np.array([[5.0]]), np.array([0.5]), 0.25)
    assert (gap.forced, gap.reached, gap.escapes) == (0.0, 0.0, 0)
    assert case.dimension == 1
