"""Gaussian mixtures: the class posterior is a formula, so the best classifier and its error are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.evidence import Bracket, Evidence, clopper_pearson
from constructive.populations.law import drawn, exchanged, with_noise

Array = NDArray[np.float64]

_DIGITS = 2.0**-36
"""The normal distribution function is taken to be right to ten digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Round Gaussians, one for each class: class c with probability weights[c], then N(means[c], scales[c]^2 I).

    ``means`` (K, d), ``scales`` (K,), ``weights`` (K,) summing to 1; labels 0, ..., K - 1; ``noise``: probability that
    the label of the component is exchanged for another, uniform over the others. Build with :func:`gaussians`.
    The classes overlap: a clean label is the likeliest class at x, not the component that was drawn.
    """

    means: Array
    scales: Array
    weights: Array
    noise: float = 0.0

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return int(self.means.shape[1])

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels, 0 to K - 1."""
        return tuple(range(self.means.shape[0]))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
        """Return n independent points (n, d) and drawn labels (n,)."""
        rng = np.random.default_rng(rng)
        n = as_count(n, "Mixture.sample", "n", at_least=1)
        index = rng.choice(self.weights.size, n, p=self.weights).astype(np.int64)
        X = self.means[index] + self.scales[index, None] * rng.standard_normal((n, self.dimension))
        return X, exchanged(index, self.weights.size, self.noise, rng)

    def truth(self, X: Array) -> NDArray[np.int64]:
        """Return the likeliest class at each point of X (n, d); ties go to the first."""
        return np.argmax(self._posterior(X), axis=1).astype(np.int64)

    def probability(self, X: Array) -> Array:
        """Return P(y = c | x), shape (n, K): the posterior of the components, with the noise."""
        return with_noise(self._posterior(X), self.noise)

    def label(self, X: Array, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return labels (n,) drawn at X from the conditional law."""
        return drawn(self.probability(X), np.random.default_rng(rng))

    def _posterior(self, X: Array) -> Array:
        from scipy.special import softmax

        points = as_points(X, "Mixture", dimension=self.dimension)
        away = ((points[:, None, :] - self.means) ** 2).sum(axis=2)
        likelihood = -away / (2 * self.scales**2) - self.dimension * np.log(self.scales) + np.log(self.weights)
        return np.asarray(softmax(likelihood, axis=1), np.float64)

    def bayes_error(self, *, draws: int = 100_000, confidence: float = 0.99,
                    rng: np.random.Generator | int = 0) -> Bracket:
        """Return a bracket of the error of the best classifier on drawn labels.

        Two classes of one scale: ``w_0 Phi(-D/2 - t) + w_1 Phi(-D/2 + t)`` with D the distance of the means in scales
        and ``t = ln(w_0 / w_1) / D``, and the noise added, ``noise + (1 - K noise / (K - 1)) e``; ENCLOSED on the
        word of the distribution function (ten digits). Otherwise errors of the best classifier are counted on so many
        ``draws``: a Clopper-Pearson interval, SAMPLED.

        >>> gaussians([[-1.0], [1.0]]).bayes_error()  # doctest: +ELLIPSIS
        Bracket(lower=0.15865525..., upper=0.15865525..., evidence=<Evidence.ENCLOSED: 'enclosed'>, confidence=None)
        """
        if self.weights.size == 2 and self.scales[0] == self.scales[1]:
            clean = self._two_of_one_scale()
            error = self.noise + (1 - 2 * self.noise) * clean
            return Bracket(error * (1 - _DIGITS), min(0.5, error * (1 + _DIGITS)), Evidence.ENCLOSED)
        X, y = self.sample(as_count(draws, "bayes_error", "draws", at_least=1), np.random.default_rng(rng))
        return clopper_pearson(int((self.truth(X) != y).sum()), y.size, confidence)

    def _two_of_one_scale(self) -> float:
        from scipy.special import ndtr

        away = float(np.linalg.norm(self.means[1] - self.means[0])) / float(self.scales[0])
        if away == 0.0:
            return float(self.weights.min())
        shift = math.log(float(self.weights[0]) / float(self.weights[1])) / away
        return float(self.weights[0] * ndtr(-away / 2 - shift) + self.weights[1] * ndtr(-away / 2 + shift))


def gaussians(means: ArrayLike, *, scale: ArrayLike = 1.0, weights: ArrayLike | None = None,
              noise: float = 0.0) -> Mixture:
    """Return the mixture of round Gaussians round ``means`` (K, d), K >= 2, as a population.

    ``scale``: one standard deviation, or one for each class; ``weights``: class probabilities, equal by default.
    Raises ValueError unless all scales and weights are positive, weights sum to 1, and ``0 <= noise < (K - 1) / K``
    (beyond, the likeliest component is no longer the best answer).
    """
    who = "gaussians"
    centers = as_points(means, who, "means")
    k = centers.shape[0]
    if k < 2:
        raise ValueError(f"{who}: means has {k} row; pass at least two classes")
    as_number(noise, who, "noise", at_least=0.0, below=(k - 1) / k)
    spread = np.broadcast_to(np.asarray(scale, np.float64), (k,)).copy()
    shares = np.full(k, 1.0 / k) if weights is None else np.asarray(weights, np.float64).copy()
    for name, values in (("scale", spread), ("weights", shares)):
        if values.shape != (k,) or not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError(f"{who}: {name}={values.tolist()!r} must be {k} positive numbers")
    if abs(float(shares.sum()) - 1.0) > k * 2.0**-52:
        raise ValueError(f"{who}: weights={shares.tolist()!r} must sum to 1")
    for values in (centers, spread, shares):
        values.setflags(write=False)
    return Mixture(centers, spread, shares, float(noise))
