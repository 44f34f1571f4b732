"""What overfitting costs in robust risk: teacher and student on one test sample, between the two bounds.

For a student that memorizes (x_i, y_i) on balls of radius r with ramp w and scores +-s, and a perturbation delta, let
``mu(rho, t) = P(some i with y_i != y has sum_j relu(|x_j - x_ij| - rho) <= t)``. Then

    mu(delta + r, 0)  <=  R_delta(student)  <=  R_delta(teacher) + mu(delta + r, w s / (1 + s)),

the left side for every memorizer whatever. Data flow: a population -> data at a stated spacing, a test sample ->
the teacher's verdict on each ball (bounds over the ball, else an evaluated wrong point) -> the student's verdict (its
exact rule, else its weights at that point) -> five shares of the same test points, each from both sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_count, as_number
from constructive.certificates.branching import decide
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.goals import Goal
from constructive.certificates.linear import affine_bounds
from constructive.certificates.structural import structural_bounds
from constructive.domain import inward_boxes, outward_boxes
from constructive.evidence import Bracket, Table
from constructive.experiments.running import seed_of
from constructive.experiments.spacing import spaced_data
from constructive.network import Network
from constructive.populations import LabelLaw, difference_bracket, risk_bracket, sample_bracket
from constructive.students import Recipe, Student, memorize, robust_verdicts, unavoidable
from constructive.students.boxes import Bumps
from constructive.students.robustness import interference
from constructive.teachers import Teacher, as_teacher, range_on_boxes

Array = NDArray[np.float64]
Verdicts = NDArray[np.int8]

_CORNERS = 5
_TINY = float(np.finfo(np.float64).tiny)
_WORK = 1 << 16
"""Weights that branch and bound may look at for each ball where nothing else decides, on average."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskCase:
    """One situation: where points come from, what is memorized and how, and how far a test point may be moved.

    ``population``: any law with two classes; ``teacher``: any teacher or network with one score, positive for the
    larger label. ``spacing``: least l_inf distance of two data, by
    default 2 (radius + ramp), so that supports are disjoint; points drawn closer to an earlier datum are passed over.
    ``points``: size of the test sample; ``confidence`` of each bracket for the population. Raises ValueError for
    numbers out of range, another number of classes, or a spacing below 2 (radius + ramp).
    """

    population: LabelLaw
    teacher: Teacher | Network
    n: int
    radius: float
    ramp: float
    delta: float
    amplitude: float = 1.0
    spacing: float | None = None
    points: int = 4000
    confidence: float = 0.99

    def __post_init__(self) -> None:
        who = "RiskCase"
        as_count(self.n, who, "n", at_least=1)
        as_count(self.points, who, "points", at_least=1)
        as_number(self.radius, who, "radius", at_least=0.0)
        as_number(self.ramp, who, "ramp", above=0.0)
        as_number(self.delta, who, "delta", at_least=0.0)
        as_number(self.amplitude, who, "amplitude", above=0.0, at_most=1.0)
        as_number(self.confidence, who, "confidence", above=0.0, below=1.0)
        if len(self.population.classes) != 2:
            raise ValueError(f"{who}: the bounds are for two classes, population has {len(self.population.classes)}")
        if self.spacing is not None and as_number(self.spacing, who, "spacing") < self.needed:
            raise ValueError(f"{who}: spacing={self.spacing!r} must be at least 2 (radius + ramp) = {self.needed!r}, "
                             "so that no two supports meet; pass spacing=None for that")

    @property
    def needed(self) -> float:
        """2 (radius + ramp), widened by the rounding of the boxes."""
        return 2 * (float(self.radius) + float(self.ramp)) * (1 + 2.0**-40) + 2.0**-40


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """One probability from both sides: ``sample`` the share of these test points, ``population`` with a confidence."""

    sample: Bracket
    population: Bracket


@dataclass(frozen=True, slots=True, eq=False)
class RiskRow:
    """What was measured in one case; all shares are of the same test points.

    ``teacher``, ``student``: robust risks R_delta. ``above``: the bound from above, points where the teacher errs in
    the ball or a rival box is within w s / (1 + s) of it. ``below``: the bound from below for every memorizer, points
    within radius + delta of a datum with another label. ``below_where_right``: those of them where the teacher is
    right on the whole ball. ``excess``: points where the student errs in the ball and its teacher nowhere in it.
    ``change``: R_delta(student) - R_delta(teacher) of the population, from the paired verdicts; negative where the
    student heals errors of its teacher. ``noise``: the population's.
    """

    case: RiskCase
    noise: float
    teacher: Share
    student: Share
    above: Share
    below: Share
    below_where_right: Share
    excess: Share
    change: Bracket

    @property
    def reach(self) -> float:
        """The l_1 distance w s / (1 + s) from a ball within which a rival box makes an error."""
        return float(self.case.ramp * self.case.amplitude / (1 + self.case.amplitude))


