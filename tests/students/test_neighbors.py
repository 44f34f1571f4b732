"""The nearest-neighbor baseline: right where it says safe, wrong where it says wrong."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from constructive.students import NearestNeighbor, separation

NORMS = [1.0, 2.0, math.inf]


def test_the_nearest_datum_decides() -> None:
    rng = np.random.default_rng(0)
    for norm in NORMS:
        data, labels, probe = rng.random((30, 3)), rng.integers(0, 3, 30), rng.random((100, 3))
        gaps = np.linalg.norm(probe[:, None] - data, ord=norm, axis=2)
        assert (NearestNeighbor(data, labels, norm=norm).predict(probe) == labels[gaps.argmin(axis=1)]).all()


def test_shapes_are_kept() -> None:
    rule = NearestNeighbor([[0.0, 0.0], [1.0, 1.0]], ["a", "b"])
    assert rule.predict([0.9, 0.9]).shape == ()
    assert rule.predict(np.zeros((2, 4, 2))).shape == (2, 4)


@pytest.mark.parametrize("norm", NORMS)
def test_verdicts_agree_with_a_dense_search(norm: float) -> None:
    rng = np.random.default_rng(int(min(norm, 5)))
    data, labels = rng.random((25, 2)), rng.integers(0, 2, 25)
    probe, own, delta = rng.random((120, 2)), rng.integers(0, 2, 120), 0.06
    rule = NearestNeighbor(data, labels, norm=norm)
    verdicts = rule.robust_verdicts(probe, own, delta)
    grid = np.array(list(itertools.product(np.linspace(-1, 1, 61), repeat=2))) * delta
    grid = grid[np.linalg.norm(grid, ord=norm, axis=1) <= delta * (1 - 1e-12)]
    found = np.array([(rule.predict(x + grid) != y).any() for x, y in zip(probe, own, strict=True)])
    assert not found[verdicts == 0].any()
    assert {0, 1} <= set(verdicts.tolist())
    # a witness lies in the closed ball; the grid of step delta / 30 may miss a thin sliver of wrong answers
    wider = np.array([(rule.predict(x + 1.05 * grid) != y).any() for x, y in zip(probe, own, strict=True)])
    assert wider[verdicts == 1].all()
    assert (verdicts == -1).mean() < 0.2


@pytest.mark.parametrize("norm", NORMS)
def test_its_own_data_are_safe_below_half_the_separation(norm: float) -> None:
    rng = np.random.default_rng(3)
    data, labels = rng.random((40, 3)), rng.integers(0, 3, 40)
    rule = NearestNeighbor(data, labels, norm=norm)
    half = separation(data, labels, norm=norm).distance / 2
    assert (rule.robust_verdicts(data, labels, 0.999 * half) == 0).all()
    assert (rule.robust_verdicts(data, labels, 1.01 * half) != 0).any()


def test_one_class_is_always_safe_and_an_absent_class_never() -> None:
    rule = NearestNeighbor([[0.0], [1.0]], ["a", "a"])
    assert rule.robust_verdicts([[9.0]], ["a"], 5.0).tolist() == [0]


def test_witnesses_stay_in_the_ball_at_large_coordinates() -> None:
    rule = NearestNeighbor([[2.0**40], [2.0**40 + 4]], [0, 1])
    # the boundary lies 2 above the first datum; a radius below the spacing of doubles reaches nothing new
    assert rule.robust_verdicts([[2.0**40 + 1]], [0], 2.0**-20).tolist() != [1]


def test_float_labels_count_as_classes() -> None:
    rule = NearestNeighbor([[0.0], [1.0]], [0.5, 1.5])
    assert rule.classes == (0.5, 1.5)
