"""Adversarially trained linear models fitted to a certified gap: which case holds, then a few Newton steps."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.features.interior import inside, interior_step
from constructive.features.problem import AdversarialProblem
from constructive.features.steps import Iterate, Trained, active_step, reweighted

Array = NDArray[np.float64]
Status = Literal["zero", "interpolates", "active set", "interior", "reweighted", "least squares", "stopped"]
GAP = 1e-10
_WARM, _AGAIN, _PASSES, _PATIENCE, _EVALUATIONS, _NEARLY = 12, 50, 30, 3, 10, 1e-4
_INWARD, _INWARD_PATIENCE, _INWARD_EVALUATIONS = 80, 8, 4
_DEPENDENT, _FAINT = 1e-11, 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A minimizer theta (N,) of the adversarial objective, and the multipliers (n,) that prove it one.

    ``lower`` <= min P <= ``objective`` = P(theta), in float64: rounding moves both by some 1e-14 of themselves, more
    where J^2 is nearly singular; without a ridge ``lower`` is dual @ y / (2 n). ``gap`` is their difference relative to
    the objective, relative to P(0) for radius 0, and may be negative by rounding. ``zero_fraction`` of the residuals is
    at most 1e-9 of the largest label. ``status`` says how theta was found: "zero" and "interpolates" are exact cases,
    "least squares" is radius 0; "stopped" did not reach the gap asked for.
    """

    theta: Array
    dual: Array
    objective: float
    lower: float
    gap: float
    gradient_norm: float
    residuals: Array
    zero_fraction: float
    factorizations: int
    status: Status


def fit_adversarial(features: ArrayLike, y: ArrayLike, gradient_matrix: ArrayLike, *, radius: float,
                    ridge: float = 0.0) -> Fit:
    """Return the minimizer of 1/(2 n) sum_i (|y_i - f_i theta| + radius |J theta|)^2 + ridge/2 |theta|^2.

    features (n, N), y (n,), gradient_matrix J^2 (N, N), positive definite. The relative duality gap is at most 1e-10,
    or where rounding of y - F theta allows no less 2^-50 max_i (|y_i| + sum_k |F_ik theta_k|) / sqrt(2 P(theta)).
    Without a ridge, radius 0 gives the minimizer of least |theta|, every small radius > 0 the one of least |J theta|.
    For many radii or ridges make one :class:`AdversarialProblem` and call :func:`fit_problem`.

    Raises ValueError as :meth:`AdversarialProblem.of`, or for a negative radius or ridge. Warns (RuntimeWarning) if
    the gap was not reached. Source: arXiv 2201.05149 (the objective); reweighting after Ribeiro, Schoen, Zachariah,
    Bach; dual, active sets, interior steps and the exact cases are ours.

    >>> fit = fit_adversarial([[1.0], [1.0], [1.0]], [11.0, 11.0, 8.0], [[1.0]], radius=0.2)
    >>> round(fit.gradient_norm, 6), fit.status, abs(fit.gap) < 1e-10
    (10.0, 'active set', True)
    """
    return fit_problem(AdversarialProblem.of(features, y, gradient_matrix), radius=radius, ridge=ridge)


def fit_problem(problem: AdversarialProblem, *, radius: float, ridge: float = 0.0) -> Fit:
    """Return the minimizer of the problem for this radius and ridge; see :func:`fit_adversarial`.

    >>> problem = AdversarialProblem.of([[2.0, 0.0], [0.0, 2.0]], [1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    >>> [fit_problem(problem, radius=radius).status for radius in (0.1, 2.0)]
    ['interpolates', 'zero']
    """
    who = "fit_problem"
    eps, z = as_number(radius, who, "radius", at_least=0.0), as_number(ridge, who, "ridge", at_least=0.0)
    n = problem.samples
    if not problem.y.any() or (eps > 0.0 and eps >= problem.zero_radius):
        return _judged(problem, eps, z, np.zeros(problem.features.shape[1]), problem.y, "zero", 0)
    if eps == 0.0:
        return _least_squares(problem, z)
    if eps < _FAINT * problem.zero_radius:
        raise ValueError(f"{who}: radius={eps!r} must be 0 or at least {_FAINT} of the zero radius "
                         f"{problem.zero_radius!r}; below rounding it only says which minimizer is meant")
    trained, spent = Trained(problem, eps, z), 0
    if z == 0.0:
        limit, u = problem.interpolation()
        spent = int(limit > 0.0)
        if eps <= limit:
            theta = met_exactly(problem, trained.theta(1.0, u[:, None])[:, 0], np.ones(n, bool))
            fit = _judged(problem, eps, z, theta, n * eps**2 * u, "interpolates", spent + 1)
            if fit.gap <= attainable_gap(problem, fit):
                return fit
    return _descended(trained, spent)


