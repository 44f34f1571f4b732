"""What counts as a right answer: a sign, a strictly largest score, or one value.

Everything that decides about balls (bounds, attacks, branch and bound) asks here, so that a tie or a score of
exactly 0 is wrong everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from constructive.labels import Labels

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """The right answers at n points: ``value`` (n,) holds signs +-1, class numbers, or the values themselves."""

    kind: Literal["sign", "score", "value"]
    value: Array

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Goal:
        """Return the goal at the chosen points."""
        return Goal(self.kind, self.value[rows])

    def right(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """Return where bounds (n, m) of the outputs leave only the right answer, (n,)."""
        if self.kind == "sign":
            return np.where(self.value > 0, low[:, 0] > 0, high[:, 0] < 0)
        if self.kind == "value":
            return (low[:, 0] == self.value) & (high[:, 0] == self.value)
        own = self.value.astype(int)
        rows = np.arange(own.size)
        rivals = high.copy()
        rivals[rows, own] = -np.inf
        return low[rows, own] > rivals.max(axis=1)

    def margins(self, outputs: int) -> Array:
        """Return rows C (n, q, outputs): the answer at point i is right if and only if all of C_i f(x) are positive.

        q = 1 for signs; own score less each other score, q = outputs - 1, for scores. Real labels have no margin:
        raises ValueError.
        """
        if self.kind == "value":
            raise ValueError("margins: real labels must be met exactly; only classes have margins")
        if self.kind == "sign":
            return np.sign(self.value)[:, None, None]
        own = self.value.astype(int)
        others = np.arange(outputs - 1) + (np.arange(outputs - 1) >= own[:, None])
        rows = -1.0 * (np.arange(outputs) == others[..., None])
        rows += np.arange(outputs) == own[:, None, None]
        return rows

    def deviation(self, low: Array, high: Array) -> Array:
        """Return the largest distance from the wanted scores (+-1, or one-hot +-1) over each row's bounds."""
        wanted = self.value[:, None]
        if self.kind == "score":
            wanted = np.where(np.arange(low.shape[1]) == self.value[:, None], 1.0, -1.0)
        with np.errstate(invalid="ignore"):
            gap = np.maximum(np.abs(low - wanted), np.abs(high - wanted)).max(axis=1)
        return np.where(np.isnan(gap), np.inf, gap)


def goal_of(labels: Labels) -> Goal:
    """Return the goal that labels set: real labels a value, at most two classes a sign, more a largest score."""
    if labels.classes is None:
        return Goal("value", labels.scores)
    if labels.outputs == 1:
        return Goal("sign", labels.scores)
    return Goal("score", labels.index.astype(np.float64))
