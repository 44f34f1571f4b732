"""Steps by majority vote: p(t) = P(at least ``threshold`` of ``count`` coins of chance z(t) show heads).

z(t) = ((1 + t) / 2)^power rises with t, and so does the vote: the largest errors are the two values at the edges. They
are bounded in rational arithmetic. No cancellation, values in [0, 1], nonnegative powers of a nonnegative z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, bdtrc

from constructive._checks import as_count
from constructive.nearinit.step import StepTask

Array = NDArray[np.float64]

LARGEST_COUNT = 400


@dataclass(frozen=True, slots=True, eq=False)
class BernsteinStep:
    """p(t) = sum_(j >= threshold) C(count, j) z^j (1 - z)^(count - j), z = ((1 + t) / 2)^power; nondecreasing in t.

    ``certified`` bounds the errors of the polynomial at the edges of the two sets, from above, in rational arithmetic,
    plus the rounding of its computed values.
    """

    task: StepTask
    power: int
    count: int
    threshold: int
    certified: tuple[float, float]

    @property
    def degree(self) -> int:
        """The degree power * count."""
        return self.power * self.count

    @property
    def total(self) -> int:
        """The sum of |coefficients| of p as a polynomial in z, exact: at most 3^count, and it bounds those in t."""
        return sum(abs(q) for q in vote_coefficients(self.count, self.threshold))

    @property
    def rounding(self) -> float:
        """A bound of the distance of computed values from p: 2^-52 count (power + 9).

        With u = 2^-53, and powers right within 4 u: z errs by (power + 5) u, which moves p by at most count times as
        much; the terms of the sum, nonnegative and at most 1 in all, err by (2 count + 12) u in relative terms.
        """
        return 2.0**-52 * self.count * (self.power + 9)

    def __call__(self, t: ArrayLike) -> Array:
        base = 0.5 * (1.0 + np.clip(np.asarray(t, dtype=np.float64), -1.0, 1.0))
        return vote(base**self.power, self.count, self.threshold)


def vote(z: Array, count: int, threshold: int) -> Array:
    """Return P(Bin(count, z) >= threshold) for chances z of any shape, as a sum of nonnegative terms."""
    chance = np.asarray(z, dtype=np.float64)[..., None]
    j = np.arange(threshold, count + 1)
    ways = np.array([float(math.comb(count, int(k))) for k in j])
    return np.asarray(np.minimum(1.0, (ways * chance**j * (1.0 - chance) ** (count - j)).sum(axis=-1)))


def vote_exactly(z: Fraction, count: int, threshold: int) -> Fraction:
    """Return P(Bin(count, z) >= threshold) of a rational chance, exactly."""
    rest = 1 - z
    return sum((math.comb(count, j) * z**j * rest ** (count - j) for j in range(threshold, count + 1)), Fraction(0))


def vote_coefficients(count: int, threshold: int) -> tuple[int, ...]:
    """Return the integers q_0, ..., q_count with P(Bin(count, z) >= threshold) = sum q_k z^k.

    q_k = (-1)^(k - threshold) C(count, k) C(k - 1, threshold - 1) from k = threshold on.

    >>> vote_coefficients(3, 2)
    (0, 0, 3, -2)
    """
    head = (0,) * threshold
    return head + tuple((-1) ** (k - threshold) * math.comb(count, k) * math.comb(k - 1, threshold - 1)
                        for k in range(threshold, count + 1))


def chernoff_errors(count: int, threshold: int, high: float, low: float) -> tuple[float, float]:
    """Return bounds of P(Bin(count, high) < threshold) and P(Bin(count, low) >= threshold), exp(-count KL).

    The bounds hold on one side of the mean only: 1 is returned where (threshold - 1) / count > high or
    threshold / count < low. Leaving that out certifies falsehoods.
    """
    below, above = (threshold - 1) / count, threshold / count
    first = math.exp(-count * _divergence(below, high)) if below <= high else 1.0
    return first, math.exp(-count * _divergence(above, low)) if above >= low else 1.0


def _divergence(a: float, b: float) -> float:
    # KL of coins of chance a against b, for a <= b or a >= b; infinite where b rules a out.
    left = 0.0 if a == 0.0 else math.inf if b == 0.0 else a * math.log(a / b)
    right = 0.0 if a == 1.0 else math.inf if b == 1.0 else (1.0 - a) * math.log((1.0 - a) / (1.0 - b))
    return left + right


def best_power(task: StepTask) -> int:
    """Return the power that separates z at the two edges most, log(B / A) / (B - A) rounded, at least 1.

    A = -log((1 + own) / 2), B = -log((1 + foreign) / 2). As own tends to 1 it grows without bound, slowly; it is cut
    where z at the foreign edge is below foreign_error, when a single coin decides.
    """
    low = -math.log((1.0 + task.foreign) / 2.0) if task.foreign > -1.0 else math.inf
    high = -math.log((1.0 + task.own) / 2.0)
    if math.isinf(low):
        return 1
    single = math.ceil(-math.log(min(task.foreign_error, 0.5)) / low)
    if high == 0.0:
        return single
    return max(1, min(single, round(math.log(low / high) / (low - high))))


def bernstein_step(task: StepTask, *, power: int | None = None, count: int | None = None) -> BernsteinStep:
    """Return the vote with the fewest coins that solves the task, proved; ``certified`` <= the task's errors.

    Among thresholds the one with the smallest larger ratio of error to tolerance is taken. ``power`` defaults to the
    separating one (:func:`best_power`). With ``count`` given, that many coins are used whether or not they suffice:
    look at ``certified``. Raises ValueError if 400 coins do not suffice.

    >>> from constructive.nearinit.step import separated_task
    >>> step = bernstein_step(separated_task(1.0, 0.1, own_error=0.05, foreign_error=0.0025), power=22)
    >>> step.count, step.threshold, round(step.certified[1], 9)
    (3, 2, 0.000141668)
    """
    who = "bernstein_step"
    exponent = best_power(task) if power is None else as_count(power, who, "power", at_least=1)
    high, low = ((1.0 + task.own) / 2.0) ** exponent, ((1.0 + task.foreign) / 2.0) ** exponent
    if count is not None:
        coins = as_count(count, who, "count", at_least=1, at_most=LARGEST_COUNT)
        return _certified(task, exponent, coins, best_threshold(task, high, low, coins)[0])
    for coins in range(1, LARGEST_COUNT + 1):
        threshold, ratio = best_threshold(task, high, low, coins)
        if ratio <= 1.0:
            step = _certified(task, exponent, coins, threshold)
            if step.certified[0] <= task.own_error and step.certified[1] <= task.foreign_error:
                return step
    raise ValueError(f"{who}: more than {LARGEST_COUNT} coins are needed for own={task.own!r}, foreign="
                     f"{task.foreign!r} at power {exponent}; use chebyshev_step, or smaller caps")


def best_threshold(task: StepTask, high: float, low: float, count: int) -> tuple[int, float]:
    """Return the threshold whose larger error in units of its tolerance is smallest, and that ratio.

    ``high`` and ``low`` are the chances at the edges own and foreign. In floating point: a search, not a proof.
    """
    j = np.arange(1, count + 1)
    ratios = np.maximum(bdtr(j - 1, count, high) / task.own_error, bdtrc(j - 1, count, low) / task.foreign_error)
    best = int(np.argmin(ratios))
    return best + 1, float(ratios[best])


_GRID = 256
"""Chances at the edges are rounded to multiples of 2^-256, each to the side that makes its error larger."""


def edge_errors(high: Fraction, low: Fraction, count: int, threshold: int) -> tuple[float, float]:
    """Return 1 - vote(high) and vote(low), rounded up: the largest errors of a vote that rises with its chance."""
    below, above = Fraction(math.floor(high * 2**_GRID), 2**_GRID), Fraction(math.ceil(low * 2**_GRID), 2**_GRID)
    return _rounded_up(1 - vote_exactly(below, count, threshold)), _rounded_up(vote_exactly(above, count, threshold))


def _rounded_up(value: Fraction) -> float:
    near = float(value)
    return near if Fraction(near) >= value else math.nextafter(near, math.inf)


def _certified(task: StepTask, power: int, count: int, threshold: int) -> BernsteinStep:
    high, low = ((1 + Fraction(edge)) / 2 for edge in (task.own, task.foreign))
    errors = edge_errors(high**power, low**power, count, threshold)
    plain = BernsteinStep(task, power, count, threshold, errors)
    return BernsteinStep(task, power, count, threshold, (errors[0] + plain.rounding, errors[1] + plain.rounding))
