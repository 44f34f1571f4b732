"""Robust error of infinitely wide networks: brackets that dense search never leaves, tight in one dimension."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import constructive as con
from constructive.evidence import Evidence
from constructive.risk import kernels as module
from constructive.risk import measure, verdicts
from constructive.tangent import AdvNTK, ErfKernel, GradientFlow, KernelPredictor, ReluKernel, WideNetwork, stop_early

Array = NDArray[np.float64]
KERNEL = ReluKernel(3, 1.76, 0.18)


def trained(d: int, seed: int = 0, n: int = 24, time: float = 0.3, of: str = "ntk") -> tuple[KernelPredictor, Any, Any]:
    """Return a predictor stopped early on points labeled by the sign of a wave, and fresh points with labels."""
    rng = np.random.default_rng(seed)

    def wave(points: Array) -> NDArray[np.int64]:
        return np.where(np.sin(3.0 * points.sum(axis=1)) > 0.0, 1, -1)

    X, fresh = rng.uniform(-1.0, 1.0, (n, d)), rng.uniform(-1.0, 1.0, (40, d))
    f = GradientFlow.of(KERNEL, X, wave(X).astype(float), of=of).at(time)  # type: ignore[arg-type]
    return f, fresh, wave(fresh)


def searched(f: KernelPredictor, points: Array, labels: Any, radius: float, norm: float) -> NDArray[np.bool_]:
    """Return which balls hold a point of margin <= 0 among those of a dense grid."""
    d = points.shape[1]
    axis = np.linspace(-1.0, 1.0, 801 if d == 1 else 41) * (1.0 - 2.0**-30)
    grid = np.stack(np.meshgrid(*[axis] * d), axis=-1).reshape(-1, d)
    grid = grid[np.linalg.norm(grid, ord=norm, axis=1) <= 1.0 - 2.0**-31]
    values = f((points[:, None, :] + radius * grid).reshape(-1, d))[:, 0].reshape(points.shape[0], -1)
    return np.asarray((values * labels[:, None] <= 0.0).any(axis=1))


@pytest.mark.parametrize("of", ["ntk", "nngp"])
@pytest.mark.parametrize("norm", [2.0, math.inf])
@pytest.mark.parametrize("d", [1, 2])
def test_the_bracket_contains_what_dense_search_finds(d: int, norm: float, of: str) -> None:
    f, points, labels = trained(d, of=of)
    for radius in (0.01, 0.05, 0.2):
        wrong = searched(f, points, labels, radius, norm)
        found = con.robust_error(f, points, labels, radius=radius, norm=norm)
        assert found.evidence is Evidence.ENCLOSED
        assert float(wrong.mean()) in found
        assert not (wrong & (verdicts(f, points, labels, radius=radius, norm=norm) == 0)).any()


@pytest.mark.parametrize("norm", [2.0, math.inf])
def test_a_cover_that_leaves_out_boxes_is_caught(norm: float, monkeypatch: pytest.MonkeyPatch) -> None:
    f, points, labels = trained(2)
    monkeypatch.setattr(module, "_cover", lambda d, sides, norm: np.zeros((1, d)))
    wrong = searched(f, points, labels, 0.2, norm)
    monkeypatch.setattr(module, "kernel_robust_error", blind(module.kernel_robust_error))
    assert (wrong & (verdicts(f, points, labels, radius=0.2, norm=norm, budget=10000) == 0)).any()


def blind(measured: Any) -> Any:
    """Return the same without any witness, so that nothing but the certificates decides."""
    def inner(*args: Any, **keywords: Any) -> Any:
        found = measured(*args, **keywords)
        found.broken[:] = False
        return found
    return inner


@pytest.mark.parametrize("norm", [2.0, math.inf])
def test_certificates_alone_never_contradict_dense_search(norm: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "kernel_robust_error", blind(module.kernel_robust_error))
    for d in (1, 2):
        f, points, labels = trained(d, seed=3)
        for radius in (0.02, 0.1):
            safe = verdicts(f, points, labels, radius=radius, norm=norm, budget=400) == 0
            assert safe.any()
            assert not (searched(f, points, labels, radius, norm) & safe).any()


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("norm", [2.0, math.inf])
def test_boxes_cover_the_ball(d: int, norm: float) -> None:
    rng, sides = np.random.default_rng(d), 4
    inside = rng.normal(size=(4000, d))
    inside /= np.linalg.norm(inside, ord=norm, axis=1, keepdims=True)
    inside[2000:] *= rng.random((2000, 1))
    far = np.abs(inside[:, None, :] - module._cover(d, sides, norm)).max(axis=2).min(axis=1)
    assert far.max() <= (1.0 + 2.0**-50) / sides


def test_a_larger_budget_decides_every_ball_in_one_dimension() -> None:
    f, points, labels = trained(1)
    coarse, fine = (con.robust_error(f, points, labels, radius=0.05, budget=budget) for budget in (1, 1 << 12))
    assert fine.width <= 0.025 < coarse.width
    assert coarse.lower <= fine.lower <= fine.upper <= coarse.upper


def test_witnesses_lie_in_their_balls_and_are_wrong() -> None:
    f, points, labels = trained(2)
    found = measure(f, points, labels, radius=0.1)
    rows = np.flatnonzero(found.verdicts == 1)
    assert rows.size
    for i in rows:
        assert max(abs(Fraction(a) - Fraction(b)) for a, b in zip(points[i], found.witnesses[i], strict=True)
                   ) <= Fraction(0.1)
    assert (f(found.witnesses[rows])[:, 0] * labels[rows] <= 0.0).all()
    assert np.isnan(found.witnesses[found.verdicts != 1]).all()
    assert sum(count for _, count in found.decided) == (found.verdicts >= 0).sum()


def test_at_radius_zero_the_sign_decides() -> None:
    f, points, labels = trained(3)
    assert (verdicts(f, points, labels, radius=0.0) == (f(points)[:, 0] * labels <= 0.0)).all()


def test_what_trains_a_predictor_is_measured_as_its_predictor() -> None:
    _, points, labels = trained(2)
    data = (points[:30], labels[:30], points[30:], labels[30:])
    for model in (AdvNTK.train(KERNEL, *data, radius=0.05, steps=3, rng=0),
                  stop_early(KERNEL, *data, radius=0.05, rng=0)):
        assert str(con.robust_error(model, points, labels, radius=0.05)) == str(
            con.robust_error(model.predictor, points, labels, radius=0.05))


def test_classes_are_named_by_the_caller_or_by_the_labels() -> None:
    f, points, labels = trained(2)
    words = np.where(labels > 0, "up", "down")  # sorted: "down" is the class of scores below 0
    expected = verdicts(f, points, labels, radius=0.05)
    assert (verdicts(f, points, words, radius=0.05) == expected).all()
    assert (verdicts(f, points, words, radius=0.05, classes=("up", "down")) != expected).any()


def test_several_outputs_answer_the_largest() -> None:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(30, 2)) + 4.0 * np.eye(3)[np.arange(30) % 3][:, :2]
    index = np.arange(30) % 3
    f = GradientFlow.of(KERNEL, X, np.eye(3)[index]).limit(ridge=1.0)
    at = verdicts(f, X, np.array(["a", "b", "c"])[index], radius=0.0)
    assert (at == (f(X).argmax(axis=1) != index)).all()
    bracket = con.robust_error(f, X, index, radius=0.02)
    assert bracket.lower <= bracket.upper < 1.0
    two = GradientFlow.of(KERNEL, X, np.eye(2)[index % 2]).limit(ridge=1.0)
    assert (verdicts(two, X, index % 2, radius=0.0) == (two(X).argmax(axis=1) != index % 2)).all()


def test_a_finite_wide_network_goes_the_way_of_every_network() -> None:
    rng = np.random.default_rng(6)
    wide = WideNetwork.drawn(KERNEL, 2, 16, rng=1)
    points = rng.uniform(-1.0, 1.0, (30, 2))
    labels = np.where(wide(points) > 0.0, 1, -1)
    labels[:5] *= -1
    found = measure(wide.network(), points, labels, radius=0.05)
    assert (found.verdicts[:5] == 1).all()
    assert found.error.width == 0.0  # branch and bound decides all of them
    axis = 0.05 * np.linspace(-1.0, 1.0, 21) * (1.0 - 2.0**-40)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    values = wide((points[:, None, :] + grid).reshape(-1, 2)).reshape(30, -1)
    assert not ((values * labels[:, None] <= 0.0).any(axis=1) & (found.verdicts == 0)).any()


@pytest.mark.parametrize(("change", "kind", "words"), [
    ({"norm": 1}, ValueError, "norm=1 must be 2 or inf for kernel predictors"),
    ({"radius": -1.0}, ValueError, "radius"),
    ({"y": [0.5] * 40}, ValueError, "y holds real labels"),
    ({"y": list(range(40))}, ValueError, "a predictor with 1 output answers 2 classes, y holds 40 classes"),
    ({"X": np.zeros((40, 3))}, ValueError, "robust_error: X"),
    ({"model": KernelPredictor(ErfKernel(2), np.zeros((1, 2)), np.ones((1, 1)))}, TypeError,
     "proved for ReluKernel, the model has ErfKernel; constructive.tangent.kernel_attack"),
], ids=["norm", "radius", "real", "classes", "dimension", "kernel"])
def test_what_does_not_fit_is_refused_by_name(change: Any, kind: type[Exception], words: str) -> None:
    f, points, labels = trained(2)
    arguments = {"model": f, "X": points, "y": labels, "radius": 0.05, **change}
    with pytest.raises(kind, match=words):
        con.robust_error(arguments.pop("model"), arguments.pop("X"), arguments.pop("y"), **arguments)
