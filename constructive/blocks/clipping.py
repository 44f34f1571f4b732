"""Clamping to an interval, in the order of operations that keeps the upper end bit for bit."""

from __future__ import annotations

from fractions import Fraction

from constructive._checks import as_number
from constructive.blocks.gate import Gate, line, nonzero_count
from constructive.network import Network


def clip_gate(lower: float, upper: float) -> Gate:
    """Return ``U - relu(U - L - relu(x - L))`` = min(max(x, L), U) for L = lower, U = upper.

    Error = the rounding of U - L to a double, 0 for L = -U. In floating point the value is exactly U wherever
    x >= U, and exactly L wherever x <= L if U - L is a double, because rounding is monotone; between, up to
    two roundings. The flat form L + relu(x - L) - relu(x - U) has neither property. Size: depth 3, 2 units,
    nonzeros = 4 + [L != 0] + [U != 0]. Raises ValueError unless L < U and U - L is finite.

    >>> clip_gate(-1.0, 1.0)([[-3.0], [0.25], [2.0]]).ravel().tolist()
    [-1.0, 0.25, 1.0]
    """
    low = as_number(lower, "clip_gate", "lower")
    high = as_number(upper, "clip_gate", "upper", above=low)
    height = as_number(high - low, "clip_gate", "upper - lower")
    network = Network.build([([[1.0]], [-low]), ([[-1.0]], [height]), ([[-1.0]], [high])])
    error = abs(Fraction(height) - (Fraction(high) - Fraction(low)))
    return Gate(network, error, line(), 4 + nonzero_count([low, high]), 2, f"min(max(x, {low!r}), {high!r})")
