"""Balls that doubles never leave, random points of them, and projected gradient ascent inside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_number, as_points
from constructive.domain import inward_boxes
from constructive.labels import Labels, clean_labels
from constructive.network import Network
from constructive.training.weights import Widths, flat

Array = NDArray[np.float64]

_COLUMNS = 64
"""Points attacked at once: the activations of a few hundred units stay in cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Balls:
    """Closed balls of one radius round n centers, shrunk so that doubles inside lie in the real balls.

    l_inf: ``low`` and ``high`` (n, d). l_2: ``reach`` (n,), short of the radius by what rounding can add.
    """

    centers: Array
    low: Array
    high: Array
    reach: Array
    radius: float
    norm: float

    @staticmethod
    def round(centers: Array, radius: Any, norm: Any, who: str) -> Balls:
        """Return the balls; TypeError or ValueError unless radius >= 0 is finite and norm is 2 or infinity."""
        size, p = as_number(radius, who, "radius", at_least=0.0), as_norm(norm, who)
        if p == 1.0:
            raise ValueError(f"{who}: norm=1 has no ascent here; pass norm=inf or norm=2")
        low, high = inward_boxes(centers, size)
        # A length is off by d + 3 roundings, a point by one of |center| + reach: twice that is taken off.
        unit, d = 2.0**-52, centers.shape[1]
        reach = size * (1.0 - (d + 16) * unit) - unit * np.linalg.norm(centers, axis=1)
        return Balls(centers, low, high, np.maximum(reach, 0.0), size, p)

    def draw(self, rng: np.random.Generator) -> Array:
        """Return one uniform point of each ball, (n, d)."""
        if self.radius == 0.0:
            return self.centers
        if self.norm == math.inf:
            return np.clip(self.low + (self.high - self.low) * rng.random(self.centers.shape), self.low, self.high)
        direction = rng.normal(size=self.centers.shape)
        length = self.reach * rng.random(self.reach.size) ** (1.0 / self.centers.shape[1])
        scale = length / np.maximum(np.linalg.norm(direction, axis=1), np.finfo(float).tiny)
        return self.centers + direction * scale[:, None]


def adversarial_points(network: Network, X: ArrayLike, y: Any, *, radius: float, norm: float = math.inf,
                       steps: int = 20, step: float | None = None, classes: Sequence[Any] | None = None) -> Array:
    """Return, for each point, where in its ball projected gradient ascent from the center saw the least margin, (n, d).

    X (n, d), y (n,) classes. Every returned row lies in the closed real l_inf or l_2 ball of its point. The weights are
    read as dense matrices: for small networks. Whether the answers there are wrong is for ``network(rows)`` to say;
    right answers prove nothing. :func:`~constructive.certificates.attacks.attack` searches in more ways.
    Raises TypeError or ValueError for arguments that do not fit.

    >>> ramp = Network.build([([[1.0]], [-0.5])])
    >>> adversarial_points(ramp, [[0.75]], [1], radius=0.25, classes=(0, 1)).tolist()
    [[0.5]]
    """
    who = "adversarial_points"
    if not isinstance(network, Network):
        raise TypeError(f"{who}: network must be a Network, got {type(network).__name__}; convert it first")
    points = as_points(X, who, dimension=network.inputs)
    labels = class_labels(y, points.shape[0], classes, who)
    if network.outputs != labels.outputs:
        raise ValueError(f"{who}: the network has {network.outputs} outputs, {labels.words} need {labels.outputs}")
    balls, turns = Balls.round(points, radius, norm, who), as_count(steps, who, "steps")
    return ascended(*flat(network), balls, own_classes(labels), turns, stride_of(step, balls.radius, turns, who))


def ascended(theta: Array, widths: Widths, balls: Balls, own: Widths, steps: int,
              step: float) -> Array:
    """Return where ascents from the centers saw the least margins, (n, d); the centers where the radius is 0."""
    from constructive._kernels import in_blocks
    from constructive._kernels.training import ascend
    out = balls.centers.copy()
    if balls.radius > 0.0 and steps:
        in_blocks(own.size, _COLUMNS, lambda begin, end: ascend(
            theta, widths, balls.centers, balls.centers, balls.low, balls.high, balls.reach, own, steps, step,
            balls.norm == 2.0, begin, end, out))
    return out


def class_labels(y: Any, n: int, classes: Sequence[Any] | None, who: str) -> Labels:
    """Return the clean labels of n points; ValueError for real labels."""
    labels = clean_labels(y, n, who=who, classes=classes)
    if labels.classes is None:
        raise ValueError(f"{who}: y holds real numbers, but cross-entropy needs classes; pass integers, strings, or "
                         "classes=...")
    return labels


def own_classes(labels: Labels) -> Widths:
    """Return what the kernels take: class numbers, or for one output 1 for + and 0 for -."""
    return labels.index if labels.outputs > 1 else (labels.scores > 0.0).astype(np.int64)


def stride_of(step: Any, radius: float, steps: int, who: str) -> float:
    """Return the length of a step of an ascent: as given, else 2.5 radius / steps, so that it can cross the ball."""
    if step is None:
        return 2.5 * radius / max(steps, 1)
    return as_number(step, who, "step", above=0.0)
