"""Data on a line: an integer direction along which no two labels meet, and how far apart it keeps them.

Every memorizer here is a function of one number ``z = a . x``. A function of a . x cannot be right on balls of radius
r_max or more, where r_max is half the smallest distance between neighbors of different labels on the line, divided by
the dual norm of a; and every smaller radius is reached. The direction is drawn: candidates are ranked in doubles, the
winner is decided in integers, and the radius is a statement about that direction alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_norm, as_points
from constructive.domain import Box
from constructive.exact.network import over_common_denominator
from constructive.exact.norms import dual_norm
from constructive.exact.radii import as_radius
from constructive.labels import Labels, clean_labels

Array = NDArray[np.float64]

_LENGTHS = (8, 16, 24, 32, 44)
"""Bits of the entries of a direction, shortest first: digits need 24, uniform data 8."""

_FINE = 16
"""Positions are fine enough when the decisive gap is at least this many units of the data's grid wide."""

_DECIDED = 8
"""How many of the directions ranked best in doubles are measured in integers."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Labeled data on a line: ``positions[i] = direction . X[i]``, integers without rounding.

    ``direction`` (d,) acts on the data themselves, whose binary fractions it clears; ``positions`` (n,) in the order
    of the data; ``box`` and ``step``: the data lie in the box, on multiples of the step; ``labels`` of the data;
    ``dual``: the dual norm of the direction (for norm 2 rounded up by at most 2^-60 of it); ``radius``: r_max, exactly
    (for norm 2 rounded down so; infinite without changes); ``changes``: how often the label changes along the line;
    ``draws``: how many directions of each kind were compared.
    """

    direction: tuple[int, ...]
    positions: tuple[int, ...]
    box: Box
    step: Fraction
    labels: Labels
    norm: float
    dual: Fraction
    radius: Fraction | float
    changes: int
    draws: int

    @property
    def order(self) -> list[int]:
        """Data numbers from left to right."""
        return sorted(range(len(self.positions)), key=self.positions.__getitem__)

    @property
    def signs(self) -> list[int]:
        """+1 for the second of two classes, -1 for the first; ValueError for other labels."""
        if self.labels.classes is None or len(self.labels.classes) > 2:
            raise ValueError(f"Projection.signs: needs at most two classes, got {self.labels.words}; "
                             "use bit_planes for more")
        return [int(s) for s in self.labels.scores]

    def reach(self, radius: Fraction | float | int) -> Fraction:
        """Return how far the ball of the given radius reaches on the line: radius times the dual norm.

        Raises ValueError unless 0 <= radius < r_max.
        """
        value = as_radius(radius, "reach")
        if not value < self.radius:
            raise ValueError(f"reach: radius={float(radius)!r} must be below {float(self.radius)!r}, the "
                             "largest possible on this direction; take a smaller radius or draw more directions")
        return value * self.dual


