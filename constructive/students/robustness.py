"""Where a two-class student errs within delta: an exact rule for each point, and what no memorizer can avoid.

If supports are disjoint and the teacher is right on the whole delta-ball of x, the student is wrong somewhere
in the ball if and only if the ball comes within ramp s / (B + s) (in l_1) of a box with another label, for scores
+-s told on the boxes: there a bump is at least B / (B + s) and the upper envelope at most 0. With s = B that is
half a ramp, and it goes to 0 with s. Any network that is right on the radius-balls of its data
must be wrong wherever such a ball meets the delta-ball. The two sets differ by that part of a ramp only.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from constructive._checks import as_number, as_points
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.linear import affine_bounds
from constructive.domain import inward_boxes, outward_boxes
from constructive.labels import clean_labels
from constructive.students.boxes import Bumps
from constructive.students.student import Student

Array = NDArray[np.float64]

SAFE, WRONG, UNKNOWN = 0, 1, -1


def robust_verdicts(student: Student, X: ArrayLike, y: Any, delta: float,
                    teacher_bounds: tuple[Array, Array] | None = None) -> NDArray[np.int8]:
    """Return, for each point, 0 if right on the whole closed l_inf ball, 1 if wrong somewhere, -1 unknown.

    X (n, d), y (n,) labels. Where the teacher is right on the whole ball and supports of the other label are
    disjoint, the rule is exact: wrong if and only if ``sum_j relu(|x_j - x_ij| - (radius + delta)) <= ramp s / (B
    + s)`` for a bump i of the other label, s the score told on the boxes, s = B = 1 unless the recipe has an
    amplitude (boxes as rounded; decided in rational arithmetic near equality). A bump of B / (B + s) is an error
    whatever the teacher says, but for points of the lower class where slabs of both labels cross. Where the
    teacher is wrong at an evaluated point and the bumps of the right label stay below that there, the student is
    wrong too. Unknown remains where the teacher changes sign in the ball, or bumps of the other label may add up.
    The verdicts hold for the real gate on the teacher's values, real or as executed. ``teacher_bounds``: bounds
    (n,), (n,) of the teacher over the closed balls, the caller's to vouch for; by default first-order enclosures.
    Raises ValueError for other students. Source: arXiv:2401.13624 for the setting; the rule is ours.
    """
    who = "robust_verdicts"
    if student.recipe.gate != "clip" or student.labels.classes is None or student.labels.outputs != 1 or not (
            student.bumps is None or isinstance(student.bumps, Bumps)):
        raise ValueError(f"{who}: the rule holds for two-class clip students with bumps on boxes; "
                         "pass student.to_network() instead")
    points = as_points(X, who, dimension=student.X.shape[1])
    size = as_number(delta, who, "delta", at_least=0.0)
    signs = clean_labels(y, points.shape[0], who=who, classes=student.labels.classes).scores
    low, high = outward_boxes(points, size)
    t_low, t_high = _teacher_bounds(student, low, high) if teacher_bounds is None else teacher_bounds
    right = np.where(signs > 0, np.asarray(t_low) > 0, np.asarray(t_high) < 0)
    out = np.full(points.shape[0], UNKNOWN, np.int8)
    out[right] = SAFE
    if student.bumps is not None:
        bumps, told = student.bumps, Fraction(student.recipe.amplitude)
        if not bumps.supports_disjoint:
            # rivals may add up to 1/2 where no single one does: then no support may be met at all
            out[interference(bumps, points, signs, size, fraction=1)] = UNKNOWN
        near = interference(bumps, points, signs, size, fraction=told / (1 + told))
        if not bumps.rivals_disjoint:
            # the upper envelope has the last word: own bumps of the lower class may still win where both are positive
            near &= signs > 0
        out[near] = WRONG
    rest = np.flatnonzero(out == UNKNOWN)
    out[rest[~np.isnan(_teacher_errors(student, points[rest], signs[rest], size)[:, 0])]] = WRONG
    return out


def rule_witnesses(student: Student, points: Array, signs: Array, delta: float) -> Array:
    """Return for points (n, d) that the rule calls wrong a vector (n, d) of the ball where the student should err.

    Next to the nearest rival box, or where the teacher errs; NaN where neither is found. Rounding may leave it just
    short of the error: evaluate it.
    """
    out = np.full(points.shape, np.nan)
    if isinstance(student.bumps, Bumps):
        told = Fraction(student.recipe.amplitude)
        out = interference_witnesses(student.bumps, points, signs, delta, told / (1 + told))
    rest = np.flatnonzero(np.isnan(out[:, 0]))
    out[rest] = _teacher_errors(student, points[rest], signs[rest], delta)
    return out


def _teacher_bounds(student: Student, low: Array, high: Array) -> tuple[Array, Array]:
    """Return bounds (n,), (n,) of a one-score teacher over boxes (n, d)."""
    network = student.teacher.to_network()
    forms, plain = affine_bounds(network, low, high), interval_bounds(network, low, high)
    return np.maximum(forms.lower, plain[0])[:, 0], np.minimum(forms.upper, plain[1])[:, 0]


def interference(bumps: Bumps, points: Array, signs: Array, delta: float,
                 fraction: Fraction | int = Fraction(1, 2)) -> NDArray[np.bool_]:
    """Return for which points the delta-ball comes within fraction * ramp, in l_1, of a box of another label.

    ``sum_j relu(|x_j - x_ij| - (radius + delta)) <= fraction * ramp``, closed; decided in rational arithmetic
    where rounding could matter. The mean over a sample estimates the interference probability at radius +
    delta.
    """
    which, _, _ = rivals_met(bumps, points, np.sign(bumps.scores), signs, delta, Fraction(fraction))
    near = np.zeros(points.shape[0], bool)
    near[which] = True
    return near


def interference_witnesses(bumps: Bumps, points: Array, signs: Array, delta: float,
                           fraction: Fraction | int = Fraction(1, 2)) -> Array:
    """Return for each point (n, d) the floating-point vector of its closed delta-ball next to the nearest rival box.

    NaN where no box of another label is within fraction * ramp of the ball. Rounding may leave the vector a few units
    in the last place short of the real nearest point, never outside the ball: evaluate before calling it an error.
    """
    which, bump, distance = rivals_met(bumps, points, np.sign(bumps.scores), signs, delta, Fraction(fraction))
    order = np.lexsort((distance, which))
    rows, first = np.unique(which[order], return_index=True)
    chosen, centers = bump[order][first], points[rows]
    low, high = inward_boxes(centers, delta)
    out = np.full(points.shape, np.nan)
    out[rows] = np.clip(np.clip(centers, bumps.lower[chosen], bumps.upper[chosen]), low, high)
    return out


def rivals_met(bumps: Bumps, points: Array, told: NDArray[Any], truth: NDArray[Any], delta: float,
                ratio: Fraction) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Return the pairs (point, bump of another label) within ratio * ramp, and their distances in l_1.

    ``told`` (m,) the bumps' labels as numbers, ``truth`` (n,) the points'.
    """
    reach = float(Fraction(bumps.ramp) * ratio)
    size = delta + max(float(np.abs(part[np.isfinite(part)]).max(initial=0.0))
                       for part in (points, bumps.lower, bumps.upper))
    error = 16 * 2.0**-53 * points.shape[1] * (size + reach)  # of the distances below, with room to spare
    grown = replace(bumps, lower=bumps.lower - delta, upper=bumps.upper + delta, ramp=reach + 2 * error)
    starts, bump, _ = grown.active(points)
    which = np.repeat(np.arange(points.shape[0]), np.diff(starts))
    rival = told[bump] != truth[which]
    which, bump = which[rival], bump[rival]
    centers = points[which]
    gaps = np.maximum(bumps.lower[bump] - centers, centers - bumps.upper[bump])
    distance = np.maximum(gaps - delta, 0.0).sum(axis=1)
    hit = distance + error < reach
    for pair in np.flatnonzero(np.abs(distance - reach) <= error):
        exact = _distance_exact(bumps, int(bump[pair]), centers[pair], delta)
        hit[pair] = exact <= Fraction(bumps.ramp) * ratio
    return which[hit], bump[hit], distance[hit]


