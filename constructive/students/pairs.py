"""Separation: the smallest distance between differently labelled data, exact, with the pair that attains it.

Data flow: points -> sorted along the most spread axis -> a sweep finds the smallest rounded distance and
every pair within its rounding error -> these are compared in rational arithmetic -> the winner, its distance
rounded down.
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
    differ. A data set can be memorized robustly at radius r if and only if ``r < distance / 2``. Cost: a
    sweep with early abandon, near n log n in few dimensions and n^2 d at worst; memory O(n d). Raises
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


def spread_order(lower: Array) -> tuple[NDArray[np.int64], int]:
    """Return the order that sorts the rows along their most spread coordinate, and that coordinate."""
    axis = int(np.argmax(np.ptp(lower, axis=0)))
    return np.argsort(lower[:, axis], kind="stable"), axis


@dataclass(frozen=True, slots=True, eq=False)
class _Sweep:
    """Boxes sorted by their most spread coordinate, which comes first; ``names`` are the rows they came from.

    The other coordinates follow by spread, so that a sum of gaps exceeds the best one as early as possible.
    ``slack`` covers twice the rounding error of a distance: 8 (d + 4) units in the last place.
    """

    lower: Array
    upper: Array
    groups: NDArray[np.int64]
    names: NDArray[np.int64]
    slack: float

    @staticmethod
    def of(lower: Array, upper: Array, groups: NDArray[np.int64], scale: float = 1.0) -> _Sweep:
        columns = np.argsort(-np.ptp(lower, axis=0), kind="stable")
        order = np.argsort(lower[:, columns[0]], kind="stable")
        rows = np.ix_(order, columns)
        return _Sweep(np.ascontiguousarray(lower[rows]) * scale, np.ascontiguousarray(upper[rows]) * scale,
                      groups[order], order, 1.0 + 8 * 2.0**-53 * (lower.shape[1] + 4))

    @property
    def block(self) -> int:
        """Rows handled by one call of a kernel."""
        return max(256, self.names.size // 64 + 1)

    def closest(self, p: float, different: bool) -> tuple[float, tuple[int, int] | None]:
        """Return the smallest rounded distance and its pair, the first in sweep order among equals."""
        from constructive._kernels import in_blocks
        from constructive._kernels.pairs import closest_pair
        found: list[tuple[float, int, int]] = []
        limit = [math.inf]

        def work(start: int, stop: int) -> None:
            best = closest_pair(self.lower, self.upper, self.groups, p, different, start, stop, limit[0],
                                self.slack)
            if best[1] >= 0:
                found.append(best)
                # Later blocks start just above this, so that each still reports a tie and the choice among
                # equals does not depend on the threads; a stale value only costs time.
                limit[0] = min(limit[0], math.nextafter(best[0], math.inf))

        in_blocks(self.names.size, self.block, work)
        if not found:
            return math.inf, None
        distance, i, k = min(found)
        return float(distance), _ordered(self.names[i], self.names[k])

def _ordered(i: int, k: int) -> tuple[int, int]:
    return (min(int(i), int(k)), max(int(i), int(k)))


def closest_boxes(lower: Array, upper: Array, groups: NDArray[np.int64], p: float, *,
                  different: bool) -> tuple[float, tuple[int, int] | None]:
    """Return the smallest rounded l_p distance of two boxes, p = 1 or inf, and its pair, or (inf, None)."""
    return _Sweep.of(lower, upper, groups).closest(p, different)


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
    candidates = _candidates(_Sweep.of(points, points, groups, scale), p, different)
    if not candidates:
        return None
    exact, best = min((distance_exact(points[i], points[k], p), (i, k)) for i, k in candidates)
    return best, exact


def _candidates(sweep: _Sweep, p: float, different: bool) -> list[tuple[int, int]]:
    """Return pairs among which the closest one is: near ties, one of each block where nothing was rounded."""
    from constructive._kernels import in_blocks
    from constructive._kernels.pairs import closest_points
    found: list[tuple[float, tuple[int, int]]] = []
    limit = [math.inf]

    def work(start: int, stop: int) -> None:
        capacity, count = 64, -1
        while count < 0:
            out, distance = np.empty((capacity, 2), np.int64), np.empty(capacity)
            count, best, exact, i, k = closest_points(sweep.lower, sweep.groups, sweep.names, p, different,
                                                      start, stop, limit[0], sweep.slack, out, distance)
            capacity *= 16
        limit[0] = min(limit[0], best)  # a stale value only costs time
        near = zip(distance[:count].tolist(), out[:count], strict=True)
        found.extend((d, _ordered(*pair)) for d, pair in near)
        if i >= 0:
            found.append((exact, _ordered(i, k)))

    in_blocks(sweep.names.size, sweep.block, work)
    return [pair for distance, pair in found if distance <= limit[0] * sweep.slack]


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
