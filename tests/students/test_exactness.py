"""Clip students return every label bit for bit on whole balls, however the machine orders its sums."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from student_cases import EVALUATIONS, box_points, some_student, some_teacher, wanted

from constructive.domain import outward_boxes
from constructive.network import Layer, Network
from constructive.students import Student, memorize, separation

POINTS = 10_000


def deviation(student: Student, network: Network, how: str, rng: np.random.Generator,
              count: int = POINTS) -> float:
    lower, upper = outward_boxes(student.X, student.radius)
    points, which = box_points(lower, upper, count, rng)
    values = EVALUATIONS[how](network, points, rng)
    return float(np.abs(values - wanted(student)[which]).max())


@pytest.mark.parametrize("how", sorted(EVALUATIONS))
@pytest.mark.parametrize("kind", ["signs", "real"])
@pytest.mark.parametrize("d", [1, 2, 3, 5, 8, 12])
def test_labels_are_exact_on_boxes_and_corners(d: int, kind: str, how: str) -> None:
    rng = np.random.default_rng([d, len(kind), len(how)])
    student = some_student(d, kind, rng)
    assert deviation(student, student.to_network(), how, rng, POINTS) == 0.0


@pytest.mark.parametrize("how", sorted(EVALUATIONS))
@pytest.mark.parametrize("kind", ["repeated", "classes"])
def test_overlapping_equal_labels_and_several_classes_are_exact(kind: str, how: str) -> None:
    rng = np.random.default_rng([7, len(kind), len(how)])
    student = some_student(2, kind, rng)
    assert deviation(student, student.to_network(), how, rng) == 0.0


@pytest.mark.parametrize("kind", ["signs", "real", "repeated", "classes"])
def test_structured_evaluation_is_exact_on_boxes(kind: str) -> None:
    rng = np.random.default_rng(11)
    student = some_student(3, kind, rng)
    points, which = box_points(*outward_boxes(student.X, student.radius), POINTS, rng)
    assert (student(points) == wanted(student)[which]).all()


@pytest.mark.parametrize("kind", ["signs", "real", "repeated", "classes"])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_structured_evaluation_and_network_agree_everywhere(d: int, kind: str) -> None:
    rng = np.random.default_rng([d, 13])
    student = some_student(d, kind, rng)
    reach = student.radius + 2 * student.ramp
    near, _ = box_points(student.X - reach, student.X + reach, 4000, rng)
    points = np.concatenate([near, rng.uniform(-4, 4, (1000, d))])
    network = student.to_network()
    assert student(points).shape == network(points).shape
    # A bump's slope is 1/ramp, so an error of d + 8 units of the coordinates is magnified by it; kappa = 4B.
    units = (d + 8) * 2.0**-53 * (1 + 8 / student.ramp) + 2.0**-44
    assert np.abs(student(points) - network(points)).max() <= 16 * student.amplitude * units


@pytest.mark.parametrize("scale", [1e3, 1e8, 1e30])
def test_a_teacher_scaled_beyond_reason_changes_nothing_on_the_boxes(scale: float) -> None:
    rng = np.random.default_rng(17)
    points = rng.uniform(-1, 1, (20, 3))
    labels = rng.normal(size=20)
    radius = 0.4 * separation(points, labels).distance
    student = memorize(points, labels, radius=radius, teacher=some_teacher(3, 1, 2, rng, scale))
    for how in EVALUATIONS:
        assert deviation(student, student.to_network(), how, rng, 2000) == 0.0
    assert student.certify().robust_error.upper == 0.0


def test_coordinates_near_a_million_are_exact_in_units_of_the_last_place() -> None:
    unit = 2.0**-33  # of 1e6 .. 2^20
    points = 1e6 + unit * np.array([[0.0], [40.0], [80.0]])
    student = memorize(points, [1.0, -1.0, 1.0], radius=10 * unit, ramp=15 * unit)
    grid = 1e6 + unit * np.concatenate([np.arange(-10, 11) + 40 * k for k in range(3)])[:, None]
    wanted = np.repeat([1.0, -1.0, 1.0], 21)
    for how, evaluate in EVALUATIONS.items():
        assert (evaluate(student.to_network(), grid, np.random.default_rng(0))[:, 0] == wanted).all(), how


def test_outward_rounding_that_eats_the_ramp_is_refused_not_built() -> None:
    unit = 2.0**-33
    points = 1e6 + unit * np.array([[0.0], [6.0]])
    # In real numbers separation = 2 radius + ramp; the rounded boxes are closer than that.
    with pytest.raises(ValueError, match="ramp <="):
        memorize(points, [1.0, -1.0], radius=1.5 * unit, ramp=3 * unit)
    student = memorize(points, [1.0, -1.0], radius=1.5 * unit)
    assert student.certify().robust_error.upper == 0.0


def test_the_ramp_separation_less_two_radii_in_plain_floats_is_refused() -> None:
    rng = np.random.default_rng(19)
    for _ in range(200):
        scale = 2.0 ** -int(rng.integers(2, 40))
        points = rng.uniform(0.5, 1.0, (1, 2)) + scale * np.array([[0.0, 0.0], [1.0, 0.3]])
        distance = separation(points, [0, 1], norm=1).distance
        radius = 0.3 * separation(points, [0, 1]).distance
        gaps = np.abs(points[0] - points[1]) - 2 * radius
        ramp = gaps[0] + max(gaps[1], 0.0)
        assert ramp < distance
        with pytest.raises(ValueError, match="ramp <="):
            memorize(points, [0, 1], radius=radius, ramp=ramp)


def test_the_largest_ramp_that_the_message_names_is_accepted_and_exact() -> None:
    rng = np.random.default_rng(23)
    for d in (1, 2, 7):
        points = rng.uniform(0, 1, (9, d))
        labels = rng.choice([-1.0, 1.0], 9)
        labels[:2] = [-1.0, 1.0]
        radius = 0.35 * separation(points, labels).distance
        with pytest.raises(ValueError, match="pass ramp <= ") as refusal:
            memorize(points, labels, radius=radius, ramp=100.0)
        largest = float(str(refusal.value).rsplit(" ", 1)[1])
        student = memorize(points, labels, radius=radius, ramp=largest, teacher=some_teacher(d, 1, 1, rng))
        for how in EVALUATIONS:
            assert deviation(student, student.to_network(), how, rng, 2000) == 0.0


def test_labels_off_the_grid_are_rounded_and_the_error_is_reported() -> None:
    labels = [3.0, 0.1, -1e-20]
    student = memorize([[0.0], [1.0], [2.0]], labels, radius=0.25)
    values = student.to_network()([[0.0], [1.0], [2.0]])[:, 0]
    assert student.amplitude == 4.0
    assert np.abs(values - labels).max() == student.labels.representation
    assert 0 < student.labels.representation <= 4.0 * 2.0**-53
    assert values[2] == 0.0


def _with(network: Network, k: int, layer: Layer) -> Network:
    return Network((*network.layers[:k], layer, *network.layers[k + 1:]))


@pytest.mark.parametrize("seed", range(8))
def test_a_face_moved_into_its_box_is_noticed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    student = some_student(2, "real", rng)
    first = student.to_network().layers[0]
    bias = first.bias.copy()
    place = bias.size - 1 - int(rng.integers(student.X.shape[0] * 4))  # the faces are the last rows
    bias[place] += student.radius / 2  # of relu(x - b) and relu(a - x) alike: the box shrinks
    moved = _with(student.to_network(), 0, Layer.build(first.weight, bias))
    assert deviation(student, moved, "dense", rng, 40_000) > 0


@pytest.mark.parametrize("kind", ["signs", "real", "classes"])
def test_a_dropped_bump_is_noticed(kind: str) -> None:
    rng = np.random.default_rng(31)
    student = some_student(2, kind, rng)
    network = student.to_network()
    rows = network.layers[1].outputs - student.X.shape[0] + int(rng.integers(student.X.shape[0]))
    bias = network.layers[1].bias.copy()
    bias[rows] = 0.0
    dropped = _with(network, 1, Layer.build(network.layers[1].weight, bias))
    assert deviation(student, dropped, "dense", rng) > 0


def test_the_programs_do_differ_off_the_boxes() -> None:
    rng = np.random.default_rng(37)
    network = some_student(5, "real", rng).to_network()
    points = rng.uniform(-3, 3, (2000, 5))
    values = [evaluate(network, points, rng) for evaluate in EVALUATIONS.values()]
    assert all((a != b).any() for a, b in pairwise(values))
