"""Estimators: scikit-learn's own checks, counted; labels met on whole balls; the teacher elsewhere; clear refusals."""

from __future__ import annotations

import math
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.calculus import affine
from constructive.evidence import Verdict
from constructive.interop import as_network
from constructive.labels import clean_labels
from constructive.students import Recipe, memorize, separation
from constructive.teachers import fit_affine, fit_cells
from constructive.testing import SeparatedData, separated_data

pytest.importorskip("sklearn", minversion="1.6")
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from constructive.estimators import RobustInterpolatorClassifier, RobustInterpolatorRegressor

CLASSIFIER_CHECKS, REGRESSOR_CHECKS = 55, 52
"""As many as scikit-learn 1.6 to 1.9 has for such estimators; a check that is silently left out is noticed here."""

MAY_BE_SKIPPED = {
    "check_classifier_data_not_an_array": "pandas is not installed",
    "check_regressor_data_not_an_array": "pandas is not installed",
    "check_array_api_input": "SCIPY_ARRAY_API is not set",
}


@pytest.fixture
def few_steps() -> Iterator[None]:
    """MLPs that stop early say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def small_classifier(**others: Any) -> MLPClassifier:
    return MLPClassifier(hidden_layer_sizes=(4,), max_iter=20, **others)


def small_regressor(**others: Any) -> MLPRegressor:
    return MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, **others)


def sample(n: int = 60, d: int = 3, k: int = 2, seed: int = 0) -> tuple[Any, Any]:
    """Draw points of the unit cube, multiples of 2^-20, with labels that have nothing to do with them."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**20, (n, d)) / 2**20, rng.integers(0, k, n)


def corners(X: Any, radius: float, seed: int = 0) -> Any:
    """Draw one corner of each l_inf ball, rounded into it."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], X.shape)
    return X + signs * radius * (1 - 2.0**-30)


# -- scikit-learn's checks -----------------------------------------------------------------------------------

def checks(model: Any) -> tuple[int, int]:
    """Return how many checks there were and how many of them ran; fails where one fails or is skipped unexplained."""
    results = check_estimator(model, on_skip=None)
    for result in results:
        if result["status"] == "skipped":
            assert MAY_BE_SKIPPED[result["check_name"]] in str(result["exception"])
        else:
            assert result["status"] == "passed"
    return len(results), sum(result["status"] == "passed" for result in results)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("model", [
    RobustInterpolatorClassifier(),
    RobustInterpolatorClassifier(teacher=None, fraction=0.5),
    RobustInterpolatorClassifier(recipe="lean", random_state=0),
    RobustInterpolatorClassifier(recipe="additive", norm=2),
    RobustInterpolatorClassifier(radius=0.0, precision="float32"),
    RobustInterpolatorClassifier(recipe="argmax", duplicates="majority"),
    RobustInterpolatorClassifier(teacher=small_classifier()),
    RobustInterpolatorClassifier(teacher=make_pipeline(StandardScaler(), small_classifier())),
], ids=lambda model: re.sub(r"\s+", " ", repr(model)))
def test_the_classifier_passes_all_of_scikit_learns_checks(model: Any) -> None:
    total, ran = checks(model)
    assert total == CLASSIFIER_CHECKS
    assert ran >= CLASSIFIER_CHECKS - 2


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("model", [
    RobustInterpolatorRegressor(),
    RobustInterpolatorRegressor(teacher=None, norm=1),
    RobustInterpolatorRegressor(recipe=Recipe(gate="height"), fraction=0.5),
    RobustInterpolatorRegressor(precision="float32"),
    RobustInterpolatorRegressor(duplicates="mean"),
    RobustInterpolatorRegressor(teacher=small_regressor()),
], ids=lambda model: re.sub(r"\s+", " ", repr(model)))
def test_the_regressor_passes_all_of_scikit_learns_checks(model: Any) -> None:
    total, ran = checks(model)
    assert total == REGRESSOR_CHECKS
    assert ran >= REGRESSOR_CHECKS - 2


class Forgetful(RobustInterpolatorClassifier):
    """Does not look at the points it is asked about."""

    def decision_function(self, X: Any) -> Any:
        return self.student_(X)[..., 0]


class Secretive(RobustInterpolatorClassifier):
    """Asks scikit-learn not to check it."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags._skip_test = True
        return tags


