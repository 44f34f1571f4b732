"""Layers of the partition teacher, stacked one on the other with their size by formula."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.network import Layer

Array = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Stack:
    """A network under construction: finished maps, each with its nonzeros by formula.

    Mutable on purpose: it lives only inside one call of the builder. After :meth:`features` the units are, for
    each coordinate, the hats and (order 3) the bubbles, all nonnegative.
    """

    maps: list[tuple[Any, Array]] = field(default_factory=list)
    nonzeros: int = 0
    readers: list[Any] = field(default_factory=list)  # per coordinate: features as combinations of current units

    def push(self, weight: Any, bias: Array, nonzeros: int) -> None:
        """Append one map."""
        self.maps.append((sparse.csr_array(weight), bias))
        self.nonzeros += nonzeros

    def layers(self) -> tuple[Layer, ...]:
        """Return the finished layers."""
        return tuple(Layer.build(weight, bias) for weight, bias in self.maps)

    @staticmethod
    def ramps(d: int, k: int) -> Stack:
        """Return a stack whose first layer is relu(K x_j - i), i = -1..K+1, for each coordinate.

        Nonzeros: d (K + 3) weights and d (K + 2) biases.
        """
        stack = Stack()
        weight = sparse.kron(sparse.eye_array(d), np.full((k + 3, 1), float(k)))
        stack.push(weight, -np.tile(np.arange(-1.0, k + 2), d), d * (k + 3) + d * (k + 2))
        return stack

    def features(self, bubbles: bool, k: int, d: int, m: int) -> None:
        """Push hats, and bubbles through m levels of the sawtooth.

        Nonzeros: hats 3 d (K + 1). Bubbles: 5 d K at level 1, then d (7 K + K + 1) for level 2 and
        d (8 K + K + 1) for each further level, hats being carried.
        """
        hat = sparse.diags_array([1.0, -2.0, 1.0], offsets=[0, 1, 2], shape=(k + 1, k + 3))
        if not bubbles:
            self.push(sparse.kron(sparse.eye_array(d), hat), np.zeros(d * (k + 1)), 3 * d * (k + 1))
            self.readers = [_pick(d * (k + 1), j * (k + 1), k + 1) for j in range(d)]
            return
        part = sparse.diags_array([1.0, -1.0], offsets=[1, 2], shape=(k, k + 3))  # s in cell i, clipped to [0, 1]
        first = sparse.vstack([hat, part, part])
        bias = np.concatenate([np.zeros(2 * k + 1), np.full(k, -0.5)])
        self.push(sparse.kron(sparse.eye_array(d), first), np.tile(bias, d), d * (3 * (k + 1) + 5 * k))
        one, hats = sparse.eye_array(k), sparse.eye_array(k + 1)
        for level in range(2, m + 1):
            scale = 4.0 ** -(level - 1)
            if level == 2:
                body = sparse.block_array([[2 * one, -4 * one], [2 * one, -4 * one],
                                           [2 * scale * one, -4 * scale * one]])
            else:
                body = sparse.block_array([[2 * one, -4 * one, None], [2 * one, -4 * one, None],
                                           [2 * scale * one, -4 * scale * one, one]])
            bias = np.concatenate([np.zeros(2 * k + 1), np.full(k, -0.5), np.zeros(k)])
            self.push(sparse.kron(sparse.eye_array(d), sparse.block_diag([hats, body])), np.tile(bias, d),
                      d * ((7 if level == 2 else 8) * k + k + 1))
        scale = 4.0**-m
        tail = [2 * scale * one, -4 * scale * one] + ([one] if m > 1 else [])
        read = sparse.block_diag([hats, sparse.hstack(tail)])
        width = read.shape[1]
        self.readers = [sparse.csr_array(read @ _pick(d * width, j * width, width)) for j in range(d)]

    def combine(self, rows: Array, n: int, d: int) -> None:
        """Push the last coordinate's combinations, shifted by 1 to be nonnegative, beside the other features.

        ``rows`` (n^(d-1), n) with combinations in [-1, 1].
        """
        values = sparse.csr_array(rows) @ self.readers[-1]
        kept = sparse.vstack(self.readers[:-1])
        weight = sparse.csr_array(sparse.vstack([kept, values]))
        bias = np.concatenate([np.zeros(kept.shape[0]), np.ones(rows.shape[0])])
        reads = int((self.readers[0] != 0).sum())
        # a combination reads each unit of a feature once: hats one unit, bubbles two or three
        per_feature = np.diff(sparse.csr_array(self.readers[-1]).indptr)
        nonzeros = (d - 1) * reads + int(((rows != 0) @ per_feature).sum()) + rows.shape[0]
        self.push(weight, bias, nonzeros)
        total = weight.shape[0]
        self.readers = [_pick(total, j * n, n) for j in range(d - 1)]

    def fold(self, n: int, left: int, m: int, *, last: bool, scale: float) -> None:
        """Push the products of the features of coordinate left - 1 with the n^left values behind them.

        P(u, g) = sq(|u + g| / 2) - sq(|u - g| / 2) for u in [0, 1], g in [-1, 1], then clip(P, -u, u): the same
        number in real arithmetic, but a gate with u = 0 returns 0 bit for bit, and bounds see it. Units before:
        the features of the coordinates 0..left-1, then g + 1. Nonzeros for each of G = n^left gates: 12 to open,
        10 for the first level, 14 for the second, 16 for each further one, 7 (5 if m = 1) and 2 to clip, 2 to
        close; carried features one each per layer.
        """
        gates, kept = n**left, left * n
        total = kept + gates
        own = sparse.kron(np.ones((n ** (left - 1), 1)), sparse.eye_array(n))  # gates read their feature
        u = own @ _pick(total, (left - 1) * n, n)
        g = _pick(total, kept, gates)
        weight = sparse.vstack([_pick(total, 0, kept), u + g, -u - g, u - g, g - u])
        sign = np.repeat([-1.0, 1.0, 1.0, -1.0], gates)
        self.push(weight, np.concatenate([np.zeros(kept), sign]), kept + 12 * gates)
        one = sparse.eye_array(2 * gates)
        half = sparse.kron(sparse.block_diag([[[0.5, 0.5]], [[0.5, 0.5]]]), sparse.eye_array(gates))
        self._carry_and(kept, sparse.vstack([half, half]),
                        np.concatenate([np.zeros(2 * gates), np.full(2 * gates, -0.5)]), 10 * gates)
        for level in range(2, m + 1):
            step = 4.0 ** -(level - 1)
            if level == 2:
                body = sparse.block_array([[2 * one, -4 * one], [2 * one, -4 * one],
                                           [(1 - 2 * step) * one, 4 * step * one]])
            else:
                body = sparse.block_array([[2 * one, -4 * one, None], [2 * one, -4 * one, None],
                                           [-2 * step * one, 4 * step * one, one]])
            bias = np.concatenate([np.zeros(2 * gates), np.full(2 * gates, -0.5), np.zeros(2 * gates)])
            self._carry_and(kept, body, bias, (14 if level == 2 else 16) * gates)
        step = 4.0**-m
        square = [(1 - 2 * step) * one, 4 * step * one] if m == 1 else [-2 * step * one, 4 * step * one, one]
        product = sparse.hstack([sparse.eye_array(gates), -sparse.eye_array(gates)]) @ sparse.hstack(square)
        feature = own @ _pick(kept, (left - 1) * n, n)
        keep = sparse.eye_array(kept)
        # q = relu(P + u), z = relu(2 u - q), and u - z is P clipped to [-u, u]
        self.push(sparse.block_array([[keep, None], [feature, product]]), np.zeros(kept + gates),
                  kept + (5 if m == 1 else 7) * gates)
        self.push(sparse.block_array([[keep, None], [2 * feature, -sparse.eye_array(gates)]]),
                  np.zeros(kept + gates), kept + 2 * gates)
        add = sparse.kron(sparse.eye_array(n ** (left - 1)), np.ones((1, n)))
        close = sparse.hstack([add @ feature, -add])
        if last:
            self.push(scale * close, np.zeros(1), 2 * gates)
            return
        # halve: sums of products are at most 5/4 of the scale, the next scale is twice as large
        rest = (left - 1) * n
        self.push(sparse.vstack([_pick(total, 0, rest), 0.5 * close]),
                  np.concatenate([np.zeros(rest), np.ones(n ** (left - 1))]),
                  rest + 2 * gates + n ** (left - 1))

    def read_out(self, rows: Any, bias: Array) -> None:
        """Push the output map of a one-dimensional teacher."""
        per_feature = np.diff(sparse.csr_array(self.readers[0]).indptr)
        nonzeros = int(((rows.toarray() != 0) @ per_feature).sum())
        self.push(rows @ self.readers[0], bias, nonzeros)

    def _carry_and(self, kept: int, body: Any, bias: Array, nonzeros: int) -> None:
        weight = sparse.block_diag([sparse.eye_array(kept), body]) if kept else body
        self.push(weight, np.concatenate([np.zeros(kept), bias]), kept + nonzeros)


def _pick(total: int, start: int, count: int) -> Any:
    """Return the map that picks ``count`` units from ``start`` on."""
    return sparse.csr_array(sparse.eye_array(count, total, k=start))
