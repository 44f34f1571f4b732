"""ReLU networks in integers: weights of any length, values without rounding, one rational scale at the end.

A chain of layers as in :mod:`constructive.network`, but each weight is a Python integer and every value a
rational number, however many digits it needs. ReLU commutes with positive factors, so a point with coordinates
``N / D`` is run as the integers N with every bias multiplied by D, and divided once, at the end. Sums and compositions
of integer networks are integer networks for the same reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.object_]
"""An array of Python integers (dtype object): numpy's own integers wrap round at 64 bits without a word."""

_BLOCK = 1 << 19
"""Values held at a time, width times points: about 20 MiB of integers."""

_WIDE = 400
"""Bits from which on python-flint's integers are faster than Python's (measured: 0.39 against 0.71 us at 500)."""


@dataclass(frozen=True, slots=True, eq=False)
class IntegerLayer:
    """One affine map with integer entries: row i is ``sum of w v[j] over its pairs (j, w), plus bias[i]``.

    Columns increase within a row and no stored weight is 0. Use :meth:`build`, which sorts and checks.
    """

    rows: tuple[tuple[tuple[int, int], ...], ...]
    bias: tuple[int, ...]
    inputs: int

    @staticmethod
    def build(rows: Iterable[Iterable[tuple[int, int]]], bias: Sequence[int], inputs: int) -> IntegerLayer:
        """Return the layer of the given rows of (column, weight); equal columns are added, zeros dropped.

        Raises ValueError if a column is outside 0 .. inputs - 1, or if rows and biases differ in number;
        TypeError if an entry is not a Python integer.
        """
        clean = []
        for i, row in enumerate(rows):
            sums: dict[int, int] = {}
            for column, weight in row:
                if type(weight) is not int:
                    raise TypeError(f"IntegerLayer.build: row {i} holds {weight!r}, needs Python integers")
                if not 0 <= column < inputs:
                    raise ValueError(f"IntegerLayer.build: row {i} reads column {column}, "
                                     f"but the layer has {inputs} inputs")
                sums[column] = sums.get(column, 0) + weight
            clean.append(tuple((j, w) for j, w in sorted(sums.items()) if w))
        wrong = [b for b in bias if type(b) is not int]
        if wrong:
            raise TypeError(f"IntegerLayer.build: bias holds {wrong[0]!r}, needs Python integers")
        if len(clean) != len(bias) or not clean or inputs < 1:
            raise ValueError(f"IntegerLayer.build: {len(clean)} rows, {len(bias)} biases, {inputs} inputs; "
                             "needs as many biases as rows, and at least one of each")
        return IntegerLayer(tuple(clean), tuple(bias), inputs)

    @property
    def outputs(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def nonzeros(self) -> int:
        """Nonzero weights plus nonzero biases."""
        return sum(map(len, self.rows)) + sum(1 for b in self.bias if b)

    def numbers(self) -> list[int]:
        """Return every nonzero weight and bias, in the order of the rows."""
        return [v for row, b in zip(self.rows, self.bias, strict=True) for v in [*(w for _, w in row), b] if v]

    def scaled(self, weights: int, biases: int) -> IntegerLayer:
        """Return the layer with all weights and all biases multiplied by the given positive integers."""
        rows = tuple(tuple((j, w * weights) for j, w in row) for row in self.rows)
        return IntegerLayer(rows, tuple(b * biases for b in self.bias), self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class IntegerSize:
    """The counts of an integer network: those of ``Size``, and what its numbers need.

    ``bits``: sum over the nonzero numbers (the last layer's times the scale) of one bit for the sign, the length
    of the numerator and the length of the denominator less 1; ``widest``: the most bits of one number;
    ``magnitude``: the largest absolute value, exactly.
    """

    depth: int
    width: int
    units: int
    nonzeros: int
    parameters: int
    distinct: int
    magnitude: Fraction
    bits: int
    widest: int


@dataclass(frozen=True, slots=True, eq=False)
class IntegerNetwork:
    """A chain of integer layers with ReLU after each but the last; the last one's values are times ``scale``.

    ``f @ g`` is f after g, ``f + g``, ``f - g`` and ``c * f`` (c rational) act on outputs, all exactly. Raises
    ValueError if there is no layer, if sizes do not chain, or if the scale is not positive.

    >>> tent = IntegerNetwork.build([([[(0, 2)], [(0, 4)]], [0, -2]), ([[(0, 1), (1, -1)]], [0])], inputs=1)
    >>> [str(v) for v in tent.exact([0.75]) + (tent @ tent).exact([Fraction(1, 3)])]
    ['1/2', '2/3']
    """

    layers: tuple[IntegerLayer, ...]
    scale: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("IntegerNetwork: needs at least one layer")
        for k, (lower, upper) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if lower.outputs != upper.inputs:
                raise ValueError(f"IntegerNetwork: layer {k} has {lower.outputs} outputs but layer {k + 1} takes "
                                 f"{upper.inputs} inputs")
        if not self.scale > 0:
            raise ValueError(f"IntegerNetwork: scale={self.scale} must be positive; put the sign into the weights")

    @staticmethod
    def build(maps: Iterable[tuple[Iterable[Iterable[tuple[int, int]]], Sequence[int]]], *, inputs: int,
              scale: Fraction | int = 1) -> IntegerNetwork:
        """Return the network of the given (rows, bias) pairs, first layer first; rows hold (column, weight)."""
        layers: list[IntegerLayer] = []
        for rows, bias in maps:
            layers.append(IntegerLayer.build(rows, bias, layers[-1].outputs if layers else inputs))
        return IntegerNetwork(tuple(layers), Fraction(scale))

    # -- shape and size -----------------------------------------------------------------------------------

    @property
    def inputs(self) -> int:
        """Input dimension d."""
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        """Output dimension m."""
        return self.layers[-1].outputs

    @property
    def depth(self) -> int:
        """Number of affine maps."""
        return len(self.layers)

    @property
    def size(self) -> IntegerSize:
        """All counts, taken from the stored numbers."""
        hidden = [layer.outputs for layer in self.layers[:-1]]
        stored = [v for layer in self.layers[:-1] for v in layer.numbers()]
        values = [Fraction(v) for v in stored] + [self.scale * v for v in self.layers[-1].numbers()]
        lengths = [v.numerator.bit_length() + v.denominator.bit_length() for v in values]
        return IntegerSize(
            depth=self.depth,
            width=max(hidden, default=0),
            units=sum(hidden),
            nonzeros=len(values),
            parameters=sum(layer.outputs * (layer.inputs + 1) for layer in self.layers),
            distinct=len(set(values)),
            magnitude=max(map(abs, values), default=Fraction(0)),
            bits=sum(lengths),
            widest=max(lengths, default=0),
        )

    def __repr__(self) -> str:
        widths = " -> ".join(str(k) for k in [self.inputs, *[layer.outputs for layer in self.layers]])
        size = self.size
        return f"IntegerNetwork({widths}, {size.nonzeros} nonzeros, widest {size.widest} bits)"

    # -- evaluation ---------------------------------------------------------------------------------------

    def __call__(self, x: Any) -> NDArray[np.object_]:
        """Return f(x) for x (..., d) of integers, fractions or floats: Fractions (..., m), without rounding."""
        numerators, denominator = over_common_denominator(x)
        if numerators.ndim == 0 or numerators.shape[-1] != self.inputs:
            raise ValueError(f"IntegerNetwork: x has shape {numerators.shape}, its last axis must have length "
                             f"{self.inputs}")
        values = self.run(numerators.reshape(-1, self.inputs), denominator)
        factor = self.scale / denominator
        out = np.empty(values.shape, object)
        out[:] = [[factor * v for v in row] for row in values.tolist()]
        return out.reshape(*numerators.shape[:-1], self.outputs)

    def exact(self, x: Sequence[Fraction | float | int]) -> tuple[Fraction, ...]:
        """Return f(x) at one point, as ``Network.exact`` does."""
        if len(x) != self.inputs:
            raise ValueError(f"IntegerNetwork.exact: x has {len(x)} coordinates, expected {self.inputs}")
        return tuple(self([list(x)])[0].tolist())

    def run(self, numerators: Integers, denominator: int = 1) -> Integers:
        """Return ``f(N / D) D / scale`` for integers N (n, d) and D > 0: integers (n, m)."""
        out = np.empty((numerators.shape[0], self.outputs), object)
        number = self._number()
        step = max(1, _BLOCK // max(layer.outputs for layer in self.layers))
        for start in range(0, numerators.shape[0], step):
            values = [_as(column, number) for column in numerators[start:start + step].T]
            for k, layer in enumerate(self.layers):
                values = _apply(layer, values, denominator, number)
                if k + 1 < self.depth:
                    values = [np.maximum(v, number(0)) for v in values]
            for j, column in enumerate(values):
                out[start:start + step, j] = _as(column, int)
        return out

    def hidden(self, numerators: Integers, denominator: int = 1) -> list[Integers]:
        """Return the sums of every layer before ReLU, times D, at points N / D: one (outputs, n) array each."""
        values, kept = list(numerators.T), []
        for layer in self.layers:
            sums = _apply(layer, values, denominator, int)
            kept.append(np.array(sums, object).reshape(layer.outputs, -1))
            values = [np.maximum(v, 0) for v in sums]
        return kept

    def _number(self) -> Callable[[Any], Any]:
        """Return the type to compute with: Python's int, or python-flint's where numbers are long and it is there."""
        if max((abs(v).bit_length() for layer in self.layers for v in layer.numbers()), default=0) < _WIDE:
            return int
        try:
            from flint import fmpz
        except ImportError:
            return int
        return fmpz

    # -- algebra ------------------------------------------------------------------------------------------

    def __matmul__(self, inner: IntegerNetwork) -> IntegerNetwork:
        """Return ``self after inner``; the inner output map is multiplied into the outer first map.

        Depth L_self + L_inner - 1. Raises ValueError if the sizes do not fit.
        """
        if inner.outputs != self.inputs:
            raise ValueError(f"compose: the inner network has {inner.outputs} outputs, the outer takes "
                             f"{self.inputs} inputs")
        above, below = inner.scale.numerator, inner.scale.denominator
        last, first = inner.layers[-1], self.layers[0]
        rows = [[(j, w * above * v) for i, w in row for j, v in last.rows[i]] for row in first.rows]
        bias = [above * sum(w * last.bias[i] for i, w in row) + below * b
                for row, b in zip(first.rows, first.bias, strict=True)]
        joint = IntegerLayer.build(rows, bias, last.inputs)
        # everything after the joint layer is `below` times as large, which the scale takes back
        rest = tuple(layer.scaled(1, below) for layer in self.layers[1:])
        return IntegerNetwork((*inner.layers[:-1], joint, *rest), self.scale / below)

    def __mul__(self, factor: Fraction | int) -> IntegerNetwork:
        """Return ``x -> factor * self(x)``; the factor is an integer or a Fraction."""
        if not isinstance(factor, (int, Fraction)):
            raise TypeError(f"IntegerNetwork: factor={factor!r} must be an int or a Fraction; "
                            "Fraction(factor) reads a float exactly")
        if factor > 0:
            return IntegerNetwork(self.layers, self.scale * factor)
        last, sign = self.layers[-1], -1 if factor else 0
        flipped = IntegerLayer.build([[(j, sign * w) for j, w in row] for row in last.rows],
                                     [sign * b for b in last.bias], last.inputs)
        return IntegerNetwork((*self.layers[:-1], flipped), self.scale * abs(Fraction(factor or 1)))

    __rmul__ = __mul__

    def __neg__(self) -> IntegerNetwork:
        return -1 * self

    def __add__(self, other: IntegerNetwork) -> IntegerNetwork:
        """Return ``x -> self(x) + other(x)``; the shallower one is deepened."""
        if other.outputs != self.outputs:
            raise ValueError(f"add: outputs differ, {self.outputs} and {other.outputs}")
        m = self.outputs
        fold = IntegerNetwork.build([([[(i, 1), (m + i, 1)] for i in range(m)], [0] * m)], inputs=2 * m)
        return fold @ together([self, other])

    def __sub__(self, other: IntegerNetwork) -> IntegerNetwork:
        return self + (-1) * other

    def deepen(self, depth: int) -> IntegerNetwork:
        """Return the same function with the given depth: each output carried as two units."""
        extra, m, last = depth - self.depth, self.outputs, self.layers[-1]
        if extra < 0:
            raise ValueError(f"deepen: depth={depth} is below the network's depth {self.depth}")
        if extra == 0:
            return self
        split = IntegerLayer.build([*last.rows, *[[(j, -w) for j, w in row] for row in last.rows]],
                                   [*last.bias, *[-b for b in last.bias]], last.inputs)
        keep = IntegerLayer.build([[(i, 1)] for i in range(2 * m)], [0] * (2 * m), 2 * m)
        join = IntegerLayer.build([[(i, 1), (m + i, -1)] for i in range(m)], [0] * m, 2 * m)
        return IntegerNetwork((*self.layers[:-1], split, *[keep] * (extra - 1), join), self.scale)


def together(networks: Sequence[IntegerNetwork], *, shared: bool = True) -> IntegerNetwork:
    """Return the networks side by side, outputs concatenated; shallower ones are deepened.

    ``shared``: all read the same input; otherwise their inputs are concatenated. The outputs get one scale, the
    largest of which all the scales are multiples. Raises ValueError for an empty list, or if shared inputs differ.
    """
    if not networks:
        raise ValueError("together: needs at least one network")
    if shared and len({f.inputs for f in networks}) > 1:
        raise ValueError(f"together: inputs differ, {[f.inputs for f in networks]}; all must read the same input")
    depth = max(f.depth for f in networks)
    below = math.lcm(*[f.scale.denominator for f in networks])
    above = math.gcd(*[f.scale.numerator * (below // f.scale.denominator) for f in networks])
    scale = Fraction(above, below)
    layers = []
    for k, column in enumerate(zip(*[f.deepen(depth).layers for f in networks], strict=True)):
        rows: list[list[tuple[int, int]]] = []
        bias: list[int] = []
        inputs = 0
        for layer, f in zip(column, networks, strict=True):
            factor = int(f.scale / scale) if k + 1 == depth else 1
            start = 0 if shared and k == 0 else inputs
            rows += [[(start + j, factor * w) for j, w in row] for row in layer.rows]
            bias += [factor * b for b in layer.bias]
            inputs = start + layer.inputs
        layers.append(IntegerLayer.build(rows, bias, inputs))
    return IntegerNetwork(tuple(layers), scale)


def over_common_denominator(x: Any) -> tuple[Integers, int]:
    """Return integers N of the shape of x and one D > 0 with ``x = N / D``, exactly; floats are read as they are.

    Raises TypeError for entries that are not numbers, ValueError for NaN and infinity.

    >>> over_common_denominator([[0.75, Fraction(1, 3)]])
    (array([[9, 4]], dtype=object), 12)
    """
    raw = np.asarray(x, dtype=object) if not isinstance(x, np.ndarray) else x
    flat = raw.reshape(-1).tolist()  # numpy's numbers become Python's
    ratios = [_ratio(v) for v in flat]
    denominator = math.lcm(*{q for _, q in ratios}) if ratios else 1
    out = np.empty(len(flat), object)
    out[:] = [p * (denominator // q) for p, q in ratios]
    return out.reshape(raw.shape), denominator


def _ratio(value: Any) -> tuple[int, int]:
    if isinstance(value, (int, Fraction)):
        return int(value.numerator), int(value.denominator)
    if isinstance(value, np.integer):
        return int(value), 1
    if not isinstance(value, (float, np.floating)):
        raise TypeError(f"IntegerNetwork: x holds {value!r}; needs integers, Fractions or floats")
    if not math.isfinite(value):
        raise ValueError(f"IntegerNetwork: x holds {value!r}; remove or impute that row")
    return float(value).as_integer_ratio()


def _as(column: Integers, number: Callable[[Any], Any]) -> Integers:
    out = np.empty(column.shape[0], object)
    out[:] = [number(v) for v in column.tolist()]
    return out


def _apply(layer: IntegerLayer, values: list[Integers], denominator: int,
           number: Callable[[Any], Any]) -> list[Integers]:
    """Return the rows of the affine map at homogeneous points: biases times the denominator, no division."""
    sums = []
    for row, bias in zip(layer.rows, layer.bias, strict=True):
        total = np.full(values[0].shape[0], number(bias * denominator), object)
        for column, weight in row:
            total = total + (values[column] if weight == 1 else number(weight) * values[column])
        sums.append(total)
    return sums
