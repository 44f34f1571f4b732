"""Textbook bit extraction: keys and labels of all data in words, decoded bit by bit. The yardstick of the look-up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from constructive.exact.chains import Level, Unit, constant, kept, written
from constructive.exact.lookups import table
from constructive.exact.memorizer import LineMemorizer, entries
from constructive.exact.projection import Projection


def bit_extraction(projection: Projection, *, per_word: int | str = "best") -> LineMemorizer:
    """Return the memorizer of two classes that decodes key and label of each datum from packed words.

    The line is cut into blocks of ``per_word`` data ("best": the number with the fewest nonzeros). A staircase
    outputs the word of the block, ``key_1 label_1 key_2 ...`` in binary, ``relu(v - h + 1) - relu(v - h)`` is its
    next bit, and each key is compared with the position. Right at the data alone (``radius`` 0).

    With m different positions, s a word, K = ceil(m / s) >= 2 blocks, keys of b bits and e nonzero entries of the
    direction: ``e + 5 K + s (16 b + 20) - 2 b - 8`` nonzeros (one fewer where the offset is 0), depth
    ``5 + s (2 b + 2)``; one block: 3 in place of 5 K, and depth ``3 + s (2 b + 2)``. Every datum takes a key, where
    the folded look-up takes every label change, and twice the nonzeros for a bit. Without changes: a constant.

    Raises ValueError for ``per_word`` below 1 or more than two classes.

    >>> from constructive.exact.projection import along
    >>> p = along([[0.0], [2.0], [3.0], [4.0]], [0, 1, 1, 0], [1])
    >>> bit_extraction(p, per_word=2).predict([[0.0], [2.0], [3.0], [4.0]]).tolist()
    [0, 1, 1, 0]
    """
    label = dict(zip(projection.positions, projection.signs, strict=True))
    places = sorted(label)
    if not projection.changes:
        return LineMemorizer("bit extraction", constant(len(projection.direction), label[places[0]]), projection,
                             Fraction(0), 1, 1, 0)
    multiplier, offset, pitch, keys = _numbered(places)
    bits, e = keys[-1].bit_length(), entries(projection)
    if per_word == "best":
        s = min(range(1, len(keys) + 1), key=lambda s: _predicted(e, len(keys), bits, s)[0])
    elif isinstance(per_word, int) and not isinstance(per_word, bool) and per_word >= 1:
        s = per_word
    else:
        raise ValueError(f"bit_extraction: per_word={per_word!r} must be an integer of at least 1, or 'best'")
    items = [(key, int(label[place] > 0)) for key, place in zip(keys, places, strict=True)]
    blocks = [items[k:k + s] for k in range(0, len(items), s)]
    # the cell after the last key of a block holds no datum, since keys are at least 2 apart
    boundaries = [block[-1][0] + 1 for block in blocks[:-1]]
    levels = [*table([_word(block, s, bits) for block in blocks], boundaries, pitch), *_decoding(s, bits, pitch)]
    levels.append({"y": ({"hit": 2} if s == 1 else {"sum": 2, "hit": 2}, -pitch)})
    network = written([multiplier * w for w in projection.direction], offset, levels, Fraction(1, pitch))
    nonzeros, depth, width = _predicted(e, len(keys), bits, s)
    return LineMemorizer("bit extraction", network, projection, Fraction(0), nonzeros - (offset == 0), depth, width, s,
                         pitch, bits)


def _predicted(direction: int, data: int, bits: int, per_word: int) -> tuple[int, int, int]:
    """Return nonzeros, depth and width by formula, offset not 0."""
    s, blocks = per_word, -(-data // per_word)
    start, levels = (3, 3) if blocks == 1 else (5 * blocks, 5)
    return (direction + start + s * (16 * bits + 20) - 2 * bits - 8, levels + s * (2 * bits + 2),
            max(min(s + 4, 7), blocks if blocks > 1 else 0))


def _numbered(places: Sequence[int]) -> tuple[int, int, int, list[int]]:
    """Return multiplier, offset, pitch and keys: the coarsest grid whose keys are at least 2 apart."""
    closest = min(b - a for a, b in zip(places, places[1:], strict=False))
    power = closest.bit_length()
    while True:  # ends at 3 pitches in the closest gap, at the latest
        multiplier, pitch = 1 << max(-power, 0), 1 << max(power, 0)
        offset = pitch - places[0] * multiplier
        keys = [(z * multiplier + offset) // pitch for z in places]
        if all(b - a >= 2 for a, b in zip(keys, keys[1:], strict=False)):
            return multiplier, offset, pitch, keys
        power -= 1


def _word(items: Sequence[tuple[int, int]], per_word: int, bits: int) -> int:
    """Return keys and labels side by side in binary; missing items are zeros, and a label 0 adds nothing."""
    word = 0
    for key, label in [*items, *[(0, 0)] * (per_word - len(items))]:
        word = (word << bits + 1) + 2 * key + label
    return word


def _decoding(per_word: int, bits: int, pitch: int) -> list[Level]:
    """Return the levels that take the word ``a`` apart; ``sum + hit`` is then the pitch times the label bit.

    Two levels a bit: ``p - q`` is the pitch times the leading bit, which is then taken off. ``hit`` is 0 where the
    position is a pitch or more away from the cell of the key.
    """
    levels: list[Level] = []
    place = per_word * (bits + 1)
    for item in range(per_word):
        last = item + 1 == per_word
        total: dict[str, Unit] = {"sum": kept("sum")} if item > 1 else {}
        for k in range(bits + 1):
            place -= 1
            h = 1 << place
            first: dict[str, Unit] = {"p": ({"a": 1}, pitch - pitch * h), "q": ({"a": 1}, -pitch * h)}
            bit = {"p": 1, "q": -1}
            rest: dict[str, Unit] = {"z": kept("z"), "a": ({"a": 1, "p": -h, "q": h}, 0)}
            if k == 0 and item:
                total = {"sum": ({"sum": 1, "hit": 1} if item > 1 else {"hit": 1}, 0)}
            if k < bits:
                key: dict[str, Unit] = {"key": kept("key")} if k else {}
                levels.append({"z": kept("z"), "a": kept("a"), **key, **first, **total})
                total = {"sum": kept("sum")} if item else {}
                levels.append({**rest, "key": ({"key": 2, **bit} if k else bit, 0), **total})
            else:
                ends: dict[str, Unit] = {"below": ({"key": 1, "z": -1}, 0), "above": ({"z": 1, "key": -1}, -pitch)}
                carried: dict[str, Unit] = {} if last else {"z": kept("z"), "a": kept("a")}
                levels.append({**carried, **first, **ends, **total})
                hit: Unit = ({**bit, "below": -1, "above": -1}, 0)
                levels.append({**({} if last else rest), "hit": hit, **total})
    return levels


