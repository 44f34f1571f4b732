"""Interpolators in scikit-learn: its own checks, counted; grids, pipelines, pickles; clear refusals."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from estimator_cases import (
    CLASSIFIER_CHECKS,
    FEW_STEPS,
    REGRESSOR_CHECKS,
    checks,
    sample,
    small_classifier,
    small_regressor,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from constructive.calculus import affine
from constructive.estimators import RobustInterpolatorClassifier, RobustInterpolatorRegressor
from constructive.students import Recipe

# -- scikit-learn's checks ------------------------------------------------------------------------------------

@FEW_STEPS
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


@FEW_STEPS
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


# -- what scikit-learn builds around estimators ---------------------------------------------------------------

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


@FEW_STEPS
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


# -- refusals -------------------------------------------------------------------------------------------------

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
    page = (Path(__file__).parents[2] / "docs" / "estimators.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), "estimators.md", "exec"), {"__name__": "estimators"})
    assert capsys.readouterr().out
