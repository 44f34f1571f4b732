"""Spectra of covariances with their multiplicities, and how the squared signal is spread over them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points

Array = NDArray[np.float64]
LARGEST_COUNT = 2.0**53  # multiplicities are whole numbers held in float64
RANGE = (2.0**-480, 2.0**480)
"""Eigenvalues lie between these two, so that no square or product of squares in the bounds vanishes or overflows."""


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Eigenvalues of a covariance in blocks: value, how often, and the signal's squared coordinates summed.

    ``eigenvalues`` (b,) from 2^-480 to 2^480, nonincreasing, ``multiplicities`` (b,) whole numbers >= 1 in float64,
    ``signal`` (b,) >= 0: the sum of theta_j^2 over the block, for the vector theta of the truth y = x^T theta + noise;
    all read-only. ``unseen`` is the part of ||theta||^2 along eigenvalue zero: no prediction depends on it, the
    attacked truth does. Nothing costs more than the number of blocks: p = 1e10 eigenvalues in two blocks are fine.

    Raises ValueError for arrays of other shapes, orders or signs.

    >>> spectrum = Spectrum([1.0, 0.25], [2, 8], [1.0, 0.0])
    >>> spectrum.dimension, float(spectrum.trace()), spectrum.signal_variance
    (10.0, 4.0, 1.0)
    """

    eigenvalues: Array
    multiplicities: Array
    signal: Array
    unseen: float = 0.0

    def __post_init__(self) -> None:
        who = "Spectrum"
        values = _as_vector(self.eigenvalues, who, "eigenvalues")
        counts = _as_vector(self.multiplicities, who, "multiplicities", values.size)
        signal = _as_vector(self.signal, who, "signal", values.size)
        if not (values > 0.0).all():
            i = int(np.argmin(values > 0.0))
            raise ValueError(f"Spectrum: eigenvalues[{i}]={values[i]:g} must be > 0; Spectrum.of leaves out zeros")
        if (values[1:] > values[:-1]).any():
            i = int(np.argmax(values[1:] > values[:-1]))
            raise ValueError(f"Spectrum: eigenvalues must not increase, got {values[i]:g} before {values[i + 1]:g}; "
                             "Spectrum.of sorts them")
        within_range(values, who)
        whole = (counts >= 1.0) & (counts <= LARGEST_COUNT) & (counts == np.floor(counts))
        if not whole.all():
            i = int(np.argmin(whole))
            raise ValueError(f"Spectrum: multiplicities[{i}]={counts[i]:g} must be a whole number from 1 to 2^53")
        if (signal < 0.0).any():
            i = int(np.argmax(signal < 0.0))
            raise ValueError(f"Spectrum: signal[{i}]={signal[i]:g} is a sum of squares and must be >= 0")
        for name, array in (("eigenvalues", values), ("multiplicities", counts), ("signal", signal)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        object.__setattr__(self, "unseen", as_number(self.unseen, who, "unseen", at_least=0.0))

    @staticmethod
    def of(eigenvalues: ArrayLike, theta: ArrayLike) -> Spectrum:
        """Return the spectrum of eigenvalues (p,) >= 0 in any order, theta (p,) in the basis of the eigenvectors.

        Zero eigenvalues are left out, their theta_j^2 go to ``unseen``. Raises ValueError for negative eigenvalues,
        for none above zero and for different lengths.

        >>> Spectrum.of([0.0, 1.0, 2.0], [3.0, 1.0, 0.5]).unseen
        9.0
        """
        who = "Spectrum.of"
        values = _as_vector(eigenvalues, who, "eigenvalues")
        squares = _as_vector(theta, who, "theta", values.size) ** 2
        if (values < 0.0).any():
            i = int(np.argmax(values < 0.0))
            raise ValueError(f"{who}: eigenvalues[{i}]={values[i]:g} must be >= 0; a covariance has no negative ones")
        order = np.argsort(-values, kind="stable")
        kept = order[values[order] > 0.0]
        if kept.size == 0:
            raise ValueError(f"{who}: all eigenvalues are 0; at least one must be > 0")
        return Spectrum(values[kept], np.ones(kept.size), squares[kept], float(squares[values == 0.0].sum()))

    @staticmethod
    def of_covariance(covariance: ArrayLike, theta: ArrayLike) -> Spectrum:
        """Return the spectrum of a symmetric matrix (p, p) and of theta (p,), both in the basis of the data.

        Eigenvalues up to p eps times the largest count as zero. Raises ValueError for a matrix that is not symmetric
        and positive semidefinite within that rounding.
        """
        who = "Spectrum.of_covariance"
        matrix = as_points(covariance, who, "covariance")
        p, scale = matrix.shape[0], float(np.abs(matrix).max())
        if matrix.shape[1] != p or np.abs(matrix - matrix.T).max() > 1e-12 * scale:
            raise ValueError(f"{who}: covariance must be symmetric, got shape {matrix.shape}; pass X.T @ X / n")
        vector = _as_vector(theta, who, "theta", p)
        values, basis = np.linalg.eigh(0.5 * (matrix + matrix.T))
        negligible = p * np.finfo(np.float64).eps * float(np.abs(values).max())
        if values[0] < -negligible:
            raise ValueError(f"{who}: covariance has the negative eigenvalue {values[0]:g}; pass X.T @ X / n")
        return Spectrum.of(np.where(values <= negligible, 0.0, values), basis.T @ vector)

    @property
    def dimension(self) -> float:
        """The number p of positive eigenvalues, each as often as it occurs."""
        return float(self.multiplicities.sum())

    @property
    def largest(self) -> float:
        """The largest eigenvalue."""
        return float(self.eigenvalues[0])

    @property
    def ends(self) -> Array:
        """Numbers of eigenvalues (b,) up to the end of each block."""
        return np.cumsum(self.multiplicities)

    def trace(self, power: float = 1.0) -> float:
        """Return the sum of lambda_j^power over all p eigenvalues."""
        return float((self.multiplicities * self.eigenvalues ** as_number(power, "Spectrum.trace", "power")).sum())

    @property
    def signal_norm(self) -> float:
        """||theta||^2, the part along eigenvalue zero included."""
        return float(self.signal.sum()) + self.unseen

    @property
    def signal_variance(self) -> float:
        """theta^T Sigma theta, the variance of the noiseless label."""
        return float((self.signal * self.eigenvalues).sum())

    def tail(self, k: ArrayLike) -> tuple[Array, Array]:
        """Return the sums of lambda_j and of lambda_j^2 over j > k, for whole numbers 0 <= k <= p of any shape.

        Summed from the small end; a number for a number. Raises ValueError outside 0 <= k <= p.

        >>> s, q = Spectrum([1.0, 0.25], [2, 8], [1.0, 0.0]).tail([1, 2, 10])
        >>> s.tolist(), q.tolist()
        ([3.0, 2.0, 0.0], [1.5, 0.5, 0.0])
        """
        index, ends = _as_index(k, "Spectrum.tail", self.dimension), self.ends
        first = self.multiplicities * self.eigenvalues
        second = first * self.eigenvalues
        after = [np.append(np.cumsum(block[::-1])[::-1][1:], 0.0) for block in (first, second)]
        block = np.minimum(np.searchsorted(ends, index, side="right"), ends.size - 1)
        left, value = ends[block] - index, self.eigenvalues[block]
        return (left * value + after[0][block])[()], (left * value**2 + after[1][block])[()]

    def following(self, k: ArrayLike) -> Array:
        """Return the eigenvalue lambda_(k+1) that comes after the k largest, for whole numbers 0 <= k < p."""
        index = _as_index(k, "Spectrum.following", self.dimension - 1.0)
        return self.eigenvalues[np.searchsorted(self.ends, index, side="right")][()]

    def enlarged(self) -> Spectrum:
        """Return the spectrum with its largest eigenvalue counted once more, without signal on the new one."""
        counts = self.multiplicities.copy()
        counts[0] += 1.0
        return Spectrum(self.eigenvalues, counts, self.signal, self.unseen)


def spiked(heads: int, head: float, tail: int, tail_sum: float, signal: float = 1.0) -> Spectrum:
    """Return ``heads`` eigenvalues ``head`` that carry ||theta||^2 = ``signal``, and ``tail`` equal ones of given sum.

    Raises ValueError for counts below 1, sums that are not positive, or a tail eigenvalue above the head's.

    >>> spiked(5, 1.0, 195, 10.0).dimension
    200.0
    """
    who = "spiked"
    counts = [as_count(heads, who, "heads", at_least=1), as_count(tail, who, "tail", at_least=1)]
    top = as_number(head, who, "head", above=0.0)
    small = as_number(tail_sum, who, "tail_sum", above=0.0) / counts[1]
    if small > top:
        raise ValueError(f"spiked: tail_sum / tail = {small!r} must be <= head={top!r}; pass more tail")
    return Spectrum(np.array([top, small]), np.array(counts, dtype=np.float64),
                    np.array([as_number(signal, who, "signal", at_least=0.0), 0.0]))


def isotropic(p: int, eigenvalue: float = 1.0, signal: float = 1.0) -> Spectrum:
    """Return p equal eigenvalues and ||theta||^2 = ``signal``."""
    return Spectrum(np.array([as_number(eigenvalue, "isotropic", "eigenvalue", above=0.0)]),
                    np.array([float(as_count(p, "isotropic", "p", at_least=1))]),
                    np.array([as_number(signal, "isotropic", "signal", at_least=0.0)]))


def power_law(p: int, exponent: float, *, signal_exponent: float = 0.0, signal: float | None = 1.0) -> Spectrum:
    """Return lambda_j = j^-exponent and theta_j^2 proportional to j^-signal_exponent, j = 1, ..., p.

    ``signal`` = ||theta||^2, or None for theta_j^2 = j^-signal_exponent itself.

    >>> power_law(4, 1.0, signal_exponent=2.0, signal=None).signal_variance == 1 + 1 / 8 + 1 / 27 + 1 / 64
    True
    """
    j = np.arange(1.0, as_count(p, "power_law", "p", at_least=1) + 1.0)
    values = j ** -as_number(exponent, "power_law", "exponent", at_least=0.0)
    return Spectrum(values, np.ones(j.size), _decaying(j, signal_exponent, signal, "power_law"))


def logarithmic(p: int, exponent: float = 1.5, *, signal_exponent: float = 1.5, signal: float | None = 1.0) -> Spectrum:
    """Return lambda_j = 1 / (j log^exponent(j + e)) and theta_j^2 proportional to j^-signal_exponent, j = 1, ..., p.

    For exponent > 1 and p, n growing these spectra overfit benignly. ``signal`` as in :func:`power_law`.
    """
    j = np.arange(1.0, as_count(p, "logarithmic", "p", at_least=1) + 1.0)
    values = 1.0 / (j * np.log(j + math.e) ** as_number(exponent, "logarithmic", "exponent", at_least=0.0))
    return Spectrum(values, np.ones(j.size), _decaying(j, signal_exponent, signal, "logarithmic"))


def effective_ranks(spectrum: Spectrum, k: ArrayLike) -> tuple[Array, Array]:
    """Return s_k / lambda_(k+1) and s_k^2 / q_k, s_k and q_k the sums of lambda_j and lambda_j^2 over j > k.

    For whole numbers 0 <= k < p of any shape; the first is at most the second, the second at most the first squared.

    >>> [float(rank) for rank in effective_ranks(isotropic(7), 3)]
    [4.0, 4.0]
    """
    s, q = spectrum.tail(k)
    return s / spectrum.following(k), s**2 / q


def benign_index(spectrum: Spectrum, n: int, constant: float = 1.0) -> int | None:
    """Return the least k with s_k / lambda_(k+1) >= constant n, or None if no k < p has it.

    Inside a block of equal eigenvalues the ratio falls with k, so only the starts of blocks are looked at.

    >>> benign_index(spiked(5, 1.0, 2500, 7.0), 50)
    5
    """
    wanted = as_number(constant, "benign_index", "constant", above=0.0) * as_count(n, "benign_index", "n", at_least=1)
    starts = np.append(0.0, spectrum.ends[:-1])
    enough = effective_ranks(spectrum, starts)[0] >= wanted
    return int(starts[np.argmax(enough)]) if enough.any() else None


def _decaying(j: Array, exponent: float, total: float | None, who: str) -> Array:
    squares = j ** -as_number(exponent, who, "signal_exponent")
    return squares if total is None else squares * (as_number(total, who, "signal", at_least=0.0) / squares.sum())


def _as_vector(values: Any, who: str, name: str, size: int | None = None) -> Array:
    """Return values as a new finite float64 vector with at least one entry, of the given size if there is one."""
    raw = np.asarray(values)
    if raw.ndim != 1:
        raise ValueError(f"{who}: {name} must be a vector, got shape {raw.shape}")
    vector = as_points(raw[None, :], who, name)[0].copy()
    if size is not None and vector.size != size:
        raise ValueError(f"{who}: {name} has {vector.size} entries, expected {size}, one for each eigenvalue")
    return vector


def within_range(eigenvalues: Array, who: str) -> None:
    """Raise ValueError if an eigenvalue is so large or small that its square could leave the range of float64."""
    outside = (eigenvalues < RANGE[0]) | (eigenvalues > RANGE[1])
    if outside.any():
        i = int(np.argmax(outside))
        raise ValueError(f"{who}: eigenvalues[{i}]={float(eigenvalues[i])!r} must lie between 2^-480 and 2^480; divide "
                         "data by their size, and put 0 for directions that hardly vary")


def _as_index(k: ArrayLike, who: str, most: float) -> Array:
    index = np.asarray(k, dtype=np.float64)
    if not ((index >= 0.0) & (index <= most) & (index == np.floor(index))).all():
        raise ValueError(f"{who}: k={k!r} must be whole numbers from 0 to {most:.0f}")
    return index