def test_a_faulty_estimator_does_not_pass() -> None:
    with pytest.raises(AssertionError):
        checks(Forgetful())


def test_checks_that_are_left_out_are_noticed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert checks(Secretive())[0] < CLASSIFIER_CHECKS


# -- labels on balls -----------------------------------------------------------------------------------------

@settings(max_examples=40)
@given(data=separated_data(), fraction=st.sampled_from([0.25, 0.5, 0.875]))
def test_every_training_label_is_met_on_the_whole_ball(data: SeparatedData, fraction: float) -> None:
    model = RobustInterpolatorClassifier(fraction=fraction).fit(data.X, data.y)
    assert model.score(data.X, data.y) == 1.0
    assert model.certify().verdict is Verdict.CONFIRMED
    assert model.certify().robust_error.upper == 0.0
    assert model.robust_score(data.X, data.y) == 1.0
    for seed in range(4):
        assert (model.predict(corners(data.X, model.radius_, seed)) == data.y).all()


@settings(max_examples=40)
@given(data=separated_data(real_labels=True), fraction=st.sampled_from([0.25, 0.5, 0.875]))
def test_every_training_value_is_met_on_the_whole_ball(data: SeparatedData, fraction: float) -> None:
    model = RobustInterpolatorRegressor(fraction=fraction).fit(data.X, data.y)
    values = model.student_.labels.scores
    assert np.abs(values - data.y).max() <= model.student_.labels.bound * 2.0**-53
    assert model.certify().robust_error.upper == 0.0
    for seed in range(4):
        assert (model.predict(corners(data.X, model.radius_, seed)) == values).all()


@pytest.mark.parametrize("recipe", ["clip", "additive", "argmax", "lean", Recipe(bump="box"),
                                    Recipe(gate="argmax", faces="needed", share=True)], ids=str)
@pytest.mark.parametrize("norm", [1, 2, math.inf])
@pytest.mark.parametrize("k", [2, 3])
def test_the_radius_by_itself_suits_recipe_and_norm(recipe: Any, norm: float, k: int) -> None:
    X, y = sample(40, 3, k)
    model = RobustInterpolatorClassifier(recipe=recipe, norm=norm).fit(X, y)
    assert model.certify().robust_error.upper == 0.0
    assert model.robust_score(X, y) == 1.0


@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_the_radius_is_the_fraction_of_half_the_separation(norm: float) -> None:
    X, y = sample()
    model = RobustInterpolatorClassifier(fraction=0.75, norm=norm).fit(X, y)
    assert model.separation_ == separation(X, y, norm=norm).distance
    assert model.radius_ == 0.75 * model.separation_ / 2


@pytest.mark.parametrize("recipe", [Recipe(gate="height"), "paper"], ids=["height", "paper"])
def test_gates_that_need_all_boxes_apart_get_them(recipe: Any) -> None:
    X = np.array([[0.0], [0.25], [1.0], [2.0]])
    y = np.array([1.0, 1.0, 0.5, 0.5])
    model = RobustInterpolatorRegressor(recipe=recipe, fraction=0.5).fit(X, y)
    assert model.separation_ == 0.75
    assert model.radius_ == 0.0625


def test_a_given_radius_is_used_as_it_is() -> None:
    X, y = sample()
    model = RobustInterpolatorClassifier(radius=2.0**-12).fit(X, y)
    assert model.radius_ == 2.0**-12