def _descended(trained: Trained, spent: int) -> Fit:
    """Return the best of active steps from a warm start, and where they do not get there, of interior steps as well.

    With many nearly dependent features and little noise more labels are met than there are features to meet them, or
    residuals are far smaller than the gain eps m: signs then go round in circles. Interior steps guess none.
    """
    problem = trained.problem
    here, _ = reweighted(trained, np.full(problem.samples, 0.5), _WARM)
    best = _signed(trained, here, _fit(trained, here, "reweighted", spent + here.factorizations))
    if best.gap > attainable_gap(problem, best):
        best, here = _inward(trained, here, best)
        best = _signed(trained, here, best)
    if best.gap > attainable_gap(problem, best):
        sizes = np.abs(best.residuals)
        weights = np.clip(sizes / (sizes + trained.radius * best.gradient_norm), 1e-300, 1.0 - 1e-12)
        here, _ = reweighted(trained, weights, _AGAIN)
        best = _signed(trained, here, replace(best, factorizations=best.factorizations + here.factorizations))
    if best.gap <= attainable_gap(problem, best):
        return best
    warnings.warn(f"fit_adversarial: the relative gap is {best.gap:.3g} after {best.factorizations} factorizations; "
                  "the features or J^2 are nearly singular", RuntimeWarning, stacklevel=4)
    return replace(best, status="stopped")


def _signed(trained: Trained, here: Iterate, best: Fit) -> Fit:
    """Return the best of the fit given and of active steps from ``here``, until they stop to improve."""
    problem, spent, failed = trained.problem, best.factorizations, 0
    for k in range(_PASSES):
        if best.gap <= GAP or failed == _PATIENCE or (failed > 0 and best.gap <= attainable_gap(problem, best)):
            break
        here = active_step(trained, here, 2 if k == 0 else _EVALUATIONS)
        spent += here.factorizations
        fit = _fit(trained, here, "active set", spent)
        if GAP < fit.gap < _NEARLY:
            fit, spent = _polished(trained, here, fit), spent + 1
        failed = 0 if fit.gap < best.gap else failed + 1
        best = _better(best, fit, spent)
    return best


def _inward(trained: Trained, here: Iterate, best: Fit) -> tuple[Fit, Iterate]:
    """Return the best of the fit given and of interior steps from ``here``, and the signs where these end."""
    problem, start = trained.problem, best.factorizations
    point, nearest, failed = inside(trained, here), math.inf, 0
    end = point
    for _ in range(_INWARD):
        if failed == _INWARD_PATIENCE or best.gap <= attainable_gap(problem, best):
            break
        after = interior_step(trained, point, _INWARD_EVALUATIONS)
        if after is None:
            break
        point = after
        fit = _judged(problem, trained.radius, trained.ridge, point.theta, point.u, "interior",
                      start + point.factorizations)
        failed += 1
        if fit.gap < nearest:
            end, nearest, failed = point, fit.gap, 0
        best = _better(best, fit, start + point.factorizations)
    here = end.iterate(trained.radius)
    if GAP < best.gap < _NEARLY:
        best = _polished(trained, here, best)
    return best, here


def _polished(trained: Trained, here: Iterate, fit: Fit) -> Fit:
    """Return the better of the fit and of that which meets exactly what the signs of ``here`` say is met."""
    problem, spent = trained.problem, fit.factorizations + 1
    theta = met_exactly(problem, fit.theta, np.abs(here.u) <= trained.radius * here.norm)
    moved = _judged(problem, trained.radius, trained.ridge, theta, fit.dual, fit.status, spent)
    return _better(fit, moved, spent)


