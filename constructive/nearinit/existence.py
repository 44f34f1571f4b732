"""How wide is enough: bounds for closed-form weights that hold before a unit is drawn, and a report beside them.

The pseudo-network is a mean over m independent units, its expectation the target. Over all points x at once it can
be off the target by more than at one point, but not by much more: the units' gates show at most Pi patterns on the
sphere, ln Pi = O(d ln m). Symmetrization and a maximal inequality over patterns give, with R^2 = E|theta|^2,
    E sup |g - target| <= 2 R (1 + sqrt(2 ln Pi)) / sqrt(m)    for moves along the data,
    E sup |g - target| <= 2 R sqrt(2 ln(2 Pi) / m)             for moves along a constant coordinate,
so that a width linear in d, up to its logarithm, suffices. Bounded moves concentrate: with chance at most ``failure``
the supremum exceeds its mean E by more than H sqrt(2 l / m), l = ln(1 / failure) (bounded differences: McDiarmid), or
by more than sqrt(2 l (R^2 + 2 (H + R) E) / m) + (H + R) l / (3 m) (Bousquet 2002); for other moves, Markov's
inequality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp

from constructive._checks import as_count, as_number
from constructive.nearinit.closed_form import (
    AtomSum,
    PowerSum,
    as_labels,
    bounded_frobenius,
    bounded_largest,
    constant_height,
    hermite_frobenius,
)
from constructive.nearinit.geometry import Caps
from constructive.nearinit.step import StepTask

Array = NDArray[np.float64]

__all__ = ["Prediction", "existence_width", "log_patterns", "predict_existence"]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What closed-form weights will do at a width, before units are drawn; made by :func:`predict_existence`.

    With probability at least 1 - failure (on average over draws if failure is None):
    sup |g - target| <= ``deviation`` over all points of the sphere, or of the slice for moves along a constant
    coordinate; always |target - y_i| <= ``construction`` on cap i. ``frobenius`` is the root of E|theta|^2 and
    ``largest`` bounds every |theta_r|; inf for Hermite weights.
    """

    width: int
    construction: float
    deviation: float
    frobenius: float
    largest: float
    failure: float | None

    @property
    def total(self) -> float:
        """The sum construction + deviation: a bound of |g - y_i| on cap i."""
        return self.construction + self.deviation


def log_patterns(count: int, dimension: int) -> float:
    """Return ln(2 sum_(j < d) C(m - 1, j)), at least the log of how many gate patterns m units show on the sphere.

    m = ``count`` units <w, x> + b >= 0 on unit x in R^d, d = ``dimension``; on the slice of points that share one
    coordinate, pass d - 1. Proof: m small spheres cut the sphere into at most that many cells, since a new one adds
    at most as many as the others cut it into, itself a sphere of one dimension less: Pascal's rule. Great spheres in
    general position reach it. At most ln 2 + d ln(e m / d) for m > d. Correct to some 1e-12 of ln m!.
    Raises ValueError for count < 1 or dimension < 1.

    >>> round(math.exp(log_patterns(9, 2))), round(math.exp(log_patterns(7, 3)))
    (18, 44)
    """
    who = "log_patterns"
    m, d = as_count(count, who, "count", at_least=1), as_count(dimension, who, "dimension", at_least=1)
    if d >= m:
        return m * math.log(2.0)
    j = np.arange(d)
    return math.log(2.0) + float(logsumexp(gammaln(m) - gammaln(j + 1) - gammaln(m - j)))


