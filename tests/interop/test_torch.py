"""PyTorch: the same bits there and back, exact on memorized boxes, and no module read that computes something else."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from exchange_cases import points_on_boxes, same, some_network

import constructive as con
from constructive.interop import as_network, to_torch
from constructive.network import Network

torch = pytest.importorskip("torch")
nn = torch.nn


def written(f: Network, **how: Any) -> Any:
    with warnings.catch_warnings():  # PyTorch warns once that compressed rows are a beta
        warnings.simplefilter("ignore", UserWarning)
        return to_torch(f, **how)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_round_trip_keeps_every_bit(sparse: bool, dtype: str) -> None:
    for seed, widths in enumerate([(3, 4, 2), (1, 1), (5, 2, 6, 1)]):
        f = some_network(seed, widths, dtype)
        assert same(as_network(written(f, sparse=sparse)), f)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_pytorch_returns_the_labels_exactly_on_the_boxes(sparse: bool, precision: str) -> None:
    rng = np.random.default_rng(12)
    X, y = rng.random((60, 3)), rng.integers(0, 2, 60)
    student = con.memorize(X, y, radius=0.49 * con.separation(X, y).distance, precision=precision)
    which, points = points_on_boxes(student, 10_000, rng)
    module = written(student.to_network(), sparse=sparse)
    with torch.no_grad():
        out = module(torch.from_numpy(points)).numpy()
    assert out.dtype == precision
    assert np.abs(out[:, 0] - student.labels.scores[which]).max() == 0.0


def test_sparse_modules_give_gradients_of_inputs() -> None:
    f = Network.build([([[1.0, 0.0], [0.0, -2.0]], None), ([[1.0, 3.0]], None)])
    x = torch.tensor([[0.5, -0.5]], dtype=torch.float64, requires_grad=True)
    written(f, sparse=True)(x).sum().backward()
    assert x.grad.tolist() == [[1.0, -6.0]]


def test_a_dense_module_beyond_the_limit_is_refused_and_a_sparse_one_is_not() -> None:
    f = Network.build([(np.eye(40), None), (np.ones((1, 40)), None)])
    with pytest.raises(ValueError, match="has 1681 weights and biases, more than limit=1000"):
        to_torch(f, limit=1000)
    assert same(as_network(written(f, sparse=True, limit=1000)), f)


def test_sequences_of_others_give_the_same_values() -> None:
    torch.manual_seed(0)
    again = nn.ReLU()  # one module in two places
    inner = nn.Sequential(nn.Linear(6, 5), again, nn.Identity(), nn.Linear(5, 4, bias=False))
    model = nn.Sequential(nn.Flatten(), inner, again, nn.Dropout(), nn.Linear(4, 4), nn.ReLU6(),
                          nn.Linear(4, 3), nn.Hardtanh(-0.5, 0.5))
    model = model.double().eval()
    for parameter in model.parameters():
        parameter.data = torch.round(parameter.data * 16) / 16  # dyadic: all sums exact
    x = np.random.default_rng(0).integers(-16, 17, (50, 6)) / 4.0
    with torch.no_grad():
        there = model(torch.from_numpy(x).reshape(-1, 2, 3)).numpy()
    assert (as_network(model)(x) == there).all()
    assert len(np.unique(there)) > 20


def test_an_imported_sequence_is_measured() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False)).double()
    model[0].weight.data[:] = 1.0
    bracket = con.robust_error(model, [[0.5], [-0.5]], [1, -1], radius=0.25)
    assert (bracket.lower, bracket.upper) == (0.0, 0.0)


class Doubled(nn.Linear):  # type: ignore[misc, name-defined, unused-ignore]
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


@pytest.mark.parametrize(("part", "message"), [
    (nn.Sigmoid(), r"module '1', Sigmoid, is not read"),
    (Doubled(2, 2), r"module '1', Doubled, is not read"),
    (nn.Flatten(0), r"module '1', Flatten, is not read"),
    (nn.Linear(2, 2).double(), r"formats \['torch.float32', 'torch.float64'\]"),
    (nn.Linear(3, 2), "takes 3 inputs where 2 arrive"),
])
def test_other_modules_are_refused_by_name(part: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_network(nn.Sequential(nn.Linear(2, 2), part))


def test_what_is_no_sequence_of_known_size_is_refused() -> None:
    with pytest.raises(ValueError, match="holds no Linear"):
        as_network(nn.Sequential(nn.ReLU()))
    with pytest.raises(TypeError, match="Tensor of torch is no module"):
        as_network(torch.zeros(3))
    with pytest.raises(ValueError, match=r"formats \['torch.float16'\]"):
        as_network(nn.Sequential(nn.Linear(2, 2).half()))


def test_hooks_are_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].register_forward_hook(lambda module, given, out: 2 * out)
    with pytest.raises(ValueError, match="'0' has hooks"):
        as_network(model)


def test_weights_without_readable_numbers_are_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    model[0].weight = nn.Parameter(model[0].weight.detach().to_sparse())
    with pytest.raises(ValueError, match=r"layout torch\.sparse_coo on device cpu"):
        as_network(model)
    with pytest.raises(ValueError, match=r"layout torch\.strided on device meta"):
        as_network(nn.Sequential(nn.Linear(2, 2, bias=False, device="meta")))


def test_a_replaced_forward_is_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model[1].forward = lambda x: 2 * x
    with pytest.raises(ValueError, match="'1' has hooks or its own forward"):
        as_network(model)
