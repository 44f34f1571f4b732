"""One layer on many boxes, relaxed: what a row of coefficients pays to move back through it, and at which slopes.

Rounding. On a box let ``|h| <= m`` hold for the units that feed a layer. A program of unit roundoff u, in any order of
summation, fused or not, gives ``z = W h + b + e`` with ``|e| <= gamma (|W| m + |b|) + tiny``, gamma = (k + 6) u' /
(1 - (k + 6) u') for k products, u' = u + 4 * 2^-53, and no promise beyond the largest number of the format. Rows
Lambda move back by

    Lambda z >= M h + Lambda b - |Lambda| (|e| + g (|W| m)) - tiny sum(m),   M = Lambda W as computed,

since the product errs by at most g |Lambda| |W| entry by entry, g = (c + 6) 2^-52 for c nonzeros in a column. Where M
is negative the chord ``relu(z) <= s z + t`` has its t rounded up and raised by the rounding of M s, times the largest
``|z|``; where it is positive the line is 0 or z itself, which costs no rounding. Constants met on the way are summed
beside the sum of their absolute values, whose share of rounding is taken off at the end. With e = 0 all of this holds
for the real network at real points, so a bound speaks about the real network and about every program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.linear import program_rounding
from constructive.network import Layer, Network

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

UNIT = 2.0**-53
TINY = 1e-300
UP = 1.0 + 2.0**-20
_SMALL = 1 << 16
_DENSE = 1 << 22
"""Weights up to which a layer is multiplied as a dense matrix: whatever it holds, or if it is not sparse."""


def rounding(terms: int) -> float:
    """Return a bound of our rounding of a sum of products, relative to the computed sum of their absolute values."""
    return (terms + 6) * 2 * UNIT


@dataclass(frozen=True, slots=True, eq=False)
class AffineMap:
    """One affine map with what bounds its rounding: see the module's inequality.

    ``gamma``, ``lost`` (n,) and ``largest`` are the program's; ``column`` is g, for our own products with rows.
    """

    weight: Any
    magnitude: Any
    bias: Array
    gamma: Array
    lost: Array
    largest: float
    column: float

    @staticmethod
    def of(layer: Layer) -> AffineMap:
        """Return the map, dense unless it is large and sparse."""
        weight: Any = layer.weight.astype(np.float64)
        columns = np.bincount(layer.weight.indices, minlength=layer.inputs)
        size = layer.inputs * layer.outputs
        if size <= _SMALL or (size <= _DENSE and layer.weight.nnz > size // 16):
            weight = weight.toarray()
        return AffineMap(weight, abs(weight), layer.bias.astype(np.float64), *program_rounding(layer),
                         rounding(int(columns.max(initial=0))) * UP)

    def apply(self, values: Array) -> Array:
        """Return ``W values`` for values (N, n_in) with a row for each box, (N, n_out)."""
        return np.asarray(values @ self.weight.T)

    def rows(self, units: Rows) -> Array:
        """Return the chosen rows of the weights, dense."""
        chosen = self.weight[units]
        return np.asarray(chosen if isinstance(chosen, np.ndarray) else chosen.toarray())


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """What rows Lambda pay to move back through an affine map: ``|Lambda| toll``, toll (N, n), plus ``lost`` (N,)."""

    affine: AffineMap
    toll: Array
    lost: Array

    def move(self, rows: Array, owner: Rows, sums: Array) -> Array:
        """Return ``rows W`` for rows (R, n), adding the cost to ``sums`` (3, R): constant, absolute terms, debt."""
        absolute = np.abs(rows)
        size = absolute @ np.abs(self.affine.bias)
        sums[0] += rows @ self.affine.bias
        sums[1] += size
        sums[2] += np.einsum("rn,rn->r", absolute, self.toll[owner]) + self.lost[owner] + rounding(rows.shape[1]) * size
        return np.asarray(rows @ self.affine.weight)

    def units(self, units: Rows, sign: Array, owner: Rows) -> tuple[Array, Array]:
        """Return the rows (R, n_in) that make single units, each times its sign, and what they cost, (3, R).

        They are rows of the weights: no product and no rounding but the program's own.
        """
        offset = self.affine.bias[units]
        sums = np.stack([sign * offset, np.abs(offset), self.toll[owner, units] + self.lost[owner]])
        return self.affine.rows(units) * sign[:, None], sums


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines ``floor z <= relu(z) <= chord z + rise`` (N, n) over intervals; ``lost`` (N,) pays for underflow.

    Below, 0 or z, whichever leaves less area; above, the chord, with the rounding of a coefficient times its slope in
    ``rise``. Both are the ReLU itself where its sign is fixed.
    """

    floor: Array
    chord: Array
    rise: Array
    lost: Array

    @staticmethod
    def over(bottom: Array, top: Array) -> Lines:
        """Return the lines for values in [bottom, top]."""
        crossing = (bottom < 0) & (top > 0)
        floor = np.where(crossing, top >= -bottom, bottom >= 0).astype(np.float64)
        with np.errstate(divide="ignore"):
            chord = np.where(crossing, top / (top - bottom), floor)
        chord = np.where(np.isfinite(chord), np.clip(chord, 0.0, 1.0), 1.0)
        # any slope in [0, 1] will do: the constant is what puts the line above both ends, hence above ReLU
        at_bottom = np.where(chord > 0, -chord * bottom, 0.0)
        at_top = np.where(chord < 1, (1 - chord) * top, 0.0)
        size = np.maximum(np.abs(bottom), np.abs(top))
        rise = np.maximum(at_bottom, at_top) * (1 + 8 * UNIT) + 4 * UNIT * chord * size + TINY
        return Lines(floor, chord, np.where(crossing, rise, 0.0), TINY * size.sum(axis=1))

    def replace(self, rows: Array, owner: Rows, sums: Array) -> Array:
        """Return rows (R, n) on the values before ReLU, below the given ones on those after it; adds to ``sums``."""
        below = np.minimum(rows, 0.0)
        shift = np.einsum("rn,rn->r", below, self.rise[owner])
        sums[0] += shift
        sums[1] -= shift
        sums[2] += self.lost[owner] - rounding(rows.shape[1]) * shift
        return below * self.chord[owner] + np.maximum(rows, 0.0) * self.floor[owner]


