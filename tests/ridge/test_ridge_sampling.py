"""Designs and labels, and the spiked shortcut: the same law as an explicit design, at a cost that p does not enter."""

import numpy as np
import pytest
from ridge_bound_cases import moments

from constructive.ridge.sampling import draw_design, draw_labels, draw_spiked_design, explicit
from constructive.ridge.spectra import Spectrum, isotropic, spiked

SPIKED = spiked(3, 1.0, 30, 3.0, signal=2.0)


def test_explicit_vectors_have_the_blocks_and_their_signal():
    spectrum = Spectrum([2.0, 0.5], [2, 3], [8.0, 3.0])
    values, theta = explicit(spectrum)
    assert values.tolist() == [2.0, 2.0, 0.5, 0.5, 0.5]
    assert theta.tolist() == [2.0, 2.0, 1.0, 1.0, 1.0]


def test_ten_thousand_million_coordinates_are_refused_explicitly():
    with pytest.raises(ValueError, match="draw_spiked_design"):
        explicit(spiked(1, 1.0, 10**10, 1.0))


@pytest.mark.parametrize("law", ["normal", "signs"])
def test_rows_have_the_stated_second_moments(law):
    spectrum, n = Spectrum([4.0, 0.25], [1, 2], [1.0, 0.0]), 4000
    X = draw_design(spectrum, n, 0, law=law)
    values = explicit(spectrum)[0]
    whitened = X / np.sqrt(values)
    assert np.abs(whitened.T @ whitened / n - np.eye(3)).max() < 5 * np.sqrt(2.0 / n)
    assert (law == "signs") == bool((np.abs(X) == np.sqrt(values)).all())


def test_a_seed_repeats_a_design_and_its_labels_and_another_law_is_refused():
    assert (draw_design(SPIKED, 5, 7) == draw_design(SPIKED, 5, 7)).all()
    X, theta = draw_design(SPIKED, 5, 7), explicit(SPIKED)[1]
    assert (draw_labels(X, theta, 0.5, 1) == draw_labels(X, theta, 0.5, 1)).all()
    assert (draw_labels(X, theta, 0.0, 1) == X @ theta).all()
    with pytest.raises(ValueError, match="law='cauchy'"):
        draw_design(SPIKED, 5, 7, law="cauchy")


def test_label_noise_has_the_stated_variance():
    X = np.zeros((5000, 1))
    y = draw_labels(X, [1.0], 0.25, 3)
    assert abs(y.var() - 0.25) < 5 * 0.25 * np.sqrt(2.0 / 5000)


def rebuilt(design, tail):
    """An explicit X of ``tail`` >= n tail columns with the Gram matrices of the design: rotations change no moment."""
    n = len(design.gram)
    return np.hstack([design.front, design.back, np.zeros((n, tail - n))])


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_moments_of_a_draw_are_those_of_an_explicit_design_with_its_gram_matrices(ridge):
    n = 8
    design = draw_spiked_design(SPIKED, n, 5)
    X, values = rebuilt(design, 30), explicit(SPIKED)[0]
    theta = np.r_[np.sqrt(2.0), np.zeros(32)]  # a rotation of the head puts the signal on one coordinate
    stated = np.array(moments(X, values, theta, ridge)) * [1.0, 0.5, 1.0, 0.5]
    found = design.moments(ridge, 0.5)
    assert [float(v) for v in (found.bias, found.variance, found.signal_energy, found.noise_energy)] == pytest.approx(
        stated.tolist(), rel=1e-10)


def test_the_eigenbasis_is_one():
    design = draw_spiked_design(SPIKED, 8, 5)
    gram = design.front @ design.front.T + design.back @ design.back.T
    assert np.abs(gram - np.diag(design.gram)).max() < 1e-13 * design.gram.max()


def test_a_predictor_fitted_with_noise_has_the_risk_and_length_of_its_explicit_twin():
    n, ridge = 8, 0.1
    design = draw_spiked_design(SPIKED, n, 5)
    noise = np.random.default_rng(2).normal(size=n)
    X, theta = rebuilt(design, 30), np.r_[np.sqrt(2.0), np.zeros(32)]
    fitted = X.T @ np.linalg.solve(X @ X.T + n * ridge * np.eye(n), X @ theta + noise)
    risk, energy = design.risks(ridge, noise)
    assert float(energy) == pytest.approx(fitted @ fitted, rel=1e-11)
    assert float(risk) == pytest.approx(explicit(SPIKED)[0] @ (fitted - theta) ** 2, rel=1e-11)


@pytest.mark.parametrize(("draws", "n"), [(600, 6), pytest.param(6000, 20, marks=pytest.mark.slow)])
def test_shortcut_and_explicit_designs_agree_in_all_four_moments(draws, n):
    """Means over independent draws, within 4 standard errors, at ridge 0 and 0.2."""
    spectrum = spiked(3, 2.0, 3 * n + 12, 3.0)
    values, theta = explicit(spectrum)
    rng, ridges = np.random.default_rng(1), [0.0, 0.2]
    fast, slow = [], []
    for _ in range(draws):
        found = draw_spiked_design(spectrum, n, rng).moments(ridges, 1.0)
        fast.append([found.bias, found.variance, found.signal_energy, found.noise_energy])
        X = rng.normal(size=(n, values.size)) * np.sqrt(values)
        slow.append(np.array([moments(X, values, theta, ridge) for ridge in ridges]).T)
    a, b = np.array(fast), np.array(slow)
    error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / draws)
    assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 4.0 * error).all()


def test_the_mean_over_noise_is_the_conditional_moment():
    design, rng = draw_spiked_design(SPIKED, 6, 0), np.random.default_rng(0)
    found = np.array([design.risks(0.05, rng.normal(size=6)) for _ in range(4000)])
    stated = design.moments(0.05, 1.0)
    error = found.std(axis=0) / np.sqrt(4000)
    assert (np.abs(found.mean(axis=0) - [float(stated.risk), float(stated.energy)]) <= 4 * error).all()


def test_hundreds_of_thousands_of_coordinates_are_drawn_from_a_small_matrix():
    design = draw_spiked_design(spiked(5, 1.0, 640_000, np.sqrt(800)), 40, 0)
    assert design.back.shape == (40, 40)
    assert float(design.moments(0.0, 1.0).noise_energy) > 35 / np.sqrt(800)  # the floor (n - k) / s, here by far


def test_other_spectra_are_refused():
    for spectrum, n in ((isotropic(50), 5), (Spectrum([1.0, 0.1], [2, 50], [1.0, 0.1]), 5), (SPIKED, 31)):
        with pytest.raises(ValueError, match="use draw_design"):
            draw_spiked_design(spectrum, n, 0)
