"""Robust risk between its two bounds: random instances measured on the weights, and the rule against dense search."""

from __future__ import annotations

import contextlib
import itertools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from student_cases import some_teacher

from constructive.calculus import affine
from constructive.certificates.branching import decide
from constructive.certificates.goals import Goal
from constructive.domain import inward_boxes
from constructive.network import Network
from constructive.students import Recipe, Student, memorize, robust_verdicts, separation, unavoidable

Array = NDArray[np.float64]
AMPLITUDES = (1.0, 0.5, 0.1)


# -- random instances: both bounds against the weights ------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A student, test points with labels, and a perturbation."""

    student: Student
    points: Array
    truth: Array
    delta: float


def random_case(seed: int) -> Case:
    """Return uniform data in 1 to 6 dimensions with 0 to 30 % wrong labels; radius, ramp, amplitude, delta drawn."""
    rng = np.random.default_rng([7, seed])
    d, n = int(rng.integers(1, 7)), int(rng.integers(6, 25))
    X, normal, noise = rng.random((n, d)), rng.normal(size=d), rng.uniform(0.0, 0.3)

    def labelled(points: Array) -> Array:
        side = np.where((points - 0.5) @ normal >= 0, 1.0, -1.0)
        return np.where(rng.random(len(points)) < noise, -side, side)

    y = labelled(X)
    y[:2] = (-1.0, 1.0)
    apart = separation(X).distance
    radius = rng.uniform(0.05, 0.9) * apart / 2
    ramp = rng.uniform(0.05, 0.999) * (apart - 2 * radius) / 2  # the supports of no two bumps meet
    teacher = affine(normal[None, :] * 4, [-2 * float(normal.sum())])
    if rng.random() < 0.5:
        teacher = teacher + some_teacher(d, 1, 1, rng, 0.5)
    student = memorize(X, y, radius=radius, ramp=ramp, teacher=teacher,
                       recipe=Recipe("told", amplitude=float(rng.choice(AMPLITUDES))))
    delta = rng.uniform(0.0, 1.5) * radius
    near = X[rng.integers(n, size=30)] + rng.uniform(-1, 1, (30, d)) * (radius + delta + ramp)
    points = np.concatenate([near, rng.random((15, d))])
    return Case(student, points, labelled(points), delta)


def rival_distances(case: Case, slack: float = 0.0) -> Array:
    """Return the l_1 distances (m, n) of the balls from the boxes of other labels, infinite for own ones."""
    data, radius = case.student.X, case.student.radius
    gaps = np.maximum(np.abs(case.points[:, None] - data) - (radius + case.delta + slack), 0.0).sum(axis=2)
    return np.where(case.student.y[None, :] != case.truth[:, None], gaps, np.inf)


def weighed(network: Network, case: Case, extra: tuple[Array, ...] = ()) -> NDArray[np.int8]:
    """Return what bounds and evaluated points of the weights say of each ball: 0 right, 1 wrong, -1 open."""
    found = decide(network, case.points, case.delta, math.inf, Goal("sign", case.truth), budget=4000).verdict.copy()
    low, high = inward_boxes(case.points, case.delta)
    for tried in extra:
        found[network(np.clip(tried, low, high))[:, 0] * case.truth <= 0] = 1
    return found


def meeting_points(case: Case) -> Array:
    """Return for each ball the vector nearest to the nearest rival's box."""
    closest = np.argmin(rival_distances(case), axis=1)
    center = case.student.X[closest]
    return center + np.clip(case.points - center, -case.student.radius, case.student.radius)


