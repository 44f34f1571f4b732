"""Squared L2 errors on the unit cube: Gauss quadrature on cells, and the part inside a student's tiny supports.

A fit by pieces is a polynomial on each cell, so Gauss points in each cell integrate its squared error against a
polynomial target exactly, and against a smooth one to many digits; random test points would be noisier by far.
The supports of a student's bumps have volume about 1/n: no quadrature and no test sample notices them, so that
part is sampled inside the supports, beside a proved bound.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.blocks import support_volume
from constructive.students import Student
from constructive.students.boxes import Bumps
from constructive.targets import Target

Array = NDArray[np.float64]

_POINTS = 8
"""Gauss points in each direction of each cell: exact for squared polynomials of degree 7."""


def cell_nodes(cells: int, dimension: int, points: int = _POINTS) -> tuple[Array, Array]:
    """Return Gauss nodes (K^d, q^d, d) of the cells of the unit cube, and the weights (q^d,) on one cell.

    The weights sum to 1 over a cell: the mean over cells of the weighted sums is the integral over the cube.

    >>> nodes, weights = cell_nodes(2, 1, 3)
    >>> round(float(np.mean((nodes[..., 0] ** 2) @ weights)), 12)
    0.333333333333
    """
    local, weight = np.polynomial.legendre.leggauss(points)
    offsets = _grid(local / 2, dimension)
    centers = _grid((np.arange(cells) + 0.5) / cells, dimension)
    weights = _grid(weight / 2, dimension).prod(axis=1)
    return centers[:, None, :] + offsets[None, :, :] / cells, weights


def _grid(axis: Array, dimension: int) -> Array:
    return np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)


def squared_error(values: Array, truth: Array, weights: Array) -> float:
    """Return the mean over cells of ``sum_q w_q (values - truth)^2`` for values and truth (K^d, q^d)."""
    return float(((values - truth) ** 2 @ weights).mean())


def projection_error(f: Callable[[Array], Array], order: int, cells: int, dimension: int) -> float:
    """Return min ||f - P||^2 over pieces P of degree < order on K^d cells, in L2 of the unit cube.

    By quadrature with ``max(8, order + 4)`` Gauss points in each direction; this is the squared bias of least squares.
    """
    points = max(_POINTS, order + 4)
    nodes, weights = cell_nodes(cells, dimension, points)
    local = 2 * (nodes[0] - nodes[0].mean(axis=0)) * cells
    one = [np.polynomial.legendre.legvander(local[:, j], order - 1) * np.sqrt(2 * np.arange(order) + 1)
           for j in range(dimension)]
    basis = np.stack([np.prod([one[j][:, a] for j, a in enumerate(alpha)], axis=0)
                      for alpha in itertools.product(range(order), repeat=dimension) if sum(alpha) < order], axis=1)
    values = f(nodes.reshape(-1, dimension)).reshape(nodes.shape[:2])
    rest = values - ((values * weights) @ basis) @ basis.T
    return float((rest * rest @ weights).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Harm:
    """What memorizing adds to the squared L2 error: ``||f - h||^2 - ||T - h||^2``.

    ``measured`` by sampling inside the supports, with its standard error ``deviation``; ``bound`` proved; ``volume`` of
    the union of the supports, an upper bound.
    """

    measured: float
    deviation: float
    bound: float
    volume: float


def harm(student: Student, target: Target, rng: np.random.Generator, draws: int = 4096) -> Harm:
    """Return what memorizing real labels adds to the squared L2 error under the uniform law on the unit cube.

    Bound: where sum G <= 1 the student lies between the teacher and the weighted label, so ``(f-h)^2 <= max((T-h)^2,
    (y_i-h)^2)``, and h moves by at most Lambda (r + w) over a support: ``V(r, w) sum_i (|y_i - h(x_i)| + Lambda (r +
    w))^2``. Measured: a datum and a point of the cube around its support are drawn uniformly, ``draws`` times.
    Raises ValueError for a student whose supports are not disjoint boxes.
    """
    bumps = student.bumps
    if not isinstance(bumps, Bumps) or not bumps.supports_disjoint:
        raise ValueError("harm: needs a student with disjoint boxes; memorize with a radius below a quarter of the "
                         "separation of all data and the default ramp")
    d, w = student.X.shape[1], bumps.ramp
    half = float((bumps.upper - bumps.lower).max()) / 2
    centers = student.X[bumps.members]
    away = np.abs(bumps.scores - target.values(centers)) + target.lipschitz * (half + w)
    volume = float(support_volume([2 * half] * d, w))
    which = rng.integers(bumps.count, size=draws)
    low, high = bumps.lower[which] - w, bumps.upper[which] + w
    x = low + (high - low) * rng.random((draws, d))
    gaps = np.maximum(np.maximum(bumps.lower[which] - x, x - bumps.upper[which]), 0.0).sum(axis=1)
    inside = (gaps < w) & (x >= 0).all(axis=1) & (x <= 1).all(axis=1)
    h = target.values(x)
    more = (student(x)[:, 0] - h) ** 2 - (student.teacher(x)[:, 0] - h) ** 2
    terms = bumps.count * (high - low).prod(axis=1) * np.where(inside, more, 0.0)
    return Harm(float(terms.mean()), float(terms.std(ddof=1)) / math.sqrt(draws), volume * float((away * away).sum()),
                bumps.count * volume)
