"""Points that prove errors: numbers of the network's format, inside the closed real ball, wrong where re-evaluated.

A computed point is at the mercy of rounding: center + radius may lie outside of the ball by a unit in the last place,
where the claim under attack says nothing. Candidates are therefore rounded *toward the center*, and whatever is kept
is decided in rational arithmetic where rounding could matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_number
from constructive.certificates.goals import Goal
from constructive.domain import inward_boxes
from constructive.network import Network

Array = NDArray[np.float64]

_SMALLEST = 1e-140
"""Radii below this leave no room for squares in double precision: membership is decided in rationals."""


# -- in the ball or not -----------------------------------------------------------------------------------------------


def inside_exactly(center: Sequence[float] | Array, witness: Sequence[float] | Array, radius: float,
                   norm: float) -> bool:
    """Return whether ``||witness - center|| <= radius`` for the real numbers, decided in rational arithmetic.

    Norms 1, 2 (by squares) and infinity. A witness with NaN or infinity is outside. Raises TypeError or ValueError for
    other norms, a negative radius, or lengths that differ.

    >>> inside_exactly([0.1], [0.1 + 0.2], 0.2, 1), inside_exactly([0.0, 0.0], [3.0, 4.0], 5.0, 2)
    (False, True)
    """
    who = "inside_exactly"
    p, size = as_norm(norm, who), Fraction(as_number(radius, who, "radius", at_least=0.0))
    a, b = np.asarray(center, np.float64), np.asarray(witness, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"{who}: center has shape {a.shape}, witness {b.shape}; pass two vectors of one length")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    gaps = [abs(Fraction(v) - Fraction(u)) for u, v in zip(a.tolist(), b.tolist(), strict=True) if u != v]
    if p == math.inf:
        return max(gaps, default=Fraction(0)) <= size
    if p == 1.0:
        return sum(gaps, Fraction(0)) <= size
    return sum((g * g for g in gaps), Fraction(0)) <= size * size


def inside(centers: Array, points: Array, radius: float, norm: float) -> NDArray[np.bool_]:
    """Return which points (n, d) lie in the closed real balls round centers (n, d); no rounding is forgiven.

    In double precision where the distance is clear of the radius by more than its rounding error, else in rationals.
    """
    if norm == math.inf:
        low, high = inward_boxes(centers, radius)
        return np.asarray(((points >= low) & (points <= high)).all(axis=1))
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(points - centers, ord=norm, axis=1)
    slack = 1 + (centers.shape[1] + 8) * 2.0**-52
    sure = (length * slack <= radius) & (radius >= _SMALLEST)
    doubtful = np.flatnonzero(~sure & (length <= radius * slack))
    for i in doubtful:
        sure[i] = inside_exactly(centers[i], points[i], radius, norm)
    return sure


@dataclass(frozen=True, slots=True, eq=False)
class Balls:
    """The points of a number format inside n closed balls, and how to get there.

    ``anchor`` (n, d): a point of the format in each ball, the center where it is one; ``reach`` (n,): the radius round
    the anchor that stays inside; ``low``, ``high`` (n, d): the numbers of the format at which a coordinate moved
    alone still stays inside, for the l_inf norm the ends of the box. ``empty`` (n,): no point of the format is known
    inside (float32 data are never empty).
    """

    anchor: Array
    reach: Array
    low: Array
    high: Array
    empty: NDArray[np.bool_]
    norm: float
    dtype: np.dtype[Any]

    @staticmethod
    def of(centers: Array, radius: float, norm: float, dtype: np.dtype[Any]) -> Balls:
        """Return the balls round centers (n, d), in the given format."""
        low, high = inward_boxes(centers, radius)
        anchor, reach = centers, np.full(centers.shape[0], radius)
        if dtype == np.float32:
            low, high = _single(low, up=True), _single(high, up=False)
            near = _nearest(centers, dtype)
            anchor = np.where(low > high, near, np.clip(near, low, np.maximum(low, high)))
            if norm != math.inf:  # a smaller ball round the anchor, by the triangle inequality
                moved = np.linalg.norm(anchor - centers, ord=norm, axis=1)
                left = radius - moved * (1 + (centers.shape[1] + 8) * 2.0**-52)
                reach = np.where(moved > 0, np.nextafter(left, -np.inf), radius)
                ends = [inward_boxes(anchor[i:i + 1], max(0.0, float(reach[i]))) for i in range(centers.shape[0])]
                low = _single(np.concatenate([e[0] for e in ends]), up=True)
                high = _single(np.concatenate([e[1] for e in ends]), up=False)
        return Balls(anchor, np.maximum(reach, 0.0), low, high, (low > high).any(axis=1) | (reach < 0), norm, dtype)

    def take(self, rows: NDArray[np.int64]) -> Balls:
        """Return the chosen balls."""
        return Balls(self.anchor[rows], self.reach[rows], self.low[rows], self.high[rows], self.empty[rows],
                     self.norm, self.dtype)

    def pull(self, points: Array) -> Array:
        """Return points (n, d) of the format inside the balls: unchanged, clipped (l_inf), or drawn to the anchor.

        Points that are clearly inside and of the format stay what they are. For l_1 and l_2 what lies outside ends at
        ``reach (1 - (d + 16) 2^-52)`` from the anchor, except that a single moved coordinate is clipped to the very
        end of the ball.
        """
        if self.norm == math.inf:
            return np.clip(_nearest(points, self.dtype), self.low, self.high)
        offset = points - self.anchor
        inner = self.reach * (1 - (points.shape[1] + 16) * 2.0**-52)
        with np.errstate(over="ignore"):
            length = np.linalg.norm(offset, ord=self.norm, axis=1)
        factor = np.where(length > inner, inner / np.where(length > 0, length, 1.0), 1.0)
        offset *= factor[:, None]
        total = self.anchor + offset
        near = _nearest(total, self.dtype)
        # too far out by the last rounding, of the sum (two-sum) or of the format: one step back
        back = total - self.anchor
        lost = (self.anchor - (total - back)) + (offset - back)
        over = np.where(near != total, near - total, -lost) * np.sign(offset) > 0
        inward = np.nextafter(near.astype(self.dtype), self.anchor.astype(self.dtype)).astype(np.float64)
        drawn = np.where(over, inward, near)
        near = _nearest(points, self.dtype)
        fits = (near == points).all(axis=1) & (length <= inner)
        alone = np.count_nonzero(points - self.anchor, axis=1) == 1
        return np.where((fits | alone)[:, None], np.clip(near, self.low, self.high), drawn)


def _nearest(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return the numbers of the format nearest to the values, as doubles."""
    with np.errstate(over="ignore"):
        return values if dtype == np.float64 else values.astype(dtype).astype(np.float64)


