"""What a building block is: a network together with what is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from numpy.typing import ArrayLike, NDArray

from constructive.domain import Box
from constructive.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """A network, the function it stands for, and its stated error and size.

    ``error``: a bound on the largest distance from the function named in ``statement``, over ``domain``, in
    real arithmetic and for the weights *as stored* (a reciprocal or a threshold that no double holds counts);
    it is 0 for exact gates. ``nonzeros`` and ``units`` come from formulas in the arguments, never from
    counting.

    >>> from constructive.blocks import absolute_gate
    >>> absolute_gate()([[-2.0], [3.0]]).ravel().tolist()
    [2.0, 3.0]
    """

    network: Network
    error: Fraction
    domain: Box
    nonzeros: int
    units: int
    statement: str

    def __call__(self, x: ArrayLike) -> NDArray[Any]:
        """Return the network's values at x, shape (..., d) -> (..., m)."""
        return self.network(x)


def line() -> Box:
    """Return the whole real line as a box."""
    return space(1)


def space(dimension: int) -> Box:
    """Return the whole of R^dimension as a box."""
    return Box.cube(dimension, float("-inf"), float("inf"))


def nonzero_count(values: Sequence[float]) -> int:
    """Return how many of the values are not 0: a threshold at exactly 0 is no nonzero bias."""
    return sum(value != 0 for value in values)
