"""Suprema of polynomials on an interval, proved from values at finitely many nodes, rounding included."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Evaluate = Callable[[Array], tuple[Array, Array]]
"""Returns computed values and bounds of their distance from the polynomial's, at points of [-1, 1]."""

_PER_DEGREE = 16
"""Nodes for each degree: the supremum exceeds the largest value at a node by at most 1 / cos(pi / 32) = 1.0049."""


def chebyshev_nodes(lower: float, upper: float, count: int) -> Array:
    """Return the roots (count,) of the Chebyshev polynomial of that degree, moved to [lower, upper]."""
    angles = (np.arange(count) + 0.5) * (math.pi / count)
    return np.clip(0.5 * (lower + upper) + 0.5 * (upper - lower) * np.cos(angles), lower, upper)


def between_nodes(degree: int, count: int, lower: float, upper: float) -> float:
    """Return how many times the supremum of a polynomial can exceed its largest value at the nodes; inf if unknown.

    With x = middle + half cos(angle) a polynomial of that degree is a trigonometric one, and near a point where it
    attains its norm it is at least norm * cos(degree * distance in angle) (M. Riesz). Every angle is within
    pi / (2 count) of an exact node, and computed nodes miss theirs by at most ``shift``: they miss in x by 2^-48,
    and sin >= sin(pi / (4 count)) there. For ends in [-1, 1]. Source: Ehlich and Zeller, Math. Z. 86 (1964).

    >>> round(between_nodes(10, 20, -1.0, 1.0), 6)
    1.414214
    """
    if lower == upper or degree == 0:
        return 1.0
    quarter = math.pi / (4.0 * count)
    shift = 2.0**-47 / (upper - lower) / math.sin(quarter)
    reach = degree * (2.0 * quarter + shift)
    if shift > quarter or reach >= 1.5:
        return math.inf
    return (1.0 + 2.0**-50) / math.cos(reach)


def largest_distance(evaluate: Evaluate, degree: int, slope: float, lower: float, upper: float, goal: float) -> float:
    """Return a proved upper bound of |p - goal| on [lower, upper], a part of [-1, 1], for a polynomial p.

    ``evaluate`` gives its values with error bounds, ``slope`` bounds |p'| on [-1, 1]. The bound is the largest value at
    16 nodes a degree, with its error, times the factor between nodes; on very short intervals the value at an end
    and the slope give less.
    """
    count = _PER_DEGREE * degree + 16
    found = math.inf
    factor = between_nodes(degree, count, lower, upper)
    if math.isfinite(factor):
        values, errors = evaluate(chebyshev_nodes(lower, upper, count))
        found = float((np.abs(values - goal) + errors).max()) * factor
    values, errors = evaluate(np.array([lower]))
    short = float(np.abs(values - goal)[0] + errors[0]) + slope * (upper - lower)
    return min(found, short) * (1.0 + 2.0**-48)


def chebyshev_values(coefficients: Array, t: Array) -> tuple[Array, Array]:
    """Return sum_j c_j T_j(t) at points t of [-1, 1], by Clenshaw's recurrence, and bounds of the rounding errors.

    The recurrence b_k = 2 t b_(k+1) - b_(k+2) + c_k is linear in c: an error made in step k acts as a change of c_k,
    and |T_k| <= 1. Step k errs by less than 2^-51 (2 |b_(k+1)| + |b_(k+2)| + |c_k|): three operations, doubling exact.
    """
    newer, older = np.zeros_like(t), np.zeros_like(t)
    errors = np.zeros_like(t)
    for c in coefficients[:0:-1]:
        errors += np.abs(newer) * 2.0 + np.abs(older) + abs(c)
        newer, older = 2.0 * t * newer - older + c, newer
    errors += np.abs(newer) + np.abs(older) + abs(coefficients[0])
    return t * newer - older + coefficients[0], errors * 2.0**-51


def chebyshev_rounding(coefficients: Array) -> float:
    """Return a bound of the rounding error of :func:`chebyshev_values` at every point of [-1, 1].

    As above with |b_k| <= sum_(j >= k) (j - k + 1) |c_j|, since |U_n| <= n + 1.
    """
    sizes = np.abs(coefficients)
    partial = np.cumsum(np.cumsum(sizes[::-1]))[::-1]
    return 2.0**-50 * float(sizes.sum() + 3.0 * partial[1:].sum())


def chebyshev_slope(coefficients: Array) -> float:
    """Return a bound of |p'| on [-1, 1], sum_j j^2 |c_j|."""
    return float(np.abs(coefficients) @ np.arange(coefficients.size) ** 2.0) * (1.0 + 2.0**-40)
