"""Records of input gradients, common attacks and balls: confirmed where drawn, refuted where the model is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from record_cases import case, refuted

from constructive.evidence import Verdict
from constructive.theorems import kernel_balls, tangent_gradient, time_change
from constructive.verification import verify

RECORDS = (tangent_gradient.THEOREM, time_change.THEOREM, kernel_balls.THEOREM)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_confirmed_on_drawn_instances_with_every_planted_error_caught(record: Any) -> None:
    report = verify(record, seed=5, instances=8)
    assert report.verdict is Verdict.CONFIRMED
    assert (report.planted, report.caught) == (8, 8)
    assert record.source.arxiv == "2310.06112"


def test_a_constant_too_small_and_one_too_large_break_different_claims() -> None:
    record = tangent_gradient.THEOREM
    found, instance = case(record)
    assert refuted(record, 0.9999 * found, instance) == [record.claims[0].name]
    assert refuted(record, 1.0001 * found, instance) == [record.claims[1].name]


def test_plain_training_at_the_same_time_is_not_attacked_training() -> None:
    record = time_change.THEOREM
    _, instance = case(record)
    plain = record.build(**(dict(instance) | {"rates": np.ones(3)}))
    assert refuted(record, plain, instance) == [record.claims[0].name]


@pytest.mark.parametrize("part", ["by_norm", "by_slope"])
def test_a_bound_of_nothing_is_refuted(part: str) -> None:
    record = kernel_balls.THEOREM
    found, instance = case(record)
    small = replace(found.tangent, **{part: 1e-9 * getattr(found.tangent, part)})
    assert len(refuted(record, found._replace(tangent=small), instance)) == 1
