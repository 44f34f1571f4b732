"""Changes of basis that are exact in both directions: integer matrices whose inverses are dyadic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Mixing:
    """An integer matrix (d, d) and its exact inverse, whose entries are integers over a power of two."""

    matrix: Array
    inverse: Array

    def then(self, other: Mixing) -> Mixing:
        """Return the change of basis ``x -> other.matrix (self.matrix x)``."""
        return Mixing(other.matrix @ self.matrix, self.inverse @ other.inverse)


def unmixed(d: int) -> Mixing:
    """Return the identity."""
    return Mixing(np.eye(d), np.eye(d))


def balanced(d: int) -> Mixing:
    """Return blocks of Sylvester's matrix of entries +-1, of the largest order 2^k that divides d.

    In its basis the corners of a ball lie far from the corners of the box round it: a bound that treats the new
    coordinates one by one loses a factor of up to sqrt(2^k).

    >>> mixing = balanced(4)
    >>> bool((mixing.matrix @ mixing.inverse == np.eye(4)).all())
    True
    """
    order = d & -d
    block = np.ones((1, 1))
    while block.shape[0] < order:
        block = np.block([[block, block], [block, -block]])
    matrix: Array = np.kron(np.eye(d // order), block).astype(np.float64)
    return Mixing(matrix, matrix.T / order)


def shears(d: int, count: int, rng: np.random.Generator) -> Mixing:
    """Return a product of ``count`` random shears ``x_i += +-x_j``: integer, determinant 1, integer inverse."""
    found = unmixed(d)
    for _ in range(count):
        i, j = rng.choice(d, 2, replace=False)
        step = np.zeros((d, d))
        step[i, j] = rng.choice([-1.0, 1.0])
        found = found.then(Mixing(np.eye(d) + step, np.eye(d) - step))
    return found


def shuffled(d: int, rng: np.random.Generator) -> Mixing:
    """Return a random permutation of the coordinates with random signs."""
    matrix: Array = np.eye(d)[rng.permutation(d)] * rng.choice([-1.0, 1.0], d)
    return Mixing(matrix, matrix.T)
