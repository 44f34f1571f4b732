"""Kernels of infinitely wide networks with activation erf: known values, quadrature, many digits, large data."""

from __future__ import annotations

import numpy as np
import pytest
from dynamics_cases import DIGITS, X, Z
from kernel_cases import SCALES, by_quadrature, erf_given, exactly, pair
from oracles import wide_erf, wide_gradient, wide_squared_gradient

from constructive.tangent import ErfKernel

KERNEL = ErfKernel(3, 1.76, 0.18)
UNIT = 2.0**-53


def test_values_are_the_known_ones() -> None:
    known = (-1.1883263172, 1.5594864543), (-4.3061506961, 5.8939397469)
    for found, values in zip(KERNEL.both(Z[:1], X[:2]), known, strict=True):
        np.testing.assert_allclose(found[0], values, rtol=0, atol=DIGITS)


def test_the_input_gradient_is_the_known_one() -> None:
    np.testing.assert_allclose(KERNEL.input_gradient(Z[:1], X, np.ones((1, 5)))[0],
                               (0.1571137899, 0.9827803144, 0.9048831502), rtol=0, atol=DIGITS)


@pytest.mark.parametrize(("depth", "known"), [(2, 3.9700299710), (3, 5.6423223989), (5, 10.9822138482)])
def test_squared_gradients_are_the_known_ones(depth: int, known: float) -> None:
    found = ErfKernel(depth, 1.76, 0.18).squared_gradient([[0.3, -0.5, 0.8]])
    np.testing.assert_allclose(found, known, rtol=0, atol=DIGITS)


@pytest.mark.parametrize(("weight_std", "bias_std"), SCALES)
@pytest.mark.parametrize("depth", [2, 3, 4, 5, 6])
def test_quadrature_that_knows_no_closed_form_agrees(depth: int, weight_std: float, bias_std: float) -> None:
    rng = np.random.default_rng(depth)
    for cosine in (-0.9, -0.3, 0.2, 0.7, 0.95):
        x, z = pair(rng, 4, cosine, 1.5)
        found = np.ravel(ErfKernel(depth, weight_std, bias_std).both(x[None], z[None]))
        known = by_quadrature(erf_given, x, z, depth, weight_std, bias_std)
        np.testing.assert_allclose(found, known, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("weight_std", "bias_std"), SCALES)
@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_values_agree_with_sixty_digits_also_for_close_points(depth: int, weight_std: float, bias_std: float) -> None:
    rng = np.random.default_rng(depth)
    A = rng.normal(size=(9, 4))
    B = np.concatenate([rng.normal(size=(3, 4)), A[3:6] + 1e-7 * rng.normal(size=(3, 4)), -A[6:] * (1 + 1e-12)])
    kernel = ErfKernel(depth, weight_std, bias_std)
    for found, known in zip(kernel.both(A, B), exactly(wide_erf, A, B, depth, weight_std, bias_std), strict=True):
        np.testing.assert_allclose(np.diag(found), known, rtol=0, atol=5e-15 * depth * np.abs(known).max())


@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_the_error_for_large_data_grows_with_their_variance_only(size: float) -> None:
    rng = np.random.default_rng(0)
    A = size * rng.normal(size=(6, 3))
    B = np.concatenate([A[:2], A[2:4] * (1 + 1e-8), size * rng.normal(size=(2, 3))])
    p = ErfKernel(1, 1.5, 0.2).nngp(A).max()
    for depth in (2, 4):
        kernel = ErfKernel(depth, 1.5, 0.2)
        for found, known in zip(kernel.both(A, B), exactly(wide_erf, A, B, depth, 1.5, 0.2), strict=True):
            assert np.abs(np.diag(found) / known - 1).max() <= 20 * UNIT * (1 + p)


def test_copies_of_enormous_points_give_numbers() -> None:
    for size in (1e9, 1e80, 1e150):
        A = size * np.array([[1.0, 2.0], [2.0, -1.0], [-1.0, -2.0]])
        for part in (*KERNEL.both(A, A.copy()), *KERNEL.both(A), KERNEL.input_gradient(A, A.copy(), np.eye(3)),
                     KERNEL.squared_gradient(A)):
            assert np.isfinite(part).all()


@pytest.mark.parametrize("gap", [1.0, 1e-3, 1e-9, 0.0])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_input_gradients_agree_with_eighty_digits_at_close_and_equal_points(depth: int, gap: float) -> None:
    rng = np.random.default_rng(4)
    for weight_std, bias_std in SCALES:
        x = rng.normal(size=3)
        z = x + gap * rng.normal(size=3)
        kernel = ErfKernel(depth, weight_std, bias_std)
        known = wide_gradient(wide_erf, x.tolist(), z.tolist(), depth, weight_std, bias_std)
        for of, value in zip(("nngp", "ntk"), known, strict=True):
            found = kernel.input_gradient(x[None], z[None], [[1.0]], of=of)[0]
            assert np.abs(found - value).max() <= 1e-14 * depth * max(1.0, np.abs(value).max())


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_squared_gradients_are_the_trace_of_mixed_derivatives(depth: int) -> None:
    rng = np.random.default_rng(5)
    for weight_std, bias_std in SCALES:
        points = np.concatenate([rng.normal(size=(2, 3)), [[0.0, 0.0, 0.0]], [[30.0, -10.0, 5.0]]])
        found = ErfKernel(depth, weight_std, bias_std).squared_gradient(points)
        known = [wide_squared_gradient(wide_erf, x.tolist(), depth, weight_std, bias_std) for x in points]
        np.testing.assert_allclose(found, known, rtol=1e-12)
