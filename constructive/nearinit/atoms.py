"""Steps made of shifted-arcsine atoms: the ones of least norm among all power series, certified by convexity.

Data flow: a task -> a grid of its two sets -> the point of least norm under the task's inequalities in the space of
kappa (or t t' kappa(t t')), by Lawson and Hanson's reduction to nonnegative least squares -> the few nodes that carry
it, refined and merged -> exact weights of the nodes, and a certificate: each atom is convex, so that on each cell a
chord bounds it from above and a tangent from below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from constructive.nearinit.series import agreement
from constructive.nearinit.step import StepTask

Array = NDArray[np.float64]
Direction = Literal["anchor", "constant"]

DIRECTIONS = ("anchor", "constant")


@dataclass(frozen=True, slots=True, eq=False)
class AtomicStep:
    """p(t) = t^shift sum_j heights_j kappa(slopes_j t), kappa the agreement of two directions; |slopes_j| <= 1.

    shift = 1 for the direction "anchor", where weights point along the data, 0 for "constant". ``certified`` holds for
    p as a real function and for every value that a call returns. As a power series p(t) = sum q_k t^(k + shift) with
    q_k = sigma_k^2 sum_j heights_j slopes_j^k.
    """

    task: StepTask
    direction: Direction
    slopes: Array
    heights: Array
    certified: tuple[float, float]
    least_cost: float
    """A proved lower bound of ``cost`` over all power series that solve the task, from the dual problem."""

    @property
    def shift(self) -> int:
        """The power of t in front of the sum."""
        return 1 if self.direction == "anchor" else 0

    @property
    def total(self) -> float:
        """sum_j |heights_j|: no weight that realizes p is larger, per unit of label."""
        return float(np.abs(self.heights).sum())

    @property
    def cost(self) -> float:
        """The norm (sum_k (q_k / sigma_k)^2)^(1/2) = (sum_jl heights_j heights_l kappa(slopes_j slopes_l))^(1/2)."""
        inner = self.heights @ agreement(np.outer(self.slopes, self.slopes)) @ self.heights
        return float(np.sqrt(max(0.0, float(inner))))

    def __call__(self, t: ArrayLike) -> Array:
        x = np.asarray(t, dtype=np.float64)
        values = agreement(x[..., None] * self.slopes) @ self.heights
        return np.asarray(x * values if self.shift else values)


def atomic_step(task: StepTask, *, direction: Direction = "anchor", slack: float = 1e-3) -> AtomicStep:
    """Return a step of nearly least norm among all power series: ``certified`` <= the task's errors, proved.

    ``slack`` is the part of the tolerance kept for the certificate; the cost exceeds the least possible one by about
    that part, and ``least_cost`` bounds it from below. Three to seven atoms carry the step. Raises ValueError for an
    unknown direction, and for the direction "anchor" if the own or foreign set is {0}, where p is 0.

    >>> from constructive.nearinit.step import separated_task
    >>> step = atomic_step(separated_task(1.0, 0.1, own_error=0.05, foreign_error=0.05))
    >>> step.certified[0] <= 0.05 and step.certified[1] <= 0.05
    True
    """
    who = "atomic_step"
    if direction not in DIRECTIONS:
        raise ValueError(f"{who}: direction={direction!r} must be 'anchor' or 'constant'")
    part = float(slack)
    for _ in range(8):
        nodes, weights = _least_norm(task, direction, 1.0 - part)
        slopes, heights = nodes, (weights * nodes if direction == "anchor" else weights)
        certified = certify_atoms(task, direction, slopes, heights)
        if certified[0] <= task.own_error and certified[1] <= task.foreign_error:
            least = _dual_bound(task, direction, nodes, weights)
            return AtomicStep(task, direction, slopes, heights, certified, least)
        part *= 2.0
    raise ValueError(f"{who}: no certified step for own={task.own!r}, foreign={task.foreign!r}, errors "
                     f"{task.own_error!r} and {task.foreign_error!r}; allow larger errors or a wider gap")


def _basis(u: Array, direction: Direction) -> Array:
    return agreement(u) * u if direction == "anchor" else agreement(u)


def _goal(task: StepTask, nodes: Array) -> tuple[Array, Array]:
    near = nodes >= task.own
    return np.where(near, 1.0, 0.0), np.where(near, task.own_error, task.foreign_error)


# -- the least norm on a grid ---------------------------------------------------------------------------------------


def _least_norm(task: StepTask, direction: Direction, part: float) -> tuple[Array, Array]:
    """Return nodes and weights a of the least-norm p(t) = sum a_j B(t_j t) within ``part`` of the tolerances.

    The grid is refined round the nodes that carry the solution until they stand still, then neighbors are merged and
    the weights solve the equalities at the nodes.
    """
    coarse = _grid(task, 90)
    grid, found = coarse, coarse[:0]
    for round_ in range(7):
        weights = _on_grid(task, direction, grid, part)
        found = grid[weights != 0.0]
        if round_ == 6:
            break
        grid = _refined(task, coarse, found, 0.5 * 0.12**round_)
    return _polished(task, direction, found, weights[weights != 0.0], part)


def _grid(task: StepTask, count: int) -> Array:
    # Angles: linear in the own cap, geometric from the foreign edge on, where the step bends most.
    near = np.cos(np.linspace(0.0, math.acos(task.own), max(2, count // 3)))
    inner, outer = math.acos(task.foreign), math.acos(task.least)
    far = np.cos(inner + (outer - inner) * np.linspace(0.0, 1.0, count) ** 2)
    ends = np.array([1.0, task.own, task.foreign, task.least])
    return _inside(task, np.concatenate([near, far, ends]))


def _inside(task: StepTask, t: Array) -> Array:
    mid = 0.5 * (task.own + task.foreign)
    return np.unique(np.where(t > mid, np.clip(t, task.own, 1.0), np.clip(t, task.least, task.foreign)))


def _refined(task: StepTask, coarse: Array, found: Array, zoom: float) -> Array:
    # Around each node, a stencil as wide as its distance to the next coarse point, shrunk by ``zoom``.
    angle, base = np.arccos(found), np.sort(np.arccos(coarse))
    place = np.clip(np.searchsorted(base, angle), 1, base.size - 1)
    spacing = np.maximum(base[place] - base[place - 1], 1e-12)
    stencil = angle[:, None] + zoom * spacing[:, None] * np.linspace(-1.5, 1.5, 13)
    extra = np.cos(np.clip(stencil.ravel(), 0.0, math.pi))
    side = np.repeat(found >= task.own, 13)
    extra = np.where(side, np.clip(extra, task.own, 1.0), np.clip(extra, task.least, task.foreign))
    return _inside(task, np.concatenate([coarse, found, extra]))


def _on_grid(task: StepTask, direction: Direction, grid: Array, part: float) -> Array:
    """Return weights (g,), mostly zeros, of the least-norm p with |p - goal| <= part * tolerance on the grid.

    min |x| subject to G x >= h has the solution x = G^T u / (1 - h^T u), u >= 0 the nonnegative least squares
    solution of [G^T; h^T] u ~ (0, ..., 0, 1). Source: Lawson and Hanson, Solving Least Squares Problems (1974), ch. 23.
    """
    gram = _basis(np.outer(grid, grid), direction)
    features = _factor(gram)
    goal, tolerance = _goal(task, grid)
    above, below = goal - part * tolerance, -goal - part * tolerance
    scale = np.sqrt(np.maximum(np.diag(gram), 1e-12))  # rows of norm 1, so that all constraints weigh alike
    rows = np.concatenate([features / scale[:, None], -features / scale[:, None]])
    sides = np.concatenate([above / scale, below / scale])
    u, _ = nnls(np.vstack([rows.T, sides]), np.append(np.zeros(rows.shape[1]), 1.0), maxiter=30 * sides.size)
    dual = u / max(1.0 - float(sides @ u), 1e-300)
    return np.asarray((dual[: grid.size] - dual[grid.size:]) / scale)


def _factor(gram: Array) -> Array:
    """Return L (g, rank) with L L^T = gram up to rounding: Cholesky's with the largest remaining pivot first.

    The kernel is smooth, so the rank is a few dozen, and threaded eigenvalues would cost a hundred times more.
    """
    left = np.diag(gram).copy()
    columns: list[Array] = []
    smallest = 1e-15 * float(left.max())
    while len(columns) < left.size:
        pivot = int(np.argmax(left))
        if left[pivot] <= smallest:
            break
        column = gram[pivot].copy()
        for earlier in columns:
            column -= earlier[pivot] * earlier
        column /= math.sqrt(float(left[pivot]))
        columns.append(column)
        left -= column * column
        left[pivot] = 0.0
    return np.stack(columns, axis=1)


def _polished(task: StepTask, direction: Direction, nodes: Array, weights: Array, part: float) -> tuple[Array, Array]:
    # Neighbors closer than a thousandth of the window stand for one node between them.
    order = np.argsort(nodes)
    nodes, weights = nodes[order], weights[order]
    side = nodes >= task.own
    close = 1e-3 * task.window
    cut = (np.diff(np.arccos(nodes)) < -close) | (np.diff(side.astype(np.int8)) != 0) | (
        np.sign(weights[1:]) != np.sign(weights[:-1]))
    groups = np.split(np.arange(nodes.size), np.flatnonzero(cut) + 1)
    merged = np.array([float(np.average(nodes[g], weights=np.abs(weights[g]))) for g in groups])
    signs = np.array([float(np.sign(weights[g].sum())) for g in groups])
    near = side[[g[0] for g in groups]]
    merged = np.where(near, np.clip(merged, task.own, 1.0), np.clip(merged, task.least, task.foreign))
    goal, tolerance = _goal(task, merged)
    gram = _basis(np.outer(merged, merged), direction)
    return merged, np.linalg.solve(gram, goal - part * tolerance * signs)


def _dual_bound(task: StepTask, direction: Direction, nodes: Array, weights: Array) -> float:
    """Return a lower bound of the norm of any p that solves the task: (goal' a - e' |a|) / (a' G a)^(1/2).

    For any weights a on nodes of the two sets: sum a_j p(t_j) <= |p| |sum a_j B(t_j .)| and p(t_j) is within e_j of
    the goal. Rounded down by more than the sums can err.
    """
    goal, tolerance = _goal(task, nodes)
    size = np.abs(weights)
    gram = _basis(np.outer(nodes, nodes), direction)
    error = 2.0**-48 * nodes.size
    top = float(goal @ weights - tolerance @ size) - error * float((goal + tolerance) @ size)
    rounding = error + 1e-8 * (np.outer(nodes, nodes) > 1.0 - 2.0**-40)  # kappa has a vertical tangent at 1
    under = float(weights @ gram @ weights) + float(size @ rounding @ size)
    return max(0.0, top) / math.sqrt(under) * (1.0 - 2.0**-50)


# -- the certificate ------------------------------------------------------------------------------------------------


def certify_atoms(task: StepTask, direction: Direction, slopes: Array, heights: Array) -> tuple[float, float]:
    """Return proved bounds of |p - 1| on [own, 1] and of |p| on [least, foreign] for p of these atoms.

    p is a combination of B(slopes_j t) with B(u) = kappa(u), or u kappa(u) with weights heights_j / slopes_j for the
    direction "anchor"; both B are increasing and convex on [-1, 1]. On a cell, a chord bounds each term from above and
    the tangent at the middle from below; the difference of such lines is largest at an end. Cells are halved until
    the bound is within 2e-4 of the largest value met, or closer where the tolerance is. B and its slope are enclosed
    by evaluation at arguments moved by 2^-50, widened by 2^-46: more than rounding does, if arcsine and root are right
    within 4 units in the last place. The bounds hold for p and for its computed values.
    """
    weights = heights / slopes if direction == "anchor" else heights
    atoms = _Atoms(np.asarray(slopes, dtype=np.float64), np.asarray(weights, dtype=np.float64), direction)
    own = _largest(atoms, task.own, 1.0, 1.0, task.own_error)
    return own, _largest(atoms, task.least, task.foreign, 0.0, task.foreign_error)


@dataclass(frozen=True, slots=True, eq=False)
class _Atoms:
    slopes: Array
    weights: Array
    direction: Direction

    def moved(self, t: Array, by: float) -> tuple[Array, Array]:
        """Return B and B' at the arguments slopes_j t + by, clipped to [-1, 1]; shape (..., atoms)."""
        u = np.clip(t[..., None] * self.slopes + by, -1.0, 1.0)
        v = 0.5 * (1.0 + u)
        value = agreement(u)
        with np.errstate(divide="ignore"):
            slope = 1.0 / (4.0 * math.pi * np.sqrt((1.0 - v) * (1.0 + v)))
        return (u * value, value + u * slope) if self.direction == "anchor" else (value, slope)

    def values(self, t: Array) -> Array:
        return np.asarray(self.moved(t, 0.0)[0] @ self.weights)

    def enclosure(self, left: Array, right: Array) -> tuple[Array, Array]:
        """Return lower and upper bounds of p on the cells [left, right]."""
        middle = 0.5 * (left + right)
        base, flat = self.moved(middle, -_MOVE)
        _, steep = self.moved(middle, _MOVE)
        vertical = np.isinf(steep)  # within rounding of argument 1: the smaller end instead of a tangent
        base = np.where(vertical, np.minimum(self.moved(left, -_MOVE)[0], self.moved(right, -_MOVE)[0]), base)
        flat, steep = np.where(vertical, 0.0, flat), np.where(vertical, 0.0, steep)
        lower, upper = np.full(left.shape, np.inf), np.full(left.shape, -np.inf)
        up, down = np.maximum(self.weights, 0.0), np.maximum(-self.weights, 0.0)
        for end in (left, right):
            chord = self.moved(end, _MOVE)[0] + _WIDER
            away = (end - middle)[:, None] * self.slopes
            rise = np.where(away > 0.0, flat * (1.0 - _WIDER), steep * (1.0 + _WIDER))
            tangent = base - _WIDER + rise * away
            upper = np.maximum(upper, chord @ up - tangent @ down)
            lower = np.minimum(lower, tangent @ up - chord @ down)
        slack = _WIDER * float(np.abs(self.weights).sum())
        # Within 2^-50 of argument 1, where kappa has a vertical tangent, computed values may be as large as kappa(1).
        most = np.maximum(np.outer(self.slopes, left), np.outer(self.slopes, right))
        edge = np.abs(self.weights) @ (most > 1.0 - 2.0**-40) * 1e-8
        return lower - slack - edge, upper + slack + edge


_MOVE, _WIDER = 2.0**-50, 2.0**-46


def _largest(atoms: _Atoms, lower: float, upper: float, goal: float, wanted: float) -> float:
    edges = np.clip(np.cos(np.linspace(math.acos(upper), math.acos(lower), 65))[::-1], lower, upper)
    edges[[0, -1]] = lower, upper
    left, right = edges[:-1], edges[1:]
    met, proved = 0.0, 0.0
    for level in range(45):
        met = max(met, float(np.abs(atoms.values(np.concatenate([left, right])) - goal).max()))
        below, above = atoms.enclosure(left, right)
        bound = np.nan_to_num(np.maximum(above - goal, goal - below), nan=math.inf)
        middle = 0.5 * (left + right)
        near = met * (1.0 + 2e-4)
        limit = wanted if met <= wanted < near else near
        open_ = (bound > limit) & (left < middle) & (middle < right) & (level < 44)
        proved = max(proved, float(bound[~open_].max(initial=0.0)))
        if not open_.any():
            break
        left, middle, right = left[open_], middle[open_], right[open_]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    return proved * (1.0 + 2.0**-50)
