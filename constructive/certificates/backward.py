"""Backward linear bounds: what is asked of the outputs is carried back, layer by layer, to a line at the inputs.

Data flow: boxes -> layer by layer, intervals of every unit, and for the units whose sign they leave open a backward
pass: the row that makes the unit is moved through the layers before it, each ReLU replaced by a line below it where
the row's coefficient is positive and by its chord where it is negative -> an affine function of the inputs that bounds
the unit on the box -> the same for the rows asked of the outputs. Forward forms (:func:`affine_bounds`) use one line
for both sides of a ReLU and add up what they lose; here every row chooses its own sides, and loses less.

What rounding costs, and why none of it is forgotten, is said in :mod:`constructive.certificates.relaxed`: the bounds
hold for the real network at real points, and for every program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.certificates.enclosure import cleaned_boxes, interval_bounds
from constructive.certificates.relaxed import (
    TINY,
    UP,
    AffineMap,
    Crossing,
    Lines,
    careful_bounds,
    forward,
    rounding,
)
from constructive.network import Network

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Balls = tuple[Array, float, float]
"""Centers (N, d), radius and norm (1, 2 or infinity) of the balls that cut the boxes."""

_Stage = tuple[Crossing, Lines]
_BOX_NUMBERS = 1 << 20
_ROW_NUMBERS = 1 << 17
"""Numbers in the rows that are moved back together: about what a cache holds."""


def backward_bounds(network: Network, lower: ArrayLike, upper: ArrayLike, rows: ArrayLike | None = None, *,
                    within: Balls | None = None, careful: bool = False) -> tuple[Array, Array]:
    """Return bounds (low, high), each (N, q), of ``rows_i f(x)`` over N boxes given by finite (N, d) ends.

    ``rows`` (N, q, m) holds q linear combinations of the outputs for each box; without it they are the m outputs
    themselves. ``within`` = (centers (N, d), radius, norm) asks only for the points of each box that lie in its closed
    ball. ``low <= rows_i f(x) <= high`` holds in real arithmetic for the real network at real points and for the values
    that a correctly rounding machine returns at points of the network's format, in any order of summation, with no
    slack; float32 networks included. ``careful`` also propagates intervals as :func:`interval_bounds` does: without
    ``rows`` the result is then at least as tight as those, but, like those, it speaks about programs alone.

    Cost for each box: the network on intervals, and for every unit whose sign they leave open two rows moved back
    through all layers before it, as many products as these layers have weights for each row. Large sparse layers are
    multiplied sparse; memory is bounded by blocks. Raises ValueError for wrong shapes, NaN, crossed or infinite ends.

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
    found = Backward.of(network).bounds(low, high, both, within, careful=careful)
    bottom, top = found.lower[:, :q], -found.lower[:, q:]
    if rows is None and careful:
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
    maps: tuple[AffineMap, ...]

    @staticmethod
    def of(network: Network) -> Backward:
        """Return the network with its weights in the form that the passes multiply by."""
        return Backward(network, tuple(AffineMap.of(layer) for layer in network.layers))

    def bounds(self, low: Array, high: Array, rows: Array, within: Balls | None = None, *,
               careful: bool = False) -> LowerBounds:
        """Return lower bounds of ``rows`` (N, q, m) times the outputs over clean boxes (N, d).

        ``careful`` also propagates intervals as :func:`interval_bounds` does, without any slack where rounding is
        monotone: ten times as slow, about programs alone, and needed to prove that an output equals one number.
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
            ends = (bottom, top)
            crossing, bottom, top = forward(affine, *ends)
            if careful:
                bottom, top = careful_bounds(self.network, k, ends, bottom, top)
            if k + 1 < len(self.maps):
                if k > 0 or within is not None:
                    bottom, top = _tightened(stages, crossing, box, bottom, top)
                stages.append((crossing, Lines.over(bottom, top)))
                bottom, top = np.maximum(bottom, 0.0), np.maximum(top, 0.0)
        owner = np.repeat(np.arange(n), q)
        lower, slope = _passed(stages, crossing, rows.reshape(n * q, m), owner, box)
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
            scale = np.maximum(absolute.max(axis=1), TINY)
            reach = np.sqrt(np.square(absolute / scale[:, None]).sum(axis=1)) * scale
        extent = (absolute * np.abs(centers[owner])).sum(axis=1) + radius * absolute.sum(axis=1)
        return np.fmax(value, at - radius * reach), np.fmax(size, extent)


def _tightened(stages: Sequence[_Stage], crossing: Crossing, box: _Inputs, bottom: Array,
               top: Array) -> tuple[Array, Array]:
    """Return the bounds of a layer's values, tightened by backward passes where they leave the sign open."""
    owners, units = np.nonzero((bottom < 0) & (top > 0))
    bottom, top = bottom.copy(), top.copy()
    for part in _chunks(owners.size, stages, crossing):
        owner, unit = np.tile(owners[part], 2), np.tile(units[part], 2)
        half = owner.size // 2
        moved, sums = crossing.units(unit, np.repeat([1.0, -1.0], half), owner)
        found, _ = _descended(stages, moved, sums, owner, box)
        at = owners[part], units[part]
        bottom[at], top[at] = np.maximum(bottom[at], found[:half]), np.minimum(top[at], -found[half:])
    return bottom, top


