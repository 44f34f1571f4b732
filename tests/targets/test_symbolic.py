"""Targets from formulas: derivatives to sixty digits, bounds within one per cent, refusals that name a place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import sympy
from target_cases import Case, mp, precise

from constructive.certificates.sup_error import sup_error
from constructive.domain import Box
from constructive.evidence import Evidence, Verdict
from constructive.network import Network
from constructive.targets import check_target, cosine_product, gaussian_bump, multi_indices, runge, target_from_sympy

x, y, z = sympy.symbols("x y z")
WIDE = Box(np.array([-1.0, 0.5]), np.array([1.0, 2.0]))


def case(expression: sympy.Expr, symbols: list[sympy.Symbol], box: Box | None = None, order: int = 3) -> Case:
    """Return the target of an expression beside its function in 60 digits."""
    names = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "sqrt", "pi", "e", "mpf")
    functions = [{name: getattr(mp, name) for name in names} | {"E": mp.e}, "mpmath"]
    target = target_from_sympy(expression, symbols, box, order=order)
    return Case(target, sympy.lambdify(symbols, expression, functions))


CASES = {
    "wave": case(sympy.exp(-x) * sympy.sin(3 * y), [x, y]),
    "Runge": case(1 / (1 + 25 * (2 * x - 1) ** 2), [x], order=4),
    "logarithm": case(sympy.log(1 + x + y), [x, y]),
    "front": case(sympy.tanh(10 * (x - y)), [x, y]),
    "cone": case(sympy.sqrt(x**2 + y**2 + sympy.Rational(1, 100)), [x, y], WIDE, order=2),
    "constants": case(sympy.pi * x**2 + sympy.sqrt(2) * x**5, [x], Box(np.array([-3.0]), np.array([2.0]))),
    "power": case((1 + x) ** sympy.Rational(7, 2) + 2**x, [x]),
    "three": case(sympy.cos(x + 2 * y) / (1 + z), [x, y, z], order=2),
}
EACH = pytest.mark.parametrize("name", CASES)


@EACH
def test_derivatives_are_within_the_stated_rounding_of_sixty_digits(name: str) -> None:
    target = CASES[name].target
    points = np.concatenate([target.box.sample(8, np.random.default_rng(0)), target.box.corners()])
    points = np.nextafter(points, target.box.lower / 2 + target.box.upper / 2)
    for r in range(int(target.order) + 1):
        for alpha in multi_indices(target.dimension, r):
            for at in points:
                gap = abs(mp.mpf(float(target.derivative(alpha, at[None])[0])) - precise(CASES[name], alpha, at))
                assert gap <= target.derivative_rounding(r)


@EACH
def test_bounds_are_above_dense_maxima_and_within_one_per_cent(name: str) -> None:
    target = CASES[name].target
    ends = [np.linspace(low, high, {1: 4001, 2: 201, 3: 41}[target.dimension])
            for low, high in zip(target.box.lower, target.box.upper, strict=True)]
    grid = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, target.dimension)
    for r in range(int(target.order) + 1):
        found = max(float(np.abs(target.derivative(alpha, grid)).max())
                    for alpha in multi_indices(target.dimension, r))
        assert found <= target.bound(r) + target.derivative_rounding(r)
        assert target.bound(r) <= 1.01 * found * (1 + 2e-3)  # the grid misses the maximum by less than 2 in 1000


def test_bounds_are_as_tight_as_asked_for() -> None:
    target = target_from_sympy(sympy.exp(-50 * (x - sympy.Rational(1, 3)) ** 2), [x], order=4, relative=1e-6)
    exact = gaussian_bump([1 / 3], 0.1)
    for r in range(5):
        assert exact.bound(r) * (1 - 1e-6) <= target.bound(r) <= exact.bound(r) * (1 + 2e-6)


def test_a_formula_can_be_sent_to_other_processes() -> None:
    target = CASES["wave"].target
    cloudpickle = pytest.importorskip("cloudpickle")  # what joblib sends functions with
    copy = cloudpickle.loads(cloudpickle.dumps(target))
    x = target.box.sample(5, np.random.default_rng(0))
    assert (copy.derivative((1, 1), x) == target.derivative((1, 1), x)).all()


def test_decimal_coefficients_are_differentiated_without_rounding() -> None:
    rate = 2.91545189504373  # 6 times this is not a double: sympy alone would round it
    tested = case(-sympy.Float(rate) * y**3, [x, y], order=2)
    for at in tested.target.box.sample(40, np.random.default_rng(0)):
        computed = mp.mpf(float(tested.target.derivative((0, 2), at[None])[0]))
        gap = abs(computed + 6 * mp.mpf(rate) * mp.mpf(float(at[1])))
        assert gap <= tested.target.derivative_rounding(2)


def test_a_spent_budget_leaves_a_bound_that_holds() -> None:
    rough = target_from_sympy(sympy.sin(50 * x) * sympy.exp(sympy.sin(20 * y)), [x, y], order=2, budget=40)
    fine = target_from_sympy(sympy.sin(50 * x) * sympy.exp(sympy.sin(20 * y)), [x, y], order=2)
    for r in range(3):
        assert rough.bound(r) >= fine.bound(r) / 1.01


def test_formulas_agree_with_the_families() -> None:
    for target, family in ((target_from_sympy(1 / (1 + 100 * (x - sympy.Rational(1, 2)) ** 2), [x]), runge()),
                           (target_from_sympy(sympy.cos(5 * x) * sympy.cos(4 * y), [x, y]),
                            cosine_product([5.0, 4.0]))):
        at = family.box.sample(100, np.random.default_rng(0))
        for r in range(4):
            for alpha in multi_indices(family.dimension, r):
                gap = np.abs(target.derivative(alpha, at) - family.derivative(alpha, at)).max()
                assert gap <= target.derivative_rounding(r) + family.derivative_rounding(r)
            assert family.bound(r) * (1 - 1e-9) <= target.bound(r) <= 1.011 * family.bound(r)


def test_its_bounds_are_proved_and_serve_a_certificate() -> None:
    target = CASES["wave"].target
    assert target.evidence is Evidence.ENCLOSED
    bracket = sup_error(Network.build([(np.zeros((1, 2)), None)]), target)
    assert bracket.lower <= np.sin(np.pi / 2) <= bracket.upper  # at x = 0, y = pi / 6


def test_vanishing_derivatives_have_small_bounds_and_constants_exact_ones() -> None:
    flat = target_from_sympy((x + y) ** 2 - x**2 - 2 * x * y - y**2, [x, y])  # zero, which sympy does not see
    assert flat.bound(0) <= 1e-6
    three = target_from_sympy(sympy.Integer(3), [x])
    assert (three.bound(0), three.bound(1)) == (3.0, 0.0)
    assert (three(np.zeros((4, 1))) == 3.0).all()


def test_a_function_with_half_a_derivative_more_has_all_whole_ones() -> None:
    target = target_from_sympy(x ** sympy.Rational(7, 2), [x], order=3)
    assert 105 / 8 <= target.bound(3) <= 105 / 8 * 1.01
    with pytest.raises(ValueError, match=r"derivative \(4,\).* infinite, complex or 0/0 at or near x = \[\d"):
        target_from_sympy(x ** sympy.Rational(7, 2), [x], order=4)


def test_shorthand_derivatives_beyond_the_order_are_refused() -> None:
    with pytest.raises(ValueError, match="has order 3"):
        CASES["wave"].target.bound(4)


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("expression", "message"), [
    (sympy.Abs(x - sympy.Rational(3, 10)), r"Abs\(x - 3/10\) .* smooth near x = 0.2\d+, where x - 3/10 changes sign"),
    (sympy.exp(sympy.Max(x, y)), r"Max\(x, y\) in exp\(Max\(x, y\)\) is not smooth"),
    (sympy.Min(x, 1 - x), "Min.* is not smooth"),
    (sympy.Piecewise((x, x < 0.5), (1 - x, True)), "Piecewise.* is not smooth"),
    (sympy.sign(x - y), "sign.* is not smooth"),
    (sympy.floor(3 * x), "floor.* is not smooth"),
    (sympy.Heaviside(x - sympy.Rational(1, 2)), "Heaviside.* is not smooth"),
    (1 / (x - sympy.Rational(1, 3)), r"1/\(x - 1/3\) is infinite, complex or 0/0 at or near x = \[0.333"),
    (1 / (x - y), r"infinite, complex or 0/0 at or near"),
    (sympy.tan(2 * x), r"near x = \[0.785"),
    (sympy.log(x), r"log\(x\) is infinite"),
    (sympy.log(x - 2), r"log\(x - 2\) is infinite, complex"),
    (sympy.sqrt(x - sympy.Rational(1, 2)), r"sqrt\(x - 1/2\) is infinite, complex"),
    (sympy.sqrt(x), r"the derivative \(1,\) of sqrt\(x\): 1/\(2\*sqrt\(x\)\) is infinite"),
    (sympy.sqrt((x - sympy.Rational(1, 2)) ** 2), r"is infinite, complex or 0/0 at or near x = \[0.5"),
    (sympy.sin(x) / x, r"removable singularity"),
    (sympy.gamma(x + 1), r"gamma\(x \+ 1\) in gamma\(x \+ 1\) cannot be enclosed"),
    (sympy.Function("f")(x), "cannot be enclosed"),
    (sympy.I * x, r"I in I\*x cannot be enclosed"),
    (sympy.zoo + x, "cannot be enclosed"),
    (sympy.oo + x, "not a finite real number"),
    (sympy.nan, "not a finite real number"),
    (x * z, r"contains the symbol z, which is not among \['x', 'y'\]"),
    (x * sympy.Integer(10) ** 400, "beyond the range of doubles"),
])
def test_what_has_no_smooth_finite_real_values_is_refused_by_name(expression: sympy.Expr, message: str) -> None:
    names = [x] if not expression.has(y) and not expression.has(z) else [x, y]
    with pytest.raises(ValueError, match=message):
        target_from_sympy(expression, names)


def test_a_pole_outside_the_box_is_no_reason_to_refuse() -> None:
    target = target_from_sympy(1 / (x - sympy.Rational(1, 3)), [x], Box.cube(1, 0.5, 1.0))
    assert 6.0 <= target.bound(0) <= 6.06


def test_arguments_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(TypeError, match=r"write x, y = sympy.symbols"):
        target_from_sympy("x**2", [x])
    with pytest.raises(ValueError, match="different sympy symbols"):
        target_from_sympy(x**2, ["x"])
    with pytest.raises(ValueError, match="different sympy symbols"):
        target_from_sympy(x**2, [x, x])
    with pytest.raises(ValueError, match="order"):
        target_from_sympy(x**2, [x], order=-1)
    with pytest.raises(ValueError, match="box has 2 coordinates"):
        target_from_sympy(x**2, [x], Box.cube(2))


def test_without_sympy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(ModuleNotFoundError, match=r"constructive\[symbolic\]"):
        target_from_sympy(x**2, [x])


def test_targets_load_without_sympy() -> None:
    code = "import constructive.targets, sys; print('sympy' in sys.modules, 'mpmath' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_name_is_the_formula() -> None:
    assert CASES["wave"].target.name == "exp(-x)*sin(3*y)"


# -- formulas at random ------------------------------------------------------------------------------------


def formula(rng: np.random.Generator, depth: int) -> sympy.Expr:
    """Return a drawn expression that is smooth on the whole plane."""
    if depth == 0:
        number = sympy.Rational(int(rng.integers(-9, 10)), int(rng.integers(1, 8)))
        return [x, y, number, sympy.Float(round(float(rng.uniform(-3, 3)), 2)), sympy.pi][int(rng.integers(5))]
    inner = formula(rng, depth - 1)
    kinds = [lambda t: t + formula(rng, depth - 1), lambda t: t * formula(rng, depth - 1), lambda t: t**3,
             lambda t: 1 / (2 + t**2), sympy.sin, sympy.cos, sympy.exp, sympy.tanh, sympy.atan, sympy.sinh, sympy.cosh,
             lambda t: sympy.log(1 + t**2), lambda t: sympy.sqrt(1 + t**2)]
    return kinds[int(rng.integers(len(kinds)))](inner)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_drawn_formulas_keep_their_bounds_and_their_rounding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = Box(rng.uniform(-2, 0, 2), rng.uniform(0.1, 2, 2))
    tested = case(formula(rng, int(rng.integers(1, 5))), [x, y], box, order=2)
    target = tested.target
    dense, few = box.sample(2000, rng), box.sample(5, rng)
    for r in range(3):
        for alpha in multi_indices(2, r):
            assert np.abs(target.derivative(alpha, dense)).max() <= target.bound(r) + target.derivative_rounding(r)
            for at in few:
                gap = abs(mp.mpf(float(target.derivative(alpha, at[None])[0])) - precise(tested, alpha, at))
                assert gap <= target.derivative_rounding(r) + mp.mpf(10) ** -45  # the oracle's own error
    assert check_target(target, samples=40, rng=seed).verdict is Verdict.CONSISTENT
