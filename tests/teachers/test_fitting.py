"""Least squares on cells: the minimizer of each cell, what happens where data are few; students of cell teachers."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import constructive as con
from constructive.certificates.enclosure import interval_bounds
from constructive.targets import Target, cosine_product, polynomial
from constructive.teachers import Teacher, fit_cells, taylor_cells, taylor_partition
from constructive.teachers.cell_table import Cells, monomials
from constructive.teachers.cells import make_cells
from tests.oracles import machine_values
from tests.test_text import REPOSITORY, run_blocks

LARGE = 2.0**20
"""A cut that cuts nothing."""


def monomial_design(X: np.ndarray, k: int, order: int) -> np.ndarray:
    """Return the monomials of s = 2 K x - 2 kappa - 1 at data off the thresholds."""
    s = 2 * (X * k - np.floor(X * k)) - 1
    return np.stack([np.prod(s**np.array(alpha), axis=1) for alpha in monomials(X.shape[1], order - 1)], axis=1)


def cell_number(X: np.ndarray, k: int) -> np.ndarray:
    return np.floor(X * k).astype(int) @ (k ** np.arange(X.shape[1]))


def per_cell(X: np.ndarray, y: np.ndarray, Z: np.ndarray, k: int, order: int) -> np.ndarray:
    """Return numpy's least squares fit of each cell at Z."""
    own, asked, out = cell_number(X, k), cell_number(Z, k), np.zeros(len(Z))
    for cell in np.unique(asked):
        rows, points = own == cell, asked == cell
        fitted = np.linalg.lstsq(monomial_design(X[rows], k, order), y[rows], rcond=None)[0]
        out[points] = monomial_design(Z[points], k, order) @ fitted
    return out


def off_bands(rng: np.random.Generator, n: int, d: int, k: int) -> np.ndarray:
    """Return points well inside their cells."""
    return (rng.integers(0, k, (n, d)) + 0.01 + 0.98 * rng.random((n, d))) / k


# -- what is fitted ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "k", "order"), [(1, 1, 4), (1, 7, 1), (1, 8, 4), (2, 3, 2), (2, 4, 3), (3, 2, 2),
                                               (3, 3, 1)])
def test_each_cell_has_its_least_squares_polynomial(d: int, k: int, order: int) -> None:
    rng = np.random.default_rng(k)
    X, Z = off_bands(rng, 150 * k**d, d, k), off_bands(rng, 500, d, k)
    y = rng.normal(size=len(X))
    teacher = fit_cells(X, y, order=order, cells=k, amplitude=LARGE)
    assert "lower degree" not in teacher.statement
    truth = per_cell(X, y, Z, k, order)
    # both are solutions of well-conditioned problems of some hundred rows
    assert np.abs(teacher(Z)[:, 0] - truth).max() <= 2.0**-40


@pytest.mark.parametrize(("d", "k", "order"), [(1, 5, 3), (2, 4, 2), (2, 3, 3)])
def test_no_other_polynomial_has_a_smaller_squared_error(d: int, k: int, order: int) -> None:
    rng = np.random.default_rng(k)
    X = off_bands(rng, 80 * k**d, d, k)
    y = rng.normal(size=len(X))
    residual = fit_cells(X, y, order=order, cells=k, amplitude=LARGE)(X)[:, 0] - y
    design, own = monomial_design(X, k, order), cell_number(X, k)
    for cell in range(k**d):  # the normal equations
        rows = own == cell
        assert np.abs(design[rows].T @ residual[rows]).max() <= 2.0**-38


