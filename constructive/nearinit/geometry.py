"""Spherical caps round unit points: what inner products can be on them, and points of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist, pdist, squareform

from constructive._checks import as_count, as_number, as_points

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Caps:
    """Closed caps {x: |x| = 1, |x - x_i| <= radius} of the unit sphere round n points; made by :func:`caps`.

    X (n, d) read-only unit rows; radius is chordal, a distance through the ball. For a point x of cap i:
    own <= <x_i, x>, and least <= <x_j, x> <= foreign for j != i; own - foreign >= distance (distance - 2 radius) / 2.
    Bounds hold up to a few roundings.
    """

    X: Array
    radius: float

    @property
    def n(self) -> int:
        """The number of caps."""
        return self.X.shape[0]

    @property
    def dimension(self) -> int:
        """The dimension d of the space round the sphere."""
        return self.X.shape[1]

    @property
    def angle(self) -> float:
        """The caps' angular radius 2 asin(radius / 2)."""
        return 2.0 * math.asin(self.radius / 2.0)

    @property
    def distance(self) -> float:
        """The smallest chordal distance between two centers; inf if there is one only."""
        return float(pdist(self.X).min()) if self.n > 1 else math.inf

    @property
    def own(self) -> float:
        """The smallest <x_i, x> on cap i, 1 - radius^2 / 2."""
        return 1.0 - self.radius * self.radius / 2.0

    @property
    def foreign(self) -> float:
        """The largest <x_j, x> with x in another cap, the cosine of the smallest angle less the caps'; -1 if n = 1."""
        if self.n == 1:
            return -1.0
        return math.cos(float(_angles(self.X).min()) - self.angle)

    @property
    def least(self) -> float:
        """The smallest <x_j, x> with x in another cap; -1 if n = 1."""
        if self.n == 1:
            return -1.0
        return math.cos(min(math.pi, float(_angles(self.X).max()) + self.angle))

    def project(self, index: ArrayLike, points: ArrayLike) -> Array:
        """Return for each point (k, d) a point of cap index (k,): itself on the sphere, or along the great circle.

        Points are first divided by their norm; outside the cap they move to the rim, cos(angle) x_i + sin(angle) e
        with e the unit tangential part. Where a point has no direction (0) or no tangential part, x_i is returned.
        """
        centers, moved = self.X[np.asarray(index)], np.asarray(points, dtype=np.float64)
        size = np.linalg.norm(moved, axis=1, keepdims=True)
        moved = np.where(size > 0.0, moved / np.where(size > 0.0, size, 1.0), centers)
        outside = np.linalg.norm(moved - centers, axis=1) > self.radius
        if outside.any():
            moved[outside] = self._on_rim(centers[outside], moved[outside], np.full(int(outside.sum()), self.angle))
        return moved

    def draw(self, index: ArrayLike, rng: Any) -> Array:
        """Return a random point of each cap in index (k,), shape (k, d), spread nearly evenly over the cap.

        The angle from the center is angle U^(1 / (d - 1)): even in the flat limit of small caps.
        """
        generator = np.random.default_rng(rng)
        centers = self.X[np.asarray(index)]
        angles = self.angle * generator.random(centers.shape[0]) ** (1.0 / (self.dimension - 1))
        return self._on_rim(centers, generator.normal(size=centers.shape), angles)

    def rim(self, index: ArrayLike, rng: Any) -> Array:
        """Return a random point on the rim of each cap in index (k,), shape (k, d)."""
        centers = self.X[np.asarray(index)]
        toward = np.random.default_rng(rng).normal(size=centers.shape)
        return self._on_rim(centers, toward, np.full(centers.shape[0], self.angle))

    def _on_rim(self, centers: Array, toward: Array, angles: Array) -> Array:
        tangent, clear = toward, np.ones(centers.shape[0], dtype=bool)
        for _ in range(2):  # a direction close to the center's loses digits once; the second pass restores them
            tangent = tangent - np.einsum("ij,ij->i", tangent, centers)[:, None] * centers
            size = np.linalg.norm(tangent, axis=1)
            clear &= size > 1e-12  # less is rounding, not a direction
            tangent = np.where(clear[:, None], tangent / np.where(clear, size, 1.0)[:, None], 0.0)
        moved = np.cos(angles)[:, None] * centers + np.sin(angles)[:, None] * tangent
        return np.where(clear[:, None], moved, centers)


