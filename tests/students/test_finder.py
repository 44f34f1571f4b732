"""The finder against the definition: every box looked at, in plain numpy."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.students import finder
from constructive.students.finder import BoxFinder

Array = NDArray[np.float64]
Found = tuple[NDArray[np.int64], NDArray[np.int64], Array]
SEEDS = st.integers(0, 2**32 - 1)
WAYS = {"tree": 0.0, "scan": np.inf}


def by_definition(lower: Array, upper: Array, rows: Array, ramp: float) -> Found:
    """Return starts, box numbers and heights, the distance summed by ascending axis."""
    starts, numbers, heights = [0], [np.empty(0, np.int64)], [np.empty(0)]
    for x in rows:
        total = np.zeros(lower.shape[0])
        for j in range(lower.shape[1]):
            with np.errstate(invalid="ignore", over="ignore"):
                below, above = lower[:, j] - x[j], x[j] - upper[:, j]
            total += np.where(x[j] < lower[:, j], below, np.where(x[j] > upper[:, j], above, 0.0))
        with np.errstate(over="ignore"):
            height = 1.0 - total / ramp
        hit = np.flatnonzero((total < ramp) & (height > 0) & ~np.isnan(x).any())
        numbers.append(hit)
        heights.append(height[hit])
        starts.append(starts[-1] + hit.size)
    return np.array(starts), np.concatenate(numbers), np.concatenate(heights)


def same(found: Found, expected: Found) -> bool:
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))


@pytest.fixture(params=WAYS)
def forced(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the finder use the tree wherever it has one, or never."""
    monkeypatch.setattr(finder, "_TREE_COST", WAYS[request.param])
    return str(request.param)


def some_boxes(rng: np.random.Generator, m: int, d: int, kind: str) -> tuple[Array, Array]:
    """Return boxes (m, d): dyadic, hence with many ties and duplicates, or not; with infinite ends or not."""
    dyadic = rng.random() < 0.5
    centers = rng.integers(-8, 9, (m, d)) / 4.0 if dyadic else rng.normal(size=(m, d))
    half = rng.integers(0, 5, (m, d)) / 8.0 if dyadic else rng.exponential(0.3, (m, d))
    lower, upper = centers - half, centers + half
    if kind == "one axis bounded":
        lower[:, 1:], upper[:, 1:] = -np.inf, np.inf
    if kind == "slabs":
        lower[rng.random((m, d)) < 0.8] = -np.inf
        upper[rng.random((m, d)) < 0.8] = np.inf
    return lower, upper


def some_points(rng: np.random.Generator, lower: Array, upper: Array, n: int) -> Array:
    """Return points near the boxes: ends of boxes, neighbors of ends, dyadic ones, far ones."""
    k = rng.integers(0, lower.shape[0], n)
    base = np.where(rng.random((n, lower.shape[1])) < 0.5, lower[k], upper[k])
    base = np.where(np.isfinite(base), base, rng.integers(-16, 17, base.shape) / 4.0)
    moved = rng.random(base.shape)
    base = np.where(moved < 0.1, np.nextafter(base, np.inf), np.where(moved < 0.2, np.nextafter(base, -np.inf), base))
    return np.where(moved > 0.9, base + rng.normal(size=base.shape), base)


@pytest.mark.parametrize("kind", ["bounded", "one axis bounded", "slabs"])
@given(seed=SEEDS, m=st.integers(1, 120), d=st.integers(1, 6), n=st.integers(0, 90),
       ramp=st.sampled_from([2.0**-1021, 1e-9, 0.25, 0.3, 2.0, 64.0, 2.0**500]))
def test_what_is_found_is_the_definition_bit_for_bit(kind: str, seed: int, m: int, d: int, n: int,
                                                     ramp: float) -> None:
    rng = np.random.default_rng(seed)
    lower, upper = some_boxes(rng, m, d, kind)
    rows = some_points(rng, lower, upper, n)
    expected = by_definition(lower, upper, rows, ramp)
    built = BoxFinder.of(lower, upper)
    for cost in WAYS.values():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finder, "_TREE_COST", cost)
            assert same(built.active(rows, ramp), expected)


def test_many_boxes_and_many_hits(forced: str) -> None:
    rng = np.random.default_rng(0)
    centers = rng.random((3000, 3))
    lower, upper, rows = centers - 0.01, centers + 0.02, rng.random((700, 3))
    assert same(BoxFinder.of(lower, upper).active(rows, 0.3), by_definition(lower, upper, rows, 0.3))


def test_more_dimensions_than_boxes(forced: str) -> None:
    rng = np.random.default_rng(1)
    centers = rng.random((90, 784))
    lower, upper = centers - 0.1, centers + 0.1
    rows = np.concatenate([rng.random((40, 784)), centers[:9] + 0.125])
    assert same(BoxFinder.of(lower, upper).active(rows, 30.0), by_definition(lower, upper, rows, 30.0))


