"""What the tests of both kernels share: quadrature that knows no closed form, pairs of points, and mpmath beside us."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]
SCALES = [(1.76, 0.18), (math.sqrt(2.0), 0.0), (1.5, 1.0)]


def normal_nodes(pieces: int = 40, reach: float = 12.0) -> tuple[Array, Array]:
    """Return nodes and weights for E[h(u)], u standard normal, h smooth except at 0: Gauss-Legendre in pieces."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    ends = np.linspace(-reach, reach, pieces + 1)
    u = np.concatenate([a + (b - a) * (nodes + 1) / 2 for a, b in pairwise(ends)])
    w = np.tile(weights * (ends[1] - ends[0]) / 2, pieces)
    return u, w * np.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def relu_given(mean: Array, deviation: float) -> tuple[Array, Array]:
    """Return E[relu(v)] and P(v > 0) for normal v, or relu and its slope at the mean."""
    if deviation == 0.0:
        return np.maximum(mean, 0.0), (mean > 0.0).astype(float)
    ratio = mean / deviation
    return mean * ndtr(ratio) + deviation * np.exp(-ratio * ratio / 2) / math.sqrt(2 * math.pi), ndtr(ratio)


def erf_given(mean: Array, deviation: float) -> tuple[Array, Array]:
    """Return E[erf(v)] and E[erf'(v)] for normal v: 2 Phi(sqrt 2 v) - 1 smoothed by another normal number."""
    wide = math.sqrt(1 + 2 * deviation**2)
    return 2 * ndtr(math.sqrt(2) * mean / wide) - 1, 2 / math.sqrt(math.pi) / wide * np.exp(-((mean / wide) ** 2))


def by_quadrature(given: Callable[[Array, float], tuple[Array, Array]], x: Array, z: Array, depth: int,
                  weight_std: float, bias_std: float) -> tuple[float, float]:
    """Return (nngp, ntk) of two points, every expectation by quadrature over u of what is known of v given u."""
    u, w = normal_nodes()
    gain, shift = weight_std**2, bias_std**2
    s, p, q = (gain * float(a @ b) / a.size + shift for a, b in ((x, z), (x, x), (z, z)))
    t = s
    for _ in range(depth - 1):
        outer, slope = given(math.sqrt(p) * u, 0.0)
        inner, inner_slope = given(s / math.sqrt(p) * u, math.sqrt(q - s * s / p))
        other, _ = given(math.sqrt(q) * u, 0.0)
        t *= gain * float(w @ (slope * inner_slope))
        s, p, q = (gain * float(w @ v) + shift for v in (outer * inner, outer * outer, other * other))
        t += s
    return s, t


def pair(rng: np.random.Generator, d: int, cosine: float, size: float = 1.0) -> tuple[Array, Array]:
    """Return two points at the given cosine, the second ``size`` times as long."""
    basis = np.linalg.qr(rng.normal(size=(d, 2)))[0].T
    length = rng.uniform(0.5, 2.0)
    return length * basis[0], size * length * (cosine * basis[0] + math.sqrt(1 - cosine * cosine) * basis[1])


def exactly(kernel: Callable[..., tuple[Any, Any]], X: Array, Z: Array, *args: Any) -> tuple[Array, Array]:
    """Return (nngp, ntk) of rows paired one by one, by 60 digits, rounded once."""
    with mpmath.workdps(60):
        found = [[float(v) for v in kernel(x.tolist(), z.tolist(), *args)] for x, z in zip(X, Z, strict=True)]
    return np.array(found).T[0], np.array(found).T[1]


def squared_distances(kernel: Callable[..., tuple[Any, Any]], x: Array, z: Array, *args: Any) -> tuple[float, float]:
    """Return the squared distances of two points in the spaces of nngp and ntk, in 60 digits."""
    with mpmath.workdps(60):
        sums = [kernel(a.tolist(), b.tolist(), *args) for a, b in ((x, x), (z, z), (x, z))]
        return float(sums[0][0] + sums[1][0] - 2 * sums[2][0]), float(sums[0][1] + sums[1][1] - 2 * sums[2][1])


@st.composite
def point_sets(draw: st.DrawFn, least: int = 1, most: int = 7) -> Array:
    """Return up to ``most`` points in up to 5 dimensions: normal ones, zeros, copies, multiples, close and opposite."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    points = rng.normal(size=(draw(st.integers(least, most)), draw(st.integers(1, 5))))
    for i in range(1, points.shape[0]):
        kind = draw(st.sampled_from(["fresh", "fresh", "zero", "copy", "double", "close", "opposite"]))
        before = points[i - 1]
        points[i] = {"fresh": points[i], "zero": 0 * before, "copy": before, "double": 2 * before,
                     "close": before + 1e-9 * points[i], "opposite": 1e-5 * points[i] - before}[kind]
    return points
