"""Patching: data on whose whole box the teacher is certified right need no bump."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.linear import affine_bounds
from constructive.labels import Labels
from constructive.students.boxes import Bumps
from constructive.teachers.teacher import Teacher


def left_to_teacher(bumps: Bumps, labels: Labels, teacher: Teacher, amplitude: float, *, absent: bool,
                    who: str) -> Bumps | None:
    """Return the bumps that are still needed, or None if the teacher is right on every box.

    The teacher's bounds on the whole box must put the right class strictly ahead, in floating point;
    unpatched data then have the right sign, not the exact score. A patch vanishes on every conflicting box,
    patched or not, because the ramp was chosen against all data. Raises ValueError for real labels or without
    a teacher.
    """
    if labels.classes is None:
        raise ValueError(f"{who}: patch=True needs classes; real labels must be met exactly on every box")
    if absent:
        raise ValueError(f"{who}: patch=True needs a teacher; pass teacher=...")
    right = certified_right(bumps, labels, teacher, amplitude)
    if right.all():
        return None
    keep = np.flatnonzero(~right)
    return replace(bumps, lower=bumps.lower[keep], upper=bumps.upper[keep], scores=bumps.scores[keep],
                   index=bumps.index[keep], members=bumps.members[keep])


def certified_right(bumps: Bumps, labels: Labels, teacher: Teacher, amplitude: float) -> NDArray[np.bool_]:
    """Return for which boxes the teacher's bounds certify the right class on the whole box.

    The gate returns the teacher up to some units in the last place of the amplitude B, so the right class
    must be ahead by 2^-40 B: a score of 1e-20 B would be rounded to 0, which is wrong.
    """
    margin = 2.0**-40 * amplitude
    network = teacher.to_network()
    low, high = interval_bounds(network, bumps.lower, bumps.upper)
    forms = affine_bounds(network, bumps.lower, bumps.upper)
    low, high = np.maximum(low, forms.lower), np.minimum(high, forms.upper)
    if labels.outputs == 1:
        return np.where(bumps.scores > 0, low[:, 0] > margin, high[:, 0] < -margin)
    rows = np.arange(bumps.count)
    rivals = high.copy()
    rivals[rows, bumps.index] = -np.inf
    ahead: NDArray[np.bool_] = low[rows, bumps.index] > rivals.max(axis=1) + margin
    return ahead
