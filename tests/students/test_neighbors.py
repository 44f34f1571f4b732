"""The nearest-neighbor baseline: right where it says safe, wrong where it says wrong."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.students import NearestNeighbor, separation, voronoi

NORMS = [1.0, 2.0, math.inf]


def test_the_nearest_datum_decides() -> None:
    rng = np.random.default_rng(0)
    for norm in NORMS:
        data, labels, probe = rng.random((30, 3)), rng.integers(0, 3, 30), rng.random((100, 3))
        gaps = np.linalg.norm(probe[:, None] - data, ord=norm, axis=2)
        assert (NearestNeighbor(data, labels, norm=norm).predict(probe) == labels[gaps.argmin(axis=1)]).all()


def test_shapes_are_kept() -> None:
    rule = NearestNeighbor([[0.0, 0.0], [1.0, 1.0]], ["a", "b"])
    assert rule.predict([0.9, 0.9]).shape == ()
    assert rule.predict(np.zeros((2, 4, 2))).shape == (2, 4)


@pytest.mark.parametrize("norm", NORMS)
def test_verdicts_agree_with_a_dense_search(norm: float) -> None:
    rng = np.random.default_rng(int(min(norm, 5)))
    data, labels = rng.random((25, 2)), rng.integers(0, 2, 25)
    probe, own, delta = rng.random((120, 2)), rng.integers(0, 2, 120), 0.06
    rule = NearestNeighbor(data, labels, norm=norm)
    verdicts = rule.robust_verdicts(probe, own, delta)
    grid = np.array(list(itertools.product(np.linspace(-1, 1, 61), repeat=2))) * delta
    grid = grid[np.linalg.norm(grid, ord=norm, axis=1) <= delta * (1 - 1e-12)]
    found = np.array([(rule.predict(x + grid) != y).any() for x, y in zip(probe, own, strict=True)])
    assert not found[verdicts == 0].any()
    assert {0, 1} <= set(verdicts.tolist())
    # a witness lies in the closed ball; the grid of step delta / 30 may miss a thin sliver of wrong answers
    wider = np.array([(rule.predict(x + 1.05 * grid) != y).any() for x, y in zip(probe, own, strict=True)])
    assert wider[verdicts == 1].all()
    assert (verdicts >= 0).all()


@pytest.mark.parametrize("norm", NORMS)
def test_its_own_data_are_safe_below_half_the_separation(norm: float) -> None:
    rng = np.random.default_rng(3)
    data, labels = rng.random((40, 3)), rng.integers(0, 3, 40)
    rule = NearestNeighbor(data, labels, norm=norm)
    half = separation(data, labels, norm=norm).distance / 2
    assert (rule.robust_verdicts(data, labels, 0.999 * half) == 0).all()
    assert (rule.robust_verdicts(data, labels, 1.01 * half) == 1).sum() == 2


def test_one_class_is_always_safe_and_an_absent_class_never() -> None:
    rule = NearestNeighbor([[0.0], [1.0]], ["a", "a"])
    assert rule.robust_verdicts([[9.0]], ["a"], 5.0).tolist() == [0]


def test_witnesses_stay_in_the_ball_at_large_coordinates() -> None:
    rule = NearestNeighbor([[2.0**40], [2.0**40 + 4]], [0, 1])
    # the boundary lies 2 above the first datum; a radius below the spacing of doubles reaches nothing new
    assert rule.robust_verdicts([[2.0**40 + 1]], [0], 2.0**-20).tolist() != [1]


def test_float_labels_count_as_classes() -> None:
    rule = NearestNeighbor([[0.0], [1.0]], [0.5, 1.5])
    assert rule.classes == (0.5, 1.5)


# -- the l_2 rule, exactly ------------------------------------------------------------------------------------------


def exact_points(values):
    return [[Fraction(v) for v in row] for row in np.atleast_2d(values).tolist()]


def dot(a, b):
    return sum((s * t for s, t in zip(a, b, strict=True)), Fraction(0))


def solve(rows, right):
    """Return the solution of a square rational system by elimination, None where it is singular."""
    table = [[*row, value] for row, value in zip(rows, right, strict=True)]
    k = len(table)
    for i in range(k):
        pivot = next((j for j in range(i, k) if table[j][i] != 0), None)
        if pivot is None:
            return None
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [v / table[i][i] for v in table[i]]
        for j in range(k):
            if j != i:
                table[j] = [s - table[j][i] * t for s, t in zip(table[j], table[i], strict=True)]
    return [row[k] for row in table]


def shortest_by_enumeration(inequalities, d):
    """Return the least squared length of u with a . u <= b for all: the best feasible corner of any active set."""
    best = None
    for size in range(d + 1):
        for chosen in itertools.combinations(inequalities, size):
            weights = solve([[dot(a, c) for c, _ in chosen] for a, _ in chosen], [b for _, b in chosen])
            if weights is None:
                continue
            u = [sum((w * a[j] for w, (a, _) in zip(weights, chosen, strict=True)), Fraction(0)) for j in range(d)]
            if all(dot(a, u) <= b for a, b in inequalities) and (best is None or dot(u, u) < best):
                best = dot(u, u)
    return best


def faces(d, ball, delta):
    if ball == 2.0:
        return []
    signs = itertools.product((-1, 1), repeat=d) if ball == 1.0 else (
        [s * (i == j) for i in range(d)] for j in range(d) for s in (-1, 1))
    return [([Fraction(v) for v in face], Fraction(delta)) for face in signs]


def naive_verdict(x, data, wrong_class, delta, ball):
    """Return 1 if some rival's cell meets the ball, 0 otherwise: all active sets, all data, rational arithmetic."""
    center, d = exact_points(x)[0], len(x)
    moved = [[s - t for s, t in zip(row, center, strict=True)] for row in exact_points(data)]
    for z, rival in zip(moved, wrong_class, strict=True):
        if not rival:
            continue
        own = [([s - t for s, t in zip(o, z, strict=True)], (dot(o, o) - dot(z, z)) / 2)
               for o, other in zip(moved, wrong_class, strict=True) if not other]
        least = shortest_by_enumeration(own + faces(d, ball, delta), d)
        if least is not None and (ball != 2.0 or least <= Fraction(delta) ** 2):
            return 1
    return 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1.0, 2.0, math.inf]), st.booleans())
