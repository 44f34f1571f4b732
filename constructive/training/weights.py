"""All weights and biases of a network as one vector, the form in which kernels and optimizers take them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from constructive.network import Network

Array = NDArray[np.float64]
Widths = NDArray[np.int64]


def flat(network: Network) -> tuple[Array, Widths]:
    """Return all weights and biases as one vector, layer after layer, and the widths, inputs first."""
    parts = [part for layer in network.layers for part in (layer.weight.toarray().ravel(), layer.bias)]
    widths = [network.inputs, *(layer.outputs for layer in network.layers)]
    return np.concatenate(parts).astype(np.float64), np.array(widths, np.int64)


def unflat(theta: Array, widths: Iterable[int]) -> Network:
    """Return the network whose weights and biases are ``theta``: the inverse of :func:`flat`."""
    sizes, maps, at = [int(w) for w in widths], [], 0
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        middle, end = at + n_in * n_out, at + (n_in + 1) * n_out
        maps.append((theta[at:middle].reshape(n_out, n_in), theta[middle:end]))
        at = end
    return Network.build(maps)


def he_weights(widths: Widths, rng: np.random.Generator) -> Array:
    """Return normal weights of variance 2 / n_in and zero biases."""
    parts = [part for n_in, n_out in zip(widths, widths[1:], strict=False)
             for part in (rng.normal(0.0, math.sqrt(2.0 / n_in), n_in * n_out), np.zeros(n_out))]
    return np.concatenate(parts)