@pytest.mark.parametrize(("d", "k", "order"), [(1, 6, 4), (2, 4, 3), (3, 2, 3)])
def test_a_polynomial_below_the_order_is_recovered_from_clean_data(d: int, k: int, order: int) -> None:
    rng = np.random.default_rng(k)
    target = polynomial({alpha: float(c) for alpha, c in zip(monomials(d, order - 1), rng.normal(size=100),
                                                             strict=False)})
    X, Z = rng.random((200 * k**d, d)), off_bands(rng, 1000, d, k)
    teacher = fit_cells(X, target(X), order=order, cells=k, amplitude=64.0, tolerance=1e-11)
    assert np.abs(teacher(Z)[:, 0] - target(Z)).max() <= 2.0**-40
    assert np.abs(teacher.to_network()(Z)[:, 0] - target(Z)).max() <= 2e-11


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=25)
def test_the_order_of_the_rows_does_not_matter(seed: int, d: int, k: int, order: int) -> None:
    rng = np.random.default_rng(seed)
    # dyadic data on thresholds and off them; sums of a few rows are not exact, so the last bits may differ
    X, y = rng.integers(0, 33, (60, d)) / 32, rng.integers(-8, 9, 60) / 8.0
    order_of_rows, Z = rng.permutation(60), off_bands(rng, 50, d, k)
    here = fit_cells(X, y, order=order, cells=k)
    there = fit_cells(X[order_of_rows], y[order_of_rows], order=order, cells=k)
    assert np.abs(here(Z) - there(Z)).max() <= 2.0**-38
    assert _lowered(here) == _lowered(there)


def _lowered(teacher: Teacher) -> int:
    found = re.search(r"(\d+) of \d+ cells with a lower degree", teacher.statement)
    return int(found.group(1)) if found else 0


def test_means_of_dyadic_labels_are_exact_in_any_order() -> None:
    rng = np.random.default_rng(0)
    X, y = np.repeat((np.arange(8) + 0.5) / 8, 16)[:, None], rng.integers(-8, 9, 128) / 8.0
    means = y.reshape(8, 16).mean(axis=1)
    for _ in range(5):
        rows = rng.permutation(128)
        values = fit_cells(X[rows], y[rows], order=1, cells=8)((np.arange(8)[:, None] + 0.5) / 8)[:, 0]
        assert np.abs(values - means).max() <= 2.0**-50


# -- few data ------------------------------------------------------------------------------------------------------


def test_an_empty_cell_is_zero() -> None:
    teacher = fit_cells([[0.1], [0.2], [0.15]], [3.0, 3.0, 3.0], order=2, cells=4)
    x = np.array([[0.3], [0.6], [0.99]])
    assert not teacher(x).any()
    assert np.abs(teacher.to_network()(x)).max() <= 2.0**-45
    assert _lowered(teacher) == 3


def test_too_few_data_lower_the_degree_step_by_step() -> None:
    # cells of 1, 2, 3 data: a constant, a line, a parabola, all through their data
    X = np.array([0.1, 0.4, 0.6, 0.7, 0.85, 1.0])[:, None]
    y = np.array([1.0, 2.0, -1.0, 0.5, -0.25, 1.5])
    teacher = fit_cells(X, y, order=3, cells=3, amplitude=8.0)
    assert np.abs(teacher(X)[:, 0] - y).max() <= 2.0**-40
    assert teacher([[0.0], [0.3]]).ravel().tolist() == [1.0, 1.0]
    line = teacher([[0.35], [0.5], [0.65]]).ravel()
    assert abs(line[0] - 2 * line[1] + line[2]) <= 2.0**-40
    assert _lowered(teacher) == 2


@pytest.mark.parametrize("order", [2, 3])
def test_equal_data_are_answered_by_their_mean(order: int) -> None:
    teacher = fit_cells([[0.25, 0.25]] * 10, [1.0, 0.0] * 5, order=order, cells=1)
    assert np.abs(teacher(np.random.default_rng(0).random((50, 2))) - 0.5).max() <= 2.0**-45


def test_nearly_equal_data_do_not_blow_the_fit_up() -> None:
    X = 0.5 + np.arange(6)[:, None] * 1e-9
    teacher = fit_cells(X, [1.0, -1.0, 1.0, -1.0, 1.0, -1.0 + 2.0**-20], order=3, cells=1, amplitude=LARGE)
    assert np.abs(teacher(np.linspace(0, 1, 50)[:, None])).max() <= 1.0
    assert _lowered(teacher) == 1


@pytest.mark.parametrize("k", [4, 3])
def test_data_on_thresholds_belong_to_the_cell_below(k: int) -> None:
    thresholds = (np.arange(1, k) / k)[:, None]
    X = np.concatenate([thresholds, [[0.0]], [[1.0]]])
    y = np.concatenate([np.arange(1, k) * 1.0, [5.0], [7.0]])
    values = fit_cells(X, y, order=1, cells=k)(np.concatenate([thresholds, [[1.0]]]))[:, 0]
    assert values.tolist() == [3.0, *np.arange(2.0, k), 7.0]


