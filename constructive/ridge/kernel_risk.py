"""Adversarial risk of kernel ridge regression on l_2 balls, between an attack and two bounds.

There is no closed form as for linear predictors. Three numbers bracket and guess the truth at each point: what an
attack reaches, from below; the error plus radius times slope, a guess that ignores curvature; the error plus how far f
can move, from above. How far f moves is bounded by its norm in the kernel's space times a distance there, which falls
like the root of the radius, and by a Lipschitz constant; the smaller counts. In high dimension the guess is nearly the
attack, and the bounds are loose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.ridge.kernel_ridge import KernelRidge, as_values

Array = NDArray[np.float64]
INWARD = 1.0 - 4.0 * 2.0**-52
"""Steps are shortened by this, so that their points lie in the ball."""


@dataclass(frozen=True, slots=True, eq=False)
class KernelRisks:
    """Squared errors (m,) at each point: ``clean``, under attack and their bounds, in double precision.

    clean, one_step <= attacked <= the largest squared error over the ball <= upper = min(by_norm, by_slope);
    ``linearized`` is (|error| + radius |grad f|)^2, ``energy`` is |grad f|^2.
    """

    clean: Array
    one_step: Array
    attacked: Array
    linearized: Array
    by_norm: Array
    by_slope: Array
    energy: Array

    @property
    def upper(self) -> Array:
        """The smaller of the two bounds, (m,)."""
        return np.minimum(self.by_norm, self.by_slope)


def kernel_risks(model: KernelRidge, Z: ArrayLike, truth: ArrayLike, radius: float, *, steps: int = 5) -> KernelRisks:
    """Return the squared error of f at Z (m, d) against truth (m,), and its largest in l_2 balls from both sides.

    The attack goes to the boundary along the slope, and then ``steps`` - 1 times along the slope found there, up and
    down; every point visited counts, the center included. Raises ValueError for a negative radius, for other shapes,
    and for a row 0 of Z, where f has no slope.
    """
    who = "kernel_risks"
    points = as_points(Z, who, "Z", dimension=model.X.shape[1])
    goal = as_values(truth, who, "truth", points.shape[0])
    reach, count = as_number(radius, who, "radius", at_least=0.0), as_count(steps, who, "steps", at_least=1)
    error, slope = model(points) - goal, model.gradient(points)
    first, best = error**2, error**2
    for sign in (1.0, -1.0):
        direction, at = slope, points
        for step in range(count):
            at = _toward(points, sign * direction, reach)
            found = (model(at) - goal) ** 2
            best = np.maximum(best, found)
            first = np.maximum(first, found) if step == 0 else first
            if step + 1 < count:
                # f has no slope at 0: from there the center's is taken again
                direction = model.gradient(np.where((at != 0.0).any(axis=1, keepdims=True), at, points))
    energy, size = (slope**2).sum(axis=1), np.abs(error)
    return KernelRisks(
        clean=error**2, one_step=first, attacked=best, linearized=(size + reach * np.sqrt(energy)) ** 2,
        by_norm=(size + model.norm * model.kernel.distance(points, reach)) ** 2,
        by_slope=(size + reach * model.lipschitz) ** 2, energy=energy)


def _toward(points: Array, directions: Array, reach: float) -> Array:
    """Return the points moved by ``reach`` along the directions; where a direction is 0, not at all."""
    sizes = np.linalg.norm(directions, axis=1)[:, None]
    unit = np.divide(directions, sizes, out=np.zeros_like(directions), where=sizes > 0.0)
    return np.asarray(points + INWARD * reach * unit)
