"""Taylor polynomials on cells: the error off the bands, the look-up bit for bit, the size by formula."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive._checks import as_count
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.sup_error import sup_error
from constructive.domain import Box
from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.network import Layer, Network
from constructive.targets import Target, kink, runge
from constructive.teachers import taylor_cells
from constructive.theorems import draws
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_HATS, _COEFFICIENTS = 4, 5
"""Places of the hats of the index and of the coefficients among the layers."""
_BUDGET = 60_000
_MOST = {1: (64, 8, 4), 2: (64, 8, 4), 3: (32, 6, 3), 4: (32, 6, 3)}
"""Cells in each direction at most, for each order and dimension: what a verification in seconds allows."""


def draw(rng: np.random.Generator, d: int | None = None, order: int | None = None,
         cells: int | None = None) -> Instance:
    """Return a drawn target in one to three dimensions, an order 1 to 4, cells in each direction and width of bands."""
    dimension = int(rng.integers(1, 4)) if d is None else int(d)
    r = int(rng.integers(1, 5)) if order is None else int(order)
    kind = int(rng.integers(5 if dimension == 1 else 3))
    if kind < 3:
        target = draws.smooth_target(rng, dimension, kind)
    elif kind == 3:
        target = runge([float(rng.uniform(0.3, 0.7))], float(rng.uniform(3, 6)))
    else:
        target = kink([float(rng.uniform(0.3, 0.7))], max(r, 2))
    if cells is None:
        cells = int(rng.integers(8 if dimension == 1 else 3, _MOST[min(r, 4)][min(dimension, 3) - 1] + 1))
    cells = as_count(cells, "taylor-cells", "cells", at_least=3)
    return {"target": target, "order": r, "cells": cells, "width": 2.0 ** -int(rng.integers(10, 17)) / cells}


def construct(target: Target, order: int, cells: int, width: float) -> Network:
    """Return the cell teacher's network."""
    return taylor_cells(target, order=order, cells=cells, width=width).to_network()


def limit(target: Target, order: int, cells: int, **_: Any) -> float:
    """Return ``F_r (d / 2K)^r / r!`` and a 64th of it for gates and stored numbers."""
    built = target.bound(order) * (target.dimension / (2 * cells)) ** order / math.factorial(order)
    return built * (1 + 2.0**-6) * (1 + 2.0**-20)


