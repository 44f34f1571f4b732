"""Certified ranges on caps: the sandwich on the circle, soundness in any dimension, and the clamps it needs."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from arc_cases import precise_range, random_caps, random_relus, relu_network, relu_sum
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.nearinit import (
    Caps,
    cap_range,
    caps,
    circle_range,
    climb,
    draw_units,
    paper_scale,
    separated_sphere,
    unit_scale,
)
from constructive.nearinit.cap_forms import inner_range
from constructive.nearinit.units import NearNetwork
from constructive.network import Network

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def ends(attacked: Caps, function: object) -> tuple[Array, Array]:
    """Return the least and the largest value that an attack meets on each cap."""
    n = attacked.n
    _, values = climb(function, attacked, [*range(n)] * 2, [-1.0] * n + [1.0] * n)  # type: ignore[arg-type]
    return values[:n], values[n:]


def test_attack_exact_certified_in_this_order_for_two_hundred_networks() -> None:
    rng = np.random.default_rng(17)
    for _ in range(200):
        parts, found = random_relus(rng, 2), random_caps(rng, 2)
        exact, certified = circle_range(relu_sum(*parts), found), cap_range(relu_network(*parts), found)
        low, high = ends(found, relu_sum(*parts))
        assert (certified.lower <= exact.lower).all()
        assert (exact.lower - exact.rounding <= low).all()
        assert (high <= exact.upper + exact.rounding).all()
        assert (exact.upper <= certified.upper).all()


@settings(max_examples=10)
@given(seeds)
def test_the_range_in_forty_digits_is_inside_without_slack(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts, found = random_relus(rng, 2), random_caps(rng, 2)
    certified = cap_range(relu_network(*parts), found)
    for i in range(found.n):
        low, high = precise_range(relu_sum(*parts), found, i)
        assert certified.lower[i] <= low
        assert high <= certified.upper[i]


@settings(max_examples=40)
@given(seeds, st.integers(3, 6))
def test_nothing_found_on_a_cap_is_outside(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    parts, found = random_relus(rng, d), random_caps(rng, d)
    certified = cap_range(relu_network(*parts), found)
    low, high = ends(found, relu_sum(*parts))
    assert (certified.lower <= low).all()
    assert (high <= certified.upper).all()


@given(seeds)
def test_any_order_of_summation_stays_inside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight, bias, output = random_relus(rng, 4)
    found = random_caps(rng, 4)
    certified = cap_range(relu_network(weight, bias, output), found)
    for _ in range(5):
        order, axes = rng.permutation(output.size), rng.permutation(4)
        points = found.rim(np.arange(found.n), rng)[:, axes]
        hidden = np.maximum(points @ weight[order][:, axes].T + bias[order], 0.0)
        values = np.cumsum(hidden * output[order], axis=1)[:, -1]
        assert (certified.lower <= values).all()
        assert (values <= certified.upper).all()


def unclamped(parts: tuple[Array, Array, Array], found: Caps) -> tuple[Array, Array]:
    """Return what the interval bound would be with |w| cos(angle +- cap) for all rows: the fault to be caught."""
    weight, bias, output = parts
    size = np.linalg.norm(weight, axis=1)
    angle = np.arccos(np.clip(found.X @ weight.T / size, -1, 1))
    high = np.maximum(size * np.cos(angle - found.angle) + bias, 0)
    low = np.maximum(size * np.cos(angle + found.angle) + bias, 0)
    up, down = np.maximum(output, 0), np.maximum(-output, 0)
    return low @ up - high @ down, high @ up - low @ down


def test_without_clamps_the_sandwich_is_violated() -> None:
    rng, violated = np.random.default_rng(3), 0
    for _ in range(200):
        m = int(rng.integers(1, 5))
        parts = (rng.normal(size=(m, 2)), rng.normal(size=m), rng.choice((-1.0, 1.0), m))
        found = random_caps(rng, 2, 0.3)
        exact, (low, high) = circle_range(relu_sum(*parts), found), unclamped(parts, found)
        violated += bool(((exact.upper > high + exact.rounding) | (exact.lower < low - exact.rounding)).any())
    assert violated > 5


def test_a_row_that_points_into_the_cap_reaches_its_norm() -> None:
    center = np.array([[0.6, 0.8]])
    found = caps(center, 2 * math.sin(0.15))  # angle 0.3: without the clamp the end would be cos 0.3 = 0.9553
    low, high = inner_range(np.concatenate([center, -center]), found)
    assert 1.0 <= high[0, 0] <= 1.0 + 2.0**-43
    assert -1.0 - 2.0**-43 <= low[0, 1] <= -1.0
    assert abs(low[0, 0] - math.cos(0.3)) <= 2.0**-43


@given(seeds, st.integers(2, 9), st.sampled_from((0.0, 1e-9, 0.01, 0.4, 1.2, 1.9)))
def test_inner_products_are_enclosed_within_the_stated_excess(seed: int, d: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    center = rng.normal(size=d)
    found = caps([center / np.linalg.norm(center)], radius)
    rows = np.concatenate([rng.normal(size=(4, d)), found.X, -found.X, found.X + 1e-9 * rng.normal(size=(1, d)),
                           np.zeros((1, d))]) * 10.0 ** float(rng.integers(-3, 4))
    low, high = inner_range(rows, found)
    with mpmath.workdps(40):
        x = [mpmath.mpf(float(v)) for v in found.X[0]]
        length = mpmath.sqrt(mpmath.fsum(v * v for v in x))
        angle = 2 * mpmath.asin(mpmath.mpf(radius) / 2)
        for r, row in enumerate(rows.tolist()):
            p = mpmath.fsum(a * b for a, b in zip(row, x, strict=True)) / length
            size = mpmath.sqrt(mpmath.fsum(mpmath.mpf(a) ** 2 for a in row))
            q = mpmath.sqrt(max(size * size - p * p, 0))
            toward = mpmath.atan2(q, p)
            top = size * mpmath.cos(max(toward - angle, 0))
            bottom = size * mpmath.cos(min(toward + angle, mpmath.pi))
            excess = (8 * d + 128) * 2.0**-52 * size + d * 2.0**-498
            assert -(2.0**-100) * size <= high[0, r] - top <= excess
            assert -(2.0**-100) * size <= bottom - low[0, r] <= excess


@given(seeds)
def test_units_that_do_not_bend_leave_only_rounding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight, _, output = random_relus(rng, 2)
    bias = 1.5 * np.linalg.norm(weight, axis=1) * rng.choice((-1.0, 1.0), output.size)
    found = random_caps(rng, 2)
    exact, certified = circle_range(relu_sum(weight, bias, output), found), cap_range(
        relu_network(weight, bias, output), found)
    slack = 2.0**-40 * float(np.abs(output) @ (np.linalg.norm(weight, axis=1) + np.abs(bias)))
    assert (certified.upper - exact.upper <= slack).all()
    assert (exact.lower - certified.lower <= slack).all()


@given(seeds)
def test_the_negated_network_has_the_mirrored_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts, found = random_relus(rng, 3), random_caps(rng, 3)
    network = relu_network(*parts)
    one, other = cap_range(network, found), cap_range(-network, found)
    assert (one.upper == -other.lower).all()
    assert (one.lower == -other.upper).all()


@settings(max_examples=25)
@given(seeds, st.integers(-6, 6))
def test_moving_a_power_of_two_between_the_layers_changes_nothing_but_the_last_bits(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    (weight, bias, output), found = random_relus(rng, 3), random_caps(rng, 3)
    one = cap_range(relu_network(weight, bias, output), found)
    other = cap_range(relu_network(weight * 2.0**k, bias * 2.0**k, output * 2.0**-k), found)
    np.testing.assert_array_equal(one.upper, other.upper)


@given(seeds)
def test_a_constant_is_enclosed_by_its_neighbors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    value = float(rng.normal())
    certified = cap_range(Network.build([(np.zeros((1, 3)), [0.0]), ([[1.0]], [value])]), random_caps(rng, 3))
    assert (certified.lower <= value).all()
    assert (certified.upper >= value).all()
    assert (certified.upper - certified.lower <= abs(value) * 2.0**-43).all()


def test_a_network_near_initialization_is_certified_at_small_radius() -> None:
    rng = np.random.default_rng(2)
    units = draw_units(256, 3, rng=rng)
    network = NearNetwork(units, 3.0 * rng.normal(size=(256, 3)), paper_scale(256))
    found = caps(np.eye(3), 0.01)
    low, high = ends(found, network.gated())
    certified = cap_range(network.to_network(), found)
    assert (certified.lower <= low).all()
    assert (high <= certified.upper).all()
    # one affine function in each cap but for few units: the bound is within a tenth of what the attack spans
    assert (certified.upper - certified.lower <= 1.1 * (high - low)).all()


def paired_network(seed: int, d: int, size: float = 3.0) -> NearNetwork:
    rng = np.random.default_rng(seed)
    units = draw_units(2 * int(rng.integers(1, 40)), d, paired=True, rng=rng)
    return NearNetwork(units, size * rng.normal(size=units.weight.shape), unit_scale())


@settings(max_examples=40)
@given(seeds, st.integers(2, 5), st.sampled_from((0.1, 3.0, 300.0)))
def test_paired_networks_of_a_large_scale_stay_within_their_bounds(seed: int, d: int, size: float) -> None:
    network, found = paired_network(seed, d, size), random_caps(np.random.default_rng(seed), d)
    certified = cap_range(network.to_network(), found)
    low, high = ends(found, network.gated())
    assert (certified.lower <= low).all()
    assert (high <= certified.upper).all()
    if d == 2:
        exact = circle_range(network.gated(), found)
        assert (certified.lower <= exact.lower + exact.rounding).all()
        assert (exact.upper - exact.rounding <= certified.upper).all()


def test_pairs_are_what_certifies_a_large_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    units, found = draw_units(512, 6, paired=True, rng=rng), caps(separated_sphere(5, 6, 0.8, rng=rng), 0.1)
    network = NearNetwork(units, rng.normal(size=(512, 6)), unit_scale())
    low, high = ends(found, network.gated())
    joined = cap_range(network.to_network(), found)
    monkeypatch.setattr("constructive.nearinit.caps_bound._pairs", lambda *_: ())
    alone = cap_range(network.to_network(), found)
    assert (joined.upper <= alone.upper).all()
    assert (joined.upper - joined.lower < 0.1 * (alone.upper - alone.lower)).all()
    assert (joined.lower <= low).all()
    assert (high <= joined.upper).all()


def test_the_order_within_a_pair_does_not_matter() -> None:
    network, found = paired_network(3, 4).to_network(), random_caps(np.random.default_rng(3), 4, 0.1)
    turned = np.arange(network.layers[0].outputs).reshape(-1, 2)[:, ::-1].ravel()
    rows, bias = network.layers[0].weight.toarray()[turned], network.layers[0].bias[turned]
    other = Network.build([(rows, bias), (network.layers[1].weight.toarray()[:, turned], [0.0])])
    one, two = cap_range(network, found), cap_range(other, found)
    np.testing.assert_allclose(one.upper, two.upper, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.lower, two.lower, rtol=0, atol=1e-9)


def test_neighbors_that_are_no_copies_may_have_opposite_output_weights() -> None:
    """Any two units with opposite output weights are a pair: relu(z) - relu(z') <= max(0, z - z')."""
    rng = np.random.default_rng(8)
    for _ in range(40):
        m = 2 * int(rng.integers(1, 9)) + int(rng.integers(2))
        output = np.repeat(rng.choice((-1.0, 0.0, 1.0), m), 2)[:m] * np.tile((1.0, -1.0), m)[:m]
        parts = (rng.normal(size=(m, 2)), 0.1 * rng.normal(size=m), output)
        found = random_caps(rng, 2)
        exact, certified = circle_range(relu_sum(*parts), found), cap_range(relu_network(*parts), found)
        assert (certified.lower <= exact.lower).all()
        assert (exact.upper <= certified.upper).all()


def test_the_deviation_bounds_both_sides() -> None:
    network = Network.build([([[0.0, 1.0]], None), ([[1.0]], None)])
    certified = cap_range(network, caps([[1.0, 0.0]], 0.5))
    top = math.sin(2 * math.asin(0.25))
    assert top <= certified.deviation([0.0])[0] <= top + 2.0**-40
    assert 1.0 <= certified.deviation([1.0])[0] <= 1.0 + 2.0**-40


@pytest.mark.parametrize(("network", "words"), [
    (Network.build([([[1.0, 0.0]], None)]), "got depth 1 and 1 outputs"),
    (Network.build([([[1.0, 0.0]], None), ([[1.0], [2.0]], None)]), "got depth 2 and 2 outputs"),
    (Network.build([([[1.0]], None), ([[1.0]], None)]), "the network has 1 inputs, the caps lie in dimension 2")])
def test_what_is_no_two_layer_score_is_refused(network: Network, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cap_range(network, caps([[1.0, 0.0]], 0.5))


def test_rows_and_centers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rows must have shape \(m, 2\), got \(1, 3\)"):
        inner_range([[1.0, 0.0, 0.0]], caps([[1.0, 0.0]], 0.5))
    with pytest.raises(ValueError, match=r"X\[0\] has not; make them with caps"):
        inner_range([[1.0, 0.0]], Caps(np.array([[1.1, 0.0]]), 0.5))
