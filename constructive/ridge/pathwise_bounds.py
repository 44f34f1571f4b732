"""Upper bounds on the moments of ridge regression for one design, whatever law it came from.

The coordinates are cut into a head (the first k) and a tail. With A = X_t X_t^T + n ridge I, its extreme eigenvalues
mu_- and mu_+, and the Gram matrix H of the whitened head, the Woodbury identity bounds every moment by these three
numbers. For two blocks of eigenvalues they lie in explicit intervals with a stated probability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.ridge.effective import as_ridges
from constructive.ridge.linear import as_theta
from constructive.ridge.spectra import Spectrum, within_range

Array = NDArray[np.float64]
UNIT = 2.0**-53


@dataclass(frozen=True, slots=True, eq=False)
class MomentCeilings:
    """Upper bounds on conditional moments given the design, one for each ridge, arrays of one shape.

    ``bias`` <= ``crude_bias`` = 2 ``bias_head`` + 2 ``bias_tail``; the last two bound the bias of theta's head and
    tail alone. ``confidence`` is None if they hold surely, else the probability (over designs) that all hold.
    """

    ridges: Array
    bias: Array
    variance: Array
    signal_energy: Array
    noise_energy: Array
    bias_head: Array
    bias_tail: Array
    confidence: float | None = None

    @property
    def crude_bias(self) -> Array:
        """Twice the sum of the bounds for head and tail, the usual form; never below ``bias``."""
        return np.asarray(2.0 * (self.bias_head + self.bias_tail))

    @property
    def risk(self) -> Array:
        """Upper bound on the excess risk, expectation over the noise."""
        return np.asarray(self.bias + self.variance)

    @property
    def energy(self) -> Array:
        """Upper bound on the squared norm of the predictor, expectation over the noise."""
        return np.asarray(self.signal_energy + self.noise_energy)

    def adversarial(self, radius: float) -> Array:
        """Return (sqrt(risk) + radius sqrt(energy))^2 >= E Radv over the noise, for attacks in l_2 only."""
        size = as_number(radius, "adversarial", "radius", at_least=0.0)
        return np.asarray((np.sqrt(self.risk) + size * np.sqrt(self.energy)) ** 2)


def pathwise_ceilings(X: ArrayLike, eigenvalues: ArrayLike, theta: ArrayLike, ridges: ArrayLike,
                      noise_variance: float, *, head: int) -> MomentCeilings:
    """Return upper bounds on bias, variance and norms given X, from a head of the first ``head`` <= n coordinates.

    variance <= noise_variance ((mu_+ / mu_-) tr H^-1 + sum_{j > k} lambda_j |x_j|^2 / mu_-^2), noise energy <=
    noise_variance n / mu_-, signal energy <= |theta|^2, bias <= (sqrt h + sqrt t)^2 + lambda_{k+1} |theta|^2,
    h = |theta_h|^2_{1 / lambda} (mu_+ / mu_min(H))^2, t = (mu_+ / mu_-) |X_t theta_t|^2 / mu_min(H).
    X (n, p) in the coordinates in which the covariance is diagonal, ``eigenvalues`` (p,) its diagonal, not increasing.
    Any design: nothing is drawn. Infinite where mu_- or mu_min(H) may be 0 (ridge 0 needs p - head >= n).

    Raises ValueError for a head above n or p, eigenvalues that increase or are not positive, or wrong lengths.
    """
    who = "pathwise_ceilings"
    design = as_points(X, who)
    n, p = design.shape
    values = as_points(np.asarray(eigenvalues)[None], who, "eigenvalues", dimension=p)[0]
    signal = as_theta(theta, who, dimension=p)
    k, penalties = as_count(head, who, "head", at_most=min(n, p)), as_ridges(ridges, who)
    if values[-1] <= 0.0 or (np.diff(values) > 0.0).any():
        raise ValueError(f"{who}: eigenvalues must be > 0 and not increase, got {eigenvalues!r}; sort the columns of X")
    within_range(values, who)
    front, back = design[:, :k], design[:, k:]
    low, high = _extremes(back)
    whitened = front / np.sqrt(values[:k])
    gram = np.linalg.eigvalsh(whitened.T @ whitened) if k else np.full(1, math.inf)
    gram = np.maximum(gram - 8.0 * max(n, k) * UNIT * gram[-1], 0.0) if k else gram
    scatter = float((values[k:] * np.square(back).sum(axis=0)).sum())
    with np.errstate(divide="ignore"):
        inverse = float((1.0 / gram).sum())
    return _ceilings(penalties, n, as_number(noise_variance, who, "noise_variance", at_least=0.0), _Parts(
        low=max(low, 0.0), high=high, least=float(gram[0]), inverse=inverse, scatter=scatter,
        head_norm=float((signal[:k] ** 2 / values[:k]).sum()), head_square=float((signal[:k] ** 2).sum()),
        tail_square=float((signal[k:] ** 2).sum()), tail_moved=float(np.square(back @ signal[k:]).sum()) if k else 0.0,
        following=float(values[k]) if k < p else 0.0))


def likely_ceilings(spectrum: Spectrum, n: int, ridges: ArrayLike, noise_variance: float,
                    confidence: float) -> MomentCeilings:
    """Return bounds as above that hold together with the given probability, for rows N(0, Sigma) and two blocks.

    With tau = sqrt(2 log(3 / (1 - confidence))), k heads and q tail eigenvalues v: mu_- >= n ridge +
    v (sqrt q - sqrt n - tau)_+^2, mu_+ <= n ridge + v (sqrt q + sqrt n + tau)^2, mu_min(H) >= (sqrt n - sqrt k -
    tau)_+^2. Explicit, and useful where q >> n >> k. Raises ValueError for another number of blocks.
    Source: Davidson and Szarek's bounds on singular values of normal matrices.
    """
    who = "likely_ceilings"
    count, penalties = as_count(n, who, "n", at_least=1), as_ridges(ridges, who)
    if len(spectrum.eigenvalues) != 2:
        raise ValueError(f"{who}: spectrum has {len(spectrum.eigenvalues)} blocks and must have 2, a head and a tail")
    level = as_number(confidence, who, "confidence", above=0.0, below=1.0)
    tau = math.sqrt(2.0 * math.log(3.0 / (1.0 - level)))
    (k, q), (top, v) = spectrum.multiplicities.tolist(), spectrum.eigenvalues.tolist()
    low = v * max(math.sqrt(q) - math.sqrt(count) - tau, 0.0) ** 2
    high = v * (math.sqrt(q) + math.sqrt(count) + tau) ** 2
    least = max(math.sqrt(count) - math.sqrt(k) - tau, 0.0) ** 2
    front, back = spectrum.signal.tolist()
    found = _ceilings(penalties, count, as_number(noise_variance, who, "noise_variance", at_least=0.0), _Parts(
        low=low, high=high, least=least, inverse=k / least if least > 0.0 else math.inf, scatter=v * count * high,
        head_norm=front / top, head_square=front, tail_square=back + spectrum.unseen, tail_moved=high * back,
        following=v))
    return MomentCeilings(found.ridges, found.bias, found.variance, found.signal_energy, found.noise_energy,
                          found.bias_head, found.bias_tail, level)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The numbers that the bounds are made of; low and high are the tail Gram's, before n ridge is added."""

    low: float
    high: float
    least: float
    inverse: float
    scatter: float
    head_norm: float
    head_square: float
    tail_square: float
    tail_moved: float
    following: float


