"""What a memorizer costs, counted from its weights: the same rules for networks in doubles and in integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from constructive.exact import IntegerNetwork
from constructive.network import Network
from constructive.zoos.bounds import most_points


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """The counts of one network.

    ``nonzeros`` nonzero weights and biases; ``parameters`` dense, the sum of n_out (n_in + 1); ``distinct`` different
    values; ``bits`` over all nonzeros, one for the sign, the numerator's and the denominator's length, less 1;
    ``widest`` of one number; ``points``: at most so many points could any weights in this pattern of nonzeros shatter.
    """

    depth: int
    width: int
    units: int
    nonzeros: int
    parameters: int
    distinct: int
    bits: int
    widest: int
    points: float


def count(network: Network | IntegerNetwork) -> Counts:
    """Return all counts, from the stored numbers.

    >>> f = Network.build([([[0.5, 0.0]], [1.0]), ([[3.0]], [0.0])])
    >>> counts = count(f)
    >>> counts.nonzeros, counts.parameters, counts.bits, counts.widest
    (3, 5, 8, 3)
    """
    pattern = [(layer.outputs, layer.nonzeros) for layer in network.layers]
    size = network.size
    if isinstance(network, IntegerNetwork):
        exact = network.size
        bits, widest = exact.bits, exact.widest
    else:
        bits, widest = _lengths(network)
    return Counts(size.depth, size.width, size.units, size.nonzeros, size.parameters, size.distinct, bits, widest,
                  most_points(pattern))


def _lengths(network: Network) -> tuple[int, int]:
    """Return the bits of all nonzeros and of the longest; a double is a fraction with a power of two below."""
    stored = np.concatenate([part for layer in network.layers for part in (layer.weight.data, layer.bias)])
    values, times = np.unique(stored[stored != 0], return_counts=True)
    lengths = [_length(v) for v in values.tolist()]
    return sum(k * int(t) for k, t in zip(lengths, times, strict=True)), max(lengths, default=0)


def _length(value: float) -> int:
    above, below = value.as_integer_ratio()
    return above.bit_length() + below.bit_length()
