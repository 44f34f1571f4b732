"""Gradients with respect to the input: one pass forward, one pass back through the units that are active.

A network is affine near almost every point, and its gradient there is the product of the weights along active
units. At a kink the derivative of relu at 0 is taken to be 0. Round every training point of a memorizer the network
is constant and its gradient exactly 0: a zero says that following gradients will not move, never that a ball is safe.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_points
from constructive.network import Network

Array = NDArray[np.float64]

_BLOCK_NUMBERS = 1 << 20
"""Units times points kept at once: 8 MiB."""


def input_gradient(network: Network, points: ArrayLike, rows: ArrayLike) -> Array:
    """Return the gradients of ``rows_i . f`` at x_i, shape (n, d), with relu'(0) = 0.

    points (n, d); rows (n, m) or (m,), one linear form of the m outputs for each point or for all. The activation
    pattern is that of the executed program, in the network's own format; products are summed in double precision, so
    that the gradient of a network with dyadic weights is exact while its entries fit in 53 bits. Cost: two passes over
    the nonzeros for each point, in blocks of about a million activations. Raises TypeError or ValueError for points
    or rows that do not fit.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])  # |x|
    >>> input_gradient(f, [[2.0], [-3.0], [0.0]], [1.0]).ravel().tolist()
    [1.0, -1.0, 0.0]
    """
    who = "input_gradient"
    x = as_points(points, who, "points", dimension=network.inputs)
    forms = np.asarray(rows, dtype=np.float64)
    if forms.ndim == 0 or forms.shape not in {(network.outputs,), (x.shape[0], network.outputs)}:
        raise ValueError(f"{who}: rows has shape {forms.shape}; pass ({network.outputs},) or "
                         f"({x.shape[0]}, {network.outputs}), one weight for each output")
    if not np.isfinite(forms).all():
        raise ValueError(f"{who}: rows must be finite")
    wide = np.broadcast_to(forms, (x.shape[0], network.outputs))
    return values_and_gradients(network, x, lambda values, start: wide[start:start + values.shape[0]])[1]


def values_and_gradients(network: Network, points: Array,
                         choose: Callable[[Array, int], Array]) -> tuple[Array, Array]:
    """Return f(points), (n, m), and the gradients (n, d) of the forms that ``choose(values, start)`` returns.

    ``choose`` sees the values (b, m) of points start .. start + b - 1 and returns one row (b, m) for each; so the form
    may depend on the value, as the smallest margin does.
    """
    n = points.shape[0]
    values, gradients = np.empty((n, network.outputs)), np.empty((n, network.inputs))
    units = network.inputs + sum(layer.outputs for layer in network.layers)
    block = max(1, _BLOCK_NUMBERS // units)
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n, block):
            stop = min(start + block, n)
            hidden = network.hidden(points[start:stop])
            values[start:stop] = hidden[-1].T
            flow = np.array(choose(values[start:stop], start).T, dtype=np.float64)
            for k in range(network.depth - 1, -1, -1):
                flow = network.layers[k].weight.T @ flow
                if k:
                    flow = np.where(hidden[k - 1] > 0, flow, 0.0)
            gradients[start:stop] = flow.T
    return values, gradients
