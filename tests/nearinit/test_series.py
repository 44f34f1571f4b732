"""How often directions agree, and its power series: golden values, the sum, the proved bounds."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.nearinit import agreement, feature_norms

TABLE = {1: 3.2989083324, 2: 8.0806421225, 3: 9.8967249971, 5: 15.2307384054, 9: 24.0936563139, 15: 35.5954345279,
         31: 61.6899444205, 63: 105.2732817427, 127: 178.3241837676, 255: 300.9755852745, 399: 421.1646739299,
         1200: 962.1034653108}


@pytest.mark.parametrize(("t", "value"), [(-1.0, 0.25), (-0.5, 0.29021531), (0.0, 0.33333333), (0.5, 0.38497327),
                                          (0.9, 0.44945869), (1.0, 0.5)])
def test_golden_agreements(t: float, value: float) -> None:
    assert abs(float(agreement(t)) - value) <= 5e-9  # eight digits are given


def test_golden_norms() -> None:
    inverse = 1 / feature_norms(1201)
    assert math.isclose(inverse[0], math.sqrt(3), rel_tol=1e-15)
    for k, value in TABLE.items():
        assert abs(inverse[k] - value) <= 6e-11, k  # ten decimals are given


def test_the_recurrence_is_that_of_the_rationals() -> None:
    factors = [Fraction(1), Fraction(1, 3)]
    for n in range(2, 60):
        factors.append(((2 * n - 1) * factors[-1] + (n - 1) * factors[-2]) / (3 * n))
    found = feature_norms(60) ** 2
    for k in range(1, 60):
        assert math.isclose(found[k], float(factors[k - 1]) / (2 * math.pi * math.sqrt(3) * k), rel_tol=k * 2.0**-50)


@given(st.floats(-0.97, 0.97))
def test_the_series_sums_to_the_agreement(t: float) -> None:
    squares = feature_norms(1500) ** 2
    powers = t ** np.arange(1500)
    tail = squares[-1] * abs(t) ** 1500 / (1 - abs(t))  # the squares decrease
    assert abs(math.fsum(squares * powers) - float(agreement(t))) <= tail + 1500 * 2.0**-52


def test_norms_decrease_strictly_and_grow_inverse_at_most_like_a_power() -> None:
    norms, k = feature_norms(20_001), np.arange(1, 20_001)
    assert (np.diff(norms) < 0).all()
    assert (1 / norms[1:] <= 4.81 * k**0.75).all()
    assert (1 / norms[3:] <= 2 * math.pi**0.75 * k[2:] ** 0.75).all()
    assert feature_norms(1).tolist() == [math.sqrt(1 / 3)]
    assert (feature_norms(2) == norms[:2]).all()
    assert (feature_norms(7) == norms[:7]).all()


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_the_agreement_is_increasing_and_convex(s: float, t: float) -> None:
    low, high = min(s, t), max(s, t)
    ends, middle = agreement([low, high]), float(agreement((low + high) / 2))
    assert ends[0] <= ends[1] + 2.0**-52
    assert middle <= ends.mean() + 2.0**-52


def test_what_rounding_puts_outside_is_clipped_and_shapes_stay() -> None:
    assert agreement([1 + 1e-12, -1 - 1e-12]).tolist() == [0.5, 0.25]
    assert agreement(np.zeros((2, 3))).shape == (2, 3)
    assert agreement(0.0).shape == ()


def test_the_agreement_is_the_share_of_common_open_half_spaces() -> None:
    rng = np.random.default_rng(4)
    first, second = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    weight, bias = rng.normal(size=(200_000, 2)), rng.normal(size=200_000)
    both = ((weight @ first + bias >= 0) & (weight @ second + bias >= 0)).mean()
    # farther off with probability 2e-6 (Hoeffding)
    assert abs(both - float(agreement(0.6))) <= math.sqrt(math.log(1e6) / 400_000)


def test_at_least_one_norm_is_asked_for() -> None:
    with pytest.raises(ValueError, match="count=0 must be >= 1"):
        feature_norms(0)
