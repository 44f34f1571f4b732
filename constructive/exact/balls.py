"""What an integer network does on balls round data, exactly: proved from its weights, on an interval of the line.

Where all rows of the first layer are multiples of one direction a, the network is a function of ``a . x``, and the
image of a ball of radius r is the closed interval of radius ``r ||a||`` (dual norm) round ``a . x``. If no unit
changes sign between the ends of that interval, the network is affine on it, and equal values at both ends are the
value on the whole ball. Otherwise the interval is cut at the sign changes, in rational numbers.

Nothing here is told how the network was built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_norm, as_points
from constructive.evidence import Verdict
from constructive.exact.network import IntegerLayer, IntegerNetwork, Integers, over_common_denominator
from constructive.exact.norms import dual_norm
from constructive.exact.radii import as_radius

_BLOCK = 1 << 19
"""Values held at a time, width times ends of intervals."""


@dataclass(frozen=True, slots=True, eq=False)
class BallProof:
    """Which of n balls of the radius are proved to have the wanted outputs on the whole ball.

    ``claim``: "value" (equal to the wanted outputs) or "sign" (not 0, and of their sign); ``wrong``: data for which a
    point of the ball has other outputs; ``affine``: on how many balls no unit changes sign, of ``balls`` in all. The
    others were decided by an end, or piece by piece; ``undecided``: data whose ball has more pieces than the limit.
    """

    claim: str
    radius: Fraction
    norm: float
    balls: int
    affine: int
    wrong: tuple[int, ...]
    undecided: tuple[int, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """REFUTED if a ball is wrong, else UNDECIDED if one is open, else CONFIRMED."""
        if self.wrong:
            return Verdict.REFUTED
        return Verdict.UNDECIDED if self.undecided else Verdict.CONFIRMED


def certify_on_balls(f: IntegerNetwork, X: Any, wanted: Sequence[Sequence[int | Fraction]], *,
                     radius: Fraction | float | int, norm: float = math.inf, claim: str = "value",
                     limit: int = 10_000) -> BallProof:
    """Return on which closed balls round X (n, d) the network has the wanted outputs (n, m), everywhere in the ball.

    For norms 1 and infinity the answer is exact. For norm 2 the interval is longer by a factor below 1 + 2^-60, so
    that a proof holds and a wrong ball might be right. ``limit``: the most pieces of one ball.

    Raises ValueError if the first layer reads more than one direction, or for shapes that do not fit.

    >>> tent = IntegerNetwork.build([([[(0, 1)], [(0, 1)]], [0, -1]), ([[(0, 1), (1, -1)]], [0])], inputs=1)
    >>> certify_on_balls(tent, [[-1.0], [2.0]], [[0], [1]], radius=1).verdict.value
    'confirmed'
    >>> certify_on_balls(tent, [[-1.0], [2.0]], [[0], [1]], radius=1.5).wrong
    (0, 1)
    """
    points = as_points(X, "certify_on_balls", dimension=f.inputs)
    if claim not in ("value", "sign"):
        raise ValueError(f"certify_on_balls: claim={claim!r} must be 'value' or 'sign'")
    if len(wanted) != points.shape[0] or any(len(row) != f.outputs for row in wanted):
        raise ValueError(f"certify_on_balls: wanted must have shape {(points.shape[0], f.outputs)}")
    r, p = as_radius(radius, "certify_on_balls"), as_norm(norm, "certify_on_balls")
    direction, phi = on_one_line(f)
    numerators, denominator = over_common_denominator(points)
    middles = [Fraction(int(v), denominator) for v in numerators @ np.array(direction, object)]
    reach = r * dual_norm(direction, p)
    holds = _is_wanted if claim == "value" else _has_sign
    affine, wrong, undecided = 0, [], []
    step = max(1, _BLOCK // (2 * max(layer.outputs for layer in phi.layers)))
    for start in range(0, len(middles), step):
        ends = [(z - reach, z + reach) for z in middles[start:start + step]]
        straight, values = _at_ends(phi, ends)
        affine += int(straight.sum())
        for k, (low, high) in enumerate(ends):
            aim = wanted[start + k]
            right = all(holds(v, aim) for v in values[k])
            if right and not straight[k]:
                try:
                    right = all(holds(v, aim) for _, v in pieces(phi, low, high, limit))
                except _TooManyPiecesError:
                    undecided.append(start + k)
            if not right:
                wrong.append(start + k)
    return BallProof(claim, r, p, len(middles), affine, tuple(wrong), tuple(undecided))


def _is_wanted(values: Sequence[Fraction], wanted: Sequence[int | Fraction]) -> bool:
    return list(values) == list(wanted)


def _has_sign(values: Sequence[Fraction], wanted: Sequence[int | Fraction]) -> bool:
    return all(v * w > 0 for v, w in zip(values, wanted, strict=True))


def on_one_line(f: IntegerNetwork) -> tuple[list[int], IntegerNetwork]:
    """Return a direction a and a network of one input with ``f(x) = phi(a . x)`` for all x.

    Raises ValueError if two rows of the first layer are not multiples of one direction.

    >>> a, phi = on_one_line(IntegerNetwork.build([([[(0, 2), (1, 4)], [(0, -3), (1, -6)]], [1, 0])], inputs=2))
    >>> a, phi.layers[0].rows
    ([1, 2], (((0, 2),), ((0, -3),)))
    """
    first, direction, factors = f.layers[0], [0] * f.inputs, []
    for i, row in enumerate(first.rows):
        entries = [0] * f.inputs
        for j, w in row:
            entries[j] = w
        if not any(direction) and row:
            common = math.gcd(*entries)
            direction = [w // common for w in entries]
        column = row[0][0] if row else 0
        factor = entries[column] // direction[column] if direction[column] else 0
        if entries != [factor * w for w in direction]:
            raise ValueError(f"on_one_line: row {i} of the first layer reads another direction than the rows before; "
                             "the network is no function of one projection")
        factors.append(factor)
    line = IntegerLayer.build([[(0, factor)] for factor in factors], first.bias, 1)
    return direction, IntegerNetwork((line, *f.layers[1:]), f.scale)


def _at_ends(phi: IntegerNetwork, ends: Sequence[tuple[Fraction, Fraction]]) -> tuple[
        NDArray[np.bool_], list[list[list[Fraction]]]]:
    """Return on which intervals no hidden unit changes sign, and the outputs at both ends of each."""
    numerators, denominator = over_common_denominator([[v] for pair in ends for v in pair])
    straight = np.ones(len(ends), np.bool_)
    sums: list[Integers] = []
    for k, sums_k in enumerate(phi.hidden(numerators, denominator)):
        sums = list(sums_k)
        if k + 1 < phi.depth:
            for unit in sums:
                low, high = unit[0::2], unit[1::2]
                straight &= ~(((low < 0) & (high > 0)) | ((low > 0) & (high < 0))).astype(np.bool_)
    factor = phi.scale / denominator
    outputs = [[factor * v for v in column] for column in np.array(sums, object).T.tolist()]
    return straight, [[outputs[2 * k], outputs[2 * k + 1]] for k in range(len(ends))]


class _TooManyPiecesError(ValueError):
    """Raised when an interval needs more pieces than the limit."""


def pieces(phi: IntegerNetwork, low: Fraction, high: Fraction,
           limit: int = 10_000) -> Iterator[tuple[Fraction, list[Fraction]]]:
    """Yield (knot, outputs) on [low, high] in increasing order: phi is affine between neighboring knots.

    Raises ValueError for more than ``limit`` knots.

    >>> tent = IntegerNetwork.build([([[(0, 1)], [(0, 1)]], [0, -1]), ([[(0, 1), (1, -1)]], [0])], inputs=1)
    >>> [(str(z), str(v[0])) for z, v in pieces(tent, Fraction(-1), Fraction(3, 2))]
    [('-1', '0'), ('0', '0'), ('1', '1'), ('3/2', '1')]
    """
    columns = [_Column(z, z.denominator, [z.numerator]) for z in (low, high)]
    for k, layer in enumerate(phi.layers):
        columns = [column.image(layer) for column in columns]
        if k + 1 < phi.depth:
            columns = [column.clipped() for column in _cut(columns)]
            if len(columns) > limit:
                raise _TooManyPiecesError(f"pieces: more than limit={limit} knots; raise the limit")
    for column in columns:
        factor = phi.scale / column.over
        yield column.knot, [factor * v for v in column.values]


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """The units at one knot: ``values / over``. One denominator for all of them spares a gcd for every sum."""

    knot: Fraction
    over: int
    values: list[int]

    def image(self, layer: IntegerLayer) -> _Column:
        sums = [sum(w * self.values[j] for j, w in row) + self.over * b
                for row, b in zip(layer.rows, layer.bias, strict=True)]
        return _Column(self.knot, self.over, sums)

    def clipped(self) -> _Column:
        return _Column(self.knot, self.over, [max(v, 0) for v in self.values])

    def towards(self, other: _Column, share: Fraction) -> _Column:
        p, q = share.numerator, share.denominator
        here, there, over = (q - p) * other.over, p * self.over, q * self.over * other.over
        values = [here * u + there * v for u, v in zip(self.values, other.values, strict=True)]
        common = math.gcd(over, *values)
        return _Column(self.knot + share * (other.knot - self.knot), over // common, [v // common for v in values])


def _cut(columns: list[_Column]) -> list[_Column]:
    """Return the columns with one more wherever a unit changes sign between two of them."""
    out = columns[:1]
    for left, right in zip(columns, columns[1:], strict=False):
        shares = {Fraction(u * right.over, u * right.over - v * left.over)
                  for u, v in zip(left.values, right.values, strict=True) if u < 0 < v or v < 0 < u}
        out += [left.towards(right, share) for share in sorted(shares)]
        out.append(right)
    return out
