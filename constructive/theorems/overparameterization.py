"""Linear over-parameterization: a smooth target needs a number of parameters only a constant times the sample size.

The student costs 6 d + 2 nonzeros for each datum and its teacher o(n): with K ~ n^(1 / (2r + d)) cells in each
direction about (5 + M) n^(d / (2r + d)), M = C(d + r - 1, d). The calculator says from which n on the teacher is below
a tenth of the student, the absurd sizes included. The second record sets four ways of counting side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.training import certify
from constructive.evidence import Bracket, Source, Table, exactly
from constructive.network import Layer, Network
from constructive.populations import Population, flip_labels, jittered_lattice
from constructive.students import Recipe, memorize, separation
from constructive.students.recipes import CLIP, LEAN, PAPER
from constructive.targets import cosine_product
from constructive.teachers import fit_cells
from constructive.teachers.cell_layout import cell_price
from constructive.teachers.teacher import Teacher
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_LEVELS = 16
"""Depth of the product gates that the calculator assumes; a gate costs 16 nonzeros a level."""
_SHARE = 0.1
"""The student is within this share of its constant."""


def cells_for(n: int, d: int, order: int) -> int:
    """Return K = n^(1 / (2r + d)), rounded, at least 1: the cells that balance bias and variance."""
    return max(1, round(n ** (1.0 / (2 * order + d))))


def overhead(n: int, d: int, order: int) -> float:
    """Return what a clip student has beyond (6 d + 2) n nonzeros, before any data: teacher, gate, carried values."""
    teacher = cell_price(d, cells_for(n, d, order), order, _LEVELS, cut=True)
    return float(teacher + 15 + 2 * (8 + order * (_LEVELS + 2)))


def holds_from(d: int, order: int) -> float:
    """Return the least n from which on the overhead stays below a tenth of (6 d + 2) n; powers of 2^(1/8) are tried."""
    for exponent in range(8 * 400, -1, -1):
        n = 2.0 ** (exponent / 8)
        if _rough(n, d, order) > _SHARE * (6 * d + 2) * n:
            return 2.0 ** ((exponent + 1) / 8)
    return 1.0


def _rough(n: float, d: int, order: int) -> float:
    """Return the overhead with K as a real number: n may be beyond all integers that a computer counts to."""
    cells = n ** (1.0 / (2 * order + d))
    small = cell_price(d, 2, order, _LEVELS, cut=True) - (5 + math.comb(d + order - 1, d)) * 2**d
    return (max(cells, 1.5) + 0.5) ** d * (5 + math.comb(d + order - 1, d)) + 6 * d * cells + small + 15 + 2 * (
        8 + order * (_LEVELS + 2))


def calculator(n: int = 100_000, d: int = 2, order: int | None = None, **_: Any) -> tuple[Table, ...]:
    """Return the sizes before any data, for orders 1 to 4 and the one asked for."""
    rows = []
    for r in sorted({1, 2, 3, 4} | ({int(order)} if order else set())):
        cells, start = cells_for(n, d, r), holds_from(d, r)
        teacher, all_in = overhead(n, d, r), (6 * d + 2) * n + overhead(n, d, r)
        rows.append((r, math.comb(d + r - 1, d), f"{cells}^{d}", f"{teacher:.6g}", f"{all_in:.6g}",
                     f"{all_in / n:.4g}", 6 * d + 2, f"{start:.3g}", "yes" if r >= d / 2 else "no"))
    return (Table(f"before any data: n = {n:,}, d = {d}, two classes, recipe clip",
                  ("order r", "monomials M", "cells", "teacher and gate", "student", "per datum", "6 d + 2",
                   "within 10 % from n =", "r >= d / 2"), tuple(rows),
                  f"nonzeros; cells K = n^(1 / (2r + d)), gates of depth {_LEVELS}"),)


# -- the student ----------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None, order: int | None = None) -> Instance:
    """Return a sample of a smooth margin in the unit cube, a tenth of the labels wrong, radius and order."""
    inputs = int(rng.integers(1, 4)) if d is None else int(d)
    count = int(rng.integers(2_000, 6_000)) if n is None else int(n)
    r = int(rng.integers(math.ceil(inputs / 2), 5)) if order is None else int(order)
    X = rng.random((count, inputs))
    margin = cosine_product(rng.uniform(2.0, 5.0, inputs).tolist(), rng.uniform(-1.0, 1.0, inputs).tolist())
    y, _ = flip_labels(Population(margin, inputs).truth(X), 0.1, rng)
    return {"X": X, "y": y.astype(np.float64), "order": r, "radius": 0.4 * separation(X, y).distance}


def teacher(X: Array, y: Array, order: int) -> Teacher:
    """Return the least squares teacher on K = n^(1 / (2r + d)) cells."""
    n, d = X.shape
    return fit_cells(X, y, order=order, cells=cells_for(n, d, order))


def construct(X: Array, y: Array, order: int, radius: float, **_: Any) -> Network:
    """Return the clip student's network."""
    return memorize(X, y, radius=radius, teacher=teacher(X, y, order)).to_network()


