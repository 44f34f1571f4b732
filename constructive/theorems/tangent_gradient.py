"""The squared input gradient of a wide ReLU network at initialization: one constant, the same at every point."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.tangent import ReluKernel
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
SMALL = 1e-7  # distance over |x| at which difference quotients are compared with the constant
ROUNDING = 1e-12  # of squared distances formed from differences of points, many times over


def draw(rng: np.random.Generator, depth: int | None = None) -> Instance:
    """Return a kernel, a point x, and points far from and close to x along the axes and two other directions."""
    layers = int(rng.integers(1, 7)) if depth is None else int(depth)
    d = int(rng.integers(2, 6))
    kernel = ReluKernel(layers, float(rng.uniform(1.0, 2.0)), float(rng.choice((0.0, 0.18, 1.0))))
    x = rng.normal(size=(1, d))
    ways = np.vstack([np.eye(d), rng.normal(size=(2, d))])
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    far = x + rng.uniform(0.01, 3.0, (d + 2, 1)) * ways
    return {"kernel": kernel, "x": x, "far": far, "near": x + SMALL * float(np.linalg.norm(x)) * ways}


def construct(kernel: ReluKernel, x: Array, far: Array, near: Array) -> float:
    """Return the constant E|grad_x f|^2 that the kernel states at x."""
    return float(kernel.squared_gradient(x)[0])


def _ratios(found: float, instance: Instance, points: Array) -> Array:
    """Return d E(f(x) - f(z))^2 / |x - z|^2 over the constant, for each z."""
    x = instance["x"]
    squares = ((points - x) ** 2).sum(axis=1)
    return np.asarray(x.shape[1] * instance["kernel"].distances(x, points)[0][0] / squares / found)


def everywhere(found: float, instance: Instance) -> Bracket:
    """Return the largest ratio over far and near points."""
    most = float(np.max(_ratios(found, instance, np.vstack([instance["far"], instance["near"]]))))
    return Bracket(most * (1.0 - ROUNDING), most * (1.0 + ROUNDING), Evidence.ENCLOSED)


def nearby(found: float, instance: Instance) -> Bracket:
    """Return the least ratio over the near points, which point in d + 2 directions."""
    least = float(np.min(_ratios(found, instance, instance["near"])))
    return Bracket(least * (1.0 - ROUNDING), least * (1.0 + ROUNDING), Evidence.ENCLOSED)


def loss(kernel: ReluKernel, x: Array, far: Array, near: Array) -> float:
    """Return 1 - (depth - 1) angle / 4, angle a bound on that of the first layer's preactivations at x and near it."""
    d = x.shape[1]
    e = kernel.weight_std**2 / d * float(((near - x) ** 2).sum(axis=1).max())
    p = kernel.weight_std**2 / d * float((x**2).sum()) + kernel.bias_std**2
    return 1.0 - 0.25 * (kernel.depth - 1) * 1.01 * math.asin(math.sqrt(e / p)) - 2.0 * ROUNDING


def plant(found: float, instance: Instance, rng: np.random.Generator) -> float:
    """Return the constant off by a thousandth, or by the half that one more gate would take."""
    return found * float(rng.choice((0.5, 0.999, 1.001)))


THEOREM = Theorem(
    name="input-gradient-of-wide-networks",
    source=Source("2310.06112", "the kernel of input gradients that the attack's strength rests on", "sharper",
                  "secondary"),
    statement="At initialization of an infinitely wide ReLU network of depth L, E[d_a f d_b f] = kappa / d for a = b "
              "and 0 else, kappa = weight_std^(2 L) / 2^(L - 1), at every x != 0 and for every bias: and E(f(x) - "
              "f(z))^2 <= kappa |x - z|^2 / d for all x and z, an equality up to O(|x - z|^3).",
    hypotheses=("tangent parameterization, normal weights and biases", "x != 0, or a bias"),
    claims=(Claim("d E(f(x) - f(z))^2 / |x - z|^2 over kappa, at most", everywhere, lambda **_: 1.0 + 2.0 * ROUNDING,
                  "1 + 2e-12"),
            Claim("the same, at least, in every direction close to x", nearby, loss, "1 - (L - 1) angle / 4", ">=")),
    draw=draw, construct=construct, plant=plant, repeats=20,
    proof=(("the gate is 0 or 1, and the law of (z, grad z) symmetric: each layer halves", "tangent.relu.ReluKernel."
            "squared_gradient"),
           ("e+ = weight_std^2 (e / 2 - sqrt(p q) (sin - angle cos) / pi)", "tangent.relu.ReluKernel.distances")),
)
