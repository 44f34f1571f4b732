"""The independent checker: what it proves is true, what it refutes is false, and no bytes make it fall."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from checker_cases import (
    claim_file,
    contradicted,
    judged,
    opened,
    random_network,
    resealed,
    small_student,
    student_file,
)
from numpy.typing import NDArray

from constructive.certificates import checker
from constructive.certificates.checker import check
from constructive.certificates.filing import Subject, file_bytes
from constructive.certificates.goals import Goal, goal_of
from constructive.network import Network
from constructive.students import Recipe, memorize, separation
from constructive.teachers import fit_cells

Array = NDArray[np.float64]


# -- arithmetic -----------------------------------------------------------------------------------------------


def test_integers_are_the_doubles_exactly() -> None:
    rng = np.random.default_rng(0)
    values = np.append(rng.standard_normal(50) * 2.0 ** rng.integers(-300, 300, 50), [0.0, -0.0, 5e-324, 1.0, -3.5])
    scale = checker.fineness(values)
    found = checker.integers(values, scale)
    assert [Fraction(int(v), 1 << scale) for v in found] == [Fraction(float(v)) for v in values]


@pytest.mark.parametrize(("name", "kind"), [("float64", np.float64), ("float32", np.float32)])
def test_rounding_to_nearest_is_that_of_the_format(name: str, kind: type) -> None:
    rng = np.random.default_rng(1)
    a = (rng.standard_normal(4000) * 2.0 ** rng.integers(-140, 60, 4000)).astype(kind)
    b = np.where(rng.random(4000) < 0.5, a * 2.0 ** -rng.integers(20, 56, 4000), rng.standard_normal(4000)).astype(kind)
    want = a + b
    scale = checker.fineness(a, b, want)
    exact = checker.integers(a, scale) + checker.integers(b, scale)
    assert (checker.rounded(exact, scale, checker.FORMATS[name]) == checker.integers(want, scale)).all()


def test_rounding_up_gives_the_next_number() -> None:
    values = np.array([1.0, -1.0, 1 / 3, -1e-310])
    scale = 1200
    exact = checker.integers(values, scale)
    form = checker.FORMATS["float64"]
    assert (checker.rounded(exact, scale, form, up=True) == exact).all()
    beyond = checker.rounded(exact + 1, scale, form, up=True)
    assert (beyond == checker.integers(np.nextafter(values, np.inf), scale)).all()


def upper_end_of(terms: list[int], scale: int, form: tuple[int, int, int]) -> int:
    return int(checker.upper_end(np.array(terms, object), np.zeros(1, np.int64), scale, form)[0])


@pytest.mark.parametrize(("name", "kind"), [("float64", np.float64), ("float32", np.float32)])
def test_no_order_of_summation_exceeds_the_upper_end(name: str, kind: Any) -> None:
    rng = np.random.default_rng(2)
    for _ in range(400):
        terms = (rng.integers(-64, 64, rng.integers(1, 7)) * 2.0 ** rng.integers(-30, 5, 1)).astype(kind)
        if rng.random() < 0.5:
            terms = (terms * rng.standard_normal(terms.size)).astype(kind)
        scale = 1200
        top = upper_end_of(checker.integers(terms, scale).tolist(), scale, checker.FORMATS[name])
        for _ in range(12):
            left = [kind(t) for t in terms]
            while len(left) > 1:
                a, b = left.pop(rng.integers(len(left))), left.pop(rng.integers(len(left)))
                left.append(kind(a + b))
            assert checker.integers(np.array(left), scale)[0] <= top


TINY = (3, -6, 9)
"""A format of three bits, so that every program on a few summands can be tried."""


def nearest(value: Fraction) -> Fraction:
    """Return the number of the tiny format next to a value, ties to even; the definition, not the checker's shifts."""
    if value == 0:
        return value
    size = math.floor(math.log2(abs(value))) - TINY[0] + 1  # exact: the logarithm of such small fractions is not near
    step = Fraction(2) ** max(size, TINY[1])
    return round(value / step) * step


def results(terms: tuple[Fraction, ...]) -> set[Fraction]:
    """Return what all programs can make of a sum of products: any tree, each product rounded or fused."""
    if len(terms) == 1:
        return {nearest(terms[0])}
    found = set()
    for bits in range(1, 2 ** (len(terms) - 1)):  # the first summand stays on the right side
        left = tuple(t for k, t in enumerate(terms[1:]) if bits >> k & 1)
        right = (terms[0], *(t for k, t in enumerate(terms[1:]) if not bits >> k & 1))
        ways = [(a, b) for a in results(left) for b in results(right)]
        ways += [(left[0], b) for b in results(right)] if len(left) == 1 else []
        ways += [(a, right[0]) for a in results(left)] if len(right) == 1 else []
        found |= {nearest(a + b) for a, b in ways}
    return found


