"""VNN-LIB: the text says what the property says, in both versions, to the last digit."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.interop.vnnlib import Comparison, Property, robustness_property, to_vnnlib, vnnlib_text
from constructive.labels import clean_labels
from constructive.network import Network

numbers = st.floats(allow_nan=False, allow_infinity=False)


def scores(d: int, m: int, dtype: Any = np.float64) -> Network:
    return Network.build([(np.ones((m, d)), None)], dtype)


def expression(text: str) -> Any:
    """Return the nested lists of one s-expression: an independent reader of version 1."""
    stack: list[list[Any]] = [[]]
    for word in re.findall(r"[()]|[^\s()]+", text):
        if word == "(":
            stack.append([])
        elif word == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(word)
    return stack[0]


boxes = st.lists(st.tuples(numbers, numbers).map(sorted), min_size=1, max_size=4)


@given(boxes, st.sampled_from(["shortest", "exact"]))
def test_every_bound_reads_back_to_the_same_double(ends: list[list[float]], digits: Any) -> None:
    asked = Property(np.array([a for a, _ in ends]), np.array([b for _, b in ends]), 1, ((Comparison(0, "<=", 0.0),),))
    asserts = [entry[1] for entry in expression(vnnlib_text(asked, digits=digits)) if entry[0] == "assert"][:-1]
    assert [entry[0] for entry in asserts] == [">=", "<="] * len(ends)
    assert [entry[1] for entry in asserts] == [f"X_{j}" for j in range(len(ends)) for _ in range(2)]
    assert [float(entry[2]) for entry in asserts] == [v for pair in ends for v in pair]
    assert not any("e" in entry[2].lower() for entry in asserts)
    if digits == "exact":
        assert [Fraction(entry[2]) for entry in asserts] == [Fraction(v) for pair in ends for v in pair]


@pytest.mark.parametrize("digits", ["shortest", "exact"])
def test_the_standard_reader_finds_the_same_box_and_the_same_wrong_outputs(digits: Any) -> None:
    vnnlib = pytest.importorskip("vnnlib")
    from vnnlib.compat import transform
    rng = np.random.default_rng(0)
    for datatype in ("real", "float32", "float64"):
        center, radius = rng.normal(size=3), float(rng.random())
        asked = robustness_property(scores(3, 4), center, "c", radius=radius, classes="abcd")
        query = vnnlib.parse_query_string(vnnlib_text(asked, version=2, datatype=datatype, digits=digits, comment="hi"))
        [network] = query.networks
        assert ([list(entry.shape) for entry in (*network.inputs, *network.outputs)]) == [[1, 3], [1, 4]]
        [case] = transform(query)
        assert case.input_box == list(zip(asked.lower.tolist(), asked.upper.tolist(), strict=True))
        rows = [(polytope.coeff_matrix, polytope.rhs) for polytope in case.output_constraints]
        # own score less the rival's is at most 0
        wanted = [([[float(j == 2) - float(j == rival) for j in range(4)]], [0.0]) for rival in (0, 1, 3)]
        assert rows == wanted


def test_version_1_has_one_part_for_each_rival() -> None:
    asked = robustness_property(scores(1, 3), [0.5], 1, radius=0.25, classes=[0, 1, 2])
    assert vnnlib_text(asked) == """\
