"""Separation: the smallest distance between differently labelled data, exact, with the pair that attains it.

Data flow: points -> sorted along the most spread axis -> a sweep finds the smallest rounded distance -> all pairs
within its rounding error are compared in rational arithmetic -> the winner, its distance rounded down.
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

Array = NDArray[np.float64]

_CANDIDATES = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """The full smallest distance between conflicting points, the pair (i < k) that attains it, and the norm.

    ``distance`` is the exact value rounded down to a double, infinity without a conflicting pair. ``evidence``
    is EXACT, or ENCLOSED where more pairs than could be compared exactly lie within a rounding error.
    """

    distance: float
    pair: tuple[int, int] | None
    evidence: Evidence
    norm: float


def separation(X: ArrayLike, y: Any = None, *, norm: float = math.inf) -> Separation:
    """Return ``min ||x_i - x_k||`` over pairs with different labels; over all pairs for ``y=None``.

    X (n, d) finite; labels as in :func:`constructive.memorize`; real labels conflict when their values differ.
    A data set can be memorized robustly at radius r if and only if ``r < distance / 2``. Cost: a sweep with
    early abandon, near n log n in few dimensions and n^2 d at worst; memory O(n d).
    Raises TypeError and ValueError for data that are not finite numbers of matching shapes.
    Source: arXiv:2401.13624 (hypothesis of separated data).

    >>> separation([[0.0, 0.0], [1.0, 0.25], [0.5, 0.0]], [0, 1, 0]).distance
    0.5
    """
    points = as_points(X, "separation")
    p = as_norm(norm, "separation")
    n = points.shape[0]
    if y is None:
        groups = np.zeros(n, np.int64)
    else:
        labels = clean_labels(y, n, who="separation")
        groups = conflict_groups(labels.scores)
    pair, exact, evidence = closest_conflict(points, groups, p, different=y is not None)
    if pair is None:
        return Separation(math.inf, None, Evidence.EXACT, p)
    return Separation(_root_down(exact) if p == 2.0 else _down(exact), pair, evidence, p)


def conflict_groups(scores: Array) -> NDArray[np.int64]:
    """Return group numbers, equal exactly where the scores are equal."""
    groups: NDArray[np.int64] = np.unique(scores, return_inverse=True)[1].astype(np.int64)
    return groups


def spread_order(lower: Array) -> tuple[NDArray[np.int64], int]:
    """Return the order that sorts the rows along their most spread coordinate, and that coordinate."""
    axis = int(np.argmax(np.ptp(lower, axis=0)))
    return np.argsort(lower[:, axis], kind="stable"), axis


def closest_boxes(lower: Array, upper: Array, groups: NDArray[np.int64], p: float, *,
                  different: bool) -> tuple[float, tuple[int, int] | None]:
    """Return the smallest rounded l_p distance of two boxes (squared for p = 2) and its pair, or (inf, None)."""
    from constructive._kernels import in_blocks
    from constructive._kernels.pairs import closest_pair
    order, axis = spread_order(lower)
    low, high, labels = lower[order], upper[order], groups[order]
    slack = 1.0 + 8 * 2.0**-53 * (lower.shape[1] + 4)
    found: list[tuple[float, int, int]] = []
    limit = [math.inf]

    def work(start: int, stop: int) -> None:
        best = closest_pair(low, high, labels, axis, p, different, start, stop, limit[0], slack)
        if best[1] >= 0:
            found.append(best)
            limit[0] = min(limit[0], best[0])  # later blocks start from here; a stale value only costs time

    n = lower.shape[0]
    in_blocks(n, max(256, n // 64 + 1), work)
    if not found:
        return math.inf, None
    distance, i, k = min(found)
    a, b = int(order[i]), int(order[k])
    return float(distance), (min(a, b), max(a, b))


def closest_conflict(points: Array, groups: NDArray[np.int64], p: float, *,
                     different: bool) -> tuple[tuple[int, int] | None, Fraction, Evidence]:
    """Return the closest conflicting pair, its exact distance (squared for p = 2), and the evidence."""
    from constructive._kernels.pairs import pairs_within
    near, pair = closest_boxes(points, points, groups, p, different=different)
    if pair is None:
        return None, Fraction(0), Evidence.EXACT
    order, axis = spread_order(points)
    # 2 (d + 4) units in the last place cover the rounding of both distances; subnormal gaps are exact
    slack = 1.0 + 8 * 2.0**-53 * (points.shape[1] + 4)
    out = np.empty((_CANDIDATES, 2), np.int64)
    rows = points[order]
    count = pairs_within(rows, rows, groups[order], axis, p, different, near * slack, slack, out)
    if count > _CANDIDATES:
        exact = distance_exact(points[pair[0]], points[pair[1]], p)
        return pair, exact * (1 - Fraction(8 * (points.shape[1] + 4), 2**53)), Evidence.ENCLOSED
    candidates = [tuple(sorted((int(order[i]), int(order[k])))) for i, k in out[:count]]
    exact, best = min((distance_exact(points[i], points[k], p), (i, k)) for i, k in candidates)
    return best, exact, Evidence.EXACT


def distance_exact(a: Array, b: Array, p: float) -> Fraction:
    """Return ``||a - b||_p`` in rational arithmetic; its square for p = 2."""
    gaps = [abs(Fraction(float(u)) - Fraction(float(v))) for u, v in zip(a, b, strict=True)]
    if p == 2.0:
        return sum((g * g for g in gaps), Fraction(0))
    return max(gaps) if p == math.inf else sum(gaps, Fraction(0))


def _down(value: Fraction) -> float:
    near = float(value)
    return near if Fraction(near) <= value else math.nextafter(near, -math.inf)


def _root_down(square: Fraction) -> float:
    near = math.sqrt(float(square))
    while Fraction(near) ** 2 > square:
        near = math.nextafter(near, -math.inf)
    while Fraction(math.nextafter(near, math.inf)) ** 2 <= square:
        near = math.nextafter(near, math.inf)
    return near
