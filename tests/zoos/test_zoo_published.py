"""The published tables of sizes come out of one call, up to what another draw of data and direction changes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from constructive.evidence import Verdict
from constructive.exact import bit_planes, certify_on_balls, look_up, plateaus, project, wanted_outputs
from constructive.zoos import zoo

pytestmark = pytest.mark.slow

TWO_HUNDRED = {
    "shallow interpolant": 1243, "plateaus": 561, "look-up, s = 1": 249, "look-up, s = 3": 342,
    "narrow look-up, s = 3": 386, "bit extraction": 1100, "adaptive grids, small radius": 625, "boxes": 10_000,
    "facets": 2200, "merged boxes": 861, "merged boxes, one-sided": 442, "sequential boxes": 13_599,
    "nearest neighbor": 16_007, "nearest neighbor, l_1": 10_508}
"""Nonzeros for n = 200, d = 8, random labels, ratio 0.5 (0.5 r_max on a line, 0.09 on the grid)."""


def test_two_hundred_data_in_eight_dimensions() -> None:
    rng = np.random.default_rng(0)
    found = zoo(rng.integers(0, 2**20, (200, 8)) / 2.0**20, rng.integers(0, 2, 200), rng=1)
    assert found.report().verdict is Verdict.CONFIRMED
    assert found.left_out == ()
    assert {entry.name: entry.proof for entry in found if entry.proof is not Verdict.CONFIRMED} == {}
    # changes, boxes and faces vary from draw to draw: within a quarter
    off = {name: found[name].nonzeros / size for name, size in TWO_HUNDRED.items()}
    assert {name: ratio for name, ratio in off.items() if not 0.75 <= ratio <= 1.25} == {}
    nearest = found["nearest neighbor"]
    assert nearest.slope is not None
    assert nearest.slope.exact
    for entry in found:  # nobody who has the labels on these balls is flatter
        assert entry.slope is not None
        assert entry.slope.upper is not None
        if entry.radius >= nearest.radius and entry.promise == "value" and entry.norm == nearest.norm:
            assert entry.slope.upper >= Fraction(nearest.slope.upper or 0) * (1 - Fraction(1, 2**50))


def test_the_parity_of_digits_along_a_line() -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    X, y = digits.data / 16, digits.target % 2
    for prefer, flat, single in (("radius", 4713, None), ("discriminant", 1281, 578), ("changes", 1140, 523)):
        projection = project(X, y, draws=1000, prefer=prefer, rng=0)
        f = look_up(projection, projection.radius / 2)
        assert f.nonzeros == f.network.size.nonzeros < X.shape[0]
        assert certify_on_balls(f.network, X, wanted_outputs(projection), radius=f.radius).verdict is Verdict.CONFIRMED
        assert 0.8 * flat <= plateaus(projection, projection.radius / 2).nonzeros <= 1.2 * flat
        if single is not None:
            assert 0.9 * single <= look_up(projection, projection.radius / 2, per_word=1).nonzeros <= 1.1 * single


def test_ten_classes_of_digits_by_bit_planes() -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    X = digits.data / 16
    projection = project(X, digits.target, draws=1000, rng=0)
    f = bit_planes(projection, projection.radius / 2)
    assert f.nonzeros == f.network.size.nonzeros <= 5324
    assert f.network.outputs == 4
    assert certify_on_balls(f.network, X, wanted_outputs(projection), radius=f.radius).verdict is Verdict.CONFIRMED
    assert (f.predict(X) == digits.target).all()


def test_ten_thousand_data_within_a_budget() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2**20, (10_000, 8)) / 2.0**20, rng.integers(0, 2, 10_000)
    projection = project(X, y, draws=200, prefer="size", rng=0)
    f = look_up(projection, projection.radius / 2)
    assert f.nonzeros == f.network.size.nonzeros <= 4_200
    rows = rng.choice(10_000, 500, replace=False)
    wanted = wanted_outputs(projection)
    proof = certify_on_balls(f.network, X[rows], [wanted[i] for i in rows], radius=f.radius)
    assert proof.verdict is Verdict.CONFIRMED
    assert (f.predict(X[rows]) == y[rows]).all()
