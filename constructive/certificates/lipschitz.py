"""A network's Lipschitz constant over a box, from both sides, read from the weights alone.

Data flow: points, given, drawn, or just outside corners of bumps -> slopes proved there -> the box in parts: slopes
bounded on each (:mod:`constructive.certificates.slopes`) -> parts that may hold a steeper slope than the steepest one
found are cut, at the wall of a first-layer unit where one decides, in the middle otherwise. On a convex domain the
constant is the largest slope of all parts. Beside it stands the product of the layers' norms, the only bound that does
not need parts.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_norm, as_points
from constructive.certificates.slopes import Slopes
from constructive.certificates.structural import find_bumps
from constructive.domain import Box
from constructive.evidence import Bracket
from constructive.network import Network

Array = NDArray[np.float64]

_UNIT = 2.0**-53
_DRAWS = 64
"""Points drawn in the box, and boxes in whose inside a point is tried each round."""
_WORK = 1 << 23
"""Nonzeros times points drawn in the box; corners of bumps may take four times as many."""
_CLOSED = 1.0 + 2.0**-40
"""A box whose upper bound exceeds the steepest slope found by less than this factor is not cut."""


def lipschitz(network: Network, box: Box | None = None, *, norm: float = math.inf, budget: int | None = None,
              rng: np.random.Generator | int = 0, points: ArrayLike | None = None) -> Bracket:
    """Return a bracket of the smallest L with ``|f_o(x) - f_o(z)| <= L ||x - z||`` for all x, z in the box, all o.

    ``norm`` inf, 2 or 1 measures inputs; of several outputs o the steepest counts. ``box``: the domain, by default the
    whole space; coordinates with equal ends are constants. Lower end: the gradient's dual norm (1, 2, inf) near some
    point, proved there; tried are ``points`` (n, d) inside the box, corners of bumps found in the weights, drawn
    points, and points of the boxes that are cut. Upper end: the largest dual norm that the signs of the units allow
    on any part of the box, or the product of the layers' norms. ``budget``: parts of the box that are looked at; each
    costs about 12 passes over the nonzeros for each output; by default 2^26 / nonzeros, at least 16 and at most 4096.
    The bracket closes in few dimensions only.
    Evidence ENCLOSED, for the real network. Raises ValueError for points outside the box or wrong shapes.

    >>> from constructive.network import Network
    >>> hat = Network.build([([[1.0], [1.0]], [0.0, -1.0]), ([[4.0, -6.0]], None)])
    >>> lipschitz(hat).lower, lipschitz(hat).upper
    (4.0, 4.0)
    """
    who = "lipschitz"
    order, nonzeros = as_norm(norm, who), max(1, network.size.nonzeros)
    parts = min(4096, max(16, (1 << 26) // nonzeros)) if budget is None else budget
    most = as_count(parts, who, "budget", at_least=1)
    domain = Box(np.full(network.inputs, -np.inf), np.full(network.inputs, np.inf)) if box is None else box
    if domain.dimension != network.inputs:
        raise ValueError(f"{who}: box has {domain.dimension} coordinates, the network takes {network.inputs}")
    draws = np.random.default_rng(rng)
    real = network.astype(np.float64)
    slopes = Slopes.of(real, order, domain.lower < domain.upper)
    count = min(_DRAWS, max(4, _WORK // nonzeros))
    tried = [_inside(domain.lower[None], domain.upper[None], np.zeros(count, int), draws),
             _corners(real, domain, 4 * count, draws)]
    if points is not None:
        given = as_points(points, who, "points", dimension=network.inputs)
        outside = np.flatnonzero(~domain.contains(given))
        if outside.size:
            raise ValueError(f"{who}: points[{outside[0]}]={given[outside[0]].tolist()} is outside the box; only "
                             "points inside it bound the constant over it")
        tried.append(given)
    found = float(slopes.least(np.concatenate(tried)).max(initial=0.0))
    found, upper = _cut(slopes, domain, found, most, draws)
    with np.errstate(over="ignore"):
        upper = min(upper, _product_of_norms(real, order))
    return Bracket(found, upper)


def _cut(slopes: Slopes, domain: Box, found: float, budget: int,
         rng: np.random.Generator) -> tuple[float, float]:
    """Return the steepest slope proved and an upper bound over the domain, by cutting it into parts."""
    low, high = domain.lower[None, :], domain.upper[None, :]
    left, done = budget - 1, 0.0  # done: the largest upper bound of parts that are not cut any more
    least, most, axis, at = slopes.bounds(low, high)
    while True:
        found = max(found, float(least.max()))
        steep = np.argsort(-most, kind="stable")[:_DRAWS]
        found = max(found, float(slopes.least(_inside(low, high, steep, rng)).max()))
        rows = np.flatnonzero((most > found * _CLOSED) & (axis >= 0))
        if rows.size == 0 or left < 2:
            return found, max(done, float(most.max()))
        if 2 * rows.size > left:  # the rest of the budget goes to the steepest parts
            rows = rows[np.argsort(-most[rows], kind="stable")[: left // 2]]
        kept = np.ones(most.size, bool)
        kept[rows] = False
        done = max(done, float(most[kept].max(initial=0.0)))
        low, high = np.repeat(low[rows], 2, axis=0), np.repeat(high[rows], 2, axis=0)
        half = np.arange(rows.size)
        high[2 * half, axis[rows]], low[2 * half + 1, axis[rows]] = at[rows], at[rows]
        left -= low.shape[0]
        least, most, axis, at = slopes.bounds(low, high)


def _inside(low: Array, high: Array, rows: NDArray[np.intp], rng: np.random.Generator) -> Array:
    """Return a drawn point well inside each of the boxes ``rows``; near an end where the other is infinite."""
    a, b = low[rows], high[rows]
    share, far = rng.uniform(0.25, 0.75, a.shape), rng.standard_exponential(a.shape)
    with np.errstate(invalid="ignore", over="ignore"):
        inside = a + share * (b - a)
    inside = np.where(np.isfinite(inside), inside, np.where(np.isfinite(a), a + far, np.where(
        np.isfinite(b), b - far, far * rng.choice((-1.0, 1.0), a.shape))))
    return np.clip(inside, a, b)


def _corners(network: Network, domain: Box, most: int, rng: np.random.Generator) -> Array:
    """Return at most so many points (n, d) just outside corners of the boxes on which bumps found are largest."""
    pattern = find_bumps(network)
    if pattern is None:
        return np.empty((0, network.inputs))
    count = min(pattern.rows.size, most)
    rows = np.sort(rng.choice(pattern.rows.size, count, replace=False))
    lower, upper = pattern.lower[rows], pattern.upper[rows]
    above = np.isfinite(upper) & (~np.isfinite(lower) | (rng.random(lower.shape) < 0.5))
    below = np.isfinite(lower) & ~above
    step = 2.0**-4 / np.maximum((above | below).sum(axis=1), 1)[:, None]
    place = _inside(domain.lower[None], domain.upper[None], np.zeros(count, int), rng)
    with np.errstate(invalid="ignore"):
        place = np.where(above, upper + step * (pattern.support_upper[rows] - upper), place)
        place = np.where(below, lower - step * (lower - pattern.support_lower[rows]), place)
    place = place[np.isfinite(place).all(axis=1)]
    return np.clip(place, domain.lower, domain.upper)


def _product_of_norms(network: Network, norm: float) -> float:
    """Return the product of the layers' operator norms, rounded up; the last layer counts row by row."""
    factors = []
    for k, layer in enumerate(network.layers):
        size, last = abs(layer.weight), k + 1 == network.depth
        if norm == 2.0:
            rows = np.sqrt(np.asarray((size * size).sum(axis=1)).max()) if last else _spectral(layer.weight)
            factors.append(float(rows) + 1e-150)
        elif norm == 1.0 and k == 0:
            factors.append(float(size.max()))
        else:
            factors.append(float(np.asarray(size.sum(axis=1)).max()))
    widest = max(layer.inputs for layer in network.layers)
    return math.prod(factors) * (1.0 + 4 * (widest + network.depth + 8) * _UNIT)


