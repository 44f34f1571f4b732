"""Every recipe: robust memorization in both number formats, sizes read off the bumps, facets and merged boxes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive.certificates.structural import find_bumps
from constructive.certificates.training import certify
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Layer, Network
from constructive.students import Recipe, memorize, separation
from constructive.theorems import draws
from constructive.theorems.record import Claim, Instance, Theorem

CLASSES = (
    Recipe("clip"), Recipe("additive", gate="additive"), Recipe("argmax", gate="argmax"),
    Recipe("one-sided", gate="argmax", one_sided=True), Recipe("shared", share=True),
    Recipe("facets", faces="needed"), Recipe("facets, argmax", gate="argmax", faces="needed"),
    Recipe("merged", merge=True), Recipe("lean", gate="argmax", faces="needed", merge=True),
)
REAL = (Recipe("clip"), Recipe("height", gate="height"), Recipe("facets", faces="needed"),
        Recipe("facets, height", gate="height", faces="needed"), Recipe("shared", share=True))


def robust_error(network: Network, instance: Instance) -> Bracket:
    """Return the certified robust training error."""
    return certify(network, instance["X"], instance["y"], radius=instance["radius"]).robust_error


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


def draw_any(rng: np.random.Generator, recipes: tuple[Recipe, ...] | None = None, real: bool | None = None,
             precision: str | None = None, **arguments: Any) -> Instance:
    """Return data, a teacher of 0 to 4 hidden layers, a recipe that suits the labels, and a number format."""
    values = bool(rng.random() < 0.3) if real is None else real
    instance = draws.data(rng, **{"real": values, **arguments})
    chosen = (REAL if values else CLASSES) if recipes is None else recipes
    recipe = chosen[int(rng.integers(len(chosen)))]
    number = precision or str(rng.choice(["float64", "float32"]))
    X, y, radius = instance["X"], instance["y"], instance["radius"]
    if recipe.gate == "height":
        radius = 0.4 * separation(X).distance
    if number == "float32":  # labels and radius that this format holds
        y, radius = np.asarray(y, np.float32).astype(np.float64), float(np.float32(0.9 * radius))
    guide = None if recipe.one_sided else draws.teacher(rng, X.shape[1], hidden=int(rng.integers(0, 5)))
    return {**instance, "y": _on_grid(y, number) if values else y, "radius": radius, "recipe": recipe,
            "teacher": guide, "precision": number}


def _on_grid(y: Any, number: str) -> Any:
    """Return real labels on a grid that every recipe can return exactly."""
    bound = 2.0 ** math.ceil(math.log2(float(np.abs(y).max())))
    grid = bound * (2.0**-20 if number == "float32" else 2.0**-48)
    return np.rint(y / grid) * grid


def construct(X: Any, y: Any, radius: float, recipe: Recipe, teacher: Network | None, precision: str,
              **_: Any) -> Network:
    """Return the student's network."""
    return memorize(X, y, radius=radius, teacher=teacher, recipe=recipe, precision=precision).to_network()


