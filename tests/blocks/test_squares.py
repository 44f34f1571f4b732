"""Square, product and monomial gates in rational arithmetic: where the theory says exactly, exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import nudged

from constructive.blocks import Gate, monomial_gate, polarization_gate, product_gate, square_gate
from constructive.certificates.exact import Pieces, piecewise_1d
from constructive.network import Network

RATIONAL = st.fractions(-1, 1, max_denominator=997)


def square_errors(pieces: Pieces) -> tuple[Fraction, Fraction]:
    """Return the exact (least, largest) value of f(x) - x^2 for f linear between the knots.

    On a piece the error is a concave parabola: its least value is at an end, its largest where the
    slope of the chord is 2 x, if that point is inside, else at an end.
    """
    least, largest = [], []
    joints = [(t, v[0]) for t, v in zip(pieces.knots, pieces.values, strict=True)]
    for (a, at_a), (b, at_b) in pairwise(joints):
        slope = (at_b - at_a) / (b - a)
        top = min(max(slope / 2, a), b)
        least.append(min(at_a - a * a, at_b - b * b))
        largest.append(at_a + slope * (top - a) - top * top)
    return min(least), max(largest)


def value(gate: Gate | Network, *x: Fraction | int) -> Fraction:
    network = gate.network if isinstance(gate, Gate) else gate
    return network.exact(x)[0]


# -- square -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", range(1, 13))
def test_the_largest_error_of_the_square_is_exactly_the_stated_one(levels: int) -> None:
    gate = square_gate(levels)
    pieces = piecewise_1d(gate.network, 0, 1)
    assert square_errors(pieces) == (0, gate.error) == (0, Fraction(1, 4 ** (levels + 1)))


def test_without_levels_the_square_is_the_identity() -> None:
    gate = square_gate(0)
    assert square_errors(piecewise_1d(gate.network, 0, 1)) == (0, gate.error) == (0, Fraction(1, 4))


@pytest.mark.parametrize("levels", range(1, 9))
def test_the_square_interpolates_at_the_grid_and_kinks_nowhere_else(levels: int) -> None:
    pieces = piecewise_1d(square_gate(levels).network, 0, 1)
    grid = tuple(Fraction(k, 2**levels) for k in range(2**levels + 1))
    assert pieces.knots == grid
    assert [v[0] for v in pieces.values] == [t * t for t in grid]


def test_the_square_is_exact_in_floating_point_on_the_grid() -> None:
    grid = np.arange(2**12 + 1) / 2.0**12
    assert (square_gate(12)(grid[:, None])[:, 0] == grid**2).all()


@pytest.mark.parametrize("levels", [1, 3, 6])
def test_any_moved_weight_of_the_square_is_noticed(levels: int) -> None:
    gate = square_gate(levels)
    for layer, affine in enumerate(gate.network.layers):
        for entry in range(affine.weight.nnz):
            moved = nudged(gate.network, layer, entry, lambda v: v * (1 + 2.0**-30))
            assert square_errors(piecewise_1d(moved, 0, 1)) != (0, gate.error)


def test_outside_the_unit_interval_the_square_is_false() -> None:
    assert value(square_gate(6), 2) != 4
    assert value(square_gate(6), -1) != 1


# -- product ------------------------------------------------------------------------------------------------


@given(RATIONAL, st.integers(0, 7), st.sampled_from([0.25, 1.0, 8.0]))
def test_a_product_with_zero_is_zero_and_with_the_magnitude_exact(y: Fraction, levels: int,
                                                                 magnitude: float) -> None:
    gate, scale = product_gate(levels, magnitude), Fraction(magnitude)
    y = y * scale
    assert value(gate, 0, y) == value(gate, y, 0) == 0
    assert value(gate, scale, y) == value(gate, y, scale) == scale * y
    assert value(gate, -scale, y) == value(gate, y, -scale) == -scale * y


@given(st.data(), RATIONAL, st.integers(0, 6), st.sampled_from([0.5, 1.0, 4.0]))
def test_a_product_is_exact_where_one_factor_is_on_the_grid(data: st.DataObject, y: Fraction, levels: int,
                                                           magnitude: float) -> None:
    x = Fraction(magnitude) * data.draw(st.integers(-(2**levels), 2**levels)) / 2**levels
    y = Fraction(magnitude) * y
    gate = product_gate(levels, magnitude)
    assert value(gate, x, y) == value(gate, y, x) == x * y


@pytest.mark.parametrize("levels", range(4))
def test_a_product_is_exact_on_the_whole_dyadic_grid(levels: int) -> None:
    gate = product_gate(levels)
    grid = [Fraction(k, 2**levels) for k in range(-(2**levels), 2**levels + 1)]
    assert all(value(gate, x, y) == x * y for x, y in product(grid, grid))


@given(RATIONAL, RATIONAL, st.integers(0, 6), st.sampled_from([0.5, 1.0, 4.0]))
def test_a_product_errs_by_no_more_than_stated_and_stays_below_its_factors(
    x: Fraction, y: Fraction, levels: int, magnitude: float
) -> None:
    gate, scale = product_gate(levels, magnitude), Fraction(magnitude)
    x, y = scale * x, scale * y
    assert abs(value(gate, x, y) - x * y) <= gate.error
    assert abs(value(gate, x, y)) <= scale * min(abs(x), abs(y))


@pytest.mark.parametrize("levels", range(9))
@pytest.mark.parametrize("magnitude", [0.5, 1.0, 4.0])
def test_the_error_of_the_product_is_attained(levels: int, magnitude: float) -> None:
    gate, x = product_gate(levels, magnitude), Fraction(magnitude) / 2 ** (levels + 1)
    assert abs(value(gate, x, x) - x * x) == gate.error == Fraction(magnitude) ** 2 / 4 ** (levels + 1)


def test_in_floating_point_the_zero_needs_a_unit_for_each_square_and_one_order() -> None:
    y = np.random.default_rng(0).uniform(-1, 1, 1000)
    points, layers = np.stack([0 * y, y], axis=1), list(product_gate(9).network.layers)
    assert (Network(tuple(layers))(points) != 0.0).any()  # the last row adds six terms
    last = layers[-1].weight.toarray()[0]
    maps = [(layer.weight.toarray(), layer.bias) for layer in layers[:-1]]
    split = np.zeros((2, 6))
    split[0, :3], split[1, 3:] = last[:3], -last[3:]
    difference = ([[1.0, -1.0]], None)
    ordered = Network.build([*maps, (split, None), difference])
    assert (ordered(points) == 0.0).all()
    order = [0, 1, 2, 5, 3, 4]  # the second square's carried unit is added first
    weight, bias = maps[-1]
    permuted = Network.build([*maps[:-1], (weight[order], bias[order]), (split[:, order], None), difference])
    assert permuted.exact([0, Fraction(1, 3)]) == (0,)
    assert (permuted(points) != 0.0).any()


@pytest.mark.parametrize("levels", [1, 4])
def test_any_moved_weight_of_the_product_is_noticed(levels: int) -> None:
    gate = product_gate(levels)
    grid = [Fraction(k, 2**levels) for k in range(-(2**levels), 2**levels + 1)]
    for layer, affine in enumerate(gate.network.layers):
        for entry in range(affine.weight.nnz):
            moved = nudged(gate.network, layer, entry, lambda v: v * (1 + 2.0**-30))
            assert any(value(moved, x, y) != x * y for x, y in product(grid[::2], grid))


# -- the published product ----------------------------------------------------------------------------------


@given(RATIONAL, RATIONAL, st.integers(0, 6), st.sampled_from([0.5, 1.0, 4.0]))
def test_polarization_errs_by_no_more_than_stated_and_keeps_zeros(x: Fraction, y: Fraction, levels: int,
                                                                 magnitude: float) -> None:
    gate, scale = polarization_gate(levels, magnitude), Fraction(magnitude)
    x, y = scale * x, scale * y
    assert abs(value(gate, x, y) - x * y) <= gate.error
    assert value(gate, x, 0) == value(gate, 0, y) == 0


@pytest.mark.parametrize("levels", range(9))
@pytest.mark.parametrize("magnitude", [0.5, 1.0, 4.0])
def test_the_error_of_polarization_is_attained_and_four_times_ours(levels: int, magnitude: float) -> None:
    gate, x = polarization_gate(levels, magnitude), Fraction(magnitude) / 2**levels
    assert abs(value(gate, x, x) - x * x) == gate.error == 4 * product_gate(levels, magnitude).error


def test_polarization_can_exceed_its_factors_and_miss_the_unit() -> None:
    gate = polarization_gate(0)
    assert value(gate, 1, Fraction(1, 2)) != Fraction(1, 2)
    assert abs(value(gate, Fraction(1, 2), Fraction(-3, 4))) > Fraction(1, 2)


# -- monomials ----------------------------------------------------------------------------------------------


@given(st.data(), st.integers(1, 7), st.integers(0, 5))
def test_a_monomial_errs_by_no_more_than_stated_and_stays_in_the_cube(data: st.DataObject, factors: int,
                                                                     levels: int) -> None:
    x = data.draw(st.lists(RATIONAL, min_size=factors, max_size=factors))
    gate, exact = monomial_gate(factors, levels), Fraction(1)
    for v in x:
        exact *= v
    found = value(gate, *x)
    assert abs(found - exact) <= gate.error == Fraction(factors - 1, 4 ** (levels + 1))
    assert abs(found) <= min(abs(v) for v in x)


@given(st.data(), st.integers(1, 9))
def test_a_monomial_of_signs_is_exact(data: st.DataObject, factors: int) -> None:
    x = data.draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=factors, max_size=factors))
    assert value(monomial_gate(factors, 2), *x) == int(np.prod(x))


# -- sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", range(12))
@pytest.mark.parametrize("build", [square_gate, product_gate, polarization_gate])
def test_the_size_of_squares_and_products_is_the_formula(build: object, levels: int) -> None:
    gate = build(levels)  # type: ignore[operator]
    size = gate.network.size
    assert (size.nonzeros, size.units) == (gate.nonzeros, gate.units)
    assert size.depth == levels + (1 if build is square_gate else 2)


@pytest.mark.parametrize("factors", range(1, 18))
@pytest.mark.parametrize("levels", [0, 1, 2, 5])
def test_the_size_of_monomials_is_the_formula(factors: int, levels: int) -> None:
    gate = monomial_gate(factors, levels)
    size = gate.network.size
    assert (size.nonzeros, size.units) == (gate.nonzeros, gate.units)
    assert size.depth == 1 + (factors - 1).bit_length() * (levels + 1)
    if factors & (factors - 1) == 0 and levels >= 2 and factors > 1:
        assert gate.nonzeros == (factors - 1) * (16 * levels - 8) + 28 * factors - 42
        assert gate.units == (factors - 1) * (6 * levels + 2)


@pytest.mark.parametrize("levels", [1, 250])
@pytest.mark.parametrize("magnitude", [2.0**-250, 1.0, 2.0**250])
def test_no_weight_is_lost_at_the_extremes(levels: int, magnitude: float) -> None:
    for build in (product_gate, polarization_gate):
        gate = build(levels, magnitude)
        assert gate.network.size.nonzeros == gate.nonzeros
        assert value(gate, Fraction(magnitude), Fraction(magnitude) / 2) == Fraction(magnitude) ** 2 / 2


# -- bad input ----------------------------------------------------------------------------------------------


def test_bad_arguments_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="square_gate: levels=-1"):
        square_gate(-1)
    with pytest.raises(TypeError, match="square_gate: levels"):
        square_gate(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="levels=251"):
        product_gate(251)
    with pytest.raises(ValueError, match=r"magnitude=3\.0 must be a power of two.*pass 4\.0"):
        product_gate(2, 3.0)
    with pytest.raises(ValueError, match="magnitude"):
        polarization_gate(2, float("nan"))
    with pytest.raises(ValueError, match="factors=0"):
        monomial_gate(0, 2)
