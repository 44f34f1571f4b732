"""Upper bounds on the moments of ridge regression for one design."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ridge_bound_cases import designs, moments, small_design

from constructive.evidence import clopper_pearson
from constructive.ridge.pathwise_bounds import likely_ceilings, pathwise_ceilings
from constructive.ridge.spectra import Spectrum, isotropic, spiked


def test_golden_values_of_the_small_design():
    X, values = small_design()
    found = pathwise_ceilings(X, values, values, 0.1, 0.5, head=1)
    assert [float(found.variance), float(found.noise_energy)] == pytest.approx([1.8693462264, 2.3293639916], rel=1e-9)
    assert [float(found.bias_head), float(found.bias_tail)] == pytest.approx([1.1577651221, 0.79678613182], rel=1e-9)
    assert [float(found.crude_bias), float(found.bias)] == pytest.approx([3.9091025078, 3.1474921611], rel=1e-9)


@settings(max_examples=80)
@given(designs(largest_n=20, largest_p=80, wide=False), st.integers(0, 5), st.sampled_from([0.0, 0.1]),
       st.integers(0, 2**32 - 1), st.booleans())
def test_no_moment_exceeds_its_bound(case, head, ridge, seed, heavy):
    X, spectrum = case
    n, p = X.shape
    rng, values = np.random.default_rng(seed), spectrum.eigenvalues
    if heavy:  # any design: nothing is assumed of its law
        X = X * rng.standard_t(3, size=X.shape)
    theta, k = rng.normal(size=p), min(head, n, p)
    found = pathwise_ceilings(X, values, theta, ridge, 1.0, head=k)
    if not np.isfinite(float(found.noise_energy)):
        return
    bias, variance, signal, noise = moments(X, values, theta, ridge)
    for parts, bound in ((np.arange(p) < k, found.bias_head), (np.arange(p) >= k, found.bias_tail)):
        assert moments(X, values, np.where(parts, theta, 0.0), ridge)[0] <= float(bound) * (1 + 1e-9)
    assert bias <= float(found.bias) * (1 + 1e-9)
    assert float(found.bias) <= float(found.crude_bias) * (1 + 1e-12)
    assert variance <= float(found.variance) * (1 + 1e-9)
    assert signal <= float(found.signal_energy) * (1 + 1e-9)
    assert noise <= float(found.noise_energy) * (1 + 1e-9)


@pytest.mark.slow
def test_three_hundred_designs_keep_every_bound_and_show_how_tight_it_is(capsys):
    """Measured over bound for head and tail bias, variance, norm; ridge 0 and 0.1, q >= 2 n, k <= 5."""
    rng, ratios = np.random.default_rng(0), []
    for _ in range(300):
        n, k = int(rng.integers(5, 40)), int(rng.integers(1, 6))
        q = int(rng.integers(2 * n, 6 * n))
        values = np.r_[np.ones(k), np.sort(rng.uniform(0.01, 0.1, q))[::-1]]
        X, theta = rng.normal(size=(n, k + q)) * np.sqrt(values), rng.normal(size=k + q)
        ridge = float(rng.choice((0.0, 0.1)))
        found = pathwise_ceilings(X, values, theta, ridge, 1.0, head=k)
        bias, variance, _, noise = moments(X, values, theta, ridge)
        parts = [moments(X, values, np.where(part, theta, 0.0), ridge)[0]
                 for part in (np.arange(k + q) < k, np.arange(k + q) >= k)]
        bounds = (found.bias_head, found.bias_tail, found.bias, found.variance, found.noise_energy)
        ratios.append([v / float(b) for v, b in zip((*parts, bias, variance, noise), bounds, strict=True)])
    with capsys.disabled():
        print("\nmedian measured / bound (head, tail, bias, variance, norm):", np.median(ratios, axis=0).round(3))
    assert np.max(ratios) <= 1.0


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_a_bound_ten_times_smaller_would_be_broken(ridge):
    """The norm's bound is within a factor of ten on ordinary designs, so that a lost factor would be seen."""
    rng, values = np.random.default_rng(3), np.r_[np.ones(3), np.full(200, 0.05)]
    X = rng.normal(size=(30, 203)) * np.sqrt(values)
    found = pathwise_ceilings(X, values, values, ridge, 1.0, head=3)
    _, variance, _, noise = moments(X, values, values, ridge)
    assert noise > 0.1 * float(found.noise_energy)
    assert variance > 0.1 * float(found.variance)


def test_without_a_head_the_bias_is_bounded_by_the_largest_eigenvalue():
    X, values = small_design()
    found = pathwise_ceilings(X, values, values, [0.0, 0.1], 0.5, head=0)
    assert found.bias.tolist() == [values[0] * (values**2).sum()] * 2


def test_no_tail_to_lean_on_gives_infinite_bounds_rather_than_wrong_ones():
    X, values = small_design()
    found = pathwise_ceilings(X, values, values, 0.0, 0.5, head=4)  # three tail columns, four rows, no ridge
    assert np.isinf(float(found.variance))
    assert np.isinf(float(found.noise_energy))


def test_a_head_of_all_coordinates_needs_a_ridge():
    rng = np.random.default_rng(5)
    X, values, theta = rng.normal(size=(12, 3)), np.ones(3), np.ones(3)
    found = pathwise_ceilings(X, values, theta, [0.0, 0.3], 1.0, head=3)
    assert np.isinf(found.noise_energy[0])
    assert moments(X, values, theta, 0.3)[0] <= found.bias[1]
    assert moments(X, values, theta, 0.3)[1] <= found.variance[1]


