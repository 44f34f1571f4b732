"""Lipschitz constants from both sides: exact where they are known, never beaten by a quotient, wrong claims caught."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import dyadic_network, nudged, random_network

from constructive.blocks import box_bump
from constructive.certificates import slopes
from constructive.certificates.exact import piecewise_1d
from constructive.certificates.lipschitz import _spectral, lipschitz
from constructive.domain import Box
from constructive.network import Network
from constructive.students import Recipe, memorize

NORMS = (math.inf, 2.0, 1.0)
SEEDS = st.integers(0, 2**32 - 1)


def steepest(network: Network, lower: float, upper: float) -> Fraction:
    """Return the exact Lipschitz constant of a one-input network on an interval, from its exact pieces."""
    pieces = piecewise_1d(network, lower, upper)
    return max(abs(c - a) / (t - s) for (s, left), (t, right) in pairwise(zip(pieces.knots, pieces.values, strict=True))
               for a, c in zip(left, right, strict=True))


def constant(d: int, value: float) -> Network:
    return Network.build([(np.zeros((1, d)), [value])])


def lattice_student(d: int, draws: np.random.Generator, recipe: Any = "clip") -> Any:
    """Return a student whose network does exact arithmetic on multiples of 2^-10 in [0, 1]^d."""
    X = np.stack(np.meshgrid(*[np.arange(3) / 4 + 0.125] * d), axis=-1).reshape(-1, d)
    y = draws.choice([-1, 1], len(X))
    y[:2] = (-1, 1)
    teacher = dyadic_network(draws, [d, 4, 1])
    return memorize(X, y, radius=2.0**-5, ramp=2.0**-4, teacher=teacher, recipe=recipe, rng=0)


@settings(max_examples=150)
@given(SEEDS, st.integers(0, 3), st.sampled_from(["few bits", "many bits", "rounded"]))
def test_the_bracket_holds_the_exact_constant_of_a_network_on_a_line(seed: int, hidden: int, weights: str) -> None:
    rng = np.random.default_rng(seed)
    widths = [1, *rng.integers(1, 6, hidden).tolist(), int(rng.integers(1, 3))]
    network = dyadic_network(rng, widths) if weights == "few bits" else random_network(rng, widths)
    if weights == "many bits":  # each weight is exact on a common grid, their products are not
        network = Network.build([(np.round(la.weight.toarray() * 2**30) / 2**30, np.round(la.bias * 2**30) / 2**30)
                                 for la in network.layers])
    found = lipschitz(network, Box([-2.0], [3.0]), norm=float(rng.choice(NORMS)), budget=200, rng=seed)
    assert found.lower <= steepest(network, -2.0, 3.0) <= found.upper


@pytest.mark.parametrize("seed", range(8))
def test_the_bracket_closes_on_a_line(seed: int) -> None:
    network = dyadic_network(np.random.default_rng(seed), [1, 5, 4, 1])
    found = lipschitz(network, Box([-2.0], [3.0]), budget=2000)
    assert found.lower == found.upper == float(steepest(network, -2.0, 3.0))


@pytest.mark.parametrize(("norm", "expected"), [(math.inf, 7.0), (2.0, 5.0), (1.0, 4.0)])
def test_a_linear_map_is_known_exactly(norm: float, expected: float) -> None:
    found = lipschitz(Network.build([([[3.0, -4.0], [1.0, 2.0]], [0.5, 0.0])]), norm=norm, budget=1)
    assert (found.lower, found.upper) == (expected, expected)


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 6), st.integers(1, 4), st.sampled_from(NORMS))
def test_a_linear_map_with_rounded_weights_is_known_up_to_rounding(seed: int, d: int, m: int, norm: float) -> None:
    rows = np.random.default_rng(seed).normal(size=(m, d))
    found = lipschitz(Network.build([(rows, None)]), norm=norm, budget=1)
    sizes = [[abs(Fraction(v)) for v in row] for row in rows.tolist()]
    if norm == 2.0:
        exact = max(sum(v * v for v in row) for row in sizes)
        assert Fraction(found.lower) ** 2 <= exact <= Fraction(found.upper) ** 2
    else:
        exact = max(sum(row) if norm == math.inf else max(row) for row in sizes)
        assert found.lower <= exact <= found.upper
    assert found.upper <= found.lower * (1 + 2.0**-45)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("norm", NORMS)
def test_a_bump_has_the_slope_of_its_ramp(d: int, norm: float) -> None:
    network = box_bump(np.zeros(d), np.ones(d), 0.125).network
    found = lipschitz(network, norm=norm)
    size = {math.inf: d, 2.0: math.sqrt(d), 1.0: 1.0}[norm] * 8.0
    assert found.lower <= size <= found.upper
    assert found.upper <= found.lower * (1 + 2.0**-40)
    if norm != 2.0:
        assert found.lower == found.upper == size


@pytest.mark.parametrize(("norm", "factor"), [(1.0, 1.0), (math.inf, 2.0)])
def test_a_student_is_as_steep_as_the_formula_where_its_teacher_pushes(norm: float, factor: float) -> None:
    X, y = [[0.25, 0.25], [0.75, 0.75], [0.25, 0.75]], [0.5, -0.25, 1.0]
    student = memorize(X, y, radius=0.0625, ramp=0.125, teacher=constant(2, -1.0))
    assert student.bumps.supports_disjoint
    found = lipschitz(student.to_network(), Box.cube(2), norm=norm)
    stated = factor * (1.0 + 1.0) / 0.125  # the teacher says -B, the steepest datum +B
    assert found.lower == found.upper == stated


def test_a_student_of_ten_coordinates_reaches_the_formula_at_a_corner() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 9, (30, 10)) / 8, rng.choice([-1, 1], 30)
    student = memorize(X, y, radius=2.0**-6, ramp=2.0**-5, teacher=constant(10, -1.0), recipe="clip")
    assert student.bumps.supports_disjoint
    assert lipschitz(student.to_network(), norm=math.inf, budget=1).lower == 10 * 2 * 2.0**5


def test_a_formula_with_twice_the_ramp_is_refuted() -> None:
    student = lattice_student(2, np.random.default_rng(1))
    found = lipschitz(student.to_network(), Box.cube(2), norm=1.0)
    assert found.lower > 2.0 / (2 * student.ramp)
    assert found.upper <= 2.0 / student.ramp


@pytest.mark.parametrize("recipe", ["clip", Recipe("merged", faces="needed", merge=True), "argmax"],
                         ids=lambda recipe: getattr(recipe, "name", recipe))
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_quotient_of_a_student_exceeds_the_upper_end(d: int, norm: float, recipe: Any) -> None:
    rng = np.random.default_rng(d)
    student = lattice_student(d, rng, recipe)
    network = student.to_network()
    upper = lipschitz(network, Box.cube(d), norm=norm, budget=1000).upper
    assert largest_excess(network, upper, norm, d, 20_000, rng) <= 0


@pytest.mark.parametrize("norm", NORMS)
def test_no_quotient_of_a_deep_network_exceeds_the_upper_end(norm: float) -> None:
    rng = np.random.default_rng(7)
    network = dyadic_network(rng, [2, 6, 5, 4, 2], bits=2)
    upper = lipschitz(network, Box.cube(2), norm=norm, budget=1000).upper
    assert largest_excess(network, upper, norm, 2, 100_000, rng) <= 0


def largest_excess(network: Network, upper: float, norm: float, d: int, pairs: int, rng: np.random.Generator) -> float:
    """Return the largest |f(x) - f(z)| - L ||x - z|| over random pairs of multiples of 2^-10, near and far.

    The network does exact arithmetic there; a rounded product of two numbers is never below a number that the exact
    product is not below, so that no slack is needed. For l_2 the squares are compared.
    """
    x = rng.integers(0, 1025, (pairs, d))
    step = rng.integers(-(2 ** rng.integers(1, 11, (pairs, 1))), 2 ** rng.integers(1, 11, (pairs, 1)) + 1, (pairs, d))
    a, b = x / 1024, np.clip(x + step, 0, 1024) / 1024
    rise = np.abs(network(a) - network(b)).max(axis=1)
    if norm == 2.0:
        return float((rise**2 - math.nextafter(upper * upper, math.inf) * ((a - b) ** 2).sum(axis=1)).max())
    return float((rise - upper * np.linalg.norm(a - b, ord=norm, axis=1)).max())


def test_the_quotients_come_close_to_the_bound() -> None:
    network, rng = dyadic_network(np.random.default_rng(7), [2, 6, 5, 4, 2], bits=2), np.random.default_rng(3)
    upper = lipschitz(network, Box.cube(2), budget=1000).upper
    assert largest_excess(network, 0.9 * upper, math.inf, 2, 100_000, rng) > 0


def test_a_doubled_weight_breaks_an_old_claim_and_the_new_bracket_says_so() -> None:
    rng, broken = np.random.default_rng(5), 0
    for _ in range(40):
        network = dyadic_network(rng, [1, 4, 3, 1])
        layer = int(rng.integers(3))
        entry = int(rng.integers(network.layers[layer].weight.nnz))
        moved = nudged(network, layer, entry, lambda w: 2 * w)
        box = Box([-2.0], [3.0])
        old, new = lipschitz(network, box, budget=1000), lipschitz(moved, box, budget=1000)
        truth = steepest(moved, -2.0, 3.0)
        assert new.lower <= truth <= new.upper
        assert (new.lower > old.upper) == (truth > old.upper)
        broken += truth > old.upper
    assert broken >= 5


def test_the_whole_space_is_the_default_domain() -> None:
    network = dyadic_network(np.random.default_rng(11), [1, 4, 3, 1])
    far = steepest(network, -(2.0**20), 2.0**20)  # all knots are inside
    found = lipschitz(network)
    assert found.lower <= far <= found.upper


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 3), st.integers(0, 2))
def test_a_segment_has_the_constant_of_the_network_restricted_to_it(seed: int, d: int, free: int) -> None:
    rng = np.random.default_rng(seed)
    network, axis = dyadic_network(rng, [d, 5, 4, 2]), free % d
    start = rng.integers(-8, 9, d) / 8
    lower, upper = start.copy(), start.copy()
    lower[axis], upper[axis] = -2.0, 3.0
    found = lipschitz(network, Box(lower, upper), norm=float(rng.choice(NORMS)), budget=300)
    place = np.where(np.arange(d) == axis, 0.0, start)
    line = network @ Network.build([(np.eye(d)[:, [axis]], place)])
    assert found.lower <= steepest(line, -2.0, 3.0) <= found.upper


def test_coordinates_with_equal_ends_do_not_count() -> None:
    network = Network.build([([[3.0, -4.0]], None)])
    found = lipschitz(network, Box([0.0, 0.5], [1.0, 0.5]))
    assert (found.lower, found.upper) == (3.0, 3.0)
    assert lipschitz(network, Box([0.5, 0.5], [0.5, 0.5])).upper == 0.0


def test_the_steepest_output_counts() -> None:
    network = Network.build([([[1.0], [0.5]], None), ([[1.0, 0.0], [0.0, 8.0]], None)])
    found = lipschitz(network)
    assert (found.lower, found.upper) == (4.0, 4.0)


def test_a_kink_proves_no_slope_but_a_point_beside_it_does() -> None:
    hat = Network.build([([[1.0]], None), ([[2.0]], None)])
    proved = slopes.Slopes.of(hat, math.inf, np.array([True])).least(np.array([[0.0], [2.0**-40], [-1.0]]))
    assert proved.tolist() == [0.0, 2.0, 0.0]


def test_single_precision_weights_are_taken_as_they_are() -> None:
    network = random_network(np.random.default_rng(2), [2, 5, 1]).astype(np.float32)
    single, double = lipschitz(network, Box.cube(2)), lipschitz(network.astype(np.float64), Box.cube(2))
    assert (single.lower, single.upper) == (double.lower, double.upper)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (40, 64), (64, 40), (3, 600), (600, 700)])
def test_the_spectral_norm_is_bounded_closely(shape: tuple[int, int]) -> None:
    from scipy import sparse
    matrix = np.random.default_rng(shape[0]).normal(size=shape)
    largest, bound = float(np.linalg.norm(matrix, 2)), _spectral(sparse.csr_array(matrix))
    assert largest * (1 - 1e-10) <= bound  # numpy's own value is rounded
    if min(shape) <= 512:
        assert bound <= 1.01 * largest


def test_a_trained_size_network_in_many_dimensions_has_a_finite_bracket() -> None:
    rng = np.random.default_rng(4)
    network = Network.build([(rng.normal(size=(24, 64)) / 8, None), (rng.normal(size=(1, 24)), None)])
    found = lipschitz(network, Box.cube(64), norm=2.0, budget=64)
    product = np.linalg.norm(network.layers[0].weight.toarray(), 2) * np.linalg.norm(network.layers[1].weight.toarray())
    assert 0 < found.lower < found.upper <= product * (1 + 1e-2)


def test_points_given_are_tried() -> None:
    # one narrow hat in a corner of many dimensions: drawn points miss it, and it is no bump of the first two layers
    weight = np.zeros((2, 40))
    weight[:, 0] = 1.0
    network = Network.build([(weight, [-0.5, -0.5 - 2.0**-20]), ([[64.0, -64.0]], None)])
    point = np.full((1, 40), 0.5)
    point[0, 0] = 0.5 + 2.0**-21
    blind, told = (lipschitz(network, Box.cube(40), budget=1, points=points) for points in (None, point))
    assert blind.lower == 0.0
    assert told.lower == told.upper == 64.0


def test_points_outside_are_refused() -> None:
    with pytest.raises(ValueError, match=r"points\[0\].*outside"):
        lipschitz(constant(1, 0.0), Box.cube(1), points=[[2.0]])


def test_a_box_of_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="coordinates"):
        lipschitz(constant(2, 0.0), Box.cube(3))
