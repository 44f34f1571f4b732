"""Adversarial risk of a linear predictor, from its standard risk and its length: a closed form and a sandwich.

A perturbation of size a moves x^T theta by up to a times the dual norm of theta, in the direction of the error.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number

Array = NDArray[np.float64]

MEAN_SIZE = math.sqrt(2.0 / math.pi)
"""E|Z| of a standard normal variable."""


def adversarial_risk(risk: ArrayLike, energy: ArrayLike, radius: ArrayLike, label_noise: ArrayLike = 0.0) -> Array:
    """Return E max_(||d|| <= a) ((x + d)^T t - x^T theta)^2 = R + 2 a c sqrt(R N) + a^2 N, c = sqrt(2 / pi).

    x is Gaussian of mean zero, t fixed, ``risk`` R = ||t - theta||_Sigma^2, ``energy`` N = ||t||^2, or the square of
    the dual norm of t (:func:`dual_norm`) for attacks in another norm. With ``label_noise`` s, the variance of noise on
    the test label that the error is measured against, R + s stands for R. The truth itself has risk 0 and energy
    ||theta||^2. Shapes are broadcast. False for x that is not Gaussian: :func:`adversarial_bounds` holds for all.
    Raises ValueError for negative numbers and NaN.

    >>> round(float(adversarial_risk(0.25, 4.0, 0.5)), 8)
    2.04788456
    """
    who = "adversarial_risk"
    R, N = _squares(who, risk, energy, radius, label_noise)
    return _sum_of_roots(R, N, MEAN_SIZE)


def adversarial_bounds(risk: ArrayLike, energy: ArrayLike, radius: ArrayLike, label_noise: ArrayLike = 0.0, *,
                       gaussian: bool = False) -> tuple[Array, Array]:
    """Return R + a^2 N <= adversarial risk <= (sqrt R + a sqrt N)^2, for x of any law with E x x^T = Sigma.

    Arguments as in :func:`adversarial_risk`. The upper end is at most twice the lower one. With ``gaussian`` the lower
    end is the larger of this one and (1 + sqrt(2 / pi)) / 2 = 0.8989... of the upper end.
    """
    R, N = _squares("adversarial_bounds", risk, energy, radius, label_noise)
    lower, upper = _sum_of_roots(R, N, 0.0), _sum_of_roots(R, N, 1.0)
    return (np.maximum(lower, (0.5 + 0.5 * MEAN_SIZE) * upper) if gaussian else lower), upper


def dual_norm(theta: ArrayLike, norm: float = 2.0) -> Array:
    """Return max_(||d||_r <= 1) d^T theta = ||theta||_r', 1 / r + 1 / r' = 1, over the last axis of theta (..., p).

    For any r = ``norm`` from 1 to infinity. At least ||theta||_2 for r >= 2: lower bounds on lengths hold for those
    attacks unchanged, upper bounds and monotonicity in the ridge do not.

    >>> float(dual_norm([3.0, -4.0])), float(dual_norm([3.0, -4.0], float("inf")))
    (5.0, 7.0)
    """
    who = "dual_norm"
    vectors = np.asarray(theta, dtype=np.float64)
    if vectors.ndim == 0 or vectors.shape[-1] == 0 or not np.isfinite(vectors).all():
        raise ValueError(f"{who}: theta must be finite and not empty in its last axis, got shape {vectors.shape}")
    r = math.inf if norm == math.inf else as_number(norm, who, "norm", at_least=1.0)
    order = 1.0 if r == math.inf else math.inf if r == 1.0 else r / (r - 1.0)
    # divided by the largest entry: powers of it would vanish or overflow, near r = 1 for ordinary numbers too
    largest = np.abs(vectors).max(axis=-1, keepdims=True)
    scaled = np.divide(vectors, largest, out=np.zeros_like(vectors), where=largest > 0.0)
    return (largest[..., 0] * np.linalg.norm(scaled, ord=order, axis=-1))[()]


def _sum_of_roots(x: Array, z: Array, factor: float) -> Array:
    """Return x + 2 factor sqrt(x z) + z of numbers >= 0, infinite where one of them is."""
    infinite = np.isinf(x) | np.isinf(z)
    left, right = np.where(infinite, 0.0, x), np.where(infinite, 0.0, z)
    return np.where(infinite, np.inf, left + 2.0 * factor * np.sqrt(left) * np.sqrt(right) + right)[()]


def _squares(who: str, risk: Any, energy: Any, radius: Any, label_noise: Any) -> tuple[Array, Array]:
    """Return the squares R of the error and a^2 N of what the attack moves; 0 for radius 0, whatever N."""
    given = {"risk": risk, "energy": energy, "radius": radius, "label_noise": label_noise}
    cleaned = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
    for name, array in cleaned.items():
        if not (array >= 0.0).all():
            raise ValueError(f"{who}: {name} must be >= 0, got {given[name]!r}")
    if not np.isfinite(cleaned["radius"]).all():
        raise ValueError(f"{who}: radius={radius!r} must be finite")
    a = cleaned["radius"]
    energy = np.where(a > 0.0, cleaned["energy"], 0.0)
    return cleaned["risk"] + cleaned["label_noise"], a * a * energy
