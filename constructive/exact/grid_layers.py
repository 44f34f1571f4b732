"""One group of thresholds as layers of units: a code of the cell, a gate on the ramps, a table of the codes entered.

Layer 1, four units for each threshold t of coordinate j: ``relu(x_j - t + o)``, o = ramp, ramp / 2, -ramp / 2, -ramp.
The two inner ones make a step of height ramp, on a ramp of that width; all four make ``gate``, 0 at distance ramp from
t and ramp / 2 on the step's ramp. Layer 2: ``z``, the ramp times the code of the cell (mixed radix, from 1 on, an
integer off the ramps), and ``gate``, at least the ramp wherever a step is on its ramp. Then the folded look-up, with a
comparison for equality: ``e = relu(ramp - relu(z H - W) - relu(W - z H - ramp H))`` is the ramp at the code in the word
and 0 at all others. Where the code is no integer the gate has the last word: ``relu(sum of e - s gate)``.
"""

from __future__ import annotations

from dataclasses import dataclass

from constructive.exact.chains import Level, Unit, kept
from constructive.exact.grids import Group
from constructive.exact.words import pack, scale_of

Key = tuple[int, int]
"""The code of a cell and the sign of its label."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The codes of one group: ``keys`` increasing, in blocks of ``per_word`` slots; 0 slots compare each for itself.

    ``blocks[j]``: the codes of block j in the order of the slots, padded with 0, which is no code; ``firsts[j]`` the
    smallest code of block j; ``bits`` of a slot; ``slots``: the sign of each slot.
    """

    keys: tuple[Key, ...]
    per_word: int
    bits: int
    slots: tuple[int, ...]
    blocks: tuple[tuple[int, ...], ...]
    firsts: tuple[int, ...]


def table_of(keys: tuple[Key, ...], per_word: int) -> Table:
    """Return the table with the given number of slots for each word; with two signs the first half is for +.

    Raises ValueError for an odd number of slots and keys of both signs.

    >>> table_of(((3, 1), (5, 1), (9, 1)), 2).blocks
    ((3, 5), (9, 0))
    >>> table_of(((3, 1), (5, 1), (6, -1), (7, -1)), 2).blocks
    ((3, 0), (5, 6), (0, 7))
    """
    present = {sign for _, sign in keys}
    if len(present) == 2 and per_word % 2:
        raise ValueError(f"table_of: per_word={per_word} must be even for codes of both labels")
    half = per_word // 2 if len(present) == 2 else per_word * (1 in present)
    room = {1: half, -1: per_word - half}
    blocks: list[tuple[int, ...]] = []
    firsts: list[int] = []
    held: dict[int, list[int]] = {1: [], -1: []}
    for code, sign in keys if per_word else ():
        if len(held[sign]) == room[sign]:
            blocks.append(_filled(held, room))
            held = {1: [], -1: []}
        if not held[1] and not held[-1]:
            firsts.append(code)
        held[sign].append(code)
    if per_word:
        blocks.append(_filled(held, room))
    bits = max(3, max(code for code, _ in keys).bit_length())
    return Table(keys, per_word, bits, (1,) * half + (-1,) * (per_word - half), tuple(blocks), tuple(firsts))


def _filled(held: dict[int, list[int]], room: dict[int, int]) -> tuple[int, ...]:
    return tuple(code for sign in (1, -1) for code in held[sign] + [0] * (room[sign] - len(held[sign])))


def group_levels(group: Group, table: Table, ramp: int, power: int) -> list[Level]:
    """Return the layers of one group; the last has the units "plus" and, two-sided, "minus": its gated answers.

    The first layer reads the inputs "x0", "x1", ... as they are; thresholds are in units of 2^-power.
    """
    levels = [_steps(group, ramp, power), _codes(group, ramp)]
    signs = sorted({sign for _, sign in table.keys}, reverse=True)
    if table.per_word == 0:
        return [*levels, *_each(table, ramp, signs)]
    return [*levels, *_words(table, ramp), *_comparisons(table, ramp, signs)]


