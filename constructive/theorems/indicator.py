"""The published box indicator and the bump with half its units are one function."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np

from constructive.blocks import box_bump, published_indicator
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Layer, Network
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return a dyadic box in one to three dimensions and a power of two as width."""
    dimension = int(rng.integers(1, 4)) if d is None else d
    lower = rng.integers(-32, 32, dimension) / 16
    return {"lower": lower, "upper": lower + rng.integers(0, 32, dimension) / 16,
            "width": 2.0 ** -int(rng.integers(0, 5))}


def construct(lower: Any, upper: Any, width: float) -> Network:
    """Return our bump."""
    return box_bump(lower, upper, width).network


def differing_cells(network: Network, instance: Instance) -> Bracket:
    """Return on how many cells of the threshold grid the network and the published indicator may differ.

    On a cell all first-layer units of both are affine, so both are relu of an affine function plus an affine
    output: they agree if the two functions agree at all corners, or if both are <= 0 at all corners. Exact.
    """
    theirs = published_indicator(instance["lower"], instance["upper"], instance["width"]).network
    axes = [_grid(network, theirs, j) for j in range(network.inputs)]
    cache: dict[tuple[Fraction, ...], tuple[Fraction, Fraction]] = {}

    def insides(corner: tuple[Fraction, ...]) -> tuple[Fraction, Fraction]:
        if corner not in cache:
            cache[corner] = (_inner(network, corner), _inner(theirs, corner))
        return cache[corner]

    differing = 0
    for cell in itertools.product(*[list(zip(axis, axis[1:], strict=False)) for axis in axes]):
        pairs = [insides(corner) for corner in itertools.product(*cell)]
        differing += not (all(a == b for a, b in pairs) or all(a <= 0 and b <= 0 for a, b in pairs))
    same_output = _output(network) == _output(theirs)
    return exactly(differing if same_output else differing + 1)


def _grid(ours: Network, theirs: Network, j: int) -> list[Fraction]:
    """Return the thresholds of both on axis j, and a point on either side of all of them."""
    found = set()
    for network in (ours, theirs):
        layer = network.layers[0]
        for row in range(layer.outputs):
            span = slice(layer.weight.indptr[row], layer.weight.indptr[row + 1])
            for column, weight in zip(layer.weight.indices[span], layer.weight.data[span], strict=True):
                if column == j:
                    found.add(-Fraction(float(layer.bias[row])) / Fraction(float(weight)))
    return [min(found) - 1, *sorted(found), max(found) + 1]


def _inner(network: Network, corner: tuple[Fraction, ...]) -> Fraction:
    """Return the argument of the single unit of the second layer."""
    return Network(network.layers[:2]).exact(corner)[0]


def _output(network: Network) -> tuple[float, float]:
    last = network.layers[2]
    return float(last.weight.sum()), float(last.bias[0])


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the bump with one threshold moved by 1/32."""
    first = network.layers[0]
    bias = first.bias.copy()
    bias[int(rng.integers(bias.size))] += 1 / 32
    return replaced(network, 0, Layer.build(first.weight, bias))


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


THEOREM = Theorem(
    name="published-indicator",
    source=Source("2401.13624", "box indicator from trapezoids", "sharper", "secondary"),
    statement="relu(sum of trapezoids - (d - 1)) equals relu(1 - l_1 distance to the box / w) everywhere, with 4d + 1 "
              "units against 2d + 1.",
    hypotheses=("a box with lower <= upper", "width w > 0 a power of two, dyadic thresholds"),
    claims=(Claim("cells on which the two may differ", differing_cells, zero, "0", "=="),),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("both are relu of one affine function on each cell", "theorems.indicator.differing_cells"),),
)
