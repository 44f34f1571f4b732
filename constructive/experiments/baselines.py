"""Other people's regressors on the same draws: nearest neighbors, and two kernel methods of scikit-learn.

Baselines make no claim of their own here and no rate is proved for the way they are tuned; they show what a
common tool does with the same data. The kernel methods solve a dense n by n system, so they are asked only where
that fits.
"""

from __future__ import annotations

import math
import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

_LENGTH = 0.25
_TUNED_ON = 250


def has_sklearn() -> bool:
    """Return whether scikit-learn, the extra ``sklearn``, is installed."""
    return find_spec("sklearn") is not None


def _one_thread() -> Any:
    """Return a context in which linear algebra runs on one thread: more of them sum in another order.

    With it a draw returns the same digits on one worker as on many. scikit-learn brings the package along.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)


def nearest_neighbors(X: Array, y: Array, points: Array) -> Array:
    """Return the mean label of the k nearest data (l_2), k = ceil(n^(2/(2+d)) / 2): the order for Lipschitz targets."""
    n, d = X.shape
    k = min(n, math.ceil(0.5 * n ** (2 / (2 + d))))
    found = cKDTree(X).query(points, k=k)[1].reshape(len(points), k)
    return np.asarray(y[found].mean(axis=1))


def kernel_ridge(X: Array, y: Array, points: Array, noise: float) -> Array:
    """Return ridge regression with an RBF kernel of length 1/4, regularized by the true noise variance."""
    from sklearn.kernel_ridge import KernelRidge

    model = KernelRidge(kernel="rbf", gamma=0.5 / _LENGTH**2, alpha=noise**2)
    with _one_thread():
        return np.asarray(model.fit(X, y).predict(points), dtype=np.float64)


def gaussian_process(X: Array, y: Array, points: Array, noise: float) -> Array:
    """Return a Gaussian process with amplitude, length and noise learned on at most 250 data by maximum likelihood."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(1.0) * RBF(_LENGTH) + WhiteKernel(noise**2)
    with _one_thread(), warnings.catch_warnings():
        # a likelihood that is flat in one parameter ends at its bound; that is still a baseline
        warnings.simplefilter("ignore", ConvergenceWarning)
        tuned = GaussianProcessRegressor(kernel).fit(X[:_TUNED_ON], y[:_TUNED_ON])
        model = GaussianProcessRegressor(tuned.kernel_, optimizer=None).fit(X, y)
        return np.asarray(model.predict(points), dtype=np.float64)
