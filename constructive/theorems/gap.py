"""The robust gap of regression: what every network that memorizes real labels on balls pays under perturbation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Source
from constructive.network import Network
from constructive.students import memorize
from constructive.theorems import draws
from constructive.theorems.recipes import REAL
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_INSIDE = 1 - 2.0**-20
"""Share of each radius that is used: rounding a point moves it by less than the rest."""


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None) -> Instance:
    """Return real labels, a recipe and a teacher, fresh points with fresh labels, and a perturbation."""
    dimension = int(rng.integers(1, 4)) if d is None else int(d)
    count = int(rng.integers(6, 24)) if n is None else int(n)
    instance = draws.data(rng, n=count, d=dimension, real=True, share=0.6)
    X, radius = instance["X"], instance["radius"]
    delta = float(rng.uniform(0.2, 2.0)) * radius
    near = X[rng.integers(count, size=150)] + rng.uniform(-1, 1, (150, dimension)) * (radius + delta)
    points = np.concatenate([near, rng.uniform(X.min(), X.max(), (50, dimension))])
    return {**instance, "y": np.rint(instance["y"] * 2.0**20) / 2.0**20, "teacher": draws.teacher(rng, dimension),
            "recipe": REAL[int(rng.integers(len(REAL)))], "delta": delta, "points": points,
            "values": rng.normal(size=200)}


def construct(X: Array, y: Array, radius: float, teacher: Network, recipe: Any, **_: Any) -> Network:
    """Return a memorizer's network; the claims hold for any other one."""
    return memorize(X, y, radius=radius, teacher=teacher, recipe=recipe).to_network()


def _pairs(X: Array, radius: float, delta: float, points: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs (point, datum) within radius + delta in l_inf, less the share kept for rounding."""
    distance = np.abs(points[:, None, :] - X[None, :, :]).max(axis=2)
    point, datum = np.nonzero(distance <= (radius + delta) * _INSIDE**2)
    return point, datum


def forced(X: Array, y: Array, radius: float, delta: float, points: Array, values: Array, **_: Any) -> Array:
    """Return max over data within radius + delta of (y_i - y)^2 for each point, 0 where there is none."""
    point, datum = _pairs(X, radius, delta, points)
    out = np.zeros(len(points))
    np.maximum.at(out, point, (y[datum] - values[point]) ** 2)
    return out


def found(network: Network, instance: Instance) -> Array:
    """Return the largest (g(x') - y)^2 found for each point, x' where its delta-ball meets the balls of data."""
    X, radius, points, values = (instance[key] for key in ("X", "radius", "points", "values"))
    point, datum = _pairs(X, radius, instance["delta"], points)
    inner = radius * _INSIDE
    meeting = X[datum] + np.clip(points[point] - X[datum], -inner, inner)
    out = np.zeros(len(points))
    np.maximum.at(out, point, (network(meeting)[:, 0] - values[point]) ** 2)
    return out


def shortfall(network: Network, instance: Instance) -> Bracket:
    """Return by how much the attack stays below what the data force, at the worst of the points."""
    short = float(np.maximum(forced(**instance) - found(network, instance), 0.0).max())
    return Bracket(short, short)


def mean_found(network: Network, instance: Instance) -> Bracket:
    """Return a lower bound on the mean of sup (g(x') - y)^2 over the points."""
    return Bracket(float(found(network, instance).mean()), np.inf)


def mean_forced(**instance: Any) -> float:
    """Return the mean of max (y_i - y)^2 over data within radius + delta: no network is asked."""
    return float(forced(**instance).mean())


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return a memorizer of balls an eighth as large, or of labels a tenth too small."""
    if rng.random() < 0.5:
        return construct(**{**instance, "radius": instance["radius"] / 8})
    return 0.9 * network


THEOREM = Theorem(
    name="unavoidable-regression-gap",
    source=Source("2401.13624", "a robust generalization gap is unavoidable in regression", "ours", "abstract"),
    statement="For any g with g = y_i on the closed radius-balls: E sup over the delta-ball of (g(x') - y)^2 >= "
              "E max over data within delta + radius of (y_i - y)^2, in fact at every single x.",
    hypotheses=("real labels, g exact on l_inf balls", "an empty maximum counts as 0"),
    claims=(Claim("largest shortfall at a drawn point", shortfall, lambda **_: 0.0, "0", "=="),
            Claim("mean of the largest squared error in the ball", mean_found, mean_forced,
                  "mean of max (y_i - y)^2 over data within delta + radius", ">=")),
    draw=draw, construct=construct, plant=plant, repeats=8,
    proof=(("two closed balls that meet share a point, and there g = y_i", "theorems.gap.found"),),
)