def both_bounds(seeds: range, *, ramps: float = 1.0, forced: float = 0.0,
                teacher_counts: bool = True) -> dict[str, int]:
    """Return how often the bounds were broken on the instances, and how much was left open.

    Faults for controls: ``ramps`` scales the reach of the upper bound, ``forced`` adds ramps to that of the lower one,
    ``teacher_counts`` False leaves the teacher out.
    """
    counts = dict.fromkeys(("points", "wrong", "open", "below", "above", "beyond rule", "share"), 0)
    for seed in seeds:
        case = random_case(seed)
        s = case.student.recipe.amplitude
        student = weighed(case.student.to_network(), case, (meeting_points(case),))
        teacher = weighed(case.student.teacher.to_network(), case)
        # real boxes within rounding of the student's: no tie occurs among these numbers
        near = (rival_distances(case) <= ramps * case.student.ramp * s / (1 + s)).any(axis=1)
        teacher = teacher if teacher_counts else np.zeros_like(teacher)
        met = unavoidable(case.student.X, case.student.y, case.student.radius, case.points, case.truth, case.delta)
        assert met.tolist() == (rival_distances(case) == 0).any(axis=1).tolist()
        if forced:
            met = (rival_distances(case) <= forced * case.student.ramp).any(axis=1)
        rule = robust_verdicts(case.student, case.points, case.truth, case.delta)
        counts["points"] += len(met)
        counts["wrong"] += int((student == 1).sum())
        counts["open"] += int((student == -1).sum())
        counts["below"] += int((met & (student != 1)).sum())
        counts["above"] += int(((student == 1) & (teacher == 0) & ~near).sum())
        counts["beyond rule"] += int(((student >= 0) & (rule >= 0) & (student != rule)).sum())
        counts["share"] += not met.mean() <= (student == 1).mean() <= ((teacher != 0) | near).mean()
    return counts


def broken(counts: dict[str, int]) -> list[int]:
    return [counts[name] for name in ("below", "above", "beyond rule", "share")]


def test_measured_risk_lies_between_the_bounds_on_three_hundred_random_instances() -> None:
    counts = both_bounds(range(300))
    assert broken(counts) == [0, 0, 0, 0]
    assert counts["wrong"] > counts["points"] / 10
    assert counts["open"] <= counts["points"] / 100


@pytest.mark.parametrize(("fault", "caught"), [
    ({"ramps": 0.0}, ["above", "share"]), ({"ramps": 0.5}, ["above", "share"]),
    ({"teacher_counts": False}, ["above", "share"]), ({"forced": 1.0}, ["below"])], ids=str)
def test_bounds_with_a_fault_are_broken_on_the_same_instances(fault: dict[str, Any], caught: list[str]) -> None:
    counts = both_bounds(range(20), **fault)
    assert all(counts[name] > 0 for name in caught)


def test_random_instances_cover_dimensions_and_both_labels() -> None:
    cases = [random_case(seed) for seed in range(40)]
    assert {case.student.X.shape[1] for case in cases} == {1, 2, 3, 4, 5, 6}
    assert {case.student.recipe.amplitude for case in cases} == set(AMPLITUDES)
    assert all(case.student.bumps.supports_disjoint for case in cases)  # type: ignore[union-attr]


# -- the rule against dense search: dyadic numbers, so that every comparison is exact ------------------------

UNIT = 2.0**-12


def dyadic(d: int, amplitude: float, count: int) -> Case:
    """Return data, points and sizes on a grid of 2^-12; an affine teacher; points often exactly at a tie."""
    rng = np.random.default_rng([d, int(10 * amplitude)])
    side = {1: 16, 2: 4, 3: 3}[d]
    cells = np.array(list(itertools.product(range(side), repeat=d)))[:16]
    X = (cells * 256 + rng.integers(0, 129, cells.shape)) * UNIT
    y = np.where(X[:, 0] >= np.median(X[:, 0]), 1.0, -1.0) * np.where(rng.random(len(X)) < 0.3, -1.0, 1.0)
    y[:2] = (-1.0, 1.0)
    teacher = affine(np.eye(d)[:1] * 64, [-64 * float(np.median(X[:, 0]))])
    student = memorize(X, y, radius=24 * UNIT, ramp=32 * UNIT, teacher=teacher,
                       recipe=Recipe("told", amplitude=amplitude))
    which = rng.integers(len(X), size=count)
    points = X[which] + rng.integers(-72, 73, (count, d)) * UNIT
    truth = np.where(rng.random(count) < 0.5, -y[which], y[which])
    return Case(student, points, truth, 16 * UNIT)


