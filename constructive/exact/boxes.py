"""What an integer network does on l_inf balls, exactly: proved from its weights, by cutting boxes and intervals.

Data flow: balls -> boxes -> bounds. The first two layers are taken together: on a box where no first-layer unit changes
sign, a second-layer sum is affine, and its range is exact however much its terms cancel. From there on intervals, in
integers. Where they do not decide, a box is cut at the sign change of the first-layer unit that weighs most. Parts of
the network that share no unit before the last layers are bounded one by one, so that cuts for one do not multiply with
those for another.

Nothing here is told how the network was built. Made for grids: a cell is a box without a sign change, a ramp is gated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from constructive._checks import as_count, as_points
from constructive.evidence import Verdict
from constructive.exact.network import IntegerLayer, IntegerNetwork, Integers, over_common_denominator
from constructive.exact.radii import as_radius

Bounds = tuple[list[Integers], list[Integers]]
"""Lower and upper ends of some units, one array over all boxes each."""

_BATCH = 1 << 12


@dataclass(frozen=True, slots=True, eq=False)
class BoxProof:
    """Which of the closed l_inf balls have the wanted outputs everywhere.

    ``claim`` as in :func:`certify_on_boxes`; ``wrong``: data whose ball holds a point with another output, found;
    ``open``: data not decided within the budget; ``pieces``: boxes looked at in all.
    """

    claim: str
    radius: Fraction
    balls: int
    pieces: int
    wrong: tuple[int, ...]
    open: tuple[int, ...]

    @property
    def verdict(self) -> Verdict:
        """REFUTED if a ball is wrong, UNDECIDED if one is open, else CONFIRMED."""
        return Verdict.REFUTED if self.wrong else Verdict.UNDECIDED if self.open else Verdict.CONFIRMED


def certify_on_boxes(f: IntegerNetwork, X: Any, wanted: Sequence[int], *, radius: Fraction | float | int,
                     claim: str = "value", budget: int = 1 << 14) -> BoxProof:
    """Return on which closed l_inf balls round X (n, d) a network with one output has the wanted one, everywhere.

    ``claim="value"``: equal to ``wanted`` (n,); ``"margin"``: of its sign and at least its modulus. ``budget``: boxes
    for each ball and part of the network. Sound and exact: a ball that is not wrong and not open is proved.
    Raises ValueError for shapes that do not fit.

    >>> tent = IntegerNetwork.build([([[(0, 1)], [(0, 1)], [(0, 1)]], [0, -1, -2]),
    ...                              ([[(0, 1), (1, -2), (2, 1)]], [0])], inputs=1)
    >>> proof = certify_on_boxes(tent, [[-1.0], [4.0], [1.0]], [0, 0, 1], radius=1)
    >>> proof.verdict.value, proof.wrong
    ('refuted', (2,))
    """
    points = as_points(X, "certify_on_boxes", dimension=f.inputs)
    most = as_count(budget, "certify_on_boxes", "budget", at_least=1)
    if claim not in ("value", "margin"):
        raise ValueError(f"certify_on_boxes: claim={claim!r} must be 'value' or 'margin'")
    if f.outputs != 1 or len(wanted) != points.shape[0]:
        raise ValueError(f"certify_on_boxes: needs one output and {points.shape[0]} wanted values, got {f.outputs} "
                         f"and {len(wanted)}")
    r = as_radius(radius, "certify_on_boxes")
    return _Search(f if f.depth > 1 else f.deepen(2), points, wanted, r, claim, most).run()


class _Search:
    """Boxes in integers over one denominator that all cuts share, and the parts of the network."""

    def __init__(self, f: IntegerNetwork, points: NDArray[np.float64], wanted: Sequence[int], radius: Fraction,
                 claim: str, budget: int) -> None:
        middles, denominator = over_common_denominator(points)
        weights = [abs(row[0][1]) for row in f.layers[0].rows if len(row) == 1]
        self.denominator = math.lcm(denominator, radius.denominator, *set(weights))
        reach = int(radius * self.denominator)
        scaled = middles.T * (self.denominator // denominator)
        self.low, self.high = list(scaled - reach), list(scaled + reach)
        self.f, self.wanted, self.radius, self.claim, self.budget = f, wanted, radius, claim, budget
        self.parts, self.top = _parts(f)
        self.pieces = 0

    def run(self) -> BoxProof:
        n = len(self.wanted)
        found = [self._looked_at(part, self.low, self.high) for part in self.parts]
        undecided = [i for i in range(n) if not self._holds(found, i)]
        wrong = [i for i in undecided if self._witness(i)]
        undecided = [i for i in undecided if i not in set(wrong)]
        for p, part in enumerate(self.parts):
            for i in undecided:
                self._refined(part, found[p], i)
            undecided = [i for i in undecided if not self._holds(found, i)]
        return BoxProof(self.claim, self.radius, n, self.pieces, tuple(wrong), tuple(undecided))

    def _looked_at(self, part: _Part, low: list[Integers], high: list[Integers]) -> Bounds:
        self.pieces += low[0].size
        lower, upper, _, _ = part.bounds(low, high, self.denominator)
        return lower, upper

    def _holds(self, found: list[Bounds], i: int) -> bool:
        """Return whether the bounds of all parts on ball i prove the claim."""
        lower = [unit[i:i + 1] for part in found for unit in part[0]]
        upper = [unit[i:i + 1] for part in found for unit in part[1]]
        for k, layer in enumerate(self.top):
            lower, upper = _image(layer, lower, upper, self.denominator)
            if k + 1 < len(self.top):
                lower, upper = _positive(lower), _positive(upper)
        factor = self.f.scale / self.denominator
        low, high, want = factor * lower[0][0], factor * upper[0][0], self.wanted[i]
        if self.claim == "value":
            return bool(low == high == want)
        return bool(low >= want if want > 0 else high <= want)

    def _refined(self, part: _Part, found: Bounds, i: int) -> None:
        """Replace the bounds of a part on ball i by those of the pieces it is cut into."""
        if all(a[i] == b[i] for a, b in zip(*found, strict=True)):
            return
        low, high = [v[i:i + 1] for v in self.low], [v[i:i + 1] for v in self.high]
        hull: list[tuple[Any, Any]] | None = None
        spent = 0
        while low[0].size:
            spent += low[0].size
            lower, upper, axis, at = part.bounds(low, high, self.denominator)
            fixed = np.logical_and.reduce([np.equal(a, b) for a, b in zip(lower, upper, strict=True)]).astype(bool)
            cut = ~fixed & (axis >= 0) & (spent + 2 * low[0].size <= self.budget)
            ended = [(a[~cut].min(initial=math.inf), b[~cut].max(initial=-math.inf))
                     for a, b in zip(lower, upper, strict=True)] if (~cut).any() else None
            if ended is not None:
                hull = ended if hull is None else [(min(a, c), max(b, e))
                                                   for (a, b), (c, e) in zip(hull, ended, strict=True)]
            low, high = _halves(low, high, np.flatnonzero(cut), axis, at)
        self.pieces += spent
        for (a, b), lower_unit, upper_unit in zip(hull or [], *found, strict=True):
            lower_unit[i], upper_unit[i] = a, b

    def _witness(self, i: int) -> bool:
        """Return whether the middle or a corner of ball i has another output; at most 65 points are tried."""
        d = self.f.inputs
        corners = (np.array(list(np.ndindex(*[2] * d))) * 2 - 1 if d <= 6
                   else np.random.default_rng(0).choice([-1, 1], (64, d)))
        signs = np.vstack([np.zeros((1, d), np.int64), corners]).astype(object)
        low, high = (np.array([v[i] for v in ends], object) for ends in (self.low, self.high))
        values = self.f.run((low + high) + signs * (high - low), 2 * self.denominator)[:, 0]
        factor = self.f.scale / (2 * self.denominator)
        want = self.wanted[i]
        return any(factor * v != want if self.claim == "value" else factor * v * want < want * want
                   for v in values.tolist())


def _halves(low: list[Integers], high: list[Integers], rows: NDArray[np.int64], axis: NDArray[np.int64],
            at: Integers) -> tuple[list[Integers], list[Integers]]:
    """Return the boxes ``rows``, each cut in two."""
    new_low, new_high = ([np.concatenate([v[rows], v[rows]]) for v in ends] for ends in (low, high))
    half = np.arange(rows.size)
    for j in range(len(low)):
        mine = half[axis[rows] == j]
        new_high[j][mine], new_low[j][rows.size + mine] = at[rows[mine]], at[rows[mine]]
    return new_low, new_high


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Hidden layers that share no unit with other parts; ``order``: first-layer units of one input, heaviest first."""

    layers: tuple[IntegerLayer, ...]
    order: tuple[int, ...]

    def bounds(self, low: list[Integers], high: list[Integers], denominator: int) -> tuple[
            list[Integers], list[Integers], NDArray[np.int64], Integers]:
        """Return bounds of the last units over boxes, and where to cut each box: coordinate (-1: nowhere) and place."""
        first = self.layers[0]
        bottom, top = _image(first, low, high, denominator)
        axis, at = self._cuts(bottom, top, denominator)
        if len(self.layers) == 1:
            return _positive(bottom), _positive(top), axis, at
        lower, upper = _joint(first, self.layers[1], low, high, bottom, top, denominator)
        for layer in self.layers[2:]:
            lower, upper = _image(layer, _positive(lower), _positive(upper), denominator)
        return _positive(lower), _positive(upper), axis, at

    def _cuts(self, bottom: list[Integers], top: list[Integers],
              denominator: int) -> tuple[NDArray[np.int64], Integers]:
        axis, at = np.full(bottom[0].size, -1, np.int64), np.zeros(bottom[0].size, object)
        for unit in self.order:
            (j, weight), = self.layers[0].rows[unit]
            mixed = ((bottom[unit] < 0) & (top[unit] > 0)).astype(bool) & (axis < 0)
            axis[mixed], at[mixed] = j, -self.layers[0].bias[unit] * denominator // weight
        return axis, at