def plant_shift(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with its output moved far enough to change every decision."""
    last = network.layers[-1]
    size = 4 * (1 + float(np.abs(network(instance["X"])).max()))
    layer = Layer.build(last.weight, last.bias - size * float(np.sign(instance["y"][0])), network.dtype)
    return draws.replaced(network, network.depth - 1, layer)


def excess(network: Network, instance: Instance) -> Bracket:
    """Return counted nonzeros less those that the formula gives for the bumps found in the weights.

    The formula knows the teacher, the gate, and what was found: bumps m, their faces F, the distinct faces among
    them, thresholds that are 0.
    """
    return exactly(network.size.nonzeros - formula(network, **instance))


def formula(network: Network, X: Any, y: Any, recipe: Recipe, teacher: Network | None, **_: Any) -> int:
    """Return nnz(T) + 2 (distinct faces) + F + m + the gate's share, for m bumps with F faces found in the weights."""
    pattern = find_bumps(network)
    if pattern is None:
        return -1  # no bump: no count is right
    first, second = network.layers[0], network.layers[1]
    rows = second.weight[pattern.rows]
    stored = np.unique(rows.indices)
    m, faces = pattern.rows.size, int(rows.nnz)
    bumps = 2 * stored.size - int((first.bias[stored] == 0).sum()) + faces + m
    guide = teacher or Network.build([(np.zeros((1, X.shape[1])), [-1.0 if recipe.one_sided else 0.0])])
    bound, t, last = _bound(y), guide.depth - 1, guide.layers[-1]
    shifted = int(np.count_nonzero(last.bias + bound)) - int(np.count_nonzero(last.bias))
    count = guide.size.nonzeros + bumps
    constant = t == 0 and last.weight.nnz == 0
    if recipe.gate == "height":
        return count + shifted + m + 17 + abs(t - 2)
    if recipe.gate == "additive":
        return count + shifted + m + 4 + (0 if constant else max(2 - t, 0) + 2 * max(t - 2, 0))
    if recipe.gate == "argmax":
        waiting = last.nonzeros + 2 * (2 - t) if t < 2 else 2 * (t - 2)
        return count + m + (0 if constant else waiting)
    signs = bool(np.isin(y, (-1.0, 1.0)).all())
    told = m if signs else int((np.asarray(y) != -bound).sum() + (np.asarray(y) != bound).sum())
    return count + shifted + told + 15 + max(2 - t, 0) + 2 * max(t - 2, 0)


def _bound(y: Any) -> float:
    largest = float(np.abs(y).max())
    return 1.0 if largest == 0 else 2.0 ** math.ceil(math.log2(largest))


def draw_sized(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return an instance in two or more dimensions, where no unit of a drawn teacher looks like a face."""
    return draw_any(rng, **{"d": int(rng.choice([d for d in draws.DIMENSIONS if d > 1])), **arguments})


def plant_unit(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with one weight more in its second layer, where a row has room, or in its output bias."""
    second = network.layers[1]
    matrix = second.weight.tolil()
    row = int(rng.integers(second.outputs))
    free = np.setdiff1d(np.arange(second.inputs), second.weight[[row]].indices)
    if free.size == 0:
        last = network.layers[-1]
        bias = np.where(last.bias == 0, 1.0, 0.0)
        return draws.replaced(network, network.depth - 1, Layer.build(last.weight, bias, network.dtype))
    matrix[row, int(free[0])] = 2.0**-30  # positive: no bump any more, one nonzero more
    return draws.replaced(network, 1, Layer.build(matrix.tocsr(), second.bias, network.dtype))


def faces_per_bump(network: Network, instance: Instance) -> Bracket:
    """Return the mean number of faces of the bumps found in the weights."""
    pattern = find_bumps(network)
    if pattern is None:
        return Bracket(0.0, math.inf)
    return exactly(float(np.isfinite(pattern.lower).sum() + np.isfinite(pattern.upper).sum()) / pattern.rows.size)


def all_faces(X: Any, **_: Any) -> float:
    """Return 2 d."""
    return 2.0 * X.shape[1]


def bumps(network: Network, instance: Instance) -> Bracket:
    """Return the number of bumps found in the weights."""
    pattern = find_bumps(network)
    return exactly(0.0 if pattern is None else float(pattern.rows.size))


def data_count(X: Any, **_: Any) -> float:
    """Return n."""
    return float(len(X))


def draw_facets(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return an instance for a recipe with the faces that are needed."""
    return draw_any(rng, recipes=tuple(r for r in CLASSES if r.faces == "needed" and not r.merge),
                    **{"real": False, **arguments})


def draw_merged(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return an instance of two classes on two sides, for a recipe that merges."""
    instance = draw_any(rng, recipes=tuple(r for r in CLASSES if r.merge), **{"real": False, **arguments})
    X = instance["X"]
    side = X[:, 0] > np.median(X[:, 0])
    y = np.where(side ^ (rng.random(len(X)) < 0.1), 1.0, -1.0)
    y[:2] = (-1.0, 1.0)
    radius = 0.45 * separation(X, y).distance
    return {**instance, "y": y, "radius": float(np.float32(0.9 * radius))}


def draw_balls(rng: np.random.Generator, norm: float | None = None, **arguments: Any) -> Instance:
    """Return data, a norm, and a radius that boxes of that size may not allow."""
    p = float(rng.choice([1.0, 2.0])) if norm is None else float(norm)
    instance = draws.taught_data(rng, **{"n": int(rng.integers(6, 24)), **arguments})
    distance = separation(instance["X"], instance["y"], norm=p).distance
    radius = float(rng.uniform(0.3, 0.97)) * (1.0 if math.isinf(distance) else distance) / 2
    return {**instance, "radius": radius, "norm": p}


def construct_balls(X: Any, y: Any, radius: float, norm: float, teacher: Network, **_: Any) -> Network:
    """Return the clip student with bumps on balls."""
    return memorize(X, y, radius=radius, norm=norm, teacher=teacher, recipe=Recipe("balls", bump="ball")).to_network()


def error_on_balls(network: Network, instance: Instance) -> Bracket:
    """Return the certified robust training error on the balls of the instance's norm."""
    return certify(network, instance["X"], instance["y"], radius=instance["radius"],
                   norm=instance["norm"]).robust_error


BALLS = Theorem(
    name="robust-memorization-on-balls",
    source=Source("2401.13624", "zero adversarial training error", "ours", "secondary", ("arXiv:1802.03620",)),
    statement="For l_1 and l_2, bumps on the balls themselves memorize every label on every ball of radius below half "
              "the separation in that norm, up to the room for rounding: larger radii than boxes reach.",
    hypotheses=("radius < separation / 2 in the norm, less a slack for rounding",
                "IEEE arithmetic, rounding to nearest"),
    claims=(Claim("robust training error", error_on_balls, zero, "0", "=="),),
    draw=draw_balls, construct=construct_balls, plant=plant_shift, repeats=8,
    proof=(("plateau larger than the radius by the rounding", "students.balls.make_ball_bumps"),
           ("value at the center, slope, radius", "certificates.balls.ball_bounds")),
)

EVERY = Theorem(
    name="robust-memorization-by-every-recipe",
    source=Source("2401.13624", "zero adversarial training error", "ours", "secondary"),
    statement="Whatever the gate (clip, additive, argmax, height-coded, one-sided), the faces and the merging, in "
              "float64 and in float32, the student is right on the whole closed l_inf ball of every datum.",
    hypotheses=("radius < separation / 2 (of all data for height-coded labels)", "a recipe that suits the labels",
                "IEEE arithmetic, rounding to nearest, in the network's format"),
    claims=(Claim("robust training error", robust_error, zero, "0", "=="),),
    draw=draw_any, construct=construct, plant=plant_shift, repeats=24,
    proof=(("boxes rounded outward in the format", "students.precision.Format.boxes"),
           ("the distance of every bump from all rival data", "students.boxes.make_bumps"),
           ("one gate a file", "students.gates")),
)

SIZES = Theorem(
    name="size-of-every-recipe",
    source=Source("2401.13624", "linear over-parameterization", "ours", "secondary"),
    statement="With m bumps and F faces a student has nnz(T) + 3 F + 2 m nonzeros, and a constant for its gate: 15 "
              "(clip), 4 (additive), 0 (argmax), 17 (height-coded real labels), and a few that depend on the "
              "teacher's depth; clip with real labels inside (-B, B) has 3 m for 2 m.",
    hypotheses=("one output, two or more inputs, equal real labels not overlapping",
                "thresholds that are exactly 0 do not count",
                "equal faces count once in the first layer if they are shared"),
    claims=(Claim("nonzeros counted less those of the formula", excess, zero, "0", "=="),),
    draw=draw_sized, construct=construct, plant=plant_unit, repeats=24,
    proof=(("bumps", "students.boxes.Bumps.parts"), ("gates", "students.gates")),
)

FACETS = Theorem(
    name="needed-faces",
    source=Source("2401.13624", "zero adversarial training error", "ours", "secondary"),
    statement="A bump needs only faces that hold off the data of other labels: with a hitting set of faces for each "
              "datum, never more than all 2 d, the student is still right on every whole ball.",
    hypotheses=("faces chosen against all data of other labels, patched or not", "radius < separation / 2"),
    claims=(Claim("robust training error", robust_error, zero, "0", "=="),
            Claim("faces for each bump", faces_per_bump, all_faces, "2 d")),
    draw=draw_facets, construct=construct, plant=plant_shift, repeats=8,
    proof=(("greedy hitting set, then reverse deletion", "students.facets.needed_faces"),),
)

MERGED = Theorem(
    name="merged-boxes",
    source=Source("2401.13624", "zero adversarial training error", "ours", "secondary"),
    statement="One bump on the bounding box of several data of one label serves them all, as long as the box keeps "
              "its distance from every box of another label: at most one bump for each datum, every ball still right.",
    hypotheses=("classes", "radius < separation / 2"),
    claims=(Claim("robust training error", robust_error, zero, "0", "=="),
            Claim("bumps", bumps, data_count, "n")),
    draw=draw_merged, construct=construct, plant=plant_shift, repeats=8,
    proof=(("greedy, nearest first", "students.merging.merged_boxes"),),
)
