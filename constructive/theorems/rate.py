"""The rate of least squares on cells: almost optimal, read off sample sizes on which both errors scale exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from constructive.evidence import Bracket, Evidence, Source
from constructive.network import Network
from constructive.targets import Target, polynomial
from constructive.teachers import fit_cells
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_SETTINGS = ((1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (1, 3))  # order r and dimension d
_CELLS = (3, 4, 5, 6, 7)
_SEEDS = 4
_DATA = 96
"""Data for each coefficient on the coarsest grid."""
_SHARE = 0.25
"""The variance's share of the squared error."""
_LARGEST = 2_000_000
LEVEL = 1e-6
"""The claim is refuted only if its slope is outside an interval that misses the truth this seldom."""


def draw(rng: np.random.Generator, d: int | None = None, order: int | None = None) -> Instance:
    """Return an order, the mean of Chebyshev polynomials T_r(2 x_j - 1) with random signs, and the seed of samples.

    Its best approximation by pieces of degree r - 1 has the same error on every cell, so that the squared bias is
    exactly b K^(-2r), while the variance is sigma^2 M K^d / n; sigma makes it a third of the bias.
    """
    r, inputs = _SETTINGS[int(rng.integers(len(_SETTINGS)))]
    inputs, r = inputs if d is None else int(d), r if order is None else int(order)
    largest = _scale(inputs, r) * _CELLS[-1] ** (2 * r + inputs)
    if not (inputs >= 1 and r >= 1 and largest <= _LARGEST):
        raise ValueError(f"rate-of-least-squares-on-cells: order={r} with d={inputs} needs samples of {largest:.3g} "
                         f"data; choose orders and dimensions of at most {_LARGEST:,}")
    return {"target": _chebyshev(r, rng.choice((-1.0, 1.0), inputs)), "order": r, "seed": int(rng.integers(2**32))}


def _scale(d: int, order: int) -> float:
    """Return c of the grid ``n = ceil(c K^(2r + d))``."""
    return _DATA * math.comb(d + order - 1, d) / _CELLS[0] ** (2 * order)


def sizes(target: Target, order: int, **_: Any) -> Iterator[tuple[int, int]]:
    """Yield (K, n) for every sample: K = 3..7, four times each."""
    for k in _CELLS * _SEEDS:
        yield k, math.ceil(_scale(target.dimension, order) * k ** (2 * order + target.dimension))


def samples(target: Target, order: int, seed: int) -> Iterator[tuple[int, Array, Array]]:
    """Yield (K, X, y) for every sample: points uniform in the unit cube, values with uniform noise."""
    d, rng = target.dimension, np.random.default_rng(seed)
    bias = 2.0 ** (4 * order - 2) / d * math.factorial(order) ** 4 / (math.factorial(2 * order) ** 2 * (2 * order + 1))
    coefficients = math.comb(d + order - 1, d)
    noise = math.sqrt(bias * _SHARE / (1 - _SHARE) * _scale(d, order) / coefficients)
    for k, n in sizes(target, order):
        X = rng.random((n, d))
        yield k, X, target.values(X) + noise * math.sqrt(3.0) * rng.uniform(-1, 1, n)


def _chebyshev(degree: int, signs: Array) -> Target:
    """Return ``x -> mean of signs_j T_degree(2 x_j - 1)``."""
    shifted = np.polynomial.Chebyshev.basis(degree, domain=[0.0, 1.0]).convert(kind=np.polynomial.Polynomial).coef
    terms: dict[tuple[int, ...], float] = {}
    for j, sign in enumerate(signs.tolist()):
        for power, c in enumerate(np.rint(shifted).tolist()):
            alpha = tuple(power if i == j else 0 for i in range(signs.size))
            terms[alpha] = terms.get(alpha, 0.0) + sign * c / signs.size
    return polynomial(terms)


