"""Robust risks between their bounds: exact on the sample, paired over a sweep, honest for the population."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from constructive.calculus import affine
from constructive.certificates.branching import decide
from constructive.certificates.goals import Goal
from constructive.evidence import Evidence
from constructive.experiments import risks, spacing
from constructive.experiments.risks import RiskCase, RiskRow, risk_table, robust_risks, sweep
from constructive.experiments.spacing import spaced_data
from constructive.populations import Population, Spheres
from constructive.students import separation
from constructive.targets import cosine_product
from constructive.teachers import taylor_partition

HALVES = Population(lambda P: P[:, 0] - 0.5, 2, noise=0.1)
SIDE = affine([[8.0, 0.0]], [-4.0])
CASE = RiskCase(HALVES, SIDE, n=60, radius=0.02, ramp=0.02, delta=0.02, points=1500)
ROW = robust_risks(CASE, rng=3)


def test_the_student_lies_between_the_bounds_and_an_affine_teacher_leaves_nothing_open() -> None:
    for share in (ROW.teacher, ROW.student, ROW.above, ROW.below, ROW.below_where_right, ROW.excess):
        assert share.sample.width == 0
        assert share.sample.evidence is Evidence.ENCLOSED
        assert share.population.evidence is Evidence.SAMPLED
        assert share.population.confidence == 0.99
        assert share.population.lower < share.sample.lower <= share.sample.upper < share.population.upper
    assert 0 < ROW.below.sample.upper <= ROW.student.sample.lower <= ROW.student.sample.upper <= ROW.above.sample.upper
    assert ROW.below_where_right.sample.upper <= ROW.excess.sample.lower


def test_every_share_is_what_its_definition_counts() -> None:
    """All shares again from scratch: rational distances to the data, the teacher's range by hand."""
    X, y = spaced_data(HALVES, 60, CASE.needed, rng=np.random.default_rng([3, 0]))
    points, labels = HALVES.sample(1500, np.random.default_rng([3, 1]))
    right = (points[:, 0] - 0.5) * labels > CASE.delta
    gaps = np.maximum(np.abs(points[:, None] - X) - CASE.radius - CASE.delta, 0.0).sum(axis=2)
    gaps = np.where(y[None, :] != labels[:, None], gaps, math.inf).min(axis=1)
    near, met = gaps <= CASE.ramp / 2, gaps == 0
    assert not (np.abs(gaps - CASE.ramp / 2) < 1e-12).any()
    assert ROW.teacher.sample.lower == (~right).mean()
    assert ROW.above.sample.lower == (near | ~right).mean()
    assert ROW.below.sample.lower == met.mean()
    assert ROW.below_where_right.sample.lower == (met & right).mean()
    assert ROW.excess.sample.lower == (near & right).mean()


def test_the_students_share_is_that_of_its_weights() -> None:
    student = risks._memorizer(CASE, 3)
    points, labels = HALVES.sample(1500, np.random.default_rng([3, 1]))
    found = decide(student.to_network(), points, CASE.delta, math.inf, Goal("sign", labels * 1.0), budget=60_000)
    assert (found.verdict == 1).mean() <= ROW.student.sample.lower
    assert (found.verdict != 0).mean() >= ROW.student.sample.upper
    assert (found.verdict >= 0).mean() > 0.999


def test_the_excess_tends_to_the_unavoidable_share_as_ramp_or_amplitude_go_to_zero() -> None:
    wide = replace(CASE, n=200, radius=0.008, ramp=0.01, delta=0.008, points=6000)
    for over, values in (("ramp", [0.01 / 4**k for k in range(6)]), ("amplitude", [4.0**-k for k in range(6)])):
        rows = sweep(wide, over, values, rng=0)
        excess = [row.excess.sample.upper for row in rows]
        assert excess == sorted(excess, reverse=True)
        assert excess[0] > 1.1 * rows[0].below_where_right.sample.upper
        assert rows[-1].below_where_right.sample.lower <= excess[-1] <= 1.01 * rows[-1].below_where_right.sample.lower
        assert len({row.below.sample.lower for row in rows}) == 1


def test_ramp_and_amplitude_matter_only_through_the_reach() -> None:
    first = robust_risks(replace(CASE, amplitude=0.25, spacing=CASE.needed), rng=3)  # 0.02 / 5
    second = robust_risks(replace(CASE, ramp=0.008, spacing=CASE.needed), rng=3)  # 0.008 / 2
    assert first.reach == pytest.approx(second.reach, rel=2.0**-50)
    assert first.excess.sample.lower == second.excess.sample.lower
    assert first.student.sample.lower == second.student.sample.lower


@pytest.mark.parametrize(("over", "values"), [
    ("delta", [0.0, 0.01, 0.02, 0.04]), ("radius", [0.0, 0.01, 0.02]), ("n", [10, 30, 60]), ("ramp", [0.002, 0.02])])
def test_bounds_and_student_rise_over_a_sweep_on_one_sample(over: str, values: list[float]) -> None:
    rows = sweep(CASE, over, values, rng=5)
    assert [getattr(row.case, over) for row in rows] == values
    for name in ("below", "above"):
        shares = [getattr(row, name).sample.lower for row in rows]
        assert shares == sorted(shares)
    for row in rows:
        assert row.below.sample.upper <= row.student.sample.lower <= row.above.sample.upper
        if over != "delta":
            assert row.teacher.sample.lower == rows[0].teacher.sample.lower


