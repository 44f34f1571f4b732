"""Deterministic equivalents: what the moments of ridge regression tend to for many data, for any spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.ridge.effective import as_ridges, effective_ridges
from constructive.ridge.risk import adversarial_risk
from constructive.ridge.spectra import Spectrum

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RidgeMoments:
    """Expectations over noise of ||theta_hat - theta||_Sigma^2 and of ||theta_hat||^2, each in two parts.

    ``bias`` and ``variance`` add up to the ``risk``, ``signal_energy`` and ``noise_energy`` to the ``energy``; arrays
    of one shape, one entry for each ridge. Infinite where the expectation is.
    """

    bias: Array
    variance: Array
    signal_energy: Array
    noise_energy: Array

    @property
    def risk(self) -> Array:
        """Excess standard risk, bias + variance."""
        return self.bias + self.variance

    @property
    def energy(self) -> Array:
        """Squared length of the predictor, signal + noise."""
        return self.signal_energy + self.noise_energy

    def adversarial(self, radius: float, label_noise: float = 0.0) -> Array:
        """Return :func:`adversarial_risk` of the mean risk and energy: at least the mean of adversarial risks.

        Equal to it in the limit of large n, where risk and energy are constants.
        """
        return adversarial_risk(self.risk, self.energy, radius, label_noise)


def deterministic_equivalent(spectrum: Spectrum, n: int, ridges: ArrayLike, noise_variance: float) -> RidgeMoments:
    """Return the limits of the four moments of theta = (X^T X + n ridge I)^-1 X^T y, over noise and n rows N(0, Sigma).

    With kappa the effective ridge, t = sum_j lambda_j / (lambda_j + kappa)^2 / n and df2 = sum_j lambda_j^2 /
    (lambda_j + kappa)^2: bias = kappa^2 sum_j lambda_j theta_j^2 / (lambda_j + kappa)^2 / (1 - df2 / n), variance =
    noise (df2 / n) / (1 - df2 / n), noise energy = noise t / (1 - df2 / n), signal energy = sum_j theta_j^2 lambda_j^2
    / (lambda_j + kappa)^2 + t bias. So energy = ||Sigma (Sigma + kappa)^-1 theta||^2 + t (noise + risk) and, without
    ridge and p > n, noise energy = noise / kappa.

    Exact asymptotically, with relative errors of order 1 / n away from p = n; no bound at finite n. There (ridge 0, p
    = n) variance and noise energy are infinite. For ridge 0 and p < n :func:`least_squares_moments` is exact.
    Arrays have the shape of ``ridges``. Raises ValueError for n < 1, negative ridges or variance.

    >>> from constructive.ridge.spectra import isotropic
    >>> moments = deterministic_equivalent(isotropic(300), 100, 0.0, 0.25)
    >>> [round(float(v), 12) for v in (moments.bias, moments.variance, moments.signal_energy, moments.noise_energy)]
    [0.666666666667, 0.125, 0.333333333333, 0.125]
    """
    who = "deterministic_equivalent"
    count, given = as_count(n, who, "n", at_least=1), as_ridges(ridges, who)
    noise = as_number(noise_variance, who, "noise_variance", at_least=0.0)
    kappas = effective_ridges(spectrum, count, given)
    # One ridge at a time: the (ridges, blocks) table of a long path would be the only large array here.
    rows = [_at(spectrum, count, ridge, kappa, noise)
            for ridge, kappa in zip(given.reshape(-1), kappas.reshape(-1), strict=True)]
    bias, variance, signal, energy = (np.array(column).reshape(given.shape) for column in zip(*rows, strict=True))
    return RidgeMoments(bias, variance, signal, energy)


def least_squares_moments(spectrum: Spectrum, n: int, noise_variance: float) -> RidgeMoments:
    """Return the exact moments of least squares, ridge 0 with p <= n - 2: no bias, variance = noise p / (n - p - 1).

    Noise energy = noise sum_j 1 / lambda_j / (n - p - 1), the mean of an inverse Wishart matrix. Raises ValueError for
    p > n - 2, where the means are infinite (p = n - 1, n) or theta is not the least-squares solution of all of space.

    >>> from constructive.ridge.spectra import isotropic
    >>> float(least_squares_moments(isotropic(10), 31, 1.0).variance)
    0.5
    """
    who = "least_squares_moments"
    count, p = as_count(n, who, "n", at_least=1), spectrum.dimension
    noise = as_number(noise_variance, who, "noise_variance", at_least=0.0)
    if p > count - 2:
        raise ValueError(f"{who}: p={p:.0f} positive eigenvalues need n >= p + 2, got n={count}; "
                         "use deterministic_equivalent")
    left = count - p - 1.0
    return RidgeMoments(np.array(0.0), np.array(noise * p / left), np.array(float(spectrum.signal.sum())),
                        np.array(noise * spectrum.trace(-1.0) / left))


def _at(spectrum: Spectrum, n: int, ridge: float, kappa: float, noise: float) -> tuple[float, float, float, float]:
    values, counts, signal = spectrum.eigenvalues, spectrum.multiplicities, spectrum.signal
    u = values / (values + kappa)
    share = float((counts * u * u).sum()) / n  # df2 / n
    t = float((counts * u / (values + kappa)).sum()) / n
    # 1 - df2 / n = ridge / kappa + kappa t, a sum of two numbers >= 0; the difference cancels near p = n.
    rest = ridge / kappa + kappa * t if kappa > 0.0 else 1.0 - spectrum.dimension / n
    if rest == 0.0:  # as many directions as data, no ridge
        grown = np.inf if noise > 0.0 else 0.0
        return 0.0, grown, float(signal.sum()), grown
    bias = float((signal * values * (kappa / (values + kappa)) ** 2).sum()) / rest
    return bias, noise * share / rest, float((signal * u * u).sum()) + t * bias, noise * t / rest