def test_strange_points_find_what_they_should(forced: str) -> None:
    rng = np.random.default_rng(2)
    lower, upper = some_boxes(rng, 60, 2, "bounded")
    lower[7], upper[7] = [-np.inf, 0.0], [np.inf, 0.5]  # a slab
    huge, inf, nan = 1e300, np.inf, np.nan
    rows = np.array([[huge, 0.25], [-huge, huge], [inf, 0.25], [-inf, -inf], [nan, 0.25], [0.0, nan], [inf, nan]])
    found = BoxFinder.of(lower, upper).active(rows, 0.5)
    assert same(found, by_definition(lower, upper, rows, 0.5))
    assert found[0].tolist() == [0, 1, 1, 2, 2, 2, 2, 2]
    assert found[1].tolist() == [7, 7]


def test_huge_coordinates_of_boxes_do_not_overflow(forced: str) -> None:
    centers = 1.7e308 * np.linspace(-1, 1, 64)[:, None]
    built = BoxFinder.of(centers, centers)
    assert same(built.active(centers, 1.0), by_definition(centers, centers, centers, 1.0))


def test_equal_boxes_are_all_found(forced: str) -> None:
    lower, upper = np.zeros((200, 2)), np.ones((200, 2))
    starts, bump, height = BoxFinder.of(lower, upper).active(np.array([[0.5, 1.5], [3.0, 0.0]]), 1.0)
    assert starts.tolist() == [0, 200, 200]
    assert bump.tolist() == list(range(200))
    assert (height == 0.5).all()


def test_the_blocks_and_threads_change_nothing(forced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    lower, upper = some_boxes(rng, 400, 2, "bounded")
    rows = some_points(rng, lower, upper, 1000)
    built = BoxFinder.of(lower, upper)
    whole = built.active(rows, 0.5)
    monkeypatch.setattr(finder, "_WORTH_THREADS", 0)
    for threads in (1, 3):
        monkeypatch.setattr("constructive._kernels.workers", lambda threads=threads: threads)
        assert same(built.active(rows, 0.5), whole)
    alone = [built.active(x[None], 0.5) for x in rows]
    assert np.concatenate([bump for _, bump, _ in alone]).tobytes() == whole[1].tobytes()
    assert np.concatenate([height for _, _, height in alone]).tobytes() == whole[2].tobytes()


def test_one_finder_serves_every_ramp_and_read_only_arrays(forced: str) -> None:
    rng = np.random.default_rng(4)
    lower, upper = some_boxes(rng, 100, 3, "bounded")
    rows = some_points(rng, lower, upper, 50)
    for array in (lower, upper, rows):
        array.setflags(write=False)
    built = BoxFinder.of(lower, upper)
    for ramp in (0.01, 1.0, 100.0):
        assert same(built.active(rows, ramp), by_definition(lower, upper, rows, ramp))


def test_the_tree_is_used_for_small_bumps_and_not_for_wide_ones() -> None:
    rng = np.random.default_rng(5)
    centers, rows = rng.random((5000, 4)), rng.random((300, 4))
    built = BoxFinder.of(centers, centers)
    assert built._plan(rows, 0.01)[0]
    assert not built._plan(rows, 10.0)[0]
    assert not BoxFinder.of(np.full((50, 2), -np.inf), centers[:50, :2])._plan(rows[:, :2], 0.01)[0]


def tight_cuts(built: BoxFinder) -> BoxFinder:
    cut = built.cut.copy()
    cut[:, 0] -= 2.0**-40
    return dataclasses.replace(built, cut=cut)


def missing_constraints(built: BoxFinder) -> BoxFinder:
    ends = built.ends.copy()
    ends[::7] = [-np.inf, np.inf]
    return dataclasses.replace(built, ends=ends)


@pytest.mark.parametrize("fault", [tight_cuts, missing_constraints])
def test_a_planted_fault_is_noticed(fault: Callable[[BoxFinder], BoxFinder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "_TREE_COST", 0.0)
    rng = np.random.default_rng(6)
    lower = rng.integers(-64, 65, (400, 2)) / 4.0
    ramp, rows = 0.25, lower + np.array([0.25 - 2.0**-46, 0.0])  # just inside the ramp of each box
    expected = by_definition(lower, lower, rows, ramp)
    assert same(BoxFinder.of(lower, lower).active(rows, ramp), expected)
    assert not same(fault(BoxFinder.of(lower, lower)).active(rows, ramp), expected)


def test_the_finder_says_the_same_without_compilation() -> None:
    code = """
import numpy as np
from constructive.students import finder
rng = np.random.default_rng(0)
centers, rows = rng.random((70, 3)), rng.random((40, 3))
for cost in (0.0, np.inf):
    finder._TREE_COST = cost
    print([part.tobytes().hex() for part in finder.BoxFinder.of(centers - 0.1, centers + 0.1).active(rows, 0.3)])
"""
    printed = set()
    for disabled in ("0", "1"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              env={"NUMBA_DISABLE_JIT": disabled, "PATH": "", "HOME": str(Path.home())},
                              cwd=Path(__file__).parent)
        printed.update(done.stdout.splitlines())
    assert len(printed) == 1
