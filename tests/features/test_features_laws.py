"""Laws of the limit of adversarially trained random features: what holds for every model and every size."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constructive.features import (
    Activation,
    Prediction,
    adversarial_asymptotics,
    approximation_floor,
    zero_radius,
)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers spread evenly on a logarithmic scale."""
    return st.floats(math.log(low), math.log(high)).map(math.exp)


PROBLEM = st.tuples(between(0.03, 316.0), between(0.1, 31.6), between(0.03, 3.2), between(1e-3, 2.0),
                    st.one_of(st.just(0.0), between(1e-4, 10.0)))


@given(PROBLEM)
@settings(max_examples=150)
def test_predictions_obey_what_holds_for_every_model(arguments: tuple[float, ...]) -> None:
    found = adversarial_asymptotics(*arguments)
    floor = approximation_floor(arguments[0], arguments[2])
    assert found.standard_risk >= floor * (1.0 - 1e-14)
    assert found.adversarial_risk >= found.standard_risk
    assert 0.0 <= found.fitted <= 1.0
    assert found.mean_residual**2 <= found.training_error * (1.0 + 1e-9) + 1e-30
    assert 0.0 <= found.training_error <= 2.0 * found.objective * (1.0 + 1e-14)
    assert found.objective <= 0.5 * (1.0 + arguments[2] ** 2)  # the zero predictor is always there
    assert found.weight_energy >= 0.0
    assert found.zero == (arguments[3] >= zero_radius(*arguments[:3]) * (1.0 - 1e-12))


