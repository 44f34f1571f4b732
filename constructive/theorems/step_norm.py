"""What a step costs as random features, whatever the weights: the root of one over the distance, from both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Source
from constructive.nearinit.atoms import AtomicStep, atomic_step
from constructive.nearinit.atoms_bound import certify_atoms
from constructive.nearinit.norms import RationalStep, least_norm, rational_step, step_bound, weight_bound
from constructive.nearinit.step import StepTask, measured_errors, separated_task
from constructive.theorems.record import Claim, Instance, Theorem

EXPONENT_SLACK = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """A step of least norm at a distance, a vote that solves the same task, and the least cost at half the distance."""

    step: AtomicStep
    vote: RationalStep
    halved: Bracket


def task_of(distance: float, share: float, own_error: float, foreign_error: float) -> StepTask:
    """Return the task of an instance; ``share`` is radius / distance."""
    return separated_task(distance, share * distance, own_error=own_error, foreign_error=foreign_error)


def draw(rng: np.random.Generator, distance: float | None = None, share: float | None = None) -> Instance:
    """Return a small distance, radius over distance, and two errors."""
    part = (0.0 if rng.random() < 0.25 else float(rng.uniform(0.05, 0.25))) if share is None else float(share)
    return {"distance": float(2.0 ** rng.uniform(-3.5, -3)) if distance is None else float(distance), "share": part,
            "own_error": float(rng.uniform(0.02, 0.2)), "foreign_error": float(10.0 ** rng.uniform(-3, -1))}


def construct(**instance: Any) -> Costs:
    """Return the steps, with constant directions."""
    task = task_of(**instance)
    half = task_of(**{**instance, "distance": instance["distance"] / 2.0})
    return Costs(atomic_step(task, direction="constant"), rational_step(task), least_norm(half, slack=1e-3))


def _errors(costs: Costs, instance: Instance, side: int) -> Bracket:
    task, step = task_of(**instance), costs.step
    bound = certify_atoms(task, step.direction, step.slopes, step.heights)[side]
    seen = measured_errors(replace(step, task=task), 300)[side] - 1e-8 * step.total
    return Bracket(min(max(0.0, seen), bound), bound)


def cost(costs: Costs, instance: Instance) -> Bracket:
    """Return the least cost: between the dual bound and the step's own."""
    step = costs.step
    return Bracket(min(step.least_cost, step.cost), step.cost * (1.0 + 2.0**-30))


def exponent_error(costs: Costs, instance: Instance) -> Bracket:
    """Return how far log_2 of the ratio of least costs at half the distance and at the distance is from 1/2."""
    here, near = cost(costs, instance), costs.halved
    ends = (math.log2(near.lower / here.upper) - 0.5, math.log2(near.upper / here.lower) - 0.5)
    inside = ends[0] <= 0.0 <= ends[1]
    return Bracket(0.0 if inside else min(map(abs, ends)), max(map(abs, ends)))


def vote_excess(costs: Costs, instance: Instance) -> Bracket:
    """Return the vote's cost over the least one."""
    here = cost(costs, instance)
    return Bracket(costs.vote.cost / here.upper, costs.vote.cost / here.lower)


def vote_error(costs: Costs, instance: Instance) -> Bracket:
    """Return the vote's larger error in units of its tolerance: below the proved bound."""
    allowed = instance["own_error"], instance["foreign_error"]
    proved = max(a / b for a, b in zip(costs.vote.certified, allowed, strict=True))
    met = max(a / b for a, b in zip(measured_errors(costs.vote, 200), allowed, strict=True))
    return Bracket(max(0.0, min(met - 2.0**-30, proved)), proved)


def two_points(**instance: Any) -> float:
    """Return the bound from gates that agree: for any weights, from points as far apart as the sets are."""
    task = task_of(**instance)
    return weight_bound(2.0 * math.sin(task.window / 2.0), 1.0 - task.own_error - task.foreign_error)


def two_edges(**instance: Any) -> float:
    """Return the bound from the edges of the gap."""
    return step_bound(task_of(**instance))


def plant(costs: Costs, instance: Instance, rng: np.random.Generator) -> Costs:
    """Return a cheaper step that misses the task: all heights a tenth or more too small."""
    shrunk = 1.0 - 1.05 * instance["own_error"] - float(rng.uniform(0.1, 0.5))
    return replace(costs, step=replace(costs.step, heights=costs.step.heights * shrunk))


THEOREM = Theorem(
    name="step-norm",
    source=Source("2002.06668", "the norm of weights that realize a step", "ours", "secondary"),
    statement="The least norm of weights whose mean of random gates is a step on caps at distance delta is of order "
              "delta^(-1/2) at fixed radius / delta: reached by a vote on z = 1 / (1 + c (1 - t)), and necessary, "
              "since at two points delta apart most gates agree.",
    hypotheses=("unit inputs, biases with the variance of the weights", "delta <= 1/8, radius / delta <= 1/4"),
    claims=(Claim("largest distance from 1 on the own set", lambda s, i: _errors(s, i, 0),
                  lambda own_error, **_: own_error, "own error allowed"),
            Claim("largest value on the foreign set", lambda s, i: _errors(s, i, 1),
                  lambda foreign_error, **_: foreign_error, "foreign error allowed"),
            Claim("least cost of a step", cost, two_points, "change / (1 - 2 kappa)^(1/2), any weights", ">="),
            Claim("least cost, against the two edges", cost, two_edges, "change / distance of two features", ">="),
            Claim("cost of the vote over the least cost", vote_excess, lambda **_: 1.0, "at least 1", ">="),
            Claim("larger error of the vote, over the allowed one", vote_error, lambda **_: 1.0, "1"),
            Claim("exponent of 1 / delta less 1/2, in size", exponent_error, lambda **_: EXPONENT_SLACK, "0.05",
                  where=lambda distance, share, **_: distance <= 0.125 and share <= 0.25)),
    draw=draw, construct=construct, plant=plant, repeats=3,
    proof=(("any weights: the difference of two gates by Cauchy and Schwarz", "nearinit.norms.weight_bound"),
           ("powers of z have negative binomial coefficients", "nearinit.norms.series_norm"),
           ("least cost from below by duality", "nearinit.atoms.atomic_step")),
)
