"""An attack of one common rate only changes the time of training: it reaches nothing that early stopping does not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.tangent.attacked import AttackedFlow, adversarial_flow
from constructive.theorems import exponentials as ex
from constructive.theorems.record import Claim, Instance, Theorem
from constructive.theorems.tangent_propagator import UNIT, matrix

Array = NDArray[np.float64]


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a kernel matrix, residuals, and rates >= 1 on three pieces, all dyadic."""
    count = int(rng.integers(2, 5)) if n is None else int(n)
    theta = matrix(rng, count)
    rates = rng.integers(16, 49, 3) / 16.0
    # the changed time at the end is at most 4 / |theta|, where the series converges fast
    piece = 2.0 ** np.floor(np.log2(4.0 / 9.0 / np.abs(theta).sum(axis=1).max()))
    return {"theta": theta, "start": np.rint(rng.normal(size=(count, 2)) * 64.0) / 64.0, "rates": rates,
            "breaks": piece * np.arange(4.0)}


def construct(theta: Array, start: Array, rates: Array, breaks: Array) -> AttackedFlow:
    """Return attacked training, all strengths equal on each piece, at the ends of the pieces."""
    return adversarial_flow(theta, start, (breaks, np.repeat(rates[:, None], len(theta), axis=1)), breaks[1:])


def error(flow: AttackedFlow, instance: Instance) -> Bracket:
    """Return the largest entry of z less W(tau) u_0 over its largest entry, tau the changed time, in fractions."""
    theta, start = instance["theta"], ex.rational(instance["start"])
    tau, worst = 0.0, (Fraction(0), Fraction(0))
    for k, moved in enumerate(flow.moved):
        tau += float(instance["rates"][k] * (instance["breaks"][k + 1] - instance["breaks"][k]))  # dyadic, exact
        exact, left = ex.propagator(theta, np.full(len(theta), tau))
        expected, slack = ex.times(exact, start), left * sum((abs(v) for row in start for v in row), Fraction(0))
        gap, most = ex.largest(ex.plus(ex.rational(moved), expected, -1)), ex.largest(expected)
        worst = max(worst, (max(Fraction(0), gap - slack) / (most + slack), (gap + slack) / (most - slack)))
    return Bracket(exactly(worst[0]).lower, exactly(worst[1]).upper, Evidence.ENCLOSED)


def allowed(theta: Array, start: Array, rates: Array, breaks: Array) -> float:
    """Return 64 n 2^-53."""
    return 64.0 * len(theta) * UNIT


def plant(flow: AttackedFlow, instance: Instance, rng: np.random.Generator) -> AttackedFlow:
    """Return the flow under strengths that differ between samples by a millionth, equal on the mean."""
    ways = np.where(np.arange(len(instance["theta"])) % 2 == 0, 1e-6, -1e-6)
    values = instance["rates"][:, None] * (1.0 + float(rng.choice((-1.0, 1.0))) * ways)
    other = adversarial_flow(instance["theta"], instance["start"], (instance["breaks"], values), instance["breaks"][1:])
    return replace(flow, moved=other.moved, residuals=other.residuals)


THEOREM = Theorem(
    name="common-attack-changes-time",
    source=Source("2310.06112", "adversarial training of wide networks in closed form", "ours", "secondary"),
    statement="If the attack multiplies all residuals by one number e^a(t), attacked training at time t is training "
              "without attack at tau(t) = int_0^t e^a, on the data and everywhere else: f_t - f_0 = -k(x, X) W(tau) "
              "u_0. Whatever adversarial training gains over early stopping comes from rates that differ.",
    hypotheses=("squared loss, linearized network, f_t - f_0 = -k(x, X) z_t",
                "the same rate for all samples: one constant of input gradients and one attack"),
    claims=(Claim("movement z less that of plain training at tau, over its size", error, allowed, "64 n 2^-53"),),
    draw=draw, construct=construct, plant=plant, repeats=5,
    proof=(("du/dt = -e^a theta u is du/dtau = -theta u", "tangent.attacked.adversarial_flow"),),
)
