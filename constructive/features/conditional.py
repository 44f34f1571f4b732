"""Predictions for given random weights: the same system with the spectrum of these weights in place of its limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.features.activations import Activation
from constructive.features.model import as_unit_rows
from constructive.features.prediction import Prediction, solve_system
from constructive.features.ridgeless import least_norm
from constructive.features.system import System, as_test_radius, random_features, threshold

Array = NDArray[np.float64]


def conditional_prediction(weights: ArrayLike, beta: ArrayLike, *, samples: int, noise: float, radius: float,
                           ridge: float = 0.0, activation: Activation | None = None,
                           test_radius: float | None = None) -> Prediction:
    """Return what ``adversarial_asymptotics`` says with the spectrum of W W^T and beta along it, not their limits.

    ``weights`` W (N, d) with unit rows and ``beta`` (d,) as drawn, n = ``samples``. What W and beta make of chance is
    removed, what X and the noise make of it is not: nearer to one experiment than the limit is, by a factor of 2 or so
    at d = 400. The matrix J^2 is its limit linear^2 W W^T + slope_excess I here. Its own threshold, see
    :func:`conditional_zero_radius`.

    Raises ValueError as ``adversarial_asymptotics``, for rows that are not unit vectors, or for shapes that do not fit.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> W, beta = rng.normal(size=(80, 40)), np.eye(40)[0]
    >>> W /= np.linalg.norm(W, axis=1, keepdims=True)
    >>> prediction = conditional_prediction(W, beta, samples=120, noise=0.5, radius=0.2)
    >>> bool(0.9 < prediction.adversarial_risk < 1.6)
    True
    """
    who = "conditional_prediction"
    system = _conditional(weights, beta, samples, noise, radius, ridge, activation, who)
    attack = as_test_radius(test_radius, system.radius, who)
    if system.radius > 0.0 or system.ridge > 0.0 or system.noise + system.signal == 0.0:
        return solve_system(system, attack)
    return least_norm(system, "weights", attack)


def conditional_zero_radius(weights: ArrayLike, beta: ArrayLike, *, samples: int, noise: float,
                            activation: Activation | None = None) -> float:
    """Return the radius from which on the prediction for these weights is the zero predictor, whatever the ridge.

    >>> import numpy as np
    >>> W, beta = np.eye(2), [1.0, 0.0]
    >>> radius = conditional_zero_radius(W, beta, samples=4, noise=0.5)
    >>> [conditional_prediction(W, beta, samples=4, noise=0.5, radius=c * radius).zero for c in (0.9, 1.1)]
    [False, True]
    """
    return threshold(_conditional(weights, beta, samples, noise, 1.0, 0.0, activation, "conditional_zero_radius"))


def _conditional(weights: ArrayLike, beta: ArrayLike, samples: int, noise: float, radius: float, ridge: float,
                 activation: Activation | None, who: str) -> System:
    W = as_unit_rows(weights, who)
    N, d = W.shape
    direction = np.asarray(beta, dtype=np.float64)
    if direction.shape != (d,) or not np.isfinite(direction).all():
        raise ValueError(f"{who}: beta must be {d} finite numbers, one for each input, got shape {direction.shape}")
    n, power = as_count(samples, who, "samples", at_least=1), float(direction @ direction)
    system = random_features(N / d, n / d, as_number(noise, who, "noise"), radius, ridge, activation, power**0.5, who)
    _, sizes, rows = np.linalg.svd(W, full_matrices=False)
    signals = (rows @ direction)**2
    # one more node for the kernels of W and of its transpose
    return system._replace(ratio=N / n, nodes=np.append(sizes**2, 0.0),
                           traces=np.append(np.full(sizes.size, 1.0 / N), (N - sizes.size) / N),
                           signals=np.append(signals, max(power - float(signals.sum()), 0.0) if d > N else 0.0))
