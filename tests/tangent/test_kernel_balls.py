"""Bounds over balls: never violated by attacks, exact where they can be, known values; intervals hold 60 digits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from dynamics_cases import KERNEL, LABELS, X, Z
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import exactly, point_sets
from oracles import wide_relu

from constructive.domain import Box
from constructive.evidence import Evidence
from constructive.tangent import ErfKernel, KernelPredictor, ReluKernel
from constructive.tangent import balls as module
from constructive.tangent.attack import kernel_attack
from constructive.tangent.balls import certified_margins, kernel_robust_error, movement
from constructive.tangent.flow import GradientFlow
from constructive.tangent.intervals import gram_interval, kernel_interval, sizes_of, squares_of

POINT = np.array([[0.3, -0.5, 0.8]])


def drawn(seed: int, depth: int, bias: float, of: str, outputs: int = 1) -> tuple[KernelPredictor, Any, Any]:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(8, int(rng.integers(1, 5))))
    f = KernelPredictor(ReluKernel(depth, 1.76, bias), points, rng.normal(size=(8, outputs)), of)  # type: ignore[arg-type]
    data = np.vstack([points[:4], points[4:] + 0.3 * rng.normal(size=points[4:].shape), 0.0 * points[:1]])
    return f, data, rng.choice((-1, 1), 9) if outputs == 1 else rng.integers(0, outputs, 9)


@pytest.mark.parametrize(("radius", "bound"), [(0.1, 0.7728), (0.01, 0.2209)])
def test_the_distance_in_the_space_of_the_kernel_is_the_known_one(radius: float, bound: float) -> None:
    # |f|_H = 1 for the kernel at one point over the root of its value there
    f = KernelPredictor(KERNEL, POINT, 1.0 / np.sqrt(KERNEL.diagonal(POINT)[1])[:, None])
    assert abs(movement(f, POINT, radius, norm=2).by_norm.item() - bound) <= 5e-5


@settings(max_examples=40)
@given(point_sets(), st.integers(1, 5), st.sampled_from([0.0, 0.5]))
def test_intervals_hold_the_kernels_in_60_digits(points: Any, depth: int, bias: float) -> None:
    i, j = np.triu_indices(points.shape[0])
    found = exactly(wide_relu, points[i], points[j], depth, 1.5, bias)
    for tangent, values in zip((False, True), found, strict=True):
        for low, high in (kernel_interval(ReluKernel(depth, 1.5, bias), points, points, tangent=tangent),
                          gram_interval(ReluKernel(depth, 1.5, bias), points, tangent=tangent)):
            assert ((low[i, j] <= values) & (values <= high[i, j])).all()


def test_intervals_of_separate_points_are_narrow() -> None:
    for tangent in (False, True):
        low, high = kernel_interval(KERNEL, Z, X, tangent=tangent)
        assert (high - low).max() <= 1e-11


@settings(max_examples=20)
@given(point_sets(), st.integers(1, 4))
def test_the_sizes_hold_the_rational_recursion(points: Any, depth: int) -> None:
    sizes = sizes_of(ReluKernel(depth, 1.5, 0.5), squares_of(points), points.shape[1])
    gain, shift = Fraction(9, 4), Fraction(1, 4)
    for i, row in enumerate(points.tolist()):
        p = gain / len(row) * sum(Fraction(v) ** 2 for v in row) + shift
        t = p
        for layer in range(depth):
            assert Fraction(sizes.p[0][layer, i]) <= p <= Fraction(sizes.p[1][layer, i])
            assert Fraction(sizes.t[0][layer, i]) <= t <= Fraction(sizes.t[1][layer, i])
            p = gain / 2 * p + shift
            t = p + gain / 2 * t


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.sampled_from([0.0, 0.5]), st.sampled_from(["ntk", "nngp"]),
       st.sampled_from([2.0, math.inf]), st.sampled_from([1e-3, 0.05, 0.5, 5.0]))
def test_no_attack_moves_a_predictor_further_than_either_bound(seed: int, depth: int, bias: float, of: str,
                                                               norm: float, radius: float) -> None:
    f, data, labels = drawn(seed, depth, bias, of)
    bounds = movement(f, data, radius, norm=norm)
    rounding = 1e-13 * np.abs(f.matrix(data)) @ np.abs(f.coefficients)
    for signs in (labels, -labels):
        found = kernel_attack(f, data, signs, radius, norm=norm, steps=6, starts=1, losses=["margin"], rng=seed)
        moved = np.abs(f(found.points) - f(data)) - rounding
        assert (moved <= bounds.by_norm).all()
        assert (moved <= bounds.by_slope).all()


@pytest.mark.parametrize("of", ["ntk", "nngp"])
def test_for_linear_kernels_of_one_point_the_bound_by_slope_is_attained(of: str) -> None:
    f = KernelPredictor(ReluKernel(1, 2.0), np.array([[3.0, 4.0]]), np.array([[0.5]]), of)  # type: ignore[arg-type]
    assert abs(movement(f, [[1.0, 1.0]], 0.25, norm=2).by_slope.item() - 0.5 * 4 / 2 * 5 * 0.25) <= 1e-12


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from(["ntk", "nngp"]), st.sampled_from([1, 2, 4]),
       st.sampled_from([2.0, math.inf]), st.sampled_from([0.0, 0.01, 0.1]))
def test_certified_margins_are_below_those_that_an_attack_finds(seed: int, depth: int, of: str, outputs: int,
                                                                norm: float, radius: float) -> None:
    f, data, labels = drawn(seed, depth, 0.18, of, outputs)
    found = kernel_attack(f, data, labels, radius, norm=norm, steps=6, starts=1, rng=seed)
    rounding = 1e-13 * (np.abs(f.matrix(data)) @ np.abs(f.coefficients)).sum(axis=1)
    assert (certified_margins(f, data, labels, radius, norm=norm) <= found.margins + rounding).all()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]), st.sampled_from([2.0, math.inf]))
def test_the_robust_error_lies_between_and_no_ball_is_both(seed: int, outputs: int, norm: float) -> None:
    f, data, labels = drawn(seed, 3, 0.18, "ntk", outputs)
    found = kernel_robust_error(f, data, labels, 0.02, norm=norm, steps=5, rng=seed)
    assert not (found.broken & found.certified).any()
    assert found.error.evidence is Evidence.ENCLOSED
    assert found.error.lower == found.broken.mean()
    assert abs(found.error.upper - (1.0 - found.certified.mean())) <= 1e-15


def test_early_stopping_certifies_more_than_the_interpolant() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 6)) + 0.8 * np.repeat([[1.0], [-1.0]], 20, axis=0)
    labels = np.repeat([1, -1], 20)
    flow = GradientFlow.of(ReluKernel(3), data, labels.astype(float))
    early, late = (kernel_robust_error(f, data, labels, 0.3, norm=2, rng=0) for f in (flow.at(0.05), flow.limit()))
    assert early.error.upper < late.error.upper
    assert early.certified.any()


def test_a_box_spares_the_attacked_but_not_the_proof() -> None:
    f, data, labels = drawn(3, 2, 0.0, "ntk")
    tight = Box(data.min(axis=0), data.max(axis=0))
    found = kernel_robust_error(f, data, labels, 0.5, box=tight, rng=0)
    assert tight.contains(found.points).all()


def test_a_bound_with_half_the_angle_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    f = KernelPredictor(KERNEL, POINT, 1.0 / np.sqrt(KERNEL.diagonal(POINT)[1])[:, None])
    moved = KERNEL.distances(POINT, POINT + 0.1 * np.array([[0.8, 0.0, -0.3]]) / math.sqrt(0.73))[1]
    assert moved <= movement(f, POINT, 0.1, norm=2).by_norm ** 2
    monkeypatch.setattr(module.np, "arcsin", lambda v: 0.5 * np.arctan2(v, np.sqrt(1 - v * v)))
    assert moved > movement(f, POINT, 0.1, norm=2).by_norm ** 2


def slope_ratios(depth: int, count: int = 400) -> list[float]:
    """Return |grad k(., x_j)| over the bound on it, for balls of next to no radius, many of them close to x_j."""
    rng, found = np.random.default_rng(0), []
    for _ in range(count):
        kernel, d = ReluKernel(depth, 1.76, float(rng.choice((0.0, 0.18, 1.0)))), int(rng.integers(2, 6))
        center = rng.normal(size=(1, d))
        x = center * rng.uniform(0.5, 2.0) + 10.0 ** rng.uniform(-3.0, 0.5) * rng.normal(size=(1, d))
        f = KernelPredictor(kernel, center, np.ones((1, 1)))
        bound = movement(f, x, 1e-9, norm=2).by_slope.item() / 1e-9
        found.append(float(np.linalg.norm(f.gradient(x, [[1.0]]))) / bound)
    return found


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_bound_on_slopes_holds_and_is_nearly_attained_close_to_the_data(depth: int) -> None:
    assert 0.7 <= max(slope_ratios(depth)) <= 1.0


def test_a_bound_on_slopes_that_forgets_the_cone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ratio", lambda t, p, most: np.zeros_like(t))
    assert max(slope_ratios(5)) > 1.0


def test_other_kernels_norms_and_labels_are_refused() -> None:
    with pytest.raises(TypeError, match="proved for ReluKernel, got ErfKernel"):
        movement(KernelPredictor(ErfKernel(2), X, LABELS[:, None]), Z, 0.1)
    f = KernelPredictor(KERNEL, X, LABELS[:, None])
    with pytest.raises(ValueError, match="must be 2 or inf"):
        movement(f, Z, 0.1, norm=1)
    with pytest.raises(ValueError, match="radius"):
        movement(f, Z, -0.1)
    with pytest.raises(ValueError, match="must be -1 or"):
        certified_margins(f, Z, [0, 1], 0.1)
