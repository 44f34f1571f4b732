"""Bounds of a student over the balls of its data: by the structure of its weights against plain propagation.

``python -m pytest benchmarks/test_certificates.py -m "slow or not slow"`` runs all of it, a million data included;
the ratio of ``test_in_turn`` and the steps of ``test_many_data`` are printed as they are found.
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
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.structural import structural_bounds
from constructive.domain import outward_boxes
from constructive.evidence import Verdict

Array = NDArray[np.float64]
Bounds = tuple[Array, Array]

DATA, DIMENSION, ROUNDS = 2000, 8, 7


def make_student(data: int, dimension: int) -> con.Student:
    """Return the memorizer of uniform data with random signs, at 0.4 of the separation, without a teacher."""
    rng = np.random.default_rng(0)
    X, y = rng.random((data, dimension)), rng.choice([-1, 1], data)
    return con.memorize(X, y, radius=0.4 * con.separation(X, y).distance)


def ways() -> dict[str, Callable[[], Bounds | None]]:
    """Return the two ways to bound one student over the boxes round all its data."""
    student = make_student(DATA, DIMENSION)
    network, boxes = student.to_network(), outward_boxes(student.X, student.radius)
    return {"structural": lambda: structural_bounds(network, *boxes), "plain": lambda: interval_bounds(network, *boxes)}


def test_in_turn(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways one after the other, several times, so that a busy machine is unfair to none of them."""
    benchmark.group = f"bounds of a student of {DATA} data, d = {DIMENSION}, over {DATA} boxes, in turn"
    both = ways()
    seconds: dict[str, list[float]] = {way: [] for way in both}
    found: dict[str, Bounds | None] = {}

    def once() -> None:
        for way, bound in both.items():
            start = time.perf_counter()
            found[way] = bound()
            seconds[way].append(time.perf_counter() - start)

    benchmark.pedantic(once, rounds=ROUNDS, warmup_rounds=1)
    structural, plain = found["structural"], found["plain"]
    assert structural is not None
    assert plain is not None
    for ours, theirs in zip(structural, plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    spent = {way: median(times[1:]) for way, times in seconds.items()}
    with capsys.disabled():
        print(f"\n{DATA} boxes, d = {DIMENSION}, medians of {ROUNDS} in turn:")
        for way, value in spent.items():
            benchmark.extra_info[way] = value
            print(f"  {way:12} {1e3 * value:10.2f} ms, {spent['plain'] / value:8.1f} times as fast as plain")


def steps(data: int) -> dict[str, float]:
    """Return the seconds of each step from data in d = 10 to a confirmed certificate."""
    rng = np.random.default_rng(0)
    X, y = rng.random((data, 10)), rng.choice([-1, 1], data)
    marks = [time.perf_counter()]
    distance = con.separation(X, y).distance
    marks.append(time.perf_counter())
    student = con.memorize(X, y, radius=0.4 * distance)
    marks.append(time.perf_counter())
    network = student.to_network()
    marks.append(time.perf_counter())
    found = con.certify(network, X, y, radius=student.radius)
    marks.append(time.perf_counter())
    assert found.verdict is Verdict.CONFIRMED
    return dict(zip(("separation", "memorize", "to_network", "certify"), np.diff(marks).tolist(), strict=True))


@pytest.mark.slow
def test_many_data(benchmark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Each step at ten thousand and at a million data in d = 10, and the exponent of growth between them."""
    benchmark.group = "from data to certificate, d = 10"
    steps(1000)  # compiles, outside the clock
    few = steps(10_000)
    many = benchmark.pedantic(steps, (1_000_000,), rounds=1)
    with capsys.disabled():
        print("\nfrom data to certificate, d = 10, seconds at 10^4 and 10^6, exponent of growth:")
        for name, seconds in few.items():
            benchmark.extra_info[name] = (seconds, many[name])
            print(f"  {name:12} {seconds:9.3f} {many[name]:9.2f} {math.log(many[name] / seconds) / math.log(100):6.2f}")
