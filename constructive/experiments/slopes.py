"""The slope of a line through repeated measurements, with its t interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.evidence import Bracket, Check, Evidence, Verdict

Array = NDArray[np.float64]

REFUTING = 1.0 - 1e-6
"""Confidence at which a statistical claim is called refuted."""


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """An ordinary least squares line ``value * x + intercept`` with its residuals.

    ``deviation``: standard error of the slope; ``freedom``: degrees of freedom; ``residuals`` in the order of the
    data.
    """

    value: float
    intercept: float
    deviation: float
    freedom: int
    residuals: Array

    def interval(self, confidence: float) -> Bracket:
        """Return the two-sided t interval of the slope, SAMPLED at that confidence.

        It covers with that probability if the residuals are independent and normal with one variance.
        """
        from scipy.special import stdtrit

        level = as_number(confidence, "Slope", "confidence", above=0.0, below=1.0)
        half = float(stdtrit(self.freedom, 0.5 + level / 2)) * self.deviation
        return Bracket(self.value - half, self.value + half, Evidence.SAMPLED, level)


def fit_slope(x: ArrayLike, y: ArrayLike) -> Slope:
    """Return the least squares line through the points (x_i, y_i), repeated x welcome.

    Raises ValueError for fewer than three points, for one x only, or for values that are not finite.

    >>> fit_slope([0.0, 1.0, 2.0], [1.0, 3.0, 5.0]).value
    2.0
    """
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if across.ndim != 1 or across.shape != up.shape or across.size < 3:
        raise ValueError(f"fit_slope: x and y need one shape (n,), n >= 3, got {across.shape} and {up.shape}")
    if not (np.isfinite(across).all() and np.isfinite(up).all()):
        raise ValueError("fit_slope: x and y must be finite; an error that is exactly 0 has no logarithm")
    centered = across - across.mean()
    spread = float(centered @ centered)
    if spread == 0.0:
        raise ValueError(f"fit_slope: all x are {across[0]!r}; a slope needs at least two sizes")
    value = float(centered @ up) / spread
    residuals = (up - up.mean()) - value * centered
    freedom = int(across.size - 2)
    deviation = math.sqrt(float(residuals @ residuals) / freedom / spread)
    return Slope(value, float(up.mean() - value * across.mean()), deviation, freedom, residuals)


def judge_slope(claim: str, slope: Slope, stated: float, formula: str, *, confidence: float = 0.999,
                widest: float = math.inf) -> Check:
    """Return the check that a slope is the stated one.

    CONSISTENT if the interval at ``confidence`` contains it and is at most ``widest`` wide; REFUTED if even the
    interval at 1 - 1e-6 misses it; else UNDECIDED: more seeds will tell.
    """
    interval = slope.interval(confidence)
    if stated not in slope.interval(max(confidence, REFUTING)):
        verdict, note = Verdict.REFUTED, f"outside the interval at {max(confidence, REFUTING):.7g}"
    elif stated not in interval:
        verdict, note = Verdict.UNDECIDED, f"outside the interval at {confidence:g}, not at {REFUTING:.7g}: raise seeds"
    elif interval.width > widest:
        verdict, note = Verdict.UNDECIDED, f"the interval is {interval.width:.3g} wide, wanted {widest:g}: raise seeds"
    else:
        verdict, note = Verdict.CONSISTENT, ""
    return Check(claim, f"== {stated:.6g} ({formula})", interval, verdict, note=note)
