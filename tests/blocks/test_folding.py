"""The folding norm: both inequalities, its size, its worst direction."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from constructive.blocks.folding import folding_norm_gate, folding_shortfall

SIZES = pytest.mark.parametrize(("d", "levels"), [(1, 1), (2, 1), (2, 5), (3, 2), (5, 3), (8, 2), (13, 3), (64, 4)])


@SIZES
def test_between_the_share_and_the_norm_in_rational_arithmetic(d, levels):
    gate = folding_norm_gate(d, levels)
    rng = np.random.default_rng(d)
    stored = Fraction(1, 2**46)  # rounded cosines
    share = (1 - Fraction(folding_shortfall(d, levels))) ** 2
    for x in [*rng.integers(-64, 65, (6, d)), np.ones(d, int), np.eye(d, dtype=int)[-1]]:
        square = gate.network.exact(x.tolist())[0] ** 2
        norm = Fraction(int(x @ x))
        assert share * (1 - stored) * norm <= square <= norm * (1 + stored)


@pytest.mark.parametrize("levels", [1, 2, 3, 6])
@pytest.mark.parametrize("stages", [1, 2, 3])
def test_the_share_is_attained(levels, stages):
    """In every stage the angle is 0, the farthest from the middle of the last sector."""
    d = 2**stages
    gate = folding_norm_gate(d, levels)
    x = np.zeros((1, d))
    x[0, 0] = 1.0
    assert abs(gate(x).item() - (1 - folding_shortfall(d, levels))) <= 2.0**-39  # e is rounded up by 2^-40 of itself


@SIZES
def test_size_by_formula_is_the_size_counted(d, levels):
    gate = folding_norm_gate(d, levels)
    size = gate.network.size
    assert (gate.nonzeros, gate.units) == (size.nonzeros, size.units)
    assert size.depth == 2 + levels * (math.ceil(math.log2(d)) if d > 1 else 0)


def test_homogeneous_and_even():
    gate, x = folding_norm_gate(5, 3), np.random.default_rng(0).normal(size=(20, 5))
    assert np.array_equal(gate(4 * x), 4 * gate(x))
    assert np.array_equal(gate(-x), gate(x))


def test_more_levels_cost_a_fourth_of_the_shortfall():
    for d in (2, 16, 64):
        for levels in range(3, 12):
            ratio = folding_shortfall(d, levels) / folding_shortfall(d, levels + 1)
            assert 3.9 < ratio < 4.01


@pytest.mark.parametrize(("d", "levels"), [(0, 1), (1, 0), (2, 99)])
def test_counts_out_of_range_are_refused(d, levels):
    with pytest.raises(ValueError, match="folding_norm_gate"):
        folding_norm_gate(d, levels)
