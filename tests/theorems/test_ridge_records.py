"""Records of ridge regression: refuted where a hypothesis is broken, not only where a number is."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from record_cases import case, refuted

from constructive.evidence import Verdict
from constructive.ridge import effective_ridge, heal, isotropic, power_law, spiked
from constructive.theorems import (
    best_ridge,
    expected_length,
    forbidden_risks,
    healed,
    interpolator_length,
    noise_free,
    ridge_ceilings,
    ridge_floors,
    ridge_samples,
    risk_product,
)
from constructive.theorems.exponentials import rational, times


def test_the_inverse_is_exact():
    matrix = [[Fraction(0), Fraction(2)], [Fraction(3), Fraction(1, 7)]]
    assert times(matrix, ridge_samples.inverse(matrix)) == rational(np.eye(2))


def test_the_interval_of_a_mean_covers_it_and_misses_what_is_far():
    values = np.random.default_rng(0).normal(1.0, 0.1, (400, 3))
    low, high = ridge_samples.interval(values, 3)
    assert (low < 1.0).all()
    assert (high > 1.0).all()
    assert (high - low < 0.08).all()


def test_an_interpolator_of_half_the_labels_is_not_one_of_all():
    record = interpolator_length.SURE
    found, instance = case(record)
    half = [[v / 2 for v in row] for row in found]
    assert refuted(record, half, instance)[0] == "labels not reproduced, largest entry of X map - I"


def test_a_predictor_that_gives_up_one_sample_is_no_interpolator():
    record = interpolator_length.EVERY
    found, instance = next(pair for pair in (case(record, k) for k in range(9)) if len(pair[1]["X"]) > 1)
    X, y = instance["X"][:-1], instance["y"][:-1]
    shorter = times(ridge_samples.ridge_map(X), rational(y))
    assert "largest |X theta - y|" in refuted(record, shorter, instance)
    assert "|theta|^2 over that of the shortest" in refuted(record, shorter, instance)
    assert record.check(found, instance).verdict is Verdict.CONFIRMED


def test_the_simple_floor_is_refused_below_as_many_eigenvalues_as_samples():
    record = expected_length.EXPECTED
    instance = {"spectrum": power_law(10, 1.1), "n": 20, "noise_variance": 1.0, "radius": 1.0, "seed": 0}
    with pytest.raises(ValueError, match="p=10 < n=20"):
        record.check(np.ones((300, 2)), instance)


def test_designs_of_smaller_rows_than_claimed_make_longer_interpolators_and_are_above_the_upper_bound():
    record = expected_length.EXPECTED
    _, instance = case(record)
    spectrum = instance["spectrum"]
    small = replace(spectrum, eigenvalues=spectrum.eigenvalues / 16.0)
    assert "mean trace over its upper bound" in refuted(
        record, record.build(**{**instance, "spectrum": small}), instance)


def test_three_times_as_many_samples_break_the_floors_of_variance_bias_and_noise():
    """A spiked spectrum at ridge 0.3, where the floors are close."""
    record = ridge_floors.THEOREM
    instance = {"spectrum": spiked(2, 1.0, 100, 6.0), "n": 24, "ridge": 0.3, "seed": 1}
    assert record.check(record.build(**instance), instance).verdict is Verdict.CONSISTENT
    broken = refuted(record, record.build(**{**instance, "n": 72}), instance)
    assert broken == [f"mean {name} over its floor" for name in ("bias", "variance", "noise energy")]


def test_a_design_with_a_tail_ten_times_thinner_breaks_the_ceilings():
    record = ridge_ceilings.THEOREM
    _, instance = case(record, head=2)
    thin = instance["X"] * np.where(np.arange(instance["X"].shape[1]) < 2, 1.0, 0.1)
    found = record.build(**{**instance, "X": thin, "ridge": 0.0})
    assert "noise energy" in refuted(record, found, {**instance, "ridge": 0.0})


def test_a_curve_of_less_noise_and_more_samples_enters_the_region_of_a_spiked_spectrum():
    record = forbidden_risks.THEOREM
    _, drawn = case(record)
    instance = {**drawn, "spectrum": spiked(2, 1.0, 120, 12.0), "n": 20, "noise_variance": 1.0}
    assert record.check(record.build(**instance), instance).verdict is Verdict.CONSISTENT
    better = record.build(**{**instance, "n": 160, "noise_variance": 0.125})
    assert record.check(better, instance).verdict is Verdict.REFUTED


def test_equivalents_of_another_noise_are_refuted():
    record = risk_product.EQUIVALENT
    instance = {"spectrum": spiked(3, 1.0, 400, 5.0), "n": 100, "noise_variance": 1.0,
                "ridges": np.linspace(0.1, 1.0, 9)}
    other = record.build(**{**instance, "noise_variance": 0.5})
    assert "least product over the floor at its ridge" in refuted(record, other, instance)


def test_the_spiked_floor_is_refused_beyond_its_hypotheses():
    record = risk_product.SPIKED
    found, instance = case(record)
    with pytest.raises(ValueError, match="two blocks"):
        record.check(found, {**instance, "spectrum": isotropic(100)})


def test_a_lasso_like_path_whose_norm_rises_is_refuted():
    record = best_ridge.THEOREM
    found, instance = case(record)
    rising = found * np.linspace(1.0, 3.0, len(found))[:, None] * 10.0
    assert {"misfit of the ridge equations, relative", "largest rise of the norm, relative"} <= set(
        refuted(record, rising, instance))


def test_a_ridge_told_ten_percent_too_large_is_refuted():
    record = healed.THEOREM
    found, instance = case(record)
    broken = refuted(record, replace(found, ridge=1.1 * found.ridge), instance)
    assert "kappa off the effective ridge" in broken


def test_the_healing_ridge_is_far_above_that_of_interpolation():
    _, instance = case(healed.THEOREM)
    found = heal(instance["spectrum"], instance["n"], instance["noise_variance"])
    assert found.kappa > 2.0 * effective_ridge(instance["spectrum"], instance["n"], 0.0)


def test_an_interpolator_that_is_not_the_shortest_is_longer_than_the_truth_could_be():
    record = noise_free.THEOREM
    found, instance = next(pair for pair in (case(record, k) for k in range(9)) if np.diff(pair[1]["X"].shape)[0] > 1)
    X, theta = instance["X"], rational(instance["theta"])
    v = [[Fraction(40)] for _ in theta]
    kernel = [[a[0] - b[0]] for a, b in zip(v, times(ridge_samples.ridge_map(X), times(rational(X), v)), strict=True)]
    longer = [[a[0] + b[0]] for a, b in zip(found, kernel, strict=True)]
    assert "largest |X theta_0 - X theta|" not in refuted(record, longer, instance)
    assert "|theta_0|^2 + |theta - theta_0|^2 over |theta|^2" in refuted(record, longer, instance)