def _single(values: Array, up: bool) -> Array:
    """Return the float32 numbers next to the values, not below (``up``) or not above them, as doubles."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    wrong_side = near < values if up else near > values
    moved = np.nextafter(near, np.float32(np.inf if up else -np.inf))
    return np.where(wrong_side, moved, near).astype(np.float64)


# -- wrong or not -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Reevaluation:
    """What the real network does at a witness: ``outputs`` and ``margin`` are exact.

    ``margin``: the smallest margin; for real labels minus the distance to the value. ``wrong``: margin <= 0, for real
    labels < 0.
    """

    outputs: tuple[Fraction, ...]
    margin: Fraction
    wrong: bool


def reevaluate(network: Network, witness: ArrayLike, goal_row: Goal) -> Reevaluation:
    """Return what the real network does at a witness (d,), in rational arithmetic, against a goal of one row.

    The executed program may be wrong where the real network is right, and the other way round, where a margin is of
    the size of rounding errors. Cost: a few microseconds for each nonzero. Raises ValueError for a witness that is
    not finite or does not fit, and for a goal of several rows.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0]], [-0.5])])
    >>> reevaluate(f, [0.25], Goal("sign", np.array([1.0]))).margin
    Fraction(-1, 4)
    """
    who = "reevaluate"
    x = np.asarray(witness, dtype=np.float64)
    if x.shape != (network.inputs,) or not np.isfinite(x).all():
        raise ValueError(f"{who}: witness must be {network.inputs} finite numbers, got {x.tolist()}; points without a "
                         "witness hold NaN")
    if goal_row.value.shape != (1,):
        raise ValueError(f"{who}: goal_row has {goal_row.value.size} rows; take one, goal.take(np.array([i]))")
    outputs = network.exact(x.tolist())
    if goal_row.kind == "value":
        margin = -abs(outputs[0] - Fraction(float(goal_row.value[0])))
        return Reevaluation(outputs, margin, margin < 0)
    rows = goal_row.margins(network.outputs)[0]
    # the rows hold -1, 0 and +1
    margins = [sum((int(c) * v for c, v in zip(row, outputs, strict=True) if c), Fraction(0)) for row in rows.tolist()]
    margin = min(margins)
    return Reevaluation(outputs, margin, margin <= 0)


def smallest_margins(goal: Goal, values: Array) -> Array:
    """Return the smallest margin at each row of values (n, m), minus the distance for real labels; NaN gives -inf."""
    with np.errstate(invalid="ignore", over="ignore"):
        if goal.kind == "value":
            out = -np.abs(values[:, 0] - goal.value)
        elif goal.kind == "sign":
            out = np.sign(goal.value) * values[:, 0]
        else:
            own, rows = goal.value.astype(int), np.arange(goal.value.size)
            rivals = values.copy()
            rivals[rows, own] = -np.inf
            out = values[rows, own] - rivals.max(axis=1)
    return np.where(np.isnan(out), -np.inf, out)


def worst_forms(goal: Goal, values: Array) -> Array:
    """Return the linear form of the outputs that is the smallest margin at each row of values, (n, m).

    For real labels: the form whose decrease takes the value further from the label, f itself negated where it is equal.
    """
    if goal.kind == "value":
        return np.where(values[:, :1] >= goal.value[:, None], -1.0, 1.0)
    if goal.kind == "sign":
        return np.sign(goal.value)[:, None]
    own, rows = goal.value.astype(int), np.arange(goal.value.size)
    rivals = np.where(np.isnan(values), np.inf, values)
    rivals[rows, own] = -np.inf
    forms = np.zeros_like(values)
    forms[rows, own] = 1.0
    forms[rows, rivals.argmax(axis=1)] -= 1.0
    return forms
