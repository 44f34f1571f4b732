"""Minimum and maximum of several numbers, exact in real arithmetic."""

from __future__ import annotations

from fractions import Fraction

from constructive._checks import as_count
from constructive.blocks.gate import Gate, space
from constructive.calculus import affine, identity, parallel
from constructive.network import Network


def minimum_gate(k: int) -> Gate:
    """Return min(x_1, ..., x_k) by a balanced tree of ``min(a, b) = a - relu(a - b)``; error 0.

    Size: that of :func:`maximum_gate`. In floating point the pair gate returns a exactly when a <= b,
    otherwise b up to one rounding of a - b: put the value that must survive first. Raises ValueError for k <
    1.

    >>> minimum_gate(3)([[2.0, -1.0, 0.5]]).item()
    -1.0
    """
    count = as_count(k, "minimum_gate", "k", at_least=1)
    pair = Network.build([([[1.0, 0.0], [-1.0, 0.0], [1.0, -1.0]], None), ([[1.0, -1.0, -1.0]], None)])
    return Gate(_tree(count, pair), Fraction(0), space(count), *_size(count),
                f"the minimum of {count} numbers")


def maximum_gate(k: int) -> Gate:
    """Return max(x_1, ..., x_k) by a balanced tree of ``max(a, b) = a + relu(b - a)``; error 0.

    Size: depth 1 + ceil(log2 k); for k a power of two 3 (k - 1) units and 8 k - 9 nonzeros (k >= 2), and 2
    more units for each level at which a value is left over. In floating point the pair gate returns a exactly
    when b <= a, otherwise b up to one rounding of b - a. Raises ValueError for k < 1.

    >>> maximum_gate(3)([[2.0, -1.0, 0.5]]).item()
    2.0
    """
    count = as_count(k, "maximum_gate", "k", at_least=1)
    pair = Network.build([([[1.0, 0.0], [-1.0, 0.0], [-1.0, 1.0]], None), ([[1.0, -1.0, 1.0]], None)])
    return Gate(_tree(count, pair), Fraction(0), space(count), *_size(count),
                f"the maximum of {count} numbers")


def _tree(k: int, pair: Network) -> Network:
    network, left = affine(identity(k).layers[0].weight), k
    while left > 1:
        rest = [identity(1, 2)] if left % 2 else []
        network = parallel(*[pair] * (left // 2), *rest) @ network
        left = left // 2 + left % 2
    return network


def _size(k: int) -> tuple[int, int]:
    """Return (nonzeros, units), level by level; a pair reads its first value three times, its second once."""
    prices, nonzeros, units = [1] * k, 0, 0
    while len(prices) > 1:
        pairs = len(prices) // 2
        nonzeros += sum(3 * prices[2 * i] + prices[2 * i + 1] for i in range(pairs))
        units += 3 * pairs
        carried = prices[2 * pairs:]
        nonzeros += 2 * sum(carried)
        units += 2 * len(carried)
        prices = [3] * pairs + [2] * len(carried)
    return nonzeros + prices[0], units
