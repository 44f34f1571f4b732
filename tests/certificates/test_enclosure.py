"""Machine-sound intervals: every program's value lies inside, without slack, and constants stay constants."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import box_points, dense_values, machine_values, random_network, rounded, tree_values

from constructive._kernels.rounding import product_upper, upper_end
from constructive.certificates.enclosure import interval_bounds
from constructive.network import Network

WIDE = st.floats(-4.0, 4.0).map(lambda t: math.copysign(2.0 ** (8 * abs(t)), t) if t else 0.0)
SMALL = st.integers(-12, 12).map(lambda k: k / 4.0)
ODD = st.sampled_from([0.1, -0.1, 1 / 3, -2 / 3, 0.7, 1e16, -1e16, 1.0 + 2.0**-52, 1e-300, -1e-300, 5e-324])
TERM = st.one_of(WIDE, SMALL, ODD)


def boxes(rng: np.random.Generator, n: int, d: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return boxes round Gaussian centers, a third of them points, with sides from 2^-30 to 1."""
    center = rng.normal(size=(n, d)) * 2.0 ** rng.integers(-3, 4, (n, 1))
    side = rng.random((n, d)) * 2.0 ** -rng.integers(0, 30, (n, 1)) * (rng.integers(0, 3, (n, 1)) > 0)
    return center - side, center + side


def violations(network: Network, low: NDArray[Any], high: NDArray[Any], bounds: tuple[Any, Any],
               rng: np.random.Generator, points: int = 60) -> int:
    """Count the values of random programs and of dense products that leave the bounds."""
    count = 0
    for i in range(low.shape[0]):
        x = box_points(low[i], high[i], points, rng)
        if network.dtype == np.float32:  # the machine's inputs are the numbers of the format in the box
            x = np.clip(x.astype(np.float32).astype(np.float64), low[i], high[i])
            x = x[(x.astype(np.float32) == x).all(axis=1)]
        for values in (machine_values(network, x, rng), dense_values(network, x), network(x)):
            count += int((~((bounds[0][i] <= values) & (values <= bounds[1][i]))).sum())
    return count


