"""The nearest-neighbor network: its size, its values, its Lipschitz constant, and the proof from its weights."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from student_cases import box_points

from constructive.certificates.distances import read_nearest
from constructive.network import Layer, Network
from constructive.students import NearestNeighbor, separation
from constructive.students.memorizer import Memorizer, Shape
from constructive.students.nearest import closest_secant, nearest_network, nearest_shape

Array = np.ndarray[Any, Any]


def dyadic(rng: np.random.Generator, n: int, d: int) -> tuple[Array, Array]:
    """Distinct points of the grid 1/64, both labels."""
    X = np.unique(rng.integers(-64, 65, (n, d)), axis=0)
    X = X[rng.permutation(len(X))] / 64.0
    y = rng.choice([-1, 1], len(X))
    y[:2] = (1, -1)
    return X, y


@st.composite
def members(draw: Any, most: int = 12) -> Memorizer:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    norm = draw(st.sampled_from([1.0, math.inf]))
    X, y = dyadic(rng, draw(st.integers(2, most)) + 1, draw(st.integers(1, 5)))
    share = draw(st.sampled_from([0.0, 0.25, 0.375]))
    return nearest_network(X, y, radius=share * separation(X, y, norm=norm).distance, norm=norm)


def distances(x: Array, centers: Array, norm: float) -> Fraction:
    """The distance to the nearest center, exactly."""
    gaps = [[abs(Fraction(s) - Fraction(t)) for s, t in zip(x.tolist(), c.tolist(), strict=True)] for c in centers]
    return min(max(g) if norm == math.inf else sum(g) for g in gaps)


def check_size(member: Memorizer) -> None:
    size = member.network.size
    assert Shape(size.depth, size.width, size.units, size.nonzeros) == member.shape


@given(members())
@settings(max_examples=30)
def test_the_size_is_its_formula(member: Memorizer) -> None:
    check_size(member)


@pytest.mark.slow
@given(members())
@settings(max_examples=200)
def test_the_size_is_its_formula_on_two_hundred_instances(member: Memorizer) -> None:
    check_size(member)


@pytest.mark.parametrize(("n", "d", "norm", "nonzeros", "depth"), [
    (64, 8, math.inf, 10 * 8 * 64 - 3, 4 + 3 + 5), (16, 1, math.inf, 10 * 16 - 3, 4 + 3),
    (64, 8, 1.0, 6 * 8 * 64 + 9 * 32 - 3, 5 + 5), (200, 8, math.inf, 15997, 14), (200, 8, 1.0, 10497, 12)])
def test_for_powers_of_two_the_recursion_has_a_closed_form(n: int, d: int, norm: float, nonzeros: int,
                                                           depth: int) -> None:
    shape = nearest_shape(d, n // 2, n // 2, norm)
    assert (shape.nonzeros, shape.depth) == (nonzeros, depth)


@given(members(8), st.integers(0, 2**32))
@settings(max_examples=20)
def test_it_is_the_clipped_difference_of_distances_in_rational_arithmetic(member: Memorizer, seed: int) -> None:
    rng = np.random.default_rng(seed)
    upper, lower = (member.X[member.y == s] for s in (1, -1))
    for x in rng.integers(-80, 81, (5, member.X.shape[1])) / 64.0:
        g = Fraction(member.slope) / 2 * (distances(x, lower, member.norm) - distances(x, upper, member.norm))
        assert member.network.exact(x.tolist()) == (max(min(g, Fraction(1)), Fraction(-1)),)


@given(members())
@settings(max_examples=20)
def test_the_weights_alone_tell_the_centers_the_constant_and_the_balls(member: Memorizer) -> None:
    rule = read_nearest(member.network)
    for found, sign in ((rule.upper, 1), (rule.lower, -1)):
        assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, member.X[member.y == sign].tolist()))
    assert rule.slope == member.slope
    if member.X.shape[1] > 1:  # on a line both norms are one
        assert rule.norm == member.norm
    assert rule.right(member.X, member.y, member.radius).all()
    assert not rule.right(member.X, member.y, member.radius * 1.001 + 1e-6).all()


@given(members())
@settings(max_examples=20)
def test_its_constant_is_the_least_that_any_memorizer_of_these_balls_can_have(member: Memorizer) -> None:
    rise, run = closest_secant(member)
    apart = separation(member.X, member.y, norm=member.norm).distance
    assert rise == 2
    assert run == Fraction(apart) - 2 * Fraction(member.radius)
    assert rise / run <= Fraction(member.slope) <= rise / run * (1 + Fraction(1, 2**51))


def test_where_the_gap_is_a_power_of_two_the_constant_is_exact() -> None:
    member = nearest_network([[0.0, 0.0], [1.0, 0.5], [3.0, 3.0]], [1, -1, 1], radius=0.25)
    rise, run = closest_secant(member)
    assert Fraction(member.slope) == rise / run == 4


@given(members(), st.integers(0, 2**32))
@settings(max_examples=30)
def test_no_secant_is_steeper(member: Memorizer, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(-80, 81, (6, member.X.shape[1])) / 64.0
    b = a + rng.integers(-8, 9, a.shape) / 512.0
    for p, q in zip(a, b, strict=True):
        rise = abs(member.network.exact(p.tolist())[0] - member.network.exact(q.tolist())[0])
        assert rise <= Fraction(member.slope) * distances(p, q[None, :], member.norm)


@pytest.mark.parametrize("norm", [1.0, math.inf])
def test_its_sign_is_right_up_to_half_the_separation_whatever_it_was_built_for(norm: float) -> None:
    rng = np.random.default_rng(4)
    X, y = dyadic(rng, 40, 3)
    member = nearest_network(X, y, radius=0.0, norm=norm)
    reach = 0.4999 * separation(X, y, norm=norm).distance / (1 if norm == math.inf else 3)
    points, which = box_points(X - reach, X + reach, 4000, rng)  # an l_1 ball holds a box of a third of its size
    assert (np.sign(member.network(points)[:, 0]) == y[which]).all()


@given(st.integers(0, 2**32), st.sampled_from([1.0, math.inf]))
@settings(max_examples=25)
def test_signs_are_right_in_doubles_with_a_billionth_of_the_separation_left(seed: int, norm: float) -> None:
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 4))
    X, y = rng.normal(size=(12, d)) + rng.choice([0.0, 1e3]), np.tile([1, -1], 6)
    member = nearest_network(X, y, radius=(1 - 2.0**-30) * separation(X, y, norm=norm).distance / 2, norm=norm)
    toward = X[rng.integers(0, 12, 600)] - np.repeat(X, 50, axis=0)
    sizes = np.abs(toward).max(axis=1) if norm == math.inf else np.abs(toward).sum(axis=1)
    moved = np.repeat(X, 50, axis=0) + toward * np.minimum(1.0, member.radius / np.maximum(sizes, 1e-300))[:, None]
    assert (np.sign(member.network(moved)[:, 0]) == np.repeat(y, 50)).all()


def test_on_the_balls_the_values_are_exactly_one_in_rational_arithmetic() -> None:
    rng = np.random.default_rng(6)
    X, y = dyadic(rng, 12, 3)
    member = nearest_network(X, y, radius=0.3 * separation(X, y).distance)
    points, which = box_points(X - member.radius, X + member.radius, 60, rng)
    inside = (np.abs(points - X[which]) <= member.radius).all(axis=1)
    assert inside.sum() > 30
    for x, label in zip(points[inside], y[which][inside], strict=True):
        assert member.network.exact(x.tolist()) == (label,)


@pytest.mark.parametrize("norm", [1.0, math.inf])
def test_it_predicts_what_the_tree_search_predicts(norm: float) -> None:
    rng = np.random.default_rng(8)
    X, y = rng.random((60, 4)), rng.choice(["cat", "dog"], 60)
    member = nearest_network(X, y, radius=0.25 * separation(X, y, norm=norm).distance, norm=norm)
    points = rng.random((2000, 4))
    assert (member.predict(points) == NearestNeighbor(X, y, norm=norm).predict(points)).all()


def test_a_weight_that_was_moved_is_refused_or_told() -> None:
    rng = np.random.default_rng(2)
    X, y = dyadic(rng, 9, 3)
    member = nearest_network(X, y, radius=0.25 * separation(X, y).distance)
    honest = sorted(map(tuple, np.concatenate([X[y == 1], X[y == -1]]).tolist()))
    for _ in range(60):
        layers = list(member.network.layers)
        k = int(rng.integers(len(layers)))
        weight, bias = layers[k].weight.copy(), layers[k].bias.copy()
        if rng.random() < 0.5:
            weight.data[rng.integers(weight.data.size)] *= rng.choice([-1.0, 2.0])
        else:
            bias[rng.integers(bias.size)] += rng.choice([-0.5, 0.5])
        layers[k] = Layer.build(weight, bias)
        try:
            rule = read_nearest(Network(tuple(layers)))
        except ValueError:
            continue
        told = sorted(map(tuple, np.concatenate([rule.upper, rule.lower]).tolist()))
        assert (told, rule.slope) != (honest, member.slope) or not rule.right(X, y, member.radius).all()


@pytest.mark.parametrize("maps", [
    [([[1.0]], [0.0])],
    [([[1.0], [-1.0]], [0.0, 0.5]), ([[1.0, 1.0]], [0.0]), ([[1.0]], [1.0]), ([[-1.0]], [2.0]), ([[-1.0]], [1.0])],
    [([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [1.0]), ([[-1.0]], [2.0]), ([[-1.0]], [1.0])],
], ids=["an affine map", "no mirror image", "one class"])
def test_other_networks_are_refused(maps: Any) -> None:
    with pytest.raises(ValueError, match="read_nearest"):
        read_nearest(Network.build(maps))


@pytest.mark.parametrize(("change", "message"), [
    ({"norm": 2}, "norm=2 has no exact distance"), ({"y": ["a", "b", "c"]}, "needs two classes"),
    ({"radius": 0.5}, "radius=0.5 needs l_inf separation"), ({"y": [0.0, 0.5, 1.0]}, "needs two classes"),
    ({"X": [[0.0], [1e-310], [3e-310]], "radius": 0.0}, "has no reciprocal in doubles"),
    ({"radius": 0.5 * (1 - 2.0**-52)}, "within rounding"),
])
def test_bad_input_is_refused_in_words(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"X": [[0.0], [1.0], [2.0]], "y": [0, 1, 0], "radius": 0.25} | change
    with pytest.raises(ValueError, match=message):
        nearest_network(**arguments)


@given(members(8), st.integers(0, 2**32))
@settings(max_examples=20)
def test_turned_labels_turn_it_and_neither_order_nor_place_of_the_data_matter(member: Memorizer, seed: int) -> None:
    rng = np.random.default_rng(seed)
    order, shift = rng.permutation(len(member.X)), rng.integers(-8, 9, member.X.shape[1]) / 4.0
    options: dict[str, Any] = {"radius": member.radius, "norm": member.norm}
    turned = nearest_network(member.X, -member.y, **options)
    moved = nearest_network(member.X[order] + shift, member.y[order], **options)
    zeros = 2 * int((member.X == 0).sum()) - 2 * int((member.X + shift == 0).sum())
    assert moved.network.size.nonzeros == member.network.size.nonzeros + zeros
    for x in rng.integers(-80, 81, (4, member.X.shape[1])) / 64.0:
        value = member.network.exact(x.tolist())[0]
        assert turned.network.exact(x.tolist())[0] == -value
        assert moved.network.exact((x + shift).tolist())[0] == value


def test_with_one_class_it_is_constant() -> None:
    member = nearest_network([[0.0], [1.0]], [-1, -1], radius=0.25)
    assert member.network([[5.0]]).item() == -1.0
    assert member.slope == 0.0
    with pytest.raises(ValueError, match="all data have one label"):
        closest_secant(member)
