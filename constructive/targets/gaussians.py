"""Gaussian bumps, with the exact maximum of every derivative in each coordinate.

In z = (x - c) / s the derivative of order k is ``(-1/s)^k h_k(z)``, h_k = He_k exp(-z^2/2), and h_k' = -h_(k+1). So
|h_k| is largest at an end of the interval or at a root of He_(k+1). The roots are found in floating point and proved:
exact signs of He_(k+1) on both sides of k + 1 disjoint intervals leave no root elsewhere.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_number, as_points
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._memory import Remembered
from constructive.targets._upward import UNIT, UP, factorial, power
from constructive.targets.products import product
from constructive.targets.target import Target, stated_rounding

Array = NDArray[np.float64]
_NEAR = 2.0**-30
"""Half the length of the intervals that are proved to hold one root each."""
_HIGHEST = 48
"""Beyond this order k Cramer's inequality is used, which overstates the maximum by about 1.2 k^(1/4)."""


def gaussian_bump(center: Sequence[float], width: float, *, box: Box | None = None) -> Target:
    """Return ``x -> exp(-||x - center||^2 / (2 width^2))`` on the box (default: the unit cube).

    F_r = max over |alpha| = r of the product of the coordinates' maxima of ``|He_a(z)| exp(-z^2/2) / width^a``, the
    exact maximum over the box (by Cramer's inequality for orders above 48).
    Raises ValueError for a center that is not finite or a width that is not positive.

    >>> float(gaussian_bump([0.5], 0.25)([[0.5]])[0])
    1.0
    """
    who = "gaussian_bump"
    middle = as_points([list(center)], who, "center")[0]
    scale = as_number(width, who, "width", above=0.0)
    domain = bounded_box(box, middle.size, who)
    factors = [_bump(float(c), scale, float(l), float(u))
               for c, l, u in zip(middle, domain.lower, domain.upper, strict=True)]
    return product(factors, "Gaussian bump")


def _bump(center: float, scale: float, low: float, high: float) -> Target:
    """Return exp(-(x - center)^2 / (2 scale^2)) on an interval."""
    start, end = (low - center) / scale, (high - center) / scale

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        z = (X[:, 0] - center) / scale
        before, value = np.zeros_like(z), np.exp(-0.5 * (z * z))
        for k in range(alpha[0]):
            before, value = value, z * value - k * before
        return np.asarray(power(-1.0 / scale, alpha[0]) * value)

    bound = Remembered(lambda r: power(1.0 / scale, r) * _largest(r, start, end) * UP)
    noise = Remembered(lambda r: power(1.0 / scale, r) * _rounding(r, start, end) * UP)

    return Target("Gaussian", 1, lambda X: derivative((0,), X), derivative, bound, bound(1),
                  stated_rounding(noise, bound, math.inf), Box.cube(1, low, high), noise=noise)


def _rounding(k: int, start: float, end: float) -> float:
    """Return a bound on the error of the computed h_k on [start, end].

    The recurrence sums terms c_p z^p exp(-z^2/2); on the way each meets at most 5 k + k relative errors (z itself is
    off by two), the exponential 4 last places and 3 z^2 units through its argument, the power of the scale k + 8.
    """
    nearest = 0.0 if start <= 0 <= end else min(abs(start), abs(end))
    farthest = max(abs(start), abs(end))

    def weight(p: int) -> float:  # max of z^p exp(-z^2 / 2) where |z| is in [nearest, farthest]
        z = min(max(math.sqrt(p), nearest), farthest)
        return power(z, p) * math.exp(-0.5 * z * z)

    total = 0.0
    for m in range(k // 2 + 1):
        p = k - 2 * m
        count = factorial(k) / (factorial(m) * factorial(p) * power(2.0, m))
        total += count * ((7 * k + 24) * weight(p) + 4 * weight(p + 2))
    return total * UNIT * UP + 2.0**-1000


def _largest(k: int, start: float, end: float) -> float:
    """Return an upper bound on |h_k| over [start, end], exact up to rounding for orders up to 48."""
    nearest = 0.0 if start <= 0 <= end else min(abs(start), abs(end))
    farthest = max(abs(start), abs(end))
    damped = 1.0865 * math.exp(-0.25 * nearest * nearest)  # Cramer: |He_k(z)| exp(-z^2/4) <= 1.0865 sqrt(k!)
    crude = damped * math.sqrt(factorial(k))
    roots = _roots(k + 1) if k <= _HIGHEST else None
    if roots is None or nearest > 37:  # exp(-z^2/2) underflows from 38 on; what is added stands for underflow here
        return (crude if k else min(1.0, crude)) + 2.0**-800
    inside = [z for z in roots if start - 2 * _NEAR <= z <= end + 2 * _NEAR]
    peak = max(abs(_hermite(k, z)) for z in (start, end, *inside))
    # beside a root h_k differs by at most half the square of the distance times max |h_(k+2)|; the ends are rounded
    curved = 0.5 * (2 * _NEAR) ** 2 * damped * math.sqrt(factorial(k + 2)) if inside else 0.0
    ends = 2 * UNIT * farthest * damped * math.sqrt(factorial(k + 1))
    return min(crude, peak + curved + ends + _rounding(k, start, end)) if k else min(1.0, peak + ends + 2.0**-48 * peak)


def _hermite(k: int, z: float) -> float:
    """Return He_k(z) exp(-z^2/2) by its recurrence."""
    before, value = 0.0, math.exp(-0.5 * z * z)
    for i in range(k):
        before, value = value, z * value - i * before
    return value


@functools.cache
def _roots(n: int) -> tuple[float, ...] | None:
    """Return the n roots of He_n, each proved to be within 2^-30; None where the proof fails."""
    found = np.sort(np.polynomial.hermite_e.hermeroots([0.0] * n + [1.0]).real)
    found = np.round(found * 2.0**34) / 2.0**34  # short numbers keep the exact signs cheap
    if n > 1 and np.diff(found).min() <= 2 * _NEAR:
        return None
    changes = all(_sign(n, z - _NEAR) * _sign(n, z + _NEAR) < 0 for z in found)
    return tuple(map(float, found)) if changes else None


def _sign(n: int, z: float) -> int:
    """Return the exact sign of He_n at a double."""
    at = Fraction(float(z))
    before, value = Fraction(0), Fraction(1)
    for i in range(n):
        before, value = value, at * value - i * before
    return (value > 0) - (value < 0)
