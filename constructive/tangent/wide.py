"""Networks of finite width in the tangent parameterization: what the kernels of this package are the limit of.

z_1 = weight_std / sqrt(d) W_1 x + bias_std b_1, later layers with the width of the layer below for d, every entry of W
and b standard normal; relu between. As width grows, the sum over all parameters of their squared derivatives' products
tends to the tangent kernel, the covariance of the output given the layers below to the covariance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_points
from constructive.network import Network
from constructive.tangent.relu import ReluKernel

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WideNetwork:
    """One drawn network with one output: ``weights`` (n_out, n_in) and ``biases`` (n_out,), standard normal.

    Callable on (n, d), it returns (n,). Made by :meth:`drawn`.

    >>> f = WideNetwork.drawn(ReluKernel(3), 2, 64, rng=0)
    >>> bool(np.allclose(f.network()([[1.0, 2.0]])[:, 0], f([[1.0, 2.0]]), rtol=1e-12))
    True
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    weight_std: float
    bias_std: float

    @classmethod
    def drawn(cls, kernel: ReluKernel, inputs: int, width: int, *, rng: Any = None) -> WideNetwork:
        """Return a network with the kernel's depth and scales, all hidden layers of the given width."""
        d = as_count(inputs, "WideNetwork.drawn", "inputs", at_least=1)
        size = as_count(width, "WideNetwork.drawn", "width", at_least=1)
        generator = np.random.default_rng(rng)
        shape = [d, *[size] * (kernel.depth - 1), 1]
        weights = tuple(generator.normal(size=(after, before)) for before, after in zip(shape, shape[1:], strict=False))
        biases = tuple(generator.normal(size=after) for after in shape[1:])
        return cls(weights, biases, kernel.weight_std, kernel.bias_std)

    @property
    def depth(self) -> int:
        """Number of affine maps."""
        return len(self.weights)

    def network(self) -> Network:
        """Return the same function as a Network: scales multiplied into weights and biases."""
        return Network.build([(self._scale(w) * w, self.bias_std * b)
                              for w, b in zip(self.weights, self.biases, strict=True)])

    def __call__(self, X: ArrayLike) -> Array:
        return self._layers(X, "WideNetwork")[1][-1][:, 0]

    def covariance(self, X: ArrayLike, Z: ArrayLike) -> Array:
        """Return E[f(x) f(z)] over the last layer alone, (n, m): it tends to ``nngp``."""
        left, right = (self._layers(part, "WideNetwork.covariance")[0][-1] for part in (X, Z))
        return self._scale(self.weights[-1]) ** 2 * (left @ right.T) + self.bias_std**2

    def tangent(self, X: ArrayLike, Z: ArrayLike) -> Array:
        """Return the sum over all parameters of df(x) df(z), (n, m): it tends to ``ntk``.

        Layer l gives (scale_l^2 <h, h'> + bias_std^2) <df/dz_l, df'/dz_l>, h what the layer reads.
        """
        (below, pulls), (other, others) = self._read(X, "WideNetwork.tangent"), self._read(Z, "WideNetwork.tangent")
        total = np.zeros((below[0].shape[0], other[0].shape[0]))
        for weight, h, pull, k, push in zip(self.weights, below, pulls, other, others, strict=True):
            total += (self._scale(weight) ** 2 * (h @ k.T) + self.bias_std**2) * (pull @ push.T)
        return total

    def input_gradient(self, X: ArrayLike) -> Array:
        """Return grad_x f (n, d); at a kink the slope of the side where the unit is off."""
        _, pulls = self._read(X, "WideNetwork.input_gradient")
        return self._scale(self.weights[0]) * (pulls[0] @ self.weights[0])

    def _scale(self, weight: Array) -> float:
        return self.weight_std / math.sqrt(weight.shape[1])

    def _layers(self, X: ArrayLike, who: str) -> tuple[list[Array], list[Array]]:
        """Return what each layer reads and what it gives, before its relu."""
        h = as_points(X, who, dimension=self.weights[0].shape[1])
        read, given = [], []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            read.append(h)
            given.append(self._scale(weight) * (h @ weight.T) + self.bias_std * bias)
            h = np.maximum(given[-1], 0.0)
        return read, given

    def _read(self, X: ArrayLike, who: str) -> tuple[list[Array], list[Array]]:
        """Return what each layer reads, and the slope of f in what it gives."""
        read, given = self._layers(X, who)
        pulls = [np.ones_like(given[-1])]
        for weight, z in zip(self.weights[:0:-1], given[-2::-1], strict=True):
            pulls.append(self._scale(weight) * (pulls[-1] @ weight) * (z > 0.0))
        return read, pulls[::-1]
