"""A network as sums of functions of one number each: numbers in order, curves, and which sums make them.

Data flow: weights -> for each unit the *number* z it reads -> units of one number are tabulated as curves of it
(:mod:`constructive.certificates.univariate`) -> a unit that reads several is a sum of their curves, and that sum is a
new number -> ... -> the output, a sum of curves. The first numbers are the coordinates. Units whose sums are
proportional with a power of two, such as relu(z), relu(-z) and relu(z - c), share their number. So teeth composed with
teeth stay one curve of one number, tabulated once, and nothing about their correlation is lost.

Everything is read from the weights; the box serves to bound the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from constructive.certificates.curves import Curve, curves
from constructive.certificates.univariate import MOST_KNOTS, Affine, Array, Part, Places, normal_row
from constructive.network import Network

_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-40

Terms = list[tuple[int, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """``constant + sum of factor * node`` up to ``doubt``; ``terms`` holds (node, factor)."""

    terms: tuple[tuple[int, float], ...]
    constant: float = 0.0
    doubt: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A curve of the number ``root``."""

    root: int
    curve: Curve


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """Numbers 0..d-1 are the coordinates, number d + i is ``sums[i]``; nodes are sorted by their number.

    ``output`` is the network's one output. Sums refer to nodes of numbers before them.
    """

    dimension: int
    nodes: tuple[Node, ...]
    sums: tuple[Sum, ...]
    output: Sum


@dataclass(slots=True, eq=False)
class _Walk:
    """The state between two layers; lives only inside :func:`decomposed`.

    ``root`` of each unit (-1: a constant), ``rank`` among its root's units, ``fixed`` and ``doubt`` of constants.
    """

    root: Places
    rank: Places
    fixed: Array
    doubt: Array
    parts: dict[int, list[Part]]
    steps: dict[int, Affine | None]
    nodes: list[Node] = field(default_factory=list)
    sums: list[Sum] = field(default_factory=list)


def decomposed(network: Network, intervals: Sequence[Sequence[tuple[float, float]]]) -> Decomposition:
    """Return the network of one output as sums of curves, valid where x_j lies in one of ``intervals[j]``.

    The intervals of a coordinate are disjoint and increasing. Cost: one pass over the nonzeros for each knot that
    they see. Raises ValueError where values exceed the largest double.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    >>> whole = decomposed(f, [[(-1.0, 2.0)]])
    >>> (whole.nodes[0].curve.knots.tolist(), whole.nodes[0].curve.values.tolist(), whole.output.terms)
    ([-1.0, 0.0, 2.0], [0.5, 0.0, 1.0], ((0, 2.0),))
    """
    d = network.inputs
    walk = _Walk(np.arange(d), np.zeros(d, np.int64), np.zeros(d), np.zeros(d),
                 {j: [Part.identity(a, b) for a, b in intervals[j]] for j in range(d)}, dict.fromkeys(range(d)))
    for k, layer in enumerate(network.layers):
        weight = layer.weight.astype(np.float64)
        bias, doubt = layer.bias.astype(np.float64), np.zeros(layer.outputs)
        if (walk.root < 0).any():
            weight, bias, doubt = _without_constants(weight, bias, walk)
        first, last = _extent(weight, walk.root)
        if k + 1 == network.depth:
            with np.errstate(over="ignore", invalid="ignore"):
                terms = _node_terms(weight, [0], walk)[0]
            order = np.argsort([node.root for node in walk.nodes], kind="stable")
            place = np.empty(order.size, int)
            place[order] = np.arange(order.size)
            return Decomposition(
                d, tuple(walk.nodes[i] for i in order.tolist()),
                tuple(_moved(each, place) for each in walk.sums),
                _moved(Sum(tuple(terms), float(bias[0]), float(doubt[0])), place))
        with np.errstate(over="ignore", invalid="ignore"):  # refused where a curve is made of it
            _step(weight, bias, doubt, first, last, walk, d)
    raise AssertionError("a network has a last layer")


def _moved(total: Sum, place: Any) -> Sum:
    return Sum(tuple((int(place[node]), factor) for node, factor in total.terms), total.constant, total.doubt)


