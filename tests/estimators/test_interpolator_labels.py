"""Interpolators: labels met on whole balls, labels of every kind, equal points settled as was asked."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from estimator_cases import ROUNDING, corners, sample
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.estimators import RobustInterpolatorClassifier, RobustInterpolatorRegressor
from constructive.evidence import Verdict
from constructive.labels import clean_labels
from constructive.students import Recipe, separation
from constructive.teachers import fit_affine
from constructive.testing import SeparatedData, separated_data

# -- labels on balls ------------------------------------------------------------------------------------------

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


# -- labels of every kind -------------------------------------------------------------------------------------

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


# -- equal points ---------------------------------------------------------------------------------------------

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
