"""Every recipe, label kind, teacher depth and number format: sizes by formula, labels on whole balls, certificates."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from recipe_cases import INEXACT, RECIPES, closed_formula, drawn
from student_cases import EVALUATIONS, box_points, wanted

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.training import certify
from constructive.domain import outward_boxes
from constructive.network import Layer, Network
from constructive.students import Recipe, Student, memorize, separation

DEPTHS = (None, 0, 1, 2, 3, 4)
FORMATS = ("float64", "float32")
EXACT = tuple(name for name in RECIPES if name not in INEXACT)


def seeded(*parts: Any) -> np.random.Generator:
    return np.random.default_rng([sum(map(ord, str(part))) for part in parts])


def goal(student: Student) -> np.ndarray[Any, Any]:
    """Return the scores on the balls: those of the labels, scaled where the recipe scales them."""
    return wanted(student) * (student.recipe.amplitude if student.labels.classes is not None else 1.0)


def check_size(name: str, hidden: int | None, count: int) -> None:
    rng = seeded(name, hidden, "size")
    for k in range(count):
        student = drawn(name, hidden, rng, FORMATS[k % 2])
        formula, counted = student.size, student.to_network().size
        assert [f.name for f in fields(formula) if getattr(formula, f.name) != getattr(counted, f.name)] == []
        if name != "paper":
            assert counted.nonzeros == closed_formula(student)


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_size_is_its_formula(name: str, hidden: int | None) -> None:
    check_size(name, hidden, 8)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_size_is_its_formula_on_two_hundred_instances(name: str, hidden: int | None) -> None:
    check_size(name, hidden, 200)


def check_scores(name: str, hidden: int | None, precision: str, count: int) -> None:
    rng = seeded(name, hidden, precision)
    for _ in range(count):
        student = drawn(name, hidden, rng, precision)
        network, scores = student.to_network(), goal(student)
        low, high = outward_boxes(student.X, student.radius)
        points, which = box_points(low, high, 400, rng)
        points = points.astype(precision).astype(np.float64)
        for how, evaluate in EVALUATIONS.items():
            assert np.abs(evaluate(network, points, rng) - scores[which]).max() == 0.0, how
        assert np.abs(student(points) - scores[which]).max() == 0.0
        assert np.abs(network.astype(np.float64)(points) - scores[which]).max() == 0.0
        bottom, top = interval_bounds(network, low, high)
        assert max(np.abs(bottom - scores).max(), np.abs(top - scores).max()) == 0.0


@pytest.mark.parametrize("precision", FORMATS)
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("name", EXACT)
def test_scores_on_balls_are_exact_for_every_program_and_for_intervals(name: str, hidden: int | None,
                                                                       precision: str) -> None:
    check_scores(name, hidden, precision, 3)


@pytest.mark.slow
@pytest.mark.parametrize("precision", FORMATS)
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("name", EXACT)
def test_scores_on_balls_are_exact_on_two_hundred_instances(name: str, hidden: int | None, precision: str) -> None:
    check_scores(name, hidden, precision, 200)


@pytest.mark.parametrize("precision", FORMATS)
@pytest.mark.parametrize("name", [name for name in RECIPES if name != "paper"])
def test_every_recipe_is_certified_by_each_method(name: str, precision: str) -> None:
    rng = seeded(name, precision, "certified")
    for hidden in DEPTHS:
        student = drawn(name, hidden, rng, precision)
        for method in ("structural", "interval", "auto"):
            assert student.certify(method).robust_error.upper == 0.0, (hidden, method)
    assert student.certify("exact").robust_error.upper == 0.0


@pytest.mark.parametrize("precision", FORMATS)
@pytest.mark.parametrize("name", RECIPES)
def test_structured_evaluation_and_network_agree_off_the_balls(name: str, precision: str) -> None:
    rng = seeded(name, precision, "agree")
    unit = 2.0**-53 if precision == "float64" else 2.0**-24
    for hidden in DEPTHS:
        student = drawn(name, hidden, rng, precision)
        d = student.X.shape[1]
        reach = student.radius + min(2 * student.ramp, 1.0)
        near, _ = box_points(student.X - reach, student.X + reach, 300, rng)
        points = np.concatenate([near, rng.uniform(-1.2, 1.2, (300, d))])
        network = student.to_network()
        values, written = student(points), network(points)
        assert values.shape == written.shape
        # a slope kappa/ramp magnifies an error of a few units of the coordinates; the teacher's own terms add theirs
        terms = max(1.0, float(np.abs(written).max()), student.amplitude, student.push)
        units = 64 * (d + 8) * unit * terms * (1 + 8 / student.ramp)
        slack = student.recipe.epsilon if student.recipe.gate == "product" else 0.0
        assert np.abs(values - written).max() <= units + slack


@pytest.mark.parametrize("hidden", [0, 2, 4])
def test_off_its_bumps_the_argmax_student_is_its_teacher_bit_for_bit(hidden: int) -> None:
    rng = seeded("teacher", hidden)
    for kind in ("signs", "classes"):
        student = drawn("argmax", hidden, rng, kind=kind)
        points = rng.uniform(4.0, 9.0, (500, student.X.shape[1]))
        assert (student.to_network()(points) == student.teacher(points)).all()


def test_a_float32_attack_of_the_rounded_radius_stays_inside() -> None:
    rng = np.random.default_rng(5)
    points, labels = rng.uniform(0, 1, (40, 3)), rng.integers(0, 2, 40)
    distance = separation(points, labels).distance
    points *= 0.25 / distance  # separation 0.25, radius 0.1: not a float32 number
    student = memorize(points, labels, radius=0.1, precision="float32")
    network, size = student.to_network(), np.float32(0.1)
    corners = points.astype(np.float32)[:, None, :] + size * rng.choice(np.float32([-1, 1]), (40, 200, 3))
    told = np.where(labels == 1, 1.0, -1.0)
    inside = (corners >= student.bumps.lower[:, None]) & (corners <= student.bumps.upper[:, None])
    assert (network(corners)[..., 0] == told[:, None])[inside.all(axis=2)].all()
    assert inside.all(axis=2).mean() > 0.5


@pytest.mark.parametrize("name", EXACT)
def test_a_float64_network_of_a_float32_student_is_exact_and_certified(name: str) -> None:
    rng = seeded(name, "both")
    student = drawn(name, 2, rng, "float32")
    y = student.y if student.labels.classes is not None else student.labels.scores
    certificate = certify(student.to_network().astype(np.float64), student.X, y, radius=student.radius,
                          classes=student.labels.classes, task=student._task)
    assert certificate.kind == "float64"
    assert certificate.robust_error.upper == 0.0


def test_thresholds_rounded_to_nearest_in_float32_lose_points_of_the_ball() -> None:
    """The negative control: the same student with nearest rounding is wrong somewhere."""
    rng = np.random.default_rng(3)
    points, labels = rng.uniform(0, 1, (60, 3)), rng.integers(-8, 9, 60) / 8
    labels[0] = 0.3125
    radius = 0.45 * separation(points, labels).distance
    student = memorize(points, labels, radius=radius, precision="float32")
    assert student.certify().robust_error.upper == 0.0
    near = replace(student.bumps, lower=(points - radius).astype(np.float32).astype(np.float64),
                   upper=(points + radius).astype(np.float32).astype(np.float64))
    certificate = certify(replace(student, bumps=near).to_network(), points, labels, radius=radius)
    assert certificate.robust_error.upper > 0.0


@pytest.mark.parametrize("name", ["argmax", "additive", "lean", "facets, additive", "one-sided"])
def test_a_push_below_the_teachers_range_is_not_certified(name: str) -> None:
    rng = seeded(name, "push")
    caught = 0
    for _ in range(6):
        student = drawn(name, 2, rng, kind="signs")
        weak = replace(student, push=student.push * 2.0**-12)
        caught += weak.certify().robust_error.upper > 0.0
    assert caught >= 3


@pytest.mark.parametrize("name", ["clip", "height", "facets", "facets, height", "domain", "half amplitude"])
def test_a_bump_with_a_face_moved_into_its_ball_is_not_certified(name: str) -> None:
    rng = seeded(name, "face")
    for _ in range(20):
        student = drawn(name, 2, rng)
        if student.radius > 0 and np.isfinite(student.bumps.lower).any():
            break
    network = student.to_network()
    first = network.layers[0]
    exact = {float(v) for v in student.bumps.lower[np.isfinite(student.bumps.lower)]}
    rows = [i for i in range(first.outputs) if first.weight.indptr[i + 1] - first.weight.indptr[i] == 1
            and first.weight.data[first.weight.indptr[i]] == -1.0 and float(first.bias[i]) in exact]
    bias = first.bias.copy()
    bias[rows] += student.radius / 2  # relu(lower - x) rises earlier: the balls' outer parts are lost
    moved = Network((Layer.build(first.weight, bias), *network.layers[1:]))
    y = student.y if student.labels.classes is not None else student.labels.scores
    certificate = certify(moved, student.X, y, radius=student.radius, classes=student.labels.classes,
                          task=student._task)
    assert certificate.robust_error.upper > 0.0


def test_dropping_faces_outside_the_domain_changes_nothing_inside() -> None:
    rng = np.random.default_rng(9)
    points, labels = rng.uniform(0, 1, (30, 4)), rng.choice([-1.0, 1.0], 30)
    radius = 0.4 * separation(points, labels).distance
    full = memorize(points, labels, radius=radius)
    lean = memorize(points, labels, radius=radius, recipe=Recipe("domain", domain=(0.0, 1.0)))
    inside = rng.uniform(0, 1, (4000, 4))
    assert (full(inside) == lean(inside)).all()
    assert lean.bumps.faces < full.bumps.faces
    assert lean.certify().robust_error.upper == 0.0
