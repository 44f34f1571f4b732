"""Adversarially trained linear regression: golden values, exact recovery, closed forms, and random features."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from constructive.features import (
    Activation,
    adversarial_asymptotics,
    fit_adversarial,
    linear_asymptotics,
    linear_peak_law,
    linear_zero_radius,
    recovery_radius,
)

PROBLEM = st.tuples(st.floats(0.1, 10.0), st.floats(0.05, 3.0), st.floats(0.01, 1.2), st.sampled_from([0.0, 0.05, 1.0]))


def test_golden_values() -> None:
    few, many = linear_asymptotics(0.5, 0.5, 0.5), linear_asymptotics(2.0, 0.5, 0.5)
    assert (few.kappa, few.q, few.standard_risk, few.gradient_norm, few.adversarial_risk, few.fitted) == pytest.approx(
        (4.002805416, .4266700568, .9842218972, .8465813032, 1.833520987, .912340872), rel=1e-9)
    assert (many.kappa, many.q, many.standard_risk, many.gradient_norm, many.adversarial_risk,
            many.fitted) == pytest.approx(
        (.3202049304, .5873961625, .4529764865, .79067668, 1.033865791, .1491916638), rel=1e-9)
    assert linear_asymptotics(4.0, 0.5, 1.0).adversarial_risk == pytest.approx(1.309488136, rel=1e-9)


# sample_ratio, radius: risk and share fitted in three decimals, noise = 0.5
TABLE = {(.5, .1): 1.146, (.5, .5): 1.834, (.5, 1.0): 2.271, (.8, .1): 1.723, (.8, .5): 1.675, (.8, 1.0): 1.860,
         (1.2, .1): 1.161, (1.2, .5): 1.285, (1.2, 1.0): 1.602, (2.0, .1): .586, (2.0, .5): 1.034, (2.0, 1.0): 1.422,
         (4.0, .1): .427, (4.0, .5): .895, (4.0, 1.0): 1.309}


def test_the_published_table_is_reproduced() -> None:
    found = {key: linear_asymptotics(key[0], 0.5, key[1]).adversarial_risk for key in TABLE}
    assert found == pytest.approx(TABLE, abs=6e-4)


@given(PROBLEM)
def test_the_printed_equations_hold(arguments: tuple[float, float, float, float]) -> None:
    samples, noise, radius, ridge = arguments
    found = linear_asymptotics(*arguments)
    if found.zero:
        assert radius >= linear_zero_radius(samples, noise) * (1.0 - 1e-12)
        return
    kappa, q, k = found.kappa, found.q, found.kappa / (1.0 + found.kappa)
    inside, outside = math.erf(found.nu / math.sqrt(2.0)), math.erfc(found.nu / math.sqrt(2.0))
    density = math.exp(-0.5 * found.nu**2) / math.sqrt(2.0 * math.pi)
    a = inside + k * outside
    b = radius**2 * (kappa * inside + k * outside + 2.0 * k * density / q)

    def squared_step(g: float) -> float:
        return 2.0 * min(g, k * (g + q)) ** 2 * math.exp(-0.5 * g * g) / math.sqrt(2.0 * math.pi)

    second = sum(quad(squared_step, *ends)[0] for ends in ((0.0, min(found.nu, 40.0)), (min(found.nu, 40.0), 45.0)))
    d = a + b + kappa * ridge
    assert d == pytest.approx(1.0 / samples, rel=1e-10)
    s2 = (noise**2 + (1.0 - a / d) ** 2) / (1.0 - second / (samples * d * d))
    assert found.standard_risk == pytest.approx(s2, rel=1e-7)
    m2 = (a / d) ** 2 + s2 * second / (samples * d * d)
    assert found.gradient_norm**2 == pytest.approx(m2, rel=1e-7)
    assert found.weight_energy == pytest.approx(found.gradient_norm**2, rel=1e-12)
    assert q == pytest.approx(radius * math.sqrt(m2 / s2), rel=1e-7)


@pytest.mark.parametrize("arguments", [(s, r) for s in (.5, .8, 1.2, 2.0, 4.0) for r in (.1, .5, 1.0)])
def test_random_features_without_nonlinear_part_are_linear_regression(arguments: tuple[float, float]) -> None:
    # Twice as many features as inputs; the vanishing slope excess only picks the shortest of equal solutions.
    nearly = Activation("nearly linear", np.tanh, np.cos, 0.0, 0.5, 0.0, 1e-12)
    samples, radius = arguments
    features = adversarial_asymptotics(2.0, samples, 0.5, radius, activation=nearly)
    linear = linear_asymptotics(samples, 0.5, radius)
    for name in ("standard_risk", "adversarial_risk", "gradient_norm", "fitted", "objective", "training_error"):
        assert getattr(features, name) == pytest.approx(getattr(linear, name), rel=1e-5)


@given(st.floats(0.05, 20.0), st.floats(0.0, 3.0))
def test_the_threshold_in_closed_form(samples: float, noise: float) -> None:
    expected = math.sqrt(0.5 * math.pi * (1.0 / (1.0 + noise**2) + 1.0 / samples))
    critical = linear_zero_radius(samples, noise)
    assert critical == pytest.approx(expected, rel=1e-14)
    assert linear_asymptotics(samples, noise, critical * 1.001).zero
    assert not linear_asymptotics(samples, noise, critical * 0.999).zero


@given(st.floats(0.1, 10.0).filter(lambda s: abs(s - 1.0) > 0.05), st.floats(0.05, 2.0))
def test_least_squares_in_closed_form(samples: float, noise: float) -> None:
    found = linear_asymptotics(samples, noise, 0.0)
    if samples > 1.0:
        expected = noise**2 * samples / (samples - 1.0)
    else:
        expected = noise**2 + 1.0 - samples + noise**2 * samples / (1.0 - samples)
    assert found.standard_risk == pytest.approx(expected, rel=1e-12)
    assert found.fitted == float(samples < 1.0)
    small = linear_asymptotics(samples, noise, 1e-7)  # no jump at radius 0: slopes and weights are the same here
    assert small.standard_risk == pytest.approx(expected, rel=1e-4)


@given(st.floats(0.1, 10.0), st.floats(0.05, 2.0), st.floats(0.01, 5.0))
def test_ridge_regression_in_closed_form(samples: float, noise: float, ridge: float) -> None:
    # b = (X^T X / n + ridge)^-1 X^T y / n, by the law of X^T X / n with aspect 1 / samples
    c = 1.0 / samples
    a = 1.0 - c + ridge
    mean = (-a + math.sqrt(a * a + 4.0 * c * ridge)) / (2.0 * c * ridge)  # E 1 / (l + ridge)
    slope = (mean * (1.0 + c * mean)) / math.sqrt(a * a + 4.0 * c * ridge)  # E 1 / (l + ridge)^2
    expected = noise**2 + ridge**2 * slope + noise**2 * c * (mean - ridge * slope)
    assert linear_asymptotics(samples, noise, 0.0, ridge).standard_risk == pytest.approx(expected, rel=1e-9)


# -- exact recovery --------------------------------------------------------------------------------------------------

def test_golden_recovery_radii() -> None:
    found = [recovery_radius(samples) for samples in (1.2, 2.0, 4.0)]
    assert found == pytest.approx([.2141743430, .4702512644, .6383749641], rel=1e-9)
    assert recovery_radius(1.0) == recovery_radius(0.3) == 0.0


@given(st.floats(1.05, 20.0), st.one_of(st.just(0.0), st.floats(1e-3, 1.0)), st.floats(0.1, 4.0))
def test_without_noise_small_radii_recover_the_coefficients(samples: float, share: float, signal: float) -> None:
    radius = share * recovery_radius(samples)
    found = linear_asymptotics(samples, 0.0, radius, signal=signal, test_radius=0.5)
    assert (found.standard_risk, found.training_error, found.fitted) == (0.0, 0.0, 1.0)
    assert found.gradient_norm == pytest.approx(signal, rel=1e-15)
    assert found.alignment == found.weight_energy == pytest.approx(signal**2, rel=1e-15)
    assert found.adversarial_risk == pytest.approx(0.25 * signal**2, rel=1e-15)
    assert found.objective == pytest.approx(0.5 * (radius * signal) ** 2, rel=1e-15)


@given(st.floats(1.2, 10.0), st.floats(0.1, 0.9))
def test_without_noise_small_ridges_are_overcome_and_larger_ones_are_not(samples: float, share: float) -> None:
    radius = share * recovery_radius(samples)
    most = radius * (recovery_radius(samples) - radius)
    found = linear_asymptotics(samples, 0.0, radius, 0.99 * most)
    assert (found.standard_risk, found.fitted) == (0.0, 1.0)
    assert found.objective == pytest.approx(0.5 * (radius**2 + 0.99 * most), rel=1e-15)
    assert linear_asymptotics(samples, 1e-6, radius, 0.99 * most).standard_risk < 1e-8  # as the noise vanishes
    assert linear_asymptotics(samples, 1e-6, radius, 1.05 * most).standard_risk > 1e-7
    assert linear_asymptotics(samples, 0.0, radius, 1.05 * most).standard_risk > 1e-7
    assert linear_asymptotics(samples, 0.0, radius, 1.05 * most).gradient_norm < 1.0


def test_data_without_noise_are_recovered_with_and_without_a_ridge() -> None:
    rng = np.random.default_rng(0)
    X, beta = rng.normal(size=(200, 100)), rng.normal(size=100)
    beta /= np.linalg.norm(beta)
    known = recovery_radius(2.0)
    for share in (0.4, 0.7):
        most = share * (1.0 - share) * known**2
        for factor, recovered in ((0.0, True), (0.7, True), (1.3, False)):
            fit = fit_adversarial(X, X @ beta, np.eye(100), radius=share * known, ridge=factor * most)
            missed = float(np.linalg.norm(fit.theta - beta))
            assert missed < 1e-6 if recovered else missed > 1e-3


@given(st.floats(1.05, 20.0))
def test_without_noise_larger_radii_do_not_recover_them(samples: float) -> None:
    beyond = linear_asymptotics(samples, 0.0, 1.05 * recovery_radius(samples))
    assert beyond.standard_risk > 0.0
    assert beyond.gradient_norm < 1.0
    just = linear_asymptotics(samples, 0.0, (1.0 + 1e-5) * recovery_radius(samples))
    assert just.standard_risk < beyond.standard_risk
    assert just.gradient_norm == pytest.approx(1.0, abs=1e-3)


@given(st.floats(1.1, 10.0))
@settings(max_examples=25)
def test_with_little_noise_the_share_fitted_is_that_of_the_inputs(samples: float) -> None:
    radius = 0.5 * recovery_radius(samples)
    coarse, fine = linear_asymptotics(samples, 1e-3, radius), linear_asymptotics(samples, 1e-5, radius)
    # the distance is of the order of the noise
    assert abs(fine.fitted - 1.0 / samples) <= 0.02 * abs(coarse.fitted - 1.0 / samples) + 1e-12
    assert fine.standard_risk == pytest.approx(1e-4 * coarse.standard_risk, rel=0.1)  # s^2 = O(noise^2)


def test_few_samples_without_noise_recover_nothing() -> None:
    assert linear_asymptotics(0.5, 0.0, 0.1).standard_risk > 0.4
    assert linear_asymptotics(0.5, 0.0, 0.0).standard_risk == pytest.approx(0.5, rel=1e-12)


def test_the_peak_is_infinite_with_noise_and_neither_radius_nor_ridge() -> None:
    assert linear_asymptotics(1.0, 0.5, 0.0).standard_risk == math.inf
    assert linear_asymptotics(1.0, 0.0, 0.0).standard_risk == 0.0


def test_adversarial_training_tames_the_peak() -> None:
    law = linear_peak_law(0.5)
    assert law.scaled_risk == pytest.approx(.1338315401, rel=1e-9)
    errors = [linear_asymptotics(1.0, 0.5, r).standard_risk * r / law.scaled_risk - 1.0 for r in (1e-3, 1e-4, 1e-5)]
    assert all(0.0 < later < 0.11 * earlier for earlier, later in zip(errors, errors[1:], strict=False))


@given(PROBLEM)
def test_scaling_the_labels_scales_the_risk(arguments: tuple[float, float, float, float]) -> None:
    samples, noise, radius, ridge = arguments
    unit, scaled = linear_asymptotics(*arguments), linear_asymptotics(samples, 2.0 * noise, radius, ridge, signal=2.0)
    assert scaled.adversarial_risk == pytest.approx(4.0 * unit.adversarial_risk, rel=1e-9)
    assert scaled.alignment == pytest.approx(4.0 * unit.alignment, rel=1e-9)
    assert scaled.fitted == pytest.approx(unit.fitted, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: linear_asymptotics(0.0, 0.5, 0.1), "linear_asymptotics: sample_ratio"),
    (lambda: linear_asymptotics(1.0, -0.5, 0.1), "linear_asymptotics: noise"),
    (lambda: linear_asymptotics(1.0, 0.5, -0.1), "linear_asymptotics: radius"),
    (lambda: linear_asymptotics(1.0, 0.5, 0.1, -1.0), "linear_asymptotics: ridge"),
    (lambda: recovery_radius(-1.0), "recovery_radius: sample_ratio")])
def test_values_out_of_range_are_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
