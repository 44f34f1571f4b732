"""The partition teacher as a network: stated errors proved and nearly reached, exact where theory says so."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from constructive.certificates.sup_error import sup_error
from constructive.domain import Box
from constructive.evidence import Evidence
from constructive.network import Layer, Network
from constructive.targets import Target, cosine_product, gaussian_bump, kink, polynomial, runge
from constructive.teachers import Teacher, taylor_bound, taylor_partition
from constructive.teachers.partition import partition_table
from constructive.teachers.partition_gates import follow_folds
from constructive.teachers.partition_layout import partition_network
from constructive.teachers.partition_table import Grid, evaluate_table, piece_degree

COSINES = cosine_product([5.0, 4.0], [-0.5, 0.4])
ROUGH = [5.0, 4.0, 3.0, 2.0], [0.3, 0.4, 0.1, 0.2]


def cosines(d: int) -> Target:
    return cosine_product(ROUGH[0][:d], ROUGH[1][:d])


def parts(target: Target, order: int, cells: int, levels: int) -> tuple[Network, np.ndarray, Grid, float]:
    """Return the network, its table and grid, and the stated error of the gates."""
    grid = Grid(cells, target.dimension, piece_degree(order, "modified"))
    table, _ = partition_table(target, grid, "modified")
    folds = follow_folds(table, grid, levels)
    return partition_network(table, grid, levels, folds.scales), table, grid, folds.error


def certified(teacher: Teacher) -> bool:
    """Return whether the sup error is proved to be at most the stated one."""
    found = sup_error(teacher.to_network(), teacher.target, limit=teacher.error.upper, budget=60_000)
    return found.evidence is not Evidence.SAMPLED and found.upper <= teacher.error.upper


# -- the stated error ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("target", [
    cosine_product([3.0, 2.0], [0.2, 0.1]), gaussian_bump([0.4, 0.6], 0.5), polynomial({(4, 0): 1.0, (1, 2): -2.0}),
], ids=["cosines", "bump", "polynomial"])
def test_the_stated_error_is_certified_in_two_dimensions(order: int, target: Target) -> None:
    assert certified(taylor_partition(target, order=order, cells=4))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("target", [cosine_product([6.0]), polynomial({(6,): 1.0}), gaussian_bump([0.4], 0.3),
                                    runge([0.5], 4.0)], ids=["cosine", "power", "bump", "runge"])
def test_the_stated_error_is_certified_in_one_dimension(order: int, target: Target) -> None:
    assert certified(taylor_partition(target, order=order, cells=4))


@pytest.mark.parametrize("cells", [4, 8, 16])
def test_piecewise_linear_teachers_reach_most_of_their_stated_error(cells: int) -> None:
    target = cosine_product([3.0])
    teacher = taylor_partition(target, order=2, cells=cells)
    found = sup_error(teacher.to_network(), target, relative=0.02)
    assert 0.5 * teacher.error.upper <= found.lower
    assert found.upper <= teacher.error.upper


@pytest.mark.parametrize(("order", "share"), [(3, 0.7), (4, 0.9), (5, 0.9)])
def test_higher_orders_reach_most_of_their_stated_error_too(order: int, share: float) -> None:
    target = cosine_product([5.0], [0.3])
    teacher = taylor_partition(target, order=order, cells=16)
    found = sup_error(teacher.to_network(), target, relative=0.05)
    assert share * teacher.error.upper <= found.lower
    assert found.upper <= teacher.error.upper


def better_by(share: float, target: Target, order: int, cells: int) -> bool:
    """Return whether modified pieces are proved to err at most by a share of what full pieces err somewhere."""
    modified, full = (taylor_partition(target, order=order, cells=cells, levels=9, pieces=pieces).to_network()
                      for pieces in ("modified", "full"))
    limit = share * sup_error(full, target, relative=0.3, budget=2000).lower
    return sup_error(modified, target, limit=limit).upper <= limit


@pytest.mark.parametrize("cells", [4, 8, 16])
@pytest.mark.parametrize("order", [3, 4])
def test_modified_pieces_are_proved_better_than_full_ones(order: int, cells: int) -> None:
    assert better_by(0.6, cosine_product([5.0], [0.3]), order, cells)


@pytest.mark.parametrize("order", [3, 4])
def test_modified_pieces_are_proved_better_than_full_ones_in_two_dimensions(order: int) -> None:
    assert better_by(0.6, cosine_product([5.0, 4.0], [0.3, 0.4]), order, 4)


def test_three_dimensions_stay_within_the_stated_error_at_rational_points() -> None:
    target = polynomial({(1, 1, 1): 2.0, (2, 0, 1): -1.0, (0, 0, 3): 0.5})
    teacher = taylor_partition(target, order=3, cells=2)
    network, rng = teacher.to_network(), np.random.default_rng(0)
    for _ in range(12):
        x = [Fraction(int(v), 4096) for v in rng.integers(0, 4097, 3)]
        truth = 2 * x[0] * x[1] * x[2] - x[0] ** 2 * x[2] + x[2] ** 3 / 2
        assert abs(network.exact(x)[0] - truth) <= Fraction(teacher.error.upper)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_polynomials_below_the_order_are_reproduced_up_to_gates(order: int) -> None:
    powers = [alpha for alpha in itertools.product(range(order), repeat=2) if sum(alpha) < order]
    target = polynomial({alpha: 0.5 + 0.25 * i for i, alpha in enumerate(powers)})
    assert target.bound(order) == 0.0
    x = target.box.sample(400, np.random.default_rng(1))
    for levels in (2, 6, 12):
        teacher = taylor_partition(target, order=order, cells=4, levels=levels)
        assert np.abs(teacher.to_network()(x)[:, 0] - target(x)).max() <= teacher.error.upper
        assert teacher.error.upper <= 16 * 8 * 4.0 ** -(levels + 1) + 1e-11


@pytest.mark.parametrize(("d", "order"), [(1, 1), (1, 3), (1, 4), (1, 6), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5),
                                          (3, 2), (3, 3), (3, 4), (4, 2), (4, 3)])
def test_network_and_structured_evaluation_agree_within_the_gates(d: int, order: int) -> None:
    target = cosines(d)
    x = target.box.sample(400, np.random.default_rng(2))
    for cells, levels in ((1, 3), (2, 1), (3, 4), (3, 10)):
        network, table, grid, stated = parts(target, order, cells, levels)
        # rounding: a few hundred operations on values below 8
        assert np.abs(network(x)[:, 0] - evaluate_table(table, grid, x)).max() <= stated + 1e-11


@pytest.mark.parametrize(("d", "order"), [(1, 3), (1, 5), (2, 2), (2, 3), (2, 4), (3, 2)])
def test_gates_reach_a_good_part_of_their_stated_error(d: int, order: int) -> None:
    # a bound a hundred times too large would make the other tests empty
    x = cosines(d).box.sample(20_000, np.random.default_rng(3))
    network, table, grid, stated = parts(cosines(d), order, 4, 3)
    assert np.abs(network(x)[:, 0] - evaluate_table(table, grid, x)).max() >= stated / 4


@pytest.mark.parametrize("order", [2, 3, 5])
def test_gate_errors_fall_by_four_with_each_level(order: int) -> None:
    _, table, grid, _ = parts(COSINES, order, 4, 1)
    errors = [follow_folds(table, grid, m).error for m in (10, 11, 12)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=1e-3)
    assert errors[1] / errors[2] == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_nodes_are_interpolated_exactly(order: int) -> None:
    # dyadic cells: hats are 0 or 1 and bubbles 0 at the nodes, and a gate with factor 0 or 1 is exact
    network = taylor_partition(COSINES, order=order, cells=4).to_network()
    for node in itertools.product(range(5), repeat=2):
        x = [Fraction(k, 4) for k in node]
        assert network.exact(x)[0] == Fraction(float(COSINES([float(v) for v in x])))


def test_errors_fall_with_the_stated_order() -> None:
    for order in (1, 2, 3, 4):
        few, many = (taylor_partition(COSINES, order=order, cells=k).error.upper for k in (8, 32))
        assert few / many == pytest.approx(4.0**order, rel=0.1)


def test_the_statement_names_the_parts_of_the_error() -> None:
    teacher = taylor_partition(COSINES, order=3, cells=4)
    for word in ("order 3", "4^2 cells", "construction", "gates", "representation", "evaluation"):
        assert word in teacher.statement


# -- cells from a tolerance ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "tolerance"), [(2, 0.3), (3, 0.05), (3, 0.01), (4, 1e-3), (5, 1e-3)])
def test_a_tolerance_is_met_with_the_fewest_cells(order: int, tolerance: float) -> None:
    teacher = taylor_partition(COSINES, order=order, tolerance=tolerance)
    assert teacher.error.upper <= tolerance
    x = COSINES.box.sample(3000, np.random.default_rng(5))
    assert np.abs(teacher.to_network()(x)[:, 0] - COSINES(x)).max() <= tolerance
    cells = next(k for k in itertools.count(1) if taylor_bound(COSINES, order, k) <= tolerance * 31 / 32)
    assert f"{cells}^2 cells" in teacher.statement
    if cells > 1:
        assert taylor_bound(COSINES, order, cells - 1) > tolerance * 31 / 32


# -- negative controls ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_wrong_coefficient_is_refuted(seed: int) -> None:
    teacher = taylor_partition(COSINES, order=2, cells=8)
    layers, limit = list(teacher.to_network().layers), teacher.error.upper
    rng = np.random.default_rng(seed)
    place = max(range(len(layers)), key=lambda k: layers[k].weight.nnz)  # the layer that holds the coefficients
    matrix = layers[place].weight.copy()
    matrix.data = matrix.data.copy()
    entry = int(rng.choice(np.flatnonzero(np.abs(matrix.data) < 1)))  # masks and what is carried have weight 1
    matrix.data[entry] += 4 * limit
    layers[place] = Layer.build(matrix, layers[place].bias)
    assert sup_error(Network(tuple(layers)), COSINES, limit=limit).lower > limit


def test_undamped_slopes_would_break_the_order() -> None:
    # the factor 1/2 on slopes is what cancels second-order terms: with 1 instead, x^2 is off by second order
    square = polynomial({(2,): 1.0})
    full = Target("undamped", 1, square.values, lambda a, X: square.derivative(a, X) * (2.0 if sum(a) == 1 else 1.0),
                  square.bound, square.lipschitz, square.rounding, square.box)
    good = taylor_partition(square, order=3, cells=4, levels=12).to_network().exact([Fraction(1, 8)])[0]
    bad = taylor_partition(full, order=3, cells=4, levels=12).to_network().exact([Fraction(1, 8)])[0]
    assert abs(good - Fraction(1, 64)) <= Fraction(1, 2**40)
    assert abs(bad - Fraction(1, 64)) == pytest.approx(1 / 64, abs=1e-9)


# -- refusals ------------------------------------------------------------------------------------------------------


def test_bad_arguments_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="exactly one of cells and tolerance"):
        taylor_partition(COSINES, order=2)
    with pytest.raises(ValueError, match="exactly one of cells and tolerance"):
        taylor_partition(COSINES, order=2, cells=4, tolerance=0.1)
    with pytest.raises(ValueError, match="order"):
        taylor_partition(COSINES, order=0, cells=4)
    with pytest.raises(ValueError, match="cells"):
        taylor_partition(COSINES, order=2, cells=0)
    with pytest.raises(ValueError, match="levels"):
        taylor_partition(COSINES, order=2, cells=2, levels=25)
    with pytest.raises(ValueError, match="'modified' or 'full'"):
        taylor_partition(COSINES, order=2, cells=2, pieces="half")
    with pytest.raises(TypeError, match="Target"):
        taylor_partition(np.cos, order=2, cells=4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tolerance"):
        taylor_partition(COSINES, order=2, tolerance=0.0)
    with pytest.raises(ValueError, match="unit cube"):
        taylor_partition(cosine_product([1.0], box=Box.cube(1, 0.0, 2.0)), order=2, cells=2)


def test_an_order_that_the_target_does_not_have_is_refused() -> None:
    rough = kink([0.3], 3)
    assert taylor_partition(rough, order=3, cells=4).error.upper < 1
    assert taylor_partition(rough, order=3, cells=4, pieces="full").error.upper < 1
    with pytest.raises(ValueError, match=r"order=4 .* choose an order <= 3"):
        taylor_partition(rough, order=4, cells=4)


def test_sampled_bounds_give_sampled_errors() -> None:
    guessed = replace(COSINES, evidence=Evidence.SAMPLED)
    assert taylor_partition(guessed, order=3, cells=4).error.evidence is Evidence.SAMPLED
    assert taylor_partition(COSINES, order=3, cells=4).error.evidence is Evidence.ENCLOSED


@pytest.mark.parametrize("tolerance", [1e-9, 1e-300])
def test_absurd_sizes_are_refused_with_their_size(tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"needs about [\d,]+ nonzeros"):
        taylor_partition(COSINES, order=1, tolerance=tolerance)


@pytest.mark.parametrize(("order", "dimension", "cells"), [(2, 4, 60), (40, 6, 4), (5, 3, 80), (3, 20, 1)])
def test_absurd_grids_are_refused_before_they_are_allocated(order: int, dimension: int, cells: int) -> None:
    with pytest.raises(ValueError, match=r"needs (about [\d,]+ nonzeros|a table of [\d,]+ numbers)"):
        taylor_partition(cosine_product([1.0] * dimension), order=order, cells=cells)


def test_a_tolerance_that_levels_forbid_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be met"):
        taylor_partition(COSINES, order=3, tolerance=0.01, levels=1)


def test_values_that_are_not_finite_are_refused() -> None:
    pole = Target("pole", 1, lambda X: 1 / X[:, 0], lambda a, X: X[:, 0] ** (-1.0 - sum(a)), lambda r: 1.0, 1.0, 0.0,
                  Box.cube(1))
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match="not finite"):
        taylor_partition(pole, order=2, cells=2)


def test_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2"):
        taylor_partition(COSINES, order=2, cells=2)(np.zeros((3, 3)))
    assert taylor_partition(COSINES, order=2, cells=2)(np.zeros((2, 3, 2))).shape == (2, 3, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("order", "dimension", "cells"), [(4, 2, 8), (3, 2, 16), (4, 3, 8), (2, 3, 64)])
def test_a_hundred_thousand_points_agree(order: int, dimension: int, cells: int) -> None:
    target = cosines(dimension)
    teacher = taylor_partition(target, order=order, cells=cells)
    x = target.box.sample(100_000, np.random.default_rng(7))
    gap = np.abs(teacher(x)[:, 0] - teacher.to_network()(x)[:, 0]).max()
    assert gap <= teacher.error.upper - taylor_bound(target, order, cells) + 1e-11
    assert np.abs(teacher(x)[:, 0] - target(x)).max() <= taylor_bound(target, order, cells) + 1e-12
