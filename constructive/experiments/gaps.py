"""The robust regression gap: what every network that memorizes real labels on balls must pay under perturbation.

If g = y_i on the closed r-ball of x_i, then within delta of a fresh x the adversary reaches every ball whose datum
is within delta + r, and finds the value y_i there:
``E sup_{|x'-x| <= delta} (g(x') - y)^2 >= E max_{i: |x - x_i| <= delta + r} (y_i - y)^2``.
The right side needs the data only; the left side is the network's, attacked through its own balls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from constructive.domain import outward_boxes
from constructive.students import Student, separation
from constructive.students.boxes import Bumps
from constructive.teachers import range_on_boxes

Array = NDArray[np.float64]

_INSIDE = 1.0 - 2.0**-30
"""Data this near the rim of the reach count as out of reach: the two balls meet in less than rounding can tell."""


@dataclass(frozen=True, slots=True, eq=False)
class RobustGap:
    """Both sides on one sample: ``attacked`` >= mean of (g(x') - y)^2 found, ``forced`` the bound from the data alone.

    ``escapes``: test points at which the attack found less than the data force; 0 for a memorizer. ``reached``: mean
    number of data within reach; ``plain``: the mean of (g(x) - y)^2 without any perturbation.
    """

    attacked: float
    forced: float
    plain: float
    escapes: int
    reached: float


def robust_gap(g: Callable[[Array], Array], X: Array, y: Array, radius: float, points: Array, values: Array,
               delta: float) -> RobustGap:
    """Return both sides of the robust gap of g on a test sample (m, d), (m,).

    ``g`` maps (k, d) to (k,); X (n, d), y (n,) the data and the values that g should take on the ``radius``-balls. The
    attack evaluates g at the test point itself and at the one point where the delta-ball meets the ball of the datum
    whose label is farthest from the test value. ``forced`` does not evaluate g. l_inf balls.
    """
    reach = (delta + radius) * _INSIDE
    close = cKDTree(X).query_ball_point(points, reach, p=np.inf)
    here = (g(points) - values) ** 2
    there, forced = here.copy(), np.zeros(len(values))
    rows = np.array([k for k, found in enumerate(close) if found], dtype=np.int64)
    if rows.size:
        worst = np.array([close[k][int(np.argmax(np.abs(y[close[k]] - values[k])))] for k in rows], dtype=np.int64)
        forced[rows] = (y[worst] - values[rows]) ** 2
        # from the test point straight toward the datum's ball, coordinate by coordinate
        meeting = X[worst] + np.clip(points[rows] - X[worst], -radius, radius)
        there[rows] = np.maximum(here[rows], (g(meeting) - values[rows]) ** 2)
    return RobustGap(float(there.mean()), float(forced.mean()), float(here.mean()), int((there < forced).sum()),
                     float(np.mean([len(found) for found in close])))


def gap_above(student: Student, points: Array, values: Array, delta: float) -> Array:
    """Return upper bounds (m,) of sup (f(x') - y)^2 over the delta-balls of points (m, d) with values y (m,).

    Where bumps add up to at most 1, f lies between the clipped teacher and a mean of the labels in reach, so

        sup (f(x') - y)^2 <= max(sup (clip T(x') - y)^2, max over data within delta + radius + ramp of (y_i - y)^2),

    the teacher's range over the ball being enclosed. It exceeds the forced error by the teacher's own and by a ramp.
    For the real gate; rounding adds a few units in the last place. Raises ValueError for students of classes, of other
    gates than "clip", or whose data are closer than 2 radius + ramp.
    """
    bumps = student.bumps
    if student.classes is not None or student.recipe.gate != "clip" or not isinstance(bumps, Bumps):
        raise ValueError("gap_above: needs a student of real labels with the gate 'clip' and bumps on boxes, got "
                         f"{student.labels.words} with the gate {student.recipe.gate!r}")
    if separation(student.X).distance < 2 * student.radius + student.ramp:
        raise ValueError(f"gap_above: bumps of radius {student.radius!r} and ramp {student.ramp!r} may add up to more "
                         "than 1; memorize with any two data at least 2 radius + ramp apart")
    low, high = range_on_boxes(student.teacher, *outward_boxes(points, delta))
    b = student.amplitude
    worst = np.maximum((np.clip(low[:, 0], -b, b) - values) ** 2, (np.clip(high[:, 0], -b, b) - values) ** 2)
    reach = (delta + student.radius + student.ramp) * (1.0 + 2.0**-30)
    for k, near in enumerate(cKDTree(student.X).query_ball_point(points, reach, p=np.inf)):
        if near:
            worst[k] = max(worst[k], float(((student.labels.scores[near] - values[k]) ** 2).max()))
    return worst
