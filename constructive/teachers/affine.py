"""The least squares affine teacher: one affine map, the simplest opinion off the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.labels import Labels
from constructive.network import Network
from constructive.teachers.teacher import Teacher

Array = NDArray[np.float64]


def fit_affine(X: Array, labels: Labels) -> Teacher:
    """Return ``x -> W x + b`` fitted by least squares: to +-1, to one-hot +-1 scores, or to real labels.

    X (n, d); minimum norm where the fit is not unique. Nonzeros: those of W and b. No error is stated.
    """
    wanted = labels.scores[:, None]
    if labels.outputs > 1:
        wanted = np.where(np.arange(labels.outputs) == labels.index[:, None], 1.0, -1.0)
    design = np.hstack([X, np.ones((X.shape[0], 1))])
    solution = np.linalg.lstsq(design, wanted, rcond=None)[0]
    weight, bias = solution[:-1].T, solution[-1]
    return Teacher(Network.build([(weight, bias)]), "affine map fitted by least squares",
                   int(np.count_nonzero(weight)) + int(np.count_nonzero(bias)))
