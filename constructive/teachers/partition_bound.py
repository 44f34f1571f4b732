"""How far Taylor pieces glued by hats are from a smooth function: the constants, with their proof.

``T = sum over nodes k in {0..K}^d of prod_j hat(K x_j - k_j) q_k(x)``, q_k a Taylor polynomial at the node k / K.

*Full* pieces have degree r - 1: each is off by at most F_r |h|_1^r / r!, h = x - node. Read the hats at x as the law
of a random node; then E |h|_1^r <= c_r (d/K)^r by Minkowski's inequality over the coordinates, where
``c_r = max over s of (1-s) s^r + s (1-s)^r`` belongs to one coordinate. So the error is at most c_r (d/K)^r F_r / r!.

*Modified* pieces have degree r - 2 and coefficients damped by ``1 - |alpha| / (r - 1)``: fewer coefficients, and the
bound is r - 1 times smaller, since neighboring pieces correct each other. Proof, with p = r - 1 >= 1: E h = 0. Let
g(t) = f(x - t h); the piece of the node is ``sum_{j < p} (1 - j/p) (-1)^j g^(j)(1) / j!``. Expand each derivative round
t = 0 with integral remainder. The coefficient of g^(i)(0) is 1/i! times the i-th difference of a linear function: 0
for 2 <= i <= p, and g'(0) has mean 0. The remainder is ``int_0^1 k(t) g^(r)(t) dt`` with
``k(t) = sum_{j < p} (1 - j/p) (-1)^j (1-t)^(p-j) / (j! (p-j)!) = (-1)^(p-1) (1 - t) t^(p-1) / p!``, of one sign, whose
absolute integral is 1 / (p r!). Finally |g^(r)| <= F_r |h|_1^r.

In one dimension both are attained for every r: where c_r is attained, by x^r / r! for even r, and for odd r by a
function whose r-th derivative is 1 on one side of that point and -1 on the other. Order 1 has one kind of piece only.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction

from constructive.targets import Target

UP = 1.0 + 2.0**-40
"""Rounds a bound computed in a few operations safely upward."""


def taylor_bound(target: Target, order: int, cells: int, pieces: str = "modified") -> float:
    """Return ``kappa c_r (d / K)^r F_r / r!``, the construction error of the exact glued polynomials.

    kappa = 1 / (r - 1) for pieces="modified" and r >= 2, else 1.

    >>> from constructive.targets import polynomial
    >>> round(taylor_bound(polynomial({(2,): 0.5}), 2, 1), 9)  # attained by x^2 / 2
    0.125
    """
    kappa = order - 1 if pieces == "modified" and order > 1 else 1
    rate = moment_constant(order) * (target.dimension / cells) ** order / (kappa * math.factorial(order))
    return rate * target.bound(order) * UP


@functools.lru_cache(maxsize=256)
def moment_constant(order: int) -> float:
    """Return an upper bound on c_r = max over s in [0, 1] of ``(1-s) s^r + s (1-s)^r``, too large by at most 2^-43 c_r.

    In y = s (1 - s) it is ``y L(y)``, L(y) = s^(r-1) + (1-s)^(r-1) a polynomial with integer coefficients. The interval
    [0, 1/4] is halved in rational arithmetic; on each part the tangent at its middle and a bound on the second
    derivative give the upper end, and parts below the largest value found are left out.

    >>> [round(1 / moment_constant(r), 6) for r in (1, 2, 3, 4)]
    [2.0, 4.0, 8.0, 12.0]
    """
    value = _moment_polynomial(order)
    slope = [n * c for n, c in enumerate(value)][1:]
    curved = sum((n * (n - 1) * abs(c) * Fraction(1, 4) ** (n - 2) for n, c in enumerate(value) if n > 1), Fraction(0))
    middles, radius = [Fraction(1, 8)], Fraction(1, 8)
    while True:
        at = [_evaluated(value, y) for y in middles]
        least = max(max(at), _evaluated(value, Fraction(1, 4)))
        ends = [v + abs(_evaluated(slope, y)) * radius + curved * radius**2 / 2
                for v, y in zip(at, middles, strict=True)]
        if max(ends) - least <= least / 2**44:
            return math.nextafter(float(max(ends)), math.inf)
        kept = [y for y, end in zip(middles, ends, strict=True) if end >= least]
        radius /= 2
        middles = [y + sign * radius for y in kept for sign in (-1, 1)]


def _moment_polynomial(order: int) -> list[int]:
    """Return the coefficients of y L_(r-1)(y): L_0 = 2, L_1 = 1, L_n = L_(n-1) - y L_(n-2)."""
    before, now = [2], [1]
    if order == 1:
        return [0, 2]
    for _ in range(order - 2):
        shifted = [0, *before]
        width = max(len(now), len(shifted))
        before, now = now, [a - b for a, b in zip(now + [0] * (width - len(now)),
                                                  shifted + [0] * (width - len(shifted)), strict=True)]
    return [0, *now]


def _evaluated(coefficients: list[int], y: Fraction) -> Fraction:
    total = Fraction(0)
    for c in reversed(coefficients):
        total = total * y + c
    return total
