"""What holds for every kernel here: symmetry, bounds, invariances, gradients as slopes, and what is refused."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_cases import SCALES, point_sets

from constructive.tangent import ErfKernel, KernelPredictor, ReluKernel

Kernel = ReluKernel | ErfKernel
KINDS: list[Any] = [ReluKernel, ErfKernel]
kernels = st.builds(lambda kind, depth, scales: kind(depth, *scales), st.sampled_from(KINDS), st.integers(1, 6),
                    st.sampled_from(SCALES))
relus = st.builds(lambda depth, scales: ReluKernel(depth, *scales), st.integers(1, 6), st.sampled_from(SCALES))


def rounding(kernel: Kernel, X: Any) -> float:
    """Return what rounding may change, in units of an entry's size: with erf it grows with the first variance."""
    return 1e-13 * (1.0 + (type(kernel)(1, kernel.weight_std, kernel.bias_std).diagonal(X)[0].max()
                           if isinstance(kernel, ErfKernel) else 0.0))


@settings(max_examples=40)
@given(kernels, point_sets())
def test_matrices_are_symmetric_bit_for_bit_with_the_recursion_on_the_diagonal(kernel: Kernel, X: Any) -> None:
    for matrix, diagonal in zip(kernel.both(X), kernel.diagonal(X), strict=True):
        assert (matrix == matrix.T).all()
        assert (np.diag(matrix) == diagonal).all()


@settings(max_examples=40)
@given(kernels, point_sets(2))
def test_a_symmetric_call_a_full_call_and_single_pairs_agree(kernel: Kernel, X: Any) -> None:
    size = np.sqrt(np.abs(np.outer(*[kernel.diagonal(X)[1]] * 2)))
    for k in (0, 1):
        half, full = kernel.both(X)[k], kernel.both(X, X.copy())[k]
        single = [[(kernel.ntk if k else kernel.nngp)(x[None], z[None])[0, 0] for z in X] for x in X]
        assert (np.abs(half - full) <= rounding(kernel, X) * size).all()
        assert (np.abs(half - single) <= rounding(kernel, X) * size).all()


@settings(max_examples=40)
@given(kernels, point_sets(2))
def test_eigenvalues_are_not_negative_also_with_copies_and_close_points(kernel: Kernel, X: Any) -> None:
    nngp, ntk = kernel.both(X, X.copy())
    for matrix in (nngp, ntk):
        assert np.linalg.eigvalsh((matrix + matrix.T) / 2).min() >= -rounding(kernel, X) * max(np.trace(matrix), 1e-300)
    assert np.linalg.eigvalsh(kernel.ntk(X) - kernel.nngp(X)).min() >= -rounding(kernel, X) * max(np.trace(ntk), 1e-300)


@settings(max_examples=40)
@given(kernels, point_sets(2))
def test_no_entry_exceeds_the_geometric_mean_of_its_diagonal_entries(kernel: Kernel, X: Any) -> None:
    for matrix, diagonal in zip(kernel.both(X), kernel.diagonal(X), strict=True):
        assert (np.abs(matrix) <= np.sqrt(np.outer(diagonal, diagonal)) * (1 + rounding(kernel, X))).all()


@settings(max_examples=40)
@given(relus, point_sets(2))
def test_squared_distances_are_those_of_the_matrix(kernel: ReluKernel, X: Any) -> None:
    for matrix, diagonal, found in zip(kernel.both(X), kernel.diagonal(X), kernel.distances(X, X), strict=True):
        plain = diagonal[:, None] + diagonal - 2 * matrix
        assert (np.abs(found - plain) <= 1e-13 * (diagonal[:, None] + diagonal)).all()
        assert (found >= 0.0).all()
        assert (np.diag(found) == 0.0).all()


@settings(max_examples=30)
@given(st.integers(1, 6), point_sets(2), st.sampled_from([2.0**-40, 0.5, 8.0, 2.0**60]))
def test_without_bias_powers_of_four_come_out_of_relu_kernels(depth: int, X: Any, size: float) -> None:
    kernel = ReluKernel(depth, 1.5, 0.0)
    for scaled, matrix in zip(kernel.both(size * X), kernel.both(X), strict=True):
        assert (scaled == size**2 * matrix).all()  # a power of two is exact in every step


@settings(max_examples=30)
@given(relus, point_sets(2), st.integers(0, 2**32))
def test_rotations_change_nothing(kernel: ReluKernel, X: Any, seed: int) -> None:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(X.shape[1],) * 2))[0]
    size = np.sqrt(np.outer(*[kernel.diagonal(X)[1]] * 2))
    # rounding moves close points apart by u |x|, and the tangent kernel by as much: it has a cone there
    assert (np.abs(kernel.ntk(X @ turn) - kernel.ntk(X)) <= 1e-13 * size).all()


