"""Proofs on boxes: sound on random networks, complete on grids, and not fooled by planted faults."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from grid_cases import half_separation, lattice_data
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.evidence import Verdict
from constructive.exact.boxes import _parts, certify_on_boxes
from constructive.exact.bridge import from_network
from constructive.exact.network import IntegerLayer, IntegerNetwork
from constructive.exact.shifted_grids import grid_memorizer
from constructive.students import Recipe, memorize, separation


@st.composite
def networks(draw: Any) -> IntegerNetwork:
    """Random networks of one or two inputs, two to four layers, first-layer units of one or two inputs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    d, depth = draw(st.integers(1, 2)), draw(st.integers(2, 4))
    widths = [d, *rng.integers(1, 5, depth - 1).tolist(), 1]
    maps = [([[(j, int(rng.integers(-3, 4))) for j in range(a)] for _ in range(b)],
             [int(v) for v in rng.integers(-4, 5, b)]) for a, b in itertools.pairwise(widths)]
    return IntegerNetwork.build(maps, inputs=d)


@given(networks(), st.integers(0, 2**32))
@settings(max_examples=60)
def test_what_is_proved_holds_at_every_point_of_a_fine_grid(f: IntegerNetwork, seed: int) -> None:
    rng = np.random.default_rng(seed)
    center = rng.integers(-2, 3, (1, f.inputs)).astype(float)
    value = f.exact(center[0].tolist())[0]
    want = int(value) if rng.random() < 0.5 else int(np.sign(float(value))) or 1
    steps = [Fraction(k, 4) for k in range(-4, 5)]
    grid = [[Fraction(c) + s for c, s in zip(center[0].tolist(), step, strict=True)]
            for step in itertools.product(steps, repeat=f.inputs)]
    values = f(grid)[:, 0].tolist()
    for claim, good in (("value", all(v == want for v in values)),
                        ("margin", all(v * want >= want * want for v in values))):
        verdict = certify_on_boxes(f, center, [want], radius=1, claim=claim, budget=64).verdict
        assert good or verdict is not Verdict.CONFIRMED


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("share", [Fraction(1, 10), Fraction(1, 4), Fraction(1, 2), Fraction(9, 10)])
def test_grids_are_proved_from_their_weights_alone(share: Fraction, one_sided: bool) -> None:
    X, y = lattice_data(np.random.default_rng(3), 40, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) * share, one_sided=one_sided)
    proof = member.certify()
    assert (proof.verdict, proof.wrong, proof.open) == (Verdict.CONFIRMED, (), ())


@pytest.mark.slow
@pytest.mark.parametrize("share", [Fraction(9, 100), Fraction(1, 4), Fraction(1, 2)])
def test_grids_of_two_hundred_data_in_eight_dimensions_are_proved(share: Fraction) -> None:
    X, y = lattice_data(np.random.default_rng(0), 200, 8, bits=20)
    assert grid_memorizer(X, y, radius=half_separation(X, y) * share).certify().verdict is Verdict.CONFIRMED


def test_uniform_grids_are_proved_too() -> None:
    X, y = lattice_data(np.random.default_rng(5), 30, 2)
    member = grid_memorizer(X, y, radius=half_separation(X, y) / 4, shifts="uniform")
    assert member.certify().verdict is Verdict.CONFIRMED


def test_on_larger_balls_grids_are_refuted() -> None:
    X, y = lattice_data(np.random.default_rng(7), 40, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) / 2)
    proof = certify_on_boxes(member.network, X, y.tolist(), radius=member.radius * Fraction(3, 2), budget=256)
    assert proof.verdict is Verdict.REFUTED
    for i in proof.wrong[:1]:
        assert 0 <= i < len(X)


def test_grids_without_a_gate_are_not_proved() -> None:
    X, y = lattice_data(np.random.default_rng(2), 60, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) / 2)
    layers = list(member.network.layers)
    rows = [row if k % 2 == 0 else () for k, row in enumerate(layers[1].rows)]  # codes and gates take turns
    layers[1] = IntegerLayer.build(rows, layers[1].bias, layers[1].inputs)
    bare = dataclasses.replace(member, network=IntegerNetwork(tuple(layers), member.network.scale))
    assert bare.certify(budget=256).verdict is not Verdict.CONFIRMED


def test_a_flipped_weight_in_any_layer_is_not_proved() -> None:
    rng = np.random.default_rng(8)
    X, y = lattice_data(rng, 16, 2)
    member = grid_memorizer(X, y, radius=half_separation(X, y) / 2, per_word=1)
    missed = []
    for k, layer in enumerate(member.network.layers):
        layers = list(member.network.layers)
        layers[k] = IntegerLayer.build([[(j, -w) for j, w in row] for row in layer.rows], layer.bias, layer.inputs)
        broken = dataclasses.replace(member, network=IntegerNetwork(tuple(layers), member.network.scale))
        missed += [k] if broken.certify(budget=64).verdict is Verdict.CONFIRMED else []
    assert missed == []


def test_boxes_in_doubles_are_proved_in_integers() -> None:
    X, y = lattice_data(np.random.default_rng(4), 12, 2, bits=6)
    student = memorize(X, y, radius=separation(X, y).distance / 4, recipe=Recipe(gate="cap", one_sided=True))
    proof = certify_on_boxes(from_network(student.to_network()), X, y.tolist(), radius=student.radius)
    assert proof.verdict is Verdict.CONFIRMED


def test_one_affine_map_is_proved_too() -> None:
    f = IntegerNetwork.build([([[(0, 2), (1, -1)]], [1])], inputs=2)
    assert certify_on_boxes(f, [[1.0, 1.0]], [1], radius=Fraction(1, 3), claim="margin").verdict is Verdict.CONFIRMED
    assert certify_on_boxes(f, [[1.0, 1.0]], [1], radius=Fraction(1, 2), claim="margin").verdict is Verdict.REFUTED


def test_groups_are_parts_of_the_network() -> None:
    X, y = lattice_data(np.random.default_rng(7), 60, 3)
    member = grid_memorizer(X, y, radius=half_separation(X, y) * Fraction(9, 10))
    assert len(_parts(member.network)[0]) == len(member.groups) > 1


@pytest.mark.parametrize(("change", "message"), [
    ({"claim": "sign"}, "claim='sign' must be 'value' or 'margin'"), ({"radius": -1}, "radius=-1 must be >= 0"),
    ({"wanted": [1, 1]}, "needs one output and 1 wanted values"), ({"budget": 0}, "budget=0 must be >= 1"),
])
def test_bad_input_is_refused_in_words(change: dict[str, Any], message: str) -> None:
    f = IntegerNetwork.build([([[(0, 1)]], [0]), ([[(0, 1)]], [0])], inputs=1)
    arguments: dict[str, Any] = {"X": [[0.0]], "wanted": [0], "radius": 1} | change
    with pytest.raises(ValueError, match=message):
        certify_on_boxes(f, **arguments)
