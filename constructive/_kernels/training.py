"""Adversarial training of a small ReLU network: one epoch of inner maximizations, gradients and Adam steps.

Layout: all weights and biases in one vector ``theta``, layer after layer, W (n_out, n_in) row-major before its
bias; ``sizes`` holds the widths, inputs first. A batch is feature-major: ``values`` (all units, batch) has the rows
of each layer after those of the layers before it, inputs first; ``slopes`` has the same shape. So every inner loop
runs along contiguous memory. Two rows times four terms at once save loads and stores: one row at a time took 1.3
times as long. No sum runs across points, except the gradient of the weights.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive._kernels.compile import kernel


@kernel
def _add_to_row(weight: Any, along: int, count: int, source: Any, target: Any, columns: int) -> None:
    """Add ``sum_k weight[k along] source[k]`` to the row target."""
    for k in range(count):
        factor, row = weight[k * along], source[k]
        for j in range(columns):
            target[j] += factor * row[j]


@kernel
def _add_to_pair(upper: Any, lower: Any, along: int, count: int, source: Any, first: Any, second: Any,
                 columns: int) -> None:
    """Add ``sum_k upper[k along] source[k]`` to first and the same with lower to second, four terms at a time."""
    whole = count - count % 4
    for k in range(0, whole, 4):
        a0, a1, a2, a3 = upper[k * along], upper[(k + 1) * along], upper[(k + 2) * along], upper[(k + 3) * along]
        b0, b1, b2, b3 = lower[k * along], lower[(k + 1) * along], lower[(k + 2) * along], lower[(k + 3) * along]
        r0, r1, r2, r3 = source[k], source[k + 1], source[k + 2], source[k + 3]
        for j in range(columns):
            w, x, y, z = r0[j], r1[j], r2[j], r3[j]
            first[j] += (a0 * w + a1 * x) + (a2 * y + a3 * z)
            second[j] += (b0 * w + b1 * x) + (b2 * y + b3 * z)
    if whole < count:
        _add_to_row(upper[whole * along:], along, count - whole, source[whole:], first, columns)
        _add_to_row(lower[whole * along:], along, count - whole, source[whole:], second, columns)


@kernel
def add_product(weight: Any, across: int, along: int, rows: int, count: int, source: Any, target: Any,
                columns: int) -> None:
    """Add ``sum_k weight[u across + k along] source[k]`` to target[u], for u < rows, k < count."""
    even = rows - rows % 2
    for u in range(0, even, 2):
        _add_to_pair(weight[u * across:], weight[(u + 1) * across:], along, count, source, target[u], target[u + 1],
                     columns)
    if even < rows:
        _add_to_row(weight[even * across:], along, count, source, target[even], columns)


@kernel
def forward(theta: Any, sizes: Any, values: Any, columns: int) -> None:
    """Write what all units and the scores say, from the inputs in the first rows of values."""
    at, start = 0, 0
    for layer in range(sizes.size - 1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        source, target = values[start:], values[start + n_in:]
        bias = theta[at + n_in * n_out:]
        for u in range(n_out):
            target[u, :columns] = bias[u]
        add_product(theta[at:], n_in, 1, n_out, n_in, source, target, columns)
        if layer < sizes.size - 2:
            for u in range(n_out):
                row = target[u]
                for j in range(columns):
                    row[j] = max(row[j], 0.0)
        at += n_out * (n_in + 1)
        start += n_in


@kernel
def backward(theta: Any, sizes: Any, values: Any, slopes: Any, columns: int, lowest: int) -> None:
    """Write the slopes of all layers down to ``lowest`` (0: the inputs) from those of the scores."""
    at, start = theta.size, values.shape[0] - sizes[sizes.size - 1]
    for layer in range(sizes.size - 2, lowest - 1, -1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        at -= n_out * (n_in + 1)
        source, target, active = slopes[start:], slopes[start - n_in:], values[start - n_in:]
        for v in range(n_in):
            target[v, :columns] = 0.0
        add_product(theta[at:], 1, n_in, n_in, n_out, source, target, columns)
        if layer > 0:
            for v in range(n_in):
                row, value = target[v], active[v]
                for j in range(columns):
                    if value[j] <= 0.0:
                        row[j] = 0.0
        start -= n_in


@kernel
def gradient(sizes: Any, values: Any, slopes: Any, turned: Any, columns: int, out: Any) -> None:
    """Write the mean over the batch of the slopes of all weights and biases; ``turned`` (batch, width) is room."""
    at, start = 0, 0
    for layer in range(sizes.size - 1):
        n_in, n_out = sizes[layer], sizes[layer + 1]
        for v in range(n_in):
            for j in range(columns):
                turned[j, v] = values[start + v, j]
        start += n_in
        weight = out[at:at + n_in * n_out].reshape((n_out, n_in))
        weight[:] = 0.0
        for u in range(n_out):
            total = 0.0
            for j in range(columns):
                total += slopes[start + u, j]
            out[at + n_in * n_out + u] = total
        # a sum over the batch, laid out so that it runs along the inputs
        batch = slopes.shape[1]
        add_product(slopes[start:start + n_out].reshape(n_out * batch), batch, 1, n_out, columns, turned, weight, n_in)
        at += n_out * (n_in + 1)
    for k in range(at):
        out[k] /= columns


@kernel
def loss_slopes(scores: Any, labels: Any, slopes: Any, columns: int) -> float:
    """Write the slopes of the cross-entropy of every column; return the sum of the cross-entropies.

    One score: the logistic loss of the sign, label 1 for +, 0 for -. Several: softmax, label = class number.
    """
    total = 0.0
    for j in range(columns):
        own = labels[j]
        if scores.shape[0] == 1:
            sign = 2.0 * own - 1.0
            margin = sign * scores[0, j]
            small = math.exp(-abs(margin))
            total += math.log1p(small) + max(-margin, 0.0)
            slopes[0, j] = -sign * (small if margin > 0.0 else 1.0) / (1.0 + small)
            continue
        top = scores[0, j]
        for u in range(1, scores.shape[0]):
            top = max(top, scores[u, j])
        mass = 0.0
        for u in range(scores.shape[0]):
            slopes[u, j] = math.exp(scores[u, j] - top)
            mass += slopes[u, j]
        for u in range(scores.shape[0]):
            slopes[u, j] /= mass
        slopes[own, j] -= 1.0
        total += math.log(mass) + (top - scores[own, j])
    return total


@kernel
def rival_slopes(scores: Any, labels: Any, slopes: Any, margins: Any, columns: int) -> None:
    """Write the slopes of log sum exp(other scores) - own score, and the margin: own less the best other score.

    That is the direction of the cross-entropy's slopes without the factor that vanishes where the right answer
    leads by far: an ascent along these slopes does not go blind there. One score: minus the sign.
    """
    for j in range(columns):
        own = labels[j]
        if scores.shape[0] == 1:
            sign = 2.0 * own - 1.0
            slopes[0, j], margins[j] = -sign, sign * scores[0, j]
            continue
        top = -np.inf
        for u in range(scores.shape[0]):
            if u != own:
                top = max(top, scores[u, j])
        margins[j] = scores[own, j] - top
        mass = 0.0
        for u in range(scores.shape[0]):
            slopes[u, j] = 0.0 if u == own else math.exp(scores[u, j] - top)
            mass += slopes[u, j]
        for u in range(scores.shape[0]):
            slopes[u, j] /= mass
        slopes[own, j] = -1.0


@kernel
def move_in_box(points: Any, slopes: Any, low: Any, high: Any, d: int, columns: int, step: float) -> None:
    """Move every coordinate by the step along the sign of its slope, then back into [low, high]."""
    for v in range(d):
        x, slope, below, above = points[v], slopes[v], low[v], high[v]
        for j in range(columns):
            shift = step if slope[j] > 0.0 else (-step if slope[j] < 0.0 else 0.0)
            x[j] = min(max(x[j] + shift, below[j]), above[j])


@kernel
def move_in_sphere(points: Any, slopes: Any, centers: Any, reach: Any, d: int, columns: int, step: float) -> None:
    """Move every point by the step along its slope, in length, then toward its center until within its reach."""
    for j in range(columns):
        total = 0.0
        for v in range(d):
            total += slopes[v, j] * slopes[v, j]
        scale = step / math.sqrt(total) if total > 0.0 else 0.0
        length = 0.0
        for v in range(d):
            points[v, j] += scale * slopes[v, j]
            length += (points[v, j] - centers[v, j]) ** 2
        length = math.sqrt(length)
        if length > reach[j]:
            for v in range(d):
                points[v, j] = centers[v, j] + (points[v, j] - centers[v, j]) * (reach[j] / length)


@kernel
def adam_step(theta: Any, slope: Any, moments: Any, time: int, rate: float, decay: float) -> None:
    """Move theta by one step of Adam, (0.9, 0.999), with the decay of the weights kept apart from the slopes."""
    first, second = moments[0], moments[1]
    early, late = 1.0 - 0.9**time, 1.0 - 0.999**time
    for k in range(theta.size):
        first[k] = 0.9 * first[k] + 0.1 * slope[k]
        second[k] = 0.999 * second[k] + 0.001 * (slope[k] * slope[k])
        theta[k] -= rate * (first[k] / early / (math.sqrt(second[k] / late) + 1e-8) + decay * theta[k])


@kernel
def train_epoch(theta: Any, sizes: Any, moments: Any, time: int, starts: Any, centers: Any, low: Any, high: Any,
                reach: Any, labels: Any, order: Any, batch: int, steps: int, step: float, euclidean: bool, rate: float,
                decay: float) -> Any:
    """Change theta and moments by one pass over the data; return (number of Adam steps so far, mean loss).

    starts, centers, low, high (n, d): where the ascents begin, and the balls; reach (n,) for l_2 balls. The loss of
    each batch is that at its attacked points, before its step.
    """
    n, d = starts.shape
    units, m = sizes.sum(), sizes[sizes.size - 1]
    values, slopes, turned = np.empty((units, batch)), np.empty((units, batch)), np.empty((batch, sizes.max()))
    middle, below, above = np.empty((d, batch)), np.empty((d, batch)), np.empty((d, batch))
    own, far, margins, slope = np.empty(batch, np.int64), np.empty(batch), np.empty(batch), np.empty(theta.size)
    total = 0.0
    for begin in range(0, n, batch):
        columns = min(batch, n - begin)
        for j in range(columns):
            i = order[begin + j]
            own[j], far[j] = labels[i], reach[i]
            for v in range(d):
                values[v, j], middle[v, j] = starts[i, v], centers[i, v]
                below[v, j], above[v, j] = low[i, v], high[i, v]
        for _ in range(steps):
            forward(theta, sizes, values, columns)
            rival_slopes(values[units - m:], own, slopes[units - m:], margins, columns)
            backward(theta, sizes, values, slopes, columns, 0)
            if euclidean:
                move_in_sphere(values, slopes, middle, far, d, columns, step)
            else:
                move_in_box(values, slopes, below, above, d, columns, step)
        forward(theta, sizes, values, columns)
        total += loss_slopes(values[units - m:], own, slopes[units - m:], columns)
        backward(theta, sizes, values, slopes, columns, 1)
        gradient(sizes, values, slopes, turned, columns, slope)
        time += 1
        adam_step(theta, slope, moments, time, rate, decay)
    return time, total / n


@kernel
def ascend(theta: Any, sizes: Any, starts: Any, centers: Any, low: Any, high: Any, reach: Any, labels: Any, steps: int,
           step: float, euclidean: bool, begin: int, end: int, out: Any) -> None:
    """Write into rows begin..end of out (n, d) where an ascent from the start saw the smallest margin."""
    d, columns, units, m = starts.shape[1], end - begin, sizes.sum(), sizes[sizes.size - 1]
    values, slopes = np.empty((units, columns)), np.empty((units, columns))
    middle, below, above = centers[begin:end].T.copy(), low[begin:end].T.copy(), high[begin:end].T.copy()
    values[:d] = starts[begin:end].T
    margins, least = np.empty(columns), np.full(columns, np.inf)
    for turn in range(steps + 1):
        forward(theta, sizes, values, columns)
        rival_slopes(values[units - m:], labels[begin:end], slopes[units - m:], margins, columns)
        for j in range(columns):
            if margins[j] < least[j] or turn == 0:
                least[j] = margins[j]
                for v in range(d):
                    out[begin + j, v] = values[v, j]
        if turn < steps:
            backward(theta, sizes, values, slopes, columns, 0)
            if euclidean:
                move_in_sphere(values, slopes, middle, reach[begin:end], d, columns, step)
            else:
                move_in_box(values, slopes, below, above, d, columns, step)
