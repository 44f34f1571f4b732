"""Interior steps for adversarial least squares: they guess no signs of residuals, so cannot go round in circles.

The problem is that of the least sum of p_i^2 / 2 over p_i >= eps m + |r_i|, besides the ridge. With multipliers
(p_i + u_i) / 2 and (p_i - u_i) / 2 of the two bounds, both products of multiplier and slack are led to one mu > 0,
and mu to 0. Linearized, that makes r_i affine in u_i and m; what is left is solved as for given signs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.features.steps import Iterate, Trained, balanced

Array = NDArray[np.float64]
_LIFT, _SHARE = 1.1, 0.99
_FIRST, _LEAST, _MOST = 0.3, 0.02, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """A point with positive slacks and multipliers: theta (N,), residuals, u and p (n,), c = eps m, the factor b."""

    theta: Array
    residuals: Array
    u: Array
    p: Array
    c: float
    b: float
    shrink: float
    """What the next step shall leave of mu."""
    factorizations: int

    def iterate(self, radius: float) -> Iterate:
        """Return u, b and m: the signs that this point suggests."""
        return Iterate(self.u, self.b, self.c / radius, self.factorizations)


def inside(trained: Trained, start: Iterate) -> Inside:
    """Return a point inside near an iterate: its theta and u, p a little larger than they ask for."""
    theta = trained.theta(start.b, start.u[:, None])[:, 0]
    residuals, c = trained.problem.y - trained.problem.features @ theta, trained.radius * start.norm
    p = _LIFT * np.maximum(np.abs(residuals) + c, np.abs(start.u))
    return Inside(theta, residuals, start.u, p, c, start.b, _FIRST, 0)


def interior_step(trained: Trained, here: Inside, evaluations: int) -> Inside | None:
    """Return the point after one step toward products of mu * shrink, 0.99 of the way to the nearest bound at most.

    Takes at most ``evaluations`` factorizations, more only for rounding. None if rounding leaves no step.
    """
    n, eps = trained.problem.samples, trained.radius
    multipliers, slacks = _bounds(here.u, here.p, here.residuals, here.c)
    goal = here.shrink * float((multipliers * slacks).sum()) / (2 * n)
    # l (p - c - r) + a (p + u) / 2 = goal + l a for the upper bound, the same with -r and -u for the lower
    (up, down), (above, below), right = multipliers, slacks, goal + multipliers * slacks
    per_up, per_down = up + above / 2.0, down + below / 2.0
    both = per_down * up + per_up * down
    diagonal = (per_up * below + per_down * above) / (2.0 * both)
    by_c = (per_up * down - per_down * up) / both
    fixed = (per_up * right[1] - per_down * right[0]) / both

    def totals(u: Array, m: float) -> tuple[Array, Array]:
        """Return r and p for these u and m."""
        r = diagonal * u + by_c * (eps * m) + fixed
        return r, (right.sum(axis=0) + multipliers.sum(axis=0) * (eps * m) + (below - above) / 2.0 * u
                   + (up - down) * r) / (per_up + per_down)

    found, spent = balanced(trained, here.b, diagonal, np.stack([trained.problem.y - fixed, -eps * by_c], axis=1),
                            lambda u, m: float(totals(u, m)[1].sum()), evaluations)
    if found is None:
        return None
    residuals, p = totals(found.u, found.norm)
    c, theta = eps * found.norm, trained.theta(found.b, found.u[:, None])[:, 0]
    before = np.concatenate([multipliers, slacks])
    change = np.concatenate(_bounds(found.u, p, residuals, c)) - before
    falls = change < 0.0
    t = min(1.0, _SHARE * float((before[falls] / -change[falls]).min())) if falls.any() else 1.0

    def between(old: Array, new: Array) -> Array:
        return old + t * (new - old)

    return Inside(between(here.theta, theta), between(here.residuals, residuals), between(here.u, found.u),
                  between(here.p, p), here.c + t * (c - here.c), here.b * math.exp(t * math.log(found.b / here.b)),
                  min(max((1.0 - t)**2, _LEAST), _MOST), here.factorizations + spent)


def _bounds(u: Array, p: Array, residuals: Array, c: float) -> tuple[Array, Array]:
    """Return multipliers and slacks of p - c - r >= 0 and p - c + r >= 0, each (2, n)."""
    return np.stack([(p + u) / 2.0, (p - u) / 2.0]), np.stack([p - c - residuals, p - c + residuals])
