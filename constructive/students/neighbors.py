"""The 1-nearest-neighbor rule: the baseline that memorizes robustly for nothing, and what it costs.

On its own data it is right on every ball of radius below half the separation, the largest radius that any memorizer
can have, without building anything. It pays in memory (all n d coordinates and n labels), in a search for each query,
and off the data: each wrong label costs its whole cell, where a bump costs a ball and its ramp.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from constructive._checks import as_norm, as_number, as_points
from constructive.labels import clean_labels
from constructive.students.voronoi import meets

Array = NDArray[np.float64]
Verdicts = NDArray[np.int8]

_RIVALS = 4
_TREE = 2.0**-40
"""Relative error of a tree's distances, generous: a few hundred units in the last place, its bookkeeping included."""
_FLOOR = 2.0**-500
"""Squares of smaller lengths underflow."""
_LARGEST = 2.0**500
"""Squares of larger coordinates overflow."""
_FACETS = 8
"""Most coordinates with which an l_1 ball, 2^d faces, is handed to the exact rule."""
_SPLIT, _LEVELS = 3, 12
"""Balls of other rules are cut into boxes in up to so many dimensions, down to sides of 2 delta / 2^levels."""
_BLOCK, _BOXES = 64, 1 << 12
"""So many balls are cut together; a ball with more open boxes than that is given up."""


