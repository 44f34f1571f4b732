"""Polynomials on the cells of the unit cube, as numbers: what a cell network stores, and what it computes.

Data flow of an evaluation: x -> saturated steps count the thresholds below each coordinate -> kappa_j and the index
t = sum_j kappa_j K^j -> the coefficients of that cell, and s_j = 2 K (x_j - kappa_j / K) - 1 in [-1, 1] -> Horner's
rule over the monomials. Between two cells there is a narrow band where a step is rising: there the index passes
through every number between two cells' and the value means nothing, only its size is bounded.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.blocks.ramp import slope_above
from constructive.domain import Box, Region
from constructive.labels import power_of_two_above

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_BLOCK = 1 << 21
"""Numbers in one array of coefficients at points: 16 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The grid of K^d cells with its steps: thresholds k / K rounded, each rising over a band behind it.

    ``rises`` (K-1,) where a step begins, ``ends`` where it is 1, ``slopes`` of the steps.
    """

    count: int
    dimension: int
    rises: Array
    ends: Array
    slopes: Array

    @staticmethod
    def of(count: int, dimension: int, width: float, who: str = "Cells") -> Cells:
        """Return the grid with bands of at most the given width; ValueError where a double cannot tell them apart."""
        rises = np.arange(1, count) / count
        near = rises + width
        back = near - rises
        lost = (rises - (near - back)) + (width - back)  # exactly a + w - near, by Knuth's two-sum
        ends = np.where(lost < 0, np.nextafter(near, -np.inf), near)
        if not (ends > rises).all():
            raise ValueError(f"{who}: width={width!r} is lost in rounding beside thresholds near 1; pass "
                             "a larger width, 2^-50 is enough")
        # the difference of doubles this close is exact, so that slope times it is at least 1 for a machine too
        widths, which = np.unique(ends - rises, return_inverse=True)  # few: one or two for each binary exponent
        slopes = np.array([slope_above(Fraction(w)) for w in widths.tolist()])
        return Cells(count, dimension, rises, ends, slopes[which])

    @property
    def region(self) -> Region:
        """The unit cube without the bands."""
        d, bands = self.dimension, []
        for j, (a, b) in itertools.product(range(d), zip(self.rises.tolist(), self.ends.tolist(), strict=True)):
            low, high = np.full(d, -np.inf), np.full(d, np.inf)
            low[j], high[j] = a, b
            bands.append(Box(low, high))
        return Region(Box.cube(d), tuple(bands))

    @property
    def band_measure(self) -> float:
        """Volume of the bands in the cube: 1 - (1 - sum of widths)^d."""
        return -math.expm1(self.dimension * math.log1p(-float((self.ends - self.rises).sum())))

    def locate(self, points: Array) -> tuple[Array, Array]:
        """Return kappa (n, d), whole numbers off the bands, and s (n, d) in [-1, 1], of the cube's nearest points."""
        kappa: Array = np.zeros(points.shape)
        if self.count > 1:
            below = np.searchsorted(self.ends, points, side="right")
            following = np.minimum(below, self.count - 2)
            rest = np.maximum(self.ends[following] - points, 0.0) * self.slopes[following]
            partial: Array = np.where(below < self.count - 1, np.maximum(1.0 - rest, 0.0), 0.0)
            kappa = below + partial
        # beyond the cube the polynomials would run away, where the gates of the network saturate
        return kappa, 2 * self.count * np.maximum(np.minimum(points, 1.0) - kappa / self.count, 0.0) - 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """A polynomial on each cell: coefficients (K^d, M) of the monomials in s, in the order of :func:`monomials`.

    Cell (kappa_0, ..., kappa_{d-1}) has the row sum_j kappa_j K^j. ``amplitude``: values are cut off at +- that;
    None: they are not.
    """

    cells: Cells
    order: int
    coefficients: Array
    amplitude: float | None = None

    @property
    def dimension(self) -> int:
        """The number of coordinates d."""
        return self.cells.dimension

    def sizes(self) -> Array:
        """Return for each monomial the power of two (M,) >= its coefficients, none 2^-60 below the largest."""
        largest = np.abs(self.coefficients).max(axis=0)
        # a column of zeros must not pass for one of size 1 beside columns of size 2^-40
        least = max(power_of_two_above(max(float(largest.max()), 2.0**-900)) * 2.0**-60, 2.0**-900)
        return np.array([power_of_two_above(max(v, least)) for v in largest.tolist()])

    def on_grid(self) -> CellTable:
        """Return the table with coefficients rounded to multiples of 2^-52 of their :meth:`sizes`: 1 + c is exact."""
        grid = self.sizes() * 2.0**-52
        return CellTable(self.cells, self.order, np.rint(self.coefficients / grid) * grid + 0.0, self.amplitude)

    def evaluate(self, points: Array) -> Array:
        """Return the values (n, 1) at points (n, d): the polynomials without gate errors, bands included.

        Off the cube the value is that of its nearest point; the network's is another one, of the same size.
        """
        if points.shape[1] != self.dimension:
            raise ValueError(f"teacher: x has {points.shape[1]} coordinates, the cells have {self.dimension}; "
                             f"pass points of shape (n, {self.dimension})")
        out = np.empty((points.shape[0], 1))
        step = max(1, _BLOCK // self.coefficients.shape[1])
        for start in range(0, points.shape[0], step):
            out[start:start + step, 0] = self._block(points[start:start + step])
        return out

    def _block(self, points: Array) -> Array:
        kappa, s = self.cells.locate(points)
        index = kappa @ (float(self.cells.count) ** np.arange(self.dimension))
        base = np.floor(index).astype(np.int64)
        values = self.coefficients[base]
        between = np.flatnonzero(index > base)
        if between.size:
            part = (index - base)[between, None]
            values[between] = (1 - part) * values[between] + part * self.coefficients[base[between] + 1]
        parents = horner(self.dimension, self.order - 1)
        for child in range(len(parents) - 1, 0, -1):
            parent, j = parents[child]
            values[:, parent] += s[:, j] * values[:, child]
        if self.amplitude is not None:
            np.clip(values[:, 0], -self.amplitude, self.amplitude, out=values[:, 0])
        return values[:, 0]


def monomials(dimension: int, degree: int) -> list[tuple[int, ...]]:
    """Return the exponents of all monomials up to a degree: by degree, then in lexicographic order backwards.

    >>> monomials(2, 2)
    [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    """
    out = []
    for total in range(degree + 1):
        for chosen in itertools.combinations_with_replacement(range(dimension), total):
            out.append(tuple(chosen.count(j) for j in range(dimension)))
    return out


def horner(dimension: int, degree: int) -> list[tuple[int, int]]:
    """Return for each monomial (parent, j): it is s_j times its parent, j its last coordinate; (-1, -1) for 1.

    >>> horner(1, 2)
    [(-1, -1), (0, 0), (1, 0)]
    """
    known = monomials(dimension, degree)
    place = {alpha: i for i, alpha in enumerate(known)}
    out = [(-1, -1)]
    for alpha in known[1:]:
        j = max(i for i, a in enumerate(alpha) if a)
        out.append((place[tuple(a - (i == j) for i, a in enumerate(alpha))], j))
    return out

