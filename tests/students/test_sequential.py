"""The sequential memorizer: its published shape, its size, and that it is the parallel one, point for point."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from student_cases import EVALUATIONS, box_points

from constructive.certificates.enclosure import interval_bounds
from constructive.domain import outward_boxes
from constructive.evidence import Verdict
from constructive.network import Layer, Network
from constructive.students import Recipe, memorize, separation
from constructive.students.memorizer import Memorizer, Shape
from constructive.students.sequential import sequential_boxes

Array = np.ndarray[Any, Any]


def dyadic(rng: np.random.Generator, n: int, d: int, low: int = -64) -> tuple[Array, Array]:
    """Distinct points of the grid 1/64, both labels unless n = 1."""
    X = np.unique(rng.integers(low, 65, (n, d)), axis=0) / 64.0
    X = X[rng.permutation(len(X))]
    y = rng.choice([-1, 1], len(X))
    y[:2] = (1, -1)[: len(y)]
    return X, y


@st.composite
def members(draw: Any) -> Memorizer:
    """Members of up to 12 data in up to 4 dimensions, with the largest dyadic radius below 7/16 of the separation."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, d, one_sided = draw(st.integers(1, 12)), draw(st.integers(1, 4)), draw(st.booleans())
    X, y = dyadic(rng, n, d, draw(st.sampled_from([-64, 0])))
    apart = separation(X, y).distance if one_sided else separation(X).distance
    share = draw(st.sampled_from([0.0, 0.25, 0.4375]))
    return sequential_boxes(X, y, radius=share * min(apart, 1.0), one_sided=one_sided)


def check_size(member: Memorizer) -> None:
    size = member.network.size
    assert Shape(size.depth, size.width, size.units, size.nonzeros) == member.shape


@given(members())
@settings(max_examples=30)
def test_the_size_is_its_formula(member: Memorizer) -> None:
    check_size(member)


@pytest.mark.slow
@given(members())
@settings(max_examples=200)
def test_the_size_is_its_formula_on_two_hundred_instances(member: Memorizer) -> None:
    check_size(member)


def test_its_shape_is_the_published_one() -> None:
    X, y = dyadic(np.random.default_rng(0), 9, 3, 8)  # so far from 0 that nothing has to be moved
    n, d = X.shape
    member = sequential_boxes(X, y, radius=2.0**-8, ramp=2.0**-10)
    assert (member.network.size.width, member.network.size.depth) == (3 * d + 1, 2 * n + 1)
    assert member.network.size.nonzeros == (8 * d + 4) * n - 2 * d - 1


@given(members())
@settings(max_examples=12)
def test_scores_on_the_balls_are_exact_for_every_program_and_for_intervals(member: Memorizer) -> None:
    rng = np.random.default_rng(0)
    low, high = outward_boxes(member.X, member.radius)
    points, which = box_points(low, high, 60, rng)
    told = member.labels.scores[:, None]
    for how, evaluate in EVALUATIONS.items():
        assert (evaluate(member.network, points, rng) == told[which]).all(), how
    bottom, top = interval_bounds(member.network, low, high)
    assert (bottom == told).all()
    assert (top == told).all()


@pytest.mark.parametrize("low", [-64, 0])
def test_it_is_the_parallel_one_sided_student_at_every_point(low: int) -> None:
    rng = np.random.default_rng(3)
    X, y = dyadic(rng, 14, 3, low)
    radius, ramp = separation(X, y).distance / 4, 2.0**-5
    member = sequential_boxes(X, y, radius=radius, ramp=ramp, one_sided=True)
    parallel = memorize(X, y, radius=radius, ramp=ramp,
                        recipe=Recipe(gate="cap", one_sided=True)).to_network()
    near, _ = box_points(X - radius - ramp, X + radius + ramp, 2000, rng)
    points = np.concatenate([np.round(near * 256) / 256, rng.integers(-800, 800, (500, 3)) / 64])
    values = parallel(points)
    assert np.array_equal(member.network(points), values)
    assert ((values > -1) & (values < 1)).sum() > 20


def test_two_sided_it_is_minus_two_and_the_bumps_three_times_or_once() -> None:
    rng = np.random.default_rng(5)
    X, y = dyadic(rng, 6, 2)
    radius, ramp = separation(X).distance / 4, 2.0**-8
    member = sequential_boxes(X, y, radius=radius, ramp=ramp)

    def expected(x: Array) -> Fraction:
        total = Fraction(-2)
        for datum, label in zip(X, y, strict=True):
            outside = sum(max(abs(Fraction(s) - Fraction(t)) - Fraction(radius), Fraction(0))
                          for s, t in zip(x.tolist(), datum.tolist(), strict=True))
            total += (3 if label > 0 else 1) * max(1 - outside / Fraction(ramp), Fraction(0))
        return total

    points = np.concatenate([X + rng.integers(-40, 41, X.shape) / 256 for _ in range(20)])
    for x in points:
        assert member.network.exact(x.tolist()) == (expected(x),)


