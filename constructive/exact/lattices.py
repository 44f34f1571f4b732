"""Data and balls on a lattice of integers: coordinates times a power of two, every ball inside its box of integers.

Grids compare coordinates with thresholds, so all of it is done in integers. Data that the lattice cannot hold are moved
to its nearest point and the reach is widened by the move: what is proved for the boxes on the lattice holds for the
balls round the data as given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_points
from constructive.exact.radii import as_radius
from constructive.labels import Labels, clean_labels

Whole = NDArray[np.int64]

_FINE = 10
"""Bits of the free space between two boxes, if the data allow."""

_LARGEST = 58
"""Bits of the coordinates: sums of two stay inside 64."""


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """``points`` (n, d) with ``|points - X 2^power| <= move``; ``reach >= radius 2^power + move``, all integers.

    The closed ball of the radius round X[i] lies in the box of half-side ``reach`` round ``points[i]``, divided by
    2^power. ``separation``: the smallest l_inf distance of two points with different labels, 0 without such a pair;
    ``signs`` (n,) +-1; ``data`` the points X as given.
    """

    points: Whole
    signs: Whole
    data: NDArray[np.float64]
    labels: Labels
    power: int
    reach: int
    separation: int
    radius: Fraction

    @property
    def free(self) -> int:
        """The smallest l_inf distance of two boxes of different labels, ``separation - 2 reach``."""
        return self.separation - 2 * self.reach


def on_lattice(X: Any, y: Any, radius: Fraction | float | int, *, who: str, parts: int = 1) -> Lattice:
    """Return the data of two classes on a lattice fine enough for balls of the radius, exactly where 58 bits do.

    ``parts``: so fine that balls of the radius also differ from ``separation / parts``. Raises ValueError for other
    labels, for a radius that is not in [0, separation / (2 parts)), naming the pair, and if 58 bits cannot tell the
    boxes apart.
    """
    points = as_points(X, who)
    labels = clean_labels(y, points.shape[0], who=who, task="classification")
    if labels.outputs != 1:
        raise ValueError(f"{who}: needs two classes, but y has {labels.words}")
    r = as_radius(radius, who)
    signs = labels.scores.astype(np.int64)
    free = _free(points, signs, r, parts, who)
    largest = Fraction(float(np.abs(points).max())) + r
    most = _LARGEST - 1 - _floor_log2(largest) if largest else _LARGEST
    power = min(max(_digits(points), _FINE - _floor_log2(free), 0), most)
    if power < 0:
        raise ValueError(f"{who}: X holds {float(largest)!r}, beyond {_LARGEST} bits; rescale the data")
    scaled = np.ldexp(points, power)
    rounded = np.rint(scaled)
    move = 0 if np.array_equal(rounded, scaled) else 1
    whole = rounded.astype(np.int64)
    reach = math.ceil(r * 2**power) + move
    _, apart = closest_conflict(whole, signs)
    found = Lattice(whole, signs, points, labels, power, reach, apart, r)
    if (signs != signs[0]).any() and apart - 2 * parts * reach < 8 * parts:
        raise ValueError(f"{who}: {_LARGEST} bits leave fewer than 8 lattice points free at radius={float(r)!r}; "
                         "pass a smaller radius")
    return found


def _free(points: NDArray[np.float64], signs: Whole, radius: Fraction, parts: int, who: str) -> Fraction:
    """Return separation / parts - 2 radius, exactly; 1 without a conflicting pair; ValueError if it is not positive."""
    if (signs == signs[0]).all():
        return Fraction(1)
    pairs, _ = closest_conflict(points, signs)
    distance, i, k = min((_distance(points[a], points[b]), a, b) for a, b in pairs)
    if 2 * radius * parts >= distance:
        grids = f" for {parts} shifted grids" if parts > 1 else ""
        needed = float(2 * parts * radius)
        raise ValueError(f"{who}: radius={float(radius)!r} needs l_inf separation > {needed!r}{grids}, but X[{i}] "
                         f"and X[{k}], of different labels, are {float(distance)!r} apart; pass radius < "
                         f"{float(distance / (2 * parts))!r}")
    return distance / parts - 2 * radius


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> Fraction:
    return max(abs(Fraction(u) - Fraction(v)) for u, v in zip(a.tolist(), b.tolist(), strict=True))


def closest_conflict(points: NDArray[Any], signs: Whole) -> tuple[list[tuple[int, int]], Any]:
    """Return the pairs (i, k), of signs + and -, at the smallest l_inf distance as computed, and that distance.

    Without two signs no pair and 0. For doubles, pairs within rounding of the smallest are among them.
    """
    above, below = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
    best: Any = None
    found: list[tuple[int, int]] = []
    if not above.size or not below.size:
        return found, 0
    others = points[below]
    for i in above.tolist():
        apart = np.abs(others - points[i]).max(axis=1)
        least = apart.min()
        near = least + abs(least) * 2.0**-50 if points.dtype.kind == "f" else least
        if best is None or least <= (best + abs(best) * 2.0**-50 if points.dtype.kind == "f" else best):
            best = least if best is None else min(best, least)
            found += [(min(i, int(k)), max(i, int(k))) for k in below[apart <= near]]
    return found, best if points.dtype.kind == "f" else int(best)


def _digits(points: NDArray[np.float64]) -> int:
    """Return how many binary digits after the point the data have."""
    fractions = np.unique(np.abs(points))
    return max(0, *(value.as_integer_ratio()[1].bit_length() - 1 for value in fractions.tolist()), 0)


def _floor_log2(value: Fraction) -> int:
    power = value.numerator.bit_length() - value.denominator.bit_length()
    return power if Fraction(2) ** power <= value else power - 1
