"""What a step costs as random features, from both sides: of order 1 / sqrt(distance), whatever the weights.

The cost of a power series p is |p| = (sum_k (p_k / sigma_k)^2)^(1/2), the L_2 norm of the least weights that realize
p(<x_i, x>) as a mean of random gates. From above: a vote on z(t) = 1 / (1 + c (1 - t)), whose chances at the edges of
the two sets depend on radius / distance alone and whose powers have norms of order c^(1/4). From below: two points a
step apart, whose gates mostly agree. The least cost itself is bracketed by :func:`least_norm`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.evidence import Bracket
from constructive.nearinit.atoms import atomic_step
from constructive.nearinit.bernstein import best_threshold, edge_errors, vote, vote_coefficients
from constructive.nearinit.series import agreement, feature_norms
from constructive.nearinit.step import Direction, StepTask

Array = NDArray[np.float64]

_MOST_TERMS = 4_000_000
_MOST_COINS = 60


def least_norm(task: StepTask, *, direction: Direction = "constant", slack: float = 1e-4) -> Bracket:
    """Return a bracket of the least cost of any power series that solves the task, ENCLOSED.

    From above a certified step, from below duality; the ends differ by about ``slack`` in relative terms, more where
    the gap between the sets is small against the distance.

    >>> from constructive.nearinit.step import separated_task
    >>> bracket = least_norm(separated_task(1.0, 0.0, own_error=0.05, foreign_error=0.0025))
    >>> round(bracket.lower, 3), round(bracket.upper, 3)
    (4.342, 4.342)
    """
    step = atomic_step(task, direction=direction, slack=slack)
    return Bracket(step.least_cost, step.cost * (1.0 + 2.0**-30))


def weight_bound(distance: float, change: float) -> float:
    """Return the least L_2 norm of any weights h whose mean of gates changes by ``change`` over ``distance``.

    For unit x, x': E h 1{<w, x> + b >= 0} - E h 1{<w, x'> + b >= 0} <= |h| (1 - 2 kappa(<x, x'>))^(1/2), and
    1 - 2 kappa = (2 / pi) asin(distance / sqrt 8): the bound is about change (pi sqrt(2) / distance)^(1/2). With labels
    y_i, y_j that far apart and fits within eps, change = |y_i - y_j| - 2 eps. Needs 0 < distance <= 2, change >= 0.

    >>> round(weight_bound(2.0, 1.0), 12) == round(2**0.5, 12)
    True
    """
    who = "weight_bound"
    apart = as_number(distance, who, "distance", above=0.0, at_most=2.0)
    return as_number(change, who, "change", at_least=0.0) / math.sqrt(2.0 / math.pi * math.asin(apart / math.sqrt(8.0)))


def step_bound(task: StepTask, *, direction: Direction = "constant") -> float:
    """Return a closed-form lower bound of the cost of any step: from the two edges of the gap alone.

    (1 - own_error - foreign_error) / |B_own - B_foreign|, with B_s = kappa(s .), or t s kappa(s t) for the direction
    "anchor", and distances of the space whose kernel it is. Of order 1 / sqrt(distance) at fixed radius / distance.
    """
    change = max(0.0, 1.0 - task.own_error - task.foreign_error)
    edges = np.array([task.own, task.foreign])
    gram = agreement(np.outer(edges, edges)) * (np.outer(edges, edges) if direction == "anchor" else 1.0)
    apart = float(gram[0, 0] - 2.0 * gram[0, 1] + gram[1, 1])
    return change / math.sqrt(apart + 2.0**-48)  # the four terms are at most 1/2 and err by a few 2^-53


@dataclass(frozen=True, slots=True, eq=False)
class RationalStep:
    """p(t) = P(Bin(count, z(t)) >= threshold), z(t) = 1 / (1 + steepness (1 - t)): a power series, nondecreasing.

    ``certified`` bounds both errors in rational arithmetic at the edges, plus rounding; ``cost`` bounds the norm of the
    power series from above, the tail and roundings included.
    """

    task: StepTask
    steepness: float
    count: int
    threshold: int
    certified: tuple[float, float]
    cost: float

    @property
    def chances(self) -> tuple[float, float]:
        """The chances z at the edges own and foreign: 1 - r / s and r / s for caps of radius r at distance s."""
        return 1.0 / (1.0 + self.steepness * (1.0 - self.task.own)), 1.0 / (
            1.0 + self.steepness * (1.0 - self.task.foreign))

    @property
    def total(self) -> int:
        """The sum of |coefficients| of p as a polynomial in z."""
        return sum(abs(q) for q in vote_coefficients(self.count, self.threshold))

    def __call__(self, t: ArrayLike) -> Array:
        x = np.clip(np.asarray(t, dtype=np.float64), -1.0, 1.0)
        return vote(1.0 / (1.0 + self.steepness * (1.0 - x)), self.count, self.threshold)


def rational_step(task: StepTask, *, steepness: float | None = None) -> RationalStep:
    """Return the vote with the fewest coins on z(t) = 1 / (1 + c (1 - t)) that solves the task, proved.

    c = steepness defaults to ((1 - own) (1 - foreign))^(-1/2), which makes the chances at the edges add up to 1; for
    own = 1, and where one coin does with less, to the cheapest of the c with z(foreign)^count = foreign_error. For caps
    of radius r at distance s the number of coins depends on r / s and the errors alone, and cost <= C s^(-1/2).
    Raises ValueError if 60 coins do not suffice.

    >>> from constructive.nearinit.step import separated_task
    >>> step = rational_step(separated_task(0.5, 0.05, own_error=0.05, foreign_error=0.0025))
    >>> step.count, step.threshold, round(step.cost, 5)
    (6, 4, 36.32961)
    """
    who = "rational_step"
    if steepness is not None:
        return _fewest(task, as_number(steepness, who, "steepness", above=0.0))
    far = 1.0 - task.foreign
    chance = min(0.5, 0.999 * task.foreign_error)
    single = (1.0 / chance - 1.0) / far
    if task.own < 1.0 and 1.0 / math.sqrt((1.0 - task.own) * far) <= single:
        return _fewest(task, 1.0 / math.sqrt((1.0 - task.own) * far))
    tries = [_fewest(task, (chance ** (-1.0 / k) - 1.0) / far) for k in (3, 4, 5)]
    return min(tries, key=lambda step: step.cost)


def _fewest(task: StepTask, steepness: float) -> RationalStep:
    # z is rational in the task's and the steepness' doubles: edges are exact fractions.
    own, foreign, c = Fraction(task.own), Fraction(task.foreign), Fraction(steepness)
    high, low = 1 / (1 + c * (1 - own)), 1 / (1 + c * (1 - foreign))
    for count in range(1, _MOST_COINS + 1):
        threshold, ratio = best_threshold(task, float(high), float(low), count)
        if ratio > 1.0:
            continue
        # With u = 2^-53: z errs by 6 u, which moves the vote by at most count times that, and the vote's own rounding
        # is bounded as in BernsteinStep.rounding.
        rounding = 2.0**-52 * count * 12
        errors = edge_errors(high, low, count, threshold)
        bounds = errors[0] + rounding, errors[1] + rounding
        if bounds[0] <= task.own_error and bounds[1] <= task.foreign_error:
            cost = series_norm(steepness, vote_coefficients(count, threshold))
            return RationalStep(task, steepness, count, threshold, bounds, cost)
    raise ValueError(f"rational_step: more than {_MOST_COINS} coins are needed for own={task.own!r}, foreign="
                     f"{task.foreign!r} at steepness {steepness:.6g}; use atomic_step, or smaller caps")


def series_norm(steepness: float, coefficients: tuple[int, ...]) -> float:
    """Return an upper bound, equal up to rounding, of the norm of sum_j q_j z^j with z = 1 / (1 + c (1 - t)).

    z^j has the negative binomial weights C(k + j - 1, k) (1 - s)^j s^k, s = c / (1 + c), at t^k. Terms are added until
    the rest, geometric up to the growth k^(3/4) of 1 / sigma_k, is below 1e-13 of the sum. Raises ValueError for more
    than 4 million terms.

    >>> round(series_norm(100.0, (0, 1)), 4)
    7.1929
    """
    who = "series_norm"
    c = as_number(steepness, who, "steepness", above=0.0)
    q = np.array([float(a) for a in coefficients])
    degree = as_count(q.size - 1, who, "the number of coefficients, less 1,", at_least=1)
    shrink, missing = c / (1.0 + c), 1.0 / (1.0 + c)
    terms = math.ceil((1.0 + c) * (2.0 * degree + 40.0)) + 50
    if terms > _MOST_TERMS:
        raise ValueError(f"{who}: steepness={c!r} needs {terms} terms, more than {_MOST_TERMS}; pass a smaller one")
    k = np.arange(terms, dtype=np.float64)
    signed, size = np.zeros(terms + 1), np.zeros(terms + 1)
    for j in range(1, degree + 1):
        growth = np.concatenate([[missing**j], shrink * (k + j) / (k + 1.0)])
        weights = np.cumprod(growth)
        signed += q[j] * weights
        size += abs(q[j]) * weights
    signed[0] += q[0]
    size[0] += abs(q[0])
    inverse = 1.0 / feature_norms(terms)
    head, rough = np.linalg.norm(signed[:-1] * inverse), np.linalg.norm(size[:-1] * inverse)
    # Term k is right to 4 k roundings, sigma_k as well; the rest is at most its first term over (1 - ratio^2)^(1/2).
    ratio = shrink * (terms + degree) / (terms + 1.0) * (1.0 + 1.0 / terms) ** 0.75
    rest = size[-1] * 4.81 * (terms + 1.0) ** 0.75 / math.sqrt(max(1.0 - ratio * ratio, 1e-300))
    return float(head + rough * 16.0 * terms * 2.0**-53 + rest * (1.0 + 2.0**-20))
