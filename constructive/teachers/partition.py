"""Local polynomials glued by hats: a smooth target as a ReLU network with a proved uniform error.

``T = sum over nodes k in {0..K}^d of prod_j hat(K x_j - k_j) q_k(x)`` with q_k a *modified* Taylor piece: degree
r - 2, coefficients damped by ``1 - |alpha| / (r - 1)``. It keeps the order r with fewer coefficients than the plain
Taylor piece of degree r - 1, since neighboring pieces correct each other.

Layout: in each coordinate the hats, and for order 3 the bubbles ``s (1 - s)`` of each cell, are shared; in the last
coordinate they are combined linearly for every choice of features in the others, so that coefficients cost one
nonzero each; then one product gate for each feature folds in one coordinate after the other. A gate with a factor
0 returns 0, so only the features that are alive at a point contribute gate error. All products of nodes by nodes
would need (K+1)^d gates; this needs about (3K)^(d-1) at most.
Source: arXiv:2401.13624 and arXiv:1610.01145 for the partition of unity; modified pieces and layout are ours.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive._checks import as_count, as_number
from constructive.evidence import Bracket
from constructive.network import Network
from constructive.targets import Target
from constructive.teachers.gates import Stack
from constructive.teachers.teacher import Teacher

Array = NDArray[np.float64]

_LARGEST = 5_000_000
_DAMPED = {1: 0.5, 2: 0.25, 3: 0.0625}
"""kappa_r c_r for orders 1, 2, 3: c_r = max_s (1-s) s^r + s (1-s)^r = 1/2, 1/4, 1/8; kappa_r = 1, 1, 1/2.

