"""Grids: groups that keep their rules, networks of the stated size, right answers on whole balls, controls."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from grid_cases import half_separation, lattice_data, targeted, wrong
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.evidence import Verdict
from constructive.exact.grid_layers import table_of
from constructive.exact.grids import Group, _clear, broken_rules, uniform_groups
from constructive.exact.lattices import on_lattice
from constructive.exact.network import IntegerLayer, IntegerNetwork
from constructive.exact.shifted_grids import GridMemorizer, grid_memorizer
from constructive.students import memorize

Array = np.ndarray[Any, Any]


@st.composite
def members(draw: Any, most: int = 30) -> GridMemorizer:
    """Members of both kinds of shifts, one- and two-sided, with any number of codes a word."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    X, y = lattice_data(rng, draw(st.integers(3, most)), draw(st.integers(1, 4)))
    one_sided, shifts = draw(st.booleans()), draw(st.sampled_from(["adaptive", "uniform"]))
    share = Fraction(draw(st.sampled_from([0, 10, 40, 60])), 64 if shifts == "adaptive" else 64 * (2 + X.shape[1]))
    slots = draw(st.sampled_from(["best", 0, 2, 4] if not one_sided else ["best", 0, 1, 2, 3, 4, 5]))
    return grid_memorizer(X, y, radius=half_separation(X, y) * share, shifts=shifts, one_sided=one_sided,
                          per_word=slots)


def check_size(member: GridMemorizer) -> None:
    size = member.network.size
    assert (size.nonzeros, size.depth) == (member.nonzeros, member.depth)


@given(members())
@settings(max_examples=40)
def test_nonzeros_and_depth_are_their_formulas(member: GridMemorizer) -> None:
    check_size(member)


@pytest.mark.slow
@given(members())
@settings(max_examples=200)
def test_nonzeros_and_depth_are_their_formulas_on_two_hundred_instances(member: GridMemorizer) -> None:
    check_size(member)


@given(members(16), st.integers(0, 2**32))
@settings(max_examples=25)
def test_answers_are_right_at_targeted_points_of_all_balls(member: GridMemorizer, seed: int) -> None:
    points, which = targeted(member, 24, np.random.default_rng(seed))
    assert wrong(member, points, which) == 0


@given(members())
@settings(max_examples=25)
def test_the_groups_keep_their_rules(member: GridMemorizer) -> None:
    assert member.broken_rules() == []


def test_one_sided_and_two_sided_have_the_same_sign_on_balls() -> None:
    rng = np.random.default_rng(1)
    X, y = lattice_data(rng, 20, 3)
    both = [grid_memorizer(X, y, radius=half_separation(X, y) / 2, one_sided=s) for s in (True, False)]
    points, _ = targeted(both[0], 60, rng)
    one, two = (member.network(points)[:, 0].tolist() for member in both)
    assert all(a * b > 0 for a, b in zip(one, two, strict=True))


