"""Entries of memorizers in integers: those of one projection, and those of grids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from constructive.evidence import Verdict
from constructive.exact import (
    IntegerNetwork,
    LineMemorizer,
    Projection,
    bit_extraction,
    bit_planes,
    certify_on_balls,
    certify_on_boxes,
    grid_memorizer,
    look_up,
    plateaus,
    shallow_interpolant,
    steepest,
    wanted_outputs,
)
from constructive.zoos.bounds import least_slope
from constructive.zoos.counts import count
from constructive.zoos.data import Data
from constructive.zoos.entry import Entry, Slope

Task = tuple[str, Callable[[], Entry]]
_BY_ENDS = "exact, on the image of each ball"
_BY_BOXES = "exact, boxes cut in integers"
_BY_RULES = "exact, the rules of the groups"
_LONG = 2048
"""Bits of a number from which its arithmetic costs as much again, and so on."""
_GREEDY, _CUTTING = 8, 128
"""So many times as long as a nonzero at a datum takes a pair in a greedy choice, a nonzero where boxes are cut."""


def line_tasks(data: Data, projection: Projection, direction: str, budget: int, *,
               smallest: bool = False) -> Iterator[Task]:
    """Yield name and builder of the memorizers of one projection; ``direction`` says in words how it was drawn.

    ``budget``: nonzeros times data up to which all balls are proved, in integers of any length. ``smallest``: only
    the look-up with the fewest nonzeros.
    """
    radius = _on_line(data, projection)

    def entry(name: str, build: Callable[[], LineMemorizer], promise: str = "value") -> Task:
        full = f"{name}, {direction}" if direction else name
        return full, lambda: line_entry(full, build(), data, radius, promise, budget)

    if not data.two:
        yield entry("bit planes", lambda: bit_planes(projection, radius))
        if not smallest:
            yield entry("bit planes, s = 1", lambda: bit_planes(projection, radius, per_word=1))
        return
    best = look_up(projection, radius).per_word
    if smallest:
        yield entry(f"look-up, s = {max(best, 1)}", lambda: look_up(projection, radius))
        return
    if not direction:
        yield entry("shallow interpolant", lambda: shallow_interpolant(projection), "sign")
    yield entry("plateaus", lambda: plateaus(projection, radius))
    for s in sorted({1, max(best, 1), *(() if direction else (3,))}):
        yield entry(f"look-up, s = {s}", partial(look_up, projection, radius, per_word=s))
    if not direction:
        yield entry("narrow look-up, s = 3", partial(look_up, projection, radius, per_word=3, narrow=True))
        yield entry("bit extraction", lambda: bit_extraction(projection), "data")


def _on_line(data: Data, projection: Projection) -> Fraction:
    """Return the radius on the line: that of the others where it fits, else the share of the largest."""
    wanted = Fraction(data.radius)
    return wanted if wanted < projection.radius else data.share * Fraction(projection.radius)


def line_entry(name: str, f: LineMemorizer, data: Data, radius: Fraction, promise: str, budget: int) -> Entry:
    """Return the entry of a memorizer of a projection, proved on the interval that is the image of each ball."""
    projection, reach = f.projection, Fraction(0) if promise == "data" else radius
    counts = count(f.network)
    # the interpolant bends at every datum, so that each of its balls is taken apart; plateaus carry the common
    # multiple of all their gaps
    rows = data.looked_at(f.nonzeros * (8 if promise == "sign" else 1) * (1 + counts.widest // _LONG), budget)
    wanted = wanted_outputs(projection)
    proof = certify_on_balls(f.network, data.X[rows], [wanted[i] for i in rows], radius=reach,
                             claim="sign" if promise == "sign" else "value")
    verdict, by = proof.verdict, _BY_ENDS
    if rows.size < data.X.shape[0]:
        by = f"{_BY_ENDS}; on {rows.size} drawn balls of {data.X.shape[0]}"
        verdict = Verdict.CONSISTENT if verdict is Verdict.CONFIRMED else verdict
    note = f"{projection.changes} label changes, r_max {float(projection.radius):.3g}"
    if f.per_word:
        note += f", s = {f.per_word}, keys of {f.bits} bits"
    return Entry(name, f.nonzeros, f.depth, f.width, counts, reach, data.ratio(reach), math.inf, promise,
                 verdict, by, _slope(f, data, promise, budget),
                 *data.in_floats(f.network, reach, digits=True), note)


def _slope(f: LineMemorizer, data: Data, promise: str, budget: int) -> Slope:
    """Return the Lipschitz constant from the weights, or by formula where that would take too long."""
    projection = f.projection
    if not projection.changes:
        return Slope(0, 0)
    free = Fraction(projection.radius) - f.radius
    if not data.two:  # some binary digit of two neighbors differs
        return Slope(1 / free, norms_multiplied(f.network))
    if f.depth <= 3 and f.nonzeros * projection.changes > budget:
        return Slope(1 / free, 1 / free)
    found = steepest(f)
    return Slope(found.lower, norms_multiplied(f.network) if found.upper is None else found.upper)


def norms_multiplied(f: IntegerNetwork) -> Fraction:
    """Return the product of the layers' l_inf operator norms, an upper bound of the Lipschitz constant.

    >>> tent = IntegerNetwork.build([([[(0, 2)], [(0, 4)]], [0, -2]), ([[(0, 1), (1, -1)]], [0])], inputs=1)
    >>> norms_multiplied(tent)
    Fraction(8, 1)
    """
    product = f.scale
    for layer in f.layers:
        product *= max(sum(abs(w) for _, w in row) for row in layer.rows)
    return product


def grid_tasks(data: Data, budget: int) -> Iterator[Task]:
    """Yield name and builder of the grids; ``budget`` as for students: nonzeros times data."""
    if not data.two:
        return
    shifted = data.apart if data.apart == math.inf else Fraction(data.apart) / (2 * (data.X.shape[1] + 1))
    # close to the largest that d + 1 shifted grids promise, however many data there are
    small = min(Fraction(data.radius), Fraction(4, 5) * Fraction(shifted) if shifted != math.inf else Fraction(1, 4))
    above = int((data.labels.index == 1).sum())
    pairs = above * (data.X.shape[0] - above)
    plans = [("uniform grids", small, "uniform")]
    if pairs * _GREEDY > budget:
        yield "adaptive grids", partial(_refuse, pairs, budget // _GREEDY)
    else:
        plans += [("adaptive grids, small radius", small, "adaptive")] * (small < data.radius)
        plans.append(("adaptive grids", Fraction(data.radius), "adaptive"))
    for name, radius, shifts in plans:
        yield name, partial(grid_entry, name, data, radius, shifts, budget // _CUTTING)


def _refuse(pairs: int, most: int) -> Entry:
    raise ValueError(f"{pairs} pairs of conflicting data, more than {most}, would be looked at for every threshold; "
                     "raise the budget, or call grid_memorizer")


def grid_entry(name: str, data: Data, radius: Fraction, shifts: str, budget: int) -> Entry:
    """Return the entry of a one-sided grid memorizer: confirmed where the weights prove all balls, else consistent.

    The rules of the groups are looked at for all data whatever the budget; they are the builder's word, not a proof.
    """
    f = grid_memorizer(data.X, data.y, radius=radius, shifts=shifts)
    verdict, by = Verdict.REFUTED if f.broken_rules() else Verdict.CONFIRMED, _BY_RULES
    if f.groups:
        rows = data.looked_at(f.nonzeros, budget)
        proof = certify_on_boxes(f.network, data.X[rows], [int(s) for s in data.labels.scores[rows]], radius=radius)
        if proof.verdict is Verdict.REFUTED:
            verdict = proof.verdict
        if rows.size == data.X.shape[0] and proof.verdict is not Verdict.UNDECIDED:
            by = _BY_BOXES
        else:
            by = f"{_BY_RULES}, on all data; from the weights on {rows.size} drawn balls of {data.X.shape[0]}"
            verdict = Verdict.CONSISTENT if verdict is Verdict.CONFIRMED else verdict
    lower = least_slope(data.apart, radius)
    groups, thresholds = len(f.groups), f.thresholds
    counts = count(f.network)
    return Entry(name, f.nonzeros, f.depth, counts.width, counts, radius, data.ratio(radius), math.inf, "value",
                 verdict, by, Slope(lower, norms_multiplied(f.network)),
                 *data.in_floats(f.network, radius, digits=True),
                 f"one-sided, {groups} groups, {thresholds} thresholds; proof: {by}")


