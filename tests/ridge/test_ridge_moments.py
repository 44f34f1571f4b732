"""Moments given the points: golden values, plain formulas, sampled noise, certificates, exact special cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.moments import ConditionalMoments, conditional_moments
from constructive.ridge.risk import adversarial_risk
from constructive.ridge.spectra import Spectrum, isotropic, logarithmic, power_law, spiked

HARMONIC = 1.0 / np.arange(1.0, 8.0)
POINTS = np.array([[np.sqrt(2.0 / j) * np.cos(i * j * j) for j in range(1, 8)] for i in range(1, 5)])


def fields(found: ConditionalMoments) -> list[float]:
    return [float(v) for v in (found.bias, found.variance, found.signal_energy, found.noise_energy,
                               found.energy_variance, found.risk_variance, found.covariance)]


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points (n, p), theta (p,) and a covariance (p, p) of full rank; n < p, n = p and n > p."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(1, 13)), int(rng.integers(1, 13))
    factor = rng.normal(size=(p, p))
    return rng.normal(size=(n, p)), rng.normal(size=p), factor @ factor.T


def test_the_points_of_the_golden_values_are_the_known_ones() -> None:
    assert POINTS[0, 0] == pytest.approx(.76410284874, rel=1e-10)
    assert np.linalg.cond(POINTS) == pytest.approx(2.2229, abs=5e-5)


@pytest.mark.parametrize(("ridge", "stated", "cross", "attacked"), [
    (0.0, (.26439441002, .3643284774, .71394808514, 1.0711568662, 1.2589988579, .11857572994, .077162541678),
     (.98556890855, 1.0594037660, .66387645716), 1.8613693410),
    (0.1, (.31702174682, .24700855686, .56161975222, .66753392149, .51419877439, .081927958152, -.026572102809),
     (.76242968917, .83263432541, .49071389625), 1.4796495998),
])
def test_golden_values(ridge: float, stated: tuple[float, ...], cross: tuple[float, ...], attacked: float) -> None:
    found = conditional_moments(POINTS, HARMONIC, HARMONIC, ridge, 0.5)
    assert fields(found) == pytest.approx(list(stated), rel=2e-10)
    lower, upper = found.cross_bracket
    assert [float(found.cross), float(upper), float(lower)] == pytest.approx(list(cross), rel=2e-10)
    assert found.adversarial(0.5) == pytest.approx(attacked, rel=2e-10)


def test_golden_trace_of_the_inverse_gram() -> None:
    found = conditional_moments(POINTS, HARMONIC, HARMONIC, 0.0, 1.0)
    assert found.noise_energy == pytest.approx(2.1423137324, rel=1e-10)


def test_golden_values_with_more_data_than_directions() -> None:
    quarter = 1.0 / np.arange(1.0, 5.0)
    found = conditional_moments(POINTS.T, quarter, quarter, 0.0, 0.5)
    assert found.bias <= 1e-28
    assert fields(found)[1:4] == pytest.approx([.57585219096, 1.4236111111, 1.0711568662], rel=1e-10)


@given(st.integers(0, 10**6), st.floats(1e-3, 10.0))
def test_means_are_those_of_the_plain_formulas(seed: int, ridge: float) -> None:
    X, theta, sigma = drawn(seed)
    n, p = X.shape
    found = conditional_moments(X, theta, sigma, ridge, 0.5)
    M = np.linalg.solve(X.T @ X + n * ridge * np.eye(p), X.T)
    learned = M @ X @ theta
    plain = [(learned - theta) @ sigma @ (learned - theta), 0.5 * np.trace(M.T @ sigma @ M), learned @ learned,
             0.5 * np.trace(M.T @ M)]
    first, second = M.T @ M, M.T @ sigma @ M  # N and R as quadratic forms of the noise, and their linear parts
    g1, g2 = M.T @ learned, M.T @ sigma @ (learned - theta)
    plain += [2.0 * 0.25 * np.trace(A @ B) + 4.0 * 0.5 * g @ h
              for A, B, g, h in ((first, first, g1, g1), (second, second, g2, g2), (first, second, g1, g2))]
    scale = np.abs(plain).max() + float(theta @ sigma @ theta)
    assert fields(found) == pytest.approx(plain, rel=1e-7, abs=1e-9 * scale)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.1]))
def test_a_diagonal_covariance_is_its_matrix(seed: int, ridge: float) -> None:
    X, theta, sigma = drawn(seed)
    diagonal = np.diag(sigma).copy()
    found, same = (conditional_moments(X, theta, s, ridge, 0.5) for s in (diagonal, np.diag(diagonal)))
    assert fields(found) == pytest.approx(fields(same), rel=1e-12)


@given(st.integers(0, 10**6))
def test_the_order_of_coordinates_does_not_matter(seed: int) -> None:
    X, theta, sigma = drawn(seed)
    order = np.random.default_rng(seed).permutation(theta.size)
    found = conditional_moments(X, theta, sigma, 0.1, 0.5)
    same = conditional_moments(X[:, order], theta[order], sigma[np.ix_(order, order)], 0.1, 0.5)
    assert fields(found) == pytest.approx(fields(same), rel=1e-9)


@given(st.integers(0, 10**6))
def test_energy_falls_with_the_ridge(seed: int) -> None:
    X, theta, sigma = drawn(seed)
    energy = conditional_moments(X, theta, sigma, np.append(0.0, np.geomspace(1e-6, 1e3, 20)), 0.5).energy
    assert (np.diff(energy) <= 1e-12 * energy[0]).all()


@pytest.mark.parametrize(("shape", "ridge"), [((12, 30), 0.0), ((12, 30), 0.1), ((20, 8), 0.0), ((20, 8), 0.5),
                                              ((6, 6), 0.1), ((1, 5), 0.0), ((1, 5), 0.3)])
def test_sampled_noise_has_these_moments_and_the_cross_term_lies_in_its_bracket(
        shape: tuple[int, int], ridge: float) -> None:
    rng = np.random.default_rng(5)
    n, p = shape
    values = 1.0 / np.arange(1.0, p + 1.0)
    X, theta = rng.normal(size=shape) * np.sqrt(values), values
    found = conditional_moments(X, theta, values, ridge, 0.5)
    M = np.linalg.pinv(X) if ridge == 0.0 else np.linalg.solve(X.T @ X + n * ridge * np.eye(p), X.T)
    hats = (X @ theta + np.sqrt(0.5) * rng.normal(size=(60_000, n))) @ M.T
    N, R = (hats**2).sum(axis=1), ((hats - theta) ** 2) @ values
    samples = (N, R, (N - N.mean()) ** 2, (R - R.mean()) ** 2, (N - N.mean()) * (R - R.mean()))
    exact = (found.energy, found.risk, found.energy_variance, found.risk_variance, found.covariance)
    for sample, value in zip(samples, exact, strict=True):
        assert abs(sample.mean() - value) < 5.0 * sample.std() / np.sqrt(sample.size)
    roots = np.sqrt(N * R)
    lower, upper = found.cross_bracket
    error = 5.0 * roots.std() / np.sqrt(roots.size)
    assert lower - error <= roots.mean() <= upper + error
    attacked = adversarial_risk(R, N, 0.5)
    low, high = found.adversarial_bracket(0.5)
    slack = 5.0 * attacked.std() / np.sqrt(attacked.size)
    assert low - slack <= attacked.mean() <= high + slack
    assert low <= found.adversarial(0.5) <= high


@given(st.integers(0, 10**6), st.sampled_from([0.0, 1e-3, 1.0]), st.floats(-2.0, 2.0))
def test_for_one_datum_the_mean_by_quadrature_lies_in_the_bracket(seed: int, ridge: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 6))
    X, theta, values = rng.normal(size=(1, p)) * 10.0**size, rng.normal(size=p), 10.0 ** rng.uniform(-3.0, 3.0, p)
    noise, radius = 10.0 ** rng.uniform(-3.0, 3.0), 10.0 ** rng.uniform(-2.0, 2.0)
    z = np.linspace(-9.0, 9.0, 4001)
    weights = np.exp(-z * z / 2.0) / np.exp(-z * z / 2.0).sum()
    hats = np.outer(X[0] @ theta + np.sqrt(noise) * z, X[0] / (X[0] @ X[0] + ridge))
    mean = weights @ adversarial_risk(((hats - theta) ** 2) @ values, (hats**2).sum(axis=1), radius, 0.3)
    low, high = conditional_moments(X, theta, values, ridge, noise).adversarial_bracket(radius, 0.3)
    assert low * (1.0 - 1e-6) <= mean <= high * (1.0 + 1e-6)  # of the quadrature, at kinks


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_the_length_seldom_falls_below_its_floor(exponent: float) -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(30, 120))
    theta = rng.normal(size=120) / 11.0
    found = conditional_moments(X, theta, np.ones(120), 0.0, 1.0)
    hats = (X @ theta + rng.normal(size=(20_000, 30))) @ np.linalg.pinv(X).T
    share = ((hats**2).sum(axis=1) < found.energy_floor(exponent)).mean()
    assert share <= np.exp(-exponent)
    quiet = conditional_moments(X, theta, np.ones(120), 0.0, 0.0)
    assert quiet.energy_floor(exponent) == quiet.energy  # never below it, always at it


def test_label_noise_adds_to_the_risk_and_keeps_the_bracket() -> None:
    found = conditional_moments(POINTS, HARMONIC, HARMONIC, 0.1, 0.5)
    low, high = found.adversarial_bracket(0.3, label_noise=0.5)
    middle = found.adversarial(0.3, label_noise=0.5)
    assert low <= middle <= high
    assert high == pytest.approx(float(adversarial_risk(found.risk, found.energy, 0.3, 0.5)), rel=1e-14)


def test_without_noise_the_shortest_solution_is_no_longer_than_the_truth_and_the_cross_term_is_exact() -> None:
    found = conditional_moments(POINTS, HARMONIC, HARMONIC, 0.0, 0.0)
    assert found.noise_energy == found.variance == 0.0
    assert found.energy <= (HARMONIC**2).sum()
    lower, upper = found.cross_bracket
    assert lower == upper == found.cross


def test_a_huge_signal_does_not_drown_a_small_bias() -> None:
    X, theta = np.eye(3), np.full(3, 2.0**30)
    found = conditional_moments(X, theta, np.ones(3), 2.0**-60, 0.0)
    penalty = 3.0 * 2.0**-60
    assert found.bias == pytest.approx(3.0 * (penalty * 2.0**30 / (1.0 + penalty)) ** 2, rel=1e-12)


def test_equal_rows_are_dropped_by_the_pseudoinverse() -> None:
    X = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    found = conditional_moments(X, [1.0, 2.0, 0.0], [1.0, 1.0, 1.0], 0.0, 1.0)
    assert fields(found)[:4] == pytest.approx([4.0, 0.5, 1.0, 0.5], rel=1e-15)


@pytest.mark.parametrize("ridge", [5e-324, 1e-300, 1e-40])
def test_ridges_far_below_rounding_do_not_learn_what_is_rounding(ridge: float) -> None:
    X, theta = np.array([[3.0, 1.0, 0.1], [3.0, 1.0, 0.1], [6.0, 2.0, 0.2]]), np.array([1.0, -2.0, 0.5])
    none, tiny = (conditional_moments(X, theta, np.ones(3), r, 1.0) for r in (0.0, ridge))
    assert fields(tiny) == pytest.approx(fields(none), rel=1e-9)


def test_data_that_are_all_zero_teach_nothing() -> None:
    found = conditional_moments(np.zeros((2, 3)), np.ones(3), np.ones(3), [0.0, 1.0], 1.0)
    assert found.risk.tolist() == [3.0, 3.0]
    assert found.energy.tolist() == [0.0, 0.0]
    assert found.adversarial(1.0).tolist() == [3.0, 3.0]


@pytest.mark.parametrize(("arguments", "message"), [
    ((POINTS, HARMONIC[:3], HARMONIC, 0.0, 1.0), "theta has 3 columns, expected 7"),
    ((POINTS, HARMONIC, HARMONIC[:3], 0.0, 1.0), "covariance has 3 columns, expected 7"),
    ((POINTS, HARMONIC, -HARMONIC, 0.0, 1.0), "is a variance and must be >= 0"),
    ((POINTS, HARMONIC, np.triu(np.ones((7, 7))), 0.0, 1.0), "covariance must be symmetric"),
    ((POINTS[:, :2], [1.0, 1.0], [[1.0, 2.0], [2.0, 1.0]], 0.0, 1.0), "a direction of negative variance"),
    ((POINTS[:, :2], [1.0, 1.0], [[0.0, 2.0], [2.0, 0.0]], 0.0, 1.0), "a direction of negative variance"),
    ((POINTS, HARMONIC[:, None], HARMONIC, 0.0, 1.0), "theta must be a vector"),
    ((POINTS, HARMONIC, HARMONIC, -1.0, 1.0), "ridge=-1.0 must be finite numbers >= 0"),
    ((POINTS, HARMONIC, HARMONIC, 0.0, -1.0), "noise_variance=-1.0 must be >= 0"),
])
def test_wrong_arguments_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditional_moments(*arguments)  # type: ignore[arg-type]


def test_covariances_without_full_rank_are_accepted() -> None:
    few = np.random.default_rng(0).normal(size=(3, 7))
    found = conditional_moments(POINTS, HARMONIC, few.T @ few / 3, [0.0, 0.1], 0.5)
    assert found.variance[0] == pytest.approx(0.5 * ((few @ np.linalg.pinv(POINTS)) ** 2).sum() / 3, rel=1e-10)
    assert conditional_moments(POINTS, HARMONIC, np.zeros((7, 7)), 0.0, 0.5).risk == 0.0


def simulated(spectrum: Spectrum, n: int, ridges: list[float], draws: int, seed: int) -> list[ConditionalMoments]:
    """Return the moments given points drawn from the spectrum, eigenvalue by eigenvalue."""
    rng = np.random.default_rng(seed)
    counts = spectrum.multiplicities.astype(int)
    values = np.repeat(spectrum.eigenvalues, counts)
    theta = np.sqrt(np.repeat(spectrum.signal / counts, counts))
    return [conditional_moments(rng.normal(size=(n, values.size)) * np.sqrt(values), theta, values, ridges, 0.25)
            for _ in range(draws)]


def distance(draws: list[ConditionalMoments], limit: object, name: str) -> np.ndarray:
    """Return |mean over draws / deterministic equivalent - 1| of one moment."""
    return np.abs(np.mean([getattr(found, name) for found in draws], axis=0) / getattr(limit, name) - 1.0)


RIDGES = [0.0, 1e-3, 1e-2, 1e-1, 1.0]


@pytest.mark.parametrize("spectrum", [
    spiked(10, 1.0, 1990, 20.0), logarithmic(1600), isotropic(600),
    Spectrum(np.array([1.0, 0.1, 0.005]), np.array([4.0, 40.0, 1600.0]), np.array([0.5, 0.5, 0.0])),
], ids=["spiked", "logarithmic", "isotropic", "three scales"])
def test_simulation_agrees_at_two_hundred_data_within_the_stated_tolerances(spectrum: Spectrum) -> None:
    draws, limit = simulated(spectrum, 200, RIDGES, 10, 1), deterministic_equivalent(spectrum, 200, RIDGES, 0.25)
    assert (distance(draws, limit, "variance") < 0.03).all()
    assert (distance(draws, limit, "noise_energy") < 0.03).all()
    assert (distance(draws, limit, "energy") < 0.08).all()
    assert (distance(draws, limit, "bias") < 0.15).all()
    attacked = np.mean([found.adversarial(0.5) for found in draws], axis=0)
    assert (np.abs(attacked / limit.adversarial(0.5) - 1.0) < 0.03).all()


def test_simulation_agrees_with_more_data_than_directions() -> None:
    spectrum = power_law(120, 1.0)
    draws, limit = simulated(spectrum, 200, RIDGES, 10, 1), deterministic_equivalent(spectrum, 200, RIDGES, 0.25)
    attacked = np.mean([found.adversarial(0.5) for found in draws], axis=0)
    assert (np.abs(attacked / limit.adversarial(0.5) - 1.0) < np.array([0.05, 0.04, 0.04, 0.04, 0.04])).all()
