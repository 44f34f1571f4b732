"""From integers to doubles and back: every double is an integer times a power of two, few integers are doubles.

The way back is free. The way there is refused where a stored number, or a sum on the given box, needs more bits
than the format has: an integer network whose words are cut to 53 bits computes something else, without a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from constructive.domain import Box
from constructive.exact.network import IntegerLayer, IntegerNetwork
from constructive.network import Layer, Network


def from_network(network: Network) -> IntegerNetwork:
    """Return the integer network with the values of a network in doubles (or float32), exactly.

    Layer by layer the weights are multiplied by the smallest power of two that makes weights and biases integers;
    the scale takes the product back. Depth, width, units, nonzeros and dense parameters are unchanged; distinct,
    bits and magnitude are those of the multiplied numbers.

    >>> f = from_network(Network.build([([[0.5]], [0.25]), ([[1.5]], [0.0])]))
    >>> f.layers[0].rows, f.layers[0].bias, f.scale
    ((((0, 2),),), (1,), Fraction(1, 8))
    """
    layers, total = [], 0
    for layer in network.layers:
        weights = [float(w).as_integer_ratio() for w in layer.weight.data]
        biases = [float(b).as_integer_ratio() for b in layer.bias]
        # values before this layer are 2^total times too large: its biases need total + shift binary digits
        shift = max([_length(q) for _, q in weights] + [_length(q) - total for _, q in biases] + [0])
        total += shift
        integers = [(p << shift) // q for p, q in weights]
        pairs = list(zip(layer.weight.indices.tolist(), integers, strict=True))
        starts = layer.weight.indptr.tolist()
        rows = [pairs[a:b] for a, b in zip(starts, starts[1:], strict=False)]
        layers.append(IntegerLayer.build(rows, [(p << total) // q for p, q in biases], layer.inputs))
    return IntegerNetwork(tuple(layers), Fraction(1, 1 << total))


def _length(power: int) -> int:
    return power.bit_length() - 1


def to_network(f: IntegerNetwork, box: Box | None = None, *, step: Fraction | float = 1, dtype: Any = np.float64,
               rounded: bool = False) -> Network:
    """Return the same network in floats: the numbers as they are, the last layer's times the scale.

    ``box``: then also every sum is bounded, so that at each point of the box whose coordinates are multiples of
    ``step`` the floats compute f without any rounding, in every order of summation and with or without fused
    multiplication. Without a box only the stored numbers are looked at. ``rounded``: no check, each number
    rounded to the nearest float: another function, in general.

    Raises ValueError that names the layer whose number or sum does not fit.

    >>> word = IntegerNetwork.build([([[(0, 2**60 + 1)]], [0])], inputs=1)
    >>> to_network(word)
    Traceback (most recent call last):
    ...
    ValueError: to_network: layer 0 row 0 holds a number of 61 bits, float64 has 53; evaluate in integers, ...
    """
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise TypeError(f"to_network: dtype must be float64 or float32, got {kind}")
    if box is not None and box.dimension != f.inputs:
        raise ValueError(f"to_network: the box has dimension {box.dimension}, the network {f.inputs} inputs")
    if not rounded:
        _check_numbers(f, kind)
        if box is not None:
            _check_sums(f, box, Fraction(step), kind)
    layers = []
    for k, layer in enumerate(f.layers):
        scale = f.scale if k + 1 == f.depth else Fraction(1)
        counts = [len(row) for row in layer.rows]
        data = [_nearest(scale * w, kind) for row in layer.rows for _, w in row]
        indices = [j for row in layer.rows for j, _ in row]
        matrix = sparse.csr_array((np.array(data, kind), np.array(indices, np.int64), np.cumsum([0, *counts])),
                                  shape=(layer.outputs, layer.inputs))
        layers.append(Layer.build(matrix, np.array([_nearest(scale * b, kind) for b in layer.bias], kind), kind))
    return Network(tuple(layers))


def _nearest(value: Fraction, kind: np.dtype[Any]) -> Any:
    try:
        with np.errstate(over="ignore"):  # the next line looks at what overflowed
            number = kind.type(float(value))
    except OverflowError:
        number = kind.type(math.inf)
    if not np.isfinite(number):
        raise ValueError(f"to_network: a number of {value.numerator.bit_length()} bits is beyond the range of {kind}; "
                         "evaluate in integers")
    return number


def _check_numbers(f: IntegerNetwork, kind: np.dtype[Any]) -> None:
    digits = np.finfo(kind).nmant + 1
    for k, layer in enumerate(f.layers):
        scale = f.scale if k + 1 == f.depth else Fraction(1)
        for i, (row, bias) in enumerate(zip(layer.rows, layer.bias, strict=True)):
            for number in [*(w for _, w in row), bias]:
                value = scale * number
                if value.denominator & (value.denominator - 1):
                    raise ValueError(f"to_network: layer {k} row {i} holds {value}, which is no binary fraction; "
                                     "evaluate in integers, or pass rounded=True for another function")
                if _odd_length(value) > digits:
                    raise ValueError(f"to_network: layer {k} row {i} holds a number of {_odd_length(value)} bits, "
                                     f"{kind} has {digits}; evaluate in integers, or pass rounded=True for another "
                                     "function")


def _odd_length(value: Fraction) -> int:
    odd = abs(value.numerator)
    return (odd // (odd & -odd)).bit_length() if odd else 0


@dataclass(frozen=True, slots=True, eq=False)
class _Range:
    """Values of one unit on the box: ``lower <= v <= upper``, all of them multiples of ``step`` (0: v is 0)."""

    lower: Fraction
    upper: Fraction
    step: Fraction

    @property
    def most(self) -> Fraction:
        return max(abs(self.lower), abs(self.upper))


def _check_sums(f: IntegerNetwork, box: Box, step: Fraction, kind: np.dtype[Any]) -> None:
    """Raise unless each sum's terms are multiples of one step, less than 2^digits of them in absolute values."""
    info = np.finfo(kind)
    digits, smallest, largest = info.nmant + 1, Fraction(float(info.tiny)), Fraction(float(info.max))
    if not (np.isfinite(box.lower).all() and np.isfinite(box.upper).all()) or step <= 0:
        raise ValueError(f"to_network: needs a bounded box and step > 0, got step={step}")
    values = [_Range(Fraction(float(a)), Fraction(float(b)), step) for a, b in zip(box.lower, box.upper, strict=True)]
    for k, layer in enumerate(f.layers):
        scale = f.scale if k + 1 == f.depth else Fraction(1)
        sums = []
        for i, (row, bias) in enumerate(zip(layer.rows, layer.bias, strict=True)):
            terms = [(scale * w, values[j]) for j, w in row]
            offset = scale * bias
            unit = offset
            for w, v in terms:
                unit = _common(unit, w * v.step)
            total = abs(offset) + sum((abs(w) * v.most for w, v in terms), Fraction(0))
            if unit and (total > unit * (1 << digits) or unit < smallest or total > largest):
                needed = (math.ceil(total / unit) - 1).bit_length()
                raise ValueError(f"to_network: a sum of layer {k} row {i} may need {needed} bits on the box, {kind} "
                                 f"has {digits}; evaluate in integers, or pass rounded=True for another function")
            low = offset + sum((w * (v.lower if w > 0 else v.upper) for w, v in terms), Fraction(0))
            high = offset + sum((w * (v.upper if w > 0 else v.lower) for w, v in terms), Fraction(0))
            sums.append(_Range(low, high, unit))
        zero = Fraction(0)
        values = sums if k + 1 == f.depth else [_Range(max(v.lower, zero), max(v.upper, zero), v.step) for v in sums]


def _common(a: Fraction, b: Fraction) -> Fraction:
    """Return the largest number of which a and b are integer multiples."""
    return Fraction(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)
