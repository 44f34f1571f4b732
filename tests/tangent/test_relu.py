"""Kernels of infinitely wide ReLU networks: known values, quadrature, 60 digits for close pairs, laws, refusals."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from dynamics_cases import DIGITS, KERNEL, X, Z
from kernel_cases import SCALES, by_quadrature, exactly, pair, relu_given, squared_distances
from oracles import wide_gradient, wide_relu, wide_squared_gradient

from constructive._kernels.tangent import ARCSINE, STRETCH, opening
from constructive.tangent import ReluKernel

DEPTHS = [1, 2, 3, 6]
CLOSE = [1e-1, 1e-3, 1e-5, 1e-8, 1e-11, 1e-15]
UNIT = 2.0**-53


# -- known values -------------------------------------------------------------------------------------------


def test_values_are_the_known_ones() -> None:
    nngp, ntk = KERNEL.both(Z, X)
    known = (1.3806879357, 3.7947364905, 1.3567696825, 4.0438508070, 1.3491068238)
    np.testing.assert_allclose(nngp[0], known, rtol=0, atol=DIGITS)
    np.testing.assert_allclose(ntk, [(1.1311267545, 9.8818178943, 1.1628546577, 11.5085035278, 1.2065006720),
                                     (7.9771163561, 1.1328894178, 9.8825719381, 1.1606140252, 11.4601926744)],
                               rtol=0, atol=DIGITS)


@pytest.mark.parametrize(("depth", "known"), [(2, (0.0915272301, -0.3151705429)), (5, (6.0365867153, 10.4836942450))])
def test_values_at_other_depths_are_the_known_ones(depth: int, known: tuple[float, float]) -> None:
    found = ReluKernel(depth, 1.76, 0.18).both(Z[:1], X[:1])
    np.testing.assert_allclose(np.ravel(found), known, rtol=0, atol=DIGITS)


def test_diagonal_and_squared_gradient_are_the_known_ones() -> None:
    np.testing.assert_allclose(np.array(KERNEL.diagonal(X))[:, 0], (4.0112891470, 11.9188863211), rtol=0, atol=DIGITS)
    np.testing.assert_allclose(KERNEL.squared_gradient(X), 7.4304653885, rtol=0, atol=DIGITS)


def test_input_gradients_are_the_known_ones() -> None:
    np.testing.assert_allclose(KERNEL.input_gradient(Z, X, np.ones((2, 5))),
                               [(-13.3471220140, -15.9662339274, -3.9060640001),
                                (17.2633720684, 21.6804511710, 6.1646234516)], rtol=0, atol=DIGITS)


@pytest.mark.parametrize(("step", "value", "distance"), [
    (2.0**-27, 6.86758100858681, 3.23950265e-8), (2.0**-20, 6.86758070922368, 4.14656941e-6)])
def test_values_of_close_points_are_the_known_ones(step: float, value: float, distance: float) -> None:
    x, z = np.array([[0.25, -0.5, 0.75]]), np.array([[0.25 + step, -0.5, 0.75]])
    assert abs(KERNEL.ntk(x, z)[0, 0] - value) <= 1e-14
    assert abs(KERNEL.distances(x, z)[1][0, 0] / distance - 1) <= 2e-9


def test_the_tangent_kernel_can_be_negative() -> None:
    x, z = np.array([[1.0, 0.0]]), np.array([[-0.5, math.sqrt(0.75)]])
    assert abs(ReluKernel(2).ntk(x, z)[0, 0] + 0.0576688856) <= DIGITS


# -- another way to the same number -------------------------------------------------------------------------


@pytest.mark.parametrize(("weight_std", "bias_std"), SCALES)
@pytest.mark.parametrize("depth", [2, 3, 4, 5, 6])
def test_quadrature_that_knows_no_angle_agrees(depth: int, weight_std: float, bias_std: float) -> None:
    rng = np.random.default_rng(depth)
    for cosine in (-0.9, -0.3, 0.2, 0.7, 0.95):
        x, z = pair(rng, 4, cosine, 1.5)
        found = np.ravel(ReluKernel(depth, weight_std, bias_std).both(x[None], z[None]))
        known = by_quadrature(relu_given, x, z, depth, weight_std, bias_std)
        np.testing.assert_allclose(found, known, rtol=0, atol=1e-9)


def test_the_covariance_is_the_mean_over_drawn_units() -> None:
    rng = np.random.default_rng(0)
    for cosine in (-0.8, 0.1, 0.6, 0.999):
        x, z = pair(rng, 3, cosine)
        s, p, q = (ReluKernel(1, 1.76, 0.18).nngp(a[None], b[None])[0, 0] for a, b in ((x, z), (x, x), (z, z)))
        u, v = rng.multivariate_normal([0.0, 0.0], [[p, s], [s, q]], 10**6, method="cholesky").T
        drawn = 1.76**2 * np.maximum(u, 0) * np.maximum(v, 0) + 0.18**2
        assert abs(drawn.mean() - ReluKernel(2, 1.76, 0.18).nngp(x[None], z[None])[0, 0]) <= 5 * drawn.std() / 1e3


@pytest.mark.parametrize(("weight_std", "bias_std"), SCALES)
@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_values_agree_with_sixty_digits(depth: int, weight_std: float, bias_std: float) -> None:
    rng = np.random.default_rng(depth)
    A, B = rng.normal(size=(2, 8, 4))
    kernel = ReluKernel(depth, weight_std, bias_std)
    for found, known in zip(kernel.both(A, B), exactly(wide_relu, A, B, depth, weight_std, bias_std), strict=True):
        np.testing.assert_allclose(np.diag(found), known, rtol=0, atol=5e-15 * depth * np.abs(known).max())


@pytest.mark.parametrize("gap", CLOSE)
@pytest.mark.parametrize("toward", [1.0, -1.0, 3.0, 1e6, -1e-9])
@pytest.mark.parametrize(("weight_std", "bias_std"), SCALES)
def test_close_parallel_and_opposite_pairs_keep_all_digits(weight_std: float, bias_std: float, toward: float,
                                                           gap: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 3))
    z = toward * (x + gap * rng.normal(size=(4, 3)))
    for depth in (2, 3, 7):
        kernel = ReluKernel(depth, weight_std, bias_std)
        known = exactly(wide_relu, x, z, depth, weight_std, bias_std)
        sizes = [np.sqrt(a * b) for a, b in zip(kernel.diagonal(x), kernel.diagonal(z), strict=True)]
        for found, value, size in zip(kernel.both(x, z), known, sizes, strict=True):
            assert (np.abs(np.diag(found) - value) / size).max() <= 4e-14


def test_the_plain_formula_in_double_precision_would_be_caught() -> None:
    x, z = [0.25, -0.5, 0.75], [0.25 + 2.0**-27, -0.5, 0.75]
    with mpmath.workdps(15):
        plain = float(wide_relu(x, z, 3, 1.76, 0.18)[1])
    known = exactly(wide_relu, np.array([x]), np.array([z]), 3, 1.76, 0.18)[1][0]
    assert abs(plain / known - 1) > 1e-10
    assert abs(KERNEL.ntk([x], [z])[0, 0] / known - 1) <= 1e-15


@pytest.mark.parametrize("gap", CLOSE)
@pytest.mark.parametrize("toward", [1.0, -1.0, 3.0])
@pytest.mark.parametrize("depth", DEPTHS)
def test_squared_distances_keep_their_relative_precision(depth: int, toward: float, gap: float) -> None:
    rng = np.random.default_rng(2)
    for weight_std, bias_std in SCALES:
        x = rng.normal(size=3)
        z = toward * (x + gap * rng.normal(size=3))
        found = np.ravel(ReluKernel(depth, weight_std, bias_std).distances(x[None], z[None]))
        np.testing.assert_allclose(found, squared_distances(wide_relu, x, z, depth, weight_std, bias_std), rtol=1e-13)


@pytest.mark.parametrize("gap", [1.0, 1e-2, 1e-4, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("toward", [1.0, -1.0, 3.0])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_input_gradients_agree_with_eighty_digits_however_close(depth: int, toward: float, gap: float) -> None:
    rng = np.random.default_rng(3)
    for weight_std, bias_std in SCALES:
        x = rng.normal(size=3)
        z = toward * (x + gap * rng.normal(size=3))
        kernel = ReluKernel(depth, weight_std, bias_std)
        known = wide_gradient(wide_relu, x.tolist(), z.tolist(), depth, weight_std, bias_std)
        for of, value in zip(("nngp", "ntk"), known, strict=True):
            found = kernel.input_gradient(x[None], z[None], [[1.0]], of=of)[0]
            # the direction from a ray to a point beside it is known to u / gap only; nearly opposite points pull little
            loose = 0.0 if toward == 1.0 else 30 * UNIT / gap * np.abs(value).max() + 8 * UNIT * np.linalg.norm(z)
            assert np.abs(found - value).max() <= 1e-12 * np.abs(value).max() + loose


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_squared_gradients_are_the_trace_of_mixed_derivatives(depth: int) -> None:
    rng = np.random.default_rng(5)
    for weight_std, bias_std in SCALES:
        points = rng.normal(size=(2, 3)) * [[1e-3], [100.0]]
        points = np.concatenate([points, np.zeros((1, 3))]) if bias_std > 0 else points
        found = ReluKernel(depth, weight_std, bias_std).squared_gradient(points)
        known = [wide_squared_gradient(wide_relu, x.tolist(), depth, weight_std, bias_std) for x in points]
        np.testing.assert_allclose(found, known, rtol=1e-13)


# -- corners ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", DEPTHS)
def test_at_a_data_point_half_the_gradient_of_the_diagonal_is_returned(depth: int) -> None:
    x = np.array([[0.3, -0.5, 0.8]])
    for of, times in (("ntk", depth), ("nngp", 1)):
        found = ReluKernel(depth, 1.76, 0.0).input_gradient(x, x.copy(), [[1.0]], of=of)
        np.testing.assert_allclose(found, 1.76**2 / 3 * times * (1.76**2 / 2) ** (depth - 1) * x, rtol=1e-14)


def test_the_mean_slope_at_a_data_point_lies_between_the_one_sided_ones() -> None:
    x, side, step = np.array([[0.3, -0.5, 0.8]]), np.array([[1.0, 0.0, 0.0]]), 1e-7
    here, ahead, behind = (KERNEL.ntk(x + a * side, x)[0, 0] for a in (0.0, step, -step))
    slopes = (ahead - here) / step, (here - behind) / step
    assert slopes[1] - slopes[0] > 1.0  # a cone
    assert abs(sum(slopes) / 2 - KERNEL.input_gradient(x, x, [[1.0]])[0, 0]) <= 1e-5


def test_without_bias_the_zero_input_gives_zero_and_the_mean_of_its_one_sided_slopes() -> None:
    zero, z = np.zeros((1, 3)), np.array([[1.0, -2.0, 0.5]])
    kernel = ReluKernel(2, 1.5, 0.0)
    for part in (*kernel.both(zero, z), *kernel.both(zero), *kernel.diagonal(zero), *ReluKernel(7).both(zero, z)):
        assert not part.any()
    for of, k in (("ntk", kernel.ntk), ("nngp", kernel.nngp)):
        found = kernel.input_gradient(zero, z, [[1.0]], of=of)[0]
        for a, side in enumerate(np.eye(3)):
            step = 1e-9
            assert abs(found[a] - (k(step * side[None], z) - k(-step * side[None], z))[0, 0] / (2 * step)) <= 1e-6


@pytest.mark.parametrize("of", ["ntk", "nngp"])
def test_with_bias_the_zero_input_is_ordinary(of: str) -> None:
    zero, z = [0.0, 0.0, 0.0], [1.0, -2.0, 0.5]
    known = wide_gradient(wide_relu, zero, z, 4, 1.5, 0.5)[of == "ntk"]
    found = ReluKernel(4, 1.5, 0.5).input_gradient([zero], [z], [[1.0]], of=of)[0]
    np.testing.assert_allclose(found, known, rtol=1e-13)


def test_rows_of_any_length_are_passed_over_whole() -> None:
    rng = np.random.default_rng(6)
    x, Z = rng.normal(size=(2, 3)), rng.normal(size=(2 * STRETCH + 3, 3))
    whole, weights = KERNEL.ntk(x, Z), rng.normal(size=(2, Z.shape[0]))
    parts = [KERNEL.ntk(x, Z[j:j + 1])[:, 0] for j in (0, STRETCH - 1, STRETCH, 2 * STRETCH, 2 * STRETCH + 2)]
    columns = whole[:, [0, STRETCH - 1, STRETCH, 2 * STRETCH, 2 * STRETCH + 2]].T
    np.testing.assert_allclose(columns, parts, rtol=0, atol=1e-13)
    cut = sum(KERNEL.input_gradient(x, Z[a:a + 100], weights[:, a:a + 100]) for a in range(0, Z.shape[0], 100))
    np.testing.assert_allclose(KERNEL.input_gradient(x, Z, weights), cut, rtol=0, atol=1e-12)


def test_the_polynomial_for_the_angle_is_exact_to_four_units_of_the_last_place() -> None:
    c = np.concatenate([np.linspace(-1.0, 1.0, 20001), [0.5, -0.5, np.nextafter(0.5, 1), 1.0 - UNIT, UNIT - 1.0]])
    found = np.array([opening(v) for v in c.tolist()])
    assert np.abs(found - (math.pi - np.arccos(c))).max() <= 4e-15
    worse = [v + 1e-9 * (k == 7) for k, v in enumerate(ARCSINE)]  # the fit is as tight as the test is
    assert abs(np.polyval(worse[::-1], 0.25) - np.polyval(ARCSINE[::-1], 0.25)) > 8 * UNIT
