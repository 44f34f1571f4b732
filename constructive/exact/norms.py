"""How far a ball reaches along an integer direction: dual norms in exact arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction


def dual_norm(direction: Sequence[int], norm: float) -> Fraction:
    """Return the norm dual to l_norm: the l_1, l_2 or l_inf norm of integers; l_2 rounded up, by at most 2^-60 of it.

    Exactly proportional: the norm of a multiple is the multiple of the norm, rounded or not.

    >>> dual_norm([3, -4], 2.0), dual_norm([3, -4], math.inf), dual_norm([3, -4], 1.0)
    (Fraction(5, 1), Fraction(7, 1), Fraction(4, 1))
    """
    if norm == math.inf:
        return Fraction(sum(map(abs, direction)))
    if norm == 1.0:
        return Fraction(max(map(abs, direction)))
    common = math.gcd(*direction) or 1
    square = sum((v // common) ** 2 for v in direction) << 120
    root = math.isqrt(square)
    return Fraction(common * (root if root * root == square else root + 1), 1 << 60)
