"""Closest pairs of differently labelled points or boxes: a sweep along one axis with early abandon.

Rows are sorted by ``lower[:, 0]`` before the call, so the inner loop stops as soon as the gap along that axis
alone exceeds the best distance found. Every distance is the rounded value of the formula; the callers widen
by the rounding error and decide near ties in rational arithmetic.
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
def point_distance(points: Any, i: int, k: int, p: Any, limit: Any) -> Any:
    """Return the rounded l_p distance of points i and k (squared for p = 2), or a partial value > limit."""
    total = 0.0
    if p == np.inf:
        for j in range(points.shape[1]):
            gap = abs(points[i, j] - points[k, j])
            if gap > total:
                total = gap
                if total > limit:
                    break
    elif p == 1.0:
        for j in range(points.shape[1]):
            total += abs(points[i, j] - points[k, j])
            if total > limit:
                break
    else:
        for j in range(points.shape[1]):
            gap = points[i, j] - points[k, j]
            total += gap * gap
            if total > limit:
                break
    return total


@kernel
def exact_distance(points: Any, i: int, k: int, p: Any) -> bool:
    """Return whether the rounded l_p distance of points i and k provably carries no rounding error at all."""
    total, exact = 0.0, True
    for j in range(points.shape[1]):
        a, b = max(points[i, j], points[k, j]), min(points[i, j], points[k, j])
        gap = a - b
        back = a - gap
        clean = a - (gap + back) == 0.0 and back - b == 0.0  # two-sum of a and -b has no error term
        if p == np.inf:
            if gap > total:
                total, exact = gap, clean
            elif gap == total:
                exact = exact and clean
            continue
        if p == 2.0:
            c = 134217729.0 * gap
            # 26 bits and no underflow: the square is exact
            clean = clean and c - (c - gap) == gap and (gap > 1e-140 or gap == 0.0)
            gap = gap * gap
        new = total + gap
        back = new - total
        exact = exact and clean and (total - (new - back)) + (gap - back) == 0.0
        total = new
    return exact


@kernel
def closest_points(points: Any, labels: Any, names: Any, p: Any, different: bool, start: int, stop: int,
                   limit: Any, slack: Any, out: Any, out_distance: Any) -> Any:
    """Find the closest pair start <= i < stop, i < k, and all that rounding cannot tell from it.

    Pairs whose rounded distance carries an error and is at most slack times the smallest one seen are written
    to out (capacity, 2), some farther ones too; of those without an error only the best is kept, ties to the
    smallest pair of ``names``. Returns (count, smallest rounded distance, exact distance, i, k); i = -1 if no
    pair of that kind was seen, count = -1 if out is too small. Rows must be sorted by ``points[:, 0]``.
    """
    count, best = 0, limit
    exact, exact_i, exact_k = np.inf, -1, -1
    for i in range(start, stop):
        for k in range(i + 1, points.shape[0]):
            ahead = points[k, 0] - points[i, 0]
            reach = ahead * ahead if p == 2.0 else ahead
            if reach > best * slack * slack:
                break
            if different and labels[i] == labels[k]:
                continue
            distance = point_distance(points, i, k, p, best * slack)
            if distance > best * slack:
                continue
            best = min(best, distance)
            a, b = min(names[i], names[k]), max(names[i], names[k])
            if exact_distance(points, i, k, p):
                first = a < exact_i or (a == exact_i and b < exact_k)
                if distance < exact or (distance == exact and first):
                    exact, exact_i, exact_k = distance, a, b
                continue
            if count == out.shape[0]:
                kept = 0
                for c in range(count):
                    if out_distance[c] <= best * slack:
                        out[kept, 0], out[kept, 1], out_distance[kept] = out[c, 0], out[c, 1], out_distance[c]
                        kept += 1
                count = kept
                if 2 * count > out.shape[0]:
                    return -1, best, exact, exact_i, exact_k
            out[count, 0], out[count, 1], out_distance[count] = a, b, distance
            count += 1
    return count, best, exact, exact_i, exact_k


@kernel
def closest_pair(lower: Any, upper: Any, labels: Any, p: Any, different: bool, start: int, stop: int,
                 limit: Any, slack: Any) -> Any:
    """Return (distance, i, k) of the first closest pair, start <= i < stop, i < k, below limit; -1 if none.

    ``different``: only pairs with different labels count. Rows must be sorted by ``lower[:, 0]``.
    """
    best, best_i, best_k = limit, -1, -1
    n = lower.shape[0]
    for i in range(start, stop):
        for k in range(i + 1, n):
            ahead = lower[k, 0] - upper[i, 0]
            reach = ahead * ahead if p == 2.0 else ahead
            if ahead > 0.0 and reach > best * slack:
                break
            if different and labels[i] == labels[k]:
                continue
            distance = box_distance(lower, upper, i, k, p, best)
            if distance < best:
                best, best_i, best_k = distance, i, k
    return best, best_i, best_k
