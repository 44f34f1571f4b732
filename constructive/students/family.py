"""Infinitely many memorizers: a real parameter, and a point where two members are proved to differ."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.students.boxes import Bumps
from constructive.students.student import Student

Array = NDArray[np.float64]

_TRIALS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A point at which two members of a family differ, with both values in exact arithmetic."""

    point: Array
    first: tuple[Fraction, ...]
    second: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """The students with ramps t * ramp, 0 < t <= 1, of one student; all right on the same balls."""

    student: Student

    def member(self, t: float) -> Student:
        """Return the member with parameter t in (0, 1]."""
        return self.student.family(t)

    def witness(self, s: float, t: float) -> Difference | None:
        """Return a point where members s and t differ, both values exact; None: the family collapsed there.

        Candidates lie over every face of the boxes (of up to 4096 / 2d boxes), between the supports of the
        two members and closer and closer to the face: where the teacher is not y_i there, ``f = y_i +- (B -+
        y_i) theta / ramp`` at a small distance theta. None means that no candidate tells the members apart,
        as happens where the teacher gives each box its own label all around. It is a report, not a proof of
        equality.
        """
        if s == t:
            raise ValueError(f"witness: s and t are both {s!r}; pass two different parameters")
        first, second = self.member(s), self.member(t)
        narrow, wide = sorted((first.ramp, second.ramp))
        f, g = first.to_network(), second.to_network()
        for distance in (narrow / 2 + wide / 2, *(narrow * 4.0**-k for k in (0.5, 2, 4, 8))):
            points = self._candidates(distance)
            gaps = np.abs(first(points) - second(points)).max(axis=-1)
            for i in np.argsort(-gaps)[:4]:
                if gaps[i] == 0.0:
                    break
                a, b = f.exact(points[i].tolist()), g.exact(points[i].tolist())
                if a != b:
                    return Difference(points[i], a, b)
        return None

    def _candidates(self, distance: float) -> Array:
        bumps = self.student.bumps
        if bumps is None:
            raise ValueError("Family: every datum is left to the teacher, there are no bumps to vary")
        d = self.student.X.shape[1]
        rows = np.unique(np.linspace(0, bumps.count - 1, max(1, min(bumps.count, _TRIALS // (2 * d)))).astype(int))
        centers = self.student.X[bumps.members[rows]]
        points = []
        for j in range(d):
            for sign in (-1.0, 1.0):
                if isinstance(bumps, Bumps):
                    edge = (bumps.lower if sign < 0 else bumps.upper)[rows, j]
                else:
                    edge = centers[:, j] + sign * bumps.plateau
                moved = centers.copy()
                moved[:, j] = edge + sign * distance
                points.append(moved[np.isfinite(edge)])
        return np.concatenate(points)
