"""Exact ranges on arcs: against 40 digits, golden values, edges and their one-sided limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arc_cases import precise_range, random_caps, random_relus, relu_sum
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.nearinit import GatedSum, caps, circle_range, draw_units
from constructive.nearinit.units import PseudoNetwork

seeds = st.integers(0, 2**32 - 1)
ROUND = caps([[1.0, 0.0]], 0.5)


def constant_gates(gates: list[list[float]], biases: list[float], heights: list[float]) -> GatedSum:
    """Return sum of heights of open gates."""
    return GatedSum(gates, biases, np.zeros((len(gates), 2)), heights)


def golden_network() -> GatedSum:
    r = np.arange(1, 9)
    return relu_sum(np.stack([np.sin(r), np.cos(2 * r)], axis=1), 0.5 * np.sin(3 * r), np.where(r % 2 == 1, 1.0, -1.0))


@pytest.mark.parametrize(("radius", "upper", "lower"), [
    (0.1, (1.2585809943, 1.3592863996), (0.8007416149, 1.1440515277)),
    (0.3, (1.7198638336, 1.5611461267), (0.3601850221, 0.9219475169)),
])
def test_golden_ranges(radius: float, upper: tuple[float, float], lower: tuple[float, float]) -> None:
    found = circle_range(golden_network(), caps(np.eye(2), radius))
    np.testing.assert_allclose(found.upper, upper, rtol=0, atol=6e-11)  # ten digits are given
    np.testing.assert_allclose(found.lower, lower, rtol=0, atol=6e-11)


@settings(max_examples=12)
@given(seeds)
def test_networks_agree_with_forty_digits_to_the_stated_rounding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = relu_sum(*random_relus(rng, 2)), random_caps(rng, 2)
    ranges = circle_range(function, found)
    for i in range(found.n):
        low, high = precise_range(function, found, i)
        assert abs(low - ranges.lower[i]) <= ranges.rounding
        assert abs(high - ranges.upper[i]) <= ranges.rounding


@settings(max_examples=12)
@given(seeds)
def test_pseudo_networks_agree_with_forty_digits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = draw_units(int(rng.integers(1, 40)), 2, rng=rng)
    function, found = PseudoNetwork(units, rng.normal(size=units.weight.shape)).gated(), random_caps(rng, 2)
    ranges = circle_range(function, found)
    for i in range(found.n):
        low, high = precise_range(function, found, i)
        assert abs(low - ranges.lower[i]) <= ranges.rounding
        assert abs(high - ranges.upper[i]) <= ranges.rounding


@settings(max_examples=25)
@given(seeds)
def test_no_point_of_a_dense_grid_is_outside_and_some_come_near(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = relu_sum(*random_relus(rng, 2)), random_caps(rng, 2)
    ranges = circle_range(function, found)
    angles = np.arctan2(found.X[:, 1], found.X[:, 0])[:, None] + found.angle * np.linspace(-1, 1, 2001)
    values = function(np.stack([np.cos(angles), np.sin(angles)], axis=-1))
    assert (values.max(axis=1) <= ranges.upper + ranges.rounding).all()
    assert (values.min(axis=1) >= ranges.lower - ranges.rounding).all()
    step = np.linalg.norm(function.linear, axis=1).sum() * found.angle / 1000  # a Lipschitz constant times the mesh
    assert (values.max(axis=1) >= ranges.upper - step - ranges.rounding).all()
    assert (values.min(axis=1) <= ranges.lower + step + ranges.rounding).all()


@settings(max_examples=25)
@given(seeds)
def test_the_ends_are_taken_where_the_points_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = relu_sum(*random_relus(rng, 2)), random_caps(rng, 2)
    ranges = circle_range(function, found)
    np.testing.assert_allclose(function(ranges.highest), ranges.upper, rtol=0, atol=ranges.rounding)
    np.testing.assert_allclose(function(ranges.lowest), ranges.lower, rtol=0, atol=ranges.rounding)
    for points in (ranges.highest, ranges.lowest):
        assert (np.linalg.norm(points - found.X, axis=1) <= found.radius + 2.0**-50).all()


@given(seeds)
def test_a_function_and_its_negative_have_opposite_ranges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = relu_sum(*random_relus(rng, 2)), random_caps(rng, 2)
    ranges = circle_range(function, found)
    mirrored = circle_range(GatedSum(function.gate, function.gate_bias, -function.linear, -function.offset), found)
    np.testing.assert_allclose(mirrored.lower, -ranges.upper, rtol=0, atol=ranges.rounding)
    np.testing.assert_allclose(mirrored.upper, -ranges.lower, rtol=0, atol=ranges.rounding)


def test_a_larger_cap_has_a_larger_range() -> None:
    function = golden_network()
    ranges = [circle_range(function, caps([[0.6, 0.8]], radius)) for radius in np.linspace(0, 1.99, 40)]
    for small, large in zip(ranges, ranges[1:], strict=False):
        assert large.lower[0] <= small.lower[0] + small.rounding
        assert large.upper[0] >= small.upper[0] - small.rounding


def test_both_one_sided_limits_and_the_closed_side_count() -> None:
    # 1 + 2 on the upper side of the edge at angle 0, 1 below: an infimum that no point of the edge attains
    ranges = circle_range(constant_gates([[0.0, 1.0], [0.0, 0.0]], [0.0, 0.0], [2.0, 1.0]), ROUND)
    assert (ranges.lower[0], ranges.upper[0]) == (1.0, 3.0)


def test_gates_that_are_open_together_at_one_point_only_are_seen() -> None:
    both = constant_gates([[0.0, 1.0], [0.0, -3.0]], [0.0, 0.0], [1.0, 1.0])
    ranges = circle_range(both, ROUND)
    assert (ranges.lower[0], ranges.upper[0]) == (1.0, 2.0)
    np.testing.assert_allclose(ranges.highest, [[1.0, 0.0]], rtol=0, atol=2.0**-45)


def test_a_gate_that_touches_the_circle_is_open_at_one_point() -> None:
    ranges = circle_range(constant_gates([[2.0, 0.0]], [-2.0], [5.0]), ROUND)
    assert (ranges.lower[0], ranges.upper[0]) == (0.0, 5.0)


@pytest.mark.parametrize(("gate", "bias", "value"), [
    ([0.0, 0.0], 0.0, 1.0), ([0.0, 0.0], -1.0, 0.0), ([1.0, 0.0], 7.0, 1.0), ([1.0, 0.0], -7.0, 0.0),
    ([1.0, 0.0], 1.0, 1.0), ([-1.0, 0.0], -0.5, 0.0), ([1.0, 0.0], -0.5, 1.0)])
def test_gates_without_an_edge_on_the_arc(gate: list[float], bias: float, value: float) -> None:
    ranges = circle_range(constant_gates([gate], [bias], [1.0]), ROUND)
    assert (ranges.lower[0], ranges.upper[0]) == (value, value)


def test_an_edge_at_the_end_of_the_arc_counts() -> None:
    end = 2 * math.asin(0.25)  # open from the cap's upper end on: at that point alone
    ranges = circle_range(constant_gates([[-math.sin(end), math.cos(end)]], [0.0], [1.0]), ROUND)
    assert (ranges.lower[0], ranges.upper[0]) == (0.0, 1.0)


def test_radius_zero_gives_the_value_at_the_center() -> None:
    function = golden_network()
    ranges = circle_range(function, caps([[0.6, 0.8]], 0.0))
    value = float(function([0.6, 0.8]))
    assert abs(ranges.lower[0] - value) <= ranges.rounding
    assert abs(ranges.upper[0] - value) <= ranges.rounding


def test_many_gates_are_summed_in_blocks_to_the_same_range(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    function, found = relu_sum(*random_relus(rng, 2)), random_caps(rng, 2, 0.6)
    whole = circle_range(function, found)
    monkeypatch.setattr("constructive.nearinit.circle._NUMBERS", 3 * function.width)
    parts = circle_range(function, found)
    np.testing.assert_allclose(parts.upper, whole.upper, rtol=0, atol=whole.rounding)
    np.testing.assert_allclose(parts.lower, whole.lower, rtol=0, atol=whole.rounding)


def test_the_deviation_is_from_the_farther_end() -> None:
    ranges = circle_range(constant_gates([[0.0, 1.0], [0.0, 0.0]], [0.0, 0.0], [2.0, 1.0]), ROUND)
    assert ranges.deviation([1.5]).tolist() == [1.5]
    assert ranges.deviation([4.0]).tolist() == [3.0]


def test_other_dimensions_are_refused() -> None:
    flat = GatedSum([[1.0, 0.0, 0.0]], [0.0], [[1.0, 0.0, 0.0]], [0.0])
    with pytest.raises(ValueError, match="needs dimension 2, got a function of 3 inputs"):
        circle_range(flat, caps(np.eye(3)[:1], 0.1))
    with pytest.raises(ValueError, match="use cap_range"):
        circle_range(golden_network(), caps(np.eye(3)[:1], 0.1))
