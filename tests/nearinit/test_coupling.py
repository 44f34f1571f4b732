"""Network minus linearization: the identity in rationals, its bounds at points, in expectation, over all points."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.nearinit import (
    GatedSum,
    NearNetwork,
    PseudoNetwork,
    Scale,
    Units,
    caps,
    circle_range,
    draw_units,
    expected_coupling,
    expected_uniform_coupling,
    measure_coupling,
    narrow_share,
    narrow_share_bound,
    paper_scale,
    robust_deviation,
    tangent_scale,
    uniform_coupling,
    unit_scale,
)

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def sphere(rng: np.random.Generator, k: int, d: int) -> Array:
    points = rng.normal(size=(k, d))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def lattice_case(rng: np.random.Generator) -> tuple[NearNetwork, NearNetwork, Array]:
    """Return two networks with the same units and points such that all sums are exact, and many units are 0 at them."""
    m, d = 8, int(rng.integers(1, 4))
    units = Units(rng.integers(-2, 3, (m, d)), rng.integers(-2, 3, m), rng.choice((-1.0, 1.0), m))
    scale = Scale(2.0 ** -int(rng.integers(0, 4)), 0.5)
    first, second = (8.0 * scale.product * rng.integers(-2, 3, (m, d)) for _ in range(2))
    return NearNetwork(units, first, scale), NearNetwork(units, second, scale), rng.integers(-1, 2, (30, d)) * 1.0


def linearization(base: NearNetwork, moved: NearNetwork, points: Array) -> Array:
    """Return (1/m) sum_r 1{active in base} <theta'_r - theta_r, x>, by matrices."""
    gates = base.gated()
    active = points @ gates.gate.T + gates.gate_bias >= 0.0
    return np.asarray((active * (points @ (moved.theta - base.theta).T)).sum(axis=1) / base.units.width)


# -- the identity ---------------------------------------------------------------------------------------------------


@given(st.fractions(-3, 3), st.fractions(-3, 3))
def test_the_identity_of_one_unit_holds_in_rationals_everywhere(u: Fraction, v: Fraction) -> None:
    beta = 1 if u >= 0 else -1
    assert max(u + v, 0) - max(u, 0) - (v if u >= 0 else 0) == max(-beta * (u + v), 0)


def test_a_product_of_indicators_misses_units_that_are_zero() -> None:
    u, v = 0, -1
    assert max(u + v, 0) - max(u, 0) - (v if u >= 0 else 0) == 1
    assert max(abs(v) - abs(u), 0) * (u * v < 0) == 0


@given(seeds)
def test_the_signed_sum_is_network_minus_linearization_exactly(seed: int) -> None:
    base, moved, points = lattice_case(np.random.default_rng(seed))
    found = measure_coupling(moved, points, base=base)
    assert (found.signed == moved(points) - base(points) - linearization(base, moved, points)).all()


@given(seeds)
def test_at_the_initialization_the_linearization_is_the_pseudo_network(seed: int) -> None:
    _, moved, points = lattice_case(np.random.default_rng(seed))
    found = measure_coupling(moved, points)
    assert (found.signed == moved(points) - moved.initial()(points) - moved.linearized()(points)).all()


def test_lattice_cases_do_have_units_that_are_zero() -> None:
    base, _, points = lattice_case(np.random.default_rng(0))
    assert (base.units.preactivations(points) == 0).mean() > 0.1


@given(seeds)
def test_the_bound_is_the_sum_without_signs(seed: int) -> None:
    base, moved, points = lattice_case(np.random.default_rng(seed))
    found = measure_coupling(moved, points, base=base)
    assert (np.abs(found.signed) <= found.bound).all()
    alike = Units(moved.units.weight, moved.units.bias, np.ones(8))
    base, moved = (NearNetwork(alike, f.units.sign[:, None] * f.theta, f.scale) for f in (base, moved))
    unsigned = measure_coupling(moved, points, base=base)
    assert (unsigned.signed == found.bound).all()
    assert (unsigned.bound == found.bound).all()


