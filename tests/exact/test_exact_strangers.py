"""What a stranger may pass: one datum, equal data, absurd scales, radii that are none."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from constructive.evidence import Verdict
from constructive.exact import (
    LineMemorizer,
    Projection,
    along,
    bit_extraction,
    bit_planes,
    certify_on_balls,
    certify_on_boxes,
    float_horizon,
    grid_memorizer,
    look_up,
    plateaus,
    project,
    shallow_interpolant,
    wanted_outputs,
)

BUILDERS: dict[str, Callable[[Projection, Any], LineMemorizer]] = {
    "interpolant": lambda p, r: shallow_interpolant(p),
    "plateaus": plateaus,
    "one threshold a word": lambda p, r: look_up(p, r, per_word=1),
    "three thresholds a word": lambda p, r: look_up(p, r, per_word=3),
    "narrow": lambda p, r: look_up(p, r, per_word=3, narrow=True),
    "extraction": lambda p, r: bit_extraction(p),
    "planes": bit_planes,
}

DATA: dict[str, tuple[Any, Any]] = {
    "one datum": ([[0.5, -1.0]], [1]),
    "two data of one label": ([[0.5], [1.0]], ["a", "a"]),
    "two data of two labels": ([[0.5, 0.0, 0.0], [1.0, 0.0, 0.0]], ["b", "a"]),
    "equal data": ([[0.5, 1.0], [0.5, 1.0], [1.0, 2.0], [1.0, 2.0]], [0, 0, 1, 1]),
    "zeros": (np.zeros((3, 2)), [7, 7, 7]),
    "the largest doubles": ([[1e300, 1.0], [-1e300, 2.0], [3.0, 1e300]], [0, 1, 0]),
    "the smallest doubles": ([[5e-324, 0.0], [0.0, 0.0], [1.0, 1.0]], [0, 1, 0]),
    "negative data": ([[-5.0, -3.0], [-4.0, -2.5], [-1.0, -9.0], [-2.0, -8.0]], [0, 1, 1, 0]),
    "integers": (np.array([[1, 2], [3, 4], [5, 6]]), np.array([0, 1, 0])),
    "single precision": (np.array([[0.1, 2.0], [3.0, 4.0]], np.float32), [True, False]),
    "constant coordinates": ([[0.0, 2.0], [1.0, 2.0], [2.0, 2.0]], [1.0, -1.0, 1.0]),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_unusual_data_are_memorized_and_the_size_is_the_formula(data: tuple[Any, Any], build: Any) -> None:
    X, y = data
    projection = project(X, y, draws=10, rng=0)
    f = build(projection, projection.radius / 2 if projection.changes else Fraction(1))
    assert certify_on_balls(f.network, X, wanted_outputs(projection), radius=f.radius).verdict is Verdict.CONFIRMED
    assert f.predict(np.asarray(X, float)).tolist() == list(y)
    size = f.network.size
    assert (f.nonzeros, f.depth, f.width) == (size.nonzeros, size.depth, size.width)


@pytest.mark.parametrize("prefer", ["radius", "discriminant", "changes", "size"])
@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_unusual_data_have_a_line_of_every_preference(data: tuple[Any, Any], prefer: str) -> None:
    X, y = data
    projection = project(X, y, draws=10, prefer=prefer, rng=0)
    assert certify_on_balls(look_up(projection, 0).network, X, wanted_outputs(projection),
                            radius=0).verdict is Verdict.CONFIRMED


LINE = along([[0.0], [1.0], [2.0]], [0, 1, 0], [1])
ALIKE = along([[0.0], [1.0], [2.0]], [1, 1, 1], [1])
TENT = plateaus(LINE, 0.25).network

TAKERS: dict[str, Callable[[Any], Any]] = {
    "plateaus": lambda r: plateaus(LINE, r),
    "look-up": lambda r: look_up(LINE, r),
    "planes": lambda r: bit_planes(LINE, r),
    "plateaus of one label": lambda r: plateaus(ALIKE, r),
    "look-up of one label": lambda r: look_up(ALIKE, r),
    "balls": lambda r: certify_on_balls(TENT, [[0.0]], [[-1]], radius=r),
    "boxes": lambda r: certify_on_boxes(TENT, [[0.0]], [-1], radius=r),
    "grids": lambda r: grid_memorizer([[0.0], [1.0]], [0, 1], radius=r),
}


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize(("radius", "kind", "words"), [
    (math.nan, ValueError, "radius=nan must be finite"), (math.inf, ValueError, "radius=inf must be finite"),
    (-0.5, ValueError, "radius=-0.5 must be >= 0"), ("0.5", TypeError, "radius must be a real number"),
    (True, TypeError, "radius must be a real number"), (None, TypeError, "radius must be a real number")])
def test_radii_that_are_none_are_refused_in_words(take: Any, radius: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        take(radius)


@pytest.mark.parametrize("radius", [Fraction(1, 4), 0.25, np.float64(0.25), np.float32(0.25)])
def test_numbers_of_all_kinds_are_the_same_radius(radius: Any) -> None:
    assert plateaus(LINE, radius).radius == look_up(LINE, radius).radius == Fraction(1, 4)
    assert plateaus(LINE, np.int64(0)).radius == 0


def test_data_beyond_the_format_come_out_wrong_without_a_warning() -> None:
    X, y = DATA["the largest doubles"]
    assert float_horizon(project(X, y, draws=10, rng=0), X, 0, dtype=np.float32, most=3).wrong == (3, 3)


def test_integers_that_doubles_cannot_hold_are_refused_and_not_rounded() -> None:
    X = np.array([[2**60 + 1, 2], [2**60, 2]])
    with pytest.raises(ValueError, match=r"X\[0, 0\]=1152921504606846977 is no double"):
        project(X, [0, 1])
    assert project(np.array([[2**60, 2], [2**60 + 256, 2]]), [0, 1], draws=5, rng=0).changes == 1
