"""Bounds on many boxes at once for networks that carry bumps, read from the weights alone.

Data flow: weights -> faces (first-layer rows that read one coordinate) -> bumps (second-layer rows with a
positive bias and only negative weights on faces: they vanish outside a box) -> a tree over their support boxes
-> for each query box the few bumps that meet it -> interval propagation through the rows behind, every other bump
being exactly 0. Rows that read no bump, such as a teacher's, are bounded once over the hull of all query boxes, or
for each of them. The order of rows does not matter and nothing is asked of whoever built the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.certificates.enclosure import cleaned_boxes, layer_bounds
from constructive.network import Layer, Network

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class BumpPattern:
    """The bumps found in a network's first two layers.

    ``rows`` (m,) second-layer rows; ``lower``, ``upper`` (m, d) the boxes on which each bump is at its maximum
    (infinite where it has no face); ``support_lower``, ``support_upper`` (m, d) outside of which it is 0, for
    the machine too.
    """

    rows: NDArray[np.int64]
    lower: Array
    upper: Array
    support_lower: Array
    support_upper: Array


def find_bumps(network: Network) -> BumpPattern | None:
    """Return the bumps in the first two layers of the network, or None if there are none.

    A bump is a second-layer unit ``relu(v - sum_f c_f relu(s_f x_{j_f} + t_f))`` with v > 0 and all c_f > 0.
    """
    if network.depth < 3:
        return None
    first, second = network.layers[0], network.layers[1]
    matrix = second.weight
    good = (np.diff(first.weight.indptr) == 1)[matrix.indices] & (matrix.data < 0)
    filled = np.diff(matrix.indptr)
    bad_rows = np.zeros(second.outputs, bool)
    bad_rows[np.repeat(np.arange(second.outputs, dtype=np.int32), filled)[~good]] = True
    rows = np.flatnonzero(~bad_rows & (second.bias > 0) & (filled > 0))
    if rows.size == 0:
        return None
    shape = (rows.size, network.inputs)
    ends = tuple(np.empty(shape) for _ in range(4))
    unit = 2.0**-24 if network.dtype == np.float32 else 2.0**-53
    # a row without a weight reads no column; nobody visits it as a face, but its place must exist
    starts = np.minimum(first.weight.indptr[:-1], max(first.weight.nnz - 1, 0))
    from constructive._kernels import in_blocks
    from constructive._kernels.bumps import bump_boxes

    def work(begin: int, end: int) -> None:
        bump_boxes(rows[begin:end], matrix.indptr, matrix.indices, matrix.data, second.bias, starts,
                   first.weight.indices, first.weight.data, first.bias, unit, *(e[begin:end] for e in ends))

    in_blocks(rows.size, max(1024, rows.size // 16), work)
    return BumpPattern(rows.astype(np.int64), *ends)


def structural_bounds(network: Network, lower: ArrayLike, upper: ArrayLike, *,
                      tight: bool = False) -> tuple[Array, Array] | None:
    """Return bounds (low, high), each (N, m), of the executed network over N boxes, or None without bumps.

    The meaning is that of :func:`~constructive.certificates.enclosure.interval_bounds`, whose bounds they equal with
    ``tight``, up to the order of sums. Without it, units that read no bump, such as a teacher's, enter through
    their bounds over the hull of all boxes: wider where the output depends on them, equal where it does not, and
    much cheaper for many boxes. Cost: one pass over the nonzeros, then about (bumps that meet the box + rows
    behind) for each box; ``tight`` adds the nonzeros of the teacher for each box.
    """
    low, high = cleaned_boxes("structural_bounds", network, lower, upper)
    pattern = find_bumps(network)
    if pattern is None:
        return None
    program = _Program.of(network, pattern)
    out_low, out_high = (np.empty((low.shape[0], network.outputs)) for _ in range(2))
    hull = None if tight else program.constants(low.min(axis=0)[None, :], high.max(axis=0)[None, :])

    def work(start: int, stop: int) -> None:
        ends = hull or program.constants(low[start:stop], high[start:stop])
        program.run(low[start:stop], high[start:stop], ends, out_low[start:stop], out_high[start:stop])

    from constructive._kernels import in_blocks, workers
    block = max(1, math.ceil(low.shape[0] / (4 * workers())))
    in_blocks(low.shape[0], min(block, 4096) if tight else block, work)
    return out_low, out_high


@dataclass(frozen=True, slots=True, eq=False)
class _Program:
    """The arrays that the kernel reads; see :mod:`constructive._kernels.bumps` for their layout.

    ``aside`` is the part of the network that no bump enters, as a network of its own, or None; ``wanted`` the units
    of each of its layers whose bounds are constants of the kernel, in order.
    """

    faces: tuple[Any, ...]
    bumps: tuple[Any, ...]
    tree: tuple[Any, ...]
    nodes: tuple[Any, ...]
    columns: tuple[Any, ...]
    aside: Network | None
    wanted: tuple[NDArray[np.int64], ...]
    single: bool

    @staticmethod
    def of(network: Network, pattern: BumpPattern) -> _Program:
        first, second = network.layers[0], network.layers[1]
        starts = np.minimum(first.weight.indptr[:-1], max(first.weight.nnz - 1, 0))
        faces = (first.weight.indices[starts], first.weight.data[starts].astype(np.float64),
                 first.bias.astype(np.float64))
        chosen = second.weight if pattern.rows.size == second.outputs else second.weight[pattern.rows]
        bumps = (chosen.indptr, chosen.indices, chosen.data.astype(np.float64, copy=False),
                 second.bias[pattern.rows].astype(np.float64))
        entered = _entered(network, pattern)
        wanted = _wanted(network, entered)
        nodes, columns = _nodes(network, pattern, entered, wanted)
        aside, places = _aside(network, wanted)
        return _Program(faces, bumps, _tree(pattern), nodes, columns, aside, places,
                        single=network.dtype == np.float32)

    def constants(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Return bounds (N, constants), (N, constants) of the units that no bump enters, over boxes (N, d)."""
        if self.aside is None:
            return np.empty((1, 0)), np.empty((1, 0))
        bounds = layer_bounds(self.aside, low, high)
        parts = [(np.maximum(ends[0][units], 0.0), np.maximum(ends[1][units], 0.0))
                 for ends, units in zip(bounds, self.wanted, strict=True)]
        return (np.ascontiguousarray(np.concatenate([p[0] for p in parts]).T),
                np.ascontiguousarray(np.concatenate([p[1] for p in parts]).T))

    def run(self, low: Array, high: Array, ends: tuple[Array, Array], out_low: Array, out_high: Array) -> None:
        from constructive._kernels.bumps import bump_tail_bounds
        bump_tail_bounds(low, high, self.faces, self.bumps, self.tree, self.nodes, self.columns, *ends, out_low,
                         out_high, self.single)


