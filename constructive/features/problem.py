"""The convex problem of adversarial training behind a linear model: its value, its dual and its two thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.features.system import LARGEST, SMALLEST

Array = NDArray[np.float64]
_SINGULAR = 8.0 * float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True, eq=False)
class AdversarialProblem:
    """Adversarial training of theta -> features @ theta against the radius eps, with ridge z:

    P(theta) = 1/(2 n) sum_i (|y_i - f_i theta| + eps |J theta|)^2 + z/2 |theta|^2, convex in theta. ``features`` (n, N)
    holds the rows f_i; ``gradient_matrix`` (N, N) is J^2, positive definite, so that |J theta| is the size of the
    gradient in the input. Made by :meth:`of`, once for all radii and ridges.

    >>> problem = AdversarialProblem.of([[1.0], [1.0]], [1.0, 3.0], [[1.0]])
    >>> problem.objective([2.0], radius=0.5)
    2.0
    """

    features: Array
    y: Array
    gradient_matrix: Array
    root: Array
    """Upper triangular R with R^T R = J^2."""
    whitened: Array
    """G = F R^-1 (n, N): the features in coordinates in which J is the identity."""
    gram: Array
    """K = G G^T = F J^-2 F^T (n, n)."""
    _spectrum: list[Spectrum] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def of(cls, features: ArrayLike, y: ArrayLike, gradient_matrix: ArrayLike) -> AdversarialProblem:
        """Return the problem for features (n, N), labels y (n,) and J^2 (N, N).

        Raises ValueError for wrong shapes, for labels that are not finite, or if J^2 is not symmetric and positive
        definite beyond rounding: equal features are refused. Takes N^3/3 + n N^2 + n^2 N products.
        """
        who = "AdversarialProblem.of"
        F = as_points(features, who, "features")
        labels = as_labels(y, F.shape[0], who)
        size = float(np.abs(labels).max())
        if size > 0.0 and not SMALLEST <= size <= LARGEST:
            raise ValueError(f"{who}: the largest |y[i]| = {size!r} must be 0 or from {SMALLEST} to {LARGEST}, where "
                             "squares are numbers; divide y by it")
        squared = as_points(gradient_matrix, who, "gradient_matrix", dimension=F.shape[1])
        if squared.shape[0] != squared.shape[1]:
            raise ValueError(f"{who}: gradient_matrix must be square, got shape {squared.shape}")
        if np.abs(squared - squared.T).max() > 1e-12 * np.abs(squared).max():
            raise ValueError(f"{who}: gradient_matrix must be symmetric; pass (A + A.T) / 2")
        try:
            root = scipy.linalg.cholesky(squared, check_finite=False)
        except np.linalg.LinAlgError as error:
            raise ValueError(f"{who}: gradient_matrix must be positive definite ({error}); are two features equal?"
                             ) from error
        pivots = root.diagonal()**2
        least = _SINGULAR * F.shape[1] * float(squared.diagonal().max())
        if pivots.min() <= least:
            k = int(np.argmin(pivots))
            raise ValueError(f"{who}: gradient_matrix must be positive definite beyond rounding, but pivot {k} is "
                             f"{float(pivots[k])!r} <= {least!r}; drop feature {k}, which those before it determine")
        whitened = np.ascontiguousarray(
            scipy.linalg.solve_triangular(root, F.T, trans="T", check_finite=False).T)
        return cls(F, labels, squared, root, whitened, whitened @ whitened.T)

    @property
    def samples(self) -> int:
        """Number n of labels."""
        return int(self.features.shape[0])

    @property
    def zero_radius(self) -> float:
        """The radius |J^-1 F^T y| / sum_i |y_i| from which on theta = 0 is optimal, whatever the ridge; 0 for y = 0."""
        total = float(np.abs(self.y).sum())
        return float(np.linalg.norm(self.whitened.T @ self.y)) / total if total > 0.0 else 0.0

    def interpolation(self) -> tuple[float, Array]:
        """Return (radius, u): up to that radius > 0 and without ridge the labels are met exactly, u = K^-1 y.

        The radius is sqrt(y^T u) / (n max_i |u_i|), and the fit is the same for all of them: least |J theta| among
        the interpolants. It is 0 if K is singular (always for N < n) to working precision.
        """
        n = self.samples
        nothing = (0.0, np.zeros(n))
        if self.features.shape[1] < n or not self.y.any():
            return nothing
        try:
            factor = scipy.linalg.cho_factor(self.gram, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return nothing
        u = scipy.linalg.cho_solve(factor, self.y, check_finite=False)
        for _ in range(2):  # once more with what is missed: K has rounded by its condition number
            missed = self.y - self.whitened @ (self.whitened.T @ u)
            u = u + scipy.linalg.cho_solve(factor, missed, check_finite=False)
        if not float(np.abs(missed).max()) <= 1e-9 * float(np.abs(self.y).max()):
            return nothing
        return math.sqrt(max(float(self.y @ u), 0.0)) / (n * float(np.abs(u).max())), u

    def gradient_norm(self, theta: ArrayLike) -> float:
        """Return m = |J theta| for theta (N,)."""
        return float(np.linalg.norm(self.root @ self._weights(theta, "AdversarialProblem.gradient_norm")))

    def objective(self, theta: ArrayLike, *, radius: float, ridge: float = 0.0) -> float:
        """Return P(theta) for theta (N,)."""
        who = "AdversarialProblem.objective"
        weights, eps = self._weights(theta, who), as_number(radius, who, "radius", at_least=0.0)
        loss = np.abs(self.y - self.features @ weights) + eps * np.linalg.norm(self.root @ weights)
        penalty = as_number(ridge, who, "ridge", at_least=0.0) / 2.0 * float(weights @ weights)
        return float(loss @ loss) / (2.0 * self.samples) + penalty

    def dual_value(self, u: ArrayLike, *, radius: float, ridge: float = 0.0) -> float:
        """Return a lower bound of min P made of any multipliers u (n,); 0 for u = 0, never above P but for rounding.

        Without ridge max(u^T y, 0)^2 / (2 n sum_i max(|u_i|, w)^2), w >= 0 the least with eps sum_i max(|u_i|, w) >=
        |J^-1 F^T u|, the same for all multiples of u. With ridge the value (u^T y - |p|^2/2) / n - |h|^2 / (2 z) of the
        dual problem, p_i = max(|u_i|, w), h what F^T u / n exceeds the ellipsoid {eps sum(p)/n J v: |v| <= 1} by:
        there the scale of u matters.
        """
        who = "AdversarialProblem.dual_value"
        raw = np.asarray(u, dtype=np.float64)
        if raw.shape != self.y.shape or not np.isfinite(raw).all():
            raise ValueError(f"{who}: u must be {self.samples} finite numbers, got {raw!r}")
        eps = as_number(radius, who, "radius", at_least=0.0)
        z = as_number(ridge, who, "ridge", at_least=0.0)
        if z > 0.0 and float(np.abs(raw).max()) > LARGEST:
            raise ValueError(f"{who}: with a ridge multipliers must be at most {LARGEST} in size; no larger ones help")
        if z > 0.0:
            return self.spectrum().dual_value(self.y, raw, eps, z)
        raw = np.ldexp(raw, -math.frexp(float(np.abs(raw).max()))[1])  # no multiple of u is better: one of size 1
        gain = float(raw @ self.y)
        if gain <= 0.0:
            return 0.0
        if eps == 0.0:  # multipliers must then be orthogonal to all features: take that part of u
            free = raw - self.features @ np.linalg.lstsq(self.features, raw, rcond=None)[0]
            square, gain = float(free @ free), float(free @ self.y)
            nothing = square <= 1e-16 * float(raw @ raw)  # rounding of a u in their span
            return 0.0 if nothing else max(gain, 0.0)**2 / (2.0 * self.samples * square)
        p = raised(np.abs(raw), float(np.linalg.norm(self.whitened.T @ raw)) / eps)
        return gain**2 / (2.0 * self.samples * float(p @ p))

    def spectrum(self) -> Spectrum:
        """Return eigenvalues of J^2 and features in its eigenvectors, computed once: needed for a ridge."""
        if not self._spectrum:
            values, vectors = scipy.linalg.eigh(self.gradient_matrix, check_finite=False)
            values = np.maximum(values, float(np.finfo(float).eps) * values[-1])  # positive but for rounding
            self._spectrum.append(Spectrum(values, vectors, self.features @ vectors))
        return self._spectrum[0]

    def _weights(self, theta: ArrayLike, who: str) -> Array:
        raw = np.asarray(theta, dtype=np.float64)
        if raw.shape != (self.features.shape[1],) or not np.isfinite(raw).all():
            raise ValueError(f"{who}: theta must be {self.features.shape[1]} finite numbers, got shape {raw.shape}")
        return raw


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """J^2 = V diag(values) V^T and the features F V in its eigenvectors, (N,), (N, N) and (n, N)."""

    values: Array
    vectors: Array
    features: Array

    def dual_value(self, y: Array, u: Array, eps: float, z: float) -> float:
        """Return (u^T y - |p|^2/2) / n - |g - c J v|^2 / (2 z), c = eps sum(p) / n, g = F^T u / n.

        A lower bound for any p >= |u| and any |v| <= 1; here those that are best but for rounding.
        """
        n, size = y.shape[0], np.sqrt(self.values)
        g = self.features.T @ u / n
        m = self._gradient_norm(g, np.abs(u), eps, z)
        p = np.maximum(np.abs(u), eps * m)
        c = eps * float(p.sum()) / n
        v = np.divide(size * g, z * m + c * self.values, out=np.zeros_like(g), where=z * m + c * self.values > 0.0)
        v /= max(1.0, float(np.linalg.norm(v)))
        excess = g - c * size * v
        return (float(u @ y) - float(p @ p) / 2.0) / n - float(excess @ excess) / (2.0 * z)

    def _gradient_norm(self, g: Array, sizes: Array, eps: float, z: float) -> float:
        """Return m = |J theta| where eps/n sum_i max(|u_i|, eps m) |J theta| - g^T theta + z/2 |theta|^2 is least.

        0 where that is theta = 0; else the root of sum_i L_i g_i^2 / (z m + c(m) L_i)^2 = 1, whose left side falls.
        """
        size, n = np.sqrt(self.values), sizes.size

        def excess(m: float) -> float:
            c = eps * float(np.maximum(sizes, eps * m).sum()) / n
            return float(np.linalg.norm(size * g / (z * m + c * self.values))) - 1.0

        most = float(np.linalg.norm(size * g)) / z  # without c
        if eps == 0.0 or most == 0.0:
            return most
        if sizes.any() and excess(0.0) <= 0.0:
            return 0.0
        least = most
        while excess(least) <= 0.0:
            least /= 16.0
        if least == most:
            return most
        return float(scipy.optimize.brentq(excess, least, 16.0 * least, xtol=1e-300, rtol=1e-15))


def as_labels(y: ArrayLike, n: int, who: str) -> Array:
    """Return real labels (n,), finite float64.

    Raises TypeError for what is not numeric, ValueError for another shape, NaN or infinity.
    """
    raw = np.asarray(y)
    if raw.dtype.kind not in "biuf":
        raise TypeError(f"{who}: y must hold real numbers, got dtype {raw.dtype}")
    if raw.shape != (n,):
        raise ValueError(f"{who}: y must have shape ({n},), one label for each row, got {raw.shape}")
    if not np.isfinite(raw).all():
        i = int(np.flatnonzero(~np.isfinite(raw))[0])
        raise ValueError(f"{who}: y[{i}]={float(raw[i])!r} is not finite; remove that row")
    return np.array(raw, dtype=np.float64)


def raised(sizes: Array, total: float) -> Array:
    """Return max(sizes, w), w >= 0 the least for which they add up to ``total`` at least."""
    missing = total - float(sizes.sum())
    if missing <= 0.0:
        return sizes
    ordered = np.sort(sizes)
    # sum max(sizes, w) is the largest over k of k w + the sum of all but the k smallest: each k gives a level, and the
    # least of them is right, however the sums round
    above = float(ordered.sum()) - np.cumsum(ordered)
    level = float(((total - above) / np.arange(1, ordered.size + 1)).min())
    return np.maximum(sizes, level * (1.0 + 4.0 * np.finfo(float).eps))