def searched(case: Case, per_axis: int) -> NDArray[np.bool_]:
    """Return whether the network errs at a grid point of the ball or at its nearest point to any rival's box.

    The nearest point is the worst one where the teacher is right: distances over a ball are separable.
    """
    network, points, truth = case.student.to_network(), case.points, case.truth
    found = np.zeros(len(points), bool)
    for center, label in zip(case.student.X, case.student.y, strict=True):
        box = np.clip(points, center - case.student.radius, center + case.student.radius)
        values = network(np.clip(box, points - case.delta, points + case.delta))[:, 0]
        found |= (label != truth) & (values * truth <= 0)
    steps = np.array(list(itertools.product(np.linspace(-1, 1, per_axis), repeat=points.shape[1]))) * case.delta
    for step in steps:
        found |= network(points + step)[:, 0] * truth <= 0
    return found


def teacher_right(case: Case) -> NDArray[np.bool_]:
    """Return on which balls the affine teacher has the right sign everywhere."""
    layer = case.student.teacher.to_network().layers[0]
    reach = float(np.abs(layer.weight.toarray()).sum()) * case.delta
    return case.student.teacher(case.points)[:, 0] * case.truth > reach


def predicted(case: Case, *, closed: bool = True, share: float | None = None) -> NDArray[np.bool_]:
    """Return where some rival is within share * ramp of the ball; by default s / (1 + s) and closed."""
    s = Fraction(case.student.recipe.amplitude)
    reach = float(Fraction(case.student.ramp) * (s / (1 + s) if share is None else Fraction(share)))
    found = rival_distances(case)
    return (found <= reach if closed else found < reach).any(axis=1)


@pytest.mark.parametrize("amplitude", AMPLITUDES)
@pytest.mark.parametrize(("d", "per_axis"), [(1, 65), (2, 9), (3, 5)])
def test_the_rule_is_the_outcome_of_a_dense_search_where_the_teacher_is_right(d: int, per_axis: int,
                                                                             amplitude: float) -> None:
    case = dyadic(d, amplitude, 8000)
    right, found = teacher_right(case), searched(case, per_axis)
    verdicts = robust_verdicts(case.student, case.points, case.truth, case.delta)
    assert (verdicts[right] == found[right]).all()
    assert (predicted(case)[right] == found[right]).all()
    assert right.sum() > 3400  # in three dimensions more than 10^4 for each amplitude
    assert 50 < found[right].sum() < right.sum() / 2
    assert not (found & (verdicts == 0)).any()


@pytest.mark.parametrize("amplitude", AMPLITUDES)
def test_a_rule_with_any_of_three_faults_is_caught_by_the_same_search(amplitude: float) -> None:
    case = dyadic(2, amplitude, 3400)
    right, found = teacher_right(case), searched(case, 5)
    assert (predicted(case)[right] == found[right]).all()
    assert (predicted(case, share=1.0)[right] != found[right]).any()  # w for w s / (1 + s)
    assert (predicted(case) != found).any()  # the teacher ignored
    if amplitude == 1.0:
        assert (predicted(case, closed=False)[right] != found[right]).any()  # < for <=
    else:
        assert (predicted(case, share=0.5)[right] != found[right]).any()  # the reach of s = 1


def test_a_bump_of_exactly_one_half_makes_the_student_exactly_zero_and_that_is_an_error() -> None:
    case = dyadic(2, 1.0, 10_000)
    distance = rival_distances(case)
    ties = np.flatnonzero(teacher_right(case) & (distance.min(axis=1) == case.student.ramp / 2))
    assert ties.size >= 10
    center = case.student.X[np.argmin(distance[ties], axis=1)]
    box = np.clip(case.points[ties], center - case.student.radius, center + case.student.radius)
    worst = np.clip(box, case.points[ties] - case.delta, case.points[ties] + case.delta)
    assert (case.student.to_network()(worst)[:, 0] == 0).all()
    assert (robust_verdicts(case.student, case.points[ties], case.truth[ties], case.delta) == 1).all()


