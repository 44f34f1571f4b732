"""Off the supports the student is its teacher, clamped."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from constructive.calculus import affine, stack
from constructive.certificates.exact import piecewise_1d
from constructive.certificates.structural import find_bumps
from constructive.evidence import Bracket, Source, exactly
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.theorems import draws
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return taught data and six segments, each by its two dyadic ends, one of them far away."""
    instance = draws.taught_data(rng, **{"n": int(rng.integers(4, 12)), "d": int(rng.choice((1, 2, 3, 5))),
                                         **arguments})
    ends = rng.integers(-512, 1536, (6, 2, instance["X"].shape[1])) / 1024
    ends[0] += 64.0  # one segment far from all data, so that something is always compared
    return {**instance, "segments": ends}


def construct(segments: Any, **instance: Any) -> Network:
    """Return the student's network."""
    return draws.student_network(**instance)


def deviation(network: Network, instance: Instance) -> Bracket:
    """Return the largest |student - clip(teacher, -B, B)| on the segments, where no support is met, exactly.

    Both are restricted to a segment and cut at all their kinks; between two kinks both are affine. The bumps'
    supports are read from the network's weights. Rounding of the teacher's stored bias plus B is the only
    difference, so the bracket is widened by nothing and compared with that rounding.
    """
    bound = Fraction(clean_labels(instance["y"], len(instance["X"]), who="deviation").bound)
    pattern = find_bumps(network)
    worst = Fraction(0)
    for start, end in instance["segments"]:
        line = affine((end - start)[:, None], start)
        both = stack(network @ line, instance["teacher"] @ line)
        pieces = piecewise_1d(both, 0, 1)
        for a, b, u, v in zip(pieces.knots, pieces.knots[1:], pieces.values, pieces.values[1:], strict=False):
            ends = [start + float(t) * (end - start) for t in (a, b)]
            if pattern is not None and _meets(pattern, *ends):
                continue
            worst = max([worst, *[abs(w[0] - max(-bound, min(bound, w[1]))) for w in (u, v)]])
    return exactly(worst)


def _meets(pattern: Any, p: Any, q: Any) -> bool:
    """Return whether the box spanned by p and q, a hair wider, meets a support."""
    low, high = np.minimum(p, q) - 2.0**-40, np.maximum(p, q) + 2.0**-40
    return bool(((pattern.support_lower <= high) & (pattern.support_upper >= low)).all(axis=1).any())


def rounding(y: Any, teacher: Network, **_: Any) -> float:
    """Return the rounding allowed: that of storing the teacher's bias plus B, and of composing with a segment."""
    return 2.0**-44 * (1 + float(np.abs(y).max())) * (1 + teacher.size.magnitude) ** teacher.depth


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with its output moved by 2^-20 of its scale."""
    last = network.layers[-1]
    shift = 2.0**-18 * rounding(**instance) * 2.0**44
    return draws.replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + shift))


THEOREM = Theorem(
    name="copies-the-teacher",
    source=Source("2401.13624", "the student copies the teacher away from the data", "paper", "secondary"),
    statement="Where all bumps vanish the clip student equals its teacher clamped to [-B, B].",
    hypotheses=("supports as read from the weights", "up to the rounding of one stored bias"),
    claims=(Claim("largest distance from the clamped teacher on the segments", deviation, rounding,
                  "rounding of stored weights"),),
    draw=draw, construct=construct, plant=plant,
    proof=(("envelopes are -B and B where bumps vanish", "students.gates.envelopes.envelopes"),),
)
