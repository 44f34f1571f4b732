"""Attacks: what they find is proved, what they should find is found, and blindness is reported."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import random_network, rational_values

import constructive as con
from constructive.certificates.attacks import METHODS, attack
from constructive.certificates.goals import Goal
from constructive.certificates.witnesses import Balls, inside_exactly, reevaluate
from constructive.network import Layer, Network

NORMS = (1.0, 2.0, math.inf)
TARGET = con.targets.cosine_product([5.0, 4.0], [-0.5, 0.4])
SIGNS = Goal("sign", np.ones(1))


def signs_of(values: NDArray[Any]) -> Goal:
    return Goal("sign", np.where(values >= 0, 1.0, -1.0))


def balanced(network: Network, centers: NDArray[np.float64]) -> Network:
    """Return the network with each output less its median at the centers, so that answers change often."""
    last = network.layers[-1]
    return Network((*network.layers[:-1],
                    Layer.build(last.weight, last.bias - np.median(network(centers), axis=0), network.dtype)))


def needle(centers: list[float], width: float, sharp: float = 4.0) -> Network:
    """Return 1 off a box of the given half-width round a point, -1 in its middle: faces, one bump, output."""
    d = len(centers)
    weight = np.concatenate([np.eye(d), -np.eye(d)])
    bias = np.concatenate([-(np.array(centers) + width), np.array(centers) - width])
    return Network.build([(weight, bias), (-sharp / width * np.ones((1, 2 * d)), [1.0]), ([[-2.0]], [1.0])])


# -- what is found is proved ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("norm", NORMS)
def test_witnesses_are_inside_the_real_ball_in_format_and_wrong(norm: float, dtype: type) -> None:
    rng = np.random.default_rng(3)
    found = 0
    for widths in ([1, 7, 1], [3, 9, 7, 1], [2, 8, 3]):
        network = random_network(rng, widths, dtype=dtype)
        centers = rng.normal(size=(30, widths[0]))  # no float32 numbers
        values = np.asarray(network(centers), np.float64)
        goal = signs_of(values[:, 0]) if widths[-1] == 1 else Goal("score", values.argmax(axis=1).astype(float))
        result = attack(network, centers, 0.3, norm, goal, starts=2, steps=5)
        for i in np.flatnonzero(result.wrong):
            x = result.witness[i]
            assert inside_exactly(centers[i], x, 0.3, norm)
            assert (x.astype(dtype) == x).all()
            out = np.asarray(network(x[None]), np.float64)
            assert not goal.take(np.array([i])).right(out, out)[0]
        found += int(result.wrong.sum())
        assert np.isnan(result.witness[~result.wrong]).all()
        assert ((result.method >= 0) == result.wrong).all()
    assert found >= 10


def test_witnesses_with_a_clear_margin_are_wrong_in_exact_arithmetic() -> None:
    rng = np.random.default_rng(4)
    centers = rng.normal(size=(60, 2))
    network = balanced(random_network(rng, [2, 10, 8, 1]), centers)
    goal = signs_of(network(centers)[:, 0])
    result = attack(network, centers, 0.4, 2, goal)
    clear = np.flatnonzero(result.wrong & (result.margin < -1e-9))
    assert clear.size >= 3
    for i in clear:
        real = reevaluate(network, result.witness[i], goal.take(np.array([i])))
        assert real.wrong
        assert real.margin == int(goal.value[i]) * rational_values(network, result.witness[i])[0]


def test_a_fault_that_leaves_the_ball_makes_no_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: points of a ball twice as large are evaluated and wrong, and none of them is kept."""
    network, center = Network.build([([[-1.0, 0.0]], [0.75])]), np.array([[0.25, 0.5]])
    for norm in NORMS:
        assert attack(network, center, 0.625, norm, SIGNS).wrong[0]
        assert not attack(network, center, 0.375, norm, SIGNS).wrong[0]
    monkeypatch.setattr(Balls, "pull", lambda balls, points: balls.anchor + 2 * (points - balls.anchor))
    for norm in NORMS:
        assert not attack(network, center, 0.375, norm, SIGNS).wrong[0]


def test_a_radius_of_zero_tries_the_center_alone() -> None:
    network = Network.build([([[1.0]], [0.0])])
    result = attack(network, [[0.5], [-0.5], [0.0]], 0.0, 2, Goal("sign", np.ones(3)))
    assert result.wrong.tolist() == [False, True, True]
    assert result.method.tolist() == [-1, 0, 0]
    assert result.witness[1:].ravel().tolist() == [-0.5, 0.0]


