"""Targets from plain functions: estimates that say so, claims that are tried, refusals of what is not smooth."""

from __future__ import annotations

import math

import numpy as np
import pytest

from constructive.certificates.sup_error import sup_error
from constructive.domain import Box
from constructive.evidence import Evidence, Verdict
from constructive.targets import check_target, cosine_product, kink, multi_indices, rescaled, target_from_callable
from constructive.teachers import taylor_partition


def wave(X: np.ndarray) -> np.ndarray:
    return np.sin(3 * X[:, 0])


def plane_wave(X: np.ndarray) -> np.ndarray:
    return np.sin(3 * X[:, 0]) * np.exp(X[:, 1])


# -- estimates ---------------------------------------------------------------------------------------------


def test_everything_from_a_plain_function_is_sampled() -> None:
    assert target_from_callable(wave, 1, order=2).evidence is Evidence.SAMPLED
    assert target_from_callable(wave, 1, order=2, bounds=[1, 3, 9]).evidence is Evidence.SAMPLED
    assert rescaled(target_from_callable(wave, Box.cube(1, 0.0, 2.0), order=2)).evidence is Evidence.SAMPLED


def test_estimated_bounds_lie_between_the_maximum_and_a_tenth_more() -> None:
    target = target_from_callable(wave, 1, order=4)
    for r in range(5):
        assert 3.0**r <= target.bound(r) <= 3.0**r * 1.11
    with pytest.raises(ValueError, match="has order 4"):
        target.bound(5)


def test_estimated_bounds_of_mixed_derivatives_cover_the_boundary_where_they_are_largest() -> None:
    target = target_from_callable(plane_wave, 2, order=3, samples=128)
    for r in range(4):
        assert 3.0**r * math.e <= target.bound(r) * 1.01
        assert target.bound(r) <= 3.0**r * math.e * 1.11


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_differences_are_the_derivatives_within_the_estimated_error(order: int) -> None:
    exact, target = cosine_product([7.0], [0.3]), target_from_callable(lambda X: np.cos(7 * X[:, 0] + 0.3), 1, order=4)
    x = np.concatenate([exact.box.sample(300, np.random.default_rng(5)), [[0.0], [1.0]]])
    gap = np.abs(target.derivative((order,), x) - exact.derivative((order,), x)).max()
    assert gap <= target.derivative_rounding(order)
    assert target.derivative_rounding(order) <= 1e-4 * exact.bound(order)


def test_differences_use_shorter_steps_where_the_function_is_steep() -> None:
    target = target_from_callable(lambda X: np.tanh(200 * (X[:, 0] - 0.3)), 1, order=2)
    x = np.linspace(0.28, 0.32, 101)[:, None]
    exact = 200 / np.cosh(200 * (x[:, 0] - 0.3)) ** 2
    assert np.abs(target.derivative((1,), x) - exact).max() <= 1e-6 * 200


@pytest.mark.parametrize("seed", [0, 1])
def test_estimated_targets_are_consistent_with_themselves(seed: int) -> None:
    for function, box, order in ((wave, 1, 4), (plane_wave, 2, 2), (lambda X: np.abs(X[:, 0] - 0.37) ** 3, 1, 3)):
        target = target_from_callable(function, box, order=order, rng=seed)
        assert check_target(target, samples=100, rng=seed + 10).verdict is Verdict.CONSISTENT


def test_a_kink_is_accepted_up_to_its_order_and_refused_beyond() -> None:
    bent = kink([0.37], 2)
    assert 1.0 <= target_from_callable(bent, 1, order=2).bound(2) <= 1.5
    with pytest.raises(ValueError, match="not smooth of order 3"):
        target_from_callable(bent, 1, order=3)


# -- how functions are called ------------------------------------------------------------------------------


def test_functions_of_single_points_are_looped_over() -> None:
    x = np.array([[0.25], [0.5]])
    assert (target_from_callable(math.exp, 1, order=1)(x) == [math.exp(0.25), math.exp(0.5)]).all()
    pairs = target_from_callable(lambda x: math.sin(x[0]) * x[1], 2, order=1)
    assert pairs([[0.5, 0.25]])[0] == math.sin(0.5) * 0.25


def test_columns_are_flattened() -> None:
    assert target_from_callable(np.sin, 1, order=1)(np.zeros((3, 1))).shape == (3,)


def test_a_function_is_called_with_arrays_where_it_takes_them() -> None:
    shapes = set()

    def spy(X: np.ndarray) -> np.ndarray:
        shapes.add(np.ndim(X))
        return wave(X)

    target_from_callable(spy, 1, order=1)
    assert shapes == {2}


def broken(x: object) -> float:
    raise KeyError("a fault of its own")


