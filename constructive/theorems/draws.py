"""Instances and planted errors that several records share: data, teachers, weights changed on purpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.structural import find_bumps
from constructive.network import Layer, Network
from constructive.students import memorize, separation
from constructive.targets import Target, cosine_product, exponential, gaussian_bump

Array = NDArray[np.float64]

DIMENSIONS = (1, 2, 3, 5, 6, 8)


def data(rng: np.random.Generator, *, n: int | None = None, d: int | None = None, real: bool | None = None,
         share: float | None = None) -> dict[str, Any]:
    """Return X (n, d), y, radius for a drawn sample: uniform points, labels -1/+1 or real, radius admissible."""
    dimension = int(rng.choice(DIMENSIONS)) if d is None else d
    count = int(rng.integers(8, 60)) if n is None else n
    X = rng.random((count, dimension)) * rng.choice([1.0, 8.0])
    values = bool(rng.random() < 0.4) if real is None else real
    y = rng.normal(size=count) if values else rng.choice((-1.0, 1.0), count)
    if not values and count > 1:
        y[:2] = (-1.0, 1.0)  # both classes occur, so that -1 and +1 keep their meaning
    distance = separation(X, y).distance
    if math.isinf(distance):
        distance = separation(X).distance if count > 1 else 1.0
    factor = float(rng.uniform(0.2, 0.98)) if share is None else share
    return {"X": X, "y": y, "radius": factor * distance / 2}


def teacher(rng: np.random.Generator, d: int, hidden: int | None = None) -> Network:
    """Return a random network R^d -> R with 0 to 3 hidden layers of 3 to 6 units."""
    layers = int(rng.integers(0, 4)) if hidden is None else hidden
    sizes = [d, *rng.integers(3, 7, layers).tolist(), 1]
    return Network.build([(rng.normal(size=(b, a)) / math.sqrt(a), rng.normal(size=b) / 2)
                          for a, b in zip(sizes, sizes[1:], strict=False)])


def smooth_target(rng: np.random.Generator, d: int, kind: int) -> Target:
    """Return a product of cosines, a Gaussian bump or an exponential on the unit cube, for kind 0, 1, 2."""
    if kind == 0:
        return cosine_product(rng.uniform(3, 5, d).tolist(), rng.uniform(-1, 1, d).tolist())
    if kind == 1:
        return gaussian_bump(rng.uniform(0.2, 0.8, d).tolist(), float(rng.uniform(0.25, 0.45)))
    return exponential(rng.uniform(1.5, 3, d).tolist())


def taught_data(rng: np.random.Generator, **arguments: Any) -> dict[str, Any]:
    """Return drawn data with a drawn teacher."""
    instance = data(rng, **arguments)
    return {**instance, "teacher": teacher(rng, instance["X"].shape[1])}


def student_network(X: Array, y: Any, radius: float, teacher: Network | None = None, **_: Any) -> Network:
    """Return the clip student's network."""
    return memorize(X, y, radius=radius, teacher=teacher).to_network()


def without_a_bump(network: Network, instance: Any, rng: np.random.Generator) -> Network:
    """Return the network with one bump cut to 1/8 of its height, at a datum where the teacher is wrong.

    Where the teacher is right everywhere the output bias is moved instead.
    """
    X, y, guide = instance["X"], np.asarray(instance["y"]), instance.get("teacher")
    told = np.zeros(len(y)) if guide is None else guide(X)[:, 0]
    classes = np.isin(y, (-1.0, 1.0)).all()
    wrong = np.flatnonzero(told * y <= 0) if classes else np.flatnonzero(np.abs(told - y) > 0)
    pattern = find_bumps(network)
    if pattern is not None and wrong.size:
        i = int(rng.choice(wrong))
        own = np.flatnonzero(((pattern.lower <= X[i]) & (pattern.upper >= X[i])).all(axis=1))
        if own.size == 1:
            bias = network.layers[1].bias.copy()
            bias[pattern.rows[own[0]]] = 0.125
            return replaced(network, 1, Layer.build(network.layers[1].weight, bias))
    last = network.layers[-1]
    return replaced(network, network.depth - 1, Layer.build(last.weight, last.bias - 4 * (1 + np.abs(y).max())))


def replaced(network: Network, k: int, layer: Layer) -> Network:
    """Return the network with layer k replaced."""
    return Network((*network.layers[:k], layer, *network.layers[k + 1:]))


def moved_weight(network: Network, instance: Any, rng: np.random.Generator) -> Network:
    """Return the network with one random stored weight of the last layer moved by a quarter of its size."""
    last = network.layers[-1]
    weights = last.weight.data.copy()
    weights[int(rng.integers(weights.size))] *= 1.25
    matrix = last.weight.copy()
    matrix.data = weights
    return replaced(network, network.depth - 1, Layer.build(matrix, last.bias))
