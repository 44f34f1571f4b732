"""Matrix exponentials in rational arithmetic, with what the series leave out: against these records are checked.

Entries of all matrices are doubles, hence fractions; sums are exact up to the terms left out, which are bounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rational = list[list[Fraction]]

TERMS = 48


def rational(values: Array) -> Rational:
    """Return an array (n, m), or (n,) as a column, in fractions."""
    table = np.asarray(values, dtype=np.float64)
    return [[Fraction(v) for v in row] for row in (table[:, None] if table.ndim == 1 else table).tolist()]


def times(a: Rational, b: Rational) -> Rational:
    """Return the product a b."""
    columns = list(zip(*b, strict=True))
    return [[sum((u * v for u, v in zip(row, column, strict=True)), Fraction(0)) for column in columns] for row in a]


def plus(a: Rational, b: Rational, factor: Fraction | int = 1) -> Rational:
    """Return a + factor b."""
    return [[u + factor * v for u, v in zip(left, right, strict=True)] for left, right in zip(a, b, strict=True)]


def scaled(a: Rational, factor: Fraction) -> Rational:
    """Return factor a."""
    return [[factor * v for v in row] for row in a]


def diagonal(values: Array) -> Rational:
    """Return diag(values)."""
    return rational(np.diag(np.asarray(values, dtype=np.float64)))


def largest(a: Rational) -> Fraction:
    """Return the largest absolute entry."""
    return max(abs(v) for row in a for v in row)


def size(a: Rational) -> Fraction:
    """Return the largest absolute row sum, which bounds products."""
    return max(sum((abs(v) for v in row), Fraction(0)) for row in a)


def tail(x: Fraction, first: int) -> Fraction:
    """Return a bound on sum_(k >= first) x^k / k!; ValueError unless 0 <= x < first."""
    if not 0 <= x < first:
        raise ValueError(f"tail: x={float(x)!r} must be >= 0 and below first={first}")
    return x**first / math.factorial(first) / (1 - x / (first + 1))


def propagator(theta: Array, a: Array) -> tuple[Rational, Fraction]:
    """Return W(a) = sum_(k >= 1) (-1)^(k-1) / k! A (theta A)^(k-1), A = diag(a), and a bound on each entry's error."""
    step = times(rational(theta), diagonal(a))
    term, found = diagonal(a), diagonal(a)
    for k in range(2, TERMS):
        term = scaled(times(term, step), Fraction(-1, k))
        found = plus(found, term)
    return found, Fraction(float(np.max(a))) * tail(size(step), TERMS - 1)


def slopes(theta: Array, a: Array, P: Array, Y: Array) -> tuple[list[Fraction], Fraction]:
    """Return the derivatives of sum P * (W(a) Y) in each a_k, term by term, and a bound on their errors."""
    exact, labels, weights = rational(theta), rational(Y), rational(P)
    step, n = times(exact, diagonal(a)), len(exact)
    found = []
    for k in range(n):
        unit = diagonal(np.eye(n)[k])
        turn, term, slope, total = times(exact, unit), diagonal(a), unit, unit
        for j in range(2, TERMS):
            slope = scaled(plus(times(slope, step), times(term, turn)), Fraction(-1, j))
            term = scaled(times(term, step), Fraction(-1, j))
            total = plus(total, slope)
        moved = times(total, labels)
        found.append(sum((u * v for r, s in zip(weights, moved, strict=True) for u, v in zip(r, s, strict=True)),
                         Fraction(0)))
    reach = size(exact) * Fraction(float(np.max(a)))
    weight = sum((abs(v) for row in weights for v in row), Fraction(0)) * sum(
        (abs(v) for row in labels for v in row), Fraction(0))
    return found, weight * tail(reach, TERMS - 1)


def flow(theta: Array, breaks: Sequence[float], values: Array, start: Array) -> tuple[Rational, Fraction]:
    """Return the product over the pieces of exp(-h theta diag(values)), applied to start, and a bound on the error."""
    state, exact, error = rational(start), rational(theta), Fraction(0)
    for left, right, xi in zip(breaks, breaks[1:], np.asarray(values), strict=False):
        step = scaled(times(exact, diagonal(xi)), Fraction(left) - Fraction(right))
        reach, before = size(step), largest(state)
        term, found = state, state
        for k in range(1, TERMS):
            term = scaled(times(step, term), Fraction(1, k))
            found = plus(found, term)
        growth = sum((reach**k / math.factorial(k) for k in range(TERMS)), Fraction(0)) + tail(reach, TERMS)
        error = error * growth + before * tail(reach, TERMS)
        state = found
    return state, error


def commutator(theta: Array, first: Array, second: Array) -> Fraction:
    """Return the largest entry of the commutator of theta diag(first) and theta diag(second)."""
    one, other = (times(rational(theta), diagonal(xi)) for xi in (first, second))
    return largest(plus(times(one, other), times(other, one), -1))


def least_pivot(matrix: Rational) -> Fraction:
    """Return the least pivot of elimination without exchange; > 0 exactly for positive definite symmetric matrices."""
    rest, least = [row[:] for row in matrix], None
    for k in range(len(rest)):
        pivot = rest[k][k]
        least = pivot if least is None else min(least, pivot)
        if pivot <= 0:
            break
        for i in range(k + 1, len(rest)):
            factor = rest[i][k] / pivot
            rest[i] = [u - factor * v for u, v in zip(rest[i], rest[k], strict=True)]
    return Fraction(0) if least is None else least


def quadratic(theta: Array, u: Array) -> Fraction:
    """Return sum_c u_c^T theta^-1 u_c exactly, theta positive definite, u (n,) or (n, C)."""
    columns = rational(u)
    rows = [left + right for left, right in zip(rational(theta), columns, strict=True)]
    n = len(rows)
    for k in range(n):  # eliminate below and above: no exchange is needed for a positive definite matrix
        pivot = rows[k][k]
        rows[k] = [v / pivot for v in rows[k]]
        for i in range(n):
            if i != k and rows[i][k]:
                factor = rows[i][k]
                rows[i] = [v - factor * w for v, w in zip(rows[i], rows[k], strict=True)]
    return sum((u * v for row, own in zip(rows, columns, strict=True) for u, v in zip(row[n:], own, strict=True)),
               Fraction(0))
