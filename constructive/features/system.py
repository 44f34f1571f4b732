"""The system of two unknowns: sizes, moments and spectrum of a problem, and the radius at which it vanishes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_number
from constructive.features.activations import Activation, relu

Array = NDArray[np.float64]
_NONE: Array = np.zeros(0)
SMALLEST, LARGEST = 1e-100, 1e100


class System(NamedTuple):
    """Sizes, moments and spectrum of one problem. A tuple, for kernels take it whole; squares are stored.

    Without ``nodes`` the spectrum is Marchenko and Pastur's for ``width``. Else ``nodes`` are eigenvalues of W W^T,
    ``traces`` their weights in the N x N matrix (summing to 1), ``signals`` the squared coordinates of the true
    coefficients along eigenvectors of W^T W (summing to ``signal``).
    """

    ratio: float  # features per sample, N / n
    width: float  # N / d
    noise: float  # squares of standard deviation and of the length of the signal
    signal: float
    radius: float
    ridge: float
    linear: float  # square of the activation's linear part
    nonlinear: float
    excess: float
    memory: float = 0.0  # what infinitely many features beyond the spectrum fit, per unit of 1 / kappa
    nodes: Array = _NONE
    traces: Array = _NONE
    signals: Array = _NONE


def random_features(width_ratio: float, sample_ratio: float, noise: float, radius: float, ridge: float,
                    activation: Activation | None, signal: float, who: str) -> System:
    """Return the system of random features, its arguments checked in the name of ``who``.

    >>> random_features(2.0, 4.0, 0.5, 0.1, 0.0, None, 1.0, "me").ratio
    0.5
    """
    width, samples = as_size(width_ratio, who, "width_ratio"), as_size(sample_ratio, who, "sample_ratio")
    kind = relu() if activation is None else activation
    if not isinstance(kind, Activation):
        raise TypeError(f"{who}: activation must be an Activation, got {kind!r}; make one with features.activation")
    if kind.linear == 0.0:
        raise ValueError(f"{who}: activation {kind.name!r} has no linear part and learns nothing of <x, beta>; "
                         "shift its argument")
    system = System(
        ratio=width / samples, width=width, noise=as_number(noise, who, "noise", at_least=0.0, at_most=LARGEST) ** 2,
        signal=as_number(signal, who, "signal", at_least=0.0, at_most=LARGEST) ** 2,
        radius=as_size(radius, who, "radius", zero=True), ridge=as_size(ridge, who, "ridge", zero=True),
        linear=kind.linear**2, nonlinear=kind.nonlinear, excess=kind.slope_excess)
    resolved = system.nonlinear > 0.0 or system.ridge > 0.0 or (system.radius > 0.0 and system.excess > 0.0)
    if not resolved or system.nonlinear == system.noise == 0.0:
        raise ValueError(f"{who}: activation {kind.name!r} is linear; with no noise or no ridge use linear_asymptotics")
    return system


def as_size(value: float, who: str, name: str, *, zero: bool = False) -> float:
    """Return the value, between 1e-100 and 1e100 so that no square overflows or vanishes; 0 where that is allowed.

    >>> as_size(0.0, "me", "radius", zero=True)
    0.0
    """
    number = as_number(value, who, name, at_least=0.0, at_most=LARGEST)
    if number >= SMALLEST or (zero and number == 0.0):
        return number
    raise ValueError(f"{who}: {name}={number!r} must be {'0 or ' if zero else ''}>= {SMALLEST}")


def as_test_radius(test_radius: float | None, radius: float, who: str) -> float:
    """Return the radius of the adversary at test time, that of training where none is given.

    >>> as_test_radius(None, 0.25, "me")
    0.25
    """
    return radius if test_radius is None else as_number(
        test_radius, who, "test_radius", at_least=0.0, at_most=LARGEST)


def threshold(system: System) -> float:
    """Return the radius from which on the zero predictor is optimal, sqrt(pi/2 (b^2 + t s^2)) / s.

    s^2 is its risk, b^2 = linear E_signal l / R and t = (N / n) E[L / R]: |J^-1 F^T y| = radius |y|_1 in the limit.
    """
    from constructive._kernels import features as kernels

    null = system.noise + system.signal
    if null == 0.0:
        return 0.0
    if system.excess == 0.0:  # linear features: l / (l + z) tends to 1 where l > 0
        if system.nodes.size == 0:
            t1 = min(1.0, 1.0 / system.width)
            found = system.signal * system.width * t1 + null * system.ratio * t1
        else:
            seen = system.nodes > 1e-12 * system.nodes.max()
            found = float(system.signals[seen].sum()) + null * system.ratio * float(system.traces[seen].sum())
    else:
        m1, _, t1, _, _, u1, *_ = kernels.spectral_means(system.excess / system.linear, system)
        found = u1 + null * system.ratio * (t1 + system.nonlinear / system.linear * m1)
    return math.sqrt(0.5 * math.pi * found / null)
