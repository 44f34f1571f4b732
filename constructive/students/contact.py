"""Which balls come near a bump that is told another label: everywhere else a student is as right as its teacher."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.evidence import Bracket, Evidence, exactly
from constructive.labels import clean_labels
from constructive.students.balls import BallBumps
from constructive.students.boxes import Bumps
from constructive.students.robustness import rivals_met
from constructive.students.student import Student

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def rivals_near(student: Student, X: ArrayLike, y: Any, delta: float,
                fraction: Fraction | int = Fraction(1, 2)) -> tuple[Flags, Flags]:
    """Return whose delta-ball surely, and perhaps, comes within fraction * ramp of a bump told another class.

    X (n, d), y (n,); balls in the student's norm; distances from boxes in l_1, from balls in their own norm (of the
    image, under a projection). For boxes and l_inf balls both answers are the same, decided in rational arithmetic
    where rounding could matter. l_1 and l_2 balls against boxes: from the l_inf balls inside and around them; against
    balls: up to rounding. Any number of classes. Raises ValueError for real labels.
    """
    who = "rivals_near"
    points = as_points(X, who, dimension=student.X.shape[1])
    size = as_number(delta, who, "delta", at_least=0.0)
    if student.classes is None:
        raise ValueError(f"{who}: needs classes, the student has real labels; see experiments.gaps for these")
    index = clean_labels(y, points.shape[0], who=who, classes=student.classes).index
    bumps, part = student.bumps, Fraction(fraction)
    if bumps is None:
        return np.zeros(points.shape[0], bool), np.zeros(points.shape[0], bool)
    if isinstance(bumps, BallBumps):
        return _near_balls(bumps, points, index, size, float(part))
    outer = _near_boxes(bumps, points, index, size, part)
    if student.norm == math.inf:
        return outer, outer
    inner = size / points.shape[1] ** (1.0 / student.norm) * (1.0 - 2.0**-40)
    return _near_boxes(bumps, points, index, inner, part), outer


def disturbed(student: Student, X: ArrayLike, y: Any, delta: float) -> Flags:
    """Return for which points the closed delta-ball meets, or may meet, the support of a bump of another class.

    At all other points the student is right on the ball wherever its teacher is: bumps of the own class only help, and
    elsewhere the gate returns the teacher (clipped, for two classes without a change of sign; for more classes where
    the amplitude bounds its scores). So ``robust error <= teacher's + mean of this``, for every number of classes.
    X (n, d), y (n,) labels; balls in the student's norm. Raises ValueError for real labels.
    """
    return rivals_near(student, X, y, delta, 1)[1]


def reaching(student: Student, X: ArrayLike, y: Any, delta: float,
             fraction: Fraction | int = Fraction(1, 2)) -> Bracket:
    """Return the share of points whose delta-ball comes within fraction * ramp of a bump told another class.

    See :func:`rivals_near`; EXACT for boxes and l_inf balls.
    """
    surely, perhaps = rivals_near(student, X, y, delta, fraction)
    if isinstance(student.bumps, Bumps) and student.norm == math.inf:
        return exactly(Fraction(int(surely.sum()), surely.size))
    return Bracket(float(surely.mean()), float(perhaps.mean()), Evidence.ENCLOSED)


def _near_boxes(bumps: Bumps, points: Array, index: NDArray[np.int64], delta: float, part: Fraction) -> Flags:
    """Return which l_inf balls come near a rival box."""
    near = np.zeros(points.shape[0], bool)
    near[rivals_met(bumps, points, bumps.index, index, delta, part)[0]] = True
    return near


def _near_balls(bumps: BallBumps, points: Array, index: NDArray[np.int64], delta: float,
                part: float) -> tuple[Flags, Flags]:
    """Return which balls surely, and perhaps, come near a rival ball; an image's ball is a little smaller."""
    image = points if bumps.projection is None else points @ bumps.projection.T
    size = float(np.abs(image).max()) + float(np.abs(bumps.centers).max()) + bumps.radius + bumps.ramp + delta
    rounding = 2.0**-40 * points.shape[1] * size + bumps.slack
    nearest = np.full(points.shape[0], np.inf)
    for i, (x, own) in enumerate(zip(image, index, strict=True)):
        rivals = bumps.centers[bumps.index != own] - x
        nearest[i] = np.linalg.norm(rivals, ord=bumps.norm, axis=1).min(initial=np.inf)
    reach = bumps.radius + part * bumps.ramp + delta
    shorter = 0.0 if bumps.projection is None else 2.0**-19 * delta
    return nearest <= reach - shorter - rounding, nearest <= reach + rounding
