"""What the memorizers cost on data of a real size: fewer numbers than data, and the formula equal to the count."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import counted, proved, stated

from constructive.exact import (
    LineMemorizer,
    Projection,
    bit_extraction,
    bit_planes,
    certify_on_balls,
    look_up,
    plateaus,
    project,
    shallow_interpolant,
    wanted_outputs,
)


def random_data(n: int, d: int, seed: int, classes: int = 2) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**20, (n, d)) / 2**20, rng.integers(0, classes, n)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_thousand_data_take_at_most_908_numbers(seed: int) -> None:
    X, y = random_data(1000, 8, seed)
    projection = project(X, y, draws=1000, prefer="size", rng=seed)
    f = look_up(projection, projection.radius / 2)
    assert stated(f) == counted(f)
    assert f.network.size.nonzeros <= 908
    proof = certify_on_balls(f.network, X, wanted_outputs(projection), radius=f.radius)
    assert proof.wrong == ()
    # not even a knot of the staircase lies inside a ball
    assert proof.affine == 1000


@pytest.mark.slow
def test_sixteen_thousand_data_take_a_third_of_a_number_each() -> None:
    X, y = random_data(16_000, 8, 0)
    projection = project(X, y, draws=500, prefer="size", rng=1)
    f = look_up(projection, projection.radius / 2)
    assert stated(f) == counted(f)
    assert f.nonzeros <= 5_350
    rows = np.random.default_rng(2).choice(16_000, 500, replace=False)
    wanted = wanted_outputs(projection)
    assert not certify_on_balls(f.network, X[rows], [wanted[i] for i in rows], radius=f.radius).wrong


MEMBERS: dict[str, Callable[[Projection, Fraction, int], LineMemorizer]] = {
    "interpolant": lambda p, r, s: shallow_interpolant(p),
    "plateaus": lambda p, r, s: plateaus(p, r),
    "wide": lambda p, r, s: look_up(p, r, per_word=s),
    "narrow": lambda p, r, s: look_up(p, r, per_word=s, narrow=True),
    "extraction": lambda p, r, s: bit_extraction(p, per_word=s),
    "planes": lambda p, r, s: bit_planes(p, r, per_word=s),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMBERS)
def test_two_hundred_instances_of_every_member(name: str) -> None:
    rng = np.random.default_rng(17)
    for trial in range(200):
        n, d = int(rng.integers(2, 120)), int(rng.integers(1, 9))
        X, y = random_data(n, d, 1000 + trial, classes=int(rng.integers(3, 9)) if name == "planes" else 2)
        projection = project(X, y, draws=10, rng=trial)
        if not projection.changes:
            continue
        share = Fraction(int(rng.integers(0, 100)), 100)
        f = MEMBERS[name](projection, share * projection.radius, 2 * int(rng.integers(0, 8)) + 1)
        assert stated(f) == counted(f)
        assert proved(f, X)
