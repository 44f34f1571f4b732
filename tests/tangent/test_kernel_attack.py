"""Attacks on kernel predictors: inside ball and box exactly, never better than clean, known values, both losses."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from dynamics_cases import DIGITS, KERNEL, LABELS, X, Z
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.domain import Box
from constructive.tangent import KernelPredictor, ReluKernel
from constructive.tangent.attack import kernel_attack, last_iterate, margins_of
from constructive.tangent.flow import GradientFlow
from constructive.tangent.propagator import Propagator

STRENGTHS = [0.1, 0.0, 0.3, 0.2, 0.5]


def known() -> KernelPredictor:
    return KernelPredictor(KERNEL, X, Propagator.of(KERNEL.ntk(X), STRENGTHS).coefficients(LABELS[:, None]))


def drawn(rng: np.random.Generator, outputs: int = 1, depth: int = 3) -> tuple[KernelPredictor, np.ndarray, np.ndarray]:
    points = rng.normal(size=(8, 3))
    f = KernelPredictor(ReluKernel(depth, 1.76, 0.18), points, rng.normal(size=(8, outputs)))
    data = points + 0.3 * rng.normal(size=points.shape)
    labels = rng.choice((-1, 1), 8) if outputs == 1 else rng.integers(0, outputs, 8)
    return f, data, labels


def inside(points: np.ndarray, centers: np.ndarray, radius: float, norm: float) -> bool:
    """Compare in rational arithmetic."""
    for x, c in zip(points.tolist(), centers.tolist(), strict=True):
        way = [abs(Fraction(a) - Fraction(b)) for a, b in zip(x, c, strict=True)]
        if (max(way) > Fraction(radius)) if math.isinf(norm) else (sum(w * w for w in way) > Fraction(radius) ** 2):
            return False
    return True


def test_the_last_iterate_is_the_known_one() -> None:
    points = last_iterate(known(), Z, [-1.0, 1.0], 0.1, steps=4, random_start=False)
    np.testing.assert_allclose(points, Z + np.array([[0.1], [-0.1]]), rtol=0, atol=1e-15)
    np.testing.assert_allclose(known()(points)[:, 0], (-0.7274146981, 0.7919994420), rtol=0, atol=DIGITS)


@pytest.mark.parametrize("loss", ["squared", "margin"])
def test_each_loss_alone_finds_the_known_margins(loss: str) -> None:
    found = kernel_attack(known(), Z, [-1, 1], 0.1, steps=4, starts=1, losses=[loss], rng=0)  # type: ignore[list-item]
    np.testing.assert_allclose(found.margins, (0.7274146981, 0.7919994420), rtol=0, atol=DIGITS)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2.0, math.inf]), st.sampled_from([1e-9, 1e-3, 0.1, 0.3, 1.0]),
       st.sampled_from([1.0, 255.0, 1e8]))
def test_points_are_in_ball_and_box_exactly(seed: int, norm: float, radius: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    f, data, labels = drawn(rng)
    data = data * size
    box = Box(data.min(axis=0), data.max(axis=0))
    found = kernel_attack(f, data, labels, radius, norm=norm, box=box, steps=3, starts=1, rng=rng)
    last = last_iterate(f, data, labels, radius, norm=norm, box=box, steps=3, rng=rng)
    for points in (found.points, last):
        assert inside(points, data, radius, norm)
        assert box.contains(points).all()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2.0, math.inf]), st.sampled_from([1, 2, 4]))
def test_margins_are_those_of_the_points_and_never_above_the_clean_ones(seed: int, norm: float, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    f, data, labels = drawn(rng, outputs)
    found = kernel_attack(f, data, labels, 0.2, norm=norm, steps=5, starts=1, rng=rng)
    assert (found.margins <= found.clean).all()
    scale = np.abs(f.matrix(data)) @ np.abs(f.coefficients)
    np.testing.assert_allclose(margins_of(f(found.points), labels), found.margins, rtol=0, atol=1e-12 * scale.max())


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2.0, math.inf]))
def test_warm_starts_make_the_error_grow_with_the_radius(seed: int, norm: float) -> None:
    rng = np.random.default_rng(seed)
    f, data, labels = drawn(rng)
    before, margins = None, np.full(8, np.inf)
    for radius in np.geomspace(1e-3, 1.0, 7):
        before = kernel_attack(f, data, labels, radius, norm=norm, steps=3, starts=0, before=before, rng=rng)
        assert (before.margins <= margins).all()
        margins = before.margins


@pytest.mark.parametrize("norm", [2.0, math.inf])
@pytest.mark.parametrize("outputs", [1, 3])
def test_on_linear_predictors_the_attack_is_optimal(norm: float, outputs: int) -> None:
    rng = np.random.default_rng(4)
    f, data, labels = drawn(rng, outputs, depth=1)
    found = kernel_attack(f, data, labels, 0.25, norm=norm, steps=20, starts=1, rng=rng)
    slopes = 1.76**2 / 3 * (f.X.T @ f.coefficients)
    size = 2 if norm == 2 else 1
    if outputs == 1:
        best = found.clean - 0.25 * np.linalg.norm(slopes[:, 0], size)
    else:
        values = f(data)
        best = np.array([min(values[i, y] - values[i, c] - 0.25 * np.linalg.norm(slopes[:, y] - slopes[:, c], size)
                             for c in range(outputs) if c != y) for i, y in enumerate(labels)])
    assert (found.margins >= best - 1e-12 * np.abs(best).max()).all()
    # the class that is best at the center need not be the worst one in the ball: one output has no such choice
    assert (np.abs(found.margins - best) <= 1e-9 * np.abs(best).max()).sum() >= (8 if outputs == 1 else 6)


def test_the_squared_loss_alone_is_blind_at_training_points_of_the_interpolant() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(40, 5))
    labels = np.where(data[:, 0] + 0.5 * rng.normal(size=40) > 0, 1, -1)
    f = GradientFlow.of(ReluKernel(3), data, labels.astype(float)).limit()
    squared = kernel_attack(f, data, labels, 0.3, steps=10, starts=1, losses=["squared"], rng=1)
    margin = kernel_attack(f, data, labels, 0.3, steps=10, starts=1, losses=["margin"], rng=1)
    assert margin.error > squared.error


def test_ties_are_errors_and_without_a_gradient_points_stay() -> None:
    f = KernelPredictor(ReluKernel(2), np.ones((1, 2)), np.zeros((1, 1)))
    for norm in (2.0, math.inf):
        found = kernel_attack(f, [[1.0, 2.0]], [1], 0.5, norm=norm, starts=1, rng=0)
        assert found.error == 1.0
        assert (found.points == [[1.0, 2.0]]).all()


def test_radii_whose_squares_underflow_are_kept() -> None:
    f, _, _ = drawn(np.random.default_rng(3))
    for radius in (1e-170, 1e-310, 0.0):
        for norm in (2.0, math.inf):
            found = kernel_attack(f, np.zeros((1, 3)), [1], radius, norm=norm, rng=0)
            assert inside(found.points, np.zeros((1, 3)), radius, norm)
            assert inside(last_iterate(f, np.zeros((1, 3)), [1.0], radius, norm=norm, rng=0), np.zeros((1, 3)), radius,
                          norm)


def test_the_same_seed_gives_the_same_points() -> None:
    f, data, labels = drawn(np.random.default_rng(3))
    one, two = (kernel_attack(f, data, labels, 0.2, rng=5) for _ in range(2))
    assert (one.points == two.points).all()


def test_wrong_arguments_are_refused_by_name() -> None:
    f, data, labels = drawn(np.random.default_rng(3))
    with pytest.raises(ValueError, match=r"X\[\d\] lies outside the box"):
        kernel_attack(f, data, labels, 0.2, box=Box.cube(3))
    with pytest.raises(ValueError, match="box has dimension 2"):
        kernel_attack(f, data, labels, 0.2, box=Box.cube(2))
    with pytest.raises(ValueError, match=r"y\[0\]=.* must be -1 or \+1"):
        kernel_attack(f, data, np.zeros(8, int), 0.2)
    with pytest.raises(ValueError, match=r"must be 0, \.\.\., 1 for 2 outputs"):
        kernel_attack(drawn(np.random.default_rng(0), 2)[0], data, -np.ones(8, int), 0.2)
    with pytest.raises(ValueError, match="losses must be"):
        kernel_attack(f, data, labels, 0.2, losses=["hinge"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="must be 2 or inf"):
        kernel_attack(f, data, labels, 0.2, norm=1)
    with pytest.raises(ValueError, match="before must be an attack"):
        kernel_attack(f, data, labels, 0.1, before=kernel_attack(f, data, labels, 0.2, rng=0))
    with pytest.raises(ValueError, match="targets must have 1 columns"):
        last_iterate(f, data, np.zeros((8, 2)), 0.1)
