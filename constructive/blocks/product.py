"""The product by quarter squares: two square gates, exact where one factor lies on the grid."""

from __future__ import annotations

import math
from fractions import Fraction

from constructive._checks import as_count, as_number
from constructive.blocks.gate import Gate
from constructive.blocks.square import MOST_LEVELS, square_gate
from constructive.calculus import affine, parallel
from constructive.domain import Box
from constructive.network import Network


def product_gate(levels: int, magnitude: float = 1.0) -> Gate:
    """Return ``M^2 (f(|x+y| / 2M) - f(|x-y| / 2M))``, f the square gate, M = magnitude: x y on [-M, M]^2.

    Sup error = M^2 4^-(m+1) for m = levels, attained at x = y = M 2^-(m+1); exact whenever x or y is a
    multiple of M 2^-m, so P(0, y) = 0 and P(+-M, y) = +-M y; |P(x, y)| <= M min(|x|, |y|), so products of
    factors in [-1, 1] stay there. Size: depth m + 2, 6 m + 2 units and 16 m + 6 nonzeros for m >= 1; 4 and 12
    for m = 0. In floating point P(0, y) = 0 and P(M, y) = M y hold only up to rounding: the last row adds the
    terms of both squares one by one. A clip to [-M |x|, M |x|] behind the gate, which changes nothing in real
    arithmetic, makes the zero exact. Outside [-M, M]^2 all this is false. Raises ValueError unless magnitude
    is a power of two: other scales would have to be rounded.

    >>> product_gate(4)([[0.0, 0.3], [1.0, -0.75], [0.5, 0.25]]).ravel().tolist()
    [0.0, -0.75, 0.125]
    """
    m = as_count(levels, "product_gate", "levels", at_most=MOST_LEVELS)
    scale = as_power_of_two(magnitude, "product_gate")
    square, half = square_gate(m).network, 0.5 / scale
    sums = affine([[half, half], [-half, -half], [half, -half], [-half, half]])
    folded = affine([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    magnitudes = Network((*sums.layers, *folded.layers))
    network = affine([[scale**2, -(scale**2)]]) @ parallel(square, square) @ magnitudes
    return Gate(network, Fraction(scale) ** 2 / 4 ** (m + 1), Box.cube(2, -scale, scale), product_nonzeros(m),
                product_units(m), f"x y on [-{scale!r}, {scale!r}]^2")


def product_nonzeros(levels: int) -> int:
    """Return 16 m + 6, or 12 for m = 0."""
    return 16 * levels + 6 if levels else 12


def product_units(levels: int) -> int:
    """Return 6 m + 2, or 4 for m = 0."""
    return 6 * levels + 2 if levels else 4


def as_power_of_two(value: float, who: str) -> float:
    """Return the magnitude if it is a power of two in 2^-250 .. 2^250; ValueError names the next one."""
    number = as_number(value, who, "magnitude", at_least=2.0**-250, at_most=2.0**250)
    mantissa, exponent = math.frexp(number)
    if mantissa != 0.5:
        raise ValueError(f"{who}: magnitude={number!r} must be a power of two, so that no weight is rounded; "
                         f"pass {math.ldexp(1.0, exponent)!r}, whose gate covers it")
    return number
