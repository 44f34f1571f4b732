"""What the structure of a bump says about a ball, exactly: how far the ball may grow, and where it fails first.

A bump on the box ``z +- r`` with ramp w has the height ``relu(1 - g/w)``, g the l_1 distance to the box. Against the
constant -1 the student's score is ``max(-1, 1 - 2 g/w)`` wherever no other bump reaches: positive if and only if
``g < w/2``. Behind a change of basis M the score at x is that at ``M x``, and g is still convex: on an l_inf ball it is
largest at a corner. All of this is rational arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_MOST_INPUTS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Corners:
    """The corners s of the cube as a bump sees them: rows (count, d) of ``M s``, with one s (count, d) for each.

    ``offset`` (d,) is ``M x - z`` at the ball's center, ``radius`` r and ``ramp`` w belong to the bump.
    """

    rows: NDArray[np.int64]
    signs: NDArray[np.int64]
    offset: tuple[Fraction, ...]
    radius: Fraction
    ramp: Fraction

    @staticmethod
    def of(basis: Array, offset: Sequence[float], radius: float, ramp: float) -> Corners:
        """Return the corners behind an integer matrix (d, d), d <= 16; corners that look alike are kept once."""
        d = basis.shape[0]
        if d > _MOST_INPUTS:
            raise ValueError(f"Corners: basis has {d} columns, at most {_MOST_INPUTS} are enumerated")
        signs = np.array(list(itertools.product((-1, 1), repeat=d)), dtype=np.int64)
        rows = signs @ basis.T.astype(np.int64)
        # without an offset only the sizes count, in any order
        seen = rows if any(offset) else np.sort(np.abs(rows), axis=1)
        _, first = np.unique(seen, axis=0, return_index=True)
        return Corners(rows[first], signs[first], tuple(Fraction(float(v)) for v in offset), Fraction(radius),
                       Fraction(ramp))

    def worst(self, rho: Fraction) -> tuple[Fraction, NDArray[np.int64]]:
        """Return the largest distance g over the ball of radius rho, and the corner s where it is met."""
        found = [self._distance(row, rho) for row in self.rows.tolist()]
        k = max(range(len(found)), key=found.__getitem__)
        return found[k], self.signs[k]

    def least_score(self, rho: Fraction) -> Fraction:
        """Return the least score over the ball of radius rho."""
        return max(Fraction(-1), 1 - 2 * self.worst(rho)[0] / self.ramp)

    def robust_radius(self) -> Fraction:
        """Return the least rho whose closed ball holds a score <= 0."""
        return min(found for found in map(self._crossing, self.rows.tolist()) if found is not None)

    def _distance(self, row: Sequence[int], rho: Fraction) -> Fraction:
        terms = (abs(e + rho * v) - self.radius for e, v in zip(self.offset, row, strict=True))
        return sum((term for term in terms if term > 0), Fraction(0))

    def _crossing(self, row: Sequence[int]) -> Fraction | None:
        """Return the least rho >= 0 at which g reaches w/2 on the way to this corner: g is convex, with kinks."""
        level, zero = self.ramp / 2, Fraction(0)
        if self._distance(row, zero) >= level:
            return zero
        kinks = {(side - e) / v for e, v in zip(self.offset, row, strict=True) if v
                 for side in (self.radius, -self.radius)}
        knots = [zero, *sorted(k for k in kinks if k > 0)]
        for a, b in zip(knots, [*knots[1:], knots[-1] + 1], strict=True):
            at_a, at_b = self._distance(row, a), self._distance(row, b)
            last = b > knots[-1]  # beyond the last kink g is affine for ever
            if at_b >= level or (last and at_b > at_a):
                return a + (level - at_a) * (b - a) / (at_b - at_a)
        return None


def distance_from_outside(offset: Sequence[float], radius: float, rho: Fraction) -> Fraction:
    """Return the least l_1 distance from the box ``z +- radius`` over the l_inf ball of radius rho round z + offset."""
    reach = Fraction(radius) + rho
    return sum((max(abs(Fraction(float(v))) - reach, Fraction(0)) for v in offset), Fraction(0))


def radius_from_outside(offset: Sequence[float], radius: float, ramp: float) -> Fraction:
    """Return the least rho at which :func:`distance_from_outside` is at most ramp / 2."""
    level = Fraction(ramp) / 2
    gaps = sorted((abs(Fraction(float(v))) - Fraction(radius) for v in offset), reverse=True)
    total = Fraction(0)
    for k, gap in enumerate(gaps, start=1):  # the k widest gaps stay open
        total += gap
        rho = (total - level) / k
        if k == len(gaps) or rho >= gaps[k]:
            return max(rho, Fraction(0))
    raise ValueError("radius_from_outside: offset is empty")