@settings(max_examples=60)
def test_verdicts_of_the_l2_rule_are_those_of_all_active_sets(seed, d, ball, dyadic):
    rng = np.random.default_rng(seed)
    n = 7 if d < 3 else 5
    # on a coarse grid, ties, duplicates and degenerate corners are the rule; off it they do not occur
    data = rng.integers(0, 5, (n, d)) / 4 if dyadic else rng.random((n, d))
    labels = rng.integers(0, 3, n)
    probe = rng.integers(0, 9, (6, d)) / 8 if dyadic else rng.random((6, d))
    delta = float(rng.integers(0, 5)) / 8 if dyadic else float(rng.random() / 3)
    own = rng.choice(labels, 6)
    found = NearestNeighbor(data, labels, norm=2).robust_verdicts(probe, own, delta, ball=ball)
    naive = [naive_verdict(x, data, labels != c, delta, ball) for x, c in zip(probe, own, strict=True)]
    assert found.tolist() == naive


def error_distance_on_the_line(x, data, wrong_class):
    """Return the distance of x to the nearest point where a rival is at least as near as all own data, exactly."""
    own = [Fraction(v) for v, bad in zip(data, wrong_class, strict=True) if not bad]
    best = None
    for z in (Fraction(v) for v, bad in zip(data, wrong_class, strict=True) if bad):
        left = max(((z + o) / 2 for o in own if o < z), default=None)
        right = min(((z + o) / 2 for o in own if o > z), default=None)
        gap = max([Fraction(0), *([left - Fraction(x)] if left is not None else []),
                   *([Fraction(x) - right] if right is not None else [])])
        best = gap if best is None else min(best, gap)
    return best


@pytest.mark.parametrize("norm", NORMS)
def test_on_a_line_every_rule_is_exact_to_the_last_bit(norm):
    rng = np.random.default_rng(5)
    data, labels = rng.integers(0, 64, 20) / 32.0, rng.integers(0, 2, 20)
    rule = NearestNeighbor(data[:, None], labels, norm=norm)
    for x in rng.integers(0, 128, 40) / 64.0:
        distance = float(error_distance_on_the_line(x, data, labels != 1))
        at, below = (rule.robust_verdicts([[x]], [1], delta)[0]
                     for delta in (distance, max(0.0, math.nextafter(distance, 0.0))))
        assert at == 1
        assert below == (1 if distance == 0 else 0)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_the_l2_rule_leaves_nothing_unknown(d):
    rng = np.random.default_rng(d)
    data, labels, probe = rng.random((200, d)), rng.integers(0, 4, 200), rng.random((150, d))
    rule = NearestNeighbor(data, labels, norm=2)
    for ball in NORMS:
        found = rule.robust_verdicts(probe, rule.predict(probe), 0.1 * 200 ** (-1 / d), ball=ball)
        assert set(found.tolist()) == {0, 1}


