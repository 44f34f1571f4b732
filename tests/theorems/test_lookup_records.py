"""Records of memorizers of one projection: confirmed where drawn, refuted by networks that miss a ball, or a count."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from record_cases import case, refuted

from constructive.evidence import Verdict
from constructive.exact import shallow_interpolant
from constructive.exact.projection import project
from constructive.theorems import folded_lookup
from constructive.verification import verify

RECORDS = (folded_lookup.FOLDED, folded_lookup.PLATEAUS, folded_lookup.DOUBLES)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_confirmed_on_drawn_instances_with_every_planted_error_caught(record: Any) -> None:
    report = verify(record, seed=5, instances=4)
    assert report.verdict is Verdict.CONFIRMED
    assert (report.planted, report.caught) == (4, 4)
    assert [check.claim for check in report.checks][:-1] == [claim.name for claim in record.claims]


def test_the_same_function_one_layer_deeper_is_refuted_by_the_counts_alone() -> None:
    record = folded_lookup.FOLDED
    network, instance = case(record)
    deeper = network.deepen(network.depth + 1)
    assert set(refuted(record, deeper, instance)) == {"nonzeros", "depth"}


def test_the_interpolant_is_no_plateau_but_right_in_sign() -> None:
    record = folded_lookup.PLATEAUS
    _, instance = case(record)
    projection = project(instance["X"], instance["y"], draws=20, rng=instance["seed"])
    other = shallow_interpolant(projection).network
    assert set(refuted(record, other, instance)) == {
        "balls with another output somewhere", "Lipschitz constant times (r_max - radius)", "nonzeros"}


def test_nothing_on_the_line_survives_the_largest_radius() -> None:
    record = folded_lookup.PLATEAUS
    _, instance = case(record)
    for share in (Fraction(1, 10), Fraction(9, 10)):
        largest = Fraction(project(instance["X"], instance["y"], draws=20, rng=instance["seed"]).radius)
        other = record.build(**{**instance, "radius": share * largest})
        assert "balls of radius r_max with a wrong sign somewhere" not in refuted(record, other, instance)


def test_labels_turned_in_doubles_are_refuted() -> None:
    record = folded_lookup.DOUBLES
    network, instance = case(record)
    assert refuted(record, -network, instance) == ["data with another output in doubles"]
