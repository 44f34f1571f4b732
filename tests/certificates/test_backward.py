"""Backward linear bounds: the real network and every program stay inside without slack; what they are is LP-checked."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import box_points, dense_values, dyadic_network, machine_values, nudged, random_network, rational_layer
from scipy.optimize import linprog

from constructive.certificates import backward, relaxed
from constructive.certificates.backward import Backward, backward_bounds
from constructive.certificates.enclosure import interval_bounds
from constructive.network import Network

Array = NDArray[np.float64]
SHAPES = ([3, 2], [1, 4, 1], [3, 9, 7, 2], [2, 8, 8, 8, 1], [5, 6, 5, 6, 5, 3], [2, 60, 1])


def boxes(rng: np.random.Generator, n: int, d: int) -> tuple[Array, Array]:
    """Return boxes round Gaussian centers, a third of them points, with sides from 2^-30 to 1."""
    center = rng.normal(size=(n, d)) * 2.0 ** rng.integers(-3, 4, (n, 1))
    side = rng.random((n, d)) * 2.0 ** -rng.integers(0, 30, (n, 1)) * (rng.integers(0, 3, (n, 1)) > 0)
    return center - side, center + side


def questions(rng: np.random.Generator, n: int, m: int) -> Array:
    """Return rows (n, 3, m): a Gaussian one, one with zeros, and a difference of outputs."""
    rows = rng.normal(size=(n, 3, m))
    rows[:, 1] *= rng.random((n, m)) < 0.5
    rows[:, 2] = np.sign(rows[:, 2])
    return rows


def outside(rows: Array, value: Any, low: Array, high: Array) -> int:
    """Count combinations of one vector of outputs, in rational arithmetic, that leave the bounds."""
    count = 0
    for row, bottom, top in zip(rows.tolist(), low.tolist(), high.tolist(), strict=True):
        total = sum((Fraction(c) * Fraction(v) for c, v in zip(row, value, strict=True)), Fraction(0))
        count += not ((math.isinf(bottom) or Fraction(bottom) <= total) and (math.isinf(top) or total <= Fraction(top)))
    return count


def exact_violations(network: Network, low: Array, high: Array, rng: np.random.Generator) -> int:
    """Count exact values of random rows at points of the boxes that leave the bounds."""
    single = np.tile(np.eye(network.outputs), (low.shape[0], 1, 1))
    rows = np.concatenate([questions(rng, low.shape[0], network.outputs), single], axis=1)
    bottom, top = backward_bounds(network, low, high, rows)
    return sum(outside(rows[i], network.exact(x.tolist()), bottom[i], top[i])
               for i in range(low.shape[0]) for x in box_points(low[i], high[i], 5, rng))


def program_violations(network: Network, low: Array, high: Array, rng: np.random.Generator, points: int = 30) -> int:
    """Count numbers returned by random programs and dense products that leave the bounds, combined exactly."""
    rows = questions(rng, low.shape[0], network.outputs)
    plain, combined = backward_bounds(network, low, high, careful=True), backward_bounds(network, low, high, rows)
    count = 0
    for i in range(low.shape[0]):
        x = box_points(low[i], high[i], points, rng)
        if network.dtype == np.float32:  # the machine's inputs are the numbers of the format in the box
            x = x.astype(np.float32).astype(np.float64)
            x = x[((low[i] <= x) & (x <= high[i])).all(axis=1)]
        for values in (machine_values(network, x, rng), dense_values(network, x), network(x)):
            known = values[~np.isnan(values).any(axis=1)].astype(np.float64)  # inf - inf is no value
            count += int((~((plain[0][i] <= known) & (known <= plain[1][i]))).sum())
            known = known[np.isfinite(known).all(axis=1)]
            count += sum(outside(rows[i], value, combined[0][i], combined[1][i]) for value in known[:5].tolist())
    return count


# -- soundness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", SHAPES)
@pytest.mark.parametrize("exponents", [(0, 0), (-30, 30), (-300, -200)])
def test_real_values_lie_in_the_bounds(widths: list[int], exponents: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    network = random_network(rng, widths, exponents=exponents)
    low, high = boxes(rng, 10, widths[0])
    assert exact_violations(network, low, high, rng) == 0


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 8), st.integers(0, 4), st.sampled_from([0.3, 1.0]))
def test_drawn_networks_stay_inside(seed: int, d: int, width: int, hidden: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, [d, *[width] * hidden, 2], density=density)
    low, high = boxes(rng, 3, d)
    assert exact_violations(network, low, high, rng) == 0
    assert program_violations(network, low, high, rng) == 0


@pytest.mark.parametrize(("dtype", "exponents"), [
    (np.float64, (0, 0)), (np.float64, (-30, 30)), (np.float64, (-400, -300)), (np.float64, (300, 400)),
    (np.float32, (0, 0)), (np.float32, (-7, 7)),
    (np.float32, (-60, -40)),  # products below the smallest normal number
    (np.float32, (60, 70)),  # sums beyond the largest one
])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")  # in the oracles' programs
def test_every_program_stays_inside(dtype: type, exponents: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for widths in SHAPES:
        network = random_network(rng, widths, dtype=dtype, exponents=exponents, bias=0.3)
        low, high = boxes(rng, 8, widths[0])
        assert program_violations(network, low, high, rng) == 0


def test_cancellation_is_covered_in_every_order() -> None:
    # 1e16 + 1 - 1e16 is 0 or 1 depending on the order; the real value is x
    network = Network.build([([[1e16], [1.0], [1e16]], None), ([[1.0, 1.0, -1.0]], None)])
    rng = np.random.default_rng(2)
    point, rows = np.array([[1.0]]), np.ones((1, 1, 1))
    values = machine_values(network, np.ones((400, 1)), rng)
    assert values.min() < 1.0  # rounding shows
    low, high = backward_bounds(network, point, point, rows)
    assert low.item() <= values.min()
    assert values.max() <= high.item()


@pytest.mark.parametrize("maps", [
    [(np.zeros((3, 2)), np.array([0.1, -0.3, 0.0])), (np.ones((1, 3)), [0.7])],  # no input is read
    [(np.zeros((3, 2)), None), (np.zeros((1, 3)), None)],
    [([[1.0, 2.0], [0.1, -1.0]], [-100.0, -50.0]), ([[0.3, 0.7]], [0.1])],  # dead units
    [([[1e150, 1e150]], [1e150]), ([[1e150], [-1e150]], None), ([[1.0, 1.0]], [0.5])],  # overflows
    [([[1e-200, 1e-200]], [1e-320]), ([[1e-200]], [5e-324])],  # underflows
], ids=["biases", "zeros", "dead", "huge", "tiny"])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_degenerate_networks_stay_inside(maps: Any) -> None:
    network, rng = Network.build(maps), np.random.default_rng(3)
    low, high = boxes(rng, 6, 2)
    assert program_violations(network, low, high, rng) == 0
    assert exact_violations(network, low, high, rng) == 0
    assert not np.isnan(backward_bounds(network, low, high)).any()


@pytest.mark.parametrize("dense", [True, False])
def test_sparse_and_dense_products_are_both_sound(dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaxed, "_SMALL", 1 << 30 if dense else 0)
    monkeypatch.setattr(relaxed, "_DENSE", 0)
    monkeypatch.setattr(backward, "_ROW_NUMBERS", 1 << 8)  # many chunks
    rng = np.random.default_rng(4)
    network = random_network(rng, [3, 40, 30, 2], density=0.1)
    assert isinstance(Backward.of(network).maps[0].weight, np.ndarray) == dense
    low, high = boxes(rng, 8, 3)
    assert exact_violations(network, low, high, rng) == 0
    assert program_violations(network, low, high, rng) == 0


@pytest.mark.parametrize("norm", [1.0, 2.0, math.inf])
@pytest.mark.parametrize("radius", [0.0, 1e-9, 0.3])
def test_points_of_balls_lie_in_the_bounds_of_the_cut_boxes(norm: float, radius: float) -> None:
    rng = np.random.default_rng(5)
    network = random_network(rng, [4, 9, 7, 2])
    centers = rng.normal(size=(12, 4))
    low, high = centers - 2 * radius, centers + radius  # lopsided
    bottom, top = backward_bounds(network, low, high, within=(centers, radius, norm))
    for i in range(12):
        for _ in range(20):
            step = rng.normal(size=4) * (rng.random(4) < 0.6)
            length = max(np.linalg.norm(step, ord=norm), 1e-300)
            x = centers[i] + step / length * radius * (1 - 2.0**-40)
            x = x if ((low[i] <= x) & (x <= high[i])).all() else centers[i]
            exact = network.exact(x.tolist())
            assert all(Fraction(a) <= v <= Fraction(b)
                       for a, v, b in zip(bottom[i].tolist(), exact, top[i].tolist(), strict=True))


@pytest.mark.slow
def test_none_of_a_hundred_thousand_values_leaves_its_bounds() -> None:
    rng = np.random.default_rng(6)
    for trial in range(20):
        widths = SHAPES[1 + trial % (len(SHAPES) - 1)]
        network = random_network(rng, widths, exponents=(-2, 2))
        low, high = boxes(rng, 50, widths[0])
        bottom, top = backward_bounds(network, low, high)
        x = np.stack([box_points(a, b, 100, rng) for a, b in zip(low, high, strict=True)])
        values = machine_values(network, x.reshape(-1, widths[0]), rng).reshape(50, 100, -1)
        assert ((bottom[:, None] <= values) & (values <= top[:, None])).all()


# -- negative controls -------------------------------------------------------------------------------------


def test_one_changed_weight_in_any_layer_is_noticed() -> None:
    rng = np.random.default_rng(7)
    noticed = 0
    for layer in (0, 1, 2) * 3:
        network = random_network(rng, [2, 8, 8, 1], density=1.0)
        low = rng.normal(size=(20, 2))
        bottom, top = backward_bounds(network, low, low + 2.0**-20)
        faulty = nudged(network, layer, int(rng.integers(network.layers[layer].weight.nnz)), lambda w: w + 0.5)
        values, changed = faulty(low), (faulty(low) != network(low)).any()
        noticed += changed
        assert changed == (~((bottom <= values) & (values <= top))).any()
    assert noticed > 3


def test_lines_with_their_sides_exchanged_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = relaxed.Lines.over
    wrong = staticmethod(lambda a, b: relaxed.Lines(lines(a, b).chord, lines(a, b).floor, 0 * a, lines(a, b).lost))
    monkeypatch.setattr(relaxed.Lines, "over", wrong)
    rng = np.random.default_rng(8)
    network = random_network(rng, [3, 9, 7, 2])
    low, high = boxes(rng, 20, 3)
    assert exact_violations(network, low - 0.5, high + 0.5, rng) > 0


def test_a_chord_without_its_constant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = relaxed.Lines.over
    wrong = staticmethod(lambda a, b: relaxed.Lines(lines(a, b).floor, lines(a, b).chord, 0 * a, lines(a, b).lost))
    monkeypatch.setattr(relaxed.Lines, "over", wrong)
    absolute = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    _, high = backward_bounds(absolute, [[-1.0]], [[1.0]], [[[1.0]]])
    assert high.item() < 1.0  # |1| = 1


def test_forgotten_rounding_of_the_program_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = relaxed.forward

    def careless(affine: Any, low: Array, high: Array) -> Any:
        crossing = forward(affine, low, high)[0]
        center = affine.apply(low) + affine.bias  # the box is a point
        return relaxed.Crossing(affine, 0 * crossing.toll, crossing.lost), center, center

    monkeypatch.setattr(backward, "forward", careless)
    network = Network.build([([[1e16], [1.0], [1e16]], None), ([[1.0, 1.0, -1.0]], None)])
    values = machine_values(network, np.ones((400, 1)), np.random.default_rng(2))
    low, high = backward_bounds(network, [[1.0]], [[1.0]], [[[1.0]]])
    assert values.min() < low.item() or high.item() < values.max()


def test_forgotten_rounding_of_our_own_sums_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (relaxed, backward):
        monkeypatch.setattr(module, "rounding", lambda terms: 0.0)
        monkeypatch.setattr(module, "TINY", 0.0)

    def careless(affine: Any, low: Array, high: Array) -> Any:
        zero = np.zeros((1, affine.bias.size))
        return relaxed.Crossing(affine, zero, zero[:, 0]), zero - np.inf, zero + np.inf

    monkeypatch.setattr(backward, "forward", careless)
    affine = Network.build([([[0.1, 0.2, 0.3]], [0.7])])
    x = np.array([[0.1, 0.7, 0.9]])
    low, high = backward_bounds(affine, x, x, [[[1.0]]])
    (value,) = affine.exact(x[0].tolist())
    assert not (Fraction(low.item()) <= value <= Fraction(high.item()))


# -- tightness ---------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_bounds_are_at_least_as_tight_as_intervals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, SHAPES[int(rng.integers(len(SHAPES)))])
    low, high = boxes(rng, 5, network.inputs)
    plain = interval_bounds(network, low, high)
    ours = backward_bounds(network, low, high, careful=True)
    assert (ours[0] >= plain[0]).all()
    assert (ours[1] <= plain[1]).all()
    ours = backward_bounds(network, low, high)  # these allow for rounding everywhere
    most = (1 + np.maximum(np.abs(plain[0]), np.abs(plain[1])).max()) * 2.0**-30
    assert (ours[0] >= plain[0] - most).all()
    assert (ours[1] <= plain[1] + most).all()


def test_careful_bounds_prove_that_a_constant_is_one() -> None:
    step = Network.build([([[-4.0]], [1.0]), ([[-0.1]], [0.1]), ([[1.0]], None)])  # 0.1 from 1/4 on
    assert [end.item() for end in backward_bounds(step, [[0.25]], [[1.0]], careful=True)] == [0.1, 0.1]
    low, high = backward_bounds(step, [[0.25]], [[1.0]])
    assert low.item() < 0.1 < high.item()


def rational_backward(network: Network, row: list[Fraction], low: Array, high: Array) -> Fraction:
    """Return the lower bound of a network with one hidden layer by the definition, in rational arithmetic."""
    (w1, b1), (w2, b2) = (rational_layer(layer) for layer in network.layers)
    ends = [(Fraction(a), Fraction(b)) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    total = sum((c * b for c, b in zip(row, b2, strict=True)), Fraction(0))
    slopes = [Fraction(0)] * len(ends)
    for k, (weights, bias) in enumerate(zip(w1, b1, strict=True)):
        c = sum((r * w2[i][k] for i, r in enumerate(row)), Fraction(0))
        bottom = bias + sum(min(w * a, w * b) for w, (a, b) in zip(weights, ends, strict=True))
        top = bias + sum(max(w * a, w * b) for w, (a, b) in zip(weights, ends, strict=True))
        if bottom >= 0 or top <= 0:
            slope, constant = Fraction(bottom >= 0), Fraction(0)
        elif c >= 0:
            slope, constant = Fraction(top >= -bottom), Fraction(0)
        else:
            slope = top / (top - bottom)
            constant = -slope * bottom
        total += c * (constant + slope * bias)
        slopes = [s + c * slope * w for s, w in zip(slopes, weights, strict=True)]
    return total + sum(min(s * a, s * b) for s, (a, b) in zip(slopes, ends, strict=True))


def test_bounds_of_one_hidden_layer_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(9)
    for _ in range(20):
        network = dyadic_network(rng, [3, 6, 2])
        low = rng.integers(-8, 8, (1, 3)) / 8.0
        high = low + rng.integers(0, 9, (1, 3)) / 8.0
        row = rng.integers(-3, 4, (1, 1, 2)).astype(float)
        expected = rational_backward(network, [Fraction(v) for v in row[0, 0].tolist()], low[0], high[0])
        found = Fraction(Backward.of(network).bounds(low, high, row).lower.item())
        ends = interval_bounds(network, low, high)
        plain = sum(c * (ends[0][0, k] if c > 0 else ends[1][0, k]) for k, c in enumerate(row[0, 0].tolist()))
        if expected > plain:  # else the intervals, carried along, are better
            assert expected - Fraction(2.0**-40) <= found <= expected


def triangle_minimum(network: Network, row: Array, low: Array, high: Array) -> float:
    """Return the least value that the convex hulls of all ReLUs of one hidden layer allow, by linear programming."""
    (first, second) = network.layers
    w, b = first.weight.toarray(), first.bias
    c = row @ second.weight.toarray()
    bottom = np.minimum(w * low, w * high).sum(axis=1) + b
    top = np.maximum(w * low, w * high).sum(axis=1) + b
    d, n = w.shape[1], b.size
    slope = np.where(top <= 0, 0.0, np.where(bottom >= 0, 1.0, top / np.where(top > bottom, top - bottom, 1.0)))
    shift = np.where((bottom < 0) & (top > 0), -slope * bottom, 0.0)
    eye = np.eye(n)
    # h <= slope (w x + b) + shift, h >= w x + b, h >= 0
    upper = np.concatenate([np.hstack([-slope[:, None] * w, eye]), np.hstack([w, -eye])])
    limits = np.concatenate([slope * b + shift, -b])
    found = linprog(np.concatenate([np.zeros(d), c]), A_ub=upper, b_ub=limits,
                    bounds=[*zip(low, high, strict=True), *[(0, None)] * n])
    return float(found.fun + row @ second.bias)


def test_bounds_do_not_exceed_the_linear_program_of_all_hulls() -> None:
    rng = np.random.default_rng(10)
    for _ in range(20):
        network = random_network(rng, [3, 6, 2], density=1.0)
        low = rng.normal(size=(1, 3))
        high = low + rng.random((1, 3))
        row = rng.normal(size=(1, 1, 2))
        program = triangle_minimum(network, row[0, 0], low[0], high[0])
        found = Backward.of(network).bounds(low, high, row).lower.item()
        assert found <= program + 1e-9 * (1 + abs(program))  # the solver's own tolerance


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_bounds_of_one_hidden_neuron_are_its_range(sign: float) -> None:
    rng = np.random.default_rng(11)
    for _ in range(30):
        w, b = rng.integers(-8, 9, 3) / 8.0, float(rng.integers(-8, 9)) / 8.0
        network = Network.build([([w], [b]), ([[sign]], [0.25])])
        low = rng.integers(-8, 8, 3) / 8.0
        high = low + rng.integers(0, 9, 3) / 8.0
        ends = [max(float(np.where((w > 0) == up, w * high, w * low).sum()) + b, 0.0) for up in (False, True)]
        exact = sorted(sign * v + 0.25 for v in ends)
        bottom, top = backward_bounds(network, [low], [high], [[[1.0]]])
        assert exact[0] - 2.0**-40 <= bottom.item() <= exact[0]
        assert exact[1] <= top.item() <= exact[1] + 2.0**-40


def test_correlations_that_intervals_lose_are_kept() -> None:
    # relu(x + 2) - relu(x + 2) is 0; intervals over [-1, 1] give [-2, 2]
    network = Network.build([([[1.0], [1.0]], [2.0, 2.0]), ([[1.0, -1.0]], None)])
    bottom, top = backward_bounds(network, [[-1.0]], [[1.0]])
    assert -(2.0**-40) <= bottom.item() <= 0 <= top.item() <= 2.0**-40  # rounding only


def test_the_gap_to_the_range_vanishes_with_the_box() -> None:
    rng = np.random.default_rng(12)
    network = random_network(rng, [3, 9, 7, 2], density=1.0)
    center = rng.normal(size=(40, 3))
    excess = []
    for k in (4, 8, 12):
        low, high = center - 2.0**-k, center + 2.0**-k
        bottom, top = backward_bounds(network, low, high)
        x = np.clip(center[:, None] + rng.choice([-1.0, 1.0], (40, 400, 3)) * 2.0**-k, low[:, None], high[:, None])
        values = network(x)
        excess.append(float(((top - bottom) / (values.max(axis=1) - values.min(axis=1))).max()))
    assert excess[0] > excess[2]
    assert excess[2] < 1 + 2.0**-20  # all units keep their signs


# -- shapes ------------------------------------------------------------------------------------------------


def test_many_boxes_get_the_bounds_that_each_gets_alone() -> None:
    rng = np.random.default_rng(13)
    network = random_network(rng, [2, 20, 20, 3])
    low, high = boxes(rng, 1500, 2)
    together = backward_bounds(network, low, high)
    for i in (0, 700, 1499):
        alone = backward_bounds(network, low[i], high[i])
        for a, b in zip(together, alone, strict=True):
            # the library may add in another order
            np.testing.assert_allclose(a[i], b[0], rtol=2.0**-40, atol=2.0**-40)


def test_no_box_and_no_row_are_legal() -> None:
    network = random_network(np.random.default_rng(14), [2, 4, 3])
    assert [a.shape for a in backward_bounds(network, np.zeros((0, 2)), np.zeros((0, 2)))] == [(0, 3)] * 2
    empty = backward_bounds(network, np.zeros((5, 2)), np.ones((5, 2)), np.zeros((5, 0, 3)))
    assert [a.shape for a in empty] == [(5, 0)] * 2


@pytest.mark.parametrize(("arguments", "words"), [
    (([[0.0]], [[1.0]]), r"must be \(N, 2\)"), (([[1.0, 0.0]], [[0.0, 1.0]]), "lower <= upper"),
    (([[0.0, math.nan]], [[0.0, 1.0]]), "lower <= upper"), (([[0.0, 0.0]], [[0.0, math.inf]]), "finite"),
    (([[0.0, 0.0]], [[1.0, 1.0]], [[[1.0]]]), "rows"), (([[0.0, 0.0]], [[1.0, 1.0]], [[[math.nan] * 3]]), "rows"),
])
def test_bad_arguments_are_named(arguments: Any, words: str) -> None:
    network = random_network(np.random.default_rng(15), [2, 4, 3])
    with pytest.raises(ValueError, match=words):
        backward_bounds(network, *arguments)
