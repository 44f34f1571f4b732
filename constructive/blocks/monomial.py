"""Products of several factors: a balanced tree of product gates."""

from __future__ import annotations

from fractions import Fraction

from constructive._checks import as_count
from constructive.blocks.gate import Gate
from constructive.blocks.product import product_gate, product_nonzeros, product_units
from constructive.blocks.square import MOST_LEVELS
from constructive.calculus import identity, parallel
from constructive.domain import Box


def monomial_gate(factors: int, levels: int) -> Gate:
    """Return the product x_1 ... x_k of k = factors inputs in [-1, 1], by a balanced tree of product gates.

    Error <= (k - 1) 4^-(m+1) for m = levels: a gate adds 4^-(m+1) to the errors of its two factors, which are
    not magnified because all values stay in [-1, 1]. Exactly 0 if a factor is 0. For powers repeat an input,
    ``gate.network @ select(d, [0, 0, 1])``. Depth 1 + ceil(log2 k) (m + 1). A tree without leftovers (k a
    power of two) has (k - 1) (6 m + 2) units and (k - 1) (16 m - 8) + 28 k - 42 nonzeros for m >= 2; a factor
    left over at a level is carried by 2 (m + 1) units. Outside [-1, 1]^k it is false. Raises ValueError for
    factors < 1.

    >>> monomial_gate(3, 6)([[0.5, -1.0, 0.25]]).item()
    -0.125
    """
    k = as_count(factors, "monomial_gate", "factors", at_least=1)
    m = as_count(levels, "monomial_gate", "levels", at_most=MOST_LEVELS)
    network, left = identity(k), k
    product = product_gate(m).network
    while left > 1:
        rest = [identity(1, product.depth)] if left % 2 else []
        network = parallel(*[product] * (left // 2), *rest) @ network
        left = left // 2 + left % 2
    nonzeros, units = _size(k, m)
    return Gate(network, Fraction(k - 1, 4 ** (m + 1)), Box.cube(k, -1.0, 1.0), nonzeros, units,
                f"the product of {k} factors in [-1, 1]")


def _size(k: int, m: int) -> tuple[int, int]:
    """Return (nonzeros, units) of the tree, level by level.

    Reading a value costs its ``price``, the terms of the affine map behind it: 1 for an input, 6 for a
    product (4 for m < 2), 2 for a carried value. A product reads each of its two factors in 4 units; a carry
    in 2, and then keeps 2 units for m layers.
    """
    output = 6 if m > 1 else 4
    inner = product_nonzeros(m) - 8 - output
    prices, nonzeros, units = [1] * k, 0, 0
    while len(prices) > 1:
        pairs = len(prices) // 2
        nonzeros += pairs * inner + 4 * sum(prices[: 2 * pairs])
        units += pairs * product_units(m)
        carried = prices[2 * pairs:]
        if carried:
            nonzeros += 2 * carried[0] + 2 * m
            units += 2 * (m + 1)
        prices = [output] * pairs + [2] * len(carried)
    return nonzeros + prices[0], units
