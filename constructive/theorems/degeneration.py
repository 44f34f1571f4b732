"""Adversarial training of a wide, linearized network ends in the interpolant of plain training, whatever the attack."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.tangent import ReluKernel
from constructive.tangent.attacked import AttackedFlow, adversarial_flow
from constructive.theorems import exponentials as ex
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
UNIT = 2.0**-53
NEAR = 1e-6
"""Distance from the interpolant that the last time of an instance promises, relative to the first one."""


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return data, labels, strengths >= 1 on twelve pieces, other points, and times: three on the way, one beyond.

    At the first time the fast part still moves, at the next two the slow part does; the last one is the time after
    which the gap is below 1e-6 of its first bound for any attack.
    """
    count, d = int(rng.integers(2, 6)) if n is None else int(n), int(rng.integers(2, 5))
    rows: list[Array] = []
    while len(rows) < count:
        x = rng.normal(size=d)
        if all(np.linalg.norm(x - row) >= 0.25 for row in rows):
            rows.append(x)
    kernel, X = ReluKernel(int(rng.integers(2, 5)), 1.76, 0.18), np.array(rows)
    theta = kernel.ntk(X)
    rates, strengths = np.linalg.eigvalsh(theta), 1.0 + rng.exponential(2.0, (12, count))
    least = float(rates[0])
    end = math.log(1.0 / NEAR) / least
    return {"kernel": kernel, "X": X, "y": rng.choice((-1.0, 1.0), count), "theta": theta,
            "breaks": np.linspace(0.0, end, 13), "strengths": strengths,
            "Z": rng.normal(size=(4, d)),
            "times": np.array([0.25 / (rates[-1] * strengths.max()), 0.25 / least, 1.5 / least, end])}


def construct(theta: Array, y: Array, breaks: Array, strengths: Array, times: Array, **_: Any) -> AttackedFlow:
    """Return the attacked flow from residuals -y."""
    return adversarial_flow(theta, -y, (breaks, strengths), times)


def _slack(instance: Instance) -> float:
    """Return what rounding may move the size sqrt(u^T theta^-1 u) of residuals by: they are formed by subtraction."""
    theta, y = instance["theta"], instance["y"]
    rates = np.linalg.eigvalsh(theta)
    return float(64.0 * len(y) * UNIT * np.linalg.norm(y) * (rates[-1] / rates[0]) / math.sqrt(rates[0]))


def _sizes(flow: AttackedFlow) -> tuple[float, Array]:
    """Return sqrt(V) of the first residuals and of those at each time, V exact up to a root."""
    return math.sqrt(ex.quadratic(flow.theta, flow.start)), np.array(
        [math.sqrt(ex.quadratic(flow.theta, u)) for u in flow.residuals])


def _bracket(value: float, slack: float) -> Bracket:
    return Bracket(max(0.0, value - slack), value + slack, Evidence.ENCLOSED)


def above(flow: AttackedFlow, instance: Instance) -> Bracket:
    """Return the largest sqrt(V(u_t)) over sqrt(V(u_0)) exp(-lmin int min strength) on the way."""
    first, sizes = _sizes(flow)
    rates, passed = np.linalg.eigvalsh(instance["theta"]), _passed(instance, np.min)
    bounds = first * np.exp(-rates[0] * passed)
    return _bracket(float((sizes / bounds)[:3].max()), _slack(instance) / float(bounds[:3].min()) + 1e-9)


def below(flow: AttackedFlow, instance: Instance) -> Bracket:
    """Return the least sqrt(V(u_t)) over sqrt(V(u_0)) exp(-lmax int max strength) on the way."""
    first, sizes = _sizes(flow)
    rates, passed = np.linalg.eigvalsh(instance["theta"]), _passed(instance, np.max)
    bounds = first * np.exp(-rates[-1] * passed)
    k = int(np.argmin(sizes[:3] / np.maximum(bounds[:3], np.finfo(float).tiny)))
    ratio, scale = (sizes[k], bounds[k]) if bounds[k] > 0.0 else (1.0, np.finfo(float).tiny)
    return Bracket(max(0.0, (ratio - _slack(instance)) / scale) * (1 - 1e-9), math.inf, Evidence.ENCLOSED)


