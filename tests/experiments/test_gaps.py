"""The robust gap of regression from above: no sampled error exceeds the bound, which is forced error plus a ramp."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import constructive as con
from constructive.experiments.gaps import gap_above, robust_gap
from constructive.network import Network
from constructive.students import Student, memorize

Array = NDArray[np.float64]


def case(seed: int, ramp: float = 0.01) -> tuple[Student, Array, Array]:
    """Return a student of noisy real labels with a bent teacher, and fresh points with labels, some beyond B."""
    rng = np.random.default_rng(seed)
    X = con.populations.jittered_lattice(6, 2, 0.5, rng)
    y = rng.uniform(-1, 1, 36)
    teacher = Network.build([(rng.normal(size=(6, 2)), rng.normal(size=6)), (rng.normal(size=(1, 6)), None)])
    student = memorize(X, y, radius=0.01, ramp=ramp, teacher=teacher, task="regression")
    return student, rng.random((200, 2)), rng.uniform(-1.5, 1.5, 200)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delta", [0.0, 0.02, 0.1])
def test_no_sampled_error_exceeds_the_bound(seed: int, delta: float) -> None:
    student, points, values = case(seed)
    most = gap_above(student, points, values, delta)
    rng = np.random.default_rng(99)
    for _ in range(200):
        moved = points + delta * rng.uniform(-1, 1, points.shape)
        assert ((student(moved)[:, 0] - values) ** 2 <= most * (1 + 1e-12) + 1e-12).all()
    told = student.labels.scores
    found = robust_gap(lambda x: student(x)[:, 0], student.X, told, student.radius, points, values, delta)
    assert found.forced <= found.attacked <= most.mean() + 1e-12


def test_the_bound_is_forced_error_or_teachers_error_where_ramps_vanish() -> None:
    student, points, values = case(5, ramp=2.0**-30)
    delta = 0.05
    most = gap_above(student, points, values, delta)
    near = np.abs(points[:, None] - student.X).max(axis=2) <= delta + student.radius
    forced = np.where(near, (student.labels.scores - values[:, None]) ** 2, 0.0).max(axis=1)
    grid = np.stack(np.meshgrid(*[np.linspace(-delta, delta, 21)] * 2), axis=-1).reshape(-1, 2)
    b = student.amplitude
    taught = (np.clip(student.teacher(points[:, None] + grid)[..., 0], -b, b) - values[:, None]) ** 2
    assert (most >= np.maximum(forced, taught.max(axis=1)) - 1e-12).all()
    far = forced >= taught.max(axis=1) * 1.5 + 0.2
    assert far.any()
    assert np.allclose(most[far], forced[far])


def test_a_teacher_left_out_of_the_bound_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    student, points, values = case(1)
    import constructive.experiments.gaps as module

    def blind(teacher: Any, low: Array, high: Array) -> tuple[Array, Array]:
        return np.zeros((len(low), 1)), np.zeros((len(low), 1))

    monkeypatch.setattr(module, "range_on_boxes", blind)
    assert ((student(points)[:, 0] - values) ** 2 > gap_above(student, points, values, 0.0) + 1e-9).any()


def test_students_it_does_not_hold_for_are_refused() -> None:
    _, points, values = case(2)
    classes = memorize([[0.0, 0.0], [1.0, 1.0]], [-1, 1], radius=0.1)
    with pytest.raises(ValueError, match="real labels"):
        gap_above(classes, points, values, 0.1)
    close = memorize([[0.0, 0.0], [0.03, 0.0], [1.0, 1.0]], [0.5, 0.5, -0.5], radius=0.02, task="regression")
    with pytest.raises(ValueError, match="2 radius"):
        gap_above(close, points, values, 0.1)
