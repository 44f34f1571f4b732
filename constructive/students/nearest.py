"""The nearest neighbor as a ReLU network: the memorizer with the smallest Lipschitz constant there is.

``f = clip((D- - D+) / (sep - 2 r), -1, 1)``, where D+ and D- are the distances to the nearest datum of the upper and
of the lower class. On a ball of radius r round a datum of the upper class D+ <= r and D- >= sep - r, so f = 1 there,
and likewise -1. Distances are 1-Lipschitz, so f has the constant 2 / (sep - 2 r); any function that is +-1 on the balls
must rise by 2 between two of them that are sep - 2 r apart. Its sign is right on every ball of radius below sep / 2
whatever r it was built for.

Data flow, layer by layer, in values known not to be negative (*forms*, sums of one or two units):
``|x_j - c_j|`` from two units; the largest of d of them by halving, ``max(f, g) = f + relu(g - f)`` (l_1: one unit,
their sum); the smallest over a class by halving, ``min(f, g) = f - relu(f - g)``; then the clip, in two units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from constructive._checks import as_norm, as_number, as_points
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.students.data import closest_rivals, distinct_data, require_radius
from constructive.students.memorizer import Memorizer, Shape, kept, two_classes

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
_WHO = "nearest_network"
_UNIT = 2.0**-53


def nearest_network(X: ArrayLike, y: Any, *, radius: float, norm: float = math.inf) -> Memorizer:
    """Return the network ``clip((D- - D+) / (separation - 2 radius), -1, 1)``, +-1 on the balls of two classes.

    X (n, d) finite, y (n,) of at most two classes, ``norm`` inf or 1, radius in [0, separation / 2). In real
    arithmetic the values on the balls are exactly +-1 and the Lipschitz constant in that norm is 2 c, with c the
    smallest double >= 1 / (separation - 2 radius): the least that any such function can have, up to that rounding. In
    floating point the sign is right on the balls, the value within rounding of it.

    Size for n distinct data, both classes and d powers of two: ``10 d n - 3`` nonzeros (l_1, d >= 2: ``6 d n + 4.5 n
    - 3``), less 2 for each coordinate that is 0; depth ``4 + ceil(log2 d) + ceil(log2 max(n+, n-))`` (l_1: the second
    term is 1 for d >= 2); in general by the recursion in ``shape``. With one class the network is constant. Raises
    TypeError or ValueError naming the argument, the rule and the pair that stands in the way, or if separation - 2
    radius is so small that doubles cannot tell. Source: arXiv:2401.13624 for the setting; the network is ours, after
    published nearest-neighbor classifiers (D- - D+) / (2 r).

    >>> member = nearest_network([[0.25], [0.75]], [0, 1], radius=0.125)
    >>> member([[0.25], [0.5], [0.625]]).ravel().tolist(), member.slope
    ([-1.0, 0.0, 1.0], 8.0)
    """
    points = as_points(X, _WHO)
    labels = clean_labels(y, points.shape[0], who=_WHO, task="classification")
    two_classes(labels, _WHO)
    size, p = as_number(radius, _WHO, "radius", at_least=0.0), as_norm(norm, _WHO)
    if p == 2.0:
        raise ValueError(f"{_WHO}: norm=2 has no exact distance in ReLUs; pass norm=inf or norm=1, or use memorize "
                         "with norm=2")
    rows = distinct_data(points, labels, _WHO)
    require_radius(points, labels, size, p, p, _WHO)
    found = closest_rivals(points, labels, p, _WHO)
    signs = labels.scores[rows]
    if found is None:
        network = Network.build([(np.zeros((1, points.shape[1])), signs[:1])])
        return Memorizer("nearest neighbor", network, kept(points), kept(y), labels, size, p, Shape(1, 0, 0, 1), 0.0)
    steepness = _steepness(found[1] - 2 * Fraction(size), points, size, p)
    centers = np.concatenate([points[rows[signs > 0]], points[rows[signs < 0]]])
    upper = int((signs > 0).sum())
    shape = nearest_shape(points.shape[1], upper, rows.size - upper, p, int((centers == 0).sum()))
    return Memorizer("nearest neighbor", _network(centers, upper, p, steepness), kept(points), kept(y), labels, size,
                     p, shape, 2 * steepness)


def closest_secant(member: Memorizer) -> tuple[Fraction, Fraction]:
    """Return rise and run of a nearest-neighbor member between the balls of its closest conflicting pair, exactly.

    The rise is 2 and the run ``separation - 2 radius``, so that no function that is +-1 on the balls has a smaller
    constant than rise / run. Raises ValueError if all data have one label.
    """
    found = closest_rivals(member.X, member.labels, member.norm, "closest_secant")
    if found is None:
        raise ValueError("closest_secant: all data have one label; pass data of two classes")
    (i, k), apart = found
    ends = []
    for start, stop in ((i, k), (k, i)):
        share = Fraction(member.radius) / apart
        ends.append([Fraction(a) + share * (Fraction(b) - Fraction(a))
                     for a, b in zip(member.X[start].tolist(), member.X[stop].tolist(), strict=True)])
    gaps = [abs(a - b) for a, b in zip(*ends, strict=True)]
    run = max(gaps) if member.norm == math.inf else sum(gaps, Fraction(0))
    return abs(member.network.exact(ends[0])[0] - member.network.exact(ends[1])[0]), run


def _steepness(free: Fraction, points: Array, radius: float, norm: float) -> float:
    """Return the smallest double >= 1 / free; ValueError where rounding might turn a sign on a ball.

    Each of at most ``depth`` layers adds up to four values of size M, an error of at most 8 u M to each form, which the
    next layer does not double: f + (g - f) takes f back. The sum of l_1 adds another 2 d u M; M bounds every distance
    from a point of a ball. Half of what is free must remain.
    """
    spread = np.ptp(points, axis=0)
    most = float(spread.max() if norm == math.inf else spread.sum()) + 2 * radius
    depth = 8 + sum(math.ceil(math.log2(k)) for k in points.shape)
    if float(free) <= 32 * (depth + points.shape[1]) * _UNIT * most:
        raise ValueError(f"{_WHO}: separation - 2 radius = {float(free)!r} is within rounding of distances up to "
                         f"{most!r}; pass a smaller radius")
    if free < Fraction(1, 2**1000):
        raise ValueError(f"{_WHO}: separation - 2 radius = {float(free)!r} has no reciprocal in doubles; rescale the "
                         "data")
    near = float(1 / free)
    return near if Fraction(near) * free >= 1 else math.nextafter(near, math.inf)


def nearest_shape(d: int, upper: int, lower: int, norm: float, zeros: int = 0) -> Shape:
    """Return the size by recursion over prices: how many units a form reads, for one datum, then for each class.

    ``zeros``: coordinates of distinct data that are exactly 0.
    """
    n = upper + lower
    tally = _Tally(nonzeros=4 * d * n - 2 * zeros, widths=[2 * d * n])
    prices = [2] * d
    if norm == 1.0 and d > 1:
        tally.add(2 * d * n, n)
        prices = [1]
    while len(prices) > 1:
        nonzeros, units, prices = _halved(prices)
        tally.add(nonzeros * n, units * n)
    classes = [prices * upper, prices * lower]
    while max(map(len, classes)) > 1:
        halves = [_halved(c) for c in classes]
        tally.add(sum(h[0] for h in halves), sum(h[1] for h in halves))
        classes = [h[2] for h in halves]
    tally.add(sum(c[0] for c in classes) + 1, 1)
    tally.add(2, 1)
    return Shape(len(tally.widths) + 1, max(tally.widths), sum(tally.widths), tally.nonzeros + 2)


@dataclass(slots=True, eq=False)
class _Tally:
    nonzeros: int
    widths: list[int]

    def add(self, nonzeros: int, units: int) -> None:
        self.nonzeros += nonzeros
        self.widths.append(units)


def _halved(prices: list[int]) -> tuple[int, int, list[int]]:
    """Return nonzeros, units and the new prices when neighbors are paired: f again and f - g, two units a pair.

    A form without a partner goes first, as one unit, where being read twice costs least.
    """
    odd = len(prices) % 2
    pairs = list(zip(prices[:len(prices) - odd:2], prices[1::2], strict=False))
    rest = prices[len(prices) - odd:]
    return sum(2 * f + g for f, g in pairs) + sum(rest), 2 * len(pairs) + len(rest), [1] * odd + [2] * len(pairs)


def _network(centers: Array, upper: int, norm: float, steepness: float) -> Network:
    """Return the weights; centers (n, d), the first ``upper`` of them of the upper class."""
    n, d = centers.shape
    column = np.tile(np.repeat(np.arange(d), 2), n)
    sign = np.tile([1.0, -1.0], n * d)
    first = sparse.csr_array((sign, column, np.arange(2 * n * d + 1)), shape=(2 * n * d, d))
    layers = [Layer.build(first, -sign * np.repeat(centers.reshape(-1), 2))]
    forms = sparse.csr_array(sparse.kron(sparse.eye_array(n * d), np.ones((1, 2))))  # |x_j - c_ij|, datum after datum
    if norm == 1.0 and d > 1:
        layers.append(Layer.build(sparse.kron(sparse.eye_array(n), np.ones((1, 2 * d)))))
        forms = sparse.eye_array(n, format="csr")
        counts = [1] * n
    else:
        counts = [d] * n
    while max(counts) > 1:
        layer, forms, counts = _level(forms, counts, largest=True)
        layers.append(layer)
    counts = [upper, n - upper]
    while max(counts) > 1:
        layer, forms, counts = _level(forms, counts, largest=False)
        layers.append(layer)
    layers.append(Layer.build(steepness * (forms[[1]] - forms[[0]]), [1.0]))
    return Network((*layers, Layer.build([[-1.0]], [2.0]), Layer.build([[-1.0]], [1.0])))


def _level(forms: sparse.csr_array, counts: list[int], *, largest: bool) -> tuple[Layer, sparse.csr_array, list[int]]:
    """Return one halving: the layer, the new forms in its units, how many are left of each run of ``counts`` forms."""
    starts = np.concatenate([[0], np.cumsum(counts)])
    alone, f, g, halves = [], [], [], []
    for start, count in zip(starts[:-1].tolist(), counts, strict=True):
        paired = count - count % 2
        f.append(np.arange(start, start + paired, 2))
        g.append(np.arange(start + 1, start + paired, 2))
        if count % 2:
            alone.append(start + count - 1)
        halves.append(count // 2 + count % 2)
    one, two, rest = np.concatenate(f), np.concatenate(g), np.array(alone, np.int64)
    more = forms[two] - forms[one] if largest else forms[one] - forms[two]
    layer = Layer.build(sparse.vstack([forms[one], more, forms[rest]] if rest.size else [forms[one], more]))
    return layer, _joined(counts, one.size, rest.size, 1.0 if largest else -1.0), halves


def _joined(counts: list[int], pairs: int, alone: int, sign: float) -> sparse.csr_array:
    """Return the new forms: unit k and sign times unit pairs + k for pair k; a single unit, first in its run, else."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    row, pair, single = 0, 0, 0
    for count in counts:
        if count % 2:
            rows.append(row)
            columns.append(2 * pairs + single)
            values.append(1.0)
            row, single = row + 1, single + 1
        for _ in range(count // 2):
            rows += [row, row]
            columns += [pair, pairs + pair]
            values += [1.0, sign]
            row, pair = row + 1, pair + 1
    return sparse.csr_array((values, (rows, columns)), shape=(row, 2 * pairs + alone))
