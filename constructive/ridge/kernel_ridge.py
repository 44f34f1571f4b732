"""Kernel ridge regression with the tangent kernels of one hidden layer: fits, and their exact moments given the data.

f(x) = sum_i c_i k(x, x_i), c = (K + n lambda I)^-1 y: a wide network trained for ever, lambda = 0, or with weight
decay. With y = truth + noise, the squared error and the squared slope of f at a point have exact means over the noise.
One eigendecomposition K = V diag(w) V^T serves all ridges; of the gradients at x only V^T J is needed, J their rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.ridge.effective import as_ridges
from constructive.ridge.equivalents import RidgeMoments
from constructive.tangent.matrices import decomposed, negligible
from constructive.tangent.predictor import KernelPredictor
from constructive.tangent.two_layer import KERNEL, TwoLayerKernel, with_gradients

Array = NDArray[np.float64]
ROUNDING = 8.0
"""Eigenvalues of K below this many times n 2^-53 of the largest count as zero."""


@dataclass(frozen=True, slots=True, eq=False)
class KernelRidge:
    """The function f(x) = sum_i coefficients_i k(x, X_i), fitted with a ridge; callable on (m, d), it returns (m,).

    ``rank`` is that of the Gram matrix K (n, n); ``misfit`` the largest |f(x_i) - y_i|. With ridge 0 and rank < n the
    pseudo-inverse was used: f is the function of least norm among those that fit y best, and fits it only if misfit is
    rounding. The two kernels have such Gram matrices on evenly spaced circles, and for parallel points.
    """

    kernel: TwoLayerKernel
    X: Array
    coefficients: Array
    ridge: float
    rank: int
    misfit: float

    @property
    def singular(self) -> bool:
        """Whether the Gram matrix has rank below n, so that labels need not be met with ridge 0."""
        return self.rank < self.X.shape[0]

    def __call__(self, Z: ArrayLike) -> Array:
        return np.asarray(self.kernel(Z, self.X) @ self.coefficients)

    def gradient(self, Z: ArrayLike) -> Array:
        """Return grad f at the rows of Z (m, d), (m, d); ValueError for a row 0, where there is none."""
        who = "KernelRidge.gradient"
        points = with_gradients(as_points(Z, who, "Z", dimension=self.X.shape[1]), who, "Z")
        return self.kernel.gradient(points, self.X, np.tile(self.coefficients, (points.shape[0], 1)))

    def predictor(self) -> KernelPredictor:
        """Return the same function as a predictor of the tangent kernel, for its attacks and certificates on balls.

        Raises ValueError unless both layers are trained: only that kernel is a ReluKernel's.
        """
        if self.kernel.trained != "both":
            raise ValueError(f"KernelRidge.predictor: trained={self.kernel.trained!r} must be 'both'; see kernel_risks "
                             "for bounds with the first layer trained")
        return KernelPredictor(KERNEL, self.X, self.X.shape[1] * self.coefficients[:, None])

    @property
    def norm(self) -> float:
        """|f| in the kernel's Hilbert space, sqrt(c^T K c)."""
        return float(np.sqrt(max(float(self.coefficients @ self.kernel(self.X) @ self.coefficients), 0.0)))

    @property
    def lipschitz(self) -> float:
        """A bound on |grad f| everywhere: the kernel's slope times sum_i |c_i| |x_i|. Usually far above the truth."""
        return float(self.kernel.slope * np.abs(self.coefficients) @ np.linalg.norm(self.X, axis=1))


def fit_kernel_ridge(kernel: TwoLayerKernel, X: ArrayLike, y: ArrayLike, ridge: float = 0.0) -> KernelRidge:
    """Return the fit of y (n,) on X (n, d) with penalty n * ridge; ridge 0 interpolates with least norm, where it can.

    Eigenvalues of the Gram matrix that are rounding count as zero: see :class:`KernelRidge`. Raises
    ValueError for other shapes, NaN or infinity, and a negative ridge.

    >>> fit_kernel_ridge(TwoLayerKernel(), [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0]).rank
    2
    """
    who = "fit_kernel_ridge"
    points, labels = as_points(X, who).copy(), as_values(y, who, "y", np.shape(X)[0])
    penalty = as_number(ridge, who, "ridge", at_least=0.0)
    gram = kernel(points)
    values, vectors = decomposed(gram, who, "the Gram matrix")
    inverse, rank = _inverse(values, penalty)
    coefficients = vectors @ (inverse * (vectors.T @ labels))
    misfit = float(np.abs(gram @ coefficients - labels).max())
    for part in (points, coefficients):
        part.setflags(write=False)
    return KernelRidge(kernel, points, coefficients, penalty, rank, misfit)


