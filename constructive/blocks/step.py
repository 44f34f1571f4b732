"""A step that rises over a band: a difference of two ReLUs, or saturated and so exact off the band."""

from __future__ import annotations

from fractions import Fraction

from constructive._checks import as_number
from constructive.blocks.gate import Gate, line, nonzero_count
from constructive.blocks.ramp import as_width, largest_gap, slope_above, sum_below
from constructive.network import Network


def step_gate(threshold: float, width: float) -> Gate:
    """Return ``(relu(t - a) - relu(t - a - w)) / w`` for a = threshold, w = width: 0 below a, 1 above a + w.

    Error 0 where w is a power of two and a + w is a double; otherwise the exact effect of rounding 1/w and a
    + w. Size: depth 2, 2 units, nonzeros = 4 + [a != 0] + [a + w != 0]. In floating point the two large ReLUs
    cancel with rounding errors: far above the band the value is 1 only up to rounding. Where an index must be
    an integer use :func:`saturated_step`. Raises ValueError for a width that is not positive or overflows.

    >>> step_gate(0.5, 0.25)([[0.5], [0.625], [0.75]]).ravel().tolist()
    [0.0, 0.5, 1.0]
    """
    a, w = as_number(threshold, "step_gate", "threshold"), as_width(width, "step_gate")
    b, slope = a + w, 1.0 / w
    _must_be_apart("step_gate", a, b, w)
    network = Network.build([([[1.0], [1.0]], [-a, -b]), ([[slope, -slope]], None)])
    start, end = Fraction(a), Fraction(b)
    stored = [(start, Fraction(0)), (end, Fraction(slope) * (end - start))]
    ideal = [(start, Fraction(0)), (start + Fraction(w), Fraction(1))]
    return Gate(network, largest_gap(stored, ideal), line(), 4 + nonzero_count([a, b]), 2,
                f"the step from 0 at t <= {a!r} to 1 at t >= {a!r} + {w!r}, linear between")


def saturated_step(threshold: float, width: float) -> Gate:
    """Return ``relu(1 - relu(a + w - t) / w)`` for a = threshold, w = width: its step, exact off the band.

    For every threshold and width the value is exactly 0 for t <= a and exactly 1 for t >= a + w, in real
    arithmetic and bit for bit in floating point: a + w is rounded down, the slope up. Inside the open band
    the error is the exact effect of those two roundings, 0 where w is a power of two and a + w a double.
    Size: depth 3, 2 units, nonzeros = 4 + [a + w != 0]. Raises as :func:`step_gate`.

    >>> saturated_step(0.1, 0.3)([[0.1], [0.4]]).ravel().tolist()
    [0.0, 1.0]
    """
    a, w = as_number(threshold, "saturated_step", "threshold"), as_width(width, "saturated_step")
    b = sum_below(a, w)
    _must_be_apart("saturated_step", a, b, w)
    start, end = Fraction(a), Fraction(b)
    # the machine sees the rounded difference: the slope must lift both it and the real one to 1
    slope = slope_above(min(end - start, Fraction(b - a)))
    network = Network.build([([[-1.0]], [b]), ([[-slope]], [1.0]), ([[1.0]], None)])
    stored = [(end - 1 / Fraction(slope), Fraction(0)), (end, Fraction(1))]
    ideal = [(start, Fraction(0)), (start + Fraction(w), Fraction(1))]
    return Gate(network, largest_gap(stored, ideal), line(), 4 + nonzero_count([b]), 2,
                f"the step from 0 at t <= {a!r} to 1 at t >= {a!r} + {w!r}, linear between")


def _must_be_apart(who: str, a: float, b: float, w: float) -> None:
    if not a < b < float("inf") or b - a < 2.0**-1023:
        raise ValueError(f"{who}: width={w!r} is lost in rounding beside threshold={a!r}; "
                         "pass a larger width")
