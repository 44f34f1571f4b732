"""Adversarial training behind random features at finite size: certified, monotone, its slope known, two thresholds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.features import AdversarialProblem, FeatureModel, Fit, draw_task, fit_problem
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
Fits = dict[str, Fit]

ROUNDING = 1e-12
"""Relative slack for what float64 makes of an objective and of its dual bound."""


def model_and_data(rng: np.random.Generator, samples: int, width: int) -> tuple[FeatureModel, Array, Array]:
    """Return a drawn model, points (n, d) and labels (n,): inputs enough that no two features are nearly parallel."""
    d = int(rng.integers(4, 8)) + width // 8
    model = FeatureModel.draw(d, width, rng=rng)
    task = draw_task(d, samples, noise=0.5, rng=rng)
    return model, task.X, task.y


# -- the objective as a function of radius and width ------------------------------------------------------------------


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return features, labels and J^2 of a drawn model, two radii below the zero radius, and how many features nest."""
    samples = int(rng.integers(8, 25)) if n is None else int(n)
    width = int(rng.integers(4, 40))
    model, X, y = model_and_data(rng, samples, width)
    problem = model.problem(X, y)
    low, high = np.sort(rng.uniform(0.3, 0.95, 2)) * problem.zero_radius
    return {"features": problem.features, "y": y, "gradient_matrix": problem.gradient_matrix, "low": float(low),
            "high": float(max(high, 1.05 * low)), "nested": int(rng.integers(2, width))}


def problem_of(features: Array, y: Array, gradient_matrix: Array, nested: int | None = None) -> AdversarialProblem:
    """Return the problem, of the first features only if asked."""
    few = slice(None, nested)
    return AdversarialProblem.of(features[:, few], y, gradient_matrix[few, few])


def construct(features: Array, y: Array, gradient_matrix: Array, low: float, high: float, nested: int) -> Fits:
    """Return the fits at both radii, and at the smaller one with fewer features."""
    whole = problem_of(features, y, gradient_matrix)
    few = problem_of(features, y, gradient_matrix, nested)
    return {"low": fit_problem(whole, radius=low), "high": fit_problem(whole, radius=high),
            "few": fit_problem(few, radius=low)}


def optimum(fit: Fit, problem: AdversarialProblem, radius: float) -> Bracket:
    """Return [dual bound, objective] of a theta and its multipliers, both computed here, rounding added."""
    upper, lower = problem.objective(fit.theta, radius=radius), problem.dual_value(fit.dual, radius=radius)
    return Bracket(min(lower, upper) - ROUNDING * upper, upper * (1.0 + ROUNDING), Evidence.ENCLOSED)


def _named(instance: Instance, name: str) -> tuple[AdversarialProblem, float]:
    nested = instance["nested"] if name == "few" else None
    problem = problem_of(instance["features"], instance["y"], instance["gradient_matrix"], nested)
    return problem, instance["high" if name == "high" else "low"]


def _optimum(fits: Fits, instance: Instance, name: str) -> Bracket:
    return optimum(fits[name], *_named(instance, name))


def gap(fits: Fits, instance: Instance) -> Bracket:
    """Return the largest relative duality gap."""
    found = []
    for name in fits:
        bracket = _optimum(fits, instance, name)
        found.append(max(0.0, bracket.width / bracket.upper - 2.0 * ROUNDING))
    return Bracket(0.0, max(found), Evidence.ENCLOSED)


def rise(fits: Fits, instance: Instance) -> Bracket:
    """Return how much more the larger radius costs, enclosed by the dual bounds."""
    low, high = _optimum(fits, instance, "low"), _optimum(fits, instance, "high")
    return Bracket(high.lower - low.upper, high.upper - low.lower, Evidence.ENCLOSED)


def _cost(fits: Fits, instance: Instance, name: str) -> float:
    """Return what the theta of one radius costs more at the larger radius than at the smaller."""
    problem, _ = _named(instance, name)
    theta = fits[name].theta
    return (problem.objective(theta, radius=instance["high"]) - problem.objective(theta, radius=instance["low"]))


def envelope(fits: Fits, instance: Instance) -> Bracket:
    """Return where the rise lies between the costs of both thetas, 0 at that of ``high`` and 1 at that of ``low``."""
    least, most, seen = _cost(fits, instance, "high"), _cost(fits, instance, "low"), rise(fits, instance)
    size = max(most - least, 1e-2 * abs(most))  # one fit for both radii makes the two equal
    return Bracket((seen.lower - least) / size, (seen.upper - least) / size, Evidence.ENCLOSED)


