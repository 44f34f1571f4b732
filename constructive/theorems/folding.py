"""The folding norm: below the Euclidean norm, above a stated share of it, and 1-Lipschitz."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.blocks.folding import folding_norm_gate, folding_shortfall
from constructive.calculus import affine
from constructive.certificates.exact import piecewise_1d
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Layer, Network
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_SQUARE = ((1, 1), (-1, 1), (-1, -1), (1, -1))


def draw(rng: np.random.Generator, dimension: int | None = None, levels: int | None = None) -> Instance:
    """Return a dimension, folds for each stage, and planes through 0, each by two integer vectors."""
    d = int(rng.choice((2, 3, 4, 5, 8))) if dimension is None else dimension
    folds = int(rng.integers(1, 6 if d < 5 else 4)) if levels is None else levels
    planes = [np.eye(2, d, dtype=np.int64)]
    while len(planes) < (1 if d == 2 else 3):
        plane = rng.integers(-4, 5, (2, d))
        if np.linalg.matrix_rank(plane) == 2:
            planes.append(plane)
    return {"dimension": d, "levels": folds, "planes": np.array(planes, np.float64)}


def construct(dimension: int, levels: int, **_: Any) -> Network:
    """Return the gate's network."""
    return folding_norm_gate(dimension, levels).network


def smallest(network: Network, instance: Instance) -> Bracket:
    """Return the smallest ``(N(x) / ||x||)^2`` on the planes, exactly."""
    return exactly(min(square for plane in instance["planes"] for square in _squares(network, plane)))


def largest(network: Network, instance: Instance) -> Bracket:
    """Return ``sup (N(x) / ||x||)^2`` over all x: from below on the planes, from above by the Lipschitz constant."""
    seen = max(square for plane in instance["planes"] for square in _squares(network, plane))
    if any(np.any(layer.bias) for layer in network.layers):
        return Bracket(exactly(seen).lower, math.inf)
    return Bracket(exactly(seen).lower, max(exactly(seen).upper, lipschitz(network) ** 2 * (1 + 2.0**-50)))


def constant(network: Network, instance: Instance) -> Bracket:
    """Return the Euclidean Lipschitz constant: at least the largest ratio seen, at most what the weights say."""
    seen = max(square for plane in instance["planes"] for square in _squares(network, plane))
    low = math.sqrt(exactly(seen).lower) * (1 - 2.0**-50)
    return Bracket(low, max(low, lipschitz(network)))


def _squares(network: Network, plane: Array) -> list[Fraction]:
    """Return ``(N / ||.||)^2`` at every kink of N along a parallelogram round 0 in a plane.

    N is homogeneous and affine between two kinks, so that on the sector between their directions the ratio is a
    cosine times a number: its smallest value is at an end of a sector.
    """
    found = []
    corners = [Fraction(1) * a * _rational(plane[0]) + Fraction(1) * b * _rational(plane[1]) for a, b in _SQUARE]
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        first, step = start.astype(np.float64), (end - start).astype(np.float64)  # small integers: exact
        pieces = piecewise_1d(network @ affine(step[:, None], first), 0, 1)
        for knot, value in zip(pieces.knots, pieces.values, strict=True):
            point = start + knot * (end - start)
            found.append(value[0] ** 2 / sum(v * v for v in point))
    return found


def _rational(vector: Array) -> Any:
    return np.array([Fraction(v) for v in vector.tolist()], dtype=object)


def lipschitz(network: Network) -> float:
    """Return a bound on the Euclidean Lipschitz constant of a small network, from its weights.

    Two units with opposite rows and biases whose columns above agree are one absolute value; between 1-Lipschitz maps
    are matrices, and ``||A||^2 <= ||A A^T||_inf``.
    """
    bound = 1.0
    above: Array | None = None
    for layer in reversed(network.layers):
        weight = layer.weight.toarray().astype(np.float64)
        kept = list(range(weight.shape[0]))
        if above is not None:
            seen: dict[bytes, int] = {}
            kept = []
            for unit, row in enumerate(np.column_stack([weight, layer.bias])):
                if seen.pop((-row + 0.0).tobytes() + (above[:, unit] + 0.0).tobytes(), None) is None:
                    seen[(row + 0.0).tobytes() + (above[:, unit] + 0.0).tobytes()] = unit
                    kept.append(unit)
            above = above[:, kept]
            bound *= _spectral(above)
        above = weight[kept]
    return bound * (_spectral(above) if above is not None else 1.0)


def _spectral(matrix: Array) -> float:
    gram = np.abs(matrix @ matrix.T).sum(axis=1).max()
    room = (matrix.shape[0] + 1) * (matrix.shape[1] + 4) * 2.0**-52 * float((matrix**2).sum(axis=1).max())
    return math.sqrt(gram + room) * (1 + 2.0**-50)


def share(dimension: int, levels: int, **_: Any) -> float:
    """Return (1 - e)^2 for the stored cosines."""
    return (1 - folding_shortfall(dimension, levels)) ** 2 - rounding(dimension, levels)


def rounding(dimension: int, levels: int, **_: Any) -> float:
    """Return the room for rounded cosines: some units in the last place for each fold."""
    return 2.0**-46 * (1 + levels * math.ceil(math.log2(dimension)))


def one(dimension: int, levels: int, **_: Any) -> float:
    """Return 1 for the stored cosines."""
    return 1 + rounding(dimension, levels)


def one_squared(dimension: int, levels: int, **_: Any) -> float:
    """Return 1 for the stored cosines, squared."""
    return one(dimension, levels) ** 2


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network reading its last layer a thousandth too high, or by more than the shortfall too low."""
    last = network.layers[-1]
    low = 1 - 2 * folding_shortfall(instance["dimension"], instance["levels"]) - 2.0**-10
    return replaced(network, network.depth - 1, Layer.build(last.weight * float(rng.choice((1 + 2.0**-10, low))),
                                                            last.bias))


THEOREM = Theorem(
    name="folding-norm",
    source=Source("2401.13624", "bumps on balls, which the paper has on boxes only", "ours", "secondary",
                  ("arXiv:1802.03620",)),
    statement="Folding gives N with (1 - e) ||x|| <= N(x) <= ||x|| in the Euclidean norm, 1 - e = "
              "cos(pi / 2^(m + 2))^ceil(log2 d), and N is 1-Lipschitz, so that bumps reach every radius below half "
              "the separation.",
    hypotheses=("m folds in each of ceil(log2 d) stages", "up to the rounding of stored cosines"),
    claims=(Claim("smallest (N / norm)^2 on the planes", smallest, share, "(1 - e)^2", ">="),
            Claim("largest (N / norm)^2", largest, one_squared, "1"),
            Claim("Lipschitz constant", constant, one, "1")),
    draw=draw, construct=construct, plant=plant,
    proof=(("a fold keeps lengths and halves angles", "blocks.folding.folding_tree"),
           ("what is left is read along its middle", "blocks.folding.folding_shortfall")),
)
