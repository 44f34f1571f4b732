"""The size of the partition teacher: formula = count, and what it does and does not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.targets import cosine_product, polynomial
from constructive.teachers import taylor_partition
from constructive.teachers.partition_gates import follow_folds
from constructive.teachers.partition_layout import partition_network
from constructive.teachers.partition_size import partition_nonzeros, product_gates
from constructive.teachers.partition_table import Grid


def random_table(grid: Grid, rng: np.random.Generator, zeros: float = 0.0) -> np.ndarray:
    """Return a table that is nonzero wherever a glued Taylor piece may be, but for a share of accidental zeros."""
    table = np.zeros((grid.features,) * grid.dimension)
    for degrees in grid.degrees(grid.dimension):
        place = tuple(grid.span(p) for p in degrees)
        block = rng.normal(size=table[place].shape)
        table[place] = np.where(rng.random(block.shape) < zeros, 0.0, block)
    return table


def counted(grid: Grid, table: np.ndarray, levels: int) -> int:
    return partition_network(table, grid, levels, follow_folds(table, grid, levels).scales).size.nonzeros


GRIDS = st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(0, 4)).filter(
    lambda g: (g[0] + 1 + g[2] * g[0]) ** g[1] <= 20_000)


@settings(max_examples=60)
@given(GRIDS, st.integers(1, 6), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 2**32 - 1))
def test_the_formula_is_the_count(shape: tuple[int, int, int], levels: int, zeros: float, seed: int) -> None:
    grid = Grid(*shape)
    table = random_table(grid, np.random.default_rng(seed), zeros)
    assert partition_nonzeros(grid, levels, int(np.count_nonzero(table))) == counted(grid, table, levels)


@pytest.mark.parametrize(("cells", "dimension", "degree", "levels"), [(4, 4, 1, 3), (3, 4, 0, 2), (2, 4, 2, 2),
                                                                       (17, 1, 6, 4), (2, 5, 0, 1)])
def test_the_formula_is_the_count_in_many_dimensions_and_high_degrees(cells: int, dimension: int, degree: int,
                                                                      levels: int) -> None:
    grid = Grid(cells, dimension, degree)
    table = random_table(grid, np.random.default_rng(0))
    assert np.count_nonzero(table) == grid.coefficients
    assert partition_nonzeros(grid, levels, grid.coefficients) == counted(grid, table, levels)


@pytest.mark.parametrize("pieces", ["modified", "full"])
@pytest.mark.parametrize(("order", "dimension", "cells"), [(1, 1, 5), (2, 2, 3), (3, 3, 2), (4, 2, 3), (5, 1, 7)])
def test_teachers_state_their_count(order: int, dimension: int, cells: int, pieces: str) -> None:
    target = cosine_product([5.0, 4.0, 3.0][:dimension], [0.3, 0.4, 0.1][:dimension])
    teacher = taylor_partition(target, order=order, cells=cells, pieces=pieces)
    assert teacher.nonzeros == teacher.to_network().size.nonzeros


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_accidental_zeros_are_not_counted(order: int) -> None:
    target = polynomial({(1, 1): 1.0, (0, 2): -0.25})  # vanishes on an edge
    teacher = taylor_partition(target, order=order, cells=4)
    assert teacher.nonzeros == teacher.to_network().size.nonzeros


@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("dimension", [2, 3])
def test_the_number_of_gates_does_not_depend_on_the_cells(dimension: int, degree: int) -> None:
    # all that grows with the depth of gates is gates and what waits beside them: two grids grow alike
    grids = [Grid(k, dimension, degree) for k in (3, 4, 13, 16)]
    growth = {partition_nonzeros(grid, 9, 0) - partition_nonzeros(grid, 8, 0) for grid in grids}
    assert len(growth) == 1
    assert len({product_gates(grid) for grid in grids}) == 1
    gates = product_gates(grids[0]) + (dimension if degree else 0)  # the bubble of degree 1 is half a gate
    assert growth.pop() <= 20 * gates + (dimension - 1) * dimension * (1 + degree) + dimension * (degree + 2) ** 2


@pytest.mark.parametrize(("dimension", "degree"), [(1, 1), (1, 3), (2, 1), (2, 2), (3, 1)])
def test_for_many_cells_the_coefficients_are_most_of_the_size(dimension: int, degree: int) -> None:
    cells = 2 ** (24 // dimension)
    grid = Grid(cells, dimension, degree)
    size = partition_nonzeros(grid, 24, grid.coefficients)
    features = 6 + 4 * degree if dimension == 1 else 0  # in one dimension features are as many as coefficients
    assert size <= (1.05 * math.comb(dimension + degree, degree) + features) * (cells + 1) ** dimension


@pytest.mark.parametrize(("dimension", "order", "tolerance", "gates_for_every_node"), [
    (1, 1, 0.1, 177), (1, 2, 0.01, 123), (1, 3, 0.1, 132), (1, 3, 1e-3, 819), (2, 1, 0.1, 8841), (2, 2, 0.1, 1449),
    (2, 2, 0.01, 6675), (2, 3, 0.1, 1795), (2, 3, 0.01, 5305), (3, 2, 0.1, 44146), (3, 3, 0.1, 40118),
])
def test_masks_cost_less_than_a_gate_for_every_node(dimension: int, order: int, tolerance: float,
                                                    gates_for_every_node: int) -> None:
    # the sizes on the right were counted on the layout that gave each feature of the outer coordinates its own gate
    target = cosine_product([5.0, 4.0, 3.0][:dimension], [0.3, 0.4, 0.1][:dimension])
    assert taylor_partition(target, order=order, tolerance=tolerance).nonzeros < gates_for_every_node


def test_every_order_and_dimension_of_the_table_builds() -> None:
    # (order, dimension, cells): sizes by formula, and a value that says the right network was built
    for order, dimension, cells in [(4, 2, 8), (5, 1, 16), (3, 3, 4), (2, 4, 4), (7, 2, 2), (1, 5, 2)]:
        frequency = [3.0, 2.0, 1.0, 2.0, 1.0][:dimension]
        teacher = taylor_partition(cosine_product(frequency), order=order, cells=cells)
        network = teacher.to_network()
        assert network.size.nonzeros == teacher.nonzeros
        assert abs(network(np.zeros(dimension))[0] - 1.0) < 1e-12