def robust_error(network: Network, instance: Instance) -> Bracket:
    """Return the robust training error, certified from the bumps: whatever the teacher says, it needs no look at it."""
    return certify(network, instance["X"], instance["y"], radius=instance["radius"], method="structural").robust_error


def per_datum(network: Network, instance: Instance) -> Bracket:
    """Return counted nonzeros / n."""
    return exactly(network.size.nonzeros / len(instance["X"]))


def ceiling(X: Array, order: int, **_: Any) -> float:
    """Return 6 d + 2 + overhead / n."""
    n, d = X.shape
    return 6 * d + 2 + overhead(n, d, order) / n


def tenth(X: Array, **_: Any) -> float:
    """Return 1.1 (6 d + 2)."""
    return (1 + _SHARE) * (6 * X.shape[1] + 2)


def large(X: Array, order: int, **_: Any) -> bool:
    """Whether n is beyond the size from which on the teacher is small."""
    return len(X) >= holds_from(X.shape[1], order)


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with its output moved: it is wrong on every ball of one class."""
    last = network.layers[-1]
    return replaced(network, network.depth - 1, Layer.build(last.weight, last.bias + 4 * rng.choice((-1.0, 1.0))))


LINEAR = Theorem(
    name="linear-over-parameterization",
    source=Source("2401.13624", "linear over-parameterization is enough if the target is smooth", "sharper",
                  "abstract"),
    statement="A student of a least squares teacher on K^d cells, K = n^(1 / (2r + d)), is right on every ball and has "
              "(6 d + 2) n + (5 + M) K^d + ... nonzeros, M = C(d + r - 1, d): a constant times the sample size, "
              "for every order r > 0, and within a tenth of 6 d + 2 from an n on that the calculator states.",
    hypotheses=("two classes, points of the unit cube", "radius < separation / 2"),
    claims=(Claim("robust training error", robust_error, lambda **_: 0.0, "0", "=="),
            Claim("nonzeros for each datum", per_datum, ceiling, "6 d + 2 + a priori overhead / n"),
            Claim("nonzeros for each datum, n large", per_datum, tenth, "1.1 (6 d + 2)", where=large)),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("price of a cell network", "teachers.cell_layout.cell_price"),
           ("6 d + 2 for each datum", "students.boxes.Bumps.parts")),
    tables=calculator,
)


# -- only slightly larger than the sample size? ------------------------------------------------------------------------


Networks = Mapping[str, Network]
_RECIPES: Mapping[str, Recipe] = {"paper": PAPER, "clip": CLIP, "lean": LEAN}


def draw_counted(rng: np.random.Generator, n: int | None = None, d: int | None = None) -> Instance:
    """Return two samples of one size with labels of one smooth margin, none within 1 / 8 of the sign change."""
    inputs = int(rng.integers(1, 3)) if d is None else int(d)
    count = int(rng.integers(1_200, 2_000)) if n is None else int(n)
    margin = cosine_product([float(rng.uniform(3.0, 5.0))] + [float(rng.uniform(0.2, 1.0))] * (inputs - 1))
    samples = [_apart(margin, inputs, count, rng) for _ in range(2)]
    radius = 0.4 * min(separation(X).distance for X in samples)
    return {"X": samples[0], "other": samples[1], "margin": margin, "radius": radius}


def _apart(margin: Any, d: int, n: int, rng: np.random.Generator) -> Array:
    """Return n points of a jittered lattice whose margin is at least 1 / 8."""
    side = math.ceil((2.0 * n) ** (1 / d))
    while True:
        X = jittered_lattice(side, d, 0.9, rng)
        X = X[np.abs(margin(X)) >= 0.125]
        if len(X) >= n:
            return X[rng.permutation(len(X))[:n]]
        side += max(1, side // 8)


def construct_counted(X: Array, other: Array, margin: Any, radius: float) -> dict[str, Network]:
    """Return the networks of each recipe on both samples, without a teacher."""
    out = {}
    for name, recipe in _RECIPES.items():
        for which, points in (("", X), (" other", other)):
            y = np.where(margin(points) >= 0, 1.0, -1.0)
            out[name + which] = memorize(points, y, radius=radius, recipe=recipe, rng=0).to_network()
    return out


def _ratio(name: str) -> Any:
    def measure(networks: Networks, instance: Instance) -> Bracket:
        """Return nonzeros / n."""
        return exactly(networks[name].size.nonzeros / len(instance["X"]))

    return measure


def stored(networks: Networks, instance: Instance, name: str = "clip") -> Bracket:
    """Return how many distinct values depend on the data, for each datum: those not stored for the other sample."""
    mine, others = (_values(networks[key]) for key in (name, f"{name} other"))
    return exactly(np.setdiff1d(mine, others).size / len(instance["X"]))


def _values(network: Network) -> Array:
    return np.unique(np.concatenate([v for layer in network.layers for v in (layer.weight.data, layer.bias)]))


def lean_error(networks: Networks, instance: Instance) -> Bracket:
    """Return the lean student's certified robust training error."""
    X = instance["X"]
    y = np.where(instance["margin"](X) >= 0, 1.0, -1.0)
    return certify(networks["lean"], X, y, radius=instance["radius"], method="structural").robust_error


