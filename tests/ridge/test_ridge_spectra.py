"""Spectra with multiplicities: tails and ranks against plain sums, families, what is refused."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ridge_spectra_cases import drawn

from constructive.ridge.spectra import (
    Spectrum,
    benign_index,
    effective_ranks,
    isotropic,
    logarithmic,
    power_law,
    spiked,
)


def every(spectrum: Spectrum) -> np.ndarray:
    return np.repeat(spectrum.eigenvalues, spectrum.multiplicities.astype(int))


@given(st.integers(0, 10**6))
def test_tails_are_plain_sums(seed: int) -> None:
    spectrum = drawn(3 * seed + 1)[0]
    values = every(spectrum)
    k = np.unique(np.random.default_rng(seed).integers(0, values.size + 1, 10))
    s, q = spectrum.tail(k)
    for i, start in enumerate(k):
        assert s[i] == pytest.approx(math.fsum(values[start:]), rel=1e-13)
        assert q[i] == pytest.approx(math.fsum(values[start:] ** 2), rel=1e-13)
    assert spectrum.following(k[k < values.size]).tolist() == values[k[k < values.size]].tolist()


def test_tails_of_dyadic_spectra_are_exact() -> None:
    spectrum = Spectrum(0.5 ** np.arange(20), np.full(20, 3.0), np.zeros(20))
    values = [Fraction(float(v)) for v in every(spectrum)]
    s, q = spectrum.tail(np.arange(61))
    assert s.tolist() == [float(sum(values[k:], Fraction(0))) for k in range(61)]
    assert q.tolist() == [float(sum((v * v for v in values[k:]), Fraction(0))) for k in range(61)]


@given(st.integers(0, 10**6))
def test_ranks_lie_between_one_another(seed: int) -> None:
    spectrum = drawn(seed)[0]
    k = np.unique(np.append(0.0, spectrum.ends[:-1]))
    small, large = effective_ranks(spectrum, k)
    assert (small >= 1.0 - 1e-12).all()
    assert (small <= large * (1.0 + 1e-12)).all()
    assert (large <= small**2 * (1.0 + 1e-12)).all()


@given(st.integers(0, 10**6), st.floats(0.1, 10.0))
def test_the_benign_index_is_the_least_of_all(seed: int, constant: float) -> None:
    spectrum, n, _ = drawn(3 * seed + 1)
    values = every(spectrum)
    ranks = effective_ranks(spectrum, np.arange(values.size))[0]
    least = np.flatnonzero(ranks >= constant * n)
    assert benign_index(spectrum, n, constant) == (least[0] if least.size else None)


def test_traces_and_signals() -> None:
    spectrum = Spectrum([2.0, 0.5], [1, 4], [3.0, 1.0], 0.5)
    assert (spectrum.trace(), spectrum.trace(2), spectrum.trace(-1)) == (4.0, 5.0, 8.5)
    assert (spectrum.signal_norm, spectrum.signal_variance, spectrum.largest) == (4.5, 6.5, 2.0)
    assert spectrum.enlarged().multiplicities.tolist() == [2.0, 4.0]
    assert spectrum.enlarged().signal_norm == spectrum.signal_norm


def test_ten_billion_eigenvalues_are_counted_one_by_one() -> None:
    spectrum = spiked(10, 1.0, 10**10, 10.0)
    assert spectrum.dimension == 10**10 + 10
    s, q = spectrum.tail([10, 11, 10**10 + 9])
    assert s == pytest.approx([10.0, 10.0 - 1e-9, 1e-9], rel=1e-15)
    assert q == pytest.approx([1e-8, 1e-8, 1e-18], rel=1e-9)
    assert benign_index(spectrum, 200) == 10


def test_families() -> None:
    assert power_law(5, 1.0).eigenvalues.tolist() == [1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    assert power_law(50, 1.0, signal_exponent=2.0, signal=3.0).signal_norm == pytest.approx(3.0)
    assert power_law(3, 1.0, signal_exponent=1.0, signal=None).signal.tolist() == [1.0, 1 / 2, 1 / 3]
    assert logarithmic(10).eigenvalues[1] == pytest.approx(0.5 / math.log(2.0 + math.e) ** 1.5)
    assert isotropic(7, 2.0, 5.0).signal_variance == 10.0
    benign = spiked(5, 1.0, 2500, math.sqrt(50.0))
    assert benign.trace() == pytest.approx(5.0 + math.sqrt(50.0))
    assert benign.signal.tolist() == [1.0, 0.0]


def test_explicit_vectors_are_sorted_and_zeros_left_out() -> None:
    spectrum = Spectrum.of([0.5, 0.0, 2.0], [1.0, 4.0, 3.0])
    assert spectrum.eigenvalues.tolist() == [2.0, 0.5]
    assert spectrum.signal.tolist() == [9.0, 1.0]
    assert spectrum.unseen == 16.0
    assert spectrum.signal_norm == 26.0


@given(st.integers(0, 10**6))
def test_a_covariance_is_read_in_its_own_basis(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, theta = rng.normal(size=(4, 6)), rng.normal(size=6)
    covariance = X.T @ X / 4.0
    spectrum = Spectrum.of_covariance(covariance, theta)
    assert spectrum.dimension == 4.0
    assert spectrum.trace() == pytest.approx(np.trace(covariance), rel=1e-12)
    assert spectrum.signal_norm == pytest.approx(theta @ theta, rel=1e-12)
    assert spectrum.signal_variance == pytest.approx(theta @ covariance @ theta, rel=1e-11)


def test_arrays_are_copies_that_cannot_be_written() -> None:
    values = np.array([2.0, 1.0])
    spectrum = Spectrum(values, np.ones(2), np.ones(2))
    values[0] = 5.0
    assert spectrum.largest == 2.0
    with pytest.raises(ValueError, match="read-only"):
        spectrum.eigenvalues[0] = 1.0


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Spectrum([1.0, 2.0], [1, 1], [0, 0]), "must not increase, got 1 before 2"),
    (lambda: Spectrum([1.0, 0.0], [1, 1], [0, 0]), r"eigenvalues\[1\]=0 must be > 0"),
    (lambda: Spectrum([1.0], [1.5], [0]), r"multiplicities\[0\]=1.5 must be a whole number"),
    (lambda: Spectrum([1.0], [0], [0]), r"multiplicities\[0\]=0 must be a whole number"),
    (lambda: Spectrum([1.0], [1], [-1.0]), r"signal\[0\]=-1 is a sum of squares"),
    (lambda: Spectrum([1.0], [1, 2], [0.0]), "multiplicities has 2 entries, expected 1"),
    (lambda: Spectrum([[1.0]], [1], [0.0]), "eigenvalues must be a vector"),
    (lambda: Spectrum([1.0, 1e-200], [1, 1], [0.0, 0.0]), r"eigenvalues\[1\]=1e-200 must lie between"),
    (lambda: isotropic(3, 1e200), r"eigenvalues\[0\]=1e\+200 must lie between"),
    (lambda: Spectrum([np.nan], [1], [0.0]), "is not finite"),
    (lambda: Spectrum.of([1.0, -1.0], [1.0, 1.0]), r"eigenvalues\[1\]=-1 must be >= 0"),
    (lambda: Spectrum.of([0.0], [1.0]), "all eigenvalues are 0"),
    (lambda: Spectrum.of([1.0], [1.0, 2.0]), "theta has 2 entries, expected 1"),
    (lambda: Spectrum.of_covariance([[0.0, 1.0], [1.0, 0.0]], [1.0, 1.0]), "negative eigenvalue"),
    (lambda: Spectrum.of_covariance([[1.0, 0.5], [0.0, 1.0]], [1.0, 1.0]), "must be symmetric"),
    (lambda: spiked(2, 1.0, 2, 4.0), "must be <= head"),
    (lambda: isotropic(3).tail(4), "whole numbers from 0 to 3"),
    (lambda: isotropic(3).tail(0.5), "whole numbers from 0 to 3"),
    (lambda: isotropic(3).following(3), "whole numbers from 0 to 2"),
    (lambda: power_law(0, 1.0), "p=0 must be >= 1"),
])
def test_what_is_no_spectrum_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
