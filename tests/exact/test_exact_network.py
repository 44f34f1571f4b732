"""Integer networks: exact values, the laws of their calculus, and counts taken from the numbers."""

from __future__ import annotations

import sys
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from exact_line_cases import few
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import IntegerLayer, IntegerNetwork, over_common_denominator, together
from constructive.exact import network as module

numbers = st.integers(-9, 9)
fractions = st.fractions(min_value=-4, max_value=4, max_denominator=12)


@st.composite
def networks(draw: st.DrawFn, inputs: int = 2, outputs: int = 1) -> IntegerNetwork:
    widths = [inputs, *draw(st.lists(st.integers(1, 3), max_size=2)), outputs]
    maps = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        rows = [[(j, draw(numbers)) for j in range(n_in)] for _ in range(n_out)]
        maps.append((rows, [draw(numbers) for _ in range(n_out)]))
    scale = draw(st.fractions(min_value=Fraction(1, 8), max_value=3, max_denominator=8))
    return IntegerNetwork.build(maps, inputs=inputs, scale=scale)


def by_definition(f: IntegerNetwork, x: list[Fraction]) -> list[Fraction]:
    """The same function, written from the definition in rational numbers: no common denominator anywhere."""
    values = list(x)
    for k, layer in enumerate(f.layers):
        pairs = zip(layer.rows, layer.bias, strict=True)
        sums = [sum((w * values[j] for j, w in row), Fraction(b)) for row, b in pairs]
        values = [s * f.scale for s in sums] if k + 1 == f.depth else [max(s, Fraction(0)) for s in sums]
    return values


points = st.lists(fractions, min_size=2, max_size=2)


@few
@given(networks(outputs=2), points)
def test_evaluation_equals_the_definition_in_rational_numbers(f: IntegerNetwork, x: list[Fraction]) -> None:
    assert list(f.exact(x)) == by_definition(f, x)


@few
@given(networks(outputs=2), networks(), points)
def test_composition_is_one_after_the_other(g: IntegerNetwork, f: IntegerNetwork, x: list[Fraction]) -> None:
    both = f @ g
    assert both.exact(x) == f.exact(g.exact(x))
    assert both.depth == f.depth + g.depth - 1


@few
@given(networks(), networks(), fractions, points)
def test_sums_and_multiples_act_on_the_values(f: IntegerNetwork, g: IntegerNetwork, c: Fraction,
                                               x: list[Fraction]) -> None:
    (a,), (b,) = f.exact(x), g.exact(x)
    assert (f + g).exact(x) == (a + b,)
    assert (f - g).exact(x) == (a - b,)
    assert (c * f).exact(x) == (c * a,)


@few
@given(networks(), networks(outputs=2), points)
def test_together_concatenates_the_values(f: IntegerNetwork, g: IntegerNetwork, x: list[Fraction]) -> None:
    assert together([f, g]).exact(x) == f.exact(x) + g.exact(x)


@few
@given(networks(), networks(), points, points)
def test_together_with_inputs_of_their_own(f: IntegerNetwork, g: IntegerNetwork, x: list[Fraction],
                                           y: list[Fraction]) -> None:
    assert together([f, g], shared=False).exact(x + y) == f.exact(x) + g.exact(y)


@few
@given(networks(), st.integers(0, 3), points)
def test_deepening_changes_no_value(f: IntegerNetwork, extra: int, x: list[Fraction]) -> None:
    deep = f.deepen(f.depth + extra)
    assert deep.depth == f.depth + extra
    assert deep.exact(x) == f.exact(x)


@few
@given(networks(outputs=2), st.lists(points, min_size=1, max_size=5))
def test_blocks_of_points_change_no_value(f: IntegerNetwork, rows: list[list[Fraction]]) -> None:
    whole = f(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 1)
        assert (f(rows) == whole).all()


@few
@given(networks(outputs=2), points)
def test_hidden_values_end_in_the_output(f: IntegerNetwork, x: list[Fraction]) -> None:
    numerators, denominator = over_common_denominator([x])
    kept = f.hidden(numerators, denominator)
    assert [len(sums) for sums in kept] == [layer.outputs for layer in f.layers]
    assert [f.scale * v / denominator for v in kept[-1][:, 0]] == list(f.exact(x))


