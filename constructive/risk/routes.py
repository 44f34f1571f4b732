"""Students: what their structure decides without evaluating a network, and what is left to the weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.enclosure import interval_bounds
from constructive.domain import outward_boxes
from constructive.labels import Labels
from constructive.network import Layer, Network
from constructive.risk.found import Found, Rows, Task, by_all, by_structure
from constructive.risk.measurement import SAFE, UNKNOWN, WRONG
from constructive.students import Student
from constructive.students.balls import BallBumps
from constructive.students.boxes import Bumps
from constructive.students.contact import disturbed
from constructive.students.robustness import robust_verdicts, rule_witnesses
from constructive.teachers.ranges import range_on_boxes

Array = NDArray[np.float64]


def exact_rule_holds(student: Student, norm: float) -> bool:
    """Return whether the two-class rule speaks about this student: clip gate, bumps on boxes, l_inf balls."""
    return (norm == math.inf and student.recipe.gate == "clip" and student.classes is not None
            and student.labels.outputs == 1 and (student.bumps is None or isinstance(student.bumps, Bumps)))


def measure_with_rule(found: Found, task: Task, student: Student, labels: Labels) -> None:
    """Fill the table by the exact rule; the teacher's range on each ball comes from bounds and branch and bound.

    The rule needs the teacher right on the whole ball. Where the teacher errs in it, the student is evaluated at the
    teacher's own error; inside a memorized box the weights decide without the teacher.
    """
    truth = np.array(student.classes)[labels.index]
    low, high = range_on_boxes(student.teacher, *outward_boxes(task.points, task.radius))
    _apply_rule(found, task, student, truth, (low[:, 0], high[:, 0]), found.rest)
    if found.rest.size == 0:
        return
    written = student.to_network()
    by_structure(found, task, written)
    safe, wrong = _about_teacher(found, task, student)
    _apply_rule(found, task, student, truth, (task.goal.value, task.goal.value), safe)
    _try_witnesses(found, task, written, wrong)
    by_all(found, task, written)


def _apply_rule(found: Found, task: Task, student: Student, truth: NDArray[Any], ends: tuple[Array, Array],
                rows: Rows) -> None:
    """Enter the rule's verdicts on the chosen points, given bounds (n,), (n,) of the teacher on all balls."""
    if rows.size == 0:
        return
    points, signs = task.points[rows], task.goal.value[rows]
    out = robust_verdicts(student, points, truth[rows], task.radius, (ends[0][rows], ends[1][rows]))
    found.safe(rows[out == SAFE], "exact rule")
    wrong = np.flatnonzero(out == WRONG)
    if wrong.size:
        witnesses = rule_witnesses(student, points[wrong], signs[wrong], task.radius)
        values = student(np.nan_to_num(witnesses))
        witnesses[task.goal.take(rows[wrong]).right(values, values)] = np.nan  # rounding left it short of the error
        found.wrong(rows[wrong], witnesses, "exact rule")


def _about_teacher(found: Found, task: Task, student: Student) -> tuple[Rows, tuple[Rows, Array]]:
    """Return the open points on whose balls the teacher is right, by a margin, and those with a vector where not.

    The gate returns the teacher up to rounding, so a right answer counts if it is ahead by 2^-39 of the amplitude
    (2^-15 in float32): the score of the right answer is lowered by that much, class by class.
    """
    rest, ahead = found.rest, student.amplitude * (2.0**-39 if student.precision == "float64" else 2.0**-15)
    taught = student.teacher.to_network()
    if rest.size == 0 or task.goal.kind == "value":
        return rest[:0], (rest[:0], task.points[:0])
    open_rows: NDArray[np.bool_] = found.verdicts == UNKNOWN
    table = Found(found.verdicts.copy(), found.witnesses.copy())
    for own in np.unique(task.goal.value[rest]):
        mine = open_rows & (task.goal.value == own)
        part = Found(np.where(mine, UNKNOWN, SAFE).astype(np.int8), table.witnesses)
        by_all(part, task, _lowered(taught, task.goal.kind, own, ahead))
        table.verdicts[mine] = part.verdicts[mine]
    wrong = rest[table.verdicts[rest] == WRONG]
    return rest[table.verdicts[rest] == SAFE], (wrong, table.witnesses[wrong])


def _lowered(network: Network, kind: str, own: float, ahead: float) -> Network:
    """Return the network with the right answer's score moved by ``ahead`` against it."""
    last = network.layers[-1]
    bias = last.bias.astype(np.float64)
    if kind == "sign":
        bias[0] -= own * ahead
    else:
        bias[int(own)] -= 2 * ahead
    return Network((*network.layers[:-1], Layer.build(last.weight, bias, dtype=last.weight.dtype)))


def _try_witnesses(found: Found, task: Task, written: Network, tried: tuple[Rows, Array]) -> None:
    """Enter those of the tried vectors (k, d) at which the written-out student is wrong."""
    rows, vectors = tried
    if rows.size:
        values = np.asarray(written(vectors), np.float64)
        wrong = ~task.goal.take(rows).right(values, values)
        found.wrong(rows[wrong], vectors[wrong], "teacher's error")


def measure_student(found: Found, task: Task, student: Student, labels: Labels) -> None:
    """Fill the table for any student: its teacher's verdict where no rival's bump reaches the ball, else the weights'.

    Away from all supports a gate returns the teacher, clipped and rounded, and bumps of the own class only help: a
    right answer must be ahead by 2^-40 of the amplitude (2^-16 in float32), and for several classes the clip must not
    act.
    """
    written, b, double = student.to_network(), student.amplitude, student.precision == "float64"
    low, high = outward_boxes(task.points, task.radius)
    far = _undisturbed(student, task, labels, low, high)
    tame = np.ones(task.points.shape[0], bool)
    if far.size:
        below, above = range_on_boxes(student.teacher, low[far], high[far]) if double else (
            interval_bounds(student.teacher.to_network(), low[far], high[far]))
        margin = b * (2.0**-40 if double else 2.0**-16)
        if labels.outputs > 1 and student.recipe.gate == "clip":
            tame[far] = np.maximum(np.abs(below), np.abs(above)).max(axis=1) <= b
        safe = task.goal.take(far).right(below - margin, above + margin) & tame[far]
        found.safe(far[safe], "teacher, no rival near")
    by_structure(found, task, written)
    sure, tried = _about_teacher(found, task, student)
    found.safe(np.intersect1d(sure, far[tame[far]]), "teacher, no rival near")
    _try_witnesses(found, task, written, tried)
    by_all(found, task, written)


def _undisturbed(student: Student, task: Task, labels: Labels, low: Array, high: Array) -> Rows:
    """Return the points whose balls no support of another class reaches; for real labels, no support at all.

    An executed bump may be positive, by a few units in the last place, just outside its support: that far counts too.
    """
    if student.recipe.gate == "product":
        return np.flatnonzero(np.zeros(task.points.shape[0], bool))
    if labels.classes is None or student.bumps is None or (isinstance(student.bumps, BallBumps)
                                                          and task.norm != student.norm):
        return np.flatnonzero(~student.reached(low, high))
    slack = student.ramp * (2.0**-40 if student.precision == "float64" else 2.0**-14)
    names = np.array(student.classes)[labels.index]
    return np.flatnonzero(~disturbed(student, task.points, names, task.radius + slack))
