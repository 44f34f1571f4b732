"""One box for several data of one label: greedy, nearest first, as long as all other labels stay away.

Seeds come in a drawn order (or in the order of the data): each grows over the data of its label that are not taken
yet, nearest first, and skips those that would bring the bounding box too close to a datum of another label. The
boxes of the first round are then merged with each other in the same way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_UNIT = 2.0**-53
_TRIED = 4096
"""How many of its nearest likes a seed tries: enough for all data of a label in tables of some ten thousand rows."""
_ROUNDS = 3


def merged_boxes(lower: Array, upper: Array, groups: Numbers, least: float,
                 rng: np.random.Generator | None = None) -> Numbers:
    """Return, for each of n boxes, the number (n,) of the merged box that swallows it, first members ascending.

    Only boxes of one group are merged; every merged bounding box stays at l_1 distance >= ``least`` from every box
    of another group. The result depends on the order of seeds, which ``rng`` draws (None: the given order).
    """
    asked = least * (1.0 + (lower.shape[1] + 4) * 2 * _UNIT)
    owner = np.arange(lower.shape[0])
    for _ in range(_ROUNDS):
        low, high = bounding_boxes(lower, upper, owner)
        _, first = np.unique(owner, return_index=True)
        order = np.arange(low.shape[0]) if rng is None else rng.permutation(low.shape[0])
        joined = _one_round(low, high, groups[first], order, lower, upper, groups, asked)
        if np.unique(joined).size == low.shape[0]:
            break
        owner = _renumbered(joined[owner])
    return owner


def bounding_boxes(lower: Array, upper: Array, owner: Numbers) -> tuple[Array, Array]:
    """Return the boxes (m, d), (m, d) round the members of each number 0..m-1 in ``owner``."""
    m = int(owner.max()) + 1
    low, high = np.full((m, lower.shape[1]), np.inf), np.full((m, lower.shape[1]), -np.inf)
    np.minimum.at(low, owner, lower)
    np.maximum.at(high, owner, upper)
    return low, high


def _one_round(low: Array, high: Array, kinds: Numbers, order: Numbers, lower: Array, upper: Array, groups: Numbers,
               least: float) -> Numbers:
    """Return for each box the box whose seed swallowed it."""
    from constructive._kernels.facets import grow
    joined = np.full(low.shape[0], -1, np.int64)
    witness = np.zeros(lower.shape[0], np.int64)
    middle = (low + high) / 2
    for seed in order.tolist():
        if joined[seed] >= 0:
            continue
        joined[seed] = seed
        likes = np.flatnonzero((kinds == kinds[seed]) & (joined < 0))
        if likes.size == 0:
            continue
        rivals = np.flatnonzero(groups != kinds[seed])
        likes = _nearest(middle[likes], middle[seed], likes)[:_TRIED]
        rivals = _nearest((lower[rivals] + upper[rivals]) / 2, middle[seed], rivals)
        taken = np.zeros(likes.size, bool)
        grow(low[seed].copy(), high[seed].copy(), likes, low, high, rivals, lower, upper, least, witness,
             taken)
        joined[likes[taken]] = seed
    return joined


def _nearest(points: Array, center: Array, names: Numbers) -> Numbers:
    """Return the names of the points (n, d) by ascending l_1 distance from the center."""
    return names[np.argsort(np.abs(points - center).sum(axis=1), kind="stable")]


def _renumbered(owner: Numbers) -> Numbers:
    """Return the numbers replaced by 0, 1, 2, ... in the order of their first members."""
    _, first, inverse = np.unique(owner, return_index=True, return_inverse=True)
    rank = np.empty(first.size, np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse.reshape(-1)]
