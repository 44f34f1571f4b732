"""Affine forms of the units of a network that grows layer by layer.

A builder keeps the forms that it still needs in a dictionary; :meth:`Wires.push` turns forms into the units of the
next layer and hands back the forms that read them. What must skip a layer is pushed along: one unit for each value
that is known to be nonnegative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.network import Layer, Network

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Rows ``matrix @ units + bias``: affine functions of the units of one layer."""

    matrix: Any
    bias: Array

    def __len__(self) -> int:
        return int(self.bias.size)

    def __add__(self, other: Form) -> Form:
        return Form(self.matrix + other.matrix, self.bias + other.bias)

    def __sub__(self, other: Form) -> Form:
        return Form(self.matrix - other.matrix, self.bias - other.bias)

    def __neg__(self) -> Form:
        return Form(-self.matrix, -self.bias)

    def __rmul__(self, factor: float) -> Form:
        return Form(factor * self.matrix, factor * self.bias)

    def shift(self, offset: float | Array) -> Form:
        """Return the rows plus a constant, or plus one constant for each row."""
        return Form(self.matrix, self.bias + offset)

    def map(self, rows: Any) -> Form:
        """Return the linear combinations ``rows @ form``; rows (n, len(form)), sparse or dense."""
        matrix = sparse.csr_array(rows)
        return Form(sparse.csr_array(matrix @ self.matrix), matrix @ self.bias)

    def take(self, rows: NDArray[np.intp]) -> Form:
        """Return the rows of these numbers, repeated or left out as they come."""
        return Form(self.matrix[rows], self.bias[rows])


def stacked(*forms: Form) -> Form:
    """Return the rows of all forms, one under the other."""
    return Form(sparse.csr_array(sparse.vstack([form.matrix for form in forms])),
                np.concatenate([form.bias for form in forms]))


@dataclass(slots=True, eq=False)
class Wires:
    """A network under construction; it lives only inside one call of a builder.

    >>> wires = Wires(1)
    >>> units = wires.push({"plus": wires.inputs, "minus": -1.0 * wires.inputs})
    >>> wires.close(units["plus"] + units["minus"])([[-3.0], [2.0]]).ravel().tolist()
    [3.0, 2.0]
    """

    dimension: int
    layers: list[Layer] = field(default_factory=list)

    @property
    def inputs(self) -> Form:
        """The coordinates of the input, before the first layer."""
        return Form(sparse.csr_array(sparse.eye_array(self.dimension)), np.zeros(self.dimension))

    def push(self, values: Mapping[str, Form]) -> dict[str, Form]:
        """Append a layer with relu of all rows of all values; return the forms that read its units."""
        joint = stacked(*values.values())
        self.layers.append(Layer.build(joint.matrix, joint.bias))
        out, start, total = {}, 0, len(joint)
        for key, form in values.items():
            out[key] = Form(sparse.csr_array(sparse.eye_array(len(form), total, k=start)), np.zeros(len(form)))
            start += len(form)
        return out

    def close(self, output: Form) -> Network:
        """Return the network with these rows as its outputs."""
        return Network((*self.layers, Layer.build(output.matrix, output.bias)))
