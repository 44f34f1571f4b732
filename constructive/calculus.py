"""The algebra of networks: build big ones from small ones, exactly.

Every operation here is an identity between functions; on dyadic data (few enough bits) it holds bit for bit.
``f @ g``, ``f + g`` and ``c * f`` live on :class:`~constructive.network.Network` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from constructive.network import Network, side_by_side


def affine(weight: Any, bias: ArrayLike | None = None) -> Network:
    """Return ``x -> weight @ x + bias``, depth 1; weight (m, d), bias (m,) or None.

    >>> affine([[2.0, -1.0]], [0.5])([1.0, 1.0]).tolist()
    [1.5]
    """
    return Network.build([(weight, bias)])


def identity(dimension: int, depth: int = 1) -> Network:
    """Return ``x -> x`` on R^d with the given depth; exact in floating point, two units for each coordinate.

    >>> identity(2, depth=3)([-1.5, 2.0]).tolist()
    [-1.5, 2.0]
    """
    return affine(sparse.eye_array(dimension)).deepen(depth)


def carry(dimension: int, depth: int, nonnegative: Iterable[int] = ()) -> Network:
    """Return ``x -> x`` where the named coordinates are known to be >= 0 and cost one unit, the others two.

    On a negative value of a coordinate named nonnegative the result is 0: the caller vouches for the sign.

    >>> carry(2, 2, nonnegative=[0]).size.units
    3
    """
    single = set(nonnegative)
    if not single <= set(range(dimension)):
        raise ValueError(f"carry: nonnegative={sorted(single)} must name coordinates 0..{dimension - 1}")
    if depth < 1:
        raise ValueError(f"carry: depth={depth} must be >= 1")
    if depth == 1:
        return identity(dimension)
    entries = [(j, sign) for j in range(dimension) for sign in ((1.0,) if j in single else (1.0, -1.0))]
    split = np.zeros((len(entries), dimension))
    for row, (j, sign) in enumerate(entries):
        split[row, j] = sign
    keep = sparse.eye_array(len(entries))
    return Network.build([(split, None), *[(keep, None)] * (depth - 2), (split.T, None)])


def select(dimension: int, coordinates: Sequence[int]) -> Network:
    """Return ``x -> (x_j for j in coordinates)``, depth 1; repeats allowed.

    >>> select(3, [2, 0])([10.0, 20.0, 30.0]).tolist()
    [30.0, 10.0]
    """
    if len(coordinates) == 0 or not set(coordinates) <= set(range(dimension)):
        raise ValueError(f"select: coordinates={list(coordinates)} must name at least one of 0..{dimension - 1}")
    rows = np.arange(len(coordinates))
    picks = sparse.csr_array((np.ones(len(coordinates)), (rows, np.asarray(coordinates, dtype=int))),
                             shape=(len(coordinates), dimension))
    return affine(picks)


def chain(*networks: Network) -> Network:
    """Return the composition, outermost first: ``chain(f, g, h)(x) = f(g(h(x)))``.

    Each junction multiplies two affine maps, so depth is the sum of depths less the number of junctions.
    """
    if not networks:
        raise ValueError("chain: needs at least one network")
    return reduce(lambda outer, inner: outer @ inner, networks)


def stack(*networks: Network) -> Network:
    """Return ``x -> (f_1(x), ..., f_k(x))``: one input, outputs concatenated, shallower ones deepened.

    >>> stack(affine([[1.0]]), affine([[2.0]]))([3.0]).tolist()
    [3.0, 6.0]
    """
    return side_by_side(networks, shared=True)


def parallel(*networks: Network) -> Network:
    """Return ``(x_1, ..., x_k) -> (f_1(x_1), ..., f_k(x_k))``: block diagonal, own inputs.

    >>> parallel(affine([[1.0]]), affine([[2.0]]))([3.0, 5.0]).tolist()
    [3.0, 10.0]
    """
    return side_by_side(networks, shared=False)


def combine(coefficients: ArrayLike, networks: Sequence[Network], bias: ArrayLike | None = None) -> Network:
    """Return ``x -> sum_i c_i f_i(x) + bias`` for networks with one common input and equal output sizes.

    >>> combine([2.0, -1.0], [affine([[1.0]]), affine([[3.0]])], bias=[1.0])([5.0]).tolist()
    [-4.0]
    """
    factors = np.asarray(coefficients, dtype=np.float64).reshape(-1)
    if len(factors) != len(networks) or not networks:
        raise ValueError(f"combine: {len(factors)} coefficients for {len(networks)} networks")
    outputs = {f.outputs for f in networks}
    if len(outputs) > 1:
        raise ValueError(f"combine: output sizes differ: {sorted(outputs)}")
    m = outputs.pop()
    fold = sparse.hstack([c * sparse.eye_array(m) for c in factors])
    return affine(fold, bias) @ stack(*networks)
