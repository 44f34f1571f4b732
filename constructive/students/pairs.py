"""Separation: the smallest distance between differently labelled data, exact, with the pair that attains it.

Data flow: points -> a search finds the smallest rounded distance and the pairs that rounding cannot tell from it
-> these are compared in rational arithmetic -> the winner, its distance rounded down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_points
from constructive.evidence import Evidence
from constructive.labels import clean_labels
from constructive.students.closest import Search, sorted_rows

Array = NDArray[np.float64]

_LARGEST = 2.0**500
"""Coordinates beyond this are refused, so that distances, squares and reciprocals stay finite."""


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """The full smallest distance between conflicting points, the pair (i < k) that attains it, and the norm.

    ``distance`` is the exact value rounded down to a double, infinity without a conflicting pair;
    ``evidence`` is EXACT: near ties were compared in rational arithmetic. Among equals, ``pair`` is the
    smallest.
    """

    distance: float
    pair: tuple[int, int] | None
    evidence: Evidence
    norm: float


def separation(X: ArrayLike, y: Any = None, *, norm: float = math.inf) -> Separation:
    """Return ``min ||x_i - x_k||`` over pairs with different labels; over all pairs for ``y=None``.

    X (n, d) finite; labels as in :func:`constructive.memorize`; real labels conflict when their values
    differ. A data set can be memorized robustly at radius r if and only if ``r < distance / 2``. Cost: a grid
    over the coordinates that tell most pairs apart, near n log n while these are few; tiles of rows with early
    abandon otherwise, n^2 d at worst; memory O(n d). Raises
    TypeError and ValueError for data that are not finite numbers of matching shapes, or exceed 2^500. Source:
    arXiv:2401.13624 (hypothesis of separated data).

    >>> separation([[0.0, 0.0], [1.0, 0.25], [0.5, 0.0]], [0, 1, 0]).distance
    0.5
    """
    points = as_points(X, "separation")
    p = as_norm(norm, "separation")
    n = points.shape[0]
    if y is None:
        groups = np.zeros(n, np.int64)
    else:
        groups = conflict_groups(clean_labels(y, n, who="separation").scores)
    found = closest_conflict(points, groups, p, different=y is not None, who="separation")
    if found is None:
        return Separation(math.inf, None, Evidence.EXACT, p)
    pair, exact = found
    return Separation(root_down(exact) if p == 2.0 else round_down(exact), pair, Evidence.EXACT, p)


def conflict_groups(scores: Array) -> NDArray[np.int64]:
    """Return group numbers, equal exactly where the scores are equal."""
    groups: NDArray[np.int64] = np.unique(scores, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return groups


def closest_boxes(lower: Array, upper: Array, groups: NDArray[np.int64], p: float, *,
                  different: bool) -> tuple[float, tuple[int, int] | None]:
    """Return the smallest rounded l_p distance of two boxes, p = 1 or inf, and its pair, or (inf, None).

    Among equal rounded distances the pair that comes first in the order along the most spread coordinate.
    """
    order = sorted_rows(lower[:, int(np.argmax(np.ptp(lower, axis=0)))])
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    found = Search(lower, upper, groups, p, different, rounded=True, names=rank).run().decided
    if not found:
        return math.inf, None
    distance, _, i, k = min(found)
    return distance, (min(int(order[i]), int(order[k])), max(int(order[i]), int(order[k])))


def closest_conflict(points: Array, groups: NDArray[np.int64], p: float, *, different: bool,
                     who: str) -> tuple[tuple[int, int], Fraction] | None:
    """Return the closest conflicting pair (smallest among equals) and its exact distance, squared for l_2.

    None without a conflicting pair. Raises ValueError for coordinates beyond 2^500.
    """
    largest = float(np.abs(points).max())
    if largest > _LARGEST:
        raise ValueError(f"{who}: X holds {largest!r}; coordinates must be at most 2**500 in size: "
                         "rescale the data")
    # squares of small gaps must not underflow: a power of two moves the data up, exactly
    small = p == 2.0 and 0.0 < largest < 1.0
    scale = math.ldexp(1.0, min(1000, 500 - math.frexp(largest)[1])) if small else 1.0
    found = Search(points, points, groups, p, different, rounded=False, scale=scale).run()
    candidates = [(i, k) for _, i, k in found.near]
    if found.decided:
        candidates.append(min(found.decided)[2:])
    if not candidates:
        return None
    exact, best = min((distance_exact(points[i], points[k], p), (i, k)) for i, k in candidates)
    return best, exact


def distance_exact(a: Array, b: Array, p: float) -> Fraction:
    """Return ``||a - b||_p`` in rational arithmetic; its square for p = 2."""
    gaps = [abs(Fraction(u) - Fraction(v)) for u, v in zip(a.tolist(), b.tolist(), strict=True)]
    if p == 2.0:
        return sum((g * g for g in gaps), Fraction(0))
    return max(gaps) if p == math.inf else sum(gaps, Fraction(0))


def round_down(value: Fraction) -> float:
    """Return the largest double <= value."""
    near = float(value)
    return near if Fraction(near) <= value else math.nextafter(near, -math.inf)


def root_down(square: Fraction) -> float:
    """Return the largest double <= sqrt(square), for square >= 0."""
    if square == 0:
        return 0.0
    # an integer root with 64 extra bits, then one exact comparison
    shift = max(0, 64 + (square.denominator.bit_length() - square.numerator.bit_length()) // 2 + 64)
    root = math.isqrt((square.numerator << (2 * shift)) // square.denominator)
    near = round_down(Fraction(root, 1 << shift))
    above = math.nextafter(near, math.inf)
    return above if Fraction(above) ** 2 <= square else near
