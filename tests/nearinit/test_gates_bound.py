"""Certified ranges of gated sums on caps: jumps included, against exact arcs, attacks, and by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from arc_cases import precise_range, random_caps, random_relus, relu_sum
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.nearinit import (
    GatedSum,
    PseudoNetwork,
    caps,
    circle_range,
    climb,
    draw_units,
    gated_range,
    separated_sphere,
)

seeds = st.integers(0, 2**32 - 1)


def random_gates(rng: np.random.Generator, d: int) -> GatedSum:
    """Return gated sums of several kinds: pseudo-networks, steps, networks, terms of one sign."""
    m = int(rng.integers(1, 40))
    gate, bias, kind = rng.normal(size=(m, d)), rng.normal(size=m), int(rng.integers(4))
    if kind == 0:
        return GatedSum(gate, bias, rng.normal(size=(m, d)) / m, np.zeros(m))
    if kind == 1:
        return GatedSum(gate, bias, np.zeros((m, d)), rng.normal(size=m))
    if kind == 2:
        return relu_sum(*random_relus(rng, d))
    return GatedSum(gate, bias, 0.1 * rng.normal(size=(m, d)), 1.0 + rng.random(m))


@settings(max_examples=200)
@given(seeds)
def test_the_exact_range_on_arcs_is_inside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = random_gates(rng, 2), random_caps(rng, 2)
    exact, certified = circle_range(function, found), gated_range(function, found)
    assert (certified.lower <= exact.lower).all()
    assert (exact.upper <= certified.upper).all()


@settings(max_examples=10)
@given(seeds)
def test_the_range_in_forty_digits_is_inside_without_slack(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = random_gates(rng, 2), random_caps(rng, 2)
    certified = gated_range(function, found)
    for i in range(found.n):
        low, high = precise_range(function, found, i)
        assert certified.lower[i] <= low
        assert high <= certified.upper[i]


@settings(max_examples=40)
@given(seeds, st.integers(3, 7))
def test_nothing_found_on_a_cap_is_outside(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = random_gates(rng, d), random_caps(rng, d)
    certified, n = gated_range(function, found), found.n
    _, values = climb(function, found, [*range(n)] * 2, [-1.0] * n + [1.0] * n)
    assert (certified.lower <= values[:n]).all()
    assert (values[n:] <= certified.upper).all()


@given(seeds)
def test_gates_that_are_open_or_shut_on_the_whole_cap_leave_only_rounding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    function, found = random_gates(rng, 2), random_caps(rng, 2)
    size = np.linalg.norm(function.gate, axis=1)
    stable = GatedSum(function.gate, 1.5 * size * rng.choice((-1.0, 1.0), size.size), function.linear, function.offset)
    exact, certified = circle_range(stable, found), gated_range(stable, found)
    slack = 2.0**-38 * float(np.abs(stable.linear).sum() + np.abs(stable.offset).sum() + 1)
    assert (certified.upper - exact.upper <= slack).all()
    assert (exact.lower - certified.lower <= slack).all()


@given(seeds)
def test_each_gate_costs_at_most_its_term(seed: int) -> None:
    """The bound is below the plain one: open gates, and the positive part of each term behind a crossed edge."""
    rng = np.random.default_rng(seed)
    function, found = random_gates(rng, 3), random_caps(rng, 3, 0.05)
    certified = gated_range(function, found)
    value = function(found.X)
    reach = 0.05 * np.linalg.norm(function.gate, axis=1)
    near = np.abs(found.X @ function.gate.T + function.gate_bias) <= reach * 1.001
    terms = np.abs(found.X @ function.linear.T + function.offset) + 0.1 * np.linalg.norm(function.linear, axis=1)
    widest = (near * terms).sum(axis=1) * 2 + 0.1 * np.linalg.norm(function.linear, axis=1).sum() + 1e-9
    assert (certified.upper <= value + widest).all()
    assert (certified.lower >= value - widest).all()


def test_a_pseudo_network_keeps_its_signs_on_whole_caps_by_proof() -> None:
    rng = np.random.default_rng(5)
    X = separated_sphere(4, 6, 1.0, rng=rng)
    units, y = draw_units(2048, 6, rng=rng), np.array([1.0, -1.0, 1.0, -1.0])
    opened = (units.preactivations(X) >= 0).T * 1.0
    duals = np.linalg.solve((X @ X.T) * (opened.T @ opened) / 2048, y)
    function, found = PseudoNetwork(units, (opened * duals) @ X).gated(), caps(X, 0.05)
    certified = gated_range(function, found)
    assert (np.where(y > 0, certified.lower, -certified.upper) > 0.25).all()
    assert (certified.deviation(y) < 0.75).all()


@pytest.mark.parametrize(("gate", "bias", "low", "high"), [
    ([0.0, 0.0], 0.0, 0.0, 2.0), ([0.0, 0.0], -1.0, 0.0, 0.0), ([0.0, 0.0], 1.0, 2.0, 2.0),
    ([1.0, 0.0], -1.0, 0.0, 2.0), ([0.0, 1.0], 0.0, 0.0, 2.0), ([0.0, 1.0], -0.75, 0.0, 0.0)])
def test_gates_at_the_edge_of_being_open(gate: list[float], bias: float, low: float, high: float) -> None:
    """A gate that is 0 everywhere is open, but rounding cannot tell: its bounds are those of both answers."""
    certified = gated_range(GatedSum([gate], [bias], [[0.0, 0.0]], [2.0]), caps([[1.0, 0.0]], 0.5))
    assert low - 1e-12 <= certified.lower[0] <= low
    assert high <= certified.upper[0] <= high + 1e-12


def test_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="the function has 3 inputs, the caps lie in dimension 2"):
        gated_range(GatedSum(np.zeros((1, 3)), [0.0], np.zeros((1, 3)), [1.0]), caps([[1.0, 0.0]], 0.5))
