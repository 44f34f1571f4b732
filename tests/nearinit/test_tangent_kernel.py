"""The kernel of first-layer moves: what it is, and how far from singular on separated points."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.nearinit import agreement, draw_units, separated_sphere
from constructive.nearinit.kernel import (
    chernoff_width,
    eigenvalue_bound,
    empirical_kernel,
    gram_eigenvalue_bound,
    open_gates,
    simple_eigenvalue_bound,
    tangent_kernel,
)
from constructive.nearinit.units import Units

ROUNDING = 1e-13  # eigenvalues of matrices with entries below 1, a dozen rows: n times a few roundings


def sphere(seed: int, n: int, d: int) -> np.ndarray:
    X = np.random.default_rng(seed).normal(size=(n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def polygon(n: int) -> np.ndarray:
    angles = 2.0 * np.pi * np.arange(n) / n
    return np.c_[np.cos(angles), np.sin(angles)]


def distance(X: np.ndarray) -> float:
    gaps = np.linalg.norm(X[:, None] - X, axis=2)
    return float(gaps[~np.eye(len(X), dtype=bool)].min()) if len(X) > 1 else 2.0


def least(K: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(K)[0])


SETS = st.builds(sphere, st.integers(0, 10**6), st.integers(2, 12), st.integers(2, 9))


@given(SETS)
def test_the_smallest_eigenvalue_respects_all_three_bounds_in_their_order(X):
    gap = distance(X)
    simple, general = simple_eigenvalue_bound(len(X), gap), eigenvalue_bound(len(X), gap)
    gram = gram_eigenvalue_bound(X)
    assert 0.0 < simple <= general <= gram + ROUNDING
    assert gram <= least(tangent_kernel(X)) + ROUNDING


@given(SETS)
def test_the_diagonal_is_one_half_and_gates_agree_at_most_half_the_time(X):
    K, T = tangent_kernel(X), X @ X.T
    assert np.abs(np.diagonal(K) - 0.5).max() < ROUNDING
    assert np.abs(K - T * agreement(T)).max() < 1e-7  # which turns a rounding of 1e-16 near T = 1 into 1e-8
    assert ((agreement(T) >= 0.0) & (agreement(T) <= 0.5)).all()
    assert (-0.25 - ROUNDING <= K).all()


@pytest.mark.parametrize(("n", "gap", "expected"), [(8, 1.08, 0.04547603), (20, 0.84, 0.02879146),
                                                    (100, 0.82, 0.02329707)])
def test_bound_of_separated_points(n, gap, expected):
    assert eigenvalue_bound(n, gap) == pytest.approx(expected, abs=5e-9)


def test_bound_and_eigenvalue_of_orthonormal_points():
    assert eigenvalue_bound(4, math.sqrt(2.0)) == pytest.approx(1.0 / (4.0 * math.pi), rel=1e-12)
    assert least(tangent_kernel(np.eye(4))) == pytest.approx(0.5, rel=1e-12)
    assert gram_eigenvalue_bound(np.eye(4)) == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(("n", "bound", "eigenvalue"), [(8, 0.0306084412, 0.0528773792),
                                                        (16, 0.0132823176, 0.0230123241)])
def test_bound_and_eigenvalue_of_regular_polygons(n, bound, eigenvalue):
    X = polygon(n)
    assert eigenvalue_bound(n, distance(X)) == pytest.approx(bound, abs=5e-11)
    assert least(tangent_kernel(X)) == pytest.approx(eigenvalue, abs=5e-11)


@given(st.integers(-4, 1).map(lambda k: 10.0**k), st.floats(1.0, 2.0))
def test_for_two_points_on_one_side_the_bound_falls_short_by_what_the_inner_product_takes(scale, factor):
    """Two points: the eigenvalue is 1/2 - |t| kappa(t), the bound 1/2 - kappa(t): the same for close points."""
    gap = min(2.0, scale * factor)
    t = 1.0 - gap * gap / 2.0
    kappa = 0.5 - math.asin(gap / math.sqrt(8.0)) / math.pi  # accurate for close points, unlike asin near 1
    assert eigenvalue_bound(2, gap) == pytest.approx(0.5 - kappa, rel=1e-11)
    assert eigenvalue_bound(2, gap) <= 0.5 - abs(t) * kappa + ROUNDING


def test_close_points_have_bounds_linear_in_the_distance():
    assert eigenvalue_bound(2, 1e-6) / 1e-6 == pytest.approx(1.0 / (2.0 * math.pi * math.sqrt(2.0)), rel=1e-6)
    for n in (3, 50):
        ratios = [eigenvalue_bound(n, gap) / gap for gap in (0.01, 0.03, 0.1, 0.3)]
        assert max(ratios) < 1.6 * min(ratios)


@given(st.integers(2, 1000), st.floats(0.05, 2.0), st.floats(0.05, 2.0))
def test_bounds_grow_with_the_distance_and_fall_with_the_number(n, first, second):
    near, far = sorted((first, second))
    assert eigenvalue_bound(n, near) <= eigenvalue_bound(n, far) + n * ROUNDING
    assert eigenvalue_bound(n + 1, far) <= eigenvalue_bound(n, far) + n * ROUNDING


def test_one_point_has_a_bound_and_equal_points_have_none():
    assert eigenvalue_bound(1, 2.0) == 0.25 < least(tangent_kernel([[1.0, 0.0]]))
    assert eigenvalue_bound(3, 0.0) == 0.0
    with pytest.raises(ValueError, match="two rows are equal"):
        chernoff_width([[1.0, 0.0], [1.0, 0.0]])


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 6), st.integers(1, 6), st.integers(1, 5))
def test_kernel_of_finitely_many_units_is_the_mean_inner_product_of_features(seed, m, d, n, k):
    rng = np.random.default_rng(seed)
    units, Z, other = draw_units(m, d, rng=rng), rng.normal(size=(n, d)), rng.normal(size=(k, d))
    features = [np.einsum("jr,ji->jri", open_gates(units, part), part).reshape(len(part), -1) for part in (Z, other)]
    assert np.allclose(empirical_kernel(units, Z, other), features[0] @ features[1].T / m, rtol=0, atol=1e-12)
    assert np.array_equal(empirical_kernel(units, Z), empirical_kernel(units, Z, Z))


def test_gates_are_open_at_zero():
    units = Units([[1.0, 0.0]], [0.0], [1.0])
    assert open_gates(units, [[0.0, 1.0], [-1.0, 0.0]]).tolist() == [[1.0], [0.0]]


def test_many_units_have_the_kernel_of_infinitely_many():
    """Hoeffding: an entry of 65536 units is off by more than 0.015 with chance below 2 exp(-29), ten points have 55."""
    X = separated_sphere(10, 6, 0.5, rng=3)
    K = empirical_kernel(draw_units(65536, 6, rng=4), X)
    assert np.abs(K - tangent_kernel(X)).max() < 0.015


def test_at_the_chernoff_width_half_the_eigenvalue_is_kept_nearly_always():
    X = separated_sphere(8, 6, 0.8, rng=5)
    half, width = least(tangent_kernel(X)) / 2.0, chernoff_width(X, failure=0.05)
    kept = sum(least(empirical_kernel(draw_units(width, 6, rng=seed), X)) > half for seed in range(40))
    assert kept >= 36  # Binomial(40, 0.05) exceeds 4 losses with chance 0.05 at worst; measured: no loss at all


def test_the_chernoff_width_counts_as_its_formula_says():
    assert chernoff_width(np.eye(8), failure=0.05, eigenvalue=0.1887) == \
        math.ceil(2.0 * math.log(160.0) / ((1.0 - math.log(2.0)) * 0.1887))
    assert chernoff_width(np.eye(8), eigenvalue=0.1) > chernoff_width(np.eye(8), eigenvalue=0.2)


def test_rows_off_the_sphere_are_named():
    with pytest.raises(ValueError, match=r"Z\[1\] has norm 2"):
        tangent_kernel([[1.0, 0.0], [0.0, 2.0]])
    with pytest.raises(ValueError, match="columns, expected 2"):
        tangent_kernel(np.eye(2), np.eye(3))
    with pytest.raises(ValueError, match="must be <= 2"):
        eigenvalue_bound(3, 2.5)


def test_a_kernel_of_points_that_moved_together_breaks_the_bound():
    """Negative control: the bound of the stated distance is refuted by points that are closer."""
    X = separated_sphere(6, 4, 0.9, rng=6)
    bound = eigenvalue_bound(6, distance(X))
    X[1] = X[0] + 0.05 * X[1]
    X[1] /= np.linalg.norm(X[1])
    assert least(tangent_kernel(X)) < bound
