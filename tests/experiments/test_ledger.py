"""The ledger: parameters as counted, the training error as certified, and where the constant is not reached."""

from __future__ import annotations

import pytest

from constructive.evidence import Report
from constructive.experiments import counting, ledger
from constructive.experiments.counting import cells_for, near_from


def column(report: Report, name: str) -> list:
    table = report.tables[0]
    return [row[table.columns.index(name)] for row in table.rows]


@pytest.fixture(scope="module")
def classes() -> Report:
    return ledger([64, 512, 4096], orders=[1, 2], dims=[1, 2], rng=3)


def test_the_number_of_cells_is_the_exact_root_rounded_up() -> None:
    for order, dimension in ((1, 1), (2, 2), (4, 3)):
        power = 2 * order + dimension
        for k in (1, 2, 3, 10, 17):
            assert cells_for(k**power, order, dimension) == k
            assert cells_for(k**power + 1, order, dimension) == k + 1


def test_every_check_is_confirmed(classes: Report) -> None:
    assert [check.verdict.value for check in classes.checks] == ["confirmed"] * 4


def test_the_robust_training_error_is_certified_zero_at_every_size(classes: Report) -> None:
    assert column(classes, "robust training error") == [0.0] * 12


def test_the_ratio_falls_toward_one(classes: Report) -> None:
    ratios = column(classes, "ratio")
    for k in range(0, 12, 3):
        assert ratios[k] > ratios[k + 1] > ratios[k + 2] > 1.0
    assert max(ratios[2::3]) < 1.03


def test_real_labels_cost_one_more_for_each_datum() -> None:
    report = ledger([256], orders=[1], dims=[1, 2, 3], task="regression")
    assert report.verdict.value == "confirmed"
    assert column(report, "constant") == [9, 15, 21]


def test_far_below_half_the_dimension_the_teacher_is_not_small() -> None:
    report = ledger([1000], orders=[1], dims=[12])
    assert column(report, "ratio")[0] > 1.25
    assert column(report, "promised from") == [None]
    assert report.verdict.value == "confirmed"  # nothing was promised there, and the data are memorized all the same


def test_the_promise_starts_where_the_formula_says() -> None:
    assert near_from(1, 2) == 60.0**2
    assert near_from(5, 10) == (10 * (5 + 1001)) ** 2
    assert near_from(4, 1) == 4000.0


@pytest.mark.parametrize(("field", "change", "claim"), [
    ("error_upper", 0.01, "robust training error"), ("student", 1, "minus its formula"),
    ("student", 40, "(student - teacher - gate)")])
def test_a_planted_fault_is_refuted_or_left_open(field: str, change: float, claim: str) -> None:
    cells = [{"n": 64, "order": 1, "dimension": 1}]
    result = counting._row("classification", 0.1, cells[0], counting.np.random.default_rng(0))
    sound = counting._checks(cells, [result], "classification")
    assert {check.verdict.value for check in sound} == {"confirmed"}
    faulty = counting._checks(cells, [result | {field: result[field] + change}], "classification")
    told = {check.claim: check.verdict.value for check in faulty}
    found = [verdict for name, verdict in told.items() if claim in name]
    assert found
    assert "confirmed" not in found


def test_a_student_that_is_not_certified_is_not_confirmed() -> None:
    cells = [{"n": 64, "order": 1, "dimension": 1}]
    result = counting._row("classification", 0.1, cells[0], counting.np.random.default_rng(0))
    checks = counting._checks(cells, [result | {"verdict": "undecided"}], "classification")
    assert checks[0].verdict.value == "undecided"


@pytest.mark.parametrize(("arguments", "word"), [
    ({"ns": []}, "at least one"), ({"ns": [0]}, "ns"), ({"ns": [8], "orders": [0]}, "orders"),
    ({"ns": [8], "dims": [0]}, "dims"), ({"ns": [8], "task": "ranking"}, "task"), ({"ns": [8], "noise": 1.0}, "noise")])
def test_arguments_that_make_no_sense_are_named(arguments: dict, word: str) -> None:
    with pytest.raises(ValueError, match=f"ledger: .*{word}"):
        ledger(**arguments)


@pytest.mark.slow
def test_the_constant_is_reached_within_a_tenth_at_a_hundred_thousand() -> None:
    cases = [(r, d) for d in (1, 2, 3) for r in (1, 2, 3, 4) if 2 * r >= d]
    for task in ("classification", "regression"):
        for order, dimension in cases:
            report = ledger([10**5], orders=[order], dims=[dimension], task=task)
            assert report.verdict.value == "confirmed"
            assert 1.0 < column(report, "ratio")[0] < 1.1


@pytest.mark.slow
def test_a_million_points_in_the_plane_complete() -> None:
    report = ledger([10**6], orders=[2], dims=[2])
    assert report.verdict.value == "confirmed"
    assert 1.0 < column(report, "ratio")[0] < 1.001
