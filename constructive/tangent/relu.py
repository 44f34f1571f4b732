"""Covariance and tangent kernel of infinitely wide ReLU networks, with exact diagonals and input gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive._kernels import in_blocks
from constructive.tangent.inputs import bounded, named, stretches, two_sets, weights_of
from constructive.tangent.matrices import UNIT

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Name = Literal["ntk", "nngp"]
Pairs = tuple[Indices, Indices, Array, Array]
_NONE = np.zeros((0, 1))
ROUNDING = 16.0
"""Parts of a difference at right angles smaller than this many units of its last place are rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class ReluKernel:
    """Kernels of an infinitely wide ReLU network with ``depth`` affine maps, in the tangent parameterization.

    First layer z = weight_std / sqrt(d) W x + bias_std b, later ones the same with the width of the layer below for d,
    all entries of W and b standard normal. ``nngp`` is the covariance of the output at initialization, ``ntk`` the
    kernel with which gradient descent moves it. Depth 1 gives weight_std^2 <x, x'> / d + bias_std^2 for both.

    Values are exact to a few roundings, also for close, equal, opposite and zero points: the diagonal has its own
    recursion, and pairs with 1 - |cosine| < 1e-4 are computed from their difference. Points of size beyond 1e150
    overflow and are refused; without bias those below 1e-150 count as 0. Kernels are formed in place of the inner
    products; ``chunk`` limits the numbers held at once besides, and by ``input_gradient``.

    >>> ReluKernel(depth=2).ntk([[1.0, 0.0]], [[0.0, 1.0]])
    array([[0.31830989]])
    """

    depth: int
    weight_std: float = math.sqrt(2.0)
    bias_std: float = 0.0
    chunk: int = 1 << 22

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", as_count(self.depth, "ReluKernel", "depth", at_least=1, at_most=1000))
        object.__setattr__(self, "weight_std", as_number(self.weight_std, "ReluKernel", "weight_std", above=0.0))
        object.__setattr__(self, "bias_std", as_number(self.bias_std, "ReluKernel", "bias_std", at_least=0.0))
        as_count(self.chunk, "ReluKernel", "chunk", at_least=1)

    def squared_gradient(self, X: ArrayLike) -> Array:
        """Return E|grad_x f|^2 at initialization for each row of X (n, d): weight_std^(2 depth) / 2^(depth - 1).

        The same for all x: E[d_a f d_b f] is that number / d for a = b and 0 else. At x = 0 this needs bias_std > 0;
        without bias the gradient there is none, and the number is what it is nearby.
        """
        points = as_points(X, "ReluKernel.squared_gradient")
        return np.full(points.shape[0], float(self.weight_std ** (2 * self.depth) / 2.0 ** (self.depth - 1)))

    def ntk(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Return the tangent kernel (n, m) between rows of X (n, d) and Z (m, d); of X with itself without Z."""
        return self._matrices(X, Z, "ntk")[1]

    def nngp(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Return the covariance (n, m) of the outputs at rows of X and Z; of X with itself without Z."""
        return self._matrices(X, Z, "nngp")[0]

    def both(self, X: ArrayLike, Z: ArrayLike | None = None) -> tuple[Array, Array]:
        """Return (nngp, ntk), computed together."""
        return self._matrices(X, Z, "both")

    def diagonal(self, X: ArrayLike) -> tuple[Array, Array]:
        """Return (nngp, ntk) of each row of X (n, d) with itself, (n,) each, by a recursion without angles."""
        who = "ReluKernel.diagonal"
        return self._diagonal(self._variances(two_sets(X, None, who)[0], who))

    def distances(self, X: ArrayLike, Z: ArrayLike) -> tuple[Array, Array]:
        """Return the squared distances k(x, x) + k(z, z) - 2 k(x, z), (n, m) each, of nngp and ntk.

        Formed from differences of points, so that nothing cancels: full relative precision for close pairs.
        """
        points, others = two_sets(X, Z, "ReluKernel.distances")
        for part in (points, others):
            self._variances(part, "ReluKernel.distances")
        nngp, ntk = np.empty((2, points.shape[0], others.shape[0]))
        i, j = np.divmod(np.arange(nngp.size), others.shape[0])
        for rows, columns, found, _ in self._pairs(points, others, i, j):
            nngp[rows, columns], ntk[rows, columns] = found[:, 2], found[:, 3]
        return nngp, ntk

    def input_gradient(self, X: ArrayLike, Z: ArrayLike, weights: ArrayLike, *, of: Name = "ntk") -> Array:
        """Return sum_j weights_ij grad_x k(x_i, z_j), shape (n, d); weights (n, m), k the kernel named by ``of``.

        Where x_i = z_j the tangent kernel has a cone (depth >= 2): the mean of its one-sided slopes is returned, half
        the gradient of k(x, x). At the zero input with bias_std = 0 terms that have no slope are left out.
        Raises ValueError for wrong shapes.
        """
        who = "ReluKernel.input_gradient"
        points, others = two_sets(X, Z, who)
        n, m = points.shape[0], others.shape[0]
        moves, tangent = weights_of(weights, n, m, who), named(of, who)
        from constructive._kernels.tangent import relu_slopes

        gain, shift, factor = self.weight_std**2, self.bias_std**2, self.weight_std**2 / points.shape[1]
        rows, columns = self._tables(points, who), self._tables(others, who)
        gradient = np.empty_like(points)
        for a, b in stretches(n, m, self.chunk):
            products = points[a:b] @ others.T
            sums, near = np.empty(b - a), np.zeros(b - a, np.int64)

            def work(start: int, stop: int, a: int = a, products: Array = products, sums: Array = sums,
                     near: Indices = near) -> None:
                relu_slopes(products[start:stop], moves[a + start:a + stop],
                            tuple(table[:, a + start:a + stop] for table in rows), columns, factor, gain, shift,
                            tangent, sums[start:stop], near[start:stop])

            in_blocks(b - a, self._block(m), work)
            i, j = _left_out(products, near)
            products[i, j] = 0.0
            gradient[a:b] = factor * (products @ others + 2.0 * sums[:, None] * points[a:b])
            for k, c, found, residual in self._pairs(points[a:b], others, i, j):
                across, along = factor * moves[a + k, c] * (found[:, 6:8] if tangent else found[:, 4:6]).T
                np.add.at(gradient, a + k, across[:, None] * residual + along[:, None] * points[a + k])
        return gradient

    # -- one pass --------------------------------------------------------------------------------------------------

    def _matrices(self, X: ArrayLike, Z: ArrayLike | None, which: str) -> tuple[Array, Array]:
        """Return (nngp, ntk); the one not asked for has no rows. One of them holds the inner products at first."""
        from constructive._kernels.tangent import mirror, relu_pass

        who = f"ReluKernel.{which}"
        points, others = two_sets(X, Z, who)
        n, m, symmetric = points.shape[0], others.shape[0], Z is None
        gain, shift, factor = self.weight_std**2, self.bias_std**2, self.weight_std**2 / points.shape[1]
        rows = self._tables(points, who)
        columns = rows if symmetric else self._tables(others, who)
        products = points @ others.T  # without Z half the work in BLAS
        nngp = _NONE if which == "ntk" else products
        ntk = _NONE if which == "nngp" else np.empty((n, m)) if which == "both" else products
        # a symmetric call passes over the upper triangle and copies it, so that it is symmetric bit for bit
        begins = np.arange(1, n + 1) if symmetric else np.zeros(n, np.int64)
        near = np.zeros(n, np.int64)

        def work(a: int, b: int) -> None:
            relu_pass(products[a:b], nngp[a:b], ntk[a:b], begins[a:b], tuple(table[:, a:b] for table in rows), columns,
                      factor, gain, shift, near[a:b])

        in_blocks(n, self._block(m), work)
        i, j = _left_out(products, near)
        for r, c, found, _ in self._pairs(points, others, i, j):
            for k, target in enumerate((nngp, ntk)):
                if target.shape[0]:
                    target[r, c] = found[:, k]
        if symmetric:
            for target, values in zip((nngp, ntk), self._diagonal(self._variances(points, who)), strict=True):
                if target.shape[0]:
                    in_blocks(n, self._block(m), partial(mirror, target))
                    np.fill_diagonal(target, values)
        return nngp, ntk

    def _variances(self, points: Array, who: str) -> Array:
        """Return p_1, ..., p_depth (depth, n): the variance of each layer's preactivations."""
        with np.errstate(over="ignore"):
            table = [self._first(points)]
            for _ in range(self.depth - 1):
                table.append(self.weight_std**2 * table[-1] / 2.0 + self.bias_std**2)
        return bounded(np.array(table), self.weight_std, who)

    def _first(self, points: Array) -> Array:
        return np.asarray(self.weight_std**2 / points.shape[1] * np.einsum("ij,ij->i", points, points)
                          + self.bias_std**2)

    def _diagonal(self, variances: Array) -> tuple[Array, Array]:
        tangent = variances[0]
        for covariance in variances[1:]:
            tangent = covariance + self.weight_std**2 / 2.0 * tangent
        return variances[-1], tangent

    def _tables(self, points: Array, who: str) -> tuple[Array, Array]:
        """Return roots and inverse roots of the variances before each nonlinearity, (depth - 1, n + PAD); 0 of 0."""
        from constructive._kernels.tangent import PAD

        variances = self._variances(points, who)
        roots = np.zeros((self.depth - 1, points.shape[0] + PAD))
        np.sqrt(variances[:-1], out=roots[:, :-PAD])
        return roots, np.divide(1.0, roots, out=np.zeros_like(roots), where=roots > 0.0)

    def _pairs(self, points: Array, others: Array, i: Indices, j: Indices) -> Iterator[Pairs]:
        """Yield (i, j, (k, 8) numbers of these pairs, see the kernel, residuals r (k, d)) for stretches of pairs."""
        from constructive._kernels.tangent import relu_near

        step = max(1, self.chunk // (8 * points.shape[1] + 16))
        for a in range(0, i.size, step):
            rows, columns = i[a:a + step], j[a:a + step]
            first, residual = self._compared(points[rows], others[columns])
            out = np.empty_like(first)
            relu_near(first, self.depth, self.weight_std**2, self.bias_std**2, out)
            yield rows, columns, out, residual

    def _compared(self, x: Array, z: Array) -> tuple[Array, Array]:
        """Return the first layer of rows of x and z paired one by one, (k, 8) as the kernel wants it, and residuals."""
        shift, factor = self.bias_std**2, self.weight_std**2 / x.shape[1]
        square, other, dot = (np.einsum("ij,ij->i", u, v) for u, v in ((x, x), (z, z), (x, z)))
        # z = (side + turn) x + residual; the gap is small for close points and for close to opposite ones
        side = np.where(np.maximum(square, other) > 4.0 * np.minimum(square, other), 0.0, np.sign(dot))
        gap, straight = z - side[:, None] * x, z - x
        turn = -side
        np.divide(np.einsum("ij,ij->i", x, gap), square, out=turn, where=square > 0.0)
        residual = gap - turn[:, None] * x
        again = np.einsum("ij,ij->i", x, residual)
        residual -= np.divide(again, square, out=np.zeros_like(again), where=square > 0.0)[:, None] * x
        # a residual that is rounding has no direction: left in, it would be taken for a point beside the ray
        far = np.einsum("ij,ij->i", residual, residual) > (ROUNDING * UNIT) ** 2 * np.einsum("ij,ij->i", gap, gap)
        residual = np.where(far[:, None], residual, 0.0)
        apart = factor * np.einsum("ij,ij->i", straight, straight)
        across = np.sqrt(factor * square) * np.sqrt(factor * np.einsum("ij,ij->i", residual, residual))
        height = np.hypot(across, np.sqrt(shift) * np.sqrt(apart))  # p q - s^2 = that without bias + bias * apart
        lead = -factor * np.einsum("ij,ij->i", straight, x + z)
        return np.stack([factor * dot + shift, factor * square + shift, factor * other + shift, height, apart, lead,
                         side + turn, (side - 1.0) + turn], axis=1), residual

    @staticmethod
    def _block(m: int) -> int:
        return max(1, (1 << 16) // m)  # small calls stay in one thread: starting others costs more than it saves


def _left_out(matrix: Array, near: Indices) -> tuple[Indices, Indices]:
    """Return the entries that a pass left NaN; near counts them in each row."""
    rows = np.flatnonzero(near)
    found = [np.zeros((0, 2), np.int64)]
    for a, b in stretches(rows.size, matrix.shape[1], 1 << 16):
        i, j = np.nonzero(np.isnan(matrix[rows[a:b]]))
        found.append(np.stack([rows[a + i], j], axis=1))
    both = np.concatenate(found)
    return both[:, 0], both[:, 1]
