"""Entries of memorizers in doubles: bumps, side by side or one after the other, and the nearest neighbor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.distances import read_nearest
from constructive.certificates.lipschitz import lipschitz
from constructive.certificates.squares import read_squares
from constructive.evidence import Verdict
from constructive.network import Size
from constructive.students import (
    Memorizer,
    Recipe,
    Student,
    memorize,
    nearest_network,
    sequential_boxes,
    square_bumps,
)
from constructive.students.boxes import Bumps
from constructive.students.memorizer import Shape
from constructive.students.nearest import closest_secant, nearest_shape
from constructive.zoos.bounds import least_slope
from constructive.zoos.counts import count
from constructive.zoos.data import Data
from constructive.zoos.entry import Entry, Slope

_CERTIFIED = "certificate of the network in float64"
Task = tuple[str, Callable[[], Entry]]
_PARTS = 64
"""Parts of space that the search for the Lipschitz constant of a student looks at."""


def box_tasks(data: Data, budget: int) -> Iterator[Task]:
    """Yield name and builder of the students; ``budget``: nonzeros times data up to which a network is written out."""
    recipes = [("boxes", Recipe("boxes", gate="additive"), "value"),
               ("facets", Recipe("facets", gate="argmax", faces="needed"), "sign"),
               ("merged boxes", Recipe("merged", gate="argmax", faces="needed", merge=True), "sign")]
    if data.two and len(data.labels.classes or ()) == 2:
        recipes += [("boxes, one-sided", Recipe("capped", gate="cap", one_sided=True), "value"),
                    ("facets, one-sided", Recipe("capped facets", gate="cap", faces="needed", one_sided=True), "value"),
                    ("merged boxes, one-sided", Recipe("one-sided", gate="cap", faces="needed", merge=True,
                                                       one_sided=True), "value")]
    for name, recipe, promise in recipes:
        yield name, partial(student_entry, name, recipe, promise, data, budget)


def student_entry(name: str, recipe: Recipe, promise: str, data: Data, budget: int) -> Entry:
    """Return the entry of a student without a teacher; its certificate encloses the floating-point network."""
    student = memorize(data.X, data.y, radius=data.radius, recipe=recipe, task="classification", rng=0)
    size, bumps = student.size, 0 if student.bumps is None else student.bumps.count
    if size.nonzeros * data.X.shape[0] > budget:
        return _unwritten(name, size, data.radius, data, math.inf, promise, f"{bumps} bumps")
    network, certificate = student.to_network(), student.certify()
    found = lipschitz(network, budget=_PARTS, points=_on_slopes(student))
    # what is +-1 on the balls cannot be less steep, even where no point was steep
    least = least_slope(data.apart, data.radius) if promise == "value" and data.two else Fraction(0)
    return Entry(name, size.nonzeros, size.depth, size.width, count(network), data.radius, data.ratio(data.radius),
                 math.inf, promise, certificate.verdict, _CERTIFIED,
                 Slope(max(Fraction(found.lower), least), found.upper), *data.in_floats(network, data.radius),
                 f"{bumps} bumps")


def _on_slopes(student: Student) -> NDArray[np.float64] | None:
    """Return two points on the ramp of each bump, beyond all its faces: half way down, and where it is nearly 0.

    Some gates are flat while a bump is above a part of its height.
    """
    bumps = student.bumps
    if not isinstance(bumps, Bumps):
        return None
    lower, upper, d = bumps.lower[:256], bumps.upper[:256], bumps.upper.shape[1]
    points = []
    for down in (0.5, 1 - 2.0**-8):
        step = down * bumps.ramp / d
        # where a face is missing the opposite one, and where both are, any value
        points.append(np.where(np.isfinite(upper), upper + step, np.where(np.isfinite(lower), lower - step, 0.0)))
    return np.concatenate(points)


def _unwritten(name: str, size: Size | Shape, radius: float, data: Data, norm: float, promise: str, note: str,
               slope: Slope | None = None) -> Entry:
    return Entry(name, size.nonzeros, size.depth, size.width, None, radius, data.ratio(radius, norm), norm, promise,
                 None, "", slope, None, None, "; ".join(filter(None, (note, "by formula, not written out"))))


def memorizer_tasks(data: Data, budget: int) -> Iterator[Task]:
    """Yield name and builder of the sequential boxes and of the nearest neighbor in l_inf and l_1."""
    if not data.two:
        return
    yield "sequential boxes", lambda: sequential_entry("sequential boxes", data, False, budget)
    yield "sequential boxes, one-sided", lambda: sequential_entry("sequential boxes, one-sided", data, True, budget)
    yield "nearest neighbor", lambda: nearest_entry("nearest neighbor", data, math.inf, data.radius, budget)
    yield "nearest neighbor, l_1", lambda: nearest_entry("nearest neighbor, l_1", data, 1.0, data.part(1.0), budget)
    yield "square bumps, l_2", lambda: square_entry("square bumps, l_2", data, budget)


def sequential_entry(name: str, data: Data, one_sided: bool, budget: int) -> Entry:
    """Return the entry of the bumps run one after the other."""
    n, d = data.X.shape
    m = int((data.labels.scores > 0).sum()) if one_sided else n
    nonzeros = (8 * d + 4) * m - 2 * d - 1 + 2 * one_sided
    if nonzeros * n > budget:
        shape = Shape(2 * m + 1 + one_sided, 3 * d + 1, (4 * d + 3) * m - 2 * d - 2 + one_sided, nonzeros)
        return _unwritten(name, shape, data.radius, data, math.inf, "value", "thresholds that are 0 not subtracted")
    member = sequential_boxes(data.X, data.y, radius=data.radius, one_sided=one_sided)
    found = lipschitz(member.network, budget=1, points=_beyond(data))
    slope = Slope(max(Fraction(found.lower), least_slope(data.apart, data.radius)), min(found.upper, member.slope))
    return _written(name, member, data, member.certify().verdict, _CERTIFIED, slope, "value", "")


def _beyond(data: Data) -> NDArray[np.float64]:
    """Return points just outside corners of some balls, where every bump is already on its way down."""
    d = data.X.shape[1]
    free = 1.0 if data.apart == math.inf else float(Fraction(data.apart) - 2 * Fraction(data.radius))
    points: NDArray[np.float64] = data.X[:256] + data.signs[:256] * (data.radius + free / (2**8 * d))
    return points


def nearest_entry(name: str, data: Data, norm: float, radius: float, budget: int) -> Entry:
    """Return the entry of the nearest neighbor as a network: what it computes is read from its weights."""
    n, d = data.X.shape
    above = int((data.labels.scores > 0).sum())
    shape = nearest_shape(d, above, n - above, norm) if 0 < above < n else Shape(1, 0, 0, 1)
    if shape.nonzeros * n > budget:
        least = least_slope(data.separation(norm), radius)
        return _unwritten(name, shape, radius, data, norm, "value", "coordinates that are 0 not subtracted, slope by "
                                                                    "formula", Slope(least, least))
    member = nearest_network(data.X, data.y, radius=radius, norm=norm)
    if 0 < above < n:
        rule = read_nearest(member.network)
        right = bool(rule.right(data.X, data.labels.scores, radius).all())
        rise, run = closest_secant(member)
        # the slope on a segment and twice the steepness agree up to the rounding of the one to a double
        slope = Slope(min(rise / run, Fraction(rule.slope)), Fraction(rule.slope))
    else:
        right, slope = True, Slope(0, 0)
    return _written(name, member, data, Verdict.CONFIRMED if right else Verdict.REFUTED,
                    "exact, distances read from the weights", slope, "value", "")


def square_entry(name: str, data: Data, budget: int) -> Entry:
    """Return the entry of one-sided bumps on l_2 balls: what it computes is read from its weights."""
    radius, (n, d) = data.part(2.0), data.X.shape
    above = int((data.labels.scores > 0).sum())
    if 0 < above < n:
        inside = (Fraction(radius) / (Fraction(data.apart2) - Fraction(radius))) ** 2
        m = next(m for m in itertools.count(1) if Fraction(2 * d, 4 ** (m + 1)) <= 1 - inside)
        nonzeros = above * ((7 * m + 5) * d + m + 3) + 3
        if nonzeros * n > budget:
            shape = Shape(m + 5, above * (2 * d + (m > 1)), above * (4 * d + (m - 1) * (2 * d + 1) + 2) + 1, nonzeros)
            return _unwritten(name, shape, radius, data, 2.0, "value", "coordinates that are 0 not subtracted")
    member = square_bumps(data.X, data.y, radius=radius)
    right = not 0 < above < n or bool(
        read_squares(member.network).right(data.X, data.labels.scores, radius).all())
    return _written(name, member, data, Verdict.CONFIRMED if right else Verdict.UNDECIDED,
                    "exact, squares read from the weights", Slope(least_slope(data.apart2, radius), member.slope),
                    "value", "one-sided")


def _written(name: str, member: Memorizer, data: Data, verdict: Verdict, by: str, slope: Slope, promise: str,
             note: str) -> Entry:
    shape, radius, norm = member.shape, member.radius, member.norm
    return Entry(name, shape.nonzeros, shape.depth, shape.width, count(member.network), radius,
                 data.ratio(radius, norm), norm, promise, verdict, by, slope,
                 *data.in_floats(member.network, radius, norm), note)

