"""Infinitely wide networks as estimators: scikit-learn's own checks, counted; the predictors they promise; refusals."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from estimator_cases import CLASSIFIER_CHECKS, REGRESSOR_CHECKS, checks, sample
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import constructive as con
from constructive.estimators import WideNetworkClassifier, WideNetworkRegressor
from constructive.tangent import AdvNTK, ReluKernel, TunedPredictor, fit_interpolant, hold_out, stop_early

WAYS = ["interpolant", "early stopping", "ridge", "adversarial"]
FEW: dict[str, Any] = {"steps": 3, "random_state": 0}


def two_clouds(n: int = 60, seed: int = 0) -> tuple[Any, Any]:
    """Draw points round two centers, with the names of the centers."""
    rng = np.random.default_rng(seed)
    index = np.arange(n) % 2
    return rng.normal(size=(n, 3)) + 2.0 * index[:, None], np.array(["near", "far"])[index]


@pytest.mark.parametrize("model", [
    WideNetworkClassifier("interpolant"),
    WideNetworkClassifier("interpolant", depth=2, bias_std=0.5),
    WideNetworkClassifier("adversarial", steps=1),
    *(pytest.param(WideNetworkClassifier(way, steps=8), marks=pytest.mark.slow) for way in WAYS[1:]),
    pytest.param(WideNetworkClassifier("ridge", activation="erf", of="nngp"), marks=pytest.mark.slow),
], ids=lambda model: f"{model.training} {model.steps}")
def test_the_classifier_passes_all_of_scikit_learns_checks(model: Any) -> None:
    total, ran = checks(model)
    assert total == CLASSIFIER_CHECKS
    assert ran >= CLASSIFIER_CHECKS - 2


@pytest.mark.parametrize("model", [
    WideNetworkRegressor("interpolant"),
    WideNetworkRegressor(),
    *(pytest.param(WideNetworkRegressor(way, steps=8), marks=pytest.mark.slow) for way in WAYS[2:]),
], ids=lambda model: model.training)
def test_the_regressor_passes_all_of_scikit_learns_checks(model: Any) -> None:
    total, ran = checks(model)
    assert total == REGRESSOR_CHECKS
    assert ran >= REGRESSOR_CHECKS - 2


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_training_tells_two_clouds_apart(way: str) -> None:
    X, y = two_clouds()
    model = WideNetworkClassifier(way, **FEW).fit(X, y)
    asked, named = two_clouds(seed=1)
    assert model.score(asked, named) > 0.8
    assert model.classes_.tolist() == ["far", "near"]
    assert ((model.decision_function(asked) > 0) == (model.predict(asked) == "near")).all()


def test_the_interpolant_is_that_of_all_data() -> None:
    X, y = two_clouds()
    model = WideNetworkClassifier("interpolant").fit(X, y)
    expected = fit_interpolant(ReluKernel(3, 1.76, 0.18), X, np.where(y == "near", 1.0, -1.0))
    assert (model.predictor_.coefficients == expected.coefficients).all()
    assert model.outcome_ is None


def test_the_parameters_reach_the_training() -> None:
    X, y = two_clouds()
    seed = np.random.RandomState(5).randint(2**31 - 1)
    rng = np.random.default_rng(seed)
    data = hold_out(X, np.where(y == "near", 1.0, -1.0), 0.5, rng=rng)
    expected = AdvNTK.train(ReluKernel(2, 1.5, 0.5), *data, radius=0.3, norm=2, steps=4, rate=0.2, of="nngp", rng=rng)
    model = WideNetworkClassifier("adversarial", radius=0.3, norm=2, depth=2, weight_std=1.5, bias_std=0.5, of="nngp",
                                  part=0.5, steps=4, rate=0.2, random_state=5).fit(X, y)
    assert isinstance(model.outcome_, AdvNTK)
    assert (model.outcome_.strengths == expected.strengths).all()
    assert (model.predictor_.coefficients == expected.coefficients).all()


@pytest.mark.parametrize("way", ["early stopping", "ridge"])
def test_what_was_chosen_can_be_read(way: str) -> None:
    model = WideNetworkRegressor(way, random_state=0).fit(*sample(40))
    assert isinstance(model.outcome_, TunedPredictor)
    assert model.outcome_.chosen in model.outcome_.candidates
    assert (model.predictor_.coefficients == model.outcome_.predictor.coefficients).all()


def test_three_classes_answer_the_largest_of_three_values() -> None:
    X, index = sample(45, k=3)
    X = X + 2.0 * np.eye(3)[index]
    y = np.array(["a", "b", "c"])[index]
    model = WideNetworkClassifier(random_state=0).fit(X, y)
    assert model.decision_function(X).shape == (45, 3)
    assert model.score(X, y) > 0.9
    bracket = con.robust_error(model, X, y, radius=0.01)
    assert bracket.lower <= 1.0 - model.robust_score(X, y, radius=0.01) == bracket.upper < 1.0


@pytest.mark.parametrize("name", ["only", 1, -1])
def test_a_single_class_is_predicted_everywhere(name: Any) -> None:
    X, _ = sample(8)
    for way in WAYS:
        model = WideNetworkClassifier(way, **FEW).fit(X, np.array([name] * 8))
        assert model.predict(X + 100.0).tolist() == [name] * 8


def test_values_are_met_by_the_interpolant_and_missed_by_a_ridge() -> None:
    X, _ = sample(30)
    y = np.sin(6 * X[:, 0])
    assert np.abs(WideNetworkRegressor("interpolant").fit(X, y).predict(X) - y).max() <= 1e-9
    ridge = WideNetworkRegressor("ridge", radius=0.02, random_state=0).fit(X, y)
    assert 1e-6 < np.abs(ridge.predict(X) - y).max() < 1.0


def test_the_robust_score_is_a_proof_and_the_robust_error_takes_the_estimator() -> None:
    X, y = two_clouds()
    asked, named = two_clouds(40, seed=1)
    model = WideNetworkClassifier(radius=0.02, norm=2, random_state=0).fit(X, y)
    proved = model.robust_score(asked, named)
    bracket = con.robust_error(model, asked, named, radius=0.02, norm=2)
    assert 0.5 < proved == 1.0 - bracket.upper <= 1.0 - bracket.lower <= model.score(asked, named)
    step = np.random.default_rng(0).normal(size=(50, *asked.shape))
    step *= 0.02 * (1 - 1e-9) / np.linalg.norm(step, axis=2, keepdims=True)
    survived = np.all([model.predict(asked + s) == named for s in step], axis=0)
    assert proved <= survived.mean()


def test_labels_never_seen_are_never_right() -> None:
    X, y = two_clouds()
    model = WideNetworkClassifier(random_state=0).fit(X, y)
    right = model.predict(X[:4]).tolist()
    assert model.robust_score(X[:4], [*right[:3], "else"], radius=0.0) == 0.75
    assert model.robust_score(X[:2], ["else", "where"]) == 0.0


def test_early_stopping_is_proved_more_robust_than_the_interpolant_where_labels_are_wrong() -> None:
    X, y = two_clouds(80)
    y = np.where(np.arange(80) % 9 == 0, "near", y)
    asked, named = two_clouds(40, seed=1)
    early, late = (WideNetworkClassifier(way, radius=0.1, random_state=0).fit(X, y).robust_score(asked, named)
                   for way in ("early stopping", "interpolant"))
    assert early > late


def test_grids_pipelines_and_cross_validation_take_them() -> None:
    X, y = two_clouds()
    model = make_pipeline(MinMaxScaler(), WideNetworkClassifier("interpolant"))
    grid = {"widenetworkclassifier__depth": [2, 3], "widenetworkclassifier__of": ["ntk", "nngp"]}
    found = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    scores = cross_val_score(WideNetworkClassifier(random_state=0), X, y, cv=3,
                             scoring=lambda fitted, *data: fitted.robust_score(*data, radius=0.01))
    assert (scores > 0.3).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_random_state_makes_the_fit_repeatable_and_pickles_keep_it(way: str) -> None:
    X, y = two_clouds()
    model = WideNetworkClassifier(way, **FEW)
    first, second = clone(model).fit(X, y), clone(model).fit(X, y)
    assert (first.decision_function(X) == second.decision_function(X)).all()
    assert (pickle.loads(pickle.dumps(first)).decision_function(X) == first.decision_function(X)).all()


def test_equal_points_with_different_labels_are_averaged_and_the_interpolant_says_so() -> None:
    X, y = [[0.0], [0.0], [1.0], [1.0]], ["a", "b", "b", "b"]
    with pytest.warns(RuntimeWarning, match="differ by too little for the kernel, have different"):
        model = WideNetworkClassifier("interpolant").fit(X, y)
    assert abs(model.decision_function([[0.0]])[0]) <= 1e-9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WideNetworkClassifier("ridge", random_state=0).fit(X, y)


@pytest.mark.parametrize(("change", "kind", "words"), [
    ({"training": "forever"}, ValueError, r"WideNetwork\w+: training='forever' must be one of 'interpolant', 'early"),
    ({"activation": "tanh"}, ValueError, r"WideNetwork\w+: activation='tanh' must be 'relu' or 'erf'"),
    ({"radius": -0.5}, ValueError, "radius=-0.5"), ({"norm": 1}, ValueError, "norm=1 must be 2 or inf"),
    ({"part": 1.0}, ValueError, "hold_out: part=1.0"), ({"depth": 0}, ValueError, "ReluKernel: depth=0"),
    ({"weight_std": "wide"}, TypeError, "ReluKernel: weight_std"),
    ({"training": "adversarial", "rate": 0.0}, ValueError, "AdvNTK.train: rate"),
    ({"of": "gram"}, ValueError, "of='gram' must be 'ntk' or 'nngp'"),
], ids=str)
@pytest.mark.parametrize("make", [WideNetworkClassifier, WideNetworkRegressor])
def test_a_bad_parameter_is_refused_when_fitted(make: Any, change: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        make(**change).fit(*sample(20))


def test_what_is_not_offered_is_refused_clearly() -> None:
    X, y = two_clouds()
    with pytest.raises(TypeError, match="proved for ReluKernel, the model has ErfKernel"):
        WideNetworkClassifier("interpolant", activation="erf").fit(X, y).robust_score(X, y)
    with pytest.raises(ValueError, match="n_samples=1; pass training='interpolant'"):
        WideNetworkClassifier().fit(X[:1], y[:1])
    with pytest.raises(ValueError, match=r"so y must have shape \(60,\), got \(59,\)"):
        WideNetworkClassifier("interpolant").fit(X, y).robust_score(X, y[1:])
    with pytest.raises(NotFittedError):
        WideNetworkClassifier().predict(X)
    with pytest.raises(TypeError, match="sample_weight"):
        WideNetworkClassifier().fit(X, y, sample_weight=np.ones(60))
    assert not hasattr(WideNetworkClassifier, "predict_proba")


def test_the_default_is_the_one_that_stop_early_chooses() -> None:
    X, y = two_clouds()
    rng = np.random.default_rng(np.random.RandomState(0).randint(2**31 - 1))
    data = hold_out(X, np.where(y == "near", 1.0, -1.0), rng=rng)
    expected = stop_early(ReluKernel(3, 1.76, 0.18), *data, radius=0.1, rng=rng)
    assert WideNetworkClassifier(random_state=0).fit(X, y).outcome_.chosen == expected.chosen
