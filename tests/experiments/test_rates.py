"""Rates: the slope that is proved, the student that keeps it, and faults that are noticed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from constructive import report as rendering
from constructive.evidence import Report
from constructive.experiments import baselines, chebyshev_mean, convergence, rate_case, rates
from constructive.experiments.convergence import CASES, measure
from constructive.experiments.running import cell_stream
from constructive.targets import cosine_product

TAUGHT = ("teacher", "student")


def verdicts(report: Report) -> dict[str, str]:
    return {check.claim: check.verdict.value for check in report.checks}


def table(report: Report, title: str):
    return next(table for table in report.tables if table.title == title)


@pytest.fixture(scope="module")
def standard() -> Report:
    return rates(models=("teacher",))


@pytest.fixture(scope="module")
def small() -> Report:
    return rates([(1, 1)], models=(*TAUGHT, "nearest neighbors"))


def test_the_teachers_slopes_contain_the_stated_ones_in_narrow_intervals(standard: Report) -> None:
    rows = table(standard, "Slopes").rows
    assert [row[:2] for row in rows] == list(CASES)
    for order, dimension, _, stated, _, lower, upper, width, sizes in rows:
        assert stated == -2 * order / (2 * order + dimension)
        assert lower <= stated <= upper
        assert width <= 0.15
        assert sizes == 5
    assert set(verdicts(standard).values()) == {"consistent"}


def test_neither_bias_nor_variance_vanishes(standard: Report) -> None:
    for row in table(standard, "Squared errors, means over the draws").rows:
        bias, variance = row[4:6]
        assert 0.1 < variance / (bias + variance) < 0.55


def test_bias_and_variance_scale_alike_over_the_grid(standard: Report) -> None:
    rows = table(standard, "Squared errors, means over the draws").rows
    for order, dimension in CASES:
        mine = [row for row in rows if row[:2] == (order, dimension)]
        scaled = [[value * row[2] ** (2 * order) for value in row[4:6]] for row in mine]
        # n_K is rounded up to an integer, which moves the variance by 1 / n at most
        assert np.ptp(scaled, axis=0) / np.mean(scaled, axis=0) == pytest.approx([0, 0], abs=1 / mine[0][3])


def test_the_measured_error_is_bias_plus_variance(standard: Report) -> None:
    for row in table(standard, "Squared errors, means over the draws").rows:
        order, dimension, cells, _, bias, variance, teacher = row
        case = rate_case(order, dimension)
        squares = case.coefficients * cells**dimension  # degrees of freedom of the variance's part
        allowed = 5 * variance * (2 / squares / 10) ** 0.5 + 0.1 * variance
        assert abs(teacher - bias - variance) < allowed


def test_there_is_a_residual_for_every_seed_and_size(standard: Report) -> None:
    rows = table(standard, "Residuals").rows
    assert len(rows) == 4 * 5 * 10
    assert {row[4] for row in rows} == set(range(10))
    for order, dimension in CASES:
        own = [row[5] for row in rows if row[:2] == (order, dimension)]
        assert abs(sum(own)) < 1e-12


@pytest.mark.parametrize("case", [
    rate_case(2, 1, fitted=1), rate_case(3, 1, fitted=2, cells=(3, 4, 5, 6)),
    rate_case(2, 2, fitted=1, cells=(3, 4, 5, 6)), rate_case(3, 2, fitted=2, cells=(3, 4, 5))],
    ids=lambda case: f"r{case.order}d{case.dimension}")
def test_a_misdeclared_order_is_refuted(case) -> None:
    report = rates([case], models=("teacher",))
    assert list(verdicts(report).values()) == ["refuted"]
    _, _, _, stated, _, lower, upper, *_ = table(report, "Slopes").rows[0]
    assert not lower <= stated <= upper


def test_the_student_keeps_the_slope_while_it_interpolates_noise(small: Report) -> None:
    told = verdicts(small)
    assert told["slope of the student's squared error (r=1, d=1)"] == "consistent"
    assert told["robust training error of the student, largest (r=1, d=1)"] == "confirmed"
    for row in table(small, "Slopes").rows:
        if row[2].startswith("student"):
            assert row[5] <= row[3] <= row[6]
            assert row[7] <= 0.15


def test_what_memorizing_adds_obeys_its_bound_on_every_draw(small: Report) -> None:
    check = next(check for check in small.checks if "added by memorizing" in check.claim)
    assert check.verdict.value == "consistent"
    assert check.instances == 50
    assert 0 < check.observed.lower < check.observed.upper < 1


def test_the_forced_robust_error_is_found_on_every_draw(small: Report) -> None:
    check = next(check for check in small.checks if "data force" in check.claim)
    assert (check.verdict.value, check.observed.upper, check.instances) == ("confirmed", 0.0, 50)


def test_the_robust_gap_stays_open_while_the_plain_error_closes(small: Report) -> None:
    found = table(small, "What memorizing costs, means over the draws")
    plain, forced = (found.columns.index(name) for name in ("plain risk", "forced robust risk"))
    noise = rate_case(1, 1).noise ** 2
    assert all(row[forced] > 1.2 > 3 * noise > row[plain] for row in found.rows)
    errors = table(small, "Squared errors, means over the draws").rows
    assert errors[-1][6] < errors[0][6] / 4


def test_a_student_that_is_its_teacher_fails_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Copy:
        def __init__(self, student) -> None:
            self.student = student

        def __getattr__(self, name):
            return getattr(self.student, name)

        def __call__(self, x):
            return self.student.teacher(x)

        def certify(self):
            from constructive.certificates.training import certify
            return certify(self.student.teacher.to_network(), self.student.X, self.student.y,
                           radius=self.student.radius, task="regression")

    genuine = convergence.memorize
    monkeypatch.setattr(convergence, "memorize", lambda *args, **kwargs: Copy(genuine(*args, **kwargs)))
    told = verdicts(rates([rate_case(1, 1, cells=(3, 4))], models=TAUGHT, seeds=2))
    assert told["robust training error of the student, largest (r=1, d=1)"] == "refuted"
    assert told["test points where an attack stays below what the data force (r=1, d=1)"] == "refuted"


def test_baselines_see_the_same_draws(small: Report) -> None:
    case, cell = rate_case(1, 1), {"order": 1, "dimension": 1, "cells": 3, "replicate": 0}
    both = measure(case, ("teacher", "nearest neighbors"), 0, cell, cell_stream("rates", 0, cell))
    alone = measure(case, ("teacher",), 0, cell, cell_stream("rates", 0, cell))
    assert both["teacher"] == alone["teacher"]
    rows = table(small, "Slopes").rows
    assert [row[2] for row in rows] == ["teacher", "student", "student, proved bound", "nearest neighbors"]
    assert rows[3][3] is None  # nothing is stated of a baseline


def test_nearest_neighbors_average_the_nearest_labels() -> None:
    rng = np.random.default_rng(0)
    X, y, points = rng.random((50, 2)), rng.normal(size=50), rng.random((20, 2))
    k = 4  # ceil(50^(1/2) / 2)
    naive = [y[np.argsort(((X - p) ** 2).sum(axis=1))[:k]].mean() for p in points]
    assert baselines.nearest_neighbors(X, y, points) == pytest.approx(np.array(naive), rel=1e-13)


def test_kernel_methods_are_asked_only_where_they_fit() -> None:
    pytest.importorskip("sklearn")
    case = rate_case(1, 1, cells=(2, 3, 4), scale=4.0)
    report = rates([case], models=("kernel ridge", "Gaussian process"), seeds=2, kernel_limit=case.count(3))
    slopes = {row[2]: row for row in table(report, "Slopes").rows}
    assert (slopes["teacher"][8], slopes["kernel ridge"][8], slopes["Gaussian process"][8]) == (3, 2, 2)
    errors = table(report, "Squared errors, means over the draws").rows
    assert errors[2][7:] == (None, None)
    assert all(0 < value < 0.2 for row in errors[:2] for value in row[7:])


@pytest.mark.slow
def test_kernel_methods_too_return_the_same_digits_on_any_number_of_workers() -> None:
    pytest.importorskip("sklearn")
    case = rate_case(1, 1, cells=(5, 6))
    one, two = (rates([case], models=("kernel ridge", "Gaussian process"), seeds=2, n_jobs=k) for k in (1, 2))
    assert [t.rows for t in one.tables] == [t.rows for t in two.tables]


def test_without_scikit_learn_its_methods_are_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convergence, "has_sklearn", lambda: False)
    report = rates([rate_case(1, 1, cells=(2, 3), scale=4.0)], models=("teacher", "kernel ridge"), seeds=2)
    assert "kernel ridge" in report.notes[0]
    assert {row[2] for row in table(report, "Slopes").rows} == {"teacher"}


TINY = rate_case(1, 1, cells=(2, 3), scale=4.0)


def test_workers_do_not_change_a_digit() -> None:
    one, two = (rates([TINY], models=TAUGHT, seeds=2, n_jobs=jobs, rng=9) for jobs in (1, 2))
    assert [t.rows for t in one.tables] == [t.rows for t in two.tables]


def test_a_resumed_run_is_the_fresh_one(tmp_path: Path) -> None:
    fresh = rates([TINY], models=TAUGHT, seeds=3, rng=9)
    rates([TINY], models=TAUGHT, seeds=2, rng=9, store=tmp_path)
    path = tmp_path / "rates.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    resumed = rates([TINY], models=TAUGHT, seeds=3, rng=9, store=tmp_path)
    assert [t.rows for t in resumed.tables] == [t.rows for t in fresh.tables]
    assert len(path.read_text().splitlines()) == 7  # six cells and the torn line


@pytest.mark.parametrize("other", [
    rate_case(1, 1, cells=(2, 3), scale=4.0, noise=0.25), rate_case(1, 1, cells=(2, 3), scale=4.0, fitted=2),
    rate_case(1, 1, cells=(2, 3), scale=4.0, target=cosine_product([1.0]))], ids=["noise", "fitted", "target"])
def test_another_case_is_never_served_stored_results(tmp_path: Path, other) -> None:
    rates([TINY], models=("teacher",), seeds=2, store=tmp_path)
    mixed = rates([other], models=("teacher",), seeds=2, store=tmp_path)
    alone = rates([other], models=("teacher",), seeds=2)
    assert [t.rows for t in mixed.tables] == [t.rows for t in alone.tables]


def test_the_report_carries_seed_and_versions() -> None:
    report = rates([TINY], models=("teacher",), seeds=2, rng=17)
    assert report.seed == 17
    data = json.loads(rendering.to_json([report], report.seed))
    assert (data["seed"], "constructive" in data["versions"]) == (17, True)
    assert "seed 17" in rendering.text(report)


def test_the_grid_is_the_stated_one() -> None:
    case = rate_case(2, 1, scale=0.7)
    assert [case.count(k) for k in (3, 4)] == [171, 717]  # ceil of 0.7 * 243 and 0.7 * 1024


@pytest.mark.parametrize(("arguments", "word"), [
    ({"cells": (4,)}, "two different"), ({"target": chebyshev_mean(1, 1)}, "no bias"),
    ({"target": chebyshev_mean(2, 2)}, "dimension"), ({"noise": 0.0}, "noise"), ({"scale": -1.0}, "scale")])
def test_cases_that_show_nothing_are_refused(arguments: dict, word: str) -> None:
    with pytest.raises(ValueError, match=f"rate_case: .*{word}"):
        rate_case(2, 1, **arguments)


def test_unknown_models_are_named() -> None:
    with pytest.raises(ValueError, match="oracle"):
        rates([TINY], models=("oracle",))


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_the_standard_target_is_the_mean_of_chebyshev_polynomials(degree: int) -> None:
    X = np.random.default_rng(0).random((200, 2))
    truth = np.cos(degree * np.arccos(2 * X - 1)).mean(axis=1)
    assert np.abs(chebyshev_mean(degree, 2)(X) - truth).max() < 1e-12
    assert np.abs(truth).max() <= 1


@pytest.mark.slow
def test_all_standard_cases_keep_the_slope_while_interpolating() -> None:
    report = rates(models=(*TAUGHT, "nearest neighbors"), n_jobs=2)
    assert set(verdicts(report).values()) <= {"consistent", "confirmed"}
    for row in table(report, "Slopes").rows:
        if row[2] in TAUGHT:
            assert row[5] <= row[3] <= row[6]
            assert row[7] <= 0.15


@pytest.mark.slow
def test_scikit_learn_baselines_run_on_the_same_draws() -> None:
    pytest.importorskip("sklearn")
    report = rates([(1, 1)], models=convergence.MODELS, seeds=3, kernel_limit=1000)
    rows = {row[2]: row for row in table(report, "Slopes").rows}
    assert rows["kernel ridge"][8] == rows["Gaussian process"][8] == 3
    assert rows["Gaussian process"][4] < -0.2


def test_a_dask_cluster_returns_the_same_report() -> None:
    distributed = pytest.importorskip("dask.distributed")
    joblib = pytest.importorskip("joblib")
    here = rates([TINY], models=TAUGHT, seeds=2, rng=9)
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None)
    with cluster, distributed.Client(cluster), joblib.parallel_config(backend="dask"):
        there = rates([TINY], models=TAUGHT, seeds=2, rng=9)
    assert [t.rows for t in there.tables] == [t.rows for t in here.tables]
