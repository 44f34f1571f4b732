"""Bounds of trained networks over balls: backward linear bounds and branch and bound against forward affine forms.

``python -m pytest benchmarks/test_bounds.py --benchmark-only`` prints for each network the time of each way and the
share of balls that it decides; all ways run in turn, so that a busy machine is unfair to none of them.
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

import constructive as con
from constructive.certificates.backward import backward_bounds
from constructive.certificates.branching import SAFE, UNKNOWN, decide
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.goals import Goal
from constructive.certificates.linear import affine_bounds
from constructive.network import Network

sklearn_datasets = pytest.importorskip("sklearn.datasets")
sklearn_networks = pytest.importorskip("sklearn.neural_network")

Array = NDArray[np.float64]
Case = tuple[Network, Array, Goal]

ROUNDS, BUDGET = 7, 100
"""Rounds in turn, and boxes for each point."""


def moons() -> Case:
    """Return an MLP with two hidden layers of 50 on two moons, 500 fresh points, and what is right there."""
    X, y = sklearn_datasets.make_moons(1500, noise=0.2, random_state=0)
    model = sklearn_networks.MLPClassifier((50, 50), max_iter=1000, random_state=0).fit(X[:1000], y[:1000])
    return con.as_network(model), X[1000:], Goal("sign", 2.0 * y[1000:] - 1.0)


def digits() -> Case:
    """Return an MLP with 48 units on the 64 pixels of digits, the 597 held out, and what is right there."""
    X, y = sklearn_datasets.load_digits(return_X_y=True)
    X = X / 16.0
    model = sklearn_networks.MLPClassifier((48,), max_iter=1000, random_state=0).fit(X[:1200], y[:1200])
    return con.as_network(model), X[1200:], Goal("score", y[1200:].astype(float))


def ways(case: Case, radius: float) -> dict[str, Callable[[], Any]]:
    """Return the ways to bound; each returns which balls are safe for sure, branch and bound which are decided."""
    network, points, goal = case
    low, high = points - radius, points + radius
    rows = goal.margins(network.outputs)

    def affine() -> Any:
        bounds = affine_bounds(network, low, high)
        return goal.right(bounds.lower, bounds.upper)

    return {
        "affine": affine,
        "intervals": lambda: goal.right(*interval_bounds(network, low, high)),
        "backward": lambda: (backward_bounds(network, low, high, rows)[0] > 0).all(axis=1),
        "decide": lambda: decide(network, points, radius, math.inf, goal, budget=BUDGET * points.shape[0]).verdict,
    }


@pytest.mark.parametrize(("case", "radius"), [(moons, 0.05), (moons, 0.1), (digits, 0.03)])
def test_in_turn(case: Callable[[], Case], radius: float, benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """All ways one after the other, several times."""
    benchmark.group = f"bounds of {case.__name__} at radius {radius}, in turn"
    every = ways(case(), radius)
    seconds: dict[str, list[float]] = {way: [] for way in every}
    found: dict[str, Any] = {}

    def once() -> None:
        for way, bound in every.items():
            start = time.perf_counter()
            found[way] = bound()
            seconds[way].append(time.perf_counter() - start)

    benchmark.pedantic(once, rounds=ROUNDS, warmup_rounds=1)
    verdict = found.pop("decide")
    decided = {way: float(safe.mean()) for way, safe in found.items()} | {"decide": float((verdict != UNKNOWN).mean())}
    for safe in found.values():
        assert (verdict[safe] == SAFE).all()
    spent = {way: median(times[1:]) for way, times in seconds.items()}
    with capsys.disabled():
        print(f"\n{case.__name__}, {verdict.size} balls of radius {radius}, medians of {ROUNDS} in turn:")
        for way, value in spent.items():
            benchmark.extra_info[way] = (value, decided[way])
            print(f"  {way:10} {1e3 * value:9.2f} ms, {value / spent['affine']:7.2f} times affine forms, "
                  f"decides {100 * decided[way]:6.2f} %")
