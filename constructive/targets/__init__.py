"""Smooth targets: functions on a box with their derivatives, proved bounds on them, and their rounding."""

from constructive.targets.callables import target_from_callable
from constructive.targets.checking import check_target
from constructive.targets.cosines import cosine_product
from constructive.targets.gaussians import gaussian_bump
from constructive.targets.kinks import kink
from constructive.targets.polynomials import polynomial
from constructive.targets.products import additive, product
from constructive.targets.rational import runge
from constructive.targets.rescaling import rescaled
from constructive.targets.ridges import exponential, ridge, ridge_interval
from constructive.targets.symbolic import target_from_sympy
from constructive.targets.target import Target, multi_indices

__all__ = ["Target", "cosine_product", "exponential", "gaussian_bump", "runge", "polynomial", "kink", "ridge",
           "ridge_interval", "product", "additive", "rescaled",
           "target_from_sympy", "target_from_callable", "check_target", "multi_indices"]
