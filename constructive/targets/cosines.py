"""Products of cosines."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_points
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UNIT, UP, power
from constructive.targets.products import product
from constructive.targets.target import Target, stated_rounding

Array = NDArray[np.float64]


def cosine_product(frequency: Sequence[float], phase: Sequence[float] | None = None, *,
                   box: Box | None = None) -> Target:
    """Return ``x -> prod_j cos(frequency_j x_j + phase_j)`` on the box (default: the unit cube), |f| <= 1.

    F_r = max over |alpha| = r of ``prod_j |frequency_j|^alpha_j max |cos or sin|``, the exact maximum over the box;
    l_inf Lipschitz constant at most ``sum_j |frequency_j|``.
    Raises ValueError for frequencies that are not finite numbers or lengths that differ.

    >>> float(cosine_product([0.0, 0.0])([[0.3, 0.4]])[0])
    1.0
    """
    who = "cosine_product"
    rates = as_points([list(frequency)], who, "frequency")[0]
    shifts = np.zeros(rates.size) if phase is None else as_points([list(phase)], who, "phase",
                                                                  dimension=rates.size)[0]
    domain = bounded_box(box, rates.size, who)
    factors = [_cosine(*map(float, numbers)) for numbers in zip(rates, shifts, domain.lower, domain.upper, strict=True)]
    return product(factors, f"product of {rates.size} cosines")


def _cosine(rate: float, shift: float, low: float, high: float) -> Target:
    """Return cos(rate x + shift) on an interval."""
    quarter = (np.cos, lambda t: -np.sin(t), lambda t: -np.cos(t), np.sin)
    angle = abs(rate) * max(abs(low), abs(high)) + abs(shift)
    peaks = tuple(_peak(rate * low + shift, rate * high + shift, angle, sine) for sine in (False, True))

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        r = alpha[0]
        return np.asarray(power(rate, r) * quarter[r % 4](rate * X[:, 0] + shift))

    def bound(r: int) -> float:
        return power(abs(rate), r) * peaks[r % 2] * UP

    def noise(r: int) -> float:
        # the angle is off by 2 units of its size, cosine and power by 4 last places each, and one product
        return power(abs(rate), r) * UNIT * (2 * angle + 20) * UP

    return Target("cosine", 1, lambda X: derivative((0,), X), derivative, bound, bound(1),
                  stated_rounding(noise, bound, math.inf), Box.cube(1, low, high), noise=noise)


def _peak(start: float, end: float, angle: float, sine: bool) -> float:
    """Return an upper bound on |cos| (or |sin|) between two angles, exact up to rounding: at an end, or 1 inside."""
    slack = 2.0**-49 * (1 + angle)  # covers the rounding of the angles and of what follows
    low, high = min(start, end), max(start, end)
    offset = 0.5 if sine else 0.0
    if math.ceil(low / math.pi - offset - slack) <= math.floor(high / math.pi - offset + slack):
        return 1.0
    wave = math.sin if sine else math.cos
    return min(1.0, max(abs(wave(low)), abs(wave(high))) + slack)
