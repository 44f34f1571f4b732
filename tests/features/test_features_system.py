"""The parts of the two-scalar system: spectral means, coefficients, the two roots, and both ways to run the kernels."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from oracles_features import printed_means, solve_printed, spectrum
from scipy.integrate import quad

from constructive._kernels import features as kernels
from constructive.features import Activation, adversarial_asymptotics, relu
from constructive.features.prediction import solve_system
from constructive.features.system import System, random_features, threshold


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(math.log(low), math.log(high)).map(math.exp)


def system(width: float = 2.0, samples: float = 3.0, noise: float = 0.5, radius: float = 0.2,
           ridge: float = 0.0, signal: float = 1.0) -> System:
    return random_features(width, samples, noise, radius, ridge, None, signal, "test")


# -- spectral means --------------------------------------------------------------------------------------------------

@given(between(1e-6, 1e8), between(1e-8, 1e14))
@example(2.0, 1e12)
def test_closed_means_keep_their_digits(width: float, z: float) -> None:
    assume(abs(width - 1.0) > 1e-3 or z > 1e-3)  # next to both the answer itself depends on the last digits
    m1, m2, t1, t2, t3, u1, u2, u3, u0 = kernels.spectral_means(z, system(width, signal=3.0))
    with mp.workdps(60):
        exact = printed_means(mpf(z), mpf(width))
        power = 9 * mpf(width)
        # z^2 times the mean of 1 / (l + z)^2 over the d x d matrix, with the other number of zeros
        least = mpf(z) ** 2 * power * exact[1] + 9 * (1 - mpf(width))
        expected = [float(v) for v in (*exact, power * exact[2], power * exact[3], power * exact[4], least)]
    assert [m1, m2, t1, t2, t3, u1, u2, u3, u0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("width", [0.1, 0.7, 1.0, 1.3, 5.0])
@pytest.mark.parametrize("z", [0.02, 0.3, 4.0])
def test_closed_means_are_integrals_over_the_law(width: float, z: float) -> None:
    nodes, weights = spectrum(width, 4000)
    inverse = 1.0 / (nodes + z)
    expected = [weights @ f for f in (inverse, inverse**2, nodes * inverse, nodes * inverse**2, (nodes * inverse) ** 2)]
    assert list(kernels.spectral_means(z, system(width))[:5]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_closed_means_are_those_of_a_large_random_matrix(width: float) -> None:
    rng, d = np.random.default_rng(5), 400
    rows = rng.normal(size=(int(width * d), d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(rows @ rows.T)
    for z in (0.1, 1.0):
        inverse = 1.0 / (values + z)
        share = values * inverse
        found = [f.mean() for f in (inverse, inverse**2, share, share * inverse, share**2)]
        assert found == pytest.approx(list(kernels.spectral_means(z, system(width))[:5]), rel=0.02)


def from_matrix(rows: np.ndarray, beta: np.ndarray, base: System) -> System:
    """Return the system of a given matrix of rows and given coefficients."""
    n_features, d = rows.shape
    _, singular, right = np.linalg.svd(rows, full_matrices=True)
    values = np.zeros(max(n_features, d))
    values[:singular.size] = singular**2
    traces = np.r_[np.full(n_features, 1.0 / n_features), np.zeros(max(d - n_features, 0))]
    signals = np.r_[(right @ beta) ** 2, np.zeros(max(n_features - d, 0))]
    return base._replace(nodes=values, traces=traces, signals=signals)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (6, 6)])
def test_sums_over_nodes_are_those_of_the_matrices(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    rows, beta = rng.normal(size=shape), rng.normal(size=shape[1])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    base = system(shape[0] / shape[1], 2.0, 0.5, 0.3, 0.1, float(np.linalg.norm(beta)))
    a, b, z, second = 0.7, 0.4, 0.2, 0.3
    gram, unit, kind = rows @ rows.T, np.eye(shape[0]), relu()
    seen, slopes = 0.25 * gram + kind.nonlinear * unit, 0.25 * gram + 0.25 * unit
    solved = np.linalg.inv(a * seen + b * slopes + z * unit)
    theta = 0.5 * a * solved @ rows @ beta
    num, _, pm, pb, tm, tb, along = kernels.energies(a, b, z, second, a - second, 0.0, from_matrix(rows, beta, base))
    misfit = beta - 0.5 * rows.T @ theta
    assert num == pytest.approx(0.25 + misfit @ misfit + kind.nonlinear * theta @ theta, rel=1e-12)
    assert pm == pytest.approx(theta @ slopes @ theta, rel=1e-12)
    assert tm == pytest.approx(theta @ theta, rel=1e-12)
    assert along == pytest.approx(0.5 * beta @ rows.T @ theta, rel=1e-12)
    scale = second * base.ratio / shape[0]
    assert pb == pytest.approx(scale * np.trace(seen @ solved @ slopes @ solved), rel=1e-12)
    assert tb == pytest.approx(scale * np.trace(seen @ solved @ solved), rel=1e-12)


def test_nodes_of_the_law_give_the_predictions_of_the_law() -> None:
    nodes, weights = spectrum(2.0, 4000)
    # width times the traces is the law of the d x d matrix, but for its zeros
    signals = 2.0 * weights
    signals[0] -= 1.0
    closed = system(ridge=0.05)
    summed = closed._replace(nodes=nodes, traces=weights, signals=signals)
    assert threshold(summed) == pytest.approx(threshold(closed), rel=1e-12)
    one, two = solve_system(closed, 0.4), solve_system(summed, 0.4)
    for name in ("standard_risk", "adversarial_risk", "objective", "weight_energy", "alignment", "kappa", "q"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-12)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_the_threshold_of_linear_features_is_the_limit_of_nearly_linear_ones(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(7)
    rows, beta = rng.normal(size=shape), rng.normal(size=shape[1])
    base = from_matrix(rows, beta, system(signal=float(np.linalg.norm(beta)))._replace(nonlinear=0.0, excess=0.0))
    assert threshold(base) == pytest.approx(threshold(base._replace(excess=1e-13)), rel=1e-9)
    closed = base._replace(nodes=np.zeros(0), width=shape[0] / shape[1])
    assert threshold(closed) == pytest.approx(threshold(closed._replace(excess=1e-13)), rel=1e-9)


# -- coefficients ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("nu", [1e-8, 1e-3, 0.5, 0.999, 1.001, 3.0, 30.0])
def test_the_central_second_moment_keeps_its_digits(nu: float) -> None:
    with mp.workdps(50):
        exact = mp.erf(mpf(nu) / mp.sqrt(2)) - 2 * mpf(nu) * mp.exp(-mpf(nu) ** 2 / 2) / mp.sqrt(2 * mp.pi)
        assert kernels.central_square(nu) == pytest.approx(float(exact), rel=2e-15)


@given(between(1e-3, 1e3), between(1e-3, 30.0), between(0.01, 2.0))
@settings(max_examples=40)
def test_coefficients_are_gaussian_means_of_the_residual_steps(kappa: float, q: float, radius: float) -> None:
    k, nu = kappa / (1.0 + kappa), kappa * q

    def mean(function: object) -> float:
        def integrand(g: float) -> float:
            return 2.0 * function(g) * math.exp(-0.5 * g * g) / math.sqrt(2.0 * math.pi)  # type: ignore[operator]
        edges = sorted({0.0, min(nu, 40.0), min(nu + 1.0, 40.0), 2.0, 6.0, 40.0})
        return math.fsum(quad(integrand, low, high, epsabs=0.0, epsrel=1e-12, limit=200)[0]
                         for low, high in zip(edges, edges[1:], strict=False))

    def step(g: float) -> float:
        return min(g, k * (g + q))

    a, b, z, second, gap = kernels.coefficients(kappa, q, radius, 0.3)
    assert z == 0.3 * kappa
    assert a == pytest.approx(mean(lambda g: g * step(g)), rel=1e-9)
    assert second == pytest.approx(mean(lambda g: step(g) ** 2), rel=1e-9)
    assert gap == pytest.approx(mean(lambda g: step(g) * (g - step(g))), rel=1e-7, abs=1e-14)
    # B is kappa radius^2 E(|residual| + radius m) / (radius m) in units of s, the residual (g - nu)_+ / (1 + kappa)
    excess = mean(lambda g: max(g - nu, 0.0)) / (1.0 + kappa)
    assert b == pytest.approx(kappa * radius**2 * (excess + q) / q, rel=1e-9)
    assert a >= second


# -- the two roots ---------------------------------------------------------------------------------------------------

@given(between(1e-3, 1e4), between(1e-2, 1e3), between(0.05, 5.0), between(1e-3, 3.0),
       st.one_of(st.just(0.0), between(1e-4, 10.0)), between(1e-4, 10.0))
def test_the_first_unknown_is_unique_and_the_denominator_positive_on_its_curve(
        width: float, samples: float, noise: float, radius: float, ridge: float, q: float) -> None:
    here = system(width, samples, noise, radius, ridge)
    log_kappa = kernels.solve_kappa(q, 0.0, here)
    signs = [kernels.excess_trace(log_kappa + move, q, here) for move in (-10.0, -1.0, -1e-6, 1e-6, 1.0, 10.0)]
    assert [value > 0.0 for value in signs] == [True, True, True, False, False, False]
    a, b, z, second, gap = kernels.coefficients(math.exp(log_kappa), q, radius, ridge)
    num, den, *_ = kernels.energies(a, b, z, second, gap, 0.0, here)
    assert num > 0.0
    assert den > 0.0
    # on that curve the sum of positive terms is 1 - b (N / n) E[L^2 / D^2]
    scale = (a + b) * here.linear
    _, m2, _, t2, t3, *_ = kernels.spectral_means((a * here.nonlinear + b * here.excess + z) / scale, here)
    squared = here.ratio * (here.linear**2 * t3 + 2.0 * here.linear * here.nonlinear * t2
                            + here.nonlinear**2 * m2) / scale**2
    assert den == pytest.approx(1.0 - second * squared, abs=1e-11)


@given(between(0.03, 300.0), between(0.1, 30.0), between(0.05, 3.0), between(1e-3, 2.0),
       st.one_of(st.just(0.0), between(1e-4, 10.0)))
@settings(max_examples=40)
def test_the_second_unknown_is_unique(width: float, samples: float, noise: float, radius: float, ridge: float) -> None:
    here = system(width, samples, noise, radius, ridge)
    values = [kernels.excess_slope(log_q, kernels.solve_kappa(math.exp(log_q), 0.0, here), here)
              for log_q in (-60.0, *np.linspace(-12.0, 12.0, 25).tolist())]
    assert all(later < earlier + 1e-9 for earlier, later in zip(values, values[1:], strict=False))
    assert values[-1] < 0.0
    # at the other end it tends to twice the logarithm of threshold / radius: a root is there below the threshold only
    assert values[0] == pytest.approx(2.0 * math.log(threshold(here) / radius), abs=1e-10)


@given(between(0.03, 300.0), between(0.1, 30.0), between(0.05, 3.0), between(1e-3, 2.0),
       st.one_of(st.just(0.0), between(1e-4, 10.0)))
def test_both_equations_hold_at_the_solution(width: float, samples: float, noise: float, radius: float,
                                            ridge: float) -> None:
    here = system(width, samples, noise, radius, ridge)
    assume(radius < 0.999 * threshold(here))
    kappa, q = kernels.solve(here)
    found = solve_system(here, 0.0)
    a, b, z, _, _ = kernels.coefficients(kappa, q, radius, ridge)
    assert kernels.traces(a, b, z, here)[0] == pytest.approx(1.0, abs=1e-11)
    assert q == pytest.approx(radius * found.gradient_norm / math.sqrt(found.standard_risk), rel=1e-11)


@given(between(1e-6, 1e8), between(1e-4, 1e6), st.one_of(st.just(0.0), between(1e-3, 100.0)), between(1e-6, 10.0),
       st.one_of(st.just(0.0), between(1e-6, 1e4)), st.floats(0.05, 2.0), between(1e-4, 10.0), st.floats(2.0, 20.0))
@settings(max_examples=200)
def test_extreme_problems_are_solved(width: float, samples: float, noise: float, radius: float, ridge: float,
                                    linear: float, nonlinear: float, factor: float) -> None:
    kind = Activation("drawn", np.tanh, np.cos, 0.0, linear, nonlinear, factor * nonlinear)
    found = adversarial_asymptotics(width, samples, noise, radius, ridge, activation=kind)
    assert found.zero or found.gradient_norm > 0.0
    for name in ("standard_risk", "adversarial_risk", "objective", "weight_energy", "training_error", "alignment"):
        assert math.isfinite(getattr(found, name))
        assert getattr(found, name) >= 0.0


@pytest.mark.slow
def test_many_extreme_problems_keep_ten_digits() -> None:
    rng = np.random.default_rng(20)
    worst = 0.0
    for _ in range(1500):
        width, samples = np.exp(rng.uniform(np.log([1e-6, 1e-4]), np.log([1e8, 1e6]))).tolist()
        noise = float(rng.choice([0.0, math.exp(rng.uniform(math.log(1e-3), math.log(100.0)))]))
        radius = math.exp(rng.uniform(math.log(1e-6), math.log(10.0)))
        ridge = float(rng.choice([0.0, math.exp(rng.uniform(math.log(1e-6), math.log(1e4)))]))
        here = system(width, samples, noise, radius, ridge)
        if radius > 0.99 * threshold(here) or abs(width / samples - 1.0) < 0.01:
            continue
        found = solve_system(here, radius)
        with mp.workdps(60):
            exact = solve_printed((found.kappa, found.q), width, samples, noise, radius, ridge)
            for ours, theirs in ((found.standard_risk, exact.s2), (found.gradient_norm, exact.m),
                                 (found.objective, exact.objective), (found.weight_energy, exact.energy)):
                worst = max(worst, abs(float(mpf(ours) / theirs - 1)))
    assert worst < 1e-10


def test_golden_denominator_and_golden_end_of_the_second_equation() -> None:
    here = system(1.0, 1.0, 0.5, 0.3)
    kappa, q = kernels.solve(here)
    a, b, z, second, gap = kernels.coefficients(kappa, q, 0.3, 0.0)
    assert kernels.energies(a, b, z, second, gap, 0.0, here)[1] == pytest.approx(.526181237494, rel=1e-11)
    assert 2.0 * math.log(threshold(system()) / 0.2) == pytest.approx(3.4903629, abs=6e-8)


# -- the search ------------------------------------------------------------------------------------------------------

def search(function: object, start: float) -> tuple[float, int, bool]:
    state = np.empty(kernels.COUNT + 1)
    kernels.begin(state, start)
    while state[kernels.PHASE] < kernels.FOUND:
        kernels.report(state, function(state[kernels.NEXT]))  # type: ignore[operator]
    return float(state[kernels.HERE]), int(state[kernels.COUNT]), bool(state[kernels.PHASE] == kernels.FOUND)


@given(st.floats(-50.0, 50.0), st.floats(-50.0, 50.0))
def test_the_search_finds_roots_of_decreasing_functions(root: float, start: float) -> None:
    for function in (lambda x: root - x, lambda x: root**3 - x**3, lambda x: math.exp(-x) - math.exp(-root),
                     lambda x: math.atan(root - x), lambda x: 1.0 if x < root else -1.0):
        found, count, done = search(function, start)
        assert done
        assert abs(found - root) <= 1e-15 * max(1.0, abs(root)) or function(found) == 0.0
        assert count <= 130


def test_a_search_without_root_gives_up() -> None:
    assert not search(lambda x: 1.0, 0.0)[2]
    assert not search(lambda x: math.nan, 0.0)[2]


def test_compiled_and_interpreted_kernels_agree() -> None:
    code = """
from constructive.features import adversarial_asymptotics, kernel_limit, linear_asymptotics
for found in (adversarial_asymptotics(2.0, 3.0, 0.5, 0.2), adversarial_asymptotics(6.0, 2.0, 0.3, 0.3, 0.1),
              adversarial_asymptotics(4.0, 4.0, 0.5, 1e-3), linear_asymptotics(2.0, 0.5, 0.5),
              kernel_limit(4.0, 0.5, 0.3, 0.016)):
    print(["%.11e" % getattr(found, name) for name in ("kappa", "q", "standard_risk", "objective", "alignment")])
"""
    printed = set()
    for disabled in ("0", "1"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              env={"NUMBA_DISABLE_JIT": disabled, "PATH": "", "HOME": str(Path.home()),
                                   "PYTHONPATH": str(Path(__file__).parents[2])})
        printed.add(done.stdout)
    assert len(printed) == 1
