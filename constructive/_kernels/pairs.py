"""Closest pairs of differently labelled points or boxes: a sweep along one axis with early abandon.

Rows are sorted along ``axis`` before the call, so the inner loop stops as soon as the gap along that axis alone
exceeds the best distance found. Every distance is the rounded value of the formula; the callers widen by the
rounding error and decide near ties in rational arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel


@kernel
def box_distance(lower: Any, upper: Any, i: int, k: int, p: Any, limit: Any) -> Any:
    """Return the l_p distance (p = 1, 2, inf; squared for 2) of boxes i and k, or a partial value > limit."""
    total = 0.0
    for j in range(lower.shape[1]):
        gap = max(lower[k, j] - upper[i, j], lower[i, j] - upper[k, j])
        if gap > 0.0:
            if p == 1.0:
                total += gap
            elif p == 2.0:
                total += gap * gap
            else:
                total = max(total, gap)
            if total > limit:
                return total
    return total


@kernel
def closest_pair(lower: Any, upper: Any, labels: Any, axis: int, p: Any, different: bool, start: int, stop: int,
                 limit: Any, slack: Any) -> Any:
    """Return (distance, i, k) of the closest pair with start <= i < stop, i < k, below limit; -1 if none.

    ``different``: only pairs with different labels count. Rows must be sorted by ``lower[:, axis]``.
    """
    best, best_i, best_k = limit, -1, -1
    n = lower.shape[0]
    for i in range(start, stop):
        for k in range(i + 1, n):
            ahead = lower[k, axis] - upper[i, axis]
            reach = ahead * ahead if p == 2.0 else ahead
            if ahead > 0.0 and reach > best * slack:
                break
            if different and labels[i] == labels[k]:
                continue
            distance = box_distance(lower, upper, i, k, p, best)
            if distance < best:
                best, best_i, best_k = distance, i, k
    return best, best_i, best_k


@kernel
def pairs_within(lower: Any, upper: Any, labels: Any, axis: int, p: Any, different: bool, limit: Any,
                 slack: Any, out: Any) -> Any:
    """Write the pairs at distance <= limit into out (capacity, 2); return how many there are, at most capacity + 1."""
    count = 0
    n = lower.shape[0]
    for i in range(n):
        for k in range(i + 1, n):
            ahead = lower[k, axis] - upper[i, axis]
            reach = ahead * ahead if p == 2.0 else ahead
            if ahead > 0.0 and reach > limit * slack:
                break
            if different and labels[i] == labels[k]:
                continue
            if box_distance(lower, upper, i, k, p, limit) <= limit:
                if count == out.shape[0]:
                    return count + 1
                out[count, 0], out[count, 1] = i, k
                count += 1
    return count


@kernel
def active_bumps(points: Any, order: Any, key: Any, widest: Any, axis: int, lower: Any, upper: Any, ramp: Any,
                 fill: bool, counts: Any, bump: Any, value: Any) -> None:
    """Find the bumps that are positive at each point: count them, or fill their numbers and values.

    A bump is ``1 - dist_1(x, box) / ramp`` where positive. ``order`` sorts the boxes by ``lower[:, axis]`` and
    ``key`` holds those ends less the ramp. On filling, ``counts`` holds the running starts.
    """
    d = points.shape[1]
    for q in range(points.shape[0]):
        x = points[q]
        begin = np.searchsorted(key, x[axis] - widest, side="left")
        found = 0
        for position in range(begin, order.shape[0]):
            if key[position] > x[axis]:
                break
            k = order[position]
            total = 0.0
            for j in range(d):
                if x[j] < lower[k, j]:
                    total += lower[k, j] - x[j]
                elif x[j] > upper[k, j]:
                    total += x[j] - upper[k, j]
                if total >= ramp:
                    break
            if total < ramp:
                height = 1.0 - total / ramp
                if height > 0.0:
                    if fill:
                        bump[counts[q] + found] = k
                        value[counts[q] + found] = height
                    found += 1
        if not fill:
            counts[q + 1] = found
