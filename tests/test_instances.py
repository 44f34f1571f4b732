"""Instances: every answer is checked again by exact arithmetic that knows nothing of the formulas."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from constructive.calculus import affine
from constructive.certificates.branching import SAFE, decide
from constructive.certificates.goals import Goal
from constructive.instances import Instance, suite
from constructive.instances.corners import Corners, distance_from_outside, radius_from_outside
from constructive.instances.families import published
from constructive.instances.instance import evaluation_error, instance
from constructive.instances.mixing import balanced, shears, shuffled
from constructive.instances.published import Published, first_violation
from constructive.interop.vnnlib import Comparison
from constructive.network import Network


@pytest.fixture(scope="module")
def drawn() -> list[Instance]:
    return list(suite(np.random.default_rng(7), 12))


def lead(one: Instance, x: Any) -> Fraction:
    """Return the right answer's lead at x in exact arithmetic."""
    values = one.network.exact(x)
    ends = [(values[c.output], values[c.other] if isinstance(c.other, int) else Fraction(c.other), c.sign)
            for (c,) in one.asked.wrong]
    return min(own - other if sign == "<=" else other - own for own, other, sign in ends)


def test_every_witness_is_a_violation_in_exact_arithmetic(drawn: list[Instance]) -> None:
    found = [one for one in drawn if one.witness is not None]
    assert len(found) > 60
    for one in found:
        x = one.witness.tolist()  # type: ignore[union-attr]
        assert one.asked.violated(x, one.network.exact(x))
        assert -lead(one, x) == one.margin


def test_a_scores_least_value_is_at_a_corner_and_is_the_margin(drawn: list[Instance]) -> None:
    """The score is least at a corner of the ball for every family but balls outside: enumerate corners, exactly."""
    found = [one for one in drawn if one.answer == "unsat" and one.tight and one.network.inputs <= 4
             and one.family != "outsides"]
    assert len({one.family for one in found}) >= 6
    for one in found:
        corners = itertools.product(*zip(one.asked.lower.tolist(), one.asked.upper.tolist(), strict=True))
        assert min(lead(one, corner) for corner in corners) == one.margin


def test_no_point_of_an_unsat_ball_leads_by_less_than_its_margin(drawn: list[Instance]) -> None:
    rng = np.random.default_rng(0)
    for one in drawn:
        if one.answer == "unsat":
            low, high = one.asked.lower, one.asked.upper
            choice = rng.integers(0, 3, (40, low.size))
            points = np.where(choice == 0, low, np.where(choice == 1, high, low + (high - low) * 0.5))
            assert min(lead(one, point.tolist()) for point in points[:4]) >= one.margin
            wide = one.network.astype(np.float64)
            slack = 2 * Fraction(evaluation_error(wide, low, high, 2.0**-53))
            values = wide(points)
            for (c,) in one.asked.wrong:
                other = values[:, c.other] if isinstance(c.other, int) else c.other
                gaps = values[:, c.output] - other if c.sign == "<=" else other - values[:, c.output]
                assert Fraction(gaps.min()) >= one.margin - slack


def test_the_robust_radius_separates_the_answers(drawn: list[Instance]) -> None:
    for one in drawn:
        assert (one.answer == "sat") == (one.radius >= one.robust_radius)


def balls(chosen: list[Instance]) -> dict[tuple[str, bytes], list[Instance]]:
    """Return the instances round each center of each network."""
    found: dict[tuple[str, bytes], list[Instance]] = {}
    for one in chosen:
        found.setdefault((one.model, one.center.tobytes()), []).append(one)
    return found


def test_the_ball_of_the_robust_radius_holds_a_lead_of_exactly_zero(drawn: list[Instance]) -> None:
    """At a corner, or at a shipped witness moved into that ball: coordinates beyond it are put on its faces."""
    families = set()
    for group in balls(drawn).values():
        one = group[0]
        center = [Fraction(float(c)) for c in one.center]
        ends = [(c - one.robust_radius, c + one.robust_radius) for c in center]
        points = list(itertools.product(*ends)) if one.network.inputs <= 5 else []
        for other in group:
            if other.witness is not None:
                points.append(tuple(min(max(Fraction(v), low), high)
                                    for v, (low, high) in zip(other.witness.tolist(), ends, strict=True)))
        if one.network.inputs <= 5 or one.family not in ("plateaus", "outsides"):
            assert min(lead(one, point) for point in points) == 0
            families.add(one.family)
    assert families == {one.family for one in drawn}


