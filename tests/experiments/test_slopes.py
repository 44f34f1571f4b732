"""Lines, their intervals, and what is judged from them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from constructive.evidence import clopper_pearson
from constructive.experiments.slopes import fit_slope, judge_slope


def exact_slope(x: np.ndarray, y: np.ndarray) -> Fraction:
    """The textbook formula in rational arithmetic."""
    a, b = [Fraction(v) for v in x.tolist()], [Fraction(v) for v in y.tolist()]
    n, mean_a, mean_b = len(a), sum(a) / len(a), sum(b) / len(b)
    assert n > 2
    return (sum((u - mean_a) * (v - mean_b) for u, v in zip(a, b, strict=True))
            / sum((u - mean_a) ** 2 for u in a))


def test_the_slope_is_that_of_the_normal_equations() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = np.repeat(rng.uniform(0, 9, 5), 4), rng.normal(size=20)
        truth = exact_slope(x, y)
        # each of the 20 products, sums and the two means rounds a few times
        size = Fraction(float(np.abs(y).max() * np.abs(x - x.mean()).sum() / ((x - x.mean()) ** 2).sum()))
        assert abs(Fraction(fit_slope(x, y).value) - truth) <= 64 * Fraction(2) ** -52 * size * 20


def test_the_interval_is_the_t_interval() -> None:
    rng = np.random.default_rng(1)
    x, y = np.repeat(np.arange(5.0), 10), rng.normal(size=50)
    slope, other = fit_slope(x, y), stats.linregress(x, y)
    half = stats.t.ppf(0.9995, 48) * other.stderr
    interval = slope.interval(0.999)
    assert (interval.lower, interval.upper) == pytest.approx((other.slope - half, other.slope + half), rel=1e-10)


def test_the_residuals_are_orthogonal_to_the_line_and_one_for_each_point() -> None:
    rng = np.random.default_rng(2)
    x, y = np.repeat(np.arange(5.0), 3), rng.normal(size=15)
    rest = fit_slope(x, y).residuals
    assert rest.shape == (15,)
    assert abs(rest.sum()) < 15 * 8 * 2.0**-52
    assert abs(rest @ x) < 15 * 8 * 4 * 2.0**-52 * 4


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    x = np.repeat(np.arange(5.0), 4)
    missed = sum(0.5 not in fit_slope(x, 0.5 * x + rng.normal(size=20)).interval(0.9) for _ in range(2000))
    assert 0.1 in clopper_pearson(missed, 2000, 1 - 1e-6)


X = np.repeat(np.arange(5.0), 10)
NOISE = 0.01 * np.random.default_rng(4).normal(size=50)


def test_a_slope_that_fits_is_consistent() -> None:
    check = judge_slope("slope", fit_slope(X, -0.75 * X + NOISE), -0.75, "formula", widest=0.15)
    assert check.verdict.value == "consistent"
    assert check.observed.confidence == 0.999


def test_a_slope_that_is_far_off_is_refuted() -> None:
    assert judge_slope("slope", fit_slope(X, -0.75 * X + NOISE), -0.8, "formula").verdict.value == "refuted"


def test_an_interval_that_is_too_wide_decides_nothing() -> None:
    check = judge_slope("slope", fit_slope(X, -0.75 * X + 40 * NOISE), -0.75, "formula", widest=0.15)
    assert check.verdict.value == "undecided"
    assert "wide" in check.note


def test_between_the_two_levels_the_verdict_is_open() -> None:
    slope = fit_slope(X, NOISE)
    inner, outer = slope.interval(0.999), slope.interval(1 - 1e-6)
    check = judge_slope("slope", slope, (inner.upper + outer.upper) / 2, "formula")
    assert check.verdict.value == "undecided"
    assert "raise seeds" in check.note


@pytest.mark.parametrize(("x", "y", "word"), [
    ([0.0, 1.0], [0.0, 1.0], "n >= 3"), ([1.0, 1.0, 1.0], [0.0, 1.0, 2.0], "two sizes"),
    ([0.0, 1.0, 2.0], [0.0, -np.inf, 1.0], "finite"), ([0.0, 1.0, 2.0], [0.0, 1.0], "one shape")])
def test_data_without_a_slope_are_refused(x: list, y: list, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        fit_slope(x, y)
