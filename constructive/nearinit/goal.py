"""What a closed form aims at, in a form that attacks can climb: the target itself, and functions on a slice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.nearinit.attacks import Smoothable
from constructive.nearinit.closed_form import as_labels
from constructive.nearinit.gated import GatedSum
from constructive.nearinit.geometry import Caps

__all__ = ["Difference", "RobustTarget", "on_slice", "robust_target"]

Array = NDArray[np.float64]

_MOVE = 1e-6
"""Half the width of the difference that stands for p': the rounding of p, some 1e-14, is then 1e-8 of it."""


class Scalar(Protocol):
    """A function of an inner product, as steps are."""

    def __call__(self, t: ArrayLike, /) -> Array:
        """Return p(t) for t of any shape."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RobustTarget:
    """The function f(x) = sum_i labels_i p(<points_i, x>) on unit x (..., d); made by :func:`robust_target`."""

    points: Array
    labels: Array
    step: Scalar

    def __call__(self, x: ArrayLike, /) -> Array:
        return np.asarray(self.step(np.asarray(x, dtype=np.float64) @ self.points.T) @ self.labels)

    def gradient(self, x: ArrayLike, /, smoothing: float = 0.0) -> tuple[Array, Array]:
        """Return values (...,) and gradients (..., d), the latter from differences of p: for attacks, not for proofs.

        ``smoothing`` changes nothing: there is no gate to smooth.
        """
        inner = np.asarray(x, dtype=np.float64) @ self.points.T
        below, above = np.clip(inner - _MOVE, -1.0, 1.0 - _MOVE), np.clip(inner + _MOVE, _MOVE - 1.0, 1.0)
        slopes = (self.step(above) - self.step(below)) / (above - below)
        return np.asarray(self.step(inner) @ self.labels), np.asarray((slopes * self.labels) @ self.points)


def robust_target(caps: Caps, y: ArrayLike, step: Scalar) -> RobustTarget:
    """Return the function x -> sum_i y_i p(<x_i, x>), the mean over random units of both closed-form networks.

    On cap i it is within |y_i| own + sum_(j != i) |y_j| foreign of y_i, (own, foreign) the step's certified errors.
    Raises ValueError for labels that do not fit.

    >>> from constructive.nearinit import caps
    >>> robust_target(caps([[1.0, 0.0], [0.0, 1.0]], 0.1), [1.0, -2.0], np.square)([0.5, 0.5])
    array(-0.25)
    """
    return RobustTarget(caps.X, as_labels(y, caps, "robust_target"), step)


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """The function first - second, with its gradient: how far two functions are apart is then a climb."""

    first: Smoothable
    second: Smoothable

    def __call__(self, x: ArrayLike, /) -> Array:
        return self.first(x) - self.second(x)

    def gradient(self, x: ArrayLike, /, smoothing: float = 0.0) -> tuple[Array, Array]:
        """Return values and gradients of the difference, both functions with gates of that smoothing."""
        (one, slopes), (two, others) = self.first.gradient(x, smoothing), self.second.gradient(x, smoothing)
        return one - two, slopes - others


def on_slice(function: GatedSum, height: float) -> GatedSum:
    """Return z -> function(sqrt(1 - height^2) z, height) for unit z of one coordinate less, as a sum of gates.

    Attacks on the points of the sphere that share the last coordinate are attacks on a smaller sphere for this one.
    Raises ValueError unless -1 < height < 1 and the function has two inputs or more.

    >>> on_slice(GatedSum([[0.0, 1.0]], [0.0], [[3.0, 5.0]], [1.0]), 0.6)([[1.0], [-1.0]]).round(12).tolist()
    [6.4, 1.6]
    """
    who = "on_slice"
    last = as_number(height, who, "height", above=-1.0, below=1.0)
    if function.dimension < 2:
        raise ValueError(f"{who}: function has {function.dimension} input; a slice needs at least 2")
    scale = math.sqrt((1.0 - last) * (1.0 + last))
    return GatedSum(scale * function.gate[:, :-1], function.gate_bias + last * function.gate[:, -1],
                    scale * function.linear[:, :-1], function.offset + last * function.linear[:, -1])
