"""A ReLU network near a random initialization that has the right sign on whole caps, certified from its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Source, exactly
from constructive.nearinit import (
    NearNetwork,
    Scale,
    Units,
    bounded_weights,
    cap_range,
    draw_units,
    rounding_bound,
    separated_sphere,
    tangent_scale,
)
from constructive.network import Layer, Network
from constructive.theorems.existence import longest_allowed, prepared
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None, width: int = 2048) -> Instance:
    """Return separated unit points, signs, a small radius, an error for the step, a width, and a seed for the units."""
    count = int(rng.integers(2, 6)) if n is None else n
    dimension = int(rng.choice((3, 4, 8, 16, 32))) if d is None else d
    return {"X": separated_sphere(count, dimension, 0.9, rng=rng), "y": rng.choice((-1.0, 1.0), count),
            "radius": float(rng.uniform(0.01, 0.03)), "error": 0.2, "width": width, "seed": int(rng.integers(2**31))}


def started(X: Array, width: int, seed: int) -> tuple[Units, Scale]:
    """Return the random units, each twice with opposite signs, and their scale: where the network starts."""
    return draw_units(width, X.shape[1], paired=True, rng=seed), tangent_scale(width)


def construct(X: Array, y: Array, radius: float, error: float, width: int, seed: int) -> Network:
    """Return the network with the first layer moved by the closed formula."""
    data, step = prepared(X, y, radius, error)
    units, scale = started(X, width, seed)
    return NearNetwork(units, bounded_weights(data, y, step, units).theta, scale).to_network()


def on_caps(network: Network, instance: Instance) -> Bracket:
    """Return a bracket of the supremum over all caps of |network - label|: centers below, certified above."""
    data, _ = prepared(**{name: instance[name] for name in ("X", "y", "radius", "error")})
    first, last = network.layers
    rounding = rounding_bound(first.weight.toarray(), first.bias, last.weight.toarray()[0], float(last.bias[0]))
    found = float(np.abs(network(data.X)[:, 0] - instance["y"]).max())
    return Bracket(max(0.0, found - 2.0 * rounding), float(cap_range(network, data).deviation(instance["y"]).max()))


def longest(network: Network, instance: Instance) -> Bracket:
    """Return the largest move of a unit's weights, free of scale: m times the output scale times its length."""
    units, scale = started(instance["X"], instance["width"], instance["seed"])
    moves = network.layers[0].weight.toarray() - scale.first * units.weight
    size = float(np.linalg.norm(moves, axis=1).max()) * units.width * scale.output
    # a stored weight is rounded by 2^-53 of its size, and that is multiplied by m times the output scale
    rounding = units.width * scale.output * 2.0**-50 * float(np.linalg.norm(units.weight, axis=1).max() + size)
    return Bracket(max(0.0, size - rounding), size + rounding)


def untouched(network: Network, instance: Instance) -> Bracket:
    """Return the largest change of a bias or of an output weight."""
    units, scale = started(instance["X"], instance["width"], instance["seed"])
    first, last = network.layers
    changes = (first.bias - scale.first * units.bias, last.weight.toarray()[0] - scale.output * units.sign, last.bias)
    return exactly(max(float(np.abs(change).max()) for change in changes))


def one(**_: Any) -> float:
    """Return 1: nearer to the label than that has its sign."""
    return 1.0


def allowed(X: Array, y: Array, radius: float, error: float, **_: Any) -> float:
    """Return |y|_1 times the larger of the sums of positive and of negative heights."""
    return longest_allowed(X=X, y=y, radius=radius, error=error)


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network of data with one label turned; or with one unit moved too far, or one bias moved at all."""
    kind = int(rng.integers(3))
    if kind == 0:
        y = np.array(instance["y"])
        y[int(rng.integers(y.size))] *= -1.0
        return construct(**{**instance, "y": y})
    first, second = network.layers
    r = int(rng.integers(first.outputs))
    weight, bias = first.weight.toarray(), first.bias.copy()
    if kind == 1:
        units, scale = started(instance["X"], instance["width"], instance["seed"])
        far = 1.5 * allowed(**instance) / (units.width * scale.output)
        toward = rng.normal(size=weight.shape[1])
        weight[r] = scale.first * units.weight[r] + far * toward / np.linalg.norm(toward)
    else:
        bias[r] += 2.0**-20
    return Network((Layer.build(weight, bias), second))


THEOREM = Theorem(
    name="network-near-initialization",
    source=Source("2002.06668", "a ReLU network near its initialization that fits separated points on whole caps",
                  "ours", "secondary"),
    statement="Random biases and output weights stay as drawn and no unit of the first layer moves by more than "
              "|y|_1 |a|_1, by a formula in the data; the network has the right sign at every point of every cap.",
    hypotheses=("unit data, pairwise more than two radii apart, labels -1 and +1",
                "standard normal units, each twice with opposite signs; tangent scale",
                "proved on each drawn instance, for its units: not a claim about all draws"),
    claims=(Claim("largest distance from the label on whole caps", on_caps, one, "1"),
            Claim("largest move of a unit", longest, allowed, "|y|_1 times the heights of one sign"),
            Claim("change of biases and output weights", untouched, zero, "0", "==")),
    draw=draw, construct=construct, plant=plant, repeats=3,
    proof=(("weights by formula", "nearinit.closed_form.bounded_weights"),
           ("a paired network starts at 0 and follows its linearization", "nearinit.coupling.measure_coupling"),
           ("the network on a cap, from its weights", "nearinit.caps_bound.cap_range")),
)