@pytest.mark.parametrize("amplitude", AMPLITUDES)
def test_at_a_point_the_sign_is_decided_by_the_teacher_and_the_bump_over_it(amplitude: float) -> None:
    """Wrong: a rival's bump of 1 / (1 + s) or more, or a wrong teacher under an own bump of at most that."""
    wide = dyadic(2, amplitude, 10_000)
    case = Case(wide.student, wide.points, wide.truth, 0.0)
    s = Fraction(amplitude)
    gaps = np.maximum(np.abs(case.points[:, None] - case.student.X) - case.student.radius, 0.0).sum(axis=2)
    height = np.maximum(1 - gaps / case.student.ramp, 0.0)
    own = case.student.y[None, :] == case.truth[:, None]
    # dyadic heights against a rational threshold: 1 / (1 + s) is a double for s = 1 and never met otherwise
    limit = float(1 / (1 + s))
    misled = case.student.teacher(case.points)[:, 0] * case.truth <= 0
    stated = (~own & (height >= limit)).any(axis=1) | (misled & ~(own & (height > limit)).any(axis=1))
    assert (stated == (case.student.to_network()(case.points)[:, 0] * case.truth <= 0)).all()
    healed = misled & ~stated
    assert 0 < healed.sum() < misled.sum()


def test_two_bumps_of_four_tenths_make_an_error_that_neither_makes_alone() -> None:
    teacher = affine(np.zeros((1, 1)), [0.5])
    student = memorize([[0.0], [0.44], [3.0]], [-1, -1, 1], radius=0.1, ramp=0.2, teacher=teacher)
    case = Case(student, np.array([[0.22], [0.215], [0.125], [1.5]]), np.ones(4), 0.001)
    network = student.to_network()
    assert not student.bumps.supports_disjoint  # type: ignore[union-attr]
    assert float(network([[0.22]]).item()) < 0
    verdicts = robust_verdicts(student, case.points, case.truth, case.delta)
    assert verdicts.tolist() == [-1, -1, 1, 0]  # added bumps stay open, a single one is an error, far off is safe
    assert weighed(network, case).tolist() == [1, 1, 1, 0]  # the weights decide what the rule leaves open


# -- supports that cross: the rule says less, and nothing false ------------------------------------------------

CROSSING: tuple[dict[str, Any], ...] = (
    {}, {"faces": "needed"}, {"merge": True}, {"faces": "needed", "merge": True}, {"patch": True},
    {"domain": (0.0, 1.0)}, {"patch": True, "faces": "needed"})


def crossing_case(seed: int) -> Case:
    """Return a student whose bumps may cross: facets, merged boxes, ramps up to the widest legal one."""
    rng = np.random.default_rng([11, seed])
    d, n = int(rng.integers(1, 5)), int(rng.integers(6, 25))
    X, normal, noise = rng.random((n, d)), rng.normal(size=d), rng.uniform(0.0, 0.3)

    def labelled(points: Array) -> Array:
        side = np.where((points - 0.5) @ normal >= 0, 1.0, -1.0)
        return side * np.where(rng.random(len(points)) < noise, -1, 1)

    y = labelled(X)
    y[:2] = (-1.0, 1.0)
    radius = rng.uniform(0.1, 0.95) * separation(X, y).distance / 2
    teacher = affine(normal[None, :] * 4, [-2 * float(normal.sum())])
    if rng.random() < 0.5:
        teacher = teacher + some_teacher(d, 1, 1, rng, 0.5)
    amplitude = float(rng.choice(AMPLITUDES))
    recipe = Recipe("crossing", amplitude=amplitude, **CROSSING[int(rng.integers(len(CROSSING)))])
    student = memorize(X, y, radius=radius, teacher=teacher, recipe=recipe)
    if student.bumps is not None and np.isfinite(student.bumps.gap) and rng.random() < 0.7:  # type: ignore[union-attr]
        wider = student.bumps.gap * (1 - 2.0**-20) * rng.uniform(0.2, 1)  # type: ignore[union-attr]
        with contextlib.suppress(ValueError):  # facets and merged boxes depend on the ramp: it may be too wide
            student = memorize(X, y, radius=radius, teacher=teacher, ramp=wider, recipe=recipe)
    delta = rng.uniform(0.0, 2.0) * radius
    near = X[rng.integers(n, size=40)] + rng.uniform(-1, 1, (40, d)) * (radius + delta + min(student.ramp, 1.0))
    points = np.concatenate([near, rng.random((20, d))])
    if recipe.domain is not None:
        points = np.clip(points, delta + 1e-9, 1 - delta - 1e-9)
    return Case(student, points, labelled(points), delta)


