"""Small tasks with random features, drawn in the order of the package: weights, beta, points, noise."""

from __future__ import annotations

import numpy as np

from constructive.features.model import FeatureModel, Task, draw_task
from constructive.features.problem import AdversarialProblem


def drawn(seed: int, d: int, N: int, n: int, noise: float = 0.5) -> tuple[FeatureModel, Task]:
    rng = np.random.default_rng(seed)
    model = FeatureModel.draw(d, N, rng=rng)
    return model, draw_task(d, n, noise=noise, rng=rng)


def problem(seed: int, d: int, N: int, n: int, noise: float = 0.5) -> AdversarialProblem:
    model, task = drawn(seed, d, N, n, noise)
    return model.problem(task.X, task.y)
