"""Groups of grids: thresholds in every coordinate, and which data no threshold comes near.

A *group* is a set of thresholds and the data entered in its table: each of them keeps its whole ball ``ramp`` away from
every threshold, and no ball of another label meets its cell without passing a threshold first. Data flow: lattice ->
groups, by uniform shifts or greedily -> an independent check of what the network will rely on.

With d + 1 uniform grids of pitch p <= separation, each shifted by p / (d + 1), the thresholds of one coordinate are
p / (d + 1) apart, so a ball with ``2 (reach + ramp) <= p / (d + 1)`` is spoiled by at most one grid for each
coordinate: some grid is good for every datum, whatever n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.exact.lattices import Lattice, Whole

_CANDIDATES = 96
"""Thresholds looked at for each coordinate in a greedy step."""

_LOSS = 4.0
"""Conflicts that a threshold must settle for each datum it cuts, which then waits for another group.

Measured, one-sided, 8 uniform coordinates: from 2 to 8 the sizes differ by some per cent; a price that grows with the
number of data ends in many small groups.
"""


_BLOCK = 1 << 21
"""Conflicts counted at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """``thresholds[j]``: increasing integers in coordinate j; ``entered``: rows of the data in this group's table."""

    thresholds: tuple[tuple[int, ...], ...]
    entered: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of thresholds."""
        return sum(map(len, self.thresholds))

    def cells(self, points: Whole) -> Whole:
        """Return in which cell of each coordinate the points (n, d) are: how many thresholds they are beyond."""
        return np.stack([np.searchsorted(np.array(t, np.int64), column, side="left")
                         for t, column in zip(self.thresholds, points.T, strict=True)], axis=1)


def uniform_groups(lattice: Lattice, *, one_sided: bool) -> tuple[list[Group], int]:
    """Return d + 1 shifted grids, less those that no datum needs, and the ramp, the largest power of two that fits.

    Every datum is entered in the first grid that is good for it. The lattice must leave at least two units between 2
    reach and separation / (d + 1): ask for it with ``on_lattice(..., parts=d + 1)``.
    """
    d = lattice.points.shape[1]
    step = lattice.separation // (d + 1)
    room = step // 2 - lattice.reach
    ramp = 1 << (room.bit_length() - 1)
    wanted = lattice.signs > 0 if one_sided else np.ones(lattice.signs.size, bool)
    found, covered = [], np.zeros(wanted.size, bool)
    for shift in range(d + 1):
        thresholds = tuple(_regular(column, lattice.reach, shift * step, step * (d + 1)) for column in lattice.points.T)
        good = wanted & _clear(lattice.points, thresholds, lattice.reach + ramp)
        if (good & ~covered).any():
            found.append(Group(thresholds, np.flatnonzero(good & ~covered)))
            covered |= good
    return found, ramp


def _regular(column: Whole, reach: int, shift: int, pitch: int) -> tuple[int, ...]:
    """Return the thresholds shift + pitch Z that some ball of the column could lie beyond, others before."""
    low, high = int(column.min()) - reach, int(column.max()) + reach
    first = shift - ((shift - low) // pitch) * pitch
    return tuple(range(first, high + 1, pitch))


def _clear(points: Whole, thresholds: Sequence[Sequence[int]], room: int) -> NDArray[np.bool_]:
    """Return which points are at least so far from every threshold in every coordinate."""
    clear = np.ones(points.shape[0], bool)
    for column, values in zip(points.T, thresholds, strict=True):
        if len(values):
            ends = np.array(values, np.int64)
            place = np.searchsorted(ends, column)
            below = column - ends[np.maximum(place - 1, 0)]
            above = ends[np.minimum(place, ends.size - 1)] - column
            clear &= ((place == 0) | (below >= room)) & ((place == ends.size) | (above >= room))
    return clear


def adaptive_groups(lattice: Lattice, ramp: int, *, one_sided: bool) -> Iterator[Group]:
    """Yield groups until every datum (one-sided: of the upper class) is entered in one of them.

    Greedy: the threshold that takes the most conflicting balls out of the cells of the data still there, less what
    it costs to cut data; where none gains, the data without a conflict left are entered, or one datum with faces of
    its own. It always ends, for every ``ramp <= separation - 2 reach``.
    """
    left = lattice.signs > 0 if one_sided else np.ones(lattice.signs.size, bool)
    while left.any():
        group = _Greedy(lattice, ramp, np.flatnonzero(left)).group()
        left[group.entered] = False
        yield group


class _Greedy:
    """One group in the making: rows kept, their open conflicts as pairs, the thresholds so far.

    ``place`` and ``rival`` hold, for each pair, the place of the datum among the rows and the number of the ball that
    still meets its cell. A threshold halves them, roughly, so that the first few steps take most of the time.
    """

    def __init__(self, lattice: Lattice, ramp: int, rows: NDArray[np.int64]) -> None:
        self.lattice, self.room = lattice, lattice.reach + ramp
        self.rows = rows
        conflicts = np.not_equal.outer(lattice.signs[rows], lattice.signs)
        self.place, self.rival = (part.astype(np.int32) for part in np.nonzero(conflicts))
        self.thresholds: list[list[int]] = [[] for _ in range(lattice.points.shape[1])]

    def group(self) -> Group:
        while self.place.size:
            best = max((self._best(j) for j in range(len(self.thresholds))), key=lambda found: found[0])
            if best[0] <= 0:
                return self._settled()
            self._set(best[1], best[2])
        return self._made(self.rows)

    def _made(self, rows: NDArray[np.int64]) -> Group:
        return Group(tuple(tuple(sorted(values)) for values in self.thresholds), rows)

    def _settled(self) -> Group:
        """Return what can be entered where no threshold gains any more."""
        done = np.bincount(self.place, minlength=self.rows.size) == 0
        if done.any():
            return self._made(self.rows[done])
        return self._alone(int(self.rows[0]))

    def _alone(self, row: int) -> Group:
        """Return the group of one datum, with as few of its own faces as a greedy choice needs."""
        points, reach = self.lattice.points, self.lattice.reach
        rivals = points[self.lattice.signs != self.lattice.signs[row]]
        beyond = np.concatenate([rivals - reach >= points[row] + self.room, rivals + reach <= points[row] - self.room],
                                axis=1)
        values: list[list[int]] = [[] for _ in range(points.shape[1])]
        left = np.ones(rivals.shape[0], bool)
        while left.any():
            face = int(beyond[left].sum(axis=0).argmax())
            j, up = face % points.shape[1], face < points.shape[1]
            values[j].append(int(points[row, j]) + (self.room if up else -self.room))
            left &= ~beyond[:, face]
        return Group(tuple(tuple(sorted(v)) for v in values), np.array([row]))

    def _best(self, j: int) -> tuple[float, int, int]:
        """Return the best gain less loss in coordinate j, with (j, threshold)."""
        mine, balls = self.lattice.points[self.rows, j], self.lattice.points[:, j]
        ends = self._candidates(mine, balls)
        if not ends.size:
            return 0.0, j, 0
        reach, changes = self.lattice.reach, np.zeros(ends.size + 1)
        sides = [np.searchsorted(ends, mine + self.room), np.searchsorted(ends, balls - reach, side="right"),
                 np.searchsorted(ends, balls + reach), np.searchsorted(ends, mine - self.room, side="right")]
        own_first, ball_last, ball_first, own_last = (side.astype(np.int16) for side in sides)
        for start in range(0, self.place.size, _BLOCK):
            place, rival = self.place[start:start + _BLOCK], self.rival[start:start + _BLOCK]
            # a pair is told apart by the thresholds from one end to the other, whichever of the two comes first
            for first, last in ((own_first[place], ball_last[rival]), (ball_first[rival], own_last[place])):
                apart = first < last
                changes += np.bincount(first[apart], minlength=changes.size)
                changes -= np.bincount(last[apart], minlength=changes.size)
        row = np.sort(mine)
        cut = np.searchsorted(row, ends + self.room) - np.searchsorted(row, ends - self.room, side="right")
        score = np.cumsum(changes)[:-1] - _LOSS * cut
        k = int(score.argmax())
        return float(score[k]), j, int(ends[k])

    def _candidates(self, mine: Whole, balls: Whole) -> Whole:
        """Return lower ends of the intervals on which gain and loss are constant, thinned out evenly."""
        ends = np.unique(np.concatenate([mine + self.room, balls + self.lattice.reach]))
        ends = ends[ends < balls.max()]
        return ends[np.linspace(0, ends.size - 1, _CANDIDATES).astype(int)] if ends.size > _CANDIDATES else ends

    def _set(self, j: int, t: int) -> None:
        """Add a threshold: drop the data it cuts and the conflicts it settles."""
        self.thresholds[j].append(t)
        mine, balls, reach = self.lattice.points[self.rows, j], self.lattice.points[:, j], self.lattice.reach
        keep = np.abs(mine - t) >= self.room
        before, behind = keep & (mine < t), keep & (mine > t)
        settled = (before[self.place] & (balls - reach >= t)[self.rival]) | (
            behind[self.place] & (balls + reach <= t)[self.rival])
        still = keep[self.place] & ~settled
        number = np.cumsum(keep, dtype=np.int32) - 1
        self.rows, self.place, self.rival = self.rows[keep], number[self.place[still]], self.rival[still]


def broken_rules(lattice: Lattice, ramp: int, groups: Sequence[Group], *, one_sided: bool) -> list[str]:
    """Return one sentence for every rule that the groups break; the network is right if there is none.

    (i) Every threshold is at least reach + ramp from every entered datum. (ii) For every entered datum and every datum
    of another label some coordinate has the other's whole box beyond an end of the cell. (iii) Every datum
    (one-sided: of the upper class, and only those) is entered. All in integers, whoever made the groups.
    """
    points, signs, found = lattice.points, lattice.signs, []
    covered = np.zeros(signs.size, bool)
    for g, group in enumerate(groups):
        covered[group.entered] = True
        if not _clear(points[group.entered], group.thresholds, lattice.reach + ramp).all():
            found.append(f"group {g}: a threshold is nearer than reach + ramp to an entered datum")
        if one_sided and (signs[group.entered] < 0).any():
            found.append(f"group {g}: a datum of the lower class is entered")
        cells = group.cells(points[group.entered])
        for sign in (1, -1):
            rivals = points[signs == -sign]
            for cell in np.unique(cells[signs[group.entered] == sign], axis=0):
                lower, upper = _ends(group.thresholds, cell)
                out = (rivals - lattice.reach >= upper) | (rivals + lattice.reach <= lower)
                if not out.any(axis=1).all():
                    found.append(f"group {g}: a ball of another label meets the cell {cell.tolist()}")
    if not covered[(signs > 0) | (not one_sided)].all():
        found.append("a datum is in no group")
    return found


def _ends(thresholds: Sequence[Sequence[int]], cell: Whole) -> tuple[Whole, Whole]:
    """Return the ends (d,), (d,) of a cell, beyond all data where there is none."""
    far = 1 << 62
    lower = [values[c - 1] if c > 0 else -far for values, c in zip(thresholds, cell.tolist(), strict=True)]
    upper = [values[c] if c < len(values) else far for values, c in zip(thresholds, cell.tolist(), strict=True)]
    return np.array(lower, np.int64), np.array(upper, np.int64)
