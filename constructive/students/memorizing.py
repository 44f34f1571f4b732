"""Build a student from data: check, round, merge, choose bumps, and the numbers that weigh them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_number, as_points
from constructive.certificates.enclosure import interval_bounds, layer_bounds
from constructive.labels import Labels, clean_labels, power_of_two_above
from constructive.network import Network
from constructive.students.boxes import Bumps, Gaps, default_ramp, make_bumps, packed_bumps, vanishing
from constructive.students.data import closest_rivals, distinct_data, require_radius
from constructive.students.patching import certified_right
from constructive.students.precision import DOUBLE, Format, as_format
from constructive.students.recipes import Recipe, as_recipe
from constructive.students.student import Student
from constructive.teachers.teacher import Teacher, as_teacher

if TYPE_CHECKING:
    from constructive.students.balls import BallBumps

Array = NDArray[np.float64]


def memorize(X: ArrayLike, y: Any, *, radius: float, teacher: Teacher | Network | None = None,
             recipe: str | Recipe = "clip", norm: float = math.inf, ramp: float | None = None,
             task: str | None = None, precision: str = "float64",
             rng: np.random.Generator | int | None = None) -> Student:
    """Return a student that gives label y_i on the whole ball of the radius round x_i, for every i.

    X (n, d) finite; y (n,): bool, integer and string labels are classes, floats are real values unless all
    are -1 or +1; ``task`` overrides. ``radius`` in [0, separation / 2). ``norm`` 1 or 2: where the l_inf boxes of
    that radius are apart they are used, which contain those balls; beyond that, balls of the norm itself, up to
    half the separation in that norm. ``teacher``: a network from d inputs to one score (K scores for K >= 3
    classes), followed off the bumps; None is the zero network, "no opinion" (the constant -1 for a one-sided
    recipe). ``recipe``: a name or a :class:`Recipe`:

    * "clip": labels exact bit for bit in any order of summation, whatever the teacher; real labels too;
    * "additive": the same for classes, with a smaller gate;
    * "argmax": classes, no gate, the right class strictly ahead;
    * "lean": as "argmax", with merged boxes and only the faces that are needed: fewest parameters;
    * "one-sided": two classes, bumps for the upper one alone, against the constant -1; merged, needed faces: the
      leanest with scores exactly +-1, to take for two classes without a teacher;
    * "paper": the published construction, with error epsilon.

    ``precision="float32"`` makes thresholds, labels and weights float32 numbers with room for that rounding: one
    network that is exact in both formats; the radius counts as ``max(radius, float32(radius))``. ``rng`` draws the
    order of merging and projections; None merges in the order of the data.

    Size ("clip", two classes, m distinct data): nonzeros(teacher) + (6 d + 2) m + 15 and a few corrections,
    all in ``Student.size``. Raises TypeError or ValueError naming the argument, the rule, the value, and the
    pair of data that stands in the way. False statement to avoid: "robust everywhere"; off the balls nothing
    is promised beyond the teacher. Source: arXiv:2401.13624; all gates but the published one are ours.

    >>> student = memorize([[0.25], [0.75]], [0, 1], radius=0.125)
    >>> student.predict([[0.3], [0.8]]).tolist()
    [0, 1]
    """
    who = "memorize"
    points = as_points(X, who)
    how, known = as_recipe(recipe, who), as_format(precision, who)
    labels = clean_labels(y, points.shape[0], who=who, task=task)
    if how.gate == "height" or known is not DOUBLE:
        labels = known.labels(labels, coarser=1 if how.gate == "height" else 0)
    size = as_number(radius, who, "radius", at_least=0.0, at_most=known.largest)
    p = as_norm(norm, who)
    draws = None if rng is None else np.random.default_rng(rng)
    how.fits(labels, p, who)
    _check_size(points, known, who)
    rows = distinct_data(points, labels, who)
    guide = _teacher(teacher, points.shape[1], labels, how, known, who)
    if _takes_balls(how, points, labels, size, p, who):
        return _round_student(points, y, labels, rows, size, ramp, guide, how, p, known, draws, who)
    require_radius(points, labels, size, math.inf, p, who)
    data = Gaps.of(points, labels.scores, rows, size, known, who, strangers=how.gate == "height")
    network = guide.to_network()
    amplitude = _amplitude(labels, network, data, points, size, ramp, known, who)
    scores = labels.scores * how.amplitude if labels.outputs == 1 else labels.scores
    if labels.classes is not None and labels.outputs == 1 and known is not DOUBLE:
        scores = scores.astype(np.float32).astype(np.float64)
    served = _served(how, labels, data, network, amplitude, absent=teacher is None, who=who)
    bumps: Bumps | None = None
    if served.any():
        if how.gate == "product":
            bumps = packed_bumps(data, labels, scores, ramp, known, who)
        else:
            bumps = make_bumps(data, labels, scores, served, how, ramp, known, draws, who)
    push = _push(how, labels, network, amplitude, data.lower, data.upper, known, who)
    return _student(points, y, labels, guide, bumps, p, size, how, amplitude, known, push)


def _student(points: Array, y: Any, labels: Labels, guide: Teacher, bumps: Bumps | BallBumps | None, norm: float,
             radius: float, how: Recipe, amplitude: float, known: Format, push: float) -> Student:
    stored, given = np.array(points), np.array(y)
    stored.setflags(write=False)
    given.setflags(write=False)
    return Student(stored, given, labels, guide, bumps, norm, radius, how, amplitude, known.name, push)


def _check_size(points: Array, known: Format, who: str) -> None:
    largest = float(np.abs(points).max())
    if known is not DOUBLE and largest > known.largest:
        raise ValueError(f"{who}: X holds {largest!r}; with precision={known.name!r} coordinates must be at most "
                         f"{known.largest!r} in size: rescale the data")


def _teacher(teacher: Teacher | Network | None, d: int, labels: Labels, how: Recipe, known: Format,
             who: str) -> Teacher:
    k = labels.outputs
    if how.one_sided:
        if teacher is not None:
            raise ValueError(f"{who}: recipe={how.name!r} is one-sided: its teacher is the constant -1; pass "
                             "teacher=None or a recipe with patch=True")
        return as_teacher(Network.build([(np.zeros((1, d)), [-1.0])], known.dtype))
    if teacher is None:
        return as_teacher(Network.build([(np.zeros((k, d)), np.zeros(k))], known.dtype))
    guide = as_teacher(teacher)
    network = guide.to_network()
    if network.inputs != d or network.outputs != k:
        raise ValueError(f"{who}: teacher maps R^{network.inputs} to R^{network.outputs}, but the data need "
                         f"R^{d} to R^{k} ({labels.words})")
    if network.dtype == known.dtype:
        return guide
    if known is DOUBLE:
        raise ValueError(f"{who}: teacher is a {network.dtype} network; pass teacher.astype(numpy.float64), or "
                         "precision='float32'")
    return as_teacher(network.astype(known.dtype))


def _takes_balls(how: Recipe, points: Array, labels: Labels, radius: float, norm: float, who: str) -> bool:
    """Whether balls are asked for, or needed because boxes of that radius meet."""
    if norm == math.inf or how.bump in ("box", "published"):
        return False
    if how.bump == "ball" or how.projection is not None:
        return True
    found = closest_rivals(points, labels, math.inf, who)
    plain = how.faces == "all" and not (how.merge or how.share) and how.domain is None and how.gate != "height"
    return plain and found is not None and 2 * radius >= found[1]


def _round_student(points: Array, y: Any, labels: Labels, rows: NDArray[np.int64], radius: float, ramp: float | None,
                   guide: Teacher, how: Recipe, norm: float, known: Format, draws: np.random.Generator | None,
                   who: str) -> Student:
    """Return the student whose bumps are balls of the norm itself."""
    require_radius(points, labels, radius, norm, norm, who)
    if how.projection is not None and draws is None:
        raise ValueError(f"{who}: recipe={how.name!r} draws a projection; pass rng, a seed or a Generator")
    from constructive.students.balls import make_ball_bumps
    lower, upper = known.boxes(points[rows], radius)
    network = guide.to_network()
    amplitude = _bounded(labels, network, points, 2 * radius + (ramp or 0.0), known, who)
    served = np.ones(rows.size, bool)
    if how.patch:
        served = ~certified_right(lower, upper, labels.take(rows), network, amplitude)
    if how.one_sided:
        served = labels.scores[rows] > 0
    scores = labels.scores * how.amplitude if labels.outputs == 1 else labels.scores
    bumps = None
    if served.any():
        bumps = make_ball_bumps(points, scores, labels.index, rows, radius, ramp, norm, who=who,
                                precision=known.name, projection=how.projection, rng=draws, served=served)
    push = _push(how, labels, network, amplitude, lower, upper, known, who)
    return _student(points, y, labels, guide, bumps, norm, radius, how, amplitude, known, push)


def _served(how: Recipe, labels: Labels, data: Gaps, network: Network, amplitude: float, *, absent: bool,
            who: str) -> NDArray[np.bool_]:
    """Return which of the distinct data get a bump."""
    kept = labels.take(data.rows)
    if how.one_sided:
        return kept.scores > 0
    if how.patch:
        if absent:
            raise ValueError(f"{who}: patch=True needs a teacher; pass teacher=...")
        return ~certified_right(data.lower, data.upper, kept, network, amplitude)
    return np.ones(data.rows.size, bool)


def _amplitude(labels: Labels, network: Network, data: Gaps, points: Array, radius: float, ramp: float | None,
               known: Format, who: str) -> float:
    """Return B: 1 or the labels' bound for one output, the power of two above the teacher's range for K.

    The range counts over the data's bounding box widened by the radius and the widest ramp that could be used.
    """
    if labels.outputs == 1:
        return labels.bound
    need = vanishing(points.shape[1], known.unit)
    widest = default_ramp(data.usual, need, data.pair, known, who) if ramp is None else float(ramp)
    return _bounded(labels, network, points, radius + widest, known, who)


def _bounded(labels: Labels, network: Network, points: Array, margin: float, known: Format, who: str) -> float:
    """Return B for one output; for K the power of two above |T| over the data's bounding box widened by margin.

    Clamping scores below their range would damage the teacher's argmax. Off that box the clamp may act; on the
    balls the labels hold whatever B is.
    """
    if labels.outputs == 1:
        return labels.bound
    low, high = interval_bounds(network, points.min(axis=0)[None, :] - margin, points.max(axis=0)[None, :] + margin)
    largest = float(max(np.abs(low).max(), np.abs(high).max()))
    if not largest <= known.largest:
        raise ValueError(f"{who}: teacher reaches {largest!r} over the data's bounding box widened by "
                         f"{margin!r}; scores must be bounded by {known.largest!r}: rescale the teacher's last layer")
    return power_of_two_above(largest)


def _push(how: Recipe, labels: Labels, network: Network, bound: float, lower: Array, upper: Array, known: Format,
          who: str) -> float:
    """Return kappa, the weight of a bump that is added to the teacher: a power of two that outvotes it on the boxes.

    Twice what real arithmetic asks for, so that no rounding of the joint sum matters: the teacher's part of it is
    bounded by the sum of its terms' sizes over the hull of all boxes, not by its value.
    """
    if how.gate == "clip":
        return 4 * bound
    if how.gate == "cap":
        return 2 * bound
    if how.gate not in ("additive", "argmax"):
        return 1.0
    hull = known.down(lower.min(axis=0))[None, :], known.up(upper.max(axis=0))[None, :]
    last = network.layers[-1]
    below = hull if network.depth == 1 else layer_bounds(network, *hull)[-2]
    ends = [np.asarray(end, dtype=np.float64).reshape(-1) for end in below]
    reach = abs(last.weight).astype(np.float64) @ np.maximum(np.abs(ends[0]), np.abs(ends[1])) + np.abs(last.bias)
    largest = float(reach.max()) * (1.0 + 2.0**-20)
    if not largest <= known.largest:
        raise ValueError(f"{who}: teacher's terms reach {largest!r} over the balls; recipe={how.name!r} must outvote "
                         f"them, up to {known.largest!r}: rescale the teacher's last layer or use recipe='clip'")
    if how.gate == "additive":
        return power_of_two_above(2 * (bound + largest))
    return power_of_two_above(4 * largest if labels.outputs > 1 else 2 * largest)
