"""Separation, which returns the exact pair, beside what one would write with scipy, or faiss where it is installed.

``python -m pytest benchmarks/test_separation.py -m "slow or not slow"`` runs all of it; the ratios of
``test_in_turn`` and ``test_growth`` are printed as they are found (``-s``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

import constructive as con
from constructive.students.pairs import closest_boxes

Array = NDArray[np.float64]
Labels = NDArray[np.int64]

ROUNDS = 7
SIZES = [(20_000, 2), (100_000, 3), (100_000, 10), pytest.param(20_000, 64, marks=pytest.mark.slow)]


def uniform(n: int, d: int, labeled: bool) -> tuple[Array, Labels | None]:
    rng = np.random.default_rng(0)
    return rng.random((n, d)), rng.integers(0, 2, n) if labeled else None


def ours(X: Array, y: Labels | None) -> float:
    return con.separation(X, y).distance


def tree(X: Array, y: Labels | None) -> float:
    """Return the smallest maximum-norm distance by scipy's k-d trees: of all points, or of one class."""
    if y is None:
        return float(cKDTree(X).query(X, k=2, p=np.inf, workers=-1)[0][:, 1].min())
    return float(cKDTree(X[y == 0]).query(X[y == 1], p=np.inf, workers=-1)[0].min())


def all_pairs(X: Array, y: Labels | None) -> float:
    """Return the same by all distances, 500 rows at a time."""
    if y is not None:
        return float(min(cdist(X[y == 0][i:i + 500], X[y == 1], "chebyshev").min()
                         for i in range(0, int((y == 0).sum()), 500)))
    best = np.inf
    for i in range(0, X.shape[0], 500):
        distances = cdist(X[i:i + 500], X[i:], "chebyshev")
        np.fill_diagonal(distances, np.inf)
        best = min(best, float(distances.min()))
    return best


def faiss_exact(X: Array, y: Labels | None) -> float:
    """Return nearly the same by faiss's exact search, which computes in single precision."""
    import faiss
    own, others = (X, X) if y is None else (X[y == 0], X[y == 1])
    index = faiss.IndexFlat(X.shape[1], faiss.METRIC_Linf)
    index.add(own.astype(np.float32))
    return float(index.search(others.astype(np.float32), 2)[0][:, 1 if y is None else 0].min())


def ways(d: int) -> dict[str, Callable[[Array, Labels | None], float]]:
    found = {"separation": ours, "k-d tree": tree}
    if d >= 32:
        found["all pairs"] = all_pairs
        if find_spec("faiss") is not None:
            found["faiss"] = faiss_exact
    return found


@pytest.mark.parametrize("way", ["separation", "k-d tree"])
@pytest.mark.parametrize("labeled", [True, False])
@pytest.mark.parametrize(("n", "d"), SIZES)
def test_separation(benchmark: Any, n: int, d: int, labeled: bool, way: str) -> None:
    benchmark.group = f"separation of {n} points, d = {d}, {'two classes' if labeled else 'all pairs'}"
    X, y = uniform(n, d, labeled)
    ours(X, y)  # compiles, outside the clock
    rounds = 1 if d >= 32 else ROUNDS
    assert benchmark.pedantic(ways(d)[way], (X, y), rounds=rounds) == ours(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("labeled", [True, False])
@pytest.mark.parametrize(("n", "d"), [(100_000, 3), (100_000, 10), (20_000, 64)])
def test_in_turn(n: int, d: int, labeled: bool) -> None:
    X, y = uniform(n, d, labeled)
    times: dict[str, list[float]] = {way: [] for way in ways(d)}
    answers: dict[str, float] = {}
    ours(X, y)
    for turn in range(ROUNDS):
        for way, run in ways(d).items():
            if d >= 32 and way == "k-d tree" and not labeled and turn > 0:
                continue  # takes half a minute, and the ratio is far from 1
            start = time.perf_counter()
            answers[way] = run(X, y)
            times[way].append(time.perf_counter() - start)
    middle = {way: median(seconds) for way, seconds in times.items()}
    for way, seconds in middle.items():
        print(f"\nn = {n}, d = {d}, {'two classes' if labeled else 'all pairs'}: {way} {seconds:.3f} s, "
              f"{seconds / middle['separation']:.2f} of separation's time", end="")
    assert answers["k-d tree"] == answers["separation"]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["two classes", "all pairs", "boxes of two classes", "all boxes"])
def test_growth(what: str) -> None:
    """Print seconds at d = 10 from 10^4 to 10^6 points, and the exponent of n between them."""
    seconds = []
    for n in (10**4, 10**5, 10**6):
        X, y = uniform(n, 10, True)
        assert y is not None
        half = 0.45 * ours(X, y)
        lower, upper = X - half, X + half
        run: Callable[[], object] = {
            "two classes": lambda X=X, y=y: ours(X, y), "all pairs": lambda X=X: ours(X, None),
            "boxes of two classes": lambda a=lower, b=upper, y=y: closest_boxes(a, b, y, 1.0, different=True),
            "all boxes": lambda a=lower, b=upper, y=y: closest_boxes(a, b, y, 1.0, different=False)}[what]
        times = []
        for _ in range(3):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        seconds.append(median(times))
    print(f"\n{what}: {', '.join(f'{s:.3f}' for s in seconds)} s, exponent {np.log10(seconds[2] / seconds[0]) / 2:.2f}")
    assert len(seconds) == 3
