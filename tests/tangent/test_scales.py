"""Derivatives of kernels by their scales: those of differences, exact laws of homogeneous networks, close pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dynamics_cases import X
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import point_sets

from constructive.tangent import ErfKernel, ReluKernel, scale_gradients

KINDS = [ReluKernel, ErfKernel]


def differences(kind: Any, depth: int, of: str, points: Any, step: float = 1e-5) -> list[Any]:
    """Return central differences by both scales at weight_std 1.76, bias_std 0.18."""
    def value(weight: float, bias: float) -> Any:
        return getattr(kind(depth, 1.76 + weight, 0.18 + bias), of)(points)

    return [(value(*ahead) - value(*back)) / (2 * step) for ahead, back in (
        ((step, 0.0), (-step, 0.0)), ((0.0, step), (0.0, -step)))]


@pytest.mark.parametrize("of", ["ntk", "nngp"])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_differences(kind: Any, depth: int, of: Any) -> None:
    found = scale_gradients(kind(depth, 1.76, 0.18), X, of=of)
    for slope, expected in zip(found, differences(kind, depth, of, X), strict=True):
        assert np.abs(slope - expected).max() <= 2e-9 * np.abs(expected).max()


@settings(max_examples=25)
@given(point_sets(), st.integers(1, 5), st.sampled_from(["ntk", "nngp"]))
def test_copies_close_and_opposite_pairs_and_zeros_have_their_derivatives(points: Any, depth: int, of: Any) -> None:
    found = scale_gradients(ReluKernel(depth, 1.76, 0.18), points, of=of)
    for slope, expected in zip(found, differences(ReluKernel, depth, of, points), strict=True):
        assert np.isfinite(slope).all()
        assert (slope == slope.T).all()
        assert np.abs(slope - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("of", ["ntk", "nngp"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_without_bias_the_kernel_is_a_power_of_the_weights_scale(depth: int, of: Any) -> None:
    kernel = ReluKernel(depth, 1.5)
    by_weight, by_bias = scale_gradients(kernel, X, of=of)
    expected = 2 * depth * getattr(kernel, of)(X)
    assert np.abs(1.5 * by_weight - expected).max() <= 1e-13 * np.abs(expected).max()
    assert (by_bias == 0.0).all()


def test_wrong_names_and_data_are_refused() -> None:
    with pytest.raises(ValueError, match="scale_gradients: of='other' must be 'ntk' or 'nngp'"):
        scale_gradients(ReluKernel(2), X, of="other")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scale_gradients"):
        scale_gradients(ReluKernel(2), [[np.nan]])
