"""From data to boxes: merge duplicates, round outward, choose a ramp that the machine's arithmetic respects.

The thresholds are rounded outward *first* and every condition is tested on the rounded boxes, with a slack
for the rounding of the bump itself. Testing the raw separation is not enough: near coordinate 1e6 the rounded
boxes are closer than the points say.
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
from constructive.students.pairs import closest_boxes, closest_conflict, conflict_groups, round_down

Array = NDArray[np.float64]
_UNIT = 2.0**-53


@dataclass(frozen=True, slots=True, eq=False)
class Bumps:
    """The bumps of a student: boxes (m, d) rounded outward, their scores (m,), the ramp, the data they serve.

    ``index`` (m,) class numbers; ``members`` (m,) the first datum of each bump, a row of X. ``gap`` is the
    smallest l_1 distance between conflicting boxes, ``gap_all`` between any two boxes (rounded down; infinity
    without pairs).
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
        return self.gap_all >= 2 * self.ramp

    @property
    def rivals_disjoint(self) -> bool:
        """Whether no two supports of different labels meet."""
        return self.gap >= 2 * self.ramp


def vanishing(dimension: int) -> float:
    """Return the factor c such that the machine's bump is 0 wherever the l_1 distance reaches ``c * ramp``.

    ``1 + (d + 3) u``: one unit for each addition of the bump, three for the difference, 1/ramp and the
    product; one more, rounded up to a double, for multiplying by c. Any order of summation, with or without
    fused steps.
    """
    return 1.0 + 2 * math.ceil((dimension + 4) / 2) * _UNIT


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
        raise ValueError(f"{who}: X[{i}] and X[{k}] are the same point with labels {_label(labels, i)!r} and "
                         f"{_label(labels, k)!r}; remove one of them or settle its label")
    return np.sort(first).astype(np.int64)


def _label(labels: Labels, i: int) -> object:
    if labels.classes is None:
        return float(labels.scores[i])
    return labels.classes[labels.index[i]]


def require_radius(points: Array, labels: Labels, radius: float, norm: float, who: str) -> None:
    """Raise ValueError unless ``radius < separation / 2`` in l_inf, decided exactly; names pair and remedy.

    Points and labels are all data as given, so that the pair named is the caller's.
    """
    found = closest_conflict(points, conflict_groups(labels.scores), math.inf, different=True, who=who)
    if found is None or 2 * Fraction(radius) < found[1]:
        return
    (i, k), exact = found
    inside = "" if norm == math.inf else f" (l_{norm:.0f} balls are covered by l_inf boxes of that radius)"
    raise ValueError(
        f"{who}: radius={radius!r} needs l_inf separation > {2 * radius!r}, but X[{i}] "
        f"(label {_label(labels, i)!r}) and X[{k}] (label {_label(labels, k)!r}) are "
        f"{round_down(exact)!r} apart{inside}; "
        f"pass radius < {round_down(exact / 2)!r}")


def make_bumps(points: Array, labels: Labels, rows: NDArray[np.int64], radius: float, ramp: float | None, *,
               who: str, packed: bool = False) -> Bumps:
    """Return bumps for the distinct, admissible data ``points[rows]`` with the given or the default ramp.

    Default: half the smallest l_1 distance between conflicting rounded boxes (between any two, where all
    boxes are disjoint), less the slack, rounded down to a power of two; 1 without a conflicting pair.
    ``packed`` asks for the l_inf distance between any two boxes instead, as the published construction does.
    Raises ValueError if boxes of different labels touch after rounding, or for a ramp that is too wide or has
    no finite reciprocal.
    """
    kept = labels.take(rows)
    lower, upper = outward_boxes(points[rows], radius)
    groups = conflict_groups(kept.scores)
    # a rounded l_1 distance exceeds the real one by at most d units in the last place; room for this product
    shrink = 1.0 - (points.shape[1] + 4) * _UNIT
    gap, pair = _closest(lower, upper, groups, rows, 1.0, True)
    gap_all, pair_all = _closest(lower, upper, groups, rows, 1.0, False)
    gap, gap_all = gap * shrink, gap_all * shrink
    if gap == 0.0 and pair is not None:
        raise ValueError(f"{who}: after outward rounding the boxes of X[{pair[0]}] and X[{pair[1]}] touch; "
                         f"pass a radius smaller than {radius!r} by a few units in the last place")
    if packed:
        legal, pair = _closest(lower, upper, groups, rows, math.inf, False)
        if legal == 0.0:
            i, k = pair_all or (0, 0)
            raise ValueError(f"{who}: the published recipe needs every two boxes disjoint, but those of "
                             f"X[{i}] and X[{k}] meet; pass a smaller radius or recipe='clip'")
        legal, usual = legal * (1.0 - 2 * _UNIT), legal * (1.0 - 2 * _UNIT)
    else:
        legal, usual = gap, gap if gap_all == 0.0 else min(gap, gap_all)
    need = vanishing(points.shape[1])
    if ramp is not None:
        width = _given_ramp(ramp, legal, need, pair, who)
    elif math.isinf(gap):
        width = 1.0 if not packed else min(1.0, _default_ramp(usual, need, pair, who))
    else:
        width = _default_ramp(usual, need, pair, who)
    return Bumps(lower, upper, kept.scores, kept.index, rows, width, gap, gap_all)


def _closest(lower: Array, upper: Array, groups: NDArray[np.int64], rows: NDArray[np.int64], p: float,
             different: bool) -> tuple[float, tuple[int, int] | None]:
    """Return the smallest distance of two boxes and the data they belong to."""
    distance, pair = closest_boxes(lower, upper, groups, p, different=different)
    return distance, None if pair is None else (int(rows[pair[0]]), int(rows[pair[1]]))


def _default_ramp(gap: float, need: float, pair: tuple[int, int] | None, who: str) -> float:
    if pair is None or math.isinf(gap):
        return 1.0
    width = math.ldexp(0.5, math.frexp(gap / 2 / need)[1])
    if width < 2.0**-1021:
        raise ValueError(f"{who}: the boxes of X[{pair[0]}] and X[{pair[1]}] are only {gap!r} apart, so that "
                         "1/ramp overflows; rescale the data or pass a smaller radius")
    return width


def _given_ramp(ramp: float, gap: float, need: float, pair: tuple[int, int] | None, who: str) -> float:
    width = as_number(ramp, who, "ramp", above=0.0)
    if width < 2.0**-1021:
        raise ValueError(f"{who}: ramp={width!r} is too narrow: 1/ramp must not overflow; "
                         "pass ramp >= 2**-1021")
    if width > 2.0**500:
        raise ValueError(f"{who}: ramp={width!r} must be <= 2**500")
    if width * need > gap:
        largest = gap / need * (1 - 4 * _UNIT)
        i, k = pair or (0, 0)
        raise ValueError(f"{who}: ramp={width!r} is too wide: the rounded boxes of X[{i}] and X[{k}] are "
                         f"{gap!r} apart; pass ramp <= {largest!r}")
    return width