@settings(max_examples=30)
@given(st.sampled_from(KINDS), st.sampled_from(SCALES), point_sets())
def test_depth_one_is_the_linear_kernel(kind: Any, scales: tuple[float, float], X: Any) -> None:
    linear = scales[0] ** 2 / X.shape[1] * (X @ X.T) + scales[1] ** 2
    size = np.sqrt(np.outer(np.diag(linear), np.diag(linear)))
    for matrix in kind(1, *scales).both(X):
        assert (np.abs(matrix - linear) <= 1e-14 * size).all()


@settings(max_examples=30)
@given(kernels, st.integers(0, 2**32), st.sampled_from(["ntk", "nngp"]))
def test_input_gradients_are_slopes(kernel: Kernel, seed: int, of: Any) -> None:
    rng = np.random.default_rng(seed)
    X, Z = rng.normal(size=(2, 3)), rng.normal(size=(6, 3))
    assume(np.linalg.norm(X[:, None] - Z, axis=2).min() > 0.1)
    assume(np.linalg.norm(X[:, None] + Z, axis=2).min() > 0.1)
    weights, side, step = rng.normal(size=(2, 6)), rng.normal(size=3), 1e-5
    side /= np.linalg.norm(side)
    value = kernel.ntk if of == "ntk" else kernel.nngp
    slope = (weights * (value(X + step * side, Z) - value(X - step * side, Z))).sum(axis=1) / (2 * step)
    found = kernel.input_gradient(X, Z, weights, of=of) @ side
    assert (np.abs(found - slope) <= 2e-5 * np.maximum(1.0, np.abs(found))).all()


@settings(max_examples=30)
@given(relus, point_sets(2), st.integers(0, 2**32), st.sampled_from(["ntk", "nngp"]))
def test_input_gradients_are_sums_over_single_pairs(kernel: ReluKernel, X: Any, seed: int, of: Any) -> None:
    weights = np.random.default_rng(seed).normal(size=(X.shape[0],) * 2)
    parts = [[w * kernel.input_gradient(x[None], z[None], [[1.0]], of=of)[0] for z, w in zip(X, row, strict=True)]
             for x, row in zip(X, weights, strict=True)]
    scale = np.abs(parts).sum()
    assert (np.abs(kernel.input_gradient(X, X, weights, of=of) - np.sum(parts, axis=1)) <= 1e-11 * scale).all()


