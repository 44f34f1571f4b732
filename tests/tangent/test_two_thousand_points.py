"""Learned strengths for two thousand digits: a few matrices of memory, progress, and Ctrl-C loses nothing."""

from __future__ import annotations

import signal
import tracemalloc
from typing import Any

import numpy as np
import pytest

from constructive.domain import Box
from constructive.tangent import AdvNTK, ReluKernel, kernel_attack

datasets = pytest.importorskip("sklearn.datasets")
pytestmark = pytest.mark.slow

N, HELD, STEPS = 2000, 300, 3
MATRICES = 18
"""Matrices of n^2 numbers held at once; 16 were seen, most of them divided differences of the exact gradient."""


def drawn() -> tuple[Any, ...]:
    """Return digits with noise, a tenth of the labels wrong, one column for each class; held-out ones from others."""
    rng = np.random.default_rng(0)
    images, digits = datasets.load_digits(return_X_y=True)
    order = rng.permutation(len(digits))

    def some(rows: Any, many: int) -> tuple[Any, Any]:
        chosen = rows[np.arange(many) % rows.size]
        X = np.clip(images[chosen] / 16 - 0.5 + 0.05 * rng.normal(size=(many, 64)), -0.5, 0.5)
        return X, np.eye(10)[np.where(rng.random(many) < 0.1, rng.integers(0, 10, many), digits[chosen])]

    return *some(order[:1200], N), *some(order[1200:], HELD)


def test_two_thousand_points_train_with_progress_in_a_few_matrices_and_ctrl_c_keeps_what_was_done() -> None:
    data, seen = drawn(), []
    box = Box([-0.5] * 64, [0.5] * 64)
    common: dict[str, Any] = {"radius": 0.1, "box": box, "rate": 0.5, "schedule": "constant", "rng": 0}

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == STEPS - 1:
            signal.raise_signal(signal.SIGINT)

    tracemalloc.start()
    stopped = AdvNTK.train(ReluKernel(3, 1.76, 0.18), *data, steps=STEPS, progress=progress, **common)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stopped.interrupted
    assert seen == [(k, STEPS) for k in range(1, STEPS)]
    assert peak <= MATRICES * 8 * N**2
    whole = AdvNTK.train(ReluKernel(3, 1.76, 0.18), *data, steps=STEPS - 1, **common)
    assert not whole.interrupted
    assert (stopped.strengths == whole.strengths).all()
    assert (stopped.losses == whole.losses).all()
    assert stopped.losses[1] < stopped.losses[0]
    found = kernel_attack(stopped.predictor, data[2][:50], data[3][:50].argmax(axis=1), 0.05, box=box, starts=0, rng=0)
    assert (found.clean > 0.0).mean() > 0.5
