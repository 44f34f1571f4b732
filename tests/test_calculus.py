"""The algebra of networks: identities between functions, exact on dyadic data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import dyadic_network

from constructive.calculus import affine, carry, chain, combine, identity, parallel, select, stack

SEEDS = st.integers(0, 2**32 - 1)
DIMENSIONS = st.integers(1, 4)
DEPTHS = st.integers(1, 4)


def points(rng: np.random.Generator, d: int, n: int = 7) -> Any:
    return rng.integers(-8, 9, (n, d)) / 4.0


@given(SEEDS, DIMENSIONS, DIMENSIONS)
def test_an_affine_map_is_itself(seed: int, d: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    weight, bias, x = points(rng, d, m), points(rng, 1, m)[:, 0], points(rng, d)
    assert (affine(weight, bias)(x) == x @ weight.T + bias).all()


@given(SEEDS, DIMENSIONS, DEPTHS)
def test_the_identity_is_exact_on_all_numbers(seed: int, d: int, depth: int) -> None:
    f, x = identity(d, depth), np.random.default_rng(seed).normal(size=(7, d))
    assert (f(x) == x).all()
    assert (f.depth, f.size.units) == (depth, 2 * d * (depth - 1))


@given(SEEDS, DIMENSIONS, st.integers(2, 4), st.data())
def test_carrying_costs_one_unit_for_nonnegative_coordinates(seed: int, d: int, depth: int,
                                                            data: st.DataObject) -> None:
    known = data.draw(st.sets(st.integers(0, d - 1)))
    f, x = carry(d, depth, known), np.random.default_rng(seed).normal(size=(7, d))
    x[:, sorted(known)] = np.abs(x[:, sorted(known)])
    assert (f(x) == x).all()
    assert f.size.units == (2 * d - len(known)) * (depth - 1)


def test_a_negative_value_carried_as_nonnegative_becomes_zero() -> None:
    assert carry(2, 3, [0])([-1.0, -1.0]).tolist() == [0.0, -1.0]


@given(SEEDS, DIMENSIONS, st.data())
def test_selecting_picks_coordinates(seed: int, d: int, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, d - 1), min_size=1, max_size=5))
    x = np.random.default_rng(seed).normal(size=(7, d))
    assert (select(d, chosen)(x) == x[:, chosen]).all()


@given(SEEDS, DIMENSIONS, DIMENSIONS, DIMENSIONS)
def test_a_chain_runs_from_right_to_left(seed: int, a: int, b: int, c: int) -> None:
    rng = np.random.default_rng(seed)
    f, g, h, x = (dyadic_network(rng, [c, 2, 1]), dyadic_network(rng, [b, c]),
                  dyadic_network(rng, [a, 2, b]), points(rng, a))
    assert (chain(f, g, h)(x) == f(g(h(x)))).all()
    assert chain(f, g, h).depth == f.depth + g.depth + h.depth - 2
    assert chain(f).layers == f.layers


@given(SEEDS, DIMENSIONS, st.lists(DEPTHS, min_size=1, max_size=3))
def test_a_stack_concatenates_outputs(seed: int, d: int, depths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    networks = [dyadic_network(rng, [d, *[2] * (depth - 1), 2]) for depth in depths]
    x = points(rng, d)
    assert (stack(*networks)(x) == np.hstack([f(x) for f in networks])).all()
    assert stack(*networks).depth == max(depths)


@given(SEEDS, st.lists(st.tuples(DIMENSIONS, DEPTHS), min_size=1, max_size=3))
def test_parallel_networks_keep_to_themselves(seed: int, shapes: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(seed)
    networks = [dyadic_network(rng, [d, *[2] * (depth - 1), 2]) for d, depth in shapes]
    inputs = [points(rng, d) for d, _ in shapes]
    expected = np.hstack([f(x) for f, x in zip(networks, inputs, strict=True)])
    assert (parallel(*networks)(np.hstack(inputs)) == expected).all()


@given(SEEDS, DIMENSIONS, st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=3))
def test_a_combination_is_linear(seed: int, d: int, coefficients: list[float]) -> None:
    rng = np.random.default_rng(seed)
    networks = [dyadic_network(rng, [d, k + 1, 2]) for k in range(len(coefficients))]
    x, bias = points(rng, d), points(rng, 2, 1)[0]
    expected = sum((c * f(x) for c, f in zip(coefficients, networks, strict=True)), bias)
    assert (combine(coefficients, networks, bias)(x) == expected).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: chain(), "at least one network"),
        (lambda: stack(), "at least one network"),
        (lambda: parallel(), "at least one network"),
        (lambda: stack(identity(1), identity(2)), r"inputs differ, \[1, 2\]"),
        (lambda: chain(identity(1), identity(2)), "2 outputs, the outer takes 1"),
        (lambda: combine([1.0], []), "1 coefficients for 0 networks"),
        (lambda: combine([1.0, 2.0], [identity(1), affine([[1.0], [1.0]])]), "output sizes differ"),
        (lambda: carry(2, 2, [2]), r"nonnegative=\[2\]"),
        (lambda: carry(2, 0), "depth=0"),
        (lambda: identity(2, 0), "depth=0"),
        (lambda: affine([[1.0]], [1.0, 2.0]), "bias 2 entries"),
        (lambda: select(2, [2]), "coordinates"),
        (lambda: select(2, [-1]), "coordinates"),
        (lambda: select(2, []), "coordinates"),
    ],
)
def test_bad_arguments_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
