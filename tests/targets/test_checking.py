"""The sampled check: honest targets are never refuted; lies about values, derivatives and bounds are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sympy
from target_cases import CASES

from constructive.domain import Box
from constructive.evidence import Check, Evidence, Report, Verdict
from constructive.targets import (
    Target,
    check_target,
    cosine_product,
    exponential,
    gaussian_bump,
    kink,
    multi_indices,
    polynomial,
    rescaled,
    ridge,
    ridge_interval,
    runge,
    target_from_sympy,
)

HONEST = cosine_product([5.0, 4.0], [0.3, 1.0])
BELL = runge()


def refuted(report: Report) -> list[Check]:
    return [check for check in report.checks if check.verdict is Verdict.REFUTED]


def scaled(target: Target, alpha: tuple[int, ...], factor: float) -> Target:
    """Return the target with one derivative multiplied by a factor."""
    return replace(target, derivative=lambda a, X: target.derivative(a, X) * (factor if a == alpha else 1.0))


def stated(target: Target, order: int, factor: float) -> Target:
    """Return the target with the bound of one order multiplied by a factor; what it says of rounding stays."""
    return replace(target, bound=lambda r: target.bound(r) * (factor if r == order else 1.0))


# -- honest targets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_honest_targets_are_consistent(name: str) -> None:
    report = check_target(CASES[name].target, samples=60, rng=1)
    assert refuted(report) == []
    assert report.verdict is Verdict.CONSISTENT


def drawn(seed: int) -> list[Target]:
    """Return targets of every family with drawn numbers, boxes and dimensions."""
    rng = np.random.default_rng(seed)
    d = 1 + seed % 3

    def draw(low: float, high: float) -> list[float]:
        return rng.uniform(low, high, d).tolist()

    box = None if seed % 2 else Box(rng.uniform(-3, 0, d), rng.uniform(0.1, 4, d))
    domain = Box.cube(d) if box is None else box
    middle = (domain.lower + 0.3 * (domain.upper - domain.lower)).tolist()
    w = draw(-4, 4)
    line = ridge_interval(w, box)
    made = [
        cosine_product(draw(-30, 30), draw(-5, 5), box=box), exponential(draw(-4, 4), box=box),
        gaussian_bump(draw(0, 1), float(rng.uniform(0.03, 0.6)), box=box),
        runge(draw(0, 1), float(rng.uniform(1, 30)), box=box), kink(middle, 1 + seed % 4, box=box),
        polynomial({tuple(rng.integers(0, 4, d).tolist()): float(rng.normal()) for _ in range(4)}, box=box),
        ridge(runge([0.1], 3.0, box=line), w, box=box),
        ridge(kink([float(line.lower[0] * 0.6 + line.upper[0] * 0.4)], 2, box=line), w, box=box),
    ]
    return [*made, *map(rescaled, made)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_rounding_never_refutes_drawn_targets(seed: int) -> None:
    for target in drawn(seed):
        assert refuted(check_target(target, samples=200, rng=seed)) == []


def test_rounding_never_refutes_a_formula() -> None:
    x, y = sympy.symbols("x y")
    for expression in (sympy.exp(-x) * sympy.sin(3 * y), (1 + x) ** 3 - x**3 * sympy.cos(1000 * y) / 10**6):
        assert refuted(check_target(target_from_sympy(expression, [x, y], order=2), samples=100, rng=3)) == []


def test_a_sample_confirms_nothing() -> None:
    report = check_target(BELL, samples=60, rng=2)
    assert all(check.observed.evidence is Evidence.SAMPLED for check in report.checks)
    assert {check.verdict for check in report.checks} == {Verdict.CONSISTENT}
    assert "no proof" in report.notes[0]
    assert report.seed == 2


def test_the_same_seed_finds_the_same() -> None:
    first, second = (check_target(BELL, samples=60, rng=np.random.default_rng(4)) for _ in range(2))
    assert [c.observed.lower for c in first.checks] == [c.observed.lower for c in second.checks]


def test_honest_bounds_are_nearly_reached_by_what_is_found() -> None:
    report = check_target(BELL, samples=200, rng=0)
    tightness = [check.tightness for check in report.checks if "found" in check.claim and "order" in check.claim]
    assert len(tightness) == 4
    assert all(t is not None and 0.95 <= t <= 1.0 for t in tightness)


# -- lies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("factor", [0.1, 0.9])
@pytest.mark.parametrize("target", [HONEST, BELL], ids=["cosines", "Runge"])
def test_a_bound_that_is_too_small_is_refuted_with_a_witness(target: Target, order: int, factor: float) -> None:
    found = refuted(check_target(stated(target, order, factor), samples=100, orders=order, rng=0))
    assert found
    words = next(check for check in found if f"F_{order}" in check.stated).note
    assert "x = [" in words
    assert "multi-index (" in words
    assert f"stated {target.bound(order) * factor:.17g}" in words


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_lie_about_bounds_is_found_from_values_alone(order: int) -> None:
    # derivatives that obey the lie: only differences of values can tell
    def tame(alpha: tuple[int, ...], X: np.ndarray) -> np.ndarray:
        return np.clip(HONEST.derivative(alpha, X), -(1e9 ** (sum(alpha) != order)), 1e9 ** (sum(alpha) != order))

    liar = stated(replace(HONEST, derivative=tame), order, 0.2)
    found = [check for check in refuted(check_target(liar, samples=100, rng=0)) if f"F_{order}" in check.stated]
    assert len(found) == 1
    assert "difference of values" in found[0].note


@pytest.mark.parametrize("alpha", [alpha for r in (1, 2, 3, 4) for alpha in multi_indices(2, r)])
@pytest.mark.parametrize("factor", [-1.0, 2.0, 1.001])
def test_a_wrong_derivative_is_refuted(alpha: tuple[int, int], factor: float) -> None:
    found = refuted(check_target(scaled(HONEST, alpha, factor), samples=60, orders=sum(alpha), rng=0))
    assert any(f"order {sum(alpha)}" in check.claim for check in found)


@pytest.mark.parametrize("factor", [-1.0, 0.5])
def test_a_wrong_top_derivative_of_a_kink_is_refuted(factor: float) -> None:
    found = refuted(check_target(scaled(kink([0.3], 2), (2,), factor), samples=100, rng=0))
    assert found
    assert "multi-index (2,)" in found[0].note


def test_a_lipschitz_constant_that_is_too_small_is_refuted() -> None:
    found = refuted(check_target(replace(HONEST, lipschitz=HONEST.lipschitz / 3), samples=100, rng=0))
    assert [check.claim for check in found] == ["largest slope found between points"]
    assert "between x = [" in found[0].note


def formula(values: Callable[[np.ndarray], np.ndarray], derivative: Callable[[int, np.ndarray], np.ndarray],
            bounds: list[float], order: int) -> Target:
    """Return a target on [0, 1] that claims to be smooth."""
    return Target("claimed", 1, lambda X: values(X[:, 0]), lambda alpha, X: derivative(alpha[0], X[:, 0]),
                  bounds.__getitem__, bounds[1], 2.0**-45, Box.cube(1), order)


def pole(center: float, bounds: float) -> Target:
    return formula(lambda t: 1 / (t - center), lambda k, t: (-1.0) ** k * math.factorial(k) / (t - center) ** (k + 1),
                   [bounds] * 4, 3)


@pytest.mark.parametrize("target", [pole(0.5, 1e3), pole(1 / 3, 1e6), pole(0.7123, 1e9)])
def test_a_function_that_is_infinite_on_the_box_is_refuted(target: Target) -> None:
    assert check_target(target, samples=100, rng=0).verdict is Verdict.REFUTED


@pytest.mark.parametrize("bound", [0.0, 10.0, 1e4, 1e6])
def test_a_kink_passed_off_as_smooth_is_refuted(bound: float) -> None:
    # |t - 0.3| with derivative sign(t - 0.3) and second derivative 0, right wherever they exist
    target = formula(lambda t: np.abs(t - 0.3), lambda k, t: [np.abs(t - 0.3), np.sign(t - 0.3), 0 * t][k],
                     [1.0, 1.0, bound], 2)
    found = refuted(check_target(target, samples=100, rng=0))
    assert any("order 2" in check.claim for check in found)
    assert "x = [0.29999" in found[0].note or "x = [0.3" in found[0].note


def test_a_kink_of_higher_order_passed_off_as_smoother_is_refuted() -> None:
    honest = kink([0.3, 0.6], 2)
    smoother = replace(honest, order=3, bound=lambda r: honest.bound(r) if r <= 2 else 1e5, noise=lambda r: 2.0**-45,
                       derivative=lambda a, X: honest.derivative(a, X) if sum(a) <= 2 else np.zeros(len(X)))
    assert check_target(honest, samples=100, rng=0).verdict is Verdict.CONSISTENT
    assert check_target(smoother, samples=100, rng=0).verdict is Verdict.REFUTED


def test_bounds_that_are_infinite_are_refuted_and_named() -> None:
    found = refuted(check_target(replace(BELL, bound=lambda r: math.inf if r == 2 else BELL.bound(r)), rng=0))
    assert found[0].note == "F_2 = inf"


def test_values_that_are_not_numbers_are_refuted_at_a_point() -> None:
    broken = replace(BELL, values=lambda X: np.where(X[:, 0] > 0.9, np.nan, BELL.values(X)),
                     derivative=lambda a, X: BELL.derivative(a, X) * np.where((X[:, 0] > 0.9) & (a == (0,)), np.nan, 1))
    found = refuted(check_target(broken, samples=60, rng=0))
    assert "the derivative (0,) is nan at x = [" in found[0].note


def test_derivatives_of_the_wrong_shape_are_refuted() -> None:
    found = refuted(check_target(replace(BELL, derivative=lambda a, X: BELL.derivative(a, X)[:, None]), rng=0))
    assert "has shape" in found[0].note


def test_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="must be a Target"):
        check_target(math.sin)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="samples"):
        check_target(BELL, samples=0)
    with pytest.raises(ValueError, match="side of length 0"):
        check_target(cosine_product([1.0], box=Box.cube(1, 1.0, 1.0)))
