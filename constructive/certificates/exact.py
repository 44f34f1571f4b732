"""Exact arithmetic on the real network: interval propagation in scaled integers, pieces in one dimension.

Weights and box ends are binary fractions, so every bound is an integer times a power of two; integers are
faster than rationals by an order of magnitude. These are statements about the *real* network (its stored
weights, no rounding while running); :mod:`constructive.certificates.enclosure` speaks about the program.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from constructive.network import Layer, Network


def scaled_integers(values: Iterable[float]) -> tuple[list[int], int]:
    """Return integers and the least common shift k >= 0 with ``value = integer / 2^k``, exactly.

    >>> scaled_integers([0.5, -0.75, 3.0])
    ([2, -3, 12], 2)
    """
    ratios = [float(v).as_integer_ratio() for v in values]
    shift = max((den.bit_length() - 1 for _, den in ratios), default=0)
    return [num << (shift - den.bit_length() + 1) for num, den in ratios], shift


@dataclass(frozen=True, slots=True, eq=False)
class _IntegerLayer:
    rows: list[list[tuple[int, int]]]  # (column, weight * 2^shift) for each row
    bias: list[int]
    shift: int
    bias_shift: int

    @staticmethod
    def of(layer: Layer) -> _IntegerLayer:
        weights, shift = scaled_integers(layer.weight.data)
        bias, bias_shift = scaled_integers(layer.bias)
        pairs = list(zip(layer.weight.indices.tolist(), weights, strict=True))
        starts = layer.weight.indptr.tolist()
        rows = [pairs[a:b] for a, b in zip(starts, starts[1:], strict=False)]
        return _IntegerLayer(rows, bias, shift, bias_shift)


def exact_interval_bounds(
    network: Network, lower: ArrayLike, upper: ArrayLike
) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """Return exact interval-propagation bounds of the real network: two lists [N][m] of Fractions.

    ``low <= f(x) <= high`` for every real x of the box; ends are the exact result of interval arithmetic, not
    of the range. Cost: Python integers, about 0.3 microseconds for each nonzero and box end. Ends must be
    finite; raises ValueError otherwise.

    >>> from constructive.calculus import affine
    >>> low, high = exact_interval_bounds(affine([[1.0, -2.0]]), [[0.0, 0.0]], [[1.0, 0.25]])
    >>> (low[0][0], high[0][0])
    (Fraction(-1, 2), Fraction(1, 1))
    """
    low = np.atleast_2d(np.asarray(lower, dtype=np.float64))
    high = np.atleast_2d(np.asarray(upper, dtype=np.float64))
    if low.shape != high.shape or low.shape[1] != network.inputs or not (low <= high).all():
        raise ValueError(f"exact_interval_bounds: needs ends of shape (N, {network.inputs}) with lower <= upper, "
                         f"got {low.shape} and {high.shape}")
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("exact_interval_bounds: box ends must be finite")
    layers = [_IntegerLayer.of(layer) for layer in network.layers]
    lows, highs = [], []
    for a, b in zip(low, high, strict=True):
        ends, shift = scaled_integers([*a, *b])
        bottoms, tops, shift = _propagate(layers, ends[: a.size], ends[a.size:], shift)
        lows.append([Fraction(v, 1 << shift) for v in bottoms])
        highs.append([Fraction(v, 1 << shift) for v in tops])
    return lows, highs


def _propagate(layers: list[_IntegerLayer], low: list[int], high: list[int],
               shift: int) -> tuple[list[int], list[int], int]:
    for k, layer in enumerate(layers):
        after = max(shift + layer.shift, layer.bias_shift)
        scale = after - shift - layer.shift
        next_low, next_high = [], []
        for row, bias in zip(layer.rows, layer.bias, strict=True):
            bottom = top = 0
            for column, weight in row:
                a, b = low[column], high[column]
                if weight > 0:
                    bottom += weight * a
                    top += weight * b
                else:
                    bottom += weight * b
                    top += weight * a
            offset = bias << (after - layer.bias_shift)
            next_low.append((bottom << scale) + offset)
            next_high.append((top << scale) + offset)
        if k + 1 < len(layers):
            next_low, next_high = [max(v, 0) for v in next_low], [max(v, 0) for v in next_high]
        low, high, shift = next_low, next_high, after
    return low, high, shift


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """A network of one input on [knots[0], knots[-1]], exactly: linear between knots, values[i] at knots[i]."""

    knots: tuple[Fraction, ...]
    values: tuple[tuple[Fraction, ...], ...]


def piecewise_1d(network: Network, lower: Fraction | float, upper: Fraction | float,
                 limit: int = 100_000) -> Pieces:
    """Return the exact pieces of a one-input network on [lower, upper]; knots in increasing order.

    Every kink of every hidden unit is a knot, so the output is affine between neighbors. Raises ValueError if
    the network has more inputs, if ``lower >= upper``, or if more than ``limit`` knots appear.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    >>> [float(k) for k in piecewise_1d(f, -1, 2).knots]
    [-1.0, 0.0, 2.0]
    """
    if network.inputs != 1:
        raise ValueError(f"piecewise_1d: the network has {network.inputs} inputs, needs 1")
    a, b = Fraction(lower), Fraction(upper)
    if a >= b:
        raise ValueError(f"piecewise_1d: needs lower < upper, got {lower!r} and {upper!r}")
    knots, values = [a, b], [[a], [b]]
    for k, layer in enumerate(network.layers):
        rows = _fractions(layer)
        values = [_image(rows, v) for v in values]
        if k + 1 < network.depth:
            knots, values = _kinks(knots, values, limit)
            values = [[max(v, Fraction(0)) for v in column] for column in values]
    return Pieces(tuple(knots), tuple(tuple(v) for v in values))


def _fractions(layer: Layer) -> list[tuple[list[tuple[int, Fraction]], Fraction]]:
    matrix: Any = layer.weight
    rows = []
    for row in range(layer.outputs):
        span = slice(matrix.indptr[row], matrix.indptr[row + 1])
        pairs = [(int(j), Fraction(float(w)))
                 for j, w in zip(matrix.indices[span], matrix.data[span], strict=True)]
        rows.append((pairs, Fraction(float(layer.bias[row]))))
    return rows


def _image(rows: list[tuple[list[tuple[int, Fraction]], Fraction]], values: list[Fraction]) -> list[Fraction]:
    return [sum((w * values[j] for j, w in pairs if values[j]), bias) for pairs, bias in rows]


def _kinks(knots: list[Fraction], values: list[list[Fraction]],
           limit: int) -> tuple[list[Fraction], list[list[Fraction]]]:
    """Insert a knot wherever a unit changes sign strictly inside a piece."""
    out_knots, out_values = [knots[0]], [values[0]]
    for left, right, at_left, at_right in zip(knots, knots[1:], values, values[1:], strict=False):
        crossings = {u / (u - v) for u, v in zip(at_left, at_right, strict=True) if (u < 0 < v) or (v < 0 < u)}
        for t in sorted(crossings):
            out_knots.append(left + t * (right - left))
            out_values.append([u + t * (v - u) for u, v in zip(at_left, at_right, strict=True)])
        out_knots.append(right)
        out_values.append(at_right)
        if len(out_knots) > limit:
            raise ValueError(f"piecewise_1d: more than limit={limit} knots; raise the limit or cut the domain")
    return out_knots, out_values
