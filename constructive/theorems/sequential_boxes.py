"""The narrow memorizer: as wide as 3 d + 1, twice as deep as there are data, exact on every ball."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.enclosure import interval_bounds
from constructive.domain import outward_boxes
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Layer, Network
from constructive.students import Memorizer, separation, sequential_boxes
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None,
         one_sided: bool | None = None) -> Instance:
    """Return two classes, all of them apart for the two-sided network, and an admissible radius."""
    count = int(rng.integers(3, 30)) if n is None else n
    inputs = int(rng.choice((1, 2, 3, 6))) if d is None else d
    X = rng.uniform(-1, 2, (count, inputs))
    y = rng.choice((-1, 1), count)
    y[:2] = (-1, 1)
    single = bool(rng.random() < 0.5) if one_sided is None else one_sided
    apart = separation(X, y).distance if single else separation(X).distance
    return {"X": X, "y": y, "radius": float(rng.uniform(0.0, 0.98)) * apart / 2, "one_sided": single}


def member(X: Array, y: Any, radius: float, one_sided: bool, **_: Any) -> Memorizer:
    """Return the network with its data."""
    return sequential_boxes(X, y, radius=radius, one_sided=one_sided)


def construct(**instance: Any) -> Network:
    """Return the network."""
    return member(**instance).network


def largest_error(network: Network, instance: Instance) -> Bracket:
    """Return the largest distance of an output from its label over all balls, by intervals; lower end at the data."""
    told = np.asarray(instance["y"], np.float64)[:, None]
    low, high = interval_bounds(network, *outward_boxes(instance["X"], instance["radius"]))
    found = float(np.abs(network(instance["X"]) - told).max())
    return Bracket(found, max(found, float(np.maximum(told - low, high - told).max())))


def nonzeros(network: Network, instance: Instance) -> Bracket:
    """Return the counted nonzeros."""
    return exactly(network.size.nonzeros)


def width(network: Network, instance: Instance) -> Bracket:
    """Return the largest number of units in a layer."""
    return exactly(network.size.width)


def depth(network: Network, instance: Instance) -> Bracket:
    """Return the number of affine maps."""
    return exactly(network.depth)


def without_a_bump(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with the bump of one datum silenced."""
    d = instance["X"].shape[1]
    k = 2 * int(rng.integers((network.depth - 1) // 2)) + 1
    layer = network.layers[k]
    bias = layer.bias.copy()
    bias[d if layer.outputs > d else 0] = 0.0
    return replaced(network, k, Layer.build(layer.weight, bias))


THEOREM = Theorem(
    name="sequential-memorizer",
    source=Source("2401.13624", "robust memorization with few parameters", "ours", "secondary",
                  ("L. Yu, X.-S. Gao and L. Zhang (ICLR 2024)",)),
    statement="One datum every two layers: width 3 d + 1, depth 2 m + 1, (8 d + 4) m - 2 d - 1 nonzeros for m bumps, "
              "exactly +-1 on every l_inf ball, under interval propagation too. One-sided (bumps for one class, one "
              "layer and two nonzeros more) for every radius below half the separation.",
    hypotheses=("two classes", "radius < separation / 2; two-sided: no two boxes meet",
                "thresholds that are 0, and coordinates moved to be nonnegative, change the count as stated"),
    claims=(Claim("largest error on the balls", largest_error, lambda **_: 0.0, "0", "=="),
            Claim("nonzeros", nonzeros, lambda **instance: float(member(**instance).shape.nonzeros),
                  "(8 d + 4) m - 2 d - 1, corrected", "=="),
            Claim("width", width, lambda X, **_: float(3 * X.shape[1] + 1), "3 d + 1"),
            Claim("depth", depth, lambda X, **_: float(2 * len(X) + 2), "2 n + 1, one-sided 2 m + 2")),
    draw=draw, construct=construct, plant=without_a_bump, repeats=4,
    proof=(("carried coordinates stay apart, so intervals lose nothing", "students.sequential.sequential_boxes"),
           ("a bump is 1 on its box and 0 on rival boxes", "students.boxes.Gaps")),
)
