"""ONNX: what is written is the network bit for bit, runs exactly elsewhere, and comes back; nothing else is read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange_cases import points_on_boxes, same, some_network
from hypothesis import given
from hypothesis import strategies as st

import constructive as con
from constructive.interop import as_network, onnx_model, to_onnx
from constructive.network import Network

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


@given(st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=2, max_size=5), st.sampled_from(["f4", "f8"]))
def test_a_round_trip_keeps_every_bit(seed: int, widths: list[int], dtype: str) -> None:
    f = some_network(seed, tuple(widths), dtype)
    assert same(as_network(onnx_model(f)), f)


def test_a_student_goes_through_a_file_bit_for_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    f = con.memorize(rng.random((30, 4)), rng.integers(0, 3, 30), radius=0.01).to_network()
    to_onnx(f, tmp_path / "f.onnx")
    assert same(as_network(tmp_path / "f.onnx"), f)
    assert same(as_network(str(tmp_path / "f.onnx")), f)


def test_a_changed_weight_is_noticed() -> None:
    f = some_network(0, (3, 4, 2), "f8")
    model = onnx_model(f)
    weight = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weight[np.nonzero(weight)[0][0], np.nonzero(weight)[1][0]] *= 1 + 2.0**-52
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "W1"))
    assert not same(as_network(model), f)


def test_the_bytes_depend_on_the_network_alone(tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        to_onnx(some_network(5, (3, 4, 2), "f8"), tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [None, 1])
def test_the_model_is_valid_and_says_what_it_is(dtype: str, batch: int | None) -> None:
    f = some_network(1, (3, 4, 2), "f4")
    model = onnx_model(f, dtype=dtype, batch=batch)
    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import] == [13]
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "depth": "2", "format": dtype, "nonzeros": str(f.size.nonzeros)}
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu", "Gemm"]


@pytest.mark.parametrize("recipe", ["clip", "additive"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_onnx_runtime_returns_the_labels_exactly_on_the_boxes(recipe: str, precision: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(11)
    X, y = rng.random((60, 3)), rng.integers(0, 2, 60)
    student = con.memorize(X, y, radius=0.49 * con.separation(X, y).distance, recipe=recipe, precision=precision)
    which, points = points_on_boxes(student, 10_000, rng)
    # a float32 student is exact in both formats
    for dtype in ("float32", "float64") if precision == "float32" else ("float64",):
        to_onnx(student.to_network(), tmp_path / "f.onnx", dtype=dtype)
        session = runtime.InferenceSession(tmp_path / "f.onnx", providers=["CPUExecutionProvider"])
        out = session.run(None, {"X": points.astype(dtype)})[0]
        assert out.dtype == dtype
        assert np.abs(out[:, 0] - student.labels.scores[which]).max() == 0.0


def test_a_network_beyond_the_limit_is_refused_with_its_size() -> None:
    f = Network.build([(np.ones((100, 9)), None), (np.ones((1, 100)), None)])
    with pytest.raises(ValueError, match=r"has 1101 weights and biases, 8808 bytes, more than limit=1100"):
        onnx_model(f, limit=1100)
    assert onnx_model(f, limit=1101).graph.node


def test_what_no_file_can_hold_is_refused_whatever_the_limit() -> None:
    from scipy import sparse
    f = Network.build([(sparse.csr_array(([1.0], ([0], [0])), shape=(20_000, 20_000)), None)])
    with pytest.raises(ValueError, match=r"takes 3200160000 bytes, one ONNX file holds"):
        onnx_model(f, limit=10**12)


def test_float32_refuses_what_it_cannot_hold_unless_told_to_round() -> None:
    f = Network.build([([[0.5, 0.1]], None)])
    with pytest.raises(ValueError, match=r"cannot hold 1 entries of the weight of layer 1, for one 0\.1"):
        onnx_model(f, dtype="float32")
    assert same(as_network(onnx_model(f, dtype="float32", rounding=True)), f.astype(np.float32))
    assert same(as_network(onnx_model(Network.build([([[0.5, 0.25]], None)]), dtype="float32")),
                Network.build([([[0.5, 0.25]], None)], np.float32))


def test_other_formats_are_refused() -> None:
    f = Network.build([([[1.0]], None)])
    with pytest.raises(ValueError, match="dtype='float16' must be"):
        onnx_model(f, dtype="float16")
    with pytest.raises(TypeError, match="dtype='words' must be"):
        onnx_model(f, dtype="words")


# -- reading what others wrote ------------------------------------------------------------------------------


def model_of(nodes: list[Any], constants: dict[str, Any], shape: list[Any], element: int = TensorProto.DOUBLE) -> Any:
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", element, shape)],
        [helper.make_tensor_value_info("y", element, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


W = np.array([[1.0, -2.0, 0.5], [0.25, 4.0, -1.0]])
B = np.array([0.5, -0.75])
node = helper.make_node

FOREIGN: dict[str, tuple[list[Any], dict[str, Any], list[Any]]] = {
    "gemm with everything": ([node("Gemm", ["x", "w", "b"], ["h"], transB=1, alpha=0.5, beta=2.0),
                              node("Relu", ["h"], ["y"])], {"w": W, "b": B}, ["n", 3]),
    "gemm of a transposed input": ([node("Gemm", ["x", "w"], ["y"], transA=1)], {"w": W.T}, [3, 1]),
    "matrix product and sum": ([node("MatMul", ["x", "w"], ["h"]), node("Add", ["b", "h"], ["y"])],
                               {"w": W.T, "b": B}, [1, 3]),
    "matrix from the left": ([node("MatMul", ["w", "x"], ["h"]), node("Add", ["h", "b"], ["y"])],
                             {"w": W, "b": B[:, None]}, [3, 1]),
    "scaled and shifted pictures": (
        [node("Sub", ["x", "mean"], ["c"]), node("Div", ["c", "four"], ["s"]), node("Flatten", ["s"], ["f"]),
         node("Gemm", ["f", "w", "b"], ["h"]), node("Relu", ["h"], ["y"])],
        {"mean": np.array([[[0.5]]]), "four": np.array(4.0), "w": W.T, "b": B}, ["n", 1, 1, 3]),
    "constants minus values": ([node("Sub", ["b", "x"], ["h"]), node("Mul", ["h", "b"], ["y"])],
                               {"b": np.array([0.5, -0.25, 2.0])}, ["n", 3]),
    "clips": ([node("Clip", ["x", "lo", "hi"], ["h"]), node("Clip", ["h", "", "one"], ["k"]),
               node("Clip", ["k", "lo"], ["m"]), node("Gemm", ["m", "w"], ["y"])],
              {"lo": np.array(-0.5), "hi": np.array(2.0), "one": np.array(1.0), "w": W.T}, ["n", 3]),
    "reshaped, named constants": (
        [node("Constant", [], ["to"], value_ints=[0, -1]), node("Identity", ["x"], ["i"]),
         node("Reshape", ["i", "to"], ["r"]), node("Relu", ["r"], ["p"]), node("Gemm", ["p", "w", "b"], ["y"])],
        {"w": W.T, "b": B}, ["n", 3, 1]),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_models_of_others_give_the_same_values(name: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    model = model_of(*FOREIGN[name])
    f = as_network(model)
    shape = [size if isinstance(size, int) else 1 for size in FOREIGN[name][2]]
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for x in np.random.default_rng(0).integers(-16, 17, (50, math.prod(shape))) / 8.0:  # dyadic: all sums exact
        there = session.run(None, {"x": x.reshape(shape)})[0]
        assert f(x).tolist() == there.reshape(-1).tolist()


def test_a_product_and_a_sum_count_as_one_map() -> None:
    f = as_network(model_of(*FOREIGN["matrix product and sum"]))
    assert same(f, Network.build([(W, B)]))


def test_an_imported_model_teaches_and_is_measured() -> None:
    model = model_of([node("Gemm", ["x", "w"], ["y"])], {"w": np.array([[1.0], [1.0]])}, ["n", 2])
    X, y = np.array([[0.5, 0.5], [-0.5, -0.5]]), np.array([1, -1])
    assert con.robust_error(model, X, y, radius=0.25).upper == 0.0
    assert con.robust_error(model, X, y, radius=0.5).lower == 1.0
    student = con.memorize(X, -y, radius=0.25, teacher=as_network(model))
    assert student([[3.0, 3.0]]).item() == 1.0


REFUSED: dict[str, tuple[list[Any], dict[str, Any], list[Any], str]] = {
    "unknown": ([node("Sigmoid", ["x"], ["y"], "s1")], {}, ["n", 3], r"node 's1' \(Sigmoid\) is not read"),
    "custom": ([node("Relu", ["x"], ["y"], "c1", domain="evil")], {}, ["n", 3], r"node 'c1' \(Relu\) is not read"),
    "joined": ([node("Relu", ["x"], ["h"]), node("Add", ["x", "h"], ["y"], "skip")], {}, ["n", 3],
               r"node 'skip' \(Add\) joins two values"),
    "format": ([node("Add", ["x", "c"], ["y"], "a1")], {"c": np.float32(1.0)}, ["n", 3], "mixes float32"),
    "integers": ([node("Mul", ["x", "c"], ["y"], "a1")], {"c": np.int64(2)}, ["n", 3], "mixes int64"),
    "shape": ([node("Gemm", ["x", "w"], ["y"], "g1")], {"w": W}, ["n", 3], "for 2 inputs where 3 arrive"),
    "batch": ([node("Gemm", ["x", "w"], ["y"], "g1")], {"w": W.T}, [5, 3], r"shape \(5, 3\); one row is read"),
    "sizes": ([node("Relu", ["x"], ["y"])], {}, ["n", "m"], "all but the first, the batch, must be fixed"),
    "clip": ([node("Clip", ["x", "a", "a"], ["y"], "k")], {"a": np.array(1.0)}, ["n", 3], "which is no interval"),
    "order": ([node("Relu", ["h"], ["y"], "r")], {}, ["n", 3], "reads 'h', which no node before it makes"),
    "constant": ([node("Identity", ["c"], ["y"])], {"c": W}, ["n", 3], "'y' does not depend on the input"),
    "infinite": ([node("Mul", ["x", "c"], ["y"])], {"c": np.array(np.inf)}, ["n", 3], "must be finite"),
    "division": ([node("Div", ["c", "x"], ["y"], "d")], {"c": np.array(1.0)}, ["n", 3], "divides by the input"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_chain_is_refused_by_name(name: str) -> None:
    *parts, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        as_network(model_of(*parts))


def test_other_number_formats_are_refused() -> None:
    with pytest.raises(ValueError, match="must be float32 or float64, got element type FLOAT16"):
        as_network(model_of([node("Relu", ["x"], ["y"])], {}, ["n", 3], TensorProto.FLOAT16))


def test_external_data_are_never_opened(tmp_path: Path) -> None:
    model = onnx_model(some_network(0, (3, 4, 2), "f8"))
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(8 * 12))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "secret"
    (tmp_path / "f.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="points to external data, which is never opened"):
        as_network(tmp_path / "f.onnx")


def test_damaged_files_are_value_errors(tmp_path: Path) -> None:
    whole = onnx_model(some_network(0, (3, 4, 2), "f8")).SerializeToString()
    rng = np.random.default_rng(0)
    path, read = tmp_path / "f.onnx", 0
    for _ in range(400):
        data = bytearray(whole[:rng.integers(len(whole) + 1)] if rng.integers(2) else whole)
        for place in rng.integers(0, max(len(data), 1), rng.integers(1, 4)) if data else ():
            data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(data))
        try:
            as_network(path)
            read += 1  # a flipped bit of a weight is another weight
        except ValueError:
            pass
    assert 0 < read < 400


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        as_network(tmp_path / "none.onnx")
