"""The limit of adversarially trained random features beside fits, its slopes, and its two ends without an adversary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Evidence, Source
from constructive.features import (
    FeatureModel,
    Fit,
    Prediction,
    Risks,
    adversarial_asymptotics,
    draw_task,
    exact_risks,
    fit_problem,
    relu,
    ridgeless_limit,
    zero_radius,
)
from constructive.theorems.record import Claim, Instance, Theorem

NEAR = 0.15
"""Allowed relative distance: about 4 standard errors of a mean of three fits with 80 inputs."""


def seen(value: float) -> Bracket:
    """Return the bracket of a number that was drawn or computed, not proved."""
    return Bracket(value, value, Evidence.SAMPLED)


def _zero(**_: Any) -> float:
    return 0.0


# -- beside fits ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Fits with their exact risks, and what is predicted of them."""

    fits: tuple[Fit, ...]
    risks: tuple[Risks, ...]
    predicted: Prediction


def draw(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return sizes of a problem with 0.75 to 2 features per sample, a radius and the seed of three draws."""
    ratio = float(rng.choice([2.0, 3.0, 4.0]))
    return {"inputs": 80 if d is None else int(d), "sample_ratio": ratio,
            "width_ratio": ratio * float(rng.choice([0.75, 1.0, 1.5, 2.0])), "noise": 0.5,
            "radius": float(rng.choice([0.3, 0.4, 0.5])), "seed": int(rng.integers(2**31))}


def construct(inputs: int, sample_ratio: float, width_ratio: float, noise: float, radius: float,
              seed: int) -> Compared:
    """Return three fits with their risks, and the limit."""
    fits, risks = [], []
    for k in range(3):
        rng = np.random.default_rng([seed, k])
        model = FeatureModel.draw(inputs, round(width_ratio * inputs), rng=rng)
        task = draw_task(inputs, round(sample_ratio * inputs), noise=noise, rng=rng)
        fits.append(fit_problem(model.problem(task.X, task.y), radius=radius))
        risks.append(exact_risks(model, fits[-1].theta, task.beta, noise=noise, radius=radius))
    return Compared(tuple(fits), tuple(risks),
                    adversarial_asymptotics(width_ratio, sample_ratio, noise, radius))


def _distance(found: float, predicted: float) -> Bracket:
    return seen(abs(found / predicted - 1.0))


def robust(found: Compared, _: Instance) -> Bracket:
    """Return the relative distance of the mean adversarial risk from the prediction."""
    return _distance(float(np.mean([r.adversarial for r in found.risks])), found.predicted.adversarial_risk)


def standard(found: Compared, _: Instance) -> Bracket:
    """Return the relative distance of the mean standard risk from the prediction."""
    return _distance(float(np.mean([r.standard for r in found.risks])), found.predicted.standard_risk)


def slope(found: Compared, _: Instance) -> Bracket:
    """Return the relative distance of the mean gradient norm from the prediction."""
    return _distance(float(np.mean([r.gradient_norm for r in found.risks])), found.predicted.gradient_norm)


def fitted(found: Compared, _: Instance) -> Bracket:
    """Return the distance of the share of points fitted exactly from the prediction."""
    return seen(abs(float(np.mean([fit.zero_fraction for fit in found.fits])) - found.predicted.fitted))


def plant(found: Compared, instance: Instance, rng: np.random.Generator) -> Compared:
    """Return a prediction that takes gradients for |W^T theta| / 2: the gates of one feature are not seen to vary."""
    gentle = replace(relu(), slope_excess=1e-3)
    wrong = adversarial_asymptotics(instance["width_ratio"], instance["sample_ratio"], instance["noise"],
                                    instance["radius"], activation=gentle)
    return replace(found, predicted=wrong)


def _near(**_: Any) -> float:
    return NEAR


LIMIT = Theorem(
    name="random-features-limit",
    source=Source("2201.05149", "exact asymptotics of robust training", "paper", "secondary"),
    statement="As inputs d, features N and samples n grow with fixed ratios, risk, robust risk, |J theta| and the "
              "share of samples fitted exactly of adversarially trained ReLU features tend to the numbers that a "
              "system of two equations gives, equivalent to the paper's saddle point in five variables.",
    hypotheses=("x standard normal, y = <x, beta> + noise", "unit weights, uniform", "no ridge; here d = 80"),
    claims=(Claim("robust risk, mean of 3 fits: relative distance from the limit", robust, _near, "0 as d grows",
                  scope="sampled instances"),
            Claim("standard risk: relative distance", standard, _near, "0 as d grows", scope="sampled instances"),
            Claim("gradient norm: relative distance", slope, _near, "0 as d grows", scope="sampled instances"),
            Claim("share fitted exactly: distance", fitted, _near, "0 as d grows", scope="sampled instances")),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("two equations, each with one root", "features.prediction.solve_system"),
           ("means over the spectrum of W W^T in closed form", "_kernels.features.spectral_means"),
           ("zero predictor from a threshold on", "features.asymptotics.zero_radius")),
)


# -- the objective's slopes -------------------------------------------------------------------------------------------


def draw_slopes(rng: np.random.Generator, width: float | None = None) -> Instance:
    """Return ratios, noise, radius and ridge below the zero radius."""
    width_ratio = float(np.exp(rng.uniform(-1.0, 2.0))) if width is None else float(width)
    sample_ratio, noise = float(np.exp(rng.uniform(-0.7, 1.5))), float(rng.uniform(0.1, 1.0))
    return {"width_ratio": width_ratio, "sample_ratio": sample_ratio, "noise": noise,
            "radius": float(rng.uniform(0.2, 0.8)) * zero_radius(width_ratio, sample_ratio, noise),
            "ridge": float(np.exp(rng.uniform(-3.0, 0.0)))}


def construct_slopes(**instance: Any) -> Prediction:
    """Return the limit."""
    return adversarial_asymptotics(**instance)


def _slope(instance: Instance, name: str) -> float:
    """Return the derivative of the objective in radius or ridge, from four points: the error is of fourth order."""
    step = 1e-3 * instance[name]
    values = [adversarial_asymptotics(**{**instance, name: instance[name] + k * step}).objective
              for k in (-2.0, -1.0, 1.0, 2.0)]
    return (8.0 * (values[2] - values[1]) - (values[3] - values[0])) / (12.0 * step)


def in_radius(found: Prediction, instance: Instance) -> Bracket:
    """Return the relative distance of m (mean residual + radius m) from the derivative in the radius."""
    rate = found.gradient_norm * (found.mean_residual + instance["radius"] * found.gradient_norm)
    return seen(abs(rate / _slope(instance, "radius") - 1.0))


def in_ridge(found: Prediction, instance: Instance) -> Bracket:
    """Return the relative distance of |theta|^2 / 2 from the derivative in the ridge."""
    return seen(abs(0.5 * found.weight_energy / _slope(instance, "ridge") - 1.0))


def with_width(found: Prediction, instance: Instance) -> Bracket:
    """Return how much less the objective is for a width larger by a tenth."""
    wider = adversarial_asymptotics(**{**instance, "width_ratio": 1.1 * instance["width_ratio"]})
    return seen(found.objective - wider.objective)


def above_the_risk(found: Prediction, _: Instance) -> Bracket:
    """Return robust less standard risk."""
    return seen(found.adversarial_risk - found.standard_risk)


def plant_slopes(found: Prediction, instance: Instance, rng: np.random.Generator) -> Prediction:
    """Return the limit with residuals of fresh points for those of training points, or |theta|^2 in another scale."""
    if rng.random() < 0.5:
        return replace(found, mean_residual=found.mean_residual * 1.001)
    return replace(found, weight_energy=found.weight_energy * instance["width_ratio"] * 1.5)


SLOPES = Theorem(
    name="slopes-of-the-limit",
    source=Source("2201.05149", "limit of the training objective", "ours", "secondary"),
    statement="The limit P of the training objective obeys dP/d radius = m (mean |residual| + radius m) and "
              "dP/d ridge = |theta|^2 / 2, so that both risks and residuals can be read from it; it falls with the "
              "width.",
    hypotheses=("radius below the zero radius", "ridge > 0 here; the identities hold without"),
    claims=(Claim("slope in the radius: relative distance", in_radius, lambda **_: 1e-7, "0; 1e-7 of differences",
                  scope="sampled instances"),
            Claim("slope in the ridge: relative distance", in_ridge, lambda **_: 1e-7, "0; 1e-7 of differences",
                  scope="sampled instances"),
            Claim("fall of the objective with the width", with_width, _zero, "0", ">=", scope="sampled instances"),
            Claim("robust less standard risk", above_the_risk, _zero, "0", ">=", scope="sampled instances")),
    draw=draw_slopes, construct=construct_slopes, plant=plant_slopes, repeats=6,
    proof=(("residuals are shrunk normal variables", "features.prediction.predict"),
           ("only the explicit radius and ridge count at an optimum", "theorems.adversarial_fit.envelope")),
)


# -- no adversary, no ridge -------------------------------------------------------------------------------------------


def draw_ends(rng: np.random.Generator, width: float | None = None) -> Instance:
    """Return ratios with 1.5 to 8 times as many features as samples, and a noise."""
    ratio = float(np.exp(rng.uniform(-0.5, 1.2)))
    return {"sample_ratio": ratio, "noise": float(rng.uniform(0.2, 0.8)),
            "width_ratio": ratio * float(rng.uniform(1.5, 8.0)) if width is None else float(width)}


def construct_ends(width_ratio: float, sample_ratio: float, noise: float) -> dict[str, Prediction]:
    """Return both interpolants."""
    return {"weights": ridgeless_limit(width_ratio, sample_ratio, noise, "weights"),
            "gradient": ridgeless_limit(width_ratio, sample_ratio, noise, "gradient")}


def vanishing_ridge(found: dict[str, Prediction], instance: Instance) -> Bracket:
    """Return the relative distance of the risk at ridge 1e-9 and radius 0 from that of least |theta|."""
    near = adversarial_asymptotics(**instance, radius=0.0, ridge=1e-9)
    return _distance(near.standard_risk, found["weights"].standard_risk)


def vanishing_radius(found: dict[str, Prediction], instance: Instance) -> Bracket:
    """Return the relative distance of the risk at radius 1e-3 and ridge 0 from that of least |J theta|."""
    near = adversarial_asymptotics(**instance, radius=1e-3)
    return _distance(near.standard_risk, found["gradient"].standard_risk)


def steeper(found: dict[str, Prediction], _: Instance) -> Bracket:
    """Return the gradient norm of the interpolant of least |theta| over that of least |J theta|."""
    return seen(found["weights"].gradient_norm / found["gradient"].gradient_norm)


def plant_ends(found: dict[str, Prediction], instance: Instance, rng: np.random.Generator) -> dict[str, Prediction]:
    """Return the one interpolant for both."""
    name = str(rng.choice(["weights", "gradient"]))
    return {"weights": found[name], "gradient": found[name]}


ENDS = Theorem(
    name="two-interpolants",
    source=Source("2201.05149", "no adversary", "ours", "secondary",
                  ("Mei and Montanari, The generalization error of random features regression",)),
    statement="With more features than samples, adversarial training does not tend to ridge regression as both vanish: "
              "a radius leads to the interpolant of least |J theta|, a ridge to the one of least |theta|, with other "
              "risks.",
    hypotheses=("more features than samples",),
    claims=(Claim("ridge 1e-9: relative distance from least |theta|", vanishing_ridge, lambda **_: 1e-6, "0 as it "
                  "vanishes", scope="sampled instances"),
            Claim("radius 1e-3: relative distance from least |J theta|", vanishing_radius, lambda **_: 1e-6,
                  "0 as it vanishes", scope="sampled instances"),
            Claim("gradient norms, the former over the latter", steeper, lambda **_: 1.0001, "more than 1", ">=",
                  scope="sampled instances")),
    draw=draw_ends, construct=construct_ends, plant=plant_ends, repeats=6,
    proof=(("one root each", "features.ridgeless.least_norm"),
           ("at finite size, for all small radii", "theorems.adversarial_fit.THRESHOLDS")),
)
