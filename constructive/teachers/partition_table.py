"""The coefficients of glued Taylor pieces over features of one coordinate each, and their exact sum.

In one coordinate the products hat(u) u^a, u = K x - k, of all nodes k span the continuous piecewise polynomials of
degree q + 1. Their basis here: the K + 1 hats, and on every cell q *bubbles* ``b_p = 4 z^p (1 - z)``, p = 1..q, where
z in [0, 1] is the distance of K x to the nearest even integer. So z runs forth on even cells and back on odd ones: it
is one continuous function for all cells, and so is b_p. All features lie in [0, 1] and hats sum to 1.

A product of features with degrees p_1, .., p_d (a hat has degree 0) occurs only if p_1 + .. + p_d <= q.
"""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.targets import Target

Array = NDArray[np.float64]
Degrees = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """K^d cells with pieces of degree q: ``cells`` K, ``dimension`` d, ``degree`` q.

    Features of one coordinate, in this order: hats 0..K, bubbles of degree 1 on cells 0..K-1, of degree 2, ..., q.
    """

    cells: int
    dimension: int
    degree: int

    @property
    def features(self) -> int:
        """Features of one coordinate, K + 1 + q K."""
        return self.cells + 1 + self.degree * self.cells

    def span(self, degree: int) -> slice:
        """Return the places of the features of one degree."""
        start = 0 if degree == 0 else self.cells + 1 + (degree - 1) * self.cells
        return slice(start, start + self.count(degree))

    def count(self, degree: int) -> int:
        """Return how many features of one degree there are: K + 1 hats, or K bubbles."""
        return self.cells + 1 if degree == 0 else self.cells

    def degrees(self, axes: int) -> list[Degrees]:
        """Return all degrees (p_1, .., p_axes) whose sum is at most q."""
        found: list[Degrees] = [()]
        for _ in range(axes):
            found = [(*p, last) for p in found for last in range(self.degree - sum(p) + 1)]
        return found

    @property
    def coefficients(self) -> int:
        """Coefficients of a table in which none is 0 by accident: at most (K + 1)^d C(d + q, d)."""
        return sum(math.prod(map(self.count, p)) for p in self.degrees(self.dimension))


def piece_degree(order: int, pieces: str) -> int:
    """Return the degree q of the pieces: r - 2 for modified ones (0 for order 1), r - 1 for full ones."""
    return max(order - 2, 0) if pieces == "modified" else order - 1


def damping(degree: int, total: int, pieces: str) -> Fraction:
    """Return the factor of the coefficients of |alpha| = total: 1 - total / (q + 1), or 1 for full pieces."""
    return 1 - Fraction(total, degree + 1) if pieces == "modified" else Fraction(1)


def piece_scale(alpha: Degrees, grid: Grid, pieces: str) -> float:
    """Return damping / (alpha! K^|alpha|), which makes D^alpha f a coefficient of prod_j (K x_j - k_j)^alpha_j."""
    below = math.prod(map(math.factorial, alpha)) * grid.cells ** sum(alpha)
    return float(damping(grid.degree, sum(alpha), pieces) / below)


def node_coefficients(target: Target, grid: Grid, pieces: str) -> Array:
    """Return the coefficients of hat(u) u^a products, shape ((q + 1) (K + 1),) * d, node within power on each axis."""
    k, d, q = grid.cells, grid.dimension, grid.degree
    nodes = np.stack(np.meshgrid(*[np.arange(k + 1) / k] * d, indexing="ij"), axis=-1).reshape(-1, d)
    out = np.zeros(((q + 1) * (k + 1),) * d)
    for alpha in grid.degrees(d):
        raw = target.derivative(alpha, nodes) if any(alpha) else target.values(nodes)
        place = tuple(slice(a * (k + 1), (a + 1) * (k + 1)) for a in alpha)
        out[place] = (raw * piece_scale(alpha, grid, pieces)).reshape((k + 1,) * d)
    return out


def into_features(coefficients: Array, grid: Grid, *, absolute: bool = False) -> Array:
    """Return the table over features, shape (features,) * d, of coefficients of hat(u) u^a products.

    With ``absolute`` all terms are taken with their absolute values: how much cancellation there is.
    """
    basis, table = _basis(grid), coefficients
    if absolute:
        basis, table = abs(basis), np.abs(table)
    for _ in range(grid.dimension):  # the first axis is written anew and becomes the last one
        rest = table.shape[1:]
        table = np.moveaxis((basis @ table.reshape(table.shape[0], -1)).reshape(-1, *rest), 0, -1)
    return np.ascontiguousarray(table)


def _basis(grid: Grid) -> Any:
    """Return the sparse matrix (features, (q + 1) (K + 1)) that writes hat(u) u^a by hats and bubbles.

    On either side of an even node |u| = z and ``(1 - z) z^a = b_a / 4``; beside an odd node |u| = 1 - z and
    ``z (1 - z)^a = sum_l C(a-1, l) (-1)^l b_(l+1) / 4``. On the left u is negative: times (-1)^a.
    """
    k, nodes = grid.cells, np.arange(grid.cells + 1)
    rows, columns, entries = [nodes], [nodes], [np.ones(k + 1)]
    for a in range(1, grid.degree + 1):
        even, odd = {a: 1}, {l + 1: (-1) ** l * math.comb(a - 1, l) for l in range(a)}
        for side, sign in ((0, 1), (-1, (-1) ** a)):  # the cell behind the node, the cell before it
            inside = nodes[(nodes + side >= 0) & (nodes + side < k)]
            for parity, terms in enumerate((even, odd)):
                chosen = inside[inside % 2 == parity]
                for p, c in terms.items():
                    rows.append(grid.span(p).start + chosen + side)
                    columns.append(a * (k + 1) + chosen)
                    entries.append(np.full(chosen.size, sign * c / 4))
    return sparse.csr_array((np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))),
                            shape=(grid.features, (grid.degree + 1) * (k + 1)))


def evaluate_table(table: Array, grid: Grid, X: Array) -> Array:
    """Return the exact glued polynomials at X (n, d), no gates: the values that the network approximates.

    Outside the cube it is the value at the nearest point of the cube.
    """
    k, d, q = grid.cells, grid.dimension, grid.degree
    t = np.clip(X, 0.0, 1.0) * k
    cell = np.clip(np.floor(t), 0, k - 1).astype(np.intp)
    s = t - cell
    z = np.where(cell % 2 == 0, s, 1.0 - s)
    # per coordinate, what is alive at a point: (degree, values, places)
    alive = [[(0, 1.0 - s[:, j], cell[:, j]), (0, s[:, j], cell[:, j] + 1)]
             + [(p, 4 * z[:, j] ** p * (1.0 - z[:, j]), grid.span(p).start + cell[:, j]) for p in range(1, q + 1)]
             for j in range(d)]
    total = np.zeros(X.shape[0])
    for choice in itertools.product(*alive):
        if sum(degree for degree, _, _ in choice) <= q:
            factor = functools.reduce(np.multiply, [values for _, values, _ in choice])
            total += factor * table[tuple(places for _, _, places in choice)]
    return total
