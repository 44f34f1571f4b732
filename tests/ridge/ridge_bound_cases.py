"""Designs, spectra and slow oracles that the tests of the bounds share."""

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from constructive.ridge.spectra import Spectrum, logarithmic, power_law


def small_design():
    """Four rows of seven columns with falling variances 1 / j, fixed by a formula; condition number 2.2."""
    j, i = np.arange(1.0, 8.0), np.arange(1.0, 5.0)
    return np.sqrt(2.0 / j) * np.cos(np.outer(i, j**2)), 1.0 / j


def kinds(p):
    """Spectra of p eigenvalues, p >= 6, of four kinds; the signal falls like 1 / j unless it sits on the head."""
    j = np.arange(1.0, p + 1.0)
    head = np.where(j <= 3, 1.0, 0.0)
    return {"spiked": Spectrum.of(np.where(j <= 3, 1.0, 0.05), head / np.sqrt(3.0)),
            "logarithmic": logarithmic(p, signal_exponent=1.5, signal=None),
            "harmonic": power_law(p, 1.0, signal_exponent=2.0, signal=None),
            "flat": Spectrum.of(np.ones(p), 1.0 / j)}


@st.composite
def designs(draw, largest_n=25, largest_p=120, wide=True):
    """(X, spectrum): normal rows for a spectrum of any of the four kinds; p >= n if wide."""
    n = draw(st.integers(1, largest_n))
    p = draw(st.integers(max(n, 6) if wide else 6, largest_p))
    spectrum = kinds(p)[draw(st.sampled_from(["spiked", "logarithmic", "harmonic", "flat"]))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.normal(size=(n, p)) * np.sqrt(spectrum.eigenvalues), spectrum


def inverse(matrix):
    """The inverse of a square matrix of Fractions, by Gauss and Jordan."""
    n = len(matrix)
    rows = [list(row) + [Fraction(int(i == k)) for k in range(n)] for i, row in enumerate(matrix)]
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(n):
            if k != i:
                rows[k] = [v - rows[k][i] * w for v, w in zip(rows[k], rows[i], strict=True)]
    return [row[n:] for row in rows]


def product(a, b):
    """The product of two matrices of Fractions."""
    return [[sum((x * y for x, y in zip(row, column, strict=True)), Fraction(0))
             for column in zip(*b, strict=True)] for row in a]


def rational(values):
    return [[Fraction(v) for v in row] for row in np.asarray(values).tolist()]


def transposed(matrix):
    return [list(row) for row in zip(*matrix, strict=True)]


def trace(matrix):
    return sum((matrix[i][i] for i in range(len(matrix))), Fraction(0))


def moments(X, values, theta, ridge):
    """(bias, variance, signal energy, noise energy) at unit noise, from the definition: no spectral formula."""
    n = X.shape[0]
    gram = X @ X.T + n * ridge * np.eye(n)
    fit = X.T @ (np.linalg.inv(gram) if ridge > 0.0 or n <= X.shape[1] else np.linalg.pinv(gram))
    signal = fit @ (X @ theta)
    error = signal - theta
    return (float(values @ error**2), float(values @ np.square(fit).sum(axis=1)), float(signal @ signal),
            float(np.square(fit).sum()))


def means(spectrum, n, ridges, draws, seed):
    """Means and standard errors of the moments over designs, arrays (4, ridges)."""
    rng, values, theta = np.random.default_rng(seed), spectrum.eigenvalues, np.sqrt(spectrum.signal)
    found = []
    for _ in range(draws):
        X = rng.normal(size=(n, values.size)) * np.sqrt(values)
        found.append([moments(X, values, theta, ridge) for ridge in ridges])
    found = np.array(found)
    return found.mean(axis=0).T, found.std(axis=0).T / np.sqrt(draws)
