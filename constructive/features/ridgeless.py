"""No adversary and no ridge: the two interpolators that adversarial training and ridge regression tend to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from constructive.features.activations import Activation
from constructive.features.prediction import Prediction, attacked_risk, predict
from constructive.features.system import System, as_test_radius, random_features

Least = Literal["weights", "gradient"]


def ridgeless_limit(width_ratio: float, sample_ratio: float, noise: float, least: Least, *,
                    activation: Activation | None = None, test_radius: float | None = None,
                    signal: float = 1.0) -> Prediction:
    """Return the limit of vanishing ridge and radius: least squares, of least norm where many fit all points.

    ``least`` = "weights": least |theta|, the limit ridge -> 0 at radius = 0. "gradient": least |J theta|, the limit
    radius -> 0 at ridge = 0, which is reached up to exponentially small terms. They differ for
    width_ratio > sample_ratio only. Risks are infinite for width_ratio = sample_ratio.

    >>> [round(ridgeless_limit(8.0, 2.0, 0.5, least).standard_risk, 9) for least in ("weights", "gradient")]
    [0.589658055, 0.838420355]
    """
    who = "ridgeless_limit"
    if least not in ("weights", "gradient"):
        raise ValueError(f"{who}: least={least!r} must be 'weights' or 'gradient'")
    system = random_features(width_ratio, sample_ratio, noise, 0.0, 0.0, activation, signal, who)
    return least_norm(system, least, as_test_radius(test_radius, 0.0, who))


def least_norm(system: System, least: Least, test_radius: float) -> Prediction:
    """Return the prediction at radius = ridge = 0 for any spectrum.

    >>> least_norm(random_features(4.0, 2.0, 0.5, 0.0, 0.0, None, 1.0, "me"), "weights", 0.0).fitted
    1.0
    """
    if system.ratio < 1.0:
        return predict(system, system.ratio / (1.0 - system.ratio), 0.0, test_radius)
    if system.ratio == 1.0:
        return _interpolant(system, 0.0, 0.0, test_radius)
    from constructive._kernels import features as kernels

    if least == "gradient":
        penalty = decreasing_root(lambda b: kernels.traces(1.0, b, 0.0, system)[0])
        return _interpolant(system, penalty, 0.0, test_radius)
    return _interpolant(system, 0.0, decreasing_root(lambda z: kernels.traces(1.0, 0.0, z, system)[0]),
                        test_radius)


def decreasing_root(function: Callable[[float], float]) -> float:
    """Return x > 0 with function(x) = 1, for a positive decreasing function; NaN beyond double precision.

    >>> decreasing_root(lambda x: 2.0 / x)
    2.0
    """
    from constructive._kernels import features as kernels

    search = np.empty(kernels.COUNT + 1)
    kernels.begin(search, 0.0)
    while search[kernels.PHASE] < kernels.FOUND:
        kernels.report(search, math.log(function(math.exp(search[kernels.NEXT]))))
    return math.exp(search[kernels.HERE]) if search[kernels.PHASE] == kernels.FOUND else math.nan


def _interpolant(system: System, penalty: float, ridge: float, test_radius: float) -> Prediction:
    """Return what the interpolator of least penalty |J theta|^2 + ridge |theta|^2 does: A = 1, all points are fitted.

    Without any penalty width and samples are equal, and the one interpolator there is has infinite risk.
    """
    from constructive._kernels import features as kernels

    num, den, pm, pb, tm, tb, alignment = kernels.energies(1.0, penalty, ridge, 1.0, 0.0, 0.0, system)
    s2 = num / den if den > 0.0 else math.inf
    m = math.sqrt(pm + s2 * pb)
    return Prediction(
        standard_risk=s2, adversarial_risk=attacked_risk(s2, m, test_radius), gradient_norm=m, fitted=1.0,
        objective=0.0, training_error=0.0, mean_residual=0.0, weight_energy=tm + s2 * tb, alignment=alignment,
        kappa=math.inf, q=0.0, nu=math.inf, zero=False, test_radius=test_radius)
