"""Explicit ReLU networks that provably fit every training label on a ball, and checks that a machine can repeat."""

__version__ = "0.1.0"
