"""Boxes of a domain: regions with bands cut out, projections, and where it helps to cut.

Cuts are hints: a place that means nothing costs boxes, never truth.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.roots import Decomposition
from constructive.domain import Box, Region

Array = NDArray[np.float64]
Places = list[list[Array]]
"""Levels of places for each coordinate."""


def boxes_of(domain: Box | Region | Sequence[Box], dimension: int, who: str) -> tuple[Array, Array]:
    """Return boxes (N, d), (N, d) whose union is the domain; those of a region share no inner points.

    Raises TypeError for what is no domain, ValueError for an empty one or boxes of several dimensions.

    >>> low, high = boxes_of(Region(Box.cube(1), (Box([0.25], [0.5]),)), 1, "doctest")
    >>> (low.ravel().tolist(), high.ravel().tolist())
    ([0.0, 0.5], [0.25, 1.0])
    """
    whole = domain.box if isinstance(domain, Region) else domain
    bands = domain.bands if isinstance(domain, Region) else ()
    boxes = [whole] if isinstance(whole, Box) else list(whole)
    if not all(isinstance(box, Box) for box in boxes):
        raise TypeError(f"{who}: domain must be a Box, a Region or boxes, got {type(domain).__name__}")
    sizes = {box.dimension for box in (*boxes, *bands)}
    if len(boxes) == 0 or len(sizes) > 1:
        raise ValueError(f"{who}: domain needs one or more boxes of one dimension, got {len(boxes)} boxes of "
                         f"dimensions {sorted(sizes)}")
    low, high = np.stack([box.lower for box in boxes]), np.stack([box.upper for box in boxes])
    for band in bands:
        low, high = _without(low, high, band)
    if low.shape[0] == 0:
        raise ValueError(f"{who}: the bands leave nothing of the domain; pass a larger box or fewer bands")
    return low, high


def _without(low: Array, high: Array, band: Box) -> tuple[Array, Array]:
    """Return the boxes less the interior of a band, cut coordinate by coordinate."""
    meets = ((low < band.upper) & (high > band.lower)).all(axis=1) & bool((band.lower < band.upper).all())
    # a flat box inside the band in that coordinate goes too: it has no other points
    lows, highs = [low[~meets]], [high[~meets]]
    a, b = low[meets].copy(), high[meets].copy()
    for j in range(low.shape[1]):
        for below in (True, False):
            end = band.lower[j] if below else band.upper[j]
            rows = (a[:, j] <= end) if below else (b[:, j] >= end)
            part_low, part_high = a[rows].copy(), b[rows].copy()
            (part_high if below else part_low)[:, j] = end
            lows.append(part_low)
            highs.append(part_high)
        a[:, j], b[:, j] = np.maximum(a[:, j], band.lower[j]), np.minimum(b[:, j], band.upper[j])
    return np.concatenate(lows), np.concatenate(highs)


def intervals_of(low: Array, high: Array) -> list[list[tuple[float, float]]]:
    """Return for each coordinate the disjoint increasing intervals that the boxes project to.

    >>> intervals_of(np.array([[0.0], [0.5], [0.25]]), np.array([[0.25], [1.0], [0.375]]))
    [[(0.0, 0.375), (0.5, 1.0)]]
    """
    out = []
    for a, b in zip(low.T, high.T, strict=True):
        order = np.argsort(a, kind="stable")
        a, reach = a[order], np.maximum.accumulate(b[order])
        starts = np.flatnonzero(np.concatenate([[True], a[1:] > reach[:-1]]))
        stops = np.append(starts[1:], a.size) - 1
        out.append(list(zip(a[starts].tolist(), reach[stops].tolist(), strict=True)))
    return out


def hints(network: Decomposition, size: float) -> Places:
    """Return for each coordinate where curves of it bend by ``size`` or more: worth cutting boxes there.

    Coarsest first: sharp bends, then those a sixteenth as large, and so on, all lists holding the ones before. A bend
    is how far a value lies from the chord of its neighbors.
    """
    found: list[list[tuple[Array, Array]]] = [[(np.zeros(0), np.zeros(0))] for _ in range(network.dimension)]
    for node in network.nodes:
        if node.root < network.dimension and node.curve.knots.size > 2:
            width = np.diff(node.curve.knots)
            known = np.isfinite(node.curve.slack) & (width > 0)
            slope = np.where(known, np.diff(node.curve.values) / np.where(width > 0, width, 1.0), 0.0)
            turn = np.where(known[:-1] & known[1:], np.abs(np.diff(slope)), 0.0)
            bend = turn * (width[1:] / np.maximum(width[1:] + width[:-1], 1e-300)) * width[:-1]
            found[node.root].append((node.curve.knots[1:-1][bend > size], bend[bend > size]))
    joined = [[np.concatenate(column) for column in zip(*each, strict=True)] for each in found]
    most = max(float(bend.max(initial=0.0)) for _, bend in joined)
    levels = max(1, math.ceil(math.log(most / size, 16))) if most > size > 0 else 1
    return [[_apart(np.unique(at[bend > size * 16.0**level])) for at, bend in joined]
            for level in range(levels - 1, -1, -1)]


def _apart(places: Array) -> Array:
    return places[np.concatenate([[True], np.diff(places) > 2.0**-46])] if places.size else places


def cut_at(low: Array, high: Array, places: Places, most: int) -> tuple[Array, Array]:
    """Return the boxes cut at all places of the finest level that gives at most ``most`` boxes."""
    for level in reversed(places):
        inside = [(np.searchsorted(at, a, "right"), np.searchsorted(at, b, "left"))
                  for at, a, b in zip(level, low.T, high.T, strict=True)]
        counts = np.prod([np.maximum(stop - start, 0) + 1.0 for start, stop in inside], axis=0)
        if counts.sum() <= most:
            break
    else:
        return low, high
    if counts.max() == 1:
        return low, high
    lows, highs = [], []
    for i in range(low.shape[0]):
        ends = [[a, *at[start[i]:stop[i]].tolist(), b]
                for at, a, b, (start, stop) in zip(level, low[i].tolist(), high[i].tolist(), inside, strict=True)]
        lows.append(np.array(list(itertools.product(*[each[:-1] for each in ends]))))
        highs.append(np.array(list(itertools.product(*[each[1:] for each in ends]))))
    return np.concatenate(lows), np.concatenate(highs)


def halved(low: Array, high: Array, shares: Array, places: Places) -> tuple[Array, Array]:
    """Return every box cut in two: at a hint of the coarsest level inside it, else in the middle.

    Of several coordinates the one with the largest share is cut, at the hint nearest to the middle.
    """
    rows = np.arange(low.shape[0])
    shares = np.where(high > low, shares, -1.0)
    side, middle = np.full(rows.size, -1), low + (high - low) / 2
    cut = np.zeros(rows.size)
    for level in places:
        best = np.where(side >= 0, np.inf, -np.inf)
        for j, at in enumerate(level):
            if at.size:
                near = _nearest(at, middle[:, j])
                better = (near > low[:, j]) & (near < high[:, j]) & (shares[:, j] > best)
                side[better], cut[better], best[better] = j, near[better], shares[better, j]
    rest = np.flatnonzero(side < 0)
    side[rest] = np.argmax(shares[rest], axis=1)
    cut[rest] = middle[rest, side[rest]]
    first_high, second_low = high.copy(), low.copy()
    first_high[rows, side], second_low[rows, side] = cut, cut
    return np.concatenate([low, second_low]), np.concatenate([first_high, high])


def _nearest(at: Array, x: Array) -> Array:
    right = np.minimum(np.searchsorted(at, x), at.size - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(at[left] - x) < np.abs(at[right] - x), at[left], at[right])