def caps(X: ArrayLike, radius: float) -> Caps:
    """Return the caps of chordal radius ``radius`` round the unit rows of X (n, d), d >= 2.

    Rows may miss norm 1 by 1e-9 and are divided by it. Raises ValueError for other rows, a single coordinate, or
    radius >= half the smallest distance (2 if there is one row): caps must not meet.

    >>> two = caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.5)
    >>> two.distance, two.own
    (2.0, 0.875)
    """
    who = "caps"
    points = as_points(X, who)
    if points.shape[1] < 2:
        raise ValueError(f"{who}: X must have at least 2 columns, got 1: the sphere of the line is two points")
    norms = np.linalg.norm(points, axis=1)
    worst = int(np.argmax(np.abs(norms - 1.0)))
    if abs(norms[worst] - 1.0) > 1e-9:
        raise ValueError(f"{who}: rows of X must have norm 1, but X[{worst}] has norm {norms[worst]:.9g}; "
                         "divide each row by its norm")
    size = as_number(radius, who, "radius", at_least=0.0, below=2.0)
    found = Caps(points / norms[:, None], size)
    found.X.setflags(write=False)
    if found.n > 1 and 2.0 * size >= found.distance:
        gaps = squareform(pdist(found.X))
        np.fill_diagonal(gaps, np.inf)
        i, j = divmod(int(np.argmin(gaps)), found.n)
        raise ValueError(f"{who}: radius={size!r} needs all points more than {2.0 * size:.9g} apart, but X[{i}] and "
                         f"X[{j}] are {gaps[i, j]:.9g} apart; pass radius < {gaps[i, j] / 2.0:.9g}")
    return found


def chordal_angles(X: ArrayLike) -> Array:
    """Return the angles (n, n) between unit rows of X (n, d), 2 atan2(|x_i - x_j|, |x_i + x_j|).

    Accurate for close rows and for nearly opposite ones, where arccosine and arcsine lose half of the digits.
    """
    points = as_points(X, "chordal_angles")
    if points.shape[0] == 1:
        return np.zeros((1, 1))
    return np.asarray(squareform(_angles(points)))


def _angles(points: Array) -> Array:
    """Return the angles of all pairs, in the order of pdist."""
    sums = cdist(points, -points)[np.triu_indices(points.shape[0], 1)]
    return np.asarray(2.0 * np.arctan2(pdist(points), sums))


def separated_sphere(n: int, dimension: int, distance: float, *, rng: Any, tries: int = 100_000) -> Array:
    """Return n random unit rows (n, dimension), pairwise at least ``distance`` apart, by drawing and rejecting.

    Raises ValueError when ``tries`` drawn points do not suffice: then the sphere is too full for that distance.
    """
    who = "separated_sphere"
    count, d = as_count(n, who, "n", at_least=1), as_count(dimension, who, "dimension", at_least=2)
    gap = as_number(distance, who, "distance", at_least=0.0, at_most=2.0)
    generator = np.random.default_rng(rng)
    kept = np.empty((count, d))
    found = 0
    for _ in range(as_count(tries, who, "tries", at_least=count)):
        point = generator.normal(size=d)
        point /= np.linalg.norm(point)
        if found == 0 or np.linalg.norm(kept[:found] - point, axis=1).min() >= gap:
            kept[found] = point
            found += 1
            if found == count:
                return kept
    raise ValueError(f"{who}: found only {found} of n={count} points of S^{d - 1} at distance {gap!r} in {tries} "
                     "draws; ask for fewer points, a smaller distance or more tries")


def lifted(Z: ArrayLike) -> Array:
    """Return (sqrt(3) / 2 z, 1 / 2) for each row z of Z (n, d - 1): unit rows stay so and get a constant coordinate.

    Distances shrink by sqrt(3) / 2, inner products t become 3/4 t + 1/4.
    """
    points = as_points(Z, "lifted", "Z")
    return np.hstack([math.sqrt(0.75) * points, np.full((points.shape[0], 1), 0.5)])
