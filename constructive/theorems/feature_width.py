"""Very wide adversarially trained features: worse than predicting zero, unless the ridge grows with the width."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Source
from constructive.features import (
    Prediction,
    WideExpansion,
    adversarial_asymptotics,
    harmful_width,
    kernel_limit,
    linear_zero_radius,
    tuned_ridge,
    wide_expansion,
)
from constructive.theorems.feature_limits import seen
from constructive.theorems.record import Claim, Instance, Theorem

# -- the curse --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, ridge: float | None = None) -> Instance:
    """Return ratios, noise, radius and ridge, and a width far beyond the one from which predicting 0 is better."""
    sample_ratio, noise = float(np.exp(rng.uniform(-0.5, 1.5))), float(rng.uniform(0.2, 1.0))
    radius = float(rng.uniform(0.2, 0.8))
    penalty = float(rng.choice([0.0, 0.05])) if ridge is None else float(ridge)
    harmful = harmful_width(sample_ratio, noise, radius, penalty)
    return {"width_ratio": 1000.0 * harmful + 1e5 * sample_ratio, "sample_ratio": sample_ratio, "noise": noise,
            "radius": radius, "ridge": penalty}


Expansions = dict[str, WideExpansion]


def construct(**instance: Any) -> Expansions:
    """Return the expansions at the width and at four times it."""
    return {"here": wide_expansion(**instance), "wider": wide_expansion(**_wider(instance))}


def _wider(instance: Instance) -> dict[str, Any]:
    return {**instance, "width_ratio": 4.0 * instance["width_ratio"]}


def excess(found: Expansions, instance: Instance) -> Bracket:
    """Return the risk less that of predicting 0, over the first term of the expansion."""
    risk = adversarial_asymptotics(**instance).adversarial_risk
    return seen((risk - found["here"].null) / found["here"].first)


def remainder(found: Expansions, instance: Instance) -> Bracket:
    """Return what the expansion misses at four times the width over what it misses at the width.

    To the latter is added the cube of the first term, null = 1: its coefficient may nearly vanish by chance.
    """
    here = adversarial_asymptotics(**instance).adversarial_risk - found["here"].adversarial_risk
    wider = adversarial_asymptotics(**_wider(instance)).adversarial_risk - found["wider"].adversarial_risk
    third = found["here"].first ** 3 / found["here"].null ** 2
    return seen(abs(wider) / (abs(here) + third))


def plant(found: Expansions, instance: Instance, rng: np.random.Generator) -> Expansions:
    """Return expansions with a first term wrong by a hundredth, or with the second term left out."""
    if rng.random() < 0.5:
        return {name: replace(one, first=1.01 * one.first) for name, one in found.items()}
    return {name: replace(one, second=0.0) for name, one in found.items()}


CURSE = Theorem(
    name="curse-of-width",
    source=Source("2201.05149", "overparametrization hurts robust generalization", "sharper", "secondary"),
    statement="For every radius > 0 and every fixed ridge the robust risk tends to that of predicting 0 as the width "
              "grows, from above: with v the variance of the slope and u that of the nonlinear part, it is the null "
              "risk times 1 + 2 sqrt(2/pi) radius sqrt(v n / (u N)), plus a known multiple of n / N, plus "
              "O((n / N)^1.5).",
    hypotheses=("radius of the test = radius of training > 0", "activation not linear", "the ridge does not grow"),
    claims=(Claim("risk less that of predicting 0, over the first term", excess, lambda **_: 0.5,
                  "1 as the width grows", ">=", scope="sampled instances"),
            Claim("remainder at four times the width over that at the width", remainder, lambda **_: 0.16, "1/8 as the "
                  "width grows", scope="sampled instances")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("nonlinear parts fit at a cost of v / (u N) in |grad|^2", "features.expansions.wide_expansion"),
           ("from where on it is harmful", "features.expansions.harmful_width")),
)


# -- the cure ----------------------------------------------------------------------------------------------------------


def draw_cure(rng: np.random.Generator, width: float | None = None) -> Instance:
    """Return ratios, noise, a radius at which ridges help, a ridge per width and a width."""
    sample_ratio, noise = float(np.exp(rng.uniform(-0.5, 1.5))), float(rng.uniform(0.2, 1.0))
    helped = linear_zero_radius(sample_ratio, noise) / (1.0 + (1.0 + noise**2) / sample_ratio)
    return {"sample_ratio": sample_ratio, "noise": noise, "radius": float(rng.uniform(0.1, 0.9)) * helped,
            "ridge_per_width": float(np.exp(rng.uniform(-4.5, -2.0))), "width": 1e4 if width is None else float(width)}


Cured = dict[str, Prediction]


def construct_cure(sample_ratio: float, noise: float, radius: float, ridge_per_width: float, width: float) -> Cured:
    """Return the kernel limit, the limits at the width and at four times it, and the best kernel."""
    def wide(ratio: float) -> Prediction:
        return adversarial_asymptotics(ratio, sample_ratio, noise, radius, ridge_per_width * ratio)

    return {"kernel": kernel_limit(sample_ratio, noise, radius, ridge_per_width), "here": wide(width),
            "wider": wide(4.0 * width), "best": tuned_ridge(np.inf, sample_ratio, noise, radius).prediction}


def distance(found: Cured, instance: Instance) -> Bracket:
    """Return the relative distance of the wide model's risk from the kernel's, times the width."""
    risks = [found[name].adversarial_risk for name in ("here", "kernel")]
    return seen(abs(risks[0] / risks[1] - 1.0) * instance["width"])


def nearing(found: Cured, _: Instance) -> Bracket:
    """Return the distance at four times the width over that at the width."""
    kernel = found["kernel"].adversarial_risk
    here, wider = (abs(found[name].adversarial_risk - kernel) for name in ("here", "wider"))
    return seen(wider / max(here, 1e-12))


def cured(found: Cured, instance: Instance) -> Bracket:
    """Return the risk of the best kernel over that of predicting 0."""
    return seen(found["best"].adversarial_risk / (1.0 + instance["noise"] ** 2))


def plant_cure(found: Cured, instance: Instance, rng: np.random.Generator) -> Cured:
    """Return wide models whose ridge has not grown with the width."""
    without = {"sample_ratio": instance["sample_ratio"], "noise": instance["noise"], "radius": instance["radius"],
               "ridge": instance["ridge_per_width"]}
    return {**found, "here": adversarial_asymptotics(instance["width"], **without),
            "wider": adversarial_asymptotics(4.0 * instance["width"], **without)}


CURE = Theorem(
    name="kernel-limit-of-features",
    source=Source("2201.05149", "regularization", "ours", "secondary"),
    statement="With a ridge proportional to the width, wide adversarially trained features tend to adversarial kernel "
              "ridge regression: a linear model with features that fit some noise at no cost in slope, off by O(1 / "
              "width). Its best ridge is better than predicting 0 up to the radius z / (1 + (1 + noise^2) d / n) at "
              "least, z the zero radius.",
    hypotheses=("ridge = constant times width", "signal of length 1, radius below that bound"),
    claims=(Claim("relative distance from the kernel, times the width", distance, lambda **_: 10.0, "bounded",
                  scope="sampled instances"),
            Claim("distance at four times the width over that at the width", nearing, lambda **_: 0.26, "1/4 as the "
                  "width grows", scope="sampled instances"),
            Claim("best kernel's risk over that of predicting 0", cured, lambda **_: 1.0 - 1e-9,
                  "1", scope="sampled instances")),
    draw=draw_cure, construct=construct_cure, plant=plant_cure, repeats=6,
    proof=(("one eigenvalue and a memory without slope", "features.limits.kernel_limit"),
           ("a large ridge gains at first order up to that radius", "features.sweeps.tuned_ridge")),
)
