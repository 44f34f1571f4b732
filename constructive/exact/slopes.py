"""How steep the memorizers of the line are: the exact slope at a point, and both ends of the Lipschitz constant.

A plateau is as steep as its narrowest gap. A look-up is steeper by many powers of two: on the ramp between two blocks
the packed word sweeps over all words in between. No datum lies there; sampling does not find it, a formula does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from constructive.exact.balls import on_one_line, pieces
from constructive.exact.cells import cells_of
from constructive.exact.lookups import blocks_of
from constructive.exact.memorizer import LineMemorizer
from constructive.exact.network import IntegerNetwork
from constructive.exact.norms import dual_norm
from constructive.exact.words import scale_of

_RAMPS = 16
"""How many block ramps, the highest ones, are tried for the steepest slope."""


@dataclass(frozen=True, slots=True, eq=False)
class Steepness:
    """The Lipschitz constant of a network in the norm of its balls: ``lower <= constant``, and ``<= upper``.

    ``lower`` is the slope of the network at an explicit point, from its weights; ``upper`` follows from the
    construction, None where no bound is derived. Equal where the constant is known.
    """

    lower: Fraction
    upper: Fraction | None


def slope_at(phi: IntegerNetwork, z: Fraction | int) -> list[Fraction]:
    """Return the right-hand derivatives of the outputs of a one-input network at z, exactly.

    >>> tent = IntegerNetwork.build([([[(0, 1)], [(0, 1)]], [0, -1]), ([[(0, 1), (1, -2)]], [0])], inputs=1)
    >>> [int(slope_at(tent, z)[0]) for z in (-1, 0, 1)]
    [0, 1, -1]
    """
    if phi.inputs != 1:
        raise ValueError(f"slope_at: the network has {phi.inputs} inputs, needs 1; on_one_line finds its one input")
    place = Fraction(z)
    values, slopes, over = [place.numerator], [1], place.denominator
    for k, layer in enumerate(phi.layers):
        sums = [sum(w * values[j] for j, w in row) + over * b for row, b in zip(layer.rows, layer.bias, strict=True)]
        rises = [sum(w * slopes[j] for j, w in row) for row in layer.rows]
        if k + 1 == phi.depth:
            return [phi.scale * r for r in rises]
        # on a kink the unit is on to the right if its sum increases there
        slopes = [r if v > 0 or (v == 0 and r > 0) else 0 for v, r in zip(sums, rises, strict=True)]
        values = [max(v, 0) for v in sums]
    raise AssertionError("a network has a last layer")


def steepest(f: LineMemorizer) -> Steepness:
    """Return the Lipschitz constant of a memorizer of two classes on all of R^d, or what brackets it.

    Constants, interpolant and plateaus: exact, piece by piece. Look-up with one threshold a word: exact,
    ``2 max(H, D - H) / P`` in z, with H = 2, P the pitch, D the highest step between neighboring words. With s
    thresholds: at most ``2 (sum of the H_i + s D) / P`` in z, and at least the slope at a point of a block ramp where
    a comparison runs. Bit extraction and bit planes: at least ``1 / (r_max - radius)``, no upper bound.

    >>> from constructive.exact import along, plateaus
    >>> line = along([[0.0], [2.0], [3.0]], [0, 1, 1], [1])
    >>> steepest(plateaus(line, radius=0.5)).lower
    Fraction(2, 1)
    """
    if not f.projection.changes:
        return Steepness(Fraction(0), Fraction(0))
    direction, phi = on_one_line(f.network)
    above = dual_norm(direction, f.projection.norm)
    # for norm 2 the dual norm is rounded up, by 2^-60 at most
    below = above - (Fraction(1, 1 << 60) if f.projection.norm == 2.0 else 0)
    if phi.depth <= 3:
        constant = lipschitz_on_line(f.network, f.projection.norm)
        return Steepness(constant * below / above, constant)
    if f.name not in ("look-up", "narrow look-up"):
        radius = Fraction(f.projection.radius)
        return Steepness(1 / (radius - f.radius) * below / above, None)
    # the first layer multiplies the primitive direction by this, and the pitch is in units of its result
    factor = abs(phi.layers[0].rows[0][0][1])
    return Steepness(_on_ramps(f, phi) * below, _bound_of_look_up(f) * factor * above)


def lipschitz_on_line(f: IntegerNetwork, norm: float = math.inf) -> Fraction:
    """Return the Lipschitz constant of a shallow network of one direction: its steepest piece, from the weights.

    One hidden layer, or two of which the first is a single unit; one output. For norm 2 the dual norm of the
    direction is rounded up, by at most 2^-60. Raises ValueError for other networks.

    >>> tent = IntegerNetwork.build([([[(0, 2)], [(0, 4)]], [0, -2]), ([[(0, 1), (1, -1)]], [0])], inputs=1)
    >>> lipschitz_on_line(tent)
    Fraction(2, 1)
    """
    direction, phi = on_one_line(f)
    shallow = phi.depth == 2 or (phi.depth == 3 and phi.layers[0].outputs == 1)
    if not shallow or phi.outputs != 1:
        raise ValueError(f"lipschitz_on_line: needs one output and one hidden layer, or two of which the first is a "
                         f"single unit, got depth {phi.depth} and {phi.layers[0].outputs} first units")
    knots = [Fraction(-b, row[0][1]) for row, b in zip(phi.layers[0].rows, phi.layers[0].bias, strict=True) if row]
    if phi.depth == 3 and knots:
        (((_, weight),),), (bias,) = phi.layers[0].rows, phi.layers[0].bias
        knots += [(Fraction(-b, row[0][1]) - bias) / weight
                  for row, b in zip(phi.layers[1].rows, phi.layers[1].bias, strict=True) if row]
    if not knots:
        return Fraction(0)
    found = list(pieces(phi, min(knots) - 1, max(knots) + 1, limit=4 * len(knots) + 4))
    return max(abs(v[0] - u[0]) / (b - a) for (a, u), (b, v) in pairwise(found)) * dual_norm(direction, norm)


def _words(f: LineMemorizer) -> tuple[list[int], list[int]]:
    return blocks_of(cells_of(f.projection, f.radius).keys, f.per_word, f.bits)


def _bound_of_look_up(f: LineMemorizer) -> Fraction:
    """Return the bound on the slope in z: each comparison runs along z H_i and along the word, folded or not."""
    words, _ = _words(f)
    highest = max((b - a for a, b in pairwise(words)), default=0)
    units = [scale_of(i, f.per_word, f.bits) for i in range(1, f.per_word + 1)]
    if f.per_word == 1:  # the word is not folded, and rises where the position does
        return Fraction(2 * max(units[0], highest - units[0]), f.pitch)
    return Fraction(2 * (sum(units) + f.per_word * highest), f.pitch)


def _on_ramps(f: LineMemorizer, phi: IntegerNetwork) -> Fraction:
    """Return the largest slope (times the direction) found where the first comparison of a block ramp runs."""
    (((_, weight),), (bias,)) = phi.layers[0].rows[0], phi.layers[0].bias
    words, boundaries = _words(f)
    pitch, unit = f.pitch, scale_of(1, f.per_word, f.bits)
    # in the first block the word is constant and the comparison has slope 2 H_1 / P
    places = [(Fraction(pitch, 2) + pitch * words[0]) / unit]
    steps = sorted(((b - a, k) for k, (a, b) in enumerate(pairwise(words))), reverse=True)[:_RAMPS]
    for rise, k in steps:
        if rise != unit:  # where pitch - z H + P V_k + rise (z - P t) = P / 2
            top = Fraction(pitch, 2) + pitch * words[k] - rise * pitch * boundaries[k]
            places.append(top / (unit - rise))
    return max(abs(slope_at(phi, (z - bias) / weight)[0]) for z in places)
