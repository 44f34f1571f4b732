"""What memorize accepts, what it refuses and in which words, and its legal corners."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from constructive.calculus import affine
from constructive.network import Network
from constructive.students import Recipe, memorize, separation

SQUARE = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
SIGNS = [0, 1, 1, 0]

REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"X": []}, ValueError, r"X must have shape \(n, d\)"),
    ({"X": np.empty((0, 2)), "y": []}, ValueError, "X is empty"),
    ({"X": np.empty((2, 0)), "y": [0, 1]}, ValueError, "X is empty"),
    ({"X": [0.0, 1.0], "y": [0, 1]}, ValueError, r"X\[:, None\]"),
    ({"X": [[0.0, math.nan], *SQUARE[1:]]}, ValueError, r"X\[0, 1\]=.*not finite"),
    ({"X": [*SQUARE[:3], [math.inf, 1.0]]}, ValueError, r"X\[3, 0\]=.*not finite"),
    ({"X": [["a", 1.0], *SQUARE[1:]]}, TypeError, "X must hold real numbers"),
    ({"X": [[0.0], [1.0, 2.0]], "y": [0, 1]}, ValueError, "rectangular"),
    ({"X": [[1e200, 0.0], *SQUARE[1:]]}, ValueError, r"2\*\*500"),
    ({"y": [0, 1]}, ValueError, "X has 4 rows but y has 2 labels"),
    ({"y": [[0, 1], [1, 0]]}, ValueError, r"y must have shape \(n,\)"),
    ({"y": [0.5, math.nan, 1.0, 2.0]}, ValueError, r"y\[1\]=.*not finite"),
    ({"y": [0.5, math.inf, 1.0, 2.0]}, ValueError, r"y\[1\]=.*not finite"),
    ({"y": np.array([0, "b", 1, None], dtype=object)}, TypeError, "y mixes labels"),
    ({"y": [1j, 0, 1, 2]}, TypeError, "y must hold numbers, booleans or strings"),
    ({"task": "ranking"}, ValueError, "task='ranking' must be"),
    ({"y": list("abba"), "task": "regression"}, TypeError, "numeric labels"),
    ({"radius": -0.1}, ValueError, r"radius=-0.1 must be >= 0"),
    ({"radius": math.nan}, ValueError, "radius=nan must be finite"),
    ({"radius": math.inf}, ValueError, "radius=inf must be finite"),
    ({"radius": 1e300}, ValueError, r"radius=1e\+300 must be <="),
    ({"radius": "0.1"}, TypeError, "radius must be a real number"),
    ({"radius": True}, TypeError, "radius must be a real number"),
    ({"radius": 0.5}, ValueError, r"radius=0.5 needs l_inf separation > 1.0, but X\[0\] \(label 0\) and "
                                  r"X\[1\] \(label 1\) are 1.0 apart; pass radius < 0.5"),
    ({"radius": 0.5, "norm": 2, "recipe": Recipe("b", bump="box")}, ValueError, "l_2 balls are covered by l_inf boxes"),
    ({"norm": 3}, ValueError, "norm=3 must be 1, 2 or inf"),
    ({"norm": None}, TypeError, "norm must be 1, 2 or inf"),
    ({"ramp": 0.0}, ValueError, "ramp=0.0 must be > 0"),
    ({"ramp": -1.0}, ValueError, "ramp=-1.0 must be > 0"),
    ({"ramp": math.inf}, ValueError, "ramp=inf must be finite"),
    ({"ramp": 5e-324}, ValueError, "1/ramp must not overflow"),
    ({"ramp": 1e300}, ValueError, r"ramp=1e\+300 must be <="),
    ({"ramp": 0.75}, ValueError, r"ramp=0.75 is too wide: the rounded boxes of X\[0\] and X\[2\] .* "
                                 r"pass ramp <= 0.4"),
    ({"recipe": "additive", "y": [0.1, 0.2, 0.3, 0.4]}, ValueError, "recipe='additive' needs classes"),
    ({"recipe": "lean", "y": [0.1, 0.2, 0.3, 0.4]}, ValueError, "recipe='lean' needs classes"),
    ({"recipe": Recipe("h", gate="height")}, ValueError, "recipe='h' needs real labels"),
    ({"recipe": Recipe("o", one_sided=True), "y": list("abca")}, ValueError, "'o' is one-sided and needs two classes"),
    ({"recipe": Recipe("o", one_sided=True), "teacher": affine([[1.0, 0.0]])}, ValueError, "is one-sided"),
    ({"recipe": Recipe("b", bump="ball")}, ValueError, "needs norm=1 or norm=2"),
    ({"recipe": Recipe("p", projection=2), "norm": 1}, ValueError, "needs norm=2"),
    ({"recipe": Recipe("p", projection=1), "norm": 2}, ValueError, "pass rng"),
    ({"recipe": "soup"}, ValueError,
     "recipe='soup' must be one of 'clip', 'additive', 'argmax', 'lean', 'one-sided', 'paper'"),
    ({"recipe": 3}, TypeError, "recipe must be a name or a Recipe"),
    ({"recipe": "paper", "y": list("abca")}, ValueError, "'paper' has one output, but y has 3 classes"),
    ({"recipe": Recipe("p", patch=True)}, ValueError, "patch=True needs a teacher"),
    ({"recipe": Recipe("p", patch=True), "y": [0.1, 0.2, 0.3, 0.4]}, ValueError, "patch=True, which needs classes"),
    ({"precision": "float16"}, ValueError, "precision='float16' must be 'float64' or 'float32'"),
    ({"precision": "float32", "X": [[1e30, 0.0], *SQUARE[1:]]}, ValueError, "with precision='float32' coordinates"),
    ({"teacher": affine([[1.0]])}, ValueError, r"teacher maps R\^1 to R\^1, but the data need R\^2 to R\^1"),
    ({"teacher": affine(np.eye(2))}, ValueError, r"teacher maps R\^2 to R\^2"),
    ({"teacher": affine([[1.0, 0.0]]).astype(np.float32)}, ValueError, "teacher is a float32 network"),
    ({"teacher": math.sin}, TypeError, "teacher: must be a Teacher or a Network"),
    ({"rng": "seed"}, TypeError, "SeedSequence"),
]


@pytest.mark.parametrize(("change", "kind", "message"), REFUSED, ids=[f"{k}-{sorted(c)}" for k, (c, _, _) in
                                                                       enumerate(REFUSED)])
def test_bad_input_is_refused_in_words(change: dict[str, Any], kind: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"X": SQUARE, "y": SIGNS, "radius": 0.25} | change
    with pytest.raises(kind, match=message):
        memorize(arguments.pop("X"), arguments.pop("y"), **arguments)


def test_the_table_above_starts_from_something_that_is_accepted() -> None:
    assert memorize(SQUARE, SIGNS, radius=0.25).certify().robust_error.upper == 0.0


def test_conflicting_duplicates_are_named_by_the_rows_of_the_caller() -> None:
    rows = [[3.0], [1.0], [1.0], [0.0], [-0.0]]
    with pytest.raises(ValueError, match=r"X\[3\] and X\[4\] are the same point with labels 'b' and 'a'"):
        memorize(rows, ["a", "a", "a", "b", "a"], radius=0.0)


@pytest.mark.parametrize("argument", ["radius", "ramp"])
def test_pairs_are_named_by_the_rows_of_the_caller_after_merging_duplicates(argument: str) -> None:
    rows, labels = [[5.0], [5.0], [5.0], [9.0], [7.0]], [0, 0, 0, 0, 1]
    options = {"radius": 1.0} if argument == "radius" else {"radius": 0.25, "ramp": 3.0}
    with pytest.raises(ValueError) as refusal:
        memorize(rows, labels, **options)
    named = [int(i) for i in re.findall(r"X\[(\d+)\]", str(refusal.value))]
    assert sorted(named) in ([0, 4], [3, 4])


def test_any_radius_below_the_one_named_is_accepted() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        points, labels = rng.normal(size=(12, 3)), [0, 1] * 6
        with pytest.raises(ValueError, match="pass radius < ") as refusal:
            memorize(points, labels, radius=separation(points, labels).distance * 0.51)
        limit = float(str(refusal.value).rsplit(" ", 1)[1])
        assert memorize(points, labels, radius=limit * (1 - 2.0**-40)).certify().robust_error.upper == 0.0


def test_duplicates_with_one_label_share_a_bump() -> None:
    student = memorize([[1.0], [0.0], [1.0], [-0.0]], [1, 0, 1, 0], radius=0.25)
    assert student.bumps is not None
    assert student.bumps.members.tolist() == [0, 1]
    assert student.X.shape == (4, 1)
    assert student.certify().robust_error.upper == 0.0


def test_real_labels_that_round_to_one_value_do_not_conflict() -> None:
    student = memorize([[0.0], [0.0], [9.0]], [1.0, 1.0 + 2.0**-52, 2.0], radius=0.5)
    assert student.bumps is not None
    assert student.bumps.count == 2


@pytest.mark.parametrize(("X", "y", "radius"), [
    ([[0.5]], [1], 0.25), ([[0.5]], ["a"], 0.0), ([[0.5, 1.0]], [0.0], 3.0), ([[0.0]], [2.5], 1.0),
    ([[0.0], [1.0]], [True, True], 5.0), ([[0.0], [1.0]], [True, False], 0.0),
    ([[0.0, 0.0]] * 3, [1.5] * 3, 0.1), ([[0.0], [0.1], [0.3]], [2.0, 2.0, 2.0], 0.2),
    ([[0.0], [1.0], [2.0]], ["a", "b", "c"], 0.49),
], ids=str)
def test_legal_corners_are_certified(X: Any, y: Any, radius: float) -> None:
    student = memorize(X, y, radius=radius)
    certificate = student.certify()
    assert certificate.robust_error.upper == 0.0
    assert student.predict(X).tolist() == list(y)
    assert student.to_network().size.nonzeros == student.size.nonzeros


def test_without_a_conflicting_pair_the_ramp_is_one() -> None:
    assert memorize([[0.0], [5.0]], ["a", "a"], radius=1.0).ramp == 1.0


def test_the_default_ramp_is_a_power_of_two_of_at_most_half_the_smallest_box_distance() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        points, labels = rng.normal(size=(15, 2)), rng.integers(0, 2, 15)
        labels[:2] = [0, 1]
        radius = 0.3 * separation(points, labels).distance
        student = memorize(points, labels, radius=radius)
        gaps = np.maximum(np.abs(points[:, None] - points) - 2 * radius, 0).sum(axis=2)
        gaps[np.diag_indices(15)] = np.inf
        rivals = np.where(labels[:, None] != labels, gaps, np.inf).min()
        target = min(gaps.min(), rivals) if gaps.min() > 0 else rivals
        assert math.frexp(student.ramp)[0] == 0.5
        assert target / 4 * (1 - 1e-9) < student.ramp <= target / 2
        assert student.bumps is not None
        assert student.bumps.supports_disjoint == bool(gaps.min() >= 2 * student.ramp)


@pytest.mark.parametrize(("y", "task", "classes", "amplitude"), [
    ([True, False], None, (False, True), 1.0), ([3, 7], None, (3, 7), 1.0),
    (["x", "y"], None, ("x", "y"), 1.0), ([1.0, -1.0], None, (-1.0, 1.0), 1.0),
    ([1.0, -1.0], "regression", None, 1.0), ([0.0, 3.0], None, None, 4.0),
    ([0.0, 3.0], "classification", (0.0, 3.0), 1.0), ([3, 8], "regression", None, 8.0),
    ([0.0, 0.0], None, None, 1.0),
], ids=str)
def test_labels_mean_what_their_kind_says(y: Any, task: str | None, classes: Any, amplitude: float) -> None:
    student = memorize([[0.0], [1.0]], y, radius=0.25, task=task)
    assert student.classes == classes
    assert student.amplitude == amplitude
    assert student.predict([[0.0], [1.0]]).tolist() == list(y)


def test_two_classes_give_minus_and_plus_one_in_order() -> None:
    student = memorize([[0.0], [1.0]], ["dog", "cat"], radius=0.25)
    assert student([[0.0], [1.0]]).tolist() == [[1.0], [-1.0]]


def test_the_amplitude_of_several_classes_covers_the_teacher_and_keeps_its_answer() -> None:
    rng = np.random.default_rng(3)
    points, labels = rng.random((30, 2)), rng.integers(0, 3, 30)
    teacher = Network.build([(rng.normal(size=(8, 2)), rng.normal(size=8)),
                             (rng.normal(size=(3, 8)) * 5, None)])
    student = memorize(points, labels, radius=0.3 * separation(points, labels).distance, teacher=teacher)
    probe = rng.random((2000, 2))
    scores = teacher(probe)
    assert np.abs(scores).max() <= student.amplitude
    assert math.frexp(student.amplitude)[0] == 0.5
    assert student.bumps is not None
    off = np.abs(probe[:, None] - points).max(axis=2).min(axis=1) > student.radius + student.ramp
    assert off.sum() > 100
    assert np.abs(student(probe)[off] - scores[off]).max() <= 8 * 2.0**-53 * student.amplitude
    assert (student.predict(probe)[off] == np.argmax(scores[off], axis=1)).all()


def test_a_teacher_without_bounds_is_refused_for_several_classes() -> None:
    teacher = 1e300 * affine(np.ones((3, 1)))
    with pytest.raises(ValueError, match="rescale the teacher's last layer"):
        memorize([[0.0], [1.0], [2.0]], list("abc"), radius=0.1, teacher=teacher)


@pytest.mark.parametrize("labels", [[0, 1, 0], ["a", "b", "c"], [0.5, 1.5, 2.5]], ids=str)
@pytest.mark.parametrize("shape", [(2,), (0, 2), (3, 2), (2, 3, 2)], ids=str)
def test_the_student_has_the_shape_of_its_network(labels: Any, shape: tuple[int, ...]) -> None:
    student = memorize([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]], labels, radius=0.25)
    x = np.zeros(shape)
    assert student(x).shape == student.to_network()(x).shape
    assert student.predict(x).shape == shape[:-1]


def test_a_wrong_last_axis_is_refused() -> None:
    student = memorize(SQUARE, SIGNS, radius=0.25)
    for x in (0.0, [1.0], np.zeros((2, 3))):
        with pytest.raises(ValueError, match="last axis must have length 2"):
            student(x)


def test_not_a_number_in_not_a_number_out() -> None:
    student = memorize(SQUARE, SIGNS, radius=0.25)
    x = [[math.nan, 0.0], [0.0, math.nan], [0.0, 0.0]]
    assert np.isnan(student(x))[:, 0].tolist() == [True, True, False]
    assert np.isnan(student.to_network()(x))[:, 0].tolist() == [True, True, False]


def test_data_and_labels_are_kept_as_given_and_read_only() -> None:
    points, labels = np.array(SQUARE), np.array(["a", "b", "b", "a"])
    student = memorize(points, labels, radius=0.25)
    points[0, 0], labels[0] = 7.0, "z"
    assert (student.X == SQUARE).all()
    assert student.y.tolist() == ["a", "b", "b", "a"]
    for array in (student.X, student.y):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_columns_in_other_number_formats_are_accepted() -> None:
    integers = memorize(np.array(SQUARE, dtype=np.int64), SIGNS, radius=0.25)
    assert integers.X.dtype == np.float64
    assert memorize(np.asfortranarray(SQUARE), SIGNS, radius=0.25).certify().robust_error.upper == 0.0


@pytest.mark.parametrize("norm", [1, 2])
def test_other_norms_build_the_same_boxes(norm: float) -> None:
    student = memorize(SQUARE, SIGNS, radius=0.25, norm=norm)
    cube = memorize(SQUARE, SIGNS, radius=0.25)
    assert student.bumps is not None
    assert cube.bumps is not None
    assert (student.bumps.lower == cube.bumps.lower).all()
    assert student.norm == norm
    assert student.certify().robust_error.upper == 0.0
