"""What the tests of estimators share: drawn data, small perceptrons, scikit-learn's own checks, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.estimator_checks import check_estimator

CLASSIFIER_CHECKS, REGRESSOR_CHECKS = 55, 52
"""As many as scikit-learn 1.6 to 1.9 has for such estimators; a check that is silently left out is noticed here."""

MAY_BE_SKIPPED = {
    "check_classifier_data_not_an_array": "pandas is not installed",
    "check_regressor_data_not_an_array": "pandas is not installed",
    "check_array_api_input": "SCIPY_ARRAY_API is not set",
}

FEW_STEPS = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
"""MLPs that stop early say so."""

ROUNDING = 2.0**-48
"""Scores in [-1, 1] pass the gate with a few additions of numbers up to 4, each rounded by 2^-51 at most."""


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


def checks(model: Any) -> tuple[int, int]:
    """Return how many checks there were and how many of them ran; fails where one fails or is skipped unexplained."""
    results = check_estimator(model, on_skip=None)
    for result in results:
        if result["status"] == "skipped":
            assert MAY_BE_SKIPPED[result["check_name"]] in str(result["exception"])
        else:
            assert result["status"] == "passed"
    return len(results), sum(result["status"] == "passed" for result in results)
