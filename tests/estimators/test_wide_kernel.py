"""The kernel of wide networks in scikit-learn: its rules for kernels, Gaussian processes, ridge, support vectors."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from estimator_cases import sample
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC

from constructive.estimators import WideNetworkKernel
from constructive.tangent import ErfKernel, GradientFlow, ReluKernel

X, _ = sample(25)
Z, _ = sample(10, seed=1)
Y = np.sin(6 * X[:, 0]) * X[:, 1]

VARIANTS = [WideNetworkKernel(), WideNetworkKernel(2, 1.2, 0.0), WideNetworkKernel(4, 1.5, 0.5, of="nngp"),
            WideNetworkKernel(3, activation="erf"), WideNetworkKernel(1)]


@pytest.mark.parametrize("kernel", VARIANTS, ids=repr)
def test_values_are_those_of_the_kernel_and_the_diagonal_is_its_diagonal(kernel: Any) -> None:
    plain = (ReluKernel if kernel.activation == "relu" else ErfKernel)(kernel.depth, kernel.weight_std, kernel.bias_std)
    assert (kernel(X, Z) == getattr(plain, kernel.of)(X, Z)).all()
    assert (kernel(X) == kernel(X).T).all()
    assert (np.diag(kernel(X)) == kernel.diag(X)).all()
    assert not kernel.is_stationary()


@pytest.mark.parametrize("kernel", VARIANTS, ids=repr)
def test_gradients_are_those_of_differences_in_the_logarithms_that_are_fitted(kernel: Any) -> None:
    matrix, slopes = kernel(X, eval_gradient=True)
    assert (matrix == kernel(X)).all()
    assert slopes.shape == (25, 25, kernel.n_dims)
    for k, step in enumerate(1e-5 * np.eye(kernel.n_dims)):
        ends = [kernel.clone_with_theta(kernel.theta + way * step)(X) for way in (1, -1)]
        expected = (ends[0] - ends[1]) / 2e-5
        assert np.abs(slopes[..., k] - expected).max() <= 1e-8 * max(np.abs(expected).max(), 1.0)


def test_what_is_fixed_has_no_gradient_and_does_not_move() -> None:
    kernel = WideNetworkKernel(weight_std_bounds="fixed")
    assert (kernel.n_dims, WideNetworkKernel(bias_std=0.0).n_dims) == (1, 1)
    still = WideNetworkKernel(weight_std_bounds="fixed", bias_std_bounds="fixed")
    assert still(X, eval_gradient=True)[1].shape == (25, 25, 0)
    fitted = GaussianProcessRegressor(still, alpha=1e-6).fit(X, Y).kernel_
    assert (fitted.weight_std, fitted.bias_std) == (1.76, 0.18)


def test_clones_parameters_logarithms_and_bounds_agree() -> None:
    kernel = WideNetworkKernel(4, 1.5, 0.5, (0.5, 2.0), (0.1, 1.0), "erf", "nngp")
    again = clone(kernel)
    assert again == kernel
    assert again.get_params() == kernel.get_params()
    assert np.array_equal(kernel.theta, np.log([0.5, 1.5]))
    assert np.array_equal(kernel.bounds, np.log([[0.1, 1.0], [0.5, 2.0]]))
    moved = kernel.clone_with_theta(np.log([0.25, 1.0]))
    assert (moved.bias_std, moved.weight_std, moved.depth, moved.activation) == (0.25, 1.0, 4, "erf")
    assert [h.name for h in kernel.hyperparameters] == ["bias_std", "weight_std"]
    assert (pickle.loads(pickle.dumps(kernel))(X) == kernel(X)).all()


@pytest.mark.parametrize("of", ["ntk", "nngp"])
def test_the_mean_of_a_gaussian_process_is_the_kernels_own_ridge(of: Any) -> None:
    model = GaussianProcessRegressor(WideNetworkKernel(of=of), alpha=0.1, optimizer=None).fit(X, Y)
    expected = GradientFlow.of(ReluKernel(3, 1.76, 0.18), X, Y, of=of).limit(ridge=0.1)(Z)[:, 0]
    assert np.abs(model.predict(Z) - expected).max() <= 1e-10


def test_a_gaussian_process_fits_the_scales_and_gains_likelihood() -> None:
    kernel = WideNetworkKernel(3, 1.0, 0.5, of="nngp")
    model = GaussianProcessRegressor(kernel + WhiteKernel(0.1), random_state=0).fit(X, Y)
    assert model.log_marginal_likelihood_value_ > model.log_marginal_likelihood((kernel + WhiteKernel(0.1)).theta) + 1.0
    mean, deviation = model.predict(X, return_std=True)
    assert (deviation > 0.0).all()
    assert np.square(mean - Y).mean() < 0.1 * Y.var()


def test_likelihood_gradients_are_those_of_differences() -> None:
    kernel = ConstantKernel(0.5) * WideNetworkKernel() + WhiteKernel(0.1)
    model = GaussianProcessRegressor(kernel, optimizer=None).fit(X, Y)
    _, slope = model.log_marginal_likelihood(kernel.theta, eval_gradient=True)
    for k, step in enumerate(1e-5 * np.eye(kernel.n_dims)):
        ends = [model.log_marginal_likelihood(kernel.theta + way * step) for way in (1, -1)]
        assert abs(slope[k] - (ends[0] - ends[1]) / 2e-5) <= 1e-6 * max(np.abs(slope).max(), 1.0)


def test_kernel_ridge_and_support_vectors_take_it_as_their_kernel() -> None:
    ridge = KernelRidge(alpha=0.1, kernel=WideNetworkKernel()).fit(X, Y)
    expected = GradientFlow.of(ReluKernel(3, 1.76, 0.18), X, Y).limit(ridge=0.1)(Z)[:, 0]
    assert np.abs(ridge.predict(Z) - expected).max() <= 1e-10
    labels = np.where(np.median(Y) < Y, "up", "down")
    vectors = SVC(kernel=WideNetworkKernel()).fit(X, labels)
    given = SVC(kernel="precomputed").fit(WideNetworkKernel()(X, X), labels)
    assert (vectors.predict(Z) == given.predict(WideNetworkKernel()(Z, X))).all()
    assert vectors.score(X, labels) > 0.8


def test_a_gaussian_process_classifies() -> None:
    labels = (np.median(Y) < Y).astype(int)
    model = GaussianProcessClassifier(WideNetworkKernel(), optimizer=None).fit(X, labels)
    assert model.score(X, labels) > 0.8


@pytest.mark.parametrize(("change", "words"), [
    ({"activation": "tanh"}, "WideNetworkKernel: activation='tanh' must be 'relu' or 'erf'"),
    ({"of": "gram"}, "WideNetworkKernel: of='gram' must be 'ntk' or 'nngp'"),
    ({"depth": 0}, "ReluKernel: depth=0"), ({"weight_std": -1.0}, "ReluKernel: weight_std")], ids=str)
def test_wrong_parameters_are_refused_when_asked(change: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        WideNetworkKernel(**change)(X)


def test_gradients_of_two_sets_are_refused() -> None:
    with pytest.raises(ValueError, match="eval_gradient needs Y=None"):
        WideNetworkKernel()(X, Z, eval_gradient=True)
