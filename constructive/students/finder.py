"""Find the few bumps that are positive at a point without looking at the others.

Boxes -> a tree of halves, cut along the axes in which all boxes are bounded -> at a point, the leaves within a
ramp -> their boxes. Where the tree leaves too many (many dimensions, wide ramps, slabs), all boxes are scanned
for many points at a time. Both ways return the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_PROBES = 16
"""Points at which the tree is tried before it is used."""

_TREE_COST = 6.0
"""Time for a node of the tree at a point over that for a box in the scan: 5.5 (d = 10) to 13 (d = 784) measured."""

_TASKS = 16
_WORTH_THREADS = 2_000_000
"""Scanned boxes, all points together, from which on threads pay: 2 ms, where starting them takes 0.3 ms."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxFinder:
    """A search structure over m boxes, of any ramp; ends may be infinite.

    ``order`` (m,) sorts the boxes by leaves; ``start`` (m + 1,), ``axis`` and ``ends`` (constraints, 2) hold the
    bounded axes of each; ``cut_axis`` and ``cut`` the inner nodes, none where the boxes share no bounded axis.
    """

    order: Numbers
    start: Numbers
    axis: NDArray[np.int32]
    ends: Array
    cut_axis: NDArray[np.int32]
    cut: Array

    @staticmethod
    def of(lower: Array, upper: Array) -> BoxFinder:
        """Return the structure of boxes (m, d), (m, d); time m log m, memory 20 bytes for each bounded axis."""
        from constructive._kernels.active import build_tree, count_constraints, write_constraints
        m = lower.shape[0]
        axes = np.flatnonzero(np.isfinite(lower).all(axis=0) & np.isfinite(upper).all(axis=0))
        levels = (m - 1).bit_length() if axes.size else 0
        cut_axis, cut = np.empty(2**levels - 1, np.int32), np.empty((2**levels - 1, 2))
        order = np.arange(m)
        if levels:
            build_tree(lower, upper, axes, order, cut_axis, cut)
        start = np.empty(m + 1, np.int64)
        count_constraints(lower, upper, order, start)
        axis, ends = np.empty(start[-1], np.int32), np.empty((start[-1], 2))
        write_constraints(lower, upper, order, axis, ends)
        return BoxFinder(order, start, axis, ends, cut_axis, cut)

    def active(self, rows: Array, ramp: float) -> tuple[Numbers, Numbers, Array]:
        """Return the boxes within the ramp of points (n, d): starts (n + 1,), box numbers, heights.

        The height is ``1 - dist_1(x, box) / ramp``, the distance summed by ascending axis; boxes ascend at each
        point. A point with a NaN finds nothing.
        """
        from constructive._kernels import in_blocks
        from constructive._kernels.active import find_by_scan, find_by_tree
        n = rows.shape[0]
        starts = np.zeros(n + 1, np.int64)
        prunes, block = self._plan(rows, ramp)
        found: list[tuple[Numbers, Array]] = [(np.empty(0, np.int64), np.empty(0))] * -(-n // block)

        def work(begin: int, end: int) -> None:
            points, counts = rows[begin:end], starts[begin + 1:end + 1]
            if prunes:
                found[begin // block] = find_by_tree(points, self.order, self.start, self.axis, self.ends,
                                                     self.cut_axis, self.cut, ramp, counts)
            else:
                found[begin // block] = find_by_scan(points, self.order, self.start, self.axis, self.ends, ramp,
                                                     counts)

        in_blocks(n, block, work)
        np.cumsum(starts, out=starts)
        if not found:
            return starts, np.empty(0, np.int64), np.empty(0)
        return starts, np.concatenate([bump for bump, _ in found]), np.concatenate([height for _, height in found])

    def _plan(self, rows: Array, ramp: float) -> tuple[bool, int]:
        """Return whether the tree is expected to be faster than a scan, and how many points make one task."""
        from constructive._kernels.active import LANES, nodes_seen
        n, m = rows.shape[0], self.order.size
        cost, prunes = float(-(-n // LANES) * LANES * m), False
        if n and self.cut_axis.size:
            probes = rows[:: -(-n // _PROBES)]
            seen = nodes_seen(probes, m, self.cut_axis, self.cut, ramp) / probes.shape[0]
            prunes = seen * n * _TREE_COST < cost
            cost = min(cost, seen * n * _TREE_COST)
        tasks = _TASKS if cost > _WORTH_THREADS else 1
        return prunes, max(LANES, math.ceil(n / tasks / LANES) * LANES)
