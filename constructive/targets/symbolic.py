"""Targets from formulas: derivatives by sympy, bounds by intervals and subdivision.

Every derivative is bounded by branch and bound: on each box the natural range and the mean value form
``f(m) + f'(box) (x - m)``, whose excess is quadratic in the size of the box, are intersected; values at middles bound
the maximum from below; boxes that stand out are halved until both sides agree to the wished precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UNIT, UP
from constructive.targets.intervals import result_range, rounding_error
from constructive.targets.programs import Program, compiled, evaluate
from constructive.targets.target import Target, multi_indices, stated_rounding

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = NDArray[np.float64]
_WHO = "target_from_sympy"
_ROUGH = ("Abs", "sign", "Max", "Min", "Piecewise", "Heaviside", "floor", "ceiling", "frac", "Mod", "DiracDelta")
_SMALLEST = 2.0**-20
"""Boxes that are this small, relative to the whole, and still have no finite bound are taken for poles."""


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
            size[alpha] = _largest(programs[alpha], slopes, domain, spread, boxes, alpha)
            error[alpha] = _rounding(programs[alpha], domain)
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
    grid = _grid(box, 4096)
    middle = (grid[0] + grid[1]) / 2
    try:
        value = evaluate(compiled(inside, symbols, _WHO), middle)
    except ValueError:
        return ""
    if not (value.min() < 0 < value.max()):
        return ""
    return f" near {_point(symbols, middle[int(np.argmin(np.abs(value)))])}, where {inside} changes sign"


def _largest(program: Program, slopes: list[Program], box: Box, relative: float, budget: int,
             alpha: tuple[int, ...]) -> float:
    """Return an upper bound on |program| over the box, within the factor 1 + relative unless the budget is spent."""
    if program.constant:
        low, high = result_range(program, box.lower[None], box.upper[None])
        return float(np.maximum(np.abs(low), np.abs(high))[0])
    low, high = box.lower[None, :], box.upper[None, :]
    seen, done, left = 0.0, 0.0, budget
    whole = np.maximum(high - low, np.finfo(np.float64).tiny)
    floor = 0.0
    while True:
        upper, lower, side = _on_boxes(program, slopes, low, high, alpha)
        seen = max(seen, float(lower.max(initial=0.0)))
        if floor == 0.0 and np.isfinite(upper).all():
            floor = 2.0**-30 * float(upper.max())  # for functions that vanish, which no factor can reach
        goal = max(seen * (1 + relative), floor)
        done = max(done, float(upper[upper <= goal].max(initial=0.0)))
        rows = np.flatnonzero(upper > goal)
        stuck = np.isinf(upper) & ((high - low) <= _SMALLEST * whole).all(axis=1)
        if stuck.any() or (2 * rows.size > left and np.isinf(upper).any()):
            k = int(np.argmax(stuck)) if stuck.any() else int(np.argmax(upper))
            raise ValueError(_pole(program, alpha, low[k] / 2 + high[k] / 2))
        if rows.size == 0:
            return max(done, seen) * UP
        if 2 * rows.size > left:
            return max(done, seen, float(upper.max())) * UP
        left -= 2 * rows.size
        low, high = _halved(low[rows], high[rows], side[rows])


def _on_boxes(program: Program, slopes: list[Program], low: Array, high: Array,
              alpha: tuple[int, ...]) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return upper bounds on |program| over boxes, lower bounds at their middles, and the sides to halve."""
    middle = low / 2 + high / 2
    reach = np.nextafter(np.maximum(high - middle, middle - low), np.inf)
    bottom, top = result_range(program, low, high)
    least, most = result_range(program, middle, middle)
    if np.isinf(least).any() or np.isinf(most).any():
        k = int(np.argmax(np.isinf(least) | np.isinf(most)))
        raise ValueError(_pole(program, alpha, middle[k]))
    steep = np.stack([np.maximum(*map(np.abs, result_range(slope, low, high))) for slope in slopes], axis=1)
    with np.errstate(invalid="ignore"):
        change = np.where(reach > 0, steep * reach, 0.0)
    room = change.sum(axis=1) * (1 + 2.0**-40)
    span = np.abs(np.stack([bottom, top]))
    natural = span.max(axis=0)
    mean_value = np.maximum(np.abs(least), np.abs(most)) + room
    lower = np.where((least <= 0) & (most >= 0), 0.0, np.minimum(np.abs(least), np.abs(most)))
    with np.errstate(invalid="ignore"):
        side = np.argmax(np.where(np.isfinite(change), change, (high - low) * 1e300), axis=1)
    return np.minimum(natural, mean_value * (1 + 4 * UNIT)), lower, side


def _halved(low: Array, high: Array, side: NDArray[np.intp]) -> tuple[Array, Array]:
    """Cut every box in two along the given side."""
    rows = np.arange(low.shape[0])
    cut = low[rows, side] / 2 + high[rows, side] / 2
    first, second = high.copy(), low.copy()
    first[rows, side], second[rows, side] = cut, cut
    return np.concatenate([low, second]), np.concatenate([first, high])


def _rounding(program: Program, box: Box) -> float:
    """Return a bound on the rounding error of the program over the box; cells without one are cut further."""
    low, high = _grid(box, 2048)
    largest = 0.0
    for _ in range(16):
        error = rounding_error(program, low, high)
        largest = max(largest, float(error[np.isfinite(error)].max(initial=0.0)))
        rows = np.flatnonzero(np.isinf(error))
        if rows.size == 0:
            return largest * UP
        low, high = low[rows], high[rows]
        for j in range(low.shape[1]):
            low, high = _halved(low, high, np.full(low.shape[0], j))
        if low.shape[0] > 1 << 18:
            break
    raise ValueError(f"{_WHO}: the rounding error of {program.text} is unbounded near {(low[0] + high[0]) / 2}; "
                     "rewrite the expression or shrink the box")


def _grid(box: Box, cells: int) -> tuple[Array, Array]:
    """Return about ``cells`` equal boxes that cover the box."""
    d = box.dimension
    k = max(1, int(cells ** (1 / d) + 1e-9))
    ends = [np.linspace(low, high, k + 1) for low, high in zip(box.lower, box.upper, strict=True)]
    low = np.stack(np.meshgrid(*[e[:-1] for e in ends], indexing="ij"), axis=-1).reshape(-1, d)
    high = np.stack(np.meshgrid(*[e[1:] for e in ends], indexing="ij"), axis=-1).reshape(-1, d)
    return low, high


def _point(symbols: tuple[Any, ...], x: Array) -> str:
    return ", ".join(f"{s} = {v:.6g}" for s, v in zip(symbols, x, strict=True))


def _pole(program: Program, alpha: tuple[int, ...], x: Array) -> str:
    """Return the refusal of an expression that has no finite bound near x."""
    what = f"the derivative {alpha}, {program.text}," if any(alpha) else program.text
    place = [float(f"{v:.6g}") for v in x]
    return (f"{_WHO}: {what} is infinite, complex or 0/0 at or near x = {place}, or too steep to be enclosed there; "
            "shrink the box, lower the order, or rewrite a removable singularity")