class NearestNeighbor:
    """Predict the label of the nearest datum in the l_1, l_2 or l_inf norm; every distinct label is a class.

    On its own data it is right on every ball of radius below separation / 2. Memory: all n d coordinates and n labels.
    A query descends k-d trees, one for each class: about log n steps in few dimensions, nearly all n in many.
    Distances are those of real arithmetic: near ties are settled in rationals, ties go to the first class.
    Raises TypeError or ValueError for data and labels as :func:`constructive.memorize` does, ValueError for
    coordinates above 2^500.

    >>> NearestNeighbor([[0.0], [1.0]], ["a", "b"]).predict([[0.2]]).tolist()
    ['a']
    """

    __slots__ = ("X", "_trees", "classes", "index", "norm")

    def __init__(self, X: ArrayLike, y: Any, *, norm: float = math.inf) -> None:
        self.X = _moderate(as_points(X, "NearestNeighbor"), "NearestNeighbor")
        labels = clean_labels(y, self.X.shape[0], who="NearestNeighbor", task="classification")
        self.classes = labels.classes or ()
        self.index = labels.index
        self.norm = as_norm(norm, "NearestNeighbor")
        self._trees = [cKDTree(self.X[self.index == c]) if (self.index == c).any() else None
                       for c in range(len(self.classes))]

    @property
    def memory(self) -> int:
        """The numbers stored, ``n (d + 1)``: coordinates and labels; the trees, which only save time, not counted."""
        return int(self.X.shape[0] * (self.X.shape[1] + 1))

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the classes at x (..., d), shape (...,); ties go to the first class."""
        points = np.asarray(x, dtype=np.float64)
        flat = points.reshape(-1, self.X.shape[1])
        if flat.shape[0]:
            _moderate(as_points(flat, "NearestNeighbor.predict", "x"), "NearestNeighbor.predict")
        return np.array(self.classes)[self._nearest(flat)].reshape(points.shape[:-1])

    def _nearest(self, points: Array) -> NDArray[np.int64]:
        """Return the number of the nearest class at each point (n, d)."""
        distances = self._distances(points)
        best = distances.min(axis=1, initial=np.inf)
        out = np.argmin(distances, axis=1).astype(np.int64)
        close = distances <= _above(best)[:, None]
        for row in np.flatnonzero(close.sum(axis=1) > 1):
            x, reach = points[row], _above(_above(best[row]))
            exact = {c: min(_distance(x, datum, self.norm) for datum in self._within(c, x, reach))
                     for c in np.flatnonzero(close[row]).tolist()}
            out[row] = min(exact, key=exact.__getitem__)
        return out

    def _distances(self, points: Array) -> Array:
        """Return the distance of each point to each class, (n, K); infinity for a class without data."""
        out = np.full((points.shape[0], len(self.classes)), np.inf)
        for c, tree in enumerate(self._trees):
            if tree is not None:
                out[:, c] = tree.query(points, p=self.norm)[0]
        return out

    def _within(self, c: int, x: Array, reach: float) -> Array:
        """Return the data (k, d) of class c within reach of x."""
        tree = self._trees[c]
        if tree is None:
            return self.X[:0]
        return np.asarray(tree.data[tree.query_ball_point(x, reach, p=self.norm)], np.float64)

    def robust_verdicts(self, X: ArrayLike, y: Any, delta: float, *, ball: float | None = None) -> Verdicts:
        """Return, for each point, 0 if right on the whole closed ball, 1 if wrong somewhere, -1 unknown.

        X (n, d), y (n,) labels; ``ball``: the norm of the ball, by default the rule's own. A tie is wrong.

        The l_2 rule, and any rule in one dimension, is decided exactly, with no unknown: it errs in the ball if and
        only if the ball meets the cell of a rival, which is a polyhedron; see :mod:`constructive.students.voronoi`.
        Its balls may be of any norm (l_1 up to 8 coordinates). The cost grows with the number of data within
        ``distance to the nearest + 2 delta``, so with delta and the dimension.

        The cells of other rules are not convex, and their balls must be of the rule's norm. Safe: half the difference
        of the distances to the nearest other and nearest own datum exceeds delta, with slack for rounding. Wrong: a
        point of the ball, moved toward one of the nearest conflicting data, where another class is nearer. In up to 3
        dimensions what is left is cut into boxes of sides down to delta / 2^11, and the same is asked of each: unknown
        are ties and what comes near to one. In more dimensions the share of unknown points grows with delta.
        Raises ValueError for other balls and for labels that the rule does not know.
        """
        return self._decided(X, y, delta, ball, "robust_verdicts")[0]

    def attack(self, X: ArrayLike, y: Any, delta: float, *, ball: float | None = None) -> Array:
        """Return for each point a vector of its closed ball where another class is at least as near, or NaN.

        Shape (n, d); each vector was checked, by distances with slack or in rationals. At a tie :meth:`predict` may
        still name the right class. NaN where there is no error, where none was found, and where doubles are too
        coarse for the ball. Arguments as for :meth:`robust_verdicts`.
        """
        return self._decided(X, y, delta, ball, "attack")[1]

    def _decided(self, X: ArrayLike, y: Any, delta: float, ball: float | None, who: str) -> tuple[Verdicts, Array]:
        points = _moderate(as_points(X, who, dimension=self.X.shape[1]), who)
        size = as_number(delta, who, "delta", at_least=0.0, at_most=_LARGEST)
        p = self.norm if ball is None else as_norm(ball, who)
        own = clean_labels(y, points.shape[0], who=who, classes=self.classes).index
        n, d = points.shape
        exact = self.norm == 2.0 or d == 1
        if p != self.norm and not exact:
            raise ValueError(f"{who}: the rule of norm {self.norm} is bracketed on balls of its own norm only, "
                             f"got ball={p}; pass norm=2 to NearestNeighbor")
        if p == 1.0 and exact and d > _FACETS:
            raise ValueError(f"{who}: an l_1 ball in {d} dimensions has 2^{d} faces; the exact rule takes {_FACETS}")
        reach = size * (math.sqrt(d) if p == math.inf and self.norm != math.inf else 1.0)  # in the rule's norm
        verdicts, witnesses = np.full(n, -1, np.int8), np.full((n, d), np.nan)
        distances = self._distances(points)
        mine = distances[np.arange(n), own]
        distances[np.arange(n), own] = np.inf
        other = distances.min(axis=1, initial=np.inf)
        empty = np.isinf(mine)
        verdicts[~empty & (other * (1 - _TREE) - _above(np.where(empty, 0.0, mine)) > 2 * _above(reach))] = 0
        verdicts[empty], witnesses[empty] = 1, points[empty]  # no datum of its own: wrong where it stands
        rows = np.flatnonzero(verdicts < 0)
        witnesses[rows] = self._moved(points[rows], own[rows], size, p)
        verdicts[~np.isnan(witnesses[:, 0])] = 1
        if not exact and d <= _SPLIT:
            for rows in np.array_split(np.flatnonzero(verdicts < 0), n // _BLOCK + 1):
                verdicts[rows], witnesses[rows] = self._cut(points[rows], own[rows], size)
        elif exact:
            for row in np.flatnonzero(verdicts < 0):
                limit = _above(mine[row] + 2 * reach)
                met, point = self._met(points[row], int(own[row]), size, p, limit)
                verdicts[row] = met
                if point is not None:
                    witnesses[row] = point
        return verdicts, witnesses

    def _met(self, x: Array, own: int, size: float, ball: float, limit: float) -> tuple[bool, Array | None]:
        """Return whether the ball meets a rival's cell: no datum beyond ``limit`` from x is nearest within the ball."""
        near = [self._within(c, x, limit) for c in range(len(self._trees))]
        rivals = np.concatenate([part for c, part in enumerate(near) if c != own])
        order = np.argsort(((rivals - x) ** 2).sum(axis=1), kind="stable")
        return meets(x, near[own], rivals[order], size, ball)

    def _cut(self, points: Array, own: NDArray[np.int64], size: float) -> tuple[Verdicts, Array]:
        """Return verdicts on balls of the rule's norm, and witnesses, by cutting them into boxes.

        The difference of the distances to the nearest other and own datum is 2-Lipschitz in the rule's norm: a box is
        safe if at its center the difference exceeds twice the box's radius. Its center, drawn into the ball, may be a
        witness. Boxes that miss the ball are dropped.
        """
        n, d = points.shape
        verdicts, witnesses = np.full(n, -1, np.int8), np.full((n, d), np.nan)
        corners = np.array(list(itertools.product((-0.5, 0.5), repeat=d)))
        row, offset, half, given_up = np.arange(n), np.zeros((n, d)), size, np.zeros(n, bool)
        for level in range(_LEVELS + 1):
            if level:
                half /= 2
                offset = (offset[:, None, :] + 2 * half * corners).reshape(-1, d)
                row = np.repeat(row, corners.shape[0])
            centers = points[row]
            size_of_box = half * (d if self.norm == 1.0 else 1)
            middle = centers + offset
            moved = centers + _step(offset, size, float(np.abs(points).max(initial=0.0)), self.norm)
            hit = self._lead(moved, own[row]) < 0
            verdicts[row[hit]], witnesses[row[hit]] = 1, moved[hit]
            outside = _shortest(np.maximum(np.abs(offset) - half, 0.0), self.norm) > _above(size)
            rounding = 4 * 2.0**-53 * d * (np.abs(centers).max(axis=1) + size)
            safe = self._lead(middle, own[row]) > 2 * _above(size_of_box + rounding)
            keep = (verdicts[row] < 0) & ~outside & ~safe
            row, offset = row[keep], offset[keep]
            count = np.bincount(row, minlength=n)
            given_up |= count > _BOXES
            keep = ~given_up[row]
            row, offset = row[keep], offset[keep]
        open_rows = given_up | (np.bincount(row, minlength=n) > 0)
        verdicts[~open_rows & (verdicts < 0)] = 0
        return verdicts, witnesses

    def _lead(self, points: Array, own: NDArray[np.int64]) -> Array:
        """Return how much nearer the nearest own datum is than any other, less rounding; -1: a rival is; 0: open."""
        distances = self._distances(points)
        every = np.arange(points.shape[0])
        mine = distances[every, own]
        distances[every, own] = np.inf
        other = distances.min(axis=1, initial=np.inf)
        lead = other - mine
        return np.where(other * (1 - _TREE) > _above(mine), lead - _TREE * (other + mine) - _FLOOR,
                        np.where(_above(other) < mine, -1.0, 0.0))

    def _moved(self, points: Array, own: NDArray[np.int64], size: float, ball: float) -> Array:
        """Return points of the balls, moved toward near rivals, where a rival is nearer than all own data; or NaN."""
        out = np.full(points.shape, np.nan)
        if points.shape[0] == 0:
            return out
        scale, every = float(np.abs(points).max()), np.arange(points.shape[0])
        for c, tree in enumerate(self._trees):
            if tree is None:
                continue
            k = min(_RIVALS, tree.n)
            near = tree.query(points, k=k, p=self.norm)[1].reshape(points.shape[0], k)
            for column in near.T:
                moved = points + _step(tree.data[column] - points, size, scale, ball)
                distances = self._distances(moved)
                hit = (own != c) & (_above(distances[:, c]) < distances[every, own])
                out[hit] = moved[hit]
        return out


