"""Branch and bound over the inputs: is the network right on the whole closed ball round each point?

Data flow: balls -> the boxes round them -> backward linear bounds of the margins on all open boxes of all points at
once -> boxes where every margin is positive are closed; in each other box a few points are evaluated, the middle and
those where the linear bound is least, and one wrong answer inside the ball settles its point -> boxes that are
still open are halved, parts that miss the ball dropped -> until nothing is open or the budget is spent.

*Safe* is proved by bounds that hold for the real network and for every program; *wrong* by a vector of the network's
number format, inside the closed real ball (checked in rational arithmetic), at which the program as executed here does
not give the right answer. What is neither stays unknown: never safe.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_number
from constructive.certificates.backward import Backward
from constructive.certificates.enclosure import cleaned_boxes
from constructive.certificates.goals import Goal
from constructive.certificates.witnesses import Balls, inside_exactly
from constructive.domain import outward_boxes
from constructive.network import Network

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

SAFE, WRONG, UNKNOWN = 0, 1, -1
_BATCH = 2048
_TRIED = 3
"""Margins of each box whose least corners are evaluated, the lowest ones."""
_OPEN_NUMBERS = 1 << 26
"""Ends of open boxes kept in memory; beyond, the points with most open boxes are given up."""


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What branch and bound found: ``verdict`` (n,) int8, 0 safe, 1 wrong, -1 unknown.

    ``witness`` (n, d): a point of the closed ball with a wrong answer, NaN where there is none; ``boxes`` (n,): how
    many boxes were bounded for each point.
    """

    verdict: NDArray[np.int8]
    witness: Array
    boxes: Rows


