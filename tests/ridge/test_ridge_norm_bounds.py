"""How long an interpolator must be: for one design, with a probability, in expectation."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ridge_bound_cases import designs, inverse, kinds, product, rational, small_design, trace, transposed

from constructive.evidence import clopper_pearson
from constructive.ridge.effective import effective_ridge
from constructive.ridge.norm_bounds import (
    expected_trace,
    expected_trace_floors,
    interpolator_floor,
    likely_trace_floors,
    trace_floors,
    vulnerability_floor,
)
from constructive.ridge.spectra import Spectrum, isotropic, logarithmic, power_law, spiked

HARMONIC = power_law(12, 1.0, signal_exponent=2.0, signal=None)


def test_floors_of_the_small_design_are_as_computed_by_hand():
    X, _ = small_design()
    assert trace_floors(X) == pytest.approx([1.5574066025, 1.5924256033, 1.2552726055, 0.96830869448], rel=1e-10)
    assert np.trace(np.linalg.inv(X @ X.T)) == pytest.approx(2.1423137324, rel=1e-10)


@settings(max_examples=60)
@given(designs())
def test_no_floor_exceeds_the_trace(case):
    X, _ = case
    found = np.linalg.svd(X, compute_uv=False)
    assert trace_floors(X).max() <= (found**-2.0).sum() * (1.0 + 1e-7)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 3))
def test_floors_agree_with_projections_in_rational_arithmetic(seed, n, more):
    """(n - k)^2 / tr(P X_t X_t^T), P the projection off the first k columns, and the trace, as fractions."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-4, 5, (n, n + more)) / 2.0
    while np.linalg.matrix_rank(X[:, :n]) < n:
        X = rng.integers(-4, 5, (n, n + more)) / 2.0
    exact, rows = [], rational(X)
    for k in range(n):
        tail = [row[k:] for row in rows]
        gram = product(tail, transposed(tail))
        if k:
            head = [row[:k] for row in rows]
            middle = inverse(product(transposed(head), head))
            shadow = product(product(head, middle), transposed(head))
            gram = [[g - s for g, s in zip(*pair, strict=True)]
                    for pair in zip(gram, product(shadow, gram), strict=True)]
        exact.append(Fraction((n - k) ** 2) / trace(gram))
    assert trace_floors(X) == pytest.approx([float(v) for v in exact], rel=1e-9)
    assert max(exact) <= trace(inverse(product(rows, transposed(rows))))


@pytest.mark.parametrize("scale", [2.0**-500, 2.0**500])
def test_floors_scale_with_the_design_however_small_or_large(scale):
    X, _ = small_design()
    assert (trace_floors(scale * X) * scale * scale == trace_floors(X)).all()


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(-4, 2), st.integers(1, 12)), min_size=1, max_size=4),
       st.sampled_from([0.0, 1e-3, 0.1, 5.0]))
def test_for_one_sample_the_expected_trace_by_quadrature_lies_between_the_bounds(blocks, ridge):
    """E 1 / (sum lambda z^2 + ridge) is the integral over t > 0 of exp(-t ridge) prod (1 + 2 t lambda)^(-1/2)."""
    blocks = sorted(blocks, reverse=True)
    values, counts = 10.0 ** np.array([b[0] for b in blocks]), np.array([float(b[1]) for b in blocks])
    spectrum = Spectrum(values, counts, np.zeros(len(blocks)))
    u = np.linspace(-45.0, 45.0, 3001)
    t = np.exp(u)
    weights = t * np.exp(-t * ridge - 0.5 * (counts * np.log1p(2.0 * np.outer(t, values))).sum(axis=1))
    exact, bounds = float(np.trapezoid(weights, u)), expected_trace(spectrum, 1, ridge)
    if ridge == 0.0 and spectrum.dimension <= 2:
        assert bounds.lower == math.inf
    else:
        assert bounds.lower <= exact * (1 + 1e-8)
        assert exact <= bounds.upper * (1 + 1e-8)


def test_fewer_columns_than_rows_are_refused():
    with pytest.raises(ValueError, match="p=2 < n=3"):
        trace_floors(np.ones((3, 2)))
    for ask in (lambda s, n: expected_trace_floors(s, n), lambda s, n: likely_trace_floors(s, n, 0.9)):
        with pytest.raises(ValueError, match="p=10 < n=20"):
            ask(power_law(10, 1.1), 20)