def test_shapes_are_kept_and_no_move_couples_nothing() -> None:
    units = draw_units(10, 3, paired=True, rng=0)
    network = NearNetwork(units, np.zeros((10, 3)), unit_scale())
    found = measure_coupling(network, np.ones((2, 5, 3)))
    assert found.signed.shape == found.bound.shape == (2, 5)
    assert not found.bound.any()
    assert measure_coupling(network, np.ones(3)).bound.shape == ()


def test_blocks_of_points_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    base, moved, points = lattice_case(np.random.default_rng(4))
    whole = measure_coupling(moved, points, base=base)
    monkeypatch.setattr("constructive.nearinit.coupling._NUMBERS", 24)
    parts = measure_coupling(moved, points, base=base)
    assert (parts.signed == whole.signed).all()
    narrow = np.abs(base.units.preactivations(points)) <= 1
    assert (narrow_share(base.units, points, 1.0) == narrow.mean(axis=1)).all()


# -- real networks beside the pseudo-network ------------------------------------------------------------------------


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("scale", [paper_scale(512), tangent_scale(512), unit_scale()], ids=["paper", "tangent", "one"])
def test_the_coupling_is_within_its_bound_at_ten_thousand_points(scale: Scale, paired: bool) -> None:
    rng = np.random.default_rng(8)
    units = draw_units(512, 8, paired=paired, rng=rng)
    theta = 6.0 * sphere(rng, 512, 8)
    if paired:
        theta[1::2] = theta[::2]
    network, points = NearNetwork(units, theta, scale), sphere(rng, 10_000, 8)
    difference = network(points) - network.initial()(points) - PseudoNetwork(units, theta)(points)
    found = measure_coupling(network, points)
    # rounding of three sums of m terms of size P (|w| + |b|) and |theta| / m: the networks', not the bound's
    size = scale.product * (np.linalg.norm(units.weight, axis=1) + np.abs(units.bias)).sum() + 6.0
    rounding = (512 + 32) * 2.0**-51 * size
    assert (np.abs(difference - found.signed) <= rounding).all()
    assert (np.abs(difference) <= found.bound + rounding).all()
    assert (found.bound > 0).mean() > 0.3  # the claim is not about zeros
    if paired:
        assert not network.initial()(points).any()


def test_the_pair_at_unit_scale_is_closer_to_the_pseudo_network_than_the_scale_of_the_paper() -> None:
    rng = np.random.default_rng(9)
    points, X = sphere(rng, 2000, 6), np.eye(6)
    worst = {}
    for name, paired, scale in (("paper", False, paper_scale(1024)), ("paired", True, unit_scale())):
        units = draw_units(1024, 6, paired=paired, rng=np.random.default_rng(1))
        theta = ((units.preactivations(X) >= 0).T * np.where(np.arange(6) % 2, -4.0, 4.0)) @ X
        real, pseudo = NearNetwork(units, theta, scale), PseudoNetwork(units, theta)
        worst[name] = np.abs(real(points) - pseudo(points)).max()
        found = measure_coupling(real, points).bound + np.abs(real.initial()(points))
        assert (np.abs(real(points) - pseudo(points)) <= found + 1e-12).all()
    assert worst["paired"] < 0.05 * worst["paper"]


def test_on_caps_the_two_networks_differ_by_no_more_than_the_bound_found_anywhere() -> None:
    rng = np.random.default_rng(10)
    units = draw_units(256, 4, paired=True, rng=rng)
    found, theta = caps(np.eye(4), 0.2), 5.0 * np.repeat(sphere(rng, 128, 4), 2, axis=0)
    network = NearNetwork(units, theta, tangent_scale(256))
    y = PseudoNetwork(units, theta)(found.X)
    attacked = robust_deviation(network.gated(), found, y, rng=0)
    pseudo = PseudoNetwork(units, theta)(attacked.points)
    assert (np.abs(attacked.values - pseudo) <= measure_coupling(network, attacked.points).bound + 1e-12).all()


