"""Robust risk of a student: what overfitting may cost, that it costs no more than it must, and when it is free."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.structural import find_bumps
from constructive.certificates.training import certify
from constructive.domain import inward_boxes, outward_boxes
from constructive.evidence import Bracket, Evidence, Source, Table
from constructive.network import Layer, Network
from constructive.students import Recipe, memorize
from constructive.theorems import draws, noisy
from constructive.theorems.deciding import count, decide, share
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

RAMPS = 4
"""The optimality record looks at ramps w, w/4, w/16, w/64."""


def fraction(amplitude: float) -> Fraction:
    """Return s / (1 + s): the share of a ramp within which a rival of score s makes an error."""
    return Fraction(amplitude) / (1 + Fraction(amplitude))


def construct(X: Array, y: Array, radius: float, ramp: float, amplitude: float, teacher: Network,
              **_: Any) -> Network:
    """Return the written-out clip student with that ramp and scores."""
    return memorize(X, y, radius=radius, ramp=ramp, teacher=teacher,
                    recipe=Recipe("told", amplitude=amplitude)).to_network()


def judged(network: Network, instance: Instance) -> NDArray[np.int8]:
    """Return the verdicts of the network's weights on the instance's balls."""
    X, y, radius, points, truth, delta = (instance[k] for k in ("X", "y", "radius", "points", "truth", "delta"))
    return decide(network, points, truth, delta,
                  (noisy.nearest_in_ball(X, y, radius, points, truth, delta),
                   *_where_misled(instance["teacher"], instance)))


def _where_misled(teacher: Network, instance: Instance) -> tuple[Array, ...]:
    """Return corners of the balls: hints where a teacher may be wrong."""
    points, delta = instance["points"], instance["delta"]
    patterns = np.indices((2,) * points.shape[1]).reshape(points.shape[1], -1).T[:32]
    return tuple(points + delta * (2.0 * pattern - 1.0) for pattern in patterns)


def taught(instance: Instance) -> NDArray[np.int8]:
    """Return the verdicts on the teacher alone."""
    return decide(instance["teacher"], instance["points"], instance["truth"], instance["delta"],
                  _where_misled(instance["teacher"], instance))


def near(instance: Instance, reach: Fraction) -> Rows:
    """Return which balls come within ``reach`` of a rival's box in l_1."""
    return noisy.near_a_rival(instance["X"], instance["y"], instance["radius"], instance["points"],
                              instance["truth"], instance["delta"], reach)


# -- the bound from above ----------------------------------------------------------------------------------


def surprises(network: Network, instance: Instance) -> Bracket:
    """Return at how many points the student errs in the ball, its teacher nowhere in it, and no rival is near."""
    verdicts, guide = judged(network, instance), taught(instance)
    free = ~near(instance, Fraction(instance["ramp"]) * fraction(instance["amplitude"]))
    return count((verdicts == 1) & (guide == 0) & free, (verdicts != 0) & (guide != 1) & free)


def robust_error(network: Network, instance: Instance) -> Bracket:
    """Return the robust error on the points, from the weights."""
    return share(judged(network, instance))


def stated(**instance: Any) -> float:
    """Return the share of points where the teacher was shown wrong or a rival is near."""
    close = near(instance, Fraction(instance["ramp"]) * fraction(instance["amplitude"]))
    return float((close | (taught(instance) == 1)).mean())


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return a student with one bump twice as high, so that it reaches further, or with all labels turned."""
    verdicts, pattern = judged(network, instance), find_bumps(network)
    if pattern is not None and rng.random() < 0.75:
        for row in rng.permutation(pattern.rows):
            bias = network.layers[1].bias.copy()
            bias[row] = 2.0
            higher = draws.replaced(network, 1, Layer.build(network.layers[1].weight, bias))
            if ((judged(higher, instance) == 1) & (verdicts == 0)).any():
                return higher
    return construct(**{**instance, "y": -instance["y"]})


# -- the ramp goes to 0 ------------------------------------------------------------------------------------


def construct_ramps(**instance: Any) -> tuple[Network, ...]:
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


def plant_ramp(networks: Sequence[Network], instance: Instance, rng: np.random.Generator) -> tuple[Network, ...]:
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
    radius = delta = ramp = 0.0625 / side
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
                  f"{dimension} dimensions, {len(X)} data, radius = delta = {radius:.4g}, 20,000 test points"),)


# -- nothing to pay ----------------------------------------------------------------------------------------


def draw_apart(rng: np.random.Generator, d: int | None = None, n: int | None = None) -> Instance:
    """Return clean classes on two sides of a gap wider than 2 (delta + radius) + ramp, and a teacher that errs."""
    instance = noisy.draw(rng, d=d, n=n, noise=0.0)
    gap = 2 * (instance["delta"] + instance["radius"]) + instance["ramp"] + 2.0**-12
    X, points = instance["X"].copy(), np.concatenate([instance["points"], rng.permutation(instance["points"])])
    middle = float(np.median(X[:, 0]))
    X[:, 0] += np.where(X[:, 0] >= middle, gap, 0.0)
    y = np.where(X[:, 0] >= middle + gap, 1.0, -1.0)
    y[np.argmin(X[:, 0])], y[np.argmax(X[:, 0])] = -1.0, 1.0
    points = points.copy()
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
    for tried in (points, *_where_misled(teacher, instance)):
        moved = np.clip(tried, low, high)
        off = noisy.distances(X, radius, moved, 0.0).min(axis=1) > ramp
        found |= off & (teacher(moved)[:, 0] * truth < -(2.0**-20))
    return found


def taught_error(**instance: Any) -> float:
    """Return the teacher's robust error on the points, errors found."""
    return float((taught(instance) == 1).mean())


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


