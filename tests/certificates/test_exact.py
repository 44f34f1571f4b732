"""Exact certificates: rational intervals by scaled integers, pieces of one-input networks."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import (
    box_points,
    dyadic_network,
    nudged,
    random_network,
    rational_intervals,
    rational_values,
)

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.exact import exact_interval_bounds, piecewise_1d, scaled_integers
from constructive.network import Network

WIDTHS = ([1, 4, 3, 1], [3, 6, 5, 2], [2, 1], [4, 3, 3, 3, 1])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_scaled_integers_are_exact(values: list[float]) -> None:
    integers, shift = scaled_integers(values)
    assert [Fraction(k, 2**shift) for k in integers] == [Fraction(v) for v in values]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_the_shift_is_the_least_one(values: list[float]) -> None:
    integers, shift = scaled_integers(values)
    assert shift == 0 or any(k % 2 for k in integers)


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("exponents", [(0, 0), (-20, 20), (-200, -190)])
def test_the_bounds_equal_rational_interval_propagation(widths: list[int], exponents: Any) -> None:
    rng = np.random.default_rng(0)
    network = random_network(rng, widths, exponents=exponents)
    center, side = rng.normal(size=(4, widths[0])), rng.random((4, widths[0])) * [[0], [1], [1e-9], [8]]
    lower, upper = center - side, center + side
    low, high = exact_interval_bounds(network, lower, upper)
    for i in range(4):
        assert (low[i], high[i]) == rational_intervals(network, lower[i].tolist(), upper[i].tolist())


def test_the_real_network_stays_inside() -> None:
    rng = np.random.default_rng(1)
    network = random_network(rng, [3, 6, 5, 2])
    lower, upper = np.array([-1.0, 0.1, 0.3]), np.array([0.5, 0.1, 2.0])
    low, high = exact_interval_bounds(network, lower, upper)
    for x in box_points(lower, upper, 60, rng).tolist():
        values = rational_values(network, x)
        assert all(a <= v <= b for a, v, b in zip(low[0], values, high[0], strict=True))


def test_at_a_point_the_bounds_are_the_value() -> None:
    rng = np.random.default_rng(2)
    network = random_network(rng, [3, 6, 5, 2])
    x = rng.normal(size=3)
    low, high = exact_interval_bounds(network, x, x)
    assert low == high == [rational_values(network, x.tolist())] == [list(network.exact(x.tolist()))]


def test_machine_bounds_contain_the_exact_ones_where_nothing_rounds() -> None:
    rng = np.random.default_rng(3)
    network = dyadic_network(rng, [3, 6, 5, 2])
    lower, upper = -rng.integers(0, 9, (6, 3)) / 4.0, rng.integers(0, 9, (6, 3)) / 4.0
    exact, machine = exact_interval_bounds(network, lower, upper), interval_bounds(network, lower, upper)
    assert (np.array(machine[0]) <= np.array(exact[0], float)).all()
    assert (np.array(machine[1]) >= np.array(exact[1], float)).all()


def test_a_weight_moved_by_one_ulp_changes_the_bounds() -> None:
    rng = np.random.default_rng(4)
    widths = [3, 6, 5, 2]
    # biases so large that no unit is dead: then every weight matters
    network = Network.build([(rng.normal(size=(m, k)), np.full(m, 100.0 ** (i + 1)))
                             for i, (k, m) in enumerate(pairwise(widths))])
    lower, upper = np.full(3, -1.0), np.full(3, 1.0)
    bounds = exact_interval_bounds(network, lower, upper)
    for _ in range(10):
        layer = int(rng.integers(network.depth))
        entry = int(rng.integers(network.layers[layer].weight.nnz))
        # outward, so that the reach of the row grows whatever the sign
        other = nudged(network, layer, entry, lambda v: math.nextafter(v, math.copysign(math.inf, v)))
        assert exact_interval_bounds(other, lower, upper) != bounds


@pytest.mark.parametrize(
    ("lower", "upper"),
    [([0.0], [1.0]), ([1.0, 0.0], [0.0, 0.0]), ([0.0, 0.0], [1.0, math.inf]), ([math.nan, 0.0], [1.0, 1.0])],
)
def test_bad_boxes_are_refused(lower: Any, upper: Any) -> None:
    with pytest.raises(ValueError, match="exact_interval_bounds"):
        exact_interval_bounds(Network.build([([[1.0, 2.0]], None)]), lower, upper)


@pytest.mark.parametrize("seed", range(6))
def test_pieces_equal_the_network_at_knots_and_are_affine_between(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, [1, 5, 4, 2])
    pieces = piecewise_1d(network, -3, Fraction(7, 3))
    assert (pieces.knots[0], pieces.knots[-1]) == (-3, Fraction(7, 3))
    joints = list(zip(pieces.knots, pieces.values, strict=True))
    for knot, value in joints:
        assert value == network.exact([knot]) == tuple(rational_values(network, [knot]))
    for (a, at_a), (b, at_b) in pairwise(joints):
        assert a < b
        for t in (Fraction(1, 2), Fraction(1, 3), Fraction(6, 7)):
            expected = tuple(u + t * (v - u) for u, v in zip(at_a, at_b, strict=True))
            assert network.exact([a + t * (b - a)]) == expected


def test_pieces_of_an_affine_map_have_no_inner_knots() -> None:
    assert piecewise_1d(Network.build([([[2.0]], [1.0])]), 0, 1).knots == (0, 1)


def test_a_kink_next_to_another_is_not_lost() -> None:
    near = math.nextafter(0.5, 1.0)
    network = Network.build([([[1.0], [1.0]], [-0.5, -near]), ([[1.0, -1.0]], None)])
    pieces = piecewise_1d(network, 0, 1)
    assert pieces.knots == (0, Fraction(0.5), Fraction(near), 1)
    assert pieces.values[-1] == (Fraction(near) - Fraction(0.5),)


def test_pieces_refuse_what_they_cannot_do() -> None:
    one = Network.build([([[1.0], [1.0]], [-0.25, -0.5]), ([[1.0, -1.0]], None)])
    with pytest.raises(ValueError, match="2 inputs"):
        piecewise_1d(Network.build([([[1.0, 2.0]], None)]), 0, 1)
    with pytest.raises(ValueError, match="lower < upper"):
        piecewise_1d(one, 1, 1)
    with pytest.raises(ValueError, match="limit=3"):
        piecewise_1d(one, 0, 1, limit=3)
