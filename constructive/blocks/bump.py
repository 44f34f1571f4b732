"""The box bump: 1 on a box, 0 at l1 distance w, with one unit for each face and one more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from constructive._checks import as_number
from constructive.blocks.gate import Gate, nonzero_count, space
from constructive.blocks.ramp import as_width, slope_above
from constructive.domain import Box
from constructive.network import Network


def box_bump(lower: ArrayLike, upper: ArrayLike, width: float) -> Gate:
    """Return ``relu(1 - (1/w) sum_j [relu(lower_j - x_j) + relu(x_j - upper_j)])`` = relu(1 - dist_1(x, box)
    / w).

    Exactly 1 on the box and exactly 0 at l1 distance >= w, in real arithmetic for every w (1/w is rounded
    up); on the box also bit for bit in floating point, in any order of summation. Values in [0, 1], Lipschitz
    constant 1/w in l1. An infinite end has no face and no unit. Error = 1 - 1/(w s) where s is the double
    next above 1/w: 0 for powers of two. Size for F finite ends: depth 3, F + 1 units, nonzeros = 2 F + 2 +
    the number of nonzero finite ends; F = 2 d for a bounded box. Raises ValueError for crossed ends, for a
    box without faces, and for a width that is not positive or whose reciprocal overflows.

    >>> box_bump([0.0, 0.0], [1.0, 1.0], 0.5)([[0.5, 1.0], [1.25, 1.125], [1.25, 1.25]]).ravel().tolist()
    [1.0, 0.25, 0.0]
    """
    box, w = Box(lower, upper), as_width(width, "box_bump")  # type: ignore[arg-type]
    faces = [(j, sign, float(end)) for j in range(box.dimension)
             for sign, end in ((-1.0, box.lower[j]), (1.0, box.upper[j])) if math.isfinite(end)]
    if not faces:
        raise ValueError("box_bump: the box has no finite end, so the bump would be the constant 1; "
                         "pass at least one finite end")
    weight = np.zeros((len(faces), box.dimension))
    for row, (j, sign, _) in enumerate(faces):
        weight[row, j] = sign
    slope = slope_above(Fraction(w))
    network = Network.build([
        (weight, [-sign * end for _, sign, end in faces]),
        ([[-slope] * len(faces)], [1.0]),
        ([[1.0]], None),
    ])
    return Gate(network, 1 - 1 / (Fraction(w) * Fraction(slope)), space(box.dimension),
                2 * len(faces) + 2 + nonzero_count([end for *_, end in faces]), len(faces) + 1,
                f"relu(1 - dist_1(x, box) / {w!r}) for a box with {len(faces)} faces in R^{box.dimension}")


def support_volume(sides: Iterable[Fraction | float], width: Fraction | float) -> Fraction:
    """Return the volume ``sum_k e_{d-k}(sides) (2 w)^k / k!`` on which a box bump is positive, exactly.

    ``e_i``: elementary symmetric polynomial of the d side lengths; for a cube of side 2 r the sum is ``sum_k
    C(d, k) (2 r)^(d-k) (2 w)^k / k!``. Cost d^2 rational operations. Raises ValueError for no sides, a
    negative side or a negative width.

    >>> support_volume([1, 2], Fraction(1, 2))
    Fraction(11, 2)
    """
    lengths = [_exact(side, "sides") for side in sides]
    w = _exact(width, "width")
    if not lengths:
        raise ValueError("support_volume: sides is empty; pass one length for each dimension")
    symmetric = [Fraction(1)]
    for length in lengths:  # multiply the polynomial prod (1 + l t) by one more factor
        kept, shifted = [*symmetric, Fraction(0)], [Fraction(0), *symmetric]
        symmetric = [low + length * high for low, high in zip(kept, shifted, strict=True)]
    d = len(lengths)
    return sum((symmetric[d - k] * (2 * w) ** k / math.factorial(k) for k in range(d + 1)), Fraction(0))


def _exact(value: Fraction | float, name: str) -> Fraction:
    as_number(value, "support_volume", name, at_least=0.0)
    return Fraction(value)
