"""Simulated random features: what a row holds is what the fits say, however many workers, resumed or fresh."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from joblib import parallel_config

from constructive.evidence import Verdict
from constructive.experiments import agreement_checks, feature_table, simulate_features
from constructive.experiments.running import cell_stream
from constructive.features import FeatureModel, draw_task, exact_risks, fit_adversarial, tuned_ridge

SMALL = {"inputs": 15, "sample_ratio": 2.0, "noise": 0.5}


def text(rows: object) -> str:
    return repr([[getattr(row, f.name) for f in dataclasses.fields(row) if f.name != "limit"] for row in rows])


def test_a_row_is_the_mean_of_fits_on_the_draws_of_its_cells() -> None:
    row, _ = simulate_features([3.0], [(0.3, 0.1), (0.1, 0.0)], draws=2, rng=4, **SMALL)
    risks = []
    for k in range(2):
        rng = cell_stream("simulate_features", 4, {"width_ratio": 3.0, "draw": k})
        model = FeatureModel.draw(15, 45, rng=rng)
        task = draw_task(15, 30, noise=0.5, rng=rng)
        fit = fit_adversarial(model.features(task.X), task.y, model.gradient_matrix(), radius=0.3, ridge=0.1)
        risks.append(exact_risks(model, fit.theta, task.beta, noise=0.5, radius=0.3).adversarial)
    assert row.adversarial_risk[0] == pytest.approx(np.mean(risks), rel=1e-9)
    assert row.adversarial_risk[1] == pytest.approx(abs(risks[0] - risks[1]) / 2.0, rel=1e-6)
    assert row.gap <= 1e-10


def test_no_ridge_named_means_the_best_in_the_limit() -> None:
    row, = simulate_features([2.0], [(0.3, None)], draws=1, **SMALL)
    tuned = tuned_ridge(2.0, 2.0, 0.5, 0.3)
    assert row.ridge == tuned.value > 0.0
    assert row.limit.adversarial_risk == tuned.prediction.adversarial_risk
    assert math.isnan(row.adversarial_risk[1])


def test_another_setting_or_width_changes_no_draw() -> None:
    alone = simulate_features([2.0], [(0.3, 0.0)], draws=2, rng=1, **SMALL)
    among = simulate_features([0.5, 2.0], [(0.1, 0.0), (0.3, 0.0)], draws=2, rng=1, **SMALL)
    assert text(alone) == text(among[3:])


def test_workers_and_a_store_change_nothing(tmp_path: object) -> None:
    settings = [(0.2, 0.0), (0.2, None)]
    fresh = simulate_features([0.5, 3.0], settings, draws=2, rng=2, **SMALL)
    with parallel_config("threading", n_jobs=2):
        for _ in range(2):  # written, then read
            assert text(simulate_features([0.5, 3.0], settings, draws=2, rng=2, store=tmp_path, **SMALL)) == text(fresh)


def test_the_peak_without_adversary_has_no_limit_and_is_left_out_of_the_agreement() -> None:
    rows = simulate_features([2.0, 3.0], [(0.0, 0.0)], draws=1, **SMALL)
    assert math.isinf(rows[0].limit.adversarial_risk)
    assert math.isnan(rows[0].error)
    checks = agreement_checks(rows, median=abs(rows[1].error), largest=abs(rows[1].error) / 2.0)
    assert [check.verdict for check in checks] == [Verdict.CONSISTENT, Verdict.REFUTED]
    with pytest.raises(ValueError, match="finite limit"):
        agreement_checks(rows[:1], median=1.0, largest=1.0)
    assert len(feature_table(rows).rows) == 2


@pytest.mark.parametrize("wrong", [{"inputs": 0}, {"draws": 0}, {"noise": -1.0}, {"sample_ratio": 0.0}])
def test_wrong_sizes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"simulate_features: {next(iter(wrong))}"):
        simulate_features([1.0], [(0.1, 0.0)], **{**SMALL, **wrong})


@pytest.mark.parametrize(("widths", "settings"), [([], [(0.1, 0.0)]), ([1.0], []), ([1.0], [(0.1, -1.0)])])
def test_nothing_to_do_and_negative_ridges_are_refused(widths: list[float], settings: list[object]) -> None:
    with pytest.raises(ValueError, match="simulate_features"):
        simulate_features(widths, settings, **SMALL)