def test_one_sided_every_radius_below_half_the_separation_will_do() -> None:
    X = np.array([[0.0, 0.0], [0.125, 0.0], [0.5, 0.25], [0.5, 0.875], [0.75, 0.875]])
    y = [1, 1, -1, 1, 1]
    radius = separation(X, y).distance / 2 * (1 - 2.0**-10)
    assert separation(X).distance < radius  # boxes of one label overlap
    assert sequential_boxes(X, y, radius=radius, one_sided=True).certify().verdict is Verdict.CONFIRMED


def test_the_slope_is_attained_at_a_corner_of_a_lone_bump() -> None:
    member = sequential_boxes([[0.25, 0.5], [4.0, 0.5]], [1, -1], radius=0.125, ramp=0.125, one_sided=True)
    corner = np.array([0.375, 0.625])
    step = 2.0**-6
    fall = member.network(corner) - member.network(corner + step)
    assert fall.item() / step == member.slope == 2 * 2 / 0.125


def test_no_secant_is_steeper_than_the_slope() -> None:
    rng = np.random.default_rng(9)
    X, y = dyadic(rng, 25, 3)
    for one_sided in (True, False):
        member = sequential_boxes(X, y, radius=separation(X).distance / 4, one_sided=one_sided)
        a, _ = box_points(X - 0.2, X + 0.2, 4000, rng)
        b = a + rng.uniform(-1, 1, a.shape) * 2.0**-8
        rise = np.abs(member.network(a) - member.network(b))[:, 0]
        assert (rise <= member.slope * np.abs(a - b).max(axis=1) * (1 + 2.0**-20)).all()


def test_a_planted_fault_in_any_layer_is_not_certified() -> None:
    X, y = dyadic(np.random.default_rng(1), 4, 2)
    member = sequential_boxes(X, y, radius=separation(X).distance / 4)
    for k in range(member.network.depth):
        layers = list(member.network.layers)
        weight = layers[k].weight.copy()
        weight.data = -weight.data
        layers[k] = Layer.build(weight, layers[k].bias)
        broken = Memorizer(member.name, Network(tuple(layers)), member.X, member.y, member.labels, member.radius,
                           member.norm, member.shape, member.slope)
        assert broken.certify().verdict is not Verdict.CONFIRMED, k


def test_overlapping_boxes_of_one_label_are_refused_by_the_two_sided_network() -> None:
    with pytest.raises(ValueError, match=r"boxes of X\[0\] and X\[1\], with one label, meet; pass one_sided=True"):
        sequential_boxes([[0.0], [0.125], [1.0]], [1, 1, -1], radius=0.125)


def test_data_that_moving_would_make_equal_are_refused() -> None:
    X = [[1e-20], [-1e-20], [-1.0]]
    assert memorize(X, [1, -1, 1], radius=0.0, recipe="one-sided").certify().verdict is Verdict.CONFIRMED
    for one_sided in (True, False):
        with pytest.raises(ValueError, match="too close for doubles"):
            sequential_boxes(X, [1, -1, 1], radius=0.0, one_sided=one_sided)


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=25)
def test_data_of_any_scale_are_certified_or_refused(seed: int, one_sided: bool) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(6, 2)) * 10.0 ** rng.integers(-12, 13, (6, 2))
    apart = separation(X, [0, 1] * 3).distance if one_sided else separation(X).distance
    try:
        member = sequential_boxes(X, [0, 1] * 3, radius=0.45 * apart, one_sided=one_sided)
    except ValueError:
        return
    assert member.certify("interval").verdict is Verdict.CONFIRMED


@pytest.mark.parametrize(("change", "kind", "message"), [
    ({"y": [0.5, 1.5]}, ValueError, None), ({"y": [0, 1]}, ValueError, "radius=0.5 needs l_inf separation"),
    ({"X": [[0.0]]}, ValueError, "X has 1 rows but y has 2"), ({"radius": -1}, ValueError, "radius=-1.0 must be >= 0"),
    ({"radius": 0.25, "ramp": 0.75}, ValueError, "ramp=0.75 is too wide"),
    ({"radius": 0.25, "ramp": math.nan}, ValueError, "must be finite"),
])
def test_bad_input_is_refused_in_words(change: dict[str, Any], kind: type[Exception], message: str | None) -> None:
    arguments: dict[str, Any] = {"X": [[0.0], [1.0]], "y": [0, 1], "radius": 0.5} | change
    with pytest.raises(kind, match=message):
        sequential_boxes(**arguments)


def test_three_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="needs two classes, but y has 3 classes"):
        sequential_boxes([[0.0], [1.0], [2.0]], ["a", "b", "c"], radius=0.25)


def test_without_an_upper_class_the_one_sided_network_is_the_constant() -> None:
    member = sequential_boxes([[0.0, 1.0]], [-1], radius=0.25, one_sided=True)
    assert member.network([[7.0, 7.0]]).item() == -1.0
    assert member.shape.nonzeros == member.network.size.nonzeros == 1
    assert member.predict([[0.0, 1.0]]).tolist() == [-1]
