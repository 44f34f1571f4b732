"""Polynomials that are near 1 on a cap's own inner products and near 0 on foreign ones: in closed form, certified."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Source, exactly
from constructive.nearinit.bernstein import BernsteinStep, bernstein_step, best_power, edge_errors, vote_coefficients
from constructive.nearinit.dolph import ChebyshevStep, certify_coefficients, chebyshev_step, log_mass
from constructive.nearinit.nodes import chebyshev_rounding
from constructive.nearinit.step import StepTask, measured_errors, separated_task
from constructive.theorems.record import Claim, Instance, Theorem

_PAPER = "a polynomial close to a step on separated inner products"


def task_of(distance: float, radius: float, own_error: float, foreign_error: float) -> StepTask:
    """Return the task of an instance."""
    return separated_task(distance, radius, own_error=own_error, foreign_error=foreign_error)


def draw(rng: np.random.Generator, distance: float | None = None, share: float | None = None) -> Instance:
    """Return a distance, a radius as a share of it, and two errors."""
    apart = float(rng.uniform(0.2, 2.0)) if distance is None else float(distance)
    part = float(rng.uniform(0.0, 0.4)) if share is None else float(share)
    return {"distance": apart, "radius": part * apart, "own_error": float(10.0 ** rng.uniform(-3, -0.7)),
            "foreign_error": float(10.0 ** rng.uniform(-4, -1))}


def own_tolerance(own_error: float, **_: Any) -> float:
    """Return the error allowed on the own set."""
    return own_error


def foreign_tolerance(foreign_error: float, **_: Any) -> float:
    """Return the error allowed on the foreign set."""
    return foreign_error


# -- the closed form ------------------------------------------------------------------------------------------------


def construct_chebyshev(**instance: Any) -> ChebyshevStep:
    """Return the closed-form step of the smallest degree for which the theorem meets the task."""
    return chebyshev_step(task_of(**instance))


def _errors(step: ChebyshevStep, instance: Instance, side: int) -> Bracket:
    # Proved anew from the coefficients; values at points of the set from below, less what their rounding may be.
    held = replace(step, task=task_of(**instance))
    bound = certify_coefficients(held.task, held.coefficients)[side]
    seen = measured_errors(held, 500)[side] - chebyshev_rounding(held.coefficients)
    return Bracket(max(0.0, seen), bound)


def stated_limit(side: int, **instance: Any) -> float:
    """Return (2 pi - 2 middle) / M or 2 middle / M of the degree that the theorem takes, and 2^-30 for rounding."""
    return construct_chebyshev(**instance).stated[side] + 2.0**-30


def mass(step: ChebyshevStep, instance: Instance) -> Bracket:
    """Return log M, within the roundings of its recurrence."""
    value = log_mass(0.5 * task_of(**instance).window, step.degree)
    return Bracket(value - 2.0**-36, value + 2.0**-36)


def mass_limit(**instance: Any) -> float:
    """Return log of 2 sqrt(pi / D) tan^2(a / 2) e^((D - 1) a), a half the angle between the sets."""
    half, degree = 0.5 * task_of(**instance).window, construct_chebyshev(**instance).degree
    return math.log(2.0 * math.sqrt(math.pi / degree) * math.tan(0.5 * half) ** 2) + (degree - 1.0) * half


def bent(step: ChebyshevStep, instance: Instance, rng: np.random.Generator) -> ChebyshevStep:
    """Return the step with one of its first coefficients off by three times the larger tolerance."""
    coefficients = step.coefficients.copy()
    sign = -1.0 if rng.random() < 0.5 else 1.0
    coefficients[int(rng.integers(min(3, coefficients.size)))] += sign * 3.0 * max(
        instance["own_error"], instance["foreign_error"])
    return replace(step, coefficients=coefficients)


CLOSED_FORM = Theorem(
    name="chebyshev-step",
    source=Source("2002.06668", _PAPER, "ours", "secondary", ("Dolph, Proc. IRE 34 (1946)",)),
    statement="With 2a the angle between the sets, the window T_2D(cos(t / 2) / cos(a / 2)) over its mass M, "
              "integrated over arcs that end half-way, is a polynomial within (2 pi - 2 middle) / M of 1 on the own "
              "and 2 middle / M of 0 on the foreign inner products; M grows like e^(D a), so that a degree of order "
              "log(n / error) / (delta - 2r) suffices.",
    hypotheses=("own and foreign set do not meet",),
    claims=(Claim("largest distance from 1 on the own set", lambda s, i: _errors(s, i, 0), own_tolerance,
                  "own error allowed"),
            Claim("largest value on the foreign set", lambda s, i: _errors(s, i, 1), foreign_tolerance,
                  "foreign error allowed"),
            Claim("own error against the theorem's", lambda s, i: _errors(s, i, 0),
                  lambda **named: stated_limit(0, **named), "(2 pi - 2 middle) / M"),
            Claim("foreign error against the theorem's", lambda s, i: _errors(s, i, 1),
                  lambda **named: stated_limit(1, **named), "2 middle / M"),
            Claim("log of the window's mass", mass, mass_limit, "2 sqrt(pi / D) tan^2(a / 2) e^((D - 1) a), in logs",
                  ">=")),
    draw=draw, construct=construct_chebyshev, plant=bent, repeats=6,
    proof=(("own points see all of [-a, a], foreign ones none of it", "nearinit.dolph.chebyshev_step"),
           ("M by Legendre polynomials, without cancellation", "nearinit.dolph.log_mass"),
           ("between nodes by Riesz' inequality", "nearinit.nodes.between_nodes")),
)


# -- the majority vote ----------------------------------------------------------------------------------------------


def draw_vote(rng: np.random.Generator, distance: float | None = None, share: float | None = None) -> Instance:
    """Return an instance whose radius is at most 0.3 of the distance, so that few coins suffice."""
    return draw(rng, distance, float(rng.uniform(0.0, 0.3)) if share is None else share)


def construct_vote(**instance: Any) -> BernsteinStep:
    """Return the vote with the fewest coins."""
    return bernstein_step(task_of(**instance))


def _edges(step: BernsteinStep, instance: Instance, side: int) -> Bracket:
    # Values at the edges are the largest errors, since the vote rises; they are rational.
    task = task_of(**instance)
    high, low = (((1 + Fraction(edge)) / 2) ** step.power for edge in (task.own, task.foreign))
    bound = edge_errors(high, low, step.count, step.threshold)[side]
    return Bracket(max(0.0, bound - 2.0**-50), bound)


def coins(step: BernsteinStep, instance: Instance) -> Bracket:
    """Return the number of coins."""
    return exactly(step.count)


def hoeffding(**instance: Any) -> float:
    """Return 2 log(1 / smaller error) / gap^2 rounded up, gap the difference of the chances at the edges."""
    task = task_of(**instance)
    power = best_power(task)
    gap = ((1.0 + task.own) / 2.0) ** power - ((1.0 + task.foreign) / 2.0) ** power
    return float(math.ceil(2.0 * math.log(1.0 / min(task.own_error, task.foreign_error)) / gap**2 + 2.0**-20))


def coefficient_size(step: BernsteinStep, instance: Instance) -> Bracket:
    """Return the sum of |coefficients| in z, over 3^count."""
    total = sum(abs(q) for q in vote_coefficients(step.count, step.threshold))
    return exactly(Fraction(total, 3**step.count))


def misled(step: BernsteinStep, instance: Instance, rng: np.random.Generator) -> BernsteinStep:
    """Return the vote with a threshold that fails: drawn among all that break a tolerance."""
    broken = []
    for threshold in range(1, step.count + 2):
        moved = replace(step, threshold=threshold)
        if (_edges(moved, instance, 0).lower > instance["own_error"]
                or _edges(moved, instance, 1).lower > instance["foreign_error"]):
            broken.append(moved)
    return broken[int(rng.integers(len(broken)))]


MAJORITY = Theorem(
    name="bernstein-step",
    source=Source("2002.06668", _PAPER, "ours", "secondary"),
    statement="P(Bin(N, z) >= j) with z(t) = ((1 + t) / 2)^K rises with t, so that its largest errors are its values "
              "at two edges; N = 2 log(1 / error) / gap^2 coins suffice, and the coefficients in z are integers whose "
              "sizes add up to at most 3^N.",
    hypotheses=("own and foreign set do not meet",),
    claims=(Claim("largest distance from 1 on the own set", lambda s, i: _edges(s, i, 0), own_tolerance,
                  "own error allowed"),
            Claim("largest value on the foreign set", lambda s, i: _edges(s, i, 1), foreign_tolerance,
                  "foreign error allowed"),
            Claim("coins", coins, hoeffding, "Hoeffding's number"),
            Claim("sum of |coefficients| over 3^N", coefficient_size, lambda **_: 1.0, "1")),
    draw=draw_vote, construct=construct_vote, plant=misled, repeats=6,
    proof=(("edges in rational arithmetic", "nearinit.bernstein.edge_errors"),
           ("integers of the expansion", "nearinit.bernstein.vote_coefficients")),
)