def construct(target: Target, order: int, seed: int) -> tuple[Network, ...]:
    """Return the networks of least squares on K^d cells, one for each sample."""
    return tuple(_fitted(X, y, order, k) for k, X, y in samples(target, order, seed))


def _fitted(X: Array, y: Array, order: int, cells: int) -> Network:
    return fit_cells(X, y, order=order, cells=cells, tolerance=2.0**-16).to_network()


def slope(networks: tuple[Network, ...], instance: Instance) -> Bracket:
    """Return an interval for the slope of log squared error over log n, from Student's law at level 1e-6.

    Weights K^d: the variance part is a mean of M K^d squares, so that the logarithm's variance falls like K^(-d).
    Equal weights would make the interval miss more often than it says.
    """
    order, target = instance["order"], instance["target"]
    grid = list(sizes(**instance))
    logs = np.log([n for _, n in grid])
    errors = np.log([squared_error(network, target, order, k)
                     for network, (k, _) in zip(networks, grid, strict=True)])
    weights = np.array([float(k) ** target.dimension for k, _ in grid])
    weights /= weights.sum()
    away, free = logs - weights @ logs, logs.size - 2
    spread = float(weights @ away**2)
    found = float(weights @ (away * errors)) / spread
    rest = errors - weights @ errors - found * away
    half = float(stdtrit(free, 1 - LEVEL / 2)) * math.sqrt(float(weights @ rest**2) / free / spread)
    return Bracket(found - half, found + half, Evidence.SAMPLED, 1 - LEVEL)


def squared_error(network: Network, target: Target, order: int, cells: int) -> float:
    """Return ``||f - h||^2`` on the unit cube by r + 1 Gauss points in each direction of each cell.

    Exact up to gates and bands where f is a polynomial of degree r - 1 on each cell and h one of degree r.
    """
    nodes, weights = np.polynomial.legendre.leggauss(order + 1)
    places = (np.arange(cells)[:, None] + (nodes + 1) / 2).ravel() / cells
    share = np.tile(weights / 2, cells) / cells
    d = target.dimension
    points = np.stack(np.meshgrid(*[places] * d, indexing="ij"), axis=-1).reshape(-1, d)
    weight = np.stack(np.meshgrid(*[share] * d, indexing="ij"), axis=-1).reshape(-1, d).prod(axis=1)
    return float(weight @ (network(points)[:, 0] - target.values(points)) ** 2)


def stated_slope(target: Target, order: int, **_: Any) -> float:
    """Return ``-2r / (2r + d)``."""
    return -2 * order / (2 * order + target.dimension)


def plant(networks: tuple[Network, ...], instance: Instance, rng: np.random.Generator) -> tuple[Network, ...]:
    """Return fits of a lower order than is declared; for order 1, on cells whose number does not grow."""
    r, drawn = instance["order"], samples(**instance)
    if r > 1:
        return tuple(_fitted(X, y, r - 1, k) for k, X, y in drawn)
    return tuple(_fitted(X, y, r, _CELLS[0]) for _, X, y in drawn)


THEOREM = Theorem(
    name="rate-of-least-squares-on-cells",
    source=Source("2401.13624", "almost optimal rates in regression", "ours", "secondary"),
    statement="With K = (n / c)^(1 / (2r + d)) cells in each direction the truncated least squares teacher has "
              "E ||f - h||^2 = O(n^(-2r / (2r + d))) for every h in C^r, up to logarithms.",
    hypotheses=("points uniform in the unit cube, noise independent of them and bounded",
                "here h a polynomial of degree r: bias and variance are both a constant times n^(-2r / (2r + d))",
                "refuted only at level 1e-6"),
    claims=(Claim("slope of log squared error over log n", slope, stated_slope, "-2r / (2r + d)", "==",
                  scope="sampled instances"),),
    draw=draw, construct=construct, plant=plant, repeats=2,
    proof=(("squared bias b K^(-2r), variance sigma^2 M K^d / n", "theorems.rate.samples"),
           ("cut off at +-B", "teachers.fitting.fit_cells")),
)
