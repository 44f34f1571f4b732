"""The least adversarial risk that any linear predictor has: what the truth and every ridge are compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from constructive._checks import as_number
from constructive.ridge.risk import MEAN_SIZE, adversarial_risk
from constructive.ridge.spectra import Spectrum

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RobustOptimum:
    """The linear predictor Sigma (Sigma + penalty)^-1 theta of least adversarial risk; made by :func:`robust_optimum`.

    ``penalty`` 0 is the truth (its unseen part left out), infinity the zero predictor. ``risk`` and ``energy`` are its
    excess standard risk and squared length, ``adversarial`` its adversarial risk, ``truth`` that of the truth,
    radius^2 ||theta||^2. ``thresholds``: up to the first radius the truth is best, from the second one zero is.
    """

    penalty: float
    risk: float
    energy: float
    adversarial: float
    truth: float
    thresholds: tuple[float, float]


def robust_optimum(spectrum: Spectrum, radius: float) -> RobustOptimum:
    """Return the predictor t that minimizes E max_(||d||_2 <= a) ((x + d)^T t - x^T theta)^2 over all linear ones.

    x is N(0, Sigma) and a = ``radius`` >= 0. The minimum lies on the ridge curve of the population, t = Sigma (Sigma +
    mu)^-1 theta, where mu = (a^2 + a c sqrt(R / N)) / (1 + a c sqrt(N / R)), c = sqrt(2 / pi): R and N cannot both be
    smaller than on that curve, and the risk is convex in sqrt N along it. mu = 0 iff a <= c ||theta|| /
    ||theta||_(Sigma^-1), mu infinite iff a >= ||Sigma theta|| / (c ||theta||_Sigma); ||theta|| here without its part
    along eigenvalue zero. Raises ValueError for a negative radius, and for a spectrum without signal.

    >>> best = robust_optimum(Spectrum.of([2, 1, 0.5, 0.1], [1, -0.5, 0.3, 0.7]), 1.0)
    >>> round(best.penalty, 9), round(best.adversarial, 9), round(best.truth, 9)
    (0.424815407, 1.492604495, 1.83)
    """
    who = "robust_optimum"
    a = as_number(radius, who, "radius", at_least=0.0)
    signal, values = spectrum.signal, spectrum.eigenvalues
    if not signal.any():
        raise ValueError(f"{who}: the spectrum has no signal, so that the zero predictor is the truth; pass signal > 0")
    lowest = MEAN_SIZE * math.sqrt(float(signal.sum()) / float((signal / values).sum()))
    highest = math.sqrt(float((signal * values**2).sum()) / spectrum.signal_variance) / MEAN_SIZE
    if a <= lowest:
        penalty = 0.0
    elif a >= highest:
        penalty = math.inf
    else:
        penalty = _stationary(values, signal, a)
    kept = values / (values + penalty)  # 0 for an infinite penalty
    missed = penalty / (values + penalty) if penalty < math.inf else np.ones_like(values)
    risk, energy = float((signal * values * missed**2).sum()), float((signal * kept**2).sum())
    return RobustOptimum(penalty, risk, energy, float(adversarial_risk(risk, energy, a)), a * a * spectrum.signal_norm,
                         (lowest, highest))


def _stationary(values: Array, signal: Array, a: float) -> float:
    """Return mu with mu + a c sqrt(N) / r = a^2 + a c mu r / sqrt(N), r = sqrt(R) / mu: one change of sign."""
    def excess(logarithm: float) -> float:
        mu = math.exp(logarithm)
        length = math.sqrt(float((signal * (values / (values + mu)) ** 2).sum()))
        r = math.sqrt(float((signal * values / (values + mu) ** 2).sum()))
        return 1.0 + a * MEAN_SIZE * length / (r * mu) - a * a / mu - a * MEAN_SIZE * r / length  # divided by mu

    # Between the thresholds the sign is negative for mu near 0 and positive for large mu. Next to a threshold the root
    # is far out, but then the limit at that end differs from the threshold in the last digits only.
    low = high = 2.0 * math.log(a)
    least, most = math.log(float(values[-1])) - 80.0, math.log(float(values[0])) + 80.0
    while excess(low) > 0.0:
        if low < least:
            return 0.0
        low -= 2.0
    while excess(high) < 0.0:
        if high > most:
            return math.inf
        high += 2.0
    return math.exp(float(brentq(excess, low, high, xtol=1e-15, rtol=4.0 * float(np.finfo(np.float64).eps))))
