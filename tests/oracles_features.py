"""Slow, independent forms of the theory of adversarially trained random features, in many digits.

Everything here follows the printed formulas: differences, unscaled coefficients, quadrature. The package computes the
same from sums of positive terms in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from mpmath import mp, mpf
from numpy.typing import NDArray


def relu_moments() -> tuple[Any, Any, Any]:
    """Return linear^2, nonlinear and slope excess of the shifted ReLU to working precision."""
    return mpf(1) / 4, mpf(1) / 4 - 1 / (2 * mp.pi), mpf(1) / 4


def spectrum(width: float, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights (k + 1,) for means over Marchenko and Pastur's law of W W^T, an atom at 0 first.

    With l = 1 + c + 2 sqrt(c) cos t the law is (2/pi) sin^2 t / l dt: the midpoint rule converges geometrically.
    """
    t = (np.arange(k) + 0.5) * np.pi / k
    nodes = 1.0 + width + 2.0 * np.sqrt(width) * np.cos(t)
    return np.r_[0.0, nodes], np.r_[max(0.0, 1.0 - 1.0 / width), 2.0 / k * np.sin(t) ** 2 / nodes]


def printed_means(z: Any, c: Any) -> tuple[Any, ...]:
    """Return E 1/(l+z), 1/(l+z)^2, l/(l+z), l/(l+z)^2, l^2/(l+z)^2 in the form with a difference in the last."""
    a = 1 - c + z
    r = mp.sqrt(a * a + 4 * c * z)
    m1 = 2 / (a + r) if a > 0 else (r - a) / (2 * c * z)
    m2 = m1 * (1 + c * m1) / r
    t1, t2 = m1 / (1 + c * m1), m2 / (1 + c * m1) ** 2
    return m1, m2, t1, t2, t1 - z * t2


@dataclass(frozen=True)
class Exact:
    """A solution of the printed system in many digits."""

    kappa: Any
    q: Any
    s2: Any
    m: Any
    risk: Any
    fitted: Any
    objective: Any
    error: Any
    energy: Any
    alignment: Any
    a: Any
    b: Any
    root_b: Any
    den: Any


def printed_system(kappa: Any, q: Any, width: Any, samples: Any, noise: Any, radius: Any, ridge: Any,
                   moments: tuple[Any, Any, Any] | None = None) -> tuple[Any, Any, Exact]:
    """Return the residuals of the two equations at (kappa, q), and what the printed formulas predict there."""
    lin, non, exc = relu_moments() if moments is None else tuple(mpf(v) for v in moments)
    c, ratio = width, width / samples
    nu = kappa * q
    inside, outside = mp.erf(nu / mp.sqrt(2)), mp.erfc(nu / mp.sqrt(2))
    phi = mp.exp(-nu * nu / 2) / mp.sqrt(2 * mp.pi)
    a = inside / kappa + outside / (1 + kappa)
    b = radius**2 * (inside + outside / (1 + kappa) + 2 * phi / ((1 + kappa) * q))
    second = (inside - 2 * nu * phi) / kappa**2 + (
        (1 + q * q) * outside + 2 * nu * phi + 4 * q * phi) / (1 + kappa) ** 2  # = bb / kappa^2
    scale = (a + b) * lin
    m1, m2, t1, t2, t3 = printed_means((a * non + b * exc + ridge) / scale, c)
    trace = ratio * (lin * t1 + non * m1) / scale
    squared = ratio * (lin**2 * t3 + 2 * lin * non * t2 + non**2 * m2) / scale**2
    mixed = ratio * (lin**2 * t3 + lin * (non + exc) * t2 + non * exc * m2) / scale**2
    num = (noise**2 + 1 - 2 * a * lin * c * t1 / scale + a**2 * lin * c * (lin * t3 + non * t2) / scale**2)
    den = 1 - second * squared
    pm = a**2 * lin * c * (lin * t3 + exc * t2) / scale**2
    s2 = num / den
    m2_ = pm + s2 * second * mixed
    energy = a**2 * lin * c * t2 / scale**2 + s2 * second * ratio * (lin * t2 + non * m2) / scale**2
    loose = ((1 + q * q) * outside + 2 * nu * phi + 4 * q * phi) / (1 + kappa) ** 2
    m = mp.sqrt(m2_)
    found = Exact(
        kappa, q, s2, m, s2 + 2 * mp.sqrt(2 / mp.pi) * radius * mp.sqrt(s2) * m + radius**2 * m2_, inside,
        s2 / 2 * (q * q * inside + loose) + ridge * energy / 2,
        s2 / (1 + kappa) ** 2 * ((1 + nu * nu) * outside - 2 * nu * phi), energy, a * lin * c * t1 / scale,
        a, b, mp.sqrt(second), den)
    return trace - kappa, radius**2 * m2_ / s2 - q * q, found


def solve_printed(start: tuple[float, float], width: float, samples: float, noise: float, radius: float, ridge: float,
                  moments: tuple[float, float, float] | None = None) -> Exact:
    """Return the solution of the printed system near ``start``, by Newton's method in the logarithms of kappa and q."""
    arguments = [mpf(v) for v in (width, samples, noise, radius, ridge)]

    def residuals(log_kappa: Any, log_q: Any) -> tuple[Any, Any]:
        kappa, q = mp.exp(log_kappa), mp.exp(log_q)
        first, second, _ = printed_system(kappa, q, *arguments, moments)
        return first / kappa, second / (q * q)

    root = mp.findroot(residuals, (mp.log(mpf(start[0])), mp.log(mpf(start[1]))), tol=mpf(10) ** (15 - 2 * mp.dps))
    return printed_system(mp.exp(root[0]), mp.exp(root[1]), *arguments, moments)[2]


