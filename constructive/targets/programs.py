"""Formulas as programs: a list of elementary steps, each on results of earlier ones, and its plain evaluation.

The same list is run on points (this file), on intervals and on rounding errors (:mod:`constructive.targets.intervals`):
what is bounded is exactly what is computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FUNCTIONS = ("exp", "log", "sin", "cos", "sinh", "cosh", "tanh", "atan")
"""Elementary functions; tan, cot, sec and csc are written with sin and cos, roots with ``sqrt`` or exp and log."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation: ``input`` (number), ``constant`` (low, high), ``add``, ``multiply``, ``power`` (number),
    ``reciprocal``, ``sqrt``, or a function by name; ``places`` are the steps whose results it reads.
    """

    operation: str
    places: tuple[int, ...] = ()
    number: int = 0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Steps in order; the last one is the result."""

    steps: tuple[Step, ...]
    text: str

    @property
    def constant(self) -> bool:
        """Whether no input is read."""
        return all(step.operation != "input" for step in self.steps)


def compiled(expression: Any, symbols: tuple[Any, ...], who: str) -> Program:
    """Return the program of a sympy expression in the given symbols; equal parts are computed once.

    Raises ValueError for a symbol that is not among the given ones, and for whatever is not made of numbers, powers
    and the functions above; the message names that part.

    >>> import sympy
    >>> x = sympy.Symbol("x")
    >>> [step.operation for step in compiled(sympy.exp(x) + x * sympy.exp(x), (x,), "example").steps]
    ['input', 'exp', 'multiply', 'add']
    """
    import sympy

    steps: list[Step] = []
    known: dict[Any, int] = {}

    def emit(step: Step) -> int:
        steps.append(step)
        return len(steps) - 1

    def fold(operation: str, parts: tuple[Any, ...]) -> int:
        place = visit(parts[0])
        for part in parts[1:]:
            place = emit(Step(operation, (place, visit(part))))
        return place

    def raised(base: Any, exponent: Any) -> int:
        if exponent.is_Rational and exponent < 0:
            return emit(Step("reciprocal", (visit(base**-exponent),)))
        if exponent.is_Integer:
            return emit(Step("power", (visit(base),), number=int(exponent)))
        if exponent.is_Rational and exponent.q == 2:
            root = visit_root(base)
            return root if exponent.p == 1 else emit(Step("power", (root,), number=int(exponent.p)))
        return visit(sympy.exp(exponent * sympy.log(base), evaluate=False))

    def visit_root(base: Any) -> int:
        key = ("sqrt", base)
        if key not in known:
            known[key] = emit(Step("sqrt", (visit(base),)))
        return known[key]

    def build(node: Any) -> int:
        if node in symbols:
            return emit(Step("input", number=symbols.index(node)))
        if node.is_Symbol:
            raise ValueError(f"{who}: {expression} contains the symbol {node}, which is not among "
                             f"{[str(s) for s in symbols]}; add it to symbols or substitute a number")
        if node.is_Number or node.is_NumberSymbol:
            return emit(_constant(node, expression, who))
        if node.is_Add:
            return fold("add", node.args)
        if node.is_Mul:
            return fold("multiply", node.args)
        if node.is_Pow:
            return raised(*node.args)
        name = type(node).__name__
        if name in FUNCTIONS:
            return emit(Step(name, (visit(node.args[0]),)))
        rewritten = {"tan": (sympy.sin, sympy.cos), "cot": (sympy.cos, sympy.sin)}
        if name in rewritten:
            top, bottom = rewritten[name]
            return emit(Step("multiply", (visit(top(node.args[0])), visit(1 / bottom(node.args[0])))))
        if name in ("sec", "csc"):
            return visit(1 / (sympy.cos if name == "sec" else sympy.sin)(node.args[0]))
        raise ValueError(f"{who}: {node} in {expression} cannot be enclosed; available are +, -, *, /, powers, sqrt, "
                         f"tan, cot, sec, csc, {', '.join(FUNCTIONS)}; write it with these, or pass a callable to "
                         "target_from_callable")

    def visit(node: Any) -> int:
        if node not in known:
            known[node] = build(node)
        return known[node]

    last = visit(expression)
    return Program(tuple(steps[: last + 1]), str(expression))


def _constant(node: Any, expression: Any, who: str) -> Step:
    """Return a step whose ends enclose a number; equal ends where it is a double."""
    import sympy

    if not node.is_real or not node.is_finite:
        raise ValueError(f"{who}: {expression} contains {node}, which is not a finite real number; rewrite it")
    exact = sympy.Rational(node) if node.is_Number else None
    try:
        if exact is None:  # pi, E and their like, 40 digits
            near = float(sympy.N(node, 40))
            return Step("constant", low=math.nextafter(near, -math.inf), high=math.nextafter(near, math.inf))
        value = Fraction(int(exact.p), int(exact.q))
        near = float(value)
    except OverflowError as error:
        raise ValueError(f"{who}: {expression} contains {node}, beyond the range of doubles; rescale it") from error
    below = near if Fraction(near) <= value else math.nextafter(near, -math.inf)
    above = near if Fraction(near) >= value else math.nextafter(near, math.inf)
    return Step("constant", low=below, high=above)


def evaluate(program: Program, X: Array) -> Array:
    """Return the values (n,) of the program at X (n, d), each step rounded once.

    >>> evaluate(Program((Step("input"), Step("power", (0,), 3)), "x^3"), np.array([[2.0], [3.0]])).tolist()
    [8.0, 27.0]
    """
    results: list[Array] = []
    with np.errstate(all="ignore"):
        for step in program.steps:
            parts = [results[place] for place in step.places]
            results.append(_evaluated(step, parts, X))
    return np.array(np.broadcast_to(results[-1], (X.shape[0],)))


def _evaluated(step: Step, parts: list[Array], X: Array) -> Array:
    """Return the result of one step on points."""
    if step.operation == "input":
        return X[:, step.number]
    if step.operation == "constant":
        # of two neighboring doubles either is within the stated error
        return np.array([step.low / 2 + step.high / 2])
    if step.operation == "add":
        return np.asarray(parts[0] + parts[1])
    if step.operation == "multiply":
        return np.asarray(parts[0] * parts[1])
    if step.operation == "power":
        return np.asarray(parts[0] ** step.number)
    if step.operation == "reciprocal":
        return np.asarray(1.0 / parts[0])
    name = "arctan" if step.operation == "atan" else step.operation
    return np.asarray(getattr(np, name)(parts[0]))
