"""The public questions: which points are robustly right, and what share of them is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_number, as_points
from constructive.certificates.attacks import input_gradient, reevaluate
from constructive.certificates.goals import goal_of
from constructive.evidence import Bracket
from constructive.interop import as_network
from constructive.labels import Labels, clean_labels
from constructive.network import Network
from constructive.risk.found import Found, Task, by_all, by_bounds, by_evaluation, nearest_rivals
from constructive.risk.kernels import measure_predictor, predictor_of
from constructive.risk.measurement import Measurement
from constructive.risk.routes import exact_rule_holds, measure_student, measure_with_rule
from constructive.students import NearestNeighbor, Student
from constructive.teachers.teacher import Teacher

Array = NDArray[np.float64]

_GRADIENT_WORK = 1 << 31
"""Nonzeros times points up to which gradients at the points themselves are looked at."""
_EXACT_WORK = 1 << 18
"""Nonzeros up to which a witness is evaluated again in rational arithmetic."""


def robust_error(model: Any, X: ArrayLike, y: Any, *, radius: float, norm: float = math.inf, budget: int = 64,
                 classes: Sequence[Any] | None = None, rng: np.random.Generator | int = 0) -> Bracket:
    """Return a bracket of the fraction of points whose closed ball holds a wrong answer of the model.

    ``model``: Network, Student, Teacher, NearestNeighbor, anything :func:`constructive.as_network` reads, or a
    predictor of ``constructive.tangent``, what trained it, or its estimator (ReluKernel, norm 2 or inf). X (n, d),
    y (n,) labels; a tie or a score of exactly 0 is wrong; real labels must be met exactly on the whole ball. Lower
    end: proved errors (a witness was evaluated, or the student's exact rule); upper end: points not proved right.
    ``budget``: boxes of branch and bound, or of a cover, for each point that bounds and attacks leave open.
    ``classes`` in the order of the model's outputs, where neither y nor the model shows all. Evidence ENCLOSED: the
    bracket holds for the program as executed; of kernel predictors, for the real function of their coefficients.
    Raises TypeError or ValueError for models and data that do not fit.
    """
    return _measured(model, X, y, radius, norm, budget, classes, rng, 0, False).error


def verdicts(model: Any, X: ArrayLike, y: Any, *, radius: float, norm: float = math.inf, budget: int = 64,
             classes: Sequence[Any] | None = None, rng: np.random.Generator | int = 0) -> NDArray[np.int8]:
    """Return the verdict on each point: 0 safe, 1 wrong, -1 unknown; arguments as for :func:`robust_error`."""
    return _measured(model, X, y, radius, norm, budget, classes, rng, 0, False).verdicts


def measure(model: Any, X: ArrayLike, y: Any, *, radius: float, norm: float = math.inf, budget: int = 64,
            classes: Sequence[Any] | None = None, rng: np.random.Generator | int = 0, exact: int = 8) -> Measurement:
    """Return the measurement behind :func:`robust_error`: verdicts, witnesses, who decided, gradients that vanish.

    ``exact``: number of witnesses that are evaluated again in rational arithmetic (networks of up to 2^18 nonzeros).
    Where the gradient of the margin at a point is exactly 0 this is reported: it says that gradient attacks cannot
    start there, not that the point is robust.
    """
    again = as_count(exact, "measure", "exact", at_least=0)
    return _measured(model, X, y, radius, norm, budget, classes, rng, again, True)


def _measured(model: Any, X: ArrayLike, y: Any, radius: float, norm: float, budget: int,
              classes: Sequence[Any] | None, rng: np.random.Generator | int, exact: int,
              gradients: bool) -> Measurement:
    who = "robust_error"
    size = as_number(radius, who, "radius", at_least=0.0)
    p = as_norm(norm, who)
    boxes = as_count(budget, who, "budget", at_least=1)
    model = getattr(model, "student_", model)  # the library's own estimators carry theirs
    if isinstance(model, NearestNeighbor):
        return _of_neighbors(model, X, y, size, p, gradients)
    predictor = predictor_of(model)
    if predictor is not None:
        return measure_predictor(predictor, X, y, size, p, boxes, _classes_of(model) if classes is None else classes,
                                 rng, who)
    if not isinstance(model, (Network, Student, Teacher)):
        classes = _classes_of(model) if classes is None else classes
        model = as_network(model)
    if isinstance(model, Student):
        classes = model.classes
    network = model if isinstance(model, Network) else None
    points = as_points(X, who, dimension=model.X.shape[1] if isinstance(model, Student) else
                       (network or model.to_network()).inputs)
    labels = clean_labels(y, points.shape[0], who=who, classes=classes)
    _fits(model, labels, who)
    task = Task(points, goal_of(labels), _guides(model, points, labels), size, p, boxes, np.random.default_rng(rng))
    found = Found.nothing(points)
    if size == 0.0:
        by_evaluation(found, task, as_network(model))
    elif isinstance(model, Student):
        (measure_with_rule if exact_rule_holds(model, p) else measure_student)(found, task, model, labels)
    else:
        written = as_network(model)
        by_bounds(found, task, written, model if isinstance(model, Teacher) else None)
        by_all(found, task, written)
    zero = _zero_gradients(as_network(model), task) if gradients else None
    return Measurement(found.verdicts, found.witnesses, tuple(found.decided.items()), zero,
                       _again(model, task, found, exact), size, p)


def _of_neighbors(model: NearestNeighbor, X: ArrayLike, y: Any, size: float, p: float,
                  witnessed: bool) -> Measurement:
    out = model.robust_verdicts(X, y, size, ball=p)
    decided = (("distances", int((out >= 0).sum())),)
    witnesses = model.attack(X, y, size, ball=p) if witnessed else np.full(np.shape(X), np.nan)
    return Measurement(out, witnesses, decided, None, (0, 0), size, p)


def _classes_of(model: Any) -> tuple[Any, ...] | None:
    """Return the classes a fitted estimator names, in the order of its outputs; None for regressors."""
    named = getattr(model, "classes_", None)
    return None if named is None else tuple(np.asarray(named).tolist())


def _fits(model: Network | Student | Teacher, labels: Labels, who: str) -> None:
    if isinstance(model, Student):
        if (model.classes is None) != (labels.classes is None) or model.labels.outputs != labels.outputs:
            raise ValueError(f"{who}: the student answers with {model.labels.words}, y holds {labels.words}")
        return
    outputs = as_network(model).outputs
    if outputs != labels.outputs:
        raise ValueError(f"{who}: the network has {outputs} outputs, {labels.words} need {labels.outputs}")


def _guides(model: Network | Student | Teacher, points: Array, labels: Labels) -> Array | None:
    """Return places worth stepping toward: the nearest data with other labels, of the student or among the points."""
    if labels.classes is None:
        return None
    if isinstance(model, Student):
        return nearest_rivals(points, labels.scores.astype(np.int64), model.X, model.labels.scores.astype(np.int64))
    index = labels.scores.astype(np.int64)
    return nearest_rivals(points, index, points, index)


def _zero_gradients(network: Network, task: Task) -> NDArray[np.bool_] | None:
    """Return where the gradient of every margin is exactly 0 at the point itself; None where that is too much work."""
    n = task.points.shape[0]
    if task.goal.kind == "value" or n * network.size.nonzeros > _GRADIENT_WORK:
        return None
    margins = task.goal.margins(network.outputs)
    zero = np.ones(n, bool)
    for k in range(margins.shape[1]):
        zero &= ~input_gradient(network, task.points, margins[:, k]).any(axis=1)
    return zero


def _again(model: Network | Student | Teacher, task: Task, found: Found, exact: int) -> tuple[int, int]:
    """Return how many witnesses were evaluated again in rational arithmetic, and how many of them stay wrong."""
    if exact == 0:
        return 0, 0
    network = as_network(model)
    rows = np.flatnonzero(~np.isnan(found.witnesses[:, 0]))[:exact]
    if network.size.nonzeros > _EXACT_WORK:
        return 0, 0
    wrong = sum(reevaluate(network, found.witnesses[i], task.goal.take(np.array([i]))).wrong for i in rows)
    return int(rows.size), wrong
