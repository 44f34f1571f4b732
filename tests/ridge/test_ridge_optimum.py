"""The best linear predictor under attack: golden values, direct minimization, thresholds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from constructive.ridge.optimum import robust_optimum
from constructive.ridge.risk import adversarial_risk
from constructive.ridge.spectra import Spectrum, isotropic, spiked

VALUES, THETA = np.array([2.0, 1.0, 0.5, 0.1]), np.array([1.0, -0.5, 0.3, 0.7])
FOUR = Spectrum.of(VALUES, THETA)


@pytest.mark.parametrize(("radius", "penalty", "risk"), [(1.0, .42481540732, 1.4926044950),
                                                         (1.5, 6.5955252606, 2.2862055879)])
def test_golden_values(radius: float, penalty: float, risk: float) -> None:
    best = robust_optimum(FOUR, radius)
    assert best.thresholds == pytest.approx((.44702450296, 1.6930550028), rel=1e-10)
    assert best.penalty == pytest.approx(penalty, rel=1e-9)
    assert best.adversarial == pytest.approx(risk, rel=1e-10)
    assert best.truth == pytest.approx(1.83 * radius**2)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = int(rng.integers(2, 7))
    return 10.0 ** rng.uniform(-2.0, 1.0, p), rng.normal(size=p)


def attacked(t: np.ndarray, values: np.ndarray, theta: np.ndarray, radius: float) -> float:
    return float(adversarial_risk((values * (t - theta) ** 2).sum(), (t**2).sum(), radius))


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.floats(0.0, 3.0))
def test_no_direct_minimization_finds_less(seed: int, radius: float) -> None:
    values, theta = drawn(seed)
    best = robust_optimum(Spectrum.of(values, theta), radius)
    rng = np.random.default_rng(seed)
    starts = [theta, values / (values + 0.1) * theta, 0.1 * rng.normal(size=theta.size)]
    least = min(minimize(attacked, start, (values, theta, radius), method="BFGS").fun for start in starts)
    assert best.adversarial <= least * (1.0 + 1e-12)
    assert best.adversarial <= min(best.truth, float((values * theta**2).sum())) * (1.0 + 1e-12)


@given(st.integers(0, 10**6), st.floats(0.01, 0.99))
def test_it_is_stationary_between_the_thresholds(seed: int, place: float) -> None:
    values, theta = drawn(seed)
    low, high = robust_optimum(Spectrum.of(values, theta), 0.0).thresholds
    radius = low + place * (high - low)
    best = robust_optimum(Spectrum.of(values, theta), radius)
    root, c = math.sqrt(best.risk / best.energy), math.sqrt(2.0 / math.pi)
    stated = (radius**2 + radius * c * root) / (1.0 + radius * c / root)
    assert best.penalty == pytest.approx(stated, rel=1e-9)
    assert best.adversarial < min(best.truth, float((values * theta**2).sum()))


def test_the_truth_is_best_below_the_first_threshold_and_zero_above_the_second() -> None:
    low, high = robust_optimum(FOUR, 0.0).thresholds
    assert robust_optimum(FOUR, low).penalty == 0.0
    assert robust_optimum(FOUR, 1.001 * low).penalty > 0.0
    assert robust_optimum(FOUR, 0.999 * high).penalty < math.inf
    assert robust_optimum(FOUR, high).penalty == math.inf
    assert robust_optimum(FOUR, high).adversarial == pytest.approx(float((VALUES * THETA**2).sum()), rel=1e-15)


def test_one_direction_goes_from_the_truth_to_zero() -> None:
    best = robust_optimum(isotropic(1), 0.0)
    c = math.sqrt(2.0 / math.pi)
    assert best.thresholds == pytest.approx((c, 1.0 / c), rel=1e-15)
    t = np.linspace(0.0, 1.0, 10_001)
    assert robust_optimum(isotropic(1), 1.0).adversarial == pytest.approx(
        float(adversarial_risk((1.0 - t) ** 2, t**2, 1.0).min()), abs=1e-7)


def test_billions_of_directions_without_signal_change_nothing() -> None:
    assert robust_optimum(spiked(5, 1.0, 10**10, 20.0), 0.9).adversarial == pytest.approx(
        robust_optimum(isotropic(5), 0.9).adversarial, rel=1e-14)


def test_what_no_prediction_depends_on_is_left_out_of_the_best_but_not_of_the_truth() -> None:
    best = robust_optimum(Spectrum.of([1.0, 0.0], [1.0, 2.0]), 0.1)
    assert best.penalty == 0.0
    assert best.adversarial == pytest.approx(0.01)
    assert best.truth == pytest.approx(0.05)


def test_no_signal_is_refused() -> None:
    with pytest.raises(ValueError, match="no signal"):
        robust_optimum(isotropic(3, signal=0.0), 1.0)
