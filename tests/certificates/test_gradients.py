"""Input gradients: exact on dyadic data, 0 at kinks, the same in blocks and alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import dyadic_network, random_network, rational_layer, rational_values

from constructive.certificates import gradients
from constructive.certificates.gradients import input_gradient
from constructive.network import Network


def pattern(network: Network, x: list[Fraction]) -> list[bool]:
    """Return which hidden units are positive at x, all rational; None of them may be 0 for a linear region."""
    active: list[bool] = []
    values = x
    for layer in network.layers[:-1]:
        weight, bias = rational_layer(layer)
        values = [max(Fraction(0), sum((w * v for w, v in zip(row, values, strict=True)), b))
                  for row, b in zip(weight, bias, strict=True)]
        active += [v > 0 for v in values]
    return active


@given(seed=st.integers(0, 10**6), widths=st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_gradients_are_exact_differences_in_a_linear_region(seed: int, widths: list[int]) -> None:
    """On dyadic data a difference quotient with no kink between has no error, so that equality is exact."""
    rng = np.random.default_rng(seed)
    network = dyadic_network(rng, widths)
    x = rng.integers(-64, 65, widths[0]) / 16.0 + 2.0**-9  # off most kinks
    form = rng.integers(-3, 4, widths[-1]).astype(float)
    found = input_gradient(network, x[None], form)[0]
    base, step = [Fraction(v) for v in x], Fraction(1, 2**60)
    for j in range(widths[0]):
        ends = [[v + sign * step * (i == j) for i, v in enumerate(base)] for sign in (-1, 1)]
        if pattern(network, ends[0]) != pattern(network, ends[1]):
            continue  # a kink
        low, high = (sum(Fraction(c) * v for c, v in zip(form, rational_values(network, e), strict=True))
                     for e in ends)
        assert Fraction(float(found[j])) == (high - low) / (2 * step)


def test_the_derivative_of_relu_at_0_is_0() -> None:
    kink = Network.build([([[1.0], [-1.0]], None), ([[3.0, 5.0]], None)])
    assert input_gradient(kink, [[0.0], [1.0], [-1.0]], [1.0]).ravel().tolist() == [0.0, 3.0, -5.0]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    network, x = random_network(rng, [3, 20, 9, 4]), rng.normal(size=(50, 3))
    rows = rng.normal(size=(50, 4))
    whole = input_gradient(network, x, rows)
    monkeypatch.setattr(gradients, "_BLOCK_NUMBERS", 100)
    assert np.array_equal(whole, input_gradient(network, x, rows))
    alone = np.concatenate([input_gradient(network, x[i:i + 1], rows[i:i + 1]) for i in range(50)])
    assert np.array_equal(whole, alone)


def test_float32_networks_have_the_gradient_of_their_stored_weights() -> None:
    rng = np.random.default_rng(2)
    network, x = dyadic_network(rng, [2, 6, 5, 1]), rng.integers(-32, 33, (40, 2)) / 16.0
    single = input_gradient(network.astype(np.float32), x, [1.0])
    assert np.array_equal(single, input_gradient(network, x, [1.0]))
    assert single.any()


def test_a_wrong_pattern_would_be_noticed() -> None:
    """Negative control: a flipped unit changes some gradient."""
    rng = np.random.default_rng(3)
    network, x = dyadic_network(rng, [2, 6, 1]), rng.integers(-32, 33, (40, 2)) / 16.0
    flipped = Network.build([(-network.layers[0].weight, -network.layers[0].bias),
                             (-network.layers[1].weight, network.layers[1].bias)])
    assert not np.array_equal(input_gradient(network, x, [1.0]), input_gradient(flipped, x, [1.0]))


@pytest.mark.parametrize(("change", "kind", "words"), [
    ({"points": [[1.0]]}, ValueError, "points"),
    ({"points": [["a", "b"]]}, TypeError, "points"),
    ({"rows": [1.0, 2.0, 3.0]}, ValueError, "rows"),
    ({"rows": [[1.0, 2.0]] * 3}, ValueError, "rows"),
    ({"rows": [np.nan, 0.0]}, ValueError, "finite"),
])
def test_bad_arguments_are_named(change: dict[str, Any], kind: type[Exception], words: str) -> None:
    arguments: dict[str, Any] = {"points": np.zeros((2, 2)), "rows": np.ones((2, 2)), **change}
    with pytest.raises(kind, match=words):
        input_gradient(Network.build([(np.eye(2), None)]), **arguments)
