"""Gated sums: exact on dyadic data against rationals, gradients against slopes, and independence of the batch."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive._kernels.gated import gated_sums
from constructive.nearinit import GatedSum

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def dyadic_sum(rng: np.random.Generator) -> tuple[GatedSum, Array]:
    """Return a sum of small dyadic numbers, and points, so that nothing rounds and many gates are exactly 0."""
    m, d = int(rng.integers(1, 20)), int(rng.integers(1, 5))
    gate, linear, points = (rng.integers(-6, 7, shape) / 4 for shape in ((m, d), (m, d), (25, d)))
    return GatedSum(gate, rng.integers(-6, 7, m) / 4, linear, rng.integers(-6, 7, m) / 8), points


def random_sum(rng: np.random.Generator, d: int = 3) -> GatedSum:
    m = int(rng.integers(1, 20))
    return GatedSum(rng.normal(size=(m, d)), rng.normal(size=m), rng.normal(size=(m, d)), rng.normal(size=m))


def rational_value(function: GatedSum, x: list[float]) -> Fraction:
    total = Fraction(0)
    for gate, bias, linear, offset in zip(function.gate.tolist(), function.gate_bias.tolist(),
                                          function.linear.tolist(), function.offset.tolist(), strict=True):
        u = sum((Fraction(w) * Fraction(v) for w, v in zip(gate, x, strict=True)), Fraction(bias))
        if u >= 0:
            total += sum((Fraction(w) * Fraction(v) for w, v in zip(linear, x, strict=True)), Fraction(offset))
    return total


@settings(max_examples=30)
@given(seeds)
def test_values_are_exact_on_dyadic_data_and_closed_gates_are_open_at_zero(seed: int) -> None:
    function, points = dyadic_sum(np.random.default_rng(seed))
    assert function(points).tolist() == [float(rational_value(function, x)) for x in points.tolist()]


def test_dyadic_data_do_meet_edges() -> None:
    function, points = dyadic_sum(np.random.default_rng(0))
    assert (points @ function.gate.T + function.gate_bias == 0).any()


def test_a_gate_is_open_on_its_edge_and_shut_below() -> None:
    step = GatedSum([[1.0]], [-0.5], [[0.0]], [1.0])
    assert step([[0.5], [math.nextafter(0.5, 0.0)]]).tolist() == [1.0, 0.0]


@given(seeds)
def test_the_gradient_is_the_slope_where_no_gate_switches(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, points = dyadic_sum(rng)
    values, slopes = function.gradient(points)
    assert (values == function(points)).all()
    clear = (np.abs(points @ function.gate.T + function.gate_bias) > 0).all(axis=1)
    step = 2.0**-10 * rng.integers(-3, 4, points.shape)  # edges are at least 2^-4 / |w|_1 away
    moved = function(points + step) - values
    assert (moved[clear] == (slopes * step).sum(axis=1)[clear]).all()


@settings(max_examples=20)
@given(seeds, st.sampled_from((0.05, 0.3, 2.0)))
def test_smoothed_values_and_gradients_are_those_of_normal_gates(seed: int, smoothing: float) -> None:
    rng = np.random.default_rng(seed)
    function, x = random_sum(rng), rng.normal(size=3)
    value, slopes = function.gradient(x, smoothing)
    with mpmath.workdps(40):
        exact, gradient = mpmath.mpf(0), [mpmath.mpf(0)] * 3
        for gate, bias, linear, offset in zip(function.gate.tolist(), function.gate_bias.tolist(),
                                              function.linear.tolist(), function.offset.tolist(), strict=True):
            reach = mpmath.fsum([bias, *(mpmath.mpf(w) * v for w, v in zip(gate, x.tolist(), strict=True))]) / smoothing
            term = mpmath.fsum([offset, *(mpmath.mpf(w) * v for w, v in zip(linear, x.tolist(), strict=True))])
            exact += mpmath.ncdf(reach) * term
            for j in range(3):
                gradient[j] += mpmath.ncdf(reach) * linear[j] + mpmath.npdf(reach) / smoothing * term * gate[j]
    # each argument is rounded by 2^-51 |w| |x| / smoothing; the density and its slope are below 1
    size = (1 + np.linalg.norm(x)) * np.linalg.norm(np.column_stack([function.gate, function.gate_bias])) / smoothing
    heights = np.abs(function.linear).sum() * (1 + np.abs(x).max()) + np.abs(function.offset).sum()
    slack = 2.0**-48 * (1 + size) ** 2 * heights
    assert abs(float(value) - exact) <= slack
    assert all(abs(float(s) - g) <= slack for s, g in zip(slopes, gradient, strict=True))


@given(seeds)
def test_little_smoothing_is_none_off_the_edges(seed: int) -> None:
    function, points = dyadic_sum(np.random.default_rng(seed))
    clear = (np.abs(points @ function.gate.T + function.gate_bias) > 0).all(axis=1)
    sharp, smooth = function.gradient(points), function.gradient(points, 2.0**-12)
    assert (smooth[0][clear] == sharp[0][clear]).all()
    assert (smooth[1][clear] == sharp[1][clear]).all()


@given(seeds)
def test_much_smoothing_opens_every_gate_by_half(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, points = random_sum(rng), rng.normal(size=(5, 3))
    values, _ = function.gradient(points, 2.0**70)
    sums = points @ function.linear.sum(axis=0) + function.offset.sum()
    size = np.abs(function.linear).sum() * (1 + np.abs(points).max()) + np.abs(function.offset).sum()
    assert (np.abs(values - sums / 2) <= 64 * 2.0**-52 * size).all()


@given(seeds)
def test_a_row_is_the_same_alone_and_in_any_batch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, points = random_sum(rng), rng.normal(size=(2, 37, 3))
    values, slopes = function.gradient(points, 0.2)
    assert values.shape == (2, 37)
    assert slopes.shape == (2, 37, 3)
    alone = [function.gradient(x, 0.2) for x in points[1]]
    assert (values[1] == [value for value, _ in alone]).all()
    assert (slopes[1] == [slope for _, slope in alone]).all()
    assert (function(points)[0] == [function(x) for x in points[0]]).all()
    assert function(points[0, 0]).shape == ()


@given(seeds)
def test_neighbors_of_opposite_sign_cancel_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gate, bias, linear = rng.normal(size=(9, 3)), rng.normal(size=9), rng.normal(size=(9, 3))
    function = GatedSum(np.repeat(gate, 2, axis=0), np.repeat(bias, 2), np.repeat(linear, 2, axis=0)
                        * np.tile([[1.0], [-1.0]], (9, 1)), np.zeros(18))
    assert not function(rng.normal(size=(50, 3))).any()


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("slopes", [False, True])
def test_the_compiled_kernel_is_the_plain_one(smoothing: float, slopes: bool) -> None:
    rng = np.random.default_rng(3)
    function, points = random_sum(rng), rng.normal(size=(12, 3))
    results = []
    for run in (gated_sums, getattr(gated_sums, "py_func", gated_sums)):
        values, gradients = np.full(12, np.nan), np.full((12 if slopes else 0, 3), np.nan)
        run((np.ascontiguousarray(function.gate.T), np.ascontiguousarray(function.linear.T)),
            (function.gate, function.linear), function.gate_bias, function.offset, points, smoothing, values, gradients)
        results.append((values, gradients))
    size = np.abs(function.linear).sum() + np.abs(function.offset).sum()
    for one, other in zip(*results, strict=True):  # the two exponentials may differ in the last bits
        np.testing.assert_allclose(one, other, rtol=0, atol=2.0**-45 * size if smoothing else 0)


def test_parts_are_copied_and_frozen() -> None:
    gate = np.ones((1, 2))
    function = GatedSum(gate, [0.0], [[1.0, 2.0]], [0.5])
    gate[0, 0] = -9.0
    assert (function.width, function.dimension) == (1, 2)
    assert float(function([1.0, 1.0])) == 3.5
    with pytest.raises(ValueError, match="read-only"):
        function.gate[0, 0] = 0.0


@pytest.mark.parametrize("parts", [
    ([1.0], [0.0], [[1.0]], [0.0]), ([[1.0]], [0.0, 1.0], [[1.0]], [0.0]), ([[1.0]], [0.0], [[1.0, 2.0]], [0.0]),
    ([[1.0]], [0.0], [[1.0]], [[0.0]])])
def test_shapes_that_do_not_fit_are_refused(parts: tuple[list[float], ...]) -> None:
    with pytest.raises(ValueError, match="gate and linear must be"):
        GatedSum(*parts)  # type: ignore[arg-type]


def test_points_of_another_dimension_and_negative_smoothing_are_refused() -> None:
    function = GatedSum([[1.0, 0.0]], [0.0], [[1.0, 0.0]], [0.0])
    for x in (1.0, [1.0], np.ones((4, 3))):
        with pytest.raises(ValueError, match=r"x must have shape \(..., 2\)"):
            function(x)
    with pytest.raises(ValueError, match=r"smoothing=-1\.0 must be >= 0"):
        function.gradient([1.0, 0.0], -1.0)
