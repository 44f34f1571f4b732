"""Predictors of infinitely wide networks: attacks below, movement over balls above, balls cut in pieces between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_points
from constructive.labels import clean_labels
from constructive.risk.found import Found
from constructive.risk.measurement import Measurement
from constructive.tangent import KernelPredictor, ReluKernel, certified_margins, kernel_robust_error

Array = NDArray[np.float64]

_ENTRIES = 1 << 22
"""Kernel values held at once."""


def predictor_of(model: Any) -> KernelPredictor | None:
    """Return the kernel predictor that the model is or carries, as what trains one does; None without one."""
    for held in (model, getattr(model, "predictor", None), getattr(model, "predictor_", None)):
        if isinstance(held, KernelPredictor):
            return held
    return None


def measure_predictor(predictor: KernelPredictor, X: ArrayLike, y: Any, size: float, norm: float, budget: int,
                      classes: Sequence[Any] | None, rng: np.random.Generator | int, who: str) -> Measurement:
    """Return the measurement of a kernel predictor: its real function, not the program, is what both sides speak of.

    One output answers two classes by its sign, C >= 2 outputs C classes. Raises TypeError for kernels other than
    ReluKernel, ValueError for l_1 balls, real labels, or another number of classes.
    """
    if not isinstance(predictor.kernel, ReluKernel):
        raise TypeError(f"{who}: certificates are proved for ReluKernel, the model has "
                        f"{type(predictor.kernel).__name__}; constructive.tangent.kernel_attack gives the lower end "
                        "alone")
    if norm == 1.0:
        raise ValueError(f"{who}: norm=1 must be 2 or inf for kernel predictors; l_2 balls of the same radius contain "
                         "the l_1 balls")
    points = as_points(X, who, dimension=predictor.X.shape[1])
    targets = _targets(y, points.shape[0], predictor.coefficients.shape[1], classes, who)
    found = Found.nothing(points)
    names = ("evaluated", "evaluated") if size == 0.0 else ("kernel bounds", "attacks")
    both = kernel_robust_error(predictor, points, targets, size, norm=norm, rng=rng)
    found.safe(np.flatnonzero(both.certified), names[0])
    broken = np.flatnonzero(both.broken)
    found.wrong(broken, both.points[broken], names[1])
    if size > 0.0:
        _by_pieces(found, predictor, points, targets, size, norm, budget)
    return Measurement(found.verdicts, found.witnesses, tuple(found.decided.items()), None, (0, 0), size, norm)


def _targets(y: Any, n: int, outputs: int, classes: Sequence[Any] | None, who: str) -> NDArray[np.int64]:
    """Return labels as the predictor means them: -1 and +1 for one output, 0, ..., C - 1 for C."""
    labels = clean_labels(y, n, who=who, classes=classes)
    if labels.classes is None:
        raise ValueError(f"{who}: kernel predictors are measured as classifiers, y holds real labels")
    if len(labels.classes) != max(outputs, 2) and not (outputs == 1 and len(labels.classes) == 1):
        raise ValueError(f"{who}: a predictor with {outputs} output{'s' * (outputs > 1)} answers {max(outputs, 2)} "
                         f"classes, y holds {labels.words}; pass classes= in the order of the outputs")
    return labels.scores.astype(np.int64) if outputs == 1 else labels.index


def _by_pieces(found: Found, predictor: KernelPredictor, points: Array, targets: NDArray[np.int64], size: float,
               norm: float, budget: int) -> None:
    """Enter points whose balls are covered by at most ``budget`` boxes, each proved right; only in few dimensions."""
    rest, d = found.rest, points.shape[1]
    sides = 1
    while (sides + 1) ** d <= budget:
        sides += 1
    if rest.size == 0 or sides == 1:
        return
    offsets = _cover(d, sides, norm)
    # the computed centers are off by a few units of the last place, which widens the boxes
    half = size / sides + 2.0**-50 * (float(np.abs(points[rest]).max()) + size)
    right = np.ones(rest.size, bool)
    step, total = max(1, _ENTRIES // predictor.X.shape[0]), rest.size * offsets.shape[0]
    for first in range(0, total, step):
        row, piece = np.divmod(np.arange(first, min(first + step, total)), offsets.shape[0])
        margins = certified_margins(predictor, points[rest[row]] + size * offsets[piece], targets[rest[row]], half,
                                    norm=math.inf)
        right[row[margins <= 0.0]] = False
    found.safe(rest[right], "pieces of balls")


def _cover(d: int, sides: int, norm: float) -> Array:
    """Return the centers (k, d) of the boxes of side 2 / ``sides`` that cover the unit ball."""
    grid = np.array(list(product((2.0 * np.arange(sides) + 1.0) / sides - 1.0, repeat=d)))
    if math.isinf(norm):
        return grid
    nearest = np.maximum(np.abs(grid) - 1.0 / sides, 0.0)
    return np.asarray(grid[np.linalg.norm(nearest, axis=1) <= 1.0 + 2.0**-40])
