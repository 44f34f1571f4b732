"""The oracles themselves: what the other tests lean on."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from oracles import dense_values, dyadic_network, machine_values, rational_values, rounded, tree_values

from constructive.network import Network


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_random_program_fuses_some_operations_and_not_others(dtype: type) -> None:
    unit = float(np.finfo(dtype).eps)
    network = Network.build([([[1.0 + unit]], [-(1.0 + 2.0 * unit)])], dtype)  # (1 + u)^2 - (1 + 2 u) = u^2
    found = machine_values(network, np.full((200, 1), 1.0 + unit), np.random.default_rng(0))
    assert set(found.ravel().tolist()) == {0.0, unit**2}


def test_the_random_program_sums_in_several_orders() -> None:
    network = Network.build([([[1e16, 1.0, -1e16]], None)])
    found = machine_values(network, np.ones((200, 3)), np.random.default_rng(0))
    assert {0.0, 1.0} <= set(found.ravel().tolist())


def test_the_random_program_returns_only_values_of_trees() -> None:
    rng = np.random.default_rng(1)
    weight, x = rng.normal(size=4), rng.normal(size=4)
    network = Network.build([(weight[None, :], None)])
    found = set(machine_values(network, np.tile(x, (500, 1)), rng).ravel().tolist())
    assert len(found) > 1
    assert found <= tree_values(list(zip(weight.tolist(), x.tolist(), strict=True)))


def test_all_evaluations_agree_on_dyadic_data() -> None:
    rng = np.random.default_rng(2)
    network = dyadic_network(rng, [3, 6, 5, 2])
    x = rng.integers(-8, 9, (20, 3)) / 8.0
    expected = [[float(v) for v in rational_values(network, row)] for row in x.tolist()]
    assert (machine_values(network, x, rng) == expected).all()
    assert (dense_values(network, x) == expected).all()


def test_rounding_to_single_precision_rounds_once_and_ties_to_even() -> None:
    tie = Fraction(1) + Fraction(1, 2**24)
    assert rounded(tie, single=True) == 1.0
    # a hair above the tie: rounding to double first would lose it
    assert rounded(tie + Fraction(1, 2**80), single=True) == 1.0 + 2.0**-23
    assert rounded(Fraction(2) ** 128, single=True) == float("inf")