@pytest.mark.parametrize("kind", KINDS)
def test_small_chunks_change_nothing(kind: Any) -> None:
    rng = np.random.default_rng(0)
    X, Z, weights = rng.normal(size=(9, 4)), rng.normal(size=(7, 4)), rng.normal(size=(9, 7))
    X[3], X[5] = Z[2], -Z[4]
    whole, cut = kind(3, 1.76, 0.18), kind(3, 1.76, 0.18, chunk=1)
    for a, b in zip((*whole.both(X, Z), whole.ntk(X), whole.input_gradient(X, Z, weights)),
                    (*cut.both(X, Z), cut.ntk(X), cut.input_gradient(X, Z, weights)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_large_matrices_in_threads_are_those_of_their_parts(kind: Any) -> None:
    X = np.random.default_rng(1).normal(size=(700, 5))
    X[650], X[20] = X[3], -X[4]
    kernel, rows = kind(3, 1.76, 0.18), [0, 3, 4, 20, 31, 32, 650, 699]
    nngp, ntk = kernel.both(X)
    for matrix, k in ((nngp, kernel.nngp), (ntk, kernel.ntk)):
        assert (matrix == matrix.T).all()
        np.testing.assert_allclose(matrix[rows], k(X[rows], X), rtol=0, atol=1e-12)
        assert (k(X) == matrix).all()
        assert (k(X, X.copy()) == k(X, X.copy())).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_predictor_has_the_gradient_and_norms_of_its_sum(kind: Any) -> None:
    rng = np.random.default_rng(2)
    X, Z, coefficients = rng.normal(size=(6, 3)), rng.normal(size=(4, 3)), rng.normal(size=(6, 2))
    for of in ("ntk", "nngp"):
        f = KernelPredictor(kind(3, 1.76, 0.18), X, coefficients, of)
        np.testing.assert_allclose(f(Z), f.matrix(Z) @ coefficients, rtol=1e-14)
        np.testing.assert_allclose(f.norms() ** 2, np.diag(coefficients.T @ f.matrix() @ coefficients), rtol=1e-12)
        step, side, outputs = 1e-6, np.array([0.6, 0.0, -0.8]), rng.normal(size=(4, 2))
        slope = (outputs * (f(Z + step * side) - f(Z - step * side))).sum(axis=1) / (2 * step)
        np.testing.assert_allclose(f.gradient(Z, outputs) @ side, slope, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("arguments", "error", "words"), [
    ((0,), ValueError, "depth"), ((2.5,), TypeError, "depth"), ((2, 0.0), ValueError, "weight_std"),
    ((2, math.nan), ValueError, "weight_std"), ((2, 1.0, -1.0), ValueError, "bias_std"),
    ((2, 1.0, 0.0, 0), ValueError, "chunk"),
])
def test_what_is_no_network_is_refused(kind: Any, arguments: tuple[Any, ...], error: type[Exception],
                                       words: str) -> None:
    with pytest.raises(error, match=words):
        kind(*arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("X", "Z", "words"), [
    ([[1.0, math.nan]], None, "X"), ([[1.0, 2.0]], [[math.inf, 0.0]], "Z"), ([[1.0, 2.0]], [[1.0]], "Z"),
    ([1.0, 2.0], None, "shape"), ([[1e155, 0.0]], None, r"X\[0\]"), ([[0.0]], [[0.0], [1e200]], r"Z\[1\]"),
    ([[1.2e154, 0.0]], None, "layer 1"), (np.zeros((0, 2)), None, "X"),
])
def test_data_without_a_kernel_are_refused(kind: Any, X: Any, Z: Any, words: str) -> None:
    kernel = kind(3, 2.0, 0.5)
    for ask in (kernel.ntk, kernel.nngp, kernel.both):
        with pytest.raises(ValueError, match=words):
            ask(X, Z)
    with pytest.raises(ValueError, match=words):
        kernel.input_gradient(X, X if Z is None else Z, [[1.0]])


def test_a_network_whose_variance_overflows_with_depth_is_refused() -> None:
    with pytest.raises(ValueError, match=r"layer 13[0-9] overflows"):
        ReluKernel(1000, 20.0).ntk([[1.0]], [[2.0]])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_another_shape_and_other_names_are_refused(kind: Any) -> None:
    kernel = kind(2)
    with pytest.raises(ValueError, match="weights must have shape"):
        kernel.input_gradient([[1.0]], [[2.0], [3.0]], [[1.0]])
    with pytest.raises(ValueError, match="finite, but 1 are not"):
        kernel.input_gradient([[1.0]], [[2.0], [3.0]], [[1.0, math.nan]])
    with pytest.raises(ValueError, match="'ntk' or 'nngp'"):
        kernel.input_gradient([[1.0]], [[2.0]], [[1.0]], of="cntk")


@pytest.mark.parametrize("kind", KINDS)
def test_predictors_that_are_no_functions_are_refused(kind: Any) -> None:
    for coefficients in ([1.0], [[1.0], [2.0]], [[math.nan]]):
        with pytest.raises(ValueError, match="coefficients must be"):
            KernelPredictor(kind(2), [[1.0]], coefficients)
    with pytest.raises(ValueError, match=r"outputs must be \(m, 1\)"):
        KernelPredictor(kind(2), [[1.0]], [[1.0]]).gradient([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="'ntk' or 'nngp'"):
        KernelPredictor(kind(2), [[1.0]], [[1.0]], "other")


def peak(program: Callable[[], object]) -> int:
    """Return the most bytes held at once while the program runs, its result included, once it is compiled."""
    program()
    tracemalloc.start()
    try:
        program()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_relu_kernels_take_no_memory_besides_their_result() -> None:
    X = np.random.default_rng(3).normal(size=(1000, 4))
    X[7], kernel, one = X[500], ReluKernel(3, 1.76, 0.18), 8 * 1000**2
    assert peak(lambda: kernel.ntk(X)) <= 1.2 * one
    assert peak(lambda: kernel.ntk(X, X)) <= 1.2 * one
    assert peak(lambda: kernel.both(X)) <= 2.2 * one


@pytest.mark.parametrize(("kind", "arrays"), [(ReluKernel, 1.5), (ErfKernel, 20.0)])
def test_chunks_limit_the_memory_of_input_gradients(kind: Any, arrays: float) -> None:
    X, weights = np.random.default_rng(4).normal(size=(1000, 4)), np.ones((1000, 1000))
    kernel, most = kind(3, 1.76, 0.18, chunk=12_000), 8 * (arrays * 12_000 + 100 * X.size)
    assert most < weights.nbytes
    assert peak(lambda: kernel.input_gradient(X, X + 1.0, weights)) <= most
