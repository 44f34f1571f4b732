"""Networks written unit by unit with names: each unit is what it reads and a bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from constructive.exact.network import IntegerLayer, IntegerNetwork

Unit = tuple[Mapping[str, int], int]
"""What a unit reads, by the names of the layer before, and its bias."""

Level = Mapping[str, Unit]
"""One layer: named units in order."""


def kept(name: str) -> Unit:
    """Return the unit that carries a nonnegative value on: one nonzero.

    >>> kept("z")
    ({'z': 1}, 0)
    """
    return {name: 1}, 0


def written(axis: Sequence[int], offset: int, levels: Sequence[Level], scale: Fraction | int = 1) -> IntegerNetwork:
    """Return the network ``z = relu(axis . x + offset)`` followed by the named levels; the last one is the output.

    Raises KeyError if a unit reads a name that the level before does not have.

    >>> written([1, 1], 0, [{"y": ({"z": 2}, -1)}]).exact([1, 2])
    (Fraction(5, 1),)
    """
    layers = [IntegerLayer.build([list(enumerate(axis))], [offset], len(axis))]
    names = {"z": 0}
    for level in levels:
        rows = [[(names[name], weight) for name, weight in reads.items()] for reads, _ in level.values()]
        layers.append(IntegerLayer.build(rows, [bias for _, bias in level.values()], len(names)))
        names = {name: i for i, name in enumerate(level)}
    return IntegerNetwork(tuple(layers), Fraction(scale))


def constant(inputs: int, value: int) -> IntegerNetwork:
    """Return the network with the given value everywhere: one layer, at most one nonzero."""
    return IntegerNetwork.build([([[]], [value])], inputs=inputs)
