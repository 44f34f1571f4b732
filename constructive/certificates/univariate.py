"""Functions of one real number inside a network, tabulated once: piecewise linear curves with a proved slack.

A unit that reads a single number z, directly or through other such units, is a piecewise linear function of z. A
:class:`Part` holds an interval of z with knots and, for all units of one layer, values at the knots. Their chords are
near the units: units of one *group* read the same sum p up to a power of two and a bias, and

    unit_i(z) = relu(factor_i (p(z) + nu(z)) + bias_i) + rest_i(z),   |nu| <= noise_group,  |rest_i| <= slack_i,

for every real z of the interval and the p that makes the ReLU of the sum the chord. An affine map multiplies noise by
the largest slope of the row as a function of p: a tooth 2 relu(g) - 4 relu(g - 1/2) doubles the error of g, and does
not multiply it by 6. A ReLU moves a chord that changes sign between two knots: from ends p < 0 < q it leaves a
deviation of |p| q / (|p| + q), so knots are put at zeros; a knot at the wrong place, or a missing one, costs slack and
nothing else. Units that vanish on a part take no room there: a thousand local bumps are as cheap as a few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
Places = NDArray[np.int64]

_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-40
_TINY = 1e-300
_NUMBERS, _FEWEST, _MOST = 1 << 16, 64, 8192
"""Values of a part beyond which it is cut, so that units which vanish on a piece are dropped there; knots at least and
at most."""

MOST_KNOTS = 1 << 20
"""Knots for each number z; beyond, zeros are no longer sought and the slack says what that costs."""


def normal_row(data: Array) -> tuple[Array, float]:
    """Return the row divided by a power of two with its first entry's sign, and that factor; exactly."""
    scale = math.copysign(2.0 ** math.frexp(float(data[0]))[1], float(data[0])) if data.size else 1.0
    normal = data / scale
    return (normal, scale) if bool((normal * scale == data).all()) else (data, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """An affine map between units that all read one number: ``weight`` (rows, units) and what bounds its errors.

    Dense where that is small. ``bias`` may be known up to ``doubt`` only. Row i is ``factor_i`` times the first row of
    its ``group``. ``slopes`` (rows, groups of the units before): the largest slope of the row as a function of what a
    group of units reads.
    """

    weight: Array | sparse.csr_array
    size: Array | sparse.csr_array
    slopes: sparse.csr_array
    bias: Array
    doubt: Array
    terms: Array
    group: Places
    factor: Array

    @staticmethod
    def of(weight: sparse.csr_array, bias: Array, doubt: Array, before: Affine | None) -> Affine:
        """Return the map of a sparse weight in doubles; ``before``: the map below, None if that is exact."""
        groups: dict[tuple[bytes, bytes], tuple[int, float]] = {}
        members = []
        for a, b in zip(weight.indptr[:-1].tolist(), weight.indptr[1:].tolist(), strict=True):
            normal, scale = normal_row(weight.data[a:b])
            number, first = groups.setdefault((weight.indices[a:b].tobytes(), normal.tobytes()), (len(groups), scale))
            members.append((number, scale / first))
        matrix = weight.toarray() if weight.shape[0] * weight.shape[1] <= 4096 else weight
        return Affine(matrix, abs(matrix), _slopes(weight, before), bias, doubt,
                      np.diff(weight.indptr).astype(np.float64), np.array([number for number, _ in members]),
                      np.array([factor for _, factor in members]))


def _slopes(weight: sparse.csr_array, before: Affine | None) -> sparse.csr_array:
    """Return the largest slope of ``sum of w_i relu(factor_i p + bias_i)`` over the units of each group, as p varies.

    From left to right every unit adds ``w_i |factor_i|`` to the slope at its threshold; at the far left the units with
    negative factors are on.
    """
    if before is None:
        return sparse.csr_array((weight.shape[0], 1))
    order = np.lexsort((-before.bias / before.factor, before.group))  # factors are powers of two: thresholds are exact
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    row = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
    along = np.lexsort((place[weight.indices], row))
    row, unit, data = row[along], weight.indices[along], weight.data[along]
    if row.size == 0:
        return sparse.csr_array((weight.shape[0], int(before.group.max()) + 1))
    group, factor = before.group[unit], before.factor[unit]
    starts = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(group, prepend=-1) != 0))
    lengths = np.diff(np.append(starts, row.size))
    left = np.add.reduceat(np.where(factor < 0, data * factor, 0.0), starts)
    added = np.cumsum(data * np.abs(factor))
    shift = np.repeat(left - (added[starts] - (data * np.abs(factor))[starts]), lengths)
    largest = np.maximum(np.maximum.reduceat(np.abs(added + shift), starts), np.abs(left))
    rounding = 8 * row.size * _UNIT * np.abs(data * factor).sum()
    return sparse.csr_array((largest * _UP + rounding, (row[starts], group[starts])),
                            shape=(weight.shape[0], int(before.group.max()) + 1))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """An interval with knots (g,) and the units of one layer on it.

    ``values`` (a, g) of the units ``alive`` (a,); the chords of all others are 0. ``slack`` (units,), ``noise``
    (groups,) and ``error`` (units,), a bound on |unit - chord| in all.
    """

    knots: Array
    alive: Places
    values: Array
    slack: Array
    noise: Array
    error: Array

    @staticmethod
    def identity(low: float, high: float) -> Part:
        """Return the part on [low, high] with the single unit z itself."""
        knots = np.array([low, high])
        return Part(knots, np.zeros(1, np.int64), knots[None, :].copy(), np.zeros(1), np.zeros(1), np.zeros(1))

    def image(self, step: Affine, *, rectified: bool = False) -> Part:
        """Return the part of the affine map's values; ``rectified``: for a ReLU only, which needs less of them."""
        tops = np.zeros(self.slack.size)
        tops[self.alive] = np.abs(self.values).max(axis=1, initial=0.0)
        reach = step.size @ tops + np.abs(step.bias)
        weight = step.weight[:, self.alive] if self.alive.size < self.slack.size else step.weight
        rows = np.flatnonzero(reach > 0)
        if rows.size < reach.size:
            weight = weight[rows]
        values = weight @ self.values + step.bias[rows, None]
        if rectified:  # v = w x + b errs by a share of |v| + 2 |b|; where v <= 0 the first part cannot make it positive
            below = rows[(values.max(axis=1) <= 0) & (step.terms[rows] <= 1)]
            reach[below] = np.minimum(reach[below], 2 * np.abs(step.bias[below]))
        # a sum of k products and a bias in any order; rows of a group share the other errors up to their factors
        slack = (step.doubt + (step.terms + 6) * 2 * _UNIT * reach) * _UP + _TINY
        each = (step.slopes @ self.noise + step.size @ self.slack) / np.abs(step.factor) * _UP
        noise = np.zeros(int(step.group.max()) + 1)
        np.maximum.at(noise, step.group, each)
        return Part(self.knots, rows, values, slack, noise,
                    (slack + np.abs(step.factor) * noise[step.group]) * _UP)

    def line(self, factors: Array, bias: Array, doubt: Array) -> Part:
        """Return the part of ``factor z + bias`` for an identity part and powers of two as factors.

        ``factor z`` is exact, and so is what its sum with the bias loses.
        """
        scaled = factors[:, None] * self.knots
        values = scaled + bias[:, None]
        back = values - scaled
        lost = np.abs((scaled - (values - back)) + (bias[:, None] - back)).max(axis=1)
        tiny = ((np.abs(scaled) < _TINY) & (self.knots != 0)).any(axis=1)  # not exact below the normal numbers
        slack = np.where((lost + doubt > 0) | tiny, (lost + doubt) * _UP + _TINY, 0.0)
        # a number that is 0 or less after rounding is 0 or less
        slack[(values <= 0).all(axis=1) & (doubt == 0) & ~tiny] = 0.0
        return Part(self.knots, np.arange(factors.size), values, slack, np.zeros(1), slack)

    def relu(self, room: int) -> list[Part]:
        """Return the parts after a ReLU on every unit, knots put at zeros while ``room`` lasts."""
        top, slack, error = self.values.max(axis=1), self.slack.copy(), self.error.copy()
        # a chord <= 0: the unit is at most what its error lets across
        gone, shows = self.alive[top <= 0], top > 0
        error[gone] = np.maximum(error[gone] + top[~shows], 0.0)
        slack[gone] = np.minimum(slack[gone], error[gone])
        alive, values = self.alive[shows], self.values[shows]
        turns = np.flatnonzero(values.min(axis=1) < 0)
        knots, values, moved = with_zeros(self.knots, values, turns, error[alive], room)
        if turns.size:
            moved[turns] += _gaps(values[turns, :-1], values[turns, 1:]).max(axis=1, initial=0.0)
        slack[alive], error[alive] = (slack[alive] + moved) * _UP, (error[alive] + moved) * _UP
        return Part(knots, alive, np.maximum(values, 0.0), slack, self.noise, error).pieces()

    def split(self) -> list[Part]:
        """Return the part in pieces with few zeros each: thousands of units with a zero are not held at once."""
        turns = np.flatnonzero((self.values.min(axis=1) < 0) & (self.values.max(axis=1) > 0))
        if turns.size * self.alive.size <= 4 * _NUMBERS:
            return [self]
        found = np.unique(zeros(self.knots, self.values[turns], self.error[self.alive[turns]]))
        each = max(_FEWEST, _NUMBERS // self.alive.size)
        knots, values, moved = _with_knots(self.knots, self.values, found[each::each], MOST_KNOTS)
        slack, error = self.slack.copy(), self.error.copy()
        slack[self.alive], error[self.alive] = (slack[self.alive] + moved) * _UP, (error[self.alive] + moved) * _UP
        ends = [0, *np.flatnonzero(~np.isin(knots, self.knots)).tolist(), knots.size - 1]
        return [Part(knots[a:b + 1], self.alive, values[:, a:b + 1], slack, self.noise, error)
                for a, b in zip(ends, ends[1:], strict=False)]

    def pieces(self, rows: int = 1) -> list[Part]:
        """Return the part cut into pieces fit for that many rows, without the units that vanish on them."""
        fit = min(max(_NUMBERS // max(rows, self.alive.size, 1), _FEWEST), _MOST)
        count = max(1, -(-(self.knots.size - 1) // fit))
        if count == 1 and rows > 1:  # nothing has changed since it was made
            return [self]
        ends = np.linspace(0, self.knots.size - 1, count + 1).astype(int)
        return [self._piece(a, b + 1) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]

    def _piece(self, start: int, stop: int) -> Part:
        values = self.values[:, start:stop]
        top = np.abs(values).max(axis=1, initial=0.0)
        kept = top > 4 * self.error[self.alive]
        small, lost = self.alive[~kept], top[~kept]
        slack, error = self.slack.copy(), self.error.copy()
        slack[small], error[small] = (slack[small] + lost) * _UP, (error[small] + lost) * _UP
        return Part(self.knots[start:stop], self.alive[kept], values[kept], slack, self.noise, error)


def _gaps(left: Array, right: Array) -> Array:
    """Return |p q| / (|p| + |q|) where signs differ, else 0: what the ReLU of a chord departs from the new chord."""
    p, q = np.abs(left), np.abs(right)
    crossing = ((left < 0) & (right > 0)) | ((left > 0) & (right < 0))
    out = np.zeros(p.shape)
    np.divide(np.minimum(p, q), 1 + np.minimum(p, q) / np.maximum(np.maximum(p, q), _TINY), out=out, where=crossing)
    return out


def zeros(knots: Array, values: Array, slack: Array) -> Array:
    """Return where chords cross zero, as far as knots there would help; in any order.

    Only a hint: what is proved about a part does not depend on it.
    """
    left, right = values[:, :-1], values[:, 1:]
    worth = _gaps(left, right) > np.maximum(8 * slack, 2.0**-46 * np.abs(values).max(axis=1, initial=0.0))[:, None]
    rows, spots = np.nonzero(worth)
    share = left[rows, spots] / (left[rows, spots] - right[rows, spots])
    found: Array = knots[spots] + (knots[spots + 1] - knots[spots]) * share
    return found


def with_zeros(knots: Array, values: Array, turns: Places, slack: Array, room: int) -> tuple[Array, Array, Array]:
    """Return knots with zeros of the chords ``turns`` added, all values there, and how far each chord has moved."""
    found = zeros(knots, values[turns], slack[turns]) if turns.size else np.zeros(0)
    return _with_knots(knots, values, found, room)


def _with_knots(knots: Array, values: Array, found: Array, room: int) -> tuple[Array, Array, Array]:
    """Return the knots with others added, values there, and how far each chord has moved."""
    found = np.unique(found[(found > knots[0]) & (found < knots[-1])])
    if found.size:
        spot = np.searchsorted(knots, found)
        near = 8 * _UNIT * np.abs(found)
        apart = (found - knots[spot - 1] > near) & (knots[spot] - found > near)
        apart[1:] &= np.diff(found) > near[1:]
        found = found[apart]
    if found.size == 0 or found.size > room:
        return knots, values, np.zeros(values.shape[0])
    spot = np.searchsorted(knots, found)
    share = (found - knots[spot - 1]) / (knots[spot] - knots[spot - 1])
    left, right = values[:, spot - 1], values[:, spot]
    between = left + (right - left) * share
    return (np.insert(knots, spot, found), np.insert(values, spot, between, axis=1),
            16 * _UNIT * np.abs(values).max(axis=1, initial=0.0))
