"""The two unknowns against what was published: the five-variable objective, ridge regression, and many digits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from oracles_features import Exact, PaperObjective, relu_moments, ridge_risk, solve_printed

from constructive._kernels import features as kernels
from constructive.features import Prediction, activation, adversarial_asymptotics, zero_radius

CASES = [(2.0, 3.0, 0.5, 0.2), (4.0, 3.0, 0.5, 0.5), (6.0, 2.0, 0.3, 0.3), (1.5, 0.8, 0.2, 0.1), (0.5, 3.0, 1.0, 0.4)]


@pytest.fixture(autouse=True)
def _digits() -> Iterator[None]:
    with mp.workdps(40):
        yield


def mapped(case: tuple[float, ...], found: Prediction) -> tuple[PaperObjective, tuple[mpf, ...]]:
    """Return the published objective with the point (alpha, beta, gamma, tau_q, tau_g) that our solution stands for."""
    width, samples, noise, radius = case
    a, b, _, second, _ = kernels.coefficients(found.kappa, found.q, radius, 0.0)
    published = PaperObjective(width, samples, noise, radius, (found.nu, a / (a + b)))
    kappa, s2 = mpf(found.kappa), mpf(found.standard_risk)
    beta = mp.sqrt(s2 * second / samples) / kappa
    alpha = mp.sqrt(s2 - published.floor)
    return published, (alpha, beta, b / kappa * mpf(found.gradient_norm), a / kappa * alpha, kappa * beta)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_published_objective_is_stationary_at_our_solution(case: tuple[float, ...]) -> None:
    published, point = mapped(case, adversarial_asymptotics(*case))
    slopes = [mp.diff(published, point, tuple(int(i == j) for j in range(5))) for i in range(5)]
    assert max(abs(slope) for slope in slopes) <= 1e-12


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_published_objective_has_our_value_there(case: tuple[float, ...]) -> None:
    found = adversarial_asymptotics(*case)
    published, point = mapped(case, found)
    assert float(published(*point)) == pytest.approx(found.objective, rel=1e-14)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_inner_root_and_the_inner_maximizer_are_ours(case: tuple[float, ...]) -> None:
    found = adversarial_asymptotics(*case)
    published, (alpha, beta, gamma, tau_q, tau_g) = mapped(case, found)
    a, b, *_ = kernels.coefficients(found.kappa, found.q, case[3], 0.0)
    assert float(published.nu(alpha, beta, gamma, tau_g)) == pytest.approx(found.nu, rel=1e-13)
    share = published.share(tau_q / alpha, beta, gamma)
    assert float(share) == pytest.approx(a / (a + b), rel=1e-12)
    best = published.inner(share, tau_q / alpha, beta, gamma)  # a maximum over all of [0, 1), not a local one
    assert all(best >= published.inner(mpf(k) / 64, tau_q / alpha, beta, gamma) for k in range(64))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_published_risk_is_ours(case: tuple[float, ...]) -> None:
    found = adversarial_asymptotics(*case, test_radius=0.35)
    published, (alpha, beta, _, _, tau_g) = mapped(case, found)
    push = 0.35 * beta * mpf(found.nu) / (case[3] * tau_g)
    risk = (1 + push**2 + 2 * mp.sqrt(2 / mp.pi) * push) * (alpha**2 + published.floor)
    assert float(risk) == pytest.approx(found.adversarial_risk, rel=1e-14)


def test_the_published_objective_is_not_stationary_elsewhere() -> None:
    case = CASES[0]
    published, point = mapped(case, adversarial_asymptotics(*case))
    for i in range(5):
        moved = tuple(value * (1 + mpf(10) ** -6 * (i == j)) for j, value in enumerate(point))
        slopes = [mp.diff(published, moved, tuple(int(k == j) for j in range(5))) for k in range(5)]
        assert max(abs(slope) for slope in slopes) > 1e-9


@pytest.mark.parametrize(("case", "risk"), [
    ((2.0, 3.0, 0.5, 0.1), .6911840128), ((4.0, 3.0, 0.3, 0.01), .4928567355), ((1.0, 2.0, 0.5, 0.3), .9410240992),
    ((6.0, 1.5, 0.2, 0.05), .3182650847)], ids=str)
def test_without_adversary_it_is_ridge_regression(case: tuple[float, ...], risk: float) -> None:
    width, samples, noise, ridge = case
    found = adversarial_asymptotics(width, samples, noise, 0.0, ridge).standard_risk
    assert found == pytest.approx(risk, abs=6e-11)
    assert found == pytest.approx(float(ridge_risk(*case, *relu_moments()[:2])), rel=1e-14)


@given(st.floats(0.2, 8.0), st.floats(0.2, 8.0), st.floats(0.0, 2.0), st.floats(0.01, 3.0))
@settings(max_examples=10)
def test_ridge_regression_with_another_activation(width: float, samples: float, noise: float, ridge: float) -> None:
    wave = activation(lambda z: z**3 / 6.0 + z, lambda z: z * z / 2.0 + 1.0)  # linear 3/2, nonlinear 1/6
    found = adversarial_asymptotics(width, samples, noise, 0.0, ridge, activation=wave)
    published = ridge_risk(width, samples, noise, ridge, mpf(9) / 4, mpf(1) / 6)
    assert found.standard_risk == pytest.approx(float(published), rel=1e-12)


def differences(found: Prediction, exact: Exact) -> list[float]:
    """Return the relative errors of kappa, q, s^2, m, risk, objective, |theta|^2 and alignment."""
    pairs = ((found.kappa, exact.kappa), (found.q, exact.q), (found.standard_risk, exact.s2),
             (found.gradient_norm, exact.m), (found.adversarial_risk, exact.risk), (found.objective, exact.objective),
             (found.weight_energy, exact.energy), (found.alignment, exact.alignment))
    return [abs(float(mpf(ours) / theirs - 1)) for ours, theirs in pairs]


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(math.log(low), math.log(high)).map(math.exp)


@given(between(0.03, 316.0), between(0.1, 31.6), between(0.03, 3.2), between(1e-3, 2.0),
       st.one_of(st.just(0.0), between(1e-4, 10.0)))
@settings(max_examples=40)
def test_the_printed_formulas_in_forty_digits_agree(width: float, samples: float, noise: float, radius: float,
                                                   ridge: float) -> None:
    nearness = radius / zero_radius(width, samples, noise)
    assume(nearness < 0.999)
    found = adversarial_asymptotics(width, samples, noise, radius, ridge)
    exact = solve_printed((found.kappa, found.q), width, samples, noise, radius, ridge)
    assert exact.den > 0
    assert max(differences(found, exact)) <= 1e-11
    assert found.fitted == pytest.approx(float(exact.fitted), rel=1e-11)
    # the mean squared residual is what is left of a difference where nearly all points are fitted
    assert found.training_error == pytest.approx(float(exact.error), rel=1e-10, abs=1e-15 * found.standard_risk)


@pytest.mark.parametrize(("case", "error"), [
    ((4.0, 4.0, 0.5, 1e-3, 0.0), 1e-12), ((4.0, 4.0, 0.5, 1e-5, 0.0), 1e-9), ((1e6, 1e5, 0.0, 0.3, 0.0), 1e-12),
    ((1e6, 2.0, 0.5, 0.3, 0.0), 1e-12), ((2.0, 3.0, 0.5, 0.2, 1e8), 1e-12), ((1e-5, 3.0, 0.5, 1e-3, 0.0), 1e-12),
    ((2.0, 1e6, 0.5, 0.2, 0.0), 1e-12), ((3.0, 2.0, 100.0, 0.2, 0.0), 1e-12)], ids=str)
def test_corners_keep_their_digits(case: tuple[float, ...], error: float) -> None:
    found = adversarial_asymptotics(*case)
    assert max(differences(found, solve_printed((found.kappa, found.q), *case))) <= error
