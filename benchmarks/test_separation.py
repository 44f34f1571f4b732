"""Separation, which returns the exact pair, against the trees a user would build, and an exhaustive exact search.

``python -m pytest benchmarks/test_separation.py -m "slow or not slow"`` runs all of it, a million data included; the
ratios of ``test_in_turn`` and ``test_exhaustive`` and the growth of ``test_many_data`` are printed as they are found.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import constructive as con
from constructive.students.pairs import closest_boxes

Array = NDArray[np.float64]
Labels = NDArray[np.int64] | None
Way = Callable[[], float]


def tree_distance(X: Array, y: Labels) -> float:
    """Return the smallest maximum-norm distance of the classes 0 and 1, of all pairs without labels, by k-d trees."""
    if y is None:
        return float(cKDTree(X).query(X, k=2, p=np.inf, workers=-1)[0][:, 1].min())
    return float(cKDTree(X[y == 0]).query(X[y == 1], p=np.inf, workers=-1)[0].min())


def instance(kind: str, n: int, d: int) -> tuple[Array, Labels]:
    """Return uniform data: with two random labels, with none, or apart along an axis that is narrower than others."""
    rng = np.random.default_rng(0)
    X, y = rng.random((n, d)), rng.integers(0, 2, n)
    if kind == "apart":
        X *= 10.0
        X[:, d // 2] = X[:, d // 2] / 40.0 + y
    return X, None if kind == "no labels" else y


def in_turn(benchmark: Any, ways: dict[str, Way], rounds: int) -> tuple[dict[str, float], dict[str, float], float]:
    """Return results, median seconds and the median ratio of the second way to the first, run one after the other.

    A busy machine is unfair to none of them, and the ratio is taken within each round. The first round warms up.
    """
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    found: dict[str, float] = {}

    def once() -> None:
        for way, call in ways.items():
            start = time.perf_counter()
            found[way] = call()
            seconds[way].append(time.perf_counter() - start)

    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1)
    ours, peer = (times[1:] for times in seconds.values())
    ratio = median(b / a for a, b in zip(ours, peer, strict=True))
    benchmark.extra_info["ratio"] = ratio
    return found, {way: median(times[1:]) for way, times in seconds.items()}, ratio


# a round of the trees in 64 dimensions takes most of a minute
CASES = [
    pytest.param("labels", 100_000, 3, 7),
    pytest.param("no labels", 100_000, 3, 7),
    pytest.param("labels", 100_000, 10, 7),
    pytest.param("no labels", 100_000, 10, 7),
    pytest.param("apart", 5_000, 10, 7),
    pytest.param("labels", 20_000, 64, 3, marks=pytest.mark.slow),
    pytest.param("no labels", 20_000, 64, 3, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("kind", "n", "d", "rounds"), CASES)
def test_in_turn(benchmark: Any, capsys: pytest.CaptureFixture[str], kind: str, n: int, d: int, rounds: int) -> None:
    benchmark.group = f"separation of {n} points, d = {d}, {kind}, in turn"
    X, y = instance(kind, n, d)
    ways: dict[str, Way] = {"separation": lambda: con.separation(X, y).distance, "tree": lambda: tree_distance(X, y)}
    found, seconds, ratio = in_turn(benchmark, ways, rounds)
    # a difference of two doubles is rounded to nearest in the tree, down in the exact answer
    assert found["separation"] in (found["tree"], math.nextafter(found["tree"], 0.0))
    with capsys.disabled():
        print(f"\n{n} points, d = {d}, {kind}: {seconds['separation']:.3f} s, tree {seconds['tree']:.3f} s, "
              f"median ratio {ratio:.2f} of {rounds}")


@pytest.mark.parametrize(("n", "d"), [(100_000, 10), (20_000, 64)])
def test_exhaustive(benchmark: Any, capsys: pytest.CaptureFixture[str], n: int, d: int) -> None:
    """Against faiss, where it is installed: all distances in single precision by matrix products, norm 2."""
    faiss = pytest.importorskip("faiss")
    benchmark.group = f"separation of {n} points, d = {d}, norm 2, in turn"
    X, _ = instance("no labels", n, d)
    single = X.astype(np.float32)

    def exhaustive() -> float:
        index = faiss.IndexFlatL2(d)
        index.add(single)
        return math.sqrt(max(0.0, float(index.search(single, 2)[0][:, 1].min())))

    ways: dict[str, Way] = {"separation": lambda: con.separation(X, norm=2).distance, "faiss": exhaustive}
    _, seconds, ratio = in_turn(benchmark, ways, 3)
    with capsys.disabled():
        print(f"\n{n} points, d = {d}, norm 2: {seconds['separation']:.3f} s, faiss {seconds['faiss']:.3f} s, "
              f"median ratio {ratio:.2f} of 3")


def boxes_distance(X: Array, y: Labels) -> float:
    """Return the smallest l_1 distance of the boxes of radius 0.01 round the data."""
    groups = np.zeros(len(X), np.int64) if y is None else y
    return closest_boxes(X - 0.01, X + 0.01, groups, 1.0, different=y is not None)[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["labels", "no labels"])
@pytest.mark.parametrize("what", ["points", "boxes"])
def test_many_data(benchmark: Any, capsys: pytest.CaptureFixture[str], what: str, kind: str) -> None:
    """Ten thousand and a million data in d = 10, and the exponent of growth between them."""
    benchmark.group = f"closest {what} of a million, d = 10, {kind}"
    search = boxes_distance if what == "boxes" else lambda X, y: con.separation(X, y).distance
    few = instance(kind, 10_000, 10)
    search(*few)  # compiles, outside the clock
    times = []
    for _ in range(7):
        start = time.perf_counter()
        search(*few)
        times.append(time.perf_counter() - start)
    many = instance(kind, 1_000_000, 10)
    start = time.perf_counter()
    benchmark.pedantic(search, many, rounds=1)
    seconds = time.perf_counter() - start
    exponent = math.log(seconds / median(times)) / math.log(100)
    with capsys.disabled():
        print(f"\n{what}, d = 10, {kind}: {median(times):.3f} s at 10^4, {seconds:.2f} s at 10^6, "
              f"exponent of growth {exponent:.2f}")
