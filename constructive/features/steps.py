"""Two iterations behind adversarial least squares: reweighting, slow and sure, and Newton steps on active sets.

At the optimum u_i = sign(r_i) (|r_i| + eps m) where the residual r_i is not 0 and |u_i| <= eps m where it is,
m = |J theta|, (b J^2 + n z) theta = F^T u and b m = eps sum_i (|r_i| + eps m). For given b that is linear:
r = y - K_b u, K_b = F (b J^2 + n z)^-1 F^T. Both iterations solve (K_b + diag) u = ... by one Cholesky factorization.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from constructive.features.problem import AdversarialProblem

Array = NDArray[np.float64]
JITTER = 1e-12
"""Residual per multiplier that is left where 0 is meant: K_b alone is singular for more such points than features."""
_STEP = 1.5
_SOLVED = 1e-11
_AGAIN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Iterate:
    """Multipliers u (n,), the factor b with (b J^2 + n z) theta = F^T u, and the factorizations spent."""

    u: Array
    b: float
    norm: float
    """m = |J theta|."""
    factorizations: int


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A problem with its radius eps > 0 and ridge z: what both iterations ask of it."""

    problem: AdversarialProblem
    radius: float
    ridge: float

    @property
    def _shift(self) -> float:
        return self.problem.samples * self.ridge

    def gram(self, b: float) -> Array:
        """Return K_b = F (b J^2 + n z)^-1 F^T, (n, n), a new array."""
        if self.ridge == 0.0:
            return np.asarray(self.problem.gram / b)
        spectrum = self.problem.spectrum()
        scaled = spectrum.features / np.sqrt(b * spectrum.values + self._shift)
        return np.asarray(scaled @ scaled.T)

    def gradients(self, b: float, u: Array) -> Array:
        """Return J theta up to a rotation, (N, k), for multipliers (n, k)."""
        if self.ridge == 0.0:
            return np.asarray(self.problem.whitened.T @ u / b)
        spectrum = self.problem.spectrum()
        return np.asarray((np.sqrt(spectrum.values) / (b * spectrum.values + self._shift))[:, None]
                          * (spectrum.features.T @ u))

    def theta(self, b: float, u: Array) -> Array:
        """Return theta = (b J^2 + n z)^-1 F^T u, (N, k), for multipliers (n, k)."""
        if self.ridge == 0.0:
            return np.asarray(scipy.linalg.solve_triangular(self.problem.root, self.problem.whitened.T @ u / b,
                                                            check_finite=False))
        spectrum = self.problem.spectrum()
        return np.asarray(spectrum.vectors @ (spectrum.features.T @ u / (b * spectrum.values + self._shift)[:, None]))

    def solved(self, b: float, diagonal: Array, right: Array) -> tuple[Array, int]:
        """Return (K_b + diag)^-1 right and the factorizations spent: rounding may ask for more on the diagonal."""
        spent, lift = 0, 0.0
        while True:
            matrix = self.gram(b)
            largest = float(matrix.diagonal().max())
            matrix.flat[::matrix.shape[0] + 1] += diagonal + lift * largest
            spent += 1
            try:
                factor = scipy.linalg.cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
            except np.linalg.LinAlgError:
                lift = max(4.0 * lift, 1e-16)
                continue
            u = scipy.linalg.cho_solve(factor, right, check_finite=False)
            for _ in range(_AGAIN):  # with what is missed, measured by theta: K_b has rounded by its condition number
                missed = right - diagonal[:, None] * u - self.problem.features @ self.theta(b, u)
                u = u + scipy.linalg.cho_solve(factor, missed, check_finite=False)
            return np.asarray(u), spent


def reweighted(trained: Trained, weights: Array, steps: int) -> tuple[Iterate, Array]:
    """Return the iterate after ``steps`` >= 1 reweighted least squares from weights in (0, 1), and the last weights.

    (|r| + c)^2 is the least over 0 < w < 1 of r^2 / w + c^2 / (1 - w), at w = |r| / (|r| + c): theta and weights are
    minimized in turn, so the objective never grows. Reaches a relative gap of 1e-6 in some 100 steps, 1e-9 in 1000.
    """
    eps, y = trained.radius, trained.problem.y
    spent = 0
    for _ in range(steps):
        b = eps**2 * float((1.0 / (1.0 - weights)).sum())
        solved, cost = trained.solved(b, weights, y[:, None])
        spent += cost
        u, m = solved[:, 0], float(np.linalg.norm(trained.gradients(b, solved)))
        sizes = np.abs(weights * u)  # of the residuals
        weights = np.clip(sizes / (sizes + eps * m), 1e-300, 1.0 - 1e-12) if m > 0.0 else weights
    return Iterate(u, b, m, spent), weights


def active_step(trained: Trained, start: Iterate, evaluations: int) -> Iterate:
    """Return the optimum for the signs of residuals that ``start`` suggests: 0 where |u_i| <= eps m.

    For given b u is affine in m and m the positive root of a quadratic, unique because b >= n eps^2; see
    :func:`balanced`. Where the signs are right, so is u.
    """
    eps, y = trained.radius, trained.problem.y
    moved = np.abs(start.u) > eps * start.norm
    signs = np.where(moved, np.sign(start.u), 0.0)
    still = y.size - int(np.count_nonzero(moved))
    found, spent = balanced(trained, start.b, np.where(moved, 1.0, JITTER), np.stack([y, eps * signs], axis=1),
                            lambda u, m: float(signs @ u) + still * eps * m, evaluations)
    return Iterate(start.u, start.b, start.norm, spent) if found is None else found


def balanced(trained: Trained, b: float, diagonal: Array, right: Array, total: Callable[[Array, float], float],
             evaluations: int) -> tuple[Iterate | None, int]:
    """Return u = u_0 + m u_1 with (K_b + diag) (u_0, u_1) = ``right`` (n, 2) and m = |J theta|, b m = eps total(u, m).

    b is found from the one given, by at most ``evaluations`` secant steps on log b, one factorization each; the last
    iterate is returned, with the factorizations. None in its place where rounding leaves no m > 0 to begin with.
    """
    eps, least = trained.radius, trained.problem.samples * trained.radius**2
    x, spent = math.log(max(b, least)), 0
    found: Iterate | None = None
    before: tuple[float, float] | None = None
    for _ in range(evaluations):
        b = max(math.exp(x), least)
        parts, cost = trained.solved(b, diagonal, right)
        spent += cost
        m = _norm(trained.gradients(b, parts))
        u = parts[:, 0] + m * parts[:, 1]
        size = total(u, m)
        if not (m > 0.0 and size > 0.0):  # rounding only
            break
        found = Iterate(u, b, m, spent)
        off = math.log(eps * size / (m * b))
        if abs(off) < _SOLVED:
            break
        step = off
        if before is not None and off != before[1]:
            step = -off * (x - before[0]) / (off - before[1])
        before = (x, off)
        x += min(max(step, -_STEP), _STEP)
    return None if found is None else replace(found, factorizations=spent), spent


def _norm(gradients: Array) -> float:
    """Return the positive root m of m^2 = |g_0 + m g_1|^2 for the columns g_0, g_1: |g_1| <= 1/2 but for rounding."""
    still, moving = gradients.T
    lead, half, rest = 1.0 - float(moving @ moving), float(still @ moving), float(still @ still)
    if lead <= 0.0:
        return 0.0
    return (half + math.sqrt(half * half + lead * rest)) / lead
