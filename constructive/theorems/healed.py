"""A tuned ridge heals what interpolation breaks: both risks good where signal is bounded and the tail is thin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.ridge.effective import effective_ridge
from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.healing import Healing, heal, healing_ceilings
from constructive.ridge.spectra import Spectrum, spiked
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
ROUNDING = 1e-9
"""Relative, of the equivalents; the effective ridge is good to about n times the rounding of doubles."""


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a benign spiked spectrum: few heads, a tail of n^2 eigenvalues whose sum is about sqrt(n)."""
    count = int(10.0 ** rng.uniform(2.0, 5.0)) if n is None else int(n)
    spectrum = spiked(int(rng.integers(1, 6)), 1.0, count**2, float(rng.uniform(0.5, 2.0) * np.sqrt(count)),
                      signal=float(rng.uniform(0.2, 1.0)))
    return {"spectrum": spectrum, "n": count, "noise_variance": float(rng.uniform(0.5, 2.0))}


def construct(spectrum: Spectrum, n: int, noise_variance: float) -> Healing:
    """Return the tuned ridge with what it reaches."""
    return heal(spectrum, n, noise_variance)


def _ratio(value: float, limits: Array) -> Bracket:
    most = float((value / limits).max())
    return Bracket(most * (1.0 - ROUNDING), most * (1.0 + ROUNDING), Evidence.ENCLOSED)


def _heads(spectrum: Spectrum, n: int) -> Array:
    """Return every head size up to 12 and the end of the first block: the bounds are stated for each."""
    return np.unique(np.minimum(np.append(np.arange(13.0), spectrum.ends[0]), float(n)))


def risk_over(found: Healing, instance: Instance) -> Bracket:
    """Return the risk over the smallest of its bounds."""
    n = instance["n"]
    return _ratio(found.risk, healing_ceilings(instance["spectrum"], n, instance["noise_variance"], found.kappa,
                                               _heads(instance["spectrum"], n))[0])


def energy_over(found: Healing, instance: Instance) -> Bracket:
    """Return the squared norm over the smallest of its bounds."""
    n = instance["n"]
    return _ratio(found.energy, healing_ceilings(instance["spectrum"], n, instance["noise_variance"], found.kappa,
                                                 _heads(instance["spectrum"], n))[1])


def reached(found: Healing, instance: Instance) -> Bracket:
    """Return how far what the ridge reaches is from what is told of it, relative: the larger of risk and norm."""
    at = deterministic_equivalent(instance["spectrum"], instance["n"], found.ridge, instance["noise_variance"])
    off = max(abs(found.risk / float(at.risk) - 1.0), abs(found.energy / float(at.energy) - 1.0))
    return Bracket(max(off - ROUNDING, 0.0), off, Evidence.ENCLOSED)


def effective(found: Healing, instance: Instance) -> Bracket:
    """Return how far the effective ridge is from the kappa of the bounds, relative."""
    off = abs(effective_ridge(instance["spectrum"], instance["n"], found.ridge) / found.kappa - 1.0)
    return Bracket(max(off - ROUNDING, 0.0), off, Evidence.ENCLOSED)


def plant(found: Healing, instance: Instance, rng: np.random.Generator) -> Healing:
    """Return min-norm interpolation under the same claim: fitted noise makes it long."""
    at = deterministic_equivalent(instance["spectrum"], instance["n"], 0.0, instance["noise_variance"])
    return replace(found, ridge=0.0, risk=float(at.risk), energy=float(at.energy))


THEOREM = Theorem(
    name="a-tuned-ridge-heals",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="For deterministic equivalents, any kappa >= that of ridge 0 with df2(kappa) <= n / 2 and ridge = kappa "
              "(1 - df1 / n): R <= kappa rho / 2 + 2 noise_variance (k / n + s_k / (4 n kappa)) and |theta|^2 <= rho + "
              "2 noise_variance (k / (4 n kappa) + s_k / (n kappa^2)) for every k, rho = |theta*|^2. So with rho "
              "bounded, k / n and s_k / n -> 0, a tuned ridge has R -> 0 and |theta|^2 <= rho in the limit: there is "
              "no trade-off between standard and adversarial risk then, though interpolation is vulnerable.",
    hypotheses=("kappa at least the effective ridge of ridge 0, df2(kappa) <= n / 2",
                "equivalents: asymptotic statements about data, exact about the equations"),
    claims=(Claim("risk over the least of its bounds", risk_over, lambda **_: 1.0, "1"),
            Claim("squared norm over the least of its bounds", energy_over, lambda **_: 1.0, "1"),
            Claim("risk and norm told, off those reached", reached, lambda **_: ROUNDING, "1e-9"),
            Claim("kappa off the effective ridge", effective, lambda **_: ROUNDING, "1e-9")),
    draw=draw, construct=construct, plant=plant, repeats=20,
    proof=(("lambda^2 / (lambda + kappa)^2 <= min(1, lambda / (4 kappa)), and the like",
            "ridge.healing.healing_ceilings"),
           ("1 - df2 / n >= 1 / 2", "ridge.healing.heal")),
)
