"""Curves of one number and forms on boxes hold the exact network, whatever the knots; nothing is allowed for."""

from __future__ import annotations

import itertools
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import box_points, dyadic_network, nudged, random_network

from constructive.blocks import square_gate
from constructive.certificates import roots, univariate
from constructive.certificates.curves import Curve
from constructive.certificates.forms import Bounder, bernstein, exponents
from constructive.certificates.roots import Decomposition, decomposed
from constructive.network import Network

Array = np.ndarray[Any, np.dtype[np.float64]]


def chord(curve: Curve, x: Fraction) -> tuple[Fraction, Fraction]:
    """Return the chord at x and its slack, exactly."""
    i = min(max(int(np.searchsorted(curve.knots, float(x), "right")) - 1, 0), curve.knots.size - 2)
    while Fraction(curve.knots[i]) > x or (np.isinf(curve.slack[i]) and curve.knots[i] == x):
        i -= 1
    a, b = Fraction(curve.knots[i]), Fraction(curve.knots[i + 1])
    p, q = Fraction(curve.values[i]), Fraction(curve.values[i + 1])
    return (p if a == b else p + (q - p) * (x - a) / (b - a)), Fraction(curve.slack[i])


def on_line(whole: Decomposition, x: Fraction) -> tuple[Fraction, Fraction]:
    """Return what a decomposition of one input says of the output at x: value and error."""
    value, error = Fraction(whole.output.constant), Fraction(whole.output.doubt)
    for node, factor in whole.output.terms:
        v, e = chord(whole.nodes[node].curve, x)
        value, error = value + Fraction(factor) * v, error + abs(Fraction(factor)) * e
    return value, error


def points(low: float, high: float, rng: np.random.Generator, n: int = 40) -> list[Fraction]:
    a, b = Fraction(low), Fraction(high)
    return [a + (b - a) * Fraction(int(k), 1 << 20) for k in rng.integers(0, (1 << 20) + 1, n)] + [a, b]


def sawtooth(levels: int) -> Network:
    """Return x -> the tooth function composed ``levels`` times, through its deepest units: 2^(levels-1) teeth."""
    first = ([[2.0], [2.0]], [0.0, -1.0])
    inner = ([[2.0, -4.0], [2.0, -4.0]], [0.0, -1.0])
    return Network.build([first, *[inner] * (levels - 1), ([[1.0, -2.0]], None)])


