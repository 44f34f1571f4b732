"""Grids: look-ups that are robust at a radius which does not shrink with the number of data."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.exact import GridMemorizer, IntegerNetwork, certify_on_boxes, grid_memorizer
from constructive.students import separation
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None, shifts: str | None = None) -> Instance:
    """Return two classes on a grid of 12 bits, the kind of shifts, and a radius that they reach."""
    count = int(rng.integers(6, 30)) if n is None else n
    inputs = int(rng.integers(1, 4)) if d is None else d
    X = np.unique(rng.integers(0, 2**12, (count, inputs)), axis=0) / 2.0**12
    X = X[rng.permutation(len(X))]
    y = rng.choice((-1, 1), len(X))
    y[:2] = (-1, 1)
    kind = str(rng.choice(("adaptive", "uniform"))) if shifts is None else shifts
    largest = Fraction(separation(X, y).distance) / (2 if kind == "adaptive" else 2 * inputs + 2)
    return {"X": X, "y": y, "shifts": kind, "radius": largest * int(rng.integers(0, 250)) / 256,
            "one_sided": bool(rng.random() < 0.5)}


def member(X: Array, y: Any, shifts: str, radius: Fraction, one_sided: bool, **_: Any) -> GridMemorizer:
    """Return the network with its groups."""
    return grid_memorizer(X, y, radius=radius, shifts=shifts, one_sided=one_sided)


def construct(**instance: Any) -> IntegerNetwork:
    """Return the network."""
    return member(**instance).network


def wrong_balls(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return on how many balls the output is not the promised one everywhere, proved from the weights."""
    proof = certify_on_boxes(network, instance["X"], instance["y"].tolist(), radius=instance["radius"], budget=1 << 10,
                             claim="value" if instance["one_sided"] else "margin")
    return Bracket(len(proof.wrong), len(proof.wrong) + len(proof.open), Evidence.EXACT)


def nonzeros(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return the counted nonzeros."""
    return exactly(network.size.nonzeros)


def depth(network: IntegerNetwork, instance: Instance) -> Bracket:
    """Return the number of affine maps."""
    return exactly(network.depth)


def with_a_label_turned(network: IntegerNetwork, instance: Instance, rng: np.random.Generator) -> IntegerNetwork:
    """Return the network of data of which one label is turned, or the negative where the radius allows none."""
    for i in rng.permutation(len(instance["y"])):
        y = np.array(instance["y"])
        y[i] = -y[i]
        apart = separation(instance["X"], y).distance
        parts = 1 if instance["shifts"] == "adaptive" else instance["X"].shape[1] + 1
        if math.isfinite(apart) and 2 * parts * instance["radius"] < Fraction(apart):
            return construct(**{**instance, "y": y})
    return -network


THEOREM = Theorem(
    name="shifted-grids",
    source=Source("2401.13624", "robust memorization with few parameters", "ours", "secondary",
                  ("arXiv:2010.13363", "arXiv:2510.24643")),
    statement="d + 1 grids of pitch separation, each shifted by 1 / (d + 1) of it, memorize two classes by looking up "
              "cells at every l_inf radius below separation / (2 (d + 1)), however many data; thresholds chosen for "
              "the data reach every radius below separation / 2. One-sided the output is +-1 on every ball, two-sided "
              "it has the sign of the label and modulus at least 1.",
    hypotheses=("two classes", "radius < separation / (2 (d + 1)) for uniform shifts, less a rounding of the lattice",
                "radius < separation / 2 for adaptive ones"),
    claims=(Claim("balls with another output somewhere", wrong_balls, lambda **_: 0.0, "0", "=="),
            Claim("nonzeros", nonzeros, lambda **instance: float(member(**instance).nonzeros),
                  "14 T + 5 K + (s - 1)(8 b + 11) + 13 for each group", "=="),
            Claim("depth", depth, lambda **instance: float(member(**instance).depth), "10 + (s - 1) b", "==")),
    draw=draw, construct=construct, plant=with_a_label_turned, repeats=4,
    proof=(("each coordinate spoils at most one of d + 1 shifts", "exact.grids.uniform_groups"),
           ("no ball of another label meets a cell before it meets a threshold", "exact.grids.broken_rules"),
           ("off the ramps the code is an integer, on them the gate is shut", "exact.grid_layers.group_levels"),
           ("cells and ramps one by one, from the weights", "exact.boxes.certify_on_boxes")),
)
