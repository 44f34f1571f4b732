"""Attacks on balls: points that prove robust errors, and an open word where gradients see nothing.

Data flow: balls -> points of the number format inside them -> attacks, cheapest first, each on the balls still open ->
witnesses, evaluated by the executed program, inside the closed real ball. Every memorizer of this library is constant
round its data: gradients are exactly 0 there, and an attack that follows them alone fails without meaning anything.
So the gradient at each center is reported (``blind``), and what is narrow is read from the weights: walls, bumps,
and all bends along segments (:mod:`~constructive.certificates.kinks`). A failed attack proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_number, as_points
from constructive.certificates.descents import try_gradients, try_lines, try_walls
from constructive.certificates.goals import Goal
from constructive.certificates.gradients import input_gradient
from constructive.certificates.search import Search, try_corners, try_guides
from constructive.certificates.witnesses import Reevaluation, inside_exactly, reevaluate
from constructive.network import Network

__all__ = ["METHODS", "Attack", "Reevaluation", "attack", "input_gradient", "inside_exactly", "reevaluate"]

Array = NDArray[np.float64]

METHODS = ("center", "guides", "corners", "walls", "lines", "gradients")
"""The attacks; ``Attack.method`` counts from 0 here."""

WORK = 1 << 33
"""Default limit of nonzeros times points evaluated."""

_EACH = 100
"""Evaluations that a ball should get; a few thousand are spent on one that resists all attacks."""


@dataclass(frozen=True, slots=True, eq=False)
class Attack:
    """What attacks found in n balls.

    ``wrong`` (n,): a wrong answer was found; ``witness`` (n, d): where, NaN elsewhere; ``margin`` (n,): the least
    margin seen (minus the largest distance for real labels; infinite where a ball holds no point of the format);
    ``blind`` (n,): the gradient of the smallest margin is exactly 0 at the center (at its neighbor of the format, where
    it is no float32 number); ``blind_starts`` (n,): exactly 0 at the center and at every start of the gradient attack
    that ran; ``method`` (n,): index into :data:`METHODS` of the attack that found it, -1 where none did.
    ``evaluations`` points evaluated, a gradient and a bend on a line counting as two; ``work`` nonzeros times that;
    ``exhausted``: an attack was cut short by the limit. Not wrong means *not found*; where ``blind`` holds, gradients
    had nothing to follow.
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
    evaluated, two for each gradient and each bend on a line; attacks end at fixed shares of it, so that none starves
    the next. The centers and their gradients are always evaluated; where less than 100 evaluations are left for each
    ball, those of small margins come first. 2^33, the default, took 3 seconds on two busy cores for dense layers of
    10^6 nonzeros, half a minute for sparse ones. Equal seeds give equal results.
    Raises TypeError or ValueError for arguments that do not fit.

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
    limit = as_count(work, who, "work", at_least=1)
    search = Search.begin(network, points, size, p, goal, limit)
    blind = (search.descend(np.arange(points.shape[0]), search.balls.anchor) == 0).all(axis=1)
    search.margin[search.balls.empty] = np.inf  # seen beside the ball
    unseen, draw = blind.copy(), np.random.default_rng(rng)
    # name, share of the work left that may be gone when it ends, attack: each leaves something for the next
    stages: tuple[tuple[str, float, Callable[[], None]], ...] = (
        ("guides", 0.2, lambda: try_guides(search, toward)),
        ("corners", 0.3, lambda: try_corners(search, 4 * tries, draw)),
        ("gradients", 0.4, lambda: try_gradients(search, toward, range(1), turns, draw, unseen)),
        ("walls", 0.5, lambda: try_walls(search)),
        ("lines", 0.8, lambda: try_lines(search, toward, draw)),
        ("gradients", 1.0, lambda: try_gradients(search, toward, range(1, tries), turns, draw, unseen)),
    )
    chosen = [stage for stage in stages if stage[0] in methods and size > 0]
    later = search.focus(_EACH)
    while chosen and search.open.any():
        spent = search.evaluations * search.cost
        for name, share, stage in chosen:
            search.stage, search.limit = METHODS.index(name), spent + int((limit - spent) * share)
            if search.open.any():
                stage()
        search.limit = limit
        if search.evaluations + _EACH > limit // search.cost:
            break
        search.open[:] = False
        search.open[later] = True
        later = search.focus(_EACH)
    search.exhausted |= later.size > 0 and bool(chosen)
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
