"""Targets from formulas: derivatives by sympy, bounds by intervals and subdivision, rounding step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UP
from constructive.targets.maxima import cells, largest, largest_rounding
from constructive.targets.programs import compiled, evaluate
from constructive.targets.target import Target, multi_indices, stated_rounding

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = NDArray[np.float64]
_WHO = "target_from_sympy"
_ROUGH = ("Abs", "sign", "Max", "Min", "Piecewise", "Heaviside", "floor", "ceiling", "frac", "Mod", "DiracDelta")


def target_from_sympy(expression: Any, symbols: Sequence[Any], box: Box | None = None, *, order: int = 3,
                      relative: float = 0.01, budget: int = 20_000) -> Target:
    """Return the target of a sympy expression in the given symbols on a box (default: the unit cube).

    Derivatives up to ``order`` are taken symbolically; F_r exceeds the maximum of |D^alpha f|, |alpha| = r, by at most
    the factor 1 + ``relative`` unless ``budget`` boxes for one derivative are spent first; it is a bound in any case,
    ENCLOSED. Values and derivatives are computed step by step as the bounds are, and their rounding is bounded too.
    Available: + - * / powers, sqrt, exp, log, sin, cos, tan, cot, sec, csc, sinh, cosh, tanh, atan.
    Needs the extra ``symbolic``. Raises ModuleNotFoundError without it; TypeError for what is not a sympy
    expression; ValueError for a symbol that is not given, a function that cannot be enclosed, a function that is not
    smooth (Abs, Max, Piecewise ...), complex or infinite values on the box: the message names the part and the place.

    >>> import sympy
    >>> x, y = sympy.symbols("x y")
    >>> target = target_from_sympy(sympy.exp(-x) * sympy.sin(3 * y), [x, y])
    >>> 9.0 <= target.bound(2) <= 9.1
    True
    """
    sympy = _library()
    if not isinstance(expression, sympy.Expr):
        raise TypeError(f"{_WHO}: expression must be a sympy expression, got {type(expression).__name__}; write "
                        "x, y = sympy.symbols('x y') and an expression in x and y")
    names = tuple(symbols)
    if not names or any(not getattr(s, "is_Symbol", False) for s in names) or len(set(names)) < len(names):
        raise ValueError(f"{_WHO}: symbols must be different sympy symbols, at least one, got {symbols!r}")
    d, top = len(names), as_count(order, _WHO, "order", at_least=0)
    domain = bounded_box(box, d, _WHO)
    spread, boxes = as_number(relative, _WHO, "relative", above=0.0), as_count(budget, _WHO, "budget", at_least=4)
    _refuse_rough(expression, names, domain)

    compiled(expression, names, _WHO)  # what cannot be enclosed is named as it stands there, not in a derivative
    # sympy rounds products of floats and integers, which derivatives are full of; rational numbers stay exact
    exact = expression.xreplace({number: sympy.Rational(number) for number in expression.atoms(sympy.Float)})
    programs = {(0,) * d: compiled(exact, names, _WHO)}
    for r in range(1, top + 2):  # one order more, for the mean value form
        for alpha in multi_indices(d, r):
            pairs = [(s, a) for s, a in zip(names, alpha, strict=True) if a]
            programs[alpha] = compiled(sympy.diff(exact, *pairs), names, _WHO)
    size: dict[tuple[int, ...], float] = {}
    error: dict[tuple[int, ...], float] = {}
    for r in range(top + 1):
        for alpha in multi_indices(d, r):
            slopes = [programs[tuple(a + int(i == j) for i, a in enumerate(alpha))] for j in range(d)]
            try:
                size[alpha] = largest(programs[alpha], slopes, domain, spread, boxes)
                error[alpha] = largest_rounding(programs[alpha], domain)
            except ValueError as error_there:
                of = f"the derivative {alpha} of {expression}: " if r else ""
                raise ValueError(f"{_WHO}: {of}{error_there}") from error_there
    bounds = [max(size[alpha] for alpha in multi_indices(d, r)) for r in range(top + 1)]
    noises = [max(error[alpha] for alpha in multi_indices(d, r)) for r in range(top + 1)]
    text = str(expression)
    lipschitz = sum(size[alpha] for alpha in multi_indices(d, 1)) * UP if top else 2 * bounds[0]
    return Target(text if len(text) <= 60 else text[:57] + "...", d, lambda X: evaluate(programs[(0,) * d], X),
                  lambda alpha, X: evaluate(programs[alpha], X), lambda r: bounds[r], lipschitz,
                  stated_rounding(noises.__getitem__, bounds.__getitem__, top), domain, top,
                  noise=lambda r: noises[r])


def _library() -> Any:
    """Return sympy, or say which extra brings it."""
    try:
        import sympy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{_WHO} needs sympy; install it with: pip install 'constructive[symbolic]'",
                                  name="sympy") from error
    return sympy


def _refuse_rough(expression: Any, symbols: tuple[Any, ...], box: Box) -> None:
    """Raise ValueError for a part that is not smooth, with a point of the box where it bends if one is seen."""
    for node in expression.atoms(*_rough_types()):
        where = ""
        if type(node).__name__ in ("Abs", "sign", "Heaviside") and node.free_symbols <= set(symbols):
            where = _sign_change(node.args[0], symbols, box)
        raise ValueError(f"{_WHO}: {node} in {expression} is not smooth{where}; replace it by the branch that holds on "
                         "the box, cut the box there, or use kink(...) or target_from_callable, whose bounds are "
                         "sampled")


def _rough_types() -> tuple[Any, ...]:
    sympy = _library()
    return tuple(getattr(sympy, name) for name in _ROUGH)


def _sign_change(inside: Any, symbols: tuple[Any, ...], box: Box) -> str:
    """Return words for a point of a grid where ``inside`` is nearest to 0, if it takes both signs there."""
    grid = cells(box, 4096)
    middle = (grid[0] + grid[1]) / 2
    try:
        value = evaluate(compiled(inside, symbols, _WHO), middle)
    except ValueError:
        return ""
    if not (value.min() < 0 < value.max()):
        return ""
    return f" near {_point(symbols, middle[int(np.argmin(np.abs(value)))])}, where {inside} changes sign"


def _point(symbols: tuple[Any, ...], x: Array) -> str:
    return ", ".join(f"{s} = {v:.6g}" for s, v in zip(symbols, x, strict=True))