# -- in expectation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("v", "value"), [(0.3, 0.012646875492), (1.0, 0.135451644826), (2.5, 0.707696137996),
                                          (8.0, 3.435810418274)])
def test_golden_expectations(v: float, value: float) -> None:
    assert abs(expected_coupling(v, 1, 1.0) - value) <= 6e-13  # twelve decimals are given
    assert expected_coupling(v, 1, 1.0, dependent=True) == 2 * expected_coupling(v, 1, 1.0)


@given(st.floats(1e-8, 50.0), st.integers(1, 10**6), st.floats(1e-4, 1.0))
def test_the_expectation_is_below_its_small_move_limit_and_grows(length: float, width: int, product: float) -> None:
    found = expected_coupling(length, width, product)
    assert 0 <= found <= length**2 / (4 * math.sqrt(math.pi) * width * product) * (1 + 2.0**-40)
    assert found <= expected_coupling(1.01 * length, width, product)
    # homogeneous: only v = length / (m P) and the factor m P matter
    size = width * product
    assert math.isclose(found, size * expected_coupling(length / size, 1, 1.0), rel_tol=1e-9)


@pytest.mark.parametrize("dependent", [False, True])
@pytest.mark.parametrize("v", [0.3, 1.0, 2.5])
def test_the_mean_over_random_units_is_the_expectation(v: float, dependent: bool) -> None:
    m, d = 200_000, 3
    units = draw_units(m, d, rng=12)
    x = np.array([[0.0, 0.6, 0.8]])
    signs = np.ones(m)
    if dependent:  # every unit is moved toward its other side
        signs = np.where(units.preactivations(x)[0] >= 0, -1.0, 1.0)
    theta = v * (signs * units.sign)[:, None] * x  # v_r = +-v at P = 1 / m
    found = float(measure_coupling(NearNetwork(units, theta, Scale(1.0, 1.0 / m)), x).bound[0])
    # m terms in [0, v]: farther off than this with probability 2e-6 (Hoeffding)
    assert abs(found - expected_coupling(v, m, 1.0 / m, dependent=dependent)) <= v * math.sqrt(math.log(1e6) / (2 * m))


# -- over all points ------------------------------------------------------------------------------------------------


def test_the_uniform_bound_holds_in_two_thousand_random_cases() -> None:
    rng = np.random.default_rng(21)
    for _ in range(2000):
        m, d = 2 * int(rng.integers(1, 40)), int(rng.integers(1, 6))
        units = draw_units(m, d, paired=bool(rng.integers(2)), rng=rng)
        scale = (paper_scale(m), tangent_scale(m), unit_scale())[rng.integers(3)]
        first, second = (10.0 ** rng.uniform(-1, 2) * rng.normal(size=(m, d)) for _ in range(2))
        if rng.integers(2):
            first = np.zeros((m, d))
        points = sphere(rng, 10, d)
        base, moved = NearNetwork(units, first, scale), NearNetwork(units, second, scale)
        found = measure_coupling(moved, points, base=base)
        sizes = [float(np.linalg.norm(theta, axis=1).max()) * (1 + 2.0**-40) for theta in (first, second)]
        assert (found.bound <= uniform_coupling(units, points, scale.product, *sizes)).all()


def test_half_the_reach_would_not_do() -> None:
    """The negative control: the count at |u| <= max(H, H') / (2 m P) is exceeded."""
    rng, exceeded = np.random.default_rng(22), 0
    for _ in range(200):
        units = draw_units(6, 2, rng=rng)
        theta = 10 * sphere(rng, 6, 2)
        points = sphere(rng, 10, 2)
        found = measure_coupling(NearNetwork(units, theta, unit_scale()), points).bound
        exceeded += bool((found > 10.0 * narrow_share(units, points, 10.0 / 12.0)).any())
    assert exceeded > 10