def _without_constants(weight: sparse.csr_array, bias: Array, walk: _Walk) -> tuple[sparse.csr_array, Array, Array]:
    """Return the map with constant units' shares moved into the bias, and what is not known of that bias."""
    constant = walk.root < 0
    fixed, size = np.where(constant, walk.fixed, 0.0), abs(weight)
    terms = np.diff(weight.indptr)
    moved = weight @ fixed + bias
    total = size @ np.abs(fixed) + np.abs(bias)
    touched = (size @ constant.astype(np.float64)) > 0
    doubt = (size @ np.where(constant, walk.doubt, 0.0) + (terms + 4) * 2 * _UNIT * total) * _UP
    rest = weight.copy()
    rest.data = np.where(constant[weight.indices], 0.0, weight.data)
    rest.eliminate_zeros()
    return rest, np.where(touched, moved, bias), np.where(touched, doubt, 0.0)


def _extent(weight: sparse.csr_array, root: Places) -> tuple[Places, Places]:
    """Return the first and the last root that each row reads; (-1, -1) for rows that read nothing."""
    rows = np.flatnonzero(np.diff(weight.indptr))
    first, last = (np.full(weight.shape[0], -1, np.int64) for _ in range(2))
    if rows.size:
        read = root[weight.indices]
        first[rows] = np.minimum.reduceat(read, weight.indptr[rows])
        last[rows] = np.maximum.reduceat(read, weight.indptr[rows])
    return first, last


def _step(weight: sparse.csr_array, bias: Array, doubt: Array, first: Places, last: Places, walk: _Walk,
          d: int) -> None:
    """Carry the walk through one affine map and its ReLU."""
    n = weight.shape[0]
    root, rank = first.copy(), np.zeros(n, np.int64)
    new: dict[int, tuple[Affine | None, list[Part]]] = {}
    for old in np.unique(first[(first == last) & (first >= 0)]).tolist():
        rows = np.flatnonzero((first == old) & (last == old))
        rank[rows] = np.arange(rows.size)
        new[old] = _advanced(_own(weight, rows, old, walk), bias[rows], doubt[rows], walk.parts[old], walk.steps[old])
    many = np.flatnonzero(first < last)
    if many.size:
        _open_roots(weight, bias, doubt, many, walk, d, root, rank, new)
    constant = root < 0
    walk.fixed = np.where(constant, np.maximum(bias, 0.0), 0.0)
    walk.doubt = np.where(constant, doubt, 0.0)
    walk.root, walk.rank = root, rank
    walk.steps = {number: step for number, (step, _) in new.items()}
    walk.parts = {number: parts for number, (_, parts) in new.items()}


def _own(weight: sparse.csr_array, rows: Places, root: int, walk: _Walk) -> sparse.csr_array:
    """Return the rows as a map of the units of one root, which are all that they read."""
    picked = weight[rows]
    units = int(np.count_nonzero(walk.root == root))
    return sparse.csr_array((picked.data, walk.rank[picked.indices], picked.indptr), shape=(rows.size, units))


def _advanced(weight: sparse.csr_array, bias: Array, doubt: Array, parts: list[Part],
              before: Affine | None) -> tuple[Affine | None, list[Part]]:
    """Return the units of the next layer that read the same root, and the map that makes them (None: exactly)."""
    if weight.shape[1] == 1 and all(_is_identity(part) for part in parts):
        factors = weight.toarray()[:, 0]
        if (np.frexp(np.abs(factors))[0] == 0.5).all():
            return None, [piece for whole in parts for part in whole.line(factors, bias, doubt).split()
                          for piece in part.relu(MOST_KNOTS)]
    step = Affine.of(weight, bias, doubt, before)
    room = MOST_KNOTS - sum(part.knots.size for part in parts)
    out: list[Part] = []
    for whole in parts:
        for part in whole.pieces(bias.size):
            new = [piece for cut in part.image(step, rectified=True).split() for piece in cut.relu(room)]
            room -= sum(each.knots.size for each in new) - part.knots.size
            out.extend(new)
    return step, out


