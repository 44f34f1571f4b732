"""Evaluating a student: its sweep over bumps, our compiled chain, and what one would write without either."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import constructive as con
from constructive.network import Network

Array = NDArray[np.float64]
Evaluator = Callable[[Array], Array]

DATA, DIMENSION, POINTS = 500, 8, 256


@pytest.fixture(scope="module")
def student() -> con.Student:
    rng = np.random.default_rng(0)
    X = rng.random((DATA, DIMENSION))
    y = rng.choice([-1, 1], DATA)
    return con.memorize(X, y, radius=0.25 * con.separation(X, y).distance)


@pytest.fixture(scope="module")
def points() -> Array:
    return np.random.default_rng(1).random((POINTS, DIMENSION))


def sparse_products(network: Network) -> Evaluator:
    """Return the plain loop of scipy.sparse products."""

    def evaluate(x: Array) -> Array:
        values = x.T
        for k, layer in enumerate(network.layers):
            values = layer.weight @ values + layer.bias[:, None]
            if k + 1 < network.depth:
                values = np.maximum(values, 0.0)
        return values.T

    return evaluate


def dense_products(network: Network) -> Evaluator:
    """Return the plain loop of dense products."""
    maps = [(layer.weight.toarray(), layer.bias) for layer in network.layers]

    def evaluate(x: Array) -> Array:
        values = x.T
        for k, (weight, bias) in enumerate(maps):
            values = weight @ values + bias[:, None]
            if k + 1 < len(maps):
                values = np.maximum(values, 0.0)
        return values.T

    return evaluate


@pytest.mark.parametrize("way", ["student", "compiled chain", "scipy.sparse", "dense"])
@pytest.mark.benchmark(group=f"evaluate {DATA} data, d = {DIMENSION}, at {POINTS} points")
def test_evaluation(benchmark: Callable[..., Array], student: con.Student, points: Array, way: str) -> None:
    network = student.to_network()
    ways: dict[str, Evaluator] = {
        "student": student,
        "compiled chain": network,
        "scipy.sparse": sparse_products(network),
        "dense": dense_products(network),
    }
    evaluate = ways[way]
    evaluate(points)  # compiles, outside the clock
    values = benchmark(evaluate, points)
    # A bump sums 2 d + 1 terms of size at most `magnitude`; the gate behind it adds a few numbers below 2.
    assert np.abs(values - network(points)).max() <= (2 * DIMENSION + 8) * 2.0**-52 * network.size.magnitude


@pytest.mark.parametrize("way", ["interval bounds", "evaluation"])
@pytest.mark.benchmark(group=f"one pass over {DATA} training boxes, d = {DIMENSION}")
def test_interval_bounds(benchmark: Callable[..., object], student: con.Student, way: str) -> None:
    from constructive.certificates.enclosure import interval_bounds
    from constructive.domain import outward_boxes

    network = student.to_network()
    lower, upper = outward_boxes(student.X, student.radius)
    ways: dict[str, Callable[[], object]] = {
        "interval bounds": lambda: interval_bounds(network, lower, upper),
        "evaluation": lambda: network(student.X),
    }
    ways[way]()  # compiles, outside the clock
    benchmark(ways[way])


@pytest.mark.parametrize("way", ["weights", "nearest neighbor"])
@pytest.mark.benchmark(group=f"robust training error of {DATA} data, d = {DIMENSION}")
def test_certificate(benchmark: Callable[..., object], student: con.Student, way: str) -> None:
    network, X, y, radius = student.to_network(), student.X, student.y, student.radius
    neighbor = con.NearestNeighbor(X, y)
    ways: dict[str, Callable[[], object]] = {
        "weights": lambda: con.certify(network, X, y, radius=radius),
        "nearest neighbor": lambda: con.robust_error(neighbor, X, y, radius=radius),
    }
    ways[way]()  # compiles, outside the clock
    benchmark(ways[way])
