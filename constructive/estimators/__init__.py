"""Estimators for scikit-learn: students that meet every label on a ball, and infinitely wide networks.

Robust interpolators are :func:`constructive.memorize` behind scikit-learn's interface; wide networks are the kernels
and the ways of training of :mod:`constructive.tangent`, and a kernel for scikit-learn's own Gaussian processes and
kernel machines. Needs the extra ``sklearn``; ``import constructive`` does not load this package.
"""

from constructive.estimators.interpolators import RobustInterpolatorClassifier, RobustInterpolatorRegressor
from constructive.estimators.wide import WideNetworkClassifier, WideNetworkRegressor
from constructive.estimators.wide_kernel import WideNetworkKernel

__all__ = ["RobustInterpolatorClassifier", "RobustInterpolatorRegressor", "WideNetworkClassifier",
           "WideNetworkKernel", "WideNetworkRegressor"]
