"""The additive gate for two classes: ``f = clip(T + kappa sum y G, -B, B)``, two gate units.

kappa exceeds B plus the teacher's range on the boxes, so that one bump at its height outvotes the teacher: scores
on the boxes are exactly +-B in any order of summation, and equal labels may overlap freely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.students.gates.argmax import joined
from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part

Array = NDArray[np.float64]


def parts(setting: Setting) -> list[Part]:
    """Return all maps; the gate has 4 nonzeros beside the teacher's row and one for each bump."""
    bound = setting.bound
    return [*joined(setting, bound), Part(np.array([[-1.0]]), np.array([2 * bound]), 2),
            Part(np.array([[-1.0]]), np.array([bound]), 2)]


def evaluate(setting: Setting, taught: Array, hits: Hits) -> Array:
    """Return the scores (n, 1)."""
    b, told = setting.bound, taught[:, 0] + setting.bound
    if setting.hidden < setting.bumps.depth:  # the teacher waits for the bumps as relu(T + B)
        told = np.maximum(told, 0.0)
    s = np.maximum(told + setting.push * hits.total(setting.bumps.scores), 0.0)
    return (b - np.maximum(2 * b - s, 0.0))[:, None]
