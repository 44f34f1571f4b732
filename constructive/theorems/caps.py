"""What inner products can be on separated spherical caps: the room that a step function has."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Source
from constructive.nearinit.geometry import Caps, caps, separated_sphere
from constructive.nearinit.step import step_task
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_ROUNDING = 2.0**-44
"""What cosines and sums of a few dozen products below 1 may be off by, with room."""


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None) -> Instance:
    """Return unit points X (n, d) and a radius below half their smallest distance; one point now and then."""
    dimension = int(rng.choice((2, 3, 5, 8, 20))) if d is None else d
    count = int(rng.choice((1, 2, 3, 5, 8))) if n is None else n
    X = separated_sphere(count, dimension, 0.2, rng=rng)
    return {"X": X, "radius": float(rng.uniform(0.0, 0.999)) * min(caps(X, 0.0).distance, 2.0) / 2.0}


def construct(X: Array, radius: float) -> Caps:
    """Return the caps with their bounds."""
    return caps(X, radius)


def extremes(instance: Instance, sign: float) -> tuple[float, float]:
    """Return the largest (sign = 1) or smallest (-1) foreign inner product: met at a point, and by algebra.

    On the cap round x_i the extremes of <x_j, x> are t own +- ((1 - t^2) (1 - own^2))^(1/2), t = <x_i, x_j> and
    own = 1 - r^2 / 2, or +-1 where +-x_j is in the cap; they are met on the great circle through x_j. No angle needed.
    """
    X, radius = instance["X"], instance["radius"]
    if len(X) == 1:
        return -1.0, -1.0
    own, rim = 1.0 - radius * radius / 2.0, radius * math.sqrt(1.0 - radius * radius / 4.0)
    met, most = -math.inf, -math.inf
    for i, j in zip(*np.nonzero(~np.eye(len(X), dtype=bool)), strict=True):
        t = float(X[i] @ X[j])
        tangent = sign * (X[j] - t * X[i])
        size = float(np.linalg.norm(tangent))
        inside = sign * t >= own
        most = max(most, 1.0 if inside else sign * t * own + size * rim)
        point = sign * X[j] if inside else own * X[i] + rim * tangent / max(size, 1e-9)
        met = max(met, sign * float(X[j] @ point))
    return met, most


def foreign_excess(found: Caps, instance: Instance) -> Bracket:
    """Return the largest foreign inner product less the stated one."""
    met, most = extremes(instance, 1.0)
    return Bracket(min(met, most) - found.foreign, max(met, most) - found.foreign)


def least_shortfall(found: Caps, instance: Instance) -> Bracket:
    """Return the stated smallest foreign inner product less the smallest one."""
    met, most = extremes(instance, -1.0)
    if len(instance["X"]) == 1:
        return Bracket(found.least + 1.0, found.least + 1.0)
    return Bracket(min(met, most) + found.least, max(met, most) + found.least)


def own_excess(found: Caps, instance: Instance) -> Bracket:
    """Return the stated smallest own inner product less the one on the rim, whose distance is the radius."""
    points = Caps(instance["X"], instance["radius"]).rim(np.arange(len(instance["X"])), 0)
    excess = found.own - np.einsum("ij,ij->i", points, instance["X"])
    return Bracket(float(excess.min()), float(excess.max()))


def gap(found: Caps, instance: Instance) -> Bracket:
    """Return own - foreign, less distance (distance - 2 radius) / 2."""
    excess = found.own - found.foreign
    if len(instance["X"]) > 1:
        apart = min(caps(instance["X"], 0.0).distance, 2.0)
        excess -= apart * (apart - 2.0 * instance["radius"]) / 2.0
    return Bracket(excess - _ROUNDING, excess + _ROUNDING)


def window(found: Caps, instance: Instance) -> Bracket:
    """Return the angle between own and foreign set, less distance - 2 radius."""
    task = step_task(found, 0.1)
    apart = min(caps(instance["X"], 0.0).distance, 2.0)
    excess = task.window - (apart - 2.0 * instance["radius"])
    slack = _ROUNDING / max(math.sin(task.own_angle), 1e-4)  # arccosines near 1 lose digits
    return Bracket(excess - slack, excess + slack)


def rounding(**_: Any) -> float:
    """Return the rounding allowed."""
    return _ROUNDING


def minus_rounding(X: Array, radius: float) -> float:
    """Return minus twice what the angle may be off by."""
    return -2.0 * _ROUNDING / max(radius / 2.0, 1e-4)


def plant(found: Caps, instance: Instance, rng: np.random.Generator) -> Caps:
    """Return the bounds of smaller caps, or, where the caps are points, of larger ones."""
    radius = instance["radius"]
    return replace(found, radius=radius * float(rng.uniform(0.3, 0.97)) if radius > 1e-3 else radius + 0.05)


THEOREM = Theorem(
    name="cap-geometry",
    source=Source("2002.06668", "robust sets are separated in inner product", "ours", "secondary"),
    statement="On the cap of chordal radius r round a unit point x_i, <x_i, x> >= 1 - r^2 / 2, and <x_j, x> is between "
              "the cosines of the largest and the smallest angle of two centers, widened by the caps' own angle: ends "
              "that are attained. The two sets are delta (delta - 2r) / 2 apart, in angle at least delta - 2r.",
    hypotheses=("unit points at distance >= delta", "0 <= r < delta / 2"),
    claims=(Claim("largest foreign inner product above the stated one", foreign_excess, rounding, "0 up to rounding"),
            Claim("and below it: the bound is attained", foreign_excess, lambda **_: -_ROUNDING, "0 up to rounding",
                  ">="),
            Claim("smallest foreign inner product below the stated one", least_shortfall, rounding,
                  "0 up to rounding"),
            Claim("own inner product on the rim below the stated one", own_excess, rounding, "0 up to rounding"),
            Claim("and above it", own_excess, lambda **_: -_ROUNDING, "0 up to rounding", ">="),
            Claim("own - foreign, above delta (delta - 2r) / 2", gap, lambda **_: -2.0 * _ROUNDING, "at least 0", ">="),
            Claim("angle between the sets, above delta - 2r", window, minus_rounding, "at least 0", ">=")),
    draw=draw, construct=construct, plant=plant, repeats=10,
    proof=(("extremes on a cap are on a great circle", "theorems.caps.extremes"),
           ("asin has slope at least 1", "nearinit.geometry.Caps.foreign")),
)
