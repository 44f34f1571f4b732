"""What attacked training of a wide network has done: its propagator, a gradient, when one exponential is enough."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.tangent import ReluKernel
from constructive.tangent.attacked import adversarial_flow
from constructive.tangent.propagator import Propagator
from constructive.theorems import exponentials as ex
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
UNIT = 2.0**-53


def matrix(rng: np.random.Generator, n: int) -> Array:
    """Return the kernel matrix of n points at least 1 / 4 apart, in multiples of 2^-14."""
    rows: list[Array] = []
    while len(rows) < n:
        x = rng.normal(size=3)
        if all(np.linalg.norm(x - row) >= 0.25 for row in rows):
            rows.append(x)
    kernel = ReluKernel(int(rng.integers(2, 5)), 1.76, 0.18)
    return np.asarray(np.rint(kernel.ntk(np.array(rows)) * 2.0**14) / 2.0**14)


def _strengths(rng: np.random.Generator, theta: Array, reach: float = 4.0) -> Array:
    """Return a (n,), multiples of 2^-20, the largest entry reach / |theta|, ratios up to 16."""
    drawn = rng.uniform(1.0 / 16.0, 1.0, len(theta))
    return np.maximum(np.rint(drawn * reach / np.abs(theta).sum(axis=1).max() * 2.0**20), 1.0) / 2.0**20


def _between(low: Fraction, high: Fraction) -> Bracket:
    return Bracket(exactly(low).lower, exactly(high).upper, Evidence.ENCLOSED)


# -- the matrix -----------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a kernel matrix and positive strengths."""
    theta = matrix(rng, int(rng.integers(2, 5)) if n is None else int(n))
    return {"theta": theta, "strengths": _strengths(rng, theta)}


def construct(theta: Array, strengths: Array) -> Propagator:
    """Return the propagator."""
    return Propagator.of(theta, strengths)


def error(found: Propagator, instance: Instance) -> Bracket:
    """Return the largest entry of W less its series, over the largest entry, in rational arithmetic."""
    exact, left = ex.propagator(instance["theta"], instance["strengths"])
    gap, most = ex.largest(ex.plus(ex.rational(found.matrix()), exact, -1)), ex.largest(exact)
    return _between(max(Fraction(0), gap - left) / (most + left), (gap + left) / (most - left))


def allowed(theta: Array, strengths: Array) -> float:
    """Return 64 n 2^-53 max a / min a."""
    return 64.0 * len(theta) * UNIT * float(strengths.max() / strengths.min())


def asymmetry(found: Propagator, _: Instance) -> Bracket:
    """Return the largest difference of W from its transpose."""
    matrix = found.matrix()
    return exactly(float(np.abs(matrix - matrix.T).max()))


def floor(found: Propagator, _: Instance) -> Bracket:
    """Return the least pivot of W, which is positive exactly for positive definite matrices."""
    return exactly(ex.least_pivot(ex.rational(found.matrix())))


def ceiling(found: Propagator, instance: Instance) -> Bracket:
    """Return the least pivot of theta - theta W theta: positive means W < theta^-1."""
    theta = ex.rational(instance["theta"])
    inner = ex.times(ex.times(theta, ex.rational(found.matrix())), theta)
    return exactly(ex.least_pivot(ex.plus(theta, inner, -1)))


def plant(found: Propagator, instance: Instance, rng: np.random.Generator) -> Propagator:
    """Return the propagator with one eigenvector longer by a millionth."""
    roots = found.roots.copy()
    roots[:, int(rng.integers(roots.shape[1]))] *= 1.0 + 1e-6
    return replace(found, roots=roots)


def _zero(**_: Any) -> float:
    return 0.0


PROPAGATOR = Theorem(
    name="tangent-propagator",
    source=Source("2310.06112", "closed form of adversarial training", "sharper", "secondary"),
    statement="theta^-1 (I - exp(-theta diag(a))) = diag(m) phi(diag(m) theta diag(m)) diag(m), m = sqrt(a), phi(z) = "
              "(1 - e^-z) / z: symmetric, between 0 and theta^-1, computed without an inverse to a rounding error of "
              "about 2^-53 max a / min a.",
    hypotheses=("theta symmetric positive semidefinite", "a >= 0, positive entries within a factor of 1e10"),
    claims=(Claim("largest error over the largest entry", error, allowed, "64 n 2^-53 max a / min a"),
            Claim("asymmetry", asymmetry, _zero, "0", "=="),
            Claim("least pivot of W", floor, _zero, "0", ">="),
            Claim("least pivot of theta - theta W theta", ceiling, _zero, "0", ">=")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("series of the exponential, a root of a on each side", "tangent.propagator.Propagator.of"),
           ("phi of the eigenvalues", "tangent.propagator.faded")),
)


