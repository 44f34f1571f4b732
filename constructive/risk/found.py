"""The table that the routes fill in, and the three ways of filling it that every network shares."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from constructive.certificates.attacks import attack
from constructive.certificates.branching import decide
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.goals import Goal
from constructive.certificates.structural import structural_bounds
from constructive.domain import outward_boxes
from constructive.network import Network
from constructive.risk.measurement import SAFE, UNKNOWN, WRONG
from constructive.teachers.ranges import range_on_boxes
from constructive.teachers.teacher import Teacher, as_teacher

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

_AFFINE_WORK = 1 << 28
"""Units times inputs times boxes up to which first-order bounds are tried."""
_BRANCHING_UNITS = 1 << 12
"""Units up to which branch and bound is tried: a box costs about ten milliseconds for each 2,000 of them."""
_ATTACK_WORK = 1 << 30
"""Nonzeros times points evaluated by attacks."""
_GUIDES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The question: closed balls round n points (n, d), what is right there, and how hard to try.

    ``guides`` (n, k, d): places worth stepping toward, such as the nearest points of other classes.
    """

    points: Array
    goal: Goal
    guides: Array | None
    radius: float
    norm: float
    budget: int
    rng: np.random.Generator


@dataclass(slots=True, eq=False)
class Found:
    """Verdicts so far (n,), witnesses (n, d), and how many points each method decided."""

    verdicts: NDArray[np.int8]
    witnesses: Array
    decided: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def nothing(points: Array) -> Found:
        """Return the empty table of n points."""
        return Found(np.full(points.shape[0], UNKNOWN, np.int8), np.full(points.shape, np.nan))

    @property
    def rest(self) -> Rows:
        """The points that are still open."""
        return np.flatnonzero(self.verdicts == UNKNOWN)

    def safe(self, rows: Rows, method: str) -> None:
        """Enter points proved right on their whole balls."""
        self._enter(rows, SAFE, method)

    def wrong(self, rows: Rows, witnesses: Array | None, method: str) -> None:
        """Enter points proved wrong somewhere, with vectors (k, d) of their balls where there are some."""
        if witnesses is not None:
            self.witnesses[rows] = witnesses
        self._enter(rows, WRONG, method)

    def _enter(self, rows: Rows, verdict: int, method: str) -> None:
        self.verdicts[rows] = verdict
        if rows.size:
            self.decided[method] = self.decided.get(method, 0) + int(rows.size)


def nearest_rivals(points: Array, index: NDArray[np.int64], data: Array, data_index: NDArray[np.int64]) -> Array | None:
    """Return for each point (n, d) the nearest data of other classes, (n, k, d), k at most 4; None without any."""
    out = np.full((points.shape[0], _GUIDES, points.shape[1]), np.nan)
    for c in np.unique(index):
        mine, others = np.flatnonzero(index == c), data[data_index != c]
        if others.shape[0] == 0:
            continue
        k = min(_GUIDES, others.shape[0])
        near = cKDTree(others).query(points[mine], k=k)[1].reshape(mine.size, k)
        out[mine, :k] = others[near]
        out[mine, k:] = out[mine, :1]
    if np.isnan(out).all():
        return None
    missing = np.isnan(out[:, 0, 0])
    out[missing] = points[missing, None, :]  # a step of length 0
    return out


def by_evaluation(found: Found, task: Task, network: Network) -> None:
    """Enter the verdicts at balls of radius 0: what the program returns, as executed here."""
    values = np.asarray(network(task.points), np.float64)
    right = task.goal.right(values, values)
    found.safe(np.flatnonzero(right), "evaluated")
    found.wrong(np.flatnonzero(~right), task.points[~right], "evaluated")


def by_bounds(found: Found, task: Task, network: Network, guide: Teacher | None = None) -> None:
    """Enter points that bounds over the whole ball prove right: intervals, affine forms, the bumps in the weights."""
    rest = found.rest
    low, high = outward_boxes(task.points[rest], task.radius)
    if network.dtype == np.float64 and rest.size * network.size.units * network.inputs <= _AFFINE_WORK:
        bounds = range_on_boxes(guide or as_teacher(network), low, high)
    else:
        bounds = interval_bounds(network, low, high)
    found.safe(rest[task.goal.take(rest).right(*bounds)], "bounds")
    by_structure(found, task, network)


def by_structure(found: Found, task: Task, network: Network) -> None:
    """Enter points proved right by the bumps that the weights show, if they show any."""
    rest = found.rest
    if rest.size == 0:
        return
    bounds = structural_bounds(network, *outward_boxes(task.points[rest], task.radius))
    if bounds is not None:
        found.safe(rest[task.goal.take(rest).right(*bounds)], "bumps")


def by_attack(found: Found, task: Task, network: Network) -> None:
    """Enter points with a witness in their ball."""
    rest = found.rest
    if rest.size == 0:
        return
    result = attack(network, task.points[rest], task.radius, task.norm, task.goal.take(rest),
                    guides=None if task.guides is None else task.guides[rest], rng=task.rng, work=_ATTACK_WORK)
    found.wrong(rest[result.wrong], result.witness[result.wrong], "attacks")


def by_branching(found: Found, task: Task, network: Network, boxes: int) -> None:
    """Enter what backward bounds decide on so many boxes for each open point: with one box, nothing is split."""
    rest = found.rest
    if rest.size == 0 or network.size.units > _BRANCHING_UNITS:
        return
    result = decide(network, task.points[rest], task.radius, task.norm, task.goal.take(rest), budget=boxes * rest.size)
    wrong = result.verdict == WRONG
    method = "backward bounds" if boxes == 1 else "branch and bound"
    found.safe(rest[result.verdict == SAFE], method)
    found.wrong(rest[wrong], result.witness[wrong], method)


def by_all(found: Found, task: Task, network: Network) -> None:
    """Fill the table by what reads weights only, cheapest first: backward bounds, attacks, branch and bound."""
    by_branching(found, task, network, 1)
    by_attack(found, task, network)
    by_branching(found, task, network, task.budget)
