"""Risks of given coefficients: exact without the adversary, closely with it, by attacks and by sampling."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.features.model import FeatureModel, Rng
from constructive.features.prediction import attacked_risk
from constructive.features.problem import as_labels

Array = NDArray[np.float64]
INSIDE = 1.0 - 2.0**-44
"""Attacks stay this far within the ball, so that rounding does not take them out of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Risks:
    """Risks of f(x) = sum_k theta_k sigma(<w_k, x>) on x ~ N(0, I), y = <x, beta> + noise.

    ``standard`` = E (y - f(x))^2 and ``gradient_norm`` m = sqrt(E |grad f(x)|^2) are exact but for rounding.
    ``adversarial`` = s^2 + 2 sqrt(2/pi) radius s m + radius^2 m^2, s^2 = standard, takes f as linear within the radius,
    residuals as normal and gradients as of one size: all three hold in the limit of large dimension.
    """

    standard: float
    gradient_norm: float
    adversarial: float
    radius: float


@dataclass(frozen=True, slots=True, eq=False)
class SampledRisks:
    """Means over sampled points with their standard errors, (mean, error) each.

    ``standard`` of (y - f)^2, ``linearized`` of (|y - f| + radius |J theta|)^2, ``attacked`` of the squared residual
    at the strongest attack found: an average of lower bounds.
    """

    standard: tuple[float, float]
    linearized: tuple[float, float]
    attacked: tuple[float, float]
    points: int


def exact_risks(model: FeatureModel, theta: ArrayLike, beta: ArrayLike, *, noise: float, radius: float) -> Risks:
    """Return noise^2 + |beta - mu W^T theta|^2 + theta^T (S - mu^2 W W^T) theta, |J theta| and what follows from them.

    theta (N,), beta (d,); S = E sigma sigma^T, J^2 the gradient matrix, mu = ``model.activation.linear``.

    >>> model = FeatureModel.draw(3, 4, rng=0)
    >>> exact_risks(model, np.zeros(4), [0.6, 0.0, 0.8], noise=0.5, radius=0.3).adversarial
    1.25
    """
    who = "exact_risks"
    weights, direction = model.coefficients(theta), _coefficients(beta, model.inputs, who)
    spread, eps = as_number(noise, who, "noise", at_least=0.0), as_number(radius, who, "radius", at_least=0.0)
    linear = model.activation.linear * (weights @ model.weights)
    missed = direction - linear
    bent = float(weights @ model.second_moment() @ weights) - float(linear @ linear)
    standard = spread**2 + float(missed @ missed) + max(bent, 0.0)
    m = math.sqrt(max(float(weights @ model.gradient_matrix() @ weights), 0.0))
    return Risks(standard, m, attacked_risk(standard, m, eps), eps)


def attacked_points(model: FeatureModel, theta: ArrayLike, X: ArrayLike, y: ArrayLike, *, radius: float,
                    steps: int = 8) -> Array:
    """Return points (n, d) with |x' - x| <= radius at which |y - f(x')| is the largest found; X itself counts.

    For each sign the step x' = x + sign radius grad f / |grad f| is repeated with the gradient of where it led. What is
    found is a lower bound of the worst case.

    >>> model = FeatureModel.draw(3, 4, rng=0)
    >>> attacked_points(model, np.ones(4), np.ones((2, 3)), [0.0, 1.0], radius=0.0).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    who = "attacked_points"
    points = as_points(X, who, dimension=model.inputs)
    labels, weights = as_labels(y, points.shape[0], who), model.coefficients(theta)
    eps = as_number(radius, who, "radius", at_least=0.0) * INSIDE
    best, found = points.copy(), np.abs(labels - model.features(points) @ weights)
    for sign in (-1.0, 1.0):
        here = points
        for _ in range(as_count(steps, who, "steps", at_least=1)):
            slope = model.gradient(here, weights)
            length = np.linalg.norm(slope, axis=1, keepdims=True)
            here = points + sign * eps * np.divide(slope, length, out=np.zeros_like(slope), where=length > 0.0)
            residual = np.abs(labels - model.features(here) @ weights)
            better = residual > found
            best[better], found[better] = here[better], residual[better]
    return best


def sampled_risks(model: FeatureModel, theta: ArrayLike, beta: ArrayLike, *, noise: float, radius: float, points: int,
                  rng: Rng = None, steps: int = 8) -> SampledRisks:
    """Return risks on ``points`` >= 2 fresh samples with standard errors, all three on the same samples.

    >>> model, beta = FeatureModel.draw(3, 4, rng=0), [1.0, 0.0, 0.0]
    >>> found = sampled_risks(model, np.ones(4), beta, noise=0.1, radius=0.2, points=100, rng=1)
    >>> found.standard[0] <= found.attacked[0]
    True
    """
    who = "sampled_risks"
    weights, direction = model.coefficients(theta), _coefficients(beta, model.inputs, who)
    count = as_count(points, who, "points", at_least=2)
    spread, eps = as_number(noise, who, "noise", at_least=0.0), as_number(radius, who, "radius", at_least=0.0)
    generator = np.random.default_rng(rng)
    X = generator.normal(size=(count, model.inputs))
    y = X @ direction + spread * generator.normal(size=count)
    residuals = np.abs(y - model.features(X) @ weights)
    m = math.sqrt(max(float(weights @ model.gradient_matrix() @ weights), 0.0))
    worst = y - model.features(attacked_points(model, weights, X, y, radius=eps, steps=steps)) @ weights
    return SampledRisks(_mean(residuals**2), _mean((residuals + eps * m)**2), _mean(worst**2), count)


def _mean(values: Array) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(values.size)


def _coefficients(beta: ArrayLike, d: int, who: str) -> Array:
    direction = np.asarray(beta, dtype=np.float64)
    if direction.shape != (d,) or not np.isfinite(direction).all():
        raise ValueError(f"{who}: beta must be {d} finite numbers, one for each input, got shape {direction.shape}")
    return direction
