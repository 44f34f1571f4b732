"""Attacks on balls: points that prove robust errors, and an open word where gradients see nothing.

Data flow: balls -> points of the number format inside them -> attacks, cheapest first, each on the balls still open ->
witnesses, evaluated by the executed program, inside the closed real ball. Every memorizer of this library is constant
round its data: gradients are exactly 0 there, and an attack that follows them alone fails without meaning anything.
So the gradient at each center is reported (``blind``), and what is narrow is read from the weights: walls, bumps,
and all bends along segments (:mod:`~constructive.certificates.kinks`). A failed attack proves nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_number, as_points
from constructive.certificates.goals import Goal
from constructive.certificates.gradients import input_gradient, values_and_gradients
from constructive.certificates.kinks import bump_points, lowest_on_segments, wall_points, walls
from constructive.certificates.witnesses import (
    Balls,
    Reevaluation,
    inside,
    inside_exactly,
    reevaluate,
    smallest_margins,
    worst_forms,
)
from constructive.network import Network

__all__ = ["METHODS", "Attack", "Reevaluation", "attack", "input_gradient", "inside_exactly", "reevaluate"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

METHODS = ("center", "guides", "corners", "walls", "lines", "gradients")
"""The attacks in the order in which they run; ``Attack.method`` counts from 0 here."""

WORK = 1 << 34
"""Default limit: nonzeros times points evaluated, about ten seconds for each 2^33 on one core."""

_SHARES = (1.0, 0.3, 0.4, 0.55, 0.85, 1.0)
"""How much of the limit may be gone when each attack ends; the centers are always evaluated."""

_CORNER_DIMENSION = 6
_BUMPS = 8
_AXES = 16
_NORMALS = 4
_CHORDS = 8
_LAST_STEP = 2.0**-6
"""The last gradient step over the first one, which is the diameter of the ball."""


@dataclass(frozen=True, slots=True, eq=False)
class Attack:
    """What attacks found in n balls.

    ``wrong`` (n,): a wrong answer was found; ``witness`` (n, d): where, NaN elsewhere; ``margin`` (n,): the least
    margin seen (minus the largest distance for real labels; infinite where a ball holds no point of the format);
    ``blind`` (n,): the gradient of the smallest margin is exactly 0 at the center; ``blind_starts`` (n,): exactly 0 at
    the center and at every start of the gradient attack that ran; ``method`` (n,): index into :data:`METHODS` of the
    attack that found it, -1 where none did. ``evaluations`` points evaluated, ``work`` nonzeros times evaluations,
    ``exhausted``: an attack was cut short by the limit. Not wrong means *not found*; with ``blind`` not even searched
    by a gradient.
    """

    wrong: NDArray[np.bool_]
    witness: Array
    margin: Array
    blind: NDArray[np.bool_]
    blind_starts: NDArray[np.bool_]
    method: NDArray[np.int8]
    evaluations: int
    work: int
    exhausted: bool

    def __str__(self) -> str:
        counts = np.bincount(self.method[self.wrong], minlength=len(METHODS)).tolist()
        found = [f"{name} {count}" for name, count in zip(METHODS, counts, strict=True) if count]
        rest = ~self.wrong
        cut = "; cut short by the work limit" if self.exhausted else ""
        return (f"{int(self.wrong.sum())} of {self.wrong.size} wrong ({', '.join(found) or 'none found'}); "
                f"{int((rest & self.blind).sum())} of {int(rest.sum())} others have a zero gradient at the center{cut}")


def attack(network: Network, centers: ArrayLike, radius: float, norm: float, goal: Goal, *, starts: int = 8,
           steps: int = 20, guides: ArrayLike | None = None, rng: np.random.Generator | int = 0,
           methods: Collection[str] = METHODS, work: int = WORK) -> Attack:
    """Return wrong answers found in the closed balls of one radius round n centers, with witnesses.

    centers (n, d); norm 1, 2 or infinity; goal: the right answers (n rows), as in
    :mod:`~constructive.certificates.goals`. ``methods``, cheapest first, each on the balls still open: "center";
    "guides": steps toward the given points (k, d) or (n, k, d), such as data of other classes, shortened into the ball;
    "corners": corners, vertices and 4 ``starts`` seeded draws; "walls": between the walls x_j = t that units read and
    on the boxes of bumps; "lines": the least margin on whole segments (axes, toward guides, across hyperplanes,
    chords, coordinate descent), from all bends of the network on them; "gradients": projected gradient descent of the
    smallest margin with ``starts`` starts and ``steps`` steps. The l_inf corners and single moved coordinates lie on
    the very boundary; otherwise l_1 and l_2 points stop (d + 16) 2^-52 of the radius short of it.

    A witness is a vector of the network's format in the closed *real* ball (float32: float32 numbers) at which
    ``network(witness)`` is wrong; see :func:`reevaluate` for the real network. ``work`` bounds nonzeros times points
    evaluated, two for each gradient; attacks end at fixed shares of it, so that none starves the next. Equal
    seeds give equal results. Raises TypeError or ValueError for arguments that do not fit.

    >>> from constructive.network import Network
    >>> spike = Network.build([([[1.0]], [-0.5]), ([[-4.0]], [1.0])])  # 1 up to 0.5, then falling
    >>> found = attack(spike, [[0.25], [0.0]], 0.5, np.inf, Goal("sign", np.ones(2)))
    >>> found.wrong.tolist(), found.blind.tolist(), found.witness.ravel().tolist()
    ([True, False], [True, True], [0.75, nan])
    """
    who = "attack"
    points = as_points(centers, who, "centers", dimension=network.inputs)
    size, p = as_number(radius, who, "radius", at_least=0.0), as_norm(norm, who)
    _check_goal(goal, points.shape[0], network.outputs, who)
    unknown = sorted(set(methods) - set(METHODS))
    if isinstance(methods, str) or unknown:
        raise ValueError(f"{who}: methods={methods!r} must be a collection of {', '.join(METHODS)}")
    tries = as_count(starts, who, "starts", at_least=1)
    turns = as_count(steps, who, "steps", at_least=1)
    toward = _clean_guides(guides, points, who)
    search = _Search(network, points, size, p, goal, as_count(work, who, "work", at_least=1))
    blind = search.blind_centers()
    unseen = blind.copy()
    draw = np.random.default_rng(rng)
    stages: tuple[Callable[[], None], ...] = (
        lambda: None, lambda: _guides(search, toward), lambda: _corners(search, 4 * tries, draw),
        lambda: _walls(search), lambda: _lines(search, toward, draw),
        lambda: _gradients(search, toward, tries, turns, draw, unseen),
    )
    for k, stage in enumerate(stages):
        search.enter(k)
        if METHODS[k] in methods and (size > 0 or k == 0) and search.open.any():
            stage()
    return Attack(search.method >= 0, search.witness, search.margin, blind, unseen, search.method, search.evaluations,
                  search.evaluations * search.cost, search.exhausted)


def _check_goal(goal: Goal, n: int, outputs: int, who: str) -> None:
    if not isinstance(goal, Goal):
        raise TypeError(f"{who}: goal must be a Goal, got {type(goal).__name__}; make one with goals.goal_of(labels)")
    if goal.value.shape != (n,):
        raise ValueError(f"{who}: goal has {goal.value.size} rows for {n} centers; pass one right answer for each")
    if goal.kind == "score":
        if outputs < 2 or not ((goal.value >= 0) & (goal.value < outputs)).all():
            raise ValueError(f"{who}: goal names classes {goal.value.min():.0f} .. {goal.value.max():.0f}, the network "
                             f"has {outputs} outputs")
    elif outputs != 1:
        raise ValueError(f"{who}: the network has {outputs} outputs, a goal of kind {goal.kind!r} needs 1")


def _clean_guides(guides: ArrayLike | None, points: Array, who: str) -> Array:
    """Return guides as an array (n, k, d)."""
    n, d = points.shape
    if guides is None:
        return np.empty((n, 0, d))
    raw = np.asarray(guides)
    if raw.ndim == 2:
        raw = np.broadcast_to(as_points(raw, who, "guides", dimension=d), (n, *raw.shape))
    if raw.ndim != 3 or raw.shape[0] != n or raw.shape[2] != d:
        raise ValueError(f"{who}: guides has shape {raw.shape}; pass (k, {d}) for all centers or ({n}, k, {d})")
    flat = as_points(raw.reshape(-1, d), who, "guides") if raw.size else np.empty((0, d))
    return flat.reshape(n, -1, d)


class _Search:
    """The state of one attack: which balls are open, what was seen, and what it cost."""

    __slots__ = ("at", "balls", "centers", "cost", "evaluations", "exhausted", "goal", "limit", "margin", "method",
                 "network", "open", "radius", "stage", "witness", "work")

    def __init__(self, network: Network, centers: Array, radius: float, norm: float, goal: Goal, work: int) -> None:
        n, d = centers.shape
        self.network, self.centers, self.radius, self.goal, self.work = network, centers, radius, goal, work
        self.balls = Balls.of(centers, radius, norm, network.dtype)
        self.open = ~self.balls.empty
        self.margin, self.at = np.full(n, np.inf), self.balls.anchor.copy()
        self.witness, self.method = np.full((n, d), np.nan), np.full(n, -1, np.int8)
        self.cost = max(1, sum(layer.weight.nnz for layer in network.layers))
        self.evaluations, self.exhausted, self.stage, self.limit = 0, False, 0, work

    def enter(self, stage: int) -> None:
        """Begin an attack: its name and its share of the work."""
        self.stage, self.limit = stage, int(self.work * _SHARES[stage])

    def rows(self) -> Rows:
        """Return the balls still open."""
        return np.flatnonzero(self.open)

    def affords(self, points: int) -> bool:
        """Return whether so many more points may be evaluated."""
        if (self.evaluations + points) * self.cost <= self.limit:
            return points > 0
        self.exhausted |= points > 0
        return False

    def blind_centers(self) -> NDArray[np.bool_]:
        """Evaluate the anchors and return where the gradient of the smallest margin is exactly 0."""
        rows = self.rows()
        blind = np.zeros(self.open.size, bool)
        if rows.size:
            gradient = self.descend(rows, self.balls.anchor[rows])
            blind[rows] = (gradient == 0).all(axis=1)
        return blind

    def descend(self, rows: Rows, points: Array) -> Array:
        """Evaluate points of the balls; return the gradients of their smallest margins."""
        part = self.goal.take(rows)

        def choose(values: Array, start: int) -> Array:
            return worst_forms(part.take(np.arange(start, start + values.shape[0])), values)

        values, gradient = values_and_gradients(self.network, points, choose)
        self.evaluations += 2 * rows.size
        self.note(rows, points, values)
        return np.where(np.isfinite(gradient), gradient, 0.0)

    def attempt(self, rows: Rows, points: Array) -> bool:
        """Draw points (c, d) into the balls of ``rows`` and evaluate them; return False where work has run out.

        Rows may repeat, and closed ones are left out.
        """
        kept = self.open[rows]
        rows, points = rows[kept], points[kept]
        if not self.affords(rows.size):
            return rows.size == 0
        drawn = self.balls.take(rows).pull(points)
        self.evaluations += rows.size
        self.note(rows, drawn, np.asarray(self.network(drawn), np.float64))
        return True

    def note(self, rows: Rows, points: Array, values: Array) -> None:
        """Keep the least margins of evaluated points, and the witnesses among them."""
        margin = smallest_margins(self.goal.take(rows), values)
        order = np.lexsort((margin, rows))
        order = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]  # the least of each row
        better = order[margin[order] < self.margin[rows[order]]]
        self.margin[rows[better]], self.at[rows[better]] = margin[better], points[better]
        bad = margin[better] < 0 if self.goal.kind == "value" else margin[better] <= 0
        new = better[bad & self.open[rows[better]]]
        if new.size == 0:
            return
        # the network itself has the last word, and rational arithmetic on the ball
        again = np.asarray(self.network(points[new]), np.float64)
        proved = ~self.goal.take(rows[new]).right(again, again)
        proved &= inside(self.centers[rows[new]], points[new], self.radius, self.balls.norm)
        new = new[proved]
        self.witness[rows[new]], self.method[rows[new]], self.open[rows[new]] = points[new], self.stage, False


# -- points that need no structure ------------------------------------------------------------------------------------


def _guides(search: _Search, toward: Array) -> None:
    for k in range(toward.shape[1]):
        rows = search.rows()
        if not search.attempt(rows, toward[rows, k]):
            return


def _corners(search: _Search, draws: int, rng: np.random.Generator) -> None:
    for pattern in itertools.chain(_patterns(search.balls.norm, search.centers.shape[1]), [None] * draws):
        rows = search.rows()
        balls = search.balls.take(rows)
        if pattern is None:
            points = _random_points(balls, rng)
        else:
            moved = np.where(pattern > 0, balls.high, np.where(pattern < 0, balls.low, balls.anchor))
            points = moved
        if not search.attempt(rows, points):
            return


def _patterns(norm: float, d: int) -> Iterator[Array]:
    """Yield sign patterns: vertices along axes, all corners in low dimension, alternating ones beyond."""
    if norm != math.inf or d == 1:
        for j, sign in itertools.product(range(min(d, 2 * _AXES)), (-1.0, 1.0)):
            yield sign * (np.arange(d) == j)
    if norm != 1.0 and d > 1:
        if d <= _CORNER_DIMENSION:
            yield from (np.array(signs) for signs in itertools.product((-1.0, 1.0), repeat=d))
        else:
            alternating = np.where(np.arange(d) % 2 == 0, 1.0, -1.0)
            yield from (alternating, -alternating, np.ones(d), -np.ones(d))


def _random_points(balls: Balls, rng: np.random.Generator, edge: bool | None = None) -> Array:
    """Return one seeded point for each ball: half of the draws on the boundary, half inside."""
    n, d = balls.anchor.shape
    if balls.norm == math.inf:
        direction = rng.choice((-1.0, 1.0), (n, d))
    elif balls.norm == 2.0:
        direction = rng.normal(size=(n, d))
    else:
        direction = rng.exponential(size=(n, d)) * rng.choice((-1.0, 1.0), (n, d))
    outer = rng.random() < 0.5 if edge is None else edge
    if balls.norm == math.inf:
        direction = direction if outer else direction * rng.random((n, d))
    else:
        length = np.linalg.norm(direction, ord=balls.norm, axis=1, keepdims=True)
        direction = direction / np.maximum(length, 1e-300) * (1.0 if outer else rng.random((n, 1)) ** (1 / d))
    return balls.pull(balls.anchor + direction * balls.reach[:, None])


# -- what the weights say ---------------------------------------------------------------------------------------------


def _walls(search: _Search) -> None:
    rows = search.rows()
    for points in bump_points(search.network, search.balls.take(rows), _BUMPS):
        if not search.attempt(rows, points):
            return
    rows = search.rows()
    owners, points = wall_points(search.balls.take(rows), walls(search.network))
    if owners.size:
        search.attempt(rows[owners], points)


def _lines(search: _Search, toward: Array, rng: np.random.Generator) -> None:
    d = search.centers.shape[1]
    axes = range(d) if d <= _AXES else np.sort(rng.choice(d, _AXES, replace=False)).tolist()
    for from_best in (False, True, True):
        for j in axes:
            rows = search.rows()
            balls = search.balls.take(rows)
            low, high = _axis_ends(balls, search.at[rows] if from_best else balls.anchor, j)
            if not _search_segments(search, rows, low, high):
                return
        if not from_best:
            for k in range(min(toward.shape[1], _CHORDS)):
                rows = search.rows()
                if not _search_segments(search, rows, search.balls.anchor[rows], toward[rows, k]):
                    return
            if not _across_hyperplanes(search):
                return
    for _ in range(_CHORDS):
        rows = search.rows()
        balls = search.balls.take(rows)
        ends = [_random_points(balls, rng, edge=True) for _ in range(2)]
        if not _search_segments(search, rows, ends[0], ends[1]):
            return


def _search_segments(search: _Search, rows: Rows, start: Array, end: Array) -> bool:
    """Evaluate the point of least margin on each segment (pulled into the balls); False where work has run out."""
    if not search.affords(2 * rows.size):
        return rows.size == 0
    balls = search.balls.take(rows)
    start, end = balls.pull(start), balls.pull(end)
    share, margin, bends = lowest_on_segments(search.network, search.goal.take(rows), start, end)
    search.evaluations += bends
    lower = margin < search.margin[rows]
    points = start + share[:, None] * (end - start)
    return search.attempt(rows[lower], points[lower])


def _axis_ends(balls: Balls, points: Array, j: int) -> tuple[Array, Array]:
    """Return the ends of the chords through points of the balls along coordinate j."""
    low, high = points.copy(), points.copy()
    rest = points - balls.anchor
    rest[:, j] = 0.0
    if balls.norm == 1.0:
        room = balls.reach - np.abs(rest).sum(axis=1)
    elif balls.norm == 2.0:
        used = np.linalg.norm(rest, axis=1)
        room = np.sqrt(np.maximum((balls.reach - used) * (balls.reach + used), 0.0))
    else:
        room = balls.reach
    room = np.maximum(room, 0.0)
    low[:, j], high[:, j] = balls.anchor[:, j] - room, balls.anchor[:, j] + room
    return low, high


def _across_hyperplanes(search: _Search) -> bool:
    """Search the diameters normal to the nearest first-layer hyperplanes that cross each ball."""
    rows, layer = search.rows(), search.network.layers[0]
    units = np.flatnonzero(np.diff(layer.weight.indptr) > 1)
    if units.size == 0 or rows.size == 0:
        return True
    if not search.affords(rows.size):
        return False
    search.evaluations += rows.size
    balls, k = search.balls.take(rows), min(_NORMALS, units.size)
    weight = layer.weight[units]
    dual = {1.0: abs(weight).max(axis=1).toarray().ravel(), 2.0: np.sqrt(weight.power(2).sum(axis=1)),
            math.inf: abs(weight).sum(axis=1)}[balls.norm].astype(np.float64)
    nearest = np.empty((rows.size, k), np.int64)
    block = max(1, (1 << 20) // units.size)
    for first in range(0, rows.size, block):
        part = slice(first, first + block)
        gap = np.abs(weight @ balls.anchor[part].T + layer.bias[units][:, None]) / dual[:, None]
        nearest[part] = np.argsort(gap, axis=0, kind="stable")[:k].T
    for column in nearest.T:
        rows_open = search.open[rows]
        normal = _dual_direction(weight[column[rows_open]].toarray().astype(np.float64), balls.norm)
        here = balls.take(np.flatnonzero(rows_open))
        step = normal * here.reach[:, None]
        if not _search_segments(search, rows[rows_open], here.anchor - step, here.anchor + step):
            return False
    return True


def _dual_direction(forms: Array, norm: float) -> Array:
    """Return the unit vectors u (n, d) of the norm that maximize forms_i . u_i; 0 where the form is 0."""
    if norm == math.inf:
        return np.sign(forms)
    if norm == 2.0:
        scale = np.abs(forms).max(axis=1, keepdims=True)  # squares must not underflow
        scaled = forms / np.where(scale > 0, scale, 1.0)
        return scaled / np.where(scale > 0, np.linalg.norm(scaled, axis=1, keepdims=True), 1.0)
    largest = np.abs(forms).argmax(axis=1)[:, None]
    out = np.zeros_like(forms)
    np.put_along_axis(out, largest, np.sign(np.take_along_axis(forms, largest, axis=1)), axis=1)
    return out


# -- gradients --------------------------------------------------------------------------------------------------------


def _gradients(search: _Search, toward: Array, starts: int, steps: int, rng: np.random.Generator,
               unseen: NDArray[np.bool_]) -> None:
    """Descend from the center, the best point so far, guides and draws; clear ``unseen`` where a start has a slope."""
    k = min(toward.shape[1], max(0, starts - 2) // 2)
    for turn in range(starts):
        rows = search.rows()
        balls = search.balls.take(rows)
        if turn == 0:
            x = balls.anchor
        elif turn == 1:
            x = search.at[rows]
        elif turn < 2 + k:
            x = balls.pull(toward[rows, turn - 2])
        else:
            x = _random_points(balls, rng)
        for step in range(steps):
            if not search.affords(2 * rows.size):
                return
            gradient = search.descend(rows, x)
            flat = (gradient == 0).all(axis=1)
            if step == 0:
                unseen[rows[~flat]] = False
            # where nothing points anywhere a random direction goes on
            gradient[flat] = rng.normal(size=(int(flat.sum()), x.shape[1]))
            still = search.open[rows]
            rows, x, gradient, balls = rows[still], x[still], gradient[still], balls.take(np.flatnonzero(still))
            x = _descent_step(balls, x, gradient, _LAST_STEP ** (step / max(1, steps - 1)))
        if not search.attempt(rows, x):
            return


def _descent_step(balls: Balls, x: Array, gradient: Array, size: float) -> Array:
    """Return x moved down the gradient by ``size`` diameters and drawn into the ball; l_1: a share toward a vertex."""
    direction = _dual_direction(gradient, balls.norm)
    reach = balls.reach[:, None]
    if balls.norm == 1.0:
        return balls.pull(x + size * (balls.anchor - reach * direction - x))
    return balls.pull(x - 2 * size * reach * direction)
