"""The shallow interpolant and the plateaus: size by formula, exact values, and the slopes they are known for."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from exact_line_cases import SHARES, counted, few, lines, proved, stated
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import (
    LineMemorizer,
    Projection,
    along,
    bit_extraction,
    certify_on_balls,
    look_up,
    plateaus,
    shallow_interpolant,
    wanted_outputs,
)
from constructive.exact.balls import on_one_line, pieces


def steepest(f: Any) -> Fraction:
    """The largest slope in x, in l_inf: exact pieces on the whole line of the data, times the norm of the direction."""
    direction, phi = on_one_line(f.network)
    ratio = Fraction(next(w for w in f.projection.direction if w), next(w for w in direction if w))
    ends = [Fraction(z) / ratio for z in (min(f.projection.positions), max(f.projection.positions))]
    found = list(pieces(phi, min(ends) - 1, max(ends) + 1))
    return max(abs(v[0] - u[0]) / (b - a) for (a, u), (b, v) in pairwise(found)) * sum(map(abs, direction))


@few
@given(lines())
def test_the_formula_of_the_interpolant_is_the_count(case: Any) -> None:
    f = shallow_interpolant(case[2])
    assert stated(f) == counted(f)


@few
@given(lines(), st.sampled_from(SHARES))
def test_the_formula_of_the_plateaus_is_the_count(case: Any, share: Fraction) -> None:
    f = plateaus(case[2], share * case[2].radius)
    assert stated(f) == counted(f)


@few
@given(lines())
def test_the_interpolant_hits_every_datum(case: Any) -> None:
    X, _, projection = case
    assert proved(shallow_interpolant(projection), X)


@few
@given(lines(), st.sampled_from(SHARES))
def test_the_sign_of_the_interpolant_is_right_on_every_ball_below_the_largest(case: Any, share: Fraction) -> None:
    X, _, projection = case
    wanted = wanted_outputs(projection)
    f = shallow_interpolant(projection).network
    assert not certify_on_balls(f, X, wanted, radius=share * projection.radius, claim="sign").wrong
    assert certify_on_balls(f, X, wanted, radius=projection.radius, claim="sign").wrong


@few
@given(lines(), st.sampled_from(SHARES))
def test_the_plateaus_are_flat_on_every_ball(case: Any, share: Fraction) -> None:
    X, _, projection = case
    assert proved(plateaus(projection, share * projection.radius), X)


@few
@given(lines())
def test_the_steepest_slope_of_the_interpolant_is_one_over_the_largest_radius(case: Any) -> None:
    assert steepest(shallow_interpolant(case[2])) == 1 / case[2].radius


@few
@given(lines(), st.sampled_from(SHARES[:4]))
def test_the_steepest_slope_of_the_plateaus_is_one_over_the_radius_left(case: Any, share: Fraction) -> None:
    projection = case[2]
    assert steepest(plateaus(projection, share * projection.radius)) == 1 / (projection.radius * (1 - share))


@few
@given(lines(), st.sampled_from([1, 3, 5]))
def test_plateaus_and_look_up_agree_on_all_integers_within_the_balls(case: Any, s: int) -> None:
    _, y, projection = case
    # the line itself, 8 times finer, so that the balls hold integers
    places = [8 * z for z in projection.positions]
    line = along(np.array([[z] for z in places], float), y, [1])
    radius = line.radius * Fraction(9, 10)
    reach = int(line.reach(radius))
    points = [[z + k] for z in places for k in range(-reach, reach + 1, max(reach // 4, 1))]
    assert (plateaus(line, radius).network(points) == look_up(line, radius, per_word=s).network(points)).all()


def test_without_changes_both_are_constants() -> None:
    projection = along([[0.0], [5.0]], [-1, -1], [1])
    for f in (shallow_interpolant(projection), plateaus(projection, 3)):
        assert stated(f) == counted(f) == (1, 1, 0)
        assert f.network([[9.0]]).item() == -1
        assert f.predict([[9.0]]).tolist() == [-1]


SIMPLE: dict[str, Callable[[Projection], LineMemorizer]] = {
    "interpolant": shallow_interpolant,
    "plateaus": lambda p: plateaus(p, p.radius / 2),
    "extraction": lambda p: bit_extraction(p, per_word=2),
}


def without_zeros(f: LineMemorizer) -> int:
    """Nonzero weights: what biases happen to be 0 depends on where the data lie."""
    return sum(len(row) for layer in f.network.layers for row in layer.rows)


@few
@given(lines(), st.sampled_from(sorted(SIMPLE)), st.randoms(use_true_random=False))
def test_the_order_of_the_data_changes_no_number(case: Any, name: str, random: Any) -> None:
    X, y, projection = case
    order = list(range(len(X)))
    random.shuffle(order)
    direction = [int(w * projection.step) for w in projection.direction]
    f, g = (SIMPLE[name](along(X[rows], y[rows], direction)) for rows in (list(range(len(X))), order))
    assert [(layer.rows, layer.bias) for layer in f.network.layers] == [
        (layer.rows, layer.bias) for layer in g.network.layers]
    assert f.network.scale == g.network.scale


@few
@given(lines(), st.sampled_from(["interpolant", "plateaus"]))
def test_negated_labels_negate_the_values(case: Any, name: str) -> None:
    X, y, projection = case
    direction = [int(w * projection.step) for w in projection.direction]
    f, g = SIMPLE[name](along(X, y, direction)), SIMPLE[name](along(X, 1 - y, direction))
    assert counted(f) == counted(g)
    points = np.vstack([X, X + 0.375, -X])
    assert (f.network(points) == -g.network(points)).all()


@few
@given(lines(), st.sampled_from(sorted(SIMPLE)), st.integers(-9, 9))
def test_translated_data_have_as_many_weights(case: Any, name: str, by: int) -> None:
    X, y, projection = case
    direction = [int(w * projection.step) for w in projection.direction]
    f, g = SIMPLE[name](along(X, y, direction)), SIMPLE[name](along(X + by, y, direction))
    assert without_zeros(f) == without_zeros(g)
    assert (f.network(X) == g.network(X + by)).all()
