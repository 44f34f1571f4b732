"""Separation of two classes: our sweep, which returns the exact pair, against scipy's k-d tree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import constructive as con

Array = NDArray[np.float64]


def tree_distance(X: Array, y: NDArray[np.int64]) -> float:
    """Return the smallest maximum-norm distance between the classes 0 and 1, by a k-d tree."""
    return float(cKDTree(X[y == 0]).query(X[y == 1], p=np.inf)[0].min())


@pytest.mark.parametrize("way", ["separation", "k-d tree"])
@pytest.mark.parametrize(("n", "d"), [(20_000, 2), (5_000, 10), (2_000, 64)])
def test_separation(benchmark: Callable[..., float], n: int, d: int, way: str) -> None:
    benchmark.group = f"separation of {n} points, d = {d}"  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    X, y = rng.random((n, d)), rng.integers(0, 2, n)
    ways: dict[str, Callable[[], float]] = {
        "separation": lambda: con.separation(X, y).distance,
        "k-d tree": lambda: tree_distance(X, y),
    }
    ways[way]()  # compiles, outside the clock
    assert benchmark(ways[way]) == tree_distance(X, y)
