"""The ledger: how many parameters a teacher and its student need, as the sample grows.

A teacher of order r with K ~ n^(1/(2r+d)) cells in each direction has a constant times K^d = n^(d/(2r+d)) nonzeros,
which is o(n); memorizing n data costs 6 d + 2 nonzeros for each of two classes' data and 6 d + 3 for each real
label. So the whole price of overfitting is a constant times n, and the constant is known.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from constructive._checks import as_count, as_number
from constructive.certificates.training import certify
from constructive.evidence import Bracket, Check, Evidence, Report, Source, Table, Verdict, exactly, judge
from constructive.experiments.cases import chebyshev_mean
from constructive.experiments.running import run_cells, seed_of
from constructive.experiments.storage import Cell, Result
from constructive.labels import power_of_two_above
from constructive.students import memorize, separation
from constructive.teachers.fitting import fit_cells

_NEAR = 1.1
"""How near the constant the student's nonzeros for each datum must be where the theorem says "near"."""


def cells_for(n: int, order: int, dimension: int) -> int:
    """Return the smallest K with ``K^(2 order + dimension) >= n``, by integers, so that no rounding moves it.

    >>> cells_for(10**6, 2, 2), cells_for(10**6 + 1, 2, 2)
    (10, 11)
    """
    power = 2 * order + dimension
    guess = max(1, math.floor(n ** (1.0 / power)) - 1)
    while guess**power < n:
        guess += 1
    return guess


def price_per_datum(dimension: int, task: str) -> int:
    """Return 6 d + 2 for two classes, 6 d + 3 for real labels: the nonzeros of one memorized datum.

    >>> price_per_datum(2, "classification")
    14
    """
    return 6 * dimension + (2 if task == "classification" else 3)


def near_from(order: int, dimension: int) -> float:
    """Return ``max((10 (5 + M))^((2r+d)/(2r)), 1000 M)``, M = C(d+r-1, d): where a teacher is small beside its sample.

    From the first on ``(5 + M) n^(d/(2r+d)) <= n / 10``, coefficients and their look-up; from the second on the M - 1
    product gates, 16 nonzeros for each of their levels, are no more than the sample either.

    >>> near_from(1, 2)
    3600.0
    """
    monomials = math.comb(dimension + order - 1, dimension)
    return float(max((10 * (5 + monomials)) ** ((2 * order + dimension) / (2 * order)), 1000 * monomials))


def ledger(ns: Sequence[int], orders: Sequence[int] = (1, 2, 3, 4), dims: Sequence[int] = (1, 2, 3), *,
           task: str = "classification", noise: float = 0.1, rng: np.random.Generator | int = 0,
           n_jobs: int | None = None, store: str | Path | None = None, progress: bool = False) -> Report:
    """Return a report whose table has a row for each (n, order, dimension): nonzeros of teacher and student.

    Each row draws n points uniform in the unit cube. ``task`` "classification": the sign of a smooth function, each
    flipped with probability ``noise``; "regression": its value plus uniform noise of standard deviation ``noise``.
    The teacher is the least squares fit on ``cells_for(n, order, d)`` cells in each direction, the student memorizes
    every label on balls of half the largest radius. Per row: nonzeros of both, counted in the weights; nonzeros
    (student) / n; the constant 6 d + 2 (6 d + 3 for real labels) and the ratio to it; the certified robust training
    error. Checks: that error is 0 at every n; counted = formula; nonzeros(student) - nonzeros(teacher) is at most
    constant * n + 16 + what deep teachers carry; and the ratio is at most 1.1 wherever order >= d / 2 and
    n >= ``near_from(order, d)``. False where the order is far below d / 2: there the teacher itself needs about as
    many parameters as the data.

    A million points in d = 2 take about half a minute. Other arguments as in :func:`run_cells`. Raises ValueError for
    empty or wrong lists. Source: arXiv:2401.13624 for linear over-parameterization; the constants are ours.

    >>> report = ledger([64], orders=[1], dims=[1])
    >>> report.verdict.value
    'confirmed'
    """
    who = "ledger"
    if task not in ("classification", "regression"):
        raise ValueError(f"{who}: task={task!r} must be 'classification' or 'regression'")
    spread = as_number(noise, who, "noise", at_least=0.0, below=1.0)
    seed = seed_of(rng, who)
    sizes = [as_count(n, who, "ns", at_least=1) for n in ns]
    degrees = [as_count(r, who, "orders", at_least=1) for r in orders]
    axes = [as_count(d, who, "dims", at_least=1) for d in dims]
    cells = [{"n": n, "order": r, "dimension": d} for d in axes for r in degrees for n in sizes]
    if not cells:
        raise ValueError(f"{who}: ns, orders and dims need at least one entry each, got {ns!r}, {orders!r}, {dims!r}")
    results = run_cells(functools.partial(_row, task, spread), cells, name=who,
                        parameters={"task": task, "noise": spread}, seed=seed, n_jobs=n_jobs, store=store,
                        progress=progress)
    return Report("Parameters of teacher and student", _checks(cells, results, task), (_table(cells, results, task),),
                  (f"{task}, noise {spread:g}, points uniform in the unit cube; radius half the largest admissible",),
                  Source("2401.13624", "linear over-parameterization", "sharper", "secondary"), seed)