def test_a_singular_design_has_an_infinite_trace_and_floors_that_say_so():
    assert trace_floors(np.zeros((2, 3))).tolist() == [math.inf, math.inf]


def test_the_expected_floor_is_false_for_fewer_eigenvalues_than_samples_and_the_exact_value_is_given():
    """sum 1 / lambda / (n - p - 1) is 7.366; max_k (n - k) / s_k would claim 138.5."""
    spectrum, n = power_law(10, 1.1), 20
    k = np.arange(10)
    naive = ((n - k) / spectrum.tail(k)[0]).max()
    found = expected_trace(spectrum, n)
    assert naive == pytest.approx(138.5, abs=0.05)
    assert found.upper == pytest.approx((np.arange(1, 11) ** 1.1).sum() / 9.0, rel=1e-8)
    assert found.width < 1e-7


def test_the_exact_value_below_n_counts_every_eigenvalue_of_a_block():
    assert expected_trace(isotropic(10, 0.5), 20).upper == pytest.approx(10 / 0.5 / 9, rel=1e-8)
    two = Spectrum([1.0, 0.25], [2, 3], [0.0, 0.0])
    assert expected_trace(two, 20).lower == pytest.approx((2 + 12) / 14, rel=1e-8)


def test_the_exact_value_below_n_is_the_mean_over_designs():
    spectrum, n, draws = power_law(6, 1.1), 20, 2000
    X = np.random.default_rng(3).normal(size=(draws, n, 6)) * np.sqrt(spectrum.eigenvalues)
    values = np.trace(np.linalg.inv(np.swapaxes(X, 1, 2) @ X), axis1=1, axis2=2)
    standard_error = values.std() / math.sqrt(draws)
    assert abs(values.mean() - expected_trace(spectrum, n).upper) < 4 * standard_error


@pytest.mark.parametrize("p", [19, 20, 21])
def test_close_to_as_many_eigenvalues_as_samples_the_expectation_is_infinite(p):
    assert expected_trace(isotropic(p), 20).lower == math.inf
    assert expected_trace(isotropic(p), 20, 0.1).upper < 11.0  # n / (n ridge)


def test_golden_values_of_the_harmonic_spectrum():
    assert expected_trace_floors(HARMONIC, 6).max() == pytest.approx(2.4949933620, rel=1e-10)
    assert likely_trace_floors(HARMONIC, 6, -math.expm1(-1.0))[2] == pytest.approx(1.7159243188, rel=1e-9)
    assert expected_trace(HARMONIC, 6).lower == pytest.approx(4.0150262650, rel=1e-8)
    assert expected_trace(HARMONIC, 6).upper == pytest.approx(14.4, rel=1e-8)
    assert expected_trace(HARMONIC, 6, 0.1).upper == pytest.approx(5.9016393443, rel=1e-8)


@pytest.mark.parametrize(("spectrum", "sharper", "simple"), [
    (logarithmic(600), 160.66, 113.2), (spiked(4, 1.0, 596, 6.0), 10.189, 9.333), (isotropic(240), 0.33149, 0.25)])
def test_the_floor_through_the_effective_ridge_is_above_the_simple_one(spectrum, sharper, simple):
    assert expected_trace(spectrum, 60).lower == pytest.approx(sharper, rel=5e-4)
    assert expected_trace_floors(spectrum, 60).max() == pytest.approx(simple, rel=5e-4)


@pytest.mark.parametrize(("spectrum", "stated"), [
    (spiked(4, 1.0, 596, 6.0), 11.06), (logarithmic(600), 1028.0), (isotropic(240), 60 / 179)])
def test_published_ceilings_of_the_expected_trace(spectrum, stated):
    assert expected_trace(spectrum, 60).upper == pytest.approx(stated, rel=1e-3)


@pytest.mark.parametrize("kind", ["spiked", "logarithmic", "harmonic", "flat"])
@pytest.mark.parametrize("ridge", [0.0, 0.05])
def test_the_mean_over_designs_lies_between_the_bounds(kind, ridge):
    n, p, draws = 12, 60, 500
    spectrum = kinds(p)[kind]
    X = np.random.default_rng(8).normal(size=(draws, n, p)) * np.sqrt(spectrum.eigenvalues)
    values = (1.0 / (np.linalg.eigvalsh(X @ np.swapaxes(X, 1, 2)) + n * ridge)).sum(axis=1)
    bounds, margin = expected_trace(spectrum, n, ridge), 4.0 * values.std() / math.sqrt(draws)
    assert bounds.lower - margin <= values.mean() <= bounds.upper + margin


