"""An attack that always spends its whole budget: training reaches the interpolant after a finite time.

Model: the worst linearized perturbation of sample i raises |u_i| by its budget r_i, so that du/dt in
-theta (u + r sign u). In the metric of theta^-1 this is the subgradient flow of phi(u) = |u|^2 / 2 + sum r |u|.
Data flow: implicit Euler steps, each a small convex problem solved by clipping -> states, and for each a bound on its
distance to the true flow -> a bracket of the time at which the true residuals vanish.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_number
from constructive.evidence import Bracket, Evidence
from constructive.tangent.matrices import UNIT, as_columns, as_kernel_matrix, decomposed
from constructive.tangent.predictor import TangentKernel
from constructive.tangent.propagator import as_strengths

Array = NDArray[np.float64]
SETTLED = 1e-13  # relative to the largest budget
SWEEPS = 200  # what they leave open is counted as error of the step
NEWTON = 50


@dataclass(frozen=True, slots=True, eq=False)
class SaturatedFlow:
    """Implicit Euler states of the saturated attack, and how far they are from the true flow.

    ``times`` (T,) from 0; ``residuals`` u (T, n, C); ``moved`` z (T, n, C), u_t = u_0 - theta z_t; ``norms`` (T,), the
    roots of sum_c u_c^T theta^-1 u_c; ``errors`` (T,) bound the distance of u to the true residuals in that norm,
    rounding included. ``extinction`` brackets the time at which the true residuals vanish for good. For a singular
    theta errors and the bracket's upper end are infinite.
    """

    times: Array
    residuals: Array
    moved: Array
    norms: Array
    errors: Array
    extinction: Bracket


def attack_budgets(kernel: TangentKernel, X: ArrayLike, radius: float, *, norm: float = 2.0) -> Array:
    """Return r (n,): by how much a perturbation of the given radius moves a linearized network at initialization.

    l_2: radius sqrt(kappa), kappa = E|grad f|^2 over the initializations. l_inf: radius E|grad f|_1 = radius
    sqrt(2 d kappa / pi), the gradient being normal. A drawn network has budgets of its own, radius times the dual norm
    of its gradient. Raises ValueError for other norms or a negative radius.
    """
    who = "attack_budgets"
    size, which = as_number(radius, who, "radius", at_least=0.0), as_norm(norm, who)
    kappa = kernel.squared_gradient(X)
    if which == 2.0:
        return np.asarray(size * np.sqrt(kappa))
    if which == math.inf:
        return np.asarray(size * np.sqrt(2.0 * np.asarray(X).shape[1] * kappa / math.pi))
    raise ValueError(f"{who}: norm={norm!r} must be 2 or inf")


def extinction_bounds(theta: ArrayLike, residual: ArrayLike, budgets: ArrayLike) -> Bracket:
    """Return bounds on the time at which a saturated attack's residuals vanish, before any simulation.

    Upper log(1 + sqrt(l V) / min r) / l with the least eigenvalue l of theta, lower
    log(1 + sqrt(L V) / (max r sqrt(n))) / L with the largest, V = sum_c u_c^T theta^-1 u_c. Infinite upper end for a
    singular theta or a budget of 0. Raises ValueError for wrong shapes or negative budgets.

    >>> bounds = extinction_bounds([[2.0]], [1.0], [1.0])
    >>> round(bounds.lower, 9), round(bounds.upper, 9)  # one sample: log(2) / 2
    (0.34657359, 0.34657359)
    """
    who = "extinction_bounds"
    matrix = as_kernel_matrix(theta, who)
    start, _ = as_columns(residual, matrix.shape[0], who, "residual")
    r = as_strengths(budgets, matrix.shape[0], who, "budgets")
    scale = _Scale.of(matrix, who)
    low, high = scale.norm(start)
    return Bracket(scale.not_before(low, r) * (1.0 - 64 * UNIT), scale.at_latest(high, r) * (1.0 + 64 * UNIT))


def saturated_flow(theta: ArrayLike, residual: ArrayLike, budgets: ArrayLike, *, steps: int = 400,
                   until: float | None = None) -> SaturatedFlow:
    """Return the flow du/dt in -theta (u + r u_i / |u_i|) from u = residual, (n,) or (n, C), rows measured in l_2.

    ``budgets`` r (n,) >= 0 or one number. ``steps`` implicit Euler steps lead to ``until``, by default the upper end of
    :func:`extinction_bounds` (which the scheme may pass by a few steps); it stops where all residuals are 0.
    Errors are O(1 / steps) and bounded at every step. An explicit scheme would chatter round 0.

    Raises ValueError if theta is singular or a budget is 0 and ``until`` is not given.
    """
    who = "saturated_flow"
    matrix = as_kernel_matrix(theta, who)
    start, _ = as_columns(residual, matrix.shape[0], who, "residual")
    r = as_strengths(budgets, matrix.shape[0], who, "budgets")
    count = as_count(steps, who, "steps", at_least=1)
    scale = _Scale.of(matrix, who)
    latest = scale.at_latest(scale.norm(start)[1], r)
    if until is None and not math.isfinite(latest):
        raise ValueError(f"{who}: theta is singular or a budget is 0, so no time is known at which the residuals "
                         "vanish; pass until=")
    goal = latest if until is None else as_number(until, who, "until", at_least=0.0)
    step = max(goal, np.finfo(float).tiny) / count
    # implicit Euler lags behind: at the default horizon it may need a few more steps than asked
    limit = 3 * count if until is None else count
    solver = _Step.of(scale, step, r)
    states, moves, errors = [start], [np.zeros_like(start)], [0.0]
    pull = np.zeros_like(start)
    for _ in range(limit):
        if not states[-1].any():
            break
        # from the movement, not from the last state: what was rounded to 0 there must not pile up
        u, pull = solver.solve(start - matrix @ moves[-1], pull)
        held = pull * (1.0 - 8.0 * UNIT)  # inside the ball for certain, whatever the projection rounded
        errors.append(solver.error(errors[-1], states[-1], u, held))
        states.append(u)
        moves.append(moves[-1] + step * (u + held))
    times: Array = np.asarray(step * np.arange(len(states)), dtype=np.float64)
    path, bounds = np.array(states), np.array(errors)
    sizes = np.array([scale.norm(u) for u in states])
    return SaturatedFlow(times, path, np.array(moves), sizes.mean(axis=1), bounds,
                         _extinction(scale, r, times, sizes, bounds))


def _extinction(scale: _Scale, r: Array, times: Array, sizes: Array, errors: Array) -> Bracket:
    """Return when the true flow vanishes: not while its distance from 0 is positive, soon after ours has."""
    alive = np.flatnonzero(sizes[:, 0] > errors)
    lower = max((float(times[k]) + scale.not_before(float(sizes[k, 0] - errors[k]), r) for k in alive), default=0.0)
    upper = float(times[-1]) + scale.at_latest(float(sizes[-1, 1] + errors[-1]), r)
    slack = 64 * UNIT * times.size
    return Bracket(min(lower, upper) * (1.0 - slack), upper * (1.0 + slack), Evidence.ENCLOSED)


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """theta's eigenvalues, what rounding leaves of the extreme ones, and the norm of theta^-1."""

    theta: Array
    values: Array
    vectors: Array
    least: float
    largest: float

    @classmethod
    def of(cls, theta: Array, who: str) -> _Scale:
        values, vectors = decomposed(theta, who)
        slack = 8.0 * values.size * UNIT * float(values[-1])  # backward error of a symmetric eigensolver
        return cls(theta, values, vectors, max(0.0, float(values[0]) - slack), float(values[-1]) + slack)

    def norm(self, u: Array) -> tuple[float, float]:
        """Return bounds on sqrt(sum_c u_c^T theta^-1 u_c); infinite upper end where theta is singular."""
        if not u.any():
            return 0.0, 0.0
        if self.least == 0.0:
            return 0.0, math.inf
        size = float(np.linalg.norm((self.vectors.T @ u) / np.sqrt(self.values)[:, None]))
        # each eigenvalue is off by at most 8 n 2^-53 of the largest, and so is each coordinate of u
        slack = 64.0 * self.values.size * UNIT * (self.largest / self.least) * size
        return max(0.0, size - slack), size + slack

    def at_latest(self, norm: float, r: Array) -> float:
        """Return the time within which a state of at most this norm vanishes."""
        least = float(r.min())
        if norm == 0.0:
            return 0.0
        if self.least == 0.0 or least == 0.0:
            return math.inf
        return math.log1p(math.sqrt(self.least) * norm / least) / self.least

    def not_before(self, norm: float, r: Array) -> float:
        """Return a time before which a state of at least this norm does not vanish."""
        most = float(r.max())
        if norm == 0.0:
            return 0.0
        if most == 0.0:
            return math.inf
        return math.log1p(math.sqrt(self.largest) * norm / (most * math.sqrt(r.size))) / self.largest


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One implicit Euler step: u = R u_k - h G w, R = (I + h theta)^-1, G = R theta, |w_i| <= r_i at its optimum."""

    scale: _Scale
    step: float
    budgets: Array
    shrink: Array
    pull: Array

    @classmethod
    def of(cls, scale: _Scale, step: float, budgets: Array) -> _Step:
        damped = 1.0 / (1.0 + step * scale.values)
        back = scale.vectors.T
        shrink = scale.vectors @ (damped[:, None] * back)
        pull = scale.vectors @ ((step * scale.values * damped)[:, None] * back)
        return cls(scale, step, budgets, shrink, pull)

    def solve(self, u: Array, pull: Array) -> tuple[Array, Array]:
        """Return the next residuals and the attack's part w of the rate, warm started from the last one."""
        base, r, diagonal = self.shrink @ u, self.budgets, np.diag(self.pull)
        diagonal = np.maximum(diagonal, UNIT * max(float(diagonal.max()), UNIT))  # a point of kernel 0 is not moved
        still = SETTLED * r.max() + 8.0 * r.size * UNIT * np.abs(base).max() / diagonal  # the residual's own rounding
        w = _onto(pull, r)
        if w.shape[1] == 1:
            w = self._newton(w, base, diagonal, still)
        found = base - self.pull @ w
        for sweep in range(SWEEPS):
            aim = _onto(w + found / diagonal[:, None], r)
            loose = np.flatnonzero(np.abs(aim - w).max(axis=1) > still)
            if not loose.size:
                break
            for i in loose:
                one = _onto(w[i:i + 1] + found[i:i + 1] / diagonal[i], r[i:i + 1])
                found = found - np.outer(self.pull[:, i], one[0] - w[i])
                w[i] = one[0]
            if sweep % 8 == 7:  # sweeps alone are slow where several samples stay at 0 together
                w = self._polished(w, base)
            found = base - self.pull @ w
        # where the attack's part is inside its ball, the optimum has u_i = 0; else u_i and w_i point alike
        found[np.linalg.norm(w, axis=1) < r * (1.0 - 1e-9)] = 0.0
        return found, w

    def _polished(self, w: Array, base: Array) -> Array:
        """Return w with the part inside the balls, where the optimum has u_i = 0, solved at once if it stays inside."""
        free = np.linalg.norm(w, axis=1) < self.budgets * (1.0 - 1e-9)
        rest = base[free] - self.pull[np.ix_(free, ~free)] @ w[~free]
        try:
            inner = np.linalg.solve(self.pull[np.ix_(free, free)], rest)
        except np.linalg.LinAlgError:
            return w
        if (np.linalg.norm(inner, axis=1) > self.budgets[free]).any():
            return w
        out = w.copy()
        out[free] = inner
        return out

    def _newton(self, w: Array, base: Array, diagonal: Array, still: Array) -> Array:
        """Return w after projected Newton steps: with one output the sweeps alone may need thousands of rounds.

        Samples at their bound that the residual pushes outwards stay; the others move to the optimum of the quadratic
        form, are clipped, and the step is halved until the objective falls.
        """
        r = self.budgets[:, None]
        found = base - self.pull @ w
        value = float((w * (base + found)).sum())  # twice the objective, which is to grow
        for _ in range(NEWTON):
            if (np.abs(np.clip(w + found / diagonal[:, None], -r, r) - w)[:, 0] <= still).all():
                return w
            free = ~((np.abs(w) >= r) & (found * w >= 0.0))[:, 0]
            try:
                aim = np.linalg.solve(self.pull[np.ix_(free, free)], found[free])
            except np.linalg.LinAlgError:
                return w
            part = 1.0
            while part > 1e-4:
                trial = w.copy()
                trial[free] = np.clip(w[free] + part * aim, -r[free], r[free])
                left = base - self.pull @ trial
                gain = float((trial * (base + left)).sum())
                if gain > value:
                    break
                part /= 2.0
            else:
                return w
            w, found, value = trial, left, gain
        return w

    def error(self, before: float, old: Array, new: Array, w: Array) -> float:
        """Return a bound on the distance to the true flow after the step, given one before it.

        Let e be the distance on the straight line U between the states, G = new + w. As phi is convex, d(e^2)/dt / 2
        is at most phi(U) - phi(new) - G (U - new) + gap(new) - l e^2 / 2 <= s delta + gap(new) - l e^2 / 2, s falling
        from 1 to 0, delta = |old - new|^2 / 2 + gap(old) - gap(new), gap(v) = sum r |v| - w v >= 0, l theta's least
        eigenvalue. A defect of the step's equation adds at most its norm.
        """
        r, sizes = self.budgets, (np.linalg.norm(old, axis=1), np.linalg.norm(new, axis=1))
        gaps = [float((r * size - (w * u).sum(axis=1)).clip(0.0).sum())
                for size, u in zip(sizes, (old, new), strict=True)]
        rounding = 8.0 * (r.size + 4) * UNIT * float((r * (sizes[0] + sizes[1])).sum())
        growth = self.step * (0.5 * float(((old - new) ** 2).sum()) + gaps[0] + gaps[1] + 2.0 * rounding)
        moved = self.step * (self.scale.theta @ (new + w))
        inexact = 8.0 * (r.size + 4) * UNIT * (float(np.linalg.norm(old)) + self.step * self.scale.largest
                                               * float(np.linalg.norm(new + w)))
        defect = float(np.linalg.norm(old - new - moved)) + inexact
        if self.scale.least == 0.0:
            return math.inf
        kept = before**2 * math.exp(-self.scale.least * self.step)
        return (math.sqrt(kept + growth) + defect / math.sqrt(self.scale.least)) * (1.0 + 64 * UNIT)


def _onto(w: Any, r: Array) -> Array:
    """Return the rows of w moved radially into balls of radius r."""
    sizes = np.sqrt((w * w).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(sizes > r, r / sizes, 1.0)
    return np.asarray(w * factor[:, None])
