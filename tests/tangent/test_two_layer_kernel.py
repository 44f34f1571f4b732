"""Kernels of one hidden layer: known values, gradients, cones, singular Gram matrices, finite width and its jumps."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_cases import point_sets

from constructive.tangent import ReluKernel, TwoLayerKernel
from constructive.tangent.gates import GateFeatures

BOTH = ("first", "both")
POINT = np.array([[1.0, 2.0, 2.0]])
OTHERS = np.array([[2.0, -1.0, 0.5], [-1.0, 0.0, 1.0], [1.0, 2.0, 2.0]])
UNIT = 2.0**-53


def circle(n: int) -> np.ndarray:
    angles = 2.0 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def plain(x: np.ndarray, z: np.ndarray, trained: str) -> float:
    """The formula of the kernel in 50 digits."""
    with mpmath.workdps(50):
        a, b = mpmath.matrix(x.tolist()), mpmath.matrix(z.tolist())
        sizes = mpmath.norm(a) * mpmath.norm(b)
        if sizes == 0:
            return 0.0
        cosine = (a.T * b)[0] / sizes
        angle = mpmath.acos(max(min(cosine, 1), -1))
        value = (a.T * b)[0] * (mpmath.pi - angle)
        if trained == "both":
            value += sizes * (mpmath.sin(angle) + (mpmath.pi - angle) * cosine)
        return float(value / (2 * mpmath.pi))


# -- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trained", "known"), [
    ("first", (0.273236095704, 0.287869506182, 4.5)), ("both", (1.628842823801, 1.23195165357, 9.0))])
def test_values_are_the_known_ones(trained: str, known: tuple[float, ...]) -> None:
    np.testing.assert_allclose(TwoLayerKernel(trained)(POINT, OTHERS)[0], known, rtol=0, atol=5e-12)


@pytest.mark.parametrize(("trained", "known"), [
    ("first", [(0.590677118137, -0.301839283587, 0.143118772371), (-0.330759221293, -0.008577943022, 0.317892306760),
               (0.5, 1.0, 1.0)]),
    ("both", [(1.257412713145, -0.334548572093, 0.520263627421), (-0.545716211785, 0.137247088357, 0.751586844321),
              (1.0, 2.0, 2.0)])])
def test_gradients_are_the_known_ones(trained: str, known: list[tuple[float, ...]]) -> None:
    np.testing.assert_allclose(TwoLayerKernel(trained).jacobian(POINT[0], OTHERS), known, rtol=0, atol=5e-12)


def test_eigenvalues_on_the_circle_are_the_known_ones() -> None:
    values = np.linalg.eigvalsh(TwoLayerKernel("first")(circle(5)))
    np.testing.assert_allclose(values, [0.3, 0.3, 0.52360679775, 0.688196601125, 0.688196601125], rtol=0, atol=5e-12)


@given(point_sets(2), st.sampled_from(BOTH))
def test_values_agree_with_the_formula_in_fifty_digits(X: np.ndarray, trained: str) -> None:
    found = TwoLayerKernel(trained)(X[:1], X[1:])[0]
    known = np.array([plain(X[0], z, trained) for z in X[1:]])
    sizes = np.linalg.norm(X[0]) * np.linalg.norm(X[1:], axis=1)
    assert (np.abs(found - known) <= 64 * UNIT * sizes).all()


@given(point_sets(), st.sampled_from(BOTH))
def test_gram_matrices_have_the_diagonal_and_no_negative_eigenvalue(X: np.ndarray, trained: str) -> None:
    kernel = TwoLayerKernel(trained)
    gram, squares = kernel(X), (X**2).sum(1)
    np.testing.assert_allclose(np.diag(gram), squares / (2.0 if trained == "first" else 1.0), rtol=1e-14)
    np.testing.assert_allclose(np.diag(gram), kernel.diagonal(X), rtol=1e-14)
    assert np.array_equal(gram, gram.T)
    assert np.linalg.eigvalsh(gram)[0] >= -1e-14 * np.trace(gram)


def test_with_both_layers_it_is_the_tangent_kernel_of_depth_two_up_to_scale() -> None:
    X = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(TwoLayerKernel("both")(X), ReluKernel(2).ntk(X), rtol=1e-13)


@pytest.mark.parametrize(("count", "rank"), [(4, 4), (5, 5), (6, 5), (7, 7), (8, 6), (12, 8)])
@pytest.mark.parametrize("trained", BOTH)
def test_evenly_spaced_circles_have_singular_gram_matrices(trained: str, count: int, rank: int) -> None:
    values = np.linalg.eigvalsh(TwoLayerKernel(trained)(circle(count)))
    assert int((values > 1e-12 * values[-1]).sum()) == rank


# -- gradients ----------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sampled_from(BOTH))
def test_kernels_are_one_homogeneous_and_their_slopes_bounded(seed: int, trained: str) -> None:
    rng = np.random.default_rng(seed)
    x, Z = rng.normal(size=3), rng.normal(size=(6, 3)) * np.exp(rng.normal(size=(6, 1)))
    Z[1], Z[2] = x + 1e-9 * Z[1], -2.0 * x + 1e-9 * Z[2]
    kernel, lengths = TwoLayerKernel(trained), np.linalg.norm(Z, axis=1)
    rows = kernel.jacobian(x, Z)
    assert (np.abs(rows @ x - kernel(x[None], Z)[0]) <= 1e-13 * lengths * np.linalg.norm(x)).all()
    assert (np.linalg.norm(rows, axis=1) <= kernel.slope * lengths * (1.0 + 1e-14)).all()


def test_the_angle_by_arccos_would_break_the_bound_on_the_slope() -> None:
    x, z = np.array([1.0, 0.0]), np.array([1.0, 1.68e-8])
    cosine = float(x @ z / np.linalg.norm(z))
    assert cosine == 1.0  # arccos reads an angle 0, and the cone is missed altogether
    row = TwoLayerKernel("first").jacobian(x, z[None])[0]
    np.testing.assert_allclose(row, [0.5, 1.0 / (2.0 * math.pi)], rtol=0, atol=2e-8)


def test_the_bounds_on_slopes_are_sharp_for_nearly_parallel_points_only() -> None:
    for trained, known, least in (("first", 0.5247192544, 0.0893), ("both", 1.0125859450, 0.0684)):
        kernel = TwoLayerKernel(trained)
        assert abs(kernel.slope - known) <= 5e-11
        angles = np.linspace(1e-7, math.pi - 1e-7, 4001)
        sizes = np.linalg.norm(kernel.jacobian([1.0, 0.0], np.stack([np.cos(angles), np.sin(angles)], 1)), axis=1)
        assert abs(sizes[0] - known) <= 1e-7
        assert abs(sizes.min() - least) <= 1e-4
        assert abs(sizes[-1] - 1.0 / (2.0 * math.pi)) <= 1e-7


@pytest.mark.parametrize("trained", BOTH)
def test_gradients_agree_with_differences(trained: str) -> None:
    rng = np.random.default_rng(1)
    kernel, x, Z, h = TwoLayerKernel(trained), rng.normal(size=4), rng.normal(size=(7, 4)), 1e-6
    known = np.stack([(kernel((x + h * e)[None], Z) - kernel((x - h * e)[None], Z))[0] / (2 * h) for e in np.eye(4)], 1)
    np.testing.assert_allclose(kernel.jacobian(x, Z), known, rtol=0, atol=1e-8)


@pytest.mark.parametrize("trained", BOTH)
def test_weighted_gradients_are_sums_of_single_ones_also_close_to_the_cones(trained: str) -> None:
    rng = np.random.default_rng(2)
    X, Z, weights = rng.normal(size=(3, 4)), rng.normal(size=(6, 4)), rng.normal(size=(3, 6))
    Z[0], Z[1], Z[2], Z[3] = X[0], 2.0 * X[1], X[2] + 1e-6 * Z[2], 1e-7 * Z[3] - X[0]
    kernel = TwoLayerKernel(trained)
    known = np.stack([w @ kernel.jacobian(x, Z) for x, w in zip(X, weights, strict=True)])
    np.testing.assert_allclose(kernel.gradient(X, Z, weights), known, rtol=0, atol=1e-8)


@pytest.mark.parametrize("trained", BOTH)
@pytest.mark.parametrize("d", [1, 2, 5, 300])
def test_multiples_of_a_point_have_slopes_of_their_cone_whatever_their_rounding(trained: str, d: int) -> None:
    rng = np.random.default_rng(d)
    kernel, x = TwoLayerKernel(trained), rng.normal(size=(1, d))
    factors = np.concatenate([rng.normal(size=60), [1.0, -1.0, 3.0, 1e-8, -1e8]])
    Z = factors[:, None] * x  # rounded, so that they lie beside the ray by an angle of 1e-16, to any side
    lengths, values = np.linalg.norm(Z, axis=1), kernel(x, Z)[0]
    share = 0.5 if trained == "first" else 1.0
    mean = share * np.where(factors[:, None] > 0.0, Z, 0.0)
    for found in (kernel.gradient(np.tile(x, (factors.size, 1)), Z, np.eye(factors.size)), kernel.jacobian(x[0], Z)):
        assert (np.abs(found @ x[0] - values) <= 1e-13 * lengths * np.linalg.norm(x)).all()
        assert (np.linalg.norm(found, axis=1) <= kernel.slope * lengths * (1.0 + 1e-13)).all()
        if d == 1:  # there are no sides: the mean slope, and nothing else
            np.testing.assert_allclose(found, mean, rtol=1e-14)
    # the Jacobian has the mean slope on either cone; the weighted sum may take the side that rounding has moved to
    assert (np.abs(kernel.jacobian(x[0], Z) - mean).max(axis=1) <= 1e-14 * lengths).all()


@pytest.mark.parametrize("trained", BOTH)
def test_opposite_points_have_a_cone_whose_mean_slope_is_zero(trained: str) -> None:
    kernel, x, z, h = TwoLayerKernel(trained), np.array([1.0, 0.0]), np.array([[-1.0, 0.0]]), 1e-7
    assert not kernel.jacobian(x, z).any()
    up, down = (kernel(np.array([[1.0, side * h]]), z)[0, 0] / h for side in (1.0, -1.0))
    assert abs(up + 1.0 / (2.0 * math.pi)) <= 1e-7
    assert abs(up - down) <= 1e-14  # -|angle left| / (2 pi): a cone, so that both sides fall
    beside = kernel.jacobian(np.array([1.0, h]), z)[0]
    np.testing.assert_allclose(beside, [0.0, -1.0 / (2.0 * math.pi)], rtol=0, atol=1e-7)


@pytest.mark.parametrize("trained", BOTH)
def test_slopes_at_tiny_points_are_those_of_their_directions(trained: str) -> None:
    kernel, rows = TwoLayerKernel(trained), TwoLayerKernel(trained).jacobian(POINT[0], OTHERS)
    assert np.array_equal(kernel.jacobian(2.0**-700 * POINT[0], OTHERS), rows)
    np.testing.assert_allclose(kernel.jacobian(POINT[0], 2.0**-700 * OTHERS), 2.0**-700 * rows, rtol=1e-12)


def test_the_zero_point_has_no_gradient_and_zero_data_add_none() -> None:
    kernel = TwoLayerKernel()
    with pytest.raises(ValueError, match=r"X\[1\] is 0, where the kernel has no gradient"):
        kernel.gradient([[1.0, 0.0], [0.0, 0.0]], [[1.0, 1.0]], [[1.0], [1.0]])
    assert not kernel.jacobian([1.0, 2.0], [[0.0, 0.0]]).any()
    assert not kernel([[0.0, 0.0]], [[1.0, 2.0]]).any()


@given(st.integers(0, 2**32), st.sampled_from(BOTH), st.floats(1e-6, 4.0))
def test_points_of_a_ball_are_no_farther_than_stated_in_its_space(seed: int, trained: str, radius: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1, 3))
    step = rng.normal(size=(64, 3))
    ball = x + radius * rng.uniform(size=(64, 1)) ** 0.2 * step / np.linalg.norm(step, axis=1)[:, None]
    kernel = TwoLayerKernel(trained)
    squares = kernel.diagonal(x) + kernel.diagonal(ball) - 2.0 * kernel(x, ball)[0]
    assert (squares <= kernel.distance(x, radius)[0] ** 2 * (1 + 1e-9) + 1e-14 * kernel.diagonal(ball)).all()


def test_the_distance_is_nearly_attained() -> None:
    x, radius = np.array([[100.0, 0.0]]), 0.5
    beside = np.array([[100.0, radius]])
    for trained in BOTH:
        kernel = TwoLayerKernel(trained)
        square = (kernel.diagonal(x) + kernel.diagonal(beside) - 2.0 * kernel(x, beside)[0])[0]
        assert 0.99 <= math.sqrt(square) / kernel.distance(x, radius)[0] <= 1.0


def test_other_layers_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"trained='second' must be 'first' or 'both'"):
        TwoLayerKernel("second")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"radius=-1\.0 must be >= 0"):
        TwoLayerKernel().distance(POINT, -1.0)
    with pytest.raises(ValueError, match="has other slopes"):
        TwoLayerKernel("both").gate_gradient(POINT, OTHERS, np.ones((1, 3)))


# -- finite width -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_where_finite_networks_have_a_gradient_it_is_not_that_of_their_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, Z, c = rng.normal(size=(20, 3)), rng.normal(size=(8, 3)), rng.normal(size=8)
    weights, limit = np.tile(c, (20, 1)), TwoLayerKernel("first")
    target, between = limit.gradient(X, Z, weights), limit.gate_gradient(X, Z, weights)

    def off(found: np.ndarray, known: np.ndarray) -> float:
        return float(np.linalg.norm(found - known) / np.linalg.norm(known))

    narrow, wide = (GateFeatures.drawn(3, m, rng=seed) for m in (10**3, 3 * 10**4))
    gap = off(between, target)
    assert gap > 0.15
    for features, near in ((narrow, 0.1), (wide, 0.015)):
        found = features.gradient(X, Z, weights)
        assert off(found, between) < near < gap  # tends to the gates' part alone,
        assert off(found, target) > 0.95 * gap  # and stays away from the limit's gradient
    # over a distance that crosses many jumps, slopes are those of the limit
    assert off(wide.secants(X, Z, weights, step=0.1), target) < 0.03


def test_finite_kernels_tend_to_the_limit() -> None:
    rng = np.random.default_rng(3)
    X, kernel = rng.normal(size=(20, 5)), TwoLayerKernel("first")
    off = [np.linalg.norm(GateFeatures.drawn(5, m, rng=4)(X, X) - kernel(X)) / np.linalg.norm(kernel(X))
           for m in (100, 10_000)]
    assert off[0] < 0.3
    assert off[1] < 0.03


def test_features_jump_across_the_hyperplane_of_a_unit() -> None:
    features = GateFeatures(np.array([[1.0, 0.0], [0.0, 1.0]]))
    sides = features([[-1e-12, 1.0], [1e-12, 1.0]], [[1.0, 1.0]])[:, 0]
    assert abs(sides[1] - sides[0]) >= 0.499
