"""Targets on any box, seen from the unit cube."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UNIT, UP, power
from constructive.targets.target import Target, shifted, stated_rounding

Array = NDArray[np.float64]


def rescaled(target: Target) -> Target:
    """Return ``u -> f(lower + side u)`` on the unit cube for a target f on the box ``lower + side [0, 1]^d``.

    D^alpha carries the factor ``prod_j side_j^alpha_j``, F_r the factor ``max_j side_j^r``, the Lipschitz constant
    ``max_j side_j``; the rounding of ``lower + side u`` is added to the stated one. A target that lives on the unit
    cube is returned as it is. Raises ValueError for a box with a side of length 0 or infinity.

    >>> from constructive.targets import polynomial
    >>> wide = rescaled(polynomial({(2,): 1.0}, box=Box([0.0], [4.0])))
    >>> float(wide([[0.5]])[0]), 32.0 <= wide.bound(2) <= 32.0 * (1 + 2.0**-37)
    (4.0, True)
    """
    who = "rescaled"
    if not isinstance(target, Target):
        raise TypeError(f"{who}: target must be a Target, got {type(target).__name__}")
    box, d, order = bounded_box(target.box, target.dimension, who), target.dimension, target.order
    low, high = box.lower, box.upper
    if not (low < high).all():
        j = int(np.argmin(low < high))
        raise ValueError(f"{who}: side {j} of the box, [{low[j]!r}, {high[j]!r}], has no length; widen it")
    if (low == 0).all() and (high == 1).all():
        return target
    side = high - low
    longest = float(side.max()) * UP
    # side, product and sum are rounded; each error is at most a unit of what it rounds
    moved = float((2 * side + np.maximum(np.abs(low), np.abs(high))).sum()) * UNIT * UP

    def place(U: Array) -> Array:
        x = low + side * U
        return np.where((U >= 0) & (U <= 1), np.clip(x, low, high), x)

    def derivative(alpha: tuple[int, ...], U: Array) -> Array:
        factor = math.prod(power(float(s), a) for s, a in zip(side, alpha, strict=True))
        return factor * target.derivative(alpha, place(U))

    def bound(r: int) -> float:
        return power(longest, r) * target.bound(r) * UP

    def noise(r: int) -> float:
        inner = target.derivative_rounding(r) + (shifted(target, r, moved) if r < order or r == 0 else 0.0)
        return power(longest, r) * (inner + (20 * r + 2) * UNIT * target.bound(r)) * UP

    return Target(f"{target.name}, rescaled", d, lambda U: target.values(place(U)), derivative, bound,
                  longest * target.lipschitz * UP, stated_rounding(noise, bound, order), Box.cube(d), order,
                  target.evidence, noise)
