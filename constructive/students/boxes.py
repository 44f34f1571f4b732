"""Bumps on boxes: from data to boxes, which faces they keep, which data share one, how wide they may fall.

Data flow: points -> boxes rounded outward -> (merged) -> (faces left out) -> the smallest l_1 distance from a
bump to a box of another label -> the ramp. Thresholds are rounded outward *first* and every condition is tested
on the rounded boxes, with a slack for the rounding of the bump itself. Testing the raw separation is not enough:
near coordinate 1e6 the rounded boxes are closer than the points say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive._checks import as_number
from constructive.labels import Labels
from constructive.students.finder import BoxFinder
from constructive.students.layout import Part
from constructive.students.pairs import closest_boxes, conflict_groups
from constructive.students.precision import Format
from constructive.students.recipes import Recipe

Array = NDArray[np.float64]
_UNIT = 2.0**-53
_NARROWER = 16
"""Facets and merged boxes may come this many times closer to a rival than the data themselves (in l_inf)."""


@dataclass(frozen=True, slots=True, eq=False)
class Bumps:
    """The bumps of a student: boxes (m, d) rounded outward, their scores (m,), the ramp, the data they serve.

    An end is infinite where a bump has no such face. ``index`` (m,) class numbers; ``members`` (m,) the first
    datum of each bump, a row of X. Smallest l_1 distances, rounded down, infinite without pairs: ``gap`` from a
    bump to the box of a datum with another label, ``gap_rivals`` between bumps of different labels, ``gap_all``
    between any two bumps (these two are 0 where slabs may cross). ``shared``: equal thresholds are one unit.
    """

    lower: Array
    upper: Array
    scores: Array
    index: NDArray[np.int64]
    members: NDArray[np.int64]
    ramp: float
    gap: float
    gap_rivals: float
    gap_all: float
    unit: float = _UNIT
    shared: bool = False
    _finder: list[BoxFinder] = field(default_factory=list, init=False, repr=False)
    """Made at the first evaluation and kept; not an argument, so that a changed copy makes its own."""

    @property
    def count(self) -> int:
        """Number of bumps m."""
        return int(self.lower.shape[0])

    @property
    def depth(self) -> int:
        """Number of layers up to the bumps: faces, bumps."""
        return 2

    @property
    def faces(self) -> int:
        """Number of faces of all bumps, 2 d m for full boxes."""
        return int(np.isfinite(self.lower).sum() + np.isfinite(self.upper).sum())

    @property
    def supports_disjoint(self) -> bool:
        """Whether no two supports meet: every two boxes are at least two ramps apart in l_1."""
        return self.gap_all >= 2 * self.ramp

    @property
    def rivals_disjoint(self) -> bool:
        """Whether no two supports of different labels meet."""
        return self.gap_rivals >= 2 * self.ramp

    @property
    def repeats_overlap(self) -> bool:
        """Whether bumps with one score may be positive at the same datum, so that they must not be added up."""
        several = np.unique(self.scores).size < self.count
        return several and self.gap_all < self.ramp * vanishing(self.lower.shape[1], self.unit)

    def with_ramp(self, ramp: float) -> Bumps:
        """Return the same bumps with another ramp, not wider than this one."""
        return replace(self, ramp=ramp)

    def active(self, rows: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Return, for points (n, d), the positive bumps: starts (n + 1,), bump numbers and their values."""
        if not self._finder:
            self._finder.append(BoxFinder.of(self.lower, self.upper))
        return self._finder[0].active(rows, self.ramp)

    def parts(self, height: Array | None = None, rise: float = 1.0) -> list[Part]:
        """Return the two maps whose last one gives, after ReLU, ``height - rise sum(faces) / ramp`` (height 1).

        Nonzeros: two for each face (for each distinct one, if shared) less the thresholds that are exactly 0,
        one more for each face, one for each bump.
        """
        low_bump, low_axis = np.nonzero(np.isfinite(self.lower))
        up_bump, up_axis = np.nonzero(np.isfinite(self.upper))
        column = np.concatenate([low_axis, up_axis])
        sign = np.repeat([-1.0, 1.0], [low_axis.size, up_axis.size])
        bias = np.concatenate([self.lower[low_bump, low_axis], -self.upper[up_bump, up_axis]])
        order = np.argsort(np.concatenate([low_bump, up_bump]), kind="stable")  # lower faces of a bump come first
        number = np.arange(column.size)
        if self.shared:
            distinct = np.lexsort((bias, sign, column))
            fresh = np.ones(column.size, bool)
            repeated = [v[distinct][1:] == v[distinct][:-1] for v in (column, sign, bias)]
            fresh[1:] = ~np.logical_and.reduce(repeated)
            number[distinct] = np.cumsum(fresh) - 1
            kept = distinct[fresh]
            column, sign, bias = column[kept], sign[kept], bias[kept]
        first = sparse.csr_array((sign, column.astype(np.int32), np.arange(column.size + 1)),
                                 shape=(column.size, self.lower.shape[1]))
        faces = np.bincount(low_bump, minlength=self.count) + np.bincount(up_bump, minlength=self.count)
        indptr = np.concatenate([[0], np.cumsum(faces)])
        second = sparse.csr_array((np.full(order.size, -rise / self.ramp), number[order].astype(np.int32), indptr),
                                  shape=(self.count, column.size))
        top = np.ones(self.count) if height is None else height
        zeros = int((bias == 0).sum())
        return [Part(first, bias, 2 * column.size - zeros), Part(second, top, order.size + self.count)]