(declare-const X_0 Real)
(declare-const Y_0 Real)
(declare-const Y_1 Real)
(declare-const Y_2 Real)
(assert (>= X_0 0.25))
(assert (<= X_0 0.75))
(assert (or (and (<= Y_1 Y_0)) (and (<= Y_1 Y_2))))
"""


@pytest.mark.parametrize(("label", "wrong", "text"), [(1, 0.0, "(<= Y_0 0.0)"), (-1, 0.0, "(>= Y_0 0.0)")])
def test_a_score_of_zero_is_wrong_for_two_classes(label: int, wrong: float, text: str) -> None:
    asked = robustness_property(scores(2, 1), [0.0, 0.0], label, radius=0.5)
    assert vnnlib_text(asked).endswith(f"(assert {text})\n")
    assert asked.violated([0.5, 0.0], [wrong])
    assert not asked.violated([0.5, 0.0], [label * 2.0**-1074])
    assert not asked.violated([0.5 + 2.0**-53, 0.0], [wrong])


def test_ties_are_wrong_for_several_classes() -> None:
    asked = robustness_property(scores(1, 3), [0.0], 2, radius=1.0, classes=[0, 1, 2])
    assert asked.violated([Fraction(0)], [Fraction(-1), Fraction(1, 3), Fraction(1, 3)])
    assert not asked.violated([Fraction(0)], [Fraction(-1), Fraction(1, 3), Fraction(1, 3) + Fraction(1, 10**30)])


@given(st.floats(-4, 4), st.floats(1e-6, 2), st.sampled_from([np.float32, np.float64]))
def test_outward_boxes_hold_the_ball_and_inward_boxes_lie_in_it(center: float, radius: float, dtype: Any) -> None:
    f = scores(1, 1, dtype)
    outer = robustness_property(f, [center], 1, radius=radius)
    assert Fraction(outer.lower[0]) <= Fraction(center) - Fraction(radius)
    assert Fraction(outer.upper[0]) >= Fraction(center) + Fraction(radius)
    inner = robustness_property(f, [center], 1, radius=radius, rounding="inward")
    assert Fraction(inner.lower[0]) >= Fraction(center) - Fraction(radius)
    assert Fraction(inner.upper[0]) <= Fraction(center) + Fraction(radius)
    for asked in (outer, inner):
        assert asked.lower.astype(dtype)[0] == asked.lower[0]
        assert np.nextafter(inner.lower.astype(dtype), dtype(-np.inf))[0] <= outer.lower[0]


def test_real_labels_ask_for_a_tolerance_and_move_it_with_the_rounding() -> None:
    f = scores(1, 1)
    with pytest.raises(ValueError, match="a real label needs tolerance > 0"):
        robustness_property(f, [0.0], 0.3, radius=0.5)
    for rounding, sign in (("outward", 1), ("inward", -1)):
        asked = robustness_property(f, [0.0], 0.3, radius=0.5, tolerance=0.1, rounding=rounding)
        (below,), (above,) = asked.wrong
        value = rounded_label(0.3)
        assert sign * (Fraction(below.other) - (value - Fraction(0.1))) >= 0
        assert sign * (Fraction(above.other) - (value + Fraction(0.1))) <= 0


def rounded_label(label: float) -> Fraction:
    return Fraction(clean_labels([label], 1, who="test").scores[0])


def test_an_empty_inward_box_is_refused() -> None:
    with pytest.raises(ValueError, match="no number of the format lies within"):
        robustness_property(scores(1, 1, np.float32), [0.1], 1, radius=1e-12, rounding="inward")


@pytest.mark.parametrize(("changes", "message"), [
    ({"lower": [0.0, 2.0]}, r"lower\[1\]=.*2\.0.* > upper\[1\]"),
    ({"lower": [0.0, -np.inf]}, "finite vectors"),
    ({"upper": [1.0]}, "finite vectors"),
    ({"wrong": ()}, "at least one comparison"),
    ({"wrong": ((),)}, "at least one comparison"),
    ({"wrong": ((Comparison(0, "<=", 3),),)}, r"outside 0 \.\.\. 2"),
])
def test_what_is_no_property_is_refused(changes: dict[str, Any], message: str) -> None:
    good = {"lower": [0.0, 0.0], "upper": [1.0, 1.0], "outputs": 3, "wrong": ((Comparison(0, "<=", 1),),)}
    with pytest.raises(ValueError, match=message):
        Property(**(good | changes))


def test_labels_that_do_not_fit_the_network_are_refused() -> None:
    with pytest.raises(ValueError, match="has 3 outputs, 2 classes need 1"):
        robustness_property(scores(1, 3), [0.0], 1, radius=0.5)


def test_other_versions_datatypes_and_comments_are_refused(tmp_path: Path) -> None:
    asked = robustness_property(scores(1, 1), [0.0], 1, radius=0.5)
    for wrong in ({"version": 3}, {"datatype": "float16"}, {"digits": "many"}, {"comment": "é"}):
        with pytest.raises(ValueError, match="vnnlib_text: "):
            to_vnnlib(asked, tmp_path / "p.vnnlib", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "p.vnnlib").exists()


def test_files_hold_the_text(tmp_path: Path) -> None:
    asked = robustness_property(scores(1, 1), [0.0], 1, radius=0.5)
    to_vnnlib(asked, tmp_path / "p.vnnlib", version=2, comment="one\n\ntwo")
    text = (tmp_path / "p.vnnlib").read_text()
    assert text == vnnlib_text(asked, version=2, comment="one\n\ntwo")
    assert text.startswith("; one\n;\n; two\n(vnnlib-version <2.0>)\n")