@pytest.mark.parametrize("norm", NORMS)
def test_the_closed_ball_is_attacked_up_to_its_very_end(norm: float) -> None:
    """The only wrong point is on the boundary; one unit in the last place less, and nothing is wrong."""
    network = Network.build([([[-1.0, 0.0]], [0.75])])
    at, short = (attack(network, [[0.25, 0.5]], r, norm, SIGNS) for r in (0.5, math.nextafter(0.5, 0.0)))
    assert at.wrong[0]
    assert at.witness[0, 0] == 0.75
    assert not short.wrong[0]


def test_real_labels_are_wrong_at_any_other_value() -> None:
    ramp = Network.build([([[1.0]], [-0.5]), ([[1.0]], [0.25])])  # 1/4 up to 1/2, then rising
    centers = np.array([[0.125], [0.375]])
    result = attack(ramp, centers, 0.25, math.inf, Goal("value", np.full(2, 0.25)))
    assert result.wrong.tolist() == [False, True]
    assert result.margin.tolist() == [0.0, -0.125]
    assert result.blind.all()


def test_equal_seeds_give_equal_results() -> None:
    rng = np.random.default_rng(5)
    network, centers = random_network(rng, [5, 12, 10, 1]), rng.normal(size=(40, 5))
    goal = signs_of(network(centers)[:, 0])
    a, b = (attack(network, centers, 0.2, 2, goal, rng=11) for _ in range(2))
    assert np.array_equal(a.witness, b.witness, equal_nan=True)
    assert np.array_equal(a.margin, b.margin)
    assert np.array_equal(a.method, b.method)
    assert a.evaluations == b.evaluations


def test_arguments_are_left_as_they_were() -> None:
    rng = np.random.default_rng(6)
    network, centers = random_network(rng, [2, 6, 1]), rng.normal(size=(10, 2))
    guides, before = centers[::-1].copy(), centers.copy()
    attack(network, centers, 0.5, 1, signs_of(network(centers)[:, 0]), guides=guides, starts=4)
    assert np.array_equal(centers, before)
    assert np.array_equal(guides, before[::-1])


# -- what should be found ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
@settings(max_examples=25)
@given(data=st.data())
def test_linear_margins_reach_the_closed_form(norm: float, data: st.DataObject) -> None:
    """min over the ball of w . x + b is w . c + b - r |w|_dual."""
    d = data.draw(st.integers(1, 5))
    part = st.integers(-16, 16).map(lambda k: k / 4)
    w, c = (np.array(data.draw(st.lists(part, min_size=d, max_size=d))) for _ in range(2))
    radius = data.draw(st.integers(1, 8)) / 8
    dual = {1.0: np.abs(w).max(), 2.0: math.sqrt(float(w @ w)), math.inf: np.abs(w).sum()}[norm]
    base = float(w @ c)
    network = Network.build([(w[None], [radius * dual + 1.0 - base])])  # so that nothing is wrong
    result = attack(network, c[None], radius, norm, SIGNS, starts=1)
    assert abs(result.margin[0] - 1.0) <= 1e-9
    assert not result.wrong[0]
    assert result.blind[0] == (not w.any())


@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_needle_is_found_by_its_walls_and_not_by_gradients_alone(d: int) -> None:
    center = [0.3, 0.7, 0.45][:d]
    network, point = needle(center, 2.0**-20), np.full((1, d), 0.5)
    assert network([center])[0, 0] == -1.0
    blind = attack(network, point, 0.25, math.inf, SIGNS, methods=("center", "corners", "gradients"), starts=32)
    assert not blind.wrong[0]
    assert blind.blind[0]
    assert blind.blind_starts[0]
    found = attack(network, point, 0.25, math.inf, SIGNS)
    assert found.wrong[0]
    assert METHODS[found.method[0]] == "walls"
    assert not attack(network, point, 0.125, math.inf, SIGNS).wrong[0]  # the needle is not in this ball


def test_a_needle_across_no_axis_is_found_by_a_line() -> None:
    """A ridge of width 2^-20 along x + y = 1.1: no wall and no bump, but a bend on a segment."""
    edge, w = 1.1, 2.0**-20
    network = Network.build([([[1.0, 1.0]] * 3, [w - edge, -edge, -w - edge]), ([[-2 / w, 4 / w, -2 / w]], [1.0])])
    point = np.array([[0.5, 0.5]])
    assert not attack(network, point, 0.25, 2, SIGNS, methods=("center", "corners", "walls", "gradients")).wrong[0]
    found = attack(network, point, 0.25, 2, SIGNS)
    assert METHODS[found.method[0]] == "lines"
    assert found.margin[0] < -0.9