@given(PROBLEM, st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_the_risk_grows_with_the_radius_of_the_attack(arguments: tuple[float, ...], one: float, two: float) -> None:
    found = adversarial_asymptotics(*arguments, test_radius=min(one, two))
    assert found.adversarial_risk <= found.robust_risk(max(one, two))
    assert found.adversarial_risk == found.robust_risk(min(one, two))
    assert found.robust_risk(0.0) == found.standard_risk


@given(PROBLEM, st.floats(1.001, 3.0))
def test_the_objective_grows_with_the_radius_and_with_the_ridge(arguments: tuple[float, ...], factor: float) -> None:
    width, samples, noise, radius, ridge = arguments
    here = adversarial_asymptotics(*arguments).objective
    assert here <= adversarial_asymptotics(width, samples, noise, factor * radius, ridge).objective * (1.0 + 1e-12)
    assert here <= adversarial_asymptotics(width, samples, noise, radius, factor * ridge).objective * (1.0 + 1e-12)


@given(PROBLEM, st.floats(1.001, 3.0))
def test_the_objective_falls_with_the_width(arguments: tuple[float, ...], factor: float) -> None:
    # The wider class contains the narrower one, and the ridge is on |theta|^2, which needs no rescaling.
    here = adversarial_asymptotics(*arguments).objective
    assert adversarial_asymptotics(factor * arguments[0], *arguments[1:]).objective <= here * (1.0 + 1e-12)


MODERATE = st.tuples(between(0.1, 30.0), between(0.3, 10.0), between(0.1, 2.0), between(0.05, 1.0), between(1e-2, 3.0))


@given(MODERATE)
def test_the_slope_of_the_objective_in_the_radius_is_the_mean_gain_of_the_attack(arguments: tuple[float, ...]) -> None:
    width, samples, noise, radius, ridge = arguments
    assume(radius < 0.98 * zero_radius(width, samples, noise))
    found, step = adversarial_asymptotics(*arguments), 1e-4 * radius
    left, right = (adversarial_asymptotics(width, samples, noise, radius + move, ridge).objective
                   for move in (-step, step))
    m = found.gradient_norm
    assert (right - left) / (2.0 * step) == pytest.approx(m * (found.mean_residual + radius * m), rel=1e-6, abs=1e-9)


@given(MODERATE)
def test_the_slope_of_the_objective_in_the_ridge_is_half_the_weight_energy(arguments: tuple[float, ...]) -> None:
    width, samples, noise, radius, ridge = arguments
    found, step = adversarial_asymptotics(*arguments), 1e-4 * ridge
    left, right = (adversarial_asymptotics(width, samples, noise, radius, ridge + move).objective
                   for move in (-step, step))
    assert (right - left) / (2.0 * step) == pytest.approx(0.5 * found.weight_energy, rel=1e-6, abs=1e-9)


@given(PROBLEM, st.floats(1.001, 5.0))
def test_larger_radii_trade_gradient_for_residuals(arguments: tuple[float, ...], factor: float) -> None:
    """From optimality at both radii: m is not monotone, but m R + (e1 + e2) m^2 / 2 is, R the mean |residual|."""
    width, samples, noise, radius, ridge = arguments
    less = adversarial_asymptotics(*arguments)
    more = adversarial_asymptotics(width, samples, noise, factor * radius, ridge)

    def cost(found: Prediction) -> float:
        return found.gradient_norm * found.mean_residual + 0.5 * (1.0 + factor) * radius * found.gradient_norm**2

    assert cost(more) <= cost(less) * (1.0 + 1e-9)


def test_with_a_ridge_the_gradient_can_grow_with_the_radius() -> None:
    found = [adversarial_asymptotics(1.0, 0.5, 4.0, radius, 0.02).gradient_norm for radius in (.01, .02, .05, .1, .15)]
    assert found == pytest.approx([4.94769513, 4.98866961, 5.09328537, 5.17336945, 5.15753664], abs=6e-9)


@given(PROBLEM, st.sampled_from([0.5, 2.0, 8.0]))
def test_scaling_the_labels_scales_risks_and_nothing_else(arguments: tuple[float, ...], scale: float) -> None:
    width, samples, noise, radius, ridge = arguments
    unit = adversarial_asymptotics(*arguments, test_radius=0.7)
    scaled = adversarial_asymptotics(width, samples, scale * noise, radius, ridge, test_radius=0.7, signal=scale)
    square = {"standard_risk", "adversarial_risk", "objective", "training_error", "weight_energy", "alignment"}
    length = {"gradient_norm", "mean_residual"}
    for name in (field.name for field in fields(Prediction)):
        power = scale**2 if name in square else scale if name in length else 1.0
        assert getattr(scaled, name) == pytest.approx(power * getattr(unit, name), rel=1e-9)


@given(PROBLEM.filter(lambda a: a[3] > 0.05))
def test_only_three_moments_and_no_sign_of_the_activation_matter(arguments: tuple[float, ...]) -> None:
    def twin(z: np.ndarray) -> np.ndarray:
        return -np.maximum(z, 0.0)

    flipped = Activation("flipped", twin, np.cos, 3.0, -0.5, 0.25 - 0.5 / math.pi, 0.25)
    one, two = adversarial_asymptotics(*arguments), adversarial_asymptotics(*arguments, activation=flipped)
    assert all(getattr(one, field.name) == getattr(two, field.name) for field in fields(Prediction))


@given(between(0.03, 100.0), between(0.1, 30.0), between(0.03, 3.0), st.sampled_from([0.0, 0.1, 3.0]))
def test_the_predictor_vanishes_exactly_from_the_threshold_on(width: float, samples: float, noise: float,
                                                             ridge: float) -> None:
    critical, null = zero_radius(width, samples, noise), 1.0 + noise**2
    beyond = adversarial_asymptotics(width, samples, noise, 1.0001 * critical, ridge)
    assert (beyond.zero, beyond.gradient_norm, beyond.weight_energy) == (True, 0.0, 0.0)
    assert beyond.standard_risk == beyond.adversarial_risk == 2.0 * beyond.objective == null
    before = adversarial_asymptotics(width, samples, noise, 0.9999 * critical, ridge)
    assert not before.zero
    assert 0.0 < before.gradient_norm < 0.01 * math.sqrt(null) * (1.0 + 1.0 / critical)
    assert before.objective < beyond.objective
