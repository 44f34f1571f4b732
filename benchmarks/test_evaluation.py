"""Evaluating a student: its search over bumps, our compiled chain, and what one would write without either.

``python -m pytest benchmarks/test_evaluation.py -m "slow or not slow"`` runs all of it; the ratios of
``test_in_turn`` are printed as they are found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import constructive as con
from constructive.network import Network
from constructive.students.finder import BoxFinder

Array = NDArray[np.float64]
Evaluator = Callable[[Array], Array]

POINTS, ROUNDS, BLOCK = 2000, 7, 250
SIZES = [(1000, 8), pytest.param(20_000, 10, marks=pytest.mark.slow)]


def make_student(data: int, dimension: int) -> con.Student:
    """Return the memorizer of uniform data with random signs, at 0.4 of the largest radius, without a teacher."""
    rng = np.random.default_rng(0)
    X, y = rng.random((data, dimension)), rng.choice([-1, 1], data)
    return con.memorize(X, y, radius=0.4 * con.separation(X, y).distance / 2)


def some_points(dimension: int) -> Array:
    return np.random.default_rng(1).random((POINTS, dimension))


def sparse_products(network: Network) -> Evaluator:
    """Return the plain loop of scipy.sparse products, all points at once."""

    def evaluate(x: Array) -> Array:
        values = x.T
        for k, layer in enumerate(network.layers):
            values = layer.weight @ values + layer.bias[:, None]
            if k + 1 < network.depth:
                values = np.maximum(values, 0.0)
        return values.T

    return evaluate


def in_blocks(evaluate: Evaluator) -> Evaluator:
    return lambda x: np.concatenate([evaluate(x[i:i + BLOCK]) for i in range(0, x.shape[0], BLOCK)])


def evaluators(student: con.Student) -> dict[str, Evaluator]:
    """Return the ways to evaluate; all points at once only where the faces of all points fit into memory."""
    network = student.to_network()
    plain = sparse_products(network)
    ways: dict[str, Evaluator] = {"student": student, "network": network, "scipy.sparse in blocks": in_blocks(plain)}
    if network.size.width * POINTS < 10**8:
        ways["scipy.sparse"] = plain
    return ways


def close(values: Array, network: Network, x: Array) -> bool:
    """Return whether values are the network's up to rounding.

    A bump sums at most 2 d + 1 terms of size at most ``magnitude``; the gate behind it adds a few numbers below 2.
    """
    return bool(np.abs(values - network(x)).max() <= (2 * x.shape[1] + 8) * 2.0**-52 * network.size.magnitude)


@pytest.mark.parametrize("way", ["student", "network", "scipy.sparse in blocks", "scipy.sparse"])
@pytest.mark.parametrize(("data", "dimension"), SIZES)
def test_evaluation(benchmark: Any, data: int, dimension: int, way: str) -> None:
    benchmark.group = f"evaluate {data} data, d = {dimension}, at {POINTS} points"
    student, x = make_student(data, dimension), some_points(dimension)
    ways = evaluators(student)
    if way not in ways:
        pytest.skip("the faces of all points at once do not fit into memory")
    values = benchmark.pedantic(ways[way], (x,), rounds=ROUNDS, warmup_rounds=1)
    assert close(values, student.to_network(), x)


@pytest.mark.parametrize(("data", "dimension"), SIZES)
def test_in_turn(benchmark: Any, capsys: pytest.CaptureFixture[str], data: int, dimension: int) -> None:
    """All ways one after the other, several times, so that a busy machine is unfair to none of them."""
    benchmark.group = f"evaluate {data} data, d = {dimension}, at {POINTS} points, in turn"
    student, x = make_student(data, dimension), some_points(dimension)
    ways = evaluators(student)
    seconds: dict[str, list[float]] = {way: [] for way in ways}

    def once() -> None:
        for way, evaluate in ways.items():
            start = time.perf_counter()
            evaluate(x)
            seconds[way].append(time.perf_counter() - start)

    benchmark.pedantic(once, rounds=ROUNDS, warmup_rounds=1)
    found = {way: median(spent[1:]) for way, spent in seconds.items()}
    slowest = found["scipy.sparse in blocks"]
    with capsys.disabled():
        print(f"\n{data} data, d = {dimension}, {POINTS} points, medians of {ROUNDS} in turn:")
        for way, spent in found.items():
            benchmark.extra_info[way] = spent
            print(f"  {way:24} {1e3 * spent:10.3f} ms, {slowest / spent:8.1f} times as fast as scipy.sparse in blocks")


# -- the search alone ---------------------------------------------------------------------------------------


def boxes(count: int, dimension: int, half: float, faces: int | None = None) -> tuple[Array, Array]:
    """Return boxes round uniform points; ``faces``: how many of its 2 d faces each one keeps, drawn at random."""
    rng = np.random.default_rng(2)
    centers = rng.random((count, dimension))
    lower, upper = centers - half, centers + half
    if faces is not None:
        kept = rng.random((count, 2 * dimension)).argsort(axis=1) < faces
        lower[~kept[:, :dimension]] = -np.inf
        upper[~kept[:, dimension:]] = np.inf
    return lower, upper


KINDS: dict[str, tuple[tuple[int, int, float, int | None], float, int]] = {
    "1000 boxes, d = 8": ((1000, 8, 0.0145, None), 2.0**-6, 2000),
    "20000 boxes, d = 10": ((20_000, 10, 0.018, None), 2.0**-5, 2000),
    "1797 slabs of 3 faces, d = 64": ((1797, 64, 0.05, 3), 2.0**-4, 2000),
    "41 large boxes, d = 64": ((41, 64, 0.3, None), 2.0**-2, 2000),
    "5000 boxes, d = 784": ((5000, 784, 0.1, None), 8.0, 500),
    "a million boxes, d = 10": ((1_000_000, 10, 0.01, None), 2.0**-6, 2000),
    "a million boxes, d = 10, 100000 points": ((1_000_000, 10, 0.01, None), 2.0**-6, 100_000),
}


def test_build(benchmark: Any) -> None:
    benchmark.group = "build the search over a million boxes, d = 10"
    lower, upper = boxes(1_000_000, 10, 0.01)
    benchmark.pedantic(BoxFinder.of, (lower, upper), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("way", ["finder", "k-d tree, candidates only"])
@pytest.mark.parametrize("kind", KINDS)
def test_search(benchmark: Any, kind: str, way: str) -> None:
    benchmark.group = f"find the positive bumps, {kind}"
    (count, dimension, half, faces), ramp, n = KINDS[kind]
    lower, upper = boxes(count, dimension, half, faces)
    x = np.random.default_rng(1).random((n, dimension))
    if way == "finder":
        built = BoxFinder.of(lower, upper)
        benchmark.pedantic(built.active, (x, ramp), rounds=ROUNDS, warmup_rounds=1)
    elif faces is None:
        tree = cKDTree(lower + half)
        benchmark.pedantic(lambda: tree.query_ball_point(x, half + ramp, p=np.inf, workers=-1), rounds=3)
    else:
        pytest.skip("a tree of points needs boxes of one size")


# -- what certificates cost beside it ------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["interval bounds", "evaluation"])
@pytest.mark.benchmark(group="one pass over 1000 training boxes, d = 8")
def test_interval_bounds(benchmark: Callable[..., object], way: str) -> None:
    from constructive.certificates.enclosure import interval_bounds
    from constructive.domain import outward_boxes

    student = make_student(1000, 8)
    network = student.to_network()
    lower, upper = outward_boxes(student.X, student.radius)
    ways: dict[str, Callable[[], object]] = {
        "interval bounds": lambda: interval_bounds(network, lower, upper),
        "evaluation": lambda: network(student.X),
    }
    ways[way]()  # compiles, outside the clock
    benchmark(ways[way])


@pytest.mark.parametrize("way", ["weights", "nearest neighbor"])
@pytest.mark.benchmark(group="robust training error of 1000 data, d = 8")
def test_certificate(benchmark: Callable[..., object], way: str) -> None:
    student = make_student(1000, 8)
    network, X, y, radius = student.to_network(), student.X, student.y, student.radius
    neighbor = con.NearestNeighbor(X, y)
    ways: dict[str, Callable[[], object]] = {
        "weights": lambda: con.certify(network, X, y, radius=radius),
        "nearest neighbor": lambda: con.robust_error(neighbor, X, y, radius=radius),
    }
    ways[way]()  # compiles, outside the clock
    benchmark(ways[way])
