"""Robust test error: an exact rule for the student, and an error that no memorizer avoids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.witnesses import inside
from constructive.evidence import Bracket, Evidence, Source
from constructive.network import Network
from constructive.students import Recipe, Student, memorize, robust_verdicts, unavoidable
from constructive.theorems import noisy
from constructive.theorems.deciding import count
from constructive.theorems.record import Claim, Instance, Theorem
from constructive.theorems.robust_risk import construct, judged, taught, zero

Array = NDArray[np.float64]

MEMORIZERS = (
    Recipe("clip"), Recipe("told", amplitude=0.25), Recipe("additive", gate="additive"),
    Recipe("argmax", gate="argmax"), Recipe("facets", faces="needed"), Recipe("merged", merge=True),
    Recipe("patched", patch=True),
    Recipe("one-sided", gate="argmax", one_sided=True), Recipe("lean", gate="argmax", faces="needed", merge=True),
    Recipe("published", gate="product", bump="published"),
)


# -- the rule ----------------------------------------------------------------------------------------------


def student(X: Any, y: Any, radius: float, ramp: float, amplitude: float, teacher: Network, **_: Any) -> Student:
    """Return the student itself, whose rule is under test."""
    return memorize(X, y, radius=radius, ramp=ramp, teacher=teacher, recipe=Recipe("told", amplitude=amplitude))


def _told(model: Student, instance: Instance, guide: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the rule's verdicts, given where the teacher is right on the whole ball and nothing else about it."""
    truth, tiny = instance["truth"], np.finfo(float).tiny
    bounds = (np.where((guide == 0) & (truth > 0), tiny, -np.inf), np.where((guide == 0) & (truth < 0), -tiny, np.inf))
    return robust_verdicts(model, instance["points"], truth, instance["delta"], bounds)


def contradictions(model: Student, instance: Instance) -> Bracket:
    """Return how many verdicts of the rule the network's weights contradict: at least, and at most."""
    told, weights = _told(model, instance, taught(instance)), judged(model.to_network(), instance)
    said = told >= 0
    return count(said & (weights >= 0) & (weights != told), said & (weights != told))


def silences(model: Student, instance: Instance) -> Bracket:
    """Return on how many balls the rule says nothing although the teacher is right on them."""
    guide = taught(instance)
    told = _told(model, instance, guide)
    return count((told == -1) & (guide == 0), (told == -1) & (guide == 0))


def plant_rule(model: Student, instance: Instance, rng: np.random.Generator) -> Any:
    """Return a student whose rule speaks about another radius, other scores, or other labels than its weights."""
    narrower = {**instance, "radius": instance["radius"] / 4}
    others = (student(**narrower), student(**{**instance, "amplitude": 1.0 if instance["amplitude"] < 1 else 0.1}))
    for k in rng.permutation(len(others)):
        mismatched = _Mismatched(model, others[k].to_network())
        if contradictions(mismatched, instance).lower > 0:  # type: ignore[arg-type]
            return mismatched
    return _Mismatched(model, student(**{**instance, "y": -instance["y"]}).to_network())


class _Mismatched:
    """A student that reasons with its own boxes but writes out the weights of another."""

    def __init__(self, model: Student, written: Network) -> None:
        self._model, self._written = model, written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def to_network(self) -> Network:
        """Return the other student's network."""
        return self._written


# -- what nobody avoids ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest-neighbor rule in l_inf as a score: how much nearer +1 is than -1. No network, but a memorizer."""

    X: Array
    y: Array

    def __call__(self, points: Array) -> Array:
        """Return the scores (m, 1) at points (m, d)."""
        gaps = np.abs(points[:, None] - self.X).max(axis=2)
        ends = [np.where(self.y == sign, gaps, np.inf).min(axis=1) for sign in (-1.0, 1.0)]
        return np.asarray(ends[0] - ends[1])[:, None]


def draw_memorizer(rng: np.random.Generator, **arguments: Any) -> Instance:
    """Return noisy classes and which memorizer: one of the recipes, or None for the nearest neighbor."""
    which = int(rng.integers(len(MEMORIZERS) + 1))
    return {**noisy.draw(rng, **arguments), "recipe": None if which == len(MEMORIZERS) else MEMORIZERS[which]}


def memorizer(X: Array, y: Array, radius: float, teacher: Network, recipe: Recipe | None, **_: Any) -> Any:
    """Return a memorizer: the claims hold for any other one."""
    if recipe is None:
        return Nearest(X, y)
    return memorize(X, y, radius=radius, teacher=None if recipe.one_sided else teacher, recipe=recipe).to_network()


