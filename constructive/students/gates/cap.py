"""The one-sided gate: ``f = B - 2 B relu(1 - sum G)``, bumps of the upper class against the constant -B.

On a box some bump is 1 and the others are not negative, so what is left, relu(1 - sum G), is exactly 0 in any order
of summation, however many bumps overlap; off all supports it is exactly 1. No teacher is read: it is the constant -B.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part

Array = NDArray[np.float64]


def parts(setting: Setting) -> list[Part]:
    """Return all maps; the gate has 3 nonzeros and one for each bump."""
    m, bound = setting.bumps.count, setting.bound
    return [*setting.bumps.parts(), Part(np.full((1, m), -1.0), np.ones(1), m + 1),
            Part(np.array([[-2 * bound]]), np.array([bound]), 2)]


def evaluate(setting: Setting, taught: Array, hits: Hits) -> Array:
    """Return the scores (n, 1)."""
    left = np.maximum(1.0 - hits.total(np.ones(setting.bumps.count)), 0.0)
    return (setting.bound - 2 * setting.bound * left)[:, None]
