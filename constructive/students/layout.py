"""The clip gate, layer by layer: bumps and teacher become one chain of weights.

Data flow: boxes -> faces -> bumps -> aggregates (two envelopes, or one mass for each class) beside the
teacher's layers -> the gate ``min(max(teacher, lower envelope), upper envelope)`` -> output. Every number on
a memorized box is a sum of at most two nonzero terms, or of terms on one grid, so the label comes out bit for
bit in any order of summation. The same pieces carry their size as formulas of the instance (:class:`Part`),
never counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.labels import Labels
from constructive.network import Layer, Network
from constructive.students.boxes import Bumps, vanishing

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One affine map with its size by formula: ``nonzeros`` weights and biases that are not zero."""

    weight: Any
    bias: Array
    nonzeros: int

    @property
    def units(self) -> int:
        """Number of outputs."""
        return int(self.bias.size)


def carried(units: int) -> Part:
    """Return the map that passes nonnegative units on, one nonzero each."""
    return Part(sparse.eye_array(units), np.zeros(units), units)


def faces(bumps: Bumps) -> Part:
    """Return the first layer: relu(lower - x) for every coordinate of every box, then relu(x - upper).

    Nonzeros: 4 d m, less one for every threshold that is exactly 0.
    """
    m, d = bumps.lower.shape
    eye = sparse.kron(np.ones((m, 1)), sparse.eye_array(d))
    bias = np.concatenate([bumps.lower.ravel(), -bumps.upper.ravel()])
    zeros = int((bumps.lower == 0).sum() + (bumps.upper == 0).sum())
    return Part(sparse.vstack([-eye, eye]), bias, 4 * d * m - zeros)


def ramps(bumps: Bumps) -> Part:
    """Return the second layer: bump = relu(1 - sum of its faces / ramp). Nonzeros: m (2 d + 1)."""
    m, d = bumps.lower.shape
    half = sparse.kron(sparse.eye_array(m), np.full((1, d), -1.0 / bumps.ramp))
    return Part(sparse.hstack([half, half]), np.ones(m), m * (2 * d + 1))


def envelopes(scores: Array, bound: float) -> Part:
    """Return relu(2B - sum (B + y) G) and relu(2B - sum (B - y) G).

    These are B minus the lower and B plus the upper envelope; the ReLU clamps overlapping equal signs for
    free. Nonzeros: #{y != -B} + #{y != B} + 2.
    """
    weight = np.stack([-(bound + scores), -(bound - scores)])
    count = int((scores != -bound).sum() + (scores != bound).sum()) + 2
    return Part(weight, np.full(2, 2 * bound), count)


def clamped_values(scores: Array) -> tuple[Part, Part, Array]:
    """Return two maps that turn bumps into min(1, sum of bumps) for each distinct value, and the values.

    Needed where boxes with one real label overlap. Nonzeros: m + v, then 2 v, for v distinct values.
    """
    values, group = np.unique(scores, return_inverse=True)
    m, v = scores.size, values.size
    sums = sparse.csr_array((-np.ones(m), (group.reshape(-1), np.arange(m))), shape=(v, m))
    return Part(sums, np.ones(v), m + v), Part(-sparse.eye_array(v), np.ones(v), 2 * v), values


def class_masses(index: NDArray[np.int64], classes: int) -> Part:
    """Return relu(sum of the bumps of each class). Nonzeros: m."""
    m = index.size
    sums = sparse.csr_array((np.ones(m), (index, np.arange(m))), shape=(classes, m))
    return Part(sums, np.zeros(classes), m)


def teacher_parts(teacher: Network, bound: float) -> list[Part]:
    """Return the teacher's hidden layers, then relu(T + B).

    Nonzeros of the last: the output row's weights, and its biases after adding B.
    """
    parts = [Part(layer.weight, layer.bias, layer.nonzeros) for layer in teacher.layers[:-1]]
    last = teacher.layers[-1]
    bias = last.bias + bound
    return [*parts, Part(last.weight, bias, int(last.weight.nnz) + int(np.count_nonzero(bias)))]


def needs_clamp(bumps: Bumps, labels: Labels) -> bool:
    """Whether equal real labels have boxes closer than a ramp, so that their bumps may add up beyond 1."""
    return labels.classes is None and bumps.gap_all < bumps.ramp * vanishing(bumps.lower.shape[1])


def clip_parts(bumps: Bumps, labels: Labels, teacher: Network, bound: float) -> list[Part]:
    """Return all maps of the clip student, first layer first, each with its formula.

    One output: hidden layers max(2, t) + 3 for a teacher of t hidden layers (two more where equal real labels
    overlap); K outputs: max(3, t + 2) + 2.
    """
    several = labels.outputs > 1
    gate = class_gate(labels.outputs, bound) if several else envelope_gate(bound)
    left = teacher_parts(teacher, bound)
    if several:  # relu(2B - relu(T + B)): the clamped teacher, upside down
        k = labels.outputs
        left.append(Part(-sparse.eye_array(k), np.full(k, 2 * bound), 2 * k))
        right = [faces(bumps), ramps(bumps), class_masses(bumps.index, k)]
    elif needs_clamp(bumps, labels):
        sums, clamps, values = clamped_values(bumps.scores)
        right = [faces(bumps), ramps(bumps), sums, clamps, envelopes(values, bound)]
    else:
        right = [faces(bumps), ramps(bumps), envelopes(bumps.scores, bound)]
    return [*beside(left, right), *gate]


def beside(left: list[Part], right: list[Part]) -> list[Part]:
    """Return two branches of nonnegative units run next to each other, the shorter one carried to the end."""
    length = max(len(left), len(right))
    columns = []
    for branch in (left, right):
        columns.append([*branch, *[carried(branch[-1].units)] * (length - len(branch))])
    joined = []
    for k, (a, b) in enumerate(zip(*columns, strict=True)):
        weights = [sparse.csr_array(np.atleast_2d(p.weight) if isinstance(p.weight, np.ndarray) else p.weight)
                   for p in (a, b)]
        weight = sparse.vstack(weights) if k == 0 else sparse.block_diag(weights)
        joined.append(Part(weight, np.concatenate([a.bias, b.bias]), a.nonzeros + b.nonzeros))
    return joined


def envelope_gate(bound: float) -> list[Part]:
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


def class_gate(k: int, bound: float) -> list[Part]:
    """Return the gate on (v_1..v_K, A_1..A_K), v = 2B - relu(T + B) clamped, A the class masses.

    s_c = relu(2B - v_c + 4B A_c - 4B sum of the others), output B - relu(2B - s_c): +B for the class of a
    box, -B for the others. Nonzeros: K (K + 2), 2 K, 2 K.
    """
    kappa = 4 * bound
    masses = kappa * (2 * np.eye(k) - np.ones((k, k)))
    return [
        Part(np.hstack([-np.eye(k), masses]), np.full(k, 2 * bound), k * (k + 2)),
        Part(-np.eye(k), np.full(k, 2 * bound), 2 * k),
        Part(-np.eye(k), np.full(k, bound), 2 * k),
    ]


def network_of(parts: list[Part]) -> Network:
    """Return the network of the parts, ReLU after each but the last."""
    return Network(tuple(Layer.build(part.weight, part.bias) for part in parts))
