"""Robust test error: an exact rule for the student, and an error that no memorizer avoids."""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive.domain import outward_boxes
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Network
from constructive.students import Student, memorize, robust_verdicts, unavoidable
from constructive.teachers import as_teacher, range_on_boxes
from constructive.theorems import draws
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return classes in one to three dimensions with an affine teacher, test points and a perturbation."""
    dimension = int(rng.integers(1, 4)) if d is None else d
    instance = draws.data(rng, n=int(rng.integers(6, 24)), d=dimension, real=False, share=0.6)
    X, radius = instance["X"], instance["radius"]
    scale = float(np.ptp(X)) or 1.0
    points = rng.uniform(X.min() - 0.1 * scale, X.max() + 0.1 * scale, (200, dimension))
    near = X[rng.integers(len(X), size=200)] + rng.uniform(-4, 4, (200, dimension)) * radius
    truth = rng.choice((-1.0, 1.0), 400)
    points[:8], truth[:8] = X[np.arange(8) % len(X)], -instance["y"][np.arange(8) % len(X)]  # errors for certain
    return {**instance, "teacher": draws.teacher(rng, dimension, hidden=0),
            "points": np.concatenate([points, near]), "truth": truth,
            "delta": float(rng.uniform(0.1, 1.0)) * radius}


def student(X: Any, y: Any, radius: float, teacher: Network, **_: Any) -> Student:
    """Return the student itself, whose rule is under test."""
    return memorize(X, y, radius=radius, teacher=teacher)


def network(X: Any, y: Any, radius: float, teacher: Network, **_: Any) -> Network:
    """Return the student's network: the second claim holds for any memorizer."""
    return draws.student_network(X, y, radius, teacher)


def contradictions(model: Student, instance: Instance) -> Bracket:
    """Return how many verdicts of the rule are contradicted by the network's weights.

    A verdict "right on the ball" is contradicted by an evaluated wrong point; a verdict "wrong" by bounds of the
    written-out network that leave only the right answer on the ball.
    """
    points, truth, delta = instance["points"], instance["truth"], instance["delta"]
    verdicts = robust_verdicts(model, points, truth, delta)
    written = model.to_network()
    bounds = range_on_boxes(as_teacher(written), *outward_boxes(points, delta))
    surely_right = np.where(truth > 0, bounds[0][:, 0] > 0, bounds[1][:, 0] < 0)
    rng = np.random.default_rng(0)
    found_wrong = np.zeros(len(points), bool)
    for scale in (0.0, *[1.0 - 2.0**-30] * 40):
        step = rng.uniform(-1, 1, points.shape) if rng.random() < 0.5 else rng.choice((-1.0, 1.0), points.shape)
        found_wrong |= written(points + scale * delta * step)[:, 0] * truth <= -1e-9
    return exactly(int(((verdicts == 0) & found_wrong).sum() + ((verdicts == 1) & surely_right).sum()))


def escapes(model: Network, instance: Instance) -> Bracket:
    """Return at how many meeting points of a delta-ball and a training ball the network avoids the error.

    Where the rule says unavoidable, some datum with another label is within radius + delta; the point of the
    segment between them that lies in both balls must get the datum's label.
    """
    X, y, radius = instance["X"], np.asarray(instance["y"]), instance["radius"]
    points, truth, delta = instance["points"], instance["truth"], instance["delta"]
    met = np.flatnonzero(unavoidable(X, y, radius, points, truth, delta))
    escaped = 0
    for k in met:
        rivals = np.flatnonzero(y != truth[k])
        i = rivals[np.argmin(np.abs(X[rivals] - points[k]).max(axis=1))]
        offset = X[i] - points[k]
        if np.abs(offset).max() > (radius + delta) * (1 - 2.0**-30):
            continue  # the balls touch within rounding: no floating-point meeting point to evaluate
        # as far toward the datum as both balls allow
        meeting = X[i] - np.clip(offset, -radius * (1 - 2.0**-31), radius * (1 - 2.0**-31))
        escaped += bool(model(meeting)[0] * truth[k] > 0)
    return exactly(escaped)


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


def plant_rule(model: Student, instance: Instance, rng: np.random.Generator) -> Any:
    """Return a student whose rule and whose weights speak about opposite labels."""
    return _Mismatched(model)


class _Mismatched:
    """A student that reasons with its own boxes but writes out the network of the opposite labels."""

    def __init__(self, student: Student) -> None:
        self._student = student

    def __getattr__(self, name: str) -> Any:
        return getattr(self._student, name)

    def __call__(self, x: Any) -> Any:
        return self._student(x)

    def to_network(self) -> Network:
        """Return the network that memorizes the opposite labels after the opposite teacher."""
        flipped = memorize(self._student.X, -np.asarray(self._student.y), radius=self._student.radius,
                           teacher=-1.0 * self._student.teacher.to_network())
        return flipped.to_network()


def plant_network(model: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the teacher alone with its sign turned: no memorizer."""
    return -1.0 * model


_SOURCE = Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary")

RULE = Theorem(
    name="exact-robustness-rule",
    source=_SOURCE,
    statement="Where the teacher is right on the whole delta-ball, the student is wrong in it if and only if the ball "
              "comes within w / 2 in l_1 of a box with another label.",
    hypotheses=("two classes, supports disjoint", "teacher right on the ball"),
    claims=(Claim("verdicts contradicted by the weights", contradictions, zero, "0", "=="),),
    draw=draw, construct=student, plant=plant_rule, repeats=4,
    proof=(("a bump of 1/2 puts the envelope at 0", "students.robustness.interference"),),
)

UNAVOIDABLE = Theorem(
    name="unavoidable-robust-error",
    source=_SOURCE,
    statement="Every network right on the radius-balls of its data errs within delta of each point that lies within "
              "radius + delta of a datum with another label.",
    hypotheses=("two classes", "closed l_inf balls"),
    claims=(Claim("meeting points where the network avoids the error", escapes, zero, "0", "=="),),
    draw=draw, construct=network, plant=plant_network, repeats=6,
    proof=(("two closed balls that meet share a point", "theorems.generalization.escapes"),),
)