# -- soundness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("exponents", [(0, 0), (-30, 30), (-3, 60), (-120, -60)])
@pytest.mark.parametrize("bias", [0.0, 0.7])
def test_every_program_stays_inside(dtype: type, exponents: tuple[int, int], bias: float) -> None:
    if dtype is np.float32:
        exponents = exponents[0] // 4, exponents[1] // 4  # three layers must not overflow
    rng = np.random.default_rng(0)
    for widths in ([1, 4, 3, 1], [3, 9, 7, 2], [5, 2, 1]):
        network = random_network(rng, widths, dtype=dtype, exponents=exponents, bias=bias)
        low, high = boxes(rng, 12, widths[0])
        assert violations(network, low, high, interval_bounds(network, low, high), rng) == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_program_stays_inside_near_the_ends_of_the_format(dtype: type) -> None:
    rng = np.random.default_rng(1)
    top = int(np.finfo(dtype).maxexp)
    for exponent in (top // 2 - 4, -top // 2 + 4, -top // 2 - 8):
        network = random_network(rng, [2, 5, 3], dtype=dtype, exponents=(exponent, exponent))
        low, high = boxes(rng, 12, 2)
        assert violations(network, low, high, interval_bounds(network, low, high), rng) == 0


def test_overflowing_programs_stay_inside_infinite_bounds() -> None:
    network = Network.build([([[1e308], [1e308]], None), ([[1.0, 1.0]], None)])
    low, high = interval_bounds(network, [[0.5]], [[1.5]])
    assert 0.99e308 < low.item() <= 1e308
    assert high.item() == math.inf


def test_infinite_boxes_are_legal() -> None:
    network = Network.build([([[1.0], [-1.0]], [0.0, 2.0]), ([[1.0, 0.5]], None)])
    low, high = interval_bounds(network, [[-math.inf]], [[math.inf]])
    assert (low.item(), high.item()) == (0.0, math.inf)


def test_points_that_no_single_precision_number_fits_are_rounded_outward() -> None:
    network = Network.build([([[1.0]], None)], np.float32)
    low, high = interval_bounds(network, [[0.1]], [[0.1]])
    assert low.item() < 0.1 < high.item()
    assert np.nextafter(np.float32(low.item()), np.float32(1.0)) == np.float32(high.item())


# -- each rule, against all programs -----------------------------------------------------------------------


@given(st.lists(st.tuples(TERM, TERM), max_size=4), st.booleans())
def test_the_upper_end_bounds_every_tree(products: list[tuple[float, float]], single: bool) -> None:
    if single:
        products = [(float(np.float32(w)), float(np.float32(x))) for w, x in products]
    terms = [t for t in (product_upper(w, x, single) for w, x in products) if t != 0.0]
    bound = upper_end(np.array([*terms, 0.0]), len(terms), single)
    assert max(tree_values(products, single)) <= bound


@pytest.mark.parametrize("single", [False, True])
def test_the_upper_end_bounds_every_tree_of_five_terms(single: bool) -> None:
    rng = np.random.default_rng(2)
    kinds = [lambda: rng.normal(size=5),
             lambda: rng.integers(-9, 10, 5) / 4.0,
             lambda: rng.normal(size=5) * 2.0 ** rng.integers(-30, 30, 5),
             lambda: rng.integers(-2, 3, 5) * 0.1,
             lambda: -np.abs(rng.normal(size=5)),
             lambda: np.where(rng.random(5) < 0.5, -rng.random(5), 2.0**20)]
    for trial in range(60):
        weight, x = kinds[trial % 6](), rng.integers(1, 4, 5).astype(float)
        if single:
            weight = weight.astype(np.float32).astype(np.float64)
        terms = [t for t in (product_upper(w, v, single) for w, v in zip(weight, x, strict=True)) if t != 0.0]
        bound = upper_end(np.array([*terms, 0.0]), len(terms), single)
        assert max(tree_values(list(zip(weight.tolist(), x.tolist(), strict=True)), single)) <= bound


@given(TERM, TERM, st.booleans())
def test_the_upper_end_of_a_product_bounds_the_real_and_the_rounded_product(w: float, x: float,
                                                                           single: bool) -> None:
    if single:
        w, x = float(np.float32(w)), float(np.float32(x))
    bound, exact = product_upper(w, x, single), Fraction(w) * Fraction(x)
    assert Fraction(bound) >= exact
    assert bound >= rounded(exact, single)


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100))
def test_two_terms_are_bounded_by_their_rounded_sum_and_not_more(a: float, b: float) -> None:
    terms = [t for t in (a, b) if t != 0.0]
    assert upper_end(np.array([*terms, 0.0]), len(terms), False) == a + b


@given(st.lists(st.integers(-(2**40), 2**40).filter(bool), min_size=3, max_size=9), st.integers(-40, 40))
def test_grid_sums_are_exact(integers: list[int], exponent: int) -> None:
    terms = [float(k) * 2.0**exponent for k in integers]
    exact = sum(integers) * 2.0**exponent
    assert upper_end(np.array(terms), len(terms), False) == exact


@pytest.mark.parametrize("single", [False, True])
def test_a_single_positive_term_and_the_lowest_of_the_others_decide(single: bool) -> None:
    tiny = 2.0**-60
    assert upper_end(np.array([-tiny, 1.0, -1.0, -tiny / 3]), 4, single) == 0.0


def test_nothing_positive_is_bounded_by_the_two_lowest_terms() -> None:
    assert upper_end(np.array([-0.5, -1e-30, -0.25, -1e-31]), 4, False) == -0.75


def test_terms_off_the_grid_of_the_positive_ones_may_be_left_out() -> None:
    # 1 + 2 + 4 is exact in every order; the two negative terms can only lower it
    assert upper_end(np.array([1.0, -1e-30, 2.0, 4.0, -1e-31]), 5, False) == 7.0