def test_a_radius_that_is_too_large_is_refused_as_memorize_refuses_it() -> None:
    X, y = sample()
    for model in (RobustInterpolatorClassifier(radius=0.5), RobustInterpolatorRegressor(radius=0.5)):
        with pytest.raises(ValueError, match=r"^memorize: radius=0\.5 needs l_inf separation > 1\.0, but X\[\d+\]"):
            model.fit(X, y)


def test_wrong_labels_make_the_certificate_fail() -> None:
    X, y = sample()
    model = RobustInterpolatorClassifier().fit(X, y)
    wrong = np.array(y)
    wrong[3] = 1 - wrong[3]
    model.student_ = replace(model.student_, y=wrong)
    certificate = model.certify()
    assert certificate.verdict is Verdict.REFUTED
    assert certificate.robust_error.lower == certificate.robust_error.upper == 1 / 60


# -- labels of every kind ------------------------------------------------------------------------------------

@pytest.mark.parametrize("names", [["no", "yes"], [False, True], [3, 7], [-1, 1], [-1.0, 1.0], [2.0, 3.0],
                                   ["a", "b", "c"], [10, 20, 30, 40]], ids=str)
def test_labels_come_back_as_they_were_given(names: list[Any]) -> None:
    X, index = sample(k=len(names))
    y = np.array(names)[index]
    model = RobustInterpolatorClassifier().fit(X, y)
    assert model.classes_.tolist() == names
    predicted = model.predict(X)
    assert predicted.dtype == y.dtype
    assert (predicted == y).all()


def test_strings_in_object_arrays_stay_objects() -> None:
    X, index = sample()
    y = np.array(["left", "right"], dtype=object)[index]
    predicted = RobustInterpolatorClassifier().fit(X, y).predict(X)
    assert predicted.dtype == object
    assert predicted.tolist() == y.tolist()


def test_values_of_minus_and_plus_one_are_still_regression() -> None:
    X, index = sample()
    y = np.where(index == 1, 1.0, -1.0)
    model = RobustInterpolatorRegressor().fit(X, y)
    assert model.student_.classes is None
    away = np.full((1, 3), 0.5)
    expected = fit_affine(X, clean_labels(y, 60, who="test", task="regression"))(away)[0, 0]
    assert abs(model.predict(away)[0] - expected) <= ROUNDING
    assert 0 < abs(expected) < 1


def test_whole_numbers_may_be_regression_values() -> None:
    X, y = sample(k=5)
    assert RobustInterpolatorRegressor().fit(X, y).predict(X).tolist() == y.tolist()


def test_real_values_are_no_classes() -> None:
    X, _ = sample()
    with pytest.raises(ValueError, match="Unknown label type"):
        RobustInterpolatorClassifier().fit(X, X[:, 0])


@pytest.mark.parametrize("name", ["only", 1, -1, 4])
def test_a_single_class_is_predicted_everywhere(name: Any) -> None:
    X, _ = sample(8)
    y = np.array([name] * 8)
    model = RobustInterpolatorClassifier(teacher=None).fit(X, y)
    assert model.separation_ == math.inf
    assert model.radius_ == 0.9 * separation(X).distance / 2
    assert model.predict(X + 100.0).tolist() == [name] * 8
    assert model.robust_score(X, y) == 1.0
    assert model.certify().robust_error.upper == 0.0


def test_single_precision_data_are_used_as_they_are() -> None:
    X, y = sample()
    single = (X / 3).astype(np.float32)
    small, large = (RobustInterpolatorClassifier().fit(data, y) for data in (single, single.astype(np.float64)))
    away = np.random.default_rng(1).random((50, 3)).astype(np.float32)
    assert small.radius_ == large.radius_
    assert (small.decision_function(away) == large.decision_function(away.astype(np.float64))).all()


# -- equal points --------------------------------------------------------------------------------------------