def forward(affine: AffineMap, low: Array, high: Array) -> tuple[Crossing, Array, Array]:
    """Return what crossing a layer costs whose inputs lie in [low, high], and intervals of its values before ReLU."""
    half = (high - low) / 2
    mean = low + half
    size = np.maximum(np.abs(low), np.abs(high))
    sums = np.asarray(size @ affine.magnitude.T)
    total = sums + np.abs(affine.bias)
    error = np.where(total <= affine.largest, affine.gamma * total * UP + affine.lost, np.inf)
    center = affine.apply(mean) + affine.bias
    # gamma's u' pays for the program, for our two products, and for the rounding of mean and half
    reach = np.asarray(half @ affine.magnitude.T) + error
    reach = reach + 4 * UNIT * (np.abs(center) + reach)
    bottom, top = center - reach, center + reach
    crossing = Crossing(affine, error + affine.column * sums * UP, TINY * size.sum(axis=1))
    return crossing, np.where(np.isnan(bottom), -np.inf, bottom), np.where(np.isnan(top), np.inf, top)


def careful_bounds(network: Network, layer: int, ends: tuple[Array, Array], bottom: Array,
                   top: Array) -> tuple[Array, Array]:
    """Return the bounds cut with those of the interval kernel from the ends of the layer's inputs."""
    from constructive._kernels.intervals import interval_layer
    matrix, bias = network.layers[layer].weight, network.layers[layer].bias
    low, high = (np.ascontiguousarray(end.T) for end in ends)
    low_out, high_out = (np.empty((bias.size, low.shape[1])) for _ in range(2))
    interval_layer(matrix.indptr, matrix.indices, matrix.data, bias, low, high, low_out, high_out, False,
                   network.dtype == np.float32)
    return np.maximum(bottom, low_out.T), np.minimum(top, high_out.T)
