"""Sums of affine functions, each switched on where a gate is open: value and gradient in one pass over the units.

``f(x) = sum_r (<linear_r, x> + offset_r) H(<gate_r, x> + bias_r)`` with H(u) = 1{u >= 0}, or Phi(u / smoothing).

Layout: both matrices come twice. Feature-major, (d, m), to form all affine functions of one point: the inner loop runs
over units, has no reduction and is vectorized. Unit-major, (m, d), to add up the gradient: the inner loop runs over
coordinates, again without a reduction, and shut units are skipped. The value is added unit by unit in their order, so
that neighbors of opposite sign cancel exactly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

HALF_ROOT = math.sqrt(0.5)
PEAK = 1.0 / math.sqrt(2.0 * math.pi)


@kernel
def gated_sums(across: Any, along: Any, bias: Any, offset: Any, points: Any, smoothing: float, values: Any,
               gradients: Any) -> None:
    """Write values (k,), and gradients (k, d) unless that array has no rows; points (k, d).

    across = (gate, linear), each (d, m); along = (gate, linear), each (m, d).
    """
    width, dimension = bias.size, points.shape[1]
    gate_across, linear_across = across
    gate_along, linear_along = along
    gates, terms = np.empty(width), np.empty(width)
    for p in range(points.shape[0]):
        for r in range(width):
            gates[r] = bias[r]
            terms[r] = offset[r]
        for j in range(dimension):
            coordinate = points[p, j]
            gate_row, linear_row = gate_across[j], linear_across[j]
            for r in range(width):
                gates[r] += coordinate * gate_row[r]
                terms[r] += coordinate * linear_row[r]
        total = 0.0
        if gradients.shape[0] > 0:
            for j in range(dimension):
                gradients[p, j] = 0.0
        for r in range(width):
            if smoothing > 0.0:
                reach = gates[r] / smoothing
                opened = 0.5 * math.erfc(-HALF_ROOT * reach)
                slope = PEAK * math.exp(-0.5 * reach * reach) / smoothing * terms[r]
            else:
                opened = 1.0 if gates[r] >= 0.0 else 0.0
                slope = 0.0
            if opened == 0.0 and slope == 0.0:
                continue
            total += opened * terms[r]
            if gradients.shape[0] > 0:
                for j in range(dimension):
                    gradients[p, j] += opened * linear_along[r, j]
                if slope != 0.0:
                    for j in range(dimension):
                        gradients[p, j] += slope * gate_along[r, j]
        values[p] = total