def _row(task: str, noise: float, cell: Cell, rng: np.random.Generator) -> Result:
    """Return what one row of the ledger needs."""
    n, order, d = cell["n"], cell["order"], cell["dimension"]
    target = chebyshev_mean(2, d)
    X = rng.random((n, d))
    smooth = target.values(X)
    if task == "classification":
        y = np.where((smooth >= 0) == (rng.random(n) >= noise), 1.0, -1.0)
    else:
        y = smooth + math.sqrt(3.0) * noise * rng.uniform(-1, 1, n)
    pieces = cells_for(n, order, d)
    teacher = fit_cells(X, y, order=order, cells=pieces, amplitude=power_of_two_above(float(np.abs(y).max())))
    apart = separation(X).distance if n > 1 else 1.0
    student = memorize(X, y, radius=apart / 4, teacher=teacher, task=task)
    network = student.to_network()
    proof = certify(network, X, y, radius=student.radius, task=task, classes=student.classes)
    deep = teacher.to_network()
    return {"cells": pieces, "teacher": deep.size.nonzeros, "student": network.size.nonzeros,
            "formula": student.size.nonzeros, "depth": deep.depth, "radius": student.radius,
            "error_lower": proof.robust_error.lower, "error_upper": proof.robust_error.upper,
            "evidence": proof.robust_error.evidence.value, "verdict": proof.verdict.value}


def _table(cells: Sequence[Cell], results: Sequence[Result], task: str) -> Table:
    rows: list[tuple[object, ...]] = []
    for cell, found in zip(cells, results, strict=True):
        n, price = cell["n"], price_per_datum(cell["dimension"], task)
        per_datum = found["student"] / n
        rows.append((cell["dimension"], cell["order"], n, found["cells"], found["teacher"], found["student"],
                     per_datum, price, per_datum / price, _promised_from(cell), found["error_upper"]))
    return Table("Nonzeros as the sample grows",
                 ("d", "order", "n", "cells", "teacher", "student", "student / n", "constant", "ratio",
                  "promised from", "robust training error"), tuple(rows),
                 "nonzeros = nonzero weights + nonzero biases, counted; promised from: the n beyond which the ratio "
                 f"must be at most {_NEAR}, nothing where order < d/2; the error is certified, not sampled")


def _promised_from(cell: Cell) -> float | None:
    order, d = cell["order"], cell["dimension"]
    return near_from(order, d) if 2 * order >= d else None


def _carried(depth: int) -> int:
    """Return what is carried past a teacher of that many maps: one or two channels for each layer out of step."""
    hidden = depth - 1
    return max(2 - hidden, 0) + 2 * max(hidden - 2, 0)


def _checks(cells: Sequence[Cell], results: Sequence[Result], task: str) -> tuple[Check, ...]:
    both = list(zip(cells, results, strict=True))
    worst = Bracket(max(r["error_lower"] for r in results), max(r["error_upper"] for r in results),
                    Evidence.ENCLOSED if any(r["evidence"] != "exact" for r in results) else Evidence.EXACT)
    refused = [c for c, r in both if r["verdict"] != Verdict.CONFIRMED.value]
    zero = judge("largest robust training error", worst, "==", 0.0)
    if refused:
        zero = Check(zero.claim, zero.stated, worst, Verdict.UNDECIDED if worst.lower == 0.0 else Verdict.REFUTED,
                     note=f"not certified: {dict(refused[0])}")
    prices = [price_per_datum(c["dimension"], task) * c["n"] for c in cells]
    surplus = [Fraction(r["student"] - r["teacher"] - 16 - _carried(r["depth"]), price)
               for r, price in zip(results, prices, strict=True)]
    checks = [_counted(zero, len(results)), _counted(
        judge("counted nonzeros of the student minus its formula, largest",
              exactly(max(abs(r["student"] - r["formula"]) for r in results)), "==", 0.0), len(results)), _counted(
        judge("(student - teacher - gate) / (constant n), largest", exactly(max(surplus)), "<=", 1.0,
              "6 d + 2, or 6 d + 3 for real labels, for each datum"), len(results))]
    promised = [Fraction(r["student"], price) for (c, r), price in zip(both, prices, strict=True)
                if c["n"] >= (_promised_from(c) or math.inf)]
    if promised:
        checks.append(_counted(
            judge("student / (constant n), largest where order >= d/2 and n is beyond the threshold",
                  exactly(max(promised)), "<=", _NEAR, "linear over-parameterization"), len(promised)))
    return tuple(checks)


def _counted(check: Check, instances: int) -> Check:
    return replace(check, instances=instances)
