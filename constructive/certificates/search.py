"""The state of a search for wrong answers in many balls, and the points that need no structure to be tried.

Whoever searches hands over points; they are drawn into the balls, evaluated on the balls still open, counted, and kept
where they lower the margin. A wrong answer becomes a witness when the executed program confirms it and rational
arithmetic finds it inside the closed real ball.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.goals import Goal
from constructive.certificates.gradients import values_and_gradients
from constructive.certificates.witnesses import Balls, inside, smallest_margins, worst_forms
from constructive.network import Network

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_CORNER_DIMENSION = 6
_VERTICES = 16
"""Axes whose two vertices are tried."""


@dataclass(slots=True, eq=False)
class Search:
    """What was seen of n balls, and what it cost.

    ``open`` (n,): under attack, and no witness yet; ``margin`` (n,), ``at`` (n, d): the least margin seen and where;
    ``witness`` (n, d), ``method`` (n,): as in :class:`~constructive.certificates.attacks.Attack`; ``evaluations``:
    points evaluated, of which ``limit`` (in nonzeros times points) says how many may be; ``stage``: the number given
    to new witnesses.
    """

    network: Network
    centers: Array
    radius: float
    goal: Goal
    balls: Balls
    open: NDArray[np.bool_]
    margin: Array
    at: Array
    witness: Array
    method: NDArray[np.int8]
    cost: int
    limit: int
    evaluations: int = 0
    exhausted: bool = False
    stage: int = 0

    @staticmethod
    def begin(network: Network, centers: Array, radius: float, norm: float, goal: Goal, limit: int) -> Search:
        """Return a search in which nothing has been seen."""
        n = centers.shape[0]
        balls = Balls.of(centers, radius, norm, network.dtype)
        return Search(network, centers, radius, goal, balls, ~balls.empty, np.full(n, np.inf), balls.anchor.copy(),
                      np.full(centers.shape, np.nan), np.full(n, -1, np.int8),
                      max(1, sum(layer.weight.nnz for layer in network.layers)), limit)

    def rows(self) -> Rows:
        """Return the balls still open."""
        return np.flatnonzero(self.open)

    def focus(self, each: int) -> Rows:
        """Close the open balls for which less than ``each`` evaluations are left, largest margins first; return them.

        A few attacks on all balls would find less than all attacks on those that look weakest.
        """
        rows = self.rows()
        room = max(1, (self.limit // self.cost - self.evaluations) // each)
        order = np.argsort(self.margin[rows], kind="stable")
        later = np.sort(rows[order[room:]])
        self.open[later] = False
        return later

    def affords(self, points: int) -> bool:
        """Return whether so many more points may be evaluated; no points are refused without a word."""
        if (self.evaluations + points) * self.cost <= self.limit:
            return points > 0
        self.exhausted |= points > 0
        return False

    def descend(self, rows: Rows, points: Array) -> Array:
        """Evaluate points of the balls; return the gradients (c, d) of their smallest margins, 0 for what overflows."""
        part = self.goal.take(rows)

        def choose(values: Array, start: int) -> Array:
            return worst_forms(part.take(np.arange(start, start + values.shape[0])), values)

        values, gradient = values_and_gradients(self.network, points, choose)
        self.evaluations += 2 * rows.size
        self._note(rows, points, values)
        return np.where(np.isfinite(gradient), gradient, 0.0)

    def attempt(self, rows: Rows, points: Array) -> bool:
        """Draw points (c, d) into the balls of ``rows`` and evaluate them; return False where work has run out.

        Rows may repeat; closed ones are left out.
        """
        kept = self.open[rows]
        rows, points = rows[kept], points[kept]
        if not self.affords(rows.size):
            return rows.size == 0
        drawn = self.balls.take(rows).pull(points)
        self.evaluations += rows.size
        self._note(rows, drawn, np.asarray(self.network(drawn), np.float64))
        return True

    def _note(self, rows: Rows, points: Array, values: Array) -> None:
        margin = smallest_margins(self.goal.take(rows), values)
        order = np.lexsort((margin, rows))
        order = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]  # the least of each row
        better = order[margin[order] < self.margin[rows[order]]]
        self.margin[rows[better]], self.at[rows[better]] = margin[better], points[better]
        bad = margin[better] < 0 if self.goal.kind == "value" else margin[better] <= 0
        new = better[bad & self.open[rows[better]]]
        if new.size == 0:
            return
        again = np.asarray(self.network(points[new]), np.float64)
        proved = ~self.goal.take(rows[new]).right(again, again)
        proved &= inside(self.centers[rows[new]], points[new], self.radius, self.balls.norm)
        new = new[proved]
        self.witness[rows[new]], self.method[rows[new]], self.open[rows[new]] = points[new], self.stage, False


def try_guides(search: Search, toward: Array) -> None:
    """Try the points (n, k, d), drawn into the balls."""
    for k in range(toward.shape[1]):
        rows = search.rows()
        if not search.attempt(rows, toward[rows, k]):
            return


def try_corners(search: Search, draws: int, rng: np.random.Generator) -> None:
    """Try vertices and corners, then seeded draws."""
    for pattern in itertools.chain(_patterns(search.balls.norm, search.centers.shape[1]), [None] * draws):
        rows = search.rows()
        balls = search.balls.take(rows)
        points = random_points(balls, rng) if pattern is None else (
            np.where(pattern > 0, balls.high, np.where(pattern < 0, balls.low, balls.anchor)))
        if not search.attempt(rows, points):
            return


def _patterns(norm: float, d: int) -> Iterator[Array]:
    """Yield sign patterns: vertices along axes (l_1, l_2), corners (l_2, l_inf), in high dimension a few."""
    if norm != math.inf or d == 1:
        for j, sign in itertools.product(range(min(d, _VERTICES)), (-1.0, 1.0)):
            yield sign * (np.arange(d) == j)
    if norm != 1.0 and d > 1:
        if d <= _CORNER_DIMENSION:
            yield from (np.array(signs) for signs in itertools.product((-1.0, 1.0), repeat=d))
        else:
            alternating = np.where(np.arange(d) % 2 == 0, 1.0, -1.0)
            yield from (alternating, -alternating, np.ones(d), -np.ones(d))


def random_points(balls: Balls, rng: np.random.Generator, edge: bool | None = None) -> Array:
    """Return one seeded point in each ball, (n, d), on the boundary, inside, or (None) either way by a coin.

    l_inf: corners, or uniform inside; l_2: uniform; l_1: signed shares that add up to the radius.
    """
    n, d = balls.anchor.shape
    outer = rng.random() < 0.5 if edge is None else edge
    if balls.norm == math.inf:
        direction = rng.choice((-1.0, 1.0), (n, d)) * (1.0 if outer else rng.random((n, d)))
    else:
        direction = rng.normal(size=(n, d)) if balls.norm == 2.0 else (
            rng.exponential(size=(n, d)) * rng.choice((-1.0, 1.0), (n, d)))
        length = np.linalg.norm(direction, ord=balls.norm, axis=1, keepdims=True)
        direction = direction / np.maximum(length, 1e-300) * (1.0 if outer else rng.random((n, 1)) ** (1 / d))
    return balls.pull(balls.anchor + direction * balls.reach[:, None])