@pytest.mark.parametrize("ball", NORMS)
def test_no_sampled_answer_contradicts_a_verdict(ball):
    """About 10^5 points in balls called safe, and as many found errors as there are balls called wrong."""
    rng = np.random.default_rng(13)
    data, labels, probe = rng.random((300, 2)), rng.integers(0, 3, 300), rng.random((1200, 2))
    rule, delta = NearestNeighbor(data, labels, norm=2), 0.01
    own = rule.predict(probe)
    verdicts, points = rule.robust_verdicts(probe, own, delta, ball=ball), rule.attack(probe, own, delta, ball=ball)
    steps = rng.uniform(-1, 1, (400, 2)) * delta
    steps = steps[np.linalg.norm(steps, ord=ball, axis=1) <= delta * (1 - 2.0**-40)]
    safe = verdicts == 0
    assert safe.sum() * steps.shape[0] > 90_000
    assert (rule.predict(probe[safe][:, None, :] + steps) == own[safe][:, None]).all()
    assert (rule.predict(points[~safe]) != own[~safe]).all()


def test_larger_balls_hold_more_errors():
    rng = np.random.default_rng(9)
    data, labels, probe, own = rng.random((60, 3)), rng.integers(0, 2, 60), rng.random((80, 3)), rng.integers(0, 2, 80)
    rule = NearestNeighbor(data, labels, norm=2)
    nested = [rule.robust_verdicts(probe, own, delta, ball=ball)
              for delta in (0.0, 0.03, 0.1) for ball in (1.0, 2.0, math.inf)]
    assert all((small <= large).all() for small, large in itertools.pairwise(nested[:3]))
    assert all((small <= large).all() for k in range(3) for small, large in itertools.pairwise(nested[k::3]))
    assert nested[0].sum() < nested[-1].sum()


@pytest.mark.parametrize("power", [-510, -200, 200, 480])
def test_verdicts_do_not_depend_on_the_unit_of_length(power):
    rng = np.random.default_rng(2)
    data, labels, probe, own = rng.random((25, 2)), rng.integers(0, 2, 25), rng.random((20, 2)), rng.integers(0, 2, 20)
    unit, delta = 2.0**power, 0.07
    plain, scaled = (NearestNeighbor(data * s, labels, norm=2).robust_verdicts(probe * s, own, delta * s)
                     for s in (1.0, unit))
    assert (plain == scaled).all()


def is_witness(point, x, data, wrong_class, delta, ball):
    """Return, in rationals, whether the point is in the closed ball and a rival is at least as near as all own data."""
    here, center = exact_points(point)[0], exact_points(x)[0]
    away = [abs(s - t) for s, t in zip(here, center, strict=True)]
    size = Fraction(delta)
    inside = {1.0: sum(away) <= size, 2.0: dot(away, away) <= size * size, math.inf: max(away) <= size}[ball]
    squares = [dot(gap, gap) for gap in ([s - t for s, t in zip(row, here, strict=True)] for row in exact_points(data))]
    nearest = {bad: min((v for v, b in zip(squares, wrong_class, strict=True) if b == bad), default=math.inf)
               for bad in (True, False)}
    return inside and nearest[True] <= nearest[False]


@pytest.mark.parametrize("ball", NORMS)
@pytest.mark.parametrize("dyadic", [True, False])
def test_witnesses_are_exactly_in_the_ball_and_exactly_wrong(ball, dyadic):
    rng = np.random.default_rng(11)
    data = rng.integers(0, 17, (60, 3)) / 16 if dyadic else rng.random((60, 3))
    probe = rng.integers(0, 17, (80, 3)) / 16 if dyadic else rng.random((80, 3))
    labels, own = rng.integers(0, 2, 60), rng.integers(0, 2, 80)
    rule, delta = NearestNeighbor(data, labels, norm=2), 0.125
    verdicts, points = rule.robust_verdicts(probe, own, delta, ball=ball), rule.attack(probe, own, delta, ball=ball)
    found = ~np.isnan(points[:, 0])
    assert (verdicts[found] == 1).all()
    assert found.sum() >= 0.9 * (verdicts == 1).sum() > 0
    for row in np.flatnonzero(found):
        assert is_witness(points[row], probe[row], data, labels != own[row], delta, ball)
    if not dyadic:  # no ties: the rule itself answers wrongly there
        assert (rule.predict(points[found]) != own[found]).all()


