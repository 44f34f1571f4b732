"""The effective ridge: which ridge on infinitely many data shrinks as ridge regression on n data does."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.ridge.spectra import RANGE, Spectrum

Array = NDArray[np.float64]


def effective_ridge(spectrum: Spectrum, n: int, ridge: float) -> float:
    """Return the kappa >= 0 with kappa (1 - df1(kappa) / n) = ridge, df1(kappa) = sum_j lambda_j / (lambda_j + kappa).

    With ridge 0: the root of df1 = n for p > n, else 0 (p = n is a double root). Increases with the ridge, at the rate
    1 / (1 - df2 / n), and with every eigenvalue; relative error a few units of rounding times n / (kappa T),
    T = sum_j lambda_j / (lambda_j + kappa)^2. Raises ValueError for n < 1 and for a negative ridge.

    >>> from constructive.ridge.spectra import isotropic
    >>> effective_ridge(isotropic(240), 60, 0.0)
    3.0
    """
    return float(effective_ridges(spectrum, n, as_number(ridge, "effective_ridge", "ridge", at_least=0.0)))


def effective_ridges(spectrum: Spectrum, n: int, ridges: ArrayLike) -> Array:
    """Return :func:`effective_ridge` for each of the ridges >= 0, in their shape."""
    who = "effective_ridges"
    count, given = as_count(n, who, "n", at_least=1), as_ridges(ridges, who)
    flat = given.reshape(-1)
    out = np.zeros(flat.size)
    wanted = np.ones(flat.size, dtype=np.bool_) if spectrum.dimension > count else flat > 0.0
    if wanted.any():
        from constructive._kernels.ridge import fill_effective_ridges
        roots, starts = np.empty(int(wanted.sum())), effective_bracket(spectrum, count, flat[wanted])[1]
        fill_effective_ridges(spectrum.eigenvalues, spectrum.multiplicities, float(count), flat[wanted], starts, roots)
        out[wanted] = roots
    return out.reshape(given.shape)


def effective_bracket(spectrum: Spectrum, n: int, ridge: ArrayLike) -> tuple[Array, Array]:
    """Return ridge + max_m lambda_m (m - n)_+ / n <= kappa and min_(k < n) (s_k + n ridge) / (n - k) >= kappa.

    s_k is the sum of lambda_j over j > k, k <= p. The larger end of the first is at the end of a block of equal
    eigenvalues, the smaller end of the second at such an end, at 0 or at n - 1. Both have the shape of ``ridge``.
    Proved for the equation, up to rounding.

    >>> from constructive.ridge.spectra import isotropic
    >>> [float(end) for end in effective_bracket(isotropic(240), 60, 0.0)]
    [3.0, 4.0]
    """
    who = "effective_bracket"
    count, ridges = as_count(n, who, "n", at_least=1), as_ridges(ridge, who)
    ends = spectrum.ends
    lower = ridges + float((spectrum.eigenvalues * np.maximum(ends - count, 0.0)).max()) / count
    last = np.array([min(count - 1.0, spectrum.dimension)])
    k = np.unique(np.concatenate([[0.0], ends[ends < count], last]))
    sums = spectrum.tail(k)[0]
    upper = ((sums + count * ridges[..., None]) / (count - k)).min(axis=-1)
    return lower[()], upper[()]


def as_ridges(ridge: ArrayLike, who: str) -> Array:
    """Return ridges as float64 numbers from 0 to 2^480 of any shape; TypeError and ValueError as usual."""
    raw = np.asarray(ridge)
    if raw.dtype.kind not in "iuf":
        raise TypeError(f"{who}: ridge must be real numbers, got dtype {raw.dtype}")
    ridges = raw.astype(np.float64)
    if ridges.size == 0 or not (np.isfinite(ridges) & (ridges >= 0.0)).all():
        raise ValueError(f"{who}: ridge={ridge!r} must be finite numbers >= 0; it is multiplied by n")
    if (ridges > RANGE[1]).any():
        raise ValueError(f"{who}: ridge={float(ridges.max())!r} must be <= 2^480, so that squares do not overflow")
    return ridges
