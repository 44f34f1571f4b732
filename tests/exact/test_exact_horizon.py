"""The float horizon: what is proved exact comes out right, and the first wrong number of thresholds is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from exact_line_cases import few, lines
from hypothesis import given

from constructive.exact import along, float_horizon, project


@few
@given(lines())
def test_what_is_proved_exact_is_right_at_every_datum(case: Any) -> None:
    X, _, projection = case
    for dtype in (np.float64, np.float32):
        horizon = float_horizon(projection, X, projection.radius / 2, dtype=dtype, most=5)
        assert not any(count for proved, count in zip(horizon.exact, horizon.wrong, strict=True) if proved)


@pytest.mark.parametrize(("n", "doubles", "singles"), [(200, 5, 3)])
def test_the_first_wrong_number_of_thresholds(n: int, doubles: int, singles: int) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2**20, (n, 8)) / 2**20, rng.integers(0, 2, n)
    projection = project(X, y, draws=1000, rng=1)
    found = [float_horizon(projection, X, projection.radius / 2, dtype=dtype, most=7)
             for dtype in (np.float64, np.float32)]
    assert [h.first_wrong for h in found] == [doubles, singles]
    assert found[0].last_exact == 1


def test_numbers_beyond_the_range_of_the_format_count_as_wrong() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2**20, (60, 2)) / 2**20, rng.integers(0, 2, 60)
    projection = project(X, y, draws=50, rng=1)
    horizon = float_horizon(projection, X, projection.radius / 2, dtype=np.float32, most=15)
    assert horizon.wrong[-1] == 60


def test_an_easy_line_has_no_horizon_among_the_numbers_tried() -> None:
    X = [[0.0], [1.0], [2.0]]
    horizon = float_horizon(along(X, [0, 1, 0], [1]), X, 0.25, most=3)
    assert (horizon.first_wrong, horizon.last_exact) == (None, 3)