# -- its gradient ---------------------------------------------------------------------------------------------------


def draw_slopes(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a kernel matrix, strengths of which some may be 0, labels Y and slopes P (n, C)."""
    theta = matrix(rng, int(rng.integers(2, 4)) if n is None else int(n))
    a = _strengths(rng, theta)
    if rng.random() < 0.5:
        a[int(rng.integers(len(a)))] = 0.0
    outputs = int(rng.integers(1, 3))
    Y, P = (np.rint(2.0**8 * rng.normal(size=(len(a), outputs))) / 2.0**8 for _ in range(2))
    return {"theta": theta, "strengths": a, "Y": Y, "P": P}


def construct_slopes(theta: Array, strengths: Array, Y: Array, P: Array) -> dict[str, Array]:
    """Return the gradient by both formulas."""
    found = Propagator.of(theta, strengths)
    return {"inverse-free": found.gradient(P, Y), "factor": found.gradient(P, Y, method="factor")}


def _gap(name: str) -> Any:
    def measure(found: dict[str, Array], instance: Instance) -> Bracket:
        """Return the largest error over |P| |Y|, against the series differentiated term by term."""
        exact, left = ex.slopes(instance["theta"], instance["strengths"], instance["P"], instance["Y"])
        gap = max(abs(Fraction(v) - w) for v, w in zip(found[name].tolist(), exact, strict=True))
        scale = Fraction(float(np.linalg.norm(instance["P"]) * np.linalg.norm(instance["Y"])))
        return _between(max(Fraction(0), gap - left) / scale, (gap + left) / scale)

    return measure


def _inverse_free(theta: Array, **_: Any) -> float:
    return 64.0 * len(theta) * UNIT


def _by_factor(theta: Array, **_: Any) -> float:
    return 64.0 * len(theta) * UNIT * float(np.linalg.cond(theta))


def plant_slopes(found: dict[str, Array], instance: Instance, rng: np.random.Generator) -> dict[str, Array]:
    """Return the gradient that takes theta and diag(a) to commute: P (exp(-theta diag(a)) Y), entry by entry."""
    propagator = Propagator.of(instance["theta"], instance["strengths"])
    Y, P = instance["Y"], instance["P"]
    return {**found, "inverse-free": (P * (Y - propagator.coefficients(instance["theta"] @ Y))).sum(axis=1)}


GRADIENT = Theorem(
    name="tangent-propagator-gradient",
    source=Source("2310.06112", "training the attack strengths", "ours", "secondary"),
    statement="The derivative of any loss of W(a) Y in each a_k is exact from one eigendecomposition: divided "
              "differences of exp at 0, 0, -l_i, -l_j replace Duhamel's integral; no inverse, a_k = 0 and singular "
              "kernel matrices included.",
    hypotheses=("theta symmetric positive semidefinite; definite for the formula by a Cholesky factor", "a >= 0"),
    claims=(Claim("inverse-free: error / |P| |Y|", _gap("inverse-free"), _inverse_free, "64 n 2^-53"),
            Claim("by a factor: error / |P| |Y|", _gap("factor"), _by_factor, "64 n 2^-53 cond(theta)")),
    draw=draw_slopes, construct=construct_slopes, plant=plant_slopes, repeats=3,
    proof=(("divided differences at 0, 0, -l_i, -l_j", "tangent.propagator.twice_integrated"),
           ("by a Cholesky factor", "tangent.propagator.exponential_slopes")),
)


# -- one exponential for the whole way ------------------------------------------------------------------------------


def draw_profiles(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a kernel matrix, residuals, and strengths on 3 pieces: proportional ones, and ones that change over."""
    theta = matrix(rng, int(rng.integers(2, 4)) if n is None else int(n))
    count, reach = len(theta), np.abs(theta).sum(axis=1).max()
    base = np.rint(rng.uniform(1.0, 4.0, count) * 16.0) / 16.0
    factors = np.array([1.0, 0.5, 2.0])[rng.permutation(3)]
    order = np.sort(base)
    order[-1] += 1.0  # so that turning the order round changes proportions
    lengths = np.maximum(np.rint(rng.uniform(0.25, 0.5, 3) / reach * 2.0**14), 1.0) / 2.0**14
    return {"theta": theta, "start": np.rint(2.0**8 * rng.normal(size=count)) / 2.0**8 + 4.0,
            "breaks": np.append(0.0, np.cumsum(lengths)), "proportional": factors[:, None] * base,
            "turning": np.array([order, order[::-1], order])}


Residuals = dict[str, dict[str, Array]]


def construct_profiles(theta: Array, start: Array, breaks: Array, proportional: Array, turning: Array) -> Residuals:
    """Return final residuals by one exponential and by the pieces; and 1 for each profile refused, 0 where not."""
    found: Residuals = {}
    for name, values in (("proportional", proportional), ("turning", turning)):
        pieces = (breaks, values)
        product = adversarial_flow(theta, start, pieces, breaks[-1])
        single = start - theta @ Propagator.of(theta, product.accumulated[0]).coefficients(start)
        try:
            adversarial_flow(theta, start, pieces, breaks[-1], method="closed")
            refused = 0.0
        except ValueError:
            refused = 1.0
        found[name] = {"product": product.residuals[0, :, 0], "single": single, "refused": np.array([refused])}
    return found


def _missed(name: str, way: str) -> Any:
    def measure(found: Residuals, instance: Instance) -> Bracket:
        """Return the largest error of the residuals over the largest initial one, against the rational flow."""
        exact, left = ex.flow(instance["theta"], instance["breaks"].tolist(), instance[name], instance["start"])
        gap = ex.largest(ex.plus(ex.rational(found[name][way]), exact, -1))
        scale = Fraction(float(np.abs(instance["start"]).max()))
        return _between(max(Fraction(0), gap - left) / scale, (gap + left) / scale)

    return measure


def _commuting(name: str) -> Any:
    def measure(_: Residuals, instance: Instance) -> Bracket:
        """Return the largest entry of the commutators of theta diag(strengths) at two times."""
        values = instance[name]
        return exactly(max(ex.commutator(instance["theta"], values[i], values[k]) for i in range(3) for k in range(i)))

    return measure


def refusals(found: Residuals, _: Instance) -> Bracket:
    """Return how many of the two profiles the closed form refuses, if it refuses the right one; else -1."""
    told = [float(found[name]["refused"][0]) for name in ("proportional", "turning")]
    return exactly(sum(told) if told[0] == 0.0 else -1.0)


def _few(theta: Array, **_: Any) -> float:
    return 256.0 * len(theta) * UNIT


def _many(theta: Array, **_: Any) -> float:
    return 2.0**20 * UNIT


def plant_profiles(found: Residuals, instance: Instance, rng: np.random.Generator) -> Residuals:
    """Return residuals that come from one exponential where the strengths change their proportions."""
    return {**found, "turning": {**found["turning"], "product": found["turning"]["single"]}}


CLOSED_FORM = Theorem(
    name="attacked-closed-form",
    source=Source("2310.06112", "closed form of adversarial training", "ours", "secondary"),
    statement="Let theta be positive definite with a connected graph. exp(-theta diag(integral of the strengths)) "
              "propagates the residuals for all times exactly if strengths(t) = c(t) strengths(0); then all "
              "theta diag(strengths(t)) commute. For other strengths a product of exponentials, one a piece, is right.",
    hypotheses=("theta positive definite, its graph of nonzeros connected", "positive strengths; here: three pieces"),
    claims=(Claim("proportional: commutators", _commuting("proportional"), _zero, "0", "=="),
            Claim("proportional: error of one exponential", _missed("proportional", "single"), _few, "256 n 2^-53"),
            Claim("turning: commutators", _commuting("turning"), lambda **_: 2.0**-20, "2^-20", ">="),
            Claim("turning: error of one exponential", _missed("turning", "single"), _many, "2^-33", ">="),
            Claim("turning: error of the product", _missed("turning", "product"), _few, "256 n 2^-53"),
            Claim("profiles refused", refusals, lambda **_: 1.0, "1: the turning one", "==")),
    draw=draw_profiles, construct=construct_profiles, plant=plant_profiles, repeats=3,
    proof=(("the commutator is theta (Xi theta Xi' - Xi' theta Xi)", "theorems.exponentials.commutator"),
           ("one propagator for each piece", "tangent.attacked.adversarial_flow"),
           ("rank one on each connected part", "tangent.attacked.proportional")),
)