def test_the_upper_end_holds_for_every_program_on_a_tiny_format_and_is_often_reached() -> None:
    rng = np.random.default_rng(20)
    reached = 0
    for _ in range(500):
        terms = [int(v) for v in rng.integers(-60, 61, rng.integers(1, 5)) * 2 ** rng.integers(0, 3)]  # times 2^-8
        top = Fraction(upper_end_of(terms, 8, TINY), 2**8)
        best = max(results(tuple(Fraction(t, 2**8) for t in terms)))
        assert best <= top, terms
        reached += best == top
    assert reached >= 150


def test_a_sum_near_overflow_is_not_bounded() -> None:
    with pytest.raises(ArithmeticError, match="overflow"):
        upper_end_of([2**15, -(2**15)], 8, TINY)


# -- what is true is confirmed --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float64", "real"])
@pytest.mark.parametrize(("recipe", "k"), [("clip", 2), ("clip", 4), ("clip", 0), ("additive", 2), ("argmax", 3),
                                           ("lean", 2), ("lean", 4), (Recipe(gate="height"), 0),
                                           (Recipe(one_sided=True), 2), (Recipe(share=True, merge=True), 2)])
def test_students_are_confirmed(recipe: Any, k: int, kind: str) -> None:
    found = check(student_file(small_student(4, recipe, k=k), kind))
    assert (found.verdict, found.proved) == ("confirmed", 30), found


@pytest.mark.parametrize("kind", ["float32", "real"])
@pytest.mark.parametrize(("recipe", "k"), [("clip", 2), ("clip", 0), ("lean", 4)])
def test_float32_students_are_confirmed(recipe: str, k: int, kind: str) -> None:
    assert check(student_file(small_student(5, recipe, "float32", k=k), kind)).verdict == "confirmed"


def test_a_student_with_a_teacher_is_confirmed() -> None:
    rng = np.random.default_rng(6)
    X = rng.random((80, 2))
    y = np.where(X.sum(axis=1) > 1, 1.0, -1.0)
    y[:8] *= -1
    teacher = fit_cells(X, y, order=2, cells=3, amplitude=1.0)
    for recipe in ("clip", "additive"):
        student = memorize(X, y, radius=0.3 * separation(X, y).distance, teacher=teacher, recipe=recipe)
        assert check(student_file(student)).verdict == "confirmed"


def test_small_general_networks_are_decided_by_cutting_boxes() -> None:
    bend = Network.build([([[1.0], [1.0]], [0.0, -0.5]), ([[1.0, -2.0]], [0.25])])  # 1/4 + x, then 5/4 - x
    goal = Goal("sign", np.array([1.0]))
    assert check(claim_file(bend, np.array([[0.5]]), goal, 0.7)).verdict == "confirmed"
    assert check(claim_file(bend, np.array([[0.5]]), goal, 0.8)).verdict == "refuted"


# -- what is false is not -------------------------------------------------------------------------------------


def test_nothing_false_is_confirmed_and_nothing_true_refuted_on_random_networks() -> None:
    rng = np.random.default_rng(7)
    counts = {"confirmed": 0, "refuted": 0, "undecided": 0}
    for case in range(120):
        d, kind = int(rng.integers(1, 4)), ("sign", "score", "value")[case % 3]
        outputs = 3 if kind == "score" else 1
        network = random_network(rng, d, outputs)
        X = rng.standard_normal((3, d))
        raw = np.array([[float(v) for v in network.exact(x.tolist())] for x in X])
        goal = {"sign": Goal("sign", np.where(raw[:, 0] > 0, 1.0, -1.0)),
                "score": Goal("score", raw.argmax(axis=1) * 1.0), "value": Goal("value", raw[:, 0])}[kind]
        radius = float(2.0 ** rng.integers(-8, 1))
        found = check(claim_file(network, X, goal, radius))
        counts[found.verdict] += 1
        if found.verdict == "confirmed":
            assert not contradicted(network, X, goal, radius, rng)
        if found.verdict == "refuted":
            assert found.witness is not None
            i, point, _ = found.witness
            assert max(abs(Fraction(a) - Fraction(float(b))) for a, b in zip(point, X[i], strict=True)) <= radius
            assert not judged(network, point, goal, i)
    assert min(counts["confirmed"], counts["refuted"]) >= 20, counts