def robust_risks(case: RiskCase, *, rng: np.random.Generator | int = 0) -> RiskRow:
    """Return teacher's and student's robust risk with the bounds from above and below, on one drawn sample.

    Verdicts on the sample are proved; points that stay unknown widen the brackets. For each point the student is
    wrong only where ``above`` counts it, and wrong wherever ``below`` counts it. The same ``rng`` gives the same
    candidates for data and the same test points to every case with one population. Raises ValueError where n data do
    not fit at that spacing, or where both labels do not occur. Source: arXiv:2401.13624 for the setting; the bounds
    are ours.

    >>> from constructive.populations import Population
    >>> population = Population(lambda P: P[:, 0] - 0.5, 2, noise=0.1)
    >>> teacher = Network.build([([[1.0, 0.0]], [-0.5])])
    >>> row = robust_risks(RiskCase(population, teacher, n=40, radius=0.02, ramp=0.01, delta=0.02, points=500))
    >>> row.below.sample.upper <= row.student.sample.lower <= row.student.sample.upper <= row.above.sample.upper
    True
    """
    seed = seed_of(rng, "robust_risks")
    return _row(case, _memorizer(case, seed), _tested(case, seed))


def sweep(case: RiskCase, over: str, values: Sequence[float], *,
          rng: np.random.Generator | int = 0) -> tuple[RiskRow, ...]:
    """Return one row for each value of one argument, all on the same candidates for data and the same test points.

    ``over``: "n", "radius", "ramp", "amplitude", "delta" or "noise". The spacing is the largest that any of the
    rows needs, so that data stay the same where only radius, ramp, amplitude or delta change; a larger n adds data, a
    larger noise flips more labels. Raises ValueError for another name, or values that a case refuses.
    """
    who = "sweep"
    if over not in ("n", "radius", "ramp", "amplitude", "delta", "noise"):
        raise ValueError(f"{who}: over={over!r} must be 'n', 'radius', 'ramp', 'amplitude', 'delta' or 'noise'")
    if len(values) == 0:
        raise ValueError(f"{who}: values is empty; pass at least one")
    seed = seed_of(rng, who)
    cases = [_changed(case, over, value) for value in values]
    spacing = max(each.needed for each in cases) if case.spacing is None else case.spacing
    cases = [replace(each, spacing=spacing) for each in cases]
    if over in ("delta", "noise"):
        return tuple(_row(each, _memorizer(each, seed), _tested(each, seed)) for each in cases)
    tested = _tested(cases[0], seed)  # balls and labels are the same in all rows, and so is what the teacher says
    return tuple(_row(each, _memorizer(each, seed), tested) for each in cases)


def _changed(case: RiskCase, over: str, value: float) -> RiskCase:
    """Return the case with one argument changed; its spacing is left to the caller."""
    if over == "noise":
        law: Any = case.population
        return replace(case, population=replace(law, noise=float(value)), spacing=None)
    changes: dict[str, Any] = {over: int(value) if over == "n" else float(value), "spacing": None}
    return replace(case, **changes)


def risk_table(rows: Sequence[RiskRow], title: str = "Robust risk between its bounds") -> Table:
    """Return the rows as a table of shares on the sample; an unknown share shows as an interval."""
    names = ("below", "student", "above", "teacher", "excess", "below_where_right")
    words = ("any memorizer >=", "student", "student <=", "teacher", "excess", ">= where teacher right")
    return Table(title, ("n", "noise", "radius", "ramp", "amplitude", "delta", *words), tuple(
        (row.case.n, row.noise, row.case.radius, row.case.ramp, row.case.amplitude, row.case.delta,
         *(_shown(getattr(row, name).sample) for name in names)) for row in rows),
        "shares of the same test points; excess: student errs in the ball, teacher nowhere in it")


def _shown(share: Bracket) -> object:
    return share.lower if share.width == 0.0 else f"[{share.lower:.6g}, {share.upper:.6g}]"


def _memorizer(case: RiskCase, seed: int) -> Student:
    """Return the student of the case's data."""
    spacing = case.needed if case.spacing is None else float(case.spacing)
    X, y = spaced_data(case.population, case.n, spacing, rng=np.random.default_rng([seed, 0]))
    if np.unique(y).size < 2:
        raise ValueError(f"robust_risks: all {case.n} data drawn have label {y[0]}; pass a larger n or another rng")
    return memorize(X, y, radius=case.radius, teacher=case.teacher, ramp=case.ramp,
                    recipe=Recipe("clip", amplitude=case.amplitude))


@dataclass(frozen=True, slots=True, eq=False)
class _Tested:
    """A test sample (m, d), labels (m,), signs; the teacher's verdicts on the balls, its wrong points or NaN."""

    points: Array
    labels: NDArray[Any]
    signs: Array
    verdicts: Verdicts
    wrong: Array


