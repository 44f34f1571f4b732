"""Robust memorization: every label on its whole ball, bit for bit, and interval propagation sees it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.linear import affine_bounds
from constructive.certificates.training import certify
from constructive.domain import outward_boxes
from constructive.evidence import Bracket, Evidence, Source
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.students import Recipe, memorize, separation
from constructive.theorems import draws
from constructive.theorems.record import Claim, Instance, Theorem


def robust_error(network: Network, instance: Instance) -> Bracket:
    """Return the certified robust training error."""
    return certify(network, instance["X"], instance["y"], radius=instance["radius"]).robust_error


def interval_deviation(network: Network, instance: Instance) -> Bracket:
    """Return the largest distance of interval bounds on a training box from the label."""
    labels = clean_labels(instance["y"], len(instance["X"]), who="interval_deviation")
    low, high = interval_bounds(network, *outward_boxes(instance["X"], instance["radius"]))
    goal = labels.scores[:, None]
    worst = float(np.maximum(np.abs(low - goal), np.abs(high - goal)).max())
    return Bracket(worst, worst, Evidence.ENCLOSED)


def label_deviation(network: Network, instance: Instance) -> Bracket:
    """Return the certified largest distance from the labels (-1 or +1) on all training balls.

    Each box is cut at the first layer's thresholds; on the cells all those units are affine and the first-order
    bounds see the trapezoids cancel. The lower end is the largest distance at a datum.
    """
    X, y = instance["X"], np.asarray(instance["y"])
    worst = 0.0
    for low, high, label in zip(*outward_boxes(X, instance["radius"]), y, strict=True):
        cells = _cells(network, low, high)
        bounds = affine_bounds(network, cells[:, 0], cells[:, 1])
        worst = max(worst, float(np.maximum(np.abs(bounds.lower - label), np.abs(bounds.upper - label)).max()))
    seen = float(np.abs(network(X)[:, 0] - y).max())
    return Bracket(min(seen, worst), worst, Evidence.ENCLOSED)


def _cells(network: Network, low: Any, high: Any) -> Any:
    """Return the cells (N, 2, d) of a box between the thresholds of first-layer units that read one coordinate."""
    first = network.layers[0]
    axes = []
    for j in range(network.inputs):
        rows = np.flatnonzero(np.diff(first.weight.indptr) == 1)
        entries = first.weight.indptr[rows]
        mine = first.weight.indices[entries] == j
        knots = -first.bias[rows[mine]] / first.weight.data[entries[mine]]
        inside = knots[(knots > low[j]) & (knots < high[j])]
        cuts = np.unique(np.concatenate([[low[j]], inside, [high[j]]]))
        axes.append([(cuts[0], cuts[0])] if cuts.size == 1 else list(itertools.pairwise(cuts)))
    cells = [list(zip(*cell, strict=True)) for cell in itertools.product(*axes)]
    return np.array(cells)


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


def epsilon(epsilon: float, **_: Any) -> float:
    """Return the stated error."""
    return epsilon


def draw_published(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return data in one to three dimensions with labels -1/+1 and an error between 2^-4 and 2^-10."""
    arguments = {"n": int(rng.integers(4, 16)), "d": int(rng.integers(1, 4)), "real": False, **arguments}
    instance = draws.data(rng, **arguments)
    radius = separation(instance["X"]).distance * float(rng.uniform(0.1, 0.4))
    return {**instance, "radius": radius, "epsilon": 2.0 ** -int(rng.integers(4, 11))}


def construct_published(X: Any, y: Any, radius: float, epsilon: float) -> Network:
    """Return the published network without a teacher."""
    recipe = Recipe("paper", gate="product", bump="published", epsilon=epsilon)
    return memorize(X, y, radius=radius, recipe=recipe).to_network()


def plant_published(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with its output moved by two epsilon."""
    last = network.layers[-1]
    return draws.replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + 2 * instance["epsilon"]))


def plant_real(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with its output moved by 2^-40 of the labels' size."""
    last = network.layers[-1]
    shift = 2.0**-40 * max(1.0, float(np.abs(instance["y"]).max()))
    return draws.replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + shift))


def draw_patched(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return classes that an affine teacher gets mostly right."""
    instance = draws.data(rng, **{"real": False, **arguments})
    X = instance["X"]
    guide = draws.teacher(rng, X.shape[1], hidden=0)
    score = guide(X)[:, 0]
    y = np.where(rng.random(len(X)) < 0.2, -1, 1) * np.where(score >= np.median(score), 1.0, -1.0)
    y[:2] = (-1.0, 1.0)
    distance = separation(X).distance
    return {"X": X, "y": y, "radius": distance * float(rng.uniform(0.1, 0.45)), "teacher": guide}


def construct_patched(X: Any, y: Any, radius: float, teacher: Network) -> Network:
    """Return the student that leaves to the teacher what the teacher certainly gets right."""
    return memorize(X, y, radius=radius, teacher=teacher, recipe=Recipe("patched", patch=True)).to_network()


ROBUST = Theorem(
    name="robust-memorization",
    source=Source("2401.13624", "zero adversarial training error", "sharper", "secondary"),
    statement="For every radius below half the separation the clip student gives each label on the whole closed l_inf "
              "ball of its datum, in floating point, in any order of summation.",
    hypotheses=("radius < separation / 2", "IEEE arithmetic, rounding to nearest"),
    claims=(Claim("robust training error", robust_error, zero, "0", "=="),),
    draw=draws.taught_data, construct=draws.student_network, plant=draws.without_a_bump, repeats=12,
    proof=(("outward rounding", "domain.outward_boxes"), ("ramp below the gap of the rounded boxes",
           "students.boxes.make_bumps"), ("gate", "students.gates.envelopes.gate")),
)

INTERVALS = Theorem(
    name="exact-intervals",
    source=Source("2401.13624", "zero adversarial training error", "ours", "secondary"),
    statement="Interval propagation through the clip student returns exactly the label on every training box, "
              "whatever the teacher: the cheapest sound verifier is complete for it.",
    hypotheses=("radius < separation / 2", "endpoint intervals, no widening where rounding is monotone"),
    claims=(Claim("largest distance of the interval's ends from the label", interval_deviation, zero, "0", "=="),),
    draw=draws.taught_data, construct=draws.student_network, plant=plant_real, repeats=8,
    proof=(("on a box two envelopes add up to 2B exactly", "students.gates.envelopes.gate"),),
)

PUBLISHED = Theorem(
    name="published-memorization",
    source=Source("2401.13624", "product-gate construction", "paper", "secondary", ("arXiv:1610.01145",)),
    statement="The published construction is within epsilon of every label on its whole ball.",
    hypotheses=("boxes pairwise disjoint", "gate depth from epsilon", "no teacher, so that bounds stay tight"),
    claims=(Claim("largest distance from the labels", label_deviation, epsilon, "epsilon"),),
    draw=draw_published, construct=construct_published, plant=plant_published, repeats=4,
)

PATCHED = Theorem(
    name="patched-memorization",
    source=Source("2401.13624", "zero adversarial training error", "ours", "secondary"),
    statement="Data on whose whole ball the teacher is certified right need no bump: the patched student still has "
              "robust training error 0.",
    hypotheses=("classes", "radius < separation / 2", "teacher certified on the boxes left to it"),
    claims=(Claim("robust training error", robust_error, zero, "0", "=="),),
    draw=draw_patched, construct=construct_patched, plant=draws.without_a_bump,
)
