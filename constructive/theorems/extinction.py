"""An attack that spends its whole budget brings the wide network to the interpolant after a finite time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.tangent import ReluKernel
from constructive.tangent.attacked import adversarial_flow
from constructive.tangent.saturated import SaturatedFlow, extinction_bounds, saturated_flow
from constructive.theorems import exponentials as ex
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
STEPS = 200
MOST = 12_800


def draw(rng: np.random.Generator, n: int | None = None) -> Instance:
    """Return a kernel matrix of points at least 1 / 4 apart, residuals of one or two outputs, and budgets."""
    count = int(rng.integers(2, 5)) if n is None else int(n)
    rows: list[Array] = []
    while len(rows) < count:
        x = rng.normal(size=3)
        if all(np.linalg.norm(x - row) >= 0.25 for row in rows):
            rows.append(x)
    theta = ReluKernel(int(rng.integers(2, 5)), 1.76, 0.18).ntk(np.array(rows))
    return {"theta": theta, "start": rng.normal(size=(count, int(rng.integers(1, 3)))),
            "budgets": rng.uniform(0.1, 2.0, count)}


def construct(theta: Array, start: Array, budgets: Array) -> SaturatedFlow:
    """Return the flow, its steps halved until the bracket of the time is below the bound, or they are 12800."""
    steps, bound = STEPS, extinction_bounds(theta, start, budgets).upper
    while True:
        found = saturated_flow(theta, start, budgets, steps=steps)
        if found.extinction.upper <= bound or steps >= MOST:
            return found
        steps *= 2


def sooner(found: SaturatedFlow, instance: Instance) -> Bracket:
    """Return the time at which the true flow vanishes."""
    return found.extinction


def latest(theta: Array, start: Array, budgets: Array) -> float:
    """Return log(1 + sqrt(l V) / min r) / l, l the least eigenvalue of theta."""
    least = float(np.linalg.eigvalsh(theta)[0])
    return math.log1p(math.sqrt(least * float(ex.quadratic(theta, start))) / float(budgets.min())) / least


def earliest(theta: Array, start: Array, budgets: Array) -> float:
    """Return log(1 + sqrt(L V) / (max r sqrt(n))) / L, L the largest eigenvalue of theta."""
    most = float(np.linalg.eigvalsh(theta)[-1])
    size = math.sqrt(most * float(ex.quadratic(theta, start)))
    return math.log1p(size / (float(budgets.max()) * math.sqrt(len(budgets)))) / most


def remaining(found: SaturatedFlow, _: Instance) -> Bracket:
    """Return the largest residual at the end of the simulated flow."""
    return exactly(float(np.abs(found.residuals[-1]).max()))


def spent(found: SaturatedFlow, instance: Instance) -> Bracket:
    """Return the largest pull of the attack over its budget: the step's movement less the residual, exactly formed."""
    pull = _pulls(found)
    ratios = np.linalg.norm(pull, axis=2) / instance["budgets"]
    return Bracket(float(ratios.max()) * (1 - 1e-9), float(ratios.max()) * (1 + 1e-9), Evidence.ENCLOSED)


def aside(found: SaturatedFlow, instance: Instance) -> Bracket:
    """Return by how much the pulls fall short of the worst attack: the largest (r |u| - pull u) over the first size."""
    residuals = found.residuals[1:]
    gaps = instance["budgets"] * np.linalg.norm(residuals, axis=2) - (_pulls(found) * residuals).sum(axis=2)
    scale = float(np.linalg.norm(found.residuals[0]) * instance["budgets"].max())
    worst = max(0.0, float(gaps.max(initial=0.0)) / scale)
    return Bracket(max(0.0, worst - 1e-10), worst + 1e-10, Evidence.ENCLOSED)


def _pulls(found: SaturatedFlow) -> Array:
    return np.asarray(np.diff(found.moved, axis=0) / np.diff(found.times)[:, None, None] - found.residuals[1:])


def misfit(found: SaturatedFlow, instance: Instance) -> Bracket:
    """Return the largest |u_0 - theta z - u| over the largest |u_0|."""
    gap = float(np.abs(instance["start"] - instance["theta"] @ found.moved - found.residuals).max())
    scale = float(np.abs(instance["start"]).max())
    return Bracket(max(0.0, gap / scale - 1e-12), gap / scale + 1e-12, Evidence.ENCLOSED)


def plant(found: SaturatedFlow, instance: Instance, rng: np.random.Generator) -> SaturatedFlow:
    """Return, under the same claim, training without attack at the same times: it never arrives."""
    plain = adversarial_flow(instance["theta"], instance["start"], np.ones(len(instance["budgets"])), found.times)
    return replace(found, residuals=plain.residuals, moved=plain.moved)


THEOREM = Theorem(
    name="saturated-attack-extinguishes",
    source=Source("2310.06112", "adversarial training of wide networks degenerates to plain training", "ours",
                  "secondary"),
    statement="Let every residual be raised by a full budget, du/dt in -theta (u + r u_i / |u_i|), theta positive "
              "definite. Then u = 0 from a time on that is at most log(1 + sqrt(l V) / min r) / l and at least "
              "log(1 + sqrt(L V) / (max r sqrt(n))) / L, l and L the extreme eigenvalues, V = sum u_0^T theta^-1 u_0: "
              "the bounds fall as budgets grow.",
    hypotheses=("theta positive definite", "budgets > 0, input gradients frozen; outputs measured in l_2"),
    claims=(Claim("time of extinction", sooner, latest, "log(1 + sqrt(l V) / min r) / l"),
            Claim("time of extinction, from below", sooner, earliest, "log(1 + sqrt(L V) / (max r sqrt(n))) / L", ">="),
            Claim("residuals at the end", remaining, lambda **_: 0.0, "0", "=="),
            Claim("attack over its budget", spent, lambda **_: 1.0 + 1e-6, "1 + 1e-6"),
            Claim("attack short of the worst", aside, lambda **_: 1e-8, "1e-8"),
            Claim("residuals are u_0 - theta z", misfit, lambda **_: 1e-9, "1e-9")),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("d sqrt(V) / dt <= -l sqrt(V) - min r sqrt(l), integrated to 0", "tangent.saturated.extinction_bounds"),
           ("distance of implicit Euler steps from the true flow", "tangent.saturated.saturated_flow")),
)
