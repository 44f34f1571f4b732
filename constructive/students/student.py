"""The student: a network provably right on a ball round every datum that follows its teacher elsewhere.

Data flow of an evaluation: points -> the few bumps that are positive there (a sorted sweep, nothing is
materialized) -> aggregates -> the same gate as in the weights. ``to_network`` writes the weights out; both
ways agree, on the memorized boxes bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.certificates.training import Certificate, certify
from constructive.labels import Labels
from constructive.network import Network, Size
from constructive.students.boxes import Bumps
from constructive.students.finder import active
from constructive.students.layout import Part, clip_parts, needs_clamp, network_of
from constructive.students.published import evaluate_product, gate_levels, paper_parts
from constructive.students.recipes import Recipe
from constructive.teachers.teacher import Teacher

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Student:
    """A memorizer of labelled data; made by :func:`constructive.memorize`, callable on arrays (..., d).

    ``X`` (n, d) and ``y`` (n,) are the data as given, read-only; ``labels`` the cleaned labels; ``teacher``
    what is followed off the bumps; ``bumps`` the boxes; ``radius`` of the memorized balls in ``norm``;
    ``amplitude`` B.
    """

    X: Array
    y: NDArray[Any]
    labels: Labels
    teacher: Teacher
    bumps: Bumps | None
    norm: float
    radius: float
    recipe: Recipe
    amplitude: float
    precision: str

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """The classes in order, or None for real labels."""
        return self.labels.classes

    @property
    def ramp(self) -> float:
        """The width over which each bump falls to 0 (infinite where no bump is needed)."""
        return math.inf if self.bumps is None else self.bumps.ramp

    # -- evaluation ---------------------------------------------------------------------------------------

    def __call__(self, x: ArrayLike) -> Array:
        """Return the scores at x of shape (..., d): shape (..., 1), or (..., K) for K >= 3 classes."""
        points = np.asarray(x, dtype=np.float64)
        d = self.X.shape[1]
        if points.ndim == 0 or points.shape[-1] != d:
            raise ValueError(f"Student: x has shape {points.shape}, its last axis must have length {d}")
        rows = np.ascontiguousarray(points.reshape(-1, d))
        out = self._scores(rows)
        out[np.isnan(rows).any(axis=1)] = np.nan  # as in the network; no bump notices a NaN by itself
        return out.reshape(*points.shape[:-1], out.shape[1])

    def _scores(self, rows: Array) -> Array:
        taught = self.teacher(rows)
        if self.bumps is None:
            return taught
        starts, bump, height = active(self.bumps, rows)
        which = np.repeat(np.arange(rows.shape[0]), np.diff(starts))
        if self.recipe.gate == "product":
            return self._product(taught[:, 0], which, bump, height)[:, None]
        if self.labels.outputs > 1:
            return self._class_gate(taught, which, bump, height)
        return self._envelope_gate(taught[:, 0], which, bump, height)[:, None]

    def _envelope_gate(self, taught: Array, which: NDArray[Any], bump: NDArray[Any], height: Array) -> Array:
        b, y = self.amplitude, self._bumps.scores[bump]
        if needs_clamp(self._bumps, self.labels):
            which, y, height = _clamped(which, y, height)
        n = taught.size
        p = np.maximum(2 * b - np.bincount(which, (b + y) * height, n), 0.0)
        q = np.maximum(2 * b - np.bincount(which, (b - y) * height, n), 0.0)
        s = np.maximum(np.maximum(taught + b, 0.0) + p - 2 * b, 0.0)
        z = np.maximum(p + q - 2 * b - s, 0.0)
        return q - z - b

    def _class_gate(self, taught: Array, which: NDArray[Any], bump: NDArray[Any], height: Array) -> Array:
        b, (n, k) = self.amplitude, taught.shape
        cell = which * k + self._bumps.index[bump]
        masses = np.bincount(cell, height, n * k).reshape(n, k)
        v = np.maximum(2 * b - np.maximum(taught + b, 0.0), 0.0)
        s = np.maximum(2 * b - v + 4 * b * (2 * masses - masses.sum(axis=1, keepdims=True)), 0.0)
        return b - np.maximum(2 * b - s, 0.0)

    def _product(self, taught: Array, which: NDArray[Any], bump: NDArray[Any], height: Array) -> Array:
        b, n = self.amplitude, taught.size
        u = np.maximum(1.0 - np.bincount(which, height, n), 0.0)
        told = np.bincount(which, self._bumps.scores[bump] * height, n)
        t = np.clip(taught, -b, b) / b
        return b * evaluate_product(u, t, gate_levels(self.recipe.epsilon, b)) + told

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return classes or real values at x (..., d), shape (...,); ties go to the first class."""
        scores = self(x)
        return decide(scores, self.labels)

    @property
    def _bumps(self) -> Bumps:
        if self.bumps is None:
            raise ValueError("Student: every datum is left to the teacher, there are no bumps")
        return self.bumps

    # -- weights ------------------------------------------------------------------------------------------

    def _parts(self) -> list[Part]:
        teacher = self.teacher.to_network()
        if self.recipe.gate == "product":
            levels = gate_levels(self.recipe.epsilon, self.amplitude)
            return paper_parts(self._bumps, teacher, self.amplitude, levels)
        return clip_parts(self._bumps, self.labels, teacher, self.amplitude)

    def to_network(self) -> Network:
        """Return the student written out as a network; exact on the boxes, equal to the student elsewhere."""
        return self.teacher.to_network() if self.bumps is None else network_of(self._parts())

    @property
    def size(self) -> Size:
        """The size by formula: from the number of boxes, the labels and the teacher's size, not by counting.

        ``distinct`` and ``magnitude`` depend on the values themselves and are taken from the arrays of the
        formula.
        """
        if self.bumps is None:
            return self.teacher.to_network().size
        parts = self._parts()
        units = [part.units for part in parts]
        widths = [self.X.shape[1], *units]
        values = self._values()
        return Size(
            depth=len(parts),
            width=max(units[:-1]),
            units=sum(units[:-1]),
            nonzeros=sum(part.nonzeros for part in parts),
            parameters=sum(out * (into + 1) for into, out in pairwise(widths)),
            distinct=int(values.size),
            magnitude=float(np.abs(values).max()),
        )

    def _values(self) -> Array:
        found = [np.asarray(v).ravel() for part in self._parts()
                 for v in (getattr(part.weight, "data", part.weight), part.bias)]
        values = np.unique(np.concatenate([np.asarray(v, dtype=np.float64) for v in found]))
        return values[values != 0]

    # -- claims -------------------------------------------------------------------------------------------

    def certify(self, method: str = "auto") -> Certificate:
        """Return the certificate of this student's own network on its own data."""
        return certify(self.to_network(), self.X, self.y, radius=self.radius, norm=self.norm,
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
        bumps = self._bumps
        ramp = bumps.ramp * factor
        if ramp < 2.0**-1021:
            raise ValueError(f"family: t={factor!r} makes the ramp {ramp!r}, too narrow for doubles; "
                             "pass a larger t")
        return replace(self, bumps=replace(bumps, ramp=ramp))


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


def _clamped(which: NDArray[Any], y: Array, height: Array) -> tuple[NDArray[Any], Array, Array]:
    """Add up bumps with one label at one point, at most 1 each."""
    values, group = np.unique(y, return_inverse=True)
    cells, inverse = np.unique(which * values.size + group.reshape(-1), return_inverse=True)
    mass = np.minimum(np.bincount(inverse.reshape(-1), height, cells.size), 1.0)
    return cells // max(values.size, 1), values[cells % max(values.size, 1)], mass
