"""Adversarially trained random features: exact fits at finite size, and what they tend to as all sizes grow."""

from constructive.features.activations import Activation, activation, relu
from constructive.features.asymptotics import adversarial_asymptotics, approximation_floor, zero_radius
from constructive.features.prediction import Prediction
from constructive.features.ridgeless import ridgeless_limit

__all__ = [
    "Activation", "relu", "activation",
    "Prediction", "adversarial_asymptotics", "zero_radius", "approximation_floor", "ridgeless_limit",
]
