"""Covariance and tangent kernel of infinitely wide networks with the error function as activation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.tangent.inputs import bounded, named, stretches, two_sets, weights_of

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]
TWO_OVER_PI = 2.0 / math.pi
FOUR_OVER_PI = 4.0 / math.pi


@dataclass(frozen=True, slots=True, eq=False)
class ErfKernel:
    """Kernels of an infinitely wide network with activation erf and ``depth`` affine maps, tangent parameterization.

    The same network as for :class:`~constructive.tangent.ReluKernel`, with another activation; smooth everywhere.
    Depth 1 gives weight_std^2 <x, x'> / d + bias_std^2 for both kernels. With p the variance of the first layer's
    preactivations, values of close pairs are exact to about (1 + p) 1e-16 of their size. ``chunk`` limits the numbers
    held at once in each of about ten temporary arrays.

    >>> ErfKernel(depth=2).ntk([[1.0, 0.0]], [[0.0, 1.0]])
    array([[0.]])
    """

    depth: int
    weight_std: float = math.sqrt(2.0)
    bias_std: float = 0.0
    chunk: int = 1 << 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", as_count(self.depth, "ErfKernel", "depth", at_least=1, at_most=1000))
        object.__setattr__(self, "weight_std", as_number(self.weight_std, "ErfKernel", "weight_std", above=0.0))
        object.__setattr__(self, "bias_std", as_number(self.bias_std, "ErfKernel", "bias_std", at_least=0.0))
        as_count(self.chunk, "ErfKernel", "chunk", at_least=1)

    def ntk(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Return the tangent kernel (n, m) between rows of X (n, d) and Z (m, d); of X with itself without Z."""
        return self.both(X, Z)[1]

    def nngp(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Return the covariance (n, m) of the outputs at rows of X and Z; of X with itself without Z."""
        return self.both(X, Z)[0]

    def both(self, X: ArrayLike, Z: ArrayLike | None = None) -> tuple[Array, Array]:
        """Return (nngp, ntk); without Z both are symmetric bit for bit, with exact diagonals."""
        points, others = two_sets(X, Z, "ErfKernel.both")
        P, Q = self._variances(points, "ErfKernel.both"), self._variances(others, "ErfKernel.both")
        n, m = points.shape[0], others.shape[0]
        nngp, ntk = np.empty((n, m)), np.empty((n, m))
        for a, b in stretches(n, m, self.chunk):
            s = self._first(points[a:b], others)
            t = s
            for layer in range(self.depth - 1):
                wide = _breadth(P[layer, a:b, None], Q[layer], s)
                s = self._next(s, wide)
                t = s + self.weight_std**2 * FOUR_OVER_PI / wide * t
            nngp[a:b], ntk[a:b] = s, t
        if Z is None:
            for target, values in zip((nngp, ntk), self.diagonal(X), strict=True):
                upper = np.triu(target, 1)
                np.add(upper, upper.T, out=target)
                np.fill_diagonal(target, values)
        return nngp, ntk

    def diagonal(self, X: ArrayLike) -> tuple[Array, Array]:
        """Return (nngp, ntk) of each row of X (n, d) with itself, (n,) each."""
        P = self._variances(two_sets(X, None, "ErfKernel.diagonal")[0], "ErfKernel.diagonal")
        tangent = P[0]
        for p, following in pairwise(P):
            tangent = following + self.weight_std**2 * FOUR_OVER_PI / np.sqrt(1.0 + 4.0 * p) * tangent
        return P[-1], tangent

    def squared_gradient(self, X: ArrayLike) -> Array:
        """Return E|grad_x f|^2 at initialization for each row of X (n, d), shape (n,): it depends on |x| here.

        Given its preactivation z of variance p, a unit's slope has mean z grad p / (2 p); with E[phi'^2] = c and
        E[phi'^2 z^2] = c p / (1 + 4 p), c = (4 / pi) / sqrt(1 + 4 p), each layer turns k, up to
        the weights' variance, into c (k - 4 |grad p / 2|^2 / (1 + 4 p)).
        """
        points = two_sets(X, None, "ErfKernel.squared_gradient")[0]
        P, gain = self._variances(points, "ErfKernel.squared_gradient"), self.weight_std**2
        slopes = np.full(points.shape[0], gain)
        lean = gain * gain * np.einsum("ij,ij->i", points, points) / points.shape[1] ** 2  # |grad p / 2|^2
        for p in P[:-1]:
            chance = FOUR_OVER_PI / np.sqrt(1.0 + 4.0 * p)
            slopes = gain * chance * (slopes - 4.0 * lean / (1.0 + 4.0 * p))
            lean = lean * (gain * chance / (1.0 + 2.0 * p)) ** 2
        return np.asarray(slopes)

    def input_gradient(self, X: ArrayLike, Z: ArrayLike, weights: ArrayLike, *, of: Name = "ntk") -> Array:
        """Return sum_j weights_ij grad_x k(x_i, z_j), shape (n, d); weights (n, m), k the kernel named by ``of``.

        Raises ValueError for wrong shapes.
        """
        who = "ErfKernel.input_gradient"
        points, others = two_sets(X, Z, who)
        n, m = points.shape[0], others.shape[0]
        moves, tangent = weights_of(weights, n, m, who), named(of, who)
        P, Q, factor = self._variances(points, who), self._variances(others, who), self.weight_std**2 / points.shape[1]
        gradient = np.empty_like(points)
        for a, b in stretches(n, m, self.chunk):
            by_s, by_p = self._slopes(self._first(points[a:b], others), P[:, a:b], Q, tangent)
            inward = np.einsum("ij,ij->i", moves[a:b], by_p)
            gradient[a:b] = factor * ((moves[a:b] * by_s) @ others + 2.0 * inward[:, None] * points[a:b])
        return gradient

    # -- the recursion ---------------------------------------------------------------------------------------------

    def _slopes(self, s: Array, P: Array, Q: Array, of_tangent: bool) -> tuple[Array, Array]:
        """Return the derivatives of the kernel by the first layer's covariance s (n, m) and by the row's variance."""
        gain, t = self.weight_std**2, s
        ds, dp, ts, tp = np.ones_like(s), np.zeros_like(s), np.ones_like(s), np.zeros_like(s)
        rate = np.ones(P.shape[1])[:, None]  # d p_l / d p_1
        for layer in range(self.depth - 1):
            p, other = P[layer][:, None], Q[layer]
            wide = _breadth(p, other, s)
            chance, lift = FOUR_OVER_PI / wide, -FOUR_OVER_PI * (s / (1.0 + 2.0 * p)) / wide
            chance_s, chance_p = 4.0 * chance * (s / wide) / wide, -chance * ((1.0 + 2.0 * other) / wide) / wide
            s_next = self._next(s, wide)
            ds_next, dp_next = gain * chance * ds, gain * (chance * dp + lift * rate)
            ts = ds_next + gain * (ts * chance + t * chance_s * ds)
            tp = dp_next + gain * (tp * chance + t * (chance_s * dp + chance_p * rate))
            t = s_next + gain * chance * t
            s, ds, dp = s_next, ds_next, dp_next
            rate = rate * gain * FOUR_OVER_PI / (1.0 + 2.0 * p) / np.sqrt(1.0 + 4.0 * p)
        return (ts, tp) if of_tangent else (ds, dp)

    def _next(self, s: Array, wide: Array) -> Array:
        return np.asarray(self.weight_std**2 * TWO_OVER_PI * np.arctan2(2.0 * s, wide) + self.bias_std**2)

    def _variances(self, points: Array, who: str) -> Array:
        """Return p_1, ..., p_depth (depth, n): the variance of each layer's preactivations."""
        with np.errstate(over="ignore"):
            first = self.weight_std**2 * np.einsum("ij,ij->i", points, points) / points.shape[1] + self.bias_std**2
        table = [first]
        for _ in range(self.depth - 1):
            table.append(self._next(table[-1], np.sqrt(1.0 + 4.0 * table[-1])))
        return bounded(np.array(table), self.weight_std, who)

    def _first(self, points: Array, others: Array) -> Array:
        return np.asarray(self.weight_std**2 / points.shape[1] * (points @ others.T) + self.bias_std**2)


def _breadth(p: Array, q: Array, s: Array) -> Array:
    """Return sqrt((1 + 2p)(1 + 2q) - 4 s^2), at least sqrt(1 + 2p + 2q) also where p q - s^2 is lost to rounding."""
    size = np.sqrt(p) * np.sqrt(q)
    area = np.sqrt(np.maximum(size - s, 0.0)) * np.sqrt(np.maximum(size + s, 0.0))
    return np.asarray(np.hypot(np.sqrt(1.0 + 2.0 * p + 2.0 * q), 2.0 * area))
