"""Kernels of infinitely wide networks beside the inner products that they are made of, in one run, in turn.

``python -m pytest benchmarks/test_tangent.py -m "slow or not slow"`` prints, for 2000 x 2000 kernels and weighted
input gradients of 500 points against 2000, the best and the median time of each and the ratio to its matrix products
alone: one product for a kernel, two for a gradient.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from constructive.tangent import ErfKernel, ReluKernel

Array = NDArray[np.float64]
POINTS, ATTACKED, ROUNDS = 2000, 500, 15


def work(d: int, depth: int) -> dict[str, Callable[[], Any]]:
    """Return the programs to time: products first, each then beside what it is compared with."""
    rng = np.random.default_rng(0)
    X, Z, weights = rng.normal(size=(POINTS, d)), rng.normal(size=(POINTS, d)), rng.normal(size=(ATTACKED, POINTS))
    kernel, few = ReluKernel(depth, 1.76, 0.18), X[:ATTACKED].copy()
    return {
        "product": lambda: X @ Z.T,
        "ntk": lambda: kernel.ntk(X, Z),
        "both": lambda: kernel.both(X, Z),
        "ntk, symmetric": lambda: kernel.ntk(X),
        "two products": lambda: weights * (few @ Z.T) @ Z,
        "gradient": lambda: kernel.input_gradient(few, Z, weights),
    }


def plain(X: Array, Z: Array, depth: int, gain: float, shift: float) -> Array:
    """Return the tangent kernel as one would write it in NumPy, a new matrix for every step."""
    s, p, q = (gain * part / X.shape[1] + shift for part in (X @ Z.T, (X * X).sum(axis=1), (Z * Z).sum(axis=1)))
    t = s
    for _ in range(depth - 1):
        size = np.sqrt(np.outer(p, q))
        c = np.clip(s / size, -1.0, 1.0)
        angle = np.pi - np.arccos(c)
        s = gain * size * (np.sqrt(1.0 - c * c) + c * angle) / (2.0 * np.pi) + shift
        t = s + gain * angle / (2.0 * np.pi) * t
        p, q = gain * p / 2.0 + shift, gain * q / 2.0 + shift
    return t


@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("d", [64, 784])
def test_in_turn(benchmark: Any, capsys: pytest.CaptureFixture[str], d: int, depth: int) -> None:
    programs = work(d, depth)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    benchmark.group = "wide kernels"

    def turn() -> None:
        for name, program in programs.items():
            start = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - start)

    turn()  # compiles, outside the clock
    benchmark.pedantic(turn, rounds=ROUNDS)
    with capsys.disabled():
        print(f"\nd = {d}, depth {depth}, {ROUNDS} rounds in turn: best ms, median ms, ratios to the products alone")
        base = "product"
        for name, found in seconds.items():
            base = name if "product" in name else base
            times, alone = found[1:], seconds[base][1:]
            benchmark.extra_info[name] = (min(times), median(times))
            print(f"  {name:15} {1e3 * min(times):8.1f} {1e3 * median(times):8.1f}   {min(times) / min(alone):6.2f} "
                  f"{median(a / b for a, b in zip(times, alone, strict=True)):6.2f}")


@pytest.mark.parametrize("way", ["ours", "plain"])
@pytest.mark.benchmark(group="tangent kernel 1000 x 1000, d = 64, depth 3")
def test_beside_plain_arrays(benchmark: Callable[..., Any], way: str) -> None:
    rng = np.random.default_rng(0)
    X, Z, kernel = rng.normal(size=(1000, 64)), rng.normal(size=(1000, 64)), ReluKernel(3, 1.76, 0.18)
    expected = kernel.ntk(X, Z)
    found = benchmark((lambda: kernel.ntk(X, Z)) if way == "ours" else lambda: plain(X, Z, 3, 1.76**2, 0.18**2))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.benchmark(group="tangent kernel 1000 x 1000, d = 64, depth 3")
def test_the_error_function(benchmark: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    X, Z, kernel = rng.normal(size=(1000, 64)), rng.normal(size=(1000, 64)), ErfKernel(3, 1.76, 0.18)
    found = benchmark(lambda: kernel.ntk(X, Z))
    np.testing.assert_allclose(found[0, :5], kernel.ntk(X[:1], Z[:5])[0], rtol=1e-12)


@pytest.mark.parametrize("close", [0, 100])
@pytest.mark.benchmark(group="tangent kernel 1000 x 1000, d = 64, depth 3, symmetric")
def test_close_pairs(benchmark: Callable[..., Any], close: int) -> None:
    """Each row that has close partners is formed again from differences, there only: 100 copies are 4950 pairs."""
    X, kernel = np.random.default_rng(0).normal(size=(1000, 64)), ReluKernel(3, 1.76, 0.18)
    X[:close] = X[0]
    found = benchmark(lambda: kernel.ntk(X))
    assert (found == found.T).all()
