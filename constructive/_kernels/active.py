"""Which bumps are positive at a point: ``1 - dist_1(x, box) / ramp`` where positive.

Layout: boxes are rows of constraints, ``start`` (m + 1,) into ``axis`` and ``ends`` (two numbers each, an end may
be infinite); an axis without a finite end has no constraint. The tree is a heap of halves down to single boxes (with
8 to a leaf a search took 1.5 to 3.6 times as long): node i has the children 2 i + 1 and 2 i + 2, its range of
boxes is cut at the middle. ``cut_axis[i]`` says along which axis, ``cut[i]`` the largest upper end in the lower
half and the smallest lower end in the other.

All pruning is exact in floating point: a computed distance is a sum of nonnegative terms, rounding is monotone,
so that it is never below any of its terms, nor is a term below the one of a larger box.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

LANES = 32
"""Points that the scan takes together: four vectors of eight doubles."""

_SAMPLE = 16


@kernel
def _select(order: Any, key: Any, first: int, last: int, middle: int) -> None:
    """Permute both from first to last so that no key before ``middle`` is above one from there on."""
    low, high = first, last - 1
    while low < high:
        a, b, c = key[low], key[(low + high) // 2], key[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, k = low, high
        while i <= k:
            while key[i] < pivot:
                i += 1
            while key[k] > pivot:
                k -= 1
            if i <= k:
                key[i], key[k] = key[k], key[i]
                order[i], order[k] = order[k], order[i]
                i += 1
                k -= 1
        if middle <= k:
            high = k
        elif middle >= i:
            low = i
        else:
            return


@kernel
def build_tree(lower: Any, upper: Any, axes: Any, order: Any, cut_axis: Any, cut: Any) -> None:
    """Order the boxes and write the cuts. ``axes``: those along which every box is finite.

    A node is cut along the axis in which a sample of its centers is spread most; only speed depends on it.
    """
    m = order.shape[0]
    key = np.empty(m)
    first, last = np.empty(cut_axis.shape[0], np.int64), np.empty(cut_axis.shape[0], np.int64)
    for node in range(cut_axis.shape[0]):
        if node == 0:
            begin, end = 0, m
        else:
            parent = (node - 1) // 2
            middle = (first[parent] + last[parent]) // 2
            begin, end = (first[parent], middle) if node % 2 == 1 else (middle, last[parent])
        first[node], last[node] = begin, end
        step = max(1, (end - begin) // _SAMPLE)
        best, widest = axes[0], -1.0
        for j in axes:
            low, high = np.inf, -np.inf
            for p in range(begin, end, step):
                center = 0.5 * lower[order[p], j] + 0.5 * upper[order[p], j]
                low, high = min(low, center), max(high, center)
            if high - low > widest:
                best, widest = j, high - low
        for p in range(begin, end):
            key[p] = 0.5 * lower[order[p], best] + 0.5 * upper[order[p], best]
        middle = (begin + end) // 2
        _select(order, key, begin, end, middle)
        top, bottom = -np.inf, np.inf
        for p in range(begin, middle):
            top = max(top, upper[order[p], best])
        for p in range(middle, end):
            bottom = min(bottom, lower[order[p], best])
        cut_axis[node], cut[node, 0], cut[node, 1] = best, top, bottom


@kernel
def count_constraints(lower: Any, upper: Any, order: Any, start: Any) -> None:
    """Write the running number of axes with a finite end, box after box in the given order."""
    start[0] = 0
    for p in range(order.shape[0]):
        found = 0
        for j in range(lower.shape[1]):
            if lower[order[p], j] > -np.inf or upper[order[p], j] < np.inf:
                found += 1
        start[p + 1] = start[p] + found


@kernel
def write_constraints(lower: Any, upper: Any, order: Any, axis: Any, ends: Any) -> None:
    """Write axis and ends of each constraint, axes ascending within a box."""
    at = 0
    for p in range(order.shape[0]):
        for j in range(lower.shape[1]):
            if lower[order[p], j] > -np.inf or upper[order[p], j] < np.inf:
                axis[at], ends[at, 0], ends[at, 1] = j, lower[order[p], j], upper[order[p], j]
                at += 1


@kernel
def _distance(x: Any, start: int, stop: int, axis: Any, ends: Any, ramp: Any) -> Any:
    """Return the l_1 distance of x and a box, summed by ascending axis, or a partial sum >= ramp."""
    total = 0.0
    for p in range(start, stop):
        v = x[axis[p]]
        if v < ends[p, 0]:
            total += ends[p, 0] - v
        elif v > ends[p, 1]:
            total += v - ends[p, 1]
        else:
            continue
        if total >= ramp:
            break
    return total


@kernel
def _without_nan(x: Any) -> bool:
    clean = True
    for j in range(x.shape[0]):
        clean &= x[j] == x[j]
    return clean


@kernel
def _reach(x: Any, boxes: int, cut_axis: Any, cut: Any, ramp: Any, stack: Any, near: Any) -> Any:
    """Write the places of the boxes that no cut keeps from x; return their number and that of the nodes seen."""
    nodes, found, seen, depth = cut_axis.shape[0], 0, 0, 1
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, 0, boxes
    while depth > 0:
        depth -= 1
        seen += 1
        node, begin, end = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if node >= nodes:  # a leaf: one box, or none
            near[found] = begin
            found += end - begin
            continue
        middle, v = (begin + end) // 2, x[cut_axis[node]]
        if not cut[node, 1] - v >= ramp:
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = 2 * node + 2, middle, end
            depth += 1
        if not v - cut[node, 0] >= ramp:
            stack[depth, 0], stack[depth, 1], stack[depth, 2] = 2 * node + 1, begin, middle
            depth += 1
    return found, seen


@kernel
def nodes_seen(points: Any, boxes: int, cut_axis: Any, cut: Any, ramp: Any) -> int:
    """Return how many nodes of the tree a search sees, leaves included, all points together."""
    near, stack, total = np.empty(boxes + 1, np.int64), np.empty((64, 3), np.int64), 0
    for q in range(points.shape[0]):
        if _without_nan(points[q]):
            total += _reach(points[q], boxes, cut_axis, cut, ramp, stack, near)[1]
    return total


@kernel
def _sort_by_number(bump: Any, height: Any) -> None:
    """Sort both by ascending bump number: insertion, over ever smaller gaps where there are many."""
    gap = 1
    while gap < bump.shape[0] // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, bump.shape[0]):
            number, value, k = bump[i], height[i], i
            while k >= gap and bump[k - gap] > number:
                bump[k], height[k] = bump[k - gap], height[k - gap]
                k -= gap
            bump[k], height[k] = number, value
        gap //= 3


@kernel
def find_by_tree(points: Any, order: Any, start: Any, axis: Any, ends: Any, cut_axis: Any, cut: Any, ramp: Any,
                 counts: Any) -> Any:
    """Return the numbers and heights of the positive bumps, point after point; write how many each has.

    Bumps ascend at each point. A point with a NaN has none.
    """
    bump, height, used = np.empty(256, np.int64), np.empty(256), 0
    boxes = order.shape[0]
    near, stack = np.empty(boxes + 1, np.int64), np.empty((64, 3), np.int64)
    for q in range(points.shape[0]):
        x, before = points[q], used
        if _without_nan(x):
            for place in range(_reach(x, boxes, cut_axis, cut, ramp, stack, near)[0]):
                p = near[place]
                total = _distance(x, start[p], start[p + 1], axis, ends, ramp)
                if total >= ramp or not 1.0 - total / ramp > 0.0:
                    continue
                if used == bump.shape[0]:
                    bump, height = _longer(bump), _longer(height)
                bump[used], height[used] = order[p], 1.0 - total / ramp
                used += 1
        counts[q] = used - before
        _sort_by_number(bump[before:used], height[before:used])
    return bump[:used].copy(), height[:used].copy()


@kernel
def _longer(values: Any) -> Any:
    grown = np.empty(2 * values.shape[0], values.dtype)
    for i in range(values.shape[0]):  # assigning to a slice takes four seconds to compile
        grown[i] = values[i]
    return grown


@kernel
def _distances(lanes: Any, start: int, stop: int, axis: Any, ends: Any, ramp: Any, total: Any) -> int:
    """Write the distances of all points of ``lanes`` to a box; return 0 as soon as all reach the ramp.

    Only then may the distances be partial sums.
    """
    for c in range(LANES):
        total[c] = 0.0
    near, first = LANES, start
    while first < stop and near > 0:
        for p in range(first, min(first + 4, stop)):
            low, high, values = ends[p, 0], ends[p, 1], lanes[axis[p]]
            for c in range(LANES):
                v = values[c]
                below, above = low - v, v - high
                gap = below if below > 0.0 else 0.0
                total[c] += above if above > 0.0 else gap
        first += 4
        near = 0
        for c in range(LANES):
            near += total[c] < ramp
    return near


@kernel
def find_by_scan(points: Any, order: Any, start: Any, axis: Any, ends: Any, ramp: Any, counts: Any) -> Any:
    """Return what :func:`find_by_tree` returns, by looking at every bump for ``LANES`` points at a time.

    Distances are summed side by side in vector registers; a bump is left when all are beyond the ramp.
    """
    bump, height, used = np.empty(256, np.int64), np.empty(256), 0
    d = points.shape[1]
    lanes, total = np.empty((d, LANES)), np.empty(LANES)
    lane, number, value = np.empty(256, np.int64), np.empty(256, np.int64), np.empty(256)
    first, place = np.empty(LANES, np.int64), np.empty(order.shape[0], np.int64)
    for p in range(order.shape[0]):
        place[order[p]] = p
    for begin in range(0, points.shape[0], LANES):
        width = min(LANES, points.shape[0] - begin)
        for c in range(LANES):
            for j in range(d):
                lanes[j, c] = points[begin + min(c, width - 1), j]
        hits = 0
        for c in range(width):
            counts[begin + c] = 0
        for i in range(order.shape[0]):
            p = place[i]  # bumps ascend at each point
            if _distances(lanes, start[p], start[p + 1], axis, ends, ramp, total) == 0:
                continue
            if hits + LANES > lane.shape[0]:
                lane, number, value = _longer(lane), _longer(number), _longer(value)
            for c in range(width):
                if total[c] < ramp and 1.0 - total[c] / ramp > 0.0:
                    lane[hits], number[hits], value[hits] = c, i, 1.0 - total[c] / ramp
                    counts[begin + c] += 1
                    hits += 1
        for c in range(width):
            if not _without_nan(points[begin + c]):
                counts[begin + c] = 0
        while used + hits > bump.shape[0]:
            bump, height = _longer(bump), _longer(height)
        for c in range(width):
            first[c] = used
            used += counts[begin + c]
        for i in range(hits):
            c = lane[i]
            if counts[begin + c] > 0:
                bump[first[c]], height[first[c]] = number[i], value[i]
                first[c] += 1
    return bump[:used].copy(), height[:used].copy()