def _spectral(matrix: Any) -> float:
    """Return an upper bound of the spectral norm, at most ``||(A A^T)^s||_F^(1/(2s))`` for s = 1, 2, 4, ... 1024.

    Rounding is carried along. Plainer bounds serve beyond 512 rows and columns: the Frobenius norm, and the root of
    the largest sum of a row times that of a column.
    """
    size = abs(matrix)
    plain = min(float(np.sqrt((size * size).sum())),
                math.sqrt(float(np.asarray(size.sum(axis=0)).max()) * float(np.asarray(size.sum(axis=1)).max())))
    short = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    k, n = short.shape
    if k > 512 or plain == 0.0 or not math.isfinite(plain):
        return plain * (1.0 + 4 * (max(matrix.shape) + 8) * _UNIT)
    scaled = short / plain
    power = (scaled @ scaled.T).toarray()
    error = 4 * (n + 8) * _UNIT * float(np.linalg.norm((abs(scaled) @ abs(scaled).T).toarray())) + 1e-200
    logarithm = 0.0
    best = math.inf
    for squarings in range(11):
        length = (float(np.linalg.norm(power)) + error) * (1 + 4 * (k * k + 8) * _UNIT)
        # power = (A A^T / plain^2)^(2^squarings) / exp(logarithm), up to the error in the Frobenius norm
        best = min(best, (math.log(length) + logarithm) / 2.0 ** (squarings + 1))
        power, error, logarithm = power / length, error / length, logarithm + math.log(length)
        error = 2 * error * (1 + error) + 4 * (k + 8) * _UNIT
        power, logarithm = power @ power, 2 * logarithm
    return min(1.0, math.exp(best) * (1.0 + 2.0**-40)) * plain * (1.0 + 4 * (max(matrix.shape) + 8) * _UNIT)
