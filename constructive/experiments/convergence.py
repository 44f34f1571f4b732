"""Rates: squared L2 error against the sample size, for a teacher, its student, and other people's regressors.

Data flow of one draw: noisy real labels -> least squares on cells (the teacher) -> the student that memorizes every
noisy label on a ball -> both squared errors, the certificate of the training error, and the robust gap -> the
baselines on the same data. Slopes of log error against log n come from all draws on a grid where bias and variance
scale alike (see :mod:`constructive.experiments.cases`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.evidence import Report, Source
from constructive.experiments.baselines import gaussian_process, has_sklearn, kernel_ridge, nearest_neighbors
from constructive.experiments.cases import RateCase, rate_case
from constructive.experiments.errors import cell_nodes, harm, squared_error
from constructive.experiments.gaps import robust_gap
from constructive.experiments.running import run_cells, seed_of
from constructive.experiments.storage import Cell, Result
from constructive.experiments.summary import Draws, rate_checks, rate_tables
from constructive.students import Student, memorize, separation
from constructive.teachers import Teacher
from constructive.teachers.fitting import fit_cells

Array = NDArray[np.float64]

CASES = ((1, 1), (2, 1), (3, 1), (2, 2))
"""(order, dimension) of the standard experiment."""
MODELS = ("teacher", "student", "nearest neighbors", "kernel ridge", "Gaussian process")
_KERNELS = ("kernel ridge", "Gaussian process")


def rates(cases: Sequence[tuple[int, int] | RateCase] = CASES, *, models: Sequence[str] = MODELS, seeds: int = 10,
          kernel_limit: int = 5000, confidence: float = 0.999, widest: float = 0.15,
          rng: np.random.Generator | int = 0, n_jobs: int | None = None, store: str | Path | None = None,
          progress: bool = False) -> Report:
    """Return a report on error against sample size: slopes with intervals, errors, gaps, constants, residuals.

    ``cases``: pairs (order r, dimension d), each with the constants of :func:`rate_case`, or such cases. For each of
    their grid sizes n_K = ceil(c K^(2r+d)) and each of ``seeds`` replicates: n points uniform in the unit cube with
    noisy labels; the squared L2 error of every one of ``models`` on the same draw. Checks for each case:

    * the slope of log squared error of the teacher (least squares on cells, truncated) is -2r/(2r+d): CONSISTENT
      if its ``confidence`` interval contains it and is at most ``widest`` wide;
    * so is the student's, which interpolates all noisy labels on balls, with robust training error certified 0;
    * what memorizing adds to the squared error is at most the proved bound, on every draw;
    * the student's robust error is at least what the data force on every memorizer, on every draw: attacked
      through its own balls it returns the labels, so the gap does not close although the plain error does.

    Baselines are measured, not judged. Kernel methods need the extra ``sklearn`` and are asked up to
    n = ``kernel_limit``; without it they are left out with a note. The intervals are those of ordinary least squares
    over seeds x grid; the residuals are in the last table. Other arguments as in :func:`run_cells`.
    Raises ValueError for unknown models. Source: arXiv:2401.13624 for the rate; grid and constants are ours.

    >>> report = rates([rate_case(1, 1, cells=(2, 3), scale=4.0)], models=("teacher",), seeds=2)
    >>> [table.title for table in report.tables]
    ['Slopes', 'Squared errors, means over the draws', 'Constants', 'Residuals']
    """
    who = "rates"
    for model in models:
        if model not in MODELS:
            raise ValueError(f"{who}: models has {model!r}; known are {', '.join(MODELS)}")
    repeats = as_count(seeds, who, "seeds", at_least=2)
    limit = as_count(kernel_limit, who, "kernel_limit", at_least=0)
    level = as_number(confidence, who, "confidence", above=0.0, below=1.0)
    widest = as_number(widest, who, "widest", above=0.0)
    seed = seed_of(rng, who)
    chosen = [case if isinstance(case, RateCase) else rate_case(*case) for case in cases]
    if not chosen:
        raise ValueError(f"{who}: cases is empty; pass at least one (order, dimension)")
    asked, notes = _available(models)
    found = []
    for case in chosen:
        cells = [{"order": case.order, "dimension": case.dimension, "cells": k, "replicate": s}
                 for k in case.cells for s in range(repeats)]
        parameters = {"case": case.fingerprint, "models": list(asked), "kernel_limit": limit, **_kernel_version(asked)}
        results = run_cells(functools.partial(measure, case, asked, limit), cells, name=who, parameters=parameters,
                            seed=seed, n_jobs=n_jobs, store=store, progress=progress)
        found.append(Draws(case, tuple(cells), tuple(results)))
    checks = tuple(check for draws in found for check in rate_checks(draws, level, widest))
    return Report("Error against sample size", checks, rate_tables(found, asked, level), notes,
                  Source("2401.13624", "almost optimal rates of overfitted networks", "paper", "secondary"), seed)


def measure(case: RateCase, models: Sequence[str], kernel_limit: int, cell: Cell, rng: np.random.Generator) -> Result:
    """Return the squared errors of all models on one draw of the case, and what is claimed of the student."""
    pieces, d = cell["cells"], case.dimension
    n = case.count(pieces)
    X, y = case.draw(n, rng)
    nodes, weights = cell_nodes(pieces, d)
    points = nodes.reshape(-1, d)
    truth = case.target.values(points).reshape(nodes.shape[:2])

    def error(values: Array) -> float:
        return squared_error(values.reshape(truth.shape), truth, weights)

    teacher = fit_cells(X, y, order=case.fitted, cells=pieces, amplitude=case.amplitude)
    out: Result = {"n": n, "teacher": error(teacher(points))}
    if "student" in models:
        out |= _student_part(case, teacher, X, y, out["teacher"], rng)
    if "nearest neighbors" in models:
        out["nearest neighbors"] = error(nearest_neighbors(X, y, points))
    if n <= kernel_limit:
        if "kernel ridge" in models:
            out["kernel ridge"] = error(kernel_ridge(X, y, points, case.noise))
        if "Gaussian process" in models:
            out["Gaussian process"] = error(gaussian_process(X, y, points, case.noise))
    return out


def _student_part(case: RateCase, teacher: Teacher, X: Array, y: Array, taught: float,
                  rng: np.random.Generator) -> Result:
    """Return what memorizing does to one draw: error added, training error certified, robust gap."""
    n, d = X.shape
    student: Student = memorize(X, y, radius=separation(X).distance / 4, teacher=teacher, task="regression")
    added = harm(student, case.target, rng)
    proof = student.certify()
    delta = 0.5 * (4.0 / n) ** (1.0 / d)  # about four data within reach of a test point
    points, values = case.draw(256, rng)
    gap = robust_gap(lambda x: student(x)[:, 0], X, student.labels.scores, student.radius, points, values, delta)
    return {"student": taught + added.measured, "student, proved bound": taught + added.bound,
            "harm": added.measured, "harm deviation": added.deviation, "harm bound": added.bound,
            "volume": added.volume, "radius": student.radius, "training error": proof.robust_error.upper,
            "training error found": proof.robust_error.lower, "delta": delta, "attacked": gap.attacked,
            "forced": gap.forced, "plain": gap.plain, "escapes": gap.escapes, "reached": gap.reached}


def _available(models: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the models that can be run, teacher first, and a note about those that cannot."""
    asked = tuple(dict.fromkeys(("teacher", *models)))
    if has_sklearn() or not set(asked) & set(_KERNELS):
        return asked, ()
    left_out = ", ".join(model for model in asked if model in _KERNELS)
    return (tuple(model for model in asked if model not in _KERNELS),
            (f"left out: {left_out}; scikit-learn is not installed (the extra `sklearn`)",))


def _kernel_version(models: Sequence[str]) -> dict[str, Any]:
    """Return scikit-learn's version where its results are stored: they depend on it."""
    if not set(models) & set(_KERNELS):
        return {}
    from importlib.metadata import version
    return {"scikit-learn": version("scikit-learn")}
