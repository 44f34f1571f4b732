"""Box indicators and bumps: one function in two networks, packed without overlap, with a known volume."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import box_points, grid_points, machine_values, nudged

from constructive.blocks import Gate, box_bump, published_indicator, support_volume
from constructive.certificates.enclosure import interval_bounds
from constructive.network import Network

SIDES = st.lists(st.fractions(0, 5, max_denominator=20), min_size=1, max_size=5)


def dyadic_box(rng: np.random.Generator, d: int, width: float) -> tuple[list[float], list[float]]:
    """Return a box with ends on the grid 1/32, so that ends plus or minus the width are doubles."""
    lower = rng.integers(-64, 65, d) / 32.0
    return lower.tolist(), (lower + rng.integers(0, 33, d) / 32.0).tolist()


def l1_bump(lower: Sequence[float], upper: Sequence[float], width: float, x: Sequence[Fraction]) -> Fraction:
    """Return relu(1 - dist_1(x, box) / w) from the definition, in rational arithmetic."""
    distance = sum((max(Fraction(a) - v, v - Fraction(b), Fraction(0))
                    for a, b, v in zip(lower, upper, x, strict=True)), Fraction(0))
    return max(1 - distance / Fraction(width), Fraction(0))


# -- one function, two networks -----------------------------------------------------------------------------


def inner_sum(network: Network) -> Callable[[Sequence[float]], Fraction]:
    """Return the argument of the network's last ReLU as a function, in rational arithmetic."""
    inner = Network(network.layers[:2])
    return lambda x: inner.exact(x)[0]


def same_function(first: Network, second: Network, lower: Sequence[float], upper: Sequence[float],
                  width: float) -> bool:
    """Decide whether two networks relu(p), relu(q) with p, q affine on the cells of the threshold grid agree.

    On a cell both are affine, so they agree there if they agree at its corners; or both ReLUs vanish if both
    are <= 0 at the corners. The outermost points stand one unit outside; beyond, p is constant and q falls.
    """
    p, q = inner_sum(first), inner_sum(second)
    axes = [sorted({a - width - 1, a - width, a, b, b + width, b + width + 1})
            for a, b in zip(lower, upper, strict=True)]
    at = {x: (p(x), q(x)) for x in grid_points(axes)}
    cells = product(*[list(zip(axis, axis[1:], strict=False)) for axis in axes])
    for cell in cells:
        corners = [at[corner] for corner in product(*cell)]
        agree = all(u == v for u, v in corners)
        vanish = all(u <= 0 and v <= 0 for u, v in corners)
        if not (agree or vanish):
            return False
    return True


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("width", [0.25, 1.0])
def test_the_published_indicator_and_the_bump_are_one_function(d: int, width: float) -> None:
    rng = np.random.default_rng(d)
    for _ in range(4 - d):
        lower, upper = dyadic_box(rng, d, width)
        published, ours = published_indicator(lower, upper, width), box_bump(lower, upper, width)
        assert published.error == ours.error == 0
        assert same_function(published.network, ours.network, lower, upper, width)


@pytest.mark.parametrize("d", [1, 2])
def test_two_different_functions_are_told_apart(d: int) -> None:
    rng = np.random.default_rng(d)
    lower, upper = dyadic_box(rng, d, 0.25)
    upper = [b + 0.125 for b in upper]
    published, ours = published_indicator(lower, upper, 0.25).network, box_bump(lower, upper, 0.25).network
    for layer in range(2):
        for entry in range(ours.layers[layer].weight.nnz):
            moved = nudged(ours, layer, entry, lambda v: v * (1 + 2.0**-40))
            assert not same_function(published, moved, lower, upper, 0.25)


@given(st.data(), st.integers(1, 4), st.sampled_from([0.125, 0.5, 2.0]))
def test_the_bump_is_one_minus_the_l1_distance(data: st.DataObject, d: int, width: float) -> None:
    ends = data.draw(st.lists(st.tuples(st.floats(-8, 8), st.floats(-8, 8)), min_size=d, max_size=d))
    lower, upper = [min(t) for t in ends], [max(t) for t in ends]
    x = data.draw(st.lists(st.fractions(-9, 9, max_denominator=64), min_size=d, max_size=d))
    assert box_bump(lower, upper, width).network.exact(x)[0] == l1_bump(lower, upper, width, x)


