"""Bit planes: any number of classes on one line, exact on whole balls, sharing the direction and the position."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import SHARES, counted, few, lines, proved, stated
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import along, bit_planes, look_up, project

classes = st.integers(3, 6).flatmap(lambda count: lines(most=18, classes=count))
odd = st.integers(0, 3).map(lambda k: 2 * k + 1)


@few
@given(classes, odd, st.sampled_from(SHARES))
def test_the_formula_is_the_count(case: Any, s: int, share: Fraction) -> None:
    f = bit_planes(case[2], share * case[2].radius, per_word=s)
    assert stated(f) == counted(f)


@few
@given(classes, odd, st.sampled_from(SHARES))
def test_every_ball_has_the_digits_of_its_class(case: Any, s: int, share: Fraction) -> None:
    X, y, projection = case
    f = bit_planes(projection, share * projection.radius, per_word=s)
    assert proved(f, X)
    assert f.predict(X).tolist() == y.tolist()


@few
@given(classes, odd)
def test_best_is_never_larger_than_a_given_number(case: Any, s: int) -> None:
    radius = case[2].radius / 2
    assert bit_planes(case[2], radius).nonzeros <= bit_planes(case[2], radius, per_word=s).nonzeros


@few
@given(lines())
def test_two_classes_are_the_look_up_itself(case: Any) -> None:
    radius = case[2].radius / 2
    assert bit_planes(case[2], radius).network.layers[0].rows == look_up(case[2], radius).network.layers[0].rows
    assert stated(bit_planes(case[2], radius)) == stated(look_up(case[2], radius))


def test_names_of_classes_come_back() -> None:
    rng = np.random.default_rng(2)
    X = rng.integers(0, 2**12, (40, 3)) / 2**12
    y = rng.choice(["ash", "beech", "cedar", "oak", "yew"], 40)
    projection = project(X, y, draws=60, rng=0)
    f = bit_planes(projection, projection.radius / 2, per_word=3)
    assert f.predict(X).tolist() == y.tolist()
    assert set(f.predict(rng.random((50, 3))).tolist()) <= set(y.tolist())


@pytest.mark.parametrize("per_word", [2, 0, True, "float64"])
def test_even_numbers_are_refused(per_word: Any) -> None:
    with pytest.raises(ValueError, match="per_word"):
        bit_planes(along([[0.0], [1.0], [2.0]], [0, 1, 2], [1]), 0.25, per_word=per_word)
