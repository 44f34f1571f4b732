"""Where a claim holds: boxes, norm balls, and boxes with bands cut out."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def _frozen(values: ArrayLike, who: str, name: str) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{who}: {name} must be a nonempty vector, got shape {array.shape}")
    if np.isnan(array).any():
        raise ValueError(f"{who}: {name} contains NaN; pass numbers")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """The closed box ``{x : lower <= x <= upper}``; ends of shape (d,), infinite ends allowed.

    Raises ValueError if the shapes differ, an end is NaN, or some ``lower_j > upper_j``.

    >>> Box([0, 0], [1, 2]).contains([[0.5, 2.0], [0.5, 2.1]]).tolist()
    [True, False]
    """

    lower: Array
    upper: Array

    def __post_init__(self) -> None:
        lower, upper = _frozen(self.lower, "Box", "lower"), _frozen(self.upper, "Box", "upper")
        if lower.shape != upper.shape:
            raise ValueError(f"Box: lower has shape {lower.shape}, upper {upper.shape}; pass equal shapes")
        if (lower > upper).any():
            j = int(np.argmax(lower > upper))
            raise ValueError(f"Box: needs lower <= upper, got lower[{j}]={lower[j]!r} > upper[{j}]={upper[j]!r}")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    @staticmethod
    def cube(dimension: int, lower: float = 0.0, upper: float = 1.0) -> Box:
        """Return the cube ``[lower, upper]^dimension``."""
        return Box(np.full(dimension, lower), np.full(dimension, upper))

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return int(self.lower.size)

    def contains(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Return which of the points x, shape (..., d), lie in the box; compared exactly, no tolerance."""
        points = np.asarray(x, dtype=np.float64)
        return np.asarray(((points >= self.lower) & (points <= self.upper)).all(axis=-1))

    def corners(self) -> Array:
        """Return the 2^d corners, shape (2^d, d)."""
        pairs = zip(self.lower, self.upper, strict=True)
        return np.array(list(itertools.product(*pairs)), dtype=np.float64)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Return n uniform points of the (bounded) box, shape (n, d), rounded into the box."""
        points = self.lower + (self.upper - self.lower) * rng.random((n, self.dimension))
        return np.clip(points, self.lower, self.upper)


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """The closed ball ``{x : ||x - center|| <= radius}`` in the l_1, l_2 or l_inf norm.

    Raises ValueError unless radius >= 0 is finite and norm is 1, 2 or infinity.

    >>> Ball([0.0, 0.0], 1.0, norm=1).contains([[0.5, 0.5], [0.6, 0.6]]).tolist()
    [True, False]
    """

    center: Array
    radius: float
    norm: float = math.inf

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius) and self.radius >= 0):
            raise ValueError(f"Ball: radius={self.radius!r} must be finite and >= 0")
        if self.norm not in (1, 2, math.inf):
            raise ValueError(f"Ball: norm={self.norm!r} must be 1, 2 or infinity")
        object.__setattr__(self, "center", _frozen(self.center, "Ball", "center"))

    def contains(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Return which of the points x, shape (..., d), lie in the ball, distances rounded to nearest."""
        offsets = np.asarray(x, dtype=np.float64) - self.center
        inside: NDArray[np.bool_] = np.linalg.norm(offsets, ord=self.norm, axis=-1) <= self.radius
        return inside


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A box minus the interiors of some boxes ("bands"): the domain of claims that fail on thin sets.

    >>> region = Region(Box.cube(1), (Box([0.4], [0.5]),))
    >>> region.contains([[0.4], [0.45], [0.5]]).tolist()
    [True, False, True]
    """

    box: Box
    bands: tuple[Box, ...] = ()

    def contains(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Return which of the points x, shape (..., d), lie in the region."""
        points = np.asarray(x, dtype=np.float64)
        inside = self.box.contains(points)
        for band in self.bands:
            inside = inside & ~((points > band.lower) & (points < band.upper)).all(axis=-1)
        return inside


def outward_boxes(centers: Array, radius: float) -> tuple[Array, Array]:
    """Return the l_inf balls round centers (n, d) as boxes (lower, upper), rounded outward to doubles.

    ``lower <= center - radius`` and ``upper >= center + radius`` hold for the real numbers, with equality where
    the difference is a double: no floating-point or real point of the ball is left out.

    >>> low, high = outward_boxes(np.array([[1.0]]), 0.25)
    >>> (low.item(), high.item())
    (0.75, 1.25)
    """
    lower, upper = centers - radius, centers + radius
    below = _two_sum_error(centers, -radius, lower) < 0.0
    above = _two_sum_error(centers, radius, upper) > 0.0
    return (np.where(below, np.nextafter(lower, -np.inf), lower),
            np.where(above, np.nextafter(upper, np.inf), upper))


def inward_boxes(centers: Array, radius: float) -> tuple[Array, Array]:
    """Return the smallest and largest doubles inside the l_inf balls round centers (n, d), as (lower, upper).

    Every floating-point vector between them, ends included, lies in the closed real ball: what a witness needs.

    >>> low, high = inward_boxes(np.array([[0.1]]), 0.2)
    >>> bool(high[0, 0] <= 0.1 + 0.2)
    True
    """
    lower, upper = centers - radius, centers + radius
    below = _two_sum_error(centers, -radius, lower) > 0.0
    above = _two_sum_error(centers, radius, upper) < 0.0
    return (np.where(below, np.nextafter(lower, np.inf), lower),
            np.where(above, np.nextafter(upper, -np.inf), upper))


def _two_sum_error(a: Array, b: float, total: Array) -> Array:
    """Return a + b - total exactly, for total = a + b rounded (Knuth's two-sum)."""
    back = total - a
    error: Array = (a - (total - back)) + (b - back)
    return error
