"""Separation against brute force in rational arithmetic."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive import _kernels
from constructive.evidence import Evidence
from constructive.students import closest, separation
from constructive.students.pairs import closest_boxes

NORMS = [1.0, 2.0, math.inf]


def brute(points: Any, labels: Any, norm: float) -> tuple[Fraction, tuple[int, int]] | None:
    """The smallest exact distance (squared for norm 2) and the smallest pair that attains it."""
    rows = [[Fraction(float(v)) for v in row] for row in points]
    found = []
    for i, k in itertools.combinations(range(len(rows)), 2):
        if labels is not None and labels[i] == labels[k]:
            continue
        gaps = [abs(a - b) for a, b in zip(rows[i], rows[k], strict=True)]
        found.append((max(gaps) if norm == math.inf else sum(g ** int(norm) for g in gaps), (i, k)))
    return min(found) if found else None


def is_rounded_down(value: float, exact: Fraction, norm: float) -> bool:
    """Whether value is the largest double <= the distance."""
    power = 2 if norm == 2 else 1
    return Fraction(value) ** power <= exact < Fraction(math.nextafter(value, math.inf)) ** power


def agrees(points: Any, labels: Any, norm: float) -> bool:
    got, wanted = separation(points, labels, norm=norm), brute(points, labels, norm)
    if wanted is None:
        return got.distance == math.inf and got.pair is None
    return got.pair == wanted[1] and is_rounded_down(got.distance, wanted[0], norm) and (
        got.evidence is Evidence.EXACT and got.norm == norm)


@pytest.mark.parametrize("norm", NORMS)
@given(data=st.data())
def test_lattice_data_give_the_exact_distance_and_the_smallest_pair(norm: float, data: st.DataObject) -> None:
    n, d = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 5, (n, d)) * data.draw(st.sampled_from([0.1, 0.25, 1 / 3, 1e-200, 1e100]))
    labels = rng.integers(0, 3, n).astype(str)
    assert agrees(points, labels, norm)
    assert agrees(points, None, norm)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("d", [1, 2, 5, 12])
def test_random_data_give_the_exact_distance(norm: float, d: int) -> None:
    rng = np.random.default_rng([d, int(min(norm, 3))])
    points = rng.normal(size=(80, d))
    assert agrees(points, rng.integers(0, 2, 80), norm)
    assert agrees(points, rng.normal(size=80), norm)


@pytest.mark.parametrize("norm", NORMS)
def test_near_ties_within_a_rounding_error_are_decided_exactly(norm: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        far = 3.0 * np.arange(20)[:, None] * np.array([[1.0, 0.0, 0.0]])
        step = rng.uniform(0.1, 0.2, 3)
        shift = step[rng.permuted(np.tile(np.arange(3), (20, 1)), axis=1)]  # the same gaps in another order
        points = np.concatenate([far, far + shift])
        assert agrees(points, np.repeat([0, 1], 20), norm)


def test_many_more_ties_than_a_first_guess_holds_are_decided_exactly() -> None:
    points = np.stack(np.meshgrid(np.arange(60), np.arange(60)), axis=-1).reshape(-1, 2) / 3.0
    got = separation(points, norm=1)
    gaps = [Fraction((k + 1) / 3.0) - Fraction(k / 3.0) for k in range(59)]
    assert is_rounded_down(got.distance, min(gaps), 1)
    assert got.evidence is Evidence.EXACT


def test_blocks_and_threads_give_the_pair_of_one_sweep() -> None:
    rng = np.random.default_rng(5)
    points = rng.integers(0, 400, (3000, 2)) / 8.0
    points = np.unique(points, axis=0)[rng.permutation(len(np.unique(points, axis=0)))]
    labels = rng.integers(0, 2, len(points))
    results = {separation(points, labels).pair for _ in range(5)}
    assert len(results) == 1
    gaps = np.abs(points[:, None, :] - points[None, :, :]).max(axis=2)
    gaps[labels[:, None] == labels[None, :]] = np.inf
    best = np.argwhere(gaps == gaps.min())
    assert results == {tuple(min(tuple(sorted(pair)) for pair in best.tolist()))}


def test_no_conflicting_pair_gives_infinity_and_none() -> None:
    for got in (separation([[1.0], [2.0]], ["a", "a"]), separation([[1.0]]), separation([[1.0]], [0.5])):
        assert (got.distance, got.pair) == (math.inf, None)


def test_duplicates_with_different_labels_are_at_distance_zero() -> None:
    got = separation([[1.0, -0.0], [5.0, 5.0], [1.0, 0.0]], ["a", "b", "b"])
    assert (got.distance, got.pair) == (0.0, (0, 2))


def test_differences_below_the_normal_range_are_exact() -> None:
    tiny = 5e-324
    assert separation([[0.0], [tiny], [1.0]], [0, 1, 0], norm=2).distance == tiny
    assert separation([[1e-170, 0.0], [0.0, 3e-170], [1.0, 1.0]], None, norm=2).pair == (0, 1)


@pytest.mark.parametrize("norm", NORMS)
def test_large_coordinates_are_exact_and_absurd_ones_refused(norm: float) -> None:
    assert agrees(np.array([[2.0**499, 0.0], [-2.0**499, 3.0], [2.0**498, 1.0]]), [0, 1, 0], norm)
    with pytest.raises(ValueError, match=r"2\*\*500.*rescale"):
        separation([[1e200], [-1e200]], [0, 1], norm=norm)


def test_a_reported_pair_really_conflicts_on_thousands_of_points() -> None:
    rng = np.random.default_rng(7)
    points, labels = rng.random((4000, 3)), rng.integers(0, 5, 4000)
    got = separation(points, labels)
    assert got.pair is not None
    i, k = got.pair
    assert labels[i] != labels[k]
    assert np.abs(points[i] - points[k]).max() == got.distance


# ---- every search against brute force, made to run on few rows ----


@pytest.fixture
def on_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let samples, pilots and grids start at a handful of rows, so that brute force can follow."""
    monkeypatch.setattr(closest, "_FEW", 8)
    monkeypatch.setattr(closest, "_FULL", 1)


