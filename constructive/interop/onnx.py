"""ONNX files: networks written as dense chains of Gemm and Relu, and chains of other tools read back.

Nothing is executed by reading: the graph is walked, its constants become weights, and what is not a chain of affine
maps, ReLUs and clips is refused by name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count
from constructive.evidence import versions
from constructive.interop.chains import Chain
from constructive.network import Network

OPSET = 13
"""The operator set that is written: old enough for every tool in use, and Gemm has not changed since."""

_IR_VERSION = 8
_MOST_BYTES = 2**31 - 2**20
"""What one file without external data can hold."""


# -- writing ------------------------------------------------------------------------------------------------


def to_onnx(network: Network, path: str | os.PathLike[str], *, dtype: Any = None, limit: int = 1_000_000,
            rounding: bool = False, batch: int | None = None) -> None:
    """Write the network to an ONNX file: depth times Gemm (transB = 1), Relu between, opset 13, weights dense.

    ``dtype`` "float64" or "float32" is the format of input, weights and output, the network's own by default; float32
    refuses weights that it cannot hold exactly unless ``rounding`` allows rounding them: then the file holds another
    network. Input "X" of shape (batch, d), output "Y" (batch, m); ``batch`` None leaves the first size open, "n".
    Sum of n_out (n_in + 1) numbers are stored, zeros included; metadata name depth, nonzeros and format; the bytes
    depend on the network alone. On the memorized boxes of a student the file is exact in every runtime whose sums and
    products round correctly. Raises ValueError for more than ``limit`` numbers (naming how many, and the bytes), and
    ModuleNotFoundError without the extra ``onnx``.

    >>> import tempfile, pathlib
    >>> f = Network.build([([[1.0, 0.0], [0.0, -2.0]], [0.5, 0.0]), ([[1.0, 1.0]], None)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "f.onnx"
    ...     to_onnx(f, path)
    ...     again = network_of_onnx(path)
    >>> again([[0.25, -3.0]]).item() == f([[0.25, -3.0]]).item()
    True
    """
    data = onnx_model(network, dtype=dtype, limit=limit, rounding=rounding, batch=batch)
    with open(path, "wb") as file:
        file.write(data.SerializeToString(deterministic=True))


def onnx_model(network: Network, *, dtype: Any = None, limit: int = 1_000_000, rounding: bool = False,
               batch: int | None = None) -> Any:
    """Return the ``onnx.ModelProto`` that :func:`to_onnx` writes; same arguments and refusals."""
    from onnx import TensorProto, helper
    who = "to_onnx"
    kind = _format(network, dtype, who)
    _fits(network, kind, as_count(limit, who, "limit", at_least=1), who)
    if kind == np.float32 and not rounding:
        _holds(network, who)
    element = TensorProto.FLOAT if kind == np.float32 else TensorProto.DOUBLE
    rows = "n" if batch is None else as_count(batch, who, "batch", at_least=1)
    nodes, constants, source = [], [], "X"
    for k, layer in enumerate(network.layers):
        last = k + 1 == network.depth
        target = "Y" if last else f"affine{k + 1}"
        for name, array in ((f"W{k + 1}", layer.weight.toarray()), (f"b{k + 1}", layer.bias)):
            little = np.ascontiguousarray(array, dtype=kind.newbyteorder("<"))
            constants.append(helper.make_tensor(name, element, little.shape, little.tobytes(), raw=True))
        nodes.append(helper.make_node("Gemm", [source, f"W{k + 1}", f"b{k + 1}"], [target], f"Gemm{k + 1}", transB=1))
        if not last:
            source = f"hidden{k + 1}"
            nodes.append(helper.make_node("Relu", [target], [source], f"Relu{k + 1}"))
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("X", element, [rows, network.inputs])],
        [helper.make_tensor_value_info("Y", element, [rows, network.outputs])], constants)
    model = helper.make_model(graph, producer_name="constructive", producer_version=versions()["constructive"],
                              opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
    helper.set_model_props(model, {"depth": str(network.depth), "format": kind.name,
                                   "nonzeros": str(sum(layer.nonzeros for layer in network.layers))})
    return model


def _format(network: Network, dtype: Any, who: str) -> np.dtype[Any]:
    try:
        kind = network.dtype if dtype is None else np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"{who}: dtype={dtype!r} must be 'float64' or 'float32'") from error
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ValueError(f"{who}: dtype={kind.name!r} must be 'float64' or 'float32'")
    return kind


def _fits(network: Network, kind: np.dtype[Any], limit: int, who: str) -> None:
    count = sum(layer.outputs * (layer.inputs + 1) for layer in network.layers)
    size = count * kind.itemsize
    if count > limit:
        raise ValueError(f"{who}: the dense form has {count} weights and biases, {size} bytes, more than "
                         f"limit={limit}; raise the limit, or save the sparse network with network.save")
    if size > _MOST_BYTES:
        raise ValueError(f"{who}: the dense form takes {size} bytes, one ONNX file holds {_MOST_BYTES}; save the "
                         "sparse network with network.save")


def _holds(network: Network, who: str) -> None:
    """Raise ValueError if float32 cannot hold some weight exactly."""
    for k, layer in enumerate(network.layers):
        for name, values in (("weight", layer.weight.data), ("bias", layer.bias)):
            with np.errstate(over="ignore"):
                lost = np.flatnonzero(values.astype(np.float32) != values)
            if lost.size:
                value = float(values[lost[0]])
                raise ValueError(f"{who}: dtype='float32' cannot hold {lost.size} entries of the {name} of layer "
                                 f"{k + 1}, for one {value!r}; memorize with precision='float32', write float64, or "
                                 "pass rounding=True for a network that is rounded")


# -- reading ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Value:
    """A tensor that depends on the input: the chain that makes it, and its shape, an open batch counted as 1."""

    chain: Chain
    shape: tuple[int, ...]


def network_of_onnx(model: Any) -> Network:
    """Return the network of an ``onnx.ModelProto`` or of the ONNX file at a path.

    Read are chains, with constants anywhere, of Gemm, MatMul, Add, Sub, Mul and Div by constants, Relu, Clip,
    Flatten, Reshape, Identity and Constant, in float32 or float64; one input whose first size is the batch (open
    or 1), one output. Inputs of several axes count in row-major order. Weights are kept bit for bit where one affine
    operation stands between two ReLUs (MatMul and Add count as one); several are multiplied together and rounded;
    a clip rounds too, unless its lower end is 0 and an upper end is given, or it is a ReLU. Nothing is executed.
    Raises ValueError naming the node that is not understood, for external data (which could name any file), and for
    what is not an ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError
    if not isinstance(model, onnx.ModelProto):
        with open(model, "rb") as file:
            content = file.read()
        name = os.fspath(model)
        model = onnx.ModelProto()
        try:
            model.ParseFromString(content)
        except DecodeError as error:
            raise ValueError(f"as_network: {name!r} is not an ONNX file: {error}") from error
    graph = model.graph
    if not graph.node or not graph.output:
        raise ValueError("as_network: the ONNX model has no nodes or no output; is the file one of ONNX?")
    if model.functions:
        raise ValueError(f"as_network: the ONNX model defines the function {model.functions[0].name!r}; export it "
                         "without functions")
    constants = {tensor.name: _array(tensor, tensor.name) for tensor in graph.initializer}
    if graph.sparse_initializer:
        raise ValueError("as_network: sparse initializers of ONNX are not read; store them dense")
    tensors: dict[str, Any] = dict(constants)
    source, value = _input(graph, constants)
    tensors[source] = value
    for node in graph.node:
        tensors[node.output[0] if node.output else ""] = _walked(node, tensors, value.chain.dtype)
    if len(graph.output) != 1:
        raise ValueError(f"as_network: the ONNX model has {len(graph.output)} outputs, one is read")
    found = tensors.get(graph.output[0].name)
    if not isinstance(found, _Value):
        raise ValueError(f"as_network: the output {graph.output[0].name!r} does not depend on the input")
    return found.chain.network()


def _array(tensor: Any, name: str) -> NDArray[Any]:
    from onnx import TensorProto, numpy_helper
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(f"as_network: {name!r} points to external data, which is never opened; save the model in one "
                         "file")
    if any(size < 0 for size in tensor.dims):
        raise ValueError(f"as_network: {name!r} has sizes {list(tensor.dims)}; they must be >= 0")
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, LookupError) as error:
        raise ValueError(f"as_network: the constant {name!r} cannot be read: {error}") from error


def _input(graph: Any, constants: dict[str, NDArray[Any]]) -> tuple[str, _Value]:
    """Return name and value of the one input that is not a constant."""
    from onnx import TensorProto
    free = [entry for entry in graph.input if entry.name not in constants]
    if len(free) != 1:
        raise ValueError(f"as_network: the ONNX model has the inputs {[entry.name for entry in free]}, one is read")
    kind = free[0].type.tensor_type
    formats = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64}
    if kind.elem_type not in formats:
        raise ValueError(f"as_network: the input {free[0].name!r} must be float32 or float64, got element type "
                         f"{TensorProto.DataType.Name(kind.elem_type)}")
    sizes = [size.dim_value for size in kind.shape.dim]
    if not sizes or any(size < 1 for size in sizes[1:]) or sizes[0] < 0:
        raise ValueError(f"as_network: the input {free[0].name!r} has sizes {sizes}; all but the first, the batch, "
                         "must be fixed")
    shape = (max(sizes[0], 1), *sizes[1:])
    return free[0].name, _Value(Chain.start(math.prod(shape), formats[kind.elem_type]), shape)