def test_conflicting_duplicates_are_refused_by_name() -> None:
    X, y = [[0.0, 1.0], [2.0, 0.0], [-0.0, 1.0]], ["a", "a", "b"]
    with pytest.raises(ValueError, match=r"X\[0\] and X\[2\] are the same point with labels .*a.* and .*b.*; remove "
                                         r"one of them or pass duplicates='majority'"):
        RobustInterpolatorClassifier().fit(X, y)
    with pytest.raises(ValueError, match=r"X\[0\] and X\[2\] .* pass duplicates='mean'"):
        RobustInterpolatorRegressor().fit(X, [0.5, 0.5, 0.25])


def test_duplicates_that_agree_are_no_conflict() -> None:
    model = RobustInterpolatorClassifier().fit([[0.0], [0.0], [1.0]], [0, 0, 1])
    assert model.radius_ == 0.45
    assert model.score([[0.0], [1.0]], [0, 1]) == 1.0


def test_the_majority_settles_duplicates_and_ties_go_to_the_first_class() -> None:
    X = [[0.0], [1.0], [0.0], [0.0], [1.0], [2.0]]
    y = ["b", "b", "c", "c", "a", "a"]
    model = RobustInterpolatorClassifier(duplicates="majority").fit(X, y)
    assert model.predict([[0.0], [1.0], [2.0]]).tolist() == ["c", "a", "a"]
    assert model.classes_.tolist() == ["a", "c"]
    assert model.separation_ == 1.0
    assert model.score(X, y) == 4 / 6


@settings(max_examples=30)
@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30))
def test_the_majority_is_the_one_that_counting_finds(rows: list[tuple[int, int]]) -> None:
    X, y = np.array([[float(a)] for a, _ in rows]), np.array([b for _, b in rows])
    model = RobustInterpolatorClassifier(duplicates="majority").fit(X, y)
    for place in {a for a, _ in rows}:
        votes = [b for a, b in rows if a == place]
        assert model.predict([[float(place)]])[0] == min(set(votes), key=lambda b: (-votes.count(b), b))


def test_the_mean_settles_duplicates_and_leaves_equal_values_alone() -> None:
    X = [[0.0], [1.0], [0.0], [1.0], [1.0], [2.0]]
    y = [0.25, 0.1, 0.75, 0.1, 0.1, 0.125]
    model = RobustInterpolatorRegressor(duplicates="mean").fit(X, y)
    assert model.student_.y.tolist() == [0.5, 0.1, 0.5, 0.1, 0.1, 0.125]
    assert model.predict([[0.0]]).tolist() == [0.5]


ROUNDING = 2.0**-48
"""Scores in [-1, 1] pass the gate with a few additions of numbers up to 4, each rounded by 2^-51 at most."""


# -- teachers ------------------------------------------------------------------------------------------------

def away_from(model: Any, n: int = 400) -> Any:
    """Draw points where no bump is positive."""
    points = np.random.default_rng(7).random((n, 3))
    kept = points[np.diff(model.student_.bumps.active(points)[0]) == 0]
    assert len(kept) > 20
    return kept


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("k", [2, 3])
def test_away_from_the_data_the_classifier_follows_its_estimator(k: int) -> None:
    X, y = sample(k=k)
    y = np.array(["u", "v", "w"])[y]
    guide = make_pipeline(MinMaxScaler(), small_classifier(random_state=1))
    model = RobustInterpolatorClassifier(teacher=guide, fraction=0.25).fit(X, y)
    assert not hasattr(guide[-1], "coefs_"), "a copy is fitted, not the parameter"
    away = away_from(model)
    assert (model.predict(away) == guide.fit(X, y).predict(away)).all()
    assert model.score(X, y) == 1.0 > guide.score(X, y)


@pytest.mark.usefixtures("few_steps")
def test_away_from_the_data_the_regressor_follows_its_estimator() -> None:
    X, _ = sample()
    y = np.random.default_rng(2).random(60)
    guide = small_regressor(random_state=1)
    model = RobustInterpolatorRegressor(teacher=guide, fraction=0.25).fit(X, y)
    away = away_from(model)
    expected = np.clip(as_network(guide.fit(X, y))(away)[:, 0], -1.0, 1.0)
    assert np.abs(model.predict(away) - expected).max() <= ROUNDING


