"""The data of a table, cleaned once: distances between labels, the radii in question, the points to run in floats."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_number, as_points
from constructive.exact import IntegerNetwork, to_network
from constructive.labels import Labels, clean_labels
from constructive.network import Network
from constructive.students import separation

Array = NDArray[np.float64]
_WHO = "zoo"


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Data X (n, d) with classes, their separation, the radius in l_inf for all members that reach it.

    ``apart`` in l_inf and ``apart1`` in l_1, exactly; ``apart2`` in l_2, rounded up; infinite without two labels.
    ``share``: of the largest possible radius, for members that do not reach that one. ``signs`` (n, d) +-1: the corner
    of each ball at which networks are also run in floats. ``order``: the data in a drawn order, the first of which
    stand for all where a proof on all would take too long.
    """

    X: Array
    y: NDArray[Any]
    labels: Labels
    apart: Fraction | float
    apart1: Fraction | float
    apart2: float
    radius: float
    share: Fraction
    signs: Array
    order: NDArray[np.int64]

    @staticmethod
    def of(X: Any, y: Any, radius: float | None, share: float, rng: np.random.Generator) -> Data:
        """Return the data cleaned; ValueError for real labels or a radius that no memorizer has, naming the pair."""
        points = as_points(X, _WHO)
        labels = clean_labels(y, points.shape[0], who=_WHO, task=None)
        if labels.classes is None:
            raise ValueError(f"{_WHO}: y holds real values, but the table compares memorizers of classes; pass integer "
                             "or string labels")
        part = Fraction(as_number(share, _WHO, "share", above=0.0, below=1.0))
        apart, pair = _separation(points, labels, math.inf)
        if apart == 0 and pair is not None:
            raise ValueError(f"{_WHO}: X[{pair[0]}] and X[{pair[1]}] are the same point but have different labels; "
                             "remove one of them")
        apart1, _ = _separation(points, labels, 1.0)
        apart2 = math.nextafter(separation(points, labels.index, norm=2.0).distance, math.inf)
        if radius is None:
            r = 0.25 if apart == math.inf else float(part * Fraction(apart) / 2)
        else:
            r = as_number(radius, _WHO, "radius", at_least=0.0)
            if 2 * Fraction(r) >= apart and pair is not None:
                raise ValueError(f"{_WHO}: radius={r!r} needs l_inf separation > {2 * r!r}, but X[{pair[0]}] and "
                                 f"X[{pair[1]}], of different labels, are {float(apart)!r} apart; pass radius < "
                                 f"{float(apart) / 2!r}")
        signs = rng.choice([-1.0, 1.0], points.shape)
        order = rng.permutation(points.shape[0])
        return Data(points, np.asarray(y), labels, apart, apart1, apart2, r, part, signs, order)

    @property
    def two(self) -> bool:
        """Whether there are at most two classes."""
        return self.labels.outputs == 1

    def looked_at(self, cost: int, budget: int) -> NDArray[np.int64]:
        """Return as many rows, at least 16 if there are so many, as the budget pays for; each costs ``cost``."""
        return np.sort(self.order[:max(16, budget // max(cost, 1))])

    def separation(self, norm: float) -> Fraction | float:
        """Return the smallest distance of two labels in the norm, for norm 2 rounded up."""
        return {math.inf: self.apart, 1.0: self.apart1, 2.0: self.apart2}[norm]

    def part(self, norm: float) -> float:
        """Return the share of the largest radius in the norm; a quarter where no labels differ."""
        apart = self.separation(norm)
        return 0.25 if apart == math.inf else float(self.share * Fraction(apart) / 2)

    def ratio(self, radius: Fraction | float, norm: float = math.inf) -> float:
        """Return radius / (separation / 2) in the norm; 0 where no labels differ."""
        apart = self.separation(norm)
        return 0.0 if apart == math.inf else float(2 * Fraction(radius) / Fraction(apart))

    def in_floats(self, network: Network | IntegerNetwork, radius: Fraction | float, norm: float = math.inf, *,
                  digits: bool = False) -> tuple[int, int]:
        """Return :meth:`wrong` for float32 and for float64."""
        return (self.wrong(network, digits, radius, norm, np.float32),
                self.wrong(network, digits, radius, norm, np.float64))

    def wrong(self, network: Network | IntegerNetwork, digits: bool, radius: Fraction | float, norm: float,
              kind: type[np.floating[Any]]) -> int:
        """Return how many data get a wrong class in floats of that kind, at the datum or at a corner of its ball.

        Every number of the network is rounded to the kind, and so are the points. ``digits``: outputs are the binary
        digits of the class number. A network with a number beyond the range of the kind is wrong everywhere.
        """
        try:
            with np.errstate(over="ignore"):  # a number that is not finite any more is refused
                if isinstance(network, IntegerNetwork):
                    network = to_network(network, dtype=kind, rounded=True)
                elif network.dtype != np.dtype(kind):
                    network = network.astype(kind)
        except ValueError:
            return self.X.shape[0]
        # a corner of the l_inf ball; of the others a tip
        step = self.signs if norm == math.inf else self.signs * (np.arange(self.X.shape[1]) == 0)
        found = np.zeros(self.X.shape[0], bool)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond the range are part of the answer
            for points in (self.X, self.X + float(radius) * step):
                found |= self._classes(np.asarray(network(points)), digits) != self.labels.index
        return int(found.sum())

    def _classes(self, outputs: NDArray[Any], digits: bool) -> NDArray[np.int64]:
        """Return class numbers for outputs (n, m); what is not a number is no class."""
        if len(self.labels.classes or ()) == 1:
            return np.where(np.isnan(outputs[:, 0]), -1, 0)
        if not digits and outputs.shape[1] > 1:
            told = outputs.argmax(axis=1)
        else:
            told = (outputs > 0) @ (1 << np.arange(outputs.shape[1], dtype=np.int64))
        return np.where(np.isnan(outputs).any(axis=1), -1, told)


def _separation(points: Array, labels: Labels, norm: float) -> tuple[Fraction | float, tuple[int, int] | None]:
    """Return the exact smallest distance of different labels, and the pair."""
    found = separation(points, labels.index, norm=norm)
    if found.pair is None:
        return math.inf, None
    i, k = found.pair
    gaps = [abs(Fraction(a) - Fraction(b)) for a, b in zip(points[i].tolist(), points[k].tolist(), strict=True)]
    return max(gaps) if norm == math.inf else sum(gaps, Fraction(0)), (i, k)


