"""Certificates of students: bounds from the bump structure against plain propagation through all weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.structural import structural_bounds
from constructive.domain import outward_boxes
from constructive.students import memorize, separation

WAYS: dict[str, Any] = {
    "structural": structural_bounds,
    "structural, teacher box by box": lambda f, low, high: structural_bounds(f, low, high, tight=True),
    "plain intervals": interval_bounds,
}


def student(n: int, d: int) -> Any:
    rng = np.random.default_rng(0)
    X, y = rng.random((n, d)), rng.integers(0, 2, n)
    made = memorize(X, y, radius=0.4 * separation(X, y).distance)
    return made.to_network(), *outward_boxes(X, made.radius)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.benchmark(group="bounds on 2,000 training boxes, d = 8")
def test_bounds(benchmark: Any, way: str) -> None:
    network, low, high = student(2000, 8)
    WAYS[way](network, low[:2], high[:2])
    benchmark.pedantic(WAYS[way], args=(network, low, high), rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("n", [10_000, 30_000, 100_000])
@pytest.mark.benchmark(group="structural bounds on n training boxes, d = 10")
def test_growth(benchmark: Any, n: int) -> None:
    network, low, high = student(n, 10)
    benchmark.pedantic(structural_bounds, args=(network, low, high), rounds=3, warmup_rounds=1)
