"""Activations of random features: closed forms, quadrature between kinks, and what is refused."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.hermite_e import HermiteE

from constructive.features import Activation, activation, relu


def test_the_shifted_relu_has_its_closed_form() -> None:
    shifted = relu()
    assert shifted.linear == 0.5
    assert shifted.slope_excess == 0.25
    assert shifted.nonlinear == pytest.approx(0.0908450569, abs=5e-11)
    assert shifted.slope_excess / shifted.nonlinear == pytest.approx(2.7519383939, abs=5e-11)


def test_the_shifted_relu_is_centered_and_keeps_shapes() -> None:
    z = np.array([[-1.0, 0.0], [0.5, 2.0]])
    assert (relu()(z) == np.array([[0.0, 0.0], [0.5, 2.0]]) - 1.0 / math.sqrt(2.0 * math.pi)).all()
    assert (relu().slope(z) == np.array([[0.0, 0.0], [1.0, 1.0]])).all()


def test_quadrature_with_the_kink_named_equals_the_closed_form_to_rounding() -> None:
    found = activation(lambda z: np.maximum(z, 0.0), lambda z: 1.0 * (z > 0.0), kinks=[0.0])
    for name in ("mean", "linear", "nonlinear", "slope_excess"):
        assert getattr(found, name) == pytest.approx(getattr(relu(), name), abs=4e-16)


def test_a_kink_away_from_the_origin_is_integrated() -> None:
    # max(z - 1/3, 0): E = phi(t) - t Phi(-t), E derivative = Phi(-t)
    t = 1.0 / 3.0
    density, tail = math.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi), 0.5 * math.erfc(t / math.sqrt(2.0))
    found = activation(lambda z: np.maximum(z - t, 0.0), lambda z: 1.0 * (z > t), kinks=[t])
    mean, second = density - t * tail, (1.0 + t * t) * tail - t * density
    assert found.mean == pytest.approx(mean, abs=1e-15)
    assert found.linear == pytest.approx(tail, abs=1e-15)
    assert found.nonlinear == pytest.approx(second - mean**2 - tail**2, abs=1e-15)
    assert found.slope_excess == pytest.approx(tail - tail**2, abs=1e-15)


@pytest.mark.parametrize(("function", "derivative", "expected"), [
    (lambda z: np.tanh(2.0 * z), lambda z: 2.0 / np.cosh(2.0 * z) ** 2, (0.7295, 0.1031, 0.4917)),
    (lambda z: np.sin(2.0 * z) + 0.3 * z, lambda z: 2.0 * np.cos(2.0 * z) + 0.3, (0.5707, 0.4266, 1.9274)),
])
def test_smooth_activations_have_the_published_moments(function: object, derivative: object,
                                                       expected: tuple[float, float, float]) -> None:
    found = activation(function, derivative)  # type: ignore[arg-type]
    assert (found.linear, found.nonlinear, found.slope_excess) == pytest.approx(expected, abs=5e-5)


@settings(max_examples=12)
@given(st.lists(st.integers(-4, 4), min_size=3, max_size=6))
def test_moments_of_polynomials_are_those_of_their_hermite_series(coefficients: list[int]) -> None:
    series = HermiteE(coefficients)
    found = activation(series, series.deriv())
    c = [value * math.sqrt(math.factorial(k)) for k, value in enumerate(coefficients)]  # orthonormal
    nonlinear, excess = sum(v * v for v in c[2:]), sum(k * v * v for k, v in enumerate(c) if k >= 2)
    size = sum(v * v for v in c) + 1.0
    assert found.mean == pytest.approx(c[0], abs=1e-11 * size)
    assert found.linear == pytest.approx(c[1], abs=1e-11 * size)
    assert found.nonlinear == pytest.approx(nonlinear, abs=1e-11 * size)
    assert found.slope_excess == pytest.approx(excess, abs=1e-10 * size)
    assert found.slope_excess >= 2.0 * found.nonlinear - 1e-10 * size


def test_an_affine_activation_has_no_nonlinear_part_at_all() -> None:
    found = activation(lambda z: 2.0 * z + 1.0, lambda z: 2.0 + 0.0 * z)
    assert (found.nonlinear, found.slope_excess) == (0.0, 0.0)
    assert (found.mean, found.linear) == pytest.approx((1.0, 2.0), abs=1e-14)


def test_an_even_activation_has_no_linear_part_at_all() -> None:
    found = activation(lambda z: np.cos(3.0 * z), lambda z: -3.0 * np.sin(3.0 * z))
    assert found.linear == 0.0
    # E cos(3 G) = exp(-9/2), E cos(3 G)^2 = (1 + exp(-18)) / 2, E sin(3 G)^2 = (1 - exp(-18)) / 2
    assert found.mean == pytest.approx(math.exp(-4.5), abs=1e-15)
    assert found.nonlinear == pytest.approx(0.5 * (1.0 + math.exp(-18.0)) - math.exp(-9.0), abs=1e-14)
    assert found.slope_excess == pytest.approx(4.5 * (1.0 - math.exp(-18.0)), abs=1e-13)


def test_a_wrong_derivative_is_refused() -> None:
    with pytest.raises(ValueError, match=r"activation: E derivative\(G\) = .* the derivative is wrong"):
        activation(np.tanh, lambda z: 1.0 + np.tanh(z) ** 2)


def test_a_function_that_jumps_is_refused() -> None:
    with pytest.raises(ValueError, match="the function jumps"):
        activation(np.sign, np.zeros_like, kinks=[0.0])


def test_a_function_that_grows_too_fast_is_refused() -> None:
    def steep(z: float) -> float:
        return math.exp(min(0.51 * z * z, 700.0))

    with pytest.raises(ValueError, match="moderate growth"):
        activation(lambda z: steep(z), lambda z: 1.02 * z * steep(z))  # type: ignore[arg-type, return-value]


def test_what_is_not_callable_or_no_moment_is_refused() -> None:
    with pytest.raises(TypeError, match="function must be callable"):
        activation(3.0, np.zeros_like)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"Activation: nonlinear=-1\.0 must be >= 0\.0"):
        Activation("bad", np.tanh, np.cos, 0.0, 1.0, -1.0, 1.0)


def test_the_shifted_relu_travels_to_other_processes() -> None:
    copy = pickle.loads(pickle.dumps(relu()))
    assert copy(1.0) == relu()(1.0)


def test_functions_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"arrays of the same shape, but at a single number one returns shape \(2,\)"):
        activation(lambda z: np.array([1.0, 2.0]), np.cos)
    with pytest.raises(ValueError, match="dtype complex128"):
        activation(lambda z: 1j * np.asarray(z), np.cos)


def test_kinks_are_kept_and_must_be_finite() -> None:
    assert relu().kinks == (0.0,)
    assert activation(lambda z: np.maximum(z - 0.25, 0.0), lambda z: 1.0 * (z > 0.25), [0.25]).kinks == (0.25,)
    with pytest.raises(ValueError, match="activation: kinks=nan must be finite"):
        activation(np.tanh, np.cos, [math.nan])