def _distance_exact(bumps: Bumps, k: int, x: Array, delta: float) -> Fraction:
    total, size = Fraction(0), Fraction(delta)
    for value, a, b in zip(x.tolist(), bumps.lower[k].tolist(), bumps.upper[k].tolist(), strict=True):
        below = Fraction(a) - Fraction(value) - size if math.isfinite(a) else Fraction(0)
        above = Fraction(value) - size - Fraction(b) if math.isfinite(b) else Fraction(0)
        total += max(below, above, Fraction(0))
    return total


def _teacher_errors(student: Student, points: Array, signs: Array, delta: float) -> Array:
    """Return a vector (n, d) of each ball that is proved wrong: teacher wrong, little of its own label's bumps there.

    NaN where none of the vectors tried is.

    Tried: the center and some corners, rounded into the ball. For label + the lower envelope is
    ``-B + (B + s) (sum of + bumps) + (B - s) (sum of - bumps)``; where it and T are <= 0 the student is <= 0, the same
    with signs exchanged. Crossing slabs make both sums positive: for s < B a rival's bump lifts the envelope too.
    """
    out = np.full(points.shape, np.nan)
    if points.shape[0] == 0:
        return out
    low, high = inward_boxes(points, delta)
    columns = np.arange(points.shape[1])
    patterns = [columns % 2 == 0, columns % 2 == 1, columns >= 0, columns < 0]
    for moved in [points, *[np.where(pattern, low, high) for pattern in patterns]]:
        t_low, t_high = _teacher_bounds(student, moved, moved)
        misled = np.where(signs > 0, t_high <= 0, t_low >= 0)
        if student.bumps is not None:
            starts, bump, height = student.bumps.active(moved)
            which = np.repeat(np.arange(points.shape[0]), np.diff(starts))
            s = student.recipe.amplitude
            lift = np.where(student.bumps.scores[bump] * signs[which] > 0, 1.0 + s, 1.0 - s)
            # a height errs by a few units in the last place for each coordinate
            misled &= np.bincount(which, lift * height, points.shape[0]) < 1.0 - 2.0**-40
        out[misled] = moved[misled]
    return out


