"""Attacks on caps: on their caps, honest about values, never worse for more effort, and not blind to jumps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from arc_cases import random_caps, random_relus, relu_sum
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.nearinit import (
    Caps,
    GatedSum,
    PseudoNetwork,
    caps,
    circle_range,
    climb,
    draw_units,
    robust_deviation,
    separated_sphere,
)
from constructive.nearinit.attacks import SMOOTHINGS

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def pseudo_case(seed: int, d: int = 4, width: int = 200) -> tuple[GatedSum, Caps, Array]:
    """Return a pseudo-network that meets signs at four centers, in features of the centers, its caps, the signs."""
    rng = np.random.default_rng(seed)
    X = separated_sphere(4, d, 0.9, rng=rng)
    units, y = draw_units(width, d, rng=rng), rng.choice((-1.0, 1.0), 4)
    opened = (units.preactivations(X) >= 0).T * 1.0
    duals = np.linalg.lstsq((X @ X.T) * (opened.T @ opened) / width, y, rcond=None)[0]
    return PseudoNetwork(units, (opened * duals) @ X).gated(), caps(X, 0.15), y


# -- what is returned -------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seeds, st.integers(2, 6), st.sampled_from(((0.0,), (0.2, 0.0), SMOOTHINGS)))
def test_points_are_on_their_caps_and_values_are_the_functions(seed: int, d: int, smoothing: Any) -> None:
    rng = np.random.default_rng(seed)
    function, found = relu_sum(*random_relus(rng, d)), random_caps(rng, d)
    index = rng.integers(0, found.n, 5)
    signs = rng.choice((-1.0, 1.0), 5)
    points, values = climb(function, found, index, signs, steps=4, smoothing=smoothing, rng=seed)
    assert points.shape == (5, d)
    assert (values == function(points)).all()
    assert (signs * values >= signs * function(found.X[index])).all()
    assert (np.abs(np.linalg.norm(points, axis=1) - 1.0) <= (d + 8) * 2.0**-53).all()
    assert (np.linalg.norm(points - found.X[index], axis=1) <= found.radius + (d + 8) * 2.0**-52).all()


@settings(max_examples=25)
@given(seeds)
def test_on_the_circle_nothing_beats_the_exact_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = draw_units(int(rng.integers(1, 64)), 2, rng=rng)
    function, found = PseudoNetwork(units, rng.normal(size=units.weight.shape)).gated(), random_caps(rng, 2)
    exact = circle_range(function, found)
    attacked = robust_deviation(function, found, np.zeros(found.n), rng=seed)
    assert (attacked.deviations <= exact.deviation(np.zeros(found.n)) + exact.rounding).all()


def test_small_caps_of_networks_are_solved_to_within_a_thousandth() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        function, found = relu_sum(*random_relus(rng, 2)), random_caps(rng, 2, 0.05)
        exact = circle_range(function, found)
        n = found.n
        _, high = climb(function, found, range(n), np.ones(n))
        assert (high >= exact.upper - 1e-3 * (exact.upper - exact.lower)).all()


@settings(max_examples=25)
@given(seeds, st.integers(2, 8))
def test_an_affine_function_is_maximized_at_the_rim_along_its_gradient(seed: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    slope, center = rng.normal(size=d), rng.normal(size=d)
    found = caps([center / np.linalg.norm(center)], 0.25)
    function = GatedSum(np.zeros((1, d)), [0.0], slope[None, :], [0.0])
    _, values = climb(function, found, [0, 0], [1.0, -1.0], steps=60, smoothing=0.0)
    size, along = np.linalg.norm(slope), float(found.X[0] @ slope)
    angle = math.acos(np.clip(along / size, -1, 1))
    best = np.array([size * math.cos(max(angle - found.angle, 0.0)),
                     size * math.cos(min(angle + found.angle, math.pi))])
    # the last steps are 0.02 of the radius, and the slope along the rim is at most |w|: curvature halves the square
    slack = size * (0.02 * found.radius) ** 2
    assert best[0] - slack <= values[0] <= best[0] + 1e-12 * size
    assert best[1] - 1e-12 * size <= values[1] <= best[1] + slack


def test_the_deviation_is_the_larger_of_both_sides_on_each_cap() -> None:
    function, found, y = pseudo_case(1)
    attacked = robust_deviation(function, found, y, rng=5)
    index = [*range(4)]
    points, values = climb(function, found, index * 2, [1.0] * 4 + [-1.0] * 4, rng=5)
    both = np.abs(values - np.tile(y, 2)).reshape(2, 4)
    assert (attacked.deviations == both.max(axis=0)).all()
    assert attacked.worst == both.max()
    assert (np.abs(function(attacked.points) - y) == attacked.deviations).all()
    assert (attacked.values == function(attacked.points)).all()
    assert {tuple(p) for p in attacked.points} <= {tuple(p) for p in points}


# -- effort -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_more_starts_and_finer_turns_never_find_less(seed: int) -> None:
    function, found, y = pseudo_case(seed)
    least = robust_deviation(function, found, y, rng=1, starts=1, smoothing=SMOOTHINGS[:1], moves=0)
    starts = robust_deviation(function, found, y, rng=1, starts=4, smoothing=SMOOTHINGS[:1], moves=0)
    turns = robust_deviation(function, found, y, rng=1, starts=4, smoothing=SMOOTHINGS, moves=0)
    assert (least.deviations <= starts.deviations).all()
    assert (starts.deviations <= turns.deviations).all()


def test_points_handed_in_are_not_forgotten() -> None:
    function, found, y = pseudo_case(2)
    strong = robust_deviation(function, found, y, rng=1, starts=12, steps=30)
    weak = robust_deviation(function, found, y, rng=2, starts=1, steps=1, smoothing=0.0, moves=0)
    warm = robust_deviation(function, found, y, rng=2, starts=1, steps=1, smoothing=0.0, moves=0, at=strong.points)
    stack = robust_deviation(function, found, y, rng=2, starts=1, steps=1, smoothing=0.0, moves=0,
                             at=np.array([found.X, strong.points]))
    assert weak.worst < strong.worst
    # both may be retracted once more, by roundings
    assert (warm.deviations >= np.abs(function(found.project(range(4), strong.points)) - y)).all()
    assert (stack.deviations == warm.deviations).all()


def test_equal_seeds_repeat_and_arguments_stay_as_they_are() -> None:
    function, found, y = pseudo_case(3)
    at = 1.5 * found.X
    before = at.copy()
    one, two = (robust_deviation(function, found, y, rng=np.random.default_rng(7), at=at) for _ in range(2))
    other = robust_deviation(function, found, y, rng=8)
    assert (one.points == two.points).all()
    assert (one.points != other.points).any()
    assert (at == before).all()


# -- jumps ------------------------------------------------------------------------------------------------------------


def test_smoothed_gates_see_jumps_that_the_gradient_does_not() -> None:
    rng = np.random.default_rng(4)
    units, found = draw_units(256, 6, rng=rng), caps(separated_sphere(4, 6, 1.0, rng=rng), 0.15)
    steps = GatedSum(units.weight, units.bias, np.zeros((256, 6)), rng.normal(size=256))  # constant between jumps
    y = steps(found.X)
    plain = robust_deviation(steps, found, y, rng=1, smoothing=0.0, starts=1, moves=0)
    smooth = robust_deviation(steps, found, y, rng=1, starts=1, moves=0)
    whole = robust_deviation(steps, found, y, rng=1)
    drawn = np.abs([steps(found.draw(range(4), rng)) - y for _ in range(100)]).max(axis=0)
    assert not plain.deviations.any()
    assert (smooth.deviations > 0).all()
    assert whole.worst > drawn.max()


def test_random_moves_never_find_less() -> None:
    function, found, y = pseudo_case(6)
    without, short, long = (robust_deviation(function, found, y, rng=3, moves=k) for k in (0, 10, 200))
    assert (without.deviations <= short.deviations).all()
    assert (short.deviations <= long.deviations).all()
    assert without.deviations.sum() < long.deviations.sum()


def test_a_constant_has_no_gradient_and_no_harm_is_done() -> None:
    constant = GatedSum(np.zeros((1, 3)), [1.0], np.zeros((1, 3)), [2.0])
    attacked = robust_deviation(constant, caps(np.eye(3), 0.3), [2.0, 1.0, 5.0], rng=0)
    assert attacked.deviations.tolist() == [0.0, 1.0, 3.0]


def test_radius_zero_leaves_the_centers() -> None:
    function, found, y = pseudo_case(5)
    still = caps(found.X, 0.0)
    attacked = robust_deviation(function, still, y, rng=0)
    assert (np.linalg.norm(attacked.points - still.X, axis=1) <= 2.0**-50).all()


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changes", "words"), [
    ({"index": [0, 4]}, "index names caps 0 .. 4, there are 4"),
    ({"index": [0.0, 1.0]}, "index must be a vector of whole numbers"),
    ({"index": []}, "index must be a vector of whole numbers"),
    ({"signs": [1.0, 0.5]}, r"signs has shape \(2,\)"),
    ({"signs": [1.0]}, r"signs has shape \(1,\)"),
    ({"steps": 0}, "steps=0 must be >= 1"),
    ({"moves": -1}, "moves=-1 must be >= 0"),
    ({"starts": 0}, "starts=0 must be >= 1"),
    ({"smoothing": -0.1}, "smoothing=-0.1 must be >= 0"),
    ({"at": np.zeros((3, 4))}, r"at has shape \(3, 4\); pass finite points \(2, 4\)"),
    ({"at": np.full((2, 4), np.nan)}, "pass finite points")])
def test_what_does_not_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    function, found, _ = pseudo_case(0)
    arguments: dict[str, Any] = {"index": [0, 1], "signs": [1.0, -1.0], **changes}
    with pytest.raises(ValueError, match=words):
        climb(function, found, arguments.pop("index"), arguments.pop("signs"), **arguments)


@pytest.mark.parametrize("y", [[1.0], [1.0, 1.0, 1.0, np.nan], 0.0])
def test_one_finite_value_for_each_cap_is_needed(y: Any) -> None:
    function, found, _ = pseudo_case(0)
    with pytest.raises(ValueError, match="pass one finite value for each of the 4 caps"):
        robust_deviation(function, found, y)