def plant_apart(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
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


_SOURCE = Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary")

ABOVE = Theorem(
    name="robust-risk-of-a-student",
    source=_SOURCE,
    statement="A student with disjoint supports errs in a delta-ball only where its teacher does or a box of another "
              "label is within w s / (1 + s) of the ball in l_1: R_delta(student) <= R_delta(teacher) + mu(delta + r, "
              "w s / (1 + s)).",
    hypotheses=("two classes told scores -s and s, 0 < s <= 1", "supports disjoint", "boxes as rounded outward"),
    claims=(Claim("points of error without an error of the teacher or a near rival", surprises, zero, "0", "=="),
            Claim("robust error on the sample", robust_error, stated,
                  "share of points where the teacher errs or a rival is near")),
    draw=noisy.draw, construct=construct, plant=plant, repeats=4,
    proof=(("off rival bumps the lower envelope and the teacher decide", "students.gates.clip"),
           ("least distance over a ball is separable", "theorems.noisy.distances"),
           ("bounds of the weights alone", "theorems.deciding.decide")),
)

OPTIMAL = Theorem(
    name="optimality-among-memorizers",
    source=_SOURCE,
    statement="Where the teacher is right on the ball, the student errs in it exactly if the l_1 distance from a rival "
              "box is at most w s / (1 + s); these sets shrink with w and with s to the points where every memorizer "
              "errs, and the difference is exactly the distances in (0, w s / (1 + s)].",
    hypotheses=("two classes told scores -s and s, 0 < s <= 1", "supports disjoint", "boxes as rounded outward"),
    claims=(Claim("points and ramps where the excess is not the stated set", mismatches, zero, "0", "=="),
            Claim("errors of a narrower ramp that the wider one has not", departures, zero, "0", "=="),
            Claim("excess beyond the unavoidable, points over all ramps", beyond, between,
                  "points at a distance in (0, w s / (1 + s)]", "==")),
    draw=noisy.draw, construct=construct_ramps, plant=plant_ramp, repeats=3, tables=convergence,
    proof=(("a bump of 1 / (1 + s) puts the envelope at 0", "students.robustness.interference"),
           ("closed balls meet if and only if the distance is 0", "students.robustness.unavoidable")),
)

FREE = Theorem(
    name="harmless-overfitting",
    source=_SOURCE,
    statement="If labels are clean and the classes further apart than 2 (delta + r) + w, every training label is met "
              "on its whole ball and the student errs in a delta-ball only where its teacher does; it errs there too, "
              "unless all the teacher's errors in the ball lie under bumps of the right label. So overfitting never "
              "costs robustness here, and may heal.",
    hypotheses=("two classes, clean labels", "classes further than 2 (delta + radius) + ramp apart in l_inf",
                "supports disjoint"),
    claims=(Claim("robust training error", training_error, zero, "0", "=="),
            Claim("points where student and teacher differ, healing apart", differences, zero, "0", "=="),
            Claim("robust error on the sample", robust_error, taught_error, "the teacher's robust error")),
    draw=draw_apart, construct=construct, plant=plant_apart, repeats=4,
    proof=(("no rival box comes within a ramp of a ball", "theorems.noisy.near_a_rival"),
           ("off the supports the student is its teacher", "theorems.copying"),),
)
