"""The regret of adversarial training near initialization: two sides that balance, in rational arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Source, exactly
from constructive.nearinit import Scale, TrainingRun, Units, adversarial_training, caps, regret_ledger, separated_sphere
from constructive.theorems.record import Claim, Instance, Theorem

Rows = list[list[Fraction]]
ROUNDING = 2.0**-40


def draw(rng: np.random.Generator, d: int | None = None, rounds: int = 4) -> Instance:
    """Return caps, labels, units, rates and a comparator: far from the start, near it, or at it."""
    n, dimension = int(rng.integers(1, 4)), int(rng.integers(2, 4)) if d is None else d
    m = int(rng.integers(2, 7))
    return {
        "X": separated_sphere(n, dimension, 0.5, rng=rng), "radius": float(rng.choice((0.0, 0.1, 0.2))),
        "y": rng.uniform(-1, 1, n), "weight": rng.normal(size=(m, dimension)), "bias": rng.normal(size=m),
        "sign": rng.choice((-1.0, 1.0), m), "product": 2.0 ** -int(rng.integers(0, 4)),
        "huber": float(rng.choice((0.125, 0.5))), "rates": rng.uniform(0.25, 2.0, rounds),
        "comparator": float(rng.choice((0.0, 1.0, 8.0))) * rng.normal(size=(m, dimension)),
        "seed": int(rng.integers(2**31)),
    }


def construct(X: Any, radius: float, y: Any, weight: Any, bias: Any, sign: Any, product: float, huber: float,
              rates: Any, seed: int, **_: Any) -> TrainingRun:
    """Return a run of adversarial training, in floating point."""
    return adversarial_training(caps(X, radius), y, Units(weight, bias, sign), Scale(1.0, product),
                                rounds=len(rates), rate=list(rates), huber=huber, steps=3, rng=seed)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The ledger of a run as rational numbers: both sides, the Bregman gaps, the largest term's size.

    drifts: the exact squares |theta_r - start_r|^2 of the delivered weights; steepest: over the rounds, the largest
    mean of |grad_r|^2 over the units, divided by the mean of the squared slopes of the loss.
    """

    left: Fraction
    right: Fraction
    bregman: Fraction
    size: Fraction
    drifts: tuple[Fraction, ...]
    steepest: Fraction


def exact_sides(run: TrainingRun, comparator: Any) -> Sides:
    """Return the ledger from the run's start, points and rates, step after step without rounding.

    The distance at the end is that of the weights the run delivered, so the sides agree, up to the rounding of these
    weights, only if they came from these steps.
    """
    start, theta, fixed, ended = (_rows(a) for a in (run.start, run.start, comparator, run.theta))
    wanted, knee = _rows(run.y[None, :])[0], Fraction(run.huber)
    m, n = len(fixed), len(wanted)
    left = gradient = coupling = bregman = steepest = Fraction(0)
    for at, each in zip(run.points, run.rates, strict=True):
        points, rate = _rows(at), Fraction(float(each))
        total, squares = [[Fraction(0)] * len(theta[0]) for _ in theta], Fraction(0)
        for x, target in zip(points, wanted, strict=True):
            value, opened = _value(run, theta, x)
            there, _ = _value(run, fixed, x)
            slope = max(Fraction(-1), min(Fraction(1), (value - target) / knee))
            linear = sum((_dot(c, x) - _dot(t, x) for c, t, o in zip(fixed, theta, opened, strict=True) if o),
                         Fraction(0)) / m
            gain = _huber(value - target, knee) - _huber(there - target, knee)
            left += rate * gain / n
            coupling += rate * slope * (there - value - linear) / n
            bregman += rate * (slope * (value - there) - gain) / n
            squares += slope * slope / n
            for row in (g for g, o in zip(total, opened, strict=True) if o):
                for j, coordinate in enumerate(x):
                    row[j] += slope * coordinate / n
        norm = sum((_dot(g, g) for g in total), Fraction(0)) / m
        gradient += rate * rate * norm / 2
        steepest = max(steepest, norm / squares if squares else norm)
        theta = [[t - rate * g for t, g in zip(*pair, strict=True)] for pair in zip(theta, total, strict=True)]
    before, after = _gap(start, fixed), _gap(ended, fixed)
    right = (before - after) / 2 + gradient - coupling
    drifts = tuple(_dot(move, move) for move in
                   ([a - b for a, b in zip(*pair, strict=True)] for pair in zip(ended, start, strict=True)))
    return Sides(left, right, bregman, max(Fraction(1), before, after, abs(left), abs(coupling)), drifts, steepest)


