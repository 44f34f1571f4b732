"""How small the memorized balls must be: the largest admissible radius against the sample size.

With independent label noise every short distance is a conflict with a fixed probability, so the smallest one among
n^2 pairs falls like n^(-2/d), and the radius with it. Where classes are a gap apart and labels are clean the radius
does not shrink at all. The hypothesis that matters for robust memorization is therefore on the labels.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from constructive._checks import as_count, as_number
from constructive.blocks import support_volume
from constructive.evidence import Bracket, Check, Evidence, Report, Source, Table, judge
from constructive.experiments.running import run_cells, seed_of
from constructive.experiments.slopes import Slope, fit_slope, judge_slope
from constructive.experiments.storage import Cell, Result
from constructive.students import memorize, separation


def admissible_radius(ns: Sequence[int], dims: Sequence[int] = (1, 2, 3), *, noises: Sequence[float] = (0.0, 0.1, 0.5),
                      gap: float = 0.25, seeds: int = 20, confidence: float = 0.999, widest: float = math.inf,
                      rng: np.random.Generator | int = 0, n_jobs: int | None = None, store: str | Path | None = None,
                      progress: bool = False) -> Report:
    """Return a report on the largest radius at which a sample can be memorized, separation / 2, against n.

    Points uniform in the unit cube without the slab |x_1 - 1/2| < gap / 2; label: the side of the slab, flipped with
    probability ``noise`` (1/2: labels that are pure noise). For each n, d, noise and replicate the exact separation of
    the classes; a student is made at half the admissible radius, and the volume of its supports gives
    ``P(union of supports) <= n p_max V(r, w)``, p_max = 1 / (1 - gap). Checks for each d: with noise, the slope of
    log radius against log n is -2/d; without noise the radius is at least gap / 2 at every n.
    Raises ValueError for fewer than two sizes. Other arguments as in :func:`run_cells`.
    Source: arXiv:2401.13624 for the hypothesis; the measurement is ours.

    >>> report = admissible_radius([20, 40], dims=[1], noises=[0.0], seeds=2)
    >>> report.verdict.value
    'confirmed'
    """
    who = "admissible_radius"
    sizes = sorted({as_count(n, who, "ns", at_least=2) for n in ns})
    if len(sizes) < 2:
        raise ValueError(f"{who}: ns={tuple(ns)!r} needs two different sizes or more; a slope needs them")
    axes = [as_count(d, who, "dims", at_least=1) for d in dims]
    flips = [as_number(p, who, "noises", at_least=0.0, at_most=0.5) for p in noises]
    apart = as_number(gap, who, "gap", above=0.0, below=1.0)
    repeats = as_count(seeds, who, "seeds", at_least=2)
    level = as_number(confidence, who, "confidence", above=0.0, below=1.0)
    seed = seed_of(rng, who)
    cells = [{"dimension": d, "noise": p, "n": n, "replicate": s} for d in axes for p in flips for n in sizes
             for s in range(repeats)]
    if not cells:
        raise ValueError(f"{who}: dims and noises need at least one entry each, got {dims!r} and {noises!r}")
    results = run_cells(functools.partial(_measured_radius, apart), cells, name=who, parameters={"gap": apart},
                        seed=seed, n_jobs=n_jobs, store=store, progress=progress)
    both = list(zip(cells, results, strict=True))
    checks, slopes, rows = [], [], []
    for d in axes:
        for p in flips:
            mine = [(c, r) for c, r in both if c["dimension"] == d and c["noise"] == p and math.isfinite(r["radius"])]
            check, row = _trend(mine, d, p, apart, level, widest)
            checks.append(check)
            slopes.append(row)
            rows += [_size_row([r for c, r in mine if c["n"] == n], d, p, n) for n in sizes]
    return Report("Largest admissible radius", tuple(checks), (
        Table("Slopes", ("d", "noise", "stated", "slope", "lower", "upper", "width"), tuple(slopes),
              f"of log radius against log n, t interval at {level:g}"),
        Table("Radii, medians over the draws", ("d", "noise", "n", "radius", "P(supports) <=", "n times that"),
              tuple(rows), "supports at half the admissible radius: n p_max V(r, w), or 1 where that says nothing")),
        (f"points uniform outside a slab of width {apart:g} between the classes",),
        Source("2401.13624", "separated data", "ours", "secondary"), seed)


def _measured_radius(gap: float, cell: Cell, rng: np.random.Generator) -> Result:
    """Return the admissible radius of one sample, and a bound on the probability of all supports."""
    n, d = cell["n"], cell["dimension"]
    X = rng.random((n, d))
    X[:, 0] = np.where(X[:, 0] < 0.5, X[:, 0] * (1 - gap), 1 - (1 - X[:, 0]) * (1 - gap))
    y = np.where((X[:, 0] > 0.5) == (rng.random(n) >= cell["noise"]), 1, -1)
    distance = separation(X, y).distance
    if math.isinf(distance):
        return {"radius": math.inf, "mass": 0.0}  # only one label was drawn
    student = memorize(X, y, radius=distance / 4)
    volume = float(support_volume([distance / 2] * d, student.ramp))
    return {"radius": distance / 2, "mass": min(1.0, n * volume / (1 - gap))}


def _trend(mine: Sequence[tuple[Cell, Result]], dimension: int, noise: float, gap: float, confidence: float,
           widest: float) -> tuple[Check, tuple[object, ...]]:
    """Return the check and the table row of one dimension and one noise."""
    where = f"(d={dimension}, noise {noise:g})"
    radii = np.array([r["radius"] for _, r in mine])
    slope: Slope = fit_slope(np.log([float(c["n"]) for c, _ in mine]), np.log(radii))
    interval = slope.interval(confidence)
    stated = -2.0 / dimension if noise else None
    row = (dimension, noise, stated, slope.value, interval.lower, interval.upper, interval.width)
    if stated is not None:
        return judge_slope(f"slope of the largest admissible radius {where}", slope, stated, "-2/d",
                           confidence=confidence, widest=widest), row
    # the distances are exact; what is left is one rounding of each coordinate of the points
    least = Bracket(float(radii.min()), float(radii.min()), Evidence.EXACT)
    found = judge(f"smallest admissible radius {where}", least, ">=", gap / 2 * (1 - 2.0**-50), "gap / 2")
    return replace(found, instances=len(mine)), row


def _size_row(results: Sequence[Result], dimension: int, noise: float, n: int) -> tuple[object, ...]:
    radius = float(np.median([r["radius"] for r in results]))
    mass = float(np.median([r["mass"] for r in results]))
    return dimension, noise, n, radius, mass, n * mass
