"""Where on each cap is a network largest: ascent along great circles, also on a smoothed network.

Data flow: caps and signs -> starts (the center, points of the rim and of the cap, points handed in) -> for each
smoothing, from coarse to none, normalized steps along the tangent gradient, retracted to the cap -> random moves from
the best point -> the best point met, judged by the network itself, never by the smoothed one. A pseudo-network jumps
where a gate switches and its gradient does not see the jumps (none at all where the weights are multiples of a
constant coordinate); smoothed gates Phi(u / smoothing) show them. What is found is a lower bound of the supremum on
the cap and nothing more: upper bounds are in :mod:`~constructive.nearinit.circle` (exact, d = 2) and
:mod:`~constructive.nearinit.caps_bound`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.nearinit.geometry import Caps

__all__ = ["SMOOTHINGS", "Deviation", "Smoothable", "climb", "robust_deviation"]

Array = NDArray[np.float64]

SMOOTHINGS = (0.5, 0.2, 0.08, 0.03, 0.0)
"""Widths of the smoothed gates in the order tried; 0 is the network itself."""

_FIRST, _LAST = 0.4, 0.02
"""Steps shrink geometrically from the first to the last fraction of the radius, in each smoothing's turn."""


class Smoothable(Protocol):
    """A scalar function of points with a gradient, as :class:`~constructive.nearinit.gated.GatedSum` is one."""

    def __call__(self, x: ArrayLike, /) -> Array:
        """Return the values (k,) at points (k, d)."""
        ...

    def gradient(self, x: ArrayLike, /, smoothing: float = 0.0) -> tuple[Array, Array]:
        """Return values (k,) and gradients (k, d) of the function with gates Phi(u / smoothing)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Deviation:
    """What an attack on n caps found: ``deviations`` (n,) are |function - y| at ``points`` (n, d), ``values`` there.

    Lower bounds of the suprema on the caps. ``worst`` is the largest of them.
    """

    points: Array
    values: Array
    deviations: Array

    @property
    def worst(self) -> float:
        """The largest deviation found on any cap."""
        return float(self.deviations.max())


def climb(function: Smoothable, caps: Caps, index: ArrayLike, signs: ArrayLike, *, steps: int = 12, starts: int = 3,
          smoothing: float | Sequence[float] = SMOOTHINGS, moves: int = 48, rng: np.random.Generator | int = 0,
          at: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return points (k, d) and values (k,): on cap ``index[j]`` the largest ``signs[j] * function`` that was met.

    index (k,) names caps, signs (k,) are +1 (climb) or -1 (descend). Each of k problems runs from ``starts`` points:
    the center, a point of the rim, then points of the cap; and from ``at`` (k, d) or (s, k, d), retracted to the caps,
    such as the points of the last round. For each smoothing in turn ``steps`` steps are made, each start going on from
    the best point it met; a single number is one turn, 0 the plain projected gradient. At last the best point of each
    problem is moved ``moves`` times by a random vector of a hundredth of the radius up to the radius, and stays where
    that is better: jumps are found where gradients say nothing. The values returned are ``function(points)``, at least
    ``signs * function(centers)`` after the sign; all points lie on their caps.
    Cost: 2 steps evaluations for each smoothing, start and problem, and ``moves`` for each problem.
    Raises TypeError or ValueError for arguments that do not fit.

    >>> import numpy as np
    >>> from constructive.nearinit.gated import GatedSum
    >>> from constructive.nearinit.geometry import caps
    >>> tilt = GatedSum(np.zeros((1, 2)), np.ones(1), np.array([[0.0, 1.0]]), np.zeros(1))  # always open: x -> x_2
    >>> points, values = climb(tilt, caps([[1.0, 0.0]], 0.5), [0, 0], [1.0, -1.0])
    >>> bool(abs(values[0] - np.sin(2 * np.arcsin(0.25))) < 1e-12), bool(values[1] == points[1, 1] == -values[0])
    (True, True)
    """
    who = "climb"
    which = _as_index(index, caps.n, who)
    sign = _as_signs(signs, which.size, who)
    turns, tries = as_count(steps, who, "steps", at_least=1), as_count(starts, who, "starts", at_least=1)
    last = as_count(moves, who, "moves")
    widths = [as_number(width, who, "smoothing", at_least=0.0) for width in np.atleast_1d(np.asarray(smoothing))]
    generator = np.random.default_rng(rng)
    begin = _starts(caps, which, tries, generator, at, who)
    count = len(begin)
    points = begin.reshape(-1, caps.dimension)
    where, toward = np.tile(which, count), np.tile(sign, count)
    best, value = points, np.asarray(function(points), np.float64)
    for width in widths if caps.radius > 0 else ():
        points = best
        for rate in np.geomspace(_FIRST, _LAST, turns) * caps.radius:
            points = caps.project(where, points + rate * _uphill(function, points, toward, width))
            reached = np.asarray(function(points), np.float64)
            better = toward * reached > toward * value
            best, value = np.where(better[:, None], points, best), np.where(better, reached, value)
    chosen = (toward * value).reshape(count, -1).argmax(axis=0) * which.size + np.arange(which.size)
    best, value = best[chosen], value[chosen]
    for _ in range(last if caps.radius > 0 else 0):
        far = caps.radius * 10.0 ** generator.uniform(-2.0, 0.0) / np.sqrt(caps.dimension)
        points = caps.project(which, best + far * generator.normal(size=best.shape))
        reached = np.asarray(function(points), np.float64)
        better = sign * reached > sign * value
        best, value = np.where(better[:, None], points, best), np.where(better, reached, value)
    return best, value