def test_data_on_bands_are_fitted_where_they_are() -> None:
    # a band half a cell wide: a third of the data lie on it, and the line through all of them is still found
    X = np.linspace(0, 1, 61)[:, None]
    teacher = fit_cells(X, 2 * X[:, 0] - 0.5, order=2, cells=2, width=0.25, amplitude=4.0)
    off = X[(X[:, 0] <= 0.5) | (X[:, 0] >= 0.75)]
    assert np.abs(teacher(off)[:, 0] - (2 * off[:, 0] - 0.5)).max() <= 2.0**-45


def test_all_data_on_faces_of_the_cube() -> None:
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    teacher = fit_cells(X, [1.0, 2.0, 3.0, 4.0], order=1, cells=2)
    assert np.array_equal(teacher(X)[:, 0], [1.0, 2.0, 3.0, 4.0])
    assert np.array_equal(teacher.to_network()(X)[:, 0], [1.0, 2.0, 3.0, 4.0])


# -- labels and cut ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [[0, 0, 1, 1], ["ham", "ham", "spam", "spam"], [False, False, True, True],
                               [-1.0, -1.0, 1.0, 1.0]])
def test_two_classes_are_told_as_minus_and_plus_one(y: list[object]) -> None:
    teacher = fit_cells([[0.1], [0.4], [0.6], [0.9]], y, order=1, cells=2)
    assert teacher([[0.2], [0.7]]).ravel().tolist() == [-1.0, 1.0]


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3),
       st.sampled_from([None, 0.3, 1.0, 8.0]))
