"""Where a network bends, read from its weights: walls, bumps, and all bends along a segment.

Gradients and samples miss what is narrow. Weights do not hide it: a unit that depends on one coordinate alone bends
on a wall x_j = t; a bump vanishes outside of a box; and along a segment every unit is piecewise linear, so that all
bends, and with them the smallest margin on the whole segment, follow from one pass through the layers. What is found
here are candidates, computed in double precision: whoever uses them evaluates the network there.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.goals import Goal
from constructive.certificates.structural import find_bumps
from constructive.certificates.witnesses import Balls, smallest_margins
from constructive.network import Network

Array = NDArray[np.float64]

_MOST_BENDS = 512
"""Bends kept on one segment; beyond, an even choice."""
_GRID = 256
"""Combinations of walls tried in one ball."""
_BLOCK_NUMBERS = 1 << 20


# -- walls ------------------------------------------------------------------------------------------------------------


def walls(network: Network) -> list[Array]:
    """Return, for each coordinate j, the sorted t at which some unit that depends on x_j alone may bend.

    First-layer units with one weight, and units of later layers with one weight on such a unit (a step of two layers
    has both of its ends there). A wall of a later layer is where the unit would bend if those below it are active.

    >>> from constructive.network import Network
    >>> step = Network.build([([[-1.0]], [0.5]), ([[-8.0]], [1.0]), ([[1.0]], None)])  # rises from 3/8 to 1/2
    >>> walls(step)[0].tolist()
    [0.375, 0.5]
    """
    found: list[list[Array]] = [[] for _ in range(network.inputs)]
    # what each source is, as long as it reads one coordinate: slope * x_coordinate + offset
    coordinate, slope = np.arange(network.inputs), np.ones(network.inputs)
    offset, simple = np.zeros(network.inputs), np.ones(network.inputs, bool)
    for layer in network.layers[:-1]:
        matrix = layer.weight
        rows = np.flatnonzero(np.diff(matrix.indptr) == 1)
        at = matrix.indptr[rows]
        source, weight = matrix.indices[at], matrix.data[at].astype(np.float64)
        rows, source, weight = (part[simple[source]] for part in (rows, source, weight))
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            new_slope = weight * slope[source]
            new_offset = weight * offset[source] + layer.bias[rows]
            place = -new_offset / new_slope
        usable = np.isfinite(place) & (new_slope != 0)
        for j in np.unique(coordinate[source[usable]]).tolist():
            found[j].append(place[usable & (coordinate[source] == j)])
        old = coordinate
        coordinate, slope = np.zeros(layer.outputs, np.int64), np.zeros(layer.outputs)
        offset, simple = np.zeros(layer.outputs), np.zeros(layer.outputs, bool)
        coordinate[rows], slope[rows], offset[rows], simple[rows] = old[source], new_slope, new_offset, usable
    return [np.unique(np.concatenate(part)) if part else np.empty(0) for part in found]


def wall_points(balls: Balls, lines: list[Array]) -> tuple[NDArray[np.int64], Array]:
    """Return points (c, d) between the walls inside each ball, and to which ball each belongs, (c,).

    For each coordinate the anchor and the middles between neighboring walls, narrow gaps first; then all combinations,
    at most 256 for each ball. Nothing in more than 8 dimensions, where a grid of two values is beyond that.
    """
    n, d = balls.anchor.shape
    each = int(round(_GRID ** (1 / d), 9)) if d <= 8 else 1
    owners, points = [], []
    for i in range(n if each > 1 else 0):
        values = []
        for j, places in enumerate(lines):
            low, high = float(balls.low[i, j]), float(balls.high[i, j])
            between = places[np.searchsorted(places, low, "right"):np.searchsorted(places, high, "left")]
            ends = np.concatenate([[low], between, [high]])
            middles = ends[:-1] + np.diff(ends) / 2
            narrow = np.argsort(np.diff(ends), kind="stable")[:each - 1] if between.size else np.empty(0, np.int64)
            values.append([float(balls.anchor[i, j]), *middles[narrow].tolist()])
        grid = list(itertools.product(*values))[1:]
        owners.extend([i] * len(grid))
        points.extend(grid)
    return np.array(owners, np.int64), np.array(points, np.float64).reshape(-1, d)


# -- bumps ------------------------------------------------------------------------------------------------------------


def bump_points(network: Network, balls: Balls, most: int) -> list[Array]:
    """Return up to ``most`` arrays (n, d): for each ball the points nearest to its anchor of the nearest bumps' boxes.

    Bumps are those of :func:`~constructive.certificates.structural.find_bumps`; boxes that hold the anchor are left
    out. A row repeats its anchor where there are fewer.
    """
    pattern = find_bumps(network)
    n, d = balls.anchor.shape
    if pattern is None or n == 0:
        return []
    k = min(most, pattern.rows.size)
    nearest = np.empty((n, k), np.int64)
    for start in range(0, n, max(1, _BLOCK_NUMBERS // pattern.rows.size)):
        part = balls.anchor[start:start + max(1, _BLOCK_NUMBERS // pattern.rows.size)]
        gap = np.zeros((part.shape[0], pattern.rows.size))
        for j in range(d):
            x = part[:, j, None]
            side = np.maximum(np.maximum(pattern.lower[:, j] - x, x - pattern.upper[:, j]), 0.0)
            gap = np.maximum(gap, side) if balls.norm == np.inf else gap + side**balls.norm
        gap[gap == 0] = np.inf
        nearest[start:start + part.shape[0]] = np.argsort(gap, axis=1, kind="stable")[:, :k] if k == gap.shape[1] else (
            np.argpartition(gap, k - 1, axis=1)[:, :k])
    points = [np.clip(balls.anchor, pattern.lower[column], pattern.upper[column]) for column in nearest.T]
    # an empty box, from a bump whose faces exclude each other, has crossed ends; clip returns the upper one
    return [np.where(np.isfinite(p), p, balls.anchor) for p in points]


# -- all bends along a segment ----------------------------------------------------------------------------------------


def lowest_on_segments(network: Network, goal: Goal, start: Array, end: Array) -> tuple[Array, Array, int]:
    """Return the share t (s,) at which the smallest margin on each segment is least, that margin, and the bends seen.

    Segments run from start (s, d), t = 0, to end (s, d), t = 1; goal has s rows. Between bends all outputs are affine,
    so the least value of the smallest margin is at a bend or an end (for real labels: the largest distance). At most
    512 bends are kept on a segment. Bends and margins are computed in double precision from the stored weights.

    >>> from constructive.network import Network
    >>> needle = Network.build([([[1.0]] * 3, [-0.25, -0.3125, -0.375]), ([[16.0, -32.0, 16.0]], [-0.5])])
    >>> t, margin, _ = lowest_on_segments(needle, Goal("sign", np.array([-1.0])), np.zeros((1, 1)), np.ones((1, 1)))
    >>> t.item(), margin.item()
    (0.3125, -0.5)
    """
    s = start.shape[0]
    share, margin, bends = np.zeros(s), np.full(s, np.inf), 0
    widest = max(network.inputs, *(layer.outputs for layer in network.layers))
    block = max(1, _BLOCK_NUMBERS // (16 * widest))
    for first in range(0, s, block):
        rows = np.arange(first, min(first + block, s))
        owner, t, values = _along(network, start[rows], end[rows])
        bends += t.size
        found = smallest_margins(goal.take(rows[owner]), values)
        order = np.lexsort((t, found, owner))
        lead = order[np.searchsorted(owner[order], np.arange(rows.size))]
        share[rows], margin[rows] = t[lead], found[lead]
    return share, margin, bends


def _along(network: Network, start: Array, end: Array) -> tuple[NDArray[np.int64], Array, Array]:
    """Return all ends and bends of segments: to which segment each belongs, its share, and the outputs there (c, m)."""
    owner = np.repeat(np.arange(start.shape[0]), 2)
    t = np.tile([0.0, 1.0], start.shape[0])
    values = np.stack([start, end], axis=1).reshape(-1, start.shape[1]).T
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for layer in network.layers[:-1]:
            z = layer.weight @ values + layer.bias[:, None]
            column, place, share = _crossings(z, owner, t)
            if column.size:
                between = z[:, column] * (1 - share) + z[:, column + 1] * share
                z = np.insert(z, column + 1, between, axis=1)
                t, owner = np.insert(t, column + 1, place), np.insert(owner, column + 1, owner[column])
            values = np.maximum(z, 0.0)
        last = network.layers[-1]
        outputs = last.weight @ values + last.bias[:, None]
    return owner, t, np.asarray(outputs.T, np.float64)


def _crossings(z: Array, owner: NDArray[np.int64], t: Array) -> tuple[NDArray[np.int64], Array, Array]:
    """Return where units change sign between neighbors of one segment: column before, share t, share in between."""
    change = ((z[:, 1:] > 0) & (z[:, :-1] < 0)) | ((z[:, 1:] < 0) & (z[:, :-1] > 0))
    unit, column = np.nonzero(change & (owner[1:] == owner[:-1]))
    a, b = z[unit, column], z[unit, column + 1]
    share = a / (a - b)
    place = t[column] + share * (t[column + 1] - t[column])
    good = (place > t[column]) & (place < t[column + 1])
    order = np.flatnonzero(good)[np.lexsort((place[good], column[good]))]
    column, place, share = column[order], place[order], share[order]
    fresh = np.ones(column.size, bool)
    fresh[1:] = (column[1:] != column[:-1]) | (place[1:] != place[:-1])
    column, place, share = column[fresh], place[fresh], share[fresh]
    # a segment has room for so many bends: an even choice of the new ones
    segments = int(owner[-1]) + 1
    room = np.maximum(_MOST_BENDS - np.bincount(owner, minlength=segments), 0)
    count = np.bincount(owner[column], minlength=segments)
    if (count > room).any():
        own = owner[column]
        rank = np.arange(column.size) - (np.cumsum(count) - count)[own]
        kept = (rank + 1) * room[own] // np.maximum(count[own], room[own]) > rank * room[own] // np.maximum(
            count[own], room[own])
        kept |= count[own] <= room[own]
        column, place, share = column[kept], place[kept], share[kept]
    return column, place, share
