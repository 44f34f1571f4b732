"""Deterministic equivalents: golden values, closed forms, the identities of the theory, limits, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ridge_spectra_cases import drawn

from constructive.ridge.effective import effective_ridge, effective_ridges
from constructive.ridge.equivalents import deterministic_equivalent, least_squares_moments
from constructive.ridge.spectra import Spectrum, isotropic, logarithmic, power_law, spiked

HARMONIC = power_law(200, 1.0, signal_exponent=2.0, signal=None)
FEW = power_law(30, 1.0)


@pytest.mark.parametrize(("spectrum", "ridge", "kappa", "moments"), [
    (HARMONIC, 0.0, .046058826963, (.009252089964, .15450080507, 1.4752821128, 5.42784123)),
    (HARMONIC, 0.01, .06106608442, (.012817566402, .10360067748, 1.4025464535, 3.1456971354)),
    (HARMONIC, 1.0, 1.0988454263, (.38876969105, .0028412630746, .28971854851, .018112459609)),
    (FEW, 0.0, 0.0, (0.0, .375, 1.0, 5.8125)),
    (FEW, 0.01, .018924434905, (.0047955932556, .15117697379, .65206615108, 2.0085736439)),
])
def test_golden_values(spectrum: Spectrum, ridge: float, kappa: float, moments: tuple[float, ...]) -> None:
    found = deterministic_equivalent(spectrum, 50, ridge, 0.25)
    assert effective_ridge(spectrum, 50, ridge) == pytest.approx(kappa, rel=1e-10)
    values = (found.bias, found.variance, found.signal_energy, found.noise_energy)
    for value, golden in zip(values, moments, strict=True):
        assert value == pytest.approx(golden, rel=1e-9)


@pytest.mark.parametrize(("spectrum", "ridge", "stated"), [
    (spiked(10, 1.0, 1990, 20.0), 0.0, (.00864, .03843, .9135, 2.6389, 1.2615)),
    (spiked(10, 1.0, 1990, 20.0), 0.1, (.03037, .01497, .7576, .5887, .5790)),
    (spiked(10, 1.0, 1990, 20.0), 1.0, (.28378, .00300, .2465, .0224, .5756)),
    (logarithmic(1600), 0.0, (.00007, .14393, .9158, 206.10, 56.255)),
    (logarithmic(1600), 1e-2, (.00107, .01695, .7169, 3.0515, 1.1681)),
    (logarithmic(1600), 1.0, (.13594, .00030, .0701, .0017, .2331)),
    (isotropic(600), 0.0, (.66667, .12500, .3333, .1250, 1.3869)),
])
def test_the_published_table(spectrum: Spectrum, ridge: float, stated: tuple[float, ...]) -> None:
    found = deterministic_equivalent(spectrum, 200, ridge, 0.25)
    values = (found.bias, found.variance, found.signal_energy, found.noise_energy, found.adversarial(0.5))
    digits = (5, 5, 4, 2 if stated[3] > 10.0 else 4, 3 if stated[4] > 10.0 else 4)
    for value, told, last in zip(values, stated, digits, strict=True):
        assert abs(float(value) - told) <= 0.501 * 10.0 ** -last


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 8.0])
def test_isotropic_without_ridge_is_in_closed_form(ratio: float) -> None:
    found = deterministic_equivalent(isotropic(int(ratio * 200), signal=2.0), 200, 0.0, 0.5)
    assert found.bias == pytest.approx(2.0 * (1.0 - 1.0 / ratio), rel=1e-12)
    assert found.variance == pytest.approx(0.5 / (ratio - 1.0), rel=1e-12)
    assert found.noise_energy == pytest.approx(0.5 / (ratio - 1.0), rel=1e-12)
    assert found.signal_energy == pytest.approx(2.0 / ratio, rel=1e-12)


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.25, 3.0]))
def test_energy_is_the_shrunk_signal_plus_t_times_noise_and_risk(seed: int, noise: float) -> None:
    spectrum, n, ridge = drawn(seed)
    if ridge == 0.0 and spectrum.dimension <= n:
        ridge = 1.0
    found, kappa = deterministic_equivalent(spectrum, n, ridge, noise), effective_ridge(spectrum, n, ridge)
    shrunk = (spectrum.signal * (spectrum.eigenvalues / (spectrum.eigenvalues + kappa)) ** 2).sum()
    t = (spectrum.multiplicities * spectrum.eigenvalues / (spectrum.eigenvalues + kappa) ** 2).sum() / n
    assert found.energy == pytest.approx(shrunk + t * (noise + found.risk), rel=1e-9)
    assert found.signal_energy <= spectrum.signal_norm * (1.0 + 1e-9)
    assert noise == 0.0 or found.noise_energy <= noise / kappa * (1.0 + 1e-12)


@given(st.integers(0, 10**6))
def test_without_ridge_noise_energy_times_the_effective_ridge_is_the_noise(seed: int) -> None:
    spectrum, _, _ = drawn(seed)
    n = max(1, int(0.7 * min(spectrum.dimension, 100.0)))
    if spectrum.dimension <= n:
        return
    kappa = effective_ridge(spectrum, n, 0.0)
    u = spectrum.eigenvalues / (spectrum.eigenvalues + kappa)
    rest = 1.0 - (spectrum.multiplicities * u * u).sum() / n  # the form that the library does not use
    t = (spectrum.multiplicities * u / (spectrum.eigenvalues + kappa)).sum() / n
    assert t * kappa / rest == pytest.approx(1.0, rel=1e-8 / rest)
    assert deterministic_equivalent(spectrum, n, 0.0, 2.0).noise_energy * kappa == pytest.approx(2.0, rel=1e-12)


@given(st.integers(0, 10**6))
def test_energy_falls_with_the_ridge_and_population_bias_rises(seed: int) -> None:
    spectrum, n, _ = drawn(seed)
    ridges = np.geomspace(1e-4, 1e2, 13)
    energy = deterministic_equivalent(spectrum, n, ridges, 0.5).energy
    assert (np.diff(energy) <= 1e-12 * energy[:-1]).all()
    kappa = effective_ridges(spectrum, n, ridges)[:, None]
    population = (spectrum.signal * spectrum.eigenvalues * (kappa / (spectrum.eigenvalues + kappa)) ** 2).sum(axis=1)
    t = (spectrum.multiplicities * spectrum.eigenvalues / (spectrum.eigenvalues + kappa) ** 2).sum(axis=1)
    assert (np.diff(population) >= -1e-12 * population[:-1]).all()
    assert (np.diff(t) <= 1e-12 * t[:-1]).all()


@given(st.integers(0, 10**6), st.floats(1e-3, 1.0), st.sampled_from([0.0, 0.25, 3.0]))
def test_accuracy_forces_a_length(seed: int, ridge: float, noise: float) -> None:
    spectrum, n, _ = drawn(seed)
    found = deterministic_equivalent(spectrum, n, ridge, noise)
    floor = np.sqrt(spectrum.signal_variance) - np.sqrt(found.risk)
    assert np.sqrt(spectrum.largest * found.energy) >= floor * (1.0 - 1e-9) - 1e-12


@given(st.integers(0, 10**6))
def test_blocks_mean_the_same_as_their_eigenvalues_one_by_one(seed: int) -> None:
    spectrum, n, _ = drawn(3 * seed + 1)
    counts = spectrum.multiplicities.astype(int)
    apart = Spectrum.of(np.repeat(spectrum.eigenvalues, counts), np.sqrt(np.repeat(spectrum.signal / counts, counts)))
    found, same = (deterministic_equivalent(s, n, [0.01, 1.0], 0.5) for s in (spectrum, apart))
    assert found.risk == pytest.approx(same.risk, rel=1e-9)
    assert found.energy == pytest.approx(same.energy, rel=1e-9)


def test_ten_billion_directions_are_two_blocks() -> None:
    found = deterministic_equivalent(spiked(10, 1.0, 10**10, 10.0), 200, 0.0, 0.25)
    assert found.noise_energy == pytest.approx(0.25 / 0.0524937800585259, rel=1e-12)


def test_as_many_directions_as_data_without_ridge_is_infinite_and_not_a_number_nowhere() -> None:
    found = deterministic_equivalent(isotropic(50), 50, [0.0, 1.0], 0.25)
    assert found.bias[0] == 0.0
    assert found.variance[0] == found.noise_energy[0] == found.adversarial(0.5)[0] == np.inf
    assert np.isfinite([found.risk[1], found.energy[1]]).all()
    quiet = deterministic_equivalent(isotropic(50), 50, 0.0, 0.0)
    assert quiet.risk == 0.0
    assert quiet.energy == pytest.approx(1.0)


def test_directions_without_variance_change_nothing_but_the_truth() -> None:
    seen = Spectrum.of([2.0, 1.0, 0.5], [1.0, 1.0, 1.0])
    padded = Spectrum.of([2.0, 0.0, 1.0, 0.5], [1.0, 3.0, 1.0, 1.0])
    found, same = (deterministic_equivalent(s, 2, [0.0, 0.1], 0.5) for s in (padded, seen))
    assert found.risk.tolist() == same.risk.tolist()
    assert found.energy.tolist() == same.energy.tolist()
    assert padded.signal_norm == seen.signal_norm + 9.0


def test_least_squares_is_exact_where_the_equivalent_is_a_limit() -> None:
    exact = least_squares_moments(FEW, 50, 0.25)
    assert exact.variance == pytest.approx(.39473684211, rel=1e-10)
    assert exact.noise_energy == pytest.approx(6.1184210526, rel=1e-10)
    assert exact.bias == 0.0
    assert exact.signal_energy == pytest.approx(1.0)
    with pytest.raises(ValueError, match="need n >= p \\+ 2"):
        least_squares_moments(FEW, 31, 0.25)
