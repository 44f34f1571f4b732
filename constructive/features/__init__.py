"""Adversarially trained random features: exact fits at finite size, and what they tend to as all sizes grow."""

from constructive.features.activations import Activation, activation, relu

__all__ = ["Activation", "activation", "relu"]