def test_affine_is_least_squares_and_none_has_no_opinion() -> None:
    X, y = sample()
    model = RobustInterpolatorClassifier(fraction=0.25).fit(X, y)
    away = away_from(model)
    expected = fit_affine(X, clean_labels(y, 60, who="test"))(away)[:, 0]
    assert np.abs(model.decision_function(away) - expected).max() <= ROUNDING
    silent = RobustInterpolatorClassifier(fraction=0.25, teacher=None).fit(X, y)
    assert (silent.decision_function(away) == 0.0).all()
    assert (silent.predict(away) == 0).all()


def drawn_scores(X: Any, scores: Any, slope: float) -> Any:
    """Return an affine teacher of as many outputs as there are scores."""
    outputs = 1 if scores.ndim == 1 else scores.shape[1]
    assert set(np.unique(scores)) <= {-1.0, 1.0}
    assert scores.ndim == 1 or (scores.sum(axis=1) == 2 - outputs).all()
    return affine(slope * np.ones((outputs, X.shape[1])))


@pytest.mark.parametrize("k", [2, 3])
def test_a_network_a_teacher_and_a_function_can_teach(k: int) -> None:
    X, y = sample(k=k)
    network = affine(0.5 * np.ones((1 if k == 2 else k, 3)))
    asked = np.random.default_rng(3).random((40, 3))
    expected = memorize(X, y, radius=2.0**-12, teacher=network)(asked)
    teachers = [network, memorize(X, y, radius=0.0, teacher=network).teacher, partial(drawn_scores, slope=0.5)]
    for teacher in teachers:
        model = RobustInterpolatorClassifier(radius=2.0**-12, teacher=teacher).fit(X, y)
        assert (model.student_(asked) == expected).all()
        assert (pickle.loads(pickle.dumps(clone(model).fit(X, y))).student_(asked) == expected).all()


def test_cells_can_teach_both() -> None:
    X, _ = sample(300, 2)
    y = np.sin(4 * X[:, 0]) * X[:, 1] + 0.1 * np.random.default_rng(1).normal(size=300)
    guide = partial(fit_cells, order=2, cells=3)
    away = np.random.default_rng(2).random((500, 2))
    smooth = np.sin(4 * away[:, 0]) * away[:, 1]
    regressor = RobustInterpolatorRegressor(teacher=guide).fit(X, y)
    assert regressor.certify().robust_error.upper == 0.0
    assert regressor.score(away, smooth) > RobustInterpolatorRegressor().fit(X, y).score(away, smooth)
    classifier = RobustInterpolatorClassifier(teacher=guide).fit(X, y > 0.2)
    assert classifier.certify().robust_error.upper == 0.0
    assert classifier.score(X, y > 0.2) == 1.0
    with pytest.raises(ValueError, match="fit_cells"):
        RobustInterpolatorClassifier(teacher=guide).fit(X, np.digitize(y, [0.0, 0.5]))


@pytest.mark.usefixtures("few_steps")
def test_a_random_state_makes_the_fit_repeatable_and_spares_seeds_that_are_set() -> None:
    X, y = sample(k=2)
    first, second, other = (RobustInterpolatorClassifier(teacher=make_pipeline(StandardScaler(), small_classifier()),
                                                         recipe="lean", random_state=seed).fit(X, y)
                            for seed in (5, 5, 6))
    asked = np.random.default_rng(3).random((40, 3))
    assert (first.decision_function(asked) == second.decision_function(asked)).all()
    assert (first.decision_function(asked) != other.decision_function(asked)).any()
    kept = [RobustInterpolatorClassifier(teacher=small_classifier(random_state=1), random_state=seed).fit(X, y)
            for seed in (5, 6)]
    assert (kept[0].decision_function(asked) == kept[1].decision_function(asked)).all()