@given(st.floats(1e-3, 10.0), st.fractions(-3, 3), st.fractions(-3, 3))
def test_for_any_width_the_bump_errs_as_stated(width: float, s: Fraction, t: Fraction) -> None:
    gate = box_bump([0.0, 0.0], [1.0, 0.5], width)
    assert abs(gate.network.exact([s, t])[0] - l1_bump([0.0, 0.0], [1.0, 0.5], width, [s, t])) <= gate.error
    # attained where the stored bump just reaches 0
    end = [1 + (1 - gate.error) * Fraction(width), Fraction(0)]
    assert gate.network.exact(end)[0] == 0
    assert l1_bump([0.0, 0.0], [1.0, 0.5], width, end) == gate.error


@given(st.floats(1e-3, 10.0), st.fractions(-3, 3), st.fractions(-3, 3))
def test_for_any_width_the_error_of_the_published_indicator_is_bounded(width: float, s: Fraction,
                                                                      t: Fraction) -> None:
    gate = published_indicator([0.1, 0.0], [1.0, 0.7], width)
    assert abs(gate.network.exact([s, t])[0] - l1_bump([0.1, 0.0], [1.0, 0.7], width, [s, t])) <= gate.error


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_on_its_box_every_program_returns_one_and_so_does_interval_propagation(dtype: type) -> None:
    rng = np.random.default_rng(0)
    for d in (1, 2, 5):
        lower = rng.normal(size=d).astype(np.float32).astype(np.float64)
        upper = lower + np.float32(0.3) * (lower != 0)
        upper = upper.astype(np.float32).astype(np.float64)
        network = box_bump(lower, upper, 0.3).network.astype(dtype)
        x = np.clip(box_points(lower, upper, 300, rng).astype(np.float32), lower, upper)
        assert (machine_values(network, x, rng) == 1.0).all()
        low, high = interval_bounds(network, lower, upper)
        assert (low.item(), high.item()) == (1.0, 1.0)


def test_interval_propagation_loses_the_published_indicator() -> None:
    lower, upper = np.array([0.25, 0.5]), np.array([0.5, 1.0])
    low, high = interval_bounds(published_indicator(lower, upper, 0.25).network, lower, upper)
    assert high.item() - low.item() >= 1.0


def test_a_face_at_infinity_costs_nothing() -> None:
    gate = box_bump([0.25, -math.inf], [math.inf, 0.5], 0.5)
    assert (gate.units, gate.nonzeros) == (3, 8)
    assert gate.network.exact([100, -100]) == (1,)
    assert gate.network.exact([0, Fraction(5, 8)]) == (Fraction(1, 4),)


# -- packing ------------------------------------------------------------------------------------------------