def _tree(pattern: BumpPattern) -> tuple[Any, ...]:
    """Return the tree of halves over the supports, cut along the axes in which most of them are bounded.

    A teacher's steps look like bumps without an end on one side: a few such must not cost all others their tree.
    """
    from constructive._kernels.active import build_tree, count_constraints, write_constraints
    lower, upper = pattern.support_lower, pattern.support_upper
    m = lower.shape[0]
    axes = np.flatnonzero((np.isfinite(lower) & np.isfinite(upper)).mean(axis=0) >= 0.5)
    levels = max(0, math.ceil(math.log2(m / _LEAF))) if axes.size else 0
    order = np.arange(m)
    cut_axis, cut = np.empty(2**levels - 1, np.int32), np.empty((2**levels - 1, 2))
    if levels:
        largest = np.finfo(np.float64).max  # centers must be numbers; no query goes beyond
        build_tree(np.maximum(lower, -largest), np.minimum(upper, largest), axes, order, cut_axis, cut)
    start = np.empty(m + 1, np.int64)
    count_constraints(lower, upper, order, start)
    axis, ends = np.empty(start[-1], np.int32), np.empty((start[-1], 2))
    write_constraints(lower, upper, order, axis, ends)
    return order, start, axis, ends, cut_axis, cut


_LEAF = 8