def _steps(group: Group, ramp: int, power: int) -> Level:
    return {f"{j}.{k}.{o}": ({f"x{j}": 1 << power}, -t + offset)
            for j, values in enumerate(group.thresholds) for k, t in enumerate(values)
            for o, offset in enumerate((ramp, ramp // 2, -(ramp // 2), -ramp))}


def radices(group: Group) -> list[int]:
    """Return the weight of each coordinate's cell in the code: the number of cells of all coordinates before it."""
    weights, weight = [], 1
    for values in group.thresholds:
        weights.append(weight)
        weight *= len(values) + 1
    return weights


def _codes(group: Group, ramp: int) -> Level:
    """Return ``z = ramp (1 + sum of radix x steps)`` and the gate."""
    z: dict[str, int] = {}
    gate: dict[str, int] = {}
    for j, (values, weight) in enumerate(zip(group.thresholds, radices(group), strict=True)):
        for k in range(len(values)):
            z |= {f"{j}.{k}.1": weight, f"{j}.{k}.2": -weight}
            gate |= {f"{j}.{k}.{o}": 2 * sign for o, sign in enumerate((1, -1, -1, 1))}
    return {"z": (z, ramp), "gate": (gate, 0)}


def _each(table: Table, ramp: int, signs: list[int]) -> list[Level]:
    """Return the layers that compare z with every code by itself.

    The hats of different codes never add up beyond one, but a gate as strong as all of them can be proved by intervals.
    """
    above: dict[str, Unit] = {f"above{k}": ({"z": 1}, -ramp * code) for k, (code, _) in enumerate(table.keys)}
    below: dict[str, Unit] = {f"below{k}": ({"z": -1}, ramp * code) for k, (code, _) in enumerate(table.keys)}
    equal: dict[str, Unit] = {f"equal{k}": ({f"above{k}": -1, f"below{k}": -1}, ramp) for k in range(len(table.keys))}
    answers: dict[str, Unit] = {}
    for sign in signs:
        reads = {f"equal{k}": 1 for k, (_, own) in enumerate(table.keys) if own == sign}
        answers[_name(sign)] = ({**reads, "gate": -len(reads)}, 0)
    return [{**above, **below, "gate": kept("gate")}, {**equal, "gate": kept("gate")}, answers]


def _name(sign: int) -> str:
    return "plus" if sign > 0 else "minus"


def _words(table: Table, ramp: int) -> list[Level]:
    """Return the staircase: for each block the word of its codes, times the ramp."""
    words = [pack(block, table.bits) for block in table.blocks]
    carried: dict[str, Unit] = {"z": kept("z"), "gate": kept("gate")}
    under: dict[str, Unit] = {f"under{j}": ({"z": -1}, ramp * first) for j, first in enumerate(table.firsts[1:])}
    step: dict[str, Unit] = {f"step{j}": ({f"under{j}": -1}, ramp) for j in range(len(words) - 1)}
    rises = {f"step{j}": after - before for j, (before, after) in enumerate(zip(words, words[1:], strict=False))}
    return [{**carried, **under}, {**carried, **step}, {**carried, "a": (rises, ramp * words[0])}]


def _comparisons(table: Table, ramp: int, signs: list[int]) -> list[Level]:
    """Return the layers that compare z with each slot of the word ``a - 2 u`` and fold the word in between."""
    levels: list[Level] = []
    word, sums = {"a": 1}, dict[str, Unit]()
    carried: dict[str, Unit] = {"gate": kept("gate")}
    for place in range(1, table.per_word):
        unit = scale_of(place, table.per_word, table.bits)
        for k in range(table.bits):
            level: dict[str, Unit] = {"z": kept("z"), **carried, "a": (word, 0),
                                      "u": (word, -ramp * (unit << (table.bits - 1 - k)))}
            if k == 0:
                level |= _differences(word, unit, ramp)
            elif k == 1:
                level["equal"] = ({"above": -1, "below": -1}, ramp)
            told = _sum(table.slots[place - 1]) if k == 2 else ""
            sums = {name: kept(name) for name in sums}
            if told:
                sums[told] = ({**({told: 1} if told in sums else {}), "equal": 1}, 0)
            levels.append({**level, **sums})
            word = {"a": 1, "u": -2}
    sums = {name: kept(name) for name in sums}
    levels.append({**_differences(word, scale_of(table.per_word, table.per_word, table.bits), ramp), **carried, **sums})
    levels.append({"equal": ({"above": -1, "below": -1}, ramp), **carried, **sums})
    answers: dict[str, Unit] = {}
    for sign in signs:
        reads = {name: 1 for name in sums if name == _sum(sign)}
        last = {"equal": 1} if table.slots[-1] == sign else {}
        answers[_name(sign)] = ({**reads, **last, "gate": -table.slots.count(sign)}, 0)
    return [*levels, answers]


def _sum(sign: int) -> str:
    return f"sum of {_name(sign)}"


def _differences(word: dict[str, int], unit: int, ramp: int) -> Level:
    return {"above": ({"z": unit, **{name: -w for name, w in word.items()}}, 0),
            "below": ({"z": -unit, **word}, -ramp * unit)}
