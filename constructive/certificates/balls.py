"""Bounds over whole l_1 and l_2 balls, read from the weights alone.

Data flow: weights -> the units that bumps on balls are made of (read by a bump as its only input) -> their values at
each ball's center, computed and enclosed -> a Lipschitz constant in the ball's norm, from the weights in front of
them -> value +- constant times radius -> interval propagation through the rows behind. Every other unit is bounded
over the box that contains the ball. Which units are chosen only decides how tight the bounds are, never whether they
hold.

Lipschitz constants. l_1: the slope of a ReLU is between 0 and 1, so that each partial derivative of a second-layer unit
is in an interval; the largest end is the constant. l_2: two units with opposite weights and biases that every reader
reads alike are one absolute value, read with opposite signs one linear value; what is left in front of a unit is a
chain of matrices with 1-Lipschitz maps between them, and the constant is the product of their spectral norms, each
bounded by ``||A A^T||_inf^(1/2)``. Rounding in floating point is bounded along the same chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from constructive.certificates.enclosure import cleaned_boxes, layer_bounds
from constructive.domain import outward_boxes
from constructive.network import Layer, Network

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_BLOCK_NUMBERS = 1 << 21
"""Numbers in one array of unit values: some arrays of 16 MiB at a time."""
_WIDER = 1.0 + 2.0**-46
"""Room for the rounding of a few of our own operations."""


def ball_bounds(network: Network, centers: ArrayLike, radius: float,
                norm: float) -> tuple[Array, Array] | None:
    """Return bounds (low, high), each (N, m), of the executed network over N closed balls in the norm 1 or 2.

    For every floating-point x in the ball of the center and every value y that a machine with correctly rounded +,
    x and fused multiply-add can return at x, ``low <= y <= high``, in any order of summation. In the
    real network the units in front keep to these bounds too, the rows behind only up to their own rounding. None if
    no unit looks like a bump on a ball, or if the norm is neither 1 nor 2.
    Cost: about the network's nonzeros for each center. Raises ValueError for centers of a wrong shape.
    """
    points = np.atleast_2d(np.asarray(centers, dtype=np.float64))
    found = _ball_units(network)
    if found is None or norm not in (1.0, 2.0) or (norm == 1.0 and found[0] != 1):
        return None
    k, units = found
    low, high = cleaned_boxes("ball_bounds", network, *outward_boxes(points, radius))
    near = _near_l1(network, units, radius * _WIDER) if norm == 1.0 else _near_l2(network, k, units, points, radius)
    single = network.dtype == np.float32
    behind = Network(network.layers[k + 1:])
    out = np.empty((points.shape[0], network.outputs)), np.empty((points.shape[0], network.outputs))
    widest = max(layer.outputs for layer in network.layers)
    for start in range(0, points.shape[0], block := max(1, _BLOCK_NUMBERS // widest)):
        rows = slice(start, start + block)
        middle, spread = near(points[rows])
        ends = _fronts(network, k, units, low[rows], high[rows])
        ends[0][units] = np.maximum(-_up(spread - middle, single).T, 0.0)
        ends[1][units] = np.maximum(_up(middle + spread, single).T, 0.0)
        bounds = layer_bounds(behind, ends[0].T, ends[1].T)[-1]
        out[0][rows], out[1][rows] = bounds[0].T, bounds[1].T
    return out


def _up(values: Array, single: bool) -> Array:
    """Return numbers of the format >= values: the machine's value is one, so its bound may be one."""
    values = np.nextafter(values, np.inf)
    if not single:
        return values
    near = values.astype(np.float32)
    return np.where(near < values, np.nextafter(near, np.float32(np.inf)), near).astype(np.float64)


