"""Records of the nearest-neighbor network, the sequential memorizer and grids: confirmed, and not fooled."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from record_cases import case, refuted

from constructive.evidence import Verdict
from constructive.network import Network
from constructive.students import memorize
from constructive.theorems import nearest_neighbor, sequential_boxes, shifted_grids
from constructive.verification import verify

RECORDS = (nearest_neighbor.THEOREM, sequential_boxes.THEOREM, shifted_grids.THEOREM)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_confirmed_on_drawn_instances_with_every_planted_error_caught(record: Any) -> None:
    report = verify(record, seed=5, instances=4)
    assert report.verdict is Verdict.CONFIRMED
    assert (report.planted, report.caught) == (4, 4)
    assert [check.claim for check in report.checks][:-1] == [claim.name for claim in record.claims]


def test_a_student_of_boxes_is_no_nearest_neighbor() -> None:
    record = nearest_neighbor.THEOREM
    instance = record.draw(np.random.default_rng(3), n=20, d=3, norm=np.inf)
    student = memorize(instance["X"], instance["y"], radius=instance["radius"], recipe="one-sided").to_network()
    report = record.check(student, instance)
    assert report.verdict is Verdict.REFUTED  # by its counts, at least
    balls = next(check for check in report.checks if check.claim.startswith("balls"))
    assert balls.verdict is Verdict.UNDECIDED


def test_a_nearest_neighbor_of_smaller_balls_is_flatter_and_wrong() -> None:
    record = nearest_neighbor.THEOREM
    instance = record.draw(np.random.default_rng(1), n=20, d=2)
    flatter = record.build(**{**instance, "radius": instance["radius"] / 2})
    found = refuted(record, flatter, instance)
    assert "balls with another value somewhere" in found
    assert "Lipschitz constant times (separation - 2 radius), at least" in found


def test_one_layer_more_refutes_the_counts_of_the_sequential_memorizer() -> None:
    record = sequential_boxes.THEOREM
    network, instance = case(record)
    assert set(refuted(record, network.deepen(2 * len(instance["X"]) + 3), instance)) >= {"nonzeros", "depth"}


def test_the_parallel_network_is_too_wide_for_the_sequential_record() -> None:
    record = sequential_boxes.THEOREM
    _, instance = case(record)
    wide: Network = memorize(instance["X"], instance["y"], radius=instance["radius"], recipe="additive").to_network()
    assert "width" in refuted(record, wide, instance)


def test_grids_of_larger_balls_are_refuted_on_them() -> None:
    record = shifted_grids.THEOREM
    instance = record.draw(np.random.default_rng(2), n=30, d=2, shifts="adaptive")
    small, larger = record.build(**{**instance, "radius": Fraction(0)}), {**instance, "radius": 2 * instance["radius"]}
    assert "balls with another output somewhere" in refuted(record, small, larger)


def test_a_scale_of_the_output_is_told_by_the_balls_alone() -> None:
    record = shifted_grids.THEOREM
    network, instance = case(record)
    assert refuted(record, dataclasses.replace(network, scale=network.scale / 2), instance) == [
        "balls with another output somewhere"]
