"""Merged boxes: what they contain, how far they stay from rivals, in rational arithmetic."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.domain import outward_boxes
from constructive.students.facets import face_gap, needed_faces
from constructive.students.merging import bounding_boxes, merged_boxes

Case = tuple[Any, Any, Any]


@st.composite
def separated_boxes(draw: Any) -> Case:
    """Boxes of side at most 3/8 in distinct cells of side 1/2, with up to three labels: rivals are 1/8 apart."""
    n, d = draw(st.integers(1, 16)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    cells = np.unique(rng.integers(0, 8, (n, d)), axis=0)
    cells = cells[rng.permutation(cells.shape[0])]
    lower = cells / 2
    upper = lower + rng.integers(0, 4, cells.shape) / 8
    return lower, upper, rng.integers(0, 3, cells.shape[0])


def rational_gap(lower: Any, upper: Any, data_lower: Any, data_upper: Any) -> Fraction:
    """The exact l_1 distance of two boxes."""
    return sum((max(Fraction(a) - Fraction(high), Fraction(low) - Fraction(b), Fraction(0))
                for a, b, low, high in zip(*(v.tolist() for v in (lower, upper, data_lower, data_upper)), strict=True)),
               Fraction(0))


def too_close(lower: Any, upper: Any, kinds: Any, case: Case, least: float) -> list[tuple[int, int]]:
    """Pairs (box, datum of another group) nearer than ``least``."""
    return [(b, k) for b in range(kinds.size) for k in range(case[2].size) if kinds[b] != case[2][k]
            and rational_gap(lower[b], upper[b], case[0][k], case[1][k]) < Fraction(least)]


def kinds_of(owner: Any, groups: Any) -> Any:
    """The group of each merged box."""
    kinds = np.empty(owner.max() + 1, np.int64)
    kinds[owner] = groups
    return kinds


LEAST = st.sampled_from([0.09375, 0.03125, 0.001])


@given(separated_boxes(), LEAST, st.integers(0, 2**32))
def test_merged_boxes_keep_their_distance_from_every_rival(case: Case, least: float, seed: int) -> None:
    owner = merged_boxes(*case, least, np.random.default_rng(seed))
    lower, upper = bounding_boxes(case[0], case[1], owner)
    assert too_close(lower, upper, kinds_of(owner, case[2]), case, least) == []


@given(separated_boxes(), LEAST, st.integers(0, 2**32))
def test_only_likes_share_a_box_which_is_their_smallest_one(case: Case, least: float, seed: int) -> None:
    owner = merged_boxes(*case, least, np.random.default_rng(seed))
    lower, upper = bounding_boxes(case[0], case[1], owner)
    for b in range(owner.max() + 1):
        mine = owner == b
        assert np.unique(case[2][mine]).size == 1
        assert lower[b].tolist() == case[0][mine].min(axis=0).tolist()
        assert upper[b].tolist() == case[1][mine].max(axis=0).tolist()


@given(separated_boxes(), st.integers(0, 2**32))
def test_numbers_ascend_by_first_member(case: Case, seed: int) -> None:
    owner = merged_boxes(*case, 0.0625, np.random.default_rng(seed))
    values, first = np.unique(owner, return_index=True)
    assert values.tolist() == list(range(values.size))
    assert (np.diff(first) > 0).all()
    assert owner.dtype == np.int64


@given(separated_boxes(), st.integers(0, 2**32))
def test_one_generator_gives_one_result(case: Case, seed: int) -> None:
    first = merged_boxes(*case, 0.0625, np.random.default_rng(seed))
    assert merged_boxes(*case, 0.0625, np.random.default_rng(seed)).tolist() == first.tolist()


@given(separated_boxes())
def test_without_a_generator_the_order_is_that_of_the_data(case: Case) -> None:
    class InOrder(np.random.Generator):
        def permutation(self, x: Any, axis: int = 0) -> Any:
            return np.arange(x)

    wanted = merged_boxes(*case, 0.0625, InOrder(np.random.PCG64(0)))
    assert merged_boxes(*case, 0.0625).tolist() == wanted.tolist()


@given(separated_boxes(), st.integers(0, 2**32))
def test_one_group_becomes_one_box(case: Case, seed: int) -> None:
    lower, upper, groups = case
    assert merged_boxes(lower, upper, np.zeros_like(groups), 5.0, np.random.default_rng(seed)).max() == 0


@given(separated_boxes(), st.integers(0, 2**32))
def test_duplicates_share_their_box(case: Case, seed: int) -> None:
    lower, upper, groups = (np.concatenate([part, part]) for part in case)
    n = groups.size // 2
    owner = merged_boxes(lower, upper, groups, 0.0625, np.random.default_rng(seed))
    assert (owner[:n] == owner[n:]).all()


@given(separated_boxes(), LEAST, st.integers(0, 2**32))
def test_no_two_boxes_can_be_merged_further(case: Case, least: float, seed: int) -> None:
    owner = merged_boxes(*case, least, np.random.default_rng(seed))
    lower, upper = bounding_boxes(case[0], case[1], owner)
    kinds = kinds_of(owner, case[2])
    for a, b in itertools.combinations(range(kinds.size), 2):
        if kinds[a] == kinds[b]:
            low, high = np.minimum(lower[a], lower[b])[None], np.maximum(upper[a], upper[b])[None]
            assert too_close(low, high, kinds[[a]], case, least) != []


def test_a_distance_no_box_can_keep_leaves_every_box_alone() -> None:
    lower = np.array([[0.0], [2.0], [1.0], [3.0]])
    groups = np.array([0, 0, 1, 1])
    assert merged_boxes(lower, lower, groups, 7.0, np.random.default_rng(0)).tolist() == [0, 1, 2, 3]


def test_what_stands_between_keeps_two_boxes_apart() -> None:
    lower = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.0, 4.0]])
    groups = np.array([0, 0, 1, 0])
    for seed in range(8):
        owner = merged_boxes(lower, lower, groups, 0.5, np.random.default_rng(seed))
        assert owner[0] != owner[1]
        assert owner.max() == 2


@settings(max_examples=50)
@given(separated_boxes(), st.integers(0, 2**32))
def test_a_merge_made_by_hand_is_noticed(case: Case, seed: int) -> None:
    """The oracle used above must see a rival swallowed by a box of another label."""
    lower, upper, groups = case
    i, k = np.random.default_rng(seed).integers(0, groups.size, 2)
    if groups[i] == groups[k]:
        return
    owner = merged_boxes(lower, upper, groups, 0.0625, np.random.default_rng(seed))
    low, high = bounding_boxes(lower, upper, owner)
    b = owner[i]
    low[b], high[b] = np.minimum(low[b], lower[k]), np.maximum(high[b], upper[k])
    assert (b, k) in too_close(low, high, kinds_of(owner, groups), case, 0.0625)


def test_the_nearest_are_taken_first() -> None:
    points = np.array([[0.0, 0.0], [0.0, 5.0], [1.0, 0.0], [0.75, 4.75]])  # the last one forbids taking both
    assert merged_boxes(points, points, np.array([0, 0, 0, 1]), 0.125).tolist() == [0, 1, 0, 2]
    points[1, 1], points[2, 0] = 1.0, 5.0
    points[3] = 4.75, 0.75
    assert merged_boxes(points, points, np.array([0, 0, 0, 1]), 0.125).tolist() == [0, 0, 1, 2]


def test_rounding_cannot_bring_a_rival_too_close() -> None:
    rng = np.random.default_rng(4)
    groups, looked = np.array([0, 0, 1]), 0
    for _ in range(300):
        points = np.zeros((3, 4))
        points[1] = -rng.random(4)
        points[2] = rng.random(4)  # nearest to the origin, to which the box of the other two extends
        least = math.nextafter(float(sum(map(Fraction, points[2].tolist()))), math.inf)
        assert merged_boxes(points, points, groups, least).tolist() == [0, 1, 2]
        looked += float(np.add.accumulate(points[2])[-1]) >= least  # one after the other, as the kernel adds
    assert looked > 0  # with rounded sums and no slack the two would have been merged


@pytest.mark.parametrize(("radius", "boxes", "stored"), [(0.05, 45, 0.85), (0.1, 70, 1.3), (0.2, 170, 3.0)])
def test_digits_take_fewer_parameters_than_data(radius: float, boxes: int, stored: float) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    lower, upper = outward_boxes(X / 16.0, radius)
    groups, least = y.astype(np.int64), (0.4375 - 2 * radius) / 16
    counts, sizes = [], []
    for seed in range(5):
        owner = merged_boxes(lower, upper, groups, least, np.random.default_rng(seed))
        low, high = bounding_boxes(lower, upper, owner)
        kinds = kinds_of(owner, groups)
        low, high = needed_faces(low, high, kinds, lower, upper, groups, least)
        assert face_gap(low, high, kinds, lower, upper, groups)[0] >= least
        assert ((low[owner] <= lower) & (upper <= high[owner])).all()
        faces = np.isfinite(low).sum() + np.isfinite(high).sum()
        counts.append(kinds.size)
        sizes.append((3 * faces + 2 * kinds.size) / y.size)
    assert np.median(counts) <= boxes
    assert np.median(sizes) <= stored