def robust_deviation(function: Smoothable, caps: Caps, y: ArrayLike, *, rng: np.random.Generator | int = 0,
                     steps: int = 12, starts: int = 3, smoothing: float | Sequence[float] = SMOOTHINGS,
                     moves: int = 48, at: ArrayLike | None = None) -> Deviation:
    """Return the largest |function - y_i| met on each cap i, by climbing and by descending from every start.

    y (n,): the values wanted on the n caps; ``at`` (n, d) or (s, n, d): further starts. A lower bound of the largest
    deviation on the caps (for a pseudo-network, of the supremum). The other arguments are those of :func:`climb`.
    Raises TypeError or ValueError for arguments that do not fit.

    >>> import numpy as np
    >>> from constructive.nearinit.gated import GatedSum
    >>> from constructive.nearinit.geometry import caps
    >>> tilt = GatedSum(np.zeros((1, 2)), np.ones(1), np.array([[0.0, 1.0]]), np.zeros(1))
    >>> found = robust_deviation(tilt, caps([[1.0, 0.0], [0.0, 1.0]], 0.5), [0.0, 1.0])
    >>> found.deviations.round(6).tolist(), round(found.worst, 6)
    ([0.484123, 0.125], 0.484123)
    """
    who = "robust_deviation"
    wanted = np.asarray(y, np.float64)
    if wanted.shape != (caps.n,) or not np.isfinite(wanted).all():
        raise ValueError(f"{who}: y has shape {wanted.shape}; pass one finite value for each of the {caps.n} caps")
    both = np.concatenate([np.arange(caps.n)] * 2)
    signs = np.repeat([1.0, -1.0], caps.n)
    extra = None
    if at is not None:
        given = _as_stack(at, caps.n, caps.dimension, who)
        extra = np.concatenate([given, given], axis=1)
    points, values = climb(function, caps, both, signs, steps=steps, starts=starts, smoothing=smoothing,
                           moves=moves, rng=rng, at=extra)
    deviations = np.abs(values - np.tile(wanted, 2)).reshape(2, -1)
    chosen = deviations.argmax(axis=0) * caps.n + np.arange(caps.n)
    return Deviation(points[chosen], values[chosen], deviations.max(axis=0))


def _uphill(function: Smoothable, points: Array, signs: Array, width: float) -> Array:
    """Return unit tangent vectors (k, d) along sign times the gradient; 0 where that vanishes."""
    _, gradients = function.gradient(points, smoothing=width)
    along = signs[:, None] * gradients
    tangent = along - (along * points).sum(axis=1, keepdims=True) * points
    length = np.linalg.norm(tangent, axis=1, keepdims=True)
    return np.divide(tangent, length, out=np.zeros_like(tangent), where=length > 0)


def _starts(caps: Caps, index: NDArray[np.intp], starts: int, rng: np.random.Generator, at: ArrayLike | None,
            who: str) -> Array:
    """Return starting points (s, k, d) on the caps: the center, the rim, draws, and what was handed in."""
    chosen = [caps.X[index]]
    for number in range(1, starts):
        chosen.append(caps.rim(index, rng) if number == 1 else caps.draw(index, rng))
    if at is not None:
        chosen.extend(caps.project(index, given) for given in _as_stack(at, index.size, caps.dimension, who))
    return np.array(chosen)


def _as_stack(at: ArrayLike, k: int, d: int, who: str) -> Array:
    given = np.asarray(at, np.float64)
    if given.shape[-2:] != (k, d) or given.ndim not in (2, 3) or not np.isfinite(given).all():
        raise ValueError(f"{who}: at has shape {given.shape}; pass finite points ({k}, {d}) or (s, {k}, {d})")
    return given.reshape(-1, k, d)


def _as_index(index: ArrayLike, n: int, who: str) -> NDArray[np.intp]:
    which = np.asarray(index)
    if which.ndim != 1 or which.size == 0 or which.dtype.kind not in "iu":
        raise ValueError(f"{who}: index must be a vector of whole numbers, one cap for each problem, got shape "
                         f"{which.shape} and dtype {which.dtype}")
    if which.min() < 0 or which.max() >= n:
        raise ValueError(f"{who}: index names caps {which.min()} .. {which.max()}, there are {n}: 0 .. {n - 1}")
    return which.astype(np.intp)


def _as_signs(signs: ArrayLike, k: int, who: str) -> Array:
    sign = np.asarray(signs, np.float64)
    if sign.shape != (k,) or not (np.abs(sign) == 1).all():
        raise ValueError(f"{who}: signs has shape {sign.shape}; pass +1 (climb) or -1 (descend) for each of {k} rows")
    return sign
