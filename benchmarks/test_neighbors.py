"""The nearest-neighbor rule beside a student on the same data: query cost, memory, and what exact verdicts cost.

``python -m pytest benchmarks/test_neighbors.py -s`` prints what ``test_what_stays_unknown`` and
``test_what_a_query_and_a_number_cost`` find; with ``-m slow``, digits beside a network trained by gradients.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial import cKDTree

import constructive as con

Array = NDArray[np.float64]

DATA, POINTS = 1000, 1000


def noisy_sample(d: int, n: int = DATA, norm: float = 2.0,
                 ) -> tuple[con.NearestNeighbor, Array, NDArray[np.int64], float]:
    """Return the l_2 rule of n data with 10 % wrong labels, fresh points, clean labels, half the spacing n^(-1/d)."""
    population = con.populations.Population(lambda X: X[:, 0] - X[:, -1], d, noise=0.1)
    rng = np.random.default_rng(d)
    X, y = population.sample(n, rng)
    fresh, _ = population.sample(POINTS, rng)
    return con.NearestNeighbor(X, y, norm=norm), fresh, population.truth(fresh), 0.5 * n ** (-1 / d)


def one_program_per_rival(rule: con.NearestNeighbor, X: Array, y: NDArray[np.int64], delta: float) -> NDArray[np.bool_]:
    """Return which points err in the ball, by a least-distance program for every rival with all own data in it."""
    wrong = np.zeros(X.shape[0], bool)
    for row, (x, label) in enumerate(zip(X, y, strict=True)):
        own = np.array(rule.classes)[rule.index] == label
        for z in rule.X[~own]:
            a = rule.X[own] - z
            b = (((rule.X[own] - x) ** 2).sum(axis=1) - ((z - x) ** 2).sum()) / 2
            target = np.append(np.zeros(x.size), 1.0)
            matrix = np.vstack([-a.T, -b])
            residual = matrix @ nnls(matrix, target)[0] - target
            wrong[row] |= bool(np.linalg.norm(residual[:-1] / residual[-1]) <= delta)
    return wrong


@pytest.mark.parametrize("ball", [2.0, math.inf])
@pytest.mark.parametrize("d", [2, 3, 10])
@pytest.mark.benchmark(group="exact verdicts on 1000 points, 1000 data")
def test_exact_verdicts(benchmark: Callable[..., object], d: int, ball: float) -> None:
    rule, X, y, delta = noisy_sample(d)
    found = benchmark(lambda: rule.robust_verdicts(X, y, delta, ball=ball))
    assert (found >= 0).all()


@pytest.mark.parametrize("way", ["ours", "one program per rival"])
@pytest.mark.benchmark(group="exact verdicts on 20 points, 200 data, d = 3")
def test_beside_plain_programs(benchmark: Callable[..., object], way: str) -> None:
    rule, X, y, delta = noisy_sample(3, 200)
    X, y = X[:20], y[:20]
    plain = one_program_per_rival(rule, X, y, delta)
    assert (plain == (rule.robust_verdicts(X, y, delta) == 1)).all()
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: rule.robust_verdicts(X, y, delta),
        "one program per rival": lambda: one_program_per_rival(rule, X, y, delta),
    }
    benchmark(ways[way])


def by_half_distances(rule: con.NearestNeighbor, X: Array, y: NDArray[np.int64], delta: float) -> Array:
    """Return which points are decided by half the difference of distances, or by a step toward one of 4 rivals."""
    p, known = rule.norm, np.zeros(X.shape[0], bool)
    for c, label in enumerate(rule.classes):
        rows = np.flatnonzero(y == label)
        own, others = cKDTree(rule.X[rule.index == c]), cKDTree(rule.X[rule.index != c])
        near, which = others.query(X[rows], k=4, p=p)
        known[rows] = (near[:, 0] - own.query(X[rows], p=p)[0]) / 2 > delta
        for z in others.data[which.T]:
            step = z - X[rows]
            length = np.linalg.norm(step, ord=p, axis=1, keepdims=True)
            step = np.clip(step, -delta, delta) if p == math.inf else step * np.minimum(1.0, delta / length)
            known[rows] |= others.query(X[rows] + step, p=p)[0] < own.query(X[rows] + step, p=p)[0]
    return known


@pytest.mark.parametrize(("norm", "d"), [(2.0, 2), (2.0, 3), (math.inf, 2), (math.inf, 3)])
def test_what_stays_unknown(norm: float, d: int) -> None:
    rule, X, y, delta = noisy_sample(d, norm=norm)
    plain = by_half_distances(rule, X, y, delta)
    start = time.perf_counter()
    unknown = rule.robust_verdicts(X, y, delta) < 0
    took = 1e6 * (time.perf_counter() - start) / POINTS
    print(f"l_{norm:g} rule, d = {d}: unknown {np.mean(~plain):.3f}, now {unknown.mean():.3f}; {took:.0f} us each")
    assert unknown.mean() <= 0.01


@pytest.mark.parametrize(("n", "d"), [(2000, 2), (2000, 10), (2000, 64)])
def test_what_a_query_and_a_number_cost(n: int, d: int) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((n, d)), rng.choice([-1, 1], n)
    rule = con.NearestNeighbor(X, y)
    student = con.memorize(X, y, radius=0.4 * con.separation(X, y).distance / 2)
    fresh = rng.random((POINTS, d))
    told = []
    for model in (rule, student):
        model.predict(fresh)  # compiles, outside the clock
        times = []
        for _ in range(5):
            start = time.perf_counter()
            model.predict(fresh)
            times.append(time.perf_counter() - start)
        told.append(1e6 * min(times) / POINTS)
    print(f"n = {n}, d = {d}: a query {told[0]:.1f} us (nearest neighbor), {told[1]:.1f} us (student); numbers stored "
          f"{rule.memory} and {student.size.nonzeros}")
    assert rule.memory < student.size.nonzeros


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_digits_beside_a_trained_network(noise: float) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    networks = pytest.importorskip("sklearn.neural_network")
    X, y = datasets.load_digits(return_X_y=True)
    split = con.populations.table(X / 16, y, noise=noise).split(1397, np.random.default_rng(0))
    trained = networks.MLPClassifier((50,), max_iter=400, random_state=0, alpha=1e-3).fit(split.X, split.y)
    network, rule = con.as_network(trained), con.NearestNeighbor(split.X, split.y, norm=2)
    for delta in (0.0, 0.01, 0.03, 0.05, 0.1):
        found = rule.robust_verdicts(split.X_test, split.clean_test, delta, ball=math.inf)
        assert (found >= 0).all()
        other = con.robust_error(network, split.X_test, split.clean_test, radius=delta)
        print(f"noise {noise}, delta {delta}: nearest neighbor {found.mean():.4f}, network {other}")
