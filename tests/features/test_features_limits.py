"""Limits of the prediction: interpolators, the population, kernels, wide models, and the peak."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles_features import spectrum
from scipy.optimize import brentq, minimize

from constructive.features import (
    activation,
    adversarial_asymptotics,
    approximation_floor,
    harmful_width,
    kernel_limit,
    linear_zero_radius,
    peak_law,
    population_limit,
    relu,
    ridgeless_limit,
    wide_expansion,
    zero_radius,
)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(math.log(low), math.log(high)).map(math.exp)


RADIUS = st.one_of(st.just(0.0), between(1e-3, 1.0))


# -- interpolators ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("width", "gradient", "weights"), [
    (4.0, .9531220401, .9085245872), (8.0, .8384203554, .5896580555), (16.0, .9374980891, .4985533321)])
def test_golden_risks_of_the_two_interpolators(width: float, gradient: float, weights: float) -> None:
    assert ridgeless_limit(width, 2.0, 0.5, "gradient").standard_risk == pytest.approx(gradient, abs=1.1e-10)
    assert ridgeless_limit(width, 2.0, 0.5, "weights").standard_risk == pytest.approx(weights, abs=1.1e-10)


@given(between(1.5, 30.0), between(0.2, 10.0), st.floats(0.0, 2.0))
def test_small_radii_reach_the_interpolator_of_least_gradient(excess: float, samples: float, noise: float) -> None:
    width, radius = excess * samples, 1e-3
    limit = ridgeless_limit(width, samples, noise, "gradient", test_radius=radius)
    found = adversarial_asymptotics(width, samples, noise, radius)
    assert found.standard_risk == pytest.approx(limit.standard_risk, rel=1e-11)
    assert found.adversarial_risk == pytest.approx(limit.adversarial_risk, rel=1e-11)
    assert found.weight_energy == pytest.approx(limit.weight_energy, rel=1e-11)
    assert found.fitted == 1.0
    # P = radius^2 m^2 / 2 when all points are fitted
    assert found.objective == pytest.approx(0.5 * (radius * limit.gradient_norm) ** 2, rel=1e-11)


def test_the_share_not_fitted_is_exponentially_small_in_the_radius() -> None:
    # 1 - fitted = erfc(kappa q / sqrt 2) with kappa = k / radius^2 and q = radius m / s
    limit = ridgeless_limit(4.0, 2.0, 0.5, "gradient")
    shares = [1.0 - adversarial_asymptotics(4.0, 2.0, 0.5, radius).fitted for radius in (0.2, 0.1)]
    found = adversarial_asymptotics(4.0, 2.0, 0.5, 1e-3)
    penalty = found.kappa * 1e-6
    rate = penalty * limit.gradient_norm / math.sqrt(2.0 * limit.standard_risk)
    assert shares[0] == pytest.approx(math.erfc(rate / 0.2), rel=0.5)
    assert shares[1] == pytest.approx(math.erfc(rate / 0.1), rel=0.02)


@given(between(1.1, 30.0), between(0.2, 10.0), st.floats(0.0, 2.0))
def test_each_interpolator_is_least_in_its_own_norm(excess: float, samples: float, noise: float) -> None:
    flat = ridgeless_limit(excess * samples, samples, noise, "gradient")
    light = ridgeless_limit(excess * samples, samples, noise, "weights")
    assert flat.gradient_norm < light.gradient_norm
    assert light.weight_energy < flat.weight_energy


@given(between(1.05, 30.0), between(0.2, 10.0), st.floats(0.0, 2.0))
def test_a_vanishing_ridge_reaches_the_interpolator_of_least_weights(excess: float, samples: float,
                                                                    noise: float) -> None:
    limit = ridgeless_limit(excess * samples, samples, noise, "weights", test_radius=0.3)
    found = adversarial_asymptotics(excess * samples, samples, noise, 0.0, 1e-11, test_radius=0.3)
    assert found.adversarial_risk == pytest.approx(limit.adversarial_risk, rel=1e-7)
    bare = adversarial_asymptotics(excess * samples, samples, noise, 0.0, test_radius=0.3)
    assert bare.adversarial_risk == limit.adversarial_risk


@given(between(0.05, 0.95), between(0.2, 10.0), st.floats(0.0, 2.0))
def test_narrow_models_have_one_limit_only(share: float, samples: float, noise: float) -> None:
    flat = ridgeless_limit(share * samples, samples, noise, "gradient")
    light = ridgeless_limit(share * samples, samples, noise, "weights")
    assert flat.standard_risk == light.standard_risk
    found = adversarial_asymptotics(share * samples, samples, noise, 1e-8)
    assert found.standard_risk == pytest.approx(light.standard_risk, rel=1e-5)
    assert found.training_error == pytest.approx(light.training_error, rel=1e-5)


def test_an_unknown_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="least='l2' must be 'weights' or 'gradient'"):
        ridgeless_limit(4.0, 2.0, 0.5, "l2")  # type: ignore[arg-type]


# -- the population --------------------------------------------------------------------------------------------------

def test_the_golden_population_minimum() -> None:
    best = population_limit(2.0, 0.5, 0.3)
    assert best.adversarial_risk == pytest.approx(.8438471130, abs=6e-11)
    assert adversarial_asymptotics(2.0, 1e9, 0.5, 0.3).adversarial_risk == pytest.approx(.8438471139, abs=6e-11)
    assert best.adversarial_risk == 2.0 * best.objective


@given(between(0.05, 50.0), st.floats(0.0, 2.0), st.floats(0.01, 1.5), st.sampled_from([0.0, 0.2]))
def test_many_samples_reach_the_population_minimum(width: float, noise: float, radius: float, ridge: float) -> None:
    best = population_limit(width, noise, radius, ridge)
    near, far = (adversarial_asymptotics(width, samples, noise, radius, ridge) for samples in (1e9, 1e10))
    for name in ("standard_risk", "gradient_norm", "objective", "weight_energy", "alignment", "q", "mean_residual"):
        goal = getattr(best, name)
        first, second = abs(getattr(near, name) - goal), abs(getattr(far, name) - goal)
        assert first <= 1e-4 * (1.0 + goal)
        assert second <= 0.11 * first + 1e-9 * (1.0 + goal)  # the distance falls as 1 / sample_ratio


@pytest.mark.parametrize(("width", "radius"), [(2.0, 0.3), (0.4, 0.1), (20.0, 0.8)])
def test_the_population_minimum_is_found_by_direct_search(width: float, radius: float) -> None:
    nodes, weights = spectrum(width, 4000)
    kind = relu()

    def risk(x: np.ndarray) -> float:
        shape = 1.0 / (1.0 + math.exp(-x[0]))
        weight = np.exp(x[1]) / (shape * (0.25 * nodes + kind.nonlinear) + (1.0 - shape) * (0.25 * nodes + 0.25))
        # theta = weight(W W^T) W beta / 2
        linear = 1.0 - 2.0 * width * weights @ (0.25 * nodes * weight) + width * weights @ (
            0.0625 * nodes**2 * weight**2)
        energy = width * weights @ (0.25 * nodes * weight**2)
        m2 = width * weights @ (0.0625 * nodes**2 * weight**2) + 0.25 * energy
        s2 = 0.25 + linear + kind.nonlinear * energy
        return float(s2 + 2.0 * math.sqrt(2.0 / math.pi) * radius * math.sqrt(s2 * m2) + radius**2 * m2)

    direct = minimize(risk, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-13})
    assert population_limit(width, 0.5, radius).adversarial_risk == pytest.approx(direct.fun, rel=1e-9)


@given(between(0.1, 30.0), between(0.3, 10.0), st.floats(0.05, 2.0), RADIUS, st.sampled_from([0.0, 0.3]))
@settings(max_examples=50)
def test_no_trained_model_beats_the_population_minimum(width: float, samples: float, noise: float, radius: float,
                                                      ridge: float) -> None:
    assume(radius > 0.0 or abs(width / samples - 1.0) > 1e-3)
    trained = adversarial_asymptotics(width, samples, noise, radius, ridge)
    assert trained.adversarial_risk >= population_limit(width, noise, radius).adversarial_risk * (1.0 - 1e-12)


def test_without_adversary_the_population_reaches_the_approximation_floor() -> None:
    for width in (0.3, 1.0, 8.0):
        best = population_limit(width, 0.5, 0.0).standard_risk
        assert best == pytest.approx(approximation_floor(width, 0.5), rel=1e-14)
    assert population_limit(1.0, 0.5, 3.0).zero


# -- few features ----------------------------------------------------------------------------------------------------

def test_few_features_predict_nothing() -> None:
    assert adversarial_asymptotics(1e-4, 3.0, 0.5, 5e-3).adversarial_risk == pytest.approx(1.25, abs=2e-5)
    assert zero_radius(1e-4, 3.0, 0.5) == pytest.approx(0.01 * zero_radius(1e-8, 3.0, 0.5) * 1e4, rel=1e-3)


# -- kernels ---------------------------------------------------------------------------------------------------------

def test_the_golden_kernel_limit() -> None:
    found = kernel_limit(4.0, 0.5, 0.3, 0.01626)
    observed = (found.standard_risk, found.gradient_norm**2, found.kappa, found.adversarial_risk)
    assert observed == pytest.approx((.3808368435, .5585852710, 1.788373868, .6519128028), rel=4e-10)
    near = adversarial_asymptotics(1e7, 4.0, 0.5, 0.3, 0.01626e7)
    assert near.adversarial_risk == pytest.approx(.6519129958, abs=6e-11)


@given(between(0.3, 10.0), st.floats(0.0, 2.0), RADIUS, between(1e-3, 1.0))
def test_wide_models_with_a_growing_ridge_approach_the_kernel_limit(samples: float, noise: float, radius: float,
                                                                   penalty: float) -> None:
    assume(abs(radius / linear_zero_radius(samples, noise) - 1.0) > 0.1)
    limit = kernel_limit(samples, noise, radius, penalty)
    assume(not limit.zero)
    near, far = (adversarial_asymptotics(width, samples, noise, radius, penalty * width) for width in (1e9, 1e10))
    for name in ("standard_risk", "gradient_norm", "objective", "alignment", "fitted", "mean_residual", "kappa"):
        goal = getattr(limit, name)
        first, second = abs(getattr(near, name) - goal), abs(getattr(far, name) - goal)
        assert first <= 1e-3 * (1.0 + goal)
        assert second <= 0.11 * first + 1e-9 * (1.0 + goal)  # the distance falls as 1 / width
    assert 1e10 * far.weight_energy == pytest.approx(limit.weight_energy, rel=1e-5)


def test_the_distance_to_the_kernel_limit_is_of_the_order_of_one_over_the_width() -> None:
    limit = kernel_limit(4.0, 0.5, 0.3, 0.01626).adversarial_risk
    gaps = [width * (adversarial_asymptotics(width, 4.0, 0.5, 0.3, 0.01626 * width).adversarial_risk - limit)
            for width in (1e4, 1e5, 1e6)]
    assert gaps == pytest.approx([gaps[2]] * 3, rel=1e-3)


def test_beyond_the_linear_threshold_a_kernel_only_memorizes() -> None:
    limit = kernel_limit(4.0, 0.5, 2.3, 0.01626)
    assert linear_zero_radius(4.0, 0.5) < 2.3
    assert (limit.zero, limit.adversarial_risk, limit.gradient_norm) == (True, 1.25, 0.0)
    assert limit.objective < 0.5 * 1.25
    far, near = (adversarial_asymptotics(width, 4.0, 0.5, 2.3, 0.01626 * width) for width in (1e7, 1e9))
    for name in ("objective", "training_error", "mean_residual", "kappa"):  # they close in as 1 / sqrt(width)
        goal = getattr(limit, name)
        assert abs(getattr(near, name) - goal) < 0.11 * abs(getattr(far, name) - goal) < 0.01
    assert 1e9 * near.weight_energy == pytest.approx(limit.weight_energy, rel=1e-4)


def test_the_best_kernel_ridge_is_where_it_was_found() -> None:
    risks = [kernel_limit(4.0, 0.5, 0.3, penalty).adversarial_risk for penalty in (.0162, .016262, .0163)]
    assert risks[1] == min(risks)
    assert risks[1] == pytest.approx(.6519128, abs=6e-8)


def test_a_kernel_without_ridge_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel_limit: ridge_per_width"):
        kernel_limit(4.0, 0.5, 0.3, 0.0)


# -- wide models -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("samples", "noise", "radius", "ridge"), [
    (4.0, 0.5, 0.3, 0.0), (2.0, 0.0, 0.5, 0.0), (3.0, 0.5, 0.5, 0.2), (1.0, 1.0, 0.2, 0.01)])
def test_the_second_order_of_wide_models_is_right(samples: float, noise: float, radius: float, ridge: float) -> None:
    scaled = [(adversarial_asymptotics(width, samples, noise, radius, ridge).adversarial_risk
               - wide_expansion(width, samples, noise, radius, ridge).adversarial_risk) * width**1.5
              for width in (1e6, 1e7, 1e8)]
    assert abs(scaled[2] - scaled[1]) < 0.5 * abs(scaled[1] - scaled[0])
    assert scaled[2] == pytest.approx(scaled[1], rel=0.05)


@given(st.sampled_from([1.0, 2.0, 0.5]), between(0.3, 10.0), st.floats(0.0, 2.0), st.floats(0.1, 1.0),
       st.sampled_from([0.0, 0.1]))
def test_wide_models_are_worse_than_predicting_zero(signal: float, samples: float, noise: float, radius: float,
                                                   ridge: float) -> None:
    bound = harmful_width(samples, noise, radius, ridge, signal=signal)
    width = 1e4 * max(bound, samples)
    null = noise**2 + signal**2
    expansion = wide_expansion(width, samples, noise, radius, ridge, signal=signal)
    assert expansion.null == null < expansion.adversarial_risk
    found = adversarial_asymptotics(width, samples, noise, radius, ridge, signal=signal).adversarial_risk
    assert found > null
    assert found - null == pytest.approx(expansion.first + expansion.second, rel=0.05)


@pytest.mark.parametrize(("radius", "exact", "estimate"), [
    (.3, 45.9526, 63.15), (.1, 637.003, 650.40), (.05, 2620.305, 2633.50), (.02, 16502.29, 16515.43)])
def test_the_harmful_width_is_found_up_to_a_constant(radius: float, exact: float, estimate: float) -> None:
    assert harmful_width(4.0, 0.5, radius) == pytest.approx(estimate, abs=6e-3)
    crossing = brentq(lambda w: adversarial_asymptotics(math.exp(w), 4.0, 0.5, radius).adversarial_risk - 1.25,
                      math.log(0.8 * exact), math.log(1.3 * exact), xtol=1e-10)
    assert math.exp(crossing) == pytest.approx(exact, rel=3e-6)


def test_at_large_radii_every_wide_model_is_harmful() -> None:
    assert harmful_width(4.0, 0.5, 2.0) == 0.0


def test_wide_models_without_adversary_are_refused() -> None:
    with pytest.raises(ValueError, match="wide_expansion: radius"):
        wide_expansion(100.0, 4.0, 0.5, 0.0, 0.1)


# -- the peak --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("ratio", "law", "solved"), [
    (1.0, .2796613301, .2796617530), (2.0, .1777092066, .1777095664), (4.0, .1236321082, .1236323984),
    (8.0, .1003672570, .1003675085)])
def test_golden_values_of_the_peak(ratio: float, law: float, solved: float) -> None:
    assert peak_law(ratio, 0.5).scaled_risk == pytest.approx(law, rel=1e-9)
    near = adversarial_asymptotics(ratio, ratio, 0.5, 1e-6)
    assert 1e-6 * near.standard_risk == pytest.approx(solved, rel=2e-8)
    assert near.fitted == pytest.approx(.4465321415, abs=1e-5)
    assert near.gradient_norm / math.sqrt(near.standard_risk) == pytest.approx(peak_law(ratio, 0.5).slope, rel=1e-5)


@given(between(0.2, 10.0), st.floats(0.1, 2.0), st.sampled_from([1.0, 3.0]), st.booleans())
@settings(max_examples=20)
def test_the_share_fitted_at_the_peak_is_universal(ratio: float, noise: float, signal: float, smooth: bool) -> None:
    kind = TANH if smooth else relu()
    law = peak_law(ratio, noise, activation=kind, signal=signal)
    assert law.fitted == pytest.approx(.4465321415, abs=6e-11)
    near = adversarial_asymptotics(ratio, ratio, noise, 1e-5, activation=kind, signal=signal)
    assert near.fitted == pytest.approx(law.fitted, abs=1e-3)
    assert 1e-5 * near.standard_risk == pytest.approx(law.scaled_risk, rel=1e-3)


TANH = activation(lambda z: np.tanh(2.0 * z), lambda z: 2.0 / np.cosh(2.0 * z) ** 2, name="tanh")
