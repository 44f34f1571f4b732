"""Training an infinitely wide network on the squared loss, at every time from one eigendecomposition."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.tangent.inputs import named
from constructive.tangent.matrices import as_columns, as_kernel_matrix, decomposed, negligible
from constructive.tangent.predictor import KernelPredictor, TangentKernel
from constructive.tangent.propagator import faded

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]
TimeUnit = Literal["sum", "mean"]
REACHED = 1e-6  # relative misfit beyond which the limit is not called an interpolant


@dataclass(frozen=True, slots=True, eq=False)
class GradientFlow:
    """Gradient flow du/dt = -k(X, X) u of the residuals u = f_t(X) - y, f_0 = 0 unless given.

    f_t(x) = f_0(x) - k(x, X) V diag((1 - e^(-l t)) / l) V^T (f_0(X) - y), k(X, X) = V diag(l) V^T. With ``time_unit``
    "sum" the loss is 1/2 sum |f - y|^2; with "mean" it is divided by n C, so that the same function is reached
    n C times later. C outputs share one kernel. Eigenvalues below rounding, n 2^-53 max l, move no prediction and are
    left out, so equal points with different labels are averaged. Made by :meth:`of`.

    >>> from constructive.tangent import ReluKernel
    >>> flow = GradientFlow.of(ReluKernel(depth=2), [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0])
    >>> flow.limit()([[1.0, 0.0]])
    array([[1.]])
    """

    kernel: TangentKernel
    X: Array
    Y: Array
    start: Array
    eigenvalues: Array
    vectors: Array
    time_unit: TimeUnit
    name: Name

    @classmethod
    def of(cls, kernel: TangentKernel, X: ArrayLike, y: ArrayLike, *, f0: ArrayLike | None = None,
           time_unit: TimeUnit = "sum", of: Name = "ntk") -> GradientFlow:
        """Return the flow for points X (n, d) and targets y (n,) or (n, C); ``f0`` holds the values of f_0 at X.

        Raises ValueError for wrong shapes, or a time unit other than "sum" and "mean".
        """
        who = "GradientFlow.of"
        points = as_points(X, who).copy()
        targets, _ = as_columns(y, points.shape[0], who, "y")
        start = np.zeros_like(targets) if f0 is None else as_columns(f0, points.shape[0], who, "f0")[0]
        if start.shape != targets.shape:
            raise ValueError(f"{who}: f0 must have the shape of y, got {start.shape} and {targets.shape}")
        if time_unit not in ("sum", "mean"):
            raise ValueError(f"{who}: time_unit={time_unit!r} must be 'sum' or 'mean'")
        raw: Any = kernel.ntk if named(of, who) else kernel.nngp
        values, vectors = decomposed(as_kernel_matrix(raw(points), who, "k(X, X)"), who, "k(X, X)")
        return cls(kernel, points, targets.copy(), start.copy(), values, vectors, time_unit, of)

    def at(self, time: float) -> KernelPredictor:
        """Return f_t - f_0 at a time >= 0 as a function, which is f_t without ``f0``; the limit at infinity."""
        if time == math.inf:
            return self.limit()
        return self._weighted(self._kept(faded(self.eigenvalues, self._sum_time(time, "GradientFlow.at"))))

    def limit(self, ridge: float = 0.0) -> KernelPredictor:
        """Return lim f_t - f_0, coefficients k(X, X)^+ (y - f_0(X)); with ridge > 0 (k(X, X) + ridge I)^-1 (...).

        The least norm among all minimizers. Warns (RuntimeWarning) when without ridge the targets are missed by more
        than 1e-6 of their size: then equal or nearly equal points have different targets.
        """
        ridge = as_number(ridge, "GradientFlow.limit", "ridge", at_least=0.0)
        if ridge > 0.0:
            return self._weighted(1.0 / (self.eigenvalues + ridge))
        found = self._weighted(self._kept(1.0 / np.maximum(self.eigenvalues, np.finfo(float).tiny)))
        goal = self.Y - self.start
        missed = float(np.linalg.norm(self.vectors @ (
            (self.eigenvalues <= negligible(self.eigenvalues))[:, None] * (self.vectors.T @ goal))))
        if missed > REACHED * float(np.linalg.norm(goal)):
            warnings.warn(f"GradientFlow.limit: the kernel matrix is singular and the targets are missed by "
                          f"{missed:.3g}: equal points, or points that differ by too little for the kernel, have "
                          "different targets, of which the limit takes the mean",
                          RuntimeWarning, stacklevel=2)
        return found

    def residual(self, time: float) -> Array:
        """Return u_t = f_t(X) - y, (n, C)."""
        decay = self.eigenvalues * self._kept(np.ones_like(self.eigenvalues))
        if time == math.inf:
            weights = (decay == 0.0).astype(np.float64)
        else:
            with np.errstate(over="ignore"):
                weights = np.exp(-decay * self._sum_time(time, "GradientFlow.residual"))
        return np.asarray(self.vectors @ (weights[:, None] * (self.vectors.T @ (self.start - self.Y))))

    def _sum_time(self, time: float, who: str) -> float:
        found = as_number(time, who, "time", at_least=0.0)
        return found if self.time_unit == "sum" else found / self.Y.size

    def _kept(self, weights: Array) -> Array:
        return np.where(self.eigenvalues > negligible(self.eigenvalues), weights, 0.0)

    def _weighted(self, weights: Array) -> KernelPredictor:
        moved = self.vectors @ (weights[:, None] * (self.vectors.T @ (self.Y - self.start)))
        return KernelPredictor(self.kernel, self.X, np.asarray(moved), self.name)
