"""What is promised of adversarial training before a unit is drawn: rounds, rate, and a width linear in the dimension.

The ledger bounds the mean loss of a run by the comparator's, plus R^2 / (2 rate T) + rate / 2, plus coupling. Units
drift by at most rate T. A unit contributes to the coupling of two moves within H and H' only if its preactivation at
initialization is within v = max(H, H') / (m P) of 0, and then at most (H + H') / m. So what is needed is that at no
point of the sphere more than a small share of the units is that close to 0. At one point the share has mean
p <= v / sqrt(pi); over all points, with chance at least 1 - failure,

    share <= p + a sqrt(share),    a^2 = 4 (ln S + ln(4 / failure)) / m,    ln S <= d ln(4 e m / d).

Proof: a second draw of m units has share' <= p with chance at least 1/4. Where also share > p + a sqrt(share), the two
draws differ by a sqrt(share), at one of at most S subsets of the 2m units (open cells of the 4m planes u_r = +-v, after
widening v a little). Swap each unit with its twin by a fair coin: for a subset of k units that has chance at most
exp(-(m a sqrt(k / (2m)))^2 / (2k)) = exp(-m a^2 / 4). Plain deviations give p + O(a) instead, and a width that is the
square of this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from constructive._checks import as_count, as_number
from constructive.nearinit.units import Scale, unit_scale


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPromise:
    """With probability 1 - failure over the units: in ``rounds`` rounds, mean loss <= comparator's + excess.

    For every comparator theta with root mean square at most ``frobenius`` and all |theta_r| at most ``largest``, all
    data and labels, every adversary that returns unit points, every convex 1-Lipschitz loss, from theta = 0.
    ``width`` counts both copies of paired units; ``drift`` bounds every |theta_r| of the run, ``coupling`` the mean
    of |C_t|; excess = coupling + what the regret costs.
    """

    width: int
    rounds: int
    rate: float
    drift: float
    coupling: float
    excess: float
    frobenius: float
    largest: float
    failure: float


def largest_share(width: int, dimension: int, reach: float, *, failure: float = 0.05) -> float:
    """Return x: with probability 1 - failure the share of units with |u_r| <= reach is at most x at all points at once.

    All points: the unit sphere of R^d, d = ``dimension``; m = ``width`` independent units. x = p + a^2 / 2 +
    a sqrt(p + a^2 / 4), p = reach / sqrt(pi), a^2 = 4 (d ln(4 e m / d) + ln(4 / failure)) / m, never more than 1. For
    small p it falls like d ln(m) / m, where a bound by plain deviations falls like the root of that.
    Source: relative deviations, Vapnik and Chervonenkis 1974; P(share <= p) >= 1/4, Greenberg and Mohri 2014.

    >>> round(largest_share(4096, 2, 0.1), 3)
    0.107
    """
    who = "largest_share"
    m, d = as_count(width, who, "width", at_least=1), as_count(dimension, who, "dimension", at_least=1)
    p = as_number(reach, who, "reach", at_least=0.0) / math.sqrt(math.pi)
    chance = as_number(failure, who, "failure", above=0.0, below=1.0)
    if d >= m:
        return 1.0
    square = 4.0 * (d * math.log(4.0 * math.e * m / d) + math.log(4.0 / chance)) / m
    return min(1.0, p + square / 2.0 + math.sqrt(square * (p + square / 4.0)))


def training_promise(dimension: int, frobenius: float, largest: float, excess: float, *, failure: float = 0.05,
                     scale: Callable[[int], Scale] | None = None, paired: bool = True) -> TrainingPromise:
    """Return rounds, rate and width with which training comes within ``excess`` of every comparator of such norms.

    rate = excess / 2 and T = ceil(4 frobenius^2 / excess^2) rounds cost half the excess; the width is the least at
    which the coupling of moves within ``largest`` and within the drift rate T is bounded by the other half. ``scale``:
    the scale at each width, P = 1 if None. For P = 1 the width is of order R^4 / excess^3 + d R^2 / excess^2 up to
    logarithms: linear in the dimension d, and conservative by orders of magnitude. Raises TypeError or ValueError for
    arguments that do not fit.

    >>> promise = training_promise(8, frobenius=6.0, largest=11.0, excess=0.5)
    >>> promise.rounds, promise.rate, promise.drift, promise.width < 10**6
    (576, 0.25, 144.0, True)
    """
    who = "training_promise"
    d, size = as_count(dimension, who, "dimension", at_least=1), as_number(frobenius, who, "frobenius", at_least=0.0)
    top = as_number(largest, who, "largest", at_least=0.0)
    wanted = as_number(excess, who, "excess", above=0.0)
    chance = as_number(failure, who, "failure", above=0.0, below=1.0)
    at = (lambda _: unit_scale()) if scale is None else scale
    rate, rounds = wanted / 2.0, max(1, math.ceil(4.0 * (size / wanted) ** 2))
    drift = rate * rounds
    regret = size * size / (2.0 * rate * rounds) + rate / 2.0

    def coupling(copies: int) -> float:
        width = 2 * copies if paired else copies
        reach = max(top, drift) / (width * at(width).product)
        return (top + drift) * largest_share(copies, d, reach, failure=chance)

    high = 1
    while coupling(high) > wanted - regret:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if coupling(middle) <= wanted - regret else (middle, high)
    return TrainingPromise(2 * high if paired else high, rounds, rate, drift, coupling(high), regret + coupling(high),
                           size, top, chance)
