"""Where the trade-off vanishes: with a bounded signal and a thin tail, a tuned ridge makes both risks good.

Deterministic equivalents throughout. A min-norm interpolator fits the noise, and its norm grows without bound as s / n
-> 0; a ridge of effective size (s / n)^(1/3) does not, and its excess risk still tends to 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.ridge.effective import effective_ridge
from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.spectra import Spectrum

Array = NDArray[np.float64]
CUTS = 48


@dataclass(frozen=True, slots=True, eq=False)
class Healing:
    """A tuned ridge, what it reaches (deterministic equivalents), and the bounds that say so before computing it.

    ``risk`` <= ``risk_ceiling``, ``energy`` <= ``energy_ceiling``; ``kappa`` is the effective ridge of ``ridge``.
    """

    ridge: float
    kappa: float
    risk: float
    energy: float
    risk_ceiling: float
    energy_ceiling: float

    def adversarial_ceiling(self, radius: float) -> float:
        """Return (sqrt(risk_ceiling) + radius sqrt(energy_ceiling))^2; compare with radius^2 |theta*|^2."""
        size = as_number(radius, "adversarial_ceiling", "radius", at_least=0.0)
        return (math.sqrt(self.risk_ceiling) + size * math.sqrt(self.energy_ceiling)) ** 2


def heal(spectrum: Spectrum, n: int, noise_variance: float, *, kappa: float | None = None) -> Healing:
    """Return a ridge for which risk and norm are both bounded, with rho = |theta*|^2 and any k <= p:
    risk <= kappa rho / 2 + 2 noise_variance (k / n + s_k / (4 n kappa)),
    energy <= rho + 2 noise_variance (k / (4 n kappa) + s_k / (n kappa^2)).

    Needs kappa at least the effective ridge of ridge 0, and df2(kappa) <= n / 2; the ridge is kappa (1 - df1 / n).
    The default kappa is max((s_k / n)^(1/3), sqrt(k / n)) for the k that makes the first bound least: if rho is
    bounded, k / n -> 0 and s_k / n -> 0, the risk tends to 0 while the energy stays at most rho, in the limit. So a
    strong trade-off needs growing |theta*| or s_k / n that stay away from 0. Both bounds are minimized over k.

    Raises ValueError where kappa breaks a condition, or none of the defaults meets them.

    >>> from constructive.ridge.spectra import spiked
    >>> found = heal(spiked(5, 1.0, 10_000, 10.0), 100, 1.0)
    >>> round(found.risk, 4), round(found.risk_ceiling, 4), round(found.energy, 4)
    (0.1273, 0.3937, 1.0138)
    """
    who = "heal"
    count, noise = as_count(n, who, "n", at_least=1), as_number(noise_variance, who, "noise_variance", at_least=0.0)
    heads = _heads(spectrum, count)
    least = effective_ridge(spectrum, count, 0.0)
    if kappa is None:
        sums = np.asarray(spectrum.tail(heads)[0])
        tried = np.maximum(np.cbrt(sums / count), np.sqrt(heads / count)).tolist()
        sound = [value for value in tried if value >= least and _learned(spectrum, value) <= count / 2.0]
        if not sound:
            raise ValueError(f"{who}: no default kappa is >= {least!r} with df2(kappa) <= n / 2={count / 2.0}; pass a "
                             "larger kappa")
        size = min(sound, key=lambda value: float(healing_ceilings(spectrum, count, noise, value, heads)[0].min()))
    else:
        size = as_number(kappa, who, "kappa", above=0.0)
        if size < least * (1.0 - 1e-12) or _learned(spectrum, size) > count / 2.0:
            raise ValueError(f"{who}: kappa={size!r} needs kappa >= {least!r}, the effective ridge of ridge 0, and "
                             f"df2(kappa)={_learned(spectrum, size)!r} <= n / 2={count / 2.0}; pass a larger kappa")
    ridge = _ridge_of(spectrum, count, size)
    found = deterministic_equivalent(spectrum, count, np.array([ridge]), noise)
    risk, energy = healing_ceilings(spectrum, count, noise, size, heads)
    return Healing(ridge, size, float(found.risk[0]), float(found.energy[0]), float(risk.min()), float(energy.min()))


def healing_ceilings(spectrum: Spectrum, n: int, noise_variance: float, kappa: float,
                     heads: ArrayLike) -> tuple[Array, Array]:
    """Return both bounds of :func:`heal` at this kappa for each head size k of ``heads``, 0 <= k <= p.

    They hold only for a kappa that meets the conditions of :func:`heal`, which are not looked at here.
    """
    k = np.asarray(heads, dtype=np.float64)
    sums, rho = np.asarray(spectrum.tail(k)[0]), spectrum.signal_norm
    risk = kappa * rho / 2.0 + 2.0 * noise_variance * (k / n + sums / (4.0 * n * kappa))
    energy = rho + 2.0 * noise_variance * (k / (4.0 * n * kappa) + sums / (n * kappa**2))
    return np.asarray(risk), np.asarray(energy)


def _heads(spectrum: Spectrum, n: int) -> Array:
    """Return sizes k of the head to try: ends of blocks up to n, thinned out; within a block the bounds are linear."""
    ends = np.append(0.0, spectrum.ends)
    ends = ends[ends <= n]  # beyond n the bound on the risk exceeds 2 noise_variance
    if ends.size <= CUTS:
        return np.asarray(ends)
    place = np.unique(np.geomspace(1, ends.size, CUTS).astype(np.int_)) - 1
    return np.asarray(ends[place])


def _learned(spectrum: Spectrum, kappa: float) -> float:
    """Return df2 = sum (lambda / (lambda + kappa))^2."""
    shares = spectrum.eigenvalues / (spectrum.eigenvalues + kappa)
    return float((spectrum.multiplicities * shares**2).sum())


def _ridge_of(spectrum: Spectrum, n: int, kappa: float) -> float:
    """Return kappa (1 - df1 / n), the ridge whose effective ridge is kappa, at least 0."""
    shares = spectrum.eigenvalues / (spectrum.eigenvalues + kappa)
    return max(kappa * (1.0 - float((spectrum.multiplicities * shares).sum()) / n), 0.0)
