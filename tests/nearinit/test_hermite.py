"""Hermite features, their gates and the agreement gate: identities by quadrature, golden values, refusals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from constructive.nearinit.hermite import (
    agreement_gate,
    hermite_functions,
    hermite_gates,
    normal_density,
    truncation_norms,
)
from constructive.nearinit.series import agreement, feature_norms

# The trapezoid rule on the line is exact to rounding for these integrands: analytic, with Gaussian decay.
STEP = 1 / 8
GRID = STEP * np.arange(-96, 97)
U, B = GRID[:, None], GRID[None, :]
WEIGHT = normal_density(U) * normal_density(B) * STEP**2
LINE = normal_density(GRID) * STEP
GAUSS = np.polynomial.legendre.leggauss(200)

cosines = st.floats(-0.95, 0.95)


def half_space(t):
    """E[1{<w, x> + b >= 0} | <w, x_i> = u, b]."""
    return ndtr((t * U + B) / math.sqrt(1 - t * t))


def test_hermite_polynomials_are_orthonormal():
    rows = hermite_functions(GRID, 16)
    np.testing.assert_allclose((rows * LINE) @ rows.T, np.eye(16), rtol=0, atol=1e-12)


def test_gates_have_unit_norm():
    gates = hermite_gates(GRID, 200)
    np.testing.assert_allclose((gates * gates * LINE).sum(axis=1), 1.0, rtol=0, atol=1e-12)


@given(k=st.integers(0, 12), t=cosines)
def test_a_feature_averages_over_a_half_space_to_the_power_and_its_bias_factor(k, t):
    """Given b alone: t^k He_(k-1)(-b) phi(b) / sqrt(k) for k >= 1, Phi(b) for k = 0."""
    found = (hermite_functions(U, k + 1)[k] * half_space(t) * LINE[:, None]).sum(axis=0)
    if k == 0:
        expected = ndtr(GRID)
    else:
        expected = t**k * hermite_functions(-GRID, k)[k - 1] * normal_density(GRID) / math.sqrt(k)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@given(k=st.integers(0, 12), t=cosines)
def test_a_gated_feature_averages_to_sigma_times_the_power(k, t):
    gated = hermite_functions(U, k + 1)[k] * hermite_gates(B, k + 1)[k]
    assert abs((gated * half_space(t) * WEIGHT).sum() - feature_norms(k + 1)[k] * t**k) <= 1e-12


def test_without_the_gate_even_powers_vanish():
    assert abs((hermite_functions(U, 3)[2] * half_space(0.5) * WEIGHT).sum()) <= 1e-14


@given(slope=st.floats(-0.95, 0.95), t=cosines)
def test_the_agreement_gate_averages_to_the_agreement_of_the_scaled_cosine(slope, t):
    assert abs((agreement_gate(slope, U, B) * half_space(t) * WEIGHT).sum() - agreement(slope * t)) <= 1e-13


@pytest.mark.parametrize("slope", [-1.0, 1.0])
@pytest.mark.parametrize("t", [-0.9, -0.5, 0.0, 0.3, 0.9])
def test_at_slope_one_the_indicator_averages_to_the_agreement(slope, t):
    """On the half-plane slope u + b >= 0, turned so that its edge is an axis: Gauss across, trapezoid along."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    across, along = 6.0 * (nodes[:, None] + 1.0), GRID[None, :]
    u, b = (slope * across + along) / math.sqrt(2), (across - slope * along) / math.sqrt(2)
    # A step to either side of the edge: rounding there is another side only when across is 0.
    assert (agreement_gate(slope, u, b) == 1.0).all()
    assert (agreement_gate(slope, u - 2 * slope * across / math.sqrt(2), b - 2 * across / math.sqrt(2)) == 0.0).all()
    inside = ndtr((t * u + b) / math.sqrt(1 - t * t)) * normal_density(across) * normal_density(along)
    assert abs((inside * 6.0 * weights[:, None]).sum() * STEP - agreement(slope * t)) <= 1e-13


@given(slope=st.floats(-0.9, 0.9), b=st.floats(-3, 3), u=st.floats(-3, 3))
def test_the_agreement_gate_is_the_sum_of_all_gated_features(slope, b, u):
    count = 400
    terms = feature_norms(count) * slope ** np.arange(count) * hermite_functions(u, count) * hermite_gates(b, count)
    assert abs(terms.sum() - agreement_gate(slope, u, b)) <= 1e-9


@given(slope=st.floats(-1, 1), u=st.floats(-40, 40), b=st.floats(-40, 40))
def test_the_agreement_gate_stays_between_zero_and_one(slope, u, b):
    assert 0.0 <= agreement_gate(slope, u, b) <= 1.0


@given(u=st.floats(-12, 12))
def test_hermite_polynomials_grow_at_most_like_the_root_of_the_inverse_density(u):
    assert (np.abs(hermite_functions(u, 401)) <= math.exp(u * u / 4) * (1 + 1e-9)).all()


@pytest.mark.parametrize(("k", "expected"), [(3, [0.590241, 0.209666, 0.038758, 0.003923]),
                                             (7, [0.795794, 0.720248, 0.44651, 0.114729])])
def test_truncation_norms_at_known_reaches(k, expected):
    assert [round(float(truncation_norms(k + 1, reach)[k]), 6) for reach in (3, 4, 5, 6)] == expected


@given(reach=st.floats(0, 6), k=st.integers(0, 30))
def test_truncation_norms_are_those_of_the_tail(reach, k):
    nodes, weights = GAUSS
    u = reach + (nodes + 1.0) * (20.0 - reach) / 2
    tail = 2 * (hermite_functions(u, k + 1)[k] ** 2 * normal_density(u) * weights).sum() * (20.0 - reach) / 2
    assert abs(truncation_norms(k + 1, reach)[k] ** 2 - tail) <= 1e-12


def test_refusals_name_the_argument():
    with pytest.raises(ValueError, match=r"agreement_gate: slope=1\.5"):
        agreement_gate(1.5, 0.0, 0.0)
    with pytest.raises(ValueError, match="hermite_gates: count=0"):
        hermite_gates([0.0], 0)
    with pytest.raises(ValueError, match="truncation_norms: reach"):
        truncation_norms(2, -1.0)
