"""No unit drifts further than the sum of the rates, and no gradient is larger than the slopes of the loss."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Source, exactly
from constructive.nearinit import TrainingRun
from constructive.theorems.record import Claim, Instance, Theorem
from constructive.theorems.regret_ledger import ROUNDING, construct, draw, exact_sides


def drift(run: TrainingRun, instance: Instance) -> Bracket:
    """Return the square of the largest |theta_r - start_r|, exactly."""
    return exactly(max(exact_sides(run, instance["comparator"]).drifts))


def steepest(run: TrainingRun, instance: Instance) -> Bracket:
    """Return the largest mean square of a round's gradient over the mean square of its slopes, exactly."""
    return exactly(exact_sides(run, instance["comparator"]).steepest)


def squared_rates(rates: Any, **_: Any) -> float:
    """Return (sum of rates)^2, and 2^-40 of it for points whose norm is 1 up to rounding only."""
    return float(sum((Fraction(float(rate)) for rate in rates), Fraction(0)) ** 2) * (1.0 + ROUNDING)


def one(**_: Any) -> float:
    """Return 1 + 2^-40."""
    return 1.0 + ROUNDING


def plant(run: TrainingRun, instance: Instance, rng: np.random.Generator) -> TrainingRun:
    """Return the run with one unit moved a little further than its steps can carry it."""
    theta, r = run.theta.copy(), int(rng.integers(run.theta.shape[0]))
    toward = rng.normal(size=theta.shape[1])
    theta[r] = run.start[r] + 1.001 * float(run.rates.sum()) * toward / np.linalg.norm(toward)
    return replace(run, theta=theta)


THEOREM = Theorem(
    name="training-drift",
    source=Source("2002.06668", "weights stay near initialization", "paper", "secondary"),
    statement="In coordinates free of scale no unit moves further from its start than the sum of the rates, and the "
              "mean square of a gradient is at most that of the slopes of the loss, whatever the width.",
    hypotheses=("unit points", "a 1-Lipschitz loss", "steps of the first layer against the mean slope"),
    claims=(Claim("square of the largest drift of a unit", drift, squared_rates, "(sum of rates)^2"),
            Claim("mean square of a gradient over that of the slopes", steepest, one, "1")),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("a step moves a unit by rate times a mean of slopes times unit vectors", "nearinit.training"),
           ("the same in rational arithmetic", "theorems.regret_ledger.exact_sides")),
)
