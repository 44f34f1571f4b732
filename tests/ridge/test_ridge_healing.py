"""Where the trade-off vanishes: a tuned ridge with both risks bounded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ridge_bound_cases import kinds

from constructive.ridge.effective import effective_ridge
from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.healing import heal, healing_ceilings
from constructive.ridge.norm_bounds import expected_trace
from constructive.ridge.spectra import isotropic, power_law, spiked


def family(n):
    return spiked(5, 1.0, n**2, float(np.sqrt(n)))


def test_golden_values_of_the_spiked_family():
    found = heal(family(100), 100, 1.0)
    assert found.kappa == pytest.approx(0.46415888336, rel=1e-10)
    assert found.ridge == pytest.approx(0.34852316302, rel=1e-9)
    assert (found.risk, found.energy) == pytest.approx((0.12731173617, 1.0137671041), rel=1e-9)
    risk, energy = healing_ceilings(family(100), 100, 1.0, found.kappa, 5)
    assert (float(risk), float(energy)) == pytest.approx((0.43980117618, 1.9821786340), rel=1e-9)
    later = heal(family(10_000), 10_000, 1.0)
    assert (later.risk, later.energy) == pytest.approx((0.031768775007, 0.89954427257), rel=1e-9)


def test_risks_fall_and_norms_stay_below_the_signal_as_published():
    for n, risk, energy, risk_bound, energy_bound in (
            (100, 0.127, 1.014, 0.440, 1.98), (1000, 0.0608, 0.916, 0.218, 1.64), (10_000, 0.0318, 0.900, 0.132, 1.43),
            (100_000, 0.0164, 0.910, 0.084, 1.29)):
        spectrum = family(n)
        found = heal(spectrum, n, 1.0)
        assert (found.risk, found.energy) == pytest.approx((risk, energy), abs=6e-4)
        stated = healing_ceilings(spectrum, n, 1.0, found.kappa, 5)
        assert (float(stated[0]), float(stated[1])) == pytest.approx((risk_bound, energy_bound), abs=6e-3)
        assert expected_trace(spectrum, n).lower > 0.9 * np.sqrt(n)  # the interpolator's norm grows meanwhile


@settings(max_examples=100)
@given(st.integers(2, 80), st.integers(6, 300), st.sampled_from(["spiked", "logarithmic", "harmonic", "flat"]),
       st.floats(0, 3), st.floats(0.0, 4.0))
def test_no_equivalent_exceeds_its_bound(n, p, kind, grown, noise):
    spectrum = kinds(p)[kind]
    kappa = (effective_ridge(spectrum, n, 0.0) + 1e-3) * 10.0**grown
    shares = spectrum.eigenvalues / (spectrum.eigenvalues + kappa)
    if (shares**2).sum() > n / 2.0:
        with pytest.raises(ValueError, match="pass a larger kappa"):
            heal(spectrum, n, noise, kappa=kappa)
        return
    found = heal(spectrum, n, noise, kappa=kappa)
    assert effective_ridge(spectrum, n, found.ridge) == pytest.approx(kappa, rel=1e-8)
    for heads in range(p + 1):
        risk, energy = healing_ceilings(spectrum, n, noise, kappa, heads)
        assert found.risk <= float(risk) * (1 + 1e-9)
        assert found.energy <= float(energy) * (1 + 1e-9)
    assert found.risk <= found.risk_ceiling * (1 + 1e-9)
    assert found.energy <= found.energy_ceiling * (1 + 1e-9)


def test_a_condition_left_out_breaks_the_bound():
    """With df2 far above n / 2, as at interpolation close to p = n, the bounds are false: they are refused."""
    spectrum, n = isotropic(70), 60
    kappa = effective_ridge(spectrum, n, 1e-4)
    reached = deterministic_equivalent(spectrum, n, 1e-4, 1.0)
    risk, _ = healing_ceilings(spectrum, n, 1.0, kappa, np.arange(71))
    assert float(reached.risk) > risk.min()
    with pytest.raises(ValueError, match="larger kappa"):
        heal(spectrum, n, 1.0, kappa=kappa)


def test_a_kappa_below_that_of_interpolation_is_refused():
    with pytest.raises(ValueError, match=r"kappa=1\.0"):
        heal(isotropic(240), 60, 1.0, kappa=1.0)


def test_no_default_is_made_up_where_none_meets_the_conditions():
    with pytest.raises(ValueError, match="no default kappa"):
        heal(isotropic(1000, eigenvalue=1000.0), 10, 1.0)


def test_many_blocks_are_thinned_out_and_the_bounds_stay_bounds():
    found = heal(power_law(5000, 1.5), 400, 0.5)
    assert found.risk <= found.risk_ceiling
    assert found.energy <= found.energy_ceiling


def test_adversarial_ceiling_is_the_square_of_a_sum_of_roots():
    found = heal(family(100), 100, 1.0)
    stated = (np.sqrt(found.risk_ceiling) + 0.5 * np.sqrt(found.energy_ceiling)) ** 2
    assert found.adversarial_ceiling(0.5) == pytest.approx(stated, rel=1e-14)