def _ball_units(network: Network) -> tuple[int, Numbers] | None:
    """Return a layer k >= 1 and its units that are the only input of a unit with a positive bias, read negatively."""
    best: tuple[int, Numbers] | None = None
    for k in range(1, network.depth - 2):
        layer = network.layers[k + 1]
        single = np.flatnonzero(np.diff(layer.weight.indptr) == 1)
        place = layer.weight.indptr[single]
        bump = (layer.weight.data[place] < 0) & (layer.bias[single] > 0)
        units = np.unique(layer.weight.indices[place[bump]]).astype(np.int64)
        # a unit that reads one unit itself is a gate's, not a sum over coordinates
        units = units[(np.diff(network.layers[k].weight.indptr)[units] > 1) & (network.layers[k].bias[units] <= 0)]
        if units.size and (best is None or units.size > best[1].size):
            best = k, units
    return best


def _fronts(network: Network, k: int, units: Numbers, low: Array, high: Array) -> tuple[Array, Array]:
    """Return bounds (n_k, N) of layer k over boxes, after ReLU; rows of ``units`` are left at [0, inf]."""
    n = network.layers[k].outputs
    out = np.zeros((n, low.shape[0])), np.full((n, low.shape[0]), np.inf)
    others = np.setdiff1d(np.arange(n), units)
    if others.size == 0:
        return out
    layers, rows = [], others
    for j in range(k, -1, -1):
        weight = network.layers[j].weight[rows]
        below = np.unique(weight.indices) if weight.nnz else np.zeros(1, np.int64)
        layers.append(Layer.build(weight if j == 0 else weight[:, below], network.layers[j].bias[rows],
                                  network.dtype))
        rows = below
    bounds = layer_bounds(Network(tuple(reversed(layers))), low, high)[-1]
    out[0][others], out[1][others] = np.maximum(bounds[0], 0.0), np.maximum(bounds[1], 0.0)
    return out


# -- l_1 ----------------------------------------------------------------------------------------------------------


def _near_l1(network: Network, units: Numbers, reach: float) -> Callable[[Array], tuple[Array, Array]]:
    """Return the map from centers (N, d) to values of second-layer units there and how far off they may be nearby."""
    first, second = network.layers[0], network.layers[1]
    unit = _unit(network)
    inner, outer = first.weight.astype(np.float64), second.weight[units].astype(np.float64)
    offset, base = first.bias.astype(np.float64), second.bias[units].astype(np.float64)
    # one weight of size 1 and one bias: the only rounding is that of their sum, relative to the result
    plain = (np.diff(first.weight.indptr) == 1) & (np.abs(first.weight.data[_first_entry(first)]) == 1.0)
    terms, count = np.diff(first.weight.indptr) + 3, np.diff(outer.indptr) + 3
    read, sizes = abs(outer), abs(inner)
    moves = sizes.max(axis=1).toarray().reshape(-1) * reach  # of a first-layer unit over the ball, at most
    slope, mass_slope = _gradient(inner, outer), _gradient(inner, read)
    room = _room(int(count.max()))

    def near(points: Array) -> tuple[Array, Array]:
        before = (inner @ points.T).T + offset
        size = (sizes @ np.abs(points).T).T + np.abs(offset)
        hidden = np.maximum(before, 0.0)
        grown = np.maximum(before + moves, 0.0) * _WIDER  # the largest value over the ball
        local = np.where(plain, 2 * unit * grown, terms * unit * (size + moves))
        ours = np.where(plain, 2.0**-52 * np.abs(before), 2.0**-52 * terms * size)
        middle = (outer @ hidden.T).T + base
        # terms that are positive together over the ball: their sum moves by at most the gradient bound
        mass = (read @ (hidden + ours).T).T + mass_slope * reach + np.abs(base)
        error = ((read @ (local + ours).T).T + count * (unit + 2.0**-52) * mass) * room
        return middle, (slope * reach + error * _WIDER) * _WIDER

    return near


def _first_entry(layer: Layer) -> Numbers:
    return np.minimum(layer.weight.indptr[:-1], max(layer.weight.nnz - 1, 0)).astype(np.int64)