def _walked(node: Any, tensors: dict[str, Any], dtype: np.dtype[Any]) -> Any:
    """Return what the node makes of its inputs: a constant or a value."""
    label = f"node {node.name!r} ({node.op_type})" if node.name else f"a node of type {node.op_type}"
    if node.domain not in ("", "ai.onnx") or node.op_type not in _READERS:
        raise ValueError(f"as_network: {label} is not read; known are {', '.join(_READERS)}")
    missing = [name for name in node.input if name and name not in tensors]
    if missing:
        raise ValueError(f"as_network: {label} reads {missing[0]!r}, which no node before it makes")
    given = [tensors[name] if name else None for name in node.input]
    for entry in given:
        if isinstance(entry, np.ndarray) and node.op_type in _ARITHMETIC and entry.dtype != dtype:
            raise ValueError(f"as_network: {label} mixes {entry.dtype} with an input of {dtype}; use one format")
    from onnx import helper
    attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    try:
        return _READERS[node.op_type](given, attributes)
    except _Refused as error:
        raise ValueError(f"as_network: {label} {error}") from None


class _Refused(Exception):
    """Why a node is not read; the walk adds which node it is."""


def _one(given: list[Any], label: str = "takes one input") -> _Value:
    if not given or not isinstance(given[0], _Value):
        raise _Refused(f"{label}, which must depend on the network's input")
    return given[0]


