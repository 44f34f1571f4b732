"""What rounding adds while a partition network runs in double precision, in any order of summation, fused or not.

A row of n terms that are not 0, of total size S, is off by at most (n + 1) u S at the numbers it reads; u = 2^-53. All
rows but the first ones have S <= 4 or so: ``row`` = 16 u bounds their rounding. Constants below are generous.

*Ramps, hats, z.* Their terms are as large as K: 40 K u for a hat, 160 K u for z. Of relu(y - c) and relu(c - y) one is
0 up to rounding, so that a fold passes errors on as they are and a tooth doubles them while its weight falls by 4: the
square errs by 2 e + (6 + m) row for an input error e, the bubble b_1 by 4 e + (17 + m) row, and a gate, two squares, by
(24 + 2 m) row beyond its inputs' errors. Its slope is at most 1 in the class function u, and u + 2^-m in the value.
*Features.* Off its support a hat is 0 exactly as soon as the point is 40 K u away; so only the features of three
neighboring cells count, whose coefficients have the total ``mass``.
*Masks* are 0 or 1 exactly unless a hat lies in (0, eta + 40 K u). There the class function is below 4 (eta + 40 K u),
and so are, after the clip, the product and its computed value; or else the masks are off by no more than 40 K u / eta,
and the product by its slope in the value times that. The smaller of the two bounds counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.teachers.partition_bound import UP
from constructive.teachers.partition_gates import Folds, bubble_limits, mask_width
from constructive.teachers.partition_table import Degrees, Grid

Array = NDArray[np.float64]
_UNIT = 2.0**-53
_ROW = 16 * _UNIT


def evaluation_error(table: Array, grid: Grid, levels: int, folds: Folds) -> float:
    """Return a bound on |double-precision run - real network| on the unit cube."""
    hat, z, bubbles = wave_errors(grid, levels)
    feature = max([hat, *[b + 8 * hat + 10 * _ROW for b in bubbles[1:]]])
    error = {p: 3 * mass * (feature + (3 * grid.degree + 8) * _UNIT) for p, mass in _masses(table, grid).items()}
    if grid.dimension == 1:
        return error[()] * UP
    outer, slope = grid.dimension - 1, 2.0**-levels
    for p, scale in folds.scales.items():
        if len(p) == outer:
            error[p] += scale * ((grid.degree + 4) * outer + 1) * _ROW
    gate = (24 + 2 * levels) * _ROW + 8 * _ROW  # and the two rows of the clip
    most, rising = bubble_limits(grid.degree, levels), _rising(grid, levels, hat, z, error, folds)
    for axes in range(outer, 0, -1):
        folded = {}
        for p in grid.degrees(axes - 1):
            flat = (*p, 0)
            total = (1 + 2 * slope) * error[flat] + folds.scales[flat] * (2 * (gate + 4 * z) + rising)
            for a in range(1, grid.degree - sum(p) + 1):
                key = (*p, a)
                total += (most[a] + slope) * error[key] + folds.scales[key] * (gate + 4 * bubbles[a] + rising)
            largest = max(folds.scales[(*p, a)] for a in range(grid.degree - sum(p) + 1))
            folded[p] = total + largest * (grid.degree + 3) ** 2 * _ROW
        error = folded
    return error[()] * UP


def wave_errors(grid: Grid, levels: int) -> tuple[float, float, list[float]]:
    """Return the errors of hats, of z, and of the bubbles b_0 (none), b_1, .., b_q."""
    hat, z = 40 * grid.cells * _UNIT, 160 * grid.cells * _UNIT
    bubbles = [0.0]
    for p in range(1, grid.degree + 1):
        bubbles.append(4 * z + (17 + levels) * _ROW if p == 1 else 2 * (z + bubbles[-1]) + (26 + 2 * levels) * _ROW)
    return hat, z, bubbles


def _rising(grid: Grid, levels: int, hat: float, z: float, error: dict[Degrees, float], folds: Folds) -> float:
    """Return a bound on the error of a product whose mask is rising, in units of its scale."""
    eta, outer, slope = mask_width(levels), grid.dimension - 1, 2.0**-levels
    small = 4 * (eta + hat)
    either = 2 * small + 4 * z + 2 * _ROW
    if hat > eta / 4:
        return either
    before = max(error[p] / folds.scales[p] for p in error)
    moved = before + 4 * outer * (hat / eta + 2 * _ROW)  # two features of a class, two ends of a cell
    through = (2 * (1 + 2 * slope + grid.degree * (1 + slope))) ** (outer - 1)  # the folds behind this one
    return min(either, (small + slope) * through * moved)


def _masses(table: Array, grid: Grid) -> dict[Degrees, float]:
    """Return the largest total of the coefficients of one cell of the last coordinate, by outer degrees."""
    out = {}
    for p in grid.degrees(grid.dimension - 1):
        block = np.abs(table[tuple(grid.span(a) for a in p)]).reshape(-1, grid.features)
        hats = block[:, grid.span(0)]
        total = hats[:, 1:] + hats[:, :-1]
        for a in range(1, grid.degree - sum(p) + 1):
            total = total + block[:, grid.span(a)]
        out[p] = float(total.max())
    return out
