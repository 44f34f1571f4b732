"""The kernels of infinitely wide networks as scikit-learn kernels, with scales that a Gaussian process can fit."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from constructive.tangent import ErfKernel, ReluKernel, scale_gradients
from constructive.tangent.inputs import named

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]
Bounds = tuple[float, float] | Literal["fixed"]


def kernel_named(activation: str, depth: int, weight_std: float, bias_std: float, who: str) -> ReluKernel | ErfKernel:
    """Return the kernel of the named activation; ValueError for another name."""
    if activation not in ("relu", "erf"):
        raise ValueError(f"{who}: activation={activation!r} must be 'relu' or 'erf'")
    return (ReluKernel if activation == "relu" else ErfKernel)(depth, weight_std, bias_std)


class WideNetworkKernel(Kernel):
    """The kernel of an infinitely wide network: k(x, x') of :class:`constructive.tangent.ReluKernel` or ``ErfKernel``.

    For ``GaussianProcessRegressor`` and ``GaussianProcessClassifier``, sums and products with other kernels, and as the
    ``kernel`` of ``KernelRidge``, ``SVC`` and other kernel machines.

    ``depth``: number of affine maps, not fitted; ``weight_std`` and ``bias_std``: fitted, on a log scale, within their
    ``bounds`` unless these are "fixed"; ``bias_std=0`` has no logarithm and stays. ``activation``: "relu" or "erf".
    ``of``: "ntk", the kernel with which gradient descent learns, or "nngp", the covariance of networks at random, with
    which a Gaussian process is the posterior of an infinitely wide Bayesian network.

    Raises ValueError for NaN, infinity, and as the kernels do.

    >>> kernel = WideNetworkKernel(depth=2, weight_std=2.0, bias_std=0.5)
    >>> kernel([[1.0, 0.0]]), kernel.diag([[1.0, 0.0]])
    (array([[9.25]]), array([9.25]))
    >>> kernel.theta.size
    2
    """

    def __init__(self, depth: int = 3, weight_std: float = 1.76, bias_std: float = 0.18,
                 weight_std_bounds: Bounds = (0.1, 10.0), bias_std_bounds: Bounds = (1e-3, 10.0),
                 activation: str = "relu", of: Name = "ntk") -> None:
        self.depth = depth
        self.weight_std = weight_std
        self.bias_std = bias_std
        self.weight_std_bounds = weight_std_bounds
        self.bias_std_bounds = bias_std_bounds
        self.activation = activation
        self.of = of

    @property
    def hyperparameter_weight_std(self) -> Hyperparameter:
        """The weights' standard deviation, as scikit-learn fits it."""
        return Hyperparameter("weight_std", "numeric", self.weight_std_bounds)

    @property
    def hyperparameter_bias_std(self) -> Hyperparameter:
        """The biases' standard deviation, as scikit-learn fits it; fixed at 0."""
        return Hyperparameter("bias_std", "numeric", self.bias_std_bounds if self.bias_std else "fixed")

    def __call__(self, X: ArrayLike, Y: ArrayLike | None = None, eval_gradient: bool = False) -> Any:
        """Return k(X, Y) (n, m), or k(X, X) without Y, symmetric bit for bit.

        With ``eval_gradient`` also its derivatives (n, n, h) by the logarithms of the scales that are not fixed.
        """
        kernel, tangent = self._kernel(), named(self.of, "WideNetworkKernel")
        matrix = (kernel.ntk if tangent else kernel.nngp)(X, Y)
        if not eval_gradient:
            return matrix
        if Y is not None:
            raise ValueError("WideNetworkKernel: eval_gradient needs Y=None; derivatives are those of k(X, X)")
        fitted = (not self.hyperparameter_bias_std.fixed, not self.hyperparameter_weight_std.fixed)
        if not any(fitted):
            return matrix, np.empty((*matrix.shape, 0))
        by_weight, by_bias = scale_gradients(kernel, X, of=self.of)
        # scikit-learn sorts hyperparameters by name
        slopes = (self.bias_std * by_bias, self.weight_std * by_weight)
        return matrix, np.stack([slope for slope, wanted in zip(slopes, fitted, strict=True) if wanted], axis=2)

    def diag(self, X: ArrayLike) -> Array:
        """Return k(x, x) for each row, (n,), by its own recursion."""
        nngp, ntk = self._kernel().diagonal(X)
        return ntk if named(self.of, "WideNetworkKernel") else nngp

    def is_stationary(self) -> bool:
        """Return False: the kernel depends on where its points are, not on their difference."""
        return False

    def __repr__(self) -> str:
        return (f"WideNetworkKernel(depth={self.depth}, weight_std={self.weight_std:.3g}, "
                f"bias_std={self.bias_std:.3g}, activation={self.activation!r}, of={self.of!r})")

    def _kernel(self) -> ReluKernel | ErfKernel:
        return kernel_named(self.activation, self.depth, self.weight_std, self.bias_std, "WideNetworkKernel")