def _passed(stages: Sequence[_Stage], crossing: Crossing, rows: Array, owner: Rows,
            box: _Inputs) -> tuple[Array, Array]:
    """Return lower bounds (R,) of rows (R, n) times a layer's values, and slopes (R, d) at the inputs."""
    lower, slope = np.empty(rows.shape[0]), np.empty((rows.shape[0], box.low.shape[1]))
    for part in _chunks(rows.shape[0], stages, crossing):
        sums = np.zeros((3, rows[part].shape[0]))
        moved = crossing.move(rows[part], owner[part], sums)
        lower[part], slope[part] = _descended(stages, moved, sums, owner[part], box)
    return lower, slope


def _chunks(n: int, stages: Sequence[_Stage], crossing: Crossing) -> list[slice]:
    """Return slices of range(n) such that the rows that are moved back together fill a cache."""
    widest = max(max(passed.affine.weight.shape) for passed in (*(stage[0] for stage in stages), crossing))
    size = max(8, _ROW_NUMBERS // widest)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _descended(stages: Sequence[_Stage], rows: Array, sums: Array, owner: Rows, box: _Inputs) -> tuple[Array, Array]:
    """Return lower bounds (R,) and slopes (R, d) of rows (R, n) on what the last stage's ReLUs return."""
    for crossing, lines in reversed(stages):
        rows = crossing.move(lines.replace(rows, owner, sums), owner, sums)
    least, size = box.least(rows, owner)
    # the sums of each stage have paid for themselves; left are additions from stage to stage, and the inputs' sums
    slack = rounding(4 * len(stages) + 4) * (sums[1] + size) + rounding(2 * rows.shape[1]) * size + sums[2]
    slack = slack * UP + (len(stages) + 1) * 8 * TINY
    lower = sums[0] + least - slack
    return np.where(np.isnan(lower), -np.inf, lower), rows


def _combined(rows: Array, bottom: Array, top: Array) -> Array:
    """Return lower bounds (N, q) of the rows (N, q, m) times outputs in [bottom, top]; exact for +-one output."""
    ends = np.where(rows > 0, bottom[:, None, :], np.where(rows < 0, top[:, None, :], 0.0))
    terms = rows * ends
    count = (rows != 0).sum(axis=2)
    exact = (count <= 1) & (np.abs(rows) <= 1).all(axis=2) & (np.rint(rows) == rows).all(axis=2)
    slack = rounding(rows.shape[2]) * np.abs(terms).sum(axis=2) + count * TINY
    lower = terms.sum(axis=2)
    lower = np.where(exact, lower, lower - slack)
    return np.where(np.isnan(lower), -np.inf, lower)