def _moderate(points: Array, who: str) -> Array:
    """Return the points; ValueError where a square would overflow."""
    largest = float(np.abs(points).max(initial=0.0))
    if largest > _LARGEST:
        raise ValueError(f"{who}: coordinates reach {largest!r}, whose squares overflow; rescale below 2^500")
    return points


def _above(distance: Any) -> Any:
    """Return more than any rounding of a distance can hide."""
    return distance * (1 + _TREE) + _FLOOR


def _distance(x: Array, datum: Array, norm: float) -> Fraction:
    """Return the exact distance, squared for l_2."""
    gaps = [abs(Fraction(s) - Fraction(t)) for s, t in zip(x.tolist(), datum.tolist(), strict=True)]
    if norm == math.inf:
        return max(gaps)
    return sum((gap * gap if norm == 2.0 else gap for gap in gaps), Fraction(0))


def _shortest(offset: Array, norm: float) -> Array:
    """Return the norms of the rows."""
    return np.asarray(np.linalg.norm(offset, ord=norm, axis=1))


def _step(offset: Array, size: float, scale: float, ball: float) -> Array:
    """Return the offset shortened into the ball, so far inside that rounding cannot leave it."""
    inner = max(0.0, size * (1 - 2.0**-40) - 4 * 2.0**-53 * offset.shape[1] * (scale + size))
    if ball == math.inf:
        return np.clip(offset, -inner, inner)
    length = np.linalg.norm(offset, ord=ball, axis=1, keepdims=True)
    return np.asarray(offset * np.minimum(1.0, inner / np.maximum(length, np.finfo(float).tiny)))
