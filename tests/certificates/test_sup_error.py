"""Certified sup errors: known suprema lie inside, limits are decided, budgets are kept, lies of targets are found."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import dyadic_network

from constructive.certificates.comparison import Comparison
from constructive.certificates.sup_error import sup_error
from constructive.domain import Box
from constructive.evidence import Evidence
from constructive.network import Network
from constructive.targets import Target, cosine_product, gaussian_bump, polynomial

SQUARE = polynomial({(2,): 1.0})


def interpolant(target: Target, cells: int) -> Network:
    """Return the piecewise linear interpolant of a one-dimensional target at k / cells; cells a power of two."""
    nodes = np.arange(cells + 1) / cells
    values = target(nodes[:, None])
    slopes = np.diff(values) * cells
    turns = np.concatenate([[slopes[0]], np.diff(slopes)])
    return Network.build([(np.ones((cells, 1)), -nodes[:-1]), (turns[None, :], [values[0]])])


# -- known suprema -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [1, 2, 8, 32])
def test_interpolating_the_square_errs_by_a_quarter_of_the_squared_cell(cells: int) -> None:
    bracket = sup_error(interpolant(SQUARE, cells), SQUARE, relative=0.01)
    assert Fraction(bracket.lower) <= Fraction(1, 4 * cells**2) <= Fraction(bracket.upper)
    assert bracket.width <= 0.01 * bracket.upper
    assert bracket.evidence is Evidence.ENCLOSED


def test_the_constant_zero_is_off_by_the_largest_value() -> None:
    zero = Network.build([(np.zeros((1, 2)), None)])
    bracket = sup_error(zero, cosine_product([5.0, 4.0]), relative=0.02)
    assert bracket.lower <= 1.0 <= bracket.upper
    assert bracket.width <= 0.02 * bracket.upper


def test_an_exact_network_has_no_error_but_rounding() -> None:
    target = polynomial({(1, 0): 0.5, (0, 1): -0.25, (0, 0): 1.0})
    bracket = sup_error(Network.build([([[0.5, -0.25]], [1.0])]), target, absolute=1e-12)
    assert bracket.lower == 0.0
    assert bracket.upper < 1e-12


def test_a_bump_at_a_known_place_is_found() -> None:
    # network 0 against a narrow Gaussian: the sup is exp(0) = 1, at a corner of the dyadic grid and nowhere near others
    zero = Network.build([(np.zeros((1, 2)), None)])
    bracket = sup_error(zero, gaussian_bump([0.8125, 0.1875], 0.03125), relative=0.05)
    assert bracket.lower <= 1.0 <= bracket.upper
    assert bracket.width <= 0.05 * bracket.upper


def test_a_part_of_the_box_has_its_own_sup() -> None:
    # x^2 - x on [0, 1/8]: largest distance 7/64 at the right end
    line = Network.build([([[1.0]], None)])
    bracket = sup_error(line, SQUARE, Box([0.0], [0.125]), relative=0.01)
    assert bracket.lower <= 7 / 64 <= bracket.upper
    assert bracket.width <= 0.01 * bracket.upper


def test_a_degenerate_box_is_a_point() -> None:
    line = Network.build([([[1.0]], None)])
    bracket = sup_error(line, SQUARE, Box([0.1], [0.1]))
    truth = Fraction(0.1) - Fraction(0.1) ** 2
    assert Fraction(bracket.lower) <= truth <= Fraction(bracket.upper)
    assert bracket.width < 1e-13


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_single_precision_speak_of_the_same_real_network(dtype: type) -> None:
    line = Network.build([([[1.0]], None)], dtype)
    bracket = sup_error(line, SQUARE, Box([0.1], [0.1]))
    truth = Fraction(0.1) - Fraction(0.1) ** 2
    assert Fraction(bracket.lower) <= truth <= Fraction(bracket.upper)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 2))
def test_no_rational_point_is_farther_and_the_bracket_is_as_wide_as_promised(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    network = dyadic_network(rng, [d, 4, 4, 1])
    coefficients = {tuple(int(v) for v in rng.integers(0, 3, d)): int(rng.integers(-8, 9)) / 4.0 for _ in range(3)}
    target = polynomial(coefficients)
    bracket = sup_error(network, target, relative=0.2, absolute=2.0**-10, budget=20_000)
    for x in rng.integers(0, 33, (30, d)):
        point = [Fraction(int(v), 32) for v in x]
        value = sum((Fraction(c) * math.prod(t**a for t, a in zip(point, alpha, strict=True))
                     for alpha, c in coefficients.items()), Fraction(0))
        assert abs(network.exact(point)[0] - value) <= Fraction(bracket.upper)
    assert bracket.width <= max(0.2 * bracket.upper, 2.0**-10)


# -- limits and budgets ------------------------------------------------------------------------------------


def test_a_limit_just_above_the_sup_is_confirmed_and_one_just_below_refuted() -> None:
    network, sup = interpolant(SQUARE, 4), 1 / 64
    assert sup_error(network, SQUARE, limit=sup * (1 + 2.0**-10)).upper <= sup * (1 + 2.0**-10)
    assert sup_error(network, SQUARE, limit=sup * (1 - 2.0**-10)).lower > sup * (1 - 2.0**-10)


@pytest.mark.parametrize("budget", [1, 4, 37, 1000])
def test_the_budget_is_kept_and_the_bracket_still_holds(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 0
    bound = Comparison.__call__

    def counted(self: Comparison, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        nonlocal seen
        seen += low.shape[0]
        return bound(self, low, high)

    monkeypatch.setattr(Comparison, "__call__", counted)
    zero = Network.build([(np.zeros((1, 2)), None)])
    bracket = sup_error(zero, cosine_product([7.0, 5.0]), relative=1e-9, budget=budget)
    assert seen <= budget + 1
    assert bracket.lower <= 1.0 <= bracket.upper


def test_more_budget_never_widens_the_bracket() -> None:
    zero = Network.build([(np.zeros((1, 2)), None)])
    widths = [sup_error(zero, cosine_product([7.0, 5.0]), relative=1e-9, budget=b).width for b in (4, 64, 1024)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 2


# -- negative controls -------------------------------------------------------------------------------------


def test_a_shifted_network_is_told_from_the_right_one() -> None:
    good = interpolant(SQUARE, 8)
    bad = good + Network.build([(np.zeros((1, 1)), [1 / 64])])
    limit = 1 / 256 * (1 + 2.0**-8)
    assert sup_error(good, SQUARE, limit=limit).upper <= limit
    assert sup_error(bad, SQUARE, limit=limit).lower > limit


def test_a_narrow_spike_between_all_sampled_points_is_not_missed() -> None:
    # height 1, width 2^-12, round 1/3: sampling a grid of 1000 points sees none of it
    third, w = 1 / 3, 2.0**-13
    spike = Network.build([([[1.0], [1.0], [1.0]], [-(third - w), -third, -(third + w)]),
                           ([[1 / w, -2 / w, 1 / w]], None)])
    flat = polynomial({(0,): 0.0, (1,): 0.0})
    assert np.abs(spike(np.linspace(0, 1, 1001)[:, None])).max() < 1e-9
    bracket = sup_error(spike, flat, relative=0.05)
    assert bracket.lower > 0.9
    assert bracket.upper >= 1.0 - 2.0**-30


def test_targets_that_contradict_their_own_bounds_are_found() -> None:
    liar = replace(cosine_product([6.0]), bound=lambda r: 0.0, rounding=0.0,
                   derivative=lambda alpha, X: np.zeros(X.shape[0]))
    zero = Network.build([(np.zeros((1, 1)), None)])
    with pytest.raises(ValueError, match="contradict"):
        sup_error(zero, liar, relative=0.0)


# -- refusals ----------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused() -> None:
    line = Network.build([([[1.0]], None)])
    with pytest.raises(ValueError, match="do not fit"):
        sup_error(line, cosine_product([1.0, 2.0]))
    with pytest.raises(ValueError, match="one output"):
        sup_error(Network.build([([[1.0], [1.0]], None)]), SQUARE)
    with pytest.raises(ValueError, match="leaves the target's box"):
        sup_error(line, SQUARE, Box([0.0], [1.5]))
    with pytest.raises(ValueError, match="budget"):
        sup_error(line, SQUARE, budget=0)
    with pytest.raises(ValueError, match="relative"):
        sup_error(line, SQUARE, relative=-1.0)
