"""Targets of every family beside the same functions in mpmath, which knows nothing of their derivatives and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from constructive.domain import Box
from constructive.targets import (
    Target,
    additive,
    cosine_product,
    exponential,
    gaussian_bump,
    kink,
    polynomial,
    product,
    rescaled,
    ridge,
    ridge_interval,
    runge,
)

mp = mpmath.mp.clone()
mp.dps = 60


@dataclass(frozen=True)
class Case:
    """A target, its function in 60 digits, and whether its bounds are the exact maxima (up to 1e-6)."""

    target: Target
    function: Callable[..., Any]
    exact: bool = True


def number(value: float) -> Any:
    """Return a double as the same number in 60 digits."""
    return mp.mpf(float(value))


def bump(center: list[float], width: float) -> Callable[..., Any]:
    return lambda *x: mp.exp(-sum((t - number(c)) ** 2 for t, c in zip(x, center, strict=True))
                             / (2 * number(width) ** 2))


def bell(center: list[float], steepness: float) -> Callable[..., Any]:
    return lambda *x: 1 / (1 + number(steepness) ** 2 * sum((t - number(c)) ** 2
                                                            for t, c in zip(x, center, strict=True)))


def cosines(rates: list[float], shifts: list[float]) -> Callable[..., Any]:
    return lambda *x: mp.fprod(mp.cos(number(w) * t + number(p)) for w, t, p in zip(rates, x, shifts, strict=True))


def bend(center: list[float], r: int) -> Callable[..., Any]:
    return lambda *x: sum(mp.sign(t - number(c)) * (t - number(c)) ** r / mp.factorial(r)
                          for t, c in zip(x, center, strict=True))


WIDE = Box(np.array([-1.25, 0.1]), np.array([0.75, 2.3]))
LINE = Box(np.array([-2.0]), np.array([3.1]))
EDGE = [0.7, -1.3]

CASES: dict[str, Case] = {
    "cosine": Case(cosine_product([40.0]), cosines([40.0], [0.0])),
    "slow cosine": Case(cosine_product([0.75], [2.0]), cosines([0.75], [2.0])),
    "cosine on a line": Case(cosine_product([-7.3], [0.4], box=LINE), cosines([-7.3], [0.4])),
    "cosines": Case(cosine_product([5.0, -4.0], [0.5, 1.0]), cosines([5.0, -4.0], [0.5, 1.0])),
    "cosines on a box": Case(cosine_product([0.3, 2.0], [0.1, -0.2], box=WIDE), cosines([0.3, 2.0], [0.1, -0.2])),
    "exponential": Case(exponential([-1.7]), lambda x: mp.exp(number(-1.7) * x)),
    "exponential in two": Case(exponential([1.2, -3.1], box=WIDE),
                               lambda x, y: mp.exp(number(1.2) * x + number(-3.1) * y)),
    "bump": Case(gaussian_bump([0.3], 0.2), bump([0.3], 0.2)),
    "narrow bump": Case(gaussian_bump([0.5], 0.0625), bump([0.5], 0.0625)),
    "bump beyond the box": Case(gaussian_bump([1.4], 0.3), bump([1.4], 0.3)),
    "bumps": Case(gaussian_bump([0.25, 0.75], 0.375), bump([0.25, 0.75], 0.375)),
    "Runge": Case(runge(), bell([0.5], 10.0)),
    "Runge aside": Case(runge([1.3], 4.0, box=LINE), bell([1.3], 4.0)),
    "Runge beyond": Case(runge([-0.4], 3.0), bell([-0.4], 3.0)),
    "Runge in two": Case(runge([0.4, 0.6], 3.0), bell([0.4, 0.6], 3.0), exact=False),
    "Runge in three": Case(runge([0.4, 0.6, 0.1], 2.0), bell([0.4, 0.6, 0.1], 2.0), exact=False),
    "kink": Case(kink([0.3], 3), bend([0.3], 3)),
    "kinks": Case(kink([0.3, 0.6], 2), bend([0.3, 0.6], 2)),
    "corner": Case(kink([0.3], 1), bend([0.3], 1)),
    "ridge": Case(ridge(runge([0.1], 3.0, box=ridge_interval(EDGE)), EDGE),
                  lambda x, y: bell([0.1], 3.0)(number(EDGE[0]) * x + number(EDGE[1]) * y)),
    "product": Case(product([runge(), cosine_product([3.0])]), lambda x, y: bell([0.5], 10.0)(x) * mp.cos(3 * y)),
    "sum": Case(additive([exponential([2.0]), cosine_product([3.0])]), lambda x, y: mp.exp(2 * x) + mp.cos(3 * y)),
    "rescaled": Case(rescaled(gaussian_bump([0.25], 0.4, box=LINE)),
                     lambda u: bump([0.25], 0.4)(-2 + (number(3.1) + 2) * u)),
    "rescaled box": Case(rescaled(cosine_product([0.3, 2.0], [0.1, -0.2], box=WIDE)),
                         lambda u, v: cosines([0.3, 2.0], [0.1, -0.2])(
                             number(-1.25) + 2 * u, number(0.1) + (number(2.3) - number(0.1)) * v), exact=False),
    "rescaled kink": Case(rescaled(kink([0.25], 2, box=LINE)),
                          lambda u: bend([0.25], 2)(-2 + (number(3.1) + 2) * u)),
    "monomial": Case(polynomial({(5,): 2.0}), lambda x: 2 * x**5),
    "cubic": Case(polynomial({(3,): 2.7, (2,): -4.1, (1,): 1.3, (0,): -0.2}),
                  lambda x: number(2.7) * x**3 - number(4.1) * x**2 + number(1.3) * x - number(0.2)),
    "polynomial": Case(polynomial({(3, 1): 2.0, (0, 2): -1.5, (1, 0): 0.25, (0, 0): 1.0}),
                       lambda x, y: 2 * x**3 * y - mp.mpf("1.5") * y**2 + x / 4 + 1, exact=False),
    "polynomial on a box": Case(polynomial({(3, 1): 2.0, (0, 2): -1.5}, box=WIDE),
                                lambda x, y: 2 * x**3 * y - mp.mpf("1.5") * y**2, exact=False),
}


def precise(case: Case, alpha: tuple[int, ...], x: np.ndarray) -> Any:
    """Return D^alpha at x to some 40 digits, by differences of 60-digit values."""
    at = tuple(number(v) for v in x)
    if not any(alpha):
        return case.function(*at)
    step = mp.mpf(10) ** -60
    with mp.workdps(60 + 60 * sum(alpha)):
        total = mp.mpf(0)
        for shift in np.ndindex(*(a + 1 for a in alpha)):
            weight = mp.fprod((-1) ** (a - k) * mp.binomial(a, k) for a, k in zip(alpha, shift, strict=True))
            # the stencil is centered, so that the error is of second order in the step
            total += weight * case.function(*(t + (k - mp.mpf(a) / 2) * step
                                              for t, k, a in zip(at, shift, alpha, strict=True)))
        return total / step ** sum(alpha)
