"""What attacked training has done after a while: coefficients W(a) Y, and how they answer to the attack strengths.

Data flow: theta (n, n) and a (n,), each sample's time multiplied by the strength of the attack on it -> one symmetric
eigendecomposition of M = diag(m) theta diag(m), m = sqrt(a) -> W(a) Y, W(a), the gradient of any loss in a.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.tangent.matrices import UNIT, as_columns, as_kernel_matrix, decomposed

Array = NDArray[np.float64]
WIDEST = 1e10  # the error of W grows like 2^-53 max a / min a over the positive entries
JITTER = 1e-10  # of the mean eigenvalue, where theta has no Cholesky factor
TERMS = 24  # 1 / 27! is below the rounding of the first term


@dataclass(frozen=True, slots=True, eq=False)
class Propagator:
    """The matrix W(a) = theta^-1 (I - exp(-theta diag(a))) = diag(m) phi(M) diag(m), phi(z) = (1 - e^-z) / z.

    Here m = sqrt(a) and M = diag(m) theta diag(m). W is symmetric, 0 <= W <= theta^-1, vanishes in the rows
    and columns where a does, and exists for singular theta: no inverse is formed. a = t (1, ..., 1) is training without
    attack for a time t; with growing a W(a) Y tends to the interpolant; W is *not* monotone in a.

    ``theta`` (n, n), ``strengths`` a (n,) >= 0; ``eigenvalues`` (r,) of M on the rows with a > 0, clipped at 0;
    ``roots`` (n, r) = diag(m) times M's eigenvectors. Relative error about 2^-53 max(a) / min(a > 0). Made by
    :meth:`of`.

    >>> Propagator.of([[2.0]], [0.5]).coefficients([1.0])
    array([0.31606028])
    """

    theta: Array
    strengths: Array
    eigenvalues: Array
    roots: Array

    @classmethod
    def of(cls, theta: ArrayLike, strengths: ArrayLike) -> Propagator:
        """Return the propagator of a kernel matrix (n, n) and accumulated strengths (n,) >= 0.

        Raises ValueError for a matrix that is not symmetric positive semidefinite, a negative strength, or positive
        strengths whose ratio exceeds 1e10: the result would be wrong in too many digits.
        """
        who = "Propagator.of"
        matrix = as_kernel_matrix(theta, who)
        a = as_strengths(strengths, matrix.shape[0], who)
        active = np.flatnonzero(a > 0.0)
        if active.size and a[active].max() / WIDEST > a[active].min():
            raise ValueError(f"{who}: positive strengths from {a[active].min():.6g} to {a[active].max():.6g} differ by "
                             "more than 1e10; put the smallest to 0 or the largest to a common bound")
        m = np.sqrt(a[active])
        with np.errstate(over="ignore"):
            middle = m[:, None] * matrix[np.ix_(active, active)] * m
        if not np.isfinite(middle).all():
            raise ValueError(f"{who}: strengths up to {a.max():.6g} overflow; the interpolant is "
                             "reached long before")
        values, vectors = decomposed(middle, who) if active.size else (np.zeros(0), np.zeros((0, 0)))
        roots = np.zeros((a.size, active.size))
        roots[active] = m[:, None] * vectors
        return cls(matrix, a, values, roots)

    def coefficients(self, Y: ArrayLike, time: float = 1.0) -> Array:
        """Return W(time a) Y in the shape of Y, (n,) or (n, C); time >= 0 costs no further decomposition."""
        who = "Propagator.coefficients"
        columns, shape = as_columns(Y, self.strengths.size, who)
        weights = faded(self.eigenvalues, as_number(time, who, "time", at_least=0.0))
        return np.asarray(self.roots @ (weights[:, None] * (self.roots.T @ columns))).reshape(shape)

    def matrix(self, time: float = 1.0) -> Array:
        """Return W(time a), (n, n), symmetric bit for bit."""
        weights = faded(self.eigenvalues, as_number(time, "Propagator.matrix", "time", at_least=0.0))
        half = self.roots * np.sqrt(weights)
        found = half @ half.T
        return np.asarray((found + found.T) / 2.0)

    def gradient(self, P: ArrayLike, Y: ArrayLike, *, method: Literal["inverse-free", "factor"] = "inverse-free",
                 ) -> Array:
        """Return dl/da (n,) for any loss l of the coefficients W(a) Y, P = dl / d(W(a) Y) in the shape of Y.

        Exact up to an absolute error of about 2^-53 |P| |Y|; where a_k = 0 it is the derivative from the right. The
        default needs no inverse and takes singular matrices. "factor" is the shorter formula by a Cholesky factor
        of theta, slower by a second decomposition; where there is none, 1e-10 of the mean eigenvalue is added.

        >>> round(float(Propagator.of([[2.0]], [0.5]).gradient([1.0], [1.0])[0]), 6)  # exp(-theta a)
        0.367879
        """
        who, n = "Propagator.gradient", self.strengths.size
        labels, _ = as_columns(Y, n, who)
        slopes, _ = as_columns(P, n, who, "P")
        if labels.shape != slopes.shape:
            raise ValueError(f"{who}: P must have the shape of Y, got {slopes.shape} and {labels.shape}")
        if method not in ("inverse-free", "factor"):
            raise ValueError(f"{who}: method={method!r} must be 'inverse-free' or 'factor'")
        return self._inverse_free(slopes, labels) if method == "inverse-free" else self._factor(slopes, labels)

    def _inverse_free(self, P: Array, Y: Array) -> Array:
        """Duhamel's integral of dW with each exponential written as I - (...): three terms, none with an inverse."""
        moved = self.theta @ self.roots
        p, q = self.roots.T @ P, self.roots.T @ Y
        first = once_integrated(self.eigenvalues)[:, None]
        simple = P * Y - P * (moved @ (first * q)) - (moved @ (first * p)) * Y
        twice = twice_integrated(self.eigenvalues) * (p @ q.T)
        return np.asarray(simple.sum(axis=1) + np.einsum("ki,ki->k", moved @ twice, moved))

    def _factor(self, P: Array, Y: Array) -> Array:
        """The same in the eigenbasis of S = C^T diag(a) C, theta = C C^T, where W = C^-T (I - e^-S) C^-1."""
        from scipy.linalg import solve_triangular

        factor = cholesky(self.theta)
        values, vectors = decomposed(factor.T @ (self.strengths[:, None] * factor), "Propagator.gradient")
        p, q = (vectors.T @ solve_triangular(factor, part, lower=True) for part in (P, Y))
        rows = factor @ vectors
        return np.einsum("ki,ki->k", rows @ (exponential_slopes(values) * (p @ q.T)), rows)


