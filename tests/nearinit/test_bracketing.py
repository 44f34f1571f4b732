"""Deviations on caps from both sides: the exact supremum is between, where it is known; and the bracket is not idle."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from arc_cases import random_caps
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.evidence import Evidence
from constructive.nearinit import (
    Caps,
    NearNetwork,
    PseudoNetwork,
    caps,
    circle_range,
    deviation_bracket,
    draw_units,
    paper_scale,
    robust_deviation,
    robust_fit,
    separated_sphere,
    tangent_scale,
    unit_scale,
)

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def random_network(seed: int, d: int) -> tuple[NearNetwork | PseudoNetwork, Caps, Array]:
    """Return a network of either kind, caps, and values."""
    rng = np.random.default_rng(seed)
    units = draw_units(2 * int(rng.integers(1, 30)), d, paired=bool(rng.integers(2)), rng=rng)
    found = random_caps(rng, d)
    theta = 3.0 * rng.normal(size=units.weight.shape)
    y = rng.uniform(-1, 1, found.n)
    if rng.integers(2):
        return PseudoNetwork(units, theta), found, y
    scale = (paper_scale, tangent_scale, lambda _: unit_scale())[rng.integers(3)](units.width)
    return NearNetwork(units, theta, scale), found, y


@settings(max_examples=60)
@given(seeds)
def test_the_exact_supremum_on_arcs_is_inside(seed: int) -> None:
    network, found, y = random_network(seed, 2)
    bracket, ranges = deviation_bracket(network, found, y), circle_range(network.gated(), found)
    exact = float(ranges.deviation(y).max())
    assert bracket.lower <= exact + ranges.rounding
    assert exact - ranges.rounding <= bracket.upper
    assert bracket.evidence is Evidence.ENCLOSED


@settings(max_examples=30)
@given(seeds, st.integers(3, 8))
def test_the_lower_end_is_the_attack_less_rounding_and_stronger_attacks_stay_below_the_upper(seed: int, d: int) -> None:
    network, found, y = random_network(seed, d)
    bracket = deviation_bracket(network, found, y, rng=4)
    attacked = robust_deviation(network.gated(), found, y, rng=4)
    strong = robust_deviation(network.gated(), found, y, rng=5, starts=6, steps=20, moves=100)
    assert attacked.worst - 1e-9 * (1 + attacked.worst) <= bracket.lower <= attacked.worst
    assert strong.worst <= bracket.upper


def test_a_gate_at_its_edge_is_not_counted_on() -> None:
    units = draw_units(1, 2, rng=0)
    edge = PseudoNetwork(type(units)([[0.0, 1.0]], [0.0], [1.0]), [[0.0, 5.0]])
    steep = PseudoNetwork(type(units)([[0.0, 1.0]], [0.0], [1.0]), [[5.0, 0.0]])
    center = caps([[1.0, 0.0]], 0.0)  # the gate is 0 at the center: open, and open only by convention
    assert deviation_bracket(edge, center, [0.0]).lower == 0.0
    assert deviation_bracket(steep, center, [0.0]).lower == 0.0
    assert 5.0 <= deviation_bracket(steep, center, [0.0]).upper <= 5.0 + 1e-9


@pytest.mark.parametrize("d", [4, 16])
def test_fitted_networks_have_the_right_sign_on_whole_caps_by_proof(d: int) -> None:
    """What attacks alone cannot say: the deviation is below 1 on every point of every cap."""
    X = separated_sphere(5, d, 0.9, rng=d)
    y, found = np.array([1.0, -1.0, 1.0, -1.0, 1.0]), caps(X, 0.05)
    units = draw_units(512, d, paired=True, rng=1)
    fit = robust_fit(found, y, units, error=0.1, rng=2).network
    real = [NearNetwork(units, fit.theta, scale) for scale in (tangent_scale(512), unit_scale())]
    for network in (fit, *real):
        bracket = deviation_bracket(network, found, y)
        assert 0.05 < bracket.lower <= bracket.upper < 0.5


def test_wrong_values_are_seen_from_below() -> None:
    network, found, _ = random_network(3, 3)
    assert deviation_bracket(network, found, np.full(found.n, 100.0)).lower > 50


@pytest.mark.parametrize("given_network", [None, "network", 1.0])
def test_other_things_are_refused(given_network: Any) -> None:
    with pytest.raises(TypeError, match="must be a NearNetwork or a PseudoNetwork"):
        deviation_bracket(given_network, caps(np.eye(2), 0.1), [0.0, 0.0])


def test_the_bracket_is_finite() -> None:
    for seed in range(20):
        network, found, y = random_network(seed, 5)
        bracket = deviation_bracket(network, found, y)
        assert 0 <= bracket.lower <= bracket.upper < math.inf
