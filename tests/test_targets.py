"""Targets: derivatives against rational and difference oracles, bounds that hold and are reached, stated rounding."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.targets import Target, cosine_product, gaussian_bump, multi_indices, polynomial

TARGETS = {
    "cosines": cosine_product([5.0, -4.0], [0.5, 1.0]),
    "steep cosine": cosine_product([40.0]),
    "bump": gaussian_bump([0.25, 0.75], 0.375),
    "narrow bump": gaussian_bump([0.5], 0.0625),
    "polynomial": polynomial({(3, 1): 2.0, (0, 2): -1.5, (1, 0): 0.25, (0, 0): 1.0}),
    "small polynomial": polynomial({(2,): 2.0**-40, (5,): -(2.0**-41)}),
}
EACH = pytest.mark.parametrize("name", TARGETS)


def points(target: Target, n: int = 200) -> np.ndarray:
    return target.box.sample(n, np.random.default_rng(0))


# -- an oracle with 50 digits ------------------------------------------------------------------------------


def cosine(x: Decimal) -> Decimal:
    """Return cos x by its Taylor series, for moderate x in a wide enough context."""
    term, total, k = Decimal(1), Decimal(1), 0
    while abs(term) > Decimal(10) ** -60:
        k += 2
        term *= -x * x / (k * (k - 1))
        total += term
    return total


def precise(name: str, x: np.ndarray, alpha: tuple[int, ...]) -> Decimal:
    """Return D^alpha of the named target at one point, |alpha| <= 1, with about 50 digits."""
    with localcontext() as context:
        context.prec = 90
        at = [Decimal(float(v)) for v in x]
        if "cosine" in name:
            rates, shifts = ([5, -4], [Decimal("0.5"), Decimal(1)]) if name == "cosines" else ([40], [Decimal(0)])
            half_pi = Decimal("1.5707963267948966192313216916397514420985846996875529104874722961539")
            factors = [cosine(r * t + s + a * half_pi) * Decimal(r) ** a
                       for r, t, s, a in zip(rates, at, shifts, alpha, strict=True)]
            return math.prod(factors, start=Decimal(1))
        centers, width = ([Decimal("0.25"), Decimal("0.75")], Decimal("0.375")) if name == "bump" else (
            [Decimal("0.5")], Decimal("0.0625"))
        z = [(t - c) / width for t, c in zip(at, centers, strict=True)]
        value = (-sum(v * v for v in z) / 2).exp()
        return value * math.prod(((-v / width) ** a for v, a in zip(z, alpha, strict=True)), start=Decimal(1))


@pytest.mark.parametrize("name", [name for name in TARGETS if "polynomial" not in name])
def test_values_and_slopes_are_within_the_stated_rounding(name: str) -> None:
    target = TARGETS[name]
    x = points(target, 40)
    for alpha in multi_indices(target.dimension, 0) + multi_indices(target.dimension, 1):
        allowed = target.rounding * (1.0 if sum(alpha) == 0 else target.bound(1))
        computed = target.derivative(alpha, x)
        for row, value in zip(x, computed, strict=True):
            assert abs(Decimal(float(value)) - precise(name, row, alpha)) <= Decimal(allowed)


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


@EACH
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_no_derivative_exceeds_its_bound(name: str, order: int) -> None:
    target = TARGETS[name]
    grid = np.array(list(itertools.product(np.linspace(0, 1, 65), repeat=target.dimension)))
    for alpha in multi_indices(target.dimension, order):
        assert np.abs(target.derivative(alpha, grid)).max() <= target.bound(order) * (1 + target.rounding)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_bound_of_cosines_is_reached(order: int) -> None:
    target = cosine_product([8.0], [0.0])
    grid = np.linspace(0, 1, 4097)[:, None]
    largest = float(np.abs(target.derivative((order,), grid)).max())
    # the grid misses the extremum by at most 8 * 2^-13, where the cosine has lost half of the square of that
    assert largest >= target.bound(order) * (1 - 0.5 * (8 * 2.0**-13) ** 2 - 1e-11)


@EACH
def test_the_lipschitz_constant_holds_between_points(name: str) -> None:
    target = TARGETS[name]
    x, z = points(target), points(target)[::-1]
    gap = np.abs(x - z).max(axis=1)
    assert (np.abs(target(x) - target(z)) <= target.lipschitz * gap + 2 * target.rounding).all()


@EACH
@pytest.mark.parametrize("order", [1, 2, 3])
def test_each_derivative_is_the_derivative_of_the_one_before(name: str, order: int) -> None:
    # central differences with step s: |error| <= s^2 / 6 F_(order + 2), and rounding divided by s
    target, s = TARGETS[name], 2.0**-14
    x = np.clip(points(target, 50), s, 1 - s)
    for alpha in multi_indices(target.dimension, order):
        j = int(np.flatnonzero(alpha)[0])
        lower = tuple(a - int(i == j) for i, a in enumerate(alpha))
        step = s * np.eye(target.dimension)[j]
        slope = (target.derivative(lower, x + step) - target.derivative(lower, x - step)) / (2 * s)
        allowed = s * s / 6 * target.bound(order + 2) + 64 * target.rounding * target.bound(order - 1) / s
        assert (np.abs(slope - target.derivative(alpha, x)) <= allowed).all()


# -- shapes and refusals -----------------------------------------------------------------------------------


@EACH
def test_calls_keep_leading_axes(name: str) -> None:
    target = TARGETS[name]
    x = points(target, 12).reshape(3, 4, -1)
    assert target(x).shape == (3, 4)
    assert target(x)[1, 2] == target(x[1, 2])


def test_a_point_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="last axis must have length 2"):
        TARGETS["bump"](np.zeros((4, 3)))


def test_multi_indices_are_all_of_their_order() -> None:
    found = multi_indices(3, 4)
    assert len(found) == len(set(found)) == math.comb(6, 2)
    assert {sum(alpha) for alpha in found} == {4}


def test_bad_arguments_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="frequency"):
        cosine_product([math.nan])
    with pytest.raises(ValueError, match="phase"):
        cosine_product([1.0, 2.0], [0.0])
    with pytest.raises(ValueError, match="width"):
        gaussian_bump([0.5], 0.0)
    with pytest.raises(ValueError, match="multi-indices of one length"):
        polynomial({})
    with pytest.raises(ValueError, match="multi-indices of one length"):
        polynomial({(1,): 1.0, (1, 1): 1.0})
    with pytest.raises(ValueError, match="exponent"):
        polynomial({(-1,): 1.0})
