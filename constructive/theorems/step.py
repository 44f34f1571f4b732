"""A step costs two units and half its width in L1."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from constructive.blocks import saturated_step, step_gate
from constructive.certificates.exact import piecewise_1d
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Network
from constructive.theorems.draws import moved_weight
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, width: float | None = None) -> Instance:
    """Return a dyadic threshold, a power of two as width, and which of the two forms of the step."""
    return {"threshold": int(rng.integers(-64, 64)) / 32,
            "width": 2.0 ** -int(rng.integers(1, 12)) if width is None else width,
            "saturated": bool(rng.integers(2))}


def construct(threshold: float, width: float, saturated: bool) -> Network:
    """Return the step's network."""
    return (saturated_step if saturated else step_gate)(threshold, width).network


def l1_error(network: Network, instance: Instance) -> Bracket:
    """Return the integral of |network - unit step| over two widths on either side, exactly."""
    step, width = Fraction(instance["threshold"]), Fraction(instance["width"])
    total = Fraction(0)
    for side, wanted in ((-1, 0), (1, 1)):
        pieces = piecewise_1d(network, min(step, step + 2 * side * width), max(step, step + 2 * side * width))
        for a, b, (u,), (v,) in zip(pieces.knots, pieces.knots[1:], pieces.values, pieces.values[1:], strict=False):
            u, v = u - wanted, v - wanted
            area = abs(u + v) / 2 if u * v >= 0 else (u * u + v * v) / (2 * (abs(u) + abs(v)))
            total += (b - a) * area
    return exactly(total)


def limit(width: float, **_: Any) -> float:
    """Return w / 2."""
    return width / 2


THEOREM = Theorem(
    name="step-gate",
    source=Source("2401.13624", "steps built from two ReLUs", "paper", "secondary"),
    statement="A step of ReLUs that rises over a width w differs from the unit step by exactly w / 2 in L1.",
    hypotheses=("width w > 0",),
    claims=(Claim("L1 distance from the unit step", l1_error, limit, "w / 2", "=="),),
    draw=draw, construct=construct, plant=moved_weight,
    proof=(("the step is linear between its two knots", "certificates.exact.piecewise_1d"),),
)
