"""Tangent kernels of infinitely wide ReLU networks with one hidden layer: the first layer trained, or both.

f(x) = m^(-1/2) sum_r a_r relu(<w_r, x>), a_r = -1 or +1, w_r standard normal, no bias. With theta the angle of x and z:

first layer trained:  k(x, z) = <x, z> (pi - theta) / (2 pi)
both:                 that + |x| |z| (sin theta + (pi - theta) cos theta) / (2 pi)

Values and weighted gradients are those of :class:`ReluKernel` of depth 2, times the dimension: the second is its
tangent kernel, the first that less its covariance. What is here besides is what ridge regression asks of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.tangent.inputs import two_sets, weights_of
from constructive.tangent.relu import ReluKernel

Array = NDArray[np.float64]
Trained = Literal["first", "both"]
KERNEL = ReluKernel(depth=2, weight_std=1.0)
PARALLEL = 8.0 * 2.0**-52
"""Directions closer than this, or to opposite, count as parallel: what is left of their difference is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class TwoLayerKernel:
    """The tangent kernel of a network with one hidden layer, of which the ``first`` layer or ``both`` are trained.

    k(x, x) is |x|^2 / 2 or |x|^2, and k is 1-homogeneous in each argument. As a function of x it has a cone where x is
    parallel to z, and one where it is opposite; at x = 0 it has no gradient. Both kernels hold the linear and the even
    harmonics only, so that their Gram matrices can be singular although all points differ: those of 6, 8 and 12 points
    evenly spaced on a circle have rank 5, 6 and 8.

    >>> TwoLayerKernel("first")([[1.0, 0.0]], [[1.0, 0.0], [0.0, 2.0]])
    array([[0.5, 0. ]])
    """

    trained: Trained = "both"

    def __post_init__(self) -> None:
        if self.trained not in ("first", "both"):
            raise ValueError(f"TwoLayerKernel: trained={self.trained!r} must be 'first' or 'both'")

    @property
    def slope(self) -> float:
        """The largest |grad_x k(x, z)| / |z|: sqrt(pi^2 + 1) / (2 pi) or sqrt(4 pi^2 + 1) / (2 pi), as theta -> 0."""
        return math.sqrt((1.0 if self.trained == "first" else 4.0) * math.pi**2 + 1.0) / (2.0 * math.pi)

    def __call__(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Return k (n, m) between rows of X (n, d) and Z (m, d); of X with itself, symmetric bit for bit, without Z."""
        points, others = two_sets(X, Z, "TwoLayerKernel")
        second = None if Z is None else others
        if self.trained == "both":
            return KERNEL.ntk(points, second) * points.shape[1]
        covariance, tangent = KERNEL.both(points, second)
        return (tangent - covariance) * points.shape[1]

    def diagonal(self, X: ArrayLike) -> Array:
        """Return k(x, x) (n,) of each row of X (n, d)."""
        points = as_points(X, "TwoLayerKernel.diagonal")
        return np.einsum("ij,ij->i", points, points) / (2.0 if self.trained == "first" else 1.0)

    def gradient(self, X: ArrayLike, Z: ArrayLike, weights: ArrayLike) -> Array:
        """Return sum_j weights_ij grad_x k(x_i, z_j), (n, d); weights (n, m).

        On the cones the mean of the one-sided slopes. Raises ValueError for wrong shapes, and for a row 0 of X.
        """
        who = "TwoLayerKernel.gradient"
        points, others = self._pairs(X, Z, who)
        moves = weights_of(weights, points.shape[0], others.shape[0], who)
        found = KERNEL.input_gradient(points, others, moves)
        if self.trained == "first":
            found -= KERNEL.input_gradient(points, others, moves, of="nngp")
        return found * points.shape[1]

    def jacobian(self, x: ArrayLike, Z: ArrayLike) -> Array:
        """Return the gradients grad_x k(x, z_j) at one point x (d,), as rows (m, d); on the cones as :meth:`gradient`.

        With e the unit vector at right angles to x in the plane of x and z, on the side of z: |z| / (2 pi) times
        (pi - theta) z/|z| + cos(theta) e, and with both layers (pi - theta) z/|z| + sin(theta) x/|x| besides.
        """
        points, others = self._pairs(np.atleast_2d(np.asarray(x)), Z, "TwoLayerKernel.jacobian")
        if points.shape[0] != 1:
            raise ValueError(f"TwoLayerKernel.jacobian: x must be one point (d,), got {points.shape[0]} rows; "
                             "call it for each")
        here, (there, lengths) = _directions(points)[0][0], _directions(others)
        minus, plus = there - here, there + here
        apart, along = np.linalg.norm(minus, axis=1), np.linalg.norm(plus, axis=1)
        # arccos loses half the digits near 0 and pi, the two chords none
        angle, sine = 2.0 * np.arctan2(apart, along), apart * along / 2.0
        # what is at right angles to x is the same part of either difference: the smaller one holds it with more digits
        small = np.where((apart <= along)[:, None], minus, plus)
        side = small - (small @ here)[:, None] * here
        cone = np.minimum(apart, along) <= PARALLEL
        size = np.where(cone, 1.0, np.linalg.norm(side, axis=1))
        side = np.where(cone[:, None], 0.0, side / np.where(size > 0.0, size, 1.0)[:, None])
        opening = (math.pi - angle)[:, None] * there
        rows = opening + np.cos(angle)[:, None] * side
        if self.trained == "both":
            rows += opening + sine[:, None] * here
        return np.asarray(lengths[:, None] / (2.0 * math.pi) * rows)

    def gate_gradient(self, X: ArrayLike, Z: ArrayLike, weights: ArrayLike) -> Array:
        """Return what slopes of *finite* networks tend to where they exist, sum_j weights_ij z_j g(x_i, z_j), (n, d).

        g = (pi - theta) / (2 pi), to 2e-8. With the first layer trained, a finite network's features jump where a unit
        turns on or off; between jumps only this is seen, although the jumps add up to the rest of :meth:`gradient` as
        the width grows: see :class:`GateFeatures`. Raises ValueError for both layers.
        """
        who = "TwoLayerKernel.gate_gradient"
        if self.trained != "first":
            raise ValueError(f"{who}: trained='both' has other slopes; ask a kernel with trained='first'")
        points, others = self._pairs(X, Z, who)
        moves = weights_of(weights, points.shape[0], others.shape[0], who)
        lengths, sizes = np.linalg.norm(points, axis=1), np.linalg.norm(others, axis=1)
        cosine = np.divide(points @ others.T, lengths[:, None] * sizes, out=np.zeros_like(moves), where=sizes > 0.0)
        return np.asarray(moves * (math.pi - np.arccos(np.clip(cosine, -1.0, 1.0))) @ others / (2.0 * math.pi))

    def distance(self, X: ArrayLike, radius: float) -> Array:
        """Return bounds (n,) on how far points of the l_2 balls of ``radius`` are from x in the kernel's space.

        sqrt(c r^2 + r |x| / pi), c = 1/2 or 1: |x||z| theta cos(theta) <= |x| r, since |z| sin(theta) <= r, and relu
        is half as far apart as its arguments, in mean square. |f(z) - f(x)| is at most the norm of f times this.
        """
        points = as_points(X, "TwoLayerKernel.distance")
        reach = as_number(radius, "TwoLayerKernel.distance", "radius", at_least=0.0)
        share = 0.5 if self.trained == "first" else 1.0
        return np.sqrt(share * reach**2 + reach / math.pi * np.linalg.norm(points, axis=1))

    @staticmethod
    def _pairs(X: ArrayLike, Z: ArrayLike, who: str) -> tuple[Array, Array]:
        points, others = two_sets(X, Z, who)
        return with_gradients(points, who, "X"), others


def with_gradients(points: Array, who: str, name: str) -> Array:
    """Return the points; ValueError if a row is 0, where the kernels have no gradient."""
    kept = (points != 0.0).any(axis=1)
    if not kept.all():
        raise ValueError(f"{who}: {name}[{int(np.argmin(kept))}] is 0, where the kernel has no gradient; leave that "
                         "point out")
    return points


def _directions(points: Array) -> tuple[Array, Array]:
    """Return the rows divided by their lengths, 0 for 0, and the lengths; squares of tiny entries do not vanish."""
    largest = np.abs(points).max(axis=1, keepdims=True)
    scaled = np.divide(points, largest, out=np.zeros_like(points), where=largest > 0.0)
    lengths = np.linalg.norm(scaled, axis=1)
    units = np.divide(scaled, lengths[:, None], out=scaled, where=lengths[:, None] > 0.0)
    return units, largest[:, 0] * lengths
