"""Points of the unit cube labelled by the sign of a margin, with noise, and with a gap between the classes if asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_norm, as_number
from constructive.evidence import Bracket, exactly
from constructive.populations.law import one_hot, with_noise

Array = NDArray[np.float64]

ROUNDING = 2.0**-40
"""A computed margin errs by less: sums of a few terms of size 1 err by some 2^-52."""
_DRAWS = 1 << 20
"""So many points, and a thousand for each one wanted, are drawn before a gap counts as too wide."""


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Points uniform in the unit cube with labels ``sign(margin(x))``, flipped with probability ``noise``.

    ``margin`` maps (n, d) to (n,); points with margin exactly 0 count as +1. ``gap``: only points with
    ``|margin(x)| >= gap`` are drawn (uniform among these). ``lipschitz``: a Lipschitz constant of the margin in l_inf;
    then clean classes are at least ``2 gap / lipschitz`` apart, see :meth:`separation`. Raises ValueError unless
    ``0 <= noise < 1``, ``gap >= 0`` and ``lipschitz > 0``.

    >>> halves = Population(lambda X: X[:, 0] - 0.5, 2, noise=0.25, lipschitz=1.0).separated(0.125)
    >>> halves.bayes_error().upper, halves.separation()
    (0.25, 0.25)
    """

    margin: Callable[[Array], Array]
    dimension: int
    noise: float = 0.0
    gap: float = 0.0
    lipschitz: float | None = None

    def __post_init__(self) -> None:
        as_count(self.dimension, "Population", "dimension", at_least=1)
        as_number(self.noise, "Population", "noise", at_least=0.0, below=1.0)
        as_number(self.gap, "Population", "gap", at_least=0.0)
        if self.lipschitz is not None:
            as_number(self.lipschitz, "Population", "lipschitz", above=0.0)

    @property
    def classes(self) -> tuple[int, int]:
        """The labels, (-1, 1)."""
        return -1, 1

    def separated(self, gap: float) -> Population:
        """Return the same population restricted to ``|margin(x)| >= gap``."""
        return replace(self, gap=gap)

    def with_noise(self, noise: float) -> Population:
        """Return the same population with another probability of a wrong label."""
        return replace(self, noise=noise)

    def truth(self, X: Array) -> NDArray[np.int64]:
        """Return the noiseless labels -1 or +1 at X (n, d)."""
        return np.where(self._margins(X) >= 0, 1, -1)

    def probability(self, X: Array) -> Array:
        """Return P(y = -1 | x) and P(y = +1 | x), shape (n, 2): 1 - noise for the clean label, noise for the other."""
        return with_noise(one_hot((self.truth(X) > 0).astype(np.int64), 2), self.noise)

    def label(self, X: Array, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return drawn labels at X: the truth, each flipped independently with probability ``noise``."""
        return np.where(rng.random(X.shape[0]) < self.noise, -1, 1) * self.truth(X)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
        """Return n independent points (n, d) and drawn labels (n,).

        Raises ValueError where the gap leaves less than about a thousandth of the cube.
        """
        rng = np.random.default_rng(rng)
        X = self._points(as_count(n, "Population.sample", "n", at_least=1), rng)
        return X, self.label(X, rng)

    def separation(self, norm: float = math.inf) -> float:
        """Return a distance that any two drawn points of different clean labels keep, ``2 gap / lipschitz``.

        Their margins differ by at least 2 gap and by at most lipschitz times their l_inf distance; distances in l_1
        and l_2 are larger still. Rounded down; drawn points have a margin so much above the gap that rounding of the
        margin (below 2^-40 is assumed) does not break the promise. 0 without a gap or a Lipschitz constant.
        """
        as_norm(norm, "Population.separation")
        if self.lipschitz is None or self.gap == 0.0:
            return 0.0
        exact = 2 * Fraction(self.gap) / Fraction(self.lipschitz)
        near = float(exact)
        return near if Fraction(near) <= exact else math.nextafter(near, 0.0)

    def bayes_error(self) -> Bracket:
        """Return the error of the best classifier on drawn labels, ``min(noise, 1 - noise)``, EXACT."""
        return exactly(min(Fraction(self.noise), 1 - Fraction(self.noise)))

    def _margins(self, X: Array) -> Array:
        return np.asarray(self.margin(X), np.float64).reshape(-1)

    def _points(self, n: int, rng: np.random.Generator) -> Array:
        if self.gap == 0.0:
            return rng.random((n, self.dimension))
        kept, have, tried = [], 0, 0
        while have < n:
            if tried > max(_DRAWS, 1000 * n):
                raise ValueError(f"Population.sample: gap={self.gap!r} kept {have} of {tried} points; "
                                 "pass a smaller gap")
            X = rng.random((2 * (n - have) + 64, self.dimension))
            tried += X.shape[0]
            kept.append(X[np.abs(self._margins(X)) >= self.gap + ROUNDING])
            have += kept[-1].shape[0]
        return np.concatenate(kept)[:n]


def jittered_lattice(side: int, dimension: int, jitter: float, rng: np.random.Generator) -> Array:
    """Return side^d points of the unit cube, one in the middle of each cell, moved by at most jitter * cell / 2.

    Jitter in [0, 1]; the l_inf separation is at least (1 - jitter) / side.
    """
    side = as_count(side, "jittered_lattice", "side", at_least=1)
    share = as_number(jitter, "jittered_lattice", "jitter", at_least=0.0, at_most=1.0)
    axes = [(np.arange(side) + 0.5) / side] * as_count(dimension, "jittered_lattice", "dimension", at_least=1)
    centers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dimension)
    return centers + rng.uniform(-0.5, 0.5, centers.shape) * share / side