def proved(one: Instance, radius: float, budget: int) -> bool:
    """Return whether branch and bound, which knows no formula, proves the ball of that radius."""
    single = one.network.outputs == 1
    goal = Goal("sign" if single else "score", np.array([float(one.label)]))
    decision = decide(one.network.astype(np.float64), one.center[None], radius, math.inf, goal, budget=budget)
    return bool(decision.verdict[0] == SAFE)


def test_branch_and_bound_proves_every_ball_just_below_the_robust_radius(drawn: list[Instance]) -> None:
    found = [group[0] for group in balls(drawn).values()
             if group[0].network.inputs == 2 or group[0].family == "classes"]
    assert {one.family for one in drawn} - {one.family for one in found} == {"mixtures-sheared"}  # from 4 inputs on
    for one in found:
        assert proved(one, float(one.robust_radius) * (1 - 2.0**-20), 20_000), one.model
        assert not proved(one, float(one.robust_radius) * (1 + 2.0**-20), 200)  # the control


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_branch_and_bound_proves_published_balls_in_three_dimensions(seed: int) -> None:
    groups = balls(list(published(3, 8, np.random.default_rng(seed))))
    assert {group[0].label for group in groups.values()} == {"+1", "-1"}
    for group in groups.values():
        assert proved(group[0], float(group[0].robust_radius) * (1 - 2.0**-20), 40_000)


def test_half_of_the_unsat_instances_defeat_intervals_and_backward_bounds(drawn: list[Instance]) -> None:
    unsat = [one for one in drawn if one.answer == "unsat" and one.margin >= Fraction(1, 1000)]
    hard = [one for one in unsat if one.interval <= 0 and one.backward <= 0]
    assert 2 * len(hard) >= len(unsat) >= 50
    assert any(one.interval > 0 for one in unsat)
    assert any(one.interval <= 0 < one.backward for one in unsat)


def test_no_bound_proves_what_is_false(drawn: list[Instance]) -> None:
    for one in drawn:
        if one.answer == "sat":
            assert one.interval <= 0
            assert one.backward <= 0


def test_the_programs_answer_as_stated(drawn: list[Instance]) -> None:
    for one in drawn:
        for name in one.semantics[1:]:
            f = one.network.astype(name)
            points = [one.witness] if one.witness is not None else [one.center, one.asked.lower, one.asked.upper]
            for x in points:
                values = f(np.asarray(x, name)).astype(np.float64).tolist()
                violated = one.asked.violated(np.asarray(x).tolist(), values)
                assert violated == (one.answer == "sat")
    assert {one.semantics for one in drawn} == {("real",), ("real", "float64"), ("real", "float64", "float32")}


def test_the_rounding_of_programs_stays_within_its_bound(drawn: list[Instance]) -> None:
    rng = np.random.default_rng(3)
    for one in drawn[::7]:
        low, high = one.asked.lower, one.asked.upper
        x = (low + (high - low) * rng.random((3, low.size))).astype(np.float32)
        x = np.clip(x, low, high).astype(np.float32)
        bound = evaluation_error(one.network.astype(np.float64), low, high, 2.0**-24)
        for point, values in zip(x, one.network(x), strict=True):
            exact = one.network.exact(point.tolist())
            assert max(abs(Fraction(float(v)) - e) for v, e in zip(values, exact, strict=True)) <= bound


# -- what the formulas are made of ----------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 4, 6, 8])
def test_changes_of_basis_are_exact_both_ways(d: int) -> None:
    rng = np.random.default_rng(d)
    mixing = shuffled(d, rng).then(balanced(d))
    if d > 1:
        mixing = mixing.then(shears(d, 2 * d, rng))
    forth = [[Fraction(v) for v in row] for row in mixing.matrix.tolist()]
    back = [[Fraction(v) for v in column] for column in mixing.inverse.T.tolist()]
    product = [[sum(a * b for a, b in zip(row, column, strict=True)) for column in back] for row in forth]
    assert product == [[int(i == j) for j in range(d)] for i in range(d)]


