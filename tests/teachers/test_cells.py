"""Taylor polynomials on cells: formula = count, whole indices, exact look-ups, errors proved and nearly reached."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from cell_cases import cosines, near_thresholds, random_table, whole_index
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine_values

from constructive.certificates.enclosure import interval_bounds
from constructive.domain import Box
from constructive.evidence import Evidence
from constructive.network import Network
from constructive.targets import Target, cosine_product, kink, polynomial
from constructive.teachers import taylor_cells
from constructive.teachers.cell_layout import cell_maps, cell_network, cell_nonzeros, cell_price
from constructive.teachers.cell_table import CellTable
from constructive.teachers.cells import make_cells

# -- size ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 5),
       st.sampled_from([0.0, 0.3, 0.9, 1.0]), st.sampled_from([None, 0.3, 1.0, 4.0]), st.sampled_from([0, 2, 45]))
@settings(max_examples=50)
def test_nonzeros_by_formula_are_those_counted(seed: int, d: int, k: int, order: int, levels: int, zeros: float,
                                               amplitude: float | None, spread: int) -> None:
    table = random_table(np.random.default_rng(seed), d, min(k, 9 // d), order, zeros=zeros, amplitude=amplitude,
                         spread=spread)
    network = cell_network(table, levels)
    assert cell_nonzeros(table, levels) == network.size.nonzeros
    for part, layer in zip(cell_maps(table, levels), network.layers, strict=True):
        assert part.nonzeros == layer.weight.nnz + np.count_nonzero(layer.bias)


def test_a_cut_at_the_size_of_the_constants_is_counted_too() -> None:
    for order in (1, 2, 3):
        table = random_table(np.random.default_rng(order), 2, 3, order)
        cut = CellTable(table.cells, order, table.coefficients, float(table.sizes()[0]))
        assert cell_nonzeros(cut, 4) == cell_network(cut, 4).size.nonzeros


@pytest.mark.parametrize(("d", "k"), [(1, 3), (1, 64), (2, 2), (2, 8), (3, 4)])
def test_constants_cost_five_for_each_step_and_six_for_each_cell(d: int, k: int) -> None:
    teacher = taylor_cells(cosines(d), order=1, cells=k)
    assert teacher.nonzeros == teacher.to_network().size.nonzeros == 5 * d * (k - 1) + 6 * k**d - 7


def test_two_cells_cost_one_more_than_that() -> None:
    # the hats 1 - R_0 and R_0 share nothing: where K^d = 2 the general count is one too small
    assert taylor_cells(cosines(1), order=1, cells=2).nonzeros == 5 + 12 - 7 + 1


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_cells_cost_a_constant_times_their_coefficients(d: int, order: int) -> None:
    # what does not grow as K^d is 6 d (K - 1) and the gates, which do not depend on K
    small, large, count = 4, 6, math.comb(d + order - 1, d)
    grown = cell_price(d, large, order, 9) - cell_price(d, small, order, 9) - 6 * d * (large - small)
    assert grown == (5 + count) * (large**d - small**d)
    constant = grown / (large**d - small**d) / count
    print(f"d={d} order={order}: {constant:.2f} nonzeros for each coefficient")
    assert constant < 8
    table = random_table(np.random.default_rng(0), d, small, order)
    assert cell_nonzeros(table, 9) == cell_network(table, 9).size.nonzeros == cell_price(d, small, order, 9)


# -- the index and the look-up, bit for bit ------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "k"), [(1, 64), (2, 64), (1, 50), (2, 27), (3, 5)])
@pytest.mark.parametrize("width", [None, 2.0**-16, 2.0**-40])
def test_the_index_is_a_whole_number_in_any_order_of_sums(d: int, k: int, width: float | None) -> None:
    rng = np.random.default_rng(k * d)
    cells = make_cells(k, d, 1, width, "test")
    table = CellTable(cells, 1, np.zeros((k**d, 1)))
    points = near_thresholds(cells, rng, 300)
    index = Network(cell_network(table, 1).layers[:3])
    assert np.array_equal(machine_values(index, points, rng)[:, 0], whole_index(cells, points))


def rising(end: np.float32, slope: np.float32, x: np.float32) -> bool:
    """Whether a float32 step is neither 0 nor 1 at x, in rational arithmetic."""
    return 0 < Fraction(float(slope)) * (Fraction(float(end)) - Fraction(float(x))) < 1


@pytest.mark.parametrize(("d", "k"), [(1, 64), (2, 64), (1, 50), (2, 27)])
@pytest.mark.parametrize("width", [None, 2.0**-9, 1.6e-5])
def test_the_index_is_a_whole_number_in_single_precision(d: int, k: int, width: float | None) -> None:
    rng = np.random.default_rng(k * d + 1)
    cells = make_cells(k, d, 1, width, "test")
    network = cell_network(CellTable(cells, 1, np.zeros((k**d, 1))), 1).astype(np.float32)
    ends, slopes = cells.ends.astype(np.float32), cells.slopes.astype(np.float32)
    begins = (ends.astype(np.float64) - 1 / slopes.astype(np.float64)).astype(np.float32)
    near = [np.float32(v) for a in (ends, begins) for v in (a, np.nextafter(a, np.float32(-1)),
                                                            np.nextafter(a, np.float32(2)))]
    pool = np.concatenate([*near, rng.random(400, dtype=np.float32), np.array([0, 1], np.float32)])
    off = [x for x in pool if not any(rising(e, s, x) for e, s in zip(ends, slopes, strict=True))]
    assert len(off) > 400
    points = rng.choice(np.array(off), (300, d))
    expected = (points[:, :, None] >= ends).sum(axis=2) @ (k ** np.arange(d))
    assert np.array_equal(machine_values(Network(network.layers[:3]), points, rng)[:, 0], expected)


def test_differences_of_two_rectified_lines_do_not_count_in_single_precision() -> None:
    # the same steps, each a difference of two large numbers: the reason for saturated ones
    k, width = 64, 1.6e-5
    a = np.arange(1, k) / k
    slope = np.float32(1 / width)
    plain = Network.build([(np.ones((2 * (k - 1), 1)), -np.concatenate([a, a + width])),
                           (np.concatenate([np.full(k - 1, slope), np.full(k - 1, -slope)])[None, :], None)])
    rng = np.random.default_rng(0)
    points = ((rng.integers(0, k, (500, 1)) + 0.25 + rng.random((500, 1)) / 2) / k).astype(np.float32)
    t = machine_values(plain.astype(np.float32), points, rng)
    worst = np.abs(t - np.floor(points * k)).max()
    print(f"plain steps, float32, K = {k}: the index is off by up to {worst:.2f}")
    assert worst > 0.05


@pytest.mark.parametrize(("d", "k"), [(1, 64), (2, 16), (2, 13), (3, 4)])
def test_constants_are_looked_up_bit_for_bit(d: int, k: int) -> None:
    rng = np.random.default_rng(d)
    table = random_table(rng, d, k, 1)
    points = near_thresholds(table.cells, rng, 400)
    stored = table.coefficients[whole_index(table.cells, points)]
    network = cell_network(table, 1)
    assert np.array_equal(machine_values(network, points, rng), stored)
    assert np.array_equal(network(points), stored)
    assert np.array_equal(table.evaluate(points), stored)
    inside = ((rng.integers(0, k, (200, d)) + 0.5) / k).astype(np.float32)
    values = machine_values(network.astype(np.float32), inside, rng)
    assert np.array_equal(values, table.coefficients[whole_index(table.cells, inside)].astype(np.float32))


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize(("d", "k", "order"), [(1, 64, 3), (2, 12, 2), (2, 7, 4), (3, 4, 3)])
def test_coefficients_are_looked_up_bit_for_bit(d: int, k: int, order: int, single: bool) -> None:
    rng = np.random.default_rng(order)
    table = random_table(rng, d, k, order, zeros=0.2, spread=20)
    points = (rng.integers(0, k, (300, d)) + 0.5) / k if single else near_thresholds(table.cells, rng, 300)
    network, shares = Network(cell_network(table, 2).layers[:6]), table.coefficients / table.sizes()
    if single:
        network, points, shares = network.astype(np.float32), points.astype(np.float32), shares.astype(np.float32)
    stored = 1 + shares[whole_index(table.cells, points)]
    assert stored.dtype == network.dtype
    assert np.array_equal(machine_values(network, points, rng)[:, d:], stored)


def test_stored_coefficients_have_room_for_the_one_added_to_them() -> None:
    table = random_table(np.random.default_rng(0), 2, 5, 4, spread=30)
    shares = table.coefficients / table.sizes()
    assert all(Fraction(1 + v) == 1 + Fraction(v) for v in shares.ravel().tolist())


# -- the region ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "k", "width"), [(1, 8, 2.0**-6), (2, 8, 2.0**-8), (2, 5, 2.0**-7), (3, 4, 2.0**-5)])
def test_the_region_is_what_is_off_the_bands(d: int, k: int, width: float) -> None:
    rng = np.random.default_rng(0)
    teacher = taylor_cells(cosines(d), order=1, cells=k, width=width)
    cells = make_cells(k, d, 1, width, "test")
    points = np.concatenate([rng.random((2000, d)), rng.choice(np.concatenate([cells.rises, cells.ends, [0.0, 1.0]]),
                                                               (500, d)), rng.random((200, d)) * 3 - 1])
    rise, x = np.arange(1, k) / k, points[:, :, None]
    on_band = ((x > rise) & (x < cells.ends)).any(axis=(1, 2))
    in_cube = ((points >= 0) & (points <= 1)).all(axis=1)
    assert teacher.region is not None
    assert np.array_equal(teacher.region.contains(points), in_cube & ~on_band)
    assert (cells.ends <= rise + width).all()


@pytest.mark.parametrize(("d", "k", "width"), [(1, 8, 2.0**-6), (2, 16, 2.0**-10), (3, 4, 2.0**-3), (2, 1, 0.25)])
def test_the_volume_of_the_bands_is_its_formula(d: int, k: int, width: float) -> None:
    truth = 1 - (1 - (k - 1) * Fraction(width)) ** d
    assert make_cells(k, d, 1, width, "test").band_measure == pytest.approx(float(truth), rel=1e-14)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_bands_are_no_wider_than_said(d: int) -> None:
    for k in (3, 10, 49):
        assert make_cells(k, d, 1, None, "test").band_measure <= d * (k - 1) * 2.0**-20 / k * (1 + 2.0**-30)


# -- corners that are legal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_zero_target_gives_zero(order: int) -> None:
    teacher = taylor_cells(polynomial({(0, 0): 0.0}), order=order, cells=3)
    assert teacher.nonzeros == teacher.to_network().size.nonzeros
    x = np.random.default_rng(0).random((200, 2))
    assert not teacher(x).any()
    assert np.abs(teacher.to_network()(x)).max() <= teacher.error.upper <= 2.0**-880


@pytest.mark.parametrize("scale", [2.0**-800, 2.0**-300, 2.0**300, 2.0**800])
def test_amplitude_scales_the_network_and_nothing_else(scale: float) -> None:
    terms = {(3, 0): 1.0, (1, 1): -0.75, (0, 0): 0.25}
    plain = taylor_cells(polynomial(terms), order=3, cells=4)
    other = taylor_cells(polynomial({alpha: c * scale for alpha, c in terms.items()}), order=3, cells=4)
    points = np.random.default_rng(0).random((300, 2))
    assert other.nonzeros == plain.nonzeros == other.to_network().size.nonzeros
    assert np.array_equal(other.to_network()(points), scale * plain.to_network()(points))


def test_a_vanishing_column_does_not_deepen_the_gates() -> None:
    # mixed derivatives of a sum of functions of one coordinate are 0: their gates have nothing to lose
    depths = [taylor_cells(polynomial({(3, 0): c, (0, 3): c}), order=3, cells=4).to_network().depth
              for c in (1.0, 2.0**-40)]
    assert depths[0] == depths[1]


def test_evidence_is_no_better_than_the_target_s() -> None:
    line = Target("line", 1, lambda X: X[:, 0], lambda a, X: X[:, 0] if a == (0,) else np.ones(len(X)),
                  lambda r: float(r == 1), 1.0, 0.0, Box.cube(1), evidence=Evidence.SAMPLED)
    assert taylor_cells(line, order=2, cells=2).error.evidence is Evidence.SAMPLED
    assert taylor_cells(cosines(1), order=2, cells=2).error.evidence is Evidence.ENCLOSED


def test_a_target_of_just_this_order_will_do() -> None:
    teacher = taylor_cells(kink([0.3, 0.6], 3), order=3, cells=5)
    assert teacher.error.upper <= (2 / 10) ** 3 / 6 * 1.05


@pytest.mark.parametrize("order", [1, 2, 4])
def test_off_the_cube_the_answer_is_that_of_its_nearest_point(order: int) -> None:
    rng = np.random.default_rng(order)
    teacher, x = taylor_cells(cosines(2), order=order, cells=5), rng.normal(size=(500, 2)) * 3
    assert np.array_equal(teacher(x), teacher(np.clip(x, 0.0, 1.0)))
    if order == 1:
        assert np.array_equal(teacher.to_network()(x), teacher(x))


def test_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x has 3 coordinates, the cells have 2; pass points of shape \(n, 2\)"):
        taylor_cells(cosines(2), order=2, cells=3)(np.zeros((4, 3)))


# -- a cut ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "k", "order"), [(1, 6, 1), (1, 6, 4), (2, 4, 3), (3, 2, 2)])
def test_a_cut_holds_everywhere(d: int, k: int, order: int) -> None:
    rng = np.random.default_rng(k)
    table = random_table(rng, d, k, order, amplitude=0.7, width=2.0**-8)
    network = cell_network(table, 4)
    points = np.concatenate([near_thresholds(table.cells, rng, 200), rng.random((200, d)) * 6 - 3])
    band = rng.random((200, d))
    band[:, -1] = rng.choice(table.cells.rises, 200) + rng.random(200) * 2.0**-8
    points = np.concatenate([points, band])
    for values in (network(points), machine_values(network, points, rng), table.evaluate(points)):
        assert np.abs(values).max() == 0.7
    low, high = interval_bounds(network, np.full((1, d), -9.0), np.full((1, d), 9.0))
    assert -0.7 <= low.item() <= high.item() <= 0.7


# -- refusals ------------------------------------------------------------------------------------------------------


def _dull(**changes: object) -> Target:
    parts: dict[str, object] = {
        "name": "dull", "dimension": 1, "values": lambda X: X[:, 0], "derivative": lambda a, X: X[:, 0],
        "bound": lambda r: 1.0, "lipschitz": 1.0, "rounding": 0.0, "box": Box.cube(1)}
    return Target(**(parts | changes))  # type: ignore[arg-type]


WRONG = [
    ({"order": 0}, ValueError, "order=0 must be >= 1"),
    ({"order": 2.0}, TypeError, "order must be an integer"),
    ({"order": 21}, ValueError, "order=21 must be <= 20"),
    ({"cells": 0}, ValueError, "cells=0 must be >= 1"),
    ({"cells": 2.5}, TypeError, "cells must be an integer"),
    ({"cells": None}, ValueError, "pass cells, or a tolerance"),
    ({"tolerance": 0.0}, ValueError, "tolerance=0.0 must be > 0.0"),
    ({"tolerance": math.nan}, ValueError, "tolerance=nan must be finite"),
    ({"tolerance": 1e-9}, ValueError, r"tolerance=1e-09 cannot be met with cells=4: construction .* use more cells"),
    ({"tolerance": 1e-16, "cells": 5000}, ValueError, "use a larger tolerance"),
    ({"width": 0.0}, ValueError, "width=0.0 must be > 0.0"),
    ({"width": 0.2}, ValueError, "width=0.2 must be <= 0.125"),
    ({"width": 1e-17}, ValueError, "width=1e-17 is lost in rounding .* pass a larger width"),
    ({"target": np.cos}, TypeError, "target must be a Target, got ufunc"),
    ({"target": cosine_product([1.0], box=Box([0.0], [2.0]))}, ValueError, "must live on the unit cube"),
    ({"target": kink([0.5], 2), "order": 3}, ValueError, r"bound\(3\) does not exist"),
    ({"target": _dull(bound=lambda r: math.inf)}, ValueError, r"'dull' states bound\(1\) = inf"),
    ({"target": _dull(bound=lambda r: math.nan)}, ValueError, r"'dull' states bound\(1\) = nan"),
    ({"target": _dull(bound=lambda r: -1.0)}, ValueError, r"'dull' states bound\(1\) = -1.0"),
    ({"target": _dull(rounding=math.inf)}, ValueError, "'dull' leaves the error without a finite bound"),
    ({"target": _dull(derivative=lambda a, X: 1.0)}, ValueError, r"derivatives \(0,\) of shape \(\) .* shape \(4,\)"),
    ({"target": _dull(derivative=lambda a, X: X)}, ValueError, r"derivatives \(0,\) of shape \(4, 1\)"),
    ({"target": _dull(derivative=lambda a, X: 1 / (X[:, 0] - 0.375))}, ValueError,
     r"derivative \(0,\) = inf at \[0.375\]"),
    ({"target": _dull(derivative=lambda a, X: X[:, 0] * math.nan)}, ValueError, r"= nan at \[0.125\]"),
    ({"target": polynomial({(1,): 1e300})}, ValueError, "not a finite number up to 2.900; rescale"),
]


@pytest.mark.parametrize(("wrong", "kind", "words"), WRONG)
def test_refusals_name_argument_rule_value_and_remedy(wrong: dict[str, object], kind: type[Exception],
                                                      words: str) -> None:
    arguments: dict[str, object] = {"target": cosine_product([3.0]), "order": 2, "cells": 4}
    with pytest.raises(kind, match=words) as caught:
        taylor_cells(**(arguments | wrong))  # type: ignore[arg-type]
    assert str(caught.value).startswith(("taylor_cells: ", "kink"))


@pytest.mark.parametrize(("d", "arguments", "needs"), [
    (1, {"cells": 10**12}, "2,000,000,000,000 coefficients"),
    (3, {"cells": 1000}, "4,000,000,000 coefficients"),
    (3, {"tolerance": 1e-12}, "coefficients"),
    (1, {"tolerance": 1e-300}, "coefficients"),
    (20, {"cells": 2}, "22,020,096 coefficients"),
    (200, {"cells": 10**25}, r"about 10\^5002 coefficients"),  # more digits than Python prints
])
def test_absurd_sizes_are_refused_with_what_they_need(d: int, arguments: dict[str, float], needs: str) -> None:
    with pytest.raises(ValueError, match=rf"{needs}, more than 5,000,000; use fewer cells"):
        taylor_cells(cosine_product([1.0] * d), order=2, **arguments)  # type: ignore[arg-type]


def test_every_combination_of_small_arguments_gives_the_counted_network() -> None:
    for d, k, order in itertools.product((1, 2), (1, 2, 3), (1, 2, 5)):
        teacher = taylor_cells(cosines(d), order=order, cells=k)
        assert teacher.nonzeros == teacher.to_network().size.nonzeros
