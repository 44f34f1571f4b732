"""The shallow interpolant and the plateaus: size by formula, exact values, and the slopes they are known for."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from exact_line_cases import SHARES, counted, few, lines, proved, stated
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import along, certify_on_balls, look_up, plateaus, shallow_interpolant, wanted_outputs
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
