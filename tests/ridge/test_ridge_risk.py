"""Adversarial risk: golden values, the sandwich, worst perturbations found by search, other norms, infinities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.ridge.risk import adversarial_bounds, adversarial_risk, dual_norm

NUMBERS = st.one_of(st.just(0.0), st.floats(1e-30, 1e6))
ROUNDING = 8 * np.finfo(np.float64).eps  # fewer than eight operations in each of the formulas compared


@pytest.mark.parametrize(("risk", "energy", "radius", "noise", "stated"), [
    (.25, 4.0, .5, 0.0, 2.0478845609), (.04, 9.0, .1, 0.0, .22574614730),
    (.25, 4.0, .5, .5, 3.1319765979), (.04, 9.0, .1, .5, .98179380857),
])
def test_golden_values(risk: float, energy: float, radius: float, noise: float, stated: float) -> None:
    assert adversarial_risk(risk, energy, radius, noise) == pytest.approx(stated, rel=2e-10)


@given(NUMBERS, NUMBERS, st.floats(0.0, 100.0))
def test_the_closed_form_lies_in_the_sandwich(risk: float, energy: float, radius: float) -> None:
    value = adversarial_risk(risk, energy, radius)
    lower, upper = adversarial_bounds(risk, energy, radius)
    closer, same = adversarial_bounds(risk, energy, radius, gaussian=True)
    assert lower <= value <= upper <= 2.0 * lower * (1.0 + ROUNDING)
    assert lower <= closer <= value * (1.0 + ROUNDING)
    assert same == upper


def test_the_closed_form_is_the_mean_over_gaussian_points_of_the_worst_perturbation() -> None:
    rng = np.random.default_rng(0)
    theta, truth, deviation = rng.normal(size=40), rng.normal(size=40) / 6.0, rng.uniform(0.1, 1.0, 40)
    gap = (rng.normal(size=(200_000, 40)) * deviation) @ (theta - truth)
    risk = float((deviation**2 * (theta - truth) ** 2).sum())
    for norm in (1.0, 2.0, 3.0, math.inf):
        length = dual_norm(theta, norm)
        samples = (np.abs(gap) + 0.3 * length) ** 2
        slack = 5.0 * samples.std() / math.sqrt(samples.size)
        assert abs(samples.mean() - adversarial_risk(risk, length**2, 0.3)) < slack


@given(st.integers(0, 10**6), st.sampled_from([1.0, 1.5, 2.0, 4.0, math.inf]))
def test_the_dual_norm_is_attained_and_never_passed(seed: int, norm: float) -> None:
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=5)
    d = rng.normal(size=(200, 5))
    d /= np.linalg.norm(d, ord=norm, axis=1)[:, None]
    length = dual_norm(theta, norm)
    assert (d @ theta).max() <= length * (1.0 + 1e-12)
    if norm == 1.0:
        best = np.where(np.abs(theta) == np.abs(theta).max(), np.sign(theta), 0.0)
    elif norm == math.inf:
        best = np.sign(theta)
    else:
        best = np.sign(theta) * np.abs(theta) ** (1.0 / (norm - 1.0))
    assert best @ theta / np.linalg.norm(best, ord=norm) == pytest.approx(length, rel=1e-12)


@given(st.integers(0, 10**6), st.sampled_from([2.0, 3.0, math.inf]))
def test_for_attacks_from_l2_upwards_the_dual_norm_is_at_least_the_length(seed: int, norm: float) -> None:
    theta = np.random.default_rng(seed).normal(size=7)
    assert dual_norm(theta, norm) >= dual_norm(theta) * (1.0 - 1e-15)


@pytest.mark.parametrize(("norm", "known"), [
    (1.0 + 1e-9, 0.5), (2.0, 0.625), (4.0, (0.5 ** (4 / 3) + 0.375 ** (4 / 3)) ** 0.75), (math.inf, 0.875)])
@pytest.mark.parametrize("scale", [2.0**-700, 1.0, 2.0**700])
def test_dual_norms_neither_vanish_nor_overflow(norm: float, known: float, scale: float) -> None:
    theta = np.array([0.5, -0.375])
    assert dual_norm(scale * theta, norm) == pytest.approx(scale * known, rel=1e-8)
    assert dual_norm(np.zeros((2, 3)), norm).tolist() == [0.0, 0.0]


def test_without_attack_only_the_risk_counts_even_if_the_length_is_infinite() -> None:
    assert adversarial_risk(0.5, np.inf, 0.0) == 0.5
    assert adversarial_risk(0.0, np.inf, 0.1) == np.inf
    assert adversarial_risk(np.inf, 0.0, 0.1) == np.inf
    assert adversarial_bounds(0.0, np.inf, 0.1) == (np.inf, np.inf)


def test_the_zero_predictor_is_moved_by_no_attack() -> None:
    assert adversarial_risk(0.5, 0.0, 3.0) == 0.5


def test_arguments_are_broadcast() -> None:
    assert adversarial_risk(np.ones((3, 1)), np.ones(4), 0.5).shape == (3, 4)


@pytest.mark.parametrize(("arguments", "message"), [
    ((-1.0, 1.0, 1.0), "risk must be >= 0"), ((1.0, np.nan, 1.0), "energy must be >= 0"),
    ((1.0, 1.0, np.inf), "must be finite"), ((1.0, 1.0, 1.0, -0.5), "label_noise must be >= 0"),
])
def test_what_is_no_square_is_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adversarial_risk(*arguments)


def test_norms_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="must be >= 1"):
        dual_norm([1.0], 0.5)
