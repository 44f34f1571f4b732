"""One box for several data of one label: greedy, nearest first, as long as all other labels stay away.

Seeds come in a drawn order (or in the order of the data): each grows over the data of its label that are not taken
yet, nearest first, and skips those that would bring the bounding box too close to a datum of another label. One
pass is enough: a datum that was too much for a box is too much for any larger one, so that no two of the boxes can
be merged any more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_UNIT = 2.0**-53


def merged_boxes(lower: Array, upper: Array, groups: Numbers, least: float,
                 rng: np.random.Generator | None = None) -> Numbers:
    """Return, for each of n boxes, the number (n,) of the merged box that swallows it, first members ascending.

    Only boxes of one group are merged; every merged bounding box stays at l_1 distance >= ``least`` from every box
    of another group, and no two of them could be merged further. The result depends on the order of seeds, which
    ``rng`` draws (None: the given order). Cost: for each of m merged boxes two sorts of n rows, and as many l_1
    distances as it takes to refuse the rest of the group; memory O(n) beside the data.
    """
    # sums of at most d rounded gaps: ask for a little more than what is promised
    asked = least * (1.0 + (lower.shape[1] + 4) * 2 * _UNIT)
    n = lower.shape[0]
    order = np.arange(n) if rng is None else rng.permutation(n)
    return _renumbered(_grown(lower, upper, groups, order, asked))


def bounding_boxes(lower: Array, upper: Array, owner: Numbers) -> tuple[Array, Array]:
    """Return the boxes (m, d), (m, d) round the members of each number 0..m-1 in ``owner``."""
    m = int(owner.max()) + 1
    low, high = np.full((m, lower.shape[1]), np.inf), np.full((m, lower.shape[1]), -np.inf)
    np.minimum.at(low, owner, lower)
    np.maximum.at(high, owner, upper)
    return low, high


def _grown(lower: Array, upper: Array, groups: Numbers, order: Numbers, least: float) -> Numbers:
    """Return for each box the seed whose bounding box swallowed it."""
    from constructive._kernels.facets import grow
    n = lower.shape[0]
    owner, witness = np.full(n, -1, np.int64), np.zeros(n, np.int64)
    middle = (lower + upper) / 2
    for seed in order.tolist():
        if owner[seed] >= 0:
            continue
        owner[seed] = seed
        likes = np.flatnonzero((groups == groups[seed]) & (owner < 0))
        if likes.size == 0:
            continue
        likes = _nearest(middle, seed, likes)
        rivals = _nearest(middle, seed, np.flatnonzero(groups != groups[seed]))
        taken = np.zeros(likes.size, bool)
        grow(lower[seed].copy(), upper[seed].copy(), likes, rivals, lower, upper, least, witness, taken)
        owner[likes[taken]] = seed
    return owner


def _nearest(points: Array, i: int, rows: Numbers) -> Numbers:
    """Return ``rows`` of the points (n, d) by ascending l_1 distance from point i."""
    return rows[np.argsort(np.abs(points[rows] - points[i]).sum(axis=1), kind="stable")]


def _renumbered(owner: Numbers) -> Numbers:
    """Return the numbers replaced by 0, 1, 2, ... in the order of their first members."""
    _, first, inverse = np.unique(owner, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse.reshape(-1)]
