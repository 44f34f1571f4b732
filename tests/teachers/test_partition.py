"""The partition teacher: formula = count, stated errors proved and nearly reached, exact where theory says so."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from constructive.certificates.sup_error import sup_error
from constructive.domain import Box
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.targets import Target, cosine_product, gaussian_bump, polynomial
from constructive.teachers import Teacher, as_teacher, fit_affine, taylor_bound, taylor_partition
from constructive.teachers.partition import gate_error

COSINES = cosine_product([5.0, 4.0], [-0.5, 0.4])


def dyadic_point(rng: np.random.Generator, d: int, bits: int = 12) -> list[float]:
    return (rng.integers(0, 2**bits + 1, d) / 2.0**bits).tolist()


# -- size --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_nonzeros_by_formula_are_those_counted(d: int, order: int, levels: int) -> None:
    # irrational-looking nodes and values: no accidental zeros that a formula could hide behind
    target = cosine_product([5.0, 4.0, 3.0][:d], [0.3, 0.4, 0.1][:d])
    for cells in (1, 3, 4):
        teacher = taylor_partition(target, order=order, cells=cells, levels=levels)
        assert teacher.nonzeros == teacher.network.size.nonzeros


@pytest.mark.parametrize("order", [1, 2, 3])
def test_accidental_zeros_are_not_counted(order: int) -> None:
    target = polynomial({(1, 1): 1.0, (0, 2): -0.25})  # vanishes on an edge
    teacher = taylor_partition(target, order=order, cells=4)
    assert teacher.nonzeros == teacher.network.size.nonzeros


def test_coefficients_enter_linearly_and_gates_do_not_grow_with_the_last_coordinate() -> None:
    # two dimensions: one gate for each feature of the first coordinate, K + 1 of them, not (K + 1)^2
    widths = [taylor_partition(COSINES, order=2, cells=k, levels=4).network.size.units for k in (8, 16, 32)]
    assert widths[2] - widths[1] <= 2.2 * (widths[1] - widths[0])


# -- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("target", [
    cosine_product([3.0, 2.0], [0.2, 0.1]), gaussian_bump([0.4, 0.6], 0.5), polynomial({(3, 0): 1.0, (1, 2): -2.0}),
    cosine_product([6.0]), polynomial({(4,): 1.0}),
], ids=["cosines", "bump", "polynomial", "cosine", "power"])
def test_the_stated_error_is_certified(order: int, target: Target) -> None:
    teacher = taylor_partition(target, order=order, cells=4)
    assert teacher.error is not None
    assert sup_error(teacher.network, target, limit=teacher.error.upper, budget=60_000).upper <= teacher.error.upper


def test_three_dimensions_stay_within_the_stated_error_at_rational_points() -> None:
    target = polynomial({(1, 1, 1): 2.0, (2, 0, 1): -1.0, (0, 0, 3): 0.5})
    teacher = taylor_partition(target, order=3, cells=2)
    rng = np.random.default_rng(0)
    for _ in range(12):
        x = [Fraction(v) for v in dyadic_point(rng, 3)]
        truth = 2 * x[0] * x[1] * x[2] - x[0] ** 2 * x[2] + x[2] ** 3 / 2
        assert abs(teacher.network.exact(x)[0] - truth) <= Fraction(teacher.error.upper)


def absolute_cube() -> Target:
    """Return |x - 1/2|^3 / 6 on [0, 1]: third derivative +-1, the extremal function of order 3."""
    def derivative(alpha: tuple[int, ...], X: np.ndarray) -> np.ndarray:
        t = X[:, 0] - 0.5
        return (np.abs(t) ** 3 / 6, t * np.abs(t) / 2, np.abs(t), np.sign(t))[alpha[0]]

    return Target("absolute cube", 1, lambda X: derivative((0,), X), derivative,
                  lambda r: (1 / 48, 1 / 8, 1 / 2, 1.0)[r], 1 / 8, 2.0**-52, Box.cube(1))


@pytest.mark.parametrize(("target", "order", "truth"), [
    (polynomial({(2,): 0.5}), 2, Fraction(1, 8)), (absolute_cube(), 3, Fraction(1, 96)),
])
def test_the_constant_is_attained_in_one_dimension(target: Target, order: int, truth: Fraction) -> None:
    # the worst functions of orders 2 and 3, at the middle of a single cell, where every sawtooth is exact
    assert Fraction(taylor_bound(target, order, 1)) >= truth
    assert taylor_bound(target, order, 1) <= float(truth) * (1 + 2.0**-38)
    network = taylor_partition(target, order=order, cells=1, levels=8).network
    gap = network.exact([Fraction(1, 2)])[0] - Fraction(float(target([0.5])))
    assert abs(abs(gap) - truth) <= Fraction(1, 2**50)


@pytest.mark.parametrize("order", [2, 3])
def test_polynomials_below_the_order_are_reproduced_up_to_gates(order: int) -> None:
    powers = [alpha for alpha in itertools.product(range(order), repeat=2) if sum(alpha) < order]
    target = polynomial({alpha: 0.5 + 0.25 * i for i, alpha in enumerate(powers)})
    assert target.bound(order) == 0.0
    x = target.box.sample(400, np.random.default_rng(1))
    for levels in (2, 6, 12):
        teacher = taylor_partition(target, order=order, cells=4, levels=levels)
        gap = np.abs(teacher.network(x)[:, 0] - target(x)).max()
        assert gap <= teacher.error.upper
        assert teacher.error.upper <= 16 * 8 * 4.0 ** -(levels + 1) + 1e-11


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_network_and_structured_evaluation_agree_within_the_gates(d: int, order: int) -> None:
    target = cosine_product([5.0, 4.0, 3.0][:d], [0.3, 0.4, 0.1][:d])
    x = target.box.sample(300, np.random.default_rng(2))
    for levels in (1, 3, 10):
        teacher = taylor_partition(target, order=order, cells=3, levels=levels)
        gates = teacher.error.upper - taylor_bound(target, order, 3)
        assert np.abs(teacher.network(x) - teacher(x)).max() <= gates


def test_gates_reach_a_good_part_of_their_stated_error() -> None:
    # a bound a hundred times too large would make the other tests empty
    x = COSINES.box.sample(20_000, np.random.default_rng(3))
    teacher = taylor_partition(COSINES, order=2, cells=4, levels=3)
    gates = teacher.error.upper - taylor_bound(COSINES, 2, 4)
    assert np.abs(teacher.network(x) - teacher(x)).max() >= gates / 8


def test_gate_errors_fall_by_four_with_each_level() -> None:
    table = np.random.default_rng(4).normal(size=(9, 9))
    for order in (2, 3):
        assert gate_error(table, order, 2, 6) == pytest.approx(gate_error(table, order, 2, 5) / 4, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_nodes_are_interpolated_exactly(order: int) -> None:
    # dyadic cells: hats are 0 or 1 and bubbles 0 at the nodes, and a gate with factor 0 or 1 is exact
    teacher = taylor_partition(COSINES, order=order, cells=4)
    for node in itertools.product(range(5), repeat=2):
        x = [Fraction(k, 4) for k in node]
        assert teacher.network.exact(x)[0] == Fraction(float(COSINES([float(v) for v in x])))


@pytest.mark.parametrize("tolerance", [0.3, 0.05, 0.01])
def test_a_tolerance_is_met(tolerance: float) -> None:
    teacher = taylor_partition(COSINES, order=3, tolerance=tolerance)
    assert teacher.error.upper <= tolerance
    x = COSINES.box.sample(3000, np.random.default_rng(5))
    assert np.abs(teacher.network(x)[:, 0] - COSINES(x)).max() <= tolerance


def test_errors_fall_with_the_stated_order() -> None:
    for order in (1, 2, 3):
        few, many = (taylor_partition(COSINES, order=order, cells=k).error.upper for k in (8, 32))
        assert few / many == pytest.approx(4.0**order, rel=0.1)


# -- negative controls -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_a_wrong_coefficient_is_refuted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    teacher = taylor_partition(COSINES, order=2, cells=8)
    layers, limit = list(teacher.network.layers), teacher.error.upper
    place = 2  # ramps, hats, then the combinations that hold the coefficients
    matrix = layers[place].weight.copy()
    matrix.data = matrix.data.copy()
    entry = int(rng.integers(9, matrix.nnz))  # behind the nine carried hats
    matrix.data[entry] += 4 * limit
    layers[place] = Layer.build(matrix, layers[place].bias)
    assert sup_error(Network(tuple(layers)), COSINES, limit=limit).lower > limit


def test_undamped_slopes_would_break_the_order() -> None:
    # the factor 1/2 on slopes is what cancels second-order terms: with 1 instead, x^2 is off by second order
    square = polynomial({(2,): 1.0})
    full = Target("undamped", 1, square.values, lambda a, X: square.derivative(a, X) * (2.0 if sum(a) == 1 else 1.0),
                  square.bound, square.lipschitz, square.rounding, square.box)
    good = taylor_partition(square, order=3, cells=4, levels=12).network.exact([Fraction(1, 8)])[0]
    bad = taylor_partition(full, order=3, cells=4, levels=12).network.exact([Fraction(1, 8)])[0]
    assert abs(good - Fraction(1, 64)) <= Fraction(1, 2**40)
    assert abs(bad - Fraction(1, 64)) == pytest.approx(1 / 64, abs=1e-9)


# -- refusals and other teachers ---------------------------------------------------------------------------


def test_bad_arguments_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="exactly one of cells and tolerance"):
        taylor_partition(COSINES, order=2)
    with pytest.raises(ValueError, match="exactly one of cells and tolerance"):
        taylor_partition(COSINES, order=2, cells=4, tolerance=0.1)
    with pytest.raises(ValueError, match="order=4"):
        taylor_partition(COSINES, order=4, cells=4)
    with pytest.raises(ValueError, match="order"):
        taylor_partition(COSINES, order=0, cells=4)
    with pytest.raises(ValueError, match="cells"):
        taylor_partition(COSINES, order=2, cells=0)
    with pytest.raises(TypeError, match="Target"):
        taylor_partition(np.cos, order=2, cells=4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tolerance"):
        taylor_partition(COSINES, order=2, tolerance=0.0)


@pytest.mark.parametrize("tolerance", [1e-9, 1e-300])
def test_absurd_sizes_are_refused_with_their_size(tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"needs about [\d,]+ nonzeros"):
        taylor_partition(COSINES, order=1, tolerance=tolerance)


def test_a_tolerance_that_levels_forbid_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be met"):
        taylor_partition(COSINES, order=3, tolerance=0.01, levels=1)


def test_networks_become_teachers_without_a_promise() -> None:
    network = Network.build([([[1.0, 2.0]], [0.5])])
    teacher = as_teacher(network)
    assert teacher.error is None
    assert teacher.target is None
    assert as_teacher(teacher) is teacher
    assert np.array_equal(teacher(np.ones((2, 3, 2))), network(np.ones((2, 3, 2))))
    with pytest.raises(TypeError, match="Teacher or a Network"):
        as_teacher("network")  # type: ignore[arg-type]


@pytest.mark.parametrize(("y", "outputs"), [([0, 1, 1, 0], 1), (["a", "b", "c", "a"], 3), ([0.5, 1.5, 2.5, -1.0], 1)])
def test_affine_fits_leave_residuals_orthogonal_to_the_data(y: list[object], outputs: int) -> None:
    X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 3.0], [2.0, 2.0]])
    labels = clean_labels(y, 4, who="test")
    teacher = fit_affine(X, labels)
    wanted = labels.scores[:, None] if outputs == 1 else np.where(np.arange(3) == labels.index[:, None], 1.0, -1.0)
    residual = wanted - teacher(X)
    design = np.hstack([X, np.ones((4, 1))])
    assert teacher.network.outputs == outputs
    assert teacher.network.depth == 1
    assert teacher.nonzeros == teacher.network.size.nonzeros
    # backward stable: condition number below 10, entries below 4
    assert np.abs(design.T @ residual).max() < 1e-13


def test_teachers_are_plain_records() -> None:
    teacher = taylor_partition(COSINES, order=2, cells=2)
    assert isinstance(teacher, Teacher)
    assert teacher.to_network() is teacher.network
    assert teacher(np.zeros((2, 3, 2))).shape == (2, 3, 1)
    assert math.isfinite(teacher.error.upper)
