"""The box indicator as published: a trapezoid for each coordinate, and a threshold on their sum."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from constructive.blocks.gate import Gate, nonzero_count, space
from constructive.blocks.ramp import as_width
from constructive.blocks.trapezoid import trapezoid_gate
from constructive.domain import Box
from constructive.network import Network


def published_indicator(lower: ArrayLike, upper: ArrayLike, width: float) -> Gate:
    """Return ``relu(sum_j T_j(x_j) - (d - 1))``, T_j the trapezoid of [lower_j, upper_j] with ramps of width
    w.

    1 on the box, 0 where the l1 distance to the box is at least w; in fact ``relu(1 - dist_1(x, box) / w)``
    everywhere, the same function as :func:`~constructive.blocks.bump.box_bump` with almost twice its units.
    Error <= the sum of the trapezoids' rounding errors; 0 where w is a power of two and every lower_j - w and
    upper_j + w is a double. Size: depth 3, 4 d + 1 units, nonzeros = 8 d + 1 + [d > 1] + the number of
    nonzeros among the 4 d thresholds. In floating point it is 1 on the box only up to rounding, and interval
    propagation does not return a point there. Raises ValueError for crossed or infinite ends, and for a bad
    width. Source: Shi, Liu, Cao, Suykens, arXiv 2401.13624.

    >>> gate = published_indicator([0.0, 0.0], [1.0, 1.0], 0.5)
    >>> gate([[0.5, 1.0], [1.25, 1.125], [1.25, 1.25]]).ravel().tolist()
    [1.0, 0.25, 0.0]
    """
    box, w = Box(lower, upper), as_width(width, "published_indicator")  # type: ignore[arg-type]
    if not (np.isfinite(box.lower).all() and np.isfinite(box.upper).all()):
        raise ValueError("published_indicator: the box must be bounded; use box_bump to leave faces out")
    d = box.dimension
    gates = [trapezoid_gate(a, b, w) for a, b in zip(box.lower.tolist(), box.upper.tolist(), strict=True)]
    first, second = zip(*[gate.network.layers for gate in gates], strict=True)
    biases = np.concatenate([layer.bias for layer in first])
    network = Network.build([
        (sparse.block_diag([layer.weight for layer in first]), biases),
        (sparse.hstack([layer.weight for layer in second]), [1.0 - d]),
        ([[1.0]], None),
    ])
    return Gate(network, sum((gate.error for gate in gates), Fraction(0)), space(d),
                8 * d + 1 + (d > 1) + nonzero_count(biases.tolist()), 4 * d + 1,
                f"relu(1 - dist_1(x, box) / {w!r}) for a box in {d} dimensions")
