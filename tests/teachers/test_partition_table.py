"""Glued Taylor pieces before there is a network: the identities and the constants, against rational arithmetic."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.targets import Target, cosine_product, gaussian_bump, kink, polynomial
from constructive.teachers import taylor_bound
from constructive.teachers.partition_bound import moment_constant
from constructive.teachers.partition_table import (
    Grid,
    evaluate_table,
    into_features,
    node_coefficients,
    piece_degree,
)

Terms = dict[tuple[int, ...], Fraction]
Damping = Callable[[int], Fraction]


def derived(terms: Terms, alpha: tuple[int, ...], x: list[Fraction]) -> Fraction:
    """Return the derivative of a polynomial at a rational point."""
    total = Fraction(0)
    for beta, c in terms.items():
        if all(b >= a for a, b in zip(alpha, beta, strict=True)):
            total += c * math.prod(math.perm(b, a) * v ** (b - a) for a, b, v in zip(alpha, beta, x, strict=True))
    return total


def glued(terms: Terms, degree: int, damping: Damping, cells: int, x: list[Fraction]) -> Fraction:
    """Return the sum over nodes of hats times damped Taylor pieces, straight from its definition."""
    d, total = len(x), Fraction(0)
    alphas = [a for a in itertools.product(range(degree + 1), repeat=d) if sum(a) <= degree]
    for node in itertools.product(range(cells + 1), repeat=d):
        hat = math.prod((max(1 - abs(cells * v - k), Fraction(0)) for v, k in zip(x, node, strict=True)),
                        start=Fraction(1))
        if hat == 0:
            continue
        place = [Fraction(k, cells) for k in node]
        for alpha in alphas:
            power = math.prod(((v - p) ** a / math.factorial(a) for v, p, a in zip(x, place, alpha, strict=True)),
                              start=Fraction(1))
            total += hat * damping(sum(alpha)) * derived(terms, alpha, place) * power
    return total


def factors(order: int, pieces: str) -> Damping:
    if pieces == "full" or order == 1:
        return lambda total: Fraction(1)
    return lambda total: 1 - Fraction(total, order - 1)


@st.composite
def polynomials(draw: st.DrawFn, degree: int, dimension: int) -> Terms:
    powers = [a for a in itertools.product(range(degree + 1), repeat=dimension) if sum(a) <= degree]
    chosen = draw(st.lists(st.sampled_from(powers), min_size=1, max_size=4, unique=True))
    return {a: Fraction(draw(st.integers(-8, 8).filter(bool)), 4) for a in chosen}


def tabled(target: Target, order: int, cells: int, pieces: str) -> tuple[np.ndarray, Grid]:
    grid = Grid(cells, target.dimension, piece_degree(order, pieces))
    return into_features(node_coefficients(target, grid, pieces), grid), grid


# -- identities --------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.data(), st.integers(1, 5), st.integers(1, 2), st.integers(1, 4), st.sampled_from(["modified", "full"]))
def test_polynomials_below_the_order_are_reproduced_exactly(data: st.DataObject, order: int, dimension: int,
                                                            cells: int, pieces: str) -> None:
    terms = data.draw(polynomials(order - 1, dimension))
    x = [Fraction(data.draw(st.integers(0, 24)), 24) for _ in range(dimension)]
    assert glued(terms, piece_degree(order, pieces), factors(order, pieces), cells, x) == derived(
        terms, (0,) * dimension, x)


def test_the_same_pieces_without_damping_do_not_reproduce_them() -> None:
    square, x = {(2,): Fraction(1)}, [Fraction(1, 8)]
    assert glued(square, 1, factors(3, "modified"), 4, x) == Fraction(1, 64)
    assert glued(square, 1, lambda total: Fraction(1), 4, x) != Fraction(1, 64)


@settings(max_examples=40)
@given(st.data(), st.integers(1, 6), st.integers(1, 3), st.integers(1, 5), st.sampled_from(["modified", "full"]))
def test_the_table_holds_the_glued_pieces(data: st.DataObject, order: int, dimension: int, cells: int,
                                          pieces: str) -> None:
    terms = data.draw(polynomials(4, dimension))
    target = polynomial({alpha: float(c) for alpha, c in terms.items()})
    table, grid = tabled(target, order, cells, pieces)
    x = [Fraction(data.draw(st.integers(0, 64)), 64) for _ in range(dimension)]
    truth = glued(terms, grid.degree, factors(order, pieces), cells, x)
    value = evaluate_table(table, grid, np.array([[float(v) for v in x]]))[0]
    size = sum(abs(c) for c in terms.values()) * 4**4
    assert abs(Fraction(float(value)) - truth) <= size * Fraction(256, 2**53)


def test_bubbles_on_odd_cells_run_backward() -> None:
    # x^3 needs a bubble of degree 2 on both cells; exchanged between the cells it runs the wrong way
    table, grid = tabled(polynomial({(3,): 1.0}), 5, 2, "modified")
    exchanged = table.copy()
    exchanged[grid.span(2)] = table[grid.span(2)][::-1]
    x = np.linspace(0, 1, 33)[:, None]
    assert np.abs(evaluate_table(table, grid, x) - x[:, 0] ** 3).max() < 1e-14
    assert np.abs(evaluate_table(exchanged, grid, x) - x[:, 0] ** 3).max() > 1e-3


def test_coefficients_of_high_total_degree_are_zero() -> None:
    table, grid = tabled(cosine_product([5.0, 4.0, 3.0]), 4, 2, "modified")
    inside = sum(table[tuple(grid.span(p) for p in degrees)].size for degrees in grid.degrees(3))
    assert np.count_nonzero(table) <= inside == grid.coefficients
    assert grid.coefficients <= 3**3 * math.comb(3 + 2, 3)


def test_outside_the_cube_the_nearest_point_counts() -> None:
    table, grid = tabled(cosine_product([5.0, 4.0]), 4, 3, "modified")
    outside = np.array([[-0.5, 0.3], [1.25, -3.0], [0.5, 1.0 + 2.0**-40]])
    assert np.array_equal(evaluate_table(table, grid, outside), evaluate_table(table, grid, np.clip(outside, 0, 1)))


# -- constants ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "truth"), [(1, 2), (2, 4), (3, 8), (4, 12)])
def test_the_moment_constant_is_an_upper_bound_and_sharp(order: int, truth: int) -> None:
    found = Fraction(moment_constant(order))
    assert Fraction(1, truth) <= found <= Fraction(1, truth) * (1 + Fraction(1, 2**40))


@pytest.mark.parametrize("order", [5, 6, 7, 9, 12, 20])
def test_the_moment_constant_bounds_its_values_and_is_nearly_one_of_them(order: int) -> None:
    found = Fraction(moment_constant(order))
    values = [(1 - s) * s**order + s * (1 - s) ** order for s in (Fraction(i, 1024) for i in range(513))]
    # the second derivative is at most 2 r (r + 1), so that a grid of step 2^-10 misses the maximum by this at most
    assert max(values) <= found <= max(values) + Fraction(2 * order * (order + 1), 2 * 2**20)


def worst(order: int) -> tuple[Target, float]:
    """Return the extremal function of an order in one dimension with F_r = 1, and the place where it is worst."""
    s = np.linspace(0, 0.5, 2**20 + 1)
    place = float(s[np.argmax((1 - s) * s**order + s * (1 - s) ** order)])
    target = polynomial({(order,): 1 / math.factorial(order)}) if order % 2 == 0 else kink([place], order)
    return target, place


@pytest.mark.parametrize("pieces", ["modified", "full"])
@pytest.mark.parametrize("order", [2, 3, 4, 5, 6, 7])
def test_the_constant_is_attained_in_one_dimension(order: int, pieces: str) -> None:
    target, place = worst(order)
    table, grid = tabled(target, order, 1, pieces)
    gap = abs(float(evaluate_table(table, grid, np.array([[place]]))[0]) - float(target([place])))
    stated = taylor_bound(target, order, 1, pieces)
    assert gap <= stated + 2.0**-45
    assert gap >= stated * (1 - 1e-9) - 2.0**-45


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_bound_of_full_pieces_is_larger_by_the_stated_factor(order: int) -> None:
    target = cosine_product([3.0, 2.0])
    assert taylor_bound(target, order, 4, "full") == pytest.approx(
        (order - 1) * taylor_bound(target, order, 4), rel=2.0**-50)


@pytest.mark.parametrize("cells", [4, 8, 16])
@pytest.mark.parametrize("order", [3, 4])
@pytest.mark.parametrize("target", [cosine_product([5.0], [0.3]), gaussian_bump([0.4, 0.6], 0.25),
                                    cosine_product([5.0, 4.0], [0.3, 0.4])], ids=["cosine", "bump", "cosines"])
def test_modified_pieces_have_fewer_coefficients_and_a_smaller_error(target: Target, order: int, cells: int) -> None:
    axis = np.linspace(0, 1, 16 * cells + 1)
    x = np.stack(np.meshgrid(*[axis] * target.dimension, indexing="ij"), axis=-1).reshape(-1, target.dimension)
    errors, counts = {}, {}
    for pieces in ("modified", "full"):
        table, grid = tabled(target, order, cells, pieces)
        errors[pieces] = np.abs(evaluate_table(table, grid, x) - target(x)).max()
        counts[pieces] = grid.coefficients
        assert errors[pieces] <= taylor_bound(target, order, cells, pieces)
    assert counts["modified"] < counts["full"]
    assert errors["modified"] <= 0.6 * errors["full"]