@pytest.mark.parametrize(("order", "norm"), [(1, 1.0), (1, 2.0), (1, math.inf), (2, math.inf), (3, 2.0)])
def test_the_bands_of_teachers_on_cells_are_found(order: int, norm: float) -> None:
    """Clean points with the target far from 0 in the whole ball: only a band can be wrong there."""
    teacher = con.taylor_cells(TARGET, order=order, cells=8)
    network, delta = teacher.to_network(), 0.004
    points = np.random.default_rng(0).random((200, 2))
    heights = TARGET(points)
    points = points[np.abs(heights) > teacher.error.upper + 9 * delta + 0.1]
    goal = signs_of(TARGET(points))
    assert goal.right(network(points), network(points)).all()
    result = attack(network, points, delta, norm, goal)
    assert result.wrong.sum() >= 0.02 * points.shape[0]
    assert not teacher.region.contains(result.witness[result.wrong]).any()
    plain = attack(network, points, delta, norm, goal, methods=("center", "corners", "gradients"))
    assert plain.wrong.sum() == 0
    if order == 1:
        assert result.blind.all()


@pytest.mark.parametrize("norm", NORMS)
def test_nearly_everything_that_a_dense_grid_finds_is_found(norm: float) -> None:
    """Over 48 such networks in each norm it was all of 1131 balls; 95 % is asserted."""
    rng = np.random.default_rng(7)
    steps, radius = np.linspace(-1, 1, 81) * (1 - 2.0**-40), 0.25
    seen = both = 0
    for widths in ([1, 20, 10, 1], [2, 10, 10, 1], [2, 24, 1], [2, 12, 12, 3]) * 3:
        d, network = widths[0], random_network(rng, widths)
        grid = radius * np.stack(np.meshgrid(*[steps] * d), axis=-1).reshape(-1, d)
        grid = grid[np.linalg.norm(grid, ord=norm, axis=1) <= radius * (1 - 2.0**-40)]
        centers = rng.normal(size=(25, d))
        network = balanced(network, centers)
        values = network(centers)
        goal = signs_of(values[:, 0]) if widths[-1] == 1 else Goal("score", values.argmax(axis=1).astype(float))
        around = network(centers[:, None] + grid)
        dense = np.array([not goal.take(np.full(len(grid), i)).right(v, v).all() for i, v in enumerate(around)])
        found = attack(network, centers, radius, norm, goal).wrong
        seen, both = seen + int(dense.sum()), both + int((dense & found).sum())
    assert seen >= 40
    assert both >= 0.95 * seen


def test_guides_lead_to_the_bumps_of_other_labels() -> None:
    """In six dimensions a box of half-width 2^-10 is not met by chance; its center as a guide is enough."""
    rng = np.random.default_rng(8)
    X = rng.random((40, 6))
    y = np.where(np.arange(40) % 2 == 0, 1, -1)
    network = con.memorize(X, y, radius=2.0**-10, ramp=2.0**-10).to_network()
    own = X[0] + 0.0
    rival = X[1]
    point = rival + 0.05 * (own - rival)
    radius = float(np.abs(point - rival).max())
    goal = Goal("sign", np.array([1.0]))
    result = attack(network, point[None], radius, math.inf, goal, guides=rival[None], methods=("center", "guides"))
    assert result.wrong[0]
    # and from the weights alone, without any guide
    assert attack(network, point[None], radius, math.inf, goal, methods=("center", "walls")).wrong[0]


# -- blindness is reported --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("classes", [2, 3])
def test_gradients_are_exactly_zero_at_all_training_points(classes: int, precision: str) -> None:
    rng = np.random.default_rng(9)
    X = con.populations.jittered_lattice(5, 2, 0.4, rng)
    y = rng.integers(0, classes, X.shape[0])
    teacher = con.taylor_partition(TARGET, order=2, cells=4) if classes == 2 else None
    student = con.memorize(X, y, radius=0.02, teacher=teacher, precision=precision)
    goal = Goal("sign", np.where(y > 0, 1.0, -1.0)) if classes == 2 else Goal("score", y.astype(float))
    result = attack(student.to_network(), X, 0.0, math.inf, goal)
    assert result.blind.all()
    assert not result.wrong.any()
    assert "25 of 25 others have a zero gradient" in str(result)


