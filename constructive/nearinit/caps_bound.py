"""Certified ranges of two-layer ReLU networks on spherical caps, rounded outward by proved bounds.

Data flow: a unit and a cap -> the exact range of its preactivation (:mod:`~constructive.nearinit.cap_forms`) -> units
that do not bend on the cap are affine there; a bending one lies below the chord of relu over its range and above any
line of slope in [0, 1] through 0; two units with opposite output weights differ by a number between 0 and the
difference of their preactivations, whatever bends -> the network lies below one affine function, whose largest value on
the cap is exact again. Nothing is sampled. Bounds are tight where few units bend (radius sqrt(d) small), always valid.

The pairs make networks near a paired initialization certifiable at every scale: their output weights are large, but
what the two copies of a unit leave over is small, and known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.nearinit.cap_forms import UNIT, CapRange, affine_ranges, affine_top, row_sizes
from constructive.nearinit.geometry import Caps
from constructive.network import Network

__all__ = ["cap_range", "rounding_bound"]

Array = NDArray[np.float64]
Bits = NDArray[np.bool_]


def cap_range(network: Network, caps: Caps) -> CapRange:
    """Return bounds of a network of depth 2 with one output on all caps.

    They hold for the real network at all x with |x| = 1, |x - X_i| <= radius, and for what double precision returns,
    in any order of summation, at points that are on the cap up to (d + 8) 2^-52, as those of ``caps.project``. For each
    cap the best of several bounds: bending units by their ranges alone, or under one affine function with four rules
    for the slopes from below, with and without pairs (neighbors 2k, 2k + 1 with opposite output weights).
    Cost: O(n m d) for n caps and m units. Raises ValueError for another depth, several outputs, or another dimension.

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
    ranges = affine_ranges(rows, bias, caps)
    error = rounding_bound(rows, bias, output, constant)
    upper = _upper(rows, bias, output, ranges, caps) + constant + error
    lower = -_upper(rows, bias, -output, ranges, caps) + constant - error
    return CapRange(np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper))


def rounding_bound(rows: Array, bias: Array, output: Array, constant: float) -> float:
    """Return a bound of all that rounds in a sum of m relus, and of what moving x by (d + 8) 2^-52 changes.

    Sums of m products, each bounded by |a| (|w| + |b|): twice, for our sums and for those of the program that runs.
    """
    terms = float(np.abs(output) @ (4.0 * row_sizes(rows, bias))) + abs(constant)
    return 2.0 * (output.size + 4 * rows.shape[1] + 64) * UNIT * terms


def chords(low: Array, high: Array) -> tuple[Array, Array]:
    """Return slope and lift of a line above max(0, z) on [low, high], elementwise: z, 0, or the chord where both signs.

    The chord's slope is rounded; lifted by 2^-50 of what it misses, it is above at both ends.
    """
    bends = (low < 0.0) & (high > 0.0)
    slope = np.divide(high, high - low, out=(low >= 0.0).astype(np.float64), where=bends)
    return slope, np.where(bends, -slope * low * (1.0 + 4.0 * UNIT) + 4.0 * UNIT * high, 0.0)


def _upper(rows: Array, bias: Array, output: Array, ranges: tuple[Array, Array], caps: Caps) -> Array:
    """Return upper bounds (n,) of sum_r output_r relu(z_r), rounding of the sums not yet counted."""
    low, high = ranges
    rising, (chord, lift) = output > 0.0, chords(low, high)
    bends = (low < 0.0) & (high > 0.0)
    positive, negative = np.maximum(output, 0.0), np.maximum(-output, 0.0)
    best = np.maximum(high, 0.0) @ positive - np.maximum(low, 0.0) @ negative
    below = (np.zeros_like(high), np.ones_like(high), np.where(high >= -low, 1.0, 0.0), np.minimum(chord, 1.0))
    pairs = _pairs(rows, bias, output, ranges, caps)
    for lower_slope in below:
        slope = np.where(bends & ~rising, lower_slope, chord)
        above = np.where(rising, lift, 0.0)
        for joined in ((), pairs):
            for first, second, line, gain, chosen in joined:
                slope[:, first] = np.where(chosen, line, slope[:, first])
                slope[:, second] = np.where(chosen, line, slope[:, second])
                above[:, first] = np.where(chosen, gain, above[:, first])
            weights = slope * output
            best = np.minimum(best, weights @ bias + above @ positive + affine_top(weights @ rows, caps))
    return np.asarray(best)


Joined = tuple[NDArray[np.intp], NDArray[np.intp], Array, Array, Bits]


def _pairs(rows: Array, bias: Array, output: Array, ranges: tuple[Array, Array], caps: Caps) -> tuple[Joined, ...]:
    """Return for neighbors with opposite output weights a > 0 and -a: which, a line above max(0, z - z'), and where.

    relu(z) - relu(z') <= max(0, z - z') always. It is chosen on the caps where that loses less than chord and line.
    """
    if output.size < 2:
        return ()
    even = np.arange(0, output.size - 1, 2)
    even = even[(output[even] == -output[even + 1]) & (output[even] != 0.0)]
    if even.size == 0:
        return ()
    swapped = output[even] < 0.0
    first, second = even + swapped, even + ~swapped
    difference = affine_ranges(rows[first] - rows[second], bias[first] - bias[second], caps)
    line, gain = chords(*difference)
    low, high = ranges
    joint = np.maximum(np.maximum(difference[1], 0.0), -np.minimum(difference[0], 0.0))
    bend = np.minimum(np.maximum(high, 0.0), np.maximum(-low, 0.0))  # about what relaxing a unit loses
    return ((first, second, line, gain, joint < bend[:, first] / 2.0 + bend[:, second]),)
