"""Infinitely wide networks: their kernels, how they train and what adversarial training makes of them.

In reading order: the two kernels and functions made of them; gradient flow; training on attacked data, its propagator,
the attack that uses its whole budget, and what all of it tends to; attacks on such functions and certificates on balls;
adversarial training by learned attack strengths, and what it has to beat; finite networks whose kernels tend to these;
networks with one hidden layer.
"""

from constructive.tangent.adversarial import AdvNTK
from constructive.tangent.attack import KernelAttack, kernel_attack, last_iterate
from constructive.tangent.attacked import AttackedFlow, adversarial_flow
from constructive.tangent.balls import (
    KernelRobustness,
    Movement,
    certified_margins,
    kernel_robust_error,
    movement,
)
from constructive.tangent.baselines import (
    TunedPredictor,
    attacked_loss,
    choose_ridge,
    fit_interpolant,
    hold_out,
    stop_early,
)
from constructive.tangent.degeneration import Degeneration, degeneration_bounds
from constructive.tangent.erf import ErfKernel
from constructive.tangent.flow import GradientFlow
from constructive.tangent.gates import GateFeatures
from constructive.tangent.predictor import KernelPredictor
from constructive.tangent.propagator import Propagator
from constructive.tangent.relu import ReluKernel
from constructive.tangent.saturated import SaturatedFlow, attack_budgets, extinction_bounds, saturated_flow
from constructive.tangent.scales import scale_gradients
from constructive.tangent.two_layer import TwoLayerKernel
from constructive.tangent.wide import WideNetwork

__all__ = [
    "ReluKernel", "ErfKernel", "scale_gradients", "KernelPredictor",
    "GradientFlow",
    "Propagator", "AttackedFlow", "adversarial_flow",
    "SaturatedFlow", "saturated_flow", "attack_budgets", "extinction_bounds",
    "Degeneration", "degeneration_bounds",
    "KernelAttack", "kernel_attack", "last_iterate",
    "Movement", "movement", "certified_margins", "KernelRobustness", "kernel_robust_error",
    "AdvNTK", "TunedPredictor", "hold_out", "attacked_loss", "fit_interpolant", "stop_early", "choose_ridge",
    "WideNetwork",
    "TwoLayerKernel", "GateFeatures",
]
