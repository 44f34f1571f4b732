"""What the published gate says about a ball, exactly: where it is worst, and how far it may grow.

With bound B = 1 the published student is ``f = P(u, t) + y (1 - u)`` on the bump of a label y, and t off all bumps:
``u = min(g/w, 1)``, g the l_1 distance to the bump's box, t the affine teacher. The gate is
``P(u, t) = 2 (q((u+t)/2) - q(u/2) - q(t/2))``, q the interpolant of the square on the grid 2^-m: even, convex, and its
slope changes by at most ``2 h + 2^(1-m)`` over a distance h. So for 0 <= u <= 1 and -1 <= t <= 1:

* ``P(0, t) = P(u, 0) = 0``, and ``P(1, t) = t`` because a shift by 1/2 is a shift of the grid;
* P does not fall in t, and rises at a rate of at most ``u + 2^(1-m)``;
* P changes in u at a rate of at most ``|t| + 2^(1-m)``: where that is below 1, P + u rises in u and P - u falls.

Hence on a bump of label -1 the score rises with the distance and the teacher; on one of label +1 it falls with the
distance, rises with the teacher and is at least t. A ball is worst at one corner, or where it is nearest to a box. As
it grows these points move on lines, and a network on a line has exact pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.calculus import affine
from constructive.certificates.exact import piecewise_1d
from constructive.network import Network

Array = NDArray[np.float64]
Point = tuple[Fraction, ...]
_STEP = Fraction(1, 16)
"""2^(1-m) is at most this: the gate has at least 5 levels."""


def first_violation(network: Network, start: Point, end: Point, sign: int) -> Fraction | None:
    """Return the least s in [0, 1] with ``sign f(start + s (end - start)) <= 0``, exactly; None if there is none.

    For a network of one output. Raises ValueError if rounding moves the network on the line, which doubles hold.

    >>> zero, one = (Fraction(0),) * 2, (Fraction(1),) * 2
    >>> first_violation(affine([[1.0, 1.0]], [-0.75]), zero, one, -1)
    Fraction(3, 8)
    """
    way = [b - a for a, b in zip(start, end, strict=True)]
    line = affine([[float(v)] for v in way], [float(v) for v in start])
    pieces = piecewise_1d(network.astype(np.float64) @ line, 0, 1)
    for k, (s, (value,)) in enumerate(zip(pieces.knots, pieces.values, strict=True)):
        if network.exact([a + s * v for a, v in zip(start, way, strict=True)]) != (value,):
            raise ValueError(f"first_violation: the network on the line is rounded at s={s}")
        if sign * value <= 0:
            if k == 0:
                return s
            before, (last,) = pieces.knots[k - 1], pieces.values[k - 1]
            return before + last * (s - before) / (last - value)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """A student of the published kind and one of its data, as :meth:`of` has checked them.

    ``boxes`` (n, d) are the centers of the boxes of half-side ``radius``, ``signs`` (n,) their labels; ``center`` (d,)
    is the datum and ``sign`` its label.
    """

    network: Network
    teacher: Network
    boxes: Array
    signs: NDArray[np.int64]
    radius: Fraction
    ramp: Fraction
    center: Array
    sign: int

    @staticmethod
    def of(network: Network, teacher: Network, X: Array, y: NDArray[np.int64], i: int, radius: float,
           ramp: float) -> Published:
        """Return the student and its datum i. X lies on the grid 1/4; radius and ramp are at most 1/32.

        Raises ValueError for others, or if the teacher does not rise in all inputs, is not positive wherever a ball may
        reach before it holds a box of the other label, is too large near the data for the second and third fact above,
        or so steep that a step away from a box of label -1 might lower the score.
        """
        slopes = teacher.layers[0].weight.toarray().ravel()
        low, high = X.min(axis=0), X.max(axis=0)
        least = teacher.exact((low - (high - low).max()).tolist())[0]
        most = teacher.exact((high + 1).tolist())[0]
        pays = (1 + _STEP) * Fraction(float(slopes.max())) * Fraction(ramp) >= 1 - most - _STEP
        if teacher.depth > 1 or slopes.min() <= 0 or least <= 0 or pays:
            raise ValueError("Published: teacher must be affine, rising in all inputs, positive, small and flat, got "
                             f"slopes {slopes.tolist()} and values from {least} to {most}")
        if max(radius, ramp) > 2.0**-5 or (X * 4 % 1).any():
            raise ValueError("Published: X must lie on the grid 1/4, radius and ramp must be at most 1/32, got "
                             f"radius={radius!r} and ramp={ramp!r}")
        return Published(network, teacher, X, y, Fraction(radius), Fraction(ramp), X[i], int(y[i]))

    def corner(self, rho: Fraction) -> Point:
        """Return the corner of the ball of radius rho where the teacher agrees least with the datum's label."""
        return tuple(Fraction(c) - self.sign * rho for c in self.center.tolist())

    def nearest(self, rho: Fraction) -> list[Point]:
        """Return where the ball is nearest to each box of label -1 that it may reach first, the teacher least there.

        That is the box's lowest corner, clipped to the ball. Other boxes are 1/4 further away in the l_inf distance.
        """
        others = self.boxes[self.signs < 0]
        gaps = np.abs(others - self.center).max(axis=1)
        return [tuple(min(max(Fraction(z) - self.radius, Fraction(c) - rho), Fraction(c) + rho)
                      for z, c in zip(box, self.center.tolist(), strict=True))
                for box in others[gaps == gaps.min()].tolist()]

    def worst(self, rho: Fraction) -> list[Point]:
        """Return points of the ball of radius rho, one of which fails if a point of the ball does.

        Label -1, balls inside the ramp: the corner; the score rises with the distance and the teacher. Label +1: the
        nearest points. Off the bumps of label -1 the score is at least the teacher, which is positive; on them a step
        away from the box costs more than the teacher's fall gains.
        """
        return [self.corner(rho)] if self.sign < 0 else self.nearest(rho)

    def least_lead(self, rho: Fraction) -> tuple[Fraction, bool]:
        """Return a bound from below of ``y f`` on a ball of radius rho <= robust_radius, and whether it is met."""
        leads = [self.sign * self.network.exact(point)[0] for point in self.worst(rho)]
        if self.sign < 0:
            return leads[0], True
        corner = self.corner(rho)
        least = min(*leads, self.teacher.exact(corner)[0])
        return least, least in (*leads, self.network.exact(corner)[0])

    def robust_radius(self) -> Fraction:
        """Return the least rho whose closed ball holds a score of 0 or of the other sign.

        Label -1: the score at the corner changes its sign before the corner leaves the ramp, as the teacher is
        positive. Label +1: a nearest point fails between a ramp's width and its box; on that way every coordinate is
        fixed or moves with the ball.
        """
        first = self.radius
        if self.sign > 0:
            gap = np.abs(self.boxes[self.signs < 0] - self.center).max(axis=1).min()
            first = Fraction(float(gap)) - self.radius - self.ramp
        found = [first_violation(self.network, start, end, self.sign)
                 for start, end in zip(self.worst(first), self.worst(first + self.ramp), strict=True)]
        return first + self.ramp * min(s for s in found if s is not None)
