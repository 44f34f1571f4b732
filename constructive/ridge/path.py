"""Ridge regression for many ridges from one singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.network import Network
from constructive.ridge.effective import as_ridges
from constructive.ridge.linear import as_labels, linear_network
from constructive.ridge.risk import dual_norm
from constructive.ridge.singular import factorize

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RidgePath:
    """Predictors x -> x^T theta + intercept for m ridges; made by :func:`ridge_path`.

    ``ridges`` (m,), ``coefficients`` (m, p), ``intercepts`` (m,). ``degrees`` (m,): the trace of the map from labels to
    fitted values, an intercept not counted. ``training_errors`` (m,): mean squares on the training data.
    ``residual_degrees`` (m,) and ``noise_gains`` (m,): the sum of squared residuals and ||theta||^2 that are expected
    from labels that are noise of variance 1.
    """

    ridges: Array
    coefficients: Array
    intercepts: Array
    degrees: Array
    training_errors: Array
    residual_degrees: Array
    noise_gains: Array

    @property
    def energies(self) -> Array:
        """Squared lengths ||theta||^2; they do not rise along increasing ridges."""
        return (self.coefficients**2).sum(axis=1)

    def lengths(self, norm: float = 2.0) -> Array:
        """Return the dual norms (m,): how far an attack of size 1 moves each predictor; may rise if not l_2."""
        return np.atleast_1d(dual_norm(self.coefficients, norm))

    def __call__(self, Z: ArrayLike) -> Array:
        """Return the predictions (m, k) at points Z (k, p)."""
        points = as_points(Z, "RidgePath", "Z", dimension=self.coefficients.shape[1])
        return self.coefficients @ points.T + self.intercepts[:, None]

    def attacked_errors(self, Z: ArrayLike, t: ArrayLike, radius: float, *, norm: float = 2.0) -> Array:
        """Return the mean over the points of the largest squared error in the ball of this radius, for each ridge.

        Exact for the points Z (k, p) and real labels t (k,), up to rounding; ``norm`` from 1 to infinity.
        """
        who = "RidgePath.attacked_errors"
        points = as_points(Z, who, "Z", dimension=self.coefficients.shape[1])
        labels = as_labels(t, points.shape[0], who, "t")
        reach = as_number(radius, who, "radius", at_least=0.0) * self.lengths(norm)
        return ((np.abs(labels - self(points)) + reach[:, None]) ** 2).mean(axis=1)

    def network(self, index: int) -> Network:
        """Return the predictor of one ridge as a network of one layer."""
        i = as_count(index, "RidgePath.network", "index", at_most=self.ridges.size - 1)
        return linear_network(self.coefficients[i], float(self.intercepts[i]))


def ridge_path(X: ArrayLike, y: ArrayLike, ridges: ArrayLike, *, intercept: bool = False) -> RidgePath:
    """Return the minimizers of sum_i (y_i - x_i^T theta - b)^2 + n ridge ||theta||^2, one for each of the ridges.

    X (n, p), real y (n,), ``ridges`` (m,) >= 0 in any order; ridge 0 gives the shortest of the least-squares solutions.
    Singular values up to s_1 max(n, p) eps count as 0. b is 0, or free and unpenalized with ``intercept``.
    scikit-learn's ``Ridge(alpha)`` is ridge = alpha / n. Time O(n p min(n, p)) once and O(n p) for each ridge.
    Raises ValueError for wrong shapes, numbers that are not finite, and negative ridges.

    >>> path = ridge_path([[2.0, 0.0]], [4.0], [0.0, 4.0])
    >>> path.coefficients.tolist(), path.degrees.tolist()
    ([[2.0, 0.0], [1.0, 0.0]], [1.0, 0.5])
    """
    who = "ridge_path"
    points, given = as_points(X, who), as_ridges(ridges, who)
    labels = as_labels(y, points.shape[0], who)
    if given.ndim != 1:
        raise ValueError(f"{who}: ridges must be a vector, got shape {given.shape}")
    center, level = (points.mean(axis=0), float(labels.mean())) if intercept else (np.zeros(points.shape[1]), 0.0)
    factors = factorize(points - center)
    shrunk, gain, missed = factors.filters(given)
    inside = factors.left.T @ (labels - level)
    coefficients = (gain * inside) @ factors.right.T
    # What the labels have outside the range of X is missed by every ridge.
    outside = labels - level - factors.left @ inside
    errors = (((missed * inside) ** 2).sum(axis=1) + float(outside @ outside)) / points.shape[0]
    left = (missed**2).sum(axis=1) + (points.shape[0] - factors.values.size - intercept)
    return RidgePath(given, coefficients, level - coefficients @ center, shrunk.sum(axis=1), errors,
                     np.maximum(left, 0.0), (gain**2).sum(axis=1))
