"""More than two classes: one folded look-up for each binary digit of the class number, on one line."""

from __future__ import annotations

from fractions import Fraction

from constructive.exact.cells import Cells, cells_of
from constructive.exact.chains import Level, Unit, written
from constructive.exact.lookups import alternating_sum, blocks_of, comparisons, look_up, table
from constructive.exact.memorizer import LineMemorizer, entries
from constructive.exact.projection import Projection
from constructive.exact.radii import as_radius


def bit_planes(projection: Projection, radius: Fraction | float | int, *,
               per_word: int | str = "best") -> LineMemorizer:
    """Return the look-up of any number of classes: on every ball the binary digits of its class number, as +-1.

    ceil(log2 C) wide look-ups side by side, lowest digit first. They share cells, so that they are equally deep, and
    direction and position are stored once: with P digits and K_p blocks for the label changes of digit p, keys of
    b bits, s thresholds a word and e nonzero entries of the direction,
    ``e + 4 + (s - 1) b + sum over p of (5 K_p + 7 (b + 1)(s - 1) + 1 - (s - 1) b)`` nonzeros, 2 more a digit for
    s = 1, one fewer where the offset is 0; depth ``7 + (s - 1) b``. Two classes: the look-up itself.

    Raises ValueError for an even ``per_word`` or a radius that does not fit.

    >>> from constructive.exact.projection import along
    >>> f = bit_planes(along([[0.0], [1.0], [2.0]], ["a", "b", "c"], [1]), radius=0.25)
    >>> f.predict([[0.25], [0.75], [2.25]]).tolist(), f.nonzeros == f.network.size.nonzeros
    (['a', 'b', 'c'], True)
    """
    classes = projection.labels.classes or ()
    if len(classes) <= 2:
        return look_up(projection, radius, per_word=per_word)
    cells = cells_of(projection, radius)
    digits = [_digit(cells, k) for k in range((len(classes) - 1).bit_length())]
    changes = [len(keys) for keys, _ in digits]
    e = entries(projection)
    if per_word == "best":
        s = min(range(1, max(changes) + 2, 2), key=lambda s: _predicted(e, changes, cells.bits, s)[0])
    elif isinstance(per_word, int) and not isinstance(per_word, bool) and per_word > 0 and per_word % 2:
        s = per_word
    else:
        raise ValueError(f"bit_planes: per_word={per_word!r} must be odd and positive, or 'best'")
    levels = _side_by_side([_plane(keys, cells, s) for keys, _ in digits])
    output: dict[str, Unit] = {}
    for k, (_, first) in enumerate(digits):
        reads, bias = alternating_sum(s, cells.pitch, first)
        output[f"y{k}"] = ({f"{name}{k}": weight for name, weight in reads.items()}, bias)
    axis = [cells.multiplier * w for w in projection.direction]
    nonzeros, depth, width = _predicted(e, changes, cells.bits, s)
    return LineMemorizer("bit planes", written(axis, cells.offset, [*levels, output], Fraction(1, cells.pitch)),
                         projection, as_radius(radius, "bit_planes"), nonzeros - (cells.offset == 0), depth, width, s,
                         cells.pitch, cells.bits)


def _predicted(direction: int, changes: list[int], bits: int, per_word: int) -> tuple[int, int, int]:
    """Return nonzeros, depth and width by formula, offset not 0."""
    s, folds = per_word, (per_word - 1) * bits
    blocks = [-(-(c + 1) // (s + 1)) for c in changes]
    each = 7 * (bits + 1) * (s - 1) + (1 if s > 1 else 3) - folds
    # z stands beside the K - 1 units a digit of the staircase, or beside a, u, sum and gap of every digit
    working = 4 * len(changes) + 1 if s > 1 else 1 + len(changes)
    return (direction + 4 + folds + sum(5 * k + each for k in blocks), 7 + folds,
            max(1 + sum(k - 1 for k in blocks), working))


def _digit(cells: Cells, k: int) -> tuple[list[int], int]:
    """Return the keys at which binary digit k of the class number changes, and its leftmost value as +-1."""
    values = [label >> k & 1 for label in cells.labels]
    keys = [t for t, a, b in zip(cells.keys, values, values[1:], strict=False) if a != b]
    return keys, 1 if values[0] else -1


def _plane(keys: list[int], cells: Cells, s: int) -> list[Level]:
    words, boundaries = blocks_of(keys, s, cells.bits)
    return [*table(words, boundaries, cells.pitch, short=False), *comparisons(s, cells.bits, cells.pitch)]


def _side_by_side(planes: list[list[Level]]) -> list[Level]:
    """Return the levels of all planes with numbered names; they all read the one position ``z``."""
    merged: list[Level] = []
    for levels in zip(*planes, strict=True):
        level: dict[str, Unit] = {}
        for k, part in enumerate(levels):
            for name, (reads, bias) in part.items():
                if name == "z":
                    level["z"] = (reads, bias)
                else:
                    level[f"{name}{k}"] = ({source if source == "z" else f"{source}{k}": w
                                            for source, w in reads.items()}, bias)
        merged.append(level)
    return merged