def plant_counted(networks: Networks, instance: Instance, rng: np.random.Generator) -> dict[str, Network]:
    """Return the networks with the clip student's in the place of the lean one: right, but not small."""
    return {**networks, "lean": networks["clip"]}


def ways_to_count(n: int = 1_500, d: int | None = None, **_: Any) -> tuple[Table, ...]:
    """Return the ratio to n under four ways of counting, on three kinds of data."""
    rows: list[tuple[object, ...]] = []
    rng = np.random.default_rng(0)
    for inputs in (1, 2) if d is None else (int(d),):
        smooth = draw_counted(rng, n=int(n), d=inputs)
        noisy = rng.choice((-1.0, 1.0), int(n))
        for kind in ("smooth labels, classes apart", "random labels"):
            X, other = smooth["X"], smooth["other"]
            for name, recipe in _RECIPES.items():
                built = []
                for points in (X, other):
                    y = np.where(smooth["margin"](points) >= 0, 1.0, -1.0) if kind.startswith("smooth") else noisy
                    built.append(memorize(points, y, radius=smooth["radius"], recipe=recipe, rng=0).to_network())
                size, changed = built[0].size, np.setdiff1d(_values(built[0]), _values(built[1])).size
                rows.append((inputs, kind, name, *(f"{v / n:.4g}" for v in (
                    size.nonzeros, size.distinct, changed, changed / (inputs + 1)))))
    return (Table(f"number of parameters / n, n = {n:,}, under four ways of counting",
                  ("d", "labels", "recipe", "nonzeros", "distinct values", "that depend on the data",
                   "per number given"), tuple(rows),
                  "slightly larger than the sample size: lean with smooth labels, under every way; clip only where "
                  "distinct values that depend on the data are set against the n (d + 1) numbers given, 2 d / (d + 1) "
                  "of them; not paper, 4 d / (d + 1); nonzeros are 6 d + 2 (clip) and 12 d + 3 (paper; 14 for d = 1) "
                  "for each datum whatever the target"),)


SLIGHTLY = Theorem(
    name="slightly-larger-than-the-sample-size",
    source=Source("2401.13624", "the number of parameters is only slightly larger than the sample size", "sharper",
                  "abstract"),
    statement="Which count makes it true: of nonzeros, 12 d + 3 for each datum as published (14 for d = 1) and 6 d + 2 "
              "with clip, it is a constant times n; of distinct values that depend on the data clip stores 2 d n, less "
              "than twice the n (d + 1) numbers given; with smooth labels and classes apart the lean student has fewer "
              "nonzeros than data.",
    hypotheses=("two classes, no teacher", "for lean: labels of a smooth margin, no datum near the sign change"),
    claims=(Claim("lean: robust training error", lean_error, lambda **_: 0.0, "0", "=="),
            Claim("lean: nonzeros / n", _ratio("lean"), lambda **_: 1.0, "1"),
            Claim("clip: nonzeros / n", _ratio("clip"), lambda X, **_: 6 * X.shape[1] + 2 + 32 / len(X),
                  "6 d + 2 + 32 / n"),
            Claim("clip: nonzeros / n, from below", _ratio("clip"), lambda X, **_: 6.0 * X.shape[1], "6 d", ">="),
            Claim("paper: nonzeros / n", _ratio("paper"), lambda X, **_: 12.0 * X.shape[1], "12 d", ">="),
            Claim("clip: values that depend on the data / n", stored, lambda X, **_: 2.0 * X.shape[1] + 8 / len(X),
                  "2 d + 8 / n")),
    draw=draw_counted, construct=construct_counted, plant=plant_counted, repeats=2,
    proof=(("6 d + 2 for each datum", "students.boxes.Bumps.parts"),
           ("merged boxes and needed faces", "students.merging.merged_boxes")),
    tables=ways_to_count,
)