def test_sizes_are_counted_from_the_numbers() -> None:
    f = IntegerNetwork.build([([[(0, 3), (1, 0)], [(1, -8)]], [0, 5]), ([[(0, 3), (1, 6)]], [-1])],
                             inputs=2, scale=Fraction(1, 4))
    size = f.size
    # stored: 3, -8, 5, then 3/4, 6/4, -1/4
    assert (size.depth, size.width, size.units, size.nonzeros, size.parameters) == (2, 2, 2, 6, 9)
    assert (size.distinct, size.magnitude) == (6, 8)
    assert size.bits == (2 + 1) + (4 + 1) + (3 + 1) + (2 + 3) + (2 + 2) + (1 + 3)
    assert size.widest == 5


def test_numbers_beyond_64_bits_do_not_wrap() -> None:
    big = 2**70 + 1
    f = IntegerNetwork.build([([[(0, big)]], [0]), ([[(0, 1)]], [-big])], inputs=1)
    assert f(np.array([[1], [2**40]])).ravel().tolist() == [0, big * 2**40 - big]


def test_numpy_integers_in_an_object_array_do_not_wrap() -> None:
    f = IntegerNetwork.build([([[(0, 2**40)]], [0])], inputs=1)
    assert f(np.array([[np.int64(2**40)]], dtype=object)).item() == 2**80


def test_another_type_of_integer_gives_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrapped(int):
        """Stands for python-flint's integer: counts what is made, adds and multiplies as an int."""

        made = 0

        def __new__(cls, value: Any) -> Wrapped:
            cls.made += 1
            return super().__new__(cls, value)

    f = IntegerNetwork.build([([[(0, 3**300)]], [-(3**299)]), ([[(0, 1)]], [7])], inputs=1)
    before = f([[Fraction(1, 2)], [0]]).tolist()
    monkeypatch.setitem(sys.modules, "flint", SimpleNamespace(fmpz=Wrapped))
    assert f([[Fraction(1, 2)], [0]]).tolist() == before
    assert Wrapped.made > 0


def test_the_integers_of_flint_give_the_same_values() -> None:
    pytest.importorskip("flint")
    f = IntegerNetwork.build([([[(0, 3**300)], [(0, -(5**200))]], [-(3**299), 7]), ([[(0, 1), (1, 3)]], [7])], inputs=1)
    x = [Fraction(-2, 3)]
    assert list(f.exact(x)) == by_definition(f, x)
    assert type(f.run(over_common_denominator([x])[0], 3)[0, 0]) is int


@pytest.mark.parametrize(("x", "kind", "message"), [
    ([[0.0, float("nan")]], ValueError, "nan"),
    ([["a", "b"]], TypeError, "'a'"),
    ([[1, 2, 3]], ValueError, "must have length 2"),
    (3, ValueError, "must have length 2"),
])
def test_points_that_are_not_points_are_refused(x: Any, kind: type[Exception], message: str) -> None:
    f = IntegerNetwork.build([([[(0, 1), (1, 1)]], [0])], inputs=2)
    with pytest.raises(kind, match=message):
        f(x)


def test_layers_that_do_not_fit_are_refused() -> None:
    one = IntegerLayer.build([[(0, 1)]], [0], 1)
    two = IntegerLayer.build([[(0, 1), (1, 1)]], [0], 2)
    with pytest.raises(ValueError, match="layer 0 has 1 outputs but layer 1 takes 2"):
        IntegerNetwork((one, two))
    with pytest.raises(ValueError, match="scale=0"):
        IntegerNetwork((one,), Fraction(0))
    with pytest.raises(ValueError, match="at least one layer"):
        IntegerNetwork(())
    with pytest.raises(ValueError, match="column 2"):
        IntegerLayer.build([[(2, 1)]], [0], 2)
    with pytest.raises(TypeError, match=r"1\.0"):
        IntegerLayer.build([[(0, 1.0)]], [0], 1)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="2 biases"):
        IntegerLayer.build([[(0, 1)]], [0, 1], 1)


def test_factors_that_round_are_refused() -> None:
    f = IntegerNetwork.build([([[(0, 1)]], [0])], inputs=1)
    with pytest.raises(TypeError, match=r"0\.1"):
        0.1 * f  # type: ignore[operator]
