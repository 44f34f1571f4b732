"""The float horizon: what is proved exact comes out right, and the first wrong number of thresholds is found."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import few, lines
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import along, float_horizon, look_up, project


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


@pytest.mark.slow
def test_of_a_thousand_data_doubles_lose_some_from_three_thresholds_on() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 2**20, (1000, 8)) / 2**20, rng.integers(0, 2, 1000)
    projection = project(X, y, draws=1000, rng=1)
    found = [float_horizon(projection, X, projection.radius / 2, dtype=dtype, most=7)
             for dtype in (np.float64, np.float32)]
    assert [h.first_wrong for h in found] == [3, 3]
    assert [h.last_exact for h in found] == [1, None]


@few
@given(lines(), st.sampled_from([1, 3, 5, 7]), st.sampled_from([np.float64, np.float32]))
def test_the_wrong_data_are_those_of_a_plain_loop_over_the_rounded_numbers(case: Any, s: int, dtype: type) -> None:
    X, y, projection = case
    f = look_up(projection, projection.radius / 2, per_word=s).network
    wrong = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for x, label in zip(X.tolist(), y.tolist(), strict=True):
            values = [dtype(v) for v in x]
            for k, layer in enumerate(f.layers):
                scale = f.scale if k + 1 == f.depth else Fraction(1)
                sums = []
                for row, bias in zip(layer.rows, layer.bias, strict=True):
                    total = dtype(0)
                    for j, w in row:
                        total += dtype(float(scale * w)) * values[j]
                    sums.append(total + dtype(float(scale * bias)))
                values = sums if k + 1 == f.depth else [np.maximum(v, dtype(0)) for v in sums]
            wrong += bool(values[0] != (1 if label else -1))
    assert float_horizon(projection, X, projection.radius / 2, dtype=dtype, most=s).wrong[-1] == wrong


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
