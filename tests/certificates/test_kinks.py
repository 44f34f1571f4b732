"""Walls, bumps and bends along segments, read from weights."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import dyadic_network, random_network, rational_values

import constructive as con
from constructive.certificates import kinks
from constructive.certificates.exact import piecewise_1d
from constructive.certificates.goals import Goal
from constructive.certificates.kinks import bump_points, lowest_on_segments, wall_points, walls
from constructive.certificates.witnesses import Balls
from constructive.network import Network

DOUBLE = np.dtype(np.float64)


def restricted(network: Network, start: np.ndarray, end: np.ndarray) -> Network:
    """Return t -> network(start + t (end - start)); exact for few-bit numbers."""
    first = network.layers[0]
    weight = first.weight @ (end - start)[:, None]
    return Network.build([(weight, first.weight @ start + first.bias),
                          *[(layer.weight, layer.bias) for layer in network.layers[1:]]])


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), depth=st.integers(0, 3))
def test_the_least_margin_of_a_segment_is_that_of_its_exact_pieces(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    network = dyadic_network(rng, [d, *rng.integers(1, 6, depth).tolist(), 1])
    start, end = rng.integers(-32, 33, (2, d)) / 16.0
    sign = 1.0 if seed % 2 else -1.0
    share, margin, _ = lowest_on_segments(network, Goal("sign", np.array([sign])), start[None], end[None])
    pieces = piecewise_1d(restricted(network, start, end), 0.0, 1.0)
    least = min(int(sign) * v[0] for v in pieces.values)
    scale = 1 + max(abs(v[0]) for v in pieces.values)
    assert abs(Fraction(float(margin[0])) - least) <= scale * Fraction(2)**-40
    t = Fraction(float(share[0]))
    at = [Fraction(a) + t * Fraction(b - a) for a, b in zip(start.tolist(), end.tolist(), strict=True)]
    assert abs(int(sign) * rational_values(network, at)[0] - least) <= scale * Fraction(2)**-30


@pytest.mark.parametrize("goal", [Goal("score", np.full(20, 1.0)), Goal("value", np.full(20, 0.25))],
                         ids=lambda goal: goal.kind)
def test_no_dense_sample_of_a_segment_is_below_its_least_margin(goal: Goal) -> None:
    rng = np.random.default_rng(2)
    network = random_network(rng, [3, 15, 12, 3 if goal.kind == "score" else 1])
    start, end = rng.normal(size=(2, 20, 3))
    _, margin, _ = lowest_on_segments(network, goal, start, end)
    for i in range(20):
        points = start[i] + np.linspace(0, 1, 2001)[:, None] * (end[i] - start[i])
        values = network(points)
        rivals = values[:, 1] - np.delete(values, 1, axis=1).max(axis=1) if goal.kind == "score" else (
            -np.abs(values[:, 0] - 0.25))
        assert margin[i] <= rivals.min() + 1e-12 * (1 + np.abs(values).max())


def test_segments_in_blocks_are_segments_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    network = random_network(rng, [2, 12, 9, 1])
    start, end = rng.normal(size=(2, 30, 2))
    goal = Goal("sign", np.where(rng.random(30) < 0.5, 1.0, -1.0))
    whole = lowest_on_segments(network, goal, start, end)
    monkeypatch.setattr(kinks, "_BLOCK_NUMBERS", 1)
    alone = lowest_on_segments(network, goal, start, end)
    assert np.array_equal(whole[0], alone[0])
    assert np.array_equal(whole[1], alone[1])
    assert whole[2] == alone[2]


def test_bends_beyond_the_room_are_an_even_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinks, "_MOST_BENDS", 12)
    places = (np.arange(100) + 0.5) / 100
    network = Network.build([(np.ones((100, 1)), -places), (np.ones((1, 100)), None)])
    _, _, bends = lowest_on_segments(network, Goal("sign", np.ones(2)), np.zeros((2, 1)), np.ones((2, 1)))
    assert bends == 24


def test_walls_of_a_teacher_on_cells_are_the_ends_of_its_bands() -> None:
    teacher = con.taylor_cells(con.targets.cosine_product([3.0, 2.0]), order=1, cells=4, width=2.0**-10)
    bands = teacher.region.bands
    for j, found in enumerate(walls(teacher.to_network())):
        ends = {float(e) for band in bands for e in (band.lower[j], band.upper[j]) if 0 < e < 1}
        assert len(ends) == 6
        assert all(np.abs(found - e).min() <= 2.0**-40 for e in ends)


def test_rows_with_several_weights_make_no_walls() -> None:
    network = Network.build([([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0]], [-1.0, -1.0, 1.0]),
                             ([[1.0, 0.0, 0.0], [0.0, -4.0, 0.0], [0.0, 1.0, 1.0]], [1.0, 1.0, 0.0]),
                             ([[1.0, 1.0, 1.0]], None)])
    assert [found.tolist() for found in walls(network)] == [[0.5, 0.625], []]


@pytest.mark.parametrize("norm", [1.0, 2.0, math.inf])
def test_wall_points_lie_in_the_narrowest_gaps(norm: float) -> None:
    balls = Balls.of(np.array([[0.5, 0.5], [9.0, 9.0]]), 0.25, norm, DOUBLE)
    owners, points = wall_points(balls, [np.array([0.3, 0.4, 0.400001, 0.6, 2.0]), np.array([0.7])])
    assert set(owners.tolist()) == {0}
    assert np.isclose(points[:, 0], 0.4000005, rtol=0, atol=1e-9).any()
    assert (points[:, 0] == 0.5).any()
    assert not (points == 0.5).all(axis=1).any()  # the anchor itself is no news
    assert len({tuple(p) for p in points.tolist()}) == len(points) <= 256


def test_bump_points_are_the_nearest_points_of_other_boxes() -> None:
    X = np.array([[0.25, 0.25], [0.75, 0.25], [0.25, 0.75]])
    network = con.memorize(X, [0, 1, 1], radius=0.0625).to_network()
    balls = Balls.of(X[:1], 0.5, math.inf, DOUBLE)
    found = np.concatenate(bump_points(network, balls, 8))
    assert np.allclose(sorted(found.tolist()), [[0.25, 0.25], [0.25, 0.6875], [0.6875, 0.25]], rtol=0, atol=2.0**-40)


def test_networks_without_bumps_have_no_bump_points() -> None:
    network = random_network(np.random.default_rng(5), [2, 5, 1])
    assert bump_points(network, Balls.of(np.zeros((1, 2)), 1.0, 2, DOUBLE), 8) == []
