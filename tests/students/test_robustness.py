"""The exact rule for two-class students against witnesses and dense search; what no memorizer can avoid."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from student_cases import some_teacher

from constructive.calculus import affine
from constructive.certificates.structural import structural_bounds
from constructive.domain import outward_boxes
from constructive.network import Network
from constructive.students import Recipe, Student, disturbed, memorize, robust_verdicts, separation, unavoidable
from constructive.students.boxes import Bumps
from constructive.students.robustness import interference, interference_witnesses


def noisy_line(rng: np.random.Generator, d: int, n: int = 24) -> tuple[Any, Any]:
    """Return points of the unit cube labelled by the side of the first coordinate, some labels wrong."""
    points = rng.random((n, d))
    labels = np.where(points[:, 0] > 0.5, 1.0, -1.0) * np.where(rng.random(n) < 0.3, -1.0, 1.0)
    labels[:2] = [-1.0, 1.0]
    return points, labels


def constant(d: int, value: float) -> Network:
    return affine(np.zeros((1, d)), [value])


def nearest_ball_points(student: Student, x: Any, y: float, delta: float) -> list[list[Fraction]]:
    """Return the point of the delta-ball of x nearest to each box of another label, exactly."""
    bumps = student.bumps
    assert bumps is not None
    found = []
    for low, high, score in zip(bumps.lower, bumps.upper, bumps.scores, strict=True):
        if score * y > 0:
            continue
        moved = []
        for v, a, b in zip(x, low, high, strict=True):
            target = min(max(Fraction(float(v)), Fraction(float(a))), Fraction(float(b)))
            step = min(max(target - Fraction(float(v)), -Fraction(delta)), Fraction(delta))
            moved.append(Fraction(float(v)) + step)
        found.append(moved)
    return found


def wrong_somewhere(student: Student, network: Network, x: Any, y: float, delta: float) -> bool:
    """Whether the real network is wrong at a nearest point: these are extremal if the teacher is right."""
    return any(y * network.exact(z)[0] <= 0 for z in nearest_ball_points(student, x, y, delta))


@pytest.mark.parametrize("told", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_rule_is_exact_where_the_teacher_is_right(d: int, sign: float, told: float) -> None:
    rng = np.random.default_rng([d, int(sign + 1)])
    points, labels = noisy_line(rng, d)
    radius = 0.4 * separation(points).distance
    student = memorize(points, labels, radius=radius, teacher=constant(d, 0.75 * sign),
                       recipe=Recipe("told", amplitude=told))
    assert student.bumps is not None
    assert student.bumps.supports_disjoint
    network = student.to_network()
    probe = rng.random((30, d))
    outcomes = set()
    for delta in (0.0, student.radius / 2, max(3 * student.radius, 0.03)):
        verdicts = robust_verdicts(student, probe, np.full(30, sign), delta)
        truth = [wrong_somewhere(student, network, x, sign, delta) for x in probe]
        assert verdicts.tolist() == [int(t) for t in truth]
        outcomes |= set(verdicts.tolist())
    assert outcomes == {0, 1}


@pytest.mark.parametrize("d", [1, 2])
def test_no_dense_search_contradicts_a_safe_verdict_under_any_teacher(d: int) -> None:
    rng = np.random.default_rng(d)
    points, labels = noisy_line(rng, d)
    teacher = affine(np.eye(d)[:1], [-0.5])
    student = memorize(points, labels, radius=0.4 * separation(points).distance, teacher=teacher)
    probe = rng.random((40, d))
    signs = np.where(probe[:, 0] > 0.5, 1.0, -1.0)
    delta = max(2 * student.radius, 0.02)
    verdicts = robust_verdicts(student, probe, signs, delta)
    assert {0, 1} <= set(verdicts.tolist())
    steps = np.array(list(itertools.product(np.linspace(-1, 1, 41), repeat=d))) * delta * (1 - 1e-9)
    for x, y, verdict in zip(probe, signs, verdicts, strict=True):
        found = bool((y * student(x + steps)[:, 0] <= 0).any())
        assert not (found and verdict == 0)


def test_a_wrong_verdict_comes_with_a_wrong_answer_in_the_ball() -> None:
    rng = np.random.default_rng(5)
    points, labels = noisy_line(rng, 2)
    radius = 0.4 * separation(points).distance
    student = memorize(points, labels, radius=radius, teacher=affine([[1.0, 0.0]], [-0.5]))
    network, delta = student.to_network(), 0.05
    probe = rng.random((60, 2))
    signs = np.where(probe[:, 0] > 0.5, 1.0, -1.0)
    verdicts = robust_verdicts(student, probe, signs, delta)
    grid = np.array(list(itertools.product(np.linspace(-1, 1, 61), repeat=2))) * delta
    for x, y, verdict in zip(probe, signs, verdicts, strict=True):
        if verdict == 1:
            seen = (y * student(x + grid)[:, 0] <= 1e-12).any()
            assert seen or wrong_somewhere(student, network, x, y, delta)
    assert (verdicts == 1).sum() > 5


def test_a_bump_of_exactly_one_half_is_an_error_and_a_hair_less_is_not() -> None:
    student = memorize([[0.0], [4.0]], [-1, 1], radius=0.5, ramp=1.0, teacher=constant(1, 1.0))
    # box [-1/2, 1/2], bump 1/2 at distance 1/2: the student is exactly 0 at x = 1
    assert student.to_network().exact([1.0]) == (0,)
    touching, apart = 1.25, np.nextafter(1.25, 2.0)
    assert robust_verdicts(student, [[touching]], [1], 0.25).tolist() == [1]
    assert robust_verdicts(student, [[apart]], [1], 0.25).tolist() == [0]


def test_two_bumps_of_one_label_may_add_up_to_an_error_that_neither_makes_alone() -> None:
    # Same-label boxes 0.24 apart with ramp 0.2: both bumps are 0.4 in the middle, and 0.8 flips the sign.
    student = memorize([[0.0], [0.44], [3.0]], [-1, -1, 1], radius=0.1, ramp=0.2, teacher=constant(1, 0.5))
    assert student.bumps is not None
    assert not student.bumps.supports_disjoint
    assert student.bumps.rivals_disjoint
    heights = [1 - (abs(0.22 - c) - 0.1) / 0.2 for c in (0.0, 0.44)]
    assert max(heights) < 0.5
    assert sum(heights) > 0.5
    assert student.to_network().exact([0.22])[0] < 0
    assert robust_verdicts(student, [[0.22]], [1], 0.0).tolist() != [0]
    assert robust_verdicts(student, [[1.5]], [1], 0.0).tolist() == [0]


def test_where_the_teacher_is_wrong_off_the_supports_the_student_is_wrong() -> None:
    rng = np.random.default_rng(7)
    points, labels = noisy_line(rng, 2)
    student = memorize(points, labels, radius=0.3 * separation(points).distance, teacher=constant(2, -1.0))
    probe = rng.random((200, 2))
    verdicts = robust_verdicts(student, probe, np.ones(200), 0.01)
    off = np.abs(probe[:, None] - points).max(axis=2).min(axis=1) > student.radius + student.ramp
    assert off.sum() > 20
    assert (verdicts[off] == 1).all()
    assert not (verdicts == 0).any()


def test_without_a_teacher_a_score_of_exactly_zero_is_wrong_and_the_balls_are_right() -> None:
    student = memorize([[0.0], [1.0]], [-1, 1], radius=0.25)
    assert robust_verdicts(student, [[0.5]], [1], 0.0).tolist() == [1]
    assert robust_verdicts(student, [[1.0]], [1], 0.125).tolist() != [1]


def test_own_bumps_protect_where_the_teacher_is_wrong() -> None:
    student = memorize([[0.0], [1.0]], [-1, 1], radius=0.25, teacher=constant(1, -1.0))
    assert robust_verdicts(student, [[1.0]], [1], 0.125).tolist() != [1]
    assert robust_verdicts(student, [[1.0]], [1], 0.4).tolist() == [1]


def test_given_teacher_bounds_are_used() -> None:
    student = memorize([[0.0], [4.0]], [-1, 1], radius=0.5, teacher=affine([[1.0]], [-2.0]))
    probe, signs = np.array([[2.5], [3.0]]), [1, 1]
    unsure = (np.full(2, -1.0), np.full(2, 1.0))
    sure = (np.full(2, 0.25), np.full(2, 1.0))
    assert robust_verdicts(student, probe, signs, 0.1, teacher_bounds=unsure).tolist() == [-1, -1]
    assert robust_verdicts(student, probe, signs, 0.1, teacher_bounds=sure).tolist() == [0, 0]


def test_patched_and_unpatched_students_obey_the_same_rule() -> None:
    rng = np.random.default_rng(9)
    points, labels = noisy_line(rng, 2, 40)
    teacher = affine([[1.0, 0.0]], [-0.5])
    student = memorize(points, labels, radius=0.3 * separation(points).distance, teacher=teacher,
                       recipe=Recipe("patched", patch=True))
    assert student.bumps is not None
    assert 0 < student.bumps.count < 40
    network, probe = student.to_network(), rng.uniform(0.55, 1.0, (60, 2))
    verdicts = robust_verdicts(student, probe, np.ones(60), 0.02)
    truth = [wrong_somewhere(student, network, x, 1.0, 0.02) for x in probe]
    assert verdicts.tolist() == [int(t) for t in truth]


def test_the_rule_refuses_students_it_does_not_hold_for() -> None:
    points = [[0.0], [1.0], [2.0]]
    for student in (memorize(points, ["a", "b", "c"], radius=0.1),
                    memorize(points, [0.5, 1.0, 2.0], radius=0.1),
                    memorize(points, [0, 1, 0], radius=0.1, recipe="paper")):
        with pytest.raises(ValueError, match="two-class clip students"):
            robust_verdicts(student, points, student.y, 0.1)


@pytest.mark.parametrize("scale", [1.0, 2.0**20, 2.0**-30])
def test_interference_is_the_closed_condition_decided_exactly(scale: float) -> None:
    rng = np.random.default_rng(11)
    points = rng.permutation(np.unique(rng.integers(0, 40, (30, 2)) / 8.0, axis=0)) * scale
    labels = rng.choice([-1.0, 1.0], len(points))
    student = memorize(points, labels, radius=scale / 32, teacher=constant(2, 1.0))
    bumps = student.bumps
    assert bumps is not None
    probe, delta = rng.integers(0, 160, (200, 2)) / 32.0 * scale, scale / 16
    signs = rng.choice([-1.0, 1.0], 200)
    got = interference(bumps, probe, signs, delta)
    for x, y, near in zip(probe, signs, got, strict=True):
        wanted = any(
            sum(max(abs(Fraction(float(v)) - Fraction(float(c))) - Fraction(student.radius) - Fraction(delta),
                    Fraction(0))
                for v, c in zip(x, p, strict=True)) <= Fraction(student.ramp) / 2
            for p, label in zip(points, labels, strict=True) if label != y)
        assert near == wanted
    assert 0 < got.sum() < 200


@pytest.mark.parametrize("classes", [2, 3])
def test_unavoidable_is_the_closed_condition_decided_exactly(classes: int) -> None:
    rng = np.random.default_rng(classes)
    data, probe = rng.integers(0, 60, (40, 3)) / 10.0, rng.integers(0, 60, (150, 3)) / 10.0
    labels, own = rng.integers(0, classes, 40), rng.integers(0, classes, 150)
    labels[:classes] = np.arange(classes)
    radius, delta = 0.3, 0.4
    got = unavoidable(data, labels, radius, probe, own, delta)
    reach = Fraction(radius) + Fraction(delta)
    for x, y, met in zip(probe, own, got, strict=True):
        assert met == any(
            max(abs(Fraction(float(v)) - Fraction(float(c))) for v, c in zip(x, p, strict=True)) <= reach
            for p, label in zip(data, labels, strict=True) if label != y)
    assert 0 < got.sum() < 150


def test_every_memorizer_is_wrong_where_it_is_unavoidable() -> None:
    rng = np.random.default_rng(13)
    points, labels = noisy_line(rng, 2, 30)
    student = memorize(points, labels, radius=0.45 * separation(points, labels).distance,
                       teacher=some_teacher(2, 1, 1, rng))
    probe, own = rng.random((200, 2)), rng.choice([-1.0, 1.0], 200)
    met = unavoidable(points, labels, student.radius, probe, own, 0.03)
    assert met.any()
    assert (robust_verdicts(student, probe, own, 0.03)[met] == 1).all()


def test_unavoidable_refuses_real_labels() -> None:
    with pytest.raises(ValueError, match="needs classes"):
        unavoidable([[0.0], [1.0]], [0.5, 0.25], 0.1, [[0.0]], [0.5], 0.1)


def test_points_near_the_far_side_of_a_box_interfere_too() -> None:
    student = memorize([[0.0], [3.0]], [-1, 1], radius=1.0, ramp=0.25, teacher=constant(1, 1.0))
    low, high = outward_boxes(np.array([[0.0]]), 1.0)
    for x in (low[0, 0] - 0.1, high[0, 0] + 0.1, 0.0, 0.9):
        assert robust_verdicts(student, [[x]], [1], 0.01).tolist() == [1]


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_the_vector_next_to_a_rival_box_is_in_the_ball_and_as_near_as_the_rule_says(scale: float) -> None:
    rng = np.random.default_rng(11)
    X = rng.random((60, 2)) * scale
    y = rng.choice([-1, 1], 60)
    student = memorize(X, y, radius=0.3 * separation(X, y).distance)
    assert isinstance(student.bumps, Bumps)
    points, signs, delta = rng.random((300, 2)) * scale, rng.choice([-1.0, 1.0], 300), 0.02 * scale
    vectors = interference_witnesses(student.bumps, points, signs, delta)
    met = interference(student.bumps, points, signs, delta)
    assert met.any()
    assert np.array_equal(met, ~np.isnan(vectors[:, 0]))
    for x, vector, sign in zip(points[met], vectors[met], signs[met], strict=True):
        assert max(abs(Fraction(a) - Fraction(b)) for a, b in zip(x, vector, strict=True)) <= Fraction(delta)
        assert student(vector)[0] * sign <= 1e-6


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("recipe", ["clip", "additive", "argmax", "lean"])
def test_the_student_is_right_where_its_teacher_is_and_no_rival_support_is_met(recipe: str, classes: int) -> None:
    rng = np.random.default_rng(classes)
    X = rng.random((50, 2))
    y = rng.integers(0, classes, 50)
    width = 1 if classes == 2 else classes
    teacher = Network.build([(rng.normal(size=(6, 2)), rng.normal(size=6)), (rng.normal(size=(width, 6)), None)])
    student = memorize(X, y, radius=0.3 * separation(X, y).distance, teacher=teacher, recipe=recipe)
    points, truth, delta = rng.random((400, 2)), rng.integers(0, classes, 400), 0.02
    touched = disturbed(student, points, truth, delta)
    assert touched.any()
    assert not touched.all()
    for _ in range(60):
        moved = points + delta * rng.uniform(-1, 1, points.shape)
        taught, told = teacher(moved), student.predict(moved)
        own = (taught[:, 0] > 0).astype(int) if width == 1 else taught.argmax(axis=1)
        assert not ((told != truth) & (own == truth) & ~touched).any()


@pytest.mark.parametrize("recipe", [Recipe(faces="needed"), Recipe(faces="needed", merge=True), Recipe(merge=True)])
def test_where_slabs_of_both_labels_cross_no_ball_proved_right_is_called_wrong(recipe: Recipe) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, y = rng.random((40, 3)), rng.choice([-1, 1], 40)
        student = memorize(X, y, radius=0.3 * separation(X, y).distance, recipe=recipe, rng=0,
                           teacher=affine([[1.0, 0.0, 0.0]], [-0.5]))
        points, truth = np.concatenate([rng.random((200, 3)), X]), np.concatenate([rng.choice([-1, 1], 200), y])
        delta = student.radius / 3
        verdicts = robust_verdicts(student, points, truth, delta)
        bounds = structural_bounds(student.to_network(), *outward_boxes(points, delta), tight=True)
        assert bounds is not None
        right = np.where(truth > 0, bounds[0][:, 0] > 0, bounds[1][:, 0] < 0)
        assert right[200:].all()
        assert not (right & (verdicts == 1)).any()
        assert (verdicts == 1).any()