def vanishing(dimension: int, unit: float = _UNIT) -> float:
    """Return the factor c such that the machine's bump is 0 wherever the l_1 distance reaches ``c * ramp``.

    ``1 + (d + 3) u``: one unit for each addition of the bump, three for the difference, 1/ramp and the
    product; one more, rounded up to a double, for multiplying by c. Any order of summation, with or without
    fused steps. At most d faces of a bump are positive at one point.
    """
    return 1.0 + 2 * math.ceil((dimension + 4) / 2) * unit


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Boxes of the data with the groups that tell rivals apart, and their smallest l_1 distances.

    ``pair`` and ``pair_all`` name the closest boxes by the caller's rows.
    """

    lower: Array
    upper: Array
    groups: NDArray[np.int64]
    rows: NDArray[np.int64]
    gap: float
    pair: tuple[int, int] | None
    gap_all: float
    pair_all: tuple[int, int] | None

    @staticmethod
    def of(points: Array, scores: Array, rows: NDArray[np.int64], radius: float, precision: Format, who: str, *,
           strangers: bool = False) -> Gaps:
        """Return the boxes of the distinct data ``points[rows]``; ``strangers`` makes every two data rivals.

        Raises ValueError if boxes of different labels touch after rounding.
        """
        lower, upper = precision.boxes(points[rows], radius)
        groups = np.arange(rows.size) if strangers else conflict_groups(scores[rows])
        # a rounded l_1 distance exceeds the real one by at most d units in the last place; room for this product
        shrink = 1.0 - (points.shape[1] + 4) * _UNIT
        gap, pair = _closest(lower, upper, groups, rows, 1.0, True)
        gap_all, pair_all = (gap, pair) if strangers else _closest(lower, upper, groups, rows, 1.0, False)
        if gap == 0.0 and pair is not None:
            label = "" if not strangers else " (this gate needs every two boxes disjoint)"
            raise ValueError(f"{who}: after outward rounding the boxes of X[{pair[0]}] and X[{pair[1]}] touch{label}; "
                             f"pass a radius smaller than {radius!r} by a few units in the last place")
        return Gaps(lower, upper, groups, rows, gap * shrink, pair, gap_all * shrink, pair_all)

    @property
    def usual(self) -> float:
        """The distance that the default ramp halves: over all pairs where all boxes are disjoint."""
        return self.gap if self.gap_all == 0.0 else min(self.gap, self.gap_all)


def _closest(lower: Array, upper: Array, groups: NDArray[np.int64], rows: NDArray[np.int64], p: float,
             different: bool) -> tuple[float, tuple[int, int] | None]:
    """Return the smallest distance of two boxes and the data they belong to."""
    distance, pair = closest_boxes(lower, upper, groups, p, different=different)
    return distance, None if pair is None else (int(rows[pair[0]]), int(rows[pair[1]]))


def make_bumps(data: Gaps, labels: Labels, scores: Array, served: NDArray[np.bool_], recipe: Recipe,
               ramp: float | None, precision: Format, rng: np.random.Generator | None, who: str) -> Bumps:
    """Return bumps for the ``served`` ones of the data's boxes, with the given or the default ramp.

    ``scores`` (n,) what each datum of X is told. Default ramp: half the smallest l_1 distance from a bump to a box
    of another label (between any two, where all boxes are disjoint), less the slack, rounded down to a power of
    two; 1 without a rival. Every bump keeps its distance from all boxes of other labels, served or not. Raises
    ValueError for a ramp that is too wide or has no finite reciprocal.
    """
    mine, need = np.flatnonzero(served), vanishing(data.lower.shape[1], precision.unit)
    lower, upper = data.lower[mine], data.upper[mine]
    gap, rivals, everyone, usual, pair = data.gap, data.gap, data.gap_all, data.usual, data.pair
    first = mine
    if recipe.merge or recipe.faces == "needed":
        least = _least(data, ramp, need, who)
        if recipe.merge:
            lower, upper, first = _merged(data, mine, least, rng)
        if recipe.faces == "needed" and data.pair is not None:  # without a rival a bump would lose every face
            lower, upper = _needed(lower, upper, data.groups[first], data, least, recipe.share)
        gap, pair = _rival_gap(lower, upper, data.groups[first], data)
        rivals, everyone, usual = 0.0, 0.0, gap  # slabs of one label cross those of another
        if recipe.faces == "all":
            rivals = _finite_gap(lower, upper, data.groups[first], True)
            everyone = _finite_gap(lower, upper, data.groups[first], False)
    if recipe.domain is not None:
        lower, upper = _inside(lower, upper, recipe.domain)
    width = _ramp(ramp, gap, usual, need, pair, precision, who)
    served_rows = data.rows[first]
    return Bumps(lower, upper, scores[served_rows], labels.index[served_rows], served_rows, width, gap,
                 rivals, everyone, precision.unit, recipe.share)


def _least(data: Gaps, ramp: float | None, need: float, who: str) -> float:
    """Return the l_1 distance that facets and merged boxes must keep from their rivals."""
    if ramp is not None:
        return float(ramp) * need
    distance, pair = closest_boxes(data.lower, data.upper, data.groups, math.inf, different=True)
    return 1.0 if pair is None else distance / _NARROWER


def _merged(data: Gaps, mine: NDArray[np.int64], least: float,
            rng: np.random.Generator | None) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return merged boxes (m, d) and the first served datum of each."""
    from constructive.students.merging import bounding_boxes, merged_boxes
    place = merged_boxes(data.lower, data.upper, data.groups, least, rng)[mine]
    _, first, place = np.unique(place, return_index=True, return_inverse=True)
    lower, upper = bounding_boxes(data.lower[mine], data.upper[mine], place)
    return lower, upper, mine[first]


