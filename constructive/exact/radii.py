"""A radius as a user gives it, read exactly."""

from __future__ import annotations

import numbers
from fractions import Fraction
from typing import Any

import numpy as np


def as_radius(value: Any, who: str) -> Fraction:
    """Return the radius as a Fraction, without rounding: integers, Fractions and floats are read as they are.

    Raises TypeError for what is not a real number (bool included), ValueError for NaN, infinity or below 0.

    >>> as_radius(0.25, "plateaus")
    Fraction(1, 4)
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{who}: radius must be a real number, got {value!r}")
    try:
        # numpy's integers become Python's, which do not wrap round
        radius = (Fraction(int(value.numerator), int(value.denominator)) if isinstance(value, numbers.Rational)
                  else Fraction(float(value)))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{who}: radius={float(value)!r} must be finite") from error
    if radius < 0:
        raise ValueError(f"{who}: radius={value!r} must be >= 0")
    return radius