def test_bisectors_belong_to_the_errors():
    rule = NearestNeighbor([[0.0, 0.0], [1.0, 0.0]], ["a", "b"], norm=2)
    assert rule.robust_verdicts([[0.25, 0.5]], ["a"], 0.25).tolist() == [1]
    assert rule.robust_verdicts([[0.25, 0.5]], ["a"], math.nextafter(0.25, 0.0)).tolist() == [0]
    assert rule.attack([[0.25, 0.5]], ["a"], 0.25).tolist() == [[0.5, 0.5]]


def test_conflicting_duplicates_are_wrong_for_both_labels():
    rule = NearestNeighbor([[0.0, 0.0], [0.0, 0.0], [4.0, 0.0]], ["a", "b", "a"], norm=2)
    assert rule.robust_verdicts([[0.0, 0.0], [0.0, 0.0], [0.5, 0.0]], ["a", "b", "a"], 0.0).tolist() == [1, 1, 1]
    assert rule.robust_verdicts([[3.0, 0.0], [3.0, 0.0]], ["a", "b"], 0.5).tolist() == [0, 1]


def test_a_rival_behind_an_own_datum_is_out_of_reach():
    # half the difference of distances is 1, yet the own datum in front shields the point: the rival's cell ends at 2.5
    rule = NearestNeighbor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], [0, 0, 1], norm=2)
    assert rule.robust_verdicts([[1.0, 0.0]], [0], 1.25).tolist() == [0]
    assert rule.robust_verdicts([[1.0, 0.0]], [0], 1.5).tolist() == [1]


def test_a_label_without_data_is_always_wrong():
    rule = NearestNeighbor([[0.0], [1.0]], [1, 1], norm=2)
    assert rule.classes == (-1, 1)
    assert rule.robust_verdicts([[0.5], [0.5]], [-1, 1], 0.25).tolist() == [1, 0]
    assert rule.attack([[0.5]], [-1], 0.25).tolist() == [[0.5]]


@pytest.mark.parametrize("norm", NORMS)
def test_predictions_are_those_of_real_arithmetic(norm):
    rng = np.random.default_rng(4)
    # sums of three squares of tenths round differently in different orders: ties in floats, none in reals, and back
    data, labels = rng.integers(0, 4, (40, 3)) / 10, rng.integers(0, 3, 40)
    probe = rng.integers(0, 7, (150, 3)) / 20
    told = NearestNeighbor(data, labels, norm=norm).predict(probe)
    for x, answer in zip(exact_points(probe), told, strict=True):
        gaps = [[abs(s - t) for s, t in zip(row, x, strict=True)] for row in exact_points(data)]
        sizes = [max(g) if norm == math.inf else dot(g, g) if norm == 2 else sum(g) for g in gaps]
        nearest = min(sizes)
        assert answer == min(c for c, size in zip(labels, sizes, strict=True) if size == nearest)


# -- other rules, cut into boxes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [1.0, math.inf])
@pytest.mark.parametrize("d", [2, 3])
def test_other_rules_leave_little_unknown_in_few_dimensions_and_never_contradict_a_dense_search(norm, d):
    rng = np.random.default_rng(d)
    data, labels, probe = rng.random((40, d)), rng.integers(0, 3, 40), rng.random((80, d))
    rule, delta = NearestNeighbor(data, labels, norm=norm), 0.05
    own = rule.predict(probe)
    verdicts = rule.robust_verdicts(probe, own, delta)
    assert (verdicts < 0).mean() <= 0.05
    assert {0, 1} <= set(verdicts.tolist())
    steps = rng.uniform(-1, 1, (4000, d)) * delta
    steps = steps[np.linalg.norm(steps, ord=norm, axis=1) <= delta * (1 - 2.0**-40)]
    for x, answer in zip(probe[verdicts == 0], own[verdicts == 0], strict=True):
        assert (rule.predict(x + steps) == answer).all()


@pytest.mark.parametrize("norm", [1.0, math.inf])
@pytest.mark.parametrize("d", [2, 3, 5])
def test_witnesses_against_other_rules_are_exactly_in_the_ball_and_exactly_wrong(norm, d):
    rng = np.random.default_rng(d)
    data, labels, probe, own = rng.random((40, d)), rng.integers(0, 3, 40), rng.random((60, d)), rng.integers(0, 3, 60)
    rule, delta = NearestNeighbor(data, labels, norm=norm), 0.125
    verdicts, points = rule.robust_verdicts(probe, own, delta), rule.attack(probe, own, delta)
    assert ((verdicts == 1) == ~np.isnan(points[:, 0])).all()

    def length(gap):
        return max(abs(v) for v in gap) if norm == math.inf else sum(abs(v) for v in gap)

    for row in np.flatnonzero(verdicts == 1):
        here, center = exact_points(points[row])[0], exact_points(probe[row])[0]
        assert length([s - t for s, t in zip(here, center, strict=True)]) <= Fraction(delta)
        gaps = [length([s - t for s, t in zip(datum, here, strict=True)]) for datum in exact_points(data)]
        assert min(g for g, c in zip(gaps, labels, strict=True) if c != own[row]) < min(
            g for g, c in zip(gaps, labels, strict=True) if c == own[row])


