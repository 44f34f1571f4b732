"""Clean classes far apart: overfitting costs nothing at any point, and may heal errors of the teacher."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.training import certify
from constructive.domain import inward_boxes, outward_boxes
from constructive.evidence import Bracket, Source
from constructive.network import Network
from constructive.theorems import noisy
from constructive.theorems.deciding import count
from constructive.theorems.record import Claim, Instance, Theorem
from constructive.theorems.robust_risk import construct, corners, judged, robust_error, taught, zero

Rows = NDArray[np.bool_]


def draw(rng: np.random.Generator, d: int | None = None, n: int | None = None) -> Instance:
    """Return clean classes on two sides of a gap wider than 2 (delta + radius) + ramp, and a teacher that errs."""
    instance = noisy.draw(rng, d=d, n=n, noise=0.0)
    gap = 2 * (instance["delta"] + instance["radius"]) + instance["ramp"] + 2.0**-12
    X, points = instance["X"].copy(), instance["points"].copy()
    middle = float(np.median(X[:, 0]))
    X[:, 0] += np.where(X[:, 0] >= middle, gap, 0.0)
    y = np.where(X[:, 0] >= middle + gap, 1.0, -1.0)
    y[np.argmin(X[:, 0])], y[np.argmax(X[:, 0])] = -1.0, 1.0
    points[:, 0] += np.where(points[:, 0] >= middle, gap, 0.0)
    tilted = rng.normal(size=X.shape[1]) * 0.5
    tilted[0] = 1.0
    shift = float(tilted @ np.median(X, axis=0)) + float(rng.choice((-1.0, 1.0))) * 0.05
    teacher = Network.build([(8.0 * tilted[None, :], [-8.0 * shift])])
    return {**instance, "X": X, "y": y, "teacher": teacher, "points": points,
            "truth": np.where(points[:, 0] >= middle + gap, 1.0, -1.0)}


def training_error(network: Network, instance: Instance) -> Bracket:
    """Return the certified robust error on the data."""
    return certify(network, instance["X"], instance["y"], radius=instance["radius"]).robust_error


def differences(network: Network, instance: Instance) -> Bracket:
    """Return at how many points student and teacher do not agree on being right on the ball.

    Points are left out where all errors of the teacher that were found lie under bumps: there the student may heal.
    """
    guide, verdicts, off = taught(instance), judged(network, instance), misled_off_supports(instance)
    lost, kept = (guide == 0) & (verdicts == 1), off & (verdicts == 0)
    return count(lost | kept, ((guide != 1) & (verdicts != 0)) | (off & (verdicts != 1)))


def misled_off_supports(instance: Instance) -> Rows:
    """Return for which balls the teacher was shown wrong at a point that no support contains."""
    X, radius, ramp = instance["X"], instance["radius"], instance["ramp"]
    points, truth, teacher = instance["points"], instance["truth"], instance["teacher"]
    low, high = inward_boxes(points, instance["delta"])
    found = np.zeros(len(points), bool)
    for tried in (points, *corners(instance)):
        moved = np.clip(tried, low, high)
        off = noisy.distances(X, radius, moved, 0.0).min(axis=1) > ramp
        found |= off & (teacher(moved)[:, 0] * truth < -(2.0**-20))
    return found


def taught_error(**instance: Any) -> float:
    """Return the teacher's robust error on the points, errors found."""
    return float((taught(instance) == 1).mean())


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return a student of data of which one label is turned, beside a test point that the teacher gets right."""
    y = np.array(instance["y"])
    right = taught(instance) == 0
    low, high = outward_boxes(instance["X"], instance["radius"])
    for i in rng.permutation(len(y)):
        gaps = np.maximum(low[i] - instance["points"], instance["points"] - high[i])
        if (right & (gaps.max(axis=1) < instance["delta"]) & (instance["truth"] == y[i])).any():
            y[i] = -y[i]
            return construct(**{**instance, "y": y})
    return construct(**{**instance, "y": -y})


THEOREM = Theorem(
    name="harmless-overfitting",
    source=Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary"),
    statement="If labels are clean and the classes further apart than 2 (delta + r) + w, every training label is met "
              "on its whole ball and the student errs in a delta-ball only where its teacher does; it errs there too, "
              "unless all the teacher's errors in the ball lie under bumps of the right label. So overfitting never "
              "costs robustness here, and may heal.",
    hypotheses=("two classes, clean labels", "classes further than 2 (delta + radius) + ramp apart in l_inf",
                "supports disjoint"),
    claims=(Claim("robust training error", training_error, zero, "0", "=="),
            Claim("points where student and teacher differ, healing apart", differences, zero, "0", "=="),
            Claim("robust error on the sample", robust_error, taught_error, "the teacher's robust error")),
    draw=draw, construct=construct, plant=plant, repeats=4,
    proof=(("no rival box comes within a ramp of a ball", "theorems.noisy.near_a_rival"),
           ("off the supports the student is its teacher", "theorems.copying"),),
)
