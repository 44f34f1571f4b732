"""Data that the tests of adversarial training share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def two_moons(n: int = 60) -> tuple[Any, Any]:
    """Return two half circles, 0.25 and more apart, and their classes."""
    angle = np.linspace(0, math.pi, n // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([upper, np.array([1.0, 0.5]) - upper]), np.repeat([0, 1], n // 2)
