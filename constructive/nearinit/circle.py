"""The range of a gated sum on arcs of the circle, exactly: every gate's edges, and a closed form between them.

Data flow: gates <w, x> + b >= 0 of the circle -> each is open on one arc |phi - psi| <= alpha, from its weights ->
the edges cut the arc of a cap into pieces -> on a piece the sum is one affine function A_1 cos + A_2 sin + C, largest
at an end or where x points along A, least at an end or opposite -> largest and least over pieces and edges. A network
is continuous and attains both; a pseudo-network jumps at edges, so both one-sided limits are taken there, and the
value at the edge itself, where the gate is open.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.nearinit.gated import GatedSum
from constructive.nearinit.geometry import Caps

__all__ = ["ArcRange", "circle_range"]

Array = NDArray[np.float64]

_TOGETHER = 2.0**-46
"""Edges within this angle of each other are one edge: parallel gates that switch together differ by roundings."""

_NUMBERS = 1 << 22
"""How many gate states are held at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class ArcRange:
    """Infimum and supremum of a function on n arcs: lower, upper (n,), with lowest, highest (n, 2) where they are.

    There the function has that value, or (jumping) its limit from one side. For a network, true and computed ends
    differ by at most ``rounding``, and so do the ends and what an evaluation in floating point can return on the arc.
    """

    lower: Array
    upper: Array
    lowest: Array
    highest: Array
    rounding: float

    def deviation(self, y: ArrayLike) -> Array:
        """Return the supremum of |function - y_i| on each arc i, shape (n,)."""
        wanted = np.asarray(y, dtype=np.float64)
        return np.asarray(np.maximum(self.upper - wanted, wanted - self.lower))


def circle_range(function: GatedSum, caps: Caps) -> ArcRange:
    """Return the infimum and the supremum of a gated sum on each cap of the circle, d = 2.

    With m gates, K of whose edges lie in the arc: K + 1 pieces, O(m K) work. Edges closer than 2^-46 are taken to be
    one (parallel gates have common edges). A network moves little between them: its ``rounding`` is
    sum_r (|linear_r|_1 + |offset_r|) times (m + 128) 2^-51 plus twice the widest group of edges. What a sum that jumps
    does between such edges is not seen, unless they are truly common.
    Raises ValueError unless d = 2.

    >>> import numpy as np
    >>> from constructive.nearinit.geometry import caps
    >>> step = GatedSum([[0.0, 1.0]], [0.0], [[1.0, 0.0]], [0.0])  # x_1 on the upper half circle
    >>> found = circle_range(step, caps([[1.0, 0.0]], 0.5))
    >>> found.lower.tolist(), found.upper.tolist()  # 0 below, 1 at the edge itself
    ([0.0], [1.0])
    """
    if function.dimension != 2 or caps.dimension != 2:
        raise ValueError(f"circle_range: needs dimension 2, got a function of {function.dimension} inputs and caps in "
                         f"dimension {caps.dimension}; use cap_range for bounds, climb for attacks")
    middle, half = _open_arcs(function)
    terms = np.hstack([function.linear, function.offset[:, None]])
    found = [_arc(terms, middle, half, math.atan2(center[1], center[0]), caps.angle) for center in caps.X]
    columns = [np.array(column) for column in zip(*found, strict=True)]
    share = (function.width + 128) * 2.0**-51 + 2.0 * float(columns[4].max())
    return ArcRange(columns[0], columns[1], _points(columns[2]), _points(columns[3]),
                    share * float(np.abs(terms).sum()))


def _points(angles: Array) -> Array:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _open_arcs(function: GatedSum) -> tuple[Array, Array]:
    """Return psi, alpha (m,): gate r is open where the angle to psi_r is at most alpha_r; -1 never, 4 > pi always."""
    gate, bias = function.gate, function.gate_bias
    size = np.hypot(gate[:, 0], gate[:, 1])
    half = np.where(bias >= 0.0, 4.0, -1.0)
    cut = (np.abs(bias) <= size) & (size > 0.0)
    half[cut] = np.arccos(-bias[cut] / size[cut])
    return np.arctan2(gate[:, 1], gate[:, 0]), half


def _wrapped(angles: Array) -> Array:
    """Return the angles modulo the circle, in [-pi, pi]; unchanged, and so unrounded, where they lie there."""
    return np.where(np.abs(angles) <= math.pi, angles, angles - 2.0 * math.pi * np.round(angles / (2.0 * math.pi)))


def _arc(terms: Array, middle: Array, half: Array, center: float, angle: float) -> tuple[float, ...]:
    """Return infimum and supremum on one arc, the angles where they are, and the width of the widest group of edges."""
    psi = _wrapped(middle - center)  # angles count from the center of the cap
    cut = (half >= 0.0) & (half <= math.pi)
    edges = _wrapped(np.concatenate([psi[cut] - half[cut], psi[cut] + half[cut]]))
    edges = np.sort(np.concatenate([edges[np.abs(edges) < angle], [-angle, angle]]))
    apart = np.diff(edges) > _TOGETHER
    first, last = edges[np.append(True, apart)], edges[np.append(apart, True)]  # of each group of common edges
    least, greatest = (math.inf, 0.0), (-math.inf, 0.0)
    block = max(1, _NUMBERS // max(1, half.size))
    for begin in range(0, first.size, block):
        chosen = slice(begin, begin + block)
        at, reach = (first + last)[chosen] / 2.0, (last - first)[chosen] / 2.0 + _TOGETHER
        least, greatest = _extend(least, greatest, _sums(terms, psi, half, at, reach), center, at, at)
        left, right = last[:-1][chosen], first[1:][chosen]
        if left.size:
            sums = _sums(terms, psi, half, (left + right) / 2.0, np.zeros(left.size))
            least, greatest = _extend(least, greatest, sums, center, left, right)
    return least[0], greatest[0], least[1], greatest[1], float((last - first).max())


def _sums(terms: Array, psi: Array, half: Array, at: Array, reach: Array) -> Array:
    """Return A_1, A_2, C (k, 3): the sums of the terms of all gates that are open within ``reach`` (k,) of ``at``."""
    opened = np.abs(_wrapped(at[:, None] - psi)) <= half + reach[:, None]
    return np.asarray(opened.astype(np.float64) @ terms)


def _extend(least: tuple[float, float], greatest: tuple[float, float], sums: Array, center: float, left: Array,
            right: Array) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the extremes (value, angle) extended by those of A_1 cos + A_2 sin + C on the pieces [left, right]."""
    peak = np.arctan2(sums[:, 1], sums[:, 0]) - center
    tried = [left, right]
    for stationary in (_wrapped(peak), _wrapped(peak + math.pi)):
        tried.append(np.where((left <= stationary) & (stationary <= right), stationary, left))
    angles = center + np.stack(tried, axis=1)
    values = sums[:, :1] * np.cos(angles) + sums[:, 1:2] * np.sin(angles) + sums[:, 2:]
    lowest, highest = int(values.argmin()), int(values.argmax())
    return (min(least, (float(values.flat[lowest]), float(angles.flat[lowest]))),
            max(greatest, (float(values.flat[highest]), float(angles.flat[highest]))))
