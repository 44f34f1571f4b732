"""Limits of the limit: samples without end, and features without end with a ridge that grows with them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from constructive.features.activations import Activation
from constructive.features.prediction import MEAN_SIZE, Prediction, attacked_risk, null_prediction, solve_system
from constructive.features.ridgeless import decreasing_root
from constructive.features.system import System, as_size, as_test_radius, random_features, threshold

_ONE = np.ones(1)


def population_limit(width_ratio: float, noise: float, radius: float, ridge: float = 0.0, *,
                     activation: Activation | None = None, test_radius: float | None = None,
                     signal: float = 1.0) -> Prediction:
    """Return the limit sample_ratio -> infinity: the theta of least adversarial risk + ridge |theta|^2.

    The best robust model of that width; at radius = 0 and ridge = 0 its risk is :func:`approximation_floor`.

    >>> best = population_limit(2.0, 0.5, 0.3)
    >>> round(best.adversarial_risk, 10), best.adversarial_risk == 2.0 * best.objective
    (0.843847113, True)
    """
    from constructive._kernels import features as kernels

    who = "population_limit"
    system = random_features(width_ratio, 1.0, noise, radius, ridge, activation, signal, who)._replace(ratio=0.0)
    attack = as_test_radius(test_radius, system.radius, who)
    if system.noise + system.signal == 0.0 or system.radius >= threshold(system):
        return null_prediction(system, attack)

    def sizes(q: float) -> tuple[float, float, float, float]:
        """Return s^2, m^2, |theta|^2 and the alignment at this q = radius m / s."""
        penalty = system.radius * (system.radius + MEAN_SIZE * (system.radius / q)) if q > 0.0 else 0.0
        pull = 1.0 + MEAN_SIZE * q
        num, _, pm, _, tm, _, along = kernels.energies(pull, penalty, system.ridge, 0.0, 0.0, 0.0, system)
        return num, pm, tm, along

    def excess(q: float) -> float:
        s2, m2, *_ = sizes(q)
        return system.radius / q * math.sqrt(m2 / s2)

    q = decreasing_root(excess) if system.radius > 0.0 else 0.0
    s2, m2, energy, alignment = sizes(q)
    m = math.sqrt(m2)
    return Prediction(
        standard_risk=s2, adversarial_risk=attacked_risk(s2, m, attack), gradient_norm=m, fitted=0.0,
        objective=0.5 * (attacked_risk(s2, m, system.radius) + system.ridge * energy), training_error=s2,
        mean_residual=MEAN_SIZE * math.sqrt(s2), weight_energy=energy, alignment=alignment, kappa=0.0, q=q, nu=0.0,
        zero=False, test_radius=attack)


def kernel_limit(sample_ratio: float, noise: float, radius: float, ridge_per_width: float, *,
                 activation: Activation | None = None, test_radius: float | None = None,
                 signal: float = 1.0) -> Prediction:
    """Return the limit width_ratio -> infinity at ridge = ridge_per_width * width_ratio: adversarial ridge regression.

    A linear model of the data, and features without end that fit some of the noise at no cost in slope.
    ``weight_energy`` is here width_ratio |theta|^2. From :func:`linear_zero_radius` on the linear part is 0 and risks
    are those of the zero predictor, though training errors still shrink by those features.

    Raises ValueError for ridge_per_width <= 0, besides the rules of :func:`adversarial_asymptotics`.

    >>> round(kernel_limit(4.0, 0.5, 0.3, 0.01626).adversarial_risk, 9)
    0.651912803
    """
    who = "kernel_limit"
    penalty = as_size(ridge_per_width, who, "ridge_per_width")
    features = random_features(1.0, sample_ratio, noise, radius, penalty, activation, signal, who)
    system = features._replace(
        ridge=penalty / features.linear, linear=1.0, nonlinear=0.0, excess=0.0,
        memory=features.nonlinear * features.ratio / penalty, nodes=_ONE, traces=_ONE, signals=features.signal * _ONE)
    attack = as_test_radius(test_radius, system.radius, who)
    if system.noise + system.signal == 0.0 or system.radius >= threshold(system):
        return _fitted_without_slope(system, penalty, attack)
    from constructive._kernels import features as kernels

    found = solve_system(system, attack)
    second = kernels.coefficients(found.kappa, found.q, system.radius, system.ridge)[3]
    free = system.memory * found.standard_risk * second / found.kappa**2  # what the features without slope cost
    return replace(found, weight_energy=(system.ridge * found.weight_energy + free) / penalty)


def _fitted_without_slope(system: System, penalty: float, test_radius: float) -> Prediction:
    """Return the kernel limit beyond the zero radius: only the features without slope fit, with kappa = memory."""
    null, kappa = system.noise + system.signal, system.memory
    return replace(
        null_prediction(system, test_radius), objective=0.5 * null / (1.0 + kappa),
        training_error=null / (1.0 + kappa) ** 2, mean_residual=MEAN_SIZE * math.sqrt(null) / (1.0 + kappa),
        weight_energy=null * kappa / (1.0 + kappa) ** 2 / penalty, kappa=kappa)
