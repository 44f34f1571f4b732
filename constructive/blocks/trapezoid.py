"""The trapezoid of the published constructions: 1 on an interval, 0 away from it, linear between."""

from __future__ import annotations

from fractions import Fraction

from constructive._checks import as_number
from constructive.blocks.gate import Gate, line, nonzero_count
from constructive.blocks.ramp import as_width, largest_gap
from constructive.network import Network


def trapezoid_gate(a: float, b: float, width: float) -> Gate:
    """Return ``(relu(t-a+w) - relu(t-a) - relu(t-b) + relu(t-b-w)) / w``: 1 on [a, b], 0 outside (a-w, b+w).

    Error 0 where w is a power of two and a - w, b + w are doubles; otherwise the exact effect of rounding
    them and 1/w. Size: depth 2, 4 units, nonzeros = 8 + the number of nonzeros among a - w, a, b, b + w. In
    floating point four large ReLUs cancel: off the interval the value is 0 only up to rounding. The bump
    ``relu(1 - (relu(a - t) + relu(t - b)) / w)`` has neither fault. Raises ValueError if a > b or for a width
    that is not positive or overflows.

    >>> trapezoid_gate(0.0, 1.0, 0.5)([[-0.25], [0.5], [1.5]]).ravel().tolist()
    [0.5, 1.0, 0.0]
    """
    low, high = as_number(a, "trapezoid_gate", "a"), as_number(b, "trapezoid_gate", "b")
    w = as_width(width, "trapezoid_gate")
    ends = _thresholds("trapezoid_gate", low, high, w)
    slope = 1.0 / w
    network = Network.build([([[1.0]] * 4, [-t for t in ends]), ([[slope, -slope, -slope, slope]], None)])
    return Gate(network, _rounding_error(ends, w), line(), 8 + nonzero_count(ends), 4,
                f"the trapezoid that is 1 on [{low!r}, {high!r}] and 0 outside ramps of width {w!r}")


def _thresholds(who: str, low: float, high: float, w: float) -> tuple[float, float, float, float]:
    if low > high:
        raise ValueError(f"{who}: needs a <= b, got a={low!r} > b={high!r}; swap them")
    ends = (low - w, low, high, high + w)
    if not (float("-inf") < ends[0] < low and high < ends[3] < float("inf")):
        raise ValueError(f"{who}: width={w!r} is lost in rounding beside a={low!r}, b={high!r}; "
                         "pass a larger width")
    return ends


def _rounding_error(ends: tuple[float, float, float, float], w: float) -> Fraction:
    """Return the exact sup distance of the stored trapezoid from the ideal one."""
    t0, t1, t2, t3 = map(Fraction, ends)
    slope, width = Fraction(1.0 / w), Fraction(w)
    plateau = slope * (t1 - t0)
    tail = plateau - slope * (t3 - t2)
    ideal = _trapezoid(t1 - width, t1, t2, t2 + width, Fraction(1), Fraction(0))
    stored = _trapezoid(t0, t1, t2, t3, plateau, tail)
    return largest_gap(stored, ideal)


def _trapezoid(t0: Fraction, t1: Fraction, t2: Fraction, t3: Fraction, plateau: Fraction,
               tail: Fraction) -> list[tuple[Fraction, Fraction]]:
    middle = [(t1, plateau)] if t1 == t2 else [(t1, plateau), (t2, plateau)]
    return [(t0, Fraction(0)), *middle, (t3, tail)]