@pytest.mark.parametrize(("function", "message"), [
    (lambda X: X[:, 0] - X[:, 0].mean(), "must treat the rows of its array one by one"),
    (lambda X: np.sqrt(X[:, 0] - 0.5 + 0j), "needs real numbers"),
    (lambda X: "one", "needs real numbers"),
    (lambda X: X.shape[9], "works neither on arrays"),
    (lambda X: np.zeros((7, 7)), "works neither on arrays"),
    (lambda X: np.log(np.maximum(X[:, 0] - 0.5, 0)), r"function is -inf at x = \[0.0\]"),
    (lambda X: 1 / (X[:, 0] - 0.5), r"function is inf at x = \[0.5\]"),
    (lambda X: 1 / (X[:, 0] - 1 / 3), "not smooth of order 1"),
    (lambda X: (X[:, 0] > 0.3) * 1.0, "not smooth of order 1"),
    (lambda X: np.sqrt(X[:, 0]), r"not smooth of order 1.* near x = \[0.0\]"),
    (lambda X: np.abs(X[:, 0] - 0.3), r"not smooth of order 2.* near x = \[0.(29999|3)"),
    (lambda X: np.sin(3 * X[:, 0].astype(np.float32)), "state rounding"),
])
def test_what_is_not_a_smooth_real_function_is_refused(function: object, message: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        target_from_callable(function, 1, order=2)  # type: ignore[arg-type]


def test_faults_of_the_function_itself_are_not_hidden() -> None:
    with pytest.raises(KeyError, match="a fault of its own"):
        target_from_callable(broken, 1, order=1)


def test_values_in_single_precision_are_taken_with_their_rounding_stated() -> None:
    target = target_from_callable(lambda X: np.sin(3 * X[:, 0].astype(np.float32)), 1, order=2, rounding=1e-6)
    assert 9.0 * 0.95 <= target.bound(2) <= 9.0 * 1.2
    assert target.rounding >= 1e-6


# -- claims ------------------------------------------------------------------------------------------------


def test_claimed_bounds_are_taken_over_unless_a_sample_refutes_them() -> None:
    target = target_from_callable(wave, 1, order=2, bounds=[1, 3, 9])
    assert [target.bound(r) for r in range(3)] == [1.0, 3.0, 9.0]
    with pytest.raises(ValueError, match=r"F_2.* is refuted: .* x = \[.*found 8.9.*stated 0.9"):
        target_from_callable(wave, 1, order=2, bounds=[1, 3, 0.9])


def slopes(sign: float, X: np.ndarray, r: int) -> np.ndarray:
    return [np.sin(3 * X[:, 0]), sign * 3 * np.cos(3 * X[:, 0]), -9 * np.sin(3 * X[:, 0])][r]


def test_given_derivatives_are_used_unless_a_sample_refutes_them() -> None:
    target = target_from_callable(wave, 1, order=2, derivatives=lambda alpha, X: slopes(1.0, X, alpha[0]))
    x = np.array([[0.25]])
    assert target.derivative((1,), x)[0] == 3 * np.cos(0.75)
    with pytest.raises(ValueError, match=r"derivatives of order 1.* is refuted: .* x = \["):
        target_from_callable(wave, 1, order=2, derivatives=lambda alpha, X: slopes(-1.0, X, alpha[0]))


def test_claims_are_checked_for_form() -> None:
    with pytest.raises(ValueError, match="3 numbers for order=2"):
        target_from_callable(wave, 1, order=2, bounds=[1, 3])
    with pytest.raises(ValueError, match=r"bounds\[1\]"):
        target_from_callable(wave, 1, order=2, bounds=[1, -3, 9])
    with pytest.raises(ValueError, match="order"):
        target_from_callable(wave, 1, order=0)
    with pytest.raises(ValueError, match="order=7 must be <= 6"):
        target_from_callable(wave, 1, order=7)
    with pytest.raises(TypeError, match="must be callable"):
        target_from_callable(3.0, 1, order=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite ends"):
        target_from_callable(wave, Box(np.zeros(1), np.array([math.inf])), order=1)


def test_the_seed_decides() -> None:
    first, again = (target_from_callable(plane_wave, 2, order=2, samples=64, rng=7) for _ in range(2))
    for r in range(3):
        assert first.bound(r) == again.bound(r)
        for alpha in multi_indices(2, r):
            assert (first.derivative(alpha, np.eye(2)) == again.derivative(alpha, np.eye(2))).all()


# -- what rests on them ------------------------------------------------------------------------------------


def test_teachers_and_errors_that_rest_on_samples_say_so() -> None:
    target = target_from_callable(wave, 1, order=3)
    teacher = taylor_partition(target, order=2, cells=8)
    assert teacher.error is not None
    assert teacher.error.evidence is Evidence.SAMPLED
    bracket = sup_error(teacher.to_network(), target)
    assert bracket.evidence is Evidence.SAMPLED
    assert bracket.lower <= teacher.error.upper
