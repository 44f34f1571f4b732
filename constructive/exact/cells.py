"""Where the label changes on the line: cells of one width, one in each free gap, numbered by short keys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from constructive.exact.projection import Projection


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A grid on the line ``z = multiplier (a . x) + offset`` and the cell in which each label change happens.

    ``keys[k]`` = t: between the balls left and right of change k lies the cell ``pitch t <= z <= pitch (t + 1)``, its
    ends included; keys increase. On every ball ``pitch <= z <= pitch (2^bits - 2)``. ``labels[k]``: class numbers left
    of change k, and last the rightmost ones. ``pitch`` is a power of two, the largest for which all gaps hold a cell.
    """

    multiplier: int
    offset: int
    pitch: int
    bits: int
    keys: tuple[int, ...]
    labels: tuple[int, ...]


def free_gaps(projection: Projection, radius: Fraction | float | int) -> list[tuple[Fraction, Fraction]]:
    """Return the open gaps of the line between neighboring balls of different labels, left to right.

    Raises ValueError unless ``0 <= radius < projection.radius``.
    """
    reach, z, index = projection.reach(radius), projection.positions, projection.labels.index
    order = projection.order
    return [(z[i] + reach, z[k] - reach) for i, k in zip(order, order[1:], strict=False) if index[i] != index[k]]


def cells_of(projection: Projection, radius: Fraction | float | int) -> Cells:
    """Return the coarsest cells that fit between the balls of the radius.

    The pitch is above a quarter of the narrowest gap: a gap of twice the pitch holds a cell wherever the grid
    starts. Raises ValueError without a change, or for a radius that does not fit.

    >>> from constructive.exact.projection import along
    >>> cells = cells_of(along([[0.0], [8.0], [16.0]], [0, 1, 0], [1]), radius=2)
    >>> cells.pitch, cells.keys, cells.labels
    (4, (2, 4), (0, 1, 0))
    """
    if not projection.changes:
        raise ValueError("cells_of: the label never changes, there is no cell to place; a constant will do")
    gaps = free_gaps(projection, radius)
    narrowest = min(high - low for low, high in gaps)
    power = _floor_log2(narrowest)
    found = _placed(projection, radius, gaps, power) or _placed(projection, radius, gaps, power - 1)
    assert found is not None, "half the narrowest gap holds a cell of its size"
    return found


def _floor_log2(value: Fraction) -> int:
    power = value.numerator.bit_length() - value.denominator.bit_length()
    return power if Fraction(2) ** power <= value else power - 1


def _placed(projection: Projection, radius: Fraction | float | int, gaps: list[tuple[Fraction, Fraction]],
            power: int) -> Cells | None:
    """Return the cells of width 2^power, None if some gap holds none; a line too coarse for them is multiplied."""
    multiplier, pitch = 1 << max(-power, 0), 1 << max(power, 0)
    reach = projection.reach(radius)
    ends = [(min(projection.positions) - reach) * multiplier, (max(projection.positions) + reach) * multiplier]
    scaled = [(low * multiplier, high * multiplier) for low, high in gaps]
    first = pitch - math.floor(ends[0])
    for offset in _offsets(scaled, pitch, first):
        keys = _keys(scaled, pitch, offset)
        if keys is not None:
            bits = max(3, (math.floor((ends[1] + offset) / pitch) + 2).bit_length())
            index = [int(projection.labels.index[i]) for i in projection.order]
            labels = [i for i, k in zip(index, index[1:], strict=False) if i != k] + [index[-1]]
            return Cells(multiplier, offset, pitch, bits, tuple(keys), tuple(labels))
    return None


def _offsets(gaps: list[tuple[Fraction, Fraction]], pitch: int, first: int) -> list[int]:
    """Return where the grid may start, from ``first`` on, so that one of them fits all gaps if any offset does.

    The offsets that fit a gap are, up to multiples of the pitch, an interval; the first one that fits all gaps is
    ``first`` or the left end of such an interval. Gaps of two pitches fit always.
    """
    starts = {first + (-math.floor(high) - first) % pitch for low, high in gaps if high - low < 2 * pitch}
    return sorted({first, *starts})


def _keys(gaps: list[tuple[Fraction, Fraction]], pitch: int, offset: int) -> list[int] | None:
    """Return the most central cell of every gap, None if a gap holds none."""
    keys = []
    for low, high in gaps:
        first = math.ceil((low + offset) / pitch)
        last = math.floor((high + offset) / pitch) - 1
        if last < first:
            return None
        central = round(((low + high) / 2 + offset) / pitch - Fraction(1, 2))
        keys.append(min(max(central, first), last))
    return keys