def predict_existence(caps: Caps, y: ArrayLike, step: AtomSum | PowerSum, width: int, *, failure: float | None = 0.05,
            paired: bool = False) -> Prediction:
    """Return what bounded weights (for a step of atoms) or Hermite weights (for a power series) will do at a width.

    deviation, with m independent units, R and H the root mean square and the largest size of the moves, E the bound of
    the expected supremum at the head of this module: for bounded weights E and the least of the three excesses named
    there; for Hermite weights E / failure (Markov); E itself if failure is None. ``paired``: the width counts both
    copies of each unit. Raises ValueError for arguments that do not fit, among them a step whose task leaves out inner
    products that occur on the caps.

    >>> from constructive.nearinit import atoms, caps, step
    >>> two = caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.1)
    >>> best = atoms.atomic_step(step.step_task(two, error=0.2))
    >>> predict_existence(two, [1.0, -1.0], best, 10**6).total < 0.3
    True
    """
    who = "predict_existence"
    labels = as_labels(y, caps, who)
    count = as_count(width, who, "width", at_least=2 if paired else 1)
    chance = None if failure is None else as_number(failure, who, "failure", above=0.0, below=1.0)
    frobenius, largest = _sizes(caps, labels, step)
    _covers(step.task, caps, who)
    own, foreign = step.certified
    sizes = np.abs(labels)
    construction = float((sizes * own + (sizes.sum() - sizes) * foreign).max())
    independent = count // 2 if paired else count
    height = abs(constant_height(caps, step.direction, who))  # on the slice <theta_r, x> is height times the move
    deviation = _deviation(independent, caps.dimension, step.direction, height * frobenius, height * largest, chance)
    return Prediction(count, construction, deviation, frobenius, largest, chance)


def existence_width(caps: Caps, y: ArrayLike, step: AtomSum | PowerSum, error: float, *,
                    failure: float | None = None) -> int:
    """Return a width m at which |g - y_i| <= error on all caps is proved, and is not at m - 1 by the same bounds.

    failure None: on average over draws, so that weights within the error exist; else with probability 1 - failure.
    Conservative: attacks on whole spheres found deviations 6 to 30 times below the bound. Raises
    ValueError if the step's own certified errors already exceed the error.

    >>> from constructive.nearinit import atoms, caps, step
    >>> two = caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.1)
    >>> best = atoms.atomic_step(step.step_task(two, error=0.2))
    >>> existence_width(two, [1.0, -1.0], best, 0.5) < 10**5
    True
    """
    who = "existence_width"
    wanted = as_number(error, who, "error", above=0.0)
    construction = predict_existence(caps, y, step, 1, failure=failure).construction
    if construction >= wanted:
        raise ValueError(f"{who}: error={wanted!r} must exceed {construction:.6g}, how far the target itself may be "
                         "from the labels; pass a step of smaller certified errors")
    high = 1
    while predict_existence(caps, y, step, high, failure=failure).total > wanted:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if predict_existence(caps, y, step, middle, failure=failure).total <= wanted:
            high = middle
        else:
            low = middle
    return high


def _covers(task: StepTask, caps: Caps, who: str) -> None:
    slack = 2.0**-48  # inner products of the caps are right to a few roundings
    if task.own <= caps.own + slack and (caps.n == 1 or (
            task.foreign >= caps.foreign - slack and task.least <= caps.least + slack)):
        return
    raise ValueError(f"{who}: the step's task has own={task.own:.9g}, foreign={task.foreign:.9g}, least="
                     f"{task.least:.9g}, but on the caps these are {caps.own:.9g}, {caps.foreign:.9g}, "
                     f"{caps.least:.9g}; make the step for step_task(caps, error)")


def _sizes(caps: Caps, labels: Array, step: AtomSum | PowerSum) -> tuple[float, float]:
    if isinstance(step, AtomSum):
        return bounded_frobenius(caps, labels, step), bounded_largest(caps, labels, step)
    return hermite_frobenius(caps, labels, step), math.inf


def _deviation(m: int, dimension: int, direction: str, frobenius: float, largest: float, failure: float | None
               ) -> float:
    if direction == "anchor":  # |sum of +-theta_r over a pattern| has mean <= (sum |theta_r|^2)^(1/2), and concentrates
        expected = 2.0 * frobenius * (1.0 + math.sqrt(2.0 * log_patterns(m, dimension))) / math.sqrt(m)
    else:  # sums of signed numbers, both signs of each pattern: Massart's lemma
        expected = 2.0 * frobenius * math.sqrt(2.0 * (math.log(2.0) + log_patterns(m, dimension - 1)) / m)
    if failure is None:
        return expected
    rare = math.log(1.0 / failure)
    bounded_differences = largest * math.sqrt(2.0 * rare / m)
    swing = largest + frobenius  # of one unit's term about its mean, which is at most E|theta|
    variance = frobenius**2 + 2.0 * swing * expected
    bousquet = math.sqrt(2.0 * rare * variance / m) + swing * rare / (3.0 * m)
    return min(expected + min(bounded_differences, bousquet), expected / failure)
