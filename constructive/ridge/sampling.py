"""Designs and labels to try the statements on; for two blocks of eigenvalues a draw whose cost does not depend on p.

For a spiked spectrum every moment of ridge regression depends on the tail only through its Gram matrix, a Wishart
matrix: a triangular matrix of size n stands for n times q normal numbers, exactly in law (Bartlett's decomposition).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.ridge.effective import as_ridges
from constructive.ridge.equivalents import RidgeMoments
from constructive.ridge.linear import as_theta
from constructive.ridge.spectra import Spectrum

Array = NDArray[np.float64]
LARGEST_EXPLICIT = 10_000_000
"""Coordinates that an explicit vector may have; beyond, draw by blocks."""


def explicit(spectrum: Spectrum) -> tuple[Array, Array]:
    """Return eigenvalues (p,) and theta (p,), the signal of each block spread evenly over its coordinates.

    How it is spread inside a block changes no law. Raises ValueError for more than 1e7 coordinates.

    >>> values, theta = explicit(Spectrum([1.0, 0.5], [2, 1], [2.0, 0.0]))
    >>> values.tolist(), theta.round(12).tolist()
    ([1.0, 1.0, 0.5], [1.0, 1.0, 0.0])
    """
    if spectrum.dimension > LARGEST_EXPLICIT:
        raise ValueError(f"explicit: p={spectrum.dimension:g} is above {LARGEST_EXPLICIT}; use draw_spiked_design")
    counts = spectrum.multiplicities.astype(np.int_)
    return np.repeat(spectrum.eigenvalues, counts), np.repeat(np.sqrt(spectrum.signal / counts), counts)


def draw_design(spectrum: Spectrum, n: int, rng: Any, *, law: str = "normal") -> Array:
    """Return X (n, p), rows with covariance diag(lambda): independent coordinates, normal or +- sqrt(lambda_j).

    ``law`` "normal" or "signs"; ``rng`` a numpy Generator or a seed. Raises ValueError for another law.
    """
    count, generator = as_count(n, "draw_design", "n", at_least=1), np.random.default_rng(rng)
    scales = np.sqrt(explicit(spectrum)[0])
    if law == "normal":
        return np.asarray(generator.normal(size=(count, scales.size)) * scales)
    if law == "signs":
        return np.asarray(generator.choice((-1.0, 1.0), size=(count, scales.size)) * scales)
    raise ValueError(f"draw_design: law={law!r} must be 'normal' or 'signs'")


def draw_labels(X: ArrayLike, theta: ArrayLike, noise_variance: float, rng: Any) -> Array:
    """Return y (n,) = X theta + noise, normal with the given variance."""
    design = as_points(X, "draw_labels")
    vector = as_theta(theta, "draw_labels", dimension=design.shape[1])
    scale = np.sqrt(as_number(noise_variance, "draw_labels", "noise_variance", at_least=0.0))
    return np.asarray(design @ vector + scale * np.random.default_rng(rng).normal(size=design.shape[0]))


@dataclass(frozen=True, slots=True, eq=False)
class SpikedDesign:
    """One design of a spiked spectrum, known up to rotations that no moment sees: in the eigenbasis of X X^T.

    ``gram`` (n,) eigenvalues of X X^T; ``front`` (n, k) and ``back`` (n, n) with front front^T + back back^T =
    diag(gram): the head, and n coordinates that stand for the tail; ``signal`` theta* on the head's first coordinate.
    """

    spectrum: Spectrum
    gram: Array
    front: Array
    back: Array
    signal: float

    def moments(self, ridges: ArrayLike, noise_variance: float) -> RidgeMoments:
        """Return the conditional moments given this design, expectation over the noise, one for each ridge."""
        penalties = as_ridges(ridges, "SpikedDesign.moments")
        noise = as_number(noise_variance, "SpikedDesign.moments", "noise_variance", at_least=0.0)
        weights = self._weights(penalties)
        top, v = self.spectrum.eigenvalues
        spread = top * np.square(self.front).sum(axis=1) + v * np.square(self.back).sum(axis=1)
        bias, energy = self._errors(weights * (self.front[:, 0] * self.signal))
        return RidgeMoments(bias, noise * (weights**2 @ spread), energy, noise * (weights**2 @ self.gram))

    def risks(self, ridges: ArrayLike, noise: ArrayLike) -> tuple[Array, Array]:
        """Return (R, |theta|^2) of the predictors fitted with this noise (n,), in the eigenbasis: any normal draw."""
        values = as_points(np.asarray(noise)[None], "SpikedDesign.risks", "noise", dimension=len(self.gram))[0]
        weights = self._weights(as_ridges(ridges, "SpikedDesign.risks"))
        return self._errors(weights * (self.front[:, 0] * self.signal + values))

    def _weights(self, ridges: Array) -> Array:
        return np.asarray(1.0 / (self.gram + len(self.gram) * ridges[..., None]))

    def _errors(self, duals: Array) -> tuple[Array, Array]:
        """Return R and the squared norm of X^T u for dual vectors u (..., n)."""
        head, tail = duals @ self.front, duals @ self.back
        head[..., 0] -= self.signal
        top, v = self.spectrum.eigenvalues
        risk = top * np.square(head).sum(axis=-1) + v * np.square(tail).sum(axis=-1)
        return np.asarray(risk), np.asarray((np.square(duals) * self.gram).sum(axis=-1))


def draw_spiked_design(spectrum: Spectrum, n: int, rng: Any) -> SpikedDesign:
    """Return a design of n normal rows for a spectrum of two blocks, in time n^3 whatever p is; exact in law.

    The signal must be on the head, and the tail have q >= n eigenvalues: ValueError otherwise.

    >>> from constructive.ridge.spectra import spiked
    >>> design = draw_spiked_design(spiked(5, 1.0, 640_000, 28.3), 8, 0)
    >>> moments = design.moments([0.0, 1.0], 1.0)
    >>> bool(moments.energy[0] > moments.energy[1])
    True
    """
    who = "draw_spiked_design"
    count, generator = as_count(n, who, "n", at_least=1), np.random.default_rng(rng)
    if len(spectrum.eigenvalues) != 2 or spectrum.signal[1] != 0.0:
        raise ValueError(f"{who}: spectrum must have two blocks with all signal on the first, got eigenvalues "
                         f"{spectrum.eigenvalues!r} and signal {spectrum.signal!r}; use draw_design")
    (heads, tail), (top, v) = spectrum.multiplicities, spectrum.eigenvalues
    if tail < count:
        raise ValueError(f"{who}: the tail has {tail:g} eigenvalues, fewer than n={count}; use draw_design")
    lower = np.tril(generator.normal(size=(count, count)), -1)
    np.fill_diagonal(lower, np.sqrt(generator.chisquare(tail - np.arange(count))))
    front, back = np.sqrt(top) * generator.normal(size=(count, int(heads))), np.sqrt(v) * lower
    gram, basis = np.linalg.eigh(front @ front.T + back @ back.T)
    return SpikedDesign(spectrum, np.maximum(gram, 0.0), basis.T @ front, basis.T @ back,
                        float(np.sqrt(spectrum.signal[0])))
