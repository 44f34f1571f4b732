"""Polynomial forms of a network over boxes x_j = middle_j + reach_j y_j, |y_j| <= 1: polynomial in y, plus a rest.

Data flow: numbers and curves of :mod:`constructive.certificates.roots`, as flat arrays -> for each box and each number
z an interval and a form -> every curve of z is enclosed by the best line or parabola over that interval, its error
read off the knots inside -> forms of the curves -> ... -> the form of the output. Products that a network makes out of
squares keep their second-order terms, so the rest shrinks with the third power of the box, down to the teeth of the
squares; below them it vanishes altogether.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.roots import Decomposition, Sum

Array = NDArray[np.float64]
Exponents = tuple[tuple[int, ...], ...]
_MOST_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Forms:
    """Forms over N boxes: ``coefficients`` (N, C) of the monomials of :func:`exponents`, ``rest`` (N,) >= 0.

    ``lower``, ``upper`` (N,): bounds of the network, at least as tight as the forms give.
    """

    middle: Array
    reach: Array
    coefficients: Array
    rest: Array
    lower: Array
    upper: Array


def exponents(dimension: int, degree: int) -> Exponents:
    """Return the multi-indices of length ``dimension`` up to ``degree``: constant, coordinates in order, the others.

    >>> exponents(2, 2)
    ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    """
    return tuple(tuple(chosen.count(j) for j in range(dimension)) for total in range(degree + 1)
                 for chosen in itertools.combinations_with_replacement(range(dimension), total))


def bernstein(powers: NDArray[np.int64], degree: int) -> Array:
    """Return the matrix from coefficients of monomials on [-1, 1]^d to coefficients in Bernstein's basis.

    Each row gives one of the (degree + 1)^d coefficients; their least and largest enclose the polynomial's range. No
    rows for degree 1 or where they would be too many: then the coefficients of monomials do, each for itself.

    >>> bernstein(np.array([[0], [1], [2]]), 2).tolist()
    [[1.0, -1.0, 1.0], [1.0, 0.0, -1.0], [1.0, 1.0, 1.0]]
    """
    # y = 2 t - 1: y^k = sum_i binom(k, i) 2^i t^i (-1)^(k-i), and t^i has the coefficients binom(j, i) / binom(n, i)
    one = [[sum(math.comb(k, i) * 2**i * (-1) ** (k - i) * Fraction(math.comb(j, i), math.comb(degree, i))
                for i in range(k + 1)) for k in range(degree + 1)] for j in range(degree + 1)]
    if degree == 1 or (degree + 1) ** powers.shape[1] > _MOST_ROWS:
        return np.zeros((0, powers.shape[0]))
    places = itertools.product(range(degree + 1), repeat=powers.shape[1])
    return np.array([[float(math.prod(one[j][k] for j, k in zip(place, power, strict=True)))
                      for power in powers.tolist()] for place in places])


@dataclass(frozen=True, slots=True, eq=False)
class Bounder:
    """What bounds a decomposed network on boxes with forms of a given degree.

    ``times``: the place of the product of two monomials, -1 beyond the degree; ``hull``: see :func:`bernstein`.
    """

    exponents: Exponents
    times: NDArray[np.int64]
    hull: Array
    program: tuple[Any, ...]

    @staticmethod
    def of(network: Decomposition, degree: int) -> Bounder:
        """Return the flat arrays of a decomposition."""
        powers = exponents(network.dimension, degree)
        place = {power: k for k, power in enumerate(powers)}
        table = np.array(powers)
        times = np.array([[place.get(tuple(total), -1) for total in (table + power).tolist()] for power in table])
        return Bounder(powers, times, bernstein(table, degree), _program(network))

    def __call__(self, low: Array, high: Array) -> Forms:
        """Return the forms over the boxes low, high (N, d)."""
        from constructive._kernels import in_blocks
        from constructive._kernels.forms import bound_forms
        n = low.shape[0]
        coefficients = np.zeros((n, len(self.exponents)))
        rest, lower, upper = (np.empty(n) for _ in range(3))

        def work(start: int, stop: int) -> None:
            part, kernel = slice(start, stop), cast(Any, bound_forms)
            kernel(low[part], high[part], *self.program, self.times, self.hull, coefficients[part], rest[part],
                   lower[part], upper[part])

        in_blocks(n, 64, work)
        bad = np.isnan(rest) | ~np.isfinite(coefficients).all(axis=1)
        rest[bad], coefficients[bad] = np.inf, 0.0
        middle = low + (high - low) / 2
        reach = np.maximum(high - middle, middle - low)
        return Forms(middle, np.where(reach > 0, np.nextafter(reach, np.inf), 0.0), coefficients, rest,
                     np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper))


def _program(network: Decomposition) -> tuple[Any, ...]:
    nodes, numbers = network.nodes, network.dimension + len(network.sums)
    owner = np.array([node.root for node in nodes], np.int64)
    sums: list[Sum] = [*network.sums, network.output]
    terms = [term for each in sums for term in each.terms]
    ranges = [node.curve.range for node in nodes]
    return (
        np.searchsorted(owner, np.arange(numbers + 1)), owner,
        np.cumsum([0, *[len(each.terms) for each in sums]]), np.array([node for node, _ in terms], np.int64),
        np.array([factor for _, factor in terms], float), np.array([each.constant for each in sums]),
        np.array([each.doubt for each in sums]), np.cumsum([0, *[node.curve.knots.size for node in nodes]]),
        _stacked([node.curve.knots for node in nodes]), _stacked([node.curve.values for node in nodes]),
        _stacked([np.append(node.curve.slack, 0.0) for node in nodes]),
        np.array([low for low, _ in ranges]), np.array([high for _, high in ranges]),
    )


def _stacked(arrays: list[Array]) -> Array:
    return np.concatenate(arrays) if arrays else np.zeros(0)
