"""Gradients of a network on boxes, as intervals read from its weights, and what they say about slopes.

Data flow: box -> which hidden units are surely on, surely off, or open -> intervals for the gradient, from the outputs
backward, an open unit passing on anything between nothing and all -> the smallest and the largest dual norm that the
intervals allow. Where a few open units matter, every choice of their signs is looked at by itself.

Almost every point of the box has its gradient in the intervals: the largest norm bounds every slope on the box, and
the smallest is reached or exceeded somewhere. A box that is a single point serves too, because the signs that are sure
at a point stay so near it.

Rounding: a sum of k products errs by at most 2 (k + 8) u sum |w| |a|, unless all of it lies on a grid of at most 52
bits, where nothing is rounded. All bounds are about the real network: real weights as stored, real inputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.network import Layer, Network

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]

_UNIT = 2.0**-53
_TINY = 1e-300
_BLOCK_NUMBERS = 1 << 20
_FEW = 4
"""Open units up to which every choice of signs is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """``x -> W x + b`` on intervals, W split by sign; ``grid``: all weights are multiples of it (0: never mind)."""

    positive: Any
    negative: Any
    bias: Array
    terms: Array
    grid: float

    @staticmethod
    def of(matrix: Any, bias: Array, exact: bool) -> _Map:
        positive, negative = matrix.maximum(0).tocsr(), matrix.minimum(0).tocsr()
        terms = np.diff(matrix.indptr)[:, None].astype(np.float64)
        values = np.concatenate([matrix.data, bias])[:, None]
        return _Map(positive, negative, bias[:, None], terms, float(_grid(values)[0]) if exact else 0.0)

    def image(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Return bounds (n_out, N) of the map where the inputs are in [low, high], (n_in, N) each."""
        n = low.shape[1]
        columns = np.concatenate([low, high, np.abs(low), np.abs(high)], axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            up, down = self.positive @ columns, self.negative @ columns
            least, most = up[:, :n] + down[:, n:2 * n] + self.bias, up[:, n:2 * n] + down[:, :n] + self.bias
            below = up[:, 2 * n:3 * n] - down[:, 3 * n:] + np.abs(self.bias)
            above = up[:, 3 * n:] - down[:, 2 * n:3 * n] + np.abs(self.bias)
            # products lie on the product of two grids, biases on that of the weights
            grid = self.grid * np.minimum(1.0, _grid(columns[:, :2 * n]).reshape(2, n).min(axis=0)) \
                if self.grid else np.zeros(n)
            least, most = least - self._error(below, grid), most + self._error(above, grid)
        return np.where(np.isnan(least), -np.inf, least), np.where(np.isnan(most), np.inf, most)

    def _error(self, sizes: Array, grid: Array) -> Array:
        return np.where(sizes <= 2.0**52 * grid, 0.0, 2 * (self.terms + 8) * _UNIT * sizes + _TINY)


def _grid(values: Array) -> Array:
    """Return for each column the largest power of two of which all entries are multiples; infinite for zeros alone."""
    finite = np.where(np.isfinite(values), values, 0.5)
    fraction, exponent = np.frexp(finite)
    digits = np.abs(fraction * 2.0**53).astype(np.int64)
    lowest = np.ldexp((digits & -digits).astype(np.float64), exponent - 53)
    lowest = np.where(exponent < -900, 0.0, lowest)  # so small that products may underflow: no grid
    return np.asarray(np.where(digits == 0, np.inf, lowest).min(axis=0, initial=np.inf))


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Bounds of slopes: maps forward and backward, the output rows, the free coordinates, the norm of inputs.

    ``wall_axis``, ``wall_at`` (units,): where a first-layer unit that reads one coordinate changes sign; axis -1 for
    the others.
    """

    forward: tuple[_Map, ...]
    backward: tuple[_Map, ...]
    last: Array
    free: Flags
    norm: float
    wall_axis: Numbers
    wall_at: Array
    block: int

    @staticmethod
    def of(network: Network, norm: float, free: Flags) -> Slopes:
        """Return what is needed for a float64 network and the coordinates (d,) in which its inputs may move."""
        values = np.concatenate([part for layer in network.layers for part in (layer.weight.data, layer.bias)])
        # weights of many digits round anyway: then the search for a grid is saved
        exact = bool(_grid(values[:, None])[0] > 2.0**-40 * max(1.0, float(np.abs(values).max())))
        hidden = network.layers[:-1]
        backward = [_Map.of(layer.weight.T.tocsr(), np.zeros(layer.inputs), exact) for layer in hidden]
        axis, at = _walls(network.layers[0], free)
        widest = max(network.inputs, *(layer.outputs for layer in network.layers))
        return Slopes(tuple(_Map.of(layer.weight, layer.bias, exact) for layer in hidden), tuple(backward),
                       network.layers[-1].weight.toarray(), free, norm, axis, at,
                       max(1, min(1024, _BLOCK_NUMBERS // (4 * widest))))

    def least(self, points: Array) -> Array:
        """Return for each point (n, d) a slope that is reached or exceeded near it."""
        out = [self._norms(*self._signs(part.T, part.T, near=True))[0] for part in self._blocks(points)]
        return np.concatenate([*out, np.empty(0)])

    def bounds(self, low: Array, high: Array) -> tuple[Array, Array, Numbers, Array]:
        """Return for boxes (N, d): bounds (N,), (N,) of some and of all slopes, the axis to cut (-1: none) and where.

        The first is a lower bound of the constant on the box, the second an upper bound.
        """
        parts = [self._one_block(a, b) for a, b in zip(self._blocks(low), self._blocks(high), strict=True)]
        least, most, axis, at = (np.concatenate(column) for column in zip(*parts, strict=True))
        return least, most, axis, at

    def _blocks(self, rows: Array) -> list[Array]:
        return [rows[a:a + self.block] for a in range(0, rows.shape[0], self.block)]

    def _one_block(self, low: Array, high: Array) -> tuple[Array, Array, Numbers, Array]:
        if not self.forward:
            n, found = low.shape[0], self._norms([], [])
            return np.full(n, found[0]), np.full(n, found[1]), np.full(n, -1), np.zeros(n)
        on, off = self._signs(low.T, high.T, near=False)
        influence = [np.zeros(flags.shape) for flags in on]
        least, most, reach = self._norms(on, off, influence)
        matters = [(size > 0) & ~(a | b) for size, a, b in zip(influence, on, off, strict=True)]
        count = sum((flags.sum(axis=0) for flags in matters), np.zeros(low.shape[0], int))
        for k in range(1, _FEW + 1):
            rows = np.flatnonzero(count == k)
            if rows.size:
                mine = [[flags[:, rows] for flags in part] for part in (on, off, matters)]
                fewer = self._choices(mine[0], mine[1], mine[2], k)
                least[rows], most[rows] = np.maximum(least[rows], fewer[0]), np.minimum(most[rows], fewer[1])
        axis, at = self._place(low, high, reach, influence[0] * matters[0])
        return least, most, axis, at

    def _signs(self, low: Array, high: Array, near: bool) -> tuple[list[Flags], list[Flags]]:
        """Return for each hidden layer which units (units, N) are surely on, and surely off, on each box.

        ``near``: on some neighborhood of it too, so that 0 decides nothing.
        """
        on, off = [], []
        for each in self.forward:
            low, high = each.image(low, high)
            off.append(high < 0 if near else high <= 0)
            on.append(low > 0 if near else (low >= 0) & ~off[-1])
            low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
        return on, off

    def _norms(self, on: list[Flags], off: list[Flags],
               influence: list[Array] | None = None) -> tuple[Array, Array, Array]:
        """Return the smallest and the largest dual norm, of the steepest output, and each |partial| (d, N) at most.

        The largest |derivative| by each hidden unit is written into ``influence``.
        """
        n = on[0].shape[1] if on else 1  # a single affine map has one gradient
        least, most, reach = np.zeros(n), np.zeros(n), np.zeros((self.free.size, n))
        for row in self.last:
            low = high = np.repeat(row[:, None], n, axis=1)
            for k in range(len(on) - 1, -1, -1):
                if influence is not None:
                    influence[k] = np.maximum(influence[k], np.maximum(np.abs(low), np.abs(high)))
                low = np.where(on[k], low, np.where(off[k], 0.0, np.minimum(low, 0.0)))
                high = np.where(on[k], high, np.where(off[k], 0.0, np.maximum(high, 0.0)))
                low, high = self.backward[k].image(low, high)
            low, high = np.where(self.free[:, None], low, 0.0), np.where(self.free[:, None], high, 0.0)
            sizes = np.maximum(np.abs(low), np.abs(high))
            least = np.maximum(least, _dual_norm(np.maximum(np.maximum(low, -high), 0.0), self.norm)[0])
            most = np.maximum(most, _dual_norm(sizes, self.norm)[1])
            reach = np.maximum(reach, sizes)
        return least, most, reach

    def _choices(self, on: list[Flags], off: list[Flags], matters: list[Flags], k: int) -> tuple[Array, Array]:
        """Return the smallest and the largest slope over all signs of the k open units that matter on each box."""
        ranks, before = [], np.zeros(matters[0].shape[1], int)
        for flags in matters:
            ranks.append(before + np.cumsum(flags, axis=0) - flags)
            before = before + flags.sum(axis=0)
        found = []
        for pattern in range(2**k):
            chosen = [(pattern >> rank) & 1 == 1 for rank in ranks]
            found.append(self._norms([a | (m & c) for a, m, c in zip(on, matters, chosen, strict=True)],
                                     [b | (m & ~c) for b, m, c in zip(off, matters, chosen, strict=True)])[:2])
        return np.min([pair[0] for pair in found], axis=0), np.max([pair[1] for pair in found], axis=0)

    def _place(self, low: Array, high: Array, reach: Array, first: Array) -> tuple[Numbers, Array]:
        """Return where to cut each box: at the wall that matters most and lies well inside, or in the middle."""
        n = low.shape[0]
        axis, at = np.full(n, -1, np.int64), np.zeros(n)
        every = np.arange(n)
        if self.free.any():
            with np.errstate(invalid="ignore", over="ignore"):
                weight = (high - low).T * np.minimum(reach, 1e300)
            axis = np.where(np.isnan(weight), 0.0, weight).argmax(axis=0)
            at = _middle(low[every, axis], high[every, axis])
        walls = np.flatnonzero(self.wall_axis >= 0)
        if walls.size:
            place, column = self.wall_at[walls][:, None], self.wall_axis[walls]
            a, b = low[:, column].T, high[:, column].T
            with np.errstate(invalid="ignore", over="ignore"):
                share = np.minimum(place - a, b - place) / (b - a)
            share = np.where(np.isnan(share), 0.5, np.maximum(share, 2.0**-20))
            score = np.where((a < place) & (place < b), first[walls] * share, 0.0)
            best = score.argmax(axis=0)
            hit = score[best, every] > 0
            axis, at = np.where(hit, column[best], axis), np.where(hit, place[best, 0], at)
        inner = (low[every, axis] < at) & (at < high[every, axis])
        return np.where(inner, axis, -1), at


def _walls(first: Layer, free: Flags) -> tuple[Numbers, Array]:
    """Return the coordinate and the place where first-layer units that read one coordinate change sign."""
    axis, at = np.full(first.outputs, -1, np.int64), np.zeros(first.outputs)
    single = np.flatnonzero(np.diff(first.weight.indptr) == 1)
    entry = first.weight.indptr[single]
    axis[single] = first.weight.indices[entry]
    with np.errstate(over="ignore"):
        at[single] = -first.bias[single] / first.weight.data[entry]
    axis[single[~free[axis[single]] | ~np.isfinite(at[single])]] = -1
    return axis, at


def _middle(low: Array, high: Array) -> Array:
    """Return the middle of intervals; of half-lines a point that moves outward by doubling, of the line 0."""
    with np.errstate(invalid="ignore", over="ignore"):
        middle = low + (high - low) / 2
        return np.where(np.isfinite(middle), middle, np.where(np.isfinite(low), np.maximum(2 * low, low + 1), np.where(
            np.isfinite(high), np.minimum(2 * high, high - 1), 0.0)))


def _dual_norm(sizes: Array, norm: float) -> tuple[Array, Array]:
    """Return bounds of the dual norm of each column of nonnegative numbers (d, N): sum, Euclidean, or largest."""
    d = sizes.shape[0]
    if norm == 1.0:
        largest = sizes.max(axis=0)
        return largest, largest
    grid = _grid(sizes)
    with np.errstate(over="ignore", invalid="ignore"):
        if norm == math.inf:
            total = sizes.sum(axis=0)
            slack = np.where(total <= 2.0**52 * grid, 0.0, 2 * (d + 2) * _UNIT * total)
        else:
            square = (sizes * sizes).sum(axis=0)
            total = np.sqrt(square)
            plain = (square <= 2.0**52 * grid * grid) & (total * total == square)
            plain &= total <= 2.0**26 * _grid(total[None])  # then that product was not rounded
            slack = np.where(plain, 0.0, 2 * (d + 4) * _UNIT * total + 1e-150)
        below, above = np.maximum(total - slack, 0.0), total + slack
    return np.where(np.isnan(below), 0.0, below), np.where(np.isnan(above), np.inf, above)