def project(X: Any, y: Any, *, norm: float = math.inf, draws: int = 1000, prefer: str = "radius",
            rng: np.random.Generator | int | None = None) -> Projection:
    """Return the best of the drawn directions on which no two different labels meet.

    X (n, d) floats, read exactly; y labels of classes. ``prefer="radius"``: the largest r_max, of ``draws`` normal
    directions; ``"discriminant"``: the same of a least-squares discriminant and ``draws - 1`` random perturbations of
    it, on which labels change less often; ``"changes"``: of those the fewest label changes, at whatever radius;
    ``"size"``: of so many of both kinds the one whose folded look-up is estimated smallest, from changes and radius.
    All are ranked in doubles and the best decided in integers. Entries have 8 bits, more only where the data need it.

    Raises ValueError for real labels, for equal data with different labels (the pair is named), and if no direction
    separates.

    >>> p = project([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 0], draws=100, rng=0)
    >>> p.changes, bool(p.radius <= 1 / 2)
    (2, True)
    """
    points = as_points(X, "project")
    labels = clean_labels(y, points.shape[0], who="project")
    if labels.classes is None:
        raise ValueError("project: y holds real values, but a projection separates classes; round them to integers")
    if prefer not in ("radius", "discriminant", "changes", "size"):
        raise ValueError(f"project: prefer={prefer!r} must be 'radius', 'discriminant', 'changes' or 'size'")
    p, count = as_norm(norm, "project"), as_count(draws, "project", "draws", at_least=1)
    _refuse_conflicts(points, labels)
    generator = np.random.default_rng(rng)
    data = _Data(points, labels, p)
    # a power of two that doubles can square: it changes no rank
    near = np.ldexp(points, -int(np.frexp(np.abs(points).max())[1]))
    kinds = [generator.standard_normal((count, points.shape[1]))] if prefer in ("radius", "size") else []
    if prefer != "radius":
        kinds.append(_discriminants(near, labels, count, generator))
    directions = np.vstack(kinds)
    best: Projection | None = None
    for bits in _LENGTHS:
        candidates = _integers(directions, bits)
        for k in _ranked(near, labels.index, candidates, p, prefer)[:_DECIDED]:
            found = data.measured(candidates[k].tolist(), count)
            if found is not None and (best is None or _merit(found, prefer) > _merit(best, prefer)):
                best = found
        if best is not None and (not best.changes or best.radius * best.dual >= Fraction(_FINE * data.unit, 2)):
            return best
    if best is None:
        raise ValueError(f"project: none of {count} directions keeps different labels apart; raise draws, or round "
                         "the data to a coarser grid")
    return best


def along(X: Any, y: Any, direction: Any, *, norm: float = math.inf) -> Projection:
    """Return the data on the line of a given integer direction.

    Raises ValueError if two data of different labels meet there, TypeError if an entry is not an integer.

    >>> along([[0.0, 0.5], [1.0, 0.0]], [0, 1], [3, 1]).radius
    Fraction(5, 16)
    """
    points = as_points(X, "along")
    labels = clean_labels(y, points.shape[0], who="along")
    if labels.classes is None:
        raise ValueError("along: y holds real values, but a projection separates classes; round them to integers")
    entries = np.asarray(direction, dtype=object).reshape(-1).tolist()
    if len(entries) != points.shape[1]:
        raise ValueError(f"along: direction has {len(entries)} entries, the data have {points.shape[1]} coordinates")
    weights = [as_count(v, "along", "direction", at_least=-(1 << 4096)) for v in entries]
    found = _Data(points, labels, as_norm(norm, "along")).measured(weights, 1)
    if found is None:
        raise ValueError(f"along: two data of different labels meet on direction={entries}; take another direction")
    return found


def _refuse_conflicts(points: Array, labels: Labels) -> None:
    order = np.lexsort(points.T)
    same = (points[order[1:]] == points[order[:-1]]).all(axis=1)
    bad = np.flatnonzero(same & (labels.index[order[1:]] != labels.index[order[:-1]]))
    if bad.size:
        i, k = sorted((int(order[bad[0]]), int(order[bad[0] + 1])))
        raise ValueError(f"project: X[{i}] and X[{k}] are equal but have different labels; remove one of them")


def _discriminants(points: Array, labels: Labels, draws: int, rng: np.random.Generator) -> Array:
    """Return the least-squares direction and perturbations of it, by 1/1000 to 1/3 of its length."""
    centered = points - points.mean(axis=0)
    scores = labels.index - labels.index.mean()
    best = np.linalg.lstsq(centered, scores, rcond=None)[0]
    length = float(np.linalg.norm(best))
    if length == 0.0:  # one class, or labels that no direction is correlated with
        return rng.standard_normal((draws, points.shape[1]))
    sizes = np.geomspace(1e-3, 1 / 3, max(draws - 1, 1))[:draws - 1, None]
    noise = rng.standard_normal((draws - 1, points.shape[1])) / math.sqrt(points.shape[1])
    return np.vstack([best / length, best / length + sizes * noise])


def _integers(directions: Array, bits: int) -> Array:
    """Return the directions rounded to integers below 2^bits (exact in doubles), none of them zero."""
    largest = np.abs(directions).max(axis=1, keepdims=True)
    return np.rint(directions / np.where(largest > 0, largest, 1.0) * (2.0**bits - 1))


