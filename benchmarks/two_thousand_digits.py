"""Learned attack strengths for 2,000 training points: seconds, memory, accuracies, with a progress bar; Ctrl-C reports.

``OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/two_thousand_digits.py [STEPS]``
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.datasets import load_digits

from constructive import domain, tangent

Array = NDArray[np.float64]
KERNEL = tangent.ReluKernel(depth=3, weight_std=1.76, bias_std=0.18)
RADIUS, BOX, CLASSES = 0.1, domain.Box(np.full(64, -0.5), np.full(64, 0.5)), np.eye(10)


def images(rng: np.random.Generator) -> tuple[tuple[Array, NDArray[np.int64]], ...]:
    """Return 2,000 training, 400 held-out and 397 test digits with noise, from different images; right labels."""
    X, y = load_digits(return_X_y=True)
    order = rng.permutation(y.size)

    def drawn(rows: NDArray[np.int64], count: int) -> tuple[Array, NDArray[np.int64]]:
        chosen = rows[np.arange(count) % rows.size]
        return np.clip(X[chosen] / 16 - 0.5 + 0.05 * rng.normal(size=(count, 64)), -0.5, 0.5), y[chosen]

    return drawn(order[:1000], 2000), drawn(order[1000:1400], 400), drawn(order[1400:], y.size - 1400)


def wrong(y: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the labels with a tenth of them another class."""
    shift = np.zeros_like(y)
    rows = rng.choice(y.size, y.size // 10, replace=False)
    shift[rows] = rng.integers(1, 10, rows.size)
    return (y + shift) % 10


def main(steps: int) -> None:
    """Train the interpolant, early stopping and learned strengths; print what each took and is worth."""
    (X, y), (X_held, y_held), (Z, z) = images(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    data = X, CLASSES[wrong(y, rng)], X_held, CLASSES[wrong(y_held, rng)]
    ball: dict[str, Any] = {"radius": RADIUS, "box": BOX, "rng": 0}
    KERNEL.input_gradient(X[:2], X[:3], np.ones((2, 3)))  # compile before the clock runs

    def report(name: str, predictor: tangent.KernelPredictor, seconds: float, cpu: float) -> None:
        found = tangent.kernel_attack(predictor, Z, z, steps=20, starts=1, **ball)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{name}: clean {(found.clean > 0).mean():.3f}, under attack {1 - found.error:.3f}; {seconds:.1f} s, "
              f"{cpu:.1f} s of processors; at most {memory:.2f} GiB")

    def learned() -> tangent.KernelPredictor:
        with Progress() as bar:
            task = bar.add_task("learned strengths", total=steps)
            found = tangent.AdvNTK.train(KERNEL, *data, steps=steps, rate=0.3, **ball,
                                         progress=lambda done, _: bar.update(task, completed=done))
        print(f"{found.losses.size} steps{', interrupted' if found.interrupted else ''}")
        return found.predictor

    for name, train in (("interpolant", lambda: tangent.fit_interpolant(KERNEL, *data[:2])),
                        ("stopped early", lambda: tangent.stop_early(KERNEL, *data, **ball).predictor),
                        ("learned strengths", learned)):
        clock, cpu = time.perf_counter(), time.process_time()
        predictor = train()
        report(name, predictor, time.perf_counter() - clock, time.process_time() - cpu)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