def test_a_grid_sum_that_could_round_falls_back_to_the_general_bound() -> None:
    terms = np.array([2.0**53, 1.0, 1.0])
    assert max(tree_values([(t, 1.0) for t in terms.tolist()])) == 2.0**53 + 2.0
    assert upper_end(terms, 3, False) > 2.0**53 + 2.0


# -- exactness ---------------------------------------------------------------------------------------------


def test_sums_on_a_grid_stay_points() -> None:
    rng = np.random.default_rng(3)
    weight = rng.integers(-8, 9, (6, 40)) / 8.0
    network = Network.build([(weight, rng.integers(-8, 9, 6) / 8.0),
                             (rng.integers(-8, 9, (2, 6)) / 8.0, None)])
    x = rng.integers(-64, 65, (10, 40)) / 16.0
    low, high = interval_bounds(network, x, x)
    assert (low == high).all()
    assert (low == network(x)).all()


def test_rows_of_two_terms_give_the_machine_range_exactly() -> None:
    rng = np.random.default_rng(4)
    slope = 2.0 ** rng.integers(-3, 4, 30)  # powers of two: exact products
    offset = rng.normal(size=30)
    network = Network.build([(slope[:, None], offset)])
    low, high = interval_bounds(network, [[-0.7]], [[1.3]])
    assert (low[0] == slope * -0.7 + offset).all()
    assert (high[0] == slope * 1.3 + offset).all()


def test_a_zero_sum_of_many_vanishing_units_stays_zero() -> None:
    rng = np.random.default_rng(5)
    network = Network.build([(-rng.random((50, 1)) - 0.1, None), (rng.normal(size=(1, 50)), [0.3])])
    low, high = interval_bounds(network, [[0.0]], [[2.0]])
    assert (low.item(), high.item()) == (0.3, 0.3)


# -- negative controls -------------------------------------------------------------------------------------


@given(TERM, TERM)
def test_an_end_of_two_terms_lowered_by_one_ulp_is_violated(a: float, b: float) -> None:
    terms = [t for t in (a, b) if t != 0.0]
    bound = upper_end(np.array([*terms, 0.0]), len(terms), False)
    if terms and math.isfinite(bound):
        assert max(tree_values([(a, 1.0), (b, 1.0)])) > math.nextafter(bound, -math.inf)


def test_ends_moved_inward_by_one_ulp_are_violated() -> None:
    rng = np.random.default_rng(6)
    network = random_network(rng, [2, 1], density=1.0, bias=0.0)
    low, high = boxes(rng, 30, 2)
    high = np.maximum(high, low + 0.1)
    network = Network.build([(2.0 ** np.rint(network.layers[0].weight.toarray()), None)])  # exact products
    bottom, top = interval_bounds(network, low, high)
    assert violations(network, low, high, (bottom, top), rng) == 0
    assert violations(network, low, high, (bottom, np.nextafter(top, -np.inf)), rng) > 0
    assert violations(network, low, high, (np.nextafter(bottom, np.inf), top), rng) > 0


def test_plain_floating_point_evaluation_of_the_ends_would_be_unsound() -> None:
    rng = np.random.default_rng(7)
    network = random_network(rng, [3, 20, 20, 2])
    x = rng.normal(size=(10, 3))
    value = network(x)
    assert violations(network, x, x, (value, value), rng) > 0
    assert violations(network, x, x, interval_bounds(network, x, x), rng) == 0


# -- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        ([[0.0]], [[1.0, 1.0]], "both must be"),
        ([[0.0, 0.0]], [[1.0, 1.0]], r"\(N, 1\)"),
        ([[1.0]], [[0.0]], "lower <= upper"),
        ([[math.nan]], [[1.0]], "NaN"),
    ],
)
def test_bad_boxes_are_refused(lower: Any, upper: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        interval_bounds(Network.build([([[1.0]], None)]), lower, upper)