def _entered(network: Network, pattern: BumpPattern) -> list[NDArray[np.bool_]]:
    """Return, for each layer from the second on, which units a bump enters; all outputs count."""
    entered = [np.zeros(network.layers[0].outputs, bool), np.zeros(network.layers[1].outputs, bool)]
    entered[1][pattern.rows] = True
    for layer in network.layers[2:]:
        matrix = layer.weight
        rows = np.repeat(np.arange(layer.outputs), np.diff(matrix.indptr))
        reads = np.zeros(layer.outputs, bool)
        reads[rows[entered[-1][matrix.indices]]] = True
        entered.append(reads)
    entered[-1][:] = True
    return entered


def _wanted(network: Network, entered: list[NDArray[np.bool_]]) -> list[NDArray[np.int64]]:
    """Return, for each hidden layer, the units that no bump enters and that an entered unit reads."""
    wanted = [np.empty(0, np.int64)]
    for k in range(2, network.depth):
        columns = network.layers[k].weight[np.flatnonzero(entered[k])].indices
        known = np.zeros(network.layers[k].inputs, bool)
        known[columns] = True
        wanted.append(np.flatnonzero(known & ~entered[k - 1]))
    return wanted


def _nodes(network: Network, pattern: BumpPattern, entered: list[NDArray[np.bool_]],
           wanted: list[NDArray[np.int64]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the entered units behind the bumps, layer after layer, and the columns in which bumps are read.

    Slots: constants first, those of one layer after those of the one before, then nodes.
    """
    offset = np.cumsum([0, *[units.size for units in wanted]])
    counts, sources, weights, biases, relus, reads = [], [], [], [], [], []
    columns: tuple[Any, ...] = ()
    node = int(offset[-1])
    slot = np.full(network.layers[1].outputs, -1, np.int64)
    for k in range(2, network.depth):
        layer = network.layers[k]
        rows = np.flatnonzero(entered[k])
        slot[wanted[k - 1]] = offset[k - 1] + np.arange(wanted[k - 1].size)
        matrix = layer.weight[rows]
        if k == 2:
            told = matrix[:, pattern.rows].tocsc()
            columns = (told.indptr.astype(np.int64), told.indices.astype(np.int64), told.data.astype(np.float64))
            keep = ~entered[1][matrix.indices]
            counts.append(np.bincount(np.repeat(np.arange(rows.size), np.diff(matrix.indptr))[keep],
                                      minlength=rows.size))
            sources.append(slot[matrix.indices[keep]])
            weights.append(matrix.data[keep])
        else:
            counts.append(np.diff(matrix.indptr))
            sources.append(slot[matrix.indices])
            weights.append(matrix.data)
        biases.append(layer.bias[rows])
        relus.append(np.full(rows.size, k + 1 < network.depth))
        reads.append(np.full(rows.size, k == 2))
        slot = np.full(layer.outputs, -1, np.int64)
        slot[rows] = node + np.arange(rows.size)
        node += rows.size
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    return (starts, np.concatenate(sources).astype(np.int64), np.concatenate(weights).astype(np.float64),
            np.concatenate(biases).astype(np.float64), np.concatenate(relus), np.concatenate(reads)), columns


def _aside(network: Network, wanted: list[NDArray[np.int64]]) -> tuple[Network | None, tuple[NDArray[np.int64], ...]]:
    """Return the smallest part of the network that computes the wanted units, and their places in its layers."""
    last = max((k for k, units in enumerate(wanted) if units.size), default=-1)
    if last < 0:
        return None, ()
    kept: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * (last + 1)
    read = np.empty(0, np.int64)
    for k in range(last, -1, -1):
        # a layer needs a unit, even if the next one has only biases
        kept[k] = np.union1d(wanted[k], read) if wanted[k].size + read.size else np.zeros(1, np.int64)
        read = np.unique(network.layers[k].weight[kept[k]].indices).astype(np.int64)
    layers = []
    for k in range(last + 1):
        weight = network.layers[k].weight[kept[k]]
        if k:
            weight = weight[:, kept[k - 1]]
        layers.append(Layer.build(weight, network.layers[k].bias[kept[k]], network.dtype))
    return Network(tuple(layers)), tuple(np.searchsorted(kept[k], wanted[k]) for k in range(last + 1))
