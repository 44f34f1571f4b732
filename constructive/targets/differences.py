"""Differences of values at many scales: what derivatives must be at least, and derivatives of plain callables.

For a function with |D^alpha f| <= F the difference ``Delta_h^alpha f`` is at most ``h^alpha F``, at every scale. It is
an average of differences at half the step, so the largest of those, again and again, leads to where the derivative
is large. Nodes are multiples of powers of two: no rounding but that of the values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.domain import Box
from constructive.targets._upward import UNIT

Array = NDArray[np.float64]
_STARTS = (1, 3, 5, 7)
_KEPT = 16
_FINEST = 30


@dataclass(frozen=True, slots=True, eq=False)
class Zoom:
    """Along one descent: the scale 2^-level, the largest ``|Delta_h^alpha f| / h^alpha`` less the share of rounding
    (``found``, shape (levels,)), how many times rounding it is (``clear``), and the node where it was seen.
    """

    level: NDArray[np.intp]
    found: Array
    clear: Array
    place: Array

    @property
    def best(self) -> int:
        """The level index with the largest find."""
        return int(np.argmax(self.found))


def zoomed(values: Callable[[Array], Array], alpha: tuple[int, ...], box: Box, rounding: float, samples: int,
           rng: np.random.Generator) -> list[Zoom]:
    """Return descents from random starts at four scales; each keeps the 16 most promising of ``samples`` starts.

    Every ``found`` is a lower bound on the maximum of |D^alpha f| over the box if computed values are off by at most
    ``rounding`` and the derivative exists. Non-finite values end a descent with ``found`` infinite.

    >>> square = zoomed(lambda X: X[:, 0] ** 2, (2,), Box.cube(1), 0.0, 8, np.random.default_rng(0))
    >>> all(1.9 <= zoom.found.max() <= 2.0 for zoom in square)
    True
    """
    return [_descent(values, alpha, box, rounding, samples, start, rng) for start in _STARTS]


def _descent(values: Callable[[Array], Array], alpha: tuple[int, ...], box: Box, rounding: float, samples: int,
             start: int, rng: np.random.Generator) -> Zoom:
    """Return one descent from the scale 2^-start of the box, divided by the order."""
    a = np.array(alpha)
    side = box.upper - box.lower
    scale = 2.0 ** np.floor(np.log2(side)) * 2.0 ** -math.ceil(math.log2(max(2, int(a.max()))))
    farthest = np.maximum(np.abs(box.lower), np.abs(box.upper))
    # all nodes are multiples of the last step and must be doubles
    finest = min(_FINEST, 50 - int(np.ceil(np.log2(np.maximum(farthest / scale, 1.0)).max())))
    last = scale * 2.0**-finest
    corner = np.ceil(box.lower / last) * last
    room = np.maximum(np.floor((box.upper - a * scale * 2.0**-start - corner) / last), 0)
    share = rng.random((samples, a.size))
    # a third of the coordinates on the boundary, where many derivatives are largest
    share = np.where(rng.random(share.shape) < 1 / 3, np.round(share), share)
    places = corner + np.minimum(np.floor(share * (room + 1)), room) * last
    levels, found, clear, seen = [], [], [], []
    for level in range(start, finest):
        places, size, noise = _halves(values, a, places, scale * 2.0**-(level + 1), rounding)
        unit = float(np.prod((scale * 2.0**-(level + 1)) ** a))
        order = np.argsort(-size, kind="stable")[:_KEPT]
        places = places[order]
        top = int(order[0])
        levels.append(level + 1)
        found.append((float(size[top]) - noise) / unit if math.isfinite(size[top]) else math.inf)
        clear.append(float(size[top]) / noise if noise > 0 else math.inf)
        seen.append(places[0])
        if not math.isfinite(size[top]) or (len(found) >= 3 and max(found[-3:]) <= 0):
            break  # below, rounding is all there is
    return Zoom(np.array(levels), np.array(found), np.array(clear), np.array(seen))


def _halves(values: Callable[[Array], Array], a: NDArray[np.intp], places: Array, step: Array,
            rounding: float) -> tuple[Array, Array, float]:
    """Return for each place the sub-stencil of the given step with the largest difference, that size, and the noise."""
    shape = tuple(2 * a + 1)
    offsets = np.array(list(itertools.product(*[range(n) for n in shape])), dtype=np.float64)
    nodes = places[:, None, :] + offsets[None, :, :] * step
    at = values(nodes.reshape(-1, a.size)).reshape(places.shape[0], *shape)
    largest = float(np.abs(at).max()) if np.isfinite(at).all() else 0.0
    for j, k in enumerate(a):
        at = np.diff(at, n=int(k), axis=j + 1) if k else at
    flat = np.abs(at).reshape(places.shape[0], -1)
    flat = np.where(np.isfinite(flat), flat, np.inf)
    best = np.argmax(flat, axis=1)
    moves = np.stack(np.unravel_index(best, tuple(a + 1)), axis=1)
    r = int(a.sum())
    noise = 2.0**r * (rounding + r * UNIT * largest)
    return places + moves * step, flat[np.arange(places.shape[0]), best], noise


def difference_derivative(values: Callable[[Array], Array], box: Box, alpha: tuple[int, ...], X: Array,
                          shrink: float = 1.0) -> Array:
    """Return D^alpha at X (n, d) of a local interpolating polynomial, its stencil kept inside the box.

    In each coordinate of order a: 2 m + 1 equidistant nodes, m = a // 2 + 3, steps about ``shrink`` 2^(-53/(2 m + 1))
    of the side, which balances truncation and rounding where the function varies over the whole side. An estimate:
    nothing is proved about a function of which only values are known.

    >>> slope = difference_derivative(lambda X: X[:, 0] ** 3, Box.cube(1), (1,), np.array([[0.0], [1.0]]))
    >>> bool(np.allclose(slope, [0.0, 3.0], atol=1e-9))
    True
    """
    if not any(alpha):
        return values(X)
    side = box.upper - box.lower
    weights, nodes = [], []
    for j, a in enumerate(alpha):
        m = a // 2 + 3 if a else 0
        h = float(side[j]) * shrink * min(2.0 ** (-53 / (2 * m + 1)), 1 / (4 * m)) if a else 0.0
        middle = np.clip(X[:, j], box.lower[j] + m * h, box.upper[j] - m * h)
        weights.append(_weights(a, m, (X[:, j] - middle) / h) / h**a if a else np.ones((X.shape[0], 1)))
        nodes.append(np.clip(middle[:, None] + h * np.arange(-m, m + 1), box.lower[j], box.upper[j]))
    total = np.zeros(X.shape[0])
    for choice in itertools.product(*[range(w.shape[1]) for w in weights]):
        factor = np.prod([w[:, c] for w, c in zip(weights, choice, strict=True)], axis=0)
        total += factor * values(np.stack([n[:, c] for n, c in zip(nodes, choice, strict=True)], axis=1))
    return total


def _weights(a: int, m: int, s: Array) -> Array:
    """Return the a-th derivatives at s of the Lagrange polynomials of the nodes -m..m, shape (n, 2 m + 1)."""
    nodes = np.arange(-m, m + 1, dtype=np.float64)
    columns = []
    for node in nodes:
        others = nodes[nodes != node]
        basis = np.polynomial.Polynomial.fromroots(others) / np.prod(node - others)
        columns.append(basis.deriv(a)(s))
    return np.stack(columns, axis=1)
