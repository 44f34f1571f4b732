"""What a gate is given: the bumps, the teacher, and the numbers that weigh one against the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from constructive.labels import Labels
from constructive.network import Network

if TYPE_CHECKING:
    from constructive.students.balls import BallBumps
    from constructive.students.boxes import Bumps

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """``bound`` is B; ``push`` the weight of a bump where bumps are added to the teacher; ``levels`` of a product."""

    gate: str
    bumps: Bumps | BallBumps
    labels: Labels
    teacher: Network
    bound: float
    push: float
    levels: int

    @property
    def hidden(self) -> int:
        """Number of the teacher's hidden layers."""
        return self.teacher.depth - 1

    def votes(self) -> Array:
        """Return (K, m): the row in which each bump counts, or one row of signs for two classes."""
        if self.labels.outputs == 1:
            return self.bumps.scores[None, :]
        return np.equal.outer(np.arange(self.labels.outputs), self.bumps.index).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The positive bumps at n points: ``which`` point, which ``bump``, its ``height`` in (0, 1]."""

    points: int
    which: NDArray[np.int64]
    bump: NDArray[np.int64]
    height: Array

    def total(self, weights: Array) -> Array:
        """Return sum weights[bump] * height at each point, shape (n,)."""
        return np.bincount(self.which, weights[self.bump] * self.height, self.points).astype(np.float64)

    def by_class(self, index: NDArray[np.int64], k: int) -> Array:
        """Return the sum of the bumps of each class at each point, shape (n, K)."""
        cells = self.which * k + index[self.bump]
        return np.bincount(cells, self.height, self.points * k).reshape(self.points, k).astype(np.float64)

    def limited(self, scores: Array) -> tuple[NDArray[np.int64], Array, Array]:
        """Return point, score and mass: bumps with one score added up at each point, at most 1."""
        values, group = np.unique(scores[self.bump], return_inverse=True)
        cells, inverse = np.unique(self.which * values.size + group.reshape(-1), return_inverse=True)
        mass = np.minimum(np.bincount(inverse.reshape(-1), self.height, cells.size), 1.0)
        return cells // max(values.size, 1), values[cells % max(values.size, 1)], mass
