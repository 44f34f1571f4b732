"""The largest distance between a network and a smooth target, as a bracket.

Data flow: weights -> curves of one number each (:mod:`constructive.certificates.roots`). In one dimension the network
is one curve, and between its knots the error is a line less the target: ends and curvature bound it
(:mod:`constructive.certificates.line`). Otherwise: boxes -> polynomial forms of the network less Taylor polynomials of
the target -> an upper bound on each box; evaluated points give a lower bound -> the boxes whose upper bound stands out
are split -> until the two ends are close or the budget is spent. The bracket is valid at every moment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.certificates.comparison import Comparison, Smooth, orders, refuse_contradiction, values_at
from constructive.certificates.forms import Bounder
from constructive.certificates.line import sup_on_line
from constructive.certificates.pieces import boxes_of, cut_at, halved, hints, intervals_of
from constructive.certificates.roots import decomposed
from constructive.domain import Box, Region
from constructive.evidence import Bracket, Evidence
from constructive.network import Network

Array = NDArray[np.float64]
_DEGREES = {2: 4, 3: 3, 4: 2}
"""Degrees of forms by dimension: in low dimensions products of quadratic pieces are followed exactly."""

_GLIMPSES = 512
_STARTS = 8
"""One box in so many of the budget may come from cuts before any bound is known."""


def sup_error(network: Network, target: Smooth, domain: Box | Region | Sequence[Box] | None = None, *,
              relative: float = 0.05, absolute: float = 0.0, limit: float | None = None,
              budget: int = 200_000) -> Bracket:
    """Return a bracket of ``sup over the domain of |network - target|`` for the real network, one output.

    ``domain``: the target's box (None), a part of it, a region (bands cut out, their edges included), or boxes.
    Stops when the width is at most ``relative`` times the upper end or ``absolute``; with ``limit`` only when the
    bracket lies on one side of it; and after ``budget`` boxes at the latest (in one dimension: pieces between knots
    that are cut further). The bracket holds in every case. ENCLOSED: it trusts the target's bounds on derivatives and
    on its rounding; SAMPLED where the target says that these are estimates.
    Raises ValueError if dimensions differ, the network has several outputs, the domain is empty or leaves the
    target's box, a value of the target is not finite, or the target contradicts itself.

    >>> from constructive.network import Network
    >>> from constructive.targets import polynomial
    >>> line, parabola = Network.build([([[1.0]], None)]), polynomial({(2,): 1.0})
    >>> 0.25 in sup_error(line, parabola)
    True
    """
    who = "sup_error"
    low, high = boxes_of(target.box if domain is None else domain, target.dimension, who)
    if network.inputs != target.dimension or low.shape[1] != target.dimension or network.outputs != 1:
        raise ValueError(f"{who}: network R^{network.inputs} -> R^{network.outputs}, target on R^{target.dimension} "
                         f"and domain in R^{low.shape[1]} do not fit; one output is needed")
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(f"{who}: the domain {low.min(axis=0).tolist()} .. {high.max(axis=0).tolist()} must be bounded")
    if (low < target.box.lower).any() or (high > target.box.upper).any():
        raise ValueError(f"{who}: the domain {low.min(axis=0).tolist()} .. {high.max(axis=0).tolist()} leaves the "
                         "target's box, where its derivatives are not bounded; pass a part of target.box")
    rel = as_number(relative, who, "relative", at_least=0.0)
    least = as_number(absolute, who, "absolute", at_least=0.0)
    most = as_count(budget, who, "budget", at_least=1)
    bound = None if limit is None else float(limit)
    real = network.astype(np.float64)  # the same weights: single precision would round the boxes outward

    def goal(found: float) -> float:
        if bound is not None:
            return bound
        return max(found / (1 - rel) if rel < 1 else math.inf, found + least)

    sums = decomposed(real, intervals_of(low, high))
    evidence = getattr(target, "evidence", Evidence.ENCLOSED)
    if target.dimension == 1:
        return Bracket(*sup_on_line(sums, target, low[:, 0], high[:, 0], goal, bound, most), evidence)
    places = hints(sums, max(_glimpse(real, target, low, high), goal(0.0)) / 4)
    low, high = cut_at(low, high, places, max(1, most // _STARTS))
    degree = _DEGREES.get(target.dimension, 2 if target.dimension <= 6 else 1)
    compare = Comparison.of(real, target, Bounder.of(sums, degree), orders(target, degree))
    left = most - low.shape[0]
    done = 0.0  # the largest upper bound among boxes that are no longer split
    upper, found, shares = compare(low, high)
    while True:
        worst = max(done, float(upper.max(initial=0.0)))
        rows = np.flatnonzero((upper > goal(found)) & (high > low).any(axis=1))
        if rows.size == 0 or left < 2 or (bound is not None and found > bound):
            refuse_contradiction(found, worst)
            return Bracket(found, worst, evidence)
        if 2 * rows.size > left:  # the rest of the budget goes to the worst boxes
            rows = rows[np.argsort(-upper[rows], kind="stable")[: left // 2]]
        kept = np.ones(upper.size, bool)
        kept[rows] = False
        done = max(done, float(upper[kept].max(initial=0.0)))
        low, high = halved(low[rows], high[rows], shares[rows], places)
        left -= low.shape[0]
        upper, seen, shares = compare(low, high)
        found = max(found, seen)


def _glimpse(network: Network, target: Smooth, low: Array, high: Array) -> float:
    """Return the largest distance at some points of some boxes: a hint which bends of the network matter."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, low.shape[0], _GLIMPSES)
    points = low[rows] + (high - low)[rows] * rng.random((_GLIMPSES, low.shape[1]))
    return float(np.abs(network(points)[:, 0] - values_at(target, np.clip(points, low[rows], high[rows]))).max())