def _gemm(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value, weight = _one(given), given[1] if len(given) > 1 else None
    alpha, beta = float(attributes.get("alpha", 1.0)), float(attributes.get("beta", 1.0))
    if not isinstance(weight, np.ndarray) or weight.ndim != 2:
        raise _Refused("needs a constant matrix as its second input")
    shape = value.shape[::-1] if attributes.get("transA", 0) else value.shape
    if len(shape) != 2 or shape[0] != 1:
        raise _Refused(f"multiplies an input of shape {value.shape}; one row is read")
    matrix = weight if attributes.get("transB", 0) else weight.T
    if matrix.shape[1] != shape[1]:
        raise _Refused(f"has a weight for {matrix.shape[1]} inputs where {shape[1]} arrive")
    bias = None
    if len(given) > 2 and given[2] is not None:
        bias = _spread(given[2], (1, matrix.shape[0]))
        bias = bias if beta == 1.0 else bias * bias.dtype.type(beta)
    return _Value(value.chain.affine(matrix if alpha == 1.0 else matrix * matrix.dtype.type(alpha), bias),
                  (1, matrix.shape[0]))


def _matmul(given: list[Any], attributes: dict[str, Any]) -> _Value:
    if len(given) != 2 or sum(isinstance(entry, _Value) for entry in given) != 1:
        raise _Refused("multiplies two values that depend on the input, or none")
    left = isinstance(given[1], _Value)  # weight x instead of x weight
    value, weight = (given[1], given[0]) if left else (given[0], given[1])
    if weight.ndim != 2:
        raise _Refused(f"has a weight of shape {weight.shape}; matrices are read")
    size = value.shape[0] if left else value.shape[-1]
    matrix = weight if left else weight.T
    if size != value.chain.width or matrix.shape[1] != size or (left and len(value.shape) > 2):
        raise _Refused(f"multiplies shapes {value.shape} and {weight.shape}; one vector at a time is read")
    out = matrix.shape[0]
    return _Value(value.chain.affine(matrix), (out, *value.shape[1:]) if left else (*value.shape[:-1], out))


def _spread(constant: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a constant broadcast to the shape of a value, as a vector."""
    if not isinstance(constant, np.ndarray):
        raise _Refused("joins two values that depend on the input; chains are read, not graphs")
    try:
        return np.broadcast_to(constant, shape).reshape(-1)
    except ValueError as error:
        raise _Refused(f"has a constant of shape {constant.shape} for a value of shape {shape}") from error


def _with_constant(given: list[Any]) -> tuple[_Value, NDArray[Any], bool]:
    """Return the value, the constant beside it as a vector, and whether the value comes first."""
    if len(given) != 2 or not any(isinstance(entry, _Value) for entry in given):
        raise _Refused("has no input that depends on the network's input")
    first = isinstance(given[0], _Value)
    value, constant = (given[0], given[1]) if first else (given[1], given[0])
    return value, _spread(constant, value.shape), first


def _add(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value, constant, _ = _with_constant(given)
    return replace(value, chain=value.chain.shift(constant))


def _sub(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value, constant, first = _with_constant(given)
    chain = value.chain if first else value.chain.scale(-np.ones_like(constant))
    return replace(value, chain=chain.shift(-constant if first else constant))


def _mul(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value, constant, _ = _with_constant(given)
    return replace(value, chain=value.chain.scale(constant))


def _div(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value, constant, first = _with_constant(given)
    if not first or (constant == 0).any():
        raise _Refused("divides by the input or by 0")
    return replace(value, chain=value.chain.scale(1 / constant))


def _relu(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value = _one(given)
    return replace(value, chain=value.chain.relu())


def _clip(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value = _one(given)
    ends = []
    for place, name, default in ((1, "min", -math.inf), (2, "max", math.inf)):
        end = given[place] if len(given) > place and given[place] is not None else attributes.get(name, default)
        if isinstance(end, _Value) or np.size(end) != 1 or math.isnan(float(np.reshape(end, ())[()])):
            raise _Refused("needs constant numbers as ends")
        ends.append(float(np.reshape(end, ())[()]))
    largest = float(np.finfo(value.chain.dtype).max)
    lower, upper = (math.copysign(math.inf, end) if abs(end) >= largest else end for end in ends)
    if not lower < upper:
        raise _Refused(f"clips to [{ends[0]!r}, {ends[1]!r}], which is no interval")
    return replace(value, chain=value.chain.clip(lower, upper))


def _flatten(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value, axis = _one(given), int(attributes.get("axis", 1))
    axis += len(value.shape) if axis < 0 else 0
    return replace(value, shape=(math.prod(value.shape[:axis]), math.prod(value.shape[axis:])))


def _reshape(given: list[Any], attributes: dict[str, Any]) -> _Value:
    value, wanted = _one(given), given[1] if len(given) > 1 else None
    if not isinstance(wanted, np.ndarray) or attributes.get("allowzero", 0):
        raise _Refused("needs a constant shape")
    old = value.shape
    sizes = [old[k] if size == 0 and k < len(old) else int(size) for k, size in enumerate(wanted.reshape(-1).tolist())]
    try:
        return replace(value, shape=np.empty(old, np.int8).reshape(sizes).shape)
    except ValueError as error:
        raise _Refused(f"turns shape {old} into {sizes}, which does not fit one datum") from error


def _identity(given: list[Any], attributes: dict[str, Any]) -> Any:
    if not given:
        raise _Refused("has no input")
    return given[0]


def _constant(given: list[Any], attributes: dict[str, Any]) -> NDArray[Any]:
    for name, kind in (("value_float", np.float32), ("value_floats", np.float32),
                       ("value_int", np.int64), ("value_ints", np.int64)):
        if name in attributes:
            return np.array(attributes[name], dtype=kind)
    if "value" not in attributes:
        raise _Refused("holds no numbers")
    return _array(attributes["value"], "value")


_ARITHMETIC = ("Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Clip")
_READERS: dict[str, Callable[[list[Any], dict[str, Any]], Any]] = {
    "Gemm": _gemm, "MatMul": _matmul, "Add": _add, "Sub": _sub, "Mul": _mul, "Div": _div, "Relu": _relu,
    "Clip": _clip, "Flatten": _flatten, "Reshape": _reshape, "Identity": _identity, "Constant": _constant,
}
