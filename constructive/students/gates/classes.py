"""Gates for three or more classes: on a box the score of its class is B and every other one is -B, exactly.

Masses A_c, the sums of the bumps of each class, push each score up or down by a weight kappa that outvotes the
teacher. The clip gate clamps the teacher's scores to [-B, B] first, so that kappa = 4 B does; the additive gate
leaves them alone and needs a kappa above B plus the teacher's range on the boxes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part, beside, class_sums, hidden_parts, shifted_output

Array = NDArray[np.float64]


def parts(setting: Setting) -> list[Part]:
    """Return all maps; the gate has K (K + 8) nonzeros (clip) or K (K + 5) (additive), and those carried."""
    k, bound = setting.labels.outputs, setting.bound
    left = [*hidden_parts(setting.teacher), shifted_output(setting.teacher, bound)]
    sign, start = 1.0, 0.0
    if setting.gate == "clip":  # relu(2B - relu(T + B)): the clamped teacher, upside down
        left.append(_negated(k, 2 * bound))
        sign, start = -1.0, 2 * bound
    right = [*setting.bumps.parts(), class_sums(setting.bumps.index, k)]
    masses = setting.push * (2 * np.eye(k) - np.ones((k, k)))
    vote = Part(np.hstack([sign * np.eye(k), masses]), np.full(k, start), k * (k + 1) + (k if start else 0))
    return [*beside(left, right), vote, _negated(k, 2 * bound), _negated(k, bound)]


def evaluate(setting: Setting, taught: Array, hits: Hits) -> Array:
    """Return the scores (n, K)."""
    b, k = setting.bound, taught.shape[1]
    masses = hits.by_class(setting.bumps.index, k)
    told = np.maximum(taught + b, 0.0)
    if setting.gate == "clip":
        told = 2 * b - np.maximum(2 * b - told, 0.0)
    s = np.maximum(told + setting.push * (2 * masses - masses.sum(axis=1, keepdims=True)), 0.0)
    return b - np.maximum(2 * b - s, 0.0)


def _negated(k: int, bias: float) -> Part:
    return Part(-sparse.eye_array(k, format="csr"), np.full(k, bias), 2 * k)
