"""Rational matrix exponentials: against floating point, and their bounds on what the series leave out."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from constructive.theorems import exponentials as ex

THETA = np.array([[2.0, 1.0, 0.5], [1.0, 2.0, 1.0], [0.5, 1.0, 2.0]])
A = np.array([0.5, 0.0, 1.0])


def floats(matrix: ex.Rational) -> np.ndarray:
    return np.array([[float(v) for v in row] for row in matrix])


def test_the_propagator_is_one_less_the_exponential_behind_the_inverse() -> None:
    found, left = ex.propagator(THETA, A)
    np.testing.assert_allclose(THETA @ floats(found), np.eye(3) - expm(-THETA * A), rtol=0, atol=1e-14)
    assert 0 < left < Fraction(1, 2**60)


def test_slopes_are_central_differences() -> None:
    rng = np.random.default_rng(0)
    P, Y, step = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), 2.0**-16
    found, left = ex.slopes(THETA, A + 0.25, P, Y)
    for k in range(3):
        ends = [float((P * (floats(ex.propagator(THETA, A + 0.25 + s * np.eye(3)[k])[0]) @ Y)).sum())
                for s in (step, -step)]
        assert abs(float(found[k]) - (ends[0] - ends[1]) / (2 * step)) <= 1e-8
    assert 0 < left < Fraction(1, 2**50)


def test_the_flow_is_a_product_of_exponentials() -> None:
    breaks, values = [0.0, 0.25, 0.5], np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])
    found, left = ex.flow(THETA, breaks, values, np.array([1.0, -1.0, 0.5]))
    np.testing.assert_allclose([float(row[0]) for row in found], (0.2620610829, -0.7318387465, 0.1110588720), rtol=0,
                               atol=6e-11)
    assert 0 < left < Fraction(1, 2**60)


@given(st.fractions(0, 8, max_denominator=16), st.integers(9, 30))
def test_the_tail_covers_the_next_hundred_terms(x: Fraction, first: int) -> None:
    beyond = sum((x**k / math.factorial(k) for k in range(first, first + 100)), Fraction(0))
    assert beyond <= ex.tail(x, first)
    assert ex.tail(x, first) <= 10 * beyond or x == 0


def test_the_tail_is_refused_where_it_would_not_hold() -> None:
    with pytest.raises(ValueError, match="below first"):
        ex.tail(Fraction(9), 9)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_pivots_and_quadratic_forms_agree_with_floating_point(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    factor = np.rint(rng.normal(size=(n, n)) * 8.0) / 8.0
    theta, u = factor @ factor.T + np.eye(n), rng.normal(size=(n, 2))
    assert abs(float(ex.quadratic(theta, u)) - np.trace(u.T @ np.linalg.solve(theta, u))) <= 1e-10 * (u**2).sum()
    pivots = np.diag(np.linalg.cholesky(theta)) ** 2
    assert abs(float(ex.least_pivot(ex.rational(theta))) - pivots.min()) <= 1e-10 * pivots.max()


def test_a_matrix_that_is_not_definite_has_a_pivot_below_zero() -> None:
    assert ex.least_pivot(ex.rational(np.array([[1.0, 2.0], [2.0, 1.0]]))) == -3
    assert ex.least_pivot(ex.rational(np.array([[1.0, 1.0], [1.0, 1.0]]))) == 0


def test_equal_strengths_commute_and_others_do_not() -> None:
    assert ex.commutator(THETA, np.ones(3), 3.0 * np.ones(3)) == 0
    assert ex.commutator(THETA, np.arange(1.0, 4.0), 0.5 * np.arange(1.0, 4.0)) == 0
    assert ex.commutator(THETA, np.ones(3), np.arange(1.0, 4.0)) > 0
