"""The structural certificate: bumps found in shuffled weights, bounds equal to those of plain propagation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import box_points, machine_values, nudged

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.structural import find_bumps, structural_bounds
from constructive.network import Layer, Network
from constructive.students import memorize, separation
from constructive.teachers import fit_cells

Array = NDArray[np.float64]


def lattice(rng: np.random.Generator, n: int, d: int) -> tuple[Array, Array]:
    """Return n cubes of half-side 0.2 round distinct lattice points, at least 0.6 apart."""
    side = int(np.ceil(n ** (1 / d))) + 1
    cells = rng.permutation(side**d)[:n]
    centers = np.array(np.unravel_index(cells, (side,) * d), float).T
    return centers - 0.2, centers + 0.2


def dyadic(rng: np.random.Generator, *shape: int) -> Array:
    """Return weights with few bits: sums are then exact in any order, and can be compared with ==."""
    return rng.integers(-8, 9, shape) / 8.0


def bump_network(rng: np.random.Generator, lower: Array, upper: Array, *, teacher: int = 0,
                 shuffle: bool = True, dtype: type = np.float64) -> Network:
    """Return a difference of two rectified sums of bumps (ramp 1/4), with a dyadic teacher in one of them."""
    n, d = lower.shape
    faces = np.zeros((n * 2 * d, d))
    offsets = np.zeros(n * 2 * d)
    for i in range(n):
        for j in range(d):
            faces[2 * d * i + 2 * j, j], offsets[2 * d * i + 2 * j] = -1.0, lower[i, j]
            faces[2 * d * i + 2 * j + 1, j], offsets[2 * d * i + 2 * j + 1] = 1.0, -upper[i, j]
    first = np.vstack([faces, dyadic(rng, teacher, d)])
    first_bias = np.concatenate([offsets, dyadic(rng, teacher)])
    second = np.zeros((n + teacher, 2 * d * n + teacher))
    second[:n, : 2 * d * n] = np.kron(np.eye(n), np.full((1, 2 * d), -4.0))
    second[n:, 2 * d * n:] = dyadic(rng, teacher, teacher)
    second_bias = np.concatenate([np.ones(n), dyadic(rng, teacher)])
    third = np.zeros((2, n + teacher))
    third[0, :n] = rng.integers(1, 9, n) / 8.0
    third[1, :n] = rng.integers(1, 9, n) / 8.0
    third[0, n:] = dyadic(rng, teacher)
    fourth = np.array([[1.0, -1.0]])
    if shuffle:
        a, b = rng.permutation(first.shape[0]), rng.permutation(n + teacher)
        first, first_bias, second = first[a], first_bias[a], second[:, a]
        second, second_bias, third = second[b], second_bias[b], third[:, b]
    return Network.build([(first, first_bias), (second, second_bias), (third, None), (fourth, None)], dtype)


def dyadic_boxes(rng: np.random.Generator, n: int, d: int) -> tuple[Array, Array]:
    lower, upper = lattice(rng, n, d)
    return np.floor(lower * 64) / 64, np.ceil(upper * 64) / 64


@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 1), (20, 2), (30, 3), (12, 5)])
def test_the_boxes_are_read_from_shuffled_weights(n: int, d: int) -> None:
    rng = np.random.default_rng(n)
    lower, upper = dyadic_boxes(rng, n, d)
    pattern = find_bumps(bump_network(rng, lower, upper, teacher=5))
    assert pattern is not None
    found = sorted(map(tuple, np.hstack([pattern.lower, pattern.upper]).tolist()))
    assert found == sorted(map(tuple, np.hstack([lower, upper]).tolist()))
    assert (pattern.support_lower <= pattern.lower - 0.25).all()
    assert (pattern.support_upper >= pattern.upper + 0.25).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), [(1, 1), (7, 1), (20, 2), (30, 3), (12, 5)])
def test_without_a_teacher_the_bounds_equal_plain_propagation(n: int, d: int, dtype: type) -> None:
    rng = np.random.default_rng(n)
    lower, upper = lattice(rng, n, d)
    network = bump_network(rng, lower, upper, dtype=dtype)
    grow = rng.choice([-0.1, 0.0, 0.05, 0.4], (n, 1))
    structural = structural_bounds(network, lower - grow, upper + grow)
    plain = interval_bounds(network, lower - grow, upper + grow)
    assert structural is not None
    assert (structural[0] == plain[0]).all()
    assert (structural[1] == plain[1]).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), [(7, 1), (20, 2), (12, 5)])
def test_with_a_teacher_the_bounds_contain_plain_propagation(n: int, d: int, dtype: type) -> None:
    rng = np.random.default_rng(n)
    lower, upper = dyadic_boxes(rng, n, d)
    network = bump_network(rng, lower, upper, teacher=6, dtype=dtype)
    structural, plain = structural_bounds(network, lower, upper), interval_bounds(network, lower, upper)
    assert structural is not None
    assert (structural[0] <= plain[0]).all()
    assert (structural[1] >= plain[1]).all()


def test_one_box_sees_the_teacher_as_plain_propagation_does() -> None:
    rng = np.random.default_rng(0)
    lower, upper = dyadic_boxes(rng, 9, 2)
    network = bump_network(rng, lower, upper, teacher=6)
    for i in range(9):
        structural = structural_bounds(network, lower[i], upper[i])
        assert structural is not None
        assert structural[0] == interval_bounds(network, lower[i], upper[i])[0]
        assert structural[1] == interval_bounds(network, lower[i], upper[i])[1]


def test_every_program_stays_inside() -> None:
    rng = np.random.default_rng(1)
    lower, upper = lattice(rng, 15, 2)
    network = bump_network(rng, lower, upper, teacher=4)
    bounds = structural_bounds(network, lower - 0.2, upper + 0.2)
    assert bounds is not None
    for i in range(15):
        values = machine_values(network, box_points(lower[i] - 0.2, upper[i] + 0.2, 100, rng), rng)
        assert (bounds[0][i] <= values).all()
        assert (values <= bounds[1][i]).all()


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    lower, upper = lattice(rng, 20, 2)
    plain, mixed = (
        structural_bounds(bump_network(np.random.default_rng(3), lower, upper, shuffle=shuffle), lower, upper)
        for shuffle in (False, True)
    )
    assert plain is not None
    assert mixed is not None
    assert (plain[0] == mixed[0]).all()
    assert (plain[1] == mixed[1]).all()


@pytest.mark.parametrize(
    "network",
    [
        Network.build([([[1.0]], None)]),
        Network.build([([[1.0], [-1.0]], None), ([[-1.0, -1.0]], [1.0])]),
        Network.build([([[1.0, 1.0]], None), ([[-1.0]], [1.0]), ([[1.0]], None)]),
        Network.build([([[1.0]], None), ([[1.0]], [1.0]), ([[1.0]], None)]),
        Network.build([([[1.0]], None), ([[-1.0]], [-1.0]), ([[1.0]], None)]),
    ],
    ids=["affine", "two maps", "two coordinates", "rising", "negative bias"],
)
def test_there_is_no_answer_without_bumps(network: Network) -> None:
    assert find_bumps(network) is None
    zeros = np.zeros((2, network.inputs))
    assert structural_bounds(network, zeros, zeros + 1.0) is None


def test_any_moved_weight_on_a_path_to_the_boxes_changes_the_bounds() -> None:
    rng = np.random.default_rng(4)
    lower, upper = lattice(rng, 6, 2)
    network = bump_network(rng, lower, upper)
    query = lower - 0.03, upper + 0.03  # every ramp is entered and none is left, so every face matters
    bounds = structural_bounds(network, *query)
    assert bounds is not None
    for layer in range(network.depth):
        entries = network.layers[layer].weight.nnz
        for entry in rng.choice(entries, min(6, entries), replace=False).tolist():
            other = structural_bounds(nudged(network, layer, entry, lambda v: 1.0625 * v), *query)
            assert other is not None
            assert (other[0] != bounds[0]).any() or (other[1] != bounds[1]).any()


def test_a_bump_that_reaches_into_a_foreign_box_is_seen() -> None:
    rng = np.random.default_rng(5)
    lower, upper = dyadic_boxes(rng, 9, 2)
    network = bump_network(rng, lower, upper)
    bounds = structural_bounds(network, lower, upper)
    assert bounds is not None
    assert (bounds[0] == bounds[1]).all()  # constants, since supports and boxes are disjoint
    layers = list(network.layers)
    bias = layers[0].bias.copy()
    bias[3] = bias[3] - 1.0  # one face moves outward by 1, over its neighbors
    layers[0] = Layer.build(layers[0].weight, bias)
    other = structural_bounds(Network(tuple(layers)), lower, upper)
    plain = interval_bounds(Network(tuple(layers)), lower, upper)
    assert other is not None
    assert (other[0] == plain[0]).all()
    assert (other[1] == plain[1]).all()
    assert (other[0] != bounds[0]).any()


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("recipe", ["clip", "additive", "argmax", "lean"])
def test_tight_bounds_are_those_of_plain_propagation_and_loose_ones_contain_them(recipe: str, precision: str) -> None:
    """Students with deep teachers: the two ways add up the same terms, in another order."""
    from constructive.students import memorize, separation
    rng = np.random.default_rng([len(recipe), len(precision)])
    for hidden in (0, 1, 2, 3, 4):
        d = int(rng.integers(1, 5))
        X, y = rng.uniform(-1, 1, (12, d)), rng.integers(0, 2, 12)
        widths = [d, *[4] * hidden, 1]
        teacher = Network.build([(rng.normal(size=(b, a)), rng.normal(size=b))
                                 for a, b in zip(widths, widths[1:], strict=False)])
        student = memorize(X, y, radius=0.4 * separation(X, y).distance, teacher=teacher, recipe=recipe,
                           precision=precision)
        network = student.to_network()
        half = rng.uniform(0, 0.3, (40, 1))
        middle = rng.uniform(-1.2, 1.2, (40, d))
        low, high = middle - half, middle + half
        plain = interval_bounds(network, low, high)
        tight = structural_bounds(network, low, high, tight=True)
        loose = structural_bounds(network, low, high)
        unit = 2.0**-50 if precision == "float64" else 2.0**-21
        size = max(student.push, student.amplitude, float(np.abs(plain).max())) * (1 + 1 / student.ramp)
        for a, b in zip(plain, tight, strict=True):
            assert np.abs(a - b).max() <= 64 * unit * size
        assert (loose[0] <= tight[0] + 64 * unit * size).all()
        assert (loose[1] >= tight[1] - 64 * unit * size).all()
        values = np.asarray(network(middle), np.float64)
        assert ((tight[0] <= values) & (values <= tight[1])).all()


def shuffled(network: Network, rng: np.random.Generator) -> Network:
    """Return the same function with the units of every hidden layer in another order."""
    layers, read = [], np.arange(network.inputs)
    for k, layer in enumerate(network.layers):
        rows = rng.permutation(layer.outputs) if k + 1 < network.depth else np.arange(layer.outputs)
        layers.append(Layer.build(layer.weight[rows][:, read], layer.bias[rows], network.dtype))
        read = rows
    return Network(tuple(layers))


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(
    ("recipe", "kind"),
    [("clip", "signs"), ("clip", "real"), ("clip", "classes"), ("additive", "signs"), ("additive", "classes"),
     ("argmax", "classes"), ("lean", "signs"), ("lean", "classes"), ("height", "real"), ("needed", "real"),
     ("needed and shared", "classes"), ("merged", "signs"), ("domain", "signs"), ("one-sided", "signs"),
     ("patched", "signs")],
)
def test_where_no_sum_rounds_tight_bounds_are_those_of_plain_propagation_in_any_order_of_rows(
        recipe: str, kind: str, precision: str) -> None:
    """Dyadic data, teachers and boxes: every recipe, every layer shuffled, teachers before and behind the bumps."""
    from constructive.students import Recipe, memorize
    own = {"height": Recipe("height", gate="height"), "needed": Recipe("needed", faces="needed"),
           "needed and shared": Recipe("shared", gate="argmax", faces="needed", share=True),
           "merged": Recipe("merged", merge=True), "domain": Recipe("domain", domain=(-0.75, 0.75)),
           "one-sided": Recipe("one-sided", gate="argmax", one_sided=True), "patched": Recipe("patched", patch=True)}
    rng = np.random.default_rng([len(recipe), len(kind), len(precision)])
    for hidden in (0, 1, 2, 3) if precision == "float64" else (0, 1):  # deeper sums leave the 24 bits
        d = int(rng.integers(1, 4))
        X = np.array(np.unravel_index(rng.permutation(5**d)[:4 if d == 1 else 14], (5,) * d)).T / 2.0 - 1.0
        n = X.shape[0]
        y = {"signs": rng.choice([-1.0, 1.0], n), "real": rng.integers(-8, 9, n) / 8,
             "classes": rng.integers(0, 3, n)}[kind]
        y[:3] = (0, 1, 2) if kind == "classes" else (-1.0, 1.0, y[2])
        widths = [d, *[3] * hidden, 3 if kind == "classes" else 1]
        teacher = Network.build([(dyadic(rng, b, a), dyadic(rng, b)) for a, b in zip(widths, widths[1:], strict=False)])
        network = memorize(X, y, radius=0.125, teacher=None if recipe == "one-sided" else teacher,
                           recipe=own.get(recipe, recipe), precision=precision, rng=rng).to_network()
        middle, half = rng.integers(-80, 81, (60, d)) / 64.0, rng.integers(0, 24, (60, 1)) / 64.0
        low, high = middle - half, middle + half
        plain = interval_bounds(network, low, high)
        other = shuffled(network, rng)
        tight, loose = (structural_bounds(other, low, high, tight=tight) for tight in (True, False))
        if tight is None:  # the teacher was right on all balls
            assert recipe == "patched"
            continue
        assert loose is not None
        np.testing.assert_array_equal(tight[0], plain[0])
        np.testing.assert_array_equal(tight[1], plain[1])
        assert (loose[0] <= plain[0]).all()
        assert (plain[1] <= loose[1]).all()


def test_many_boxes_in_threads_and_blocks_get_the_bounds_of_each_alone() -> None:
    rng = np.random.default_rng(6)
    lower, upper = dyadic_boxes(rng, 40, 3)
    network = bump_network(rng, lower, upper, teacher=4)
    which = rng.integers(0, 40, 9000)
    grow = rng.integers(0, 16, (9000, 1)) / 64.0
    low, high = lower[which] - grow, upper[which] + grow
    many = structural_bounds(network, low, high, tight=True)
    assert many is not None
    for i in rng.integers(0, 9000, 50).tolist():
        alone = structural_bounds(network, low[i], high[i])
        assert alone is not None
        assert (many[0][i], many[1][i]) == (alone[0][0], alone[1][0])


def test_a_support_taken_too_small_is_caught() -> None:
    """The planted fault: supports that end with the plateau. Bounds over ramps then miss values."""
    from dataclasses import replace

    from constructive.certificates.structural import _Program
    rng = np.random.default_rng(7)
    lower, upper = dyadic_boxes(rng, 9, 2)
    network = bump_network(rng, lower, upper)
    pattern = find_bumps(network)
    assert pattern is not None
    query = upper + 1 / 64, upper + 1 / 32  # on the ramps, off the plateaus
    plain = interval_bounds(network, *query)
    for fault in (False, True):
        known = replace(pattern, support_lower=pattern.lower, support_upper=pattern.upper) if fault else pattern
        program = _Program.of(network, known)
        out = np.empty((9, 1)), np.empty((9, 1))
        program.run(*query, program.constants(query[0][:1], query[1][:1]), *out)
        assert ((out[0] == plain[0]).all() and (out[1] == plain[1]).all()) is not fault


@pytest.mark.parametrize(
    ("dtype", "slope", "weight", "bias", "x"),
    [(np.float64, 2.0**-100, 2.0**100, 2.0**-1000, 2.0**-1030),
     (np.float32, 2.0**-60, 2.0**100, 1.4 * 2.0**-49, 1.4001 * 2.0**-89)],
)
def test_a_face_that_underflows_ends_no_support(dtype: type, slope: float, weight: float, bias: float,
                                                x: float) -> None:
    """The real bump is 0 at x, the machine's is not: its face is lost below the smallest number."""
    network = Network.build([([[slope]], None), ([[-weight]], [bias]), ([[1.0]], None)], dtype)
    value = float(network(np.array([x], dtype))[0])
    bounds = structural_bounds(network, [[x]], [[x * 1.00001]])
    assert value > 0
    assert bounds is not None
    assert bounds[1].item() >= value


def test_a_teachers_steps_beside_bounded_bumps_change_no_bound() -> None:
    """Steps are bumps without an end on one side: the tree cuts only where most supports have ends."""
    rng = np.random.default_rng(3)
    X, y = rng.random((300, 2)), rng.choice((-1.0, 1.0), 300)
    teacher = fit_cells(X, y, order=1, cells=4, amplitude=1.0)
    student = memorize(X, y, radius=0.4 * separation(X, y).distance, teacher=teacher)
    network = student.to_network()
    assert find_bumps(network).rows.size > 300
    center = rng.random((200, 2))
    low, high = center - 0.03, center + 0.03
    bounds, plain = structural_bounds(network, low, high, tight=True), interval_bounds(network, low, high)
    for found, expected in zip(bounds, plain, strict=True):
        assert np.abs(found - expected).max() <= 2.0**-44
