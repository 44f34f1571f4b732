"""What the records on ridge regression share: spectra, moments over drawn designs, and intervals for their means."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from constructive.evidence import Bracket, Evidence
from constructive.ridge.moments import conditional_moments
from constructive.ridge.sampling import draw_design, explicit
from constructive.ridge.spectra import Spectrum, isotropic, logarithmic, power_law, spiked
from constructive.theorems.exponentials import Rational, plus, rational, scaled, times

Array = NDArray[np.float64]
LEVEL = 1e-6
"""How often the interval for a mean may miss it, means of draws being close to normal."""
PAPER = "2401.12236"
TITLE = "benign overfitting and adversarial robustness of linear regression"


def some_spectrum(rng: np.random.Generator, p: int) -> Spectrum:
    """Return p >= 4 eigenvalues: a head and a flat tail, a power law, 1 / (j log^1.5 j), or all the same."""
    kind, strength = int(rng.integers(4)), float(rng.uniform(0.5, 2.0))
    if kind == 0:
        heads = int(rng.integers(1, 4))
        return spiked(heads, 1.0, p - heads, float(rng.uniform(0.01, 0.1)) * (p - heads), signal=strength)
    if kind == 1:
        return power_law(p, float(rng.uniform(0.5, 1.2)), signal_exponent=1.0, signal=strength)
    return logarithmic(p, signal=strength) if kind == 2 else isotropic(p, signal=strength)


def drawn_moments(spectrum: Spectrum, n: int, ridges: Array, draws: int, seed: int) -> Array:
    """Return the conditional moments (draws, 4, g) at unit noise: bias, variance, signal energy, noise energy."""
    rng, (values, theta) = np.random.default_rng(seed), explicit(spectrum)
    found = []
    for _ in range(draws):
        moments = conditional_moments(draw_design(spectrum, n, rng), theta, values, ridges, 1.0)
        found.append([moments.bias, moments.variance, moments.signal_energy, moments.noise_energy])
    return np.array(found)


def interval(values: Array, share: int = 1) -> tuple[Array, Array]:
    """Return Student's interval for the means over the first axis, each at level 1e-6 / ``share``."""
    draws = len(values)
    half = float(stdtrit(draws - 1, 1.0 - LEVEL / 2.0 / share)) * values.std(axis=0, ddof=1) / math.sqrt(draws)
    mean = values.mean(axis=0)
    return mean - half, mean + half


def mean_ratio(values: Array, limit: float) -> Bracket:
    """Return the mean of values (draws,) over a limit > 0, as an interval at level 1e-6."""
    low, high = interval(values)
    return Bracket(float(low) / limit, float(high) / limit, Evidence.SAMPLED, 1.0 - LEVEL)


def inverse(matrix: Rational) -> Rational:
    """Return the inverse of a nonsingular matrix, exactly."""
    n = len(matrix)
    rows = [[*row, *unit] for row, unit in zip(matrix, rational(np.eye(n)), strict=True)]
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in (k for k in range(n) if k != i):
            rows[k] = [v - rows[k][i] * w for v, w in zip(rows[k], rows[i], strict=True)]
    return [row[n:] for row in rows]


def transposed(matrix: Rational) -> Rational:
    """Return the transposed matrix."""
    return [list(row) for row in zip(*matrix, strict=True)]


def ridge_map(design: Array, penalty: Fraction | int = 0) -> Rational:
    """Return X^T (X X^T + penalty I)^-1 (p, n), exactly."""
    X = rational(design)
    gram = plus(times(X, transposed(X)), scaled(rational(np.eye(len(X))), Fraction(penalty)))
    return times(transposed(X), inverse(gram))


def squares(matrix: Rational) -> Fraction:
    """Return the sum of squared entries."""
    return sum((v * v for row in matrix for v in row), Fraction(0))


def draw_rational_design(rng: np.random.Generator) -> Array:
    """Return X (n, p), 1 <= n <= 4, n <= p <= n + 5, of rank n, dyadic entries and columns that mostly get smaller."""
    n = int(rng.integers(1, 5))
    p = n + int(rng.integers(0, 6))
    scales = 2.0 ** -np.minimum(np.arange(p) // 2, 4)
    while True:
        X = np.asarray(rng.integers(-8, 9, (n, p)) * scales)
        if np.linalg.matrix_rank(X) == n:
            return X
