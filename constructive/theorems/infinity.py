"""Infinitely many memorizers: every ramp in an interval gives another network with the same guarantee."""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive.evidence import Bracket, Source, exactly
from constructive.network import Network
from constructive.students import Family, Student, memorize
from constructive.theorems import draws
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return taught data and three parameters in (0, 1]."""
    instance = draws.taught_data(rng, **{"n": int(rng.integers(6, 30)), **arguments})
    return {**instance, "parameters": (1.0, float(rng.uniform(0.5, 0.9)), float(rng.uniform(0.1, 0.4)))}


def construct(X: Any, y: Any, radius: float, teacher: Network, **_: Any) -> Family:
    """Return the family of a student."""
    return Family(memorize(X, y, radius=radius, teacher=teacher))


def uncertified(family: Family, instance: Instance) -> Bracket:
    """Return how many of the members have a robust training error that is not certified to be 0."""
    errors = [family.member(t).certify().robust_error.upper for t in instance["parameters"]]
    return exactly(sum(error > 0 for error in errors))


def indistinct(family: Family, instance: Instance) -> Bracket:
    """Return how many pairs of members are not told apart at a point in exact arithmetic."""
    chosen = instance["parameters"]
    pairs = [(s, t) for k, s in enumerate(chosen) for t in chosen[k + 1:]]
    return exactly(sum(family.witness(s, t) is None for s, t in pairs))


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


def plant(family: Family, instance: Instance, rng: np.random.Generator) -> Family:
    """Return the family of a student whose teacher already gives every box its label: all members coincide."""
    X = family.student.X
    constant = Network.build([(np.zeros((1, X.shape[1])), [1.0])])
    collapsed: Student = memorize(X, np.ones(len(X), int), radius=0.0, teacher=constant)
    return Family(collapsed)


THEOREM = Theorem(
    name="infinitely-many",
    source=Source("2401.13624", "infinitely many over-parameterized networks", "sharper", "secondary"),
    statement="Every ramp in (0, w] gives a memorizer of the same balls, and different ramps give different functions "
              "unless the teacher agrees with the labels all round the boxes.",
    hypotheses=("radius < separation / 2", "teacher differs from a label somewhere on the boundary of its box"),
    claims=(Claim("members not certified", uncertified, zero, "0", "=="),
            Claim("pairs of members not told apart", indistinct, zero, "0", "==")),
    draw=draw, construct=construct, plant=plant, repeats=4,
)
