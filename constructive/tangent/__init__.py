"""Infinitely wide networks: their kernels, how they train and what adversarial training makes of them."""

from constructive.tangent.erf import ErfKernel
from constructive.tangent.predictor import KernelPredictor
from constructive.tangent.relu import ReluKernel

__all__ = ["ReluKernel", "ErfKernel", "KernelPredictor"]
