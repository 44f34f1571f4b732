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

from constructive.evidence import Evidence
from constructive.students import separation

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
