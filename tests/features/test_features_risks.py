"""Risks of given coefficients: exact ones against samples, attacks against the linear picture, the network."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_feature_cases import drawn

import constructive as con
from constructive.features.activations import activation
from constructive.features.model import FeatureModel
from constructive.features.risks import attacked_points, exact_risks, sampled_risks
from constructive.features.solver import fit_problem

SEEDS = st.integers(0, 10_000)


@pytest.mark.parametrize("kind", [None, activation(np.tanh, lambda z: 1.0 - np.tanh(z)**2, name="tanh")])
def test_exact_risks_are_the_sampled_ones(kind: object) -> None:
    rng = np.random.default_rng(1)
    model = FeatureModel.draw(10, 25, activation=kind, rng=rng)
    theta, beta = rng.normal(size=25) / 5, rng.normal(size=10)
    exact = exact_risks(model, theta, beta, noise=0.5, radius=0.0)
    mean, error = sampled_risks(model, theta, beta, noise=0.5, radius=0.0, points=30_000, rng=2, steps=1).standard
    assert abs(mean - exact.standard) <= 4.0 * error
    assert error <= 0.01 * mean
    square = (model.gradient(rng.normal(size=(50_000, 10)), theta)**2).sum(axis=1)
    assert abs(square.mean() - exact.gradient_norm**2) <= 4.0 * square.std() / math.sqrt(square.size)


def test_the_adversarial_risk_is_that_of_normal_residuals() -> None:
    model, task = drawn(0, 8, 12, 20)
    theta = np.random.default_rng(3).normal(size=12) / 4
    risks = exact_risks(model, theta, task.beta, noise=0.5, radius=0.7)
    z, w = np.polynomial.hermite_e.hermegauss(200)
    between = w @ (np.abs(z) * math.sqrt(risks.standard) + 0.7 * risks.gradient_norm)**2 / w.sum()
    assert abs(between - risks.adversarial) <= 5e-3 * risks.adversarial  # the kink at 0 costs the rule its digits
    assert exact_risks(model, theta, task.beta, noise=0.5, radius=0.0).adversarial == risks.standard


@given(SEEDS, st.integers(-6, 6))
@settings(max_examples=20)
def test_risks_scale_with_the_square_of_labels(seed: int, power: int) -> None:
    model, task = drawn(seed, 5, 9, 4)
    theta, c = np.random.default_rng(seed).normal(size=9), 2.0**power
    one = exact_risks(model, theta, task.beta, noise=0.5, radius=0.3)
    other = exact_risks(model, c * theta, c * task.beta, noise=0.5 * c, radius=0.3)
    assert (other.standard, other.gradient_norm) == (c * c * one.standard, c * one.gradient_norm)
    assert abs(other.adversarial - c * c * one.adversarial) <= 1e-14 * other.adversarial


@given(SEEDS, st.floats(0.0, 2.0))
@settings(max_examples=30)
def test_attacked_points_stay_in_the_ball_and_never_lower_the_residual(seed: int, radius: float) -> None:
    model, task = drawn(seed, 6, 15, 12)
    theta = np.random.default_rng(seed).normal(size=15)
    found = attacked_points(model, theta, task.X, task.y, radius=radius)
    # the attack leaves 2^-44 of the radius free, points of size up to 5 are rounded by 2^-51
    assert (np.linalg.norm(found - task.X, axis=1) <= radius * (1.0 - 2.0**-44) + 2.0**-49).all()
    before, after = (np.abs(task.y - model.features(points) @ theta) for points in (task.X, found))
    assert (after >= before).all()


def test_on_a_linear_stretch_the_attack_is_the_worst_case() -> None:
    # far on the active side of every unit the function is linear within the ball: |r| + radius |grad f|
    model, _ = drawn(2, 4, 1, 2)
    X = 5.0 * model.weights
    found = attacked_points(model, [2.0], X, [0.0], radius=1.0)
    value = float(model.features(X)[0, 0]) * 2.0
    assert abs(abs(float(model.features(found)[0, 0]) * 2.0) - (abs(value) + 2.0)) <= 1e-12


def test_points_without_gradient_stay_where_they_are() -> None:
    model = FeatureModel.draw(3, 5, rng=0)
    X = np.ones((2, 3))
    np.testing.assert_array_equal(attacked_points(model, np.zeros(5), X, [1.0, 2.0], radius=1.0), X)


@pytest.mark.parametrize("radius", [0.1, 0.3, 0.6])
def test_attacks_reach_most_of_the_linear_picture(radius: float) -> None:
    model, task = drawn(5, 200, 300, 400, noise=0.3)
    fit = fit_problem(model.problem(task.X, task.y), radius=radius)
    sampled = sampled_risks(model, fit.theta, task.beta, noise=0.3, radius=radius, points=1500, rng=6, steps=6)
    assert 0.97 <= sampled.attacked[0] / sampled.linearized[0] <= 1.005
    exact = exact_risks(model, fit.theta, task.beta, noise=0.3, radius=radius)
    assert abs(sampled.standard[0] - exact.standard) <= 4.0 * sampled.standard[1]
    assert abs(sampled.linearized[0] - exact.adversarial) <= 4.0 * sampled.linearized[1] + 0.02 * exact.adversarial


def test_wrong_coefficients_are_refused() -> None:
    model = FeatureModel.draw(3, 5, rng=0)
    with pytest.raises(ValueError, match="beta must be 3 finite numbers"):
        exact_risks(model, np.zeros(5), np.zeros(2), noise=0.1, radius=0.1)
    with pytest.raises(ValueError, match="theta must be 5 finite numbers"):
        exact_risks(model, np.zeros(4), np.zeros(3), noise=0.1, radius=0.1)


# -- the network in the spine ------------------------------------------------------------------------------------------

def test_robust_error_brackets_the_signs_of_a_trained_network() -> None:
    model, task = drawn(1, 3, 8, 16, noise=0.1)
    fit = fit_problem(model.problem(task.X, task.y), radius=0.1)
    network, signs = model.network(fit.theta), np.where(task.y > 0.0, 1, -1)
    radius = 0.2
    bracket = con.robust_error(network, task.X, signs, radius=radius, norm=2, budget=500)
    # attacks toward the other sign: points that they flip are wrong, whatever the certificates say
    found = attacked_points(model, fit.theta, task.X, 1e3 * signs, radius=radius, steps=20)
    flipped = np.sign(network(found)[:, 0]) != signs
    assert 0.0 < flipped.mean() <= bracket.upper
    assert bracket.lower <= bracket.upper <= bracket.lower + 0.05
    wrong = np.sign(network(task.X)[:, 0]) != signs
    assert wrong.mean() < bracket.lower


def test_real_labels_are_met_at_points_but_on_no_ball() -> None:
    # a real label counts as met only where the output is that very number: not even at the points, by rounding
    model, task = drawn(1, 6, 30, 8)
    fit = fit_problem(model.problem(task.X, task.y), radius=0.05)
    assert fit.status == "interpolates"
    network = model.network(fit.theta)
    np.testing.assert_allclose(network(task.X)[:, 0], task.y, rtol=0, atol=1e-12)
    assert con.robust_error(network, task.X, task.y, radius=0.05, norm=2).lower == 1.0
