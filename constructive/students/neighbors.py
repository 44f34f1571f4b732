"""The 1-nearest-neighbor rule: the baseline that memorizes robustly for nothing, and what it costs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from constructive._checks import as_norm, as_number, as_points
from constructive.labels import clean_labels

Array = NDArray[np.float64]

_RIVALS = 4


class NearestNeighbor:
    """Predict the label of the nearest datum in the l_1, l_2 or l_inf norm; every distinct label is a class.

    On its own data it is right on every ball of radius below separation / 2. Memory: all n d coordinates.
    Raises TypeError or ValueError for data and labels as :func:`constructive.memorize` does.

    >>> NearestNeighbor([[0.0], [1.0]], ["a", "b"]).predict([[0.2]]).tolist()
    ['a']
    """

    __slots__ = ("X", "_trees", "classes", "index", "norm")

    def __init__(self, X: ArrayLike, y: Any, *, norm: float = math.inf) -> None:
        self.X = as_points(X, "NearestNeighbor")
        labels = clean_labels(y, self.X.shape[0], who="NearestNeighbor", task="classification")
        self.classes = labels.classes or ()
        self.index = labels.index
        self.norm = as_norm(norm, "NearestNeighbor")
        self._trees = [cKDTree(self.X[self.index == c]) if (self.index == c).any() else None
                       for c in range(len(self.classes))]

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the classes at x (..., d), shape (...,); ties go to the first class."""
        points = np.asarray(x, dtype=np.float64)
        flat = points.reshape(-1, self.X.shape[1])
        names = np.array(self.classes)[np.argmin(self._distances(flat), axis=1)]
        return names.reshape(points.shape[:-1])

    def _distances(self, points: Array) -> Array:
        """Return the distance of each point to each class, (n, K); infinity for a class without data."""
        out = np.full((points.shape[0], len(self.classes)), np.inf)
        for c, tree in enumerate(self._trees):
            if tree is not None:
                out[:, c] = tree.query(points, p=self.norm)[0]
        return out

    def robust_verdicts(self, X: ArrayLike, y: Any, delta: float) -> NDArray[np.int8]:
        """Return, for each point, 0 if right on the whole closed ball, 1 if wrong somewhere, -1 unknown.

        Safe: half the difference of the distances to the nearest other and nearest own datum exceeds delta,
        with slack for rounding. Wrong: a point of the ball, moved toward one of the nearest conflicting data,
        where another class is at least as near.
        """
        points = as_points(X, "robust_verdicts", dimension=self.X.shape[1])
        size = as_number(delta, "robust_verdicts", "delta", at_least=0.0)
        own = clean_labels(y, points.shape[0], who="robust_verdicts", classes=self.classes).index
        rows = np.arange(points.shape[0])
        distances = self._distances(points)
        mine = distances[rows, own]
        distances[rows, own] = np.inf
        other = distances.min(axis=1)
        slack = 16 * 2.0**-53 * points.shape[1] * (np.abs(points).max(initial=1.0) + np.abs(self.X).max())
        verdicts = np.where((other - mine) / 2 > size + slack, 0, -1).astype(np.int8)
        open_rows = np.flatnonzero(verdicts < 0)
        wrong = self._witnessed(points[open_rows], own[open_rows], size, slack)
        verdicts[open_rows[wrong]] = 1
        return verdicts

    def _witnessed(self, points: Array, own: NDArray[np.int64], size: float,
                   slack: float) -> NDArray[np.bool_]:
        wrong = np.zeros(points.shape[0], bool)
        if points.shape[0] == 0:
            return wrong
        scale = float(np.abs(points).max())
        for c, tree in enumerate(self._trees):
            if tree is None:
                continue
            k = min(_RIVALS, tree.n)
            near = tree.query(points, k=k, p=self.norm)[1].reshape(points.shape[0], k)
            for column in near.T:
                moved = points + self._step(tree.data[column] - points, size, scale)
                distances = self._distances(moved)
                mine = distances[np.arange(points.shape[0]), own]
                wrong |= (own != c) & (distances[:, c] < mine - slack)
        return wrong

    def _step(self, offset: Array, size: float, scale: float) -> Array:
        """Return the offset shortened into the ball, so far inside that rounding cannot leave it."""
        inner = max(0.0, size * (1 - 2.0**-40) - 4 * 2.0**-53 * offset.shape[1] * (scale + size))
        if self.norm == math.inf:
            return np.clip(offset, -inner, inner)
        length = np.linalg.norm(offset, ord=self.norm, axis=1, keepdims=True)
        return offset * np.minimum(1.0, inner / np.maximum(length, np.finfo(float).tiny))
