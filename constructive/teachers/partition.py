"""Local polynomials glued by hats: a smooth target as a ReLU network with a proved uniform error.

Data flow: target -> Taylor pieces at the (K + 1)^d nodes -> a table over features of one coordinate each
(partition_table) -> the depth of the gates from the error that is wanted (partition_gates) -> network
(partition_layout) with its size by formula (partition_size). The constants and their proof: partition_bound.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.evidence import Bracket
from constructive.targets import Target
from constructive.targets.target import shifted
from constructive.teachers.partition_bound import UP, taylor_bound
from constructive.teachers.partition_gates import MOST_LEVELS, follow_folds
from constructive.teachers.partition_layout import partition_network
from constructive.teachers.partition_rounding import evaluation_error
from constructive.teachers.partition_size import partition_nonzeros
from constructive.teachers.partition_table import (
    Grid,
    evaluate_table,
    into_features,
    node_coefficients,
    piece_degree,
    piece_scale,
)
from constructive.teachers.teacher import ErrorBudget, Teacher, Written

Array = NDArray[np.float64]

__all__ = ["taylor_bound", "taylor_partition"]

_LARGEST = 5_000_000
_UNIT = 2.0**-53
_USUAL = 8
"""Depth of gates that a size is named for before the depth is known."""


def taylor_partition(target: Target, *, order: int, cells: int | None = None, tolerance: float | None = None,
                     levels: int | None = None, pieces: str = "modified") -> Teacher:
    """Return a teacher within a proved uniform distance of the target on the unit cube: no bands, no exceptions.

    ``order`` r >= 1; ``cells`` K >= 1 in each direction, or ``tolerance`` for the total error, from which K follows;
    ``levels`` m, the depth of gates (default: they add at most 1/20 of the construction error, or what the tolerance
    leaves). ``pieces``: "modified" ones of degree r - 2, or "full" Taylor pieces of degree r - 1, of the same order
    with more coefficients and a bound r - 1 times larger.
    Error: ``c_r (d/K)^r F_r / r!``, divided by r - 1 for modified pieces of order r >= 2, with
    ``c_r = max (1-s) s^r + s (1-s)^r`` = 1/2, 1/4, 1/8, 1/12, ..., plus gates and representation: all in ``error``. The
    ``statement`` names the parts, and beside them a bound on what rounding adds in a double-precision run. Outside the
    cube the teacher continues with the value at the nearest point of the cube.
    Size, exactly, in ``nonzeros``: one for each of at most (K + 1)^d C(d + q, d) coefficients, q the degree of the
    pieces, 4 for each choice of features in d - 1 coordinates, and product gates of about 20 m, whose number does not
    depend on K. Depth about (q + d) m + log2 K. Weights up to 4^(m+3).
    Raises TypeError or ValueError for a target off the unit cube or without derivatives of that order, both or neither
    of cells and tolerance, a tolerance that cannot be met, or a size above 5 million nonzeros, which is named.
    Source: arXiv:2401.13624 and arXiv:1610.01145 for the partition of unity; modified pieces, masks, layout are ours.

    >>> from constructive.targets import cosine_product
    >>> teacher = taylor_partition(cosine_product([2.0, 1.0]), order=4, cells=4)
    >>> teacher.error.upper < 2.0**4 * (2 / 4) ** 4 / (12 * 3 * 24) * 1.06
    True
    """
    who = "taylor_partition"
    r = as_count(order, who, "order", at_least=1)
    if pieces not in ("modified", "full"):
        raise ValueError(f"{who}: pieces={pieces!r} must be 'modified' or 'full'")
    _check_target(target, r, who)
    if (cells is None) == (tolerance is None):
        raise ValueError(f"{who}: pass exactly one of cells and tolerance")
    depth = None if levels is None else as_count(levels, who, "levels", at_least=1, at_most=MOST_LEVELS)
    goal = None if tolerance is None else as_number(tolerance, who, "tolerance", above=0.0)
    k = as_count(cells, who, "cells", at_least=1) if goal is None else _cells_for(target, r, goal, pieces)
    grid = Grid(k, target.dimension, piece_degree(r, pieces))
    _check_size(grid, depth, who)
    table, stored = partition_table(target, grid, pieces)
    built = taylor_bound(target, r, k, pieces)
    room = max(built / 20, 1e-13) if goal is None else goal / UP - built - stored
    m = depth or gate_levels(table, grid, room)
    folds = follow_folds(table, grid, m)
    budget = ErrorBudget(built, folds.error, stored, evaluation_error(table, grid, m, folds))
    if goal is not None and budget.total > goal:
        raise ValueError(f"{who}: tolerance={tolerance!r} cannot be met with cells={k} and gates of depth {m}, the "
                         f"proved error is {budget.total:.4g} ({budget}); raise levels or tolerance")
    nonzeros = partition_nonzeros(grid, m, int(np.count_nonzero(table)))
    if nonzeros > _LARGEST:
        raise ValueError(_too_large(grid, nonzeros, who))
    kind = f"modified Taylor pieces of order {r}" if pieces == "modified" else f"Taylor pieces of degree {r - 1}"
    gates = f"gates of depth {m}" if grid.degree or grid.dimension > 1 else "no gates"
    return Teacher(
        network=Written(partial(partition_network, table, grid, m, folds.scales)), nonzeros=nonzeros, target=target,
        statement=f"{kind} on {k}^{grid.dimension} cells, {gates}: error <= {budget.total:.4g} = {budget}",
        error=Bracket(0.0, budget.total, target.evidence), evaluate=partial(structured, table, grid), budget=budget,
    )


def structured(table: Array, grid: Grid, X: Array) -> Array:
    """Return the glued polynomials (n, 1) at points (n, d), in blocks of points."""
    if X.shape[1] != grid.dimension:
        raise ValueError(f"teacher: x has {X.shape[1]} coordinates, expected {grid.dimension}")
    parts = [evaluate_table(table, grid, X[start:start + 8192]) for start in range(0, X.shape[0], 8192)]
    return np.concatenate([np.zeros(0), *parts])[:, None]


def _check_target(target: Target, r: int, who: str) -> None:
    if not isinstance(target, Target):
        raise TypeError(f"{who}: target must be a Target, got {type(target).__name__}; see constructive.targets")
    if (target.box.lower != 0).any() or (target.box.upper != 1).any():
        raise ValueError(f"{who}: target {target.name!r} must live on the unit cube; rescale it")
    if r > target.order:
        raise ValueError(f"{who}: order={r} needs derivatives that target {target.name!r} does not have; choose an "
                         f"order <= {target.order}")


def _check_size(grid: Grid, levels: int | None, who: str) -> None:
    """Refuse what is too large before anything is allocated; the count of a full table costs no more than a formula."""
    least = max(grid.cells ** grid.dimension * math.comb(grid.dimension + grid.degree, grid.degree),
                (grid.cells + 1) ** grid.dimension)
    size = least if least > 20 * _LARGEST else partition_nonzeros(grid, levels or _USUAL, grid.coefficients)
    if size > _LARGEST:
        raise ValueError(_too_large(grid, size, who))
    held = ((grid.degree + 1) * (grid.cells + 1)) ** grid.dimension
    if held > 20 * _LARGEST:
        raise ValueError(f"{who}: cells={grid.cells} in dimension {grid.dimension} with pieces of degree {grid.degree} "
                         f"needs a table of {held:,} numbers, more than {20 * _LARGEST:,}; use fewer cells or a lower "
                         "order")


def _too_large(grid: Grid, size: int, who: str) -> str:
    return (f"{who}: cells={grid.cells} in dimension {grid.dimension} with pieces of degree {grid.degree} needs about "
            f"{size:,} nonzeros, more than {_LARGEST:,}; use fewer cells, a larger tolerance or a lower order")


def _cells_for(target: Target, r: int, goal: float, pieces: str) -> int:
    """Return the least K whose construction error is at most 31/32 of the goal; the rest is for the gates."""
    share = goal * 31 / 32
    # beyond this ratio the size is refused anyway
    k = max(1, math.ceil(min(taylor_bound(target, r, 1, pieces) / share, 1e30) ** (1 / r) * (1 - 2.0**-40)))
    while k < 1e15 and taylor_bound(target, r, k, pieces) > share:
        k += 1
    return k


def partition_table(target: Target, grid: Grid, pieces: str) -> tuple[Array, float]:
    """Return the table of glued Taylor pieces over features, and the error of what is stored in it.

    The error counts: values and derivatives as the target computes them; nodes k / K rounded to doubles; products and
    sums on the way into the table, each term meeting at most 2 + d (2 q + 1) roundings. A coefficient of
    (K x - k)^alpha reaches the sum through hats times |K x - k|^alpha, at most 1/2 in every coordinate with
    alpha_j > 0. The weights made of the table are exact: scales are powers of two.
    """
    d, error = grid.dimension, 0.0
    off = 0.0 if grid.cells & (grid.cells - 1) == 0 else _UNIT  # how far a coordinate of a node may be from k / K
    for alpha in grid.degrees(d):
        total, spread = sum(alpha), sum(a > 0 for a in alpha)
        moved = shifted(target, total, d * off) if total else target.lipschitz * off
        noise = target.derivative_rounding(total) + (moved if off else 0.0)
        error += noise * piece_scale(alpha, grid, pieces) / 2.0**spread
    coefficients = node_coefficients(target, grid, pieces)
    table = into_features(coefficients, grid)
    if grid.degree:
        sizes = into_features(coefficients, grid, absolute=True)
        error += (3 + d * (2 * grid.degree + 1)) * _UNIT * follow_folds(sizes, grid, MOST_LEVELS).reach
    return table, error * UP


def gate_levels(table: Array, grid: Grid, room: float) -> int:
    """Return the least depth of gates whose error fits in the room, at most 24."""
    return next((m for m in range(1, MOST_LEVELS) if follow_folds(table, grid, m).error <= room), MOST_LEVELS)

