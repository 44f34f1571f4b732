"""Backward linear bounds: what is asked of the outputs is carried back, layer by layer, to a line at the inputs.

Data flow: boxes -> layer by layer, intervals of every unit, and for the units whose sign they leave open a backward
pass: the row that makes the unit is moved through the layers before it, each ReLU replaced by a line below it where
the row's coefficient is positive and by its chord where it is negative -> an affine function of the inputs that bounds
the unit on the box -> the same for the rows asked of the outputs. Forward forms (:func:`affine_bounds`) use one line
for both sides of a ReLU and add up what they lose; here every row chooses its own sides, and loses less.

Rounding. On a box let ``|h| <= m`` hold for the units that feed a layer. A program of unit roundoff u, in any order of
summation, fused or not, gives ``z = W h + b + e`` with ``|e| <= gamma (|W| m + |b|) + tiny``, gamma = (k + 6) u' /
(1 - (k + 6) u') for k products, u' = u + 4 * 2^-53, and no promise beyond the largest number of the format. Rows
Lambda move back by

    Lambda z >= M h + Lambda b - |Lambda| (|e| + g (|W| m)) - tiny sum(m),   M = Lambda W as computed,

since the product errs by at most g |Lambda| |W| entry by entry, g = (c + 6) 2^-52 for c nonzeros in a column. Where M
is negative the chord ``relu(z) <= s z + t`` has its t rounded up and raised by the rounding of M s, times the largest
``|z|``; where it is positive the line is 0 or z itself, which costs no rounding. The constants met on the way are summed
beside the sum of their absolute values, whose share of rounding is taken off at the end. With e = 0 all of this holds
for the real network at real points, so a bound speaks about the real network and about every program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.certificates.enclosure import cleaned_boxes, interval_bounds
from constructive.network import Layer, Network

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Balls = tuple[Array, float, float]
"""Centers (N, d), radius and norm (1, 2 or infinity) of the balls that cut the boxes."""

_UNIT = 2.0**-53
_TINY = 1e-300
_UP = 1.0 + 2.0**-20
_DENSE = 1 << 22
"""Weights up to which a layer that is not sparse is multiplied as a dense matrix."""
_BOX_NUMBERS = 1 << 20
_ROW_NUMBERS = 1 << 17
"""Numbers in the rows that are moved back together: about what a cache holds."""


def backward_bounds(network: Network, lower: ArrayLike, upper: ArrayLike, rows: ArrayLike | None = None, *,
                    within: Balls | None = None) -> tuple[Array, Array]:
    """Return bounds (low, high), each (N, q), of ``rows_i f(x)`` over N boxes given by finite (N, d) ends.

    ``rows`` (N, q, m) holds q linear combinations of the outputs for each box; without it they are the m outputs
    themselves, and the bounds are at least as tight as :func:`interval_bounds`. ``within`` = (centers (N, d), radius,
    norm) asks only for the points of each box that lie in its closed ball. ``low <= rows_i f(x) <= high`` holds in real
    arithmetic for the real network at real points and for the values that a correctly rounding machine returns at
    points of the network's format, in any order of summation, with no slack; float32 networks included.

    Cost for each box: a product of an (o_k, n_k) with an (n_k, n_j) matrix for all layers j < k, where o_k counts the
    units whose sign intervals leave open, so about depth / 2 times depth evaluations for each open unit; memory is
    bounded by blocks. Layers that are large and sparse are multiplied sparse. Raises ValueError for wrong shapes, NaN,
    crossed or infinite ends.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0], [-1.0]], [0.0, 1.0]), ([[1.0, 1.0]], None)])
    >>> low, high = backward_bounds(f, [[0.25]], [[0.75]])
    >>> bool(high[0, 0] - low[0, 0] < 1e-13)
    True
    """
    who = "backward_bounds"
    low, high = cleaned_boxes(who, network, lower, upper)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(f"{who}: box ends must be finite")
    n, m = low.shape[0], network.outputs
    given = np.broadcast_to(np.eye(m), (n, m, m)) if rows is None else np.asarray(rows, dtype=np.float64)
    if given.ndim != 3 or given.shape[0] != n or given.shape[2] != m or not np.isfinite(given).all():
        raise ValueError(f"{who}: rows must be finite, of shape ({n}, q, {m}), got shape {given.shape}")
    q = given.shape[1]
    both = np.concatenate([given, -given], axis=1)  # an upper bound is minus a lower bound of the negated row
    found = Backward.of(network).bounds(low, high, both, within)
    bottom, top = found.lower[:, :q], -found.lower[:, q:]
    if rows is None:
        plain = interval_bounds(network, low, high)
        return np.maximum(bottom, plain[0]), np.minimum(top, plain[1])
    return bottom, top


@dataclass(frozen=True, slots=True, eq=False)
class LowerBounds:
    """Lower bounds (N, q) of the rows, and the slopes (N, q, d) of the affine functions of the inputs behind them.

    ``bottom``, ``top`` (N, m) bound the outputs. ``slope`` is a hint about where a row is small; a bound may be better
    than the affine function's own.
    """

    lower: Array
    slope: Array
    bottom: Array
    top: Array


@dataclass(frozen=True, slots=True, eq=False)
class Backward:
    """A network made ready for many calls of :meth:`bounds`."""

    network: Network
    maps: tuple[_Map, ...]

    @staticmethod
    def of(network: Network) -> Backward:
        """Return the network with its weights in the form that the passes multiply by."""
        return Backward(network, tuple(_Map.of(layer) for layer in network.layers))

    def bounds(self, low: Array, high: Array, rows: Array, within: Balls | None = None, *,
               careful: bool = False) -> LowerBounds:
        """Return lower bounds of ``rows`` (N, q, m) times the outputs over clean boxes (N, d).

        ``careful`` also propagates intervals as :func:`interval_bounds` does, without any slack where rounding is
        monotone: ten times as slow, needed where an output must be proved equal to one number.
        """
        n, d = low.shape
        widest = sum(layer.outputs for layer in self.network.layers) + d + rows.shape[1] * (d + self.network.outputs)
        block = max(1, min(1024, _BOX_NUMBERS // (8 * widest)))
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes an infinite bound
            parts = [self._block(low[a:a + block], high[a:a + block], rows[a:a + block],
                                 None if within is None else (within[0][a:a + block], *within[1:]), careful)
                     for a in range(0, max(n, 1), block)]  # no box at all still gives arrays of the right shape
        return LowerBounds(*[np.concatenate(column) for column in zip(*parts, strict=True)])

    def _block(self, low: Array, high: Array, rows: Array, within: Balls | None,
               careful: bool) -> tuple[Array, Array, Array, Array]:
        n, q, m = rows.shape
        box = _Inputs(low, high, within)
        stages: list[_Stage] = []
        bottom, top = low, high
        for k, affine in enumerate(self.maps):
            stage, bottom, top = _forward(affine, bottom, top)
            stages.append(stage)
            if careful:
                ends = (low, high) if k == 0 else (np.maximum(stages[-2].bottom, 0.0), np.maximum(stages[-2].top, 0.0))
                bottom, top = _careful(self.network, k, ends, bottom, top)
            if k + 1 < len(self.maps):
                if k > 0 or within is not None:
                    bottom, top = _tightened(stages, box, bottom, top)
                stage.close(bottom, top)
                bottom, top = np.maximum(bottom, 0.0), np.maximum(top, 0.0)
        owner = np.repeat(np.arange(n), q)
        lower, slope = _passed(stages, rows.reshape(n * q, m), owner, box)
        plain = _combined(rows, bottom, top)
        return np.maximum(lower.reshape(n, q), plain), slope.reshape(n, q, low.shape[1]), bottom, top


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    """The boxes (N, d), and the balls that cut them."""

    low: Array
    high: Array
    within: Balls | None

    def least(self, rows: Array, owner: Rows) -> tuple[Array, Array]:
        """Return the least values of ``rows x``, rows (R, d), as computed, and the sums of absolute terms (R,)."""
        low, high = self.low[owner], self.high[owner]
        value = np.where(rows >= 0, rows * low, rows * high).sum(axis=1)
        size = (np.abs(rows) * np.maximum(np.abs(low), np.abs(high))).sum(axis=1)
        if self.within is None:
            return value, size
        centers, radius, norm = self.within
        absolute = np.abs(rows)
        at = (rows * centers[owner]).sum(axis=1)
        reach = {1.0: absolute.max(axis=1), np.inf: absolute.sum(axis=1)}.get(norm)
        if reach is None:  # scaled, so that squares neither overflow nor vanish
            scale = np.maximum(absolute.max(axis=1), _TINY)
            reach = np.sqrt(np.square(absolute / scale[:, None]).sum(axis=1)) * scale
        extent = (absolute * np.abs(centers[owner])).sum(axis=1) + radius * absolute.sum(axis=1)
        return np.fmax(value, at - radius * reach), np.fmax(size, extent)


@dataclass(slots=True, eq=False)
class _Stage:
    """One layer over N boxes: what rows pay to cross its affine map, and the lines that replace its ReLU.

    ``toll`` (N, n) times ``|Lambda|``, ``lost`` (N,) for underflow; ``bottom``, ``top`` (N, n) bound the
    values before ReLU; ``floor``, ``chord`` slopes of the lines below and above, ``rise`` the upper one's constant.
    """

    affine: _Map
    toll: Array
    lost: Array
    bottom: Array
    top: Array
    floor: Array
    chord: Array
    rise: Array

    def close(self, bottom: Array, top: Array) -> None:
        """Enter the final bounds before ReLU, and the lines that they allow."""
        self.bottom, self.top = bottom, top
        self.floor, self.chord, self.rise, size = _lines(bottom, top)
        self.lost = self.lost + _TINY * size.sum(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """One affine map with what bounds its rounding: see the module's inequality."""

    weight: Any
    magnitude: Any
    bias: Array
    gamma: Array
    lost: Array
    largest: float
    column: float

    @staticmethod
    def of(layer: Layer) -> _Map:
        single = layer.weight.dtype == np.float32
        weight: Any = layer.weight.astype(np.float64)
        terms = np.diff(layer.weight.indptr).astype(np.float64)
        relative = (terms + 6) * ((2.0**-24 if single else _UNIT) + 4 * _UNIT)
        gamma = np.where(relative < 0.5, relative / np.maximum(1 - relative, 0.5) * _UP, np.inf)
        columns = np.bincount(layer.weight.indices, minlength=layer.inputs)
        size = layer.inputs * layer.outputs
        if size <= 1 << 16 or (size <= _DENSE and layer.weight.nnz > size // 16):
            weight = weight.toarray()
        return _Map(weight, abs(weight), layer.bias.astype(np.float64), gamma,
                    _TINY + terms * (2.0**-149 if single else 0.0), float(np.finfo(layer.weight.dtype).max) * 0.99,
                    (float(columns.max(initial=0)) + 6) * 2 * _UNIT * _UP)

    def apply(self, values: Array) -> Array:
        """Return ``W values`` for values (N, n_in) with a row for each box, (N, n_out)."""
        return np.asarray(values @ self.weight.T)

    def rows(self, units: Rows, sign: Array) -> Array:
        """Return the chosen rows of the weights, dense, each times its sign."""
        chosen = self.weight[units]
        return np.asarray(chosen if isinstance(chosen, np.ndarray) else chosen.toarray()) * sign[:, None]


def _forward(affine: _Map, low: Array, high: Array) -> tuple[_Stage, Array, Array]:
    """Return the stage of a layer whose inputs lie in [low, high], and intervals of its values before ReLU."""
    half = (high - low) / 2
    mean = low + half
    size = np.maximum(np.abs(low), np.abs(high))
    sums = np.asarray(size @ affine.magnitude.T)
    total = sums + np.abs(affine.bias)
    error = np.where(total <= affine.largest, affine.gamma * total * _UP + affine.lost, np.inf)
    center = affine.apply(mean) + affine.bias
    # gamma's u' pays for the program, for our two products, and for the rounding of mean and half
    reach = np.asarray(half @ affine.magnitude.T) + error
    reach = reach + 4 * _UNIT * (np.abs(center) + reach)
    bottom, top = center - reach, center + reach
    empty = np.zeros((0, 0))
    stage = _Stage(affine, error + affine.column * sums * _UP, _TINY * size.sum(axis=1), empty, empty, empty, empty,
                   empty)
    return stage, np.where(np.isnan(bottom), -np.inf, bottom), np.where(np.isnan(top), np.inf, top)


def _careful(network: Network, layer: int, ends: tuple[Array, Array], bottom: Array,
             top: Array) -> tuple[Array, Array]:
    """Return the bounds cut with those of the interval kernel from the ends of the layer's inputs."""
    from constructive._kernels.intervals import interval_layer
    matrix, bias = network.layers[layer].weight, network.layers[layer].bias
    low, high = (np.ascontiguousarray(end.T) for end in ends)
    low_out, high_out = (np.empty((bias.size, low.shape[1])) for _ in range(2))
    interval_layer(matrix.indptr, matrix.indices, matrix.data, bias, low, high, low_out, high_out, False,
                   network.dtype == np.float32)
    return np.maximum(bottom, low_out.T), np.minimum(top, high_out.T)


def _lines(bottom: Array, top: Array) -> tuple[Array, Array, Array, Array]:
    """Return slopes of the lines below and above ReLU on [bottom, top], the upper constant, and the largest |z|.

    Below, 0 or z, whichever leaves less area; above, the chord. Both are the ReLU itself where its sign is fixed.
    """
    crossing = (bottom < 0) & (top > 0)
    floor = np.where(crossing, top >= -bottom, bottom >= 0).astype(np.float64)
    with np.errstate(divide="ignore"):
        chord = np.where(crossing, top / (top - bottom), floor)
    chord = np.where(np.isfinite(chord), np.clip(chord, 0.0, 1.0), 1.0)
    # any slope in [0, 1] will do: the constant is what makes the line lie above both ends, hence above ReLU
    at_bottom = np.where(chord > 0, -chord * bottom, 0.0)
    at_top = np.where(chord < 1, (1 - chord) * top, 0.0)
    size = np.maximum(np.abs(bottom), np.abs(top))
    rise = np.maximum(at_bottom, at_top) * (1 + 8 * _UNIT) + 4 * _UNIT * chord * size + _TINY
    return floor, chord, np.where(crossing, rise, 0.0), size


def _tightened(stages: list[_Stage], box: _Inputs, bottom: Array, top: Array) -> tuple[Array, Array]:
    """Return the bounds of the last stage's values, tightened by backward passes where their sign is open."""
    stage = stages[-1]
    owners, units = np.nonzero((bottom < 0) & (top > 0))
    bottom, top = bottom.copy(), top.copy()
    for rows in _chunks(owners.size, stages):
        owner, unit = np.tile(owners[rows], 2), np.tile(units[rows], 2)
        sign = np.repeat([1.0, -1.0], owner.size // 2)
        offset = stage.affine.bias[unit]
        # the row of a single unit is a row of the weights: no product, no rounding, only the program's own
        sums = np.stack([sign * offset, np.abs(offset), stage.toll[owner, unit] + stage.lost[owner]])
        found, _ = _descended(stages, stage.affine.rows(unit, sign), sums, owner, box)
        least, most = found[:owner.size // 2], -found[owner.size // 2:]
        at = owners[rows], units[rows]
        bottom[at], top[at] = np.maximum(bottom[at], least), np.minimum(top[at], most)
    return bottom, top


def _passed(stages: list[_Stage], rows: Array, owner: Rows, box: _Inputs) -> tuple[Array, Array]:
    """Return lower bounds (R,) of rows (R, n) times the last stage's values, and slopes (R, d) at the inputs."""
    lower, slope = np.empty(rows.shape[0]), np.empty((rows.shape[0], box.low.shape[1]))
    for part in _chunks(rows.shape[0], stages):
        sums = np.zeros((3, rows[part].shape[0]))
        moved = _crossed(stages[-1], rows[part], owner[part], sums)
        lower[part], slope[part] = _descended(stages, moved, sums, owner[part], box)
    return lower, slope


def _chunks(n: int, stages: Sequence[_Stage]) -> list[slice]:
    """Return slices of range(n) such that the rows that are moved back together fill a cache."""
    widest = max(max(stage.affine.weight.shape) for stage in stages)
    size = max(8, _ROW_NUMBERS // widest)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _crossed(stage: _Stage, rows: Array, owner: Rows, sums: Array) -> Array:
    """Return ``rows W``, adding to the sums (constant, absolute terms, debt) what the affine map costs."""
    absolute = np.abs(rows)
    sums[0] += rows @ stage.affine.bias
    sums[1] += absolute @ np.abs(stage.affine.bias)
    sums[2] += np.einsum("rn,rn->r", absolute, stage.toll[owner]) + stage.lost[owner]
    return np.asarray(rows @ stage.affine.weight)


def _descended(stages: list[_Stage], moved: Array, sums: Array, owner: Rows, box: _Inputs) -> tuple[Array, Array]:
    """Return lower bounds (R,) and slopes (R, d), for rows that stand at the inputs of the last stage."""
    for stage in reversed(stages[:-1]):
        below = np.minimum(moved, 0.0)
        shift = np.einsum("rn,rn->r", below, stage.rise[owner])
        sums[0] += shift
        sums[1] -= shift
        rows = below * stage.chord[owner] + np.maximum(moved, 0.0) * stage.floor[owner]
        moved = _crossed(stage, rows, owner, sums)
    least, size = box.least(moved, owner)
    terms = sum(sum(stage.affine.weight.shape) for stage in stages) + box.low.shape[1]
    slack = ((terms + 16) * 2 * _UNIT * (sums[1] + size) + sums[2]) * _UP + len(stages) * 8 * _TINY
    lower = sums[0] + least - slack
    return np.where(np.isnan(lower), -np.inf, lower), moved


def _combined(rows: Array, bottom: Array, top: Array) -> Array:
    """Return lower bounds (N, q) of the rows (N, q, m) times outputs in [bottom, top]; exact for +-one output."""
    ends = np.where(rows > 0, bottom[:, None, :], np.where(rows < 0, top[:, None, :], 0.0))
    terms = rows * ends
    count = (rows != 0).sum(axis=2)
    exact = (count <= 1) & (np.abs(rows) <= 1).all(axis=2) & (np.rint(rows) == rows).all(axis=2)
    slack = (count + 4) * 2 * _UNIT * np.abs(terms).sum(axis=2) + count * _TINY
    lower = terms.sum(axis=2)
    lower = np.where(exact, lower, lower - slack)
    return np.where(np.isnan(lower), -np.inf, lower)
