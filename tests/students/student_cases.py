"""Students to test, points of their boxes, and the programs that evaluate a network."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from oracles import dense_values, machine_values

from constructive.network import Network
from constructive.students import Student, memorize, separation

Array = NDArray[np.float64]

EVALUATIONS: dict[str, Callable[[Network, Array, np.random.Generator], Array]] = {
    "dense": lambda f, x, rng: dense_values(f, x),
    "kernels": lambda f, x, rng: f(x),
    "permuted and fused": machine_values,
}


def box_points(lower: Array, upper: Array, count: int,
               rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    """Return points of the boxes and the box of each: half corners, half uniform, ends included."""
    which = rng.integers(0, lower.shape[0], count)
    low, high = lower[which], upper[which]
    inside = np.clip(low + rng.random(low.shape) * (high - low), low, high)
    corner = np.where(rng.random(low.shape) < 0.5, low, high)
    return np.where((np.arange(count) % 2 == 0)[:, None], corner, inside), which


def some_teacher(d: int, k: int, hidden: int, rng: np.random.Generator, scale: float = 1.0) -> Network:
    """Return a random network with the given number of hidden layers, a few zero biases included."""
    widths = [d, *rng.integers(1, 6, hidden).tolist(), k]
    maps = [(rng.normal(size=(b, a)), rng.normal(size=b) * (rng.random(b) < 0.7))
            for a, b in pairwise(widths)]
    return scale * Network.build(maps)


def some_labels(kind: str, n: int, rng: np.random.Generator) -> Any:
    """Return labels: "signs", "real", "repeated" (three real values), "classes" (three at most), "one"."""
    return {
        "signs": rng.choice([-1.0, 1.0], n),
        "real": rng.normal(size=n) * 3,
        "repeated": rng.choice([-0.7, 0.1, 2.3], n),
        "classes": rng.choice(list("abc"), n),
        "one": np.full(n, "only"),
    }[kind]


def some_student(d: int, kind: str, rng: np.random.Generator, n: int = 24, **options: Any) -> Student:
    """Return a student of random data with a random teacher of 0 to 3 hidden layers."""
    points, labels = rng.uniform(-3, 3, (n, d)), some_labels(kind, n, rng)
    distance = separation(points, labels).distance
    radius = float(rng.choice([0.3, 0.47])) * (distance if np.isfinite(distance) else 1.0)
    teacher = some_teacher(d, 3 if kind == "classes" else 1, int(rng.integers(0, 4)), rng)
    return memorize(points, labels, radius=radius, teacher=teacher, **options)


def wanted(student: Student) -> Array:
    """Return the scores (n, m) that each datum must get: one-hot B and -B, or the rounded label."""
    labels, b = student.labels, student.amplitude
    if labels.outputs == 1:
        return labels.scores[:, None]
    return np.where(np.arange(labels.outputs) == labels.index[:, None], b, -b)
