"""The product by polarization, three square gates, as in the published constructions: for comparison."""

from __future__ import annotations

from fractions import Fraction

from constructive._checks import as_count
from constructive.blocks.gate import Gate
from constructive.blocks.product import as_power_of_two
from constructive.blocks.square import MOST_LEVELS, square_gate
from constructive.calculus import affine, parallel
from constructive.domain import Box
from constructive.network import Network


def polarization_gate(levels: int, magnitude: float = 1.0) -> Gate:
    """Return ``2 M^2 (f(|x+y| / 2M) - f(|x| / 2M) - f(|y| / 2M))``, f the square gate: x y on [-M, M]^2.

    From x y = ((x + y)^2 - x^2 - y^2) / 2. Sup error = 4 M^2 4^-(m+1) for m = levels: each square errs by e
    in [0, 4^-(m+1)], so the product errs by 2 M^2 (e_1 - e_2 - e_3) >= -4 M^2 4^-(m+1), attained at x = y = M
    2^-m where the last two squares err most and the first not at all. The zero survives, P(0, y) = 0, since
    all three squares share one scale. :func:`~constructive.blocks.product.product_gate` has a quarter of the
    error and two thirds of the size. Size: depth m + 2, 9 m + 3 units and 24 m + 5 nonzeros for m >= 1; 6 and
    14 for m = 0. Here |P| <= M min(|x|, |y|) is false. Raises as ``product_gate``. Source: Yarotsky, arXiv
    1610.01145.

    >>> polarization_gate(2)([[0.0, 0.5], [0.5, 0.5]]).ravel().tolist()
    [0.0, 0.25]
    """
    m = as_count(levels, "polarization_gate", "levels", at_most=MOST_LEVELS)
    scale = as_power_of_two(magnitude, "polarization_gate")
    square, half, front = square_gate(m).network, 0.5 / scale, 2.0 * scale**2
    signs = affine([[half, half], [-half, -half], [half, 0.0], [-half, 0.0], [0.0, half], [0.0, -half]])
    folded = affine([[1.0, 1.0, 0.0, 0.0, 0.0, 0.0],
                     [0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
                     [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]])
    magnitudes = Network((*signs.layers, *folded.layers))
    network = affine([[front, -front, -front]]) @ parallel(square, square, square) @ magnitudes
    return Gate(network, 4 * Fraction(scale) ** 2 / 4 ** (m + 1), Box.cube(2, -scale, scale),
                24 * m + 5 if m else 14, 9 * m + 3 if m else 6, f"x y on [-{scale!r}, {scale!r}]^2")
