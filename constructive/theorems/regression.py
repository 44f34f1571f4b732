"""Memorizing noisy real labels on balls costs little in the mean squared error: noise on supports."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count
from constructive.blocks import support_volume
from constructive.calculus import affine
from constructive.certificates.linear import affine_bounds
from constructive.certificates.structural import find_bumps
from constructive.evidence import Bracket, Evidence, Source
from constructive.network import Layer, Network
from constructive.students import memorize, separation
from constructive.targets import Target, cosine_product, gaussian_bump
from constructive.teachers import taylor_partition
from constructive.theorems import draws
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_BUDGET = 120_000
_UP = 1 + 2.0**-30


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None) -> Instance:
    """Return noisy values of a smooth target in the unit cube, a good teacher, a radius and a ramp.

    The first label is 5/4 in size, so that the amplitude 2 is beyond the target's. In two dimensions the teacher is
    affine and the target nearly so: the kinks of others would cost the integral many boxes.
    """
    dimension = int(rng.integers(1, 3)) if d is None else as_count(d, "regression-error-of-a-student", "d", at_least=1,
                                                                   at_most=2)
    count = int(rng.integers(6, 20)) if n is None else int(n)
    if dimension == 1:
        target = (cosine_product([float(rng.uniform(2, 6))], [float(rng.uniform(-1, 1))]) if rng.random() < 0.5 else
                  gaussian_bump([float(rng.uniform(0.2, 0.8))], float(rng.uniform(0.2, 0.5))))
        guide = taylor_partition(target, order=2, cells=int(rng.integers(6, 12))).to_network()
    else:
        target = cosine_product(rng.uniform(0.2, 0.8, dimension).tolist(), rng.uniform(-1.5, 1.5, dimension).tolist())
        guide = _tangent(target)
    X = rng.random((count, dimension))
    y = np.clip(target(X) + rng.uniform(0.2, 0.5) * rng.normal(size=count), -1.25, 1.25)
    y[0] = math.copysign(1.25, -float(target(X[0])))
    apart = separation(X).distance
    radius = float(rng.uniform(0.05, 0.4)) * apart
    return {"X": X, "y": y, "target": target, "teacher": guide, "radius": radius,
            "ramp": float(rng.uniform(0.1, 0.49)) * (apart - 2 * radius)}


def _tangent(target: Target) -> Network:
    """Return the target's first-order Taylor polynomial at the center of the unit cube."""
    d, center = target.dimension, np.full((1, target.dimension), 0.5)
    slope = np.array([[float(target.derivative(tuple(row), center)[0]) for row in np.eye(d, dtype=int).tolist()]])
    return affine(slope, target.values(center) - slope @ center[0])


def construct(X: Array, y: Array, radius: float, ramp: float, teacher: Network, **_: Any) -> Network:
    """Return the clip student's network."""
    return memorize(X, y, radius=radius, ramp=ramp, teacher=teacher, task="regression").to_network()


def limit(X: Array, y: Array, target: Target, radius: float, ramp: float, **_: Any) -> float:
    """Return ``V(r, w) sum_i (|y_i - h(x_i)| + Lambda (r + w))^2``, for the uniform law on the unit cube."""
    away = np.abs(y - target(X)) + target.lipschitz * (radius + ramp) + target.rounding
    volume = float(support_volume([2 * radius] * X.shape[1], ramp))
    return volume * float((away * away).sum()) * _UP


