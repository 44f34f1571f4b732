"""Bumps by sawtooth squares, read from the weights: centers, radii and levels, and on which l_2 balls they decide.

With t_ij = relu(1 - rho |x_j - c_ij|) and the teeth g_s of t, ``t + sum_s g_s(t) / 4^s = 1 - f_m(1 - t)``, where f_m is
the sawtooth square: ``z^2 <= f_m(z) <= z^2 + 4^-(m+1)`` on [0, 1]. So the sum over coordinates of f_m at the clamped
distances is at most ``(rho |x - c|)^2 + d 4^-(m+1)``, and at least 1 where rho |x - c| >= 1. The reader compares every
layer with what this formula says and refuses a network of which a single weight differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.network import Layer, Network

Array = NDArray[np.float64]
_WHO = "read_squares"


@dataclass(frozen=True, slots=True, eq=False)
class SquareRule:
    """``f = 1 - 2 relu(1 - sum_i G_i)``, ``G_i = relu(1 - fall relu(S_i - kappa))``, in real arithmetic, for all x.

    S_i is the sum over coordinates of the sawtooth square with ``levels`` teeth at ``min(1, inverse |x_j - c_ij|)``;
    ``centers`` (k, d).
    """

    centers: Array
    inverse: float
    levels: int
    kappa: Fraction
    fall: float

    def right(self, points: Array, signs: Array, radius: float) -> NDArray[np.bool_]:
        """Return at which points (n, d) the network is exactly ``signs`` (n,) on the whole l_2 ball; exact, sufficient.

        +1 at a center whose ball holds no larger sum of squares than kappa; -1 where every center is at least radius +
        1 / inverse away and the bumps have fallen to 0 there.
        """
        reach, d = Fraction(radius) * Fraction(self.inverse), self.centers.shape[1]
        inside = reach**2 + Fraction(d, 4 ** (self.levels + 1)) <= self.kappa
        outside = Fraction(self.fall) * (1 - self.kappa) >= 1
        known = {tuple(c) for c in (self.centers + 0.0).tolist()}
        least = (Fraction(radius) + 1 / Fraction(self.inverse)) ** 2
        return np.array([inside and tuple((x + 0.0).tolist()) in known if sign > 0
                         else outside and self._beyond(x, least) for x, sign in zip(points, signs, strict=True)])

    def _beyond(self, x: Array, least: Fraction) -> bool:
        """Return whether all centers are so far (squared) from x: in doubles, in rationals where that is close."""
        rough = ((self.centers - x) ** 2).sum(axis=1)
        near = rough < float(least) * (1 + 2.0**-30) + 2.0**-1000
        return all(sum(((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(x.tolist(), c.tolist(), strict=True)),
                       Fraction(0)) >= least for c in self.centers[near])


def read_squares(network: Network) -> SquareRule:
    """Return the bumps by squares that the network is, point for point; ValueError if a weight says otherwise.

    Units must be in order: coordinate after coordinate, bump after bump.
    """
    levels, d = network.depth - 5, network.inputs
    first = network.layers[0]
    if levels < 1 or network.outputs != 1 or first.outputs % (2 * d):
        raise ValueError(f"{_WHO}: depth {network.depth} with {first.outputs} units in the first layer is no sum of "
                         f"bumps by squares of {d} coordinates")
    k = first.outputs // (2 * d)
    centers = -first.bias[0::2].reshape(k, d)
    second = network.layers[1]
    inverse = -float(second.weight.data.max(initial=-np.inf)) if second.weight.nnz else 0.0
    rest = float(network.layers[-4].bias[0])
    fall = -float(network.layers[-3].weight.data.max(initial=-np.inf)) if network.layers[-3].weight.nnz else 0.0
    if not (inverse > 0 and fall > 0):
        raise ValueError(f"{_WHO}: the second or the third last layer has weights that are not negative")
    expected = _expected(centers, levels, inverse, rest, fall)
    for number, (layer, told) in enumerate(zip(network.layers, expected, strict=True)):
        if not _same(layer, *told):
            raise ValueError(f"{_WHO}: layer {number} of {network.depth} is not that of bumps by squares")
    return SquareRule(centers, inverse, levels, d - Fraction(rest), fall)  # stored is what is left of d


def _expected(centers: Array, levels: int, inverse: float, bias: float, fall: float) -> list[tuple[Any, Array]]:
    """Return weight and bias of every layer, from the formula of the module."""
    k, d = centers.shape
    each, total = sparse.eye_array(k * d), sparse.kron(sparse.eye_array(k), np.ones((1, d)))
    signs = np.tile([1.0, -1.0], k * d)
    split = sparse.csr_array((signs, np.tile(np.repeat(np.arange(d), 2), k), np.arange(2 * k * d + 1)),
                             shape=(2 * k * d, d))
    clamped = sparse.kron(each, np.full((1, 2), -inverse))
    starts = np.concatenate([np.zeros(k * d), np.full(k * d, -0.5)])
    maps: list[tuple[Any, Array]] = [(split, -signs * np.repeat(centers.reshape(-1), 2)),
                                     (sparse.vstack([clamped, clamped]), 1.0 + starts)]
    tooth = sparse.hstack([2.0 * each, -4.0 * each])  # the next tooth, from p = relu(g) and q = relu(g - 1/2)
    known = sparse.hstack([total, sparse.csr_array((k, k * d))]) + 0.25 * total @ tooth  # t + g_1(t) / 4
    for level in range(2, levels + 1):
        empty = sparse.csr_array((2 * k * d, known.shape[1] - 2 * k * d))
        both = sparse.hstack([sparse.vstack([tooth, tooth]), empty])
        maps.append((sparse.vstack([both, known]), np.concatenate([starts, np.zeros(k)])))
        known = sparse.hstack([4.0**-level * total @ tooth, sparse.eye_array(k)])
    return [*maps, (-known, np.full(k, bias)), (-fall * sparse.eye_array(k), np.ones(k)),
            (np.full((1, k), -1.0), np.ones(1)), (np.array([[-2.0]]), np.ones(1))]


def _same(layer: Layer, weight: Any, bias: Array) -> bool:
    told = Layer.build(weight, bias)
    mine, other = layer.weight, told.weight
    return bool(mine.shape == other.shape and mine.nnz == other.nnz and (layer.bias == told.bias).all()
                and (mine.indptr == other.indptr).all() and (mine.indices == other.indices).all()
                and (mine.data == other.data).all())