def test_a_tie_of_the_maximum_rule_stays_unknown_and_moves_out_with_the_radius():
    rule = NearestNeighbor([[0.0, 0.0], [1.0, 0.0]], ["a", "b"])
    radii = [math.nextafter(0.25, 0.0), 0.25, 0.25 * (1 + 2.0**-8), 0.249]
    assert [rule.robust_verdicts([[0.25, 0.0]], ["a"], r)[0] for r in radii] == [-1, -1, 1, 0]


# -- negative controls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", ["random", "multipliers", "step", "nothing"])
def test_a_solver_that_lies_changes_no_verdict(lie, monkeypatch):
    """Multipliers and steps are only proposed: wrong ones prove nothing, and rational arithmetic decides."""
    rng, honest = np.random.default_rng(1), voronoi._proposal
    data, labels, probe, own = rng.random((40, 2)), rng.integers(0, 2, 40), rng.random((60, 2)), rng.integers(0, 2, 60)
    rule = NearestNeighbor(data, labels, norm=2)
    truth = rule.robust_verdicts(probe, own, 0.08)
    asked = []

    def liar(a, b, delta, ball):
        asked.append(delta)
        step, weights = honest(a, b, delta, ball)
        noise = rng.standard_normal(a.shape[1]) * delta
        return {"random": (noise, rng.random(a.shape[0])), "nothing": (None, None),
                "multipliers": (step, None if weights is None else weights[::-1].copy()),
                "step": (None if step is None else step + noise, weights)}[lie]

    monkeypatch.setattr(voronoi, "_proposal", liar)
    assert (rule.robust_verdicts(probe, own, 0.08) == truth).all()
    assert asked


def test_a_forgotten_own_datum_is_caught_by_the_enumeration():
    rng = np.random.default_rng(6)
    caught = 0
    for _ in range(40):
        data, x = rng.integers(0, 9, (7, 2)) / 8, rng.integers(0, 9, 2) / 8
        own, rivals = data[:4], data[4:]
        truth = naive_verdict(x, data, np.arange(7) >= 4, 0.25, 2.0)
        assert voronoi.meets(x, own, rivals, 0.25, 2.0)[0] == truth
        caught += voronoi.meets(x, own[1:], rivals, 0.25, 2.0)[0] != truth
    assert caught >= 3


def test_a_planted_wrong_datum_of_ones_own_is_found_where_it_lies():
    rng = np.random.default_rng(8)
    data = rng.random((50, 2))
    labels = (data[:, 0] > 0.5).astype(int)
    planted = labels.copy()
    planted[17] = 1 - planted[17]
    clean, wrong = NearestNeighbor(data, labels, norm=2), NearestNeighbor(data, planted, norm=2)
    assert clean.robust_verdicts(data, labels, 0.0).tolist() == [0] * 50
    assert np.flatnonzero(wrong.robust_verdicts(data, labels, 0.0)).tolist() == [17]


# -- what it costs, and what it refuses -----------------------------------------------------------------------------


def test_memory_counts_coordinates_and_labels():
    assert NearestNeighbor(np.zeros((10, 3)) + np.arange(10)[:, None], np.arange(10) % 2).memory == 40


def test_other_balls_need_the_l2_rule():
    rule = NearestNeighbor([[0.0, 0.0], [1.0, 1.0]], [0, 1])
    with pytest.raises(ValueError, match="norm=2"):
        rule.robust_verdicts([[0.0, 0.0]], [0], 0.1, ball=2)
    wide = NearestNeighbor(np.eye(9), np.arange(9) % 2, norm=2)
    with pytest.raises(ValueError, match="faces"):
        wide.robust_verdicts(np.eye(9), np.arange(9) % 2, 0.1, ball=1)


def test_coordinates_whose_squares_overflow_are_refused():
    with pytest.raises(ValueError, match="overflow"):
        NearestNeighbor([[1e200], [0.0]], [0, 1])
    with pytest.raises(ValueError, match="overflow"):
        NearestNeighbor([[1.0], [0.0]], [0, 1]).predict([[1e200]])
