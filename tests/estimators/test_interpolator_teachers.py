"""Interpolators away from their data follow a teacher; the proved score is a lower bound."""

from __future__ import annotations

import math
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from estimator_cases import FEW_STEPS, ROUNDING, sample, small_classifier, small_regressor
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from constructive.calculus import affine
from constructive.estimators import RobustInterpolatorClassifier, RobustInterpolatorRegressor
from constructive.interop import as_network
from constructive.labels import clean_labels
from constructive.students import Recipe, memorize
from constructive.teachers import fit_affine, fit_cells

# -- teachers -------------------------------------------------------------------------------------------------

def away_from(model: Any, n: int = 400) -> Any:
    """Draw points where no bump is positive."""
    points = np.random.default_rng(7).random((n, 3))
    kept = points[np.diff(model.student_.bumps.active(points)[0]) == 0]
    assert len(kept) > 20
    return kept


@FEW_STEPS
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


@FEW_STEPS
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


@FEW_STEPS
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


# -- the proved score -----------------------------------------------------------------------------------------

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
