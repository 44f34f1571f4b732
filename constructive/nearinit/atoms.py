"""Steps made of shifted-arcsine atoms: the ones of least norm among all power series, certified by convexity.

Data flow: a task -> a grid of its two sets -> the point of least norm under the task's inequalities in the space of
kappa (or t t' kappa(t t')), by Lawson and Hanson's reduction to nonnegative least squares -> the few nodes that carry
it, refined and merged -> exact weights of the nodes, and a certificate: each atom is convex, so that on each cell a
chord bounds it from above and a tangent from below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from constructive._checks import as_number
from constructive.nearinit.atoms_bound import certify_atoms
from constructive.nearinit.series import agreement
from constructive.nearinit.step import DIRECTIONS, Direction, StepTask

Array = NDArray[np.float64]


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
    that part, and ``least_cost`` bounds it from below. Mostly five to eight atoms carry the step, twenty where the gap
    is narrow. Raises ValueError for an unknown direction, and where heights of more than 10^8 in all would be needed:
    radii beyond 0.35 of the distance, or beyond a quarter of it with errors near 10^-4.

    >>> from constructive.nearinit.step import separated_task
    >>> step = atomic_step(separated_task(1.0, 0.1, own_error=0.05, foreign_error=0.05))
    >>> step.certified[0] <= 0.05 and step.certified[1] <= 0.05
    True
    """
    who = "atomic_step"
    if direction not in DIRECTIONS:
        raise ValueError(f"{who}: direction={direction!r} must be 'anchor' or 'constant'")
    part = as_number(slack, who, "slack", above=0.0, below=0.5)
    for _ in range(6):
        found = _least_norm(task, direction, 1.0 - part)
        if found is None:
            break
        nodes, weights = found
        heights = weights * nodes if direction == "anchor" else weights
        certified = certify_atoms(task, direction, nodes, heights)
        if certified[0] <= task.own_error and certified[1] <= task.foreign_error:
            return AtomicStep(task, direction, nodes, heights, certified, _dual_bound(task, direction, nodes, weights))
        part = min(0.5, 2.0 * part)
    raise ValueError(f"{who}: own={task.own!r}, foreign={task.foreign!r} and errors {task.own_error!r}, "
                     f"{task.foreign_error!r} need larger heights than double precision bears; pass smaller caps or "
                     "larger errors, or use chebyshev_step")


_LARGEST_TOTAL = 2.0**27  # heights of this size in all lose 2^-25 of their sum to rounding


def _basis(u: Array, direction: Direction) -> Array:
    return agreement(u) * u if direction == "anchor" else agreement(u)


def _goal(task: StepTask, nodes: Array) -> tuple[Array, Array]:
    near = nodes >= task.own
    return np.where(near, 1.0, 0.0), np.where(near, task.own_error, task.foreign_error)


# -- the least norm on a grid ---------------------------------------------------------------------------------------


def _least_norm(task: StepTask, direction: Direction, part: float) -> tuple[Array, Array] | None:
    """Return nodes and weights a of the least-norm p(t) = sum a_j B(t_j t) within ``part`` of the tolerances.

    The grid is refined round the nodes that carry the solution until they stand still, then neighbors are merged and
    the weights solve the equalities at the nodes. None where weights outgrow what doubles can hold.
    """
    coarse = _grid(task, 90)
    grid, found = coarse, coarse[:0]
    for round_ in range(7):
        weights = _on_grid(task, direction, grid, part)
        found = grid[weights != 0.0]
        if found.size == 0 or np.abs(weights).sum() > _LARGEST_TOTAL:
            return None
        if round_ == 6:
            break
        grid = _refined(task, coarse, found, 0.5 * 0.12**round_)
    nodes, polished = _polished(task, direction, found, weights[weights != 0.0], part)
    return (nodes, polished) if np.abs(polished).sum() <= _LARGEST_TOTAL else None


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
    return merged, np.linalg.lstsq(gram, goal - part * tolerance * signs, rcond=1e-16)[0]  # never singular


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
