"""Programs on intervals: sixty digits never leave the ranges, errors stay within their bounds, holes are not hidden."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from target_cases import mp, number

from constructive.targets import intervals
from constructive.targets.programs import Program, compiled, evaluate

x, y = sympy.symbols("x y")
PARTS = {
    "sum": x + y,
    "product": x * y,
    "square": (x - y) ** 2,
    "odd power": (x + y) ** 7,
    "quotient": x / (y + 3),
    "root": sympy.sqrt(x + 2),
    "power 3/2": (x + 2) ** sympy.Rational(3, 2),
    "power -1/3": (x + 2) ** sympy.Rational(-1, 3),
    "general power": (x + 2) ** y,
    "exp": sympy.exp(3 * x),
    "log": sympy.log(x + 2),
    "sin": sympy.sin(9 * x + y),
    "cos": sympy.cos(9 * x - y),
    "tan": sympy.tan(x),
    "cot": sympy.cot(x + 2),
    "sec": sympy.sec(x),
    "csc": sympy.csc(x + 2),
    "sinh": sympy.sinh(2 * x),
    "cosh": sympy.cosh(2 * x),
    "tanh": sympy.tanh(2 * x),
    "atan": sympy.atan(5 * x),
    "constants": sympy.pi * x + sympy.Rational(1, 3) * y + sympy.sqrt(2) + sympy.E + sympy.Float("0.1"),
    "nested": sympy.exp(-(x**2) / (1 + y**2)) * sympy.sin(x * y + sympy.log(3 + x)),
}
EACH = pytest.mark.parametrize("name", PARTS)


def program(name: str) -> Program:
    return compiled(PARTS[name], (x, y), "test")


def boxes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes in [-1, 1]^2 of many sizes, some of them points."""
    rng = np.random.default_rng(seed)
    middle = rng.uniform(-1, 1, (n, 2))
    reach = 2.0 ** -rng.uniform(0, 40, (n, 1)) * rng.random((n, 2)) * (rng.random((n, 1)) < 0.9)
    return np.clip(middle - reach, -1, 1), np.clip(middle + reach, -1, 1)


def escapes(name: str, n: int = 80) -> int:
    """Return how many 60-digit values at points of boxes lie outside the computed ranges."""
    low, high = boxes(n, 7)
    below, above = intervals.result_range(program(name), low, high)
    exact = sympy.lambdify((x, y), PARTS[name], modules=mp_functions())
    rng = np.random.default_rng(8)
    count = 0
    for k in range(n):
        for t in ([0.0, 0.0], [1.0, 1.0], rng.random(2), rng.random(2)):
            at = np.clip(low[k] + np.asarray(t) * (high[k] - low[k]), low[k], high[k])
            value = exact(number(at[0]), number(at[1]))
            count += not below[k] <= value <= above[k]
    return count


def mp_functions() -> list[dict[str, object]]:
    """Return the functions of the 60-digit context for lambdify, which must not fall back on 15 digits."""
    names = ("exp", "log", "sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "atan", "sqrt", "pi", "e",
             "mpf")
    return [{name: getattr(mp, name) for name in names} | {"E": mp.e}, "mpmath"]  # type: ignore[list-item]


@EACH
def test_ranges_contain_the_function_to_sixty_digits(name: str) -> None:
    assert escapes(name) == 0


@pytest.mark.parametrize("name", ["exp", "sin", "tanh", "square"])
def test_ranges_that_are_not_rounded_outward_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "_wide", lambda v: (v, v))
    monkeypatch.setattr(intervals, "_up", lambda v: v)
    monkeypatch.setattr(intervals, "_down", lambda v: v)
    assert escapes(name) > 0


@EACH
def test_ranges_of_small_boxes_are_narrow(name: str) -> None:
    low, _ = boxes(50, 3)
    low, high = np.clip(low, -1, 1 - 2.0**-20), np.clip(low, -1, 1 - 2.0**-20) + 2.0**-20
    below, above = intervals.result_range(program(name), low, high)
    assert (above - below).max() <= 2.0**-20 * 2.0**12


@EACH
def test_computed_values_are_within_the_bounded_rounding(name: str) -> None:
    low, high = boxes(60, 5)
    bound = intervals.rounding_error(program(name), low, high)
    exact = sympy.lambdify((x, y), PARTS[name], modules=mp_functions())
    at = np.clip(low / 2 + high / 2, low, high)
    computed = evaluate(program(name), at)
    for k in range(len(at)):
        assert abs(mp.mpf(float(computed[k])) - exact(number(at[k, 0]), number(at[k, 1]))) <= bound[k]


def test_rounding_bounds_are_not_idle() -> None:
    # a sum that cancels: the bound must be about the size of what was added, not of the result
    cancel = compiled((x + 2**20) - 2**20 * sympy.cos(y), (x, y), "test")
    bound = intervals.rounding_error(cancel, np.zeros((1, 2)), np.zeros((1, 2)))[0]
    assert 2.0**-33 <= bound <= 2.0**-28


@pytest.mark.parametrize("hole", [1 / (1 + sympy.log(x - 2) ** 2), 1 / (1 + 1 / x**2), sympy.atan(1 / x),
                                  sympy.exp(-1 / x**2), sympy.tanh(sympy.sqrt(x - sympy.Rational(1, 2)))])
def test_a_later_step_does_not_hide_that_an_earlier_one_is_undefined(hole: sympy.Expr) -> None:
    below, above = intervals.result_range(compiled(hole, (x,), "test"), np.array([[-0.25]]), np.array([[0.75]]))
    assert (below[0], above[0]) == (-np.inf, np.inf)


def test_equal_parts_are_computed_once() -> None:
    once = compiled(sympy.sin(x * y) + sympy.sin(x * y) ** 2 + sympy.sqrt(x) + 1 / sympy.sqrt(x), (x, y), "test")
    names = [step.operation for step in once.steps]
    assert names.count("sin") == 1
    assert names.count("sqrt") == 1


@pytest.mark.parametrize("value", [sympy.Rational(1, 3), sympy.Rational(3, 4), sympy.Float("0.1"),
                                   sympy.Integer(2**60 + 1)])
def test_constants_are_enclosed_and_exact_where_they_are_doubles(value: sympy.Expr) -> None:
    step = compiled(value, (x,), "test").steps[-1]
    exact = sympy.Rational(value)
    truth = Fraction(int(exact.p), int(exact.q))
    assert Fraction(step.low) <= truth <= Fraction(step.high)
    assert (step.low == step.high) == (Fraction(float(truth)) == truth)
