"""Min-norm interpolation is adversarially vulnerable: in expectation over designs, and with a probability."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Source, clopper_pearson
from constructive.ridge.effective import effective_ridge
from constructive.ridge.norm_bounds import (
    expected_trace,
    expected_trace_floors,
    interpolator_floor,
    likely_trace_floors,
)
from constructive.ridge.risk import adversarial_risk
from constructive.ridge.sampling import draw_design, explicit
from constructive.ridge.spectra import Spectrum
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
DRAWS = 300


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a spectrum of p >= 1.6 n + 12 eigenvalues, samples, a noise variance, a radius, and a seed for designs.

    p far enough from n: the trace of the inverse has a variance only from p - n = 4 on, and Student's interval for its
    mean wants more moments than that.
    """
    count = int(rng.integers(3, 16)) if n is None else int(n)
    p = int(count * rng.uniform(1.6, 5.0)) + 12
    return {"spectrum": rs.some_spectrum(rng, p), "n": count, "noise_variance": float(rng.uniform(0.2, 2.0)),
            "radius": float(rng.uniform(0.1, 2.0)), "seed": int(rng.integers(2**31))}


def construct(spectrum: Spectrum, n: int, noise_variance: float, radius: float, seed: int) -> Array:
    """Return (draws, 2): tr((X X^T)^-1) and the adversarial excess risk of the interpolator, for drawn data sets."""
    return _fits(spectrum, n, noise_variance, radius, seed, 0.0)


def _fits(spectrum: Spectrum, n: int, noise: float, radius: float, seed: int, ridge: float) -> Array:
    """Return |map|_F^2 and the adversarial risk of ridge fits, from the definition."""
    rng, (values, theta) = np.random.default_rng(seed), explicit(spectrum)
    found = []
    for _ in range(DRAWS):
        X = draw_design(spectrum, n, rng)
        back = np.linalg.solve(X @ X.T + n * ridge * np.eye(n), X).T
        fitted = back @ (X @ theta + np.sqrt(noise) * rng.normal(size=n))
        risk = float(values @ (fitted - theta) ** 2)
        found.append((float(np.square(back).sum()), float(adversarial_risk(risk, float(fitted @ fitted), radius))))
    return np.array(found)


def above_sharp(found: Array, instance: Instance) -> Bracket:
    """Return the mean trace over 1 / kappa, the spectrum's largest eigenvalue counted once more."""
    return rs.mean_ratio(found[:, 0], 1.0 / effective_ridge(instance["spectrum"].enlarged(), instance["n"], 0.0))


def above_simple(found: Array, instance: Instance) -> Bracket:
    """Return the mean trace over max_k (n - k) / s_k."""
    return rs.mean_ratio(found[:, 0], float(expected_trace_floors(instance["spectrum"], instance["n"]).max()))


def below(found: Array, instance: Instance) -> Bracket:
    """Return the mean trace over n / max_m lambda_m (m - n - 1)_+."""
    return rs.mean_ratio(found[:, 0], expected_trace(instance["spectrum"], instance["n"]).upper)


def vulnerable(found: Array, instance: Instance) -> Bracket:
    """Return the mean adversarial excess risk over radius^2 noise_variance times the trace's floor."""
    floor = interpolator_floor(instance["spectrum"], instance["n"], instance["noise_variance"], instance["radius"])
    return rs.mean_ratio(found[:, 1], floor)


def _shrinking(instance: Instance) -> float:
    return 8.0 * effective_ridge(instance["spectrum"], instance["n"], 0.0)


def plant(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return, under the same claim, fits that do not interpolate: a ridge holds the noise down."""
    named = {key: instance[key] for key in ("spectrum", "n", "radius", "seed")}
    return _fits(**named, noise=instance["noise_variance"], ridge=_shrinking(instance))


def one(**_: object) -> float:
    """Return 1."""
    return 1.0


SAMPLED = "sampled instances"

EXPECTED = Theorem(
    name="interpolation-is-vulnerable-in-expectation",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="Rows N(0, Sigma), p >= n, label noise of variance noise_variance: the min-norm interpolator's expected "
              "adversarial excess risk is at least radius^2 noise_variance E tr((X X^T)^-1), and E tr((X X^T)^-1) >= "
              "max_k (n - k) / s_k and >= 1 / kappa, kappa the effective ridge of the spectrum with its largest "
              "eigenvalue counted once more; at most n / max_m lambda_m (m - n - 1)_+. With s_k / n and k / n -> 0, as "
              "in benign overfitting, it grows without bound while the truth has radius^2 |theta|^2.",
    hypotheses=("p >= n: for p < n the floor max_k (n - k) / s_k is false", "normal rows; attacks in l_r, r >= 2",
                "refuted only at level 1e-6, by Student's interval over 300 drawn data sets"),
    claims=(Claim("mean trace over max (n - k) / s_k", above_simple, one, "1", ">=", scope=SAMPLED),
            Claim("mean trace over 1 / kappa", above_sharp, one, "1", ">=", scope=SAMPLED),
            Claim("mean trace over its upper bound", below, one, "1", scope=SAMPLED),
            Claim("mean adversarial risk over its floor", vulnerable, one, "1", ">=", scope=SAMPLED)),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("U_k independent of X_{>k}, Jensen", "ridge.norm_bounds.expected_trace_floors"),
           ("leave one out: n - n ridge t <= df1(1 / t), t the wanted trace", "ridge.norm_bounds.expected_trace"),
           ("Radv >= radius^2 |theta|^2", "ridge.risk.adversarial_bounds")),
)


# -- with a probability ---------------------------------------------------------------------------------------------


def draw_likely(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return the same, with a confidence between 0.7 and 0.95."""
    found = dict(draw(rng, n))
    del found["noise_variance"], found["radius"]
    return {**found, "confidence": float(rng.uniform(0.7, 0.95))}


def construct_likely(spectrum: Spectrum, n: int, seed: int, confidence: float) -> Array:
    """Return tr((X X^T)^-1) for drawn designs, (draws,)."""
    return _fits(spectrum, n, 0.0, 0.0, seed, 0.0)[:, 0]


def failing(found: Array, instance: Instance) -> Bracket:
    """Return how often the trace is below the largest floor, in an interval at level 1e-6."""
    floor = float(likely_trace_floors(instance["spectrum"], instance["n"], instance["confidence"]).max())
    return clopper_pearson(int((found < floor).sum()), len(found), 1.0 - rs.LEVEL)


def allowed(spectrum: Spectrum, n: int, seed: int, confidence: float) -> float:
    """Return 1 - confidence."""
    return 1.0 - confidence


def plant_likely(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return the squares of ridge maps on the same designs."""
    return _fits(instance["spectrum"], instance["n"], 0.0, 0.0, instance["seed"], _shrinking(instance))[:, 0]


LIKELY = Theorem(
    name="interpolation-of-noise-is-likely-long",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="Rows N(0, Sigma), p >= n: with probability at least 1 - e^-t, tr((X X^T)^-1) >= (n - k)^2 / ((n - k) "
              "s_k + 2 sqrt(t (n - k) q_k) + 2 lambda_{k+1} t), for a k chosen before seeing X.",
    hypotheses=("p >= n, normal rows", "refuted only at level 1e-6, on 300 drawn designs"),
    claims=(Claim("share of designs below the floor", failing, allowed, "e^-t", scope=SAMPLED),),
    draw=draw_likely, construct=construct_likely, plant=plant_likely, repeats=4,
    proof=(("|U_k^T X_{>k}|_F^2 is a weighted sum of chi-squared variables", "ridge.norm_bounds.likely_trace_floors"),),
)