def _joint(first: IntegerLayer, second: IntegerLayer, low: list[Integers], high: list[Integers],
           bottom: list[Integers], top: list[Integers], denominator: int) -> Bounds:
    """Return bounds of the second layer's sums: units that are on as one affine map, those that change sign apart."""
    on = [(a >= 0).astype(np.int64).astype(object) for a in bottom]
    mixed = [((a < 0) & (b > 0)).astype(np.int64).astype(object) for a, b in zip(bottom, top, strict=True)]
    lower, upper = [], []
    for row, bias in zip(second.rows, second.bias, strict=True):
        least = np.full(low[0].size, bias * denominator, object)
        slopes: dict[int, Any] = {}
        above, below = 0, 0
        for unit, weight in row:
            for j, w in first.rows[unit]:
                slopes[j] = slopes.get(j, 0) + on[unit] * (weight * w)
            least = least + on[unit] * (weight * first.bias[unit] * denominator)
            reach = mixed[unit] * top[unit] * weight
            above, below = above + np.maximum(reach, 0), below + np.minimum(reach, 0)
        most = least + above
        least = least + below
        for j, slope in slopes.items():
            ends = slope * low[j], slope * high[j]
            least, most = least + np.minimum(*ends), most + np.maximum(*ends)
        lower.append(least)
        upper.append(most)
    return lower, upper


