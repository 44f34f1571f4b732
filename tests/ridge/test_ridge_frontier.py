"""Standard against adversarial risk along the ridge path: what no ridge reaches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ridge_bound_cases import kinds, means

from constructive.ridge.coordinate_bounds import moment_floors
from constructive.ridge.effective import effective_ridge
from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.frontier import (
    ForbiddenRegion,
    asymptotic_forbidden_region,
    forbidden_region,
    product_floor,
    product_floors,
    spiked_trade_off,
)
from constructive.ridge.sampling import draw_spiked_design
from constructive.ridge.spectra import Spectrum, isotropic, logarithmic, spiked

KINDS = ["spiked", "logarithmic", "harmonic", "flat"]
RIDGES = np.r_[0.0, np.geomspace(1e-4, 1e2, 31)]


def test_a_point_is_inside_exactly_if_some_rectangle_holds_it():
    region = ForbiddenRegion(np.arange(3.0), np.array([1.0, 2.0, 4.0]), np.array([8.0, 4.0, 2.0]))
    rng = np.random.default_rng(0)
    points = rng.integers(0, 20, (400, 2)) / 2.0  # half of them on borders
    naive = [any(r < a and e < b for a, b in ((1.0, 8.0), (2.0, 4.0), (4.0, 2.0))) for r, e in points]
    assert region.contains(points[:, 0], points[:, 1]).tolist() == naive
    assert region.energy_floor([0.0, 1.0, 3.9, 4.0]).tolist() == [8.0, 4.0, 2.0, 0.0]
    assert region.adversarial_floor([0.0, 4.0], 0.5).tolist() == [2.0, 4.0]


@settings(max_examples=40)
@given(st.integers(3, 30), st.integers(6, 120), st.sampled_from(KINDS))
def test_more_levels_make_a_larger_region(n, p, kind):
    spectrum, levels = kinds(p)[kind], np.geomspace(1e-4, 10.0, 9)
    few, many = (forbidden_region(spectrum, n, chosen, 0.5) for chosen in (levels[::2], levels))
    for risk, energy in zip(few.risk, few.energy, strict=True):
        assert float(many.energy_floor(risk * (1.0 - 1e-12))) >= energy * (1.0 - 1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "p"), [(12, 70), (12, 14), (12, 8)])
def test_means_over_designs_stay_outside(kind, n, p):
    """Both means + 4 standard errors: a curve of few draws may cross the border by chance."""
    spectrum, ridges = kinds(p)[kind], RIDGES[::4]
    mean, error = means(spectrum, n, ridges, 60, seed=p)
    (bias, variance, signal, noise), slack = mean, 4.0 * (error[[0, 2]] + error[[1, 3]])
    region = forbidden_region(spectrum, n, RIDGES, 1.0)
    assert not region.contains(bias + variance + slack[0], signal + noise + slack[1]).any()


def test_half_the_bias_with_half_the_norm_is_inside_from_a_small_ridge_on():
    spectrum, n = kinds(200)["logarithmic"], 30
    mean, _ = means(spectrum, n, RIDGES[::4], 20, seed=1)
    region = forbidden_region(spectrum, n, RIDGES, 1.0)
    inside = region.contains(mean[0] / 2.0, (mean[2] + mean[3]) / 2.0)
    assert inside[RIDGES[::4] > 0.01].all()


def test_published_floors_of_the_logarithmic_spectrum():
    """n = 80, p = 800, theta_j = j^-0.75, noise variance 1/4: risk and energy floors, and their equivalents."""
    spectrum = logarithmic(800, signal_exponent=1.5, signal=None)
    ridges = [0.0, 0.00147, 0.0316, 0.681]
    floors = moment_floors(spectrum, 80, ridges, 0.25)
    assert floors.risk == pytest.approx([0.0863, 0.0671, 0.0257, 0.2646], rel=3e-3)
    assert floors.energy == pytest.approx([29.89, 18.71, 2.323, 0.2728], rel=3e-3)
    equivalent = deterministic_equivalent(spectrum, 80, ridges, 0.25)
    assert equivalent.risk == pytest.approx([0.1411, 0.0916, 0.0303, 0.2712], rel=3e-3)
    assert equivalent.energy == pytest.approx([62.14, 29.22, 2.487, 0.2880], rel=3e-3)


def test_no_pair_of_levels_and_ridges_is_violated_on_the_logarithmic_spectrum():
    spectrum = logarithmic(800, signal_exponent=1.5, signal=None)
    ridges = np.r_[0.0, np.geomspace(1e-4, 10.0, 31)]
    mean, error = means(spectrum, 80, ridges, 12, seed=11)
    risk, energy = mean[0] + 0.25 * mean[1], mean[2] + 0.25 * mean[3]
    slack = 4.0 * (error[[0, 2]] + error[[1, 3]])
    assert not forbidden_region(spectrum, 80, ridges, 0.25).contains(risk + slack[0], energy + slack[1]).any()


@settings(max_examples=30)
@given(st.integers(3, 60), st.integers(6, 200), st.sampled_from(KINDS))
def test_equivalents_stay_outside_their_region(n, p, kind):
    spectrum = kinds(p)[kind]
    curve = deterministic_equivalent(spectrum, n, RIDGES[1:], 0.5)
    kappas = [effective_ridge(spectrum, n, float(ridge)) for ridge in RIDGES]
    region = asymptotic_forbidden_region(spectrum, n, kappas, 0.5)
    assert (np.diff(region.risk) >= 0.0).all()
    assert (np.diff(region.energy) <= 0.0).all()
    assert not region.contains(curve.risk * (1 + 1e-9), curve.energy * (1 + 1e-9)).any()


def test_levels_that_no_ridge_reaches_are_refused():
    with pytest.raises(ValueError, match="pass larger ones"):
        asymptotic_forbidden_region(isotropic(240), 60, [1.0, 2.0], 1.0)


@settings(max_examples=60)
@given(st.integers(2, 60), st.integers(1, 150), st.sampled_from(KINDS), st.floats(-6, 2))
def test_no_ridge_has_a_smaller_product_in_equivalents(n, more, kind, exponent):
    spectrum, largest = kinds(max(n + more, 6))[kind], 10.0**exponent
    curve = deterministic_equivalent(spectrum, n, np.linspace(0.0, largest, 9), 0.5)
    floor = product_floor(spectrum, n, 0.5, largest)
    assert (curve.risk * curve.noise_energy >= floor * (1 - 1e-9)).all()
    assert floor > 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_product_floors_are_what_their_formulas_say(kind):
    """kappa_0 (1 - df2 / n) sum lambda theta^2 / (lambda + kappa_1)^2; at one ridge kappa^2 (T / n) times that sum."""
    n, largest, spectrum = 20, 0.3, kinds(80)[kind]
    first, last = (effective_ridge(spectrum, n, ridge) for ridge in (0.0, largest))
    values, counts, signal = spectrum.eigenvalues, spectrum.multiplicities, spectrum.signal * spectrum.eigenvalues
    free = 1.0 - (counts * (values / (values + first)) ** 2).sum() / n
    reached = (signal / (values + last) ** 2).sum()
    assert product_floor(spectrum, n, 0.5, largest) == pytest.approx(0.5 * first * free * reached, rel=1e-9)
    pull = (counts * values / (values + last) ** 2).sum()
    assert product_floors(spectrum, n, [largest], 0.5) == pytest.approx(0.5 * last**2 * pull / n * reached, rel=1e-9)
    curve = deterministic_equivalent(spectrum, n, [largest], 0.5)
    assert product_floors(spectrum, n, [largest], 0.5) <= curve.risk * curve.noise_energy


def test_with_no_more_eigenvalues_than_samples_there_is_no_product_floor():
    assert product_floor(isotropic(20), 20, 1.0, 1.0) == 0.0


def test_golden_constants_of_the_spiked_trade_off():
    found = spiked_trade_off(spiked(5, 1.0, 2500, 10.0), 100, 1.0)
    assert found.taken == pytest.approx(0.0388, rel=1e-12)
    assert found.share == pytest.approx(0.73969702066, rel=1e-10)
    assert found.product == pytest.approx(0.018492425517, rel=1e-10)
    assert found.risk == 0.25


def family(name, n):
    """Five heads of size 1, r^(1/2) or r^(3/4), r = s / n; tail n^2 / 4 with sum s = sqrt(n); signal variance 1."""
    s = np.sqrt(n)
    head = (s / n) ** {"A": 0.0, "B": 0.5, "C": 0.75}[name]
    return spiked(5, float(head), n**2 // 4, float(s), signal=1.0 / float(head))


CONSTANTS = {("A", 100): 0.0185, ("A", 400): 0.0116, ("B", 100): 0.1849, ("B", 400): 0.2315,
             ("C", 100): 0.5848, ("C", 400): 1.0353}
PRODUCTS = {("A", 100): 0.0317, ("A", 400): 0.0165, ("B", 100): 0.2802, ("B", 400): 0.2879,
            ("C", 100): 0.8428, ("C", 400): 1.2705}


@pytest.mark.parametrize(("name", "n"), list(CONSTANTS))
def test_published_constants_of_three_families(name, n):
    assert spiked_trade_off(family(name, n), n, 1.0).product == pytest.approx(CONSTANTS[name, n], abs=6e-5)


@pytest.mark.parametrize(("name", "n", "draws"), [
    *((name, 100, 12) for name in "ABC"), *((name, 400, 12) for name in "ABC")])
def test_every_ridge_of_three_families_satisfies_the_trade_off(name, n, draws):
    """Per ridge: product >= constant or risk >= head |theta|^2 / 4, and the least product is the published one."""
    spectrum, rng = family(name, n), np.random.default_rng(7)
    ridges = np.r_[0.0, np.geomspace(1e-4, 1e2, 61)]
    found = [draw_spiked_design(spectrum, n, rng).moments(ridges, 1.0) for _ in range(draws)]
    risk = np.mean([moments.risk for moments in found], axis=0)
    noise = np.mean([moments.noise_energy for moments in found], axis=0)
    stated = spiked_trade_off(spectrum, n, 1.0)
    assert stated.satisfied(risk, noise).all()
    left = ridges < stated.ridge
    assert (risk * noise)[left].min() >= stated.product
    assert (risk * noise)[left].min() == pytest.approx(PRODUCTS[name, n], rel=0.1)
    assert not stated.satisfied(risk[left] / 3.0, noise[left]).all()


@settings(max_examples=200)
@given(st.integers(1, 10), st.integers(0, 200), st.floats(1.0, 50.0), st.floats(-3, 3), st.floats(-6, 3))
def test_the_trade_off_follows_from_the_coordinate_floors(k, more, times, size, exponent):
    """The proof's own route, at any ridge: product of floors >= constant below the threshold, risk above it."""
    n = k + 3 + more
    tail = int(times * n) + 2
    spectrum = spiked(k, 2.0, tail, tail * 2.0 / (1.0 + 10.0**size), signal=3.0)
    stated, ridge = spiked_trade_off(spectrum, n, 0.5), 10.0**exponent
    floors = moment_floors(spectrum, n, ridge, 0.5)
    assert stated.satisfied(floors.bias * (1 + 1e-9), floors.noise_energy)


@pytest.mark.parametrize(("spectrum", "n"), [
    (spiked(5, 1.0, 50, 1.0), 7), (spiked(5, 1.0, 50, 1.0), 51), (isotropic(60), 20),
    (Spectrum([1.0, 0.1], [2, 60], [1.0, 0.1]), 20)])
def test_spectra_beyond_the_hypotheses_are_refused(spectrum, n):
    with pytest.raises(ValueError, match="spiked_trade_off"):
        spiked_trade_off(spectrum, n, 1.0)
