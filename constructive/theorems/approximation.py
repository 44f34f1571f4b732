"""Local polynomials approximate a smooth target uniformly, with every constant stated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive.certificates.sup_error import sup_error
from constructive.evidence import Bracket, Source
from constructive.network import Layer, Network
from constructive.targets import Target, polynomial
from constructive.teachers import taylor_partition
from constructive.theorems import draws
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

_MOST = ((32, 6, 3), (32, 6, 3), (16, 5, 2), (8, 4, 1), (8, 2, 1))
"""Cells in each direction at most, for each order and dimension: what a verification in seconds allows."""


def draw(rng: np.random.Generator, d: int | None = None, order: int | None = None,
         cells: int | None = None) -> Instance:
    """Return a drawn target in one to three dimensions, an order 1 to 5, cells, and which Taylor pieces."""
    dimension = int(rng.choice((1, 1, 2, 2, 3))) if d is None else int(d)
    r = int(rng.integers(1, 6)) if order is None else int(order)
    kind = int(rng.integers(4 if dimension == 1 else 3))
    if kind < 3:
        target = draws.smooth_target(rng, dimension, kind)
    else:
        below: dict[tuple[int, ...], float] = {(k,): float(rng.normal()) for k in range(r)}
        target = polynomial(below | {(r,): float(rng.uniform(1, 3))})
    if cells is None:
        most = _MOST[min(r, 5) - 1][min(dimension, 3) - 1]
        cells = int(rng.integers(min(most, 4 if dimension == 1 else 2), most + 1))
    return {"target": target, "order": r, "cells": int(cells), "pieces": str(rng.choice(("modified", "full")))}


def construct(target: Target, order: int, cells: int, pieces: str) -> Network:
    """Return the partition teacher's network."""
    return taylor_partition(target, order=order, cells=cells, pieces=pieces).to_network()


def error(network: Network, instance: Instance) -> Bracket:
    """Return a certified bracket of sup |network - target| on the unit cube."""
    return sup_error(network, instance["target"], limit=limit(**instance), budget=60_000)


def limit(target: Target, order: int, cells: int, pieces: str, **_: Any) -> float:
    """Return ``kappa_r c_r (d/K)^r F_r / r!`` and a 20th of it for the gates, plus 2^-36 for rounding.

    c_r is the largest value of (1-s) s^r + s (1-s)^r; kappa_r = 1 / (r - 1) for modified pieces of order 2 or more.
    """
    s = np.linspace(0.0, 1.0, 4097)
    largest = float(((1 - s) * s**order + s * (1 - s) ** order).max()) * (1 + 2.0**-10)  # between two places of s
    damped = largest / (order - 1) if pieces == "modified" and order > 1 else largest
    built = damped * (target.dimension / cells) ** order * target.bound(order) / math.factorial(order)
    return built * (1 + 1 / 20) + 2.0**-36


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with its output moved by twice the stated error and a tenth."""
    last = network.layers[-1]
    return replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + 2.1 * limit(**instance)))


THEOREM = Theorem(
    name="local-polynomials",
    source=Source("2401.13624", "smooth targets by local polynomials", "sharper", "secondary", ("arXiv:1610.01145",)),
    statement="Taylor pieces of order r on K^d cells, glued by hats, are within kappa_r c_r (d/K)^r F_r / r! of the "
              "target everywhere on the cube, plus a stated share for the gates; modified pieces of degree r - 2 have "
              "kappa_r = 1 / (r - 1), full ones of degree r - 1 have 1.",
    hypotheses=("|D^alpha f| <= F_r on the unit cube for |alpha| = r",),
    claims=(Claim("largest distance from the target", error, limit, "kappa_r c_r (d/K)^r F_r / r!, times 21/20"),),
    draw=draw, construct=construct, plant=plant, repeats=8,
    proof=(("hats are a partition of unity; terms of low order cancel", "teachers.partition_bound"),
           ("gates with a factor 0 return 0", "teachers.partition_gates.follow_folds")),
)
