"""Families: other members, the same guarantees; a point where two differ, or collapse reported."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from student_cases import EVALUATIONS, box_points, some_student, wanted

from constructive.calculus import affine
from constructive.domain import outward_boxes
from constructive.students import Family, Recipe, memorize, separation


@pytest.mark.parametrize("t", [1.0, 0.7, 1 / 3, 1e-6])
@pytest.mark.parametrize("kind", ["signs", "real", "repeated", "classes"])
def test_every_member_is_exact_on_the_boxes(kind: str, t: float) -> None:
    rng = np.random.default_rng([len(kind), int(1 / t)])
    student = some_student(2, kind, rng)
    member = student.family(t)
    assert member.ramp == student.ramp * t
    points, which = box_points(*outward_boxes(student.X, student.radius), 1500, rng)
    for evaluate in EVALUATIONS.values():
        assert (evaluate(member.to_network(), points, rng) == wanted(student)[which]).all()
    assert member.certify().robust_error.upper == 0.0
    assert member.size.nonzeros == member.to_network().size.nonzeros


@pytest.mark.parametrize("kind", ["signs", "real", "classes"])
def test_a_witness_shows_two_members_that_differ_in_exact_arithmetic(kind: str) -> None:
    student = some_student(2, kind, np.random.default_rng(len(kind)))
    found = Family(student).witness(0.5, 1.0)
    assert found is not None
    assert found.first != found.second
    exact = [Fraction(v) for v in found.point.tolist()]
    assert student.family(0.5).to_network().exact(exact) == found.first
    assert student.family(1.0).to_network().exact(exact) == found.second


def test_a_teacher_that_agrees_with_every_label_collapses_the_family_and_it_is_said() -> None:
    student = memorize([[0.0], [1.0]], [1.0, 1.0], radius=0.25, teacher=affine([[0.0]], [1.0]))
    assert Family(student).witness(0.5, 1.0) is None
    x = np.linspace(-2, 3, 501)[:, None]
    assert (student.family(0.5)(x) == student.family(1.0)(x)).all()


def test_one_disagreeing_datum_among_many_is_enough() -> None:
    points = np.arange(30.0)[:, None]
    labels = np.ones(30)
    labels[17] = -1.0
    student = memorize(points, labels, radius=0.25, teacher=affine([[0.0]], [1.0]))
    found = Family(student).witness(0.25, 0.75)
    assert found is not None
    assert abs(found.point[0] - 17) < 1


@pytest.mark.parametrize("t", [0.0, -0.5, 1.5, float("nan")])
def test_parameters_outside_the_unit_interval_are_refused(t: float) -> None:
    with pytest.raises(ValueError, match="t="):
        memorize([[0.0], [1.0]], [0, 1], radius=0.25).family(t)


def test_a_ramp_too_narrow_for_doubles_is_refused() -> None:
    with pytest.raises(ValueError, match="too narrow"):
        memorize([[0.0], [1.0]], [0, 1], radius=0.25).family(2.0**-1022)


def test_equal_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="two different parameters"):
        Family(memorize([[0.0], [1.0]], [0, 1], radius=0.25)).witness(0.5, 0.5)


def test_a_student_without_bumps_has_no_family() -> None:
    student = memorize([[0.0], [1.0]], [0, 1], radius=0.25, teacher=affine([[2.0]], [-1.0]),
                       recipe=Recipe("patched", patch=True))
    assert student.bumps is None
    with pytest.raises(ValueError, match="left to the teacher"):
        student.family(0.5)


@pytest.mark.parametrize("recipe", [Recipe("facets", faces="needed"), Recipe("balls", bump="ball")])
def test_members_with_other_bumps_keep_the_guarantee_and_differ(recipe: Recipe) -> None:
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(9, 3)), rng.choice([-1.0, 1.0], 9)
    y[:2] = (-1.0, 1.0)
    norm = 2 if recipe.bump == "ball" else np.inf
    student = memorize(X, y, radius=0.4 * separation(X, y, norm=norm).distance, norm=norm, recipe=recipe)
    for t in (1.0, 0.3, 0.01):
        assert student.family(t).certify().robust_error.upper == 0.0
    assert Family(student).witness(1.0, 0.3) is not None