def decide(network: Network, centers: ArrayLike, radius: float, norm: float, goal: Goal, *,
           budget: int) -> Decision:
    """Return for each closed ball of the given radius and norm round centers (n, d) whether all of it is right.

    ``goal`` holds what is right at each point; ``budget`` counts the boxes bounded in the whole call, shared evenly
    between the points that are still open, the box with the lowest bound first. A safe point is safe for the real
    network at real points and for every program at points of its number format, in any order of summation; a witness
    lies in the closed real ball and is wrong as executed here. n = 0, d = 1 and radius 0 are legal. Real labels must be
    equalled exactly: bounds prove it only of programs, and only where the network is constant and nothing rounds.

    Cost: one :func:`backward_bounds` of all margins for each box. The number of boxes grows like (radius / distance
    to the decision boundary)^d: made for few inputs, or for balls that one box decides. Raises TypeError or ValueError
    for arguments that do not fit each other.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], [-0.5])])  # |x| - 1/2
    >>> goal = Goal("sign", np.array([1.0, 1.0, -1.0]))
    >>> decide(f, [[2.0], [0.75], [0.0]], 0.375, math.inf, goal, budget=100).verdict.tolist()
    [0, 1, 0]
    """
    points, size, p = _cleaned(network, centers, radius, norm, goal)
    spend = as_count(budget, "decide", "budget", at_least=0)
    if points.shape[0] == 0:
        return Decision(np.zeros(0, np.int8), points.copy(), np.zeros(0, np.int64))
    with np.errstate(over="ignore", invalid="ignore"):  # a network may overflow: that is no right answer
        search = _Search.of(network, points, size, p, goal)
        search.try_points(points, np.arange(points.shape[0]))
    search.keep(search.verdict == UNKNOWN)
    while search.low.shape[0] and spend > 0:
        # many open boxes are taken in large parts, or sorting them would cost more than bounding them
        chosen = search.chosen(min(max(_BATCH, search.owner.size // 8), spend))
        spend -= chosen.size
        with np.errstate(over="ignore", invalid="ignore"):  # boxes near the largest number are not halved
            search.step(chosen)
    return Decision(search.verdict, search.witness, search.boxes)


def _cleaned(network: Network, centers: ArrayLike, radius: float, norm: float,
             goal: Goal) -> tuple[Array, float, float]:
    points = np.asarray(centers, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != network.inputs or not np.isfinite(points).all():
        raise ValueError(f"decide: centers must be finite, of shape (n, {network.inputs}), got shape {points.shape}")
    if goal.value.shape != points.shape[:1]:
        raise ValueError(f"decide: goal is for {goal.value.size} points, centers holds {points.shape[0]}; use "
                         "goal.take(rows)")
    if goal.kind != "score" and network.outputs != 1:
        raise ValueError(f"decide: a goal of kind {goal.kind!r} needs 1 output, the network has {network.outputs}")
    return points, as_number(radius, "decide", "radius", at_least=0.0), as_norm(norm, "decide")


@dataclass(slots=True, eq=False)
class _Search:
    """The open boxes of all points, and what is known about the points.

    ``low``, ``high`` (B, d), ``owner`` (B,), ``least`` (B,): the lowest margin that the parent box allowed.
    ``stuck`` (n,): a box that cannot be halved stayed open, so the point can no longer be proved safe.
    """

    backward: Backward
    points: Array
    radius: float
    norm: float
    balls: Balls
    goal: Goal
    rows: Array
    shift: Array
    verdict: NDArray[np.int8]
    witness: Array
    boxes: Rows
    stuck: Mask
    low: Array
    high: Array
    owner: Rows
    least: Array

    @staticmethod
    def of(network: Network, points: Array, radius: float, norm: float, goal: Goal) -> _Search:
        """Return the search with one open box for each point."""
        n = points.shape[0]
        rows, shift = _questions(goal, network.outputs)
        low, high = outward_boxes(points, radius)
        balls = Balls.of(points, radius, norm, network.dtype)
        return _Search(Backward.of(network), points, radius, norm, balls, goal, rows, shift,
                       np.full(n, UNKNOWN, np.int8), np.full(points.shape, np.nan), np.zeros(n, np.int64),
                       np.zeros(n, bool), low, high, np.arange(n), np.full(n, -np.inf))

    def keep(self, rows: Mask) -> None:
        """Drop all other boxes."""
        self.low, self.high, self.owner, self.least = (
            self.low[rows], self.high[rows], self.owner[rows], self.least[rows])

    def chosen(self, most: int) -> Rows:
        """Return the boxes to bound next: as many of every point as fit, those with the lowest bounds first."""
        order = np.lexsort((self.least, self.owner))
        owner = self.owner[order]
        first = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]]))
        rank = np.arange(owner.size) - np.repeat(first, np.diff(np.append(first, owner.size)))
        return order[np.argsort(rank, kind="stable")[:most]]

    def step(self, chosen: Rows) -> None:
        """Bound the chosen boxes; close, settle or halve each of them."""
        low, high, owner = self.low[chosen], self.high[chosen], self.owner[chosen]
        kept = np.ones(self.owner.size, bool)
        kept[chosen] = False
        self.boxes += np.bincount(owner, minlength=self.boxes.size)
        within = None if self.norm == math.inf else (self.points[owner], self.radius, self.norm)
        ends = cleaned_boxes("decide", self.backward.network, low, high)
        found = self.backward.bounds(*ends, self.rows[owner], within, careful=self.goal.kind == "value")
        margin = found.lower - self.shift[owner]
        part = self.goal.take(owner)
        closed = part.right(found.bottom, found.top)
        if self.goal.kind != "value":
            closed |= (margin > 0).all(axis=1)
        rest = np.flatnonzero(~closed)
        margin, slopes = margin[rest], found.slope[rest]
        low, high, owner = low[rest], high[rest], owner[rest]
        self.try_points(low + (high - low) / 2, owner)
        lowest = np.argsort(margin, axis=1, kind="stable")
        number = np.arange(rest.size)
        for row in lowest[:, :_TRIED].T[::-1]:  # the worst margin last: its slope decides where to cut
            slope = slopes[number, row]
            self.try_points(np.where(slope >= 0, low, high), owner)
            if self.norm != math.inf:  # corners stick out of other balls
                best = _least_in_ball(slope, self.points[owner], self.radius, self.norm)
                self.try_points(np.clip(best, low, high), owner)
        least = np.maximum(margin[number, row], self.least[chosen][rest])
        self._replace(kept, *self._halved(low, high, owner, slope, least))

    def try_points(self, candidates: Array, owner: Rows) -> None:
        """Evaluate one candidate for each owner, moved into its ball, and enter the wrong ones."""
        network = self.backward.network
        open_ = np.flatnonzero(self.verdict[owner] == UNKNOWN)
        owner = owner[open_]
        inside = self.balls.take(owner).pull(candidates[open_])
        values = np.asarray(network(inside), dtype=np.float64)
        for i in np.flatnonzero(~self.goal.take(owner).right(values, values)).tolist():
            k = int(owner[i])
            if self.verdict[k] == UNKNOWN and inside_exactly(self.points[k], inside[i], self.radius, self.norm):
                self.verdict[k], self.witness[k] = WRONG, inside[i]

    def _halved(self, low: Array, high: Array, owner: Rows, slope: Array,
                least: Array) -> tuple[Array, Array, Rows, Array]:
        """Return the boxes of open points halved across the input that moves the bound most."""
        middle = low + (high - low) / 2
        possible = (low < middle) & (middle < high)
        influence = np.where(np.isfinite(slope), np.abs(slope), 0.0)
        most = influence.max(axis=1, initial=0.0)[:, None]
        # a share for every input, so that all sides shrink in the end and the bounds with them
        share = np.where(possible, (high - low) * (influence + 0.1 * most + (most == 0)), -1.0)
        side = np.argmax(share, axis=1)
        self.stuck[owner[~possible.any(axis=1)]] = True
        rows = np.flatnonzero(possible.any(axis=1) & (self.verdict[owner] == UNKNOWN))
        side = side[rows]
        low, high, middle = (np.concatenate([a[rows]] * 2) for a in (low, high, middle))
        number = np.arange(rows.size)
        high[number, side] = middle[number, side]
        low[number + rows.size, side] = middle[number, side]
        return low, high, np.concatenate([owner[rows]] * 2), np.concatenate([least[rows]] * 2)

    def _replace(self, kept: Mask, low: Array, high: Array, owner: Rows, least: Array) -> None:
        """Put the new boxes beside the kept ones, drop what is settled, and enter points without open boxes."""
        if self.norm != math.inf:
            low, high, meets = _clipped(low, high, self.points[owner], self.radius, self.norm)
            low, high, owner, least = low[meets], high[meets], owner[meets], least[meets]
        self.keep(kept & (self.verdict[self.owner] == UNKNOWN))
        self.low, self.high = np.concatenate([self.low, low]), np.concatenate([self.high, high])
        self.owner, self.least = np.concatenate([self.owner, owner]), np.concatenate([self.least, least])
        count = np.bincount(self.owner, minlength=self.verdict.size)
        self.verdict[(self.verdict == UNKNOWN) & (count == 0) & ~self.stuck] = SAFE
        while self.low.size > _OPEN_NUMBERS:
            most = int(np.argmax(np.bincount(self.owner)))
            self.stuck[most] = True
            self.keep(self.owner != most)


