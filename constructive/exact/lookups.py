"""The folded look-up: 2.5 nonzeros for each label change, and sublinear when thresholds share words.

The line is cut into blocks of s + 1 label changes. A staircase of the position outputs the packed word of the block;
the position times H is compared with the word, the word is folded to the next threshold, and so on. Since s + 1 is
even every block starts with the same label, so that the label is an alternating sum of the comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from constructive.exact.bridge import to_network
from constructive.exact.cells import Cells, cells_of
from constructive.exact.chains import Level, Unit, constant, kept, written
from constructive.exact.memorizer import LineMemorizer, entries
from constructive.exact.projection import Projection
from constructive.exact.radii import as_radius
from constructive.exact.words import pack, scale_of


def look_up(projection: Projection, radius: Fraction | float | int, *, per_word: int | str = "best",
            narrow: bool = False) -> LineMemorizer:
    """Return the folded look-up of two classes: on every ball exactly the sign of its label.

    ``per_word``: thresholds in a word, odd; ``"best"``: the one with the fewest nonzeros; ``"float64"``: the same
    among those whose network computes the data without rounding in doubles. ``narrow``: the staircase one block at
    a time, width at most 5.

    With c changes, keys of b bits, s thresholds a word and K = ceil((c + 1) / (s + 1)) >= 2 blocks, and e nonzero
    entries of the direction (one nonzero fewer where the offset of the line is 0):
    wide ``e + 5 K + 7 (b + 1)(s - 1) + 5`` (s = 1: ``+ 7`` in place of ``+ 5``), depth ``7 + (s - 1) b``; narrow
    ``e + 7 K + 7 (b + 1)(s - 1) + 1`` (``+ 3``), depth ``K + 5 + (s - 1) b``. One block:
    ``e + 7 (b + 1)(s - 1) + 8`` (``+ 10``), depth ``5 + (s - 1) b``. Without changes: a constant.

    Raises ValueError for an even ``per_word``, more than two classes, a radius that does not fit, or if even s = 1
    rounds in doubles.

    >>> from constructive.exact.projection import along
    >>> f = look_up(along([[0.0], [1.0], [2.0], [3.0]], [0, 1, 1, 0], [1]), radius=0.25)
    >>> f.network([[0.25], [0.75], [3.25]]).ravel().tolist() == [-1, 1, -1], f.nonzeros == f.network.size.nonzeros
    (True, True)
    """
    signs = projection.signs
    if not projection.changes:
        return LineMemorizer("look-up", constant(len(projection.direction), signs[0]), projection,
                             as_radius(radius, "look_up"), 1, 1, 0)
    cells = cells_of(projection, radius)
    if per_word == "float64":
        return _widest_in_doubles(projection, cells, radius, narrow)
    sizes = range(1, projection.changes + 2, 2)
    if per_word == "best":
        s = min(sizes, key=lambda s: predicted_size(entries(projection), projection.changes, cells.bits, s, narrow)[0])
    elif isinstance(per_word, int) and not isinstance(per_word, bool) and per_word > 0 and per_word % 2:
        s = per_word
    else:
        raise ValueError(f"look_up: per_word={per_word!r} must be odd and positive, 'best' or 'float64'; an even "
                         "number of thresholds would need labels in the words")
    return _look_up(projection, cells, radius, s, narrow)


def predicted_size(direction: int, changes: int, bits: int, per_word: int, narrow: bool) -> tuple[int, int, int]:
    """Return nonzeros, depth and width by the formulas of :func:`look_up`, offset not 0.

    >>> predicted_size(8, 469, 19, 3, narrow=False)
    (883, 45, 118)
    """
    s = per_word
    blocks = -(-(changes + 1) // (s + 1))
    folds = 7 * (bits + 1) * (s - 1)
    working = 5 if s > 1 else 2
    if blocks == 1:
        return direction + folds + (8 if s > 1 else 10), 5 + (s - 1) * bits, working
    if narrow:
        return (direction + 7 * blocks + folds + (1 if s > 1 else 3), blocks + 5 + (s - 1) * bits,
                max(min(blocks, 4), working))
    return direction + 5 * blocks + folds + (5 if s > 1 else 7), 7 + (s - 1) * bits, max(blocks, working)


def _look_up(projection: Projection, cells: Cells, radius: Fraction | float | int, s: int,
             narrow: bool) -> LineMemorizer:
    words, boundaries = blocks_of(cells.keys, s, cells.bits)
    first = projection.signs[projection.order[0]]
    levels = [*table(words, boundaries, cells.pitch, narrow=narrow), *comparisons(s, cells.bits, cells.pitch)]
    levels.append({"y": alternating_sum(s, cells.pitch, first)})
    axis = [cells.multiplier * w for w in projection.direction]
    nonzeros, depth, width = predicted_size(entries(projection), projection.changes, cells.bits, s, narrow)
    return LineMemorizer("narrow look-up" if narrow else "look-up",
                         written(axis, cells.offset, levels, Fraction(1, cells.pitch)), projection,
                         as_radius(radius, "look_up"), nonzeros - (cells.offset == 0), depth, width, s, cells.pitch,
                         cells.bits)


def blocks_of(keys: Sequence[int], per_word: int, bits: int) -> tuple[list[int], list[int]]:
    """Return the words of the blocks and the keys of the changes between blocks.

    Every (s + 1)-st change is a boundary. The last word is filled up with the largest key, which no ball reaches.

    >>> blocks_of([1, 2, 3, 5, 6], per_word=3, bits=3)[1]
    [5]
    """
    count = -(-(len(keys) + 1) // (per_word + 1))
    padded = [*keys, *[(1 << bits) - 1] * (count * (per_word + 1) - 1 - len(keys))]
    words = [pack(padded[k:k + per_word], bits) for k in range(0, len(padded), per_word + 1)]
    return words, padded[per_word::per_word + 1]


def table(words: Sequence[int], boundaries: Sequence[int], pitch: int, *, narrow: bool = False,
          short: bool = True) -> list[Level]:
    """Return the levels after which ``a`` is the pitch times the word of the block in which z lies.

    ``step_j = clip(z - pitch t_j, 0, pitch)`` is made of two units, so that the staircase of K words takes 5 K
    nonzeros, or 7 K - 4 one block a level (``narrow``). ``short``: a single word needs no staircase and one level.
    """
    first: Unit = ({}, pitch * words[0])
    rises = [high - low for low, high in zip(words, words[1:], strict=False)]
    under: list[Unit] = [({"z": -1}, pitch * (t + 1)) for t in boundaries]
    if len(words) == 1 and short:
        return [{"z": kept("z"), "a": first}]
    if not narrow:
        steps = {f"step{j}": ({f"under{j}": -1}, pitch) for j in range(len(rises))}
        return [
            {"z": kept("z"), **{f"under{j}": unit for j, unit in enumerate(under)}},
            {"z": kept("z"), **steps},
            {"z": kept("z"), "a": ({f"step{j}": rise for j, rise in enumerate(rises)}, pitch * words[0])},
        ]
    levels: list[Level] = []
    for k in range(len(rises) + 2):  # unit `under` of block k, `step` of block k - 1, sum up to block k - 2
        level: dict[str, Unit] = {"z": kept("z")}
        if k < len(rises):
            level["under"] = under[k]
        if 1 <= k <= len(rises):
            level["step"] = ({"under": -1}, pitch)
        if k == 2:
            level["a"] = ({"step": rises[0]}, pitch * words[0])
        elif k > 2:
            level["a"] = ({"a": 1, "step": rises[k - 2]}, 0)
        levels.append(level)
    return levels


def comparisons(per_word: int, bits: int, pitch: int) -> list[Level]:
    """Return the levels that compare z with every threshold of the word ``a`` and fold the word in between.

    The word is held as ``a - 2 u``; ``sum`` is the alternating sum of the comparisons but the last, which is
    ``clipped`` (both times the pitch). ``gap = relu(pitch - z H + word)`` is 0 beyond the threshold and at least the
    pitch before it, so that ``clipped = relu(pitch - gap)`` is the step.
    """
    levels: list[Level] = []
    word, total = {"a": 1}, False
    for i in range(1, per_word):
        unit = scale_of(i, per_word, bits)
        for k in range(bits):
            level: dict[str, Unit] = {"z": kept("z"), "a": (word, 0), "u": (word, -pitch * (unit << (bits - 1 - k)))}
            sums = {"sum": 1} if total else {}
            if k == 0:
                level["gap"] = ({"z": -unit, **word}, pitch)
            elif k == 1:
                level["clipped"] = ({"gap": -1}, pitch)
            elif k == 2:
                sums["clipped"] = 1 if i % 2 else -1
            if sums:
                level["sum"] = (sums, 0)
                total = True
            levels.append(level)
            word = {"a": 1, "u": -2}
    carried: dict[str, Unit] = {"sum": kept("sum")} if total else {}
    levels.append({"gap": ({"z": -scale_of(per_word, per_word, bits), **word}, pitch), **carried})
    levels.append({"clipped": ({"gap": -1}, pitch), **carried})
    return levels


def alternating_sum(per_word: int, pitch: int, first: int) -> Unit:
    """Return the output ``first (pitch - 2 (sum + clipped))``: the pitch times the label; ``first`` is the leftmost."""
    names = ("sum", "clipped") if per_word > 1 else ("clipped",)
    return {name: -2 * first for name in names}, first * pitch


def _widest_in_doubles(projection: Projection, cells: Cells, radius: Fraction | float | int,
                       narrow: bool) -> LineMemorizer:
    """Return the smallest look-up that doubles hold: words grow with s, so the first refusal ends the search."""
    best: LineMemorizer | None = None
    for s in range(1, projection.changes + 2, 2):
        found = _look_up(projection, cells, radius, s, narrow)
        try:
            to_network(found.network, projection.box, step=projection.step)
        except ValueError as error:
            if best is None:
                raise ValueError(f"look_up: already one threshold a word needs more than doubles hold ({error}); "
                                 "use per_word='best' and integers") from error
            break
        best = found if best is None or found.nonzeros < best.nonzeros else best
    assert best is not None
    return best
