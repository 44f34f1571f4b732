"""Closed-form weights on drawn units beside what was predicted for them: a report."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.evidence import Bracket, Check, Evidence, Report, Source, Table, judge
from constructive.nearinit.attacks import Deviation, Smoothable, robust_deviation
from constructive.nearinit.closed_form import (
    AtomSum,
    PowerSum,
    as_labels,
    bounded_weights,
    constant_height,
    hermite_weights,
)
from constructive.nearinit.coupling import measure_coupling
from constructive.nearinit.existence import Prediction, predict_existence
from constructive.nearinit.gated import GatedSum
from constructive.nearinit.geometry import Caps
from constructive.nearinit.goal import Difference, RobustTarget, on_slice, robust_target
from constructive.nearinit.units import NearNetwork, Scale, Units

__all__ = ["existence_report"]

Array = NDArray[np.float64]

_SOURCE = Source("2002.06668", "weights near initialization that fit separated points on whole caps", "ours",
                 "secondary")


def existence_report(caps: Caps, y: ArrayLike, step: AtomSum | PowerSum, units: Units, *, scale: Scale | None = None,
                     failure: float = 0.05, rng: np.random.Generator | int = 0, steps: int = 12,
                     starts: int = 3) -> Report:
    """Return the report of closed-form weights on these units: each bound beside what an attack on the caps found.

    A step of atoms makes bounded weights, a power series Hermite weights. Bounds of suprema hold with probability
    1 - failure over units, so that what attacks find below them is consistent, above them a refutation of the draw at
    that level. With ``scale``, the real network of the same weights is measured too: its value at initialization, how
    far it is from its linearization, and how far its first layer moved. For the direction "constant" all suprema are
    over the slice that shares the last coordinate. ``steps`` and ``starts`` are the attack's.

    >>> from constructive.nearinit import atoms, caps, draw_units, step
    >>> two = caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.1)
    >>> best = atoms.atomic_step(step.step_task(two, error=0.2))
    >>> existence_report(two, [1.0, -1.0], best, draw_units(500, 2, rng=0)).verdict.value
    'consistent'
    """
    who = "existence_report"
    labels = as_labels(y, caps, who)
    bounds = predict_existence(caps, labels, step, units.width, failure=failure, paired=units.paired)
    if isinstance(step, AtomSum):
        pseudo = bounded_weights(caps, labels, step, units)
    else:
        pseudo = hermite_weights(caps, labels, step, units)
    where = _where(caps, step.direction)

    def farthest(function: Smoothable, goal: Array) -> Deviation:
        return robust_deviation(function, where.caps, goal, rng=rng, steps=steps, starts=starts)

    zero, target = np.zeros(caps.n), where.target(caps, labels, step)
    function = where.restricted(pseudo.gated())
    shape = farthest(target, labels).worst
    off = farthest(Difference(function, target), zero).worst
    wrong = farthest(function, labels).worst
    level = f"with probability {1.0 - failure:g} over units"
    checks = [_met("target's distance from the labels", shape, bounds.construction, "certified errors of the step"),
              _met("pseudo-network's distance from the target", off, bounds.deviation, level),
              _met("pseudo-network's distance from the labels", wrong, bounds.total, f"the sum of both, {level}")]
    if math.isfinite(bounds.largest):
        size = pseudo.largest
        checks.append(judge("largest move of a unit", Bracket(size * (1.0 - 2.0**-40), size * (1.0 + 2.0**-40)), "<=",
                            bounds.largest, "sum |y| times sum |heights| of one sign"))
    rows: list[tuple[object, ...]] = [("root mean square of the moves", bounds.frobenius, pseudo.frobenius),
                                      ("largest move", bounds.largest, pseudo.largest)]
    if scale is not None:
        check, more = _network(NearNetwork(units, pseudo.theta, scale), where, farthest, labels, bounds)
        checks.append(check)
        rows += more
    table = Table(f"{units.width} units in {units.dimension} dimensions", ("quantity", "predicted", "measured"),
                  tuple(rows), "suprema are what an attack found: lower bounds")
    return Report("closed-form weights near initialization", tuple(checks), (table,), source=_SOURCE,
                  notes=("Weights follow from the data by formula; no fit, no training.",))


@dataclass(frozen=True, slots=True, eq=False)
class _Where:
    """Where suprema are taken: on the caps, or on their slice, seen as caps of a smaller sphere."""

    caps: Caps
    height: float | None

    def restricted(self, function: GatedSum) -> GatedSum:
        return function if self.height is None else on_slice(function, self.height)

    def lifted(self, points: Array) -> Array:
        if self.height is None:
            return points
        scale = math.sqrt((1.0 - self.height) * (1.0 + self.height))
        return np.hstack([scale * points, np.full((points.shape[0], 1), self.height)])

    def target(self, caps: Caps, labels: Array, step: AtomSum | PowerSum) -> RobustTarget:
        if self.height is None:
            return robust_target(caps, labels, step)
        square = self.height**2
        return RobustTarget(self.caps.X, labels, lambda t: step(square + (1.0 - square) * np.asarray(t)))


def _where(caps: Caps, direction: str) -> _Where:
    if direction == "anchor":
        return _Where(caps, None)
    height = constant_height(caps, direction, "existence_report")
    scale = math.sqrt((1.0 - height) * (1.0 + height))
    return _Where(Caps(caps.X[:, :-1] / scale, caps.radius / scale), height)


def _met(claim: str, value: float, limit: float, formula: str) -> Check:
    return judge(claim, Bracket(value, value, Evidence.SAMPLED), "<=", limit, formula)


def _network(network: NearNetwork, where: _Where, farthest: Callable[[Smoothable, Array], Deviation], labels: Array,
             bounds: Prediction) -> tuple[Check, list[tuple[object, ...]]]:
    """Return the check of the coupling at the worst points of the real network, and its rows of the table."""
    zero = np.zeros(labels.size)
    start, worst = where.restricted(network.initial().gated()), farthest(where.restricted(network.gated()), labels)
    coupling = measure_coupling(network, where.lifted(worst.points))
    m, size = network.units.width, network.scale.product
    at_start = 0.0 if network.units.paired else size * math.sqrt(m)
    moved = [length / (m * network.scale.output) for length in (bounds.frobenius * math.sqrt(m), bounds.largest)]
    frobenius, largest = network.distances()
    excess = float((np.abs(coupling.signed) - coupling.bound).max())
    rounding = 2.0**-52 * m * float(coupling.bound.max())  # two sums of the same m numbers, one with signs
    check = judge("coupling beyond its bound at the worst points", Bracket(excess, excess, Evidence.SAMPLED), "<=",
                  rounding, "0, up to rounding")
    return check, [
        ("network's distance from the labels", "", worst.worst),
        ("network at initialization, typical and largest", at_start, farthest(start, zero).worst),
        ("coupling at the worst points, largest", "", float(np.abs(coupling.signed).max())),
        ("its bound there, largest", "", float(coupling.bound.max())),
        ("move of the first layer, Frobenius norm", moved[0], frobenius),
        ("move of the first layer, largest row", moved[1], largest),
    ]
