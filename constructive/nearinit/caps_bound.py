"""Certified ranges of two-layer ReLU networks on spherical caps, rounded outward by proved bounds.

Data flow: a row w and a cap -> the exact range of <w, x>, from the part of w along the center and the part across it ->
units that do not bend on the cap are affine there; a bending one lies below the chord of relu over its range and above
any line of slope in [0, 1] through 0 -> the network lies below one affine function, whose largest value on the cap is
exact again. Nothing is sampled. Bounds are tight where few units bend (radius sqrt(d) small) and always valid; for
networks of many units near a large initialization they say little.

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
from constructive.network import Network

__all__ = ["CapRange", "cap_range", "inner_range"]

Array = NDArray[np.float64]

_UNIT = 2.0**-52  # twice the rounding unit: half of it is reserve for what is rounded in the bounds themselves
_TINY = 2.0**-500  # squares of smaller numbers may vanish


@dataclass(frozen=True, slots=True, eq=False)
class CapRange:
    """Bounds lower, upper (n,): lower_i <= network(x) <= upper_i for all x of cap i."""

    lower: Array
    upper: Array

    def deviation(self, y: ArrayLike) -> Array:
        """Return an upper bound of |network - y_i| on each cap i, shape (n,)."""
        wanted = np.asarray(y, dtype=np.float64)
        return np.asarray(np.nextafter(np.maximum(self.upper - wanted, wanted - self.lower), np.inf))


def cap_range(network: Network, caps: Caps) -> CapRange:
    """Return bounds of a network of depth 2 with one output on all caps.

    They hold for the real network at all x with |x| = 1, |x - X_i| <= radius, and for what double precision returns,
    in any order of summation, at points that are on the cap up to 2^-48, such as those of ``caps.project``. For
    each cap the best of five bounds: bending units by their ranges alone, or under one affine function with four
    rules for the slopes from below. Cost: O(n m d) for n caps and m units.
    Raises ValueError for another depth, several outputs, or another dimension.

    >>> import numpy as np
    >>> from constructive.nearinit.geometry import caps
    >>> bend = Network.build([([[0.0, 2.0]], None), ([[3.0]], [1.0])])  # 1 + 3 relu(2 x_2)
    >>> found = cap_range(bend, caps([[1.0, 0.0]], 0.5))
    >>> bool(found.lower[0] <= 1.0 and found.upper[0] >= 1.0 + 6.0 * np.sin(2.0 * np.arcsin(0.25)))
    True
    """
    who = "cap_range"
    if network.depth != 2 or network.outputs != 1:
        raise ValueError(f"{who}: needs a network of depth 2 with one output, got depth {network.depth} and "
                         f"{network.outputs} outputs")
    if network.inputs != caps.dimension:
        raise ValueError(f"{who}: the network has {network.inputs} inputs, the caps lie in dimension {caps.dimension}")
    rows = np.asarray(network.layers[0].weight.toarray(), dtype=np.float64)
    bias = np.asarray(network.layers[0].bias, dtype=np.float64)
    output = np.asarray(network.layers[1].weight.toarray()[0], dtype=np.float64)
    constant = float(network.layers[1].bias[0])
    low, high = inner_range(rows, caps)
    size = np.linalg.norm(rows, axis=1) * (1.0 + (network.inputs + 4) * _UNIT) + np.abs(bias) + _TINY
    rounded = 8.0 * _UNIT * size
    ranges = (low + bias - rounded, high + bias + rounded)
    # Sums of m products, each bounded by |a| (|w| + |b|): twice, for our sums and for those of the program that runs.
    terms = float(np.abs(output) @ (4.0 * size)) + abs(constant)
    error = 2.0 * (output.size + 4 * network.inputs + 64) * _UNIT * terms
    upper = _upper(rows, bias, output, constant, ranges, caps) + error
    lower = -(_upper(rows, bias, -output, -constant, ranges, caps) + error)
    return CapRange(np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper))


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
    d = caps.dimension
    along = caps.X @ given.T
    # |w - p x_i| without the (n, m, d) array: row by row of the caps
    across = np.array([np.linalg.norm(given - p[:, None] * x, axis=1) for p, x in zip(along, caps.X, strict=True)])
    return _range(along, across, np.linalg.norm(given, axis=1)[None, :], _angle(caps), _missing(caps), d)


def _missing(caps: Caps) -> Array:
    """Return bounds (n, 1) of ||X_i| - 1|."""
    found = np.abs(np.einsum("ij,ij->i", caps.X, caps.X) - 1.0) + (caps.dimension + 4) * _UNIT
    if found.max() > 1e-6:
        raise ValueError(f"inner_range: rows of X must have norm 1, but X[{found.argmax()}] has not; "
                         "make them with caps(X, radius)")
    return found[:, None]


def _angle(caps: Caps) -> Array:
    """Return bounds (n, 1) of the angles of the caps round X_i / |X_i| that contain the caps round the stored X_i."""
    chord = (caps.radius + _missing(caps)) * (1.0 + 4.0 * _UNIT)
    return np.minimum(math.pi, 2.0 * np.arcsin(np.minimum(1.0, chord / 2.0)) * (1.0 + 4.0 * _UNIT))


def _range(along: Array, across: Array, size: Array, angle: Array, missing: Array, d: int) -> tuple[Array, Array]:
    """Return the range of p cos phi + q sin phi, |phi| <= angle, rounded outward: p, q, |w| are computed from rows.

    p is wrong by at most |w| (missing + (d + 1) u), q by that and |w| (missing + (d + 4) u), u half of _UNIT.
    """
    slack = (4.0 * missing + (4 * d + 32) * _UNIT) * size + d * _TINY
    whole = size + slack
    cosine, sine = np.cos(angle), np.sin(angle)
    top, bottom = along * cosine + across * sine, along * cosine - across * sine  # at the rim, toward w and away
    # w is outside the cap if p cos + q sin still increases at the rim; or clearly if w looks away from all of the cap,
    # which the first test misses where cap and row lie on one line. The same for -w.
    rises = (across * cosine - along * sine >= slack) | ((along < -slack) & (top < -slack))
    falls = (across * cosine + along * sine >= slack) | ((along > slack) & (bottom > slack))
    high, low = np.where(rises, top + slack, whole), np.where(falls, bottom - slack, -whole)
    return np.maximum(low, -whole), np.minimum(high, whole)


def _upper(rows: Array, bias: Array, output: Array, constant: float, ranges: tuple[Array, Array], caps: Caps) -> Array:
    """Return upper bounds (n,) of constant + sum_r output_r relu(z_r), rounding of the sums not yet counted."""
    low, high = ranges
    active, bends = low >= 0.0, (low < 0.0) & (high > 0.0)
    rising = output > 0.0
    chord = np.divide(high, high - low, out=np.zeros_like(high), where=bends)
    # The chord's slope is rounded: lifted by 2^-50 of what it misses, it is above relu at both ends.
    lift = np.where(bends & rising, -chord * low * (1.0 + 4.0 * _UNIT) + 4.0 * _UNIT * high, 0.0)
    positive = np.maximum(output, 0.0)
    best = constant + np.maximum(high, 0.0) @ positive - np.maximum(low, 0.0) @ np.maximum(-output, 0.0)
    for below in (np.zeros_like(high), np.ones_like(high), np.where(high >= -low, 1.0, 0.0), np.minimum(chord, 1.0)):
        slope = np.where(active, 1.0, np.where(bends, np.where(rising, chord, below), 0.0))
        weights = slope * output
        form = weights @ rows
        along = np.einsum("ij,ij->i", form, caps.X)
        across = np.linalg.norm(form - along[:, None] * caps.X, axis=1)
        _, top = _range(along[:, None], across[:, None], np.linalg.norm(form, axis=1)[:, None], _angle(caps),
                        _missing(caps), caps.dimension)
        best = np.minimum(best, constant + weights @ bias + lift @ positive + top[:, 0])
    return np.asarray(best)