def test_the_radius_of_a_lone_bump_is_the_radius_and_its_share_of_the_ramp() -> None:
    for d in (1, 2, 3, 8):
        corners = Corners.of(np.eye(d), [0.0] * d, 0.25, 0.5)
        assert corners.robust_radius() == Fraction(1, 4) + Fraction(1, 4 * d)
        assert corners.least_score(corners.robust_radius()) == 0
        assert corners.least_score(Fraction(1, 4)) == 1


def test_the_radius_is_where_the_worst_corner_reaches_half_a_ramp() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        d = int(rng.integers(1, 5))
        basis = rng.integers(-3, 4, (d, d)) * 1.0
        basis[np.arange(d), np.arange(d)] += 7
        corners = Corners.of(basis, (rng.integers(-8, 9, d) / 16).tolist(), 0.25, 1.0)
        radius = corners.robust_radius()
        assert corners.worst(radius)[0] == Fraction(1, 2) or (radius == 0 and corners.worst(radius)[0] > Fraction(1, 2))
        if radius > 0:
            assert corners.worst(radius * Fraction(999, 1000))[0] < Fraction(1, 2)


def test_the_radius_from_outside_is_where_the_distance_reaches_half_a_ramp() -> None:
    rng = np.random.default_rng(6)
    for _ in range(100):
        offset = (rng.integers(-40, 41, int(rng.integers(1, 5))) / 16).tolist()
        radius = radius_from_outside(offset, 0.25, 0.5)
        least = distance_from_outside(offset, 0.25, radius)
        assert least == Fraction(1, 4) or (radius == 0 and least <= Fraction(1, 4))
        assert radius == 0 or distance_from_outside(offset, 0.25, radius * Fraction(999, 1000)) > Fraction(1, 4)


def test_false_claims_about_an_instance_are_refused() -> None:
    f = Network.build([([[1.0]], None)], np.float32)
    wrong = ((Comparison(0, "<=", 0.0),),)
    zero, one, two = np.array([0.0]), Fraction(1), Fraction(2)
    with pytest.raises(ValueError, match="the witness of f leads by 1/4, not by -1/4"):
        instance("f", "f", f, zero, one, "+1", wrong, margin=Fraction(1, 4), robust_radius=one, theorem="",
                 witness=np.array([0.25]))
    with pytest.raises(ValueError, match="has no witness and margin=0"):
        instance("f", "f", f, zero, one, "+1", wrong, margin=Fraction(0), robust_radius=two, theorem="")
    with pytest.raises(ValueError, match=r"needs 1/3, which is no float32 number|needs -1/3"):
        instance("f", "f", f, zero, Fraction(1, 3), "+1", wrong, margin=one, robust_radius=two, theorem="")
    with pytest.raises(ValueError, match="asks about radius 1; robust_radius=1 contradicts the answer"):
        instance("f", "f", f, zero, one, "+1", wrong, margin=one, robust_radius=one, theorem="")


def test_a_violation_on_a_line_is_the_first_one() -> None:
    """|x| - 1/2 from -1 on: 1/2 is met at a quarter of the way to 1, and never on [-1, -3/4]."""
    f = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], [-0.5])])
    ends = [(Fraction(v),) for v in (-1, 1)]
    assert first_violation(f, ends[0], ends[1], 1) == Fraction(1, 4)
    assert first_violation(f, ends[0], (Fraction(-3, 4),), 1) is None
    assert first_violation(f, ends[0], ends[1], -1) == 0
    with pytest.raises(ValueError, match="is rounded at s="):
        first_violation(f, (Fraction(1, 3),), ends[1], -1)


def test_teachers_and_data_beyond_the_theorem_of_published_gates_are_refused() -> None:
    f = Network.build([([[1.0, 1.0]], None)])
    X, y = np.array([[0.0, 0.25], [1.0, 0.5]]), np.array([-1, 1])
    fine = affine([[0.0625, 0.0625]], [0.25])
    Published.of(f, fine, X, y, 0, 2.0**-5, 2.0**-5)
    for teacher in (affine([[0.0625, -0.0625]], [0.25]), affine([[0.0625, 0.0625]]), affine([[0.25, 0.25]], [0.75])):
        with pytest.raises(ValueError, match="teacher must be affine, rising"):
            Published.of(f, teacher, X, y, 0, 2.0**-5, 2.0**-5)
    for data, radius in ((X + 0.125, 2.0**-5), (X, 2.0**-4)):
        with pytest.raises(ValueError, match="X must lie on the grid 1/4"):
            Published.of(f, fine, data, y, 0, radius, 2.0**-5)
