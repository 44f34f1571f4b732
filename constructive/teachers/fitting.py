"""Least squares on cells: the empirical risk minimizer of an under-parameterized class, computed instead of assumed.

Data flow: points -> their cells -> for each cell least squares in orthonormal Legendre polynomials of the highest
degree that its points carry -> a table of monomials -> the same network as Taylor polynomials have, cut off at +-B.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.labels import clean_labels
from constructive.teachers.cell_layout import cell_network, cell_nonzeros
from constructive.teachers.cell_table import CellTable, monomials
from constructive.teachers.cells import as_order, gate_error, gate_levels, make_cells
from constructive.teachers.teacher import Teacher, Written

Array = NDArray[np.float64]

_SMALLEST = 0.1
"""A cell whose scaled design has a smaller singular value falls back to a lower degree."""


def fit_cells(X: ArrayLike, y: Any, *, order: int, cells: int, amplitude: float | None = None,
              tolerance: float | None = None, width: float | None = None) -> Teacher:
    """Return polynomials of degree r - 1, r = order, fitted on each of K^d cells of the unit cube, cut off at +-B.

    X (n, d) in the unit cube; y (n,) real labels, or two classes, told as -1 and +1. ``amplitude`` B (default: the
    labels' bound, a power of two); ``tolerance`` for the product gates (default: B / (64 K^r)). Cells are closed on the
    right: a point on a threshold, or on the band behind it, counts for the cell below. A cell falls back to a
    lower degree where its points do not determine the fit (fewer than monomials, or nearly dependent); an empty one
    is 0. With K ~ n^(1 / (2r + d)) and a target in C^r the expected squared error is O(n^(-2r / (2r + d))) up to
    logarithms; on the bands between cells (see :func:`taylor_cells`) only |T| <= B holds.

    Size: as :func:`taylor_cells` for M = C(d + r - 1, d) monomials, and 5 nonzeros for the cut. No uniform error is
    stated. Raises ValueError for points off the cube, named, for three or more classes, or a table of more than
    5 million coefficients. Source: arXiv:2401.13624 asks for such a minimizer; least squares on partitions is
    classical.

    >>> teacher = fit_cells([[0.1], [0.4], [0.6], [0.9]], [0.0, 0.0, 1.0, 1.0], order=1, cells=2)
    >>> teacher([[0.2], [0.7]]).ravel().tolist()
    [0.0, 1.0]
    """
    who = "fit_cells"
    points = as_points(X, who)
    labels = clean_labels(y, points.shape[0], who=who, task=None)
    if labels.outputs > 1:
        raise ValueError(f"{who}: y has {labels.words}; fit one teacher for each class, or pass floating labels if "
                         "they are real values")
    r = as_order(order, who)
    k = as_count(cells, who, "cells", at_least=1)
    outside = ((points < 0) | (points > 1)).any(axis=1)
    if outside.any():
        i = int(np.argmax(outside))
        raise ValueError(f"{who}: X[{i}] = {points[i].tolist()} is not in the unit cube; rescale the data to [0, 1]")
    bound = labels.bound if amplitude is None else as_number(amplitude, who, "amplitude", above=0.0, at_most=2.0**1000)
    if labels.bound > 2.0**900:
        raise ValueError(f"{who}: labels reach {labels.bound!r}, more than 2^900; rescale y")
    grid = make_cells(k, points.shape[1], r, width, who)
    own = np.floor(grid.locate(points)[0])  # a point on a threshold, or on its band, belongs to the cell below
    s = 2 * k * (points - own / k) - 1.0
    index = own.astype(np.int64) @ (k ** np.arange(points.shape[1]))
    fitted, lowered = _fit(index, s, labels.scores, k ** points.shape[1], r)
    table = CellTable(grid, r, fitted, bound).on_grid()
    # beyond 24 levels gates are finer than doubles
    goal = (max(bound / (64 * k**r), gate_error(table, 24)) if tolerance is None
            else as_number(tolerance, who, "tolerance", above=0.0))
    levels = gate_levels(table, goal)
    if levels is None:
        raise ValueError(f"{who}: tolerance={goal!r} cannot be met by gates of depth 48, the fitted coefficients reach "
                         f"{float(np.abs(fitted).max()):.3g}; pass a larger tolerance or fewer cells")
    fallen = f", {lowered} of {fitted.shape[0]} cells with a lower degree or empty" if lowered else ""
    return Teacher(
        network=Written(partial(cell_network, table, levels)), nonzeros=cell_nonzeros(table, levels),
        statement=f"least squares polynomials of degree {r - 1} on {k}^{points.shape[1]} cells, cut off at "
                  f"+-{bound!r}{fallen}, gates within {gate_error(table, levels):.2g}",
        evaluate=table.evaluate,
    )


def _fit(index: NDArray[np.int64], s: Array, values: Array, cells: int, order: int) -> tuple[Array, int]:
    """Return coefficients (cells, M) of monomials in s, and how many cells fell back to a lower degree."""
    d = s.shape[1]
    design, change = _legendre(s, order), _to_monomials(d, order)
    ends = [math.comb(d + degree, d) for degree in range(order)]
    rows = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[rows], np.arange(cells + 1))
    out, lowered = np.zeros((cells, ends[-1])), 0
    for cell, (start, stop) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        own = rows[start:stop]
        for used in reversed(ends):
            if stop - start >= used and _fits(design[own, :used], values[own], out[cell]):
                break
            lowered += used == ends[-1]
    return out @ change, lowered


def _fits(design: Array, values: Array, out: Array) -> bool:
    """Write the least squares solution into ``out`` if the points determine it; say whether they do."""
    left, sizes, right = np.linalg.svd(design / math.sqrt(design.shape[0]), full_matrices=False)
    if sizes[-1] < _SMALLEST:
        return False
    out[:design.shape[1]] = right.T @ ((left.T @ values) / (sizes * math.sqrt(design.shape[0])))
    return True


def _legendre(s: Array, order: int) -> Array:
    """Return the products of Legendre polynomials, orthonormal on [-1, 1]^d, up to degree order - 1: (n, M)."""
    each = [legendre.legvander(s[:, j], order - 1) * np.sqrt(2 * np.arange(order) + 1) for j in range(s.shape[1])]
    return np.stack([np.prod([v[:, a] for v, a in zip(each, alpha, strict=True)], axis=0)
                     for alpha in monomials(s.shape[1], order - 1)], axis=1)


def _to_monomials(d: int, order: int) -> Array:
    """Return the matrix (M, M) whose rows are those products written in monomials."""
    known = monomials(d, order - 1)
    place = {alpha: i for i, alpha in enumerate(known)}
    single = [np.sqrt(2 * a + 1) * legendre.leg2poly([0.0] * a + [1.0]) for a in range(order)]
    out = np.zeros((len(known), len(known)))
    for i, alpha in enumerate(known):
        terms: dict[tuple[int, ...], float] = {(): 1.0}
        for a in alpha:
            terms = {(*beta, b): c * w for beta, c in terms.items() for b, w in enumerate(single[a]) if w}
        for beta, c in terms.items():
            out[i, place[beta]] += c
    return out
