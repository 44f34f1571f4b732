"""Data on a lattice of few bits and points of their balls where grids could go wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from constructive.exact.lattices import closest_conflict
from constructive.exact.shifted_grids import GridMemorizer

Array = np.ndarray[Any, Any]


def lattice_data(rng: np.random.Generator, n: int, d: int, bits: int = 10) -> tuple[Array, Array]:
    """Distinct points of [-1, 1)^d with the given bits, both labels."""
    X = np.unique(rng.integers(-2**bits, 2**bits, (n, d)), axis=0)
    X = X[rng.permutation(len(X))] / 2.0**bits
    y = rng.choice([-1, 1], len(X))
    y[:2] = (1, -1)
    return X, y


def half_separation(X: Array, y: Array) -> Fraction:
    """Half the smallest l_inf distance of two labels, exactly for data on a lattice."""
    return Fraction(float(closest_conflict(X, y)[1])) / 2


def targeted(member: GridMemorizer, count: int, rng: np.random.Generator,
             scale: float = 1.0) -> tuple[list[list[Fraction]], Array]:
    """Return points of the balls, of ``scale`` times the radius, and the data they belong to.

    Corners, random points, and points with some coordinates on a threshold or an end of its ramp or gate, where the
    ball reaches one.
    """
    lattice, unit = member.lattice, Fraction(1, 2**member.lattice.power)
    radius = member.radius * Fraction(scale)
    steps = [Fraction(o * member.ramp, 2) for o in (-2, -1, 0, 1, 2)]
    ends = [[[(t + step) * unit for t in values for step in steps] for values in group.thresholds]
            for group in member.groups]
    which = rng.integers(0, lattice.points.shape[0], count)
    points = []
    for k, i in enumerate(which.tolist()):
        center = [Fraction(int(v)) * unit for v in lattice.points[i]]
        x = [c + radius * (Fraction(int(rng.integers(-64, 65)), 64) if k % 3 else int(rng.choice([-1, 1])))
             for c in center]
        if k % 3 == 2 and ends:
            group = ends[int(rng.integers(len(ends)))]
            for j, c in enumerate(center):
                near = [t for t in group[j] if abs(t - c) <= radius]
                if near:
                    x[j] = near[int(rng.integers(len(near)))]
        points.append(x)
    return points, which


def wrong(member: GridMemorizer, points: list[list[Fraction]], which: Array) -> int:
    """Return at how many points the output is not what the memorizer promises on the ball."""
    values = member.network(points)[:, 0].tolist()
    told = [int(member.lattice.signs[i]) for i in which]
    if member.one_sided:
        return sum(v != s for v, s in zip(values, told, strict=True))
    return sum(v * s < 1 for v, s in zip(values, told, strict=True))
