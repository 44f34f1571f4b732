"""Build a student from data: check, merge, round, and choose the amplitude."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_number, as_points
from constructive.certificates.enclosure import interval_bounds
from constructive.labels import Labels, clean_labels, power_of_two_above
from constructive.network import Network
from constructive.students.boxes import Bumps, distinct_data, make_bumps, require_radius
from constructive.students.patching import left_to_teacher
from constructive.students.recipes import Recipe, as_recipe
from constructive.students.student import Student
from constructive.teachers.teacher import Teacher, as_teacher

Array = NDArray[np.float64]


def memorize(X: ArrayLike, y: Any, *, radius: float, teacher: Teacher | Network | None = None,
             recipe: str | Recipe = "clip", norm: float = math.inf, ramp: float | None = None,
             task: str | None = None, precision: str = "float64",
             rng: np.random.Generator | int | None = None) -> Student:
    """Return a student that gives label y_i on the whole ball of the radius round x_i, for every i.

    X (n, d) finite; y (n,): bool, integer and string labels are classes, floats are real values unless all
    are -1 or +1; ``task`` overrides. ``radius`` in [0, separation / 2), l_inf; for ``norm`` 1 or 2 the same
    boxes are built, which contain those balls, so the l_inf separation counts. ``teacher``: a network from d
    inputs to one score (K scores for K >= 3 classes), clamped to [-B, B] by the student; None is the zero
    network, "no opinion". ``recipe``: "clip" is exact bit for bit in float64 in any order of summation;
    "paper" is the published construction with error epsilon. ``rng`` is accepted for recipes that draw; these
    two do not.

    Size ("clip", two classes, m distinct data): nonzeros(teacher) + (6 d + 2) m + 15 and a few corrections,
    all in ``Student.size``. Raises TypeError or ValueError naming the argument, the rule, the value, and the
    pair of data that stands in the way. False statement to avoid: "robust everywhere"; off the balls nothing
    is promised beyond the teacher. Source: arXiv:2401.13624; the clip gate is ours.

    >>> student = memorize([[0.25], [0.75]], [0, 1], radius=0.125)
    >>> student.predict([[0.3], [0.8]]).tolist()
    [0, 1]
    """
    who = "memorize"
    points = as_points(X, who)
    labels = clean_labels(y, points.shape[0], who=who, task=task)
    size = as_number(radius, who, "radius", at_least=0.0, at_most=2.0**500)
    p = as_norm(norm, who)
    how = as_recipe(recipe, who)
    if precision != "float64":
        raise ValueError(f"{who}: precision={precision!r} is not available in this version; pass 'float64'")
    if rng is not None:
        np.random.default_rng(rng)  # a wrong kind is an error even where nothing is drawn
    if how.gate == "product" and labels.outputs > 1:
        raise ValueError(f"{who}: recipe={how.name!r} has one output, but y has {len(labels.classes or ())} "
                         "classes; use recipe='clip'")
    rows = distinct_data(points, labels, who)
    require_radius(points, labels, size, p, who)
    guide = _teacher(teacher, points.shape[1], labels, who)
    boxes = make_bumps(points, labels, rows, size, ramp, who=who, packed=how.gate == "product")
    amplitude = _amplitude(labels, guide, boxes, points, size, who)
    bumps: Bumps | None = boxes
    if how.patch:
        bumps = left_to_teacher(boxes, labels, guide, amplitude, absent=teacher is None, who=who)
    stored, given = np.array(points), np.array(y)
    stored.setflags(write=False)
    given.setflags(write=False)
    return Student(stored, given, labels, guide, bumps, p, size, how, amplitude, precision)


def _teacher(teacher: Teacher | Network | None, d: int, labels: Labels, who: str) -> Teacher:
    k = labels.outputs
    if teacher is None:
        return as_teacher(Network.build([(np.zeros((k, d)), np.zeros(k))]))
    guide = as_teacher(teacher)
    network = guide.to_network()
    if network.inputs != d or network.outputs != k:
        raise ValueError(f"{who}: teacher maps R^{network.inputs} to R^{network.outputs}, but the data need "
                         f"R^{d} to R^{k} ({labels.words})")
    if network.dtype != np.float64:
        raise ValueError(f"{who}: teacher is a {network.dtype} network; pass teacher.astype(numpy.float64)")
    return guide


def _amplitude(labels: Labels, guide: Teacher, bumps: Bumps, points: Array, radius: float, who: str) -> float:
    """Return B: 1 or the labels' bound for one output, the power of two above the teacher's range for K.

    Clamping scores below their range would damage the teacher's argmax, so B covers the data's bounding box
    widened by radius + ramp. Off that box the clamp may act; on the balls the labels hold whatever B is.
    """
    if labels.outputs == 1:
        return labels.bound
    margin = radius + bumps.ramp
    low, high = interval_bounds(guide.to_network(), points.min(axis=0)[None, :] - margin,
                                points.max(axis=0)[None, :] + margin)
    largest = float(max(np.abs(low).max(), np.abs(high).max()))
    if not largest <= 2.0**500:
        raise ValueError(f"{who}: teacher reaches {largest!r} over the data's bounding box widened by "
                         f"{margin!r}; scores must be bounded by 2**500: rescale the teacher's last layer")
    return power_of_two_above(largest)
