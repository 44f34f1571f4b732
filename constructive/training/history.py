"""What a training run was like: errors by epoch, and the interval of a mean over runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.evidence import Bracket, Evidence, Table

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Errors after chosen epochs, 0 being the network before training.

    ``epochs`` (T,); ``loss`` (T,), the mean over that epoch of the cross-entropy at the attacked points, each batch
    before its step (NaN at 0); ``names`` of the k data sets; ``clean`` and ``attacked`` (T, k): the share of points
    answered wrong, and of points with a wrong answer found in their ball, a lower bound of the robust error.
    """

    epochs: NDArray[np.int64]
    loss: Array
    names: tuple[str, ...]
    clean: Array
    attacked: Array

    def column(self, name: str) -> int:
        """Return the column of a data set; ValueError for a name that was not recorded."""
        if name not in self.names:
            raise ValueError(f"History: {name!r} was not recorded; there are {', '.join(self.names)}")
        return self.names.index(name)

    def table(self) -> Table:
        """Return the history as a table, one row for each recorded epoch."""
        columns = ("epoch", "loss", *(f"{name}, {kind}" for name in self.names for kind in ("clean", "attacked")))
        errors = np.stack([self.clean, self.attacked], axis=-1).reshape(self.epochs.size, -1)
        rows = tuple((int(e), float(l), *map(float, row))
                     for e, l, row in zip(self.epochs, self.loss, errors, strict=True))
        return Table("Adversarial training: share of wrong answers", columns, rows,
                     "attacked: found by projected gradient ascent, a lower bound of the robust error")


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Bracket:
    """Return the t interval of the mean of n >= 2 independent draws: mean +- t s / sqrt(n), t with n - 1 freedom.

    It covers the mean of normal draws with probability ``confidence``; for others approximately. Evidence SAMPLED.

    >>> found = mean_interval([1.0, 2.0, 3.0])
    >>> round(found.lower, 3), round(found.upper, 3)
    (-0.484, 4.484)
    """
    from scipy.special import stdtrit

    drawn = np.asarray(values, dtype=np.float64)
    if drawn.ndim != 1 or drawn.size < 2 or not np.isfinite(drawn).all():
        raise ValueError(f"mean_interval: values must be at least two finite numbers, got {values!r}")
    level = as_number(confidence, "mean_interval", "confidence", above=0.0, below=1.0)
    half = float(stdtrit(drawn.size - 1, 0.5 + level / 2) * drawn.std(ddof=1)) / math.sqrt(drawn.size)
    return Bracket(float(drawn.mean()) - half, float(drawn.mean()) + half, Evidence.SAMPLED, level)