def narrowing(fits: Fits, instance: Instance) -> Bracket:
    """Return how much more fewer features cost."""
    few, whole = _optimum(fits, instance, "few"), _optimum(fits, instance, "low")
    return Bracket(few.lower - whole.upper, few.upper - whole.lower, Evidence.ENCLOSED)


def trade(fits: Fits, instance: Instance) -> Bracket:
    """Return what raising the radius costs the theta of ``high`` less what it costs that of ``low``, relative."""
    first, second = (_cost(fits, instance, name) for name in ("low", "high"))
    problem, radius = _named(instance, "high")
    change = (second - first) / problem.objective(fits["low"].theta, radius=radius)
    return Bracket(change - 4.0 * ROUNDING, change + 4.0 * ROUNDING, Evidence.ENCLOSED)


def _zero(**_: Any) -> float:
    return 0.0


def plant(fits: Fits, instance: Instance, rng: np.random.Generator) -> Fits:
    """Return the fits with one that is not optimal: ridge regression, or a theta shrunk by a hundredth."""
    problem, radius = _named(instance, "high")
    if rng.random() < 0.5:
        shrunk = 0.99 * fits["low"].theta
        return {**fits, "low": replace(fits["low"], theta=shrunk)}
    theta = fit_problem(problem, radius=0.0, ridge=radius**2).theta
    return {**fits, "high": replace(fits["high"], theta=theta)}


FIT = Theorem(
    name="adversarial-fit",
    source=Source("2201.05149", "robust training of random features", "ours", "secondary"),
    statement="P*(eps) = min 1/(2 n) sum_i (|y_i - f_i theta| + eps |J theta|)^2 is certified by multipliers: for any "
              "u, max(u y, 0)^2 / (2 n sum max(|u_i|, w)^2) is a lower bound, w the water level. P* falls with every "
              "added feature and rises with eps, at the rate |J theta| mean(|r_i| + eps |J theta|): from one radius to "
              "another by at most what the change costs the old theta, and at least what it costs the new one.",
    hypotheses=("J^2 positive definite", "no ridge; radii below the zero radius"),
    claims=(Claim("relative duality gap", gap, lambda **_: 1e-10, "1e-10"),
            Claim("rise of the optimum with the radius", rise, _zero, "0", ">="),
            Claim("place of the rise between the costs of both solutions, from below", envelope,
                  lambda **_: -1e-6, "0 but for the gap", ">="),
            Claim("place of the rise between the costs of both solutions, from above", envelope,
                  lambda **_: 1.0 + 1e-6, "1 but for the gap"),
            Claim("cost of having fewer features", narrowing, _zero, "0", ">="),
            Claim("cost of the change to the new theta less that to the old", trade, lambda **_: 1e-9,
                  "0 but for the gap")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("weak duality, water level", "features.problem.AdversarialProblem.dual_value"),
           ("which case holds, then active sets", "features.solver.fit_problem"),
           ("nested features have nested problems", "features.problem.AdversarialProblem.of")),
)


# -- where the fit is 0, and where it interpolates --------------------------------------------------------------------


