"""Projected gradient ascent against kernel predictors: points in balls whose margins are as small as it can find.

Margins: y f(x) for one output and labels y = -1, +1; f_y - max of the others for C >= 2 outputs, labels 0, ..., C - 1.
A margin <= 0 is an error, so ties are errors. Every point lies in its ball and box exactly, as real numbers: what is
found is a witness, up to the rounding of f alone. Gradients pass through x only: the coefficients do not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_number, as_points
from constructive.domain import Box, inward_boxes
from constructive.tangent.matrices import UNIT, as_columns
from constructive.tangent.predictor import KernelPredictor

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Loss = Literal["squared", "margin"]
LENGTH = 2.5  # radii that all steps together could go: enough to cross the ball
LEAST = 1e-140  # l_2 radii below it, whose squares underflow, are not attacked


@dataclass(frozen=True, slots=True, eq=False)
class KernelAttack:
    """The worst points found: ``points`` (n, d) in the balls of ``radius`` around the data, with ``margins`` (n,).

    ``clean`` (n,) are the margins of the data themselves, never below ``margins``. ``norm`` is 2 or inf.
    """

    points: Array
    margins: Array
    clean: Array
    radius: float
    norm: float

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether the margin found is <= 0, (n,)."""
        return self.margins <= 0.0

    @property
    def error(self) -> float:
        """The part of the points with a margin <= 0: at most the robust error, up to rounding of f."""
        return float(self.wrong.mean())


def kernel_attack(predictor: KernelPredictor, X: ArrayLike, y: ArrayLike, radius: float, *,
                  norm: float | str = math.inf, box: Box | None = None, steps: int = 20, starts: int = 2,
                  losses: Sequence[Loss] = ("squared", "margin"), before: KernelAttack | None = None,
                  rng: Any = None) -> KernelAttack:
    """Return the points of least margin over all iterates of runs from the data and ``starts`` drawn points, each loss.

    X (n, d); y (n,) as in the module; ``norm`` 2 or inf; ``steps`` of length 2.5 radius / steps along the sign of the
    gradient, or along the gradient for norm 2; starts drawn uniformly from the ball. The run from the data ends in the
    best point of a linear f at once, the others turn toward it only by a factor exp(-2.5) in angle for norm 2; but at
    training points the tangent kernel has a cone. The squared loss alone is blind where f is near its target.
    ``before``, an attack on the same X with a smaller or equal radius, hands its points and margins on, so that errors
    never fall as the radius grows.

    Raises ValueError for labels of another kind, data outside the box, or ``before`` outside the balls.

    >>> from constructive.tangent import ReluKernel
    >>> f = KernelPredictor(ReluKernel(1), np.array([[1.0]]), np.array([[0.5]]))
    >>> kernel_attack(f, [[1.0]], [1], 0.5, rng=0).points
    array([[0.5]])
    """
    who = "kernel_attack"
    points, ball = _setting(predictor, X, radius, norm, box, who)
    labels = as_labels(y, points.shape[0], predictor.coefficients.shape[1], who)
    steps, starts = as_count(steps, who, "steps", at_least=1), as_count(starts, who, "starts")
    unknown = [loss for loss in losses if loss not in ("squared", "margin")]
    if unknown:
        raise ValueError(f"{who}: losses must be 'squared' or 'margin', got {unknown[0]!r}")
    generator = np.random.default_rng(rng)
    clean = margins_of(predictor(points), labels)
    found = _Incumbent(points.copy(), clean.copy())
    if before is not None:
        if before.points.shape != points.shape or before.norm != ball.norm or not ball.holds(before.points):
            raise ValueError(f"{who}: before must be an attack on the same X with the same norm and at most the radius "
                             f"{ball.radius!r}, got radius {before.radius!r}, norm {before.norm!r}")
        found.offer(before.points, before.margins)
    fresh = [(loss, points if k == 0 else ball.drawn(generator)) for loss in losses for k in range(starts + 1)]
    warm = [(loss, before.points) for loss in losses] if before is not None else []
    for loss, start in fresh + warm:
        x = start
        for _ in range(steps):
            values = predictor(x)
            found.offer(x, margins_of(values, labels))
            x = ball.stepped(x, predictor.gradient(x, _ascent(values, labels, loss)), LENGTH * ball.radius / steps)
        found.offer(x, margins_of(predictor(x), labels))
    return KernelAttack(found.points, found.margins, clean, ball.radius, ball.norm)


