"""Linear predictors x -> x^T theta + intercept: as networks, and their exact errors under attack on given points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.network import Network
from constructive.ridge.risk import dual_norm

Array = NDArray[np.float64]


def linear_network(theta: ArrayLike, intercept: float = 0.0) -> Network:
    """Return x -> x^T theta + intercept as a network of one layer, for the rest of the library like any other.

    theta (p,) finite. Raises ValueError for other shapes.

    >>> linear_network([2.0, -1.0], 0.5)([1.0, 1.0]).tolist()
    [1.5]
    """
    who = "linear_network"
    vector = as_theta(theta, who)
    return Network.build([(vector[None, :], [as_number(intercept, who, "intercept")])])


def attacked_errors(theta: ArrayLike, intercept: float, X: ArrayLike, y: ArrayLike, radius: float, *,
                    norm: float = 2.0) -> Array:
    """Return max_(||d|| <= radius) (y_i - (x_i + d)^T theta - intercept)^2 = (|y_i - f(x_i)| + radius ||theta||')^2.

    X (n, p), y (n,) real, result (n,); ||theta||' is the dual norm, ``norm`` any number from 1 to infinity. Exact up to
    rounding: no search for the worst perturbation is needed. Raises ValueError for wrong shapes.

    >>> attacked_errors([3.0, 4.0], 0.0, [[1.0, 1.0]], [8.0], 0.2).tolist()
    [4.0]
    """
    who = "attacked_errors"
    vector = as_theta(theta, who)
    points = as_points(X, who, dimension=vector.size)
    labels = as_labels(y, points.shape[0], who)
    shift = as_number(intercept, who, "intercept")
    reach = as_number(radius, who, "radius", at_least=0.0) * dual_norm(vector, norm)
    return (np.abs(labels - points @ vector - shift) + reach) ** 2


def as_labels(y: ArrayLike, n: int, who: str, name: str = "y") -> Array:
    """Return y as a finite float64 vector with one entry for each of the n points."""
    raw = np.asarray(y)
    if raw.ndim != 1 or raw.size != n:
        raise ValueError(f"{who}: {name} must have one real label for each of the {n} points, got shape {raw.shape}")
    return as_points(raw[:, None], who, name)[:, 0]


def as_theta(theta: ArrayLike, who: str, *, dimension: int | None = None) -> Array:
    """Return theta as a finite float64 vector, of the given dimension if there is one."""
    raw = np.asarray(theta)
    if raw.ndim != 1:
        raise ValueError(f"{who}: theta must be a vector, got shape {raw.shape}; pass one row of several")
    return as_points(raw[None, :], who, "theta", dimension=dimension)[0]
