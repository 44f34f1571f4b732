"""Two hundred random networks: every floating-point bracket contains the exact rational range."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from constructive.certificates.backward import backward_bounds
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.exact import piecewise_1d
from constructive.certificates.linear import affine_bounds
from constructive.network import Network


def network_on_a_line(rng: np.random.Generator) -> Network:
    """Return a network of one input and one output, two to four layers, weights of very different sizes."""
    sizes = [1, *rng.integers(1, 9, int(rng.integers(1, 4))).tolist(), 1]
    return Network.build([(rng.normal(size=(m, n)) * 2.0 ** rng.integers(-6, 7, (m, n)), rng.normal(size=m))
                          for n, m in zip(sizes[:-1], sizes[1:], strict=True)])


def exact_range(network: Network, low: float, high: float) -> tuple[Fraction, Fraction]:
    """Return the range on [low, high] in rational arithmetic: the extremes lie at ends and bends."""
    values = [row[0] for row in piecewise_1d(network, low, high).values]
    return min(values), max(values)


@pytest.mark.parametrize("seed", range(10))
def test_brackets_contain_the_exact_ranges_of_two_hundred_networks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        network = network_on_a_line(rng)
        middle, reach = rng.normal(), 2.0 ** rng.integers(-20, 3)
        low, high = float(middle - reach), float(middle + reach)
        least, most = exact_range(network, low, high)
        found = affine_bounds(network, [[low]], [[high]])
        for bottom, top in ((found.lower, found.upper), backward_bounds(network, [[low]], [[high]])):
            assert Fraction(bottom.item()) <= least
            assert most <= Fraction(top.item())
        program = interval_bounds(network, [[low]], [[high]])
        points = np.linspace(low, high, 65).clip(low, high)[:, None]
        values = network(points)
        assert (program[0] <= values).all()
        assert (values <= program[1]).all()