def _is_identity(part: Part) -> bool:
    return (part.knots.size == 2 and part.alive.size == 1 and float(part.error[0]) == 0.0
            and bool((part.values[0] == part.knots).all()))


def _open_roots(weight: sparse.csr_array, bias: Array, doubt: Array, rows: Places, walk: _Walk, d: int,
                root: Places, rank: Places, new: dict[int, tuple[Affine | None, list[Part]]]) -> None:
    """Give the rows that read several roots a root each, proportional rows the same one."""
    groups: dict[tuple[bytes, bytes], list[tuple[int, float]]] = {}
    for row in rows.tolist():
        span = slice(weight.indptr[row], weight.indptr[row + 1])
        data, scale = normal_row(weight.data[span])
        groups.setdefault((weight.indices[span].tobytes(), data.tobytes()), []).append((row, scale))
    leaders = [members[0][0] for members in groups.values()]
    for members, terms in zip(groups.values(), _node_terms(weight, leaders, walk), strict=True):
        number = d + len(walk.sums)
        walk.sums.append(Sum(tuple(terms)))
        mine = np.array([row for row, _ in members])
        factors = np.array([scale for _, scale in members]) / members[0][1]
        root[mine], rank[mine] = number, np.arange(mine.size)
        part = Part.identity(*_range(terms, walk.nodes))
        new[number] = _advanced(sparse.csr_array(factors[:, None]), bias[mine], doubt[mine], [part], None)


def _range(terms: Terms, nodes: list[Node]) -> tuple[float, float]:
    low = high = size = 0.0
    for node, factor in terms:
        a, b = nodes[node].curve.range
        low, high = low + min(factor * a, factor * b), high + max(factor * a, factor * b)
        size += abs(factor) * max(abs(a), abs(b))
    slack = (2 * len(terms) + 4) * _UNIT * size * 2
    return low - slack, high + slack


def _node_terms(weight: sparse.csr_array, rows: list[int], walk: _Walk) -> list[Terms]:
    """Return the given rows as sums of nodes, adding the nodes to the walk.

    What a row reads of a root with one unit is a multiple of that unit; of several, their sum is one curve, in which
    nothing of their correlation is lost.
    """
    wanted: dict[int, dict[tuple[bytes, bytes], int]] = {}
    uses: list[list[tuple[int, int, float]]] = []
    samples: dict[int, list[tuple[Any, Array]]] = {}
    for row in rows:
        span = slice(weight.indptr[row], weight.indptr[row + 1])
        units, data = weight.indices[span], weight.data[span]
        read = walk.root[units]
        order = np.argsort(read, kind="stable")
        starts = np.flatnonzero(np.diff(read[order], prepend=-2))
        use = []
        for a, b in zip(starts.tolist(), np.append(starts[1:], order.size).tolist(), strict=False):
            picked = order[a:b]
            root = int(read[picked[0]])
            normal, scale = (np.ones(1), float(data[picked[0]])) if b - a == 1 else normal_row(data[picked])
            ranks = walk.rank[units[picked]]
            known = wanted.setdefault(root, {})
            key = (ranks.tobytes(), normal.tobytes())
            if key not in known:
                known[key] = len(known)
                samples.setdefault(root, []).append((ranks, normal))
            use.append((root, known[key], scale))
        uses.append(use)
    starts_of: dict[int, int] = {}
    for root, maps in samples.items():
        starts_of[root] = len(walk.nodes)
        walk.nodes.extend(Node(root, curve) for curve in _curves_of(maps, root, walk))
    return [[(starts_of[root] + index, scale) for root, index, scale in use] for use in uses]


def _curves_of(maps: list[tuple[Any, Array]], root: int, walk: _Walk) -> list[Curve]:
    units = int(np.count_nonzero(walk.root == root))
    pointer = np.cumsum([0, *[ranks.size for ranks, _ in maps]])
    weight = sparse.csr_array((np.concatenate([data for _, data in maps]),
                               np.concatenate([ranks for ranks, _ in maps]), pointer), shape=(len(maps), units))
    none = np.zeros(len(maps))
    return curves(walk.parts[root], Affine.of(weight, none, none, walk.steps[root]))