def largest_sum(gates: Sequence[Gate], boxes: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Fraction:
    """Return the exact maximum of a sum of bumps.

    On each cell of the grid of all box ends every bump is the ReLU of an affine function, so the sum is
    convex and its maximum is at a corner; beyond the grid all bumps fall.
    """
    axes = [sorted({end[j] for box in boxes for end in box}) for j in range(len(boxes[0][0]))]
    return max(sum((gate.network.exact(x)[0] for gate in gates), Fraction(0)) for x in grid_points(axes))


def linf_gap(first: tuple[list[float], list[float]], second: tuple[list[float], list[float]]) -> float:
    """Return the l_inf distance."""
    return max(max(a2 - b1, a1 - b2) for a1, b1, a2, b2 in zip(*first, *second, strict=True))


@pytest.mark.parametrize(("d", "n"), [(1, 4), (2, 5), (3, 3)])
def test_bumps_on_boxes_packed_apart_by_the_ramp_add_up_to_one(d: int, n: int) -> None:
    rng = np.random.default_rng(10 * d)
    for _ in range(3):
        width, boxes = 0.5, []
        while len(boxes) < n:
            center = rng.integers(-128, 129, d) / 16.0
            box = (center - 0.25).tolist(), (center + 0.25).tolist()
            if all(linf_gap(box, other) >= width for other in boxes):
                boxes.append(box)
        assert largest_sum([box_bump(*box, width) for box in boxes], boxes) == 1


def test_bumps_packed_closer_than_the_ramp_add_up_to_more() -> None:
    boxes = [([0.0, 0.0], [1.0, 1.0]), ([1.25, 0.0], [2.0, 1.0])]
    assert largest_sum([box_bump(*box, 0.5) for box in boxes], boxes) == Fraction(3, 2)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_boxes_apart_in_l1_only_can_add_up_to_the_dimension(d: int) -> None:
    width, points = 0.5, []
    for j in range(d):
        for sign in (-1.0, 1.0):
            points.append([sign * width / 2 * (i == j) for i in range(d)])
    boxes = [(p, p) for p in points]  # 2 d points, the midpoint between all of them is the origin
    for (p, _), (q, _) in combinations(boxes, 2):
        assert sum(abs(a - b) for a, b in zip(p, q, strict=True)) >= width
    assert largest_sum([box_bump(*box, width) for box in boxes], boxes) == d


# -- volume -------------------------------------------------------------------------------------------------


def volume_by_integration(sides: Sequence[Fraction], width: Fraction) -> Fraction:
    """Return the volume of {dist_1 < w}, one coordinate at a time.

    V_j(w) = side V_{j-1}(w) + 2 int_0^w V_{j-1}(w - t) dt, on coefficients of polynomials in w.
    """
    coefficients = [Fraction(1)]
    for side in sides:
        integral = [Fraction(0), *[2 * c / (k + 1) for k, c in enumerate(coefficients)]]
        coefficients = [side * a + b for a, b in zip([*coefficients, Fraction(0)], integral, strict=True)]
    return sum((c * width**k for k, c in enumerate(coefficients)), Fraction(0))


@given(SIDES, st.fractions(0, 3, max_denominator=20))
def test_the_support_volume_is_the_integral(sides: list[Fraction], width: Fraction) -> None:
    assert support_volume(sides, width) == volume_by_integration(sides, width)


@given(st.integers(1, 7), st.fractions(0, 3, max_denominator=20), st.fractions(0, 3, max_denominator=20))
def test_for_a_cube_it_is_the_binomial_sum(d: int, radius: Fraction, width: Fraction) -> None:
    expected = sum(math.comb(d, k) * (2 * radius) ** (d - k) * (2 * width) ** k / math.factorial(k)
                   for k in range(d + 1))
    assert support_volume([2 * radius] * d, width) == expected


@given(SIDES)
def test_without_a_ramp_the_volume_is_that_of_the_box(sides: list[Fraction]) -> None:
    assert support_volume(sides, 0) == math.prod(sides)


# -- sizes and bad input ------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 6), st.sampled_from([0.25, 0.3, 1e-9, 1e6]))
def test_the_sizes_are_the_formulas(data: st.DataObject, d: int, width: float) -> None:
    ends = st.one_of(st.integers(-2, 2).map(float), st.floats(-3, 3))
    pairs = data.draw(st.lists(st.tuples(ends, ends), min_size=d, max_size=d))
    lower, upper = [min(t) for t in pairs], [max(t) for t in pairs]
    for gate in (box_bump(lower, upper, width), published_indicator(lower, upper, width)):
        assert (gate.network.size.nonzeros, gate.network.size.units) == (gate.nonzeros, gate.units)
    assert box_bump(lower, upper, width).units == 2 * d + 1
    assert published_indicator(lower, upper, width).units == 4 * d + 1


@pytest.mark.parametrize("build", [box_bump, published_indicator])
def test_bad_arguments_are_refused(build: Callable[..., Gate]) -> None:
    with pytest.raises(ValueError, match=r"lower\[1\]"):
        build([0.0, 1.0], [1.0, 0.0], 0.5)
    with pytest.raises(ValueError, match=r"width=0\.0 must be > 0"):
        build([0.0], [1.0], 0.0)
    with pytest.raises(ValueError, match="reciprocal overflows"):
        build([0.0], [1.0], 5e-324)
    with pytest.raises(ValueError, match="NaN"):
        build([math.nan], [1.0], 0.5)
    with pytest.raises(ValueError, match=r"no finite end|must be bounded"):
        build([-math.inf], [math.inf], 0.5)


def test_a_volume_needs_sides_and_no_negative_length() -> None:
    with pytest.raises(ValueError, match="sides is empty"):
        support_volume([], 1)
    with pytest.raises(ValueError, match=r"sides=-1\.0"):
        support_volume([-1], 1)
    with pytest.raises(ValueError, match="width"):
        support_volume([1], -1)