def cell_boxes(target: Target, cells: int, width: float) -> tuple[Array, Array]:
    """Return the K^d closed cells between the bands, lower and upper ends (K^d, d), coordinate 0 running fastest."""
    thresholds = np.arange(1, cells) / cells
    low, high = np.concatenate([[0.0], thresholds + width]), np.concatenate([thresholds, [1.0]])
    axes = [np.arange(cells)] * target.dimension
    which = np.stack([axis.ravel(order="F") for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    return low[which], high[which]


def error(network: Network, instance: Instance) -> Bracket:
    """Return a certified bracket of the largest distance from the target on the cells, the bands left out."""
    low, high = cell_boxes(instance["target"], instance["cells"], instance["width"])
    boxes = [Box(a, b) for a, b in zip(low, high, strict=True)]
    return sup_error(network, instance["target"], boxes, limit=limit(**instance), budget=_BUDGET)


def look_up(network: Network, instance: Instance) -> Bracket:
    """Return how far the hats are from the cell's own 1 and 0s, and coefficients from the stored ones, on all cells.

    By interval bounds, which hold for the program in any order of summation: 0 means bit for bit.
    """
    return _deviation(network, *cell_boxes(instance["target"], instance["cells"], instance["width"]))


def look_up_single(network: Network, instance: Instance) -> Bracket:
    """Return the same of the program in single precision, on the inner 15/16 of each cell."""
    low, high = cell_boxes(instance["target"], instance["cells"], instance["width"])
    shrink = (high - low) / 32
    return _deviation(Network(network.layers[:_HATS + 1]).astype(np.float32), low + shrink, high - shrink)


def _deviation(network: Network, low: Array, high: Array) -> Bracket:
    """Return the largest distance of hats, and of coefficients if the network has them, from their own cell's.

    Upper end: interval bounds on the cells; lower end: also on their two extreme corners alone.
    """
    n = low.shape[0]
    if network.depth <= _HATS or network.layers[_HATS].outputs < n:
        return Bracket(0.0, np.inf)  # no hats to be seen
    waiting = network.layers[_HATS].outputs - n
    parts = [(Network(network.layers[:_HATS + 1]), np.eye(n), 0.0)]
    if network.depth > _COEFFICIENTS:
        layer = network.layers[_COEFFICIENTS]
        stored = np.asarray(layer.weight.toarray()[waiting:, waiting:].T) + layer.bias[waiting:]
        parts.append((Network(network.layers[:_COEFFICIENTS + 1]), stored, -np.inf))
    lower, upper = 0.0, 0.0
    for part, goal, least in parts:
        for a, b in ((low, high), (low, low), (high, high)):
            bottom, top = (np.maximum(ends[:, waiting:], least) for ends in interval_bounds(part, a, b))
            lower = max(lower, float(np.maximum(bottom - goal, goal - top).max()))
            if a is low and b is high:
                upper = max(upper, float(np.maximum(np.abs(bottom - goal), np.abs(top - goal)).max()))
    return Bracket(lower, upper, Evidence.ENCLOSED)


def excess(network: Network, instance: Instance) -> Bracket:
    """Return counted nonzeros less those of the formula; the depth m of the gates is read off the depth."""
    return exactly(network.size.nonzeros - formula(network.depth, **instance))


def formula(depth: int, target: Target, order: int, cells: int, **_: Any) -> int:
    """Return ``5 d (K-1) + (5 + M) K^d - 7`` less zero coefficients; for r > 1 also x carried, and the products.

    With M = C(d + r - 1, d) monomials and s_t = C(d + t - 1, d) of them below degree t: d (K-1) + 7 d + M for x, and
    ``(16 m + 8) (M - 1) + sum_t (m + 1) (s_t + d [t > 1]) + sum_{t > 1} (d + 2 s_t - s_{t-1}) + 2``, t < r.
    Needs K^d >= 3.
    """
    d, r = target.dimension, order
    below = [math.comb(d + t - 1, d) for t in range(r + 1)]
    count = 5 * d * (cells - 1) + (5 + below[r]) * cells**d - 7 - _vanishing(target, r, cells)
    if r == 1:
        return count
    m = (depth - 6) // (r - 1) - 2
    count += d * (cells - 1) + 7 * d + below[r] + (16 * m + 8) * (below[r] - 1) + 2
    for t in range(1, r):
        count += (m + 1) * (below[t] + (d if t > 1 else 0))
        if t > 1:
            count += d + 2 * below[t] - below[t - 1]
    return count


def _vanishing(target: Target, order: int, cells: int) -> int:
    """Return how many derivatives of degree below the order are exactly 0 at centers of cells."""
    axes = np.meshgrid(*[(np.arange(cells) + 0.5) / cells] * target.dimension, indexing="ij")
    centers = np.stack([axis.ravel() for axis in axes], axis=1)
    alphas = [a for a in itertools.product(range(order), repeat=target.dimension) if sum(a) < order]
    return sum(int((target.derivative(alpha, centers) == 0).sum()) for alpha in alphas)


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with a hat, the slope of a step, a coefficient, or a tooth altered."""
    kind = int(rng.integers(4 if instance["order"] > 1 else 3))
    stated, waiting = limit(**instance), network.inputs if instance["order"] > 1 else 0
    if kind == 0:  # a hat that starts too low
        row = waiting + int(rng.integers(network.layers[_HATS].outputs - waiting))
        return _altered(network, _HATS, row, 0, factor=0.5)
    if kind == 1:  # a step that takes twice its band
        return _altered(network, 1, waiting + int(rng.integers(network.layers[1].outputs - waiting)), 0, factor=0.5)
    if kind == 2:  # the value of one cell, too high by four times the stated error: units would cut what is too low
        size = 1.0 if instance["order"] == 1 else float(network.layers[-1].weight.toarray()[0, 0])
        column = int(rng.integers(network.layers[_COEFFICIENTS].weight.indptr[waiting + 1]
                                  - network.layers[_COEFFICIENTS].weight.indptr[waiting]))
        return _altered(network, _COEFFICIENTS, waiting, column, shift=4 * stated / size)
    last = network.depth - 1
    return _altered(network, last, 0, int(rng.integers(1, network.layers[last].weight.nnz)), shift=16 * stated)


def _altered(network: Network, k: int, row: int, entry: int, *, factor: float = 1.0, shift: float = 0.0) -> Network:
    """Return the network with the given stored entry of a row of layer k scaled and shifted."""
    layer = network.layers[k]
    weight: Any = sparse.csr_array(layer.weight, copy=True)
    place = int(weight.indptr[row]) + entry
    weight.data = weight.data.copy()
    weight.data[place] = float(weight.data[place]) * factor + shift
    return replaced(network, k, Layer.build(weight, layer.bias))


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


THEOREM = Theorem(
    name="taylor-cells",
    source=Source("2401.13624", "smooth targets by local polynomials", "sharper", "secondary", ("arXiv:1610.01145",)),
    statement="Taylor polynomials of degree r - 1 on K^d cells, looked up by saturated steps and hats of the index, "
              "are within F_r (d / 2K)^r / r! of the target off the bands where a step rises, plus gates and stored "
              "numbers; off the bands the look-up is exact bit for bit, and the size is a constant times the number of "
              "coefficients: 5 d (K - 1) + 6 K^d - 7 for r = 1. On a band the value means nothing.",
    hypotheses=("|D^alpha f| <= F_r on the unit cube for |alpha| = r", "points off the bands",
                "at least three cells", "gates within a 64th of the construction's error"),
    claims=(Claim("largest distance from the target off the bands", error, limit, "F_r (d / 2K)^r / r!, times 65/64"),
            Claim("hats and coefficients on each cell, from their own", look_up, zero, "0", "=="),
            Claim("the same hats in single precision, inner part of each cell", look_up_single, zero, "0", "=="),
            Claim("nonzeros counted less those of the formula", excess, zero, "0", "==")),
    draw=draw, construct=construct, plant=plant, repeats=8,
    proof=(("Taylor's remainder at the center: |x - c|_1 <= d / 2K", "teachers.cells.cell_bound"),
           ("subtraction is exact in sign, so a saturated step is exactly 0 or 1", "teachers.cell_table.Cells.of"),
           ("hats are exact on whole numbers; 1 + c / C is a double", "teachers.cell_table.CellTable.on_grid"),
           ("one product for each monomial but the first", "teachers.cell_layout.cell_price")),
)
