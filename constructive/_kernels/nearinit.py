"""Adversarial training of the first layer of a two-layer ReLU network: ascent on caps, and the step of the weights.

Layout: ``gates`` (m, d + 1) holds a unit's weights and then its bias, points (k, d + 1) a point and then 1, so one
product forms preactivations ``u``, points in rows. What multiplies a unit's gate is written over them, and a second
product sums the slopes. Products go to BLAS for some units at a time (:func:`tile`): a tile is still in the cache when
it is read again, and products of that size stay in one thread; all units at once took two to four times as long at
m = 2^14. No sum runs across points except that of the step; values add up in four lanes of neighboring pairs, so that
equal neighbors of opposite sign cancel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

PRODUCT = 1 << 17


@kernel
def write_gates(weight: Any, sign: Any, theta: Any, share: float, gates: Any) -> None:
    """Write weight + sign * theta / share into the first columns of gates; share = m P."""
    for r in range(theta.shape[0]):
        for j in range(theta.shape[1]):
            gates[r, j] = weight[r, j] + sign[r] * theta[r, j] / share


@kernel
def add_up(room: Any, output: Any) -> float:
    """Return ``sum_r output[r] max(room[r], 0)``."""
    whole = output.size - output.size % 8
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for r in range(0, whole, 8):
        first += output[r] * max(room[r], 0.0) + output[r + 1] * max(room[r + 1], 0.0)
        second += output[r + 2] * max(room[r + 2], 0.0) + output[r + 3] * max(room[r + 3], 0.0)
        third += output[r + 4] * max(room[r + 4], 0.0) + output[r + 5] * max(room[r + 5], 0.0)
        fourth += output[r + 6] * max(room[r + 6], 0.0) + output[r + 7] * max(room[r + 7], 0.0)
    total = (first + second) + (third + fourth)
    for r in range(whole, output.size):
        total += output[r] * max(room[r], 0.0)
    return total


@kernel
def tile(k: int, columns: int, m: int) -> int:
    """Return how many units to take at once: BLAS does products of that size in one thread."""
    return min(m, max(32, PRODUCT // (k * columns)))


@kernel
def open_gates(gates: Any, points: Any, room: Any) -> None:
    """Write preactivations (k, m) of some units at points (k, d + 1) into room."""
    np.dot(points, gates.T, room)


@kernel
def look(gates: Any, output: Any, points: Any, smoothing: float, values: Any, sums: Any) -> None:
    """Write the network's values (k,) and its slopes in x at points (k, d + 1) into the first d columns of sums.

    With smoothing c > 0 the slopes have min(1, max(0, 1/2 + u / (2 c))) in place of 1{u >= 0}: they are those of the
    mean over a shift of u that is even on [-c, c]. The values are always those of the network itself.
    """
    k, m = points.shape[0], output.size
    values[:] = 0.0
    sums[:] = 0.0
    part, size = np.empty(sums.shape), tile(k, sums.shape[1], m)
    memory = np.empty(k * size)
    for begin in range(0, m, size):
        end = min(begin + size, m)
        room = memory[:k * (end - begin)].reshape((k, end - begin))
        factors = output[begin:end]
        open_gates(gates[begin:end], points, room)
        for i in range(k):
            row = room[i]
            values[i] += add_up(row, factors)
            if smoothing > 0.0:
                half = 0.5 / smoothing
                for r in range(factors.size):
                    row[r] = factors[r] * min(1.0, max(0.0, 0.5 + half * row[r]))
            else:
                for r in range(factors.size):
                    row[r] = factors[r] if row[r] >= 0.0 else 0.0
        np.dot(room, gates[begin:end], part)
        for i in range(k):
            for j in range(part.shape[1]):
                sums[i, j] += part[i, j]


@kernel
def move_on_cap(point: Any, slope: Any, center: Any, radius: float, angle: float, stride: float) -> None:
    """Move a unit point by the stride along its tangential slope, then back to the sphere and to the cap."""
    d = center.size
    along = 0.0
    for j in range(d):
        along += slope[j] * point[j]
    length = 0.0
    for j in range(d):
        slope[j] -= along * point[j]
        length += slope[j] * slope[j]
    factor = stride / math.sqrt(length) if length > 0.0 else 0.0
    size = 0.0
    for j in range(d):
        point[j] += factor * slope[j]
        size += point[j] * point[j]
    size = math.sqrt(size)
    chord, cosine = 0.0, 0.0
    for j in range(d):
        point[j] /= size
        chord += (point[j] - center[j]) ** 2
        cosine += point[j] * center[j]
    if chord <= radius * radius:
        return
    length = 0.0
    for j in range(d):
        slope[j] = point[j] - cosine * center[j]
        length += slope[j] * slope[j]
    factor = math.sin(angle) / math.sqrt(length)
    for j in range(d):
        point[j] = math.cos(angle) * center[j] + factor * slope[j]


@kernel
def ascend(gates: Any, output: Any, centers: Any, signs: Any, radius: float, strides: Any, smoothing: float,
           points: Any, values: Any) -> None:
    """Change points (k, d + 1) to where an ascent of sign * network met its largest value on the cap, with values.

    centers (k, d), signs (k,); one step of each length in strides.
    """
    k, d = centers.shape
    angle = 2.0 * math.asin(0.5 * radius)
    moved, found, sums = points.copy(), np.empty(k), np.empty(points.shape)
    for turn in range(strides.size + 1):
        look(gates, output, moved, smoothing, found, sums)
        for i in range(k):
            if turn == 0 or signs[i] * found[i] > signs[i] * values[i]:
                values[i] = found[i]
                points[i] = moved[i]
        if turn == strides.size:
            break
        for i in range(k):
            for j in range(d):
                sums[i, j] *= signs[i]
            move_on_cap(moved[i, :d], sums[i, :d], centers[i], radius, angle, strides[turn])


@kernel
def step_theta(gates: Any, points: Any, slopes: Any, rate: float, theta: Any) -> None:
    """Change theta_r by -rate / n sum_i slopes[i] 1{<gates_r, points_i> >= 0} x_i; points (n, d + 1)."""
    n, m, d = points.shape[0], theta.shape[0], theta.shape[1]
    pull = points[:, :d].copy()
    for i in range(n):
        for j in range(d):
            pull[i, j] *= rate * slopes[i] / n
    size = tile(n, d + 1, m)
    memory = np.empty(n * size)
    for begin in range(0, m, size):
        end = min(begin + size, m)
        room = memory[:n * (end - begin)].reshape((n, end - begin))
        open_gates(gates[begin:end], points, room)
        for i in range(n):
            row = room[i]
            for r in range(end - begin):
                row[r] = 1.0 if row[r] >= 0.0 else 0.0
        move = np.dot(room.T, pull)
        for r in range(end - begin):
            for j in range(d):
                theta[begin + r, j] -= move[r, j]
