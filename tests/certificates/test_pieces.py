"""Domains as boxes: nothing of a region is lost or added, and cuts, wherever they are, keep every point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.certificates.pieces import boxes_of, cut_at, halved, intervals_of
from constructive.domain import Box, Region


def drawn_region(rng: np.random.Generator, d: int) -> Region:
    bands = []
    for _ in range(int(rng.integers(0, 4))):
        ends = np.sort(rng.integers(-2, 19, (2, d)), axis=0) / 16
        ends[:, rng.random(d) < 0.3] = [[-np.inf], [np.inf]]
        bands.append(Box(ends[0], ends[1]))
    return Region(Box.cube(d), tuple(bands))


def inside(low: np.ndarray, high: np.ndarray, points: np.ndarray) -> np.ndarray:
    return ((points[:, None] >= low) & (points[:, None] <= high)).all(axis=2).any(axis=1)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_the_boxes_of_a_region_hold_its_points_and_no_others(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    region = drawn_region(rng, d)
    points = rng.integers(0, 33, (200, d)) / 32
    try:
        low, high = boxes_of(region, d, "test")
    except ValueError:
        assert not region.contains(points).any()
        return
    assert (low <= high).all()
    assert (inside(low, high, points) == region.contains(points)).all()
    volume = float(np.prod(high - low, axis=1).sum())
    grid = (np.stack(np.meshgrid(*[np.arange(16)] * d, indexing="ij"), axis=-1).reshape(-1, d) + 0.5) / 16
    assert volume == pytest.approx(region.contains(grid).mean(), abs=2.0**-40)  # pieces do not overlap


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 3))
def test_cuts_keep_every_point(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 8, (4, d)) / 16
    high = low + rng.integers(0, 9, (4, d)) / 16
    points = rng.integers(0, 33, (100, d)) / 32
    coarse = [np.sort(rng.random(int(rng.integers(0, 4)))) for _ in range(d)]
    places = [coarse, [np.unique(np.concatenate([at, rng.random(3)])) for at in coarse]]
    for more in (cut_at(low, high, places, 1000), halved(low, high, rng.random((4, d)), places)):
        assert (more[0] <= more[1]).all()
        assert (inside(*more, points) == inside(low, high, points)).all()


def test_cuts_that_are_too_many_are_left_to_coarser_ones() -> None:
    places = [[np.array([0.5])], [np.arange(1, 100) / 100]]
    low, _ = cut_at(np.zeros((1, 1)), np.ones((1, 1)), places, 10)
    assert low.shape[0] == 2
    low, _ = cut_at(np.zeros((1, 1)), np.ones((1, 1)), places, 1)
    assert low.shape[0] == 1


def test_projections_of_boxes_that_touch_are_one_interval() -> None:
    low = np.array([[0.0, 0.0], [0.5, 0.0], [0.75, 0.25]])
    high = np.array([[0.5, 0.25], [0.625, 0.0], [1.0, 0.5]])
    assert intervals_of(low, high) == [[(0.0, 0.625), (0.75, 1.0)], [(0.0, 0.5)]]
