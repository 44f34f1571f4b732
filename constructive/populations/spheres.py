"""Concentric spheres in any dimension: the label is the radius, and the classes keep a known distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_norm, as_number, as_points
from constructive.evidence import Bracket, exactly
from constructive.populations.law import exchanged, one_hot, with_noise

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spheres:
    """Points uniform on concentric spheres round 0, one sphere for each class, all classes equally likely.

    Labels 0, ..., K - 1 in the order of the radii; ``noise``: probability of another label, uniform over the others.
    Raises ValueError unless there are at least two radii, positive and increasing by more than 2^-30 of the largest,
    and ``0 <= noise < 1``.

    >>> Spheres(2, (0.5, 1.0)).truth(np.array([[0.0, 0.5], [1.0, 0.0]])).tolist()
    [0, 1]
    """

    dimension: int
    radii: tuple[float, ...] = (0.5, 1.0)
    noise: float = 0.0

    def __post_init__(self) -> None:
        as_count(self.dimension, "Spheres", "dimension", at_least=1)
        as_number(self.noise, "Spheres", "noise", at_least=0.0, below=1.0)
        sizes = [as_number(r, "Spheres", "radii", above=0.0) for r in self.radii]
        if len(sizes) < 2 or any(b - a <= 2.0**-30 * sizes[-1] for a, b in pairwise(sizes)):
            raise ValueError(f"Spheres: radii={self.radii!r} must be at least two, positive, and increase by more than "
                             "2^-30 of the largest")

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels, 0 to K - 1."""
        return tuple(range(len(self.radii)))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
        """Return n independent points (n, d) and drawn labels (n,)."""
        rng = np.random.default_rng(rng)
        n = as_count(n, "Spheres.sample", "n", at_least=1)
        index = rng.integers(len(self.radii), size=n)
        direction = rng.standard_normal((n, self.dimension))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        return direction * np.array(self.radii)[index, None], exchanged(index, len(self.radii), self.noise, rng)

    def truth(self, X: Array) -> NDArray[np.int64]:
        """Return the number of the nearest sphere at each point of X (n, d)."""
        points = as_points(X, "Spheres.truth", dimension=self.dimension)
        sizes = np.linalg.norm(points, axis=1)
        return np.argmin(np.abs(sizes[:, None] - np.array(self.radii)), axis=1).astype(np.int64)

    def probability(self, X: Array) -> Array:
        """Return P(y = c | x), shape (n, K): 1 - noise for the sphere of x, the rest evenly."""
        return with_noise(one_hot(self.truth(X), len(self.radii)), self.noise)

    def label(self, X: Array, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return labels (n,) drawn at X from the conditional law."""
        return exchanged(self.truth(X), len(self.radii), self.noise, np.random.default_rng(rng))

    def separation(self, norm: float = math.inf) -> float:
        """Return a distance that any two drawn points of different clean labels keep.

        The least difference of radii in l_2 (and in l_1, where distances are larger), divided by sqrt(d) in l_inf;
        less 2^-38 of the largest radius for the rounding of drawn points.
        """
        p = as_norm(norm, "Spheres.separation")
        apart = min(b - a for a, b in pairwise(self.radii)) - 2.0**-38 * self.radii[-1]
        return apart if p < math.inf else apart / math.sqrt(self.dimension) * (1 - 2.0**-50)

    def bayes_error(self) -> Bracket:
        """Return the error of the best classifier on drawn labels, ``1 - max(1 - noise, noise / (K - 1))``, EXACT."""
        noise = Fraction(self.noise)
        return exactly(1 - max(1 - noise, noise / (len(self.radii) - 1)))
