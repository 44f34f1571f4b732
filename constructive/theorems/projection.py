"""Balls in a random image of few dimensions, certified on the drawn projection; and how that limits the radius."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.blocks.folding import folding_tree
from constructive.certificates.training import certify
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Layer, Network
from constructive.students.balls import make_ball_bumps
from constructive.students.layout import Part, network_of
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
Vector = tuple[Fraction, ...]


# -- the certificate on the drawn projection ------------------------------------------------------------------------


def draw(rng: np.random.Generator, n: int | None = None, d: int | None = None, k: int | None = None) -> Instance:
    """Return data in many dimensions, signs, a seed, the image's dimension, and a radius that the image allows."""
    inputs = int(rng.choice((12, 30, 60))) if d is None else d
    count = int(rng.integers(6, 20)) if n is None else n
    X, y = rng.random((count, inputs)), rng.choice((-1.0, 1.0), count)
    y[:2] = (-1.0, 1.0)
    image = int(rng.integers(4, 9)) if k is None else k
    named: dict[str, Any] = {"X": X, "y": y, "seed": int(rng.integers(2**31)), "image": image}
    apart = _bumps(**named, radius=0.0).gap
    return {**named, "radius": float(rng.uniform(0.3, 0.9)) * apart / 2}


def _bumps(X: Array, y: Array, seed: int, image: int, radius: float) -> Any:
    index = (y > 0).astype(np.int64)
    return make_ball_bumps(X, y, index, np.arange(y.size), radius, None, 2.0, who="projection", projection=image,
                           rng=np.random.default_rng(seed))


def construct(X: Array, y: Array, seed: int, image: int, radius: float) -> Network:
    """Return the sum of the labels times the bumps on the image."""
    bumps = _bumps(X, y, seed, image, radius)
    return network_of([*bumps.parts(), Part(y[None, :], np.zeros(1), y.size)])


def robust_error(network: Network, instance: Instance) -> Bracket:
    """Return the robust training error in the Euclidean norm, from the weights."""
    return certify(network, instance["X"], instance["y"], radius=instance["radius"], norm=2.0,
                   method="ball").robust_error


def per_datum(network: Network, instance: Instance) -> Bracket:
    """Return the nonzeros beyond the layer that all data share, divided by the number of data."""
    shared = network.layers[0].nonzeros
    return exactly(Fraction(network.size.nonzeros - shared, len(instance["y"])))


def expected(X: Array, y: Array, seed: int, image: int, radius: float) -> float:
    """Return 6 k for the differences, the folding tree on k values, its readout, and 4: two units and the label."""
    tree = folding_tree(image, _bumps(X, y, seed, image, radius).levels)
    return 6.0 * image + tree.nonzeros + np.count_nonzero(tree.readout) + 4


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with one bump's center moved by four separations in the image."""
    second = network.layers[1]
    bias = second.bias.copy()
    shift = 4 * float(np.abs(bias).max()) + 1
    own = int(rng.integers(len(instance["y"]))) * 2 * instance["image"]
    bias[own] += shift
    bias[own + 1] -= shift
    return replaced(network, 1, Layer.build(second.weight, bias))


CERTIFICATE = Theorem(
    name="projection-certificate",
    source=Source("2401.13624", "bumps of few parameters for data in many dimensions", "ours", "secondary"),
    statement="Balls round the images of the data under k drawn orthonormal rows memorize at every radius below half "
              "the smallest distance of rival images, read off the drawn rows; parameters per datum do not depend on "
              "d.",
    hypotheses=("the Euclidean norm", "images of rivals are distinct on the drawn rows; no probability is left"),
    claims=(Claim("robust training error", robust_error, lambda **_: 0.0, "0", "=="),
            Claim("nonzeros per datum beyond the shared rows", per_datum, expected, "of k and folds, not of d", "==")),
    draw=draw, construct=construct, plant=plant, repeats=3,
    proof=(("orthonormal rows do not lengthen", "students.balls.make_ball_bumps"),
           ("spectral norm and distances from the stored rows", "certificates.balls.ball_bounds")),
)


# -- the lower bound on the rank ------------------------------------------------------------------------------------


