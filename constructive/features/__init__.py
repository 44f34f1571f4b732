"""Adversarially trained random features: exact fits at finite size, and what they tend to as all sizes grow."""

from constructive.features.activations import Activation, activation, relu
from constructive.features.asymptotics import adversarial_asymptotics, approximation_floor, zero_radius
from constructive.features.conditional import conditional_prediction, conditional_zero_radius
from constructive.features.expansions import (
    PeakLaw,
    WideExpansion,
    harmful_width,
    linear_peak_law,
    peak_law,
    wide_expansion,
)
from constructive.features.limits import kernel_limit, population_limit
from constructive.features.linear import linear_asymptotics, linear_zero_radius, recovery_radius
from constructive.features.model import FeatureModel, Task, draw_task
from constructive.features.prediction import Prediction
from constructive.features.problem import AdversarialProblem
from constructive.features.ridgeless import ridgeless_limit
from constructive.features.risks import Risks, SampledRisks, attacked_points, exact_risks, sampled_risks
from constructive.features.solver import Fit, fit_adversarial, fit_problem
from constructive.features.sweeps import Sweep, Tuned, best_width, sweep_asymptotics, tuned_ridge

__all__ = [
    "Activation", "relu", "activation",
    "FeatureModel", "Task", "draw_task",
    "AdversarialProblem", "Fit", "fit_adversarial", "fit_problem",
    "Risks", "SampledRisks", "exact_risks", "attacked_points", "sampled_risks",
    "conditional_prediction", "conditional_zero_radius",
    "Prediction", "adversarial_asymptotics", "zero_radius", "approximation_floor",
    "linear_asymptotics", "linear_zero_radius", "recovery_radius",
    "ridgeless_limit", "population_limit", "kernel_limit",
    "WideExpansion", "wide_expansion", "harmful_width", "PeakLaw", "peak_law", "linear_peak_law",
    "Sweep", "sweep_asymptotics", "Tuned", "tuned_ridge", "best_width",
]
