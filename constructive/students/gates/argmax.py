"""No gate at all: ``f_c = T_c + kappa sum_{y_i = c} G_i``, or ``f = T + kappa sum y_i G_i`` for two classes.

kappa exceeds the teacher's range on the boxes, so the right class is strictly ahead there; scores are not exact,
the decision is. Off the supports the student is the teacher, bit for bit. The leanest robust memorizer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part, beside, class_sums, hidden_parts, is_constant

Array = NDArray[np.float64]


def parts(setting: Setting) -> list[Part]:
    """Return all maps; no gate, one nonzero for each bump in the output, and those carried."""
    return joined(setting, None)


def evaluate(setting: Setting, taught: Array, hits: Hits) -> Array:
    """Return the scores (n, 1) or (n, K)."""
    if setting.labels.outputs == 1:
        return taught + (setting.push * hits.total(setting.bumps.scores))[:, None]
    return taught + setting.push * hits.by_class(setting.bumps.index, taught.shape[1])


def joined(setting: Setting, bound: float | None) -> list[Part]:
    """Return the maps up to ``T + kappa sum y G``; with a bound, up to that plus B, for a ReLU to follow.

    Where the bumps are ready first their sums are carried, one channel for each class; where the teacher is ready
    first it is carried as relu(T + B), or as relu(T) and relu(-T) without a bound.
    """
    teacher, right = setting.teacher, setting.bumps.parts()
    last, votes = teacher.layers[-1], setting.push * setting.votes()
    shift = 0.0 if bound is None else bound
    bias, m = last.bias + shift, setting.bumps.count
    ends = int(np.count_nonzero(bias))
    if is_constant(teacher):
        return [*right, Part(sparse.csr_array(votes), bias, m + ends)]
    waiting = len(right) - setting.hidden
    if waiting == 0:
        row = sparse.hstack([last.weight, sparse.csr_array(votes)], format="csr")
        return [*beside(hidden_parts(teacher), right), Part(row, bias, int(last.weight.nnz) + m + ends)]
    if waiting < 0:
        sums, read = _sums(setting)
        row = sparse.hstack([last.weight, setting.push * read], format="csr")
        total = int(last.weight.nnz) + int(read.shape[1]) + ends
        return [*beside(hidden_parts(teacher), [*right, sums]), Part(row, bias, total)]
    k = setting.labels.outputs
    if bound is not None:
        tau = Part(last.weight, bias, int(last.weight.nnz) + ends)
        row = sparse.hstack([sparse.eye_array(k), sparse.csr_array(votes)], format="csr")
        return [*beside([*hidden_parts(teacher), tau], right), Part(row, np.zeros(k), k + m)]
    both = Part(sparse.vstack([last.weight, -last.weight], format="csr"), np.concatenate([bias, -bias]),
                2 * int(last.weight.nnz) + 2 * ends)
    eye = sparse.eye_array(k)
    row = sparse.hstack([eye, -eye, sparse.csr_array(votes)], format="csr")
    return [*beside([*hidden_parts(teacher), both], right), Part(row, np.zeros(k), 2 * k + m)]


def _sums(setting: Setting) -> tuple[Part, Array]:
    """Return the sums of bumps to carry, and how the outputs read them: two signs, or one for each class."""
    k = setting.labels.outputs
    if k > 1:
        return class_sums(setting.bumps.index, k), np.eye(k)
    return class_sums((setting.bumps.scores < 0).astype(np.int64), 2), np.array([[1.0, -1.0]])