def test_no_verdict_on_crossing_supports_is_contradicted_by_the_weights() -> None:
    known, wrong, silent = 0, 0, 0
    for seed in range(80):
        case = crossing_case(seed)
        rule, weights = verdicts_at(case, case.delta), weighed(case.student.to_network(), case)
        both = (rule >= 0) & (weights >= 0)
        assert (rule[both] == weights[both]).all(), seed
        known, wrong, silent = known + both.sum(), wrong + (rule == 1).sum(), silent + (rule == -1).sum()
    assert known > 3000
    assert wrong > 500
    assert silent > 0


def test_a_rival_of_a_small_score_lifts_the_envelope_where_ramps_cross() -> None:
    """At 4 the teacher is wrong and the own bump only 0.6 < 2/3, but a rival's 1/3 of score 1/2 adds 1/6: right."""
    student = memorize([[0.0], [10.0]], [1, -1], radius=1.0, ramp=7.5, teacher=affine([[0.0]], [-0.25]),
                       recipe=Recipe("crossing", amplitude=0.5))
    assert not student.bumps.rivals_disjoint  # type: ignore[union-attr]
    probe = np.arange(-80, 180)[:, None] / 8
    values = student.to_network()(probe)[:, 0]
    assert float(student([[4.0]]).item()) == pytest.approx(1.5 * 0.6 + 0.5 / 3 - 1)
    for sign in (1.0, -1.0):
        verdicts = robust_verdicts(student, probe, np.full(260, sign), 0.0)
        assert not ((values * sign > 0) & (verdicts == 1)).any()
        assert not ((values * sign <= 0) & (verdicts == 0)).any()
    assert robust_verdicts(student, [[4.0]], [1], 0.0)[0] != 1


# -- laws -----------------------------------------------------------------------------------------------------


def verdicts_at(case: Case, delta: float, student: Student | None = None) -> NDArray[np.int8]:
    return robust_verdicts(student or case.student, case.points, case.truth, delta)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.0, 0.05), st.floats(0.0, 0.05))
def test_no_ball_is_safe_that_holds_an_unsafe_one(seed: int, first: float, second: float) -> None:
    case = random_case(seed)
    small, large = sorted((first, second))
    assert (verdicts_at(case, large)[verdicts_at(case, small) == 1] != 0).all()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.25, 2.0**-6, 0.3]))
def test_a_narrower_ramp_makes_no_new_error(seed: int, t: float) -> None:
    case = random_case(seed)
    narrow = verdicts_at(case, case.delta, case.student.family(t))
    assert (narrow[verdicts_at(case, case.delta) == 0] == 0).all()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1.0, 0.5, 0.1, 2.0**-20]))
def test_a_smaller_amplitude_makes_no_new_error_where_the_teacher_is_right(seed: int, factor: float) -> None:
    case = random_case(seed)
    s = case.student.recipe.amplitude * factor
    smaller = memorize(case.student.X, case.student.y, radius=case.student.radius, ramp=case.student.ramp,
                       teacher=case.student.teacher, recipe=Recipe("told", amplitude=s))
    assert (verdicts_at(case, case.delta, smaller)[verdicts_at(case, case.delta) == 0] == 0).all()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(-12, 12))
