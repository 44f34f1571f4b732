"""No ridge makes standard risk and norm both small: a region that the ridge path never enters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.ridge.frontier import forbidden_region
from constructive.ridge.spectra import Spectrum
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
DRAWS = 60


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a spectrum with p well above n, a noise variance, ridges from 0 to 10, levels of the region, a seed."""
    count = int(rng.integers(8, 21)) if n is None else int(n)
    p = int(count * rng.uniform(1.6, 5.0)) + 12
    return {"spectrum": rs.some_spectrum(rng, p), "n": count, "noise_variance": float(rng.uniform(0.2, 1.0)),
            "ridges": np.concatenate([[0.0], np.geomspace(1e-3, 10.0, 9)]), "levels": np.geomspace(1e-4, 30.0, 25),
            "seed": int(rng.integers(2**31))}


def construct(spectrum: Spectrum, n: int, noise_variance: float, ridges: Array, levels: Array, seed: int) -> Array:
    """Return excess risk and squared norm (draws, 2, ridges), expectation over the noise, for drawn designs."""
    bias, variance, signal, noise = np.moveaxis(rs.drawn_moments(spectrum, n, ridges, DRAWS, seed), 1, 0)
    return np.stack([bias + noise_variance * variance, signal + noise_variance * noise], axis=1)


def outside(found: Array, instance: Instance) -> Bracket:
    """Return the least, over ridges and levels, of max(R / risk, E |theta|^2 / energy): below 1 inside the region."""
    region = forbidden_region(instance["spectrum"], instance["n"], instance["levels"], instance["noise_variance"])
    ends = [_least(end, region.risk, region.energy) for end in rs.interval(found, found[0].size)]
    return Bracket(max(ends[0], 0.0), ends[1], Evidence.SAMPLED, 1.0 - rs.LEVEL)


def _least(curve: Array, risk: Array, energy: Array) -> float:
    """Return the same for one curve (2, ridges)."""
    return float(np.maximum(curve[0][:, None] / risk, curve[1][:, None] / energy).min())


def plant(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return the curve of labels in a unit twice as large, so that risk and squared norm are a quarter of the truth."""
    return np.asarray(found / 4.0)


THEOREM = Theorem(
    name="no-ridge-has-both-risks-small",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="Rows N(0, Sigma): for all ridges and all levels, E R >= risk(level) or E |theta|^2 >= energy(level), "
              "the floors of bias and of squared norm at that level. The curve ridge -> (E R, E |theta|^2) never "
              "enters the union of the rectangles below; E Radv >= E R + radius^2 E |theta|^2. That region can be "
              "small: a bounded signal with s_k / n and k / n -> 0 leaves room for a ridge that is good in both.",
    hypotheses=("normal rows", "expectations over designs and noise; refuted only at level 1e-6, on 60 drawn designs"),
    claims=(Claim("least of max(R / risk, E |theta|^2 / energy)", outside, lambda **_: 1.0, "1", ">=",
                  scope="sampled instances"),),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("a larger ridge has more bias, a smaller one more norm", "ridge.frontier.forbidden_region"),
           ("both floors, monotone in the ridge", "ridge.coordinate_bounds.moment_floors")),
)
