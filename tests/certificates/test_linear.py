"""First-order enclosures: the real network and every program stay inside without slack, and width is second order."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import box_points, dense_values, machine_values, nudged, random_network
from scipy import sparse

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.linear import AffineBounds, _Map, affine_bounds, refined_bounds
from constructive.network import Network

Array = NDArray[np.float64]
SHAPES = ([1, 4, 3, 1], [3, 9, 7, 2], [5, 2, 1], [2, 60, 1])


def boxes(rng: np.random.Generator, n: int, d: int) -> tuple[Array, Array]:
    """Return boxes round Gaussian centers, a third of them points, with sides from 2^-30 to 1."""
    center = rng.normal(size=(n, d)) * 2.0 ** rng.integers(-3, 4, (n, 1))
    side = rng.random((n, d)) * 2.0 ** -rng.integers(0, 30, (n, 1)) * (rng.integers(0, 3, (n, 1)) > 0)
    return center - side, center + side


def exact_violations(network: Network, low: Array, high: Array, bounds: AffineBounds,
                     rng: np.random.Generator) -> int:
    """Count exact rational values at points of the boxes that leave the bounds or the forms."""
    count = 0
    for i in range(low.shape[0]):
        for x in box_points(low[i], high[i], 6, rng):
            # t is any rational with x = middle + reach t; a coordinate without reach has none
            t = [Fraction(0) if r == 0 else (Fraction(v) - Fraction(c)) / Fraction(r)
                 for v, c, r in zip(x.tolist(), bounds.middle[i].tolist(), bounds.reach[i].tolist(), strict=True)]
            assert all(abs(v) <= 1 for v in t)
            for k, value in enumerate(network.exact(x.tolist())):
                form = Fraction(float(bounds.center[i, k])) + sum(
                    (Fraction(float(s)) * v for s, v in zip(bounds.slope[i, k], t, strict=True)), Fraction(0))
                inside = Fraction(float(bounds.lower[i, k])) <= value <= Fraction(float(bounds.upper[i, k]))
                count += not (inside and abs(value - form) <= Fraction(float(bounds.remainder[i, k])))
    return count


def program_violations(network: Network, low: Array, high: Array, bounds: Any, rng: np.random.Generator) -> int:
    """Count numbers returned by random programs and dense products that leave the bounds."""
    count = 0
    for i in range(low.shape[0]):
        x = box_points(low[i], high[i], 40, rng)
        if network.dtype == np.float32:  # the machine's inputs are the numbers of the format in the box
            x = x.astype(np.float32).astype(np.float64)
            x = x[((low[i] <= x) & (x <= high[i])).all(axis=1)]
        for values in (machine_values(network, x, rng), dense_values(network, x), network(x)):
            outside = ~((bounds.lower[i] <= values) & (values <= bounds.upper[i]))
            count += int((outside & ~np.isnan(values)).sum())  # inf - inf is no value
    return count


# -- soundness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", SHAPES)
@pytest.mark.parametrize("exponents", [(0, 0), (-30, 30)])
def test_real_values_lie_in_the_bounds_and_in_the_forms(widths: list[int], exponents: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    network = random_network(rng, widths, exponents=exponents)
    low, high = boxes(rng, 10, widths[0])
    assert exact_violations(network, low, high, affine_bounds(network, low, high), rng) == 0


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 8), st.integers(1, 3))
def test_drawn_networks_stay_inside(seed: int, d: int, width: int, hidden: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, [d, *[width] * hidden, 2])
    low, high = boxes(rng, 3, d)
    bounds = affine_bounds(network, low, high)
    assert exact_violations(network, low, high, bounds, rng) == 0
    assert program_violations(network, low, high, bounds, rng) == 0


@pytest.mark.parametrize(("dtype", "exponents"), [
    (np.float64, (0, 0)), (np.float64, (-30, 30)), (np.float64, (-400, -300)), (np.float64, (300, 400)),
    (np.float32, (0, 0)), (np.float32, (-7, 7)),
    (np.float32, (-60, -40)),  # products below the smallest normal number
    (np.float32, (60, 70)),  # sums beyond the largest one
])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")  # in the oracles' programs
def test_every_program_stays_inside(dtype: type, exponents: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for widths in SHAPES:
        network = random_network(rng, widths, dtype=dtype, exponents=exponents, bias=0.3)
        low, high = boxes(rng, 8, widths[0])
        assert program_violations(network, low, high, affine_bounds(network, low, high), rng) == 0


def test_cancellation_is_covered_in_every_order() -> None:
    # 1e16 + 1 - 1e16 is 0, 1 or 2 depending on the order; the real value is x
    network = Network.build([([[1e16], [1.0], [1e16]], None), ([[1.0, 1.0, -1.0]], None)])
    rng = np.random.default_rng(2)
    low, high = np.array([[1.0]]), np.array([[1.0]])
    bounds = affine_bounds(network, low, high)
    assert {float(v) for v in machine_values(network, np.ones((400, 1)), rng)[:, 0]} > {1.0}  # rounding shows
    assert program_violations(network, low, high, bounds, rng) == 0
    assert bounds.lower[0, 0] <= 1.0 <= bounds.upper[0, 0]


def test_rows_too_long_for_the_format_get_no_finite_promise() -> None:
    n = 1 << 23  # (n + 6) 2^-24 > 1/2: the classical bound is void
    matrix = sparse.csr_array((np.ones(n), (np.zeros(n, int), np.arange(n))), shape=(1, n))
    gamma = _Map.of(Network.build([(matrix, None)], np.float32).layers[0]).gamma
    assert np.isinf(gamma).all()


# -- negative controls -------------------------------------------------------------------------------------


def test_one_changed_weight_in_any_layer_is_noticed() -> None:
    rng = np.random.default_rng(3)
    for layer in range(3):
        network = random_network(rng, [2, 8, 8, 1], density=1.0)
        low = rng.normal(size=(20, 2))
        bounds = affine_bounds(network, low, low + 2.0**-20)
        entry = int(rng.integers(network.layers[layer].weight.nnz))
        faulty = nudged(network, layer, entry, lambda w: w + 0.5)
        if not np.array_equal(network(low), faulty(low)):
            assert program_violations(faulty, low, low + 2.0**-20, bounds, rng) > 0


def test_bounds_without_their_remainder_are_caught() -> None:
    rng = np.random.default_rng(4)
    network = random_network(rng, [3, 9, 7, 2])
    low, high = boxes(rng, 10, 3)
    good = affine_bounds(network, low, high)
    bare = AffineBounds(good.middle, good.reach, good.center, good.slope, np.zeros_like(good.remainder),
                        good.lower, good.upper)
    assert exact_violations(network, low, high, bare, rng) > 0


def test_affine_maps_get_their_range_up_to_rounding() -> None:
    network = Network.build([([[0.1, 1 / 3, -0.7]], [0.1])])
    low, high = np.full((1, 3), -1.0), np.ones((1, 3))
    bounds = affine_bounds(network, low, high)
    range_top = max(network.exact(corner)[0] for corner in
                    ([a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)))
    excess = Fraction(float(bounds.upper[0, 0])) - range_top
    assert 0 <= excess <= Fraction(1, 2**44)


# -- quality -----------------------------------------------------------------------------------------------


def test_width_beyond_the_range_falls_with_the_square_of_the_side() -> None:
    kinks = np.arange(1, 1024) / 1024.0  # a parabola, piecewise linear on a fine grid
    network = Network.build([(np.ones((1024, 1)), np.concatenate([[0.0], -kinks])),
                             (np.concatenate([[1 / 1024], np.full(1023, 2 / 1024)])[None, :], None)])
    widths = [float(affine_bounds(network, [[0.5 - s]], [[0.5 + s]]).remainder[0, 0]) for s in (0.25, 0.125, 0.0625)]
    assert widths[0] > 3.5 * widths[1]
    assert widths[1] > 3.5 * widths[2]


def test_never_wider_than_plain_intervals_beyond_rounding() -> None:
    rng = np.random.default_rng(5)
    network = random_network(rng, [3, 12, 12, 2])
    low, high = boxes(rng, 40, 3)
    plain, forms = interval_bounds(network, low, high), affine_bounds(network, low, high)
    # 3 layers, 12 terms: our rounding is (12 + 6) 5 u in each, against a few u of the machine bound
    slack = 1000 * 2.0**-53 * (1 + np.abs(plain[0]) + np.abs(plain[1]))
    assert (forms.upper <= plain[1] + 100 * slack).all()
    assert (forms.lower >= plain[0] - 100 * slack).all()


def test_correlation_is_kept_where_intervals_lose_it() -> None:
    # (x + 2) - (x + 1) - 1 = 0; 8 * 5 units of rounding on sums up to 6, in two layers, both sides: below 2^-42
    zero = Network.build([([[1.0], [1.0]], [2.0, 1.0]), ([[1.0, -1.0]], [-1.0])])
    bounds = affine_bounds(zero, [[0.0]], [[1.0]])
    assert bounds.upper[0, 0] - bounds.lower[0, 0] < 2.0**-42
    low, high = interval_bounds(zero, [[0.0]], [[1.0]])
    assert (high - low)[0, 0] == 2.0


def test_refining_keeps_all_values_and_narrows() -> None:
    rng = np.random.default_rng(6)
    network = random_network(rng, [2, 10, 6, 1])
    low = rng.normal(size=(6, 2))
    high = low + rng.random((6, 2))
    whole = affine_bounds(network, low, high)
    bottom, top = refined_bounds(network, low, high, 4)
    assert ((top - bottom) < (whole.upper - whole.lower)).all()
    for i in range(6):
        for x in box_points(low[i], high[i], 20, rng):
            value = network.exact(x.tolist())[0]
            assert Fraction(float(bottom[i, 0])) <= value <= Fraction(float(top[i, 0]))


# -- corners and refusals ----------------------------------------------------------------------------------


def test_points_get_their_value_up_to_rounding() -> None:
    network = random_network(np.random.default_rng(7), [3, 9, 1])
    x = np.random.default_rng(8).normal(size=(5, 3))
    bounds = affine_bounds(network, x, x)
    assert (bounds.reach == 0).all()
    assert (bounds.upper - bounds.lower < 1e-12).all()


def test_no_boxes_give_empty_bounds() -> None:
    network = random_network(np.random.default_rng(9), [3, 4, 2])
    assert affine_bounds(network, np.empty((0, 3)), np.empty((0, 3))).slope.shape == (0, 2, 3)


def test_blocks_do_not_change_results() -> None:
    rng = np.random.default_rng(10)
    network = random_network(rng, [2, 5000, 1])
    low, high = boxes(rng, 30, 2)
    together = affine_bounds(network, low, high)
    for i in (0, 17, 29):
        alone = affine_bounds(network, low[i : i + 1], high[i : i + 1])
        assert alone.upper[0, 0] == together.upper[i, 0]


def test_huge_boxes_give_bounds_without_nan() -> None:
    network = random_network(np.random.default_rng(11), [1, 3, 1])
    top = float(np.finfo(np.float64).max)
    bounds = affine_bounds(network, [[-top]], [[top]])
    assert not np.isnan(bounds.lower).any()
    assert not np.isnan(bounds.upper).any()
    values = [network.exact([v])[0] for v in (-top, 0.0, top)]
    for value in values:
        assert math.isinf(bounds.lower[0, 0]) or Fraction(float(bounds.lower[0, 0])) <= value
        assert math.isinf(bounds.upper[0, 0]) or value <= Fraction(float(bounds.upper[0, 0]))


@pytest.mark.parametrize(("low", "high", "word"), [
    ([[0.0, 0.0]], [[1.0, np.inf]], "finite"), ([[0.0, np.nan]], [[1.0, 1.0]], "lower <= upper"),
    ([[0.0, 2.0]], [[1.0, 1.0]], "lower <= upper"), ([[0.0]], [[1.0]], "must be"),
])
def test_bad_boxes_are_refused(low: Any, high: Any, word: str) -> None:
    network = random_network(np.random.default_rng(12), [2, 3, 1])
    with pytest.raises(ValueError, match=word):
        affine_bounds(network, low, high)
