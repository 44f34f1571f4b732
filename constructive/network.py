"""ReLU networks as data: immutable chains of sparse affine maps, with their size, algebra and files.

A network of depth L maps x to ``W_L relu(... relu(W_1 x + b_1) ...) + b_L``. It is a chain, not a graph: what
must skip layers is carried along by units. Weights are stored sparse; every count is taken from the weights.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

_MAGIC = "constructive network 1"
_CACHED = 1 << 15
"""Numbers that a layer may hold for one block of points whatever the size of the network: 256 KiB."""

_WORTH_THREADS = 4_000_000
"""Products from which on threads pay: about 2 ms, where starting them takes 0.3 ms."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One affine map ``x -> weight @ x + bias``; weight (n_out, n_in) in CSR form, bias (n_out,).

    Arrays are read-only, columns sorted, no zero stored. Use :meth:`build`, which cleans what it is given.
    """

    weight: sparse.csr_array
    bias: NDArray[Any]

    @staticmethod
    def build(weight: Any, bias: ArrayLike | None = None, dtype: Any = np.float64) -> Layer:
        """Return a clean layer from anything matrix-like; a missing bias is 0.

        Raises ValueError for wrong shapes and for weights that are not finite (after rounding to dtype).
        """
        kind = np.dtype(dtype)
        if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
            raise TypeError(f"Layer.build: dtype must be float64 or float32, got {kind}")
        raw = weight if sparse.issparse(weight) else np.atleast_2d(np.asarray(weight, dtype=np.float64))
        matrix = sparse.csr_array(raw, dtype=kind, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        matrix.sort_indices()
        offset = np.zeros(matrix.shape[0], kind) if bias is None else np.array(bias, dtype=kind).reshape(-1)
        if offset.shape[0] != matrix.shape[0]:
            raise ValueError(f"Layer.build: weight has {matrix.shape[0]} rows, bias {offset.shape[0]} entries")
        if 0 in matrix.shape:
            raise ValueError(f"Layer.build: weight has shape {matrix.shape}; a layer needs inputs and outputs")
        if not (np.isfinite(matrix.data).all() and np.isfinite(offset).all()):
            raise ValueError(f"Layer.build: weights must be finite in {kind}; rescale the network")
        if matrix.nnz < 2**31 - 1:
            matrix.indptr = matrix.indptr.astype(np.int32, copy=False)
            matrix.indices = matrix.indices.astype(np.int32, copy=False)
        for array in (matrix.data, matrix.indices, matrix.indptr, offset):
            array.setflags(write=False)
        return Layer(matrix, offset)

    @property
    def inputs(self) -> int:
        """Number of inputs, n_in."""
        return int(self.weight.shape[1])

    @property
    def outputs(self) -> int:
        """Number of outputs, n_out."""
        return int(self.weight.shape[0])

    @property
    def nonzeros(self) -> int:
        """Nonzero weights plus nonzero biases."""
        return int(self.weight.nnz) + int(np.count_nonzero(self.bias))


@dataclass(frozen=True, slots=True, eq=False)
class Size:
    """The counts of a network; which of them "the number of parameters" means is always said.

    ``depth`` affine maps; ``width`` of the largest hidden layer; ``units`` hidden neurons; ``nonzeros``
    nonzero weights and biases; ``parameters`` dense, the sum of n_out (n_in + 1); ``distinct`` different
    nonzero values stored; ``magnitude`` the largest absolute weight or bias.
    """

    depth: int
    width: int
    units: int
    nonzeros: int
    parameters: int
    distinct: int
    magnitude: float


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A chain of layers with ReLU after each but the last; callable on arrays of shape (..., inputs).

    ``f @ g`` is f after g, ``f + g``, ``f - g`` and ``c * f`` act on outputs; all return new networks.
    Raises ValueError if there is no layer, if sizes do not chain, or if the number formats differ.

    >>> f = Network.build([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
    >>> f([[-3.0], [2.0]]).ravel().tolist()
    [3.0, 2.0]
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("Network: needs at least one layer")
        for k, (lower, upper) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if lower.outputs != upper.inputs:
                raise ValueError(f"Network: layer {k} has {lower.outputs} outputs but layer {k + 1} takes "
                                 f"{upper.inputs} inputs")
        if len({layer.weight.dtype for layer in self.layers} | {layer.bias.dtype for layer in self.layers}) > 1:
            raise ValueError("Network: all layers must have one number format; use astype")

    @staticmethod
    def build(maps: Iterable[tuple[Any, ArrayLike | None]], dtype: Any = np.float64) -> Network:
        """Return the network of the given (weight, bias) pairs, first layer first."""
        return Network(tuple(Layer.build(weight, bias, dtype) for weight, bias in maps))

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
    def dtype(self) -> np.dtype[Any]:
        """Number format of weights and evaluation: float64 or float32."""
        return np.dtype(self.layers[0].weight.dtype)

    @property
    def size(self) -> Size:
        """All counts, taken from the stored weights."""
        hidden = [layer.outputs for layer in self.layers[:-1]]
        values = np.concatenate([part for layer in self.layers for part in (layer.weight.data, layer.bias)])
        values = values[values != 0]
        return Size(
            depth=self.depth,
            width=max(hidden, default=0),
            units=sum(hidden),
            nonzeros=sum(layer.nonzeros for layer in self.layers),
            parameters=sum(layer.outputs * (layer.inputs + 1) for layer in self.layers),
            distinct=int(np.unique(values).size),
            magnitude=float(np.abs(values).max(initial=0.0)),
        )

    def __repr__(self) -> str:
        widths = " -> ".join(str(k) for k in [self.inputs, *[layer.outputs for layer in self.layers]])
        return f"Network({widths}, {sum(layer.nonzeros for layer in self.layers)} nonzeros, {self.dtype})"

    # -- evaluation ---------------------------------------------------------------------------------------

    def __call__(self, x: ArrayLike) -> NDArray[Any]:
        """Return f(x) for x of shape (..., d): shape (..., m), in the network's number format."""
        points = np.asarray(x, dtype=self.dtype)
        if points.ndim == 0 or points.shape[-1] != self.inputs:
            raise ValueError(f"Network: x has shape {points.shape}, its last axis must have length {self.inputs}")
        rows = points.reshape(-1, self.inputs)
        out = np.empty((rows.shape[0], self.outputs), self.dtype)
        if rows.shape[0] and not self.layers[0].weight.nnz:  # a constant: no input is read
            out[:] = self.hidden(rows[:1])[-1].T
        elif rows.shape[0]:
            self._evaluate(rows, out)
        return out.reshape(*points.shape[:-1], self.outputs)

    def _evaluate(self, rows: NDArray[Any], out: NDArray[Any]) -> None:
        from constructive._kernels import in_blocks, workers
        steps = self._steps()
        # two buffers that take turns, for each thread
        sizes = [max((layer.outputs for _, layer in steps[turn::2]), default=0) for turn in (0, 1)]
        columns = self._columns(max(self.inputs, *sizes), min(rows.shape[0], 4096))

        def work(start: int, stop: int) -> None:
            buffers = [np.empty(size * columns, self.dtype) for size in sizes]
            for first in range(start, stop, columns):
                last = min(first + columns, stop)
                out[first:last] = _run(steps, rows[first:last], buffers).T

        # four tasks for each thread, so that a slow thread does not leave the others waiting for long
        products = rows.shape[0] * sum(layer.weight.nnz for layer in self.layers)
        tasks = 4 * workers() if products > _WORTH_THREADS else 1
        in_blocks(rows.shape[0], columns * math.ceil(rows.shape[0] / (tasks * columns)), work)

    def _steps(self) -> list[tuple[Layer | None, Layer]]:
        """Return the layers in order, each with the one before it if that is made again where it is read."""
        steps: list[tuple[Layer | None, Layer]] = []
        for layer in self.layers:
            before = steps[-1][1] if steps else None
            if before is not None and steps[-1][0] is None and _is_thin(before, layer):
                steps[-1] = (before, layer)
            else:
                steps.append((None, layer))
        return steps

    def _columns(self, widest: int, most: int) -> int:
        """Return how many points are evaluated together: at least 8, at most ``most``.

        All buffers take at most three times the memory of the network, unless it is smaller than a cache.
        """
        from constructive._kernels import workers
        parts = [part for la in self.layers for part in (la.weight.data, la.weight.indices, la.weight.indptr, la.bias)]
        fair = 3 * sum(part.nbytes for part in parts) // (2 * workers() * widest * self.dtype.itemsize)
        return min(most, max(8, _CACHED // widest, min(64, fair // 8 * 8)))

    def hidden(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the values of every layer at x of shape (n, d), feature-major: one (outputs, n) array each."""
        from constructive._kernels.chain import affine_layer
        values = np.ascontiguousarray(np.asarray(x, dtype=self.dtype).T)
        kept = []
        for k, layer in enumerate(self.layers):
            target = np.empty((layer.outputs, values.shape[1]), self.dtype)
            matrix = layer.weight
            affine_layer(matrix.indptr, matrix.indices, matrix.data, layer.bias, values, target,
                         k + 1 < self.depth)
            values = target
            kept.append(values)
        return kept

    def exact(self, x: Sequence[Fraction | float | int]) -> tuple[Fraction, ...]:
        """Return f(x) at one point in rational arithmetic: what the real network does, no rounding."""
        values = [Fraction(v) for v in x]
        if len(values) != self.inputs:
            raise ValueError(f"Network.exact: x has {len(values)} coordinates, expected {self.inputs}")
        for k, layer in enumerate(self.layers):
            matrix = layer.weight
            sums = []
            for row in range(layer.outputs):
                span = slice(matrix.indptr[row], matrix.indptr[row + 1])
                terms = (Fraction(float(w)) * values[j]
                         for w, j in zip(matrix.data[span], matrix.indices[span], strict=True) if values[j])
                sums.append(sum(terms, Fraction(float(layer.bias[row]))))
            values = sums if k + 1 == self.depth else [max(v, Fraction(0)) for v in sums]
        return tuple(values)

    def astype(self, dtype: Any) -> Network:
        """Return the network with every weight rounded to float64 or float32."""
        return Network(tuple(Layer.build(layer.weight, layer.bias, dtype) for layer in self.layers))

    # -- algebra ------------------------------------------------------------------------------------------

    def __matmul__(self, inner: Network) -> Network:
        """Return ``self after inner``; the inner output map is multiplied into the outer first map.

        Depth L_self + L_inner - 1. Raises ValueError if the sizes do not fit.
        """
        if inner.outputs != self.inputs:
            raise ValueError(f"compose: the inner network has {inner.outputs} outputs, the outer takes "
                             f"{self.inputs} inputs")
        first, last = self.layers[0], inner.layers[-1]
        joint = Layer.build(first.weight @ last.weight, first.weight @ last.bias + first.bias, self.dtype)
        return Network((*inner.layers[:-1], joint, *self.layers[1:]))

    def __add__(self, other: Network) -> Network:
        """Return ``x -> self(x) + other(x)``; the shallower one is deepened."""
        if other.outputs != self.outputs:
            raise ValueError(f"add: outputs differ, {self.outputs} and {other.outputs}")
        both = side_by_side([self, other], shared=True)
        fold = sparse.hstack([sparse.eye_array(self.outputs)] * 2)
        return Network.build([(fold, None)], self.dtype) @ both

    def __sub__(self, other: Network) -> Network:
        return self + (-1.0) * other

    def __neg__(self) -> Network:
        return (-1.0) * self

    def __mul__(self, factor: float) -> Network:
        """Return ``x -> factor * self(x)``: the last layer scaled."""
        last = self.layers[-1]
        scaled = Layer.build(last.weight * float(factor), last.bias * float(factor), self.dtype)
        return Network((*self.layers[:-1], scaled))

    __rmul__ = __mul__

    def deepen(self, depth: int) -> Network:
        """Return the same function, exactly, with the given depth: each output carried as two units.

        Adds ``4 m (depth - self.depth)`` units less the bookkeeping of the last layer; raises ValueError if the
        network is already deeper.
        """
        extra = depth - self.depth
        if extra < 0:
            raise ValueError(f"deepen: depth={depth} is below the network's depth {self.depth}")
        if extra == 0:
            return self
        last, m = self.layers[-1], self.outputs
        split = Layer.build(sparse.vstack([last.weight, -last.weight]), np.concatenate([last.bias, -last.bias]),
                            self.dtype)
        keep = Layer.build(sparse.eye_array(2 * m), None, self.dtype)
        join = Layer.build(sparse.hstack([sparse.eye_array(m), -sparse.eye_array(m)]), None, self.dtype)
        return Network((*self.layers[:-1], split, *[keep] * (extra - 1), join))

    # -- text and files -----------------------------------------------------------------------------------

    def explain(self, limit: int = 400) -> str:
        """Return the network written out, one line for each unit; refuses more than ``limit`` nonzeros.

        >>> print(Network.build([([[2.0]], [-1.0]), ([[1.0]], [0.5])]).explain())
        h1[0] = relu(2 x[0] - 1)
        y[0] = h1[0] + 0.5
        """
        count = sum(layer.nonzeros for layer in self.layers)
        if count > limit:
            raise ValueError(f"explain: the network has {count} nonzeros, more than limit={limit}; raise the limit")
        lines = []
        for k, layer in enumerate(self.layers):
            last, source = k + 1 == self.depth, "x" if k == 0 else f"h{k}"
            for row in range(layer.outputs):
                body = _written(layer, row, source)
                lines.append(f"y[{row}] = {body}" if last else f"h{k + 1}[{row}] = relu({body})")
        return "\n".join(lines)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a ``.npz`` file of plain arrays: no pickle, nothing executable."""
        arrays: dict[str, NDArray[Any]] = {}
        header = {"format": _MAGIC, "depth": self.depth, "shapes": [list(la.weight.shape) for la in self.layers]}
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        for k, layer in enumerate(self.layers):
            arrays[f"data{k}"], arrays[f"indices{k}"] = layer.weight.data, layer.weight.indices
            arrays[f"indptr{k}"], arrays[f"bias{k}"] = layer.weight.indptr, layer.bias
        with open(path, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Network:
        """Return the network saved at path, bit for bit; ValueError if the file is not one of ours."""
        # opened here: np.load leaves a broken archive open, and a missing file is another error than a bad one
        with open(path, "rb") as raw:
            try:
                with np.load(raw, allow_pickle=False) as file:
                    return Network(_read_layers(file))
            except (LookupError, ValueError, TypeError, EOFError, OSError, ArithmeticError, RuntimeError,
                    MemoryError, zlib.error, zipfile.BadZipFile) as error:
                raise ValueError(f"Network.load: {os.fspath(path)!r} is not a network file: {error}") from error


def _is_thin(layer: Layer, reader: Layer) -> bool:
    """Return whether each unit reads one input at most and is read so seldom that it need not be stored."""
    return bool(np.diff(layer.weight.indptr).max() <= 1) and reader.weight.nnz <= 4 * layer.outputs


def _run(steps: list[tuple[Layer | None, Layer]], rows: NDArray[Any], buffers: list[NDArray[Any]]) -> NDArray[Any]:
    """Return the values (outputs, n) at points (n, inputs); they lie in one of the two buffers."""
    from constructive._kernels.chain import affine_layer, affine_on_thin
    values = np.ascontiguousarray(rows.T)
    for k, (thin, layer) in enumerate(steps):
        size, relu = layer.outputs * values.shape[1], k + 1 < len(steps)
        target = buffers[k % 2][:size].reshape(layer.outputs, -1)
        if thin is None:
            affine_layer(*_arrays(layer), values, target, relu)
        else:
            affine_on_thin(_arrays(thin), _arrays(layer), values, target, relu)
        values = target
    return values


def _arrays(layer: Layer) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    return layer.weight.indptr, layer.weight.indices, layer.weight.data, layer.bias


def _read_layers(file: Any) -> tuple[Layer, ...]:
    header = json.loads(bytes(file["header"]).decode())
    if header["format"] != _MAGIC:
        raise ValueError(f"format {header['format']!r}")
    layers = []
    for k in range(header["depth"]):
        data, shape = file[f"data{k}"], tuple(header["shapes"][k])
        matrix = sparse.csr_array((data, file[f"indices{k}"], file[f"indptr{k}"]), shape=shape)
        matrix.check_format(full_check=True)
        layers.append(Layer.build(matrix, file[f"bias{k}"], data.dtype))
    return tuple(layers)


def _written(layer: Layer, row: int, source: str) -> str:
    span = slice(layer.weight.indptr[row], layer.weight.indptr[row + 1])
    parts = [(float(w), f"{source}[{j}]")
             for w, j in zip(layer.weight.data[span], layer.weight.indices[span], strict=True)]
    if layer.bias[row] != 0 or not parts:
        parts.append((float(layer.bias[row]), ""))
    text = ""
    for k, (value, name) in enumerate(parts):
        sign = ("-" if value < 0 else "") if k == 0 else (" - " if value < 0 else " + ")
        amount = "" if name and abs(value) == 1 else f"{abs(value):.17g}" + (" " if name else "")
        text += sign + amount + name
    return text


def side_by_side(networks: Sequence[Network], *, shared: bool) -> Network:
    """Return the networks run next to each other, outputs concatenated; shallower ones are deepened.

    ``shared``: all read the same input; otherwise their inputs are concatenated. Depth: the largest.
    Raises ValueError for an empty list, or if shared inputs differ in size.
    """
    if not networks:
        raise ValueError("side_by_side: needs at least one network")
    if shared and len({f.inputs for f in networks}) > 1:
        raise ValueError(f"stack: inputs differ, {[f.inputs for f in networks]}; all must read the same input")
    depth, dtype = max(f.depth for f in networks), networks[0].dtype
    columns = zip(*[f.deepen(depth).layers for f in networks], strict=True)
    layers = []
    for k, column in enumerate(columns):
        weights = [layer.weight for layer in column]
        joined = sparse.vstack(weights) if shared and k == 0 else sparse.block_diag(weights)
        layers.append(Layer.build(joined, np.concatenate([layer.bias for layer in column]), dtype))
    return Network(tuple(layers))
