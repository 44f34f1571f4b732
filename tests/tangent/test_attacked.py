"""Attacked training: exact pieces, second order between, the closed form only where it is right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dynamics_cases import DIGITS, KERNEL, LABELS, START, THREE, X, Z, drawn_kernel
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from constructive.tangent.attacked import adversarial_flow
from constructive.tangent.flow import GradientFlow
from constructive.tangent.propagator import Propagator

TWO_PIECES = ([0.0, 0.25, 0.5], [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0]])


def varying(t: float) -> np.ndarray:
    return np.array([1.0 + math.sin(5 * t), 1.0 + t, 2.0 * math.exp(-t)])


def test_residuals_and_movement_are_the_known_ones() -> None:
    flow = adversarial_flow(THREE, START, TWO_PIECES, 0.5)
    u, z = flow.residuals[0, :, 0], flow.moved[0, :, 0]
    np.testing.assert_allclose(u, (0.2620610829, -0.7318387465, 0.1110588720), rtol=0, atol=DIGITS)
    np.testing.assert_allclose(z, (0.5813463626, -0.5990943930, 0.3486811698), rtol=0, atol=DIGITS)
    assert abs(u @ np.linalg.solve(THREE, u) - 0.6823724420) <= DIGITS
    assert (flow.accumulated == [[1.0, 0.75, 1.25]]).all()


def test_the_closed_form_would_be_wrong_there_and_is_refused() -> None:
    wrong = START - THREE @ Propagator.of(THREE, [1.0, 0.75, 1.25]).coefficients(START)
    np.testing.assert_allclose(wrong, (0.3275144860, -0.6362564727, 0.1692655257), rtol=0, atol=DIGITS)
    with pytest.raises(ValueError, match=r"joined in theta.*use method='product'"):
        adversarial_flow(THREE, START, TWO_PIECES, 0.5, method="closed")


@pytest.mark.parametrize("strengths", [varying, lambda t: np.array([1.0, 1.0, 1.0 + t])])
def test_the_closed_form_is_refused_for_callables_that_are_not_proportional(strengths: object) -> None:
    with pytest.raises(ValueError, match="closed form needs"):
        adversarial_flow(THREE, START, strengths, 0.5, method="closed")


def test_before_the_strengths_change_their_proportions_the_closed_form_is_right() -> None:
    early = adversarial_flow(THREE, START, TWO_PIECES, [0.1, 0.2], method="closed")
    product = adversarial_flow(THREE, START, TWO_PIECES, [0.1, 0.2])
    np.testing.assert_allclose(early.residuals, product.residuals, rtol=0, atol=1e-15)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 3))
def test_pieces_are_products_of_matrix_exponentials(seed: int, n: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    theta, start = drawn_kernel(rng, n), rng.normal(size=(n, outputs))
    breaks, values = np.cumsum(np.append(0.0, rng.random(4))), rng.exponential(1.0, (4, n))
    flow = adversarial_flow(theta, start, (breaks, values), breaks[1:])
    u = start
    for k in range(4):
        u = expm(-theta * values[k] * (breaks[k + 1] - breaks[k])) @ u
        assert np.abs(flow.residuals[k] - u).max() <= 1e-11 * np.abs(start).max()


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_times_inside_a_piece_change_nothing_later(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    theta, start = drawn_kernel(rng, n), rng.normal(size=n)
    profile = ([0.0, 0.3, 0.5, 1.0], rng.random((3, n)) + 0.5)
    many = adversarial_flow(theta, start, profile, np.linspace(0.0, 1.0, 17))
    one = adversarial_flow(theta, start, profile, 1.0)
    np.testing.assert_allclose(many.residuals[-1], one.residuals[0], rtol=0, atol=1e-14)
    assert not many.moved[0].any()
    assert (many.residuals[0, :, 0] == start).all()


def test_between_pieces_the_integrator_is_of_second_order() -> None:
    rng = np.random.default_rng(0)
    theta, start = drawn_kernel(rng, 6) / 10.0, rng.normal(size=6)

    def rates(t: float) -> np.ndarray:
        return 2.0 + np.sin(np.arange(1.0, 7.0) * t)

    exact = adversarial_flow(theta, start, rates, 2.0, steps=6400).residuals
    errors = [np.abs(adversarial_flow(theta, start, rates, 2.0, steps=s).residuals - exact).max()
              for s in (50, 100, 200, 400)]
    ratios = [a / b for a, b in zip(errors, errors[1:], strict=False)]
    assert all(abs(r - 4.0) <= 0.3 for r in ratios), ratios


def test_the_integrator_agrees_with_an_adaptive_solver() -> None:
    from scipy.integrate import solve_ivp

    found = adversarial_flow(THREE, START, varying, 1.0, steps=3200).residuals[0, :, 0]
    wanted = solve_ivp(lambda t, u: -THREE @ (varying(t) * u), (0.0, 1.0), START, rtol=1e-11, atol=1e-13).y[:, -1]
    assert np.abs(found - wanted).max() <= 1e-7


def test_the_closed_form_equals_an_adaptive_solver_for_proportional_strengths() -> None:
    from scipy.integrate import solve_ivp

    def rates(t: float) -> np.ndarray:
        return (1.0 + math.cos(3 * t)) * np.array([1.0, 0.5, 3.0])

    found = adversarial_flow(THREE, START, rates, [0.4, 0.4, 1.5], method="closed")
    wanted = solve_ivp(lambda t, u: -THREE @ (rates(t) * u), (0.0, 1.5), START, rtol=1e-11, atol=1e-13).y[:, -1]
    assert np.abs(found.residuals[-1, :, 0] - wanted).max() <= 1e-8
    whole = (1.5 + math.sin(4.5) / 3.0) * np.array([1.0, 0.5, 3.0])
    np.testing.assert_allclose(found.accumulated[-1], whole, rtol=1e-12, atol=0)


def test_parts_that_theta_does_not_join_may_have_proportions_of_their_own() -> None:
    theta = np.kron(np.eye(2), [[2.0, 1.0], [1.0, 2.0]])
    start, profile = np.arange(1.0, 5.0), ([0.0, 0.5, 1.0], [[1.0, 2.0, 3.0, 1.0], [2.0, 4.0, 1.5, 0.5]])
    closed = adversarial_flow(theta, start, profile, 1.0, method="closed")
    np.testing.assert_allclose(closed.residuals, adversarial_flow(theta, start, profile, 1.0).residuals, rtol=0,
                               atol=1e-14)
    joined = theta + 0.125 * (1.0 - np.eye(4))
    with pytest.raises(ValueError, match="closed form"):
        adversarial_flow(joined, start, profile, 1.0, method="closed")


def test_strength_one_is_training_without_attack() -> None:
    theta, plain = KERNEL.ntk(X), GradientFlow.of(KERNEL, X, LABELS)
    flow = adversarial_flow(theta, -LABELS, np.ones(5), [0.02, 0.1, 1.0])
    for k, time in enumerate(flow.times):
        np.testing.assert_allclose(flow.predictor(k, KERNEL, X)(Z), plain.at(time)(Z), rtol=0, atol=1e-12)


def test_equal_strengths_only_change_the_clock() -> None:
    """A common strength e^a(t): training without attack at the integral of e^a, off the data too."""
    flow = adversarial_flow(KERNEL.ntk(X), -LABELS, lambda t: np.full(5, math.exp(math.sin(t))), [0.1, 0.7],
                            method="closed")
    plain = GradientFlow.of(KERNEL, X, LABELS)
    for k in range(2):
        np.testing.assert_allclose(flow.predictor(k, KERNEL, X)(Z), plain.at(flow.accumulated[k, 0])(Z), rtol=0,
                                   atol=1e-12)


def test_samples_without_strength_and_singular_kernels_are_no_obstacle() -> None:
    theta = np.ones((2, 2))
    flow = adversarial_flow(theta, [1.0, -1.0], [1.0, 3.0], 50.0)
    np.testing.assert_allclose(flow.residuals[0, :, 0], (1.5, -0.5), rtol=0, atol=1e-12)  # it depends on the attack
    flow = adversarial_flow(theta, [1.0, -1.0], [1.0, 1.0], 50.0)
    np.testing.assert_allclose(flow.residuals[0, :, 0], (1.0, -1.0), rtol=0, atol=1e-12)
    assert not adversarial_flow(THREE, START, np.zeros(3), 5.0).moved.any()
    still = adversarial_flow(THREE, START, [0.0, 1.0, 1.0], 5.0)
    assert not still.moved[0, 0].any()


def test_on_the_way_the_norm_may_exceed_the_interpolants_but_not_twice() -> None:
    """The known counterexample: strengths that change over from one sample to the other."""
    theta, start = np.array([[1.0, -0.6], [-0.6, 1.0]]), np.array([4.0, -5.0])
    z = adversarial_flow(theta, start, ([0.0, 0.1, 0.2], [[50.0, 1.0], [1.0, 50.0]]), 0.2).moved[0, :, 0]
    limit = start @ np.linalg.solve(theta, start)
    assert abs(limit - 26.5625) <= 1e-13
    assert abs(z @ theta @ z - 33.5038958405) <= DIGITS * 10
    assert abs(z @ theta @ z / limit - 1.2613231375) <= DIGITS


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_norm_is_never_more_than_twice_the_interpolants(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    theta, start = drawn_kernel(rng, n), rng.normal(size=n)
    profile = (np.linspace(0.0, 1.0, 11), np.exp(rng.normal(size=(10, n)) * 3))
    z = adversarial_flow(theta, start, profile, np.linspace(0.0, 1.0, 21)).moved[:, :, 0]
    norms = np.einsum("ti,ij,tj->t", z, theta, z)
    assert norms.max() <= 4.0 * (start @ np.linalg.solve(theta, start)) * (1 + 1e-10)


@pytest.mark.parametrize(("strengths", "times", "message"), [
    ([1.0, -1.0, 1.0], 1.0, r"strengths\[1\]"),
    ([1.0, 1.0], 1.0, r"shape \(3,\)"),
    (lambda t: [1.0, math.nan, 1.0], 1.0, r"strengths\[1\]"),
    (([0.0, 1.0], [[1.0, 1.0, 1.0]]), 2.0, "end at 1.0, before the time 2.0"),
    (([0.5, 1.0], [[1.0, 1.0, 1.0]]), 1.0, "ascend from 0"),
    (([0.0, 1.0, 1.0], np.ones((2, 3))), 1.0, "ascend from 0"),
    (([0.0, 1.0], np.ones((2, 3))), 1.0, "got shapes"),
    (([0.0, 1.0], np.ones((1, 3)), 3), 1.0, "got 3 parts"),
    (np.ones(3), -1.0, "times must be finite"),
    (np.ones(3), [1.0, 0.5], "must ascend"),
    (np.ones(3), [], "at least one"),
])
def test_what_is_refused_says_why(strengths: object, times: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adversarial_flow(THREE, START, strengths, times)


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="'product' or 'closed'"):
        adversarial_flow(THREE, START, np.ones(3), 1.0, method="magnus")
