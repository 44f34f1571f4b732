"""The Euclidean norm by folding: rotate, take an absolute value, rotate by half as much, and so on.

One fold of (p, q) with p, q >= 0 turns the plane by an angle and reflects what fell below the axis back above it:
lengths stay, angles halve. After ``levels`` folds the angle is at most pi / 2^(levels + 1), and the length is read off
along the middle of what is left. A balanced tree of such gates gives the norm of d coordinates, from below, and every
stage is 1-Lipschitz in the Euclidean norm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive._checks import as_count
from constructive.blocks.gate import Gate, space
from constructive.network import Network

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FoldingTree:
    """The affine maps of the folding norm of d coordinates, for nonnegative halves of the coordinates.

    ``maps`` turn relu(x_1), relu(-x_1), relu(x_2), ... (2 d units) into the last hidden layer, ReLU after each;
    ``readout`` (width,) reads the norm off that layer. ``nonzeros`` counts the weights of ``maps`` by formula.
    """

    maps: tuple[sparse.csr_array, ...]
    readout: Array
    nonzeros: int


def folding_tree(dimension: int, levels: int) -> FoldingTree:
    """Return the tree for d >= 1 coordinates with ``levels`` >= 1 folds in each of its ceil(log2 d) stages.

    Weights: 3 (s + t) + 9 (levels - 1) for a pair whose members are read with s and t weights (2 for a coordinate,
    3 for a folded pair, 1 for a value carried), t + levels - 1 for a value carried over a stage.
    """
    # a value is a row over the current units: weights >= 0 that read it off
    values = [{2 * j: 1.0, 2 * j + 1: 1.0} for j in range(dimension)]
    width, maps, nonzeros = 2 * dimension, [], 0
    while len(values) > 1:
        rows: list[dict[int, float]] = []
        folded: list[int] = []  # first unit of each value of the next stage; pairs have three, carried ones one
        turn = math.pi / 4
        for a in range(0, len(values) - 1, 2):
            folded.append(len(rows))
            rows += _turned(values[a], values[a + 1], turn)
            nonzeros += 3 * (len(values[a]) + len(values[a + 1])) + 9 * (levels - 1)
        odd = len(values) % 2
        if odd:
            folded.append(len(rows))
            rows.append(values[-1])
            nonzeros += len(values[-1]) + levels - 1
        maps.append(_matrix(rows, width))
        width = len(rows)
        for _ in range(1, levels):
            turn /= 2
            rows = []
            for a in folded[: len(folded) - odd]:
                rows += _turned({a: 1.0}, {a + 1: 1.0, a + 2: 1.0}, turn)
            rows += [{folded[-1]: 1.0}] * odd
            maps.append(_matrix(rows, width))
        c, s = math.cos(turn / 2), math.sin(turn / 2)
        values = [{a: c, a + 1: s, a + 2: s} for a in folded[: len(folded) - odd]] + [{folded[-1]: 1.0}] * odd
    readout = np.zeros(width)
    for unit, weight in values[0].items():
        readout[unit] = weight
    return FoldingTree(tuple(maps), readout, nonzeros)


def _turned(p: dict[int, float], q: dict[int, float], angle: float) -> list[dict[int, float]]:
    """Return the rows p cos + q sin, q cos - p sin and its negative: what is left of the axis comes back by relu."""
    c, s = math.cos(angle), math.sin(angle)
    along = {**{u: c * w for u, w in p.items()}, **{u: s * w for u, w in q.items()}}
    across = {**{u: -s * w for u, w in p.items()}, **{u: c * w for u, w in q.items()}}
    return [along, across, {u: -w for u, w in across.items()}]


def _matrix(rows: list[dict[int, float]], width: int) -> sparse.csr_array:
    indptr = np.cumsum([0, *[len(row) for row in rows]])
    columns = np.array([u for row in rows for u in row], np.int32)
    data = np.array([w for row in rows for w in row.values()])
    return sparse.csr_array((data, columns, indptr), shape=(len(rows), width))


def folding_shortfall(dimension: int, levels: int) -> float:
    """Return e with ``(1 - e) ||x|| <= N(x) <= ||x||``: ``1 - cos(pi / 2^(levels + 2))^ceil(log2 d)``, rounded up."""
    stages = math.ceil(math.log2(dimension)) if dimension > 1 else 0
    half = math.pi / 2.0 ** (levels + 3)
    each = 2 * math.sin(half) ** 2  # 1 - cos, without cancellation
    return -math.expm1(stages * math.log1p(-each)) * (1 + 2.0**-40)


def folding_norm_gate(dimension: int, levels: int) -> Gate:
    """Return ``N(x)`` with ``(1 - e) ||x||_2 <= N(x) <= ||x||_2`` on R^d, 1-Lipschitz in the Euclidean norm.

    e = 1 - cos(pi / 2^(levels + 2))^ceil(log2 d), about log2(d) pi^2 / 2^(2 levels + 5); attained. The error is
    relative: ``Gate.error`` is e. Units: 2 d in the first layer, then 3 for each pair and fold, 1 for each value
    carried. Depth: 1 + levels ceil(log2 d) + 1. Homogeneous and even. The weights are rounded cosines: both
    inequalities hold for the stored network up to a factor 1 +- 2^-52 for each fold. Raises TypeError or ValueError
    for counts below 1. Source: ours, after the folding of arXiv:1802.03620.

    >>> gate = folding_norm_gate(2, 6)
    >>> 4.999 < gate.network([3.0, 4.0]).item() <= 5.0
    True
    """
    d = as_count(dimension, "folding_norm_gate", "dimension", at_least=1)
    k = as_count(levels, "folding_norm_gate", "levels", at_least=1, at_most=26)
    tree = folding_tree(d, k)
    eye = sparse.kron(sparse.eye_array(d), np.array([[1.0], [-1.0]]), format="csr")
    network = Network.build([(eye, None), *[(m, None) for m in tree.maps], (tree.readout[None, :], None)])
    e = folding_shortfall(d, k)
    return Gate(network, Fraction(e), space(d), 2 * d + tree.nonzeros + int(np.count_nonzero(tree.readout)),
                2 * d + k * _units(d), f"(1 - e) ||x||_2 <= N(x) <= ||x||_2 on R^{d}, e = {e:.3g}")


def _units(dimension: int) -> int:
    """Return the units of one fold of every stage: three for a pair, one for a value carried."""
    total, left = 0, dimension
    while left > 1:
        total += 3 * (left // 2) + left % 2
        left -= left // 2
    return total
