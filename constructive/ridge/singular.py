"""One singular value decomposition for a whole path of ridges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """X = left diag(values) right^T: left (n, r), values (r,) decreasing, right (p, r), r = min(n, p)."""

    left: Array
    values: Array
    right: Array

    @property
    def rank(self) -> int:
        """How many singular values are above s_1 max(n, p) eps."""
        return int((self.values > self._negligible).sum())

    @property
    def _negligible(self) -> float:
        return float(self.values[0]) * max(self.left.shape[0], self.right.shape[0]) * float(np.finfo(np.float64).eps)

    def filters(self, ridges: Array) -> tuple[Array, Array, Array]:
        """Return s^2 / (s^2 + n ridge), s / (s^2 + n ridge) and n ridge / (s^2 + n ridge), each (ridges, r).

        Where s is negligible they are 0, 0, 1, as for s = 0: with ridge 0 that is the pseudoinverse. Ridges so small
        that they would not hide such rounding do not bring it back, so that lengths do not rise with the ridge.
        """
        s, penalty = self.values, self.left.shape[0] * ridges[:, None]
        seen = s > self._negligible
        total = np.where(seen, s * s + penalty, 1.0)
        return np.where(seen, s * s / total, 0.0), np.where(seen, s / total, 0.0), np.where(seen, penalty / total, 1.0)


def factorize(points: Array) -> Factors:
    """Return the thin singular value decomposition of points (n, p)."""
    left, values, right = np.linalg.svd(points, full_matrices=False)
    return Factors(left, values, right.T)