def _passed(instance: Instance, extreme: Callable[..., Array]) -> Array:
    """Return the integral of the least or largest strength up to each time."""
    lengths = np.clip(instance["times"][:, None], None, instance["breaks"][1:]) - instance["breaks"][:-1]
    return np.asarray(np.maximum(lengths, 0.0) @ extreme(instance["strengths"], axis=1))


def _gaps(flow: AttackedFlow, instance: Instance) -> tuple[Array, Array]:
    """Return |f_t - f_inf| (T, m) and sqrt(q) (m,) at the other points."""
    cross = instance["kernel"].ntk(instance["Z"], instance["X"])
    limit = np.linalg.solve(instance["theta"], -instance["y"])
    shares = np.array([math.sqrt(ex.quadratic(instance["theta"], row)) for row in cross])
    return np.abs((limit - flow.moved[:, :, 0]) @ cross.T), shares


def posterior(flow: AttackedFlow, instance: Instance) -> Bracket:
    """Return the largest |f_t - f_inf| over sqrt(q V(u_t)) on the way."""
    gaps, shares = _gaps(flow, instance)
    bounds = _sizes(flow)[1][:3, None] * shares
    slack = _slack(instance) * float(shares.max())
    return _bracket(float((gaps[:3] / bounds).max()), 2.0 * slack / float(bounds.min()) + 1e-9)


def late(flow: AttackedFlow, instance: Instance) -> Bracket:
    """Return the largest |f_t - f_inf| / sqrt(q V(u_0)) at the last time."""
    gaps, shares = _gaps(flow, instance)
    first = _sizes(flow)[0]
    return _bracket(float((gaps[-1] / (first * shares)).max()), _slack(instance) / first)


def one(**_: Any) -> float:
    """Return 1."""
    return 1.0


def plant(flow: AttackedFlow, instance: Instance, rng: np.random.Generator) -> AttackedFlow:
    """Return the flow of a model that ends elsewhere: every movement, and its residuals, off by a hundredth."""
    moved = flow.moved * (1.0 + 0.01 * float(rng.choice((-1.0, 1.0))))
    return replace(flow, moved=moved, residuals=flow.start - flow.theta @ moved)


def lowest(flow: AttackedFlow, instance: Instance) -> Bracket:
    """Return the least strength, from which the promised time is computed."""
    return exactly(float(instance["strengths"].min()))


THEOREM = Theorem(
    name="adversarial-training-degenerates",
    source=Source("2310.06112", "adversarial training of wide networks degenerates to plain training", "sharper",
                  "secondary"),
    statement="Let theta be positive definite with extreme eigenvalues lmin, lmax, du/dt = -theta diag(strengths) u, "
              "V(u) = u^T theta^-1 u. V(u_0) exp(-2 lmax int max strength) <= V(u_t) <= V(u_0) exp(-2 lmin int min "
              "strength), and |f_t - f_inf| <= sqrt(q V(u_t)), q(x) = k(x, X) theta^-1 k(X, x), f_inf the interpolant "
              "of plain training: strengths >= 1 reach it at least at the rate lmin, whether or not they commute.",
    hypotheses=("theta positive definite", "strengths bounded, >= 1 for the rate; squared loss; linearized network"),
    claims=(Claim("size of the residuals over its upper bound", above, one, "1"),
            Claim("size of the residuals over its lower bound", below, one, "1", ">="),
            Claim("distance from the interpolant over sqrt(q V)", posterior, one, "1"),
            Claim("distance at the promised time, relative", late, lambda **_: NEAR, "1e-6"),
            Claim("least strength", lowest, one, "1", ">=")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("dV/dt = -2 u^T Xi u, between the extreme eigenvalues", "tangent.degeneration.degeneration_bounds"),
           ("one propagator for each piece", "tangent.attacked.adversarial_flow")),
)
