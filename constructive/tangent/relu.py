"""Covariance and tangent kernel of infinitely wide ReLU networks, with exact diagonals and input gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive._kernels import in_blocks
from constructive.tangent.inputs import named, stretches, two_sets, weights_of

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Name = Literal["ntk", "nngp"]
_NONE = np.zeros((0, 1))
MIRRORED = 256  # rows at once of a symmetric matrix


@dataclass(frozen=True, slots=True, eq=False)
class ReluKernel:
    """Kernels of an infinitely wide ReLU network with ``depth`` affine maps, in the tangent parameterization.

    First layer z = weight_std / sqrt(d) W x + bias_std b, later ones the same with the width of the layer below for d,
    all entries of W and b standard normal. ``nngp`` is the covariance of the output at initialization, ``ntk`` the
    kernel with which gradient descent moves it. Depth 1 gives weight_std^2 <x, x'> / d + bias_std^2 for both.

    Values are exact to a few roundings, also for close, equal, opposite and zero points: the diagonal has its own
    recursion, and pairs with 1 - cosine < 1e-4 are computed from their difference. Points of size beyond 1e150 overflow
    and are refused. ``chunk`` limits the numbers held at once besides the result.

    >>> ReluKernel(depth=2).ntk([[1.0, 0.0]], [[0.0, 1.0]])
    array([[0.15915494]])
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
        points = as_points(X, "ReluKernel.diagonal")
        return self._diagonal(self._variances(points)[0])

    def distances(self, X: ArrayLike, Z: ArrayLike) -> tuple[Array, Array]:
        """Return the squared distances k(x, x) + k(z, z) - 2 k(x, z), (n, m) each, of nngp and ntk.

        Formed from differences of points, so that nothing cancels: full relative precision for close pairs.
        """
        points, others = two_sets(X, Z, "ReluKernel.distances")
        shape = (points.shape[0], others.shape[0])
        i, j = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
        found = self._pairs(points, others, i, j)
        return found[:, 2].reshape(shape), found[:, 3].reshape(shape)

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
        rows, columns = self._tables(points), self._tables(others)
        gradient = np.empty_like(points)
        for a, b in stretches(n, m, self.chunk):
            covariance = self._first(points[a:b], others)
            sums, near = np.empty(b - a), np.zeros(b - a, np.int64)
            tables = [table[:, a:b] for table in rows]

            def work(start: int, stop: int, covariance: Array = covariance, tables: list[Array] = tables,
                     a: int = a, sums: Array = sums, near: Indices = near) -> None:
                relu_slopes(covariance[start:stop], moves[a + start:a + stop],
                            tuple(table[:, start:stop] for table in tables), columns, gain, shift, tangent,
                            sums[start:stop], near[start:stop])

            in_blocks(b - a, self._block(m), work)
            i, j = self._near(points[a:b], others, np.flatnonzero(near))
            if i.size:
                found = self._pairs(points[a:b], others, i, j)
                weight = moves[a + i, j]
                covariance[i, j] += weight * found[:, 4 if tangent else 6]
                np.add.at(sums, i, weight * found[:, 5 if tangent else 7])
            gradient[a:b] = factor * (covariance @ others + 2.0 * sums[:, None] * points[a:b])
        return gradient

    # -- one pass --------------------------------------------------------------------------------------------------

    def _matrices(self, X: ArrayLike, Z: ArrayLike | None, which: str) -> tuple[Array, Array]:
        """Return (nngp, ntk); the one not asked for has no rows."""
        from constructive._kernels.tangent import relu_pass

        who = f"ReluKernel.{which}"
        points, others = two_sets(X, Z, who)
        n, m, symmetric = points.shape[0], others.shape[0], Z is None
        gain, shift = self.weight_std**2, self.bias_std**2
        rows = self._tables(points)
        columns = rows if symmetric else self._tables(others)
        nngp = _NONE if which == "ntk" else np.empty((n, m))
        ntk = _NONE if which == "nngp" else np.empty((n, m))
        # the lower triangle is copied, so that a symmetric call does half the work and is symmetric bit for bit
        for a, b in stretches(n, m, self.chunk, MIRRORED if symmetric else None):
            left = a if symmetric else 0
            covariance = self._first(points[a:b], others[left:])
            tangent = _NONE if which == "nngp" else np.empty_like(covariance)
            near = np.zeros(b - a, np.int64)

            def work(start: int, stop: int, covariance: Array = covariance, tangent: Array = tangent, a: int = a,
                     left: int = left, near: Indices = near) -> None:
                relu_pass(covariance[start:stop], tangent[start:stop],
                          tuple(table[:, a + start:a + stop] for table in rows),
                          tuple(table[:, left:] for table in columns), gain, shift, near[start:stop])

            in_blocks(b - a, self._block(m - left), work)
            if symmetric:
                near -= rows[0][0, a:b] > 0.0 if self.depth > 1 else 0  # each row is near itself; the diagonal is below
            i, j = self._near(points[a:b], others[left:], np.flatnonzero(near))
            if i.size:
                found = self._pairs(points[a:b], others[left:], i, j)
                covariance[i, j] = found[:, 0]
                if tangent.shape[0]:
                    tangent[i, j] = found[:, 1]
            for target, part in ((nngp, covariance), (ntk, tangent)):
                if target.shape[0]:
                    target[a:b, left:] = part
                    if symmetric:
                        inner = target[a:b, a:b]
                        low = np.tril_indices(b - a, -1)
                        inner[low] = inner.T[low]
                        target[b:, a:b] = target[a:b, b:].T
        if symmetric:
            for target, values in zip((nngp, ntk), self._diagonal(self._variances(points)[0]), strict=True):
                if target.shape[0]:
                    np.fill_diagonal(target, values)
        return nngp, ntk

    def _variances(self, points: Array) -> Array:
        """Return p_1, ..., p_depth (depth, n): the variance of each layer's preactivations."""
        first = self.weight_std**2 * np.einsum("ij,ij->i", points, points) / points.shape[1] + self.bias_std**2
        table = [first]
        for _ in range(self.depth - 1):
            table.append(self.weight_std**2 * table[-1] / 2.0 + self.bias_std**2)
        return np.array(table)

    def _diagonal(self, first: Array) -> tuple[Array, Array]:
        covariance, tangent = first, first
        for _ in range(self.depth - 1):
            covariance = self.weight_std**2 * covariance / 2.0 + self.bias_std**2
            tangent = covariance + self.weight_std**2 / 2.0 * tangent
        return covariance, tangent

    def _tables(self, points: Array) -> tuple[Array, Array]:
        """Return roots and inverse roots of the variances before each nonlinearity, (depth - 1, n); 0 for 1 / 0."""
        roots = np.sqrt(self._variances(points)[:-1])
        return roots, np.divide(1.0, roots, out=np.zeros_like(roots), where=roots > 0.0)

    def _first(self, points: Array, others: Array) -> Array:
        covariance = points @ others.T
        covariance *= self.weight_std**2 / points.shape[1]
        covariance += self.bias_std**2
        return covariance

    def _near(self, points: Array, others: Array, rows: Indices) -> tuple[Indices, Indices]:
        """Return the pairs in these rows whose first-layer cosine is close to 1: the same test as in the pass."""
        from constructive._kernels.tangent import NEAR

        if not rows.size or self.depth == 1:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        # a wider net than the pass used: the product may round differently for fewer rows
        roots = np.sqrt(self._variances(points[rows])[0])[:, None] * np.sqrt(self._variances(others)[0])
        i, j = np.nonzero(self._first(points[rows], others) > (1.0 - 1.01 * NEAR) * roots)
        return rows[i], j

    def _pairs(self, points: Array, others: Array, i: Indices, j: Indices) -> Array:
        """Return (pairs, 8): see the kernel; formed from differences."""
        from constructive._kernels.tangent import relu_near

        out = np.empty((i.size, 8))
        gain, factor = self.weight_std**2, self.weight_std**2 / points.shape[1]
        p, q = self._variances(points)[0], self._variances(others)[0]
        step = max(1, self.chunk // (4 * points.shape[1]))
        for a in range(0, i.size, step):
            x, z = points[i[a:a + step]], others[j[a:a + step]]
            gap, total = x - z, x + z
            relu_near(factor * np.einsum("ij,ij->i", gap, gap), factor * np.einsum("ij,ij->i", gap, total),
                      p[i[a:a + step]], q[j[a:a + step]], self.depth, gain, self.bias_std**2, out[a:a + step])
        return out


    @staticmethod
    def _block(m: int) -> int:
        return max(1, (1 << 16) // m)  # small calls stay in one thread: starting others costs more than it saves
