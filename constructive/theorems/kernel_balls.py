"""How far a function of a wide network's kernel space moves over a ball: proved bounds beside the worst functions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.tangent import KernelPredictor, ReluKernel
from constructive.tangent.balls import Movement, enclosed_values, movement
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


class Bounds(NamedTuple):
    """Bounds for a function in the space of the tangent kernel, and for one in that of the covariance."""

    tangent: Movement
    covariance: Movement


def draw(rng: np.random.Generator, depth: int | None = None) -> Instance:
    """Return a kernel, x, a point z of the ball, and coefficients of the function that moves most from x to z."""
    layers = int(rng.integers(2, 6)) if depth is None else int(depth)
    d = int(rng.integers(1, 6))
    kernel = ReluKernel(layers, float(rng.uniform(1.0, 2.0)), float(rng.choice((0.0, 0.18, 1.0))))
    x = rng.normal(size=(1, d))
    way = rng.normal(size=(1, d))
    z = x + float(rng.choice((0.01, 0.1))) * float(np.linalg.norm(x)) * way / np.linalg.norm(way)
    return {"kernel": kernel, "x": x, "z": z, "radius": float(np.linalg.norm(z - x)) * (1.0 + 1e-12)}


def functions(kernel: ReluKernel, x: Array, z: Array) -> tuple[KernelPredictor, KernelPredictor]:
    """Return k(., z) - k(., x) for both kernels: it moves by its norm times the distance of x and z."""
    data, coefficients = np.vstack([z, x]), np.array([[1.0], [-1.0]])
    return KernelPredictor(kernel, data, coefficients), KernelPredictor(kernel, data, coefficients, "nngp")


def construct(kernel: ReluKernel, x: Array, z: Array, radius: float) -> Bounds:
    """Return the bounds over the ball of x for the functions that move most from x to z."""
    tangent, covariance = functions(kernel, x, z)
    return Bounds(movement(tangent, x, radius, norm=2), movement(covariance, x, radius, norm=2))


def _moved(f: KernelPredictor, instance: Instance, bound: Array) -> Bracket:
    """Return |f(z) - f(x)| over the bound, f enclosed."""
    low, high = enclosed_values(f, instance["kernel"], np.vstack([instance["x"], instance["z"]]))
    ends = float(low[1, 0] - high[0, 0]), float(high[1, 0] - low[0, 0])
    least = max(0.0, ends[0], -ends[1])
    return Bracket(least / float(bound[0, 0]) * (1.0 - 1e-14),
                   max(abs(ends[0]), abs(ends[1])) / float(bound[0, 0]) * (1.0 + 1e-14), Evidence.ENCLOSED)


def by_norm(found: Bounds, instance: Instance) -> Bracket:
    """Return the movement in the tangent kernel's space over the bound by norm."""
    return _moved(functions(instance["kernel"], instance["x"], instance["z"])[0], instance, found.tangent.by_norm)


def by_slope(found: Bounds, instance: Instance) -> Bracket:
    """Return the movement in the tangent kernel's space over the bound by slope."""
    return _moved(functions(instance["kernel"], instance["x"], instance["z"])[0], instance, found.tangent.by_slope)


def of_covariance(found: Bounds, instance: Instance) -> Bracket:
    """Return the movement in the covariance's space over the bound by norm."""
    return _moved(functions(instance["kernel"], instance["x"], instance["z"])[1], instance, found.covariance.by_norm)


def one(**_: object) -> float:
    """Return 1, and what the intervals leave open: the bounds are attained, or nearly, by these functions."""
    return 1.001


def plant(found: Bounds, instance: Instance, rng: np.random.Generator) -> Bounds:
    """Return bounds for the tangent kernel as if it had no cone: norm times sqrt(kappa / d) r."""
    kernel, x = instance["kernel"], instance["x"]
    f, _ = functions(kernel, x, instance["z"])
    slope = math.sqrt(float(kernel.squared_gradient(x)[0]) / x.shape[1])
    return Bounds(replace(found.tangent, by_norm=(f.norms() * slope * instance["radius"])[None]), found.covariance)


THEOREM = Theorem(
    name="kernel-balls",
    source=Source("2310.06112", "robustness of what wide networks learn", "ours", "secondary"),
    statement="For |x' - x|_2 <= r and f = sum_j alpha_j k(., x_j): |f(x') - f(x)| <= |f| sqrt(kappa / d) r in the "
              "space of the covariance, <= |f| sqrt(B) in that of the tangent kernel, B from a recursion over layers "
              "in r, |x| and depth alone, and <= r sum_j |alpha_j| G_j with slopes G_j of the kernel: all proved, all "
              "roundings included.",
    hypotheses=("relu, tangent parameterization", "arccos and arcsin right to 4 units in the last place"),
    claims=(Claim("movement over the bound by norm, tangent kernel", by_norm, one, "1 and the width of intervals"),
            Claim("movement over the bound by slope, tangent kernel", by_slope, one, "1 and the width of intervals"),
            Claim("movement over the bound by norm, covariance", of_covariance, one, "1 and the width of intervals")),
    draw=draw, construct=construct, plant=plant, repeats=20,
    proof=(("distances over a ball: angle <= arcsin sqrt(e / p), Theta <= sqrt(t t')", "tangent.balls.movement"),
           ("ends of every kernel value", "tangent.intervals.kernel_interval")),
)
