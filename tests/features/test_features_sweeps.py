"""Sweeps are the single predictions; the best ridge and the best width are minima that nothing near or far beats."""

from __future__ import annotations

import math

import numpy as np
import pytest

from constructive.features import (
    adversarial_asymptotics,
    best_width,
    kernel_limit,
    sweep_asymptotics,
    tuned_ridge,
    zero_radius,
)


def test_a_sweep_holds_the_single_predictions_at_the_points_of_its_grid() -> None:
    widths, radii = np.array([0.5, 2.0, 6.0]), np.array([0.0, 0.2, 3.0])
    swept = sweep_asymptotics(widths[:, None], 3.0, 0.5, radii, 0.1, signal=2.0)
    assert swept.adversarial_risk.shape == swept.zero.shape == swept.sample_ratio.shape == (3, 3)
    for i, width in enumerate(widths):
        for j, radius in enumerate(radii):
            single = adversarial_asymptotics(float(width), 3.0, 0.5, float(radius), 0.1, signal=2.0)
            for name in ("standard_risk", "adversarial_risk", "gradient_norm", "fitted", "objective", "zero"):
                assert getattr(swept, name)[i, j] == getattr(single, name), (name, i, j)
            assert (swept.width_ratio[i, j], swept.radius[i, j], swept.ridge[i, j]) == (width, radius, 0.1)
    assert (swept.null_risk == 4.25).all()
    assert swept.zero[:, 2].all()


def test_the_radius_of_the_test_may_be_another() -> None:
    swept = sweep_asymptotics(2.0, 3.0, 0.5, [0.1, 0.4], test_radius=0.25)
    assert swept.adversarial_risk[1] == adversarial_asymptotics(2.0, 3.0, 0.5, 0.4, test_radius=0.25).adversarial_risk


def test_shapes_that_do_not_broadcast_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="sweep_asymptotics: width_ratio"):
        sweep_asymptotics([1.0, 2.0], [1.0, 2.0, 3.0], 0.5, 0.3)
    with pytest.raises(ValueError, match="width_ratio"):
        sweep_asymptotics([1.0, -2.0], 1.0, 0.5, 0.3)


def test_the_phase_diagram_knows_where_the_zero_predictor_begins() -> None:
    widths, radii = np.logspace(-1, 2, 40), np.linspace(0.02, 1.6, 40)
    swept = sweep_asymptotics(widths[:, None], 4.0, 0.5, radii)
    edges = np.array([zero_radius(float(width), 4.0, 0.5) for width in widths])
    assert (swept.zero == (radii >= edges[:, None])).all()
    assert swept.zero.any()
    assert not swept.zero.all()
    assert (swept.adversarial_risk[swept.zero] == 1.25).all()
    assert ((swept.fitted >= 0.0) & (swept.fitted <= 1.0)).all()


@pytest.mark.parametrize(("width_ratio", "ridge", "risk"), [
    (0.5, 0.394, 1.225), (1.0, 0.227, 1.139), (2.0, 0.215, 0.995), (4.0, 0.311, 0.864), (8.0, 0.498, 0.779),
    (16.0, 0.789, 0.727), (64.0, 1.87, 0.677), (math.inf, 0.016262, 0.6519128),
])
def test_best_ridges_known_from_elsewhere(width_ratio: float, ridge: float, risk: float) -> None:
    tuned = tuned_ridge(width_ratio, 4.0, 0.5, 0.3)
    assert tuned.value == pytest.approx(ridge, rel=3e-3)
    assert tuned.prediction.adversarial_risk == pytest.approx(risk, abs=6e-4)


@pytest.mark.parametrize(("width_ratio", "noise", "radius"), [(0.7, 0.3, 0.1), (5.0, 0.5, 0.4), (30.0, 1.0, 0.2)])
def test_no_ridge_beats_the_best_one(width_ratio: float, noise: float, radius: float) -> None:
    tuned = tuned_ridge(width_ratio, 3.0, noise, radius)
    others = sweep_asymptotics(width_ratio, 3.0, noise, radius, np.append(0.0, tuned.value * np.logspace(-6, 6, 999)))
    assert others.adversarial_risk.min() >= tuned.prediction.adversarial_risk * (1.0 - 1e-15)
    beside = [adversarial_asymptotics(width_ratio, 3.0, noise, radius, tuned.value * f).adversarial_risk
              for f in (0.99, 1.01)]
    assert min(beside) > tuned.prediction.adversarial_risk


def test_without_noise_and_adversary_many_samples_need_no_ridge_if_features_are_few() -> None:
    """Too few features to memorize: the ridge of least risk is small but not 0, as misspecification is a noise."""
    tuned = tuned_ridge(0.5, 1e6, 0.0, 0.0)
    assert tuned.value < 1e-5
    assert tuned.prediction.standard_risk <= adversarial_asymptotics(0.5, 1e6, 0.0, 0.0).standard_risk


def test_beyond_the_zero_radius_every_ridge_is_the_best() -> None:
    beyond = 1.01 * zero_radius(2.0, 3.0, 0.5)
    assert tuned_ridge(2.0, 3.0, 0.5, beyond).prediction.zero
    assert tuned_ridge(2.0, 3.0, 0.5, beyond).value == 0.0


def test_the_ridge_per_width_of_the_kernel_is_that_of_very_wide_models() -> None:
    kernel, wide = tuned_ridge(math.inf, 2.0, 0.3, 0.2), tuned_ridge(1e7, 2.0, 0.3, 0.2)
    assert wide.value / 1e7 == pytest.approx(kernel.value, rel=1e-5)
    assert kernel.prediction.adversarial_risk == kernel_limit(2.0, 0.3, 0.2, kernel.value).adversarial_risk


@pytest.mark.parametrize(("sample_ratio", "radius", "width", "risk"), [
    (4.0, 0.3, 1.9213, 1.149250), (4.0, 0.1, 12.480, 0.877411), (10.0, 0.05, 3.113, 0.610887),
    (10.0, 0.5, 4.025, 1.092286),
])
def test_best_widths_known_from_elsewhere(sample_ratio: float, radius: float, width: float, risk: float) -> None:
    best = best_width(sample_ratio, 0.5, radius)
    assert best.value == pytest.approx(width, rel=2e-4)
    assert best.prediction.adversarial_risk == pytest.approx(risk, abs=2e-6)


def test_the_best_width_jumps_from_many_features_to_few_at_a_radius_known_from_elsewhere() -> None:
    before, after = best_width(4.0, 0.5, 0.2530), best_width(4.0, 0.5, 0.2532)
    assert before.value == pytest.approx(15.66, rel=1e-2)
    assert after.value == pytest.approx(1.869, rel=1e-2)
    few, many = best_width(4.0, 0.5, 0.2530788, at_most=4.0), best_width(4.0, 0.5, 0.2530788, at_most=30.0)
    assert few.prediction.adversarial_risk == pytest.approx(1.1077788, abs=2e-7)
    assert many.prediction.adversarial_risk == pytest.approx(1.1077788, abs=2e-7)


def test_the_bound_on_the_width_may_be_the_best() -> None:
    best = best_width(4.0, 0.5, 0.1, at_most=10.0)
    assert best.value == pytest.approx(10.0, rel=1e-6)
    assert best.prediction.adversarial_risk <= adversarial_asymptotics(10.0, 4.0, 0.5, 0.1).adversarial_risk
    with pytest.raises(ValueError, match="at_most"):
        best_width(4.0, 0.5, 0.1, at_most=-1.0)
