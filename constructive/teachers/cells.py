"""Teachers on cells: Taylor polynomials of a smooth target, one on each cell, as one explicit network.

Data flow: target -> derivatives at the centers of K^d cells -> a table of coefficients -> the depth of the product
gates from the error that is wanted -> network, structured evaluation, and three errors that are never mixed:
construction (the theorem), representation (numbers stored as doubles), evaluation (rounding while running).
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.evidence import Bracket
from constructive.targets import Target
from constructive.teachers.cell_layout import cell_network, cell_nonzeros, value_sizes
from constructive.teachers.cell_table import Cells, CellTable, horner, monomials
from constructive.teachers.teacher import ErrorBudget, Teacher, Written

Array = NDArray[np.float64]

_LARGEST = 5_000_000
_HIGHEST = 20
"""Orders beyond this are refused: up to here factorials are exact doubles and powers stay in their range."""
_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-40
"""Rounds a bound computed in a few operations safely upward."""


def cell_bound(target: Target, order: int, cells: int) -> float:
    """Return ``F_r (d / 2 K)^r / r!``, the error of Taylor polynomials of degree r - 1 at the centers of K^d cells."""
    reach = target.dimension / (2 * cells) * (1 + 4 * cells * _UNIT)  # thresholds k / K are rounded
    return reach**order * target.bound(order) / math.factorial(order) * _UP


def taylor_cells(target: Target, *, order: int, cells: int | None = None, tolerance: float | None = None,
                 width: float | None = None) -> Teacher:
    """Return the network of Taylor polynomials of degree r - 1, r = order, at the centers of K^d cells, K = cells.

    Error ``<= F_r (d / 2K)^r / r!`` plus gates and representation, *off the bands* in which a step rises:
    ``teacher.region``, all but a volume of at most d (K - 1) w of the unit cube, w = ``width`` (default: at most
    2^-20 / K); off the cube nothing is stated. On a band the value means nothing; an adversary who may move a point
    by delta reaches a band from a set of volume about d (K - 1) (2 delta + w): for robust claims use
    :func:`taylor_partition`, whose error is uniform. ``tolerance``: the total error, from which K (unless given) and
    the depth of the gates follow; without it gates add at most 1/64 of the construction error, or what the stored
    numbers cost, if that is more.

    Size: ``5 d (K - 1) + 6 K^d - 7`` nonzeros for r = 1 and K^d > 2 (less the coefficients that are 0); beyond,
    ``(5 + M) K^d + 6 d (K - 1)`` and about ``16 m (M - 1)`` for M = C(d + r - 1, d) monomials and gates of depth m:
    a constant times the number of coefficients. The index is an exact integer and the look-up of coefficients exact
    bit for bit in any order of summation; Horner's rule needs one product for each monomial but the first.
    Raises TypeError or ValueError for a target off the unit cube, neither cells nor tolerance, a tolerance that
    cannot be met, bands as wide as cells, or more than 5 million coefficients, named with the size it would need.
    Source: arXiv:2401.13624 for the idea; the construction is ours.

    >>> from constructive.targets import cosine_product
    >>> teacher = taylor_cells(cosine_product([2.0]), order=2, cells=8)
    >>> teacher.error.upper < 2.0**2 * (1 / 16) ** 2 / 2 * 1.02
    True
    """
    who = "taylor_cells"
    r = as_order(order, who)
    _check_target(target, r, who)
    if cells is None and tolerance is None:
        raise ValueError(f"{who}: pass cells, or a tolerance from which they follow")
    goal = None if tolerance is None else as_number(tolerance, who, "tolerance", above=0.0)
    k = as_count(cells, who, "cells", at_least=1) if cells is not None else _cells_for(target, r, goal or 1.0)
    grid = make_cells(k, target.dimension, r, width, who)
    table, stored = taylor_table(target, r, grid)
    built = cell_bound(target, r, k)
    room = max(built / 64, stored) if goal is None else goal / _UP - built - stored
    levels = gate_levels(table, room)
    if levels is None:
        remedy = "a larger tolerance" if goal is not None and stored > goal / 2 else "more cells or a larger tolerance"
        raise ValueError(f"{who}: tolerance={goal!r} cannot be met with cells={k}: construction {built:.4g} + "
                         f"representation {stored:.2g} leave {room:.2g} for the gates; use {remedy}")
    budget = ErrorBudget(built, gate_error(table, levels), stored, evaluation_error(table, levels))
    if not math.isfinite(budget.total):
        raise ValueError(f"{who}: target {target.name!r} leaves the error without a finite bound ({budget}); rescale "
                         "it, or state its rounding")
    evidence = target.evidence
    return Teacher(
        network=Written(partial(cell_network, table, levels)), nonzeros=cell_nonzeros(table, levels), target=target,
        statement=f"Taylor polynomials of degree {r - 1} on {k}^{target.dimension} cells, gates of depth {levels}: "
                  f"error <= {budget.total:.4g} off bands of volume {grid.band_measure:.2g} ({budget})",
        error=Bracket(0.0, budget.total, evidence), evaluate=table.evaluate, region=grid.region,
        budget=budget,
    )


def as_order(value: object, who: str) -> int:
    """Return the order r = degree + 1, 1 <= r <= 20."""
    return as_count(value, who, "order", at_least=1, at_most=_HIGHEST)


def _check_target(target: Target, r: int, who: str) -> None:
    if not isinstance(target, Target):
        raise TypeError(f"{who}: target must be a Target, got {type(target).__name__}; see constructive.targets")
    if (target.box.lower != 0).any() or (target.box.upper != 1).any():
        raise ValueError(f"{who}: target {target.name!r} must live on the unit cube, its box is "
                         f"{target.box.lower.tolist()} to {target.box.upper.tolist()}; use targets.rescaled")
    for order in range(1, r + 1):
        stated = target.bound(order)
        if not 0 <= stated < math.inf:
            raise ValueError(f"{who}: target {target.name!r} states bound({order}) = {stated!r}, which bounds none of "
                             f"its derivatives of order {order}; use a lower order or a smoother target")


def _cells_for(target: Target, r: int, goal: float) -> int:
    """Return the least K whose construction error is at most 31/32 of the goal; the rest is for the gates."""
    unit = cell_bound(target, r, 1)
    k = max(1, math.ceil(min(unit / goal, 1e30) ** (1 / r)))
    # thresholds are rounded, so that not every goal can be met; what is too large is refused by its size
    while k <= _LARGEST and cell_bound(target, r, k) > goal * 31 / 32:
        k += max(1, k // 64)
    return k


def make_cells(count: int, dimension: int, order: int, width: float | None, who: str) -> Cells:
    """Return the grid; ValueError for bands that do not fit or a table that is too large."""
    coefficients = count**dimension * math.comb(dimension + order - 1, dimension)
    if coefficients > _LARGEST:
        needs = f"{coefficients:,}" if coefficients < 10**18 else f"about 10^{math.log10(coefficients):.0f}"
        raise ValueError(f"{who}: cells={count} in dimension {dimension} with order={order} needs {needs} "
                         f"coefficients, more than {_LARGEST:,}; use fewer cells, a larger tolerance or a lower order")
    usual = 2.0 ** -(20 + math.ceil(math.log2(count)))
    wide = usual if width is None else as_number(width, who, "width", above=0.0, at_most=0.5 / count)
    return Cells.of(count, dimension, wide, who)


def taylor_table(target: Target, order: int, cells: Cells) -> tuple[CellTable, float]:
    """Return the coefficients D^alpha f / (alpha! (2K)^|alpha|) at the centers, and the error of storing them.

    The error counts: values and derivatives as computed by the target, centers and 1 / K rounded, coefficients
    rounded to the grid on which 1 + c / C is exact.
    """
    k, d = cells.count, cells.dimension
    axes = np.meshgrid(*[(np.arange(k) + 0.5) / k] * d, indexing="ij")
    centers = np.stack([axis.ravel(order="F") for axis in axes], axis=1)  # coordinate 0 runs fastest
    columns, error = [], 0.0
    for alpha in monomials(d, order - 1):
        total = sum(alpha)
        scale = 1.0 / (math.prod(math.factorial(a) for a in alpha) * (2.0 * k) ** total)
        columns.append(_derivative(target, alpha, centers) * scale)
        size = target.bound(total) if total else 0.0
        error += (_rounding(target, total) + _UNIT * (d * target.bound(total + 1) + 8 * size)) * scale
    table = CellTable(cells, order, np.stack(columns, axis=1)).on_grid()
    sizes, values = table.sizes(), value_sizes(table)
    degrees = np.array([sum(alpha) for alpha in monomials(d, order - 1)])
    # s is off by 3 K 2^-52, and gates see it beyond [-1, 1] by as much: each then errs by that times its value
    error += float((sizes * (2.0**-53 + degrees * 4 * k * _UNIT)).sum() + values[1:].sum() * k * _UNIT)
    return table, error * _UP


def _rounding(target: Target, r: int) -> float:
    """Return the target's bound on what it computes wrong, the one for this order alone where it states one."""
    return target.derivative_rounding(r) if r or target.noise is None else target.noise(0)


