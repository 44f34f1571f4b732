"""Ramps whose ends and slopes are doubles: how to round them, and what the rounding costs, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from constructive._checks import as_number

Knots = Sequence[tuple[Fraction, Fraction]]


def as_width(value: object, who: str) -> float:
    """Return the width of a ramp as a double whose reciprocal is finite; ValueError otherwise."""
    width = as_number(value, who, "width", above=0.0)
    # 1 / width, rounded up, has to be finite
    if width < 2.0**-1023:
        raise ValueError(f"{who}: width={width!r} must be >= 2^-1023, or its reciprocal overflows; "
                         "pass a larger width or rescale")
    return width


def slope_above(width: Fraction) -> float:
    """Return the least double >= 1 / width, so that slope times width is at least 1.

    >>> slope_above(Fraction(1, 4))
    4.0
    """
    near = float(1 / width)
    return near if Fraction(near) * width >= 1 else math.nextafter(near, math.inf)


def sum_below(a: float, b: float) -> float:
    """Return the largest double <= a + b."""
    near = a + b
    if math.isinf(near):
        return near  # the caller refuses it
    return near if Fraction(near) <= Fraction(a) + Fraction(b) else math.nextafter(near, -math.inf)


def largest_gap(first: Knots, second: Knots) -> Fraction:
    """Return sup |f - g| of two piecewise linear functions, constant outside their (position, value) knots.

    The difference is linear between neighbors of the joint knots, so that its largest value is at a knot.

    >>> largest_gap([(Fraction(0), Fraction(0)), (Fraction(1), Fraction(1))], [(Fraction(0), Fraction(0))])
    Fraction(1, 1)
    """
    positions = {t for t, _ in (*first, *second)}
    return max(abs(interpolated(first, t) - interpolated(second, t)) for t in positions)


def interpolated(knots: Knots, t: Fraction) -> Fraction:
    """Return the value at t of the piecewise linear function through increasing knots, constant outside."""
    if t <= knots[0][0]:
        return knots[0][1]
    for (left, at_left), (right, at_right) in pairwise(knots):
        if t <= right:
            return at_left + (at_right - at_left) * (t - left) / (right - left)
    return knots[-1][1]
