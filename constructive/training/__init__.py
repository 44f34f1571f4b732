"""Adversarial training as practiced: a small ReLU network, gradient steps on points attacked in their balls.

Data flow: data and radius -> the balls, rounded inward -> epochs; in each, every batch is moved by projected gradient
ascent inside its balls and then lowers the cross-entropy there -> after every few epochs the errors on training,
validation and test data, clean and attacked -> the last network, and the one that stopping early would have kept.

Everything here is *found*, nothing proved: an attack bounds a robust error from below. The networks are ordinary
ones, so :func:`~constructive.certificates.training.certify` and :func:`~constructive.risk.robust_error` take them.
"""

from constructive.training.balls import adversarial_points
from constructive.training.history import History, mean_interval
from constructive.training.loop import Trained, train

__all__ = ["train", "Trained", "History", "adversarial_points", "mean_interval"]
