"""Bounds rounded upward: powers and factorials that saturate at infinity, products in which 0 beats infinity."""

from __future__ import annotations

import math

UNIT = 2.0**-53
"""Half the distance from 1 to the next double: the relative error of one rounded operation."""
UP = 1.0 + 2.0**-40
"""Rounds a bound computed in a few operations safely upward."""


def power(base: float, exponent: int) -> float:
    """Return base^exponent, infinity where it exceeds the doubles.

    >>> power(10.0, 400)
    inf
    """
    try:
        return float(base) ** exponent
    except OverflowError:
        return math.inf


def factorial(n: int) -> float:
    """Return n! as a double, infinity from n = 171 on."""
    return float(math.factorial(n)) if n <= 170 else math.inf


def times(a: float, b: float) -> float:
    """Return a b, and 0 if either is 0: a factor that vanishes everywhere beats a bound that overflowed."""
    return 0.0 if a == 0.0 or b == 0.0 else a * b