def test_verdicts_do_not_change_with_a_power_of_two(seed: int, power: int) -> None:
    case, c = random_case(seed), 2.0**power
    inner = case.student.teacher.to_network()
    scaled = memorize(case.student.X * c, case.student.y, radius=case.student.radius * c, ramp=case.student.ramp * c,
                      teacher=inner @ affine(np.eye(inner.inputs) / c, np.zeros(inner.inputs)),
                      recipe=case.student.recipe)
    there = robust_verdicts(scaled, case.points * c, case.truth, case.delta * c)
    known = (there >= 0) & (verdicts_at(case, case.delta) >= 0)
    assert (there[known] == verdicts_at(case, case.delta)[known]).all()
    assert known.any()


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_turning_all_signs_turns_nothing_else(seed: int) -> None:
    case = random_case(seed)
    turned = memorize(case.student.X, -np.asarray(case.student.y), radius=case.student.radius, ramp=case.student.ramp,
                      teacher=-1.0 * case.student.teacher.to_network(), recipe=case.student.recipe)
    other = robust_verdicts(turned, case.points, -case.truth, case.delta)
    assert (other == verdicts_at(case, case.delta)).all()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_the_data_does_not_matter(seed: int, shuffler: Any) -> None:
    case = random_case(seed)
    order = list(range(len(case.student.X)))
    shuffler.shuffle(order)
    other = memorize(case.student.X[order], case.student.y[order], radius=case.student.radius, ramp=case.student.ramp,
                     teacher=case.student.teacher, recipe=case.student.recipe)
    assert (verdicts_at(case, case.delta, other) == verdicts_at(case, case.delta)).all()


# -- free and never better than free --------------------------------------------------------------------------


def apart(rng: np.random.Generator, teacher_shift: float) -> Case:
    """Return clean classes 0.3 apart, a teacher tilted and shifted, radius 0.02, ramp 0.01, delta 0.03."""
    X = rng.random((30, 2))
    X = X[[i for i in range(30) if all(np.abs(X[i] - X[j]).max() >= 0.0601 for j in range(i))]]
    X[:, 0] += np.where(X[:, 0] >= 0.5, 0.3, 0.0)
    y = np.where(X[:, 0] >= 0.65, 1.0, -1.0)
    points = rng.random((1500, 2))
    points[:, 0] += np.where(points[:, 0] >= 0.5, 0.3, 0.0)
    teacher = affine([[1.0, 0.3]], [-0.65 - 0.15 + teacher_shift])
    student = memorize(X, y, radius=0.02, ramp=0.01, teacher=teacher)
    return Case(student, points, np.where(points[:, 0] >= 0.65, 1.0, -1.0), 0.03)


def test_clean_classes_far_apart_cost_nothing_at_any_point_and_the_training_data_are_met() -> None:
    case = apart(np.random.default_rng(1), 0.0)
    assert case.student.certify().robust_error.upper == 0
    student = weighed(case.student.to_network(), case)
    teacher = weighed(case.student.teacher.to_network(), case)
    assert (student >= 0).all()
    assert (student == teacher).all()


@pytest.mark.parametrize("shift", [0.2, -0.25])
def test_a_teacher_that_errs_is_copied_or_healed_and_never_made_worse(shift: float) -> None:
    """The student errs nowhere that its teacher does not; where it is right instead, an own bump covers the errors."""
    case = apart(np.random.default_rng(2), shift)
    student = weighed(case.student.to_network(), case)
    teacher = weighed(case.student.teacher.to_network(), case)
    assert (student >= 0).all()
    assert (teacher >= 0).all()
    assert (teacher == 1).mean() > 0.05
    assert not ((student == 1) & (teacher == 0)).any()
    own = case.student.y[None, :] == case.truth[:, None]
    gap = np.abs(case.points[:, None] - case.student.X).max(axis=2)
    touched = (own & (gap <= case.student.radius + case.student.ramp + case.delta)).any(axis=1)
    assert (student == teacher)[~touched].all()
    assert 0 <= ((student == 0) & (teacher == 1)).sum() <= touched.sum()
