"""Steps with few powers of t and the least sum of |coefficients|, each weighed by what it costs as random features.

A linear program on Chebyshev nodes of the two sets. Powers beyond the least degree make steps cheaper by orders of
magnitude: the degree is not the cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from constructive._checks import as_count
from constructive.nearinit.dolph import stated_degree
from constructive.nearinit.nodes import between_nodes, chebyshev_nodes, largest_distance
from constructive.nearinit.series import feature_norms
from constructive.nearinit.step import DIRECTIONS, Direction, StepTask

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_NODES_PER_DEGREE = 4
_MARGIN = 1e-6  # of the tolerances, for the solver's feasibility tolerance


@dataclass(frozen=True, slots=True, eq=False)
class MinimalStep:
    """p(t) = sum_k coefficients_k t^(powers_k + shift), shift = 1 for the direction "anchor", 0 for "constant".

    ``certified`` is proved for p and for its computed values, from nodes; ``value`` is the linear program's optimum,
    at most ``cost`` but for the solver's tolerance.
    """

    task: StepTask
    direction: Direction
    powers: Indices
    coefficients: Array
    value: float
    certified: tuple[float, float]

    @property
    def shift(self) -> int:
        """The power of t in front of the sum."""
        return 1 if self.direction == "anchor" else 0

    @property
    def degree(self) -> int:
        """The largest exponent of t with a coefficient."""
        return int(self.powers[self.coefficients != 0.0].max()) + self.shift

    @property
    def cost(self) -> float:
        """sum_k |coefficients_k| / sigma_(powers_k), sigma the feature norms."""
        return float(np.abs(self.coefficients) @ (1.0 / feature_norms(int(self.powers.max()) + 1)[self.powers]))

    def __call__(self, t: ArrayLike) -> Array:
        x = np.clip(np.asarray(t, dtype=np.float64), -1.0, 1.0)
        return _values(self.powers + self.shift, self.coefficients, x)[0]


def _values(exponents: Indices, coefficients: Array, t: Array) -> tuple[Array, Array]:
    # Values and bounds of their errors: powers right within 4 last places, then products and a sum of n terms.
    powers = t[..., None] ** exponents
    bound = np.abs(powers) @ np.abs(coefficients) * ((exponents.size + 10) * 2.0**-53)
    return np.asarray(powers @ coefficients), np.asarray(bound)


def minimal_step(task: StepTask, *, direction: Direction = "anchor", degree: int | None = None,
                 powers: ArrayLike | None = None) -> MinimalStep:
    """Return the step of least sum |q_k| / sigma_k over the given powers; ``certified`` <= the task's errors, proved.

    Powers default to 0, ..., 12 and then about 60 up to ``degree``, geometrically thinned, of both parities; degree
    defaults to four times the closed form's, at most 400. Costs fall with the degree and are far from those of the
    least possible one. Raises ValueError if no combination of the powers solves the task, or for an unknown
    direction.

    >>> from constructive.nearinit.step import separated_task
    >>> step = minimal_step(separated_task(1.4, 0.0, own_error=0.05, foreign_error=0.05), degree=24)
    >>> step.certified[0] <= 0.05 and step.certified[1] <= 0.05
    True
    """
    who = "minimal_step"
    if direction not in DIRECTIONS:
        raise ValueError(f"{who}: direction={direction!r} must be 'anchor' or 'constant'")
    if powers is None:
        top = (min(400, 4 * stated_degree(task)) if degree is None else as_count(degree, who, "degree", at_least=1))
        chosen = thinned_powers(top)
    else:
        chosen = np.unique(np.asarray(powers, dtype=np.int64))
        if chosen.size == 0 or chosen[0] < 0:
            raise ValueError(f"{who}: powers must be nonnegative integers, at least one, got {powers!r}")
    exponents = chosen + (1 if direction == "anchor" else 0)
    scale = feature_norms(int(chosen[-1]) + 1)[chosen]
    margin = _MARGIN
    for _ in range(6):
        found = _solve(task, exponents, scale, margin, int(exponents[-1]))
        if found is None:
            break
        certified = _certify(task, exponents, found[0])
        if certified[0] <= task.own_error and certified[1] <= task.foreign_error:
            return MinimalStep(task, direction, chosen, found[0], found[1], certified)
        margin *= 8.0
    raise ValueError(f"{who}: no combination of {chosen.size} powers up to {int(chosen[-1])} solves the task, errors "
                     f"{task.own_error!r} and {task.foreign_error!r}; allow a larger degree or larger errors")


def thinned_powers(degree: int, dense: int = 12, count: int = 60) -> Indices:
    """Return 0, ..., dense and then about ``count`` powers up to ``degree``, spaced geometrically, of both parities.

    >>> thinned_powers(14).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    """
    if degree <= dense:
        return np.arange(degree + 1)
    far = np.geomspace(dense, degree, count // 2).astype(np.int64)
    kept = np.unique(np.concatenate([np.arange(dense + 1), far, far - 1, [degree, degree - 1]]))
    return np.asarray(kept[kept >= 0])


def _solve(task: StepTask, exponents: Indices, scale: Array, margin: float,
           degree: int) -> tuple[Array, float] | None:
    """Return coefficients and the optimum of the linear program, None if it is infeasible.

    Variables are the positive and negative parts of q_k / sigma_k. Nodes are those for polynomials of ``degree``, at
    least the largest exponent, and tolerances are divided by how far such polynomials can rise between nodes: with
    the degree held, more powers never cost more.
    """
    rows, sides = [], []
    for lower, upper, goal, error in ((task.own, 1.0, 1.0, task.own_error),
                                      (task.least, task.foreign, 0.0, task.foreign_error)):
        count = 1 if lower == upper else _NODES_PER_DEGREE * degree + 16
        allowed = error * (1.0 - margin) / between_nodes(degree, count, lower, upper)
        matrix = chebyshev_nodes(lower, upper, count)[:, None] ** exponents * scale / error
        rows += [matrix, -matrix]
        sides += [np.full(count, (allowed + goal) / error), np.full(count, (allowed - goal) / error)]
    half = np.vstack(rows)
    answer = linprog(np.ones(2 * scale.size), A_ub=np.hstack([half, -half]), b_ub=np.concatenate(sides),
                     bounds=(0, None), method="highs")
    if answer.status != 0:
        return None
    parts = answer.x[: scale.size] - answer.x[scale.size:]
    return parts * scale, float(answer.fun)


def _certify(task: StepTask, exponents: Indices, coefficients: Array) -> tuple[float, float]:
    degree = int(exponents[-1])
    slope = float(np.abs(coefficients) @ exponents) * (1.0 + 2.0**-40)
    rounding = float(np.abs(coefficients).sum()) * (exponents.size + 10) * 2.0**-53

    def bound(lower: float, upper: float, goal: float) -> float:
        return rounding + largest_distance(lambda t: _values(exponents, coefficients, t), degree, slope, lower, upper,
                                           goal)

    return bound(task.own, 1.0, 1.0), bound(task.least, task.foreign, 0.0)
