"""The regret ledger: training near initialization against any fixed comparator, every term, and the two sides.

One step theta' = theta - rate * grad, norms squared being means over the units, obeys the identity
|theta' - c|^2 = |theta - c|^2 - 2 rate <grad, theta - c> + rate^2 |grad|^2. The inner product is that of the loss's
slopes with the linearization of the network *at theta*, so it is the loss difference, up to what convexity gives away
(a Bregman gap >= 0) and what the network is off its linearization (the coupling). Summed over the rounds:

  sum rate [L_t(theta_t) - L_t(c)] + Bregman  =  (|theta_0 - c|^2 - |theta_T - c|^2) / 2 + gradient - coupling

for every comparator c, every choice of points, every convex loss. No probability, no width, no assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.nearinit.training import TrainingRun, huber_loss
from constructive.nearinit.units import NearNetwork

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """All terms of the regret identity of one run, round by round.

    rates, losses (of the run), compared (losses of the comparator), gradients (mean of |grad_r|^2 over the units),
    couplings, gaps (mean Bregman gap of the loss, each >= 0): (T,); distances (T + 1,): the mean of
    |theta_r - comparator_r|^2 before each round and after the last. The last distance is read from the theta the run
    delivered, all else is computed from its points and rates: the sides agree only if that theta came from these steps.
    """

    rates: Array
    losses: Array
    compared: Array
    gradients: Array
    couplings: Array
    gaps: Array
    distances: Array

    @property
    def left(self) -> float:
        """Return sum_t rate_t [L_t(theta_t) - L_t(comparator)], the regret."""
        return float(self.rates @ (self.losses - self.compared))

    @property
    def initial(self) -> float:
        """Return (|theta_0 - comparator|^2 - |theta_T - comparator|^2) / 2."""
        return float(self.distances[0] - self.distances[-1]) / 2.0

    @property
    def gradient(self) -> float:
        """Return sum_t rate_t^2 |grad_t|^2 / 2."""
        return float(self.rates**2 @ self.gradients) / 2.0

    @property
    def coupling(self) -> float:
        """Return sum_t rate_t C_t, C_t the mean of slope times (network - its linearization) at the comparator."""
        return float(self.rates @ self.couplings)

    @property
    def right(self) -> float:
        """Return initial + gradient - coupling; left <= right for every comparator."""
        return self.initial + self.gradient - self.coupling

    @property
    def bregman(self) -> float:
        """Return sum_t rate_t (mean Bregman gap) >= 0, what right exceeds left by."""
        return float(self.rates @ self.gaps)

    @property
    def imbalance(self) -> float:
        """Return right - left - bregman: 0 but for rounding."""
        return self.right - self.left - self.bregman

    @property
    def tolerance(self) -> float:
        """Return 1e-10 times the largest of 1, the terms and the distances: far above rounding, far below an error."""
        return 1e-10 * max(1.0, abs(self.left), abs(self.coupling), self.gradient, float(self.distances.max()))

    @property
    def balanced(self) -> bool:
        """Whether the two sides agree and left <= right, both within the tolerance."""
        return abs(self.imbalance) <= self.tolerance and self.right - self.left >= -self.tolerance

    @property
    def promise(self) -> float:
        """Return the bound on the mean loss (weighted by rates): comparator's mean loss + right / sum of rates.

        The final distance, which is at least 0, is dropped: the promise needs no knowledge of where the run ends.
        """
        spent = float(self.distances[0]) / 2.0 + self.gradient - self.coupling
        return (float(self.rates @ self.compared) + spent) / float(self.rates.sum())

    def sides(self) -> tuple[Array, Array]:
        """Return left and right after 1, 2, ..., T rounds, each (T,)."""
        left = np.cumsum(self.rates * (self.losses - self.compared))
        spent = np.cumsum(self.rates**2 * self.gradients / 2.0 - self.rates * self.couplings)
        return left, (self.distances[0] - self.distances[1:]) / 2.0 + spent


def regret_ledger(run: TrainingRun, comparator: ArrayLike) -> Ledger:
    """Return the ledger of a run against a comparator (m, d), a theta that stays fixed: equal sides on every run.

    Everything is computed anew from the run's start, points and rates, without the training's kernel. Cost: three
    products of n m d multiplications for each round. Raises ValueError for another shape or no finished round.

    >>> import numpy as np
    >>> from constructive import nearinit
    >>> two = nearinit.caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.1)
    >>> units = nearinit.draw_units(64, 2, paired=True, rng=0)
    >>> run = nearinit.adversarial_training(two, [1.0, -1.0], units, nearinit.unit_scale(), rounds=20, rng=0)
    >>> ledger = regret_ledger(run, np.ones((64, 2)))
    >>> ledger.balanced, ledger.left < ledger.right
    (True, True)
    """
    who = "regret_ledger"
    if run.rounds == 0:
        raise ValueError(f"{who}: the run has no finished round; train for at least one")
    fixed = NearNetwork(run.units, np.asarray(comparator, dtype=np.float64), run.scale)
    theta, sign = fixed.theta, run.scale.product * run.units.sign
    gate = fixed.gated().gate
    rows: list[tuple[float, float, float, float, float, float]] = []
    for each in run.replay():
        there = np.maximum(each.points @ gate.T + run.units.bias, 0.0) @ sign
        away = theta - each.theta
        linear = (each.gates * (each.points @ away.T)).mean(axis=1)
        loss, compared = (huber_loss(values - run.y, run.huber) for values in (each.values, there))
        grad = each.gates.T @ (each.slopes[:, None] * each.points) / run.y.size
        rows.append((
            float(loss.mean()), float(compared.mean()), float(np.einsum("ij,ij->", grad, grad)) / theta.shape[0],
            float((each.slopes * (there - each.values - linear)).mean()),
            float((compared - loss - each.slopes * (there - each.values)).mean()), _mean_square(away)))
    losses, others, gradients, couplings, gaps, distances = np.array(rows).T
    return Ledger(run.rates, losses, others, gradients, couplings, gaps,
                  np.append(distances, _mean_square(theta - run.theta)))


def _mean_square(moves: Array) -> float:
    return float(np.einsum("ij,ij->", moves, moves)) / moves.shape[0]
