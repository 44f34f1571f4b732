"""The table of memorizers: sizes that are counts, promises proved, nothing below the bounds, and clear refusals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from constructive.evidence import Verdict
from constructive.exact import look_up, project
from constructive.zoos import BUDGET, Slope, Zoo, least_slope, zoo
from constructive.zoos.data import Data
from constructive.zoos.lines import line_entry

RNG = np.random.default_rng(7)
X = RNG.integers(0, 2**12, (24, 3)) / 2.0**12
Y = RNG.choice([-1, 1], 24)


@pytest.fixture(scope="module")
def table() -> Zoo:
    return zoo(X, Y, draws=100)


def test_every_formula_is_the_count(table: Zoo) -> None:
    assert len(table) >= 17
    for entry in table:
        assert entry.counts is not None
        assert (entry.nonzeros, entry.depth, entry.width) == (
            entry.counts.nonzeros, entry.counts.depth, entry.counts.width), entry.name


def test_every_promise_is_proved(table: Zoo) -> None:
    assert {entry.name: entry.proof for entry in table if entry.proof is not Verdict.CONFIRMED} == {}
    assert table.left_out == ()
    assert table.report().verdict is Verdict.CONFIRMED


def test_lower_ends_of_slopes_are_at_most_upper_ends(table: Zoo) -> None:
    for entry in table:
        assert entry.slope is not None
        assert entry.slope.upper is not None
        assert entry.slope.lower <= entry.slope.upper, entry.name


def test_nobody_is_below_the_least_slope_and_the_nearest_neighbor_attains_it(table: Zoo) -> None:
    for entry in table:
        least = table.least(entry)
        if least is not None:
            assert entry.slope is not None
            assert entry.slope.upper is not None
            assert entry.slope.upper >= least, entry.name
    for name in ("nearest neighbor", "nearest neighbor, l_1"):
        entry, least = table[name], table.least(table[name])
        assert entry.slope is not None
        assert entry.slope.exact
        assert least is not None
        assert least <= Fraction(entry.slope.upper or 0) <= least * (1 + Fraction(1, 2**50))


def test_members_of_one_projection_stay_below_the_radius_of_the_others(table: Zoo) -> None:
    line = [entry for entry in table if "r_max" in entry.note]
    assert len(line) >= 8
    assert all(entry.radius < table.data.radius for entry in line)
    assert all(entry.ratio == 0.5 for entry in table if "boxes" in entry.name or "facets" in entry.name)


def test_packed_words_need_more_bits_than_doubles_have_and_nearest_neighbors_none(table: Zoo) -> None:
    assert table["nearest neighbor"].arithmetic == "float32"
    assert table["bit extraction"].counts is not None
    assert table["look-up, s = 3"].counts is not None
    assert table["look-up, s = 1"].counts is not None
    assert table["look-up, s = 3"].counts.widest > table["look-up, s = 1"].counts.widest


def test_words_beyond_doubles_are_seen_to_fail() -> None:
    rng = np.random.default_rng(3)
    points, labels = rng.integers(0, 2**20, (60, 2)) / 2.0**20, rng.choice([0, 1], 60)
    data = Data.of(points, labels, None, 0.5, rng)
    line = project(points, labels, draws=20, rng=0)
    radius = Fraction(line.radius) / 2
    entry = line_entry("packed", look_up(line, radius, per_word=9), data, radius, "value", BUDGET)
    assert entry.proof is Verdict.CONFIRMED
    assert entry.wrong64 is not None
    assert entry.wrong64 > 10
    assert entry.arithmetic == "integers"


def test_rows_are_plain_and_as_many_as_columns_say(table: Zoo) -> None:
    for shown in (table.table, table.bounds):
        assert all(len(row) == len(shown.columns) for row in shown.rows)
        assert all(isinstance(value, (int, float, str)) for row in shown.rows for value in row)
    assert table.columns == table.table.columns
    assert table.rows == table.table.rows


def test_a_given_radius_is_that_of_all_members_that_reach_it() -> None:
    points, labels = [[0.0], [1.0], [2.0], [3.5]], [0, 1, 1, 0]
    found = zoo(points, labels, radius=0.25, draws=10)
    assert found["plateaus"].radius == Fraction(1, 4)
    assert found["boxes"].radius == 0.25
    assert found["nearest neighbor"].slope is not None
    assert found["nearest neighbor"].slope.upper == 4 == least_slope(1, Fraction(1, 4))


def test_three_classes_have_bit_planes_and_students_alone() -> None:
    rng = np.random.default_rng(1)
    found = zoo(rng.integers(0, 256, (20, 2)) / 256, rng.integers(0, 3, 20).astype(str), draws=50)
    names = [entry.name for entry in found]
    assert names[0] == "bit planes"
    assert "facets" in names
    assert not any("nearest" in name or "grids" in name for name in names)
    assert found.report().verdict is Verdict.CONFIRMED
    assert any("two classes only" in why for _, why in found.left_out)


def test_beyond_the_budget_sizes_are_given_by_formula(table: Zoo) -> None:
    few = zoo(X, Y, draws=10, budget=24 * 300)
    entry = few["nearest neighbor"]
    assert entry.counts is None
    assert entry.proof is None
    assert "not written out" in entry.note
    assert few["nearest neighbor"].slope is not None
    assert few["nearest neighbor"].slope.upper == table.least(table["nearest neighbor"])
    assert few["plateaus"].proof is Verdict.CONSISTENT
    assert "on 16 drawn balls of 24" in few["plateaus"].proved_by
    assert "from the weights on 16 drawn balls of 24" in few["adaptive grids"].proved_by
    assert few["adaptive grids"].proof is Verdict.CONSISTENT
    assert table["adaptive grids"].proof is Verdict.CONFIRMED
    none = zoo(X, Y, draws=1, budget=1)
    assert any(name == "adaptive grids" and "pairs of conflicting data" in why for name, why in none.left_out)
    assert few["plateaus"].slope is not None
    assert few["plateaus"].slope.exact
    for name in ("nearest neighbor", "sequential boxes", "boxes"):
        zeros = int((X == 0).sum()) * 2
        assert few[name].nonzeros - zeros <= table[name].nonzeros <= few[name].nonzeros + X.shape[1]
        assert (few[name].depth, few[name].width) == (table[name].depth, table[name].width)


def test_one_class_is_legal_and_needs_nothing() -> None:
    found = zoo([[0.0], [1.0]], ["a", "a"], draws=10)
    assert found.report().verdict is Verdict.CONFIRMED
    assert found["plateaus"].nonzeros == 1


def test_progress_is_told_every_member() -> None:
    heard: list[str] = []
    found = zoo(X[:8], Y[:8], draws=10, budget=1, progress=heard.append)
    assert {entry.name for entry in found} <= set(heard)


def test_the_same_seed_gives_the_same_table() -> None:
    first, again, other = (zoo(X[:6], Y[:6], draws=3, budget=1, rng=seed) for seed in (1, 1, 2))
    assert first.rows == again.rows
    assert first.rows != other.rows


@pytest.mark.parametrize(("arguments", "words"), [
    ({"radius": 5.0}, "apart; pass radius <"), ({"radius": -1.0}, "radius=-1.0 must be >="),
    ({"share": 1.0}, "share=1.0 must be <"), ({"budget": 0}, "budget")])
def test_bad_arguments_are_refused(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        zoo(X, Y, **arguments)


def test_real_labels_and_conflicting_duplicates_are_refused() -> None:
    with pytest.raises(ValueError, match="real values"):
        zoo([[0.0], [1.0]], [0.5, 0.25])
    with pytest.raises(ValueError, match="same point"):
        zoo([[0.0], [0.0], [1.0]], [0, 1, 1])
    assert math.isinf(float(zoo([[0.0]], [1]).data.apart))


def test_an_unknown_member_is_refused_with_the_list(table: Zoo) -> None:
    with pytest.raises(KeyError, match="nearest neighbor"):
        table["farthest neighbor"]


@pytest.mark.parametrize(("points", "labels"), [
    ([[0.5]], [1]), ([[0.0], [0.0], [1.0], [1.0]], ["a", "a", "b", "b"]), ([[0.0], [1.0], [2.0]], [0, 1, 2]),
    ([[0.0, 1e-200], [2e-200, 1e-200], [5e-200, 1e-200]], [True, False, True]), ([[1e6], [1e6 + 0.125]], [0, 1])])
def test_few_equal_tiny_and_distant_data_are_legal(points: list[list[float]], labels: list[object]) -> None:
    found = zoo(points, labels, draws=10)
    assert found.report().verdict is Verdict.CONFIRMED
    assert len(found) >= 7


def test_data_whose_networks_single_precision_cannot_hold_make_no_warning() -> None:
    found = zoo([[1e-300, 0.0], [0.0, 0.0], [1e-300, 1e-300]], [0, 1, 0], draws=10)
    assert found["boxes"].wrong32 == 3
    assert found["boxes"].wrong64 == 0
    assert found["boxes"].arithmetic == "float64"
    assert found.report().verdict is Verdict.CONFIRMED


def test_the_direction_drawn_for_size_has_the_smallest_look_up(table: Zoo) -> None:
    (smallest,) = [entry for entry in table if entry.name.startswith("look-up") and entry.name.endswith("for size")]
    others = [entry.nonzeros for entry in table if entry.name.startswith("look-up") and entry is not smallest]
    assert smallest.nonzeros <= min(others)
    assert smallest.proof is Verdict.CONFIRMED


@pytest.mark.parametrize(("slope", "words"), [
    (Slope(2, 2), "2"), (Slope(1, 3), "1 .. 3"), (Slope(0, 3), "<= 3"), (Slope(1, None), ">= 1"),
    (Slope(Fraction(768), 768.001), "768"), (Slope(Fraction(768), 769.0), "768 .. 769")])
def test_slopes_show_the_digits_that_are_known(slope: Slope, words: str) -> None:
    assert slope.words == words