def _ranked(points: Array, index: NDArray[np.int64], candidates: Array, norm: float, prefer: str) -> list[int]:
    """Return candidate numbers, best first, as doubles see them; integers decide later."""
    centered = points - points.mean(axis=0)
    dual = {1.0: np.inf, 2.0: 2, math.inf: 1}[norm]
    lengths = np.linalg.norm(candidates, ord=dual, axis=1)
    radii, changes, spreads = np.zeros(len(candidates)), np.zeros(len(candidates)), np.zeros(len(candidates))
    for k, (direction, length) in enumerate(zip(candidates, lengths, strict=True)):
        if length == 0:
            changes[k] = math.inf
            continue
        z = centered @ direction
        order = np.argsort(z, kind="stable")
        differ = index[order[1:]] != index[order[:-1]]
        gaps = np.diff(z[order])[differ]
        radii[k], changes[k] = gaps.min(initial=math.inf) / length, differ.sum()
        spreads[k] = (z[order[-1]] - z[order[0]]) / length
    # the last key is the first that counts: directions on which doubles see two labels meet come last
    if prefer == "changes":
        return [int(k) for k in np.lexsort((-radii, changes, radii == 0))]
    if prefer == "size":
        octaves = [math.log2(spread) - math.log2(gap) if 0 < gap < math.inf else math.inf
                   for gap, spread in zip(radii.tolist(), spreads.tolist(), strict=True)]
        costs = np.array([_cost(c, k) for c, k in zip(changes.tolist(), octaves, strict=True)])
        return [int(k) for k in np.lexsort((-radii, costs))]
    return [int(k) for k in np.lexsort((-radii,))]


def _cost(changes: float, octaves: float) -> float:
    """Return an estimate of the nonzeros of the folded look-up: whatever it is, it only ranks directions.

    ``octaves``: the base-2 logarithm of the length of the line over its narrowest gap.
    """
    if not changes or math.isinf(octaves) or math.isinf(changes):
        return math.inf if changes else 0.0
    bits = max(octaves, 0.0) + 3
    return min(5 * math.ceil((changes + 1) / (s + 1)) + 7 * (bits + 1) * (s - 1) for s in range(1, 32, 2))


def _merit(projection: Projection, prefer: str) -> tuple[float | Fraction, ...]:
    if prefer == "changes":
        return (-projection.changes, projection.radius)
    if prefer == "size" and projection.changes:
        spread = Fraction(max(projection.positions) - min(projection.positions))
        ratio = spread / Fraction(2 * projection.radius * projection.dual)
        octaves = math.log2(ratio.numerator) - math.log2(ratio.denominator)  # the ratio may be beyond doubles
        return (-_cost(projection.changes, octaves), projection.radius)
    return (projection.radius,)


class _Data:
    """The data in integers over one denominator, made once for all directions."""

    def __init__(self, points: Array, labels: Labels, norm: float) -> None:
        self.numerators, self.denominator = over_common_denominator(points)
        self.unit = math.gcd(*self.numerators.reshape(-1).tolist()) or 1
        self.box = Box(points.min(axis=0), points.max(axis=0))
        self.labels, self.norm = labels, norm

    def measured(self, weights: Sequence[float | int], draws: int) -> Projection | None:
        """Return the projection on one integer direction; None if different labels meet there, or if it is 0."""
        entries, index = [int(w) for w in weights], self.labels.index
        if not any(entries):
            return None
        z = [int(v) for v in self.numerators @ np.array(entries, object)]
        order = sorted(range(len(z)), key=z.__getitem__)
        gaps = [z[k] - z[i] for i, k in zip(order, order[1:], strict=False) if index[i] != index[k]]
        if min(gaps, default=1) == 0:  # equal positions are neighbors, so a meeting of two labels is a gap of 0
            return None
        direction = [w * self.denominator for w in entries]
        dual = dual_norm(direction, self.norm)
        radius = Fraction(min(gaps)) / (2 * dual) if gaps else math.inf
        return Projection(tuple(direction), tuple(z), self.box, Fraction(1, self.denominator), self.labels, self.norm,
                          dual, radius, len(gaps), draws)