def _image(layer: IntegerLayer, low: list[Integers], high: list[Integers], denominator: int) -> Bounds:
    """Return the exact range of each row over intervals."""
    lower, upper = [], []
    for row, bias in zip(layer.rows, layer.bias, strict=True):
        least = most = np.full(low[0].size, bias * denominator, object)
        for j, weight in row:
            least = least + weight * (low[j] if weight > 0 else high[j])
            most = most + weight * (high[j] if weight > 0 else low[j])
        lower.append(least)
        upper.append(most)
    return lower, upper


def _positive(values: list[Integers]) -> list[Integers]:
    return [np.maximum(v, 0) for v in values]


def _parts(f: IntegerNetwork) -> tuple[list[_Part], tuple[IntegerLayer, ...]]:
    """Return the parts of the hidden layers and the layers behind them, split as late as there are several parts."""
    for hidden in range(f.depth - 1, 0, -1):
        owner = _owners(f, hidden)
        count = int(max(part.max() for part in owner)) + 1
        if count > 1 or hidden == max(1, f.depth - 2):
            break
    parts, places = [], []
    for p in range(count):
        layers: list[IntegerLayer] = []
        number = {j: j for j in range(f.inputs)}
        for k in range(hidden):
            layer = f.layers[k]
            units = np.flatnonzero(owner[k] == p).tolist()
            rows = [[(number[j], w) for j, w in layer.rows[unit]] for unit in units]
            layers.append(IntegerLayer.build(rows or [[]], [layer.bias[unit] for unit in units] or [0],
                                             len(number) or 1))
            number = {unit: i for i, unit in enumerate(units)}
        parts.append(_Part(tuple(layers), _heaviest(layers)))
        places += list(number)
    back = {unit: i for i, unit in enumerate(places)}
    join = f.layers[hidden]
    moved = IntegerLayer.build([[(back[j], w) for j, w in row] for row in join.rows], join.bias, len(places))
    return parts, (moved, *f.layers[hidden + 1:])


def _heaviest(layers: Sequence[IntegerLayer]) -> tuple[int, ...]:
    """Return the first-layer units that read one input, by the sum of the weights with which they are read."""
    weight = [0] * layers[0].outputs
    for row in layers[1].rows if len(layers) > 1 else ():
        for unit, w in row:
            weight[unit] += abs(w)
    single = [unit for unit, row in enumerate(layers[0].rows) if len(row) == 1]
    return tuple(sorted(single, key=lambda unit: -weight[unit]))


def _owners(f: IntegerNetwork, hidden: int) -> list[NDArray[np.int64]]:
    """Return for each of the first ``hidden`` layers the number of the part to which each unit belongs.

    Parts without a unit in the last of these layers count to the first part: nothing behind reads them.
    """
    starts = np.cumsum([0, *(layer.outputs for layer in f.layers[:hidden])])
    pairs = [(starts[k] + i, starts[k - 1] + j) for k in range(1, hidden)
             for i, row in enumerate(f.layers[k].rows) for j, _ in row]
    ends = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = sparse.csr_array((np.ones(ends.shape[1], np.int8), (ends[0], ends[1])), shape=(starts[-1], starts[-1]))
    label = connected_components(graph, directed=False)[1]
    read = np.unique(label[starts[-2]:])
    number = np.zeros(label.max() + 1, np.int64)
    number[read] = np.arange(read.size)
    return [number[label[a:b]] for a, b in zip(starts[:-1], starts[1:], strict=True)]