def _derivative(target: Target, alpha: tuple[int, ...], points: Array) -> Array:
    """Return the target's derivative at points (n, d), all of it finite and within 2^900."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        values = np.asarray(target.derivative(alpha, points), dtype=np.float64)
    if values.shape != points.shape[:1]:
        raise ValueError(f"taylor_cells: target {target.name!r} returned derivatives {alpha} of shape {values.shape} "
                         f"for points {points.shape}; its derivative must return shape {points.shape[:1]}")
    wrong = np.flatnonzero(~(np.abs(values) <= 2.0**900))
    if wrong.size:
        i = int(wrong[0])
        raise ValueError(f"taylor_cells: target {target.name!r} has the derivative {alpha} = {values[i].item()!r} at "
                         f"{points[i].tolist()}, not a finite number up to 2^900; rescale it, or bound it away from "
                         "its poles")
    return values


def gate_error(table: CellTable, levels: int) -> float:
    """Return ``4^-(m+1) sum V``, over the values V of all monomials but 1: one product each, of factors up to 1, V."""
    return float(value_sizes(table)[1:].sum()) * 4.0 ** -(levels + 1) * _UP


def gate_levels(table: CellTable, room: float) -> int | None:
    """Return the least depth of gates whose error fits in the room; None if 48 do not."""
    return next((m for m in range(1, 49) if gate_error(table, m) <= room or table.order == 1), None)


def evaluation_error(table: CellTable, levels: int) -> float:
    """Return a bound on |double-precision run - real network| on the cube off the bands, in any order of summation.

    A row of n terms of total size S errs by at most 2 (n + 1) u S; index and look-up are exact. Teeth: both units
    of a level read the same stored numbers, so their common error only doubles from level to level, as the tooth
    does, while its weight falls by 4: the sum stays below the first error plus one level's rounding.
    """
    if table.order == 1:
        return 2 * _UNIT * float(table.amplitude or 0.0) * 3
    k, sizes, values = table.cells.count, table.sizes(), value_sizes(table)
    parents = horner(table.dimension, table.order - 1)
    degree = [sum(alpha) for alpha in monomials(table.dimension, table.order - 1)]
    error = np.full(sizes.size, 4 * _UNIT)  # of the unit 1 + c / C, then of 1 + value / V
    for total in range(table.order - 1, 0, -1):
        gained = np.zeros(sizes.size)
        children = np.zeros(sizes.size)
        for c in (i for i, t in enumerate(degree) if t == total):
            opened = 48 * _UNIT + 2 * k * 12 * _UNIT + error[c]
            square = 2 * (opened + 12 * _UNIT) + (256 + 16 * levels) * _UNIT
            gained[parents[c][0]] += values[c] * 2 * square
            children[parents[c][0]] += 1
        for b in (i for i, t in enumerate(degree) if t == total - 1):
            own = sizes[b] * error[b] + 2 * (6 * children[b] + 4) * _UNIT * 6 * values[b]
            error[b] = (own + gained[b]) / values[b]
    cut = 0.0 if table.amplitude is None else 12 * _UNIT * (values[0] + 2 * table.amplitude)
    return float(error[0] * values[0] + 4 * _UNIT * values[0] + cut) * _UP