def _questions(goal: Goal, outputs: int) -> tuple[Array, Array]:
    """Return rows (n, q, outputs) and numbers (n, q) that their values are compared with."""
    n = goal.value.size
    if goal.kind == "value":  # f - y and y - f: neither can be proved positive, but both show where f may differ
        return np.tile([[1.0], [-1.0]], (n, 1, 1)), np.stack([goal.value, -goal.value], axis=1)
    if goal.kind == "score" and outputs == 1:  # no rival: 0 > -1
        return np.zeros((n, 1, 1)), np.full((n, 1), -1.0)
    rows = goal.margins(outputs)
    return rows, np.zeros(rows.shape[:2])


def _clipped(low: Array, high: Array, centers: Array, radius: float, norm: float) -> tuple[Array, Array, Mask]:
    """Return the boxes round the parts of boxes (B, d) that lie in l_1 or l_2 balls, and which are not empty.

    With q_j = (distance of the box's side j from the center) / radius, a point of the ball has |x_j - c_j| <=
    radius (1 - sum_{i != j} q_i^p)^(1/p). Rounded outward: 16 (d + 4) units cover the sums.
    """
    if radius == 0.0:
        return low, high, np.ones(low.shape[0], bool)
    with np.errstate(over="ignore"):
        gap = np.maximum(np.maximum(low - centers, centers - high), 0.0) / radius
        share = np.minimum(gap if norm == 1.0 else np.square(gap), 4.0)  # beyond 1 the box misses the ball anyway
    total = share.sum(axis=1, keepdims=True)
    slack = 16 * (low.shape[1] + 4) * 2.0**-53
    meets = total[:, 0] <= 1.0 + slack
    left = np.clip(1.0 + slack - (total - share), 0.0, None)
    reach = (left if norm == 1.0 else np.sqrt(left)) * radius * (1.0 + slack)
    bottom = np.maximum(low, np.nextafter(centers - reach, -np.inf))
    top = np.minimum(high, np.nextafter(centers + reach, np.inf))
    meets &= (bottom <= top).all(axis=1)
    return bottom, top, meets


def _least_in_ball(slope: Array, centers: Array, radius: float, norm: float) -> Array:
    """Return about where the rows (B, d) are least in l_1 or l_2 balls."""
    if norm == 2.0:
        unit = slope / np.maximum(np.abs(slope).max(axis=1, keepdims=True), 2.0**-1000)
        return centers - radius * unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 2.0**-1000)
    moved = centers.copy()
    rows, best = np.arange(slope.shape[0]), np.argmax(np.abs(slope), axis=1)
    moved[rows, best] -= radius * np.sign(slope[rows, best])
    return moved
