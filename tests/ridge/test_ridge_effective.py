"""The effective ridge: golden values, the proved bracket, its equation in rational arithmetic, its laws."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ridge_spectra_cases import drawn

from constructive._kernels.ridge import fill_effective_ridges
from constructive.ridge.effective import effective_bracket, effective_ridge, effective_ridges
from constructive.ridge.spectra import Spectrum, isotropic, power_law, spiked

GOLDEN = [
    (spiked(10, 1.0, 1990, 20.0), 200, 0.0, 0.0947356484185),
    (spiked(10, 1.0, 1990, 20.0), 200, 0.1, 0.203763109809793),
    (spiked(10, 1.0, 1990, 20.0), 200, 1.0, 1.12559215940),
    (spiked(10, 1.0, 10**10, 10.0), 200, 0.0, 0.0524937800585259),
    (spiked(10, 1.0, 10**10, 10.0), 200, 1e-3, 0.0535410013270651),
    (isotropic(240), 60, 0.0, 3.0),
    (isotropic(30), 60, 0.1, 0.174165738677394),
    (power_law(50, 1.0), 50, 1e-6, 1.98690189203113e-4),
    (power_law(50, 1.0), 50, 1e-10, 1.98036109957586e-6),
    (power_law(50, 1.0), 50, 1e-14, 1.98029574608412e-8),
]


@pytest.mark.parametrize(("spectrum", "n", "ridge", "kappa"), GOLDEN)
def test_golden_values(spectrum: Spectrum, n: int, ridge: float, kappa: float) -> None:
    assert effective_ridge(spectrum, n, ridge) == pytest.approx(kappa, rel=2e-12)


@pytest.mark.parametrize(("ridge", "kappa"), [(0.0, 0.0952370053704), (0.1, 0.204663318704), (1.0, 1.12827457138)])
def test_golden_values_with_the_largest_eigenvalue_counted_once_more(ridge: float, kappa: float) -> None:
    assert effective_ridge(spiked(10, 1.0, 1990, 20.0).enlarged(), 200, ridge) == pytest.approx(kappa, rel=1e-11)


def test_the_equation_holds_in_rational_arithmetic_where_the_matrix_is_nearly_singular() -> None:
    spectrum, ridge = power_law(50, 1.0), 1e-14
    kappa = effective_ridge(spectrum, 50, ridge)

    def left(k: Fraction) -> Fraction:
        return k * (1 - sum(Fraction(float(v)) / (Fraction(float(v)) + k) for v in spectrum.eigenvalues) / 50)

    slack = Fraction(1, 10**14)
    assert left(Fraction(kappa) * (1 - slack)) < Fraction(ridge) < left(Fraction(kappa) * (1 + slack))


def bisected(spectrum: Spectrum, n: int, ridge: float) -> float:
    """Return the root by bisection in rational arithmetic, from 0 (left of it) and the mean eigenvalue (right)."""
    values, counts = ([Fraction(float(v)) for v in array] for array in (spectrum.eigenvalues, spectrum.multiplicities))

    def left(k: Fraction) -> Fraction:
        return k * (1 - sum(c * v / (v + k) for c, v in zip(counts, values, strict=True)) / n) - Fraction(ridge)

    low, high = Fraction(0), Fraction(sum(c * v for c, v in zip(counts, values, strict=True))) / n + Fraction(ridge)
    while high - low > high / 2**50:
        middle = Fraction(float((low + high) / 2))
        low, high = (low, middle) if left(middle) > 0 else (middle, high)
    return float(high)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_kernel_finds_what_bisection_in_rational_arithmetic_finds(compiled: bool) -> None:
    fill = fill_effective_ridges if compiled else getattr(fill_effective_ridges, "py_func", fill_effective_ridges)
    for seed in range(12):
        spectrum, n, ridge = drawn(seed)
        few = Spectrum(spectrum.eigenvalues[:6], spectrum.multiplicities[:6], spectrum.signal[:6])
        if ridge == 0.0 and few.dimension <= n:
            continue
        start, out = effective_bracket(few, n, np.array([ridge]))[1], np.empty(1)
        fill(few.eigenvalues, few.multiplicities, float(n), np.array([ridge]), start, out)
        assert out[0] == pytest.approx(bisected(few, n, ridge), rel=1e-12)


def test_a_penalty_that_is_not_multiplied_by_n_is_another_ridge() -> None:
    spectrum, n = power_law(200, 1.0), 50  # a planted fault: the unscaled penalty in place of n times the ridge
    kappa, faulty = effective_ridge(spectrum, n, 0.1), effective_ridge(spectrum, n, 0.1 / n)
    df1 = [float((spectrum.eigenvalues / (spectrum.eigenvalues + k)).sum()) for k in (kappa, faulty)]
    assert abs(kappa * (1.0 - df1[0] / n) - 0.1) < 1e-12
    assert abs(faulty * (1.0 - df1[1] / n) - 0.1) > 0.09


@given(st.integers(0, 10**6))
def test_the_root_lies_in_the_bracket_and_solves_the_equation(seed: int) -> None:
    spectrum, n, ridge = drawn(seed)
    kappa = effective_ridge(spectrum, n, ridge)
    lower, upper = effective_bracket(spectrum, n, ridge)
    assert lower * (1.0 - 1e-9) <= kappa <= upper * (1.0 + 1e-9)
    df1 = float((spectrum.multiplicities * spectrum.eigenvalues / (spectrum.eigenvalues + kappa)).sum())
    assert abs(kappa * (1.0 - df1 / n) - ridge) <= 1e-10 * max(kappa, 1.0)


@given(st.integers(0, 10**6), st.floats(1.001, 10.0))
def test_the_root_increases_with_the_ridge(seed: int, factor: float) -> None:
    spectrum, n, ridge = drawn(seed)
    small, large = effective_ridges(spectrum, n, [ridge, factor * ridge + 1e-6])
    assert small < large


@given(st.integers(0, 10**6))
def test_blocks_mean_the_same_as_their_eigenvalues_one_by_one(seed: int) -> None:
    spectrum, n, ridge = drawn(3 * seed + 1)
    every = np.repeat(spectrum.eigenvalues, spectrum.multiplicities.astype(int))
    apart = Spectrum.of(every, np.zeros(every.size))
    assert effective_ridge(apart, n, ridge) == pytest.approx(effective_ridge(spectrum, n, ridge), rel=1e-9, abs=1e-15)
    k = np.arange(0, min(n, every.size + 1))
    s = np.append(np.cumsum(every[::-1])[::-1], 0.0)
    assert effective_bracket(spectrum, n, ridge)[1] == pytest.approx(((s[k] + n * ridge) / (n - k)).min(), rel=1e-12)
    m = np.arange(1, every.size + 1)
    least = ridge + (every * np.maximum(m - n, 0)).max() / n
    assert effective_bracket(spectrum, n, ridge)[0] == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("p", [1, 49, 50])
def test_without_ridge_and_with_no_more_directions_than_data_it_is_zero(p: int) -> None:
    assert effective_ridge(power_law(p, 1.0), 50, 0.0) == 0.0


def test_close_to_as_many_directions_as_data_it_still_converges() -> None:
    kappa = effective_ridge(power_law(194, 1.0), 186, 1e-12)
    v = power_law(194, 1.0).eigenvalues
    assert kappa * (1.0 - (v / (v + kappa)).sum() / 186) == pytest.approx(1e-12, abs=1e-16)


@pytest.mark.parametrize("ridge", [1e-20, 1e-100, 1e-300])
def test_a_vanishing_ridge_with_as_many_directions_as_data_is_reached(ridge: float) -> None:
    spectrum = power_law(50, 1.0)  # (kappa / n) sum_j kappa / lambda_j = ridge, to first order in kappa
    assert effective_ridge(spectrum, 50, ridge) == pytest.approx(np.sqrt(50 * ridge / spectrum.trace(-1.0)), rel=1e-8)


@given(st.integers(1, 20), st.integers(1, 60), st.floats(0.05, 1.0), st.floats(1e-3, 3.0), st.integers(1, 40))
def test_two_blocks_solve_a_cubic(heads: int, tail: int, small: float, ridge: float, n: int) -> None:
    kappa = effective_ridge(spiked(heads, 1.0, tail, small * tail), n, ridge)
    # k x (tau + x) + q tau x (1 + x) = n (x - ridge) (1 + x) (tau + x), head eigenvalue 1
    sides = np.polysub(np.polymul([1.0, -ridge], np.polymul([1.0, 1.0], [1.0, small])) * n,
                       np.polyadd(heads * np.array([1.0, small, 0.0]), tail * small * np.array([1.0, 1.0, 0.0])))
    roots = np.roots(sides)
    positive = roots[(np.abs(roots.imag) < 1e-9) & (roots.real > 0.0)].real
    assert positive.size == 1
    assert kappa == pytest.approx(positive[0], rel=1e-7)


def test_shapes_are_kept() -> None:
    assert effective_ridges(isotropic(9), 3, np.ones((2, 1, 3))).shape == (2, 1, 3)
    assert isinstance(effective_ridge(isotropic(9), 3, 1.0), float)


@pytest.mark.parametrize("ridge", [-1.0, np.nan, np.inf, []])
def test_ridges_that_are_not_finite_and_nonnegative_are_refused(ridge: object) -> None:
    with pytest.raises(ValueError, match="ridge="):
        effective_ridges(isotropic(9), 3, ridge)


def test_ridges_whose_squares_overflow_are_refused() -> None:
    assert effective_ridge(isotropic(9), 3, 2.0**480) == 2.0**480
    with pytest.raises(ValueError, match=r"ridge=1e\+200 must be <= 2\^480"):
        effective_ridge(isotropic(9), 3, 1e200)


def test_no_data_are_refused() -> None:
    with pytest.raises(ValueError, match="n=0 must be >= 1"):
        effective_ridge(isotropic(9), 0, 1.0)
