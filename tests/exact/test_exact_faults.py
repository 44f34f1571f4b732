"""One number of a network changed by one unit, in any layer: the proof says what the definition says, pointwise."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import few, lines
from hypothesis import given
from hypothesis import strategies as st

from constructive.evidence import Verdict
from constructive.exact import (
    IntegerLayer,
    IntegerNetwork,
    LineMemorizer,
    Projection,
    along,
    bit_extraction,
    certify_on_balls,
    look_up,
    plateaus,
    project,
    wanted_outputs,
)
from constructive.exact.balls import on_one_line, pieces

BUILDERS = {
    "plateaus": lambda p: plateaus(p, p.radius / 2),
    "wide": lambda p: look_up(p, p.radius / 2, per_word=3),
    "narrow": lambda p: look_up(p, p.radius / 2, per_word=3, narrow=True),
    "extraction": lambda p: bit_extraction(p, per_word=2),
}


def changed(f: IntegerNetwork, layer: int, row: int, entry: int, by: int) -> IntegerNetwork:
    """Return f with one stored number moved; ``entry`` beyond the weights of the row is its bias."""
    old = f.layers[layer]
    rows, bias = [list(pairs) for pairs in old.rows], list(old.bias)
    if entry < len(rows[row]):
        column, weight = rows[row][entry]
        rows[row][entry] = (column, weight + by)
    else:
        bias[row] += by
    moved = IntegerLayer.build(rows, bias, old.inputs)
    return IntegerNetwork((*f.layers[:layer], moved, *f.layers[layer + 1:]), f.scale)


def defined(f: IntegerNetwork, x: list[Fraction]) -> Fraction:
    """The network at a point, from the definition, in rational numbers."""
    values = list(x)
    for k, layer in enumerate(f.layers):
        pairs = zip(layer.rows, layer.bias, strict=True)
        sums = [sum((w * values[j] for j, w in row), Fraction(b)) for row, b in pairs]
        values = sums if k + 1 == f.depth else [max(v, Fraction(0)) for v in sums]
    return f.scale * values[0]


def grid_on_ball(projection: Projection, x: list[float], radius: Fraction, steps: int) -> list[list[Fraction]]:
    """Points of the ball whose images run through the whole interval of the line, from end to end."""
    signs = [(w > 0) - (w < 0) for w in projection.direction]
    return [[Fraction(v) + Fraction(k, steps) * radius * s for v, s in zip(x, signs, strict=True)]
            for k in range(-steps, steps + 1)]


@few
@given(lines(most=6), st.sampled_from(sorted(BUILDERS)), st.data())
def test_what_is_confirmed_is_right_at_points_of_every_ball_and_what_is_wrong_has_a_wrong_point(
        case: Any, name: str, data: st.DataObject) -> None:
    X, _, projection = case
    f: LineMemorizer = BUILDERS[name](projection)
    layer = data.draw(st.integers(0, f.network.depth - 1))
    row = data.draw(st.integers(0, f.network.layers[layer].outputs - 1))
    entry = data.draw(st.integers(0, len(f.network.layers[layer].rows[row])))
    faulty = changed(f.network, layer, row, entry, data.draw(st.sampled_from([-1, 1])))
    wanted = wanted_outputs(projection)
    try:
        proof = certify_on_balls(faulty, X, wanted, radius=f.radius)
    except ValueError:
        assert layer == 0  # two directions: only the first layer can make them
        return
    direction, phi = on_one_line(faulty)
    for i, x in enumerate(X.tolist()):
        if i not in proof.wrong:
            assert all(defined(faulty, p) == wanted[i][0] for p in grid_on_ball(projection, x, f.radius, 4))
        else:
            middle = sum((Fraction(v) * w for v, w in zip(x, direction, strict=True)), Fraction(0))
            reach = f.radius * sum(map(abs, direction))
            knots = [z for z, _ in pieces(phi, middle - reach, middle + reach)]
            assert any(defined(phi, [z]) != wanted[i][0] for z in knots)


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_in_every_layer_some_number_moved_by_one_unit_is_refuted(name: str) -> None:
    # short integers: one unit is much of them
    X = np.arange(24.0)[:, None] * [[1.0, -1.0]]
    projection = along(X, [0, 1, 1, 0, 1, 0] * 4, [1, 0])
    f: LineMemorizer = BUILDERS[name](projection)
    wanted = wanted_outputs(projection)
    for layer, stored in enumerate(f.network.layers):
        verdicts = set()
        for row in range(stored.outputs):
            for entry in range(len(stored.rows[row]) + 1):
                faulty = changed(f.network, layer, row, entry, -1 if layer % 2 else 1)
                verdicts.add(certify_on_balls(faulty, X, wanted, radius=f.radius, limit=200).verdict)
            if Verdict.REFUTED in verdicts:
                break
        assert Verdict.REFUTED in verdicts, f"layer {layer} of {f.network.depth}"


def test_a_threshold_moved_by_one_cell_is_refuted_at_its_neighbor() -> None:
    X, y = [[0.0], [2.0], [4.0], [6.0]], [0, 1, 0, 1]
    projection = project(X, y, draws=1, rng=0)
    f = look_up(projection, projection.radius * Fraction(9, 10), per_word=1)
    # the first unit that falls with z is the staircase's
    staircase, row = next((k, i) for k, layer in enumerate(f.network.layers) for i, pairs in enumerate(layer.rows)
                          if any(w == -1 for _, w in pairs))
    layer = f.network.layers[staircase]
    moved = changed(f.network, staircase, row, len(layer.rows[row]), 4 * f.pitch)
    proof = certify_on_balls(moved, X, wanted_outputs(projection), radius=f.radius)
    assert proof.wrong
    assert certify_on_balls(f.network, X, wanted_outputs(projection), radius=f.radius).verdict is Verdict.CONFIRMED
