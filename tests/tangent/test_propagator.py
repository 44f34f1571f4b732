"""The propagator W(a): three forms, special strengths, its gradient, and what it refuses."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from dynamics_cases import DIGITS, KERNEL, LABELS, X, Z, drawn_kernel, series, slope_series
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from constructive.tangent.propagator import Propagator, exponential_slopes, once_integrated, twice_integrated

THETA, CROSS = KERNEL.ntk(X), KERNEL.ntk(Z, X)
STRENGTHS = np.array([0.1, 0.0, 0.3, 0.2, 0.5])


def test_coefficients_and_predictions_are_the_known_ones() -> None:
    found = Propagator.of(THETA, STRENGTHS).coefficients(LABELS)
    known = (0.0200345603, 0.0, 0.0297810044, -0.0835385908, 0.0497573521)
    np.testing.assert_allclose(found, known, rtol=0, atol=DIGITS)
    np.testing.assert_allclose(CROSS @ found, (-0.8440792811, 0.9274037188), rtol=0, atol=DIGITS)
    assert abs(found @ THETA @ found - 0.1730916004) <= DIGITS


@pytest.mark.parametrize("method", ["inverse-free", "factor"])
@pytest.mark.parametrize(("values", "loss", "known"), [
    ((1.0, -1.0), 1.7788783725, (-0.0761143497, 1.1226577622, -0.0419854046, 1.0766050857, 0.0353000155)),
    ((-1.0, 1.0), 0.0073953727, (0.0029651997, -0.0951763344, 0.0012705274, -0.0905344494, -0.0014772813)),
])
def test_the_gradient_is_the_known_one(method: str, values: tuple[float, float], loss: float, known: object) -> None:
    propagator = Propagator.of(THETA, STRENGTHS)
    gap = CROSS @ propagator.coefficients(LABELS) - values
    assert abs((gap**2).sum() / 4 - loss) <= DIGITS
    np.testing.assert_allclose(propagator.gradient(CROSS.T @ gap / 2, LABELS, method=method), known, rtol=0,
                               atol=DIGITS)


def test_the_gradient_at_zero_is_the_known_one() -> None:
    found = Propagator.of(THETA, np.zeros(5)).gradient(CROSS.T @ (1.0, -1.0) / 2, LABELS)
    known = (-3.4229948008, -4.3744642383, -4.3598586402, -5.1739447513, -5.1268460012)
    np.testing.assert_allclose(found, known, rtol=0, atol=DIGITS)


def test_several_outputs_share_one_propagator() -> None:
    labels, targets = np.eye(3)[[0, 1, 2, 0, 1]], np.eye(3)[[2, 0]]
    propagator = Propagator.of(THETA, STRENGTHS)
    values = CROSS @ propagator.coefficients(labels)
    np.testing.assert_allclose(values[0], (0.8668921908, 0.0141857034, -0.0017018307), rtol=0, atol=DIGITS)
    assert abs(((values - targets) ** 2).sum() / 4 - 0.8465357824) <= DIGITS
    known = (0.1000748195, -0.9600707989, -0.0009153793, 0.4616423916, 0.1753593455)
    np.testing.assert_allclose(propagator.gradient(CROSS.T @ (values - targets) / 2, labels), known, rtol=0,
                               atol=DIGITS)
    for c in range(3):
        np.testing.assert_allclose(propagator.coefficients(labels[:, c]), propagator.coefficients(labels)[:, c],
                                   rtol=0, atol=1e-15)


def test_it_grows_in_no_order_of_matrices() -> None:
    """The known counterexample: more strength on one sample, and W(a) falls in some direction."""
    theta = np.array([[1.0, -0.9], [-0.9, 1.0]])
    gap = Propagator.of(theta, [2.0, 5.0]).matrix() - Propagator.of(theta, [2.0, 0.0]).matrix()
    assert abs(np.linalg.eigvalsh(gap)[0] + 0.0794840742) <= DIGITS


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 3))
def test_three_forms_agree(seed: int, n: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    theta, a, labels = drawn_kernel(rng, n), rng.random(n) * 2.0, rng.normal(size=(n, outputs))
    direct = np.linalg.solve(theta, (np.eye(n) - expm(-theta * a)) @ labels)
    factor = np.linalg.cholesky(theta)
    small = np.eye(n) - expm(-factor.T @ (a[:, None] * factor))
    by_factor = np.linalg.solve(factor.T, small @ np.linalg.solve(factor, labels))
    found = Propagator.of(theta, a).coefficients(labels)
    scale = np.abs(labels).max() / np.linalg.eigvalsh(theta)[0]
    assert np.abs(found - direct).max() <= 1e-8 * scale
    assert np.abs(found - by_factor).max() <= 1e-8 * scale


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_it_equals_its_series_in_rational_arithmetic(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    theta = drawn_kernel(rng, n)
    a = np.where(rng.random(n) < 0.3, 0.0, rng.uniform(0.5, 4.0, n) / np.linalg.norm(theta, 2))
    exact = series(theta, a)
    assert np.abs(Propagator.of(theta, a).matrix() - exact).max() <= 1e-14 * max(1.0, np.abs(exact).max())


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_the_gradient_equals_its_series_in_rational_arithmetic(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    theta, slopes, labels = drawn_kernel(rng, n), rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    a = np.where(rng.random(n) < 0.3, 0.0, rng.uniform(0.5, 4.0, n) / np.linalg.norm(theta, 2))
    exact = [slope_series(theta, a, slopes, labels, k) for k in range(n)]
    scale = np.linalg.norm(slopes) * np.linalg.norm(labels)
    for method in ("inverse-free", "factor"):
        found = Propagator.of(theta, a).gradient(slopes, labels, method=method)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12 * scale)


@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_the_gradient_equals_central_differences(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    theta, a = drawn_kernel(rng, n), rng.uniform(0.01, 1.0, n)
    slopes, labels = rng.normal(size=n), rng.normal(size=n)
    found, step = Propagator.of(theta, a).gradient(slopes, labels), 1e-5
    for k in range(n):
        ends = [slopes @ Propagator.of(theta, a + sign * step * np.eye(n)[k]).coefficients(labels)
                for sign in (1.0, -1.0)]
        assert abs((ends[0] - ends[1]) / (2 * step) - found[k]) <= 1e-5 * max(1.0, abs(found[k]))


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_symmetric_and_between_zero_and_the_inverse(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    theta, a = drawn_kernel(rng, n), rng.exponential(1.0, n)
    found = Propagator.of(theta, a).matrix()
    assert (found == found.T).all()
    assert np.linalg.eigvalsh(found)[0] >= -1e-13 * np.abs(found).max()
    rest = theta - theta @ found @ theta  # the form of W <= theta^-1 that singular matrices have too
    assert np.linalg.eigvalsh(rest)[0] >= -1e-13 * np.abs(theta).max()


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(1, 8))
def test_any_factor_of_the_kernel_turns_it_into_an_exponential(seed: int, n: int, rank: int) -> None:
    """C^T W C = I - exp(-C^T A C) for theta = C C^T, tall or wide: singular kernels included."""
    rng = np.random.default_rng(seed)
    factor, a = rng.normal(size=(n, rank)), rng.random(n)
    found = Propagator.of(factor @ factor.T, a).matrix()
    wanted = np.eye(rank) - expm(-factor.T @ (a[:, None] * factor))
    assert np.abs(factor.T @ found @ factor - wanted).max() <= 1e-12 * (1.0 + np.abs(wanted).max())


def test_equal_rows_are_no_obstacle() -> None:
    points = np.vstack([X, X])
    theta, a = KERNEL.ntk(points), np.linspace(0.1, 1.0, 10)
    labels = np.concatenate([LABELS, -LABELS])
    left = theta @ Propagator.of(theta, a).coefficients(labels)
    np.testing.assert_allclose(left, (np.eye(10) - expm(-theta * a)) @ labels, rtol=0, atol=1e-13)


def test_the_gradient_needs_no_inverse_and_the_factor_takes_jitter() -> None:
    rng = np.random.default_rng(0)
    theta, a = KERNEL.ntk(np.vstack([X, X[:2]])), rng.random(7)
    slopes, labels = theta @ rng.normal(size=7), rng.normal(size=7)
    propagator = Propagator.of(theta, a)
    found, rough = propagator.gradient(slopes, labels), propagator.gradient(slopes, labels, method="factor")
    step = 1e-5
    for k in range(7):
        ends = [slopes @ Propagator.of(theta, a + sign * step * np.eye(7)[k]).coefficients(labels)
                for sign in (1.0, -1.0)]
        assert abs((ends[0] - ends[1]) / (2 * step) - found[k]) <= 1e-5 * max(1.0, abs(found[k]))
    np.testing.assert_allclose(rough, found, rtol=0, atol=1e-8 * np.linalg.norm(slopes) * np.linalg.norm(labels))


def test_strengths_of_zero_give_zero_and_the_product_as_gradient() -> None:
    propagator = Propagator.of(THETA, np.zeros(5))
    assert not propagator.coefficients(LABELS).any()
    assert not propagator.matrix().any()
    slopes = np.arange(5.0)
    assert (propagator.gradient(slopes, LABELS) == slopes * LABELS).all()


def test_rows_and_columns_without_strength_vanish() -> None:
    found = Propagator.of(THETA, STRENGTHS).matrix()
    assert not found[1].any()
    assert not found[:, 1].any()


def test_a_sample_of_no_strength_has_the_derivative_from_the_right() -> None:
    rng = np.random.default_rng(4)
    slopes, step = rng.normal(size=5), 1e-6
    found = Propagator.of(THETA, STRENGTHS).gradient(slopes, LABELS)[1]
    base = slopes @ Propagator.of(THETA, STRENGTHS).coefficients(LABELS)
    ends = [slopes @ Propagator.of(THETA, STRENGTHS + k * step * np.eye(5)[1]).coefficients(LABELS) for k in (1, 2)]
    forward = (4 * ends[0] - ends[1] - 3 * base) / (2 * step)
    assert abs(forward - found) <= 1e-6 * max(1.0, abs(found))


@pytest.mark.parametrize("size", [1e6, 1e100, 1e300])
def test_large_equal_strengths_give_the_interpolant(size: float) -> None:
    found = Propagator.of(THETA, np.full(5, size)).coefficients(LABELS)
    wanted = np.linalg.solve(THETA, LABELS)
    assert np.abs(found - wanted).max() <= 1e-8 * np.abs(wanted).max()


def test_no_larger_norm_than_the_interpolant() -> None:
    rng = np.random.default_rng(0)
    limit = LABELS @ np.linalg.solve(THETA, LABELS)
    assert abs(limit - 0.2051228296) <= DIGITS
    for _ in range(200):
        found = Propagator.of(THETA, rng.exponential(rng.choice([0.1, 1.0, 10.0]), 5)).coefficients(LABELS)
        assert found @ THETA @ found <= limit * (1 + 1e-10)


def test_along_a_ray_the_norm_never_falls() -> None:
    propagator = Propagator.of(THETA, STRENGTHS)
    norms = [c @ THETA @ c for c in (propagator.coefficients(LABELS, t) for t in np.linspace(0.0, 20.0, 200))]
    assert (np.diff(norms) >= -1e-15).all()


def test_time_multiplies_all_strengths() -> None:
    one, other = Propagator.of(THETA, STRENGTHS), Propagator.of(THETA, 7.0 * STRENGTHS)
    np.testing.assert_allclose(one.coefficients(LABELS, 7.0), other.coefficients(LABELS), rtol=1e-13, atol=0)
    np.testing.assert_allclose(one.matrix(7.0), other.matrix(), rtol=0, atol=1e-14)


def test_one_sample_has_the_scalar_formula() -> None:
    found = Propagator.of([[2.0]], [0.75])
    assert abs(found.coefficients([3.0])[0] - 3.0 * -math.expm1(-1.5) / 2.0) <= 1e-15
    assert abs(found.gradient([1.0], [3.0])[0] - 3.0 * math.exp(-1.5)) <= 1e-15


# -- divided differences -----------------------------------------------------------------------------------------------


def divided(points: list[Fraction]) -> Fraction:
    """Return the divided difference of exp at points, repeated or not: sum_k h_k(points) / (k + m - 1)!."""
    terms, m = 70, len(points)
    symmetric = [Fraction(1)] + [Fraction(0)] * (terms - 1)
    for x in points:
        for k in range(1, terms):
            symmetric[k] += x * symmetric[k - 1]
    return sum((h / math.factorial(k + m - 1) for k, h in enumerate(symmetric)), Fraction(0))


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0.0, 2.0**-60, 2.0**-20, 0.125, 0.5, 0.9375, 1.0, 1.0625, 1.5, 3.0, 6.0]),
                min_size=1, max_size=5))
def test_divided_differences_of_the_exponential_are_exact_to_rounding(values: list[float]) -> None:
    exact, found = [Fraction(-v) for v in values], np.array(values)
    zero = Fraction(0)
    once, first, second = (f(found) for f in (once_integrated, exponential_slopes, twice_integrated))
    for i, u in enumerate(exact):
        assert abs(once[i] - float(divided([zero, zero, u]))) <= 2e-15
        for j, v in enumerate(exact):
            assert abs(first[i, j] - float(divided([u, v]))) <= 2e-15
            assert abs(second[i, j] - float(divided([zero, zero, u, v]))) <= 2e-15


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_ratio_of_strengths_beyond_1e10_is_refused() -> None:
    Propagator.of(THETA, [1e-10, 0.0, 1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="differ by more than 1e10"):
        Propagator.of(THETA, [0.9e-10, 0.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(("theta", "strengths", "message"), [
    (np.eye(2)[:1], [1.0], "must be square"),
    ([[1.0, 2.0], [0.0, 1.0]], [1.0, 1.0], "must be symmetric"),
    ([[1.0, 2.0], [2.0, 1.0]], [1.0, 1.0], "positive semidefinite"),
    ([[1.0, np.nan], [np.nan, 1.0]], [1.0, 1.0], "not finite"),
    (np.eye(2), [1.0, -1.0], r"strengths\[1\]=.*>= 0"),
    (np.eye(2), [1.0, np.inf], "must be finite"),
    (np.eye(2), [1.0], r"shape \(2,\)"),
    (np.eye(2) * 1e10, [1e300, 1e300], "overflow"),
])
def test_what_is_refused_says_why(theta: object, strengths: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Propagator.of(theta, strengths)


def test_labels_of_another_length_are_refused() -> None:
    propagator = Propagator.of(np.eye(2), [1.0, 1.0])
    with pytest.raises(ValueError, match="must have 2 rows"):
        propagator.coefficients([1.0])
    with pytest.raises(ValueError, match="shape of Y"):
        propagator.gradient(np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="'inverse-free' or 'factor'"):
        propagator.gradient(np.ones(2), np.ones(2), method="jax")
    with pytest.raises(ValueError, match="time"):
        propagator.coefficients([1.0, 1.0], -1.0)
