"""Networks as data: evaluation, counts, algebra, text and files."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import dense_values, dyadic_network, random_network, rational_values
from scipy import sparse

from constructive.network import Layer, Network

WIDTHS = st.lists(st.integers(1, 5), min_size=2, max_size=4)
SEEDS = st.integers(0, 2**32 - 1)
ONE, PAIR = Network.build([([[1.0]], None)]), ([[1.0, 1.0]], None)


def points(rng: np.random.Generator, d: int, n: int = 7) -> Any:
    """Return dyadic points with few bits."""
    return rng.integers(-8, 9, (n, d)) / 4.0


# -- layers -------------------------------------------------------------------------------------------------


def test_a_layer_is_clean_whatever_comes() -> None:
    rows, columns, data = [0, 0, 1, 0], [1, 0, 1, 1], [2.0, 0.0, 5.0, 3.0]  # unsorted, a zero, a duplicate
    layer = Layer.build(sparse.coo_array((data, (rows, columns)), shape=(2, 2)))
    assert layer.weight.toarray().tolist() == [[0.0, 5.0], [0.0, 5.0]]
    assert layer.weight.nnz == layer.nonzeros == 2
    assert layer.bias.tolist() == [0.0, 0.0]


def test_building_a_layer_leaves_its_arguments_alone_and_shares_nothing() -> None:
    weight, bias = np.array([[1.0, 0.0]]), np.array([2.0])
    layer = Layer.build(weight, bias)
    weight[:], bias[:] = 7.0, 7.0
    assert layer.weight.toarray().tolist() == [[1.0, 0.0]]
    assert layer.bias.tolist() == [2.0]


def test_arrays_are_read_only() -> None:
    layer = Layer.build([[1.0, 2.0]], [3.0])
    for array in (layer.weight.data, layer.weight.indices, layer.weight.indptr, layer.bias):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("build", "kind", "message"),
    [
        (lambda: Layer.build([[1.0]], [1.0, 2.0]), ValueError, "1 rows, bias 2 entries"),
        (lambda: Layer.build([[np.nan]]), ValueError, "finite"),
        (lambda: Layer.build([[1.0]], [np.inf]), ValueError, "finite"),
        (lambda: Layer.build(np.zeros((0, 2))), ValueError, "needs inputs and outputs"),
        (lambda: Layer.build([[1.0]], dtype=np.int64), TypeError, "float64 or float32"),
        (lambda: Network(()), ValueError, "at least one layer"),
        (lambda: Network.build([([[1.0]], None), PAIR]), ValueError, "layer 0 has 1 outputs"),
        (lambda: Network((ONE.layers[0], Layer.build([[1.0]], dtype=np.float32))), ValueError, "astype"),
        (lambda: ONE([[1.0, 2.0]]), ValueError, r"x has shape \(1, 2\)"),
        (lambda: ONE(1.0), ValueError, "last axis"),
        (lambda: ONE.exact([1.0, 2.0]), ValueError, "2 coordinates, expected 1"),
        (lambda: Network.build([PAIR]) @ ONE, ValueError, "compose"),
        (lambda: Network.build([([[1.0]] * 2, None)]) + ONE, ValueError, "add"),
        (lambda: Network.build([([[1.0]], None)] * 2).deepen(1), ValueError, "depth=1 is below"),
    ],
)
def test_bad_input_is_refused(build: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        build()


# -- evaluation ---------------------------------------------------------------------------------------------


@given(SEEDS, WIDTHS)
def test_all_evaluations_agree_on_dyadic_data(seed: int, widths: list[int]) -> None:
    rng = np.random.default_rng(seed)
    network, x = dyadic_network(rng, widths), points(rng, widths[0])
    values = network(x)
    assert (values == dense_values(network, x)).all()
    assert values.tolist() == [[float(v) for v in rational_values(network, row)] for row in x.tolist()]
    assert values.tolist() == [[float(v) for v in network.exact(row)] for row in x.tolist()]


def by_the_loop(network: Network, x: Any) -> Any:
    """Return f(x) by the definition of a machine's evaluation: bias first, stored weights in column order."""
    kind, out = network.dtype.type, []
    with np.errstate(over="ignore", invalid="ignore"):
        for point in np.asarray(x, network.dtype):
            values = list(point)
            for k, layer in enumerate(network.layers):
                ends, sums = layer.weight.indptr, []
                for row in range(layer.outputs):
                    total = kind(layer.bias[row])
                    for p in range(ends[row], ends[row + 1]):
                        total = kind(total + kind(layer.weight.data[p] * values[layer.weight.indices[p]]))
                    sums.append(kind(0) if total < 0 and k + 1 < network.depth else total)
                values = sums
            out.append(values)
    return np.array(out, network.dtype)


