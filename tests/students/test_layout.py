"""Size formulas equal the counts of the weights that were written out, on every recipe and teacher depth."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from student_cases import some_labels, some_teacher

from constructive.calculus import affine
from constructive.network import Network, Size
from constructive.students import Recipe, Student, memorize, separation


def differing(formula: Size, counted: Size) -> list[str]:
    return [f.name for f in fields(Size) if getattr(formula, f.name) != getattr(counted, f.name)]


def lattice_student(rng: np.random.Generator, kind: str, hidden: int | None, **options: Any) -> Student:
    """Data on a coarse lattice: overlaps of equal labels, thresholds that are exactly 0, touching boxes."""
    d, n = int(rng.integers(1, 4)), int(rng.integers(1, 14))
    points = np.unique(rng.integers(-3, 4, (n, d)) / 4.0, axis=0)
    points = points[rng.permutation(len(points))]
    labels = some_labels(kind, len(points), rng)
    distance = separation(points, labels).distance
    radius = float(rng.choice([0.0, 0.125, 0.4])) * min(distance, 2.0)
    outputs = len(set(labels)) if kind == "classes" and len(set(labels)) > 2 else 1
    teacher = None if hidden is None else some_teacher(d, outputs, hidden, rng)
    return memorize(points, labels, radius=radius, teacher=teacher, **options)


@pytest.mark.parametrize("hidden", [None, 0, 1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["signs", "real", "repeated", "classes", "one"])
def test_every_count_equals_its_formula(kind: str, hidden: int | None) -> None:
    rng = np.random.default_rng([len(kind), 9 if hidden is None else hidden])
    for _ in range(12):
        student = lattice_student(rng, kind, hidden)
        assert differing(student.size, student.to_network().size) == []


@pytest.mark.parametrize("hidden", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_two_class_nonzeros_are_those_of_the_closed_formula(d: int, hidden: int) -> None:
    rng = np.random.default_rng([d, hidden])
    n = 11
    points, labels = rng.normal(size=(n, d)), rng.choice([-1.0, 1.0], n)
    radius = 0.3 * separation(points, labels).distance
    teacher = some_teacher(d, 1, hidden, rng)
    student = memorize(points, labels, radius=radius, teacher=teacher)
    last = float(teacher.layers[-1].bias[0])
    carry = max(2 - hidden, 0) + 2 * max(hidden - 2, 0)
    corrected = int(last + 1 != 0) - int(last != 0)
    count = teacher.size.nonzeros + (6 * d + 2) * n + 15 + carry + corrected
    assert student.size.nonzeros == student.to_network().size.nonzeros == count
    assert student.size.depth == max(2, hidden) + 4


def test_real_labels_cost_one_more_for_each_datum_that_is_not_extreme() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(9, 2))
    labels = np.array([-4.0, 4.0, 4.0, 1.0, 2.5, -0.5, 0.25, -4.0, 3.0])
    student = memorize(points, labels, radius=0.3 * separation(points, labels).distance)
    assert student.bumps is not None
    assert student.bumps.supports_disjoint
    # zero teacher: one bias, carried twice
    assert student.size.nonzeros == (6 * 2 + 1) * 9 + 7 + 7 + 15 + 1 + 2


@pytest.mark.parametrize("classes", [3, 4, 7])
@pytest.mark.parametrize("hidden", [0, 1, 2, 3, 4])
def test_several_class_nonzeros_are_those_of_the_closed_formula(classes: int, hidden: int) -> None:
    rng = np.random.default_rng([classes, hidden])
    n, d, k = 2 * classes, 2, classes
    points, labels = rng.normal(size=(n, d)), np.arange(n) % k
    teacher = some_teacher(d, k, hidden, rng)
    student = memorize(points, labels, radius=0.3 * separation(points, labels).distance, teacher=teacher)
    last = teacher.layers[-1].bias
    corrected = int(np.count_nonzero(last + student.amplitude)) - int(np.count_nonzero(last))
    carry = k * abs(hidden - 1)  # scores wait for the masses, or the masses for the scores
    count = teacher.size.nonzeros + (6 * d + 2) * n + k * (k + 8) + carry + corrected
    assert student.size.nonzeros == student.to_network().size.nonzeros == count


def test_thresholds_of_exactly_zero_are_not_counted() -> None:
    student = memorize([[0.25], [1.0], [-0.25]], [0, 1, 0], radius=0.25)
    shifted = memorize([[10.25], [11.0], [9.75]], [0, 1, 0], radius=0.25)
    assert shifted.size.nonzeros - student.size.nonzeros == 2
    assert student.size.nonzeros == student.to_network().size.nonzeros


def test_an_output_bias_that_cancels_the_amplitude_is_not_counted() -> None:
    teacher = affine([[1.0]], [-1.0])
    student = memorize([[0.3], [1.1]], [0, 1], radius=0.25, teacher=teacher)
    other = memorize([[0.3], [1.1]], [0, 1], radius=0.25, teacher=affine([[1.0]], [0.5]))
    assert other.size.nonzeros - student.size.nonzeros == 1
    assert differing(student.size, student.to_network().size) == []


@pytest.mark.parametrize("epsilon", [1.0, 0.25, 2.0**-10, 1e-9])
@pytest.mark.parametrize("kind", ["signs", "real"])
def test_the_published_recipe_counts_what_its_formula_says(kind: str, epsilon: float) -> None:
    rng = np.random.default_rng([len(kind), int(1 / epsilon) % 1000])
    recipe = Recipe("paper", gate="product", bump="published", epsilon=epsilon)
    for hidden in (None, 0, 1, 2, 3):
        d, n = int(rng.integers(1, 4)), 6
        points = rng.permutation(np.unique(rng.integers(-3, 4, (n, d)) / 4.0, axis=0))
        labels = some_labels(kind, len(points), rng)
        teacher = None if hidden is None else some_teacher(d, 1, hidden, rng)
        student = memorize(points, labels, radius=0.1, teacher=teacher, recipe=recipe)
        assert differing(student.size, student.to_network().size) == []


@pytest.mark.parametrize(("recipe", "each"), [("clip", 6 * 3 + 2), ("paper", 12 * 3 + 3)])
def test_one_more_datum_costs_the_stated_number_of_nonzeros(recipe: str, each: int) -> None:
    rng = np.random.default_rng(5)
    points, labels = rng.normal(size=(20, 3)), rng.choice([-1.0, 1.0], 20)
    labels[:2] = [-1.0, 1.0]
    radius = 0.2 * separation(points).distance
    counts = [memorize(points[:n], labels[:n], radius=radius, recipe=recipe).size.nonzeros
              for n in (5, 12, 20)]
    assert [counts[1] - counts[0], counts[2] - counts[1]] == [7 * each, 8 * each]


def test_a_wrong_count_would_be_noticed() -> None:
    student = memorize([[0.25], [1.0]], [0, 1], radius=0.2)
    network = student.to_network()
    layers = [(layer.weight, layer.bias) for layer in network.layers]
    bias = layers[0][1].copy()
    bias[-1] = 0.0
    assert differing(student.size, Network.build([(layers[0][0], bias), *layers[1:]]).size) != []