def test_a_projection_is_drawn_even_without_a_random_state() -> None:
    X = np.eye(6)
    model = RobustInterpolatorClassifier(recipe=Recipe(bump="ball", projection=6), norm=2, radius=2.0**-10)
    assert model.fit(X, [0, 1] * 3).certify().robust_error.upper == 0.0


# -- what scikit-learn builds around estimators -----------------------------------------------------------------

def test_a_grid_chooses_fraction_recipe_and_the_teachers_parameters() -> None:
    X, y = sample(60)
    y = (X[:, 0] > 0.5).astype(int)
    model = make_pipeline(MinMaxScaler(), RobustInterpolatorClassifier())
    grid = {"robustinterpolatorclassifier__fraction": [0.25, 0.75],
            "robustinterpolatorclassifier__recipe": ["clip", "lean"],
            "robustinterpolatorclassifier__teacher": ["affine", None]}
    found = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert len(found.cv_results_["params"]) == 8
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.best_params_["robustinterpolatorclassifier__teacher"] == "affine"
    assert found.best_estimator_.score(X, y) == 1.0


@pytest.mark.usefixtures("few_steps")
def test_parameters_of_the_teacher_can_be_reached() -> None:
    model = RobustInterpolatorClassifier(teacher=small_classifier())
    model.set_params(teacher__hidden_layer_sizes=(3,), teacher__random_state=0)
    student = model.fit(*sample()).student_
    assert student.teacher.to_network().size.units == 3


def test_the_proved_score_can_be_cross_validated() -> None:
    X, y = sample(60)
    y = (X[:, 0] > 0.5).astype(int)
    scores = cross_val_score(RobustInterpolatorClassifier(), X, y, cv=3,
                             scoring=lambda model, *data: model.robust_score(*data, radius=0.01))
    assert (scores > 0.5).all()


@pytest.mark.parametrize("model", [
    RobustInterpolatorClassifier(recipe="lean", random_state=0),
    RobustInterpolatorClassifier(norm=2, recipe=Recipe(bump="ball")),
    RobustInterpolatorRegressor(precision="float32"),
], ids=lambda model: re.sub(r"\s+", " ", repr(model)))
def test_a_pickled_estimator_gives_the_same_scores_and_certificate(model: Any) -> None:
    X, y = sample()
    again = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    model = clone(model).fit(X, y)
    asked = np.random.default_rng(4).random((60, 3))
    assert (again.student_(asked) == model.student_(asked)).all()
    assert str(again.certify()) == str(model.certify())


# -- the proved score ----------------------------------------------------------------------------------------

@pytest.mark.parametrize(("norm", "many"), [(1, 6), (2, 6), (math.inf, 200)])
def test_the_proved_score_is_never_above_the_score_on_drawn_points(norm: float, many: int) -> None:
    X, y = sample(12, 2)
    y = (X[:, 0] + 0.2 * y > 0.5).astype(int)
    model = RobustInterpolatorClassifier(norm=norm).fit(X, y)
    asked, labels = sample(many, 2, seed=9)
    labels = (asked[:, 0] > 0.5).astype(int)
    previous = 1.0
    for radius in (0.0, 0.01, 0.03, 0.1):
        proved = model.robust_score(asked, labels, radius=radius)
        right = model.predict(asked) == labels
        rng = np.random.default_rng(8)
        for _ in range(20):
            step = rng.uniform(-1.0, 1.0, asked.shape)
            step *= radius * (1 - 1e-9) / np.linalg.norm(step, ord=norm, axis=1, keepdims=True)
            right &= model.predict(asked + step) == labels
        assert 0.0 < proved <= right.mean()
        assert proved <= previous
        previous = proved


def test_a_label_that_was_never_seen_is_never_right() -> None:
    X, y = sample()
    model = RobustInterpolatorClassifier().fit(X, y)
    assert model.robust_score(X[:4], [*y[:3], 9]) == 0.75
    assert model.robust_score(X[:2], [8, 9]) == 0.0


