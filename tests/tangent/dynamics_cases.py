"""Data of the dynamics' tests: five points whose values are known to ten digits, drawn kernels, rational series."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.tangent import ReluKernel

Array = NDArray[np.float64]
Matrix = list[list[Fraction]]

KERNEL = ReluKernel(3, 1.76, 0.18)
X = np.array([[math.sin(1 + 3 * i + j) for j in range(3)] for i in range(5)])
Z = np.array([[math.cos(2 + 3 * i + j) for j in range(3)] for i in range(2)])
LABELS = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
THREE = np.array([[2.0, 1.0, 0.5], [1.0, 2.0, 1.0], [0.5, 1.0, 2.0]])
START = np.array([1.0, -1.0, 0.5])
DIGITS = 6e-11  # half a unit in the tenth decimal, and what printing rounds


def drawn_kernel(rng: np.random.Generator, n: int, d: int = 3, depth: int = 3) -> Array:
    """Return the kernel matrix of n random points, none two closer than 1 / 4, so that it is far from singular."""
    rows: list[Array] = []
    while len(rows) < n:
        x = rng.normal(size=d)
        if all(np.linalg.norm(x - row) >= 0.25 for row in rows):
            rows.append(x)
    return np.asarray(ReluKernel(depth, 1.76, 0.18).ntk(np.array(rows)))


def rational(matrix: Array) -> Matrix:
    """Return the matrix in fractions, exactly."""
    return [[Fraction(v) for v in row] for row in np.atleast_2d(matrix).tolist()]


def product(a: Matrix, b: Matrix) -> Matrix:
    """Return a b."""
    columns = list(zip(*b, strict=True))
    return [[sum((u * v for u, v in zip(row, column, strict=True)), Fraction(0)) for column in columns] for row in a]


def total(a: Matrix, b: Matrix, factor: Fraction = Fraction(1)) -> Matrix:
    """Return a + factor b."""
    return [[u + factor * v for u, v in zip(left, right, strict=True)] for left, right in zip(a, b, strict=True)]


def floats(matrix: Matrix) -> Array:
    """Return the nearest doubles."""
    return np.array([[float(v) for v in row] for row in matrix])


def series(theta: Array, a: Array, terms: int = 60) -> Array:
    """Return W(a) = sum_k (-1)^(k-1) / k! A (theta A)^(k-1) in rational arithmetic; |theta A| <= 8, say."""
    diagonal, step = rational(np.diag(a)), product(rational(theta), rational(np.diag(a)))
    term, found = diagonal, diagonal
    for k in range(2, terms):
        term = [[-v / k for v in row] for row in product(term, step)]
        found = total(found, term)
    return floats(found)


def slope_series(theta: Array, a: Array, P: Array, Y: Array, k: int, terms: int = 60) -> float:
    """Return d / d a_k of sum P * (W(a) Y), each term of the series differentiated, in rational arithmetic."""
    unit = np.zeros(len(a))
    unit[k] = 1.0
    exact, change = rational(theta), rational(np.diag(unit))
    step, turn = product(exact, rational(np.diag(a))), product(exact, change)
    term, slope, found = rational(np.diag(a)), change, change
    for j in range(2, terms):
        slope = [[-v / j for v in row] for row in total(product(slope, step), product(term, turn))]
        term = [[-v / j for v in row] for row in product(term, step)]
        found = total(found, slope)
    return float((P * (floats(found) @ Y)).sum())
