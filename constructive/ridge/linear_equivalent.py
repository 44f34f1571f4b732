"""In high dimension, kernel regression with one wide hidden layer is linear ridge regression: which, and how closely.

For x of covariance Sigma, L = tr Sigma, most angles are near pi / 2 and most squared norms near L, so that

first layer trained:  K is about X X^T / 4 + (L / 4) I
both:                 K is about (L / 2 pi) 1 1^T + X X^T / 2 + (1/2 - 1/(2 pi)) L I

and f is nearly linear with a ridge of its own, even where it interpolates: L / n at least, or .68 L / n. All that is
known of linear ridge then applies. What the kernel learns besides, a constant and products of two coordinates, adds
variance.
These are asymptotic statements: they need n tr(Sigma^2) / L^2 of order 1, not only tr(Sigma^2) / L^2 small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.ridge.effective import as_ridges, effective_ridges
from constructive.ridge.equivalents import RidgeMoments, deterministic_equivalent
from constructive.ridge.spectra import Spectrum
from constructive.tangent.two_layer import Trained, TwoLayerKernel

Array = NDArray[np.float64]
LARGEST_STRENGTH = 1.32
"""Up to this n tr(Sigma^2) / L^2, slopes agreed within 3 % in simulations; at 5 they were 8 % off."""
SHARE = {"first": 4.0, "both": 2.0}
"""One over the weight of X X^T in the kernel."""


def linear_ridges(trace: float, n: int, ridges: ArrayLike, trained: Trained = "first") -> Array:
    """Return the linear ridges L / n + 4 ridge, or (1 - 1/pi) L / n + 2 ridge with both layers trained; L = ``trace``.

    >>> float(linear_ridges(65.0, 200, 0.0))
    0.325
    """
    who = "linear_ridges"
    total, count = as_number(trace, who, "trace", above=0.0), as_count(n, who, "n", at_least=1)
    least = 1.0 if TwoLayerKernel(trained).trained == "first" else 1.0 - 1.0 / math.pi
    return np.asarray(least * total / count + SHARE[trained] * as_ridges(ridges, who))[()]


@dataclass(frozen=True, slots=True, eq=False)
class KernelEquivalent:
    """What kernel ridge regression should give: moments of linear ridge, and the variance that the kernel adds.

    ``linear_ridges`` (r,), ``linear`` and ``extra_variance`` (r,) for r ridges; slopes grad f stand for the linear
    coefficients, so that ``linear.energy`` predicts E |grad f|^2. ``strength`` is n tr(Sigma^2) / L^2.
    """

    linear_ridges: Array
    linear: RidgeMoments
    extra_variance: Array
    strength: float

    @property
    def reliable(self) -> bool:
        """Whether the strength is at most 1.32; above, the kernel's quadratic part is as strong as its linear one."""
        return self.strength <= LARGEST_STRENGTH

    @property
    def moments(self) -> RidgeMoments:
        """The linear moments with the extra variance added."""
        return RidgeMoments(self.linear.bias, self.linear.variance + self.extra_variance, self.linear.signal_energy,
                            self.linear.noise_energy)


def kernel_equivalent(spectrum: Spectrum, n: int, ridges: ArrayLike, noise_variance: float,
                      trained: Trained = "first") -> KernelEquivalent:
    """Return the linear equivalent of kernel ridge regression on n points with this spectrum, for each ridge >= 0.

    Extra variance: (sigma^2 / n) / (1 - df2 / n) times the sum of a^2 over the constant and the products of two
    coordinates with lambda > kappa, the effective ridge at the linear one. a = c / (c + kappa / 4), with both layers
    c / (c + kappa / 2). c = g lambda_i lambda_j / (pi L) for coordinates i and j, for the constant
    g tr(Sigma^2) / (2 pi L), with both layers plus L / (2 pi); g = 1, with both layers 1.5.

    A rule found by expansion and checked by simulation, not proved; it overshoots as the ridge grows. Raises ValueError
    for n < 1, negative ridges or noise.

    >>> from constructive.ridge.spectra import spiked
    >>> kernel_equivalent(spiked(3, 3.0, 3000, 57.0), 200, [0.0], 1.0).reliable
    True
    """
    who = "kernel_equivalent"
    count, given = as_count(n, who, "n", at_least=1), as_ridges(ridges, who).reshape(-1)
    noise = as_number(noise_variance, who, "noise_variance", at_least=0.0)
    total, squares = spectrum.trace(), spectrum.trace(2.0)
    linear = np.asarray(linear_ridges(total, count, given, trained))
    kappa = effective_ridges(spectrum, count, linear)
    extra = np.array([_learned(spectrum, float(k), trained) for k in kappa])
    values, counts = spectrum.eigenvalues, spectrum.multiplicities
    # 1 - df2 / n as a sum of positive terms, so that nothing cancels
    free = linear / kappa + kappa * (counts * values / (values + kappa[:, None]) ** 2).sum(axis=1) / count
    return KernelEquivalent(linear, deterministic_equivalent(spectrum, count, linear, noise),
                            noise / count * extra / free, count * squares / total**2)


def _learned(spectrum: Spectrum, kappa: float, trained: Trained) -> float:
    """Return the sum of a^2, a = c / (c + kappa / share), over the constant and products i <= j of head coordinates."""
    total, squares, floor = spectrum.trace(), spectrum.trace(2.0), kappa / SHARE[trained]
    gain, start = (1.0, 0.0) if trained == "first" else (1.5, total / (2.0 * math.pi))
    constant = start + gain * squares / (2.0 * math.pi * total)
    found = (constant / (constant + floor)) ** 2
    head = spectrum.eigenvalues > kappa
    values, counts = spectrum.eigenvalues[head], spectrum.multiplicities[head]
    for i, value in enumerate(values):
        c = gain * value * values[i:] / (math.pi * total)
        pairs = counts[i] * counts[i:]
        pairs[0] = counts[i] * (counts[i] + 1.0) / 2.0
        found += float((pairs * (c / (c + floor)) ** 2).sum())
    return float(found)
