"""Textbook extraction: size by formula, every datum right, and the price that the folded look-up does not pay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exact_line_cases import counted, few, lines, proved, stated
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import along, bit_extraction, look_up, project


@few
@given(lines(), st.integers(1, 6))
def test_the_formula_is_the_count(case: Any, s: int) -> None:
    f = bit_extraction(case[2], per_word=s)
    assert stated(f) == counted(f)


@few
@given(lines(), st.integers(1, 6))
def test_every_datum_is_right(case: Any, s: int) -> None:
    X, y, projection = case
    f = bit_extraction(projection, per_word=s)
    assert proved(f, X)
    assert f.predict(X).tolist() == y.tolist()


@few
@given(lines(), st.integers(1, 6))
def test_extraction_agrees_with_the_folded_look_up_on_the_data(case: Any, s: int) -> None:
    X, _, projection = case
    folded = look_up(projection, projection.radius / 2)
    assert (bit_extraction(projection, per_word=s).network(X) == folded.network(X)).all()


@few
@given(lines(), st.integers(1, 6))
def test_best_is_never_larger_than_a_given_number(case: Any, s: int) -> None:
    assert bit_extraction(case[2]).nonzeros <= bit_extraction(case[2], per_word=s).nonzeros


def test_the_folded_look_up_needs_less_than_half() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2**20, (400, 8)) / 2**20, rng.integers(0, 2, 400)
    projection = project(X, y, draws=100, rng=0)
    assert 2 * look_up(projection, 0).nonzeros < bit_extraction(projection).nonzeros


def test_without_changes_it_is_a_constant() -> None:
    f = bit_extraction(along([[0.0], [5.0]], ["b", "b"], [1]))
    assert stated(f) == counted(f) == (1, 1, 0)
    assert f.predict([[9.0]]).tolist() == ["b"]


@pytest.mark.parametrize("per_word", [0, -1, True, "float64", 1.5])
def test_numbers_of_items_that_are_none_are_refused(per_word: Any) -> None:
    with pytest.raises(ValueError, match="per_word"):
        bit_extraction(along([[0.0], [5.0]], [0, 1], [1]), per_word=per_word)