def test_a_linear_model_is_not_blind_anywhere() -> None:
    centers = np.random.default_rng(10).normal(size=(20, 3))
    network = Network.build([([[1.0, -2.0, 0.5]], [0.25])])
    result = attack(network, centers, 0.1, 2, signs_of(network(centers)[:, 0]))
    assert not result.blind.any()
    assert not result.blind_starts.any()


def test_a_start_with_a_slope_ends_blindness_at_every_start() -> None:
    hinge = Network.build([([[1.0]], [-0.5]), ([[-0.5]], [1.0])])  # flat up to 1/2, then falling, never wrong here
    result = attack(hinge, [[0.25], [0.0]], 0.5, math.inf, Goal("sign", np.ones(2)))
    assert result.blind.tolist() == [True, True]
    assert result.blind_starts.tolist() == [False, True]


# -- limits and refusals ----------------------------------------------------------------------------------------------


def test_work_is_counted_and_bounded() -> None:
    rng = np.random.default_rng(12)
    network, centers = random_network(rng, [3, 20, 20, 1]), rng.normal(size=(50, 3))
    goal = signs_of(network(centers)[:, 0])
    cost = sum(layer.weight.nnz for layer in network.layers)
    small = attack(network, centers, 0.01, 2, goal, work=1000 * cost)
    assert small.exhausted
    assert small.work == small.evaluations * cost
    assert 100 <= small.evaluations <= 1000
    tiny = attack(network, centers, 0.01, 2, goal, work=1)
    assert tiny.evaluations == 100  # the centers, with their gradients, are always looked at
    assert not attack(network, centers, 0.01, 2, goal).exhausted


def test_little_work_goes_to_the_smallest_margin_first() -> None:
    """1/4 up to 0, 5/4 at 1, then falling: the ball round -4 resists all attacks, the one round 2 does not."""
    network = Network.build([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, -2.0]], [0.25])])
    for place, found in ((2.0, False), (2.125, True)):  # margins 1/4, a tie, and 1/8
        centers = np.array([[-4.0], [place]])
        result = attack(network, centers, 0.5, math.inf, Goal("sign", np.ones(2)), work=4 * (4 + 100))
        assert result.wrong.tolist() == [False, found]
        assert result.exhausted
        assert attack(network, centers, 0.5, math.inf, Goal("sign", np.ones(2))).wrong.tolist() == [False, True]


def test_a_ball_without_a_point_of_the_format_is_left_alone() -> None:
    network = Network.build([([[1.0]], [-1.0])], np.float32)
    result = attack(network, [[0.1]], 0.0, math.inf, SIGNS)  # 0.1 is no float32 number
    assert not result.wrong[0]
    assert result.margin[0] == math.inf


@pytest.mark.parametrize(("change", "kind", "words"), [
    ({"radius": -1.0}, ValueError, "radius"),
    ({"norm": 3}, ValueError, "norm"),
    ({"starts": 0}, ValueError, "starts"),
    ({"steps": 2.5}, TypeError, "steps"),
    ({"work": 0}, ValueError, "work"),
    ({"centers": [[0.0]]}, ValueError, "centers"),
    ({"guides": [[0.0]]}, ValueError, "guides"),
    ({"guides": np.zeros((3, 1, 2))}, ValueError, "guides"),
    ({"guides": [[0.0, math.nan]]}, ValueError, "guides"),
    ({"methods": ("corner",)}, ValueError, "methods"),
    ({"methods": "lines"}, ValueError, "methods"),
    ({"goal": Goal("sign", np.ones(3))}, ValueError, "goal has 3 rows for 2"),
    ({"goal": Goal("score", np.zeros(2))}, ValueError, "outputs"),
    ({"goal": np.ones(2)}, TypeError, "Goal"),
])
def test_bad_arguments_are_named(change: dict[str, Any], kind: type[Exception], words: str) -> None:
    arguments: dict[str, Any] = {"centers": np.zeros((2, 2)), "radius": 0.5, "norm": 2,
                                 "goal": Goal("sign", np.ones(2)), **change}
    with pytest.raises(kind, match=words):
        attack(Network.build([([[1.0, 1.0]], [0.5])]), **arguments)


def test_scores_of_one_output_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 1"):
        attack(Network.build([(np.eye(2), None)]), np.zeros((1, 2)), 0.5, 2, SIGNS)


def test_margins_are_rational_where_asked() -> None:
    network = Network.build([([[0.1]], [-0.3])])
    real = reevaluate(network, [3.0], SIGNS)
    assert real.margin == 3 * Fraction(0.1) - Fraction(0.3)
    assert network([[3.0]])[0, 0] == 0.1 * 3.0 - 0.3