@settings(max_examples=60)
@given(st.integers(2, 40), st.integers(2, 200), st.sampled_from(["spiked", "logarithmic", "harmonic", "flat"]))
def test_the_simple_floors_stay_below_the_inverse_effective_ridge(n, more, kind):
    spectrum = kinds(max(n + more, 6))[kind]
    assert expected_trace_floors(spectrum, n).max() <= (1.0 + 1e-9) / effective_ridge(spectrum, n, 0.0)


@pytest.mark.parametrize("kind", ["spiked", "logarithmic", "harmonic", "flat"])
def test_the_likely_floor_fails_no_more_often_than_it_says(kind):
    n, p, draws, confidence = 10, 50, 400, 0.7
    spectrum = kinds(p)[kind]
    floors = likely_trace_floors(spectrum, n, confidence)
    X = np.random.default_rng(4).normal(size=(draws, n, p)) * np.sqrt(spectrum.eigenvalues)
    values = (1.0 / np.linalg.eigvalsh(X @ np.swapaxes(X, 1, 2))).sum(axis=1)
    for floor in floors:
        assert clopper_pearson(int((values < floor).sum()), draws, 1 - 1e-6).lower <= 1.0 - confidence


def test_floors_with_more_confidence_are_lower():
    floors = [likely_trace_floors(HARMONIC, 6, c) for c in (0.5, 0.9, 0.999)]
    assert (floors[0] > floors[1]).all()
    assert (floors[1] > floors[2]).all()


def test_the_floor_of_the_benign_family_grows_as_published():
    """n = 50, ..., 800: max (n - k) / s_k = (n - 5) / sqrt(n); p = 640 005 costs nothing."""
    for n, stated in ((50, 6.364), (100, 9.500), (200, 13.789), (400, 19.750), (800, 28.1075)):
        spectrum = spiked(5, 1.0, n**2, math.sqrt(n))
        assert expected_trace_floors(spectrum, n).max() == pytest.approx(stated, abs=5e-4)
        assert interpolator_floor(spectrum, n, 1.0, 0.5) >= 0.25 * (n - 5) / math.sqrt(n) * (1 - 1e-8)


def test_without_noise_there_is_no_floor_and_without_signal_the_ratio_is_infinite():
    spectrum = isotropic(30, signal=0.0)
    assert interpolator_floor(spectrum, 10, 0.0, 1.0) == interpolator_floor(spectrum, 10, 1.0, 0.0) == 0.0
    assert vulnerability_floor(spectrum, 10, 0.0) == 0.0
    assert vulnerability_floor(spectrum, 10, 1.0) == math.inf


def test_the_ratio_to_the_truth_does_not_depend_on_the_radius():
    spectrum = logarithmic(100, signal=2.0)
    for radius in (0.1, 3.0):
        ratio = interpolator_floor(spectrum, 20, 0.5, radius) / (radius**2 * 2.0)
        assert vulnerability_floor(spectrum, 20, 0.5) == pytest.approx(ratio, rel=1e-12)


@settings(max_examples=40)
@given(designs(largest_n=12, largest_p=40), st.integers(0, 2**32 - 1))
def test_every_interpolator_is_at_least_as_long_as_the_shortest(case, seed):
    X, _ = case
    rng = np.random.default_rng(seed)
    n, p = X.shape
    y, v = rng.normal(size=n), rng.normal(size=p)
    pseudo = np.linalg.pinv(X)
    shortest = pseudo @ y
    other = shortest + v - pseudo @ (X @ v)
    assert other @ other >= (shortest @ shortest) * (1.0 - 1e-12)
    assert shortest @ shortest == pytest.approx(y @ np.linalg.solve(X @ X.T, y), rel=1e-7)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="confidence"):
        likely_trace_floors(HARMONIC, 6, 1.0)
    with pytest.raises(ValueError, match="ridge"):
        expected_trace(HARMONIC, 6, -1.0)
    with pytest.raises(ValueError, match="noise_variance"):
        interpolator_floor(HARMONIC, 6, -1.0, 1.0)
    with pytest.raises(ValueError, match="n=0"):
        expected_trace(Spectrum.of([1.0], [1.0]), 0)
