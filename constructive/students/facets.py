"""Which faces a bump needs: a few that together hold off every datum of another label.

A bump may leave out any of its 2 d faces, as long as, for every rival datum, the gaps behind the faces that stay add
up to the distance asked for. Finding the fewest is a hitting-set problem; the greedy choice, with redundant faces
deleted afterwards, needs two to five of 128 on handwritten digits.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_UNIT = 2.0**-53


def needed_faces(lower: Array, upper: Array, groups: Numbers, data_lower: Array, data_upper: Array,
                 data_groups: Numbers, least: float, *, prefer_shared: bool = False) -> tuple[Array, Array]:
    """Return the boxes (m, d), (m, d) with -inf or +inf where a face is not needed.

    Every data box (n, d) of another group stays at l_1 distance >= ``least`` from every box, or as far as all faces
    together hold it off where that is less; of the faces left none is redundant. Boxes without a rival lose all
    faces. The smaller of two greedy choices is kept for each box. ``prefer_shared`` weighs each face by what its
    threshold costs where equal thresholds of all boxes are stored once, and never stores more. Cost: a pass or two
    over n d numbers for each box (four times that with ``prefer_shared``); memory O(m d + n d).
    """
    # sums of at most d rounded gaps: ask for a little more than what is promised
    asked = least * (1.0 + (lower.shape[1] + 4) * 2 * _UNIT)
    rivals = (groups, data_lower, data_upper, data_groups, asked)
    price = np.ones((lower.shape[0], 2 * lower.shape[1]))
    chosen = _cheaper(lower, upper, *rivals, price)
    if prefer_shared:
        for _ in range(3):  # prices settle after a pass or two
            again = _cheaper(lower, upper, *rivals, _prices(lower, upper, chosen))
            if _stored(lower, upper, again) >= _stored(lower, upper, chosen):
                break
            chosen = again
    d = lower.shape[1]
    return np.where(chosen[:, :d], lower, -np.inf), np.where(chosen[:, d:], upper, np.inf)


def _cheaper(lower: Array, upper: Array, groups: Numbers, data_lower: Array, data_upper: Array, data_groups: Numbers,
             least: float, price: Array) -> NDArray[np.bool_]:
    """Return the faces (m, 2 d) of the cheaper of two greedy choices for each box."""
    from constructive._kernels import in_blocks
    from constructive._kernels.facets import choose_faces
    m, d = lower.shape
    chosen = np.zeros((m, 2 * d), bool)
    ends = _by_face(data_lower, data_upper)

    def work(start: int, stop: int) -> None:
        choose_faces(lower, upper, groups, data_lower, data_upper, ends, data_groups, least, price, start, stop,
                     chosen[start:stop])

    in_blocks(m, max(1, m // 64), work)
    return chosen


def _by_face(data_lower: Array, data_upper: Array) -> Array:
    """Return minus the upper ends and then the lower ends, axis by axis (2 d, n)."""
    return np.concatenate([-data_upper.T, data_lower.T])


def _prices(lower: Array, upper: Array, chosen: NDArray[np.bool_]) -> Array:
    """Return the price of each face: 1 for reading it, and its part of the 2 for storing its threshold."""
    keys = _thresholds(lower, upper)
    used = Counter(keys[chosen].tolist())
    count = np.array([used.get(v, 0) for v in range(int(keys.max()) + 1)], np.float64)
    return 1.0 + 2.0 / np.maximum(count[keys], 1.0)


def _stored(lower: Array, upper: Array, chosen: NDArray[np.bool_]) -> int:
    """Return the nonzeros of faces whose equal thresholds are stored once: 2 for each distinct one, 1 for each use."""
    return 2 * int(np.unique(_thresholds(lower, upper)[chosen]).size) + int(chosen.sum())


def _thresholds(lower: Array, upper: Array) -> Numbers:
    """Return a number for each face (m, 2 d), equal where axis, side and threshold are."""
    ends = np.concatenate([lower, upper], axis=1)
    keys, start = np.empty(ends.shape, np.int64), 0
    for f in range(ends.shape[1]):
        values, index = np.unique(ends[:, f], return_inverse=True)
        keys[:, f] = index.reshape(-1) + start
        start += values.size
    return keys


def face_gap(lower: Array, upper: Array, groups: Numbers, data_lower: Array, data_upper: Array,
             data_groups: Numbers) -> tuple[float, tuple[int, int] | None]:
    """Return the smallest l_1 distance from a box (infinite ends allowed) to a data box of another group, and the pair.

    The distance is rounded down; (inf, None) without a rival. Cost: m n early-abandoned sums over the faces.
    """
    from constructive._kernels import in_blocks
    from constructive._kernels.facets import nearest_rival
    found: list[tuple[float, int, int]] = []
    ends = _by_face(data_lower, data_upper)

    def work(start: int, stop: int) -> None:
        best = nearest_rival(lower, upper, groups, ends, data_groups, start, stop, math.inf)
        if best[1] >= 0:
            found.append((float(best[0]), int(best[1]), int(best[2])))

    in_blocks(lower.shape[0], max(1, lower.shape[0] // 64), work)
    if not found:
        return math.inf, None
    distance, box, datum = min(found)
    return distance * (1.0 - (lower.shape[1] + 4) * _UNIT), (box, datum)