@settings(max_examples=40)
def test_nonzeros_by_formula_are_those_counted(seed: int, d: int, k: int, order: int, amplitude: float | None) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.random((40, d)), rng.normal(size=40) * (rng.random() < 0.8)
    teacher = fit_cells(X, y, order=order, cells=min(k, 8 // d), amplitude=amplitude)
    assert teacher.nonzeros == teacher.to_network().size.nonzeros


@pytest.mark.parametrize(("d", "k", "order"), [(1, 5, 4), (2, 3, 3), (2, 5, 1)])
def test_scores_never_leave_the_amplitude(d: int, k: int, order: int) -> None:
    rng = np.random.default_rng(k)
    X = rng.random((12 * k**d, d))
    teacher = fit_cells(X, rng.normal(size=len(X)), order=order, cells=k, amplitude=0.3, width=2.0**-9)
    network, points = teacher.to_network(), rng.random((2000, d)) * 3 - 1
    points[::3, -1] = rng.integers(1, k, len(points[::3])) / k + rng.random(len(points[::3])) * 2.0**-9
    for values in (teacher(points), network(points), machine_values(network, points[:400], rng)):
        assert np.abs(values).max() == 0.3
    low, high = interval_bounds(network, np.full((1, d), -5.0), np.full((1, d), 5.0))
    assert -0.3 <= low.item() <= high.item() <= 0.3


@pytest.mark.parametrize("scale", [2.0**-700, 2.0**-200, 2.0**200, 2.0**700])
def test_labels_of_any_size_are_fitted_alike(scale: float) -> None:
    rng = np.random.default_rng(0)
    X, y, Z = rng.random((300, 2)), rng.normal(size=300), rng.random((100, 2))
    plain, other = (fit_cells(X, y * c, order=2, cells=3) for c in (1.0, scale))
    assert np.abs(other(Z) / scale - plain(Z)).max() <= 2.0**-44
    assert np.abs(other.to_network()(Z) / scale - plain.to_network()(Z)).max() <= 2.0**-44


@pytest.mark.parametrize("y", [[0.0] * 6, [2.5] * 6, ["only"] * 6])
def test_constant_labels_give_a_constant(y: list[object]) -> None:
    value = 1.0 if y[0] == "only" else float(y[0])  # type: ignore[arg-type]
    X = [[0.05], [0.3], [0.45], [0.55], [0.8], [0.95]]
    teacher = fit_cells(X, y, order=2, cells=2)
    assert np.abs(teacher(X) - value).max() <= 2.0**-50
    assert np.abs(teacher.to_network()(X) - value).max() <= 2.0**-40


def test_network_and_structured_evaluation_agree_within_the_gates() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((4000, 2)), rng.normal(size=4000)
    Z = off_bands(rng, 2000, 2, 6)
    for tolerance in (1e-2, 1e-5):
        teacher = fit_cells(X, y, order=3, cells=6, tolerance=tolerance)
        gap = np.abs(teacher(Z) - teacher.to_network()(Z)).max()
        assert tolerance / 1000 <= gap <= tolerance


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "kind", "words"), [
    ({"y": [0, 1, 2, 0]}, ValueError, "y has 3 classes; fit one teacher for each class, or pass floating labels"),
    ({"y": [0.0, 1.0]}, ValueError, "X has 4 rows but y has 2 labels"),
    ({"y": [0.0, 1.0, math.nan, 1.0]}, ValueError, r"y\[2\]=.*nan.* is not finite"),
    ({"X": [[0.1], [0.4], [1.5], [0.9]]}, ValueError, r"X\[2\] = \[1.5\] is not in the unit cube; rescale"),
    ({"X": [0.1, 0.4, 0.6, 0.9]}, ValueError, r"X must have shape \(n, d\)"),
    ({"order": 0}, ValueError, "order=0 must be >= 1"),
    ({"order": 40}, ValueError, "order=40 must be <= 20"),
    ({"cells": 0}, ValueError, "cells=0 must be >= 1"),
    ({"cells": 10**9}, ValueError, "needs 2,000,000,000 coefficients, more than 5,000,000"),
    ({"amplitude": 0.0}, ValueError, "amplitude=0.0 must be > 0.0"),
    ({"amplitude": 1e308}, ValueError, r"amplitude=1e\+308 must be <="),
    ({"amplitude": True}, TypeError, "amplitude must be a real number, got True"),
    ({"tolerance": 0.0}, ValueError, "tolerance=0.0 must be > 0.0"),
    ({"tolerance": 1e-40}, ValueError, r"tolerance=1e-40 cannot be met .* pass a larger tolerance"),
    ({"width": 0.4}, ValueError, "width=0.4 must be <= 0.25"),
    ({"width": 1e-17}, ValueError, "width=1e-17 is lost in rounding"),
    ({"y": [1e290, 0.0, 0.0, 1.0]}, ValueError, "more than 2.900; rescale y"),
])
def test_refusals_name_argument_rule_value_and_remedy(wrong: dict[str, object], kind: type[Exception],
                                                      words: str) -> None:
    arguments: dict[str, object] = {"X": [[0.1], [0.4], [0.6], [0.9]], "y": [0.0, 0.5, 1.0, 1.0], "order": 2,
                                    "cells": 2}
    with pytest.raises(kind, match=words) as caught:
        fit_cells(**(arguments | wrong))  # type: ignore[arg-type]
    assert str(caught.value).startswith("fit_cells: ")


# -- what an attacker makes of bands -------------------------------------------------------------------------------


def walk_into_bands(teacher: Teacher, cells: Cells, X: np.ndarray, delta: float, least: float = 0.0) -> np.ndarray:
    """Return points within delta of X (l_inf) of the other sign and a size beyond ``least``, where a walk finds one."""
    found, sign = X.copy(), np.sign(teacher(X)[:, 0])
    for j in range(X.shape[1]):
        nearest = np.argmin(np.abs(X[:, [j]] - cells.rises), axis=1)
        near = np.flatnonzero(np.abs(X[:, j] - cells.rises[nearest]) <= delta - 2 * 1e-9)
        low, high = cells.rises[nearest[near]], cells.ends[nearest[near]]
        for share in np.linspace(0.0, 1.0, 33):
            there = X[near]
            there[:, j] = low + share * (high - low)
            flipped = teacher(there)[:, 0] * sign[near] < -least
            found[near[flipped]] = there[flipped]
    assert np.abs(found - X).max() <= delta
    return found


