"""What labels mean: classes or real values, and the scores that a network must output for them.

Bool, integer and string labels are classes; floating labels are real values unless all of them are -1 or +1.
Two classes share one score: ``classes[1]`` is +1, ``classes[0]`` is -1. Three or more have one score each.
Real labels are rounded to the grid ``B 2^-52`` of B, the smallest power of two with ``B >= max |y|``, so that a
network can return them without any rounding error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Clean labels of n data.

    ``classes``: tuple in sorted order, or None for real labels; ``index`` (n,) class numbers (zeros for real
    labels); ``scores`` (n,) +-1 for at most two classes, the rounded values for real labels, class numbers for
    more; ``bound``: the power of two B that bounds all scores; ``representation``: largest rounding of a label.
    """

    classes: tuple[Any, ...] | None
    index: NDArray[np.int64]
    scores: Array
    bound: float
    representation: float

    @property
    def outputs(self) -> int:
        """Number of network outputs the labels call for: 1, or the number of classes from three on."""
        return 1 if self.classes is None or len(self.classes) <= 2 else len(self.classes)

    @property
    def words(self) -> str:
        """The labels in words, for statements and messages."""
        if self.classes is None:
            return "real labels"
        return f"{len(self.classes)} class" + ("" if len(self.classes) == 1 else "es")

    def take(self, rows: NDArray[Any]) -> Labels:
        """Return the labels of the chosen rows, same classes and bound."""
        return Labels(self.classes, self.index[rows], self.scores[rows], self.bound, self.representation)


def clean_labels(y: Any, n: int, *, who: str, classes: Sequence[Any] | None = None,
                 task: str | None = None) -> Labels:
    """Return the labels y (n,) cleaned; see the module's rules.

    ``task`` "classification" or "regression" overrides the inference; ``classes`` fixes the classes and their
    order. Labels -1 and +1 are two classes even where one of them does not occur; any other single class counts
    as the upper one of two: its score is +1. Raises TypeError for labels of mixed or
    unknown kind, ValueError for a wrong length, NaN, infinity, or a label outside ``classes``.

    >>> clean_labels(["no", "yes"], 2, who="doc").scores.tolist()
    [-1.0, 1.0]
    """
    raw = np.asarray(y)
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.ndim != 1:
        raise ValueError(f"{who}: y must have shape (n,), got {raw.shape}")
    if raw.shape[0] != n:
        raise ValueError(f"{who}: X has {n} rows but y has {raw.shape[0]} labels; they must match")
    if task not in (None, "classification", "regression"):
        raise ValueError(f"{who}: task={task!r} must be 'classification', 'regression' or None")
    raw = _plain(raw, who)
    if classes is None and task != "classification" and raw.dtype.kind == "f" and (
            task == "regression" or not np.isin(raw, (-1.0, 1.0)).all()):
        return _real(raw, who)
    if task == "regression" and classes is None:
        if raw.dtype.kind not in "biu":
            raise TypeError(f"{who}: task='regression' needs numeric labels, got dtype {raw.dtype}")
        return _real(raw.astype(np.float64), who)
    return _classes(raw, classes, who)


def _plain(raw: NDArray[Any], who: str) -> NDArray[Any]:
    """Return labels of one plain kind; an object array must hold only strings or only numbers."""
    if raw.dtype.kind == "O":
        kinds = {type(v) for v in raw.tolist()}
        if kinds <= {str}:
            raw = raw.astype(str)
        elif kinds <= {bool}:
            raw = raw.astype(bool)
        elif kinds <= {int}:
            raw = raw.astype(np.int64)
        elif kinds <= {int, float}:
            raw = raw.astype(np.float64)
        else:
            names = ", ".join(sorted(k.__name__ for k in kinds))
            raise TypeError(f"{who}: y mixes labels of kinds {names}; make them all strings or all numbers")
    if raw.dtype.kind not in "biufUS":
        raise TypeError(f"{who}: y must hold numbers, booleans or strings, got dtype {raw.dtype}")
    if raw.dtype.kind == "f":
        raw = raw.astype(np.float64)
        if not np.isfinite(raw).all():
            i = int(np.argmin(np.isfinite(raw)))
            raise ValueError(f"{who}: y[{i}]={raw[i]!r} is not finite; remove that row or impute its label")
    return raw


def _classes(raw: NDArray[Any], classes: Sequence[Any] | None, who: str) -> Labels:
    found, index = np.unique(raw, return_inverse=True)
    names = tuple(v.item() for v in found)
    if classes is None and raw.dtype.kind in "if" and set(names) <= {-1, 1}:
        # -1 and +1 keep their meaning where only one of them occurs
        classes = (raw.dtype.type(-1).item(), raw.dtype.type(1).item())
    if classes is not None:
        known = {c: i for i, c in enumerate(classes)}
        if len(known) != len(classes):
            raise ValueError(f"{who}: classes={tuple(classes)!r} repeats a class")
        missing = [c for c in names if c not in known]
        if missing:
            raise ValueError(f"{who}: label {missing[0]!r} is not among classes={tuple(classes)!r}")
        index = np.array([known[c] for c in names], np.int64)[index]
        names = tuple(classes)
    index = index.astype(np.int64)
    if len(names) == 1:
        scores = np.ones(raw.shape[0])
    elif len(names) == 2:
        scores = np.where(index == 1, 1.0, -1.0)
    else:
        scores = index.astype(np.float64)
    return Labels(names, index, scores, 1.0, 0.0)


def power_of_two_above(value: float) -> float:
    """Return the smallest power of two >= value > 0; 1 for value = 0. ValueError beyond 2^1023."""
    if value == 0.0:
        return 1.0
    mantissa, exponent = math.frexp(value)
    power = exponent - 1 if mantissa == 0.5 else exponent
    if not -1000 <= power <= 1000:
        raise ValueError(f"power_of_two_above: {value!r} is outside 2^-1000 .. 2^1000; rescale the labels")
    return math.ldexp(1.0, power)


def _real(values: Array, who: str) -> Labels:
    largest = float(np.abs(values).max())
    try:
        bound = power_of_two_above(largest)
    except ValueError as error:
        raise ValueError(f"{who}: max |y|={largest!r} is outside 2^-1000 .. 2^1000; rescale the labels") from error
    grid = bound * 2.0**-52
    rounded = np.rint(values / grid) * grid
    # adding 0 turns -0.0 into 0.0, one label and not two
    return Labels(None, np.zeros(values.shape[0], np.int64), rounded + 0.0, bound,
                  float(np.abs(rounded - values).max()))
