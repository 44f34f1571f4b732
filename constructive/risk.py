"""Robust error of any model on given points, from both sides: attacks below, certificates above.

Data flow: the model decides the route. A two-class student has an exact rule for each point; the nearest-neighbor
rule has half-distances; any network has affine and interval bounds above and evaluated points below. The gradient
of a memorizer is exactly 0 at its data, so attacks that follow gradients see nothing there: the evaluated points
are corners, seeded draws, and steps toward the points of other classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from constructive._checks import as_count, as_norm, as_number, as_points
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.goals import goal_of
from constructive.certificates.structural import structural_bounds
from constructive.domain import outward_boxes
from constructive.evidence import Bracket
from constructive.labels import Labels, clean_labels
from constructive.network import Network
from constructive.populations import sample_bracket
from constructive.students import NearestNeighbor, Student
from constructive.students.robustness import robust_verdicts
from constructive.teachers.ranges import range_on_boxes
from constructive.teachers.teacher import Teacher, as_teacher

Array = NDArray[np.float64]


def robust_error(model: Network | Student | Teacher | NearestNeighbor, X: ArrayLike, y: Any, *, radius: float,
                 norm: float = math.inf, budget: int = 32, classes: Sequence[Any] | None = None,
                 rng: np.random.Generator | int = 0) -> Bracket:
    """Return a bracket of the fraction of points whose closed ball holds a wrong answer of the model.

    X (n, d), y (n,) labels; a tie or a score of exactly 0 is wrong. Lower end: proved errors (a witness was
    evaluated, or the student's exact rule); upper end: points not proved safe. ``budget``: points tried in each
    ball of a general network. ``classes`` in the order of the model's outputs, where y does not show all.
    For l_1 and l_2 balls of a network the bounds are those of the l_inf ball around them. Real labels: the model
    must return the label exactly on the whole ball. Evidence ENCLOSED.
    Raises TypeError or ValueError for models and data that do not fit.
    """
    return sample_bracket(verdicts(model, X, y, radius=radius, norm=norm, budget=budget, classes=classes, rng=rng))


def verdicts(model: Network | Student | Teacher | NearestNeighbor, X: ArrayLike, y: Any, *, radius: float,
             norm: float = math.inf, budget: int = 32, classes: Sequence[Any] | None = None,
             rng: np.random.Generator | int = 0) -> NDArray[np.int8]:
    """Return the verdict on each point: 0 safe, 1 wrong, -1 unknown; arguments as for :func:`robust_error`."""
    who = "robust_error"
    size = as_number(radius, who, "radius", at_least=0.0)
    p = as_norm(norm, who)
    tries = as_count(budget, who, "budget", at_least=1)
    if isinstance(model, NearestNeighbor):
        if model.norm != p:
            raise ValueError(f"{who}: the nearest-neighbor rule uses norm {model.norm}, asked for {p}")
        return model.robust_verdicts(X, y, size)
    if isinstance(model, Student):
        if p == math.inf and model.recipe.gate == "clip" and model.classes is not None and model.labels.outputs == 1:
            return _student_verdicts(model, as_points(X, who, dimension=model.X.shape[1]), y, size)
        points = as_points(X, who, dimension=model.X.shape[1])
        labels = clean_labels(y, points.shape[0], who=who, classes=model.classes if classes is None else classes)
        return _verdicts_by_parts(model, points, labels, size, p, tries, np.random.default_rng(rng))
    guide = model if isinstance(model, Teacher) else None
    if isinstance(model, Teacher):
        model = model.to_network()
    if not isinstance(model, Network):
        raise TypeError(f"{who}: model must be a Network, Student, Teacher or NearestNeighbor, got "
                        f"{type(model).__name__}; convert it to a Network first")
    points = as_points(X, who, dimension=model.inputs)
    labels = clean_labels(y, points.shape[0], who=who, classes=classes)
    if model.outputs != labels.outputs:
        raise ValueError(f"{who}: the network has {model.outputs} outputs, {labels.words} need {labels.outputs}")
    return _network_verdicts(model, guide, points, labels, size, p, tries, np.random.default_rng(rng))


def _student_verdicts(student: Student, points: Array, y: Any, size: float) -> NDArray[np.int8]:
    """Return the exact rule's verdicts; where it is silent, those of the written-out network's bump structure.

    The rule needs the teacher right on the ball; inside a memorized box the weights decide without the teacher.
    """
    low, high = outward_boxes(points, size)
    below, above = range_on_boxes(student.teacher, low, high)
    out = robust_verdicts(student, points, y, size, (below[:, 0], above[:, 0]))
    rest = np.flatnonzero(out < 0)
    bounds = structural_bounds(student.to_network(), low[rest], high[rest]) if rest.size else None
    if bounds is not None:
        goal = goal_of(clean_labels(y, points.shape[0], who="robust_error", classes=student.classes))
        out[rest[goal.take(rest).right(*bounds)]] = 0
    return out


def _verdicts_by_parts(student: Student, points: Array, labels: Labels, size: float, p: float, tries: int,
                       rng: np.random.Generator) -> NDArray[np.int8]:
    """Return verdicts on any student: its teacher's where no bump reaches the ball, else the written-out network's.

    Away from all supports a gate returns the teacher, clipped and rounded: a right answer must be ahead by 2^-40 of
    the amplitude (2^-16 in float32), and for several classes the clip must not act.
    """
    network, b, goal = student.to_network(), student.amplitude, goal_of(labels)
    low, high = outward_boxes(points, size)
    out = np.full(points.shape[0], -1, np.int8)
    far = ~student.reached(low, high)
    if student.recipe.gate != "product" and far.any():
        rows = np.flatnonzero(far)
        below, above = range_on_boxes(student.teacher, low[rows], high[rows]) if student.precision == "float64" else (
            interval_bounds(student.teacher.to_network(), low[rows], high[rows]))
        margin = b * (2.0**-40 if student.precision == "float64" else 2.0**-16)
        safe = goal.take(rows).right(below - margin, above + margin)
        if labels.outputs > 1 and student.recipe.gate == "clip":
            safe &= np.maximum(np.abs(below), np.abs(above)).max(axis=1) <= b
        out[rows[safe]] = 0
    rest = np.flatnonzero(out < 0) if student.recipe.gate == "product" else np.flatnonzero((out < 0) & ~far)
    for bounds in (structural_bounds, _affine_or_none):
        found = bounds(network, low[rest], high[rest]) if rest.size else None
        if found is not None:
            out[rest[goal.take(rest).right(*found)]] = 0
            rest = rest[out[rest] < 0]
    rest = np.flatnonzero(out < 0)
    for candidates in _attacks(points, labels, rest, size, p, tries, rng):
        values = student(candidates)
        doubtful = np.flatnonzero(~goal.take(rest).right(values, values) & (out[rest] < 0))
        if doubtful.size:  # the network has the last word
            values = np.asarray(network(candidates[doubtful]), np.float64)
            out[rest[doubtful[~goal.take(rest[doubtful]).right(values, values)]]] = 1
    return out


_AFFINE_WORK = 1 << 28
"""Units times boxes up to which first-order bounds of a written-out student are tried."""


def _affine_or_none(network: Network, low: Array, high: Array) -> tuple[Array, Array] | None:
    if network.dtype != np.float64 or low.shape[0] * network.size.units * network.inputs > _AFFINE_WORK:
        return None
    return range_on_boxes(as_teacher(network), low, high)


def _network_verdicts(network: Network, guide: Teacher | None, points: Array, labels: Labels, size: float,
                      p: float, tries: int, rng: np.random.Generator) -> NDArray[np.int8]:
    low, high = outward_boxes(points, size)
    out = np.full(points.shape[0], -1, np.int8)
    if network.dtype == np.float64:
        bounds = range_on_boxes(guide or as_teacher(network), low, high)
    else:
        bounds = interval_bounds(network, low, high)
    goal = goal_of(labels)
    out[goal.right(*bounds)] = 0
    rest = np.flatnonzero(out < 0)
    for candidates in _attacks(points, labels, rest, size, p, tries, rng):
        values = np.asarray(network(candidates), np.float64)
        out[rest[~goal.take(rest).right(values, values)]] = 1
    return out


def _attacks(points: Array, labels: Labels, rest: NDArray[np.int64], size: float, p: float, tries: int,
             rng: np.random.Generator) -> Any:
    """Yield candidate points for the open rows: centers, steps toward other classes, corners, draws."""
    if rest.size == 0:
        return
    centers, inner, d = points[rest], size * (1 - 2.0**-40), points.shape[1]
    yield centers
    if size == 0.0:
        return
    for c in np.unique(labels.scores):
        others = points[labels.scores == c]
        k = min(2, others.shape[0])
        near = cKDTree(others).query(centers, k=k)[1].reshape(rest.size, k)
        for column in near.T:
            yield centers + _shortened(others[column] - centers, inner, p)
    for _ in range(tries):
        direction = rng.choice((-1.0, 1.0), (rest.size, d))
        if rng.random() < 0.5:
            direction = direction * rng.random((rest.size, d))
        yield centers + _shortened(direction * 2 * size, inner, p)


def _shortened(offset: Array, inner: float, p: float) -> Array:
    if p == math.inf:
        return np.clip(offset, -inner, inner)
    length = np.linalg.norm(offset, ord=p, axis=1, keepdims=True)
    return offset * np.minimum(1.0, inner / np.maximum(length, np.finfo(float).tiny))
