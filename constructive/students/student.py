"""The student: a network provably right on a ball round every datum that follows its teacher elsewhere.

Data flow of an evaluation: points -> the few bumps that are positive there (a sorted sweep, nothing is
materialized) -> aggregates -> the same gate as in the weights. ``to_network`` writes the weights out; both
ways agree, on the memorized boxes bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.certificates.training import Certificate, certify
from constructive.labels import Labels
from constructive.network import Network, Size
from constructive.students.boxes import Bumps
from constructive.students.gates import Hits, Setting, evaluate, gate_parts
from constructive.students.gates.product import gate_levels
from constructive.students.layout import Part, as_csr, network_of
from constructive.students.precision import as_format
from constructive.students.recipes import Recipe
from constructive.teachers.teacher import Teacher

if TYPE_CHECKING:
    from constructive.students.balls import BallBumps

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A memorizer of labelled data; made by :func:`constructive.memorize`, callable on arrays (..., d).

    ``X`` (n, d) and ``y`` (n,) are the data as given, read-only; ``labels`` the cleaned labels; ``teacher``
    what is followed off the bumps; ``bumps`` the boxes or balls, None if all is left to the teacher; ``radius`` of
    the memorized balls in ``norm``; ``amplitude`` B; ``push`` the weight of a bump where a gate adds it to the
    teacher.
    """

    X: Array
    y: NDArray[Any]
    labels: Labels
    teacher: Teacher
    bumps: Bumps | BallBumps | None
    norm: float
    radius: float
    recipe: Recipe
    amplitude: float
    precision: str
    push: float

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """The classes in order, or None for real labels."""
        return self.labels.classes

    @property
    def ramp(self) -> float:
        """The width over which each bump falls to 0 (infinite where no bump is needed)."""
        return math.inf if self.bumps is None else self.bumps.ramp

    def __repr__(self) -> str:
        n, d = self.X.shape
        count = 0 if self.bumps is None else self.bumps.count
        return (f"Student({self.recipe.name!r}, {n} data in R^{d}, {self.labels.words}, {count} bumps, "
                f"radius={self.radius:.6g}, ramp={self.ramp:.6g}, {self.precision})")

    # -- evaluation ---------------------------------------------------------------------------------------

    def __call__(self, x: ArrayLike) -> Array:
        """Return the scores at x of shape (..., d): shape (..., 1), or (..., K) for K >= 3 classes."""
        points = np.asarray(x, dtype=np.float64)
        d = self.X.shape[1]
        if points.ndim == 0 or points.shape[-1] != d:
            raise ValueError(f"Student: x has shape {points.shape}, its last axis must have length {d}")
        rows = np.ascontiguousarray(points.reshape(-1, d))
        if self.precision == "float32":
            rows = rows.astype(np.float32).astype(np.float64)  # what the network is given
        out = self._scores(rows)
        out[np.isnan(rows).any(axis=1)] = np.nan  # as in the network; no bump notices a NaN by itself
        return out.reshape(*points.shape[:-1], out.shape[1])

    def _scores(self, rows: Array) -> Array:
        taught = self.teacher(rows)
        if self.bumps is None:
            return taught
        starts, bump, height = self.bumps.active(rows)
        which = np.repeat(np.arange(rows.shape[0]), np.diff(starts))
        return evaluate(self._setting, taught, Hits(rows.shape[0], which, bump, height))

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return classes or real values at x (..., d), shape (...,); ties go to the first class."""
        scores = self(x)
        return decide(scores, self.labels)

    def reached(self, lower: Array, upper: Array) -> NDArray[np.bool_]:
        """Return which boxes (n, d), (n, d) the support of some bump may meet; elsewhere the gate has only the teacher.

        A support that only touches a box, or comes as near as rounding, may be counted.
        """
        n = lower.shape[0]
        if self.bumps is None:
            return np.zeros(n, bool)
        if not isinstance(self.bumps, Bumps):
            return self.bumps.near(lower, upper)
        middle = lower + (upper - lower) / 2
        half = float(np.nextafter(np.maximum(upper - middle, middle - lower), np.inf).max())
        slack = 2.0**-40 * (1.0 + float(np.abs(middle).max()) + half)
        # a box within l_inf reach `half` of its middle: grow the bumps by that much instead
        grown = replace(self.bumps, lower=self.bumps.lower - half - slack, upper=self.bumps.upper + half + slack)
        return np.diff(grown.active(middle)[0]) > 0

    # -- weights ------------------------------------------------------------------------------------------

    @property
    def _setting(self) -> Setting:
        if self.bumps is None:
            raise ValueError("Student: every datum is left to the teacher, there are no bumps")
        recipe = self.recipe
        levels = recipe.gate_depth or gate_levels(recipe.epsilon, self.amplitude)
        return Setting(recipe.gate, self.bumps, self.labels, self.teacher.to_network(), self.amplitude, self.push,
                       levels)

    def to_network(self) -> Network:
        """Return the student written out as a network; exact on the balls, equal to the student elsewhere.

        Its number format is the student's ``precision``; a float32 student is exact in float64 too.
        """
        if self.bumps is None:
            return self.teacher.to_network()
        return network_of(gate_parts(self._setting), as_format(self.precision, "Student").dtype)

    @property
    def size(self) -> Size:
        """The size by formula: from the number of boxes, the labels and the teacher's size, not by counting.

        ``distinct`` and ``magnitude`` depend on the values themselves and are taken from the arrays of the
        formula.
        """
        if self.bumps is None:
            return self.teacher.to_network().size
        parts = gate_parts(self._setting)
        units = [part.units for part in parts]
        widths = [self.X.shape[1], *units]
        values = _values(parts)
        return Size(
            depth=len(parts),
            width=max(units[:-1]),
            units=sum(units[:-1]),
            nonzeros=sum(part.nonzeros for part in parts),
            parameters=sum(out * (into + 1) for into, out in pairwise(widths)),
            distinct=int(values.size),
            magnitude=float(np.abs(values).max()),
        )

    # -- claims -------------------------------------------------------------------------------------------

    def certify(self, method: str = "auto") -> Certificate:
        """Return the certificate of this student's own network on its own data."""
        y = self.y if self.labels.classes is not None else self.labels.scores
        return certify(self.to_network(), self.X, y, radius=self.radius, norm=self.norm,
                       classes=self.labels.classes, method=method, task=self._task)

    @property
    def _task(self) -> str:
        return "regression" if self.labels.classes is None else "classification"

    def family(self, t: float) -> Student:
        """Return the member with ramp t * ramp, 0 < t <= 1: another network with the same guarantees.

        Members with different t are different functions unless the teacher agrees with the labels all round
        the boxes; :class:`constructive.students.Family` finds a point where two members differ or reports
        collapse.
        """
        factor = as_number(t, "family", "t", above=0.0, at_most=1.0)
        bumps, known = self._setting.bumps, as_format(self.precision, "family")
        ramp = bumps.ramp * factor
        if ramp < known.narrowest:
            raise ValueError(f"family: t={factor!r} makes the ramp {ramp!r}, too narrow for {known.name}; "
                             "pass a larger t")
        return replace(self, bumps=bumps.with_ramp(ramp))


def decide(scores: Array, labels: Labels) -> NDArray[Any]:
    """Return the classes (or real values) that scores (..., m) stand for; ties go to the first class."""
    if labels.classes is None:
        return scores[..., 0]
    names = np.array(labels.classes)
    if len(names) == 1:
        return names[np.zeros(scores.shape[:-1], int)]
    if labels.outputs == 1:
        return names[(scores[..., 0] > 0).astype(int)]
    return names[np.argmax(scores, axis=-1)]


def _values(parts: list[Part]) -> Array:
    found = [np.asarray(v, dtype=np.float64).ravel() for part in parts for v in (as_csr(part.weight).data, part.bias)]
    values = np.unique(np.concatenate(found))
    return values[values != 0]
