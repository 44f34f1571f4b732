"""Robust error of networks nobody built here, and of students seen as such: both sides, witnesses, reported failure."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import constructive as con
from constructive.network import Network
from constructive.populations import Population, moons
from constructive.risk import Measurement, measure, robust_error, verdicts
from constructive.students import Recipe, Student, memorize, robust_verdicts

Array = NDArray[np.float64]


def trained(rng: np.random.Generator, hidden: tuple[int, ...] = (16, 16)) -> tuple[Any, Array, Array]:
    """Return a small classifier of two moons, and fresh points with labels."""
    from sklearn.neural_network import MLPClassifier
    population = moons(noise=0.05)
    X, y = population.sample(300, rng)
    model = MLPClassifier(hidden, max_iter=300, random_state=0, learning_rate_init=0.01, early_stopping=True).fit(X, y)
    return model, *population.sample(200, rng)


def inside(measured: Measurement, X: Array) -> bool:
    """Return whether all witnesses lie in their closed l_inf balls, in rational arithmetic."""
    kept = ~np.isnan(measured.witnesses[:, 0])
    return all(max(abs(Fraction(a) - Fraction(b)) for a, b in zip(x, w, strict=True)) <= Fraction(measured.radius)
               for x, w in zip(X[kept], measured.witnesses[kept], strict=True))


def test_a_trained_network_is_bracketed_closely_and_sampled_answers_stay_inside() -> None:
    model, X, y = trained(np.random.default_rng(0))
    measured = measure(model, X, y, radius=0.02)
    network = con.as_network(model)
    assert measured.error.width <= 0.02
    assert 0 < measured.error.lower < 0.5
    assert inside(measured, X)
    wrong = measured.verdicts == 1
    assert (network(measured.witnesses[wrong])[:, 0] * y[wrong] <= 0).all()
    rng = np.random.default_rng(1)
    for _ in range(100):
        found = network(X + 0.02 * rng.uniform(-1, 1, X.shape))[:, 0] * y <= 0
        assert not (found & (measured.verdicts == 0)).any()


@pytest.mark.parametrize("norm", [1.0, 2.0])
def test_smaller_balls_are_measured_as_balls_not_as_boxes(norm: float) -> None:
    model, X, y = trained(np.random.default_rng(2))
    box, ball = (measure(model, X, y, radius=0.05, norm=p) for p in (np.inf, norm))
    assert ball.error.upper < box.error.lower
    assert not ((ball.verdicts == 1) & (box.verdicts == 0)).any()
    kept = ball.verdicts == 1
    for x, w in zip(X[kept], ball.witnesses[kept], strict=True):
        steps = [abs(Fraction(a) - Fraction(b)) for a, b in zip(x, w, strict=True)]
        assert (sum(steps) if norm == 1.0 else sum(s * s for s in steps)) <= Fraction(0.05) ** int(norm)


def test_an_estimator_names_its_own_classes() -> None:
    from sklearn.neural_network import MLPClassifier
    rng = np.random.default_rng(3)
    X, y = rng.random((120, 2)), rng.choice(["a", "b", "c"], 120)
    model = MLPClassifier((8,), max_iter=50, random_state=0, early_stopping=True).fit(X, y)
    few = np.array(["b", "b", "c"])
    error = robust_error(model, X[:3], few, radius=0.0)
    assert error.width == 0
    assert error.lower == np.mean(model.predict(X[:3]) != few)


def student_of(rng: np.random.Generator, **recipe: Any) -> tuple[Student, Array, Array]:
    population = Population(lambda P: P[:, 0] + 0.3 * np.sin(6 * P[:, 1]) - 0.6, 2, noise=0.15)
    X = con.populations.jittered_lattice(7, 2, 0.6, rng)
    y = population.label(X, rng)
    hidden = rng.normal(size=(8, 2))
    teacher = Network.build([(hidden, rng.normal(size=8)), (rng.normal(size=(1, 8)), [0.1])])
    student = memorize(X, y, radius=0.012, ramp=0.01, teacher=teacher, recipe=Recipe("r", **recipe))
    return student, *population.sample(150, rng)


@pytest.mark.parametrize("recipe", [{}, {"amplitude": 0.5}, {"faces": "needed"}, {"gate": "additive"}])
def test_student_and_written_out_network_get_the_same_answer(recipe: dict[str, Any]) -> None:
    student, X, y = student_of(np.random.default_rng(4), **recipe)
    quick = verdicts(student, X, y, radius=0.01)
    general = verdicts(student.to_network(), X, y, radius=0.01, budget=2000)
    assert not ((quick >= 0) & (general >= 0) & (quick != general)).any()
    assert (general < 0).mean() <= 0.02
    assert (quick < 0).mean() <= 0.02
    assert (quick == 1).any()


def test_a_zero_gradient_is_reported_at_every_training_point_and_never_read_as_robust() -> None:
    student, _, _ = student_of(np.random.default_rng(5))
    X, y = student.X, np.asarray(student.y)
    measured = measure(student.to_network(), X, y, radius=0.02)
    assert measured.zero_gradient is not None
    assert measured.zero_gradient.all()
    assert "gradient is exactly 0" in str(measured)
    assert (measured.verdicts == 1).any()  # beyond the memorized radius some are not robust, and this is found
    assert inside(measured, X)
    teacher = measure(student.teacher, X, y, radius=0.02)
    assert teacher.zero_gradient is not None
    assert not teacher.zero_gradient.all()


def test_the_band_of_a_teacher_that_is_garbage_on_bands_is_found() -> None:
    target = con.targets.cosine_product([3.0, 2.0], [-0.3, 0.2])
    teacher = con.taylor_cells(target, order=1, cells=4)
    X = np.random.default_rng(6).uniform(0.05, 0.95, (500, 2))
    y = np.where(target(X) > 0, 1, -1)
    measured = measure(teacher, X, y, radius=0.01)
    far = np.abs(target(X)) > 0.25
    clean = y * teacher(X)[:, 0] > 0
    banded = far & clean & (measured.verdicts == 1)
    assert banded.any()
    assert (teacher.to_network()(measured.witnesses[banded])[:, 0] * y[banded] <= 0).all()
    assert inside(measured, X)
    grid = np.abs(np.round(measured.witnesses[banded] * 4) / 4 - measured.witnesses[banded]).min(axis=1)
    assert (grid < 0.01).all()  # the errors sit beside the lines between cells


def test_witnesses_are_wrong_in_rational_arithmetic_too() -> None:
    student, X, y = student_of(np.random.default_rng(7))
    measured = measure(student, X, y, radius=0.02, exact=6)
    looked, wrong = measured.reevaluated
    assert looked == 6
    assert wrong >= 5  # one may touch the error within rounding
    assert f"{wrong} of {looked} witnesses" in str(measured)


def test_a_network_whose_labels_were_turned_is_never_called_safe() -> None:
    model, X, y = trained(np.random.default_rng(8))
    network = con.as_network(model)
    measured = measure(-1.0 * network, X, y, radius=0.001)
    right = network(X)[:, 0] * y > 0
    assert (measured.verdicts[right] == 1).all()


def test_the_rule_and_general_bounds_agree_on_the_same_student_point_by_point() -> None:
    student, X, y = student_of(np.random.default_rng(9))
    rule = robust_verdicts(student, X, y, 0.01)
    full = verdicts(student, X, y, radius=0.01)
    assert not ((rule >= 0) & (rule != full)).any()


@pytest.mark.parametrize("radius", [0.01, 0.03])
def test_a_network_of_two_layers_of_fifty_closes_to_two_hundredths(radius: float) -> None:
    model, X, y = trained(np.random.default_rng(10), (50, 50))
    assert robust_error(model, X, y, radius=radius).width <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize("norm", [1.0, 2.0, np.inf])
def test_no_answer_at_a_hundred_thousand_points_leaves_a_bracket(norm: float) -> None:
    model, X, y = trained(np.random.default_rng(11))
    student, points, truth = student_of(np.random.default_rng(12))
    rng = np.random.default_rng(13)
    for network, centers, labels in ((con.as_network(model), X, y), (student.to_network(), points, truth)):
        safe = np.flatnonzero(measure(network, centers, labels, radius=0.03, norm=norm).verdicts == 0)
        assert safe.size > 50
        rounds = -(-100_000 // safe.size)
        for _ in range(rounds):
            shape = (safe.size, 2)
            steps = rng.uniform(-1, 1, shape) if rng.random() < 0.5 else rng.choice([-1.0, 1.0], shape)
            steps *= 0.03 * (1 - 2.0**-20) / np.maximum(np.linalg.norm(steps, ord=norm, axis=1, keepdims=True), 1.0)
            assert (network(centers[safe] + steps)[:, 0] * labels[safe] > 0).all()


def test_the_librarys_own_estimators_are_measured_by_their_students() -> None:
    from constructive.estimators import RobustInterpolatorClassifier
    rng = np.random.default_rng(14)
    X, y = rng.random((40, 2)), rng.choice(["no", "yes"], 40)
    model = RobustInterpolatorClassifier().fit(X, y)
    measured = measure(model, X, y, radius=model.student_.radius)
    assert measured.error.upper == 0
    assert np.array_equal(measured.verdicts, verdicts(model.student_, X, y, radius=model.student_.radius))
    assert "radius 0." in str(measured)


def test_at_radius_zero_the_error_is_what_the_network_returns() -> None:
    student, X, y = student_of(np.random.default_rng(15))
    for model in (student, student.to_network(), student.teacher):
        error = robust_error(model, X, y, radius=0.0)
        assert error.width == 0
        assert error.lower == np.mean(model(X)[:, 0] * y <= 0)
