"""Measure a network as it is trained, and keep what stopping early would have kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_points
from constructive.certificates.goals import Goal, goal_of
from constructive.labels import Labels
from constructive.network import Network
from constructive.training.balls import Balls, ascended, class_labels, own_classes, stride_of
from constructive.training.history import History
from constructive.training.weights import Widths, flat, unflat

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """One data set whose errors are recorded."""

    name: str
    balls: Balls
    labels: Labels
    goal: Goal
    steps: int

    def errors(self, network: Network) -> tuple[float, float]:
        """Return the share of points answered wrong, and that of points with a wrong answer found in their ball."""
        wrong = self._wrong(network, self.balls.centers)
        stride = stride_of(None, self.balls.radius, self.steps, "train")
        theta, widths = flat(network)
        points = ascended(theta, widths, self.balls, own_classes(self.labels), self.steps, stride)
        return float(wrong.mean()), float((wrong | self._wrong(network, points)).mean())

    def _wrong(self, network: Network, points: Array) -> NDArray[np.bool_]:
        values = network(points)
        return ~self.goal.right(values, values)


def watch(balls: Balls, labels: Labels, validation: tuple[ArrayLike, Any] | None,
          test: tuple[ArrayLike, Any] | None, steps: int, who: str) -> tuple[Watched, ...]:
    """Return the data sets to record: training, then validation and test where given."""
    out = [Watched("training", balls, labels, goal_of(labels), steps)]
    for name, pair in (("validation", validation), ("test", test)):
        if pair is None:
            continue
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{who}: {name} must be a pair (X, y), got {type(pair).__name__}")
        rows = as_points(pair[0], who, f"X of {name}", dimension=balls.centers.shape[1])
        found = class_labels(pair[1], rows.shape[0], labels.classes, who)
        out.append(Watched(name, Balls.round(rows, balls.radius, balls.norm, who), found, goal_of(found), steps))
    return tuple(out)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The weights after a finished epoch, and the mean loss of that epoch."""

    epoch: int
    loss: float
    theta: Array


class Log:
    """What was measured so far. It may be interrupted anywhere and asked to record the last state afterwards."""

    def __init__(self, watched: tuple[Watched, ...], widths: Widths) -> None:
        self.names = tuple(w.name for w in watched)
        self.watched, self.widths = watched, widths
        self.rows: list[tuple[int, float, tuple[tuple[float, float], ...]]] = []
        self.best: State | None = None
        self.least = np.inf

    def record(self, state: State) -> None:
        """Measure the network of that state on all watched data, unless its epoch has been recorded."""
        if self.rows and self.rows[-1][0] == state.epoch:
            return
        network = unflat(state.theta, self.widths)
        errors = tuple(w.errors(network) for w in self.watched)
        if "validation" in self.names:
            found = errors[self.names.index("validation")][1]
            if found < self.least:
                self.least, self.best = found, state
        self.rows.append((state.epoch, state.loss, errors))

    def history(self) -> History:
        """Return what was recorded as arrays."""
        epochs, losses, errors = zip(*self.rows, strict=True)
        table = np.array(errors)
        return History(np.array(epochs, np.int64), np.array(losses), self.names, table[:, :, 0], table[:, :, 1])
