"""Targets made of functions of one coordinate each: products and sums, with bounds as exact as those of the factors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count
from constructive.domain import Box
from constructive.targets._memory import Remembered
from constructive.targets._upward import UNIT, UP, times
from constructive.targets.target import Target, stated_rounding, weakest

Array = NDArray[np.float64]


def product(factors: Sequence[Target], name: str | None = None) -> Target:
    """Return ``x -> prod_j g_j(x_j)`` on the product of the intervals of the one-dimensional targets g_j.

    F_r = max over |alpha| = r of the product of the factors' bounds of orders alpha_j: the exact maximum where theirs
    are, since the coordinates are free of each other. Lipschitz constant at most sum_j G_1^j prod_{i != j} G_0^i.
    Order and evidence are the least of the factors'. Raises ValueError for no factors or one of several coordinates.

    >>> from constructive.targets import cosine_product
    >>> product([cosine_product([2.0]), cosine_product([3.0])]).bound(0) >= 1.0
    True
    """
    parts = _univariate(factors, "product")
    order = min(part.order for part in parts)

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        out = parts[0].derivative((alpha[0],), X[:, :1])
        for j in range(1, len(parts)):
            out = out * parts[j].derivative((alpha[j],), X[:, j:j + 1])
        return out

    def joined(r: int) -> tuple[float, float]:
        # over the first coordinates: the largest product of bounds, and the largest error of the computed product
        table = [(parts[0].bound(k), parts[0].derivative_rounding(k)) for k in range(r + 1)]
        for part in parts[1:]:
            new = [(part.bound(k), part.derivative_rounding(k)) for k in range(r + 1)]
            table = [_joined(table, new, k) for k in range(r + 1)]
        return table[r][0] * UP, table[r][1] * UP

    both = Remembered(joined)

    def bound(r: int) -> float:
        return both(r)[0]

    def noise(r: int) -> float:
        return both(r)[1]

    slopes = [functools.reduce(times, [part.bound(int(i == j)) for i, part in enumerate(parts)])
              for j in range(len(parts))] if order >= 1 else [2 * bound(0)]
    return Target(name or "product of " + ", ".join(part.name for part in parts), len(parts),
                  _first(derivative, len(parts)), derivative, bound, sum(slopes) * UP,
                  stated_rounding(noise, bound, order), _box(parts), order,
                  weakest(*(part.evidence for part in parts)), noise)


def _joined(left: list[tuple[float, float]], right: list[tuple[float, float]], r: int) -> tuple[float, float]:
    """Return bound and error of order r of a product, from those of all orders up to r of its two factors."""
    size, error = 0.0, 0.0
    for k in range(r + 1):
        (a, da), (b, db) = left[r - k], right[k]
        size = max(size, times(a, b))
        error = max(error, times(da, b + db) + times(a, db) + 2 * UNIT * times(a + da, b + db))
    return size, error


def additive(terms: Sequence[Target], name: str | None = None) -> Target:
    """Return ``x -> sum_j g_j(x_j)`` on the product of the intervals of the one-dimensional targets g_j.

    Mixed derivatives vanish, so F_r = max_j G_r^j for r >= 1, exact where theirs are; F_0 <= sum_j G_0^j; Lipschitz
    constant at most the sum of the terms'. Order and evidence are the least of the terms'.
    Raises ValueError for no terms or one of several coordinates.

    >>> from constructive.targets import polynomial
    >>> float(additive([polynomial({(1,): 2.0}), polynomial({(2,): 4.0})])([[0.5, 0.5]])[0])
    2.0
    """
    parts = _univariate(terms, "additive")
    order = min(part.order for part in parts)

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        rows = [part.derivative((a,), X[:, j:j + 1]) for j, (a, part) in enumerate(zip(alpha, parts, strict=True))
                if a == sum(alpha)]
        return np.sum(rows, axis=0) if rows else np.zeros(X.shape[0])

    def bound(r: int) -> float:
        each = [part.bound(r) for part in parts]
        return max(each) if r else sum(each) * UP

    def noise(r: int) -> float:
        each = [part.derivative_rounding(r) for part in parts]
        return max(each) if r else (sum(each) + len(parts) * UNIT * bound(0)) * UP

    return Target(name or "sum of " + ", ".join(part.name for part in parts), len(parts),
                  _first(derivative, len(parts)), derivative, bound, sum(part.lipschitz for part in parts) * UP,
                  stated_rounding(noise, bound, order), _box(parts), order,
                  weakest(*(part.evidence for part in parts)), noise)


def _univariate(factors: Sequence[Target], who: str) -> list[Target]:
    """Return the factors as a list, each of one coordinate."""
    parts = list(factors)
    as_count(len(parts), who, "number of functions", at_least=1)
    for j, part in enumerate(parts):
        if not isinstance(part, Target):
            raise TypeError(f"{who}: function {j} must be a Target, got {type(part).__name__}")
        if part.dimension != 1:
            raise ValueError(f"{who}: function {j} ({part.name}) has {part.dimension} coordinates, needs exactly one")
    return parts


def _box(parts: list[Target]) -> Box:
    return Box(np.concatenate([part.box.lower for part in parts]), np.concatenate([part.box.upper for part in parts]))


def _first(derivative: Callable[[tuple[int, ...], Array], Array], d: int) -> Callable[[Array], Array]:
    """Return the values, which are the derivative of order 0."""
    return lambda X: derivative((0,) * d, X)