def _gradient(inner: Any, outer: Any) -> Array:
    """Return the l_1 Lipschitz constant (units,) of ``outer relu(inner x + b)``.

    Each partial derivative is a sum over first-layer units of outer weight x slope in [0, 1] x inner weight.
    """
    up, down = outer.maximum(0), (-outer).maximum(0)
    right, left = inner.maximum(0), (-inner).maximum(0)
    most = (up @ right + down @ left).max(axis=1)
    least = (up @ left + down @ right).max(axis=1)
    terms = int(np.diff(outer.indptr).max(initial=0)) + int(np.diff(inner.indptr).max(initial=0))
    return np.maximum(most.toarray().reshape(-1), least.toarray().reshape(-1)) * _room(terms)


# -- l_2 ----------------------------------------------------------------------------------------------------------


def _near_l2(network: Network, k: int, units: Numbers, points: Array,
             radius: float) -> Callable[[Array], tuple[Array, Array]]:
    """Return the map from centers to values of units of layer k there and how far off they may be nearby."""
    folded = _folded(network, k, units)
    length = float(np.linalg.norm(points, axis=1).max(initial=0.0)) * _WIDER + radius
    constant, ours = _chain(folded, length, 2.0**-53)
    error = ours if network.dtype == np.float64 else _chain(folded, length, 2.0**-24)[1]
    spread = (constant * radius * _WIDER + ours + error) * _WIDER
    weights = [layer.weight.astype(np.float64) for layer in network.layers[:k]]
    last = network.layers[k]
    outer, base = last.weight[units].astype(np.float64), last.bias[units].astype(np.float64)

    def near(centers: Array) -> tuple[Array, Array]:
        values = np.ascontiguousarray(centers.T)
        for weight, layer in zip(weights, network.layers[:k], strict=True):
            values = np.maximum(weight @ values + layer.bias[:, None].astype(np.float64), 0.0)
        middle = (outer @ values).T + base
        return middle, np.broadcast_to(spread, middle.shape)

    return near


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """One affine map of the folded chain: its rows, the target each row works for (-1: several), terms and bias."""

    weight: sparse.csr_array
    owner: Numbers
    bias: Array
    terms: int


def _folded(network: Network, k: int, units: Numbers) -> list[_Map]:
    """Return the maps in front of the units, absolute values and linear values taken together, first map first."""
    rows, owner = units, np.arange(units.size)
    weight = network.layers[k].weight[rows].astype(np.float64)
    maps = [_Map(weight, owner, network.layers[k].bias[rows].astype(np.float64), int(np.diff(weight.indptr).max()))]
    columns = np.arange(network.layers[k].inputs)
    for j in range(k - 1, -1, -1):
        below = network.layers[j]
        weight, columns, owner = _read_by(maps[-1], columns)
        pairs = _opposites(below, columns, owner)
        keep, weight = _together(weight, pairs)
        maps[-1] = _Map(weight, maps[-1].owner, maps[-1].bias, 2 * maps[-1].terms)
        columns, owner = columns[keep], owner[keep]
        inner = below.weight[columns].astype(np.float64)
        maps.append(_Map(inner, owner, below.bias[columns].astype(np.float64), int(np.diff(inner.indptr).max())))
        columns = np.arange(below.inputs)
    return maps[::-1]


def _read_by(outer: _Map, columns: Numbers) -> tuple[sparse.csr_array, Numbers, Numbers]:
    """Return the map on the columns that it reads, those columns, and whose they are (-1: of several targets)."""
    entries = outer.weight.tocoo()
    used, place = np.unique(entries.col, return_inverse=True)
    lowest, highest = np.full(used.size, np.iinfo(np.int64).max), np.full(used.size, -2)
    owner = outer.owner[entries.row]
    np.minimum.at(lowest, place, owner)
    np.maximum.at(highest, place, owner)
    whose = np.where((lowest == highest) & (lowest >= 0), lowest, -1)
    return outer.weight[:, used], columns[used], whose


