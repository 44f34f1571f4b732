"""Sizes before any data: the calculator's promises against the formula, and against counted networks."""

from __future__ import annotations

import numpy as np
import pytest

from constructive.theorems import find
from constructive.theorems import overparameterization as over


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8, 10, 14])
@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_from_the_stated_n_on_the_overhead_is_below_a_tenth(d: int, order: int) -> None:
    start = over.holds_from(d, order)
    for n in np.unique(np.ceil(start * 2.0 ** np.arange(0, 30, 0.25))):
        assert over.overhead(int(n), d, order) <= 0.1 * (6 * d + 2) * n


@pytest.mark.parametrize(("d", "order"), [(2, 1), (10, 1), (10, 5), (20, 1)])
def test_well_below_the_stated_n_it_is_not(d: int, order: int) -> None:
    n = int(over.holds_from(d, order) / 64)
    assert n <= 64 or over.overhead(n, d, order) > 0.1 * (6 * d + 2) * n


def test_the_ceiling_before_any_data_is_above_the_counted_size() -> None:
    rng = np.random.default_rng(0)
    for d, order in ((1, 1), (1, 3), (2, 2), (3, 2)):
        instance = over.draw(rng, n=400, d=d, order=order)
        counted = over.construct(**instance).size.nonzeros / 400
        assert 6 * d + 2 < counted <= over.ceiling(**instance)


def test_the_calculator_names_the_order_asked_for_and_says_where_it_is_absurd() -> None:
    table, = over.calculator(n=100_000, d=20, order=7)
    assert [row[0] for row in table.rows] == [1, 2, 3, 4, 7]
    assert float(str(table.rows[0][7])) > 1e10
    assert {row[-1] for row in table.rows} == {"no"}


def test_a_student_that_is_right_but_not_small_is_refuted_by_the_count() -> None:
    record, rng = find("slightly larger than the sample size"), np.random.default_rng(1)
    instance = record.draw(rng, n=300, d=1)
    networks = record.build(**instance)
    assert record.check(networks, instance).verdict.value == "confirmed"
    broken = record.check(record.fault(networks, instance, rng), instance)
    wrong = [check.claim for check in broken.checks if check.verdict.value == "refuted"]
    assert wrong == ["lean: nonzeros / n"]
