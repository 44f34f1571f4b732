"""The largest admissible radius: what label noise does to it, and how much of the cube the supports take."""

from __future__ import annotations

import numpy as np
import pytest

from constructive.evidence import clopper_pearson
from constructive.experiments import admissible_radius, radii
from constructive.experiments.running import cell_stream
from constructive.students import memorize, separation


@pytest.fixture(scope="module")
def report():
    return admissible_radius([50, 200, 800], dims=[1, 2, 3], noises=[0.0, 0.2, 0.5], seeds=12, rng=1)


def test_with_noise_the_radius_shrinks_at_the_stated_rate(report) -> None:
    told = {check.claim: check for check in report.checks if "slope" in check.claim}
    assert len(told) == 6
    assert {check.verdict.value for check in told.values()} == {"consistent"}


def test_the_slopes_tell_the_dimensions_apart(report) -> None:
    rows = {row[0]: row for row in report.tables[0].rows if row[1] == 0.5}
    for dimension, other in ((1, 2), (2, 1), (3, 1)):
        lower, upper = rows[dimension][4:6]
        assert not lower <= -2 / other <= upper


def test_clean_labels_with_a_gap_keep_their_radius(report) -> None:
    told = [check for check in report.checks if "smallest" in check.claim]
    assert len(told) == 3
    assert {check.verdict.value for check in told} == {"confirmed"}
    assert all(check.observed.lower < 0.15 for check in told)


def test_a_gap_that_is_smaller_than_stated_is_refuted() -> None:
    cells = [{"dimension": 1, "noise": 0.0, "n": n, "replicate": 0} for n in (100, 200, 400)]
    mine = [(cell, radii._measured_radius(0.2, cell, cell_stream("radii", 0, cell))) for cell in cells]
    check, _ = radii._trend(mine, 1, 0.0, 0.3, 0.999, np.inf)
    assert check.verdict.value == "refuted"


def test_the_supports_have_at_most_the_stated_probability() -> None:
    cell = {"dimension": 1, "noise": 0.5, "n": 12, "replicate": 0}
    found = radii._measured_radius(0.25, cell, cell_stream("radii", 0, cell))
    rng = cell_stream("radii", 0, cell)
    X = rng.random((12, 1))
    X[:, 0] = np.where(X[:, 0] < 0.5, X[:, 0] * 0.75, 1 - (1 - X[:, 0]) * 0.75)
    y = np.where((X[:, 0] > 0.5) == (rng.random(12) >= 0.5), 1, -1)
    apart = separation(X, y).distance
    assert found["radius"] == apart / 2
    student = memorize(X, y, radius=apart / 4)
    fresh = np.random.default_rng(5).random((40000, 1))
    fresh[:, 0] = np.where(fresh[:, 0] < 0.5, fresh[:, 0] * 0.75, 1 - (1 - fresh[:, 0]) * 0.75)
    hits = int((np.diff(student.bumps.active(fresh)[0]) > 0).sum())
    assert 0 < clopper_pearson(hits, 40000, 1 - 1e-6).lower <= found["mass"]


def test_sizes_are_needed_for_a_slope() -> None:
    with pytest.raises(ValueError, match="two different sizes"):
        admissible_radius([100], dims=[1])


def test_empty_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one entry"):
        admissible_radius([10, 20], dims=[])