def test_more_noise_flips_more_of_the_same_labels() -> None:
    rows = sweep(CASE, "noise", [0.0, 0.1, 0.3], rng=5)
    assert [row.noise for row in rows] == [0.0, 0.1, 0.3]
    found = [row.teacher.sample.lower for row in rows]
    assert found == sorted(found)
    assert found[0] < 0.1 < found[2] - 0.05


def test_sweeps_repeat_single_cases_of_the_same_spacing() -> None:
    rows = sweep(CASE, "delta", [0.0, 0.02], rng=3)
    assert _numbers(rows[1]) == _numbers(ROW)
    generators = [np.random.default_rng(8) for _ in range(2)]
    assert _numbers(robust_risks(CASE, rng=generators[0])) == _numbers(robust_risks(CASE, rng=generators[1]))


def test_clean_classes_far_apart_leave_the_teachers_risk_unchanged() -> None:
    apart = Population(lambda P: P[:, 0] - 0.5, 2, gap=0.1)
    slanted = affine([[8.0, 3.0]], [-5.0])
    row = robust_risks(RiskCase(apart, slanted, n=40, radius=0.02, ramp=0.02, delta=0.02, points=2000), rng=1)
    assert row.below.sample.upper == row.excess.sample.upper == 0
    assert row.above.sample.upper == row.teacher.sample.upper > 0
    assert row.student.sample.upper <= row.teacher.sample.upper
    assert row.change.lower <= 0 <= row.change.upper or row.change.upper < 0


def test_a_smooth_teacher_leaves_little_open_and_the_brackets_hold() -> None:
    margin = cosine_product(frequency=[5.0, 4.0], phase=[-0.5, 0.4])
    teacher = taylor_partition(margin, order=3, cells=8)
    case = RiskCase(Population(margin, 2, 0.1), teacher, n=150, radius=0.006, ramp=0.004, delta=0.006, points=400)
    row = robust_risks(case, rng=2)
    assert row.teacher.sample.width < 0.01
    assert row.below.sample.upper <= row.student.sample.upper
    assert row.student.sample.lower <= row.above.sample.upper


def test_another_two_class_law_is_as_good() -> None:
    network = affine([[1.0, 0.0]], [0.0])
    row = robust_risks(RiskCase(Spheres(2, (0.5, 1.0), 0.1), network, n=30, radius=0.01, ramp=0.01, delta=0.02,
                                points=300), rng=0)
    assert row.below.sample.upper <= row.student.sample.lower
    assert row.student.sample.upper <= row.above.sample.upper


def test_spaced_data_keep_their_distance_and_their_order() -> None:
    X, y = spaced_data(HALVES, 50, 0.05, rng=4)
    assert separation(X).distance >= 0.05
    assert set(np.unique(y)) == {-1, 1}
    again, labels = spaced_data(HALVES, 20, 0.05, rng=4)
    assert (again == X[:20]).all()
    assert (labels == y[:20]).all()
    # one by one, from the definition
    points, drawn = HALVES.sample(256, np.random.default_rng(4))
    kept: list[int] = []
    for i, x in enumerate(points):
        if all(max(abs(Fraction(a) - Fraction(b)) for a, b in zip(x.tolist(), points[j].tolist(), strict=True))
               >= Fraction(0.05) for j in kept):
            kept.append(i)
    assert (points[kept[:20]] == again).all()
    assert (drawn[kept[:20]] == labels).all()


def test_the_table_shows_open_shares_as_intervals() -> None:
    table = risk_table([ROW])
    assert table.rows[0][:6] == (60, 0.1, 0.02, 0.02, 1.0, 0.02)
    assert table.rows[0][6] == ROW.below.sample.lower
    assert risks._shown(risks.Bracket(0.25, 0.5)) == "[0.25, 0.5]"


@pytest.mark.parametrize(("change", "words"), [
    ({"n": 0}, "n="), ({"radius": -0.1}, "radius"), ({"ramp": 0.0}, "ramp"), ({"delta": math.nan}, "delta"),
    ({"amplitude": 1.5}, "amplitude"), ({"points": 0}, "points"), ({"confidence": 1.0}, "confidence"),
    ({"spacing": 0.01}, "no two supports meet"), ({"population": Spheres(2, (0.5, 1.0, 2.0))}, "two classes")])
def test_cases_out_of_range_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(CASE, **change)  # type: ignore[arg-type]


def test_data_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacing, "_BLOCKS", 3)
    with pytest.raises(ValueError, match="data fit at spacing"):
        spaced_data(HALVES, 100, 0.4, rng=0)


def test_sweeps_over_other_names_and_over_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="over='points'"):
        sweep(CASE, "points", [100])
    with pytest.raises(ValueError, match="empty"):
        sweep(CASE, "delta", [])


def test_data_of_one_label_are_refused() -> None:
    with pytest.raises(ValueError, match="have label"):
        robust_risks(replace(CASE, population=Population(lambda P: P[:, 0] + 1.0, 2)), rng=0)


def _numbers(row: RiskRow) -> list[float]:
    shares = (row.teacher, row.student, row.above, row.below, row.below_where_right, row.excess)
    return [end for share in shares for end in (share.sample.lower, share.sample.upper, share.population.lower)]
