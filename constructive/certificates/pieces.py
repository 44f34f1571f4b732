"""Boxes of a domain: regions with bands cut out, projections, and where it helps to cut.

Cuts are hints: a place that means nothing costs boxes, never truth.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.roots import Decomposition
from constructive.domain import Box, Region

Array = NDArray[np.float64]


def boxes_of(domain: Box | Region | Sequence[Box], dimension: int, who: str) -> tuple[Array, Array]:
    """Return boxes (N, d), (N, d) whose union is the domain; those of a region share no inner points.

    Raises TypeError for what is no domain, ValueError for an empty one or boxes of several dimensions.

    >>> low, high = boxes_of(Region(Box.cube(1), (Box([0.25], [0.5]),)), 1, "doctest")
    >>> (low.ravel().tolist(), high.ravel().tolist())
    ([0.0, 0.5], [0.25, 1.0])
    """
    bands: tuple[Box, ...] = ()
    if isinstance(domain, Region):
        domain, bands = domain.box, domain.bands
    boxes = [domain] if isinstance(domain, Box) else list(domain)
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


def hints(network: Decomposition) -> list[Array]:
    """Return for each coordinate where curves of it bend sharply: worth cutting boxes there."""
    found: list[list[Array]] = [[np.zeros(0)] for _ in range(network.dimension)]
    for node in network.nodes:
        if node.root < network.dimension and node.curve.knots.size > 2:
            width = np.diff(node.curve.knots)
            known = np.isfinite(node.curve.slack) & (width > 0)
            slope = np.where(known, np.diff(node.curve.values) / np.where(width > 0, width, 1.0), 0.0)
            turn = np.where(known[:-1] & known[1:], np.abs(np.diff(slope)), 0.0)
            found[node.root].append(node.curve.knots[1:-1][turn > turn.max() / 8])
    return [_apart(np.unique(np.concatenate(each))) for each in found]


def _apart(places: Array) -> Array:
    return places[np.concatenate([[True], np.diff(places) > 2.0**-46])] if places.size else places


def cut_at(low: Array, high: Array, places: list[Array], most: int) -> tuple[Array, Array]:
    """Return the boxes cut at all places inside them, if that gives at most ``most`` boxes."""
    inside = [(np.searchsorted(at, a, "right"), np.searchsorted(at, b, "left"))
              for at, a, b in zip(places, low.T, high.T, strict=True)]
    counts = np.prod([np.maximum(stop - start, 0) + 1.0 for start, stop in inside], axis=0)
    if counts.sum() > most or counts.max() == 1:
        return low, high
    lows, highs = [], []
    for i in range(low.shape[0]):
        ends = [[a, *at[start[i]:stop[i]].tolist(), b]
                for at, a, b, (start, stop) in zip(places, low[i].tolist(), high[i].tolist(), inside, strict=True)]
        lows.append(np.array(list(itertools.product(*[each[:-1] for each in ends]))))
        highs.append(np.array(list(itertools.product(*[each[1:] for each in ends]))))
    return np.concatenate(lows), np.concatenate(highs)


def halved(low: Array, high: Array, shares: Array, places: list[Array]) -> tuple[Array, Array]:
    """Return every box cut in two across the coordinate with the largest share, at a hint inside or in the middle."""
    side = np.argmax(np.where(high > low, shares, -1.0), axis=1)
    rows = np.arange(low.shape[0])
    a, b = low[rows, side], high[rows, side]
    cut = a + (b - a) / 2
    for j, at in enumerate(places):
        mine = np.flatnonzero(side == j)
        if at.size == 0 or mine.size == 0:
            continue
        right = np.minimum(np.searchsorted(at, cut[mine]), at.size - 1)
        left = np.maximum(right - 1, 0)
        near = np.where(np.abs(at[left] - cut[mine]) < np.abs(at[right] - cut[mine]), at[left], at[right])
        inside = (near > a[mine]) & (near < b[mine])
        cut[mine] = np.where(inside, near, cut[mine])
    first_high, second_low = high.copy(), low.copy()
    first_high[rows, side], second_low[rows, side] = cut, cut
    return np.concatenate([low, second_low]), np.concatenate([first_high, high])
