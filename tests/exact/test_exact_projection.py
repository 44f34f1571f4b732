"""Projections: the radius is exact, zero changes and meetings are handled, doubles rank but never decide."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from exact_line_cases import few, lines
from hypothesis import given
from hypothesis import strategies as st

from constructive.exact import along, look_up, project


@few
@given(lines(classes=3))
def test_the_radius_is_half_the_smallest_distance_of_different_labels(case: Any) -> None:
    X, y, p = case
    z = [sum(Fraction(v) * w for v, w in zip(x, p.direction, strict=True)) for x in X.tolist()]
    assert list(p.positions) == z
    closest = min(abs(z[i] - z[k]) for i, k in itertools.combinations(range(len(y)), 2) if y[i] != y[k])
    assert p.radius == closest / (2 * sum(map(abs, p.direction)))


@few
@given(lines(), st.sampled_from([1.0, 2.0, math.inf]))
def test_norms_rank_as_their_duals(case: Any, norm: float) -> None:
    X, y, p = case
    direction = [w // int(1 / p.step) for w in p.direction]
    q = along(X, y, direction, norm=norm)
    dual = {1.0: max(map(abs, p.direction)), 2.0: math.dist(p.direction, [0] * len(p.direction)),
            math.inf: sum(map(abs, p.direction))}[norm]
    assert float(q.radius) == pytest.approx(float(p.radius * p.dual) / dual, rel=1e-12)


def test_for_norm_two_the_radius_is_never_too_large() -> None:
    p = along([[0.0, 0.0], [1.0, 0.0]], [0, 1], [1, 1], norm=2)
    # r_max = 1 / (2 sqrt 2)
    assert isinstance(p.radius, Fraction)
    assert 8 * p.radius**2 <= 1 < 8 * (p.radius * (1 + Fraction(1, 1 << 58)))**2


def test_more_draws_of_the_same_seed_are_never_worse() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.integers(0, 2**12, (40, 3)) / 2**12, rng.integers(0, 2, 40)
    few, many = project(X, y, draws=20, rng=1), project(X, y, draws=400, rng=1)
    assert few.radius <= many.radius


def test_the_same_seed_draws_the_same_direction() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.random((30, 3)), rng.integers(0, 2, 30)
    assert project(X, y, draws=30, rng=7).direction == project(X, y, draws=30, rng=7).direction


def test_a_discriminant_needs_fewer_changes_than_a_wide_line() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2**10, (80, 3)) / 2**10
    y = (X @ [1.0, 2.0, -1.0] > 1.0).astype(int)
    fewest = project(X, y, draws=60, prefer="changes", rng=0)
    widest = project(X, y, draws=60, rng=0)
    assert fewest.changes < widest.changes


def test_preferring_size_makes_the_look_up_smaller() -> None:
    rng = np.random.default_rng(4)
    X, y = rng.integers(0, 2**20, (300, 6)) / 2**20, rng.integers(0, 2, 300)
    small, wide = (project(X, y, draws=300, prefer=prefer, rng=0) for prefer in ("size", "radius"))
    assert look_up(small, small.radius / 2).nonzeros < look_up(wide, wide.radius / 2).nonzeros
    assert small.radius < wide.radius


@pytest.mark.parametrize("prefer", ["radius", "discriminant", "changes", "size"])
@pytest.mark.parametrize("scale", [2.0**-1000, 1.0, 2.0**900])
def test_the_size_of_the_data_does_not_matter(prefer: str, scale: float) -> None:
    X = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 1.0], [2.0, 2.0]])
    plain, scaled = (project(data, [0, 1, 0, 1], draws=20, prefer=prefer, rng=0) for data in (X, X * scale))
    assert scaled.radius == plain.radius * Fraction(scale)


def test_one_draw_is_enough_for_a_discriminant() -> None:
    p = project([[0.0, 1.0], [1.0, 0.0], [3.0, 1.0], [4.0, 0.0]], [0, 0, 1, 1], draws=1, prefer="changes", rng=0)
    assert p.changes == 1


def test_entries_get_longer_only_where_short_ones_collide() -> None:
    rng = np.random.default_rng(1)
    easy = project(rng.random((20, 2)), rng.integers(0, 2, 20), draws=20, rng=0)
    # all 4096 points of a grid, random labels: entries below 2^8 leave them at most 7140 positions
    X = np.array(list(itertools.product(range(8), repeat=4)), float)
    hard = project(X, rng.integers(0, 2, 4096), draws=20, rng=0)
    assert max(map(abs, (w * easy.step for w in easy.direction))) < 2**8
    assert max(map(abs, hard.direction)) >= 2**8
    assert hard.radius > 0


def test_data_beyond_doubles_are_decided_in_integers() -> None:
    # differences of 2^-60 round away in the products, so doubles rank every direction alike
    X = [[1.0, 0.0], [1.0, 2.0**-60], [1.0, -(2.0**-60)]]
    p = project(X, [0, 1, 1], draws=10, rng=0)
    assert p.changes == 2
    assert len(set(p.positions)) == 3


def test_equal_labels_may_meet() -> None:
    assert along([[0.0], [0.0], [1.0]], [1, 1, 0], [1]).changes == 1


def test_without_changes_the_radius_is_infinite() -> None:
    p = project([[0.0], [1.0]], ["a", "a"], draws=3, rng=0)
    assert (p.changes, p.radius) == (0, math.inf)
    assert p.reach(Fraction(7)) == 7 * p.dual


@pytest.mark.parametrize(("X", "y", "options", "message"), [
    ([[0.0], [1.0], [0.0]], [0, 1, 1], {}, r"X\[0\] and X\[2\] are equal"),
    ([[0.0], [1.0]], [0.5, 1.0], {}, "real values"),
    ([[0.0], [1.0]], [0, 1], {"draws": 0}, "draws=0"),
    ([[0.0], [1.0]], [0, 1], {"prefer": "beauty"}, "prefer='beauty'"),
    ([[0.0], [1.0]], [0, 1], {"norm": 3}, "norm=3"),
    ([[0.0], [1.0]], [0, 1, 1], {}, "3 labels"),
])
def test_data_that_no_line_can_hold_are_refused(X: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        project(X, y, **options)


@pytest.mark.parametrize(("direction", "kind", "message"), [
    ([1, 1], ValueError, "2 entries"), ([0.5], TypeError, "integer"), ([0], ValueError, "meet"),
])
def test_directions_that_are_none_are_refused(direction: list[Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        along([[0.0], [1.0]], [0, 1], direction)


def test_a_direction_on_which_labels_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="meet on direction"):
        along([[0.0, 1.0], [1.0, 0.0]], [0, 1], [1, 1])
