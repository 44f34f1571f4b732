"""Two points that a first layer of low rank cannot tell apart: why robust memorizers need many directions."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_number, as_points

Array = NDArray[np.float64]


def cross(d: int, norm: float = 2.0) -> tuple[Array, NDArray[np.int64]]:
    """Return data that need a first layer of high rank: 0 with label -1 and e_j with +1; for l_inf also -e_j.

    All of them are at distance 1 from the first, and any n >= d + 1 data may hold such a set.

    >>> cross(2)[0].tolist()
    [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    rows = [np.zeros((1, d)), np.eye(d)] + ([-np.eye(d)] if norm == math.inf else [])
    X = np.vstack(rows)
    return X, np.concatenate([[-1], np.ones(len(X) - 1, np.int64)])


def colliding_points(weight: ArrayLike, ratio: float, *, norm: float = 2.0) -> tuple[int, Array, Array] | None:
    """Return a datum and two points that a first layer cannot tell apart, in its ball and in that of 0, or None.

    (k, x, z): x in the ball of radius ``ratio / 2`` round 0, z in that round datum k of :func:`cross`, of another
    label, and ``weight x = weight z``: no network with this first layer memorizes both balls. They exist

    * norm 2: whenever ``rank <= ratio^2 d``. With P the projection on the kernel, trace P >= d - rank, so some
      |P e_j|^2 >= 1 - rank / d; x = (e_j - P e_j) / 2, z = x + P e_j, half of sqrt(1 - |P e_j|^2) off their centers;
    * norm inf: whenever ``rank < d`` and ratio >= 1/2. With v in the kernel, v_j = 1 its largest entry, t = 1 - ratio:
      x = -t v / 2 but x_j = ratio / 2, z = x + t v.

    So a robust memorizer of all data needs rank above ratio^2 d (l_2), d (l_inf). The points are rounded. Raises
    ValueError for other norms and for a ratio outside (0, 1).
    """
    who = "colliding_points"
    rows, p = as_points(weight, who, "weight"), as_norm(norm, who)
    share = as_number(ratio, who, "ratio", above=0.0, below=1.0)
    if p == 1.0:
        raise ValueError(f"{who}: norm=1 is not known; pass 2 or inf")
    d = rows.shape[1]
    _, sizes, turns = np.linalg.svd(rows)
    rank = int((sizes > sizes[0] * d * 2.0**-50).sum())
    kernel = turns[rank:]
    if rank == d or (p == math.inf and share < 0.5):
        return None
    if p == math.inf:
        return _in_boxes(kernel[0], share)
    inside = (kernel**2).sum(axis=0)  # |P e_j|^2
    j = int(inside.argmax())
    if 1.0 - inside[j] > share**2 * (1 + 2.0**-40):
        return None
    flat = kernel.T @ kernel[:, j]
    x = (np.eye(d)[j] - flat) / 2
    return 1 + j, x, x + flat


def _in_boxes(v: Array, ratio: float) -> tuple[int, Array, Array]:
    j = int(np.abs(v).argmax())
    v = v / v[j]
    x = -(1.0 - ratio) * v / 2
    x[j] = ratio / 2
    return 1 + j, x, x + (1.0 - ratio) * v
