"""How many thresholds a word doubles can hold: the proved number, and the first at which the data come out wrong."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from constructive._checks import as_count, as_points
from constructive.exact.bridge import to_network
from constructive.exact.lookups import look_up
from constructive.exact.network import IntegerNetwork
from constructive.exact.projection import Projection


@dataclass(frozen=True, slots=True, eq=False)
class FloatHorizon:
    """Wide look-ups in floats, by thresholds a word.

    ``per_word``: the numbers tried, 1, 3, 5, ...; ``exact[k]``: proved that no datum is rounded on the way;
    ``wrong[k]``: data whose float output is not their label; ``data`` in all; ``format``: float64 or float32.
    """

    format: str
    data: int
    per_word: tuple[int, ...]
    exact: tuple[bool, ...]
    wrong: tuple[int, ...]

    @property
    def first_wrong(self) -> int | None:
        """The fewest thresholds a word at which a datum comes out wrong; None if none of the tried ones does."""
        return next((s for s, count in zip(self.per_word, self.wrong, strict=True) if count), None)

    @property
    def last_exact(self) -> int | None:
        """The most thresholds a word up to which no datum is rounded; None if already one is too many."""
        held = [s for s, proved in zip(self.per_word, self.exact, strict=True) if proved]
        return max(held, default=None)


def float_horizon(projection: Projection, X: Any, radius: Fraction | float | int, *, dtype: Any = np.float64,
                  most: int = 15) -> FloatHorizon:
    """Return how the look-ups with 1, 3, ..., ``most`` thresholds a word fare in floats at the data X.

    Each network is rounded number by number and run in the format, on data rounded to it. A network with a number
    beyond the range of the format counts as wrong everywhere, a datum that overflows on the way as wrong.

    >>> from constructive.exact.projection import along
    >>> X = [[0.0], [1.0], [2.0], [3.0], [4.0]]
    >>> float_horizon(along(X, [0, 1, 0, 1, 0], [1]), X, radius=0.25, most=3).wrong
    (0, 0)
    """
    points = as_points(X, "float_horizon", dimension=len(projection.direction))
    kind = np.dtype(dtype)
    sizes = range(1, as_count(most, "float_horizon", "most", at_least=1) + 1, 2)
    labels = np.array(projection.signs, float)
    exact, wrong = [], []
    for s in sizes:
        network = look_up(projection, radius, per_word=s).network
        exact.append(_held(network, projection, kind))
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows on the way is wrong
                outputs = to_network(network, dtype=kind, rounded=True)(points)[:, 0]
        except ValueError:  # a number beyond the range of the format
            wrong.append(points.shape[0])
        else:
            wrong.append(int((outputs != labels).sum()))
    return FloatHorizon(str(kind), points.shape[0], tuple(sizes), tuple(exact), tuple(wrong))


def _held(network: IntegerNetwork, projection: Projection, kind: np.dtype[Any]) -> bool:
    """Return whether the bridge lets the network pass: nothing rounds on the grid of the data."""
    try:
        to_network(network, projection.box, step=projection.step, dtype=kind)
    except ValueError:
        return False
    return True
