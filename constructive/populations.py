"""Populations with a known label law, and risks estimated on them with honest intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.evidence import Bracket, Evidence, clopper_pearson

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Points uniform in the unit cube with labels ``sign(margin(x))``, flipped with probability ``noise``.

    ``margin`` maps (n, d) to (n,); points with margin exactly 0 count as +1. Raises ValueError unless
    ``0 <= noise < 1``.
    """

    margin: Callable[[Array], Array]
    dimension: int
    noise: float = 0.0

    def __post_init__(self) -> None:
        as_count(self.dimension, "Population", "dimension", at_least=1)
        as_number(self.noise, "Population", "noise", at_least=0.0, below=1.0)

    def truth(self, X: Array) -> NDArray[np.int64]:
        """Return the noiseless labels -1 or +1 at X (n, d)."""
        return np.where(np.asarray(self.margin(X)).reshape(-1) >= 0, 1, -1)

    def label(self, X: Array, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return drawn labels at X: the truth, each flipped independently with probability ``noise``."""
        return np.where(rng.random(X.shape[0]) < self.noise, -1, 1) * self.truth(X)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
        """Return n independent points (n, d) and drawn labels (n,)."""
        X = rng.random((as_count(n, "Population.sample", "n", at_least=1), self.dimension))
        return X, self.label(X, rng)


def jittered_lattice(side: int, dimension: int, jitter: float, rng: np.random.Generator) -> Array:
    """Return side^d points of the unit cube, one in the middle of each cell, moved by at most jitter * cell / 2.

    Jitter in [0, 1]; the l_inf separation is at least (1 - jitter) / side.
    """
    side = as_count(side, "jittered_lattice", "side", at_least=1)
    share = as_number(jitter, "jittered_lattice", "jitter", at_least=0.0, at_most=1.0)
    axes = [(np.arange(side) + 0.5) / side] * as_count(dimension, "jittered_lattice", "dimension", at_least=1)
    centers = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dimension)
    return centers + rng.uniform(-0.5, 0.5, centers.shape) * share / side


def flip_labels(y: NDArray[np.int64], share: float,
                rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return labels with exactly round(share * n) of them flipped, and which ones were."""
    amount = round(as_number(share, "flip_labels", "share", at_least=0.0, at_most=1.0) * y.size)
    flipped = np.zeros(y.size, bool)
    flipped[rng.choice(y.size, amount, replace=False)] = True
    return np.where(flipped, -y, y), flipped


def risk_bracket(verdicts: NDArray[np.int8], confidence: float = 0.99) -> Bracket:
    """Return a bracket of the population's robust risk from verdicts on an independent sample.

    Verdicts 0 safe, 1 wrong, -1 unknown. Lower end: Clopper-Pearson from the proved errors; upper end: from all
    points not proved safe. Holds with the stated confidence over the draw of the sample.
    """
    n = int(verdicts.size)
    lower = clopper_pearson(int((verdicts == 1).sum()), n, confidence).lower
    upper = clopper_pearson(int((verdicts != 0).sum()), n, confidence).upper
    return Bracket(lower, upper, Evidence.SAMPLED, confidence)


def sample_bracket(verdicts: NDArray[np.int8]) -> Bracket:
    """Return the bracket of the robust error on the sample itself: proved errors, and points not proved safe."""
    return Bracket(float((verdicts == 1).mean()), float((verdicts != 0).mean()), Evidence.ENCLOSED)
