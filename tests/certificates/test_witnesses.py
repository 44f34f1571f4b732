"""Witnesses: membership decided for the real numbers, points drawn toward the center, exact re-evaluation."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.certificates.goals import Goal
from constructive.certificates.witnesses import (
    Balls,
    inside,
    inside_exactly,
    reevaluate,
    smallest_margins,
    worst_forms,
)
from constructive.network import Network

NORMS = (1.0, 2.0, math.inf)
NORM = st.sampled_from(NORMS)
ODD = st.floats(-8.0, 8.0, allow_subnormal=False)


def real_length(offset: list[Fraction], norm: float) -> Fraction:
    """Return the norm of a rational vector, squared for l_2."""
    sizes = [abs(v) for v in offset]
    if norm == math.inf:
        return max(sizes)
    return sum(sizes, Fraction(0)) if norm == 1 else sum((v * v for v in sizes), Fraction(0))


@given(norm=NORM, data=st.data(), radius=st.floats(0.0, 4.0))
@example(norm=2.0, data=None, radius=5.0)
def test_membership_is_that_of_the_real_numbers(norm: float, data: Any, radius: float) -> None:
    if data is None:  # 3, 4, 5: on the sphere exactly
        center, point = np.zeros(2), np.array([3.0, 4.0])
    else:
        d = data.draw(st.integers(1, 4))
        center = np.array(data.draw(st.lists(ODD, min_size=d, max_size=d)))
        direction = np.array(data.draw(st.lists(st.floats(-1.0, 1.0), min_size=d, max_size=d)))
        length = float(np.linalg.norm(direction, ord=norm))
        assume(length > 0.1)
        point = center + direction / length * radius  # on the sphere up to rounding
    offset = [Fraction(b) - Fraction(a) for a, b in zip(center.tolist(), point.tolist(), strict=True)]
    expected = real_length(offset, norm) <= (Fraction(radius)**2 if norm == 2 else Fraction(radius))
    assert inside_exactly(center, point, radius, norm) == expected
    assert inside(center[None], point[None], radius, norm)[0] == expected


@given(norm=NORM, seed=st.integers(0, 10**6), exponent=st.integers(-30, 10), single=st.booleans())
def test_points_drawn_into_balls_are_inside_and_of_the_format(norm: float, seed: int, exponent: int,
                                                              single: bool) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.dtype(np.float32 if single else np.float64)
    n, d = 12, int(rng.integers(1, 6))
    centers = rng.normal(size=(n, d)) * 2.0 ** rng.integers(-4, 5, (n, 1))
    if rng.random() < 0.5:
        centers = centers.astype(dtype).astype(np.float64)
    radius = float(rng.random()) * 2.0**exponent
    balls = Balls.of(centers, radius, norm, dtype)
    far = rng.normal(size=(n, d)) * radius * 2.0 ** rng.integers(-2, 6, (n, 1))
    far[rng.random(n) < 0.3] *= np.arange(d) == rng.integers(0, d)
    drawn = balls.pull(centers + far)
    for i in np.flatnonzero(~balls.empty):
        assert inside_exactly(centers[i], drawn[i], radius, norm)
        assert inside_exactly(centers[i], balls.anchor[i], radius, norm)
    assert (drawn.astype(dtype) == drawn).all()


@given(norm=NORM, seed=st.integers(0, 10**6))
def test_points_well_inside_are_left_where_they_are_and_others_come_near_the_end(norm: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centers, radius = rng.normal(size=(8, 3)), 0.5
    balls = Balls.of(centers, radius, norm, np.dtype(np.float64))
    offset = rng.normal(size=(8, 3))
    offset /= np.linalg.norm(offset, ord=norm, axis=1, keepdims=True)
    inner, outer = centers + 0.4 * offset, balls.pull(centers + 3.0 * offset)
    assert np.array_equal(balls.pull(inner), inner)
    length = np.linalg.norm(outer - centers, ord=norm, axis=1)
    assert (length >= radius * (1 - 2.0**-44)).all()


def test_a_single_moved_coordinate_reaches_the_very_end() -> None:
    for norm in NORMS:
        balls = Balls.of(np.array([[0.25, 0.5]]), 0.5, norm, np.dtype(np.float64))
        assert balls.pull(np.array([[9.0, 0.5]])).tolist() == [[0.75, 0.5]]


def test_centers_between_float32_numbers_leave_small_balls_empty() -> None:
    single = np.dtype(np.float32)
    for norm in NORMS:
        assert Balls.of(np.array([[0.1, 0.5]]), 2.0**-40, norm, single).empty[0]
        assert not Balls.of(np.array([[0.1, 0.5]]), 2.0**-20, norm, single).empty[0]
        assert not Balls.of(np.array([[0.125, 0.5]]), 0.0, norm, single).empty[0]


def test_infinity_and_nan_are_outside() -> None:
    for bad in (math.nan, math.inf):
        assert not inside_exactly([0.0], [bad], 1.0, 2)
        assert not inside(np.zeros((1, 1)), np.array([[bad]]), 1.0, 2)[0]


GOALS = [Goal("sign", np.array([1.0, -1.0, 1.0])), Goal("score", np.array([0.0, 2.0, 1.0])),
         Goal("value", np.array([0.5, -1.0, 2.0]))]


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.kind)
def test_margins_agree_with_what_is_right(goal: Goal) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.integers(-2, 3, (3, 3 if goal.kind == "score" else 1)) / 2.0
        margin = smallest_margins(goal, values)
        wrong = margin < 0 if goal.kind == "value" else margin <= 0
        assert (wrong == ~goal.right(values, values)).all()
        if goal.kind != "value":
            forms = goal.margins(values.shape[1])
            assert np.array_equal(margin, np.einsum("nqm,nm->nq", forms, values).min(axis=1))
            assert np.array_equal(margin, (worst_forms(goal, values) * values).sum(axis=1))


def test_what_is_no_number_is_wrong() -> None:
    values = np.full((3, 3), math.nan)
    assert (smallest_margins(GOALS[1], values) == -math.inf).all()
    assert (smallest_margins(GOALS[0], values[:, :1]) == -math.inf).all()


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.kind)
def test_reevaluation_is_exact_where_the_program_rounds(goal: Goal) -> None:
    outputs = 3 if goal.kind == "score" else 1
    network = Network.build([(np.full((outputs, 1), 0.1), np.arange(outputs) / 3)])
    one = goal.take(np.array([1]))
    real = reevaluate(network, [0.7], one)
    exact = [Fraction(0.1) * Fraction(0.7) + Fraction(float(b)) for b in network.layers[0].bias]
    assert list(real.outputs) == exact
    expected: dict[str, Any] = {"sign": lambda: -exact[0], "value": lambda: -abs(exact[0] + 1),
                                "score": lambda: exact[2] - max(exact[:2])}
    assert real.margin == expected[goal.kind]()
    assert real.wrong == (goal.kind != "score")


def test_a_tie_is_wrong_for_the_real_network() -> None:
    tie = Network.build([(np.zeros((3, 1)), None)])
    assert reevaluate(tie, [0.5], Goal("score", np.array([1.0]))).wrong
    assert reevaluate(Network.build([([[0.0]], None)]), [0.5], Goal("sign", np.array([1.0]))).wrong


def vector(*values: float) -> NDArray[np.float64]:
    return np.array(values)


@pytest.mark.parametrize(("call", "words"), [
    (lambda f: reevaluate(f, vector(math.nan), GOALS[0].take(np.array([0]))), "witness"),
    (lambda f: reevaluate(f, vector(0.0, 1.0), GOALS[0].take(np.array([0]))), "witness"),
    (lambda f: reevaluate(f, vector(0.0), GOALS[0]), "goal_row"),
    (lambda f: inside_exactly([0.0], [0.0, 1.0], 1.0, 2), "center"),
    (lambda f: inside_exactly([0.0], [0.0], -1.0, 2), "radius"),
    (lambda f: inside_exactly([0.0], [0.0], 1.0, 3), "norm"),
])
def test_bad_arguments_are_named(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(Network.build([([[1.0]], None)]))
