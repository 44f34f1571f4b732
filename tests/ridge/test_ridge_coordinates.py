"""What ridge regression cannot avoid, coordinate by coordinate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ridge_bound_cases import kinds, means
from scipy.special import chdtri

from constructive.ridge.coordinate_bounds import bias_floor, kappa_floor, moment_floors, noise_coefficients
from constructive.ridge.effective import effective_ridge
from constructive.ridge.spectra import Spectrum, isotropic, logarithmic, power_law, spiked

HARMONIC = power_law(12, 1.0, signal_exponent=2.0, signal=None)
KINDS = ["spiked", "logarithmic", "harmonic", "flat"]


@pytest.mark.parametrize(("ridge", "energy", "variance", "signal", "bias"), [
    (0.0, 0.4007867721, 0.13479529046, 0.51276817849, 0.0068540321088),
    (0.1, 0.2844598259, 0.1008655616, 0.41362689342, 0.036592672535)])
def test_golden_values_of_the_harmonic_spectrum(ridge, energy, variance, signal, bias):
    floors = moment_floors(HARMONIC, 6, ridge, 0.5)
    assert [float(floors.noise_energy), float(floors.variance)] == pytest.approx([energy, variance], rel=1e-9)
    assert [float(floors.signal_energy), float(floors.bias)] == pytest.approx([signal, bias], rel=1e-9)


def test_golden_coefficients_of_the_first_and_last_coordinate():
    assert noise_coefficients(HARMONIC, 6, 0.0)[[0, -1]] == pytest.approx([0.099407745839, 0.032962755382], rel=1e-9)


def brute(values, theta, n, ridge, noise):
    """The bounds from their definition: for every coordinate and size the set of the largest others, sums anew."""
    p, energy, variance, signal = len(values), 0.0, 0.0, 0.0
    for j in range(p):
        others, c, kept = np.delete(values, j), 0.0, 0.0
        for k in range(min(n - 3, p - 1) + 1):
            rest, m = others[k:], n - k - 2
            size = rest.sum() + n * ridge
            square = size**2 + (n + 1) * (rest**2).sum()
            c = max(c, values[j] / (square / m + 2 * values[j] * size + n * values[j] ** 2))
            kept = max(kept, values[j] * m / (size + values[j] * m))
        energy, variance, signal = energy + c, variance + values[j] * c, signal + (theta[j] * kept) ** 2
    return noise * energy, noise * variance, signal


@settings(max_examples=40)
@given(st.integers(1, 9), st.lists(st.sampled_from([2.0, 1.0, 0.5, 0.25, 0.125]), min_size=1, max_size=14),
       st.sampled_from([0.0, 0.125, 1.0]))
def test_blocks_give_what_the_definition_gives_one_coordinate_at_a_time(n, values, ridge):
    ordered = np.sort(values)[::-1]
    theta = np.arange(1.0, len(values) + 1.0)
    stated = brute(ordered, theta, n, ridge, 0.5)
    single = moment_floors(Spectrum.of(ordered, theta), n, ridge, 0.5)
    blocks, counts = np.unique(ordered, return_counts=True)
    signal = [(theta[ordered == value] ** 2).sum() for value in blocks[::-1]]
    merged = moment_floors(Spectrum(blocks[::-1], counts[::-1], signal), n, ridge, 0.5)
    for floors in (single, merged):
        found = [float(floors.noise_energy), float(floors.variance), float(floors.signal_energy)]
        assert found == pytest.approx(list(stated), rel=1e-12)
    assert float(single.bias) == pytest.approx(float(merged.bias), rel=1e-12)


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(6, 150), st.sampled_from(KINDS))
def test_three_floors_do_not_rise_with_the_ridge_and_the_bias_does_not_fall(n, p, kind):
    floors = moment_floors(kinds(p)[kind], n, np.concatenate([[0.0], np.geomspace(1e-6, 1e3, 12)]), 0.5)
    for falling in (floors.variance, floors.signal_energy, floors.noise_energy):
        assert (np.diff(falling) <= 1e-14 * falling[0]).all()
    assert (np.diff(floors.bias) >= 0.0).all()


@settings(max_examples=40)
@given(st.integers(30, 80), st.integers(2, 6), st.sampled_from(KINDS), st.sampled_from([0.0, 0.01, 1.0]))
def test_floors_stay_below_the_deterministic_equivalents(n, times, kind, ridge):
    """Bias, variance and norms that the self-consistent equation predicts, from their formulas."""
    spectrum = kinds(times * n)[kind]
    kappa = effective_ridge(spectrum, n, ridge)
    values, signal = spectrum.eigenvalues, spectrum.signal
    pull = (spectrum.multiplicities * values / (values + kappa) ** 2).sum() / n
    slope = ridge / kappa + kappa * pull  # 1 - df2 / n
    bias = bias_floor(spectrum, kappa) / slope
    energy = (signal * (values / (values + kappa)) ** 2).sum() + bias * pull
    floors = moment_floors(spectrum, n, ridge, 1.0)
    stated = np.array([bias, (1.0 - slope) / slope, energy, pull / slope])
    found = np.array([floors.bias, floors.variance, floors.signal_energy, floors.noise_energy])
    assert (found <= 1.02 * stated).all()
    assert kappa_floor(spectrum, n, ridge) <= kappa


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "p"), [(12, 60), (12, 8), (5, 30), (12, 17)])
def test_means_over_designs_lie_above_the_floors(kind, n, p):
    """Mean + 4 standard errors >= floor, for p < n, near n and far from it, ridge 0 included."""
    spectrum, ridges = kinds(p)[kind], [0.0, 0.1, 1.0]
    mean, error = means(spectrum, n, ridges, 60, seed=n + p)
    floors = moment_floors(spectrum, n, ridges, 1.0)
    stated = np.array([floors.bias, floors.variance, floors.signal_energy, floors.noise_energy])
    assert (mean + 4.0 * error >= stated).all()


@pytest.mark.parametrize("kind", KINDS)
def test_means_of_sixty_draws_at_sixty_samples_lie_above_the_floors(kind):
    spectrum, ridges = kinds(600)[kind], [0.0, 0.1, 1.0]
    mean, error = means(spectrum, 60, ridges, 60, seed=2)
    floors = moment_floors(spectrum, 60, ridges, 1.0)
    stated = np.array([floors.bias, floors.variance, floors.signal_energy, floors.noise_energy])
    assert (mean + 4.0 * error >= stated).all()


@settings(max_examples=25)
@given(st.integers(5, 40), st.floats(-3, 2), st.sampled_from([0.0, 1e-3, 0.05, 1.0, 20.0]))
def test_for_one_coordinate_the_means_by_quadrature_lie_above_the_floors(n, size, ridge):
    """X^T X = lambda chi^2_n: every moment is a one-dimensional integral."""
    value = 10.0**size
    nodes, weights = np.polynomial.legendre.leggauss(400)
    square, weights = value * chdtri(n, (1.0 - nodes) / 2.0), weights / 2.0
    kept, gain = square / (square + n * ridge), square / (square + n * ridge) ** 2
    floors = moment_floors(Spectrum.of([value], [1.5]), n, ridge, 0.5)
    exact = [2.25 * value * weights @ (1.0 - kept) ** 2, 0.5 * value * weights @ gain, 2.25 * weights @ kept**2,
             0.5 * weights @ gain]
    stated = (floors.bias, floors.variance, floors.signal_energy, floors.noise_energy)
    for floor, mean in zip(stated, exact, strict=True):
        assert float(floor) <= mean * (1.0 + 2e-4)  # of the quadrature


def test_a_floor_ten_percent_higher_would_be_seen_to_fail():
    """At ridge 1 the variance's floor is within one percent: the comparison with the mean has teeth."""
    spectrum = spiked(4, 1.0, 596, 6.0)
    full = Spectrum.of(np.repeat(spectrum.eigenvalues, [4, 596]), np.r_[np.full(4, 0.5), np.zeros(596)])
    mean, error = means(full, 60, [1.0], 8, seed=2)
    assert 1.1 * float(moment_floors(spectrum, 60, 1.0, 1.0).variance) > mean[1, 0] + 4.0 * error[1, 0]


