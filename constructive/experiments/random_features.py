"""Adversarially trained random features beside their limit: draw, fit, measure, compare.

Each draw of weights, task and points is used for all radii and ridges, so that these are compared on the same data.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.evidence import Bracket, Check, Evidence, Table, judge
from constructive.experiments.running import run_cells, seed_of
from constructive.experiments.storage import Cell, Result
from constructive.features import (
    FeatureModel,
    Prediction,
    adversarial_asymptotics,
    conditional_prediction,
    draw_task,
    exact_risks,
    fit_problem,
    tuned_ridge,
)

Array = NDArray[np.float64]

_COLUMNS = ("adversarial", "standard", "fitted", "given", "gap")


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRow:
    """Fits of one size, radius and ridge over all draws, (mean, standard error) each, beside their limit."""

    width_ratio: float
    radius: float
    ridge: float
    draws: int
    adversarial_risk: tuple[float, float]
    standard_risk: tuple[float, float]
    fitted: tuple[float, float]
    """Share of training points fitted exactly."""
    limit: Prediction
    given: float
    """Mean over the draws of the adversarial risk that is predicted for the weights drawn."""
    gap: float
    """Largest relative duality gap of the fits."""

    @property
    def error(self) -> float:
        """Relative error of the mean adversarial risk against the limit; NaN where the limit is infinite."""
        risk = self.limit.adversarial_risk
        return self.adversarial_risk[0] / risk - 1.0 if math.isfinite(risk) else math.nan


def simulate_features(width_ratios: Sequence[float], settings: Sequence[tuple[float, float | None]], *, inputs: int,
                      sample_ratio: float, noise: float, draws: int = 3, rng: np.random.Generator | int = 0,
                      n_jobs: int | None = None, store: str | Path | None = None,
                      progress: bool = False) -> tuple[FeatureRow, ...]:
    """Return fits of shifted ReLU features at every width_ratio for every (radius, ridge), width by width.

    N = width_ratio * ``inputs`` features and n = sample_ratio * ``inputs`` samples, rounded; ridge None is the one that
    is best in the limit. Risks are ``exact_risks`` at the radius of training. Other arguments as in
    :func:`run_cells`; weights, beta, X and noise of a draw depend on the seed, width_ratio and number of the draw only.

    >>> row, = simulate_features([2.0], [(0.3, 0.0)], inputs=20, sample_ratio=3.0, noise=0.5, draws=2)
    >>> row.draws, row.gap < 1e-9, 1.0 < row.adversarial_risk[0] < 2.0
    (2, True, True)
    """
    who = "simulate_features"
    d, count = as_count(inputs, who, "inputs", at_least=1), as_count(draws, who, "draws", at_least=1)
    ratio = as_number(sample_ratio, who, "sample_ratio", above=0.0)
    spread = as_number(noise, who, "noise", at_least=0.0)
    widths = [as_number(w, who, "width_ratios", above=0.0) for w in width_ratios]
    pairs = [(as_number(eps, who, "radius", at_least=0.0), ridge) for eps, ridge in settings]
    if not widths or not pairs:
        raise ValueError(f"{who}: width_ratios and settings need at least one entry each, got {width_ratios!r} and "
                         f"{settings!r}")
    ridges = {(w, k): tuned_ridge(w, ratio, spread, eps).value if ridge is None else
              as_number(ridge, who, "ridge", at_least=0.0) for w in widths for k, (eps, ridge) in enumerate(pairs)}
    parameters = {"inputs": d, "sample_ratio": ratio, "noise": spread,
                  "settings": [[eps, -1.0 if ridge is None else ridge] for eps, ridge in pairs]}
    cells = [{"width_ratio": w, "draw": k} for w in widths for k in range(count)]
    measure = functools.partial(_measured, d, ratio, spread, [eps for eps, _ in pairs], ridges)
    results = run_cells(measure, cells, name=who, parameters=parameters, seed=seed_of(rng, who), n_jobs=n_jobs,
                        store=store, progress=progress)
    rows = []
    for i, width in enumerate(widths):
        mine = results[i * count:(i + 1) * count]
        for k, (eps, _) in enumerate(pairs):
            ridge = ridges[width, k]
            values = {name: np.array([r[f"{name} {k}"] for r in mine]) for name in _COLUMNS}
            rows.append(FeatureRow(
                width, eps, ridge, count, _mean(values["adversarial"]), _mean(values["standard"]),
                _mean(values["fitted"]), adversarial_asymptotics(width, ratio, spread, eps, ridge),
                float(values["given"].mean()), float(values["gap"].max())))
    return tuple(rows)


def _measured(d: int, ratio: float, noise: float, radii: Sequence[float], ridges: dict[tuple[float, int], float],
              cell: Cell, rng: np.random.Generator) -> Result:
    """Return risks, fitted shares, predictions for the weights and gaps of one draw, for every setting."""
    width = cell["width_ratio"]
    model = FeatureModel.draw(d, max(1, round(width * d)), rng=rng)
    task = draw_task(d, max(1, round(ratio * d)), noise=noise, rng=rng)
    problem, found = model.problem(task.X, task.y), {}
    for k, radius in enumerate(radii):
        ridge = ridges[width, k]
        fit = fit_problem(problem, radius=radius, ridge=ridge)
        risks = exact_risks(model, fit.theta, task.beta, noise=noise, radius=radius)
        given = conditional_prediction(model.weights, task.beta, samples=problem.samples, noise=noise, radius=radius,
                                       ridge=ridge).adversarial_risk
        values = (risks.adversarial, risks.standard, fit.zero_fraction, given, fit.gap)
        found.update({f"{name} {k}": value for name, value in zip(_COLUMNS, values, strict=True)})
    return found


def _mean(values: Array) -> tuple[float, float]:
    error = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else math.nan
    return float(values.mean()), error


def feature_table(rows: Sequence[FeatureRow], title: str = "Fits beside their limit") -> Table:
    """Return a table with a line for each row."""
    return Table(title, ("width", "radius", "ridge", "robust risk", "limit", "error", "for the weights drawn",
                         "standard", "limit", "fitted", "limit"), tuple(
        (r.width_ratio, r.radius, r.ridge, _shown(r.adversarial_risk), r.limit.adversarial_risk,
         f"{r.error:+.1%}" if math.isfinite(r.error) else "", r.given, _shown(r.standard_risk), r.limit.standard_risk,
         f"{r.fitted[0]:.3f}", r.limit.fitted) for r in rows),
        "mean and standard error over the draws; width as a multiple of the inputs")


def _shown(value: tuple[float, float]) -> str:
    return f"{value[0]:.3f} +- {value[1]:.3f}" if math.isfinite(value[1]) else f"{value[0]:.3f}"


def agreement_checks(rows: Sequence[FeatureRow], *, median: float, largest: float) -> tuple[Check, ...]:
    """Return the checks that means over draws are near the limit: median and largest relative error of robust risks."""
    errors = [abs(row.error) for row in rows if math.isfinite(row.error)]
    if not errors:
        raise ValueError("agreement_checks: rows must hold one with a finite limit at least")
    return tuple(judge(f"{name} relative error of robust risk against the limit, {len(errors)} settings",
                       Bracket(value, value, Evidence.SAMPLED), "<=", limit)
                 for name, value, limit in (("median", float(np.median(errors)), median),
                                            ("largest", max(errors), largest)))
