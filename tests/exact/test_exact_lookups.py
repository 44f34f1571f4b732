"""The folded look-up: size by formula, values on whole balls, what changes nothing, and what doubles hold."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import SHARES, counted, few, lines, proved, stated
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import along, cells_of, look_up, plateaus, project, shallow_interpolant, to_network
from constructive.exact.cells import free_gaps
from constructive.exact.lookups import predicted_size

odd = st.integers(0, 5).map(lambda k: 2 * k + 1)


@few
@given(lines(), odd, st.booleans(), st.sampled_from(SHARES))
def test_the_formula_is_the_count(case: Any, s: int, narrow: bool, share: Fraction) -> None:
    f = look_up(case[2], share * case[2].radius, per_word=s, narrow=narrow)
    assert stated(f) == counted(f)


@few
@given(lines(), odd, st.booleans(), st.sampled_from(SHARES))
def test_every_ball_has_its_label_everywhere(case: Any, s: int, narrow: bool, share: Fraction) -> None:
    X, _, projection = case
    assert proved(look_up(projection, share * projection.radius, per_word=s, narrow=narrow), X)


@few
@given(lines(), odd, st.sampled_from([1.0, 2.0]), st.sampled_from(SHARES))
def test_balls_of_other_norms_have_their_label_everywhere(case: Any, s: int, norm: float, share: Fraction) -> None:
    X, y, projection = case
    line = along(X, y, [w // int(1 / projection.step) for w in projection.direction], norm=norm)
    assert proved(look_up(line, share * line.radius, per_word=s), X)
    assert proved(plateaus(line, share * line.radius), X)


@few
@given(lines(), odd, st.booleans(), st.data())
def test_points_of_the_balls_have_the_label_of_the_ball(case: Any, s: int, narrow: bool, data: st.DataObject) -> None:
    X, y, projection = case
    f = look_up(projection, projection.radius * Fraction(9, 10), per_word=s, narrow=narrow)
    corner = data.draw(st.lists(st.sampled_from([-1, 1, Fraction(1, 3)]), min_size=X.shape[1], max_size=X.shape[1]))
    points = [[Fraction(v) + f.radius * c for v, c in zip(x, corner, strict=True)] for x in X.tolist()]
    assert f.predict(points).tolist() == y.tolist()


@few
@given(lines(), st.sampled_from([1, 3, 5]))
def test_best_is_never_larger_than_a_given_number(case: Any, s: int) -> None:
    radius = case[2].radius / 2
    assert look_up(case[2], radius).nonzeros <= look_up(case[2], radius, per_word=s).nonzeros + 1


@few
@given(lines(), odd, st.booleans())
def test_negated_labels_negate_the_network_and_keep_its_size(case: Any, s: int, narrow: bool) -> None:
    X, y, projection = case
    mirrored = along(X, 1 - y, [w // int(1 / projection.step) for w in projection.direction])
    for build in (lambda p: look_up(p, p.radius / 2, per_word=s, narrow=narrow), lambda p: plateaus(p, p.radius / 2),
                  shallow_interpolant):
        f, g = build(projection), build(mirrored)
        assert stated(f) == stated(g)
        assert (f.network(X + 0.25) == -g.network(X + 0.25)).all()


@few
@given(lines(), odd, st.randoms())
def test_the_order_of_the_data_changes_nothing(case: Any, s: int, random: Any) -> None:
    X, y, projection = case
    rows = list(range(len(y)))
    random.shuffle(rows)
    moved = along(X[rows], y[rows], [w // int(1 / projection.step) for w in projection.direction])
    f, g = (look_up(p, p.radius / 2, per_word=s) for p in (projection, moved))
    assert [layer.rows for layer in f.network.layers] == [layer.rows for layer in g.network.layers]
    assert [layer.bias for layer in f.network.layers] == [layer.bias for layer in g.network.layers]


@few
@given(lines(), odd, st.integers(-50, 50))
def test_translated_data_change_the_offset_alone(case: Any, s: int, by: int) -> None:
    X, y, projection = case
    moved = along(X + by, y, [w // int(1 / projection.step) for w in projection.direction])
    f, g = (look_up(p, p.radius / 2, per_word=s) for p in (projection, moved))
    assert (f.network.size.nonzeros - (f.network.layers[0].bias[0] != 0)
            == g.network.size.nonzeros - (g.network.layers[0].bias[0] != 0))
    assert [layer.rows for layer in f.network.layers] == [layer.rows for layer in g.network.layers]


@few
@given(lines(), st.sampled_from(SHARES))
def test_cells_lie_between_the_balls(case: Any, share: Fraction) -> None:
    projection = case[2]
    cells, reach = cells_of(projection, share * projection.radius), projection.reach(share * projection.radius)
    ends = [((z - reach) * cells.multiplier + cells.offset, (z + reach) * cells.multiplier + cells.offset)
            for z in projection.positions]
    for low, high in ends:
        assert cells.pitch <= low
        assert high <= cells.pitch * (2**cells.bits - 2)
        assert all(high <= t * cells.pitch or low >= (t + 1) * cells.pitch for t in cells.keys)
    assert list(cells.keys) == sorted(set(cells.keys))


@few
@given(lines(), st.sampled_from(SHARES))
def test_no_offset_fits_cells_of_twice_the_width(case: Any, share: Fraction) -> None:
    projection, radius = case[2], share * case[2].radius
    cells = cells_of(projection, radius)
    width = 2 * cells.pitch
    gaps = [(low * cells.multiplier, high * cells.multiplier) for low, high in free_gaps(projection, radius)]
    if cells.pitch > 1:  # finer offsets than integers are not tried on a line that was multiplied
        for offset in range(width):
            assert any(math.floor((high + offset) / width) <= math.ceil((low + offset) / width) for low, high in gaps)


@few
@given(lines())
def test_robustness_is_paid_in_bits(case: Any) -> None:
    lengths = [cells_of(case[2], share * case[2].radius).bits for share in SHARES]
    assert lengths == sorted(lengths)


@few
@given(lines())
def test_no_radius_below_the_largest_is_refused_and_the_largest_is(case: Any) -> None:
    projection = case[2]
    f = look_up(projection, projection.radius * (1 - Fraction(1, 2**40)), per_word=1)
    assert proved(f, case[0])
    with pytest.raises(ValueError, match="below"):
        look_up(projection, projection.radius)


def sixty() -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    return rng.integers(0, 2**16, (60, 4)) / 2**16, rng.integers(0, 2, 60)


def test_the_float_member_agrees_with_the_integers_at_every_datum() -> None:
    X, y = sixty()
    projection = project(X, y, draws=50, rng=0)
    f = look_up(projection, projection.radius / 2, per_word="float64")
    doubles = to_network(f.network, projection.box, step=projection.step)
    assert (doubles(X) == f.network(X).astype(float)).all()
    assert f.predict(X).tolist() == y.tolist()


def test_nine_thresholds_a_word_are_refused_by_doubles_and_wrong_when_rounded() -> None:
    X, y = sixty()
    projection = project(X, y, draws=50, rng=0)
    f = look_up(projection, projection.radius / 2, per_word=9)
    with pytest.raises(ValueError, match="float64 has 53"):
        to_network(f.network, projection.box, step=projection.step)
    rounded = to_network(f.network, rounded=True)
    assert (rounded(X) != f.network(X).astype(float)).any()
    assert f.predict(X).tolist() == y.tolist()


def test_a_line_that_doubles_cannot_hold_is_refused_by_name() -> None:
    projection = along([[0.0, 0.0], [2.0**-30, 2.0**30]], [0, 1], [1, 1])
    with pytest.raises(ValueError, match="already one threshold"):
        look_up(projection, projection.radius / 2, per_word="float64")


def test_without_changes_the_look_up_is_a_constant() -> None:
    f = look_up(along([[0.0], [5.0]], [1, 1], [1]), radius=100)
    assert stated(f) == counted(f) == (1, 1, 0)
    assert f.network([[7.0]]).item() == 1


def test_published_counts_of_the_wide_form() -> None:
    # c changes and b bits of the measured instances at d = 8: 120, 16; 469, 19; 1990, 22; 8071, 27
    best = [min(predicted_size(8, c, b, s, narrow=False)[0] for s in range(1, 40, 2))
            for c, b in ((120, 16), (469, 19), (1990, 22), (8071, 27))]
    assert best == [320, 883, 2224, 5250]


@pytest.mark.parametrize("per_word", [2, 0, -1, True, "all", 1.0])
def test_even_numbers_and_other_words_are_refused(per_word: Any) -> None:
    projection = along([[0.0], [5.0]], [0, 1], [1])
    with pytest.raises(ValueError, match="per_word"):
        look_up(projection, projection.radius / 2, per_word=per_word)


def test_three_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="bit_planes"):
        look_up(along([[0.0], [1.0], [2.0]], [0, 1, 2], [1]), radius=0.25)
