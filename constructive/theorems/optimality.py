"""Optimality: as the ramp or the amplitude goes to 0, the student's excess becomes what no memorizer avoids."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, Table
from constructive.network import Network
from constructive.theorems import noisy
from constructive.theorems.deciding import count
from constructive.theorems.record import Claim, Instance, Theorem
from constructive.theorems.robust_risk import construct, fraction, judged, near, taught, zero

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

RAMPS = 4
"""The record looks at ramps w, w/4, w/16, w/64."""


def students(**instance: Any) -> tuple[Network, ...]:
    """Return the students with ramps w, w/4, w/16, ..., largest first."""
    return tuple(construct(**{**instance, "ramp": ramp}) for ramp in _ramps(instance))


def _ramps(instance: Instance) -> list[float]:
    return [float(instance["ramp"]) / 4**k for k in range(RAMPS)]


def _excess(networks: Sequence[Network], instance: Instance) -> list[tuple[Rows, Rows, Rows]]:
    """Return for each ramp, on balls where the teacher is right: shown wrong, not proved right, stated to be wrong."""
    right = taught(instance) == 0
    out = []
    for network, ramp in zip(networks, _ramps(instance), strict=True):
        verdicts = judged(network, instance)
        close = near(instance, Fraction(ramp) * fraction(instance["amplitude"]))
        out.append(((verdicts == 1) & right, (verdicts != 0) & right, close & right))
    return out


def mismatches(networks: Sequence[Network], instance: Instance) -> Bracket:
    """Return at how many points and ramps the excess is not the stated set."""
    parts = _excess(networks, instance)
    sure = [np.where(close, ~possible, wrong) for wrong, possible, close in parts]
    open_ = [possible & ~wrong for wrong, possible, _ in parts]
    return count(np.concatenate(sure), np.concatenate(open_))


def departures(networks: Sequence[Network], instance: Instance) -> Bracket:
    """Return at how many points and ramps an error of a narrower ramp is none of the wider one."""
    parts = _excess(networks, instance)
    pairs = list(zip(parts, parts[1:], strict=False))
    return count(np.concatenate([narrow[0] & ~wide[1] for wide, narrow in pairs]),
                 np.concatenate([narrow[1] & ~wide[0] for wide, narrow in pairs]))


def beyond(networks: Sequence[Network], instance: Instance) -> Bracket:
    """Return, summed over the ramps, how many points the excess has beyond the unavoidable ones."""
    met = int((near(instance, Fraction(0)) & (taught(instance) == 0)).sum())
    parts = _excess(networks, instance)
    return Bracket(float(sum(int(wrong.sum()) - met for wrong, _, _ in parts)),
                   float(sum(int(possible.sum()) - met for _, possible, _ in parts)), Evidence.ENCLOSED)


def between(**instance: Any) -> float:
    """Return, summed over the ramps, at how many points the distance from the rivals is in (0, w s / (1 + s)]."""
    right, met = taught(instance) == 0, near(instance, Fraction(0))
    reaches = [Fraction(ramp) * fraction(instance["amplitude"]) for ramp in _ramps(instance)]
    return float(sum(int((near(instance, reach) & ~met & right).sum()) for reach in reaches))


def plant(networks: Sequence[Network], instance: Instance, rng: np.random.Generator) -> tuple[Network, ...]:
    """Return the students with one narrower ramp left as wide as the first, or all labels turned in one of them."""
    found = list(networks)
    k = int(rng.integers(1, len(found)))
    parts = _excess(networks, instance)
    if (parts[0][0] & ~parts[k][1]).any() and rng.random() < 0.5:
        found[k] = found[0]
    else:
        found[k] = construct(**{**instance, "ramp": _ramps(instance)[k], "y": -instance["y"]})
    return tuple(found)


def convergence(d: int | None = None, **_: Any) -> tuple[Table, ...]:
    """Return excess and unavoidable share, where the teacher is right, as ramp or amplitude go to 0: one fixed sample.

    20,000 points, 200 data of which a tenth have wrong labels, a teacher right on one side of x_1 = 1/2 and the other;
    the excess by its exact rule, distances rounded.
    """
    rng, dimension = np.random.default_rng(0), 2 if d is None else int(d)
    side = 15 if dimension == 2 else {1: 200, 3: 6}.get(dimension, 4)
    grid = np.stack(np.unravel_index(rng.choice(side**dimension, min(200, side**dimension), replace=False),
                                     (side,) * dimension), axis=1)
    X = (grid + rng.uniform(0.25, 0.75, grid.shape)) / side
    y = np.where(X[:, 0] > 0.5, 1.0, -1.0) * np.where(rng.random(len(X)) < 0.1, -1.0, 1.0)
    points = rng.random((20_000, dimension))
    truth = np.where(points[:, 0] > 0.5, 1.0, -1.0) * np.where(rng.random(len(points)) < 0.1, -1.0, 1.0)
    radius = ramp = 0.1 / side
    delta = 0.2 / side
    right = (points[:, 0] - 0.5) * truth > delta
    distance = np.concatenate([noisy.rival_distances(X, y, radius, points[k:k + 1000], truth[k:k + 1000], delta)
                               for k in range(0, len(points), 1000)])
    forced = float(((distance == 0) & right).mean())
    rows = []
    for w, s in [(ramp / 4**k, 1.0) for k in range(6)] + [(ramp, 4.0**-k) for k in range(1, 6)]:
        found = float(((distance <= w * s / (1 + s)) & right).mean())
        rows.append((w / radius, s, found, forced, found / forced if forced else None))
    return (Table("Excess over the teacher as the ramp or the amplitude goes to 0",
                  ("ramp / radius", "amplitude", "excess", "unavoidable, teacher right", "ratio"), tuple(rows),
                  f"d = {dimension}, {len(X)} data, radius {radius:.4g}, delta {delta:.4g}, 20,000 test points"),)


THEOREM = Theorem(
    name="optimality-among-memorizers",
    source=Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary"),
    statement="Where the teacher is right on the ball, the student errs in it exactly if the l_1 distance from a rival "
              "box is at most w s / (1 + s); these sets shrink with w and with s to the points where every memorizer "
              "errs, and the difference is exactly the distances in (0, w s / (1 + s)].",
    hypotheses=("two classes told scores -s and s, 0 < s <= 1", "supports disjoint", "boxes as rounded outward"),
    claims=(Claim("points and ramps where the excess is not the stated set", mismatches, zero, "0", "=="),
            Claim("errors of a narrower ramp that the wider one has not", departures, zero, "0", "=="),
            Claim("excess beyond the unavoidable, points over all ramps", beyond, between,
                  "points at a distance in (0, w s / (1 + s)]", "==")),
    draw=noisy.draw, construct=students, plant=plant, repeats=3, tables=convergence,
    proof=(("a bump of 1 / (1 + s) puts the envelope at 0", "students.robustness.interference"),
           ("closed balls meet if and only if the distance is 0", "students.robustness.unavoidable")),
)
