"""Networks and points for the tests of what is exchanged with other tools."""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive.network import Network


def same(f: Network, g: Network) -> bool:
    """Return whether two networks store the same bits."""
    return f.dtype == g.dtype and len(f.layers) == len(g.layers) and all(
        one.tobytes() == two.tobytes() for a, b in zip(f.layers, g.layers, strict=True)
        for one, two in ((a.weight.data, b.weight.data), (a.weight.indices, b.weight.indices),
                         (a.weight.indptr, b.weight.indptr), (a.bias, b.bias)))


def some_network(seed: int, widths: tuple[int, ...], dtype: Any) -> Network:
    """Return a random network with many zeros among its weights, and -0.0 among its biases."""
    rng = np.random.default_rng(seed)
    maps = []
    for k, m in zip(widths, widths[1:], strict=False):
        bias = rng.normal(size=m) * rng.integers(0, 2, m)
        maps.append((rng.normal(size=(m, k)) * rng.integers(0, 2, (m, k)), bias * rng.choice([-1.0, 1.0], m)))
    return Network.build(maps, dtype)


def points_on_boxes(student: Any, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return n data numbers and points of their boxes in the student's format, every tenth a corner."""
    which = rng.integers(0, student.X.shape[0], n)
    step = 2 * rng.random((n, student.X.shape[1])) - 1
    step[::10] = np.sign(step[::10])
    points = student.X[which] + student.radius * step
    kind = student.precision
    low, high = student.X[which] - student.radius, student.X[which] + student.radius
    near = points.astype(kind)
    # rounding to the format must not leave the ball
    near = np.where(near < low, np.nextafter(near, np.array(np.inf, kind)), near)
    return which, np.where(near > high, np.nextafter(near, np.array(-np.inf, kind)), near)