def draw_thresholds(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return features with their labels, at least 2 n of them, and factors below and above the thresholds."""
    samples = int(rng.integers(5, 14)) if n is None else int(n)
    model, X, y = model_and_data(rng, samples, int(rng.integers(2 * samples, 3 * samples)))
    problem = model.problem(X, y)
    return {"features": problem.features, "y": y, "gradient_matrix": problem.gradient_matrix,
            "below": float(rng.uniform(0.8, 0.97)), "above": float(rng.uniform(1.03, 1.2))}


def construct_thresholds(features: Array, y: Array, gradient_matrix: Array, below: float, above: float) -> Fits:
    """Return fits on both sides of both thresholds, and one at a hundredth of the lower one."""
    problem = problem_of(features, y, gradient_matrix)
    meets, vanishes = problem.interpolation()[0], problem.zero_radius
    radii = {"small": 0.01 * meets, "met": below * meets, "missed": above * meets, "some": below * vanishes,
             "zero": above * vanishes}
    return {name: fit_problem(problem, radius=radius) for name, radius in radii.items()}


def _thresholds(instance: Instance) -> tuple[AdversarialProblem, float, float]:
    problem = problem_of(instance["features"], instance["y"], instance["gradient_matrix"])
    return problem, problem.interpolation()[0], problem.zero_radius


def null_gain(fits: Fits, instance: Instance) -> Bracket:
    """Return how much less than the zero predictor the optimum costs above the zero radius, relative."""
    problem, _, vanishes = _thresholds(instance)
    null = float(problem.y @ problem.y) / (2 * problem.samples)
    found = optimum(fits["zero"], problem, instance["above"] * vanishes)
    return Bracket(max(0.0, 1.0 - found.upper / null), max(0.0, 1.0 - found.lower / null), Evidence.ENCLOSED)


def gain(fits: Fits, instance: Instance) -> Bracket:
    """Return how much less than the zero predictor the fit costs below the zero radius, relative."""
    problem, _, vanishes = _thresholds(instance)
    null = float(problem.y @ problem.y) / (2 * problem.samples)
    found = optimum(fits["some"], problem, instance["below"] * vanishes)
    return Bracket(1.0 - found.upper / null, 1.0 - found.lower / null, Evidence.ENCLOSED)


def largest_residual(name: str) -> Any:
    """Return the measure of the largest residual over the largest label."""
    def measure(fits: Fits, instance: Instance) -> Bracket:
        missed = instance["y"] - instance["features"] @ fits[name].theta
        value = float(np.abs(missed).max() / np.abs(instance["y"]).max())
        return Bracket(max(0.0, value - 1e-12), value + 1e-12, Evidence.ENCLOSED)

    return measure


def moved(fits: Fits, instance: Instance) -> Bracket:
    """Return how far the fits at two interpolating radii are from each other, relative, in |J theta|."""
    problem, *_ = _thresholds(instance)
    value = problem.gradient_norm(fits["met"].theta - fits["small"].theta) / problem.gradient_norm(fits["met"].theta)
    return Bracket(0.0, value, Evidence.ENCLOSED)


def threshold_gap(fits: Fits, instance: Instance) -> Bracket:
    """Return the largest relative duality gap of the five."""
    problem, meets, vanishes = _thresholds(instance)
    radii = {"small": 0.01 * meets, "met": instance["below"] * meets, "missed": instance["above"] * meets,
             "some": instance["below"] * vanishes, "zero": instance["above"] * vanishes}
    found = [optimum(fits[name], problem, radius) for name, radius in radii.items()]
    return Bracket(0.0, max(max(0.0, b.width / b.upper - 2.0 * ROUNDING) for b in found), Evidence.ENCLOSED)


def plant_thresholds(fits: Fits, instance: Instance, rng: np.random.Generator) -> Fits:
    """Return the interpolator of least |theta| in place of that of least |J theta|, or a fit that is not quite 0."""
    problem, *_ = _thresholds(instance)
    if rng.random() < 0.5:
        return {**fits, "small": replace(fits["small"], theta=fit_problem(problem, radius=0.0).theta)}
    return {**fits, "zero": replace(fits["zero"], theta=1e-3 * fits["some"].theta)}


THRESHOLDS = Theorem(
    name="thresholds-of-adversarial-fits",
    source=Source("2201.05149", "robust training of random features", "ours", "secondary"),
    statement="With at least as many features as samples and K = F J^-2 F^T invertible: all labels are met exactly if "
              "and only if eps <= sqrt(y K^-1 y) / (n max |K^-1 y|), by one and the same theta of least |J theta|, "
              "not of least |theta|; and theta = 0 is optimal if and only if eps >= |J^-1 F^T y| / sum |y_i|.",
    hypotheses=("J^2 positive definite, K invertible", "radius > 0, no ridge"),
    claims=(Claim("relative duality gap", threshold_gap, lambda **_: 1e-10, "1e-10"),
            Claim("below: largest residual", largest_residual("met"), lambda **_: 1e-9, "0 but for rounding"),
            Claim("far below: the same fit", moved, lambda **_: 1e-7, "0 but for rounding"),
            Claim("above: largest residual", largest_residual("missed"), lambda **_: 1e-5, "1e-5: not 0", ">="),
            Claim("below the zero radius: gain over 0", gain, lambda **_: 1e-6, "1e-6: not 0", ">="),
            Claim("above the zero radius: gain over 0", null_gain, lambda **_: 1e-10, "0 but for the gap")),
    draw=draw_thresholds, construct=construct_thresholds, plant=plant_thresholds, repeats=6,
    proof=(("n eps^2 K^-1 y stays within eps |J theta|", "features.problem.AdversarialProblem.interpolation"),
           ("multipliers y prove 0 optimal", "features.problem.AdversarialProblem.zero_radius")),
)
