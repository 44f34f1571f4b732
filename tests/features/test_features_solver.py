"""Adversarial least squares: known values, certified gaps, the exact cases, convexity, identities, both iterations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_feature_cases import drawn, problem

from constructive.features.problem import AdversarialProblem, raised
from constructive.features.solver import attainable_gap, fit_adversarial, fit_problem
from constructive.features.steps import Trained, reweighted

GRAM = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 3.0]])
SMALL = AdversarialProblem.of(np.linalg.cholesky(GRAM), [1.0, -2.0, 0.5], np.eye(3))
SEEDS = st.integers(0, 10_000)
RADII = st.floats(0.05, 1.5)
RIDGES = st.one_of(st.just(0.0), st.floats(1e-4, 10.0))


def case(seed: int) -> AdversarialProblem:
    """Return a small task with more or fewer features than samples."""
    rng = np.random.default_rng(seed)
    return problem(seed, int(rng.integers(10, 40)), int(rng.integers(10, 120)), int(rng.integers(10, 60)))


# -- known values ------------------------------------------------------------------------------------------------------

def test_thresholds_of_the_small_case_are_the_known_ones() -> None:
    assert abs(SMALL.zero_radius - 0.589015089374) <= 1e-12
    assert abs(SMALL.interpolation()[0] - 0.322353603563) <= 1e-12


@pytest.mark.parametrize(("radius", "norm", "objective", "residuals"), [
    (0.2, 2.594553394531, 0.134634146341, (0.0, 0.0, 0.0)),
    (0.35, 2.4811784164, 0.410889151441, (0.0, -0.109879206, 0.0)),
    (0.5, 1.7327445629, 0.743107219220, (0.0395133784, -0.832866830, 0.0)),
    (0.55, 1.2055204441, 0.828558623527, None),
    (0.6, 0.0, 0.875, (1.0, -2.0, 0.5)),
])
def test_fits_of_the_small_case_are_the_known_ones(radius: float, norm: float, objective: float,
                                                   residuals: tuple[float, ...] | None) -> None:
    fit = fit_problem(SMALL, radius=radius)
    assert abs(fit.gradient_norm - norm) <= 1e-10
    assert abs(fit.objective - objective) <= 1e-12
    if residuals is not None:
        np.testing.assert_allclose(fit.residuals, residuals, rtol=0, atol=5e-10)
        assert fit.zero_fraction == residuals.count(0.0) / 3


def test_the_gradient_norm_need_not_fall_with_the_radius() -> None:
    ones = np.ones((3, 1))
    known = ((0.02, 10.036472), (0.05, 10.077386), (0.1, 10.106007), (0.2, 10.0), (0.5, 8.363636))
    for radius, norm in known:
        fit = fit_adversarial(ones, [11.0, 11.0, 8.0], [[1.0]], radius=radius)
        assert abs(fit.gradient_norm - norm) <= 5e-7
    assert abs(fit_adversarial(ones, [11.0, 11.0, 8.0], [[1.0]], radius=0.0).gradient_norm - 10.0) <= 1e-12


def test_at_the_zero_radius_minimizers_can_fill_a_segment() -> None:
    two = AdversarialProblem.of(np.eye(2), [1.0, 1.0], np.eye(2))
    radius = 1.0 / math.sqrt(2.0)
    assert abs(two.zero_radius - radius) <= 1e-15
    for t in np.linspace(0.0, 1.0, 9):
        assert abs(two.objective([t, t], radius=radius) - 0.5) <= 1e-15
    assert two.objective([1.125, 1.125], radius=radius) > 0.51
    assert two.objective([-0.125, -0.125], radius=radius) > 0.51
    fits = [fit_problem(two, radius=radius, ridge=ridge) for ridge in (0.0, 0.1)]
    assert all(abs(fit.objective - 0.5) <= 1e-12 for fit in fits)


# -- certified gaps ----------------------------------------------------------------------------------------------------

def test_two_hundred_drawn_cases_have_relative_gaps_of_at_most_1e_10() -> None:
    met, wider, narrower = 0, 0, 0
    for seed in range(200):
        drawn_case = case(seed)
        rng = np.random.default_rng(seed + 1)
        near = drawn_case.zero_radius * rng.uniform(0.9, 0.9999)
        for radius in (rng.uniform(0.05, 1.5), near):
            fit = fit_problem(drawn_case, radius=radius)
            assert -1e-12 <= fit.gap <= 1e-10, (seed, radius, fit.gap, fit.status)
            met += fit.status == "interpolates"
        n, N = drawn_case.features.shape
        wider, narrower = wider + int(n < N), narrower + int(n > N)
    assert wider >= 50
    assert narrower >= 20
    assert met >= 20


@given(SEEDS, st.floats(-6.0, 0.0), RIDGES)
@settings(max_examples=40)
def test_the_gap_is_what_rounding_allows_down_to_tiny_radii(seed: int, exponent: float, ridge: float) -> None:
    drawn_case = case(seed)
    fit = fit_problem(drawn_case, radius=10.0**exponent, ridge=ridge)
    assert -1e-12 <= fit.gap <= attainable_gap(drawn_case, fit)


def test_near_the_interpolation_radius_both_sides_are_solved() -> None:
    for seed in range(20):
        drawn_case = problem(seed, 20, 60, 30)
        limit = drawn_case.interpolation()[0]
        for factor in (1.0 - 1e-9, 1.0 + 1e-9, 1.0 + 1e-4):
            assert fit_problem(drawn_case, radius=factor * limit).gap <= 1e-10


@given(SEEDS, RADII, RIDGES, SEEDS)
@settings(max_examples=60)
def test_no_dual_value_exceeds_an_objective(seed: int, radius: float, ridge: float, other: int) -> None:
    drawn_case, rng = case(seed), np.random.default_rng(other)
    n, N = drawn_case.features.shape
    best = fit_problem(drawn_case, radius=radius, ridge=ridge)
    for u in (rng.normal(size=n), drawn_case.y, best.dual + 0.1 * rng.normal(size=n) * np.abs(best.dual).max()):
        lower = drawn_case.dual_value(u, radius=radius, ridge=ridge)
        assert lower <= best.objective * (1.0 + 1e-12)
        assert lower <= drawn_case.objective(rng.normal(size=N) / N, radius=radius, ridge=ridge)


@given(SEEDS, RADII, st.floats(1e-3, 1e3))
@settings(max_examples=20)
def test_without_ridge_the_dual_value_ignores_the_scale(seed: int, radius: float, scale: float) -> None:
    drawn_case = case(seed)
    u = drawn_case.y + 0.3
    one, other = (drawn_case.dual_value(c * u, radius=radius) for c in (1.0, scale))
    assert abs(one - other) <= 1e-12 * abs(one)


def test_dual_values_of_nothing_and_of_the_wrong_sign_are_zero() -> None:
    assert SMALL.dual_value(np.zeros(3), radius=0.3) == 0.0
    assert SMALL.dual_value(-SMALL.y, radius=0.3) == 0.0


def test_a_fit_for_another_gradient_matrix_is_caught_by_the_gap() -> None:
    model, task = drawn(3, 20, 50, 30)
    right = model.problem(task.X, task.y)
    planted = fit_adversarial(right.features, task.y, np.diag(right.gradient_matrix.diagonal()), radius=0.5)
    assert planted.gap <= 1e-10
    upper = right.objective(planted.theta, radius=0.5)
    assert upper - right.dual_value(planted.dual, radius=0.5) > 1e-3 * upper
    assert upper > fit_problem(right, radius=0.5).objective * (1.0 + 1e-3)


@given(st.lists(st.floats(0.0, 1e3, allow_subnormal=False), min_size=1, max_size=12),
       st.floats(0.0, 1e4, allow_subnormal=False))
def test_raised_sizes_reach_the_total_and_no_more(sizes: list[float], total: float) -> None:
    given_sizes = np.array(sizes)
    found = raised(given_sizes, total)
    if given_sizes.sum() >= total:
        np.testing.assert_array_equal(found, given_sizes)
        return
    assert total * (1.0 - 1e-14) <= found.sum() <= total * (1.0 + 1e-13)
    level = found.min()
    np.testing.assert_array_equal(found, np.maximum(given_sizes, level))


def test_sizes_that_are_short_of_the_total_by_rounding_are_raised_by_rounding() -> None:
    # optimal multipliers use up the total: what is then missing is an error in the last place of a sum
    rng = np.random.default_rng(3)
    for _ in range(2000):
        sizes = np.abs(rng.normal(size=int(rng.integers(1, 40)))) * 2.0 ** rng.integers(-3, 4)
        sizes[rng.random(sizes.size) < 0.5] = sizes.min()
        total = float(np.nextafter(sizes.sum(), np.inf))
        assert np.abs(raised(sizes, total) - sizes).max() <= 1e-13 * total


# -- the exact cases ---------------------------------------------------------------------------------------------------

@given(SEEDS, RIDGES)
@settings(max_examples=30)
def test_the_fit_is_zero_exactly_from_the_zero_radius_on(seed: int, ridge: float) -> None:
    drawn_case = case(seed)
    beyond = fit_problem(drawn_case, radius=1.1 * drawn_case.zero_radius, ridge=ridge)
    assert not beyond.theta.any()
    assert abs(beyond.gap) <= 1e-14
    # before it, theta = 0 is not optimal: the fit found is better by more than its gap
    below = fit_problem(drawn_case, radius=0.9 * drawn_case.zero_radius, ridge=ridge)
    assert below.gradient_norm > 0.0
    assert below.objective * (1.0 + 2e-10) < drawn_case.objective(np.zeros_like(below.theta), radius=1.0)


@given(SEEDS)
@settings(max_examples=20)
def test_labels_are_met_exactly_up_to_the_interpolation_radius_by_one_fit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 30))
    drawn_case = problem(seed, int(rng.integers(8, 30)), 2 * n + 5, n)
    limit, _ = drawn_case.interpolation()
    first = fit_problem(drawn_case, radius=limit)
    assert first.zero_fraction == 1.0
    for factor in (0.01, 0.5, 0.99):
        fit = fit_problem(drawn_case, radius=factor * limit)
        np.testing.assert_allclose(fit.theta, first.theta, rtol=0, atol=1e-13 * np.abs(first.theta).max())
        assert abs(fit.objective - (factor * limit * first.gradient_norm)**2 / 2.0) <= 1e-10 * fit.objective
    beyond = fit_problem(drawn_case, radius=1.05 * limit)
    assert 0.0 < beyond.zero_fraction < 1.0
    assert beyond.gap <= 1e-10


def test_for_small_radii_the_interpolant_of_least_gradient_is_found_and_for_zero_that_of_least_weights() -> None:
    drawn_case = problem(2, 20, 60, 25)
    F, J2 = drawn_case.features, drawn_case.gradient_matrix
    inverse = np.linalg.inv(J2)
    least_gradient = inverse @ F.T @ np.linalg.solve(F @ inverse @ F.T, drawn_case.y)
    least_weights = F.T @ np.linalg.solve(F @ F.T, drawn_case.y)
    near, at = fit_problem(drawn_case, radius=1e-4), fit_problem(drawn_case, radius=0.0)
    np.testing.assert_allclose(near.theta, least_gradient, rtol=0, atol=1e-9)
    np.testing.assert_allclose(at.theta, least_weights, rtol=0, atol=1e-9)
    assert np.linalg.norm(least_gradient - least_weights) > 0.1
    assert (near.status, at.status) == ("interpolates", "least squares")


@pytest.mark.parametrize(("N", "n"), [(15, 40), (60, 25)])
def test_radius_zero_with_ridge_is_ridge_regression(N: int, n: int) -> None:
    drawn_case = problem(4, 12, N, n)
    F = drawn_case.features
    fit = fit_problem(drawn_case, radius=0.0, ridge=0.1)
    expected = np.linalg.solve(F.T @ F + 0.1 * n * np.eye(N), F.T @ drawn_case.y)
    np.testing.assert_allclose(fit.theta, expected, rtol=0, atol=1e-11)
    assert abs(fit.gap) <= 1e-12


@pytest.mark.parametrize(("N", "n"), [(15, 40), (60, 25), (40, 40)])
def test_radius_zero_has_a_dual_of_multipliers_orthogonal_to_the_features(N: int, n: int) -> None:
    drawn_case = problem(4, 12, N, n)
    fit = fit_problem(drawn_case, radius=0.0)
    assert abs(fit.gap) <= 1e-12
    assert (fit.zero_fraction == 1.0) == (n <= N)
    rng = np.random.default_rng(0)
    for u in (rng.normal(size=n), fit.residuals, drawn_case.features @ rng.normal(size=N)):
        assert drawn_case.dual_value(u, radius=0.0) <= fit.objective * (1.0 + 1e-12)


def test_labels_of_zero_give_zero() -> None:
    fit = fit_adversarial(np.eye(3), np.zeros(3), np.eye(3), radius=0.1)
    assert (fit.status, fit.objective, fit.gap, fit.zero_fraction) == ("zero", 0.0, 0.0, 1.0)


# -- convexity, homogeneity, identities --------------------------------------------------------------------------------

@given(SEEDS, RADII, RIDGES, st.floats(0.0, 1.0))
@settings(max_examples=30)
def test_the_objective_is_convex(seed: int, radius: float, ridge: float, t: float) -> None:
    drawn_case, rng = case(seed), np.random.default_rng(seed)
    one, two = rng.normal(size=(2, drawn_case.features.shape[1])) / 5
    between = drawn_case.objective(t * one + (1 - t) * two, radius=radius, ridge=ridge)
    ends = (drawn_case.objective(theta, radius=radius, ridge=ridge) for theta in (one, two))
    assert between <= (1 + 1e-12) * (t * next(ends) + (1 - t) * next(ends))


@given(SEEDS, RADII, RIDGES, st.integers(-8, 8))
@settings(max_examples=20)
def test_scaling_labels_by_a_power_of_two_scales_the_fit_exactly(seed: int, radius: float, ridge: float,
                                                                power: int) -> None:
    drawn_case, factor = case(seed), 2.0**power
    one = fit_problem(drawn_case, radius=radius, ridge=ridge)
    other = fit_adversarial(drawn_case.features, factor * drawn_case.y, drawn_case.gradient_matrix, radius=radius,
                            ridge=ridge)
    np.testing.assert_array_equal(other.theta, factor * one.theta)
    assert other.objective == factor**2 * one.objective


@given(SEEDS, RIDGES)
@settings(max_examples=15)
def test_the_objective_grows_with_the_radius_and_the_loss_sum_falls(seed: int, ridge: float) -> None:
    drawn_case = case(seed)
    radii = drawn_case.zero_radius * np.array([0.05, 0.2, 0.4, 0.7, 0.95, 1.2, 1.5])
    fits = [fit_problem(drawn_case, radius=radius, ridge=ridge) for radius in radii]
    values = np.array([fit.objective for fit in fits])
    assert (np.diff(values) >= -1e-10 * values[1:]).all()
    assert abs(values[-1] - values[-2]) <= 1e-14 * values[-1]  # both are the fit 0
    # m R + (e1 + e2) m^2 / 2 falls, which takes the place of m alone: optimality at both radii, added
    for (e1, f1), (e2, f2) in zip(zip(radii, fits, strict=True), zip(radii[1:], fits[1:], strict=True), strict=False):
        first, second = (f.gradient_norm * np.abs(f.residuals).mean() + (e1 + e2) * f.gradient_norm**2 / 2
                         for f in (f1, f2))
        assert second <= first + 1e-9 * values[-1] / (e2 - e1)


@given(SEEDS, RADII, RIDGES)
@settings(max_examples=15)
def test_more_features_never_raise_the_objective(seed: int, radius: float, ridge: float) -> None:
    drawn_case = case(seed)
    N = drawn_case.features.shape[1]
    values = []
    for k in (max(1, N // 4), N // 2, N):
        part = AdversarialProblem.of(drawn_case.features[:, :k], drawn_case.y, drawn_case.gradient_matrix[:k, :k])
        values.append(fit_problem(part, radius=radius, ridge=ridge).objective)
    assert values[1] <= values[0] * (1 + 1e-10)
    assert values[2] <= values[1] * (1 + 1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_slopes_of_the_objective_are_the_mean_gain_and_half_the_weights(seed: int) -> None:
    drawn_case, step = case(seed), 1e-4
    radius, ridge = 0.4 * drawn_case.zero_radius, 0.05
    for z in (0.0, ridge):
        up, down = (fit_problem(drawn_case, radius=radius + s, ridge=z).objective for s in (step, -step))
        fit = fit_problem(drawn_case, radius=radius, ridge=z)
        m = fit.gradient_norm
        slope = m * float((np.abs(fit.residuals) + radius * m).mean())
        assert abs((up - down) / (2 * step) - slope) <= 1e-4 * slope
    up, down = (fit_problem(drawn_case, radius=radius, ridge=ridge + s).objective for s in (step, -step))
    assert abs((up - down) / (2 * step) - float(fit.theta @ fit.theta) / 2) <= 1e-4 * float(fit.theta @ fit.theta)


@given(SEEDS, RADII)
@settings(max_examples=30)
def test_without_ridge_the_objective_is_the_product_of_multipliers_and_labels(seed: int, radius: float) -> None:
    drawn_case = case(seed)
    fit = fit_problem(drawn_case, radius=radius)
    product = float(fit.dual @ drawn_case.y) / (2 * drawn_case.samples)
    assert abs(product - fit.lower) <= 1e-13 * fit.lower
    assert abs(product - fit.objective) <= 1.1e-10 * fit.objective


@given(SEEDS, RADII, RIDGES)
@settings(max_examples=30)
def test_multipliers_are_residuals_plus_gain_where_those_are_not_zero(seed: int, radius: float, ridge: float) -> None:
    drawn_case = case(seed)
    radius = min(radius, 0.9 * drawn_case.zero_radius)
    fit = fit_problem(drawn_case, radius=radius, ridge=ridge)
    gain = radius * fit.gradient_norm
    # both problems bend by 1/n along u and r: a gap g leaves sqrt(2 n g P) of each
    near = 4.0 * math.sqrt(2 * drawn_case.samples * (abs(fit.gap) + 1e-14) * fit.objective)
    moved = np.abs(fit.residuals) > near
    expected = np.sign(fit.residuals) * (np.abs(fit.residuals) + gain)
    np.testing.assert_allclose(fit.dual[moved], expected[moved], rtol=0, atol=near)
    assert (np.abs(fit.dual[~moved]) <= gain + 2 * near).all()


@given(SEEDS, RADII, RIDGES, st.floats(-6.0, 0.0))
@settings(max_examples=30)
def test_no_step_lowers_the_objective(seed: int, radius: float, ridge: float, exponent: float) -> None:
    drawn_case, rng = case(seed), np.random.default_rng(seed + 2)
    fit = fit_problem(drawn_case, radius=radius, ridge=ridge)
    for step in rng.normal(size=(10, fit.theta.size)) * 10.0**exponent / math.sqrt(fit.theta.size):
        assert drawn_case.objective(fit.theta + step, radius=radius, ridge=ridge) >= fit.objective * (1.0 - 1.1e-10)


# -- the two iterations ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(4))
def test_reweighting_never_raises_the_objective_and_tends_to_the_fit(seed: int, ridge: float) -> None:
    drawn_case = case(seed)
    radius = 0.5 * drawn_case.zero_radius
    best = fit_problem(drawn_case, radius=radius, ridge=ridge)
    trained, weights, values = Trained(drawn_case, radius, ridge), np.full(drawn_case.samples, 0.5), []
    for _ in range(60):
        here, weights = reweighted(trained, weights, 1)
        theta = trained.theta(here.b, here.u[:, None])[:, 0]
        values.append(drawn_case.objective(theta, radius=radius, ridge=ridge))
    assert (np.diff(values) <= 1e-13 * values[0]).all()
    assert best.objective * (1 - 1e-12) <= values[-1] <= best.objective * (1 + 1e-3)


def test_few_factorizations_suffice() -> None:
    counts = [fit_problem(case(seed), radius=0.3, ridge=ridge).factorizations for seed in range(30)
              for ridge in (0.0, 0.1)]
    assert np.median(counts) <= 25


# -- refusals ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("arguments", "message"), [
    ((np.eye(3), np.ones(2), np.eye(3)), r"y must have shape \(3,\), one label for each row, got \(2,\)"),
    ((np.eye(3), [0.0, np.nan, 0.0], np.eye(3)), r"y\[1\]=nan is not finite"),
    ((np.eye(3), np.ones(3), np.eye(2)), "gradient_matrix has 2 columns, expected 3"),
    ((np.eye(3), np.ones(3), -np.eye(3)), "must be positive definite"),
    ((np.eye(3), np.ones(3), np.triu(np.ones((3, 3)))), "must be symmetric"),
])
def test_wrong_data_are_refused(arguments: tuple[object, object, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_adversarial(*arguments, radius=0.1)


def test_labels_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="y must hold real numbers"):
        fit_adversarial(np.eye(2), ["a", "b"], np.eye(2), radius=0.1)


@pytest.mark.parametrize("name", ["radius", "ridge"])
def test_negative_strengths_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=-1.0 must be >= 0.0"):
        fit_problem(SMALL, **{"radius": 0.1, name: -1.0})


@pytest.mark.slow
def test_two_thousand_features_on_sixteen_hundred_samples_are_solved() -> None:
    large = problem(0, 400, 2000, 1600)
    for radius in (0.1, 0.3, 0.5):
        fit = fit_problem(large, radius=radius)
        assert fit.gap <= 1e-10
        assert fit.factorizations <= 60
