"""Attacked training ends in the interpolant: bounds hold on drawn instances, faults are flagged, exceptions said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dynamics_cases import KERNEL, LABELS, X, Z
from hypothesis import given, settings
from hypothesis import strategies as st

import constructive.tangent.degeneration as module
from constructive.tangent import ReluKernel
from constructive.tangent.attacked import adversarial_flow
from constructive.tangent.degeneration import degeneration_bounds
from constructive.tangent.flow import GradientFlow


def drawn(seed: int) -> dict[str, object]:
    """Return a drawn instance: 1 to 6 points at least 1 / 4 apart, 50 pieces of strengths, 8 times, 7 other points."""
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(1, 7)), int(rng.integers(2, 6))
    rows: list[np.ndarray] = []
    while len(rows) < n:
        x = rng.normal(size=d)
        if all(np.linalg.norm(x - row) >= 0.25 for row in rows):
            rows.append(x)
    breaks = np.cumsum(np.append(0.0, rng.exponential(0.02, 50)))
    return {"kernel": ReluKernel(int(rng.integers(2, 6)), 1.76, 0.18), "X": np.array(rows),
            "y": rng.normal(size=(n, int(rng.integers(1, 4)))),
            "strengths": (breaks, np.exp(1.5 * rng.normal(size=(50, n)))),
            "times": np.sort(rng.uniform(0.0, breaks[-1], 8)), "Z": rng.normal(size=(7, d))}


def test_no_bound_is_violated_on_two_hundred_drawn_instances() -> None:
    for seed in range(200):
        found = degeneration_bounds(**drawn(seed))
        assert not found.violated.any(), seed
        assert found.interpolates, seed
        assert (found.posterior <= found.sharper * (1 + 1e-9) + 1e-13).all(), seed
        assert (found.sharper <= found.prior * (1 + 1e-9)).all(), seed
        assert (found.gap <= found.posterior * (1 + 1e-9) + 1e-12).all(), seed


@settings(max_examples=30)
@given(st.integers(200, 2**32 - 1))
def test_the_energy_is_between_its_two_sides(seed: int) -> None:
    """From the definitions, with a solver: V(u_t) against V(u_0) and the integrals of the extreme strengths."""
    case = drawn(seed)
    theta, (breaks, values) = case["kernel"].ntk(case["X"]), case["strengths"]
    flow = adversarial_flow(theta, -case["y"], case["strengths"], breaks)
    sizes = np.sqrt(np.einsum("tic,ij,tjc->tc", flow.residuals, np.linalg.inv(theta), flow.residuals))
    rates, length = np.linalg.eigvalsh(theta), np.diff(breaks)
    slow, fast = np.append(0.0, np.cumsum(length * values.min(axis=1))), np.append(0.0, np.cumsum(
        length * values.max(axis=1)))
    rounding = 64 * len(theta) * 2.0**-53 * np.abs(case["y"]).max() / math.sqrt(rates[0])
    assert (sizes <= sizes[0] * np.exp(-rates[0] * slow)[:, None] * (1 + 1e-9) + rounding).all()
    assert (sizes * (1 + 1e-9) + rounding >= sizes[0] * np.exp(-rates[-1] * fast)[:, None]).all()


def test_one_sample_attains_every_bound_at_its_own_point() -> None:
    found = degeneration_bounds(KERNEL, X[:1], [2.0], ([0.0, 0.05, 0.1], [[1.0], [3.0]]), [0.03, 0.1], X[:1])
    for bound in (found.posterior, found.sharper, found.prior):
        np.testing.assert_allclose(found.gap, bound, rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.floors[:, 0], found.energies[:, 0], rtol=1e-12, atol=0)


def test_the_gap_is_the_distance_to_the_interpolant() -> None:
    theta, times = KERNEL.ntk(X), [0.05, 0.5]
    found = degeneration_bounds(KERNEL, X, LABELS, np.arange(1.0, 6.0), times, Z)
    flow = adversarial_flow(theta, -LABELS, np.arange(1.0, 6.0), times)
    limit = GradientFlow.of(KERNEL, X, LABELS).limit()
    for k in range(2):
        assert abs(found.gap[k] - np.abs(flow.predictor(k, KERNEL, X)(Z) - limit(Z)).max()) <= 1e-12


def test_whatever_the_attack_after_the_stated_time_the_gap_is_small() -> None:
    calm = degeneration_bounds(KERNEL, X, LABELS, np.ones(5), 0.0, Z)
    time = calm.time_to(1e-3)
    assert abs(calm.initial * math.exp(-calm.least * time) - 1e-3) <= 1e-12
    rng = np.random.default_rng(0)
    for _ in range(20):
        profile = (np.linspace(0.0, time, 21), 1.0 + rng.exponential(3.0, (20, 5)))
        assert degeneration_bounds(KERNEL, X, LABELS, profile, time, Z).gap[0] <= 1e-3
    assert calm.time_to(1e6) == 0.0
    assert abs(calm.time_to(1e-3, strength=4.0) - time / 4.0) <= 1e-12


def test_another_start_and_the_covariance_have_bounds_of_their_own() -> None:
    f0 = np.array([0.3, -0.2, 0.5, 0.0, 1.0])
    moved = degeneration_bounds(KERNEL, X, LABELS, np.arange(1.0, 6.0), [0.1, 1.0], Z, f0=f0)
    shifted = degeneration_bounds(KERNEL, X, LABELS - f0, np.arange(1.0, 6.0), [0.1, 1.0], Z)
    np.testing.assert_allclose(moved.gap, shifted.gap, rtol=1e-12, atol=0)
    covariance = degeneration_bounds(KERNEL, X, LABELS, np.arange(1.0, 6.0), [0.1, 1.0], Z, of="nngp")
    assert not covariance.violated.any()
    assert covariance.least < moved.least


def test_callables_are_bounded_on_their_pieces() -> None:
    def strengths(t: float) -> np.ndarray:
        return 1.5 + np.sin(np.arange(5) * 9.0 * t)

    found = degeneration_bounds(KERNEL, X, LABELS, strengths, [0.1, 0.4, 3.0], Z, steps=60)
    assert not found.violated.any()
    assert (np.diff(found.gap) < 0.0).all()


@pytest.mark.parametrize("fault", [0.98, 1.02])
def test_a_movement_out_by_two_percent_is_flagged(monkeypatch: pytest.MonkeyPatch, fault: float) -> None:
    def broken(theta: np.ndarray, residual: np.ndarray, *arguments: object, **named: object) -> object:
        flow = adversarial_flow(theta, residual, *arguments, **named)
        flow.moved[:] *= fault
        flow.residuals[:] = residual - theta @ flow.moved
        return flow

    monkeypatch.setattr(module, "adversarial_flow", broken)
    found = degeneration_bounds(KERNEL, X, LABELS, np.arange(1.0, 6.0), [0.1, 5.0, 20.0], Z)
    assert found.violated[-1]


def test_residuals_that_do_not_belong_to_the_movement_are_flagged(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(theta: np.ndarray, residual: np.ndarray, *arguments: object, **named: object) -> object:
        flow = adversarial_flow(theta, residual, *arguments, **named)
        flow.moved[:] *= 0.9
        return flow

    monkeypatch.setattr(module, "adversarial_flow", broken)
    assert degeneration_bounds(KERNEL, X, LABELS, np.arange(1.0, 6.0), [5.0], X).violated.all()


def test_equal_points_with_different_labels_have_a_limit_that_depends_on_the_attack() -> None:
    points, labels = np.vstack([X[:2], X[:1]]), [1.0, -1.0, -1.0]
    limits = []
    for strengths in ([1.0, 1.0, 1.0], [1.0, 1.0, 3.0]):
        found = degeneration_bounds(KERNEL, points, labels, strengths, [200.0], Z)
        assert not found.interpolates
        assert not found.violated.any()
        assert np.isinf(found.posterior).all()
        assert np.isinf(found.prior).all()
        assert found.time_to(0.1) == math.inf
        assert "limit depends on the attack" in found.notes[1]
        assert found.notes[2] == "X[0] and X[2] are equal, their labels [1.0] and [-1.0] are not"
        assert found.notes[2] in found.table().note
        flow = adversarial_flow(KERNEL.ntk(points), -np.array(labels), strengths, 200.0)
        limits.append(float(flow.residuals[0, 0, 0]) + 1.0)
    np.testing.assert_allclose(limits, (0.0, -0.5), rtol=0, atol=1e-10)


def test_equal_points_with_equal_labels_degenerate_as_if_they_were_one() -> None:
    points, labels = np.vstack([X, X[:2]]), np.append(LABELS, LABELS[:2])
    found = degeneration_bounds(KERNEL, points, labels, np.arange(1.0, 8.0), [0.1, 1.0, 10.0, 60.0], Z)
    assert found.interpolates
    assert not found.violated.any()
    assert found.notes == ("the kernel matrix is singular: inverses are pseudoinverses",)
    assert found.gap[-1] <= 1e-10
    assert found.prior[-1] <= 1e-10


def test_samples_that_are_never_attacked_nor_trained_leave_the_bounds_standing() -> None:
    found = degeneration_bounds(KERNEL, X, LABELS, [0.0, 1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 100.0], Z)
    assert not found.violated.any()
    assert (found.prior == found.prior[0]).all()
    assert found.gap[-1] > 1e-3  # plain training is within 1e-30 by then


def test_labels_of_zero_have_no_gap() -> None:
    found = degeneration_bounds(KERNEL, X, np.zeros(5), np.ones(5), [0.0, 1.0], Z)
    assert not found.gap.any()
    assert not found.prior.any()
    assert not found.violated.any()
    assert found.time_to(1e-9) == 0.0


def test_the_table_has_a_row_for_each_time() -> None:
    table = degeneration_bounds(KERNEL, X, LABELS, np.ones(5), [0.1, 1.0], Z).table()
    assert [row[0] for row in table.rows] == ["0.1", "1"]
    assert {row[-1] for row in table.rows} == {"no"}


@pytest.mark.parametrize(("change", "message"), [
    ({"y": LABELS[:3]}, "must have 5 rows"), ({"strengths": -np.ones(5)}, "must be finite and >= 0"),
    ({"times": [1.0, 0.0]}, "ascend"), ({"Z": np.ones((2, 4))}, "columns"), ({"f0": np.ones(4)}, "must have 5 rows"),
    ({"of": "cntk"}, "'ntk' or 'nngp'"), ({"X": np.full((5, 3), np.nan)}, "not finite"),
])
def test_what_is_refused_says_why(change: dict[str, object], message: str) -> None:
    case: dict[str, object] = {"kernel": KERNEL, "X": X, "y": LABELS, "strengths": np.ones(5), "times": [1.0], "Z": Z}
    with pytest.raises(ValueError, match=message):
        degeneration_bounds(**(case | change))


def test_points_that_the_kernel_does_not_see_and_linear_networks_are_no_obstacle() -> None:
    blind = degeneration_bounds(ReluKernel(3), np.zeros((2, 3)), [1.0, -1.0], np.ones(2), [1.0], Z)
    assert not blind.interpolates
    assert not blind.gap.any()
    linear = degeneration_bounds(ReluKernel(1, 1.0, 1.0), X[:3], LABELS[:3], [1.0, 2.0, 3.0], [0.0, 1.0, 50.0], Z)
    assert linear.interpolates
    assert not linear.violated.any()
    assert not degeneration_bounds(KERNEL, X, np.ones(5), np.ones(5), [0.5], Z).violated.any()  # one class