def share_of_narrow_units(units: Units, reach: float) -> GatedSum:
    """Return x -> share of |u_r(x)| <= reach, as 1{u + v >= 0} + 1{v - u >= 0} - 1 for each unit."""
    m, zero = units.width, np.zeros((2 * units.width + 1, units.dimension))
    gate = np.concatenate([units.weight, -units.weight, zero[:1]])
    bias = np.concatenate([units.bias + reach, reach - units.bias, [0.0]])
    return GatedSum(gate, bias, zero, np.concatenate([np.full(2 * m, 1.0 / m), [-1.0]]))


@pytest.mark.parametrize("reach", [0.02, 0.1, 0.5])
def test_the_largest_share_on_the_circle_is_below_its_bound(reach: float) -> None:
    circle = caps([[1.0, 0.0]], 1.9999)
    units = draw_units(1024, 2, rng=6)
    exact = circle_range(share_of_narrow_units(units, reach), circle).upper[0]
    assert reach / 2 <= exact <= narrow_share_bound(1024, 2, reach) < 1


def test_the_share_as_a_gated_sum_is_the_share() -> None:
    units, points = draw_units(64, 3, rng=1), sphere(np.random.default_rng(2), 50, 3)
    np.testing.assert_allclose(share_of_narrow_units(units, 0.25)(points), narrow_share(units, points, 0.25), rtol=0,
                               atol=64 * 2.0**-52)


def test_the_bound_of_the_share_as_printed_in_a_table() -> None:
    assert round(narrow_share_bound(4096, 2, 0.1), 3) == 0.240


@given(st.integers(1, 10**7), st.integers(1, 40), st.floats(0, 2))
def test_the_bound_of_the_share_counts_cells_exactly_and_is_monotone(width: int, dimension: int, reach: float) -> None:
    found = narrow_share_bound(width, dimension, reach)
    cells = sum(math.comb(2 * width, j) for j in range(dimension + 1))
    exact = min(1.0, reach / math.sqrt(math.pi) + 2 * math.sqrt(2 * math.log(cells) / width))
    assert math.isclose(found, exact, rel_tol=1e-7)
    assert found <= narrow_share_bound(width, dimension + 1, reach) * (1 + 1e-7)
    assert found >= min(1.0, reach / math.sqrt(math.pi))


def test_the_expected_uniform_bound_is_their_product_and_counts_pairs_once() -> None:
    one = expected_uniform_coupling(10**8, 4, 1.0, 3.0, 2.0)
    assert one == 5.0 * narrow_share_bound(10**8, 4, 3.0 / 10**8)
    paired = expected_uniform_coupling(10**8, 4, 1.0, 3.0, 2.0, paired=True)
    assert paired == 5.0 * narrow_share_bound(10**8 // 2, 4, 3.0 / 10**8) > one


# -- refusals -------------------------------------------------------------------------------------------------------


def test_a_base_of_other_units_or_scale_is_refused() -> None:
    units = draw_units(4, 2, rng=0)
    network = NearNetwork(units, np.zeros((4, 2)), unit_scale())
    with pytest.raises(ValueError, match="base must have the units and the scale"):
        measure_coupling(network, np.ones(2), base=NearNetwork(draw_units(4, 2, rng=1), np.zeros((4, 2)), unit_scale()))
    with pytest.raises(ValueError, match="base must have the units and the scale"):
        measure_coupling(network, np.ones(2), base=NearNetwork(units, np.zeros((4, 2)), paper_scale(4)))
    with pytest.raises(ValueError, match=r"x must have shape \(..., 2\), got \(3,\)"):
        measure_coupling(network, np.ones(3))


@pytest.mark.parametrize("call", [
    lambda: expected_coupling(-1.0, 4, 1.0), lambda: expected_coupling(1.0, 0, 1.0),
    lambda: expected_coupling(1.0, 4, 0.0), lambda: narrow_share_bound(4, 2, -0.1),
    lambda: expected_uniform_coupling(1, 2, 1.0, 1.0, paired=True)])
def test_sizes_out_of_range_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        call()  # type: ignore[operator]
