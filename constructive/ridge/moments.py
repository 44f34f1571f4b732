"""Moments of ridge regression given the data's points, exact in expectation over the training noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.ridge.effective import as_ridges
from constructive.ridge.linear import as_theta
from constructive.ridge.risk import MEAN_SIZE
from constructive.ridge.singular import Factors, factorize

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalMoments:
    """Means over the noise of N = ||theta_hat||^2 and R = ||theta_hat - theta||_Sigma^2 given X, and their variances.

    ``bias`` + ``variance`` = ``risk`` = E R, ``signal_energy`` + ``noise_energy`` = ``energy`` = E N,
    ``energy_variance`` = Var N, ``risk_variance`` = Var R, ``covariance`` = Cov(N, R): arrays with one entry for each
    ridge. Means are exact for uncorrelated noise of mean zero and equal variance, variances for Gaussian noise,
    up to rounding.
    """

    bias: Array
    variance: Array
    signal_energy: Array
    noise_energy: Array
    energy_variance: Array
    risk_variance: Array
    covariance: Array

    @property
    def risk(self) -> Array:
        """Mean excess standard risk E R."""
        return self.bias + self.variance

    @property
    def energy(self) -> Array:
        """Mean squared length E N."""
        return self.signal_energy + self.noise_energy

    @property
    def cross(self) -> Array:
        """E sqrt(R N) to second order, sqrt(ER EN) (1 - D / 8), D = Var(N / EN - R / ER); exact without noise."""
        top, spread, _ = self._cross(0.0)
        return top * (1.0 - spread / 8.0)

    @property
    def cross_bracket(self) -> tuple[Array, Array]:
        """sqrt(ER EN) (1 - sqrt(D) / 2)_+ <= E sqrt(R N) <= sqrt(ER EN), both proved, up to rounding."""
        return self._cross_bracket(0.0)

    def adversarial(self, radius: float, label_noise: float = 0.0) -> Array:
        """Return the mean adversarial risk for Gaussian points with E sqrt(R N) to second order.

        An approximation: within 0.1 % of sampling at n = 10 and 60, 0.8 % off at n = 1. :meth:`adversarial_bracket` is
        certain. ``label_noise`` as in :func:`~constructive.ridge.risk.adversarial_risk`.
        """
        a, s = _radius_and_noise(radius, label_noise, "ConditionalMoments.adversarial")
        top, spread, _ = self._cross(s)
        return self.risk + s + 2.0 * a * MEAN_SIZE * top * (1.0 - spread / 8.0) + a * a * self.energy

    def adversarial_bracket(self, radius: float, label_noise: float = 0.0) -> tuple[Array, Array]:
        """Return two numbers between which the mean adversarial risk for Gaussian points lies, up to rounding."""
        a, s = _radius_and_noise(radius, label_noise, "ConditionalMoments.adversarial_bracket")
        rest = self.risk + s + a * a * self.energy
        lower, upper = self._cross_bracket(s)
        return rest + 2.0 * a * MEAN_SIZE * lower, rest + 2.0 * a * MEAN_SIZE * upper

    def energy_floor(self, exponent: float) -> Array:
        """Return EN - sqrt(2 t Var N), below which N falls with probability at most e^-t, t = ``exponent`` > 0.

        For Gaussian noise, any ridge and any points. Below means strictly: without noise N is that number.
        """
        t = as_number(exponent, "ConditionalMoments.energy_floor", "exponent", above=0.0)
        return self.energy - np.sqrt(2.0 * t * self.energy_variance)

    def _cross_bracket(self, label_noise: float) -> tuple[Array, Array]:
        # sqrt(p r) >= min(p, r) = (p + r - |p - r|) / 2 for p = N / EN, r = R / ER of mean 1, and E|p - r| <= sqrt D.
        top, spread, rounding = self._cross(label_noise)
        return top * np.maximum(1.0 - 0.5 * np.sqrt(spread + rounding), 0.0), top

    def _cross(self, label_noise: float) -> tuple[Array, Array, Array]:
        """Return sqrt(ER EN), D in [0, 8] and a bound of what cancelled in D; R with the label noise added."""
        first, second = self.energy, self.risk + label_noise
        some = (first > 0.0) & (second > 0.0)
        one, two = np.where(some, first, 1.0), np.where(some, second, 1.0)
        parts = self.energy_variance / one**2 + self.risk_variance / two**2
        spread = np.clip(parts - 2.0 * self.covariance / one / two, 0.0, 8.0)
        return np.where(some, np.sqrt(first) * np.sqrt(second), 0.0), spread, 16.0 * np.finfo(np.float64).eps * parts


def conditional_moments(X: ArrayLike, theta: ArrayLike, covariance: ArrayLike, ridges: ArrayLike,
                        noise_variance: float) -> ConditionalMoments:
    """Return the moments of theta_hat = (X^T X + n ridge I)^-1 X^T y, y = X theta + noise, given X, for each ridge.

    X (n, p) with any n and p, ``covariance`` Sigma of the points the risk is about, (p, p) or its diagonal (p,),
    ``ridges`` >= 0 of any shape; ridge 0 means the pseudoinverse of X. Singular values up to s_1 max(n, p) eps count as
    0: what they would learn is bias. One singular value decomposition serves all ridges. The bias is the norm of a
    residual, not a difference of large numbers. Raises ValueError for wrong shapes, negative numbers, and a matrix that
    is no covariance.

    >>> moments = conditional_moments([[2.0, 0.0]], [1.0, 1.0], [1.0, 1.0], 0.0, 0.5)
    >>> [float(v) for v in (moments.bias, moments.variance, moments.signal_energy, moments.noise_energy)]
    [1.0, 0.125, 1.0, 0.125]
    """
    who = "conditional_moments"
    points, given = as_points(X, who), as_ridges(ridges, who)
    truth = as_theta(theta, who, dimension=points.shape[1])
    sigma = _as_covariance(covariance, points.shape[1], who)
    noise = as_number(noise_variance, who, "noise_variance", at_least=0.0)
    return _moments(factorize(points), truth, sigma, given, noise)


def _moments(factors: Factors, truth: Array, sigma: Array, ridges: Array, noise: float) -> ConditionalMoments:
    """Return the moments in the basis V of right singular vectors; rows are ridges, columns singular values.

    With a = s^2 / (s^2 + n ridge), m = s / (s^2 + n ridge) and v = V^T theta, theta_hat = V (a v + m U^T noise) and
    the residual theta - V (a v) is (theta - V v) + V ((1 - a) v).
    """
    shrunk, gain, missed = factors.filters(ridges.reshape(-1))
    V = factors.right  # (p, r)
    v = V.T @ truth
    residuals = (truth - V @ v)[:, None] + V @ (missed * v).T  # (p, ridges)
    weighted = _times(sigma, residuals)
    bias = np.maximum((residuals * weighted).sum(axis=0), 0.0)
    W = V.T @ _times(sigma, V)
    learned, power = shrunk * v, gain**2
    slope = -gain * (V.T @ weighted).T  # m (W (a v) - V^T Sigma theta)
    diagonal = np.diag(W)
    spread = ((power @ (W * W)) * power).sum(axis=1)  # ||diag(m) W diag(m)||_F^2
    columns = (
        bias,
        noise * power @ diagonal,
        (learned**2).sum(axis=1),
        noise * power.sum(axis=1),
        2.0 * noise**2 * (power**2).sum(axis=1) + 4.0 * noise * (power * learned**2).sum(axis=1),
        2.0 * noise**2 * spread + 4.0 * noise * (slope**2).sum(axis=1),
        2.0 * noise**2 * power**2 @ diagonal + 4.0 * noise * (gain * learned * slope).sum(axis=1),
    )
    return ConditionalMoments(*(column.reshape(ridges.shape) for column in columns))


def _times(sigma: Array, columns: Array) -> Array:
    return sigma[:, None] * columns if sigma.ndim == 1 else sigma @ columns


def _as_covariance(covariance: ArrayLike, p: int, who: str) -> Array:
    raw = np.asarray(covariance)
    if raw.ndim == 1:
        diagonal = as_points(raw[None], who, "covariance", dimension=p)[0]
        if not (diagonal >= 0.0).all():
            i = int(np.argmin(diagonal))
            raise ValueError(f"{who}: covariance[{i}]={float(diagonal[i])!r} is a variance and must be >= 0")
        return diagonal
    matrix = as_points(raw, who, "covariance", dimension=p)
    if matrix.shape[0] != p or np.abs(matrix - matrix.T).max() > 1e-12 * np.abs(matrix).max():
        raise ValueError(f"{who}: covariance must be symmetric of shape ({p}, {p}) or its diagonal ({p},), got shape "
                         f"{matrix.shape}")
    if not _is_semidefinite(matrix):
        raise ValueError(f"{who}: covariance has a direction of negative variance; pass X.T @ X / n")
    return matrix


def _is_semidefinite(matrix: Array) -> bool:
    """Return whether all eigenvalues are >= 0 up to what forming a Gram matrix and factorizing it rounds."""
    size = float(np.abs(np.diag(matrix)).sum())
    if size == 0.0:
        return not matrix.any()
    try:
        np.linalg.cholesky(0.5 * (matrix + matrix.T) / size + 1e-11 * np.eye(matrix.shape[0]))
    except np.linalg.LinAlgError:
        return False
    return True


def _radius_and_noise(radius: float, label_noise: float, who: str) -> tuple[float, float]:
    return (as_number(radius, who, "radius", at_least=0.0),
            as_number(label_noise, who, "label_noise", at_least=0.0))
