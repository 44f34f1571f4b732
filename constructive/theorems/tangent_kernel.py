"""Near initialization, separated points: a regular kernel, and weights of least norm that fit them."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from constructive.evidence import Bracket, Evidence, Source
from constructive.nearinit.fitting import RobustFit, fit_anchors
from constructive.nearinit.kernel import (
    eigenvalue_bound,
    empirical_kernel,
    gram_eigenvalue_bound,
    simple_eigenvalue_bound,
    tangent_kernel,
)
from constructive.nearinit.units import Units, draw_units
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_ROUNDING = 2.0**-40
"""What bounds and entries may be off by: sums of a few thousand terms below 1."""


def draw_points(rng: np.random.Generator, n: int | None = None, d: int | None = None, **_: Any) -> Instance:
    """Return unit points X (n, d): random ones, a regular polygon, or random ones of which two are close."""
    count = int(rng.integers(2, 9)) if n is None else int(n)
    dimension = int(rng.choice((2, 3, 5, 8, 16))) if d is None else int(d)
    kind = int(rng.integers(3))
    X = rng.normal(size=(count, dimension))
    if kind == 1:
        angles = 2.0 * np.pi * np.arange(count) / count
        X[:] = 0.0
        X[:, 0], X[:, 1] = np.cos(angles), np.sin(angles)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    if kind == 2:
        X[1] = X[0] + 10.0 ** rng.uniform(-3, -1) * X[1]
        X[1] /= np.linalg.norm(X[1])
    return {"X": X}


def construct_kernel(X: Array) -> Array:
    """Return the kernel of infinitely many units at the points."""
    return tangent_kernel(X)


def smallest_eigenvalue(kernel: Array, instance: Instance) -> Bracket:
    """Return an enclosure of the smallest eigenvalue: K - s I is positive definite, in rational arithmetic.

    The other end is the Rayleigh quotient of the computed eigenvector. Entries may be off by a few roundings, which
    moves eigenvalues by at most n of these.
    """
    values, vectors = np.linalg.eigh(kernel)
    exact = [[Fraction(v) for v in row] for row in kernel.tolist()]
    vector = [Fraction(v) for v in vectors[:, 0].tolist()]
    quotient = sum(a * v * b for a, row in zip(vector, exact, strict=True) for v, b in zip(row, vector, strict=True))
    upper = float(quotient / sum(a * a for a in vector)) + len(vector) * 2.0**-48
    step = 2.0**-44
    while not positive_definite(exact, Fraction(float(values[0]) - step)):
        step *= 2.0
    return Bracket(float(values[0]) - step - len(vector) * 2.0**-48, upper, Evidence.ENCLOSED)


def positive_definite(matrix: list[list[Fraction]], shift: Fraction) -> bool:
    """Return whether matrix - shift I, symmetric and rational, is positive definite: all pivots are > 0."""
    rows = [[v - shift * (i == j) for j, v in enumerate(row)] for i, row in enumerate(matrix)]
    for k in range(len(rows)):
        if rows[k][k] <= 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            for j in range(i, len(rows)):
                rows[i][j] -= factor * rows[k][j]
        for i in range(k + 1, len(rows)):  # the lower half follows the upper one
            for j in range(k + 1, i):
                rows[i][j] = rows[j][i]
    return True


def separated_limit(X: Array, **_: Any) -> float:
    """Return the bound by number and distance."""
    return eigenvalue_bound(len(X), min(2.0, float(pdist(X).min()))) - _ROUNDING


def simple_limit(X: Array, **_: Any) -> float:
    """Return the bound in closed form."""
    return simple_eigenvalue_bound(len(X), min(2.0, float(pdist(X).min()))) - _ROUNDING


def gram_limit(X: Array, **_: Any) -> float:
    """Return the bound by the points' own Gram matrix."""
    return gram_eigenvalue_bound(X) - _ROUNDING


def moved_together(kernel: Array, instance: Instance, rng: np.random.Generator) -> Array:
    """Return the kernel of other points: two of them moved far closer than the instance's are."""
    X = instance["X"].copy()
    X[1] = X[0] + 0.125 * float(pdist(X).min()) * separated_limit(X) * X[1]
    X[1] /= np.linalg.norm(X[1])
    return tangent_kernel(X)


EIGENVALUE = Theorem(
    name="tangent-kernel-eigenvalue",
    source=Source("2002.06668", "smallest eigenvalue on separated points", "ours", "secondary"),
    statement="On n unit points at distance delta, the kernel <z, z'> kappa(<z, z'>) of first-layer moves has smallest "
              "eigenvalue at least (1 / 2 pi) sum over odd k of alpha_k max(0, 1 - (n - 1) (1 - delta^2 / 4)^k), of "
              "the order delta / sqrt(log n) in every dimension.",
    hypotheses=("unit points, no two equal", "biases with the variance of the weights"),
    claims=(Claim("smallest eigenvalue, by number and distance", smallest_eigenvalue, separated_limit,
                  "asin series with Gershgorin's circles", ">="),
            Claim("smallest eigenvalue, closed form", smallest_eigenvalue, simple_limit,
                  "delta / (4 pi^(3/2) sqrt(2 ln(2n - 2) + delta^2))", ">="),
            Claim("smallest eigenvalue, by the Gram matrix", smallest_eigenvalue, gram_limit,
                  "min(eig T) / 4 + the series with each row's own sum", ">=")),
    draw=draw_points, construct=construct_kernel, plant=moved_together, repeats=8,
    proof=(("a sum of Schur products T o C^k with positive coefficients", "nearinit.kernel.eigenvalue_bound"),
           ("tail of the series by asin itself", "nearinit.kernel.eigenvalue_bound"),
           ("positive pivots in rational arithmetic", "theorems.tangent_kernel.positive_definite")),
)