def as_strengths(values: Any, n: int, who: str, name: str = "strengths") -> Array:
    """Return (n,) finite numbers >= 0; one number stands for n equal ones. ValueError otherwise."""
    raw = np.asarray(values)
    if raw.dtype.kind not in "biuf":
        raise TypeError(f"{who}: {name} must be real numbers, got dtype {raw.dtype}")
    found = np.full(n, float(raw)) if raw.ndim == 0 else np.array(raw, dtype=np.float64)
    if found.shape != (n,):
        raise ValueError(f"{who}: {name} must have shape ({n},), one for each sample, got {found.shape}")
    if not (np.isfinite(found) & (found >= 0.0)).all():
        i = int(np.argmax(~(np.isfinite(found) & (found >= 0.0))))
        raise ValueError(f"{who}: {name}[{i}]={float(found[i])!r} must be finite and >= 0")
    return found


def cholesky(theta: Array) -> Array:
    """Return a lower factor of theta, of theta + 1e-10 trace / n I where theta is singular to rounding."""
    floor = max(float(np.trace(theta)) / theta.shape[0], np.finfo(float).tiny)
    try:
        factor = np.linalg.cholesky(theta)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.cholesky(theta + JITTER * floor * np.eye(theta.shape[0])))
    # a factor that barely exists is as bad as none: its inverse would amplify rounding
    if np.diag(factor).min() ** 2 < 64.0 * theta.shape[0] * UNIT * floor:
        return np.asarray(np.linalg.cholesky(theta + JITTER * floor * np.eye(theta.shape[0])))
    return np.asarray(factor)


def faded(values: Array, time: float = 1.0) -> Array:
    """Return time phi(time l) = (1 - e^(-l time)) / l for each l >= 0, and time where l time underflows."""
    tiny = np.finfo(float).tiny
    with np.errstate(over="ignore"):
        moved = -np.expm1(-values * time)
    return np.where(values > tiny, moved / np.maximum(values, tiny), time)


def exponential_slopes(values: Array) -> Array:
    """Return the divided differences (e^-l_j - e^-l_i) / (l_i - l_j), e^-l_i where equal; (r, r), l >= 0."""
    low, gap = np.minimum.outer(values, values), np.abs(np.subtract.outer(values, values))
    return np.asarray(np.exp(-low) * faded_ratio(gap))


def faded_ratio(values: Array) -> Array:
    """Return phi(z) = (1 - e^-z) / z, 1 at 0."""
    tiny = np.finfo(float).tiny
    return np.where(values > tiny, -np.expm1(-values) / np.maximum(values, tiny), 1.0)


def once_integrated(values: Array) -> Array:
    """Return (l - 1 + e^-l) / l^2, 1 / 2 at 0: the divided difference of exp at 0, 0, -l."""
    large = np.maximum(values, 1.0)
    small = np.minimum(values, 1.0)
    series = np.zeros_like(values)
    for k in range(TERMS - 1, -1, -1):  # sum (-l)^k / (k + 2)!, by Horner
        series = 1.0 / math.factorial(k + 2) - small * series
    return np.where(values > 1.0, (1.0 - faded_ratio(large)) / large, series)


def twice_integrated(values: Array) -> Array:
    """Return the divided differences of exp at 0, 0, -l_i, -l_j, (r, r)."""
    low, high = np.minimum.outer(values, values), np.maximum.outer(values, values)
    large = np.maximum(high, 1.0)
    closed = (once_integrated(low) - (faded_ratio(low) - exponential_slopes(values)) / large) / large
    # the closed form cancels for small l: there sum_k h_k / (k + 3)!, h_k complete symmetric in -l_i, -l_j
    i, j = np.nonzero(high <= 1.0)
    a, b = -low[i, j], -high[i, j]
    symmetric, power, series = np.ones_like(a), np.ones_like(a), np.full_like(a, 1.0 / 6.0)
    for k in range(1, TERMS):
        power = power * a
        symmetric = b * symmetric + power
        series += symmetric / math.factorial(k + 3)
    closed[i, j] = series
    return np.asarray(closed)
