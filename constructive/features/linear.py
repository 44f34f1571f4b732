"""Adversarially trained linear regression, the stepping stone: one eigenvalue in place of a spectrum."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import erfinv

from constructive._checks import as_number
from constructive.features.prediction import Prediction, attacked_risk, null_prediction, solve_system
from constructive.features.ridgeless import least_norm
from constructive.features.system import LARGEST, System, as_size, as_test_radius, threshold

_ONE = np.ones(1)


def linear_asymptotics(sample_ratio: float, noise: float, radius: float, ridge: float = 0.0, *,
                       test_radius: float | None = None, signal: float = 1.0) -> Prediction:
    """Return what the minimizer of 1/(2 n) sum_i (|y_i - <x_i, b>| + radius |b|)^2 + ridge/2 |b|^2 tends to.

    n samples of d inputs, n/d -> sample_ratio; y = <x, beta> + ``noise`` g with x and g standard normal and
    |beta| = ``signal``. At radius = ridge = 0 and sample_ratio < 1 it is the interpolator of least |b|, the limit of
    both. Without noise b = beta exactly if ridge <= radius (R - radius), R = :func:`recovery_radius`: every residual is
    then 0, which is not the limit noise -> 0, where a share 1/sample_ratio of them is. Risks are infinite for
    sample_ratio = 1 with noise and neither radius nor ridge.

    Raises ValueError for sample_ratio <= 0 and negative noise, radii, ridge and signal.

    >>> trained = linear_asymptotics(2.0, noise=0.5, radius=0.5)
    >>> round(trained.standard_risk, 10), round(trained.adversarial_risk, 9)
    (0.4529764865, 1.033865791)

    Source: ours, in the setting of Javanmard, Soltanolkotabi and Hassani (COLT 2020).
    """
    who = "linear_asymptotics"
    system = _linear_regression(sample_ratio, noise, radius, ridge, signal, who)
    attack = as_test_radius(test_radius, system.radius, who)
    # |residual| has a kink that a ridge does not move at once: the multipliers that prove b = beta need room for it
    room = system.radius * (recovery_radius(sample_ratio) - system.radius)
    if system.noise == 0.0 and system.ridge <= room and system.ratio <= 1.0:
        return _recovered(system, attack)
    if system.radius > 0.0 or system.ridge > 0.0 or system.noise + system.signal == 0.0:
        return solve_system(system, attack)
    return least_norm(system, "weights", attack)


def linear_zero_radius(sample_ratio: float, noise: float, *, signal: float = 1.0) -> float:
    """Return the radius from which on the zero predictor is optimal, whatever the ridge:

    the root of (pi/2) (signal^2 / (signal^2 + noise^2) + 1/sample_ratio).

    >>> round(linear_zero_radius(2.0, 0.0) ** 2 / math.pi, 12)
    0.75
    """
    return threshold(_linear_regression(sample_ratio, noise, 1.0, 0.0, signal, "linear_zero_radius"))


def recovery_radius(sample_ratio: float) -> float:
    """Return the largest radius at which training without noise and ridge recovers beta exactly; 0 for few samples.

    With erf(nu / sqrt 2) = 1/sample_ratio, sample_ratio > 1: the root of
    (2 phi(nu) / nu - (1 - 1/sample_ratio)) / sample_ratio. A ridge is overcome as well where it is at most
    radius * (this - radius).

    >>> round(recovery_radius(2.0), 10)
    0.4702512644
    """
    inverse = 1.0 / as_size(sample_ratio, "recovery_radius", "sample_ratio")
    nu = math.sqrt(2.0) * float(erfinv(inverse)) if inverse < 1.0 else math.inf
    if not math.isfinite(nu):
        return 0.0
    density = math.exp(-0.5 * nu * nu) / math.sqrt(2.0 * math.pi)
    return math.sqrt(max(2.0 * density / nu - (1.0 - inverse), 0.0) * inverse)


def _linear_regression(sample_ratio: float, noise: float, radius: float, ridge: float, signal: float,
                       who: str) -> System:
    """Return the system of linear regression: W W^T, its features and its slopes are all the identity."""
    power = as_number(signal, who, "signal", at_least=0.0, at_most=LARGEST) ** 2
    return System(
        ratio=1.0 / as_size(sample_ratio, who, "sample_ratio"), width=1.0,
        noise=as_number(noise, who, "noise", at_least=0.0, at_most=LARGEST) ** 2, signal=power,
        radius=as_size(radius, who, "radius", zero=True), ridge=as_size(ridge, who, "ridge", zero=True),
        linear=1.0, nonlinear=0.0, excess=0.0, nodes=_ONE, traces=_ONE, signals=power * _ONE)


def _recovered(system: System, test_radius: float) -> Prediction:
    """Return what b = beta does: all residuals are 0, only the adversary costs."""
    m = math.sqrt(system.signal)
    nu = math.sqrt(2.0) * float(erfinv(system.ratio))
    return replace(
        null_prediction(system, test_radius), standard_risk=0.0, adversarial_risk=attacked_risk(0.0, m, test_radius),
        gradient_norm=m, fitted=1.0, objective=0.5 * ((system.radius * m) ** 2 + system.ridge * system.signal),
        training_error=0.0, mean_residual=0.0,
        weight_energy=system.signal, alignment=system.signal, kappa=0.0 if nu < math.inf else math.inf,
        q=math.inf if system.radius > 0.0 else 0.0, nu=nu, zero=m == 0.0)
