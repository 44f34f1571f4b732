"""Slopes and movement of functions made of the tangent kernels of one hidden layer: what attacks on them rest on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.tangent.two_layer import TwoLayerKernel
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
STEP = 1e-5
"""Half the distance of difference quotients."""
ROUNDING = 1e-12


def draw(rng: np.random.Generator) -> Instance:
    """Return a kernel, data with coefficients, points at angles between 0.1 and pi - 0.1 from them, and balls."""
    n, d, m = int(rng.integers(1, 9)), int(rng.integers(2, 6)), 4
    X, points = rng.normal(size=(n, d)) * np.exp(rng.normal(size=(n, 1))), np.empty((0, d))
    ways = X / np.linalg.norm(X, axis=1, keepdims=True)
    while len(points) < m:
        x = rng.normal(size=(1, d))
        if (np.abs(ways @ x[0]) < np.cos(0.1) * np.linalg.norm(x)).all():
            points = np.vstack([points, x])
    radius, to = float(10.0 ** rng.uniform(-3.0, 0.5)), rng.normal(size=(m, 32, d))
    to *= radius * rng.uniform(size=(m, 32, 1)) ** (1.0 / d) / np.linalg.norm(to, axis=2, keepdims=True)
    return {"trained": str(rng.choice(["first", "both"])), "X": X, "coefficients": rng.normal(size=n), "points": points,
            "radius": radius, "balls": points[:, None] + to}


def construct(trained: str, X: Array, coefficients: Array, points: Array, **_: object) -> Array:
    """Return grad f (m, d) at the points, f = sum_i coefficients_i k(., x_i)."""
    return _kernel(trained).gradient(points, X, np.tile(coefficients, (len(points), 1)))


def _kernel(trained: str) -> TwoLayerKernel:
    return TwoLayerKernel("first" if trained == "first" else "both")


def _values(instance: Instance, Z: Array) -> Array:
    return np.asarray(_kernel(instance["trained"])(Z, instance["X"]) @ instance["coefficients"])


def _size(instance: Instance) -> float:
    """Return sum_i |coefficients_i| |x_i|."""
    return float(np.abs(instance["coefficients"]) @ np.linalg.norm(instance["X"], axis=1))


def homogeneous(found: Array, instance: Instance) -> Bracket:
    """Return the largest |<x, grad f(x)> - f(x)| over |x| sum_i |c_i| |x_i|."""
    points = instance["points"]
    off = np.abs(np.einsum("ij,ij->i", points, found) - _values(instance, points))
    most = float((off / np.linalg.norm(points, axis=1)).max()) / _size(instance)
    return Bracket(max(most - ROUNDING, 0.0), most, Evidence.ENCLOSED)


def steepest(found: Array, instance: Instance) -> Bracket:
    """Return the largest |grad f| over sum_i |c_i| |x_i| times the kernel's slope."""
    most = float(np.linalg.norm(found, axis=1).max()) / (_size(instance) * _kernel(instance["trained"]).slope)
    return Bracket(most * (1.0 - ROUNDING), most * (1.0 + ROUNDING), Evidence.ENCLOSED)


def by_differences(found: Array, instance: Instance) -> Bracket:
    """Return how far slopes along the axes are from symmetric difference quotients, over sum_i |c_i| |x_i|."""
    points, quotients = instance["points"], np.empty_like(found)
    for a, axis in enumerate(np.eye(points.shape[1])):
        quotients[:, a] = _values(instance, points + STEP * axis) - _values(instance, points - STEP * axis)
    off = float(np.abs(quotients / (2.0 * STEP) - found).max()) / _size(instance)
    return Bracket(max(off - 1e-8, 0.0), off, Evidence.ENCLOSED)


def moved(found: Array, instance: Instance) -> Bracket:
    """Return the largest |f(z) - f(x)| over drawn points z of the balls, over |f|_H times the bound of the distance."""
    kernel, points = _kernel(instance["trained"]), instance["points"]
    c, gram = instance["coefficients"], kernel(instance["X"])
    limits = np.sqrt(c @ gram @ c) * kernel.distance(points, instance["radius"])
    here = _values(instance, points)
    most = max(float(np.abs(_values(instance, ball) - value).max() / limit)
               for ball, value, limit in zip(instance["balls"], here, limits, strict=True))
    return Bracket(most * (1.0 - ROUNDING), most * (1.0 + ROUNDING), Evidence.SAMPLED)


def quotient_limit(points: Array, **_: object) -> float:
    """Return a bound of what third derivatives and rounding add: the former are at most 20 / (|x| sin 0.1)^2."""
    least = float(np.linalg.norm(points, axis=1).min())
    return 20.0 / 6.0 * (STEP / ((least - STEP) * np.sin(0.099))) ** 2 + 1e-8


def plant(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return slopes without what comes from turning the gates: those between the jumps of a finite network."""
    X, points, coefficients = instance["X"], instance["points"], instance["coefficients"]
    weights = np.tile(coefficients, (len(points), 1))
    first = TwoLayerKernel("first")
    return np.asarray(found - first.gradient(points, X, weights) + first.gate_gradient(points, X, weights))


THEOREM = Theorem(
    name="slopes-of-kernels-of-one-layer",
    source=Source(rs.PAPER, "adversarial risk of wide two-layer networks in the tangent kernel regime", "ours",
                  "abstract"),
    statement="For f = sum_i c_i k(., x_i), k the tangent kernel of a wide ReLU network with one hidden layer, the "
              "first or both layers trained: f is 1-homogeneous; |grad f| <= C sum_i |c_i| |x_i|, C = sqrt(pi^2 + 1) / "
              "(2 pi) or sqrt(4 pi^2 + 1) / (2 pi); |f(z) - f(x)| <= |f|_H sqrt(b r^2 + r |x| / pi) for |z - x| <= r, "
              "b = 1/2 or 1. A part of the slope at right angles to x shows in finite networks with the first layer "
              "trained only across the jumps of their features.",
    hypotheses=("x and z not 0", "slopes: x neither parallel nor opposite to a datum, where f may have a cone"),
    claims=(Claim("|<x, grad f> - f| over its scale", homogeneous, lambda **_: ROUNDING, "1e-12"),
            Claim("|grad f| over its bound", steepest, lambda **_: 1.0 + 2.0 * ROUNDING, "1 + 2e-12"),
            Claim("slopes off difference quotients, over their scale", by_differences, quotient_limit,
                  "20 / 6 (h / (|x| sin 0.1))^2 + 1e-8"),
            Claim("movement over its bound", moved, lambda **_: 1.0 + 2.0 * ROUNDING, "1 + 2e-12",
                  scope="sampled instances")),
    draw=draw, construct=construct, plant=plant, repeats=10,
    proof=(("(2 pi)^2 |grad k|^2 / |z|^2 = (pi - t)^2 + (pi - t) sin 2t + cos^2 t, largest at t = 0; or 4 (pi - t)^2 + "
            "4 (pi - t) sin 2t + 1", "tangent.two_layer.TwoLayerKernel.jacobian"),
           ("|x| |z| t cos t <= |x| |z| sin t <= |x| r; E (relu u - relu v)^2 <= E (u - v)^2 / 2",
            "tangent.two_layer.TwoLayerKernel.distance")),
)