def _opposites(layer: Layer, rows: Numbers, owner: Numbers) -> NDArray[np.int64]:
    """Return pairs (p, 2) of places in ``rows`` whose weights and biases are exactly opposite, of one owner."""
    if rows.size < 2:
        return np.empty((0, 2), np.int64)
    weight = layer.weight[rows].astype(np.float64)
    bias = layer.bias[rows].astype(np.float64)
    # sums that agree up to sign are found by sorting; which pairs really are opposite is decided exactly below
    probe = np.random.default_rng(0).random(weight.shape[1] + 1)
    key = np.abs(weight @ probe[:-1] + bias * probe[-1])
    order = np.lexsort((key, owner))
    a, b = order[:-1], order[1:]
    both = weight[a] + weight[b]
    both.eliminate_zeros()
    match = (np.diff(both.indptr) == 0) & (bias[a] + bias[b] == 0) & (owner[a] == owner[b])
    match &= np.diff(weight.indptr)[a] > 0
    starts = np.flatnonzero(match)
    taken, pairs = -1, []
    for s in starts.tolist():  # no unit in two pairs
        if s > taken:
            pairs.append((int(a[s]), int(b[s])))
            taken = s + 1
    return np.array(pairs, np.int64).reshape(-1, 2)


def _together(weight: sparse.csr_array, pairs: NDArray[np.int64]) -> tuple[Numbers, sparse.csr_array]:
    """Return the columns to keep, and the map on them: a pair read alike or oppositely by all is one column."""
    keep = np.ones(weight.shape[1], bool)
    if pairs.size:
        columns = weight.tocsc()
        alike = columns[:, pairs[:, 0]] - columns[:, pairs[:, 1]]
        opposite = columns[:, pairs[:, 0]] + columns[:, pairs[:, 1]]
        alike.eliminate_zeros()
        opposite.eliminate_zeros()
        one = (np.diff(alike.indptr) == 0) | (np.diff(opposite.indptr) == 0)
        keep[pairs[one, 1]] = False
    kept = np.flatnonzero(keep)
    return kept, weight[:, kept]


def _chain(maps: list[_Map], length: float, unit: float) -> tuple[Array, Array]:
    """Return Lipschitz constants (targets,) of the chain, and bounds on the rounding error of its execution.

    ``length`` bounds the norm of the input. Along the chain the norm of a target's values grows by at most the
    spectral norm and the bias; each stored sum errs by at most ``terms u`` times the sum of its terms' sizes, twice
    that for a value that two units hold.
    """
    targets = int(maps[-1].owner.max()) + 1
    constant, size, error = np.ones(targets), np.full(targets, length), np.zeros(targets)
    for part in maps:
        norm, rough = _norms(part, targets, part.weight), _norms(part, targets, abs(part.weight))
        bias = (_by_owner(part, part.bias**2, targets, add=True) * _room(part.bias.size)) ** 0.5
        local = 2 * (part.terms + 3) * unit * (rough * (size + error) + bias)
        error = norm * error + local
        size = norm * size + bias
        constant = constant * norm
    return constant * _WIDER, error * _WIDER


def _norms(part: _Map, targets: int, weight: sparse.csr_array) -> Array:
    """Return for each target a bound on the spectral norm of its rows, those of several targets added to each.

    ``||A||^2 <= ||A A^T||_inf``; the columns are told apart by owner first, so that only rows of one owner meet.
    """
    entries = weight.tocoo()
    own = part.owner[entries.row] + 1  # 0: shared
    wide = sparse.csr_array((entries.data, (entries.row, entries.col.astype(np.int64) + own * weight.shape[1])),
                            shape=(weight.shape[0], weight.shape[1] * (targets + 1)))
    sums = np.asarray(abs(wide @ wide.T).sum(axis=1)).reshape(-1)
    return np.sqrt(_by_owner(part, sums, targets, add=False) * _room(part.terms**2 + weight.shape[0] // targets))


def _by_owner(part: _Map, values: Array, targets: int, *, add: bool) -> Array:
    """Return for each target the sum or the largest of its rows' values, plus that of the shared rows."""
    out = np.zeros(targets + 1)
    (np.add if add else np.maximum).at(out, part.owner + 1, values)
    return out[1:] + out[0]


def _room(terms: int) -> float:
    """Return a factor that covers the rounding of our own sums of that many products, in any order."""
    return 1.0 + (terms + 64) * 2.0**-51


def _unit(network: Network) -> float:
    return 2.0**-24 if network.dtype == np.float32 else 2.0**-53
