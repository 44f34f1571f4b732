"""Targets, tables and points near thresholds, shared by the tests of teachers on cells."""

from __future__ import annotations

import math

import numpy as np

from constructive.targets import Target, cosine_product
from constructive.teachers.cell_table import Cells, CellTable
from constructive.teachers.cells import make_cells

COSINES = cosine_product([5.0, 4.0, 3.0], [0.3, 0.4, 0.1])


def cosines(d: int) -> Target:
    return cosine_product([5.0, 4.0, 3.0][:d], [0.3, 0.4, 0.1][:d])


def random_table(rng: np.random.Generator, d: int, k: int, order: int, *, zeros: float = 0.0,
                 amplitude: float | None = None, spread: int = 0, width: float | None = None) -> CellTable:
    """Return a table of random coefficients, a share of them 0, columns apart by up to 2^spread."""
    count = math.comb(d + order - 1, d)
    values = rng.normal(size=(k**d, count)) * (rng.random((k**d, count)) >= zeros)
    scales = 2.0 ** rng.integers(-spread, spread + 1, count)
    return CellTable(make_cells(k, d, order, width, "test"), order, values * scales, amplitude).on_grid()


def near_thresholds(cells: Cells, rng: np.random.Generator, n: int) -> np.ndarray:
    """Return points off the bands: both ends of each band, one double further, ends of the cube, and uniform ones."""
    ends = [cells.rises, np.nextafter(cells.rises, -1.0), cells.ends, np.nextafter(cells.ends, 2.0), [0.0, 1.0],
            rng.random(3 * cells.count)]
    points = rng.choice(np.concatenate(ends), (4 * n, cells.dimension))
    return points[cells.region.contains(points)][:n]


def whole_index(cells: Cells, points: np.ndarray) -> np.ndarray:
    """Return the index of the cell by comparing with the ends of the bands, in integers."""
    kappa = (points[:, :, None] >= cells.ends).sum(axis=2)
    return kappa @ (cells.count ** np.arange(cells.dimension))
