"""Steps, trapezoids, clip, absolute value, minimum and maximum: exact where they say so, sizes by formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import machine_values, nudged

from constructive.blocks import (
    Gate,
    absolute_gate,
    clip_gate,
    maximum_gate,
    minimum_gate,
    saturated_step,
    step_gate,
    trapezoid_gate,
)
from constructive.certificates.exact import piecewise_1d

THRESHOLD = st.one_of(st.integers(-2, 2).map(float), st.floats(-8, 8))
WIDTH = st.one_of(st.sampled_from([0.25, 1.0, 4.0]), st.floats(1e-3, 4.0))


def step(a: float, w: float, t: Fraction) -> Fraction:
    return min(max((t - Fraction(a)) / Fraction(w), Fraction(0)), Fraction(1))


def trapezoid(a: float, b: float, w: float, t: Fraction) -> Fraction:
    return max(1 - max(Fraction(a) - t, t - Fraction(b), Fraction(0)) / Fraction(w), Fraction(0))


def largest_error(gate: Gate, ideal: Callable[[Fraction], Fraction], kinks: list[Fraction]) -> Fraction:
    """Return the exact sup error of a gate that is constant outside all kinks: it is attained at a kink."""
    knots = piecewise_1d(gate.network, min(kinks) - 1, max(kinks) + 1).knots
    return max(abs(gate.network.exact([t])[0] - ideal(t)) for t in {*knots, *kinks})


def sized(gate: Gate) -> bool:
    return (gate.network.size.nonzeros, gate.network.size.units) == (gate.nonzeros, gate.units)


@given(THRESHOLD, WIDTH)
def test_the_error_of_a_step_is_exactly_the_stated_one(a: float, w: float) -> None:
    for gate in (step_gate(a, w), saturated_step(a, w)):
        kinks = [Fraction(a), Fraction(a) + Fraction(w)]
        assert largest_error(gate, lambda t: step(a, w, t), kinks) == gate.error
        assert sized(gate)


@given(st.integers(-64, 64), st.integers(-6, 6))
def test_steps_with_dyadic_ends_have_no_error(k: int, exponent: int) -> None:
    assert step_gate(k / 8, 2.0**exponent).error == saturated_step(k / 8, 2.0**exponent).error == 0


@given(THRESHOLD, WIDTH, st.fractions(0, 10))
def test_a_saturated_step_is_exact_off_its_band_for_any_width(a: float, w: float, beyond: Fraction) -> None:
    network = saturated_step(a, w).network
    assert network.exact([Fraction(a) - beyond]) == (0,)
    assert network.exact([Fraction(a) + Fraction(w) + beyond]) == (1,)


@given(THRESHOLD, WIDTH, st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_a_saturated_step_is_bit_exact_off_its_band(a: float, w: float, beyond: list[float]) -> None:
    gate, rng = saturated_step(a, w), np.random.default_rng(0)
    end = a + w if Fraction(a + w) >= Fraction(a) + Fraction(w) else math.nextafter(a + w, math.inf)
    below, above = np.array([[a - v] for v in beyond]), np.array([[end + v] for v in beyond])
    assert (machine_values(gate.network, below, rng) == 0.0).all()
    assert (machine_values(gate.network, above, rng) == 1.0).all()


def test_a_plain_step_is_not_bit_exact_far_above_its_band() -> None:
    t = np.linspace(2.0, 1e6, 1000)[:, None]
    assert (step_gate(0.1, 0.3)(t) != 1.0).any()
    assert (saturated_step(0.1, 0.3)(t) == 1.0).all()


@given(THRESHOLD, st.floats(0, 3), WIDTH)
def test_the_error_of_a_trapezoid_is_exactly_the_stated_one(a: float, side: float, w: float) -> None:
    b = a + side
    gate = trapezoid_gate(a, b, w)
    kinks = [Fraction(a) - Fraction(w), Fraction(a), Fraction(b), Fraction(b) + Fraction(w)]
    assert largest_error(gate, lambda t: trapezoid(a, b, w, t), kinks) == gate.error
    assert sized(gate)


GATES = {"step": step_gate(0.5, 0.25), "saturated": saturated_step(0.5, 0.25),
         "trapezoid": trapezoid_gate(0.5, 1.5, 0.25)}


@pytest.mark.parametrize("gate", GATES.values(), ids=GATES)
def test_any_moved_weight_is_noticed(gate: Gate) -> None:
    points = [Fraction(k, 16) for k in range(48)]
    for layer, affine in enumerate(gate.network.layers):
        for entry in range(affine.weight.nnz):
            moved = nudged(gate.network, layer, entry, lambda v: v * (1 + 2.0**-40))
            assert any(moved.exact([t]) != gate.network.exact([t]) for t in points)


@given(THRESHOLD, st.floats(1e-3, 9), st.fractions(-30, 30))
def test_the_clip_errs_by_exactly_the_rounding_of_its_height(low: float, height: float, t: Fraction) -> None:
    gate = clip_gate(low, low + height)
    ideal = min(max(t, Fraction(low)), Fraction(low + height))
    assert abs(gate.network.exact([t])[0] - ideal) <= gate.error
    assert abs(gate.network.exact([Fraction(low) - 1])[0] - Fraction(low)) == gate.error
    assert sized(gate)


@given(st.floats(0.01, 100), st.lists(st.floats(0, 1e9), min_size=1, max_size=20))
def test_a_symmetric_clip_is_exact_and_keeps_both_ends_bit_for_bit(bound: float, beyond: list[float]) -> None:
    gate, rng = clip_gate(-bound, bound), np.random.default_rng(0)
    assert gate.error == 0
    x = np.array(beyond)[:, None] + bound
    assert (machine_values(gate.network, x, rng) == bound).all()
    assert (machine_values(gate.network, -x, rng) == -bound).all()


@given(st.floats(-1e300, 1e300))
def test_the_absolute_value_is_bit_exact(x: float) -> None:
    assert absolute_gate()([x]).item() == abs(x)
    assert sized(absolute_gate())


@given(st.data(), st.integers(1, 9))
def test_extrema_are_exact(data: st.DataObject, k: int) -> None:
    x = data.draw(st.lists(st.fractions(-9, 9), min_size=k, max_size=k))
    assert minimum_gate(k).network.exact(x) == (min(x),)
    assert maximum_gate(k).network.exact(x) == (max(x),)


@pytest.mark.parametrize("k", range(1, 18))
def test_the_size_of_extrema_is_the_formula(k: int) -> None:
    gates = minimum_gate(k), maximum_gate(k)
    assert all(sized(gate) and gate.network.depth == 1 + (k - 1).bit_length() for gate in gates)
    if k > 1 and k & (k - 1) == 0:
        assert (gates[0].units, gates[0].nonzeros) == (3 * (k - 1), 8 * k - 9)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_the_first_argument_survives_bit_for_bit(a: float, b: float) -> None:
    if b <= a:
        assert maximum_gate(2)([a, b]).item() == a
    if a <= b:
        assert minimum_gate(2)([a, b]).item() == a


def test_bad_arguments_are_refused_by_name() -> None:
    for build in (step_gate, saturated_step):
        with pytest.raises(ValueError, match="width"):
            build(0.0, -1.0)
        with pytest.raises(ValueError, match=r"lost in rounding beside threshold=1e\+17"):
            build(1e17, 0.5)
        with pytest.raises(ValueError, match="threshold"):
            build(math.inf, 0.5)
        with pytest.raises(ValueError, match="lost in rounding"):
            build(1.7e308, 1e308)
    with pytest.raises(ValueError, match=r"a <= b, got a=2\.0"):
        trapezoid_gate(2.0, 1.0, 0.5)
    with pytest.raises(ValueError, match="lost in rounding"):
        trapezoid_gate(1e17, 1e17, 0.5)
    with pytest.raises(ValueError, match="clip_gate: upper"):
        clip_gate(1.0, 1.0)
    with pytest.raises(ValueError, match="upper - lower"):
        clip_gate(-1.7e308, 1.7e308)
    with pytest.raises(ValueError, match="k=0"):
        maximum_gate(0)
    with pytest.raises(TypeError, match="minimum_gate: k"):
        minimum_gate(2.0)  # type: ignore[arg-type]