def _rows(values: Any) -> Rows:
    return [[Fraction(v) for v in row] for row in np.asarray(values, dtype=np.float64).tolist()]


def _dot(a: list[Fraction], b: list[Fraction]) -> Fraction:
    return sum((u * v for u, v in zip(a, b, strict=True)), Fraction(0))


def _gap(a: Rows, b: Rows) -> Fraction:
    return sum(((u - v) ** 2 for p, q in zip(a, b, strict=True) for u, v in zip(p, q, strict=True)),
               Fraction(0)) / len(a)


def _huber(residual: Fraction, knee: Fraction) -> Fraction:
    size = abs(residual)
    return size * size / (2 * knee) if size <= knee else size - knee / 2


def _value(run: TrainingRun, theta: Rows, x: list[Fraction]) -> tuple[Fraction, list[bool]]:
    """Return the network's value at x and which units are open there."""
    units, product = run.units, Fraction(run.scale.product)
    share = len(theta) * product
    total, opened = Fraction(0), []
    for weight, bias, sign, move in zip(_rows(units.weight), units.bias, units.sign, theta, strict=True):
        before = _dot(weight, x) + Fraction(float(bias)) + int(sign) * _dot(move, x) / share
        opened.append(before >= 0)
        total += int(sign) * max(before, Fraction(0))
    return product * total, opened


def imbalance(run: TrainingRun, instance: Instance) -> Bracket:
    """Return |right - left - Bregman gaps| over the size of the largest term."""
    sides = exact_sides(run, instance["comparator"])
    return exactly(abs(sides.right - sides.left - sides.bregman) / sides.size)


def slack(run: TrainingRun, instance: Instance) -> Bracket:
    """Return (left - right) over the size of the largest term."""
    sides = exact_sides(run, instance["comparator"])
    return exactly((sides.left - sides.right) / sides.size)


def misreported(run: TrainingRun, instance: Instance) -> Bracket:
    """Return how far the floating-point ledger is from the rational one, over the size of the largest term."""
    sides, told = exact_sides(run, instance["comparator"]), regret_ledger(run, instance["comparator"])
    off = max(abs(Fraction(a) - b) for a, b in
              ((told.left, sides.left), (told.right, sides.right), (told.bregman, sides.bregman)))
    return exactly(off / sides.size)


def plant(run: TrainingRun, instance: Instance, rng: np.random.Generator) -> TrainingRun:
    """Return the run with one unit that was not moved as its steps say."""
    theta = run.theta.copy()
    r, j = (int(rng.integers(size)) for size in theta.shape)
    away = theta[r, j] - instance["comparator"][r, j]
    theta[r, j] += float(np.copysign(2.0**-8, away))
    return replace(run, theta=theta)


def rounding(**_: Any) -> float:
    """Return 2^-40."""
    return ROUNDING


THEOREM = Theorem(
    name="regret-ledger",
    source=Source("2002.06668", "training near initialization against a fixed comparator", "sharper", "secondary"),
    statement="For every comparator, every sequence of points and every convex loss, the regret of gradient steps on "
              "the first layer is half the squared distance gained, plus the gradients' share, less the coupling, less "
              "the Bregman gaps of the loss, which are never negative.",
    hypotheses=("steps of the first layer against the mean slope of a convex loss",
                "any points, one for each datum and round; any rates > 0"),
    claims=(Claim("sides apart by other than the Bregman gaps, over the largest term", imbalance, rounding,
                  "2^-40: the stored weights are rounded"),
            Claim("left side above the right one, over the largest term", slack, rounding, "2^-40"),
            Claim("floating-point ledger off the rational one, over the largest term", misreported, rounding,
                  "2^-40")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("|theta - rate grad - c|^2 expanded, summed over the rounds", "nearinit.ledger.regret_ledger"),
           ("the inner product is a loss difference, a Bregman gap and the coupling", "nearinit.ledger.regret_ledger"),
           ("the same in rational arithmetic, without the library's kernel", "theorems.regret_ledger.exact_sides")),
)
