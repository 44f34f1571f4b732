"""Functions f(x) = sum_j k(x, x_j) alpha_j: what every way of training an infinitely wide network ends in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_points
from constructive.tangent.inputs import named

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]


class TangentKernel(Protocol):
    """What is asked of a kernel here; :class:`ReluKernel` and :class:`ErfKernel` fit."""

    @property
    def depth(self) -> int:
        """The number of affine maps."""
        ...

    @property
    def weight_std(self) -> float:
        """The weights' standard deviation, before the root of the width."""
        ...

    @property
    def bias_std(self) -> float:
        """The biases' standard deviation."""
        ...

    def ntk(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Return the tangent kernel (n, m); symmetric bit for bit without Z."""
        ...

    def nngp(self, X: ArrayLike, Z: ArrayLike | None = None) -> Array:
        """Return the covariance (n, m) of the outputs; symmetric bit for bit without Z."""
        ...

    def diagonal(self, X: ArrayLike) -> tuple[Array, Array]:
        """Return (nngp, ntk) of each row with itself."""
        ...

    def squared_gradient(self, X: ArrayLike) -> Array:
        """Return E|grad_x f|^2 at initialization for each row."""
        ...

    def input_gradient(self, X: ArrayLike, Z: ArrayLike, weights: ArrayLike, *, of: Name = "ntk") -> Array:
        """Return sum_j weights_ij grad_x k(x_i, z_j), shape (n, d)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class KernelPredictor:
    """The function f(x) = k(x, X) coefficients, C outputs, k the tangent kernel or the covariance (``of``).

    X (n, d); coefficients (n, C). Called on (m, d), it returns (m, C). Raises ValueError for wrong shapes.
    """

    kernel: TangentKernel
    X: Array
    coefficients: Array
    of: Name = "ntk"

    def __post_init__(self) -> None:
        points = as_points(self.X, "KernelPredictor").copy()
        values = np.array(self.coefficients, dtype=np.float64)
        if values.ndim != 2 or values.shape[0] != points.shape[0]:
            raise ValueError(f"KernelPredictor: coefficients must be ({points.shape[0]}, C), got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("KernelPredictor: coefficients must be finite, but "
                             f"{int((~np.isfinite(values)).sum())} are not")
        named(self.of, "KernelPredictor")
        for name, part in (("X", points), ("coefficients", values)):
            part.setflags(write=False)
            object.__setattr__(self, name, part)

    def matrix(self, Z: ArrayLike | None = None) -> Array:
        """Return k(Z, X), (m, n); k(X, X), symmetric bit for bit, without Z."""
        ask: Any = self.kernel.ntk if self.of == "ntk" else self.kernel.nngp
        return np.asarray(ask(self.X) if Z is None else ask(Z, self.X))

    def __call__(self, Z: ArrayLike) -> Array:
        return np.asarray(self.matrix(Z) @ self.coefficients)

    def gradient(self, Z: ArrayLike, outputs: ArrayLike) -> Array:
        """Return the gradient (m, d) of sum_c outputs_ic f_c(z_i) in z_i; outputs (m, C)."""
        directions = np.asarray(outputs, dtype=np.float64)
        if directions.ndim != 2 or directions.shape[1] != self.coefficients.shape[1]:
            raise ValueError(f"KernelPredictor.gradient: outputs must be (m, {self.coefficients.shape[1]}), one weight "
                             f"for each value, got {directions.shape}")
        return self.kernel.input_gradient(Z, self.X, directions @ self.coefficients.T, of=self.of)

    def norms(self) -> Array:
        """Return |f_c| (C,) in the kernel's Hilbert space, the root of coefficients^T k(X, X) coefficients."""
        squares = np.einsum("ic,ic->c", self.coefficients, self.matrix() @ self.coefficients)
        return np.asarray(np.sqrt(np.maximum(squares, 0.0)))
