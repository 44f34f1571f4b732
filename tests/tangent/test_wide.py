"""Finite networks in the tangent parameterization: derivatives are those of the network, kernels tend to the limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dynamics_cases import X, Z

from constructive.tangent import ReluKernel
from constructive.tangent.wide import WideNetwork

KERNEL = ReluKernel(3, 1.76, 0.18)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_network_is_the_same_function_of_the_same_architecture(depth: int) -> None:
    f = WideNetwork.drawn(ReluKernel(depth, 1.76, 0.18), 3, 20, rng=0)
    network = f.network()
    assert (network.depth, f.depth, network.inputs, network.outputs) == (depth, depth, 3, 1)
    assert network.size.width == (20 if depth > 1 else 0)
    np.testing.assert_allclose(network(X)[:, 0], f(X), rtol=1e-12)


def shifted(f: WideNetwork, layer: int, entry: tuple[int, ...], step: float) -> WideNetwork:
    weights, biases = [w.copy() for w in f.weights], [b.copy() for b in f.biases]
    (weights[layer] if len(entry) == 2 else biases[layer])[entry] += step
    return WideNetwork(tuple(weights), tuple(biases), f.weight_std, f.bias_std)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_tangent_kernel_is_the_sum_of_products_of_differences_over_all_parameters(depth: int) -> None:
    f = WideNetwork.drawn(ReluKernel(depth, 1.76, 0.18), 3, 6, rng=1)
    points, step, slopes = np.vstack([X, Z]), 1e-6, []
    for layer in range(depth):
        for part in (f.weights[layer], f.biases[layer]):
            for entry in np.ndindex(part.shape):
                ends = [shifted(f, layer, entry, way * step)(points) for way in (1, -1)]
                slopes.append((ends[0] - ends[1]) / (2 * step))
    table = np.array(slopes)
    expected = table.T @ table
    np.testing.assert_allclose(f.tangent(points, points), expected, rtol=0, atol=1e-7 * np.abs(expected).max())


def test_the_input_gradient_is_that_of_differences() -> None:
    f, step = WideNetwork.drawn(KERNEL, 3, 30, rng=2), 1e-6
    found = np.array([(f(Z + step * e) - f(Z - step * e)) / (2 * step) for e in np.eye(3)]).T
    np.testing.assert_allclose(f.input_gradient(Z), found, rtol=0, atol=1e-7)


def test_the_covariance_is_that_over_the_last_layer() -> None:
    f, rng = WideNetwork.drawn(KERNEL, 3, 10, rng=3), np.random.default_rng(4)
    values = np.array([WideNetwork((*f.weights[:-1], rng.normal(size=(1, 10))),
                                   (*f.biases[:-1], rng.normal(size=1)), 1.76, 0.18)(X) for _ in range(4000)])
    products = values[:, :, None] * values[:, None, :]
    error = products.std(axis=0) / math.sqrt(len(values))
    assert (np.abs(products.mean(axis=0) - f.covariance(X, X)) <= 5.0 * error).all()


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_means_over_networks_agree_with_the_limit_within_the_bias_of_finite_width(depth: int) -> None:
    kernel = ReluKernel(depth, 1.76, 0.18)
    drawn = [WideNetwork.drawn(kernel, 3, 256, rng=[depth, k]) for k in range(60)]
    for name, limit in (("tangent", kernel.ntk(Z, X)), ("covariance", kernel.nngp(Z, X))):
        found = np.array([getattr(f, name)(Z, X) for f in drawn])
        error = found.std(axis=0, ddof=1) / math.sqrt(len(found))
        size = np.sqrt(np.outer(kernel.diagonal(Z)[name == "tangent"], kernel.diagonal(X)[name == "tangent"]))
        # a mean over finite widths differs from the limit by O(depth / width) of its size
        assert (np.abs(found.mean(axis=0) - limit) <= 5.0 * error + depth / 256 * size).all()


def test_deviations_fall_like_the_root_of_the_width() -> None:
    limit = KERNEL.ntk(Z, X)
    spreads = [math.sqrt(np.mean([(WideNetwork.drawn(KERNEL, 3, width, rng=[width, k]).tangent(Z, X) - limit) ** 2
                                  for k in range(100)])) for width in (16, 64, 256)]
    for wide, wider in zip(spreads, spreads[1:], strict=False):
        assert 1.5 <= wide / wider <= 2.7  # 2 expected; a hundred networks tell it to a tenth


def test_the_mean_squared_input_gradient_is_the_constant_of_the_kernel() -> None:
    found = np.array([WideNetwork.drawn(KERNEL, 3, 256, rng=[7, k]).input_gradient(Z) for k in range(400)])
    squares = (found**2).sum(axis=2)
    error = squares.std(axis=0, ddof=1) / math.sqrt(len(squares))
    assert (np.abs(squares.mean(axis=0) - KERNEL.squared_gradient(Z)) <= 5.0 * error).all()


def test_wrong_sizes_are_refused() -> None:
    f = WideNetwork.drawn(KERNEL, 3, 8, rng=0)
    with pytest.raises(ValueError, match="expected 3"):
        f([[1.0]])
    with pytest.raises(ValueError, match="width"):
        WideNetwork.drawn(KERNEL, 3, 0)
