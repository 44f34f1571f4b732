"""Families of targets: derivatives against 60 digits, bounds that hold and are reached, stated rounding."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from target_cases import CASES, Case, mp, precise

from constructive.domain import Box
from constructive.evidence import Evidence
from constructive.targets import (
    Target,
    additive,
    cosine_product,
    exponential,
    gaussian_bump,
    kink,
    multi_indices,
    polynomial,
    product,
    ridge,
    ridge_interval,
    runge,
)

EACH = pytest.mark.parametrize("name", CASES)


def orders(target: Target, top: int = 4) -> range:
    return range(int(min(target.order, top)) + 1)


def within(target: Target, n: int) -> np.ndarray:
    """Return drawn points and corners, off the kinks, where top derivatives do not exist."""
    points = np.concatenate([target.box.sample(n, np.random.default_rng(0)), target.box.corners()])
    return np.nextafter(points, target.box.lower / 2 + target.box.upper / 2)


# -- values and derivatives --------------------------------------------------------------------------------


def worst_share(case: Case, name: str, r: int) -> float:
    """Return the largest |computed - true| / stated rounding among derivatives of order r."""
    target, share = case.target, 0.0
    for alpha in multi_indices(target.dimension, r):
        for x in within(target, 8):
            allowed = target.derivative_rounding(r)
            gap = abs(mp.mpf(float(target.derivative(alpha, x[None])[0])) - precise(case, alpha, x))
            share = max(share, float(gap / allowed) if allowed else (math.inf if gap > mp.mpf(10) ** -30 else 0.0))
    return share


@EACH
def test_derivatives_are_within_the_stated_rounding_of_sixty_digits(name: str) -> None:
    for r in orders(CASES[name].target):
        assert worst_share(CASES[name], name, r) <= 1.0


@EACH
def test_values_and_first_derivatives_are_within_the_one_number_rounding(name: str) -> None:
    case = CASES[name]
    target = case.target
    for alpha in multi_indices(target.dimension, 0) + multi_indices(target.dimension, 1) * (target.order > 1):
        allowed = target.rounding * (target.bound(1) if any(alpha) else 1.0)
        for x in within(target, 8):
            assert abs(mp.mpf(float(target.derivative(alpha, x[None])[0])) - precise(case, alpha, x)) <= allowed


def test_a_derivative_with_the_wrong_sign_is_noticed_by_the_oracle() -> None:
    case = CASES["Runge"]
    wrong = replace(case.target, derivative=lambda alpha, X: -case.target.derivative(alpha, X))
    assert worst_share(replace(case, target=wrong), "Runge", 1) > 1e6


@settings(max_examples=40)
@given(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 5)), st.floats(-8, 8, allow_subnormal=False),
                       min_size=1, max_size=6),
       st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_polynomials_are_within_the_stated_rounding(coefficients: dict[tuple[int, int], float],
                                                    x: tuple[float, float]) -> None:
    target = polynomial(coefficients)
    at = [Fraction(v) for v in x]
    for alpha in ((0, 0), (1, 0), (0, 1)):
        truth = sum((Fraction(c) * math.prod(math.perm(b, a) * t ** (b - a) if b >= a else 0
                                             for a, b, t in zip(alpha, beta, at, strict=True))
                     for beta, c in coefficients.items()), Fraction(0))
        allowed = target.rounding * (1.0 if alpha == (0, 0) else target.bound(1))
        # products below the normal range lose 2^-1074 each, far below every use
        assert abs(Fraction(float(target.derivative(alpha, np.array([x]))[0])) - truth) <= Fraction(allowed) + Fraction(
            1, 2**1000)


# -- bounds ------------------------------------------------------------------------------------------------


def largest(target: Target, alpha: tuple[int, ...]) -> float:
    """Return the maximum of |D^alpha f| by a dense grid and a search round its best point."""
    d = target.dimension
    ends = [np.linspace(low, high, {1: 8001, 2: 161, 3: 31}[d])
            for low, high in zip(target.box.lower, target.box.upper, strict=True)]
    grid = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, d)
    sizes = np.abs(target.derivative(alpha, grid))
    best = grid[int(np.argmax(sizes))].copy()
    for j in [*range(d)] * (4 if d > 1 else 1):
        step = 2 * float(ends[j][1] - ends[j][0])

        def size(t: float, j: int = j) -> float:
            x = best.copy()
            x[j] = t
            return -float(np.abs(target.derivative(alpha, x[None])[0]))

        found = minimize_scalar(size, method="bounded", options={"xatol": 1e-12},
                                bounds=(max(best[j] - step, ends[j][0]), min(best[j] + step, ends[j][-1])))
        if -found.fun > -size(best[j]):
            best[j] = found.x
    return max(float(sizes.max()), float(np.abs(target.derivative(alpha, best[None])[0])))


@EACH
def test_bounds_hold_and_are_the_exact_maxima_where_that_is_claimed(name: str) -> None:
    target = CASES[name].target
    for r in orders(target):
        found = max(largest(target, alpha) for alpha in multi_indices(target.dimension, r))
        assert found <= target.bound(r) + target.derivative_rounding(r)
        # the bound of order 0 of a sum adds the terms' maxima, which need not fit together
        if CASES[name].exact and not (r == 0 and name in ("sum", "kinks")):
            assert target.bound(r) <= (1 + 1e-6) * found


@pytest.mark.parametrize("order", [6, 9, 15])
def test_maxima_of_high_order_are_exact_too(order: int) -> None:
    for target in (gaussian_bump([0.5], 0.1), runge(), cosine_product([9.0]), gaussian_bump([0.75], 0.25)):
        found = largest(target, (order,))
        assert found <= target.bound(order) + target.derivative_rounding(order)
        assert target.bound(order) <= (1 + 1e-6) * found


def test_gaussian_bounds_beyond_the_proved_roots_are_still_bounds() -> None:
    target = gaussian_bump([0.5], 0.5)
    for order in (49, 56):
        assert largest(target, (order,)) <= target.bound(order)
        assert target.bound(order) <= 4 * largest(target, (order,))


def test_a_bump_that_underflows_has_bounds_above_it() -> None:
    target = gaussian_bump([50.0], 1.0)
    assert 0 < mp.exp(-mp.mpf(49) ** 2 / 2) <= target.bound(0) < 1e-200


def test_the_bound_of_runges_function_in_two_dimensions_is_reached_along_an_axis() -> None:
    target = runge([0.5, 0.5], 6.0)
    for r in (1, 2, 3, 4):
        assert largest(target, (r, 0)) >= target.bound(r) * (1 - 1e-9)


def test_signs_that_cancel_lower_the_bound_of_a_polynomial() -> None:
    # t (1 - t) (1 - 2 t) peaks at (1 - 1/sqrt 3) / 2, far below the sum of its terms' sizes; slope 1 at both ends
    target = polynomial({(1,): 1.0, (2,): -3.0, (3,): 2.0})
    assert math.sqrt(3) / 18 <= target.bound(0) <= math.sqrt(3) / 18 * (1 + 2e-7)
    assert 1.0 <= target.bound(1) <= 1.0 + 2e-7
    assert polynomial({(200,): 1.0}, box=Box.cube(1, 0.0, 100.0)).bound(0) == math.inf


def test_orders_whose_bounds_overflow_are_infinite_and_not_an_error() -> None:
    assert runge().bound(400) == math.inf
    assert cosine_product([10.0]).bound(400) == math.inf
    assert cosine_product([0.0]).bound(400) == 0.0


@EACH
def test_the_lipschitz_constant_holds_between_points(name: str) -> None:
    target = CASES[name].target
    rng = np.random.default_rng(1)
    x = target.box.sample(300, rng)
    for scale in (1.0, 2.0**-8):
        z = np.clip(x + scale * rng.uniform(-1, 1, x.shape), target.box.lower, target.box.upper)
        gap = np.abs(x - z).max(axis=1)
        assert (np.abs(target(x) - target(z)) <= target.lipschitz * gap + 2 * target.rounding).all()


# -- order and evidence ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_a_kink_has_exactly_its_order(order: int) -> None:
    target, h = kink([0.375], order), 2.0**-8
    around = np.array([[0.375 - h], [0.375 + h]])
    below, above = target.derivative((order,), around)
    assert (below, above) == (-1.0, 1.0)  # the last derivative jumps by twice its bound
    assert target.bound(order) == 1.0
    for r in range(order):  # those before it are continuous
        low, high = target.derivative((r,), around)
        assert abs(high - low) <= 2 * h * target.bound(r + 1)


@pytest.mark.parametrize("target", [kink([0.5], 2), ridge(kink([0.5], 2, box=Box.cube(1, -1.0, 2.0)), [1.0, 1.0]),
                                    product([kink([0.5], 2), runge()]), additive([runge(), kink([0.5], 2)])])
def test_beyond_the_order_nothing_is_answered(target: Target) -> None:
    assert target.order == 2
    alpha = (3,) + (0,) * (target.dimension - 1)
    with pytest.raises(ValueError, match=r"bound\(3\) does not exist, this target has order 2"):
        target.bound(3)
    with pytest.raises(ValueError, match="has order 2"):
        target.derivative(alpha, np.zeros((1, target.dimension)))


def test_a_replaced_order_is_the_one_that_counts() -> None:
    target = replace(runge(), order=1)
    with pytest.raises(ValueError, match="order 1"):
        target.bound(2)
    assert replace(target, order=3).bound(2) == runge().bound(2)


def test_what_is_made_of_sampled_targets_is_sampled() -> None:
    guess = replace(runge(), evidence=Evidence.SAMPLED)
    assert runge().evidence is Evidence.ENCLOSED
    for made in (product([runge(), guess]), additive([guess, runge()]), ridge(guess, [0.5, 0.5])):
        assert made.evidence is Evidence.SAMPLED


def test_negative_and_misshapen_multi_indices_are_refused() -> None:
    with pytest.raises(ValueError, match="multi-index entry"):
        runge().derivative((-1,), np.zeros((1, 1)))
    with pytest.raises(ValueError, match="must have 1 entries"):
        runge().derivative((1, 0), np.zeros((1, 1)))
    with pytest.raises(ValueError, match="r=-1"):
        runge().bound(-1)


# -- shapes and refusals -----------------------------------------------------------------------------------


@EACH
def test_targets_can_be_sent_to_other_processes(name: str) -> None:
    target = CASES[name].target
    target.bound(1)  # what was remembered travels along
    cloudpickle = pytest.importorskip("cloudpickle")  # what joblib sends functions with
    copy = cloudpickle.loads(cloudpickle.dumps(target))
    x = target.box.sample(5, np.random.default_rng(0))
    assert (copy(x) == target(x)).all()
    assert copy.bound(0) == target.bound(0)


@EACH
def test_calls_keep_leading_axes(name: str) -> None:
    target = CASES[name].target
    x = target.box.sample(12, np.random.default_rng(0)).reshape(3, 4, -1)
    assert target(x).shape == (3, 4)
    assert abs(target(x)[1, 2] - target(x[1, 2])) <= 2 * target.rounding


def test_a_point_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="last axis must have length 2"):
        CASES["bumps"].target(np.zeros((4, 3)))


def test_multi_indices_are_all_of_their_order() -> None:
    found = multi_indices(3, 4)
    assert len(found) == len(set(found)) == math.comb(6, 2)
    assert {sum(alpha) for alpha in found} == {4}


def test_the_interval_of_a_ridge_contains_every_sum() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        w, box = rng.normal(size=3), Box(-rng.random(3), rng.random(3))
        interval = ridge_interval(w.tolist(), box)
        for corner in itertools.product(*zip(box.lower, box.upper, strict=True)):
            exact = sum(Fraction(a) * Fraction(b) for a, b in zip(w, corner, strict=True))
            assert Fraction(float(interval.lower[0])) <= exact <= Fraction(float(interval.upper[0]))


@pytest.mark.parametrize(("build", "message"), [
    (lambda: cosine_product([math.nan]), "frequency"),
    (lambda: cosine_product([1.0, 2.0], [0.0]), "phase"),
    (lambda: cosine_product([1.0], box=Box.cube(2)), "box has 2 coordinates"),
    (lambda: cosine_product([1.0], box=Box(np.zeros(1), np.array([math.inf]))), "finite ends"),
    (lambda: exponential([800.0]), "overflows"),
    (lambda: gaussian_bump([0.5], 0.0), "width"),
    (lambda: runge(steepness=-1.0), "steepness"),
    (lambda: polynomial({}), "multi-indices of one length"),
    (lambda: polynomial({(1,): 1.0, (1, 1): 1.0}), "multi-indices of one length"),
    (lambda: polynomial({(-1,): 1.0}), "exponent"),
    (lambda: kink([0.5], 0), "order"),
    (lambda: kink([1.5], 2), "must lie inside"),
    (lambda: product([]), "number of functions"),
    (lambda: product([runge([0.5, 0.5])]), "needs exactly one"),
    (lambda: ridge(runge(), [1.0, 1.0]), r"ranges over \[0.0, 2.0\]"),
    (lambda: ridge(runge([0.5, 0.5]), [1.0]), "needs exactly one"),
    (lambda: replace(runge(), box=Box.cube(2)), "same dimension"),
    (lambda: replace(runge(), lipschitz=-1.0), "lipschitz"),
    (lambda: replace(runge(), order=-1), "order"),
])
def test_bad_arguments_are_refused_by_name(build: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()  # type: ignore[operator]


@pytest.mark.parametrize("build", [lambda: product([3.0]), lambda: ridge("x", [1.0]),
                                   lambda: cosine_product([1.0], box=(0, 1))])
def test_arguments_of_the_wrong_kind_are_refused(build: object) -> None:
    with pytest.raises(TypeError, match="must be a"):
        build()  # type: ignore[operator]
