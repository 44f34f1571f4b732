"""Certified ranges of gated sums on spherical caps: upper bounds for pseudo-networks, jumps included.

Data flow: gates u_r and terms t_r, affine both -> their exact ranges on the cap -> a gate that is open on the whole cap
passes its term, a shut one nothing; a gate whose edge crosses the cap gives a number between 0 and t, and below three
affine functions: what bounds max(0, t); a multiple of u that is 0 where the gate must be shut and reaches the largest t
at the edge; t plus a multiple of -u that lifts it to 0 before the edge -> of the three the least at the center -> the
sum lies below one affine function, whose largest value on the cap is exact. Nothing is sampled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.nearinit.cap_forms import UNIT, CapRange, affine_ranges, affine_top, row_sizes
from constructive.nearinit.caps_bound import chords
from constructive.nearinit.gated import GatedSum
from constructive.nearinit.geometry import Caps

__all__ = ["gated_range"]

Array = NDArray[np.float64]


def gated_range(function: GatedSum, caps: Caps) -> CapRange:
    """Return bounds of a gated sum on all caps: of its supremum and infimum, one-sided limits at the jumps included.

    They hold for the real function at all x with |x| = 1, |x - X_i| <= radius, and for what double precision returns,
    in any order of summation, at points that are on the cap up to (d + 8) 2^-52. A gate whose edge crosses the cap can
    cost up to its term: for pseudo-networks bounds are as good as those of paired networks of a large scale; for
    networks use :func:`~constructive.nearinit.caps_bound.cap_range`, which knows that they are continuous.
    Cost: O(n m d) for n caps and m gates. Raises ValueError for another dimension.

    >>> from constructive.nearinit.geometry import caps
    >>> step = GatedSum([[0.0, 1.0]], [0.0], [[1.0, 0.0]], [0.0])  # x_1 on the upper half circle
    >>> found = gated_range(step, caps([[1.0, 0.0]], 0.5))
    >>> bool(found.lower[0] <= 0.0 and 1.0 <= found.upper[0] <= 1.0 + 2.0**-40)
    True
    """
    if function.dimension != caps.dimension:
        raise ValueError(f"gated_range: the function has {function.dimension} inputs, the caps lie in dimension "
                         f"{caps.dimension}")
    gates = affine_ranges(function.gate, function.gate_bias, caps)
    terms = affine_ranges(function.linear, function.offset, caps)
    upper = _upper(function, gates, terms, caps)
    opposite = GatedSum(function.gate, function.gate_bias, -function.linear, -function.offset)
    lower = -_upper(opposite, gates, (-terms[1], -terms[0]), caps)
    return CapRange(np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper))


def _upper(function: GatedSum, gates: tuple[Array, Array], terms: tuple[Array, Array], caps: Caps) -> Array:
    """Return upper bounds (n,) of sum_r t_r 1{u_r >= 0} from the ranges of gates u and terms t."""
    (shut, reach), (low, high) = gates, terms
    crossed = (shut < 0.0) & (reach >= 0.0)
    u = caps.X @ function.gate.T + function.gate_bias
    t = caps.X @ function.linear.T + function.offset
    slope, lift = chords(low, high)
    # Each line is a t + b u + c; rounding is met by a factor 1 + 2^-50 on what must suffice.
    rise = np.divide(np.maximum(high, 0.0), -shut, out=np.zeros_like(u), where=crossed) * (1.0 + 4.0 * UNIT)
    fall = np.divide(np.maximum(-low, 0.0), reach, out=np.full_like(u, np.inf), where=crossed & (reach > 0.0))
    fall = np.where(np.isfinite(fall), fall, 0.0) * (1.0 + 4.0 * UNIT)
    possible = (fall > 0.0) | (low >= 0.0)
    choices = (
        (slope, np.zeros_like(u), lift),
        (np.zeros_like(u), rise, -rise * shut * (1.0 + 4.0 * UNIT) + 4.0 * UNIT * np.maximum(high, 0.0)),
        (np.ones_like(u), -fall, fall * reach * (1.0 + 4.0 * UNIT) + 4.0 * UNIT * np.maximum(-low, 0.0)),
    )
    at_center = np.array([a * t + b * u + c for a, b, c in choices])
    at_center[2][~possible] = np.inf
    best = at_center.argmin(axis=0)
    along, across, constant = (np.choose(best, [choice[k] for choice in choices]) for k in range(3))
    opened = np.where(crossed, along, (shut >= 0.0).astype(np.float64))
    across, constant = np.where(crossed, across, 0.0), np.where(crossed, constant, 0.0)
    forms = opened @ function.linear + across @ function.gate
    sums = opened @ function.offset + across @ function.gate_bias + constant.sum(axis=1)
    # Sums of products: twice, for ours and for those of the program that runs; gates of that program switch where the
    # reserve in their ranges has them crossed.
    size = np.abs(opened) @ row_sizes(function.linear, function.offset) + np.abs(constant).sum(axis=1)
    size += np.abs(across) @ row_sizes(function.gate, function.gate_bias)
    size += row_sizes(function.linear, function.offset).sum()
    error = 2.0 * (2 * function.width + 4 * caps.dimension + 64) * UNIT * size
    return np.asarray(sums + affine_top(forms, caps) + error)
