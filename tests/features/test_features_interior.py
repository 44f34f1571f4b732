"""Interior steps, and the degenerate problems that need them: dependent features, little noise, tiny radii."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_feature_cases import drawn, problem

from constructive.features.activations import relu
from constructive.features.interior import inside, interior_step
from constructive.features.model import FeatureModel
from constructive.features.problem import AdversarialProblem
from constructive.features.solver import attainable_gap, fit_adversarial, fit_problem, met_exactly
from constructive.features.steps import Trained, reweighted

SEEDS = st.integers(0, 10_000)


# -- the steps ---------------------------------------------------------------------------------------------------------

@given(SEEDS, st.floats(0.05, 0.95), st.sampled_from([0.0, 0.1]))
@settings(max_examples=12)
def test_interior_steps_alone_reach_the_fit_from_within(seed: int, share: float, ridge: float) -> None:
    rng = np.random.default_rng(seed)
    case = problem(seed, int(rng.integers(2, 20)), int(rng.integers(5, 50)), int(rng.integers(5, 40)))
    radius = share * case.zero_radius
    trained = Trained(case, radius, ridge)
    start, _ = reweighted(trained, np.full(case.samples, 0.5), 3)
    point, products = inside(trained, start), []
    for _ in range(40):
        up, down = point.p - point.c - point.residuals, point.p - point.c + point.residuals
        assert min(up.min(), down.min(), (point.p + point.u).min(), (point.p - point.u).min()) > 0.0
        products.append(float(((point.p + point.u) * up + (point.p - point.u) * down).mean()))
        if products[-1] <= 1e-9 * products[0]:
            break
        after = interior_step(trained, point, 4)
        assert after is not None
        point = after
    assert products[-1] <= 1e-9 * products[0]
    best = fit_problem(case, radius=radius, ridge=ridge)
    upper = case.objective(point.theta, radius=radius, ridge=ridge)
    lower = case.dual_value(point.u, radius=radius, ridge=ridge)
    assert best.objective * (1.0 - 1e-6) <= lower
    assert upper <= best.objective * (1.0 + 1e-6)


def test_a_point_knows_its_residuals_and_a_bound_of_its_gradient() -> None:
    case = problem(3, 6, 20, 30)
    trained = Trained(case, 0.2, 0.0)
    point = inside(trained, reweighted(trained, np.full(30, 0.5), 4)[0])
    for _ in range(6):
        np.testing.assert_allclose(point.residuals, case.y - case.features @ point.theta, rtol=0, atol=1e-12)
        assert point.c >= 0.2 * case.gradient_norm(point.theta) * (1.0 - 1e-12)  # m is convex: mixtures lie above it
        after = interior_step(trained, point, 4)
        assert after is not None
        point = after


# -- degenerate problems -----------------------------------------------------------------------------------------------

# each took from 800 to 4500 factorizations with signs alone, or ended short of the gap
HARD = [(656435, 2, 16, 94, 1e-6, 0.0130147), (267418, 2, 39, 102, 0.0, 0.30388175),
        (346173, 2, 46, 68, 1e-6, 0.0184799), (569424, 2, 53, 91, 1e-6, 0.46561243),
        (806238, 2, 58, 59, 1e-6, 0.10884722), (378478, 2, 17, 55, 1e-6, 0.17928992),
        (543624, 2, 49, 74, 0.0, 0.49998488), (49184, 1, 2, 54, 1e-6, 0.89414475), (30, 2, 33, 75, 0.0, 0.18),
        (12, 3, 35, 97, 0.0, 0.32), (65, 2, 7, 59, 0.0, 0.3)]


@pytest.mark.parametrize(("seed", "d", "N", "n", "noise", "radius"), HARD)
def test_dependent_features_with_little_noise_are_solved_as_fast_as_others(seed: int, d: int, N: int, n: int,
                                                                           noise: float, radius: float) -> None:
    fit = fit_problem(problem(seed, d, N, n, noise=noise), radius=radius)
    assert fit.gap <= 1e-10
    assert fit.factorizations <= 150


@given(SEEDS, st.integers(2, 4), st.integers(2, 50), st.integers(2, 60), st.sampled_from([0.0, 1e-6, 1e-3]),
       st.floats(1e-3, 0.99), st.sampled_from([0.0, 0.0, 1e-3]))
@settings(max_examples=40)
def test_few_inputs_with_little_noise_are_solved_in_few_factorizations(seed: int, d: int, N: int, n: int, noise: float,
                                                                       share: float, ridge: float) -> None:
    case = problem(seed, d, N, n, noise=noise)
    fit = fit_problem(case, radius=share * case.zero_radius, ridge=ridge)
    assert -1e-12 <= fit.gap <= attainable_gap(case, fit)
    assert fit.factorizations <= 250


@pytest.mark.parametrize(("seed", "d", "N", "n", "radius"), [(602558, 2, 44, 61, 9.78e-5), (134, 2, 30, 40, 1e-3)])
def test_labels_in_the_span_of_dependent_rows_are_met_exactly(seed: int, d: int, N: int, n: int,
                                                              radius: float) -> None:
    case = problem(seed, d, N, n, noise=0.0)
    assert np.linalg.matrix_rank(case.whitened) < min(N, n)
    assert case.interpolation()[0] == 0.0  # K is singular: no multipliers are the only ones
    fit = fit_problem(case, radius=radius)
    assert fit.zero_fraction == 1.0
    assert fit.gap <= attainable_gap(case, fit)


def test_labels_that_occur_twice_are_met_in_spite_of_dependent_rows() -> None:
    case = problem(5, 6, 20, 8)
    twice = AdversarialProblem.of(np.repeat(case.features, 2, axis=0), np.repeat(case.y, 2), case.gradient_matrix)
    radius = 0.5 * case.interpolation()[0]
    one, two = fit_problem(case, radius=radius), fit_problem(twice, radius=radius)
    np.testing.assert_allclose(two.theta, one.theta, rtol=0, atol=1e-10)
    assert two.zero_fraction == 1.0
    moved = met_exactly(twice, np.zeros(20), np.ones(16, bool))
    np.testing.assert_allclose(twice.features @ moved, twice.y, rtol=0, atol=1e-12)


# -- what is refused ---------------------------------------------------------------------------------------------------

def test_equal_features_are_refused() -> None:
    rows = np.vstack([np.eye(3), np.eye(3)[:1]])
    _, task = drawn(0, 3, 4, 10)
    with pytest.raises(ValueError, match="gradient_matrix must be positive definite"):
        FeatureModel(rows, relu()).problem(task.X, task.y)
    line = FeatureModel(np.array([[1.0], [-1.0], [1.0]]), relu())
    with pytest.raises(ValueError, match="gradient_matrix must be positive definite"):
        line.problem(np.ones((2, 1)), [1.0, 2.0])


def test_a_gradient_matrix_singular_but_for_rounding_is_refused_by_the_feature_to_drop() -> None:
    factor = np.random.default_rng(0).normal(size=(4, 3))
    matrix = factor @ factor.T + 1e-15 * np.eye(4)
    with pytest.raises(ValueError, match=r"beyond rounding, but pivot 3 is .* drop feature 3"):
        fit_adversarial(np.ones((2, 4)), [1.0, 2.0], matrix, radius=0.1)


def test_labels_whose_squares_are_no_numbers_are_refused() -> None:
    for size in (1e150, 1e-150):
        with pytest.raises(ValueError, match=r"the largest \|y\[i\]\| = .* divide y by it"):
            fit_adversarial(np.eye(2), [size, 0.0], np.eye(2), radius=0.1)


def test_radii_below_all_rounding_are_refused() -> None:
    with pytest.raises(ValueError, match="radius=1e-100 must be 0 or at least 1e-30 of the zero radius"):
        fit_adversarial(np.ones((2, 1)), [1.0, 2.0], [[1.0]], radius=1e-100)


def test_dual_values_exist_for_multipliers_of_any_size() -> None:
    case = problem(3, 6, 20, 30)
    one = case.dual_value(case.y, radius=0.3)
    for scale in (1e-300, 1e200):
        assert abs(case.dual_value(scale * case.y, radius=0.3) - one) <= 1e-13 * one
    with pytest.raises(ValueError, match="no larger ones help"):
        case.dual_value(1e200 * case.y, radius=0.3, ridge=0.1)
