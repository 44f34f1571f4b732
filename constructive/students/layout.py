"""Chains of affine maps, put next to each other: what bumps, teacher and gate are assembled from.

Every map carries its size as a formula of the instance (:class:`Part`), never counted from the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.network import Layer, Network

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One affine map with its size by formula: ``nonzeros`` weights and biases that are not zero."""

    weight: Any
    bias: Array
    nonzeros: int

    @property
    def units(self) -> int:
        """Number of outputs."""
        return int(self.bias.size)


def carried(units: int) -> Part:
    """Return the map that passes nonnegative units on, one nonzero each."""
    return Part(sparse.eye_array(units, format="csr"), np.zeros(units), units)


def hidden_parts(teacher: Network) -> list[Part]:
    """Return the teacher's hidden layers."""
    return [Part(layer.weight, layer.bias, layer.nonzeros) for layer in teacher.layers[:-1]]


def shifted_output(teacher: Network, bound: float) -> Part:
    """Return T + B. Nonzeros: the output rows' weights, and their biases after adding B."""
    last = teacher.layers[-1]
    bias = last.bias + bound
    return Part(last.weight, bias, int(last.weight.nnz) + int(np.count_nonzero(bias)))


def is_constant(teacher: Network) -> bool:
    """Whether the teacher is one affine map without weights: its output is its bias."""
    return teacher.depth == 1 and teacher.layers[0].weight.nnz == 0


def class_sums(index: NDArray[np.int64], classes: int) -> Part:
    """Return relu(sum of the bumps of each class). Nonzeros: one for each bump."""
    m = index.size
    sums = sparse.csr_array((np.ones(m), (index, np.arange(m))), shape=(classes, m))
    return Part(sums, np.zeros(classes), m)


def beside(left: list[Part], right: list[Part]) -> list[Part]:
    """Return two branches of nonnegative units run next to each other, the shorter one carried to the end.

    Both read the same input. A branch of length 0 is not there.
    """
    if not left or not right:
        return left or right
    length = max(len(left), len(right))
    columns = []
    for branch in (left, right):
        columns.append([*branch, *[carried(branch[-1].units)] * (length - len(branch))])
    joined = []
    for k, (a, b) in enumerate(zip(*columns, strict=True)):
        top, bottom = as_csr(a.weight), as_csr(b.weight)
        weight = sparse.vstack([top, bottom], format="csr") if k == 0 else _diagonal(top, bottom)
        joined.append(Part(weight, np.concatenate([a.bias, b.bias]), a.nonzeros + b.nonzeros))
    return joined


def as_csr(weight: Any) -> sparse.csr_array:
    """Return a weight in CSR form; dense rows keep only what is not 0."""
    return sparse.csr_array(np.atleast_2d(weight) if isinstance(weight, (np.ndarray, list)) else weight)


def _diagonal(a: sparse.csr_array, b: sparse.csr_array) -> sparse.csr_array:
    # scipy's block_diag goes through three arrays of 64-bit coordinates: too much for a million bumps
    indptr = np.concatenate([a.indptr, a.indptr[-1] + b.indptr[1:]])
    indices = np.concatenate([a.indices, b.indices + a.indices.dtype.type(a.shape[1])])
    shape = (a.shape[0] + b.shape[0], a.shape[1] + b.shape[1])
    return sparse.csr_array((np.concatenate([a.data, b.data]), indices, indptr), shape=shape)


def network_of(parts: list[Part], dtype: Any = np.float64) -> Network:
    """Return the network of the parts in a number format, ReLU after each but the last."""
    return Network(tuple(Layer.build(part.weight, part.bias, dtype) for part in parts))
