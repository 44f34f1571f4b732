"""How often two directions agree on a random half-space, and the power series of that."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count

Array = NDArray[np.float64]


def agreement(t: ArrayLike) -> Array:
    """Return kappa(t) = 1/4 + asin((1 + t) / 2) / (2 pi), the chance that <w, x> + b and <w, x'> + b are both >= 0.

    t = <x, x'> (any shape, values in [-1, 1]; what rounding puts outside is clipped) for unit x, x'; w standard normal,
    b standard normal and independent. kappa is increasing and convex, kappa(-1) = 1/4, kappa(1) = 1/2.

    >>> agreement([-1.0, 0.0, 1.0])
    array([0.25      , 0.33333333, 0.5       ])
    """
    cosines = np.clip(np.asarray(t, dtype=np.float64), -1.0, 1.0)
    return np.asarray(0.25 + np.arcsin((1.0 + cosines) / 2.0) / (2.0 * math.pi))


def feature_norms(count: int) -> Array:
    """Return sigma_0, ..., sigma_(count - 1), the positive roots of kappa's coefficients: kappa(t) = sum sigma_k^2 t^k.

    sigma_k (count,) is the largest factor with which a gate of unit norm turns the k-th Hermite feature into t^k:
    sigma_0 = 1/sqrt(3), strictly decreasing, and 1 / sigma_k <= 4.81 k^(3/4). The squares follow
    sigma_k^2 = A_(k-1) / (2 pi sqrt(3) k), A_n = ((2n - 1) A_(n-1) + (n - 1) A_(n-2)) / (3n), A_0 = 1, A_1 = 1/3: all
    terms are positive, so each value is correct to a few times k roundings. Raises ValueError for count < 1.

    >>> 1.0 / feature_norms(3)[1:]
    array([3.29890833, 8.08064212])
    """
    n = as_count(count, "feature_norms", "count", at_least=1)
    squares = np.empty(n)
    squares[0] = 1.0 / 3.0
    older, newer = 1.0, 1.0 / 3.0  # A_(k-2), A_(k-1) from k = 2 on
    for k in range(1, n):
        if k == 1:
            factor = older
        elif k == 2:
            factor = newer
        else:
            m = k - 1
            older, newer = newer, ((2 * m - 1) * newer + (m - 1) * older) / (3 * m)
            factor = newer
        squares[k] = factor / (2.0 * math.pi * math.sqrt(3.0) * k)
    return np.sqrt(squares)
