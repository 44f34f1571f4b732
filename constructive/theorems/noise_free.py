"""Without label noise interpolation does no harm: it is noise that makes interpolators long."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Source, exactly
from constructive.theorems import ridge_samples as rs
from constructive.theorems.exponentials import Rational, largest, plus, rational, times
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


def draw(rng: np.random.Generator) -> Instance:
    """Return a design of full row rank and the truth, dyadic both."""
    X = rs.draw_rational_design(rng)
    theta = rng.integers(-8, 9, X.shape[1]) / 4 + np.where(np.arange(X.shape[1]) == 0, 5.0, 0.0)  # not 0
    return {"X": X, "theta": theta}


def construct(X: Array, theta: Array) -> Rational:
    """Return the shortest interpolator of the noiseless labels X theta, (p, 1), in fractions."""
    return times(rs.ridge_map(X), times(rational(X), rational(theta)))


def residual(found: Rational, instance: Instance) -> Bracket:
    """Return the largest |X theta_0 - X theta|."""
    X = rational(instance["X"])
    return exactly(largest(plus(times(X, found), times(X, rational(instance["theta"])), -1)))


def grown(found: Rational, instance: Instance) -> Bracket:
    """Return |theta_0|^2 over |theta|^2."""
    return exactly(rs.squares(found) / rs.squares(rational(instance["theta"])))


def split(found: Rational, instance: Instance) -> Bracket:
    """Return |theta_0|^2 + |theta - theta_0|^2 over |theta|^2: the interpolator is a projection of the truth."""
    theta = rational(instance["theta"])
    return exactly((rs.squares(found) + rs.squares(plus(theta, found, -1))) / rs.squares(theta))


def plant(found: Rational, instance: Instance, rng: np.random.Generator) -> Rational:
    """Return the shortest interpolator of noisy labels: noise turned so that it adds to the length."""
    back, clean = rs.ridge_map(instance["X"]), times(rational(instance["X"]), rational(instance["theta"]))
    noise = [[Fraction(int(v), 2)] for v in rng.choice((-3, -2, -1, 1, 2, 3), len(clean))]
    moved = times(back, noise)
    turned = sum((a[0] * b[0] for a, b in zip(found, moved, strict=True)), Fraction(0)) >= 0
    return times(back, plus(clean, noise, 1 if turned else -1))


THEOREM = Theorem(
    name="no-noise-no-harm",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="If labels are X theta without noise, the shortest interpolator theta_0 is the projection of theta on "
              "the rows: |theta_0|^2 + |theta - theta_0|^2 = |theta|^2, so |theta_0| <= |theta| and an attack moves it "
              "no further than it moves the truth. Min-norm interpolation is vulnerable through the noise it fits.",
    hypotheses=("noiseless labels", "X has rank n"),
    claims=(Claim("largest |X theta_0 - X theta|", residual, lambda **_: 0.0, "0", "=="),
            Claim("|theta_0|^2 over |theta|^2", grown, lambda **_: 1.0, "1"),
            Claim("|theta_0|^2 + |theta - theta_0|^2 over |theta|^2", split, lambda **_: 1.0, "1", "==")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("X^T (X X^T)^-1 X is an orthogonal projection", "theorems.noise_free.construct"),),
)
