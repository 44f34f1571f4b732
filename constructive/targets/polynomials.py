"""Polynomials by their coefficients."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._memory import Remembered
from constructive.targets._upward import UNIT, UP, power
from constructive.targets.maxima import largest
from constructive.targets.programs import Program, Step
from constructive.targets.target import Target, multi_indices, stated_rounding

Array = NDArray[np.float64]
Terms = dict[tuple[int, ...], float]


def polynomial(coefficients: Mapping[tuple[int, ...], float], *, box: Box | None = None) -> Target:
    """Return ``x -> sum_alpha c_alpha x^alpha`` on the box (default: the unit cube).

    For d = 1, F_r is the exact maximum up to the factor 1 + 1e-7, by branch and bound. For d > 1 it is the largest sum
    of ``|coefficient| max |x|^beta`` of a derivative of order r: exact where the terms are largest at one point, as
    for coefficients of one sign on the unit cube, an upper bound elsewhere.
    Keys are multi-indices of one length d. Raises ValueError for none, or for lengths that differ.

    >>> float(polynomial({(2, 0): 1.0, (0, 1): -2.0})([[0.5, 0.25]])[0])
    -0.25
    """
    who = "polynomial"
    terms = {tuple(as_count(a, who, "exponent") for a in alpha): as_number(c, who, "coefficient")
             for alpha, c in coefficients.items()}
    if len({len(alpha) for alpha in terms}) != 1 or () in terms:
        raise ValueError(f"{who}: coefficients need multi-indices of one length >= 1, got {list(terms)}")
    d = len(next(iter(terms)))
    domain = bounded_box(box, d, who)
    reach = [float(v) for v in np.maximum(np.abs(domain.lower), np.abs(domain.upper))]

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        total = np.zeros(X.shape[0])
        for beta, c in _derived(terms, alpha).items():
            total = total + c * np.prod(X ** np.array(beta), axis=1)
        return total

    def size(alpha: tuple[int, ...]) -> float:
        return sum(abs(c) * math.prod(power(most, b) for most, b in zip(reach, beta, strict=True))
                   for beta, c in _derived(terms, alpha).items()) * UP

    def peak(alpha: tuple[int, ...]) -> float:
        most = size(alpha)
        if d > 1 or most == 0.0 or most == math.inf:
            return most  # with d > 1 branch and bound would take most of a second for a handful of terms
        slope = _program(_derived(terms, (alpha[0] + 1,)))
        return min(most, largest(_program(_derived(terms, alpha)), [slope], domain, 1e-7, 20_000))

    bound = Remembered(lambda r: max(peak(alpha) for alpha in multi_indices(d, r)))

    def noise(r: int) -> float:
        return unit * max(size(alpha) for alpha in multi_indices(d, r))

    degree = max(sum(alpha) for alpha in terms)
    unit = 8 * (degree + len(terms) + 4) * UNIT  # powers by 4 last places each, products, and one sum
    return Target(f"polynomial of degree {degree}", d, lambda X: derivative((0,) * d, X), derivative, bound,
                  sum(peak(alpha) for alpha in multi_indices(d, 1)) * UP,
                  max(unit, stated_rounding(noise, bound, math.inf)), domain, noise=noise)


def _program(terms: Terms) -> Program:
    """Return a polynomial in one variable as steps: the sum of its terms, with the coefficients enclosed."""
    steps = [Step("input"), Step("constant")]
    for (power_of_x,), c in terms.items():
        total, room = len(steps) - 1, 2 * UNIT * abs(c)  # coefficients of derivatives are rounded products
        steps += [Step("constant", low=c - room, high=c + room), Step("power", (0,), number=power_of_x),
                  Step("multiply", (total + 1, total + 2)), Step("add", (total, total + 3))]
    return Program(tuple(steps), "polynomial")


def _derived(terms: Terms, alpha: tuple[int, ...]) -> Terms:
    """Return the terms of the derivative of multi-index alpha."""
    out: Terms = {}
    for beta, c in terms.items():
        if all(b >= a for a, b in zip(alpha, beta, strict=True)):
            fall = math.prod(math.perm(b, a) for a, b in zip(alpha, beta, strict=True))
            out[tuple(b - a for a, b in zip(alpha, beta, strict=True))] = c * fall
    return out
