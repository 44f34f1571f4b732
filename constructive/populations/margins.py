"""Margins in closed form on the unit cube, each with its Lipschitz constant: boards, rings, moons, waves.

All are populations of :class:`constructive.populations.Population`; ``.separated(gap)`` restricts them to points
with ``|margin| >= gap``, whose clean classes are then ``2 gap / lipschitz`` apart in l_inf.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.populations.cube import Population

Array = NDArray[np.float64]

_UP = 1 + 2.0**-40
"""Irrational Lipschitz constants are rounded up by this factor."""


def checkerboard(cells: int = 4, dimension: int = 2, *, axes: int | None = None, noise: float = 0.0,
                 gap: float = 0.0) -> Population:
    """Return the board of ``cells`` cells along each of the first ``axes`` coordinates (default all), as a population.

    The margin is the l_inf distance to the cell's boundary inside the cube, + where the cell numbers have an even
    sum. It is 1-Lipschitz in l_inf: inside a cell as a distance, and across a boundary it passes through 0. So classes
    at gap g are 2 g apart, and g < 1 / (2 cells) leaves something of every cell. ``axes=1``: strips.
    Raises ValueError unless ``cells >= 1`` and ``1 <= axes <= dimension``.

    >>> board = checkerboard(2, gap=0.125)
    >>> board.truth(np.array([[0.25, 0.25], [0.25, 0.75]])).tolist(), board.separation()
    ([1, -1], 0.25)
    """
    side = as_count(cells, "checkerboard", "cells", at_least=1)
    d = as_count(dimension, "checkerboard", "dimension", at_least=1)
    used = d if axes is None else as_count(axes, "checkerboard", "axes", at_least=1, at_most=d)
    return Population(partial(_board, side, used), d, noise, gap, 1.0)


def _board(side: int, axes: int, X: Array) -> Array:
    place = X[:, :axes] * side
    cell = np.clip(np.floor(place), 0, side - 1)
    # the outer boundary of the cube is no boundary between classes
    below = np.where(cell > 0, place - cell, np.inf)
    above = np.where(cell < side - 1, cell + 1 - place, np.inf)
    # a single cell has no boundary: any constant will do
    depth = np.minimum(np.minimum(below, above).min(axis=1) / side, 1.0)
    return np.where(cell.sum(axis=1) % 2 == 0, depth, -depth)


def rings(radii: tuple[float, ...] = (0.2, 0.4), dimension: int = 2, *, noise: float = 0.0,
          gap: float = 0.0) -> Population:
    """Return rings round the middle of the cube: + inside the first radius, and a new sign at each radius.

    The margin is the l_2 distance to the nearest of these spheres, signed: 1-Lipschitz in l_2, so sqrt(d)-Lipschitz in
    l_inf. Raises ValueError unless the radii are positive and increase.
    """
    d = as_count(dimension, "rings", "dimension", at_least=1)
    sizes = tuple(as_number(r, "rings", "radii", above=0.0) for r in radii)
    if not sizes or any(a >= b for a, b in pairwise(sizes)):
        raise ValueError(f"rings: radii={radii!r} must be positive and increase")
    return Population(partial(_rings, sizes), d, noise, gap, math.sqrt(d) * _UP)


def _rings(radii: tuple[float, ...], X: Array) -> Array:
    from_middle = np.sqrt(((X - 0.5) ** 2).sum(axis=1))
    gaps = from_middle[:, None] - np.array(radii)
    return np.where((gaps >= 0).sum(axis=1) % 2 == 0, 1.0, -1.0) * np.abs(gaps).min(axis=1)


def moons(*, noise: float = 0.0, gap: float = 0.0) -> Population:
    """Return two interlocking half circles in the square; a point belongs to the nearer one (+: the upper one).

    The margin is half the difference of the l_2 distances to the two arcs: 1-Lipschitz in l_2, sqrt(2) in l_inf.
    Arcs: radius 0.3 round (0.35, 0.425), upper half, and round (0.65, 0.575), lower half.
    """
    return Population(_moons, 2, noise, gap, math.sqrt(2.0) * _UP)


def _moons(X: Array) -> Array:
    upper = _to_half_circle(X[:, 0] - 0.35, X[:, 1] - 0.425)
    lower = _to_half_circle(X[:, 0] - 0.65, 0.575 - X[:, 1])
    return (lower - upper) / 2


def _to_half_circle(a: Array, b: Array, radius: float = 0.3) -> Array:
    """Return distances to the half circle of points (a, b) with b >= 0; below it, its ends are nearest."""
    return np.where(b >= 0, np.abs(np.hypot(a, b) - radius), np.hypot(np.abs(a) - radius, b))


def wave(dimension: int = 2, *, turns: int = 1, height: float = 0.25, noise: float = 0.0,
         gap: float = 0.0) -> Population:
    """Return the two sides of a smooth wave: margin ``x_d - 1/2 - height * mean_j sin(2 pi turns x_j)``, j < d.

    Its gradient has l_1 norm at most ``1 + 2 pi turns height``, which is its Lipschitz constant in l_inf.
    Raises ValueError unless ``dimension >= 2``, ``turns >= 1`` and ``height >= 0``.
    """
    d = as_count(dimension, "wave", "dimension", at_least=2)
    k = as_count(turns, "wave", "turns", at_least=1)
    a = as_number(height, "wave", "height", at_least=0.0)
    return Population(partial(_wave, k, a), d, noise, gap, (1 + 2 * math.pi * k * a) * _UP)


def _wave(turns: int, height: float, X: Array) -> Array:
    return X[:, -1] - 0.5 - height * np.sin(2 * np.pi * turns * X[:, :-1]).mean(axis=1)
