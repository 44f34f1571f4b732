"""Ridge regression on one design, of whatever law: bias, variance and norms bounded from above by three numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source
from constructive.ridge.pathwise_bounds import MomentCeilings, pathwise_ceilings
from constructive.theorems import ridge_samples as rs
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
ROUNDING = 1e-9
"""Relative: Gram matrices here have condition numbers below 1e4, solved in doubles."""
MOMENTS = ("bias", "variance", "signal_energy", "noise_energy")


def draw(rng: np.random.Generator, head: int | None = None) -> Instance:
    """Return a design with a head and a tail of q >= 2 n columns, normal or heavy-tailed, theta, and a ridge."""
    n = int(rng.integers(4, 25))
    k = int(rng.integers(0, 5)) if head is None else int(head)
    q = int(rng.integers(2 * n + 4, 6 * n + 8))
    values = np.concatenate([np.sort(rng.uniform(0.5, 2.0, k))[::-1], np.sort(rng.uniform(0.05, 0.1, q))[::-1]])
    rows = rng.normal(size=(n, k + q)) if rng.random() < 0.5 else rng.standard_t(4, (n, k + q))
    theta = rng.normal(size=k + q) * np.where(np.arange(k + q) < k, 1.0, float(rng.choice((0.0, 0.1))))
    return {"X": rows * np.sqrt(values), "eigenvalues": values, "theta": theta, "head": min(k, n),
            "ridge": float(rng.choice((0.0, 0.1)))}


def construct(X: Array, eigenvalues: Array, theta: Array, head: int, ridge: float) -> Array:
    """Return bias, variance, signal energy and noise energy at unit noise, from the definition, (4,)."""
    back: Array = np.asarray(np.linalg.solve(X @ X.T + len(X) * ridge * np.eye(len(X)), X).T, dtype=np.float64)
    return _moments(back, X, eigenvalues, theta)


def _moments(back: Array, X: Array, eigenvalues: Array, theta: Array) -> Array:
    """Return the moments of the predictor back y, y = X theta + noise."""
    kept = back @ (X @ theta)
    return np.array([eigenvalues @ (kept - theta) ** 2, eigenvalues @ np.square(back).sum(axis=1), kept @ kept,
                     np.square(back).sum()])


def _ceilings(X: Array, eigenvalues: Array, theta: Array, head: int, ridge: float) -> MomentCeilings:
    return pathwise_ceilings(X, eigenvalues, theta, ridge, 1.0, head=head)


def value(place: int) -> Callable[[Array, Instance], Bracket]:
    """Return the measure of one moment."""
    def measure(found: Array, instance: Instance) -> Bracket:
        return Bracket(float(found[place]) * (1.0 - ROUNDING), float(found[place]) * (1.0 + ROUNDING),
                       Evidence.ENCLOSED)
    return measure


def ceiling(name: str) -> Callable[..., float]:
    """Return the limit of one moment."""
    def limit(**instance: object) -> float:
        return float(getattr(_ceilings(**instance), name))  # type: ignore[arg-type]
    return limit


def plant(found: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return the moments of a fit that leaves out all but n columns of the tail, without ridge: nothing holds it."""
    X, n = instance["X"], len(instance["X"])
    back = np.zeros(X.T.shape)
    back[-n:] = np.linalg.inv(X[:, -n:])
    return _moments(back, X, instance["eigenvalues"], instance["theta"])


THEOREM = Theorem(
    name="ridge-ceilings-for-one-design",
    source=Source(rs.PAPER, rs.TITLE, "ours", "abstract"),
    statement="For every design: with the extreme eigenvalues mu of the tail's Gram matrix + n ridge, and H the head's "
              "whitened Gram matrix, variance <= noise_variance ((mu_+ / mu_-) tr H^-1 + sum_tail lambda_j |x_j|^2 / "
              "mu_-^2), noise energy <= noise_variance n / mu_-, signal energy <= |theta|^2, bias <= (sqrt h + sqrt "
              "t)^2 + lambda_{k+1} |theta|^2, which is below the usual 2 h + 2 t + ..; nothing is assumed of a law.",
    hypotheses=("mu_- > 0 and mu_min(H) > 0", "coordinates in which Sigma is diagonal, sorted"),
    claims=tuple(Claim(name.replace("_", " "), value(k), ceiling(name), "ceiling from mu and H")
                 for k, name in enumerate(MOMENTS)),
    draw=draw, construct=construct, plant=plant, repeats=12,
    proof=(("Woodbury on the head; G >= the tail's part", "ridge.pathwise_bounds.pathwise_ceilings"),
           ("the same moments from the definition", "theorems.ridge_ceilings.construct")),
)
