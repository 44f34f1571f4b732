"""How many units explicit weights need on given caps: minimal-norm fits on a geometric grid of widths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.nearinit.fitting import ATTACKS, Attack, TooNarrowError, cutting_planes
from constructive.nearinit.geometry import Caps
from constructive.nearinit.units import draw_units

__all__ = ["WidthSearch", "width_needed"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WidthSearch:
    """Widths that were tried in rising order, and the deviation on the caps that attacks found for each fit.

    ``deviations`` is inf where no unit was open at some anchor. ``needed``: the first width that fits and whose
    successor fits too, None if the search ended before. An upper estimate of the width at which weights exist: one
    draw of units for each width, few rounds of cutting planes, and attacks for a supremum.
    """

    widths: tuple[int, ...]
    deviations: tuple[float, ...]
    error: float
    needed: int | None


def width_needed(caps: Caps, y: ArrayLike, *, error: float, rng: Any = 0, smallest: int = 8, largest: int = 4096,
                 factor: float = 1.5, rounds: int = 8, attacks: Sequence[Attack] = ATTACKS) -> WidthSearch:
    """Return the widths tried, smallest * factor^k rounded, until two in a row fit the caps within ``error``.

    At each width fresh units and a fit as in :func:`~constructive.nearinit.fitting.robust_fit` with ``rounds`` rounds;
    it counts if ``attacks`` find no deviation above ``error``. ``largest`` ends the search.
    Raises TypeError or ValueError for arguments that do not fit.

    >>> from constructive.nearinit.geometry import caps
    >>> search = width_needed(caps([[1.0, 0.0], [-1.0, 0.0]], 0.125), [1.0, -1.0], error=0.25, rng=1)
    >>> search.needed in search.widths, search.widths[-1] > search.needed
    (True, True)
    """
    who = "width_needed"
    goal, ratio = as_number(error, who, "error", above=0.0), as_number(factor, who, "factor", above=1.0)
    first = as_count(smallest, who, "smallest", at_least=1)
    last = as_count(largest, who, "largest", at_least=first)
    generator = np.random.default_rng(rng)
    widths: list[int] = []
    found: list[float] = []
    width = first
    while width <= last:
        widths.append(width)
        found.append(_deviation(caps, y, goal, width, generator, rounds, attacks))
        if len(found) > 1 and max(found[-2:]) <= goal:
            return WidthSearch(tuple(widths), tuple(found), goal, widths[-2])
        width = max(width + 1, math.floor(width * ratio + 0.5))
    return WidthSearch(tuple(widths), tuple(found), goal, None)


def _deviation(caps: Caps, y: ArrayLike, error: float, width: int, rng: np.random.Generator, rounds: int,
               attacks: Sequence[Attack]) -> float:
    units = draw_units(width, caps.dimension, rng=rng)
    try:
        fit = cutting_planes(caps, y, units, error=error, rng=rng, draws=4, rounds=rounds, tighten=0.8,
                             attacks=attacks, sweeps=2000)
    except TooNarrowError:
        return math.inf
    return fit.history[-1].found
