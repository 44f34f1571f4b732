"""The layers of a cell network: steps, index, look-up, Horner's rule; each map with its nonzeros by formula.

Layers: 1 relu(end - x) for every step, x; 2 steps, x; 3 index t, kappa_j, x; 4 ramps relu(t - k), v_j = x_j -
kappa_j / K; 5 hats of t, v; 6 coefficients 1 + c / C, v; then one stage for each degree, highest first: the products of
s_j = 2 K v_j - 1 with the values behind them, m + 2 layers. With order 1 layer 6 is the output.
The network is a chain: what waits is carried as nonnegative units, one nonzero each for each layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.labels import power_of_two_above
from constructive.network import Layer, Network
from constructive.teachers.cell_table import Cells, CellTable, horner, monomials

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """One affine map with its nonzeros by formula."""

    weight: Any
    bias: Array
    nonzeros: int


def cell_network(table: CellTable, levels: int) -> Network:
    """Return the network of a table with gates of m = levels; each of its maps has the nonzeros of its formula."""
    return Network(tuple(Layer.build(part.weight, part.bias) for part in cell_maps(table, levels)))


def cell_nonzeros(table: CellTable, levels: int) -> int:
    """Return the nonzeros of :func:`cell_network` by formula, without building its large maps.

    With N = K^d cells and M monomials, no coefficient being 0: 5 d (K - 1) + (5 + M) N - 7, for order 1 that is all;
    beyond, d (K - 1) + 7 d + M more, and the products: about 16 m (M - 1).
    """
    zeros = table.coefficients.size - int(np.count_nonzero(table.coefficients))
    price = cell_price(table.dimension, table.cells.count, table.order, levels, cut=table.amplitude is not None)
    # with a cut the last bias is B - C, which may be 0
    cancelled = table.order > 1 and table.amplitude == float(table.sizes()[0])
    return price - zeros - int(cancelled)


def cell_price(dimension: int, cells: int, order: int, levels: int, *, cut: bool = False) -> int:
    """Return the nonzeros of a cell network in which no coefficient is 0: what it costs, before any data."""
    d, n = dimension, cells**dimension
    starts = [math.comb(d + degree - 1, d) for degree in range(order + 1)]  # monomials below each degree
    total = starts[order] * n + _hat_nonzeros(n) + _index_nonzeros(d, cells, order > 1) + (4 if cut else 0)
    if order == 1:
        return total + int(cut)
    total += starts[order] + d
    read = 4 if levels == 1 else 6
    for degree in range(order - 1, 0, -1):
        count, waiting = starts[degree + 1] - starts[degree], starts[degree] + (d if degree > 1 else 0)
        teeth = 10 + (14 if levels > 1 else 0) + 16 * max(levels - 2, 0)
        total += (levels + 1) * waiting + (10 + teeth + read) * count
        total += d + starts[degree - 1] + 2 * (starts[degree] - starts[degree - 1]) if degree > 1 else 2
    return total


def cell_maps(table: CellTable, levels: int) -> list[Map]:
    """Return all maps, first layer first."""
    maps, stored = _index(table.cells, table.order > 1), int(np.count_nonzero(table.coefficients))
    if table.order == 1:
        bias = np.array([table.amplitude or 0.0])
        maps.append(Map(sparse.csr_array(table.coefficients.T), bias, stored + int(np.count_nonzero(bias))))
    else:
        d, sizes = table.dimension, table.sizes()
        weight = sparse.block_diag([sparse.eye_array(d), sparse.csr_array((table.coefficients / sizes).T)])
        maps.append(Map(weight, np.concatenate([np.zeros(d), np.ones(sizes.size)]), d + stored + sizes.size))
        maps.extend(_stages(table, levels))
    if table.amplitude is not None:  # B - relu(2B - relu(T + B)) is T cut off at +-B
        minus = np.array([[-1.0]])
        maps.extend([Map(minus, np.array([2 * table.amplitude]), 2), Map(minus, np.array([table.amplitude]), 2)])
    return maps


def value_sizes(table: CellTable) -> Array:
    """Return powers of two (M,) V >= |value| for the value of each monomial in Horner's rule: C + sum of children.

    V > C where there are children, so that the bias 1 - C / V of the layout is never 0.
    """
    sizes, out = table.sizes(), table.sizes()
    parents = horner(table.dimension, table.order - 1)
    sums = [Fraction(float(v)) for v in sizes]  # in doubles a small child would be lost beside C
    for child in range(len(parents) - 1, -1, -1):
        near = float(sums[child])
        out[child] = power_of_two_above(near if near >= sums[child] else math.nextafter(near, math.inf))
        if child:
            sums[parents[child][0]] += Fraction(float(out[child]))
    return out


# -- where is the point, and what is stored there ------------------------------------------------------------------


def _index(cells: Cells, read: bool) -> list[Map]:
    """Return the maps up to v (d units, only if ``read``) and the hats of the index (K^d units)."""
    k, d, n = cells.count, cells.dimension, cells.count**cells.dimension
    kept = d if read else 0
    if k == 1:  # one cell: its hat is the constant 1
        weight = sparse.vstack([sparse.eye_array(kept, d), sparse.csr_array((1, d))])
        return [Map(weight, np.concatenate([np.zeros(kept), np.ones(1)]), _index_nonzeros(d, k, read) + 1)]
    steps = d * (k - 1)
    eye, each = sparse.eye_array(d), sparse.kron(sparse.eye_array(d), np.ones((k - 1, 1)))
    begin = sparse.vstack([sparse.eye_array(kept, d), -each])
    rise = sparse.block_diag([sparse.eye_array(kept), -sparse.diags_array(np.tile(cells.slopes, d))])
    place = sparse.kron(sparse.csr_array(float(k) ** np.arange(d)[None, :]), np.ones((1, k - 1)))
    count = [Map(begin, np.concatenate([np.zeros(kept), np.tile(cells.ends, d)]), kept + 2 * steps),
             Map(rise, np.concatenate([np.zeros(kept), np.ones(steps)]), kept + 2 * steps)]
    ramp = sparse.csr_array(np.ones((n - 1, 1)))
    if read:
        kappa = each.T
        count.append(Map(sparse.block_array([[eye, None], [None, kappa], [None, place]]), np.zeros(2 * d + 1),
                         d + 2 * steps))
        inside = sparse.hstack([eye, eye / -k])  # v = x - kappa / K, never negative on the cube
        count.append(Map(sparse.block_diag([inside, ramp]), np.concatenate([np.zeros(d), -np.arange(n - 1.0)]),
                         2 * d + 2 * n - 3))
    else:
        count.append(Map(place, np.zeros(1), steps))
        count.append(Map(ramp, -np.arange(n - 1.0), 2 * n - 3))
    hats = sparse.diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(n, n - 1)).tolil()
    hats[0, :] = 0.0
    hats[0, 0] = -1.0
    one = np.zeros(kept + n)
    one[kept] = 1.0
    count.append(Map(sparse.block_diag([sparse.eye_array(kept), hats]), one, kept + _hat_nonzeros(n) - (2 * n - 3)))
    return count


def _index_nonzeros(d: int, cells: int, read: bool) -> int:
    """Return the nonzeros up to the index, and of v up to the hats where it is read."""
    steps = d * (cells - 1)
    if cells == 1:
        return d if read else 0
    return 5 * steps + (steps + 6 * d if read else 0)


def _hat_nonzeros(n: int) -> int:
    """Return the nonzeros of n - 1 ramps and n hats of the index."""
    return {1: 1, 2: 4}.get(n, 5 * n - 7)


# -- Horner's rule ----------------------------------------------------------------------------------------------------


def _stages(table: CellTable, levels: int) -> list[Map]:
    """Return the maps from v and the coefficients to the value, one stage of products for each degree."""
    d, degree, k = table.dimension, table.order - 1, table.cells.count
    starts = [sum(1 for alpha in monomials(d, degree) if sum(alpha) < total) for total in range(degree + 2)]
    parents, sizes, values = horner(d, degree), table.sizes(), value_sizes(table)
    maps: list[Map] = []
    for total in range(degree, 0, -1):
        children = np.arange(starts[total], starts[total + 1])
        inner, count = starts[total], children.size
        waiting = (d if total > 1 else 0) + inner
        keep = sparse.csr_array(sparse.block_diag([sparse.eye_array(d if total > 1 else 0, d),
                                                   sparse.eye_array(inner, inner + count)]))
        axis = np.array([parents[c][1] for c in children.tolist()])
        s = sparse.csr_array((np.full(count, 2.0 * k), (np.arange(count), axis)), shape=(count, d + inner + count))
        u = sparse.eye_array(count, d + inner + count, k=d + inner)
        # s + value = 2 K v + u - 2 and s - value = 2 K v - u, for u = 1 + value
        opened = sparse.vstack([keep, s + u, -s - u, s - u, u - s])
        maps.append(Map(opened, np.concatenate([np.zeros(waiting), np.repeat([-2.0, 2.0, 0.0, 0.0], count)]),
                        waiting + 10 * count))
        products = _products(count, waiting, levels, maps)
        terms = (4 if levels == 1 else 6) * count
        if total == 1:
            row = sparse.csr_array(values[None, children])
            offset = (table.amplitude or 0.0) - sizes[0]
            maps.append(Map(sparse.hstack([sparse.csr_array([[sizes[0]]]), row @ products]), np.array([offset]),
                            1 + int(offset != 0) + terms))
            continue
        below = np.arange(starts[total - 1], inner)
        up = np.array([parents[c][0] for c in children.tolist()])
        join = sparse.csr_array((values[children] / values[up], (up - starts[total - 1], np.arange(count))),
                                shape=(below.size, count))
        own = sparse.diags_array(sizes[below] / values[below])
        rest = d + starts[total - 1]
        weight = sparse.block_array([[sparse.eye_array(rest), None, None], [None, own, join @ products]])
        bias = np.concatenate([np.zeros(rest), 1.0 - sizes[below] / values[below]])
        maps.append(Map(weight, bias, rest + 2 * below.size + terms))
    return maps


def _products(count: int, waiting: int, m: int, maps: list[Map]) -> Any:
    """Append the teeth of 2 ``count`` squares beside the waiting units; return how the products read the last units.

    Before: relu(z), relu(-z) for z = s + value, then for z = s - value. P = square(|z| / 2) - square(|z'| / 2).
    """
    one, half = sparse.eye_array(2 * count), sparse.kron(sparse.eye_array(2), [[0.5, 0.5]])
    half = sparse.kron(half, sparse.eye_array(count))
    kept, flat = sparse.eye_array(waiting), np.zeros(waiting)
    lower, upper = np.zeros(2 * count), np.full(2 * count, -0.5)
    maps.append(Map(sparse.block_diag([kept, sparse.vstack([half, half])]), np.concatenate([flat, lower, upper]),
                    waiting + 10 * count))
    for level in range(2, m + 1):
        step = 4.0 ** (1 - level)
        if level == 2:
            rows = [[2 * one, -4 * one], [2 * one, -4 * one], [(1 - 2 * step) * one, 4 * step * one]]
        else:
            rows = [[2 * one, -4 * one, None], [2 * one, -4 * one, None], [-2 * step * one, 4 * step * one, one]]
        maps.append(Map(sparse.block_diag([kept, sparse.block_array(rows)]),
                        np.concatenate([flat, lower, upper, lower]),
                        waiting + (14 if level == 2 else 16) * count))
    step = 4.0**-m
    square = [(1 - 2 * step) * one, 4 * step * one] if m == 1 else [-2 * step * one, 4 * step * one, one]
    difference = sparse.hstack([sparse.eye_array(count), -sparse.eye_array(count)])
    return sparse.csr_array(difference @ sparse.hstack(square))
