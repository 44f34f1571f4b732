"""Programs on boxes: outward rounded ranges, and bounds on the rounding error of their evaluation at points.

Sums and products are rounded outward by one place, elementary functions by four (numpy's are taken to be right to 4
units in the last place). A box on which some step is not defined everywhere (a denominator or the argument of a
logarithm that may be 0, a negative number under a root) is marked, so that no later step can hide it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from constructive.targets._upward import UNIT, UP
from constructive.targets.programs import Program, Step

Array = NDArray[np.float64]
Range = tuple[Array, Array]
_TINY = 2.0**-1060
_FOUR = 8 * UNIT


def ranges(program: Program, low: Array, high: Array) -> tuple[list[Range], NDArray[np.bool_]]:
    """Return bounds (lower, upper) of every step over boxes (n, d), and which boxes have an undefined point, (n,).

    >>> from constructive.targets.programs import Step
    >>> square = Program((Step("input"), Step("power", (0,), 2)), "x^2")
    >>> low, high = ranges(square, np.array([[-1.0]]), np.array([[2.0]]))[0][1]
    >>> bool(-(2.0**-1000) < low.item() <= 0.0), bool(4.0 <= high.item() < 4.0 + 2.0**-40)
    (True, True)
    """
    results: list[Range] = []
    wrong = np.zeros(low.shape[0], dtype=bool)
    with np.errstate(all="ignore"):
        for step in program.steps:
            parts = [results[place] for place in step.places]
            if step.operation == "input":
                results.append((low[:, step.number], high[:, step.number]))
                continue
            if step.operation == "reciprocal":
                wrong |= np.broadcast_to((parts[0][0] <= 0) & (parts[0][1] >= 0), wrong.shape)
            elif step.operation == "log":
                wrong |= np.broadcast_to(parts[0][0] <= 0, wrong.shape)
            elif step.operation == "sqrt":
                wrong |= np.broadcast_to(parts[0][0] < 0, wrong.shape)
            below, above = _range(step, parts)
            results.append((np.where(np.isnan(below), -np.inf, below), np.where(np.isnan(above), np.inf, above)))
    return results, wrong


def result_range(program: Program, low: Array, high: Array) -> Range:
    """Return bounds (n,), (n,) of the program over boxes (n, d), infinite where it is not defined everywhere.

    >>> from constructive.targets.programs import Step
    >>> inverse = Program((Step("input"), Step("reciprocal", (0,))), "1/x")
    >>> [end.tolist() for end in result_range(inverse, np.array([[-1.0]]), np.array([[1.0]]))]
    [[-inf], [inf]]
    """
    steps, wrong = ranges(program, low, high)
    below, above = (np.broadcast_to(end, wrong.shape) for end in steps[-1])
    return np.where(wrong, -np.inf, below), np.where(wrong, np.inf, above)


def _range(step: Step, parts: list[Range]) -> Range:
    """Return the range of one step from the ranges that it reads."""
    if step.operation == "constant":
        return np.array([step.low]), np.array([step.high])
    (a, b) = parts[0]
    if step.operation == "add":
        return _down(a + parts[1][0]), _up(b + parts[1][1])
    if step.operation == "multiply":
        c, d = parts[1]
        corners = [np.where((p == 0) | (q == 0), 0.0, p * q) for p in (a, b) for q in (c, d)]
        return _down(np.minimum.reduce(corners)), _up(np.maximum.reduce(corners))
    if step.operation == "power":
        return _powers(a, b, step.number)
    if step.operation == "reciprocal":
        return _down(1.0 / b), _up(1.0 / a)
    if step.operation in ("sin", "cos"):
        return _wave(a, b, step.operation)
    if step.operation == "cosh":
        nearest, farthest = _nearest(a, b), np.maximum(np.abs(a), np.abs(b))
        return np.maximum(_wide(np.cosh(nearest))[0], 1.0), _wide(np.cosh(farthest))[1]
    function: Callable[[Array], Array] = getattr(np, "arctan" if step.operation == "atan" else step.operation)
    low, high = _wide(function(a))[0], _wide(function(b))[1]
    if step.operation in ("exp", "sqrt"):
        low = np.maximum(low, 0.0)
    return low, high


def _powers(a: Array, b: Array, n: int) -> Range:
    """Return the range of x^n, n >= 0."""
    if n % 2:
        return _wide(a**n)[0], _wide(b**n)[1]
    nearest, farthest = _nearest(a, b), np.maximum(np.abs(a), np.abs(b))
    return _wide(nearest**n)[0], _wide(farthest**n)[1]


def _wave(a: Array, b: Array, name: str) -> Range:
    """Return the range of sin or cos: the values at the ends, and 1 or -1 where a peak may lie between them."""
    function = np.cos if name == "cos" else np.sin
    offset = 0.0 if name == "cos" else 0.5
    size = 1 + np.maximum(np.abs(a), np.abs(b))
    slack = 2.0**-48 * size
    first, last = np.ceil(a / math.pi - offset - slack), np.floor(b / math.pi - offset + slack)
    even = first + np.mod(first, 2)
    odd = first + np.mod(first + 1, 2)
    ends = [_wide(function(a)), _wide(function(b))]
    low = np.minimum(ends[0][0], ends[1][0])
    high = np.maximum(ends[0][1], ends[1][1])
    vague = ~(size < 2.0**40)  # the count of half turns is not reliable there
    return (np.where((odd <= last) | vague, -1.0, np.maximum(low, -1.0)),
            np.where((even <= last) | vague, 1.0, np.minimum(high, 1.0)))


def _nearest(a: Array, b: Array) -> Array:
    """Return the least |x| between two ends."""
    return np.where((a <= 0) & (b >= 0), 0.0, np.minimum(np.abs(a), np.abs(b)))


def _down(x: Array) -> Array:
    return np.asarray(np.nextafter(x, -np.inf))


def _up(x: Array) -> Array:
    return np.asarray(np.nextafter(x, np.inf))


def _wide(x: Array) -> Range:
    """Return x widened by four units in the last place on both sides."""
    room = 2 * _FOUR * np.abs(x) + _TINY
    return np.where(np.isinf(x) & (x > 0), np.finfo(np.float64).max, x - room), np.where(
        np.isinf(x) & (x < 0), np.finfo(np.float64).min, x + room)


def rounding_error(program: Program, low: Array, high: Array) -> Array:
    """Return bounds (n,) on |computed - true| of the program at any point of boxes (n, d); infinite if undefined.

    Every step passes on the errors of what it reads times its largest slope near there, and adds its own rounding:
    half a place for sums and products, four places for functions.

    >>> from constructive.targets.programs import Step
    >>> total = Program((Step("input"), Step("add", (0, 0))), "x + x")
    >>> bool(2.0**-53 <= rounding_error(total, np.array([[0.0]]), np.array([[0.5]]))[0] <= 2.0**-52)
    True
    """
    steps, wrong = ranges(program, low, high)
    errors: list[Array] = []
    with np.errstate(all="ignore"):
        for step, (below, above) in zip(program.steps, steps, strict=True):
            inner = [errors[place] for place in step.places]
            around = [steps[place] for place in step.places]
            passed = _passed(step, inner, around)
            size = np.maximum(np.abs(below), np.abs(above)) + passed
            exact = step.operation in ("input", "constant") or (step.operation == "power" and step.number < 2)
            own = 0.0 if exact else (UNIT if step.operation in ("add", "multiply", "reciprocal") else _FOUR)
            errors.append(np.asarray((passed + own * size) * UP + (0.0 if exact else _TINY)))
    total = np.broadcast_to(errors[-1], wrong.shape)
    return np.where(wrong | np.isnan(total), np.inf, total)


def _passed(step: Step, errors: list[Array], around: list[Range]) -> Array:
    """Return how much the errors of what a step reads change its result."""
    if step.operation == "input":
        return np.zeros(1)
    if step.operation == "constant":
        return np.array([step.high - step.low])
    if step.operation == "add":
        return errors[0] + errors[1]
    sizes = [np.maximum(np.abs(low), np.abs(high)) for low, high in around]
    if step.operation == "multiply":
        return sizes[0] * errors[1] + sizes[1] * errors[0] + errors[0] * errors[1]
    passed = np.where(errors[0] == 0, 0.0, errors[0] * _slope(step, around[0][0], around[0][1], sizes[0], errors[0]))
    return np.minimum(passed, np.sqrt(errors[0])) if step.operation == "sqrt" else passed


def _slope(step: Step, low: Array, high: Array, size: Array, error: Array) -> Array | float:
    """Return the largest |slope| of a function of one argument within ``error`` of its range."""
    name = step.operation
    if name == "power":
        return np.asarray(step.number * (size + error) ** max(step.number - 1, 0))
    if name == "exp":
        return np.exp(high + error)
    if name in ("sinh", "cosh"):
        return np.cosh(size + error)
    if name in ("sin", "cos", "tanh", "atan"):
        return 1.0
    # reciprocal, log and sqrt: the slope is largest at the argument that is nearest to 0
    least = _nearest(low, high) - error
    least = np.where(least > 0, least, 0.0)
    if name == "reciprocal":
        return 1.0 / least**2
    return np.asarray(1.0 / least if name == "log" else 0.5 / np.sqrt(least))
