"""Bumps on l_1 and l_2 balls, and on l_2 balls in a random image of few dimensions.

A bump is ``relu(1 - relu(N(x - c) - plateau) / fall)`` with N the sum of absolute values, or the Euclidean norm by
folding, from below. The plateau is a little larger than the radius, so that the program's bump is exactly 1 on the
whole ball in spite of its rounding; the fall is narrow enough that it is exactly 0 on the balls of other labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from constructive._checks import as_number
from constructive.blocks.folding import folding_shortfall, folding_tree
from constructive.students.layout import Part
from constructive.students.pairs import closest_conflict, conflict_groups, root_down, round_down
from constructive.students.precision import Format, as_format

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_MOST_LEVELS = 24
_DRAWS = 8


@dataclass(frozen=True, slots=True, eq=False)
class BallBumps:
    """Bumps on balls: centers (m, k), what they are told, and the widths.

    ``norm`` 1 or 2; ``radius`` memorized, ``plateau`` where each bump is 1, ``ramp``: the bump is 0 from the distance
    radius + ramp on (of the image under ``projection`` (k, d), if there is one); ``fall`` the divisor; ``levels`` of
    folding. ``gap``: the smallest distance between balls of different labels, ``gap_all`` between any two, rounded
    down (infinite without pairs).
    """

    centers: Array
    projection: Array | None
    norm: float
    radius: float
    plateau: float
    ramp: float
    slack: float
    levels: int
    scores: Array
    index: Numbers
    members: Numbers
    gap: float
    gap_all: float
    shared: bool = False

    @property
    def count(self) -> int:
        """Number of bumps m."""
        return int(self.centers.shape[0])

    @property
    def fall(self) -> float:
        """The width over which the value N falls from 1 to 0: ``(1 - e) (radius + ramp) - plateau``, less the slack."""
        return _fall(self.radius, self.ramp, self.plateau, self.slack, _shortfall(self.norm, self.centers.shape[1],
                                                                                self.levels))

    @property
    def depth(self) -> int:
        """Number of layers up to the bumps."""
        stages = math.ceil(math.log2(self.centers.shape[1])) if self.norm == 2.0 and self.centers.shape[1] > 1 else 0
        return 3 + stages * self.levels + (self.projection is not None)

    @property
    def supports_disjoint(self) -> bool:
        """Whether no two supports meet."""
        return self.gap_all >= 2 * self.ramp

    @property
    def rivals_disjoint(self) -> bool:
        """Whether no two supports of different labels meet."""
        return self.gap >= 2 * self.ramp

    @property
    def repeats_overlap(self) -> bool:
        """Whether bumps with one score may be positive at the same datum, so that they must not be added up."""
        return np.unique(self.scores).size < self.count and self.gap_all < self.ramp * (1 + 2.0**-10)

    def with_ramp(self, ramp: float) -> BallBumps:
        """Return the same bumps with another ramp, not wider than this one, and as many folds as it needs.

        Raises ValueError for a ramp that rounding does not tell from 0.
        """
        if ramp <= 8 * self.slack:
            raise ValueError(f"family: the ramp {ramp!r} is too narrow for the rounding of the norm ({self.slack!r}); "
                             "pass a larger t")
        levels = _levels(self.norm, self.centers.shape[1], self.radius, ramp, self.plateau, self.slack, "family", None)
        return replace(self, ramp=ramp, levels=levels)

    def near(self, lower: Array, upper: Array) -> NDArray[np.bool_]:
        """Return which boxes (n, d), (n, d) come near a support; where the answer is no, every bump is 0 on the box.

        Decided by the distance of the box's middle from the nearest center: a box that only comes near may be counted.
        """
        middle = lower + (upper - lower) / 2
        reach = np.linalg.norm(np.maximum(upper - middle, middle - lower), ord=self.norm, axis=1)
        # orthonormal rows do not lengthen
        image = middle if self.projection is None else middle @ self.projection.T
        distance = cKDTree(self.centers).query(image, p=self.norm, workers=-1)[0]
        # a bump is 0 from radius + ramp on; the room is for the rounding of its run and of this distance
        room = 8 * self.slack + 2.0**-40 * (1.0 + float(np.abs(image).max()) + float(np.abs(self.centers).max()))
        return np.asarray(distance <= (self.radius + self.ramp + reach) * (1.0 + 2.0**-30) + room)

    def parts(self) -> list[Part]:
        """Return the maps whose last one gives, after ReLU, the bumps, each with its size by formula."""
        m, k = self.centers.shape
        parts = []
        bias = np.repeat(-self.centers.ravel(), 2) * np.tile([1.0, -1.0], m * k)
        zeros = int((self.centers == 0).sum()) * 2
        if self.projection is None:
            columns, signs = np.tile(np.repeat(np.arange(k), 2), m), np.tile([1.0, -1.0], m * k)
            first = sparse.csr_array((signs, columns.astype(np.int32), np.arange(2 * m * k + 1)), shape=(2 * m * k, k))
            parts.append(Part(first, bias, 4 * m * k - zeros))
        else:
            both = np.repeat(self.projection, 2, axis=0) * np.tile([1.0, -1.0], k)[:, None]
            parts.append(Part(sparse.csr_array(both), np.zeros(2 * k), 2 * int(np.count_nonzero(self.projection))))
            one = sparse.kron(sparse.eye_array(k), np.array([[1.0, -1.0], [-1.0, 1.0]]), format="csr")
            parts.append(Part(sparse.vstack([one] * m, format="csr"), bias, 6 * m * k - zeros))
        readout = np.ones(2 * k)
        if self.norm == 2.0:
            tree = folding_tree(k, self.levels)
            for each in tree.maps:
                parts.append(Part(sparse.block_diag([each] * m, format="csr"), np.zeros(m * each.shape[0]), 0))
            if tree.maps:  # the formula speaks of the whole tree at once
                last = parts[-1]
                parts[-1] = Part(last.weight, last.bias, m * tree.nonzeros)
            readout = tree.readout
        rows = sparse.kron(sparse.eye_array(m), readout[None, :], format="csr")
        parts.append(Part(rows, np.full(m, -self.plateau), m * (int(np.count_nonzero(readout)) + 1)))
        parts.append(Part(-sparse.eye_array(m, format="csr") / self.fall, np.ones(m), 2 * m))
        return parts

    def active(self, rows: Array) -> tuple[Numbers, Numbers, Array]:
        """Return, for points (n, d), the positive bumps: starts (n + 1,), bump numbers and their values."""
        image = rows if self.projection is None else rows @ self.projection.T
        starts = np.zeros(rows.shape[0] + 1, np.int64)
        bumps, heights = [], []
        block = max(1, (1 << 22) // max(1, self.count * self.centers.shape[1]))
        for begin in range(0, rows.shape[0], block):
            offsets = image[begin:begin + block, None, :] - self.centers
            value = np.abs(offsets).sum(axis=2) if self.norm == 1.0 else folded(np.abs(offsets), self.levels)
            height = 1.0 - np.maximum(value - self.plateau, 0.0) / self.fall
            point, bump = np.nonzero(height > 0)
            starts[begin + 1:begin + 1 + offsets.shape[0]] = np.bincount(point, minlength=offsets.shape[0])
            bumps.append(bump)
            heights.append(height[point, bump])
        empty: list[Array] = [np.empty(0)]
        return (np.cumsum(starts), np.concatenate([*bumps, np.empty(0, np.int64)]).astype(np.int64),
                np.concatenate([*heights, *empty]))


def folded(sizes: Array, levels: int) -> Array:
    """Return the folding norm along the last axis of nonnegative numbers (..., k), without a network."""
    values = [sizes[..., j] for j in range(sizes.shape[-1])]
    while len(values) > 1:
        following = []
        for p, q in zip(values[::2], values[1::2], strict=False):
            turn = math.pi / 4
            for _ in range(levels):
                c, s = math.cos(turn), math.sin(turn)
                p, q = p * c + q * s, np.abs(q * c - p * s)
                turn /= 2
            following.append(p * math.cos(turn) + q * math.sin(turn))
        values = following + values[len(values) - len(values) % 2:]
    return values[0]


def _shortfall(norm: float, k: int, levels: int) -> float:
    return folding_shortfall(k, levels) if norm == 2.0 else 0.0


def _fall(radius: float, ramp: float, plateau: float, slack: float, short: float) -> float:
    return ((1.0 - short) * (radius + ramp) - plateau - slack) * (1.0 - 2.0**-20)


def make_ball_bumps(points: Array, scores: Array, index: Numbers, rows: Numbers, radius: float, ramp: float | None,
                    norm: float, *, who: str, precision: str = "float64", projection: int | None = None,
                    rng: np.random.Generator | None = None, served: NDArray[np.bool_] | None = None) -> BallBumps:
    """Return bumps on the l_1 or l_2 balls of the distinct data ``points[rows]``, or of those ``served``.

    Default ramp: half the smallest distance between balls of different labels, rounded down to a power of two; 1
    without a rival. ``projection`` = k draws k orthonormal rows from ``rng``, the best of 8 drawings, and builds the
    balls in the image, where the data must still be apart. Raises ValueError for a ramp that is too wide, for data
    that rounding does not tell apart, or for an image that brings rivals too close; names the pair and the remedy.
    """
    known = as_format(precision, who)
    size = max(radius, float(known.dtype(radius)))
    mine = np.ones(rows.size, bool) if served is None else served
    data, groups = points[rows], conflict_groups(scores[rows])
    drawn, image = None, data
    if projection is not None:
        drawn, image = _drawn(data, groups, projection, known, rng, who)
    centers = known.dtype(image).astype(np.float64)  # rounded to nearest: the offset counts as slack
    gap, pair = _ball_gap(image, groups, rows, norm, size, True, who)
    gap_all, _ = _ball_gap(image, groups, rows, norm, size, False, who)
    k, spread = centers.shape[1], float(np.linalg.norm(image, ord=norm, axis=1).max(initial=0.0))
    slack = _slack(norm, k, size, spread, known, points.shape[1] if drawn is not None else 0)
    plateau = known.up(np.array([size + slack])).item()
    width = _width(ramp, gap, pair, radius, slack, known, who)
    levels = _levels(norm, k, size, width, plateau, slack, who, pair)
    served_rows = rows[mine]
    return BallBumps(centers[mine], drawn, norm, size, plateau, width, slack, levels, scores[served_rows],
                     index[served_rows], served_rows, gap, gap_all)


def _slack(norm: float, k: int, size: float, spread: float, known: Format, inputs: int) -> float:
    """Return the room for rounding: of centers, of the sums in N, and of the image.

    For l_1 without rounded centers the error is relative to the radius; the folding chain errs relative to the
    numbers it starts from, a few units for each of its stages. 2^-32 of the radius leaves room for the arithmetic of
    whoever certifies the bump.
    """
    unit = known.unit
    centers = unit * spread if known.name == "float32" else 0.0
    if norm == 1.0:
        return (16 * (k + 4) * unit + 2.0**-32) * size + 2 * centers + 2.0**-1000
    stages = 1 + (math.ceil(math.log2(k)) if k > 1 else 0)
    rounding = 2.0**12 * unit * stages * (size + spread) * (1 + math.sqrt(inputs))
    return rounding + 2.0**-32 * size + 2 * centers + 2.0**-1000


def _ball_gap(image: Array, groups: Numbers, rows: Numbers, norm: float, size: float, different: bool,
              who: str) -> tuple[float, tuple[int, int] | None]:
    """Return the smallest distance between two balls, rounded down, and the data they belong to."""
    found = closest_conflict(image, groups, norm, different=different, who=who)
    if found is None:
        return math.inf, None
    (i, k), exact = found
    distance = root_down(exact) if norm == 2.0 else round_down(exact)
    return max(distance - 2 * size, 0.0), (int(rows[i]), int(rows[k]))


def _width(ramp: float | None, gap: float, pair: tuple[int, int] | None, radius: float, slack: float, known: Format,
           who: str) -> float:
    if ramp is not None:
        width = as_number(ramp, who, "ramp", above=0.0, at_most=known.largest)
        if width + 4 * slack > gap:
            i, k = pair or (0, 0)
            raise ValueError(f"{who}: ramp={width!r} is too wide: the balls of X[{i}] and X[{k}] are {gap!r} apart; "
                             f"pass ramp <= {max(gap - 4 * slack, 0.0)!r}")
    elif pair is None:
        width = 1.0
    else:
        width = math.ldexp(0.5, math.frexp(gap / 2)[1]) if gap > 0 else 0.0
    if width <= 8 * slack or width < known.narrowest:
        i, k = pair or (0, 0)
        raise ValueError(f"{who}: the balls of X[{i}] and X[{k}] are {gap!r} apart, too close for the rounding of the "
                         f"norm in {known.name} ({slack!r}); pass a radius smaller than {radius!r}, rescale or center "
                         "the data, or use precision='float64'")
    return width


def _levels(norm: float, k: int, size: float, width: float, plateau: float, slack: float, who: str,
            pair: tuple[int, int] | None) -> int:
    """Return the fewest folds with which the bump falls over at least half the ramp."""
    if norm == 1.0 or k == 1:
        return 1
    for levels in range(1, _MOST_LEVELS + 1):
        if _fall(size, width, plateau, slack, _shortfall(norm, k, levels)) >= width / 2:
            return levels
    i, j = pair or (0, 0)
    raise ValueError(f"{who}: the balls of X[{i}] and X[{j}] are too close for the folding norm; pass a smaller radius")


def _drawn(data: Array, groups: Numbers, k: int, known: Format, rng: np.random.Generator | None,
           who: str) -> tuple[Array, Array]:
    """Return the best of some drawn projections (k, d), as stored, and the image (n, k) of the data."""
    d = data.shape[1]
    if k > d:
        raise ValueError(f"{who}: projection={k} must be at most the number of coordinates, {d}")
    draws = np.random.default_rng(rng)
    best: tuple[float, Array, Array] | None = None
    for _ in range(_DRAWS):
        rows = np.linalg.qr(draws.normal(size=(d, k)))[0].T * (1.0 - 2.0**-20)  # stored rows: norm at most 1
        stored = known.dtype(rows).astype(np.float64)
        image = data @ stored.T
        found = closest_conflict(image, groups, 2.0, different=True, who=who)
        distance = math.inf if found is None else float(found[1])
        if best is None or distance > best[0]:
            best = distance, stored, image
    if best is None:
        raise ValueError(f"{who}: no projection was drawn")
    return best[1], best[2]