def test_published_floors_of_the_spiked_spectrum():
    """n = 60, four heads, 596 in the tail: bias, variance, signal and noise energy at ridge 0, .1 and 1."""
    floors = moment_floors(spiked(4, 1.0, 596, 6.0), 60, [0.0, 0.1, 1.0], 1.0)
    assert floors.bias == pytest.approx([0.0069, 0.0256, 0.2721], abs=6e-5)
    assert floors.variance == pytest.approx([0.1254, 0.0664, 0.0155], abs=6e-5)
    assert floors.signal_energy == pytest.approx([0.8130, 0.6739, 0.2086], abs=6e-5)
    assert floors.noise_energy == pytest.approx([7.038, 2.061, 0.0879], abs=6e-4)


@pytest.mark.parametrize(("spectrum", "ridge", "stated"), [
    (logarithmic(600, signal=None), 0.0, (0.0001, 0.3475, 1.889, 75.3)),
    (logarithmic(600, signal=None), 0.1, (0.0364, 0.0391, 0.985, 0.814)),
    (isotropic(240), 0.0, (0.5594, 0.1353, 0.0381, 0.1353))], ids=["logarithmic", "logarithmic, ridge", "isotropic"])
def test_published_floors_of_other_spectra(spectrum, ridge, stated):
    """n = 60: bias, variance, signal and noise energy; the published ones tried fewer sets K, and are no larger."""
    floors = moment_floors(spectrum, 60, ridge, 1.0)
    found = [float(v) for v in (floors.bias, floors.variance, floors.signal_energy, floors.noise_energy)]
    assert found == pytest.approx(list(stated), rel=4e-3, abs=6e-5)


