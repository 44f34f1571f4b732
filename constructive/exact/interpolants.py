"""Memorizers of the line without packing: the shallow interpolant, and plateaus round every datum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from constructive.exact.cells import free_gaps
from constructive.exact.chains import Unit, constant, written
from constructive.exact.memorizer import LineMemorizer, entries
from constructive.exact.network import IntegerNetwork
from constructive.exact.projection import Projection
from constructive.exact.radii import as_radius


def shallow_interpolant(projection: Projection) -> LineMemorizer:
    """Return the piecewise linear interpolant of two classes with one hidden layer: +-1 at each datum.

    ``y_(1) + sum over k of s_k relu(a . x - z_k)``, s_k the change of slope at the k-th position. Its zeros are the
    middles between neighbors of different labels, so that its sign is right on every ball of radius below r_max;
    its value is +-1 at the data alone (``radius`` 0). With u positions where the slope changes, the last one left
    out, and e nonzero entries of the direction: ``u (e + 2) + 1`` nonzeros (less the biases that are 0), depth 2,
    width u. Without changes: a constant.

    >>> from constructive.exact.projection import along
    >>> f = shallow_interpolant(along([[0.0], [2.0], [3.0]], [0, 1, 1], [1]))
    >>> f.network([[0.0], [1.0], [2.5]]).ravel().tolist() == [-1, 0, 1], f.nonzeros
    (True, 6)
    """
    label = dict(zip(projection.positions, projection.signs, strict=True))
    knots = sorted(label)
    if not projection.changes:
        return LineMemorizer("shallow interpolant", constant(len(projection.direction), label[knots[0]]), projection,
                             Fraction(0), 1, 1, 0)
    slopes = [Fraction(0)] + [Fraction(label[b] - label[a], b - a) for a, b in zip(knots, knots[1:], strict=False)]
    bends = [(z, after - before) for z, before, after in zip(knots, slopes, slopes[1:], strict=False)
             if after != before]
    common = math.lcm(*[s.denominator for _, s in bends])
    rows = [list(enumerate(projection.direction)) for _ in bends]
    output = [(k, int(s * common)) for k, (_, s) in enumerate(bends)]
    network = IntegerNetwork.build([(rows, [-z for z, _ in bends]), ([output], [label[knots[0]] * common])],
                                   inputs=len(projection.direction), scale=Fraction(1, common))
    zeros = sum(1 for z, _ in bends if z == 0)
    return LineMemorizer("shallow interpolant", network, projection, Fraction(0),
                         len(bends) * (entries(projection) + 2) + 1 - zeros, 2, len(bends))


def plateaus(projection: Projection, radius: Fraction | float | int) -> LineMemorizer:
    """Return the memorizer of two classes that is constant on every ball and linear in the gaps between them.

    In the gap (l, h) between the balls of a label change the output goes from one label to the other as
    ``2 (relu(z - l) - relu(z - h)) / (h - l)``: with c changes and e nonzero entries of the direction
    ``e + 6 c + 2`` nonzeros (one fewer where the offset is 0), depth 3, width 2 c. The steepest slope in x is
    ``1 / (r_max - radius)``, in the norm of the balls, exactly (norm 2: up to the rounding of the dual norm).
    Without changes: a constant.

    >>> from constructive.exact.projection import along
    >>> f = plateaus(along([[0.0], [2.0], [3.0]], [0, 1, 1], [1]), radius=0.5)
    >>> f.network([[0.5], [1.0], [1.5]]).ravel().tolist() == [-1, 0, 1], f.nonzeros, f.network.size.nonzeros
    (True, 9, 9)
    """
    signs = projection.signs
    if not projection.changes:
        return LineMemorizer("plateaus", constant(len(projection.direction), signs[0]), projection,
                             as_radius(radius, "plateaus"), 1, 1, 0)
    reach = projection.reach(radius)
    # the line is multiplied until the ends of all gaps are integers; the offset puts every ball at 1 or beyond
    multiplier = reach.denominator
    offset = 1 - math.floor((min(projection.positions) - reach) * multiplier)
    gaps = [(int(low * multiplier) + offset, int(high * multiplier) + offset)
            for low, high in free_gaps(projection, radius)]
    network = _ramps(projection, multiplier, offset, gaps, signs[projection.order[0]])
    changes = projection.changes
    return LineMemorizer("plateaus", network, projection, as_radius(radius, "plateaus"),
                         entries(projection) + 6 * changes + 2 - (offset == 0), 3, 2 * changes)


def _ramps(projection: Projection, multiplier: int, offset: int, gaps: Sequence[tuple[int, int]],
           first: int) -> IntegerNetwork:
    common = math.lcm(*[high - low for low, high in gaps])
    hidden: dict[str, Unit] = {}
    output: dict[str, int] = {}
    for k, (low, high) in enumerate(gaps):
        slope = 2 * common // (high - low) * (first if k % 2 else -first)
        hidden |= {f"low{k}": ({"z": 1}, -low), f"high{k}": ({"z": 1}, -high)}
        output |= {f"low{k}": slope, f"high{k}": -slope}
    axis = [multiplier * w for w in projection.direction]
    return written(axis, offset, [hidden, {"y": (output, first * common)}], Fraction(1, common))
