"""Slopes of the memorizers: equal to difference quotients, exact where the constant is known, huge where words pack."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import SHARES, few, lines
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import (
    IntegerNetwork,
    along,
    bit_extraction,
    lipschitz_on_line,
    look_up,
    plateaus,
    project,
    shallow_interpolant,
    slope_at,
    steepest,
)
from constructive.exact.balls import on_one_line, pieces

places = st.fractions(min_value=-5, max_value=5, max_denominator=9)


@few
@given(lines(most=6), st.sampled_from([1, 3]), places)
def test_the_slope_is_the_difference_quotient_to_the_next_knot(case: Any, s: int, start: Fraction) -> None:
    _, phi = on_one_line(look_up(case[2], case[2].radius / 2, per_word=s).network)
    (slope,) = slope_at(phi, start)
    step = Fraction(1, 1 << 60)  # no two knots of so small a network are that close
    while len(list(pieces(phi, start, start + step))) > 2:
        step /= 2
    assert slope == (phi.exact([start + step])[0] - phi.exact([start])[0]) / step


@few
@given(lines())
def test_the_interpolant_is_as_steep_as_the_largest_radius_asks(case: Any) -> None:
    found = steepest(shallow_interpolant(case[2]))
    assert found.lower == found.upper == 1 / case[2].radius


@few
@given(lines(), st.sampled_from(SHARES[:4]))
def test_plateaus_are_as_steep_as_the_radius_left_asks(case: Any, share: Fraction) -> None:
    found = steepest(plateaus(case[2], share * case[2].radius))
    assert found.lower == found.upper == 1 / (case[2].radius * (1 - share))


@few
@given(lines(most=10), st.booleans())
def test_with_one_threshold_a_word_the_slope_is_exact(case: Any, narrow: bool) -> None:
    f = look_up(case[2], case[2].radius / 2, per_word=1, narrow=narrow)
    found = steepest(f)
    assert found.lower == found.upper
    direction, phi = on_one_line(f.network)
    ends = [Fraction(z) / Fraction(next(filter(None, f.projection.direction)), next(filter(None, direction)))
            for z in (min(f.projection.positions), max(f.projection.positions))]
    all_pieces = list(pieces(phi, min(ends) - 1, max(ends) + 1))
    slopes = [abs(v[0] - u[0]) / (b - a) for (a, u), (b, v) in zip(all_pieces, all_pieces[1:], strict=False)]
    assert max(slopes) * sum(map(abs, direction)) == found.lower


@few
@given(lines(), st.sampled_from([3, 5]), places)
def test_no_point_of_a_look_up_is_steeper_than_the_bound(case: Any, s: int, start: Fraction) -> None:
    f = look_up(case[2], case[2].radius / 2, per_word=s)
    direction, phi = on_one_line(f.network)
    found = steepest(f)
    assert found.upper is not None
    assert found.lower <= found.upper
    assert abs(slope_at(phi, start)[0]) * sum(map(abs, direction)) <= found.upper


def test_three_thresholds_a_word_are_steeper_by_millions_and_samples_do_not_see_it() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2**20, (120, 8)) / 2**20, rng.integers(0, 2, 120)
    projection = project(X, y, draws=200, rng=0)
    flat, steep = plateaus(projection, projection.radius / 2), look_up(projection, projection.radius / 2, per_word=3)
    found = steepest(steep)
    assert found.upper is not None
    assert found.lower > 2**20 * steepest(flat).lower
    assert found.upper < 16 * found.lower
    direction, phi = on_one_line(steep.network)
    middles = [Fraction(int(z)) for z in rng.integers(min(projection.positions), max(projection.positions), 500)]
    factor = Fraction(next(filter(None, projection.direction)), next(filter(None, direction)))
    seen = max(abs(slope_at(phi, z / factor)[0]) for z in middles) * sum(map(abs, direction))
    assert seen < found.lower / 2**10


def test_in_norm_two_the_constant_is_bracketed() -> None:
    p = along([[0.0, 0.0], [1.0, 0.0]], [0, 1], [1, 1], norm=2)
    found = steepest(plateaus(p, 0))
    assert found.upper is not None
    assert found.lower**2 < 8 <= found.upper**2
    assert float(found.upper) == pytest.approx(math.sqrt(8), rel=1e-15)


def test_extraction_has_a_lower_end_alone() -> None:
    p = along([[0.0], [2.0], [4.0]], [0, 1, 0], [1])
    assert steepest(bit_extraction(p)).lower == 1
    assert steepest(bit_extraction(p)).upper is None


def test_a_constant_has_slope_zero() -> None:
    found = steepest(look_up(along([[0.0], [2.0]], [1, 1], [1]), 0.5))
    assert (found.lower, found.upper) == (0, 0)


def test_two_inputs_have_no_slope_at_a_number() -> None:
    with pytest.raises(ValueError, match="2 inputs"):
        slope_at(IntegerNetwork.build([([[(0, 1), (1, 1)]], [0])], inputs=2), 0)


def test_deep_networks_have_no_list_of_pieces() -> None:
    f = look_up(along([[0.0], [2.0]], [0, 1], [1]), 0.5, per_word=1)
    with pytest.raises(ValueError, match="needs one output and one hidden layer"):
        lipschitz_on_line(f.network)


def test_a_hidden_layer_that_reads_nothing_is_flat() -> None:
    assert lipschitz_on_line(IntegerNetwork.build([([[]], [3]), ([[(0, 1)]], [0])], inputs=2)) == 0
