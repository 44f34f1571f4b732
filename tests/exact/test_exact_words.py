"""Words fold open: the worked word, all small words by brute force, and the lemma behind the comparison."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact.words import fold, pack, scale_of


@st.composite
def words(draw: st.DrawFn) -> tuple[list[int], int]:
    bits = draw(st.integers(1, 12))
    return draw(st.lists(st.integers(0, 2**bits - 1), min_size=1, max_size=6)), bits


def test_the_worked_word() -> None:
    assert [scale_of(i, 3, 3) for i in (1, 2, 3)] == [128, 16, 2]
    assert [pack(t, 3) for t in ([6], [4, 6], [1, 4, 6])] == [13, 77, 179]
    # one fold at a time: 512, 256, 128 leave 179, 179, 77; then 64, 32, 16 leave 51, 13, 13
    seen, word = [], 179
    for unit in (512, 256, 128, 64, 32, 16):
        word -= 2 * max(word - unit, 0)
        seen.append(word)
    assert seen == [179, 179, 77, 51, 13, 13]
    assert [min(z for z in range(9) if z * unit > v) for unit, v in ((128, 179), (16, 77), (2, 13))] == [2, 5, 7]


@pytest.mark.parametrize(("bits", "count"), [(b, s) for b in (1, 2, 3, 4) for s in (1, 2, 3)])
def test_every_small_word_folds_open_and_compares_as_its_thresholds(bits: int, count: int) -> None:
    for thresholds in itertools.product(range(1 << bits), repeat=count):
        word = pack(thresholds, bits)
        for place in range(1, count + 1):
            assert [z * scale_of(place, count, bits) > word for z in range((1 << bits) + 1)] == [
                z > thresholds[place - 1] for z in range((1 << bits) + 1)]
            if place < count:
                word = fold(word, scale_of(place, count, bits), bits)
                assert word == pack(thresholds[place:], bits)


@given(words())
def test_folding_pops_the_first_threshold(case: tuple[list[int], int]) -> None:
    thresholds, bits = case
    word = pack(thresholds, bits)
    for place in range(1, len(thresholds)):
        word = fold(word, scale_of(place, len(thresholds), bits), bits)
        assert word == pack(thresholds[place:], bits)
        assert 0 < word < scale_of(place, len(thresholds), bits)


@given(words())
def test_the_packed_word_compares_as_its_first_threshold(case: tuple[list[int], int]) -> None:
    thresholds, bits = case
    word, unit = pack(thresholds, bits), scale_of(1, len(thresholds), bits)
    near = range(max(thresholds[0] - 3, 0), thresholds[0] + 4)
    assert [z * unit > word for z in near] == [z > thresholds[0] for z in near]


@given(words(), st.integers(0, 6))
def test_with_a_pitch_both_ends_of_the_cell_are_a_pitch_away(case: tuple[list[int], int], power: int) -> None:
    thresholds, bits = case
    word, unit, pitch = pack(thresholds, bits), scale_of(1, len(thresholds), bits), 1 << power
    low, high = pitch * thresholds[0], pitch * (thresholds[0] + 1)
    assert low * unit - pitch * word <= -pitch
    assert high * unit - pitch * word >= pitch


@given(words())
def test_a_word_with_one_bit_changed_is_noticed(case: tuple[list[int], int]) -> None:
    thresholds, bits = case
    word, unit = pack(thresholds, bits), scale_of(1, len(thresholds), bits)
    assert (thresholds[0] + 1) * unit > word
    assert not (thresholds[0] + 1) * unit > word + unit  # the fault: the next threshold up


@pytest.mark.parametrize("thresholds", [[], [8], [-1], [1, 9]])
def test_thresholds_that_do_not_fit_are_refused(thresholds: list[int]) -> None:
    with pytest.raises(ValueError, match="pack: thresholds"):
        pack(thresholds, 3)
