"""Random features: exact matrices against quadrature and sampling, the network, the order of draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_feature_cases import drawn
from scipy import integrate, stats

from constructive.features.activations import Activation, activation, relu
from constructive.features.hermite import hermite_coefficients
from constructive.features.model import FeatureModel, draw_task


def tanh() -> Activation:
    return activation(np.tanh, lambda z: 1.0 - np.tanh(z)**2, name="tanh")


def pair(t: float, kind: Activation) -> FeatureModel:
    return FeatureModel(np.array([[1.0, 0.0], [t, math.sqrt(1.0 - t * t)]]), kind)


def on_grid(function: object, t: float) -> float:
    """Return E g(G) g(tG + sqrt(1 - t^2) Z) by Gauss-Hermite rules in both variables."""
    z, w = np.polynomial.hermite_e.hermegauss(100)
    w = w / w.sum()
    return float(w @ (function(z)[:, None] * function(t * z[:, None] + math.sqrt(1.0 - t * t) * z)) @ w)


@pytest.mark.parametrize("t", [-0.9, -0.3, 0.0, 0.2, 0.6, 0.95])
def test_matrices_of_a_smooth_activation_are_the_gaussian_integrals(t: float) -> None:
    kind = tanh()
    model = pair(t, kind)
    assert abs(model.second_moment()[0, 1] - on_grid(kind, t)) <= 1e-10
    assert abs(model.gradient_matrix()[0, 1] - t * on_grid(kind.slope, t)) <= 1e-10


@pytest.mark.parametrize("t", [-0.9, -0.3, 0.2, 0.6, 0.95])
def test_closed_forms_of_the_shifted_relu_are_its_series(t: float) -> None:
    closed, kind = pair(t, relu()), relu()
    other = Activation("kinked", lambda z: np.maximum(z, 0.0), kind.derivative, kind.mean, kind.linear, kind.nonlinear,
                       kind.slope_excess)
    series = pair(t, other)
    np.testing.assert_allclose(series.second_moment(), closed.second_moment(), rtol=0, atol=3e-12)
    np.testing.assert_allclose(series.gradient_matrix(), closed.gradient_matrix(), rtol=0, atol=3e-12)


@pytest.mark.parametrize("t", [-0.99, -0.5, 0.1, 0.7, 0.999])
def test_closed_forms_of_the_shifted_relu_are_the_gaussian_integrals(t: float) -> None:
    model, root = pair(t, relu()), math.sqrt(1.0 - t * t)

    def given_first(z: float) -> tuple[float, float]:
        """E max(t z + root Z, 0) and its slope P(t z + root Z > 0) for the second unit."""
        at = t * z / root
        return root * (at * stats.norm.cdf(at) + stats.norm.pdf(at)), stats.norm.cdf(at)

    product = integrate.quad(lambda z: z * given_first(z)[0] * stats.norm.pdf(z), 0, 40, epsabs=1e-13)[0]
    both = integrate.quad(lambda z: given_first(z)[1] * stats.norm.pdf(z), 0, 40, epsabs=1e-13)[0]
    assert abs(model.second_moment()[0, 1] - (product - 0.5 / math.pi)) <= 1e-10
    assert abs(model.gradient_matrix()[0, 1] - t * both) <= 1e-10


def test_diagonals_are_the_moments_that_the_activation_carries() -> None:
    for kind in (relu(), tanh()):
        model = FeatureModel.draw(30, 20, activation=kind, rng=0)
        np.testing.assert_allclose(model.second_moment().diagonal(), kind.linear**2 + kind.nonlinear, rtol=1e-15)
        np.testing.assert_allclose(model.gradient_matrix().diagonal(), kind.linear**2 + kind.slope_excess, rtol=1e-15)


def test_matrices_are_the_sampled_moments_of_values_and_gradients() -> None:
    for kind in (relu(), tanh()):
        model = FeatureModel.draw(5, 8, activation=kind, rng=1)
        theta = np.random.default_rng(2).normal(size=8)
        X = np.random.default_rng(3).normal(size=(200_000, 5))
        for sample, exact in (((model.features(X) @ theta)**2, theta @ model.second_moment() @ theta),
                              ((model.gradient(X, theta)**2).sum(axis=1), theta @ model.gradient_matrix() @ theta)):
            assert abs(sample.mean() - exact) <= 4.0 * sample.std() / math.sqrt(sample.size)


def test_gradients_are_the_slopes_of_values() -> None:
    model, task = drawn(0, 4, 6, 10)
    theta, step = np.arange(1.0, 7.0), 1e-6
    for j in range(4):
        ahead, behind = task.X.copy(), task.X.copy()
        ahead[:, j] += step
        behind[:, j] -= step
        slope = (model.features(ahead) - model.features(behind)) @ theta / (2 * step)
        np.testing.assert_allclose(model.gradient(task.X, theta)[:, j], slope, rtol=0, atol=1e-8)


def test_gradient_matrix_tends_to_linear_part_plus_excess() -> None:
    model = FeatureModel.draw(400, 200, rng=0)  # what is left is (t^2 - 1/d) / (2 pi), t^2 of variance 2/d^2
    gram = model.weights @ model.weights.T
    apart = model.gradient_matrix() - 0.25 * gram - 0.25 * np.eye(200) - (1.0 - np.eye(200)) / (2 * math.pi * 400)
    assert np.linalg.norm(apart, 2) <= 1.1 * math.sqrt(2 * 200) / (math.pi * 400)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 20))
@settings(max_examples=25)
def test_the_network_is_the_model(seed: int, d: int, N: int) -> None:
    rng = np.random.default_rng(seed)
    model, theta, X = FeatureModel.draw(d, N, rng=rng), rng.normal(size=N), rng.normal(size=(7, d))
    network = model.network(theta)
    assert (network.inputs, network.outputs, network.depth, network.size.units) == (d, 1, 2, N)
    # both sum N products and a shift, in other orders
    size = np.abs(model.features(X)) @ np.abs(theta) + 2 * model.activation.mean * np.abs(theta).sum()
    assert (np.abs(network(X)[:, 0] - model.features(X) @ theta) <= 4 * (N + d) * 2.0**-53 * (1 + size) * 8).all()


def test_only_relu_features_become_networks() -> None:
    with pytest.raises(ValueError, match=r"must be relu\(\), got 'tanh'"):
        FeatureModel.draw(2, 3, activation=tanh(), rng=0).network(np.ones(3))


def test_one_generator_draws_weights_then_beta_then_points_then_noise() -> None:
    model, task = drawn(5, 3, 4, 6, noise=0.25)
    rng = np.random.default_rng(5)
    W, beta = rng.normal(size=(4, 3)), rng.normal(size=3)
    X, noise = rng.normal(size=(6, 3)), rng.normal(size=6)
    np.testing.assert_array_equal(model.weights, W / np.linalg.norm(W, axis=1, keepdims=True))
    np.testing.assert_allclose(task.beta, beta / np.linalg.norm(beta), rtol=1e-15)
    np.testing.assert_array_equal(task.X, X)
    np.testing.assert_array_equal(task.y, X @ task.beta + 0.25 * noise)


def test_the_signal_is_the_norm_of_beta() -> None:
    assert abs(np.linalg.norm(draw_task(7, 2, noise=0.0, signal=3.0, rng=0).beta) - 3.0) <= 1e-15


def test_rows_that_are_not_unit_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\|weights\[1\]\| = 2.0; divide each row by its norm"):
        FeatureModel(np.array([[1.0, 0.0], [0.0, 2.0]]), relu())


def test_features_too_close_for_the_series_are_refused() -> None:
    with pytest.raises(ValueError, match="too close to 1 for the series"):
        pair(math.cos(1e-3), activation(np.abs, np.sign, [0.0], name="fold")).gradient_matrix()


def test_named_kinks_are_seen_anywhere() -> None:
    kind = activation(lambda z: np.abs(z - 0.3), lambda z: np.sign(z - 0.3), [0.3], name="fold at 0.3")
    found, density = hermite_coefficients(kind, 40), stats.norm.pdf(0.3)
    # by parts c_1 = P(G > 0.3) - P(G < 0.3) and c_k = 2 phi(0.3) h_{k-2}(0.3) / sqrt(k (k - 1))
    assert abs(found[1] - (1.0 - 2.0 * stats.norm.cdf(0.3))) <= 1e-14
    assert abs(found[2] - math.sqrt(2.0) * density) <= 1e-14
    assert abs(found[3] - 2.0 * density * 0.3 / math.sqrt(6.0)) <= 1e-14
    t = 0.4
    model, points = pair(t, kind), np.random.default_rng(0).normal(size=(200_000, 2))
    products = model.features(points).prod(axis=1)
    assert abs(products.mean() - model.second_moment()[0, 1]) <= 4.0 * products.std() / math.sqrt(products.size)


def test_a_kink_that_was_not_named_is_noticed() -> None:
    kind = activation(lambda z: np.abs(z - 0.3), lambda z: np.sign(z - 0.3), name="fold at 0.3")
    with pytest.raises(ValueError, match=r"'fold at 0\.3' carries; pass its kinks"):
        hermite_coefficients(kind, 4)


def test_what_is_no_activation_is_refused() -> None:
    with pytest.raises(TypeError, match="activation must be an Activation, got 'relu'"):
        FeatureModel(np.eye(2), "relu")  # type: ignore[arg-type]
