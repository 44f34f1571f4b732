"""Functions of exactly one order of smoothness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_points
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UNIT, UP, factorial, power
from constructive.targets.products import additive
from constructive.targets.target import Target, stated_rounding

Array = NDArray[np.float64]


def kink(center: Sequence[float], order: int, *, box: Box | None = None) -> Target:
    """Return ``x -> sum_j sign(t_j) t_j^r / r!`` with t = x - center, r = ``order`` >= 1, on the box.

    That is |t|^r / r! for odd r and t |t|^(r-1) / r! for even r: r - 1 continuous derivatives, an r-th one that jumps
    from -1 to 1 at the center and is bounded by F_r = 1, nothing beyond. F_k = max_j |t_j|^(r-k) / (r-k)! for
    1 <= k <= r, exact; no bound of order r + 1 exists, and asking for it raises ValueError.
    Raises ValueError for a center outside the box, where the function would be a polynomial.

    >>> kink([0.25], 2).bound(2)
    1.0
    """
    who = "kink"
    middle = as_points([list(center)], who, "center")[0]
    r = as_count(order, who, "order", at_least=1, at_most=100)
    domain = bounded_box(box, middle.size, who)
    outside = (middle <= domain.lower) | (middle >= domain.upper)
    if outside.any():
        j = int(np.argmax(outside))
        raise ValueError(f"{who}: center[{j}]={middle[j]!r} must lie inside "
                         f"({domain.lower[j]!r}, {domain.upper[j]!r}), else the function has no kink there")
    terms = [_kink(float(c), r, float(l), float(u)) for c, l, u in zip(middle, domain.lower, domain.upper, strict=True)]
    return additive(terms, f"kinks of order {r}")


def _kink(center: float, order: int, low: float, high: float) -> Target:
    """Return sign(x - center) (x - center)^order / order! on an interval; computed signs are right."""
    reach = max(center - low, high - center) * UP

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        t, left = X[:, 0] - center, order - alpha[0]
        return np.asarray(np.sign(t) * t**left / factorial(left))

    def bound(k: int) -> float:
        return power(reach, order - k) / factorial(order - k) * (UP if k < order else 1.0)

    def noise(k: int) -> float:
        return (order - k + 12) * UNIT * bound(k) if k < order else 0.0

    return Target("kink", 1, lambda X: derivative((0,), X), derivative, bound, bound(1),
                  stated_rounding(noise, bound, order), Box.cube(1, low, high), order, noise=noise)
