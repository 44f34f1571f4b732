"""Interval propagation that is sound for the program as executed, and exact where rounding allows it.

Data flow: boxes -> (rounded outward to the network's format) -> layer by layer, two numbers for each unit ->
bounds that contain every value a correctly rounding machine can return, in any order of summation, with or
without fused multiply-adds, at every floating-point input of the box. Plain interval arithmetic would widen
every sum by its rounding error; here nothing is widened where rounding is monotone, so constants stay constants.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.network import Network

Array = NDArray[np.float64]

_BLOCK_NUMBERS = 1 << 20


def cleaned_boxes(who: str, network: Network, lower: ArrayLike, upper: ArrayLike) -> tuple[Array, Array]:
    """Return the ends as arrays (N, d) in the network's format, rounded outward where a double does not fit.

    Raises ValueError for wrong shapes, NaN, or crossed ends.
    """
    low = np.atleast_2d(np.asarray(lower, dtype=np.float64))
    high = np.atleast_2d(np.asarray(upper, dtype=np.float64))
    if low.shape != high.shape or low.ndim != 2 or low.shape[1] != network.inputs:
        raise ValueError(f"{who}: lower has shape {low.shape}, upper {high.shape}; both must be "
                         f"(N, {network.inputs})")
    if not (low <= high).all():
        raise ValueError(f"{who}: needs lower <= upper everywhere, without NaN")
    if network.dtype == np.float32:
        near_low, near_high = low.astype(np.float32), high.astype(np.float32)
        low = np.where(near_low > low, np.nextafter(near_low, np.float32(-np.inf)), near_low).astype(np.float64)
        high = np.where(near_high < high, np.nextafter(near_high, np.float32(np.inf)), near_high).astype(np.float64)
    return low, high


def interval_bounds(network: Network, lower: ArrayLike, upper: ArrayLike) -> tuple[Array, Array]:
    """Return bounds (low, high), each (N, m), of the executed network over N boxes given by (N, d) ends.

    For every floating-point x with ``lower <= x <= upper`` and every value y that a machine with correctly
    rounded +, x and fused multiply-add can return for the network at x, ``low <= y <= high``; infinite ends are
    legal in and out. The real network's value at real points of the box is enclosed up to its own rounding only
    where no operation rounds; use :func:`constructive.certificates.exact.exact_interval_bounds` for real claims.
    Cost: one pass over the nonzeros for each box. Raises ValueError for wrong shapes, NaN or crossed ends.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    >>> low, high = interval_bounds(f, [[-1.0]], [[2.0]])
    >>> (low.item(), high.item())
    (0.0, 3.0)
    """
    low, high = cleaned_boxes("interval_bounds", network, lower, upper)
    out_low, out_high = (np.empty((low.shape[0], network.outputs)) for _ in range(2))
    widest = max(network.inputs, *(layer.outputs for layer in network.layers))

    def work(start: int, stop: int) -> None:
        ends = layer_bounds(network, low[start:stop], high[start:stop])
        out_low[start:stop], out_high[start:stop] = ends[-1][0].T, ends[-1][1].T

    from constructive._kernels import in_blocks
    in_blocks(low.shape[0], max(1, min(256, _BLOCK_NUMBERS // widest)), work)
    return out_low, out_high


def layer_bounds(network: Network, low: Array, high: Array) -> list[tuple[Array, Array]]:
    """Return the bounds of every layer's units over the boxes, feature-major: pairs of (outputs, N) arrays.

    The boxes must be clean (see :func:`cleaned_boxes`).
    """
    from constructive._kernels.intervals import interval_layer
    kept: list[tuple[Array, Array]] = []
    ends: tuple[Any, Any] = (np.ascontiguousarray(low.T), np.ascontiguousarray(high.T))
    single = network.dtype == np.float32
    for k, layer in enumerate(network.layers):
        shape = (layer.outputs, low.shape[0])
        target = (np.empty(shape), np.empty(shape))
        matrix = layer.weight
        interval_layer(matrix.indptr, matrix.indices, matrix.data, layer.bias, *ends, *target,
                       k + 1 < network.depth, single)
        ends = target
        kept.append(target)
    return kept
