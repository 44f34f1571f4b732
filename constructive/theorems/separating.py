"""Separation found by a sweep is the exact minimum over all pairs."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from constructive.evidence import Bracket, Source, exactly
from constructive.students import Separation, separation
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, **_: Any) -> Instance:
    """Return points on a coarse or a fine grid, labels, and a norm."""
    d, n = int(rng.choice((1, 2, 3, 5, 8))), int(rng.integers(4, 40))
    X = rng.random((n, d)) if rng.random() < 0.5 else rng.integers(0, 64, (n, d)) / 8
    y = rng.choice((0, 1, 2), n)
    y[:2] = (0, 1)
    return {"X": X, "y": y, "norm": float(rng.choice((1.0, 2.0, math.inf)))}


def construct(X: Any, y: Any, norm: float) -> Separation:
    """Return the separation."""
    return separation(X, y, norm=norm)


def excess(found: Separation, instance: Instance) -> Bracket:
    """Return the pair's distance less the least over all conflicting pairs, in rational arithmetic (squares in l_2)."""
    X, y, norm = instance["X"], instance["y"], instance["norm"]
    if found.pair is None:
        return Bracket(np.inf, np.inf)
    least = min(_distance(X[i], X[k], norm) for i in range(len(X)) for k in range(i) if y[i] != y[k])
    i, k = found.pair
    return exactly(_distance(X[i], X[k], norm) - least if y[i] != y[k] else 1 + abs(least))


def understated(found: Separation, instance: Instance) -> Bracket:
    """Return the pair's distance less the stated one, in units of the last place: 0 up to rounding down."""
    i, k = found.pair or (0, 0)
    exact = _distance(instance["X"][i], instance["X"][k], instance["norm"])
    stated = Fraction(found.distance)
    gap = exact - (stated * stated if instance["norm"] == 2.0 else stated)
    unit = Fraction(math.ulp(found.distance)) * (2 * stated + 1 if instance["norm"] == 2.0 else 1)
    return exactly(gap / unit)


def _distance(a: Any, b: Any, norm: float) -> Fraction:
    gaps = [abs(Fraction(u) - Fraction(v)) for u, v in zip(a.tolist(), b.tolist(), strict=True)]
    if norm == 2.0:
        return sum((g * g for g in gaps), Fraction(0))
    return max(gaps) if norm == math.inf else sum(gaps, Fraction(0))


def plant(found: Separation, instance: Instance, rng: np.random.Generator) -> Separation:
    """Return the separation with its distance one part in a million too large."""
    return replace(found, distance=found.distance * (1 + 1e-6) + 1e-12)


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


def one(**_: Any) -> float:
    """Return 1."""
    return 1.0


THEOREM = Theorem(
    name="separation",
    source=Source("2401.13624", "separated data", "paper", "secondary"),
    statement="The reported pair attains the smallest distance between differently labelled data exactly, and the "
              "reported distance is that number rounded down.",
    hypotheses=("finite doubles", "l_1, l_2 or l_inf"),
    claims=(Claim("pair's distance above the least", excess, zero, "0", "=="),
            Claim("stated distance at most the pair's", understated, zero, "never above", ">="),
            Claim("stated distance below the pair's, in last places", understated, one, "1")),
    draw=draw, construct=construct, plant=plant, repeats=8,
)
