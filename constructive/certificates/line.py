"""The largest distance between a piecewise linear curve and a smooth target of one variable.

Between neighboring knots the network is a line up to a slack, so the distance to the target exceeds its largest value
at the ends by at most what the target departs from its own chord: ``F_2 h^2 / 8``, or ``F_1 h / 2``. Pieces whose bound
stands out are cut into equal parts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.comparison import Smooth, noise_of, orders, refuse_contradiction, values_at
from constructive.certificates.curves import Curve
from constructive.certificates.roots import Decomposition

Array = NDArray[np.float64]
_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-48
_MOST_PARTS = 64
_PROBES = 256
"""Pieces in whose middle the target's bounds are tried."""


def sup_on_line(network: Decomposition, target: Smooth, low: Array, high: Array, goal: Callable[[float], float],
                limit: float | None, budget: int) -> tuple[float, float]:
    """Return bounds (lower, upper) of the sup over the intervals [low_i, high_i].

    Cuts pieces until every upper bound is at most ``goal(lower)``, the lower bound exceeds ``limit``, or ``budget``
    pieces have been made by cuts.
    """
    bounds, noise = orders(target, 1), noise_of(target, 0)
    t, v, slack = _pieces(network, low, high)
    f = values_at(target, t.reshape(-1, 1)).reshape(t.shape)
    found, done, left = 0.0, 0.0, budget
    _probe(target, t, f, bounds, noise)
    while True:
        gap = v - f
        unsure = slack + (noise + 8 * _UNIT * np.abs(v).max(axis=1) + 8 * _UNIT * np.abs(f).max(axis=1)) * _UP
        found = max(found, float(((np.abs(gap).max(axis=1) - unsure) * (1 - 2.0**-48)).max(initial=0.0)))
        width = t[:, 1] - t[:, 0]
        bend = _bend(bounds, width)
        upper = (np.abs(gap).max(axis=1) + unsure + bend * _UP) * _UP
        worst, aim = max(done, float(upper.max(initial=0.0))), goal(found)
        rows = np.flatnonzero((upper > aim) & (bend > unsure / 8))  # cuts do not make the rest smaller
        if rows.size == 0 or left < 2 or (limit is not None and found > limit):
            refuse_contradiction(found, worst)
            return found, worst
        room = np.maximum(aim - (upper - bend)[rows], bend[rows] / _MOST_PARTS**2)
        parts = np.clip(np.ceil(np.sqrt(bend[rows] / room)), 2, _MOST_PARTS).astype(int)
        order = np.argsort(-upper[rows], kind="stable")
        fits = np.cumsum(parts[order]) <= left
        if not fits[0]:
            parts[order[0]], fits[0] = min(left, _MOST_PARTS), True
        rows, parts = rows[order[fits]], parts[order[fits]]
        left -= int(parts.sum())
        kept = np.ones(upper.size, bool)
        kept[rows] = False
        done = max(done, float(upper[kept].max(initial=0.0)))
        t, v, slack = _cut(t[rows], v[rows], slack[rows], parts)
        f = values_at(target, t.reshape(-1, 1)).reshape(t.shape)


def _bend(bounds: list[float], width: Array) -> Array:
    """Return how far the target may be from its chord over pieces of these widths."""
    bend = bounds[0] * width / 2
    return np.minimum(bend, bounds[1] * width * width / 8) if len(bounds) > 1 else bend


def _probe(target: Smooth, t: Array, f: Array, bounds: list[float], noise: float) -> None:
    """Refuse a target that leaves its bounds in the middle of one of the widest pieces."""
    widest = np.argsort(t[:, 0] - t[:, 1], kind="stable")[:_PROBES]
    t, f = t[widest], f[widest]
    middle = t[:, 0] + (t[:, 1] - t[:, 0]) / 2
    value = values_at(target, middle[:, None])
    off = np.abs(value - (f[:, 0] + f[:, 1]) / 2) - 8 * _UNIT * (np.abs(f).max(axis=1) + np.abs(value))
    # the middle is one only up to rounding
    derived = (_bend(bounds, t[:, 1] - t[:, 0]) + 4 * _UNIT * bounds[0] * np.abs(t).max(axis=1) + 2 * noise) * _UP
    worst = int(np.argmax(off - derived))
    refuse_contradiction(float(off[worst]), float(derived[worst]))


def _pieces(network: Decomposition, low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Return the network's pieces on the intervals: ends (n, 2), values there (n, 2) and slacks (n,)."""
    output = network.output
    base = output.constant
    if not output.terms:
        ends = np.stack([low, high], axis=1)
        return ends, np.full(ends.shape, base), np.full(low.size, output.doubt)
    (node, factor), = output.terms
    curve: Curve = network.nodes[node].curve
    ts, vs, slacks = [], [], []
    for a, b in zip(low.tolist(), high.tolist(), strict=True):
        first = int(np.searchsorted(curve.knots, a, "right")) - 1
        last = int(np.searchsorted(curve.knots, b, "left"))
        first = min(first, curve.knots.size - 2)
        if a == b and first > 0 and curve.slack[first - 1] < curve.slack[first]:  # a point where two pieces meet
            first -= 1
        last = min(max(last, first + 1), curve.knots.size - 1)
        knots = curve.knots[first:last + 1].copy()
        values = curve.values[first:last + 1].copy()
        ends = np.interp([a, b], knots, values)
        knots[[0, -1]], values[[0, -1]] = [a, b], ends
        ts.append(np.stack([knots[:-1], knots[1:]], axis=1))
        vs.append(np.stack([values[:-1], values[1:]], axis=1))
        slacks.append(curve.slack[first:last])
    t, v, slack = np.concatenate(ts), np.concatenate(vs), np.concatenate(slacks)
    size = np.abs(v).max(axis=1)
    scaled = v * factor + base
    error = abs(factor) * (slack + 16 * _UNIT * size) + output.doubt + 4 * _UNIT * (abs(factor) * size + abs(base))
    return t, scaled, error * _UP


def _cut(t: Array, v: Array, slack: Array, parts: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    """Return every piece cut into equal parts."""
    number = np.arange(int(parts.sum())) - np.repeat(np.cumsum(parts) - parts, parts)
    share = np.stack([number, number + 1], axis=1) / np.repeat(parts, parts)[:, None]
    start, stop = (np.repeat(t[:, k:k + 1], parts, axis=0) for k in (0, 1))
    left, right = (np.repeat(v[:, k:k + 1], parts, axis=0) for k in (0, 1))
    # neighbors must share their ends, and the last one ends where the piece does
    places = np.where(share < 1, np.clip(start + (stop - start) * share, start, stop), stop)
    width = np.where(stop > start, stop - start, 1.0)
    share = np.where(share < 1, (places - start) / width, np.where(stop > start, 1.0, 0.0))
    values = np.where(share < 1, left + (right - left) * share, right)
    size = np.maximum(np.abs(left), np.abs(right))[:, 0]
    return places, values, (np.repeat(slack, parts) + 16 * _UNIT * size) * _UP
