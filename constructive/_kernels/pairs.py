"""Closest pairs of differently labelled points or boxes: distances, and the record of the best pairs seen.

Every search (columns of a grid, tiles of a tree) hands the pairs that pass its filter to :func:`consider`, so what
counts as closest is decided in one place. Every distance is the rounded value of the formula; near ties that
rounding leaves open are written down and decided in rational arithmetic by the caller.
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
    """Return whether the rounded l_p distance of points i and k, p = 1 or 2, provably carries no rounding error."""
    total, exact = 0.0, True
    for j in range(points.shape[1]):
        a, b = max(points[i, j], points[k, j]), min(points[i, j], points[k, j])
        gap = a - b
        back = a - gap
        clean = a - (gap + back) == 0.0 and back - b == 0.0  # two-sum of a and -b has no error term
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
def maximum_distance(points: Any, i: int, k: int, high: Any, low: Any, later: bool) -> Any:
    """Return the exact l_inf distance of points i and k as the sum of a double and its rounding error.

    The first part is infinite as soon as the distance exceeds high + low, or equals it while ``later``: that keeps
    data with masses of ties from being read to the last coordinate. Rounding is monotone, so equal distances have
    equal parts, and the order of two distances is the lexicographic order of their parts.
    """
    total, error = 0.0, 0.0
    for j in range(points.shape[1]):
        a, b = max(points[i, j], points[k, j]), min(points[i, j], points[k, j])
        gap = a - b
        if gap < total:
            continue
        if gap > high:
            return np.inf, 0.0
        back = gap - a
        rest = (a - (gap - back)) - (b + back)
        if gap == high and (rest > low or (rest == low and later)):
            return np.inf, 0.0
        if gap > total or rest > error:
            total, error = gap, rest
    return total, error


def new_record(limit: Any, capacity: int) -> Any:
    """Return an empty record of a block: nothing farther than ``limit`` is of interest.

    values (3): the smallest rounded distance so far, the best decided distance in two parts; pair (3): its names
    i < k, and how many near ties are in near (capacity, 2) and near_distance, or -1 when these were too few.
    """
    values, pair = np.array([limit, np.inf, np.inf]), np.array([-1, -1, 0])
    return values, pair, np.empty((capacity, 2), np.int64), np.empty(capacity)


@kernel
def consider(lower: Any, upper: Any, i: int, k: int, a: int, b: int, p: Any, slack: Any, rounded: bool,
             record: Any) -> bool:
    """Enter rows i and k, named a and b, into the record if no pair seen is closer; return whether they entered.

    ``rounded``: the rounded distance of the boxes is what counts. Otherwise the rows are points, and a pair whose
    rounded distance carries an error enters when it is at most slack times the smallest one. Ties go to the
    smallest pair of names.
    """
    values, pair = record[0], record[1]
    a, b = min(a, b), max(a, b)
    later = a > pair[0] or (a == pair[0] and b >= pair[1])
    rest = 0.0
    if p == np.inf and not rounded:
        if values[0] < values[1]:  # another block saw something closer, whose second part and names are not known here
            distance, rest = maximum_distance(lower, i, k, values[0], np.inf, False)
        else:
            distance, rest = maximum_distance(lower, i, k, values[1], values[2], later)
        if distance == np.inf:
            return False
    else:
        limit = values[0] * slack
        distance = (box_distance(lower, upper, i, k, p, values[0]) if rounded
                    else point_distance(lower, i, k, p, limit))
        if distance > (values[0] if rounded else limit):
            return False
        values[0] = min(values[0], distance)
        if not rounded and not exact_distance(lower, i, k, p):
            return note_near_tie(a, b, distance, slack, record)
    values[0] = min(values[0], distance)
    if distance > values[1] or (distance == values[1] and (rest > values[2] or (rest == values[2] and later))):
        return False
    values[1], values[2], pair[0], pair[1] = distance, rest, a, b
    return True


@kernel
def note_near_tie(a: int, b: int, distance: Any, slack: Any, record: Any) -> bool:
    """Write a near tie down, after dropping those that no longer are when there is no room."""
    values, pair, near, near_distance = record
    count = pair[2]
    if count < 0:
        return False
    if count == near.shape[0]:
        kept = 0
        for c in range(count):
            if near_distance[c] <= values[0] * slack:
                near[kept, 0], near[kept, 1], near_distance[kept] = near[c, 0], near[c, 1], near_distance[c]
                kept += 1
        count = kept
        if 2 * count > near.shape[0]:
            pair[2] = -1
            return False
    near[count, 0], near[count, 1], near_distance[count] = a, b, distance
    pair[2] = count + 1
    return True
