"""Every recipe with data that suit it, and the closed formula of its nonzeros, written out anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from student_cases import some_labels, some_teacher

from constructive.network import Network
from constructive.students import Recipe, Student, memorize, separation

RECIPES: dict[str, Recipe | str] = {
    "clip": "clip", "additive": "additive", "argmax": "argmax", "lean": "lean", "paper": "paper",
    "height": Recipe("height", gate="height"),
    "one-sided": Recipe("one-sided", gate="argmax", one_sided=True),
    "one-sided and clipped": Recipe("one-sided", one_sided=True),
    "one-sided and capped": Recipe("one-sided", gate="cap", one_sided=True),
    "facets": Recipe("facets", faces="needed"),
    "facets, additive": Recipe("facets", gate="additive", faces="needed"),
    "facets, height": Recipe("facets", gate="height", faces="needed"),
    "shared": Recipe("shared", share=True),
    "shared facets": Recipe("shared facets", gate="argmax", faces="needed", share=True),
    "merged": Recipe("merged", merge=True),
    "merged facets": Recipe("merged facets", gate="additive", faces="needed", merge=True),
    "domain": Recipe("domain", domain=(-0.75, 0.75)),
    "half amplitude": Recipe("half", amplitude=0.5),
}
KINDS = {"height": ("real",), "facets, height": ("real",), "clip": ("signs", "real", "repeated", "classes"),
         "paper": ("signs", "real"), "facets": ("signs", "real", "repeated", "classes"),
         "shared": ("signs", "real", "repeated", "classes"), "merged": ("signs", "repeated", "classes"),
         "domain": ("signs", "real", "classes")}
INEXACT = ("argmax", "lean", "one-sided", "shared facets", "paper")
"""Recipes whose scores on the balls are not exactly the labels: the decision is, or an error is stated."""


def kinds(name: str) -> tuple[str, ...]:
    """Return the kinds of labels that the recipe is tried on."""
    two = ("signs",)
    return KINDS.get(name, two if "one-sided" in name or "amplitude" in name else ("signs", "classes"))


def drawn(name: str, hidden: int | None, rng: np.random.Generator, precision: str = "float64",
          kind: str | None = None, **options: Any) -> Student:
    """Return a student of lattice data: equal thresholds, overlaps of equal labels, thresholds that are 0."""
    recipe = RECIPES[name]
    kind = kind or str(rng.choice(kinds(name)))
    d = int(rng.integers(1, 5))
    points = np.unique(rng.integers(-3, 4, (int(rng.integers(2, 16)), d)) / 4.0, axis=0)
    if len(points) < 2:
        points = np.array([[-0.75] * d, [0.5] * d])
    points = points[rng.permutation(len(points))]
    labels = some_labels(kind, len(points), rng)
    if kind == "signs":
        labels[:2] = (-1.0, 1.0)
    apart = separation(points).distance if name in ("paper", "height", "facets, height") else (
        separation(points, labels).distance)
    radius = float(rng.choice([0.0, 0.125, 0.4])) * min(apart, 2.0)
    outputs = len(set(labels.tolist())) if kind == "classes" and len(set(labels.tolist())) > 2 else 1
    teacher = None if hidden is None or "one-sided" in name else some_teacher(d, outputs, hidden, rng)
    return memorize(points, labels, radius=radius, teacher=teacher, recipe=recipe, precision=precision, **options)


def closed_formula(student: Student) -> int:
    """Return the nonzeros of a student with one or several outputs, from counts of faces, bumps and layers alone."""
    bumps, labels, b = student.bumps, student.labels, student.amplitude
    teacher: Network = student.teacher.to_network()
    assert bumps is not None
    last, t, m, k = teacher.layers[-1], teacher.depth - 1, bumps.count, labels.outputs
    faces = [(j, -1, v) for j, v in zip(*_ends(bumps.lower), strict=True)]
    faces += [(j, 1, v) for j, v in zip(*_ends(bumps.upper), strict=True)]
    stored = set(faces) if student.recipe.share else faces
    of_bumps = 2 * len(stored) - sum(v == 0 for _, _, v in stored) + len(faces) + m
    shifted = int(np.count_nonzero(last.bias + b)) - int(np.count_nonzero(last.bias))
    count = teacher.size.nonzeros + of_bumps
    gate = student.recipe.gate
    if gate == "cap":  # no teacher at all
        return of_bumps + m + 3
    if gate == "clip" and k == 1:
        y = bumps.scores
        told = int((y != -b).sum() + (y != b).sum())
        if bumps.repeats_overlap and (np.abs(y) < b).any():
            values = np.unique(y)
            told = m + 3 * values.size + int((values != -b).sum() + (values != b).sum())
            return count + shifted + told + 15 + max(4 - t, 0) + 2 * max(t - 4, 0)
        return count + shifted + told + 15 + max(2 - t, 0) + 2 * max(t - 2, 0)
    if gate == "clip":
        return count + shifted + m + k * (k + 8) + k * abs(t - 1)
    if gate == "additive" and k > 1:
        return count + shifted + m + k * (k + 5) + k * abs(t - 2)
    if gate == "height":
        return count + shifted + m + 17 + abs(t - 2)
    constant = t == 0 and last.weight.nnz == 0
    if gate == "additive":
        return count + shifted + m + 4 + (0 if constant else max(2 - t, 0) + 2 * max(t - 2, 0))
    again = last.nonzeros  # a teacher that is ready first is carried as relu(T) and relu(-T)
    carry = 0 if constant else again + 2 * k * (2 - t) if t < 2 else (2 if k == 1 else k) * (t - 2)
    return count + m + carry


def _ends(ends: Any) -> tuple[Any, Any]:
    rows, axes = np.nonzero(np.isfinite(ends))
    return axes.tolist(), ends[rows, axes].tolist()
