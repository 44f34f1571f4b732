"""Shifted grids: sublinear look-ups that are robust at a radius which does not shrink with the number of data.

Each group of thresholds cuts space into cells and looks the cell's code up in a table of packed words; a gate silences
it where a point comes too near to a threshold. Some group is not silenced on the whole ball of each datum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_points
from constructive.exact.boxes import BoxProof, certify_on_boxes
from constructive.exact.chains import Level, Unit, constant, kept
from constructive.exact.grid_layers import Key, Table, group_levels, radices, table_of
from constructive.exact.grids import Group, adaptive_groups, broken_rules, uniform_groups
from constructive.exact.lattices import Lattice, on_lattice
from constructive.exact.network import IntegerLayer, IntegerNetwork

_WHO = "grid_memorizer"

_NARROWER = 256
"""The default ramp of adaptive grids is the free space between two balls divided by about this."""


@dataclass(frozen=True, slots=True, eq=False)
class GridMemorizer:
    """An integer network that memorizes two classes by looking up the cells of grids.

    ``network`` outputs, on the closed l_inf ball of ``radius`` round each datum: exactly +-1 if ``one_sided``, else a
    number of the label's sign and modulus >= 1. ``nonzeros`` and ``depth`` by formula; ``ramp`` in lattice units.
    """

    network: IntegerNetwork
    lattice: Lattice
    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    ramp: int
    radius: Fraction
    one_sided: bool
    nonzeros: int
    depth: int

    @property
    def thresholds(self) -> int:
        """Number of thresholds of all groups."""
        return sum(group.count for group in self.groups)

    def predict(self, x: Any) -> NDArray[Any]:
        """Return the classes (...,) at points x (..., d), in exact arithmetic; 0 goes to the first class."""
        names = np.array(self.lattice.labels.classes)
        return names[(self.network(x)[..., 0] > 0).astype(np.int64)]

    def certify(self, budget: int = 1 << 14) -> BoxProof:
        """Return the proof, from the weights alone, of the outputs on the balls round the data."""
        return certify_on_boxes(self.network, self.lattice.data, self.lattice.signs.tolist(), radius=self.radius,
                                claim="value" if self.one_sided else "margin", budget=budget)

    def broken_rules(self) -> list[str]:
        """Return one sentence for every rule of the groups that does not hold on the data; see :mod:`grids`."""
        return broken_rules(self.lattice, self.ramp, self.groups, one_sided=self.one_sided) if self.groups else []


def grid_memorizer(X: Any, y: Any, *, radius: Fraction | float | int, shifts: str = "adaptive",
                   one_sided: bool = True, per_word: int | str = "best") -> GridMemorizer:
    """Return a memorizer of two classes by grids, right on every closed l_inf ball of the radius, in integers.

    ``shifts="uniform"``: d + 1 grids of pitch separation, each shifted by separation / (d + 1): every radius below
    separation / (2 (d + 1)) (less a rounding of the lattice), however many data. ``"adaptive"``: thresholds chosen
    greedily and checked on the instance: every radius below separation / 2. ``one_sided``: only the data of the upper
    class are looked up, -1 elsewhere; otherwise 0 elsewhere. ``per_word``: codes packed into a word; 0 compares with
    each code by itself; ``"best"`` the fewest nonzeros, for each group.

    Size of a group with T thresholds (none at distance ramp or ramp / 2 from 0), c codes of b bits, s >= 2 codes a
    word and K words: ``14 T + 5 K + (s - 1)(8 b + 11) + 13`` nonzeros and depth ``8 + (s - 1) b``; ``14 T + 5 K + 15``
    for s = 1; ``14 T + 8 c + 4`` for s = 0. Codes of both labels: ``(s / 2 - 1) b + 1`` more (s = 0: 1 more).
    Raises ValueError naming the pair for a radius that does not fit, for other labels, or for a per_word that no table
    has. Source: arXiv:2401.13624 for the setting; the construction is ours.

    >>> f = grid_memorizer([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 0], radius=0.25)
    >>> [str(v) for v in f.network([[0.25, 0.25], [0.75, -0.25], [1.0, 0.75]]).ravel()], f.broken_rules()
    (['-1', '1', '-1'], [])
    """
    if shifts not in ("adaptive", "uniform"):
        raise ValueError(f"{_WHO}: shifts={shifts!r} must be 'adaptive' or 'uniform'")
    if per_word != "best":
        as_count(per_word, _WHO, "per_word", at_least=0)
    points = as_points(X, _WHO)
    lattice = on_lattice(points, y, radius, who=_WHO, parts=points.shape[1] + 1 if shifts == "uniform" else 1)
    if not lattice.separation:
        same = constant(points.shape[1], int(lattice.signs[0]))
        return GridMemorizer(same, lattice, (), (), 0, lattice.radius, one_sided, 1, 1)
    if shifts == "uniform":
        groups, ramp = uniform_groups(lattice, one_sided=one_sided)
    else:
        ramp = 1 << (max(lattice.free // _NARROWER, 2).bit_length() - 1)
        groups = list(adaptive_groups(lattice, ramp, one_sided=one_sided))
    tables = tuple(_table(group, lattice, per_word) for group in groups)
    plan = [group_levels(group, table, ramp, lattice.power) for group, table in zip(groups, tables, strict=True)]
    network = _side_by_side(plan, lattice.points.shape[1], ramp, one_sided)
    nonzeros, depth = _size(groups, tables, ramp, one_sided)
    return GridMemorizer(network, lattice, tuple(groups), tables, ramp, lattice.radius, one_sided, nonzeros, depth)


def codes(group: Group, lattice: Lattice) -> tuple[Key, ...]:
    """Return the codes of the cells in which the entered data are, increasing, each with the sign of its label."""
    weights = radices(group)
    cells = group.cells(lattice.points[group.entered]).tolist()
    found = {1 + sum(w * c for w, c in zip(weights, cell, strict=True)): int(sign)
             for cell, sign in zip(cells, lattice.signs[group.entered], strict=True)}
    return tuple(sorted(found.items()))


def _table(group: Group, lattice: Lattice, per_word: int | str) -> Table:
    keys = codes(group, lattice)
    two = len({sign for _, sign in keys}) == 2
    if isinstance(per_word, int):
        return table_of(keys, per_word)
    bits = max(3, keys[-1][0].bit_length())
    most = 2 + round(2 * (5 * len(keys) / (8 * bits)) ** 0.5)
    sizes = [0, *range(2, most + 2, 2)] if two else range(most + 1)
    return min((table_of(keys, s) for s in sizes), key=lambda table: group_size(0, table)[0])


def group_size(thresholds: int, table: Table) -> tuple[int, int]:
    """Return nonzeros and depth of one group by the formulas of :func:`grid_memorizer`.

    >>> group_size(17, table_of(tuple((2 * k + 1, 1) for k in range(100)), 2))
    (576, 16)
    """
    s, c, blocks, bits = table.per_word, len(table.keys), len(table.blocks), table.bits
    two = len({sign for _, sign in table.keys}) == 2
    if s == 0:
        return 14 * thresholds + 8 * c + 4 + two, 5
    if s == 1:
        return 14 * thresholds + 5 * blocks + 15, 8
    more = (s // 2 - 1) * bits + 1 if two else 0
    return 14 * thresholds + 5 * blocks + (s - 1) * (8 * bits + 11) + 13 + more, 8 + (s - 1) * bits


def _size(groups: Sequence[Group], tables: Sequence[Table], ramp: int, one_sided: bool) -> tuple[int, int]:
    """Return nonzeros and depth of all groups side by side, early answers carried on, and the output."""
    sizes = [group_size(group.count, table) for group, table in zip(groups, tables, strict=True)]
    deepest = max(depth for _, depth in sizes)
    answers = [len({sign for _, sign in table.keys}) for table in tables]
    zeros = sum(t in (ramp, ramp // 2, -(ramp // 2), -ramp)
                for group in groups for values in group.thresholds for t in values)
    carried = sum((deepest - depth) * k for (_, depth), k in zip(sizes, answers, strict=True))
    total = sum(nonzeros for nonzeros, _ in sizes) + carried - zeros + sum(answers)
    return (total + 3, deepest + 2) if one_sided else (total, deepest + 1)


def _side_by_side(plan: Sequence[list[Level]], inputs: int, ramp: int, one_sided: bool) -> IntegerNetwork:
    """Return the network of all groups, early answers carried on, and the output.

    One-sided ``1 - (2 / ramp) relu(ramp - sum of answers)``, two-sided ``(sum of plus - sum of minus) / ramp``.
    """
    depth = max(map(len, plan))
    names = {f"x{j}": j for j in range(inputs)}
    layers: list[IntegerLayer] = []
    for k in range(depth):
        units: dict[str, Unit] = {}
        for g, levels in enumerate(plan):
            level = levels[k] if k < len(levels) else {name: kept(name) for name in levels[-1]}
            for name, (reads, bias) in level.items():
                units[f"{g}:{name}"] = ({source if k == 0 else f"{g}:{source}": w for source, w in reads.items()}, bias)
        layers.append(_layer(units, names))
        names = {name: i for i, name in enumerate(units)}
    signs = {name: 1 if name.endswith("plus") else -1 for name in names}
    if one_sided:
        layers.append(_layer({"left": (dict.fromkeys(names, -1), ramp)}, names))
        layers.append(IntegerLayer.build([[(0, -2)]], [ramp], 1))
    else:
        layers.append(_layer({"f": (signs, 0)}, names))
    return IntegerNetwork(tuple(layers), Fraction(1, ramp))


def _layer(units: Level, names: dict[str, int]) -> IntegerLayer:
    rows = [[(names[source], weight) for source, weight in reads.items()] for reads, _ in units.values()]
    return IntegerLayer.build(rows, [bias for _, bias in units.values()], len(names))
