"""The adversarially best ridge is never below the standard one: for one data set and attacks in l_2."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.ridge.monotonicity import best_ridges
from constructive.ridge.risk import dual_norm
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
ROUNDING = 1e-11
"""Relative, of norms solved from matrices whose condition is at most about 1e4: ridges start at 1e-3."""


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a data set, its truth, a covariance's diagonal, ridges, radii with 0 first, and noise on test labels."""
    count, p = int(rng.integers(1, 9)) if n is None else int(n), int(rng.integers(1, 13))
    values, theta = np.sort(rng.uniform(0.05, 2.0, p))[::-1], rng.normal(size=p)
    X = rng.normal(size=(count, p)) * np.sqrt(values)
    y = X @ theta + float(rng.uniform(0.0, 3.0)) * rng.normal(size=count)
    return {"X": X, "y": y, "theta": theta, "eigenvalues": values, "ridges": np.geomspace(1e-3, 1e3, 121),
            "radii": np.concatenate([[0.0], np.sort(rng.uniform(0.01, 3.0, 9))]),
            "label_noise": float(rng.choice((0.0, 0.5)))}


def construct(X: Array, y: Array, ridges: Array, **_: object) -> Array:
    """Return the predictors along the ridges (g, p), from one decomposition of X."""
    left, sizes, right = np.linalg.svd(X, full_matrices=False)
    gains = sizes / (sizes**2 + len(X) * ridges[:, None])
    return np.asarray((gains * (left.T @ y)) @ right)


def rise(found: Array, instance: Instance) -> Bracket:
    """Return the largest rise of the norm from one ridge to the next, over the largest norm."""
    sizes = dual_norm(found, 2.0)
    most = max(float(np.diff(sizes).max()), 0.0) / max(float(sizes.max()), np.finfo(float).tiny)
    return Bracket(max(most - ROUNDING, 0.0), most, Evidence.ENCLOSED)


def fall(found: Array, instance: Instance) -> Bracket:
    """Return by how many places of the grid the best ridge falls, at most, from one radius to the next."""
    errors = (found - instance["theta"]) ** 2 @ instance["eigenvalues"]
    best = best_ridges(instance["ridges"], errors, dual_norm(found, 2.0), instance["radii"],
                       label_noise=instance["label_noise"]).ridges
    places = np.searchsorted(instance["ridges"], best)
    return exactly(max(0, int((places[:-1] - places[1:]).max())))


def misfit(found: Array, instance: Instance) -> Bracket:
    """Return the largest |X^T X theta + n ridge theta - X^T y| over |X^T y|: these are ridge predictors."""
    X, ridges = instance["X"], instance["ridges"]
    target = X.T @ instance["y"]
    gaps = found @ (X.T @ X) + len(X) * ridges[:, None] * found - target
    worst = float(np.abs(gaps).max()) / max(float(np.abs(target).max()), np.finfo(float).tiny)
    return Bracket(max(worst - ROUNDING, 0.0), worst, Evidence.ENCLOSED)


def plant(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return the path in which ridges are counted from the other end."""
    return np.asarray(found[::-1])


THEOREM = Theorem(
    name="best-ridge-grows-with-the-radius",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="For one data set and attacks in l_2, |theta_ridge| does not rise with the ridge; hence for any grid of "
              "ridges the minimizer of R + 2 a c sqrt(R) |theta| + a^2 |theta|^2 (R with or without label noise) does "
              "not fall as the radius a grows: the adversarially best ridge is at least the standard one. False for "
              "attacks in l_inf, whose dual norm may rise, and for averages of adversarial risks over data sets.",
    hypotheses=("one data set; attacks in l_2", "of equal minimizers always the largest, or always the smallest"),
    claims=(Claim("misfit of the ridge equations, relative", misfit, lambda **_: 1e-9, "1e-9"),
            Claim("largest rise of the norm, relative", rise, lambda **_: ROUNDING, "1e-11: rounding"),
            Claim("places by which the best ridge falls", fall, lambda **_: 0.0, "0", "==")),
    draw=draw, construct=construct, plant=plant, repeats=12,
    proof=(("norms: each singular direction is shrunk more", "theorems.best_ridge.construct"),
           ("with a larger ridge optimal at a_1, the gap over a grows in a", "ridge.monotonicity.best_ridges")),
)
