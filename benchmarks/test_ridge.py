"""Ridge regression over a whole path, beside scikit-learn's Ridge once for each ridge; the effective ridge.

``python -m pytest benchmarks/test_ridge.py -m "slow or not slow"`` prints, for 64 ridges at n = 400, p = 4000 on one
thread, the time of the path, of all moments along it, and of 64 fits by scikit-learn, in one run and in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest

from constructive.ridge.effective import effective_ridge
from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.moments import conditional_moments
from constructive.ridge.path import ridge_path
from constructive.ridge.spectra import power_law, spiked

ROUNDS = 3


@pytest.mark.slow
@pytest.mark.benchmark(group="64 ridges, n = 400, p = 4000")
def test_a_path_beside_scikit_learn_once_for_each_ridge(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    linear_model, threadpoolctl = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("threadpoolctl")
    rng = np.random.default_rng(0)
    n, p = 400, 4000
    values = np.append(np.ones(10), np.full(p - 10, 0.01))
    theta = np.append(np.full(10, 10.0**-0.5), np.zeros(p - 10))
    X = rng.normal(size=(n, p)) * np.sqrt(values)
    y = X @ theta + 0.5 * rng.normal(size=n)
    ridges = np.geomspace(1e-4, 1e2, 64)

    def each() -> Any:
        return np.array([linear_model.Ridge(alpha=n * ridge, fit_intercept=False).fit(X, y).coef_ for ridge in ridges])

    programs = {
        "path": lambda: ridge_path(X, y, ridges).coefficients,
        "all moments": lambda: conditional_moments(X, theta, values, ridges, 0.25).adversarial(0.5),
        "equivalents": lambda: deterministic_equivalent(spiked(10, 1.0, p - 10, 0.01 * (p - 10)), n, ridges, 0.25),
        "scikit-learn": each,
    }
    seconds: dict[str, list[float]] = {name: [] for name in programs}

    def turn() -> None:
        for name, program in programs.items():
            start = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - start)

    with threadpoolctl.threadpool_limits(1):
        assert np.abs(programs["path"]() - each()).max() < 1e-9
        turn()
        benchmark.pedantic(turn, rounds=ROUNDS)
    with capsys.disabled():
        print(f"\n64 ridges, n = {n}, p = {p}, one thread, {ROUNDS} rounds in turn: best s, median s, times as fast")
        for name, found in seconds.items():
            times = found[1:]
            benchmark.extra_info[name] = (min(times), median(times))
            ratio = median(other / own for other, own in zip(seconds["scikit-learn"][1:], times, strict=True))
            print(f"  {name:13} {min(times):9.4f} {median(times):9.4f} {ratio:9.1f}")


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
@pytest.mark.benchmark(group="effective ridge, p = 2000")
def test_the_effective_ridge(benchmark: Callable[..., Any], ridge: float) -> None:
    spectrum = power_law(2000, 1.0)
    kappa = benchmark(lambda: effective_ridge(spectrum, 500, ridge))
    df1 = (spectrum.eigenvalues / (spectrum.eigenvalues + kappa)).sum()
    assert kappa * (1.0 - df1 / 500) == pytest.approx(ridge, abs=1e-12)
