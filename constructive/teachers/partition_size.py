"""The nonzeros of the partition teacher by formula, stage by stage; partition_layout explains the stages.

The leading terms for d coordinates, K cells and pieces of degree q: one nonzero for each coefficient of the table, at
most (K + 1)^d C(d + q, d) of them; 4 for each choice of features in d - 1 coordinates, which the masks cost; 20 m for
each product gate, whose number does not depend on K; and about (5 + 4 q) K for the features of a coordinate.
"""

from __future__ import annotations

import math

from constructive.teachers.partition_table import Grid


def partition_nonzeros(grid: Grid, levels: int, coefficients: int) -> int:
    """Return the nonzeros of the partition network of a table with this many coefficients that are not 0.

    >>> grid = Grid(cells=16, dimension=1, degree=0)
    >>> partition_nonzeros(grid, 5, grid.coefficients) == 6 * 16 + 3
    True
    """
    d = grid.dimension
    wave, newest = _wave(grid, levels) if grid.degree else (0, 0)
    if d == 1:
        return wave + _features_alone(grid, newest) + coefficients
    return (wave + _features_and_masks(grid, newest) + _masked_values(grid, coefficients)
            + sum(_fold(grid, levels, axis) for axis in range(d - 1)))


def product_gates(grid: Grid) -> int:
    """Return the number of product gates: for bubbles of degree 2..q, and for the classes of each fold."""
    folds = sum(sum(_gates_at(grid, axis)) for axis in range(grid.dimension - 1))
    return grid.dimension * max(grid.degree - 1, 0) + folds


def _wave(grid: Grid, m: int) -> tuple[int, int]:
    """Return the nonzeros of z and the bubbles of all coordinates, and those of one row of the form of b_q."""
    k, q = grid.cells, grid.degree
    folds = (k - 1).bit_length()
    each = 3 if folds == 0 else 5  # K x, K x - K, K x - 2^(L-1)
    # |y - c| on both sides, y of 3 terms and a constant behind the first layer, then of 2; beside them K x
    each += 9 * (folds > 1) + 7 * max(folds - 2, 0)
    wave, side = {0: (2, 3), 1: (3, 4)}.get(folds, (3, 3))  # z, and z - 1/2: constants may cancel
    kept = 1 + (grid.dimension > 1 or q > 1)  # K x, and z where it is still used
    each += 1 + (kept - 1) * wave + 2 * side
    each += (kept + 9) * (m > 1) + (kept + 10) * max(m - 2, 0)
    newest = 3 if m == 1 else 4  # terms and constant of the form of b_1
    for p in range(2, q + 1):
        kept = p + 1  # K x, z, b_1, .., b_(p-1)
        each += kept - 1 + newest + 4 * (1 + newest)  # open
        each += kept + 12 + (kept + 18) * (m > 1) + (kept + 20) * max(m - 2, 0)
        newest = 4 if m == 1 else 6
    return grid.dimension * each, newest


def _features_alone(grid: Grid, newest: int) -> int:
    """Return the nonzeros of the features of the only coordinate."""
    k, q = grid.cells, grid.degree
    ramps, hats = 1 + 2 * k, 3 * k + 1
    if q == 0:
        return ramps + hats
    return ramps + (q - 1 + newest) + hats + q + (k + 1) + 4 * q * k


def _features_and_masks(grid: Grid, newest: int) -> int:
    """Return the nonzeros of masks of the outer coordinates and features of the last one, four layers."""
    k, q, outer = grid.cells, grid.degree, grid.dimension - 1
    ramps, hats, dead = 1 + 2 * k, 3 * k + 1, 2 * (k + 1)
    if q == 0:
        odd = (k + 1) // 2
        return outer * (ramps + hats + dead + odd + dead + 1) + 1 + 1 + ramps + hats
    mine = ramps + (1 + q - 1 + newest) + hats + (1 + q) + dead + (1 + q) + (dead + 3 * k) + (1 + q)
    last = 1 + (q - 1 + newest) + ramps + q + hats + q + (k + 1) + 4 * q * k
    return outer * mine + last


def _masked_values(grid: Grid, coefficients: int) -> int:
    """Return the nonzeros of the values, their clips, and the sums that enter the folds."""
    k, q, outer = grid.cells, grid.degree, grid.dimension - 1
    waves, owners = outer * (1 + q), k + 1 + (k if q else 0)
    total, arriving = coefficients, 0
    for axis in range(outer - 1, -1, -1):
        rows = _rows(grid, axis)
        # opened by the mask and the values before: a class function and what was summed over it
        total += rows + (rows + arriving if arriving else 0) + (axis + 1) * owners + waves
        total += 2 * rows + owners + axis * owners + waves
        arriving = rows
    return total + waves + 2 * sum(_gates_at(grid, outer - 1)) + arriving


def _fold(grid: Grid, m: int, axis: int) -> int:
    """Return the nonzeros of the gates of a coordinate and of the sums behind them."""
    even, odd, bubbles = _gates_at(grid, axis)
    gates, waves = even + odd + bubbles, (axis + 1) * (1 + grid.degree)
    layers = 2 + m + 1  # open, m levels, two clips
    total = waves * layers + 12 * gates - 2 * even  # 1 - z + value has no constant
    total += gates * (12 + 18 * (m > 1) + 20 * max(m - 2, 0))
    total += gates * (4 if m == 1 else 6) + gates + even + 2 * gates + even
    if axis == 0:
        return total + gates + 1 + bubbles  # 1 - z + z: the class functions of the hats leave a constant
    return total + gates + sum(_gates_at(grid, axis - 1)) + bubbles + axis * (1 + grid.degree)


def _gates_at(grid: Grid, axis: int) -> tuple[int, int, int]:
    """Return how many classes of the coordinates 0..axis end in even hats, in odd hats, in bubbles."""
    flat = bubbles = 0
    for p in grid.degrees(axis + 1):
        ways = 2 ** p[:-1].count(0)
        flat += ways * (p[-1] == 0)
        bubbles += ways * (p[-1] > 0)
    return flat, flat, bubbles


def _rows(grid: Grid, axis: int) -> int:
    """Return the values that are clipped to the masks of a coordinate: features up to it, classes behind it."""
    return sum(math.prod(map(grid.count, p[: axis + 1])) * 2 ** p[axis + 1:].count(0)
               for p in grid.degrees(grid.dimension - 1))
