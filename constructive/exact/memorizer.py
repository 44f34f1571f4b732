"""What the builders of this package return: an integer network, its data on the line, and its size by formula."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.exact.network import IntegerNetwork
from constructive.exact.projection import Projection


@dataclass(frozen=True, slots=True, eq=False)
class LineMemorizer:
    """An integer network that memorizes data through their projection on a line.

    ``radius``: on the closed ball of this radius round each datum the outputs are those of its label, exactly: +-1
    for two classes, one +-1 for each binary digit of the class number for more. ``nonzeros``, ``depth``, ``width``
    come from the formula of the construction, not from a count. ``per_word``: thresholds packed into one word;
    ``pitch`` and ``bits``: width of the cells on the line and length of their keys; all 0 where there are none.
    """

    name: str
    network: IntegerNetwork
    projection: Projection
    radius: Fraction
    nonzeros: int
    depth: int
    width: int
    per_word: int = 0
    pitch: int = 0
    bits: int = 0

    def predict(self, x: Any) -> NDArray[Any]:
        """Return the classes (...,) at points x (..., d) of integers, fractions or floats, in exact arithmetic.

        An output of 0 or less is the lower digit; a class number beyond the last one counts as the last.
        """
        classes = self.projection.labels.classes or ()
        positive = (self.network(x) > 0).astype(np.int64)
        number = positive @ (1 << np.arange(positive.shape[-1], dtype=np.int64))
        if len(classes) == 1:
            number = np.zeros_like(number)
        return np.array(classes)[np.minimum(number, len(classes) - 1)]


def wanted_outputs(projection: Projection) -> list[list[int]]:
    """Return what a memorizer of the data must output at each: rows of +-1, lowest binary digit first.

    >>> from constructive.exact.projection import along
    >>> wanted_outputs(along([[0.0], [1.0], [2.0]], ["a", "b", "c"], [1]))
    [[-1, -1], [1, -1], [-1, 1]]
    """
    classes = projection.labels.classes or ()
    if len(classes) <= 2:
        return [[s] for s in projection.signs]
    digits = (len(classes) - 1).bit_length()
    return [[1 if int(c) >> k & 1 else -1 for k in range(digits)] for c in projection.labels.index]


def entries(projection: Projection) -> int:
    """Return the number of nonzero entries of the direction."""
    return sum(1 for w in projection.direction if w)
