"""Intervals that hold the kernels of infinitely wide ReLU networks, every rounding error accounted for.

Each quantity is carried as two ends, formed in floating point and moved outward by more than rounding can have done.
One layer is monotone in what it is given: E[relu relu] = sqrt(p q) g(c) rises in p, q and the cosine c, and so does the
chance P that both units are on; so the ends of a layer come from the ends of the layer below. Near c = 1 the angle is
known to about the root of a rounding only, 1e-7: that is the price of intervals without differences of points.
Assumed: IEEE doubles, sums in any order, and arccos and arcsin with errors below 4 units in the last place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.tangent.inputs import stretches
from constructive.tangent.matrices import UNIT
from constructive.tangent.relu import ReluKernel

Array = NDArray[np.float64]
Interval = tuple[Array, Array]
TINY = 1e-300  # what underflow can lose, many times over
TRIG = 64.0 * UNIT  # error of arccos in [0, pi], and of g


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Ends of the variances p_l and of the tangent kernel t_l of points with themselves, (depth, n) each."""

    p: Interval
    t: Interval


def sizes_of(kernel: ReluKernel, squares: Interval, d: int) -> Sizes:
    """Return p_l = Sigma_l(x, x) and t_l = Theta_l(x, x) for squared norms |x|^2 in the given intervals, (n,) ends."""
    ends = []
    for way, square in zip((-1.0, 1.0), squares, strict=True):
        gain, shift = kernel.weight_std**2, kernel.bias_std**2
        room = 1.0 + way * 16.0 * UNIT
        p = np.maximum((gain / d * square + shift) * room + way * TINY, 0.0)
        table, tangent = [p], [p]
        for _ in range(kernel.depth - 1):
            p = (gain * p / 2.0 + shift) * room
            table.append(p)
            tangent.append((p + gain / 2.0 * tangent[-1]) * room)
        ends.append((np.array(table), np.array(tangent)))
    (p_low, t_low), (p_high, t_high) = ends
    return Sizes((p_low, p_high), (t_low, t_high))


def squares_of(points: Array) -> Interval:
    """Return ends of |x|^2 for each row."""
    squares = np.einsum("ij,ij->i", points, points)
    room = (points.shape[1] + 8) * UNIT
    return np.maximum(squares * (1.0 - room) - TINY, 0.0), squares * (1.0 + room) + TINY


def kernel_interval(kernel: ReluKernel, X: Array, Z: Array, *, tangent: bool) -> Interval:
    """Return ends (n, m) of the tangent kernel, or of the covariance, between rows of X (n, d) and Z (m, d)."""
    low, high = np.empty((2, X.shape[0], Z.shape[0]))
    columns = squares_of(Z)
    other = sizes_of(kernel, columns, X.shape[1])
    for a, b in stretches(X.shape[0], Z.shape[0], 1 << 16):
        rows = squares_of(X[a:b])
        low[a:b], high[a:b] = _block(kernel, X[a:b] @ Z.T, rows, columns, sizes_of(kernel, rows, X.shape[1]), other,
                                     X.shape[1], tangent)
    return low, high


def gram_interval(kernel: ReluKernel, X: Array, *, tangent: bool) -> Interval:
    """Return ends (n, n) of the kernel of the data with themselves; the diagonal without angles, to a few roundings."""
    low, high = kernel_interval(kernel, X, X, tangent=tangent)
    sizes = sizes_of(kernel, squares_of(X), X.shape[1])
    for target, end in zip((low, high), sizes.t if tangent else sizes.p, strict=True):
        np.fill_diagonal(target, end[-1])
    return low, high


def _block(kernel: ReluKernel, products: Array, rows: Interval, columns: Interval, row: Sizes, column: Sizes, d: int,
           tangent: bool) -> Interval:
    gain, shift = kernel.weight_std**2, kernel.bias_std**2
    # |rounding of <x, z>| <= d u |x| |z|, whatever the order of summation
    room = (d + 16) * UNIT * (gain / d * np.sqrt(rows[1])[:, None] * np.sqrt(columns[1]) + shift) + TINY
    s_low, s_high = gain / d * products + shift - room, gain / d * products + shift + room
    t_low, t_high = s_low, s_high
    for layer in range(kernel.depth - 1):
        small = np.sqrt(row.p[0][layer])[:, None] * np.sqrt(column.p[0][layer]) * (1.0 - 16.0 * UNIT)
        large = np.sqrt(row.p[1][layer])[:, None] * np.sqrt(column.p[1][layer]) * (1.0 + 16.0 * UNIT)
        c_low = np.clip(_cosine(s_low, large, small, -1.0) - 8.0 * UNIT, -1.0, 1.0)
        c_high = np.clip(_cosine(s_high, small, large, 1.0) + 8.0 * UNIT, -1.0, 1.0)
        gate_low, mean_low = _gate(c_low)
        gate_high, mean_high = _gate(c_high)
        gate_low, gate_high = np.maximum(gate_low - TRIG, 0.0), gate_high + TRIG
        s_low = (gain * small * np.maximum(mean_low - TRIG, 0.0) + shift) * (1.0 - 16.0 * UNIT)
        s_high = (gain * large * (mean_high + TRIG) + shift) * (1.0 + 16.0 * UNIT) + TINY
        if tangent:
            below = gain * t_low * np.where(t_low >= 0.0, gate_low, gate_high)
            above = gain * t_high * np.where(t_high >= 0.0, gate_high, gate_low)
            t_low = s_low + below - 16.0 * UNIT * (s_low + np.abs(below)) - TINY
            t_high = s_high + above + 16.0 * UNIT * (s_high + np.abs(above)) + TINY
    return (t_low, t_high) if tangent else (s_low, s_high)


def _cosine(s: Array, if_positive: Array, if_negative: Array, unknown: float) -> Array:
    """Return s over the size that makes the quotient extreme for its sign; the extreme itself where sizes vanish."""
    size = np.where(s >= 0.0, if_positive, if_negative)
    with np.errstate(over="ignore"):
        return np.divide(s, size, out=np.full_like(s, unknown), where=size > 0.0)


def _gate(c: Array) -> Interval:
    """Return the chance that both units are on, and g(c) = E[relu(u) relu(v)] for unit variances."""
    angle = math.pi - np.arccos(c)
    turn = 1.0 / (2.0 * math.pi)
    return turn * angle, turn * (np.sqrt((1.0 - c) * (1.0 + c)) + c * angle)
