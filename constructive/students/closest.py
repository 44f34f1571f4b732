"""Closest conflicting rows among many: which search to run, on rows in which order, from which first bound.

Data flow: the answer for a sample bounds the answer for all -> a pilot on random pairs tells which coordinates
separate conflicting rows at that distance -> columns of a grid over these, or tiles where no coordinate does ->
blocks of them are searched in threads, each with its own record -> the pairs that may be closest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_FEW = 1024
"""So many rows go into tiles without a pilot."""
_RATIO = 6
"""A sample holds every sixth row."""
_PILOT = 8192
"""Random pairs, and rows, that the pilot looks at."""
_FULL = 12
"""A column of the grid holds at least so many rows on average: below, walking over columns costs more than pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The smallest rounded distance, and the pairs that may be closest: some decided, some near ties.

    decided: (distance, rounding error, i, k), the best of each block; near: (rounded distance, i, k).
    """

    limit: float
    decided: list[tuple[float, float, int, int]]
    near: list[tuple[float, int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Which pairs of boxes [lower, upper] (n, d) count, and how: see :func:`constructive._kernels.pairs.consider`.

    ``groups`` (n,) label numbers; ``different``: only pairs of different labels count. ``rounded``: the rounded
    distance decides; otherwise lower is upper, and near ties are kept for an exact decision. ``scale``: a power of
    two that all coordinates are multiplied by. ``names`` (n,): what rows are called where ties go to the smallest
    pair; their numbers without it.
    """

    lower: Array
    upper: Array
    groups: Rows
    p: float
    different: bool
    rounded: bool
    scale: float = 1.0
    names: Rows | None = None

    @property
    def size(self) -> int:
        """The number of rows."""
        return int(self.lower.shape[0])

    @property
    def slack(self) -> float:
        """Covers twice the rounding error of a distance, 8 (d + 4) units in the last place; differences have none."""
        exact = self.p == math.inf and not self.rounded
        return 1.0 if exact else 1.0 + 8 * 2.0**-53 * (self.lower.shape[1] + 4)

    def reach(self, limit: float) -> float:
        """What no coordinate of a pair within the limit exceeds, before scaling."""
        return (math.sqrt(limit) * (1 + 2.0**-50) if self.p == 2.0 else limit) / self.scale

    def sample(self) -> Search:
        """Return the same search on every sixth row: its answer bounds the whole one."""
        rows = spread_rows(self.size, self.size // _RATIO)
        lower = self.lower[rows]
        upper = lower if self.lower is self.upper else self.upper[rows]
        return replace(self, lower=lower, upper=upper, groups=self.groups[rows], names=None)

    def gaps(self, i: Rows, k: Rows) -> Array:
        """Return the coordinate gaps (m, d) of the pairs, 0 where the boxes overlap."""
        if self.lower is self.upper:
            return np.abs(self.lower[i] - self.lower[k])
        apart = np.maximum(self.lower[k] - self.upper[i], self.lower[i] - self.upper[k])
        return np.maximum(apart, 0.0)

    def run(self) -> Found:
        """Return the smallest distance and the pairs that may attain it."""
        limit = self.bound()
        if self.size <= _FEW or limit == math.inf:
            return self.in_tiles(limit, np.argsort(-np.ptp(self.lower, axis=0), kind="stable"))
        pilot = Pilot.of(self, limit)
        return self.in_columns(limit, pilot) if pilot.pays else self.in_tiles(limit, pilot.by_selectivity)

    def bound(self) -> float:
        """Return a distance that some conflicting pair does not exceed, infinite only where there is none."""
        limit = self.sample().run().limit if self.size > 2 * _FEW else math.inf
        if limit == math.inf:
            limit = self.bound_of_neighbors()
        return limit * (1.0 + 8 * 2.0**-53 * (self.lower.shape[1] + 4))  # sums in another order

    def bound_of_neighbors(self) -> float:
        """Return the smallest distance of conflicting neighbors in the orders along the most spread coordinates."""
        best = math.inf
        for axis in np.argsort(-np.ptp(self.lower, axis=0), kind="stable")[:4]:
            order = sorted_rows(self.lower[:, axis])
            i, k = order[:-1], order[1:]
            if self.different:
                conflict = self.groups[i] != self.groups[k]
                i, k = i[conflict], k[conflict]
            if i.size == 0:
                return math.inf  # one label: any order shows it
            gaps = self.gaps(i, k) * self.scale
            if self.p == math.inf:
                distances = gaps.max(axis=1)
            else:
                distances = (gaps if self.p == 1.0 else gaps * gaps).sum(axis=1)
            best = min(best, float(distances.min()))
        return best

    def in_columns(self, limit: float, pilot: Pilot) -> Found:
        """Return what a search within the limit finds among neighboring columns of the pilot's grid."""
        from constructive._kernels import in_blocks
        from constructive._kernels.grid import column_boxes, column_numbers, column_order, label_runs, search_columns
        shape = np.array([borders.size + 1 for borders in pilot.borders], np.int64)
        ends = np.concatenate([[0], np.cumsum(shape - 1)]).astype(np.int64)
        borders, axes = np.concatenate([*pilot.borders, []]), np.array(pilot.axes, np.int64)
        columns, cells = np.empty(self.size, np.int64), int(np.prod(shape))
        in_blocks(self.size, 1 << 15, lambda i, k: column_numbers(self.lower, axes, borders, ends, i, k, columns))
        order = sorted_rows(self.lower[:, pilot.sweep])
        within, starts = column_order(columns[order], cells)
        order = order[within]
        rest = [j for j in pilot.by_selectivity.tolist() if j != pilot.sweep and j not in pilot.axes]
        lower, upper = self._arranged(order, np.array([pilot.sweep, *rest, *pilot.axes]))
        labels, names = self.groups[order], self._named(order)
        following, only = label_runs(labels, starts)
        offsets = np.array(list(itertools.product((-1, 0, 1), repeat=shape.size)), np.int64)
        offsets = offsets[offsets.shape[0] // 2:]  # lexicographically >= 0
        low, high = column_boxes(lower, upper, starts, shape.size)
        width = float((upper[:, 0] - lower[:, 0]).max())

        def work(first: int, last: int, record: Any) -> None:
            search_columns(lower, upper, labels, names, starts, following, only, shape, offsets, low, high,
                           self.p, self.different, self.rounded, self.slack, width, first, last, record)

        return _in_records(cells, min(64, self.size // 4096), limit, self.slack, work)

    def in_tiles(self, limit: float, coordinates: Rows) -> Found:
        """Return what a search within the limit finds among pairs of tiles, coordinates summed in the given order."""
        from constructive._kernels.grid import TILE, search_tiles, tile_order, tile_tree
        order, starts = np.arange(self.size), np.array([0, self.size])
        if self.different and (int(self.groups.max()) + 1) * TILE <= self.size:
            order = np.argsort(self.groups, kind="stable")
            starts = np.searchsorted(self.groups[order], np.arange(int(self.groups.max()) + 2))
        for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            tile_order(self.lower, order, start, stop)
        lower, upper = self._arranged(order, coordinates)
        labels, names = self.groups[order], self._named(order)
        tree = tile_tree(lower, upper, labels)
        exact = self.p == math.inf and not self.rounded and _exact_differences(lower)

        def work(first: int, last: int, record: Any) -> None:
            search_tiles(lower, upper, labels, names, tree, self.p, self.different, self.rounded, exact,
                         self.slack, first, last, record)

        return _in_records(-(-self.size // TILE), min(64, self.size // 512), limit, self.slack, work)

    def _named(self, order: Rows) -> Rows:
        return order if self.names is None else self.names[order]

    def _arranged(self, order: Rows, columns: Rows) -> tuple[Array, Array]:
        from constructive._kernels import in_blocks
        from constructive._kernels.grid import arrange

        def arranged(data: Array) -> Array:
            out = np.empty_like(data)
            in_blocks(order.size, max(4096, order.size // 8),
                      lambda start, stop: arrange(data, order, columns, self.scale, start, stop, out))
            return out

        lower = arranged(self.lower)
        return lower, lower if self.lower is self.upper else arranged(self.upper)


def spread_rows(n: int, m: int, start: int = 0) -> Rows:
    """Return m of n rows, spread evenly by steps near the golden section: they decide speed, never the answer."""
    step = max(1, round(n * 0.6180339887498949))
    while math.gcd(step, n) != 1:
        step += 1
    return (start + np.arange(m, dtype=np.int64) * step) % n


def sorted_rows(values: Array) -> Rows:
    """Return the stable order; numpy's other one is several times faster and the same where no two are equal."""
    order: Rows = np.argsort(values)
    there = values[order]
    return order if (there[1:] > there[:-1]).all() else np.argsort(values, kind="stable")


def _exact_differences(points: Array) -> bool:
    """Return whether no difference of coordinates is rounded, as all are multiples of 2^-52 of a power of two above."""
    units = np.ldexp(points, 52 - math.frexp(float(np.abs(points).max()))[1])
    return bool((units == np.rint(units)).all())


@dataclass(frozen=True, slots=True, eq=False)
class Pilot:
    """What random conflicting pairs tell about a search within a limit.

    ``by_selectivity``: the coordinates, those first that keep the fewest pairs within reach. ``sweep``: the one to
    sort columns by; ``axes``, ``borders``: those of the grid and the borders of their slabs. ``pays``: whether the
    columns leave few enough pairs.
    """

    by_selectivity: Rows
    sweep: int
    axes: list[int]
    borders: list[Array]
    pays: bool

    @staticmethod
    def of(search: Search, limit: float) -> Pilot:
        """Return what some hundred conflicting pairs of the search tell: axes, borders, whether a grid pays."""
        from constructive._kernels.grid import slab_borders
        n = search.size
        i, k = spread_rows(n, _PILOT), spread_rows(n, _PILOT, n // 3)[::-1]
        keep = (search.groups[i] != search.groups[k]) if search.different else i != k
        i, k = i[keep], k[keep]
        if i.size < 64:
            i, k = spread_rows(n, _PILOT), spread_rows(n, _PILOT, n // 3)[::-1]
        reach = search.reach(limit)
        near = search.gaps(i, k) <= reach
        ranking = np.argsort(near.mean(axis=0), kind="stable")
        sweep = int(ranking[0])
        alive, pairs = near[:, sweep], near[:, sweep].mean() * n
        axes: list[int] = []
        borders: list[Array] = []
        room = n / _FULL
        for axis in ranking[1:].tolist():
            if pairs < 2 or room < 4 or len(axes) == 4:
                break
            width = float((search.upper[:, axis] - search.lower[:, axis]).max())
            values = np.sort(search.lower[spread_rows(n, _PILOT), axis])
            found = slab_borders(values, math.ceil(values.size / room), (reach + width) * (1 + 2.0**-40))
            if found.size < 3:
                continue
            adjacent = np.abs(np.searchsorted(found, search.lower[i, axis], side="right")
                              - np.searchsorted(found, search.lower[k, axis], side="right")) <= 1
            many = np.count_nonzero(alive) >= 256
            pairs *= adjacent[alive].mean() if many else adjacent.mean()
            alive = alive & adjacent
            axes.append(axis)
            borders.append(found)
            room /= found.size + 1
        pays = bool(24 * pairs < n or limit == 0.0)
        return Pilot(ranking, sweep, axes, borders, pays)


def _in_records(count: int, blocks: int, limit: float, slack: float, work: Callable[[int, int, Any], None]) -> Found:
    """Run ``work(first, last, record)`` over blocks in threads, each with a record of its own, and join them.

    A block starts from the limit that the others have reached; a stale one only costs time, and since each block
    still reports what equals the limit, the choice among equals does not depend on the threads.
    """
    from constructive._kernels import in_blocks
    from constructive._kernels.pairs import new_record
    decided: list[tuple[float, float, int, int]] = []
    near: list[tuple[float, int, int]] = []
    shared = [limit]

    def run(first: int, last: int) -> None:
        capacity, full = 64, True
        while full:
            record = new_record(shared[0], capacity)
            work(first, last, record)
            values, pair, ties, distances = record
            full, capacity = bool(pair[2] < 0), 16 * capacity
        shared[0] = min(shared[0], float(values[0]))
        if pair[0] >= 0:
            decided.append((float(values[1]), float(values[2]), int(pair[0]), int(pair[1])))
        near.extend((float(distances[c]), int(ties[c, 0]), int(ties[c, 1])) for c in range(int(pair[2])))

    in_blocks(count, max(1, count // max(1, blocks)), run)
    best = min([d for d, *_ in decided] + [d for d, *_ in near], default=math.inf)
    return Found(best, decided, [tie for tie in near if tie[0] <= best * slack])
