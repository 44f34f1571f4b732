"""Caps: what inner products can be on them, retraction, draws, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.nearinit import Caps, caps, chordal_angles, lifted, separated_sphere

Array = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)

FEW = 2.0**-49  # "a few roundings" of numbers of size 1


def sphere(rng: np.random.Generator, k: int, d: int) -> Array:
    points = rng.normal(size=(k, d))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def random_caps(seed: int, d: int) -> tuple[Caps, np.random.Generator]:
    """Return caps of two to five random points, often close ones, of up to nearly the largest radius."""
    rng = np.random.default_rng(seed)
    X = sphere(rng, int(rng.integers(2, 6)), d)
    if rng.integers(2):
        X[1] = X[0] + 10.0 ** rng.uniform(-6, -1) * rng.normal(size=d)
        X[1] /= np.linalg.norm(X[1])
    distance = min(np.linalg.norm(a - b) for i, a in enumerate(X) for b in X[:i])
    return caps(X, float(distance * rng.uniform(0.0, 0.4999))), rng


def points_of(found: Caps, rng: np.random.Generator, count: int = 40) -> tuple[NDArray[np.int64], Array]:
    """Return points of the caps, many of them on the rim and toward the nearest other center, with their caps."""
    index = rng.integers(0, found.n, count)
    toward = found.X[(index + rng.integers(1, found.n, count)) % found.n] if found.n > 1 else found.X[index]
    return np.tile(index, 3), np.concatenate([found.draw(index, rng), found.rim(index, rng),
                                              found.project(index, toward)])


# -- inner products ---------------------------------------------------------------------------------------------------


@given(seeds, st.integers(2, 8))
def test_inner_products_with_own_and_foreign_centers_are_within_their_bounds(seed: int, d: int) -> None:
    found, rng = random_caps(seed, d)
    index, points = points_of(found, rng)
    products = points @ found.X.T
    own = products[np.arange(index.size), index]
    others = products[np.arange(found.n) != index[:, None]]
    assert own.min() >= found.own - FEW
    assert others.max() <= found.foreign + FEW
    assert others.min() >= found.least - FEW


@given(seeds, st.integers(2, 8))
def test_the_foreign_bound_is_reached_between_the_closest_centers(seed: int, d: int) -> None:
    found, _ = random_caps(seed, d)
    gaps = np.linalg.norm(found.X[:, None] - found.X, axis=2) + 3.0 * np.eye(found.n)
    i, j = divmod(int(gaps.argmin()), found.n)
    point = found.project([i], found.X[[j]])[0]
    # the direction from one center to the other, both rounded, is known to 2^-52 / distance
    assert abs(float(point @ found.X[j]) - found.foreign) <= FEW * (1 + 1 / found.distance)


@given(st.floats(1e-3, 2.0), st.floats(0.0, 0.4999))
def test_the_gap_of_inner_products_is_half_the_separation_number(distance: float, share: float) -> None:
    half = math.asin(distance / 2)
    found = caps([[math.cos(half), math.sin(half)], [math.cos(half), -math.sin(half)]], share * distance)
    chordal = 1 - (found.distance - found.radius) ** 2 / 2
    gap = found.distance * (found.distance - 2 * found.radius) / 2
    assert abs((found.own - chordal) - gap) <= FEW
    assert found.own - found.foreign >= gap - FEW  # angles along the sphere are a little better


@given(st.floats(1e-3, 2.0), st.floats(0.0, 0.4999))
def test_the_angle_between_the_rims_is_at_least_the_chordal_gap(distance: float, share: float) -> None:
    radius = share * distance
    low, high = 2 * math.asin((distance - radius) / 2), 2 * math.asin(radius / 2)
    assert low - high >= (distance - 2 * radius) * (1 - 2.0**-40) - FEW


def test_two_antipodes_and_a_single_point() -> None:
    two, one = caps([[1.0, 0.0], [-1.0, 0.0]], 0.5), caps([[0.6, 0.8]], 1.5)
    assert (two.n, two.dimension, two.distance, two.own) == (2, 2, 2.0, 0.875)
    assert abs(two.foreign + math.cos(two.angle)) <= FEW
    assert two.least == -1.0
    assert (one.distance, one.foreign, one.least) == (math.inf, -1.0, -1.0)
    assert two.angle == 2 * math.asin(0.25)


# -- points of caps ---------------------------------------------------------------------------------------------------


@given(seeds, st.integers(2, 8))
def test_draws_rims_and_retractions_are_in_their_caps_on_the_sphere(seed: int, d: int) -> None:
    found, rng = random_caps(seed, d)
    index, points = points_of(found, rng)
    assert (np.abs(np.linalg.norm(points, axis=1) - 1) <= FEW).all()
    assert (np.linalg.norm(points - found.X[index], axis=1) <= found.radius + FEW).all()
    rims = found.rim(index, rng)
    assert (np.abs(np.linalg.norm(rims - found.X[index], axis=1) - found.radius) <= FEW).all()


@given(seeds, st.integers(2, 6))
def test_no_point_of_the_cap_is_closer_than_the_retraction(seed: int, d: int) -> None:
    found, rng = random_caps(seed, d)
    index = rng.integers(0, found.n, 30)
    outside = sphere(rng, 30, d)
    moved = found.project(index, outside)
    for _ in range(5):
        others = found.draw(index, rng)
        assert (np.linalg.norm(moved - outside, axis=1) <= np.linalg.norm(others - outside, axis=1) + FEW).all()


@given(seeds, st.integers(2, 6), st.floats(1e-3, 1e3))
def test_points_of_the_cap_stay_whatever_their_length(seed: int, d: int, length: float) -> None:
    found, rng = random_caps(seed, d)
    index = rng.integers(0, found.n, 20)
    inside = found.draw(index, rng)
    assert (np.linalg.norm(found.project(index, length * inside) - inside, axis=1) <= FEW).all()


@given(seeds, st.integers(2, 6))
def test_retraction_follows_the_great_circle(seed: int, d: int) -> None:
    found, rng = random_caps(seed, d)
    index = rng.integers(0, found.n, 20)
    outside = sphere(rng, 20, d)
    moved, centers = found.project(index, outside), found.X[index]
    across = outside - (outside * centers).sum(axis=1, keepdims=True) * centers
    part = moved - (moved * centers).sum(axis=1, keepdims=True) * centers
    # no component but along the center and the point: |part| |across| = <part, across>
    cosine = (part * across).sum(axis=1)
    product = np.linalg.norm(part, axis=1) * np.linalg.norm(across, axis=1)
    assert (np.abs(cosine - product) <= FEW).all()


def test_points_without_a_direction_go_to_the_center() -> None:
    found = caps([[0.0, 1.0], [0.0, -1.0]], 0.25)
    assert found.project([0, 1, 0], [[0.0, 0.0], [0.0, 0.0], [0.0, -3.0]]).tolist() == [
        [0.0, 1.0], [0.0, -1.0], [0.0, 1.0]]


def test_radius_zero_leaves_only_the_centers() -> None:
    found, rng = caps(np.eye(3), 0.0), np.random.default_rng(0)
    index = np.arange(3)
    for points in (found.draw(index, rng), found.rim(index, rng), found.project(index, rng.normal(size=(3, 3)))):
        np.testing.assert_array_equal(points, np.eye(3))


def test_drawn_angles_on_the_circle_are_even() -> None:
    found = caps([[1.0, 0.0]], 0.5)
    points = found.draw(np.zeros(20_000, int), 3)
    turned = np.sort((np.arctan2(points[:, 1], points[:, 0]) / found.angle + 1) / 2)
    # distance to the even law, exceeded with probability 2e-6 (Dvoretzky-Kiefer-Wolfowitz)
    assert np.abs(turned - (np.arange(20_000) + 0.5) / 20_000).max() <= math.sqrt(math.log(1e6) / 40_000) + 1 / 20_000


def test_equal_seeds_draw_equal_points() -> None:
    found = caps(np.eye(4), 0.5)
    assert (found.draw([0, 1], 5) == found.draw([0, 1], np.random.default_rng(5))).all()
    assert (found.rim([0, 1], 5) != found.rim([0, 1], 6)).any()


# -- makers -----------------------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 8), st.integers(2, 5))
def test_drawn_points_are_unit_and_apart(seed: int, n: int, d: int) -> None:
    X = separated_sphere(n, d, 0.5, rng=seed)
    assert X.shape == (n, d)
    assert (np.abs(np.linalg.norm(X, axis=1) - 1) <= FEW).all()
    assert all(np.linalg.norm(a - b) >= 0.5 for i, a in enumerate(X) for b in X[:i])


def test_a_full_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="ask for fewer points, a smaller distance or more tries"):
        separated_sphere(5, 2, 1.5, rng=0, tries=200)


@given(seeds, st.integers(2, 6))
def test_lifting_gives_unit_rows_on_a_slice_and_shrinks_distances(seed: int, d: int) -> None:
    Z = sphere(np.random.default_rng(seed), 4, d)
    X = lifted(Z)
    assert (X[:, -1] == 0.5).all()
    assert (np.abs(np.linalg.norm(X, axis=1) - 1) <= FEW).all()
    np.testing.assert_allclose(X @ X.T, 0.75 * (Z @ Z.T) + 0.25, rtol=0, atol=FEW)


@given(st.floats(1e-12, math.pi), st.floats(0, 6.28))
def test_angles_keep_the_digits_of_close_and_of_opposite_points(angle: float, start: float) -> None:
    rows = np.array([[math.cos(start), math.sin(start)], [math.cos(start + angle), math.sin(start + angle)]])
    found = chordal_angles(rows)[0, 1]
    assert abs(found - angle) <= 2 * FEW
    assert chordal_angles(rows).shape == (2, 2)
    assert not chordal_angles(rows[:1]).any()


def test_rows_are_scaled_to_unit_length_and_frozen() -> None:
    given_rows = np.array([[1.0 + 5e-10, 0.0], [0.0, 1.0]])
    found = caps(given_rows, 0.25)
    assert found.X.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert given_rows[0, 0] != 1.0
    with pytest.raises(ValueError, match="read-only"):
        found.X[0, 0] = 2.0


@pytest.mark.parametrize(("X", "radius", "words"), [
    ([[1.0, 0.0], [0.0, 1.1]], 0.1, r"X\[1\] has norm 1.1; divide each row by its norm"),
    ([[1.0, 0.0], [1.0, 0.0]], 0.0, r"X\[0\] and X\[1\] are 0 apart"),
    ([[1.0, 0.0], [0.6, 0.8]], 0.45, r"needs all points more than 0.9 apart.*pass radius < 0.447213595"),
    ([[1.0], [-1.0]], 0.1, "X must have at least 2 columns, got 1"),
    ([[1.0, 0.0]], 2.0, "radius=2.0 must be < 2.0"),
    ([[1.0, 0.0]], -0.5, "radius=-0.5 must be >= 0.0"),
    ([[1.0, 0.0]], math.nan, "radius=nan must be finite")])
def test_what_is_no_set_of_caps_is_refused(X: list[list[float]], radius: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        caps(X, radius)