@pytest.mark.parametrize("kind", ["float64", "real"])
def test_a_radius_beyond_the_memorized_one_is_not_confirmed(kind: str) -> None:
    student = small_student(8)
    distance = separation(student.X, student.y).distance
    found = check(student_file(student, kind, radius=0.51 * distance))
    assert found.verdict != "confirmed"


@pytest.mark.parametrize("norm", [1.0, 2.0])
def test_a_witness_lies_in_the_ball_of_the_norm_and_not_only_in_its_box(norm: float) -> None:
    plane = Network.build([([[1.0, 1.0]], [-1.5])])
    X, goal = np.array([[0.0, 0.0]]), Goal("sign", np.array([-1.0]))
    assert check(claim_file(plane, X, goal, 1.0, norm=math.inf)).verdict == "refuted"
    assert check(claim_file(plane, X, goal, 1.0, norm=norm)).verdict == "undecided"
    assert check(claim_file(plane, X, goal, 0.5, norm=norm)).verdict == "confirmed"
    assert check(claim_file(plane, X, goal, 2.0, norm=norm)).verdict == "refuted"


def test_a_tie_and_a_score_of_zero_are_wrong() -> None:
    zero = Network.build([([[1.0]], None)])
    assert check(claim_file(zero, np.zeros((1, 1)), Goal("sign", np.ones(1)), 0.0)).verdict == "refuted"
    both = Network.build([([[1.0], [1.0]], None)])
    assert check(claim_file(both, np.ones((1, 1)), Goal("score", np.zeros(1)), 0.0)).verdict == "refuted"


def test_what_holds_for_reals_but_not_for_every_program_is_told_apart() -> None:
    # 1 + 2^-60 - 1 is positive, but a machine may add the first two and return 0
    thin = Network.build([([[1.0], [2.0**-60], [-1.0]], None), ([[1.0, 1.0, -1.0]], [0.0])])
    flat = Network.build([([[1.0, 2.0**-60, -1.0]], None)])
    assert thin.depth == 2
    X, goal = np.ones((1, 3)), Goal("sign", np.ones(1))
    assert check(claim_file(flat, X, goal, 0.0, "real")).verdict == "confirmed"
    assert check(claim_file(flat, X, goal, 0.0, "float64")).verdict == "undecided"


def test_a_bad_order_costs_time_never_truth() -> None:
    student = small_student(9, n=60)
    data = student_file(student)
    head, arrays = opened(data)
    places = [k for k, (name, _) in enumerate(arrays) if name == "order"]
    name, order = arrays[places[0]]
    arrays[places[0]] = (name, np.random.default_rng(0).permutation(order))
    assert check(resealed(head, arrays)).verdict == "confirmed"


@pytest.mark.parametrize("fault", range(6))
def test_a_planted_fault_is_noticed(fault: int) -> None:
    student = small_student(10, "clip", k=0)
    head, arrays = opened(student_file(student))
    rng = np.random.default_rng(fault)
    named = dict(arrays)
    if fault == 0:
        named["y"] = named["y"].copy()
        named["y"][3] = np.nextafter(named["y"][3], 9)
    elif fault == 1:
        named["X"] = named["X"].copy()
        named["X"][3] += 0.5
    else:  # a face of some bump comes nearer to its datum
        f = int(rng.integers(named["bias0"].size))
        named["bias0"] = named["bias0"].copy()
        named["bias0"][f] += student.radius
    found = check(resealed(head, list(named.items())))
    assert found.verdict in ("refuted", "undecided"), found


# -- the edges of the claim -----------------------------------------------------------------------------------


def dense(network: Network, x: list[float]) -> Array:
    """Return the output of the program that multiplies zero weights too, as an exported network does."""
    values = np.array(x)
    for k, layer in enumerate(network.layers):
        with np.errstate(all="ignore"):
            values = layer.weight.toarray() @ values + layer.bias
        values = values if k + 1 == network.depth else np.maximum(values, 0)
    return np.asarray(values)