def test_a_design_of_zeros_has_infinite_bounds_and_not_undefined_ones():
    for head, p in ((1, 5), (2, 2)):
        found = pathwise_ceilings(np.zeros((2, p)), np.ones(p), np.ones(p), 0.0, 1.0, head=head)
        assert [float(v) for v in (found.bias, found.variance, found.noise_energy)] == [np.inf] * 3
        assert not np.isnan(found.adversarial(1.0))


def test_noise_free_bounds_have_no_variance_even_where_others_are_infinite():
    X, values = small_design()
    found = pathwise_ceilings(X, values, values, 0.0, 0.0, head=4)
    assert (float(found.variance), float(found.noise_energy)) == (0.0, 0.0)


def test_likely_bounds_fail_no_more_often_than_they_say_and_are_finite():
    rng, n, k, q, draws = np.random.default_rng(6), 40, 2, 2000, 60
    spectrum = spiked(k, 1.0, q, 4.0)
    stated = likely_ceilings(spectrum, n, 0.05, 1.0, 0.5)
    values, theta = np.r_[np.ones(k), np.full(q, 4.0 / q)], np.r_[np.full(k, np.sqrt(0.5)), np.zeros(q)]
    failures = 0
    for _ in range(draws):
        bias, variance, signal, noise = moments(rng.normal(size=(n, k + q)) * np.sqrt(values), values, theta, 0.05)
        failures += (bias > float(stated.bias) or variance > float(stated.variance)
                     or signal > float(stated.signal_energy) or noise > float(stated.noise_energy))
    assert np.isfinite(float(stated.risk))
    assert clopper_pearson(failures, draws, 1 - 1e-6).lower <= 0.5


def test_likely_bounds_share_the_failures_among_three_events():
    """tau with 3 exp(-tau^2 / 2) = 1 - confidence, for both ends of the tail and for the head."""
    n, k, q, v, ridge, tau = 40, 2, 2000, 0.002, 0.05, np.sqrt(2.0 * np.log(3.0 / 0.1))
    low = n * ridge + v * (np.sqrt(q) - np.sqrt(n) - tau) ** 2
    high = n * ridge + v * (np.sqrt(q) + np.sqrt(n) + tau) ** 2
    least = (np.sqrt(n) - np.sqrt(k) - tau) ** 2
    found = likely_ceilings(spiked(k, 1.0, q, 4.0), n, ridge, 0.5, 0.9)
    assert float(found.noise_energy) == pytest.approx(0.5 * n / low, rel=1e-12)
    assert float(found.bias) == pytest.approx((high / least) ** 2 + v, rel=1e-12)
    scatter = v * n * (high - n * ridge)  # |X_t|_F^2 is at most n times the largest eigenvalue of the Gram matrix
    assert float(found.variance) == pytest.approx(0.5 * (high / low * k / least + scatter / low**2), rel=1e-12)


def test_likely_bounds_lie_above_those_of_a_typical_design():
    rng, n, values = np.random.default_rng(7), 40, np.r_[np.ones(2), np.full(2000, 0.002)]
    theta = np.r_[np.full(2, np.sqrt(0.5)), np.zeros(2000)]
    given_design = pathwise_ceilings(rng.normal(size=(n, 2002)) * np.sqrt(values), values, theta, 0.05, 1.0, head=2)
    likely = likely_ceilings(spiked(2, 1.0, 2000, 4.0), n, 0.05, 1.0, 0.99)
    assert likely.confidence == 0.99
    for name in ("bias", "variance", "noise_energy"):
        assert float(getattr(given_design, name)) <= float(getattr(likely, name))


def test_a_thin_tail_has_infinite_likely_bounds_without_ridge():
    assert np.isinf(float(likely_ceilings(spiked(2, 1.0, 40, 4.0), 40, 0.0, 1.0, 0.9).variance))


def test_adversarial_ceiling_is_the_square_of_a_sum_of_roots():
    found = likely_ceilings(spiked(2, 1.0, 2000, 4.0), 40, [0.0, 0.1], 1.0, 0.5)
    assert found.adversarial(2.0) == pytest.approx((np.sqrt(found.risk) + 2 * np.sqrt(found.energy)) ** 2, rel=1e-14)


def test_wrong_arguments_are_named():
    X, values = small_design()
    with pytest.raises(ValueError, match="sort the columns"):
        pathwise_ceilings(X, values[::-1], values, 0.1, 0.5, head=1)
    with pytest.raises(ValueError, match="must lie between"):
        pathwise_ceilings(X, 1e-170 * values, values, 0.1, 0.5, head=1)
    with pytest.raises(ValueError, match="theta must be a vector"):
        pathwise_ceilings(X, values, values[:, None], 0.1, 0.5, head=1)
    with pytest.raises(ValueError, match="head=5"):
        pathwise_ceilings(X, values, values, 0.1, 0.5, head=5)
    with pytest.raises(ValueError, match="1 blocks"):
        likely_ceilings(isotropic(20), 10, 0.1, 0.5, 0.9)
    with pytest.raises(ValueError, match="confidence"):
        likely_ceilings(Spectrum([1.0, 0.5], [1, 9], [1.0, 0.0]), 10, 0.1, 0.5, 1.5)
