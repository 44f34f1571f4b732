"""Bumps of separated boxes never add up to more than 1, and what happens under weaker separation."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.evidence import Bracket, Evidence, Source
from constructive.network import Layer, Network
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


def bump_sum(lower: Array, upper: Array, width: float, **_: Any) -> Network:
    """Return the sum of the bumps of m boxes as a network of depth 3."""
    m, d = lower.shape
    eye = sparse.kron(np.ones((m, 1)), sparse.eye_array(d))
    faces = (sparse.vstack([-eye, eye]), np.concatenate([lower.ravel(), -upper.ravel()]))
    half = sparse.kron(sparse.eye_array(m), np.full((1, d), -1.0 / width))
    return Network.build([faces, (sparse.hstack([half, half]), np.ones(m)), (np.ones((1, m)), None)])


def largest(network: Network, instance: Instance) -> Bracket:
    """Return the supremum of the network, exactly, by convexity on cells.

    Needs first-layer rows that read one coordinate and nonnegative output weights: then on each cell of the
    threshold grid the network is a sum of relus of affine functions, convex, and its supremum over a bounded
    cell is at a corner; outside the grid's hull every bump falls. Data are dyadic, so doubles are exact.
    """
    first, last = network.layers[0], network.layers[-1]
    single = (np.diff(first.weight.indptr) == 1).all() and network.depth == 3
    if not single or (last.weight.data < 0).any() or (network.layers[1].weight.data > 0).any():
        return Bracket(-np.inf, np.inf, Evidence.ENCLOSED)
    axes = []
    for j in range(network.inputs):
        rows = first.weight.indices == j
        axes.append(np.unique(-first.bias[rows] / first.weight.data[rows]))
    best = -np.inf
    corners = itertools.product(*axes)
    while block := list(itertools.islice(corners, 1 << 14)):
        best = max(best, float(network(np.array(block)).max()))
    return Bracket(best, best, Evidence.EXACT)


def draw_packed(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return boxes at l_inf distance >= w from each other in one to five dimensions."""
    dimension = int(rng.integers(1, 6)) if d is None else d
    count = (8, 6, 4, 3, 2)[dimension - 1]
    width, side = 0.125, int(rng.integers(0, 3)) / 16
    lower: list[Array] = []
    while len(lower) < count:
        corner = rng.integers(0, 48, dimension) / 16
        if all((np.abs(corner - other) - side).max() >= width for other in lower):
            lower.append(corner)
    boxes = np.array(lower)
    return {"lower": boxes, "upper": boxes + side, "width": width}


def draw_cross(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return the 2d boxes centered at +-(side + w / 2) e_j: each two are only w apart in l_1."""
    dimension = int(rng.integers(2, 5)) if d is None else d
    width = 2.0 ** -int(rng.integers(0, 6))
    points = np.concatenate([np.eye(dimension), -np.eye(dimension)]) * width / 2
    return {"lower": points, "upper": points, "width": width}


def draw_pair(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return two dyadic boxes in one to four dimensions and a power of two as width."""
    dimension = int(rng.integers(1, 5)) if d is None else d
    lower = rng.integers(0, 16, (2, dimension)) / 8
    return {"lower": lower, "upper": lower + rng.integers(0, 6, (2, dimension)) / 8,
            "width": 2.0 ** int(rng.integers(-3, 2))}


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the sum with one bump's height raised by a half."""
    second = network.layers[1]
    bias = second.bias.copy()
    bias[int(rng.integers(bias.size))] = 1.5
    return replaced(network, 1, Layer.build(second.weight, bias))


def one(**_: Any) -> float:
    """Return 1."""
    return 1.0


def dimension(lower: Array, **_: Any) -> float:
    """Return d."""
    return float(lower.shape[1])


def pair_limit(lower: Array, upper: Array, width: float, **_: Any) -> float:
    """Return max(1, 2 - gap / w) for the l_1 distance ``gap`` of the two boxes."""
    gap = np.maximum(np.maximum(lower[1] - upper[0], lower[0] - upper[1]), 0).sum()
    return max(1.0, 2.0 - float(gap) / width)


_SOURCE = Source("2401.13624", "bumps of separated data do not interfere", "ours", "secondary")

PACKING = Theorem(
    name="packing",
    source=_SOURCE,
    statement="Bumps of equal ramp w on boxes that are pairwise at least w apart in l_inf add up to at most 1.",
    hypotheses=("every two boxes at l_inf distance >= w",),
    claims=(Claim("supremum of the sum of bumps", largest, one, "1"),),
    draw=draw_packed, construct=bump_sum, plant=plant,
    proof=(("1 - |v|_1 / w <= volume shared by a cube and its shift; shifted cubes are disjoint", "this record"),
           ("the supremum is at a corner of the threshold grid", "theorems.packing.largest")),
)

CROSS = Theorem(
    name="packing-needs-all-coordinates",
    source=_SOURCE,
    statement="Under pairwise l_1 distance >= w alone the sum of bumps can reach d: 2d points at +-(w/2) e_j.",
    hypotheses=("the 2d points +-(w/2) e_j, ramp w",),
    claims=(Claim("supremum of the sum of bumps", largest, one, "at least 1", ">="),
            Claim("value of the sum at the origin",
                  lambda network, instance: _at_origin(network), dimension, "d", "==")),
    draw=draw_cross, construct=bump_sum, plant=plant,
)

PAIR = Theorem(
    name="pair-condition",
    source=_SOURCE,
    statement="Two bumps of ramp w add up to at most 1 everywhere if and only if their boxes are at least w apart in "
              "l_1; the supremum is max(1, 2 - gap / w).",
    hypotheses=("two boxes, one ramp w > 0",),
    claims=(Claim("supremum of the sum of two bumps", largest, pair_limit, "max(1, 2 - gap / w)", "=="),),
    draw=draw_pair, construct=bump_sum, plant=plant, repeats=8,
)


def _at_origin(network: Network) -> Bracket:
    value = float(network.exact([0] * network.inputs)[0])
    return Bracket(value, value, Evidence.EXACT)