def _ceilings(ridges: Array, n: int, noise: float, parts: _Parts) -> MomentCeilings:
    """Return the bounds of :func:`pathwise_ceilings` from their parts; infinite rather than undefined."""
    low, high = parts.low + n * ridges, parts.high + n * ridges
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(low > 0.0, high / low, math.inf)
        variance = _times(ratio, parts.inverse) + _times(1.0 / low**2, parts.scatter)
        head = _times(np.where(parts.least > 0.0, high / parts.least, math.inf) ** 2, parts.head_norm)
        tail = _times(ratio / parts.least, parts.tail_moved)
        noise_energy = _times(n / low, noise)
    one, two = parts.head_square, parts.tail_square
    return MomentCeilings(ridges, (np.sqrt(head) + np.sqrt(tail)) ** 2 + parts.following * (one + two),
                          _times(variance, noise), np.full(ridges.shape, one + two), noise_energy,
                          head + parts.following * one, tail + parts.following * two)


def _times(values: Array, factor: float) -> Array:
    """Return values times factor, 0 where the factor is 0: the term is absent then, however large the other part."""
    return np.zeros_like(values) if factor == 0.0 else np.asarray(values * factor)


def _extremes(tail: Array) -> tuple[float, float]:
    """Return the extreme eigenvalues of tail tail^T, moved apart by what forming and solving rounds."""
    values = np.linalg.eigvalsh(tail @ tail.T)
    slack = 8.0 * sum(tail.shape) * UNIT * max(float(values[-1]), 0.0)
    return float(values[0]) - slack, float(values[-1]) + slack