Proof that kappa_r = 1 / (r - 1), p = r - 1 >= 1. Read the hats at x as the law of a random node x - h with E h = 0 and
let g(t) = f(x - t h). The piece of the node is ``sum_{j < p} (1 - j/p) (-1)^j g^(j)(1) / j!``; expand each derivative
round t = 0 with integral remainder. The terms g^(j)(0), 2 <= j <= p, cancel, g'(0) has mean 0, and the remainder is
``int_0^1 k(t) g^(r)(t) dt`` with ``k(t) = (-1)^(p-1) (1 - t) t^(p-1) / p!``, whose absolute integral is 1 / (p r!).
Finally |g^(r)| <= F_r |h|_1^r, and E |h|_1^r <= c_r (d/K)^r by Minkowski's inequality over coordinates. In one
dimension it is attained: by x^2 / 2, and by |x - 1/2|^3 / 6 with K = 1. Order 1 apart: E |h|_1 <= d / (2K).
"""


@dataclass(frozen=True, slots=True, eq=False)
class PartitionError:
    """The stated uniform error: Taylor remainder, product and square gates, and stored coefficients."""

    taylor: float
    gates: float
    stored: float

    @property
    def total(self) -> float:
        """The sum, rounded upward."""
        return (self.taylor + self.gates + self.stored) * (1 + 2.0**-40)


def taylor_bound(target: Target, order: int, cells: int) -> float:
    """Return ``kappa_r c_r (d / K)^r F_r / r!``, the construction error of the exact glued polynomials."""
    rate = (target.dimension / cells) ** order * target.bound(order) / math.factorial(order)
    return _DAMPED[order] * rate * (1 + 2.0**-40)


def taylor_partition(target: Target, *, order: int, cells: int | None = None, tolerance: float | None = None,
                     levels: int | None = None) -> Teacher:
    """Return a teacher within a proved uniform distance of the target on the unit cube.

    ``order`` r in {1, 2, 3}; ``cells`` K >= 1 in each direction, or ``tolerance`` for the total error, from which K
    is chosen; ``levels`` m of the gates (default: gate error at most 1/20 of the Taylor error).
    Error: ``kappa_r c_r (d/K)^r F_r / r!`` plus gates: with delta = 4^-(m+1) and S the scale of the folded values,
    each fold adds at most 2 S delta (order 3: 4 S delta, and a factor 5/4 on what was there); stated in ``error``.
    Size: (K+1)^d coefficients (order 3: about (d + 1) K^d) plus gates of about 16 m nonzeros.
    Raises ValueError for a target off the unit cube, orders beyond 3, both or neither of cells and tolerance, or a
    size above 5 million nonzeros, which is named.
    """
    who = "taylor_partition"
    r = as_count(order, who, "order", at_least=1)
    if r > 3:
        raise ValueError(f"{who}: order={r} is not available in this version; choose 1, 2 or 3")
    if not isinstance(target, Target):
        raise TypeError(f"{who}: target must be a Target, got {type(target).__name__}; see constructive.targets")
    if (target.box.lower != 0).any() or (target.box.upper != 1).any():
        raise ValueError(f"{who}: target {target.name!r} must live on the unit cube; rescale it")
    if (cells is None) == (tolerance is None):
        raise ValueError(f"{who}: pass exactly one of cells and tolerance")
    k = as_count(cells, who, "cells", at_least=1) if cells is not None else _cells(target, r, tolerance, who)
    d = target.dimension
    features = k + 1 if r < 3 else 2 * k + 1
    rough = features**d + 100 * features ** (d - 1)
    if rough > _LARGEST:
        raise ValueError(f"{who}: cells={k} in dimension {d} needs about {rough:,} nonzeros, more than "
                         f"{_LARGEST:,}; use fewer cells, a larger tolerance or a lower order")
    table = coefficient_table(target, r, k)
    goal = taylor_bound(target, r, k)
    m = as_count(levels, who, "levels", at_least=1) if levels is not None else _levels(table, goal, r, d)
    stack, scale = _assemble(table, r, k, d, m)
    error = PartitionError(goal, gate_error(table, r, d, m), _stored(target, r, k, scale))
    if tolerance is not None and error.total > float(tolerance):
        raise ValueError(f"{who}: tolerance={tolerance!r} cannot be met, the proved error is {error.total:.4g} "
                         f"(gates {error.gates:.2g}, stored numbers {error.stored:.2g}); raise levels or tolerance")
    return Teacher(
        network=Network(stack.layers()), nonzeros=stack.nonzeros, target=target,
        statement=f"modified Taylor pieces of order {r} on {k}^{d} cells, gates of depth {m}: "
                  f"error <= {error.total:.4g} = Taylor {error.taylor:.4g} + gates {error.gates:.4g} + stored",
        error=Bracket(0.0, error.total), evaluate=lambda X: _evaluate(table, r, k, X)[:, None],
    )


def _cells(target: Target, r: int, tolerance: float | None, who: str) -> int:
    goal = as_number(tolerance, who, "tolerance", above=0.0)
    unit = taylor_bound(target, r, 1)
    # beyond this ratio the size is refused anyway
    return max(1, math.ceil(min(unit / goal * 1.1, 1e30) ** (1 / r)))


def _levels(table: Array, goal: float, r: int, d: int) -> int:
    """Return the least depth whose gate error is at most a twentieth of the Taylor error (at most 24)."""
    m = 1
    while m < 24 and gate_error(table, r, d, m) > max(goal / 20, 1e-13):
        m += 1
    return m


def _stored(target: Target, r: int, k: int, scale: float) -> float:
    """Return a bound on what the stored numbers change: computed coefficients, nodes k/K rounded to doubles.

    Hats sum to 1, so errors of values count once. A slope is off by ``rounding F_1 + u d F_2`` and 2 u F_1 more from
    its division by 2 K, which bubbles, together at most 1/4 for two slopes, turn into half of it for each coordinate.
    The weights made of the coefficients are exact: scales are powers of two. The last term is for the evaluation.
    """
    d, unit = target.dimension, 2.0**-53
    error = target.rounding + unit * target.lipschitz
    if r == 3:
        slope = target.rounding * target.bound(1) + unit * (d * target.bound(2) + 4 * target.bound(1))
        error += d * slope / (4 * k)
    return error + 64 * (d + 2) * scale * unit


def coefficient_table(target: Target, r: int, k: int) -> Array:
    """Return coefficients over features of each coordinate, shape (features,) * d.

    Features 0..K are the hats; for order 3, K+1..2K are the bubbles b_i(s) = s (1 - s) of cell i, and the slope
    feature hat(u) u of node k is b_k - b_{k-1}. Damped slopes: D_j f / (2 K).
    """
    d = target.dimension
    nodes = np.stack(np.meshgrid(*[np.arange(k + 1) / k] * d, indexing="ij"), axis=-1).reshape(-1, d)
    shape = (k + 1,) * d
    values = target.values(nodes).reshape(shape)
    if r < 3:
        return values
    table = np.zeros((2 * k + 1,) * d)
    hats = (slice(0, k + 1),) * d
    table[hats] = values
    for j in range(d):
        alpha = tuple(int(i == j) for i in range(d))
        slopes = target.derivative(alpha, nodes).reshape(shape) / (2 * k)
        place = list(hats)
        place[j] = slice(k + 1, 2 * k + 1)
        table[tuple(place)] = -np.diff(slopes, axis=j)  # bubble i gets slope_i - slope_{i+1}
    return table


def _scale(table: Array) -> float:
    """Return a power of two >= every combination of the last coordinate's features (hats sum to 1, bubble <= 1/4)."""
    largest = float(np.abs(table).max()) * 1.25
    return 2.0 ** math.ceil(math.log2(largest)) if largest > 0 else 1.0


