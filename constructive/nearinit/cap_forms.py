"""Affine functions on spherical caps: their exact ranges, rounded outward by proved bounds.

The range of <w, x>: with p = <w, x_i>, q = |w - p x_i| and theta the cap's angle it is the range of
p cos phi + q sin phi over |phi| <= theta. Its upper end is p cos theta + q sin theta, unless w itself points into the
cap: then it is |w|. That case must not be forgotten, and is decided with a margin: |w| is an upper end always.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.nearinit.geometry import Caps

__all__ = ["CapRange", "affine_ranges", "affine_top", "inner_range", "row_sizes"]

Array = NDArray[np.float64]

UNIT = 2.0**-52
"""Twice the rounding unit: half of it is reserve for what is rounded in the bounds themselves."""

_TINY = 2.0**-500  # squares of smaller numbers may vanish


@dataclass(frozen=True, slots=True, eq=False)
class CapRange:
    """Bounds lower, upper (n,): lower_i <= function(x) <= upper_i for all x of cap i."""

    lower: Array
    upper: Array

    def deviation(self, y: ArrayLike) -> Array:
        """Return an upper bound of |function - y_i| on each cap i, shape (n,)."""
        wanted = np.asarray(y, dtype=np.float64)
        return np.asarray(np.nextafter(np.maximum(self.upper - wanted, wanted - self.lower), np.inf))


def inner_range(rows: ArrayLike, caps: Caps) -> tuple[Array, Array]:
    """Return bounds (low, high), each (n, m), of <w_r, x> over each cap, for rows w_r (m, d), rounded outward.

    For radius <= 1.9 they exceed the exact range by at most (8 d + 128) 2^-52 |w_r|, and are |w_r| and -|w_r| (to that
    accuracy) where the cap contains w_r / |w_r| or its opposite. Raises ValueError where rows and caps do not fit.

    >>> from constructive.nearinit.geometry import caps
    >>> low, high = inner_range([[2.0, 0.0], [0.0, 2.0]], caps([[1.0, 0.0]], 0.5))
    >>> low.round(6).tolist(), high.round(6).tolist()
    ([[1.75, -0.968246]], [[2.0, 0.968246]])
    """
    given = np.asarray(rows, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != caps.dimension:
        raise ValueError(f"inner_range: rows must have shape (m, {caps.dimension}), got {given.shape}")
    along = caps.X @ given.T
    # |w - p x_i| without the (n, m, d) array: row by row of the caps
    across = np.array([np.linalg.norm(given - p[:, None] * x, axis=1) for p, x in zip(along, caps.X, strict=True)])
    return _range(along, across, np.linalg.norm(given, axis=1)[None, :], caps)


def row_sizes(rows: Array, bias: Array) -> Array:
    """Return upper bounds (m,) of |w_r| + |b_r|."""
    return np.asarray(np.linalg.norm(rows, axis=1) * (1.0 + (rows.shape[1] + 4) * UNIT) + np.abs(bias) + _TINY)


def affine_ranges(rows: Array, bias: Array, caps: Caps) -> tuple[Array, Array]:
    """Return bounds (low, high), each (n, m), of <w_r, x> + b_r over each cap.

    The reserve of (2 d + 8) 2^-52 (|w_r| + |b_r|) covers rows that are rounded differences, and a program's own values.
    """
    low, high = inner_range(rows, caps)
    rounded = (2 * caps.dimension + 8) * UNIT * row_sizes(rows, bias)
    return low + bias - rounded, high + bias + rounded


def affine_top(forms: Array, caps: Caps) -> Array:
    """Return upper bounds (n,) of <l_i, x> over cap i, for one row l_i (n, d) for each cap."""
    along = np.einsum("ij,ij->i", forms, caps.X)[:, None]
    across = np.linalg.norm(forms - along * caps.X, axis=1)[:, None]
    return _range(along, across, np.linalg.norm(forms, axis=1)[:, None], caps)[1][:, 0]


def _missing(caps: Caps) -> Array:
    """Return bounds (n, 1) of ||X_i| - 1|."""
    found = np.abs(np.einsum("ij,ij->i", caps.X, caps.X) - 1.0) + (caps.dimension + 4) * UNIT
    if found.max() > 1e-6:
        raise ValueError(f"inner_range: rows of X must have norm 1, but X[{found.argmax()}] has not; "
                         "make them with caps(X, radius)")
    return found[:, None]


def _range(along: Array, across: Array, size: Array, caps: Caps) -> tuple[Array, Array]:
    """Return the range of p cos phi + q sin phi, |phi| <= angle, rounded outward: p, q, |w| are computed from rows.

    p is wrong by at most |w| (missing + (d + 1) u), q by that and |w| (missing + (d + 4) u), u half of UNIT.
    """
    missing = _missing(caps)
    # The angle round X_i / |X_i| of a cap that contains the cap round the stored X_i.
    chord = (caps.radius + missing) * (1.0 + 4.0 * UNIT)
    angle = np.minimum(math.pi, 2.0 * np.arcsin(np.minimum(1.0, chord / 2.0)) * (1.0 + 4.0 * UNIT))
    slack = (4.0 * missing + (4 * caps.dimension + 32) * UNIT) * size + caps.dimension * _TINY
    whole = size + slack
    cosine, sine = np.cos(angle), np.sin(angle)
    top, bottom = along * cosine + across * sine, along * cosine - across * sine  # at the rim, toward w and away
    # w is outside the cap if p cos + q sin still increases at the rim; or clearly if w looks away from all of the cap,
    # which the first test misses where cap and row lie on one line. The same for -w.
    rises = (across * cosine - along * sine >= slack) | ((along < -slack) & (top < -slack))
    falls = (across * cosine + along * sine >= slack) | ((along > slack) & (bottom > slack))
    high, low = np.where(rises, top + slack, whole), np.where(falls, bottom - slack, -whole)
    return np.maximum(low, -whole), np.minimum(high, whole)