def faces_and_bumps(rng: np.random.Generator, widths: list[int], dtype: Any) -> Network:
    """Return a random network some of whose layers have rows of one weight or none, with zeros of both signs."""
    maps = []
    for into, out in pairwise(widths):
        weight = rng.normal(size=(out, into)) * (rng.random((out, into)) < 0.7)
        if rng.random() < 0.5:
            weight *= np.arange(into) == rng.integers(0, into, (out, 1))
            weight *= rng.random((out, 1)) < 0.8
        bias = rng.normal(size=out) * (rng.random(out) < 0.7)
        maps.append((weight, np.where(rng.random(out) < 0.2, -0.0, bias)))
    return Network.build(maps, dtype)


STRANGE = [0.0, -0.0, 1e300, -1e300, np.inf, -np.inf, np.nan, 5e-324]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # 1e300 given to a network of float32
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(seed=SEEDS, widths=st.lists(st.integers(1, 7), min_size=2, max_size=6), n=st.integers(1, 5))
def test_evaluation_is_the_loop_bit_for_bit(dtype: Any, seed: int, widths: list[int], n: int) -> None:
    rng = np.random.default_rng(seed)
    network, x = faces_and_bumps(rng, widths, dtype), rng.normal(size=(n, widths[0]))
    x = np.where(rng.random(x.shape) < 0.15, rng.choice(STRANGE, x.shape), x)
    values, expected = network(x), by_the_loop(network, x)
    assert (np.isnan(values) == np.isnan(expected)).all()
    clean = ~np.isnan(expected)  # which NaN comes out is the machine's choice
    assert values[clean].tobytes() == expected[clean].tobytes()
    last = network.hidden(x)[-1].T
    assert last[clean].tobytes() == expected[clean].tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_and_threads_change_no_bit(dtype: Any, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    network, x = faces_and_bumps(rng, [3, 40, 20, 40, 2], dtype), rng.normal(size=(333, 3))
    alone = np.concatenate([network(point[None]) for point in x])
    monkeypatch.setattr("constructive._kernels.workers", lambda: threads)
    monkeypatch.setattr("constructive.network._WORTH_THREADS", 0)
    for cached in (0, 200, 1 << 15):
        monkeypatch.setattr("constructive.network._CACHED", cached)
        assert network(x).tobytes() == alone.tobytes()


def bump_network(bumps: int, d: int) -> Network:
    """Return bumps on random boxes, added up: 2 d faces each, as a memorizer has."""
    rng = np.random.default_rng(8)
    low = rng.random((bumps, d))
    sides = sparse.hstack([-sparse.eye_array(d), sparse.eye_array(d)]).T
    faces = sparse.vstack([sides] * bumps)
    bias = np.concatenate([low, -low - 0.1], axis=1).ravel()
    count = sparse.csr_array((np.full(2 * d * bumps, -8.0), np.arange(2 * d * bumps), np.arange(bumps + 1) * 2 * d))
    return Network.build([(faces, bias), (count, np.ones(bumps)), (np.ones((1, bumps)), None)])


def test_faces_are_not_stored_and_memory_stays_below_four_networks() -> None:
    network, x = bump_network(4000, 8), np.random.default_rng(9).random((1000, 8))
    own = sum(part.nbytes for layer in network.layers
              for part in (layer.weight.data, layer.weight.indices, layer.weight.indptr, layer.bias))
    network(x[:300])  # compiles, outside the measurement
    tracemalloc.start()
    values = network(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 4 * own
    assert values[:9].tobytes() == network.hidden(x[:9])[-1].T.tobytes()


def test_a_network_that_reads_no_input_is_constant() -> None:
    network = Network.build([(np.zeros((2, 3)), [0.5, -1.0]), ([[3.0, 5.0], [-1.0, 0.0]], [-0.0, 0.25])])
    x = [[0.0, 1.0, 2.0], [np.nan, np.inf, 1.0]]
    assert network(x).tolist() == [[1.5, -0.25]] * 2 == by_the_loop(network, x).tolist()


def test_any_leading_shape_is_kept_also_none_and_many() -> None:
    network = random_network(np.random.default_rng(0), [3, 4, 2])
    x = np.random.default_rng(1).normal(size=(2, 700, 3))
    values = network(x)
    assert values.shape == (2, 700, 2)
    assert (values[1, 699] == network(x[1, 699])).all()  # the block a point falls into changes nothing
    assert network(np.zeros((0, 3))).shape == (0, 2)


def test_a_nan_is_not_rectified_away() -> None:
    network = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    assert np.isnan(network([np.nan])).all()


def test_hidden_values_are_those_of_the_layers() -> None:
    rng = np.random.default_rng(2)
    network, x = dyadic_network(rng, [2, 3, 4, 1]), points(rng, 2)
    values = x
    for layer, found in zip(network.layers, network.hidden(x), strict=True):
        raw = values @ layer.weight.toarray().T + layer.bias
        values = raw if layer is network.layers[-1] else np.maximum(raw, 0)
        assert (values == found.T).all()


def test_single_precision_stays_single() -> None:
    network = random_network(np.random.default_rng(3), [2, 3, 1]).astype(np.float32)
    assert network([[0.1, 0.2]]).dtype == network.dtype == np.float32


def test_the_kernels_say_the_same_without_compilation() -> None:
    code = """
import numpy as np
from oracles import random_network
from constructive.certificates.enclosure import interval_bounds
rng = np.random.default_rng(0)
network = random_network(rng, [3, 6, 5, 2])
x = rng.normal(size=(9, 3))
low, high = interval_bounds(network, x - 0.1, x + 0.1)
print(np.concatenate([network(x), low, high]).tobytes().hex())
"""
    printed = set()
    for disabled in ("0", "1"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              env={"NUMBA_DISABLE_JIT": disabled, "PATH": "", "HOME": str(Path.home())},
                              cwd=Path(__file__).parent)
        printed.add(done.stdout)
    assert len(printed) == 1


# -- counts -------------------------------------------------------------------------------------------------


@given(SEEDS, WIDTHS)
def test_the_size_is_what_a_recount_finds(seed: int, widths: list[int]) -> None:
    network = dyadic_network(np.random.default_rng(seed), widths)
    numbers = [v for layer in network.layers for v in [*layer.weight.toarray().ravel(), *layer.bias]]
    stored = [v for v in numbers if v]
    size = network.size
    hidden = widths[1:-1]
    assert (size.depth, size.units, size.width) == (len(hidden) + 1, sum(hidden), max(hidden, default=0))
    assert (size.parameters, size.nonzeros, size.distinct) == (len(numbers), len(stored), len(set(stored)))
    assert size.magnitude == max(map(abs, numbers))


# -- algebra ------------------------------------------------------------------------------------------------


@given(SEEDS, WIDTHS, st.integers(1, 4), st.integers(1, 3))
def test_composition_is_composition(seed: int, widths: list[int], middle: int, out: int) -> None:
    rng = np.random.default_rng(seed)
    f, g = dyadic_network(rng, [middle, 3, out]), dyadic_network(rng, [*widths, middle])
    x = points(rng, widths[0])
    assert ((f @ g)(x) == f(g(x))).all()
    assert (f @ g).depth == f.depth + g.depth - 1


@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.sampled_from([-2.0, 0.0, 0.5, 3.0]))
def test_sums_and_multiples_act_on_outputs(seed: int, d: int, m: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    f, g, x = dyadic_network(rng, [d, 3, m]), dyadic_network(rng, [d, 2, 4, m]), points(rng, d)
    assert ((f + g)(x) == f(x) + g(x)).all()
    assert ((f - g)(x) == f(x) - g(x)).all()
    assert ((factor * f)(x) == factor * f(x)).all()
    assert ((-f)(x) == -f(x)).all()


@given(SEEDS, WIDTHS, st.integers(0, 3))
def test_deepening_keeps_the_function(seed: int, widths: list[int], extra: int) -> None:
    rng = np.random.default_rng(seed)
    f, x = dyadic_network(rng, widths), points(rng, widths[0])
    deeper = f.deepen(f.depth + extra)
    assert deeper.depth == f.depth + extra
    assert deeper.size.units == f.size.units + 2 * f.outputs * extra
    assert (deeper(x) == f(x)).all()


# -- text and files -----------------------------------------------------------------------------------------


def test_the_explanation_writes_every_unit_and_refuses_large_networks() -> None:
    network = Network.build([([[1.0, -0.5], [0.0, 0.0]], [0.0, -2.0]), ([[-1.0, 3.0]], [0.1])])
    assert network.explain().splitlines() == [
        "h1[0] = relu(x[0] - 0.5 x[1])",
        "h1[1] = relu(-2)",
        "y[0] = -h1[0] + 3 h1[1] + 0.10000000000000001",
    ]
    with pytest.raises(ValueError, match="6 nonzeros, more than limit=5"):
        network.explain(limit=5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_saved_network_comes_back_bit_for_bit(tmp_path: Path, dtype: type) -> None:
    network = random_network(np.random.default_rng(4), [3, 5, 2], dtype=dtype, exponents=(-30, 30))
    network.save(tmp_path / "network.npz")
    loaded = Network.load(tmp_path / "network.npz")
    assert loaded.dtype == network.dtype
    for a, b in zip(network.layers, loaded.layers, strict=True):
        assert a.bias.tobytes() == b.bias.tobytes()
        for name in ("data", "indices", "indptr"):
            assert getattr(a.weight, name).tobytes() == getattr(b.weight, name).tobytes()


def spoiled(tmp_path: Path, **changes: Any) -> Path:
    """Return the path of a saved network with some of its arrays replaced (None: left out)."""
    path = tmp_path / "spoiled.npz"
    Network.build([([[1.0, 2.0]], [3.0])]).save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays.update(changes)
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def header(text: str) -> Any:
    return np.frombuffer(text.encode(), np.uint8)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": None},
        {"header": header("nonsense")},
        {"header": header('{"format": "other"}')},
        {"header": header('["constructive network 1"]')},
        {"header": header('{"format": "constructive network 1", "depth": 0, "shapes": []}')},
        {"header": header('{"format": "constructive network 1", "depth": 2, "shapes": [[1, 2]]}')},
        {"header": header('{"format": "constructive network 1", "depth": 1, "shapes": [[1, -2]]}')},
        {"header": np.array([0xFF, 0xFE], np.uint8)},
        {"data0": None},
        {"data0": np.array([np.nan, 1.0])},
        {"data0": np.array([1.0, 2.0, 3.0])},
        {"data0": np.array(["a", "b"])},
        {"data0": np.array([1, 2])},
        {"data0": np.array([{}, {}], object)},
        {"indices0": np.array([0, 9], np.int32)},
        {"indices0": np.array([-1, 0], np.int32)},
        {"indptr0": np.array([0, 7], np.int32)},
        {"bias0": np.array([1.0, 2.0])},
    ],
    ids=lambda changes: "-".join(f"{k}" for k in changes),
)
def test_a_spoiled_file_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not a network file"):
        Network.load(spoiled(tmp_path, **changes))


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 broken", b"\x93NUMPY"])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a network file"):
        Network.load(path)


def test_a_truncated_file_is_refused_and_a_missing_one_reported(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    random_network(np.random.default_rng(5), [9, 9, 9]).save(path)
    whole = path.read_bytes()
    for share in (0.2, 0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match="is not a network file"):
            Network.load(path)
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "missing.npz")


def read_back(path: Path) -> Network | str:
    try:
        return Network.load(path)
    except ValueError as error:
        return str(error)


def test_a_file_with_any_byte_changed_is_refused_or_means_the_same(tmp_path: Path) -> None:
    path, rng = tmp_path / "network.npz", np.random.default_rng(6)
    network = random_network(rng, [3, 3, 2])
    network.save(path)
    whole, x = path.read_bytes(), rng.normal(size=(5, 3))
    for place in rng.choice(len(whole), 150, replace=False).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1:])
        found = read_back(path)
        if isinstance(found, Network):  # a time stamp or another field that nobody reads
            assert (found(x) == network(x)).all()
        else:
            assert "is not a network file" in found
