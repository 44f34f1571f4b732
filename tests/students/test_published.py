"""The construction as published: within epsilon of labels and teacher, and not exact."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from student_cases import EVALUATIONS, box_points, some_labels, some_teacher

from constructive.calculus import affine
from constructive.certificates.enclosure import interval_bounds
from constructive.domain import outward_boxes
from constructive.students import Recipe, Student, memorize, separation
from constructive.students.gates.product import evaluate_product, gate_levels


def published(rng: np.random.Generator, d: int, kind: str, epsilon: float) -> Student:
    points, labels = rng.uniform(-1, 1, (15, d)), some_labels(kind, 15, rng)
    recipe = Recipe("paper", gate="product", bump="published", epsilon=epsilon)
    return memorize(points, labels, radius=0.3 * separation(points).distance, recipe=recipe,
                    teacher=some_teacher(d, 1, 2, rng))


@pytest.mark.parametrize("epsilon", [0.5, 2.0**-10, 1e-7])
@pytest.mark.parametrize("kind", ["signs", "real"])
@pytest.mark.parametrize("d", [1, 3])
def test_labels_on_the_balls_are_met_within_epsilon(d: int, kind: str, epsilon: float) -> None:
    rng = np.random.default_rng([d, len(kind)])
    student = published(rng, d, kind, epsilon)
    points, which = box_points(*outward_boxes(student.X, student.radius), 2000, rng)
    for evaluate in EVALUATIONS.values():
        values = evaluate(student.to_network(), points, rng)[:, 0]
        assert np.abs(values - student.labels.scores[which]).max() <= epsilon


@pytest.mark.parametrize("kind", ["signs", "real"])
def test_off_the_supports_the_clamped_teacher_is_met_within_epsilon(kind: str) -> None:
    rng = np.random.default_rng(len(kind))
    student = published(rng, 2, kind, 2.0**-8)
    points = rng.uniform(-2, 2, (4000, 2))
    gap = np.maximum(np.abs(points[:, None] - student.X) - student.radius, 0).sum(axis=2).min(axis=1)
    off = gap > student.ramp * (1 + 1e-9)
    clamped = np.clip(student.teacher(points)[:, 0], -student.amplitude, student.amplitude)
    difference = np.abs(student.to_network()(points)[:, 0] - clamped)[off]
    assert off.sum() > 100
    assert 0 < difference.max() <= 2.0**-8


def test_structured_evaluation_and_network_agree() -> None:
    rng = np.random.default_rng(1)
    student = published(rng, 2, "real", 2.0**-12)
    points = np.concatenate([rng.uniform(-2, 2, (2000, 2)), student.X])
    # the coordinates' rounding is magnified by 1 / ramp in both
    bound = 64 * 2.0**-53 * student.amplitude * (1 + 8 / student.ramp)
    assert np.abs(student(points) - student.to_network()(points)).max() <= bound


def test_the_largest_box_width_by_intervals_is_zero_for_ours_and_not_for_the_published_recipe() -> None:
    rng = np.random.default_rng(2)
    points, labels = rng.uniform(-1, 1, (15, 2)), rng.choice([-1.0, 1.0], 15)
    teacher, radius = some_teacher(2, 1, 2, rng), 0.3 * separation(points).distance
    widths = []
    for recipe in ("clip", "paper"):
        network = memorize(points, labels, radius=radius, teacher=teacher, recipe=recipe).to_network()
        low, high = interval_bounds(network, *outward_boxes(points, radius))
        widths.append(float((high - low).max()))
    assert widths[0] == 0.0
    assert widths[1] > 0.1


def test_the_sum_of_bumps_never_exceeds_one_under_the_packing_condition() -> None:
    rng = np.random.default_rng(3)
    for d in (1, 2, 3):
        student = published(rng, d, "one", 0.5)
        assert student.bumps is not None
        points, _ = box_points(student.X - student.ramp, student.X + student.ramp, 5000, rng)
        x, bumps = points[:, None], student.bumps
        gaps = np.maximum(np.maximum(bumps.lower - x, x - bumps.upper), 0)
        total = np.maximum(1 - gaps.sum(axis=2) / student.ramp, 0).sum(axis=1)
        assert total.max() <= 1 + 1e-12


@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_the_product_gate_errs_by_at_most_four_to_the_minus_levels_exactly(levels: int) -> None:
    student = memorize([[0.0]], [1.0], radius=0.25, task="regression", teacher=affine([[1.0]]),
                       recipe=Recipe("p", gate="product", bump="published", epsilon=4.0**-levels))
    assert gate_levels(4.0**-levels, student.amplitude) == levels
    network, bound = student.to_network(), Fraction(1, 4**levels)
    worst = Fraction(0)
    for k in range(-40, 41):
        x = Fraction(k, 20) + Fraction(1, 3)
        bump = max(Fraction(0), 1 - max(abs(x) - Fraction(1, 4), Fraction(0)) / Fraction(student.ramp))
        wanted = (1 - bump) * min(max(x, Fraction(-1)), Fraction(1)) + bump
        worst = max(worst, abs(network.exact([x])[0] - wanted))
    assert bound / 16 < worst <= bound


def test_the_structured_gate_vanishes_with_its_first_factor_and_is_exact_on_the_grid() -> None:
    levels = 4
    grid = np.arange(-16, 17) / 16.0
    for u, t in itertools.product(grid[::2], grid[::2]):
        assert evaluate_product(np.array([u]), np.array([t]), levels)[0] == u * t
    t = np.linspace(-1, 1, 777)
    assert (evaluate_product(np.zeros(777), t, levels) == 0).all()


@pytest.mark.parametrize("bound", [1.0, 8.0, 2.0**-30])
def test_levels_are_the_fewest_that_reach_epsilon(bound: float) -> None:
    rng = np.random.default_rng(4)
    edges = [*(bound * 4.0 ** -np.arange(1, 9)), 4.0**-7 * (1 - 2.0**-50)]
    for epsilon in [*np.exp(rng.uniform(-20, 0, 50)), *edges]:
        levels = gate_levels(float(epsilon), bound)
        assert bound * 4.0**-levels <= epsilon
        assert levels == 1 or bound * 4.0 ** -(levels - 1) > epsilon


def test_boxes_that_meet_are_refused_by_name() -> None:
    points, labels = [[0.0], [0.3], [2.0]], [1, 1, 0]
    with pytest.raises(ValueError, match=r"every two boxes disjoint, but those of X\[0\] and X\[1\] meet"):
        memorize(points, labels, radius=0.2, recipe="paper")
    with pytest.raises(ValueError, match=r"ramp=0.2 is too wide: the rounded boxes of X\[0\] and X\[1\]"):
        memorize(points, labels, radius=0.1, recipe="paper", ramp=0.2)