def test_bands_are_an_attacker_s_door_and_the_partition_has_none() -> None:
    target: Target = cosine_product([5.0, 4.0], [-0.5, 0.4])
    k, width, delta, rng = 8, 1e-9, 0.004, np.random.default_rng(0)
    X = rng.random((40_000, 2))
    for order in (2, 3):
        on_cells = taylor_cells(target, order=order, cells=k, width=width)
        uniform = taylor_partition(target, order=order, tolerance=on_cells.error.upper)
        margin = on_cells.error.upper + target.lipschitz * delta
        wide = np.abs(target(X)) > margin
        # values beyond an eighth of the error, far more than the gates: the network has the same sign
        grid = make_cells(k, 2, order, width, "test")
        broken = walk_into_bands(on_cells, grid, X, delta, on_cells.error.upper / 8)
        network, hit = on_cells.to_network(), wide & (broken != X).any(axis=1)
        # the network itself answers wrongly there, with the true sign of the target unchanged all along
        assert (np.sign(network(broken[hit])[:, 0]) != np.sign(target(X[hit]))).all()
        assert (np.sign(target(broken[hit])) == np.sign(target(X[hit]))).all()
        share = hit.sum() / wide.sum()
        print(f"order {order}: {wide.mean():.1%} of points have a wide margin, {share:.2%} of them are flipped")
        assert share >= 0.04
        assert hit.mean() <= 2 * (k - 1) * (2 * delta + width) * 1.1
        # |T - h| <= eps everywhere: on the whole ball the sign is that of the target
        assert uniform.error.upper + target.lipschitz * delta <= margin
        assert np.array_equal(walk_into_bands(uniform, grid, X[wide], delta), X[wide])


# -- students ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["taylor", "fit"])
def test_students_of_cell_teachers_are_certified_on_all_balls(kind: str, precision: str) -> None:
    rng, target = np.random.default_rng(0), cosine_product([5.0, 4.0], [-0.5, 0.4])
    X = rng.random((150, 2))
    y = np.where(target(X) > 0, 1, -1) * np.where(rng.random(150) < 0.1, -1, 1)
    teacher = (taylor_cells(target, order=3, cells=5) if kind == "taylor"
               else fit_cells(X, y, order=2, cells=4))
    student = con.memorize(X, y, radius=0.4 * con.separation(X, y).distance, teacher=teacher, precision=precision)
    assert student.size.nonzeros == student.to_network().size.nonzeros
    certificate = student.certify()
    assert certificate.robust_error.upper == 0.0


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("d", "order"), [(1, 4), (2, 3), (3, 1)])
def test_students_with_real_labels_are_certified_on_all_balls(d: int, order: int, precision: str) -> None:
    rng, target = np.random.default_rng(d), cosine_product([5.0, 4.0, 3.0][:d])
    X = rng.random((120, d))
    y = target(X) + rng.normal(size=120) / 4
    for teacher in (taylor_cells(target, order=order, cells=3), fit_cells(X, y, order=order, cells=3)):
        student = con.memorize(X, y, radius=0.4 * con.separation(X, y).distance, teacher=teacher, precision=precision)
        assert student.size.nonzeros == student.to_network().size.nonzeros
        assert student.certify().robust_error.upper == 0.0


def test_off_the_balls_the_student_is_its_teacher() -> None:
    rng, target = np.random.default_rng(1), cosine_product([5.0, 4.0], [-0.5, 0.4])
    X = rng.random((60, 2))
    teacher = taylor_cells(target, order=3, cells=6)
    radius = 0.2 * con.separation(X).distance
    student = con.memorize(X, np.where(rng.random(60) < 0.5, 1, -1), radius=radius, ramp=radius, teacher=teacher)
    Z = rng.random((4000, 2))
    far = (np.abs(Z[:, None] - X).max(axis=2) > 2 * radius).all(axis=1)
    assert far.mean() > 0.5
    network = teacher.to_network()
    assert np.abs(student.to_network()(Z[far]) - np.clip(network(Z[far]), -1, 1)).max() <= 2.0**-40


def test_stated_rational_values_of_a_fit_are_those_of_its_network() -> None:
    X, y = [[0.1], [0.3], [0.6], [0.9]], [0.5, 0.5, -0.25, -0.25]
    network = fit_cells(X, y, order=1, cells=2).to_network()
    assert network.exact([Fraction(1, 7)])[0] == Fraction(1, 2)
    assert network.exact([Fraction(6, 7)])[0] == Fraction(-1, 4)


def test_the_page_about_teachers_runs() -> None:
    run_blocks(REPOSITORY / "docs" / "teachers.md")
