"""From the draws of a rate experiment to its tables and checks; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Check, Evidence, Table, exactly, judge
from constructive.experiments.cases import RateCase
from constructive.experiments.errors import projection_error
from constructive.experiments.slopes import Slope, fit_slope, judge_slope
from constructive.experiments.storage import Cell, Result

Array = NDArray[np.float64]

_JUDGED = ("teacher", "student", "student, proved bound")


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """One case with its cells and what was measured on each, in one order."""

    case: RateCase
    cells: tuple[Cell, ...]
    results: tuple[Result, ...]

    def column(self, name: str) -> tuple[list[int], Array]:
        """Return the draws (their numbers) on which something was measured, and the values."""
        rows = [k for k, result in enumerate(self.results) if name in result]
        return rows, np.array([self.results[k][name] for k in rows], dtype=np.float64)

    def mean(self, name: str, pieces: int) -> float | None:
        """Return the mean over the draws with that many cells, None where nothing was measured."""
        values = [r[name] for c, r in zip(self.cells, self.results, strict=True) if c["cells"] == pieces and name in r]
        return float(np.mean(values)) if values else None

    def slope(self, name: str) -> Slope | None:
        """Return the line of log squared error against log n, None where fewer than two sizes were measured."""
        rows, values = self.column(name)
        sizes = np.array([self.results[k]["n"] for k in rows], dtype=np.float64)
        if len(rows) < 3 or np.unique(sizes).size < 2:
            return None
        return fit_slope(np.log(sizes), np.log(values))


def rate_checks(draws: Draws, confidence: float, widest: float) -> list[Check]:
    """Return the checks of one case; those of the student only where one was made."""
    case = draws.case
    where = f"(r={case.order}, d={case.dimension})"
    checks = []
    for name in ("teacher", "student"):
        slope = draws.slope(name)
        if slope is not None:
            checks.append(judge_slope(f"slope of the {name}'s squared error {where}", slope, case.exponent,
                                      "-2r/(2r+d)", confidence=confidence, widest=widest))
    rows, errors = draws.column("training error")
    if not rows:
        return checks
    zero = judge(f"robust training error of the student, largest {where}",
                 Bracket(float(draws.column("training error found")[1].max()), float(errors.max())), "==", 0.0)
    ratios = draws.column("harm")[1] / draws.column("harm bound")[1]
    forced = draws.column("attacked")[1] - draws.column("forced")[1]
    return [*checks, _counted(zero, len(rows)),
            _counted(judge(f"squared error added by memorizing / its proved bound {where}",
                           Bracket(float(ratios.min()), float(ratios.max()), Evidence.SAMPLED), "<=", 1.0,
                           "p_max V sum (|y_i - h(x_i)| + Lambda (r + w))^2"), len(rows)),
            _counted(judge(f"test points where an attack stays below what the data force {where}",
                           exactly(int(draws.column("escapes")[1].sum())), "==", 0.0), len(rows)),
            _counted(judge(f"robust error found minus the forced one, smallest draw {where}",
                           Bracket(float(forced.min()), float(forced.max()), Evidence.SAMPLED), ">=", 0.0), len(rows))]


def _counted(check: Check, instances: int) -> Check:
    return replace(check, instances=instances)


def rate_tables(found: Sequence[Draws], models: Sequence[str], confidence: float) -> tuple[Table, ...]:
    """Return the tables: slopes, errors, (robust gap), constants, residuals."""
    shown: list[str] = []
    for model in models:
        shown += [model, "student, proved bound"] if model == "student" else [model]
    tables = [_slopes(found, shown, confidence), _errors(found, shown)]
    if "student" in models:
        tables.append(_gaps(found))
    return (*tables, _constants(found), _residuals(found, shown))


def _slopes(found: Sequence[Draws], models: Sequence[str], confidence: float) -> Table:
    rows: list[tuple[object, ...]] = []
    for draws in found:
        case = draws.case
        for model in models:
            slope = draws.slope(model)
            stated = case.exponent if model in _JUDGED else None
            sizes = len({draws.results[k]["n"] for k in draws.column(model)[0]})
            ends: tuple[object, ...] = (None, None, None, None)
            if slope is not None:
                interval = slope.interval(confidence)
                ends = (slope.value, interval.lower, interval.upper, interval.width)
            rows.append((case.order, case.dimension, model, stated, *ends, sizes))
    return Table("Slopes", ("order", "d", "model", "stated", "slope", "lower", "upper", "width", "sizes"), tuple(rows),
                 f"of log squared L2 error against log n, ordinary least squares over seeds x grid, t interval at "
                 f"{confidence:g}; sizes: different n measured")


def _errors(found: Sequence[Draws], models: Sequence[str]) -> Table:
    rows: list[tuple[object, ...]] = []
    for draws in found:
        case = draws.case
        for k in case.cells:
            n = case.count(k)
            bias = projection_error(case.target.values, case.fitted, k, case.dimension)
            variance = case.noise**2 * case.coefficients * k**case.dimension / n
            rows.append((case.order, case.dimension, k, n, bias, variance,
                         *[draws.mean(model, k) for model in models]))
    return Table("Squared errors, means over the draws",
                 ("order", "d", "cells", "n", "bias", "variance", *models), tuple(rows),
                 "bias: exact, by quadrature; variance: sigma^2 p K^d / n; the teacher's error is near their sum")


def _gaps(found: Sequence[Draws]) -> Table:
    rows: list[tuple[object, ...]] = []
    for draws in found:
        for k in draws.case.cells:
            shown = [draws.mean(name, k) for name in ("radius", "volume", "harm", "harm bound", "delta", "reached",
                                                     "plain", "forced", "attacked")]
            rows.append((draws.case.order, draws.case.dimension, draws.case.count(k), *shown))
    return Table("What memorizing costs, means over the draws",
                 ("order", "d", "n", "radius", "P(supports) <=", "error added", "added <=", "delta", "data in reach",
                  "plain risk", "forced robust risk", "attacked robust risk"), tuple(rows),
                 "risks are mean squared errors against fresh noisy labels; the forced one holds for every network "
                 "that memorizes the data on these balls")


def _constants(found: Sequence[Draws]) -> Table:
    rows = tuple((d.case.order, d.case.dimension, d.case.target.name, d.case.scale, d.case.noise, d.case.bias,
                  d.case.share, d.case.amplitude, d.case.fitted) for d in found)
    return Table("Constants", ("order", "d", "target", "c", "noise", "bias coefficient", "variance share", "amplitude",
                               "fitted order"), rows,
                 "n_K = ceil(c K^(2r+d)); squared error = (bias coefficient + noise^2 p / c) K^(-2r)")


def _residuals(found: Sequence[Draws], models: Sequence[str]) -> Table:
    rows: list[tuple[object, ...]] = []
    for draws in found:
        for model in models:
            slope = draws.slope(model)
            if slope is None:
                continue
            for k, residual in zip(draws.column(model)[0], slope.residuals.tolist(), strict=True):
                cell = draws.cells[k]
                rows.append((draws.case.order, draws.case.dimension, model, cell["cells"], cell["replicate"], residual))
    return Table("Residuals", ("order", "d", "model", "cells", "replicate", "residual"), tuple(rows),
                 "of the log squared error from its line")
