"""The sawtooth square: error exactly 4^-(m+1), zero on the grid."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from constructive.blocks import square_gate
from constructive.certificates.exact import piecewise_1d
from constructive.evidence import Bracket, Source, exactly
from constructive.network import Network
from constructive.theorems.draws import moved_weight
from constructive.theorems.record import Claim, Instance, Theorem


def draw(rng: np.random.Generator, levels: int | None = None) -> Instance:
    """Return the number of levels, 1 to 9 unless given."""
    return {"levels": int(rng.integers(1, 10)) if levels is None else levels}


def construct(levels: int) -> Network:
    """Return the square gate's network."""
    return square_gate(levels).network


def sup_error(network: Network, instance: Instance) -> Bracket:
    """Return sup over [0, 1] of |f(x) - x^2|, exactly: between knots f is linear and the error a parabola."""
    pieces = piecewise_1d(network, 0, 1)
    worst = Fraction(0)
    for a, b, (u,), (v,) in zip(pieces.knots, pieces.knots[1:], pieces.values, pieces.values[1:], strict=False):
        slope = (v - u) / (b - a)
        candidates = [a, b] + ([slope / 2] if a < slope / 2 < b else [])
        worst = max([worst, *[abs(u + slope * (x - a) - x * x) for x in candidates]])
    return exactly(worst)


def grid_error(network: Network, instance: Instance) -> Bracket:
    """Return the largest error on the grid k / 2^m, exactly."""
    n = 2 ** instance["levels"]
    return exactly(max(abs(network.exact([Fraction(k, n)])[0] - Fraction(k, n) ** 2) for k in range(n + 1)))


def limit(levels: int, **_: Any) -> float:
    """Return 4^-(m+1)."""
    return 4.0 ** -(levels + 1)


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


THEOREM = Theorem(
    name="square-gate",
    source=Source("2401.13624", "squares by sawtooth functions", "paper", "secondary", ("arXiv:1610.01145",)),
    statement="m sawtooth levels give x^2 on [0, 1] with largest error exactly 4^-(m+1), and no error on k / 2^m.",
    hypotheses=("x in [0, 1]", "m >= 1 levels"),
    claims=(Claim("largest error on [0, 1]", sup_error, limit, "4^-(m+1)", "=="),
            Claim("largest error on the grid k / 2^m", grid_error, zero, "0", "==")),
    draw=draw, construct=construct, plant=moved_weight,
    proof=(("linear between knots, so the error is a parabola on each piece", "theorems.square.sup_error"),),
)
