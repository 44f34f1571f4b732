"""Ridge regression cannot do better than its coordinates allow: four expectations bounded from below, for any ridge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Source
from constructive.ridge.coordinate_bounds import moment_floors
from constructive.ridge.spectra import Spectrum
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
DRAWS = 60
MORE = 8  # times as many samples has the planted sample


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a spectrum, samples n with p below n or well above it, a ridge (0 in a third of all), and a seed.

    p is kept away from n, where at ridge 0 variances of the sampled moments are infinite.
    """
    count = int(rng.integers(8, 25)) if n is None else int(n)
    below = int(rng.integers(4, max(5, count // 2)))
    p = below if rng.random() < 0.25 else int(count * rng.uniform(1.6, 5.0)) + 12
    ridge = 0.0 if rng.random() < 1 / 3 else float(10.0 ** rng.uniform(-2.0, 0.0))
    return {"spectrum": rs.some_spectrum(rng, p), "n": count, "ridge": ridge, "seed": int(rng.integers(2**31))}


def construct(spectrum: Spectrum, n: int, ridge: float, seed: int) -> Array:
    """Return bias, variance, signal energy and noise energy at unit noise for drawn designs, (draws, 4)."""
    return rs.drawn_moments(spectrum, n, np.array([ridge]), DRAWS, seed)[:, :, 0]


def over_floor(place: int) -> Callable[[Array, Instance], Bracket]:
    """Return the measure of one moment's mean over its floor."""
    def measure(found: Array, instance: Instance) -> Bracket:
        return rs.mean_ratio(found[:, place], _floor(place, instance["spectrum"], instance["n"], instance["ridge"]))
    return measure


def _floor(place: int, spectrum: Spectrum, n: int, ridge: float) -> float:
    floors = moment_floors(spectrum, n, ridge, 1.0)
    return float((floors.bias, floors.variance, floors.signal_energy, floors.noise_energy)[place])


def positive(place: int) -> Callable[..., bool]:
    """Return on which instances the floor of one moment is above 0: that of the bias may be 0 without ridge."""
    def where(spectrum: Spectrum, n: int, ridge: float, seed: int) -> bool:
        return _floor(place, spectrum, n, ridge) > 0.0
    return where


def plant(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return moments for eight times as many samples, under the claim of n."""
    return construct(**{**instance, "n": MORE * instance["n"]})


THEOREM = Theorem(
    name="ridge-floors-by-coordinate",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="Rows N(0, Sigma), any ridge >= 0 and any p: expected noise energy >= noise_variance sum c_j, variance "
              ">= noise_variance sum lambda_j c_j, signal energy >= sum theta_j^2 a_j^2, bias >= k^2 sum lambda_j "
              "theta_j^2 / (lambda_j + k)^2, with explicit c_j and a_j, of the tail that coordinate j sees, and k = "
              "ridge + max_m lambda_m (m - n - 2)_+ / n. The first three do not rise with the ridge, the last does not "
              "fall.",
    hypotheses=("normal rows, n >= 3 for the first three", "refuted only at level 1e-6, by Student's interval over 60 "
                "drawn designs"),
    claims=tuple(Claim(f"mean {name} over its floor", over_floor(k), lambda **_: 1.0, "1", ">=", where=positive(k),
                       scope="sampled instances")
                 for k, name in enumerate(("bias", "variance", "signal energy", "noise energy"))),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("test vector G U U^T z_j, Jensen on a chi-squared variable", "ridge.coordinate_bounds.noise_coefficients"),
           ("(I - A)_jj = 1 / (1 + lambda_j z_j^T G_{-j}^-1 z_j), signs average off-diagonals away",
            "ridge.coordinate_bounds.moment_floors"),
           ("inverse Wishart mean on m equal eigenvalues", "ridge.coordinate_bounds.kappa_floor")),
)
