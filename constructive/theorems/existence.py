"""Weights near initialization in closed form: bounded moves, and a pseudo-network that fits whole caps."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.nearinit import (
    AtomicStep,
    Caps,
    Prediction,
    PseudoNetwork,
    atomic_step,
    bounded_largest,
    bounded_weights,
    caps,
    draw_units,
    predict_existence,
    robust_deviation,
    separated_sphere,
    step_task,
)
from constructive.nearinit.goal import Difference, robust_target
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_FAILURE = 1e-6


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None, width: int | None = None) -> Instance:
    """Return separated unit points, signs, a radius, an error for the step, a width, and a seed for the units."""
    count = int(rng.integers(2, 6)) if n is None else n
    dimension = int(rng.choice((3, 4, 8, 16))) if d is None else d
    return {"X": separated_sphere(count, dimension, 0.8, rng=rng), "y": rng.choice((-1.0, 1.0), count),
            "radius": float(rng.uniform(0.02, 0.15)), "error": float(rng.uniform(0.1, 0.3)),
            "width": int(2 ** rng.integers(6, 10)) if width is None else width, "seed": int(rng.integers(2**31))}


@lru_cache(maxsize=2)
def _step(points: bytes, count: int, labels: bytes, radius: float, error: float) -> tuple[Caps, AtomicStep]:
    data = caps(np.frombuffer(points).reshape(count, -1), radius)
    return data, atomic_step(step_task(data, error, np.frombuffer(labels)))


def prepared(X: Array, y: Array, radius: float, error: float, **_: Any) -> tuple[Caps, AtomicStep]:
    """Return the caps and the step of atoms for them; every claim of an instance asks for the same ones."""
    return _step(X.tobytes(), len(X), y.tobytes(), radius, error)


def construct(X: Array, y: Array, radius: float, error: float, width: int, seed: int) -> PseudoNetwork:
    """Return the pseudo-network of bounded moves in closed form."""
    data, step = prepared(X, y, radius, error)
    return bounded_weights(data, y, step, draw_units(width, data.dimension, rng=seed))


def longest(network: PseudoNetwork, instance: Instance) -> Bracket:
    """Return the largest move of a unit."""
    size = network.largest
    return Bracket(size * (1.0 - 2.0**-40), size * (1.0 + 2.0**-40))


def from_target(network: PseudoNetwork, instance: Instance) -> Bracket:
    """Return the largest distance from the target that an attack on the caps found: below the supremum."""
    data, step = prepared(**instance)
    target = robust_target(data, instance["y"], step)
    return _attacked(Difference(network.gated(), target), data, np.zeros(data.n))


def from_labels(network: PseudoNetwork, instance: Instance) -> Bracket:
    """Return the largest distance from a label that an attack on its cap found: below the supremum."""
    data, _ = prepared(**instance)
    return _attacked(network.gated(), data, instance["y"])


def _attacked(function: Any, data: Caps, goal: Array) -> Bracket:
    worst = robust_deviation(function, data, goal, steps=3, starts=1, smoothing=(0.2, 0.03)).worst
    return Bracket(worst, worst, Evidence.SAMPLED)


def longest_allowed(**instance: Any) -> float:
    """Return |y|_1 times the larger of the sums of positive and of negative heights."""
    data, step = prepared(**instance)
    return bounded_largest(data, instance["y"], step)


def prediction(**instance: Any) -> Prediction:
    """Return what is predicted for all draws of the units but one in a million."""
    data, step = prepared(**instance)
    return predict_existence(data, instance["y"], step, instance["width"], failure=_FAILURE)


def plant(network: PseudoNetwork, instance: Instance, rng: np.random.Generator) -> PseudoNetwork:
    """Return the network with one unit moved further than any formula allows, or all of them too far."""
    theta = network.theta.copy()
    limit = longest_allowed(**instance)
    r = int(np.linalg.norm(theta, axis=1).argmax())
    if rng.random() < 0.5:
        theta[r] *= 1.5 * limit / network.largest
    else:
        theta *= 1.5 * limit / network.largest
    return PseudoNetwork(network.units, theta)


THEOREM = Theorem(
    name="closed-form-weights",
    source=Source("2002.06668", "weights near initialization that fit separated points on whole caps", "ours",
                  "secondary", ("Bousquet, Comptes Rendus 334 (2002)",)),
    statement="theta_r = sum_i y_i sum_j a_j Phi((s_j <w_r, x_i> + b_r) / sqrt(1 - s_j^2)) x_i moves no unit by more "
              "than |y|_1 |a|_1, at any width; with R^2 = E|theta|^2, free of d, the linearized network is within "
              "2 R (1 + sqrt(2 ln Pi)) / sqrt(m) of its target on average over draws, on the whole sphere at once, "
              "ln Pi = O(d ln m).",
    hypotheses=("unit data, pairwise more than two radii apart", "standard normal weights and biases",
                "the step's certified errors on the caps; all draws but one in a million for suprema"),
    claims=(Claim("largest move of a unit", longest, longest_allowed, "|y|_1 times the heights of one sign"),
            Claim("distance from the target, found on the caps", from_target,
                  lambda **instance: prediction(**instance).deviation,
                  "expected supremum and its excess", scope="sampled instances"),
            Claim("distance from the labels, found on the caps", from_labels,
                  lambda **instance: prediction(**instance).total,
                  "the same and the step's errors", scope="sampled instances")),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("gates average to the agreement of directions", "nearinit.hermite.agreement_gate"),
           ("weights by formula", "nearinit.closed_form.bounded_weights"),
           ("patterns of gates on the sphere", "nearinit.existence.log_patterns"),
           ("symmetrization, patterns, concentration", "nearinit.existence.predict_existence")),
)
