"""From data to boxes: merge duplicates, round outward, and choose a ramp that the machine's arithmetic respects.

The thresholds are rounded outward *first* and every condition is tested on the rounded boxes, with a slack for the
rounding of the bump itself. Testing the raw separation is not enough: near coordinate 1e6 the rounded boxes are
closer than the points say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_number
from constructive.domain import outward_boxes
from constructive.labels import Labels
from constructive.students.pairs import closest_boxes, closest_conflict, conflict_groups

Array = NDArray[np.float64]
_UNIT = 2.0**-53


@dataclass(frozen=True, slots=True, eq=False)
class Bumps:
    """The bumps of a student: boxes (m, d) rounded outward, their scores (m,), the ramp, the data they serve.

    ``index`` (m,) class numbers; ``members`` the first datum of each bump. ``gap`` is the smallest l_1 distance
    between conflicting boxes, ``gap_all`` between any two boxes (rounded down; infinity without pairs).
    """

    lower: Array
    upper: Array
    scores: Array
    index: NDArray[np.int64]
    members: NDArray[np.int64]
    ramp: float
    gap: float
    gap_all: float

    @property
    def count(self) -> int:
        """Number of bumps m."""
        return int(self.lower.shape[0])

    @property
    def supports_disjoint(self) -> bool:
        """Whether no two supports meet: every two boxes are at least two ramps apart in l_1."""
        return self.gap_all >= 2 * self.ramp * (1 + 4 * _UNIT)


def distinct_data(points: Array, labels: Labels, who: str) -> NDArray[np.int64]:
    """Return the rows of distinct points, first occurrence, in order; conflicting duplicates are refused.

    Raises ValueError naming two rows with equal points and different labels.
    """
    # adding 0 turns -0.0 into 0.0, the same point
    _, first, inverse = np.unique(points + 0.0, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    clash = np.flatnonzero(labels.scores != labels.scores[first[inverse]])
    if clash.size:
        k = int(clash[0])
        i = int(first[inverse[k]])
        raise ValueError(f"{who}: X[{i}] and X[{k}] are the same point with labels {_label(labels, i)} and "
                         f"{_label(labels, k)}; remove one of them or settle its label")
    return np.sort(first).astype(np.int64)


def _label(labels: Labels, i: int) -> object:
    if labels.classes is None:
        return float(labels.scores[i])
    return labels.classes[labels.index[i]]


def require_radius(points: Array, labels: Labels, radius: float, who: str) -> None:
    """Raise ValueError unless ``radius < separation / 2`` in l_inf, decided exactly; names pair and remedy."""
    pair, exact, _ = closest_conflict(points, conflict_groups(labels.scores), math.inf, different=True)
    if pair is None or 2 * Fraction(radius) < exact:
        return
    i, k = pair
    half = float(exact / 2)
    raise ValueError(
        f"{who}: radius={radius!r} needs l_inf separation > {2 * radius:.17g}, but X[{i}] (label {_label(labels, i)})"
        f" and X[{k}] (label {_label(labels, k)}) are {float(exact):.17g} apart; pass radius < {half:.17g}")


def make_bumps(points: Array, labels: Labels, radius: float, ramp: float | None, *, who: str,
               packed: bool = False) -> Bumps:
    """Return bumps for distinct, admissible data with the given or the default ramp.

    Default: half the smallest l_1 distance between conflicting rounded boxes (between any two, where all boxes
    are disjoint), less the slack, rounded down to a power of two; 1 without a conflicting pair. ``packed`` asks
    for the l_inf distance between any two boxes instead, as the published construction does. Raises ValueError
    if boxes of different labels touch after rounding, or for a ramp that is too wide or has no finite reciprocal.
    """
    lower, upper = outward_boxes(points, radius)
    groups = conflict_groups(labels.scores)
    d = points.shape[1]
    gap, pair = closest_boxes(lower, upper, groups, 1.0, different=True)
    gap_all, pair_all = closest_boxes(lower, upper, groups, 1.0, different=False)
    shrink = 1.0 - (d + 4) * _UNIT
    gap, gap_all = gap * shrink, gap_all * shrink
    if gap == 0.0 and pair is not None:
        raise ValueError(f"{who}: after outward rounding the boxes of X[{pair[0]}] and X[{pair[1]}] touch; "
                         f"pass a radius smaller than {radius!r} by a few units in the last place")
    need = 1.0 + (d + 3) * _UNIT
    legal = gap
    if packed:
        if gap_all == 0.0:
            i, k = pair_all or (0, 0)
            raise ValueError(f"{who}: the published recipe needs every two boxes disjoint, but those of X[{i}] "
                             f"and X[{k}] meet; pass a smaller radius or recipe='clip'")
        legal, pair = closest_boxes(lower, upper, groups, math.inf, different=False)
        legal *= 1.0 - 2 * _UNIT
    if ramp is None:
        width = _default_ramp(legal if packed else gap if gap_all == 0.0 else min(gap, gap_all), need, pair, who)
    else:
        width = _given_ramp(ramp, legal, need, pair, who)
    members = np.arange(points.shape[0], dtype=np.int64)
    return Bumps(lower, upper, labels.scores, labels.index, members, width, gap, gap_all)


def _default_ramp(gap: float, need: float, pair: tuple[int, int] | None, who: str) -> float:
    if pair is None or math.isinf(gap):
        return 1.0
    width = math.ldexp(0.5, math.frexp(gap / 2 / need)[1])
    if width < 2.0**-1021:
        raise ValueError(f"{who}: the boxes of X[{pair[0]}] and X[{pair[1]}] are only {gap!r} apart, so that 1/ramp "
                         "overflows; rescale the data or pass a smaller radius")
    return width


def _given_ramp(ramp: float, gap: float, need: float, pair: tuple[int, int] | None, who: str) -> float:
    width = as_number(ramp, who, "ramp", above=0.0)
    if math.isinf(1.0 / width) or width < 2.0**-1021:
        raise ValueError(f"{who}: ramp={width!r} has no finite reciprocal; pass ramp >= 2**-1021")
    if width > 2.0**1000:
        raise ValueError(f"{who}: ramp={width!r} must be <= 2**1000")
    if width * need > gap:
        largest = gap / need * (1 - 2 * _UNIT)
        i, k = pair or (0, 0)
        raise ValueError(f"{who}: ramp={width!r} is too wide: the rounded boxes of X[{i}] and X[{k}] are {gap!r} "
                         f"apart; pass ramp <= {largest!r}")
    return width
