"""Robust error of one student in two ways: its exact rule, and the general bounds of the written-out network.

``python -m pytest benchmarks/test_risk.py -s`` prints the ratio and how often the two answers are the same.
"""

from __future__ import annotations

import math
import time
from statistics import median
from typing import Any

import numpy as np
import pytest

import constructive as con
from constructive.certificates.branching import decide
from constructive.certificates.goals import Goal
from constructive.students import robust_verdicts

POINTS, BOXES, ROUNDS = 400, 64, 3


@pytest.mark.parametrize(("data", "dimension"), [(1000, 2), (1000, 8), (3000, 8)])
def test_the_rule_in_turn_with_general_bounds(benchmark: Any, capsys: pytest.CaptureFixture[str],
                                              data: int, dimension: int) -> None:
    """The rule on all points; branch and bound over the written-out network on a few of them, scaled up."""
    benchmark.group = f"robust error of a student of {data} data, d = {dimension}"
    rng = np.random.default_rng(0)
    X, y = rng.random((data, dimension)), rng.choice([-1, 1], data)
    teacher = con.Network.build([(np.eye(dimension)[:1], [-0.5])])
    student = con.memorize(X, y, radius=0.3 * con.separation(X, y).distance, teacher=teacher)
    points, delta = rng.random((POINTS, dimension)), student.radius / 2
    points[: POINTS // 2] = X[: POINTS // 2] + student.radius * rng.uniform(-2, 2, (POINTS // 2, dimension))
    truth = np.where(points[:, 0] > 0.5, 1, -1)
    network, few = student.to_network(), np.arange(0, POINTS, POINTS // 8)
    seconds: dict[str, list[float]] = {"rule": [], "general": []}
    answers = {}

    def once() -> None:
        start = time.perf_counter()
        answers["rule"] = robust_verdicts(student, points, truth, delta)
        seconds["rule"].append(time.perf_counter() - start)
        start = time.perf_counter()
        answers["general"] = decide(network, points[few], delta, math.inf, Goal("sign", truth[few].astype(float)),
                                    budget=BOXES * few.size).verdict
        seconds["general"].append((time.perf_counter() - start) * POINTS / few.size)

    benchmark.pedantic(once, rounds=ROUNDS, warmup_rounds=1)
    both = (answers["rule"][few] >= 0) & (answers["general"] >= 0)
    assert (answers["rule"][few][both] == answers["general"][both]).all()
    ratio = median(seconds["general"]) / median(seconds["rule"])
    with capsys.disabled():
        print(f"\n  n = {data}, d = {dimension}: the rule {median(seconds['rule']):.4f} s for {POINTS} points, general "
              f"bounds {median(seconds['general']):.1f} s: {ratio:.0f} times; decided by both {int(both.sum())} of "
              f"{few.size}, the same answer")