class PaperObjective:
    """The published objective R(alpha, beta, gamma, tau_q, tau_g), with its inner root and its inner supremum."""

    def __init__(self, width: float, samples: float, noise: float, radius: float, inner: tuple[Any, Any]) -> None:
        self.width, self.samples = mpf(width), mpf(samples)
        self.noise, self.radius = mpf(noise), mpf(radius)
        self.near_nu, self.near_share = inner
        two = 2 / mp.pi
        self.floor = self.noise**2 + 1 - self.width * (1 + (1 - two) * self.stieltjes(two - 1))

    def stieltjes(self, z: Any) -> Any:
        """Return S(z) < 0 for z < 0."""
        c = self.width
        return (1 - c - z - mp.sqrt((1 - c - z) ** 2 - 4 * c * z)) / (-2 * c * z)

    def ratio(self, alpha: Any, beta: Any, gamma: Any, tau_g: Any) -> Any:
        return gamma * (tau_g + beta) / (self.radius * beta * mp.sqrt(alpha**2 + self.floor))

    def nu(self, alpha: Any, beta: Any, gamma: Any, tau_g: Any) -> Any:
        """Return the inner root."""
        ratio = self.ratio(alpha, beta, gamma, tau_g)
        return mp.findroot(lambda nu: ratio - beta / tau_g * nu - nu * mp.erf(nu / mp.sqrt(2))
                           - mp.sqrt(2 / mp.pi) * mp.exp(-nu * nu / 2), self.near_nu)

    def inner(self, share: Any, a: Any, beta: Any, gamma: Any) -> Any:
        """Return what the supremum is taken of."""
        two = 2 / mp.pi
        bracket = a * a + beta**2 + (a * a * (1 - two * share) + two * (1 - share) * beta**2) * self.stieltjes(
            two * share - 1)
        return share * self.width / 2 * bracket - share * gamma**2 / (2 * (1 - share))

    def share(self, a: Any, beta: Any, gamma: Any) -> Any:
        """Return the inner maximizer."""
        return mp.findroot(lambda v: mp.diff(lambda w: self.inner(w, a, beta, gamma), v), self.near_share)

    def __call__(self, alpha: Any, beta: Any, gamma: Any, tau_q: Any, tau_g: Any) -> Any:
        s2, a = alpha**2 + self.floor, tau_q / alpha
        ratio = self.ratio(alpha, beta, gamma, tau_g)
        value = (tau_q / (2 * alpha) * (self.noise**2 + 1 - self.floor) - alpha * tau_q / 2
                 + beta * tau_g * self.samples / 2 + beta * s2 / (2 * (tau_g + beta)))
        if ratio > mp.sqrt(2 / mp.pi):
            nu = self.nu(alpha, beta, gamma, tau_g)
            value += beta**2 * s2 / (2 * tau_g * (tau_g + beta)) * (mp.erf(nu / mp.sqrt(2)) - ratio * nu)
        return value - alpha / tau_q * self.inner(self.share(a, beta, gamma), a, beta, gamma)


def ridge_risk(width: float, samples: float, noise: float, ridge: float, linear: Any, nonlinear: Any) -> Any:
    """Return the risk of ridge regression on random features by the polynomials of Mei and Montanari (2019).

    ``linear`` is the activation's linear part squared; their ridge is ``ridge`` / width. Their two complex resolvents
    are followed down the imaginary axis.
    """
    c, n = mpf(width), mpf(samples)
    z2 = mpf(linear) / mpf(nonlinear)
    goal = mp.sqrt(c * n * mpf(ridge) / c / mpf(nonlinear))

    def maps(v: Any, w: Any, xi: Any) -> tuple[Any, Any]:
        return (c / (-xi - w - z2 * w / (1 - z2 * v * w)), n / (-xi - v - z2 * v / (1 - z2 * v * w)))

    height = max(mpf(100), goal)
    v, w = mp.mpc(0, c / height), mp.mpc(0, n / height)
    while True:
        xi = mp.mpc(0, height)
        for _ in range(30):
            v, w = maps(v, w, xi)
        v, w = mp.findroot(lambda x, y, at=xi: tuple(p - r for p, r in zip(maps(x, y, at), (x, y), strict=True)),
                           (v, w))
        assert v.imag > 0
        assert w.imag > 0
        if height == goal:
            break
        height = max(goal, height / mpf("1.5"))
    x = v * w
    e0 = (-x**5 * z2**3 + 3 * x**4 * z2**2 + (c * n - n - c + 1) * x**3 * z2**3 - 2 * x**3 * z2**2 - 3 * x**3 * z2
          + (c + n - 3 * c * n + 1) * x**2 * z2**2 + 2 * x**2 * z2 + x**2 + 3 * c * n * x * z2 - c * n)
    e1 = n * x**3 * z2**2 - n * x**2 * z2 + c * n * x * z2 - c * n
    e2 = (x**5 * z2**3 - 3 * x**4 * z2**2 + (c - 1) * x**3 * z2**3 + 2 * x**3 * z2**2 + 3 * x**3 * z2
          + (-c - 1) * x**2 * z2**2 - 2 * x**2 * z2 - x**2)
    return mpf(noise) ** 2 * (1 + (e2 / e0).real) + (e1 / e0).real
