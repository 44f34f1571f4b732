"""Local polynomials approximate a smooth target uniformly, with every constant stated."""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive.certificates.sup_error import sup_error
from constructive.evidence import Bracket, Source
from constructive.network import Layer, Network
from constructive.targets import Target, cosine_product, gaussian_bump, polynomial
from constructive.teachers import taylor_partition
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, d: int | None = None, order: int | None = None) -> Instance:
    """Return a drawn target in one or two dimensions, an order 1 to 3, and a power of two of cells."""
    dimension = int(rng.integers(1, 3)) if d is None else d
    kind = int(rng.integers(3 if dimension == 1 else 2))
    if kind == 0:
        target = cosine_product(rng.uniform(3, 5, dimension).tolist(), rng.uniform(-1, 1, dimension).tolist())
    elif kind == 1:
        target = gaussian_bump(rng.uniform(0.2, 0.8, dimension).tolist(), float(rng.uniform(0.25, 0.45)))
    else:
        cubic: dict[tuple[int, ...], float] = {(k,): float(rng.normal()) for k in range(3)}
        target = polynomial(cubic | {(3,): float(rng.uniform(1, 3))})
    return {"target": target, "order": int(rng.integers(1, 4)) if order is None else order,
            "cells": 2 ** int(rng.integers(2, 5)) if dimension == 1 else 4}


def construct(target: Target, order: int, cells: int) -> Network:
    """Return the partition teacher's network."""
    return taylor_partition(target, order=order, cells=cells).to_network()


def error(network: Network, instance: Instance) -> Bracket:
    """Return a certified bracket of sup |network - target| on the unit cube."""
    return sup_error(network, instance["target"], limit=limit(**instance), budget=60_000)


def limit(target: Target, order: int, cells: int, **_: Any) -> float:
    """Return kappa_r c_r (d/K)^r F_r / r! plus the gates' stated share."""
    stated = taylor_partition(target, order=order, cells=cells).error
    return np.inf if stated is None else stated.upper


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with its output moved by twice the stated error and a tenth."""
    last = network.layers[-1]
    return replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + 2.1 * limit(**instance)))


THEOREM = Theorem(
    name="local-polynomials",
    source=Source("2401.13624", "smooth targets by local polynomials", "sharper", "secondary", ("arXiv:1610.01145",)),
    statement="Modified Taylor pieces of order r on K^d cells, glued by hats, are within kappa_r c_r (d/K)^r F_r / r! "
              "of the target everywhere on the cube, plus a stated share for the gates.",
    hypotheses=("|D^alpha f| <= F_r on the unit cube for |alpha| = r", "order 1, 2 or 3"),
    claims=(Claim("largest distance from the target", error, limit, "Taylor remainder + gates"),),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("hats are a partition of unity; first moments cancel", "teachers.partition.coefficient_table"),
           ("gates with a factor 0 return 0", "teachers.partition.gate_error")),
)
