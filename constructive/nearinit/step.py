"""What a step polynomial must do: near 1 on a cap's own inner products, near 0 on those of the other caps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.nearinit.geometry import Caps

Array = NDArray[np.float64]
Direction = Literal["anchor", "constant"]
"""Whether weights point along the data, p(t) = t q(t), or all along one constant coordinate."""

DIRECTIONS: tuple[Direction, ...] = ("anchor", "constant")


@dataclass(frozen=True, slots=True, eq=False)
class StepTask:
    """|p(t) - 1| <= own_error on [own, 1] and |p(t)| <= foreign_error on [least, foreign]; any values between.

    -1 <= least <= foreign < own <= 1. If p solves it for caps and labels as :func:`step_task` sets it, the sum of
    y_i p(<x_i, x>) is within the asked error of y_i on the whole cap i.
    """

    own: float
    foreign: float
    least: float = -1.0
    own_error: float = 0.05
    foreign_error: float = 0.05

    def __post_init__(self) -> None:
        who = "StepTask"
        as_number(self.own, who, "own", at_most=1.0)
        as_number(self.foreign, who, "foreign", below=self.own)
        as_number(self.least, who, "least", at_least=-1.0, at_most=self.foreign)
        as_number(self.own_error, who, "own_error", above=0.0)
        as_number(self.foreign_error, who, "foreign_error", above=0.0)

    @property
    def own_angle(self) -> float:
        """An angle at least acos(own), by a few roundings: cosines of smaller angles cover [own, 1]."""
        return math.acos(self.own) * (1.0 + 2.0**-51) if self.own < 1.0 else 0.0

    @property
    def foreign_angle(self) -> float:
        """An angle at most acos(foreign), by a few roundings: cosines of larger angles cover [-1, foreign]."""
        return math.acos(self.foreign) * (1.0 - 2.0**-51)

    @property
    def window(self) -> float:
        """The angle between the two sets, foreign_angle - own_angle: at least distance - 2 radius of the caps."""
        return self.foreign_angle - self.own_angle

    def points(self, count: int) -> tuple[Array, Array]:
        """Return ``count`` points of [own, 1] and of [least, foreign], equally spaced in angle, ends included."""
        k = as_count(count, "StepTask.points", "count", at_least=2)
        near = np.clip(np.cos(np.linspace(0.0, math.acos(self.own), k)), self.own, 1.0)
        far = np.clip(np.cos(np.linspace(math.acos(self.foreign), math.acos(self.least), k)), self.least, self.foreign)
        near[[0, -1]], far[[0, -1]] = (1.0, self.own), (self.foreign, self.least)
        return near, far


class Step(Protocol):
    """A solution of a task: called on inner products of any shape; ``certified`` bounds both errors, proved."""

    @property
    def task(self) -> StepTask:
        """The task."""
        ...

    @property
    def certified(self) -> tuple[float, float]:
        """Proved bounds of |p - 1| on [own, 1] and |p| on [least, foreign]; p's own rounding is inside."""
        ...

    def __call__(self, t: ArrayLike, /) -> Array:
        """Return p(t)."""
        ...


def step_task(caps: Caps, error: float, labels: ArrayLike | None = None) -> StepTask:
    """Return the task for n caps whose solution fits labels |y_i| <= 1 within ``error`` on every cap.

    own_error = error / 2, foreign_error = error / (2n). With ``labels`` (n,) of any size: own_error
    = error / (2 max |y|), foreign_error = error / (2 sum |y|), which is the same or less strict for |y| <= 1.
    Inner products come from the caps, so points must be on them to rounding. Raises ValueError for labels of a wrong
    shape, not finite, or all zero.

    >>> from constructive.nearinit import caps
    >>> step_task(caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.5), error=0.2).foreign_error
    0.05
    """
    who = "step_task"
    total = as_number(error, who, "error", above=0.0)
    largest, everything = 1.0, float(caps.n)
    if labels is not None:
        y = np.abs(np.asarray(labels, dtype=np.float64))
        if y.shape != (caps.n,) or not np.isfinite(y).all() or y.max() == 0.0:
            raise ValueError(f"{who}: labels must be {caps.n} finite numbers, not all zero, got shape {y.shape}")
        largest, everything = float(y.max()), float(y.sum())
    return StepTask(caps.own, caps.foreign, caps.least, total / (2.0 * largest), total / (2.0 * everything))


def separated_task(distance: float, radius: float, *, own_error: float, foreign_error: float) -> StepTask:
    """Return the task for any caps of that radius, centers at least ``distance`` apart, in any dimension.

    own = 1 - radius^2 / 2, foreign = 1 - (distance - radius)^2 / 2, least = -1; own - foreign
    = distance (distance - 2 radius) / 2. Needs 0 <= radius < distance / 2, distance <= 2.

    >>> separated_task(1.0, 0.25, own_error=0.05, foreign_error=0.0025).foreign
    0.71875
    """
    who = "separated_task"
    apart = as_number(distance, who, "distance", above=0.0, at_most=2.0)
    size = as_number(radius, who, "radius", at_least=0.0, below=apart / 2.0)
    return StepTask(1.0 - size * size / 2.0, 1.0 - (apart - size) ** 2 / 2.0, -1.0, own_error, foreign_error)


def measured_errors(step: Step, count: int = 4000) -> tuple[float, float]:
    """Return the largest |p - 1| and |p| met at ``count`` points of each set: below the truth, and below certified."""
    near, far = step.task.points(count)
    return float(np.abs(step(near) - 1.0).max()), float(np.abs(step(far)).max())
