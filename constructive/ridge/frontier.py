"""Standard against adversarial risk along the ridge path: what no ridge reaches, and where there is no such limit.

A forbidden region, proved for finite n: expected excess risk and expected squared norm are not both small. A product
bound for deterministic equivalents, and one proved for spiked spectra: when (s / n) |theta*|^2 / head stays away from
0, the product of standard and adversarial risk does too. It does not always: :mod:`constructive.ridge.healing`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.ridge.coordinate_bounds import bias_floor, kappa_floor, moment_floors
from constructive.ridge.effective import as_ridges, effective_ridge, effective_ridges
from constructive.ridge.spectra import Spectrum

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ForbiddenRegion:
    """A union of open rectangles (0, risk_i) x (0, energy_i) that the curve ridge -> (risk, energy) never enters.

    ``levels`` (l,) increase, ``risk`` does not fall and ``energy`` does not rise along them.
    """

    levels: Array
    risk: Array
    energy: Array

    def contains(self, risk: ArrayLike, energy: ArrayLike) -> NDArray[np.bool_]:
        """Return which points (risk, energy), arrays of one shape, lie in the region; borders do not."""
        return np.asarray(np.asarray(energy, dtype=np.float64) < self.energy_floor(risk))

    def energy_floor(self, risk: ArrayLike) -> Array:
        """Return the least squared norm at this excess risk: the largest energy_i with risk_i > risk, 0 if none."""
        place = np.searchsorted(self.risk, np.asarray(risk, dtype=np.float64), side="right")
        return np.asarray(np.append(self.energy, 0.0)[place])

    def adversarial_floor(self, risk: ArrayLike, radius: float) -> Array:
        """Return risk + radius^2 energy_floor(risk): at this expected excess risk E Radv is at least that."""
        size = as_number(radius, "adversarial_floor", "radius", at_least=0.0)
        return np.asarray(np.asarray(risk, dtype=np.float64) + size**2 * self.energy_floor(risk))


def forbidden_region(spectrum: Spectrum, n: int, levels: ArrayLike, noise_variance: float) -> ForbiddenRegion:
    """Return the region that (E R, E |theta|^2) avoids for every ridge >= 0, from a grid of ``levels`` >= 0.

    The bias' floor rises with the ridge and the norm's falls: a ridge above a level has at least the level's risk, one
    below at least its norm. Rows N(0, Sigma), n >= 1; a statement about expectations over designs and noise, so the
    mean of a few draws may stray inside. More levels make a larger region, every grid a true one.
    Raises ValueError for negative levels or noise.

    >>> from constructive.ridge.spectra import logarithmic
    >>> region = forbidden_region(logarithmic(800), 80, [0.001, 0.01, 0.1], 0.25)
    >>> bool(region.contains(0.0, 0.0)), bool(region.contains(1.0, 0.0))
    (True, False)
    """
    ridges = np.unique(as_ridges(levels, "forbidden_region"))
    floors = moment_floors(spectrum, n, ridges, noise_variance)
    # monotone by proof; running extrema keep them so through rounding and through the choice of cuts
    return ForbiddenRegion(ridges, np.maximum.accumulate(floors.bias),
                           np.maximum.accumulate(floors.energy[::-1])[::-1])


def asymptotic_forbidden_region(spectrum: Spectrum, n: int, kappas: ArrayLike,
                                noise_variance: float) -> ForbiddenRegion:
    """Return the same for deterministic equivalents: rectangles (bias_floor(kappa), noise_variance T(kappa) / n).

    T = sum lambda_j / (lambda_j + kappa)^2; kappas below the effective ridge of ridge 0 are left out: no ridge
    reaches them. Raises ValueError if none is left.
    """
    who = "asymptotic_forbidden_region"
    count, noise = as_count(n, who, "n", at_least=1), as_number(noise_variance, who, "noise_variance", at_least=0.0)
    least = effective_ridge(spectrum, count, 0.0)
    kept = np.unique(as_ridges(kappas, who))
    kept = kept[kept >= least]
    if kept.size == 0:
        raise ValueError(f"{who}: all kappas are below {least!r}, the effective ridge of ridge 0; pass larger ones")
    return ForbiddenRegion(kept, np.array([bias_floor(spectrum, kappa) for kappa in kept.tolist()]),
                           noise / count * np.array([_pull(spectrum, kappa) for kappa in kept.tolist()]))


def product_floors(spectrum: Spectrum, n: int, ridges: ArrayLike, noise_variance: float) -> Array:
    """Return a lower bound on risk times noise energy at each ridge, in deterministic equivalents.

    noise_variance kappa^2 (T / n) sum_j lambda_j theta_j^2 / (lambda_j + kappa)^2, kappa the effective ridge: the
    product itself with variance left out and 1 - df2 / n put to 1. In the shape of ``ridges``.
    """
    who = "product_floors"
    count, noise = as_count(n, who, "n", at_least=1), as_number(noise_variance, who, "noise_variance", at_least=0.0)
    kappas = effective_ridges(spectrum, count, ridges)
    found = [bias_floor(spectrum, kappa) * _pull(spectrum, kappa) for kappa in kappas.ravel().tolist()]
    return np.asarray(noise / count * np.array(found).reshape(kappas.shape))


def product_floor(spectrum: Spectrum, n: int, noise_variance: float, largest_ridge: float) -> float:
    """Return a lower bound on risk times noise energy for every ridge in [0, largest_ridge], in equivalents.

    noise_variance kappa_0 (1 - df2(kappa_0) / n) sum_j lambda_j theta_j^2 / (lambda_j + kappa_1)^2, kappa_0 and
    kappa_1 the effective ridges at both ends; radius^2 times it bounds risk times adversarial risk. A statement about
    deterministic equivalents (asymptotic), p > n: 0 otherwise. Raises ValueError for negative arguments.
    """
    who = "product_floor"
    count, noise = as_count(n, who, "n", at_least=1), as_number(noise_variance, who, "noise_variance", at_least=0.0)
    first, last = (effective_ridge(spectrum, count, as_number(ridge, who, "largest_ridge", at_least=0.0))
                   for ridge in (0.0, largest_ridge))
    if first == 0.0:
        return 0.0
    # 1 - df2 / n = kappa_0 T(kappa_0) / n at ridge 0: positive terms only, no cancellation
    signal = float((spectrum.eigenvalues * spectrum.signal / (spectrum.eigenvalues + last) ** 2).sum())
    return noise * first * (first * _pull(spectrum, first) / count) * signal


@dataclass(frozen=True, slots=True, eq=False)
class SpikedTradeOff:
    """Constants of the trade-off for a spiked spectrum: for every ridge one of two statements holds.

    Either E R >= ``risk`` = head |theta*|^2 / 4 (and then ridge >= ``ridge``), or E R times the expected noise energy
    is at least ``product`` = ``share`` noise_variance (s / n) |theta*|^2 / (4 head), so that E R E Radv >= radius^2
    ``product``. ``share`` -> 1 as k / n -> 0 and n / q -> 0; ``taken`` = (n + 2 - k)_+ / q.
    """

    product: float
    risk: float
    ridge: float
    share: float
    taken: float

    def satisfied(self, risk: ArrayLike, noise_energy: ArrayLike) -> NDArray[np.bool_]:
        """Return where E R >= risk or E R times the noise energy >= product, for arrays of one shape."""
        values = np.asarray(risk, dtype=np.float64)
        return np.asarray((values >= self.risk) | (values * np.asarray(noise_energy) >= self.product))


def spiked_trade_off(spectrum: Spectrum, n: int, noise_variance: float) -> SpikedTradeOff:
    """Return the trade-off of k equal heads with all the signal and q >= n tail eigenvalues of sum s, n >= k + 3.

    taken = (n + 2 - k)_+ / q < 1, share = (1 - (k + 2) / n) (1 - taken)^2 / (1 + 4 (n + 1) / q). Rows N(0, Sigma),
    proved for finite n. Raises ValueError where a hypothesis fails.

    >>> from constructive.ridge.spectra import spiked
    >>> round(spiked_trade_off(spiked(5, 1.0, 2500, 10.0), 100, 1.0).product, 9)
    0.018492426
    """
    who = "spiked_trade_off"
    count, noise = as_count(n, who, "n", at_least=1), as_number(noise_variance, who, "noise_variance", at_least=0.0)
    if len(spectrum.eigenvalues) != 2 or spectrum.signal[1] != 0.0 or spectrum.unseen != 0.0:
        raise ValueError(f"{who}: spectrum must have two blocks with all signal on the first, got signal "
                         f"{spectrum.signal!r}; forbidden_region has no such rule")
    (heads, tail), (top, v) = spectrum.multiplicities.tolist(), spectrum.eigenvalues.tolist()
    taken = max(count + 2.0 - heads, 0.0) / tail
    if count < heads + 3 or tail < count or taken >= 1.0:
        raise ValueError(f"{who}: needs n >= k + 3, q >= n and n + 2 - k < q, got n={count}, k={heads:g}, q={tail:g}")
    share = (1.0 - (heads + 2.0) / count) * (1.0 - taken) ** 2 / (1.0 + 4.0 * (count + 1.0) / tail)
    strength = float(spectrum.signal[0])
    reached = max(top - kappa_floor(spectrum, count, 0.0), 0.0)  # from this ridge on the first case may hold
    return SpikedTradeOff(share * noise * (v * tail / count) * strength / (4.0 * top), top * strength / 4.0, reached,
                          share, taken)


def _pull(spectrum: Spectrum, kappa: float) -> float:
    """Return T(kappa) = sum lambda_j / (lambda_j + kappa)^2; kappa^2 T does not fall with kappa."""
    return float((spectrum.multiplicities * spectrum.eigenvalues / (spectrum.eigenvalues + kappa) ** 2).sum())
