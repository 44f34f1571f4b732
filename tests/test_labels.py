"""What labels mean: classes or values, scores, and the refusal of everything else."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.labels import Labels, clean_labels, power_of_two_above


def cleaned(y: Any, **options: Any) -> Labels:
    return clean_labels(y, len(y), who="test", **options)


@pytest.mark.parametrize(
    ("y", "classes", "scores"),
    [
        ([0, 1, 1], (0, 1), [-1, 1, 1]),
        ([True, False], (False, True), [1, -1]),
        (["b", "a"], ("a", "b"), [1, -1]),
        ([-1.0, 1.0, 1.0], (-1.0, 1.0), [-1, 1, 1]),
        ([5, 5], (5,), [1, 1]),
        ([2, 7, 4], (2, 4, 7), [0, 2, 1]),
        (np.array(["x", "y"], object), ("x", "y"), [-1, 1]),
    ],
)
def test_classes_are_sorted_and_scored(y: Any, classes: tuple[Any, ...], scores: list[float]) -> None:
    labels = cleaned(y)
    assert labels.classes == classes
    assert labels.scores.tolist() == scores
    assert [classes[i] for i in labels.index] == list(y)
    assert (labels.bound, labels.representation) == (1.0, 0.0)
    assert labels.outputs == (1 if len(classes) <= 2 else len(classes))


@given(st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=8))
def test_real_labels_lie_on_the_grid_of_their_bound(y: list[float]) -> None:
    if np.abs(y).max() < 1e-100 and np.any(y):
        return  # refused below
    labels = cleaned(y, task="regression")
    assert labels.classes is None
    assert labels.outputs == 1
    assert all(abs(v) <= labels.bound for v in labels.scores)
    grid = Fraction(labels.bound) / 2**52
    assert all((Fraction(v) / grid).denominator == 1 for v in labels.scores.tolist())
    moved = [abs(Fraction(a) - Fraction(b)) for a, b in zip(labels.scores.tolist(), y, strict=True)]
    assert max(moved) <= grid / 2
    assert max(moved) <= Fraction(labels.representation)
    assert not any(math.copysign(1.0, v) < 0 and v == 0 for v in labels.scores)


@given(st.floats(1e-290, 1e290))
def test_the_power_of_two_is_the_smallest_above(value: float) -> None:
    power = power_of_two_above(value)
    assert math.frexp(power)[0] == 0.5
    assert power / 2 < value <= power


def test_the_task_overrides_the_inference() -> None:
    assert cleaned([0.5, 1.5], task="classification").classes == (0.5, 1.5)
    assert cleaned([0, 3]).classes == (0, 3)
    assert cleaned([0, 3], task="regression").bound == 4.0
    assert cleaned([-1.0, 1.0], task="regression").classes is None


def test_given_classes_fix_the_order() -> None:
    assert cleaned(["b", "a"], classes=["b", "a"]).scores.tolist() == [-1.0, 1.0]
    assert cleaned([1], classes=[0, 1, 2]).outputs == 3


def test_taking_rows_keeps_classes_and_bound() -> None:
    labels = cleaned([0.5, 3.0, -1.25]).take(np.array([2, 0]))
    assert labels.scores.tolist() == [-1.25, 0.5]
    assert labels.bound == 4.0


def test_a_column_is_a_vector() -> None:
    assert cleaned(np.array([[0], [1]])).scores.tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("y", "options", "kind", "message"),
    [
        ([1.0, math.nan], {}, ValueError, r"y\[1\]=.*nan.* is not finite"),
        ([math.inf, 1.0], {}, ValueError, r"y\[0\]=.*inf.* is not finite"),
        (np.zeros((2, 2)), {}, ValueError, r"shape \(n,\)"),
        (np.array([1, "a"], object), {}, TypeError, "mixes labels of kinds int, str"),
        (np.array([1j]), {}, TypeError, "complex"),
        ([1, 2], {"task": "ranking"}, ValueError, "task='ranking'"),
        (["a"], {"task": "regression"}, TypeError, "numeric labels"),
        ([1, 2], {"classes": [1]}, ValueError, "label 2 is not among"),
        ([1], {"classes": [1, 1]}, ValueError, "repeats a class"),
        ([1e-310, 0.0], {"task": "regression"}, ValueError, "rescale the labels"),
    ],
)
def test_labels_without_meaning_are_refused(y: Any, options: dict[str, Any], kind: type[Exception],
                                           message: str) -> None:
    with pytest.raises(kind, match=message):
        cleaned(y, **options)


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="X has 3 rows but y has 2 labels"):
        clean_labels([1, 2], 3, who="test")