def _tested(case: RiskCase, seed: int) -> _Tested:
    """Return the test sample of a case with the teacher's verdicts: bounds over each ball, else a wrong point."""
    points, labels = case.population.sample(case.points, np.random.default_rng([seed, 1]))
    signs, teacher = np.where(labels == max(case.population.classes), 1.0, -1.0), as_teacher(case.teacher)
    below, above = range_on_boxes(teacher, *outward_boxes(points, case.delta))
    out = np.where(np.where(signs > 0, below[:, 0] > 0, above[:, 0] < 0), 0, -1).astype(np.int8)
    found = np.full(points.shape, np.nan)
    network, rest = teacher.to_network(), np.flatnonzero(out == -1)
    if rest.size:
        for tried in _candidates(network, points[rest], signs[rest], case.delta):
            wrong = _wrong_at(network, tried, signs[rest]) & (out[rest] == -1)
            out[rest[wrong]], found[rest[wrong]] = 1, tried[wrong]
    rest = np.flatnonzero(out == -1)
    out[rest], found[rest] = _searched(network, points[rest], signs[rest], case.delta)
    return _Tested(points, labels, signs, out, found)


def _row(case: RiskCase, student: Student, tested: _Tested) -> RiskRow:
    """Return the shares on the test sample."""
    points, labels, signs, taught = tested.points, tested.labels, tested.signs, tested.verdicts
    # of the teacher the rule asks where it is right on the whole ball
    bounds = (np.where((taught == 0) & (signs > 0), _TINY, -np.inf),
              np.where((taught == 0) & (signs < 0), -_TINY, np.inf))
    told = robust_verdicts(student, points, labels, case.delta, bounds)
    rest = np.flatnonzero((told == -1) & (taught == 1))
    told[rest[_wrong_at(student.to_network(), tested.wrong[rest], signs[rest])]] = 1
    rest = np.flatnonzero(told == -1)
    told[rest] = _searched(student.to_network(), points[rest], signs[rest], case.delta)[0]
    met = unavoidable(student.X, student.y, case.radius, points, labels, case.delta)
    near = np.zeros(len(points), bool)
    if isinstance(student.bumps, Bumps):
        ratio = Fraction(case.amplitude) / (1 + Fraction(case.amplitude))
        near = interference(student.bumps, points, signs, case.delta, ratio)

    def share(verdicts: NDArray[Any]) -> Share:
        return Share(sample_bracket(verdicts.astype(np.int8)), risk_bracket(verdicts.astype(np.int8), case.confidence))

    # where the teacher is right on the ball the student errs in it if and only if a rival box is near
    return RiskRow(case, float(case.population.noise), share(taught), share(told), share(np.where(near, 1, taught)),
                   share(met), share(_and_right(met, taught)), share(_and_right(near, taught)),
                   difference_bracket(told, taught, case.confidence))


def _and_right(event: NDArray[np.bool_], taught: Verdicts) -> Verdicts:
    """Return the verdicts on "the event, and the teacher right on the ball"."""
    return np.where(~event | (taught == 1), 0, np.where(taught == 0, 1, -1)).astype(np.int8)


def _candidates(network: Network, points: Array, signs: Array, delta: float) -> list[Array]:
    """Return points of the balls: the centers, the corner that the slope over the ball points to, other corners."""
    low, high = inward_boxes(points, delta)
    slope = affine_bounds(network, *outward_boxes(points, delta)).slope[:, 0, :] * signs[:, None]
    tried = [points, np.where(slope > 0, low, high)]
    d = points.shape[1]
    patterns = np.indices((2,) * d).reshape(d, -1).T[:, None, :] if d <= _CORNERS else (
        np.random.default_rng(0).integers(0, 2, (2**_CORNERS, *points.shape)))
    return tried + [np.where(pattern == 0, low, high) for pattern in patterns]


def _searched(network: Network, points: Array, signs: Array, delta: float) -> tuple[Verdicts, Array]:
    """Return what branch and bound says of the few balls that are left, and its wrong points."""
    if len(points) == 0:
        return np.zeros(0, np.int8), points
    boxes = max(1, _WORK // max(1, network.size.nonzeros))
    found = decide(network, points, delta, math.inf, Goal("sign", signs), budget=boxes * len(points))
    proved = found.verdict.copy()
    wrong = np.flatnonzero(proved == 1)
    proved[wrong[~_wrong_at(network, found.witness[wrong], signs[wrong])]] = -1
    return proved, found.witness


def _wrong_at(network: Network, points: Array, signs: Array) -> NDArray[np.bool_]:
    """Return where the score at the point itself is proved wrong: 0 or of the other sign, rounding counted."""
    if points.shape[0] == 0:
        return np.zeros(0, bool)
    found = structural_bounds(network, points, points, tight=True)
    low, high = interval_bounds(network, points, points) if found is None else found
    return np.where(signs > 0, high[:, 0] <= 0, low[:, 0] >= 0)


__all__ = ["RiskCase", "RiskRow", "Share", "robust_risks", "sweep", "risk_table", "spaced_data"]
