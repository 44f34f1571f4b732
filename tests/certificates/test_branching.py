"""Branch and bound agrees with exact oracles; witnesses are wrong points of the ball; safe is only what is proved."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import dyadic_network, machine_values, random_network

import constructive as con
from constructive.certificates import branching, relaxed
from constructive.certificates.branching import SAFE, UNKNOWN, WRONG, Decision, decide
from constructive.certificates.exact import piecewise_1d
from constructive.certificates.goals import Goal
from constructive.network import Network

Array = NDArray[np.float64]
NORMS = [1.0, 2.0, math.inf]


def in_ball(x: Array, center: Array, radius: float, norm: float) -> bool:
    """Return whether x lies in the closed ball, by the definition, in rational arithmetic."""
    steps = [abs(Fraction(a) - Fraction(b)) for a, b in zip(x.tolist(), center.tolist(), strict=True)]
    if norm == math.inf:
        return all(step <= Fraction(radius) for step in steps)
    return sum(step ** int(norm) for step in steps) <= Fraction(radius) ** int(norm)


def ball_points(center: Array, radius: float, norm: float, n: int, rng: np.random.Generator) -> Array:
    """Return n points of the ball, half of them close to its sphere."""
    step = rng.normal(size=(n, center.size)) * (rng.random((n, center.size)) < 0.7)
    length = np.maximum(np.linalg.norm(step, ord=norm, axis=1, keepdims=True), 1e-300)
    share = np.where(rng.random((n, 1)) < 0.5, rng.random((n, 1)), 1.0)
    return center + step / length * radius * share * (1 - 2.0**-40)


def random_goal(network: Network, points: Array, rng: np.random.Generator) -> Goal:
    """Return right answers that the network mostly gives."""
    values = network(points)
    flip = rng.random(points.shape[0]) < 0.2
    if network.outputs == 1:
        return Goal("sign", np.where((values[:, 0] > 0) != flip, 1.0, -1.0))
    own = np.argmax(values, axis=1)
    return Goal("score", np.where(flip, (own + 1) % network.outputs, own).astype(float))


def check(network: Network, points: Array, radius: float, norm: float, goal: Goal, found: Decision,
          rng: np.random.Generator, tries: int = 100) -> None:
    """Fail if a witness is none, or if random programs are wrong in a ball that is called safe."""
    for i in range(points.shape[0]):
        part = goal.take(np.array([i]))
        if found.verdict[i] == WRONG:
            x = found.witness[i]
            assert in_ball(x, points[i], radius, norm)
            assert (x.astype(network.dtype) == x).all()
            value = np.asarray(network(x[None]), dtype=np.float64)
            assert not part.right(value, value)[0]
        else:
            assert np.isnan(found.witness[i]).all()
        if found.verdict[i] == SAFE:
            x = ball_points(points[i], radius, norm, tries, rng)
            if network.dtype == np.float32:
                x = x.astype(np.float32).astype(np.float64)
                x = np.array([v for v in x if in_ball(v, points[i], radius, norm)]).reshape(-1, points.shape[1])
            values = machine_values(network, x, rng).astype(np.float64)
            assert goal.take(np.full(x.shape[0], i)).right(values, values).all()


# -- verdicts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("widths", [[1, 5, 1], [2, 8, 8, 1], [3, 6, 5, 4, 3], [2, 3]])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_safe_balls_hold_no_wrong_point_and_witnesses_are_wrong(norm: float, widths: list[int], dtype: type) -> None:
    rng = np.random.default_rng(0)
    network = random_network(rng, widths, dtype=dtype, density=1.0)
    points = rng.normal(size=(30, widths[0]))
    goal = random_goal(network, points, rng)
    for radius in (0.02, 0.4):
        found = decide(network, points, radius, norm, goal, budget=3000)
        check(network, points, radius, norm, goal, found, rng)
        assert (found.verdict == SAFE).any()
        assert (found.verdict == WRONG).any()


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 6), st.integers(0, 4), st.sampled_from([1, 3]),
       st.sampled_from(NORMS))
def test_drawn_networks_are_judged_soundly(seed: int, d: int, width: int, hidden: int, outputs: int,
                                           norm: float) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng, [d, *[width] * hidden, outputs])
    points = rng.normal(size=(6, d))
    goal = random_goal(network, points, rng)
    radius = float(2.0 ** -rng.integers(0, 12))
    check(network, points, radius, norm, goal, decide(network, points, radius, norm, goal, budget=200), rng, 50)


def exact_verdict(network: Network, center: float, radius: float, sign: float) -> int | None:
    """Return the verdict on an interval by the exact pieces of the real network; None for a tie that is only touched.

    The least value of a piecewise linear function is taken at a knot.
    """
    low, high = Fraction(center) - Fraction(radius), Fraction(center) + Fraction(radius)
    least = min(Fraction(sign) * value for (value,) in piecewise_1d(network, low, high).values)
    return None if least == 0 else SAFE if least > 0 else WRONG


def test_one_input_agrees_with_the_exact_pieces() -> None:
    rng = np.random.default_rng(1)
    seen = {SAFE: 0, WRONG: 0}
    for _ in range(12):
        network = dyadic_network(rng, [1, 6, 5, 1])
        points = rng.integers(-64, 64, (20, 1)) / 32.0
        goal = random_goal(network, points, rng)
        found = decide(network, points, 0.125, math.inf, goal, budget=20_000)
        for i in range(20):
            expected = exact_verdict(network, points[i, 0], 0.125, goal.value[i])
            if expected is not None:
                assert found.verdict[i] == expected
                seen[expected] += 1
            else:
                assert found.verdict[i] != SAFE
    assert min(seen.values()) > 20


@pytest.mark.parametrize("norm", NORMS)
def test_two_inputs_agree_with_dense_search(norm: float) -> None:
    rng = np.random.default_rng(2)
    network = random_network(rng, [2, 10, 10, 1], density=1.0)
    points = rng.normal(size=(60, 2))
    goal = Goal("sign", np.where(network(points)[:, 0] > 0, 1.0, -1.0))
    found = decide(network, points, 0.2, norm, goal, budget=60_000)
    assert (found.verdict != UNKNOWN).all()
    wrong = np.array([(network(ball_points(x, 0.2, norm, 2000, rng))[:, 0] * s <= 0).any()
                      for x, s in zip(points, goal.value, strict=True)])
    assert (found.verdict[wrong] == WRONG).all()
    assert wrong.sum() >= 0.8 * (found.verdict == WRONG).sum() > 0  # search misses few


def test_students_get_the_verdicts_of_their_exact_rule() -> None:
    rng = np.random.default_rng(3)
    X = con.populations.jittered_lattice(3, 2, 0.4, rng)
    y = rng.choice([-1, 1], 9)
    student = con.memorize(X, y, radius=0.03)
    points, labels = rng.random((40, 2)), rng.choice([-1, 1], 40)
    rule = con.risk.verdicts(student, points, labels, radius=0.02)
    found = decide(student.to_network(), points, 0.02, math.inf, Goal("sign", labels.astype(float)), budget=4000)
    assert (rule >= 0).all()
    decided = found.verdict != UNKNOWN
    assert (found.verdict[decided] == rule[decided]).all()
    assert decided.all()
    own = decide(student.to_network(), X, 0.03, math.inf, Goal("sign", y.astype(float)), budget=4000)
    assert (own.verdict == SAFE).all()


# -- ties, ends and budgets --------------------------------------------------------------------------------

DISTANCE = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], [-0.5])])  # |x| - 1/2


@pytest.mark.parametrize(("center", "radius", "expected"), [
    (1.0, 0.5, WRONG),  # 0 at the end of the closed ball
    (1.0, math.nextafter(0.5, 0.0), SAFE), (1.0, 0.25, SAFE), (0.5, 0.0, WRONG), (0.25, 0.5, WRONG), (0.75, 0.0, SAFE)])
@pytest.mark.parametrize("norm", NORMS)
def test_a_zero_at_the_end_of_the_ball_is_wrong(center: float, radius: float, expected: int, norm: float) -> None:
    (verdict,) = decide(DISTANCE, [[center]], radius, norm, Goal("sign", np.ones(1)), budget=4000).verdict
    # bounds see the last place only up to rounding
    assert verdict in ((expected, UNKNOWN) if radius == math.nextafter(0.5, 0.0) else (expected,))


def test_tied_scores_are_wrong() -> None:
    twins = Network.build([([[1.0], [1.0]], None)])
    found = decide(twins, [[0.5]], 0.25, math.inf, Goal("score", np.zeros(1)), budget=10)
    assert found.verdict.tolist() == [WRONG]


def test_a_budget_that_ends_leaves_unknown_and_never_safe() -> None:
    rng = np.random.default_rng(4)
    network = random_network(rng, [3, 12, 12, 1], density=1.0)
    points = rng.normal(size=(40, 3))
    goal = Goal("sign", np.where(network(points)[:, 0] > 0, 1.0, -1.0))
    full = decide(network, points, 0.3, math.inf, goal, budget=200_000)
    assert (full.verdict == SAFE).any()
    for budget in (0, 1, 39, 40, 60, 200):
        found = decide(network, points, 0.3, math.inf, goal, budget=budget)
        assert found.boxes.sum() <= budget
        decided = found.verdict != UNKNOWN
        assert (found.verdict[decided] == full.verdict[decided]).all()
        if budget < 60:
            assert not decided.all()


def test_a_wrong_point_costs_no_box_if_the_point_itself_is_wrong() -> None:
    found = decide(DISTANCE, [[0.25]], 0.125, math.inf, Goal("sign", np.ones(1)), budget=10)
    assert (found.verdict.tolist(), found.witness.tolist(), found.boxes.tolist()) == ([WRONG], [[0.25]], [0])


def test_touched_zeros_inside_a_ball_are_never_safe() -> None:
    # |x| is 0 at 0 alone: no program's value there is right
    absolute = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    found = decide(absolute, [[0.3]], 0.5, math.inf, Goal("sign", np.ones(1)), budget=5000)
    assert found.verdict[0] != SAFE


def test_real_labels_must_be_equalled() -> None:
    step = Network.build([([[-4.0]], [1.0]), ([[-1.0]], [1.0]), ([[1.0]], None)])  # 0, ramp on [0, 1/4], 1
    goal = Goal("value", np.array([1.0, 1.0, 0.0, 0.5]))
    found = decide(step, [[0.5], [0.375], [-1.0], [0.125]], 0.25, math.inf, goal, budget=500)
    assert found.verdict.tolist() == [SAFE, WRONG, SAFE, WRONG]
    assert decide(step, [[0.125]], 0.0, 2, Goal("value", np.array([0.5])), budget=5).verdict.tolist() == [SAFE]


@pytest.mark.parametrize("norm", NORMS)
def test_smaller_balls_are_not_judged_as_boxes(norm: float) -> None:
    plane = Network.build([([[-1.0, -1.0]], [1.0])])  # 1 - x - y
    found = decide(plane, [[0.0, 0.0]], 0.625, norm, Goal("sign", np.ones(1)), budget=1000)
    assert found.verdict[0] == (WRONG if norm == math.inf else SAFE)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("radius", [5e-324, 1e-300, 1e200, 1.7e308])
def test_extreme_radii_are_judged_without_a_warning(norm: float, radius: float) -> None:
    network = Network.build([([[1.0, -1.0], [2.0, 3.0]], [1.0, 0.0]), ([[1.0, 1.0]], [-0.125])])
    points = np.array([[1.0, 2.0], [-1e300, 1e-300]])
    found = decide(network, points, radius, norm, Goal("sign", np.ones(2)), budget=60)
    check(network, points[:1], radius, norm, Goal("sign", np.ones(1)), found, np.random.default_rng(11), 0)
    assert found.verdict.tolist() in ([[SAFE, WRONG]] if radius < 1 else [[WRONG, WRONG], [UNKNOWN, WRONG]])


def test_no_point_and_no_rival_are_legal() -> None:
    network = random_network(np.random.default_rng(5), [2, 4, 1])
    empty = decide(network, np.zeros((0, 2)), 0.1, math.inf, Goal("sign", np.zeros(0)), budget=10)
    assert (empty.verdict.shape, empty.witness.shape, empty.boxes.shape) == ((0,), (0, 2), (0,))
    alone = decide(network, np.zeros((1, 2)), 0.1, math.inf, Goal("score", np.zeros(1)), budget=10)
    assert alone.verdict.tolist() == [SAFE]


def test_a_full_memory_gives_points_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    network = random_network(rng, [3, 12, 12, 1], density=1.0)
    points = rng.normal(size=(40, 3))
    goal = random_goal(network, points, rng)
    full = decide(network, points, 0.3, math.inf, goal, budget=100_000)
    monkeypatch.setattr(branching, "_OPEN_NUMBERS", 64)
    found = decide(network, points, 0.3, math.inf, goal, budget=100_000)
    decided = found.verdict != UNKNOWN
    assert not decided.all()
    assert (found.verdict[decided] == full.verdict[decided]).all()


def test_float32_witnesses_are_float32_numbers_inside_narrow_balls() -> None:
    # the only float32 number within 2^-30 of 0.1 + 2^-27 ... is none: nothing to be wrong at
    network = Network.build([([[1.0]], None)], np.float32)
    found = decide(network, [[0.1]], 2.0**-60, math.inf, Goal("sign", -np.ones(1)), budget=50)
    assert found.verdict[0] != WRONG
    wide = decide(network, [[0.1]], 2.0**-20, math.inf, Goal("sign", -np.ones(1)), budget=50)
    assert wide.verdict[0] == WRONG
    assert in_ball(wide.witness[0], np.array([0.1]), 2.0**-20, math.inf)


# -- negative controls -------------------------------------------------------------------------------------


def test_lines_on_the_wrong_side_make_a_false_verdict_that_dense_search_refutes(
        monkeypatch: pytest.MonkeyPatch) -> None:
    lines = relaxed.Lines.over

    def flat(bottom: Array, top: Array) -> Any:
        good = lines(bottom, top)
        return relaxed.Lines(good.floor, good.floor, 0 * good.rise, good.lost)

    rng = np.random.default_rng(7)
    network = random_network(rng, [2, 10, 10, 1], density=1.0)
    points = rng.normal(size=(60, 2))
    goal = Goal("sign", np.where(network(points)[:, 0] > 0, 1.0, -1.0))
    good = decide(network, points, 0.5, math.inf, goal, budget=60_000)
    monkeypatch.setattr(relaxed.Lines, "over", staticmethod(flat))
    bad = decide(network, points, 0.5, math.inf, goal, budget=60_000)
    assert ((good.verdict == WRONG) & (bad.verdict == SAFE)).any()


@pytest.mark.parametrize("norm", [1.0, 2.0])
def test_clipping_keeps_every_point_of_the_ball(norm: float) -> None:
    rng = np.random.default_rng(8)
    for radius in (1e-300, 1e-3, 1.0, 1e200):
        center = rng.normal(size=(200, 3)) * radius
        x = np.stack([ball_points(c, radius, norm, 1, rng)[0] for c in center])
        low, high = (x + np.array(s) * radius * rng.random((200, 3)) for s in (-1.0, 1.0))
        bottom, top, meets = branching._clipped(low, high, center, radius, norm)
        assert meets.all()
        assert ((bottom <= x) & (x <= top)).all()
        assert (bottom > low).any()
        far, further = center + 2 * radius, center + 3 * radius
        assert not branching._clipped(far, further, center, radius, norm)[2].any()


# -- arguments ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"centers": [[0.0]]}, ValueError, "centers"), ({"centers": [[0.0, math.nan]]}, ValueError, "centers"),
    ({"radius": -1.0}, ValueError, "radius"), ({"radius": math.inf}, ValueError, "radius"),
    ({"norm": 3}, ValueError, "norm"), ({"budget": -1}, ValueError, "budget"), ({"budget": 1.5}, TypeError, "budget"),
    ({"goal": Goal("sign", np.ones(2))}, ValueError, "goal"), ({"goal": Goal("value", np.ones(1))}, ValueError, "goal"),
])
def test_bad_arguments_are_named(change: dict[str, Any], error: type[Exception], words: str) -> None:
    network = random_network(np.random.default_rng(9), [2, 4, 3])
    arguments = {"centers": [[0.0, 0.0]], "radius": 0.1, "norm": math.inf, "goal": Goal("score", np.ones(1)),
                 "budget": 5, **change}
    with pytest.raises(error, match=words):
        decide(network, **arguments)


# -- what it is for ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_robust_error_of_a_trained_plane_network_closes() -> None:
    from sklearn.datasets import make_moons
    from sklearn.neural_network import MLPClassifier
    X, y = make_moons(1000, noise=0.2, random_state=0)
    model = MLPClassifier((50, 50), max_iter=1000, random_state=0).fit(X[:500], y[:500])
    network, signs = con.as_network(model), 2.0 * y[500:] - 1.0
    rng = np.random.default_rng(10)
    for radius in (0.05, 0.1):
        found = decide(network, X[500:], radius, math.inf, Goal("sign", signs), budget=50_000)
        assert (found.verdict == UNKNOWN).mean() <= 0.02
        check(network, X[500:], radius, math.inf, Goal("sign", signs), found, rng, 20)
