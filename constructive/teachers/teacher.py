"""A teacher: the network that a student follows off its bumps, with what is proved about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.evidence import Bracket
from constructive.network import Network
from constructive.targets import Target

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """A network with its target, its stated uniform error, and its size by formula.

    ``error`` brackets sup |teacher - target| on the target's box as the construction's theorem states it, None
    without a target; ``nonzeros`` is the formula; ``evaluate`` an evaluation that does not run the network, equal
    up to the stated gate error; ``statement`` says in words what the teacher is.
    """

    network: Network
    statement: str
    nonzeros: int
    target: Target | None = None
    error: Bracket | None = None
    evaluate: Callable[[Array], Array] | None = None

    def __call__(self, x: ArrayLike) -> Array:
        """Return the teacher's scores at x (..., d), shape (..., m)."""
        points = np.asarray(x, dtype=np.float64)
        if self.evaluate is None:
            return np.asarray(self.network(points), dtype=np.float64)
        rows = points.reshape(-1, self.network.inputs)
        return self.evaluate(rows).reshape(*points.shape[:-1], self.network.outputs)

    def to_network(self) -> Network:
        """Return the teacher as a network."""
        return self.network


def as_teacher(model: Teacher | Network) -> Teacher:
    """Return a teacher as it is, or a network as a teacher without a target; TypeError for anything else."""
    if isinstance(model, Teacher):
        return model
    if isinstance(model, Network):
        return Teacher(model, "a given network", model.size.nonzeros)
    raise TypeError(f"teacher: must be a Teacher or a Network, got {type(model).__name__}")
