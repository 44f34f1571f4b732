"""One setting of the rate experiment: target, grid of sample sizes, noise, and the constants that go with them.

On the grid ``n_K = ceil(c K^(2r+d))`` with K cells in each direction, the squared bias is b K^(-2r) and the variance
sigma^2 p K^d / n = (sigma^2 p / c) K^(-2r), p = C(d+r-1, d) coefficients for each cell: both scale exactly like
n^(-2r/(2r+d)), so the slope can be read off five sizes. Both must be there: without variance the grid would not
matter, without bias the order would not. The default target is a polynomial of degree exactly r, whose best
approximation of order r has the same error on every cell, so that b does not depend on K at all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.experiments.errors import cell_nodes, projection_error
from constructive.labels import power_of_two_above
from constructive.targets import Target, polynomial

Array = NDArray[np.float64]

_CELLS = (3, 4, 5, 6, 7)
_POINTS = 64
"""Data for each coefficient at the smallest K: the variance is then within a few percent of sigma^2 p K^d / n."""
_WIDTH = 0.1
"""Expected width of the slope's 99.9 % interval with ten seeds, for which the share of the variance is chosen."""


@dataclass(frozen=True, slots=True, eq=False)
class RateCase:
    """Constants of one rate experiment; made by :func:`rate_case`.

    ``order`` r as declared: it sets the grid and the stated slope; ``fitted`` the order of the fit, equal to r unless a
    fault is planted; ``cells`` the K; ``scale`` c; ``noise`` sigma, the standard deviation of the uniform noise;
    ``amplitude`` B, where fits are truncated; ``bias`` b, the coefficient of the squared bias K^(-2r).
    """

    order: int
    dimension: int
    target: Target
    cells: tuple[int, ...]
    scale: float
    noise: float
    amplitude: float
    bias: float
    fitted: int

    @property
    def exponent(self) -> float:
        """The stated slope ``-2r / (2r + d)``."""
        return -2 * self.order / (2 * self.order + self.dimension)

    @property
    def coefficients(self) -> int:
        """Coefficients for each cell, p = C(d+r-1, d)."""
        return math.comb(self.dimension + self.order - 1, self.dimension)

    @property
    def share(self) -> float:
        """The variance's share of the squared error, ``v / (b + v)`` with v = sigma^2 p / c."""
        variance = self.noise**2 * self.coefficients / self.scale
        return variance / (self.bias + variance)

    def count(self, cells: int) -> int:
        """Return ``n_K = ceil(c K^(2r+d))``."""
        return math.ceil(self.scale * cells ** (2 * self.order + self.dimension))

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return n points uniform in the unit cube and their noisy labels ``h(x) + sigma sqrt(3) U[-1, 1]``."""
        X = rng.random((n, self.dimension))
        return X, self.target.values(X) + math.sqrt(3.0) * self.noise * rng.uniform(-1, 1, n)

    @property
    def fingerprint(self) -> dict[str, object]:
        """Plain data that determine the case; the target is told by its name and its values at fixed points."""
        values = self.target.values(np.random.default_rng(0).random((64, self.dimension)))
        return {"order": self.order, "dimension": self.dimension, "scale": self.scale, "noise": self.noise,
                "amplitude": self.amplitude, "fitted": self.fitted, "target": self.target.name,
                "lipschitz": self.target.lipschitz, "values": hashlib.sha256(values.tobytes()).hexdigest()}


def rate_case(order: int, dimension: int, *, cells: Sequence[int] = _CELLS, target: Target | None = None,
              scale: float | None = None, noise: float | None = None, fitted: int | None = None) -> RateCase:
    """Return the constants of a rate experiment for order r in d dimensions.

    ``cells`` the K of the grid, two or more. ``target`` by default :func:`chebyshev_mean` of degree r; for any other
    smooth one the bias scales like K^(-2r) only in the limit. ``scale`` c by default 64 p / min(K)^(2r): 64 data for
    each coefficient on the coarsest grid. ``noise`` sigma by default such that the variance is at most half the
    squared error, and less where 10 seeds on five K would leave the slope's 99.9 % interval wider than 0.1.
    ``fitted``: another order for the fit than the declared one, a planted fault.
    Raises ValueError for a target without bias (a polynomial of lower degree) or of another dimension.

    >>> case = rate_case(2, 1)
    >>> case.count(3), round(case.exponent, 3), round(case.bias, 4)
    (384, -0.8, 0.3556)
    """
    who = "rate_case"
    r, d = as_count(order, who, "order", at_least=1), as_count(dimension, who, "dimension", at_least=1)
    grid = tuple(sorted({as_count(k, who, "cells", at_least=1) for k in cells}))
    if len(grid) < 2:
        raise ValueError(f"{who}: cells={tuple(cells)!r} needs at least two different values; a slope needs two sizes")
    h = chebyshev_mean(r, d) if target is None else target
    if h.dimension != d:
        raise ValueError(f"{who}: target has dimension {h.dimension}, asked for dimension={d}")
    p, middle = math.comb(d + r - 1, d), grid[len(grid) // 2]
    bias = projection_error(h.values, r, middle, d) * float(middle) ** (2 * r)
    if bias <= 1e-20:
        raise ValueError(f"{who}: target={h.name!r} is reproduced by pieces of order {r}, so there is no bias to "
                         "scale; pass a target that is no polynomial of degree below the order")
    c = _POINTS * p / grid[0] ** (2 * r) if scale is None else as_number(scale, who, "scale", above=0.0)
    s = _share(r, d, p, grid)
    sigma = math.sqrt(c * bias * s / ((1 - s) * p)) if noise is None else as_number(noise, who, "noise", above=0.0)
    largest = float(np.abs(h.values(cell_nodes(8, d)[0].reshape(-1, d))).max())
    return RateCase(r, d, h, grid, c, sigma, power_of_two_above(largest + math.sqrt(3.0) * sigma), bias,
                    r if fitted is None else as_count(fitted, who, "fitted", at_least=1))


def _share(order: int, dimension: int, coefficients: int, cells: tuple[int, ...]) -> float:
    """Return the share of the variance at which ten seeds give an interval of width about 0.1, at most 1/2.

    log of the squared error varies by share * sqrt(2 / (p K^d)): the variance is a mean of p K^d squares, the bias
    does not vary.
    """
    logs = (2 * order + dimension) * np.log(np.array(cells, dtype=np.float64))
    wobble = math.sqrt(float(np.mean([2.0 / (coefficients * k**dimension) for k in cells])))
    spread = math.sqrt(10 * float(((logs - logs.mean()) ** 2).sum()))
    half = 3.5  # the t quantile at 0.9995 and 48 degrees of freedom
    return min(0.5, _WIDTH * spread / (2 * half * wobble))


def chebyshev_mean(degree: int, dimension: int) -> Target:
    """Return ``x -> (1/d) sum_j T_degree(2 x_j - 1)``, T the Chebyshev polynomial: |f| <= 1 on the unit cube.

    Its best approximation by pieces of order ``degree`` has the same error on all cells, squared
    ``2^(4r-2) / d * (r!)^4 / ((2r)!^2 (2r+1)) * K^(-2r)`` with r = degree.

    >>> float(chebyshev_mean(2, 1)([[0.5]])[0])
    -1.0
    """
    r, d = as_count(degree, "chebyshev_mean", "degree", at_least=1), as_count(dimension, "chebyshev_mean", "dimension",
                                                                              at_least=1)
    shifted = np.polynomial.Chebyshev.basis(r, domain=[0.0, 1.0]).convert(kind=np.polynomial.Polynomial).coef
    # the coefficients of a shifted Chebyshev polynomial are integers; conversion leaves their last bits
    terms: dict[tuple[int, ...], float] = {(0,) * d: float(round(shifted[0]))}
    for j in range(d):
        for power in range(1, r + 1):
            terms[tuple(power if i == j else 0 for i in range(d))] = float(round(shifted[power])) / d
    return polynomial(terms)
