"""Where a two-class student errs within delta: an exact rule for each point, and what no memorizer can avoid.

If supports are disjoint and the teacher is right on the whole delta-ball of x, the student is wrong somewhere in
the ball if and only if the ball comes within ramp / 2 (in l_1) of a box with another label: there a bump is at
least 1/2 and the upper envelope at most 0. Any network that is right on the radius-balls of its data must be wrong
wherever such a ball meets the delta-ball. The two sets differ by half a ramp only.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from constructive._checks import as_number, as_points
from constructive.certificates.linear import affine_bounds
from constructive.domain import outward_boxes
from constructive.labels import clean_labels
from constructive.students.boxes import Bumps
from constructive.students.student import Student, active

Array = NDArray[np.float64]

SAFE, WRONG, UNKNOWN = 0, 1, -1


def robust_verdicts(student: Student, X: ArrayLike, y: Any, delta: float) -> NDArray[np.int8]:
    """Return, for each point, 0 if the student is right on the whole closed l_inf ball, 1 if wrong, -1 unknown.

    Exact for two-class clip students with disjoint supports wherever the teacher's bounds decide its sign on the
    ball: 1 means a wrong answer of the real network exists in the ball, 0 that none does. Unknown remains where
    the teacher changes sign in the ball and no evaluated point is wrong. Raises ValueError for other students.
    """
    who = "robust_verdicts"
    if student.recipe.gate != "clip" or student.labels.classes is None or student.labels.outputs != 1:
        raise ValueError(f"{who}: the rule holds for two-class clip students; pass student.to_network() instead")
    points = as_points(X, who, dimension=student.X.shape[1])
    size = as_number(delta, who, "delta", at_least=0.0)
    signs = clean_labels(y, points.shape[0], who=who, classes=student.labels.classes).scores
    low, high = outward_boxes(points, size)
    forms = affine_bounds(student.teacher.to_network(), low, high)
    right = np.where(signs > 0, forms.lower[:, 0] > 0, forms.upper[:, 0] < 0)
    out = np.full(points.shape[0], UNKNOWN, np.int8)
    if student.bumps is None:
        out[right] = SAFE
    else:
        bumps = student.bumps
        near = interference(bumps, points, signs, size)
        out[right & ~near] = SAFE
        if not bumps.supports_disjoint:  # bumps of one label may add up to 1/2 where no single one does
            touched = interference(bumps, points, signs, size, fraction=Fraction(1))
            out[right & ~near & touched] = UNKNOWN
        if bumps.gap >= 2 * bumps.ramp:  # rival supports are apart: a bump of 1/2 decides, whatever the teacher says
            out[near] = WRONG
    rest = np.flatnonzero(out == UNKNOWN)
    out[rest[_evaluated_wrong(student, points[rest], signs[rest], size)]] = WRONG
    return out


def interference(bumps: Bumps, points: Array, signs: Array, delta: float,
                 fraction: Fraction = Fraction(1, 2)) -> NDArray[np.bool_]:
    """Return for which points the delta-ball comes within fraction * ramp (l_1, closed) of a box of another label.

    Decided in rational arithmetic where rounding could matter. ``fraction`` in (0, 1].
    """
    low, high = outward_boxes(bumps.lower, 0.0)
    grown = Bumps(low - delta, high + delta, bumps.scores, bumps.index, bumps.members,
                  bumps.ramp * float(fraction) * (1 + 2.0**-40) + 2.0**-40 * (1 + delta + np.abs(low).max()),
                  bumps.gap, bumps.gap_all)
    starts, bump, _ = active(grown, points)
    which = np.repeat(np.arange(points.shape[0]), np.diff(starts))
    rival = bumps.scores[bump] != signs[which]
    which, bump = which[rival], bump[rival]
    gaps = np.maximum(np.maximum(bumps.lower[bump] - points[which] - delta, points[which] - delta - bumps.upper[bump]), 0)
    distance, reach = gaps.sum(axis=1), bumps.ramp * float(fraction)
    scale = np.abs(points).max(initial=0.0) + max(np.abs(bumps.lower).max(), np.abs(bumps.upper).max()) + delta
    error = 8 * 2.0**-53 * points.shape[1] * (scale + reach)
    hit = distance + error < reach
    for pair in np.flatnonzero(np.abs(distance - reach) <= error):
        hit[pair] = _distance_exact(bumps, int(bump[pair]), points[which[pair]], delta) <= Fraction(bumps.ramp) * fraction
    near = np.zeros(points.shape[0], bool)
    near[which[hit]] = True
    return near


def _distance_exact(bumps: Bumps, k: int, x: Array, delta: float) -> Fraction:
    total, size = Fraction(0), Fraction(delta)
    for value, a, b in zip(x.tolist(), bumps.lower[k].tolist(), bumps.upper[k].tolist(), strict=True):
        total += max(Fraction(a) - Fraction(value) - size, Fraction(value) - size - Fraction(b), Fraction(0))
    return total


def _evaluated_wrong(student: Student, points: Array, signs: Array, delta: float) -> NDArray[np.bool_]:
    """Evaluate the student at the center, the corners and toward rival boxes; True where an answer is wrong.

    Scores closer to 0 than any rounding of the gate are not counted, so that a wrong answer is the real network's.
    """
    wrong = np.zeros(points.shape[0], bool)
    if points.shape[0] == 0:
        return wrong
    inner, d = delta * (1 - 2.0**-40), points.shape[1]
    steps = [np.zeros(d)]
    steps += [inner * np.where((np.arange(d) + k) % 2 == 0, s, t)
              for k in range(min(d, 2)) for s, t in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    margin = 2.0**-40 * (1 + student.teacher.to_network().size.magnitude * 2.0**-10)
    for step in steps:
        wrong |= signs * student(points + step)[:, 0] <= -margin
    return wrong


def unavoidable(X_train: ArrayLike, y_train: Any, radius: float, X: ArrayLike, y: Any,
                delta: float) -> NDArray[np.bool_]:
    """Return for which points every network that memorizes the data at this radius is wrong within delta.

    Point x with label y: some datum with another label has ``||x - x_i||_inf <= delta + radius``, so the two
    closed balls meet, and there the network says y_i. Near ties are decided in rational arithmetic.
    """
    who = "unavoidable"
    data = as_points(X_train, who, "X_train")
    labels = clean_labels(y_train, data.shape[0], who=who)
    points = as_points(X, who, dimension=data.shape[1])
    index = clean_labels(y, points.shape[0], who=who, classes=labels.classes).index
    reach = Fraction(as_number(delta, who, "delta", at_least=0.0)) + Fraction(
        as_number(radius, who, "radius", at_least=0.0))
    met = np.zeros(points.shape[0], bool)
    error = 8 * 2.0**-53 * (np.abs(points).max() + np.abs(data).max() + float(reach))
    for c in range(len(labels.classes or ())):
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