def harm(network: Network, instance: Instance) -> Bracket:
    """Return an enclosure of ``||f - h||^2 - ||T - h||^2`` over the whole unit cube.

    The integrand is (f - T)(f - T + 2 (T - h)). Boxes between thresholds, on each an enclosure of both factors times
    the volume; the boxes whose bounds are farthest apart are cut until the sum is on one side of the limit.
    """
    target, goal = instance["target"], limit(**instance)
    difference, teacher = network - instance["teacher"], instance["teacher"]
    low, high = _boxes(network, instance)
    least, most = _on_boxes(difference, teacher, target, low, high)
    left = _BUDGET
    while True:
        bottom, top = math.fsum(least), math.fsum(most)
        slack = 2.0**-30 * (abs(bottom) + abs(top))
        if top + slack <= goal or bottom - slack > goal or left <= 0:
            return Bracket(bottom - slack, top + slack, Evidence.ENCLOSED)
        rows = np.argsort(least - most, kind="stable")[:max(256, least.size // 4)]
        rows = rows[most[rows] > least[rows]]
        kept = np.ones(least.size, bool)
        kept[rows] = False
        a, b = _halves(low[rows], high[rows])
        below, above = _on_boxes(difference, teacher, target, a, b)
        low, high = np.concatenate([low[kept], a]), np.concatenate([high[kept], b])
        least, most = np.concatenate([least[kept], below]), np.concatenate([most[kept], above])
        left -= len(a)


def _boxes(network: Network, instance: Instance) -> tuple[Array, Array]:
    """Return boxes that cover the unit cube, cut at the thresholds of single coordinates and a ramp beside them."""
    d, first, axes = network.inputs, network.layers[0], []
    rows = np.flatnonzero(np.diff(first.weight.indptr) == 1)
    entries = first.weight.indptr[rows]
    for j in range(d):
        mine = first.weight.indices[entries] == j
        knots = -first.bias[rows[mine]] / first.weight.data[entries[mine]]
        cuts = np.concatenate([knots - instance["ramp"], knots, knots + instance["ramp"]])
        axes.append(np.unique(np.concatenate([[0.0], cuts[(cuts > 0) & (cuts < 1)], [1.0]])))
    low = np.stack(np.meshgrid(*[axis[:-1] for axis in axes], indexing="ij"), axis=-1).reshape(-1, d)
    high = np.stack(np.meshgrid(*[axis[1:] for axis in axes], indexing="ij"), axis=-1).reshape(-1, d)
    return low, high


def _halves(low: Array, high: Array) -> tuple[Array, Array]:
    """Cut every box in two across its longest side."""
    rows, side = np.arange(len(low)), np.argmax(high - low, axis=1)
    middle = low[rows, side] + (high - low)[rows, side] / 2
    cut_high, cut_low = high.copy(), low.copy()
    cut_high[rows, side], cut_low[rows, side] = middle, middle
    return np.concatenate([low, cut_low]), np.concatenate([cut_high, high])


def _on_boxes(difference: Network, teacher: Network, target: Target, low: Array, high: Array) -> tuple[Array, Array]:
    """Return bounds on the integral of (f - T)(f - T + 2 (T - h)) over each box."""
    gap, guide = affine_bounds(difference, low, high), affine_bounds(teacher, low, high)
    reach = guide.reach.sum(axis=1)
    middle, sway = target.values(guide.middle), target.bound(1) * reach * _UP + target.rounding
    first = gap.lower[:, 0], gap.upper[:, 0]
    second = (first[0] + 2 * (guide.lower[:, 0] - middle - sway), first[1] + 2 * (guide.upper[:, 0] - middle + sway))
    products = np.stack([a * b for a in first for b in second])
    volume = (high - low).prod(axis=1)
    size = np.abs(products).max(axis=0) * volume * 2.0**-40
    return products.min(axis=0) * volume - size, products.max(axis=0) * volume + size


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with ramps 32 times as wide, or moved by a multiple of what the limit allows."""
    if rng.random() < 0.5:
        last = network.layers[-1]
        away = float((instance["teacher"](instance["X"])[:, 0] - instance["target"](instance["X"])).mean())
        shift = math.copysign(4 * math.sqrt(limit(**instance)), away)
        return draws.replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + shift))
    pattern, second = find_bumps(network), network.layers[1]
    scale = np.ones(second.outputs)
    scale[np.arange(len(instance["X"])) if pattern is None else pattern.rows] = 1 / 32
    weight = second.weight.copy()
    weight.data = weight.data * np.repeat(scale, np.diff(weight.indptr))
    return draws.replaced(network, 1, Layer.build(weight, second.bias))


THEOREM = Theorem(
    name="regression-error-of-a-student",
    source=Source("2401.13624", "overfitted networks keep the rate of their teacher in regression", "sharper",
                  "secondary"),
    statement="A student of teacher T has ||f - h||^2 <= ||T - h||^2 + p_max V(r, w) sum_i (|y_i - h(x_i)| + "
              "Lambda (r + w))^2: the harm of interpolating noisy labels on balls is the noise on the supports.",
    hypotheses=("supports disjoint: ramp at most half the distance of the boxes", "|h| and |y_i| at most B",
                "h Lambda-Lipschitz in l_inf; here points uniform in the unit cube, p_max = 1"),
    claims=(Claim("||f - h||^2 - ||T - h||^2", harm, limit, "V(r, w) sum_i (|y_i - h(x_i)| + Lambda (r + w))^2"),),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("where bumps do not overlap, f lies between T and y_i", "students.gates.envelopes.gate"),
           ("volume of an l_1 neighborhood of a box", "blocks.bump.support_volume")),
)