@dataclass(frozen=True, slots=True, eq=False)
class KernelMoments:
    """Means over the noise at each point, (r, m) for r ridges and m points; squared errors and squared slopes.

    E (f - truth)^2 = bias + variance, E |grad f|^2 = signal_energy + noise_energy. ``rank`` as in :class:`KernelRidge`.
    """

    bias: Array
    variance: Array
    signal_energy: Array
    noise_energy: Array
    rank: int

    def mean(self) -> RidgeMoments:
        """Return the moments averaged over the points, (r,) each."""
        return RidgeMoments(*(part.mean(axis=1) for part in (self.bias, self.variance, self.signal_energy,
                                                             self.noise_energy)))


def kernel_moments(kernel: TwoLayerKernel, X: ArrayLike, truth: ArrayLike, Z: ArrayLike, truth_there: ArrayLike,
                   ridges: ArrayLike, noise_variance: float) -> KernelMoments:
    """Return exact means, over labels truth (n,) + independent noise on X (n, d), of error and slope at Z (m, d).

    With k = k(z, X), J (n, d) the gradients of its entries, M = (K + n ridge I)^-1: bias (k^T M truth - truth_there)^2,
    variance sigma^2 |M k|^2, energies |J^T M truth|^2 and sigma^2 ||J^T M||_F^2. Pseudo-inverse at ridge 0. Cost about
    n^2 min(d, n) for each point, whatever the number of ridges. Raises ValueError for other shapes or a row 0 of Z.
    """
    who = "kernel_moments"
    points = as_points(X, who)
    others = with_gradients(as_points(Z, who, "Z", dimension=points.shape[1]), who, "Z")
    signal = as_values(truth, who, "truth", points.shape[0])
    there = as_values(truth_there, who, "truth_there", others.shape[0])
    penalties = as_ridges(ridges, who).reshape(-1)
    noise = as_number(noise_variance, who, "noise_variance", at_least=0.0)
    values, vectors = decomposed(kernel(points), who, "the Gram matrix")
    found = [_inverse(values, float(penalty)) for penalty in penalties]
    inverses = np.stack([inverse for inverse, _ in found])  # (r, n)
    heard = inverses * (vectors.T @ signal)
    reach = kernel(others, points) @ vectors  # (m, n)
    energies = np.empty((2, penalties.size, others.shape[0]))
    for i, (near, all_near) in enumerate(_shortened(points, others)):
        pulled = vectors.T @ kernel.jacobian(near, all_near)
        energies[0, :, i] = ((heard @ pulled) ** 2).sum(axis=1)
        energies[1, :, i] = inverses**2 @ np.einsum("ij,ij->i", pulled, pulled)
    return KernelMoments((heard @ reach.T - there) ** 2, noise * (inverses**2 @ (reach**2).T), energies[0],
                         noise * energies[1], found[0][1])


def _inverse(values: Array, ridge: float) -> tuple[Array, int]:
    """Return 1 / (w + n ridge), 0 where w is rounding, and the rank.

    With a ridge, those are left out too: what they would add to the coefficients is in the kernel of K, so that f does
    not know it, and for a tiny ridge it is rounding made large.
    """
    kept = values > ROUNDING * negligible(values)
    return np.divide(1.0, values + values.size * ridge, out=np.zeros_like(values), where=kept), int(kept.sum())


def _shortened(points: Array, others: Array) -> list[tuple[Array, Array]]:
    """Return (z, X) for each z in fewer coordinates, those of the span of X and of z's rest: inner products stay.

    Gradients lie in the span of X and z, and keep their length.
    """
    n, d = points.shape
    if d <= n + 1:
        return [(z, points) for z in others]
    basis, _ = np.linalg.qr(points.T)
    inside, within = points @ basis, others @ basis
    rest = np.linalg.norm(others - within @ basis.T, axis=1)
    known = np.hstack([inside, np.zeros((n, 1))])
    return [(np.append(z, r), known) for z, r in zip(within, rest, strict=True)]


def as_values(values: Any, who: str, name: str, size: int) -> Array:
    """Return values as a finite float64 vector (size,); ValueError for another shape."""
    raw = np.asarray(values)
    if raw.shape != (size,):
        raise ValueError(f"{who}: {name} must have shape ({size},), one number for each point, got {raw.shape}")
    return as_points(raw[:, None], who, name)[:, 0].copy()
