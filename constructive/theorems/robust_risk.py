"""Robust risk of a student: at most that of its teacher, and the points near a rival's box."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.structural import find_bumps
from constructive.evidence import Bracket, Source
from constructive.network import Layer, Network
from constructive.students import Recipe, memorize
from constructive.theorems import draws, noisy
from constructive.theorems.deciding import count, decide, share
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]


def fraction(amplitude: float) -> Fraction:
    """Return s / (1 + s): the share of a ramp within which a rival of score s makes an error."""
    return Fraction(amplitude) / (1 + Fraction(amplitude))


def construct(X: Array, y: Array, radius: float, ramp: float, amplitude: float, teacher: Network,
              **_: Any) -> Network:
    """Return the written-out clip student with that ramp and scores."""
    return memorize(X, y, radius=radius, ramp=ramp, teacher=teacher,
                    recipe=Recipe("told", amplitude=amplitude)).to_network()


def judged(network: Network, instance: Instance) -> NDArray[np.int8]:
    """Return the verdicts of the network's weights on the instance's balls."""
    X, y, radius, points, truth, delta = (instance[k] for k in ("X", "y", "radius", "points", "truth", "delta"))
    return decide(network, points, truth, delta,
                  (noisy.nearest_in_ball(X, y, radius, points, truth, delta), *corners(instance)))


def corners(instance: Instance) -> tuple[Array, ...]:
    """Return at most 32 corners of the balls: hints where a teacher may be wrong."""
    points, delta = instance["points"], instance["delta"]
    d = points.shape[1]
    patterns = np.indices((2,) * d).reshape(d, -1).T if d <= 5 else np.random.default_rng(0).integers(0, 2, (32, d))
    return tuple(points + delta * (2.0 * pattern - 1.0) for pattern in patterns)


def taught(instance: Instance) -> NDArray[np.int8]:
    """Return the verdicts on the teacher alone."""
    return decide(instance["teacher"], instance["points"], instance["truth"], instance["delta"], corners(instance))


def near(instance: Instance, reach: Fraction) -> Rows:
    """Return which balls come within ``reach`` of a rival's box in l_1."""
    return noisy.near_a_rival(instance["X"], instance["y"], instance["radius"], instance["points"],
                              instance["truth"], instance["delta"], reach)


def surprises(network: Network, instance: Instance) -> Bracket:
    """Return at how many points the student errs in the ball, its teacher nowhere in it, and no rival is near."""
    verdicts, guide = judged(network, instance), taught(instance)
    free = ~near(instance, Fraction(instance["ramp"]) * fraction(instance["amplitude"]))
    return count((verdicts == 1) & (guide == 0) & free, (verdicts != 0) & (guide != 1) & free)


def robust_error(network: Network, instance: Instance) -> Bracket:
    """Return the robust error on the points, from the weights."""
    return share(judged(network, instance))


def stated(**instance: Any) -> float:
    """Return the share of points where the teacher was shown wrong or a rival is near."""
    close = near(instance, Fraction(instance["ramp"]) * fraction(instance["amplitude"]))
    return float((close | (taught(instance) == 1)).mean())


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return a student with one bump twice as high, so that it reaches further, or with all labels turned."""
    verdicts, pattern = judged(network, instance), find_bumps(network)
    if pattern is not None and rng.random() < 0.75:
        for row in rng.permutation(pattern.rows):
            bias = network.layers[1].bias.copy()
            bias[row] = 2.0
            higher = draws.replaced(network, 1, Layer.build(network.layers[1].weight, bias))
            if ((judged(higher, instance) == 1) & (verdicts == 0)).any():
                return higher
    return construct(**{**instance, "y": -instance["y"]})


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


THEOREM = Theorem(
    name="robust-risk-of-a-student",
    source=Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary"),
    statement="A student with disjoint supports errs in a delta-ball only where its teacher does or a box of another "
              "label is within w s / (1 + s) of the ball in l_1: R_delta(student) <= R_delta(teacher) + mu(delta + r, "
              "w s / (1 + s)).",
    hypotheses=("two classes told scores -s and s, 0 < s <= 1", "supports disjoint", "boxes as rounded outward"),
    claims=(Claim("points of error without an error of the teacher or a near rival", surprises, zero, "0", "=="),
            Claim("robust error on the sample", robust_error, stated,
                  "share of points where the teacher errs or a rival is near")),
    draw=noisy.draw, construct=construct, plant=plant, repeats=4,
    proof=(("off rival bumps the lower envelope and the teacher decide", "students.gates.envelopes"),
           ("least distance over a ball is separable", "theorems.noisy.distances"),
           ("bounds of the weights alone", "theorems.deciding.decide")),
)
