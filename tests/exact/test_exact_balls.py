"""Proofs on whole balls: equal to brute force on the line, and no planted fault passes."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import few, lines
from hypothesis import given
from hypothesis import strategies as st

from constructive.evidence import Verdict
from constructive.exact import IntegerLayer, IntegerNetwork, certify_on_balls, look_up, wanted_outputs
from constructive.exact.balls import on_one_line, pieces
from constructive.exact.norms import dual_norm


@st.composite
def line_networks(draw: st.DrawFn) -> IntegerNetwork:
    small = st.integers(-4, 4)
    widths = [1, *draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)), 1]
    maps = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        maps.append(([[(j, draw(small)) for j in range(n_in)] for _ in range(n_out)],
                     [draw(small) for _ in range(n_out)]))
    return IntegerNetwork.build(maps, inputs=1, scale=draw(st.sampled_from([Fraction(1), Fraction(1, 3)])))


@few
@given(line_networks(), st.integers(-6, 6), st.integers(1, 12))
def test_pieces_are_the_network_at_the_knots_and_between(f: IntegerNetwork, low: int, length: int) -> None:
    found = list(pieces(f, Fraction(low), Fraction(low + length, 2)) if low + length > 2 * low
                 else pieces(f, Fraction(low), Fraction(low + 1)))
    for (a, at_a), (b, at_b) in zip(found, found[1:], strict=False):
        for share in (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1)):
            expected = [u + share * (v - u) for u, v in zip(at_a, at_b, strict=True)]
            assert list(f.exact([a + share * (b - a)])) == expected


@few
@given(line_networks(), st.integers(-6, 6), st.sampled_from([Fraction(1, 2), Fraction(2), Fraction(0)]),
       st.sampled_from(["value", "sign"]))
def test_the_proof_agrees_with_the_pieces(f: IntegerNetwork, center: int, radius: Fraction, claim: str) -> None:
    (wanted,) = f.exact([center])
    values = [v[0] for _, v in pieces(f, center - radius, center + radius)]
    right = all(v == wanted for v in values) if claim == "value" else all(v * wanted > 0 for v in values)
    proof = certify_on_balls(f, [[float(center)]], [[wanted]], radius=radius, claim=claim)
    assert proof.wrong == (() if right else (0,))


@few
@given(lines(), st.sampled_from([1, 3]), st.booleans(), st.data())
def test_a_changed_output_is_noticed_on_every_ball(case: Any, s: int, narrow: bool, data: st.DataObject) -> None:
    X, _, projection = case
    f = look_up(projection, projection.radius / 2, per_word=s, narrow=narrow)
    last = f.network.layers[-1]
    by = data.draw(st.sampled_from([-1, 1]))
    moved = IntegerNetwork((*f.network.layers[:-1], IntegerLayer.build(last.rows, [last.bias[0] + by], last.inputs)),
                           f.network.scale)
    proof = certify_on_balls(moved, X, wanted_outputs(projection), radius=f.radius)
    assert proof.wrong == tuple(range(len(X)))


@few
@given(lines(), st.sampled_from([1, 3]))
def test_balls_that_meet_are_noticed(case: Any, s: int) -> None:
    X, _, projection = case
    f = look_up(projection, projection.radius / 2, per_word=s)
    proof = certify_on_balls(f.network, X, wanted_outputs(projection), radius=projection.radius, limit=10)
    # two balls of different labels share a point, which cannot have both
    assert len(proof.wrong) >= 1
    assert proof.verdict is Verdict.REFUTED


def test_a_spike_inside_a_ball_is_found_although_both_ends_and_the_middle_are_right() -> None:
    spike = [([[(0, 4)], [(0, 4)], [(0, 4)]], [-1, -2, -3]), ([[(0, 1), (1, -2), (2, 1)]], [1])]
    f = IntegerNetwork.build(spike, inputs=1)
    assert [f.exact([v])[0] for v in (-1, 0, 1)] == [1, 1, 1]
    proof = certify_on_balls(f, [[0.0]], [[1]], radius=1)
    assert (proof.wrong, proof.affine) == ((0,), 0)
    assert certify_on_balls(f, [[0.0]], [[1]], radius=0.25).verdict is Verdict.CONFIRMED


def test_too_many_pieces_are_undecided_and_not_confirmed() -> None:
    saw = IntegerNetwork.build([([[(0, 1)], [(0, 2)]], [8, -1]), ([[(0, 1), (1, -1)]], [0])], inputs=1)
    f = IntegerNetwork.build([([[(0, 1)], [(0, 1)]], [0, 1]), ([[(0, 0), (1, 0)]], [1])], inputs=1)
    proof = certify_on_balls(f, [[0.0]], [[1]], radius=2, limit=3)
    assert (proof.verdict, proof.undecided, proof.affine) == (Verdict.UNDECIDED, (0,), 0)
    assert certify_on_balls(f, [[0.0]], [[1]], radius=2).verdict is Verdict.CONFIRMED
    with pytest.raises(ValueError, match="more than limit=2"):
        list(pieces(saw, Fraction(-9), Fraction(9), limit=2))


def test_blocks_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from constructive.exact import balls
    f = IntegerNetwork.build([([[(0, 1)], [(0, 1)]], [0, -1]), ([[(0, 1), (1, -1)]], [0])], inputs=1)
    X = [[float(k)] for k in range(-3, 5)]
    wanted = [[int(x[0] > 0)] for x in X]
    before = certify_on_balls(f, X, wanted, radius=0.5)
    monkeypatch.setattr(balls, "_BLOCK", 1)
    after = certify_on_balls(f, X, wanted, radius=0.5)
    assert (before.wrong, before.affine) == (after.wrong, after.affine) == ((3, 4), 6)


@few
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=4).filter(any), st.sampled_from([1.0, 2.0, math.inf]))
def test_dual_norms_bound_every_step_and_are_reached(direction: list[int], norm: float) -> None:
    length = dual_norm(direction, norm)
    a = np.array(direction, float)
    # the unit vector on which the bound is reached
    if norm == math.inf:
        step: Any = np.sign(a)
    elif norm == 1.0:
        step = np.where(np.arange(a.size) == np.abs(a).argmax(), np.sign(a), 0.0)
    else:
        assert length**2 >= sum(v * v for v in direction) > (length * (1 - Fraction(1, 1 << 60))) ** 2
        return
    assert float(a @ step) == length


@few
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=4), st.integers(1, 99), st.sampled_from([1.0, 2.0, math.inf]))
def test_dual_norms_are_exactly_proportional(direction: list[int], factor: int, norm: float) -> None:
    assert dual_norm([factor * v for v in direction], norm) == factor * dual_norm(direction, norm)


def test_two_directions_are_refused() -> None:
    f = IntegerNetwork.build([([[(0, 1)], [(1, 1)]], [0, 0]), ([[(0, 1), (1, 1)]], [0])], inputs=2)
    with pytest.raises(ValueError, match="row 1 of the first layer"):
        on_one_line(f)


def test_multiples_of_a_direction_that_are_no_integers_of_each_other_are_one_line() -> None:
    f = IntegerNetwork.build([([[(0, 4), (1, 6)], [(0, -6), (1, -9)], []], [1, 2, 3]),
                              ([[(0, 1), (1, 1), (2, 1)]], [0])], inputs=2)
    a, phi = on_one_line(f)
    assert phi.exact([a[0] * 5 + a[1] * -4]) == f.exact([5, -4])


@pytest.mark.parametrize(("change", "message"), [
    ({"wanted": [[1, 1]]}, "wanted must have shape"), ({"wanted": []}, "wanted must have shape"),
    ({"radius": -1}, "radius=-1"), ({"claim": "maybe"}, "claim='maybe'"), ({"norm": 3}, "norm=3"),
])
def test_arguments_that_make_no_sense_are_refused(change: dict[str, Any], message: str) -> None:
    f = IntegerNetwork.build([([[(0, 1)]], [0])], inputs=1)
    arguments = {"wanted": [[1]], "radius": 1, **change}
    with pytest.raises(ValueError, match=message):
        certify_on_balls(f, [[0.0]], **arguments)
