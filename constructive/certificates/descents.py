"""Attacks that read weights: between walls, on bumps, along segments with all their bends, and down gradients.

Each takes a :class:`~constructive.certificates.search.Search` and works on its open balls until the work allowed is
spent. Lines find what is narrow in a direction that is searched, however narrow; walls and bumps what is narrow in
several coordinates at once; gradients what is wide, in any dimension.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.kinks import bump_points, lowest_on_segments, wall_points, walls
from constructive.certificates.search import Rows, Search, random_points
from constructive.certificates.witnesses import Balls

Array = NDArray[np.float64]

_BUMPS = 8
_AXES = 16
_NORMALS = 4
_CHORDS = 8
_SWEEPS = 2
_LAST_STEP = 2.0**-6
"""The last gradient step over the first one, which is the diameter of the ball."""


def try_walls(search: Search) -> None:
    """Try the boxes of the nearest bumps, then points between the walls that cross each ball."""
    rows = search.rows()
    for points in bump_points(search.network, search.balls.take(rows), _BUMPS):
        if not search.attempt(rows, points):
            return
    rows = search.rows()
    owners, points = wall_points(search.balls.take(rows), walls(search.network))
    search.attempt(rows[owners], points)


# -- lines ------------------------------------------------------------------------------------------------------------


def try_lines(search: Search, toward: Array, rng: np.random.Generator) -> None:
    """Search axes, segments toward guides (n, k, d), normals of hyperplanes and chords, then descend by coordinates."""
    d = search.centers.shape[1]
    axes = list(range(d)) if d <= _AXES else np.sort(rng.choice(d, _AXES, replace=False)).tolist()
    if not _along_axes(search, axes, search.balls.anchor):
        return
    for k in range(min(toward.shape[1], _CHORDS)):
        rows = search.rows()
        if not _search_segments(search, rows, search.balls.anchor[rows], toward[rows, k]):
            return
    if not _across_hyperplanes(search):
        return
    for _ in range(_CHORDS):
        rows = search.rows()
        start, end = (random_points(search.balls.take(rows), rng, edge=True) for _ in range(2))
        if not _search_segments(search, rows, start, end):
            return
    for _ in range(_SWEEPS):
        if not _along_axes(search, axes, search.at):
            return


def _search_segments(search: Search, rows: Rows, start: Array, end: Array) -> bool:
    """Try the point of least margin on each segment, its ends drawn into the balls; False where work has run out."""
    if not search.affords(4 * rows.size):
        return rows.size == 0
    balls = search.balls.take(rows)
    start, end = balls.pull(start), balls.pull(end)
    share, margin, bends = lowest_on_segments(search.network, search.goal.take(rows), start, end)
    search.evaluations += 2 * bends
    lower = margin < search.margin[rows]
    points = start + share[:, None] * (end - start)
    search.attempt(rows[lower], points[lower])
    return True


def _along_axes(search: Search, axes: list[int], through: Array) -> bool:
    """Search the chords along the axes, one after the other, through the points (n, d), which may move meanwhile."""
    for j in axes:
        rows = search.rows()
        if not _search_segments(search, rows, *_axis_ends(search.balls.take(rows), through[rows], j)):
            return False
    return True


def _axis_ends(balls: Balls, points: Array, j: int) -> tuple[Array, Array]:
    """Return the ends of the chords through points of the balls along coordinate j."""
    low, high = points.copy(), points.copy()
    rest = points - balls.anchor
    rest[:, j] = 0.0
    room = balls.reach
    if balls.norm != math.inf:
        used = np.linalg.norm(rest, ord=balls.norm, axis=1)
        room = np.maximum(room - used, 0.0)
        room = np.sqrt(room * (balls.reach + used)) if balls.norm == 2.0 else room
    low[:, j], high[:, j] = balls.anchor[:, j] - room, balls.anchor[:, j] + room
    return low, high


def _across_hyperplanes(search: Search) -> bool:
    """Search the diameters normal to the nearest first-layer hyperplanes that read several coordinates."""
    rows, layer = search.rows(), search.network.layers[0]
    units = np.flatnonzero(np.diff(layer.weight.indptr) > 1)
    if units.size == 0 or rows.size == 0:
        return True
    if not search.affords(rows.size):
        return False
    search.evaluations += rows.size
    balls, k = search.balls.take(rows), min(_NORMALS, units.size)
    weight, bias = layer.weight[units].astype(np.float64), layer.bias[units].astype(np.float64)
    sizes = abs(weight)
    dual = {1.0: sizes.max(axis=1).toarray().ravel(), 2.0: np.sqrt(sizes.power(2).sum(axis=1)),
            math.inf: sizes.sum(axis=1)}[balls.norm]
    nearest = np.empty((rows.size, k), np.int64)
    block = max(1, (1 << 20) // units.size)
    for first in range(0, rows.size, block):
        part = slice(first, first + block)
        gap = np.abs(weight @ balls.anchor[part].T + bias[:, None]) / np.maximum(dual, 1e-300)[:, None]
        nearest[part] = np.argsort(gap, axis=0, kind="stable")[:k].T
    for column in nearest.T:
        still = np.flatnonzero(search.open[rows])
        here = balls.take(still)
        step = dual_direction(weight[column[still]].toarray(), balls.norm) * here.reach[:, None]
        if not _search_segments(search, rows[still], here.anchor - step, here.anchor + step):
            return False
    return True


def dual_direction(forms: Array, norm: float) -> Array:
    """Return the unit vectors u (n, d) of the norm that maximize forms_i . u_i; 0 where the form is 0.

    >>> dual_direction(np.array([[3.0, -4.0]]), 2.0).tolist(), dual_direction(np.array([[3.0, -4.0]]), 1.0).tolist()
    ([[0.6, -0.8]], [[0.0, -1.0]])
    """
    if norm == math.inf:
        return np.sign(forms)
    largest = np.abs(forms).max(axis=1, keepdims=True)
    if norm == 2.0:
        scaled = forms / np.where(largest > 0, largest, 1.0)  # squares must not underflow
        return scaled / np.where(largest > 0, np.linalg.norm(scaled, axis=1, keepdims=True), 1.0)
    column = np.abs(forms).argmax(axis=1)[:, None]
    out = np.zeros_like(forms)
    np.put_along_axis(out, column, np.sign(np.take_along_axis(forms, column, axis=1)), axis=1)
    return out


# -- gradients --------------------------------------------------------------------------------------------------------


def try_gradients(search: Search, toward: Array, starts: range, steps: int, rng: np.random.Generator,
                  unseen: NDArray[np.bool_]) -> None:
    """Descend from start 0, the center, 1, the best point so far, then guides and draws in turns.

    Clears ``unseen`` (n,) where the gradient at a start is not 0.
    """
    for turn in starts:
        rows = search.rows()
        balls = search.balls.take(rows)
        if turn == 0:
            x = balls.anchor
        elif turn == 1:
            x = search.at[rows]
        elif turn % 2 == 0 and turn // 2 <= toward.shape[1]:
            x = balls.pull(toward[rows, turn // 2 - 1])
        else:
            x = random_points(balls, rng)
        if not _descend(search, rows, x, steps, rng, unseen):
            return


def _descend(search: Search, rows: Rows, x: Array, steps: int, rng: np.random.Generator,
             unseen: NDArray[np.bool_]) -> bool:
    balls = search.balls.take(rows)
    for step in range(steps):
        if not search.affords(2 * rows.size):
            return rows.size == 0
        gradient = search.descend(rows, x)
        flat = (gradient == 0).all(axis=1)
        if step == 0:
            unseen[rows[~flat]] = False
        # where nothing points anywhere a random direction goes on
        gradient[flat] = rng.normal(size=(int(flat.sum()), x.shape[1]))
        still = np.flatnonzero(search.open[rows])
        rows, x, gradient, balls = rows[still], x[still], gradient[still], balls.take(still)
        x = _stepped(balls, x, gradient, _LAST_STEP ** (step / max(1, steps - 1)))
    return search.attempt(rows, x)


def _stepped(balls: Balls, x: Array, gradient: Array, size: float) -> Array:
    """Return x moved down the gradient by ``size`` diameters and drawn into the ball; l_1: a share toward a vertex.

    The first step, a whole diameter, ends at the extreme point of the ball where the network is affine.
    """
    step = balls.reach[:, None] * dual_direction(gradient, balls.norm)
    if balls.norm == 1.0:
        return balls.pull(balls.anchor - step if size == 1.0 else x + size * (balls.anchor - step - x))
    return balls.pull(x - 2 * size * step)
