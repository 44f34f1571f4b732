"""On a bump the student lies between its teacher and the label: what is told can be no worse than either."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.calculus import affine, stack
from constructive.certificates.exact import piecewise_1d
from constructive.domain import outward_boxes
from constructive.evidence import Bracket, Source, exactly
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.students import memorize
from constructive.theorems import draws, noisy
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_REACH = 2.0**-44


def draw(rng: np.random.Generator, d: int | None = None, n: int | None = None, real: bool | None = None) -> Instance:
    """Return data with classes or real labels, disjoint supports, a teacher, and segments across the supports."""
    instance = noisy.draw(rng, d=d, n=int(rng.integers(6, 11)) if n is None else n)
    X, y = instance["X"], instance["y"]
    if real if real is not None else rng.random() < 0.5:
        y = rng.integers(-255, 256, len(y)) / 256
    chosen = X[rng.integers(len(X), size=6)]
    reach = 2 * (instance["radius"] + instance["ramp"])
    ends = chosen[:, None] + np.rint(rng.uniform(-1, 1, (6, 2, X.shape[1])) * reach * 2.0**20) / 2.0**20
    teacher = instance["teacher"] if rng.random() < 0.5 else draws.teacher(rng, X.shape[1], hidden=1)
    return {key: value for key, value in {**instance, "y": y, "teacher": teacher, "segments": ends}.items()
            if key not in ("points", "truth", "delta", "amplitude")}


def construct(X: Array, y: Array, radius: float, ramp: float, teacher: Network, **_: Any) -> Network:
    """Return the clip student with that ramp."""
    return memorize(X, y, radius=radius, ramp=ramp, teacher=teacher).to_network()


def _bumps(X: Array, radius: float, ramp: float) -> Network:
    """Return all bumps of the data as a network R^d -> R^n, from their formula."""
    lower, upper = outward_boxes(X, radius)
    n, d = X.shape
    faces = np.concatenate([np.tile(np.eye(d), (n, 1)), -np.tile(np.eye(d), (n, 1))])
    each = np.repeat(np.eye(n), d, axis=1) / -ramp
    return Network.build([(faces, np.concatenate([-upper.ravel(), lower.ravel()])),
                          (np.concatenate([each, each], axis=1), np.ones(n)), (np.eye(n), np.zeros(n))])


def outside(network: Network, instance: Instance) -> Bracket:
    """Return how far the student leaves the interval between teacher and label, on the bumps of all segments, exactly.

    Student, teacher and bumps are affine between two knots of a segment. The distance from the interval is then
    largest at a knot, or where the teacher crosses the label.
    """
    scores = [Fraction(v) for v in clean_labels(instance["y"], len(instance["X"]), who="outside").scores.tolist()]
    bumps, worst = _bumps(instance["X"], instance["radius"], instance["ramp"]), Fraction(0)
    for start, end in instance["segments"]:
        line = affine((end - start)[:, None], start)
        pieces = piecewise_1d(stack(network @ line, instance["teacher"] @ line, bumps @ line), 0, 1)
        for left, right in pairwise(pieces.values):
            active = [i for i in range(len(scores)) if left[2 + i] + right[2 + i] > 0]
            for i in active:
                worst = max([worst, *(_leaves(f, t, scores[i]) for f, t in _looked_at(left, right, scores[i]))])
    return exactly(worst)


def _looked_at(left: Any, right: Any, label: Fraction) -> list[tuple[Fraction, Fraction]]:
    """Return (student, teacher) at both knots, and where the teacher crosses the label in between."""
    ends = [(left[0], left[1]), (right[0], right[1])]
    if (left[1] - label) * (right[1] - label) < 0:
        at = (label - left[1]) / (right[1] - left[1])
        ends.append((left[0] + at * (right[0] - left[0]), label))
    return ends


def _leaves(f: Fraction, t: Fraction, label: Fraction) -> Fraction:
    """Return the distance of f from the interval between t and the label."""
    return max(f - max(t, label), min(t, label) - f, Fraction(0))


def largest(network: Network, instance: Instance) -> Bracket:
    """Return the largest |student| on the segments, exactly."""
    found = Fraction(0)
    for start, end in instance["segments"]:
        pieces = piecewise_1d(network @ affine((end - start)[:, None], start), 0, 1)
        found = max([found, *(abs(value[0]) for value in pieces.values)])
    return exactly(found)


def rounding(y: Array, teacher: Network, **_: Any) -> float:
    """Return what storing the teacher's bias plus B and composing with a segment may round."""
    return _REACH * (1 + float(np.abs(y).max())) * (1 + teacher.size.magnitude) ** teacher.depth


def bound(y: Array, **_: Any) -> float:
    """Return B, the power of two above all labels."""
    return clean_labels(y, len(y), who="bound").bound


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return a student whose output is stretched beyond the labels, or moved by a hundredth."""
    last = network.layers[-1]
    if rng.random() < 0.5:
        return 1.25 * network
    return draws.replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + 0.01))


THEOREM = Theorem(
    name="between-teacher-and-label",
    source=Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary"),
    statement="On the support of a bump the student lies between its teacher and the label told there, and nowhere "
              "beyond B in size: memorizing changes the teacher toward the label only.",
    hypotheses=("supports disjoint", "classes or real labels", "up to the rounding of one stored bias"),
    claims=(Claim("distance from the interval between teacher and label", outside, rounding,
                  "rounding of stored weights"),
            Claim("largest |student| on the segments", largest, bound, "B")),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("the envelopes enclose the label", "students.gates.envelopes.envelopes"),
           ("clip(T, L, U) lies between T and any point of [L, U]", "theorems.between.outside")),
)
