"""An interpolator of noisy labels is long: for one design, surely; and every interpolator is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Source, exactly
from constructive.ridge.norm_bounds import trace_floors
from constructive.theorems import ridge_samples as rs
from constructive.theorems.exponentials import Rational, largest, plus, rational, times
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]


# -- the shortest one, for one design -------------------------------------------------------------------------------


def draw(rng: np.random.Generator) -> Instance:
    """Return a design of full row rank with dyadic entries."""
    return {"X": rs.draw_rational_design(rng)}


def construct(X: Array) -> Rational:
    """Return the map from labels to the shortest interpolator, X^T (X X^T)^-1, in fractions."""
    return rs.ridge_map(X)


def misfit(found: Rational, instance: Instance) -> Bracket:
    """Return the largest entry of X map - I."""
    X = instance["X"]
    return exactly(largest(plus(times(rational(X), found), rational(np.eye(len(X))), -1)))


def exact_floors(X: Array) -> list[Fraction]:
    """Return (n - k)^2 / |P_k X_{>k}|_F^2, P_k the projection off the first k columns, while these are independent."""
    n, rows, found = len(X), rational(X), []
    for k in range(n):
        if k and np.linalg.matrix_rank(X[:, :k]) < k:
            break
        tail = [row[k:] for row in rows]
        gram = times(tail, rs.transposed(tail))
        if k:
            head = [row[:k] for row in rows]
            shadow = times(times(head, rs.inverse(times(rs.transposed(head), head))), rs.transposed(head))
            gram = plus(gram, times(shadow, gram), -1)
        rest = sum((gram[i][i] for i in range(n)), Fraction(0))
        found.append((n - k) ** 2 / rest)
    return found


def added(found: Rational, instance: Instance) -> Bracket:
    """Return the squared norm that unit noise adds, |map|_F^2, over the largest floor."""
    return exactly(rs.squares(found) / max(exact_floors(instance["X"])))


def misstated(found: Rational, instance: Instance) -> Bracket:
    """Return how far the library's floors are from the fractions, relative."""
    exact = exact_floors(instance["X"])
    told = trace_floors(instance["X"])[:len(exact)].tolist()
    return exactly(max(abs(Fraction(t) / e - 1) for t, e in zip(told, exact, strict=True)))


def plant(found: Rational, instance: Instance, rng: np.random.Generator) -> Rational:
    """Return the map of a ridge: shorter, and no interpolator any more."""
    return rs.ridge_map(instance["X"], Fraction(int(rng.integers(1, 65)), 4))


SURE = Theorem(
    name="interpolation-of-noise-is-long",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="For every design X (n, p) of rank n, unit label noise adds tr((X X^T)^-1) to the expected squared norm "
              "of the shortest interpolator, and tr((X X^T)^-1) >= (n - k)^2 / |U_k^T X_{>k}|_F^2 for every k < n, U_k "
              "an orthonormal basis of what is orthogonal to the first k columns: nothing is assumed of a law.",
    hypotheses=("X has rank n, so p >= n", "noise independent of X, variance 1, one sample from another"),
    claims=(Claim("labels not reproduced, largest entry of X map - I", misfit, lambda **_: 0.0, "0", "=="),
            Claim("added squared norm over the largest floor", added, lambda **_: 1.0, "1", ">="),
            Claim("floors as the library gives them, off the fractions", misstated, lambda **_: 1e-9, "1e-9")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("eigenvalues of U^T G U interlace; (sum 1 / m)(sum m) >= (n - k)^2", "ridge.norm_bounds.trace_floors"),
           ("the same in fractions", "theorems.interpolator_length.exact_floors")),
)


# -- every one ------------------------------------------------------------------------------------------------------


def draw_any(rng: np.random.Generator) -> Instance:
    """Return a design, labels that are not all 0, and a vector whose part in the kernel of X is added."""
    X = rs.draw_rational_design(rng)
    y = rng.integers(-8, 9, len(X)) / 4
    y[0] += 5.0
    return {"X": X, "y": y, "moved": rng.integers(-2, 3, X.shape[1]) / 4}


def construct_any(X: Array, y: Array, moved: Array) -> Rational:
    """Return an interpolator (p, 1) that is mostly not the shortest, in fractions."""
    back, v = rs.ridge_map(X), rational(moved)
    return plus(times(back, plus(rational(y), times(rational(X), v), -1)), v)


def residual(found: Rational, instance: Instance) -> Bracket:
    """Return the largest |X theta - y|."""
    return exactly(largest(plus(times(rational(instance["X"]), found), rational(instance["y"]), -1)))


def _least(instance: Instance) -> Fraction:
    """Return y^T (X X^T)^-1 y."""
    return rs.squares(times(rs.ridge_map(instance["X"]), rational(instance["y"])))


def length(found: Rational, instance: Instance) -> Bracket:
    """Return |theta|^2 over y^T (X X^T)^-1 y."""
    return exactly(rs.squares(found) / _least(instance))


def dual_length(found: Rational, instance: Instance) -> Bracket:
    """Return the squared l_1 norm, that an attack in l_inf meets, over y^T (X X^T)^-1 y."""
    return exactly(sum((abs(row[0]) for row in found), Fraction(0)) ** 2 / _least(instance))


def plant_any(found: Rational, instance: Instance, rng: np.random.Generator) -> Rational:
    """Return the predictor of a ridge, under the same claim."""
    return times(rs.ridge_map(instance["X"], Fraction(int(rng.integers(1, 65)), 4)), rational(instance["y"]))


EVERY = Theorem(
    name="every-interpolator-is-as-long",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="Every theta with X theta = y has |theta|^2 >= y^T (X X^T)^-1 y, the square of the shortest one: what "
              "bounds the adversarial risk of min-norm interpolation from below by radius^2 |theta|^2 bounds that of "
              "every linear interpolator, for attacks in l_2 and in l_r with r >= 2, whose dual norms are no smaller.",
    hypotheses=("X has rank n", "theta interpolates: X theta = y exactly"),
    claims=(Claim("largest |X theta - y|", residual, lambda **_: 0.0, "0", "=="),
            Claim("|theta|^2 over that of the shortest", length, lambda **_: 1.0, "1", ">="),
            Claim("|theta|_1^2 over the same", dual_length, lambda **_: 1.0, "1", ">=")),
    draw=draw_any, construct=construct_any, plant=plant_any, repeats=6,
    proof=(("theta - theta_0 is in the kernel of X, theta_0 orthogonal to it", "theorems.interpolator_length."
            "construct_any"),),
)