def last_iterate(predictor: KernelPredictor, X: ArrayLike, targets: ArrayLike, radius: float, *,
                 norm: float | str = math.inf, box: Box | None = None, steps: int = 10, rng: Any = None,
                 random_start: bool = True) -> Array:
    """Return the last of ``steps`` steps up the squared loss |f(x) - target|^2 in each ball, (n, d).

    targets (n,) or (n, C), any numbers. What adversarial training asks for; :func:`kernel_attack` measures. Without
    ``random_start`` the data themselves are the start. Raises ValueError as :func:`kernel_attack`.
    """
    who = "last_iterate"
    points, ball = _setting(predictor, X, radius, norm, box, who)
    goal, _ = as_columns(targets, points.shape[0], who, "targets")
    if goal.shape[1] != predictor.coefficients.shape[1]:
        raise ValueError(f"{who}: targets must have {predictor.coefficients.shape[1]} columns, got {goal.shape[1]}")
    steps = as_count(steps, who, "steps", at_least=1)
    x = ball.drawn(np.random.default_rng(rng)) if random_start else points
    for _ in range(steps):
        x = ball.stepped(x, predictor.gradient(x, predictor(x) - goal), LENGTH * ball.radius / steps)
    return x


def as_labels(y: ArrayLike, n: int, outputs: int, who: str) -> Labels:
    """Return labels (n,) as integers: -1 and +1 for one output, 0, ..., C - 1 for C >= 2; ValueError for others."""
    raw = np.asarray(y)
    if raw.shape != (n,):
        raise ValueError(f"{who}: y must have shape ({n},), one label for each row of X, got {raw.shape}")
    allowed = (-1, 1) if outputs == 1 else tuple(range(outputs))
    good = np.isin(raw, allowed)
    if not good.all():
        i = int(np.argmin(good))
        rule = "-1 or +1 for one output" if outputs == 1 else f"0, ..., {outputs - 1} for {outputs} outputs"
        raise ValueError(f"{who}: y[{i}]={raw[i]!r} must be {rule}")
    return raw.astype(np.int64)


def margins_of(values: Array, labels: Labels) -> Array:
    """Return the margins (n,) of outputs (n, C): y f, or f_y less the largest of the others."""
    if values.shape[1] == 1:
        return np.asarray(labels * values[:, 0])
    rows = np.arange(labels.size)
    others = values.copy()
    others[rows, labels] = -np.inf
    return np.asarray(values[rows, labels] - others.max(axis=1))


def _ascent(values: Array, labels: Labels, loss: Loss) -> Array:
    """Return weights (n, C) of the outputs whose weighted sum has the gradient of the loss."""
    rows, single = np.arange(labels.size), values.shape[1] == 1
    if loss == "squared":
        target = labels[:, None].astype(np.float64) if single else np.eye(values.shape[1])[labels]
        return values - target
    if single:
        return -labels[:, None].astype(np.float64)
    others = values.copy()
    others[rows, labels] = -np.inf
    weights = np.zeros_like(values)
    weights[rows, np.argmax(others, axis=1)] = 1.0
    weights[rows, labels] = -1.0
    return weights


class _Incumbent:
    """The points of least margin so far."""

    def __init__(self, points: Array, margins: Array) -> None:
        self.points, self.margins = points, margins

    def offer(self, points: Array, margins: Array) -> None:
        better = margins < self.margins
        self.points[better], self.margins[better] = points[better], margins[better]


