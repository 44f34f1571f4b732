"""What a network's weights say about closed balls: points proved right on the whole ball, points shown wrong.

Every model is treated alike, as a map with weights: nothing of a student's rule is used. Points suggested by the caller
are evaluated first, with every rounding counted and in rational arithmetic where that leaves the sign open; branch and
bound on backward linear bounds decides the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.branching import decide as branch_and_bound
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.goals import Goal
from constructive.domain import inward_boxes
from constructive.evidence import Bracket, Evidence
from constructive.network import Network

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]
Verdicts = NDArray[np.int8]

_BOXES = 256
"""Boxes that may be bounded for each open ball, on average."""


def decide(network: Network, points: Array, signs: Array, delta: float, hints: Sequence[Array] = (), *,
           boxes: int = _BOXES) -> Verdicts:
    """Return for each closed l_inf ball 0 if the sign is proved right on all of it, 1 if shown wrong, -1 if open.

    ``hints`` (n, d) each: points to evaluate, clipped into the balls; rows of NaN are skipped. ``boxes``: how many
    parts of each ball may be bounded, on average. Wrong means a score of 0 or of the other sign, proved.
    """
    out = np.full(len(signs), -1, np.int8)
    low, high = inward_boxes(points, delta)
    for tried in (points, *hints):
        rows = np.flatnonzero((out == -1) & ~np.isnan(tried).any(axis=1))
        out[rows[wrong_at(network, np.clip(tried[rows], low[rows], high[rows]), signs[rows])]] = 1
    rest = np.flatnonzero(out == -1)
    if rest.size:
        found = branch_and_bound(network, points[rest], delta, math.inf, Goal("sign", signs[rest]),
                                 budget=boxes * rest.size)
        out[rest[found.verdict == 0]] = 0
        rows = np.flatnonzero(found.verdict == 1)  # wrong as executed: proved only if rounding cannot have done it
        out[rest[rows[wrong_at(network, found.witness[rows], signs[rest[rows]])]]] = 1
    return out


def wrong_at(network: Network, points: Array, signs: Array) -> Rows:
    """Return at which of the points (n, d) the real network's score is 0 or of the other sign than ``signs`` (n,)."""
    if len(signs) == 0:
        return np.zeros(0, bool)
    low, high = interval_bounds(network, points, points)
    wrong = np.where(signs > 0, high[:, 0] <= 0, low[:, 0] >= 0)
    for k in np.flatnonzero(~wrong & (low[:, 0] <= 0) & (high[:, 0] >= 0)):
        wrong[k] = network.exact(points[k].tolist())[0] * int(signs[k]) <= 0
    return wrong


def share(verdicts: Verdicts) -> Bracket:
    """Return the robust error on the points: the share shown wrong, and the share not proved right."""
    return Bracket(float((verdicts == 1).mean()), float((verdicts != 0).mean()), Evidence.ENCLOSED)


def count(sure: Rows, possible: Rows) -> Bracket:
    """Return a bracket of how many points an event holds at: at least ``sure``, at most those and ``possible``."""
    return Bracket(float(sure.sum()), float((sure | possible).sum()), Evidence.ENCLOSED)
