"""Inside a partition network: masks are exact, bands do no harm, rounding stays below its bound, faults show."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.network import Layer, Network
from constructive.targets import Target, cosine_product
from constructive.teachers import taylor_partition
from constructive.teachers.partition import partition_table
from constructive.teachers.partition_gates import follow_folds, mask_width
from constructive.teachers.partition_layout import partition_network
from constructive.teachers.partition_rounding import evaluation_error
from constructive.teachers.partition_table import Grid, evaluate_table, piece_degree

COSINES = cosine_product([5.0, 4.0], [-0.5, 0.4])


def cosines(d: int) -> Target:
    return cosine_product([5.0, 4.0, 3.0, 2.0][:d], [0.3, 0.4, 0.1, 0.2][:d])


def parts(target: Target, order: int, cells: int, levels: int) -> tuple[Network, np.ndarray, Grid, float]:
    """Return the network, its table and grid, and the stated error of the gates."""
    grid = Grid(cells, target.dimension, piece_degree(order, "modified"))
    table, _ = partition_table(target, grid, "modified")
    folds = follow_folds(table, grid, levels)
    return partition_network(table, grid, levels, folds.scales), table, grid, folds.error


# -- gates and masks together: the proof of their error is about any table -------------------------------------------


@settings(max_examples=60)
@given(st.integers(1, 3), st.integers(0, 3), st.integers(1, 5), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_any_table_is_evaluated_within_the_stated_gates(d: int, degree: int, cells: int, levels: int,
                                                        seed: int) -> None:
    grid, rng = Grid(min(cells, 9 - 2 * d), d, min(degree, 5 - d)), np.random.default_rng(seed)
    table = np.zeros((grid.features,) * d)
    for degrees in grid.degrees(d):
        place = tuple(grid.span(p) for p in degrees)
        table[place] = rng.choice([-1.0, 1.0], table[place].shape) * 10.0 ** rng.uniform(-2, 1)
    folds = follow_folds(table, grid, levels)
    network, k, fine = partition_network(table, grid, levels, folds.scales), grid.cells, 2 ** (levels + 1)
    teeth = rng.integers(0, k * fine + 1, (300, d)) / (k * fine)  # where squares are worst
    nodes = (rng.integers(0, k + 1, (200, d)) + rng.uniform(-2, 2, (200, d)) * mask_width(levels)) / k
    mixed = np.where(rng.random((200, d)) < 0.5, nodes, teeth[:200])
    x = np.concatenate([teeth, nodes, mixed, rng.random((200, d))]).clip(0, 1)
    gap = np.abs(network(x)[:, 0] - evaluate_table(table, grid, x)).max()
    assert gap <= folds.error + evaluation_error(table, grid, levels, folds) + 2.0**-40 * folds.reach


# -- masks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("order", "cells"), [(2, 5), (2, 8), (4, 5), (4, 8)])
def test_masks_are_exactly_zero_or_one_off_the_bands(order: int, cells: int, dtype: type) -> None:
    network, _, grid, _ = parts(COSINES, order, cells, 4)
    rng = np.random.default_rng(4)
    t = rng.integers(0, cells, (500, 2)) + rng.uniform(2.0**-10, 1 - 2.0**-10, (500, 2))
    single = Network(tuple(Layer.build(layer.weight, layer.bias, dtype) for layer in network.layers))
    owners = cells + 1 + (cells if grid.degree else 0)
    inside = np.floor(t[:, 0]).astype(int)
    wanted = np.zeros((owners, 500))
    wanted[inside, np.arange(500)] = wanted[inside + 1, np.arange(500)] = 1
    if grid.degree:
        wanted[cells + 1 + inside, np.arange(500)] = 1
    found = [values for values in single.hidden(t / cells)
             if any(np.array_equal(np.maximum(values[i:i + owners], 0), wanted)
                    for i in range(values.shape[0] - owners + 1))]
    assert found  # one layer holds the masks, bit for bit


def shuffled(network: Network, rng: np.random.Generator) -> Network:
    """Return the same function with its hidden units in another order, so that every sum is added up otherwise."""
    layers, places = [], np.arange(network.inputs)
    for k, layer in enumerate(network.layers):
        order = rng.permutation(layer.outputs) if k + 1 < network.depth else np.arange(layer.outputs)
        layers.append(Layer.build(layer.weight[:, places][order], layer.bias[order]))
        places = order
    return Network(tuple(layers))


@pytest.mark.parametrize(("d", "order", "cells", "levels"), [(1, 2, 10, 3), (1, 5, 16, 10), (2, 2, 5, 6), (2, 4, 6, 12),
                                                             (3, 3, 3, 4)])
def test_rounding_stays_below_its_bound_in_any_order_of_sums(d: int, order: int, cells: int, levels: int) -> None:
    network, table, grid, _ = parts(cosines(d), order, cells, levels)
    stated = evaluation_error(table, grid, levels, follow_folds(table, grid, levels))
    rng = np.random.default_rng(8)
    nodes = rng.integers(0, cells + 1, (24, d))
    # anywhere, where masks rise, and a few last places beside nodes
    points = np.concatenate([rng.random((8, d)), (nodes[:8] + rng.uniform(-1, 1, (8, d)) * mask_width(levels)) / cells,
                             (nodes[8:] + rng.uniform(-1, 1, (16, d)) * 2.0**-48) / cells]).clip(0, 1)
    truths = [network.exact(point)[0] for point in points.tolist()]
    for _ in range(4):
        run = shuffled(network, rng)(points)[:, 0]
        assert all(abs(Fraction(float(value)) - truth) <= Fraction(stated)
                   for value, truth in zip(run, truths, strict=True))
    assert stated < 1e-6


def test_bands_do_no_harm() -> None:
    # where masks rise, over 4^-8 of a cell, the value is still within the stated gates
    network, table, grid, stated = parts(cosines(2), 4, 4, 5)
    rng = np.random.default_rng(5)
    near = (rng.integers(0, 5, (2000, 1)) + rng.uniform(-4, 4, (2000, 1)) * 4.0**-8) / 4
    x = np.clip(np.hstack([near, rng.random((2000, 1))]), 0, 1)
    for points in (x, x[:, ::-1]):
        assert np.abs(network(points)[:, 0] - evaluate_table(table, grid, points)).max() <= stated + 1e-11


@pytest.mark.parametrize("order", [2, 3, 4])
def test_beyond_the_cube_the_nearest_point_of_the_cube_counts(order: int) -> None:
    network = taylor_partition(cosines(2), order=order, cells=4).to_network()
    outside = np.array([[-0.75, 0.3], [1.25, -3.0], [0.5, 2.0], [64.0, 64.0]])
    assert np.abs(network(outside) - network(np.clip(outside, 0, 1))).max() <= 1e-9


# -- negative controls ---------------------------------------------------------------------------------------------


def test_values_of_the_wrong_cell_are_noticed() -> None:
    # masks that let the neighbor through: the comparison with the structured evaluation sees it
    network, table, grid, stated = parts(COSINES, 2, 4, 6)
    steep = [k for k, layer in enumerate(network.layers) if layer.weight.nnz and layer.weight.data.min() < -(2.0**15)]
    assert len(steep) == 1
    layers = list(network.layers)
    blunt = layers[steep[0]].weight.copy()
    blunt.data = np.where(blunt.data < -(2.0**15), -1.0, blunt.data)
    layers[steep[0]] = Layer.build(blunt, layers[steep[0]].bias)
    x = COSINES.box.sample(500, np.random.default_rng(6))
    assert np.abs(Network(tuple(layers))(x)[:, 0] - evaluate_table(table, grid, x)).max() > 10 * stated


@pytest.mark.parametrize("order", [2, 4])
def test_weights_moved_at_random_in_any_layer_are_noticed(order: int) -> None:
    # one weight of each layer, half as large again; a third may hit a last tooth or a coefficient near 0, which hide it
    network, table, grid, stated = parts(COSINES, order, 3, 8)
    rng = np.random.default_rng(9)
    x = COSINES.box.sample(4000, rng)
    truth, caught = evaluate_table(table, grid, x), 0
    for place, layer in enumerate(network.layers):
        moved = layer.weight.copy()
        moved.data = moved.data.copy()
        moved.data[rng.integers(moved.nnz)] *= 1.5
        faulty = Network((*network.layers[:place], Layer.build(moved, layer.bias), *network.layers[place + 1:]))
        caught += bool(np.abs(faulty(x)[:, 0] - truth).max() > stated)
    assert 3 * caught >= 2 * network.depth
