"""Bumps on l_2 balls by squares: distances from sawtooth squares, each coordinate clamped, one datum after the other.

With z_j = min(|x_j - c_j|, R) / R and f_m the sawtooth square, ``z^2 <= f_m(z) <= z^2 + 4^-(m+1)``, the sum of f_m(z_j)
is at most kappa = (r / R)^2 + d 4^-(m+1) on the ball of radius r and at least 1 outside that of radius R: clamped
coordinates count as a whole 1. Between them the bump falls from 1 to 0. Teeth are symmetric, so the clamp's own unit
t = 1 - z is folded instead of z.

Distances by squares are those of published memorizers; folding the norm itself, as :func:`constructive.memorize` does
for norm 2, needs fewer units in many dimensions and no condition on m.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from constructive._checks import as_count, as_number, as_points
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.students.data import closest_rivals, distinct_data, require_radius
from constructive.students.memorizer import Memorizer, Shape, kept, two_classes
from constructive.students.pairs import root_down, round_down

Array = NDArray[np.float64]
_WHO = "square_bumps"
_LEVELS = 250


def square_bumps(X: ArrayLike, y: Any, *, radius: float, levels: int | None = None) -> Memorizer:
    """Return a one-sided network that is exactly +-1 on the l_2 ball round each datum: ``1 - 2 relu(1 - sum G_i)``.

    G_i are the bumps of the upper class; X (n, d) finite, y (n,) of at most two classes, radius in [0, separation / 2)
    in l_2. ``levels`` m: each divides the error of a square by 4; by default the fewest with ``d 4^-(m+1)`` at most
    half of ``1 - (r / R)^2``, R = separation - radius. The values are those of the stored weights in real arithmetic;
    in floating point they hold up to rounding.

    Size for k data of the upper class: ``k ((7 m + 5) d + m + 3) + 3`` nonzeros, less 2 for each coordinate that is 0,
    depth m + 5. Raises TypeError or ValueError naming the argument, the rule and the pair that stands in the way, or
    for too few levels. Source: arXiv:2401.13624 for the setting; squares after Yarotsky, arXiv:1610.01145.

    >>> member = square_bumps([[0.0, 0.0], [1.0, 0.0]], [1, 0], radius=0.25)
    >>> member([[0.25, 0.0], [0.75, 0.0]]).ravel().tolist(), member.shape.depth
    ([1.0, -1.0], 6)
    """
    points = as_points(X, _WHO)
    labels = clean_labels(y, points.shape[0], who=_WHO, task="classification")
    two_classes(labels, _WHO)
    size = as_number(radius, _WHO, "radius", at_least=0.0, at_most=2.0**500)
    rows = distinct_data(points, labels, _WHO)
    require_radius(points, labels, size, 2.0, 2.0, _WHO)
    found = closest_rivals(points, labels, 2.0, _WHO)
    signs = labels.scores[rows]
    if found is None or not (signs > 0).any():
        network = Network.build([(np.zeros((1, points.shape[1])), signs[:1])])
        return Memorizer("square bumps", network, kept(points), kept(y), labels, size, 2.0, Shape(1, 0, 0, 1), 0.0)
    plan = _Plan.of(points[rows[signs > 0]], size, root_down(found[1]), levels)
    return Memorizer("square bumps", plan.network(), kept(points), kept(y), labels, size, 2.0, plan.shape(),
                     plan.slope())


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Centers (k, d), m levels, 1 / R rounded up, d - kappa rounded down, 1 / (1 - kappa) rounded up.

    On a ball the sum of squares is at most kappa, beyond R at least 1, whatever the rounding of these three numbers.
    """

    centers: Array
    levels: int
    inverse: float
    rest: float
    fall: float

    @staticmethod
    def of(centers: Array, radius: float, separation: float, levels: int | None) -> _Plan:
        d = centers.shape[1]
        if separation < 2.0**-400:
            raise ValueError(f"{_WHO}: data only {separation!r} apart have squares that underflow; rescale them")
        inverse = _up(1 / (Fraction(separation) - Fraction(radius)))
        inside = (Fraction(radius) * Fraction(inverse)) ** 2
        if levels is None:
            m = next(m for m in range(1, _LEVELS + 1) if Fraction(2 * d, 4 ** (m + 1)) <= 1 - inside)
        else:
            m = as_count(levels, _WHO, "levels", at_least=1, at_most=_LEVELS)
        rest = round_down(d - inside - Fraction(d, 4 ** (m + 1)))
        if rest <= d - 1:
            raise ValueError(f"{_WHO}: levels={m} is too few: d 4^-(m+1) = {d / 4**(m + 1)!r} must be below "
                             f"1 - (radius / (separation - radius))^2 = {float(1 - inside)!r}")
        return _Plan(centers, m, inverse, rest, _up(1 / (1 - (d - Fraction(rest)))))

    def network(self) -> Network:
        """Return the weights: distances, clamps, teeth, and the sum so far of each bump."""
        k, d = self.centers.shape
        each, together = sparse.eye_array(k * d), sparse.kron(sparse.eye_array(k), np.ones((1, d)))
        sign = np.tile([1.0, -1.0], k * d)
        column = np.tile(np.repeat(np.arange(d), 2), k)
        first = sparse.csr_array((sign, column, np.arange(2 * k * d + 1)), shape=(2 * k * d, d))
        clamp = -self.inverse * sparse.kron(each, np.ones((1, 2)))
        half = np.repeat([0.0, -0.5], k * d)
        layers = [Layer.build(first, -sign * np.repeat(self.centers.reshape(-1), 2)),
                  Layer.build(sparse.vstack([clamp, clamp]), 1.0 + half)]
        tooth, share = [2.0 * each, -4.0 * each], [1.5 * together, -together]
        for level in range(2, self.levels + 1):
            rows = [[*tooth, None], [*tooth, None], [*share, sparse.eye_array(k)]]
            width = 2 if level == 2 else 3  # the sum so far is not there yet
            layers.append(Layer.build(sparse.block_array([row[:width] for row in rows]),
                                      np.concatenate([half, np.zeros(k)])))
            share = [2.0 * 4.0**-level * together, -4.0 * 4.0**-level * together]
        last = [*share, sparse.eye_array(k)][: 2 if self.levels == 1 else 3]
        layers.append(Layer.build(-sparse.hstack(last), np.full(k, self.rest)))
        layers.append(Layer.build(-self.fall * sparse.eye_array(k), np.ones(k)))
        return Network((*layers, Layer.build(-np.ones((1, k)), [1.0]), Layer.build([[-2.0]], [1.0])))

    def shape(self) -> Shape:
        """Return the size by formula; a bias ``d - kappa`` is never 0."""
        (k, d), m = self.centers.shape, self.levels
        zeros = int((self.centers == 0).sum())
        return Shape(m + 5, k * (2 * d + (m > 1)), k * (4 * d + (m - 1) * (2 * d + 1) + 2) + 1,
                     k * ((7 * m + 5) * d + m + 3) + 3 - 2 * zeros)

    def slope(self) -> float:
        """Return an upper bound of the l_2 Lipschitz constant.

        A sawtooth square has slope at most 2 z + 2^-m, and z is at most 1 long where the bump is positive; as many
        bumps add up as have centers less than 2 R apart.
        """
        d, reach = self.centers.shape[1], 2 / self.inverse * (1 + 2.0**-40)
        most = max(int((((self.centers - c) ** 2).sum(axis=1) < reach**2).sum()) for c in self.centers)
        return 2 * most * self.fall * self.inverse * (2 + 2.0**-self.levels * math.sqrt(d)) * (1 + 2.0**-40)


def _up(value: Fraction) -> float:
    near = float(value)
    return near if Fraction(near) >= value else math.nextafter(near, math.inf)