def brute_boxes(lower: Any, upper: Any, groups: Any, p: float, different: bool) -> tuple[float, Any]:
    """The smallest distance of two boxes and the first pair along the most spread axis; exact on dyadic data."""
    order = np.argsort(lower[:, np.ptp(lower, axis=0).argmax()], kind="stable")
    lower, upper, groups = lower[order], upper[order], groups[order]
    gaps = np.maximum(np.maximum(lower[None] - upper[:, None], lower[:, None] - upper[None]), 0.0)
    distances = gaps.max(axis=2) if p == math.inf else gaps.sum(axis=2)
    counts = np.triu(np.ones(distances.shape, bool), 1)
    if different:
        counts &= groups[:, None] != groups[None, :]
    if not counts.any():
        return math.inf, None
    distances[~counts] = math.inf
    return distances.min(), tuple(sorted(order[np.argwhere(distances == distances.min())[0]].tolist()))


def scattered(kind: str, n: int, d: int, rng: np.random.Generator) -> Any:
    """Data that a search could stumble over."""
    if kind == "far cluster":
        return rng.random((n, d)) + 1e6 * (np.arange(n) % 10 == 0)[:, None]
    if kind == "duplicates":
        return rng.random((max(1, n // 8), d))[rng.integers(0, max(1, n // 8), n)]
    if kind == "lattice":
        return rng.integers(0, 30, (n, d)) * 0.1
    if kind == "line":
        return np.cumsum(rng.integers(0, 3, (n, 1)), axis=0) * np.ones(d) / 3.0
    if kind == "tiny":
        return rng.integers(0, 50, (n, d)) * 5e-324
    return rng.random((n, d)) * {"huge": 1e150}.get(kind, 1.0)


KINDS = ["uniform", "far cluster", "duplicates", "lattice", "line", "tiny", "huge"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("on_few_rows")
def test_the_grid_and_the_tiles_agree_with_rational_brute_force(kind: str, norm: float) -> None:
    rng = np.random.default_rng([KINDS.index(kind), int(min(norm, 3))])
    for n, d, classes in [(100, 1, 2), (130, 2, 130), (90, 3, 2), (120, 5, 3), (70, 4, 1)]:
        points = scattered(kind, n, d, rng)
        assert agrees(points, rng.integers(0, classes, n).astype(str), norm)
        assert agrees(points, None, norm)


@pytest.mark.parametrize("p", [1.0, math.inf])
@pytest.mark.parametrize("widths", ["none", "equal", "differing", "one wide"])
@pytest.mark.usefixtures("on_few_rows")
def test_closest_boxes_agree_with_brute_force(widths: str, p: float) -> None:
    rng = np.random.default_rng([len(widths), int(min(p, 3))])
    for n, d, fine in [(150, 1, 4096), (150, 2, 512), (200, 3, 64), (200, 5, 64), (40, 2, 4), (1, 2, 4), (2, 3, 4)]:
        lower, groups = rng.integers(0, fine, (n, d)) / 8.0, rng.integers(0, 3, n)
        width = {"none": np.zeros((n, 1)), "equal": np.full((n, 1), 0.25),
                 "differing": rng.integers(0, 9, (n, d)) / 8.0,
                 "one wide": np.where(np.arange(n) == n // 2, fine / 16.0, 0.125)[:, None]}[widths]
        for different in (True, False):
            got = closest_boxes(lower, lower + width, groups, p, different=different)
            assert got == brute_boxes(lower, lower + width, groups, p, different)


def both_searches(search: closest.Search) -> set[tuple[Any, ...]]:
    """What the columns of a grid and the tiles find, each from the bound of a sample."""
    limit = search.bound()
    pilot = closest.Pilot.of(search, limit)
    assert pilot.axes
    return {min(search.in_columns(limit, pilot).decided), min(search.in_tiles(limit, pilot.by_selectivity).decided)}


@pytest.mark.parametrize("different", [True, False])
@pytest.mark.parametrize("kind", ["uniform", "far cluster", "lattice"])
def test_columns_and_tiles_find_the_same_pair_among_thousands(kind: str, different: bool) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    points = scattered(kind, 6000, 4, rng)
    if kind == "lattice":
        points = np.unique(points, axis=0)
    groups = rng.integers(0, 2, len(points))
    search = closest.Search(points, points, groups, math.inf, different, rounded=False)
    found = both_searches(search)
    assert len(found) == 1
    pair = separation(points, groups if different else None).pair
    assert next(iter(found))[2:] == pair


def test_a_planted_pair_across_a_border_of_every_slab_is_found() -> None:
    rng = np.random.default_rng(3)
    points = rng.random((5000, 4))
    for row in range(0, 5000, 500):
        moved = points.copy()
        moved[row] = moved[row - 1] + 2.0**-20 * rng.choice([-1.0, 1.0], 4)
        assert separation(moved).pair == (min(row, (row - 1) % 5000), max(row, (row - 1) % 5000))


@pytest.mark.parametrize("norm", NORMS)
def test_classes_apart_along_a_narrow_axis_only(norm: float) -> None:
    rng = np.random.default_rng(9)
    points, labels = rng.random((3000, 6)) * 10.0, rng.integers(0, 2, 3000)
    points[:, 3] = points[:, 3] / 40.0 + labels
    gaps = np.abs(points[labels == 0][:, None, :] - points[labels == 1][None, :, :])
    best = gaps.max(axis=2) if norm == math.inf else (gaps ** norm).sum(axis=2)
    i, k = np.unravel_index(int(best.argmin()), best.shape)
    pair = (int(np.flatnonzero(labels == 0)[i]), int(np.flatnonzero(labels == 1)[k]))
    assert separation(points, labels, norm=norm).pair == (min(pair), max(pair))


@pytest.mark.parametrize("norm", NORMS)
def test_a_label_held_by_one_point_among_thousands(norm: float) -> None:
    rng = np.random.default_rng(11)
    points, labels = rng.random((5000, 3)), np.arange(5000) == 777
    gaps = np.abs(np.delete(points, 777, axis=0) - points[777])
    best = int((gaps.max(axis=1) if norm == math.inf else (gaps ** norm).sum(axis=1)).argmin())
    best += best >= 777
    assert separation(points, labels, norm=norm).pair == (min(best, 777), max(best, 777))


def test_copies_of_one_point_give_the_first_pair() -> None:
    points = np.ones((20_000, 5))
    assert separation(points).pair == (0, 1)
    labels = np.arange(20_000) >= 15_000
    got = separation(points, labels)
    assert (got.distance, got.pair) == (0.0, (0, 15_000))


def test_binary_features_whose_pairs_all_tie_give_the_smallest_pair() -> None:
    points = (np.arange(4096)[:, None] >> np.arange(12) & 1).astype(float)
    rng = np.random.default_rng(1)
    for row in (points, points[rng.permutation(4096)]):
        assert separation(row).pair == (0, 1)
        labels = rng.integers(0, 2, 4096)
        first = int(np.flatnonzero(labels != labels[0])[0])
        assert separation(row, labels).pair == (0, first)
        assert separation(row, labels).distance == 1.0


@pytest.mark.parametrize("norm", NORMS)
def test_high_dimension_agrees_with_brute_force(norm: float) -> None:
    rng = np.random.default_rng(13)
    points = rng.integers(0, 2**20, (1500, 64)) / 2.0**20  # sums and squares of gaps are exact
    labels = rng.integers(0, 10, 1500)
    power = 1.0 if norm == math.inf else norm
    best = np.stack([(np.abs(row - points) ** power).max(axis=1) if norm == math.inf
                     else (np.abs(row - points) ** power).sum(axis=1) for row in points])
    best[np.tril_indices(1500)] = math.inf
    assert separation(points, norm=norm).pair == np.unravel_index(int(best.argmin()), best.shape)
    best[labels[:, None] == labels[None, :]] = math.inf
    assert separation(points, labels, norm=norm).pair == np.unravel_index(int(best.argmin()), best.shape)


def test_one_thread_and_many_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(17)
    points, groups = rng.integers(0, 60, (4000, 4)) * 0.1, rng.integers(0, 40, 4000)
    lower, upper = points - 0.04, points + 0.04
    found = set()
    for threads in (1, 2, 7):
        monkeypatch.setattr(_kernels, "workers", lambda threads=threads: threads)
        got = [separation(points, groups, norm=norm) for norm in NORMS]
        found.add((*[(s.distance, s.pair) for s in got], closest_boxes(lower, upper, groups, 1.0, different=True)))
    assert len(found) == 1
