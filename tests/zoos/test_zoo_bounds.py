"""Lower bounds: shattered points, slope, and the two points that a first layer of low rank cannot tell apart."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.network import Network
from constructive.students import memorize, nearest_network, separation
from constructive.zoos import bits_needed, colliding_points, cross, least_slope, shattered_points


@given(st.integers(2, 12), st.integers(0, 2**32), st.data())
def test_in_l_2_two_points_collide_whenever_the_rank_is_at_most_ratio_squared_times_d(d: int, seed: int,
                                                                                      data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, d - 1))
    ratio = math.sqrt(rank / d)
    weight = np.random.default_rng(seed).normal(size=(rank, d))
    found = colliding_points(weight, ratio)
    assert found is not None
    k, x, z = found
    X, y = cross(d)
    assert y[k] != y[0]
    assert np.abs(weight @ x - weight @ z).max() <= 1e-10 * np.abs(weight).max()
    assert max(np.linalg.norm(x), np.linalg.norm(z - X[k])) <= ratio / 2 * (1 + 1e-9)


@given(st.integers(2, 12), st.integers(0, 2**32), st.data())
def test_in_l_inf_two_points_collide_whenever_the_rank_is_below_d(d: int, seed: int, data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, d - 1))
    ratio = data.draw(st.floats(0.5, 0.99))
    weight = np.random.default_rng(seed).normal(size=(rank, d))
    found = colliding_points(weight, ratio, norm=math.inf)
    assert found is not None
    k, x, z = found
    X, y = cross(d, math.inf)
    assert y[k] != y[0]
    assert np.abs(weight @ x - weight @ z).max() <= 1e-10 * np.abs(weight).max()
    assert max(np.abs(x).max(), np.abs(z - X[k]).max()) <= ratio / 2 * (1 + 1e-9)


def test_of_full_rank_no_two_points_collide() -> None:
    assert colliding_points(np.eye(4), 0.9) is None
    assert colliding_points(np.eye(4), 0.9, norm=math.inf) is None


def test_the_bound_in_l_2_is_sharp_up_to_the_choice_of_the_rows() -> None:
    # rows that spread over all coordinates: every |P e_j|^2 is exactly 1 - 1 / d
    d = 9
    weight = np.ones((1, d))
    assert colliding_points(weight, math.sqrt(1 / d)) is not None
    assert colliding_points(weight, math.sqrt(1 / d) * (1 - 1e-6)) is None


def test_a_memorizer_of_the_cross_has_the_rank_it_needs() -> None:
    for norm in (2.0, math.inf):
        X, y = cross(5, norm)
        student = memorize(X, y, radius=0.45, norm=norm, recipe="argmax")
        first = student.to_network().layers[0].weight.toarray()
        assert np.linalg.matrix_rank(first) == 5
        assert colliding_points(first, 0.9, norm=norm) is None


def test_the_least_slope_is_attained_by_the_nearest_neighbor() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 64, (20, 3)) / 64, rng.choice([0, 1], 20)
    apart = separation(X, y).distance
    member = nearest_network(X, y, radius=apart / 4)
    bound = least_slope(apart, Fraction(apart) / 4)
    assert bound <= member.slope <= bound * (1 + 2.0**-50)
    assert least_slope(apart, apart) == math.inf
    assert least_slope(math.inf, 1.0) == 0.0


def test_more_parameters_or_layers_shatter_more_points_at_most() -> None:
    pattern = shattered_points([10, 10, 1], [100, 110, 11])
    assert pattern < shattered_points([10, 10, 1], [100, 120, 11])
    assert pattern < shattered_points([10, 10, 1, 1], [100, 110, 11, 2])


def test_no_network_of_ours_memorizes_more_than_its_pattern_could_shatter() -> None:
    rng = np.random.default_rng(1)
    for n in (5, 50):
        X, y = rng.random((n, 2)), rng.choice([0, 1], n)
        network: Network = memorize(X, y, radius=separation(X, y).distance / 4, recipe="lean").to_network()
        assert n <= shattered_points([la.outputs for la in network.layers], [la.nonzeros for la in network.layers])


def test_ten_labels_need_more_bits_than_two() -> None:
    assert bits_needed(100) == 100
    assert bits_needed(100, 16) == 400


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="2 layers of units, 1 of nonzeros"):
        shattered_points([1, 1], [1])
    with pytest.raises(ValueError, match="norm=1 is not known"):
        colliding_points(np.eye(2), 0.5, norm=1)
    with pytest.raises(ValueError, match="ratio=1.0 must be < 1"):
        colliding_points(np.eye(2), 1.0)
