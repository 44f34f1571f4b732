"""The largest distance between a network and a smooth target on a box, as a bracket.

Data flow: boxes -> affine form of the network minus the first-order Taylor form of the target -> an upper bound on
each box; evaluated points give a lower bound -> the boxes whose upper bound stands out are split -> until the two
ends are close or the budget is spent. The bracket is valid at every moment.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.certificates.linear import affine_bounds
from constructive.domain import Box
from constructive.evidence import Bracket, Evidence
from constructive.network import Network

Array = NDArray[np.float64]
_UNIT = 2.0**-53
_POINTS = 256


class Smooth(Protocol):
    """What the bound needs of a target; see :class:`constructive.targets.Target`."""

    dimension: int
    rounding: float
    box: Box

    def values(self, X: Array) -> Array:
        """Return values (n,) at X (n, d)."""

    def derivative(self, alpha: tuple[int, ...], X: Array) -> Array:
        """Return the derivative of multi-index alpha at X, shape (n,)."""

    def bound(self, r: int) -> float:
        """Return a bound on all derivatives of order r."""


def sup_error(network: Network, target: Smooth, box: Box | None = None, *, relative: float = 0.05,
              absolute: float = 0.0, limit: float | None = None,
              budget: int = 200_000) -> Bracket:
    """Return a bracket of ``sup over the box of |network - target|`` for the real network, one output.

    Stops when the width is at most ``relative`` times the upper end or ``absolute``; with ``limit`` only when the
    bracket lies on one side of it; and after ``budget`` boxes at the latest. The bracket holds in every case,
    ENCLOSED. It trusts the target's derivative bounds and its stated rounding.
    Raises ValueError if dimensions differ, the network has several outputs, the box leaves the target's, or the
    target contradicts itself.

    >>> from constructive.network import Network
    >>> from constructive.targets import polynomial
    >>> line, parabola = Network.build([([[1.0]], None)]), polynomial({(2,): 1.0})
    >>> 0.25 in sup_error(line, parabola)
    True
    """
    who = "sup_error"
    domain = target.box if box is None else box
    if network.inputs != target.dimension or domain.dimension != target.dimension or network.outputs != 1:
        raise ValueError(f"{who}: network R^{network.inputs} -> R^{network.outputs}, target on R^{target.dimension} "
                         f"and box in R^{domain.dimension} do not fit; one output is needed")
    if (domain.lower < target.box.lower).any() or (domain.upper > target.box.upper).any():
        raise ValueError(f"{who}: box {domain.lower.tolist()} .. {domain.upper.tolist()} leaves the target's box, "
                         "where its derivatives are not bounded; pass a part of target.box")
    real = network.astype(np.float64)  # the same weights: single precision would round the boxes outward
    rel = as_number(relative, who, "relative", at_least=0.0)
    least = as_number(absolute, who, "absolute", at_least=0.0)
    left = as_count(budget, who, "budget", at_least=1)
    low, high = domain.lower[None, :].copy(), domain.upper[None, :].copy()
    done = 0.0  # the largest upper bound among boxes that are no longer split
    upper, found = _on_boxes(real, target, low, high)
    while True:
        worst = max(done, float(upper.max(initial=0.0)))
        if limit is None:
            goal = max(found / (1 - rel) if rel < 1 else math.inf, found + least)
        else:
            goal = limit
        rows = np.flatnonzero(upper > goal)
        if rows.size == 0 or left < 4 or (limit is not None and found > limit):
            if found > worst:
                raise ValueError(f"{who}: the target's bounds contradict its values, distance {found!r} found where "
                                 f"{worst!r} was derived; check bound(1), bound(2) and rounding")
            return Bracket(found, worst, Evidence.ENCLOSED)
        if 4 * rows.size > left:  # the rest of the budget goes to the worst boxes
            rows = rows[np.argsort(-upper[rows], kind="stable")[: left // 4]]
        kept = np.ones(upper.size, bool)
        kept[rows] = False
        done = max(done, float(upper[kept].max(initial=0.0)))
        low, high = _halved(low[rows], high[rows])
        left -= low.shape[0]
        upper, seen = _on_boxes(real, target, low, high)
        found = max(found, seen)


def _halved(low: Array, high: Array) -> tuple[Array, Array]:
    """Cut every box in four along its longest side."""
    side = np.argmax(high - low, axis=1)
    rows = np.arange(low.shape[0])
    cuts = [low[rows, side] + (high - low)[rows, side] * f for f in (0.25, 0.5, 0.75)]
    ends = [low[rows, side], *cuts, high[rows, side]]
    lows, highs = [], []
    for a, b in zip(ends, ends[1:], strict=False):
        new_low, new_high = low.copy(), high.copy()
        new_low[rows, side], new_high[rows, side] = a, np.maximum(a, b)
        lows.append(new_low)
        highs.append(new_high)
    return np.concatenate(lows), np.concatenate(highs)


def _on_boxes(network: Network, target: Smooth, low: Array, high: Array) -> tuple[Array, float]:
    """Return upper bounds on each box, and a lower bound on the sup from some of the boxes' middles."""
    forms = affine_bounds(network, low, high)
    middle, reach, d = forms.middle, forms.reach, target.dimension
    first = target.bound(1)
    value = target.values(middle)
    units = [tuple(int(i == j) for i in range(d)) for j in range(d)]
    gradient = np.stack([target.derivative(unit, middle) for unit in units], axis=1)
    span = reach.sum(axis=1)
    # |f(x) - f(c) - grad f(c) . (x - c)| <= F_2 / 2 (sum |x_j - c_j|)^2
    curved = target.bound(2) / 2 * span * span
    slope = np.abs(forms.slope[:, 0, :] - gradient * reach).sum(axis=1)
    noise = target.rounding * (1 + first * span) * (1 + 2.0**-40)
    size = np.abs(forms.center[:, 0]) + np.abs(forms.slope[:, 0, :]).sum(axis=1) + np.abs(value) + first * span
    slack = noise + 16 * (d + 2) * _UNIT * size
    upper = np.abs(forms.center[:, 0] - value) + slope + forms.remainder[:, 0] + curved + slack
    # the plain bounds of the network are tighter where the form is not
    plain = np.maximum(forms.upper[:, 0] - value, value - forms.lower[:, 0]) + first * span + slack
    # the forms say at which middles the distance is large; only there it pays to bound it from below
    best = np.argsort(-np.abs(forms.center[:, 0] - value), kind="stable")[:_POINTS]
    points, at = affine_bounds(network, middle[best], middle[best]), value[best]
    gap = np.maximum(points.lower[:, 0] - at, at - points.upper[:, 0]) - noise[best]
    gap = gap - 4 * _UNIT * (np.abs(gap) + noise[best])
    upper = np.fmin(upper, plain) * (1 + 16 * _UNIT)
    return np.where(np.isnan(upper), np.inf, upper), float(gap.max(initial=0.0, where=~np.isnan(gap)))
