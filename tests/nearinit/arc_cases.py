"""Ranges on arcs of the circle in 40 digits, edge by edge, and random networks to try them on."""

from __future__ import annotations

import mpmath
import numpy as np
from numpy.typing import NDArray

from constructive.nearinit import Caps, GatedSum, caps, separated_sphere
from constructive.network import Network

Array = NDArray[np.float64]
Number = mpmath.mpf


def relu_sum(weight: Array, bias: Array, output: Array) -> GatedSum:
    """Return sum_r output_r relu(<weight_r, x> + bias_r)."""
    return GatedSum(weight, bias, output[:, None] * weight, output * bias)


def relu_network(weight: Array, bias: Array, output: Array) -> Network:
    """Return the same function as a Network."""
    return Network.build([(weight, bias), (output[None, :], None)])


def random_relus(rng: np.random.Generator, d: int) -> tuple[Array, Array, Array]:
    """Return weights, biases and signs of 1 to 48 units; signs, so that products in both forms are exact."""
    m = int(rng.integers(1, 49))
    return rng.normal(size=(m, d)), rng.normal(size=m), rng.choice((-1.0, 1.0), m)


def random_caps(rng: np.random.Generator, d: int, radius: float | None = None) -> Caps:
    """Return one or two caps of a random radius."""
    size = float(rng.choice((0.01, 0.05, 0.1, 0.3, 0.6))) if radius is None else radius
    return caps(separated_sphere(int(rng.integers(1, 3)), d, 2 * size + 0.01, rng=rng), size)


def precise_range(function: GatedSum, found: Caps, index: int) -> tuple[Number, Number]:
    """Return infimum and supremum on one arc with every operation in 40 digits."""
    with mpmath.workdps(40):
        rows = [[Number(float(v)) for v in row] for row in
                np.hstack([function.gate, function.gate_bias[:, None], function.linear, function.offset[:, None]])]
        x, y = (Number(float(v)) for v in found.X[index])
        center, half = mpmath.atan2(y, x), 2 * mpmath.asin(Number(found.radius) / 2)
        turn = 2 * mpmath.pi
        edges = [-half, half]
        for g1, g2, b, *_ in rows:
            size = mpmath.hypot(g1, g2)
            if size > 0 and abs(b) <= size:
                psi, alpha = mpmath.atan2(g2, g1) - center, mpmath.acos(-b / size)
                edges += [e - turn * mpmath.nint(e / turn) for e in (psi - alpha, psi + alpha)]
        edges = sorted(e for e in edges if abs(e) <= half)
        low, high = mpmath.inf, -mpmath.inf
        for left, right in [(e, e) for e in edges] + list(zip(edges, edges[1:], strict=False)):
            if left < right < left + Number(10) ** -30:
                continue
            inside = center + (left + right) / 2
            cosine, sine = mpmath.cos(inside), mpmath.sin(inside)
            opened = [row for row in rows if row[0] * cosine + row[1] * sine + row[2] >= -(Number(10) ** -30)]
            a, b, c = (mpmath.fsum(row[k] for row in opened) for k in (3, 4, 5))
            angles = [left, right]
            for peak in (mpmath.atan2(b, a) - center, mpmath.atan2(-b, -a) - center):
                angles += [peak + k * turn for k in (-1, 0, 1) if left <= peak + k * turn <= right]
            values = [a * mpmath.cos(center + t) + b * mpmath.sin(center + t) + c for t in angles]
            low, high = min(low, *values), max(high, *values)
        return low, high