@given(st.integers(1, 6), st.integers(0, 2**32))
@settings(max_examples=100)
def test_some_of_d_plus_one_shifted_grids_is_good_for_every_point(d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    step = int(rng.integers(2, 40))
    points = rng.integers(-1000, 1000, (50, d))
    grids = [tuple(tuple(range(-2000 - 2000 % (step * (d + 1)) + g * step, 2000, step * (d + 1))) for _ in range(d))
             for g in range(d + 1)]
    good = np.stack([_clear(points, thresholds, step // 2) for thresholds in grids])
    assert good.any(axis=0).all()


def test_a_point_that_every_shift_but_one_spoils() -> None:
    d, step = 4, 10
    point = np.array([[g * step for g in range(d)]])  # coordinate g sits on a threshold of grid g
    grids = [tuple(tuple(range(g * step - 500, 500, step * (d + 1))) for _ in range(d)) for g in range(d + 1)]
    good = [bool(_clear(point, thresholds, step // 2)[0]) for thresholds in grids]
    assert good == [False, False, False, False, True]


def test_uniform_shifts_reach_every_radius_below_the_separation_over_two_d_plus_two() -> None:
    rng = np.random.default_rng(3)
    for d in (1, 2, 5):
        X, y = lattice_data(rng, 40, d, bits=20)
        largest = half_separation(X, y) / (d + 1)
        member = grid_memorizer(X, y, radius=largest * Fraction(999, 1000), shifts="uniform")
        assert member.broken_rules() == []
        with pytest.raises(ValueError, match="shifted grids, but X"):
            grid_memorizer(X, y, radius=largest, shifts="uniform")


def test_adaptive_thresholds_reach_every_radius_below_half_the_separation() -> None:
    X, y = lattice_data(np.random.default_rng(5), 40, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) * Fraction(9999, 10000))
    assert member.broken_rules() == []
    points, which = targeted(member, 40, np.random.default_rng(0))
    assert wrong(member, points, which) == 0


def test_a_threshold_that_was_moved_breaks_a_rule() -> None:
    rng = np.random.default_rng(7)
    X, y = lattice_data(rng, 40, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) / 2)
    lattice = member.lattice
    caught = tried = 0
    for g, group in enumerate(member.groups):
        for j, values in enumerate(group.thresholds):
            for k, t in enumerate(values):
                own = lattice.points[group.entered, j]
                moved = int(own[np.abs(own - t).argmin()])  # onto the nearest datum that is entered
                thresholds = list(group.thresholds)
                thresholds[j] = tuple(sorted({*values[:k], *values[k + 1:], moved}))
                groups = [*member.groups]
                groups[g] = dataclasses.replace(group, thresholds=tuple(thresholds))
                tried += 1
                caught += bool(broken_rules(lattice, member.ramp, groups, one_sided=True))
    assert caught == tried > 10


def test_a_group_less_and_a_threshold_less_are_told() -> None:
    X, y = lattice_data(np.random.default_rng(9), 30, 2)
    member = grid_memorizer(X, y, radius=half_separation(X, y) / 2)
    assert "a datum is in no group" in broken_rules(member.lattice, member.ramp, member.groups[:-1], one_sided=True)
    first = member.groups[0]
    bare = Group(tuple(() for _ in first.thresholds), first.entered)
    assert any("meets the cell" in rule for rule in
               broken_rules(member.lattice, member.ramp, [bare, *member.groups[1:]], one_sided=True))


def test_on_larger_balls_there_are_wrong_answers() -> None:
    rng = np.random.default_rng(11)
    X, y = lattice_data(rng, 40, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) * Fraction(9, 10))
    assert wrong(member, *targeted(member, 400, rng, scale=1.6)) > 10


def test_without_the_gate_there_are_wrong_answers() -> None:
    rng = np.random.default_rng(2)
    X, y = lattice_data(rng, 60, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) / 2)
    layers = list(member.network.layers)
    rows = [row if k % 2 == 0 else () for k, row in enumerate(layers[1].rows)]  # codes and gates take turns
    layers[1] = IntegerLayer.build(rows, layers[1].bias, layers[1].inputs)
    open_gates = dataclasses.replace(member, network=IntegerNetwork(tuple(layers), member.network.scale))
    points, which = targeted(member, 1500, rng)
    assert wrong(member, points, which) == 0
    assert wrong(open_gates, points, which) > 0


@pytest.mark.slow
def test_grids_grow_slower_than_merged_boxes_and_are_fewer_numbers_from_three_thousand_data_on() -> None:
    sizes = {}
    for n in (200, 1000, 3000):
        X, y = lattice_data(np.random.default_rng(0), n, 8, bits=20)
        radius = half_separation(X, y) * Fraction(9, 100)
        member = grid_memorizer(X, y, radius=radius)
        assert member.broken_rules() == []
        sizes[n] = member.nonzeros, memorize(X, y, radius=float(radius), recipe="one-sided").size.nonzeros
    grids, boxes = zip(*sizes.values(), strict=True)
    assert grids[0] > boxes[0]
    assert grids[2] < boxes[2]
    assert grids[2] < 3000 * 1.25
    assert grids[2] / grids[1] < boxes[2] / boxes[1]


def test_doubles_off_the_lattice_are_moved_and_their_balls_widened() -> None:
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(12, 2)) * [1e-3, 1e3], [0, 1] * 6
    lattice = on_lattice(X, y, 1e-4, who="test")
    for x, p in zip(X, lattice.points, strict=True):
        for c, v in zip(x.tolist(), p.tolist(), strict=True):
            away = abs(Fraction(c) * 2**lattice.power - v)
            assert away + Fraction(1e-4) * 2**lattice.power <= lattice.reach


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1e12])
def test_data_of_any_scale_are_memorized(scale: float) -> None:
    rng = np.random.default_rng(12)
    X, y = rng.normal(size=(15, 2)) * scale, [0, 1, 1] * 5
    member = grid_memorizer(X, y, radius=float(half_separation(X, np.where(y, 1, -1))) * 0.5)
    assert (member.broken_rules(), member.predict(X).tolist()) == ([], y)
    assert member.certify().verdict is Verdict.CONFIRMED


