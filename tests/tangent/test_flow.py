"""Gradient flow: known values, its differential equation, both time units, limits, singular kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dynamics_cases import DIGITS, KERNEL, LABELS, X, Z
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.tangent import ErfKernel, ReluKernel
from constructive.tangent.flow import GradientFlow
from constructive.tangent.propagator import Propagator

FLOW = GradientFlow.of(KERNEL, X, LABELS)


@pytest.mark.parametrize(("time", "known"), [
    (0.1, (-0.8091346459, 0.8472256389)), (0.02, (-0.3013377652, 0.4036099504)),
    (1.0, (-0.9263028549, 0.9048160173)), (math.inf, (-0.9244859979, 0.9159880375)),
])
def test_predictions_are_the_known_ones(time: float, known: tuple[float, float]) -> None:
    np.testing.assert_allclose(FLOW.at(time)(Z)[:, 0], known, rtol=0, atol=DIGITS)


def test_eigenvalues_and_the_interpolants_norm_are_the_known_ones() -> None:
    known = (0.7283822684, 1.3270668247, 3.0597316184, 22.0424583220, 33.1500330116)
    np.testing.assert_allclose(FLOW.eigenvalues, known, rtol=0, atol=DIGITS)
    assert abs(FLOW.limit().norms()[0] ** 2 - 0.2051228296) <= DIGITS


@settings(max_examples=25)
@given(st.floats(0.0, 5.0))
def test_equal_strengths_are_the_flow_at_that_time(time: float) -> None:
    found = Propagator.of(KERNEL.ntk(X), np.full(5, time)).coefficients(LABELS)
    np.testing.assert_allclose(found, FLOW.at(time).coefficients[:, 0], rtol=0, atol=1e-12)


@settings(max_examples=25)
@given(st.floats(0.0, 3.0), st.sampled_from([KERNEL, ErfKernel(2, 1.5, 0.3), ReluKernel(1, 1.0, 1.0)]),
       st.sampled_from(["ntk", "nngp"]))
def test_residuals_obey_the_differential_equation(time: float, kernel: object, of: str) -> None:
    flow, step = GradientFlow.of(kernel, X, LABELS, of=of), 1e-5
    matrix = kernel.ntk(X) if of == "ntk" else kernel.nngp(X)
    change = (flow.residual(time + 2 * step) - flow.residual(time)) / (2 * step)
    assert np.abs(change + matrix @ flow.residual(time + step)).max() <= 1e-5


def test_residuals_are_predictions_less_targets_also_from_another_start() -> None:
    f0 = np.array([0.3, -0.2, 0.5, 0.0, 1.0])
    flow = GradientFlow.of(KERNEL, X, LABELS, f0=f0)
    for time in (0.0, 0.05, 1.0, math.inf):
        np.testing.assert_allclose(f0 + flow.at(time)(X)[:, 0] - LABELS, flow.residual(time)[:, 0], rtol=0, atol=1e-13)


def test_the_mean_unit_is_slower_by_the_number_of_targets() -> None:
    labels = np.eye(3)[[0, 1, 2, 0, 1]]
    total, mean = (GradientFlow.of(KERNEL, X, labels, time_unit=unit) for unit in ("sum", "mean"))
    np.testing.assert_allclose(mean.at(1.5).coefficients, total.at(0.1).coefficients, rtol=1e-14, atol=0)
    np.testing.assert_allclose(mean.residual(1.5), total.residual(0.1), rtol=1e-14, atol=0)
    assert (mean.limit().coefficients == total.limit().coefficients).all()


def test_outputs_train_on_their_own() -> None:
    labels = np.eye(3)[[0, 1, 2, 0, 1]]
    together = GradientFlow.of(KERNEL, X, labels).at(0.1).coefficients
    for c in range(3):
        np.testing.assert_allclose(GradientFlow.of(KERNEL, X, labels[:, c]).at(0.1).coefficients[:, 0],
                                   together[:, c], rtol=0, atol=1e-15)


def test_ridge_is_the_regularized_solution() -> None:
    found = FLOW.limit(ridge=0.5).coefficients[:, 0]
    np.testing.assert_allclose(found, np.linalg.solve(KERNEL.ntk(X) + 0.5 * np.eye(5), LABELS), rtol=1e-12, atol=0)


def test_at_time_zero_nothing_has_moved() -> None:
    assert not FLOW.at(0.0).coefficients.any()
    np.testing.assert_allclose(FLOW.residual(0.0)[:, 0], -LABELS, rtol=0, atol=1e-14)


@pytest.mark.parametrize("time", [1.0, 1e15, 1e308, math.inf])
def test_equal_points_with_different_labels_are_averaged_and_said(time: float) -> None:
    points, labels = np.vstack([X, X[:1]]), np.append(LABELS, -1.0)  # X[0] with labels 1 and -1
    flow = GradientFlow.of(KERNEL, points, labels)
    single = GradientFlow.of(KERNEL, X, LABELS * (0.0, 1.0, 1.0, 1.0, 1.0))
    if time == math.inf:
        with pytest.warns(RuntimeWarning, match="missed by 1.41"):
            found = flow.at(time)
    else:
        found = flow.at(time)
    if time > 1.0:  # before that the doubled point is learned faster than the single one
        np.testing.assert_allclose(found(Z), single.at(time)(Z), rtol=0, atol=1e-10)
    assert abs(flow.residual(time)[0, 0] + 2.0 - flow.residual(time)[5, 0]) <= 1e-12


def test_equal_points_with_equal_labels_are_no_trouble() -> None:
    flow = GradientFlow.of(KERNEL, np.vstack([X, X[:2]]), np.append(LABELS, LABELS[:2]))
    np.testing.assert_allclose(flow.limit()(Z), FLOW.limit()(Z), rtol=0, atol=1e-12)


def test_points_of_depth_one_beyond_their_dimension_keep_the_least_squares_fit() -> None:
    linear = ReluKernel(1, 1.0, 1.0)  # kernel of rank 4
    with pytest.warns(RuntimeWarning, match="singular"):
        found = GradientFlow.of(linear, X, LABELS).limit()(X)[:, 0]
    design = np.column_stack([X, np.ones(5)])
    np.testing.assert_allclose(found, design @ np.linalg.lstsq(design, LABELS, rcond=None)[0], rtol=0, atol=1e-10)


def test_one_point_and_one_class() -> None:
    flow = GradientFlow.of(KERNEL, [[1.0, 2.0, 3.0]], [1.0])
    rate = KERNEL.ntk([[1.0, 2.0, 3.0]])[0, 0]
    assert abs(flow.at(0.01)([[1.0, 2.0, 3.0]])[0, 0] + math.expm1(-0.01 * rate)) <= 1e-15
    same = GradientFlow.of(KERNEL, X, np.ones(5))
    np.testing.assert_allclose(same.limit()(X), 1.0, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"y": LABELS[:4]}, "must have 5 rows"),
    ({"y": np.append(LABELS[:4], np.nan)}, "not finite"),
    ({"y": LABELS, "f0": np.zeros((5, 2))}, "f0 must have the shape of y"),
    ({"y": LABELS, "time_unit": "epochs"}, "'sum' or 'mean'"),
    ({"y": LABELS, "of": "cntk"}, "'ntk' or 'nngp'"),
])
def test_what_is_refused_says_why(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradientFlow.of(KERNEL, X, **arguments)


def test_negative_times_and_ridges_are_refused() -> None:
    for call in (lambda: FLOW.at(-1.0), lambda: FLOW.residual(-1.0), lambda: FLOW.limit(ridge=-1.0),
                 lambda: FLOW.at(math.nan)):
        with pytest.raises(ValueError, match="must be"):
            call()