@dataclass(frozen=True, slots=True, eq=False)
class _Ball:
    """Balls around points, cut with a box: lower and upper (n, d) contain them, reach (n,) is what l_2 may use."""

    centers: Array
    radius: float
    norm: float
    lower: Array
    upper: Array
    reach: Array

    def drawn(self, rng: np.random.Generator) -> Array:
        """Return a uniform point of each ball, brought into the box."""
        n, d = self.centers.shape
        if math.isinf(self.norm):
            return self.inside(self.centers + rng.uniform(-self.radius, self.radius, (n, d)))
        way = rng.normal(size=(n, d))
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), np.finfo(float).tiny)
        return self.inside(self.centers + self.radius * rng.random((n, 1)) ** (1.0 / d) * way)

    def stepped(self, x: Array, gradient: Array, length: float) -> Array:
        """Return the points one step along the gradient; those without one stay."""
        if math.isinf(self.norm):
            return self.inside(x + length * np.sign(gradient))
        sizes = np.linalg.norm(gradient, axis=1, keepdims=True)
        way = np.divide(gradient, sizes, out=np.zeros_like(gradient), where=sizes > 0.0)
        return self.inside(x + length * way)

    def inside(self, x: Array) -> Array:
        """Return the points brought into ball, first, and box: the box holds the center, so both then hold them."""
        if not math.isinf(self.norm):
            way = x - self.centers
            sizes = np.linalg.norm(way, axis=1)
            far = sizes > self.reach
            shrink = np.divide(self.reach, sizes, out=np.ones_like(sizes), where=far)
            x = np.where(far[:, None], self.centers + shrink[:, None] * way, x)
        return np.asarray(np.clip(x, self.lower, self.upper))

    def holds(self, x: Array) -> bool:
        """Return whether all points are in box and ball; for norm 2 the computed distance may round up."""
        room = self.radius * (1.0 + (x.shape[1] + 8) * UNIT)
        near = math.isinf(self.norm) or bool((np.linalg.norm(x - self.centers, axis=1) <= room).all())
        return near and bool(((self.lower <= x) & (x <= self.upper)).all())


def _setting(predictor: KernelPredictor, X: ArrayLike, radius: float, norm: float | str, box: Box | None,
             who: str) -> tuple[Array, _Ball]:
    points = as_points(X, who, dimension=predictor.X.shape[1])
    size, kind = as_number(radius, who, "radius", at_least=0.0), as_ball_norm(norm, who)
    if math.isinf(kind):
        low, high = inward_boxes(points, size)
        reach = np.full(points.shape[0], size)
    else:
        low, high = np.full_like(points, -np.inf), np.full_like(points, np.inf)
        # room for rounding of the length, and of center + way: below u (|center| + radius) in l_2
        spare = (points.shape[1] + 16) * UNIT * size + 4.0 * UNIT * (np.linalg.norm(points, axis=1) + size)
        reach = size - spare
        stuck = (reach <= 0.0) | (size < LEAST)
        low[stuck], high[stuck] = points[stuck], points[stuck]
        reach = np.maximum(reach, 0.0)
    if box is not None:
        if box.dimension != points.shape[1]:
            raise ValueError(f"{who}: box has dimension {box.dimension}, X has {points.shape[1]} columns")
        outside = ((points < box.lower) | (points > box.upper)).any(axis=1)
        if outside.any():
            raise ValueError(f"{who}: X[{int(np.argmax(outside))}] lies outside the box; take a larger box or clip X")
        low, high = np.maximum(low, box.lower), np.minimum(high, box.upper)
    return points, _Ball(points, size, kind, low, high, reach)


def as_ball_norm(norm: float | str, who: str) -> float:
    """Return 2 or inf; ValueError for other norms."""
    kind = as_norm(norm, who)
    if kind == 1.0:
        raise ValueError(f"{who}: norm={norm!r} must be 2 or inf")
    return kind
