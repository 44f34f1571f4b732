"""Records of random features: each way of breaking them is refused, and what refuses it is the claim that it breaks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from constructive import theorems
from constructive.evidence import Verdict
from constructive.features import fit_problem, linear_zero_radius, tuned_ridge
from constructive.theorems import adversarial_fit
from constructive.verification import generator, verify


def drawn(name: str, k: int = 0):
    record = theorems.find(name)
    instance = record.draw(generator(name, 3, k))
    return record, instance, record.build(**instance)


def refuted(record, found, instance) -> list[str]:
    return [check.claim for check in record.check(found, instance).checks if check.verdict is not Verdict.CONFIRMED]


@pytest.mark.parametrize("k", range(4))
def test_a_theta_that_is_not_optimal_has_a_gap(k: int) -> None:
    record, instance, found = drawn("adversarial-fit", k)
    for name in (name for name in found if found[name].status != "zero"):
        shrunk = replace(found[name], theta=(1.0 - 1e-3) * found[name].theta)
        assert "relative duality gap" in refuted(record, {**found, name: shrunk}, instance)


def test_multipliers_of_another_radius_prove_nothing() -> None:
    record, instance, found = drawn("adversarial-fit")
    borrowed = replace(found["low"], dual=found["high"].dual)
    assert refuted(record, {**found, "low": borrowed}, instance)


def test_fits_of_two_radii_exchanged_turn_the_envelope_round() -> None:
    record, instance, found = drawn("adversarial-fit")
    exchanged = {**found, "low": found["high"], "high": found["low"]}
    assert "cost of the change to the new theta less that to the old" in refuted(record, exchanged, instance)


def test_the_interpolant_of_least_weights_is_not_the_one_of_small_radii() -> None:
    record, instance, found = drawn("thresholds-of-adversarial-fits")
    problem = adversarial_fit.problem_of(instance["features"], instance["y"], instance["gradient_matrix"])
    short = replace(found["small"], theta=fit_problem(problem, radius=0.0).theta)
    assert set(refuted(record, {**found, "small": short}, instance)) == {"relative duality gap",
                                                                        "far below: the same fit"}


def test_a_fit_that_is_not_quite_zero_beyond_the_zero_radius_is_refused() -> None:
    record, instance, found = drawn("thresholds-of-adversarial-fits")
    nearly = replace(found["zero"], theta=1e-6 * found["some"].theta)
    assert refuted(record, {**found, "zero": nearly}, instance)


@pytest.mark.parametrize("name", ["slopes-of-the-limit", "curse-of-width", "two-interpolants",
                                  "kernel-limit-of-features"])
def test_both_kinds_of_planted_errors_are_caught(name: str) -> None:
    record, instance, found = drawn(name)
    for seed in range(6):
        faulty = record.fault(found, instance, np.random.default_rng(seed))
        assert record.check(faulty, instance).verdict is Verdict.REFUTED


@pytest.mark.parametrize(("sample_ratio", "noise"), [(1.0, 0.5), (4.0, 0.5), (10.0, 1.0)])
def test_beyond_the_radius_of_the_record_no_ridge_of_the_kernel_beats_zero(sample_ratio: float, noise: float) -> None:
    null = 1.0 + noise**2
    helped = linear_zero_radius(sample_ratio, noise) / (1.0 + null / sample_ratio)
    below, above = (tuned_ridge(math.inf, sample_ratio, noise, factor * helped).prediction.adversarial_risk
                    for factor in (0.98, 1.02))
    assert below < null * (1.0 - 1e-4)
    assert above > null * (1.0 - 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adversarial-fit", "thresholds-of-adversarial-fits", "random-features-limit",
                                  "slopes-of-the-limit", "two-interpolants", "curse-of-width",
                                  "kernel-limit-of-features"])
def test_confirmed_on_many_instances(name: str) -> None:
    report = verify(name, seed=29, instances=40)
    assert report.verdict in (Verdict.CONFIRMED, Verdict.CONSISTENT)
    assert report.planted == report.caught == 40
