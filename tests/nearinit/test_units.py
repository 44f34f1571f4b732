"""Units at initialization and the two networks near them: formulas, scales, distances, pairs, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.nearinit import (
    NearNetwork,
    PseudoNetwork,
    Scale,
    Units,
    balanced_scale,
    draw_units,
    expected_coupling,
    paper_scale,
    tangent_scale,
    unit_scale,
)

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)
widths = st.integers(1, 40)


def case(seed: int, width: int, paired: bool = False) -> tuple[Units, Array, Array]:
    """Return units, a move and points."""
    rng = np.random.default_rng(seed)
    m, d = 2 * width if paired else width, int(rng.integers(1, 6))
    units = draw_units(m, d, paired=paired, rng=rng)
    return units, rng.normal(size=(m, d)) * 10.0 ** rng.uniform(-2, 2), rng.normal(size=(20, d))


def rounding(units: Units, theta: Array, points: Array, product: float) -> float:
    """Return a bound of the rounding of P sum relu(u + <theta, x> / (m P)), in whichever order."""
    m, d = units.weight.shape
    reach = 1 + float(np.abs(points).max())
    size = product * (np.abs(units.weight).sum() + np.abs(units.bias).sum()) + np.abs(theta).sum() / m
    return (m + 4 * d + 16) * 2.0**-51 * reach * float(size)


# -- formulas ---------------------------------------------------------------------------------------------------------


@given(seeds, widths, st.floats(1e-3, 10.0), st.floats(1e-3, 10.0))
def test_the_real_network_is_its_formula_and_its_weights(seed: int, width: int, first: float, output: float) -> None:
    units, theta, points = case(seed, width)
    network, product = NearNetwork(units, theta, Scale(first, output)), first * output
    u = points @ units.weight.T + units.bias
    moved = u + units.sign * (points @ theta.T) / (width * product)
    formula = product * (units.sign * np.maximum(moved, 0)).sum(axis=1)
    slack = rounding(units, theta, points, product)
    assert (np.abs(network(points) - formula) <= slack).all()
    assert (np.abs(network.to_network()(points)[:, 0] - formula) <= slack).all()


@given(seeds, widths)
def test_the_pseudo_network_is_its_formula(seed: int, width: int) -> None:
    units, theta, points = case(seed, width)
    network = PseudoNetwork(units, theta)
    formula = ((units.preactivations(points) >= 0) * (points @ theta.T)).mean(axis=1)
    assert (np.abs(network(points) - formula) <= rounding(units, theta, points, 0.0)).all()
    assert (network.gated()(points) == network(points)).all()
    rows = [math.sqrt(math.fsum(v * v for v in row)) for row in theta.tolist()]
    assert math.isclose(network.frobenius, math.sqrt(math.fsum(r * r for r in rows) / width), rel_tol=1e-13)
    assert math.isclose(network.largest, max(rows), rel_tol=1e-14)


@given(seeds, widths)
def test_a_move_that_switches_no_unit_changes_the_network_by_the_pseudo_network(seed: int, width: int) -> None:
    units, theta, points = case(seed, width)
    network = NearNetwork(units, theta, unit_scale())
    before, after = units.preactivations(points), units.preactivations(points) + points @ (units.sign[:, None]
                                                                                         * theta).T / width
    still = ((before >= 0) == (after >= 0)).all(axis=1)
    change = network(points) - network.initial()(points)
    slack = 2 * rounding(units, theta, points, 1.0)
    assert (np.abs(change - network.linearized()(points))[still] <= slack).all()


@given(seeds, widths)
def test_the_pseudo_network_is_the_derivative_at_the_initialization(seed: int, width: int) -> None:
    units, theta, points = case(seed, width)
    short = 2.0**-20 * theta / np.abs(theta).max()
    clear = (np.abs(units.preactivations(points)) > 2.0**-8).all(axis=1)
    network = NearNetwork(units, short, unit_scale())
    slope = (network(points) - network.initial()(points)) * 2.0**20
    exact = PseudoNetwork(units, 2.0**20 * short)(points)
    assert (np.abs(slope - exact)[clear] <= 2.0**21 * rounding(units, short, points, 1.0)).all()


# -- scales -----------------------------------------------------------------------------------------------------------


@given(seeds, widths, st.integers(-8, 8))
def test_moving_a_factor_between_the_layers_changes_nothing(seed: int, width: int, k: int) -> None:
    units, theta, points = case(seed, width)
    one = NearNetwork(units, theta, Scale(0.5, 0.25))
    other = NearNetwork(units, theta, Scale(0.5 * 2.0**k, 0.25 * 2.0**-k))
    assert (one(points) == other(points)).all()
    assert (one.to_network()(points) == other.to_network()(points)).all()


@given(seeds, widths, st.sampled_from((paper_scale, tangent_scale)))
def test_distances_are_those_of_the_weights(seed: int, width: int, maker: Any) -> None:
    units, theta, _ = case(seed, width)
    network = NearNetwork(units, theta, maker(width))
    moved = network.to_network().layers[0].weight.toarray() - network.initial().to_network().layers[0].weight.toarray()
    frobenius, largest = network.distances()
    slack = 2.0**-52 * (np.abs(units.weight).max() + np.abs(moved).max()) * width * units.dimension
    assert abs(np.linalg.norm(moved) - frobenius) <= slack + 1e-13 * frobenius
    assert abs(np.linalg.norm(moved, axis=1).max() - largest) <= slack + 1e-13 * largest


@given(seeds, widths)
def test_at_the_scale_of_the_paper_distances_are_powers_of_the_width(seed: int, width: int) -> None:
    units, theta, _ = case(seed, width)
    scale, pseudo = paper_scale(width), PseudoNetwork(units, theta)
    frobenius, largest = NearNetwork(units, theta, scale).distances()
    assert math.isclose(scale.product, width ** (-5 / 6), rel_tol=1e-13)
    assert math.isclose(frobenius, width ** (-1 / 6) * pseudo.frobenius, rel_tol=1e-12)
    assert math.isclose(largest, width ** (-2 / 3) * pseudo.largest, rel_tol=1e-12)


@given(st.integers(1, 10**6), st.floats(0.1, 100.0))
def test_the_balanced_scale_makes_initial_size_and_small_move_coupling_equal(width: int, frobenius: float) -> None:
    product = balanced_scale(width, frobenius).product
    limit = frobenius**2 / (4 * math.sqrt(math.pi) * width * product)
    assert math.isclose(product * math.sqrt(width), limit, rel_tol=1e-12)
    assert expected_coupling(frobenius, width, product) <= limit * (1 + 1e-12)


def test_tangent_and_unit_scale() -> None:
    assert tangent_scale(64).product == 0.125
    assert unit_scale().product == 1.0


@pytest.mark.parametrize("scale", [paper_scale(400), tangent_scale(400)])
def test_the_initial_network_has_the_standard_deviation_of_its_scale(scale: Scale) -> None:
    """E f^2 = m P^2 E relu(u)^2 = m P^2 at a unit point; f / (P sqrt(m)) is a mean of 400 terms with kurtosis."""
    x = np.array([0.6, 0.0, 0.8])
    squares = np.array([float(NearNetwork(draw_units(400, 3, rng=seed), np.zeros((400, 3)), scale)(x)) ** 2
                        for seed in range(600)]) / (400 * scale.product**2)
    # the square has mean 1 and variance 2 + (E relu^4 - 3) / 400 = 2 + 3 / 400: five standard errors of 600 draws
    assert abs(squares.mean() - 1.0) <= 5 * math.sqrt((2 + 3 / 400) / 600)


# -- draws and pairs --------------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 20))
def test_paired_units_are_equal_with_opposite_signs_and_their_network_is_exactly_zero(seed: int, half: int) -> None:
    units, theta, points = case(seed, half, paired=True)
    assert units.paired
    assert units.width == 2 * half
    assert (units.weight[::2] == units.weight[1::2]).all()
    assert (units.bias[::2] == units.bias[1::2]).all()
    assert (units.sign == np.tile((1.0, -1.0), half)).all()
    for scale in (paper_scale(2 * half), unit_scale()):
        assert not NearNetwork(units, theta, scale).initial()(points).any()


def test_weights_and_biases_are_standard_normal_and_signs_fair() -> None:
    units = draw_units(20_000, 4, rng=5)
    together = np.concatenate([units.weight.ravel(), units.bias])
    count = together.size
    assert abs(together.mean()) <= 5 / math.sqrt(count)
    assert abs((together**2).mean() - 1) <= 5 * math.sqrt(2 / count)
    assert abs(units.sign.mean()) <= 5 / math.sqrt(20_000)
    assert abs((units.weight[:, 0] * units.bias).mean()) <= 5 / math.sqrt(20_000)
    assert units.weight.shape == (20_000, 4)
    assert units.dimension == 4


def test_equal_seeds_draw_equal_units() -> None:
    one, two, other = (draw_units(8, 2, rng=rng) for rng in (3, np.random.default_rng(3), 4))
    assert (one.weight == two.weight).all()
    assert (one.sign == two.sign).all()
    assert (one.weight != other.weight).any()


def test_parts_are_copied_and_frozen() -> None:
    theta = np.ones((2, 2))
    network = PseudoNetwork(draw_units(2, 2, rng=0), theta)
    theta[:] = 5.0
    assert (network.theta == 1.0).all()
    with pytest.raises(ValueError, match="read-only"):
        network.theta[0, 0] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        network.units.weight[0, 0] = 2.0


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("parts", "words"), [
    (([[1.0]], [0.0, 0.0], [1.0]), "weight must be"),
    (([1.0], [0.0], [1.0]), "weight must be"),
    (([[1.0]], [0.0], [2.0]), "sign must hold"),
    (([[1.0]], [0.0], [1.0], True), "paired=True needs units"),
    (([[1.0], [2.0]], [0.0, 0.0], [1.0, -1.0], True), "paired=True needs units"),
    (([[1.0], [1.0]], [0.0, 0.0], [1.0, 1.0], True), "paired=True needs units")])
def test_parts_that_are_no_units_are_refused(parts: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Units(*parts)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: draw_units(3, 2, paired=True, rng=0), "width=3 must be even with paired=True"),
    (lambda: draw_units(0, 2, rng=0), "width=0 must be >= 1"),
    (lambda: Scale(0.0, 1.0), "first=0.0 must be > 0"),
    (lambda: Scale(1.0, -1.0), "output=-1.0 must be > 0"),
    (lambda: balanced_scale(4, 0.0), "frobenius=0.0 must be > 0"),
    (lambda: PseudoNetwork(draw_units(3, 2, rng=0), np.ones((2, 3))), r"theta must have shape \(3, 2\)"),
    (lambda: NearNetwork(draw_units(3, 2, rng=0), np.full((3, 2), np.nan), unit_scale()), "theta must be finite")])
def test_what_is_no_network_near_initialization_is_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