def _meetings(instance: Instance) -> tuple[NDArray[np.int64], Array, NDArray[np.bool_]]:
    """Return the points that must be lost, a point of both balls for each, and whether rounding left it in both."""
    X, y, radius = instance["X"], np.asarray(instance["y"]), instance["radius"]
    points, truth, delta = instance["points"], instance["truth"], instance["delta"]
    met = np.flatnonzero(unavoidable(X, y, radius, points, truth, delta))
    gaps = np.where(y != truth[met, None], np.abs(points[met, None] - X).max(axis=2), np.inf)
    rival = X[np.argmin(gaps, axis=1)]
    meeting = rival + np.clip(points[met] - rival, -radius, radius)
    both = inside(points[met], meeting, delta, np.inf) & inside(rival, meeting, radius, np.inf)
    return met, meeting, both


def escapes(model: Any, instance: Instance) -> Bracket:
    """Return at how many meeting points of a delta-ball and a training ball the model avoids the error.

    Where the rule says unavoidable, some datum with another label is within radius + delta; the point of the
    segment between them that lies in both balls must get the datum's label.
    """
    met, meeting, both = _meetings(instance)
    if met.size == 0:
        return Bracket(0.0, 0.0, Evidence.EXACT)
    kept = model(meeting)[:, 0] * instance["truth"][met] > 0
    return count(kept & both, ~both)


def found_error(model: Any, instance: Instance) -> Bracket:
    """Return a lower bound on the robust error on the points: errors met at the points and where balls meet."""
    met, meeting, both = _meetings(instance)
    truth = instance["truth"]
    wrong = model(instance["points"])[:, 0] * truth <= 0
    if met.size:
        wrong[met[both]] |= model(meeting[both])[:, 0] * truth[met[both]] <= 0
    return Bracket(float(wrong.mean()), 1.0, Evidence.ENCLOSED)


def unavoidable_share(X: Array, y: Array, radius: float, points: Array, truth: Array, delta: float,
                      **_: Any) -> float:
    """Return mu(delta + r, 0) on the points: the share within delta + r of a datum with another label."""
    return float(unavoidable(X, y, radius, points, truth, delta).mean())


def plant_memorizer(model: Any, instance: Instance, rng: np.random.Generator) -> Any:
    """Return a model that forgets: the teacher alone, or the memorizer of a quarter of the radius, or of -y."""
    shrunk = construct(**{**instance, "radius": instance["radius"] / 4, "ramp": instance["radius"] / 16})
    for other in rng.permutation(np.array([instance["teacher"], shrunk], dtype=object)):
        if escapes(other, instance).lower > 0:
            return other
    return memorizer(**{**instance, "y": -instance["y"], "recipe": None})


_SOURCE = Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary")

RULE = Theorem(
    name="exact-robustness-rule",
    source=_SOURCE,
    statement="Where the teacher is right on the whole delta-ball, the student that tells scores -s and s is wrong in "
              "it if and only if the ball comes within w s / (1 + s) in l_1 of a box with another label: w / 2 for "
              "s = 1, and nothing as s goes to 0.",
    hypotheses=("two classes told scores -s and s, 0 < s <= 1", "supports disjoint", "boxes as rounded outward",
                "teacher right on the ball"),
    claims=(Claim("verdicts contradicted by the weights", contradictions, zero, "0", "=="),
            Claim("balls with a right teacher on which the rule is silent", silences, zero, "0", "==")),
    draw=noisy.draw, construct=student, plant=plant_rule, repeats=4,
    proof=(("a bump of 1 / (1 + s) puts the envelope at 0", "students.robustness.interference"),
           ("least distance over a ball is separable", "theorems.noisy.distances")),
)

UNAVOIDABLE = Theorem(
    name="unavoidable-robust-error",
    source=_SOURCE,
    statement="Every model right on the radius-balls of its data, network or not, errs within delta of each point that "
              "lies within radius + delta of a datum with another label: R_delta >= mu(delta + r, 0).",
    hypotheses=("two classes", "closed l_inf balls", "says nothing where no such point has mass"),
    claims=(Claim("meeting points where the model avoids the error", escapes, zero, "0", "=="),
            Claim("robust error found on the sample", found_error, unavoidable_share,
                  "share of points within delta + r of a datum with another label", ">=")),
    draw=draw_memorizer, construct=memorizer, plant=plant_memorizer, repeats=12,
    proof=(("two closed balls that meet share a point", "theorems.generalization.escapes"),),
)