def _needed(lower: Array, upper: Array, groups: NDArray[np.int64], data: Gaps, least: float,
            share: bool) -> tuple[Array, Array]:
    from constructive.students.facets import needed_faces
    return needed_faces(lower, upper, groups, data.lower, data.upper, data.groups, least, prefer_shared=share)


def _rival_gap(lower: Array, upper: Array, groups: NDArray[np.int64],
               data: Gaps) -> tuple[float, tuple[int, int] | None]:
    from constructive.students.facets import face_gap
    distance, pair = face_gap(lower, upper, groups, data.lower, data.upper, data.groups)
    if pair is None:
        return distance, None
    return distance, (int(data.rows[pair[0]]), int(data.rows[pair[1]]))


def _finite_gap(lower: Array, upper: Array, groups: NDArray[np.int64], different: bool) -> float:
    return closest_boxes(lower, upper, groups, 1.0, different=different)[0] * (1.0 - (lower.shape[1] + 4) * _UNIT)


def _inside(lower: Array, upper: Array, domain: tuple[Any, Any]) -> tuple[Array, Array]:
    """Drop the faces that no point of the domain can be beyond; nothing changes inside it."""
    low, high = np.asarray(domain[0], dtype=np.float64), np.asarray(domain[1], dtype=np.float64)
    return np.where(lower <= low, -np.inf, lower), np.where(upper >= high, np.inf, upper)


