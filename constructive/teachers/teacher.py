"""A teacher: the network that a student follows off its bumps, with what is proved about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.domain import Region
from constructive.evidence import Bracket
from constructive.network import Network
from constructive.targets import Target

Array = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Written:
    """A network that is written out when it is asked for, once."""

    write: Callable[[], Network]
    kept: Network | None = None

    def __call__(self) -> Network:
        """Return the network."""
        if self.kept is None:
            self.kept = self.write()
        return self.kept


@dataclass(frozen=True, slots=True, eq=False)
class ErrorBudget:
    """Where a teacher's error comes from, each part a proved bound.

    ``construction``: polynomials against the target; ``gates``: product gates against products; ``representation``:
    numbers stored as doubles; ``evaluation``: rounding of a double-precision run, in any order of summation.
    """

    construction: float
    gates: float
    representation: float
    evaluation: float

    @property
    def total(self) -> float:
        """The real network against the target: all but the evaluation, rounded upward."""
        return (self.construction + self.gates + self.representation) * (1.0 + 2.0**-40)

    def __str__(self) -> str:
        return (f"construction {self.construction:.4g} + gates {self.gates:.2g} + representation "
                f"{self.representation:.1g}, evaluation {self.evaluation:.1g}")


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A network with its target, its stated uniform error, and its size by formula.

    ``network``: the network, or how to write it out when it is needed. ``error`` brackets sup |teacher - target| on
    the target's box as the construction's theorem states it, None without a target; it holds on ``region`` only
    where one is given, and ``budget`` says where it comes from. ``nonzeros`` is the formula; ``evaluate`` an
    evaluation (n, d) -> (n, m) that does not run the network, equal up to the stated gate error; ``statement`` says
    in words what the teacher is.
    """

    network: Network | Written
    statement: str
    nonzeros: int
    target: Target | None = None
    error: Bracket | None = None
    evaluate: Callable[[Array], Array] | None = None
    region: Region | None = None
    budget: ErrorBudget | None = None

    def __call__(self, x: ArrayLike) -> Array:
        """Return the teacher's scores at x (..., d), shape (..., m)."""
        points = np.asarray(x, dtype=np.float64)
        if self.evaluate is None:
            return np.asarray(self.to_network()(points), dtype=np.float64)
        scores = self.evaluate(points.reshape(-1, points.shape[-1]))
        return scores.reshape(*points.shape[:-1], scores.shape[1])

    def to_network(self) -> Network:
        """Return the teacher as a network."""
        return self.network() if isinstance(self.network, Written) else self.network


def as_teacher(model: Teacher | Network) -> Teacher:
    """Return a teacher as it is, or a network as a teacher without a target; TypeError for anything else."""
    if isinstance(model, Teacher):
        return model
    if isinstance(model, Network):
        return Teacher(model, "a given network", model.size.nonzeros)
    raise TypeError(f"teacher: must be a Teacher or a Network, got {type(model).__name__}")
