"""Boxes, balls and regions: closed, exact comparisons, rounding outward."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.domain import Ball, Box, Region, inward_boxes, outward_boxes

FINITE = st.floats(-1e12, 1e12)


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=4))
def test_a_box_is_closed(pairs: list[tuple[float, float]]) -> None:
    box = Box([min(t) for t in pairs], [max(t) for t in pairs])
    assert box.contains(box.corners()).all()
    assert box.corners().shape == (2**box.dimension, box.dimension)
    for j in range(box.dimension):
        outside = box.upper.copy()
        outside[j] = np.nextafter(outside[j], np.inf)
        assert not box.contains(outside)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e-6))
def test_samples_lie_in_the_box(low: float, side: float) -> None:
    box = Box([low, 0.0], [low + side, 1.0])
    assert box.contains(box.sample(50, np.random.default_rng(0))).all()


def test_box_ends_are_copied_and_read_only() -> None:
    lower = np.zeros(2)
    box = Box(lower, [1.0, 1.0])
    lower[0] = 5.0
    assert box.lower.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        box.lower[0] = 1.0


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        ([0.0], [1.0, 1.0], "pass equal shapes"),
        ([0.0, 2.0], [1.0, 1.0], r"lower\[1\]"),
        ([math.nan], [1.0], "lower contains NaN"),
        ([], [], "nonempty"),
        ([[0.0]], [[1.0]], "vector"),
    ],
)
def test_bad_boxes_are_refused(lower: list[float], upper: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Box(lower, upper)  # type: ignore[arg-type]


@pytest.mark.parametrize(("norm", "inside"), [(1, [True, False, False]), (2, [True, True, False]),
                                              (math.inf, [True, True, True])])
def test_balls_are_those_of_their_norm(norm: float, inside: list[bool]) -> None:
    points = [[0.5, 0.5], [0.75, 0.5], [1.0, -1.0]]
    assert Ball([0.0, 0.0], 1.0, norm).contains(points).tolist() == inside  # type: ignore[arg-type]


def test_bad_balls_are_refused() -> None:
    for radius in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="radius"):
            Ball([0.0], radius)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="norm=3"):
        Ball([0.0], 1.0, norm=3)  # type: ignore[arg-type]


def test_a_region_leaves_out_the_interiors_of_its_bands() -> None:
    region = Region(Box.cube(2), (Box([0.25, 0.0], [0.5, 1.0]),))
    points = [[0.25, 0.5], [0.375, 0.5], [0.5, 0.5], [0.375, 0.0], [2.0, 0.5]]
    assert region.contains(points).tolist() == [True, False, True, True, False]


@given(st.floats(-1e15, 1e15), st.one_of(st.floats(0, 1e-3), st.floats(0, 1e3), st.floats(0, 1e15)))
def test_boxes_round_points_are_rounded_outward_by_at_most_one_double(center: float, radius: float) -> None:
    low, high = (v.item() for v in outward_boxes(np.array([[center]]), radius))
    exact_low, exact_high = Fraction(center) - Fraction(radius), Fraction(center) + Fraction(radius)
    assert Fraction(low) <= exact_low < Fraction(math.nextafter(low, math.inf))
    assert Fraction(math.nextafter(high, -math.inf)) < exact_high <= Fraction(high)


@given(FINITE, st.floats(0, 1e6))
def test_inward_boxes_are_the_outermost_doubles_of_the_real_ball(center: float, radius: float) -> None:
    low, high = (v.item() for v in inward_boxes(np.array([[center]]), radius))
    bottom, top = Fraction(center) - Fraction(radius), Fraction(center) + Fraction(radius)
    assert Fraction(math.nextafter(low, -math.inf)) < bottom <= Fraction(low)
    assert Fraction(high) <= top < Fraction(math.nextafter(high, math.inf))
