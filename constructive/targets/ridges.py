"""Ridge functions: one-dimensional targets of a weighted sum of the coordinates, exponentials among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_points
from constructive.domain import Box
from constructive.targets._domains import bounded_box
from constructive.targets._upward import UNIT, UP, power
from constructive.targets.target import Target, shifted, stated_rounding

Array = NDArray[np.float64]


def ridge(profile: Target, direction: Sequence[float], *, box: Box | None = None) -> Target:
    """Return ``x -> g(w . x)`` on the box (default: the unit cube), g = ``profile``, w = ``direction``.

    F_r = max_j |w_j|^r G_r with G_r the profile's bound on its own interval, which must contain all w . x: pass
    ``ridge_interval(w)`` as the box of the profile and F_r is exact where the profile's is. Lipschitz constant in
    l_inf: ||w||_1 G_1. Order and evidence are the profile's.
    Raises ValueError for a profile of several coordinates, or one whose interval is too small.

    >>> from constructive.targets import cosine_product
    >>> float(ridge(cosine_product([1.0], box=Box([-1.0], [1.0])), [1.0, -1.0])([[0.5, 0.5]])[0])
    1.0
    """
    who = "ridge"
    if not isinstance(profile, Target):
        raise TypeError(f"{who}: profile must be a Target, got {type(profile).__name__}")
    if profile.dimension != 1:
        raise ValueError(f"{who}: profile ({profile.name}) has {profile.dimension} coordinates, needs exactly one")
    weights = as_points([list(direction)], who, "direction")[0]
    domain = bounded_box(box, weights.size, who)
    least, most = _ends(weights, domain)
    low, high = float(profile.box.lower[0]), float(profile.box.upper[0])
    if least < low or most > high:
        raise ValueError(f"{who}: w . x ranges over [{float(least)!r}, {float(most)!r}], but the profile lives on "
                         f"[{low!r}, {high!r}]; give it the box ridge_interval(direction)")
    d, order = weights.size, profile.order
    size = float((np.abs(weights) * np.maximum(np.abs(domain.lower), np.abs(domain.upper))).sum())
    moved = (d + 1) * UNIT * size * UP  # error of the computed w . x in any order of summation
    largest = float(np.abs(weights).max())

    def derivative(alpha: tuple[int, ...], X: Array) -> Array:
        place = X @ weights
        # rounding may leave the interval, where clipping only helps; points far outside are the caller's affair
        close = (place >= low - moved) & (place <= high + moved)
        place = np.where(close, np.clip(place, low, high), place)[:, None]
        return math.prod(power(float(w), a) for w, a in zip(weights, alpha, strict=True)) * profile.derivative(
            (sum(alpha),), place)

    def bound(r: int) -> float:
        return power(largest, r) * profile.bound(r) * UP

    def noise(r: int) -> float:
        inner = profile.derivative_rounding(r) + shifted(profile, r, moved)
        return power(largest, r) * (inner + (10 * min(d, r) + 2) * UNIT * profile.bound(r)) * UP

    return Target(f"{profile.name} along a ridge", d, lambda X: derivative((0,) * d, X), derivative, bound,
                  float(np.abs(weights).sum()) * profile.lipschitz * UP, stated_rounding(noise, bound, order), domain,
                  order, profile.evidence, noise)


def ridge_interval(direction: Sequence[float], box: Box | None = None) -> Box:
    """Return the interval of ``w . x`` over the box (default: the unit cube), its ends rounded outward.

    >>> ridge_interval([1.0, -2.0]).lower.item(), ridge_interval([1.0, -2.0]).upper.item()
    (-2.0, 1.0)
    """
    weights = as_points([list(direction)], "ridge_interval", "direction")[0]
    least, most = _ends(weights, bounded_box(box, weights.size, "ridge_interval"))
    low, high = float(least), float(most)
    low = low if Fraction(low) <= least else math.nextafter(low, -math.inf)
    high = high if Fraction(high) >= most else math.nextafter(high, math.inf)
    return Box.cube(1, low, high)


def exponential(rate: Sequence[float], *, box: Box | None = None) -> Target:
    """Return ``x -> exp(a . x)`` on the box (default: the unit cube), a = ``rate``.

    F_r = max_j |a_j|^r exp(max of a . x over the box), attained; Lipschitz constant in l_inf ``||a||_1 F_0``.
    Raises ValueError for rates that are not finite, or where exp overflows.

    >>> float(exponential([1.0, -1.0])([[0.5, 0.5]])[0])
    1.0
    """
    interval = ridge_interval(rate, bounded_box(box, len(list(rate)), "exponential"))
    top = float(interval.upper[0])
    if top > 700:
        raise ValueError(f"exponential: a . x reaches {top!r} on the box and exp overflows; use smaller rates")
    largest = math.exp(top) * UP + 2.0**-1000
    # exp is its own derivative; 4 units in the last place are at most 8 halves of its largest value
    profile = Target("exponential", 1, lambda X: np.exp(X[:, 0]), lambda alpha, X: np.exp(X[:, 0]), lambda r: largest,
                     largest, 8 * UNIT * largest * UP, interval, noise=lambda r: 8 * UNIT * largest * UP)
    return ridge(profile, rate, box=box)


def _ends(weights: Array, box: Box) -> tuple[Fraction, Fraction]:
    """Return the exact least and largest w . x over the box."""
    pairs = [sorted((Fraction(float(w)) * Fraction(float(l)), Fraction(float(w)) * Fraction(float(u))))
             for w, l, u in zip(weights, box.lower, box.upper, strict=True)]
    return sum((low for low, _ in pairs), Fraction(0)), sum((high for _, high in pairs), Fraction(0))
