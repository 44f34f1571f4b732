"""Runge's function in any dimension.

With t = steepness (x - center), phi(t) = 1 / (1 + t^2) has ``|phi^(r)(t)| = r! |sin((r+1) a)| sin(a)^(r+1)``,
a = arccot t, whose stationary points are a = m pi / (r + 2): the maximum over an interval is in closed form. In d
dimensions the largest |D^alpha f| of order r is at most the largest r-th derivative along a unit direction (Banach: a
symmetric form is largest on equal vectors), and on a line at distance b from the center f is ``B^-2 phi(s / B)``,
B^2 = 1 + b^2 >= 1, so that the maximum is the one of phi.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_number, as_points
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._memory import Remembered
from constructive.targets._upward import UNIT, UP, factorial, power
from constructive.targets.target import Target, stated_rounding

Array = NDArray[np.float64]


def runge(center: Sequence[float] = (0.5,), steepness: float = 10.0, *, box: Box | None = None) -> Target:
    """Return ``x -> 1 / (1 + steepness^2 ||x - center||^2)`` on the box (default: the unit cube).

    The defaults give 1 / (1 + 25 (2 x - 1)^2). F_r = steepness^r r! max |sin((r+1) a)| sin(a)^(r+1): for d = 1 the
    exact maximum over the interval, for d > 1 the maximum over R^d, attained near the center along each axis.
    Lipschitz constant in l_inf: sqrt(d) F_1. Raises ValueError for a steepness that is not positive.

    >>> float(runge(steepness=2.0)([[1.0]])[0])
    0.5
    """
    who = "runge"
    middle = as_points([list(center)], who, "center")[0]
    scale = as_number(steepness, who, "steepness", above=0.0)
    d = middle.size
    domain = bounded_box(box, d, who)
    ends = (scale * float(domain.lower[0] - middle[0]), scale * float(domain.upper[0] - middle[0])) if d == 1 else None

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        return np.asarray(power(scale, sum(alpha)) * _derivative(alpha, scale * (X - middle)))

    bound = Remembered(lambda r: power(scale, r) * _largest(r, ends) * UP)

    def noise(r: int) -> float:
        return power(scale, r) * _rounding(r, d) * UP

    return Target("Runge's function", d, lambda X: derivative((0,) * d, X), derivative, bound,
                  math.sqrt(d) * bound(1) * UP, stated_rounding(noise, bound, math.inf), domain, noise=noise)


def _largest(r: int, ends: tuple[float, float] | None) -> float:
    """Return an upper bound on |phi^(r)| between two points (None: anywhere), exact up to rounding."""
    low, high = (0.0, math.pi) if ends is None else (math.atan2(1.0, ends[1]), math.atan2(1.0, ends[0]))
    peaks = [math.sin(m * math.pi / (r + 2)) ** (r + 2) for m in range(1, r + 2)
             if low - 2.0**-48 <= m * math.pi / (r + 2) <= high + 2.0**-48]
    for t in () if ends is None else ends:
        # the last term covers the rounding of t, of the angle and of the sine
        wave = abs(math.sin((r + 1) * math.atan2(1.0, t))) + (r + 2) * 2.0**-48
        peaks.append(math.hypot(1.0, t) ** -(r + 1) * wave)
    return min(1.0, max(peaks) * UP) * factorial(r)


def _derivative(alpha: tuple[int, ...], t: Array) -> Array:
    """Return D^alpha of 1 / (1 + |t|^2) at t (n, d) by Leibniz' rule for (1 + |t|^2) f = 1."""
    square = 1.0 + (t * t).sum(axis=1)
    known: dict[tuple[int, ...], Array] = {(0,) * len(alpha): 1.0 / square}

    def at(index: tuple[int, ...]) -> Array:
        if index not in known:
            total = np.zeros(t.shape[0])
            for j, a in enumerate(index):
                if a:
                    once = (*index[:j], a - 1, *index[j + 1:])
                    total = total + (2 * a) * t[:, j] * at(once)
                if a > 1:
                    twice = (*index[:j], a - 2, *index[j + 1:])
                    total = total + (a * (a - 1)) * at(twice)
            known[index] = -total / square
        return known[index]

    return at(alpha)


def _rounding(r: int, d: int) -> float:
    """Return a bound on the error of the computed D^alpha of 1 / (1 + |t|^2), |alpha| = r, at any t.

    By 2 |t_j| <= 1 + |t|^2 errors e_r of the recursion satisfy e_r <= r e_(r-1) + r (r-1) e_(r-2) + (3 d + 12) u 2 r!,
    so that e_r / r! grows like Fibonacci's numbers. Two units of error in each t_j add 2 u sqrt(d) (r+1)!.
    """
    before, now = 0.0, (d + 4.0) * UNIT
    for _ in range(r):
        before, now = now, now + before + 2 * (3 * d + 12) * UNIT
    return factorial(r) * (now + 2 * UNIT * math.sqrt(d) * (r + 1) + 10 * UNIT)
