"""Kernel ridge regression: known values, singular Gram matrices, exact moments over the noise, attack below bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.ridge.kernel_ridge import fit_kernel_ridge, kernel_moments
from constructive.ridge.kernel_risk import kernel_risks
from constructive.tangent import TwoLayerKernel, kernel_robust_error

BOTH = ("first", "both")
POINT = np.array([[0.6, 0.8]])


def circle(n: int) -> np.ndarray:
    angles = 2.0 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


# -- known values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trained", "ridge", "value"), [
    ("first", 0.0, 0.515919296671), ("both", 0.0, 0.551270060626), ("first", 0.1, 0.298817473546),
    ("both", 0.1, 0.399703718967)])
def test_predictions_on_the_circle_are_the_known_ones(trained: str, ridge: float, value: float) -> None:
    X = circle(5)
    assert abs(fit_kernel_ridge(TwoLayerKernel(trained), X, X[:, 0], ridge)(POINT)[0] - value) <= 5e-12


@pytest.mark.parametrize(("trained", "slope"), [
    ("first", (0.754758557638, 0.078830202611)), ("both", (0.858799797948, 0.044987727321))])
def test_gradients_on_the_circle_are_the_known_ones(trained: str, slope: tuple[float, float]) -> None:
    X = circle(5)
    found = fit_kernel_ridge(TwoLayerKernel(trained), X, X[:, 0]).gradient(POINT)[0]
    np.testing.assert_allclose(found, slope, rtol=0, atol=5e-12)


@pytest.mark.parametrize(("trained", "energy"), [("first", 0.46241112528), ("both", 0.82837525131)])
def test_the_mean_squared_slope_on_the_circle_is_the_known_one(trained: str, energy: float) -> None:
    X = circle(5)
    found = kernel_moments(TwoLayerKernel(trained), X, X[:, 0], POINT, [0.6], [0.1], 0.5)
    assert abs(found.mean().energy[0] - energy) <= 5e-11


# -- singular Gram matrices ---------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", BOTH)
@pytest.mark.parametrize(("count", "rank"), [(6, 5), (8, 6), (12, 8)])
def test_on_even_circles_the_pseudo_inverse_answers_and_says_so(trained: str, count: int, rank: int) -> None:
    X = circle(count)
    seen = fit_kernel_ridge(TwoLayerKernel(trained), X, X[:, 0])
    assert (seen.rank, seen.singular) == (rank, True)
    assert seen.misfit <= 1e-13  # a linear truth can be met
    # the third harmonic is at right angles to the kernel: the best fit of least norm is the zero function
    missed = fit_kernel_ridge(TwoLayerKernel(trained), X, np.cos(3.0 * np.arctan2(X[:, 1], X[:, 0])))
    assert missed.misfit >= 0.9
    assert np.abs(missed.coefficients).max() <= 1e-12


@pytest.mark.parametrize("trained", BOTH)
def test_equal_points_with_different_labels_get_their_mean(trained: str) -> None:
    X = np.array([[1.0, 2.0], [1.0, 2.0], [-1.0, 0.5]])
    f = fit_kernel_ridge(TwoLayerKernel(trained), X, [1.0, 3.0, 1.0])
    assert f.rank == 2
    np.testing.assert_allclose(f(X), [2.0, 2.0, 1.0], rtol=1e-12)
    assert abs(f.misfit - 1.0) <= 1e-12


@pytest.mark.parametrize("trained", BOTH)
@pytest.mark.parametrize("ridge", [1e-300, 1e-30])
def test_ridges_far_below_rounding_do_not_learn_what_is_rounding(trained: str, ridge: float) -> None:
    kernel, X, y = TwoLayerKernel(trained), circle(8), np.arange(8.0)
    none, tiny = fit_kernel_ridge(kernel, X, y), fit_kernel_ridge(kernel, X, y, ridge)
    np.testing.assert_allclose(tiny.coefficients, none.coefficients, rtol=0, atol=1e-9)
    moments = kernel_moments(kernel, X, y, POINT, [0.6], [0.0, ridge], 1.0)
    np.testing.assert_allclose(moments.noise_energy[1], moments.noise_energy[0], rtol=1e-9)


def test_drawn_points_are_interpolated() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 8)), rng.normal(size=30)
    f = fit_kernel_ridge(TwoLayerKernel("first"), X, y)
    assert not f.singular
    assert f.misfit <= 1e-12


def test_with_both_layers_the_fit_is_a_predictor_for_attacks_and_certificates() -> None:
    rng = np.random.default_rng(7)
    X, y, Z = rng.normal(size=(20, 3)), rng.choice([-1.0, 1.0], size=20), rng.normal(size=(5, 3))
    f = fit_kernel_ridge(TwoLayerKernel("both"), X, y, 0.1)
    other = f.predictor()
    np.testing.assert_allclose(other(Z)[:, 0], f(Z), rtol=0, atol=1e-12)
    np.testing.assert_allclose(other.gradient(Z, np.ones((5, 1))), f.gradient(Z), rtol=0, atol=1e-12)
    error = kernel_robust_error(other, Z, np.where(f(Z) > 0.0, 1, -1), 0.01, norm=2, rng=0).error
    assert 0.0 <= error.lower <= error.upper <= 1.0
    with pytest.raises(ValueError, match="trained='first' must be 'both'"):
        fit_kernel_ridge(TwoLayerKernel("first"), X, y).predictor()


# -- moments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", BOTH)
@pytest.mark.parametrize("shape", [(12, 3), (6, 7), (5, 40)])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_moments_are_sums_over_fits_of_single_labels(trained: str, shape: tuple[int, int], ridge: float) -> None:
    rng = np.random.default_rng(1)
    kernel, X, Z = TwoLayerKernel(trained), rng.normal(size=shape), rng.normal(size=(4, shape[1]))
    Z[0] = X[0]  # a cone
    truth, there = rng.normal(size=shape[0]), rng.normal(size=4)
    found = kernel_moments(kernel, X, truth, Z, there, [ridge, 5.0], 0.7)
    units = [fit_kernel_ridge(kernel, X, unit, ridge) for unit in np.eye(shape[0])]
    signal = fit_kernel_ridge(kernel, X, truth, ridge)
    np.testing.assert_allclose(found.bias[0], (signal(Z) - there) ** 2, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.variance[0], 0.7 * sum(f(Z) ** 2 for f in units), rtol=1e-9)
    np.testing.assert_allclose(found.signal_energy[0], (signal.gradient(Z) ** 2).sum(1), rtol=1e-9)
    np.testing.assert_allclose(found.noise_energy[0], 0.7 * sum((f.gradient(Z) ** 2).sum(1) for f in units), rtol=1e-9)


def test_moments_without_noise_have_no_variance_and_fall_with_the_ridge() -> None:
    rng = np.random.default_rng(2)
    X, Z = rng.normal(size=(10, 4)), rng.normal(size=(3, 4))
    found = kernel_moments(TwoLayerKernel(), X, X[:, 0], Z, Z[:, 0], [0.0, 0.1, 1.0], 0.0)
    assert not found.variance.any()
    assert not found.noise_energy.any()
    noisy = kernel_moments(TwoLayerKernel(), X, X[:, 0], Z, Z[:, 0], [0.0, 0.1, 1.0], 1.0)
    assert (np.diff(noisy.variance, axis=0) < 0.0).all()
    assert (np.diff(noisy.noise_energy, axis=0) < 0.0).all()


# -- attacked -----------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sampled_from(BOTH), st.sampled_from([0.0, 0.01, 1.0]), st.floats(0.0, 3.0))
def test_the_attack_lies_between_clean_error_and_bounds(seed: int, trained: str, ridge: float, radius: float) -> None:
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(1, 12)), int(rng.integers(1, 8))
    X, y, Z, truth = (rng.normal(size=shape) for shape in ((n, d), n, (6, d), 6))
    found = kernel_risks(fit_kernel_ridge(TwoLayerKernel(trained), X, y, ridge), Z, truth, radius)
    room = 1.0 + 1e-9
    assert (found.clean <= found.one_step).all()
    assert (found.one_step <= found.attacked).all()
    assert (found.attacked <= found.by_norm * room + 1e-12).all()
    assert (found.attacked <= found.by_slope * room + 1e-12).all()
    assert (found.linearized <= found.by_slope * room + 1e-12).all()


@pytest.mark.parametrize("trained", BOTH)
def test_the_worst_point_of_a_fine_grid_lies_between_attack_and_bounds(trained: str) -> None:
    rng = np.random.default_rng(3)
    X = circle(9)
    f = fit_kernel_ridge(TwoLayerKernel(trained), X, X[:, 0] + 0.3 * rng.normal(size=9), 0.01)
    Z, radius = 0.9 * circle(7), 0.4
    found = kernel_risks(f, Z, Z[:, 0], radius)
    disc = radius * (np.linspace(0.0, 1.0, 41)[:, None, None] * circle(360)).reshape(-1, 2)
    worst = np.array([((f(z + disc) - z[0]) ** 2).max() for z in Z])
    assert (found.attacked <= worst * 1.01).all()
    assert (worst <= found.upper).all()
    assert (found.attacked >= 0.5 * worst).all()


def test_without_radius_nothing_is_added() -> None:
    rng = np.random.default_rng(4)
    f = fit_kernel_ridge(TwoLayerKernel(), rng.normal(size=(5, 3)), rng.normal(size=5))
    found = kernel_risks(f, rng.normal(size=(4, 3)), np.zeros(4), 0.0)
    for part in (found.one_step, found.attacked, found.linearized, found.upper):
        assert np.array_equal(part, found.clean)


def test_the_zero_function_has_no_direction_to_go_and_only_its_clean_error() -> None:
    f = fit_kernel_ridge(TwoLayerKernel(), [[1.0, 2.0]], [0.0])
    found = kernel_risks(f, [[3.0, 1.0]], [2.0], 1.0)
    assert found.attacked.tolist() == found.upper.tolist() == [4.0]


def test_in_high_dimension_the_guess_is_close_to_the_attack_and_the_norm_beats_the_slopes() -> None:
    rng = np.random.default_rng(5)
    n, scale = 60, np.sqrt(np.concatenate([np.full(3, 3.0), np.full(600, 30.0 / 600)]))
    X, Z = rng.normal(size=(n, 603)) * scale, rng.normal(size=(30, 603)) * scale
    theta = np.concatenate([np.full(3, 3.0**-0.5), np.zeros(600)])
    f = fit_kernel_ridge(TwoLayerKernel("first"), X, X @ theta + rng.normal(size=n))
    found = kernel_risks(f, Z, Z @ theta, 1.0)
    assert abs(found.linearized.mean() / found.attacked.mean() - 1.0) <= 0.01
    assert (found.by_norm < found.by_slope).all()


def test_wrong_shapes_and_signs_are_refused_by_name() -> None:
    kernel = TwoLayerKernel()
    with pytest.raises(ValueError, match=r"fit_kernel_ridge: y must have shape \(2,\)"):
        fit_kernel_ridge(kernel, [[1.0], [2.0]], [1.0])
    with pytest.raises(ValueError, match=r"ridge=-1\.0 must be >= 0"):
        fit_kernel_ridge(kernel, [[1.0]], [1.0], -1.0)
    f = fit_kernel_ridge(kernel, [[1.0, 0.0]], [1.0])
    with pytest.raises(ValueError, match=r"KernelRidge.gradient: Z\[1\] is 0, where the kernel has no gradient"):
        f.gradient([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match=r"kernel_moments: Z\[0\] is 0"):
        kernel_moments(kernel, [[1.0, 0.0]], [1.0], [[0.0, 0.0]], [0.0], [0.0], 1.0)
    with pytest.raises(ValueError, match=r"radius=-0\.5 must be >= 0"):
        kernel_risks(f, [[1.0, 1.0]], [1.0], -0.5)
    with pytest.raises(ValueError, match="truth must have shape"):
        kernel_risks(f, [[1.0, 1.0]], [1.0, 2.0], 0.5)
