"""Which held-out balls come near a bump that is told another label."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.evidence import Bracket, Evidence, exactly
from constructive.labels import clean_labels
from constructive.students import Student
from constructive.students.balls import BallBumps
from constructive.students.boxes import Bumps
from constructive.students.robustness import interference

Array = NDArray[np.float64]


def reaching(student: Student, X: ArrayLike, y: Any, delta: float,
             fraction: Fraction | int = Fraction(1, 2)) -> Bracket:
    """Return the share of points whose delta-ball comes within fraction * ramp of a bump that is told another class.

    X (n, d), y (n,); balls in the student's norm; distances from boxes in l_1, from balls in their own norm (of the
    image, under a projection). EXACT for boxes and l_inf balls. l_1 and l_2 balls against boxes: from the l_inf balls
    inside and around them; against balls: up to rounding. Any number of classes. Raises ValueError for real labels.
    """
    who = "reaching"
    points = as_points(X, who, dimension=student.X.shape[1])
    size = as_number(delta, who, "delta", at_least=0.0)
    if student.classes is None:
        raise ValueError(f"{who}: needs classes, the student has real labels")
    index = clean_labels(y, points.shape[0], who=who, classes=student.classes).index
    n, bumps, part = points.shape[0], student.bumps, Fraction(fraction)
    if bumps is None:
        return exactly(0)
    if isinstance(bumps, BallBumps):
        low, high = _near_balls(bumps, points, index, size, float(part))
        return Bracket(low / n, high / n, Evidence.ENCLOSED)
    high = _near_boxes(bumps, points, index, size, part)
    if student.norm == math.inf:
        return exactly(Fraction(high, n))
    inner = size / points.shape[1] ** (1.0 / student.norm) * (1.0 - 2.0**-40)
    return Bracket(_near_boxes(bumps, points, index, inner, part) / n, high / n, Evidence.ENCLOSED)


def _near_boxes(bumps: Bumps, points: Array, index: NDArray[np.int64], delta: float, part: Fraction) -> int:
    """Return how many l_inf balls come near a rival box; one class after the other is told apart from the rest."""
    near = 0
    for c in np.unique(index):
        own = replace(bumps, scores=np.where(bumps.index == c, 1.0, -1.0))
        rows = index == c
        near += int(interference(own, points[rows], np.ones(int(rows.sum())), delta, part).sum())
    return near


def _near_balls(bumps: BallBumps, points: Array, index: NDArray[np.int64], delta: float,
                part: float) -> tuple[int, int]:
    """Return how many balls surely, and perhaps, come near a rival ball; an image's ball is a little smaller."""
    image = points if bumps.projection is None else points @ bumps.projection.T
    size = float(np.abs(image).max()) + float(np.abs(bumps.centers).max()) + bumps.radius + bumps.ramp + delta
    rounding = 2.0**-40 * points.shape[1] * size + bumps.slack
    reach = bumps.radius + part * bumps.ramp
    surely, perhaps = 0, 0
    for x, own in zip(image, index, strict=True):
        rivals = bumps.centers[bumps.index != own]
        nearest = float(np.linalg.norm(rivals - x, ord=bumps.norm, axis=1).min(initial=math.inf))
        shorter = 0.0 if bumps.projection is None else 2.0**-19 * delta
        surely += nearest <= reach + delta - shorter - rounding
        perhaps += nearest <= reach + delta + rounding
    return surely, perhaps
