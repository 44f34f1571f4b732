"""Standard times adversarial risk: a floor for every ridge, asymptotic for any spectrum, proved for spiked ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.ridge.equivalents import RidgeMoments, deterministic_equivalent
from constructive.ridge.frontier import product_floor, product_floors, spiked_trade_off
from constructive.ridge.sampling import draw_spiked_design
from constructive.ridge.spectra import Spectrum, spiked
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
ROUNDING = 1e-9


# -- deterministic equivalents --------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a spectrum with p > n, samples, a noise variance, and ridges from 0 to a largest one."""
    count = int(rng.integers(5, 200)) if n is None else int(n)
    p = int(count * rng.uniform(1.2, 8.0)) + 6
    return {"spectrum": rs.some_spectrum(rng, p), "n": count, "noise_variance": float(rng.uniform(0.1, 2.0)),
            "ridges": np.linspace(0.0, float(10.0 ** rng.uniform(-5.0, 0.0)), 17)}


def construct(spectrum: Spectrum, n: int, noise_variance: float, ridges: Array) -> RidgeMoments:
    """Return the equivalents along the ridges."""
    return deterministic_equivalent(spectrum, n, ridges, noise_variance)


def pointwise(found: RidgeMoments, instance: Instance) -> Bracket:
    """Return the least ratio, over ridges, of the product of risk and noise energy to its floor at that ridge."""
    floors = product_floors(instance["spectrum"], instance["n"], instance["ridges"], instance["noise_variance"])
    return _enclosed(float((found.risk * found.noise_energy / floors).min()))


def least_product(found: RidgeMoments, instance: Instance) -> Bracket:
    """Return the least product of risk and noise energy along the ridges."""
    return _enclosed(float((found.risk * found.noise_energy).min()))


def _enclosed(value: float) -> Bracket:
    return Bracket(value * (1.0 - ROUNDING), value * (1.0 + ROUNDING), Evidence.ENCLOSED)


def floor(spectrum: Spectrum, n: int, noise_variance: float, ridges: Array) -> float:
    """Return the floor for all ridges up to the largest."""
    return product_floor(spectrum, n, noise_variance, float(ridges[-1]))


def plant(found: RidgeMoments, instance: Instance, rng: np.random.Generator) -> RidgeMoments:
    """Return a curve that at one ridge dips below its floor by a tenth."""
    floors = product_floors(instance["spectrum"], instance["n"], instance["ridges"], instance["noise_variance"])
    place, bias = int(rng.integers(len(floors))), found.bias.copy()
    bias[place] = 0.9 * floors[place] / found.noise_energy[place] - found.variance[place]
    return replace(found, bias=bias)


EQUIVALENT = Theorem(
    name="product-of-risks-in-equivalents",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="For deterministic equivalents and p > n: at every ridge, R times the noise energy is at least "
              "noise_variance kappa^2 (T / n) sum lambda_j theta_j^2 / (lambda_j + kappa)^2, T = sum lambda_j / "
              "(lambda_j + kappa)^2; for all ridges in [0, ridge_1] it is at least noise_variance kappa_0 (1 - "
              "df2(kappa_0) / n) sum lambda_j theta_j^2 / (lambda_j + kappa_1)^2. R Radv is at least radius^2 times "
              "either.",
    hypotheses=("p > n", "equivalents: asymptotic statements about data, exact about the equations"),
    claims=(Claim("least product over the floor at its ridge", pointwise, lambda **_: 1.0, "1", ">="),
            Claim("least product of risk and noise energy", least_product, floor,
                  "noise_variance kappa_0 (1 - df2 / n) sum lambda theta^2 / (lambda + kappa_1)^2", ">=")),
    draw=draw, construct=construct, plant=plant, repeats=20,
    proof=(("1 - df2 / n <= 1", "ridge.frontier.product_floors"),
           ("kappa^2 sum lambda / (lambda + kappa)^2 does not fall", "ridge.frontier.product_floor")),
)


# -- spiked spectra, proved for finite n ----------------------------------------------------------------------------

DRAWS = 40


def draw_spiked(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a spiked spectrum with heads r^0, r^(1/2) or r^(3/4), r = s / n, samples, ridges, and a seed."""
    count = int(rng.integers(20, 61)) if n is None else int(n)
    k, s = int(rng.integers(1, 6)), float(rng.uniform(0.5, 2.0)) * math.sqrt(count)
    head = (s / count) ** float(rng.choice((0.0, 0.5, 0.75)))
    spectrum = spiked(k, head, int(count * rng.uniform(5.0, 50.0)), s, signal=float(rng.uniform(0.5, 2.0)) / head)
    return {"spectrum": spectrum, "n": count, "noise_variance": float(rng.uniform(0.5, 2.0)),
            "ridges": np.concatenate([[0.0], np.geomspace(1e-3, 30.0, 15)]), "seed": int(rng.integers(2**31))}


def construct_spiked(spectrum: Spectrum, n: int, noise_variance: float, ridges: Array, seed: int) -> Array:
    """Return risk and noise energy (draws, 2, ridges) for drawn designs, expectation over the noise."""
    rng = np.random.default_rng(seed)
    found = [draw_spiked_design(spectrum, n, rng).moments(ridges, noise_variance) for _ in range(DRAWS)]
    return np.array([[moments.risk, moments.noise_energy] for moments in found])


def one_of_two(found: Array, instance: Instance) -> Bracket:
    """Return the least, over ridges, of max(R / risk, R times noise energy / product), from intervals for means."""
    stated = spiked_trade_off(instance["spectrum"], instance["n"], instance["noise_variance"])
    ends = []
    for end in rs.interval(found, found[0].size):
        risk, energy = np.maximum(end, 0.0)
        ends.append(float(np.maximum(risk / stated.risk, risk * energy / stated.product).min()))
    return Bracket(ends[0], ends[1], Evidence.SAMPLED, 1.0 - rs.LEVEL)


def plant_spiked(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return the means of labels in a unit twice as large, so that risk and noise energy are a quarter of the truth."""
    return np.asarray(found / 4.0)


SPIKED = Theorem(
    name="product-of-risks-for-spiked-spectra",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="Rows N(0, Sigma), k heads of one size that carry theta*, q >= n equal tail eigenvalues of sum s, n >= k "
              "+ 3: for every ridge, E R >= head |theta*|^2 / 4, or E R times the expected noise energy is at least c "
              "noise_variance (s / n) |theta*|^2 / (4 head), c = (1 - (k + 2) / n)(1 - eta)^2 / (1 + 4 (n + 1) / q), "
              "eta = (n + 2 - k)_+ / q < 1. So no single ridge makes both risks small if (s / n) |theta*|^2 / head "
              "stays away from 0, however benign min-norm interpolation is.",
    hypotheses=("spiked spectrum, signal on the head; normal rows", "q >= n >= k + 3, eta < 1",
                "refuted only at level 1e-6, by Student's intervals over 40 drawn designs"),
    claims=(Claim("least of max(R / risk, product / floor)", one_of_two, lambda **_: 1.0, "1", ">=",
                  scope="sampled instances"),),
    draw=draw_spiked, construct=construct_spiked, plant=plant_spiked, repeats=4,
    proof=(("coordinate floors with the head as K", "ridge.coordinate_bounds.moment_floors"),
           ("bias >= kappa^2 |theta*|^2 / (4 head) below the head", "ridge.frontier.spiked_trade_off"),
           ("the tail's Gram matrix is Wishart", "ridge.sampling.draw_spiked_design")),
)
