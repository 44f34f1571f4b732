"""Real labels coded in the height of the bumps: one weight for each datum instead of two.

A bump is 3 B + y on its box, between 2 B and 4 B, and 0 off its support; supports never meet a box of another
datum. With v the sum of bumps, e = relu(v - 2 B) is B + y on a box and k = relu(2 B - v) is 2 B off the supports:
``f = e + min(k, relu(T + B - e)) - B``. The price: on a ramp v passes through 2 B, where the student is -B.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.students.boxes import Bumps
from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part, beside, hidden_parts, shifted_output

Array = NDArray[np.float64]


def parts(setting: Setting) -> list[Part]:
    """Return all maps; 17 nonzeros beside teacher and bumps, and one for each layer that a branch waits."""
    b, bumps = setting.bound, setting.bumps
    if not isinstance(bumps, Bumps):
        raise TypeError("height gate: needs bumps on boxes")
    left = [*hidden_parts(setting.teacher), shifted_output(setting.teacher, b)]
    total = Part(sparse.csr_array(np.ones((1, bumps.count))), np.zeros(1), bumps.count)
    right = [*bumps.parts(3 * b + bumps.scores, 4 * b), total]
    return [
        *beside(left, right),
        Part(np.array([[1.0, 0], [0, 1], [0, -1]]), np.array([0, -2 * b, 2 * b]), 5),   # tau, e, k
        Part(np.array([[1.0, -1, 0], [0, 1, 0], [0, 0, 1]]), np.zeros(3), 4),           # s = relu(tau - e), e, k
        Part(np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]), np.zeros(3), 4),           # z = relu(k - s), e, k
        Part(np.array([[-1.0, 1, 1]]), np.array([-b]), 4),
    ]


def evaluate(setting: Setting, taught: Array, hits: Hits) -> Array:
    """Return the scores (n, 1)."""
    b, y = setting.bound, setting.bumps.scores[hits.bump]
    heights = np.maximum(4 * b * hits.height - (b - y), 0.0)
    v = np.bincount(hits.which, heights, hits.points)
    e, k = np.maximum(v - 2 * b, 0.0), np.maximum(2 * b - v, 0.0)
    s = np.maximum(np.maximum(taught[:, 0] + b, 0.0) - e, 0.0)
    z = np.maximum(k - s, 0.0)
    return (e + k - z - b)[:, None]
