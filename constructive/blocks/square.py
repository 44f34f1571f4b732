"""The square, approximated by sawtooth functions: each further layer divides the error by 4."""

from __future__ import annotations

from fractions import Fraction

from constructive._checks import as_count
from constructive.blocks.gate import Gate
from constructive.domain import Box
from constructive.network import Network

MOST_LEVELS = 250
"""Weights go down to M^2 4^-levels with M >= 2^-250, which must stay a normal double."""


def square_gate(levels: int) -> Gate:
    """Return ``x - sum_{s=1..m} g_s(x) / 4^s`` on [0, 1], g_s the s-fold tooth, m = levels: x^2 from above.

    ``0 <= f(x) - x^2 <= 4^-(m+1)``, attained at every odd multiple of 2^-(m+1), and f(x) = x^2 exactly at the
    multiples of 2^-m: f is the interpolation of x^2 there, convex and increasing. All weights are dyadic.
    Size: depth m + 1, 3 m - 1 units and 8 m - 3 nonzeros for m >= 1; depth 1, no units and 1 nonzero for m =
    0. Outside [0, 1] it is false: f(x) is linear there. Raises ValueError unless 0 <= levels <= 250. Source:
    Yarotsky, arXiv 1610.01145.

    >>> square_gate(3)([[0.5], [0.75], [1.0]]).ravel().tolist()
    [0.25, 0.5625, 1.0]
    """
    m = as_count(levels, "square_gate", "levels", at_most=MOST_LEVELS)
    return Gate(_sawtooth_chain(m), Fraction(1, 4 ** (m + 1)), Box.cube(1), square_nonzeros(m),
                square_units(m), "x^2 on [0, 1]")


def square_nonzeros(levels: int) -> int:
    """Return 8 m - 3, or 1 for m = 0."""
    return 8 * levels - 3 if levels else 1


def square_units(levels: int) -> int:
    """Return 3 m - 1, or 0 for m = 0."""
    return 3 * levels - 1 if levels else 0


def _sawtooth_chain(m: int) -> Network:
    # Layer s holds p = relu(g), q = relu(g - 1/2) of the tooth g = g_(s-1) in [0, 1], so that g_s = 2 p - 4
    # q, and carries r = x - sum_{i < s} g_i / 4^i >= x^2 >= 0 in one unit. In layer 1 r is x itself, that is
    # p.
    if m == 0:
        return Network.build([([[1.0]], None)])
    maps: list[tuple[list[list[float]], list[float]]] = [([[1.0], [1.0]], [0.0, -0.5])]
    tooth, rest = [2.0, -4.0], [0.5, 1.0]  # r - g_1 / 4 = p - (2 p - 4 q) / 4
    for s in range(2, m + 1):
        maps.append(([tooth, tooth, rest], [0.0, -0.5, 0.0]))
        tooth, rest = [2.0, -4.0, 0.0], [-2.0 * 4.0**-s, 4.0 * 4.0**-s, 1.0]
    return Network.build([*maps, ([rest], [0.0])])