def draw_rank(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return a matrix (k, d) with k < d of small integers, a separation s, and a radius from s/4 to below s/2."""
    inputs = int(rng.integers(2, 9)) if d is None else d
    rank = int(rng.integers(1, inputs))
    matrix = rng.integers(-9, 10, (rank, inputs)).astype(np.float64) / 8
    s = float(rng.integers(1, 9)) / 4
    return {"matrix": matrix, "s": s, "radius": s * float(rng.integers(64, 128)) / 256}


def same_image(matrix: Array, s: float, radius: float) -> tuple[Vector, Vector, int, int]:
    """Return p in the box of x_0 = 0 and q in the box of x_j = sign s e_j with W p = W q, and j, sign.

    A kernel vector v with ``max |v_i| = v_j = 1``; with t = s - 2 r <= 2 r, p = -t v / 2 except p_j = r, q = p + t v.
    """
    v = kernel_vector([[Fraction(w) for w in row] for row in matrix.tolist()])
    j = max(range(len(v)), key=lambda i: abs(v[i]))
    sign = 1 if v[j] > 0 else -1
    v = tuple(u / abs(v[j]) for u in v)
    r, t = Fraction(radius), Fraction(s) - 2 * Fraction(radius)
    p = tuple(sign * r if i == j else -t * u / 2 for i, u in enumerate(v))
    return p, tuple(a + t * u for a, u in zip(p, v, strict=True)), j, sign


def kernel_vector(rows: list[list[Fraction]]) -> Vector:
    """Return a vector that is not 0 with W v = 0, for a matrix of fewer rows than columns, by elimination."""
    rows, d = [list(row) for row in rows], len(rows[0])
    pivots: list[int] = []
    for column in range(d):
        chosen = next((i for i in range(len(pivots), len(rows)) if rows[i][column] != 0), None)
        if chosen is None:
            continue
        at = len(pivots)
        rows[at], rows[chosen] = rows[chosen], rows[at]
        rows[at] = [value / rows[at][column] for value in rows[at]]
        for i, row in enumerate(rows):
            if i != at and row[column] != 0:
                rows[i] = [a - row[column] * b for a, b in zip(row, rows[at], strict=True)]
        pivots.append(column)
    free = next(column for column in range(d) if column not in pivots)
    v = [Fraction(0)] * d
    v[free] = Fraction(1)
    for row, column in zip(rows, pivots, strict=False):
        v[column] = -row[free]
    return tuple(v)


def image_distance(found: Any, instance: Instance) -> Bracket:
    """Return the largest coordinate of W p - W q."""
    p, q, _, _ = found
    rows = [[Fraction(w) for w in row] for row in instance["matrix"].tolist()]
    return exactly(max(abs(sum((w * (a - b) for w, a, b in zip(row, p, q, strict=True)), Fraction(0)))
                       for row in rows))


def outside(found: Any, instance: Instance) -> Bracket:
    """Return by how much p or q is outside the box of its datum: at most 0."""
    p, q, j, sign = found
    center = [sign * Fraction(instance["s"]) if i == j else Fraction(0) for i in range(len(q))]
    r = Fraction(instance["radius"])
    return exactly(max(max(abs(a) for a in p), max(abs(b - c) for b, c in zip(q, center, strict=True))) - r)


def plant_rank(found: Any, instance: Instance, rng: np.random.Generator) -> Any:
    """Return the pair with q moved out of its box, or back to its datum."""
    p, q, j, sign = found
    far = tuple(b + sign * Fraction(instance["s"]) * (i == j) for i, b in enumerate(q))
    return p, far, j, sign


RANK = Theorem(
    name="rank-lower-bound",
    source=Source("2401.13624", "how many units the first layer needs", "ours", "secondary"),
    statement="Data 0 (label +) and +-s e_j (label -): a function g(W x) that is right on all boxes of a radius from "
              "s / 4 to below s / 2 has rank W >= d, since else two points of rival boxes have one image.",
    hypotheses=("l_inf boxes", "s / 4 <= radius < s / 2", "fewer rows than columns"),
    claims=(Claim("distance of the two images", image_distance, lambda **_: 0.0, "0", "=="),
            Claim("distance of the two points from their boxes", outside, lambda **_: 0.0, "0")),
    draw=draw_rank, construct=same_image, plant=plant_rank,
    proof=(("a kernel vector joins rival boxes", "theorems.projection.same_image"),),
)
