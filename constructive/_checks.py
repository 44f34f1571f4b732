"""Argument checks that return the cleaned value; every message names argument, rule, value and remedy."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def as_points(values: Any, who: str, name: str = "X", *, dimension: int | None = None) -> Array:
    """Return values as a finite, C-contiguous float64 array of shape (n, d), n >= 1, d >= 1.

    A vector is refused rather than guessed to be a row or a column. Raises TypeError for what is not numeric,
    ValueError for a wrong shape, no rows, NaN, infinity, or an integer that is no double.
    """
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{who}: {name} must be a rectangular array of numbers, shape (n, d): {error}") from error
    if raw.dtype.kind not in "biuf":
        raise TypeError(f"{who}: {name} must hold real numbers, got dtype {raw.dtype}; "
                        "convert or drop the columns that are not numeric")
    if raw.ndim != 2:
        hint = "; write X[:, None] for n points on a line" if raw.ndim == 1 else ""
        raise ValueError(f"{who}: {name} must have shape (n, d), got shape {raw.shape}{hint}")
    if raw.shape[0] == 0 or raw.shape[1] == 0:
        raise ValueError(f"{who}: {name} is empty, shape {raw.shape}; pass at least one point and one coordinate")
    if dimension is not None and raw.shape[1] != dimension:
        raise ValueError(f"{who}: {name} has {raw.shape[1]} columns, expected {dimension}")
    points = np.ascontiguousarray(raw, dtype=np.float64)
    if not np.isfinite(points).all():
        i, j = np.argwhere(~np.isfinite(points))[0]
        raise ValueError(f"{who}: {name}[{i}, {j}]={points[i, j]!r} is not finite; remove or impute that row")
    if raw.dtype.kind in "iu":
        _refuse_rounded(raw, points, who, name)
    return points


def _refuse_rounded(raw: NDArray[Any], points: Array, who: str, name: str) -> None:
    """Raise ValueError for an integer that is no double: two data must not become one, nor a ball be another's."""
    for i, j in np.argwhere(np.abs(points) > 2.0**53):
        if int(raw[i, j]) != int(points[i, j]):
            raise ValueError(f"{who}: {name}[{i}, {j}]={int(raw[i, j])} is no double; subtract an offset, or pass "
                             "floats to have it rounded")


def as_number(value: Any, who: str, name: str, *, at_least: float | None = None, above: float | None = None,
              at_most: float | None = None, below: float | None = None) -> float:
    """Return value as a finite float within the given bounds.

    Raises TypeError for what is not a real number (bool included), ValueError outside the bounds.
    """
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise TypeError(f"{who}: {name} must be a real number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{who}: {name} must be a real number, got {value!r}") from error
    if not math.isfinite(number):
        raise ValueError(f"{who}: {name}={number!r} must be finite")
    rules = ((at_least, number.__ge__, ">="), (above, number.__gt__, ">"),
             (at_most, number.__le__, "<="), (below, number.__lt__, "<"))
    for bound, holds, sign in rules:
        if bound is not None and not holds(float(bound)):
            raise ValueError(f"{who}: {name}={number!r} must be {sign} {bound!r}")
    return number


def as_count(value: Any, who: str, name: str, *, at_least: int = 0, at_most: int | None = None) -> int:
    """Return value as an int within the given bounds; TypeError for what is not integral."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{who}: {name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{who}: {name} must be an integer, got {value!r}") from error
    if number < at_least:
        raise ValueError(f"{who}: {name}={number} must be >= {at_least}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{who}: {name}={number} must be <= {at_most}")
    return number


def as_norm(value: Any, who: str) -> float:
    """Return the norm as 1.0, 2.0 or infinity; accepts 1, 2, numpy.inf and their names "l1", "l2", "linf"."""
    named = {"l1": 1.0, "l2": 2.0, "linf": math.inf, "l_1": 1.0, "l_2": 2.0, "l_inf": math.inf}
    if isinstance(value, str):
        if value not in named:
            raise ValueError(f"{who}: norm={value!r} must be 1, 2, inf, 'l1', 'l2' or 'linf'")
        return named[value]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{who}: norm must be 1, 2 or inf, got {value!r}")
    if float(value) not in (1.0, 2.0, math.inf):
        raise ValueError(f"{who}: norm={value!r} must be 1, 2 or inf")
    return float(value)
