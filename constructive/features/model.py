"""Random features: a fixed random layer, its exact matrices under standard normal inputs, and tasks to learn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.features.activations import Activation, relu
from constructive.features.hermite import hermite_coefficients, power_series
from constructive.features.problem import AdversarialProblem
from constructive.network import Network

Array = NDArray[np.float64]
Rng = np.random.Generator | int | None


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """n samples x ~ N(0, I_d) with labels y = <x, beta> + noise * N(0, 1): beta (d,), X (n, d), y (n,)."""

    beta: Array
    X: Array
    y: Array
    noise: float


@dataclass(frozen=True, slots=True, eq=False)
class FeatureModel:
    """Functions theta -> sum_k theta_k sigma(<w_k, x>) with unit vectors w_k as the rows of ``weights`` (N, d).

    Raises ValueError for rows that are not unit vectors to 1e-9; :meth:`draw` makes uniform ones.

    >>> model = FeatureModel.draw(3, 5, rng=0)
    >>> model.features([[0.0, 0.0, 0.0]])[0, 0] == -1.0 / np.sqrt(2.0 * np.pi)
    np.True_
    """

    weights: Array
    activation: Activation

    def __post_init__(self) -> None:
        if not isinstance(self.activation, Activation):
            raise TypeError(f"FeatureModel: activation must be an Activation, got {self.activation!r}; make one with "
                            "features.activation")
        rows = as_unit_rows(self.weights, "FeatureModel").copy()
        rows.setflags(write=False)
        object.__setattr__(self, "weights", rows)

    @classmethod
    def draw(cls, inputs: int, width: int, *, activation: Activation | None = None, rng: Rng = None) -> FeatureModel:
        """Return a model with ``width`` features of ``inputs`` coordinates, directions uniform; the shifted ReLU."""
        who = "FeatureModel.draw"
        d, N = as_count(inputs, who, "inputs", at_least=1), as_count(width, who, "width", at_least=1)
        rows = np.random.default_rng(rng).normal(size=(N, d))
        return cls(rows / np.linalg.norm(rows, axis=1, keepdims=True), relu() if activation is None else activation)

    @property
    def inputs(self) -> int:
        """Number d of input coordinates."""
        return int(self.weights.shape[1])

    @property
    def width(self) -> int:
        """Number N of features."""
        return int(self.weights.shape[0])

    def features(self, X: ArrayLike) -> Array:
        """Return sigma(X W^T), (n, N), for points X (n, d)."""
        return self.activation(as_points(X, "FeatureModel.features", dimension=self.inputs) @ self.weights.T)

    def gradient(self, X: ArrayLike, theta: ArrayLike) -> Array:
        """Return the gradients in x, (n, d), of the function with coefficients theta (N,) at points X (n, d)."""
        points = as_points(X, "FeatureModel.gradient", dimension=self.inputs)
        return np.asarray((self.activation.slope(points @ self.weights.T) * self.coefficients(theta)) @ self.weights)

    def gradient_matrix(self) -> Array:
        """Return J^2 (N, N) with E |grad_x f|^2 = |J theta|^2 for x ~ N(0, I): <w_k, w_l> E s'(<w_k, x>) s'(<w_l, x>).

        For the shifted ReLU t (pi - arccos t) / (2 pi), t = <w_k, w_l>; for others the Hermite series, to 1e-12 of the
        diagonal. Raises ValueError where that has not converged: two features are nearly equal or opposite.
        """
        t = self._correlations()
        if self._is_relu:
            return np.asarray(t * (math.pi - np.arccos(t)) / (2.0 * math.pi))
        a = self.activation
        return t * power_series(t, self._coefficients(1), a.linear**2 + a.slope_excess, "FeatureModel.gradient_matrix")

    def second_moment(self) -> Array:
        """Return E sigma sigma^T (N, N) of the features at x ~ N(0, I): the square of f has mean theta^T (...) theta.

        For the shifted ReLU (sqrt(1 - t^2) + t (pi - arccos t) - 1) / (2 pi); else as :meth:`gradient_matrix`.
        """
        t = self._correlations()
        if self._is_relu:
            return np.asarray((np.sqrt((1.0 - t) * (1.0 + t)) + t * (math.pi - np.arccos(t)) - 1.0) / (2.0 * math.pi))
        a = self.activation
        return power_series(t, self._coefficients(0), a.linear**2 + a.nonlinear, "FeatureModel.second_moment")

    def problem(self, X: ArrayLike, y: ArrayLike) -> AdversarialProblem:
        """Return adversarial training on points X (n, d) with labels y (n,); solved by ``fit_problem``."""
        return AdversarialProblem.of(self.features(X), y, self.gradient_matrix())

    def network(self, theta: ArrayLike) -> Network:
        """Return the function with coefficients theta (N,) as a network of depth 2, the shift in the output bias.

        Raises ValueError unless the activation is the shifted ReLU.
        """
        if not self._is_relu:
            raise ValueError(f"FeatureModel.network: the activation must be relu(), got {self.activation.name!r}; "
                             "networks here have ReLU units only")
        weights = self.coefficients(theta)
        return Network.build([(self.weights, np.zeros(self.width)),
                              (weights[None, :], [-self.activation.mean * float(weights.sum())])])

    def coefficients(self, theta: ArrayLike) -> Array:
        """Return theta as (N,) finite float64; ValueError for another shape."""
        raw = np.asarray(theta, dtype=np.float64)
        if raw.shape != (self.width,) or not np.isfinite(raw).all():
            raise ValueError(f"FeatureModel: theta must be {self.width} finite numbers, one for each feature, got "
                             f"shape {raw.shape}")
        return raw

    @property
    def _is_relu(self) -> bool:
        return self.activation.function is relu().function

    def _correlations(self) -> Array:
        t = np.clip(self.weights @ self.weights.T, -1.0, 1.0)
        np.fill_diagonal(t, 1.0)
        return np.asarray((t + t.T) / 2.0)

    def _coefficients(self, order: int) -> Callable[[int], Array]:
        """Return k -> squared Hermite coefficients 0..k of the activation (order 0) or of its slope (order 1)."""
        def squares(k: int) -> Array:
            found = hermite_coefficients(self.activation, k + order)
            return found**2 if order == 0 else np.arange(1, k + 2) * found[1:]**2

        return squares


def as_unit_rows(weights: ArrayLike, who: str) -> Array:
    """Return weights as (N, d) float64; ValueError for rows that are not unit vectors to 1e-9.

    >>> as_unit_rows([[0, -1]], "me").tolist()
    [[0.0, -1.0]]
    """
    rows = as_points(weights, who, "weights")
    norms = np.linalg.norm(rows, axis=1)
    k = int(np.argmax(np.abs(norms - 1.0)))
    if abs(norms[k] - 1.0) > 1e-9:
        raise ValueError(f"{who}: the rows of weights must be unit vectors, but |weights[{k}]| = {float(norms[k])!r}; "
                         "divide each row by its norm")
    return rows


def draw_task(inputs: int, samples: int, *, noise: float, rng: Rng = None, signal: float = 1.0) -> Task:
    """Return a task: beta uniform of norm ``signal``, then X, then the noise of standard deviation ``noise``.

    To draw a model and its task from one seed, pass the same generator to both, the model first: passing the same
    integer would draw the same numbers twice.

    >>> task = draw_task(4, 10, noise=0.0, rng=0)
    >>> bool(np.allclose(task.X @ task.beta, task.y)), round(float(np.linalg.norm(task.beta)), 12)
    (True, 1.0)
    """
    who = "draw_task"
    d, n = as_count(inputs, who, "inputs", at_least=1), as_count(samples, who, "samples", at_least=1)
    spread = as_number(noise, who, "noise", at_least=0.0)
    size = as_number(signal, who, "signal", at_least=0.0)
    generator = np.random.default_rng(rng)
    beta = generator.normal(size=d)
    beta *= size / np.linalg.norm(beta)
    X = generator.normal(size=(n, d))
    return Task(beta, X, X @ beta + spread * generator.normal(size=n), spread)
