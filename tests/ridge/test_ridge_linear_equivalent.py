"""The linear equivalent of tangent kernel regression: known values, agreement in its range, and where that ends."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from constructive.ridge.kernel_ridge import kernel_moments
from constructive.ridge.linear_equivalent import kernel_equivalent, linear_ridges
from constructive.ridge.spectra import Spectrum, isotropic, spiked
from constructive.tangent import TwoLayerKernel

BOTH = ("first", "both")
RIDGES = [0.0, 0.1, 1.0]
NOISE = 0.25
Drawn = tuple[Spectrum, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@functools.cache
def drawn(seed: int, n: int = 200, head: tuple[int, float] = (3, 3.0), tail: tuple[int, float] = (3000, 56.0)) -> Drawn:
    """Return a spectrum, its eigenvalues, the truth's vector, n points and 60 others, all drawn."""
    spectrum = spiked(head[0], head[1], *tail)
    values = np.repeat(spectrum.eigenvalues, spectrum.multiplicities.astype(int))
    theta = np.sqrt(np.repeat(spectrum.signal / spectrum.multiplicities, spectrum.multiplicities.astype(int)))
    X, Z = (np.random.default_rng([seed, part]).normal(size=(rows, values.size)) * np.sqrt(values)
            for part, rows in enumerate((n, 60)))
    return spectrum, values, theta, X, Z


def linear_on(X: np.ndarray, theta: np.ndarray, values: np.ndarray, ridge: float,
              noise: float = NOISE) -> tuple[float, float]:
    """Return variance and squared norm of linear ridge regression on the same points, means over the noise."""
    matrix = X.T @ np.linalg.inv(X @ X.T + X.shape[0] * ridge * np.eye(X.shape[0]))
    squares = (matrix**2).sum(axis=1)
    return noise * float(values @ squares), float(((matrix @ (X @ theta)) ** 2).sum() + noise * squares.sum())


# -- known values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trained", "known"), [("first", (0.325, 0.725)), ("both", (0.22154928699, 0.42154928699))])
def test_linear_ridges_are_the_known_ones(trained: str, known: tuple[float, float]) -> None:
    np.testing.assert_allclose(linear_ridges(65.0, 200, [0.0, 0.1], trained), known, rtol=0, atol=5e-12)


@pytest.mark.parametrize(("trained", "spectrum", "n", "known"), [
    ("first", spiked(6, 8.0, 1000, 40.0), 100, 0.0419), ("first", spiked(6, 8.0, 3000, 150.0), 300, 0.0059),
    ("first", spiked(3, 3.0, 1000, 40.0), 100, 0.0036), ("both", spiked(6, 8.0, 1000, 40.0), 100, 0.0458),
    ("both", spiked(3, 3.0, 1000, 40.0), 100, 0.0119)])
def test_extra_variances_are_the_known_ones(trained: str, spectrum: Spectrum, n: int, known: float) -> None:
    assert abs(kernel_equivalent(spectrum, n, [0.0], 1.0, trained).extra_variance[0] - known) <= 5e-5


# -- in its range -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", BOTH)
def test_slopes_agree_with_linear_ridge_on_the_same_points_within_three_percent(trained: str) -> None:
    spectrum, values, theta, X, Z = drawn(70)
    found = kernel_moments(TwoLayerKernel(trained), X, X @ theta, Z, Z @ theta, RIDGES, NOISE).mean()
    equivalent = kernel_equivalent(spectrum, 200, RIDGES, NOISE, trained)
    for energy, ridge in zip(found.energy, equivalent.linear_ridges, strict=True):
        assert abs(energy / linear_on(X, theta, values, float(ridge))[1] - 1.0) <= 0.03


@pytest.mark.parametrize("trained", BOTH)
def test_the_variance_that_the_kernel_adds_is_predicted(trained: str) -> None:
    spectrum, values, theta, X, Z = drawn(70)
    found = kernel_moments(TwoLayerKernel(trained), X, X @ theta, Z, Z @ theta, RIDGES, NOISE).mean()
    equivalent = kernel_equivalent(spectrum, 200, RIDGES, NOISE, trained)
    for k, ridge in enumerate(equivalent.linear_ridges):
        ratio = found.variance[k] / linear_on(X, theta, values, float(ridge))[0]
        predicted = equivalent.moments.variance[k] / equivalent.linear.variance[k]
        assert abs(ratio / predicted - 1.0) <= 0.06
    # without the correction, training both layers would be off by a half or more with the largest ridge
    assert trained == "first" or ratio > 1.5


def test_interpolation_acts_as_a_ridge_of_its_own() -> None:
    spectrum = spiked(3, 3.0, 3000, 56.0)
    equivalent = kernel_equivalent(spectrum, 200, [0.0], 1.0)
    assert equivalent.linear_ridges[0] == spectrum.trace() / 200
    # about noise n / (4 L), a quarter of what linear interpolation has
    assert 0.2 <= equivalent.linear.noise_energy[0] * 56.0 / 200 <= 0.27


# -- where it ends ------------------------------------------------------------------------------------------


def test_the_strength_says_when_not_to_rely_on_it() -> None:
    assert kernel_equivalent(spiked(3, 3.0, 4000, 56.0), 200, [0.0], 1.0).reliable
    beyond = kernel_equivalent(spiked(6, 8.0, 1000, 40.0), 100, [0.0], 1.0)
    assert abs(beyond.strength - 100 * 385.6 / 88**2) <= 1e-12
    assert not beyond.reliable
    assert not kernel_equivalent(isotropic(2), 40, [0.0], 1.0).reliable  # a circle: strength n / 2


def test_beyond_its_range_slopes_leave_three_percent() -> None:
    spectrum, values, theta, X, Z = drawn(1, 100, (6, 8.0), (1000, 40.0))
    found = kernel_moments(TwoLayerKernel("first"), X, X @ theta, Z, Z @ theta, [0.0], 1.0).mean()
    equivalent = kernel_equivalent(spectrum, 100, [0.0], 1.0)
    variance, energy = linear_on(X, theta, values, float(equivalent.linear_ridges[0]), 1.0)
    assert found.energy[0] / energy > 1.03
    assert found.variance[0] / variance > 1.5


def test_without_noise_nothing_is_added_and_with_it_ever_less_as_the_ridge_grows() -> None:
    spectrum = spiked(3, 3.0, 3000, 56.0)
    for trained in BOTH:
        assert not kernel_equivalent(spectrum, 200, RIDGES, 0.0, trained).extra_variance.any()
        assert (np.diff(kernel_equivalent(spectrum, 200, RIDGES, 1.0, trained).extra_variance) < 0.0).all()


def test_blocks_give_what_their_eigenvalues_give_one_by_one() -> None:
    blocks = spiked(3, 3.0, 50, 20.0)
    single = Spectrum.of(np.repeat([3.0, 0.4], [3, 50]), np.repeat([3.0**-0.5, 0.0], [3, 50]))
    for trained in BOTH:
        one, other = (kernel_equivalent(each, 20, RIDGES, 1.0, trained) for each in (blocks, single))
        np.testing.assert_allclose(one.extra_variance, other.extra_variance, rtol=1e-12)
        np.testing.assert_allclose(one.moments.risk, other.moments.risk, rtol=1e-12)


def test_other_layers_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="trained='second' must be"):
        linear_ridges(1.0, 2, 0.0, "second")  # type: ignore[arg-type]
