"""What product gates add to the error of glued Taylor pieces, and the powers of two that keep values in [-1, 1].

Notation: delta = 4^-(m+1) is the error of a gate P_m of depth m on [-1, 1]. The network computes, for every choice of
features in the coordinates but the last, the combination v of the last coordinate's features; masks leave alive the
one that belongs to the cell of x; gates fold in one coordinate after the other (see partition_layout).

Bubbles: ``b_1 = 4 z (1 - z)`` by a sawtooth is off by at most 4 delta, from below; ``b_p = P(z, b_(p-1))`` by
``e_p = (p + 3) delta``, and never exceeds 1. Masks: a value is clipped to +-min(1, mu / eta), where mu >= 0 vanishes
with the feature and the feature is at most mu (hats) or 4 mu (bubbles); the product moves by at most
``max mu (1 - mu / eta) = eta / 4``, or eta. With eta = delta / 16 that is less than a gate's error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.labels import power_of_two_above
from constructive.teachers.partition_bound import UP
from constructive.teachers.partition_table import Degrees, Grid

Array = NDArray[np.float64]
MOST_LEVELS = 24


def gate_unit(levels: int) -> float:
    """Return delta = 4^-(m+1)."""
    return 4.0 ** -(levels + 1)


def mask_width(levels: int) -> float:
    """Return eta = delta / 16: masks rise over this part of a cell."""
    return gate_unit(levels) / 16


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """What folding meets. ``scales``: degrees in the outer coordinates -> power of two above the values there.

    ``error``: of all gates together; ``reach``: a bound on the sum itself.
    """

    scales: dict[Degrees, float]
    error: float
    reach: float


def follow_folds(table: Array, grid: Grid, levels: int) -> Folds:
    """Return scales and total error, fold by fold, for a table (features,) * d and gates of depth m = levels.

    With R, E the largest value and error behind each choice of degrees and S >= R a power of two, a fold over one
    coordinate gives ``R' = R_0 + sum_p B_p R_p + delta sum S`` and ``E' = E_0 + sum_p (B_p E_p + e_p R_p)
    + (2 delta + eta/4) S_0 + sum_p (delta + eta) S_p``: hats are two gates, whose factors sum to 1; B_p is the largest
    value of a bubble. One of the two hats' masks at most is rising at a point.
    """
    delta, eta = gate_unit(levels), mask_width(levels)
    off, most = bubble_errors(grid.degree, levels), bubble_limits(grid.degree, levels)
    reach, error = _last_coordinate(table, grid, off, most)
    scales: dict[Degrees, float] = {}
    for axes in range(grid.dimension - 1, 0, -1):
        size = {p: power_of_two_above(reach[p] * UP) for p in grid.degrees(axes)}
        scales |= size
        new_reach, new_error = {}, {}
        for outer in grid.degrees(axes - 1):
            flat, bubbles = (*outer, 0), [(p, (*outer, p)) for p in range(1, grid.degree - sum(outer) + 1)]
            new_reach[outer] = (reach[flat] + 2 * delta * size[flat]
                                + sum(most[p] * reach[key] + delta * size[key] for p, key in bubbles))
            new_error[outer] = (error[flat] + (2 * delta + eta / 4) * size[flat]
                                + sum(most[p] * error[key] + off[p] * reach[key] + (delta + eta) * size[key]
                                      for p, key in bubbles))
        reach, error = new_reach, new_error
    return Folds(scales, error[()] * UP, reach[()] * UP)


def bubble_errors(degree: int, levels: int) -> list[float]:
    """Return e_p for p = 0..q, e_0 = 0."""
    return [0.0] + [(p + 3) * gate_unit(levels) for p in range(1, degree + 1)]


def bubble_limits(degree: int, levels: int) -> list[float]:
    """Return B_p >= the approximate bubbles, p = 0..q: 4 p^p / (p+1)^(p+1) + e_p, at most 1; B_0 = 1."""
    exact = [1.0] + [4 * (p / (p + 1)) ** p / (p + 1) for p in range(1, degree + 1)]
    return [min(1.0, b * UP + e) for b, e in zip(exact, bubble_errors(degree, levels), strict=True)]


def _last_coordinate(table: Array, grid: Grid, off: list[float],
                     most: list[float]) -> tuple[dict[Degrees, float], dict[Degrees, float]]:
    """Return the largest value and error of combinations of the last coordinate's features, by outer degrees."""
    reach, error = {}, {}
    for outer in grid.degrees(grid.dimension - 1):
        block = np.abs(table[tuple(grid.span(p) for p in outer)]).reshape(-1, grid.features)
        hats = block[:, grid.span(0)]
        value, wrong = np.maximum(hats[:, 1:], hats[:, :-1]), np.zeros((block.shape[0], grid.cells))
        for p in range(1, grid.degree - sum(outer) + 1):
            value = value + most[p] * block[:, grid.span(p)]
            wrong = wrong + off[p] * block[:, grid.span(p)]
        reach[outer], error[outer] = float(value.max()), float(wrong.max())
    if not all(math.isfinite(size) for size in reach.values()):
        raise ValueError("taylor_partition: the target has values or derivatives at nodes that are not finite; bound "
                         "it away from its poles")
    return reach, error
