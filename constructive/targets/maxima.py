"""The largest value of a program over a box, by branch and bound.

On each box the natural range and the mean value form ``f(m) + f'(box) (x - m)``, whose excess is quadratic in the size
of the box, are intersected; values at middles bound the maximum from below; boxes that stand out are halved until both
sides agree to the wished precision.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.domain import Box
from constructive.targets._upward import UNIT, UP
from constructive.targets.intervals import result_range, rounding_error
from constructive.targets.programs import Program

Array = NDArray[np.float64]
_SMALLEST = 2.0**-20
"""Boxes that are this small, relative to the whole, and still have no finite bound are taken for poles."""


def largest(program: Program, slopes: list[Program], box: Box, relative: float, budget: int) -> float:
    """Return an upper bound on |program| over the box, within the factor 1 + relative unless the budget is spent.

    ``slopes`` are the partial derivatives. Raises ValueError, with the place, where no finite bound is found.

    >>> from constructive.targets.programs import Step
    >>> square = Program((Step("input"), Step("power", (0,), 2)), "x^2")
    >>> twice = Program((Step("input"), Step("add", (0, 0))), "2 x")
    >>> 9.0 <= largest(square, [twice], Box.cube(1, -3.0, 2.0), 0.01, 100) <= 9.1
    True
    """
    if program.constant:
        low, high = result_range(program, box.lower[None], box.upper[None])
        return float(np.maximum(np.abs(low), np.abs(high))[0])
    low, high = box.lower[None, :], box.upper[None, :]
    seen, done, left = 0.0, 0.0, budget
    whole = np.maximum(high - low, np.finfo(np.float64).tiny)
    floor = 0.0
    while True:
        upper, lower, side = _on_boxes(program, slopes, low, high)
        seen = max(seen, float(lower.max(initial=0.0)))
        if floor == 0.0 and np.isfinite(upper).all():
            floor = 2.0**-30 * float(upper.max())  # for functions that vanish, which no factor can reach
        goal = max(seen * (1 + relative), floor)
        done = max(done, float(upper[upper <= goal].max(initial=0.0)))
        rows = np.flatnonzero(upper > goal)
        stuck = np.isinf(upper) & ((high - low) <= _SMALLEST * whole).all(axis=1)
        if stuck.any() or (2 * rows.size > left and np.isinf(upper).any()):
            k = int(np.argmax(stuck)) if stuck.any() else int(np.argmax(upper))
            raise ValueError(_pole(program, low[k] / 2 + high[k] / 2))
        if rows.size == 0:
            return max(done, seen) * UP
        if 2 * rows.size > left:
            return max(done, seen, float(upper.max())) * UP
        left -= 2 * rows.size
        low, high = _halved(low[rows], high[rows], side[rows])


def _on_boxes(program: Program, slopes: list[Program], low: Array,
              high: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return upper bounds on |program| over boxes, lower bounds at their middles, and the sides to halve."""
    middle = low / 2 + high / 2
    reach = np.nextafter(np.maximum(high - middle, middle - low), np.inf)
    bottom, top = result_range(program, low, high)
    least, most = result_range(program, middle, middle)
    if np.isinf(least).any() or np.isinf(most).any():
        k = int(np.argmax(np.isinf(least) | np.isinf(most)))
        raise ValueError(_pole(program, middle[k]))
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


def largest_rounding(program: Program, box: Box) -> float:
    """Return a bound on the rounding error of the program over the box; cells without one are cut further.

    Raises ValueError, with the place, where no finite bound is found.

    >>> from constructive.targets.programs import Step
    >>> 0.0 < largest_rounding(Program((Step("input"), Step("exp", (0,))), "exp(x)"), Box.cube(1)) < 1e-14
    True
    """
    low, high = cells(box, 2048)
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
    raise ValueError(f"the rounding error of {program.text} is unbounded near {(low[0] + high[0]) / 2}; "
                     "rewrite the expression or shrink the box")


def cells(box: Box, count: int) -> tuple[Array, Array]:
    """Return about ``count`` equal boxes that cover the box, as lower and upper ends (n, d).

    >>> cells(Box.cube(1), 2)[0].tolist()
    [[0.0], [0.5]]
    """
    d = box.dimension
    k = max(1, int(count ** (1 / d) + 1e-9))
    ends = [np.linspace(low, high, k + 1) for low, high in zip(box.lower, box.upper, strict=True)]
    low = np.stack(np.meshgrid(*[e[:-1] for e in ends], indexing="ij"), axis=-1).reshape(-1, d)
    high = np.stack(np.meshgrid(*[e[1:] for e in ends], indexing="ij"), axis=-1).reshape(-1, d)
    return low, high


def _pole(program: Program, x: Array) -> str:
    """Return the refusal of an expression that has no finite bound near x."""
    place = [float(f"{v:.6g}") for v in x]
    return (f"{program.text} is infinite, complex or 0/0 at or near x = {place}, or too steep to be enclosed there; "
            "shrink the box, lower the order, or rewrite a removable singularity")
