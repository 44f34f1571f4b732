"""Networks of finite width of which the first layer is trained, linearized: what the first of the two kernels hides.

The features of x are m^(-1/2) a_r 1[<w_r, x> > 0] x, for r = 1, ..., m. They jump on every hyperplane <w_r, x> = 0, so
that a predictor made of them is *discontinuous*: between jumps its gradient is sum_j c_j z_j g_m(x, z_j), g_m the part
of units on at both points. As m grows this does not tend to the gradient of the limit, whose other half is carried by
about m jumps of size 1/m. Slopes over a distance that crosses many jumps do tend to it. Never attack such a network by
its gradient alone. In high dimension the missing part is small, since most angles are near pi / 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.tangent.inputs import weights_of

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GateFeatures:
    """The tangent features of one drawn hidden layer, ``weights`` (m, d), standard normal; signs a_r cancel.

    >>> GateFeatures(np.array([[1.0, 0.0], [0.0, 1.0]]))([[1.0, 2.0]], [[3.0, -1.0]])
    array([[0.5]])
    """

    weights: Array

    def __post_init__(self) -> None:
        weights = as_points(self.weights, "GateFeatures", "weights").copy()
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)

    @classmethod
    def drawn(cls, inputs: int, width: int, *, rng: Any = None) -> GateFeatures:
        """Return features of ``width`` units on points of ``inputs`` coordinates."""
        d = as_count(inputs, "GateFeatures.drawn", "inputs", at_least=1)
        m = as_count(width, "GateFeatures.drawn", "width", at_least=1)
        return cls(np.random.default_rng(rng).normal(size=(m, d)))

    def gates(self, X: ArrayLike, Z: ArrayLike) -> Array:
        """Return g_m (n, k), the part of units that are on at both points: it tends to (pi - theta) / (2 pi)."""
        d = self.weights.shape[1]
        left, right = (as_points(part, "GateFeatures", name, dimension=d) @ self.weights.T > 0.0
                       for name, part in (("X", X), ("Z", Z)))
        return np.asarray(left.astype(float) @ right.T.astype(float) / self.weights.shape[0])

    def __call__(self, X: ArrayLike, Z: ArrayLike) -> Array:
        """Return <x, z> g_m(x, z), (n, k): it tends to the kernel of the first layer, with an error like m^(-1/2)."""
        return self.gates(X, Z) * (np.asarray(X, dtype=np.float64) @ np.asarray(Z, dtype=np.float64).T)

    def gradient(self, X: ArrayLike, Z: ArrayLike, weights: ArrayLike) -> Array:
        """Return sum_j weights_ij z_j g_m(x_i, z_j), (n, d): the gradient where there is one, and not the limit's."""
        gates = self.gates(X, Z)
        moves = weights_of(weights, gates.shape[0], gates.shape[1], "GateFeatures.gradient")
        return np.asarray(moves * gates @ np.asarray(Z, dtype=np.float64))

    def secants(self, X: ArrayLike, Z: ArrayLike, weights: ArrayLike, *, step: float) -> Array:
        """Return (f(x + step e_a) - f(x - step e_a)) / (2 step), (n, d), f = sum_j weights_ij k_m(., z_j), x = x_i."""
        points = as_points(X, "GateFeatures.secants", dimension=self.weights.shape[1])
        h = as_number(step, "GateFeatures.secants", "step", above=0.0)
        moves = weights_of(weights, points.shape[0], np.shape(Z)[0], "GateFeatures.secants")
        slopes = np.empty_like(points)
        for a, axis in enumerate(np.eye(points.shape[1])):
            change = self(points + h * axis, Z) - self(points - h * axis, Z)
            slopes[:, a] = np.einsum("ij,ij->i", moves, change) / (2.0 * h)
        return slopes
