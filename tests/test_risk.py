"""Robust error from both sides: sound brackets for students, networks, teachers and the nearest neighbor."""

import math

import numpy as np
import pytest

import constructive as con
from constructive.network import Network
from constructive.risk import verdicts

RNG = np.random.default_rng(8)
TARGET = con.targets.cosine_product([5.0, 4.0], [-0.5, 0.4])
X = con.populations.jittered_lattice(6, 2, 0.4, RNG)
TRUTH = np.where(TARGET(X) >= 0, 1, -1)
Y, WRONG = con.populations.flip_labels(TRUTH, 0.2, RNG)
TEACHER = con.taylor_partition(TARGET, order=2, cells=8)
STUDENT = con.memorize(X, Y, radius=0.02, teacher=TEACHER)
FRESH = RNG.random((150, 2))
LABELS = np.where(TARGET(FRESH) >= 0, 1, -1)


def dense_error(model, points, labels, delta, k=31):
    """Return which points have a wrong answer on a dense grid of their balls."""
    steps = np.linspace(-1, 1, k) * delta * (1 - 2.0**-40)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    return (model(points[:, None, :] + grid)[..., 0] * labels[:, None] <= 0).any(axis=1)


@pytest.mark.parametrize("model", [STUDENT, TEACHER, STUDENT.to_network()], ids=["student", "teacher", "network"])
def test_dense_search_never_contradicts_a_verdict(model):
    found = verdicts(model, FRESH, LABELS, radius=0.01)
    wrong = dense_error(model, FRESH, LABELS, 0.01)
    assert not (wrong & (found == 0)).any()
    assert (found == 1).any()
    assert (found == 0).mean() > 0.5


def test_students_rule_and_its_networks_bounds_agree():
    rule, bounds = (verdicts(model, FRESH, LABELS, radius=0.01) for model in (STUDENT, STUDENT.to_network()))
    both = (rule >= 0) & (bounds >= 0)
    assert (rule[both] == bounds[both]).all()
    assert (rule < 0).sum() <= (bounds < 0).sum()


def test_training_points_at_the_training_radius_are_safe_for_student_and_nearest_neighbor():
    assert con.robust_error(STUDENT, X, Y, radius=0.02).upper == 0
    assert con.robust_error(con.NearestNeighbor(X, Y), X, Y, radius=0.02).upper == 0


def test_the_teacher_misses_exactly_the_wrong_labels():
    at = verdicts(TEACHER, X, Y, radius=0.0)
    assert (at[WRONG] == 1).all()
    assert (at[~WRONG & (np.abs(TARGET(X)) > 0.2)] == 0).all()


def test_unavoidable_errors_are_made_by_the_student():
    met = con.students.unavoidable(X, Y, 0.02, FRESH, LABELS, 0.01)
    assert met.any()
    assert (verdicts(STUDENT, FRESH, LABELS, radius=0.01)[met] == 1).all()


def test_a_zero_gradient_at_a_training_point_is_no_proof_of_safety():
    """A network that is flat round its datum but wrong at the corner of the ball: bounds must not call it safe."""
    spike = Network.build([([[1.0, 0.0]], [-0.5]), ([[-4.0]], [1.0])])
    point, radius = np.array([[0.25, 0.5]]), 0.6
    assert verdicts(spike, point, [1], radius=radius, classes=(-1, 1))[0] == 1


def test_real_labels_must_be_met_on_the_whole_ball():
    values = np.array([0.5, -0.25, 1.0])
    student = con.memorize(X[:3], values, radius=0.01)
    assert con.robust_error(student, X[:3], values, radius=0.01).upper == 0
    assert con.robust_error(student, X[:3], values, radius=0.05).lower == 1


def test_smaller_norms_are_covered_by_the_box():
    network = STUDENT.to_network()
    assert con.robust_error(network, X, Y, radius=0.02, norm=1).upper == 0
    assert con.robust_error(network, X, Y, radius=0.02, norm=2).upper == 0


@pytest.mark.parametrize(("change", "words"), [
    ({"radius": -1.0}, "radius"), ({"radius": math.nan}, "radius"), ({"norm": 3}, "norm"), ({"budget": 0}, "budget")])
def test_bad_arguments_are_named(change, words):
    with pytest.raises(ValueError, match=words):
        con.robust_error(STUDENT, FRESH, LABELS, **{"radius": 0.01, **change})


def test_foreign_models_are_refused_by_kind():
    with pytest.raises(TypeError, match="model"):
        con.robust_error(object(), FRESH, LABELS, radius=0.01)


def test_risk_brackets_contain_the_sample_and_shrink_with_it():
    few, many = (con.populations.risk_bracket(np.array([0, 1, -1, 0] * k, np.int8)) for k in (10, 1000))
    for bracket in (few, many):
        assert bracket.lower < 0.25
        assert bracket.upper > 0.5
        assert bracket.confidence == 0.99
    assert many.width < few.width


def test_flipped_labels_are_exactly_the_stated_share():
    y, wrong = con.populations.flip_labels(np.ones(50, int), 0.1, np.random.default_rng(0))
    assert wrong.sum() == 5
    assert (y[wrong] == -1).all()
    assert (y[~wrong] == 1).all()


def test_population_labels_follow_the_margin_and_noise_flips_its_share():
    clean = con.populations.Population(lambda P: P[:, 0] - 0.5, 2)
    points, labels = clean.sample(200, np.random.default_rng(1))
    assert (labels == np.where(points[:, 0] >= 0.5, 1, -1)).all()
    noisy = con.populations.Population(lambda P: P[:, 0] - 0.5, 2, noise=0.25)
    points, labels = noisy.sample(4000, np.random.default_rng(2))
    flipped = int((labels != noisy.truth(points)).sum())
    assert 0.25 in con.evidence.clopper_pearson(flipped, 4000, 1 - 1e-6)


def test_lattices_keep_their_promised_separation():
    points = con.populations.jittered_lattice(7, 2, 0.5, np.random.default_rng(3))
    assert con.separation(points).distance >= 0.5 / 7 - 1e-15
