"""Data that can be memorized: distinct points, and a radius below half their separation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.labels import Labels
from constructive.students.pairs import closest_conflict, conflict_groups, round_down

Array = NDArray[np.float64]


def distinct_data(points: Array, labels: Labels, who: str) -> NDArray[np.int64]:
    """Return the rows of distinct points, first occurrence, in order; conflicting duplicates are refused.

    Raises ValueError naming two rows with equal points and different labels.
    """
    # adding 0 turns -0.0 into 0.0, the same point
    _, first, inverse = np.unique(points + 0.0, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    clash = np.flatnonzero(labels.scores != labels.scores[first[inverse]])
    if clash.size:
        k = int(clash[0])
        i = int(first[inverse[k]])
        raise ValueError(f"{who}: X[{i}] and X[{k}] are the same point with labels {label_of(labels, i)!r} and "
                         f"{label_of(labels, k)!r}; remove one of them or settle its label")
    return np.sort(first).astype(np.int64)


def label_of(labels: Labels, i: int) -> object:
    """Return the label of row i in the caller's words."""
    if labels.classes is None:
        return float(labels.scores[i])
    return labels.classes[labels.index[i]]


def closest_rivals(points: Array, labels: Labels, norm: float, who: str) -> tuple[tuple[int, int], Fraction] | None:
    """Return the closest pair of data with different labels and its exact distance (squared for l_2), or None."""
    return closest_conflict(points, conflict_groups(labels.scores), norm, different=True, who=who)


def require_radius(points: Array, labels: Labels, radius: float, norm: float, covered: float, who: str) -> None:
    """Raise ValueError unless ``radius < separation / 2`` in the given norm, decided exactly; names pair and remedy.

    ``covered`` is the norm of the caller's balls, for the message. Points and labels are all data as given, so
    that the pair named is the caller's.
    """
    found = closest_rivals(points, labels, norm, who)
    if found is None:
        return
    (i, k), exact = found
    size = Fraction(radius)
    if (4 * size * size if norm == 2.0 else 2 * size) < exact:
        return
    name = "l_inf" if norm == math.inf else f"l_{norm:.0f}"
    inside = "" if norm == covered else f" (l_{covered:.0f} balls are covered by l_inf boxes of that radius)"
    apart, largest = ((math.sqrt(exact), math.sqrt(exact) / 2 * (1 - 2.0**-50)) if norm == 2.0
                      else (round_down(exact), round_down(exact / 2)))
    raise ValueError(
        f"{who}: radius={radius!r} needs {name} separation > {2 * radius!r}, but X[{i}] "
        f"(label {label_of(labels, i)!r}) and X[{k}] (label {label_of(labels, k)!r}) are "
        f"{apart!r} apart{inside}; "
        f"pass radius < {largest!r}")