def _ramp(ramp: float | None, gap: float, usual: float, need: float, pair: tuple[int, int] | None,
          precision: Format, who: str) -> float:
    if ramp is not None:
        return given_ramp(ramp, gap, need, pair, precision, who)
    return 1.0 if math.isinf(gap) else default_ramp(usual, need, pair, precision, who)


def default_ramp(gap: float, need: float, pair: tuple[int, int] | None, precision: Format, who: str) -> float:
    """Return the largest power of two at most half the gap, less the slack; 1 without a gap."""
    if pair is None or math.isinf(gap):
        return 1.0
    width = math.ldexp(0.5, math.frexp(gap / 2 / need)[1])
    if width < precision.narrowest:
        raise ValueError(f"{who}: the boxes of X[{pair[0]}] and X[{pair[1]}] are only {gap!r} apart, so that "
                         f"1/ramp overflows in {precision.name}; rescale the data or pass a smaller radius")
    return width


def given_ramp(ramp: float, gap: float, need: float, pair: tuple[int, int] | None, precision: Format,
               who: str) -> float:
    """Return the ramp; ValueError unless it fits the gap and has a finite reciprocal."""
    width = as_number(ramp, who, "ramp", above=0.0)
    if width < precision.narrowest:
        raise ValueError(f"{who}: ramp={width!r} is too narrow: 1/ramp must not overflow; "
                         f"pass ramp >= {precision.narrowest!r}")
    if width > precision.largest:
        raise ValueError(f"{who}: ramp={width!r} must be <= {precision.largest!r}")
    if width * need > gap:
        largest = gap / need * (1 - 4 * _UNIT)
        i, k = pair or (0, 0)
        raise ValueError(f"{who}: ramp={width!r} is too wide: the rounded boxes of X[{i}] and X[{k}] are "
                         f"{gap!r} apart; pass ramp <= {largest!r}")
    return width


def packed_bumps(data: Gaps, labels: Labels, scores: Array, ramp: float | None, precision: Format,
                 who: str) -> Bumps:
    """Return bumps for the published construction: every two boxes at l_inf distance of a ramp or more.

    Raises ValueError if two boxes meet, whatever their labels.
    """
    legal, pair = _closest(data.lower, data.upper, data.groups, data.rows, math.inf, False)
    if legal == 0.0:
        i, k = data.pair_all or (0, 0)
        raise ValueError(f"{who}: the published recipe needs every two boxes disjoint, but those of "
                         f"X[{i}] and X[{k}] meet; pass a smaller radius or recipe='clip'")
    legal, need = legal * (1.0 - 2 * _UNIT), vanishing(data.lower.shape[1], precision.unit)
    if ramp is not None:
        width = given_ramp(ramp, legal, need, pair, precision, who)
    else:
        width = default_ramp(legal, need, pair, precision, who)
        width = min(1.0, width) if math.isinf(data.gap) else width
    return Bumps(data.lower, data.upper, scores[data.rows], labels.index[data.rows], data.rows, width,
                 data.gap, data.gap, data.gap_all)
