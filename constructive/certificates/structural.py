"""Bounds on many boxes at once for networks that carry bumps, read from the weights alone.

Data flow: weights -> faces (first-layer rows that read one coordinate) -> bumps (second-layer rows with a
positive bias and only negative weights on faces: they vanish outside a box) -> their support boxes, sorted along
one axis -> for each query box the few bumps that meet it -> interval propagation through the rows behind, every
other bump being exactly 0. Rows that read no bump, such as a teacher's, are bounded once over the hull of all
query boxes. The order of rows does not matter and nothing is asked of whoever built the network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from constructive.certificates.enclosure import cleaned_boxes, layer_bounds
from constructive.network import Network

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
    is_face = np.diff(first.weight.indptr) == 1
    matrix = second.weight
    row_of = np.repeat(np.arange(second.outputs), np.diff(matrix.indptr))
    good = is_face[matrix.indices] & (matrix.data < 0)
    bad_rows = np.zeros(second.outputs, bool)
    bad_rows[row_of[~good]] = True
    rows = np.flatnonzero(~bad_rows & (second.bias > 0) & (np.diff(matrix.indptr) > 0))
    if rows.size == 0:
        return None
    place = np.full(second.outputs, -1)
    place[rows] = np.arange(rows.size)
    keep = place[row_of] >= 0
    bump, face, weight = place[row_of[keep]], matrix.indices[keep], matrix.data[keep].astype(np.float64)
    face_start = first.weight.indptr[:-1]
    safe_start = np.minimum(face_start[face], max(first.weight.nnz - 1, 0))
    column = first.weight.indices[safe_start]
    slope = first.weight.data[safe_start].astype(np.float64)
    offset = first.bias[face].astype(np.float64)
    return _boxes(network, rows, second.bias[rows].astype(np.float64), bump, column, slope, offset, weight)


def _boxes(network: Network, rows: NDArray[Any], height: Array, bump: NDArray[Any], column: NDArray[Any],
           slope: Array, offset: Array, weight: Array) -> BumpPattern:
    shape = (rows.size, network.inputs)
    lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
    support_lower, support_upper = lower.copy(), upper.copy()
    unit = 2.0**-24 if network.dtype == np.float32 else 2.0**-53
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rise = height[bump] / -weight  # the bump is 0 once this face's unit reaches it
        flat = -offset / slope
        # 16 units in the last place of every number involved: the machine's face value is then at least
        # rise (1 + 8 u), its product with the weight at least the height, and the bump's sum at most 0.
        slack = 16 * unit * (np.abs(rise) + np.abs(offset)) / np.abs(slope) + 2.0**-1040
        edge = (rise - offset) / slope
    edge = np.where(slope > 0, edge + slack, edge - slack)
    edge = np.where(np.isfinite(edge), edge, np.where(slope > 0, np.inf, -np.inf))
    up = slope > 0
    np.minimum.at(upper, (bump[up], column[up]), flat[up])
    np.minimum.at(support_upper, (bump[up], column[up]), edge[up])
    np.maximum.at(lower, (bump[~up], column[~up]), flat[~up])
    np.maximum.at(support_lower, (bump[~up], column[~up]), edge[~up])
    return BumpPattern(rows.astype(np.int64), lower, upper, support_lower, support_upper)


def structural_bounds(network: Network, lower: ArrayLike, upper: ArrayLike) -> tuple[Array, Array] | None:
    """Return bounds (low, high), each (N, m), of the executed network over N boxes, or None without bumps.

    The meaning is that of :func:`~constructive.certificates.enclosure.interval_bounds`; the rows behind the
    bumps see teacher rows through their bounds over the hull of all boxes, so the result can be wider there and
    is the same where the network's value does not depend on them. Cost: one pass over the nonzeros, then about
    (bumps that meet the box + rows behind) for each box.
    """
    low, high = cleaned_boxes("structural_bounds", network, lower, upper)
    pattern = find_bumps(network)
    if pattern is None:
        return None
    program = _Program.of(network, pattern, low.min(axis=0), high.max(axis=0))
    out_low, out_high = (np.empty((low.shape[0], network.outputs)) for _ in range(2))

    def work(start: int, stop: int) -> None:
        program.run(low[start:stop], high[start:stop], out_low[start:stop], out_high[start:stop])

    from constructive._kernels import in_blocks, workers
    in_blocks(low.shape[0], max(1, math.ceil(low.shape[0] / (4 * workers()))), work)
    return out_low, out_high


@dataclass(frozen=True, slots=True, eq=False)
class _Program:
    """The arrays that the kernel reads; see :mod:`constructive._kernels.bumps` for their layout."""

    faces: tuple[Any, ...]
    bumps: tuple[Any, ...]
    support: tuple[Any, ...]
    nodes: tuple[Any, ...]
    columns: tuple[Any, ...]
    constant_low: Array
    constant_high: Array
    single: bool

    @staticmethod
    def of(network: Network, pattern: BumpPattern, hull_low: Array, hull_high: Array) -> _Program:
        first, second = network.layers[0], network.layers[1]
        # A row that reads two coordinates or none is no face; its entries below are never visited.
        starts = np.minimum(first.weight.indptr[:-1], max(first.weight.nnz - 1, 0))
        faces = (first.weight.indices[starts].astype(np.int64), first.weight.data[starts].astype(np.float64),
                 first.bias.astype(np.float64))
        chosen = sparse.csr_array(second.weight[pattern.rows])
        bumps = (chosen.indptr.astype(np.int64), chosen.indices.astype(np.int64),
                 chosen.data.astype(np.float64), second.bias[pattern.rows].astype(np.float64))
        nodes, columns, constants = _nodes(network, pattern, hull_low, hull_high)
        return _Program(faces, bumps, _sorted_supports(pattern), nodes, columns, *constants,
                        single=network.dtype == np.float32)

    def run(self, low: Array, high: Array, out_low: Array, out_high: Array) -> None:
        from constructive._kernels.bumps import bump_tail_bounds
        bump_tail_bounds(low, high, self.faces, self.bumps, self.support, self.nodes, self.columns,
                         self.constant_low, self.constant_high, out_low, out_high, self.single)


def _sorted_supports(pattern: BumpPattern) -> tuple[Any, ...]:
    """Sort the supports along the axis on which they are narrow compared with their spread."""
    widths = pattern.support_upper - pattern.support_lower
    with np.errstate(invalid="ignore"):
        spread = np.where(np.isfinite(pattern.support_lower), pattern.support_lower, np.nan)
        finite = np.isfinite(widths).all(axis=0)
    selectivity = np.full(widths.shape[1], np.inf)
    for j in np.flatnonzero(finite):
        reach = float(np.ptp(spread[:, j]))
        selectivity[j] = widths[:, j].max() / reach if reach > 0 else np.finfo(float).max
    axis = int(np.argmin(selectivity))
    key = np.where(np.isfinite(pattern.support_lower[:, axis]), pattern.support_lower[:, axis], -np.inf)
    order = np.argsort(key, kind="stable")
    widest = float(widths[:, axis].max())
    # the window's start is low - widest: one ulp more than the rounded width, so that rounding misses nothing
    largest = float(np.abs(key[np.isfinite(key)]).max(initial=0.0))
    widest = math.nextafter(widest, math.inf) * (1 + 2.0**-50) + largest * 2.0**-50
    return (order.astype(np.int64), np.ascontiguousarray(key[order]), widest, axis,
            pattern.support_lower, pattern.support_upper)


def _nodes(network: Network, pattern: BumpPattern, hull_low: Array,
           hull_high: Array) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Array, Array]]:
    """Split the units behind the second layer into constants (bounded over the hull) and nodes.

    A unit is a node if a path leads from a bump to it; outputs always are nodes.
    """
    hull = layer_bounds(network, hull_low[None, :], hull_high[None, :])
    is_bump = np.zeros(network.layers[1].outputs, bool)
    is_bump[pattern.rows] = True
    slot = np.full(network.layers[1].outputs, -1, np.int64)  # of the previous layer's units; nodes get >= 0
    depends = is_bump
    constants: list[tuple[float, float]] = []
    rows: list[tuple[list[int], list[float], float, bool, bool]] = []
    column_entries: list[tuple[int, int, float]] = []
    bump_index = np.full(is_bump.size, -1, np.int64)
    bump_index[pattern.rows] = np.arange(pattern.rows.size)
    node_slots: list[tuple[int, int]] = []  # (kind, index), resolved once the number of constants is known

    for k in range(2, network.depth):
        layer, last = network.layers[k], k + 1 == network.depth
        matrix = layer.weight
        reads = np.zeros(layer.outputs, bool)
        row_of = np.repeat(np.arange(layer.outputs), np.diff(matrix.indptr))
        reads[row_of[depends[matrix.indices]]] = True
        if last:
            reads[:] = True
        next_slot = np.full(layer.outputs, -1, np.int64)
        known: dict[int, int] = {}
        for row in np.flatnonzero(reads):
            span = slice(matrix.indptr[row], matrix.indptr[row + 1])
            columns, weights = matrix.indices[span], matrix.data[span].astype(np.float64)
            if k == 2:
                on_bump = is_bump[columns]
                column_entries += [(int(bump_index[c]), len(rows), float(w))
                                   for c, w in zip(columns[on_bump], weights[on_bump], strict=True)]
                columns, weights = columns[~on_bump], weights[~on_bump]
            sources = []
            for c in columns.tolist():
                if slot[c] >= 0:
                    sources.append(len(node_slots))
                    node_slots.append((1, int(slot[c])))
                    continue
                if c not in known:
                    known[c] = len(constants)
                    constants.append((float(hull[k - 1][0][c, 0]), float(hull[k - 1][1][c, 0])))
                sources.append(len(node_slots))
                node_slots.append((0, known[c]))
            next_slot[row] = len(rows)
            rows.append((sources, weights.tolist(), float(layer.bias[row]), not last, k == 2))
        slot, depends = next_slot, reads
    offset = len(constants)
    resolved = np.array([index if kind == 0 else offset + index for kind, index in node_slots], np.int64)
    starts = np.cumsum([0, *[len(sources) for sources, *_ in rows]]).astype(np.int64)
    nodes = (starts, resolved, np.array([w for _, ws, *_ in rows for w in ws], np.float64),
             np.array([row[2] for row in rows]), np.array([row[3] for row in rows]),
             np.array([row[4] for row in rows]))
    column_entries.sort()
    counts = np.bincount([k for k, _, _ in column_entries], minlength=pattern.rows.size)
    columns_out = (np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
                   np.array([i for _, i, _ in column_entries], np.int64),
                   np.array([w for _, _, w in column_entries], np.float64))
    ends = np.array(constants, np.float64).reshape(-1, 2)
    return nodes, columns_out, (np.ascontiguousarray(ends[:, 0]), np.ascontiguousarray(ends[:, 1]))
