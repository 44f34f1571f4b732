"""The range of a teacher on many boxes, from its weights and, where it has one, from its target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.linear import affine_bounds, refined_bounds
from constructive.evidence import Evidence
from constructive.targets import Target
from constructive.teachers.teacher import Teacher

Array = NDArray[np.float64]

_PIECES = (2, 4, 8, 16)
_BUDGET = 1 << 17
"""Parts of boxes on which undecided signs are looked at more closely."""


def range_on_boxes(teacher: Teacher, low: Array, high: Array) -> tuple[Array, Array]:
    """Return bounds (N, m), (N, m) of the teacher over boxes (N, d).

    Three enclosures are intersected: intervals, first-order forms, and the target's first-order range widened by
    the teacher's stated error and by what rounding adds in a run (inside the target's box, and only for teachers whose
    error is proved everywhere there). One-score teachers whose sign stays open are looked at on parts of the box.
    """
    network = teacher.to_network()
    plain, forms = interval_bounds(network, low, high), affine_bounds(network, low, high)
    bottom, top = np.maximum(plain[0], forms.lower), np.minimum(plain[1], forms.upper)
    error = _uniform_error(teacher)
    if teacher.target is not None and error is not None:
        least, most = _through_target(teacher.target, error, low, high)
        bottom[:, 0], top[:, 0] = np.maximum(bottom[:, 0], least), np.minimum(top[:, 0], most)
    if network.outputs == 1:
        for pieces in _PIECES:
            rows = np.flatnonzero((bottom[:, 0] <= 0) & (top[:, 0] >= 0))
            rows = rows[: _BUDGET // pieces ** network.inputs]
            if rows.size:
                finer = refined_bounds(network, low[rows], high[rows], pieces)
                bottom[rows], top[rows] = np.maximum(bottom[rows], finer[0]), np.minimum(top[rows], finer[1])
    return bottom, top


def _uniform_error(teacher: Teacher) -> float | None:
    """Return a bound on |executed network - target| on the whole box of the target, None where none is proved."""
    if teacher.target is None or teacher.error is None or teacher.budget is None or teacher.region is not None:
        return None
    if teacher.error.evidence is Evidence.SAMPLED or teacher.target.order < 2:
        return None
    return teacher.error.upper + teacher.budget.evaluation


def _through_target(target: Target, error: float, low: Array, high: Array) -> tuple[Array, Array]:
    """Return the range of target +- error: first-order Taylor with its second-order remainder."""
    inside = ((low >= target.box.lower) & (high <= target.box.upper)).all(axis=1)
    middle = low + (high - low) / 2
    reach = np.nextafter(np.maximum(high - middle, middle - low), np.inf)
    d = target.dimension
    value = target.values(middle)
    slope = sum(np.abs(target.derivative(tuple(int(i == j) for i in range(d)), middle)) * reach[:, j]
                for j in range(d))
    span = reach.sum(axis=1)
    width = (slope + target.bound(2) / 2 * span * span + error + target.rounding * (2 + target.bound(1) * span))
    width = width * (1 + 2.0**-30) + 2.0**-40
    return np.where(inside, value - width, -np.inf), np.where(inside, value + width, np.inf)