# -- one dimension -------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([np.float64, np.float32]))
def test_a_random_network_of_one_input_lies_within_the_slack_of_its_curve(seed: int, depth: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, [1, *[6] * depth, 1], exponents=(-2, 2), dtype=dtype)
    low, high = sorted(rng.normal(size=2).tolist())
    whole = decomposed(network.astype(np.float64), [[(low, high)]])
    for x in points(low, high, rng):
        value, error = on_line(whole, x)
        assert abs(network.exact([x])[0] - value) <= error


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_the_slack_of_a_random_network_is_of_the_size_of_rounding(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    whole = decomposed(random_network(rng, [1, *[5] * depth, 1]), [[(-1.0, 1.0)]])
    for node in whole.nodes:
        size = float(np.abs(node.curve.values).max())
        assert node.curve.slack.max() <= 2.0**-36 * (1 + size) * 8.0**depth


@pytest.mark.parametrize("levels", [1, 4, 12])
def test_teeth_are_tabulated_with_a_slack_that_doubles_from_level_to_level(levels: int) -> None:
    whole = decomposed(sawtooth(levels), [[(0.0, 1.0)]])
    (curve,) = [node.curve for node in whole.nodes]
    assert curve.knots.size == 2**levels + 1
    assert curve.slack.max() <= 2.0**-45 * 2**levels
    assert (np.abs(whole.output.terms[0][1] * curve.values - np.arange(2**levels + 1) % 2) <= 2.0**-40).all()


@pytest.mark.parametrize("fault", ["moved", "missing", "random", "doubled"])
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_wrong_knots_cost_slack_and_nothing_else(fault: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = univariate.zeros

    def wrong(knots: Array, values: Array, slack: Array) -> Array:
        found = true(knots, values, slack)
        if fault == "moved":
            return found + (knots[-1] - knots[0]) * rng.normal(size=found.size) / 16
        if fault == "missing":
            return found[rng.random(found.size) < 0.5]
        if fault == "random":
            return knots[0] + (knots[-1] - knots[0]) * rng.random(5)
        return np.concatenate([found, found + 2.0**-50])

    network = dyadic_network(rng, [1, 5, 5, 5, 1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(univariate, "zeros", wrong)
        whole = decomposed(network, [[(-1.0, 1.0)]])
    for x in points(-1.0, 1.0, rng):
        value, error = on_line(whole, x)
        assert abs(network.exact([x])[0] - value) <= error


def test_without_room_for_knots_the_slack_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "MOST_KNOTS", 40)
    network = sawtooth(8)
    whole = decomposed(network, [[(0.0, 1.0)]])
    assert whole.nodes[0].curve.knots.size <= 40
    assert whole.nodes[0].curve.slack.max() > 0.4  # the lost teeth
    for x in points(0.0, 1.0, np.random.default_rng(0), 200):
        value, error = on_line(whole, x)
        assert abs(network.exact([x])[0] - value) <= error


def test_between_intervals_nothing_is_claimed() -> None:
    whole = decomposed(Network.build([([[1.0]], [-0.5]), ([[1.0]], None)]), [[(0.0, 0.25), (0.75, 1.0)]])
    (curve,) = [node.curve for node in whole.nodes]
    gap = int(np.searchsorted(curve.knots, 0.5)) - 1
    assert np.isinf(curve.slack[gap])
    assert np.isfinite(np.delete(curve.slack, gap)).all()


def test_many_local_bumps_keep_few_units_each() -> None:
    # 256 hats: on a part of the line only some are alive
    k = 256
    ramps = (np.ones((k + 1, 1)), -np.arange(k + 1) / k)
    hats = (k * (np.eye(k - 1, k + 1) - 2 * np.eye(k - 1, k + 1, 1) + np.eye(k - 1, k + 1, 2)), None)
    network = Network.build([ramps, hats, (np.eye(k - 1), None), (np.arange(1.0, k)[None, :], None)])
    whole = decomposed(network, [[(0.0, 1.0)]])
    assert abs(on_line(whole, Fraction(77, 256))[0] - 77) < Fraction(1, 1 << 30)


def test_hundreds_of_units_that_turn_are_taken_piece_by_piece() -> None:
    rng = np.random.default_rng(4)
    turns = np.sort(rng.random(700))
    first = (rng.choice([-1.0, 1.0, 3.0], (700, 1)), np.zeros(700))
    first[1][:] = -first[0][:, 0] * turns
    network = Network.build([first, (rng.normal(size=(3, 700)), None), (rng.normal(size=(1, 3)), None)])
    parts = univariate.Part.identity(0.0, 1.0).line(np.ones(700), -turns, np.zeros(700)).split()
    assert len(parts) > 1
    assert all(a.knots[-1] == b.knots[0] for a, b in zip(parts, parts[1:], strict=False))
    whole = decomposed(network, [[(0.0, 1.0)]])
    assert whole.nodes[0].curve.slack.max() < 2.0**-30
    for x in points(0.0, 1.0, rng, 60):
        value, error = on_line(whole, x)
        assert abs(network.exact([x])[0] - value) <= error


# -- several dimensions --------------------------------------------------------------------------------------------


def test_units_with_proportional_sums_share_one_number() -> None:
    first = ([[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0], [1.0, -1.0]], [0.0, 0.5, -1.0, 0.0])
    whole = decomposed(Network.build([first, ([[1.0, 1.0, 1.0, 1.0]], None)]), [[(0.0, 1.0)]] * 2)
    assert len(whole.sums) == 2
    assert len(whole.output.terms) == 2


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(2, 3), st.integers(1, 4), st.sampled_from([np.float64, np.float32]))
def test_forms_of_random_networks_hold_the_exact_values(seed: int, d: int, degree: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, [d, 5, 5, 4, 1], exponents=(-2, 2), dtype=dtype)
    whole = decomposed(network.astype(np.float64), [[(-1.0, 1.0)]] * d)
    bounder = Bounder.of(whole, degree)
    middle, reach = rng.uniform(-0.9, 0.9, (4, d)), 2.0 ** -rng.integers(0, 12, (4, 1)) * rng.random((4, d))
    low, high = np.clip(middle - reach, -1, 1), np.clip(middle + reach, -1, 1)
    forms = bounder(low, high)
    for i in range(4):
        for x in box_points(low[i], high[i], 6, rng):
            exact = network.exact(x.tolist())[0]
            assert Fraction(forms.lower[i]) <= exact <= Fraction(forms.upper[i])
            y = [Fraction(0) if r == 0 else (Fraction(v) - Fraction(m)) / Fraction(r)
                 for v, m, r in zip(x, forms.middle[i], forms.reach[i], strict=True)]
            value = sum((Fraction(c) * np.prod([t**e for t, e in zip(y, power, strict=True)])
                         for c, power in zip(forms.coefficients[i], bounder.exponents, strict=True)), Fraction(0))
            assert abs(exact - value) <= Fraction(forms.rest[i])


def test_where_no_unit_turns_the_rest_is_rounding() -> None:
    # in most tiny boxes a network is affine
    rng = np.random.default_rng(3)
    network = random_network(rng, [2, 6, 6, 1])
    bounder = Bounder.of(decomposed(network, [[(-1.0, 1.0)]] * 2), 2)
    middle = rng.uniform(-0.9, 0.9, (50, 2))
    rests = bounder(middle - 2.0**-20, middle + 2.0**-20).rest
    assert np.median(rests) < 2.0**-36


@pytest.mark.parametrize("degree", [1, 2, 4])
def test_a_square_of_something_hardly_known_is_held(degree: int) -> None:
    # z = |x| / 2 + 3 y / 2 is a polynomial up to a sixteenth; where |z| is large its square is off by more
    absolute = ([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], None)
    both = (np.outer([1.0, -1.0], [0.5, 0.5, 1.5, -1.5]), None)
    network = square_gate(5).network @ Network.build([absolute, both, ([[0.5, 0.5]], None)])
    bounder = Bounder.of(decomposed(network, [[(-1.0, 1.0)]] * 2), degree)
    forms = bounder(-np.ones((1, 2)), np.ones((1, 2)))
    for x, y in itertools.product(range(-8, 9), repeat=2):
        point = [Fraction(x, 8), Fraction(y, 8)]
        ys = [t / Fraction(r) for t, r in zip(point, forms.reach[0], strict=True)]
        value = sum((Fraction(c) * ys[0]**i * ys[1]**j
                     for c, (i, j) in zip(forms.coefficients[0], bounder.exponents, strict=True)), Fraction(0))
        assert abs(network.exact(point)[0] - value) <= Fraction(forms.rest[0])


@pytest.mark.parametrize(("dimension", "degree"), [(1, 3), (2, 2), (2, 4), (3, 2)])
def test_coefficients_in_bernsteins_basis_enclose_the_range(dimension: int, degree: int) -> None:
    rng = np.random.default_rng(dimension * 10 + degree)
    powers = np.array(exponents(dimension, degree))
    hull = bernstein(powers, degree)
    for _ in range(20):
        c = rng.integers(-8, 9, powers.shape[0]) / 8.0
        ends = hull @ c
        y = rng.integers(-8, 9, (200, dimension)) / 8.0
        values = (c * np.prod(y[:, None, :] ** powers[None, :, :], axis=2)).sum(axis=1)
        assert ends.min() - 2.0**-40 <= values.min()
        assert values.max() <= ends.max() + 2.0**-40


def test_a_moved_weight_moves_the_forms() -> None:
    # negative control: forms of one network do not hold another
    rng = np.random.default_rng(8)
    caught = 0
    for _ in range(30):
        network = dyadic_network(rng, [2, 4, 4, 1])
        layer = int(rng.integers(3))
        if network.layers[layer].weight.nnz == 0:
            continue
        entry = int(rng.integers(network.layers[layer].weight.nnz))
        other = nudged(network, layer, entry, lambda w: w + 0.5)
        x = rng.integers(-8, 9, (1, 2)) / 8.0
        forms = Bounder.of(decomposed(network, [[(-1.0, 1.0)]] * 2), 2)(x, x)
        exact, moved = network.exact(x[0].tolist())[0], other.exact(x[0].tolist())[0]
        assert Fraction(forms.lower[0]) <= exact <= Fraction(forms.upper[0])
        caught += moved != exact and not Fraction(forms.lower[0]) <= moved <= Fraction(forms.upper[0])
    assert caught >= 5


def test_a_network_that_reads_nothing_is_a_constant() -> None:
    network = Network.build([(np.zeros((2, 3)), [1.0, -1.0]), ([[0.5, 2.0]], [0.25])])
    whole = decomposed(network, [[(0.0, 1.0)]] * 3)
    forms = Bounder.of(whole, 2)(np.zeros((1, 3)), np.ones((1, 3)))
    assert forms.lower[0] <= 0.75 <= forms.upper[0]
    assert forms.upper[0] - forms.lower[0] < 1e-14


def test_boxes_and_points_beside_gaps_see_their_own_side() -> None:
    network = Network.build([([[1.0, 0.0], [0.0, 1.0]], None), ([[1.0, 1.0]], None)])
    intervals = [(0.0, 0.25), (0.5, 0.5), (0.75, 1.0)]
    bounder = Bounder.of(decomposed(network, [intervals] * 2), 2)
    ends = np.array([[0.0, 0.25], [0.25, 0.25], [0.5, 0.5], [0.75, 0.75], [0.75, 1.0], [1.0, 1.0]])
    low, high = np.repeat(ends[:, :1], 2, axis=1), np.repeat(ends[:, 1:], 2, axis=1)
    forms = bounder(low, high)
    assert (forms.lower <= low.sum(axis=1)).all()
    assert (forms.upper >= high.sum(axis=1)).all()
    assert (forms.upper - forms.lower <= (high - low).sum(axis=1) + 2.0**-40).all()


_PROGRAM = """
import numpy as np
from constructive.certificates.forms import Bounder
from constructive.certificates.roots import decomposed
from constructive.network import Network
rng = np.random.default_rng(0)
maps = [(rng.integers(-8, 9, (m, n)) / 8.0, rng.integers(-8, 9, m) / 8.0) for n, m in ((2, 4), (4, 4), (4, 1))]
low = rng.integers(-8, 8, (20, 2)) / 8.0
forms = Bounder.of(decomposed(Network.build(maps), [[(-1.0, 1.0)]] * 2), 3)(low, low + 0.125)
print([part.tobytes().hex() for part in (forms.coefficients, forms.rest, forms.lower, forms.upper)])
"""


def test_the_kernel_does_the_same_without_the_compiler() -> None:
    outputs = []
    for disabled in ("0", "1"):
        result = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True,
                                cwd=Path(__file__).resolve().parents[2],
                                env={"NUMBA_DISABLE_JIT": disabled, "PATH": "", "HOME": str(Path.home())})
        outputs.append(result.stdout)
    assert outputs[0] == outputs[1]


def test_bends_too_small_for_a_knot_are_in_the_slack() -> None:
    network = Network.build([([[1.0], [1.0]], [0.0, -0.5]), ([[1.0, 1.5 * 2.0**-44]], None)])
    whole = decomposed(network, [[(0.0, 1.0)]])
    assert whole.nodes[0].curve.knots.size == 2
    for x in (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)):
        value, error = on_line(whole, x)
        assert abs(network.exact([x])[0] - value) <= error