def unavoidable(X_train: ArrayLike, y_train: Any, radius: float, X: ArrayLike, y: Any,
                delta: float) -> NDArray[np.bool_]:
    """Return for which points every network that memorizes the data at this radius is wrong within delta.

    Point x with label y: some datum with another label has ``||x - x_i||_inf <= delta + radius``, so the two
    closed balls meet, and there the network says y_i. Labels of ``y`` must occur in ``y_train``. Near ties
    are decided in rational arithmetic.
    """
    who = "unavoidable"
    data = as_points(X_train, who, "X_train")
    labels = clean_labels(y_train, data.shape[0], who=who)
    if labels.classes is None:
        raise ValueError(f"{who}: needs classes, got real labels; pass integer or string labels")
    points = as_points(X, who, dimension=data.shape[1])
    index = clean_labels(y, points.shape[0], who=who, classes=labels.classes).index
    reach = Fraction(as_number(delta, who, "delta", at_least=0.0)) + Fraction(
        as_number(radius, who, "radius", at_least=0.0))
    met = np.zeros(points.shape[0], bool)
    error = 8 * 2.0**-53 * (np.abs(points).max() + np.abs(data).max() + float(reach))
    for c in range(len(labels.classes)):
        rows = np.flatnonzero(labels.index == c)
        todo = np.flatnonzero(index != c)
        if rows.size == 0 or todo.size == 0:
            continue
        tree = cKDTree(data[rows])
        distance = tree.query(points[todo], p=np.inf)[0]
        met[todo[distance + error < float(reach)]] = True
        for q in todo[np.abs(distance - float(reach)) <= error]:
            close = tree.query_ball_point(points[q], float(reach) + 4 * error, p=np.inf)
            met[q] = met[q] or any(_linf_exact(points[q], data[rows[i]]) <= reach for i in close)
    return met


def _linf_exact(a: Array, b: Array) -> Fraction:
    return max(abs(Fraction(u) - Fraction(v)) for u, v in zip(a.tolist(), b.tolist(), strict=True))