@pytest.mark.parametrize("n", [1, 2])
def test_with_two_samples_or_fewer_only_the_bias_has_a_floor(n):
    floors = moment_floors(isotropic(20), n, [0.0, 0.5], 1.0)
    assert not floors.variance.any()
    assert not floors.energy.any()
    assert (floors.bias > 0.0).all()


def test_an_isotropic_spectrum_below_the_number_of_samples_has_no_bias_floor_at_ridge_zero():
    assert float(moment_floors(isotropic(10), 20, 0.0, 1.0).bias) == 0.0


def test_a_single_coordinate_is_kept_whole_without_ridge():
    """S = 0: the factor of the signal energy is 1, and the noise coefficient 1 / (n lambda)."""
    floors = moment_floors(Spectrum.of([2.0], [3.0]), 10, 0.0, 1.0)
    assert float(floors.signal_energy) == 9.0
    assert float(floors.noise_energy) == pytest.approx(1.0 / 20.0, rel=1e-15)


def test_many_samples_try_fewer_cuts_and_never_gain_by_it():
    spectrum = power_law(3000, 1.2)
    few = moment_floors(spectrum, 260, 0.01, 1.0)
    import constructive.ridge.coordinate_bounds as module
    every = [module._one(spectrum, 260, 0.01, 1.0, np.arange(258))]
    found = np.array([few.bias, few.variance, few.signal_energy, few.noise_energy])
    assert (found <= np.array(every[0]) * (1 + 1e-12)).all()
    assert (found >= 0.97 * np.array(every[0])).all()


def test_up_to_two_hundred_samples_every_cut_is_tried():
    import constructive.ridge.coordinate_bounds as module
    spectrum = power_law(300, 1.2)
    few = moment_floors(spectrum, 150, 0.01, 1.0)
    every = module._one(spectrum, 150, 0.01, 1.0, np.arange(148))
    assert [float(v) for v in (few.bias, few.variance, few.signal_energy, few.noise_energy)] == list(every)


def test_ten_thousand_million_eigenvalues_cost_two_blocks():
    floors = moment_floors(spiked(10, 1.0, 10**10, 10.0), 200, [0.0, 1e-3], 1.0)
    assert np.isfinite(floors.energy).all()
    assert floors.energy[0] > floors.energy[1] > 0.0


def test_adversarial_floor_is_risk_plus_squared_radius_times_energy():
    floors = moment_floors(HARMONIC, 6, [0.0, 0.1], 0.5)
    assert (floors.adversarial(0.5) == floors.risk + 0.25 * floors.energy).all()


def test_negative_ridges_are_refused():
    with pytest.raises(ValueError, match="moment_floors"):
        moment_floors(HARMONIC, 6, [-0.1], 0.5)
