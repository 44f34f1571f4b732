"""The two points that a first layer of low rank cannot tell apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.students import memorize
from constructive.zoos.collisions import colliding_points, cross


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


def test_one_row_that_spreads_over_all_coordinates_is_at_the_bound_in_l_2() -> None:
    weight = np.ones((1, 9))
    assert colliding_points(weight, math.sqrt(1 / 9)) is not None
    assert colliding_points(weight, math.sqrt(1 / 9) * (1 - 1e-6)) is None


def test_a_memorizer_of_the_cross_has_the_rank_it_needs() -> None:
    for norm in (2.0, math.inf):
        X, y = cross(5, norm)
        student = memorize(X, y, radius=0.45, norm=norm, recipe="argmax")
        first = student.to_network().layers[0].weight.toarray()
        assert np.linalg.matrix_rank(first) == 5
        assert colliding_points(first, 0.9, norm=norm) is None


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="norm=1 is not known"):
        colliding_points(np.eye(2), 0.5, norm=1)
    with pytest.raises(ValueError, match="must be < 1"):
        colliding_points(np.eye(2), 1.0)
