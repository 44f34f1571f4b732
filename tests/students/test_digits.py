"""Handwritten digits, 1797 x 64: every recipe right on every ball, and the ledger of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from constructive.certificates.exact import exact_interval_bounds
from constructive.domain import outward_boxes
from constructive.interop import as_network
from constructive.students import Recipe, memorize, separation

datasets = pytest.importorskip("sklearn.datasets")

RADII = (0.05, 0.1, 0.2)
RECIPES: dict[str, Recipe | str] = {
    "clip": "clip", "additive": "additive", "argmax": "argmax", "lean": "lean",
    "needed": Recipe("needed", gate="argmax", faces="needed"),
    "needed, clip": Recipe("needed", faces="needed"),
    "shared": Recipe("shared", gate="argmax", faces="needed", share=True),
    "merged, additive": Recipe("merged", gate="additive", merge=True),
    "domain": Recipe("domain", gate="argmax", domain=(0.0, 1.0)),
}


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    X, y = datasets.load_digits(return_X_y=True)
    return X / 16, y


def per_datum(digits: tuple[Any, Any], radius: float, recipe: Recipe | str, seed: int = 0) -> float:
    X, y = digits
    return memorize(X, y, radius=radius, recipe=recipe, rng=seed).size.nonzeros / len(X)


def test_classes_are_seven_sixteenths_apart(digits: tuple[Any, Any]) -> None:
    found = separation(*digits)
    X, y = digits
    assert found.distance == 0.4375
    assert found.pair is not None
    i, k = found.pair
    assert y[i] != y[k]
    assert np.abs(X[i] - X[k]).max() == 0.4375


@pytest.mark.parametrize("radius", [pytest.param(r, marks=[] if r == 0.1 else pytest.mark.slow) for r in RADII])
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_certified_on_all_images(digits: tuple[Any, Any], name: str, radius: float) -> None:
    X, y = digits
    student = memorize(X, y, radius=radius, recipe=RECIPES[name], rng=1)
    certificate = student.certify()
    assert (certificate.robust_error.lower, certificate.robust_error.upper) == (0.0, 0.0)
    assert certificate.right.sum() == 1797
    assert student.size.nonzeros == student.to_network().size.nonzeros


def check_exactly(digits: tuple[Any, Any], name: str, radius: float, boxes: int) -> None:
    """Rational interval propagation of the real network: the class on the whole box, no rounding anywhere."""
    X, y = digits
    student = memorize(X, y, radius=radius, recipe=RECIPES[name], rng=1)
    rows = np.random.default_rng(3).choice(len(X), boxes, replace=False)
    low, high = exact_interval_bounds(student.to_network(), *outward_boxes(X[rows], radius))
    for i, bottom, top in zip(rows, low, high, strict=True):
        own = int(y[i])
        assert all(bottom[own] > value for c, value in enumerate(top) if c != own)
        if name in ("clip", "additive", "needed, clip", "merged, additive"):
            wanted = [student.amplitude if c == own else -student.amplitude for c in range(10)]
            assert list(map(float, bottom)) == list(map(float, top)) == wanted


@pytest.mark.parametrize("name", ["clip", "lean", "needed", "shared"])
def test_rational_propagation_agrees_on_ten_random_boxes(digits: tuple[Any, Any], name: str) -> None:
    check_exactly(digits, name, 0.1, 10)


@pytest.mark.slow
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("name", RECIPES)
def test_rational_propagation_agrees_on_a_hundred_random_boxes(digits: tuple[Any, Any], name: str,
                                                               radius: float) -> None:
    check_exactly(digits, name, radius, 100)


@pytest.mark.parametrize(("radius", "needed", "shared", "merged"),
                         [(0.05, 10.8, 6.0, 0.85), (0.1, 12.7, 6.8, 1.3), (0.2, 17.0, 8.1, 3.0)])
def test_the_ledger_goes_below_one_parameter_for_each_image(digits: tuple[Any, Any], radius: float, needed: float,
                                                            shared: float, merged: float) -> None:
    assert per_datum(digits, radius, "argmax") == 386.0
    assert per_datum(digits, radius, RECIPES["needed"]) <= needed
    assert per_datum(digits, radius, RECIPES["shared"]) <= shared
    assert float(np.median([per_datum(digits, radius, "lean", seed) for seed in range(5)])) <= merged


def test_a_student_keeps_its_teachers_held_out_accuracy(digits: tuple[Any, Any]) -> None:
    from sklearn.neural_network import MLPClassifier
    X, y = digits
    rows = np.random.default_rng(0).permutation(len(X))
    train, held = rows[:1400], rows[1400:]
    model = MLPClassifier((32,), alpha=1.0, max_iter=100, early_stopping=True, random_state=0).fit(X[train], y[train])
    teacher = as_network(model)
    taught = float((np.argmax(teacher(X[held]), axis=1) == y[held]).mean())
    assert taught > 0.9
    for recipe in ("clip", "additive", "argmax"):
        student = memorize(X[train], y[train], radius=0.1, teacher=teacher, recipe=recipe)
        assert student.certify().robust_error.upper == 0.0
        assert abs(float((student.predict(X[held]) == y[held]).mean()) - taught) <= 0.005


def test_a_teacher_clamped_to_one_would_lose_its_accuracy(digits: tuple[Any, Any]) -> None:
    """Why the amplitude follows the teacher's range: the negative control of the test above."""
    from sklearn.neural_network import MLPClassifier
    X, y = digits
    model = MLPClassifier((32,), alpha=1.0, max_iter=100, early_stopping=True, random_state=0).fit(X[:1400], y[:1400])
    scores = as_network(model)(X[1400:])
    kept = (np.argmax(scores, axis=1) == y[1400:]).mean()
    clamped = (np.argmax(np.clip(scores, -1, 1), axis=1) == y[1400:]).mean()
    assert kept - clamped > 0.02
