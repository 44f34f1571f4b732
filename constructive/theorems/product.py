"""The product of two numbers by two squares: exact where it matters."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from constructive.blocks import product_gate
from constructive.calculus import affine
from constructive.certificates.exact import piecewise_1d
from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.network import Network
from constructive.theorems.draws import moved_weight
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, levels: int | None = None, magnitude: float | None = None) -> Instance:
    """Return levels 1 to 7 and a power of two as magnitude."""
    return {"levels": int(rng.integers(1, 8)) if levels is None else levels,
            "magnitude": 2.0 ** int(rng.integers(-2, 3)) if magnitude is None else magnitude}


def construct(levels: int, magnitude: float) -> Network:
    """Return the product gate's network."""
    return product_gate(levels, magnitude).network


def sup_error(network: Network, instance: Instance) -> Bracket:
    """Return sup |P(x, y) - x y| over the square, exactly where P splits into functions of x + y and of x - y.

    In s = x + y, t = x - y every unit must read s alone or t alone; then the error is A(s) - B(t), each found
    exactly in one dimension. The lower end is the value at the midpoint of the first diagonal cell.
    """
    magnitude, levels = Fraction(instance["magnitude"]), instance["levels"]
    point = magnitude / 2 ** (levels + 1)
    seen = abs(network.exact([point, point])[0] - point * point)
    turned = network @ affine([[0.5, 0.5], [0.5, -0.5]])
    if not _splits(turned):
        return Bracket(float(seen), np.inf, Evidence.ENCLOSED)
    constant = turned.exact([0, 0])[0]
    ranges = [_range(turned @ affine(axis), magnitude, sign) for axis, sign in (([[1.0], [0.0]], 1),
                                                                                ([[0.0], [1.0]], -1))]
    top = ranges[0][1] + ranges[1][1] - constant
    bottom = ranges[0][0] + ranges[1][0] - constant
    worst = max(abs(top), abs(bottom))
    return exactly(worst) if worst == seen else Bracket(exactly(seen).lower, exactly(worst).upper)


def _splits(network: Network) -> bool:
    """Return whether every unit depends on at most one of two inputs."""
    reads = np.eye(2, dtype=bool)
    for layer in network.layers[:-1]:
        reads = (abs(layer.weight) @ reads.astype(float)) > 0
        if reads.all(axis=1).any():
            return False
    return True


def _range(network: Network, magnitude: Fraction, sign: int) -> tuple[Fraction, Fraction]:
    """Return min and max over [-2M, 2M] of ``f(s) - sign s^2 / 4``, exactly."""
    pieces = piecewise_1d(network, -2 * magnitude, 2 * magnitude)
    values = []
    for a, b, (u,), (v,) in zip(pieces.knots, pieces.knots[1:], pieces.values, pieces.values[1:], strict=False):
        slope = (v - u) / (b - a)
        turn = 2 * slope * sign
        for x in [a, b] + ([turn] if a < turn < b else []):
            values.append(u + slope * (x - a) - sign * x * x / 4)
    return min(values), max(values)


def on_axis(network: Network, instance: Instance) -> Bracket:
    """Return sup over y in [-M, M] of |P(0, y)|, exactly."""
    return _deviation(network @ affine([[0.0], [1.0]]), instance, Fraction(0))


def on_edge(network: Network, instance: Instance) -> Bracket:
    """Return sup over y in [-M, M] of |P(M, y) - M y|, exactly."""
    side = instance["magnitude"]
    return _deviation(network @ affine([[0.0], [1.0]], [side, 0.0]), instance, Fraction(side))


def _deviation(network: Network, instance: Instance, slope: Fraction) -> Bracket:
    pieces = piecewise_1d(network, -Fraction(instance["magnitude"]), Fraction(instance["magnitude"]))
    return exactly(max(abs(v[0] - slope * k) for k, v in zip(pieces.knots, pieces.values, strict=True)))


def limit(levels: int, magnitude: float, **_: Any) -> float:
    """Return M^2 4^-(m+1)."""
    return magnitude**2 * 4.0 ** -(levels + 1)


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


THEOREM = Theorem(
    name="product-gate",
    source=Source("2401.13624", "product gate", "sharper", "secondary", ("arXiv:1610.01145",)),
    statement="Two squares give x y on |x|, |y| <= M with largest error exactly M^2 4^-(m+1); the products with 0 "
              "and with M are exact.",
    hypotheses=("|x|, |y| <= M", "M a power of two", "m >= 1 levels"),
    claims=(Claim("largest error on the square", sup_error, limit, "M^2 4^-(m+1)", "=="),
            Claim("largest |P(0, y)|", on_axis, zero, "0", "=="),
            Claim("largest |P(M, y) - M y|", on_edge, zero, "0", "==")),
    draw=draw, construct=construct, plant=moved_weight,
    proof=(("x y = ((x + y) / 2)^2 - ((x - y) / 2)^2, and the error of a square is one-sided",
            "theorems.product.sup_error"),),
)
