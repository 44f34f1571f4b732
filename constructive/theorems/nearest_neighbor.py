"""The nearest neighbor as a network: the smallest Lipschitz constant that any memorizer of the balls can have."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.distances import NearestRule, read_nearest
from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.network import Layer, Network
from constructive.students import Memorizer, nearest_network, separation
from constructive.students.nearest import closest_secant
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None, norm: float | None = None) -> Instance:
    """Return two classes on a grid, a norm, and a radius below half their separation in it."""
    count = int(rng.integers(4, 40)) if n is None else n
    inputs = int(rng.choice((1, 2, 3, 8))) if d is None else d
    X = np.unique(rng.integers(0, 2**12, (count, inputs)), axis=0) / 2.0**12
    y = rng.choice((-1, 1), len(X))
    y[:2] = (-1, 1)
    order = float(rng.choice((1.0, math.inf))) if norm is None else float(norm)
    share = int(rng.integers(0, 250)) / 256
    return {"X": X, "y": y, "norm": order, "radius": share * separation(X, y, norm=order).distance / 2}


def member(X: Array, y: Any, radius: float, norm: float, **_: Any) -> Memorizer:
    """Return the network with its data."""
    return nearest_network(X, y, radius=radius, norm=norm)


def construct(**instance: Any) -> Network:
    """Return the network."""
    return member(**instance).network


def _rule(network: Network) -> NearestRule | None:
    try:
        return read_nearest(network)
    except ValueError:
        return None


def _room(X: Array, y: Any, radius: float, norm: float, **_: Any) -> Fraction:
    """Return separation - 2 radius; the separation of data on a grid is a double."""
    return Fraction(separation(X, y, norm=norm).distance) - 2 * Fraction(radius)


def wrong_balls(network: Network, instance: Instance) -> Bracket:
    """Return on how many balls the value is not everywhere the label, proved from the weights.

    A network that is no nearest-neighbor rule is only asked at the data.
    """
    X, y = instance["X"], instance["y"]
    rule = _rule(network)
    # on a line both norms are one, and the reader finds the first
    if rule is not None and (rule.norm == instance["norm"] or X.shape[1] == 1):
        wrong = int((~rule.right(X, y, instance["radius"])).sum())
        return Bracket(wrong, wrong, Evidence.EXACT)
    wrong = sum(network.exact(x.tolist())[0] != label for x, label in zip(X, y.tolist(), strict=True))
    return Bracket(wrong, len(y), Evidence.EXACT)


def slope_times_room(network: Network, instance: Instance) -> Bracket:
    """Return the Lipschitz constant times (separation - 2 radius): a secant that is there, and what the weights say."""
    rule, room = _rule(network), _room(**instance)
    ours = member(**instance)
    rise, run = closest_secant(Memorizer(ours.name, network, ours.X, ours.y, ours.labels, ours.radius, ours.norm,
                                         ours.shape, ours.slope))
    upper = math.inf if rule is None else float(Fraction(rule.slope) * room)
    return Bracket(float(rise / run * room), max(upper, float(rise / run * room)), Evidence.EXACT)


def nonzeros(network: Network, instance: Instance) -> Bracket:
    """Return the counted nonzeros."""
    return exactly(network.size.nonzeros)


def depth(network: Network, instance: Instance) -> Bracket:
    """Return the number of affine maps."""
    return exactly(network.depth)


def steeper_or_shorter(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network made a quarter steeper, or without one of its data."""
    X, y = instance["X"], instance["y"]
    if rng.random() < 0.5:
        k = network.depth - 3
        layer = network.layers[k]
        return replaced(network, k, Layer.build(1.25 * layer.weight, layer.bias))
    more = 1 if (y == 1).sum() > 1 else -1
    if (y == more).sum() < 2:
        return -network
    rows = np.arange(len(y)) != int(rng.choice(np.flatnonzero(y == more)))
    return construct(**{**instance, "X": X[rows], "y": y[rows]})


THEOREM = Theorem(
    name="nearest-neighbor-network",
    source=Source("2401.13624", "robust memorization", "ours", "secondary", ("arXiv:2003.02460",)),
    statement="clip((D- - D+) / (separation - 2 radius), -1, 1), D+- the distances to the nearest datum of each class, "
              "is a ReLU network that is +-1 on every ball and has the Lipschitz constant 2 / (separation - 2 radius) "
              "in the norm of the balls, l_inf or l_1. No function that is +-1 on the balls has a smaller one.",
    hypotheses=("two classes", "radius < separation / 2", "norm inf or 1",
                "1 / (separation - 2 radius) is rounded up to a double"),
    claims=(Claim("balls with another value somewhere", wrong_balls, lambda **_: 0.0, "0", "=="),
            Claim("Lipschitz constant times (separation - 2 radius), at most", slope_times_room,
                  lambda **_: 2 * (1 + 2.0**-51), "2, and the rounding of one weight"),
            Claim("Lipschitz constant times (separation - 2 radius), at least", slope_times_room, lambda **_: 2.0, "2",
                  ">="),
            Claim("nonzeros", nonzeros, lambda **instance: float(member(**instance).shape.nonzeros),
                  "about 10 d n (l_1: 6 d n + 4.5 n), by recursion", "=="),
            Claim("depth", depth, lambda **instance: float(member(**instance).shape.depth),
                  "4 + ceil(log2 d) + ceil(log2 max(n+, n-)); l_1: 5 + the last term", "==")),
    draw=draw, construct=construct, plant=steeper_or_shorter, repeats=6,
    proof=(("distances are 1-Lipschitz, and so are the smaller and the larger of two of them",
            "certificates.distances.read_nearest"),
           ("on a ball the margin is at least separation - 2 radius", "certificates.distances.NearestRule.right"),
           ("two balls of the closest pair are separation - 2 radius apart", "students.nearest.closest_secant")),
)