def test_a_unit_that_nobody_reads_may_not_overflow() -> None:
    for first, second in (([[1.0], [1e300]], [[1.0, 0.0]]), ([[1.0], [1.0]], [[1.0, 0.0], [0.0, 1e300]])):
        maps = [(first, None), (second, None)] + ([([[1.0, 0.0]], None)] if len(second) == 2 else [])
        network = Network.build(maps)
        X, goal = np.array([[1e10]]), Goal("sign", np.ones(1))
        assert np.isnan(dense(network, [1e10])).all()
        assert check(claim_file(network, X, goal, 0.0, "float64")).verdict == "undecided"
        assert check(claim_file(network, X, goal, 0.0, "real")).verdict == "confirmed"


def test_a_face_of_a_bump_far_away_may_not_overflow() -> None:
    faces = ([[1.0], [-1.0], [1e10], [-1e10]], [-2e299, 0.0, -1.0, -1.0])
    bumps = ([[-1.0, -1.0, 0.0, 0.0], [0.0, 0.0, -1.0, -1.0]], [1.0, 1.0])
    network = Network.build([faces, bumps, ([[1.0, 1.0]], [0.5])])
    X, goal = np.array([[1e299]]), Goal("sign", np.ones(1))
    assert np.isnan(dense(network, [1e299])).all()
    assert check(claim_file(network, X, goal, 0.0, "float64")).verdict == "undecided"
    assert check(claim_file(network, X, goal, 0.0, "real")).verdict == "confirmed"


@pytest.mark.parametrize("kind", ["float64", "real"])
def test_negative_zeros_are_zeros(kind: str) -> None:
    layer = ([[1.0], [-1.0]], [-0.0, -0.0])
    network = Network.build([layer, ([[1.0, -1.0]], [-0.0])])
    X = np.array([[-0.0]])
    assert check(claim_file(network, X, Goal("value", np.array([-0.0])), 0.0, kind)).verdict == "confirmed"
    assert check(claim_file(network, X, Goal("value", np.array([0.0])), 0.0, kind)).verdict == "confirmed"
    assert check(claim_file(network, X, Goal("sign", np.ones(1)), 0.0, kind)).verdict == "refuted"
    assert check(claim_file(network, X, Goal("sign", -np.ones(1)), 0.0, kind)).verdict == "refuted"


def test_subnormal_numbers_are_told_from_zero() -> None:
    tiny = 5e-324
    plain = Network.build([([[1.0]], None)])
    half = Network.build([([[0.5]], None)])
    X, goal = np.array([[tiny]]), Goal("sign", np.ones(1))
    for kind in ("float64", "real"):
        assert check(claim_file(plain, X, goal, 0.0, kind)).verdict == "confirmed"
    assert check(claim_file(half, X, goal, 0.0, "real")).verdict == "confirmed"
    assert check(claim_file(half, X, goal, 0.0, "float64")).verdict != "confirmed"  # a machine returns 0
    assert check(claim_file(plain, X, goal, tiny, "real")).verdict == "refuted"  # the ball reaches 0


@pytest.mark.parametrize("kind", ["float64", "real"])
def test_a_ball_ends_where_its_last_number_does(kind: str) -> None:
    shifted = Network.build([([[1.0]], [-1.25])])
    X, goal = np.array([[2.0]]), Goal("sign", np.ones(1))
    assert check(claim_file(shifted, X, goal, 0.75 - 2.0**-52, kind)).verdict == "confirmed"
    # the end of this ball lies between two numbers; its box reaches to the outer one, where the output is 0
    assert check(claim_file(shifted, X, goal, 0.75 - 2.0**-53, kind)).verdict == "undecided"
    found = check(claim_file(shifted, X, goal, 0.75, kind))  # 0 at the very end of the closed ball
    assert (found.verdict, found.witness and found.witness[1]) == ("refuted", (1.25,))


@pytest.mark.parametrize(("norm", "radius", "point"), [(1.0, 2.0, (2.0, 0.0)), (2.0, 5.0, (3.0, 4.0)),
                                                       (math.inf, 1.0, (1.0, 1.0))])
def test_a_witness_may_lie_on_the_sphere_but_not_a_step_outside(norm: float, radius: float,
                                                                point: tuple[float, float]) -> None:
    a, b = (1.0, 0.0) if norm == 1 else point
    size = a * point[0] + b * point[1]
    plane = Network.build([([[-a, -b]], [size])])  # 0 at the point, positive on the open ball
    X, goal = np.zeros((1, 2)), Goal("sign", np.ones(1))
    subject = Subject(plane, X, goal)
    at, beyond = (file_bytes(subject, kind="real", radius=r, norm=norm, about={},
                             witness=(0, np.array(point), np.zeros(1))) for r in (radius, np.nextafter(radius, 0.0)))
    found = check(at)
    assert (found.verdict, found.witness and found.witness[1]) == ("refuted", point)
    assert check(beyond).verdict == ("confirmed" if norm != 2 else "undecided")


