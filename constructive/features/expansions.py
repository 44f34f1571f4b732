"""Expansions in closed form: very wide models, and vanishing radius at the peak where width equals samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq

from constructive._checks import as_number
from constructive.features.activations import Activation
from constructive.features.prediction import MEAN_SIZE
from constructive.features.system import LARGEST, System, random_features


@dataclass(frozen=True, slots=True, eq=False)
class WideExpansion:
    """Adversarial risk of very wide models, null + first + second + O(width_ratio^(-3/2)), test radius = radius."""

    null: float
    """Risk of the zero predictor, signal^2 + noise^2."""
    first: float
    """2 sqrt(2/pi) radius null sqrt(r / width), r = slope_excess / nonlinear, width = width_ratio / sample_ratio."""
    second: float
    """(null (1 + radius^2 r) - 2 signal^2 (slope_excess + ridge / radius^2) / nonlinear) / width."""

    @property
    def adversarial_risk(self) -> float:
        """The sum of the three terms."""
        return self.null + self.first + self.second


def wide_expansion(width_ratio: float, sample_ratio: float, noise: float, radius: float, ridge: float = 0.0, *,
                   activation: Activation | None = None, signal: float = 1.0) -> WideExpansion:
    """Return the risk of very wide models: it tends to that of the zero predictor, *from above*.

    That is the curse: whatever the radius and however large the ridge, a wide enough model is worse than predicting 0.
    Features memorize through their nonlinear parts, which cost little slope when there are many. False where
    ridge grows with the width: see :func:`kernel_limit`.

    Raises ValueError for radius = 0, where the risk falls to another limit, besides the rules of
    :func:`adversarial_asymptotics`.

    >>> far = wide_expansion(1e6, 2.0, noise=0.5, radius=0.3)
    >>> round(far.null, 2), round(far.adversarial_risk, 8)
    (1.25, 1.25139601)
    """
    system = _wide(width_ratio, sample_ratio, noise, radius, ridge, activation, signal, "wide_expansion")
    null, rate = system.noise + system.signal, system.excess / system.nonlinear
    return WideExpansion(
        null=null, first=2.0 * MEAN_SIZE * system.radius * null * math.sqrt(rate / system.ratio),
        second=(null * (1.0 + system.radius**2 * rate) - _gain(system)) / system.ratio)


def harmful_width(sample_ratio: float, noise: float, radius: float, ridge: float = 0.0, *,
                  activation: Activation | None = None, signal: float = 1.0) -> float:
    """Return the width_ratio from which on, to second order, the model is worse than predicting 0; 0 if always.

    Exact up to O(1) as radius -> 0: 2633.50 for 2620.31 at sample_ratio = 4, noise = 0.5, radius = 0.05.

    >>> round(harmful_width(4.0, noise=0.5, radius=0.05), 2)
    2633.5
    """
    system = _wide(1.0, sample_ratio, noise, radius, ridge, activation, signal, "harmful_width")
    null, rate = system.noise + system.signal, system.excess / system.nonlinear
    better = _gain(system) - null * (1.0 + system.radius**2 * rate)
    if better <= 0.0:
        return 0.0
    return sample_ratio * (better / (2.0 * MEAN_SIZE * null * system.radius)) ** 2 / rate


@dataclass(frozen=True, slots=True, eq=False)
class PeakLaw:
    """Limits as radius -> 0 at width_ratio = sample_ratio without ridge: the height of the peak is about 1/radius."""

    fitted: float
    """Share of training points fitted exactly: universal."""
    scaled_risk: float
    """Limit of radius * standard_risk."""
    slope: float
    """Limit of m / s."""


def peak_law(ratio: float, noise: float, *, activation: Activation | None = None, signal: float = 1.0) -> PeakLaw:
    """Return what small radii make of the interpolation peak at width_ratio = sample_ratio = ratio.

    With nu^2 erf(nu / sqrt 2) + 2 nu phi(nu) = erfc(nu / sqrt 2): fitted = erf(nu / sqrt 2) = 0.4465321415,
    radius s^2 -> floor nu / (2 erfc(nu / sqrt 2) slope), slope^2 = E (linear^2 l + slope_excess) /
    (linear^2 l + nonlinear), l an eigenvalue of W W^T, and floor that of :func:`approximation_floor`.

    >>> law = peak_law(4.0, noise=0.5)
    >>> round(law.fitted, 10), round(law.scaled_risk, 10)
    (0.4465321415, 0.1236321082)
    """
    from constructive._kernels import features as kernels

    system = random_features(ratio, ratio, noise, 0.0, 0.0, activation, signal, "peak_law")
    m1 = kernels.spectral_means(system.nonlinear / system.linear, system)[0]
    floor = system.noise + system.signal / (1.0 + system.width * m1)
    return _peak(floor, math.sqrt(1.0 + (system.excess - system.nonlinear) / system.linear * m1))


def linear_peak_law(noise: float) -> PeakLaw:
    """Return what small radii make of the peak of linear regression at sample_ratio = 1: that law with slope = 1.

    >>> round(linear_peak_law(0.5).scaled_risk, 10)
    0.1338315401
    """
    return _peak(as_number(noise, "linear_peak_law", "noise", at_least=0.0, at_most=LARGEST) ** 2, 1.0)


def _peak(floor: float, slope: float) -> PeakLaw:
    """Return the law for an approximation floor and the limit of m / s."""
    def excess(nu: float) -> float:
        density = math.exp(-0.5 * nu * nu) / math.sqrt(2.0 * math.pi)
        return nu * nu * math.erf(nu * math.sqrt(0.5)) + 2.0 * nu * density - math.erfc(nu * math.sqrt(0.5))

    nu = float(brentq(excess, 0.0, 1.0, xtol=1e-15, rtol=1e-15))
    return PeakLaw(fitted=math.erf(nu * math.sqrt(0.5)),
                   scaled_risk=0.5 * floor * nu / (math.erfc(nu * math.sqrt(0.5)) * slope), slope=slope)


def _wide(width_ratio: float, sample_ratio: float, noise: float, radius: float, ridge: float,
          activation: Activation | None, signal: float, who: str) -> System:
    system = random_features(width_ratio, sample_ratio, noise, radius, ridge, activation, signal, who)
    if system.radius == 0.0:
        raise ValueError(f"{who}: radius=0.0 must be > 0; without an adversary wide models do not tend to 0")
    if system.nonlinear == 0.0:
        raise ValueError(f"{who}: the activation must not be linear; its features memorize nothing")
    return system


def _gain(system: System) -> float:
    """Return 2 signal^2 (slope_excess + ridge / radius^2) / nonlinear: what is left of the signal, times the width."""
    return 2.0 * system.signal * (system.excess + system.ridge / system.radius**2) / system.nonlinear
