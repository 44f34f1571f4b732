"""Needed faces and distances to rivals, against brute force in rational arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive._kernels import facets as kernels
from constructive.domain import outward_boxes
from constructive.students.facets import face_gap, needed_faces

Case = tuple[Any, Any, Any]


@st.composite
def boxes_with_labels(draw: Any, spread: int = 12) -> Case:
    """Boxes with ends in eighths and two or three labels; boxes of different labels do not meet."""
    n, d = draw(st.integers(1, 14)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lower = rng.integers(0, spread, (n, d)) / 8
    upper = lower + rng.integers(0, 4, (n, d)) / 8
    groups = rng.integers(0, 3, n)
    for i in range(n):  # a box that meets an earlier one of another label takes its label; repeat until none does
        for k in range(i):
            if rational_gap(lower[i], upper[i], lower[k], upper[k]) == 0:
                groups[groups == groups[i]] = groups[k]
    return lower, upper, groups.astype(np.int64)


def rational_gap(lower: Any, upper: Any, data_lower: Any, data_upper: Any) -> Fraction:
    """The exact l_1 distance of a box, infinite ends allowed, to a finite one."""
    total = Fraction(0)
    for a, b, low, high in zip(*(v.tolist() for v in (lower, upper, data_lower, data_upper)), strict=True):
        below = Fraction(a) - Fraction(high) if a > -math.inf else Fraction(0)
        above = Fraction(low) - Fraction(b) if b < math.inf else Fraction(0)
        total += max(below, above, Fraction(0))
    return total


def smallest(lower: Any, upper: Any, groups: Any, data: Case) -> tuple[Fraction, tuple[int, int]] | None:
    """The smallest exact distance of a box to a datum of another group, and the first pair that attains it."""
    data_lower, data_upper, data_groups = data
    found = [(rational_gap(lower[i], upper[i], data_lower[k], data_upper[k]), (i, k))
             for i in range(len(groups)) for k in range(len(data_groups)) if groups[i] != data_groups[k]]
    return min(found) if found else None


def faces(lower: Any, upper: Any) -> int:
    return int(np.isfinite(lower).sum() + np.isfinite(upper).sum())


def without_one_face(lower: Any, upper: Any, i: int) -> Iterator[tuple[Any, Any]]:
    """Box i with each of its faces dropped in turn."""
    for j in range(lower.shape[1]):
        for end, nothing in ((lower, -np.inf), (upper, np.inf)):
            if np.isfinite(end[i, j]):
                low, high = lower[i].copy(), upper[i].copy()
                (low if nothing < 0 else high)[j] = nothing
                yield low, high


@given(boxes_with_labels(), st.booleans(), st.sampled_from([0.25, 0.5, 1.0]))
def test_every_rival_is_held_off_and_no_face_is_invented(case: Case, shared: bool, part: float) -> None:
    lower, upper, groups = case
    found = smallest(lower, upper, groups, case)
    least = part * float(found[0]) if found else 1.0
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, least, prefer_shared=shared)
    assert ((low == lower) | (low == -np.inf)).all()
    assert ((high == upper) | (high == np.inf)).all()
    after = smallest(low, high, groups, case)
    assert after is None or after[0] >= Fraction(least)


@given(boxes_with_labels(), st.booleans())
def test_no_face_can_be_dropped(case: Case, shared: bool) -> None:
    lower, upper, groups = case
    least = 0.125 * 0.75  # off the grid of distances: the slack for rounding decides nothing
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, least, prefer_shared=shared)
    for i in range(groups.size):
        for fewer_low, fewer_high in without_one_face(low, high, i):
            held = [rational_gap(fewer_low, fewer_high, lower[k], upper[k]) >= Fraction(least)
                    for k in range(groups.size) if groups[k] != groups[i]]
            assert not all(held)


@given(boxes_with_labels(spread=6))
def test_greedy_is_close_to_the_fewest_faces(case: Case) -> None:
    lower, upper, groups = case
    n, d = lower.shape
    least = 0.09375  # distances are multiples of an eighth, so one face holds a rival off alone: plain set cover
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, least)
    for i in range(n):
        rivals = np.flatnonzero(groups != groups[i])
        gaps = np.concatenate([np.maximum(lower[i] - upper[rivals], 0), np.maximum(lower[rivals] - upper[i], 0)], 1)
        fewest = min((bin(s).count("1") for s in range(4**d)
                      if (gaps[:, [f for f in range(2 * d) if s >> f & 1]].sum(axis=1) >= least).all()), default=0)
        mine = faces(low[i], high[i])
        harmonic = sum(1 / r for r in range(1, rivals.size + 1))
        assert fewest <= mine <= max(1.0, harmonic) * fewest


def greedy(gaps: list[list[Fraction]], least: Fraction, price: list[int], by_cover: bool) -> set[int]:
    """The slow twin of one greedy choice for one box, from exact gaps (rivals, faces)."""
    lacks, picked = [least] * len(gaps), list[int]()
    while any(lack > 0 for lack in lacks):
        near = [(row, lack) for row, lack in zip(gaps, lacks, strict=True) if lack > 0]
        free = [f for f in range(len(price)) if f not in picked]
        gain = {f: Fraction(sum(row[f] >= lack for row, lack in near), price[f]) for f in free}
        if not by_cover or max(gain.values(), default=0) == 0:
            gain = {f: Fraction(sum(min(row[f], lack) for row, lack in near), price[f]) for f in free}
        if max(gain.values(), default=0) == 0:
            break
        best = max(free, key=lambda f: (gain[f], -f))
        picked.append(best)
        lacks = [lack - row[best] for row, lack in zip(gaps, lacks, strict=True)]
    needs = [min(least, sum(row[f] for f in picked)) for row in gaps]
    kept = set(picked)
    for f in picked:
        if all(sum(row[g] for g in kept - {f}) >= need for row, need in zip(gaps, needs, strict=True)):
            kept.remove(f)
    return kept


def test_the_kernel_takes_the_cheaper_of_two_greedy_choices() -> None:
    rng = np.random.default_rng(0)
    wins, n, d = [0, 0], 30, 5
    for trial in range(24):
        least = (0.125, 0.25, 0.375)[trial % 3]  # the last two are often more than all faces together achieve
        lower = rng.integers(0, 9, (n, d)) / 8
        upper, groups = lower + 0.0625, rng.integers(0, 2, n)
        price = 2.0 ** rng.integers(0, 3, (n, 2 * d))
        chosen, ends = np.zeros((n, 2 * d), bool), np.concatenate([-upper.T, lower.T])
        kernels.choose_faces(lower, upper, groups, lower, upper, ends, groups, least, price, 0, n, chosen)
        for i in range(n):
            rivals = np.flatnonzero(groups != groups[i])
            gaps = np.concatenate([np.maximum(lower[i] - upper[rivals], 0), np.maximum(lower[rivals] - upper[i], 0)], 1)
            rows = [[Fraction(v) for v in row] for row in gaps.tolist()]
            first, second = (greedy(rows, Fraction(least), price[i].astype(int).tolist(), way) for way in (True, False))
            costs = [sum(price[i][list(faces)]) for faces in (first, second)]
            wins[0] += costs[0] < costs[1]
            wins[1] += costs[1] < costs[0]
            assert set(np.flatnonzero(chosen[i]).tolist()) == (second if costs[1] < costs[0] else first)
    assert min(wins) > 0  # neither choice is idle


@given(boxes_with_labels())
def test_boxes_of_one_group_lose_every_face(case: Case) -> None:
    lower, upper, groups = case
    low, high = needed_faces(lower, upper, np.zeros_like(groups), lower, upper, np.zeros_like(groups), 0.5)
    assert faces(low, high) == 0


def test_a_rival_of_two_gaps_needs_both_faces() -> None:
    lower, upper = np.zeros((2, 2)), np.ones((2, 2))
    lower[1], upper[1] = [1.5, -1.0], [2.0, -0.5]  # half a unit away along each axis
    groups = np.array([0, 1])
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, 1.0)
    assert low[0].tolist() == [-math.inf, 0.0]
    assert high[0].tolist() == [1.0, math.inf]
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, 0.4375)
    assert faces(low[:1], high[:1]) == 1


def test_a_distance_that_cannot_be_kept_is_kept_as_far_as_it_goes() -> None:
    rng = np.random.default_rng(3)
    lower = rng.integers(0, 40, (30, 3)) / 8
    upper, groups = lower + 0.125, np.arange(30) % 2
    lower[0], upper[0] = 0.0, 0.125
    lower[1], upper[1] = [0.1875, 0.0, 0.0], [0.25, 0.125, 0.125]  # 1/16 away from box 0, less than what is asked
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, 0.125)
    assert rational_gap(low[0], high[0], lower[1], upper[1]) == Fraction(1, 16)
    rest = [rational_gap(low[0], high[0], lower[k], upper[k]) for k in range(3, 30, 2)]
    full = [rational_gap(lower[0], upper[0], lower[k], upper[k]) for k in range(3, 30, 2)]
    assert all(kept >= min(whole, Fraction(1, 8)) for kept, whole in zip(rest, full, strict=True))
    for fewer in without_one_face(low, high, 0):  # still none too many
        assert rational_gap(*fewer, lower[1], upper[1]) < Fraction(1, 16) or any(
            rational_gap(*fewer, lower[k], upper[k]) < Fraction(1, 8) for k in range(3, 30, 2))


@given(boxes_with_labels())
def test_equal_boxes_keep_equal_faces(case: Case) -> None:
    lower, upper, groups = (np.concatenate([part, part]) for part in case)
    n = groups.size // 2
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, 0.125)
    assert np.array_equal(low[:n], low[n:])
    assert np.array_equal(high[:n], high[n:])
    once = needed_faces(*case, *case, 0.125)
    assert np.array_equal(low[:n] != -np.inf, once[0] != -np.inf)


def lattice(n: int, d: int, seed: int) -> Case:
    """Boxes round distinct points of a lattice with five values to an axis."""
    rng = np.random.default_rng(seed)
    points = np.unique(rng.integers(0, 5, (n, d)) / 4, axis=0)
    return (*outward_boxes(points, 0.0625), rng.integers(0, 2, points.shape[0]))


def stored(low: Any, high: Any) -> int:
    """Two for each distinct threshold, one for each face."""
    keys = {(j, s, v) for s, ends in ((0, low), (1, high)) for j in range(ends.shape[1])
            for v in ends[:, j].tolist() if math.isfinite(v)}
    return 2 * len(keys) + faces(low, high)


def test_sharing_stores_less() -> None:
    saved = []
    for seed in range(5):
        case = lattice(100, 12, seed)
        plain = needed_faces(*case, *case, 0.09375)
        shared = needed_faces(*case, *case, 0.09375, prefer_shared=True)
        saved.append(stored(*plain) - stored(*shared))
        assert face_gap(*shared, case[2], *case)[0] >= 0.09375
    assert min(saved) >= 0
    assert max(saved) > 0


@pytest.mark.parametrize("threads", [1, 3])
def test_faces_do_not_depend_on_threads(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = lattice(200, 4, 1)
    wanted = needed_faces(*case, *case, 0.09375, prefer_shared=True)
    monkeypatch.setattr("constructive._kernels.workers", lambda: threads)
    got = needed_faces(*case, *case, 0.09375, prefer_shared=True)
    assert np.array_equal(wanted[0], got[0])
    assert np.array_equal(wanted[1], got[1])


def test_rounding_cannot_bring_a_rival_too_close() -> None:
    rng = np.random.default_rng(5)
    groups, short = np.array([0, 1]), 0
    for _ in range(300):
        points = np.zeros((2, 6))
        points[1] = rng.random(6) * rng.choice([-1.0, 1.0], 6)
        gaps = sorted((Fraction(abs(v)) for v in points[1].tolist()), reverse=True)
        least = math.nextafter(float(sum(gaps[:3])), math.inf)  # a hair more than three faces achieve
        low, high = needed_faces(points, points, groups, points, points, groups, least)
        after = smallest(low, high, groups, (points, points, groups))
        assert after is not None
        assert after[0] >= Fraction(least)
        first, second, third = (float(gap) for gap in gaps[:3])
        short += first + second + third >= least
    assert short > 0  # with rounded sums and no slack three faces would have looked enough


@given(boxes_with_labels(), st.integers(0, 2**32))
def test_the_gap_is_the_exact_one_and_its_first_pair(case: Case, seed: int) -> None:
    lower, upper, groups = case
    drop = np.random.default_rng(seed).random((2, *lower.shape)) < 0.4
    low, high = np.where(drop[0], -np.inf, lower), np.where(drop[1], np.inf, upper)
    distance, pair = face_gap(low, high, groups, lower, upper, groups)
    wanted = smallest(low, high, groups, case)
    if wanted is None:
        assert (distance, pair) == (math.inf, None)
    else:
        assert pair == wanted[1]
        assert Fraction(distance) <= wanted[0] <= Fraction(distance) * (1 + Fraction(1, 2**48))


def test_the_gap_is_rounded_down() -> None:
    rng = np.random.default_rng(8)
    for _ in range(50):
        lower = rng.normal(size=(12, 5))
        upper, groups = lower + rng.random((12, 5)) / 100, rng.integers(0, 2, 12)
        distance, pair = face_gap(lower, upper, groups, lower, upper, groups)
        wanted = smallest(lower, upper, groups, (lower, upper, groups))
        assert wanted is not None
        assert pair is not None
        assert Fraction(distance) <= wanted[0] <= Fraction(distance) * (1 + Fraction(1, 2**48))


def test_nothing_is_lost_between_tiles() -> None:
    rng = np.random.default_rng(2)
    n = 2 * kernels.TILE + 77  # three tiles; the last datum alone needs a face of its own
    points, groups = rng.integers(0, 1000, (n, 2)) / 8 + 10, np.ones(n, np.int64)
    points[0], groups[0] = -1.0, 0
    points[n - 1] = [-1.0, -2.0]
    gap, pair = face_gap(points, points, groups, points, points, groups)
    assert (gap, pair) == (1 - 6 * 2.0**-53, (0, n - 1))
    low, high = needed_faces(points[:1], points[:1], groups[:1], points, points, groups, 0.5)
    assert low.tolist() == [[-math.inf, -1.0]]
    assert faces(low, high) == 2


def test_among_equals_the_first_box_is_named() -> None:
    n = 2 * kernels.TILE
    points, groups = np.arange(n)[:, None] * 10.0, np.ones(n, np.int64)
    groups[:2] = 0
    points[0], points[1] = points[n - 1] + 1, points[7] + 1  # the rival of box 0 is in the last tile
    assert face_gap(points, points, groups, points, points, groups)[1] == (0, n - 1)


def nonzeros(low: Any, high: Any, n: int) -> float:
    return 3 * faces(low, high) / n + 2


@pytest.mark.parametrize(("radius", "plain", "shared"), [(0.05, 10.8, 6.0), (0.1, 12.7, 6.8), (0.2, 17.0, 8.1)])
def test_digits_need_few_faces(radius: float, plain: float, shared: float) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    lower, upper = outward_boxes(X / 16.0, radius)
    case = lower, upper, y.astype(np.int64)
    n, least = y.size, (0.4375 - 2 * radius) / 16
    few = needed_faces(*case, *case, least)
    assert nonzeros(*few, n) <= plain
    assert face_gap(*few, case[2], *case)[0] >= least
    once = needed_faces(*case, *case, least, prefer_shared=True)
    assert (stored(*once) + n) / n + 1 <= shared
    assert face_gap(*once, case[2], *case)[0] >= least


@settings(max_examples=20)
@given(boxes_with_labels())
def test_a_face_dropped_by_hand_is_noticed(case: Case) -> None:
    """The oracle used above must see a bump that lost a needed face."""
    lower, upper, groups = case
    low, high = needed_faces(lower, upper, groups, lower, upper, groups, 0.09375)
    for i in range(groups.size):
        for fewer_low, fewer_high in without_one_face(low, high, i):
            broken_low, broken_high = low.copy(), high.copy()
            broken_low[i], broken_high[i] = fewer_low, fewer_high
            assert face_gap(broken_low, broken_high, groups, lower, upper, groups)[0] < 0.09375
