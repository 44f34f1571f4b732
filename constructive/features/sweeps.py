"""Sweeps of the limit over widths, samples, radii and ridges, and its minima: the best ridge, the best width."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from constructive._checks import as_number
from constructive.features.activations import Activation
from constructive.features.asymptotics import adversarial_asymptotics
from constructive.features.limits import kernel_limit
from constructive.features.prediction import Prediction
from constructive.features.system import SMALLEST, as_size

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RIDGES = np.append(0.0, np.logspace(-8.0, 6.0, 141))  # per unit of max(1, width_ratio)
_WIDTHS = np.logspace(-2.0, 4.0, 241)  # per unit of sample_ratio


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Predictions over a grid; all arrays have the shape to which the arguments broadcast."""

    width_ratio: Array
    sample_ratio: Array
    noise: Array
    radius: Array
    ridge: Array
    standard_risk: Array
    adversarial_risk: Array
    gradient_norm: Array
    fitted: Array
    objective: Array
    zero: Flags
    null_risk: Array
    """Risk of the zero predictor, signal^2 + noise^2."""


def sweep_asymptotics(width_ratio: ArrayLike, sample_ratio: ArrayLike, noise: ArrayLike, radius: ArrayLike,
                      ridge: ArrayLike = 0.0, *, activation: Activation | None = None,
                      test_radius: float | None = None, signal: float = 1.0) -> Sweep:
    """Return ``adversarial_asymptotics`` at every point of a grid: the first five arguments broadcast.

    ``test_radius`` is one number, or None for that of training at each point. Raises ValueError where a single
    prediction would, or for shapes that do not broadcast. 1600 points take under a second.

    >>> diagram = sweep_asymptotics([[1.0], [2.0], [5.0]], 4.0, 0.5, [0.3, 0.5])
    >>> diagram.adversarial_risk.round(3).tolist()
    [[1.205, 1.314], [1.15, 1.309], [1.524, 1.523]]
    """
    try:
        grids = [np.array(a) for a in np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (
            width_ratio, sample_ratio, noise, radius, ridge)))]
    except ValueError as error:
        raise ValueError("sweep_asymptotics: width_ratio, sample_ratio, noise, radius and ridge must broadcast to one "
                         f"shape ({error})") from error
    shape = grids[0].shape
    found = [adversarial_asymptotics(*map(float, point), activation=activation, test_radius=test_radius, signal=signal)
             for point in zip(*(g.ravel() for g in grids), strict=True)]

    def column(name: str) -> Array:
        return np.array([getattr(prediction, name) for prediction in found], dtype=np.float64).reshape(shape)

    return Sweep(
        width_ratio=grids[0], sample_ratio=grids[1], noise=grids[2], radius=grids[3], ridge=grids[4],
        standard_risk=column("standard_risk"), adversarial_risk=column("adversarial_risk"),
        gradient_norm=column("gradient_norm"), fitted=column("fitted"), objective=column("objective"),
        zero=column("zero") == 1.0, null_risk=grids[2] ** 2 + signal**2)


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """The value that makes the adversarial risk least, and the prediction there."""

    value: float
    prediction: Prediction


def tuned_ridge(width_ratio: float, sample_ratio: float, noise: float, radius: float, *,
                activation: Activation | None = None, test_radius: float | None = None,
                signal: float = 1.0) -> Tuned:
    """Return the ridge >= 0 of least adversarial risk in the limit; ridge per width for width_ratio = math.inf.

    Found on 142 ridges from 0 to 1e6 max(1, width_ratio), then refined: the value to about 1e-7 of itself, the risk
    to rounding. ``value`` is 0 where no ridge of the grid is better; beyond the zero radius, where ``prediction.zero``
    is True, it means nothing. Raises ValueError by the rules of :func:`adversarial_asymptotics`.

    >>> tuned = tuned_ridge(4.0, 4.0, 0.5, 0.3)
    >>> round(tuned.value, 3), round(tuned.prediction.adversarial_risk, 4)
    (0.311, 0.864)
    >>> kernel = tuned_ridge(math.inf, 4.0, 0.5, 0.3)
    >>> round(kernel.value, 5), round(kernel.prediction.adversarial_risk, 6)
    (0.01626, 0.651913)
    """
    kernel = width_ratio == math.inf

    def predicted(ridge: float) -> Prediction:
        if kernel:
            return kernel_limit(sample_ratio, noise, radius, ridge, activation=activation, test_radius=test_radius,
                                signal=signal)
        return adversarial_asymptotics(width_ratio, sample_ratio, noise, radius, ridge, activation=activation,
                                       test_radius=test_radius, signal=signal)

    grid = _RIDGES[1:] if kernel else _RIDGES * max(1.0, as_size(width_ratio, "tuned_ridge", "width_ratio"))
    return _least(predicted, grid)


def best_width(sample_ratio: float, noise: float, radius: float, ridge: float = 0.0, *,
               activation: Activation | None = None, test_radius: float | None = None, signal: float = 1.0,
               at_most: float = math.inf) -> Tuned:
    """Return the width_ratio of least adversarial risk among those from 0.01 to 1e4 sample_ratio, and <= at_most.

    Two minima, one on either side of width = samples, are common; the lower one is returned. At an end of the range
    the risk may go on falling beyond it.

    >>> best = best_width(4.0, 0.5, 0.3)
    >>> round(best.value, 3), round(best.prediction.adversarial_risk, 6)
    (1.921, 1.14925)
    """
    who = "best_width"
    samples = as_size(sample_ratio, who, "sample_ratio")
    most = as_number(at_most, who, "at_most", above=SMALLEST) if at_most != math.inf else math.inf
    grid = samples * _WIDTHS
    grid = np.append(grid[grid < most], most) if most < grid[-1] else grid

    def predicted(width: float) -> Prediction:
        return adversarial_asymptotics(width, samples, noise, radius, ridge, activation=activation,
                                       test_radius=test_radius, signal=signal)

    return _least(predicted, grid)


def _least(predicted: Callable[[float], Prediction], grid: Array) -> Tuned:
    """Return the minimum of the risk: the best point of an increasing grid, refined between its two neighbors."""
    values = [predicted(float(x)) for x in grid]
    k = int(np.argmin([prediction.adversarial_risk for prediction in values]))
    best = Tuned(float(grid[k]), values[k])
    low, high = float(grid[max(k - 1, 0)]), float(grid[min(k + 1, grid.size - 1)])
    if best.value == 0.0 or low == high:
        return best
    low = max(low, 1e-6 * best.value)  # that neighbor may be 0, which has no logarithm
    found = minimize_scalar(lambda x: predicted(math.exp(x)).adversarial_risk, bounds=(math.log(low), math.log(high)),
                            method="bounded", options={"xatol": 1e-10})
    refined = Tuned(math.exp(float(found.x)), predicted(math.exp(float(found.x))))
    return min(best, refined, key=lambda tuned: tuned.prediction.adversarial_risk)