def met_exactly(problem: AdversarialProblem, theta: Array, still: NDArray[np.bool_]) -> Array:
    """Return theta moved by the least |J step| such that the labels marked in ``still`` (n,) are met, but for rounding.

    Large multipliers cancel in F^T u and leave residuals of their own size; steps that are small themselves do not.
    Where the marked rows of G are dependent their labels are met as far as can be.
    """
    G, F, y = problem.whitened[still], problem.features[still], problem.y[still]
    if y.size == 0:
        return theta
    for _ in range(2):
        move = _least_norm(G, problem.gram[np.ix_(still, still)], y - F @ theta)
        theta = theta + scipy.linalg.solve_triangular(problem.root, move, check_finite=False)
    return theta


def _least_norm(G: Array, gram: Array, right: Array) -> Array:
    """Return the least z with G z = right, or nearest to it; ``gram`` = G G^T."""
    if G.shape[0] <= G.shape[1]:
        try:
            factor = scipy.linalg.cho_factor(gram, lower=True, check_finite=False)
            return np.asarray(G.T @ scipy.linalg.cho_solve(factor, right, check_finite=False))
        except np.linalg.LinAlgError:
            pass
    return np.asarray(np.linalg.lstsq(G, right, rcond=_DEPENDENT)[0])


def _least_squares(problem: AdversarialProblem, z: float) -> Fit:
    """Return the fit for radius 0: least |theta| among the minimizers, or ridge regression."""
    F, y, n = problem.features, problem.y, problem.samples
    if z == 0.0:
        theta: Array = np.linalg.lstsq(F, y, rcond=None)[0].astype(np.float64)
    elif F.shape[1] < n:
        theta = scipy.linalg.solve(F.T @ F + n * z * np.eye(F.shape[1]), F.T @ y, assume_a="pos")
    else:
        theta = F.T @ scipy.linalg.solve(F @ F.T + n * z * np.eye(n), y, assume_a="pos")
    return _judged(problem, 0.0, z, theta, y - F @ theta, "least squares", 1)


def _fit(trained: Trained, here: Iterate, status: Status, spent: int) -> Fit:
    theta = trained.theta(here.b, here.u[:, None])[:, 0]
    return _judged(trained.problem, trained.radius, trained.ridge, theta, here.u, status, spent)


def _judged(problem: AdversarialProblem, eps: float, z: float, theta: Array, u: Array, status: Status,
            spent: int) -> Fit:
    """Return theta with everything that is claimed of it, measured anew from the problem."""
    upper = problem.objective(theta, radius=eps, ridge=z)
    lower = problem.dual_value(u, radius=eps, ridge=z)
    if z == 0.0 and lower > 0.0:  # the bound is that of all multiples of u: of these the best
        u = u * (2.0 * problem.samples * lower / float(u @ problem.y))
    scale = upper if eps > 0.0 else float(problem.y @ problem.y) / (2.0 * problem.samples)
    residuals = problem.y - problem.features @ theta
    met = np.abs(residuals) <= 1e-9 * float(np.abs(problem.y).max())
    return Fit(theta, u, upper, lower, (upper - lower) / scale if scale > 0.0 else 0.0, problem.gradient_norm(theta),
               residuals, float(met.mean()), spent, status)


def _better(old: Fit | None, new: Fit, spent: int) -> Fit:
    """Return the one of smaller gap, with all factorizations so far."""
    return replace(new if old is None or new.gap < old.gap else old, factorizations=spent)


def attainable_gap(problem: AdversarialProblem, fit: Fit) -> float:
    """Return the relative gap that is asked for: 1e-10, or what rounding of y - F theta makes of the objective."""
    size = float((np.abs(problem.y) + np.abs(problem.features) @ np.abs(fit.theta)).max())
    return max(GAP, 2.0**-50 * size / math.sqrt(2.0 * fit.objective)) if fit.objective > 0.0 else GAP