def test_a_witness_of_huge_numbers_is_passed_over() -> None:
    for form in ("float64", "float32"):
        network = Network.build([([[1.0]], None)], np.dtype(form).type)
        data = file_bytes(Subject(network, np.ones((1, 1)), Goal("sign", np.ones(1))), kind=form, radius=0.5,
                          norm=math.inf, about={}, witness=(0, np.array([1.7e308]), np.zeros(1)))
        assert check(data).verdict == "confirmed"


@pytest.mark.parametrize("kind", ["float64", "real"])
def test_a_constant_network_of_one_layer_is_judged(kind: str) -> None:
    zero = Network.build([(np.zeros((3, 2)), [0.5, -1.0, 0.25])])
    X = np.array([[1.0, -0.0], [3.0, 4.0]])
    assert check(claim_file(zero, X, Goal("score", np.zeros(2)), 0.5, kind)).verdict == "confirmed"
    assert check(claim_file(zero, X, Goal("score", np.array([0.0, 1.0])), 0.5, kind)).verdict == "refuted"
    empty = Network.build([(np.zeros((2, 2)), None), (np.zeros((3, 2)), [0.5, -1.0, 0.5])])  # a tie of two
    assert check(claim_file(empty, X, Goal("score", np.zeros(2)), 0.5, kind)).verdict == "refuted"


def test_a_class_that_never_wins_is_no_harm_and_no_goal() -> None:
    network = Network.build([([[1.0], [-1.0]], None), ([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0.0, 0.0, -1.0])])
    X = np.array([[2.0], [-2.0]])
    assert check(claim_file(network, X, Goal("score", np.array([0.0, 1.0])), 1.0, "float64")).verdict == "confirmed"
    assert check(claim_file(network, X, Goal("score", np.array([0.0, 2.0])), 1.0, "float64")).verdict == "refuted"


def test_the_same_datum_twice_is_confirmed_once_or_refuted() -> None:
    student = small_student(21)
    X, goal = np.vstack([student.X, student.X]), goal_of(student.labels)
    twice = Goal(goal.kind, np.tile(goal.value, 2))
    network = student.to_network()
    assert check(claim_file(network, X, twice, student.radius, "float64")).proved == 60
    other = Goal(goal.kind, np.append(goal.value, -goal.value))
    assert check(claim_file(network, X, other, student.radius, "float64")).verdict == "refuted"


def test_data_between_the_numbers_of_float32_are_boxed_by_their_neighbors() -> None:
    step = Network.build([([[1.0]], [-1.0])], np.float32)
    X, goal = np.array([[1 + 2.0**-40]]), Goal("sign", np.ones(1))
    assert check(claim_file(step, X, goal, 0.0, "real")).verdict != "refuted"  # 2^-40 > 0, but 1 is a neighbor
    assert check(claim_file(step, X, goal, 2.0**-30, "real")).verdict == "refuted"
    assert check(claim_file(step, X + 2.0**-20, goal, 2.0**-40, "float32")).verdict == "confirmed"


@pytest.mark.parametrize("bump", [0, 1])
def test_a_bump_that_touches_another_ball_is_seen(bump: int) -> None:
    """Two bumps of radius 1/4 and ramp 1/4 at 0 and 1, opposite signs; then one is moved until it reaches over."""
    def student(shift: float, gain: float) -> Network:
        centers = [0.0, 1.0 + shift] if bump else [shift, 1.0]
        faces = [([s], -s * c - 0.25) for c in centers for s in (1.0, -1.0)]
        sums = [[-4.0 if k // 2 == b else 0.0 for k in range(4)] for b in range(2)]
        first = [w for w, _ in faces], [t for _, t in faces]
        return Network.build([first, (sums, [1.0, 1.0]), ([[gain, -1.0]], None)])
    X, goal = np.array([[0.0], [1.0]]), Goal("sign", np.array([1.0, -1.0]))
    for kind in ("float64", "real"):
        assert check(claim_file(student(0.0, 1.0), X, goal, 0.25, kind)).verdict == "confirmed"
        for shift, gain in ((0.5 - bump, 1.0), (2.0 * (0.5 - bump), 1.0), (0.25, 4.0)):
            assert check(claim_file(student(shift, gain), X, goal, 0.25, kind)).verdict == "refuted"
