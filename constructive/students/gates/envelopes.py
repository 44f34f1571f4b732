"""The clip gate with one output: the teacher between two envelopes that meet on the boxes.

``f = min(max(T, lower), upper)`` with lower = -B + sum (B + y) G and upper = B - sum (B - y) G. On a memorized box
every number is a sum of at most two nonzero terms, or of terms on one grid, so the label comes out bit for bit in
any order of summation, whatever the teacher says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part, beside, hidden_parts, shifted_output

Array = NDArray[np.float64]


def parts(setting: Setting) -> list[Part]:
    """Return all maps: 15 nonzeros beside teacher and bumps, and those carried while one branch waits.

    Hidden layers: the longer of teacher and bumps (two more where equal real labels overlap) + 3.
    """
    bound, bumps = setting.bound, setting.bumps
    left = [*hidden_parts(setting.teacher), shifted_output(setting.teacher, bound)]
    if must_limit(setting):
        sums, limits, values = limited_values(bumps.scores)
        right = [*bumps.parts(), sums, limits, envelopes(values, bound)]
    else:
        right = [*bumps.parts(), envelopes(bumps.scores, bound)]
    return [*beside(left, right), *gate(bound)]


def evaluate(setting: Setting, taught: Array, hits: Hits) -> Array:
    """Return the scores (n, 1)."""
    b, n = setting.bound, hits.points
    which, y, height = hits.which, setting.bumps.scores[hits.bump], hits.height
    if must_limit(setting):
        which, y, height = hits.limited(setting.bumps.scores)
    p = np.maximum(2 * b - np.bincount(which, (b + y) * height, n), 0.0)
    q = np.maximum(2 * b - np.bincount(which, (b - y) * height, n), 0.0)
    s = np.maximum(np.maximum(taught[:, 0] + b, 0.0) + p - 2 * b, 0.0)
    z = np.maximum(p + q - 2 * b - s, 0.0)
    return (q - z - b)[:, None]


def must_limit(setting: Setting) -> bool:
    """Whether bumps with one score may add up beyond 1 where it would show: a score inside (-B, B)."""
    inside = bool((np.abs(setting.bumps.scores) < setting.bound).any())
    return inside and setting.bumps.repeats_overlap


def envelopes(scores: Array, bound: float) -> Part:
    """Return relu(2B - sum (B + y) G) and relu(2B - sum (B - y) G).

    These are B minus the lower and B plus the upper envelope; the ReLU clamps overlapping equal signs for
    free. Nonzeros: #{y != -B} + #{y != B} + 2.
    """
    weight = np.stack([-(bound + scores), -(bound - scores)])
    count = int((scores != -bound).sum() + (scores != bound).sum()) + 2
    return Part(sparse.csr_array(weight), np.full(2, 2 * bound), count)


def limited_values(scores: Array) -> tuple[Part, Part, Array]:
    """Return two maps that turn bumps into min(1, sum of bumps) for each distinct value, and the values.

    Needed where boxes with one real label overlap. Nonzeros: m + v, then 2 v, for v distinct values.
    """
    values, group = np.unique(scores, return_inverse=True)
    m, v = scores.size, values.size
    sums = sparse.csr_array((-np.ones(m), (group.reshape(-1), np.arange(m))), shape=(v, m))
    return Part(sums, np.ones(v), m + v), Part(-sparse.eye_array(v, format="csr"), np.ones(v), 2 * v), values


def gate(bound: float) -> list[Part]:
    """Return the gate on (tau, p, q) with tau = relu(T + B), p = B - lower, q = B + upper: 13 nonzeros.

    s = relu(tau + p - 2B) is max(T, lower) - lower; z = relu(p + q - 2B - s) cuts at the upper envelope; the
    output is q - z - B. On a box p + q = 2B, so z = 0 whatever the teacher says.
    """
    b = 2 * bound
    return [
        Part(np.array([[1.0, 1, 0], [0, 1, 0], [0, 0, 1]]), np.array([-b, 0, 0]), 5),
        Part(np.array([[-1.0, 1, 1], [0, 0, 1]]), np.array([-b, 0]), 5),
        Part(np.array([[-1.0, 1]]), np.array([-bound]), 3),
    ]
