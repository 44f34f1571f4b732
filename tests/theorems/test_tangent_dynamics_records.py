"""Records of wide networks in training: confirmed where drawn, refuted where the model, not only a number, is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from record_cases import case, refuted

from constructive.evidence import Verdict
from constructive.tangent.attacked import adversarial_flow
from constructive.tangent.propagator import Propagator
from constructive.theorems import degeneration, extinction, tangent_propagator
from constructive.verification import verify

RECORDS = (tangent_propagator.PROPAGATOR, tangent_propagator.GRADIENT, tangent_propagator.CLOSED_FORM,
           degeneration.THEOREM, extinction.THEOREM)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_confirmed_on_drawn_instances_with_every_planted_error_caught(record: Any) -> None:
    report = verify(record, seed=5, instances=2)
    assert report.verdict is Verdict.CONFIRMED
    assert (report.planted, report.caught) == (2, 2)
    assert [check.claim for check in report.checks][:-1] == [claim.name for claim in record.claims]
    assert record.source.arxiv == "2310.06112"


def test_a_propagator_of_other_strengths_is_refuted() -> None:
    record = tangent_propagator.PROPAGATOR
    _, instance = case(record)
    other = Propagator.of(instance["theta"], instance["strengths"] * (1.0 + 1e-9))
    assert refuted(record, other, instance) == ["largest error over the largest entry"]


def test_four_times_a_propagator_is_not_below_the_inverse() -> None:
    record = tangent_propagator.PROPAGATOR
    found, instance = case(record)
    large = replace(found, roots=2.0 * found.roots)
    assert "least pivot of theta - theta W theta" in refuted(record, large, instance)


def test_a_gradient_off_by_a_billionth_is_refuted() -> None:
    record = tangent_propagator.GRADIENT
    found, instance = case(record)
    broken = {**found, "factor": found["factor"] + 1e-9}
    assert refuted(record, broken, instance) == ["by a factor: error / |P| |Y|"]


def test_one_exponential_is_refuted_where_proportions_change() -> None:
    record = tangent_propagator.CLOSED_FORM
    found, instance = case(record)
    broken = record.fault(found, instance, np.random.default_rng(0))
    assert refuted(record, broken, instance) == ["turning: error of the product"]


def test_training_without_attack_is_too_slow_for_the_attacked_bound() -> None:
    """With all strengths 16 the residuals must be far smaller than plain training leaves them."""
    record = degeneration.THEOREM
    _, instance = case(record)
    strong = {**instance, "strengths": np.full_like(instance["strengths"], 16.0)}
    plain = adversarial_flow(instance["theta"], -instance["y"], np.ones(len(instance["y"])), instance["times"])
    assert "size of the residuals over its upper bound" in refuted(record, plain, strong)


def test_weak_strengths_do_not_keep_the_promise() -> None:
    record = degeneration.THEOREM
    _, instance = case(record)
    weak = {**instance, "strengths": 0.05 * instance["strengths"] / instance["strengths"].max()}
    broken = refuted(record, record.build(**weak), weak)
    assert broken == ["distance at the promised time, relative", "least strength"]


def test_another_attack_than_the_worst_is_refuted() -> None:
    record = extinction.THEOREM
    found, instance = case(record)
    assert "attack over its budget" in refuted(record, found, {**instance, "budgets": 0.5 * instance["budgets"]})
    assert "attack short of the worst" in refuted(record, found, {**instance, "budgets": 2.0 * instance["budgets"]})


def test_plain_training_never_arrives() -> None:
    record = extinction.THEOREM
    found, instance = case(record)
    broken = refuted(record, record.fault(found, instance, np.random.default_rng(0)), instance)
    assert {"residuals at the end", "attack short of the worst"} <= set(broken)


@pytest.mark.slow
@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_confirmed_on_forty_instances(record: Any) -> None:
    report = verify(record, seed=1, instances=40)
    assert report.verdict is Verdict.CONFIRMED
    assert report.caught == 40