def gate_error(table: Array, r: int, d: int, m: int) -> float:
    """Return the proved bound on the gates' contribution; see :func:`taylor_partition`."""
    delta = 4.0 ** -(m + 1)
    scale = _scale(table)
    error = scale * delta if r == 3 else 0.0  # the last coordinate's bubble is off by at most delta
    for _ in range(d - 1):
        error = error + 2 * scale * delta + (2 * scale * delta + error / 4 if r == 3 else 0.0)
        scale *= 2
    return error * (1 + 2.0**-40)


def _assemble(table: Array, r: int, k: int, d: int, m: int) -> tuple[Stack, float]:
    """Return the layers and the final scale."""
    stack = Stack.ramps(d, k)
    stack.features(r == 3, k, d, m)
    n = table.shape[0]
    scale = _scale(table)
    rows = table.reshape(-1, n) / scale
    if d == 1:
        stack.read_out(sparse.csr_array(rows * scale), np.zeros(1))
        return stack, scale
    stack.combine(rows, n, d)
    for left in range(d - 1, 0, -1):  # fold coordinate number left - 1 into the values
        stack.fold(n, left, m, last=left == 1, scale=scale)
        scale *= 2
    return stack, scale


def _evaluate(table: Array, r: int, k: int, X: Array) -> Array:
    """Return the exact glued polynomials at X (n, d), no gates: the values that the network approximates."""
    n, d = X.shape
    weights, indices = [], []
    for j in range(d):
        t = X[:, j] * k
        cell = np.clip(np.floor(t), 0, k - 1).astype(int)
        s = t - cell
        hats = np.maximum(np.stack([1 - np.abs(s), 1 - np.abs(s - 1)], axis=1), 0.0)
        w, i = [hats], [np.stack([cell, cell + 1], axis=1)]
        if r == 3:
            p = np.clip(s, 0.0, 1.0)
            w.append((p * (1 - p))[:, None])
            i.append((k + 1 + cell)[:, None])
        weights.append(np.concatenate(w, axis=1))
        indices.append(np.concatenate(i, axis=1))
    total = np.zeros(n)
    for choice in itertools.product(*[range(w.shape[1]) for w in weights]):
        factor = np.prod([w[:, c] for w, c in zip(weights, choice, strict=True)], axis=0)
        total += factor * table[tuple(i[:, c] for i, c in zip(indices, choice, strict=True))]
    return total