# -- refusals ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("parameters", "kind", "message"), [
    ({"radius": "large"}, ValueError, r"RobustInterpolator\w+: radius='large' must be 'auto' or a number >= 0"),
    ({"radius": -0.5}, ValueError, "memorize: radius=-0.5 must be >= 0"),
    ({"fraction": 1.0}, ValueError, r"RobustInterpolator\w+: fraction=1.0 must be < 1.0"),
    ({"fraction": 0}, ValueError, r"RobustInterpolator\w+: fraction=0.0 must be > 0.0"),
    ({"fraction": "half"}, TypeError, r"RobustInterpolator\w+: fraction must be a real number"),
    ({"recipe": "secret"}, ValueError, r"RobustInterpolator\w+: recipe='secret' must be one of"),
    ({"norm": 3}, ValueError, r"RobustInterpolator\w+: norm=3 must be 1, 2 or inf"),
    ({"teacher": "deep"}, ValueError, r"RobustInterpolator\w+: teacher='deep' must be 'affine', None"),
    ({"teacher": 7}, TypeError, "as_network: model must be"),
    ({"teacher": affine([[1.0, 2.0]])}, ValueError, "memorize: teacher maps R\\^2 to R\\^1"),
    ({"ramp": 100.0}, ValueError, "memorize: ramp=100.0"),
    ({"precision": "float16"}, ValueError, "memorize: precision='float16'"),
    ({"duplicates": "first"}, ValueError, r"RobustInterpolator\w+: duplicates='first' must be 'error' or"),
], ids=str)
@pytest.mark.parametrize("make", [RobustInterpolatorClassifier, RobustInterpolatorRegressor])
def test_a_bad_parameter_is_refused_when_fitted(make: Callable[..., Any], parameters: dict[str, Any],
                                                kind: type[Exception], message: str) -> None:
    model = make(**parameters)
    with pytest.raises(kind, match=message):
        model.fit(*sample())


def test_an_estimator_that_is_no_network_is_refused_by_name() -> None:
    from sklearn.tree import DecisionTreeClassifier
    with pytest.raises(TypeError, match="got DecisionTreeClassifier"):
        RobustInterpolatorClassifier(teacher=DecisionTreeClassifier()).fit(*sample())


def test_weights_of_samples_and_probabilities_are_not_offered() -> None:
    X, y = sample()
    with pytest.raises(TypeError, match="sample_weight"):
        RobustInterpolatorClassifier().fit(X, y, sample_weight=np.ones(60))
    assert not hasattr(RobustInterpolatorClassifier, "predict_proba")
    assert not hasattr(RobustInterpolatorRegressor, "decision_function")


def test_nothing_can_be_asked_before_fit() -> None:
    X, y = sample()
    for model in (RobustInterpolatorClassifier(), RobustInterpolatorRegressor()):
        with pytest.raises(NotFittedError):
            model.predict(X)
        with pytest.raises(NotFittedError):
            model.certify()
    with pytest.raises(NotFittedError):
        RobustInterpolatorClassifier().robust_score(X, y)


def test_labels_of_another_length_are_refused_by_the_proved_score() -> None:
    X, y = sample()
    with pytest.raises(ValueError, match=r"X has 60 rows, so y must have shape \(60,\), got \(59,\)"):
        RobustInterpolatorClassifier().fit(X, y).robust_score(X, y[1:])


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    code = ("import sys; sys.modules['sklearn'] = None\n"
            "import constructive\n"
            "try:\n    import constructive.estimators\nexcept ImportError as error:\n    print(error)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "constructive.estimators needs scikit-learn >= 1.6: pip install 'constructive[sklearn]'\n"


def test_the_examples_on_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "estimators.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), "estimators.md", "exec"), {"__name__": "estimators"})
    assert capsys.readouterr().out
