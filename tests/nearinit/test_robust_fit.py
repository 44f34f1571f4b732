"""Minimal-norm fits: the dual and its certificate, then whole caps by cutting planes."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from constructive.nearinit import NearNetwork, caps, draw_units, robust_deviation, separated_sphere, unit_scale
from constructive.nearinit.fitting import TooNarrowError, fit_anchors, fit_dual, robust_fit, swift_attack
from constructive.nearinit.kernel import empirical_kernel, tangent_kernel
from constructive.nearinit.units import Units

HEXAGON = np.array([[np.cos(i * np.pi / 3), np.sin(i * np.pi / 3)] for i in range(6)])
LABELS = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 0.5])


def few_units() -> Units:
    r = np.arange(1.0, 33.0)
    return Units(1.4 * np.c_[np.sin(r), np.cos(2 * r + 0.3)], np.sin(3 * r), np.ones(32))


def instance(seed: int, n: int, d: int, m: int):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, d))
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    return draw_units(m, d, rng=rng), Z, rng.uniform(-1.0, 1.0, n)


INSTANCES = st.builds(instance, st.integers(0, 10**6), st.integers(1, 9), st.integers(2, 6), st.integers(60, 400))


# ---- golden values

def test_the_dual_of_the_hexagon():
    fit = fit_dual(_even(tangent_kernel(HEXAGON)), LABELS, error=0.1)
    assert fit.duals == pytest.approx([5.03822062, -5.91993974, 4.03425521, 2.96364006, -3.84535919, 1.49994441],
                                      abs=6e-9)
    assert fit.objective == pytest.approx(-10.1106255524, abs=6e-11)
    assert fit.energy == pytest.approx(20.2212511047, abs=2e-9)
    assert fit.energy == pytest.approx(-2.0 * fit.objective, rel=1e-10)
    assert fit.length == pytest.approx(23.30135923, abs=1e-8)


def test_the_fit_of_the_hexagon_by_thirty_two_units():
    units = few_units()
    K = empirical_kernel(units, HEXAGON)
    assert np.diagonal(K) == pytest.approx([0.5, 0.40625, 0.625, 0.46875, 0.40625, 0.59375], abs=1e-15)
    assert np.linalg.eigvalsh(K)[0] == pytest.approx(0.1112725983, abs=6e-11)
    fit = fit_anchors(units, HEXAGON, LABELS, error=0.1)
    assert fit.dual.duals == pytest.approx([3.52867914, -4.68682306, 2.7094601, 3.13696112, -4.04065799, 2.04813573],
                                           abs=6e-9)
    assert fit.frobenius**2 == pytest.approx(17.1115775558, abs=2e-9)
    assert fit.network.frobenius**2 == pytest.approx(17.1115775558, abs=2e-9)
    assert fit.network.largest == pytest.approx(6.79580288, abs=1e-8)
    assert fit.bound == pytest.approx(20.15071713, abs=1e-8)
    assert fit.network(HEXAGON) - LABELS == pytest.approx([-0.1, 0.1, -0.1, -0.1, 0.1, -0.1], abs=1e-9)


# ---- the dual

@given(INSTANCES, st.floats(0.01, 0.5))
def test_constraints_hold_at_the_anchors_and_the_gap_certifies_the_minimum(case, error):
    units, Z, y = case
    fit = fit_anchors(units, Z, y, error=error)
    if fit.dual.violation > 1e-9:  # too few units for these points: the next test
        return
    assert np.abs(fit.network(Z) - y).max() <= error + fit.dual.violation + 1e-9
    assert -1e-12 <= fit.dual.gap <= 1e-10 * max(1.0, abs(float(y @ fit.dual.duals)))
    assert fit.dual.energy == pytest.approx(-2.0 * fit.dual.objective, abs=3e-10 * max(1.0, fit.dual.length))


@given(INSTANCES, st.floats(0.01, 0.5))
def test_no_move_is_longer_than_the_duals_and_the_mean_square_is_theirs(case, error):
    units, Z, y = case
    fit = fit_anchors(units, Z, y, error=error)
    assert fit.network.largest <= fit.bound * (1 + 1e-12)
    # Where the kernel is nearly singular the duals are large and a'Ka is what is left of them: rounding grows with
    # |a|_1^2, a few hundred terms of it.
    assert fit.network.frobenius**2 == pytest.approx(fit.frobenius**2, rel=1e-12, abs=2.0**-42 * fit.bound**2)


@given(INSTANCES, st.floats(0.01, 0.5), st.lists(st.integers(1, 12), min_size=2, max_size=5))
def test_sweep_after_sweep_the_objective_falls(case, error, counts):
    units, Z, y = case
    K, previous, duals = _even(empirical_kernel(units, Z)), 0.0, None
    for sweeps in counts:
        fit = fit_dual(K, y, error=error, sweeps=sweeps, start=duals)
        assert fit.objective <= previous + 1e-12
        previous, duals = fit.objective, fit.duals


@given(INSTANCES, st.floats(0.01, 0.5), st.integers(0, 2**32 - 1))
def test_a_feasible_function_of_smaller_norm_is_never_found(case, error, seed):
    """The certificate against rivals: any duals b with |K b - y| <= error have b'Kb >= a'Ka - 2 gap."""
    units, Z, y = case
    K = _even(empirical_kernel(units, Z))
    fit = fit_dual(K, y, error=error)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        goal = y + error * rng.uniform(-1.0, 1.0, y.size)
        rival = np.linalg.lstsq(K, goal, rcond=None)[0]
        if np.abs(K @ rival - y).max() <= error:
            assert rival @ K @ rival >= fit.energy - 2.0 * fit.gap - 1e-9


@given(INSTANCES, st.floats(0.01, 0.5), st.integers(1, 30))
def test_the_gap_is_never_negative_however_early_the_descent_stops(case, error, sweeps):
    units, Z, y = case
    fit = fit_dual(_even(empirical_kernel(units, Z)), y, error=error, sweeps=sweeps)
    assert fit.gap >= -1e-10 * max(1.0, fit.length)
    assert fit.violation >= 0.0


def test_another_solver_finds_the_same_minimum():
    units, Z, y = instance(3, 8, 4, 300)
    K = _even(empirical_kernel(units, Z))
    fit = fit_dual(K, y, error=0.1)
    # a = p - q with p, q >= 0 makes the objective smooth
    start, both = np.zeros(16), np.block([[K, -K], [-K, K]])
    slope = np.concatenate([0.1 - y, 0.1 + y])
    found = minimize(lambda p: (p @ both @ p / 2 + slope @ p, both @ p + slope), start, jac=True, method="L-BFGS-B",
                     bounds=[(0, None)] * 16, options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000})
    assert fit.objective <= found.fun + 1e-12
    assert found.fun - fit.objective < 1e-7


def plain_descent(K, y, error, sweeps):
    """Coordinate descent as it is written in a book: every value formed anew, no early stop."""
    a = np.zeros(y.size)
    for _ in range(sweeps):
        for j in range(y.size):
            rest = y[j] - sum(K[j, k] * a[k] for k in range(y.size) if k != j)
            a[j] = np.sign(rest) * max(abs(rest) - error, 0.0) / K[j, j] if K[j, j] > 0 else 0.0
    return a


@given(INSTANCES, st.integers(1, 20))
@settings(max_examples=20)
def test_the_kernel_descends_as_the_plain_formula_does(case, sweeps):
    units, Z, y = case
    K = _even(empirical_kernel(units, Z))
    fit = fit_dual(K, y, error=0.1, sweeps=sweeps)
    plain = plain_descent(K, y, 0.1, fit.sweeps)
    assert np.abs(fit.duals - plain).max() <= 1e-9 * max(1.0, np.abs(plain).max())


def test_the_kernel_says_the_same_without_compilation():
    from constructive._kernels.fitting import descend

    units, Z, y = instance(2, 6, 4, 200)
    K, found = _even(empirical_kernel(units, Z)), []
    for run in (descend, getattr(descend, "py_func", descend)):
        duals, values = np.zeros(6), np.zeros(6)
        found.append((run(K, y, 0.1, duals, values, 40, 1e-10), duals.tolist(), values.tolist()))
    assert found[0] == found[1]


def test_a_dual_that_was_tampered_with_shows_in_the_certificate():
    units, Z, y = instance(5, 7, 4, 300)
    K = _even(empirical_kernel(units, Z))
    good = fit_dual(K, y, error=0.1)
    duals = good.duals.copy()
    duals[np.argmax(np.abs(duals))] *= 1.01
    values = K @ duals
    violation = max(0.0, float(np.abs(values - y).max()) - 0.1)
    gap = duals @ values - y @ duals + (0.1 + violation) * np.abs(duals).sum()
    assert gap > 1e4 * max(good.gap, 1e-12)


def test_an_anchor_without_open_units_is_an_error_not_a_ridge():
    units = Units([[1.0, 0.0], [1.0, 0.5]], [-0.1, -0.2], [1.0, 1.0])
    Z = np.array([[1.0, 0.0], [-1.0, 0.0]])
    with pytest.raises(TooNarrowError, match=r"width too small: no unit is open at anchor 1 .* draw more units"):
        fit_anchors(units, Z, [1.0, -1.0], error=0.1)
    fit = fit_anchors(units, Z, [1.0, -0.1], error=0.1)  # 0 is within the error there
    assert fit.dual.duals[1] == 0.0
    assert fit.network(Z)[1] == 0.0


def test_a_singular_kernel_that_fits_nothing_says_so_by_its_violation():
    K = np.ones((2, 2))
    fit = fit_dual(K, [1.0, -1.0], error=0.25, sweeps=200)
    assert fit.violation > 0.5
    assert fit.gap > 1.0


def test_within_the_error_nothing_moves():
    units, Z, _ = instance(7, 5, 3, 50)
    fit = fit_anchors(units, Z, np.full(5, 0.1), error=0.1)
    assert (fit.bound, fit.frobenius, fit.network.largest) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("kernel", "y", "error", "words"), [
    (np.eye(3)[:2], [1.0, 1.0], 0.1, r"symmetric matrix \(n, n\), got shape \(2, 3\)"),
    ([[1.0, 0.5], [0.0, 1.0]], [1.0, 1.0], 0.1, "pass .K . K.T. / 2"),
    (np.eye(2), [1.0], 0.1, "pass 2 finite values"),
    (np.eye(2), [1.0, np.nan], 0.1, "pass 2 finite values"),
    (np.eye(2), [1.0, 1.0], -0.1, "error=-0.1 must be >= 0"),
    (-np.eye(2), [1.0, 1.0], 0.1, "must be >= 0"),
])
def test_arguments_that_do_not_fit_are_named(kernel, y, error, words):
    with pytest.raises(ValueError, match=words):
        fit_dual(kernel, y, error=error)


# ---- whole caps

def problem(seed: int, n: int, d: int, m: int, *, paired: bool = False):
    rng = np.random.default_rng(seed)
    where = caps(separated_sphere(n, d, 1.0, rng=rng), 0.1)
    return where, rng.choice([-1.0, 1.0], n), draw_units(m, d, paired=paired, rng=rng)


@pytest.mark.parametrize("d", [8, 32])
def test_a_thousand_units_fit_whole_caps_with_short_moves(d):
    where, y, units = problem(1, 8, d, 1024)
    fit = robust_fit(where, y, units, error=0.09)
    assert fit.settled
    fresh = robust_deviation(fit.network.gated(), where, y, rng=99, steps=20, starts=5)
    assert fresh.worst <= 0.12
    assert fit.network.largest <= 15.0
    assert fit.network.largest <= fit.bound


def test_rounds_only_add_anchors_and_the_norm_only_grows():
    where, y, units = problem(2, 6, 5, 400)
    fit = robust_fit(where, y, units, error=0.1, attacks=[swift_attack])
    counts = [entry.anchors for entry in fit.history]
    assert counts == sorted(set(counts))
    first = fit_anchors(units, fit.anchors[:counts[0]], fit.targets[:counts[0]], error=fit.error)
    assert first.dual.energy <= fit.dual.energy + 1e-8  # more constraints never make the least norm smaller
    assert fit.history[-1].found <= 0.1 < fit.history[0].found


def test_all_anchors_lie_on_their_caps_and_are_fitted_within_the_tightened_error():
    where, y, units = problem(4, 6, 5, 400)
    fit = robust_fit(where, y, units, error=0.1, tighten=0.75)
    owner = (fit.anchors @ where.X.T).argmax(axis=1)
    assert np.array_equal(fit.targets, y[owner])
    assert (np.linalg.norm(fit.anchors - where.X[owner], axis=1) <= where.radius + 1e-12).all()
    assert np.abs(fit.network(fit.anchors) - fit.targets).max() <= 0.075 + fit.dual.violation + 1e-9


def test_the_same_generator_gives_the_same_weights():
    where, y, units = problem(6, 5, 4, 200)
    fits = [robust_fit(where, y, units, error=0.2, rng=8) for _ in range(2)]
    assert np.array_equal(fits[0].theta, fits[1].theta)


def test_paired_units_carry_the_fit_over_to_a_real_network():
    where, y, units = problem(1, 6, 8, 512, paired=True)
    fit = robust_fit(where, y, units, error=0.1, attacks=[swift_attack])
    real = NearNetwork(units, fit.theta, unit_scale())
    points = where.draw(np.repeat(np.arange(6), 50), 0)
    assert (real.initial()(points) == 0.0).all()
    assert np.abs(real(points) - fit.network(points)).max() < 0.05
    assert np.abs(real.to_network()(points)[..., 0] - real(points)).max() < 1e-10


def test_too_few_rounds_warn_and_are_not_settled():
    where, y, units = problem(1, 8, 8, 512)
    with pytest.warns(RuntimeWarning, match="after 1 rounds the attack still finds a deviation"):
        fit = robust_fit(where, y, units, error=0.1, draws=0, rounds=1)
    assert not fit.settled
    assert len(fit.history) == 1


def test_caps_of_radius_zero_are_their_centers():
    where = caps(separated_sphere(5, 4, 0.8, rng=0), 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = robust_fit(where, np.array([1.0, -1.0, 0.5, 0.0, 1.0]), draw_units(200, 4, rng=1), error=0.1)
    assert len(fit.history) == 1
    assert len(fit.anchors) == 5


def test_units_of_another_dimension_and_no_attack_are_refused():
    where, y, _ = problem(1, 4, 4, 10)
    with pytest.raises(ValueError, match="caps lie in dimension 4, units in 3"):
        robust_fit(where, y, draw_units(10, 3, rng=0), error=0.1)
    with pytest.raises(ValueError, match="attacks is empty"):
        robust_fit(where, y, draw_units(10, 4, rng=0), error=0.1, attacks=[])


@pytest.mark.slow
def test_wide_networks_in_many_dimensions_are_fitted_too():
    where, y, units = problem(1, 20, 64, 2**14)
    fit = robust_fit(where, y, units, error=0.1, attacks=[swift_attack])
    assert fit.settled
    assert fit.network.largest <= fit.bound


def _even(K: np.ndarray) -> np.ndarray:
    return (K + K.T) / 2.0
