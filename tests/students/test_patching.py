"""Patching leaves out exactly the data whose whole box the teacher is certified to answer right."""

from __future__ import annotations

import numpy as np
import pytest
from student_cases import EVALUATIONS, box_points, some_teacher

from constructive.calculus import affine
from constructive.domain import outward_boxes
from constructive.students import Recipe, memorize, separation

PATCH = Recipe("patched", patch=True)


def flipped(rng: np.random.Generator, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    points = rng.random((n, 2))
    return points, np.where(points[:, 0] > 0.5, 1.0, -1.0) * np.where(rng.random(n) < 0.15, -1.0, 1.0)


def test_only_data_that_the_teacher_misses_get_a_bump() -> None:
    rng = np.random.default_rng(0)
    points, labels = flipped(rng)
    teacher = affine([[1.0, 0.0]], [-0.5])
    radius = 0.2 * separation(points, labels).distance
    student = memorize(points, labels, radius=radius, teacher=teacher, recipe=PATCH)
    margin = labels * (points[:, 0] - 0.5)
    assert student.bumps is not None
    assert student.bumps.members.tolist() == np.flatnonzero(margin <= student.radius * (1 + 1e-9)).tolist()
    assert 0 < student.bumps.count < 30


@pytest.mark.parametrize("classes", [2, 3])
def test_patched_students_have_the_right_class_on_every_ball_in_every_program(classes: int) -> None:
    rng = np.random.default_rng(classes)
    points = rng.random((40, 2))
    labels = rng.integers(0, classes, 40)
    teacher = some_teacher(2, 1 if classes == 2 else 3, 2, rng)
    student = memorize(points, labels, radius=0.4 * separation(points, labels).distance, teacher=teacher,
                       recipe=PATCH)
    assert student.bumps is not None
    assert 0 < student.bumps.count < 40
    corners, which = box_points(*outward_boxes(points, student.radius), 4000, rng)
    for evaluate in EVALUATIONS.values():
        scores = evaluate(student.to_network(), corners, rng)
        answers = (scores[:, 0] > 0).astype(int) if classes == 2 else scores.argmax(axis=1)
        assert (answers == labels[which]).all()
    patched = np.isin(which, student.bumps.members)
    exact = student.to_network()(corners[patched])
    assert (np.abs(exact) == student.amplitude).all()


def test_an_unpatched_datum_has_its_sign_and_the_size_shrinks() -> None:
    rng = np.random.default_rng(2)
    points, labels = flipped(rng)
    radius, teacher = 0.2 * separation(points, labels).distance, affine([[1.0, 0.0]], [-0.5])
    full = memorize(points, labels, radius=radius, teacher=teacher)
    student = memorize(points, labels, radius=radius, teacher=teacher, recipe=PATCH)
    assert student.bumps is not None
    assert full.size.nonzeros - student.size.nonzeros == 14 * (60 - student.bumps.count)
    assert student.size.nonzeros == student.to_network().size.nonzeros
    assert student.certify().robust_error.upper == 0.0


def test_patches_vanish_on_rivals_that_have_no_bump_themselves() -> None:
    # Two wrong labels close to a datum that is left to the teacher: the ramp is chosen against all data.
    teacher = affine([[1.0]], [0.0])
    student = memorize([[0.5], [0.75], [1.0]], [0, 1, 0], radius=0.1, teacher=teacher, recipe=PATCH)
    assert student.bumps is not None
    assert student.bumps.members.tolist() == [0, 2]
    assert student.certify().robust_error.upper == 0.0
    assert (student.to_network()(np.linspace(0.65, 0.85, 101)[:, None]) > 0).all()


def test_a_teacher_too_faint_for_the_gate_is_not_trusted() -> None:
    # 1e-20 is positive, but 1 + 1e-20 is 1 in doubles and the gate would return 0.
    student = memorize([[0.0], [1.0]], [0, 1], radius=0.25, teacher=affine([[2e-20]], [-1e-20]), recipe=PATCH)
    assert student.bumps is not None
    assert student.bumps.count == 2
    assert student.certify().robust_error.upper == 0.0


def test_a_teacher_that_is_right_everywhere_is_the_student() -> None:
    teacher = affine([[2.0]], [-1.0])
    student = memorize([[0.0], [1.0]], [0, 1], radius=0.25, teacher=teacher, recipe=PATCH)
    assert student.bumps is None
    assert student.size.nonzeros == teacher.size.nonzeros
    x = np.linspace(-1, 2, 50)[:, None]
    assert (student(x) == teacher(x)).all()
    assert student.certify().robust_error.upper == 0.0
