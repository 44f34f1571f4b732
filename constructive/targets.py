"""Smooth targets: functions on the unit cube with their derivatives and bounds on them.

A target carries what a construction needs (values and derivatives at nodes) and what a certificate needs (a bound
F_r on every derivative of order r, a Lipschitz constant, the rounding error of its own evaluation).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.domain import Box

Array = NDArray[np.float64]
_UP = 1.0 + 2.0**-40
"""Rounds a bound computed in a few operations safely upward."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A smooth function on a box: ``values`` (n, d) -> (n,), ``derivative`` (multi-index, (n, d)) -> (n,).

    ``bound(r)`` is F_r >= |D^alpha f| on the box for every |alpha| = r; ``lipschitz`` bounds
    |f(x) - f(z)| / ||x - z||_inf. Computed values are off by at most ``rounding``, computed first derivatives by at
    most ``rounding * F_1``, assuming that cos, sin, exp and pow are right to 4 units in the last place.
    """

    name: str
    dimension: int
    values: Callable[[Array], Array]
    derivative: Callable[[tuple[int, ...], Array], Array]
    bound: Callable[[int], float]
    lipschitz: float
    rounding: float
    box: Box

    def __call__(self, x: ArrayLike) -> Array:
        """Return the values at x (..., d), shape (...,)."""
        points = np.asarray(x, dtype=np.float64)
        if points.ndim == 0 or points.shape[-1] != self.dimension:
            raise ValueError(f"{self.name}: x has shape {points.shape}, its last axis must have length "
                             f"{self.dimension}")
        return self.values(points.reshape(-1, self.dimension)).reshape(points.shape[:-1])


def cosine_product(frequency: Sequence[float], phase: Sequence[float] | None = None) -> Target:
    """Return ``x -> prod_j cos(frequency_j x_j + phase_j)`` on the unit cube, |f| <= 1.

    F_r = max_j |frequency_j|^r, attained where the phase allows; l_inf Lipschitz constant at most
    ``sum_j |frequency_j|``. Raises ValueError for frequencies that are not finite numbers or lengths that differ.

    >>> float(cosine_product([0.0, 0.0])([[0.3, 0.4]])[0])
    1.0
    """
    rates = as_points([list(frequency)], "cosine_product", "frequency")[0]
    shifts = np.zeros(rates.size) if phase is None else as_points([list(phase)], "cosine_product", "phase",
                                                                  dimension=rates.size)[0]
    quarter = (np.cos, lambda t: -np.sin(t), lambda t: -np.cos(t), np.sin)

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        factors = [rate**a * quarter[a % 4](rate * X[:, j] + shift)
                   for j, (a, rate, shift) in enumerate(zip(alpha, rates, shifts, strict=True))]
        return np.asarray(np.prod(factors, axis=0))

    largest = float(np.abs(rates).max())
    d = rates.size
    angle = float((np.abs(rates) + np.abs(shifts)).max())
    return Target(f"product of {d} cosines", d, lambda X: derivative((0,) * d, X), derivative,
                  lambda r: largest**r * _UP, float(np.abs(rates).sum()) * _UP,
                  8 * d * 2.0**-53 * (4 + angle), Box.cube(d))


def gaussian_bump(center: Sequence[float], width: float) -> Target:
    """Return ``x -> exp(-||x - center||^2 / (2 width^2))`` on the unit cube.

    F_r by Cramer's inequality |He_a(z)| exp(-z^2/4) <= 1.0865 sqrt(a!), the largest product over |alpha| = r.

    >>> float(gaussian_bump([0.5], 0.25)([[0.5]])[0])
    1.0
    """
    middle = as_points([list(center)], "gaussian_bump", "center")[0]
    scale = as_number(width, "gaussian_bump", "width", above=0.0)
    d = middle.size

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        z = (X - middle) / scale
        out = np.exp(-0.5 * (z * z).sum(axis=1))
        for j, a in enumerate(alpha):
            hermite = np.polynomial.hermite_e.hermeval(z[:, j], [0.0] * a + [1.0])
            out = out * hermite * (-1.0 / scale) ** a
        return out

    def bound(r: int) -> float:
        factors = [1.0] + [1.0865 * math.sqrt(math.factorial(a)) for a in range(1, r + 1)]
        best = max(math.prod(factors[a] for a in alpha) for alpha in multi_indices(d, r))
        return best / scale**r * _UP

    reach = float(np.maximum(np.abs(middle), np.abs(1 - middle)).max()) / scale
    return Target("Gaussian bump", d, lambda X: derivative((0,) * d, X), derivative, bound, d * bound(1),
                  16 * d * 2.0**-53 * (4 + reach * reach), Box.cube(d))


def polynomial(coefficients: Mapping[tuple[int, ...], float]) -> Target:
    """Return ``x -> sum_alpha c_alpha x^alpha`` on the unit cube; F_r is the sum of |coefficients| of a derivative.

    Keys are multi-indices of one length d. Raises ValueError for none, or for lengths that differ.

    >>> float(polynomial({(2, 0): 1.0, (0, 1): -2.0})([[0.5, 0.25]])[0])
    -0.25
    """
    terms = {tuple(as_count(a, "polynomial", "exponent") for a in alpha): as_number(c, "polynomial", "coefficient")
             for alpha, c in coefficients.items()}
    if len({len(alpha) for alpha in terms}) != 1 or () in terms:
        raise ValueError(f"polynomial: coefficients need multi-indices of one length >= 1, got {list(terms)}")
    d = len(next(iter(terms)))

    def derived(alpha: tuple[int, ...]) -> dict[tuple[int, ...], float]:
        out: dict[tuple[int, ...], float] = {}
        for beta, c in terms.items():
            if all(b >= a for a, b in zip(alpha, beta, strict=True)):
                fall = math.prod(math.perm(b, a) for a, b in zip(alpha, beta, strict=True))
                out[tuple(b - a for a, b in zip(alpha, beta, strict=True))] = c * fall
        return out

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        total = np.zeros(X.shape[0])
        for beta, c in derived(alpha).items():
            total = total + c * np.prod(X ** np.array(beta), axis=1)
        return total

    def bound(r: int) -> float:
        return max(sum(abs(c) for c in derived(alpha).values()) for alpha in multi_indices(d, r)) * _UP

    degree = max(sum(alpha) for alpha in terms)
    return Target(f"polynomial of degree {degree}", d, lambda X: derivative((0,) * d, X), derivative, bound,
                  sum(sum(abs(c) for c in derived(_unit(d, j)).values()) for j in range(d)) * _UP,
                  8 * (degree + len(terms) + 4) * 2.0**-53 * max(1.0, sum(abs(c) for c in terms.values())), Box.cube(d))


def multi_indices(dimension: int, order: int) -> list[tuple[int, ...]]:
    """Return all multi-indices of length ``dimension`` and sum ``order``, in lexicographic order.

    >>> multi_indices(2, 1)
    [(0, 1), (1, 0)]
    """
    return [alpha for alpha in itertools.product(range(order + 1), repeat=dimension) if sum(alpha) == order]


def _unit(dimension: int, j: int) -> tuple[int, ...]:
    return tuple(int(i == j) for i in range(dimension))