def test_data_of_two_scales_that_no_lattice_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="58 bits leave fewer than 8 lattice points"):
        grid_memorizer([[1e-30], [-1e-30], [1e9]], [0, 1, 1], radius=0.0)
    with pytest.raises(ValueError, match="beyond 58 bits"):
        grid_memorizer([[1e30], [-1e30]], [0, 1], radius=0.0)


def test_a_table_holds_every_code_once_and_in_the_slots_of_its_sign() -> None:
    keys = tuple((code, 1 if code % 3 else -1) for code in range(1, 30))
    table = table_of(keys, 6)
    assert sorted(code for block in table.blocks for code in block if code) == [code for code, _ in keys]
    signs = dict(keys)
    for block in table.blocks:
        assert all(signs[code] == slot for code, slot in zip(block, table.slots, strict=True) if code)
    with pytest.raises(ValueError, match="per_word=3 must be even"):
        table_of(keys, 3)


def test_uniform_groups_enter_each_datum_once() -> None:
    X, y = lattice_data(np.random.default_rng(6), 50, 3)
    lattice = on_lattice(X, y, half_separation(X, y) / 16, who="test", parts=4)
    groups, _ = uniform_groups(lattice, one_sided=False)
    assert sorted(np.concatenate([group.entered for group in groups]).tolist()) == list(range(len(X)))


def test_one_class_is_a_constant() -> None:
    member = grid_memorizer([[0.0], [1.0]], [1, 1], radius=3)
    assert (member.network.exact([7]), member.nonzeros, member.network.size.nonzeros) == ((Fraction(1),), 1, 1)
    assert member.predict([[0.25]]).tolist() == [1]


@pytest.mark.parametrize(("change", "message"), [
    ({"radius": 0.5}, r"radius=0.5 needs l_inf separation > 1.0, but X\[0\] and X\[1\]"),
    ({"radius": -1}, "radius=-1 must be >= 0"), ({"shifts": "random"}, "must be 'adaptive' or 'uniform'"),
    ({"per_word": -1}, "per_word=-1 must be >= 0"), ({"y": ["a", "b", "c"]}, "needs two classes, but y has 3 classes"),
    ({"per_word": 3, "one_sided": False}, "per_word=3 must be even"), ({"y": [0, 1]}, "3 rows but y has 2 labels"),
])
def test_bad_input_is_refused_in_words(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"X": [[0.0], [1.0], [2.0]], "y": [0, 1, 0], "radius": 0.25} | change
    with pytest.raises(ValueError, match=message):
        grid_memorizer(**arguments)
