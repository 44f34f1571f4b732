"""Data of a population at a stated spacing: what a student with disjoint supports needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from constructive._checks import as_count, as_number
from constructive.populations import LabelLaw

Array = NDArray[np.float64]

_BLOCK, _BLOCKS = 256, 4000


def spaced_data(population: LabelLaw, n: int, spacing: float, *,
                rng: np.random.Generator | int = 0) -> tuple[Array, NDArray[Any]]:
    """Return n points (n, d) and labels (n,) of the population, in order of drawing, no two closer than the spacing.

    A point closer than ``spacing`` in l_inf to one kept before is passed over, whatever its label. The first n of
    n + 1 data are the n data. Raises ValueError where they do not fit.
    """
    count = as_count(n, "spaced_data", "n", at_least=1)
    apart = as_number(spacing, "spaced_data", "spacing", at_least=0.0)
    draws = np.random.default_rng(rng)
    kept, labels = np.empty((count, population.dimension)), np.empty(count, np.asarray(population.classes).dtype)
    filled = 0
    for _ in range(_BLOCKS):
        X, y = population.sample(_BLOCK, draws)
        fits = np.ones(_BLOCK, bool)
        if filled:
            fits = cKDTree(kept[:filled]).query(X, p=np.inf)[0] >= apart
        start = filled
        for x, label in zip(X[fits], y[fits], strict=True):
            if (np.abs(kept[start:filled] - x).max(axis=1, initial=0.0) >= apart).all():
                kept[filled], labels[filled] = x, label
                filled += 1
                if filled == count:
                    return kept, labels
    raise ValueError(f"spaced_data: only {filled} of n={count} data fit at spacing {apart!r} after {_BLOCK * _BLOCKS} "
                     "draws; pass a smaller n, or a smaller radius and ramp")
