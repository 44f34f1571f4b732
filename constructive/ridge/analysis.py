"""A ridge regression that somebody has fitted, as it is: how much of it is noise, and what attacks do to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.evidence import Table
from constructive.network import Network
from constructive.ridge.linear import as_labels, attacked_errors, linear_network
from constructive.ridge.path import RidgePath, ridge_path

Array = NDArray[np.float64]
SAME = 1e-6
"""Relative distance up to which given coefficients count as the ridge solution: iterative solvers stop early."""


@dataclass(frozen=True, slots=True, eq=False)
class RidgeAnalysis:
    """A fitted ridge regression beside the whole path of ridges on its data; made by :func:`analyze_ridge`.

    ``ridge`` = alpha / n. ``distance``: ||theta - own solution|| / ||own solution||, which should be rounding;
    ``notes`` say so if it is not. ``noise_variance``: as given, or residual squares over their degrees of freedom (in
    the mean too large by what the ridge misses of the signal), NaN for an interpolant. ``noise_energy``: the part of
    ||theta||^2 that is fitted noise, expected for that variance. Errors are mean squares on the points in question, for
    each of the ``radii``: ``errors`` of the model, ``best_errors`` the least along the path, at ``best_ridges``, and
    ``mean_error`` that of the training mean, which no attack moves. Exact for those points, up to rounding; that a best
    ridge was chosen on the points it is judged on makes it look better than it is.
    """

    ridge: float
    theta: Array
    intercept: float
    distance: float
    degrees: float
    noise_variance: float
    noise_energy: float
    radii: Array
    norm: float
    errors: Array
    best_ridges: Array
    best_errors: Array
    mean_error: float
    path: RidgePath
    notes: tuple[str, ...]

    @property
    def energy(self) -> float:
        """Squared length ||theta||^2."""
        return float(self.theta @ self.theta)

    def network(self) -> Network:
        """Return the model as a network of one layer."""
        return linear_network(self.theta, self.intercept)

    def table(self) -> Table:
        """Return the errors under attack at each radius."""
        rows = tuple((f"{a:.4g}", f"{error:.5g}", f"{best:.5g}", f"{at:.3g}", f"{self.mean_error:.5g}")
                     for a, error, best, at in zip(self.radii, self.errors, self.best_errors, self.best_ridges,
                                                   strict=True))
        columns = ("radius", f"ridge {self.ridge:.3g}", "least on the path", "at ridge", "training mean")
        return Table(f"mean squared error under l_{self.norm:g} attacks", columns, rows, "; ".join(self.notes))


def analyze_ridge(model: Any, X: ArrayLike, y: ArrayLike, *, radii: ArrayLike, norm: float = 2.0,
                  held_out: tuple[ArrayLike, ArrayLike] | None = None, ridges: ArrayLike | None = None,
                  noise_variance: float | None = None) -> RidgeAnalysis:
    """Return what attacks of the given radii do to a fitted ridge regression, beside all other ridges on its data.

    ``model``: anything fitted with ``coef_``, ``intercept_``, ``alpha`` (or ``alpha_``) and ``fit_intercept``, such as
    scikit-learn's Ridge and RidgeCV with one output, used as it is; X (n, p) and real y (n,) the data it was fitted
    on. Errors are those on ``held_out`` = (Z, t), or on X, y. ``ridges`` of the path: by default 0 and 57 from 1e-10 to
    1e4 times the largest variance of X along a direction; the model's own is added. Deviations from the model's claim
    (other data, sample weights, a solver stopped early) are found by solving again, and said. Raises TypeError for
    models of another kind, ValueError for models that are not fitted or have several outputs.
    """
    who = "analyze_ridge"
    theta, shift, alpha, centered = _read(model, who)
    points = as_points(X, who, dimension=theta.size)
    labels = as_labels(y, points.shape[0], who)
    n = points.shape[0]
    own = alpha / n
    if ridges is None:
        largest = float(np.linalg.norm(points - points.mean(axis=0) * centered, ord=2)) ** 2 / n
        ridges = np.append(0.0, largest * np.geomspace(1e-10, 1e4, 57))
    grid = np.union1d(np.asarray(ridges, dtype=np.float64).reshape(-1), [own])
    path = ridge_path(points, labels, grid, intercept=centered)
    i = int(np.searchsorted(path.ridges, own))
    length = float(np.linalg.norm(path.coefficients[i]))
    apart = float(np.linalg.norm(theta - path.coefficients[i]))
    distance = apart / length if length > 0.0 else (0.0 if apart == 0.0 else math.inf)
    noise = _noise_variance(path, i, n, noise_variance, who)
    if held_out is not None and (not isinstance(held_out, (tuple, list)) or len(held_out) != 2):
        raise TypeError(f"{who}: held_out must be a pair (Z, t) of points and labels, got {type(held_out).__name__}")
    Z, t = (X, y) if held_out is None else held_out
    reach = as_points(np.atleast_1d(np.asarray(radii))[None], who, "radii")[0]
    errors = np.array([attacked_errors(theta, shift, Z, t, a, norm=norm).mean() for a in reach])
    others = np.array([path.attacked_errors(Z, t, a, norm=norm) for a in reach])  # (radii, ridges)
    best = others.argmin(axis=1)
    own_shift = float(path.intercepts[i])
    scale = float(np.abs(labels).max()) + float(np.abs(points.mean(axis=0)) @ np.abs(theta))
    moved = "" if abs(shift - own_shift) <= SAME * scale else f"{shift:.6g} for {own_shift:.6g}"
    return RidgeAnalysis(own, theta, shift, distance, float(path.degrees[i]), noise, noise * float(path.noise_gains[i]),
                         reach, float(norm), errors, path.ridges[best], others[np.arange(reach.size), best],
                         float(((np.asarray(t, dtype=np.float64) - labels.mean()) ** 2).mean()), path,
                         _notes(distance, moved, noise, held_out is None))


def _read(model: Any, who: str) -> tuple[Array, float, float, bool]:
    """Return coefficients, intercept, alpha and whether the intercept was fitted."""
    if not hasattr(model, "fit_intercept") or not (hasattr(model, "alpha") or hasattr(model, "alpha_")):
        raise TypeError(f"{who}: model must have alpha and fit_intercept, as scikit-learn's Ridge, got "
                        f"{type(model).__name__}; of a pipeline pass the last step and the transformed points")
    if not hasattr(model, "coef_") or not hasattr(model, "intercept_"):
        raise ValueError(f"{who}: this {type(model).__name__} is not fitted; call fit first")
    coefficients = np.asarray(model.coef_, dtype=np.float64)
    alpha = np.asarray(model.alpha_ if hasattr(model, "alpha_") else model.alpha, dtype=np.float64)
    if coefficients.size != coefficients.shape[-1] or alpha.size != 1:
        raise ValueError(f"{who}: model has coef_ of shape {coefficients.shape} and {alpha.size} alphas, expected one "
                         "output; fit and analyze each alone")
    theta = as_points(coefficients.reshape(1, -1), who, "coef_")[0]
    shift = float(np.asarray(model.intercept_, dtype=np.float64).reshape(-1)[0])
    return theta, shift, as_number(float(alpha.reshape(-1)[0]), who, "alpha", at_least=0.0), bool(model.fit_intercept)


def _noise_variance(path: RidgePath, i: int, n: int, given: float | None, who: str) -> float:
    if given is not None:
        return as_number(given, who, "noise_variance", at_least=0.0)
    left = float(path.residual_degrees[i])
    return n * float(path.training_errors[i]) / left if left > 1e-6 * n else math.nan


def _notes(distance: float, moved: str, noise: float, in_sample: bool) -> tuple[str, ...]:
    notes = []
    if not distance <= SAME:
        notes.append(f"coef_ is {distance:.2g} away, relatively, from the ridge solution of these data: fitted on "
                     "others, with weights or constraints, or stopped early")
    elif moved:
        notes.append(f"intercept_ is not that of the ridge solution of these data, {moved}: fitted on others?")
    if math.isnan(noise):
        notes.append("no degrees of freedom are left to estimate the noise from; pass noise_variance")
    if in_sample:
        notes.append("errors are on the training data; pass held_out for others")
    return tuple(notes)
