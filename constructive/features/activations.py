"""Activations of random features: what the Gaussian theory sees of them is three numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from constructive._checks import as_number

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
# Integrals against the normal density are cut where it is below 1e-300, and between whole numbers, so that an adaptive
# rule cannot step over the bulk; kinks are cuts too. (200 Gauss-Hermite nodes put the ReLU's nonlinear part 0.7 % off.)
REACH = 37
CLOSE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """A centered activation and its moments under G ~ N(0, 1): calling it returns function(z) - mean.

    ``mean`` = E function(G), ``linear`` = E derivative(G) = E[G function(G)], ``nonlinear`` = the variance of
    function(G) less linear^2, ``slope_excess`` = the variance of derivative(G). Only the last three enter asymptotic
    predictions. slope_excess >= 2 nonlinear always: Hermite coefficients of degree k >= 2 count k times in it.
    ``kinks`` are the points where function is not smooth; integrals are cut there.

    >>> a = relu()
    >>> float(a(np.array(0.0))), a.linear, a.slope_excess
    (-0.3989422804014327, 0.5, 0.25)
    """

    name: str
    function: Function
    derivative: Function
    mean: float
    linear: float
    nonlinear: float
    slope_excess: float
    kinks: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        who = "Activation"
        for name in ("function", "derivative"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{who}: {name} must be callable, got {getattr(self, name)!r}")
        for name in ("mean", "linear"):
            object.__setattr__(self, name, as_number(getattr(self, name), who, name))
        for name in ("nonlinear", "slope_excess"):
            object.__setattr__(self, name, as_number(getattr(self, name), who, name, at_least=0.0))
        object.__setattr__(self, "kinks", tuple(as_number(kink, who, "kinks") for kink in self.kinks))

    def __call__(self, z: ArrayLike) -> Array:
        """Return function(z) - mean, the shape of z."""
        return np.asarray(self.function(np.asarray(z, dtype=np.float64)) - self.mean)

    def slope(self, z: ArrayLike) -> Array:
        """Return derivative(z), the shape of z."""
        return np.asarray(self.derivative(np.asarray(z, dtype=np.float64)))


def relu() -> Activation:
    """Return the shifted ReLU max(z, 0) - 1/sqrt(2 pi): linear 1/2, nonlinear 1/4 - 1/(2 pi), slope_excess 1/4.

    The slope at 0 is 0.

    >>> round(relu().nonlinear, 10)
    0.0908450569
    """
    return Activation("relu", _positive_part, _step, 1.0 / ROOT_TWO_PI, 0.5, 0.25 - 0.5 / math.pi, 0.25, (0.0,))


def activation(function: Function, derivative: Function, kinks: Iterable[float] = (), *,
               name: str = "custom") -> Activation:
    """Return the activation with its moments, by adaptive quadrature between kinks and whole numbers.

    Both functions map arrays to arrays of the same shape. ``kinks`` are the points where the function is not smooth;
    one that is not named costs digits and time. Moments are exact to about 1e-12 of E function(G)^2; an activation that
    is affine up to rounding gets nonlinear = slope_excess = 0, an even one linear = 0.

    Raises ValueError where an integral does not converge, and where E derivative(G) is not E[G function(G)]: the
    derivative is wrong, or the function jumps, and then its gradients are not what an adversary uses.

    >>> wave = activation(np.tanh, lambda z: 1.0 - np.tanh(z) ** 2)
    >>> round(wave.linear, 6), bool(wave.slope_excess >= 2.0 * wave.nonlinear)
    (0.605706, True)
    """
    who = "activation"
    for argument, value in (("function", function), ("derivative", derivative)):
        if not callable(value):
            raise TypeError(f"{who}: {argument} must be callable, got {value!r}")
    named = tuple(as_number(kink, who, "kinks") for kink in kinks)
    cuts = cuts_between(named)
    mean = _gaussian_mean(function, cuts)
    linear = _gaussian_mean(lambda z: z * (function(z) - mean), cuts)
    nonlinear = _gaussian_mean(lambda z: (function(z) - mean - linear * z) ** 2, cuts)
    size = mean * mean + linear * linear + nonlinear
    slope = _gaussian_mean(derivative, cuts)
    if abs(slope - linear) > CLOSE * math.sqrt(size):
        raise ValueError(f"{who}: E derivative(G) = {slope!r} must equal E[G function(G)] = {linear!r}; "
                         "the derivative is wrong, or the function jumps")
    slope_excess = _gaussian_mean(lambda z: (derivative(z) - linear) ** 2, cuts)
    if nonlinear <= 1e-24 * size:
        nonlinear = slope_excess = 0.0
    if linear * linear <= 1e-24 * size:
        linear = 0.0
    return Activation(name, function, derivative, mean, linear, nonlinear, slope_excess, named)


def _positive_part(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _step(z: Array) -> Array:
    return np.asarray(z > 0.0, dtype=np.float64)


def cuts_between(kinks: Iterable[float]) -> list[float]:
    """Return the ends of the pieces for integrals against the normal density: whole numbers and kinks within reach.

    >>> len(cuts_between([0.0, 0.5, 99.0]))
    76
    """
    return sorted({*(float(k) for k in range(-REACH, REACH + 1)), *(kink for kink in kinks if abs(kink) < REACH)})


def _gaussian_mean(function: Function, cuts: list[float]) -> float:
    """Return E function(G), summed over the pieces between cuts."""
    def integrand(z: float) -> float:
        value = np.asarray(function(np.asarray(z)))
        if value.size != 1 or value.dtype.kind not in "biuf":
            raise ValueError("activation: functions must map arrays to real arrays of the same shape, but at a single "
                             f"number one returns shape {value.shape} and dtype {value.dtype}")
        return float(value.item()) * math.exp(-0.5 * z * z) / ROOT_TWO_PI

    values, error = [], 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
        for low, high in zip(cuts, cuts[1:], strict=False):
            value, uncertain, *_ = quad(integrand, low, high, epsabs=1e-14, epsrel=1e-13, limit=200, full_output=1)
            values.append(value)
            error += uncertain + (abs(value) if abs(low + high) > 2 * REACH - 2 else 0.0)  # as much may lie beyond
    total = math.fsum(values) if all(map(math.isfinite, values)) else math.nan
    if not error <= CLOSE * max(math.fsum(map(abs, values)), 1e-6) or math.isnan(total):
        raise ValueError(f"activation: an integral against the normal density is {total!r} +- {error!r}; "
                         "the function must be finite and of moderate growth, and jumps of its slope named in kinks")
    return total
