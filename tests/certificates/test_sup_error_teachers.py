"""Sup errors of constructed networks: exact suprema inside, stated bounds decided, moved weights followed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import dyadic_network, nudged

from constructive.blocks import product_gate
from constructive.calculus import affine
from constructive.certificates import univariate
from constructive.certificates.exact import piecewise_1d
from constructive.certificates.sup_error import sup_error
from constructive.domain import Box, Region
from constructive.evidence import Evidence
from constructive.network import Network
from constructive.targets import Target, cosine_product, gaussian_bump, polynomial
from constructive.teachers import Teacher, taylor_cells, taylor_partition

SQUARE = polynomial({(2,): 1.0, (1,): -0.5})


def parabola(x: Fraction) -> Fraction:
    return x * x - x / 2


def exact_sup(network: Network, intervals: list[tuple[float, float]]) -> Fraction:
    """Return sup |network - (x^2 - x / 2)| over the intervals, in rational arithmetic."""
    worst = Fraction(0)
    for low, high in intervals:
        pieces = piecewise_1d(network, low, high)
        for a, b, (u,), (v,) in zip(pieces.knots, pieces.knots[1:], pieces.values, pieces.values[1:], strict=False):
            slope = (v - u) / (b - a)
            turn = (slope + Fraction(1, 2)) / 2
            for x in [a, b] + ([turn] if a < turn < b else []):
                worst = max(worst, abs(u + slope * (x - a) - parabola(x)))
    return worst


def stated(teacher: Teacher) -> float:
    assert teacher.error is not None
    return teacher.error.upper


# -- one dimension, exactly ----------------------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_in_one_dimension_the_exact_sup_of_a_random_network_is_inside(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    network = dyadic_network(rng, [1, *[5] * depth, 1])
    bracket = sup_error(network, SQUARE, relative=0.001, absolute=2.0**-20)
    assert Fraction(bracket.lower) <= exact_sup(network, [(0.0, 1.0)]) <= Fraction(bracket.upper)
    assert bracket.width <= max(0.001 * bracket.upper, 2.0**-20)


@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_on_a_region_the_bands_do_not_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = dyadic_network(rng, [1, 6, 6, 1])
    cuts = np.sort(rng.integers(0, 65, 4)) / 64
    region = Region(Box.cube(1), (Box(cuts[:1], cuts[1:2]), Box(cuts[2:3], cuts[3:])))
    parts = [(a, b) for a, b in ((0.0, cuts[0]), (cuts[1], cuts[2]), (cuts[3], 1.0)) if a < b]
    bracket = sup_error(network, SQUARE, region, relative=0.001, absolute=2.0**-20)
    if parts:
        exact = max([exact_sup(network, parts), *[abs(network.exact([x])[0] - parabola(Fraction(x))) for x in cuts]])
        assert Fraction(bracket.lower) <= exact <= Fraction(bracket.upper)
        assert bracket.width <= max(0.001 * bracket.upper, 2.0**-20)


@pytest.mark.parametrize(("cells", "levels"), [(64, 1), (8, 4)])
def test_the_sup_of_a_partition_teacher_is_inside_a_narrow_bracket(cells: int, levels: int) -> None:
    network = taylor_partition(SQUARE, order=3, cells=cells, levels=levels).to_network()
    bracket = sup_error(network, SQUARE, relative=0.001)
    assert Fraction(bracket.lower) <= exact_sup(network, [(0.0, 1.0)]) <= Fraction(bracket.upper)
    assert bracket.width <= 0.001 * bracket.upper


@pytest.mark.parametrize("cells", [8, 16])
def test_the_sup_of_a_cell_teacher_off_its_bands_is_inside_a_narrow_bracket(cells: int) -> None:
    teacher = taylor_cells(SQUARE, order=2, cells=cells)
    network, region = teacher.to_network(), teacher.region
    assert region is not None
    ends = sorted((float(band.lower[0]), float(band.upper[0])) for band in region.bands)
    parts = list(zip([0.0, *[b for _, b in ends]], [*[a for a, _ in ends], 1.0], strict=True))
    bracket = sup_error(network, SQUARE, region, relative=0.001)
    assert Fraction(bracket.lower) <= exact_sup(network, parts) <= Fraction(bracket.upper)
    assert bracket.width <= 0.001 * bracket.upper


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_a_weight_moved_anywhere_is_followed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = taylor_partition(SQUARE, order=3, cells=4, levels=3).to_network()
    layer = int(rng.integers(network.depth))
    entry = int(rng.integers(network.layers[layer].weight.nnz))
    moved = nudged(network, layer, entry, lambda w: w * (1 + float(rng.normal()) * 2.0 ** -int(rng.integers(0, 20))))
    bracket = sup_error(moved, SQUARE, relative=0.01)
    assert Fraction(bracket.lower) <= exact_sup(moved, [(0.0, 1.0)]) <= Fraction(bracket.upper)
    assert bracket.width <= 0.01 * bracket.upper


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_wrong_hints_leave_the_bracket_true(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = taylor_partition(SQUARE, order=3, cells=4, levels=3).to_network()
    true = univariate.zeros
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(univariate, "zeros", lambda t, v, s: true(t, v, s) + rng.normal() * 2.0**-10 * (t[-1] - t[0]))
        bracket = sup_error(network, SQUARE, relative=0.01, budget=20_000)
    assert Fraction(bracket.lower) <= exact_sup(network, [(0.0, 1.0)]) <= Fraction(bracket.upper)


@pytest.mark.parametrize(("order", "cells"), [(1, 64), (2, 64), (3, 16), (4, 16)])
@pytest.mark.parametrize("target", [cosine_product([6.0]), gaussian_bump([0.5], 0.2)], ids=["cosine", "bump"])
def test_cell_teachers_attain_nine_tenths_of_their_stated_error(target: Target, order: int, cells: int) -> None:
    teacher = taylor_cells(target, order=order, cells=cells)
    bracket = sup_error(teacher.to_network(), target, teacher.region, relative=1e-4, limit=None)
    assert bracket.lower / stated(teacher) >= 0.9
    assert bracket.upper / stated(teacher) <= 1.0


# -- several dimensions --------------------------------------------------------------------------------------------


@settings(max_examples=6)
@given(st.integers(0, 2**32))
def test_sums_of_functions_of_one_coordinate_have_a_known_sup(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [dyadic_network(rng, [1, 4, 4, 1]) for _ in range(2)]
    network = parts[0] @ affine([[1.0, 0.0]]) + parts[1] @ affine([[0.0, 1.0]])
    ends = []
    for part in parts:
        pieces = piecewise_1d(part, 0, 1)
        values = []
        for a, b, (u,), (v,) in zip(pieces.knots, pieces.knots[1:], pieces.values, pieces.values[1:], strict=False):
            slope = (v - u) / (b - a)
            turn = (slope + Fraction(1, 2)) / 2
            values += [u + slope * (x - a) - parabola(x) for x in [a, b] + ([turn] if a < turn < b else [])]
        ends.append((min(values), max(values)))
    exact = max(ends[0][1] + ends[1][1], -ends[0][0] - ends[1][0])
    target = polynomial({(2, 0): 1.0, (1, 0): -0.5, (0, 2): 1.0, (0, 1): -0.5})
    bracket = sup_error(network, target, relative=0.02, absolute=2.0**-10)
    assert Fraction(bracket.lower) <= exact <= Fraction(bracket.upper)
    assert bracket.width <= max(0.02 * bracket.upper, 2.0**-10)


@pytest.mark.parametrize("levels", [1, 3, 5])
def test_the_known_error_of_a_product_gate_is_inside(levels: int) -> None:
    network, product = product_gate(levels, 1.0).network, polynomial({(1, 1): 1.0})
    bracket = sup_error(network, product, relative=0.02, absolute=2.0**-20)
    assert bracket.lower <= 4.0 ** -(levels + 1) <= bracket.upper
    assert bracket.width <= max(0.02 * bracket.upper, 2.0**-20)


@pytest.mark.parametrize(("dimension", "order", "cells"), [(2, 1, 8), (2, 2, 8), (2, 3, 8), (2, 4, 4), (3, 2, 4)])
def test_partition_teachers_in_the_plane_and_in_space_keep_their_stated_error(dimension: int, order: int,
                                                                              cells: int) -> None:
    target = cosine_product([3.0, 2.0, 2.5][:dimension])
    teacher = taylor_partition(target, order=order, cells=cells)
    bracket = sup_error(teacher.to_network(), target, limit=stated(teacher), budget=20_000)
    assert bracket.upper <= stated(teacher)


@pytest.mark.parametrize(("dimension", "order", "cells"), [(2, 1, 8), (2, 3, 8), (2, 4, 4), (3, 3, 4), (3, 4, 4)])
def test_cell_teachers_in_the_plane_and_in_space_keep_their_stated_error_off_bands(dimension: int, order: int,
                                                                                   cells: int) -> None:
    target = cosine_product([3.0, 2.0, 2.5][:dimension])
    teacher = taylor_cells(target, order=order, cells=cells)
    bracket = sup_error(teacher.to_network(), target, teacher.region, limit=stated(teacher), budget=20_000)
    assert bracket.upper <= stated(teacher)


def test_on_its_bands_a_cell_teacher_is_refuted() -> None:
    target = cosine_product([3.0, 2.0])
    teacher = taylor_cells(target, order=3, cells=8)
    assert sup_error(teacher.to_network(), target, limit=10 * stated(teacher)).lower > 10 * stated(teacher)


def test_a_plane_teacher_with_a_narrow_bracket_holds_every_exact_point() -> None:
    target = polynomial({(2, 0): 1.0, (1, 1): -0.75, (0, 2): 0.5, (3, 0): 0.25})
    teacher = taylor_partition(target, order=2, cells=8)
    network = teacher.to_network()
    bracket = sup_error(network, target)
    assert bracket.width <= 0.05 * bracket.upper
    rng = np.random.default_rng(5)
    for k in rng.integers(0, 1025, (100, 2)):
        x, y = Fraction(int(k[0]), 1024), Fraction(int(k[1]), 1024)
        value = x * x - x * y * 3 / 4 + y * y / 2 + x**3 / 4
        assert abs(network.exact([x, y])[0] - value) <= Fraction(bracket.upper)


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_a_moved_weight_of_a_plane_teacher_is_followed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = polynomial({(2, 0): 1.0, (1, 1): -0.75})
    network = taylor_partition(target, order=2, cells=4).to_network()
    layer = int(rng.integers(network.depth))
    entry = int(rng.integers(network.layers[layer].weight.nnz))
    moved = nudged(network, layer, entry, lambda w: w * (1 + float(rng.normal()) / 4))
    bracket = sup_error(moved, target, relative=0.2, budget=4000)
    for k in rng.integers(0, 65, (40, 2)):
        x, y = Fraction(int(k[0]), 64), Fraction(int(k[1]), 64)
        assert abs(moved.exact([x, y])[0] - x * x + x * y * 3 / 4) <= Fraction(bracket.upper)


def test_a_teacher_moved_beyond_its_stated_error_is_refuted() -> None:
    target = cosine_product([3.0, 2.0])
    teacher = taylor_partition(target, order=2, cells=8)
    moved = teacher.to_network() + Network.build([(np.zeros((1, 2)), [2.5 * stated(teacher)])])
    assert sup_error(moved, target, limit=stated(teacher)).lower > stated(teacher)


def test_single_precision_weights_have_their_own_sup() -> None:
    network = taylor_partition(SQUARE, order=2, cells=8).to_network().astype(np.float32)
    bracket = sup_error(network, SQUARE, relative=0.001)
    assert Fraction(bracket.lower) <= exact_sup(network, [(0.0, 1.0)]) <= Fraction(bracket.upper)


# -- domains and targets -------------------------------------------------------------------------------------------


def test_boxes_are_a_domain_and_may_overlap() -> None:
    zero = Network.build([(np.zeros((1, 2)), None)])
    target = polynomial({(1, 0): 1.0, (0, 1): 1.0})
    boxes = [Box([0.0, 0.0], [0.5, 0.5]), Box([0.25, 0.25], [0.75, 0.5])]
    bracket = sup_error(zero, target, boxes, relative=0.01)
    assert bracket.lower <= 1.25 <= bracket.upper
    assert bracket.width <= 0.0125


def test_a_flat_band_removes_nothing() -> None:
    zero = Network.build([(np.zeros((1, 1)), None)])
    region = Region(Box.cube(1), (Box([1.0], [1.0]), Box([0.5], [0.5])))
    assert 0.5 in sup_error(zero, SQUARE, region, relative=0.001)


def test_what_rests_on_samples_is_sampled() -> None:
    line = Network.build([([[1.0]], None)])
    guessed = replace(SQUARE, evidence=Evidence.SAMPLED)
    assert sup_error(line, guessed).evidence is Evidence.SAMPLED
    assert sup_error(line, SQUARE).evidence is Evidence.ENCLOSED


@pytest.mark.parametrize("dimension", [1, 2])
def test_targets_that_are_not_finite_are_refused(dimension: int) -> None:
    zero = Network.build([(np.zeros((1, dimension)), None)])
    target = polynomial({(2, *[0] * (dimension - 1)): 1.0})
    pole = replace(target, values=lambda X: 1 / np.where(X[:, 0] == 0.0, 0.0, 1.0) if dimension == 1
                   else np.full(X.shape[0], np.inf))
    with pytest.raises(ValueError, match="finite"):
        sup_error(zero, pole)
    unbounded = replace(target, bound=lambda r: np.inf)
    with pytest.raises(ValueError, match="no finite bound"):
        sup_error(zero, unbounded)


@pytest.mark.parametrize("dimension", [1, 2])
def test_targets_that_deny_their_slope_are_found(dimension: int) -> None:
    liar = replace(cosine_product([6.0] * dimension), bound=lambda r: 0.0, rounding=0.0, noise=lambda r: 0.0,
                   derivative=lambda alpha, X: np.zeros(X.shape[0]))
    zero = Network.build([(np.zeros((1, dimension)), None)])
    with pytest.raises(ValueError, match="contradict"):
        sup_error(zero, liar)


def test_targets_of_low_order_are_bounded_with_what_they_have() -> None:
    rough = replace(cosine_product([3.0, 2.0]), order=1)
    zero = Network.build([(np.zeros((1, 2)), None)])
    bracket = sup_error(zero, rough)
    assert bracket.lower <= 1.0 <= bracket.upper
    assert bracket.width <= 0.05 * bracket.upper


def test_domains_that_are_none_are_refused() -> None:
    line = Network.build([([[1.0]], None)])
    with pytest.raises(ValueError, match="domain"):
        sup_error(line, SQUARE, [])
    with pytest.raises(ValueError, match="leave nothing"):
        sup_error(line, SQUARE, Region(Box([0.25], [0.5]), (Box([0.0], [1.0]),)))
    with pytest.raises(TypeError, match="Box"):
        sup_error(line, SQUARE, [(0.0, 1.0)])


def test_a_network_beyond_the_range_of_doubles_is_refused() -> None:
    huge = Network.build([([[1e200]], [-1e199]), ([[1e200]], None), ([[1.0]], None)])
    with pytest.raises(ValueError, match="rescale"):
        sup_error(huge, SQUARE)


def test_an_unbounded_domain_is_refused() -> None:
    line = Network.build([([[1.0]], None)])
    with pytest.raises(ValueError, match="bounded"):
        sup_error(line, SQUARE, Box([0.0], [np.inf]))
