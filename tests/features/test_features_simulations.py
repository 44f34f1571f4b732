"""Fits of 400 inputs and 1600 samples beside the limit: how near they are, and the curse in what is simulated."""

from __future__ import annotations

import numpy as np
import pytest
from random_feature_cases import drawn

from constructive.features import (
    adversarial_asymptotics,
    conditional_prediction,
    exact_risks,
    fit_problem,
)

INPUTS, SAMPLE_RATIO, NOISE, SEEDS = 400, 4, 0.5, 3
RADII, WIDTH_RATIOS = (0.1, 0.3, 0.5), (0.5, 1.0, 2.0, 3.0, 5.0)


def robust_risks(width_ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Return simulated risks and those predicted for the weights drawn, (seeds, radii) each."""
    found = np.empty((2, SEEDS, len(RADII)))
    for k in range(SEEDS):
        model, task = drawn(7000 + 100 * int(10 * width_ratio) + k, INPUTS, int(width_ratio * INPUTS),
                            SAMPLE_RATIO * INPUTS, NOISE)
        problem = model.problem(task.X, task.y)
        for j, radius in enumerate(RADII):
            fit = fit_problem(problem, radius=radius)
            assert fit.gap <= 1e-10
            found[0, k, j] = exact_risks(model, fit.theta, task.beta, noise=NOISE, radius=radius).adversarial
            found[1, k, j] = conditional_prediction(model.weights, task.beta, samples=SAMPLE_RATIO * INPUTS,
                                                    noise=NOISE, radius=radius).adversarial_risk
    return found[0], found[1]


@pytest.mark.slow
def test_robust_risks_of_four_hundred_inputs_are_near_the_limit_and_show_the_curse() -> None:
    means, near_limit, near_given = {}, [], []
    for width_ratio in WIDTH_RATIOS:
        simulated, given_weights = robust_risks(width_ratio)
        for j, radius in enumerate(RADII):
            limit = adversarial_asymptotics(width_ratio, SAMPLE_RATIO, NOISE, radius).adversarial_risk
            mean = means[width_ratio, radius] = float(simulated[:, j].mean())
            near_limit.append(abs(mean / limit - 1.0))
            near_given.append(abs(mean / given_weights[:, j].mean() - 1.0))
    assert np.median(near_limit) <= 0.015
    assert max(near_limit) <= 0.05
    assert np.median(near_given) <= 0.01
    assert max(near_given) <= 0.02
    assert means[2.0, 0.3] < means[3.0, 0.3] < means[5.0, 0.3]
    assert means[0.5, 0.5] < means[2.0, 0.5] < means[3.0, 0.5] < means[5.0, 0.5]
