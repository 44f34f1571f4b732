"""A chain under construction: what is read from another library, operation by operation, becomes a network.

Between two ReLUs all affine operations are multiplied together, as a network of this library has one affine map
there. An operation that meets nothing to be multiplied with keeps its weights bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.network import Layer, Network


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Finished layers, each followed by ReLU, and the affine map read since: ``weight`` None is the identity.

    ``width`` numbers leave the chain, which takes ``inputs``; all weights have the format ``dtype``.
    """

    inputs: int
    width: int
    dtype: np.dtype[Any]
    layers: tuple[Layer, ...] = ()
    weight: sparse.csr_array | None = None
    bias: NDArray[Any] | None = None

    @staticmethod
    def start(inputs: int, dtype: Any) -> Chain:
        """Return the identity on ``inputs`` numbers."""
        return Chain(inputs, inputs, np.dtype(dtype))

    def affine(self, weight: Any, bias: NDArray[Any] | None = None) -> Chain:
        """Return the chain followed by ``x -> weight x + bias``, weight (m, width)."""
        outer = Layer.build(weight, bias, self.dtype)
        if outer.inputs != self.width:
            raise ValueError(f"as_network: a weight takes {outer.inputs} inputs where {self.width} arrive")
        if self.weight is None and self.bias is None:
            return replace(self, width=outer.outputs, weight=outer.weight, bias=None if bias is None else outer.bias)
        joint = outer.weight if self.weight is None else outer.weight @ self.weight
        moved = bias if self.bias is None else outer.weight @ self.bias + outer.bias
        return replace(self, width=outer.outputs, weight=joint, bias=moved)

    def shift(self, offset: NDArray[Any]) -> Chain:
        """Return the chain followed by ``x -> x + offset``; a first offset is stored as it is."""
        return replace(self, bias=offset if self.bias is None else self.bias + offset)

    def scale(self, factor: NDArray[Any]) -> Chain:
        """Return the chain followed by ``x -> factor x``, coordinate by coordinate."""
        return self.affine(sparse.diags_array(factor))

    def relu(self) -> Chain:
        """Return the chain followed by ReLU."""
        return Chain(self.inputs, self.width, self.dtype, (*self.layers, self._last()))

    def clip(self, lower: float, upper: float) -> Chain:
        """Return the chain followed by ``min(max(x, lower), upper)``; infinite ends ask for nothing.

        Written ``U - relu(U - L - relu(x - L))``, which meets the upper end bit for bit; for lower = 0 no weight is
        rounded. Raises ValueError unless lower < upper.
        """
        if not lower < upper:
            raise ValueError(f"as_network: a clip needs lower < upper, got {lower!r} and {upper!r}")
        ones = np.ones(self.width, self.dtype)
        chain = self
        if lower > -math.inf:
            chain = (chain.shift(-lower * ones) if lower else chain).relu()
        if upper < math.inf:
            chain = chain.affine(sparse.diags_array(-ones), (upper - (lower if lower > -math.inf else 0.0)) * ones)
            return chain.relu().affine(sparse.diags_array(-ones), upper * ones)
        return chain.shift(lower * ones) if lower and lower > -math.inf else chain

    def network(self) -> Network:
        """Return the network read so far; a chain that ends in ReLU gets the identity as its last map."""
        return Network((*self.layers, self._last()))

    def _last(self) -> Layer:
        weight = sparse.eye_array(self.width) if self.weight is None else self.weight
        return Layer.build(weight, self.bias, self.dtype)
