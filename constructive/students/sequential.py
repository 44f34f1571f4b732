"""One datum after the other: the narrow and deep memorizer, as wide as the input alone asks for.

Where the parallel student has all its bumps side by side, this network carries the input along and looks at one datum
every two layers:

    faces    relu(x_j), relu(x_j - b_ij), relu(a_ij - x_j), the sum so far        width 3 d + 1
    bump     relu(x_j), relu(1 - sum of faces / ramp), the sum so far             width d + 2

Its shape, width 3 d + 1 and depth 2 n + 1, is that of the published memorizer for every radius below half the
separation; the weights are ours. The carried input is moved by a constant where data are negative, so far that what
the carrying ReLU cuts off lies outside every bump: the function is that of the parallel boxes everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from constructive._checks import as_number, as_points
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.students.boxes import Gaps, default_ramp, given_ramp, vanishing
from constructive.students.data import distinct_data, require_radius
from constructive.students.memorizer import Memorizer, Shape, kept, two_classes
from constructive.students.pairs import closest_boxes
from constructive.students.precision import DOUBLE

Array = NDArray[np.float64]
_WHO = "sequential_boxes"


def sequential_boxes(X: ArrayLike, y: Any, *, radius: float, ramp: float | None = None,
                     one_sided: bool = False) -> Memorizer:
    """Return a network of width 3 d + 1 that scores exactly +-1 on the l_inf ball round each datum of two classes.

    X (n, d) finite, y (n,) of at most two classes, radius in [0, separation / 2). Two-sided: ``f = sum_i l_i G_i
    - 2`` with bumps G_i of height 1 and l_i = 3 or 1 for the upper or lower class; -2 off the bumps, and no two of
    them may overlap. ``one_sided`` adds up the bumps of the upper class alone, ``f = 1 - 2 relu(1 - sum G_i)``: -1 off
    the bumps, and they may overlap freely, so that every radius below half the separation will do. Default ramp: half
    the smallest l_1 distance of two boxes of different labels (two-sided: of any two), rounded down to a power of two.

    Size for m >= 2 bumps: ``(8 d + 4) m - 2 d - 1`` nonzeros, depth ``2 m + 1`` (one-sided: 2 nonzeros and one layer
    more), less the thresholds that are 0 and more by the coordinates that had to be moved; all in ``shape``. Exact bit
    for bit, and under interval propagation. Raises TypeError or ValueError naming the argument, the rule and the pair
    that stands in the way. Source: arXiv:2401.13624 for the boxes; the shape is that of published memorizers of depth
    2 n + 1, of which the abstract was read.

    >>> member = sequential_boxes([[0.25], [0.75]], [0, 1], radius=0.125)
    >>> member([[0.375], [0.625]]).ravel().tolist()
    [-1.0, 1.0]
    """
    points = as_points(X, _WHO)
    labels = clean_labels(y, points.shape[0], who=_WHO, task="classification")
    two_classes(labels, _WHO)
    size = as_number(radius, _WHO, "radius", at_least=0.0, at_most=DOUBLE.largest)
    rows = distinct_data(points, labels, _WHO)
    require_radius(points, labels, size, math.inf, math.inf, _WHO)
    gaps = Gaps.of(points, labels.scores, rows, size, DOUBLE, _WHO)
    told = labels.scores[rows]
    first = _width(gaps, gaps.gap, gaps.gap_all, ramp, one_sided)
    shift = _shift(gaps.lower, first)
    lower, upper = _moved(gaps.lower, shift, -1), _moved(gaps.upper, shift, 1)
    width = first
    if shift.any():  # moved boxes are rounded outward once more: nearer by a few units in the last place
        width = _width(gaps, min(gaps.gap, _gap(lower, upper, gaps, True)),
                       min(gaps.gap_all, _gap(lower, upper, gaps, False)), ramp, one_sided)
    served = np.flatnonzero(told > 0) if one_sided else np.arange(rows.size)
    if served.size:
        start = int(served[0])
        lower[start], upper[start] = gaps.lower[start], gaps.upper[start]  # the first bump reads the input itself
    plan = _Plan(lower[served], upper[served], told[served], shift, width, one_sided)
    return Memorizer("sequential boxes", plan.network(points.shape[1]), kept(points), kept(y), labels, size, math.inf,
                     plan.shape(), plan.slope())


def _width(gaps: Gaps, gap: float, gap_all: float, ramp: float | None, one_sided: bool) -> float:
    """Return the given or the default ramp for boxes so far apart."""
    need = vanishing(gaps.lower.shape[1])
    if one_sided:
        least, pair = gap, gaps.pair
    else:
        least, pair = min((gap, gaps.pair), (gap_all, gaps.pair_all), key=lambda found: found[0])
        if gap_all == 0.0 < gap and pair is not None:
            raise ValueError(f"{_WHO}: the two-sided network adds up its bumps, but the boxes of X[{pair[0]}] and "
                             f"X[{pair[1]}], with one label, meet; pass one_sided=True or a smaller radius")
    if least == 0.0 and pair is not None:
        raise ValueError(f"{_WHO}: moved to nonnegative coordinates, the boxes of X[{pair[0]}] and X[{pair[1]}] are "
                         "too close for doubles; move or rescale the data so that all coordinates are positive")
    if ramp is not None:
        return given_ramp(ramp, least, need, pair, DOUBLE, _WHO)
    return default_ramp(least, need, pair, DOUBLE, _WHO)


def _gap(lower: Array, upper: Array, gaps: Gaps, different: bool) -> float:
    distance, _ = closest_boxes(lower, upper, gaps.groups, 1.0, different=different)
    return distance * (1.0 - (lower.shape[1] + 4) * DOUBLE.unit)


def _shift(lower: Array, ramp: float) -> Array:
    """Return (d,) powers of two, or 0, that move every support of a bump to nonnegative coordinates."""
    missing = ramp - lower.min(axis=0)
    return np.where(missing > 0, np.ldexp(1.0, np.frexp(np.maximum(missing, 0.0))[1]), 0.0)


def _moved(values: Array, shift: Array, side: int) -> Array:
    """Return values + shift, rounded down for side -1, up for side +1."""
    total = values + shift
    part = total - values
    lost = (values - (total - part)) + (shift - part)  # the rounding error of the sum, exactly
    return np.where(side * lost > 0, np.nextafter(total, side * np.inf), total)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Boxes (m, d) in the order in which they are looked at, their signs (m,), the shift (d,), the ramp.

    The first box is that of the input itself, all others are moved by the shift.
    """

    lower: Array
    upper: Array
    signs: Array
    shift: Array
    ramp: float
    one_sided: bool

    def network(self, dimension: int) -> Network:
        """Return the weights."""
        m = self.signs.size
        if m == 0:
            return Network.build([(np.zeros((1, dimension)), [-1.0])])
        layers: list[tuple[sparse.csr_array, Array]] = []
        for i in range(m):
            layers += [self._faces(i), self._bump(i)]
        heights = self._heights()
        if self.one_sided:
            row = [-1.0, 1.0][: 1 + (m > 1)]  # the last bump, what the others left
            layers.append((sparse.csr_array([row]), np.array([0.0 if m > 1 else 1.0])))
            layers.append((sparse.csr_array([[-2.0]]), np.ones(1)))
        else:
            row = [heights[-1], 1.0][: 1 + (m > 1)]
            layers.append((sparse.csr_array([row]), np.full(1, -2.0)))
        return Network(tuple(Layer.build(weight, bias) for weight, bias in layers))

    def _heights(self) -> Array:
        return np.where(self.signs > 0, 3.0, 1.0)

    def _faces(self, i: int) -> tuple[sparse.csr_array, Array]:
        """Return the layer of datum i: the input, unless it is the last datum, 2 d faces, the sum of earlier bumps."""
        d, last = self.shift.size, i + 1 == self.signs.size
        eye = sparse.eye_array(d, format="csr")
        rows = [eye] * (not last) + [eye, -eye]
        bias = [self.shift if i == 0 else np.zeros(d)] * (not last) + [-self.upper[i], self.lower[i]]
        if i == 0:
            return sparse.vstack(rows, format="csr"), np.concatenate(bias)
        behind = sparse.csr_array((d, 1 + (i > 1)))  # the bump before, and the sum from the third datum on
        weight = sparse.hstack([sparse.vstack(rows), sparse.vstack([behind] * len(rows))])
        add = [-1.0, 1.0] if self.one_sided else [self._heights()[i - 1], 1.0]
        total = sparse.csr_array(np.concatenate([np.zeros(d), add[: 1 + (i > 1)]])[None, :])
        start = 1.0 if self.one_sided and i == 1 else 0.0
        return sparse.vstack([weight, total], format="csr"), np.concatenate([*bias, [start]])

    def _bump(self, i: int) -> tuple[sparse.csr_array, Array]:
        """Return the layer that carries the input, sums the faces of datum i into its bump and carries the sum."""
        d, last = self.shift.size, i + 1 == self.signs.size
        parts = [sparse.eye_array(d)] * (not last) + [sparse.csr_array(np.full((1, 2 * d), -1.0 / self.ramp))]
        parts += [sparse.eye_array(1)] * (i > 0)
        bias = np.zeros(d * (not last) + 1 + (i > 0))
        bias[d * (not last)] = 1.0
        return sparse.block_diag(parts, format="csr"), bias

    def shape(self) -> Shape:
        """Return the size by formula."""
        m, d = self.signs.size, self.shift.size
        if m == 0:
            return Shape(1, 0, 0, 1)
        zeros = int((self.lower == 0).sum() + (self.upper == 0).sum())
        more = int(self.one_sided)
        if m == 1:
            return Shape(3 + more, 2 * d, 2 * d + 1 + more, 6 * d + 3 + 2 * more - zeros)
        moved = int(np.count_nonzero(self.shift))
        return Shape(2 * m + 1 + more, 3 * d + (m > 2), (4 * d + 3) * m - 2 * d - 2 + more,
                     (8 * d + 4) * m - 2 * d - 1 + 2 * more + moved - zeros)

    def slope(self) -> float:
        """Return an upper bound of the l_inf Lipschitz constant.

        A bump has slope d / ramp, told 3 times at most (one-sided: twice), and as many count as may be positive
        together: those whose boxes are less than two ramps apart.
        """
        m, d = self.signs.size, self.shift.size
        if m == 0:
            return 0.0
        most = 0
        lower, upper = self.lower.copy(), self.upper.copy()
        lower[0], upper[0] = lower[0] + self.shift, upper[0] + self.shift
        for i in range(m):
            apart = np.maximum(np.maximum(lower - upper[i], lower[i] - upper), 0.0).sum(axis=1)
            most = max(most, int((apart * (1 + 2.0**-40) < 2 * self.ramp).sum()))
        factor = 2.0 if self.one_sided else float(self._heights().max())
        return factor * most * d * (1.0 / self.ramp)
