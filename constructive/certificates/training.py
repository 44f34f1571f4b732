"""Certificates of robust training error: the network is right on the whole ball round every datum.

Data flow: data and radius -> one box round each datum, rounded outward -> bounds of the network on the boxes,
by the cheapest method that decides (bump structure, intervals, affine forms) -> which boxes are right for sure,
which are wrong at a witness -> a bracket for the robust training error. Only weights are read: how the network
came about does not matter, so a bug in a builder can make a claim fail but never make a false claim pass.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_number, as_points
from constructive.certificates.balls import ball_bounds
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.exact import exact_interval_bounds
from constructive.certificates.filing import Subject, bracket_of, file_bytes, subject_of, written
from constructive.certificates.goals import Goal, goal_of
from constructive.certificates.linear import refined_bounds
from constructive.certificates.structural import structural_bounds
from constructive.domain import inward_boxes, outward_boxes
from constructive.evidence import Bracket, Evidence, Verdict, versions
from constructive.labels import Labels, clean_labels
from constructive.network import Network

Array = NDArray[np.float64]

METHODS = ("auto", "structural", "tight", "interval", "affine", "ball", "exact")
_AFFINE_BUDGET = 1 << 14
"""Boxes, parts included, handed to the slower affine forms before the rest is left undecided."""
_AFFINE_WORK = 1 << 32
_WITNESS_CORNERS = 64
_WITNESS_WORK = 1 << 31
"""Nonzeros times points spent on the search for witnesses."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """What was proved about one network on one data set, and how.

    ``robust_error`` brackets the fraction of data whose closed ball holds a wrong answer; ``sup_error`` brackets
    the largest deviation from the labels over all balls (scores for classes, values for real labels);
    ``certified`` counts the boxes decided by each method; ``witness`` is (index, point, output) of a wrong answer;
    ``subject`` is the network with its data, which :meth:`save` writes down, and ``classes`` their names.
    """

    statement: str
    kind: str
    preconditions: tuple[str, ...]
    robust_error: Bracket
    sup_error: Bracket
    verdict: Verdict
    radius: float
    norm: float
    certified: tuple[tuple[str, int], ...]
    witness: tuple[int, Array, Array] | None
    right: NDArray[np.bool_]
    note: str = ""
    subject: Subject | None = None
    classes: tuple[Any, ...] | None = None

    def __str__(self) -> str:
        return f"{self.verdict.value.upper()}: {self.statement}; robust training error {self.robust_error}"

    def save(self, path: str | os.PathLike[str], *, seed: int | None = None) -> None:
        """Write the certificate to a file that ``constructive check`` verifies; the same bytes every time.

        The file holds the network, the data and the goals themselves, nothing executable, and ends in a SHA-256 of
        all before; ``seed`` is noted in it. ValueError if the certificate has no subject or is too large.
        """
        if self.subject is None:
            raise ValueError("Certificate.save: this certificate does not hold its network; make it with certify")
        names = [c if isinstance(c, (bool, int, str)) else float(c).hex() for c in self.classes or ()]
        about: dict[str, Any] = {
            "statement": self.statement, "preconditions": list(self.preconditions), "verdict": self.verdict.value,
            "robust_error": written(self.robust_error), "sup_error": written(self.sup_error), "note": self.note,
            "certified": [list(pair) for pair in self.certified], "versions": versions(), "seed": seed,
            "classes": None if self.classes is None else names,
            "right": "all" if self.right.all() else np.packbits(self.right).tobytes().hex(),
            "output": [] if self.witness is None else [float(v).hex() for v in self.witness[2]],
        }
        data = file_bytes(self.subject, kind=self.kind, radius=self.radius, norm=self.norm, about=about,
                          witness=self.witness)
        with open(path, "wb") as file:
            file.write(data)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Certificate:
        """Return the certificate saved at path; what it says is read, not checked again.

        Use ``constructive check`` or :func:`constructive.certificates.checker.check` to have it proved. ValueError
        if the file is not a certificate or says nothing about itself.
        """
        with open(path, "rb") as file:
            subject, header, found = subject_of(file.read())
        about, n = header["about"], header["n"]
        try:
            bits = np.frombuffer(bytes.fromhex(about["right"] if about["right"] != "all" else "ff" * ((n + 7) // 8)),
                                 np.uint8)
            output = np.array([float.fromhex(v) for v in about["output"]])
            return Certificate(
                statement=str(about["statement"]), kind=header["kind"], preconditions=tuple(about["preconditions"]),
                robust_error=bracket_of(about["robust_error"]), sup_error=bracket_of(about["sup_error"]),
                verdict=Verdict(about["verdict"]), radius=float.fromhex(header["radius"]), norm=float(header["norm"]),
                certified=tuple((str(method), int(count)) for method, count in about["certified"]),
                witness=None if found is None else (*found, output), right=np.unpackbits(bits, count=n).astype(bool),
                note=str(about["note"]), subject=subject,
                classes=None if about["classes"] is None else tuple(about["classes"]))
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(f"Certificate.load: {os.fspath(path)!r} says nothing about itself: {error}") from error


def certify(network: Network, X: ArrayLike, y: ArrayLike, *, radius: float, norm: float = math.inf,
            classes: Sequence[Any] | None = None, method: str = "auto", task: str | None = None) -> Certificate:
    """Return a certificate that the network answers y_i on the whole ball of x_i, for every i.

    X (n, d) finite, y (n,) labels: classes (bool, integers, strings, or floats that are all -1 or +1) or real
    numbers; ``classes`` names them in order where y does not show all. One output: the sign decides between two
    classes, 0 is wrong; K outputs: the strictly largest score decides; real labels: the output must equal the
    label (rounded to 2^-52, for a float32 network 2^-23, of the power of two above the largest) at every point. l_1
    and l_2 balls are certified on the l_inf box that contains them, and, where that is too large, as balls, for
    networks with bumps on balls. ``method``: "auto" tries structural, ball (norms 1 and 2), tight (structural with the
    teacher box by box; plain intervals where there are no bumps) and affine in this order; "exact" makes the claim
    about the real network instead of the executed program, on boxes.

    Evidence ENCLOSED (program) or EXACT (real). A lower end above 0 comes from a witness evaluated in floating
    point. Raises TypeError or ValueError for data that do not fit the network.
    """
    who = "certify"
    points = as_points(X, who, dimension=network.inputs)
    size = as_number(radius, who, "radius", at_least=0.0)
    p = as_norm(norm, who)
    if method not in METHODS:
        raise ValueError(f"{who}: method={method!r} must be one of {', '.join(METHODS)}")
    labels = clean_labels(y, points.shape[0], who=who, classes=classes, task=task)
    if labels.classes is None and network.dtype == np.float32:
        labels = _single(labels)
    _fits(network, labels, who)
    low, high = outward_boxes(points, size)
    goal = goal_of(labels)
    if method == "ball" and p == math.inf:
        raise ValueError(f"{who}: method='ball' is for norm=1 and norm=2; an l_inf ball is a box")
    balls = None if p == math.inf else (points, size, p)
    bounds_low, bounds_high, certified = _bounds(network, low, high, goal, method, balls)
    right = goal.right(bounds_low, bounds_high)
    deviation = goal.deviation(bounds_low, bounds_high)
    wrong, witness, seen = _witnesses(network, points, low, high, goal, ~right, p, size)
    n = points.shape[0]
    evidence = Evidence.EXACT if method == "exact" else Evidence.ENCLOSED
    error = Bracket(int(wrong.sum()) / n, int((~right).sum()) / n, evidence)
    verdict = (Verdict.CONFIRMED if right.all() else Verdict.REFUTED if wrong.any() else Verdict.UNDECIDED)
    ball = {1.0: "l_1", 2.0: "l_2", math.inf: "l_inf"}[p]
    kind = "real" if method == "exact" else str(network.dtype)
    undecided = n - int(right.sum()) - int(wrong.sum())
    note = f"{undecided} of {n} balls undecided: bounds too wide; try method='affine'" if undecided else ""
    return Certificate(
        statement=f"{labels.words} right on the closed {ball} ball of radius {size:.17g} round each of {n} data",
        kind=kind,
        preconditions=_PRECONDITIONS[kind == "real"],
        robust_error=error,
        sup_error=Bracket(min(seen, float(deviation.max())), float(deviation.max()), evidence),
        verdict=verdict, radius=size, norm=p, certified=certified, witness=witness, right=right, note=note,
        subject=Subject(network, points, goal), classes=labels.classes,
    )


_PRECONDITIONS = {
    True: ("the network is evaluated in real arithmetic",),
    False: ("IEEE 754 arithmetic, rounding to nearest, in the network's format (no TF32 or flushed products)",
            "any order of summation, with or without fused multiply-add",
            "weights that are 0 are left out, or no unit overflows (a dense program multiplies infinity by 0)",
            "inputs are numbers of the network's format inside the ball"),
}


def _single(labels: Labels) -> Labels:
    """Return real labels on the grid ``B 2^-23``, on which a float32 network can return them."""
    grid = labels.bound * 2.0**-23
    return replace(labels, scores=np.rint(labels.scores / grid) * grid + 0.0)


def _fits(network: Network, labels: Labels, who: str) -> None:
    if labels.classes is None or len(labels.classes) <= 2:
        expected = 1
    else:
        expected = len(labels.classes)
    if network.outputs != expected:
        raise ValueError(f"{who}: the network has {network.outputs} outputs, {labels.words} need {expected}")


def _bounds(network: Network, low: Array, high: Array, goal: Goal, method: str,
            ball: tuple[Array, float, float] | None) -> tuple[Array, Array, tuple[tuple[str, int], ...]]:
    """Return bounds over all boxes, or over the balls inside them, and how many of them each method decided."""
    n = low.shape[0]
    out_low, out_high = np.full((n, network.outputs), -np.inf), np.full((n, network.outputs), np.inf)
    certified: dict[str, int] = {}
    for stage, pieces in _stages(method, network, ball is not None):
        todo = np.flatnonzero(~goal.right(out_low, out_high))
        if stage == "affine" and (method == "auto" or pieces > 1):
            todo = todo[: _affordable(network, pieces)]
        if todo.size == 0:
            continue
        if stage == "ball":
            points, radius, norm = ball or (low, 0.0, math.inf)
            found = ball_bounds(network, points[todo], radius, norm)
        else:
            found = _one_method(network, low[todo], high[todo], stage, pieces)
        if found is None:
            continue
        out_low[todo] = np.maximum(out_low[todo], found[0])
        out_high[todo] = np.minimum(out_high[todo], found[1])
        decided = int(goal.right(out_low, out_high)[todo].sum())
        if decided:
            certified[stage] = certified.get(stage, 0) + decided
    return out_low, out_high, tuple(certified.items())


def _affordable(network: Network, pieces: int) -> int:
    """Return how many boxes are cut into pieces and handed to affine forms: these cost units times inputs for each."""
    units = sum(layer.outputs for layer in network.layers)
    return min(_AFFINE_BUDGET, _AFFINE_WORK // (units * network.inputs)) // pieces ** network.inputs


def _stages(method: str, network: Network, round_balls: bool) -> tuple[tuple[str, int], ...]:
    """Return the methods in order of cost, affine forms on ever finer parts of the boxes."""
    finer = tuple(("affine", pieces) for pieces in (1, 2, 4, 8))
    if method == "affine":
        return finer
    if method != "auto":
        return ((method, 1),)
    balls = (("ball", 1),) if round_balls else ()
    return (("structural", 1), *balls, ("tight", 1), *(finer if network.dtype == np.float64 else ()))


def _one_method(network: Network, low: Array, high: Array, stage: str,
                pieces: int) -> tuple[Array, Array] | None:
    if stage == "structural":
        return structural_bounds(network, low, high)
    if stage == "tight":
        return structural_bounds(network, low, high, tight=True) or interval_bounds(network, low, high)
    if stage == "interval":
        return interval_bounds(network, low, high)
    if stage == "affine":
        return refined_bounds(network, low, high, pieces)
    exact_low, exact_high = exact_interval_bounds(network, low, high)
    # A rational that no double holds is rounded outward; equal ends that a double holds stay equal.
    down = [[v if (v := float(f)) <= f else math.nextafter(v, -math.inf) for f in row] for row in exact_low]
    up = [[v if (v := float(f)) >= f else math.nextafter(v, math.inf) for f in row] for row in exact_high]
    return np.array(down), np.array(up)


def _witnesses(network: Network, points: Array, low: Array, high: Array, goal: Goal, todo: NDArray[np.bool_],
               norm: float, radius: float) -> tuple[NDArray[np.bool_], tuple[int, Array, Array] | None, float]:
    """Evaluate points of the undecided balls; return wrong data, one witness, largest deviation seen.

    Evaluating the written-out network costs its nonzeros for each point, so the work is bounded: all data and the
    corners of all undecided balls where that is cheap, an even choice of them otherwise. Whatever is left out can
    only make a lower end lower.
    """
    wrong = np.zeros(points.shape[0], bool)
    witness: tuple[int, Array, Array] | None = None
    seen = 0.0
    affordable = max(16, _WITNESS_WORK // max(1, sum(layer.weight.nnz for layer in network.layers)))
    for rows in (np.flatnonzero(~todo), np.flatnonzero(todo)):
        chosen = rows if rows.size <= affordable else rows[np.linspace(0, rows.size - 1, affordable).astype(int)]
        part = goal.take(chosen)
        budget = affordable
        for candidates in _candidates(points[chosen], low[chosen], high[chosen], bool(todo[chosen].any()), norm,
                                      radius):
            budget -= chosen.size
            if chosen.size == 0 or budget < -chosen.size:
                break
            candidates = candidates.astype(network.dtype).astype(np.float64)  # what the program is given
            inside = ((candidates >= low[chosen]) & (candidates <= high[chosen])).all(axis=1)
            values = np.asarray(network(candidates), dtype=np.float64)
            seen = max(seen, float(part.deviation(values, values)[inside].max(initial=0.0)))
            bad = inside & todo[chosen] & ~wrong[chosen] & ~part.right(values, values)
            if bad.any() and witness is None:
                i = int(np.argmax(bad))
                witness = (int(chosen[i]), candidates[i], values[i])
            wrong[chosen[bad]] = True
    return wrong, witness, seen


def _candidates(points: Array, low: Array, high: Array, corners: bool, norm: float, radius: float) -> Any:
    """Yield arrays of points, one in each ball: the data, then, if asked, corners just inside the real ball."""
    yield points
    if not corners or radius == 0.0:
        return
    d = points.shape[1]
    if norm == math.inf:
        inner_low, inner_high = inward_boxes(points, radius)
        patterns = itertools.islice(itertools.product((False, True), repeat=min(d, 16)), _WITNESS_CORNERS)
        for pattern in patterns:
            choice = np.resize(np.array(pattern), d)
            yield np.where(choice, inner_high, inner_low)
        return
    for j in range(min(d, _WITNESS_CORNERS)):
        for sign in (-1.0, 1.0):
            moved = points.copy()
            moved[:, j] += sign * radius * (1.0 - 2.0**-40)
            yield moved
