"""Bumps by squares: their size, and 1 inside, 0 outside, in rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.calculus import affine
from constructive.certificates.squares import read_squares
from constructive.network import Layer, Network
from constructive.students import memorize, nearest_network, separation
from constructive.students.memorizer import Shape
from constructive.students.squares import square_bumps

Array = np.ndarray[Any, Any]


def dyadic(rng: np.random.Generator, n: int, d: int) -> tuple[Array, Array]:
    """Distinct points of the grid 1/16, both labels."""
    X = np.unique(rng.integers(-16, 17, (n, d)), axis=0)
    X = X[rng.permutation(len(X))] / 16.0
    y = rng.choice([-1, 1], len(X))
    y[:2] = (1, -1)
    return X, y


def nearest_square(x: list[Fraction], centers: Array) -> Fraction:
    return min(sum((a - Fraction(b)) ** 2 for a, b in zip(x, c.tolist(), strict=True)) for c in centers)


def check_size(n: int, d: int, share: float, more: int, seed: int) -> None:
    X, y = dyadic(np.random.default_rng(seed), n, d)
    radius = share * separation(X, y, norm=2).distance
    least = square_bumps(X, y, radius=radius)
    member = square_bumps(X, y, radius=radius, levels=least.shape.depth - 5 + more)
    size = member.network.size
    assert Shape(size.depth, size.width, size.units, size.nonzeros) == member.shape


KINDS = (st.integers(3, 10), st.integers(1, 5), st.sampled_from([0.0, 0.25, 0.4375]), st.integers(0, 2),
         st.integers(0, 2**32))


@given(*KINDS)
@settings(max_examples=20)
def test_the_size_is_its_formula(n: int, d: int, share: float, more: int, seed: int) -> None:
    check_size(n, d, share, more, seed)


@pytest.mark.slow
@given(*KINDS)
@settings(max_examples=200)
def test_the_size_is_its_formula_on_two_hundred_instances(n: int, d: int, share: float, more: int, seed: int) -> None:
    check_size(n, d, share, more, seed)


@given(st.integers(3, 8), st.integers(1, 4), st.sampled_from([0.0, 0.25, 0.4375]), st.integers(0, 2**32))
@settings(max_examples=20)
def test_on_balls_it_is_exactly_one_in_rational_arithmetic(n: int, d: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = dyadic(rng, n, d)
    radius = Fraction(share) * Fraction(separation(X, y, norm=2).distance)
    member = square_bumps(X, y, radius=float(radius))
    radius = min(radius, Fraction(member.radius))
    for i in rng.integers(0, len(X), 4):
        step = rng.normal(size=d)
        step *= 1 / np.linalg.norm(step)
        x = [Fraction(c) + radius * Fraction(s) * Fraction(2**30 - 1, 2**30) for c, s in zip(X[i], step, strict=True)]
        assert nearest_square(x, X[i:i + 1]) <= radius**2
        assert member.network.exact(x) == (int(y[i]),)
        axis = [Fraction(c) for c in X[i].tolist()]
        axis[int(rng.integers(d))] += radius  # on the boundary of the ball
        assert member.network.exact(axis) == (int(y[i]),)


def test_far_from_the_upper_class_it_is_minus_one() -> None:
    rng = np.random.default_rng(3)
    X, y = dyadic(rng, 8, 3)
    apart = separation(X, y, norm=2).distance
    member = square_bumps(X, y, radius=apart / 4)
    far = 0
    for x in rng.integers(-64, 65, (60, 3)) / 32:
        point = [Fraction(v) for v in x.tolist()]
        if nearest_square(point, X[y == 1]) >= (Fraction(apart) * Fraction(3, 4)) ** 2:
            far += 1
            assert member.network.exact(point) == (-1,)
    assert far > 20


def test_every_radius_below_half_the_separation_will_do() -> None:
    X, y = dyadic(np.random.default_rng(5), 10, 2)
    member = square_bumps(X, y, radius=0.4999 * separation(X, y, norm=2).distance)
    assert member.shape.depth - 5 > square_bumps(X, y, radius=0.0).shape.depth - 5
    assert (member.predict(X) == y).all()


def test_half_the_largest_radius_needs_the_stated_levels() -> None:
    # 4^(m+1) >= 2 d / (1 - (r/R)^2), R = 3 r: 8 coordinates need m = 2
    X = np.concatenate([np.zeros((1, 8)), np.eye(8)[:1]])
    member = square_bumps(X, [1, -1], radius=0.25)
    assert member.shape.depth == 2 + 5
    assert square_bumps(X, [1, -1], radius=0.25, levels=1).shape.nonzeros == (12 * 8 + 4) + 3 - 16


def test_no_secant_is_steeper_than_the_slope() -> None:
    rng = np.random.default_rng(7)
    X, y = dyadic(rng, 20, 3)
    member = square_bumps(X, y, radius=0.3 * separation(X, y, norm=2).distance)
    a = X[rng.integers(0, len(X), 5000)] + rng.normal(size=(5000, 3)) * 0.1
    b = a + rng.normal(size=a.shape) * 1e-4
    rise = np.abs(member.network(a) - member.network(b))[:, 0]
    assert (rise <= member.slope * np.linalg.norm(a - b, axis=1) * (1 + 1e-9)).all()
    assert rise.max() > 0


@pytest.mark.parametrize(("change", "message"), [
    ({"radius": 0.5}, "radius=0.5 needs l_2 separation"), ({"levels": 0}, "levels=0 must be >= 1"),
    ({"X": np.eye(2) * 1.0, "y": [0, 1], "radius": 0.7, "levels": 1}, "levels=1 is too few"),
    ({"X": [[0.0], [1e-200]], "radius": 0.0}, "rescale them"),
    ({"y": ["a", "b", "c"], "X": [[0.0], [1.0], [2.0]]}, "needs two classes"),
])
def test_bad_input_is_refused_in_words(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"X": [[0.0], [1.0]], "y": [0, 1], "radius": 0.25} | change
    with pytest.raises(ValueError, match=message):
        square_bumps(**arguments)


def test_with_one_class_it_is_constant() -> None:
    member = square_bumps([[0.0], [1.0]], [1, 1], radius=3.0)
    assert (member.network([[7.0]]).item(), member.shape.nonzeros, member.slope) == (1.0, 1, 0.0)
    assert math.isfinite(member.radius)


@given(st.integers(3, 10), st.integers(1, 4), st.sampled_from([0.0, 0.25, 0.4375]), st.integers(0, 2**32))
@settings(max_examples=25)
def test_the_weights_alone_prove_the_balls(n: int, d: int, share: float, seed: int) -> None:
    X, y = dyadic(np.random.default_rng(seed), n, d)
    radius = share * separation(X, y, norm=2).distance
    member = square_bumps(X, y, radius=radius)
    rule = read_squares(member.network)
    assert sorted(map(tuple, rule.centers.tolist())) == sorted(map(tuple, X[y == 1].tolist()))
    assert rule.right(X, y, radius).all()
    assert not rule.right(X, y, 1.01 * radius + 0.01).all()


def test_a_weight_that_was_moved_is_refused_or_told() -> None:
    rng = np.random.default_rng(2)
    X, y = dyadic(rng, 8, 2)
    member = square_bumps(X, y, radius=0.3 * separation(X, y, norm=2).distance)
    refused = 0
    for k in range(member.network.depth):
        for _ in range(6):
            layers = list(member.network.layers)
            weight, bias = layers[k].weight.copy(), layers[k].bias.copy()
            if rng.random() < 0.5:
                weight.data[rng.integers(weight.data.size)] *= rng.choice([-1.0, 0.5])
            else:
                bias[rng.integers(bias.size)] += rng.choice([-0.25, 0.25])
            layers[k] = Layer.build(weight, bias)
            try:
                rule = read_squares(Network(tuple(layers)))
            except ValueError:
                refused += 1
                continue
            assert not rule.right(X, y, member.radius).all()
    assert refused > 30


def test_other_networks_are_refused() -> None:
    for network in (affine([[1.0]]), memorize([[0.0], [1.0]], [0, 1], radius=0.25).to_network(),
                    nearest_network([[0.0], [1.0]], [0, 1], radius=0.25).network):
        with pytest.raises(ValueError, match="read_squares"):
            read_squares(network)