def draw_fit(rng: np.random.Generator, width: int | None = None, n: int | None = None, **_: Any) -> Instance:
    """Return unit anchors Z (n, d), targets y, an error, and units' weight and bias with a kernel far from singular."""
    count, d = int(rng.integers(2, 7)) if n is None else int(n), int(rng.choice((2, 3, 5, 8)))
    m = int(rng.choice((64, 200, 512))) if width is None else int(width)
    while True:
        Z = rng.normal(size=(count, d))
        Z /= np.linalg.norm(Z, axis=1, keepdims=True)
        units = draw_units(m, d, paired=bool(rng.random() < 0.5), rng=rng)
        regular = float(np.linalg.eigvalsh(empirical_kernel(units, Z))[0]) > 0.02
        if regular and float(np.abs(units.preactivations(Z)).min()) > _ROUNDING:
            break
    y = rng.uniform(-1.0, 1.0, count)
    y[0] = rng.choice((-1.0, 1.0))
    return {"Z": Z, "y": y, "error": float(rng.uniform(0.02, 0.3)), "weight": units.weight, "bias": units.bias}


def construct_fit(Z: Array, y: Array, error: float, weight: Array, bias: Array) -> RobustFit:
    """Return the weights of least norm; the signs of the output play no part in the linearized network."""
    return fit_anchors(Units(weight, bias, np.ones(len(bias))), Z, y, error=error)


def deviation(fit: RobustFit, instance: Instance) -> Bracket:
    """Return the largest |g(z_j) - y_j| of the pseudo-network at the anchors.

    No gate is within rounding of switching there, so that what is left is the rounding of m sums of d terms.
    """
    network = fit.network
    off = float(np.abs(network(instance["Z"]) - instance["y"]).max())
    m, d = fit.units.weight.shape
    slack = (m + 2 * d + 8) * 2.0**-52 * math.sqrt(d) * (1.0 + network.largest)
    return Bracket(max(0.0, off - slack), off + slack, Evidence.ENCLOSED)


def longest(fit: RobustFit, instance: Instance) -> Bracket:
    """Return the longest |theta_r| in units of |a|_1."""
    return _rounded(fit.network.largest / fit.bound)


def least_square(fit: RobustFit, instance: Instance) -> Bracket:
    """Return the mean square of theta over its lower bound 2 (y'a - error |a|_1) - a'Ka, from the duals alone."""
    a, y, error = fit.dual.duals, instance["y"], instance["error"]
    K = empirical_kernel(fit.units, instance["Z"])
    lower = 2.0 * float(y @ a - error * np.abs(a).sum()) - float(a @ K @ a)
    if lower <= 0.0:
        return Bracket(math.inf, math.inf)
    return _rounded(fit.network.frobenius**2 / lower)


def square_of_duals(fit: RobustFit, instance: Instance) -> Bracket:
    """Return the mean square of theta over a'Ka."""
    a, K = fit.dual.duals, empirical_kernel(fit.units, instance["Z"])
    return _rounded(fit.network.frobenius**2 / float(a @ K @ a))


def _rounded(ratio: float) -> Bracket:
    return Bracket(ratio * (1.0 - _ROUNDING), ratio * (1.0 + _ROUNDING), Evidence.ENCLOSED)


def error_limit(error: float, **_: Any) -> float:
    """Return the error, and 1e-9 for where the descent stops."""
    return error + 1e-9


def whole(**_: Any) -> float:
    """Return 1, and 1e-8 for where the descent stops and rounding."""
    return 1.0 + 1e-8


def almost(**_: Any) -> float:
    """Return 1 less 1e-8."""
    return 1.0 - 1e-8


def change_a_dual(fit: RobustFit, instance: Instance, rng: np.random.Generator) -> RobustFit:
    """Return the fit with one dual moved by a tenth of the largest."""
    duals = fit.dual.duals.copy()
    duals[rng.integers(duals.size)] += 0.1 * rng.choice((-1.0, 1.0)) * np.abs(duals).max()
    return replace(fit, dual=replace(fit.dual, duals=duals))


FIT = Theorem(
    name="minimal-norm-fit",
    source=Source("2002.06668", "explicit weights near initialization that fit anchors", "ours", "secondary"),
    statement="The weights theta_r = sum_j a_j 1{u_r(z_j) >= 0} z_j with the minimizer a of a'Ka/2 - y'a + error |a|_1 "
              "fit all anchors within the error at any finite width, have mean square a'Ka, the least possible, and no "
              "|theta_r| above |a|_1.",
    hypotheses=("unit anchors", "an empirical kernel that is not singular",
                "no unit's gate within 2^-40 of an anchor"),
    claims=(Claim("largest |g - y| at the anchors", deviation, error_limit, "error, and 1e-9 where the descent stops"),
            Claim("largest |theta_r| over |a|_1", longest, whole, "1, and 1e-8 for rounding"),
            Claim("mean square of theta over a'Ka, at most", square_of_duals, whole, "1, and 1e-8 for rounding"),
            Claim("mean square of theta over a'Ka, at least", square_of_duals, almost, "1 less 1e-8", ">="),
            Claim("mean square of theta over the dual's lower bound", least_square, whole,
                  "1, and 1e-8 where the descent stops")),
    draw=draw_fit, construct=construct_fit, plant=change_a_dual, repeats=8,
    proof=(("Lagrange duality; exact coordinate descent", "nearinit.fitting.fit_dual"),
           ("unit anchors and gates in {0, 1}", "nearinit.fitting.RobustFit"),
           ("whole caps by cutting planes", "nearinit.fitting.robust_fit")),
)
